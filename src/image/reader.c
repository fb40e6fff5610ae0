#include "image/reader.h"

#include <errno.h>
#include <string.h>

bool kl_read(const struct kl_reader *r, uint64_t at, void *to, size_t n, const char *what)
{
    if (at > r->len || n > r->len - at)
        return kl_fault(r->log, KL_IMAGE_TRUNCATED, at,
            "it is cut short or damaged: fetch it again and compare its checksum",
            "the %s of %zu bytes would reach over the end, byte %llu", what, n,
            (unsigned long long)r->len);
    return !n || r->read(r, at, to, n);
}

static bool read_rope(const struct kl_reader *self, uint64_t at, void *to, size_t n)
{
    if (kl_rope_read(self->arg, at, to, n) == (ssize_t)n)
        return true;
    return kl_fault(self->log, KL_IMAGE_IO, at, NULL, "cannot be read: %s",
        errno == ESTALE ? "it was cut short while it was being read" : strerror(errno));
}

struct kl_reader kl_rope_reader(const struct kl_rope *rope, struct kl_fault_log *log)
{
    return (struct kl_reader){
        .len = kl_rope_len(rope), .read = read_rope, .arg = (void *)rope, .log = log};
}
