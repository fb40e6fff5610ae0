/* The words of a kernel command line that somebody reads: which component, in which releases, and
 * what became of them. Data: docs/boot-stages.md §1.2, §2.1; docs/releases.md. */
#ifndef KL_STAGE_OPTIONS_H
#define KL_STAGE_OPTIONS_H

#include "tree/release.h"

enum kl_reader {
    KL_READ_KERNEL,    /* the kernel and its drivers, udev, systemd */
    KL_READ_DRACUT,    /* the network in the initrd, and the rest of dracut */
    KL_READ_INSTALLER, /* anaconda, in the initrd or after */
    KL_READ_LOADER,    /* what a loader leaves behind: BOOT_IMAGE, initrd */
};

enum kl_option_state {
    KL_OPTION_READ,         /* acts */
    KL_OPTION_NEEDS_PREFIX, /* ignored: this release wants inst. before it */
    KL_OPTION_DEPRECATED,   /* acts, and later releases read another spelling, or nothing */
    KL_OPTION_TOO_NEW,      /* ignored: read from a later release on */
    KL_OPTION_REMOVED,      /* ignored: read by earlier releases */
    KL_OPTION_IGNORED,      /* nobody in an install reads it, in this release */
    KL_OPTION_UNKNOWN,      /* nobody reads it in any release, as far as is known */
};

/* Releases are written as people write them: "EL7.4", "EL8" (all of it), and for Fedora, where it
 * goes its own way, "EL9,F41". Fedora otherwise goes by the EL whose rules it follows. */
struct kl_boot_option {
    const char *name; /* in its own spelling, with "inst." where that exists; "rd.systemd.*" */
    enum kl_reader reader;
    const char *what; /* a few words: "where the kickstart is" */
    /* The first and the last release that reads it. NULL: EL6 for the kernel's and the loader's,
     * EL7 for the rest; and the newest. */
    const char *since, *until;
    const char *deprecated; /* from which release on the installer warns; NULL: never */
    const char *instead;    /* what to write where it is not read, or deprecated; NULL: nothing */
    /* Names of the same without prefix, the oldest last: "ks.sendmac kssendmac". EL6 knows only
     * the last; `el6`: it does. */
    const char *bare;
    bool el6;
    bool ignored; /* what is not read any more is dropped without a word */
    bool never;   /* nobody has ever read it, though people write it */
};

struct kl_option_verdict {
    enum kl_option_state state;
    const struct kl_boot_option *option; /* what it is or was meant to be; NULL when unknown */
    const char *since, *until;           /* the first and the last release that reads it; or NULL */
    const char *instead;                 /* what to write; or NULL */
    bool near; /* KL_OPTION_UNKNOWN, and `instead` is what was probably meant */
};

/* What release `r` makes of the word `key` (without '=' and value). */
struct kl_option_verdict kl_boot_option_verdict(
    struct kl_arena *a, const char *key, const struct kl_release *r);

/* All options, for tests and documentation; name NULL at the end. */
extern const struct kl_boot_option kl_boot_options[];

#endif
