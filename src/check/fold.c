/* A reader says what its component does with a mistake; a rule says what the mistake is. Both point
 * at the same bytes, and a person wants to hear of them once. */
#include "check/fold.h"

#include "base/text.h"

#include <string.h>

/* Do the two point at bytes in common? */
static bool overlap(const struct kl_place *a, const struct kl_place *b)
{
    if (!a->file || !a->line || a->line != b->line || !kl_streq(a->file, b->file))
        return false;
    unsigned enda = a->col + (a->width ? a->width : 1), endb = b->col + (b->width ? b->width : 1);
    return a->col < endb && b->col < enda;
}

static const char *stage_of(size_t index, const struct kl_case_marks *m)
{
    return index < m->installer ? "initrd" : index < m->system ? "installer" : "system";
}

/* "ip=...: dracut stops the boot": the text itself stands in the line above. */
static const char *without_text(const char *message)
{
    const char *colon = strstr(message, ": ");
    return colon && (size_t)(colon - message) + 1 == strcspn(message, " ") ? colon + 2 : message;
}

static bool stays(void *arg, const struct kl_diag *one)
{
    (void)arg;
    return !one->folded;
}

void kl_fold(struct kl_diags *d, size_t from, const struct kl_case_marks *marks)
{
    bool any = false;
    if (marks->initrd > from)
        from = marks->initrd;
    for (size_t k = from; k < marks->end; k++) {
        struct kl_diag *said = (struct kl_diag *)kl_diags_at(d, k);
        said->message = without_text(said->message);
        struct kl_diag *rule = NULL;
        for (size_t r = marks->end; !rule && (rule = (struct kl_diag *)kl_diags_at(d, r)); r++)
            if (!overlap(&rule->at, &said->at))
                rule = NULL;
        if (!rule)
            continue;
        if (said->severity > rule->severity)
            rule->severity = said->severity;
        if (said->severity > KL_NOTE && !kl_streq(said->message, rule->message))
            kl_diag_effect(d, rule, "%s: %s", stage_of(k, marks), said->message);
        if (kl_streq(rule->code, "no-address") && said->hint)
            rule->hint = said->hint; /* the mend of the cause */
        any = said->folded = true;
    }
    if (any)
        kl_diags_keep(d, from, stays, NULL);
}
