/* One host: its own keys; what its network must be is read and checked by the files beside. */
#include "fleet/load.h"

#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum host_key { PROFILE, GROUPS, UUID, NICS, HOSTNAME, NETWORK, HOST_KEYS };

static const char *const host_keys[] = {
    [PROFILE] = "profile",
    [GROUPS] = "groups",
    [UUID] = "uuid",
    [NICS] = "nics",
    [HOSTNAME] = "hostname",
    [NETWORK] = "network",
};

/* 8-4-4-4-12 hexadecimal digits, as printed by firmware and dmidecode(8). */
static bool parse_uuid(const char *s, uint8_t out[static 16])
{
    size_t digits = 0;
    for (size_t i = 0; s[i]; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        unsigned char c = (unsigned char)s[i];
        if (dash ? c != '-' : !isxdigit(c) || i >= 36)
            return false;
        if (dash)
            continue;
        int v = isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
        out[digits / 2] = (uint8_t)(digits % 2 ? out[digits / 2] | v : v << 4);
        digits++;
    }
    return digits == 32;
}

static void read_uuid(struct kl_wip *w, const struct kl_node *n)
{
    struct kl_host *h = &w->draft->host;
    const char *s = kl_read_text(w->l, n, "a UUID");
    if (!s)
        return;
    h->has_uuid = parse_uuid(s, h->uuid);
    if (h->has_uuid)
        kl_claim(w->l, &w->l->uuids, h->uuid, sizeof h->uuid, n->at);
    else
        KL_SAY(w->l, "bad-uuid", n, "dmidecode -s system-uuid prints it",
            "'%s' is no UUID, such as 12345678-9abc-def0-1122-334455667788", s);
}

static void read_groups(struct kl_wip *w, const struct kl_node *n)
{
    struct kl_draft *d = w->draft;
    for (const struct kl_node *i = kl_read_items(w->l, n, "groups"); i; i = kl_item_next(n, i)) {
        const char *s = kl_read_text(w->l, i, "a group's name");
        if (!s)
            continue;
        d->groups = kl_grow(w->l->tmp, d->groups, d->ngroups, sizeof *d->groups);
        d->groups[d->ngroups++] = (struct kl_name_ref){kl_load_string(w->l, s), i->at};
    }
}

static int nic_order(const void *x, const void *y)
{
    const struct kl_nic *a = x, *b = y;
    return strcmp(a->name, b->name);
}

static void read_nics(struct kl_wip *w, const struct kl_node *n)
{
    static const char what[] = "a mapping from interface names to MAC addresses";
    if (!kl_read_mapping(w->l, n, what))
        return;
    if (!n->n)
        KL_SAY(w->l, "no-nics", n->key, "add its NICs: {NAME: MAC}",
            "'%s' has no network card to be known by", w->draft->host.name);
    if (n->n > KL_MOST_ITEMS) {
        KL_SAY(w->l, "too-many", n->key, NULL, "%zu network cards; %d are the most", n->n,
            KL_MOST_ITEMS);
        return;
    }
    struct kl_nic *nics = kl_alloc(w->l->a, n->n * sizeof *nics);
    size_t count = 0;
    for (const struct kl_node *e = n->first; e; e = e->next) {
        struct kl_nic nic = {.name = kl_read_ifname(w->l, e->key), .at = e->at};
        if (!kl_read_mac(w->l, e, &nic.mac) || !nic.name)
            nic.mac.set = false; /* said; what names the NIC is still sound */
        if (nic.name)
            nics[count++] = nic;
        if (nic.mac.set)
            kl_claim(w->l, &w->l->macs, nic.mac.bytes, sizeof nic.mac.bytes, nic.at);
    }
    if (count)
        qsort(nics, count, sizeof *nics, nic_order);
    w->draft->host.nics = nics;
    w->draft->host.nnics = count;
}

static const char *read_hostname(struct kl_wip *w, const struct kl_node *n)
{
    const char *s = kl_read_text(w->l, n, "a host name");
    if (!s)
        return NULL;
    if (kl_is_hostname(s))
        return kl_load_string(w->l, s);
    KL_SAY(w->l, "bad-hostname", n,
        "labels of letters, digits and '-', 63 characters each, with dots between them",
        "'%s' is no host name", s);
    return NULL;
}

static void read_keys(struct kl_wip *w, const struct kl_node *host, const struct kl_node **network)
{
    const char *keys[HOST_KEYS + KL_S_PATCH + 1] = {0};
    struct kl_draft *d = w->draft;
    memcpy(keys, host_keys, sizeof host_keys);
    memcpy(keys + HOST_KEYS, kl_setting_keys, KL_S_PATCH * sizeof *keys);
    for (const struct kl_node *e = host->first; e; e = e->next) {
        const char *s;
        int key = kl_read_key(w->l, e, keys, "a host");
        switch (key) {
        case -1:
            break;
        case PROFILE:
            s = kl_read_text(w->l, e, "a profile's name");
            d->profile = (struct kl_name_ref){s ? kl_load_string(w->l, s) : NULL, e->at};
            break;
        case GROUPS:
            read_groups(w, e);
            break;
        case UUID:
            read_uuid(w, e);
            break;
        case NICS:
            read_nics(w, e);
            break;
        case HOSTNAME:
            d->intent->hostname = read_hostname(w, e);
            break;
        case NETWORK:
            *network = e;
            break;
        default:
            if (!d->own)
                d->own = kl_alloc(w->l->tmp, sizeof *d->own);
            kl_read_setting(w->l, d->own, (enum kl_setting)(key - HOST_KEYS), e);
        }
    }
}

static struct kl_draft *new_draft(struct kl_load *l)
{
    if (l->ndrafts == l->room) {
        l->room = l->room ? l->room * 2 : 64;
        l->drafts = kl_xrealloc(l->drafts, l->room * sizeof *l->drafts);
    }
    return &l->drafts[l->ndrafts++];
}

static void claim_name(struct kl_load *l, const struct kl_node *key, const char *name)
{
    const void **slot = kl_names_slot(&l->hosts, name);
    if (!*slot) {
        struct kl_place *at = kl_alloc(l->tmp, sizeof *at);
        *at = key->at;
        *slot = at;
        return;
    }
    struct kl_diag *d = KL_SAY(l, "duplicate-host", key, "leave only one of the two",
        "there are two hosts called '%s'", name);
    kl_also(l->d, d, *(const struct kl_place *)*slot, "the other one is here");
}

void kl_read_host(struct kl_load *l, const struct kl_node *entry, struct kl_arena *scratch)
{
    const struct kl_node *network = NULL;
    struct kl_draft draft = {.host = {.at = entry->key->at}};
    struct kl_wip w = {.l = l, .scratch = scratch, .draft = &draft};
    const char *name = kl_load_string(l, entry->key->text);
    draft.intent = kl_alloc(l->a, sizeof *draft.intent);
    draft.host.name = name;
    draft.host.intent = draft.intent;
    draft.intent->hostname = name;
    draft.intent->at = entry->key->at;
    if (!kl_is_hostname(name))
        KL_SAY(l, "bad-hostname", entry->key,
            "labels of letters, digits and '-', 63 characters each, with dots between them",
            "'%s' is no host name", name);
    claim_name(l, entry->key, name);
    if (!kl_read_mapping(l, entry, "a host's description"))
        return;
    read_keys(&w, entry, &network);
    draft.host.profile = draft.profile.name;
    if (!kl_node_get(entry, "nics"))
        KL_SAY(l, "no-nics", entry->key, "add 'nics: {NAME: MAC}'",
            "'%s' has no network card to be known by", name);
    if (!network)
        KL_SAY(l, "no-network", entry->key, "add 'network: {NAME: {addresses: [...]}}'",
            "'%s' has no network", name);
    else if (kl_read_network(&w, network))
        kl_check_network(&w, entry->key);
    *new_draft(l) = draft;
}
