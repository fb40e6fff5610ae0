/* What the parts of a patch say to each other, and to nobody else. */
#ifndef KL_IMAGE_PATCH_OWN_H
#define KL_IMAGE_PATCH_OWN_H

#include "image/patch.h"

const char *kl_change_from(const struct kl_change *c); /* never NULL */

/* `path` without leading slashes, "." and empty names; "" for the root. NULL for one that cannot
 * be, with what it does in `why`: "goes up with '..'". */
const char *kl_patch_normal(struct kl_arena *a, const char *path, const char **why);

/* A file of this machine as the content, which is the caller's to drop, and mode of `c`: 0755 when
 * its owner may execute it, else -1. False, reported. */
bool kl_patch_host_file(struct kl_patch *p, const char *path, struct kl_change *c);

#endif
