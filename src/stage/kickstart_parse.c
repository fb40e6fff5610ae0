/* The network that a kickstart describes: its `network` commands, read as anaconda's pykickstart
 * reads them (docs/boot-stages.md §3.1) and understood as its network module builds profiles of
 * them (§3.2).
 *
 * Where a kickstart ends with Kickline's own %post, the files that it writes are what counts: they
 * are what the machine boots with. They are read instead, as long as nobody has added commands of
 * their own beside Kickline's.
 */
#include "stage/kickstart.h"
#include "stage/system.h"

#include <string.h>

/* A word of a command, as the shell would split it. */
struct word {
    const char *text;
    unsigned col, width;
};

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

/* Options of all releases (§3.1). */
static const struct {
    const char *name;
    enum option what;
    bool value;
} options[] = {
    {"--bootproto", O_BOOTPROTO, true},
    {"--device", O_DEVICE, true},
    {"--ip", O_IP, true},
    {"--netmask", O_NETMASK, true},
    {"--gateway", O_GATEWAY, true},
    {"--nameserver", O_NAMESERVER, true},
    {"--hostname", O_HOSTNAME, true},
    {"--mtu", O_MTU, true},
    {"--onboot", O_ONBOOT, true},
    {"--noipv4", O_NOIPV4, false},
    {"--noipv6", O_NOIPV6, false},
    {"--ipv6", O_IPV6, true},
    {"--ipv6gateway", O_IPV6GATEWAY, true},
    {"--bondslaves", O_BONDSLAVES, true},
    {"--bondopts", O_BONDOPTS, true},
    {"--vlanid", O_VLANID, true},
    {"--interfacename", O_INTERFACENAME, true},
    {"--bridgeslaves", O_BRIDGESLAVES, true},
    {"--bridgeopts", O_BRIDGEOPTS, true},
    {"--nodefroute", O_NODEFROUTE, false},
    {"--ipv4-dns-search", O_SEARCH4, true},
    {"--ipv6-dns-search", O_SEARCH6, true},
    {"--activate", O_ACTIVATE, false},
    {"--no-activate", O_NO_ACTIVATE, false},
    {"--nodns", O_IGNORED, false},
    {"--notksdevice", O_IGNORED, false},
    {"--ipv4-ignore-auto-dns", O_IGNORED, false},
    {"--ipv6-ignore-auto-dns", O_IGNORED, false},
    {"--dhcpclass", O_IGNORED_VALUE, true},
    {"--ethtool", O_IGNORED_VALUE, true},
    {"--bindto", O_IGNORED_VALUE, true},
    {"--essid", O_UNKNOWN_VALUE, true},
    {"--wepkey", O_UNKNOWN_VALUE, true},
    {"--wpakey", O_UNKNOWN_VALUE, true},
    {"--teamslaves", O_UNKNOWN_VALUE, true},
    {"--teamconfig", O_UNKNOWN_VALUE, true},
};
enum { NOPTIONS = sizeof options / sizeof *options };

struct parser {
    struct kl_arena *a;
    struct kl_diags *d;
    const char *file;
    const struct kl_release *r;
    struct kl_intent *i;
    unsigned line;
    struct word given[O_COUNT]; /* of the line being read; text NULL: not given */
    bool any;                   /* a line with a device was read */
    bool own;                   /* the line is Kickline's: its scripts mend what it leaves */
};

static struct kl_place place(const struct parser *p, const struct word *w)
{
    return (struct kl_place){p->file, p->line, w->col, w->width};
}

static void note(struct parser *p, const struct word *w, const char *why)
{
    kl_diag(p->d, KL_NOTE, "not-understood", place(p, w), NULL, "%s: %s", w->text, why);
}

static void wrong(struct parser *p, const struct word *w, const char *hint, const char *why)
{
    kl_diag(p->d, KL_WARNING, "kickstart-value", place(p, w), hint, "'%s': %s", w->text, why);
}

/* --- words -------------------------------------------------------------------------------------*/

/* The next word of a line, as Python's shlex.split(comments=True) has it; false at its end. */
static bool next_word(struct parser *p, const char *line, const char **at, struct word *out)
{
    const char *s = *at + strspn(*at, " \t\r\n");
    if (!*s || *s == '#')
        return false;
    struct kl_buf b KL_BUF_SCOPE = {0};
    char quote = 0;
    out->col = (unsigned)(s - line) + 1;
    for (; *s && (quote || !strchr(" \t\r\n", *s)); s++) {
        if (quote && *s == quote)
            quote = 0;
        else if (!quote && (*s == '"' || *s == '\''))
            quote = *s;
        else if (*s == '\\' && s[1] && (!quote || (quote == '"' && (s[1] == '"' || s[1] == '\\'))))
            kl_buf_addc(&b, *++s);
        else
            kl_buf_addc(&b, *s);
    }
    out->width = (unsigned)(s - line) + 1 - out->col;
    out->text = kl_strndup(p->a, kl_buf_text(&b), b.len);
    *at = s;
    if (quote)
        wrong(p, out, "close it", "a quote is not closed");
    return true;
}

/* An option by its whole name or by a beginning that is no other's, as optparse and argparse do. */
static int find_option(const char *name)
{
    int found = -1;
    for (int k = 0; k < NOPTIONS; k++) {
        if (strcmp(options[k].name, name) == 0)
            return k;
        if (kl_starts(options[k].name, name))
            found = found == -1 ? k : -2;
    }
    return found;
}

/* An option that came later stops the parser of an older release (docs/boot-stages.md §3.1). */
static void check_age(struct parser *p, const struct word *w, const char *name)
{
    bool known = true;
    if (strcmp(name, "--no-activate") == 0)
        known = kl_release_since(p->r, 7, 3);
    else if (strcmp(name, "--bindto") == 0)
        known = kl_release_since(p->r, 7, 5);
    else if (kl_starts(name, "--ipv4-") || kl_starts(name, "--ipv6-"))
        known = kl_ks_says_search(p->r);
    if (!known)
        kl_diag(p->d, KL_ERROR, "option-too-new", place(p, w), "take it out for this release",
            "the kickstart of %s does not know %s, and its installer stops there",
            kl_release_name(p->a, p->r), name);
}

static void take_option(struct parser *p, const char *line, const char **at, struct word *w)
{
    const char *equals = strchr(w->text, '=');
    const char *name = equals ? kl_strndup(p->a, w->text, (size_t)(equals - w->text)) : w->text;
    int k = strlen(name) > 2 ? find_option(name) : -1;
    if (k < 0) {
        note(p, w, "the network command has no such option");
        return;
    }
    check_age(p, w, options[k].name);
    struct word value = *w;
    if (equals) {
        unsigned skip = (unsigned)(equals - w->text) + 1;
        value.text = equals + 1;
        value.col += skip;
        value.width = value.width > skip ? value.width - skip : 1;
    } else if (options[k].value && !next_word(p, line, at, &value)) {
        wrong(p, w, NULL, "this option needs a value");
        return;
    }
    if (options[k].what == O_UNKNOWN_VALUE)
        note(p, w, "wireless and team links are not read");
    p->given[options[k].what] = value;
}

static const char *given(const struct parser *p, enum option o)
{
    return p->given[o].text;
}

/* --- one line becomes links --------------------------------------------------------------------*/

static struct kl_link *link_named(struct parser *p, const char *name, enum kl_link_kind kind)
{
    struct kl_link *l = (struct kl_link *)kl_link_find(p->i, name);
    if (!l) {
        p->i->links = kl_grow(p->a, p->i->links, p->i->nlinks, sizeof *l);
        l = &p->i->links[p->i->nlinks++];
        *l = (struct kl_link){.name = name, .kind = kind};
    }
    if (kind != KL_ETHERNET)
        l->kind = kind;
    return l;
}

/* Calls `each` for every part of a value between separators. */
static void parts(struct parser *p, const struct word *w, const char *separators, void *arg,
    bool (*each)(struct parser *p, void *arg, const char *part))
{
    for (const char *s = w->text; *s;) {
        size_t n = strcspn(s, separators);
        size_t blank = strspn(s, " \t");
        if (n > blank) {
            struct word part = {kl_strndup(p->a, s + blank, n - blank),
                w->col + (unsigned)(s - w->text), (unsigned)n};
            if (!each(p, arg, part.text))
                wrong(p, &part, NULL, "not a value for this option");
        }
        s += n + (s[n] != '\0');
    }
}

/* Ports are links too. The controller is found again each time: the list of links moves. */
static bool one_port(struct parser *p, void *arg, const char *part)
{
    link_named(p, part, KL_ETHERNET);
    struct kl_link *over = (struct kl_link *)kl_link_find(p->i, arg);
    kl_add_word(p->a, &over->ports, &over->nports, part);
    return true;
}

static bool one_bond_option(struct parser *p, void *arg, const char *part)
{
    const char *equals = strchr(part, '=');
    return equals && kl_add_bond_option(p->a, (struct kl_link *)kl_link_find(p->i, arg),
                         kl_strndup(p->a, part, (size_t)(equals - part)), equals + 1);
}

static bool one_bridge_option(struct parser *p, void *arg, const char *part)
{
    const char *equals = strchr(part, '=');
    if (equals)
        kl_add_bridge_option(p->a, (struct kl_link *)kl_link_find(p->i, arg),
            kl_strndup(p->a, part, (size_t)(equals - part)), equals + 1);
    return equals != NULL;
}

static bool one_server(struct parser *p, void *arg, const char *part)
{
    (void)arg;
    return kl_add_dns(p->a, &p->i->dns, &p->i->ndns, part);
}

static bool one_search(struct parser *p, void *arg, const char *part)
{
    (void)arg;
    kl_add_word(p->a, &p->i->search, &p->i->nsearch, part);
    return true;
}

static void bond(struct parser *p, const char *name)
{
    link_named(p, name, KL_BOND);
    parts(p, &p->given[O_BONDSLAVES], ",", (void *)name, one_port);
    const struct word *o = &p->given[O_BONDOPTS];
    if (o->text)
        parts(p, o, strchr(o->text, ';') ? ";" : ",", (void *)name, one_bond_option);
}

static void explicit_gateway(struct parser *p, enum option o, struct kl_ip *ip, uint8_t family)
{
    struct kl_addr via;
    if (!given(p, o))
        return;
    if (!kl_addr_parse(given(p, o), &via) || via.family != family) {
        wrong(p, &p->given[o], family == 6 ? "write it bare, without brackets" : NULL,
            "not an address of this family");
        return;
    }
    ip->gateway = KL_GATEWAY_EXPLICIT;
    ip->nexthop = via;
}

static void ip4(struct parser *p, struct kl_ip *ip)
{
    const struct word *proto = &p->given[O_BOOTPROTO];
    *ip = (struct kl_ip){0};
    if (given(p, O_NOIPV4)) {
        if (!p->own && !kl_release_since(p->r, 7, 3))
            kl_diag(p->d, KL_WARNING, "noipv4-ignored", place(p, &p->given[O_NOIPV4]),
                "set BOOTPROTO=none in %post", "this release leaves DHCPv4 on (quirk 5)");
        return;
    }
    if (!proto->text || strcmp(proto->text, "dhcp") == 0 || strcmp(proto->text, "bootp") == 0) {
        ip->method = KL_DHCP; /* the default */
        ip->gateway = given(p, O_NODEFROUTE) ? KL_GATEWAY_NONE : KL_GATEWAY_LEARNT;
        return;
    }
    if (strcmp(proto->text, "static") != 0) {
        note(p, proto, "this way of configuring is not read");
        return;
    }
    if (!given(p, O_IP)) {
        /* IPv6 may be all that is meant; NetworkManager 1.0 refuses the profile (quirk 4). */
        kl_diag(p->d, KL_WARNING, "static-without-ip", place(p, proto), "write --noipv4 instead",
            "--bootproto=static without --ip");
        return;
    }
    uint8_t len = 0;
    if (!given(p, O_NETMASK) || !kl_netmask_parse(given(p, O_NETMASK), &len))
        wrong(p, given(p, O_NETMASK) ? &p->given[O_NETMASK] : &p->given[O_IP],
            "add --netmask=255.255.255.0, or what the network's is", "there is no netmask");
    if (!kl_add_address(p->a, ip, given(p, O_IP), 4, len)) {
        wrong(p, &p->given[O_IP], NULL, "not an IPv4 address");
        return;
    }
    ip->method = KL_STATIC;
    explicit_gateway(p, O_GATEWAY, ip, 4);
}

static void ip6(struct parser *p, struct kl_ip *ip)
{
    const char *how = given(p, O_IPV6);
    *ip = (struct kl_ip){0};
    if (given(p, O_NOIPV6))
        return;
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
    if (ip->method == KL_STATIC)
        explicit_gateway(p, O_IPV6GATEWAY, ip, 6);
}

/* The link that the line is about, with what it stands on. */
static const char *build(struct parser *p)
{
    const char *device = given(p, O_DEVICE);
    unsigned long id;
    if (!device) {
        device = "link";
        struct word whole = {"network", 1, 7};
        note(p, &whole, "without --device it is whatever interface comes first");
    }
    if (given(p, O_BONDSLAVES))
        bond(p, device);
    if (given(p, O_BRIDGESLAVES)) {
        link_named(p, device, KL_BRIDGE);
        parts(p, &p->given[O_BRIDGESLAVES], ",", (void *)device, one_port);
        if (given(p, O_BRIDGEOPTS))
            parts(p, &p->given[O_BRIDGEOPTS], ",", (void *)device, one_bridge_option);
    }
    if (!given(p, O_VLANID)) {
        struct kl_link *l = link_named(p, device, KL_ETHERNET);
        if (l->kind == KL_ETHERNET && kl_mac_parse(device, &l->mac))
            note(p, &p->given[O_DEVICE], "which interface has this address is not known here");
        return device;
    }
    if (!kl_number(given(p, O_VLANID), 4095, &id)) {
        wrong(p, &p->given[O_VLANID], NULL, "not a VLAN's number");
        id = 0;
    }
    const char *name = given(p, O_INTERFACENAME);
    if (!name || !*name)
        name = kl_sprintf(p->a, "%s.%lu", device, id);
    link_named(p, device, KL_ETHERNET);
    if (strcmp(name, device) == 0) {
        wrong(p, &p->given[O_INTERFACENAME], "give the VLAN a name of its own",
            "a VLAN cannot have its parent's name");
        return device;
    }
    if (!kl_ks_vlan_name_ok(p->r, name, (unsigned)id))
        wrong(p, given(p, O_INTERFACENAME) ? &p->given[O_INTERFACENAME] : &p->given[O_VLANID],
            "EL7 takes names of the forms PARENT.ID and vlanID only", "not a VLAN's name");
    struct kl_link *l = link_named(p, name, KL_VLAN);
    l->parent = device;
    l->vlan = (uint16_t)id;
    return name;
}

static bool only_hostname(const struct parser *p)
{
    for (int k = 0; k < O_COUNT; k++)
        if (p->given[k].text && k != O_HOSTNAME && k != O_ACTIVATE && k != O_NO_ACTIVATE)
            return false;
    return given(p, O_HOSTNAME) != NULL;
}

static void finish_line(struct parser *p, unsigned width)
{
    unsigned long mtu;
    if (given(p, O_HOSTNAME))
        p->i->hostname = given(p, O_HOSTNAME);
    if (only_hostname(p))
        return;
    const char *name = build(p);
    struct kl_link *l = (struct kl_link *)kl_link_find(p->i, name);
    if (l->at.file)
        kl_diag(p->d, KL_WARNING, "network-twice", (struct kl_place){p->file, p->line, 1, width},
            "leave one of the two", "a second network command for %s", name);
    l->at = (struct kl_place){p->file, p->line, 1, width};
    /* Later lines are brought up only with --activate (§3.1), and not at boot with --onboot=no. */
    bool up = !kl_streq(given(p, O_ONBOOT), "no") || given(p, O_ACTIVATE) || !p->any;
    ip4(p, &l->ip4);
    ip6(p, &l->ip6);
    if (!up)
        l->ip4 = l->ip6 = (struct kl_ip){0};
    if (given(p, O_MTU) && *given(p, O_MTU)) {
        if (kl_number(given(p, O_MTU), UINT16_MAX, &mtu))
            l->mtu = (uint32_t)mtu;
        else
            wrong(p, &p->given[O_MTU], NULL, "not an MTU");
    }
    if (given(p, O_NAMESERVER))
        parts(p, &p->given[O_NAMESERVER], ",", NULL, one_server);
    if (given(p, O_SEARCH4))
        parts(p, &p->given[O_SEARCH4], ",", NULL, one_search);
    if (given(p, O_SEARCH6))
        parts(p, &p->given[O_SEARCH6], ",", NULL, one_search);
    if (!p->any)
        p->i->install = name;
    p->any = true;
}

static void read_line(struct parser *p, const char *start, size_t len, unsigned number)
{
    const char *line = kl_strndup(p->a, start, len), *at = line;
    struct word w;
    memset(p->given, 0, sizeof p->given);
    p->line = number;
    next_word(p, line, &at, &w); /* "network" itself */
    while (next_word(p, line, &at, &w)) {
        if (kl_starts(w.text, "--"))
            take_option(p, line, &at, &w);
        else
            note(p, &w, "the network command takes options only");
    }
    finish_line(p, (unsigned)strcspn(line, "\r\n"));
}

/* --- the whole file ----------------------------------------------------------------------------*/

/* The commands within Kickline's own section. */
static void read_own(struct parser *p, const struct kl_ks_unit *own)
{
    const char *text = kl_strndup(p->a, own->start, own->len), *install = NULL;
    unsigned line = own->line;
    size_t head = strlen(kl_ks_install_mark);
    p->own = true;
    for (const char *s = text; *s; line++) {
        size_t n = strcspn(s, "\n");
        if (strncmp(s, "network", 7) == 0)
            read_line(p, s, n, line);
        else if (strncmp(s, kl_ks_install_mark, head) == 0)
            install = kl_strndup(p->a, s + head, strcspn(s + head, "\r\n"));
        s += n + (s[n] == '\n');
    }
    p->own = false;
    const struct kl_link *l = kl_link_find(p->i, install);
    if (l)
        p->i->install = l->name;
}

/* The files of Kickline's %post say the same as its commands, and more. */
static struct kl_intent *with_files(struct parser *p, const struct kl_ks_unit *post)
{
    struct kl_file *files;
    size_t n = kl_ks_post_files(p->a, post->start, post->len, &files);
    if (!n)
        return p->i;
    struct kl_intent *i = kl_system_parse(p->a, files, n, p->r, p->d);
    i->install = p->i->install;
    if (!i->hostname)
        i->hostname = p->i->hostname;
    for (size_t k = 0; k < i->nlinks; k++) {
        const struct kl_link *l = kl_link_find(p->i, i->links[k].name);
        i->links[k].at = l && l->at.file ? l->at : (struct kl_place){p->file, post->line, 1, 1};
    }
    return i;
}

struct kl_intent *kl_kickstart_parse(struct kl_arena *a, const char *text, const char *file,
    const struct kl_release *r, struct kl_diags *d)
{
    struct parser p = {.a = a, .d = d, .r = r, .file = kl_strdup(a, file)};
    struct kl_ks_scan scan = kl_ks_scan(text);
    struct kl_ks_unit u, post = {0};
    bool others = false;
    kl_diags_source(d, file, text, strlen(text));
    p.i = kl_alloc(a, sizeof *p.i);
    while (kl_ks_next(&scan, &u)) {
        if (u.kind == KL_KS_NETWORK) {
            others = true;
            read_line(&p, u.start, u.len, u.line);
        } else if (u.kind == KL_KS_OWN && strcmp(u.own, "network") == 0) {
            read_own(&p, &u);
        } else if (u.kind == KL_KS_OWN && strcmp(u.own, "post") == 0) {
            post = u;
        } else if (u.kind == KL_KS_INCLUDE) {
            kl_diag(d, KL_NOTE, "kickstart-include", (struct kl_place){p.file, u.line, 1, 1}, NULL,
                "what this line includes is not looked into");
        }
    }
    kl_intent_sort(p.i);
    p.i->at = (struct kl_place){.file = p.file};
    return post.start && !others ? with_files(&p, &post) : p.i;
}
