/* ip=ADDRESS:PEER:GATEWAY:NETMASK:HOST:INTERFACE:METHOD[:...], ip=INTERFACE:METHOD[:...].
 *
 * Codes: field-misplaced, literal-unbracketed, address-invalid, duplicate-ip.
 *
 * A field in the wrong place shows by its kind: a method, a netmask and an interface's name are
 * told from anything else. What was meant is then searched for: the line with a colon more, an
 * empty field less, or two neighbours changed for one another, that fits in every field. Only if
 * there is exactly one such line, it is the mend. In the same way the end of an IPv6 address
 * without brackets is found. */
#include "check/rules_line.h"

#include <stdio.h>
#include <string.h>

enum kind {
    EMPTY,
    ADDRESS4, /* with or without /length */
    ADDRESS6, /* in brackets */
    BAD4,     /* digits and dots, but no address */
    BAD6,     /* in brackets, but no address */
    MASK,     /* dotted, contiguous */
    NUMBER,   /* up to five digits */
    METHOD,
    INTERFACE,
    MAC,
    HOST, /* no interface is called so: it has a domain, or is too long */
    NAME, /* a host or an interface */
    OTHER,
};

enum { PARTS = 7 }; /* before what may follow the method */
static const char *const part_names[] = {
    "address", "peer", "gateway", "netmask", "host name", "interface", "method"};

struct fields {
    struct kl_field f[KL_LINE_FIELDS];
    enum kind kinds[KL_LINE_FIELDS];
    size_t n;
};

/* --- kinds ------------------------------------------------------------------------------------*/

static bool digits(const char *s, size_t most)
{
    size_t n = strlen(s);
    return n && n <= most && strspn(s, "0123456789") == n;
}

/* [ADDRESS], [ADDRESS/LENGTH], [ADDRESS]/LENGTH; `a` may be of either family. */
static bool bracketed(struct kl_arena *a, const char *s, struct kl_addr *out)
{
    const char *close = strchr(s, ']');
    if (*s != '[' || !close || (close[1] && close[1] != '/'))
        return false;
    const char *inside = kl_strndup(a, s + 1, (size_t)(close - s - 1));
    if (close[1] && !digits(close + 2, 3))
        return false;
    const char *slash = strchr(inside, '/');
    if (slash && (close[1] || !digits(slash + 1, 3)))
        return false;
    return kl_addr_parse(
        kl_strndup(a, inside, slash ? (size_t)(slash - inside) : strlen(inside)), out);
}

static bool is_host(const char *s)
{
    size_t len = strlen(s);
    if (strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != len)
        return false;
    const char *dot = strrchr(s, '.');
    bool domain = dot && dot != s && strlen(dot + 1) >= 2 && !strpbrk(dot + 1, "0123456789");
    return domain || len > 15;
}

static enum kind dotted(const char *s)
{
    struct kl_prefix p;
    struct kl_addr a;
    uint8_t len;
    if (kl_netmask_parse(s, &len) && len >= 8)
        return MASK;
    return kl_addr_parse(s, &a) || kl_prefix_parse(s, &p) ? ADDRESS4 : BAD4;
}

static enum kind kind_of(const struct kl_line *l, const char *s)
{
    struct kl_addr a;
    struct kl_mac mac;
    if (!*s)
        return EMPTY;
    if (strchr(s, '['))
        return bracketed(l->a, s, &a) && a.family == 6 ? ADDRESS6 : BAD6;
    if (digits(s, 5))
        return NUMBER;
    if (strchr(s, '.') && strspn(s, "0123456789./") == strlen(s))
        return dotted(s);
    if (kl_line_is_method(s))
        return METHOD;
    if (kl_mac_parse(s, &mac))
        return MAC;
    if (kl_line_like_nic(s) || kl_line_mentions(l, s))
        return INTERFACE;
    if (is_host(s))
        return HOST;
    return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
                   strlen(s)
               ? NAME
               : OTHER;
}

static void read_fields(const struct kl_line *l, const char *text, size_t from, struct fields *out)
{
    out->n = kl_line_fields(l->a, text, from, out->f);
    for (size_t k = 0; k < out->n; k++)
        out->kinds[k] = kind_of(l, out->f[k].text);
}

static bool is_address(enum kind k)
{
    return k == ADDRESS4 || k == ADDRESS6 || k == BAD4 || k == BAD6;
}

/* INTERFACE:METHOD, or a method alone. */
static bool is_short(const struct fields *f)
{
    if (f->n < 2)
        return true;
    bool name = f->kinds[0] == INTERFACE || f->kinds[0] == NAME || f->kinds[0] == MAC;
    return name && (f->kinds[1] == METHOD || f->n <= 4);
}

/* --- does it fit? -----------------------------------------------------------------------------*/

/* Every field is of its own kind, and nothing that is needed is missing. */
static bool fits_part(const struct fields *f, size_t k)
{
    enum kind kind = f->kinds[k];
    bool six = f->kinds[0] == ADDRESS6;
    switch (k) {
    case 0:
        return kind == EMPTY || kind == ADDRESS4 || kind == ADDRESS6;
    case 1:
        return kind == EMPTY;
    case 2:
        return kind == EMPTY || kind == (six ? ADDRESS6 : ADDRESS4);
    case 3:
        return kind == NUMBER || (kind == MASK && !six) || (kind == EMPTY && !f->kinds[0]);
    case 4:
        return kind == EMPTY || kind == NAME || kind == HOST;
    case 5:
        return kind == EMPTY || kind == NAME || kind == INTERFACE || kind == MAC;
    case 6:
        return kind == METHOD;
    default:
        return kind == EMPTY || kind == NUMBER || kind == ADDRESS4 || kind == ADDRESS6 ||
               kind == MAC || kl_line_is_group(f->f[k].text);
    }
}

static bool fits(const struct fields *f)
{
    for (size_t k = 0; k < f->n; k++)
        if (!fits_part(f, k))
            return false;
    return f->n >= PARTS && f->kinds[f->n - 1] != EMPTY;
}

/* Meant as a netmask, whatever it is. */
static bool masklike(const char *s)
{
    return (kl_starts(s, "255.") || kl_starts(s, "0.0.0.")) && !strchr(s, '/');
}

/* A kind that a field never has; and, for names, not beside what follows. */
static bool is_wrong(const struct fields *f, size_t k)
{
    enum kind kind = f->kinds[k], next = k + 1 < f->n ? f->kinds[k + 1] : EMPTY;
    bool never = kind == METHOD || kind == MASK;
    switch (k) {
    case 0:
        return never || kind == INTERFACE;
    case 1:
    case 2:
        return never || kind == INTERFACE || (kind == HOST && k == 2);
    case 3:
        return kind == METHOD || kind == INTERFACE || kind == HOST || kind == ADDRESS6 ||
               (kind == ADDRESS4 && !masklike(f->f[k].text));
    case 4:
        return never || (is_address(kind) && strcmp(f->f[4].text, f->f[0].text) != 0) ||
               (kind == INTERFACE && next != INTERFACE && next != MAC);
    case 5:
        return never || is_address(kind) || kind == HOST;
    case 6:
        return kind == INTERFACE || kind == MASK || kind == HOST || is_address(kind);
    default:
        return kind == METHOD || kind == INTERFACE;
    }
}

/* --- what was meant ---------------------------------------------------------------------------*/

struct search {
    const struct kl_line *l;
    const char *found; /* the value that fits; NULL: none yet */
    bool several;
};

static void try(struct search *s, const char *value)
{
    struct fields f;
    read_fields(s->l, value, 0, &f);
    if (!fits(&f) || kl_streq(s->found, value))
        return;
    s->several |= s->found != NULL;
    s->found = value;
}

static const char *joined(const struct kl_line *l, const struct fields *f, size_t x, size_t y)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t k = 0; k < f->n; k++) {
        const char *text = f->f[k == x ? y : k == y ? x : k].text;
        kl_buf_addf(&b, "%s%s", k ? ":" : "", text);
    }
    return kl_strdup(l->a, kl_buf_text(&b));
}

/* With colons more before field k, without an empty field, with neighbours changed. */
static const char *meant(const struct kl_line *l, const char *value, const struct fields *f)
{
    struct search s = {.l = l};
    static const char *const more[] = {":", "::", ":::", NULL};
    size_t base = f->f[0].from;
    if (f->n < 4 || f->n > PARTS + 3)
        return NULL;
    for (size_t k = 0; k < f->n; k++) {
        size_t at = f->f[k].from - base;
        for (size_t m = 0; more[m]; m++)
            try(&s, kl_sprintf(l->a, "%.*s%s%s", (int)at, value, more[m], value + at));
        if (!f->f[k].len && k + 1 < f->n)
            try(&s, kl_sprintf(l->a, "%.*s%s", (int)at, value, value + at + 1));
        if (k > 1 && k + 1 < f->n)
            try(&s, joined(l, f, k, k + 1));
    }
    return s.several ? NULL : s.found;
}

static void say_misplaced(const struct kl_line *l, const struct kl_arg *w, const struct fields *f,
    size_t k, const char *value)
{
    const char *better = meant(l, value, f);
    const char *where = k < PARTS ? kl_sprintf(l->a, "where the %s belongs", part_names[k])
                                  : "behind the place of the method";
    struct kl_diag *one = kl_diag(l->d, KL_ERROR, "field-misplaced",
        kl_arg_place(w, f->f[k].from, strlen(w->text + f->f[k].from)),
        better ? kl_diag_text(l->d, "write ip=%s", better)
               : "ip=ADDRESS::GATEWAY:NETMASK:HOST:INTERFACE:METHOD, each at its own place",
        "'%s' stands %s", f->f[k].text, where);
    if (better)
        kl_line_rewrite(l, one, w, f->f[0].from, better);
}

static bool misplaced(const struct kl_line *l, const struct kl_arg *w, const struct fields *f)
{
    const char *value = w->text + f->f[0].from;
    if (f->n == 2 && f->kinds[0] == METHOD && kl_line_is_interface(l, f->f[1].text)) {
        struct kl_diag *one =
            kl_diag(l->d, KL_ERROR, "field-misplaced", kl_line_field_place(w, &f->f[0]),
                kl_diag_text(l->d, "write ip=%s:%s", f->f[1].text, f->f[0].text),
                "the method '%s' stands where the interface belongs", f->f[0].text);
        kl_line_rewrite(
            l, one, w, f->f[0].from, kl_sprintf(l->a, "%s:%s", f->f[1].text, f->f[0].text));
        return true;
    }
    if (is_short(f))
        return false;
    for (size_t k = 0; k < f->n; k++)
        if (is_wrong(f, k)) {
            say_misplaced(l, w, f, k, value);
            return true;
        }
    return false;
}

/* --- IPv6 addresses without brackets ----------------------------------------------------------*/

/* The fields from k to m of `text`, as one address. */
static bool is_literal(
    const struct kl_line *l, const char *text, const struct fields *f, size_t k, size_t m)
{
    struct kl_addr a;
    size_t from = f->f[k].from, to = f->f[m].from + f->f[m].len;
    return kl_addr_parse(kl_strndup(l->a, text + from, to - from), &a) && a.family == 6;
}

/* Field k begins like such an address: a group, and a group or "::" behind it. */
static bool begins_bare(const struct fields *f, size_t k)
{
    unsigned long length;
    return k + 2 < f->n && kl_line_is_group(f->f[k].text) &&
           (!f->f[k + 1].len || kl_line_is_group(f->f[k + 1].text)) &&
           !(k && kl_number(f->f[k].text, 128, &length)); /* a prefix length in a wrong place */
}

/* Where the first of them begins; n: nowhere. Behind the method stand MTU and MAC as well, so
 * there it has to be an address in truth. */
static size_t first_bare(const struct kl_line *l, const char *text, const struct fields *f)
{
    if (begins_bare(f, 0))
        return 0;
    if ((f->kinds[0] == ADDRESS6 || f->kinds[0] == EMPTY) && begins_bare(f, 2))
        return 2;
    for (size_t k = PARTS; k < f->n && k < PARTS + 2 && f->kinds[PARTS - 1] == METHOD; k++)
        for (size_t m = k + 2; m < f->n && m < k + 8 && begins_bare(f, k); m++)
            if (is_literal(l, text, f, k, m))
                return k;
    return f->n;
}

/* Puts brackets around the fields from k on, in every way that makes an address, and goes on with
 * what is still bare. */
static void bracket(struct search *s, const char *value, unsigned depth)
{
    struct fields f;
    read_fields(s->l, value, 0, &f);
    size_t k = first_bare(s->l, value, &f);
    if (k == f.n) {
        try(s, value);
        return;
    }
    size_t from = f.f[k].from;
    for (size_t m = k + 2; m < f.n && m < k + 8 && depth; m++) {
        size_t to = f.f[m].from + f.f[m].len;
        if (is_literal(s->l, value, &f, k, m))
            bracket(s,
                kl_sprintf(s->l->a, "%.*s[%.*s]%s", (int)from, value, (int)(to - from),
                    value + from, value + to),
                depth - 1);
    }
}

/* Each bracket is an edit of its own, so that the rest of the word keeps its place. */
static void insert_brackets(const struct kl_line *l, struct kl_diag *one, const struct kl_arg *w,
    size_t from, const char *better)
{
    const char *old = w->text + from;
    for (size_t at = 0; *better; better++) {
        if (*better == old[at])
            at++;
        else
            kl_line_edit(l, one, w, from + at, 0, *better == '[' ? "[" : "]");
    }
}

static bool unbracketed(const struct kl_line *l, const struct kl_arg *w, const struct fields *f)
{
    size_t k = first_bare(l, w->text, f), from = f->f[0].from;
    if (f->n < 3 || k == f->n)
        return false;
    struct search s = {.l = l};
    bracket(&s, w->text + from, 3);
    const char *better = s.several ? NULL : s.found;
    struct kl_place at = kl_arg_place(w, f->f[k].from, strlen(w->text + f->f[k].from));
    struct kl_diag *one = kl_diag(l->d, KL_ERROR, "literal-unbracketed", at,
        better ? kl_diag_text(l->d, "write ip=%s", better)
               : "write ip=[ADDRESS]::[GATEWAY]:LENGTH:HOST:INTERFACE:METHOD",
        "an IPv6 address stands in ip= without brackets, so its colons part fields, and what "
        "follows shifts");
    if (better)
        insert_brackets(l, one, w, from, better);
    return true;
}

/* --- addresses --------------------------------------------------------------------------------*/

static void say_invalid(const struct kl_line *l, enum kl_severity severity, struct kl_place at,
    const char *hint, const char *text, const char *why)
{
    kl_diag(l->d, severity, "address-invalid", at, hint, "'%s' %s", text, why);
}

static const char *why_bad4(const char *s)
{
    static char const *const few = "is no IPv4 address: it has four numbers";
    unsigned a, b, c, e;
    char rest;
    if (strchr(s, '/'))
        return "is no address and length";
    if (sscanf(s, "%9u.%9u.%9u.%9u%c", &a, &b, &c, &e, &rest) != 4) // NOLINT(cert-err34-c)
        return few;
    return a > 255 || b > 255 || c > 255 || e > 255 ? "is no address: its numbers end at 255"
                                                    : "is no address: a number begins with 0";
}

/* The own address and its network, when both are said. */
static void own_address(const struct kl_line *l, const struct kl_arg *w, const struct fields *f,
    const struct kl_addr *a, int len)
{
    struct kl_place at = kl_line_field_place(w, &f->f[0]);
    const char *text = f->f[0].text;
    uint32_t host = 0, bits = 0;
    if (kl_streq(text, "0.0.0.0") || kl_streq(text, "[::]")) /* "none yet" */
        return;
    if (!kl_addr_is_unicast(a) || (a->family == 4 && a->bytes[0] >= 240)) {
        say_invalid(l, KL_ERROR, at, NULL, text, "cannot be the address of a host");
        return;
    }
    if (a->family != 4 || len < 1 || len > 30)
        return;
    for (int k = 0; k < 4; k++)
        host = host << 8 | a->bytes[k];
    bits = UINT32_MAX >> len;
    if ((host & bits) == 0)
        say_invalid(l, KL_WARNING, at, "give a host's address within it", text,
            "is the address of the network itself");
    else if ((host & bits) == bits)
        say_invalid(l, KL_ERROR, at, "give a host's address within it", text,
            "is the broadcast address of its network");
}

/* The prefix length that the netmask field says; -1: none that is valid. */
static int netmask(const struct kl_line *l, const struct kl_arg *w, const struct fields *f,
    const struct kl_addr *a)
{
    struct kl_place at = kl_line_field_place(w, &f->f[3]);
    const char *text = f->f[3].text;
    unsigned long most = a->family == 4 ? 32 : 128, len;
    uint8_t dots;
    if (f->kinds[3] == MASK && a->family == 4 && kl_netmask_parse(text, &dots))
        return dots;
    if (f->kinds[3] == NUMBER && kl_number(text, most, &len))
        return (int)len;
    if (f->kinds[3] == NUMBER)
        say_invalid(l, KL_ERROR, at, NULL, text,
            kl_sprintf(l->a, "is no prefix length: they end at %lu", most));
    else if (f->kinds[3] == BAD4)
        say_invalid(l, KL_ERROR, at, NULL, text, "is no netmask");
    else if (f->kinds[3] == ADDRESS4 && masklike(text))
        say_invalid(l, KL_ERROR, at,
            "a netmask is ones, then zeros: 255.255.255.0; or write the length: 24", text,
            "is no netmask");
    return -1;
}

static bool address_in(
    const struct kl_line *l, const struct kl_field *f, struct kl_addr *a, int *len)
{
    unsigned long n = 0;
    if (*f->text == '[')
        return bracketed(l->a, f->text, a);
    const char *slash = strchr(f->text, '/');
    *len = slash && kl_number(slash + 1, 32, &n) ? (int)n : -1;
    return kl_addr_parse(kl_strndup(l->a, f->text, strcspn(f->text, "/")), a);
}

static void gateway(const struct kl_line *l, const struct kl_arg *w, const struct fields *f,
    const struct kl_addr *own)
{
    struct kl_addr a = {0};
    int len;
    if (!address_in(l, &f->f[2], &a, &len))
        return;
    struct kl_place at = kl_line_field_place(w, &f->f[2]);
    bool none = kl_streq(f->f[2].text, "0.0.0.0") || kl_streq(f->f[2].text, "[::]");
    if (own->family && kl_addr_eq(own, &a))
        say_invalid(l, KL_WARNING, at, "give the router's address, or leave the field empty",
            f->f[2].text, "is the host's own address: it cannot be its gateway");
    else if (!none && !kl_addr_is_unicast(&a))
        say_invalid(l, KL_ERROR, at, NULL, f->f[2].text, "cannot be the address of a gateway");
}

/* Fields that were meant to be an address, and are none. */
static bool malformed(const struct kl_line *l, const struct kl_arg *w, const struct fields *f)
{
    bool any = false;
    struct kl_addr a;
    for (size_t k = 0; k < f->n && k < 3; k++) {
        struct kl_place at = kl_line_field_place(w, &f->f[k]);
        bool four = f->kinds[k] == BAD6 && bracketed(l->a, f->f[k].text, &a);
        if (f->kinds[k] == BAD4)
            say_invalid(l, KL_ERROR, at, NULL, f->f[k].text, why_bad4(f->f[k].text));
        else if (four)
            say_invalid(l, KL_WARNING, at, "leave the brackets out", f->f[k].text,
                "is an IPv4 address: brackets are for IPv6");
        else if (f->kinds[k] == BAD6)
            say_invalid(l, KL_ERROR, at, NULL, f->f[k].text, "is no IPv6 address");
        any |= f->kinds[k] == BAD4 || f->kinds[k] == BAD6;
    }
    return any;
}

static void addresses(const struct kl_line *l, const struct kl_arg *w, const struct fields *f)
{
    struct kl_addr own = {0};
    int len = -1;
    if (is_short(f) && !(f->n == 1 && is_address(f->kinds[0])))
        return;
    if (malformed(l, w, f))
        return;
    if (address_in(l, &f->f[0], &own, &len)) {
        int said = f->n > 3 ? netmask(l, w, f, &own) : -1;
        own_address(l, w, f, &own, said >= 0 ? said : len);
    }
    if (f->n > 2)
        gateway(l, w, f, &own);
}

/* --- the same interface again -----------------------------------------------------------------*/

struct asked {
    const struct kl_arg *w;
    const char *interface, *address; /* address NULL: none */
    const char *method;
    unsigned families; /* bit 0: IPv4, bit 1: IPv6 */
};

static bool has_method(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *c = list; *c; c += *c != '\0') {
        size_t n = strcspn(c, ",");
        if (n == len && strncmp(c, word, n) == 0)
            return true;
        c += n;
    }
    return false;
}

static bool asked_for(const struct kl_line *l, const struct kl_arg *w, struct asked *out)
{
    struct fields f;
    read_fields(l, w->text, kl_line_value(w), &f);
    bool brief = is_short(&f);
    if (f.n < 2 || (!brief && f.n < 6) || first_bare(l, w->text, &f) < f.n)
        return false;
    *out = (struct asked){.w = w, .interface = f.f[brief ? 0 : 5].text};
    out->method = brief ? f.f[1].text : f.n > 6 ? f.f[6].text : "";
    if (!brief && f.f[0].len)
        out->address = f.f[0].text;
    if (out->address)
        out->families = f.kinds[0] == ADDRESS6 ? 2 : f.kinds[0] == ADDRESS4 ? 1 : 0;
    if (has_method(out->method, "dhcp") || has_method(out->method, "single-dhcp"))
        out->families |= 1;
    if (has_method(out->method, "dhcp6") || has_method(out->method, "auto6"))
        out->families |= 2;
    return *out->interface && !kl_line_is_method(out->interface);
}

/* NetworkManager merges arguments for one interface: addresses of both families are fine, and
 * several of one too; but of two methods for one family one is lost. */
static void merged(const struct kl_line *l, const struct asked *a, const struct asked *b)
{
    struct kl_diag *one = NULL;
    bool lost = has_method(a->method, "dhcp") && !a->address && !b->address &&
                (has_method(b->method, "dhcp6") || has_method(b->method, "auto6")) &&
                !(b->families & 1);
    if (kl_streq(a->w->text, b->w->text))
        one = kl_diag(l->d, KL_WARNING, "duplicate-ip", b->w->at, "leave one of them out",
            "%s is described twice, in the same words", b->interface);
    else if (lost)
        one = kl_diag(l->d, KL_WARNING, "duplicate-ip", b->w->at,
            has_method(b->method, "dhcp6")
                ? kl_diag_text(l->d, "write ip=%s:dhcp,dhcp6", b->interface)
                : "put it before the other",
            "%s is described twice: NetworkManager turns IPv4 off for the second, '%s'",
            b->interface, b->method);
    else if ((a->families & b->families) && (!a->address || !b->address))
        one = kl_diag(l->d, KL_WARNING, "duplicate-ip", b->w->at, "leave one of them out",
            "%s is described twice for the same family, in different ways", b->interface);
    if (one)
        kl_diag_also(l->d, one, a->w->at, "first here");
    if (one && kl_streq(a->w->text, b->w->text))
        kl_line_remove(l, one, b->w);
}

static void twice(const struct kl_line *l, const struct asked *a, const struct asked *b)
{
    if (strcmp(a->interface, b->interface) != 0)
        return;
    if (l->c->release->engine == KL_ENGINE_NM) {
        merged(l, a, b);
        return;
    }
    struct kl_diag *one = kl_diag(l->d, kl_capped(l->c, KL_ERROR), "duplicate-ip", b->w->at,
        "one ip= for each interface", "%s is described twice", b->interface);
    kl_diag_also(l->d, one, a->w->at, "first here");
    kl_diag_effect(l->d, one, "initrd: dracut of %s stops the boot at the second", l->release);
    if (kl_streq(a->w->text, b->w->text))
        kl_line_remove(l, one, b->w);
}

static void duplicates(const struct kl_line *l)
{
    struct asked list[KL_LINE_WORDS];
    size_t n = 0;
    for (size_t k = 0; k < l->c->line->n && n < KL_LINE_WORDS; k++) {
        const struct kl_arg *w = &l->c->line->args[k];
        if (!kl_starts(w->text, "ip=") || kl_line_open(w) || strlen(w->text) > KL_LINE_LONG ||
            !asked_for(l, w, &list[n]))
            continue;
        for (size_t m = 0; m < n; m++)
            if (kl_streq(list[m].interface, list[n].interface)) {
                twice(l, &list[m], &list[n]);
                break;
            }
        n++;
    }
}

/* --- the whole --------------------------------------------------------------------------------*/

static void judge(const struct kl_line *l, const struct kl_arg *w)
{
    struct fields f;
    size_t from = kl_line_value(w);
    while (kl_starts(w->text + from, "ip="))
        from += 3; /* said twice; rules_line_part.c */
    if (!w->text[from] || strlen(w->text) > KL_LINE_LONG)
        return;
    read_fields(l, w->text, from, &f);
    if (unbracketed(l, w, &f))
        return;
    if (!misplaced(l, w, &f))
        addresses(l, w, &f);
}

void kl_line_ips(const struct kl_line *l)
{
    size_t seen = 0;
    for (size_t k = 0; k < l->c->line->n && seen < KL_LINE_WORDS; k++) {
        const struct kl_arg *w = &l->c->line->args[k];
        if (!kl_starts(w->text, "ip=") || kl_line_open(w))
            continue;
        seen++;
        judge(l, w);
    }
    duplicates(l);
}
