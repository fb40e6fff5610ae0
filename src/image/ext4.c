#include "image/ext4.h"

bool kl_is_ext4(const struct kl_reader *r)
{
    (void)r;
    return false;
}
struct kl_fs *kl_ext4_open(struct kl_arena *a, struct kl_cow *cow, struct kl_fault_log *log)
{
    (void)a;
    (void)cow;
    (void)log;
    return NULL;
}
void kl_ext4_close(struct kl_fs *fs)
{
    (void)fs;
}
void kl_ext4_info(const struct kl_fs *fs, struct kl_arena *a, struct kl_ext4_info *out)
{
    (void)fs;
    (void)a;
    (void)out;
}
