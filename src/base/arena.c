/* An arena is a list of blocks, the newest first. Blocks double up to 1 MiB, so a small parse
 * costs one page and 100,000 hosts cost a few hundred blocks.
 *
 * Out of memory ends the process with a clear line. Every allocation here is bounded by the size
 * of a file that a person gave, never by a packet (src/serve reads packets into fixed buffers),
 * and Linux hands out address space that it may not have: a NULL that is carried up through each
 * caller would be code that no machine ever runs. */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct kl_arena {
    struct block *blocks;
    size_t held;
};

static void out_of_memory(void)
{
    fputs("kickline: out of memory\n", stderr);
    abort();
}

void *kl_xmalloc(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *kl_xrealloc(void *p, size_t bytes)
{
    void *q = realloc(p, bytes ? bytes : 1);
    if (!q)
        out_of_memory();
    return q;
}

struct kl_arena *kl_arena_new(void)
{
    return kl_xmalloc(sizeof(struct kl_arena));
}

void kl_arena_free(struct kl_arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

size_t kl_arena_bytes(const struct kl_arena *a)
{
    return a->held;
}

void *kl_alloc(struct kl_arena *a, size_t bytes)
{
    const size_t align = _Alignof(max_align_t);
    if (bytes > SIZE_MAX / 2)
        out_of_memory();
    bytes = (bytes + align - 1) / align * align;
    struct block *b = a->blocks;
    if (!b || b->size - b->used < bytes) {
        size_t size = b ? b->size * 2 : 4096 - sizeof(struct block);
        if (size > (1u << 20))
            size = 1u << 20;
        if (size < bytes)
            size = bytes;
        b = kl_xmalloc(sizeof *b + size);
        b->size = size;
        b->next = a->blocks;
        a->blocks = b;
        a->held += sizeof *b + size;
    }
    void *p = b->bytes + b->used;
    b->used += bytes;
    return p;
}

char *kl_strndup(struct kl_arena *a, const char *s, size_t len)
{
    char *p = kl_alloc(a, len + 1);
    memcpy(p, s, len);
    return p;
}

char *kl_strdup(struct kl_arena *a, const char *s)
{
    return kl_strndup(a, s, strlen(s));
}

char *kl_vsprintf(struct kl_arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = kl_alloc(a, (size_t)(n < 0 ? 0 : n) + 1);
    if (n > 0)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

char *kl_sprintf(struct kl_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *p = kl_vsprintf(a, fmt, ap);
    va_end(ap);
    return p;
}

void *kl_grow(struct kl_arena *a, void *old, size_t n, size_t size)
{
    if (n != 0 && (n & (n - 1)) != 0)
        return old; /* room is a power of two, and this is not full */
    size_t room = n ? n * 2 : 1;
    void *p = kl_alloc(a, room * size);
    if (n)
        memcpy(p, old, n * size);
    return p;
}
