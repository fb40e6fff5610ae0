/* What the files that write squashfs metadata share: one image being written. */
#ifndef KL_IMAGE_SQUASHFS_PUT_H
#define KL_IMAGE_SQUASHFS_PUT_H

#include "image/squashfs_own.h"

/* The superblock's flags (squashfs-tools/squashfs_fs.h). */
enum {
    KL_SQUASHFS_RAW_INODES = 0x1, /* and directories */
    KL_SQUASHFS_RAW_DATA = 0x2,
    KL_SQUASHFS_RAW_FRAGMENTS = 0x8,
    KL_SQUASHFS_NO_FRAGMENTS = 0x10,
    KL_SQUASHFS_EXPORTABLE = 0x80,
    KL_SQUASHFS_RAW_XATTRS = 0x100,
    KL_SQUASHFS_NO_XATTRS = 0x200,
    KL_SQUASHFS_RAW_IDS = 0x800,
};

#define KL_SQUASHFS_NO_INDEX UINT32_MAX /* of a fragment, of a set of attributes */

/* Owners and groups: inodes say an index into one table of both. */
struct kl_squashfs_ids {
    struct kl_buf list; /* le32 each, as the image has it */
    size_t n;
    uint32_t *slots; /* index + 1 of the id that hashes to here; 0: none */
    size_t nslots;   /* a power of two */
};

struct kl_squashfs_put {
    struct kl_squashfs *s;
    struct kl_fs *fs;
    struct kl_buf inode_table, directory_table; /* packed */
    struct kl_meta_out inodes, directories;
    struct kl_squashfs_ids ids;
    struct kl_buf exports; /* le64 each: the inode of number i + 1 */
    uint32_t count;        /* inodes */
    size_t nfragments;
    uint64_t xattr_sets;
};

static inline struct kl_squashfs_inode *kl_squashfs_own(const struct kl_node *n)
{
    return n->own;
}

/* squashfs_inodes.c: each inode once, numbered, children before their directory. */
bool kl_squashfs_put_tree(struct kl_squashfs_put *p);

/* squashfs_dirs.c: the listing, which dir_block, dir_offset and dir_size of its inode then name;
 * `index` gets the directory's index as it stands behind its inode, of *nindex entries. */
bool kl_squashfs_put_listing(
    struct kl_squashfs_put *p, const struct kl_node *dir, struct kl_buf *index, uint16_t *nindex);

/* squashfs_xattrs.c: all sets, as they lie from byte `at` of the new image on; *table is the
 * superblock's pointer. Nothing and KL_SQUASHFS_NONE when there are none. */
bool kl_squashfs_put_xattrs(struct kl_squashfs *s, const struct kl_squashfs_xattrs *more,
    uint64_t at, struct kl_rope *out, uint64_t *table);

/* squashfs_write.c: a table of `n` bytes as metadata blocks, and behind them the array of where
 * those are, which *table points to; `base` is where `out` will lie in the image. */
bool kl_squashfs_put_table(struct kl_squashfs *s, const void *bytes, size_t n, bool raw,
    uint64_t base, struct kl_buf *out, uint64_t *table);

/* "cannot be packed", the encoder's own failure; false. */
bool kl_squashfs_not_packed(struct kl_squashfs *s);

#endif
