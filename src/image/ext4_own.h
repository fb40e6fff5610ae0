/* What the ext4 reader and writer share.
 *
 * Looking is done here, byte by byte: libext2fs trusts an image more than one from anywhere
 * deserves (an extent tree whose nodes point at each other keeps its iterator busy for ages, and a
 * POSIX ACL of four bytes makes it read past the end). libext2fs writes, after this reader has
 * gone over what it will touch. Fields and their offsets: linux/Documentation/filesystems/ext4,
 * e2fsprogs 1.47 lib/ext2fs/ext2_fs.h.
 */
#ifndef KL_IMAGE_EXT4_OWN_H
#define KL_IMAGE_EXT4_OWN_H

#include "image/ext4.h"

enum {
    KL_EXT4_SUPER = 1024,      /* where the superblock is, and its size */
    KL_EXT4_INODE_MOST = 4096, /* bytes of an inode; 256 is what mke2fs makes */
    KL_EXT4_ROOT = 2,
    KL_EXT4_IBLOCK = 0x28, /* the 60 bytes of an inode that map it */
    KL_EXT4_IBLOCK_LEN = 60,
    /* s_feature_compat */
    KL_EXT4_HAS_JOURNAL = 0x4,
    KL_EXT4_EXT_ATTR = 0x8,
    KL_EXT4_SPARSE_SUPER2 = 0x200,
    KL_EXT4_ORPHAN_FILE = 0x1000,
    /* s_feature_incompat */
    KL_EXT4_FILETYPE = 0x2,
    KL_EXT4_RECOVER = 0x4,
    KL_EXT4_JOURNAL_DEV = 0x8,
    KL_EXT4_META_BG = 0x10,
    KL_EXT4_EXTENTS = 0x40,
    KL_EXT4_64BIT = 0x80,
    KL_EXT4_MMP = 0x100,
    KL_EXT4_EA_INODE = 0x400,
    KL_EXT4_INLINE_DATA = 0x8000,
    KL_EXT4_ENCRYPT = 0x10000,
    KL_EXT4_CASEFOLD = 0x20000,
    /* s_feature_ro_compat */
    KL_EXT4_SPARSE_SUPER = 0x1,
    KL_EXT4_QUOTA = 0x100,
    KL_EXT4_BIGALLOC = 0x200,
    KL_EXT4_METADATA_CSUM = 0x400,
    KL_EXT4_READONLY = 0x1000,
    KL_EXT4_PROJECT = 0x2000,
    KL_EXT4_SHARED_BLOCKS = 0x4000,
    KL_EXT4_VERITY = 0x8000,
    KL_EXT4_ORPHAN_PRESENT = 0x10000,
};

/* i_flags */
#define KL_EXT4_ENCRYPT_FL 0x800u
#define KL_EXT4_INDEX_FL 0x1000u
#define KL_EXT4_EXTENTS_FL 0x80000u
#define KL_EXT4_VERITY_FL 0x100000u
#define KL_EXT4_EA_INODE_FL 0x200000u
#define KL_EXT4_INLINE_FL 0x10000000u
#define KL_EXT4_KEPT_FL (0x10u | 0x20u) /* immutable, append-only */

struct kl_ext4 {
    struct kl_cow *cow;
    struct kl_fault_log *log;
    unsigned char super[KL_EXT4_SUPER];
    uint32_t compat, incompat, ro_compat;
    uint32_t block; /* bytes */
    uint64_t blocks;
    uint32_t first_data, blocks_per_group, groups;
    uint32_t inodes, inodes_per_group;
    uint32_t inode_size, desc_size;
    uint64_t nodes;      /* made so far */
    uint64_t kept;       /* bytes of targets and attributes so far */
    unsigned char *dirs; /* a bit for each inode: it was met as a directory */
};

struct kl_ext4_inode {
    uint32_t ino;
    uint64_t where; /* its byte in the image */
    unsigned char b[KL_EXT4_INODE_MOST];
};

/* Reads and checks the superblock. False after it was reported. */
bool kl_ext4_super(struct kl_ext4 *e, struct kl_cow *cow, struct kl_fault_log *log);
struct kl_ext4 *kl_ext4_of(const struct kl_fs *fs);
/* The first feature of a set that has a name, or that has none: "bigalloc", "feature 0x40000". */
const char *kl_ext4_feature(struct kl_arena *a, char set, uint32_t features);
bool kl_ext4_inode(struct kl_ext4 *e, uint64_t ino, struct kl_ext4_inode *out);
uint64_t kl_ext4_inode_size(const struct kl_ext4 *e, const struct kl_ext4_inode *i);

static inline uint16_t kl_ext4_mode(const struct kl_ext4_inode *i)
{
    return kl_le16(i->b);
}
static inline uint32_t kl_ext4_flags(const struct kl_ext4_inode *i)
{
    return kl_le32(i->b + 0x20);
}

/* --- ext4_map.c --------------------------------------------------------------------------------*/

struct kl_ext4_run {
    uint64_t at;    /* the first block, in the image; 0: a hole, or blocks that read as zeros */
    uint64_t n;     /* how many follow on, never 0 */
    bool unwritten; /* they are allocated all the same */
};
/* Where block `at` of a file lies. */
bool kl_ext4_map(
    struct kl_ext4 *e, const struct kl_ext4_inode *i, uint64_t at, struct kl_ext4_run *out);
/* Bytes of a file, directory or symbolic link: a range within its size. */
bool kl_ext4_read(
    struct kl_ext4 *e, const struct kl_ext4_inode *i, uint64_t at, void *to, size_t n);
/* Goes over all that maps an inode, so that what is written by it cannot go astray; counts the
 * blocks, those of the map with them. */
bool kl_ext4_check_map(struct kl_ext4 *e, const struct kl_ext4_inode *i, uint64_t *blocks);

/* --- ext4_xattr.c ------------------------------------------------------------------------------*/

bool kl_ext4_xattrs(struct kl_ext4 *e, const struct kl_ext4_inode *i, struct kl_arena *a,
    struct kl_xattr **out, size_t *n);
/* What is left of inline data after i_block; `len` 0 when nothing is. */
bool kl_ext4_inline_rest(
    struct kl_ext4 *e, const struct kl_ext4_inode *i, const unsigned char **rest, size_t *len);

/* --- ext4_io.c ---------------------------------------------------------------------------------*/

struct struct_io_manager;
/* libext2fs's way to the blocks: to be opened by the name that kl_ext4_io_name() gives a cow. */
extern struct struct_io_manager kl_ext4_io;
enum { KL_EXT4_IO_NAME = 32 };
const char *kl_ext4_io_name(struct kl_cow *cow, char out[static KL_EXT4_IO_NAME]);

#endif
