/* What the files squashfs_*.c share and nobody else needs. */
#ifndef KL_IMAGE_SQUASHFS_OWN_H
#define KL_IMAGE_SQUASHFS_OWN_H

#include "base/text.h"
#include "image/squashfs.h"

struct kl_squashfs {
    struct kl_arena *a;
    const struct kl_rope *image;
    struct kl_reader in;
    struct kl_fault_log *log;
    struct kl_squashfs_super super;
    struct kl_pack_options packing;
    bool bcj;
    uint64_t data_start; /* after superblock and options */
    uint32_t *ids;
    struct kl_squashfs_fragment {
        uint64_t start;
        uint32_t size; /* with KL_SQUASHFS_RAW */
    } * fragments;
    struct kl_fs fs;
    void *cache; /* squashfs_read.c's own */
};

/* One unpacked metadata block of at most 8192 bytes, that begins at byte `at` of the image; *next
 * is where the one after it begins. False after it was reported. */
bool kl_squashfs_metablock(
    struct kl_squashfs *s, uint64_t at, unsigned char out[static 8192], size_t *n, uint64_t *next);
/* `n` bytes of a metadata run that begins with the block at `table`, from block offset `block`
 * (relative to table) and `offset` in it; moves both on. */
bool kl_squashfs_meta_read(struct kl_squashfs *s, uint64_t table, uint64_t *block, size_t *offset,
    void *to, size_t n, const char *what);

/* A run of metadata being written: bytes go in, packed blocks come out. */
struct kl_meta_out {
    const struct kl_pack_options *packing;
    bool raw;           /* the superblock says that metadata is not packed */
    struct kl_buf *out; /* what is packed so far */
    unsigned char held[8192];
    size_t n;
};
/* Where the next byte will be: out->len << 16 | n. */
uint64_t kl_meta_ref(const struct kl_meta_out *m);
bool kl_meta_add(struct kl_meta_out *m, const void *bytes, size_t n);
bool kl_meta_end(struct kl_meta_out *m); /* packs what is held */

/* The superblock, 96 bytes. */
void kl_squashfs_super_put(const struct kl_squashfs_super *s, unsigned char out[static 96]);

/* Sets of extended attributes that the old image has not: set `i` of them is index
 * kl_squashfs_xattr_sets() + i of the new one. */
struct kl_squashfs_xattrs {
    struct kl_squashfs_xattr_set {
        const struct kl_xattr *xattrs; /* sorted by name */
        size_t n;
    } * sets;
    size_t n;
};
/* How many sets the image has; false after it was reported. */
bool kl_squashfs_xattr_sets(struct kl_squashfs *s, uint32_t *n);

/* A new image: superblock, options, `data`, and all metadata written anew from the nodes.
 *
 * `fs` is the tree as it shall be, every directory opened; kl_node.own of each node is its
 * kl_squashfs_inode, in which blocks_start, blocks, fragment, size, sparse and xattr are as they
 * shall be in the new image. What lies in it besides is computed: ref, number, type, dir_* and
 * names, so the tree can be read no more afterwards. Hard links share one kl_squashfs_inode, and
 * what their first name says of mode, owner and time is written; a directory's nlink is its
 * node's, a file's is counted. `data` is what lies between data_start and the metadata;
 * `fragments` as they lie in it. `xattrs` may be NULL. NULL after it was reported. */
struct kl_rope *kl_squashfs_write(struct kl_squashfs *s, struct kl_fs *fs,
    const struct kl_rope *data, const struct kl_squashfs_fragment *fragments, size_t nfragments,
    const struct kl_squashfs_xattrs *xattrs);

#endif
