/* An intent as a list of facts: what a person reads in a table, what a program reads as JSON, and
 * what two stages are compared by. One fact is one field of one link, as text. */
#ifndef KL_NET_FACTS_H
#define KL_NET_FACTS_H

#include "net/intent.h"

struct kl_fact {
    const char *link;  /* NULL: of the host itself */
    const char *field; /* "hostname", "dns", "search"; "kind", "mac", "mtu", "ports", "mode",
                          "option NAME", "parent", "vlan", "ipv4", "ipv6" (methods), "addresses4",
                          "addresses6", "gateway4", "gateway6", "routes" */
    const char *value; /* never empty: what is not said has no fact */
};

/* All facts of an intent, the host's first, then each link's, in the intent's order; in `a`. */
size_t kl_intent_facts(struct kl_arena *a, const struct kl_intent *i, struct kl_fact **out);

/* The value of a fact, or NULL. */
const char *kl_fact_value(
    const struct kl_fact *facts, size_t n, const char *link, const char *field);

#endif
