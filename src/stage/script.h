/* Shell scripts, as far as they write files. Private to the room.
 *
 * A script is not run: it is read in the order in which it would run, with the variables that it
 * sets to plain words. What depends on anything else (a command's output, a condition, a loop over
 * what is not known) is kept as it stands, and marked as not certain.
 */
#ifndef KL_STAGE_SCRIPT_H
#define KL_STAGE_SCRIPT_H

#include "base/names.h"
#include "stage/kickstart.h"

/* A file that a script writes, and where. */
struct kl_script_file {
    struct kl_ks_written w;
    bool installed; /* it is the installed system's, not the installer's */
    bool removes;   /* it goes; its path may be a pattern */
    bool unread;    /* a program changes it in its own way */
};

struct kl_script {
    const char *body;
    const struct kl_ks_origin *o;
    unsigned line; /* of the body's first line, in `o` */
    bool outside;  /* it runs outside the installed system, which lies in /mnt/sysimage */
    bool quiet;    /* no notes */
    size_t section;
};

/* Appends what `s` writes to *files. */
void kl_script_read(struct kl_arena *a, const struct kl_script *s, struct kl_diags *d,
    struct kl_script_file **files, size_t *n);

/* The installed system's network, when all that its scripts do to profiles is done; NULL when they
 * do nothing, or what they do is not certain. `network` and `commands` of `k` are read. */
struct kl_intent *kl_ks_system(struct kl_arena *a, const struct kl_kickstart *k,
    const struct kl_script_file *written, size_t n, const struct kl_release *r, struct kl_diags *d);

/* A file of network profiles: ifcfg-*, route*-*, *.nmconnection; `path` as the installed system
 * sees it. */
bool kl_is_profile_path(const char *path);

/* --- words (script_words.c) --------------------------------------------------------------------*/

struct kl_sh {
    struct kl_arena *a;
    const char *s;
    size_t len, at;
    struct kl_names vars; /* name: its value, or NULL where that is not known */
    size_t line_end;      /* where the line of a here-document ends, */
    size_t here_end;      /* and where what follows the documents of that line begins; 0: none */
};

/* A text, and whether it is what the shell would make of it. */
struct kl_sh_text {
    const char *text;
    size_t from; /* where it stands in the script byte for byte; SIZE_MAX: nowhere */
    bool known;
};

struct kl_sh_word {
    struct kl_sh_text t;
    size_t start, end; /* in the script, with quotes */
    bool quoted;       /* some of it */
};

/* Steps over blanks, comments and escaped line ends, not over line ends. */
void kl_sh_blanks(struct kl_sh *sh);
/* Steps over a line end, and over the here-documents that were begun before it. */
void kl_sh_newline(struct kl_sh *sh);
/* The word at sh->at; false when there is none (an operator, a line end, the end). */
bool kl_sh_word(struct kl_sh *sh, struct kl_sh_word *out);
/* The here-document whose delimiter is next: `<<` or `<<-` was read. */
struct kl_sh_text kl_sh_here(struct kl_sh *sh, bool strip_tabs);

/* --- what is printed (script_print.c) ----------------------------------------------------------*/

enum { KL_SH_BYTES = 8 << 20 }; /* a script that prints more is read no further */

struct kl_sh_output {
    struct kl_buf text;
    size_t from; /* as in kl_sh_text, while it is one piece */
    bool known;
};
void kl_sh_print(struct kl_sh_output *o, const struct kl_sh_text *t);
/* words[0] is the command's name. */
void kl_sh_echo(const struct kl_sh_word *words, size_t n, struct kl_sh_output *o);
void kl_sh_printf(const struct kl_sh_word *words, size_t n, struct kl_sh_output *o);

/* --- variables ---------------------------------------------------------------------------------*/

void kl_sh_set(struct kl_sh *sh, const char *name, const char *value); /* NULL: not known */
const char *kl_sh_get(const struct kl_sh *sh, const char *name);       /* or NULL */
void kl_sh_forget(struct kl_sh *sh);                                   /* all of them */
size_t kl_sh_name_len(const char *s);                                  /* of a variable's name */

#endif
