#include "net/intent.h"

#include <stdlib.h>
#include <string.h>

const struct kl_link *kl_link_find(const struct kl_intent *i, const char *name)
{
    for (size_t k = 0; name && k < i->nlinks; k++)
        if (strcmp(i->links[k].name, name) == 0)
            return &i->links[k];
    return NULL;
}

bool kl_link_has_ip(const struct kl_link *l)
{
    return l->ip4.method != KL_OFF || l->ip6.method != KL_OFF;
}

bool kl_link_speaks(const struct kl_link *l, int family)
{
    return (family == 4 ? &l->ip4 : &l->ip6)->method != KL_OFF;
}

void kl_link_keep_family(struct kl_arena *a, struct kl_link *l, uint8_t family)
{
    if (!family)
        return;
    *(family == 4 ? &l->ip6 : &l->ip4) = (struct kl_ip){0};
    struct kl_route *kept = kl_alloc(a, (l->nroutes + 1) * sizeof *kept);
    size_t n = 0;
    for (size_t k = 0; k < l->nroutes; k++)
        if (l->routes[k].to.addr.family == family)
            kept[n++] = l->routes[k];
    l->routes = kept;
    l->nroutes = n;
}

const struct kl_link *kl_link_controller(const struct kl_intent *i, const char *name)
{
    for (size_t k = 0; k < i->nlinks; k++)
        for (size_t p = 0; p < i->links[k].nports; p++)
            if (strcmp(i->links[k].ports[p], name) == 0)
                return &i->links[k];
    return NULL;
}

static int link_order(const void *x, const void *y)
{
    static const int rank[] = {[KL_ETHERNET] = 0, [KL_BOND] = 1, [KL_BRIDGE] = 2, [KL_VLAN] = 3};
    const struct kl_link *a = x, *b = y;
    if (a->kind != b->kind)
        return rank[a->kind] - rank[b->kind];
    return strcmp(a->name, b->name);
}

static int option_order(const void *x, const void *y)
{
    return strcmp(((const struct kl_option *)x)->name, ((const struct kl_option *)y)->name);
}

void kl_intent_sort(struct kl_intent *i)
{
    for (size_t k = 0; k < i->nlinks; k++) {
        struct kl_link *l = &i->links[k];
        if (l->nports)
            qsort(l->ports, l->nports, sizeof *l->ports, kl_name_order);
        if (l->noptions)
            qsort(l->options, l->noptions, sizeof *l->options, option_order);
    }
    if (i->nlinks)
        qsort(i->links, i->nlinks, sizeof *i->links, link_order);
}

void kl_intent_say(struct kl_arena *a, struct kl_intent *i, const char *link, const char *field,
    struct kl_place at)
{
    i->said = kl_grow(a, i->said, i->nsaid, sizeof *i->said);
    i->said[i->nsaid++] = (struct kl_said){link, field, at};
}

struct kl_place kl_intent_said(const struct kl_intent *i, const char *link, const char *field)
{
    for (size_t k = i->nsaid; k-- > 0;)
        if (kl_streq(i->said[k].link, link) && kl_streq(i->said[k].field, field))
            return i->said[k].at;
    const struct kl_link *l = link ? kl_link_find(i, link) : NULL;
    return l && l->at.file ? l->at : i->at;
}
