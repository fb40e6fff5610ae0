/* What the files that read squashfs share: what is kept of the image while it is open. */
#ifndef KL_IMAGE_SQUASHFS_IN_H
#define KL_IMAGE_SQUASHFS_IN_H

#include "image/squashfs_own.h"

enum {
    SQ_META = 8192,            /* a metadata block, unpacked */
    SQ_SUPER = 96,             /* the superblock */
    SQ_META_RAW = 1 << 15,     /* in a metadata block's head: it is not packed */
    SQ_META_KEPT = 64,         /* unpacked metadata blocks that are kept: 512 KiB */
    SQ_DATA_KEPT = 4 << 20,    /* bytes of unpacked data blocks that are kept */
    SQ_DATA_SLOTS = 32,        /* and how many blocks that may be */
    SQ_NODES_MOST = 2 << 20,   /* files and directories of an image; one has 20 to 60 thousand */
    SQ_LISTS_MOST = 64 << 20,  /* bytes of block lists: 2 TiB in blocks of 128 KiB */
    SQ_XATTRS_MOST = 64 << 20, /* bytes of extended attributes */
    SQ_TARGET_MOST = 4096,     /* a symbolic link's target (linux/fs/squashfs: PAGE_SIZE) */
};

#define SQ_DAMAGED "it is damaged: fetch it again and compare its checksum"

struct sq_meta {
    uint64_t at, next; /* where it lies, and the one after it */
    uint64_t used;     /* when it was last asked for; 0: the slot is empty */
    size_t n;
    unsigned char *bytes;
};

struct sq_block {
    uint64_t at, used;
    uint32_t word; /* its size as the list has it */
    size_t n;
    unsigned char *bytes;
};

/* Things known by a number: inodes by ref, sets of xattrs by index. Open addressing. */
struct sq_map {
    struct sq_entry {
        uint64_t key;
        void *value; /* NULL: empty */
    } * slots;
    size_t n, room;
};
void *sq_map_get(const struct sq_map *m, uint64_t key);
void sq_map_put(struct sq_map *m, uint64_t key, void *value);

struct sq_cache {
    uint64_t clock;
    struct sq_meta meta[SQ_META_KEPT];
    struct sq_block blocks[SQ_DATA_SLOTS];
    unsigned char *packed; /* block_size bytes: what is being unpacked */
    struct sq_map inodes;  /* by ref: struct sq_inode, of directories and of what has hard links */
    size_t nodes, nodes_most;
    uint64_t lists, lists_most;
    /* The file that was read last: where every STEPth block of it lies. */
    const struct kl_squashfs_inode *file;
    uint64_t *marks;
    /* Extended attributes. */
    uint64_t xattr_start; /* 0: none */
    uint32_t xattr_count;
    uint64_t xattr_bytes;
    struct sq_map xattr_sets;
};

static inline struct sq_cache *sq_cache(struct kl_squashfs *s)
{
    return s->cache;
}

/* Who is told from now on; returns who was. */
struct kl_fault_log *sq_log(struct kl_squashfs *s, struct kl_fault_log *log);

/* A metadata block, kept; NULL after it was reported. It stands until the next call. */
const struct sq_meta *sq_meta_at(struct kl_squashfs *s, uint64_t at);

/* squashfs_tree.c: the tree's root; false after it was reported. */
bool sq_tree_open(struct kl_squashfs *s);
/* squashfs_data.c */
bool sq_read(struct kl_fs *fs, const struct kl_node *file, uint64_t at, void *to, size_t n);
void sq_data_close(struct kl_squashfs *s);
/* squashfs_xattr_read.c: the table's head, and kl_fs.read_xattrs. */
bool sq_xattr_open(struct kl_squashfs *s);
bool sq_xattr_read(struct kl_fs *fs, struct kl_node *n);

#endif
