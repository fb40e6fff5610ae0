/* What the three loader languages share: the words of a kernel line, and the checks that each
 * language asks of them. Private to the room. */
#ifndef KL_STAGE_LOADER_H
#define KL_STAGE_LOADER_H

#include "stage/stage.h"

/* What a loader does to a line; its renderer states it, kl_loader_fits() holds a line to it. */
struct kl_loader_rules {
    const char *name;      /* "iPXE" */
    const char *forbidden; /* bytes that no argument may hold */
    bool blanks;           /* may an argument hold blanks, within double quotes? */
    bool commands;         /* do ";", "&&", "||" and a leading "#" end a command? (iPXE) */
    bool expands;          /* is "${" always expanded? (iPXE) */
    size_t adds;           /* bytes that the loader puts before the line */
};

/* One argument as the kernel counts them: blanks separate, except within double quotes
 * (lib/cmdline.c, next_arg()). Returns its start and length, and moves *line past it; NULL at the
 * end. */
const char *kl_loader_word(const char **line, size_t *len);

/* True when `line` reaches the kernel as it stands. Otherwise an error for each argument that would
 * not, each saying what to change. `what` names the line ("the kernel line"). */
bool kl_loader_fits(const char *line, const char *what, const struct kl_loader_rules *rules,
    const struct kl_boot *b, struct kl_diags *d);
/* The same for everything in `b`: kernel, initrds (single words), both lines, and the host's name,
 * which stands in titles. */
bool kl_loader_check(
    const struct kl_boot *b, const struct kl_loader_rules *rules, struct kl_diags *d);

/* The default entry: "install" for an armed host, "localdisk" for any other. */
const char *kl_loader_default(const struct kl_boot *b);
/* The last part of a path or URL: "vmlinuz". */
const char *kl_loader_base(const char *path);

#endif
