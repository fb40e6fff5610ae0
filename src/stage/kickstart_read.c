/* A kickstart, read whole: commands, sections, what its scripts write. */
#include "stage/read.h"

struct kl_kickstart *kl_kickstart_read(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_release *r, const struct kl_finder *files, struct kl_diags *d)
{
    struct kl_kickstart *k = kl_alloc(a, sizeof *k);
    (void)len, (void)files;
    k->file = file;
    k->network = kl_kickstart_parse(a, text, file, r, d);
    return k;
}
