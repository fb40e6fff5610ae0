/* What the parts of a patch say to each other, and to nobody else. */
#ifndef KL_IMAGE_PATCH_OWN_H
#define KL_IMAGE_PATCH_OWN_H

#include "image/patch.h"

#include <sys/stat.h>

const char *kl_change_from(const struct kl_change *c); /* never NULL */

/* `path` without leading slashes, "." and empty names; "" for the root. NULL for one that cannot
 * be, with what it does in `why`: "goes up with '..'". */
const char *kl_patch_normal(struct kl_arena *a, const char *path, const char **why);

/* A file of this machine as the content of `c`, which is the caller's to drop, and as its mode when
 * that is -1: 0755 when its owner may execute it. False, reported. */
bool kl_patch_host_file(struct kl_patch *p, const char *path, struct kl_change *c);

/* An error about `path`, with errno's word and, when it is not there, the nearest name. */
bool kl_patch_io(struct kl_patch *p, const char *path);

/* "did you mean '...'?": a name of the image's last directory on the way, like the one of `path`
 * that is not in it; or NULL. */
const char *kl_patch_nearest(struct kl_fs *fs, struct kl_arena *a, const char *path);

/* Takes `fd` over; `name` is what it is called. */
bool kl_patch_add_archive_fd(struct kl_patch *p, int fd, const char *name);

/* --- content (patch_content.c) -----------------------------------------------------------------*/

/* What one input brings. Small files lie in memory, larger ones stay where they are and are pinned,
 * and what would take too much memory or too many descriptors lies in one file without a name. */
struct kl_input {
    struct kl_patch *p;
    size_t first; /* of its changes */
    size_t memory, pins;
    int spool; /* -1: not needed so far */
    uint64_t spooled;
    struct spooled {
        struct kl_rope *rope;
        uint64_t at, len;
    } * waits; /* for the spool to be whole */
    size_t nwaits;
    struct timespec time; /* of the input itself; the spool gets it, for entity tags */
};

void kl_input_begin(struct kl_input *in, struct kl_patch *p, const char *name);
/* Ends it. When `ok` is false, or it fails, all that it added is taken back. */
bool kl_input_end(struct kl_input *in, bool ok);

/* The content of an open regular file; takes `fd` over. NULL, reported as `name`'s. */
struct kl_rope *kl_input_file(struct kl_input *in, int fd, const struct stat *st, const char *name);

/* Content that comes in pieces: `len` bytes in all, those that do not come are 0. */
struct kl_incoming {
    struct kl_rope *rope;
    uint64_t len, at; /* at: in the spool */
    char *bytes;      /* NULL: it goes to the spool */
};
bool kl_input_open(struct kl_input *in, struct kl_rope *rope, uint64_t len, struct kl_incoming *c);
bool kl_input_put(
    struct kl_input *in, struct kl_incoming *c, uint64_t at, const void *bytes, size_t n);
void kl_input_close(struct kl_input *in, struct kl_incoming *c, bool ok);

#endif
