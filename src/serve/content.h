/* What a request for a path gets: the one table that HTTP and TFTP share.
 *
 *   /host/NAME/boot.ipxe, grub.cfg, pxelinux.cfg   the loader's script; the local disk if not armed
 *   /host/NAME/ks.cfg, rescue.cfg                  the kickstart; nothing if not armed
 *   /host/NAME/report?KEY=VALUE&...                a machine reports itself; goes to the log
 *   /trees/..., /boot/...                          files below server.trees, server.boot
 *   /patched/PROFILE/TREE/...                      a tree's files, as the profile patches them
 *   boot.ipxe, grub.cfg, grub.cfg-01-MAC, pxelinux.cfg/01-MAC, pxelinux.cfg/default
 *                                                  at any depth: the script of who asks
 *   NAME                                           else a file below server.boot
 *
 * The answer is a pure function of (request, fleet, who is armed, files on disk). There are no
 * directory listings, and nothing that leaves a root by a link is ever opened.
 */
#ifndef KL_SERVE_CONTENT_H
#define KL_SERVE_CONTENT_H

#include "fleet/fleet.h"
#include "image/rope.h"

#include <stdbool.h>
#include <stddef.h>

struct kl_patched; /* patched.h */

struct kl_ask {
    const struct kl_fleet *fleet;
    const struct kl_patched *patched; /* of this fleet; NULL: none */
    bool (*armed)(void *arg, const char *host);
    void *armed_arg;
    const char *path; /* as it was asked for, not decoded; no query */
    size_t path_len;
    const char *query; /* after the '?'; NULL: none. Not for TFTP */
    struct kl_addr from;
    const struct kl_host *host; /* who the asking address belongs to; NULL: unknown */
};

enum kl_found {
    KL_FOUND,
    KL_NOT_FOUND, /* HTTP 404, TFTP error 1 */
    KL_REFUSED,   /* a path that is none: HTTP 400, TFTP error 2 */
    KL_CANNOT,    /* it should be there, and is not: HTTP 500, TFTP error 0 */
};

struct kl_answer {
    enum kl_found found;
    struct kl_rope *rope;       /* when found: held, kl_answer_end() drops it */
    const char *type;           /* Content-Type; NULL: no opinion */
    const struct kl_host *host; /* by path, else by address; NULL: unknown. The fleet's */
    const char *stage;          /* "loader", "initrd", "installer", or NULL */
    bool generated;             /* not a file: made for this request */
    bool quiet;                 /* a probe that loaders make by habit: not worth a line */
    char path[1024];            /* the canonical path; "" when refused */
    char why[240];              /* one phrase: what it is, or why there is nothing */
    char *report;               /* what a machine said of itself, ready for the log; or NULL */
    const char *report_stage;
};

void kl_content_find(const struct kl_ask *ask, struct kl_answer *out);
void kl_answer_end(struct kl_answer *a);

#endif
