/* What the rules of a kickstart share. Private to rules_kickstart*.c.
 *
 * They look at the commands as they are written. What the installer makes of them, the reader of
 * the kickstart has said already (stage/kickstart_parse.c); a rule here says what the writer meant,
 * and the mend. */
#ifndef KL_CHECK_RULES_KICKSTART_H
#define KL_CHECK_RULES_KICKSTART_H

#include "check/case.h"

struct kl_ks_rules {
    const struct kl_case *c;
    struct kl_arena *a;
    struct kl_diags *d;
    const struct kl_kickstart *ks;
    const char *release; /* for people: "rhel-9.4" */
    struct kl_net *nets; /* the network commands, in order */
    size_t nnets;
};

/* An option of a network command. */
struct kl_net_option {
    const char *name;         /* in full, "--device"; as written when it is unknown */
    const char *value;        /* NULL: none */
    const struct kl_arg *arg; /* the word that the value is part of */
    size_t from;              /* where it begins in it */
};

struct kl_net {
    const struct kl_ks_command *command;
    struct kl_net_option *options;
    size_t n;
    bool device;   /* describes a device, and not the host's name alone */
    bool template; /* something in it is filled in later */
    size_t index;  /* among those that describe a device, from 0 */
};

/* The last option of this name, or NULL. */
const struct kl_net_option *kl_net_option(const struct kl_net *n, const char *name);
const char *kl_net_value(const struct kl_net *n, const char *name); /* NULL: not given */
/* The place of `len` bytes of the value from byte `from` on. */
struct kl_place kl_net_place(const struct kl_net_option *o, size_t from, size_t len);
/* The word "network" of the command. */
struct kl_place kl_command_place(const struct kl_ks_command *c);
/* Replaces bytes of the value, if it stands there as it is. */
void kl_net_edit(const struct kl_ks_rules *k, struct kl_diag *one, const struct kl_net_option *o,
    size_t from, size_t len, const char *text);
/* Appends words to a command: only where its end is known for certain. */
void kl_net_append(
    const struct kl_ks_rules *k, struct kl_diag *one, const struct kl_net *n, const char *text);
/* Something is filled in later: $ip, {{ address }}, <%= host %>, @@host@@. */
bool kl_is_template(const char *text);
/* Did somebody mistype `a` for `b`: hyphens and capitals apart the same, or one letter off? */
bool kl_one_slip(const char *a, const char *b);

void kl_ks_rules_commands(const struct kl_ks_rules *k);           /* rules_kickstart_command.c */
void kl_ks_rules_values(const struct kl_ks_rules *k);             /* rules_kickstart_value.c */
void kl_ks_rules_bonds(const struct kl_ks_rules *k);              /* rules_kickstart_bond.c */
void kl_ks_rules_urls(const struct kl_ks_rules *k);               /* rules_kickstart_url.c */
void kl_ks_rules_devices(const struct kl_ks_rules *k);            /* rules_kickstart_device.c */
void kl_rules_quirk(const struct kl_case *c, struct kl_diags *d); /* rules_quirk.c */

#endif
