/* A plan: one host -> everything that its boot needs, each stage in its own language. */
#ifndef KL_FLEET_PLAN_H
#define KL_FLEET_PLAN_H

#include "fleet/fleet.h"
#include "stage/stage.h"

struct kl_plan {
    const struct kl_host *host;
    const struct kl_release *release;
    struct kl_install install;
    const char *cmdline, *ipxe, *grub, *pxelinux; /* NULL where it could not be made */
    const char *kickstart, *rescue_kickstart;     /* the latter NULL when none was asked for */
    struct kl_file *files;                        /* of the installed system */
    size_t nfiles;
};

/* Which family the host reaches the server by: that of its install link (IPv6 first when both).
 * Base URL without a slash at the end: "http://[2001:db8:20::20]" or "http://192.0.2.1:8080". */
const char *kl_plan_base_url(struct kl_arena *a, const struct kl_fleet *f, const struct kl_host *h);

/* Where a tree has its initrd when nothing else is said. */
#define KL_TREE_INITRD "images/pxeboot/initrd.img"

/* Paths below the base URL, also used for TFTP and by the server's content table. */
#define KL_PATH_HOST "/host/"   /* /host/NAME/{boot.ipxe,grub.cfg,pxelinux.cfg,ks.cfg,...} */
#define KL_PATH_TREES "/trees/" /* files of server.trees */
/* Files of a tree as a profile patches them: /patched/PROFILE/TREE/... */
#define KL_PATH_PATCHED "/patched/"
#define KL_PATH_BOOT "/boot/" /* files of server.boot */

/* The parts of a plan. A loader's part brings the kernel line with it. */
enum {
    KL_PLAN_CMDLINE = 1,
    KL_PLAN_IPXE = 2,
    KL_PLAN_GRUB = 4,
    KL_PLAN_PXELINUX = 8,
    KL_PLAN_KICKSTART = 16, /* the rescue kickstart too, where there is one */
    KL_PLAN_SYSTEM = 32,
    KL_PLAN_ALL = 63,
};

/* Renders those `parts` for `h`, and nothing else. `armed` chooses the loader's default entry.
 * Errors (what a release cannot express, a line too long) go to `d` and leave the part NULL;
 * returns true when there was none. What only GRUB or PXELINUX cannot carry is a warning. All is in
 * arena `a`. */
bool kl_plan_make(struct kl_arena *a, const struct kl_fleet *f, const struct kl_host *h, bool armed,
    unsigned parts, struct kl_plan *out, struct kl_diags *d);

/* The iPXE script (GRUB configuration) that boots the local disk: for hosts that are unknown or
 * not armed. `who` is for the comment. */
void kl_plan_local_ipxe(struct kl_buf *out, const char *who);
void kl_plan_local_grub(struct kl_buf *out, const char *who);

#endif
