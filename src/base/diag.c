#include "base/diag.h"

#include "base/arena.h"
#include "base/names.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct source {
    const char *name, *text;
    size_t len, rank;
    size_t *lines; /* where each starts; made when the first of them is shown */
    size_t nlines;
};

struct kl_diags {
    struct kl_arena *arena;
    struct kl_names sources; /* the last of each name counts */
    struct kl_diag **list;
    size_t nsources, n;
};

struct kl_diags *kl_diags_new(void)
{
    struct kl_diags *d = kl_xmalloc(sizeof *d);
    d->arena = kl_arena_new();
    return d;
}

void kl_diags_free(struct kl_diags *d)
{
    if (!d)
        return;
    kl_names_free(&d->sources);
    kl_arena_free(d->arena);
    free(d);
}

static struct source *find_source(const struct kl_diags *d, const char *name)
{
    return name ? (struct source *)kl_names_get(&d->sources, name) : NULL;
}

const char *kl_diags_source(struct kl_diags *d, const char *file, const char *text, size_t len)
{
    struct source *s = find_source(d, file);
    if (s && s->len == len && memcmp(s->text, text, len) == 0)
        return s->name; /* several installs share a file */
    s = kl_alloc(d->arena, sizeof *s);
    s->name = kl_strdup(d->arena, file);
    s->text = kl_strndup(d->arena, text, len);
    s->len = len;
    s->rank = d->nsources++;
    *kl_names_slot(&d->sources, s->name) = s;
    return s->name;
}

const char *kl_diag_text(struct kl_diags *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *s = kl_vsprintf(d->arena, fmt, ap);
    va_end(ap);
    return s;
}

struct kl_diag *kl_diag(struct kl_diags *d, enum kl_severity severity, const char *code,
    struct kl_place at, const char *hint, const char *fmt, ...)
{
    struct kl_diag *one = kl_alloc(d->arena, sizeof *one);
    *one = (struct kl_diag){.severity = severity, .at = at};
    one->code = kl_strdup(d->arena, code);
    if (at.file)
        one->at.file = kl_strdup(d->arena, at.file);
    if (hint)
        one->hint = kl_strdup(d->arena, hint);
    va_list ap;
    va_start(ap, fmt);
    one->message = kl_vsprintf(d->arena, fmt, ap);
    va_end(ap);
    d->list = kl_grow(d->arena, d->list, d->n, sizeof *d->list);
    d->list[d->n++] = one;
    return one;
}

void kl_diag_also(struct kl_diags *d, struct kl_diag *one, struct kl_place at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    one->also_says = kl_vsprintf(d->arena, fmt, ap);
    va_end(ap);
    one->also = at;
    one->also.file = at.file ? kl_strdup(d->arena, at.file) : NULL;
}

void kl_diag_effect(struct kl_diags *d, struct kl_diag *one, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    one->effects = kl_grow(d->arena, one->effects, one->neffects, sizeof *one->effects);
    one->effects[one->neffects++] = kl_vsprintf(d->arena, fmt, ap);
    va_end(ap);
}

void kl_diag_edit(struct kl_diags *d, struct kl_diag *one, struct kl_place at, const char *text)
{
    one->edits = kl_grow(d->arena, one->edits, one->nedits, sizeof *one->edits);
    struct kl_edit *e = &one->edits[one->nedits++];
    *e = (struct kl_edit){at, kl_strdup(d->arena, text)};
    e->at.file = at.file ? kl_strdup(d->arena, at.file) : NULL;
}

void kl_diags_keep(
    struct kl_diags *d, size_t from, bool (*keep)(void *arg, const struct kl_diag *one), void *arg)
{
    size_t n = from;
    if (from >= d->n)
        return;
    for (size_t k = from; k < d->n; k++)
        if (keep(arg, d->list[k]))
            d->list[n++] = d->list[k];
    d->n = n;
}

size_t kl_diags_count(const struct kl_diags *d, enum kl_severity at_least)
{
    size_t n = 0;
    if (at_least == KL_NOTE)
        return d->n;
    for (size_t i = 0; i < d->n; i++)
        n += d->list[i]->severity >= at_least;
    return n;
}

const struct kl_diag *kl_diags_at(const struct kl_diags *d, size_t i)
{
    return i < d->n ? d->list[i] : NULL;
}

bool kl_diags_knows(const struct kl_diags *d, const char *file)
{
    return find_source(d, file) != NULL;
}

const char *kl_diags_text(const struct kl_diags *d, const char *file, size_t *len)
{
    const struct source *s = find_source(d, file);
    if (s && len)
        *len = s->len;
    return s ? s->text : NULL;
}

static size_t source_rank(const struct kl_diags *d, const char *name)
{
    const struct source *s = find_source(d, name);
    return s ? s->rank : d->nsources;
}

static int by_place(const void *x, const void *y, void *arg)
{
    const struct kl_diag *a = *(struct kl_diag *const *)x, *b = *(struct kl_diag *const *)y;
    size_t ra = source_rank(arg, a->at.file), rb = source_rank(arg, b->at.file);
    if (ra != rb)
        return ra < rb ? -1 : 1;
    if (a->at.line != b->at.line)
        return a->at.line < b->at.line ? -1 : 1;
    return a->at.col == b->at.col ? 0 : a->at.col < b->at.col ? -1 : 1;
}

void kl_diags_sort(struct kl_diags *d)
{
    if (d->n)
        qsort_r(d->list, d->n, sizeof *d->list, by_place, d);
}

/* A file of 100,000 hosts may have a mistake in each: lines are found by an index. */
static void index_lines(struct kl_arena *a, struct source *s)
{
    size_t n = 1;
    for (size_t i = 0; i < s->len; i++)
        n += s->text[i] == '\n';
    s->lines = kl_alloc(a, n * sizeof *s->lines);
    s->nlines = n;
    for (size_t i = 0, line = 1; i < s->len; i++)
        if (s->text[i] == '\n')
            s->lines[line++] = i + 1;
}

const char *kl_diags_line(const struct kl_diags *d, const char *file, unsigned n, size_t *len)
{
    struct source *s = n ? find_source(d, file) : NULL;
    if (!s)
        return NULL;
    if (!s->lines)
        index_lines(d->arena, s);
    if (n > s->nlines)
        return NULL;
    const char *p = s->text + s->lines[n - 1];
    const char *stop = n < s->nlines ? s->text + s->lines[n] - 1 : s->text + s->len;
    if (stop > p && stop[-1] == '\r')
        stop--;
    *len = (size_t)(stop - p);
    return p;
}
