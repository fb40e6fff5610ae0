/* EROFS (linux/fs/erofs/erofs_fs.h): read whole, patched by appending.
 *
 * New data and inodes go after the old end, directory entries are pointed at them, and the
 * superblock says the new size; nothing else moves. What cannot be done safely that way is refused,
 * and the message names the alternative. */
#ifndef KL_IMAGE_EROFS_H
#define KL_IMAGE_EROFS_H

#include "image/codec.h"
#include "image/patch.h"

bool kl_is_erofs(const struct kl_reader *r); /* quietly: E0F5E1E2 at 1024 */

struct kl_erofs_info {
    uint32_t block_size;
    uint64_t blocks, inodes;
    const char *features; /* names of the incompatible ones, one blank between: "lz4_0padding" */
    const char *codecs;   /* "lz4", "lzma", "none" */
    uint8_t uuid[16];
    const char *label;
};

/* Everything borrowed. NULL after it was reported. */
struct kl_fs *kl_erofs_open(
    struct kl_arena *a, const struct kl_rope *image, struct kl_fault_log *log);
void kl_erofs_close(struct kl_fs *fs);
void kl_erofs_info(const struct kl_fs *fs, struct kl_arena *a, struct kl_erofs_info *out);
/* A file of it as bytes at any offset, for what lies nested in it. Lives as long as `fs`. */
struct kl_reader kl_erofs_file(struct kl_fs *fs, const struct kl_node *file);
/* A new rope, the caller's; NULL after it was reported. */
struct kl_rope *kl_erofs_patch(struct kl_fs *fs, struct kl_patch *p);

#endif
