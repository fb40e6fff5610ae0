/* Findings as SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), one result at a
 * time. Private to the room. */
#ifndef KL_CHECK_SARIF_H
#define KL_CHECK_SARIF_H

#include "base/diag.h"

struct kl_sarif;

struct kl_sarif *kl_sarif_begin(FILE *out); /* the tool and its rules */
void kl_sarif_result(struct kl_sarif *s, const struct kl_diags *d, const struct kl_diag *one);
void kl_sarif_end(struct kl_sarif *s); /* and frees it */

#endif
