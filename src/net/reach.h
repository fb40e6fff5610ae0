/* Can this address be reached with this intent? Proven from addresses, gateways and name servers,
 * with the reasons; what the intent does not say is not guessed. */
#ifndef KL_NET_REACH_H
#define KL_NET_REACH_H

#include "net/intent.h"

enum kl_reach {
    KL_REACHED,     /* on a link of it, or behind a gateway that is */
    KL_UNREACHED,   /* certainly not */
    KL_REACH_MAYBE, /* DHCP or router advertisements decide, or a name whose addresses nobody knows
                     */
};

struct kl_reach_answer {
    enum kl_reach reach;
    const char *why;  /* "192.0.2.10 is IPv4, and no link of this stage has an IPv4 address" */
    const char *mend; /* what to change; NULL when reached */
    const char *link, *field; /* the fact that decides (net/facts.h), for its place; or NULL */
};

struct kl_reach_answer kl_reach_addr(
    struct kl_arena *a, const struct kl_intent *i, const struct kl_addr *to);
/* A host as URLs and inst.syslog have it: a literal, or a name, which needs a name server that can
 * be reached itself. */
struct kl_reach_answer kl_reach_host(
    struct kl_arena *a, const struct kl_intent *i, const char *host);
/* An explicit gateway of a family of a link: is it on that link? KL_REACHED when there is none. */
struct kl_reach_answer kl_reach_gateway(struct kl_arena *a, const struct kl_link *l, int family);

#endif
