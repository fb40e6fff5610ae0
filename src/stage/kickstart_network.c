/* The `network` commands of a kickstart, by release (docs/boot-stages.md §3), and what they cannot
 * say.
 *
 * --device and --activate stand on every line: without them only the first line is certain to be a
 * device's, and to be brought up (§3.1). A bond, a bridge and a VLAN over a bond without an address
 * of its own are one line each; ports have none.
 */
#include "stage/kickstart.h"
#include "stage/system.h"

#include <string.h>

const char kl_ks_install_mark[] = "# The install goes by ";

struct lines {
    struct kl_arena *a;
    const struct kl_intent *i;
    const struct kl_release *r;
    struct kl_buf *out;
    struct kl_diags *d;
    const char *eol;
    bool *done; /* by the index of the link */
    bool ok;
    bool any;
};

const struct kl_link *kl_ks_install_link(const struct kl_intent *i)
{
    const struct kl_link *l = kl_link_find(i, i->install);
    for (size_t k = 0; !l && k < i->nlinks; k++)
        if (kl_link_has_ip(&i->links[k]))
            l = &i->links[k];
    return l;
}

bool kl_ks_says_search(const struct kl_release *r)
{
    return r->el == 8 ? kl_release_since(r, 8, 9) : kl_release_since(r, 9, 3);
}

/* A VLAN over a bond that has no address, and is not a port, is one line with the bond (7.3 and
 * later: rhbz 1234849; 7.2 loses the bond's options there, quirk 11, which %post mends). */
static const struct kl_link *bond_below(const struct lines *s, const struct kl_link *vlan)
{
    const struct kl_link *bond = kl_link_find(s->i, vlan->parent);
    if (!bond || bond->kind != KL_BOND || kl_link_has_ip(bond) ||
        kl_link_controller(s->i, bond->name) || s->done[bond - s->i->links])
        return NULL;
    return bond;
}

static void bond_options(struct kl_buf *b, const struct kl_link *l)
{
    kl_buf_add(b, " --bondslaves=");
    for (size_t k = 0; k < l->nports; k++)
        kl_buf_addf(b, "%s%s", k ? "," : "", l->ports[k]);
    /* Split at ";" if there is one, else at ",": so ";" as soon as a value has commas (§3.1). */
    char between = ',';
    for (size_t k = 0; k < l->noptions; k++)
        if (strchr(l->options[k].value, ','))
            between = ';';
    kl_buf_addf(b, " --bondopts=mode=%s", kl_bond_modes[l->mode]); /* always: quirk 41 */
    for (size_t k = 0; k < l->noptions; k++)
        kl_buf_addf(b, "%c%s=%s", between, l->options[k].name, l->options[k].value);
}

static void bridge_options(struct kl_buf *b, const struct kl_link *l)
{
    kl_buf_add(b, " --bridgeslaves=");
    for (size_t k = 0; k < l->nports; k++)
        kl_buf_addf(b, "%s%s", k ? "," : "", l->ports[k]);
    for (size_t k = 0; k < l->noptions; k++)
        kl_buf_addf(
            b, "%s%s=%s", k ? "," : " --bridgeopts=", l->options[k].name, l->options[k].value);
}

/* EL7 checks names: with a dot it is X.ID where X is not "vlan", and what begins with "vlan" is
 * vlanID (§3.1). */
bool kl_ks_vlan_name_ok(const struct kl_release *r, const char *name, unsigned id)
{
    const char *dot = strrchr(name, '.');
    unsigned long n;
    if (r->el != 7 || (!dot && !kl_starts(name, "vlan")))
        return true;
    return kl_number(dot ? dot + 1 : name + 4, 4095, &n) && n == id && !kl_starts(name, "vlan.");
}

static void check_vlan_name(struct lines *s, const struct kl_link *l)
{
    if (kl_ks_vlan_name_ok(s->r, l->name, l->vlan))
        return;
    kl_diag(s->d, KL_ERROR, "vlan-name", l->at,
        kl_diag_text(s->d, "call it %s.%u", l->parent, l->vlan),
        "%s: the kickstart of %s takes VLAN names of the forms PARENT.ID and vlanID only", l->name,
        kl_release_name(s->a, s->r));
    s->ok = false;
}

static void ip4(struct kl_buf *b, const struct kl_ip *ip)
{
    char text[KL_ADDR_TEXT];
    if (ip->method == KL_OFF) {
        kl_buf_add(b, " --noipv4");
    } else if (ip->method == KL_DHCP) {
        kl_buf_add(b, " --bootproto=dhcp");
        if (ip->gateway == KL_GATEWAY_NONE)
            kl_buf_add(b, " --nodefroute");
    } else {
        /* Never static without --ip: quirk 4. */
        kl_buf_addf(b, " --bootproto=static --ip=%s", kl_addr_text(&ip->addresses[0].addr, text));
        kl_buf_addf(b, " --netmask=%s", kl_netmask_text(ip->addresses[0].len, text));
        if (ip->gateway == KL_GATEWAY_EXPLICIT)
            kl_buf_addf(b, " --gateway=%s", kl_addr_text(&ip->nexthop, text));
    }
}

static void ip6(struct kl_buf *b, const struct kl_ip *ip)
{
    char text[KL_PREFIX_TEXT];
    if (ip->method == KL_OFF)
        kl_buf_add(b, " --noipv6");
    else if (ip->method == KL_AUTO)
        kl_buf_add(b, " --ipv6=auto");
    else if (ip->method == KL_DHCP)
        kl_buf_add(b, " --ipv6=dhcp");
    else
        kl_buf_addf(b, " --ipv6=%s", kl_prefix_text(&ip->addresses[0], text));
    if (ip->method == KL_STATIC && ip->gateway == KL_GATEWAY_EXPLICIT)
        kl_buf_addf(b, " --ipv6gateway=%s", kl_addr_text(&ip->nexthop, text)); /* no brackets */
}

static void servers(struct lines *s, const struct kl_link *l)
{
    char text[KL_ADDR_TEXT];
    size_t n = 0;
    for (size_t k = 0; k < s->i->ndns; k++)
        if (kl_dns_link(s->i, s->i->dns[k].family) == l)
            kl_buf_addf(
                s->out, "%s%s", n++ ? "," : " --nameserver=", kl_addr_text(&s->i->dns[k], text));
    int family = kl_search_family(s->i, l);
    if (!family || !kl_ks_says_search(s->r))
        return;
    for (size_t k = 0; k < s->i->nsearch; k++) {
        if (k)
            kl_buf_addc(s->out, ',');
        else
            kl_buf_addf(s->out, " --ipv%d-dns-search=", family);
        kl_buf_add(s->out, s->i->search[k]);
    }
}

static void line(struct lines *s, const struct kl_link *l)
{
    struct kl_buf *b = s->out;
    const struct kl_link *bond = l->kind == KL_BOND   ? l
                                 : l->kind == KL_VLAN ? bond_below(s, l)
                                                      : NULL;
    bool idle = kl_link_idle(s->i, l);
    kl_buf_addf(b, "network --device=%s", l->kind == KL_VLAN ? l->parent : l->name);
    kl_buf_add(b, idle ? " --onboot=no" : " --activate --onboot=yes");
    if (bond) {
        bond_options(b, bond);
        s->done[bond - s->i->links] = true;
    }
    if (l->kind == KL_BRIDGE)
        bridge_options(b, l);
    if (l->kind == KL_VLAN) {
        check_vlan_name(s, l);
        /* Always named: without it the profile has no interface name (§3.2). */
        kl_buf_addf(b, " --vlanid=%u --interfacename=%s", l->vlan, l->name);
    }
    ip4(b, &l->ip4);
    ip6(b, &l->ip6);
    if (l->mtu)
        kl_buf_addf(b, " --mtu=%u", l->mtu);
    servers(s, l);
    /* Of the installed system, whatever the initrd made of ip= (quirk 40). */
    if (s->i->hostname && l == kl_ks_install_link(s->i))
        kl_buf_addf(b, " --hostname=%s", s->i->hostname);
    kl_buf_add(b, s->eol);
    s->any = true;
}

/* Has a line of its own? Ports and the parents of VLANs do not, unless they are more than that. */
static bool has_line(const struct lines *s, const struct kl_link *l)
{
    if (l->kind != KL_ETHERNET)
        return true;
    return kl_link_has_ip(l) || kl_link_idle(s->i, l);
}

/* What a link stands on comes before it. */
static void emit(struct lines *s, const struct kl_link *l, int depth)
{
    if (!l || s->done[l - s->i->links] || depth > 8)
        return;
    for (size_t k = 0; k < l->nports; k++) {
        const struct kl_link *port = kl_link_find(s->i, l->ports[k]);
        if (port && port->kind != KL_ETHERNET)
            emit(s, port, depth + 1);
    }
    if (l->kind == KL_VLAN && !bond_below(s, l))
        emit(s, kl_link_find(s->i, l->parent), depth + 1);
    s->done[l - s->i->links] = true;
    if (has_line(s, l))
        line(s, l);
}

bool kl_ks_network(struct kl_arena *a, const struct kl_intent *i, const struct kl_release *r,
    const char *eol, struct kl_buf *out, struct kl_diags *d)
{
    struct lines s = {.a = a, .i = i, .r = r, .out = out, .d = d, .eol = eol, .ok = true};
    s.done = kl_alloc(a, i->nlinks + 1);
    /* The install link first, and what it stands on: the first line is the one that the initrd
     * looks at. Then VLANs before bonds, so that a bond without an address becomes a part of its
     * VLAN's line. */
    const struct kl_link *install = kl_ks_install_link(i);
    if (install)
        kl_buf_addf(out, "%s%s%s", kl_ks_install_mark, install->name, eol);
    emit(&s, install, 0);
    for (size_t k = 0; k < i->nlinks; k++)
        if (i->links[k].kind == KL_VLAN)
            emit(&s, &i->links[k], 0);
    for (size_t k = 0; k < i->nlinks; k++)
        if (!kl_link_idle(i, &i->links[k]))
            emit(&s, &i->links[k], 0);
    for (size_t k = 0; k < i->nlinks; k++)
        emit(&s, &i->links[k], 0);
    if (i->hostname && !kl_ks_install_link(i))
        kl_buf_addf(out, "network --hostname=%s%s", i->hostname, eol);
    return s.ok;
}

/* --- what the commands cannot say --------------------------------------------------------------*/

struct reasons {
    struct kl_arena *a;
    const char **list;
    size_t n;
};

static void because(struct reasons *r, bool holds, const char *why)
{
    if (!holds)
        return;
    for (size_t k = 0; k < r->n; k++)
        if (r->list[k] == why)
            return;
    r->list = kl_grow(r->a, r->list, r->n, sizeof *r->list);
    r->list[r->n++] = why;
}

static bool no_default(const struct kl_ip *ip)
{
    return (ip->method == KL_AUTO || ip->method == KL_DHCP) && ip->gateway == KL_GATEWAY_NONE;
}

static void address_reasons(
    struct reasons *out, const struct kl_link *l, const struct kl_release *r)
{
    because(out, kl_static_with_ra(&l->ip6),
        "--ipv6=ADDRESS turns router advertisements off: a static address with the gateway learnt "
        "from them has no spelling (quirk 6)");
    because(out,
        l->ip4.naddresses > 1 || l->ip6.naddresses > 1 ||
            (l->ip4.method == KL_DHCP && l->ip4.naddresses) ||
            (l->ip6.method != KL_STATIC && l->ip6.naddresses),
        "a family has one address at most, and none beside DHCP or SLAAC");
    because(out, no_default(&l->ip6), "IPv6 cannot be told to take no default route");
    because(out, l->nroutes > 0, "static routes have no spelling");
    because(out, r->el == 8 && !kl_release_since(r, 8, 4) && l->ip6.method == KL_AUTO,
        "the installed system would have another SLAAC address than the initrd (quirk 24)");
    because(out, !kl_release_since(r, 7, 3) && l->ip4.method == KL_OFF && l->ip6.method != KL_OFF,
        "--noipv4 leaves BOOTPROTO=dhcp (quirk 5)");
}

static void link_reasons(struct reasons *out, const struct kl_intent *i, const struct kl_link *l,
    const struct kl_release *r)
{
    const struct kl_link *over = kl_link_controller(i, l->name);
    const struct kl_link *below = kl_link_find(i, l->parent);
    bool below_bond = below && below->kind == KL_BOND && !kl_link_has_ip(below);
    because(
        out, l->kind != KL_ETHERNET && l->mac.set, "a MAC address of one's own has no spelling");
    because(out,
        l->mtu && (over || (l->kind == KL_ETHERNET && !kl_link_has_ip(l)) ||
                      (l->kind == KL_BOND && !kl_link_has_ip(l)) || below_bond),
        "the MTU of a port, of a VLAN's parent and of a VLAN on a bond's line has no spelling");
    because(out, over && l->kind != KL_ETHERNET,
        "a port that is itself a bond or a VLAN has no spelling");
    because(out, r->el == 7 && (l->kind == KL_BOND || l->kind == KL_BRIDGE),
        "the files of ports lack SLAVE=yes and the name of their bond, which initscripts needs "
        "(quirks 8 and 9)");
    because(out, r->el == 7 && !kl_release_since(r, 7, 3) && l->kind == KL_VLAN && below_bond,
        "a VLAN over a bond loses the bond's options (quirk 11)");
    because(out, over && r->el == 9 && !kl_release_since(r, 9, 5),
        "ports are left with a second profile that competes with the bond (quirk 19)");
}

const char *const *kl_ks_reasons(
    struct kl_arena *a, const struct kl_intent *i, const struct kl_release *r)
{
    struct reasons out = {.a = a};
    for (size_t k = 0; k < i->nlinks; k++) {
        address_reasons(&out, &i->links[k], r);
        link_reasons(&out, i, &i->links[k], r);
    }
    because(&out, i->nsearch && !kl_ks_says_search(r),
        "search domains have no spelling in this release");
    out.list = kl_grow(a, out.list, out.n, sizeof *out.list);
    out.list[out.n] = NULL;
    return out.list;
}
