/* ifcfg files: what EL7 and EL8 keep of a host's network (docs/boot-stages.md §4.1). Written so
 * that both of their readers, NetworkManager's ifcfg-rh plugin and initscripts, see the same:
 *
 * - a static IPv6 address with the default route by router advertisement is IPV6_AUTOCONF=yes with
 *   IPV6ADDR: NetworkManager then uses its method auto with the address beside it, and initscripts
 *   leaves accept_ra on. IPV6_AUTOCONF=no would end the learnt route (quirk 6).
 * - no address: BOOTPROTO=none, never `static` without IPADDR (quirk 4).
 * - a port names its bond, not the bond's UUID, and says SLAVE=yes (quirk 9), and is found by
 *   DEVICE, not by HWADDR (quirk 8).
 * - IPv6 off is IPV6INIT=no; NetworkManager 1.20 and later also know IPV6_DISABLED=yes, which keeps
 *   the kernel from configuring itself.
 */
#include "stage/system.h"

#include <stdlib.h>
#include <string.h>

static const char directory[] = "/etc/sysconfig/network-scripts/";

static const char *type_of(const struct kl_link *l)
{
    static const char *const types[] = {
        [KL_ETHERNET] = "Ethernet", [KL_BOND] = "Bond", [KL_VLAN] = "Vlan", [KL_BRIDGE] = "Bridge"};
    return types[l->kind];
}

static void bond(struct kl_buf *b, const struct kl_link *l)
{
    kl_buf_addf(b, "BONDING_MASTER=yes\nBONDING_OPTS=\"mode=%s", kl_bond_modes[l->mode]);
    for (size_t k = 0; k < l->noptions; k++)
        kl_buf_addf(b, " %s=%s", l->options[k].name, l->options[k].value);
    kl_buf_add(b, "\"\n");
}

/* STP and DELAY are keys of their own; the rest goes to BRIDGING_OPTS, with the names that sysfs
 * has. */
static void bridge(struct kl_buf *b, const struct kl_link *l)
{
    struct kl_buf rest KL_BUF_SCOPE = {0};
    for (size_t k = 0; k < l->noptions; k++) {
        const char *name = l->options[k].name, *value = l->options[k].value;
        if (strcmp(name, "stp") == 0) {
            kl_buf_addf(b, "STP=%s\n", value);
        } else if (strcmp(name, "forward-delay") == 0) {
            kl_buf_addf(b, "DELAY=%s\n", value);
        } else {
            size_t at = rest.len;
            kl_buf_addf(&rest, "%s%s=%s", rest.len ? " " : "", name, value);
            for (; rest.s[at] != '='; at++)
                if (rest.s[at] == '-')
                    rest.s[at] = '_';
        }
    }
    if (rest.len)
        kl_buf_addf(b, "BRIDGING_OPTS=\"%s\"\n", rest.s);
}

static void head(struct kl_buf *b, const struct kl_writer *w, const struct kl_link *l)
{
    char mac[KL_MAC_TEXT];
    kl_buf_addf(b, "DEVICE=%s\nNAME=%s\nUUID=%s\nTYPE=%s\n", l->name, l->name,
        kl_profile_uuid(w->a, w->i, l->name), type_of(l));
    if (l->kind == KL_BOND)
        bond(b, l);
    else if (l->kind == KL_BRIDGE)
        bridge(b, l);
    else if (l->kind == KL_VLAN)
        kl_buf_addf(b, "VLAN=yes\nPHYSDEV=%s\nVLAN_ID=%u\nREORDER_HDR=yes\n", l->parent, l->vlan);
    kl_buf_addf(b, "ONBOOT=%s\n", kl_link_idle(w->i, l) ? "no" : "yes");
    if (l->mac.set && l->kind != KL_ETHERNET)
        kl_buf_addf(b, "MACADDR=%s\n", kl_mac_text(&l->mac, mac));
    if (l->mtu)
        kl_buf_addf(b, "MTU=%u\n", l->mtu);
}

static void port(struct kl_buf *b, const struct kl_link *over)
{
    kl_buf_add(b, "BOOTPROTO=none\n");
    if (over->kind == KL_BRIDGE)
        kl_buf_addf(b, "BRIDGE=%s\n", over->name);
    else
        kl_buf_addf(b, "MASTER=%s\nSLAVE=yes\n", over->name);
}

static void ip4(struct kl_buf *b, struct kl_arena *a, const struct kl_ip *ip)
{
    char text[KL_ADDR_TEXT];
    kl_buf_addf(b, "BOOTPROTO=%s\n", ip->method == KL_DHCP ? "dhcp" : "none");
    for (size_t k = 0; k < ip->naddresses; k++) {
        const char *number = k ? kl_sprintf(a, "%zu", k) : "";
        kl_buf_addf(b, "IPADDR%s=%s\nPREFIX%s=%u\n", number,
            kl_addr_text(&ip->addresses[k].addr, text), number, ip->addresses[k].len);
    }
    if (ip->gateway == KL_GATEWAY_EXPLICIT)
        kl_buf_addf(b, "GATEWAY=%s\n", kl_addr_text(&ip->nexthop, text));
    if (ip->method == KL_DHCP && ip->gateway == KL_GATEWAY_NONE)
        kl_buf_add(b, "DEFROUTE=no\n");
}

static void ip6(struct kl_buf *b, const struct kl_ip *ip, const struct kl_release *r)
{
    char text[KL_PREFIX_TEXT];
    if (ip->method == KL_OFF) {
        kl_buf_add(b, "IPV6INIT=no\nIPV6_AUTOCONF=no\n");
        if (r->nm_minor >= 20)
            kl_buf_add(b, "IPV6_DISABLED=yes\n");
        return;
    }
    bool ra = ip->method == KL_AUTO || kl_static_with_ra(ip);
    kl_buf_addf(b, "IPV6INIT=yes\nIPV6_AUTOCONF=%s\n", ra ? "yes" : "no");
    if (ip->method == KL_DHCP)
        kl_buf_add(b, "DHCPV6C=yes\n");
    kl_buf_add(b, "IPV6_ADDR_GEN_MODE=eui64\n"); /* quirk 24 */
    for (size_t k = 0; k < ip->naddresses; k++)
        kl_buf_addf(b, "%s%s",
            k == 0   ? "IPV6ADDR="
            : k == 1 ? "\nIPV6ADDR_SECONDARIES=\""
                     : " ",
            kl_prefix_text(&ip->addresses[k], text));
    if (ip->naddresses)
        kl_buf_add(b, ip->naddresses > 1 ? "\"\n" : "\n");
    if (ip->gateway == KL_GATEWAY_EXPLICIT)
        kl_buf_addf(b, "IPV6_DEFAULTGW=%s\n", kl_addr_text(&ip->nexthop, text));
    if ((ip->method == KL_AUTO || ip->method == KL_DHCP) && ip->gateway == KL_GATEWAY_NONE)
        kl_buf_add(b, "IPV6_DEFROUTE=no\n");
}

static void servers(struct kl_buf *b, const struct kl_writer *w, const struct kl_link *l)
{
    char text[KL_ADDR_TEXT];
    size_t n = 0;
    for (size_t k = 0; k < w->i->ndns; k++)
        if (kl_dns_link(w->i, w->i->dns[k].family) == l)
            kl_buf_addf(b, "DNS%zu=%s\n", ++n, kl_addr_text(&w->i->dns[k], text));
    int family = kl_search_family(w->i, l);
    if (!family)
        return;
    /* initscripts knows DOMAIN alone; NetworkManager takes it for IPv4, which must then be on. */
    kl_buf_addf(b, "%s=\"", family == 4 ? "DOMAIN" : "IPV6_DOMAIN");
    for (size_t k = 0; k < w->i->nsearch; k++)
        kl_buf_addf(b, "%s%s", k ? " " : "", w->i->search[k]);
    kl_buf_add(b, "\"\n");
}

/* route-IF and route6-IF, in the words of ip(8). */
static void routes(struct kl_writer *w, const struct kl_link *l, int family)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    char text[KL_PREFIX_TEXT];
    for (size_t k = 0; k < l->nroutes; k++) {
        const struct kl_route *r = &l->routes[k];
        if (r->to.addr.family != family)
            continue;
        kl_buf_add(&b, kl_prefix_text(&r->to, text));
        if (r->via.family)
            kl_buf_addf(&b, " via %s", kl_addr_text(&r->via, text));
        kl_buf_addf(&b, " dev %s", l->name);
        if (r->metric)
            kl_buf_addf(&b, " metric %u", r->metric);
        kl_buf_addc(&b, '\n');
    }
    if (b.len)
        kl_write_file(w,
            kl_sprintf(w->a, "%sroute%s-%s", directory, family == 6 ? "6" : "", l->name), b.s,
            0644);
}

bool kl_ifcfg_render(struct kl_writer *w)
{
    for (size_t k = 0; k < w->i->nlinks; k++) {
        const struct kl_link *l = &w->i->links[k], *over = kl_link_controller(w->i, l->name);
        struct kl_buf b KL_BUF_SCOPE = {0};
        head(&b, w, l);
        if (over) {
            port(&b, over);
        } else {
            ip4(&b, w->a, &l->ip4);
            ip6(&b, &l->ip6, w->r);
            servers(&b, w, l);
            routes(w, l, 4);
            routes(w, l, 6);
        }
        kl_write_file(w, kl_sprintf(w->a, "%sifcfg-%s", directory, l->name), kl_buf_text(&b), 0644);
    }
    return true;
}
