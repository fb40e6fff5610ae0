/* What one host's links must be to each other, and which of them carries the install. */
#include "fleet/load.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {"network card", "bond", "VLAN", "bridge"};

static const char *const *link_names(struct kl_wip *w)
{
    const char **list = kl_alloc(w->scratch, (w->n + 1) * sizeof *list);
    for (size_t i = 0; i < w->n; i++)
        list[i] = w->links[i].link.name;
    return list;
}

static const char *const *nic_names(struct kl_wip *w)
{
    const struct kl_host *h = &w->draft->host;
    const char **list = kl_alloc(w->scratch, (h->nnics + 1) * sizeof *list);
    for (size_t i = 0; i < h->nnics; i++)
        list[i] = h->nics[i].name;
    return list;
}

static bool has_nic(const struct kl_wip *w, const char *name)
{
    for (size_t i = 0; i < w->draft->host.nnics; i++)
        if (strcmp(w->draft->host.nics[i].name, name) == 0)
            return true;
    return false;
}

/* The scalar that names port `name` of the link. */
static const struct kl_node *port_node(const struct kl_wip_link *link, const char *name)
{
    const struct kl_node *n = link->ports;
    for (const struct kl_node *i = n->kind == KL_LIST ? n->first : n; i; i = kl_item_next(n, i))
        if (i->kind == KL_SCALAR && strcmp(i->text, name) == 0)
            return i;
    return n;
}

/* --- names -------------------------------------------------------------------------------------*/

static void check_nic(struct kl_wip *w, const struct kl_wip_link *link)
{
    const struct kl_node *n = link->entry;
    if (link->link.kind != KL_ETHERNET && has_nic(w, link->link.name))
        KL_SAY(w->l, "nic-kind", n->key, "give the link another name",
            "'%s' is a network card in 'nics', and a %s here", link->link.name,
            kind_names[link->link.kind]);
    else if (w->draft->host.nnics && link->link.kind == KL_ETHERNET && !has_nic(w, link->link.name))
        KL_SAY(w->l, "unknown-nic", n->key, kl_load_near(w->l, link->link.name, nic_names(w)),
            "'%s' is no network card in 'nics', and no bond, VLAN or bridge", link->link.name);
}

static void check_port(struct kl_wip *w, const struct kl_wip_link *link, const char *name)
{
    const struct kl_node *n = port_node(link, name);
    struct kl_wip_link *port = kl_wip_find(w, name);
    bool bond = link->link.kind == KL_BOND;
    if (!port || port == link) {
        KL_SAY(w->l, "unknown-port", n,
            port ? NULL : kl_load_near(w->l, name, bond ? nic_names(w) : link_names(w)),
            port ? "'%s' cannot be a port of itself" : "there is no link '%s'", name);
        return;
    }
    if (port->link.kind == KL_BRIDGE || (bond && port->link.kind != KL_ETHERNET))
        KL_SAY(w->l, "port-kind", n, bond ? "a bond's ports are network cards" : NULL,
            "'%s' is a %s, which cannot be a port of a %s", name, kind_names[port->link.kind],
            kind_names[link->link.kind]);
    else if (kl_link_has_ip(&port->link)) {
        struct kl_diag *d = KL_SAY(w->l, "port-address", port->entry->key,
            kl_diag_text(w->l->d, "give it to %s", link->link.name),
            "'%s' is a port of %s, so it can have no address", name, link->link.name);
        kl_also(w->l->d, d, n->at, "it is a port here");
    }
    if (bond && port->link.mtu && port->link.mtu != (link->link.mtu ? link->link.mtu : 1500))
        kl_diag(w->l->d, KL_WARNING, "mtu-port", port->mtu->at,
            kl_diag_text(w->l->d, "say it at %s", link->link.name),
            "a bond gives its ports its own MTU, which is %u",
            link->link.mtu ? link->link.mtu : 1500);
    for (const struct kl_wip_link *other = w->links; other < link; other++) {
        for (size_t i = 0; i < other->link.nports; i++) {
            if (strcmp(other->link.ports[i], name) != 0)
                continue;
            struct kl_diag *d = KL_SAY(w->l, "port-twice", n, "leave it in one of them",
                "'%s' is a port of %s and of %s", name, other->link.name, link->link.name);
            kl_also(w->l->d, d, port_node(other, name)->at, "the other one is here");
        }
    }
}

/* The bond or bridge that has port `name`, or NULL. */
static const struct kl_wip_link *controller(const struct kl_wip *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        for (size_t p = 0; p < w->links[i].link.nports; p++)
            if (strcmp(w->links[i].link.ports[p], name) == 0)
                return &w->links[i];
    return NULL;
}

static void check_vlan(struct kl_wip *w, const struct kl_wip_link *link)
{
    const struct kl_link *l = &link->link;
    if (!l->parent)
        return;
    const struct kl_wip_link *parent = kl_wip_find(w, l->parent);
    const struct kl_wip_link *above = controller(w, l->parent);
    if (parent && above && above->link.kind == KL_BOND)
        KL_SAY(w->l, "parent-port", link->parent,
            kl_diag_text(w->l->d, "did you mean '%s'?", above->link.name),
            "'%s' is a port of %s, so it carries no VLAN of its own", l->parent, above->link.name);
    else if (!parent)
        KL_SAY(w->l, "unknown-parent", link->parent, kl_load_near(w->l, l->parent, link_names(w)),
            "there is no link '%s'", l->parent);
    else if (l->mtu > (parent->link.mtu ? parent->link.mtu : 1500))
        KL_SAY(w->l, "mtu-parent", link->mtu,
            kl_diag_text(w->l->d, "give %s 'mtu: %u'", l->parent, l->mtu),
            "a VLAN's MTU cannot be greater than its parent's, which is %u",
            parent->link.mtu ? parent->link.mtu : 1500);
    for (const struct kl_wip_link *o = w->links; o < link; o++) {
        if (o->link.kind != KL_VLAN || !l->vlan || o->link.vlan != l->vlan ||
            !kl_streq(o->link.parent, l->parent))
            continue;
        struct kl_diag *d = KL_SAY(w->l, "vlan-duplicate", link->id, NULL,
            "%s carries VLAN %u as %s already", l->parent, l->vlan, o->link.name);
        kl_also(w->l->d, d, o->id->at, "the other one is here");
    }
}

/* --- loops -------------------------------------------------------------------------------------*/

/* Goes down from `link` through parents and ports; true when it comes to `goal`. */
static bool stands_on(struct kl_wip *w, struct kl_wip_link *link, const struct kl_wip_link *goal)
{
    if (link->seen)
        return false;
    link->seen = true;
    for (size_t i = 0; i <= link->link.nports; i++) {
        const char *name = i < link->link.nports ? link->link.ports[i] : link->link.parent;
        struct kl_wip_link *below = name ? kl_wip_find(w, name) : NULL;
        if (below && below != link && (below == goal || stands_on(w, below, goal)))
            return true;
    }
    return false;
}

static void check_loops(struct kl_wip *w)
{
    bool said = false;
    for (size_t i = 0; i < w->n && !said; i++) {
        struct kl_wip_link *link = &w->links[i];
        for (size_t k = 0; k < w->n; k++)
            w->links[k].seen = false;
        if (link->link.kind == KL_ETHERNET || !stands_on(w, link, link))
            continue;
        const struct kl_node *n = link->parent ? link->parent : link->entry;
        for (size_t p = 0; p < link->link.nports; p++) {
            struct kl_wip_link *port = kl_wip_find(w, link->link.ports[p]);
            for (size_t k = 0; k < w->n; k++)
                w->links[k].seen = false;
            if (port && port != link && stands_on(w, port, link))
                n = port_node(link, port->link.name);
        }
        if (n)
            KL_SAY(w->l, "link-loop", n, NULL, "%s stands on itself", link->link.name);
        said = true;
    }
}

/* --- addresses and gateways --------------------------------------------------------------------*/

/* Does a packet to `a` leave by this link without a gateway? */
static bool on_link(const struct kl_link *l, const struct kl_ip *ip, const struct kl_addr *a)
{
    for (size_t i = 0; i < ip->naddresses; i++)
        if (kl_prefix_has(&ip->addresses[i], a))
            return true;
    for (size_t i = 0; i < l->nroutes; i++)
        if (!l->routes[i].via.family && kl_prefix_has(&l->routes[i].to, a))
            return true;
    return a->family == 6 && kl_addr_is_link_local(a);
}

static void check_gateway(struct kl_wip *w, const struct kl_wip_link *link, uint8_t family)
{
    const struct kl_link *l = &link->link;
    const struct kl_ip *ip = family == 4 ? &l->ip4 : &l->ip6;
    const struct kl_node *n = family == 4 ? link->gateway4 : link->gateway6;
    if (!n || ip->gateway == KL_GATEWAY_NONE || link->unclear)
        return;
    if (ip->method == KL_OFF) {
        KL_SAY(w->l, "gateway-family", n, "leave it out, or give the link an address",
            "%s has a gateway, but no IPv%d", l->name, family);
        return;
    }
    if (family == 4 && ip->gateway == KL_GATEWAY_LEARNT && ip->method != KL_DHCP)
        KL_SAY(w->l, "gateway-dhcp", n, "add 'dhcp4: true', or say the address",
            "the gateway of %s is to come from DHCP, which it does not use", l->name);
    if (ip->gateway != KL_GATEWAY_EXPLICIT)
        return;
    for (size_t i = 0; i < ip->naddresses; i++)
        if (kl_addr_eq(&ip->addresses[i].addr, &ip->nexthop))
            KL_SAY(w->l, "gateway-self", n, NULL, "%s is %s's own address", n->text, l->name);
    if (ip->method == KL_STATIC && !on_link(l, ip, &ip->nexthop))
        KL_SAY(w->l, "gateway-off-link", n, "check it, and the prefix length of the address",
            "no prefix of %s has the gateway %s", l->name, n->text);
}

/* A route to another family than its nexthop's was reported when it was read. */
static bool goes_by(const struct kl_node *route, uint8_t family)
{
    const struct kl_node *to = kl_node_get(route, "to");
    struct kl_prefix p;
    return to && to->kind == KL_SCALAR && kl_prefix_parse(to->text, &p) && p.addr.family == family;
}

static void check_routes(struct kl_wip *w, const struct kl_wip_link *link)
{
    const struct kl_link *l = &link->link;
    const struct kl_node *list = link->unclear ? NULL : link->routes;
    for (const struct kl_node *r = list && list->kind == KL_LIST ? list->first : NULL; r;
         r = r->next) {
        const struct kl_node *via = r->kind == KL_MAPPING ? kl_node_get(r, "via") : NULL;
        struct kl_addr a;
        if (!via || via->kind != KL_SCALAR || !kl_addr_parse(via->text, &a) ||
            !goes_by(r, a.family))
            continue;
        const struct kl_ip *ip = a.family == 4 ? &l->ip4 : &l->ip6;
        if (ip->method == KL_OFF)
            KL_SAY(w->l, "route-family", via, NULL, "%s has no IPv%d", l->name, a.family);
        else if (ip->method == KL_STATIC && !on_link(l, ip, &a))
            KL_SAY(w->l, "route-off-link", via, "a route goes by way of a neighbour",
                "no prefix of %s has %s", l->name, via->text);
    }
}

/* RFC 8200, 5: every link that carries IPv6 has an MTU of 1280 or more. */
static void check_mtu(struct kl_wip *w, const struct kl_wip_link *link)
{
    const struct kl_link *l = &link->link;
    if (l->mtu && l->mtu < 1280 && l->ip6.method != KL_OFF)
        KL_SAY(w->l, "mtu-ipv6", link->mtu, NULL, "IPv6 needs an MTU of 1280 or more");
}

/* --- the install link --------------------------------------------------------------------------*/

static bool has_gateway(const struct kl_link *l)
{
    return l->ip4.gateway != KL_GATEWAY_NONE || l->ip6.gateway != KL_GATEWAY_NONE;
}

static const struct kl_link *choose(const struct kl_intent *in)
{
    const struct kl_link *first = NULL;
    for (size_t i = 0; i < in->nlinks; i++) {
        const struct kl_link *l = &in->links[i];
        if (!kl_link_has_ip(l))
            continue;
        if (has_gateway(l))
            return l;
        if (!first)
            first = l;
    }
    return first;
}

/* Can the link do what `install:` says of it? */
static void check_install(struct kl_wip *w, const struct kl_wip_link *link)
{
    const struct kl_link *l = &link->link;
    uint8_t only = link->install_family;
    if (link->unclear)
        return;
    if (!kl_link_has_ip(l))
        KL_SAY(w->l, "install-address", link->install,
            "give it 'addresses', 'dhcp4', 'dhcp6' or 'slaac'",
            "%s is to carry the install, but has no address", l->name);
    else if (only && !kl_link_speaks(l, only))
        KL_SAY(w->l, "install-family", link->install,
            kl_diag_text(w->l->d,
                "say 'install: ipv%d' or 'install: true', or give it an IPv%d "
                "address",
                only == 4 ? 6 : 4, only),
            "%s is to carry the install by IPv%d alone, but has no IPv%d", l->name, only, only);
}

/* The link that says `install:`, and not false; with several, the first in name's order. */
static const struct kl_wip_link *said(struct kl_wip *w)
{
    const struct kl_wip_link *found = NULL;
    for (size_t i = 0; i < w->n; i++) {
        const struct kl_wip_link *l = &w->links[i];
        if (!l->install)
            continue;
        if (found) {
            struct kl_diag *d = KL_SAY(w->l, "install-twice", l->install, "leave it at one of them",
                "one link carries the install, not two");
            kl_also(w->l->d, d, found->install->at, "the other one is here");
        }
        if (!found || strcmp(l->link.name, found->link.name) < 0)
            found = l;
    }
    if (found)
        check_install(w, found);
    return found;
}

/* How many links could carry the install as well as `chosen`. */
static size_t equals(const struct kl_intent *in, const struct kl_link *chosen)
{
    size_t n = 0;
    for (size_t i = 0; i < in->nlinks; i++)
        n += kl_link_has_ip(&in->links[i]) && has_gateway(&in->links[i]) == has_gateway(chosen);
    return n;
}

/* A guess is said: the wrong link does not reach the kickstart, and nothing else would tell. */
static void warn_guess(struct kl_wip *w, const struct kl_node *host, const struct kl_intent *in,
    const struct kl_link *l)
{
    if (equals(in, l) < 2)
        return;
    kl_diag(w->l->d, KL_WARNING, "install-guessed", l->at,
        "say 'install: true' on the link by which it reaches this server",
        "several links of '%s' could carry the install; %s is taken", host->text, l->name);
}

static void choose_install(struct kl_wip *w, const struct kl_node *host, struct kl_intent *in)
{
    const struct kl_wip_link *own = said(w);
    const struct kl_link *l = choose(in);
    bool unclear = false;
    for (size_t i = 0; i < w->n; i++)
        unclear |= w->links[i].unclear;
    w->draft->unclear = unclear;
    if (!l && !own && !unclear)
        KL_SAY(w->l, "no-address", host, "give a link 'addresses', 'dhcp4', 'dhcp6' or 'slaac'",
            "no link of '%s' has an address", in->hostname ? in->hostname : host->text);
    if (l && !own && !unclear)
        warn_guess(w, host, in, l);
    in->install = own ? own->link.name : l ? l->name : NULL;
    in->install_family = own ? own->install_family : 0;
}

static int link_order(const void *x, const void *y)
{
    const struct kl_wip_link *a = x, *b = y;
    return strcmp(a->link.name, b->link.name);
}

void kl_check_network(struct kl_wip *w, const struct kl_node *host)
{
    if (w->n)
        qsort(w->links, w->n, sizeof *w->links, link_order);
    for (size_t i = 0; i < w->n; i++) {
        const struct kl_wip_link *link = &w->links[i];
        if (!link->entry)
            continue;
        check_nic(w, link);
        for (size_t p = 0; p < link->link.nports; p++)
            check_port(w, link, link->link.ports[p]);
        if (link->link.kind == KL_VLAN)
            check_vlan(w, link);
        check_gateway(w, link, 4);
        check_gateway(w, link, 6);
        check_routes(w, link);
        check_mtu(w, link);
    }
    check_loops(w);
    struct kl_intent *in = w->draft->intent;
    in->links = kl_alloc(w->l->a, w->n * sizeof *in->links);
    in->nlinks = w->n;
    for (size_t i = 0; i < w->n; i++)
        in->links[i] = w->links[i].link;
    kl_intent_sort(in);
    choose_install(w, host, in);
}
