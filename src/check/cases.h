/* What all cases of a run share, and how one is made of it. Private to the room. */
#ifndef KL_CHECK_CASES_H
#define KL_CHECK_CASES_H

#include "check/case.h"
#include "check/site.h"

struct kl_cases;

/* Reads what is for all: reservations, trees, which installed files lie together. */
struct kl_cases *kl_cases_new(
    struct kl_site *site, const struct kl_check_options *o, struct kl_diags *d);
void kl_cases_free(struct kl_cases *s);

/* Where a case comes from; what is not known is NULL. */
struct kl_origin {
    const struct kl_doc *doc; /* the loader's file, the line's, or the kickstart */
    const char *loader;
    const struct kl_menu *menu;
    const struct kl_entry *entry;
    const struct kl_cmdline *line;
    const struct kl_doc *kickstart; /* a lone one */
    size_t set;                     /* installed files alone: their number from 1; 0: none */
};

/* The diagnostics of a case's readers, by stage: those of `d` from one mark to the next. */
struct kl_case_marks {
    size_t initrd, installer, system, end;
};

/* Fills *c, in `a`, and lets the readers speak in `d`. False when it is no install of ours: another
 * distribution's, a memory test. */
bool kl_case_make(struct kl_cases *s, struct kl_arena *a, const struct kl_origin *from,
    struct kl_case *c, struct kl_case_marks *marks, struct kl_diags *d);

/* The sets of installed files, and whether a case has used one. */
size_t kl_cases_sets(const struct kl_cases *s);
bool kl_cases_set_used(const struct kl_cases *s, size_t number);

#endif
