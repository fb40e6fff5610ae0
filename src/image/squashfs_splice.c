#include "image/squashfs_own.h"

struct kl_rope *kl_squashfs_splice(struct kl_squashfs *s, const struct kl_node *file,
    struct kl_cow *cow, void (*progress)(void *arg, uint64_t done, uint64_t of), void *arg)
{
    (void)s;
    (void)file;
    (void)cow;
    (void)progress;
    (void)arg;
    return NULL;
}
