/* What the three readers of reservations are fuzzed by. */
#ifndef RESERVED_FUZZ_H
#define RESERVED_FUZZ_H

#include "stage/read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct kl_reserved_list reserved_reader(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_finder *files, struct kl_diags *d);

struct reserved_other {
    const char *text;
    size_t len;
};

static inline bool reserved_find(void *arg, const char *path, const char *from, const char **file,
    const char **text, size_t *len)
{
    const struct reserved_other *o = arg;
    (void)from;
    *file = path[0] == 'a' ? "a" : "b";
    *text = o->text;
    *len = o->len;
    return path[0] != 'n';
}

static inline void reserved_place(struct kl_diags *d, const struct kl_place *at)
{
    size_t len;
    unsigned line = 1;
    const char *text = kl_diags_text(d, at->file, &len);
    if (!text || !at->line || !at->col)
        abort();
    const char *end = text + len;
    for (; line < at->line; line++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        if (!newline)
            abort(); /* past the end */
        text = newline + 1;
    }
    if (at->col - 1 + (size_t)at->width > (size_t)(end - text))
        abort();
}

static inline int reserved_fuzz(reserved_reader *read, const uint8_t *data, size_t size)
{
    const uint8_t *nul = memchr(data, '\0', size);
    size_t first = nul ? (size_t)(nul - data) : size, rest = nul ? size - first - 1 : 0;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct reserved_other other = {kl_strndup(a, (const char *)data + size - rest, rest), rest};
    struct kl_finder finder = {reserved_find, &other};
    char *text = kl_strndup(a, (const char *)data, first);
    struct kl_reserved_list l = read(a, text, first, "main", &finder, d);
    for (size_t k = 0; k < l.n; k++) {
        const struct kl_reserved *r = &l.list[k];
        reserved_place(d, &r->at);
        for (size_t n = 0; n < r->nsaid; n++)
            reserved_place(d, &r->said[n].at);
        if (r->ip4.len > 32 || r->ip6.len > 128 || (r->refused && r->ip4.addr.family))
            abort();
    }
    const struct kl_diag *one;
    for (size_t k = 0; (one = kl_diags_at(d, k)); k++)
        reserved_place(d, &one->at);
    return 0;
}

#endif
