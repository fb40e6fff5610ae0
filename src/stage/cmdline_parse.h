/* The kernel command line, read: what the files that read it share (cmdline_parse.c,
 * cmdline_parse_ip.c). Private to this room. */
#ifndef KL_STAGE_CMDLINE_PARSE_H
#define KL_STAGE_CMDLINE_PARSE_H

#include "stage/stage.h"

/* One argument. */
struct kl_word {
    const char *key;   /* up to '=' */
    const char *value; /* after it; NULL when there is none */
    struct kl_place at;
    const char *text; /* all of it */
};

/* A family of a profile, as nm-initrd-generator keeps it. Profiles start with both families
 * KL_NM_TRIED: automatic, and allowed to fail. */
enum kl_nm_state { KL_NM_TRIED, KL_NM_AUTO, KL_NM_MANUAL, KL_NM_DISABLED };

/* A link in the making. */
struct kl_seen {
    struct kl_link link;
    bool has_ip;               /* an ip= names it */
    bool vlan_parent;          /* a vlan= stands on it */
    bool profile;              /* NetworkManager makes a profile of it */
    bool dhcp6;                /* IPv6 was asked for by the word dhcp6 */
    bool dns4, dns6;           /* an ip= of it ends in a name server of this family */
    enum kl_nm_state nm4, nm6; /* NetworkManager alone */
};

struct kl_reading {
    struct kl_arena *a;
    const struct kl_release *r;
    struct kl_diags *d;
    struct kl_word *words;
    size_t nwords;
    struct kl_seen *seen; /* in the order of their first mention */
    size_t nseen;
    struct kl_addr *dns;
    size_t ndns;
    const char *hostname, *bootdev;
    const char *first_ip; /* the interface of the first ip= */
};

/* An interface that ip= leaves unnamed. */
#define KL_ANY_INTERFACE "*"

/* The link called `name`, made if need be. The pointer holds until the next call. */
struct kl_seen *kl_reading_link(struct kl_reading *r, const char *name, struct kl_place at);
/* What the engine makes of a mistake: KL_WARNING when it goes on with less, KL_ERROR when it stops
 * the boot. */
void kl_reading_say(struct kl_reading *r, enum kl_severity severity, const struct kl_word *w,
    const char *code, const char *hint, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
void kl_reading_dns(struct kl_reading *r, const struct kl_addr *address);

/* `s` cut at colons as the engine cuts it, brackets gone; what comes after `max` fields is left
 * out. */
size_t kl_reading_split(struct kl_reading *r, const char *s, const char **fields, size_t max);

void kl_read_ip_legacy(struct kl_reading *r, const struct kl_word *w);
void kl_read_ip_nm(struct kl_reading *r, const struct kl_word *w);
/* NetworkManager, when every argument is read: its states as an intent's methods. */
void kl_settle_nm(struct kl_reading *r);

#endif
