/* Every code that a finding may carry. */
#include "check/check.h"

#include "base/text.h"

#define BETWEEN "between stages"
#define WITHIN "within one"
#define REASONING "by reasoning"
#define READING "reading"

const struct kl_code kl_codes[] = {
    {NULL, NULL, NULL, NULL},
};

const struct kl_code *kl_code(const char *code)
{
    for (const struct kl_code *c = kl_codes; c->code; c++)
        if (kl_streq(c->code, code))
            return c;
    return NULL;
}
