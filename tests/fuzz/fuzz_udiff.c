/* Any bytes as a text and a diff of it, with a NUL between them. */
#include "image/udiff.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = memchr(data, 0, size);
    size_t old = nul ? (size_t)(nul - data) : 0, from = nul ? old + 1 : 0;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_buf out KL_BUF_SCOPE = {0};
    bool ok = kl_udiff_apply(d, "etc/f", (const char *)data, old, "d.diff",
        (const char *)data + from, size - from, &out);
    if (ok == (kl_diags_count(d, KL_ERROR) > 0) || (!ok && out.len))
        abort();
    return 0;
}
