/* The words and statements of dhcpd.conf(5). Private to the room. */
#ifndef KL_STAGE_DHCPD_H
#define KL_STAGE_DHCPD_H

#include "stage/reserve.h"

enum kl_dhcpd_kind {
    KL_DHCPD_WORD,   /* letters, digits and what holds addresses and names together */
    KL_DHCPD_STRING, /* was quoted */
    KL_DHCPD_MARK,   /* a single other character */
};

struct kl_dhcpd_word {
    enum kl_dhcpd_kind kind;
    const char *text; /* a string's without quotes, escapes undone */
    size_t len;
    struct kl_place at; /* of a string: with its quotes */
};

enum kl_dhcpd_end {
    KL_DHCPD_SEMICOLON,
    KL_DHCPD_OPEN, /* '{': a block follows */
    KL_DHCPD_CLOSE,
    KL_DHCPD_TEXT_END,
};

struct kl_dhcpd_statement {
    struct kl_dhcpd_word *words;
    size_t n, room;
    enum kl_dhcpd_end end; /* what ended it */
};

struct kl_dhcpd_lexer {
    struct kl_arena *a; /* words live in it */
    const char *file, *c, *end, *line_start;
    unsigned line;
    struct kl_dhcpd_statement now;
};

void kl_dhcpd_lexer_begin(struct kl_dhcpd_lexer *l, struct kl_arena *a, const struct kl_text *text);
void kl_dhcpd_lexer_end(struct kl_dhcpd_lexer *l);
/* The words up to the next ';', '{', '}' or the end; of a longer one the first `most`. Valid until
 * the next call. */
const struct kl_dhcpd_statement *kl_dhcpd_next(struct kl_dhcpd_lexer *l, size_t most);
/* After a '{': to its '}'. */
void kl_dhcpd_skip(struct kl_dhcpd_lexer *l);

/* A client identifier from word `k` on: a string or bytes; left alone when it is neither. */
void kl_dhcpd_client(
    struct kl_arena *a, const struct kl_dhcpd_statement *s, size_t k, const char **out);

#endif
