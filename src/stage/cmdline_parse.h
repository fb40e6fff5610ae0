/* The kernel command line, read: what the files that read it share (cmdline_parse.c,
 * cmdline_parse_ip.c, cmdline_parse_el6.c). Private to this room. */
#ifndef KL_STAGE_CMDLINE_PARSE_H
#define KL_STAGE_CMDLINE_PARSE_H

#include "stage/read.h"

/* A piece of a word, cut out by the engine's rules. Where it stands comes with it, so that a
 * mistake is shown in the piece that has it. */
struct kl_part {
    const char *text;
    const struct kl_arg *arg; /* the word; NULL: the line has no such piece */
    size_t from;              /* where in the word `text` begins */
    bool brackets;            /* it stood in brackets, which are not in `text` */
};
struct kl_place kl_part_at(const struct kl_part *p);

/* One argument. */
struct kl_word {
    const char *key;      /* up to '=' */
    struct kl_part value; /* after it; text NULL when there is none */
    const struct kl_arg *arg;
};

/* A family of a profile, as nm-initrd-generator keeps it. Profiles start with both families
 * KL_NM_TRIED: automatic, and allowed to fail. */
enum kl_nm_state { KL_NM_TRIED, KL_NM_AUTO, KL_NM_MANUAL, KL_NM_DISABLED };

/* A link in the making. */
struct kl_seen {
    struct kl_link link;
    bool has_ip;             /* an ip= names it */
    bool vlan_parent;        /* a vlan= stands on it */
    bool profile;            /* NetworkManager makes a profile of it */
    bool dhcp6;              /* IPv6 was asked for by the word dhcp6 */
    bool dns4, dns6;         /* an ip= of it ends in a name server of this family */
    struct kl_place dns_at;  /* where the last of those stands */
    struct kl_addr *own_dns; /* the name servers that its ip= end in */
    size_t nown_dns;
    struct kl_place first;     /* the line's first word that asks for a profile of it */
    bool late;                 /* first mentioned after every ip=, bond=, bridge= and vlan= */
    bool lost;                 /* NetworkManager drops the profile */
    enum kl_nm_state nm4, nm6; /* NetworkManager alone */
};

struct kl_reading {
    struct kl_arena *a;
    const struct kl_release *r;
    struct kl_diags *d;
    struct kl_intent *i; /* while reading, only what it keeps in `said` */
    struct kl_word *words;
    size_t nwords;
    struct kl_seen *seen; /* in the order of their first mention */
    size_t nseen;
    struct kl_addr *dns;
    size_t ndns;
    struct kl_addr *for_all; /* those of nameserver= */
    size_t nfor_all;
    const char *hostname, *bootdev;
    bool late;            /* of the links that are mentioned from now on */
    const char *first_ip; /* the interface of the first ip= */
};

/* An interface that ip= leaves unnamed. */
#define KL_ANY_INTERFACE "*"

/* The link called `name`, made if need be. The pointer holds until the next call. */
struct kl_seen *kl_reading_link(struct kl_reading *r, const char *name, struct kl_place at);
/* What the engine makes of a mistake: KL_WARNING when it goes on with less, KL_ERROR when it stops
 * the boot. `part`: the piece that is wrong; NULL, or with no place of its own: the whole word. */
void kl_reading_say(struct kl_reading *r, enum kl_severity severity, const struct kl_word *w,
    const struct kl_part *part, const char *code, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
/* Notes that `part` says a fact; nothing when the line has no such piece. */
void kl_reading_fact(
    struct kl_reading *r, const char *link, const char *field, const struct kl_part *part);
void kl_reading_dns(
    struct kl_reading *r, const struct kl_addr *address, const struct kl_part *part);

/* Of several words, the engine reads the last; NULL when there is none with a value. */
const struct kl_word *kl_reading_last(const struct kl_reading *r, const char *key);
/* `p` cut at colons as the engine cuts it, brackets gone; what comes after `max` fields is left
 * out. */
size_t kl_reading_split(
    struct kl_reading *r, const struct kl_part *p, struct kl_part *fields, size_t max);
/* From the first of `n` fields to the last. */
struct kl_place kl_parts_at(const struct kl_part *fields, size_t n);

/* The whole line, as EL6's loader reads it. */
void kl_read_el6(struct kl_reading *r);
void kl_read_ip_legacy(struct kl_reading *r, const struct kl_word *w);
void kl_read_ip_nm(struct kl_reading *r, const struct kl_word *w);
/* The link that NetworkManager takes a name for, and the one that it takes when there is none. */
const char *kl_nm_interface(
    struct kl_reading *r, const struct kl_word *w, const struct kl_part *name);
const char *kl_nm_first(const struct kl_reading *r);
bool kl_nm_takes_bootif(const struct kl_reading *r);
/* Whether NetworkManager makes this bond of these options; those that it leaves out are gone. */
bool kl_nm_bond_fits(struct kl_reading *r, struct kl_link *l);
/* A port belongs to none of the controllers read so far. */
void kl_leave_controllers(struct kl_reading *r, const char *port);
/* NetworkManager, when every argument is read: its states as an intent's methods. */
void kl_settle_nm(struct kl_reading *r);

#endif
