/* A fleet in use is counted. Taking it costs one lock that is held for two instructions: a reload
 * does all its work before it asks for that lock, so no packet ever waits for one. */
#include "serve/state.h"

#include "base/arena.h"
#include "serve/patched.h"

#include <stdlib.h>

struct kl_snapshot {
    atomic_ulong held;
    struct kl_fleet *fleet;
    struct kl_patched *patched;
};

struct kl_snapshot *kl_snapshot_new(struct kl_fleet *f, struct kl_patched *patched)
{
    struct kl_snapshot *s = kl_xmalloc(sizeof *s);
    atomic_init(&s->held, 1);
    s->fleet = f;
    s->patched = patched;
    return s;
}

void kl_snapshot_patch(struct kl_snapshot *s, struct kl_patched *take)
{
    kl_patched_free(s->patched);
    s->patched = take;
}

const struct kl_patched *kl_snapshot_patched(const struct kl_snapshot *s)
{
    return s->patched;
}

const struct kl_fleet *kl_snapshot_fleet(const struct kl_snapshot *s)
{
    return s->fleet;
}

struct kl_snapshot *kl_serve_take(struct kl_serve *s)
{
    pthread_mutex_lock(&s->lock);
    struct kl_snapshot *now = s->current;
    atomic_fetch_add_explicit(&now->held, 1, memory_order_relaxed);
    pthread_mutex_unlock(&s->lock);
    return now;
}

void kl_serve_give(struct kl_snapshot *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->held, 1, memory_order_acq_rel) != 1)
        return;
    kl_patched_free(s->patched);
    kl_fleet_free(s->fleet);
    free(s);
}

void kl_serve_put(struct kl_serve *s, struct kl_snapshot *next)
{
    pthread_mutex_lock(&s->lock);
    struct kl_snapshot *old = s->current;
    s->current = next;
    pthread_mutex_unlock(&s->lock);
    kl_serve_give(old);
}

struct event_base *kl_serve_events(struct kl_serve *s)
{
    return s->events;
}

bool kl_serve_armed(struct kl_serve *s, const char *host)
{
    int armed = host ? kl_armed_get(s->armed, host, NULL) : 0;
    bool broken = armed < 0;
    if (atomic_exchange(&s->armed_broken, broken) != broken && broken)
        kl_log(s, KL_LOG_ERROR, "serve", host, NULL,
            "why=\"the state file cannot be read: every host counts as not armed until it can\"");
    return armed == 1;
}
