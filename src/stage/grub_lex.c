/* GRUB's script in tokens. A word keeps its quotes: they are taken off when it is expanded. */
#include "stage/grub_script.h"

#include <string.h>

struct lexer {
    struct kl_arena *a;
    struct kl_diags *d;
    const char *s, *end;
    struct kl_place at; /* of s */
    struct kl_grub_text out;
};

static void advance(struct lexer *l, size_t n)
{
    for (; n && l->s < l->end; n--, l->s++) {
        l->at.col++;
        if (*l->s == '\n') {
            l->at.line++;
            l->at.col = 1;
        }
    }
}

/* --- words -------------------------------------------------------------------------------------*/

static bool breaks(char c)
{
    return c == 0 || strchr(" \t\r\n{}|&;<>", c) != NULL;
}

/* The end of what is quoted from `c` on, past its closing quote; NULL when it has none. */
static const char *quoted_end(const char *c, const char *end)
{
    char quote = *c++;
    for (; c < end && *c != quote; c++)
        if (quote == '"' && *c == '\\' && c + 1 < end)
            c++;
    return c < end ? c + 1 : NULL;
}

/* The end of the word that begins at l->s. */
static const char *word_end(struct lexer *l)
{
    const char *c = l->s;
    while (c < l->end && !breaks(*c)) {
        if (*c == '\'' || *c == '"') {
            const char *past = quoted_end(c, l->end);
            if (!past) {
                struct kl_place at = l->at;
                at.width = 1;
                kl_diag(l->d, KL_NOTE, "not-understood", at, "close the quote",
                    "the quote %c in this word is never closed: GRUB reads no command from here on",
                    *c);
                return l->end;
            }
            c = past;
        } else if (*c == '\\' && c + 1 < l->end) {
            c += c[1] == '\r' && c + 2 < l->end && c[2] == '\n' ? 3 : 2;
        } else if (*c == '$' && c + 1 < l->end && c[1] == '{') {
            const char *close = c + 2;
            while (close < l->end && !breaks(*close))
                close++;
            c = close < l->end && *close == '}' ? close + 1 : c + 2;
        } else {
            c++;
        }
    }
    return c > l->s ? c : l->s + 1; /* a NUL is a word of its own */
}

/* --- tokens ------------------------------------------------------------------------------------*/

static void add(struct lexer *l, enum kl_grub_type type, size_t n)
{
    l->out.tokens = kl_grow(l->a, l->out.tokens, l->out.n, sizeof *l->out.tokens);
    l->out.tokens[l->out.n++] = (struct kl_grub_token){type, {l->s, n, l->at}};
    advance(l, n);
}

/* Blanks, comments, and newlines that a backslash takes away. */
static void skip_blanks(struct lexer *l)
{
    while (l->s < l->end) {
        size_t left = (size_t)(l->end - l->s);
        if (*l->s == ' ' || *l->s == '\t' || *l->s == '\r') {
            advance(l, 1);
        } else if (*l->s == '#') {
            const char *eol = memchr(l->s, '\n', left);
            advance(l, eol ? (size_t)(eol - l->s) : left);
        } else if (left > 1 && memcmp(l->s, "\\\n", 2) == 0) {
            advance(l, 2);
        } else if (left > 2 && memcmp(l->s, "\\\r\n", 3) == 0) {
            advance(l, 3);
        } else {
            return;
        }
    }
}

struct kl_grub_text kl_grub_lex(
    struct kl_arena *a, const char *text, size_t len, const char *file, struct kl_diags *d)
{
    struct lexer l = {.a = a, .d = d, .s = text, .end = text + len};
    l.at = (struct kl_place){.file = file, .line = 1, .col = 1};
    for (skip_blanks(&l); l.s < l.end; skip_blanks(&l)) {
        if (*l.s == '{')
            add(&l, KL_GRUB_OPEN, 1);
        else if (*l.s == '}')
            add(&l, KL_GRUB_CLOSE, 1);
        else if (*l.s && strchr("\n;|&<>", *l.s))
            add(&l, KL_GRUB_END, 1);
        else
            add(&l, KL_GRUB_WORD, (size_t)(word_end(&l) - l.s));
    }
    add(&l, KL_GRUB_EOF, 0);
    return l.out;
}
