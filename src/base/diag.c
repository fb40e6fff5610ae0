#include "base/diag.h"

#include "base/arena.h"
#include "base/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct source {
    const char *name, *text;
    size_t len;
};

struct kl_diags {
    struct kl_arena *arena;
    struct source *sources;
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
    kl_arena_free(d->arena);
    free(d);
}

const char *kl_diags_source(struct kl_diags *d, const char *file, const char *text, size_t len)
{
    struct source s = {kl_strdup(d->arena, file), kl_strndup(d->arena, text, len), len};
    d->sources = kl_grow(d->arena, d->sources, d->nsources, sizeof *d->sources);
    d->sources[d->nsources++] = s;
    return s.name;
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

static const struct source *find_source(const struct kl_diags *d, const char *name)
{
    for (size_t i = d->nsources; name && i-- > 0;)
        if (strcmp(d->sources[i].name, name) == 0)
            return &d->sources[i];
    return NULL;
}

static size_t source_rank(const struct kl_diags *d, const char *name)
{
    const struct source *s = find_source(d, name);
    return s ? (size_t)(s - d->sources) : d->nsources;
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

/* The text of line `n`, without its end; length in *len. NULL when there is none. */
static const char *line_text(const struct source *s, unsigned n, size_t *len)
{
    const char *p = s->text, *end = s->text + s->len;
    while (--n) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p)
            return NULL;
        p++;
    }
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    if (!stop)
        stop = end;
    if (stop > p && stop[-1] == '\r')
        stop--;
    *len = (size_t)(stop - p);
    return p;
}

static void print_line(const struct kl_diags *d, FILE *out, const struct kl_place *at,
    const char *says, const char *colour, const char *plain)
{
    const struct source *s = find_source(d, at->file);
    size_t len;
    const char *text = s && at->line ? line_text(s, at->line, &len) : NULL;
    if (!text)
        return;
    fprintf(out, "%6u | ", at->line);
    for (size_t i = 0; i < len; i++)
        putc(text[i] == '\t' || (unsigned char)text[i] < 32 ? ' ' : text[i], out);
    fprintf(out, "\n       | %s", colour);
    size_t start = at->col ? at->col - 1 : 0;
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
