/* The networks that several tests render: read from an inventory that stands with the golden
 * files. */
#ifndef KL_TESTS_NETWORKS_H
#define KL_TESTS_NETWORKS_H

#include "fleet/fleet.h"

static inline struct kl_fleet *networks(void)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fleet *f = kl_fleet_load(KL_SOURCE_ROOT "/tests/golden/network/kickline.yaml", d);
    kl_diags_print(d, stderr, false, 0);
    return f;
}

/* Differences that nobody expects, on stderr; how many. */
static inline size_t differences(const struct kl_intent *want, const struct kl_intent *got,
    const struct kl_compare *how, const char *what)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_difference *list;
    size_t n = kl_intent_compare(a, want, got, how, &list);
    for (size_t k = 0; k < n; k++)
        fprintf(stderr, "%s: %s %s: wanted '%s', got '%s'\n", what,
            list[k].link ? list[k].link : "host", list[k].field, list[k].a, list[k].b);
    return n;
}

/* One release for every set of rules that the kickstart and the system's files know. */
static const char *const rule_releases[] = {"centos-7.0", "ol-7.2", "centos-7.9", "rhel-8.2",
    "rhel-8.3", "rhel-8.10", "rhel-9.2", "rhel-9.6", "almalinux-10.0", "fedora-40", "fedora-42",
    NULL};

#endif
