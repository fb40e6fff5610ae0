/* One fault, said once. Private to the room. */
#ifndef KL_CHECK_FOLD_H
#define KL_CHECK_FOLD_H

#include "check/cases.h"

/* What readers said (up to marks->end) and rules said (after it) about the same place becomes one
 * finding: the rule's, with what the reader said as an effect of its stage, and the graver of the
 * two severities. `from`: the first diagnostic of this case. */
void kl_fold(struct kl_diags *d, size_t from, const struct kl_case_marks *marks);

#endif
