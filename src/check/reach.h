/* What the rules about reaching share: the network of a stage as far as it is proven. Private to
 * rules_reach.c, rules_links.c, rules_slow.c and rules_lockstep.c. */
#ifndef KL_CHECK_REACH_H
#define KL_CHECK_REACH_H

#include "check/case.h"
#include "net/reach.h"

/* How a stage sees the network: the intents that say it, put together. A way that is not proven to
 * be closed is a link of it that asks by DHCP, so that whatever is unreachable here is so for
 * certain, with the two exceptions that the flags name. */
struct kl_view {
    const char *stage;             /* "initrd", "installer", "system" */
    const struct kl_intent *i;     /* NULL: nothing is known of it */
    const struct kl_intent *of[3]; /* what it was made of, for places */
    size_t nof;
    /* The kernel may take an IPv6 address from router advertisements though no text asks for it:
     * legacy dracut leaves accept_ra alone, and NetworkManager does for ipv6.method=ignore. */
    bool kernel_ra;
    bool partly; /* other devices may be up, by what is not at hand */
};

struct kl_view kl_view_initrd(const struct kl_case *c);
struct kl_view kl_view_installer(const struct kl_case *c);
struct kl_view kl_view_system(const struct kl_case *c);
/* Where a fact is said; file NULL when nowhere on a line. */
struct kl_place kl_view_said(const struct kl_view *v, const char *link, const char *field);

/* The kernel line has ip=, and it is all understood. */
bool kl_line_has_ip(const struct kl_case *c);
/* A variable of the loader that nobody knows may bring more words. */
bool kl_line_is_open(const struct kl_case *c);
/* A word of the line (the last), or NULL; also where there is no line. */
const struct kl_arg *kl_line_word(const struct kl_case *c, const char *key);
const char *kl_reach_line_value(const struct kl_case *c, const char *key); /* or NULL */
/* BOOTIF= is on the line when it is booted, and the initrd heeds it. */
bool kl_line_has_bootif(const struct kl_case *c);
bool kl_is_legacy(const struct kl_case *c);
/* The interface that an ip= names; "*" for any. In the case's arena. */
const char *kl_ip_interface(const struct kl_case *c, const struct kl_arg *ip);
/* Does this link stand for one interface that has a name? Not "*", "link", "bootif" or a MAC. */
bool kl_is_named(const struct kl_link *l);
/* Its name, for people. */
const char *kl_called(const char *link);

/* An option of a kickstart command: what follows "--name=", or the next word; NULL without it. The
 * place is that of the value. "" for an option without a value. */
const char *kl_ks_option(
    const struct kl_ks_command *command, const char *name, struct kl_place *at);

/* A URL, or a host, that a stage uses. */
struct kl_wanted {
    const char *what; /* "inst.ks=", "url --url=" */
    const char *text;
    struct kl_place at;
    char host[256]; /* without brackets; "": it has none, or is not to be judged */
    enum kl_severity severity;
    const char *effect; /* what the stage does when it cannot be reached */
};
/* What the stage fetches or connects to over the network, in `c->a`. */
size_t kl_wanted_initrd(const struct kl_case *c, struct kl_wanted **out);
size_t kl_wanted_installer(const struct kl_case *c, struct kl_wanted **out);

void kl_rules_links(const struct kl_case *c, struct kl_diags *d); /* rules_links.c */
void kl_rules_slow(const struct kl_case *c, struct kl_diags *d);  /* rules_slow.c */

#endif
