/* `kickline check`: texts of a boot, as somebody wrote them, held against each other.
 *
 * The texts at hand are found and told apart by their content; from each loader entry, bare
 * kernel line or lone kickstart one case is made: one machine's install, with a view of the network
 * for each stage. Rules then look at a case, and say what they find. Cases are read one at a time
 * and let go: memory does not grow with their number.
 */
#ifndef KL_CHECK_CHECK_H
#define KL_CHECK_CHECK_H

#include "base/arena.h"
#include "base/diag.h"
#include "fleet/fleet.h"
#include "tree/release.h"

/* --- what there is to say (codes.c) ------------------------------------------------------------*/

struct kl_code {
    const char *code;  /* "bond-mode-differs" */
    const char *group; /* "between stages", "within one", "by reasoning", "reading" */
    const char *title; /* one line: what it says */
    const char *help;  /* a few sentences: why it matters, how to mend it */
};
extern const struct kl_code kl_codes[];          /* ends with code NULL */
const struct kl_code *kl_code(const char *code); /* or NULL */

/* --- a run (check.c) ---------------------------------------------------------------------------*/

struct kl_map {
    const char *url,
        *path; /* --map URL=PATH: what the URL, or what begins with it, is at hand as */
};

struct kl_check_options {
    const char *const *paths; /* files and directories */
    size_t npaths;
    const char *const *cmdlines; /* --cmdline: bare kernel lines */
    size_t ncmdlines;
    const struct kl_map *maps;
    size_t nmaps;
    const struct kl_release *release; /* --release; NULL: found out */
    unsigned nics;                    /* --nics: how many the machine has; 0: not known */
};

struct kl_check_result {
    size_t files, cases;
    size_t errors, warnings, notes;
};

/* Findings of one case or one file, ready to print, with the sources that they point into. Called
 * again and again; nothing said twice. `d` is gone after the call. */
typedef void kl_check_found(void *arg, struct kl_diags *d);
/* How far it is; for a progress line. */
typedef void kl_check_progress(void *arg, size_t done, size_t all);

/* False when it could not run: then the errors were found with code "cannot-read". */
bool kl_check_paths(const struct kl_check_options *o, kl_check_found *found,
    kl_check_progress *progress, void *arg, struct kl_check_result *out);
/* Texts in memory, each as if it were the file `path`. */
struct kl_check_text {
    const char *path, *text;
};
void kl_check_texts(const struct kl_check_text *texts, size_t n, const struct kl_check_options *o,
    kl_check_found *found, void *arg, struct kl_check_result *out);
/* What an inventory renders, the same way. `hosts` NULL: all. */
bool kl_check_fleet(const struct kl_fleet *f, const struct kl_host *const *hosts, size_t nhosts,
    kl_check_found *found, kl_check_progress *progress, void *arg, struct kl_check_result *out);

/* --- mends (fix.c) -----------------------------------------------------------------------------*/

/* Collects the certain mends (kl_diag.edits) of findings, by file. All edits of a finding count, or
 * none: when one lies over an edit of an earlier finding, or its text is no file ("<...>", or what
 * `d` has no text of), the finding is skipped. The same edit twice is one. */
struct kl_fixes;
struct kl_fixes *kl_fixes_new(void);
void kl_fixes_free(struct kl_fixes *f);
void kl_fixes_add(struct kl_fixes *f, const struct kl_diags *d);
/* All of them as one unified diff (a/ and b/ before each path), for patch(1) and git. */
void kl_fixes_patch(struct kl_fixes *f, FILE *out);
/* Writes them: each file whole or not at all (a temporary name, fsync, rename; mode and owner
 * kept). Refuses a file that changed since it was read. Returns how many files were changed; what
 * went wrong is in `d`. */
size_t kl_fixes_write(struct kl_fixes *f, struct kl_diags *d);
size_t kl_fixes_count(const struct kl_fixes *f);    /* findings that are mended */
size_t kl_fixes_skipped(const struct kl_fixes *f);  /* and those that have edits, and are not */
size_t kl_fixes_homeless(const struct kl_fixes *f); /* of those: in a text that is no file */

/* --- output (report.c) -------------------------------------------------------------------------*/

enum kl_report_format { KL_REPORT_TEXT, KL_REPORT_JSON, KL_REPORT_SARIF, KL_REPORT_GITHUB };

/* Findings as they come: text for people, or one document for programs (JSON: an object with
 * "findings" and "summary"; SARIF 2.1.0; GitHub's workflow commands). */
struct kl_report;
struct kl_report *kl_report_new(FILE *out, enum kl_report_format format, bool colour);
void kl_report_add(struct kl_report *r, struct kl_diags *d);                   /* sorts `d` */
void kl_report_end(struct kl_report *r, const struct kl_check_result *result); /* and frees it */

#endif
