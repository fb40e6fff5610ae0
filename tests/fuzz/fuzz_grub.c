/* Any GRUB configuration, including itself and others: reading it ends, and every place that it
 * reports lies within a text that is known. */
#include "menu_places.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    menu_reads(kl_grub_parse, (const char *)data, size);
    return 0;
}
