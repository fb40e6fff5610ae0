/* ISC dhcpd.conf(5), read for its reservations.
 *
 * The language is statements that end in ';' and declarations that hold more of them in braces.
 * Host declarations are global wherever they stand; what a host is told comes, in this order
 * (server/dhcp.c of 4.4, ack_lease; common/execute.c, execute_statements_in_scope): from its own
 * declaration and what encloses that, as far as it does not enclose the subnet as well; from
 * classes; from the subnet that holds its address, and what encloses it. A pool has no fixed
 * addresses, so it says nothing to a host, unless the host stands in it.
 *
 * What is set below an `if` or by a class depends on the packet: it is not known, and hides what it
 * would win over. */
#include "stage/dhcpd.h"

#include <string.h>
#include <strings.h>

enum { MOST_DEPTH = 64, MOST_WORDS = 4096 };

/* How the statements of a block count. */
enum mode {
    CERTAIN,
    DEPENDS, /* below a condition */
    CLASS,   /* of machines that belong to a class */
};

struct flags {
    int booting, use_names; /* 0: not said; 1: yes; -1: no; 2: depends */
};

struct scope {
    const struct scope *up;
    struct kl_telling says;
    struct flags flags;
    struct host *host; /* of a host declaration; else NULL */
};

struct host {
    struct scope scope;
    const char *name;
    struct kl_place at;
    struct kl_mac mac;
    const char *client;
    struct kl_addr ip4, ip6;
    bool v6;
    struct kl_place mac_at, ip4_at, ip6_at;
    struct host *next;
};

struct parser {
    struct kl_arena *a, *scratch;
    struct kl_diags *d;
    struct kl_includes includes;
    struct kl_telling by_class;
    struct flags flags_by_class;
    struct kl_networks networks; /* owner: the subnet's scope */
    struct host *first, **last;
    bool v6; /* the file declares an IPv6 subnet */
};

/* --- words of a statement ----------------------------------------------------------------------*/

static bool is(const struct kl_dhcpd_statement *s, size_t k, const char *word)
{
    return k < s->n && s->words[k].kind == KL_DHCPD_WORD && strcasecmp(s->words[k].text, word) == 0;
}

static bool is_mark(const struct kl_dhcpd_statement *s, size_t k, const char *mark)
{
    return k < s->n && s->words[k].kind == KL_DHCPD_MARK && strcmp(s->words[k].text, mark) == 0;
}

/* From word `k` to the last one, as far as that is on one line. */
static struct kl_place from_word(const struct kl_dhcpd_statement *s, size_t k)
{
    struct kl_place at = s->words[k < s->n ? k : s->n - 1].at;
    const struct kl_place *end = &s->words[s->n - 1].at;
    if (end->line == at.line && end->col >= at.col)
        at.width = end->col + end->width - at.col;
    return at;
}

/* The words from `k` on, put together: blanks around colons mean nothing. */
static const char *joined(struct parser *p, const struct kl_dhcpd_statement *s, size_t k)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (; k < s->n; k++)
        kl_buf_add(&b, s->words[k].text);
    return kl_strdup(p->scratch, kl_buf_text(&b));
}

/* --- values ------------------------------------------------------------------------------------*/

/* Words parted by commas; strings only for what is a text. */
static struct kl_told *value(
    struct parser *p, enum kl_tell what, const struct kl_dhcpd_statement *s, size_t k)
{
    bool text = what == KL_TELL_HOSTNAME || what == KL_TELL_FILE || what == KL_TELL_BOOT4 ||
                what == KL_TELL_BOOT6;
    const char **list = kl_alloc(p->scratch, (s->n + 1) * sizeof *list);
    struct kl_place at = from_word(s, k);
    size_t n = 0, from = k;
    for (; k < s->n; k++) {
        bool comma = (k - from) % 2 == 1;
        if (comma ? !is_mark(s, k, ",")
                  : s->words[k].kind != (text ? KL_DHCPD_STRING : KL_DHCPD_WORD))
            return kl_told_unknown(p->a, at);
        if (!comma)
            list[n++] = s->words[k].text;
    }
    return n ? kl_told_make(p->a, what, list, n, at) : kl_told_unknown(p->a, at);
}

static void tell(struct parser *p, struct scope *to, enum mode mode, enum kl_tell what,
    const struct kl_dhcpd_statement *s, size_t k)
{
    if (what == KL_TELLS)
        return;
    struct kl_told *t =
        mode == CERTAIN ? value(p, what, s, k) : kl_told_unknown(p->a, from_word(s, k));
    if (mode == CLASS)
        p->by_class.told[what] = t;
    else
        to->says.told[what] = t;
    if (to->host && !t->known)
        kl_reserve_note(p->d, t->at,
            mode == DEPENDS ? "depends on a condition: not known for this host"
                            : "not a plain value: not known for this host");
}

static enum kl_tell option_by_name(const char *name)
{
    static const struct {
        const char *name;
        enum kl_tell what;
    } names[] = {
        {"subnet-mask", KL_TELL_MASK},
        {"routers", KL_TELL_ROUTER},
        {"domain-name-servers", KL_TELL_DNS4},
        {"host-name", KL_TELL_HOSTNAME},
        {"interface-mtu", KL_TELL_MTU},
        {"bootfile-name", KL_TELL_BOOT4},
        {"dhcp6.name-servers", KL_TELL_DNS6},
        {"dhcp6.bootfile-url", KL_TELL_BOOT6},
    };
    if (strncasecmp(name, "dhcp.", 5) == 0)
        name += 5;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (strcasecmp(names[k].name, name) == 0)
            return names[k].what;
    return KL_TELLS;
}

/* --- statements --------------------------------------------------------------------------------*/

static void option(
    struct parser *p, struct scope *to, enum mode mode, const struct kl_dhcpd_statement *s)
{
    if (s->n < 2)
        return;
    const char *name = s->words[1].text;
    if (is(s, 2, "code"))
        return; /* a definition */
    if (to->host && mode == CERTAIN &&
        (strcasecmp(name, "dhcp-client-identifier") == 0 ||
            strcasecmp(name, "dhcp6.client-id") == 0))
        kl_dhcpd_client(p->a, s, 2, &to->host->client);
    else
        tell(p, to, mode, option_by_name(name), s, 2);
}

/* `supersede NAME VALUE`, and the like: only the first does what `option` does. */
static void supersede(
    struct parser *p, struct scope *to, enum mode mode, const struct kl_dhcpd_statement *s)
{
    if (s->n < 2)
        return;
    if (!is(s, 0, "supersede"))
        mode = mode == CLASS ? CLASS : DEPENDS;
    tell(p, to, mode, option_by_name(s->words[1].text), s, 2);
}

static void set_flag(struct parser *p, struct scope *to, enum mode mode, bool booting, int on)
{
    struct flags *f = mode == CLASS ? &p->flags_by_class : &to->flags;
    *(booting ? &f->booting : &f->use_names) = mode == CERTAIN ? on : 2;
}

static void hardware(struct parser *p, struct host *h, const struct kl_dhcpd_statement *s)
{
    uint8_t bytes[7];
    struct kl_place at = from_word(s, 2);
    if (!is(s, 1, "ethernet") || s->n < 3 ||
        kl_hex_bytes(joined(p, s, 2), bytes, sizeof bytes) != sizeof h->mac.bytes) {
        kl_reserve_note(p->d, from_word(s, 1), "not an Ethernet address: not known");
        return;
    }
    memcpy(h->mac.bytes, bytes, sizeof h->mac.bytes);
    h->mac.set = true;
    h->mac_at = at;
}

static void fixed_address(
    struct parser *p, struct host *h, uint8_t family, const struct kl_dhcpd_statement *s)
{
    struct kl_addr one = {0};
    struct kl_place at = from_word(s, 1);
    h->v6 |= family == 6;
    if (s->n > 2)
        kl_reserve_note(p->d, at,
            "several addresses: which one is given depends on the network that the host is on");
    else if (s->n < 2 || !kl_addr_parse(s->words[1].text, &one) || one.family != family)
        kl_reserve_note(p->d, at, "a name, which the server looks up: the address is not known");
    else if (family == 4)
        h->ip4 = one, h->ip4_at = at;
    else
        h->ip6 = one, h->ip6_at = at;
}

static void host_statement(struct parser *p, struct host *h, const struct kl_dhcpd_statement *s)
{
    if (is(s, 0, "hardware"))
        hardware(p, h, s);
    else if (is(s, 0, "fixed-address"))
        fixed_address(p, h, 4, s);
    else if (is(s, 0, "fixed-address6"))
        fixed_address(p, h, 6, s);
    else if (is(s, 0, "uid"))
        kl_dhcpd_client(p->a, s, 1, &h->client);
    else if (is(s, 0, "host-identifier")) {
        bool duid = is(s, 2, "dhcp6.client-id");
        h->v6 |= duid;
        if (!duid && !is(s, 2, "dhcp-client-identifier"))
            kl_reserve_note(p->d, from_word(s, 1), "how this host is known is not understood");
        else
            kl_dhcpd_client(p->a, s, 3, &h->client);
    }
}

static int switch_value(const struct kl_dhcpd_statement *s, size_t k)
{
    return is(s, k, "on") || is(s, k, "true") ? 1 : is(s, k, "off") || is(s, k, "false") ? -1 : 2;
}

static void statement(
    struct parser *p, struct scope *to, enum mode mode, const struct kl_dhcpd_statement *s)
{
    bool allows = is(s, 0, "allow");
    if (is(s, 0, "option"))
        option(p, to, mode, s);
    else if (is(s, 0, "filename"))
        tell(p, to, mode, KL_TELL_FILE, s, 1);
    else if (is(s, 0, "next-server"))
        tell(p, to, mode, KL_TELL_NEXT, s, 1);
    else if (is(s, 0, "use-host-decl-names"))
        set_flag(p, to, mode, false, switch_value(s, 1));
    else if ((allows || is(s, 0, "deny") || is(s, 0, "ignore")) && is(s, 1, "booting"))
        set_flag(p, to, mode, true, allows ? 1 : -1);
    else if (is(s, 0, "supersede") || is(s, 0, "default") || is(s, 0, "append") ||
             is(s, 0, "prepend") || is(s, 0, "send"))
        supersede(p, to, mode, s);
    else if (to->host && mode == CERTAIN)
        host_statement(p, to->host, s);
}

/* --- declarations ------------------------------------------------------------------------------*/

static void block(
    struct parser *p, struct kl_dhcpd_lexer *l, struct scope *to, enum mode mode, unsigned depth);

static void include(struct parser *p, const struct kl_dhcpd_statement *s, struct scope *to,
    enum mode mode, unsigned depth)
{
    struct kl_text text;
    if (s->n != 2 || !kl_include_open(&p->includes, s->words[1].text, s->words[1].at, &text))
        return;
    struct kl_dhcpd_lexer inner;
    kl_dhcpd_lexer_begin(&inner, p->scratch, &text);
    block(p, &inner, to, mode, depth + 1);
    kl_dhcpd_lexer_end(&inner);
    kl_include_close(&p->includes);
}

static struct scope *new_scope(struct parser *p, const struct scope *up)
{
    struct scope *s = kl_alloc(p->scratch, sizeof *s);
    s->up = up;
    return s;
}

static struct scope *new_subnet(
    struct parser *p, const struct scope *up, const struct kl_dhcpd_statement *s)
{
    struct scope *to = new_scope(p, up);
    struct kl_prefix net = {0};
    bool good;
    if (is(s, 0, "subnet6"))
        good = s->n == 2 && kl_prefix_parse(s->words[1].text, &net) && net.addr.family == 6;
    else
        good = s->n == 4 && is(s, 2, "netmask") && kl_addr_parse(s->words[1].text, &net.addr) &&
               net.addr.family == 4 && kl_netmask_parse(s->words[3].text, &net.len);
    p->v6 |= good && net.addr.family == 6;
    if (good)
        kl_networks_add(p->scratch, &p->networks, net, to);
    else
        kl_reserve_note(p->d, from_word(s, 1), "not a network: its hosts' networks are not known");
    return to;
}

static struct scope *new_host(
    struct parser *p, const struct scope *up, const struct kl_dhcpd_statement *s)
{
    struct host *h = kl_alloc(p->scratch, sizeof *h);
    h->scope = (struct scope){.up = up, .host = h};
    h->name = s->n > 1 ? kl_strdup(p->a, s->words[1].text) : NULL;
    h->at = from_word(s, 0);
    *p->last = h;
    p->last = &h->next;
    return &h->scope;
}

/* What begins with `s` and stands in braces. */
static void declaration(struct parser *p, struct kl_dhcpd_lexer *l,
    const struct kl_dhcpd_statement *s, struct scope *to, enum mode mode, unsigned depth)
{
    bool plain = mode == CERTAIN && !to->host;
    if (depth >= MOST_DEPTH) {
        kl_reserve_note(p->d, from_word(s, 0), "nested too deep: left out");
        kl_dhcpd_skip(l);
    } else if (plain && is(s, 0, "host")) {
        block(p, l, new_host(p, to, s), CERTAIN, depth + 1);
    } else if (plain && (is(s, 0, "subnet") || is(s, 0, "subnet6"))) {
        block(p, l, new_subnet(p, to, s), CERTAIN, depth + 1);
    } else if (plain && (is(s, 0, "group") || is(s, 0, "shared-network") || is(s, 0, "pool") ||
                            is(s, 0, "pool6"))) {
        block(p, l, new_scope(p, to), CERTAIN, depth + 1);
    } else if (is(s, 0, "class") || is(s, 0, "subclass")) {
        block(p, l, new_scope(p, to), CLASS, depth + 1);
    } else if (is(s, 0, "if") || is(s, 0, "elsif") || is(s, 0, "else") || is(s, 0, "switch")) {
        block(p, l, to, mode == CLASS ? CLASS : DEPENDS, depth + 1);
    } else {
        kl_dhcpd_skip(l);
    }
}

/* To the end of a block, or of the text. */
static void block(
    struct parser *p, struct kl_dhcpd_lexer *l, struct scope *to, enum mode mode, unsigned depth)
{
    for (;;) {
        const struct kl_dhcpd_statement *s = kl_dhcpd_next(l, MOST_WORDS);
        enum kl_dhcpd_end end = s->end; /* what is read below overwrites it */
        if (s->n && s->end == KL_DHCPD_OPEN)
            declaration(p, l, s, to, mode, depth);
        else if (s->end == KL_DHCPD_OPEN)
            kl_dhcpd_skip(l);
        else if (is(s, 0, "include") && depth < MOST_DEPTH)
            include(p, s, to, mode, depth);
        else if (s->n)
            statement(p, to, mode, s);
        if (end == KL_DHCPD_TEXT_END || (end == KL_DHCPD_CLOSE && depth))
            return;
    }
}

/* --- what each host is told --------------------------------------------------------------------*/

static bool encloses(const struct scope *outer, const struct scope *s)
{
    for (; s; s = s->up)
        if (s == outer)
            return true;
    return false;
}

struct answer {
    struct kl_telling says;
    struct flags flags;
};

static void take(struct answer *to, const struct kl_telling *says, const struct flags *flags)
{
    for (int k = 0; k < KL_TELLS; k++)
        if (!to->says.told[k])
            to->says.told[k] = says->told[k];
    if (!to->flags.booting)
        to->flags.booting = flags->booting;
    if (!to->flags.use_names)
        to->flags.use_names = flags->use_names;
}

/* A host whose subnet is not known may be in any: only what is said for it alone is certain, and
 * what is said for all where no subnet says otherwise. */
static void resolve(struct parser *p, const struct host *h, const struct scope *subnet,
    const struct kl_telling *by_subnets, struct answer *to)
{
    static const struct flags none;
    const struct scope *s = &h->scope;
    for (; s && s->up && !(subnet && encloses(s, subnet)); s = s->up)
        take(to, &s->says, &s->flags);
    take(to, &p->by_class, &p->flags_by_class);
    if (subnet)
        s = subnet;
    else
        take(to, by_subnets, &none);
    for (; s; s = s->up)
        take(to, &s->says, &s->flags);
}

static void one_host(struct parser *p, const struct host *h, const struct kl_telling *by_subnets,
    struct kl_reserved_list *out)
{
    const struct kl_network *net4 = kl_networks_find(&p->networks, &h->ip4);
    const struct kl_network *net6 = kl_networks_find(&p->networks, &h->ip6);
    const struct kl_network *net = net4 ? net4 : net6;
    struct answer answer = {0};
    struct kl_reserved *r = kl_reserved_add(p->a, out);
    r->name = h->name;
    r->at = h->at;
    r->mac = h->mac;
    r->client = h->client;
    if (h->mac.set)
        kl_reserved_say(p->a, r, "mac", h->mac_at);
    resolve(p, h, net ? net->owner : NULL, by_subnets, &answer);
    r->refused = answer.flags.booting == -1;
    if (r->refused)
        return;
    if (h->ip4.family) {
        r->ip4 = (struct kl_prefix){h->ip4, net4 ? net4->prefix.len : 32};
        kl_reserved_say(p->a, r, "ip4", h->ip4_at);
    }
    if (h->ip6.family) {
        r->ip6 = (struct kl_prefix){h->ip6, net6 ? net6->prefix.len : 128};
        kl_reserved_say(p->a, r, "ip6", h->ip6_at);
    }
    bool v6 = h->v6 || (p->v6 && !h->ip4.family);
    bool v4 = !v6 || h->ip4.family;
    kl_reserved_fill(p->a, r, &answer.says, v4, v6);
    if (v4 && !answer.says.told[KL_TELL_HOSTNAME] && answer.flags.use_names == 1 && h->name) {
        r->hostname = h->name;
        kl_reserved_say(p->a, r, "hostname", h->at);
    }
}

/* What any subnet says, as not known. */
static struct kl_telling said_by_subnets(struct parser *p)
{
    struct kl_telling out = {0};
    for (size_t n = 0; n < p->networks.n; n++)
        for (const struct scope *s = p->networks.list[n].owner; s && s->up; s = s->up)
            for (int k = 0; k < KL_TELLS; k++)
                if (s->says.told[k] && !out.told[k])
                    out.told[k] = kl_told_unknown(p->scratch, s->says.told[k]->at);
    return out;
}

struct kl_reserved_list kl_dhcpd_parse(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_finder *files, struct kl_diags *d)
{
    struct kl_arena *scratch KL_ARENA_SCOPE = kl_arena_new();
    struct parser p = {.a = a, .scratch = scratch, .d = d};
    struct kl_reserved_list out = {0};
    struct scope top = {0};
    p.last = &p.first;
    p.includes = (struct kl_includes){.a = a, .files = files, .d = d};
    struct kl_text begin = kl_include_first(&p.includes, file, text, len);
    struct kl_dhcpd_lexer l;
    kl_dhcpd_lexer_begin(&l, scratch, &begin);
    block(&p, &l, &top, CERTAIN, 0);
    kl_dhcpd_lexer_end(&l);
    kl_networks_sort(&p.networks);
    struct kl_telling by_subnets = said_by_subnets(&p);
    for (const struct host *h = p.first; h; h = h->next)
        one_host(&p, h, &by_subnets, &out);
    return out;
}
