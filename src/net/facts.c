#include "net/facts.h"

#include <string.h>

struct list {
    struct kl_arena *a;
    struct kl_fact *facts;
    size_t n;
    const char *link;
};

static void say(struct list *l, const char *field, const char *value)
{
    if (!value || !*value)
        return;
    l->facts = kl_grow(l->a, l->facts, l->n, sizeof *l->facts);
    l->facts[l->n++] = (struct kl_fact){l->link, field, value};
}

static const char *kept(struct list *l, const struct kl_buf *b)
{
    return kl_strndup(l->a, kl_buf_text(b), b->len);
}

static void say_names(struct list *l, const char *field, const char *const *names, size_t n)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t i = 0; i < n; i++)
        kl_buf_addf(&b, "%s%s", i ? ", " : "", names[i]);
    say(l, field, kept(l, &b));
}

static void say_ip(struct list *l, const struct kl_ip *ip, int family)
{
    static const char *const methods[] = {
        [KL_OFF] = "off", [KL_STATIC] = "static", [KL_DHCP] = "dhcp", [KL_AUTO] = "auto"};
    if (ip->method == KL_OFF)
        return;
    char text[KL_PREFIX_TEXT];
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t i = 0; i < ip->naddresses; i++)
        kl_buf_addf(&b, "%s%s", i ? ", " : "", kl_prefix_text(&ip->addresses[i], text));
    say(l, family == 4 ? "ipv4" : "ipv6", methods[ip->method]);
    say(l, family == 4 ? "addresses4" : "addresses6", kept(l, &b));
    say(l, family == 4 ? "gateway4" : "gateway6",
        ip->gateway == KL_GATEWAY_EXPLICIT ? kl_strdup(l->a, kl_addr_text(&ip->nexthop, text))
        : ip->gateway == KL_GATEWAY_LEARNT ? (family == 4 ? "by DHCP" : "by RA")
                                           : NULL);
}

static void say_routes(struct list *l, const struct kl_link *link)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    char text[KL_PREFIX_TEXT];
    for (size_t i = 0; i < link->nroutes; i++) {
        const struct kl_route *r = &link->routes[i];
        kl_buf_addf(&b, "%s%s", i ? ", " : "", kl_prefix_text(&r->to, text));
        if (r->via.family)
            kl_buf_addf(&b, " via %s", kl_addr_text(&r->via, text));
        if (r->metric)
            kl_buf_addf(&b, " metric %u", r->metric);
    }
    say(l, "routes", kept(l, &b));
}

static void say_link(struct list *l, const struct kl_link *link)
{
    static const char *const kinds[] = {
        [KL_ETHERNET] = "ethernet", [KL_BOND] = "bond", [KL_VLAN] = "vlan", [KL_BRIDGE] = "bridge"};
    char text[KL_MAC_TEXT];
    l->link = link->name;
    say(l, "kind", kinds[link->kind]);
    if (link->mac.set)
        say(l, "mac", kl_strdup(l->a, kl_mac_text(&link->mac, text)));
    if (link->mtu)
        say(l, "mtu", kl_sprintf(l->a, "%u", link->mtu));
    say_names(l, "ports", link->ports, link->nports);
    if (link->kind == KL_BOND)
        say(l, "mode", kl_bond_modes[link->mode]);
    for (size_t i = 0; i < link->noptions; i++)
        say(l, kl_sprintf(l->a, "option %s", link->options[i].name), link->options[i].value);
    if (link->kind == KL_VLAN) {
        say(l, "parent", link->parent);
        say(l, "vlan", kl_sprintf(l->a, "%u", link->vlan));
    }
    say_ip(l, &link->ip4, 4);
    say_ip(l, &link->ip6, 6);
    say_routes(l, link);
}

size_t kl_intent_facts(struct kl_arena *a, const struct kl_intent *i, struct kl_fact **out)
{
    struct list l = {.a = a};
    char text[KL_ADDR_TEXT];
    say(&l, "hostname", i->hostname);
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t k = 0; k < i->ndns; k++)
        kl_buf_addf(&b, "%s%s", k ? ", " : "", kl_addr_text(&i->dns[k], text));
    say(&l, "dns", kept(&l, &b));
    say_names(&l, "search", i->search, i->nsearch);
    for (size_t k = 0; k < i->nlinks; k++)
        say_link(&l, &i->links[k]);
    *out = l.facts;
    return l.n;
}

const char *kl_fact_value(
    const struct kl_fact *facts, size_t n, const char *link, const char *field)
{
    for (size_t i = 0; i < n; i++)
        if (kl_streq(facts[i].link, link) && strcmp(facts[i].field, field) == 0)
            return facts[i].value;
    return NULL;
}
