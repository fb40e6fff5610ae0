/* A case: one machine's install, as the texts at hand tell it. Private to the room.
 *
 * The reader (case.c) fills it; rules read it. A rule is a function of a case that adds findings;
 * it does not read texts again, and says nothing about what is not there. */
#ifndef KL_CHECK_CASE_H
#define KL_CHECK_CASE_H

#include "check/check.h"
#include "stage/options.h"
#include "stage/read.h"

struct kl_case {
    struct kl_arena *a;
    const char *name; /* for people: "install" of pxelinux.cfg/default */
    const struct kl_release *release;
    bool release_given; /* by --release or by a tree; else inferred, or nothing but the default */
    const char *release_from; /* how it is known: "--release", "its kernel's path", ... */
    unsigned nics;            /* of the machine, as far as the texts tell; 0: not known */

    const char *loader_file; /* NULL: a bare line, or no line at all */
    const char *loader;      /* "PXELINUX", "GRUB", "iPXE"; NULL */
    const struct kl_menu *menu;
    const struct kl_entry *entry;
    const struct kl_cmdline *line; /* NULL: the case begins with a kickstart or installed files */
    struct kl_install what;        /* URLs of the line */
    struct kl_intent *initrd;      /* NULL when there is no line, or a template's */

    const struct kl_kickstart *ks; /* NULL: none, or not at hand */
    const struct kl_arg *ks_named; /* the inst.ks= that names it; NULL */
    struct kl_intent *installer;   /* NULL: no kickstart, or one without network commands */
    struct kl_intent *system; /* installed files: of %post, or lying beside; NULL: none at hand */
    const char *system_is;    /* "the files that %post writes", "the files in ..." */

    const struct kl_reserved *reserved; /* what the firmware is told; NULL */
};

/* At most a warning where the release is not given, but inferred. */
static inline enum kl_severity kl_capped(const struct kl_case *c, enum kl_severity severity)
{
    return severity == KL_ERROR && !c->release_given ? KL_WARNING : severity;
}

/* Rules. Each states its codes at its top. */
void kl_rules_line(const struct kl_case *c, struct kl_diags *d);      /* rules_line.c */
void kl_rules_kickstart(const struct kl_case *c, struct kl_diags *d); /* rules_kickstart.c */
void kl_rules_loader(const struct kl_case *c, struct kl_diags *d);    /* rules_loader.c */
void kl_rules_lockstep(const struct kl_case *c, struct kl_diags *d);  /* rules_lockstep.c */
void kl_rules_reach(const struct kl_case *c, struct kl_diags *d);     /* rules_reach.c */

/* A word of advice on how a rule speaks:
 *   message: what is wrong, in the terms of the text ("the kernel line makes bond0 with mode
 *     balance-alb, the kickstart with 802.3ad");
 *   hint: the mend ("write mode=802.3ad in both, if the switch speaks LACP");
 *   effects: what each stage will therefore do, each beginning with the stage ("initrd: ...",
 *     "installer: ...", "system: ...", "firmware: ...");
 *   edits: only when there is one right way. */

#endif
