#include "image/squashfs_own.h"

uint64_t kl_meta_ref(const struct kl_meta_out *m)
{
    return (uint64_t)m->out->len << 16 | m->n;
}
bool kl_meta_add(struct kl_meta_out *m, const void *bytes, size_t n)
{
    (void)m;
    (void)bytes;
    (void)n;
    return false;
}
bool kl_meta_end(struct kl_meta_out *m)
{
    (void)m;
    return false;
}
void kl_squashfs_super_put(const struct kl_squashfs_super *s, unsigned char out[static 96])
{
    (void)s;
    (void)out;
}
