/* squashfs 4.0 (linux/fs/squashfs/squashfs_fs.h): read, and patched by keeping every old block.
 *
 * Both ways of patching give a rope in which all that is not changed is a range of the old image:
 * - kl_squashfs_splice(): a file in it has changed blocks (LiveOS/rootfs.img). A file's blocks lie
 *   in one run whose list says sizes only, so changed blocks are spliced in, what lies behind them
 *   moves, and all that says where moved things are is written anew.
 * - kl_squashfs_patch(): a flat one. Old data stays where it is; new data follows it, then all
 *   metadata, written anew.
 */
#ifndef KL_IMAGE_SQUASHFS_H
#define KL_IMAGE_SQUASHFS_H

#include "image/codec.h"
#include "image/cow.h"
#include "image/patch.h"

struct kl_squashfs_super {
    uint32_t inodes, mkfs_time, block_size, fragments;
    uint16_t codec_id, block_log, flags, ids, major, minor;
    uint64_t root_inode, bytes_used, id_table, xattr_table, inode_table, directory_table,
        fragment_table, export_table; /* KL_SQUASHFS_NONE where there is none */
};
#define KL_SQUASHFS_NONE UINT64_MAX

/* An inode as it stands in the table, its block list with it: kl_node.own of every node. */
struct kl_squashfs_inode {
    uint64_t ref;  /* block offset << 16 | offset in the unpacked block, from inode_table */
    uint16_t type; /* 1..14 */
    uint32_t number;
    uint32_t xattr; /* index, or UINT32_MAX */
    uint32_t names; /* the writer's: how many it is found under */
    /* files: */
    uint64_t blocks_start, size, sparse;
    uint32_t fragment, fragment_offset; /* UINT32_MAX: none */
    uint32_t *blocks;                   /* size | KL_SQUASHFS_RAW; 0: a hole */
    size_t nblocks;
    /* directories: */
    uint32_t dir_block, dir_size, dir_parent;
    uint16_t dir_offset;
};
enum { KL_SQUASHFS_RAW = 1 << 24 };

struct kl_squashfs;

bool kl_is_squashfs(const struct kl_reader *r); /* quietly, by its magic */

/* Everything borrowed. NULL after it was reported. */
struct kl_squashfs *kl_squashfs_open(
    struct kl_arena *a, const struct kl_rope *image, struct kl_fault_log *log);
void kl_squashfs_close(struct kl_squashfs *s);
struct kl_fs *kl_squashfs_fs(struct kl_squashfs *s);
const struct kl_squashfs_super *kl_squashfs_super(const struct kl_squashfs *s);
/* The options block as it stands, and the encoder that it asks for. */
const struct kl_pack_options *kl_squashfs_packing(const struct kl_squashfs *s);
bool kl_squashfs_has_bcj(const struct kl_squashfs *s);
/* A file of it as bytes at any offset; a few blocks are kept. Lives as long as `s`. */
struct kl_reader kl_squashfs_file(struct kl_squashfs *s, const struct kl_node *file);

/* `cow` has `file` (of this image) as its base, in blocks of its block size; its changed blocks are
 * packed as the image's are, every other byte is taken over. A new rope, the caller's; NULL after
 * it was reported. No changed block: the image itself. `progress` may be NULL; it gets (arg, done,
 * of) in blocks packed. */
struct kl_rope *kl_squashfs_splice(struct kl_squashfs *s, const struct kl_node *file,
    struct kl_cow *cow, void (*progress)(void *arg, uint64_t done, uint64_t of), void *arg);

struct kl_rope *kl_squashfs_patch(struct kl_squashfs *s, struct kl_patch *p,
    void (*progress)(void *arg, uint64_t done, uint64_t of), void *arg);

#endif
