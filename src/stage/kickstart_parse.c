/* The network that a kickstart describes: its `network` commands, read as anaconda's pykickstart
 * reads them (docs/boot-stages.md §3.1) and understood as its network module builds profiles of
 * them (§3.2). kickstart_read.c finds the commands; here each becomes links, and every fact gets
 * the narrowest place that says it.
 */
#include "stage/kickstart.h"
#include "stage/system.h"

#include <string.h>
#include <strings.h>

/* What one kickstart may describe; a machine has fewer. It bounds the time that hostile files
 * take. */
enum { MAX_LINKS = 4096 };

enum option {
    O_BOOTPROTO,
    O_DEVICE,
    O_IP,
    O_NETMASK,
    O_GATEWAY,
    O_NAMESERVER,
    O_HOSTNAME,
    O_MTU,
    O_ONBOOT,
    O_NOIPV4,
    O_NOIPV6,
    O_IPV6,
    O_IPV6GATEWAY,
    O_BONDSLAVES,
    O_BONDOPTS,
    O_VLANID,
    O_INTERFACENAME,
    O_BRIDGESLAVES,
    O_BRIDGEOPTS,
    O_NODEFROUTE,
    O_SEARCH4,
    O_SEARCH6,
    O_ACTIVATE,
    O_NO_ACTIVATE,
    O_IGNORED,
    O_IGNORED_VALUE,
    O_UNKNOWN_VALUE,
    O_COUNT
};

/* Options of all releases (§3.1), each with the first that has it, as major.minor. */
static const struct {
    const char *name;
    enum option what;
    bool value;
    int major, minor;
} options[] = {
    {"--bootproto", O_BOOTPROTO, true, 6, 0},
    {"--device", O_DEVICE, true, 6, 0},
    {"--ip", O_IP, true, 6, 0},
    {"--netmask", O_NETMASK, true, 6, 0},
    {"--gateway", O_GATEWAY, true, 6, 0},
    {"--nameserver", O_NAMESERVER, true, 6, 0},
    {"--hostname", O_HOSTNAME, true, 6, 0},
    {"--mtu", O_MTU, true, 6, 0},
    {"--onboot", O_ONBOOT, true, 6, 0},
    {"--noipv4", O_NOIPV4, false, 6, 0},
    {"--noipv6", O_NOIPV6, false, 6, 0},
    {"--ipv6", O_IPV6, true, 6, 0},
    {"--ipv6gateway", O_IPV6GATEWAY, true, 7, 0},
    {"--bondslaves", O_BONDSLAVES, true, 6, 0},
    {"--bondopts", O_BONDOPTS, true, 6, 0},
    {"--vlanid", O_VLANID, true, 6, 0},
    {"--interfacename", O_INTERFACENAME, true, 7, 0},
    {"--bridgeslaves", O_BRIDGESLAVES, true, 7, 0},
    {"--bridgeopts", O_BRIDGEOPTS, true, 7, 0},
    {"--nodefroute", O_NODEFROUTE, false, 6, 0},
    {"--ipv4-dns-search", O_SEARCH4, true, 8, 9},
    {"--ipv6-dns-search", O_SEARCH6, true, 8, 9},
    {"--activate", O_ACTIVATE, false, 6, 0},
    {"--no-activate", O_NO_ACTIVATE, false, 7, 3},
    {"--nodns", O_IGNORED, false, 6, 0},
    {"--notksdevice", O_IGNORED, false, 6, 0},
    {"--ipv4-ignore-auto-dns", O_IGNORED, false, 8, 9},
    {"--ipv6-ignore-auto-dns", O_IGNORED, false, 8, 9},
    {"--dhcpclass", O_IGNORED_VALUE, true, 6, 0},
    {"--ethtool", O_IGNORED_VALUE, true, 6, 0},
    {"--bindto", O_IGNORED_VALUE, true, 7, 5},
    {"--essid", O_UNKNOWN_VALUE, true, 6, 0},
    {"--wepkey", O_UNKNOWN_VALUE, true, 6, 0},
    {"--wpakey", O_UNKNOWN_VALUE, true, 7, 0},
    {"--teamslaves", O_UNKNOWN_VALUE, true, 7, 0},
    {"--teamconfig", O_UNKNOWN_VALUE, true, 7, 0},
};
enum { NOPTIONS = sizeof options / sizeof *options };

typedef struct kl_ks_word word;

struct kl_ks_net {
    struct kl_arena *a;
    struct kl_diags *d;
    const char *file;
    const struct kl_release *r;
    struct kl_intent *i;
    const struct kl_ks_origin *o;
    unsigned line;
    struct kl_place at;  /* of the command being read */
    word given[O_COUNT]; /* of it; text NULL: not given */
    size_t devices;
    bool own; /* it is Kickline's: its scripts mend what it leaves */
    bool full;
    bool unknown; /* a command was left out that may describe a device */
};

static struct kl_place place(const struct kl_ks_net *p, const word *w)
{
    return kl_ks_place(p->o, p->line, w->col, w->width);
}

static void note(struct kl_ks_net *p, const word *w, const char *why)
{
    kl_diag(p->d, KL_NOTE, "not-understood", place(p, w), NULL, "%s: %s", w->text, why);
}

static void wrong(struct kl_ks_net *p, const word *w, const char *hint, const char *why)
{
    kl_diag(p->d, KL_WARNING, "kickstart-value", place(p, w), hint, "'%s': %s", w->text, why);
}

static void say(struct kl_ks_net *p, const char *link, const char *field, const word *w)
{
    kl_intent_say(p->a, p->i, link, field, place(p, w));
}

/* --- options -----------------------------------------------------------------------------------*/

/* By its whole name or by a beginning that is no other's, as optparse and argparse do. */
static int find_option(const char *name, size_t len)
{
    int found = -1;
    for (int k = 0; k < NOPTIONS && len > 2; k++) {
        if (strncmp(options[k].name, name, len) != 0)
            continue;
        if (!options[k].name[len])
            return k;
        found = found == -1 ? k : -2;
    }
    return found;
}

const char *kl_ks_net_option(const char *name, size_t len, bool *takes_value)
{
    int k = find_option(name, len);
    *takes_value = k >= 0 && options[k].value;
    return k >= 0 ? options[k].name : NULL;
}

/* An option that came later stops the parser of an older release (docs/boot-stages.md §3.1). EL9
 * got those of F39 later than EL8. */
static void check_age(struct kl_ks_net *p, const word *w, int k)
{
    bool known = kl_release_since(p->r, options[k].major, options[k].minor);
    if (options[k].major == 8)
        known = kl_ks_says_search(p->r);
    if (!known)
        kl_diag(p->d, KL_ERROR, "option-too-new", place(p, w), "take it out for this release",
            "the kickstart of %s does not know %s, and its installer stops there",
            kl_release_name(p->a, p->r), options[k].name);
}

/* The option at words[k], and its value if that is the word after; returns the last word that it
 * takes. */
static size_t take_option(struct kl_ks_net *p, const word *words, size_t n, size_t k)
{
    const word *w = &words[k];
    size_t len = strcspn(w->text, "=");
    int o = find_option(w->text, len);
    if (o < 0) {
        note(p, w, "the network command has no such option");
        return k;
    }
    word name = kl_ks_part(w, 0, len), value = *w;
    name.text = options[o].name;
    check_age(p, &name, o);
    if (w->text[len]) {
        value = kl_ks_part(w, len + 1, strlen(w->text) - len - 1);
    } else if (options[o].value && k + 1 < n) {
        value = words[++k];
    } else if (options[o].value) {
        wrong(p, w, NULL, "this option needs a value");
        return k;
    }
    if (options[o].what == O_UNKNOWN_VALUE)
        note(p, w, "wireless and team links are not read");
    p->given[options[o].what] = value;
    return k;
}

static const char *given(const struct kl_ks_net *p, enum option o)
{
    return p->given[o].text;
}

/* --- one line becomes links --------------------------------------------------------------------*/

static struct kl_link *link_named(struct kl_ks_net *p, const char *name, enum kl_link_kind kind)
{
    struct kl_link *l = (struct kl_link *)kl_link_find(p->i, name);
    if (!l) {
        if (p->i->nlinks == MAX_LINKS) {
            p->full = true;
            kl_diag(p->d, KL_NOTE, "not-understood", p->at, NULL,
                "more than %d links: the rest is not read", MAX_LINKS);
        }
        p->i->links = kl_grow(p->a, p->i->links, p->i->nlinks, sizeof *l);
        l = &p->i->links[p->i->nlinks++];
        *l = (struct kl_link){.name = name, .kind = kind};
    }
    if (kind != KL_ETHERNET)
        l->kind = kind;
    return l;
}

/* Calls `each` for every part of a value between separators, with the word that it is. */
static void parts(struct kl_ks_net *p, const word *w, const char *separators, const char *arg,
    bool (*each)(struct kl_ks_net *p, const char *arg, const word *part))
{
    for (const char *s = w->text; *s && !p->full;) {
        size_t n = strcspn(s, separators), blank = strspn(s, " \t");
        if (n > blank) {
            word part = kl_ks_part(w, (size_t)(s - w->text) + blank, n - blank);
            part.text = kl_strndup(p->a, part.text, n - blank);
            if (!each(p, arg, &part))
                wrong(p, &part, NULL, "not a value for this option");
        }
        s += n + (s[n] != '\0');
    }
}

/* Ports are links too. The controller is found again each time: the list of links moves. */
static bool one_port(struct kl_ks_net *p, const char *arg, const word *part)
{
    link_named(p, part->text, KL_ETHERNET);
    say(p, part->text, "kind", part);
    struct kl_link *over = (struct kl_link *)kl_link_find(p->i, arg);
    for (size_t k = 0; k < over->nports; k++)
        if (strcmp(over->ports[k], part->text) == 0)
            return true;
    kl_add_word(p->a, &over->ports, &over->nports, part->text);
    return true;
}

/* The name in front of '='; NULL when there is none. */
static const char *option_name(struct kl_ks_net *p, const char *part)
{
    const char *equals = strchr(part, '=');
    return equals ? kl_strndup(p->a, part, (size_t)(equals - part)) : NULL;
}

static void say_option(struct kl_ks_net *p, const char *link, const char *name, const word *part)
{
    bool mode = strcmp(name, "mode") == 0;
    say(p, link, mode ? name : kl_sprintf(p->a, "option %s", name), part);
}

static bool one_bond_option(struct kl_ks_net *p, const char *arg, const word *part)
{
    const char *name = option_name(p, part->text);
    if (!name)
        return false;
    say_option(p, arg, name, part);
    return kl_add_bond_option(
        p->a, (struct kl_link *)kl_link_find(p->i, arg), name, strchr(part->text, '=') + 1);
}

static bool one_bridge_option(struct kl_ks_net *p, const char *arg, const word *part)
{
    const char *name = option_name(p, part->text);
    if (!name)
        return false;
    say_option(p, arg, name, part);
    kl_add_bridge_option(
        p->a, (struct kl_link *)kl_link_find(p->i, arg), name, strchr(part->text, '=') + 1);
    return true;
}

static bool one_server(struct kl_ks_net *p, const char *arg, const word *part)
{
    (void)arg;
    return kl_add_dns(p->a, &p->i->dns, &p->i->ndns, part->text);
}

static bool one_search(struct kl_ks_net *p, const char *arg, const word *part)
{
    (void)arg;
    kl_add_word(p->a, &p->i->search, &p->i->nsearch, part->text);
    return true;
}

/* A bond or a bridge, anew: a later command for the same device replaces the earlier one. */
static void controller(struct kl_ks_net *p, const char *name, enum kl_link_kind kind)
{
    bool is_bond = kind == KL_BOND;
    struct kl_link *l = link_named(p, name, kind);
    const word *ports = &p->given[is_bond ? O_BONDSLAVES : O_BRIDGESLAVES];
    const word *opts = &p->given[is_bond ? O_BONDOPTS : O_BRIDGEOPTS];
    l->nports = l->noptions = 0;
    l->ports = NULL;
    l->options = NULL;
    l->mode = 0;
    say(p, name, "ports", ports);
    parts(p, ports, ",", name, one_port);
    if (opts->text)
        parts(p, opts, is_bond && strchr(opts->text, ';') ? ";" : ",", name,
            is_bond ? one_bond_option : one_bridge_option);
}

static void explicit_gateway(
    struct kl_ks_net *p, enum option o, const char *link, struct kl_ip *ip, uint8_t family)
{
    struct kl_addr via;
    if (!given(p, o) || !*given(p, o))
        return;
    say(p, link, family == 6 ? "gateway6" : "gateway4", &p->given[o]);
    if (!kl_addr_parse(given(p, o), &via) || via.family != family) {
        wrong(p, &p->given[o], family == 6 ? "write it bare, without brackets" : NULL,
            "not an address of this family");
        return;
    }
    ip->gateway = KL_GATEWAY_EXPLICIT;
    ip->nexthop = via;
}

static void static4(struct kl_ks_net *p, const char *link, struct kl_ip *ip)
{
    uint8_t len = 0;
    if (!given(p, O_IP)) {
        /* IPv6 may be all that is meant; NetworkManager 1.0 refuses the profile (quirk 4). */
        kl_diag(p->d, KL_WARNING, "static-without-ip", place(p, &p->given[O_BOOTPROTO]),
            "write --noipv4 instead", "--bootproto=static without --ip");
        return;
    }
    say(p, link, "addresses4", &p->given[O_IP]);
    say(p, link, "prefix4", given(p, O_NETMASK) ? &p->given[O_NETMASK] : &p->given[O_IP]);
    if (!given(p, O_NETMASK) || !kl_netmask_parse(given(p, O_NETMASK), &len))
        wrong(p, given(p, O_NETMASK) ? &p->given[O_NETMASK] : &p->given[O_IP],
            "add --netmask=255.255.255.0, or what the network's is",
            given(p, O_NETMASK) ? "not a netmask" : "there is no netmask");
    if (!kl_add_address(p->a, ip, given(p, O_IP), 4, len)) {
        wrong(p, &p->given[O_IP], NULL, "not an IPv4 address");
        return;
    }
    ip->method = KL_STATIC;
    explicit_gateway(p, O_GATEWAY, link, ip, 4);
}

static void ip4(struct kl_ks_net *p, const char *link, struct kl_ip *ip)
{
    const word *proto = &p->given[O_BOOTPROTO];
    *ip = (struct kl_ip){0};
    if (proto->text)
        say(p, link, "ipv4", proto);
    if (given(p, O_NOIPV4)) {
        say(p, link, "ipv4", &p->given[O_NOIPV4]);
        if (!p->own && p->r->el == 7 && !kl_release_since(p->r, 7, 3))
            kl_diag(p->d, KL_WARNING, "noipv4-ignored", place(p, &p->given[O_NOIPV4]),
                "set BOOTPROTO=none in %post", "this release leaves DHCPv4 on (quirk 5)");
        return;
    }
    if (!proto->text || strcmp(proto->text, "dhcp") == 0 || strcmp(proto->text, "bootp") == 0) {
        ip->method = KL_DHCP; /* the default */
        ip->gateway = given(p, O_NODEFROUTE) ? KL_GATEWAY_NONE : KL_GATEWAY_LEARNT;
        if (given(p, O_NODEFROUTE))
            say(p, link, "gateway4", &p->given[O_NODEFROUTE]);
    } else if (strcmp(proto->text, "static") == 0) {
        static4(p, link, ip);
    } else {
        note(p, proto, "this way of configuring is not read");
    }
}

/* The address and the length, each in its place. */
static void say_address6(struct kl_ks_net *p, const char *link, const word *w)
{
    const char *slash = strchr(w->text, '/');
    word len = *w;
    if (slash)
        len = kl_ks_part(w, (size_t)(slash - w->text) + 1, strlen(slash) - 1);
    say(p, link, "addresses6", w);
    say(p, link, "prefix6", &len);
}

static void ip6(struct kl_ks_net *p, const char *link, struct kl_ip *ip)
{
    const char *how = given(p, O_IPV6);
    *ip = (struct kl_ip){0};
    if (how)
        say(p, link, "ipv6", &p->given[O_IPV6]);
    if (given(p, O_NOIPV6)) {
        say(p, link, "ipv6", &p->given[O_NOIPV6]);
        return;
    }
    if (!how || strcmp(how, "auto") == 0 || !*how)
        ip->method = KL_AUTO;
    else if (strcmp(how, "dhcp") == 0)
        ip->method = KL_DHCP;
    else if (kl_add_address(p->a, ip, how, 6, 64)) /* no prefix: 64 (§3.1) */
        ip->method = KL_STATIC;
    else
        wrong(p, &p->given[O_IPV6], "write ADDRESS/LENGTH, auto or dhcp", "not an IPv6 address");
    if (ip->method == KL_AUTO || ip->method == KL_DHCP)
        ip->gateway = KL_GATEWAY_LEARNT;
    if (ip->method != KL_STATIC)
        return;
    say_address6(p, link, &p->given[O_IPV6]);
    explicit_gateway(p, O_IPV6GATEWAY, link, ip, 6);
}

/* The VLAN over `device`; NULL when it cannot be. */
static const char *vlan(struct kl_ks_net *p, const char *device)
{
    const word *id_word = &p->given[O_VLANID], *name_word = &p->given[O_INTERFACENAME];
    const word *said = given(p, O_INTERFACENAME) ? name_word : id_word;
    const char *name = given(p, O_INTERFACENAME);
    unsigned long id;
    if (!kl_number(id_word->text, 4095, &id)) {
        wrong(p, id_word, NULL, "not a VLAN's number");
        id = 0;
    }
    if (!name || !*name)
        name = kl_sprintf(p->a, "%s.%lu", device, id);
    link_named(p, device, KL_ETHERNET);
    if (strcmp(name, device) == 0) {
        wrong(p, said, "give the VLAN a name of its own", "a VLAN cannot have its parent's name");
        return NULL;
    }
    if (!kl_ks_vlan_name_ok(p->r, name, (unsigned)id))
        wrong(
            p, said, "EL7 takes names of the forms PARENT.ID and vlanID only", "not a VLAN's name");
    struct kl_link *l = link_named(p, name, KL_VLAN);
    l->parent = device;
    l->vlan = (uint16_t)id;
    say(p, name, "kind", said);
    say(p, name, "vlan", id_word);
    if (given(p, O_DEVICE))
        say(p, name, "parent", &p->given[O_DEVICE]);
    return name;
}

/* The link that the command is about, with what it stands on. Without --device it is whatever
 * interface comes first, and called "link", as --device=link is. */
static const char *build(struct kl_ks_net *p)
{
    const char *device = given(p, O_DEVICE) && *given(p, O_DEVICE) ? given(p, O_DEVICE) : "link";
    if (given(p, O_DEVICE))
        say(p, device, "kind", &p->given[O_DEVICE]);
    if (given(p, O_BONDSLAVES))
        controller(p, device, KL_BOND);
    if (given(p, O_BRIDGESLAVES))
        controller(p, device, KL_BRIDGE);
    const char *name = given(p, O_VLANID) ? vlan(p, device) : NULL;
    if (name)
        return name;
    struct kl_link *l = link_named(p, device, KL_ETHERNET);
    if (l->kind == KL_ETHERNET && kl_mac_parse(device, &l->mac)) {
        say(p, device, "mac", &p->given[O_DEVICE]);
        note(p, &p->given[O_DEVICE], "which interface has this address is not known here");
    }
    return device;
}

/* pykickstart's ksboolean. */
static bool says_no(const char *value)
{
    static const char *const no[] = {"no", "off", "false", "0"};
    for (size_t k = 0; value && k < sizeof no / sizeof *no; k++)
        if (strcasecmp(value, no[k]) == 0)
            return true;
    return false;
}

static bool only_hostname(const struct kl_ks_net *p)
{
    for (int k = 0; k < O_COUNT; k++)
        if (p->given[k].text && k != O_HOSTNAME && k != O_ACTIVATE && k != O_NO_ACTIVATE)
            return false;
    return given(p, O_HOSTNAME) != NULL;
}

/* Of several the first counts (pykickstart's F18_Network); EL6's anaconda sets each in turn. */
static void hostname(struct kl_ks_net *p)
{
    const char *name = given(p, O_HOSTNAME);
    if (!name || !*name || (p->i->hostname && p->r->el >= 7))
        return;
    p->i->hostname = name;
    say(p, NULL, "hostname", &p->given[O_HOSTNAME]);
}

static void mtu(struct kl_ks_net *p, struct kl_link *l)
{
    unsigned long value;
    if (!given(p, O_MTU) || !*given(p, O_MTU))
        return;
    say(p, l->name, "mtu", &p->given[O_MTU]);
    if (kl_number(given(p, O_MTU), UINT16_MAX, &value))
        l->mtu = (uint32_t)value;
    else
        wrong(p, &p->given[O_MTU], NULL, "not an MTU");
}

static void names(struct kl_ks_net *p)
{
    static const enum option lists[] = {O_NAMESERVER, O_SEARCH4, O_SEARCH6};
    for (int k = 0; k < 3; k++) {
        const word *w = &p->given[lists[k]];
        if (!w->text)
            continue;
        say(p, NULL, k ? "search" : "dns", w);
        parts(p, w, ",", NULL, k ? one_search : one_server);
    }
}

static void describe(struct kl_ks_net *p)
{
    const char *name = build(p);
    struct kl_link *l = (struct kl_link *)kl_link_find(p->i, name);
    if (l->at.file) {
        struct kl_diag *d = kl_diag(p->d, KL_WARNING, "network-twice", p->at,
            "leave one of the two", "a second network command for %s", name);
        kl_diag_also(p->d, d, l->at, "the first one");
    }
    l->at = p->at;
    /* Later lines are brought up only with --activate (§3.1), and not at boot with --onboot=no. */
    bool up = !says_no(given(p, O_ONBOOT)) || given(p, O_ACTIVATE) || !p->devices;
    ip4(p, name, &l->ip4);
    ip6(p, name, &l->ip6);
    if (!up)
        l->ip4 = l->ip6 = (struct kl_ip){0};
    mtu(p, l);
    names(p);
    if (!p->devices) {
        p->i->install = name;
        if (given(p, O_DEVICE))
            say(p, NULL, "install", &p->given[O_DEVICE]);
    }
    p->devices++;
}

/* Does the command name the host, and no more than that? */
static bool names_host(const struct kl_ks_word *words, size_t n)
{
    for (size_t k = 1; k < n; k++)
        if (kl_starts(words[k].text, "--") && !kl_starts(words[k].text, "--hostname") &&
            strcmp(words[k].text, "--activate") != 0)
            return false;
    return true;
}

void kl_ks_net_leave(struct kl_ks_net *p, const struct kl_ks_word *words, size_t nwords,
    struct kl_place at, const char *why)
{
    p->unknown |= !names_host(words, nwords);
    if (p->d)
        kl_diag(p->d, KL_NOTE, "not-understood", at, NULL, "%s", why);
}

void kl_ks_net_add(struct kl_ks_net *p, const struct kl_ks_origin *o, unsigned line,
    const struct kl_ks_word *words, size_t nwords, struct kl_place at, bool own)
{
    if (p->full)
        return;
    memset(p->given, 0, sizeof p->given);
    p->o = o;
    p->line = line;
    p->at = at;
    p->own = own;
    for (size_t k = 1; k < nwords; k++)
        if (kl_ks_is_placeholder(words[k].text)) {
            p->unknown |= !names_host(words, nwords);
            note(p, &words[k], "a template: this command is read once it is filled in");
            return;
        }
    for (size_t k = 1; k < nwords; k++)
        if (kl_starts(words[k].text, "--"))
            k = take_option(p, words, nwords, k);
        else
            note(p, &words[k], "the network command takes options only");
    hostname(p);
    if (!only_hostname(p))
        describe(p);
}

/* --- the whole file ----------------------------------------------------------------------------*/

struct kl_ks_net *kl_ks_net_new(
    struct kl_arena *a, const struct kl_release *r, const char *file, struct kl_diags *d)
{
    struct kl_ks_net *p = kl_alloc(a, sizeof *p);
    *p = (struct kl_ks_net){.a = a, .d = d, .r = r, .file = file};
    p->i = kl_alloc(a, sizeof *p->i);
    return p;
}

void kl_ks_net_install(struct kl_ks_net *p, const char *name)
{
    const struct kl_link *l = kl_link_find(p->i, name);
    if (l)
        p->i->install = l->name;
}

size_t kl_ks_net_devices(const struct kl_ks_net *p)
{
    return p->unknown ? 0 : p->devices;
}

struct kl_intent *kl_ks_net_end(struct kl_ks_net *p)
{
    kl_intent_sort(p->i);
    p->i->at = (struct kl_place){.file = p->file};
    return p->i;
}

struct kl_intent *kl_kickstart_parse(struct kl_arena *a, const char *text, const char *file,
    const struct kl_release *r, struct kl_diags *d)
{
    return kl_kickstart_read(a, text, strlen(text), file, r, NULL, d)->network;
}
