/* Reading a diff. What lies between the files (mails, "Index:", "diff" with its options) is passed
 * over, as patch(1) does; what lies within a hunk is counted, and must be a line of one. */
#include "image/udiff_own.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct kl_udiff *u;
    const char *s, *end; /* the next line */
    unsigned at;         /* its number */
};

bool kl_udiff_error(struct kl_udiff *u, unsigned line, const char *hint, const char *fmt, ...)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    va_list ap;
    va_start(ap, fmt);
    kl_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    kl_diag(u->d, KL_ERROR, KL_IMAGE_PATCH,
        (struct kl_place){.file = u->name, .line = line, .col = line != 0}, hint, "%s",
        kl_buf_text(&b));
    return false;
}

struct kl_line kl_line_of(const char *s, size_t len)
{
    uint32_t h = 0x811c9dc5; /* FNV-1a (draft-eastlake-fnv) */
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 0x01000193;
    return (struct kl_line){s, (uint32_t)len, h};
}

bool kl_line_eq(const struct kl_line *a, const struct kl_line *b)
{
    return a->hash == b->hash && a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

/* --- lines -------------------------------------------------------------------------------------*/

/* The length of the next line, its end not counted; *next is the one after. */
static size_t peek(const struct parser *p, const char **next)
{
    const char *nl = memchr(p->s, '\n', (size_t)(p->end - p->s));
    *next = nl ? nl + 1 : p->end;
    return (size_t)((nl ? nl : p->end) - p->s);
}

static void skip(struct parser *p)
{
    peek(p, &p->s);
    p->at++;
}

static bool starts(const struct parser *p, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(p->end - p->s) >= n && memcmp(p->s, with, n) == 0;
}

/* What follows a prefix on this line, without a CR at its end. */
static char *rest(struct parser *p, const char *prefix)
{
    const char *next;
    size_t n = peek(p, &next), skipped = strlen(prefix);
    if (n > skipped && p->s[n - 1] == '\r')
        n--;
    return kl_strndup(p->u->a, p->s + skipped, n > skipped ? n - skipped : 0);
}

/* --- names -------------------------------------------------------------------------------------*/

/* git's and GNU diff's quoting of odd names: as in C, with octal bytes. */
static char *unquote(struct kl_arena *a, const char *s)
{
    static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
    char *out = kl_alloc(a, strlen(s) + 1), *w = out;
    for (s++; *s && *s != '"'; s++) {
        const char *c;
        if (*s != '\\') {
            *w++ = *s;
        } else if (s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
                   s[3] <= '7') {
            *w++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 3;
        } else if (*++s) {
            c = strchr(from, *s);
            *w++ = c ? to[c - from] : *s;
        } else {
            break;
        }
    }
    return out;
}

static const char *name_of(struct parser *p, const char *prefix)
{
    char *name = rest(p, prefix);
    if (*name == '"')
        return unquote(p->u->a, name);
    name[strcspn(name, "\t")] = '\0'; /* a time follows */
    return name;
}

/* Without git's a/ and b/, in files that are git's. */
static const char *plain(const char *name, bool git)
{
    return git && (kl_starts(name, "a/") || kl_starts(name, "b/")) ? name + 2 : name;
}

/* --- hunks -------------------------------------------------------------------------------------*/

static bool range(const char **s, char sign, unsigned long *start, unsigned long *n)
{
    char *end;
    if (**s != sign || (*s)[1] < '0' || (*s)[1] > '9')
        return false;
    *start = strtoul(*s + 1, &end, 10);
    *n = 1;
    if (*end == ',') {
        if (end[1] < '0' || end[1] > '9')
            return false;
        *n = strtoul(end + 1, &end, 10);
    }
    *s = end;
    return *start <= INT32_MAX && *n <= INT32_MAX;
}

static bool hunk_header(struct parser *p, struct kl_hunk *h)
{
    const char *s = rest(p, "@@ ");
    bool ok = range(&s, '-', &h->old_start, &h->old_n) && *s++ == ' ' &&
              range(&s, '+', &h->new_start, &h->new_n) && kl_starts(s, " @@");
    if (!ok)
        return kl_udiff_error(p->u, p->at, "it reads '@@ -FIRST,COUNT +FIRST,COUNT @@'",
            "this hunk's line numbers cannot be read");
    h->at = p->at;
    skip(p);
    return true;
}

/* One line of a hunk; `n` is its length without its end. */
static void add_line(
    struct parser *p, struct kl_hunk *h, char what, const char *s, size_t n, bool cr)
{
    if (cr && n && s[n - 1] == '\r')
        n--;
    char *text = kl_alloc(p->u->a, n + 2);
    memcpy(text, s, n);
    text[n] = '\n';
    h->lines = kl_grow(p->u->a, h->lines, h->n, sizeof *h->lines);
    h->lines[h->n++] = (struct kl_hunk_line){what, kl_line_of(text, n + 1), p->at};
}

/* "\ No newline at end of file", in whatever language. */
static void no_newline(struct kl_hunk *h)
{
    struct kl_line *last = &h->lines[h->n - 1].line;
    if (last->len && last->s[last->len - 1] == '\n')
        *last = kl_line_of(last->s, last->len - 1);
}

static bool hunk_lines(struct parser *p, struct kl_hunk *h, bool cr)
{
    unsigned long old = 0, new = 0;
    for (;;) {
        const char *next;
        size_t n = peek(p, &next);
        char what = n ? *p->s : ' '; /* some editors cut an empty context line's blank */
        bool bare = !n || (n == 1 && what == '\r');
        if (h->n && n > 1 && what == '\\' && p->s[1] == ' ') {
            no_newline(h);
            skip(p);
            continue;
        }
        if (old == h->old_n && new == h->new_n)
            return true;
        if (bare && p->s < p->end)
            what = ' ';
        if (p->s >= p->end || (what != ' ' && what != '-' && what != '+'))
            return kl_udiff_error(p->u, p->at, "the diff was cut, or changed by hand",
                "the hunk of line %u ends here, after %lu of %lu old and %lu of %lu new lines",
                h->at, old, h->old_n, new, h->new_n);
        old += what != '+';
        new += what != '-';
        if (old > h->old_n || new > h->new_n)
            return kl_udiff_error(p->u, p->at, "the diff was changed by hand",
                "the hunk of line %u has more lines than the %lu old and %lu new ones it says",
                h->at, h->old_n, h->new_n);
        add_line(p, h, what, bare ? p->s : p->s + 1, bare ? n : n - 1, cr);
        skip(p);
    }
}

/* --- files -------------------------------------------------------------------------------------*/

static struct kl_file_diff *new_file(struct parser *p)
{
    struct kl_udiff *u = p->u;
    u->files = kl_grow(u->a, u->files, u->n, sizeof *u->files);
    u->files[u->n] = (struct kl_file_diff){.at = p->at};
    return &u->files[u->n++];
}

static bool add_hunk(struct parser *p, struct kl_file_diff *f)
{
    struct kl_hunk h = {0};
    if (!hunk_header(p, &h) || !hunk_lines(p, &h, f->strip_cr))
        return false;
    f->hunks = kl_grow(p->u->a, f->hunks, f->n, sizeof *f->hunks);
    f->hunks[f->n++] = h;
    return true;
}

/* "diff --git a/NAME b/NAME": two names of one length, unless it is renamed. */
static struct kl_file_diff *git_file(struct parser *p)
{
    struct kl_file_diff *f = new_file(p);
    char *names = rest(p, "diff --git ");
    size_t half = strlen(names) / 2;
    f->git = true;
    if (strlen(names) % 2 && names[half] == ' ' && half > 2 && *names != '"') {
        names[half] = '\0';
        if (kl_streq(names + 2, names + half + 3))
            f->old_name = f->new_name = names + 2;
    }
    return f;
}

/* The lines between "diff --git" and the hunks (git-diff(1), "Generating patch text with -p"). */
static void git_line(struct parser *p, struct kl_file_diff *f)
{
    static const struct {
        const char *starts, *why;
    } cannot[] = {
        {"rename ", "renames the file"},
        {"copy ", "copies the file"},
        {"GIT binary patch", "is one of bytes, not of lines"},
        {"Binary files ", "is one of bytes, not of lines"},
    };
    for (size_t i = 0; i < sizeof cannot / sizeof *cannot; i++)
        if (starts(p, cannot[i].starts)) {
            f->cannot = p->at;
            f->why = cannot[i].why;
        }
    if (starts(p, "rename to ") || starts(p, "copy to "))
        f->new_name = name_of(p, starts(p, "copy") ? "copy to " : "rename to ");
    if (starts(p, "new mode "))
        f->mode_at = p->at;
    f->creates = f->creates || starts(p, "new file mode ");
    f->deletes = f->deletes || starts(p, "deleted file mode ");
}

/* "--- OLD" and "+++ NEW", which are two lines together. */
static bool is_header(const struct parser *p)
{
    struct parser next = *p;
    if (!starts(p, "--- "))
        return false;
    skip(&next);
    return starts(&next, "+++ ");
}

static void header(struct parser *p, struct kl_file_diff *f)
{
    const char *next, *name;
    size_t n = peek(p, &next);
    f->strip_cr = p->s[n - 1] == '\r';
    f->at = p->at;
    name = name_of(p, "--- ");
    f->creates = f->creates || kl_streq(name, "/dev/null");
    f->old_name = kl_streq(name, "/dev/null") ? NULL : plain(name, f->git);
    skip(p);
    name = name_of(p, "+++ ");
    f->deletes = f->deletes || kl_streq(name, "/dev/null");
    f->new_name = kl_streq(name, "/dev/null") ? NULL : plain(name, f->git);
    skip(p);
}

bool kl_udiff_parse(struct kl_udiff *u, const char *diff, size_t len)
{
    struct parser p = {.u = u, .s = diff, .end = diff + len, .at = 1};
    struct kl_file_diff *f = NULL;
    bool waiting = false; /* between "diff --git" and what it announces */
    while (p.s < p.end) {
        if (starts(&p, "diff --git ")) {
            f = git_file(&p);
            waiting = true;
            skip(&p);
        } else if (is_header(&p)) {
            if (!waiting)
                f = new_file(&p);
            waiting = false;
            header(&p, f);
        } else if (starts(&p, "@@ -")) {
            f = f ? f : new_file(&p);
            waiting = false;
            if (!add_hunk(&p, f))
                return false;
        } else {
            if (waiting)
                git_line(&p, f);
            else if (starts(&p, "Binary files "))
                (f = new_file(&p))->cannot = p.at, f->why = "is one of bytes, not of lines";
            skip(&p);
        }
    }
    return u->n || kl_udiff_error(u, 1, "make it with 'diff -u' or 'git diff'",
                       "this is no unified diff: it has no '@@' line");
}
