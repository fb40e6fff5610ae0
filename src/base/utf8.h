/* Text from strangers, fit to be shown.
 *
 * What is checked may hold anything: colour codes, a carriage return that hides the rest of a line,
 * marks that turn the direction of writing, Latin-1. None of that reaches a terminal: each byte of
 * it is shown as \xNN.
 */
#ifndef KL_BASE_UTF8_H
#define KL_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The character at `s`: how many bytes it has, 1 to 4, or 0 where there is no well-formed one
 * (Unicode 15, table 3-7: no surrogates, nothing longer than need be, nothing above U+10FFFF). */
size_t kl_utf8_char(const char *s, size_t len, uint32_t *c);

/* What is shown as one: a character, or a byte that is not to be shown as it is. Its bytes (at
 * least 1 where len is), and in *cols its columns on a terminal. A tab is four blanks. */
size_t kl_cell(const char *s, size_t len, unsigned *cols);
/* The bytes of the cell that ends before s[at]; `at` is not 0. */
size_t kl_cell_before(const char *s, size_t at);
void kl_cell_print(FILE *out, const char *s, size_t bytes); /* one, as kl_cell() measured it */

/* A whole text: print it, and how many columns it takes. */
void kl_show(FILE *out, const char *s);
size_t kl_show_width(const char *s);

#endif
