/* Tables and titles for people, on a terminal or in a file. */
#ifndef KL_CLI_PRINT_H
#define KL_CLI_PRINT_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

void kl_print_title(FILE *out, bool colour, const char *title);

enum kl_paint { KL_PLAIN, KL_BOLD, KL_DIM, KL_GREEN, KL_RED };

struct kl_cell {
    const char *text; /* UTF-8; NULL: empty */
    enum kl_paint paint;
};

/* A table of `rows` times `cols` cells, row by row, each column as wide as its widest cell, with
 * two blanks between. `indent` blanks before each row. */
void kl_print_table(
    FILE *out, bool colour, size_t indent, const struct kl_cell *cells, size_t rows, size_t cols);

/* "431.9 MB", decimal as disks are sold; "12,345": in `a`. */
const char *kl_print_size(struct kl_arena *a, uint64_t bytes);
const char *kl_print_count(struct kl_arena *a, uint64_t n);

/* One line on a terminal's stderr that is written over and over: "packing  34 %". Nothing where
 * stderr is no terminal. */
struct kl_progress {
    const char *what; /* shown now; NULL: nothing is */
    int percent;
};
void kl_print_progress(struct kl_progress *p, const char *what, uint64_t done, uint64_t of);
void kl_print_progress_end(struct kl_progress *p); /* wipes the line */

#endif
