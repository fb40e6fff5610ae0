/* Mends as a unified diff, for patch(1) and git-apply(1): GNU diffutils' manual, "Detailed
 * Unified". The edits are known, so there is nothing to search: the lines that they touch are what
 * differs.
 */
#include "check/fix.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

static const size_t context = 3; /* lines around a change */

struct lines {
    const char *text;
    size_t len, n, *start; /* start[n] is the text's length */
};

/* Old lines [from, to) become `n` lines of `text`. */
struct change {
    size_t from, to, n, len;
    const char *text;
};

struct diff {
    struct kl_arena *a;
    const struct kl_fix_file *f;
    struct lines old;
    struct change *changes;
    size_t n;
};

static struct lines split(struct kl_arena *a, const char *text, size_t len)
{
    struct lines l = {.text = text, .len = len};
    for (size_t i = 0; i < len; i++)
        l.n += text[i] == '\n' || i + 1 == len;
    l.start = kl_alloc(a, (l.n + 1) * sizeof *l.start);
    for (size_t i = 0, k = 1; i < len; i++)
        if (text[i] == '\n')
            l.start[k++] = i + 1;
    l.start[l.n] = len;
    return l;
}

/* The line that holds byte `at`; the number of lines after the end of the last one. */
static size_t line_of(const struct lines *l, size_t at)
{
    size_t low = 0, high = l->n;
    if (at == l->len)
        return l->n && l->text[l->len - 1] != '\n' ? l->n - 1 : l->n;
    while (low + 1 < high) {
        size_t mid = low + (high - low) / 2;
        if (l->start[mid] <= at)
            low = mid;
        else
            high = mid;
    }
    return low;
}

static bool same_line(const struct lines *a, size_t i, const struct lines *b, size_t k)
{
    size_t n = a->start[i + 1] - a->start[i];
    return n == b->start[k + 1] - b->start[k] &&
           memcmp(a->text + a->start[i], b->text + b->start[k], n) == 0;
}

/* Lines [from, to) as edits [first, first + n) leave them; what stays at both ends is no change. */
static void add_change(struct diff *x, size_t from, size_t to, size_t first, size_t n)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    const struct lines *old = &x->old;
    kl_fix_apply(x->f, old->start[from], old->start[to], first, n, &b);
    const char *text = kl_strndup(x->a, kl_buf_text(&b), b.len);
    struct lines new = split(x->a, text, b.len);
    size_t skip = 0, end = new.n;
    while (from < to && skip < end && same_line(old, from, &new, skip))
        from++, skip++;
    while (from < to && skip < end && same_line(old, to - 1, &new, end - 1))
        to--, end--;
    if (from == to && skip == end)
        return;
    x->changes = kl_grow(x->a, x->changes, x->n, sizeof *x->changes);
    x->changes[x->n++] = (struct change){
        from, to, end - skip, new.start[end] - new.start[skip], text + new.start[skip]};
}

/* Edits that share a line are one change. */
static void find_changes(struct diff *x)
{
    const struct kl_fix_file *f = x->f;
    for (size_t i = 0, n; i < f->n; i += n) {
        size_t from = line_of(&x->old, f->edits[i].at);
        size_t last = line_of(&x->old, f->edits[i].at + f->edits[i].width);
        for (n = 1; i + n < f->n && line_of(&x->old, f->edits[i + n].at) <= last; n++)
            last = line_of(&x->old, f->edits[i + n].at + f->edits[i + n].width);
        add_change(x, from, last < x->old.n ? last + 1 : x->old.n, i, n);
    }
}

static void print_lines(FILE *out, char mark, const char *text, size_t len)
{
    while (len) {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) + 1 : len;
        putc(mark, out);
        fwrite(text, 1, n, out);
        if (!end)
            fputs("\n\\ No newline at end of file\n", out);
        text += n;
        len -= n;
    }
}

static void print_old(const struct diff *x, FILE *out, char mark, size_t from, size_t to)
{
    const struct lines *l = &x->old;
    print_lines(out, mark, l->text + l->start[from], l->start[to] - l->start[from]);
}

/* One hunk, of changes [i, i + n); *shift is by how much lines have moved until here. */
static void print_hunk(const struct diff *x, FILE *out, size_t i, size_t n, ptrdiff_t *shift)
{
    const struct change *c = &x->changes[i], *last = &c[n - 1];
    size_t from = c->from > context ? c->from - context : 0;
    size_t to = x->old.n - last->to > context ? last->to + context : x->old.n;
    ptrdiff_t more = 0;
    for (size_t k = 0; k < n; k++)
        more += (ptrdiff_t)c[k].n - (ptrdiff_t)(c[k].to - c[k].from);
    size_t olds = to - from, news = (size_t)((ptrdiff_t)olds + more);
    size_t begins = (size_t)((ptrdiff_t)from + *shift);
    fprintf(out, "@@ -%zu,%zu +%zu,%zu @@\n", from + (olds > 0), olds, begins + (news > 0), news);
    for (size_t k = 0; k < n; k++) {
        print_old(x, out, ' ', k ? c[k - 1].to : from, c[k].from);
        print_old(x, out, '-', c[k].from, c[k].to);
        print_lines(out, '+', c[k].text, c[k].len);
    }
    print_old(x, out, ' ', last->to, to);
    *shift += more;
}

/* A name as git writes it: quoted when it has to be, and a tab after one with blanks. Absolute
 * names lose their first slash: `patch -p1 -d /` takes those. */
static void print_name(FILE *out, const char *mark, const char *side, const char *name)
{
    while (*name == '/' || (name[0] == '.' && name[1] == '/'))
        name++;
    bool quoted = false;
    for (const char *p = name; *p; p++)
        quoted |= (unsigned char)*p < 32 || *p == 127 || *p == '"' || *p == '\\';
    fprintf(out, "%s %s%s/", mark, quoted ? "\"" : "", side);
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127)
            fprintf(out, "\\%03o", (unsigned)*p);
        else
            fprintf(out, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
    fputs(quoted ? "\"\n" : strchr(name, ' ') ? "\t\n" : "\n", out);
}

void kl_fix_diff(const struct kl_fix_file *f, FILE *out)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct diff x = {.a = a, .f = f, .old = split(a, f->text, f->len)};
    ptrdiff_t shift = 0;
    find_changes(&x);
    if (!x.n)
        return;
    print_name(out, "---", "a", f->name);
    print_name(out, "+++", "b", f->name);
    for (size_t i = 0, n; i < x.n; i += n) {
        for (n = 1; i + n < x.n && x.changes[i + n].from - x.changes[i + n - 1].to <= 2 * context;)
            n++;
        print_hunk(&x, out, i, n, &shift);
    }
}
