/* Diagnostics: what is wrong, where, and how to mend it.
 *
 * Every reader of text reports through one of these and goes on as long as it can, so that a
 * person sees all mistakes at once. A diagnostic points to a place in a source that was
 * registered, so that the line itself can be shown with a caret under it:
 *
 *     kickline.yaml:12:15: error: no bond mode is called 'balance-tbl'  [bond-mode]
 *        12 |       mode: balance-tbl
 *           |             ^~~~~~~~~~~ did you mean 'balance-tlb'?
 *
 * Where there is more to say, each thing has its line, what to do comes last, and of a long line
 * the part around the mistake is shown:
 *
 *     pxelinux.cfg/default:5:97: error: the kernel line makes bond0 with mode balance-rr, the
 *     kickstart with balance-alb  [bond-mode-differs]            (one line; no message is broken)
 *         5 | ... bond=bond0:enp3s0,enp7s0:mode=mode=6,miimon=100 inst.ks=http://192.0.2.1/ks ...
 *           |                              ^~~~~~~~~~~
 *       ks/host.ks:12:34: the kickstart says it here
 *        12 | network --device=bond0 --bondopts mode=6,miimon=100
 *           |                                   ^~~~~~
 *           = initrd: bond0 is balance-rr: the driver knows no mode 'mode=6'
 *           = installer: bond0 is balance-alb
 *           = mend: write mode=balance-alb
 *
 * A terminal gets nothing but what it can show (base/utf8.h), 100 columns of it, save for messages.
 */
#ifndef KL_BASE_DIAG_H
#define KL_BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum kl_severity { KL_NOTE, KL_WARNING, KL_ERROR };

struct kl_place {
    const char *file; /* as shown; NULL: the mistake has no place in a text */
    unsigned line;    /* from 1; 0: the file as a whole */
    unsigned col;     /* from 1, in bytes */
    unsigned width;   /* bytes to underline; 0 and 1 give a caret alone */
};

/* A change that mends: the `width` bytes at the place (0: nothing, it is an insertion) become
 * `text`. A width may reach over line ends, so that whole lines can go. */
struct kl_edit {
    struct kl_place at;
    const char *text;
};

struct kl_diag {
    enum kl_severity severity;
    const char *code; /* a stable word: "bond-mode" */
    struct kl_place at;
    const char *message;
    const char *hint;     /* how to mend it; NULL if the message says it */
    struct kl_place also; /* a second place that disagrees; file NULL if there is none */
    const char *also_says;
    const char **effects; /* what each stage will therefore do: "initrd: bond0 is balance-rr" */
    size_t neffects;
    struct kl_edit *edits; /* the mend, where it is certain: all of them together, or none */
    size_t nedits;
    bool folded; /* another one says it too: it is about to be taken out */
};

struct kl_diags; /* a growing list, with the sources it points into */

struct kl_diags *kl_diags_new(void);
void kl_diags_free(struct kl_diags *d);
static inline void kl_diags_drop(struct kl_diags **d)
{
    kl_diags_free(*d);
}
#define KL_DIAGS_SCOPE __attribute__((cleanup(kl_diags_drop)))

/* Makes `text` (copied) known as `file`, and returns the name to put into places: it lives as
 * long as `d`. */
const char *kl_diags_source(struct kl_diags *d, const char *file, const char *text, size_t len);

bool kl_diags_knows(const struct kl_diags *d, const char *file); /* was it registered? */

/* Adds one. `hint` may be NULL. Returns it so that the caller can set `also`. Texts are copied. */
struct kl_diag *kl_diag(struct kl_diags *d, enum kl_severity severity, const char *code,
    struct kl_place at, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
/* The second place, an effect, an edit, of a diagnostic of `d`. Texts are copied. */
void kl_diag_also(struct kl_diags *d, struct kl_diag *one, struct kl_place at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void kl_diag_effect(struct kl_diags *d, struct kl_diag *one, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void kl_diag_edit(struct kl_diags *d, struct kl_diag *one, struct kl_place at, const char *text);

/* A formatted text that lives as long as `d`, for hints. */
const char *kl_diag_text(struct kl_diags *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

size_t kl_diags_count(const struct kl_diags *d, enum kl_severity at_least);
const struct kl_diag *kl_diags_at(const struct kl_diags *d, size_t i); /* NULL past the end */
/* Takes out those from `from` on for which `keep` says false. */
void kl_diags_keep(
    struct kl_diags *d, size_t from, bool (*keep)(void *arg, const struct kl_diag *one), void *arg);
/* The text of a source, NUL-terminated, or NULL when it is not known. */
const char *kl_diags_text(const struct kl_diags *d, const char *file, size_t *len);
/* A line of a source without its end, in that text; NULL where there is none. */
const char *kl_diags_line(const struct kl_diags *d, const char *file, unsigned line, size_t *len);
void kl_diags_sort(struct kl_diags *d); /* by file (in order of registration), line, column */

extern const char *const kl_severity_word[]; /* "note", "warning", "error" */

/* --- written out (diag_print.c, diag_json.c) ---------------------------------------------------*/

/* For people; colour when asked. At most `limit` of them (0: all), then a line that counts. */
void kl_diags_print(const struct kl_diags *d, FILE *out, bool colour, size_t limit);
void kl_diag_print(const struct kl_diags *d, const struct kl_diag *one, FILE *out, bool colour);

/* For programs: a JSON object, keys as the fields above. Columns and widths are bytes, `end_col`
 * is the one after the last; what is not UTF-8 has U+FFFD in its place, and no edits are given
 * where their text is not. */
struct json_t;
struct json_t *kl_diag_json(const struct kl_diag *one); /* jansson's; the caller's */
/* A JSON string; what is not UTF-8 becomes U+FFFD. */
struct json_t *kl_json_text(const char *s);
/* All of them, as an array. */
void kl_diags_json(const struct kl_diags *d, FILE *out);

#endif
