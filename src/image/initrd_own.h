/* What the parts of the initrd's reader share: initrd_scan.c walks the segments and hands each
 * archive member to initrd_merge.c, which does with it what the kernel would and ends with a
 * listing; initrd.c makes a tree of the listing, initrd_index.c keeps it between runs. */
#ifndef KL_IMAGE_INITRD_OWN_H
#define KL_IMAGE_INITRD_OWN_H

#include "image/initrd.h"

/* Limits, far beyond any initrd that boots. Memory is that of the members' names and attributes;
 * work is that of looking up their paths, where symbolic links and colliding names cost most. */
enum {
    KL_INITRD_ENTRIES_MOST = 1000000,
    KL_INITRD_TEXT_MOST = 64 << 20,
    KL_INITRD_PATHS_MOST = 128 << 20, /* bytes of all whole paths: who lists a tree writes them */
    KL_INITRD_STEPS_MOST = 50000000,
    KL_INITRD_SEGMENTS_MOST = 4096,
    KL_INITRD_PATH_MOST = 4096, /* PATH_MAX, with its NUL */
    KL_INITRD_NAME_MOST = 255,  /* NAME_MAX */
};

/* Installer initrds are packed to a fifth. What is packed to less than a two-hundredth, once it is
 * larger than any that boots, is a bomb long before kl_initrd_options.unpacked_most. */
#define KL_INITRD_RATIO_MOST 200
#define KL_INITRD_RATIO_FROM ((uint64_t)256 << 20)

/* What the kernel ignores or loses: told when the image was read. */
struct kl_trap {
    const char *code, *message;
    uint64_t at;
};
enum { KL_TRAPS_TOLD = 6 };

/* One member of an archive. Strings are the scanner's. */
struct kl_member {
    const char *name;
    const char *target; /* of a symbolic link */
    uint32_t ino, mode, uid, gid, nlink, mtime, size, major, minor, rmajor, rminor;
    uint32_t segment;
    uint64_t data;  /* where its data lies in what the segment unpacks to; raw: in the image */
    uint64_t where; /* in the image, for messages */
};

/* What the kernel ends with. */
struct kl_listed_inode {
    uint32_t mode; /* with its type */
    uint32_t uid, gid, mtime, major, minor, nlink, segment;
    uint64_t size, data, where;
    const char *target;
    uint32_t listed; /* the merge's own: its index in the listing */
};
struct kl_listed_name {
    uint32_t parent; /* an index of names, lower than its own; the root's is 0 */
    uint32_t inode;
    const char *name;
};
struct kl_listing {
    struct kl_segment *segments;
    size_t nsegments;
    struct kl_listed_inode *inodes;
    size_t ninodes;
    struct kl_listed_name *names; /* the root first */
    size_t nnames;
    struct kl_trap *traps;
    size_t ntraps;     /* those that are kept, KL_TRAPS_TOLD at most */
    size_t trapped;    /* all of them */
    uint32_t ino_most; /* of any member */
    uint32_t time;     /* the newest member's */
};
void kl_listing_trap(struct kl_arena *a, struct kl_listing *l, const char *code, uint64_t at,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* --- initrd_merge.c ----------------------------------------------------------------------------*/

struct kl_merge;
struct kl_merge *kl_merge_new(struct kl_arena *a, struct kl_listing *l, struct kl_fault_log *log);
void kl_merge_free(struct kl_merge *m);
/* False, reported, only when a limit is reached. */
bool kl_merge_member(struct kl_merge *m, const struct kl_member *e);
void kl_merge_trailer(struct kl_merge *m);
void kl_merge_finish(struct kl_merge *m); /* fills inodes and names */

/* --- initrd_scan.c -----------------------------------------------------------------------------*/

bool kl_initrd_scan(struct kl_arena *a, const struct kl_reader *r,
    const struct kl_initrd_options *options, struct kl_listing *l);

/* --- initrd_index.c ----------------------------------------------------------------------------*/

/* Quiet: an index that is not there, damaged or another's is none. */
bool kl_index_load(
    struct kl_arena *a, const char *dir, const struct kl_rope *image, struct kl_listing *l);
void kl_index_save(const char *dir, const struct kl_rope *image, const struct kl_listing *l);

/* --- initrd.c ----------------------------------------------------------------------------------*/

struct kl_initrd {
    struct kl_arena *a;
    const struct kl_rope *image;
    struct kl_fault_log *log;
    struct kl_reader reader;
    struct kl_listing listing;
    struct kl_fs fs;
    struct kl_unpack *open; /* the last packed segment that was read from, and how far */
    size_t open_segment;
    uint64_t open_at;
    unsigned restarts;      /* how often it went back to a segment's beginning */
    struct kl_rope **spool; /* by segment: unpacked to a file without a name, or NULL */
};

#endif
