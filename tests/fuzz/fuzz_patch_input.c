/* Any bytes as an archive that a patch comes in, and what it is read as, written as a cpio. */
#include "image/cpio.h"
#include "image/patch_own.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* libarchive 3.6 asks malloc(3) for as many bytes as the name of a newc entry is said to have, up
 * to 4 GiB, before it finds that they are not there. It touches none of them, but libFuzzer counts.
 */
static bool has_huge_name(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + 110 <= size; i++)
        if (memcmp(data + i, "07070", 5) == 0 && memcmp(data + i + 94, "000", 3) != 0)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (has_huge_name(data, size))
        return 0;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_patch *p = kl_patch_new(d);
    struct kl_rope *out KL_ROPE_SCOPE = kl_rope_new();
    int fd = memfd_create("archive", MFD_CLOEXEC);
    if (!p || fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    bool ok = kl_patch_add_archive_fd(p, fd, "archive");
    if (ok ? kl_diags_count(d, KL_ERROR) : !kl_diags_count(d, KL_ERROR) || p->n)
        abort();
    for (size_t i = 0; i < p->n; i++)
        if (!*p->changes[i].path || p->changes[i].path[0] == '/')
            abort();
    if (ok && !kl_cpio_of_patch(p, 0, out) && !kl_diags_count(d, KL_ERROR))
        abort();
    kl_patch_free(p);
    return 0;
}
