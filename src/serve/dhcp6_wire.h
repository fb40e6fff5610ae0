/* DHCPv6 on the wire (RFC 8415 §8, §9, §21): reading with a cursor that cannot leave its bytes,
 * writing into a buffer that cannot overflow. What is said in a message is dhcp6.c's matter. */
#ifndef KL_SERVE_DHCP6_WIRE_H
#define KL_SERVE_DHCP6_WIRE_H

#include "base/inet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Message types: RFC 8415 §7.3. */
enum {
    KL_D6_SOLICIT = 1,
    KL_D6_ADVERTISE = 2,
    KL_D6_REQUEST = 3,
    KL_D6_CONFIRM = 4,
    KL_D6_RENEW = 5,
    KL_D6_REBIND = 6,
    KL_D6_REPLY = 7,
    KL_D6_RELEASE = 8,
    KL_D6_DECLINE = 9,
    KL_D6_RECONFIGURE = 10,
    KL_D6_INFORMATION = 11,
    KL_D6_RELAY_FORWARD = 12,
    KL_D6_RELAY_REPLY = 13,
};

/* Options: RFC 8415 §21, except where said. */
enum {
    KL_D6_CLIENT_ID = 1,
    KL_D6_SERVER_ID = 2,
    KL_D6_IA_NA = 3,
    KL_D6_IA_TA = 4,
    KL_D6_IAADDR = 5,
    KL_D6_ORO = 6,
    KL_D6_PREFERENCE = 7,
    KL_D6_RELAY_MESSAGE = 9,
    KL_D6_STATUS = 13,
    KL_D6_RAPID_COMMIT = 14,
    KL_D6_USER_CLASS = 15,
    KL_D6_VENDOR_CLASS = 16,
    KL_D6_INTERFACE_ID = 18,
    KL_D6_DNS = 23,    /* RFC 3646 §3 */
    KL_D6_SEARCH = 24, /* RFC 3646 §4 */
    KL_D6_IA_PD = 25,
    KL_D6_BOOT_URL = 59,           /* RFC 5970 §3.1 */
    KL_D6_ARCH = 61,               /* RFC 5970 §3.3 */
    KL_D6_CLIENT_LINK_LAYER = 79,  /* RFC 6939 §4 */
    KL_D6_RELAY_SOURCE_PORT = 135, /* RFC 8357 §4.2 */
};

/* Status codes: RFC 8415 §21.13. */
enum {
    KL_D6_SUCCESS = 0,
    KL_D6_NO_ADDRS = 2,
    KL_D6_NO_BINDING = 3,
    KL_D6_NOT_ON_LINK = 4,
    KL_D6_USE_MULTICAST = 5,
    KL_D6_NO_PREFIX = 6,
};

enum { KL_D6_RELAYS = 8 }; /* nested this deep at most: HOP_COUNT_LIMIT, RFC 8415 §7.6 */

/* Bytes of a packet that somebody else owns. p NULL: the option was not there. */
struct kl_span {
    const uint8_t *p;
    size_t n;
};

/* Each takes from the front; false, and nothing is taken, when there is not that much left. */
bool kl_take8(struct kl_span *s, uint8_t *out);
bool kl_take16(struct kl_span *s, uint16_t *out);
bool kl_take(struct kl_span *s, size_t n, struct kl_span *out);
bool kl_take_addr(struct kl_span *s, struct kl_addr *out); /* IPv6 */

struct kl_d6_option {
    uint16_t code;
    struct kl_span body;
};
/* 1: *out is the next option; 0: no more; -1: it runs past the end. */
int kl_d6_next(struct kl_span *options, struct kl_d6_option *out);

/* An IA_NA, IA_TA or IA_PD taken apart. */
struct kl_d6_ia {
    uint16_t code;
    uint8_t iaid[4];
    struct kl_span options;
};
bool kl_d6_ia(const struct kl_d6_option *o, struct kl_d6_ia *out); /* false: no IA */
/* The next address in an IA's options; false: no more. */
bool kl_d6_ia_address(struct kl_span *options, struct kl_addr *out);

struct kl_d6_relay {
    uint8_t hops;
    struct kl_addr link, peer;
    struct kl_span interface_id;
    struct kl_mac client; /* option 79, when it holds an Ethernet address */
    bool source_port;     /* it listens on the port that it sent from */
};

/* A client's message, with the relays that it came through. Spans point into the packet, whose
 * options have all been walked once: no later walk meets a malformed one. */
struct kl_d6_message {
    struct kl_d6_relay relays[KL_D6_RELAYS]; /* as nested: the server's neighbour first */
    unsigned nrelays;
    uint8_t type, xid[3];
    struct kl_span options, client_id, server_id, oro, user_class, vendor_class, arch;
    bool rapid_commit;
    unsigned nia, naddresses; /* IA_* options; addresses in them */
};

/* NULL when the packet is well formed, else the word under which it is counted. */
const char *kl_d6_read(const uint8_t *bytes, size_t len, struct kl_d6_message *out);

bool kl_d6_asks_for(const struct kl_d6_message *m, uint16_t option); /* is it in the ORO? */

/* Does one of the classes begin with that word? A class is a 16-bit length and that many bytes
 * (RFC 8415 §21.15, §21.16); clients that leave the length out, as iPXE does in DHCPv4 and as
 * dhclient does with what it is told to send, are understood too. */
bool kl_d6_class_begins(struct kl_span list, const char *with);

/* The link-layer address in a DUID-LLT or DUID-LL of Ethernet; the UUID in a DUID-UUID. */
bool kl_d6_duid_mac(struct kl_span duid, struct kl_mac *out);
bool kl_d6_duid_uuid(struct kl_span duid, uint8_t out[static 16]);

/* A message being written. `full` is set, and nothing more is written, once it does not fit. */
struct kl_d6_out {
    uint8_t *p;
    size_t room, len;
    bool full;
};

void kl_put8(struct kl_d6_out *o, uint8_t v);
void kl_put16(struct kl_d6_out *o, uint16_t v);
void kl_put32(struct kl_d6_out *o, uint32_t v);
void kl_put(struct kl_d6_out *o, const void *bytes, size_t n);
void kl_put_addr(struct kl_d6_out *o, const struct kl_addr *a);
/* An option: begin, put its body, end with what begin returned. They nest. */
size_t kl_put_begin(struct kl_d6_out *o, uint16_t code);
void kl_put_end(struct kl_d6_out *o, size_t begun);
void kl_put_end_list(struct kl_d6_out *o, size_t begun); /* takes it back when it is empty */
void kl_put_option(struct kl_d6_out *o, uint16_t code, struct kl_span body);
void kl_put_status(struct kl_d6_out *o, uint16_t status, const char *text);
/* A domain name as labels (RFC 8415 §10); nothing and false when it is none. */
bool kl_put_domain(struct kl_d6_out *o, const char *name);

#endif
