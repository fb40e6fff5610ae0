/* Memory that is let go all at once.
 *
 * A loaded fleet, a parsed file or the answer to one request each live in one arena: what they
 * point to needs no owner of its own, and one kl_arena_free() ends it. Blocks grow, so memory
 * stays linear in what is kept. Not thread-safe: one arena, one writer; a finished arena may be
 * read by any number of threads.
 *
 * Out of memory ends the process (base/arena.c says why): no function here returns NULL.
 */
#ifndef KL_BASE_ARENA_H
#define KL_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct kl_arena;

struct kl_arena *kl_arena_new(void);
void kl_arena_free(struct kl_arena *a);          /* NULL is fine */
size_t kl_arena_bytes(const struct kl_arena *a); /* bytes held, for tests and benchmarks */

void *kl_alloc(struct kl_arena *a, size_t bytes); /* zeroed, aligned for any type */
char *kl_strdup(struct kl_arena *a, const char *s);
char *kl_strndup(struct kl_arena *a, const char *s, size_t len);
char *kl_sprintf(struct kl_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *kl_vsprintf(struct kl_arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Copies `n` old elements into room for one more and returns it; *n is not changed. Room doubles
 * at powers of two, so a list built with it costs linear time:
 *     list = kl_grow(a, list, n, sizeof *list); list[n++] = x; */
void *kl_grow(struct kl_arena *a, void *old, size_t n, size_t size);

static inline void kl_arena_drop(struct kl_arena **a)
{
    kl_arena_free(*a);
}
#define KL_ARENA_SCOPE __attribute__((cleanup(kl_arena_drop)))

/* malloc(3) that ends the process instead of returning NULL, for what lives in no arena. */
void *kl_xmalloc(size_t bytes); /* zeroed; release with free() */
void *kl_xrealloc(void *p, size_t bytes);

#endif
