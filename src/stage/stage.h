/* Stages: each file of this room speaks one language, both ways. render: intent -> text, for one
 * release; parse: text -> intent. They meet in the intent and nowhere else.
 *
 * A renderer that cannot say exactly what the intent says, in this release's language, adds an
 * error that tells what to change, and returns false; it never approximates. A rule that a fact
 * asks for is commented with its source (component and version, or "quirk N" of
 * docs/boot-stages.md).
 *
 * A parser keeps what it does not understand: it reports a KL_NOTE with code "not-understood" and
 * goes on.
 */
#ifndef KL_STAGE_STAGE_H
#define KL_STAGE_STAGE_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/text.h"
#include "net/intent.h"
#include "tree/release.h"

enum kl_stage { KL_FIRMWARE, KL_LOADER, KL_INITRD, KL_INSTALLER, KL_SYSTEM };

/* What the install needs on the kernel command line besides the network. URLs are absolute and
 * already bracketed. Any pointer may be NULL: not wanted. */
struct kl_install {
    const char *kickstart; /* inst.ks= */
    const char *repo;      /* inst.repo= */
    const char *stage2;    /* inst.stage2= */
    const char *syslog;    /* inst.syslog=: host or host:port */
    bool sshd;             /* inst.sshd */
    const char **console;  /* console=, in order: the last is /dev/console */
    size_t nconsole;
    const char **extra; /* as they are, last */
    size_t nextra;
};

/* A kernel, its initrds and the lines for it. What `kernel` and `initrds` are depends on the
 * loader. iPXE: absolute URLs (http, https, ftp, tftp). GRUB: paths below the device GRUB was
 * loaded from ($root), or http and tftp URLs. PXELINUX: paths on the TFTP server, from its root, or
 * http, ftp and tftp URLs (lpxelinux.0). */
struct kl_boot {
    const char *host; /* for titles */
    const char *kernel;
    const char *const *initrds;
    size_t ninitrds;
    const char *cmdline;        /* of the install entry */
    const char *rescue_cmdline; /* of the rescue entry; NULL: no such entry */
    bool armed;                 /* the default entry: install if armed, local disk if not */
    unsigned timeout;           /* seconds until the default entry; 0: at once, without a menu */
    const char *report;         /* URL to which iPXE says what it has configured; NULL: none */
};

/* A file of the installed system. */
struct kl_file {
    const char *path; /* absolute */
    const char *text;
    unsigned mode;
};

/* --- the kernel command line (stage/cmdline.c, cmdline_parse.c) --------------------------------*/

enum { KL_CMDLINE_MAX = 2046, KL_CMDLINE_NEAR = 1900 }; /* docs/releases.md: loaders cut silently */

/* The whole line, no newline. Longer than KL_CMDLINE_MAX bytes is an error, past KL_CMDLINE_NEAR a
 * warning. */
bool kl_cmdline_render(const struct kl_intent *i, const struct kl_release *r,
    const struct kl_install *what, struct kl_buf *out, struct kl_diags *d);
/* The network that release `r` would set up for this line. `file` names it in diagnostics. NULL
 * only when it is no command line at all. */
struct kl_intent *kl_cmdline_parse(struct kl_arena *a, const char *line, const char *file,
    const struct kl_release *r, struct kl_install *what, struct kl_diags *d);

/* --- boot loaders (ipxe.c, grub.c, pxelinux.c; what they share: loader.c) ----------------------*/

/* Entries: localdisk, install, rescue, reboot. False with an error when the loader's language
 * cannot carry the line (a blank inside an argument in iPXE, a quote in GRUB). */
bool kl_ipxe_render(const struct kl_boot *b, struct kl_buf *out, struct kl_diags *d);
bool kl_grub_render(const struct kl_boot *b, struct kl_buf *out, struct kl_diags *d);
bool kl_pxelinux_render(const struct kl_boot *b, struct kl_buf *out, struct kl_diags *d);
/* Only the commands that leave for the local disk, for scripts of machines that are not known: iPXE
 * (needs the label `localdisk` to be free), GRUB (within an entry or on its own). */
void kl_ipxe_local(struct kl_buf *out);
void kl_grub_local(struct kl_buf *out);

/* --- kickstart (kickstart.c, kickstart_parse.c) ------------------------------------------------*/

/* `user`: the user's kickstart (NULL: none; then only Kickline's part is written). Every byte of it
 * is kept, in order, but for its `network` commands and earlier sections between Kickline's own
 * marks; those are replaced. Commands inside %pre, %post, ... are not touched. */
bool kl_kickstart_render(const struct kl_intent *i, const struct kl_release *r, const char *user,
    const char *user_file, struct kl_buf *out, struct kl_diags *d);
/* The network that the `network` commands of a kickstart describe, for release `r`. */
struct kl_intent *kl_kickstart_parse(struct kl_arena *a, const char *text, const char *file,
    const struct kl_release *r, struct kl_diags *d);

/* --- the installed system (ifcfg.c, keyfile.c) -------------------------------------------------*/

/* Files in order of path, in `a`; by release: ifcfg (EL7, EL8) or keyfiles (EL9 and later), and
 * /etc/hostname, /etc/resolv.conf where they belong. */
bool kl_system_render(struct kl_arena *a, const struct kl_intent *i, const struct kl_release *r,
    struct kl_file **files, size_t *nfiles, struct kl_diags *d);
struct kl_intent *kl_system_parse(struct kl_arena *a, const struct kl_file *files, size_t nfiles,
    const struct kl_release *r, struct kl_diags *d);

#endif
