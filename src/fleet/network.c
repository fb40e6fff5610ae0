/* `network:`: each entry one link, plus the NICs that only `nics` names.
 *
 * Here every value is read on its own; what links must be to each other is check.c. */
#include "fleet/load.h"

#include "base/text.h"

#include <string.h>

struct kl_wip_link *kl_wip_find(struct kl_wip *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->links[i].link.name, name) == 0)
            return &w->links[i];
    return NULL;
}

/* --- addresses ---------------------------------------------------------------------------------*/

static bool host_bits_are(const struct kl_prefix *p, uint8_t value)
{
    unsigned bits = p->addr.family == 4 ? 32 : 128;
    for (unsigned i = p->len; i < bits; i++)
        if ((p->addr.bytes[i / 8] >> (7 - i % 8) & 1) != (value & 1))
            return false;
    return true;
}

/* Why no interface may have this address; NULL when one may. */
static const char *reserved(const struct kl_prefix *p)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    if (!kl_addr_is_unicast(&p->addr))
        return "it is an unspecified, loopback, multicast or reserved address";
    if (p->len == 0)
        return "a prefix of length 0 is the whole Internet";
    if (p->addr.family == 4 && p->len < 31 && host_bits_are(p, 0))
        return "it is the address of the network itself";
    if (p->addr.family == 4 && p->len < 31 && host_bits_are(p, 1))
        return "it is the network's broadcast address";
    if (p->addr.family == 6 && memcmp(p->addr.bytes, mapped, sizeof mapped) == 0)
        return "it is an IPv4 address in IPv6 clothes (RFC 4291, 2.5.5.2)";
    if (p->addr.family == 6 && p->len < 127 && host_bits_are(p, 0))
        return "it is the subnet-router anycast address (RFC 4291, 2.6.1)";
    return NULL;
}

static bool read_prefix(
    struct kl_wip *w, const struct kl_node *n, const char *what, struct kl_prefix *out)
{
    const char *s = kl_read_text(w->l, n, what);
    struct kl_addr bare;
    if (!s)
        return false;
    if (kl_prefix_parse(s, out))
        return true;
    const char *hint =
        kl_addr_parse(s, &bare)
            ? kl_diag_text(w->l->d, "add the prefix length: %s/%d", s, bare.family == 4 ? 24 : 64)
        : strchr(s, '[') ? "leave the brackets out"
                         : NULL;
    KL_SAY(w->l, "bad-address", n, hint, "expected %s, but this is '%s'", what, s);
    return false;
}

static void add_address(
    struct kl_wip *w, struct kl_ip *ip, const struct kl_prefix *p, const struct kl_node *n)
{
    for (size_t i = 0; i < ip->naddresses; i++) {
        if (kl_addr_eq(&ip->addresses[i].addr, &p->addr)) {
            KL_SAY(w->l, "duplicate-value", n, NULL, "%s is in this list twice", n->text);
            return;
        }
    }
    ip->addresses = kl_grow(w->l->a, ip->addresses, ip->naddresses, sizeof *ip->addresses);
    ip->addresses[ip->naddresses++] = *p;
    kl_claim_addr(w->l, &p->addr, n->at);
}

static void read_addresses(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    static const char what[] = "an address with its prefix length, such as 2001:db8::5/64";
    const struct kl_node *i = kl_read_items(w->l, n, "addresses");
    link->unclear |= !i && n->kind != KL_LIST;
    for (; i; i = kl_item_next(n, i)) {
        struct kl_prefix p;
        if (!read_prefix(w, i, what, &p)) {
            link->unclear = true;
            continue;
        }
        const char *why = reserved(&p);
        if (why)
            KL_SAY(w->l, "address-reserved", i, NULL, "no interface can have %s: %s", i->text, why);
        /* It is taken all the same, so that what depends on it is not reported too. */
        add_address(w, p.addr.family == 4 ? &link->link.ip4 : &link->link.ip6, &p, i);
    }
}

/* --- gateways and routes -----------------------------------------------------------------------*/

static void read_gateway(
    struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n, uint8_t family)
{
    struct kl_ip *ip = family == 4 ? &link->link.ip4 : &link->link.ip6;
    const char *learnt = family == 4 ? "dhcp" : "ra";
    const char *what =
        family == 4 ? "an IPv4 address, dhcp or none" : "an IPv6 address, ra or none";
    const char *s = kl_read_text(w->l, n, what);
    if (!s)
        return;
    *(family == 4 ? &link->gateway4 : &link->gateway6) = n;
    if (strcmp(s, learnt) == 0) {
        ip->gateway = KL_GATEWAY_LEARNT;
    } else if (strcmp(s, "none") == 0) {
        ip->gateway = KL_GATEWAY_NONE;
    } else if (kl_read_addr(w->l, n, what, &ip->nexthop)) {
        ip->gateway = KL_GATEWAY_EXPLICIT;
        if (ip->nexthop.family == family && kl_addr_is_unicast(&ip->nexthop))
            return;
        const char *other = family == 4 ? "say it with gateway6" : "say it with gateway4";
        bool wrong = ip->nexthop.family != family;
        KL_SAY(w->l, wrong ? "gateway-family" : "address-reserved", n, wrong ? other : NULL,
            wrong ? "gateway%d cannot be %s" : "gateway%d cannot be %s: it is no host's address",
            family, s);
        ip->gateway = KL_GATEWAY_NONE;
        ip->nexthop = (struct kl_addr){0};
    }
}

/* A route's destination has no bits beyond its length. `default` is a gateway's business. */
static bool read_destination(struct kl_wip *w, const struct kl_node *n, struct kl_prefix *to)
{
    static const char what[] = "a destination with its prefix length, such as 2001:db8:99::/48";
    if (n->kind == KL_SCALAR && strcmp(n->text, "default") == 0)
        to->len = 0;
    else if (!read_prefix(w, n, what, to))
        return false;
    if (to->len == 0) {
        KL_SAY(w->l, "bad-route", n, "say it with gateway4 or gateway6",
            "a default route is not said here");
        return false;
    }
    if (host_bits_are(to, 0))
        return true;
    struct kl_prefix whole = *to;
    char text[KL_PREFIX_TEXT];
    for (unsigned i = to->len; i < (to->addr.family == 4 ? 32 : 128); i++)
        whole.addr.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    KL_SAY(w->l, "bad-route", n,
        kl_diag_text(w->l->d, "did you mean %s?", kl_prefix_text(&whole, text)),
        "%s has bits set beyond its prefix length", n->text);
    return false;
}

static void read_route(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    static const char *const keys[] = {"to", "via", "metric", NULL};
    struct kl_route r = {0};
    bool ok = false, via = true;
    if (!kl_read_mapping(w->l, n, "a route: {to: ..., via: ...}"))
        return;
    for (const struct kl_node *e = n->first; e; e = e->next) {
        unsigned long metric;
        int key = kl_read_key(w->l, e, keys, "a route");
        if (key == 0)
            ok = read_destination(w, e, &r.to);
        else if (key == 1)
            via = kl_read_addr(w->l, e, "an IP address", &r.via);
        else if (key == 2 && kl_read_number(w->l, e, "a metric", 1, UINT32_MAX, &metric))
            r.metric = (uint32_t)metric;
    }
    if (!kl_node_get(n, "to"))
        KL_SAY(w->l, "bad-route", n, "add 'to: PREFIX'", "a route needs a destination");
    if (!ok || !via)
        return;
    if (r.via.family && r.via.family != r.to.addr.family) {
        KL_SAY(w->l, "route-family", kl_node_get(n, "via"), NULL,
            "a route to IPv%d cannot go by way of IPv%d", r.to.addr.family, r.via.family);
        return;
    }
    struct kl_link *l = &link->link;
    l->routes = kl_grow(w->l->a, l->routes, l->nroutes, sizeof *l->routes);
    l->routes[l->nroutes++] = r;
}

static void read_routes(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    link->routes = n;
    if (n->kind != KL_LIST) {
        KL_SAY(w->l, "wrong-type", n, "write [{to: ..., via: ...}]", "expected a list of routes");
        return;
    }
    for (const struct kl_node *i = n->first; i; i = i->next)
        read_route(w, link, i);
}

/* --- links -------------------------------------------------------------------------------------*/

static void read_vlan(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    static const char *const keys[] = {"id", "parent", NULL};
    if (!kl_read_mapping(w->l, n, "a VLAN: {id: ..., parent: ...}"))
        return;
    for (const struct kl_node *e = n->first; e; e = e->next) {
        unsigned long id;
        int key = kl_read_key(w->l, e, keys, "a VLAN");
        if (key == 0) {
            link->id = e;
            if (kl_read_number(w->l, e, "a VLAN's id", 1, 4094, &id))
                link->link.vlan = (uint16_t)id;
        } else if (key == 1) {
            const char *s = kl_read_text(w->l, e, "a link's name");
            link->parent = e;
            link->link.parent = s ? kl_load_string(w->l, s) : NULL;
        }
    }
    if (!link->id || !link->parent)
        KL_SAY(w->l, "bad-vlan", n->key, link->id ? "add 'parent: LINK'" : "add 'id: NUMBER'",
            "a VLAN needs %s", link->id ? "the link that carries it" : "its number");
}

enum link_key {
    BOND,
    VLAN,
    BRIDGE,
    ADDRESSES,
    GATEWAY4,
    GATEWAY6,
    DHCP4,
    DHCP6,
    SLAAC,
    ROUTES,
    MTU,
    MAC,
    INSTALL
};
static const char *const link_keys[] = {"bond", "vlan", "bridge", "addresses", "gateway4",
    "gateway6", "dhcp4", "dhcp6", "slaac", "routes", "mtu", "mac", "install", NULL};

static void read_link_mac(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    struct kl_mac m;
    if (!kl_read_mac(w->l, n, &m))
        return;
    if (link->link.kind == KL_ETHERNET)
        KL_SAY(w->l, "nic-mac", n->key, "leave it out here",
            "a network card's MAC address stands in 'nics'");
    else
        link->link.mac = m;
}

/* A link that carries the install by one family alone is said by that family's name. */
static void read_install(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    static const char what[] = "true, false, ipv4 or ipv6";
    const char *s = kl_read_word(w->l, n, what);
    bool yes = true;
    if (!s)
        return;
    if (strcmp(s, "ipv4") == 0 || strcmp(s, "ipv6") == 0) {
        link->install_family = s[3] == '4' ? 4 : 6;
    } else if (n->type != KL_IS_BOOL) {
        const char *hint = strchr(s, '4') ? "write 'ipv4'" : strchr(s, '6') ? "write 'ipv6'" : NULL;
        KL_SAY(w->l, "wrong-type", n, hint, "expected %s, but this is '%s'", what, s);
        return;
    } else if (!kl_read_bool(w->l, n, &yes) || !yes) {
        return;
    }
    link->install = n;
}

static void read_link_key(
    struct kl_wip *w, struct kl_wip_link *link, int key, const struct kl_node *e)
{
    unsigned long mtu;
    switch (key) {
    case BOND:
        kl_read_bond(w, link, e);
        break;
    case VLAN:
        read_vlan(w, link, e);
        break;
    case BRIDGE:
        kl_read_bridge(w, link, e);
        break;
    case ADDRESSES:
        read_addresses(w, link, e);
        break;
    case GATEWAY4:
    case GATEWAY6:
        read_gateway(w, link, e, key == GATEWAY4 ? 4 : 6);
        break;
    case DHCP4:
        link->unclear |= !kl_read_bool(w->l, e, &link->dhcp4);
        break;
    case DHCP6:
        link->unclear |= !kl_read_bool(w->l, e, &link->dhcp6);
        break;
    case SLAAC:
        link->unclear |= !kl_read_bool(w->l, e, &link->slaac);
        break;
    case ROUTES:
        read_routes(w, link, e);
        break;
    case MTU:
        link->mtu = e;
        if (kl_read_number(w->l, e, "an MTU", 68, 65535, &mtu))
            link->link.mtu = (uint32_t)mtu;
        break;
    case MAC:
        read_link_mac(w, link, e);
        break;
    case INSTALL:
        read_install(w, link, e);
        break;
    default:
        break;
    }
}

/* How each family gets its addresses, and where its gateway comes from when nothing is said. */
static void settle_methods(struct kl_wip_link *link)
{
    struct kl_ip *ip4 = &link->link.ip4, *ip6 = &link->link.ip6;
    ip4->method = link->dhcp4 ? KL_DHCP : ip4->naddresses ? KL_STATIC : KL_OFF;
    ip6->method = link->slaac       ? KL_AUTO
                  : link->dhcp6     ? KL_DHCP
                  : ip6->naddresses ? KL_STATIC
                                    : KL_OFF;
    if (!link->gateway4 && ip4->method == KL_DHCP)
        ip4->gateway = KL_GATEWAY_LEARNT;
    if (!link->gateway6 && (ip6->method == KL_DHCP || ip6->method == KL_AUTO))
        ip6->gateway = KL_GATEWAY_LEARNT;
}

/* Which kind it is must be known before its other keys are read, in whatever order they stand. */
static void read_kind(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    static const enum kl_link_kind kinds[] = {KL_BOND, KL_VLAN, KL_BRIDGE};
    const struct kl_node *first = NULL;
    for (int i = BOND; i <= BRIDGE; i++) {
        const struct kl_node *e = kl_node_get(n, link_keys[i]);
        if (e && first) {
            struct kl_diag *d = KL_SAY(w->l, "two-kinds", e->key, "give each a link of its own",
                "a link is either a %s or a %s", first->key->text, e->key->text);
            kl_also(w->l->d, d, first->key->at, "the other one is here");
        } else if (e) {
            first = e;
            link->link.kind = kinds[i];
        }
    }
}

static void read_link(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    if (n->kind == KL_SCALAR && n->type == KL_IS_NULL)
        return; /* `eth0:` alone: a NIC of which nothing is said */
    if (!kl_read_mapping(w->l, n, "a link's description"))
        return;
    read_kind(w, link, n);
    for (const struct kl_node *e = n->first; e; e = e->next)
        read_link_key(w, link, kl_read_key(w->l, e, link_keys, "a link"), e);
    settle_methods(link);
}

static void add_nics(struct kl_wip *w)
{
    const struct kl_host *h = &w->draft->host;
    for (size_t i = 0; i < h->nnics; i++) {
        struct kl_wip_link *link = kl_wip_find(w, h->nics[i].name);
        if (!link) {
            link = &w->links[w->n++];
            link->link.name = h->nics[i].name;
            link->link.at = h->nics[i].at;
        }
        if (link->link.kind == KL_ETHERNET)
            link->link.mac = h->nics[i].mac;
    }
}

bool kl_read_network(struct kl_wip *w, const struct kl_node *n)
{
    if (!kl_read_mapping(w->l, n, "a mapping from links' names to what they are"))
        return false;
    if (n->n > KL_MOST_ITEMS) {
        KL_SAY(w->l, "too-many", n->key, NULL, "%zu links; %d are the most", n->n, KL_MOST_ITEMS);
        return false;
    }
    w->links = kl_alloc(w->scratch, (n->n + w->draft->host.nnics) * sizeof *w->links);
    for (const struct kl_node *e = n->first; e; e = e->next) {
        const char *name = kl_read_ifname(w->l, e->key);
        if (!name)
            continue;
        struct kl_wip_link *link = &w->links[w->n++];
        link->link.name = name;
        link->link.at = e->key->at;
        link->entry = e;
        read_link(w, link, e);
    }
    add_nics(w);
    return true;
}
