/* GRUB 2 configurations, read: of a network loader, of installation media, of grub2-mkconfig.
 *
 * The file runs first, and its menu entries after it, as GRUB does when one is chosen: with the
 * variables as they are at its end. */
#include "stage/grub_script.h"

#include <stdlib.h>
#include <string.h>

/* --- menuentry, submenu ------------------------------------------------------------------------*/

/* Options whose value is the next word (GRUB's manual, "menuentry"). grub2-mkconfig writes --id as
 * a variable, for GRUBs that do not know it. */
static bool takes_id(const char *option)
{
    return kl_streq(option, "--id") || kl_streq(option, "$menuentry_id_option") ||
           kl_streq(option, "${menuentry_id_option}");
}

static bool takes_value(const char *option)
{
    static const char *const options[] = {
        "--class", "-c", "--users", "-u", "--hotkey", "--source", NULL};
    for (const char *const *o = options; *o; o++)
        if (kl_streq(option, *o))
            return true;
    return false;
}

static struct kl_grub_item make_item(
    struct kl_grub_run *r, const struct kl_grub_path *p, const struct kl_grub_words *w)
{
    struct kl_grub_item it = {.condition = p->e.condition};
    struct kl_grub_words params = {0};
    for (size_t k = 1; k < w->n; k++) {
        const char *arg = w->list[k].arg.text;
        if (kl_starts(arg, "--id=")) {
            it.id = arg + strlen("--id=");
        } else if (takes_id(arg) && k + 1 < w->n) {
            it.id = w->list[++k].arg.text;
        } else if (takes_value(arg)) {
            k++;
        } else if (!kl_starts(arg, "--")) {
            params.list = kl_grow(r->a, params.list, params.n, sizeof *params.list);
            params.list[params.n++] = w->list[k];
        }
    }
    it.title = params.n ? params.list[0].arg.text : "";
    it.params = params.list;
    it.nparams = params.n;
    return it;
}

size_t kl_grub_define(struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t open,
    size_t to, const struct kl_grub_paths *set)
{
    size_t end = kl_grub_block_end(r, t, open, to), k = 0;
    while (k < set->n && set->list[k].state != KL_GRUB_LIVE)
        k++;
    if (k == set->n || !r->level)
        return end + 1;
    struct kl_grub_words w = {0};
    struct kl_grub_scope s = kl_grub_scope_of(r, &set->list[k]);
    for (size_t i = from; i < open; i++)
        kl_grub_expand(&s, &t->tokens[i], &w);
    if (!w.n)
        return end + 1;
    struct kl_grub_item it = make_item(r, &set->list[k], &w);
    struct kl_place last = w.list[w.n > 1 ? 1 : 0].arg.at;
    it.at = w.list[0].arg.at;
    if (last.line == it.at.line && last.col > it.at.col)
        it.at.width = last.col + last.width - it.at.col;
    it.submenu = kl_grub_is_word(t, from, "submenu");
    it.text = t;
    it.from = open + 1;
    it.to = end;
    r->level->items = kl_grow(r->a, r->level->items, r->level->n, sizeof *r->level->items);
    r->level->items[r->level->n++] = it;
    return end + 1;
}

/* --- running them ------------------------------------------------------------------------------*/

static void run_level(struct kl_grub_run *r, struct kl_grub_level *l);

static struct kl_grub_path item_path(const struct kl_grub_level *l, const struct kl_grub_item *it)
{
    return (struct kl_grub_path){.vars = l->vars,
        .params = it->params,
        .nparams = it->nparams,
        .has_params = true,
        .e = {.name = it->submenu ? "" : it->title,
            .at = it->submenu ? (struct kl_place){0} : it->at,
            .condition = it->condition,
            .complete = true}};
}

static void run_body(struct kl_grub_run *r, const struct kl_grub_level *l, struct kl_grub_item *it)
{
    struct kl_grub_paths set = {.n = 0};
    struct kl_grub_path p = item_path(l, it);
    kl_grub_add_path(&set, &p);
    r->first = it->first = r->m->nentries;
    r->level = NULL;
    kl_grub_run_list(r, it->text, it->from, it->to, &set);
    for (size_t k = 0; k < set.n; k++)
        kl_grub_emit(r, &set.list[k]);
    if (r->m->nentries == it->first) { /* it starts nothing that is known here */
        p.e.kind = KL_ENTRY_OTHER;
        p.chosen = true;
        kl_grub_emit(r, &p);
    }
    it->last = r->m->nentries;
}

static void run_submenu(
    struct kl_grub_run *r, const struct kl_grub_level *l, struct kl_grub_item *it)
{
    struct kl_grub_paths set = {.n = 0};
    struct kl_grub_path p = item_path(l, it);
    kl_grub_add_path(&set, &p);
    it->inner = kl_alloc(r->a, sizeof *it->inner);
    r->first = it->first = r->m->nentries;
    r->level = it->inner;
    kl_grub_run_list(r, it->text, it->from, it->to, &set);
    it->inner->vars = set.n ? set.list[0].vars : l->vars;
    if (++r->depth < KL_GRUB_DEEPEST)
        run_level(r, it->inner);
    r->depth--;
    it->last = r->m->nentries;
}

static void run_level(struct kl_grub_run *r, struct kl_grub_level *l)
{
    for (size_t k = 0; k < l->n && r->fuel; k++)
        if (l->items[k].submenu)
            run_submenu(r, l, &l->items[k]);
        else
            run_body(r, l, &l->items[k]);
}

/* --- the default -------------------------------------------------------------------------------*/

static bool is_called(const char *name, const char *want, size_t len)
{
    return name && strlen(name) == len && memcmp(name, want, len) == 0;
}

/* By number; not when a condition decides whether all before it are there. */
static struct kl_grub_item *by_number(const struct kl_grub_level *l, unsigned long n)
{
    n = n < l->n ? n : 0;
    for (size_t k = 0; k < l->n && k <= n; k++)
        if (l->items[k].condition)
            return NULL;
    return n < l->n ? &l->items[n] : NULL;
}

/* The item that "2", a title or an identifier names; the first when none has that name. */
static struct kl_grub_item *choose(const struct kl_grub_level *l, const char *want, size_t len)
{
    char *end;
    unsigned long n = strtoul(want, &end, 10);
    if (len && end == want + len)
        return by_number(l, n);
    for (size_t k = 0; k < l->n; k++)
        if (is_called(l->items[k].title, want, len) || is_called(l->items[k].id, want, len))
            return &l->items[k];
    return by_number(l, 0);
}

/* "a>b>c", each within the one before. */
static struct kl_grub_item *choose_default(const struct kl_grub_level *l, const char *want)
{
    struct kl_grub_item *it = NULL;
    while (l) {
        size_t n = strcspn(want, ">");
        it = choose(l, want, n);
        want += n + (want[n] == '>');
        l = it && it->submenu && *want ? it->inner : NULL;
    }
    return it && !it->submenu ? it : NULL;
}

/* Without a time-out the menu waits for ever; with 0 the default starts at once. */
static void mark_default(struct kl_grub_run *r, const struct kl_grub_level *top)
{
    struct kl_grub_scope s = {.vars = top->vars, .fuel = &r->fuel};
    const struct kl_grub_var *preset = kl_grub_get(&s, "default");
    const struct kl_grub_var *wait = kl_grub_get(&s, "timeout");
    const struct kl_grub_var *style = kl_grub_get(&s, "timeout_style");
    unsigned long seconds = 0;
    bool hidden = style && style->value && !kl_streq(style->value, "menu");
    bool timed = wait && wait->value && wait->complete && kl_number(wait->value, 1000000, &seconds);
    if (r->at_once >= 0) {
        r->m->entries[r->at_once].by_default = true;
        return;
    }
    r->m->asks = !(timed && (seconds == 0 || hidden)) && top->n > 0;
    r->m->timeout_ds = timed ? (unsigned)seconds * 10 : 0;
    if (preset)
        r->m->default_at = preset->at;
    if (!timed || (preset && (!preset->value || !preset->complete)))
        return;
    struct kl_grub_item *it = choose_default(top, preset ? preset->value : "0");
    for (size_t k = it ? it->first : 0; it && k < it->last; k++) {
        r->m->entries[k].by_default = true;
        r->m->entries[k].on_timeout = seconds > 0;
    }
}

struct kl_menu *kl_grub_parse(struct kl_arena *a, const char *text, size_t len, const char *file,
    const struct kl_finder *files, struct kl_diags *d)
{
    struct kl_grub_level top = {0};
    struct kl_grub_run r = {.a = a, .m = kl_alloc(a, sizeof *r.m), .d = d, .at_once = -1};
    struct kl_grub_paths set = {.n = 0};
    struct kl_grub_text *t = kl_alloc(a, sizeof *t);
    r.inc = (struct kl_includes){.a = a, .files = files, .d = d};
    r.fuel = ((size_t)1 << 20) + 8 * len;
    r.top = r.level = &top;
    *t = kl_grub_lex(a, text, len, kl_include_first(&r.inc, file, text, len).file, d);
    kl_grub_add_path(&set, &(struct kl_grub_path){.e = {.name = "", .complete = true}});
    kl_grub_run_list(&r, t, 0, t->n, &set);
    int at_once = r.at_once;
    for (size_t k = 0; k < set.n; k++) {
        kl_grub_emit(&r, &set.list[k]); /* loaded and not started: kept, but no default */
        if (!top.vars && set.list[k].state != KL_GRUB_ENDED)
            top.vars = set.list[k].vars;
    }
    r.at_once = at_once;
    run_level(&r, &top);
    mark_default(&r, &top);
    return r.m;
}
