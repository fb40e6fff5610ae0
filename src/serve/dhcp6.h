/* DHCPv6 (RFC 8415) for a boot server: reservations, boot files, no leases.
 *
 * What is answered is a pure function of the packet, the fleet and who is armed. Every address
 * comes from the inventory, so there is nothing to remember between two packets and nothing to
 * lose in a crash; a host gets the same address for every IAID and by every DUID that it shows
 * (firmware and loader differ in both: docs/boot-protocols.md §1.3, §3.1).
 *
 * A machine that the inventory does not know gets no answer at all, so that a site's own DHCPv6
 * server on the same link stays in charge of it. Only a message that names this server by its
 * identifier is answered anyway, to send the client back to asking everybody.
 */
#ifndef KL_SERVE_DHCP6_H
#define KL_SERVE_DHCP6_H

#include "fleet/fleet.h"
#include "serve/client.h"
#include "serve/serve.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KL_DHCP6_CLIENT_PORT 546 /* RFC 8415 §7.2 */
#define KL_DHCP6_SERVER_PORT 547
#define KL_DHCP6_MAX 4096   /* bytes of a request; larger ones are dropped */
#define KL_DHCP6_ROOM 24576 /* bytes that hold the answer to any request of that size */
#define KL_DHCP6_DUID 130   /* bytes of a DUID at most, with its type (RFC 8415 §11.1) */

/* What a reply depends on, besides the packet. Borrowed for the call. */
struct kl_dhcp6_env {
    const struct kl_fleet *fleet;
    const uint8_t *duid; /* this server's identifier */
    size_t nduid;
    /* Where boot files are: the server's IPv6 address as hosts reach it; family 0: none, and then
     * nobody gets a boot file. The ports are the fleet's. */
    struct kl_addr address;
    bool (*armed)(void *arg, const char *host);
    void *armed_arg;
    kl_neighbour_fn *neighbour; /* NULL: no table to ask */
    void *neighbour_arg;
};

struct kl_dhcp6_request {
    const uint8_t *bytes;
    size_t len;
    struct kl_addr source;
    uint16_t port;
    unsigned ifindex; /* on which it came in */
    bool multicast;   /* was sent to ff02::1:2 or ff05::1:3, not to a unicast address */
};

/* What was made of a request: for the log, the counters and the socket. Texts are constant or
 * inside; `client.host` is borrowed from the fleet. */
struct kl_dhcp6_said {
    const char *dropped; /* NULL, or why there is no answer: a stable word ("dhcp6-truncated") */
    uint16_t port;       /* where the answer goes, at the address that the request came from */
    uint8_t asked, answered; /* message types; 0: none */
    struct kl_client client;
    unsigned relays;     /* how many it came through */
    const char *stage;   /* "firmware", "loader" or NULL: who asks, as far as it says so */
    uint16_t arch;       /* option 61; 0xffff: not sent */
    struct kl_addr gave; /* family 0: no address */
    char boot[300];      /* boot file URL; "": none */
    bool armed;          /* asked only when it matters */
    const char *why;     /* in English: why no address or boot file, or why it will not do; NULL */
    char warning[200];   /* what an operator should look at; "": nothing */
};

/* Answers one packet into `out` (KL_DHCP6_ROOM bytes always suffice). Returns the length of the
 * answer, 0 for none. `said` is always filled. */
size_t kl_dhcp6_answer(const struct kl_dhcp6_env *env, const struct kl_dhcp6_request *in,
    uint8_t *out, size_t room, struct kl_dhcp6_said *said);

const char *kl_dhcp6_type_name(uint8_t type); /* "solicit", ..., "unknown" */

/* The service: UDP port 547 on the inventory's interfaces, or on all. */
struct kl_dhcp6;

/* Sockets only, as root. NULL on failure: then *why (release with free()) says what failed and how
 * to mend it. `s` must outlive it. */
struct kl_dhcp6 *kl_dhcp6_open(struct kl_serve *s, char **why);
bool kl_dhcp6_start(struct kl_dhcp6 *d); /* events; false and errno when libevent has no memory */
void kl_dhcp6_close(struct kl_dhcp6 *d); /* NULL is fine */

#endif
