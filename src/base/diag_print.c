/* Diagnostics for people: base/diag.h shows the layout. */
#include "base/diag.h"

#include "base/utf8.h"

#include <string.h>

/* Of a page of 100 columns, the first nine are the line's number and a bar. */
enum { PAGE = 100, GUTTER = 9, ROOM = PAGE - GUTTER, MARK = 3, NEAR_WORD = 16 };

struct paints {
    const char *bold, *plain, *severity, *frame, *mend;
};

static struct paints paints_of(bool colour, enum kl_severity severity)
{
    static const char *const of[] = {"\033[1;36m", "\033[1;35m", "\033[1;31m"};
    if (!colour)
        return (struct paints){"", "", "", "", ""};
    return (struct paints){"\033[1m", "\033[0m", of[severity], "\033[1;34m", "\033[1;32m"};
}

/* The part of a line that is shown: bytes [from, to), with the marked ones [start, stop) in it as
 * far as they fit. */
struct view {
    const char *s;
    size_t len, start, stop, from, to;
};

/* Lets the view grow by what fits in `room` columns; returns what is left of it. A line may be of
 * any length, so only what is shown is ever looked at. */
static unsigned grow_right(struct view *v, size_t limit, unsigned room)
{
    unsigned cols;
    while (v->to < limit) {
        size_t n = kl_cell(v->s + v->to, v->len - v->to, &cols);
        if (cols > room)
            break;
        room -= cols;
        v->to += n;
    }
    return room;
}

static unsigned grow_left(struct view *v, unsigned room)
{
    unsigned cols;
    while (v->from > 0) {
        size_t n = kl_cell_before(v->s, v->from);
        kl_cell(v->s + v->from - n, n, &cols);
        if (cols > room)
            break;
        room -= cols;
        v->from -= n;
    }
    return room;
}

static bool is_cut(const struct view *v)
{
    return v->from > 0 || v->to < v->len;
}

/* The marked bytes first, then as much before and after them as there is room for. */
static void fill(struct view *v, unsigned room)
{
    v->from = v->to = v->start;
    room = grow_right(v, v->stop, room);
    unsigned after = grow_right(v, v->len, room - room / 2);
    room = grow_left(v, room / 2 + after);
    grow_right(v, v->len, room);
}

/* A cut is best where a word begins. */
static void cut_at_words(struct view *v)
{
    for (size_t i = v->from; v->from > 0 && i < v->start && i < v->from + NEAR_WORD; i++)
        if (v->s[i] == ' ' || v->s[i] == '\t') {
            v->from = i;
            break;
        }
    for (size_t i = v->to; v->to < v->len && i > v->stop && i + NEAR_WORD > v->to; i--)
        if (v->s[i - 1] == ' ' || v->s[i - 1] == '\t') {
            v->to = i;
            break;
        }
}

static struct view view_of(const char *s, size_t len, const struct kl_place *at)
{
    struct view v = {.s = s, .len = len};
    size_t width = at->width ? at->width : 1;
    v.start = at->col && at->col - 1 < len ? at->col - 1 : at->col ? len : 0;
    v.stop = width < len - v.start ? v.start + width : len;
    fill(&v, ROOM);
    if (is_cut(&v)) {
        fill(&v, ROOM - 2 * MARK);
        cut_at_words(&v);
    }
    return v;
}

/* Returns the columns that bytes [from, to) take, and prints them where asked. */
static unsigned show_part(FILE *out, const char *s, size_t from, size_t to)
{
    unsigned all = 0, cols;
    for (size_t n; from < to; from += n) {
        n = kl_cell(s + from, to - from, &cols);
        if (out)
            kl_cell_print(out, s + from, n);
        all += cols;
    }
    return all;
}

static void repeat(FILE *out, char c, unsigned n)
{
    while (n--)
        putc(c, out);
}

/* The line with marks under the place. `beside` stands next to them if there is room for it:
 * then, true. */
static bool print_line(const struct kl_diags *d, FILE *out, const struct kl_place *at,
    const char *beside, const struct paints *p, const char *paint)
{
    size_t len;
    const char *text = kl_diags_line(d, at->file, at->line, &len);
    if (!text)
        return false;
    struct view v = view_of(text, len, at);
    fprintf(out, "%s%6u |%s ", p->frame, at->line, p->plain);
    fputs(v.from > 0 ? "..." : "", out);
    show_part(out, v.s, v.from, v.to);
    fputs(v.to < v.len ? "..." : "", out);
    unsigned pad = show_part(NULL, v.s, v.from, v.start) + (v.from > 0 ? MARK : 0);
    unsigned marks = show_part(NULL, v.s, v.start, v.stop < v.to ? v.stop : v.to);
    marks = marks ? marks : 1;
    fprintf(out, "\n%s       |%s %*s%s^", p->frame, p->plain, (int)pad, "", paint);
    repeat(out, '~', marks - 1);
    fputs(p->plain, out);
    bool fits = beside && pad + marks + 1 + kl_show_width(beside) <= ROOM;
    if (fits) {
        fprintf(out, "%s ", paint);
        kl_show(out, beside);
        fputs(p->plain, out);
    }
    putc('\n', out);
    return fits;
}

/* One that has a line of its own: "= initrd: ...", broken at blanks where the page ends. */
static void print_note(
    FILE *out, const struct paints *p, const char *paint, const char *what, const char *text)
{
    fprintf(out, "%s       =%s %s%s%s", p->frame, p->plain, paint, what, p->plain);
    unsigned used = (unsigned)strlen(what);
    for (const char *word = text; *word;) {
        size_t blanks = strspn(word, " "), bytes = strcspn(word + blanks, " ");
        unsigned width = show_part(NULL, word, 0, blanks + bytes);
        if (used + width > ROOM && word != text) {
            fprintf(out, "\n%*s", GUTTER, "");
            word += blanks;
            blanks = 0;
            used = 0;
        }
        used += show_part(out, word, 0, blanks + bytes);
        word += blanks + bytes;
    }
    putc('\n', out);
}

static void print_place(FILE *out, const struct kl_place *at)
{
    kl_show(out, at->file);
    if (at->line)
        fprintf(out, ":%u:%u", at->line, at->col);
    putc(':', out);
}

static void print_head(FILE *out, const struct kl_diag *one, const struct paints *p)
{
    if (one->at.file) {
        fputs(p->bold, out);
        print_place(out, &one->at);
        fprintf(out, "%s ", p->plain);
    }
    fprintf(out, "%s%s:%s %s", p->severity, kl_severity_word[one->severity], p->plain, p->bold);
    kl_show(out, one->message);
    fprintf(out, "%s  [", p->plain);
    kl_show(out, one->code);
    fputs("]\n", out);
}

static void print_also(
    const struct kl_diags *d, FILE *out, const struct kl_diag *one, const struct paints *p)
{
    fputs("  ", out);
    print_place(out, &one->also);
    putc(' ', out);
    kl_show(out, one->also_says ? one->also_says : "the other place");
    putc('\n', out);
    print_line(d, out, &one->also, NULL, p, p->frame);
}

void kl_diag_print(const struct kl_diags *d, const struct kl_diag *one, FILE *out, bool colour)
{
    struct paints p = paints_of(colour, one->severity);
    print_head(out, one, &p);
    bool brief = !one->also.file && !one->neffects;
    bool said = print_line(d, out, &one->at, brief ? one->hint : NULL, &p, p.severity);
    if (one->also.file)
        print_also(d, out, one, &p);
    for (size_t k = 0; k < one->neffects; k++)
        print_note(out, &p, "", "", one->effects[k]);
    if (one->hint && !said)
        print_note(out, &p, p.mend, "mend: ", one->hint);
}

void kl_diags_print(const struct kl_diags *d, FILE *out, bool colour, size_t limit)
{
    const struct kl_diag *one;
    size_t n = kl_diags_count(d, KL_NOTE);
    for (size_t i = 0; (one = kl_diags_at(d, i)) && (!limit || i < limit); i++)
        kl_diag_print(d, one, out, colour);
    if (limit && limit < n)
        fprintf(out, "... and %zu more\n", n - limit);
}
