/* The steps of a patch, done in an ext4 filesystem by libext2fs. */
#ifndef KL_IMAGE_EXT4_WRITE_H
#define KL_IMAGE_EXT4_WRITE_H

#include "image/ext4_own.h"

#include <ext2fs/ext2fs.h>

struct kl_ext4_write {
    struct kl_ext4 *e;
    struct kl_arena *a;
    struct kl_fault_log *log;
    ext2_filsys fs;
    const struct kl_steps *steps;
    uint32_t *made; /* for each step, the inode that it made */
    size_t last;    /* the step whose directory was asked for last */
};

/* Checks the steps, and does them in the filesystem that `fs` looks into. */
bool kl_ext4_patch_steps(struct kl_arena *a, struct kl_fs *fs, const struct kl_steps *steps);
/* All of them; they were checked before. False after it was reported. */
bool kl_ext4_apply(struct kl_ext4_write *w);
/* What libext2fs says is wrong, as a fault. Nothing more is said of what the cow reported. */
bool kl_ext4_lib_fault(
    struct kl_fault_log *log, errcode_t err, const char *doing, const char *path);

/* --- ext4_node.c: single inodes ----------------------------------------------------------------*/

/* A new inode for a step, not in any directory yet. `parent` is where it will be. */
bool kl_ext4_make(
    struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t parent, ext2_ino_t *out);
/* Lets the content of a file go; the inode stays. */
bool kl_ext4_empty(struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino);
bool kl_ext4_fill(struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino);
/* Owner, mode, times and attributes. */
bool kl_ext4_settle(struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino, bool fresh);
/* One name less; the inode goes with the last. */
bool kl_ext4_drop(struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino);

#endif
