/* Applying a diff as patch(1) does with --fuzz=0.
 *
 * A hunk is looked for where it says that it belongs, moved by as much as the one before it was,
 * and then further and further away, below before above. It may not reach into what an earlier one
 * made. One whose context is shorter at an end than at the other was made at that end of the file,
 * and belongs there. */
#include "image/udiff.h"

#include "image/udiff_own.h"

#include <string.h>

struct text {
    struct kl_line *lines;
    size_t n;
};

/* Where the hunks of a file lie; with `back`, those of the diff turned round. */
struct fit {
    struct kl_udiff *u;
    const struct text *text;
    bool back;
    long moved;    /* lines, by which the last one lay elsewhere */
    size_t frozen; /* lines that are done with */
};

struct pattern { /* what must be there */
    const struct kl_hunk_line **lines;
    size_t n, before, after; /* context lines at both ends */
    unsigned long first;     /* from 1 */
};

/* --- texts -------------------------------------------------------------------------------------*/

static void split(struct kl_arena *a, const char *s, size_t len, struct text *out)
{
    size_t n = 0;
    for (const char *p = s; p < s + len; n++) {
        const char *nl = memchr(p, '\n', (size_t)(s + len - p));
        p = nl ? nl + 1 : s + len;
    }
    out->lines = kl_alloc(a, (n + 1) * sizeof *out->lines);
    out->n = n;
    for (size_t i = 0; i < n; i++) {
        const char *nl = memchr(s, '\n', len);
        size_t part = nl ? (size_t)(nl - s) + 1 : len;
        out->lines[i] = kl_line_of(s, part);
        s += part;
        len -= part;
    }
}

/* --- where a hunk belongs ----------------------------------------------------------------------*/

static void pattern_of(struct fit *f, const struct kl_hunk *h, struct pattern *p)
{
    char gone = f->back ? '-' : '+';
    size_t before = 0, after = 0;
    *p = (struct pattern){.lines = kl_alloc(f->u->a, (h->n + 1) * sizeof *p->lines)};
    while (before < h->n && h->lines[before].what == ' ')
        before++;
    while (after < h->n - before && h->lines[h->n - 1 - after].what == ' ')
        after++;
    for (size_t i = 0; i < h->n; i++)
        if (h->lines[i].what != gone)
            p->lines[p->n++] = &h->lines[i];
    p->before = before;
    p->after = after;
    p->first = f->back ? h->new_start : h->old_start;
    if (!p->n)
        p->first++; /* it is the line after which something is put */
}

/* Is the pattern at line `at`, from 1? */
static bool lies_at(const struct fit *f, const struct pattern *p, long at)
{
    if (at < 1 || (size_t)at <= f->frozen || (size_t)at - 1 + p->n > f->text->n)
        return false;
    for (size_t i = 0; i < p->n; i++)
        if (!kl_line_eq(&f->text->lines[(size_t)at - 1 + i], &p->lines[i]->line))
            return false;
    return true;
}

/* The line, from 1; 0: nowhere. */
static long locate(const struct fit *f, const struct pattern *p)
{
    long guess = (long)p->first + f->moved, lines = (long)f->text->n;
    if (!p->n)
        return guess < 1 || guess > lines + 1 || (size_t)guess <= f->frozen ? 0 : guess;
    if (p->before < p->after && p->first <= 1)
        return lies_at(f, p, 1) ? 1 : 0;
    if (p->after < p->before) {
        long at = lines - (long)p->n + 1;
        return lies_at(f, p, at) ? at : 0;
    }
    long most = guess > lines ? guess : lines - guess > guess ? lines - guess : guess;
    for (long away = 0; away <= most; away++) {
        if (lies_at(f, p, guess + away))
            return guess + away;
        if (lies_at(f, p, guess - away))
            return guess - away;
    }
    return 0;
}

/* --- applying ----------------------------------------------------------------------------------*/

static void put(struct kl_buf *out, const struct kl_line *line)
{
    if (out->len && out->s[out->len - 1] != '\n')
        kl_buf_addc(out, '\n'); /* what had no end was the last line, and is no more */
    kl_buf_addn(out, line->s, line->len);
}

static void put_old(struct kl_buf *out, const struct text *t, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        put(out, &t->lines[i]);
}

/* Without its last context: the next hunk may begin there. */
static void put_hunk(
    const struct fit *f, const struct kl_hunk *h, const struct pattern *p, struct kl_buf *out)
{
    for (size_t i = 0; i < h->n - p->after; i++)
        if (h->lines[i].what != (f->back ? '+' : '-'))
            put(out, &h->lines[i].line);
}

/* All hunks of a file; the number of those that fit. */
static size_t fit_all(
    struct fit *f, const struct kl_file_diff *file, struct kl_buf *out, struct kl_diags *notes)
{
    for (size_t i = 0; i < file->n; i++) {
        const struct kl_hunk *h = &file->hunks[i];
        struct pattern p;
        pattern_of(f, h, &p);
        long at = locate(f, &p), moved = at - (long)p.first;
        if (!at)
            return i;
        if (moved && notes)
            kl_diag(notes, KL_NOTE, KL_IMAGE_PATCH,
                (struct kl_place){.file = f->u->name, .line = h->at, .col = 1}, NULL,
                "hunk %zu fits %ld line%s further %s, at line %ld", i + 1,
                moved < 0 ? -moved : moved, moved == 1 || moved == -1 ? "" : "s",
                moved < 0 ? "up" : "down", at);
        put_old(out, f->text, f->frozen, (size_t)at - 1);
        put_hunk(f, h, &p, out);
        f->frozen = (size_t)at - 1 + p.n - p.after;
        f->moved = moved;
    }
    put_old(out, f->text, f->frozen, f->text->n);
    return file->n;
}

/* --- what does not fit -------------------------------------------------------------------------*/

static const char *shown(struct kl_arena *a, const struct kl_line *l)
{
    size_t n = l->len && l->s[l->len - 1] == '\n' ? l->len - 1 : l->len;
    return kl_sprintf(a, "%.*s%s", (int)(n < 60 ? n : 60), l->s, n < 60 ? "" : "...");
}

static bool does_not_fit(struct fit *f, const char *path, const struct kl_file_diff *file, size_t i)
{
    struct pattern p;
    const struct kl_hunk *h = &file->hunks[i];
    struct kl_buf nothing KL_BUF_SCOPE = {0};
    struct fit back = {.u = f->u, .text = f->text, .back = true};
    if (fit_all(&back, file, &nothing, NULL) == file->n)
        return kl_udiff_error(f->u, file->at, "leave it out",
            "'/%s' is as this diff makes it: it is applied already", path);
    pattern_of(f, h, &p);
    long first = (long)p.first + f->moved;
    for (size_t k = 0; k < p.n && first >= 1; k++) {
        size_t at = (size_t)first - 1 + k;
        if (at >= f->text->n)
            return kl_udiff_error(f->u, p.lines[k]->at, NULL,
                "hunk %zu does not fit '/%s': that ends after %zu lines, and these are not in it",
                i + 1, path, f->text->n);
        if (!kl_line_eq(&f->text->lines[at], &p.lines[k]->line))
            return kl_udiff_error(f->u, p.lines[k]->at,
                "make the diff from the file as the image has it",
                "hunk %zu does not fit '/%s': line %zu is '%s', and the lines of the hunk are "
                "nowhere else",
                i + 1, path, at + 1, shown(f->u->a, &f->text->lines[at]));
    }
    return kl_udiff_error(f->u, h->at, NULL,
        "hunk %zu does not fit '/%s': its place is not there, or an earlier hunk changed it", i + 1,
        path);
}

static bool apply_file(struct kl_udiff *u, const char *path, const struct kl_file_diff *file,
    const char *old, size_t old_len, struct kl_buf *out)
{
    struct text text;
    struct fit f = {.u = u, .text = &text};
    if (file->cannot)
        return kl_udiff_error(u, file->cannot, "give the file as it shall be with --add",
            "this diff cannot be applied: it %s", file->why);
    if (file->deletes)
        return kl_udiff_error(
            u, file->at, "remove it with --remove", "this diff deletes '/%s'", path);
    split(u->a, old, old_len, &text);
    if (file->creates && old_len) {
        struct kl_buf new KL_BUF_SCOPE = {0};
        struct text none = {0};
        struct fit empty = {.u = u, .text = &none};
        bool same = fit_all(&empty, file, &new, NULL) == file->n &&
                    new.len == old_len &&memcmp(new.s, old, old_len) == 0;
        return kl_udiff_error(u, file->at, same ? "leave it out" : NULL,
            same ? "'/%s' is as this diff makes it: it is applied already"
                 : "this diff creates '/%s', which is there",
            path);
    }
    if (!file->n && !file->mode_at && !file->creates)
        return kl_udiff_error(u, file->at, NULL, "nothing follows that says what changes");
    if (file->mode_at)
        kl_diag(u->d, KL_WARNING, KL_IMAGE_PATCH,
            (struct kl_place){.file = u->name, .line = file->mode_at, .col = 1},
            "give the file with --add HOSTPATH:IMAGEPATH:MODE",
            "the mode stays as it is: a diff changes lines only");
    size_t fitted = fit_all(&f, file, out, u->d);
    return fitted == file->n || does_not_fit(&f, path, file, fitted);
}

/* --- which of its files ------------------------------------------------------------------------*/

/* How many bytes of the two are the same when one ends with the other; 0: neither does. */
static size_t ends_like(const char *name, const char *path)
{
    if (!name)
        return 0;
    while (kl_starts(name, "./"))
        name += 2;
    size_t n = strlen(name), m = strlen(path), least = n < m ? n : m;
    if (!least || strcmp(name + n - least, path + m - least) != 0)
        return 0;
    bool whole =
        n == m || (n > m ? name[n - m - 1] : path[m - n - 1]) == '/' || name[n - least] == '/';
    return whole ? least : 0;
}

static size_t likeness(const struct kl_file_diff *f, const char *path)
{
    size_t a = ends_like(f->old_name, path), b = ends_like(f->new_name, path);
    return a > b ? a : b;
}

static const char *any_name(const struct kl_file_diff *f)
{
    return f->new_name ? f->new_name : f->old_name ? f->old_name : "";
}

/* The file that is meant, by its name: all that a series of patches says about it, in order. */
static bool choose(struct kl_udiff *u, const char *path, const char **name)
{
    size_t best = 0;
    const struct kl_file_diff *found = NULL;
    for (size_t i = 0; i < u->n; i++) {
        size_t like = likeness(&u->files[i], path);
        if (like > best) {
            best = like;
            found = &u->files[i];
        }
    }
    if (!found)
        return kl_udiff_error(u, u->files[0].at, "name the file as the diff does",
            "this diff is of %zu files, and none of them is called like '/%s'; the first is '%s'",
            u->n, path, any_name(&u->files[0]));
    *name = any_name(found);
    for (size_t i = 0; i < u->n; i++)
        if (likeness(&u->files[i], path) == best && !kl_streq(any_name(&u->files[i]), *name))
            return kl_udiff_error(u, u->files[i].at, "take the other files out of the diff",
                "both '%s' and '%s' could be '/%s'", *name, any_name(&u->files[i]), path);
    return true;
}

bool kl_udiff_apply(struct kl_diags *d, const char *path, const char *old, size_t old_len,
    const char *diff_file, const char *diff, size_t diff_len, struct kl_buf *out)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_udiff u = {.a = a, .d = d, .name = kl_diags_source(d, diff_file, diff, diff_len)};
    struct kl_buf text KL_BUF_SCOPE = {0};
    const char *name = NULL;
    path += strspn(path, "/");
    if (old_len > INT32_MAX || diff_len > INT32_MAX)
        return kl_udiff_error(&u, 0, NULL, "texts of 2 GiB are none");
    if (!kl_udiff_parse(&u, diff, diff_len) || (u.n > 1 && !choose(&u, path, &name)))
        return false;
    kl_buf_addn(&text, old, old_len);
    for (size_t i = 0; i < u.n; i++) {
        struct kl_buf next KL_BUF_SCOPE = {0};
        if (name && !kl_streq(any_name(&u.files[i]), name))
            continue;
        if (!apply_file(&u, path, &u.files[i], kl_buf_text(&text), text.len, &next))
            return false;
        kl_buf_free(&text);
        text = next;
        next = (struct kl_buf){0};
    }
    kl_buf_addn(out, kl_buf_text(&text), text.len);
    return true;
}
