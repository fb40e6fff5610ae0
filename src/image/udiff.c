#include "image/udiff.h"

bool kl_udiff_apply(struct kl_diags *d, const char *path, const char *old, size_t old_len,
    const char *diff_file, const char *diff, size_t diff_len, struct kl_buf *out)
{
    (void)d;
    (void)path;
    (void)old;
    (void)old_len;
    (void)diff_file;
    (void)diff;
    (void)diff_len;
    (void)out;
    return false;
}
