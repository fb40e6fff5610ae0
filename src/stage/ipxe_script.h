/* iPXE's script language: commands, and the settings in their words. Private to the reader of iPXE
 * scripts.
 *
 * Grammar: src/core/exec.c, src/image/script.c and src/core/settings.c of iPXE (2026). Words are
 * parted by blanks alone: there are no quotes. A word that is "||", "&&" or ";" ends a command, one
 * that begins with '#' the line; a backslash at its end joins the next line. */
#ifndef KL_STAGE_IPXE_SCRIPT_H
#define KL_STAGE_IPXE_SCRIPT_H

#include "base/names.h"
#include "stage/menu.h"

enum kl_ipxe_after { KL_IPXE_ALWAYS, KL_IPXE_ON_SUCCESS, KL_IPXE_ON_FAILURE };

struct kl_ipxe_word {
    struct kl_arg arg; /* before expansion: as written */
    bool complete;     /* after it: no setting stands as written */
};

struct kl_ipxe_command {
    struct kl_ipxe_word *words; /* [0] is its name; none: it does nothing, and succeeds */
    size_t n;
    enum kl_ipxe_after after; /* what the command before it on the line has to come to */
    bool first;               /* on its line */
    const char *label;        /* the last label before it; "" at the top */
    unsigned segment;         /* how many labels stand before it */
    struct kl_place at;
    int entry; /* index of the entry that it begins or starts, or -1 */
};

struct kl_ipxe_label {
    const char *name;
    size_t command; /* the first below it */
};

struct kl_ipxe_script {
    struct kl_ipxe_command *commands;
    size_t n;
    struct kl_ipxe_label *labels;
    size_t nlabels;
};

struct kl_ipxe_script kl_ipxe_commands(
    struct kl_arena *a, const char *text, size_t len, const char *file);

/* Expands the settings of every command's words that the script itself sets, and always to the same
 * text or just before; others stay as written. */
void kl_ipxe_expand(struct kl_arena *a, struct kl_ipxe_script *s, size_t fuel);

bool kl_ipxe_is(const struct kl_ipxe_command *c, const char *name);
/* The index of a command's first word that is no option. `valued`: its options that take a value
 * ("--name", "-n"). `want`: the long one whose value is wanted; *value is NULL without it. */
size_t kl_ipxe_operands(const struct kl_ipxe_command *c, const char *const *valued,
    const char *want, const char **value);

#endif
