/* The lines of a kickstart, as far as Kickline must tell them apart.
 *
 * A kickstart is commands, one a line without continuation, and sections from "%name" to "%end"
 * (pykickstart, parser.py). Commands count at the top level only: what looks like one inside a
 * script is the script's. Blanks before a command do not matter. A section that is never ended
 * runs to the end of the file.
 *
 * Kickline's own sections stand between comment lines:
 *
 *     # kickline: begin network
 *     # kickline: end network
 *
 * A begin without its end is an ordinary comment: nothing is taken away on a guess.
 */
#include "stage/kickstart.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char mark_begin[] = "# kickline: begin ", mark_end[] = "# kickline: end ";
static const char mark_joined[] = " (the line before it had no end)";
static const char *const own_names[] = {"network", "pre", "post", NULL};

void kl_ks_begin(struct kl_buf *out, const char *own, bool joined, const char *eol)
{
    if (joined)
        kl_buf_addc(out, '\n');
    kl_buf_addf(out, "%s%s%s%s", mark_begin, own, joined ? mark_joined : "", eol);
}

void kl_ks_end(struct kl_buf *out, const char *own, const char *eol)
{
    kl_buf_addf(out, "%s%s%s", mark_end, own, eol);
}

struct kl_ks_scan kl_ks_scan(const char *text)
{
    return (struct kl_ks_scan){.at = text, .line = 1};
}

/* Length of the line at `p`, its end included. */
static size_t line_len(const char *p)
{
    size_t n = strcspn(p, "\n");
    return n + (p[n] == '\n');
}

/* The line without its end, blanks before and behind it included in neither. */
static size_t body_len(const char *p, size_t len)
{
    while (len && (p[len - 1] == '\n' || p[len - 1] == '\r'))
        len--;
    return len;
}

static bool is_line(const char *p, size_t len, const char *head, const char *own, const char *tail)
{
    size_t h = strlen(head), o = strlen(own), t = strlen(tail);
    return body_len(p, len) == h + o + t && memcmp(p, head, h) == 0 && memcmp(p + h, own, o) == 0 &&
           memcmp(p + h + o, tail, t) == 0;
}

bool kl_ks_own(const char *p, struct kl_ks_unit *out)
{
    size_t first = line_len(p);
    if (strncmp(p, mark_begin, strlen(mark_begin)) != 0)
        return false;
    for (const char *const *own = own_names; *own; own++) {
        bool joined = is_line(p, first, mark_begin, *own, mark_joined);
        if (!joined && !is_line(p, first, mark_begin, *own, ""))
            continue;
        size_t n;
        for (const char *q = p + first; *q; q += n) {
            n = line_len(q);
            if (is_line(q, n, mark_end, *own, "")) {
                out->kind = KL_KS_OWN;
                out->own = *own;
                out->joined = joined;
                out->len = (size_t)(q - p) + n;
                return true;
            }
            if (strncmp(q, mark_begin, strlen(mark_begin)) == 0)
                break;
        }
    }
    return false;
}

/* The first word of a line, blanks skipped. */
static bool has_word(const char *p, size_t len, const char *word)
{
    size_t blank = strspn(p, " \t"), n = strlen(word);
    if (blank + n > len || memcmp(p + blank, word, n) != 0)
        return false;
    return blank + n == len || strchr(" \t\r\n", p[blank + n]);
}

/* `% if x:` is another language's: a template's. */
static bool is_section(const char *p)
{
    return *p == '%' && islower((unsigned char)p[1]);
}

bool kl_ks_next(struct kl_ks_scan *s, struct kl_ks_unit *out)
{
    const char *p = s->at;
    if (!*p)
        return false;
    *out = (struct kl_ks_unit){.start = p, .len = line_len(p), .line = s->line};
    if (s->in_section) {
        if (has_word(p, out->len, "%end"))
            s->in_section = false;
    } else if (kl_ks_own(p, out)) {
        /* found whole */
    } else if (has_word(p, out->len, "%include") || has_word(p, out->len, "%ksappend")) {
        out->kind = KL_KS_INCLUDE;
    } else if (is_section(p + strspn(p, " \t")) && !has_word(p, out->len, "%end")) {
        out->kind = KL_KS_SECTION;
        s->in_section = true;
    } else if (has_word(p, out->len, "network")) {
        out->kind = KL_KS_NETWORK;
    }
    for (size_t k = 0; k < out->len; k++)
        s->line += p[k] == '\n';
    s->at = p + out->len;
    return true;
}

/* --- words with places -------------------------------------------------------------------------*/

struct kl_place kl_ks_place(
    const struct kl_ks_origin *o, unsigned line, unsigned col, unsigned width)
{
    if (o->whole.file)
        return o->whole;
    return (struct kl_place){
        o->file, o->line + line - 1, line == 1 ? o->col + col - 1 : col, width};
}

struct kl_ks_word kl_ks_part(const struct kl_ks_word *w, size_t from, size_t len)
{
    struct kl_ks_word part = {.text = w->text + from};
    if (!w->cols) {
        part.col = w->col + (unsigned)from;
        part.width = (unsigned)len;
    } else if (!len) {
        part.col = w->col;
        part.width = w->width;
    } else {
        part.col = w->cols[from];
        part.width = w->cols[from + len - 1] + 1 - part.col;
    }
    return part;
}

struct splitter {
    const char *line;
    size_t len, at;
    struct kl_buf text;
    unsigned *cols; /* room for every byte of the line */
};

static void take(struct splitter *s)
{
    s->cols[s->text.len] = (unsigned)s->at + 1;
    kl_buf_addc(&s->text, s->line[s->at++]);
}

static bool escapes(const struct splitter *s, char quote)
{
    if (s->line[s->at] != '\\' || s->at + 1 >= s->len || quote == '\'')
        return false;
    return !quote || strchr("\"\\", s->line[s->at + 1]);
}

/* The word that begins at s->at; false when a quote in it is not closed. A `#` ends a word too,
 * and the line with it. */
static bool one_word(struct splitter *s, bool *comment)
{
    char quote = 0;
    for (; s->at < s->len;) {
        char c = s->line[s->at];
        if (quote ? c == quote : c == '"' || c == '\'') {
            quote = quote ? 0 : c;
            s->at++;
        } else if (!quote && (*comment = c == '#', *comment || strchr(" \t\r\n", c))) {
            return true;
        } else {
            s->at += escapes(s, quote);
            take(s);
        }
    }
    return !quote;
}

static struct kl_ks_word word_of(struct kl_arena *a, const struct splitter *s, size_t start)
{
    struct kl_ks_word w = {.col = (unsigned)start + 1, .width = (unsigned)(s->at - start)};
    w.text = kl_strndup(a, kl_buf_text(&s->text), s->text.len);
    if (s->text.len != w.width && s->text.len) {
        size_t bytes = s->text.len * sizeof *s->cols;
        w.cols = memcpy(kl_alloc(a, bytes), s->cols, bytes);
    }
    return w;
}

bool kl_ks_words(
    struct kl_arena *a, const char *line, size_t len, struct kl_ks_word **out, size_t *n)
{
    struct splitter s = {.line = line, .len = len};
    bool comment = false, closed = true;
    s.cols = kl_xmalloc((len + 1) * sizeof *s.cols);
    *out = NULL;
    *n = 0;
    while (closed && !comment) {
        while (s.at < len && strchr(" \t\r\n", line[s.at]))
            s.at++;
        if (s.at >= len || line[s.at] == '#')
            break;
        size_t start = s.at;
        kl_buf_clear(&s.text);
        closed = one_word(&s, &comment);
        *out = kl_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = word_of(a, &s, start);
    }
    free(s.cols);
    kl_buf_free(&s.text);
    return closed;
}
