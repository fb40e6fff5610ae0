/* What a tree says of its images: the checksums in its .treeinfo, and the one implanted in an ISO.
 */
#ifndef KL_IMAGE_TREE_SUMS_H
#define KL_IMAGE_TREE_SUMS_H

#include "image/rope.h"
#include "base/arena.h"
#include "base/diag.h"

struct kl_sum {
    const char *path;           /* as [checksums] names it: "images/install.img" */
    const struct kl_rope *rope; /* what is there now */
};

/* The .treeinfo `text` with the checksums of these files made true, every other byte kept (also
 * where a path is named twice, and its form: sha256:HEX). A file that has no checksum gets none.
 * In `a`. A kind of checksum that is not known is an error: it would be left wrong. NULL then. */
char *kl_treeinfo_with(struct kl_arena *a, const char *name, const char *text, size_t len,
    const struct kl_sum *sums, size_t n, size_t *out_len, struct kl_diags *d);

/* The checksum that implantisomd5 (isomd5sum) writes into an ISO's volume descriptor. */
enum kl_isomd5 {
    KL_ISOMD5_NOT_ISO,
    KL_ISOMD5_NONE,
    KL_ISOMD5_GOOD,
    KL_ISOMD5_BAD,
    KL_ISOMD5_UNREAD
};
struct kl_iso {
    char volume[33];
    char md5[33];         /* as implanted */
    uint64_t skip;        /* sectors at the end that it does not count */
    enum kl_isomd5 state; /* KL_ISOMD5_UNREAD: implanted, and not verified */
};
/* Reads what is implanted; with `verify`, reads the whole ISO, too. */
void kl_iso_read(const struct kl_rope *iso, bool verify, struct kl_iso *out);

#endif
