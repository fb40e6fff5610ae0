/* `ip=` for dracut's own shell code: 033 of EL7 (to 7.2, and from 7.3) and 049 of EL8.0 to 8.2.
 *
 * One interface has one `ip=` argument: a second one stops the boot ("Duplication configurations",
 * parse-ip-opts.sh). It holds one address, and a list of methods that run one after the other, so
 * what can be said of two families at once is little:
 *
 *     IPv4 \ IPv6   off           static         auto                  DHCP
 *     off           -             [a]…:none      DEV:auto6             DEV:dhcp6
 *     static        a…:none       no             a…:none,auto6         no: dhcp6 refuses an address
 *     DHCP          DEV:dhcp      no             :::::DEV:dhcp,auto6   no: the second is skipped
 *
 * (ifup.sh do_dhcp() returns at once when the first dhclient's pid file exists; do_static() empties
 * the interface first, so `none` comes before auto6. Lists are no "known word", so they need the
 * long form.) An IPv6 address whose gateway comes by router advertisement is `none` with an empty
 * gateway: the kernel listens. docs/boot-stages.md, section 1.1. Where the table says "no", the
 * initrd can do with one family (kl_intent.install_family), and the kickstart brings the other.
 */
#include "stage/cmdline.h"

#include <string.h>

static bool is_033a(const struct kl_line *l)
{
    return l->r->engine == KL_ENGINE_DRACUT_033A;
}

/* --- what the stack may look like -------------------------------------------------------------*/

static enum kl_link_kind kind_of(const struct kl_line *l, const char *name)
{
    const struct kl_link *link = kl_link_find(l->i, name);
    return link ? link->kind : KL_ETHERNET;
}

/* 033 of 7.0 to 7.2 reads one bond=, one vlan= and one bridge= (quirk 12), and ifup.sh there knows
 * only: a bond of NICs; a VLAN on a NIC or a bond; a bridge of any of these. */
static void check_033a(struct kl_line *l, const struct kl_link *link, unsigned *seen)
{
    static const char *const names[] = {
        [KL_BOND] = "bond", [KL_VLAN] = "VLAN", [KL_BRIDGE] = "bridge"};
    if (link->kind == KL_ETHERNET)
        return;
    if (++seen[link->kind] == 2)
        kl_line_refuse(l, link, "one-only",
            "let a link carry the install that stands on one bond, VLAN or bridge, or install 7.3 "
            "or later",
            "its dracut reads only one %s", names[link->kind]);
    bool odd = link->kind == KL_VLAN && kind_of(l, link->parent) == KL_BRIDGE;
    for (size_t p = 0; p < link->nports; p++) {
        enum kl_link_kind port = kind_of(l, link->ports[p]);
        odd |= port == KL_BRIDGE || (link->kind == KL_BOND && port != KL_ETHERNET);
    }
    if (odd)
        kl_line_refuse(l, link, "stacking",
            "stack a bridge on a VLAN on a bond, not otherwise, or install 7.3 or later",
            "its dracut cannot bring up a %s on top of this", names[link->kind]);
}

void kl_legacy_check(struct kl_line *l)
{
    unsigned seen[4] = {0};
    for (size_t k = 0; k < l->i->nlinks; k++)
        if (is_033a(l) && l->stack[k])
            check_033a(l, &l->i->links[k], seen);
}

/* --- MTU and MAC ------------------------------------------------------------------------------*/

/* do_static() sets it always. For DHCPv4 the override file that dhclient-script reads does (033
 * from 7.3, 049); for DHCPv6 and SLAAC only EL7's own ifup.sh. */
bool kl_legacy_sets_mtu(const struct kl_release *r, const struct kl_link *link)
{
    if (link->ip4.method == KL_STATIC || link->ip6.method == KL_STATIC)
        return true;
    if (r->engine == KL_ENGINE_DRACUT_033A)
        return false;
    return link->ip4.method == KL_DHCP ||
           (r->engine == KL_ENGINE_DRACUT_033B && kl_link_has_ip(link));
}

/* do_static() sets it; for other methods only EL7's own ifup.sh does. 033 before 7.3 loses the MAC
 * when there is an MTU before it (section 1.1; fixed by dracut b7f5e42c). */
bool kl_legacy_sets_mac(const struct kl_release *r, const struct kl_link *link)
{
    if (link->ip4.method == KL_STATIC || link->ip6.method == KL_STATIC)
        return r->engine != KL_ENGINE_DRACUT_033A || !link->mtu;
    return r->engine == KL_ENGINE_DRACUT_033B && kl_link_has_ip(link);
}

/* The fourth field of bond= exists from 7.5 (quirk 15). It is used only where ip= cannot say it. */
uint32_t kl_legacy_bond_mtu(const struct kl_line *l, const struct kl_link *link)
{
    bool by_bond = !kl_legacy_sets_mtu(l->r, link) && kl_release_since(l->r, 7, 5);
    return by_bond ? link->mtu : 0;
}

static void check_mtu(struct kl_line *l, const struct kl_link *link)
{
    if (!link->mtu || kl_legacy_sets_mtu(l->r, link))
        return;
    if (link->kind == KL_BOND && kl_legacy_bond_mtu(l, link))
        return;
    kl_line_refuse(l, link, "mtu",
        kl_link_controller(l->i, link->name) ? "say the MTU of the bond or bridge: its ports follow"
                                             : "leave the MTU out, or use a static address",
        "its dracut cannot set the MTU of this link");
}

static bool wants_mac(const struct kl_link *link)
{
    return link->kind != KL_ETHERNET && link->mac.set; /* a NIC's MAC is who it is */
}

static void check_mac(struct kl_line *l, const struct kl_link *link)
{
    if (wants_mac(link) && !kl_legacy_sets_mac(l->r, link))
        kl_line_refuse(
            l, link, "mac", "leave its MAC out", "its dracut cannot set the MAC of this link");
}

/* --- addresses --------------------------------------------------------------------------------*/

/* The family to advise for an install by one alone: that of the server, as the kickstart's URL has
 * it, or else IPv6. */
static int install_family(const struct kl_line *l)
{
    struct kl_url u;
    const char *why;
    bool known = l->what->kickstart && kl_url_parse(l->what->kickstart, &u, &why);
    return known && u.addr.family == 4 ? 4 : 6;
}

/* The list of methods, or NULL after an error. The address that goes with it is the static one. */
static const char *methods(struct kl_line *l, const struct kl_link *link)
{
    enum kl_method four = link->ip4.method, six = link->ip6.method;
    if (six == KL_AUTO && link->ip6.naddresses)
        six = KL_STATIC; /* the same thing, since the kernel listens beside any address */
    const struct {
        enum kl_method four, six;
        const char *words;
    } table[] = {
        {KL_STATIC, KL_OFF, "none"},
        {KL_OFF, KL_STATIC, "none"},
        {KL_STATIC, KL_AUTO, "none,auto6"},
        {KL_DHCP, KL_OFF, "dhcp"},
        {KL_DHCP, KL_AUTO, "dhcp,auto6"},
        {KL_OFF, KL_AUTO, "auto6"},
        {KL_OFF, KL_DHCP, "dhcp6"},
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        if (table[k].four == four && table[k].six == six)
            return table[k].words;
    int only = install_family(l);
    kl_line_refuse(l, link, "two-families",
        kl_diag_text(l->d,
            "add 'install: ipv%d' to %s: the initrd then uses IPv%d alone; the installed system "
            "has both",
            only, l->i->install, only),
        "its dracut takes one ip= for an interface, and that cannot say %s IPv4 with %s IPv6",
        four == KL_STATIC ? "static" : "DHCP for", six == KL_STATIC ? "static" : "DHCP for");
    return NULL;
}

/* Is the kickstart fetched from a neighbour, so that no route is needed? */
static bool kickstart_is_near(const struct kl_line *l, const struct kl_ip *ip)
{
    struct kl_url u;
    const char *why;
    if (!l->what->kickstart || !kl_url_parse(l->what->kickstart, &u, &why) || !u.addr.family)
        return false;
    for (size_t k = 0; k < ip->naddresses; k++)
        if (kl_prefix_has(&ip->addresses[k], &u.addr))
            return true;
    return false;
}

/* quirk 1: EL7 calls an interface online when its static address is set, whether or not a router
 * has been heard. */
static void check_ra(struct kl_line *l, const struct kl_link *link)
{
    if (l->r->el == 7 && link->ip6.method == KL_STATIC && l->what->kickstart &&
        link->ip6.gateway == KL_GATEWAY_LEARNT && !kickstart_is_near(l, &link->ip6))
        kl_line_warn(l, link, "ra-race",
            "say the gateway's address, or serve the kickstart from a neighbour",
            "its dracut does not wait for a router's advertisement before it fetches the "
            "kickstart, and then finds the network unreachable");
}

static bool check_family(struct kl_line *l, const struct kl_link *link, int family)
{
    const struct kl_ip *ip = family == 4 ? &link->ip4 : &link->ip6;
    size_t before = kl_diags_count(l->d, KL_ERROR);
    if (ip->naddresses > 1)
        kl_line_refuse(l, link, "addresses", "give the install link one address of each family",
            "its dracut takes one address for an interface");
    if (ip->naddresses && ip->method == KL_DHCP)
        kl_line_refuse(l, link, "addresses", "use either DHCP or the address",
            "its dracut takes no static address beside DHCP");
    kl_line_check_gateway(l, link, family);
    if (ip->gateway == KL_GATEWAY_NONE && ip->method == KL_STATIC && family == 6)
        kl_line_warn(l, link, "gateway", "say 'gateway6: ra', or the gateway's address",
            "its initrd takes a default route from any router that advertises one");
    return kl_diags_count(l->d, KL_ERROR) == before;
}

static void add_static(struct kl_line *l, const struct kl_link *link, const char *words)
{
    bool six = link->ip6.naddresses > 0;
    const struct kl_ip *ip = six ? &link->ip6 : &link->ip4;
    char address[KL_ADDR_TEXT], gateway[KL_ADDR_TEXT] = "", mask[KL_ADDR_TEXT];
    if (ip->gateway == KL_GATEWAY_EXPLICIT)
        kl_addr_text(&ip->nexthop, gateway);
    if (six)
        snprintf(mask, sizeof mask, "%u", ip->addresses[0].len);
    else
        kl_netmask_text(ip->addresses[0].len, mask);
    kl_addr_text(&ip->addresses[0].addr, address);
    const char *open = six ? "[" : "", *close = six ? "]" : "";
    kl_line_add(l, "ip=%s%s%s::%s%s%s:%s:%s:%s:%s%s", open, address, close, *gateway ? open : "",
        gateway, *gateway ? close : "", mask, kl_line_host(l, link, six), link->name, words,
        kl_line_tail(link->mtu, wants_mac(link) ? &link->mac : NULL).text);
}

void kl_legacy_ip(struct kl_line *l, const struct kl_link *link)
{
    check_mtu(l, link);
    check_mac(l, link);
    if (!kl_link_has_ip(link))
        return;
    bool four = check_family(l, link, 4), six = check_family(l, link, 6);
    const char *words = four && six ? methods(l, link) : NULL;
    if (!words)
        return;
    check_ra(l, link);
    l->nip++;
    struct kl_tail tail = kl_line_tail(
        kl_legacy_sets_mtu(l->r, link) ? link->mtu : 0, wants_mac(link) ? &link->mac : NULL);
    if (link->ip4.naddresses || link->ip6.naddresses) {
        add_static(l, link, words);
        return;
    }
    const char *host = kl_line_host(l, link, false);
    if (*host || strchr(words, ','))
        kl_line_add(l, "ip=::::%s:%s:%s%s", host, link->name, words, tail.text);
    else
        kl_line_add(l, "ip=%s:%s%s", link->name, words, tail.text);
}
