/* Every place in what was read of a kickstart lies inside the text that it names. */
#ifndef KL_FUZZ_KICKSTART_PLACES_H
#define KL_FUZZ_KICKSTART_PLACES_H

#include "stage/read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* `lines`: where each begins, of a text of n lines; an end is one past the last byte. */
struct fuzz_text {
    const char *text;
    size_t len, n, *lines;
};

static inline struct fuzz_text fuzz_lines(struct kl_arena *a, const struct kl_diags *d)
{
    struct fuzz_text t = {0};
    t.text = kl_diags_text(d, "fuzz.ks", &t.len);
    for (size_t k = 0; t.text && k <= t.len; k++)
        if (k == 0 || t.text[k - 1] == '\n') {
            t.lines = kl_grow(a, t.lines, t.n, sizeof *t.lines);
            t.lines[t.n++] = k;
        }
    return t;
}

static inline void fuzz_place(const struct fuzz_text *t, struct kl_place at)
{
    if (!at.file || strcmp(at.file, "fuzz.ks") != 0 || !at.line)
        return;
    if (at.line > t->n || !at.col || t->lines[at.line - 1] + at.col - 1 + at.width > t->len)
        abort();
}

static inline void fuzz_said(const struct fuzz_text *t, const struct kl_intent *i)
{
    for (size_t k = 0; i && k < i->nsaid; k++)
        fuzz_place(t, i->said[k].at);
    for (size_t k = 0; i && k < i->nlinks; k++)
        fuzz_place(t, i->links[k].at);
}

static inline void fuzz_places(
    struct kl_arena *a, const struct kl_kickstart *k, const struct kl_diags *d)
{
    struct fuzz_text t = fuzz_lines(a, d);
    for (size_t c = 0; c < k->ncommands; c++) {
        fuzz_place(&t, k->commands[c].at);
        for (size_t w = 0; w < k->commands[c].n; w++) {
            const struct kl_arg *arg = &k->commands[c].args[w];
            fuzz_place(&t, arg->at);
            if (arg->verbatim && strcmp(arg->at.file, "fuzz.ks") == 0 &&
                memcmp(t.text + t.lines[arg->at.line - 1] + arg->at.col - 1, arg->text,
                    strlen(arg->text)) != 0 &&
                !memchr(t.text, '\0', t.len))
                abort();
        }
    }
    for (size_t s = 0; s < k->nsections; s++)
        fuzz_place(&t, k->sections[s].at);
    for (size_t w = 0; w < k->nwritten; w++)
        fuzz_place(&t, k->written[w].at);
    fuzz_said(&t, k->network);
    fuzz_said(&t, k->system);
    for (size_t n = 0; kl_diags_at(d, n); n++)
        fuzz_place(&t, kl_diags_at(d, n)->at);
}

#endif
