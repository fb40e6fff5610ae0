/* Unified diffs (POSIX diff -u, git diff), applied to a text in memory. */
#ifndef KL_IMAGE_UDIFF_H
#define KL_IMAGE_UDIFF_H

#include "base/text.h"
#include "image/fault.h"

/* Applies the hunks of `diff` (the name `diff_file` is shown) to `old` and appends the result to
 * `out`. As patch(1) does, a hunk may lie elsewhere than it says (an offset, reported as a note);
 * its context and removed lines must be there exactly, once nearest: no fuzz. A diff of several
 * files: the one whose name ends like `path`, else an error. False with diagnostics whose places
 * are lines of the diff. Applying one that is applied already says so. */
bool kl_udiff_apply(struct kl_diags *d, const char *path, const char *old, size_t old_len,
    const char *diff_file, const char *diff, size_t diff_len, struct kl_buf *out);

#endif
