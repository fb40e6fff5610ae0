/* The third pass: hosts sorted by name, and three sorted lists of what each is known by. Two equal
 * keys stand side by side once a list is sorted, which is how doubles are found. */
#include "fleet/index.h"
#include "fleet/load.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

void kl_claim(
    struct kl_load *l, struct kl_claims *c, const void *bytes, size_t len, struct kl_place at)
{
    if (c->n == c->room) {
        c->room = c->room ? c->room * 2 : 256;
        c->list = kl_xrealloc(c->list, c->room * sizeof *c->list);
    }
    struct kl_claim *one = &c->list[c->n++];
    *one = (struct kl_claim){.draft = (uint32_t)l->ndrafts, .at = at};
    memcpy(one->bytes, bytes, len);
}

static void addr_key(const struct kl_addr *a, uint8_t out[static 17])
{
    memset(out, 0, 17);
    out[0] = a->family;
    memcpy(out + 1, a->bytes, a->family == 4 ? 4 : 16);
}

/* A link-local address is one only on its own link: others may have it too. */
void kl_claim_addr(struct kl_load *l, const struct kl_addr *a, struct kl_place at)
{
    uint8_t key[17];
    addr_key(a, key);
    if (!kl_addr_is_link_local(a))
        kl_claim(l, &l->addrs, key, sizeof key, at);
}

static int place_order(const struct kl_place *a, const struct kl_place *b)
{
    int files = strcmp(a->file, b->file);
    if (files)
        return files;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->col == b->col ? 0 : a->col < b->col ? -1 : 1;
}

static int claim_order(const void *x, const void *y)
{
    const struct kl_claim *a = x, *b = y;
    int bytes = memcmp(a->bytes, b->bytes, sizeof a->bytes);
    return bytes ? bytes : place_order(&a->at, &b->at);
}

typedef void say_double(
    struct kl_load *l, const struct kl_claim *one, const struct kl_claim *first);

/* Sorts, reports doubles through `say`, and keeps the keys. `rank` has each draft's host. */
static struct kl_key_list settle(
    struct kl_load *l, struct kl_claims *c, const uint32_t *rank, say_double *say)
{
    struct kl_key_list out = {0};
    if (c->n)
        qsort(c->list, c->n, sizeof *c->list, claim_order);
    out.keys = kl_alloc(l->a, c->n * sizeof *out.keys);
    const struct kl_claim *first = NULL;
    for (size_t i = 0; i < c->n; i++) {
        const struct kl_claim *one = &c->list[i];
        if (first && memcmp(first->bytes, one->bytes, sizeof one->bytes) == 0) {
            say(l, one, first);
            continue;
        }
        first = one;
        struct kl_key *key = &out.keys[out.n++];
        memcpy(key->bytes, one->bytes, sizeof key->bytes);
        key->host = rank[one->draft];
    }
    return out;
}

static void say_also(struct kl_load *l, struct kl_diag *d, const struct kl_claim *first)
{
    kl_also(l->d, d, first->at,
        kl_diag_text(l->d, "'%s' has it here", l->drafts[first->draft].host.name));
}

static void say_mac(struct kl_load *l, const struct kl_claim *one, const struct kl_claim *first)
{
    struct kl_mac m = {.set = true};
    char text[KL_MAC_TEXT];
    memcpy(m.bytes, one->bytes, 6);
    say_also(l,
        kl_diag(l->d, KL_ERROR, "duplicate-mac", one->at, NULL,
            "two network cards have the MAC address %s", kl_mac_text(&m, text)),
        first);
}

static void say_addr(struct kl_load *l, const struct kl_claim *one, const struct kl_claim *first)
{
    struct kl_addr a = {.family = one->bytes[0]};
    char text[KL_ADDR_TEXT];
    memcpy(a.bytes, one->bytes + 1, 16);
    say_also(l,
        kl_diag(l->d, KL_ERROR, "duplicate-address", one->at, NULL, "two links have the address %s",
            kl_addr_text(&a, text)),
        first);
}

static void say_uuid(struct kl_load *l, const struct kl_claim *one, const struct kl_claim *first)
{
    say_also(l,
        kl_diag(l->d, KL_ERROR, "duplicate-uuid", one->at, "dmidecode -s system-uuid prints it",
            "two hosts have the same UUID"),
        first);
}

/* --- building ----------------------------------------------------------------------------------*/

struct order {
    const char *name;
    uint32_t draft;
};

static int order_order(const void *x, const void *y)
{
    const struct order *a = x, *b = y;
    int names = strcmp(a->name, b->name);
    return names ? names : a->draft < b->draft ? -1 : 1;
}

void kl_order_hosts(struct kl_load *l)
{
    struct order *order = kl_xmalloc(l->ndrafts * sizeof *order);
    for (size_t i = 0; i < l->ndrafts; i++)
        order[i] = (struct order){l->drafts[i].host.name, (uint32_t)i};
    if (l->ndrafts)
        qsort(order, l->ndrafts, sizeof *order, order_order);
    l->order = kl_alloc(l->tmp, l->ndrafts * sizeof *l->order);
    for (size_t i = 0; i < l->ndrafts; i++)
        l->order[i] = order[i].draft;
    free(order);
}

/* Copies the hosts in order, and says in `rank` where each draft came to stand. */
static void place_hosts(struct kl_load *l, uint32_t *rank)
{
    struct kl_host *hosts = kl_alloc(l->a, l->ndrafts * sizeof *hosts);
    for (size_t i = 0; i < l->ndrafts; i++) {
        hosts[i] = l->drafts[l->order[i]].host;
        rank[l->order[i]] = (uint32_t)i;
    }
    l->f->hosts = hosts;
    l->f->nhosts = l->ndrafts;
}

void kl_build_index(struct kl_load *l)
{
    struct kl_fleet_index *x = kl_alloc(l->a, sizeof *x);
    uint32_t *rank = kl_xmalloc(l->ndrafts * sizeof *rank);
    place_hosts(l, rank);
    x->macs = settle(l, &l->macs, rank, say_mac);
    x->addrs = settle(l, &l->addrs, rank, say_addr);
    x->uuids = settle(l, &l->uuids, rank, say_uuid);
    x->names = kl_alloc(l->a, (l->f->nhosts + 1) * sizeof *x->names);
    for (size_t i = 0; i < l->f->nhosts; i++)
        x->names[i] = l->f->hosts[i].name;
    l->f->index = x;
    free(rank);
}

/* --- asking ------------------------------------------------------------------------------------*/

static int host_order(const void *x, const void *y)
{
    return strcmp(x, ((const struct kl_host *)y)->name);
}

const struct kl_host *kl_fleet_host(const struct kl_fleet *f, const char *name)
{
    return f->nhosts ? bsearch(name, f->hosts, f->nhosts, sizeof *f->hosts, host_order) : NULL;
}

static int key_order(const void *x, const void *y)
{
    return memcmp(x, ((const struct kl_key *)y)->bytes, sizeof((const struct kl_key *)y)->bytes);
}

static const struct kl_host *by_key(
    const struct kl_fleet *f, const struct kl_key_list *list, const uint8_t key[static 17])
{
    const struct kl_key *k =
        list->n ? bsearch(key, list->keys, list->n, sizeof *list->keys, key_order) : NULL;
    return k ? &f->hosts[k->host] : NULL;
}

const struct kl_host *kl_fleet_by_mac(const struct kl_fleet *f, const struct kl_mac *m)
{
    uint8_t key[17] = {0};
    memcpy(key, m->bytes, sizeof m->bytes);
    return m->set ? by_key(f, &f->index->macs, key) : NULL;
}

const struct kl_host *kl_fleet_by_addr(const struct kl_fleet *f, const struct kl_addr *addr)
{
    uint8_t key[17];
    addr_key(addr, key);
    return by_key(f, &f->index->addrs, key);
}

const struct kl_host *kl_fleet_by_uuid(const struct kl_fleet *f, const uint8_t uuid[16])
{
    uint8_t key[17] = {0};
    memcpy(key, uuid, 16);
    return by_key(f, &f->index->uuids, key);
}

const char *kl_fleet_nearest(const struct kl_fleet *f, const char *name)
{
    return kl_nearest(name, f->index->names);
}
