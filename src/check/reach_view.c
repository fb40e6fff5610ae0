/* The network of a stage, as far as texts prove it. What may be so, is taken to be so: a view errs
 * to the side of silence. */
#include "check/reach.h"

#include <string.h>

/* --- the kernel line ---------------------------------------------------------------------------*/

const struct kl_arg *kl_line_word(const struct kl_case *c, const char *key)
{
    return c->line ? kl_cmdline_last(c->line, key, NULL) : NULL;
}

const char *kl_reach_line_value(const struct kl_case *c, const char *key)
{
    const struct kl_arg *w = kl_line_word(c, key);
    return w ? kl_arg_value(w) : NULL;
}

bool kl_is_legacy(const struct kl_case *c)
{
    return c->release->engine != KL_ENGINE_NM;
}

static bool is_ip(const struct kl_arg *w)
{
    return kl_starts(w->text, "ip=");
}

static bool is_off(const char *value)
{
    return value && (strcmp(value, "0") == 0 || strcmp(value, "no") == 0);
}

bool kl_line_has_bootif(const struct kl_case *c)
{
    bool adds = c->entry && c->entry->adds_bootif;
    return (adds || kl_line_word(c, "BOOTIF")) && !is_off(kl_reach_line_value(c, "rd.bootif"));
}

/* Cuts a value at the colons outside brackets; returns how many fields there are. */
static size_t fields(struct kl_arena *a, const char *s, const char **out, size_t max)
{
    size_t n = 0;
    const char *start = s;
    for (bool inside = false;; s++) {
        inside = (inside || *s == '[') && *s != ']';
        if (*s && (*s != ':' || inside))
            continue;
        if (n < max)
            out[n] = kl_strndup(a, start, (size_t)(s - start));
        n++;
        if (!*s)
            return n;
        start = s + 1;
    }
}

enum { FIELDS = 8, LONG_FORM = 5 };

/* IFACE:METHOD, with MTU and MAC behind it or not; nothing else has letters alone in its second
 * field, where the long form has its peer. */
static bool is_short_form(const char *second)
{
    static const char *const methods[] = {"dhcp", "on", "any", "dhcp6", "auto6", "either6", "auto",
        "none", "off", "link6", "single-dhcp", NULL};
    for (const char *const *m = methods; *m; m++)
        if (strcmp(second, *m) == 0)
            return true;
    return false;
}

const char *kl_ip_interface(const struct kl_case *c, const struct kl_arg *ip)
{
    const char *f[FIELDS], *value = kl_arg_value(ip);
    size_t n = fields(c->a, value ? value : "", f, FIELDS);
    bool is_short = n >= 2 && (n < LONG_FORM || is_short_form(f[1]));
    const char *name = is_short ? f[0] : n >= 6 ? f[5] : "";
    return *name ? name : "*";
}

/* Empty, or an address, in brackets or not, with a length or not. */
static bool is_address(struct kl_arena *a, const char *s)
{
    struct kl_addr addr;
    size_t open = *s == '[', n = strcspn(s + open, "/]");
    return !*s || kl_addr_parse(kl_strndup(a, s + open, n), &addr);
}

/* Something in an ip= that the intent does not carry: firmware tables, a peer (legacy dracut makes
 * the peer's network the one on link), what a loader's variable or a template leaves. */
static bool is_beyond(const struct kl_case *c, const struct kl_arg *ip)
{
    const char *f[FIELDS], *value = kl_arg_value(ip);
    size_t n = fields(c->a, value, f, FIELDS);
    if (strpbrk(value, "${}<>@%*"))
        return true;
    for (size_t k = 0; k < n && k < FIELDS; k++)
        if (strcmp(f[k], "ibft") == 0 || strcmp(f[k], "fw") == 0 || strcmp(f[k], "link6") == 0)
            return true;
    if (n < LONG_FORM || is_short_form(f[1]))
        return false;
    return !is_address(c->a, f[0]) || !is_address(c->a, f[2]) || (*f[1] && kl_is_legacy(c));
}

bool kl_line_is_open(const struct kl_case *c)
{
    if (!c->entry || c->entry->complete)
        return false;
    for (size_t k = 0; k < c->line->n; k++) {
        const char *text = c->line->args[k].text;
        if (memchr(text, '$', strcspn(text, "=")))
            return true;
    }
    return false;
}

/* More links than any machine has: somebody's test of our patience. */
enum { MOST_LINKS = 1000 };

static bool too_many(const struct kl_intent *i)
{
    return i && i->nlinks > MOST_LINKS;
}

bool kl_line_has_ip(const struct kl_case *c)
{
    bool any = false;
    if (!c->line || !c->initrd || too_many(c->initrd) || kl_line_is_open(c))
        return false;
    for (size_t k = 0; k < c->line->n; k++) {
        if (!is_ip(&c->line->args[k]))
            continue;
        if (is_beyond(c, &c->line->args[k]))
            return false;
        any = true;
    }
    return any;
}

/* --- putting intents together ------------------------------------------------------------------*/

bool kl_is_named(const struct kl_link *l)
{
    struct kl_mac mac;
    return *l->name && strcmp(l->name, "*") != 0 && strcmp(l->name, "link") != 0 &&
           strcmp(l->name, "bootif") != 0 && strcmp(l->name, "ibft") != 0 &&
           !kl_mac_parse(l->name, &mac);
}

const char *kl_called(const char *link)
{
    bool any = strcmp(link, "*") == 0 || strcmp(link, "link") == 0;
    return any ? "the interface" : link;
}

static struct kl_intent *copy_of(struct kl_arena *a, const struct kl_intent *i, size_t more)
{
    struct kl_intent *out = kl_alloc(a, sizeof *out);
    *out = *i;
    out->links = kl_alloc(a, (i->nlinks + more + 1) * sizeof *out->links);
    for (size_t k = 0; k < i->nlinks; k++)
        out->links[k] = i->links[k];
    return out;
}

static void add_dns(struct kl_arena *a, struct kl_intent *to, const struct kl_intent *from)
{
    struct kl_addr *dns = kl_alloc(a, (to->ndns + from->ndns + 1) * sizeof *dns);
    size_t n = 0;
    for (size_t k = 0; k < to->ndns; k++)
        dns[n++] = to->dns[k];
    for (size_t k = 0; k < from->ndns; k++)
        dns[n++] = from->dns[k];
    to->dns = dns;
    to->ndns = n;
}

static void asks(struct kl_ip *ip, enum kl_method method)
{
    ip->method = method;
    if (ip->gateway == KL_GATEWAY_NONE)
        ip->gateway = KL_GATEWAY_LEARNT;
}

static bool is_parent(const struct kl_intent *i, const char *name)
{
    for (size_t k = 0; k < i->nlinks; k++)
        if (kl_streq(i->links[k].parent, name))
            return true;
    return false;
}

/* --- initrd ------------------------------------------------------------------------------------*/

/* nm-initrd-generator tries IPv6 wherever it asks by DHCPv4, and may do without; before 1.30 also
 * beside a static IPv4 address. */
static void nm_tries(const struct kl_case *c, const struct kl_intent *i, struct kl_link *l)
{
    bool beside =
        l->ip4.method == KL_DHCP || (l->ip4.method == KL_STATIC && c->release->nm_minor < 30);
    if (beside && l->ip6.method == KL_OFF && !kl_link_controller(i, l->name))
        asks(&l->ip6, KL_AUTO);
}

/* A device that no ip= is for. ifup.sh of 033 in 7.0 to 7.2 then asks by DHCP; later ones do so
 * only for the boot device. */
static void legacy_tries(const struct kl_case *c, const struct kl_intent *i, struct kl_link *l)
{
    if (kl_link_has_ip(l) || kl_link_controller(i, l->name))
        return;
    bool is_boot = kl_streq(kl_reach_line_value(c, "bootdev"), l->name) ||
                   kl_streq(kl_reach_line_value(c, "ksdevice"), l->name);
    bool early = c->release->engine == KL_ENGINE_DRACUT_033A && l->kind != KL_ETHERNET &&
                 !is_parent(i, l->name);
    if (is_boot || early)
        asks(&l->ip4, KL_DHCP);
}

/* The NIC that booted is one more link, unless the ip= that names none is for it. */
static void add_bootif(const struct kl_case *c, struct kl_intent *i)
{
    const char *value = kl_reach_line_value(c, "BOOTIF");
    bool is_read = value && !strpbrk(value, "${}<>@%");
    if (!kl_line_has_bootif(c) || is_read || kl_link_find(i, "*"))
        return;
    struct kl_link *l = &i->links[i->nlinks++];
    *l = (struct kl_link){.name = "the NIC that booted"};
    asks(&l->ip4, KL_DHCP);
    if (!kl_is_legacy(c))
        asks(&l->ip6, KL_AUTO);
}

/* NetworkManager gives a name server to the profiles that use its family; what is left over is not
 * in the intent, and yet somebody meant it. dns= is anaconda's own word for it, which it makes
 * nameserver= of (parse-anaconda-net.sh). */
static void add_unused_dns(const struct kl_case *c, struct kl_intent *i)
{
    struct kl_addr *dns = kl_alloc(c->a, (i->ndns + c->line->n) * sizeof *dns), a;
    size_t n = 0;
    for (size_t k = 0; k < c->line->n; k++)
        if ((kl_starts(c->line->args[k].text, "nameserver=") ||
                kl_starts(c->line->args[k].text, "dns=")) &&
            kl_addr_parse(kl_arg_value(&c->line->args[k]), &a))
            dns[n++] = a;
    for (size_t k = 0; k < i->ndns; k++) {
        bool known = false;
        for (size_t m = 0; m < n; m++)
            known |= kl_addr_eq(&dns[m], &i->dns[k]);
        if (!known)
            dns[n++] = i->dns[k];
    }
    i->dns = dns;
    i->ndns = n;
}

static bool speaks(const struct kl_intent *i)
{
    for (size_t k = 0; k < i->nlinks; k++)
        if (kl_link_has_ip(&i->links[k]) && !kl_link_controller(i, i->links[k].name))
            return true;
    return false;
}

/* Without any ip= every NIC asks by DHCP (anaconda's set_neednet, dracut's default), or a kickstart
 * that is at hand says how: nothing is proven. */
struct kl_view kl_view_initrd(const struct kl_case *c)
{
    struct kl_view v = {.stage = "initrd", .kernel_ra = kl_is_legacy(c)};
    if (!kl_line_has_ip(c))
        return v;
    struct kl_intent *i = copy_of(c->a, c->initrd, 1);
    for (size_t k = 0; k < i->nlinks; k++) {
        if (kl_is_legacy(c))
            legacy_tries(c, c->initrd, &i->links[k]);
        else
            nm_tries(c, c->initrd, &i->links[k]);
    }
    add_bootif(c, i);
    add_unused_dns(c, i);
    if (!speaks(i))
        return v;
    v.i = i;
    v.of[v.nof++] = c->initrd;
    return v;
}

/* --- installer ---------------------------------------------------------------------------------*/

static bool are_addresses(struct kl_arena *a, const char *list)
{
    for (const char *s = list; s && *s;) {
        size_t n = strcspn(s, ",");
        if (!is_address(a, kl_strndup(a, s, n)))
            return false;
        s += n + (s[n] == ',');
    }
    return true;
}

/* Is every address of a network command one, and not what a template will be filled with? */
static bool is_filled(struct kl_arena *a, const struct kl_ks_command *network)
{
    static const char *const lists[] = {
        "--ip", "--gateway", "--ipv6gateway", "--nameserver", "--netmask", NULL};
    static const char *const protos[] = {"dhcp", "bootp", "static", NULL};
    const char *six = kl_ks_option(network, "--ipv6", NULL);
    const char *proto = kl_ks_option(network, "--bootproto", NULL);
    bool known = !proto;
    for (const char *const *p = protos; *p && !known; p++)
        known = strcmp(proto, *p) == 0;
    for (const char *const *l = lists; *l && known; l++)
        known = are_addresses(a, kl_ks_option(network, *l, NULL));
    return known &&
           (!six || strcmp(six, "auto") == 0 || strcmp(six, "dhcp") == 0 || is_address(a, six));
}

/* %include of what is not at hand may bring more network commands, and so may the marks of a
 * template. */
static bool is_whole(struct kl_arena *a, const struct kl_kickstart *ks)
{
    for (size_t k = 0; k < ks->ncommands; k++) {
        const struct kl_ks_command *c = &ks->commands[k];
        if (strchr("${}<>@#(", c->name[0]) || c->maybe ||
            (strcmp(c->name, "network") == 0 && !is_filled(a, c)))
            return false;
        bool found = c->name[0] != '%';
        for (size_t n = k + 1; !found && c->n && n < ks->ncommands; n++)
            found = kl_streq(ks->commands[n].from, c->args[0].text);
        if (!found)
            return false;
    }
    return true;
}

/* 7.0 to 7.2 leave DHCPv4 on beside --noipv4 (quirk 5). */
static void heed_release(const struct kl_case *c, struct kl_intent *i)
{
    for (size_t k = 0; k < i->nlinks && !kl_release_since(c->release, 7, 3); k++)
        if (i->links[k].ip4.method == KL_OFF && i->links[k].ip6.method != KL_OFF)
            asks(&i->links[k].ip4, KL_DHCP);
}

/* Is this link of the initrd another device than those that the kickstart configures? */
static bool stays(const struct kl_intent *installer, const struct kl_link *l)
{
    const struct kl_link *same = kl_link_find(installer, l->name);
    return !(same && kl_link_has_ip(same)) && !kl_link_controller(installer, l->name);
}

static void keep_others(const struct kl_case *c, struct kl_view *v, struct kl_intent *i)
{
    struct kl_view before = kl_view_initrd(c);
    v->partly = !before.i;
    for (size_t k = 0; before.i && k < before.i->nlinks; k++) {
        const struct kl_link *l = &before.i->links[k];
        if (!kl_link_has_ip(l) || !stays(c->installer, l))
            continue;
        if (kl_is_named(l))
            i->links[i->nlinks++] = *l;
        else if (c->nics != 1)
            v->partly = true;
    }
    if (c->initrd) {
        add_dns(c->a, i, c->initrd);
        v->of[v->nof++] = c->initrd;
    }
}

struct kl_view kl_view_installer(const struct kl_case *c)
{
    struct kl_view v = {.stage = "installer", .kernel_ra = true};
    if ((c->ks && !is_whole(c->a, c->ks)) || too_many(c->installer) || too_many(c->initrd))
        return v;
    if (!c->installer || c->installer == c->initrd || !c->ks || !c->ks->ndevices) {
        v = kl_view_initrd(c);
        v.stage = "installer";
        return v;
    }
    struct kl_intent *i = copy_of(c->a, c->installer, c->initrd ? c->initrd->nlinks + 1 : 0);
    heed_release(c, i);
    v.of[v.nof++] = c->installer;
    keep_others(c, &v, i);
    if (speaks(i))
        v.i = i;
    return v;
}

/* --- system ------------------------------------------------------------------------------------*/

/* The files at hand need not be all. What the installer configures, it writes too; a gateway may
 * stand in a file that is not here, as it may in /etc/sysconfig/network. */
static void may_route(struct kl_intent *i)
{
    for (size_t k = 0; k < i->nlinks; k++) {
        struct kl_ip *both[] = {&i->links[k].ip4, &i->links[k].ip6};
        for (size_t f = 0; f < 2; f++)
            if (both[f]->method != KL_OFF && both[f]->gateway == KL_GATEWAY_NONE)
                both[f]->gateway = KL_GATEWAY_LEARNT;
    }
}

struct kl_view kl_view_system(const struct kl_case *c)
{
    struct kl_view v = {.stage = "system", .kernel_ra = true};
    if (!c->system || !c->installer || c->system == c->installer || too_many(c->system) ||
        too_many(c->installer) || (c->ks && !is_whole(c->a, c->ks)))
        return v;
    struct kl_intent *i = copy_of(c->a, c->system, c->installer->nlinks);
    for (size_t k = 0; k < c->installer->nlinks; k++)
        i->links[i->nlinks++] = c->installer->links[k];
    may_route(i);
    if (!speaks(i))
        return v;
    v.i = i;
    v.of[v.nof++] = c->system;
    v.of[v.nof++] = c->installer;
    return v;
}

struct kl_place kl_view_said(const struct kl_view *v, const char *link, const char *field)
{
    for (size_t k = 0; k < v->nof; k++) {
        if (link && !kl_link_find(v->of[k], link))
            continue;
        struct kl_place at = kl_intent_said(v->of[k], link, field);
        if (at.file && at.line)
            return at;
    }
    return (struct kl_place){0};
}
