#include "image/erofs.h"

bool kl_is_erofs(const struct kl_reader *r)
{
    (void)r;
    return false;
}
struct kl_fs *kl_erofs_open(
    struct kl_arena *a, const struct kl_rope *image, struct kl_fault_log *log)
{
    (void)a;
    (void)image;
    (void)log;
    return NULL;
}
void kl_erofs_close(struct kl_fs *fs)
{
    (void)fs;
}
void kl_erofs_info(const struct kl_fs *fs, struct kl_arena *a, struct kl_erofs_info *out)
{
    (void)fs;
    (void)a;
    (void)out;
}
struct kl_reader kl_erofs_file(struct kl_fs *fs, const struct kl_node *file)
{
    (void)fs;
    (void)file;
    return (struct kl_reader){0};
}
