/* What ifcfg files and keyfiles share. Private to the room.
 *
 * A reader turns each file into a profile; system.c joins profiles into an intent (ports to their
 * bonds, VLANs to their parents), because a file may name another by its UUID. */
#ifndef KL_STAGE_SYSTEM_H
#define KL_STAGE_SYSTEM_H

#include "stage/stage.h"

/* --- rendering ---------------------------------------------------------------------------------*/

struct kl_writer {
    struct kl_arena *a;
    const struct kl_intent *i;
    const struct kl_release *r;
    struct kl_diags *d;
    struct kl_file *files;
    size_t n;
};

bool kl_ifcfg_render(struct kl_writer *w);
bool kl_keyfile_render(struct kl_writer *w);

/* Adds a file; `text` is copied. */
void kl_write_file(struct kl_writer *w, const char *path, const char *text, unsigned mode);
/* A UUID that is the same in each run: of the host's and the link's names. */
const char *kl_profile_uuid(struct kl_arena *a, const struct kl_intent *i, const char *link);

/* The link whose profile carries the servers (and the search list) of a family: the install link
 * if it uses that family, else the first that does; NULL when none does. Profiles belong to links,
 * servers to the host: they are written once. */
const struct kl_link *kl_dns_link(const struct kl_intent *i, int family);
/* The family whose settings carry the search list on `l`; 0 when it is another link's. */
int kl_search_family(const struct kl_intent *i, const struct kl_link *l);

/* What no stage after the initrd can say, whatever its language: names that are no interface names,
 * a static IPv4 gateway that is "learnt", an explicit one without an address. */
bool kl_intent_renderable(
    const struct kl_intent *i, const struct kl_release *r, struct kl_diags *d);
/* Idle: no address, no port, nobody's parent. */
bool kl_link_idle(const struct kl_intent *i, const struct kl_link *l);
/* A static address, and the default route by router advertisement. */
bool kl_static_with_ra(const struct kl_ip *ip);

/* --- reading -----------------------------------------------------------------------------------*/

struct kl_profile {
    struct kl_link link; /* without ports; name NULL when the file names no interface */
    const char *uuid;
    const char *controller; /* of a port: name or UUID; NULL: none */
    const char *parent;     /* of a VLAN: name or UUID */
    bool at_boot;           /* brought up at boot */
    struct kl_addr *dns;
    size_t ndns;
    const char **search;
    size_t nsearch;
};

struct kl_reader {
    struct kl_arena *a;
    struct kl_diags *d;
    const char *file; /* the file being read, as its place names it */
};

/* False when the file describes no link (another type, not parsable); notes say why. */
bool kl_keyfile_read(struct kl_reader *r, const char *text, struct kl_profile *out);
bool kl_ifcfg_read(struct kl_reader *r, const char *text, struct kl_profile *out);
/* route-IF and route6-IF: adds to out->link.routes. */
void kl_ifcfg_routes(struct kl_reader *r, const char *text, struct kl_link *link);

/* A note "not-understood" at a place of the file being read. */
void kl_not_understood(struct kl_reader *r, unsigned line, unsigned col, size_t width,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Growing lists; each returns false when the text is no such value. */
bool kl_add_address(
    struct kl_arena *a, struct kl_ip *ip, const char *text, int family, uint8_t without_prefix);
bool kl_add_dns(struct kl_arena *a, struct kl_addr **list, size_t *n, const char *text);
void kl_add_word(struct kl_arena *a, const char ***list, size_t *n, const char *word);
/* A bond's option as it was written, put into the kernel's canonical spelling; `mode` becomes
 * l->mode. False (and kept as it is) when the value is not one. */
bool kl_add_bond_option(struct kl_arena *a, struct kl_link *l, const char *name, const char *value);
/* stp: yes or no; the others as they are. */
void kl_add_bridge_option(
    struct kl_arena *a, struct kl_link *l, const char *name, const char *value);
/* Reads settings that several files describe as one: links, ports, DNS. */
struct kl_intent *kl_profiles_join(
    struct kl_reader *r, struct kl_profile *list, size_t n, const char *hostname);

#endif
