/* What the parts of the kickstart stage share: the lines of a kickstart, and Kickline's own
 * sections in it. Private to the room. */
#ifndef KL_STAGE_KICKSTART_H
#define KL_STAGE_KICKSTART_H

#include "stage/read.h"

/* --- the lines of a kickstart (kickstart_lines.c) ----------------------------------------------*/

enum kl_ks_kind {
    KL_KS_TEXT,    /* anything that is left alone */
    KL_KS_NETWORK, /* a `network` command */
    KL_KS_SECTION, /* the first line of %pre, %packages, ... */
    KL_KS_INCLUDE, /* %include, %ksappend */
    KL_KS_OWN,     /* all of a section between Kickline's own marks, both marks included */
};

struct kl_ks_unit {
    enum kl_ks_kind kind;
    const char *start;
    size_t len;      /* with the end of its last line */
    unsigned line;   /* of its start, from 1 */
    const char *own; /* KL_KS_OWN: "network", "pre" or "post" */
    bool joined;     /* KL_KS_OWN: the line end before it is Kickline's too */
};

struct kl_ks_scan {
    const char *at;
    unsigned line;
    bool in_section;
};

struct kl_ks_scan kl_ks_scan(const char *text);
/* The next unit; false at the end. Units follow each other without a gap. */
bool kl_ks_next(struct kl_ks_scan *s, struct kl_ks_unit *out);
/* The section between Kickline's marks that begins at `p`, if one does. */
bool kl_ks_own(const char *p, struct kl_ks_unit *out);
/* Marks. `joined`: the text before did not end with a line end, and one was added. */
void kl_ks_begin(struct kl_buf *out, const char *own, bool joined, const char *eol);
void kl_ks_end(struct kl_buf *out, const char *own, const char *eol);

/* --- words with places (kickstart_lines.c) -----------------------------------------------------*/

/* Where a text stands: a file of its own, or what a script of another file writes. */
struct kl_ks_origin {
    const char *file;
    unsigned line, col;    /* of its first byte, from 1; further lines begin in column 1 */
    struct kl_place whole; /* file set: it stands nowhere as it is, and all of it is placed here */
};
struct kl_place kl_ks_place(
    const struct kl_ks_origin *o, unsigned line, unsigned col, unsigned width);

/* A word of a command, as Python's shlex.split(comments=True) has it. */
struct kl_ks_word {
    const char *text;
    unsigned col, width;
    const unsigned *cols; /* of each byte of `text`, where quotes shift them; NULL: verbatim */
};
/* The column and width of `len` bytes from byte `from` on. */
struct kl_ks_word kl_ks_part(const struct kl_ks_word *w, size_t from, size_t len);
/* The words of a line of `len` bytes, in `a`. False when a quote is not closed: then the last word
 * is the one that it opens in. */
bool kl_ks_words(
    struct kl_arena *a, const char *line, size_t len, struct kl_ks_word **out, size_t *n);

/* --- network commands (kickstart_parse.c) ------------------------------------------------------*/

struct kl_ks_net; /* an intent that grows by one command at a time */
struct kl_ks_net *kl_ks_net_new(
    struct kl_arena *a, const struct kl_release *r, const char *file, struct kl_diags *d);
/* words[0] is `network`. `own`: Kickline's scripts mend what the command leaves. */
void kl_ks_net_add(struct kl_ks_net *n, const struct kl_ks_origin *o, unsigned line,
    const struct kl_ks_word *words, size_t nwords, struct kl_place at, bool own);
/* Leaves a command out, which may not be there: from then on nobody knows all the devices. */
void kl_ks_net_leave(struct kl_ks_net *n, const struct kl_ks_word *words, size_t nwords,
    struct kl_place at, const char *why);
/* Names the install link, as the comment before Kickline's commands does. */
void kl_ks_net_install(struct kl_ks_net *n, const char *name);
/* How many devices the commands describe; 0 when a template hides some. */
size_t kl_ks_net_devices(const struct kl_ks_net *n);
struct kl_intent *kl_ks_net_end(struct kl_ks_net *n);

/* An option of `network`: its name, from any unambiguous beginning; NULL when there is none. */
const char *kl_ks_net_option(const char *name, size_t len, bool *takes_value);

/* --- templates (kickstart_template.c) ----------------------------------------------------------*/

/* Something that a program is to fill in: {{ x }}, <%= x %>, ${x}, $x, @@x@@, [[x]], __x__, %x%,
 * <x>. (Not a wireless key, which may have any character.) */
bool kl_ks_is_placeholder(const char *text);
/* How many branches ({% if %}, <% if %>, %{ if }, #if) a line opens, less those that it closes.
 * Cheetah's look like comments: they count in a text that ends one. */
int kl_ks_branch(const char *line, size_t len, bool with_cheetah);
bool kl_ks_has_cheetah(const char *text, size_t len);

/* --- what is written (kickstart_network.c, kickstart_script.c) ---------------------------------*/

/* The `network` commands, a line each, ended by `eol`; false with errors. */
bool kl_ks_network(struct kl_arena *a, const struct kl_intent *i, const struct kl_release *r,
    const char *eol, struct kl_buf *out, struct kl_diags *d);
/* What the comment before them begins with; the rest is the name of the install link. No command
 * says it. */
extern const char kl_ks_install_mark[];
/* Has this release's `network` command options for search domains? (pykickstart's F39 syntax, which
 * 8.9 and 9.3 took over: docs/boot-stages.md §3.1) */
bool kl_ks_says_search(const struct kl_release *r);
bool kl_ks_vlan_name_ok(const struct kl_release *r, const char *name, unsigned id);
/* Why those commands alone do not leave the reference files: a NULL-terminated list, empty when
 * they do. */
const char *const *kl_ks_reasons(
    struct kl_arena *a, const struct kl_intent *i, const struct kl_release *r);
/* %post that writes the reference files; %pre that keeps a learnt default route. */
void kl_ks_post(struct kl_buf *out, const struct kl_intent *i, const struct kl_release *r,
    const struct kl_file *files, size_t nfiles, const char *const *reasons, bool joined);
void kl_ks_pre(struct kl_buf *out, const char *link, bool joined);
/* The link that carries the install, or the first that has an address; NULL when none has. */
const struct kl_link *kl_ks_install_link(const struct kl_intent *i);
/* The files that a %post of kl_ks_post() writes. */
size_t kl_ks_post_files(
    struct kl_arena *a, const char *section, size_t len, struct kl_file **files);

#endif
