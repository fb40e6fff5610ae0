/* What the services of the boot server share: the fleet as it is now, who is armed, the log and the
 * counters. daemon.c owns it; dhcp6.c, tftp.c and http.c borrow it.
 *
 * A service has three functions: open (sockets only, as root), start (events, after privileges are
 * gone) and close. What it answers is a pure function of (request, snapshot, armed): see client.h,
 * content.h, dhcp6.h.
 */
#ifndef KL_SERVE_SERVE_H
#define KL_SERVE_SERVE_H

#include "fleet/fleet.h"
#include "journal/armed.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;

/* A fleet in use. A reload swaps it; whoever began with the old one holds it until done. Taking and
 * giving back are thread-safe. */
struct kl_snapshot;
struct kl_patched;
struct kl_serve;

const struct kl_fleet *kl_snapshot_fleet(const struct kl_snapshot *s);
const struct kl_patched *kl_snapshot_patched(const struct kl_snapshot *s); /* patched.h; or NULL */
struct kl_snapshot *kl_serve_take(struct kl_serve *s); /* the current one, held */
void kl_serve_give(struct kl_snapshot *s);             /* lets go of it */

struct event_base *kl_serve_events(struct kl_serve *s);
/* Armed now? False when unknown, or when the state file cannot be read (which is logged). Any
 * thread. */
bool kl_serve_armed(struct kl_serve *s, const char *host);

/* One line to the log: time, level, then key=value words; values with blanks are quoted. Any
 * thread. `host` NULL: unknown. `stage`: "firmware", "loader", "initrd", "installer", or NULL.
 * `what` is the service and event ("dhcp6", "tftp", "http", "serve"), fmt the rest: what was
 * answered and why. */
enum kl_level { KL_LOG_ERROR, KL_LOG_WARNING, KL_LOG_INFO, KL_LOG_DEBUG };
void kl_log(struct kl_serve *s, enum kl_level level, const char *what, const char *host,
    const char *stage, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Counts one dropped or refused request under a short stable reason ("dhcp6-truncated"). Any
 * thread. SIGUSR1 and a clean stop print all counters. */
void kl_count(struct kl_serve *s, const char *reason);

#endif
