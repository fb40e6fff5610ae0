#include "net/reach.h"

struct kl_reach_answer kl_reach_addr(
    struct kl_arena *a, const struct kl_intent *i, const struct kl_addr *to)
{
    (void)a, (void)i, (void)to;
    return (struct kl_reach_answer){.reach = KL_REACH_MAYBE};
}

struct kl_reach_answer kl_reach_host(
    struct kl_arena *a, const struct kl_intent *i, const char *host)
{
    (void)a, (void)i, (void)host;
    return (struct kl_reach_answer){.reach = KL_REACH_MAYBE};
}

struct kl_reach_answer kl_reach_gateway(struct kl_arena *a, const struct kl_link *l, int family)
{
    (void)a, (void)l, (void)family;
    return (struct kl_reach_answer){.reach = KL_REACH_MAYBE};
}
