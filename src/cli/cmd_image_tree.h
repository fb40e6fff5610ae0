/* kickline image patch --tree: the image of a tree, and the .treeinfo that speaks of it. */
#ifndef KL_CLI_CMD_IMAGE_TREE_H
#define KL_CLI_CMD_IMAGE_TREE_H

#include "cli/cmd_image.h"

struct kl_image_tree {
    const char *dir, *path;  /* the tree, and the image within it */
    const char *file;        /* both together */
    const char *info, *text; /* "DIR/.treeinfo" and what it says */
    size_t len;
};

/* `image` is "initrd", "stage2" or a path within `dir`. False after it was reported. */
bool kl_image_tree_open(
    struct kl_image_job *j, const char *dir, const char *image, struct kl_image_tree *out);
/* The tree's .treeinfo with the patched image's checksum, as a rope; NULL after it was reported. */
struct kl_rope *kl_image_tree_info(
    struct kl_image_job *j, const struct kl_image_tree *t, const struct kl_rope *patched);
/* A new tree at `out`: the patched image, its .treeinfo, and every other file of `t` as a hard link
 * (a copy, where that cannot be). Whole or not at all. */
bool kl_image_tree_write(struct kl_image_job *j, const struct kl_image_tree *t,
    const struct kl_rope *patched, const struct kl_rope *info, const char *out);
/* Says where else in the tree the image's old bytes are: isolinux's copy, boot.iso. */
void kl_image_tree_copies(struct kl_image_job *j, const struct kl_image_tree *t);

#endif
