/* Places as programs want them: columns in UTF-16 code units, as editors and GitHub count, where
 * ours are bytes. Private to the room. */
#ifndef KL_CHECK_PLACE_H
#define KL_CHECK_PLACE_H

#include "base/diag.h"

/* [line:col, end_line:end_col), all from 1. A byte that is no UTF-8 is one unit, which is what
 * those who read the file as Latin-1 and those who put U+FFFD there see. */
struct kl_region {
    unsigned long line, col, end_line, end_col;
};

/* Where the last one was counted to: lines may be very long, and findings come in order. */
struct kl_column_memo {
    const char *line;
    size_t byte;
    unsigned long units;
};

/* `caret`: an empty place is one column wide, as it is shown. Else it stays empty. */
struct kl_region kl_region_of(
    const struct kl_diags *d, const struct kl_place *at, bool caret, struct kl_column_memo *memo);

/* Can it be a file's name? "<...>", "" and NULL are texts that came another way. */
bool kl_is_file(const char *name);

#endif
