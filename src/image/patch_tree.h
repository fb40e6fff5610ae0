/* An image's tree as it is while a patch is laid over it: nodes of the image where nothing changed,
 * and what the patch has put or taken away so far.
 *
 * A spot is one name in one directory. Spots are made for names that a patch touches or walks
 * through and for no others, so the cost is the patch's and not the image's.
 */
#ifndef KL_IMAGE_PATCH_TREE_H
#define KL_IMAGE_PATCH_TREE_H

#include "image/patch.h"

struct kl_spot {
    struct kl_spot *parent; /* NULL: the root */
    struct kl_spot *next;   /* in its chain of the table of names */
    const char *name;
    size_t id;
    struct kl_node *old; /* what the image has here; NULL: nothing */
    bool removed;        /* the patch takes `old` away ... */
    bool under;          /* ... or one of the directories that it lies in */

    bool live; /* something is here */
    bool put;  /* and the patch put it here */
    enum kl_node_kind kind;
    const char *target;             /* of a symbolic link */
    struct kl_node *dir;            /* the image's directory whose names are still seen here */
    const struct kl_change *change; /* that put it; NULL: the image's, or a directory on the way */
    size_t inside;                  /* how many spots that were put lie here */

    /* Once settled (patch_plan.c): */
    const char *path;
    uint16_t mode;
    uint32_t uid, gid;
    const struct kl_xattr *label; /* security.selinux, for what is made in here; may be NULL */
    bool label_known;
};

struct kl_spot_tree {
    struct kl_fs *fs;
    struct kl_arena *a;
    struct kl_spot **table; /* by parent and name */
    size_t size;            /* of the table: a power of two */
    struct kl_spot **all;   /* in the order of making: parents first */
    size_t n;
    struct kl_spot *root;
};

void kl_spots_begin(struct kl_spot_tree *t, struct kl_fs *fs, struct kl_arena *a);

/* How a change's path is walked, as kl_fs_find does it. */
enum kl_spot_way {
    KL_SPOT_LOOK, /* `*out` is NULL when it, or a directory on the way, is not there */
    KL_SPOT_MAKE, /* directories on the way are made; `*out` need not be live */
};
/* False, reported. A directory's last name is followed, for a patch's /lib/x means what the image
 * has there even when /lib is a link; that of others is not. */
bool kl_spot_find(
    struct kl_spot_tree *t, const struct kl_change *c, enum kl_spot_way way, struct kl_spot **out);

/* Puts a node of this kind at a spot that is not live, or over one that is no directory. */
void kl_spot_put(struct kl_spot *s, enum kl_node_kind kind, const struct kl_change *c);
/* Takes away what an earlier change put, and directories that were made for nothing else. */
void kl_spot_unput(struct kl_spot *s);
/* Marks what lies below spots that are removed. */
void kl_spots_sink(struct kl_spot_tree *t);

/* The order of paths in which a directory comes right before what is in it. */
int kl_path_order(const char *a, const char *b);
const char *kl_spot_path(struct kl_arena *a, const struct kl_spot *s); /* "" the root */

#endif
