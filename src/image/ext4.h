/* ext4 (ext2, ext3) through libext2fs, on blocks of ours instead of a device. */
#ifndef KL_IMAGE_EXT4_H
#define KL_IMAGE_EXT4_H

#include "image/cow.h"
#include "image/patch.h"

bool kl_is_ext4(const struct kl_reader *r); /* quietly: 53 EF at 1080 */

/* For looking; everything borrowed but the result. NULL after it was reported. kl_ext4_close ends
 * it; nodes live in `a`. */
struct kl_fs *kl_ext4_open(struct kl_arena *a, struct kl_cow *cow, struct kl_fault_log *log);
void kl_ext4_close(struct kl_fs *fs);

/* Applies a patch to the blocks. What is refused before anything is written: a filesystem that is
 * not clean, needs its journal replayed, has errors, or features that are not known; too few free
 * blocks or inodes (needed and free are named). On false the cow must be thrown away. */
bool kl_ext4_patch(
    struct kl_arena *a, struct kl_cow *cow, struct kl_fault_log *log, struct kl_patch *p);

/* What `kickline image inspect` shows. */
struct kl_ext4_info {
    uint32_t block_size;
    uint64_t blocks, free_blocks, inodes, free_inodes;
    const char *label, *features; /* "has_journal ext_attr ... metadata_csum" */
    bool clean;
};
void kl_ext4_info(const struct kl_fs *fs, struct kl_arena *a, struct kl_ext4_info *out);

#endif
