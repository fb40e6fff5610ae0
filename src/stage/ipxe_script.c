/* iPXE scripts in commands, with their settings expanded. */
#include "stage/ipxe_script.h"

#include <ctype.h>
#include <string.h>

/* --- words and commands ------------------------------------------------------------------------*/

struct lexer {
    struct kl_arena *a;
    const char *s, *end;
    struct kl_place at;
    struct kl_ipxe_script out;
    struct kl_ipxe_command now;
    const char *label;
    unsigned segment;
};

/* The length of a backslash with the line end that it takes away; 0 when it is something else. */
static size_t joined(const struct lexer *l)
{
    size_t left = (size_t)(l->end - l->s);
    if (left > 1 && memcmp(l->s, "\\\n", 2) == 0)
        return 2;
    return left > 2 && memcmp(l->s, "\\\r\n", 3) == 0 ? 3 : 0;
}

static void advance(struct lexer *l, size_t n)
{
    for (; n; n--, l->s++) {
        l->at.col++;
        if (*l->s == '\n') {
            l->at.line++;
            l->at.col = 1;
        }
    }
}

static bool blank(char c)
{
    return !c || (c != '\n' && isspace((unsigned char)c));
}

/* A word, from where the lexer stands to a blank or the line's end. */
static struct kl_ipxe_word read_word(struct lexer *l)
{
    struct kl_ipxe_word w = {.arg = {.at = l->at, .verbatim = true}, .complete = true};
    const char *start = l->s;
    size_t n = 0, skip;
    while (l->s < l->end && *l->s != '\n' && !blank(*l->s)) {
        if ((skip = joined(l))) {
            w.arg.verbatim = false;
            advance(l, skip);
        } else {
            advance(l, 1);
            n++;
        }
    }
    char *text = kl_alloc(l->a, n + 1), *to = text;
    for (const char *c = start; c < l->s && (size_t)(to - text) < n; c++)
        if (*c == '\\' && c + 1 < l->end && c[1] == '\n')
            c++;
        else if (*c == '\\' && c + 2 < l->end && c[1] == '\r' && c[2] == '\n')
            c += 2;
        else
            *to++ = *c;
    w.arg.text = text;
    w.arg.at.width = w.arg.verbatim ? (unsigned)n : 1;
    return w;
}

static void end_command(struct lexer *l, enum kl_ipxe_after next, bool line_ends)
{
    struct kl_ipxe_script *s = &l->out;
    bool any = l->now.n || !l->now.first || !line_ends;
    if (any) {
        s->commands = kl_grow(l->a, s->commands, s->n, sizeof *s->commands);
        s->commands[s->n++] = l->now;
    }
    l->now = (struct kl_ipxe_command){.after = line_ends ? KL_IPXE_ALWAYS : next,
        .first = line_ends,
        .label = l->label,
        .segment = l->segment,
        .at = l->at,
        .entry = -1};
}

static void add_label(struct lexer *l, const char *name)
{
    struct kl_ipxe_script *s = &l->out;
    s->labels = kl_grow(l->a, s->labels, s->nlabels, sizeof *s->labels);
    s->labels[s->nlabels++] = (struct kl_ipxe_label){name, s->n};
    l->label = l->now.label = name;
    l->now.segment = ++l->segment;
}

static void add_word(struct lexer *l, const struct kl_ipxe_word *w)
{
    struct kl_ipxe_command *c = &l->now;
    if (!c->n)
        c->at = w->arg.at;
    c->words = kl_grow(l->a, c->words, c->n, sizeof *c->words);
    c->words[c->n++] = *w;
}

static void skip_comment(struct lexer *l)
{
    size_t n;
    while (l->s < l->end && *l->s != '\n')
        advance(l, (n = joined(l)) ? n : 1);
}

struct kl_ipxe_script kl_ipxe_commands(
    struct kl_arena *a, const char *text, size_t len, const char *file)
{
    struct lexer l = {.a = a, .s = text, .end = text + len, .label = ""};
    bool starts = true; /* of a line: a label may stand here */
    size_t n;
    l.at = (struct kl_place){.file = file, .line = 1, .col = 1};
    l.now = (struct kl_ipxe_command){.first = true, .label = "", .entry = -1};
    while (l.s < l.end) {
        if ((n = joined(&l)) || blank(*l.s)) {
            advance(&l, n ? n : 1);
        } else if (*l.s == '\n') {
            end_command(&l, KL_IPXE_ALWAYS, true);
            advance(&l, 1);
            starts = true;
        } else if (*l.s == '#') {
            skip_comment(&l);
        } else {
            struct kl_ipxe_word w = read_word(&l);
            if (starts && *w.arg.text == ':')
                add_label(&l, w.arg.text + 1);
            else if (kl_streq(w.arg.text, "||"))
                end_command(&l, KL_IPXE_ON_FAILURE, false);
            else if (kl_streq(w.arg.text, "&&"))
                end_command(&l, KL_IPXE_ON_SUCCESS, false);
            else if (kl_streq(w.arg.text, ";"))
                end_command(&l, KL_IPXE_ALWAYS, false);
            else
                add_word(&l, &w);
            starts = false;
        }
    }
    end_command(&l, KL_IPXE_ALWAYS, true);
    return l.out;
}

bool kl_ipxe_is(const struct kl_ipxe_command *c, const char *name)
{
    return c->n && kl_streq(c->words[0].arg.text, name);
}

static bool among(const char *word, const char *const *list, size_t len)
{
    for (; *list; list++)
        if (strlen(*list) == len && memcmp(*list, word, len) == 0)
            return true;
    return false;
}

size_t kl_ipxe_operands(const struct kl_ipxe_command *c, const char *const *valued,
    const char *want, const char **value)
{
    size_t k = 1;
    if (value)
        *value = NULL;
    for (; k < c->n && c->words[k].arg.text[0] == '-' && c->words[k].arg.text[1]; k++) {
        const char *word = c->words[k].arg.text;
        size_t n = want ? strlen(want) : 0;
        bool takes = among(word, valued, strlen(word)) && k + 1 < c->n;
        if (kl_streq(word, "--"))
            return k + 1;
        if (want && value && strncmp(word, want, n) == 0 && word[n] == '=')
            *value = word + n + 1;
        k += takes;
        if (takes && want && value && (kl_streq(word, want) || (word[1] == want[2] && !word[2])))
            *value = c->words[k].arg.text;
    }
    return k;
}

/* --- settings ----------------------------------------------------------------------------------*/

/* What the script sets a name to. */
struct setting {
    const char *raw, *value; /* of the first "set", as written; of the last that was read */
    bool differs;            /* other commands set it to something else */
    bool uncertain;          /* some set it only if, or to what is not known */
    bool here_certain;       /* the last one always runs when its segment does */
    bool complete;
    unsigned segment; /* of the last one */
};

struct expander {
    struct kl_arena *a;
    struct kl_names settings;
    unsigned segment;
    size_t fuel;
};

static struct setting *setting_slot(struct expander *x, const char *name)
{
    const void **slot = kl_names_slot(&x->settings, name);
    struct setting *v = (struct setting *)*slot;
    if (!v)
        *slot = v = kl_alloc(x->a, sizeof *v);
    return v;
}

/* The value that a name has here, or NULL. */
static const struct setting *known(struct expander *x, const char *name)
{
    const struct setting *v = kl_names_get(&x->settings, name);
    if (!v || !v->value)
        return NULL;
    if (v->segment == x->segment)
        return v->here_certain ? v : NULL;
    return v->differs || v->uncertain ? NULL : v;
}

static void put(struct expander *x, struct kl_buf *out, const char *s, size_t n)
{
    n = n < x->fuel ? n : x->fuel;
    x->fuel -= n;
    kl_buf_addn(out, s, n);
}

/* Expands "${...}", what is innermost first. False: something stands as written. */
static bool expand(struct expander *x, const char *s, size_t len, struct kl_buf *out, int depth)
{
    bool complete = true;
    for (size_t k = 0; k < len;) {
        size_t open = k, nested = 1;
        while (open + 1 < len && !(s[open] == '$' && s[open + 1] == '{'))
            open++;
        if (open + 1 >= len || depth > 8) {
            put(x, out, s + k, len - k);
            return complete && open + 1 >= len;
        }
        put(x, out, s + k, open - k);
        size_t close = open + 2;
        for (; close < len && nested; close++) {
            nested += s[close] == '{' && s[close - 1] == '$';
            nested -= s[close] == '}';
        }
        if (nested) { /* never closed: iPXE takes it as it is */
            put(x, out, s + open, len - open);
            return complete;
        }
        struct kl_buf name KL_BUF_SCOPE = {0};
        const struct setting *v = NULL;
        if (expand(x, s + open + 2, close - open - 3, &name, depth + 1))
            v = known(x, kl_buf_text(&name));
        if (v)
            put(x, out, v->value, strlen(v->value));
        else
            put(x, out, s + open, close - open);
        complete &= v && v->complete;
        k = close;
    }
    return complete;
}

static void expand_word(struct expander *x, struct kl_ipxe_word *w)
{
    struct kl_buf out KL_BUF_SCOPE = {0};
    if (!strstr(w->arg.text, "${"))
        return;
    w->complete = expand(x, w->arg.text, strlen(w->arg.text), &out, 0);
    if (kl_streq(kl_buf_text(&out), w->arg.text))
        return;
    w->arg.text = kl_strndup(x->a, kl_buf_text(&out), out.len);
    w->arg.verbatim = false;
}

/* "name" of "name:type". */
static const char *setting_name(struct kl_arena *a, const char *word)
{
    return kl_strndup(a, word, strcspn(word, ":"));
}

static const char *joined_words(struct kl_arena *a, const struct kl_ipxe_command *c, size_t from)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t k = from; k < c->n; k++)
        kl_buf_addf(&b, "%s%s", k > from ? " " : "", c->words[k].arg.text);
    return kl_strndup(a, kl_buf_text(&b), b.len);
}

/* Which of a command's words names a setting that it changes; 0: none. */
static size_t changes(const struct kl_ipxe_command *c)
{
    static const char *const changing[] = {"set", "clear", "read", "inc", "dec", NULL};
    if (c->n < 2)
        return 0;
    for (const char *const *w = changing; *w; w++)
        if (kl_ipxe_is(c, *w))
            return 1;
    return kl_ipxe_is(c, "choose") ? c->n - 1 : kl_ipxe_is(c, "nslookup") ? 1 : 0;
}

static bool sets(const struct kl_ipxe_command *c)
{
    return kl_ipxe_is(c, "set") || kl_ipxe_is(c, "clear");
}

/* Before anything is expanded: who sets what, and whether all agree. */
static void collect(struct expander *x, const struct kl_ipxe_script *s)
{
    for (size_t k = 0; k < s->n; k++) {
        const struct kl_ipxe_command *c = &s->commands[k];
        size_t which = changes(c);
        if (!which)
            continue;
        struct setting *v = setting_slot(x, setting_name(x->a, c->words[which].arg.text));
        const char *raw = joined_words(x->a, c, 2);
        if (!sets(c) || !c->first)
            v->uncertain = true;
        else if (!v->raw)
            v->raw = raw;
        else
            v->differs |= !kl_streq(v->raw, raw);
    }
}

void kl_ipxe_expand(struct kl_arena *a, struct kl_ipxe_script *s, size_t fuel)
{
    struct expander x = {.a = a, .fuel = fuel};
    collect(&x, s);
    for (size_t k = 0; k < s->n; k++) {
        struct kl_ipxe_command *c = &s->commands[k];
        x.segment = c->segment;
        size_t which = changes(c);
        for (size_t i = 0; i < c->n; i++)
            if (i != which || !which)
                expand_word(&x, &c->words[i]);
        if (!which)
            continue;
        struct setting *v = setting_slot(&x, setting_name(a, c->words[which].arg.text));
        v->segment = c->segment;
        v->here_certain = sets(c) && c->first;
        v->value = sets(c) ? joined_words(a, c, 2) : NULL;
        v->complete = true;
        for (size_t i = 2; i < c->n; i++)
            v->complete &= c->words[i].complete;
        x.fuel -= v->value && strlen(v->value) < x.fuel ? strlen(v->value) : 0;
    }
    kl_names_free(&x.settings);
}
