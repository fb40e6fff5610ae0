/* Changed blocks lie in a hash by their index, so that tens of thousands of them cost no more than
 * one each. Blocks of the base are read whole into a small cache, for they are often the unit that
 * must be unpacked. A block is copied when a write first changes a byte of it: libext2fs writes
 * much that is there already (docs/image-patching.md, 4). */
#include "image/cow.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { CACHE_BYTES = 8 << 20, CACHE_LEAST = 8, CACHE_MOST = 64, TABLE_FIRST = 64 };

struct held {
    uint64_t index;
    uint64_t used; /* the cache: when it was last asked for */
    unsigned char *bytes;
};

struct kl_cow {
    const struct kl_reader *base;
    uint32_t block;
    struct held *cache;
    size_t ncache, cache_room;
    uint64_t clock;
    struct held *table; /* open addressing; no bytes: free */
    size_t n, room;     /* room is a power of two */
    bool settled;       /* `order` is right, and no block is as in the base */
    uint64_t *order;
};

struct kl_cow *kl_cow_new(const struct kl_reader *base, uint32_t block)
{
    struct kl_cow *c = kl_xmalloc(sizeof *c);
    c->base = base;
    c->block = block ? block : 1;
    c->cache_room = CACHE_BYTES / c->block;
    if (c->cache_room < CACHE_LEAST)
        c->cache_room = CACHE_LEAST;
    if (c->cache_room > CACHE_MOST)
        c->cache_room = CACHE_MOST;
    c->cache = kl_xmalloc(c->cache_room * sizeof *c->cache);
    c->room = TABLE_FIRST;
    c->table = kl_xmalloc(c->room * sizeof *c->table);
    c->settled = true;
    return c;
}

static void free_bytes(struct held *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i].bytes);
    free(list);
}

void kl_cow_free(struct kl_cow *c)
{
    if (!c)
        return;
    free_bytes(c->cache, c->ncache);
    free_bytes(c->table, c->room);
    free(c->order);
    free(c);
}

uint64_t kl_cow_len(const struct kl_cow *c)
{
    return c->base->len;
}

uint32_t kl_cow_block(const struct kl_cow *c)
{
    return c->block;
}

static size_t block_len(const struct kl_cow *c, uint64_t index)
{
    uint64_t left = c->base->len - index * c->block;
    return left < c->block ? (size_t)left : c->block;
}

/* --- the base's blocks -------------------------------------------------------------------------*/

static struct held *oldest(struct kl_cow *c)
{
    if (c->ncache < c->cache_room) {
        struct held *h = &c->cache[c->ncache++];
        h->bytes = kl_xmalloc(c->block);
        return h;
    }
    struct held *h = c->cache;
    for (size_t i = 1; i < c->ncache; i++)
        if (c->cache[i].used < h->used)
            h = &c->cache[i];
    return h;
}

/* The base's block, until the next call; NULL after it was reported. */
static const unsigned char *base_block(struct kl_cow *c, uint64_t index)
{
    c->clock++;
    for (size_t i = 0; i < c->ncache; i++)
        if (c->cache[i].used && c->cache[i].index == index) {
            c->cache[i].used = c->clock;
            return c->cache[i].bytes;
        }
    struct held *h = oldest(c);
    h->used = 0; /* holds nothing, unless the read is good */
    if (!kl_read(c->base, index * c->block, h->bytes, block_len(c, index), "block"))
        return NULL;
    h->index = index;
    h->used = c->clock;
    return h->bytes;
}

/* --- the changed ones --------------------------------------------------------------------------*/

/* Where a block is, or would be put. */
static struct held *slot(struct held *table, size_t room, uint64_t index)
{
    size_t i = (size_t)(index * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (room - 1);
    while (table[i].bytes && table[i].index != index)
        i = (i + 1) & (room - 1);
    return &table[i];
}

static struct held *changed(struct kl_cow *c, uint64_t index)
{
    struct held *h = slot(c->table, c->room, index);
    return h->bytes ? h : NULL;
}

static void double_table(struct kl_cow *c)
{
    size_t room = c->room * 2;
    struct held *table = kl_xmalloc(room * sizeof *table);
    for (size_t i = 0; i < c->room; i++)
        if (c->table[i].bytes)
            *slot(table, room, c->table[i].index) = c->table[i];
    free(c->table);
    c->table = table;
    c->room = room;
}

static struct held *copy_block(struct kl_cow *c, uint64_t index, const unsigned char *base)
{
    if ((c->n + 1) * c->block > KL_COW_MOST) {
        kl_fault(c->base->log, KL_IMAGE_FULL, index * c->block,
            "make the change smaller, or build the image anew",
            "the change touches more than %u MiB", (unsigned)(KL_COW_MOST >> 20));
        return NULL;
    }
    if ((c->n + 1) * 2 > c->room)
        double_table(c);
    size_t n = block_len(c, index);
    struct held *h = slot(c->table, c->room, index);
    h->index = index;
    h->bytes = kl_xmalloc(n);
    memcpy(h->bytes, base, n);
    c->n++;
    return h;
}

/* --- bytes -------------------------------------------------------------------------------------*/

static bool within(const struct kl_cow *c, uint64_t at, size_t n)
{
    if (at <= c->base->len && n <= c->base->len - at)
        return true;
    return kl_fault(c->base->log, KL_IMAGE_TRUNCATED, at,
        "it is cut short or damaged: fetch it again and compare its checksum",
        "%zu bytes would reach over the end, byte %llu", n, (unsigned long long)c->base->len);
}

/* The part of a range that lies in one block. */
struct part {
    uint64_t index;
    size_t from, n;
};
static struct part part_of(const struct kl_cow *c, uint64_t at, size_t n)
{
    struct part p = {.index = at / c->block, .from = (size_t)(at % c->block)};
    p.n = c->block - p.from < n ? c->block - p.from : n;
    return p;
}

bool kl_cow_read(struct kl_cow *c, uint64_t at, void *to, size_t n)
{
    if (!within(c, at, n))
        return false;
    while (n) {
        struct part p = part_of(c, at, n);
        const struct held *h = changed(c, p.index);
        const unsigned char *bytes = h ? h->bytes : base_block(c, p.index);
        if (!bytes)
            return false;
        memcpy(to, bytes + p.from, p.n);
        at += p.n;
        to = (char *)to + p.n;
        n -= p.n;
    }
    return true;
}

static bool write_part(struct kl_cow *c, struct part p, const void *from)
{
    struct held *h = changed(c, p.index);
    if (!h) {
        const unsigned char *base = base_block(c, p.index);
        if (!base)
            return false;
        if (memcmp(base + p.from, from, p.n) == 0)
            return true;
        h = copy_block(c, p.index, base);
        if (!h)
            return false;
    }
    memcpy(h->bytes + p.from, from, p.n);
    c->settled = false;
    return true;
}

bool kl_cow_write(struct kl_cow *c, uint64_t at, const void *from, size_t n)
{
    if (!within(c, at, n))
        return false;
    while (n) {
        struct part p = part_of(c, at, n);
        if (!write_part(c, p, from))
            return false;
        at += p.n;
        from = (const char *)from + p.n;
        n -= p.n;
    }
    return true;
}

/* --- afterwards --------------------------------------------------------------------------------*/

static int by_index(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void fill_table(struct kl_cow *c, const struct held *list)
{
    memset(c->table, 0, c->room * sizeof *c->table);
    for (size_t i = 0; i < c->n; i++)
        *slot(c->table, c->room, list[i].index) = list[i];
}

/* Sorts the changed blocks and forgets those that are as in the base again. */
static bool settle(struct kl_cow *c)
{
    if (c->settled)
        return true;
    struct held *list = kl_xmalloc(c->n * sizeof *list + 1);
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < c->room; i++)
        if (c->table[i].bytes)
            list[n++] = c->table[i];
    qsort(list, n, sizeof *list, by_index);
    c->order = kl_xrealloc(c->order, n * sizeof *c->order + 1);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *base = ok ? base_block(c, list[i].index) : NULL;
        ok = ok && base;
        if (base && memcmp(base, list[i].bytes, block_len(c, list[i].index)) == 0) {
            free(list[i].bytes);
            continue;
        }
        c->order[kept] = list[i].index;
        list[kept++] = list[i];
    }
    c->n = kept;
    fill_table(c, list);
    free(list);
    c->settled = ok;
    return ok;
}

size_t kl_cow_changed(struct kl_cow *c)
{
    settle(c);
    return c->n;
}

bool kl_cow_each(struct kl_cow *c,
    bool (*each)(void *arg, uint64_t index, const void *bytes, size_t n), void *arg)
{
    if (!settle(c))
        return false;
    for (size_t i = 0; i < c->n; i++)
        if (!each(arg, c->order[i], changed(c, c->order[i])->bytes, block_len(c, c->order[i])))
            return false;
    return true;
}

struct splice {
    struct kl_rope *to;
    const struct kl_rope *base;
    uint32_t block;
};

static bool splice_block(void *arg, uint64_t index, const void *bytes, size_t n)
{
    struct splice *s = arg;
    uint64_t done = kl_rope_len(s->to);
    kl_rope_add_rope(s->to, s->base, done, index * s->block - done);
    kl_rope_add_bytes(s->to, bytes, n);
    return true;
}

struct kl_rope *kl_cow_rope(struct kl_cow *c, const struct kl_rope *base)
{
    struct splice s = {.to = kl_rope_new(), .base = base, .block = c->block};
    if (!kl_cow_each(c, splice_block, &s)) {
        kl_rope_drop(s.to);
        return NULL;
    }
    uint64_t done = kl_rope_len(s.to);
    kl_rope_add_rope(s.to, base, done, c->base->len - done);
    return s.to;
}
