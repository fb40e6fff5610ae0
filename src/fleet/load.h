/* What the parts of the loader share; private to src/fleet.
 *
 * Loading goes in three passes. The first reads files: it turns profiles and groups into blocks
 * and each host into a draft whose network is complete, and lets the YAML go. The second resolves
 * settings, now that every profile is known wherever it stood. The third compares hosts with each
 * other and builds the index. Every pass goes on after a mistake.
 */
#ifndef KL_FLEET_LOAD_H
#define KL_FLEET_LOAD_H

#include "fleet/fleet.h"
#include "base/names.h"
#include "fleet/yaml.h"

enum kl_setting {
    KL_S_TREE,
    KL_S_RELEASE,
    KL_S_KICKSTART,
    KL_S_RESCUE_KICKSTART,
    KL_S_REPO,
    KL_S_STAGE2,
    KL_S_KERNEL,
    KL_S_INITRD,
    KL_S_CONSOLE,
    KL_S_KERNEL_ARGS,
    KL_S_SSHD,
    KL_S_SYSLOG,
    KL_S_DNS,
    KL_S_SEARCH,
    KL_S_PATCH, /* the last: only a profile has it */
    KL_SETTINGS
};

struct kl_name_ref {
    const char *name;
    struct kl_place at;
};

/* `defaults`, a profile, a group, or what one host says itself. */
struct kl_block {
    struct kl_settings set;
    uint32_t said;                   /* a bit for each kl_setting */
    struct kl_place at[KL_SETTINGS]; /* where */
    const struct kl_place *dns_at;   /* of each nameserver */
    struct kl_name_ref self, parent; /* a profile's */
    const struct kl_block *inherits; /* resolved; NULL where there is none */
    bool sound;                      /* its chain of parents ends */
};

/* A host between the passes. */
struct kl_draft {
    struct kl_host host;
    struct kl_name_ref profile;
    struct kl_name_ref *groups;
    size_t ngroups;
    struct kl_block *own; /* NULL: says nothing of its own */
    struct kl_intent *intent;
    bool unclear; /* a mistake hides which addresses it has */
};

/* What a host says it is known by, until all hosts are. */
struct kl_claim {
    uint8_t bytes[17]; /* an address has its family first */
    uint32_t draft;
    struct kl_place at;
};

struct kl_claims {
    struct kl_claim *list; /* malloc */
    size_t n, room;
};

struct kl_load {
    struct kl_fleet *f;
    struct kl_arena *a;   /* the fleet's */
    struct kl_arena *tmp; /* ends with the loading */
    struct kl_diags *d;
    const char *dir; /* of the file being read, with a slash at the end; "" for none */
    struct kl_names strings, files, profiles, groups, hosts, settings, trees, releases;
    struct kl_block *defaults;
    struct kl_place server_at, server_address_at;
    struct kl_draft *drafts; /* malloc */
    size_t ndrafts, room;
    uint32_t *order; /* of the drafts, by name: what is said does not depend on the files' order */
    struct kl_claims macs, addrs, uuids;
    bool broken; /* a file could not be read whole: what is missing may be in its rest */
};

/* --- values.c: one value each. Each reports what is wrong and then returns NULL or false ------ */

#define KL_SAY(L, code, node, hint, ...)                                                           \
    kl_diag((L)->d, KL_ERROR, (code), (node)->at, (hint), __VA_ARGS__)

/* The one copy of `s` that the fleet keeps: names recur in every host. */
const char *kl_load_string(struct kl_load *l, const char *s);
/* "did you mean 'x'?", or else the list of what there is, or NULL when the list is empty. */
const char *kl_load_near(struct kl_load *l, const char *word, const char *const *list);
/* Which of `keys` the entry is; -1 when it is none, and that is said. `what` has them: "a bond". */
int kl_read_key(
    struct kl_load *l, const struct kl_node *entry, const char *const *keys, const char *what);
/* A text; `what` is expected: "a directory". */
const char *kl_read_text(struct kl_load *l, const struct kl_node *n, const char *what);
/* A text as it is written, whatever type YAML gives it: for numbers and choices. */
const char *kl_read_word(struct kl_load *l, const struct kl_node *n, const char *what);
bool kl_read_bool(struct kl_load *l, const struct kl_node *n, bool *out);
bool kl_read_number(struct kl_load *l, const struct kl_node *n, const char *what, unsigned long min,
    unsigned long max, unsigned long *out);
bool kl_read_addr(
    struct kl_load *l, const struct kl_node *n, const char *what, struct kl_addr *out);
bool kl_read_mac(struct kl_load *l, const struct kl_node *n, struct kl_mac *out);
bool kl_read_mapping(struct kl_load *l, const struct kl_node *n, const char *what);
enum { KL_MOST_ITEMS = 256 };
/* A list may be written as one scalar: the first of `n`'s items, or `n` itself. NULL with an error
 * when it is a mapping, has no value or more than KL_MOST_ITEMS (lists are compared item by item:
 * the time for one host stays bounded). Walk on with kl_item_next. */
const struct kl_node *kl_read_items(struct kl_load *l, const struct kl_node *n, const char *what);
const struct kl_node *kl_item_next(const struct kl_node *list, const struct kl_node *item);
/* An interface's name as the kernel takes it, and as every stage can write it. */
const char *kl_read_ifname(struct kl_load *l, const struct kl_node *n);
bool kl_is_hostname(const char *s); /* RFC 1123, 2.1: labels of letters, digits and hyphens */
/* Could every stage carry this text? Says why not, and returns false. */
bool kl_load_carries(struct kl_load *l, const struct kl_node *n, const char *what);

/* --- settings.c ------------------------------------------------------------------------------- */

extern const char *const kl_setting_keys[]; /* by kl_setting, NULL */
/* Reads one setting into the block. */
void kl_read_setting(
    struct kl_load *l, struct kl_block *b, enum kl_setting which, const struct kl_node *value);
struct kl_block *kl_read_block(struct kl_load *l, const struct kl_node *n, const char *what);
void kl_read_profiles(struct kl_load *l, const struct kl_node *n);
void kl_read_groups(struct kl_load *l, const struct kl_node *n);
void kl_read_server(struct kl_load *l, const struct kl_node *n);
/* The second pass. */
void kl_resolve_profiles(struct kl_load *l);
void kl_resolve_settings(struct kl_load *l, struct kl_draft *draft);

/* --- host.c, network.c, bonding.c, check.c -----------------------------------------------------
 */

/* A link while its host is read: what becomes of it, and where each part of it stands. */
struct kl_wip_link {
    struct kl_link link;
    const struct kl_node *entry; /* NULL: only `nics` names it */
    const struct kl_node *ports, *parent, *id, *mtu, *gateway4, *gateway6, *install, *routes;
    bool dhcp4, dhcp6, slaac;
    uint8_t install_family; /* with install: 4, 6, or 0 for both */
    bool unclear; /* a mistake hides which addresses it has, or a bond's mode: ask no more of it */
    bool seen;    /* check.c: on the way of a loop */
};

struct kl_wip {
    struct kl_load *l;
    struct kl_draft *draft;
    struct kl_arena *scratch;
    struct kl_wip_link *links;
    size_t n;
};

struct kl_wip_link *kl_wip_find(struct kl_wip *w, const char *name); /* or NULL */
void kl_read_host(struct kl_load *l, const struct kl_node *entry, struct kl_arena *scratch);
/* False when there is nothing to check. */
bool kl_read_network(struct kl_wip *w, const struct kl_node *n);
void kl_read_bond(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n);
void kl_read_bridge(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n);
/* Everything that one host's links must be to each other; chooses the install link. */
void kl_check_network(struct kl_wip *w, const struct kl_node *host);

/* --- index.c -----------------------------------------------------------------------------------
 */

/* Notes it for the host that is being read. */
void kl_claim(
    struct kl_load *l, struct kl_claims *c, const void *bytes, size_t len, struct kl_place at);
void kl_claim_addr(struct kl_load *l, const struct kl_addr *a, struct kl_place at);
/* Makes l->order. */
void kl_order_hosts(struct kl_load *l);
/* The third pass: hosts against each other, and the fleet's index. */
void kl_build_index(struct kl_load *l);

#endif
