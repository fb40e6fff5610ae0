#include "image/initrd.h"

bool kl_is_initrd(const struct kl_reader *r)
{
    (void)r;
    return false;
}
struct kl_initrd *kl_initrd_open(struct kl_arena *a, const struct kl_rope *image,
    struct kl_fault_log *log, const struct kl_initrd_options *options)
{
    (void)a;
    (void)image;
    (void)log;
    (void)options;
    return NULL;
}
void kl_initrd_close(struct kl_initrd *i)
{
    (void)i;
}
struct kl_fs *kl_initrd_fs(struct kl_initrd *i)
{
    (void)i;
    return NULL;
}
size_t kl_initrd_segments(const struct kl_initrd *i)
{
    (void)i;
    return 0;
}
const struct kl_segment *kl_initrd_segment(const struct kl_initrd *i, size_t n)
{
    (void)i;
    (void)n;
    return NULL;
}
size_t kl_initrd_segment_of(const struct kl_initrd *i, const struct kl_node *n)
{
    (void)i;
    (void)n;
    return 0;
}
