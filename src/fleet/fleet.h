/* kickline.yaml: the fleet.
 *
 * A fleet is loaded whole or not at all, lives in one arena and is never changed: a reload builds
 * a new one beside it. Settings (profiles, groups, defaults) are resolved when it loads, so a host
 * holds what applies to it; equal settings are shared between hosts.
 */
#ifndef KL_FLEET_FLEET_H
#define KL_FLEET_FLEET_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/inet.h"
#include "net/intent.h"
#include "tree/release.h"

/* What is changed in the images of a profile's tree: directories, tar or cpio archives. */
struct kl_patching {
    const char *profile; /* that says it: also for those that inherit it */
    const char **initrd, **stage2;
    size_t ninitrd, nstage2;
    struct kl_place at, initrd_at, stage2_at;
};

/* What a profile, a group, `defaults` and a host can all say. NULL and 0: not said. */
struct kl_settings {
    const char *tree;                 /* a name below server.trees, or an absolute directory */
    const struct kl_release *release; /* said, or of the tree */
    const char *kickstart;            /* path, made absolute from the file that named it */
    const char *rescue_kickstart;
    const char *repo;   /* http, https, ftp URL or nfs:server:/path; NULL: the tree, by HTTP */
    const char *stage2; /* URL; NULL: within the repo */
    const char *kernel,
        *initrd;        /* paths within the tree; NULL: its .treeinfo's, or images/pxeboot */
    const char *syslog; /* host[:port] of an installer's log receiver */
    const char **console, **kernel_args;
    size_t nconsole, nkernel_args;
    bool sshd;
    struct kl_addr *dns;
    size_t ndns;
    const char **search;
    size_t nsearch;
    const struct kl_patching *patch; /* a profile's alone */
};

struct kl_nic {
    const char *name;
    struct kl_mac mac;
    struct kl_place at;
};

struct kl_host {
    const char *name;
    const char *profile; /* NULL: none */
    const struct kl_settings *set;
    const struct kl_intent *intent;
    const struct kl_nic *nics; /* sorted by name */
    size_t nnics;
    uint8_t uuid[16]; /* SMBIOS UUID, in the order in which it is printed */
    bool has_uuid;
    struct kl_place at;
};

struct kl_server {
    struct kl_addr *addresses; /* where hosts reach this server; one per family at most is used */
    size_t naddresses;
    const char **interfaces; /* DHCPv6 and TFTP answer on these only; none: on all */
    size_t ninterfaces;
    uint16_t http_port, tftp_port; /* 80, 69 */
    const char *trees;             /* directory of trees, served as /trees/; NULL: none */
    const char *boot;  /* directory of boot programs (ipxe.efi ...), served as /boot/; NULL: none */
    const char *state; /* SQLite file; default /var/lib/kickline/state.db */
    const char *user;  /* to run as, once sockets are open; default "kickline", else "nobody" */
};

struct kl_fleet {
    struct kl_arena *arena;
    struct kl_server server;
    const struct kl_host *hosts; /* sorted by name */
    size_t nhosts;
    const char *file;             /* the inventory's path, as shown */
    struct kl_fleet_index *index; /* private to index.c */
};

/* Loads `path` and all that it includes. NULL when there is any error: then `d` says them all.
 * Warnings and notes may be in `d` even on success. */
struct kl_fleet *kl_fleet_load(const char *path, struct kl_diags *d);
void kl_fleet_free(struct kl_fleet *f); /* NULL is fine */
static inline void kl_fleet_drop(struct kl_fleet **f)
{
    kl_fleet_free(*f);
}
#define KL_FLEET_SCOPE __attribute__((cleanup(kl_fleet_drop)))

const struct kl_host *kl_fleet_host(const struct kl_fleet *f, const char *name); /* or NULL */
const struct kl_host *kl_fleet_by_mac(const struct kl_fleet *f, const struct kl_mac *m);
const struct kl_host *kl_fleet_by_addr(const struct kl_fleet *f, const struct kl_addr *addr);
const struct kl_host *kl_fleet_by_uuid(const struct kl_fleet *f, const uint8_t uuid[16]);
/* The name of its tree below server.trees; NULL when it is not one of those. Part of `s`. */
const char *kl_tree_name(const struct kl_fleet *f, const struct kl_settings *s);
/* The name nearest to a misspelt one, or NULL. */
const char *kl_fleet_nearest(const struct kl_fleet *f, const char *name);

#endif
