/* A unified diff, read. */
#ifndef KL_IMAGE_UDIFF_OWN_H
#define KL_IMAGE_UDIFF_OWN_H

#include "base/arena.h"
#include "image/udiff.h"

#include <stdint.h>

/* A line with its end: "\n", or nothing where a text ends without one. */
struct kl_line {
    const char *s;
    uint32_t len, hash;
};
struct kl_line kl_line_of(const char *s, size_t len);
bool kl_line_eq(const struct kl_line *a, const struct kl_line *b);

struct kl_hunk_line {
    char what; /* ' ', '-' or '+' */
    struct kl_line line;
    unsigned at; /* of the diff, from 1 */
};

struct kl_hunk {
    unsigned long old_start, old_n, new_start, new_n;
    struct kl_hunk_line *lines;
    size_t n;
    unsigned at;
};

/* What a diff says about one file. */
struct kl_file_diff {
    const char *old_name, *new_name; /* without a/ and b/; NULL: not said, or /dev/null */
    bool creates, deletes;
    unsigned at;
    unsigned mode_at; /* the line that changes the mode; 0: none */
    unsigned cannot;  /* the line of what cannot be applied; 0: none ... */
    const char *why;  /* ... "renames it" */
    bool git,
        strip_cr; /* its header has CR LF, as patch(1) sees it: mail, or a checkout, put them */
    struct kl_hunk *hunks;
    size_t n;
};

struct kl_udiff {
    struct kl_arena *a;
    struct kl_diags *d;
    const char *name; /* of the diff; a registered source */
    struct kl_file_diff *files;
    size_t n;
};

/* False, reported. */
bool kl_udiff_parse(struct kl_udiff *u, const char *diff, size_t len);

/* An error at a line of the diff; returns false. */
bool kl_udiff_error(struct kl_udiff *u, unsigned line, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
