/* A file that appears whole or not at all.
 *
 * It has no name while it is written (O_TMPFILE where the filesystem has it), is synced, and is
 * then renamed over its name: who is killed half way leaves the old file and nothing that could be
 * taken for a result. */
#ifndef KL_IMAGE_OUTPUT_H
#define KL_IMAGE_OUTPUT_H

#include "image/rope.h"

struct kl_output;

/* For `path`; NULL with errno. The file gets `mode` and, where that is allowed, the owner and group
 * of the file that it replaces. */
struct kl_output *kl_output_begin(const char *path, unsigned mode);
int kl_output_fd(const struct kl_output *o);
/* Syncs and names it: true when it is there, whole. False with errno: nothing changed. Frees `o`.
 */
bool kl_output_commit(struct kl_output *o);
void kl_output_drop(struct kl_output *o); /* NULL is fine */

/* The three together. `progress` may be NULL; it gets bytes. */
bool kl_output_rope(const char *path, unsigned mode, const struct kl_rope *r,
    void (*progress)(void *arg, uint64_t done, uint64_t of), void *arg);

#endif
