/* The kernel command line, written for the engine that configures the network in the initrd.
 *
 * The line carries the install link and what it stands on (its ports or its parent, and theirs),
 * with all that the intent says of them, and nothing of other links: the initrd needs no more, each
 * further interface is one more that dracut waits for, and later anacondas make profiles of the
 * installed system from what they find on the line (docs/architecture.md, decision 4). Hold a
 * line against an intent with kl_compare.install_only. Where the intent has an install_family, the
 * line says that family alone: its addresses, gateways, routes and name servers, for those of the
 * other would be out of reach. Only ifname= is written for other NICs
 * too, since the kickstart calls them by these names.
 *
 * cmdline_legacy.c and cmdline_nm.c know what `ip=` means to each engine; this file writes what
 * all of them spell alike (docs/boot-stages.md, section 1.2). Some of it is always there:
 * rd.neednet=1, or NetworkManager is not started at all; rd.bootif=0, because a BOOTIF= that a
 * loader adds makes one more DHCP profile for a NIC that already has its place (NetworkManager),
 * or the interface that everybody waits for (legacy): quirks 16 and 18. DNS is always nameserver=,
 * one address each and without brackets, which legacy dracut would copy into resolv.conf; never
 * the end of ip= (quirks 32, 34).
 */
#include "stage/cmdline.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- arguments and messages -------------------------------------------------------------------*/

void kl_line_add(struct kl_line *l, const char *fmt, ...)
{
    struct kl_buf arg KL_BUF_SCOPE = {0};
    va_list ap;
    va_start(ap, fmt);
    kl_buf_vaddf(&arg, fmt, ap);
    va_end(ap);
    const char *s = kl_buf_text(&arg);
    bool torn = !*s || strstr(s, "${");
    for (const char *c = s; *c; c++)
        torn |= (unsigned char)*c <= ' ' || *c == 127 || strchr("\"'\\", *c);
    if (torn) {
        kl_diag(l->d, KL_ERROR, "argument", l->i->at,
            "an argument is not empty and has no blank, quote, backslash or '${' in it: boot "
            "loaders disagree about how to carry those",
            "'%s' cannot stand on a kernel command line", s);
        return;
    }
    if (l->out->len)
        kl_buf_addc(l->out, ' ');
    kl_buf_add(l->out, s);
}

static void __attribute__((format(printf, 6, 0))) say(struct kl_line *l, enum kl_severity severity,
    const struct kl_link *link, const char *code, const char *hint, const char *fmt, va_list ap)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const char *text = kl_vsprintf(a, fmt, ap);
    kl_diag(l->d, severity, code, link ? link->at : l->i->at, hint, "%s%s%s: %s",
        kl_release_name(a, l->r), link ? ", " : "", link ? link->name : "", text);
}

void kl_line_refuse(struct kl_line *l, const struct kl_link *link, const char *code,
    const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(l, KL_ERROR, link, code, hint, fmt, ap);
    va_end(ap);
}

void kl_line_warn(struct kl_line *l, const struct kl_link *link, const char *code, const char *hint,
    const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(l, KL_WARNING, link, code, hint, fmt, ap);
    va_end(ap);
}

static bool plain_name(const char *name)
{
    return *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789._-") == strlen(name);
}

void kl_line_check_gateway(struct kl_line *l, const struct kl_link *link, int family)
{
    const struct kl_ip *ip = family == 4 ? &link->ip4 : &link->ip6;
    if (ip->gateway == KL_GATEWAY_EXPLICIT && !ip->naddresses)
        kl_line_refuse(l, link, "gateway", "let it be learnt, or give the link an address",
            "a gateway is only said together with a static address");
    if (ip->gateway == KL_GATEWAY_LEARNT && ip->method == KL_STATIC && family == 4)
        kl_line_refuse(l, link, "gateway", "say its address",
            "nobody tells a static IPv4 address its gateway");
    if (ip->gateway == KL_GATEWAY_NONE && (ip->method == KL_DHCP || ip->method == KL_AUTO))
        kl_line_refuse(l, link, "gateway",
            kl_diag_text(l->d, "leave 'gateway%d: none' out of the install link", family),
            "a gateway that is offered cannot be refused on a kernel command line");
}

/* anaconda of EL7 and EL8 takes the host name from the line by splitting ip= at every colon and
 * reading the fifth piece: with an IPv6 address before it that is no name (quirk 40). There the
 * kickstart says it. NetworkManager before 1.28 takes the long form of ip= only with an address
 * (nmi-cmdline-reader.c); kl_nm_ip() does not ask then. */
bool kl_line_has_host(const struct kl_line *l, const struct kl_link *link)
{
    return l->i->hostname && !l->host_said && kl_streq(link->name, l->i->install);
}

const char *kl_line_host(struct kl_line *l, const struct kl_link *link, bool ip6)
{
    if (!kl_line_has_host(l, link))
        return "";
    if (!plain_name(l->i->hostname) || strchr(l->i->hostname, '_'))
        kl_line_refuse(l, NULL, "hostname", "use letters, digits, '-' and '.'",
            "the host name '%s' cannot stand in an ip= argument", l->i->hostname);
    l->host_said = true; /* or never: the first such ip= is the one that is split */
    return ip6 && !kl_release_since(l->r, 9, 0) ? "" : l->i->hostname;
}

struct kl_tail kl_line_tail(uint32_t mtu, const struct kl_mac *mac)
{
    struct kl_tail t = {""};
    char text[KL_MAC_TEXT];
    if (mtu && mac && mac->set)
        snprintf(t.text, sizeof t.text, ":%u:%s", mtu, kl_mac_text(mac, text));
    else if (mac && mac->set)
        snprintf(t.text, sizeof t.text, "::%s", kl_mac_text(mac, text));
    else if (mtu)
        snprintf(t.text, sizeof t.text, ":%u", mtu);
    return t;
}

/* --- names ------------------------------------------------------------------------------------*/

/* Digits at s to the end of the string, read as iproute2 reads them: 0 in front means octal. */
static long id_of(const char *s, bool octal)
{
    char *end = NULL;
    if (!*s || strspn(s, "0123456789") != strlen(s))
        return -1;
    long id = strtol(s, &end, octal ? 0 : 10);
    return *end ? -1 : id;
}

/* dracut ifup.sh, get_vid(): "vlanN" or "X.N", and what stands there goes to `ip link add` as it
 * is. */
long kl_vlan_id_legacy(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (kl_starts(name, "vlan"))
        return id_of(name + strlen("vlan"), true);
    return dot ? id_of(dot + 1, true) : -1;
}

/* nmi-cmdline-reader.c, reader_parse_vlan(): the digits at the end, decimal. */
long kl_vlan_id_nm(const char *name)
{
    const char *s = name + strlen(name);
    while (s > name && isdigit((unsigned char)s[-1]))
        s--;
    return id_of(s, false);
}

static bool legacy(const struct kl_line *l)
{
    return l->r->engine != KL_ENGINE_NM;
}

static void check_names(struct kl_line *l, const struct kl_link *link)
{
    if (!plain_name(link->name))
        kl_line_refuse(l, link, "link-name", "use letters, digits, '.', '_' and '-'",
            "the name cannot stand on a kernel command line");
    for (size_t p = 0; p < link->nports; p++)
        if (!plain_name(link->ports[p]))
            kl_line_refuse(l, link, "link-name", "use letters, digits, '.', '_' and '-'",
                "the port '%s' cannot stand on a kernel command line", link->ports[p]);
    if (link->kind != KL_VLAN)
        return;
    long id = legacy(l) ? kl_vlan_id_legacy(link->name) : kl_vlan_id_nm(link->name);
    if (id == link->vlan)
        return;
    kl_line_refuse(l, link, "vlan-name",
        kl_diag_text(l->d, "name it vlan%u or %s.%u", link->vlan, link->parent, link->vlan),
        "on a kernel command line a VLAN's id is the number at the end of its name, and this name "
        "does not say %u",
        link->vlan);
}

/* Does udev (systemd's net_setup_link, or biosdevname) give such names by itself? */
static bool predictable(const char *name)
{
    static const char *const prefixes[] = {"en", "ib", "sl", "wl", "ww", "em", "p", NULL};
    size_t len = strlen(name);
    if (!len || !isdigit((unsigned char)name[len - 1]))
        return kl_starts(name, "enx") || (kl_starts(name, "en") && strpbrk(name, "0123456789"));
    for (size_t k = 0; prefixes[k]; k++)
        if (kl_starts(name, prefixes[k]))
            return true;
    return false;
}

static bool kernel_name(const char *name)
{
    return kl_starts(name, "eth") && id_of(name + 3, false) >= 0;
}

/* `key` stands in the inventory's own arguments, which come later on the line. */
static bool extra_has(const struct kl_line *l, const char *key)
{
    for (size_t k = 0; k < l->what->nextra; k++)
        if (kl_starts(l->what->extra[k], key))
            return true;
    return false;
}

/* A NIC with a name that nothing else would give it gets it by ifname= and its MAC. Not a
 * predictable name: it comes by itself. Not ethN: the kernel hands those out itself and a rename
 * collides with it (dracut's own warning, net-lib.sh parse_ifname_opts). */
static void add_ifname(struct kl_line *l, const struct kl_link *link, bool used)
{
    char text[KL_MAC_TEXT];
    if (predictable(link->name))
        return;
    if (kernel_name(link->name)) {
        if (used && !extra_has(l, "net.ifnames=0"))
            kl_line_warn(l, link, "kernel-name",
                "name the NIC as the installed system will (enp1s0, eno1), or add net.ifnames=0 to "
                "kernel-args",
                "the installer calls a NIC so only where predictable names are off");
        return;
    }
    if (link->mac.set)
        kl_line_add(l, "ifname=%s:%s", link->name, kl_mac_text(&link->mac, text));
    else if (used)
        kl_line_refuse(l, link, "ifname", "say its MAC, or use the name that the system gives it",
            "nothing gives a NIC this name unless its MAC is known");
}

/* --- bonds, bridges, VLANs --------------------------------------------------------------------*/

/* The kernel takes some options only after others: updelay and downdelay only once miimon is set
 * (drivers/net/bonding/bond_options.c), and legacy dracut writes them one by one, in the order of
 * the line. `pass` 0: those that others need; 1: the rest, by name. */
static bool comes_first(const struct kl_option *o)
{
    return strcmp(o->name, "miimon") == 0 || strcmp(o->name, "arp_interval") == 0;
}

/* Within one value the separator is ';' (dracut parse-bond.sh; NetworkManager from 1.54, which
 * also strips the brackets that an IPv6 address needs). */
static void add_value(struct kl_buf *b, const struct kl_option *o)
{
    bool six = strcmp(o->name, "ns_ip6_target") == 0;
    kl_buf_addf(b, ",%s=%s", o->name, six ? "[" : "");
    for (const char *c = o->value; *c; c++) {
        if (*c == ',')
            kl_buf_add(b, six ? "];[" : ";");
        else
            kl_buf_addc(b, *c);
    }
    if (six)
        kl_buf_addc(b, ']');
}

static void add_names(struct kl_buf *b, const struct kl_link *link)
{
    for (size_t k = 0; k < link->nports; k++)
        kl_buf_addf(b, "%s%s", k ? "," : "", link->ports[k]);
}

static bool option_fits(
    struct kl_line *l, const struct kl_link *link, const struct kl_option *option)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const char *hint = NULL;
    const char *why = kl_bond_option_misfit(a, l->r, link->mode, option, &hint);
    if (why)
        kl_line_refuse(l, link, "bond-option", hint, "%s", why);
    return !why;
}

static void add_bond(struct kl_line *l, const struct kl_link *link)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    add_names(&b, link);
    kl_buf_addf(&b, ":mode=%s", kl_bond_modes[link->mode]); /* always: quirk 41 */
    for (int pass = 0; pass < 2; pass++)
        for (size_t k = 0; k < link->noptions; k++)
            if (comes_first(&link->options[k]) == (pass == 0) &&
                option_fits(l, link, &link->options[k]))
                add_value(&b, &link->options[k]);
    uint32_t mtu = legacy(l) ? kl_legacy_bond_mtu(l, link) : 0;
    if (mtu)
        kl_buf_addf(&b, ":%u", mtu);
    kl_line_add(l, "bond=%s:%s", link->name, kl_buf_text(&b));
}

/* Every engine makes the bridge with STP off and no forwarding delay, and takes no options. */
static void add_bridge(struct kl_line *l, const struct kl_link *link)
{
    for (size_t k = 0; k < link->noptions; k++)
        if (!kl_streq(link->options[k].name, "stp") || !kl_streq(link->options[k].value, "no"))
            kl_line_refuse(l, link, "bridge-option",
                "let another link carry the install (install: true), or leave the option out",
                "a kernel command line cannot set a bridge's %s", link->options[k].name);
    struct kl_buf b KL_BUF_SCOPE = {0};
    add_names(&b, link);
    kl_line_add(l, "bridge=%s:%s", link->name, kl_buf_text(&b));
}

static void add_device(struct kl_line *l, const struct kl_link *link)
{
    check_names(l, link);
    if ((link->kind == KL_BOND || link->kind == KL_BRIDGE) && !link->nports) {
        kl_line_refuse(l, link, "no-ports", "name its ports", "it has no ports");
        return;
    }
    if (link->kind == KL_BOND)
        add_bond(l, link);
    else if (link->kind == KL_BRIDGE)
        add_bridge(l, link);
    else if (link->kind == KL_VLAN)
        kl_line_add(l, "vlan=%s:%s", link->name, link->parent);
}

/* --- DNS, routes, waiting ---------------------------------------------------------------------*/

/* Those of a family that the line's links use: others could only be waited for. */
static void add_dns(struct kl_line *l)
{
    bool used[7] = {0};
    char text[KL_ADDR_TEXT];
    for (size_t k = 0; k < l->i->nlinks; k++) {
        const struct kl_link *link = &l->i->links[k];
        if (!l->stack[k])
            continue;
        used[4] |= link->ip4.method != KL_OFF;
        used[6] |= link->ip6.method != KL_OFF;
    }
    for (size_t k = 0; k < l->i->ndns; k++)
        if (used[l->i->dns[k].family])
            kl_line_add(l, "nameserver=%s", kl_addr_text(&l->i->dns[k], text));
}

/* The prefix length goes inside the brackets: there NetworkManager before 1.54 finds it too. */
static void add_routes(struct kl_line *l, const struct kl_link *link)
{
    char to[KL_PREFIX_TEXT], via[KL_ADDR_TEXT];
    for (size_t k = 0; k < link->nroutes; k++) {
        const struct kl_route *r = &link->routes[k];
        bool six = r->to.addr.family == 6, direct = !r->via.family;
        if (r->metric)
            kl_line_refuse(l, link, "route-metric", "leave the metric out",
                "rd.route= has no place for a metric");
        kl_line_add(l, "rd.route=%s%s%s:%s%s%s:%s", six ? "[" : "", kl_prefix_text(&r->to, to),
            six ? "]" : "", six && !direct ? "[" : "", direct ? "" : kl_addr_text(&r->via, via),
            six && !direct ? "]" : "", link->name);
    }
}

static void add_wait(struct kl_line *l, const char *key, unsigned seconds)
{
    if (!extra_has(l, key)) /* legacy dracut adds up all values of a key: never give two */
        kl_line_add(l, "%s%u", key, seconds);
}

static void add_waits(struct kl_line *l)
{
    /* quirk 46: legacy dracut gives a link 5 seconds to find its carrier (10 from 8.2), and
     * NetworkManager before 1.40 five; LACP and slow ports need more. The option exists from 7.2
     * (section 1.2). */
    if (legacy(l) ? kl_release_since(l->r, 7, 2) : l->r->nm_minor < 40)
        add_wait(l, "rd.net.timeout.carrier=", 30);
    /* quirk 2: dracut 049 waits up to 50 s for a route by router advertisement after setting any
     * static IPv6 address, wanted or not. Duplicate address detection itself takes about two. */
    const struct kl_link *link = kl_link_find(l->i, l->i->install);
    if (l->r->engine == KL_ENGINE_DRACUT_049 && link->ip6.method == KL_STATIC &&
        link->ip6.gateway != KL_GATEWAY_LEARNT)
        add_wait(l, "rd.net.timeout.ipv6dad=", 5);
}

/* --- the installer ----------------------------------------------------------------------------*/

static void add_url(struct kl_line *l, const char *key, const char *value)
{
    if (value)
        kl_line_add(l, "%s%s", key, value);
}

/* The prefix `inst.` always: without it EL9 ignores them, and EL7 knows them too (section 2.1). */
static void add_installer(struct kl_line *l)
{
    add_url(l, "inst.ks=", l->what->kickstart);
    add_url(l, "inst.repo=", l->what->repo);
    add_url(l, "inst.stage2=", l->what->stage2);
    /* Until stage2's NetworkManager has its connection again, its one look for .treeinfo fails
     * (quirk 3); anaconda 7.4 learnt to wait. */
    if (kl_release_since(l->r, 7, 4))
        add_wait(l, "inst.waitfornet=", 60);
    add_url(l, "inst.syslog=", l->what->syslog);
    if (l->what->sshd)
        kl_line_add(l, "inst.sshd");
    for (size_t k = 0; k < l->what->nconsole; k++)
        kl_line_add(l, "console=%s", l->what->console[k]);
}

/* The network on this line has one author. */
static bool is_network(const char *arg)
{
    static const char *const keys[] = {"ip=", "bond=", "vlan=", "bridge=", "team=", "ifname=",
        "bootdev=", "BOOTIF=", "ksdevice=", "ipv6=", "nameserver=", "rd.route=", NULL};
    for (size_t k = 0; keys[k]; k++)
        if (kl_starts(arg, keys[k]))
            return true;
    return false;
}

static void add_extra(struct kl_line *l)
{
    for (size_t k = 0; k < l->what->nextra; k++) {
        if (is_network(l->what->extra[k]))
            kl_line_refuse(l, NULL, "network-argument", "describe it under 'network:'",
                "'%s' would be a second description of the network", l->what->extra[k]);
        kl_line_add(l, "%s", l->what->extra[k]);
    }
}

/* --- the whole --------------------------------------------------------------------------------*/

static void add_network(struct kl_line *l)
{
    const struct kl_intent *i = l->i;
    for (size_t k = 0; k < i->nlinks; k++)
        if (i->links[k].kind == KL_ETHERNET)
            add_ifname(l, &i->links[k], l->stack[k]);
    for (size_t k = 0; k < i->nlinks; k++)
        if (l->stack[k])
            add_device(l, &i->links[k]);
    for (size_t k = 0; k < i->nlinks; k++) {
        if (!l->stack[k])
            continue;
        if (legacy(l))
            kl_legacy_ip(l, &i->links[k]);
        else
            kl_nm_ip(l, &i->links[k]);
    }
    if (l->nip > 1) /* dracut.cmdline(7): required then */
        kl_line_add(l, "bootdev=%s", i->install);
    add_dns(l);
    for (size_t k = 0; k < i->nlinks; k++)
        if (l->stack[k])
            add_routes(l, &i->links[k]);
    kl_line_add(l, "rd.neednet=1");
    kl_line_add(l, "rd.bootif=0");
    add_waits(l);
}

static void check_length(struct kl_line *l)
{
    if (l->out->len > KL_CMDLINE_MAX)
        kl_line_refuse(l, NULL, "cmdline-long",
            "shorten URLs and the inventory's own kernel arguments",
            "the command line has %zu bytes; boot loaders cut it, silently, after %d", l->out->len,
            KL_CMDLINE_MAX);
    else if (l->out->len > KL_CMDLINE_NEAR)
        kl_line_warn(l, NULL, "cmdline-long", NULL,
            "the command line has %zu bytes, near the %d after which boot loaders cut it",
            l->out->len, KL_CMDLINE_MAX);
}

/* What the initrd is told of: of the install's family alone, where it has one. */
static struct kl_intent for_install(struct kl_arena *a, const struct kl_intent *i)
{
    struct kl_intent own = *i;
    own.links = kl_alloc(a, (i->nlinks + 1) * sizeof *own.links);
    for (size_t k = 0; k < i->nlinks; k++) {
        own.links[k] = i->links[k];
        kl_link_keep_family(a, &own.links[k], i->install_family);
    }
    return own;
}

bool kl_cmdline_render(const struct kl_intent *i, const struct kl_release *r,
    const struct kl_install *what, struct kl_buf *out, struct kl_diags *d)
{
    static const struct kl_install nothing;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_buf text KL_BUF_SCOPE = {0};
    const struct kl_intent own = for_install(a, i);
    struct kl_line l = {.i = &own,
        .r = r,
        .what = what ? what : &nothing,
        .out = &text,
        .d = d,
        .errors = kl_diags_count(d, KL_ERROR),
        .stack = kl_alloc(a, i->nlinks + 1)};
    if (!kl_release_installs(r)) {
        kl_line_refuse(&l, NULL, "release-not-installed", "install EL7 or later",
            "it can be checked, not installed by Kickline");
        return false;
    }
    kl_install_stack(&own, l.stack);
    const struct kl_link *install = kl_link_find(&own, own.install);
    if (!install || !kl_link_has_ip(install)) {
        kl_line_refuse(&l, install, "no-install-link",
            "mark the link that reaches the server with 'install: true'",
            install ? "it is to carry the install, but has no address"
                    : "no link is said to carry the install");
        return false;
    }
    if (legacy(&l))
        kl_legacy_check(&l);
    add_network(&l);
    add_installer(&l);
    add_extra(&l);
    check_length(&l);
    if (kl_diags_count(d, KL_ERROR) != l.errors)
        return false;
    kl_buf_addn(out, kl_buf_text(&text), text.len);
    return true;
}
