/* Networks by chance, each by its seed: everything that an inventory can say, in ways that every
 * release's files and kickstarts can express. */
#ifndef KL_TESTS_RANDOM_INTENT_H
#define KL_TESTS_RANDOM_INTENT_H

#include "net/facts.h"
#include "net/intent.h"

#include <string.h>

struct dice {
    uint32_t state;
    struct kl_arena *a;
};

/* Numerical Recipes' generator: the high bits are the good ones. */
static inline unsigned dice(struct dice *d, unsigned sides)
{
    d->state = d->state * 1664525u + 1013904223u;
    return (d->state >> 8) % sides;
}

static inline struct kl_addr dice_addr(struct dice *d, int family)
{
    struct kl_addr a = {.family = (uint8_t)family};
    static const uint8_t head[] = {0x20, 0x01, 0x0d, 0xb8};
    if (family == 6)
        memcpy(a.bytes, head, sizeof head);
    else
        a.bytes[0] = 10;
    for (int k = family == 6 ? 13 : 1; k < (family == 6 ? 16 : 4); k++)
        a.bytes[k] = (uint8_t)(1 + dice(d, 250));
    return a;
}

static inline void dice_addresses(struct dice *d, struct kl_ip *ip, int family, size_t n)
{
    ip->addresses = kl_alloc(d->a, (n + 1) * sizeof *ip->addresses);
    for (ip->naddresses = 0; ip->naddresses < n; ip->naddresses++)
        ip->addresses[ip->naddresses] = (struct kl_prefix){
            dice_addr(d, family), (uint8_t)(family == 6 ? 48 + dice(d, 80) : 8 + dice(d, 24))};
}

static inline struct kl_ip dice_ip(struct dice *d, int family)
{
    struct kl_ip ip = {0};
    unsigned how = dice(d, family == 6 ? 6 : 4);
    if (how == 0)
        return ip;
    ip.method = how == 1 ? KL_DHCP : how == 5 ? KL_AUTO : KL_STATIC;
    if (ip.method == KL_STATIC)
        dice_addresses(d, &ip, family, dice(d, 4) ? 1 : 2);
    if (ip.method != KL_STATIC)
        ip.gateway = dice(d, 4) ? KL_GATEWAY_LEARNT : KL_GATEWAY_NONE;
    else if (dice(d, 2))
        ip.gateway = family == 6 && dice(d, 2) ? KL_GATEWAY_LEARNT : KL_GATEWAY_EXPLICIT;
    if (ip.gateway == KL_GATEWAY_EXPLICIT)
        ip.nexthop = dice_addr(d, family);
    return ip;
}

static inline void dice_more(struct dice *d, struct kl_link *l)
{
    l->ip4 = dice_ip(d, 4);
    l->ip6 = dice_ip(d, 6);
    if (!dice(d, 4))
        l->mtu = 1280 + dice(d, 7720);
    for (int family = 4; family <= 6; family += 2)
        if ((family == 4 ? &l->ip4 : &l->ip6)->method != KL_OFF && !dice(d, 4)) {
            struct kl_route r = {.to = {dice_addr(d, family), 24}, .metric = dice(d, 3) * 50};
            if (dice(d, 3))
                r.via = dice_addr(d, family);
            l->routes = kl_grow(d->a, l->routes, l->nroutes, sizeof *l->routes);
            l->routes[l->nroutes++] = r;
        }
}

static inline void dice_options(struct dice *d, struct kl_link *l)
{
    static const struct kl_option bond[] = {{"miimon", "100"}, {"xmit_hash_policy", "layer3+4"},
        {"arp_ip_target", "192.0.2.1,192.0.2.2"}, {"fail_over_mac", "active"}, {"updelay", "200"}};
    static const struct kl_option bridge[] = {{"ageing-time", "120"}, {"forward-delay", "4"},
        {"priority", "4096"}, {"stp", "no"}, {"hello-time", "2"}};
    l->mode = l->kind == KL_BOND ? (uint8_t)dice(d, 7) : 0;
    l->options = kl_alloc(d->a, 6 * sizeof *l->options);
    for (int k = 0; k < 5; k++) {
        bool arp = l->kind == KL_BOND && k == 2; /* in some modes, and never by itself */
        if (!dice(d, 2) || (arp && l->mode > 3))
            continue;
        l->options[l->noptions++] = (l->kind == KL_BOND ? bond : bridge)[k];
        if (arp)
            l->options[l->noptions++] = (struct kl_option){"arp_interval", "100"};
    }
}

static inline struct kl_link *dice_link(
    struct dice *d, struct kl_intent *i, enum kl_link_kind kind, const char *name)
{
    struct kl_link *l = &i->links[i->nlinks++];
    *l = (struct kl_link){.name = name, .kind = kind};
    (void)d;
    return l;
}

/* Up to four NICs, a bond or bridge of two of them, VLANs over that or over a NIC. */
static inline struct kl_intent *random_intent(struct kl_arena *a, unsigned seed)
{
    struct dice die = {seed * 2654435761u, a}, *d = &die;
    static const char *const nics[] = {"enp3s0", "enp7s0", "eno1", "eth10"};
    struct kl_intent *i = kl_alloc(a, sizeof *i);
    i->links = kl_alloc(a, 12 * sizeof *i->links);
    size_t nnics = 1 + dice(d, 4);
    const char *base = NULL;
    for (size_t k = 0; k < nnics; k++)
        dice_link(d, i, KL_ETHERNET, nics[k]);
    if (nnics > 1 && dice(d, 3)) {
        bool bond = dice(d, 3) > 0;
        struct kl_link *over = dice_link(d, i, bond ? KL_BOND : KL_BRIDGE, bond ? "bond0" : "br0");
        over->ports = kl_alloc(a, 2 * sizeof *over->ports);
        over->ports[over->nports++] = nics[1];
        over->ports[over->nports++] = nics[0];
        dice_options(d, over);
        base = over->name;
        if (dice(d, 2))
            dice_more(d, over);
    }
    for (unsigned n = dice(d, 3); base && n > 0; n--) {
        struct kl_link *vlan = dice_link(d, i, KL_VLAN, kl_sprintf(a, "%s.%u", base, 100 * n));
        vlan->parent = base;
        vlan->vlan = (uint16_t)(100 * n);
        dice_more(d, vlan);
    }
    for (size_t k = 0; k < nnics; k++)
        if (!kl_link_controller(i, nics[k]) && dice(d, 3))
            dice_more(d, &i->links[k]);
    if (dice(d, 4))
        i->hostname = "host.example.net";
    kl_intent_sort(i);
    /* Name servers in the order in which files give them back: IPv4 first. */
    bool used[2] = {false, false};
    for (size_t k = 0; k < i->nlinks; k++) {
        used[0] |= i->links[k].ip4.method != KL_OFF;
        used[1] |= i->links[k].ip6.method != KL_OFF;
        if (kl_link_has_ip(&i->links[k]) && (!i->install || !dice(d, 3)))
            i->install = i->links[k].name;
    }
    for (int six = 0; six < 2; six++)
        for (unsigned n = used[six] ? dice(d, 3) : 0; n > 0; n--) {
            i->dns = kl_grow(a, i->dns, i->ndns, sizeof *i->dns);
            i->dns[i->ndns++] = dice_addr(d, six ? 6 : 4);
        }
    if ((used[0] || used[1]) && !dice(d, 3)) {
        i->search = kl_alloc(a, 2 * sizeof *i->search);
        i->search[i->nsearch++] = "example.net";
        i->search[i->nsearch++] = "example.com";
    }
    return i;
}

#endif
