#include "base/diag.h"

#include "base/arena.h"
#include "base/names.h"
#include "base/text.h"

#include <jansson.h>
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

const char *kl_diags_source(struct kl_diags *d, const char *file, const char *text, size_t len)
{
    struct source *s = kl_alloc(d->arena, sizeof *s);
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
    struct kl_diags *d, bool (*keep)(void *arg, const struct kl_diag *one), void *arg)
{
    size_t n = 0;
    for (size_t k = 0; k < d->n; k++)
        if (keep(arg, d->list[k]))
            d->list[n++] = d->list[k];
    d->n = n;
}

size_t kl_diags_count(const struct kl_diags *d, enum kl_severity at_least)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++)
        n += d->list[i]->severity >= at_least;
    return n;
}

const struct kl_diag *kl_diags_at(const struct kl_diags *d, size_t i)
{
    return i < d->n ? d->list[i] : NULL;
}

static struct source *find_source(const struct kl_diags *d, const char *name)
{
    return name ? (struct source *)kl_names_get(&d->sources, name) : NULL;
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

static const char *const severity_word[] = {"note", "warning", "error"};
static const char *const severity_colour[] = {"\033[1;36m", "\033[1;35m", "\033[1;31m"};

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

/* The text of line `n`, without its end; length in *len. NULL when there is none. */
static const char *line_text(struct kl_arena *a, struct source *s, unsigned n, size_t *len)
{
    if (!s->lines)
        index_lines(a, s);
    if (n > s->nlines)
        return NULL;
    const char *p = s->text + s->lines[n - 1];
    const char *stop = n < s->nlines ? s->text + s->lines[n] - 1 : s->text + s->len;
    if (stop > p && stop[-1] == '\r')
        stop--;
    *len = (size_t)(stop - p);
    return p;
}

/* Of a very long line only the part around the mistake is shown. */
enum { LONG_LINE = 240, BEFORE = 80 };

static size_t cut_long(const char **text, size_t *len, size_t start)
{
    if (*len <= LONG_LINE)
        return start;
    size_t skip = start > BEFORE ? start - BEFORE : 0;
    while (skip < *len && ((unsigned char)(*text)[skip] & 0xc0) == 0x80)
        skip++;
    *text += skip;
    *len = *len - skip < LONG_LINE ? *len - skip : LONG_LINE;
    return start > skip ? start - skip : 0;
}

static void print_line(const struct kl_diags *d, FILE *out, const struct kl_place *at,
    const char *says, const char *colour, const char *plain)
{
    struct source *s = find_source(d, at->file);
    size_t len;
    const char *text = s && at->line ? line_text(d->arena, s, at->line, &len) : NULL;
    if (!text)
        return;
    size_t start = cut_long(&text, &len, at->col ? at->col - 1 : 0);
    fprintf(out, "%6u | ", at->line);
    for (size_t i = 0; i < len; i++)
        putc(text[i] == '\t' || (unsigned char)text[i] < 32 ? ' ' : text[i], out);
    fprintf(out, "\n       | %s", colour);
    for (size_t i = 0; i < start && i < len; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80) /* one column a character, not a byte */
            putc(' ', out);
    putc('^', out);
    for (size_t i = start + 1; i < start + at->width && i < len; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            putc('~', out);
    fprintf(out, "%s%s%s\n", plain, says ? " " : "", says ? says : "");
}

void kl_diags_print(const struct kl_diags *d, FILE *out, bool colour, size_t limit)
{
    const char *plain = colour ? "\033[0m" : "", *bold = colour ? "\033[1m" : "";
    size_t shown = limit && limit < d->n ? limit : d->n;
    for (size_t i = 0; i < shown; i++) {
        const struct kl_diag *one = d->list[i];
        const char *paint = colour ? severity_colour[one->severity] : "";
        if (one->at.file) {
            fprintf(out, "%s%s:", bold, one->at.file);
            if (one->at.line)
                fprintf(out, "%u:%u:", one->at.line, one->at.col);
            fprintf(out, "%s ", plain);
        }
        fprintf(out, "%s%s:%s %s%s%s  [%s]\n", paint, severity_word[one->severity], plain, bold,
            one->message, plain, one->code);
        bool has_line = find_source(d, one->at.file) && one->at.line;
        print_line(d, out, &one->at, one->hint, paint, plain);
        if (!has_line && one->hint)
            fprintf(out, "       = %s\n", one->hint);
        for (size_t k = 0; k < one->neffects; k++)
            fprintf(out, "       = %s\n", one->effects[k]);
        if (one->also.file) {
            fprintf(out, "  %s:%u:%u: %s\n", one->also.file, one->also.line, one->also.col,
                one->also_says ? one->also_says : "the other place");
            print_line(d, out, &one->also, NULL, paint, plain);
        }
    }
    if (shown < d->n)
        fprintf(out, "... and %zu more\n", d->n - shown);
}

static json_t *place_json(const struct kl_place *p)
{
    return json_pack("{s:s,s:i,s:i,s:i}", "file", p->file, "line", (int)p->line, "col", (int)p->col,
        "width", (int)p->width);
}

void kl_diags_json(const struct kl_diags *d, FILE *out)
{
    json_t *all = json_array();
    for (size_t i = 0; i < d->n; i++) {
        const struct kl_diag *one = d->list[i];
        json_t *o = json_pack("{s:s,s:s,s:s}", "severity", severity_word[one->severity], "code",
            one->code, "message", one->message);
        if (!o)
            o = json_pack("{s:s,s:s}", "severity", severity_word[one->severity], "code", one->code);
        if (one->hint)
            json_object_set_new(o, "hint", json_string(one->hint));
        if (one->at.file)
            json_object_set_new(o, "at", place_json(&one->at));
        if (one->also.file)
            json_object_set_new(o, "also", place_json(&one->also));
        if (one->also_says)
            json_object_set_new(o, "also_says", json_string(one->also_says));
        json_array_append_new(all, o);
    }
    json_dumpf(all, out, JSON_INDENT(2));
    putc('\n', out);
    json_decref(all);
}
