/* Who is asking.
 *
 * One machine shows itself in several ways during one boot: by the hardware address that a relay
 * saw, by a DUID that changes between firmware and loader (docs/boot-protocols.md §1.3), by its
 * link-local address, by the server's own neighbour table. A service gathers what a request says
 * into a kl_clues; kl_client_find() weighs the clues in a fixed order and says which host it is and
 * how that was found out. Nothing here knows a protocol, a socket or a state.
 */
#ifndef KL_SERVE_CLIENT_H
#define KL_SERVE_CLIENT_H

#include "fleet/fleet.h"

#include <stdbool.h>
#include <stdint.h>

/* In the order in which they count: the first that names a host decides. */
enum kl_clue {
    KL_CLUE_NONE,
    KL_CLUE_RELAY,     /* client link-layer address option, by the first relay (RFC 6939) */
    KL_CLUE_DUID,      /* link-layer address in a DUID-LLT or DUID-LL (RFC 8415 §11.2, §11.4) */
    KL_CLUE_EUI64,     /* interface identifier of the source address (RFC 4291 appendix A) */
    KL_CLUE_NEIGHBOUR, /* the kernel's neighbour table */
    KL_CLUE_UUID,      /* SMBIOS UUID, in either byte order */
    KL_CLUE_ADDRESS,   /* the source is an address of a host (HTTP, TFTP) */
};

struct kl_clues {
    struct kl_mac relay, duid, eui64, neighbour; /* not set: no such clue */
    uint8_t uuid[16];                            /* as it stood in the request */
    bool has_uuid;
    struct kl_addr address; /* family 0: no such clue */
};

struct kl_client {
    const struct kl_host *host; /* NULL: unknown */
    enum kl_clue by;
    struct kl_mac mac;           /* of the NIC that asks, when any clue said it */
    const struct kl_host *other; /* a later clue names this host instead; NULL: none does */
    enum kl_clue other_by;
};

struct kl_client kl_client_find(const struct kl_fleet *f, const struct kl_clues *c);

/* For the log: "relay", "duid", "eui64", "neighbour", "uuid", "address", "none". */
const char *kl_clue_name(enum kl_clue c);

/* Looks a neighbour up; false when it is not known. */
typedef bool kl_neighbour_fn(
    void *arg, unsigned ifindex, const struct kl_addr *addr, struct kl_mac *out);

/* For services that know only where a request came from (HTTP, TFTP): the host whose address
 * `source` is, else the one whose NIC has that EUI-64, else by the neighbour table, if the
 * interface is known (ifindex not 0) and there is one to ask (`look` may be NULL). An IPv4 address
 * mapped into IPv6 counts as IPv4. */
struct kl_client kl_client_by_source(const struct kl_fleet *f, const struct kl_addr *source,
    unsigned ifindex, kl_neighbour_fn *look, void *arg);

#endif
