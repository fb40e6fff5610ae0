/* dnsmasq's configuration, read for its reservations: a line for each option, as src/option.c of
 * 2.90 parts it. Which options a machine is given is said in dnsmasq_tags.c.
 *
 * The network of an address is that of the dhcp-range= around it, when that has its mask; else it
 * is the interface's, and not known. Where no text says so, dnsmasq gives itself as router, name
 * server and boot server: its address is not known here. */
#include "stage/dnsmasq.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MOST_RANGES = 256, /* without a mask */
    ETHERNET = 6,      /* bytes */
};

enum how { CONFIGURATION, HOSTS, OPTIONS }; /* what the lines of a file are */

struct part {
    const char *text;
    struct kl_place at;
};
struct parts {
    struct part *list;
    size_t n;
};

/* A line without comment and quotes, and where each of its bytes stands. */
struct line {
    char *text;
    unsigned *cols;
    size_t len, room;
    const char *file;
    unsigned row;
};

struct range {
    struct kl_addr from, to;
    struct kl_dnsmasq_wants sets;
    bool open; /* its network is not known */
    const struct range *next;
};

struct id {
    struct kl_mac mac;
    const char *client;
    struct kl_place at;
};

struct host {
    struct id *ids;
    size_t nids;
    const char *name;
    struct kl_addr ip4, ip6;
    struct kl_place at, name_at, ip4_at, ip6_at;
    struct kl_dnsmasq_wants sets;
    bool refused, conditional, several6;
    struct host *next;
};

struct parser {
    struct kl_arena *a, *scratch;
    struct kl_diags *d;
    struct kl_includes includes;
    struct kl_dnsmasq_tags tags;
    struct kl_networks networks; /* owner: the range */
    const struct range *open, *only[2];
    size_t nranges[2];
    unsigned nopen;
    struct host *first, **last;
    bool pxe; /* pxe-service=: the boot file is chosen in a menu */
};

/* --- lines -------------------------------------------------------------------------------------*/

enum { COMMA_IN_QUOTES = '\001' };

static void keep(struct line *l, char c, unsigned col)
{
    if (l->len + 1 >= l->room) {
        l->room = l->room ? l->room * 2 : 256;
        l->text = kl_xrealloc(l->text, l->room);
        l->cols = kl_xrealloc(l->cols, l->room * sizeof *l->cols);
    }
    l->text[l->len] = c;
    l->cols[l->len++] = col;
    l->text[l->len] = '\0';
}

static char unescaped(char c)
{
    static const char letters[] = "\"tnebr\\", values[] = "\"\t\n\033\b\r\\";
    const char *letter = c ? strchr(letters, c) : NULL;
    return letter ? values[letter - letters] : '\0';
}

/* What is between quotes: no comment, no comma that parts. Returns the byte after it. */
static const char *quoted(struct line *l, const char *begin, const char *c, const char *end)
{
    for (c++; c < end && *c != '"'; c++) {
        unsigned col = (unsigned)(c - begin + 1);
        char plain = *c == '\\' && c + 1 < end ? unescaped(c[1]) : '\0';
        c += plain != '\0';
        keep(l, plain ? plain : *c == ',' ? COMMA_IN_QUOTES : *c, col);
    }
    return c < end ? c + 1 : c;
}

/* The line from `c` to `end`, cleaned; blanks at its ends are gone. */
static void clean(struct line *l, const char *c, const char *end)
{
    const char *begin = c;
    bool blank = true;
    l->len = 0;
    while (c < end) {
        bool is_blank = (unsigned char)*c <= ' ';
        if (*c == '"') {
            c = quoted(l, begin, c, end);
            blank = false;
            continue;
        }
        if (blank && *c == '#')
            break;
        if (!is_blank || l->len)
            keep(l, is_blank ? ' ' : *c, (unsigned)(c - begin + 1));
        blank = is_blank;
        c++;
    }
    while (l->len && l->text[l->len - 1] == ' ')
        l->len--;
}

static struct kl_place place(const struct line *l, size_t from, size_t to)
{
    if (from >= l->len)
        return (struct kl_place){l->file, l->row, l->len ? l->cols[l->len - 1] : 1, 0};
    unsigned col = l->cols[from], last = to > from ? l->cols[to - 1] : col;
    return (struct kl_place){l->file, l->row, col, last + 1 - col};
}

static struct part part_of(struct parser *p, const struct line *l, size_t from, size_t to)
{
    while (from < to && l->text[from] == ' ')
        from++;
    while (to > from && l->text[to - 1] == ' ')
        to--;
    char *text = kl_strndup(p->scratch, l->text + from, to - from);
    for (char *c = text; (c = strchr(c, COMMA_IN_QUOTES));)
        *c = ',';
    return (struct part){text, place(l, from, to)};
}

static struct parts split(struct parser *p, const struct line *l, size_t from)
{
    struct parts out = {0};
    while (from <= l->len && l->len) {
        const char *comma = memchr(l->text + from, ',', l->len - from);
        size_t to = comma ? (size_t)(comma - l->text) : l->len;
        out.list = kl_grow(p->scratch, out.list, out.n, sizeof *out.list);
        out.list[out.n++] = part_of(p, l, from, to);
        from = to + 1;
    }
    return out;
}

/* What follows one of the prefixes "tag:" and "net:", or another; NULL: it does not begin so. */
static const char *after(const char *s, const char *prefix)
{
    return kl_starts(s, prefix) ? s + strlen(prefix) : NULL;
}

static const char *after_tag(const char *s)
{
    const char *tag = after(s, "tag:");
    return tag ? tag : after(s, "net:");
}

/* From part `k` to the last. */
static struct kl_place from_part(const struct parts *v, size_t k)
{
    struct kl_place at = v->list[k < v->n ? k : v->n - 1].at;
    const struct kl_place *end = &v->list[v->n - 1].at;
    if (end->col >= at.col)
        at.width = end->col + end->width - at.col;
    return at;
}

static bool is_digits(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s);
}

/* --- dhcp-option= ------------------------------------------------------------------------------*/

static enum kl_tell option_by_name(int family, const char *name)
{
    static const struct {
        int family;
        const char *name;
        enum kl_tell what;
    } names[] = {
        {4, "netmask", KL_TELL_MASK},
        {4, "router", KL_TELL_ROUTER},
        {4, "dns-server", KL_TELL_DNS4},
        {4, "hostname", KL_TELL_HOSTNAME},
        {4, "mtu", KL_TELL_MTU},
        {4, "bootfile-name", KL_TELL_BOOT4},
        {6, "dns-server", KL_TELL_DNS6},
        {6, "bootfile-url", KL_TELL_BOOT6},
    };
    unsigned long code;
    if (kl_number(name, 65535, &code))
        return kl_tell_by_code(family, code);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (names[k].family == family && strcasecmp(names[k].name, name) == 0)
            return names[k].what;
    return KL_TELLS;
}

/* An address of all zeros stands for dnsmasq's own; and of IPv6 some more do. */
static bool is_own_address(const char *s)
{
    return strcmp(s, "0.0.0.0") == 0 || strcmp(s, "::") == 0 || strcmp(s, "fd00::") == 0 ||
           strcmp(s, "fe80::") == 0;
}

static struct kl_told *option_value(
    struct parser *p, enum kl_tell what, const struct parts *v, size_t k)
{
    size_t n = 0;
    const char **words = kl_alloc(p->scratch, (v->n + 1) * sizeof *words);
    struct kl_place at = from_part(v, k < v->n ? k : 0);
    for (; k < v->n; k++) {
        const char *s = v->list[k].text;
        size_t len = strlen(s);
        if (what == KL_TELL_DNS6 && len > 2 && s[0] == '[' && s[len - 1] == ']')
            s = kl_strndup(p->scratch, s + 1, len - 2);
        if (is_own_address(s))
            return kl_told_unknown(p->a, at);
        words[n++] = s;
    }
    return kl_told_make(p->a, what, words, n, at);
}

static void dhcp_option(struct parser *p, const struct parts *v)
{
    struct kl_dnsmasq_wants wants = {0};
    for (size_t k = 0; k < v->n; k++) {
        const char *s = v->list[k].text, *name4 = after(s, "option:");
        const char *name6 = after(s, "option6:"), *tag = after_tag(s);
        if (kl_starts(s, "vendor:") || kl_starts(s, "encap:") || kl_starts(s, "vi-encap:"))
            return;
        if (!name4 && !name6 && !is_digits(s)) {
            kl_dnsmasq_want(&p->tags, &wants, tag ? tag : s);
            continue;
        }
        enum kl_tell what = option_by_name(name6 ? 6 : 4, name6 ? name6 : name4 ? name4 : s);
        if (what != KL_TELLS)
            kl_dnsmasq_add(&p->tags, what, option_value(p, what, v, k + 1), wants);
        return;
    }
}

/* [tag:T,]FILE[,SERVER NAME[,ADDRESS]]. All of it is chosen together. */
static void dhcp_boot(struct parser *p, const struct parts *v)
{
    struct kl_dnsmasq_wants wants = {0};
    size_t k = 0;
    for (const char *tag; k < v->n && (tag = after_tag(v->list[k].text)); k++)
        kl_dnsmasq_want(&p->tags, &wants, tag);
    if (k >= v->n)
        return;
    kl_dnsmasq_add(&p->tags, KL_TELL_FILE,
        kl_told_make(p->a, KL_TELL_FILE, &v->list[k].text, 1, v->list[k].at), wants);
    struct kl_told *server = kl_told_unknown(p->a, v->list[k].at);
    if (k + 2 < v->n)
        server = kl_told_make(p->a, KL_TELL_NEXT, &v->list[k + 2].text, 1, v->list[k + 2].at);
    kl_dnsmasq_add(&p->tags, KL_TELL_NEXT, server, wants);
}

static void dhcp_ignore(struct parser *p, const struct parts *v)
{
    struct kl_dnsmasq_wants wants = {0};
    for (size_t k = 0; k < v->n; k++) {
        const char *tag = after_tag(v->list[k].text);
        kl_dnsmasq_want(&p->tags, &wants, tag ? tag : v->list[k].text);
    }
    if (wants.n)
        kl_dnsmasq_add(&p->tags, KL_TELLS, NULL, wants);
}

/* What sets tags by what a packet holds. */
static void sets_tags(struct parser *p, const struct parts *v)
{
    for (size_t k = 0; k < v->n; k++) {
        const char *tag = after(v->list[k].text, "set:");
        if (!tag && k == 0)
            tag = after(v->list[k].text, "net:");
        if (tag || k == 0)
            kl_dnsmasq_tag(&p->tags, tag ? tag : v->list[k].text)->by_other = true;
    }
}

/* --- dhcp-range= -------------------------------------------------------------------------------*/

static size_t range_tags(struct parser *p, const struct parts *v, struct range *r)
{
    size_t k = 0;
    struct kl_addr ignored;
    for (; k < v->n && !kl_addr_parse(v->list[k].text, &ignored); k++) {
        const char *s = v->list[k].text, *set = after(s, "set:");
        if (after(s, "tag:"))
            continue; /* which machines it is for */
        set = set ? set : after(s, "net:") ? after(s, "net:") : s;
        kl_dnsmasq_want(&p->tags, &r->sets, set);
        kl_dnsmasq_range_sets(&p->tags, set);
    }
    return k;
}

/* START[,END|MODE...][,NETMASK[,BROADCAST]|,LENGTH][,LEASE]: the length of the prefix, or -1. */
static int range_rest(const struct parts *v, size_t k, struct range *r)
{
    int len = r->from.family == 6 ? 64 : -1;
    struct kl_addr addr;
    uint8_t mask;
    unsigned long number;
    bool done = false;
    for (size_t first = k; k < v->n && !done; k++) {
        const char *s = v->list[k].text;
        if (kl_starts(s, "constructor:"))
            return -1;
        if (k == first && kl_addr_parse(s, &addr) && addr.family == r->from.family) {
            r->to = addr;
        } else if (r->from.family == 4 && kl_netmask_parse(s, &mask)) {
            len = mask;
            done = true;
        } else if (is_digits(s)) {
            if (r->from.family == 6 && kl_number(s, 128, &number))
                len = (int)number;
            done = true;
        }
    }
    return len;
}

static void dhcp_range(struct parser *p, const struct parts *v)
{
    struct range *r = kl_alloc(p->scratch, sizeof *r);
    size_t k = range_tags(p, v, r);
    if (k >= v->n || !kl_addr_parse(v->list[k].text, &r->from))
        return;
    r->to = r->from;
    int len = range_rest(v, k + 1, r);
    bool six = r->from.family == 6;
    p->only[six] = r;
    p->nranges[six]++;
    if (len >= 0) {
        kl_networks_add(p->scratch, &p->networks, (struct kl_prefix){r->from, (uint8_t)len}, r);
    } else if (p->nopen < MOST_RANGES) {
        r->open = true;
        r->next = p->open;
        p->open = r;
        p->nopen++;
    }
}

static const struct range *range_of(struct parser *p, const struct kl_addr *addr, uint8_t *len)
{
    bool six = addr->family == 6;
    const struct kl_network *net = kl_networks_find(&p->networks, addr);
    if (net)
        *len = net->prefix.len;
    if (net || !addr->family)
        return net ? net->owner : NULL;
    for (const struct range *r = p->open; r; r = r->next)
        if (r->from.family == addr->family &&
            memcmp(r->from.bytes, addr->bytes, sizeof addr->bytes) <= 0 &&
            memcmp(addr->bytes, r->to.bytes, sizeof addr->bytes) <= 0)
            return r;
    return p->nranges[six] == 1 && p->only[six]->open ? p->only[six] : NULL;
}

/* --- dhcp-host= --------------------------------------------------------------------------------*/

static struct id *add_id(struct parser *p, struct host *h, struct kl_place at)
{
    h->ids = kl_grow(p->scratch, h->ids, h->nids, sizeof *h->ids);
    struct id *id = &h->ids[h->nids++];
    *id = (struct id){.at = at};
    return id;
}

static void client_id(struct parser *p, struct host *h, const struct part *s)
{
    uint8_t bytes[256];
    const char *text = s->text + strlen("id:");
    if (strcmp(text, "*") == 0)
        return; /* the client's own identifier is not looked at */
    size_t n = strchr(text, ':') ? kl_hex_bytes(text, bytes, sizeof bytes) : 0;
    add_id(p, h, s->at)->client =
        n ? kl_hex_text(p->a, bytes, n) : kl_hex_text(p->a, (const uint8_t *)text, strlen(text));
}

static void address6(struct parser *p, struct host *h, const struct part *s)
{
    struct kl_addr addr = {0};
    size_t len = strlen(s->text);
    const char *text = kl_strndup(p->scratch, s->text + 1, len > 2 ? len - 2 : 0);
    bool is_host_part = kl_starts(text, "::"); /* the network is that of the interface */
    if (h->ip6.family || h->several6) {
        kl_reserve_note(p->d, s->at, "several addresses: which one is given is not known");
        h->several6 = true;
        h->ip6.family = 0;
    } else if (!kl_addr_parse(text, &addr) || addr.family != 6 || is_host_part) {
        kl_reserve_note(p->d, s->at, "not one whole address: not known");
        h->several6 = true;
    } else {
        h->ip6 = addr;
        h->ip6_at = s->at;
    }
}

/* [TYPE-]xx:xx:xx:xx:xx:xx, where some may be '*'. */
static void hardware(struct parser *p, struct host *h, const struct part *s)
{
    uint8_t bytes[17];
    const char *text = s->text;
    size_t dash = strcspn(text, "-:");
    bool ether = true;
    if (text[dash] == '-') {
        ether = strtoul(text, NULL, 16) == 1;
        text += dash + 1;
    }
    if (!ether || kl_hex_bytes(text, bytes, sizeof bytes) != ETHERNET) {
        kl_reserve_note(p->d, s->at, "not one Ethernet address: not known");
        return;
    }
    struct id *id = add_id(p, h, s->at);
    memcpy(id->mac.bytes, bytes, sizeof id->mac.bytes);
    id->mac.set = true;
}

static bool is_lease_time(const char *s)
{
    size_t digits = strspn(s, "0123456789");
    return strcmp(s, "infinite") == 0 ||
           (digits && (!s[digits] || (strchr("sSmMhHdDwW", s[digits]) && !s[digits + 1])));
}

static void host_part(struct parser *p, struct host *h, const struct part *s)
{
    struct kl_addr addr;
    if (!*s->text || is_lease_time(s->text))
        return;
    const char *set = after(s->text, "set:");
    set = set ? set : after(s->text, "net:");
    if (set) {
        kl_dnsmasq_want(&p->tags, &h->sets, set);
        kl_dnsmasq_tag(&p->tags, set)->by_host = true;
    } else if (after(s->text, "tag:")) {
        h->conditional = true;
        kl_reserve_note(p->d, s->at, "depends on a tag: what this host is given is not known");
    } else if (after(s->text, "id:")) {
        client_id(p, h, s);
    } else if (*s->text == '[') {
        address6(p, h, s);
    } else if (strchr(s->text, ':')) {
        hardware(p, h, s);
    } else if (kl_addr_parse(s->text, &addr)) {
        h->ip4 = addr;
        h->ip4_at = s->at;
    } else if (strcmp(s->text, "ignore") == 0) {
        h->refused = true;
    } else {
        h->name = kl_strdup(p->a, s->text);
        h->name_at = s->at;
    }
}

static void dhcp_host(struct parser *p, const struct parts *v)
{
    struct host *h = kl_alloc(p->scratch, sizeof *h);
    if (!v->n)
        return;
    h->at = from_part(v, 0);
    kl_dnsmasq_want(&p->tags, &h->sets, "known");
    for (size_t k = 0; k < v->n; k++)
        host_part(p, h, &v->list[k]);
    *p->last = h;
    p->last = &h->next;
}

/* --- files -------------------------------------------------------------------------------------*/

static void read_lines(struct parser *p, const struct kl_text *t, enum how how);

static void include(struct parser *p, const struct parts *v, enum how how)
{
    struct kl_text text;
    if (v->n && *v->list[0].text &&
        kl_include_open(&p->includes, v->list[0].text, v->list[0].at, &text)) {
        read_lines(p, &text, how);
        kl_include_close(&p->includes);
    }
}

static bool one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(s, *list) == 0)
            return true;
    return false;
}

static void named(struct parser *p, const char *name, const struct parts *v)
{
    static const char *const options[] = {
        "dhcp-option", "dhcp-option-force", "dhcp-option-pxe", NULL};
    static const char *const taggers[] = {"dhcp-match", "dhcp-vendorclass", "dhcp-userclass",
        "dhcp-mac", "dhcp-circuitid", "dhcp-remoteid", "dhcp-subscrid", "dhcp-name-match", "tag-if",
        NULL};
    static const char *const files[] = {"conf-file", "conf-dir", NULL};
    static const char *const hosts[] = {"dhcp-hostsfile", "dhcp-hostsdir", NULL};
    static const char *const opts[] = {"dhcp-optsfile", "dhcp-optsdir", NULL};
    if (strcmp(name, "dhcp-host") == 0)
        dhcp_host(p, v);
    else if (one_of(name, options))
        dhcp_option(p, v);
    else if (strcmp(name, "dhcp-range") == 0)
        dhcp_range(p, v);
    else if (strcmp(name, "dhcp-boot") == 0)
        dhcp_boot(p, v);
    else if (strcmp(name, "dhcp-ignore") == 0)
        dhcp_ignore(p, v);
    else if (one_of(name, taggers))
        sets_tags(p, v);
    else if (one_of(name, files))
        include(p, v, CONFIGURATION);
    else if (one_of(name, hosts))
        include(p, v, HOSTS);
    else if (one_of(name, opts))
        include(p, v, OPTIONS);
    else if (strcmp(name, "pxe-service") == 0)
        p->pxe = true;
}

static void read_line(struct parser *p, const struct line *l, enum how how)
{
    struct parts v;
    if (how != CONFIGURATION) {
        v = split(p, l, 0);
        if (how == HOSTS)
            dhcp_host(p, &v);
        else
            dhcp_option(p, &v);
        return;
    }
    const char *equals = memchr(l->text, '=', l->len);
    size_t end = equals ? (size_t)(equals - l->text) : l->len;
    const char *name = part_of(p, l, 0, end).text;
    if (kl_starts(name, "--"))
        name += 2;
    v = equals ? split(p, l, end + 1) : (struct parts){0};
    named(p, name, &v);
}

static void read_lines(struct parser *p, const struct kl_text *t, enum how how)
{
    struct line l = {.file = t->file};
    const char *c = t->text, *end = t->text + t->len;
    while (c < end) {
        const char *newline = memchr(c, '\n', (size_t)(end - c));
        const char *stop = newline ? newline : end;
        l.row++;
        clean(&l, c, stop);
        if (l.len)
            read_line(p, &l, how);
        c = newline ? newline + 1 : end;
    }
    free(l.text);
    free(l.cols);
}

/* --- what each host is given -------------------------------------------------------------------*/

static void set_addresses(
    struct parser *p, struct kl_reserved *r, const struct host *h, uint8_t len4, uint8_t len6)
{
    if (h->ip4.family) {
        r->ip4 = (struct kl_prefix){h->ip4, len4};
        kl_reserved_say(p->a, r, "ip4", h->ip4_at);
    }
    if (h->ip6.family) {
        r->ip6 = (struct kl_prefix){h->ip6, len6};
        kl_reserved_say(p->a, r, "ip6", h->ip6_at);
    }
}

/* The name without its domain: that is sent apart. */
static const struct kl_told *name_told(struct parser *p, const struct host *h)
{
    const char *sent = kl_strndup(p->a, h->name, strcspn(h->name, "."));
    return kl_told_make(p->a, KL_TELL_HOSTNAME, &sent, 1, h->name_at);
}

static void one_host(
    struct parser *p, const struct host *h, const struct id *id, struct kl_reserved_list *out)
{
    struct kl_reserved *r = kl_reserved_add(p->a, out);
    uint8_t len4 = 32, len6 = 128;
    const struct range *range4 = range_of(p, &h->ip4, &len4);
    const struct range *range6 = range_of(p, &h->ip6, &len6);
    const struct range *range = range4 ? range4 : range6;
    if (!h->ip4.family && !h->ip6.family && p->nranges[0] == 1)
        range = p->only[0]; /* there is no other that it may be given an address of */
    bool refused, v4 = h->ip4.family || !(h->ip6.family || h->several6);
    r->name = h->name;
    r->at = h->at;
    if (id) {
        r->mac = id->mac;
        r->client = id->client;
        if (id->mac.set)
            kl_reserved_say(p->a, r, "mac", id->at);
    }
    struct kl_telling says =
        kl_dnsmasq_choose(&p->tags, &h->sets, range ? &range->sets : NULL, &refused);
    r->refused = h->refused || refused;
    if (r->refused || h->conditional)
        return;
    set_addresses(p, r, h, len4, len6);
    if (h->name && !says.told[KL_TELL_HOSTNAME])
        says.told[KL_TELL_HOSTNAME] = name_told(p, h);
    if (p->pxe)
        says.told[KL_TELL_FILE] = kl_told_unknown(p->a, h->at);
    kl_reserved_fill(p->a, r, &says, v4, h->ip6.family != 0);
}

/* One for each MAC, with the client identifier if there is one; else one for each of those. */
static void each_id(struct parser *p, const struct host *h, struct kl_reserved_list *out)
{
    const char *client = NULL;
    bool by_mac = false;
    for (size_t k = 0; k < h->nids; k++) {
        by_mac |= h->ids[k].mac.set;
        client = client ? client : h->ids[k].client;
    }
    for (size_t k = 0; k < h->nids; k++) {
        struct id id = h->ids[k];
        if (by_mac && !id.mac.set)
            continue;
        id.client = by_mac ? client : id.client;
        one_host(p, h, &id, out);
    }
    if (!h->nids)
        one_host(p, h, NULL, out);
}

struct kl_reserved_list kl_dnsmasq_parse(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_finder *files, struct kl_diags *d)
{
    struct kl_arena *scratch KL_ARENA_SCOPE = kl_arena_new();
    struct parser p = {.a = a, .scratch = scratch, .d = d};
    struct kl_reserved_list out = {0};
    p.last = &p.first;
    p.tags.a = scratch;
    p.includes = (struct kl_includes){.a = a, .files = files, .d = d};
    struct kl_text begin = kl_include_first(&p.includes, file, text, len);
    read_lines(&p, &begin, CONFIGURATION);
    kl_networks_sort(&p.networks);
    kl_dnsmasq_tag(&p.tags, "known")->by_host = true;
    kl_dnsmasq_index(&p.tags);
    for (const struct host *h = p.first; h; h = h->next)
        each_id(&p, h, &out);
    kl_names_free(&p.tags.names);
    return out;
}
