#include "base/text.h"
#include "image/patch_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SMALL = 64 << 10,  /* a file up to it is read, a larger one stays where it is */
    IN_ONE = 1 << 20,  /* of an archive: up to it a file lies in memory ... */
    IN_ALL = 64 << 20, /* ... as long as all together are no more than this */
    PINS_MOST = 256,   /* open files; a usual limit is 1024 (setrlimit(2)) */
};

void kl_input_begin(struct kl_input *in, struct kl_patch *p, const char *name)
{
    *in = (struct kl_input){.p = p, .first = p->n, .spool = -1};
    p->log.image = kl_diag_text(p->log.d, "%s", name);
    p->log.told = 0;
}

static bool io(struct kl_input *in, const char *what)
{
    return kl_fault(&in->p->log, KL_IMAGE_IO, KL_NO_OFFSET,
        errno == ENOSPC ? "$TMPDIR names a directory with more room" : NULL, "%s: %s", what,
        strerror(errno));
}

static int open_spool(void)
{
    const char *dir = getenv("TMPDIR");
    if (!dir || *dir != '/')
        dir = "/tmp";
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd;
    struct kl_buf name KL_BUF_SCOPE = {0};
    kl_buf_addf(&name, "%s/kickline-XXXXXX", dir);
    fd = mkostemp(name.s, O_CLOEXEC);
    if (fd >= 0)
        unlink(name.s);
    return fd;
}

static bool need_spool(struct kl_input *in)
{
    if (in->spool < 0)
        in->spool = open_spool();
    return in->spool >= 0 || io(in, "no temporary file can be made");
}

bool kl_input_open(struct kl_input *in, struct kl_rope *rope, uint64_t len, struct kl_incoming *c)
{
    *c = (struct kl_incoming){.rope = kl_rope_hold(rope), .len = len};
    if (len <= IN_ONE && in->memory + len <= IN_ALL) {
        c->bytes = kl_xmalloc((size_t)len + 1);
        in->memory += (size_t)len;
        return true;
    }
    c->at = in->spooled;
    in->spooled += len;
    return need_spool(in);
}

bool kl_input_put(
    struct kl_input *in, struct kl_incoming *c, uint64_t at, const void *bytes, size_t n)
{
    if (at > c->len || n > c->len - at)
        return kl_fault(&in->p->log, KL_IMAGE_CORRUPT, KL_NO_OFFSET, NULL,
            "a file has more bytes than the %llu that it says", (unsigned long long)c->len);
    if (c->bytes && n)
        memcpy(c->bytes + at, bytes, n);
    for (size_t done = 0; !c->bytes && done < n;) {
        ssize_t put =
            pwrite(in->spool, (const char *)bytes + done, n - done, (off_t)(c->at + at + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return io(in, "the temporary file cannot be written");
        done += (size_t)put;
    }
    return true;
}

void kl_input_close(struct kl_input *in, struct kl_incoming *c, bool ok)
{
    if (c->bytes && ok) {
        kl_rope_add_bytes_take(c->rope, c->bytes, (size_t)c->len);
        kl_rope_drop(c->rope);
    } else if (ok) {
        in->waits = kl_grow(in->p->a, in->waits, in->nwaits, sizeof *in->waits);
        in->waits[in->nwaits++] = (struct spooled){c->rope, c->at, c->len};
    } else {
        free(c->bytes);
        kl_rope_drop(c->rope);
    }
    *c = (struct kl_incoming){0};
}

/* The spool becomes a pinned file, and what lies in it, ranges. Its time is the input's, so that a
 * rope of it has the same entity tag wherever it is made. */
static bool settle_spool(struct kl_input *in)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, in->time};
    if (ftruncate(in->spool, (off_t)in->spooled) != 0 || futimens(in->spool, times) != 0)
        return io(in, "the temporary file cannot be finished");
    struct kl_pin *pin = kl_pin_take(in->spool);
    in->spool = -1;
    if (!pin)
        return io(in, "the temporary file cannot be kept");
    for (size_t i = 0; i < in->nwaits; i++)
        kl_rope_add_file(in->waits[i].rope, pin, in->waits[i].at, in->waits[i].len);
    kl_pin_drop(pin);
    return true;
}

bool kl_input_end(struct kl_input *in, bool ok)
{
    struct kl_patch *p = in->p;
    if (in->spool >= 0 && ok)
        ok = settle_spool(in);
    if (in->spool >= 0)
        close(in->spool);
    for (size_t i = 0; i < in->nwaits; i++)
        kl_rope_drop(in->waits[i].rope);
    while (!ok && p->n > in->first)
        kl_rope_drop(p->changes[--p->n].content);
    p->log.image = NULL;
    return ok;
}

/* --- files of this machine ---------------------------------------------------------------------*/

static bool changed(struct kl_input *in, const char *name)
{
    return kl_fault(&in->p->log, KL_IMAGE_IO, KL_NO_OFFSET, "patch again when it is whole",
        "'%s' changed while it was read", name);
}

/* All of it; what it was when it was opened must be what it is afterwards. */
static bool read_all(
    struct kl_input *in, int fd, const struct stat *st, const char *name, struct kl_incoming *c)
{
    char *part = kl_xmalloc(SMALL);
    struct stat after;
    uint64_t at = 0;
    bool ok = true;
    for (ssize_t n = 1; ok && n > 0;) {
        n = pread(fd, part, SMALL, (off_t)at);
        if (n < 0)
            ok = errno == EINTR || kl_patch_io(in->p, name);
        else if ((uint64_t)n > c->len - at)
            ok = changed(in, name);
        else
            ok = kl_input_put(in, c, at, part, (size_t)n);
        at += n > 0 ? (uint64_t)n : 0;
        n = n < 0 ? 1 : n;
    }
    free(part);
    if (ok &&
        (at != c->len || fstat(fd, &after) != 0 || after.st_mtim.tv_sec != st->st_mtim.tv_sec ||
            after.st_mtim.tv_nsec != st->st_mtim.tv_nsec))
        ok = changed(in, name);
    return ok;
}

struct kl_rope *kl_input_file(struct kl_input *in, int fd, const struct stat *st, const char *name)
{
    if (st->st_size > SMALL && in->pins < PINS_MOST) {
        in->pins++;
        struct kl_rope *rope = kl_rope_of_fd(fd);
        if (!rope)
            kl_patch_io(in->p, name);
        return rope;
    }
    struct kl_rope *rope = kl_rope_new();
    struct kl_incoming c;
    bool ok = kl_input_open(in, rope, (uint64_t)st->st_size, &c) && read_all(in, fd, st, name, &c);
    kl_input_close(in, &c, ok);
    close(fd);
    if (ok)
        return rope;
    kl_rope_drop(rope);
    return NULL;
}
