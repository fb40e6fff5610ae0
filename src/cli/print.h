/* Tables and titles for people, on a terminal or in a file. */
#ifndef KL_CLI_PRINT_H
#define KL_CLI_PRINT_H

#include <stdbool.h>
#include <stddef.h>
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

#endif
