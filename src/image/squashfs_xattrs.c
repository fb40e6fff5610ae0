#include "image/squashfs_own.h"

bool kl_squashfs_xattr_sets(struct kl_squashfs *s, uint32_t *n)
{
    (void)s;
    *n = 0;
    return false;
}
