/* Any bytes as a configuration of Kea, which includes itself and another text: read without harm,
 * and every place lies in a text. The text before a NUL is the file, what follows is what it may
 * include. */
#include "reserved_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return reserved_fuzz(kl_kea_parse, data, size);
}
