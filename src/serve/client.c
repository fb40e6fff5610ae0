/* Who is asking: the clues of a request, weighed in the order of enum kl_clue. A clue that names no
 * host says nothing; a later clue that names another host than the first is kept for a warning,
 * because it means a card that moved, a DUID that was cloned with a disk image, or a relay that
 * lies. */
#include "serve/client.h"

#include <string.h>

const char *kl_clue_name(enum kl_clue c)
{
    switch (c) {
    case KL_CLUE_RELAY:
        return "relay";
    case KL_CLUE_DUID:
        return "duid";
    case KL_CLUE_EUI64:
        return "eui64";
    case KL_CLUE_NEIGHBOUR:
        return "neighbour";
    case KL_CLUE_UUID:
        return "uuid";
    case KL_CLUE_ADDRESS:
        return "address";
    case KL_CLUE_NONE:
        break;
    }
    return "none";
}

/* SMBIOS keeps the first three fields of a UUID in little-endian order; EDK2 sends them so in its
 * DUID, iPXE in the order in which they are printed (docs/boot-protocols.md §1.3). */
static void swap_uuid(const uint8_t in[16], uint8_t out[16])
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int i = 0; i < 16; i++)
        out[i] = in[order[i]];
}

/* Firmware without a UUID sends zeros or ones: that is nobody's. */
static bool uuid_is_blank(const uint8_t uuid[16])
{
    for (int i = 1; i < 16; i++)
        if (uuid[i] != uuid[0])
            return false;
    return uuid[0] == 0x00 || uuid[0] == 0xff;
}

static const struct kl_host *by_uuid(const struct kl_fleet *f, const uint8_t uuid[16])
{
    if (uuid_is_blank(uuid))
        return NULL;
    const struct kl_host *h = kl_fleet_by_uuid(f, uuid);
    if (h)
        return h;
    uint8_t swapped[16];
    swap_uuid(uuid, swapped);
    return kl_fleet_by_uuid(f, swapped);
}

static void consider(struct kl_client *c, const struct kl_host *h, enum kl_clue by)
{
    if (!h)
        return;
    if (!c->host) {
        c->host = h;
        c->by = by;
    } else if (h != c->host && !c->other) {
        c->other = h;
        c->other_by = by;
    }
}

static void consider_mac(
    const struct kl_fleet *f, struct kl_client *c, const struct kl_mac *m, enum kl_clue by)
{
    if (!m->set)
        return;
    /* A DUID names the machine, often by another card than the one that asks (RFC 8415 §11.2). */
    if (!c->mac.set && by != KL_CLUE_DUID)
        c->mac = *m;
    consider(c, kl_fleet_by_mac(f, m), by);
}

struct kl_client kl_client_find(const struct kl_fleet *f, const struct kl_clues *c)
{
    struct kl_client out = {0};
    consider_mac(f, &out, &c->relay, KL_CLUE_RELAY);
    consider_mac(f, &out, &c->duid, KL_CLUE_DUID);
    consider_mac(f, &out, &c->eui64, KL_CLUE_EUI64);
    consider_mac(f, &out, &c->neighbour, KL_CLUE_NEIGHBOUR);
    if (c->has_uuid)
        consider(&out, by_uuid(f, c->uuid), KL_CLUE_UUID);
    if (c->address.family)
        consider(&out, kl_fleet_by_addr(f, &c->address), KL_CLUE_ADDRESS);
    return out;
}

/* ::ffff:192.0.2.1, as an IPv6 socket shows an IPv4 peer, is 192.0.2.1 (RFC 4291 §2.5.5.2). */
static struct kl_addr unmapped(const struct kl_addr *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct kl_addr out = *a;
    if (a->family == 6 && memcmp(a->bytes, mapped, sizeof mapped) == 0) {
        out = (struct kl_addr){.family = 4};
        memcpy(out.bytes, a->bytes + 12, 4);
    }
    return out;
}

struct kl_client kl_client_by_source(const struct kl_fleet *f, const struct kl_addr *source,
    unsigned ifindex, kl_neighbour_fn *look, void *arg)
{
    struct kl_addr from = unmapped(source);
    /* The address first: it is a host's own, while a neighbour may be a router on the way. */
    struct kl_client out = kl_client_find(f, &(struct kl_clues){.address = from});
    if (out.host)
        return out;
    struct kl_clues c = {0};
    if (!(from.family == 6 && kl_eui64_mac(&from, &c.eui64)) && look && ifindex)
        look(arg, ifindex, &from, &c.neighbour);
    return kl_client_find(f, &c);
}
