/* What struct kl_serve is: for daemon.c, log.c and snapshot.c alone. Services use serve.h. */
#ifndef KL_SERVE_STATE_H
#define KL_SERVE_STATE_H

#include "serve/log.h"
#include "serve/serve.h"

#include <pthread.h>
#include <stdatomic.h>

struct kl_serve {
    struct event_base *events;
    struct kl_armed *armed;
    struct kl_log_sink log;
    struct kl_counters counters;
    pthread_mutex_t lock; /* guards `current` only */
    struct kl_snapshot *current;
    atomic_bool armed_broken; /* the state file could not be read: said once, until it can */
};

/* Takes the fleet and what is patched for it (NULL: nothing) over; held once. */
struct kl_snapshot *kl_snapshot_new(struct kl_fleet *f, struct kl_patched *patched);
/* Gives it what is patched, while nobody else has it yet. */
void kl_snapshot_patch(struct kl_snapshot *s, struct kl_patched *take);
/* From now on this is the current one (NULL: none); takes its hold over, drops the old one's. */
void kl_serve_put(struct kl_serve *s, struct kl_snapshot *next);

#endif
