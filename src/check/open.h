/* Words of a line that are filled in later: by a template, a script, or the loader. Private to the
 * room. */
#ifndef KL_CHECK_OPEN_H
#define KL_CHECK_OPEN_H

#include "base/diag.h"
#include "stage/read.h"

/* Does a part of it stand for something else? */
bool kl_open_word(const char *text);

/* The line without such words as say something of the network, or nobody knows what: `from` itself
 * when it has none. *left_out: there are some, and the network of the line is not known. */
const struct kl_cmdline *kl_line_closed(
    struct kl_arena *a, const struct kl_cmdline *from, bool *left_out, struct kl_diags *d);

#endif
