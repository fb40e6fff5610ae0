/* Addresses, prefixes, MACs and URLs: values, parsed whole or not at all.
 *
 * Formatting writes the canonical form (RFC 5952 for IPv6, lower case with colons for MACs) into
 * a buffer of the caller's and returns it, so that it can stand inside a printf argument. */
#ifndef KL_BASE_INET_H
#define KL_BASE_INET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kl_addr {
    uint8_t family;    /* 4, 6, or 0 for "no address" */
    uint8_t bytes[16]; /* network order; IPv4 uses the first four */
};

struct kl_prefix {
    struct kl_addr addr; /* host bits kept: an interface's own address may stand here */
    uint8_t len;
};

struct kl_mac {
    uint8_t bytes[6];
    bool set;
};

#define KL_ADDR_TEXT 46   /* room for any address and its NUL */
#define KL_PREFIX_TEXT 50 /* ... with /len */
#define KL_MAC_TEXT 18

bool kl_addr_parse(const char *s, struct kl_addr *out);     /* no brackets, no zone, no length */
bool kl_prefix_parse(const char *s, struct kl_prefix *out); /* "addr/len" only */
bool kl_mac_parse(const char *s, struct kl_mac *out);       /* aa:bb:.. or aa-bb-.., any case */

const char *kl_addr_text(const struct kl_addr *a, char out[static KL_ADDR_TEXT]);
const char *kl_prefix_text(const struct kl_prefix *p, char out[static KL_PREFIX_TEXT]);
const char *kl_mac_text(const struct kl_mac *m, char out[static KL_MAC_TEXT]);

bool kl_addr_eq(const struct kl_addr *a, const struct kl_addr *b);
bool kl_prefix_eq(const struct kl_prefix *a, const struct kl_prefix *b); /* host bits count */
bool kl_mac_eq(const struct kl_mac *a, const struct kl_mac *b);
bool kl_prefix_has(const struct kl_prefix *p, const struct kl_addr *a); /* is `a` on this link? */
bool kl_addr_is_link_local(const struct kl_addr *a); /* fe80::/10, 169.254.0.0/16 */
bool kl_addr_is_unicast(const struct kl_addr *a);    /* neither ::, 0.0.0.0, multicast, loopback */

/* IPv4 netmask of a prefix length, dotted: 24 -> 255.255.255.0. */
const char *kl_netmask_text(uint8_t len, char out[static KL_ADDR_TEXT]);
/* The other way; false when the bits are not contiguous. */
bool kl_netmask_parse(const char *s, uint8_t *len);

/* The link-local address that SLAAC makes of a MAC: fe80::/64 + modified EUI-64 (RFC 4291 A). */
struct kl_addr kl_eui64_link_local(const struct kl_mac *m);
/* Back from any address whose interface identifier is a modified EUI-64; false if it is not. */
bool kl_eui64_mac(const struct kl_addr *a, struct kl_mac *out);

/* scheme://host[:port][/path]; IPv6 hosts in brackets (RFC 3986). NFS as anaconda spells it:
 * nfs:[options:]server:/path. */
struct kl_url {
    char scheme[8];
    char host[256];      /* no brackets */
    struct kl_addr addr; /* set when the host is a literal */
    uint16_t port;       /* 0: the scheme's own */
    const char *path;    /* points into the parsed text; "" when there is none */
};

/* False when it is none; then *why is a short reason in English ("an IPv6 address in a URL needs
 * brackets"). `path` stays valid as long as `s` does. */
bool kl_url_parse(const char *s, struct kl_url *out, const char **why);

#endif
