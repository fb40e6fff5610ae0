#include "image/initrd.h"

struct kl_rope *kl_initrd_patch(struct kl_initrd *i, struct kl_patch *p)
{
    (void)i;
    (void)p;
    return NULL;
}
struct kl_rope *kl_initrd_overlay(struct kl_initrd *i, struct kl_patch *p)
{
    (void)i;
    (void)p;
    return NULL;
}
