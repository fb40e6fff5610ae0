/* The boot server as a whole: what `kickline serve` runs. */
#ifndef KL_SERVE_DAEMON_H
#define KL_SERVE_DAEMON_H

#include "fleet/fleet.h"

#include <stdbool.h>

struct kl_daemon_options {
    const char *inventory; /* read again at each SIGHUP; must stay valid */
    bool no_dhcp6, no_tftp, no_http;
    bool debug; /* log probes and other small things, too */
};

/* Serves `f` (taken over) until SIGTERM or SIGINT. Returns true when it ran and was stopped; false
 * when it could not start, which then stands in the log. */
bool kl_daemon_run(struct kl_fleet *f, const struct kl_daemon_options *o);

#endif
