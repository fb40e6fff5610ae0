/* Words of a shell script: quotes, variables, here-documents (POSIX shell, XCU 2.2 to 2.7). */
#include "stage/script.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

/* Words grow by their variables: hostile scripts double them again and again. */
enum { MAX_NESTING = 32, MAX_TEXT = 1 << 18 };

/* --- variables ---------------------------------------------------------------------------------*/

size_t kl_sh_name_len(const char *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_')
        n++;
    return isdigit((unsigned char)*s) ? 0 : n;
}

void kl_sh_set(struct kl_sh *sh, const char *name, const char *value)
{
    *kl_names_slot(&sh->vars, name) = value;
}

const char *kl_sh_get(const struct kl_sh *sh, const char *name)
{
    return kl_names_get(&sh->vars, name);
}

void kl_sh_forget(struct kl_sh *sh)
{
    for (size_t k = 0; k < sh->vars.room; k++)
        sh->vars.slots[k].value = NULL;
}

/* --- steps -------------------------------------------------------------------------------------*/

static char here(const struct kl_sh *sh, size_t more)
{
    return sh->at + more < sh->len ? sh->s[sh->at + more] : '\0';
}

void kl_sh_blanks(struct kl_sh *sh)
{
    for (;;) {
        if (here(sh, 0) == ' ' || here(sh, 0) == '\t')
            sh->at++;
        else if (here(sh, 0) == '\\' && here(sh, 1) == '\n')
            sh->at += 2;
        else
            break;
    }
    if (here(sh, 0) == '#')
        while (sh->at < sh->len && sh->s[sh->at] != '\n')
            sh->at++;
}

void kl_sh_newline(struct kl_sh *sh)
{
    if (sh->here_end && sh->at >= sh->line_end && sh->at < sh->here_end) {
        sh->at = sh->here_end;
        sh->here_end = 0;
    } else if (sh->at < sh->len) {
        sh->at++;
    }
}

/* Behind what `open` at sh->at begins: $( ), ${ }, ( ). Quotes within are skipped over. */
static size_t matching(const struct kl_sh *sh, size_t at)
{
    char stack[MAX_NESTING];
    size_t depth = 0;
    for (; at < sh->len; at++) {
        char c = sh->s[at];
        if (c == '\\') {
            at++;
        } else if (depth && stack[depth - 1] == c) {
            if (--depth == 0)
                return at + 1;
        } else if (depth && stack[depth - 1] == '\'') {
            continue;
        } else if (c == '\'' || c == '"' || c == '`' || c == '(' || c == '{') {
            if (depth == MAX_NESTING)
                return sh->len;
            stack[depth++] = c == '(' ? ')' : c == '{' ? '}' : c;
        }
    }
    return sh->len;
}

/* --- expansion ---------------------------------------------------------------------------------*/

struct expansion {
    struct kl_buf text;
    bool known, changed; /* changed: not byte for byte what stands there */
};

static void keep(struct kl_sh *sh, struct expansion *x, size_t end)
{
    if (end > sh->len)
        end = sh->len;
    kl_buf_addn(&x->text, sh->s + sh->at, end - sh->at);
    sh->at = end;
}

static void value_of(
    struct kl_sh *sh, struct expansion *x, const char *name, size_t len, size_t end)
{
    const char *value = kl_sh_get(sh, kl_strndup(sh->a, name, len));
    if (!value || x->text.len > MAX_TEXT) {
        x->known = false;
        keep(sh, x, end);
        return;
    }
    x->changed = true;
    kl_buf_add(&x->text, value);
    sh->at = end;
}

/* `$` and what belongs to it. */
static void dollar(struct kl_sh *sh, struct expansion *x)
{
    const char *s = sh->s + sh->at + 1;
    size_t name = kl_sh_name_len(s);
    if (name) {
        value_of(sh, x, s, name, sh->at + 1 + name);
    } else if (*s == '{') {
        name = kl_sh_name_len(s + 1);
        size_t end = matching(sh, sh->at + 1);
        if (name && sh->at + name + 3 == end)
            value_of(sh, x, s + 1, name, end);
        else {
            x->known = false;
            keep(sh, x, end);
        }
    } else if (*s == '(') {
        x->known = false;
        keep(sh, x, matching(sh, sh->at + 1));
    } else if (*s && (isdigit((unsigned char)*s) || strchr("@*#?-$!", *s))) {
        x->known = false;
        keep(sh, x, sh->at + 2);
    } else {
        keep(sh, x, sh->at + 1);
    }
}

/* A character where $, ` and \ mean something; `escapable`: what a \ takes its meaning from. */
static void expand_one(struct kl_sh *sh, struct expansion *x, const char *escapable)
{
    char c = sh->s[sh->at];
    if (c == '$') {
        dollar(sh, x);
    } else if (c == '`') {
        x->known = false;
        keep(sh, x, matching(sh, sh->at));
    } else if (c == '\\' && here(sh, 1) && strchr(escapable, here(sh, 1))) {
        x->changed = true;
        if (here(sh, 1) != '\n')
            kl_buf_addc(&x->text, here(sh, 1));
        sh->at += 2;
    } else {
        keep(sh, x, sh->at + 1);
    }
}

static void single_quotes(struct kl_sh *sh, struct expansion *x)
{
    const char *end = memchr(sh->s + sh->at, '\'', sh->len - sh->at);
    keep(sh, x, end ? (size_t)(end - sh->s) : sh->len);
    sh->at += end != NULL;
}

static void double_quotes(struct kl_sh *sh, struct expansion *x)
{
    while (sh->at < sh->len && sh->s[sh->at] != '"')
        expand_one(sh, x, "$`\"\\\n");
    sh->at += sh->at < sh->len;
}

/* Where the text of a word stands, when all of it stands in one piece. */
static size_t stands(const struct kl_sh *sh, const struct kl_sh_word *w, const struct kl_buf *b)
{
    size_t from = w->start + (w->quoted && strchr("'\"", sh->s[w->start]));
    if (from + b->len > sh->len || memchr(kl_buf_text(b), '\n', b->len))
        return SIZE_MAX;
    return memcmp(sh->s + from, kl_buf_text(b), b->len) == 0 ? from : SIZE_MAX;
}

/* Unquoted, the shell makes something else of it: file names, several words, escapes in $''. */
static bool means_more(const struct kl_sh *sh, size_t start)
{
    char c = here(sh, 0), next = here(sh, 1);
    if (c == '[' || c == '{') /* a command's name */
        return sh->at != start || !strchr(" \t\n", next);
    return strchr("*?~", c) || (c == '$' && next == '\'');
}

bool kl_sh_word(struct kl_sh *sh, struct kl_sh_word *out)
{
    struct expansion x = {.known = true};
    *out = (struct kl_sh_word){.start = sh->at};
    while (sh->at < sh->len && !strchr(" \t\n;&|<>()", sh->s[sh->at])) {
        char c = sh->s[sh->at];
        if (c == '\'' || c == '"') {
            out->quoted = x.changed = true;
            sh->at++;
            (c == '"' ? double_quotes : single_quotes)(sh, &x);
        } else if (c == '\\') {
            out->quoted = x.changed = true;
            sh->at++;
            if (here(sh, 0) != '\n')
                keep(sh, &x, sh->at + 1);
            else
                sh->at++;
        } else {
            x.known &= !means_more(sh, out->start);
            sh->at += c == '$' && here(sh, 1) == '\'';
            if (sh->s[sh->at] != '\'')
                expand_one(sh, &x, "");
        }
    }
    out->end = sh->at;
    bool any = out->end > out->start;
    if (any) {
        out->t.known = x.known;
        out->t.text = kl_strndup(sh->a, kl_buf_text(&x.text), x.text.len);
        out->t.from = stands(sh, out, &x.text);
    }
    kl_buf_free(&x.text);
    return any;
}

/* --- here-documents ----------------------------------------------------------------------------*/

static size_t line_end(const struct kl_sh *sh, size_t at)
{
    const char *newline = at < sh->len ? memchr(sh->s + at, '\n', sh->len - at) : NULL;
    return newline ? (size_t)(newline - sh->s) : sh->len;
}

/* The text between two offsets; `raw`: nothing in it means anything. */
static struct kl_sh_text document(
    struct kl_sh *sh, size_t from, size_t to, bool raw, bool strip_tabs)
{
    struct expansion x = {.known = true};
    struct kl_sh inner = *sh; /* variables are read, not set */
    inner.at = from;
    inner.len = to;
    while (inner.at < to) {
        if (strip_tabs && (inner.at == from || inner.s[inner.at - 1] == '\n'))
            for (; inner.at < to && inner.s[inner.at] == '\t'; inner.at++)
                x.changed = true;
        if (inner.at >= to)
            break;
        if (raw)
            keep(&inner, &x, inner.at + 1);
        else
            expand_one(&inner, &x, "$`\\\n");
    }
    struct kl_sh_text t = {.text = kl_strndup(sh->a, kl_buf_text(&x.text), x.text.len),
        .from = x.changed ? SIZE_MAX : from,
        .known = x.known};
    kl_buf_free(&x.text);
    return t;
}

struct kl_sh_text kl_sh_here(struct kl_sh *sh, bool strip_tabs)
{
    struct kl_sh_word end;
    kl_sh_blanks(sh);
    if (!kl_sh_word(sh, &end))
        return (struct kl_sh_text){"", SIZE_MAX, false};
    if (!sh->here_end || sh->at > sh->line_end) {
        sh->line_end = line_end(sh, sh->at);
        sh->here_end = 0;
    }
    size_t from = sh->here_end ? sh->here_end : sh->line_end + 1;
    size_t want = strlen(end.t.text), at = from;
    bool found = false;
    while (at < sh->len && !found) {
        size_t stop = line_end(sh, at), text = at;
        while (strip_tabs && text < stop && sh->s[text] == '\t')
            text++;
        found = stop - text == want && memcmp(sh->s + text, end.t.text, want) == 0;
        if (found)
            sh->here_end = stop + 1;
        else
            at = stop + 1;
    }
    if (!found)
        at = sh->here_end = sh->len;
    if (from > sh->len)
        from = sh->len;
    struct kl_sh_text t = document(sh, from, at > sh->len ? sh->len : at, end.quoted, strip_tabs);
    t.known &= found;
    return t;
}
