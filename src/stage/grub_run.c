/* GRUB's script, followed as far as it can be without a machine.
 *
 * Commands run in order. A condition that hangs on nothing but what the text sets is decided; of
 * any other both ways are followed. Within an entry each way is a path of its own, so one
 * menuentry may come to several entries, each with its condition; those that come to the same are
 * one. At the top the ways meet again: a variable that they set differently is then not known.
 *
 * Sets of paths live on the stack, a few for each level of nesting, and only their first `n` are
 * ever looked at. Fuel bounds how long all of it may take.
 */
#include "stage/grub_script.h"

#include <string.h>

enum { MOST_CONDITION = 160 };

static void copy_paths(struct kl_grub_paths *to, const struct kl_grub_paths *from)
{
    to->n = 0;
    for (size_t k = 0; k < from->n; k++)
        kl_grub_add_path(to, &from->list[k]);
}

static void one_path(struct kl_grub_paths *to, const struct kl_grub_path *p)
{
    to->n = 0;
    kl_grub_add_path(to, p);
}

/* --- commands ----------------------------------------------------------------------------------*/

static const struct kl_grub_function *find_function(struct kl_grub_run *r, const char *name)
{
    for (size_t k = r->nfunctions; k-- > 0 && r->fuel; r->fuel--)
        if (kl_streq(r->functions[k].name, name))
            return &r->functions[k];
    return NULL;
}

static void call_function(struct kl_grub_run *r, const struct kl_grub_function *f,
    const struct kl_grub_path *p, const struct kl_grub_words *w, struct kl_grub_paths *out)
{
    struct kl_grub_paths set;
    one_path(&set, p);
    set.list[0].params = w->list + 1;
    set.list[0].nparams = w->n - 1;
    set.list[0].has_params = true;
    kl_grub_run_list(r, f->text, f->from, f->to, &set);
    for (size_t k = 0; k < set.n; k++) {
        struct kl_grub_path *q = &set.list[k];
        q->params = p->params;
        q->nparams = p->nparams;
        q->has_params = p->has_params;
        q->state = q->state == KL_GRUB_RETURNED ? KL_GRUB_LIVE : q->state;
        kl_grub_add_path(out, q);
    }
}

static void source(struct kl_grub_run *r, const struct kl_grub_path *p,
    const struct kl_grub_words *w, struct kl_grub_paths *out)
{
    struct kl_text inner;
    struct kl_grub_paths set;
    one_path(&set, p);
    /* One that is asked for first, "if [ -f custom.cfg ]", need not be there. */
    r->inc.quiet = p->e.condition != NULL;
    if (w->n > 1 && kl_include_open(&r->inc, w->list[1].arg.text, w->list[1].arg.at, &inner)) {
        struct kl_grub_text *t = kl_alloc(r->a, sizeof *t);
        *t = kl_grub_lex(r->a, inner.text, inner.len, inner.file, r->d);
        kl_grub_run_list(r, t, 0, t->n, &set);
        kl_include_close(&r->inc);
    }
    for (size_t k = 0; k < set.n; k++) {
        if (set.list[k].state == KL_GRUB_RETURNED)
            set.list[k].state = KL_GRUB_LIVE;
        kl_grub_add_path(out, &set.list[k]);
    }
}

/* One command on one path, which may come out as several. */
static void run_command(struct kl_grub_run *r, const struct kl_grub_path *in,
    const struct kl_grub_words *w, struct kl_grub_paths *out)
{
    struct kl_grub_path p = *in;
    const char *name = w->list[0].arg.text;
    const struct kl_grub_function *f = find_function(r, name);
    if (f && r->depth < KL_GRUB_DEEPEST) {
        call_function(r, f, &p, w, out);
    } else if (kl_streq(name, "source") || kl_streq(name, ".")) {
        source(r, &p, w, out);
    } else {
        kl_grub_command(r, &p, w);
        kl_grub_add_path(out, &p);
    }
}

static void run_words(struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t to,
    struct kl_grub_paths *set)
{
    struct kl_grub_paths out;
    out.n = 0;
    for (size_t k = 0; k < set->n; k++) {
        struct kl_grub_words w = {0};
        struct kl_grub_scope s = kl_grub_scope_of(r, &set->list[k]);
        if (set->list[k].state == KL_GRUB_LIVE)
            for (size_t i = from; i < to; i++)
                kl_grub_expand(&s, &t->tokens[i], &w);
        if (w.n && r->fuel)
            run_command(r, &set->list[k], &w, &out);
        else
            kl_grub_add_path(&out, &set->list[k]);
    }
    copy_paths(set, &out);
}

/* --- finding one's way in the tokens -----------------------------------------------------------*/

bool kl_grub_is_word(const struct kl_grub_text *t, size_t k, const char *word)
{
    const struct kl_grub_token *tok = &t->tokens[k];
    return tok->type == KL_GRUB_WORD && strlen(word) == tok->raw.len &&
           memcmp(tok->raw.s, word, tok->raw.len) == 0;
}

static bool any_word(const struct kl_grub_text *t, size_t k, const char *const *words)
{
    for (; words && *words; words++)
        if (kl_grub_is_word(t, k, *words))
            return true;
    return false;
}

/* From `k` on, where a command begins, the first of the reserved words (NULL: the closing brace)
 * that belongs to this level; `to` when there is none. */
static size_t ahead(struct kl_grub_run *r, const struct kl_grub_text *t, size_t k, size_t to,
    const char *const *wanted)
{
    static const char *const open[] = {"if", "do", NULL}, *const close[] = {"fi", "done", NULL};
    static const char *const more[] = {"then", "else", "elif", "while", "until", NULL};
    bool begins = true;
    size_t depth = 0;
    for (; k < to && r->fuel; k++, r->fuel--) {
        enum kl_grub_type type = t->tokens[k].type;
        if (!depth && (wanted ? begins && any_word(t, k, wanted) : type == KL_GRUB_CLOSE))
            return k;
        bool opens = begins && any_word(t, k, open), closes = begins && any_word(t, k, close);
        if (type == KL_GRUB_OPEN || opens)
            depth++;
        else if ((type == KL_GRUB_CLOSE || closes) && depth)
            depth--;
        begins = type != KL_GRUB_WORD || opens || (begins && any_word(t, k, more));
    }
    return to;
}

static void unended(struct kl_grub_run *r, const struct kl_grub_text *t, size_t k, const char *what,
    const char *end)
{
    kl_diag(r->d, KL_NOTE, "not-understood", kl_piece_place(t->tokens[k].raw), NULL,
        "this '%s' has no '%s': GRUB reads no command from here on", what, end);
}

size_t kl_grub_block_end(
    struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t to)
{
    size_t end = ahead(r, t, from + 1, to, NULL);
    if (end == to && r->fuel)
        unended(r, t, from, "{", "}");
    return end;
}

/* --- if ----------------------------------------------------------------------------------------*/

static const char *const then_words[] = {"then", NULL};
static const char *const else_words[] = {"elif", "else", "fi", NULL};
static const char *const fi_words[] = {"fi", NULL};

/* The condition as written, on one line, behind those around it. */
static const char *condition_text(struct kl_grub_run *r, const struct kl_grub_text *t, size_t from,
    size_t to, const char *before, bool no)
{
    while (from < to && t->tokens[from].type == KL_GRUB_END)
        from++;
    while (to > from && t->tokens[to - 1].type == KL_GRUB_END)
        to--;
    if (from == to || (before && strlen(before) > (size_t)4 * MOST_CONDITION))
        return before ? before : "?";
    const char *s = t->tokens[from].raw.s;
    const struct kl_piece *last = &t->tokens[to - 1].raw;
    size_t n = (size_t)(last->s + last->len - s);
    const char *eol = memchr(s, '\n', n);
    n = eol ? (size_t)(eol - s) : n;
    n = n > MOST_CONDITION ? MOST_CONDITION : n;
    return kl_sprintf(
        r->a, "%s%s%s%.*s", before ? before : "", before ? " && " : "", no ? "! " : "", (int)n, s);
}

/* Variables after two ways met: what differs is not known any more. */
static const struct kl_grub_var *merge_vars(struct kl_grub_run *r, const struct kl_grub_var *base,
    const struct kl_grub_var *x, const struct kl_grub_var *y)
{
    struct kl_grub_path out = {.vars = base};
    const struct kl_grub_var *const both[] = {x, y};
    struct kl_grub_scope s = {.fuel = &r->fuel};
    for (size_t k = 0; k < 2; k++)
        for (const struct kl_grub_var *v = both[k]; v && v != base && r->fuel; v = v->before) {
            s.vars = x;
            const struct kl_grub_var *vx = kl_grub_get(&s, v->name);
            s.vars = y;
            const struct kl_grub_var *vy = kl_grub_get(&s, v->name);
            bool same = vx && vy && vx->value && kl_streq(vx->value, vy->value);
            kl_grub_set(r, &out, v->name, same ? vx->value : NULL, same && vx->complete);
        }
    return out.vars;
}

static bool untouched(const struct kl_grub_path *p, const struct kl_grub_path *before)
{
    return p->state == KL_GRUB_LIVE && p->chosen == before->chosen &&
           p->e.kernel.text == before->e.kernel.text && p->e.initrds == before->e.initrds;
}

/* At the top, and where there are too many, ways that only set variables become one again. */
static void meet(struct kl_grub_run *r, const struct kl_grub_path *before,
    const struct kl_grub_paths *ways, struct kl_grub_paths *out)
{
    bool one = r->level || out->n + ways->n > KL_GRUB_PATHS;
    struct kl_grub_path *met = NULL;
    for (size_t k = 0; k < ways->n; k++) {
        const struct kl_grub_path *p = &ways->list[k];
        if (one && met && untouched(p, before)) {
            met->vars = merge_vars(r, before->vars, met->vars, p->vars);
            continue;
        }
        kl_grub_add_path(out, p);
        if (one && untouched(p, before)) {
            met = &out->list[out->n - 1];
            met->e.condition = before->e.condition;
        }
    }
    if (out->n > KL_GRUB_PATHS)
        out->n = KL_GRUB_PATHS;
}

/* Runs the condition on one path, and parts those that go on with "then" from the others. */
static void part(struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t then,
    const struct kl_grub_path *p, struct kl_grub_paths *yes, struct kl_grub_paths *no,
    struct kl_grub_paths *out)
{
    struct kl_grub_paths cond;
    one_path(&cond, p);
    kl_grub_run_list(r, t, from, then, &cond);
    yes->n = no->n = 0;
    for (size_t k = 0; k < cond.n; k++) {
        struct kl_grub_path q = cond.list[k], failed = *p;
        failed.vars = q.vars;
        if (q.state != KL_GRUB_LIVE) {
            kl_grub_add_path(out, &q);
            continue;
        }
        if (q.status == KL_GRUB_UNKNOWN) {
            q.e.condition = condition_text(r, t, from, then, p->e.condition, false);
            failed.e.condition = condition_text(r, t, from, then, p->e.condition, true);
        }
        if (q.status != KL_GRUB_FALSE)
            kl_grub_add_path(yes, &q);
        if (q.status != KL_GRUB_TRUE)
            kl_grub_add_path(no, &failed);
    }
}

/* One path through "COND; then ...; elif/else ...": `from` is the condition's first token, `to` the
 * "fi". */
static void run_clause(struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t to,
    const struct kl_grub_path *p, struct kl_grub_paths *out)
{
    size_t then = ahead(r, t, from, to, then_words);
    size_t otherwise = then < to ? ahead(r, t, then + 1, to, else_words) : to;
    struct kl_grub_paths yes, no;
    if (then >= to || r->depth >= KL_GRUB_DEEPEST) {
        kl_grub_add_path(out, p);
        return;
    }
    part(r, t, from, then, p, &yes, &no, out);
    kl_grub_run_list(r, t, then + 1, otherwise, &yes);
    for (size_t k = 0; k < yes.n; k++)
        kl_grub_add_path(out, &yes.list[k]);
    if (otherwise < to && kl_grub_is_word(t, otherwise, "elif")) {
        r->depth++;
        for (size_t k = 0; k < no.n; k++)
            run_clause(r, t, otherwise + 1, to, &no.list[k], out);
        r->depth--;
        return;
    }
    if (otherwise < to)
        kl_grub_run_list(r, t, otherwise + 1, to, &no);
    for (size_t k = 0; k < no.n; k++)
        kl_grub_add_path(out, &no.list[k]);
}

static size_t run_if(struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t to,
    struct kl_grub_paths *set)
{
    size_t end = ahead(r, t, from + 1, to, fi_words);
    struct kl_grub_paths out, ways;
    out.n = 0;
    if (end == to && r->fuel)
        unended(r, t, from, "if", "fi");
    for (size_t k = 0; k < set->n; k++) {
        if (set->list[k].state != KL_GRUB_LIVE) {
            kl_grub_add_path(&out, &set->list[k]);
            continue;
        }
        ways.n = 0;
        run_clause(r, t, from + 1, end, &set->list[k], &ways);
        meet(r, &set->list[k], &ways, &out);
    }
    copy_paths(set, &out);
    return end + 1;
}

/* --- loops, functions --------------------------------------------------------------------------*/

static const char *const do_words[] = {"do", NULL};
static const char *const done_words[] = {"done", NULL};

/* "for NAME in WORDS; do ... done" */
static void run_for(struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t start,
    size_t end, struct kl_grub_paths *set)
{
    struct kl_grub_words values = {0};
    const char *name = kl_piece_text(r->a, t->tokens[from + 1].raw);
    if (!set->n)
        return;
    struct kl_grub_scope s = kl_grub_scope_of(r, &set->list[0]);
    for (size_t k = from + 3; k < start && t->tokens[k].type == KL_GRUB_WORD; k++)
        kl_grub_expand(&s, &t->tokens[k], &values);
    for (size_t k = 0; k < values.n && r->fuel; k++) {
        for (size_t i = 0; i < set->n; i++)
            if (set->list[i].state == KL_GRUB_LIVE)
                kl_grub_set(
                    r, &set->list[i], name, values.list[k].arg.text, values.list[k].complete);
        kl_grub_run_list(r, t, start + 1, end, set);
        r->fuel -= r->fuel > 0;
    }
}

/* A "while" or "until" runs once, or not at all. */
static size_t run_loop(struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t to,
    struct kl_grub_paths *set)
{
    size_t start = ahead(r, t, from + 1, to, do_words);
    size_t end = start < to ? ahead(r, t, start + 1, to, done_words) : to;
    if (start >= to) {
        unended(r, t, from, "loop", "do");
        return to;
    }
    if (kl_grub_is_word(t, from, "for")) {
        run_for(r, t, from, start, end, set);
        return end + 1;
    }
    struct kl_grub_paths once;
    copy_paths(&once, set);
    kl_grub_run_list(r, t, from + 1, start, &once);
    kl_grub_run_list(r, t, start + 1, end, &once);
    for (size_t k = 0; k < once.n && set->n < KL_GRUB_PATHS; k++)
        kl_grub_add_path(set, &once.list[k]);
    return end + 1;
}

static size_t define_function(
    struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t to)
{
    size_t open = from + 2;
    while (open < to && t->tokens[open].type == KL_GRUB_END)
        open++;
    if (open >= to || t->tokens[open].type != KL_GRUB_OPEN)
        return from + 1;
    size_t end = kl_grub_block_end(r, t, open, to);
    r->functions = kl_grow(r->a, r->functions, r->nfunctions, sizeof *r->functions);
    r->functions[r->nfunctions++] =
        (struct kl_grub_function){kl_piece_text(r->a, t->tokens[from + 1].raw), t, open + 1, end};
    return end + 1;
}

/* --- lists of commands -------------------------------------------------------------------------*/

/* A command of words up to its end, perhaps with a block. */
static size_t run_simple(struct kl_grub_run *r, const struct kl_grub_text *t, size_t from,
    size_t to, struct kl_grub_paths *set)
{
    size_t end = from;
    while (end < to && t->tokens[end].type == KL_GRUB_WORD)
        end++;
    bool block = end < to && t->tokens[end].type == KL_GRUB_OPEN;
    if (block && (kl_grub_is_word(t, from, "menuentry") || kl_grub_is_word(t, from, "submenu")))
        return kl_grub_define(r, t, from, end, to, set);
    run_words(r, t, from, end, set);
    return block ? kl_grub_block_end(r, t, end, to) + 1 : end;
}

void kl_grub_run_list(struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t to,
    struct kl_grub_paths *set)
{
    if (++r->depth > KL_GRUB_DEEPEST)
        to = from;
    for (size_t k = from; k < to && r->fuel; r->fuel -= r->fuel > 0) {
        if (t->tokens[k].type != KL_GRUB_WORD)
            k++;
        else if (kl_grub_is_word(t, k, "if"))
            k = run_if(r, t, k, to, set);
        else if (kl_grub_is_word(t, k, "for") || kl_grub_is_word(t, k, "while") ||
                 kl_grub_is_word(t, k, "until"))
            k = run_loop(r, t, k, to, set);
        else if (kl_grub_is_word(t, k, "function"))
            k = define_function(r, t, k, to);
        else
            k = run_simple(r, t, k, to, set);
    }
    r->depth--;
}
