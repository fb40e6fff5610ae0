#include "check/case.h"

void kl_rules_line(const struct kl_case *c, struct kl_diags *d)
{
    (void)c, (void)d;
}
