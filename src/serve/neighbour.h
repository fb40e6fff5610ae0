/* The kernel's neighbour table: which hardware address answers for an IP address on a link.
 *
 * Asked by rtnetlink, one entry at a time (RTM_GETNEIGH without NLM_F_DUMP, Linux 5.0 and later);
 * the kernel answers while the request is being sent, so this never waits. */
#ifndef KL_SERVE_NEIGHBOUR_H
#define KL_SERVE_NEIGHBOUR_H

#include "base/inet.h"

#include <stdbool.h>

struct kl_neighbours;

struct kl_neighbours *kl_neighbours_open(void); /* NULL and errno */
void kl_neighbours_close(struct kl_neighbours *n);

/* False when the table has no confirmed entry. An address that the kernel has not resolved yet gets
 * resolved: then the next try finds it. A kl_neighbour_fn whose arg is the kl_neighbours. Not
 * thread-safe. */
bool kl_neighbours_find(
    void *neighbours, unsigned ifindex, const struct kl_addr *addr, struct kl_mac *out);

#endif
