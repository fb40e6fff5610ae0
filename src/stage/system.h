/* What ifcfg files and keyfiles share. Private to the room.
 *
 * A reader turns each file into a profile; system.c joins profiles into an intent (ports to their
 * bonds, VLANs to their parents), because a file may name another by its UUID. */
#ifndef KL_STAGE_SYSTEM_H
#define KL_STAGE_SYSTEM_H

#include "stage/read.h"

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
    const char *controller;      /* of a port: name or UUID; NULL: none */
    const char *controller_uuid; /* where a file says both: counts when it is a profile's */
    const char *parent;          /* of a VLAN: name or UUID */
    bool at_boot;                /* brought up at boot */
    int priority;                /* where several would start, the highest does */
    bool alias;                  /* IPv4 addresses more, for the interface before the ':' */
    struct kl_addr *dns;
    size_t ndns;
    const char **search;
    size_t nsearch;
    struct kl_said *said; /* places of its facts, `link` not set; "ports": of its controller */
    size_t nsaid;
};

/* A file's text: of one source, or of several that were written one after the other. */
struct kl_text {
    const struct kl_system_file *file;
    const struct kl_text *next;
};

struct kl_reader {
    struct kl_arena *a;
    struct kl_diags *d;
    const struct kl_release *release;
    const char *path;   /* of the file being read */
    struct kl_place at; /* all of it */
};

/* Lines, with their places. Start with `struct kl_lines l = {.part = text};`. */
struct kl_lines {
    const struct kl_text *part;
    const char *p; /* NULL: at the part's beginning */
    unsigned n;    /* of lines of the part that were read */
};
struct kl_line {
    const char *text; /* ends where `len` says: what ends a line is not in it */
    size_t len;
    struct kl_place at;
    bool whole; /* the place is the same for every word of the line */
};
bool kl_next_line(struct kl_lines *l, struct kl_line *out);
struct kl_place kl_line_place(const struct kl_line *l, const char *from, size_t len);

/* False when the file describes no link (another type, not parsable); notes say why. */
bool kl_keyfile_read(struct kl_reader *r, const struct kl_text *text, struct kl_profile *out);
bool kl_ifcfg_read(struct kl_reader *r, const struct kl_text *text, struct kl_profile *out);
/* route-IF and route6-IF: adds to p->link.routes. */
void kl_ifcfg_routes(struct kl_reader *r, const struct kl_text *text, struct kl_profile *p);
/* The variables of /etc/sysconfig/network. */
struct kl_ifcfg_host {
    const char *hostname, *gateway, *gateway_device, *gateway6, *gateway6_device;
    struct kl_place hostname_at, gateway_at, gateway6_at;
};
void kl_ifcfg_host_read(struct kl_reader *r, const struct kl_text *text, struct kl_ifcfg_host *out);

/* A note "not-understood". */
void kl_system_note(struct kl_reader *r, struct kl_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void kl_profile_say(
    struct kl_reader *r, struct kl_profile *p, const char *field, struct kl_place at);
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
/* Settings that several files describe, as one: links, ports, DNS. */
struct kl_intent *kl_profiles_join(struct kl_reader *r, struct kl_profile *list, size_t n);

#endif
