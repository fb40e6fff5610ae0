/* A host's network, in no stage's language.
 *
 * Every renderer starts from an intent and every parser ends in one; two stages are in lockstep
 * when their intents are equal. An intent lives in one arena and is not changed once built.
 */
#ifndef KL_NET_INTENT_H
#define KL_NET_INTENT_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/inet.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kl_link_kind { KL_ETHERNET, KL_BOND, KL_VLAN, KL_BRIDGE };

/* How one family of a link gets its addresses. Static addresses may stand beside KL_DHCP and
 * KL_AUTO. */
enum kl_method {
    KL_OFF,    /* the family is not used on this link */
    KL_STATIC, /* the addresses below and nothing else */
    KL_DHCP,   /* DHCPv4, or stateful DHCPv6 (whose routes come from router advertisements) */
    KL_AUTO,   /* IPv6 only: SLAAC */
};

enum kl_gateway {
    KL_GATEWAY_NONE,
    KL_GATEWAY_EXPLICIT,
    KL_GATEWAY_LEARNT, /* by DHCPv4, or by router advertisement */
};

struct kl_ip {
    enum kl_method method;
    struct kl_prefix *addresses; /* in the order given: the first is the primary one */
    size_t naddresses;
    enum kl_gateway gateway;
    struct kl_addr nexthop; /* family 0 unless gateway is KL_GATEWAY_EXPLICIT */
};

struct kl_route {
    struct kl_prefix to;
    struct kl_addr via; /* family 0: on link */
    uint32_t metric;    /* 0: unset */
};

/* A bond's or bridge's option, spelt as the kernel's bonding documentation (bonding.rst) or the
 * kickstart's --bridgeopts (stp, priority, forward-delay, hello-time, max-age, ageing-time).
 * Values are the kernel's names, not numbers: lacp_rate=fast, not 1. A list value is joined by
 * commas: arp_ip_target=192.0.2.1,192.0.2.2. */
struct kl_option {
    const char *name, *value;
};

struct kl_link {
    const char *name;
    enum kl_link_kind kind;
    struct kl_mac mac; /* set: of this NIC; or wanted for a bond, VLAN or bridge */
    uint32_t mtu;      /* 0: unset */
    struct kl_ip ip4, ip6;
    struct kl_route *routes;
    size_t nroutes;

    const char **ports; /* bond and bridge, in name order (boot-stages.md, quirk 27) */
    size_t nports;
    uint8_t mode;              /* bond: 0..6, the kernel's numbers */
    struct kl_option *options; /* bond (without mode) and bridge, sorted by name */
    size_t noptions;
    const char *parent; /* VLAN */
    uint16_t vlan;      /* VLAN: 1..4094 */

    struct kl_place at; /* where it was described, for messages; file NULL: nowhere */
};

/* Where a text says a fact: `link` and `field` as in net/facts.h. */
struct kl_said {
    const char *link; /* NULL: of the host itself */
    const char *field;
    struct kl_place at;
};

struct kl_intent {
    const char *hostname;  /* NULL: not said */
    struct kl_link *links; /* sorted: NICs by name, then bonds, bridges, VLANs, each by name */
    size_t nlinks;
    struct kl_addr *dns; /* in order of preference */
    size_t ndns;
    const char **search;
    size_t nsearch;
    const char *install; /* the link that carries the install; NULL: not said */
    uint8_t
        install_family; /* 4 or 6: the install uses this family alone; 0: all that the link has */
    struct kl_place at;
    struct kl_said *said; /* by parsers: where each fact was read; not part of what is said */
    size_t nsaid;
};

/* Notes where a fact was said; of several places for one fact the last counts. */
void kl_intent_say(struct kl_arena *a, struct kl_intent *i, const char *link, const char *field,
    struct kl_place at);
/* Where it was said; else the link's place, else the intent's (file NULL: nowhere). */
struct kl_place kl_intent_said(const struct kl_intent *i, const char *link, const char *field);

const struct kl_link *kl_link_find(const struct kl_intent *i, const char *name); /* or NULL */
bool kl_link_has_ip(const struct kl_link *l);             /* either family in use */
bool kl_link_speaks(const struct kl_link *l, int family); /* is it in use here? 4 or 6 */
/* Takes the addresses, the gateway and the routes of any other family away; 0 takes nothing. The
 * routes that stay are a list of their own, in `a`: the link may be a copy of another's. */
void kl_link_keep_family(struct kl_arena *a, struct kl_link *l, uint8_t family);
/* The bond or bridge whose port `name` is, or NULL. */
const struct kl_link *kl_link_controller(const struct kl_intent *i, const char *name);
/* Which links are the install link or what it stands on (ports, parents, and theirs): marks[k]
 * answers for links[k]; there is room for nlinks. */
void kl_install_stack(const struct kl_intent *i, bool *marks);
bool kl_link_carries_install(const struct kl_intent *i, const char *name); /* the same, for one */
/* Puts links, ports and options into the order that the comments above promise. Builders call it
 * once at the end; the order in which things were described then no longer shows anywhere. */
void kl_intent_sort(struct kl_intent *i);

/* Bond modes: the kernel's names, by number. */
extern const char *const kl_bond_modes[]; /* "balance-rr" ... "balance-alb", NULL */
/* By name or number ("6", "balance-alb"); -1 when there is none. */
int kl_bond_mode(const char *s);

/* The bonding driver's options (Linux Documentation/networking/bonding.rst), without mode. */
enum kl_value_kind { KL_V_NUMBER, KL_V_CHOICE, KL_V_ADDRS4, KL_V_ADDRS6, KL_V_PORT, KL_V_MAC };
struct kl_bond_option {
    const char *name;
    enum kl_value_kind kind;
    unsigned long min, max;     /* of KL_V_NUMBER */
    const char *const *choices; /* of KL_V_CHOICE: names in the order of their numbers, from 0 */
    uint8_t modes;              /* a bit for each mode (1 << mode) that takes it */
};
extern const struct kl_bond_option kl_bond_options[];          /* ends with name NULL */
const struct kl_bond_option *kl_bond_option(const char *name); /* or NULL */
/* The canonical spelling of a value ("1" -> "fast" for lacp_rate; lists sorted not), in `a`.
 * NULL when it is not one; then *expected says what is. */
const char *kl_bond_value(
    struct kl_arena *a, const struct kl_bond_option *o, const char *value, const char **expected);

/* One difference between two intents: a field of a link (or of the host: link NULL) and what each
 * says, as text for people. Fields are those of net/facts.h, and "install". */
struct kl_difference {
    const char *link, *field;
    const char *a, *b; /* "" where one says nothing */
};
/* Which views are held against each other: what a stage cannot say is not a difference.
 * (A kernel command line has no search list in most engines; ports of a bond have no MAC in
 * an ifcfg file; and so on.) */
struct kl_compare {
    bool skip_search, skip_routes, skip_mac, skip_mtu, skip_hostname, skip_dns;
    /* Only the install link and what it stands on; and of both intents only x's install_family,
     * where it has one. */
    bool install_only;
};
/* All differences, in arena `a`; returns how many. */
size_t kl_intent_compare(struct kl_arena *a, const struct kl_intent *x, const struct kl_intent *y,
    const struct kl_compare *how, struct kl_difference **out);

#endif
