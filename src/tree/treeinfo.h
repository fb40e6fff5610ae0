/* An unpacked distribution, known by its .treeinfo (productmd, lorax), .discinfo and what lies in
 * it: docs/releases.md, "Recognising a tree". */
#ifndef KL_TREE_TREEINFO_H
#define KL_TREE_TREEINFO_H

#include "base/arena.h"
#include "base/diag.h"
#include "tree/release.h"

struct kl_tree {
    const char *dir, *family, *version, *arch;
    const char *kernel, *initrd, *mainimage; /* paths within the tree; NULL when not said */
    const struct kl_release *release; /* NULL when the tree does not say enough (CentOS says "7") */
};

/* Reads DIR/.treeinfo (or DIR/treeinfo), and DIR/.discinfo for what that leaves open. False with
 * an error in `d` when there is none or it cannot be read. */
bool kl_tree_read(struct kl_arena *a, const char *dir, struct kl_tree *out, struct kl_diags *d);

/* The release of a product as .buildstamp, os-release and .treeinfo name it ("CentOS Linux", "7").
 * Where they leave the minor version open, the versions of what runs in it tell ("033-572.el7");
 * each may be NULL. NULL when it is none that is known, or more than one. */
const struct kl_release *kl_release_of_product(struct kl_arena *a, const char *product,
    const char *version, const char *anaconda, const char *dracut);

#endif
