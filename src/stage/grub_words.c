/* Words of GRUB's script, expanded. A variable that is not set in the text may be set by GRUB or
 * the firmware: it stays as it is written, and the word is not complete. */
#include "stage/grub_script.h"

#include <ctype.h>
#include <string.h>

/* A word being put together. */
struct maker {
    const struct kl_grub_scope *s;
    struct kl_grub_words *out;
    struct kl_piece raw;
    struct kl_buf text;
    bool any;      /* there is a word, even if it is empty: it has quotes, or bytes */
    bool complete; /* so far */
};

const struct kl_grub_var *kl_grub_get(const struct kl_grub_scope *s, const char *name)
{
    for (const struct kl_grub_var *v = s->vars; v && *s->fuel; v = v->before, --*s->fuel)
        if (kl_streq(v->name, name))
            return v;
    return NULL;
}

static void put(struct maker *m, const char *s, size_t n)
{
    n = n < *m->s->fuel ? n : *m->s->fuel;
    *m->s->fuel -= n;
    kl_buf_addn(&m->text, s, n);
    m->any |= n > 0;
}

/* --- places ------------------------------------------------------------------------------------*/

/* What a token covers of its first line. */
static struct kl_place token_place(struct kl_piece raw)
{
    const char *eol = memchr(raw.s, '\n', raw.len);
    if (eol)
        raw.len = (size_t)(eol - raw.s);
    return kl_piece_place(raw);
}

static struct kl_arg made_arg(const struct maker *m, const char *text, size_t len)
{
    struct kl_piece raw = m->raw;
    struct kl_arg w = {.text = text, .at = token_place(raw)};
    if (memchr(raw.s, '\n', raw.len) || strlen(text) != len)
        return w;
    if (raw.len == len + 2 && (*raw.s == '\'' || *raw.s == '"')) { /* all of it is quoted */
        raw = kl_piece_from(raw, 1);
        raw.len = len;
    }
    if (raw.len == len && memcmp(raw.s, text, len) == 0) {
        w.at = kl_piece_place(raw);
        w.verbatim = true;
    }
    return w;
}

static void finish(struct maker *m)
{
    if (m->any) {
        const char *text = kl_strndup(m->s->a, kl_buf_text(&m->text), m->text.len);
        struct kl_grub_words *out = m->out;
        out->list = kl_grow(m->s->a, out->list, out->n, sizeof *out->list);
        out->list[out->n++] = (struct kl_grub_word){made_arg(m, text, m->text.len), m->complete};
    }
    kl_buf_clear(&m->text);
    m->any = false;
    m->complete = true;
}

/* --- variables ---------------------------------------------------------------------------------*/

/* Blanks in an unquoted value part words. */
static void put_split(struct maker *m, const char *value, bool complete)
{
    for (const char *c = value; *c && *m->s->fuel;) {
        size_t n = 0;
        while (c[n] && !isspace((unsigned char)c[n]))
            n++;
        m->complete &= complete;
        put(m, c, n);
        c += n;
        if (!*c)
            return;
        finish(m);
        while (*c && isspace((unsigned char)*c))
            c++;
    }
}

static void put_value(struct maker *m, const char *value, bool complete, bool quoted)
{
    if (!quoted) {
        put_split(m, value, complete);
        return;
    }
    m->complete &= complete;
    put(m, value, strlen(value));
}

/* The name in "$name", "${name}", "$1", "$@", ...: its length, and in *all that of the whole; 0
 * when it is none. */
static size_t name_length(const char *c, const char *end, const char **name, size_t *all)
{
    const char *start = c + 1;
    bool braces = start < end && *start == '{';
    start += braces;
    const char *p = start;
    if (p < end && isdigit((unsigned char)*p))
        while (p < end && isdigit((unsigned char)*p))
            p++;
    else if (p < end && *p && strchr("?#*@", *p))
        p++;
    else
        while (p < end && (isalnum((unsigned char)*p) || *p == '_'))
            p++;
    *name = start;
    *all = (size_t)(p - c) + braces;
    return braces && (p >= end || *p != '}') ? 0 : (size_t)(p - start);
}

static bool put_param(struct maker *m, const char *name, bool quoted)
{
    const struct kl_grub_scope *s = m->s;
    if (!s->has_params)
        return false;
    if (*name == '#') {
        put_value(m, kl_sprintf(s->a, "%zu", s->nparams), true, quoted);
    } else if (*name == '@' || *name == '*') {
        for (size_t k = 0; k < s->nparams; k++) {
            if (k && *name == '*' && quoted)
                put(m, " ", 1);
            else if (k)
                finish(m);
            put_value(m, s->params[k].arg.text, s->params[k].complete, quoted);
        }
    } else if (isdigit((unsigned char)*name)) {
        unsigned long k;
        if (!kl_number(name, 1000, &k) || k < 1 || k > s->nparams)
            return true; /* expands to nothing */
        put_value(m, s->params[k - 1].arg.text, s->params[k - 1].complete, quoted);
    } else {
        return false;
    }
    return true;
}

/* Expands the variable at `c`; returns past it. */
static const char *put_variable(struct maker *m, const char *c, const char *end, bool quoted)
{
    const char *at;
    size_t all, n = name_length(c, end, &at, &all);
    if (!n) {
        put(m, c, 1);
        return c + 1;
    }
    char *name = kl_strndup(m->s->a, at, n);
    const struct kl_grub_var *v;
    if (put_param(m, name, quoted))
        return c + all;
    v = kl_grub_get(m->s, name);
    if (v && v->value) {
        put_value(m, v->value, v->complete, quoted);
    } else {
        put(m, c, all);
        m->complete = false;
    }
    return c + all;
}

/* --- quotes ------------------------------------------------------------------------------------*/

/* Within double quotes a backslash escapes $, ", itself and a newline, and stays before others. */
static const char *put_double(struct maker *m, const char *c, const char *end)
{
    m->any = true;
    for (c++; c < end && *c != '"';) {
        if (*c == '\\' && c + 1 < end && strchr("$\"\\\n", c[1]) && c[1]) {
            if (c[1] != '\n')
                put(m, c + 1, 1);
            c += 2;
        } else if (*c == '$') {
            c = put_variable(m, c, end, true);
        } else {
            put(m, c++, 1);
        }
    }
    return c < end ? c + 1 : end;
}

static const char *put_single(struct maker *m, const char *c, const char *end)
{
    const char *close = memchr(c + 1, '\'', (size_t)(end - c - 1));
    size_t n = close ? (size_t)(close - c - 1) : (size_t)(end - c - 1);
    m->any = true;
    put(m, c + 1, n);
    return close ? close + 1 : end;
}

static const char *put_escaped(struct maker *m, const char *c, const char *end)
{
    if (c + 1 >= end)
        return end;
    if (c[1] == '\n')
        return c + 2;
    if (c[1] == '\r' && c + 2 < end && c[2] == '\n')
        return c + 3;
    put(m, c + 1, 1);
    return c + 2;
}

void kl_grub_expand(
    const struct kl_grub_scope *s, const struct kl_grub_token *t, struct kl_grub_words *out)
{
    struct maker m = {.s = s, .out = out, .raw = t->raw, .complete = true};
    const char *c = t->raw.s, *end = c + t->raw.len;
    while (c < end && *s->fuel) {
        if (*c == '\'')
            c = put_single(&m, c, end);
        else if (*c == '"')
            c = put_double(&m, c, end);
        else if (*c == '\\')
            c = put_escaped(&m, c, end);
        else if (*c == '$' && c + 1 < end && c[1] == '"') /* a text to be translated */
            c = put_double(&m, c + 1, end);
        else if (*c == '$')
            c = put_variable(&m, c, end, false);
        else
            put(&m, c++, 1);
    }
    finish(&m);
    kl_buf_free(&m.text);
}
