/* Kea's Dhcp4 and Dhcp6, read for their reservations.
 *
 * An option comes, in this order, from the reservation, the pool that holds the address, the
 * subnet, its shared network, the client's classes, the top (Kea 2.2, dhcp4_srv.cc and
 * dhcp6_srv.cc, buildCfgOptionList). The fields next-server and boot-file-name come from the
 * reservation, the classes, and then the subnet with what it inherits (setFixedFields). Classes
 * depend on the packet: what one may set is not known, and hides what it would win over.
 *
 * Reservations outside subnets count only where "reservations-global" is on, those of a subnet
 * unless "reservations-in-subnet" is off; before 2.0 "reservation-mode" says both. */
#include "stage/kea.h"

#include <string.h>

enum { MOST_POOLS = 64 }; /* with options of their own, in one subnet */

enum { NO = -1, NOT_SAID, YES };

/* The top, a shared network, a subnet. */
struct scope {
    const struct scope *up;
    const struct kl_json *node;
    struct kl_telling options, fields;
    const char *suffix; /* ddns-qualifying-suffix; NULL: not said */
    int in_subnet, global;
    struct kl_prefix net; /* of a subnet */
    const struct pool *pools;
};

struct pool {
    struct kl_addr from, to;
    struct kl_telling options;
    const struct pool *next;
};

struct parser {
    struct kl_arena *a, *scratch;
    struct kl_diags *d;
    int family;
    struct kl_telling options_by_class, fields_by_class;
    struct kl_telling by_subnets; /* what any of them says, as not known */
    struct kl_networks networks;  /* owner: the subnet's scope */
    bool any_global;              /* somewhere reservations of the top count */
    struct kl_reserved_list out;
};

/* --- values ------------------------------------------------------------------------------------*/

/* The words of a value in CSV form, blanks around them taken off. */
static const char **split(struct parser *p, const char *s, size_t *n)
{
    const char **out = NULL;
    *n = 0;
    while (*s) {
        size_t blank = strspn(s, " \t"), len = strcspn(s + blank, ","), trimmed = len;
        s += blank;
        while (trimmed && (s[trimmed - 1] == ' ' || s[trimmed - 1] == '\t'))
            trimmed--;
        out = kl_grow(p->scratch, out, *n, sizeof *out);
        out[(*n)++] = kl_strndup(p->scratch, s, trimmed);
        s += len;
        s += *s == ',';
    }
    return out;
}

static enum kl_tell option_of(const struct parser *p, const struct kl_json *o)
{
    static const struct {
        int family;
        const char *name;
        enum kl_tell what;
    } names[] = {
        {4, "subnet-mask", KL_TELL_MASK},
        {4, "routers", KL_TELL_ROUTER},
        {4, "domain-name-servers", KL_TELL_DNS4},
        {4, "host-name", KL_TELL_HOSTNAME},
        {4, "interface-mtu", KL_TELL_MTU},
        {4, "boot-file-name", KL_TELL_BOOT4},
        {6, "dns-servers", KL_TELL_DNS6},
        {6, "bootfile-url", KL_TELL_BOOT6},
    };
    const char *space = kl_json_string(o, "space"), *name = kl_json_string(o, "name");
    const struct kl_json *code = kl_json_get(o, "code");
    unsigned long number;
    if (space && strcmp(space, p->family == 4 ? "dhcp4" : "dhcp6") != 0)
        return KL_TELLS;
    if (code && code->kind == KL_JSON_WORD && kl_number(code->text, 65535, &number))
        return kl_tell_by_code(p->family, number);
    for (size_t k = 0; name && k < sizeof names / sizeof *names; k++)
        if (names[k].family == p->family && strcmp(names[k].name, name) == 0)
            return names[k].what;
    return KL_TELLS;
}

static const struct kl_told *option_value(
    struct parser *p, enum kl_tell what, const struct kl_json *o)
{
    const struct kl_json *data = kl_json_get(o, "data");
    struct kl_place at = data ? data->at : o->at;
    size_t n;
    if (!data || data->kind != KL_JSON_STRING || kl_json_is(o, "csv-format", "false") ||
        kl_json_is(o, "never-send", "true") || kl_json_get(o, "client-classes"))
        return kl_told_unknown(p->a, at);
    const char **words = split(p, data->text, &n);
    return kl_told_make(p->a, what, words, n, at);
}

static void read_options(struct parser *p, const struct kl_json *node, struct kl_telling *to)
{
    const struct kl_json *list = kl_json_get(node, "option-data");
    for (const struct kl_json *o = list ? list->first : NULL; o; o = o->next) {
        enum kl_tell what = option_of(p, o);
        if (what != KL_TELLS)
            to->told[what] = option_value(p, what, o);
    }
}

static void read_fields(struct parser *p, const struct kl_json *node, struct kl_telling *to)
{
    const struct kl_json *server = kl_json_get(node, "next-server");
    const struct kl_json *file = kl_json_get(node, "boot-file-name");
    if (server && server->kind == KL_JSON_STRING)
        to->told[KL_TELL_NEXT] =
            kl_told_make(p->a, KL_TELL_NEXT, &server->text, *server->text != '\0', server->at);
    if (file && file->kind == KL_JSON_STRING)
        to->told[KL_TELL_FILE] = kl_told_make(p->a, KL_TELL_FILE, &file->text, 1, file->at);
}

static void take(struct kl_telling *to, const struct kl_telling *from)
{
    for (int k = 0; k < KL_TELLS; k++)
        if (!to->told[k])
            to->told[k] = from->told[k];
}

static void take_unknown(struct parser *p, struct kl_telling *to, const struct kl_telling *from)
{
    for (int k = 0; k < KL_TELLS; k++)
        if (!to->told[k] && from->told[k])
            to->told[k] = kl_told_unknown(p->a, from->told[k]->at);
}

/* --- scopes ------------------------------------------------------------------------------------*/

static int flag(const struct kl_json *node, const char *key)
{
    return kl_json_is(node, key, "true") ? YES : kl_json_is(node, key, "false") ? NO : NOT_SAID;
}

static void read_modes(struct scope *s)
{
    const char *mode = kl_json_string(s->node, "reservation-mode");
    s->in_subnet = flag(s->node, "reservations-in-subnet");
    s->global = flag(s->node, "reservations-global");
    if (mode && !s->in_subnet && !s->global) {
        bool global = strcmp(mode, "global") == 0;
        s->global = global ? YES : NO;
        s->in_subnet = global || strcmp(mode, "disabled") == 0 ? NO : YES;
    }
    if (s->up && !s->in_subnet)
        s->in_subnet = s->up->in_subnet;
}

static struct scope *new_scope(struct parser *p, const struct scope *up, const struct kl_json *node)
{
    struct scope *s = kl_alloc(p->scratch, sizeof *s);
    s->up = up;
    s->node = node;
    read_options(p, node, &s->options);
    read_fields(p, node, &s->fields);
    read_modes(s);
    p->any_global |= s->global == YES;
    s->suffix = kl_json_string(node, "ddns-qualifying-suffix");
    if (up && !s->suffix)
        s->suffix = up->suffix;
    if (up) {
        take_unknown(p, &p->by_subnets, &s->options);
        take_unknown(p, &p->by_subnets, &s->fields);
    }
    return s;
}

/* "192.0.2.1 - 192.0.2.9", or a prefix. */
static bool pool_bounds(const char *text, struct pool *out)
{
    struct kl_prefix net;
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (; *text; text++)
        if (*text != ' ' && *text != '\t')
            kl_buf_addc(&b, *text);
    char *dash = b.s ? strchr(b.s, '-') : NULL;
    if (dash) {
        *dash = '\0';
        return kl_addr_parse(b.s, &out->from) && kl_addr_parse(dash + 1, &out->to);
    }
    if (!kl_prefix_parse(kl_buf_text(&b), &net))
        return false;
    out->from = out->to = net.addr;
    for (unsigned k = 0, size = net.addr.family == 4 ? 4 : 16; k < size; k++) {
        unsigned bits = net.len > k * 8 ? net.len - k * 8 : 0;
        uint8_t host = bits >= 8 ? 0 : (uint8_t)(0xff >> bits);
        out->from.bytes[k] &= (uint8_t)~host;
        out->to.bytes[k] |= host;
    }
    return true;
}

static void read_pools(struct parser *p, struct scope *s)
{
    const struct kl_json *list = kl_json_get(s->node, "pools");
    unsigned n = 0;
    for (const struct kl_json *one = list ? list->first : NULL; one && n < MOST_POOLS;
         one = one->next) {
        const char *text = kl_json_string(one, "pool");
        struct pool *pool;
        if (!text || !kl_json_get(one, "option-data"))
            continue;
        pool = kl_alloc(p->scratch, sizeof *pool);
        if (!pool_bounds(text, pool))
            continue;
        read_options(p, one, &pool->options);
        take_unknown(p, &p->by_subnets, &pool->options);
        pool->next = s->pools;
        s->pools = pool;
        n++;
    }
}

static bool in_pool(const struct pool *p, const struct kl_addr *a)
{
    return p->from.family == a->family && p->to.family == a->family &&
           memcmp(p->from.bytes, a->bytes, sizeof a->bytes) <= 0 &&
           memcmp(a->bytes, p->to.bytes, sizeof a->bytes) <= 0;
}

/* --- one reservation ---------------------------------------------------------------------------*/

static void read_identity(struct parser *p, struct kl_reserved *r, const struct kl_json *node)
{
    static const char *const keys[] = {"duid", "client-id"};
    const char *mac = kl_json_string(node, "hw-address");
    uint8_t bytes[256];
    size_t n = mac ? kl_hex_bytes(mac, bytes, sizeof bytes) : 0;
    if (n == sizeof r->mac.bytes) {
        memcpy(r->mac.bytes, bytes, n);
        r->mac.set = true;
        kl_reserved_say(p->a, r, "mac", kl_json_get(node, "hw-address")->at);
    } else if (mac) {
        kl_reserve_note(
            p->d, kl_json_get(node, "hw-address")->at, "not an Ethernet address: not known");
    }
    for (size_t k = 0; k < 2 && !r->client; k++) {
        const char *text = kl_json_string(node, keys[k]);
        n = text ? kl_hex_bytes(text, bytes, sizeof bytes) : 0;
        size_t len = text ? strlen(text) : 0;
        if (n)
            r->client = kl_hex_text(p->a, bytes, n);
        else if (len > 2 && text[0] == '\'' && text[len - 1] == '\'')
            r->client = kl_hex_text(p->a, (const uint8_t *)text + 1, len - 2);
    }
    if (!mac && !r->client)
        kl_reserve_note(p->d, node->at, "how this machine is known is not understood");
}

static void read_address(
    struct parser *p, const struct kl_json *node, struct kl_addr *out, struct kl_place *at)
{
    const struct kl_json *one = kl_json_get(node, "ip-address");
    if (p->family == 6) {
        const struct kl_json *list = kl_json_get(node, "ip-addresses");
        one = list && list->kind == KL_JSON_LIST ? list->first : NULL;
        if (one && one->next) {
            kl_reserve_note(p->d, list->first->at,
                "several addresses: which one the firmware gets is not known");
            return;
        }
    }
    if (!one)
        return;
    *at = one->at;
    if (one->kind != KL_JSON_STRING || !kl_addr_parse(one->text, out) || out->family != p->family) {
        *out = (struct kl_addr){0};
        kl_reserve_note(p->d, one->at, "not an address of this family: not known");
    }
}

/* The name as it is sent: with the suffix, unless it ends in that or in a dot. */
static const char *qualified(struct parser *p, const char *name, const char *suffix)
{
    size_t n = strlen(name);
    if (!n || name[n - 1] == '.')
        return kl_strndup(p->a, name, n ? n - 1 : 0);
    char *tail = kl_strdup(p->scratch, suffix ? suffix : "");
    size_t m = strlen(tail);
    while (m && tail[m - 1] == '.')
        tail[--m] = '\0';
    if (!m || (n > m && name[n - m - 1] == '.' && strcmp(name + n - m, tail) == 0))
        return kl_strdup(p->a, name);
    return kl_sprintf(p->a, "%s.%s", name, tail);
}

/* What wins for a machine of this subnet (NULL: which one is not known). */
static void resolve(struct parser *p, struct kl_telling *to, const struct scope *top,
    const struct scope *subnet, const struct kl_addr *addr)
{
    const struct scope *s = subnet;
    take(to, &p->fields_by_class);
    for (const struct pool *pool = s ? s->pools : NULL; pool; pool = pool->next)
        if (in_pool(pool, addr))
            take(to, &pool->options);
    for (; s && s->up; s = s->up) {
        take(to, &s->options);
        take(to, &s->fields);
    }
    if (!subnet)
        take(to, &p->by_subnets);
    take(to, &p->options_by_class);
    take(to, &top->options);
    take(to, &top->fields);
}

static void set_address(struct parser *p, struct kl_reserved *r, const struct kl_addr *addr,
    const struct scope *subnet, struct kl_place at)
{
    bool in = subnet && kl_prefix_has(&subnet->net, addr);
    struct kl_prefix *to = p->family == 4 ? &r->ip4 : &r->ip6;
    *to = (struct kl_prefix){*addr, in ? subnet->net.len : p->family == 4 ? 32 : 128};
    kl_reserved_say(p->a, r, p->family == 4 ? "ip4" : "ip6", at);
}

static void reservation(struct parser *p, const struct kl_json *node, const struct scope *top,
    const struct scope *subnet)
{
    struct kl_telling says = {0};
    struct kl_addr addr = {0};
    struct kl_place at = node->at;
    struct kl_reserved *r = kl_reserved_add(p->a, &p->out);
    const char *name = kl_json_string(node, "hostname");
    r->at = at;
    r->name = name && *name ? kl_strdup(p->a, name) : NULL;
    read_identity(p, r, node);
    read_address(p, node, &addr, &at);
    if (!subnet) {
        const struct kl_network *net = kl_networks_find(&p->networks, &addr);
        subnet = net ? net->owner : NULL;
    }
    if (addr.family)
        set_address(p, r, &addr, subnet, at);
    read_options(p, node, &says);
    read_fields(p, node, &says);
    if (name && *name) { /* wins over the option: processHostnameOption comes first */
        const char *sent = qualified(p, name, subnet ? subnet->suffix : top->suffix);
        says.told[KL_TELL_HOSTNAME] =
            kl_told_make(p->a, KL_TELL_HOSTNAME, &sent, 1, kl_json_get(node, "hostname")->at);
    }
    resolve(p, &says, top, subnet, &addr);
    kl_reserved_fill(p->a, r, &says, p->family == 4, p->family == 6);
}

/* --- all of them -------------------------------------------------------------------------------*/

static void ignored(struct parser *p, const struct kl_json *node, const char *key)
{
    struct kl_diag *one = kl_diag(p->d, KL_WARNING, "reservation-ignored", node->at,
        kl_diag_text(p->d, "set \"%s\": true where it shall count", key),
        "Kea does not look at this reservation: \"%s\" is not on", key);
    kl_diag_effect(p->d, one, "firmware: the machine gets what any unknown machine gets");
}

static void reservations(struct parser *p, const struct scope *s, const struct scope *top)
{
    const struct kl_json *list = kl_json_get(s->node, "reservations");
    bool count = s->up ? s->in_subnet != NO : p->any_global;
    for (const struct kl_json *one = list ? list->first : NULL; one; one = one->next)
        if (one->kind != KL_JSON_OBJECT)
            continue;
        else if (count)
            reservation(p, one, top, s->up ? s : NULL);
        else
            ignored(p, one, s->up ? "reservations-in-subnet" : "reservations-global");
}

struct subnets {
    struct scope **list;
    size_t n;
};

static void read_subnets(
    struct parser *p, const struct scope *up, const struct kl_json *list, struct subnets *out)
{
    for (const struct kl_json *one = list ? list->first : NULL; one; one = one->next) {
        struct scope *s = new_scope(p, up, one);
        const char *net = kl_json_string(one, "subnet");
        if (net && kl_prefix_parse(net, &s->net) && s->net.addr.family == p->family)
            kl_networks_add(p->scratch, &p->networks, s->net, s);
        else
            s->net = (struct kl_prefix){0};
        read_pools(p, s);
        out->list = kl_grow(p->scratch, out->list, out->n, sizeof(struct scope *));
        out->list[out->n++] = s;
    }
}

static void read_classes(struct parser *p, const struct kl_json *root)
{
    const struct kl_json *list = kl_json_get(root, "client-classes");
    for (const struct kl_json *one = list ? list->first : NULL; one; one = one->next) {
        struct kl_telling options = {0}, fields = {0};
        read_options(p, one, &options);
        read_fields(p, one, &fields);
        take_unknown(p, &p->options_by_class, &options);
        take_unknown(p, &p->fields_by_class, &fields);
    }
}

static void server(struct parser *p, const struct kl_json *root)
{
    const char *subnets = p->family == 4 ? "subnet4" : "subnet6";
    const struct kl_json *shared = kl_json_get(root, "shared-networks");
    struct scope *top = new_scope(p, NULL, root);
    struct subnets all = {0};
    read_classes(p, root);
    for (const struct kl_json *one = shared ? shared->first : NULL; one; one = one->next)
        read_subnets(p, new_scope(p, top, one), kl_json_get(one, subnets), &all);
    read_subnets(p, top, kl_json_get(root, subnets), &all);
    kl_networks_sort(&p->networks);
    reservations(p, top, top);
    for (size_t k = 0; k < all.n; k++)
        reservations(p, all.list[k], top);
}

struct kl_reserved_list kl_kea_parse(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_finder *files, struct kl_diags *d)
{
    static const char *const servers[] = {"Dhcp4", "Dhcp6"};
    struct kl_arena *scratch KL_ARENA_SCOPE = kl_arena_new();
    struct kl_includes includes = {.a = a, .files = files, .d = d};
    struct kl_text begin = kl_include_first(&includes, file, text, len);
    const struct kl_json *root = kl_json_read(scratch, &includes, &begin);
    struct kl_reserved_list out = {0};
    for (int k = 0; k < 2; k++) {
        const struct kl_json *node = kl_json_get(root, servers[k]);
        struct parser p = {.a = a, .scratch = scratch, .d = d, .family = k ? 6 : 4, .out = out};
        p.any_global = includes.missing; /* it may say so */
        if (node)
            server(&p, node);
        out = p.out;
    }
    return out;
}
