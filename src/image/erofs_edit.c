/* What is changed in the image's own bytes: inodes that are pointed elsewhere, entries, the
 * superblock. */
#include "image/erofs_own.h"

#include <stdlib.h>
#include <string.h>

static unsigned char *cell(struct kl_erofs_edits *d, uint64_t index)
{
    unsigned char *c = kl_erofs_known(&d->cells, index + 1);
    if (c)
        return c;
    uint64_t at = index * KL_EROFS_CELL, left = d->e->in.len - at;
    c = kl_alloc(d->a, KL_EROFS_CELL);
    if (!kl_read(&d->e->in, at, c, left < KL_EROFS_CELL ? (size_t)left : KL_EROFS_CELL, "change"))
        return NULL;
    *kl_erofs_at(&d->cells, index + 1) = c;
    return c;
}

static bool is_within(struct kl_erofs_edits *d, uint64_t at, size_t n)
{
    if (at <= d->e->in.len && n <= d->e->in.len - at)
        return true;
    return kl_fault(
        d->e->log, KL_IMAGE_TRUNCATED, at, NULL, "what must be changed lies after the image's end");
}

bool kl_erofs_edit_get(struct kl_erofs_edits *d, uint64_t at, void *to, size_t n)
{
    if (!is_within(d, at, n) || !kl_read(&d->e->in, at, to, n, "change"))
        return false;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *c = kl_erofs_known(&d->cells, (at + i) / KL_EROFS_CELL + 1);
        if (c)
            ((unsigned char *)to)[i] = c[(at + i) % KL_EROFS_CELL];
    }
    return true;
}

bool kl_erofs_edit_put(struct kl_erofs_edits *d, uint64_t at, const void *from, size_t n)
{
    if (!is_within(d, at, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char *c = cell(d, (at + i) / KL_EROFS_CELL);
        if (!c)
            return false;
        c[(at + i) % KL_EROFS_CELL] = ((const unsigned char *)from)[i];
    }
    return true;
}

bool kl_erofs_edit_sum(struct kl_erofs_edits *d)
{
    if (!(d->e->compat & KL_EROFS_SUM))
        return true;
    size_t n = kl_erofs_summed(d->e);
    unsigned char sum[4] = {0}, *b = kl_xmalloc(n);
    bool ok = kl_erofs_edit_put(d, KL_EROFS_SUPER + 4, sum, sizeof sum) &&
              kl_erofs_edit_get(d, KL_EROFS_SUPER, b, n);
    kl_put32(sum, kl_erofs_crc(~UINT32_C(0), b, n));
    free(b);
    return ok && kl_erofs_edit_put(d, KL_EROFS_SUPER + 4, sum, sizeof sum);
}

static int by_place(const void *a, const void *b)
{
    const struct kl_erofs_place *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

struct kl_rope *kl_erofs_edited(const struct kl_erofs_edits *d)
{
    struct kl_rope *out = kl_rope_new();
    struct kl_erofs_place *p = kl_xmalloc((d->cells.n + 1) * sizeof *p);
    struct kl_buf b KL_BUF_SCOPE = {0};
    uint64_t len = d->e->in.len, done = 0;
    size_t n = 0;
    for (size_t i = 0; i < d->cells.room; i++)
        if (d->cells.place[i].value)
            p[n++] = d->cells.place[i];
    if (n)
        qsort(p, n, sizeof *p, by_place);
    for (size_t i = 0; i < n;) {
        uint64_t at = (p[i].key - 1) * KL_EROFS_CELL;
        kl_rope_add_rope(out, d->e->image, done, at - done);
        kl_buf_clear(&b);
        for (done = at; i < n && (p[i].key - 1) * KL_EROFS_CELL == done; i++) {
            size_t size = len - done < KL_EROFS_CELL ? (size_t)(len - done) : KL_EROFS_CELL;
            kl_buf_addn(&b, p[i].value, size);
            done += size;
        }
        kl_rope_add_bytes(out, b.s, b.len);
    }
    kl_rope_add_rope(out, d->e->image, done, len - done);
    free(p);
    return out;
}
