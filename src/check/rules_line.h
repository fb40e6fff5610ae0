/* What the rules of the kernel line share. Private to rules_line*.c.
 *
 * They look at the text as it is written. What the engine makes of it, the reader of the line has
 * said already (stage/cmdline_parse.c); a rule here says what the writer meant, and the mend. */
#ifndef KL_CHECK_RULES_LINE_H
#define KL_CHECK_RULES_LINE_H

#include "check/case.h"

enum {
    KL_LINE_FIELDS = 24, /* of one argument that are looked at */
    KL_LINE_WORDS = 64,  /* arguments of one kind that are held against each other */
    KL_LINE_LONG = 512,  /* bytes of an argument that somebody may have meant something by */
};

struct kl_line {
    const struct kl_case *c;
    struct kl_arena *a;
    struct kl_diags *d;
    const char *release; /* for people: "rhel-9.4", "rhel-9.4 (inferred)" */
    struct {
        const char *list; /* a value that names interfaces */
        size_t fields;    /* ... in so many of its fields */
    } names[KL_LINE_WORDS];
    size_t nnames;
};

/* A part of a word: `len` bytes from byte `from` on. */
struct kl_field {
    const char *text;
    size_t from, len;
};

/* The word from byte `from` on, cut at colons that no bracket protects; at most KL_LINE_FIELDS. */
size_t kl_line_fields(struct kl_arena *a, const char *text, size_t from, struct kl_field *f);
struct kl_place kl_line_field_place(const struct kl_arg *w, const struct kl_field *f);
const char *kl_line_key(const struct kl_line *l, const struct kl_arg *w);
/* The byte at which its value begins; 0: it has none. */
size_t kl_line_value(const struct kl_arg *w);
/* Something in it is filled in later: ${net0/mac}, {{ address }}, <%= @host %>. */
bool kl_line_open(const struct kl_arg *w);

/* What a name in a field is known to be. */
bool kl_line_is_method(const char *s);      /* of ip=: "dhcp", "none", also lists */
bool kl_line_like_nic(const char *s);       /* by its spelling: eth0, enp3s0, eth0.5 */
bool kl_line_like_interface(const char *s); /* ... or a virtual device: bond0, br0, vlan5 */
bool kl_line_mentions(const struct kl_line *l, const char *s); /* bond=, vlan=, ... name it */
/* By its spelling, or because the line mentions it. */
bool kl_line_is_interface(const struct kl_line *l, const char *s);
/* Hexadecimal digits, at most four: a group of an IPv6 address. */
bool kl_line_is_group(const char *s);

/* An edit within a word: nothing when the word does not stand there as it is. */
void kl_line_edit(const struct kl_line *l, struct kl_diag *one, const struct kl_arg *w, size_t from,
    size_t len, const char *text);
/* The value (from byte `from` on) becomes `text`; only what differs is touched. */
void kl_line_rewrite(const struct kl_line *l, struct kl_diag *one, const struct kl_arg *w,
    size_t from, const char *text);
/* The word goes, and one blank with it. */
void kl_line_remove(const struct kl_line *l, struct kl_diag *one, const struct kl_arg *w);

void kl_line_options(const struct kl_line *l); /* rules_line_option.c */
void kl_line_bonds(const struct kl_line *l);   /* rules_line_bond.c */
void kl_line_parts(const struct kl_line *l);   /* rules_line_part.c */
void kl_line_ips(const struct kl_line *l);     /* rules_line_ip.c */
void kl_line_methods(const struct kl_line *l); /* rules_line_method.c */
void kl_line_urls(const struct kl_line *l);    /* rules_line_url.c */

#endif
