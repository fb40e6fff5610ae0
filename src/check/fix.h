/* Mends as they are kept: for each file its text as it was read, and what becomes of which bytes.
 * Private to the room. */
#ifndef KL_CHECK_FIX_H
#define KL_CHECK_FIX_H

#include "base/diag.h"
#include "base/text.h"

struct kl_fix_edit {
    size_t at, width; /* bytes of the text */
    const char *text; /* what they become */
    size_t len, seq;
};

struct kl_fix_file {
    const char *name, *text;
    size_t len;
    struct kl_fix_edit *edits; /* in order, none over another */
    size_t n, round;
};

/* What becomes of bytes [from, to), into which edits [first, first + n) fall. */
void kl_fix_apply(
    const struct kl_fix_file *f, size_t from, size_t to, size_t first, size_t n, struct kl_buf *b);

struct kl_fixes;
/* The whole text of a file as it will be; false when nothing is mended in it. */
bool kl_fix_text(const struct kl_fixes *f, const char *name, struct kl_buf *b);

void kl_fix_diff(const struct kl_fix_file *f, FILE *out); /* patch.c */
/* write.c: false when it was left as it is; then `d` says why, if it should not have been. */
bool kl_fix_write(const struct kl_fix_file *f, struct kl_diags *d);

#endif
