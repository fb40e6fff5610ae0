/* Findings, written out. */
#include "check/check.h"

#include <stdlib.h>

struct kl_report {
    FILE *out;
    enum kl_report_format format;
    bool colour;
};

struct kl_report *kl_report_new(FILE *out, enum kl_report_format format, bool colour)
{
    struct kl_report *r = kl_xmalloc(sizeof *r);
    *r = (struct kl_report){out, format, colour};
    return r;
}

void kl_report_add(struct kl_report *r, struct kl_diags *d)
{
    kl_diags_sort(d);
    kl_diags_print(d, r->out, r->colour, 0);
}

void kl_report_end(struct kl_report *r, const struct kl_check_result *result)
{
    (void)result;
    free(r);
}
