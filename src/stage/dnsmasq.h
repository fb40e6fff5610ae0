/* Tags of dnsmasq, and the options that they choose. Private to the room. */
#ifndef KL_STAGE_DNSMASQ_H
#define KL_STAGE_DNSMASQ_H

#include "base/names.h"
#include "stage/reserve.h"

struct kl_dnsmasq_option;

struct kl_dnsmasq_tag {
    bool by_host, by_range;  /* who sets it: dhcp-host, dhcp-range, */
    bool by_other;           /* or what depends on the packet */
    unsigned long has, near; /* the last machine that has it of its own, or of its range */
    const struct kl_dnsmasq_option *options; /* that want it */
    const struct kl_dnsmasq_tag *next_of_range;
};

struct kl_dnsmasq_want {
    struct kl_dnsmasq_tag *tag;
    bool absent; /* tag:!NAME */
};
struct kl_dnsmasq_wants {
    struct kl_dnsmasq_want *list;
    size_t n;
};

/* A value of dhcp-option= or dhcp-boot=, or dhcp-ignore= (what: KL_TELLS). */
struct kl_dnsmasq_option {
    enum kl_tell what;
    const struct kl_told *value;
    struct kl_dnsmasq_wants wants;
    size_t order; /* in the file */
    const struct kl_dnsmasq_option *next;
};

struct kl_dnsmasq_tags {
    struct kl_arena *a;
    struct kl_names names;
    struct kl_dnsmasq_option **list;
    size_t n;
    const struct kl_dnsmasq_tag *of_ranges;              /* those that some range sets */
    const struct kl_dnsmasq_option *loose;               /* looked at for every machine */
    const struct kl_dnsmasq_option *plain[KL_TELLS + 1]; /* without tags: the last of each */
    unsigned long machine;
    size_t work;
};

struct kl_dnsmasq_tag *kl_dnsmasq_tag(struct kl_dnsmasq_tags *t, const char *name);
/* A range sets it. */
void kl_dnsmasq_range_sets(struct kl_dnsmasq_tags *t, const char *name);
/* Adds "x" or "!x". */
void kl_dnsmasq_want(struct kl_dnsmasq_tags *t, struct kl_dnsmasq_wants *to, const char *name);
void kl_dnsmasq_add(struct kl_dnsmasq_tags *t, enum kl_tell what, const struct kl_told *value,
    struct kl_dnsmasq_wants wants);
/* Once all is read. */
void kl_dnsmasq_index(struct kl_dnsmasq_tags *t);

/* What a machine is told that has these tags, of its own and of its range (`range` NULL: which
 * one is not known); *refused: dhcp-ignore= says so. */
struct kl_telling kl_dnsmasq_choose(struct kl_dnsmasq_tags *t, const struct kl_dnsmasq_wants *own,
    const struct kl_dnsmasq_wants *range, bool *refused);

#endif
