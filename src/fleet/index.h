/* How the fleet finds its hosts; private to src/fleet. Sorted arrays: built once, read by
 * bisection, never changed. */
#ifndef KL_FLEET_INDEX_H
#define KL_FLEET_INDEX_H

#include "fleet/fleet.h"

struct kl_key {
    uint8_t bytes[17]; /* of an address: family first */
    uint32_t host;     /* index into hosts */
};

struct kl_key_list {
    struct kl_key *keys;
    size_t n;
};

struct kl_fleet_index {
    struct kl_key_list macs, addrs, uuids;
    const char **names; /* of hosts, for kl_nearest; NULL at the end */
};

#endif
