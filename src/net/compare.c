/* Two intents, field by field.
 *
 * Both become lists of facts (net/facts.h) and the facts are held against each other, in x's
 * order, then those that only y states. What a view cannot say is taken out of both before:
 * fields by kl_compare's flags, links and the family that x's install does not use by
 * install_only, name servers of a family that the links which remain do not use.
 *
 * Two ways of saying one thing are made one first: a static IPv6 address beside SLAAC, and a
 * static IPv6 address whose gateway is learnt by router advertisement. NetworkManager has only
 * the one spelling (method=auto with an address), and the kernel, while it accepts
 * advertisements, does both as well (docs/boot-stages.md, sections 1.1 and 4.2).
 */
#include "net/facts.h"
#include "net/intent.h"

#include <string.h>

struct view {
    const struct kl_intent *i;
    struct kl_fact *facts;
    size_t n;
};

/* Marks `name` and what it stands on. A link that is marked already ends the walk, so a malformed
 * intent, in which something stands on itself, costs no more than another. */
static void mark(const struct kl_intent *i, const char *name, bool *marks)
{
    const struct kl_link *l = kl_link_find(i, name);
    if (!l || marks[l - i->links])
        return;
    marks[l - i->links] = true;
    for (size_t p = 0; p < l->nports; p++)
        mark(i, l->ports[p], marks);
    if (l->parent)
        mark(i, l->parent, marks);
}

void kl_install_stack(const struct kl_intent *i, bool *marks)
{
    memset(marks, 0, i->nlinks * sizeof *marks);
    if (i->install)
        mark(i, i->install, marks);
}

bool kl_link_carries_install(const struct kl_intent *i, const char *name)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    bool *marks = kl_alloc(a, i->nlinks + 1);
    const struct kl_link *l = kl_link_find(i, name);
    kl_install_stack(i, marks);
    return l && marks[l - i->links];
}

static struct kl_ip one_spelling(struct kl_ip ip)
{
    if (ip.method == KL_AUTO && ip.naddresses && ip.gateway != KL_GATEWAY_EXPLICIT) {
        ip.method = KL_STATIC;
        ip.gateway = KL_GATEWAY_LEARNT;
    }
    return ip;
}

/* Name servers and routes of IPv6 before those of IPv4, else in their order: files hold them by
 * family, and how the two are mixed means nothing. */
static void by_family(struct kl_arena *a, struct kl_intent *i)
{
    struct kl_addr *dns = kl_alloc(a, (i->ndns + 1) * sizeof *dns);
    size_t n = 0;
    for (int family = 6; family >= 4; family -= 2)
        for (size_t k = 0; k < i->ndns; k++)
            if (i->dns[k].family == family)
                dns[n++] = i->dns[k];
    i->dns = dns;
    i->ndns = n;
    for (size_t l = 0; l < i->nlinks; l++) {
        struct kl_link *link = &i->links[l];
        struct kl_route *routes = kl_alloc(a, (link->nroutes + 1) * sizeof *routes);
        n = 0;
        for (int family = 6; family >= 4; family -= 2)
            for (size_t k = 0; k < link->nroutes; k++)
                if (link->routes[k].to.addr.family == family)
                    routes[n++] = link->routes[k];
        link->routes = routes;
        link->nroutes = n;
    }
}

static bool family_used(const struct kl_intent *i, int family)
{
    for (size_t k = 0; k < i->nlinks; k++)
        if (kl_link_speaks(&i->links[k], family))
            return true;
    return false;
}

/* Every initrd makes its bridges without STP and has no word for it, so saying so is saying
 * nothing (docs/boot-stages.md, section 1.2). */
static void drop_stp_off(struct kl_arena *a, struct kl_link *l)
{
    struct kl_option *kept = kl_alloc(a, (l->noptions + 1) * sizeof *kept);
    size_t n = 0;
    for (size_t k = 0; k < l->noptions; k++)
        if (!kl_streq(l->options[k].name, "stp") || !kl_streq(l->options[k].value, "no"))
            kept[n++] = l->options[k];
    l->options = kept;
    l->noptions = n;
}

/* A copy of `i` with only what is to be compared; `family` of the install (0: both). */
static struct kl_intent narrowed(
    struct kl_arena *a, const struct kl_intent *i, const struct kl_compare *how, uint8_t family)
{
    struct kl_intent out = *i;
    out.links = kl_alloc(a, (i->nlinks + 1) * sizeof *out.links);
    out.nlinks = 0;
    bool *marks = kl_alloc(a, i->nlinks + 1);
    kl_install_stack(i, marks);
    for (size_t k = 0; k < i->nlinks; k++) {
        if (how->install_only && !marks[k])
            continue;
        struct kl_link *l = &out.links[out.nlinks++];
        *l = i->links[k];
        if (how->install_only)
            kl_link_keep_family(a, l, family);
        l->ip6 = one_spelling(l->ip6);
        if (how->install_only && l->kind == KL_BRIDGE)
            drop_stp_off(a, l);
    }
    if (how->install_only) {
        out.dns = kl_alloc(a, (i->ndns + 1) * sizeof *out.dns);
        out.ndns = 0;
        for (size_t k = 0; k < i->ndns; k++)
            if (family_used(&out, i->dns[k].family))
                out.dns[out.ndns++] = i->dns[k];
    }
    by_family(a, &out);
    return out;
}

static bool skipped(const struct kl_compare *how, const char *field)
{
    const struct {
        const char *field;
        bool skip;
    } fields[] = {
        {"search", how->skip_search},
        {"routes", how->skip_routes},
        {"mac", how->skip_mac},
        {"mtu", how->skip_mtu},
        {"hostname", how->skip_hostname},
        {"dns", how->skip_dns},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(fields[i].field, field) == 0)
            return fields[i].skip;
    return false;
}

static size_t add(struct kl_arena *a, struct kl_difference **list, size_t n,
    const struct kl_fact *fact, const char *x, const char *y)
{
    *list = kl_grow(a, *list, n, sizeof **list);
    (*list)[n] = (struct kl_difference){fact->link, fact->field, x ? x : "", y ? y : ""};
    return n + 1;
}

size_t kl_intent_compare(struct kl_arena *a, const struct kl_intent *x, const struct kl_intent *y,
    const struct kl_compare *how, struct kl_difference **out)
{
    static const struct kl_compare everything;
    how = how ? how : &everything;
    struct kl_intent nx = narrowed(a, x, how, x->install_family);
    struct kl_intent ny = narrowed(a, y, how, x->install_family);
    struct view vx = {.i = &nx}, vy = {.i = &ny};
    vx.n = kl_intent_facts(a, &nx, &vx.facts);
    vy.n = kl_intent_facts(a, &ny, &vy.facts);
    struct kl_difference *list = NULL;
    size_t n = 0;
    for (size_t k = 0; k < vx.n; k++) {
        const struct kl_fact *f = &vx.facts[k];
        const char *other = kl_fact_value(vy.facts, vy.n, f->link, f->field);
        if (!skipped(how, f->field) && !kl_streq(f->value, other))
            n = add(a, &list, n, f, f->value, other);
    }
    for (size_t k = 0; k < vy.n; k++) {
        const struct kl_fact *f = &vy.facts[k];
        if (!skipped(how, f->field) && !kl_fact_value(vx.facts, vx.n, f->link, f->field))
            n = add(a, &list, n, f, NULL, f->value);
    }
    if (x->install && y->install && strcmp(x->install, y->install) != 0)
        n = add(a, &list, n, &(struct kl_fact){NULL, "install", NULL}, x->install, y->install);
    *out = list;
    return n;
}
