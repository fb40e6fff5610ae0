/* What GRUB's commands do to the entry that is being put together. */
#include "stage/grub_script.h"

#include <string.h>

/* --- paths -------------------------------------------------------------------------------------*/

void kl_grub_add_path(struct kl_grub_paths *set, const struct kl_grub_path *p)
{
    if (set->n < sizeof set->list / sizeof *set->list)
        set->list[set->n++] = *p;
}

struct kl_grub_scope kl_grub_scope_of(struct kl_grub_run *r, const struct kl_grub_path *p)
{
    return (struct kl_grub_scope){.a = r->a,
        .vars = p->vars,
        .params = p->params,
        .nparams = p->nparams,
        .has_params = p->has_params,
        .fuel = &r->fuel};
}

void kl_grub_set(struct kl_grub_run *r, struct kl_grub_path *p, const char *name, const char *value,
    bool complete)
{
    struct kl_grub_var *v = kl_alloc(r->a, sizeof *v);
    *v =
        (struct kl_grub_var){.before = p->vars, .name = name, .value = value, .complete = complete};
    p->vars = v;
}

static void copy_word(
    struct kl_grub_run *r, struct kl_arg **list, size_t *n, const struct kl_arg *w)
{
    *list = kl_grow(r->a, *list, *n, sizeof **list);
    (*list)[(*n)++] = *w;
}

static bool same_args(const struct kl_arg *a, size_t na, const struct kl_arg *b, size_t nb)
{
    if (na != nb)
        return false;
    for (size_t k = 0; k < na; k++)
        if (!kl_streq(a[k].text, b[k].text))
            return false;
    return true;
}

static bool same_entry(const struct kl_entry *a, const struct kl_entry *b)
{
    return a->kind == b->kind &&
           (a->kind == KL_ENTRY_LOCAL ||
               (kl_streq(a->kernel.text, b->kernel.text) &&
                   same_args(a->initrds, a->ninitrds, b->initrds, b->ninitrds) &&
                   same_args(a->line.args, a->line.n, b->line.args, b->line.n)));
}

void kl_grub_emit(struct kl_grub_run *r, struct kl_grub_path *p)
{
    if (!p->chosen)
        return;
    p->chosen = false;
    size_t at = r->m->nentries;
    for (size_t k = r->first; k < at && k < r->m->nentries; k++)
        if (same_entry(&r->m->entries[k], &p->e)) {
            r->m->entries[k].condition = NULL;
            at = k;
        }
    if (at == r->m->nentries)
        *kl_menu_add(r->a, r->m) = p->e;
    if (r->level == r->top && !r->m->entries[at].condition && r->at_once < 0)
        r->at_once = (int)at;
}

/* --- what commands do --------------------------------------------------------------------------*/

typedef void command(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w);

static void begin_entry(struct kl_grub_path *p, enum kl_entry_kind kind, struct kl_place at)
{
    struct kl_entry e = {.kind = kind,
        .name = p->e.name,
        .at = p->e.at.file ? p->e.at : at,
        .condition = p->e.condition,
        .complete = true};
    p->e = e;
    p->chosen = true;
    p->modules = 0;
}

/* A kernel and its line: words from `k` on. */
static void take_line(
    struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w, size_t k)
{
    while (k < w->n && kl_starts(w->list[k].arg.text, "--"))
        k++;
    begin_entry(p, KL_ENTRY_OTHER, w->list[0].arg.at);
    if (k >= w->n)
        return;
    p->e.kernel = w->list[k].arg;
    p->e.kind = kl_menu_kind(p->e.kernel.text);
    p->e.line.at = w->list[0].arg.at;
    const struct kl_place last = w->list[w->n - 1].arg.at;
    if (last.line == p->e.line.at.line && last.col >= p->e.line.at.col)
        p->e.line.at.width = last.col + last.width - p->e.line.at.col;
    while (++k < w->n) {
        p->e.complete &= w->list[k].complete;
        copy_word(r, &p->e.line.args, &p->e.line.n, &w->list[k].arg);
    }
}

static void on_linux(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    take_line(r, p, w, 1);
}

static void take_initrds(
    struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    for (size_t k = 1; k < w->n; k++)
        if (*w->list[k].arg.text != '-')
            copy_word(r, &p->e.initrds, &p->e.ninitrds, &w->list[k].arg);
}

static void on_initrd(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    p->e.initrds = NULL;
    p->e.ninitrds = 0;
    take_initrds(r, p, w);
}

/* Xen: its first module is the kernel with its line, the others are initrds. */
static void on_multiboot(
    struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    take_line(r, p, w, 1);
    p->e.kind = KL_ENTRY_OTHER;
    if (p->e.kernel.text && kl_starts(kl_menu_base(p->e.kernel.text), "xen"))
        p->modules = 1;
}

static void on_module(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    if (p->modules == 1) {
        take_line(r, p, w, 1);
        p->modules = 2;
    } else if (p->modules) {
        take_initrds(r, p, w);
    }
}

/* A loader on a network device, or one that goes to the network again; all others are those of an
 * installed system. */
static bool leads_to_network(const char *path)
{
    static const char *const loaders[] = {
        "ipxe", "snponly", "undionly", "pxelinux", "lpxelinux", "syslinux", "wdsmgfw", NULL};
    if (kl_starts(path, "(tftp") || kl_starts(path, "(http") || kl_starts(path, "(pxe"))
        return true;
    for (const char *const *l = loaders; *l; l++)
        if (kl_starts(kl_menu_base(path), *l))
            return true;
    return false;
}

static void on_chainloader(
    struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    const char *path = w->n > 1 ? w->list[w->n - 1].arg.text : "";
    (void)r;
    begin_entry(p, leads_to_network(path) ? KL_ENTRY_OTHER : KL_ENTRY_LOCAL, w->list[0].arg.at);
}

static void leave(
    struct kl_grub_run *r, struct kl_grub_path *p, enum kl_entry_kind kind, struct kl_place at)
{
    begin_entry(p, kind, at);
    kl_grub_emit(r, p);
    p->state = KL_GRUB_ENDED;
}

static void on_boot(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    (void)w;
    if (p->chosen) {
        kl_grub_emit(r, p);
        p->state = KL_GRUB_ENDED;
    }
}

static void on_leave(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    leave(r, p, KL_ENTRY_LOCAL, w->list[0].arg.at);
}

static void on_reboot(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    leave(r, p, KL_ENTRY_OTHER, w->list[0].arg.at);
}

/* Another configuration goes on from here. At the top this one stands if that is not there. */
static void on_configfile(
    struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    if (!r->level)
        leave(r, p,
            w->n > 1 && kl_starts(w->list[1].arg.text, "(hd") ? KL_ENTRY_LOCAL : KL_ENTRY_OTHER,
            w->list[0].arg.at);
}

static void on_return(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    (void)r, (void)w;
    p->state = KL_GRUB_RETURNED;
}

static void on_unset(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    if (w->n > 1)
        kl_grub_set(r, p, w->list[1].arg.text, "", true);
}

static void assign(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_word *w)
{
    const char *equals = strchr(w->arg.text, '=');
    p->status = KL_GRUB_TRUE;
    if (!equals || equals == w->arg.text)
        return;
    struct kl_grub_var *v = kl_alloc(r->a, sizeof *v);
    *v = (struct kl_grub_var){.before = p->vars,
        .name = kl_strndup(r->a, w->arg.text, (size_t)(equals - w->arg.text)),
        .value = equals + 1,
        .at = w->arg.at,
        .complete = w->complete};
    p->vars = v;
}

static void on_set(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    if (w->n > 1)
        assign(r, p, &w->list[1]);
}

static void on_true(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    (void)r, (void)w;
    p->status = KL_GRUB_TRUE;
}

static void on_false(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    (void)r, (void)w;
    p->status = KL_GRUB_FALSE;
}

static enum kl_grub_status truth(bool yes)
{
    return yes ? KL_GRUB_TRUE : KL_GRUB_FALSE;
}

/* What of the words of a test can be decided: comparisons of what the text itself sets. */
static enum kl_grub_status decide(const struct kl_grub_word *w, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (!w[k].complete)
            return KL_GRUB_UNKNOWN;
    if (n == 1)
        return truth(*w[0].arg.text != 0);
    const char *op = n == 2 ? w[0].arg.text : n == 3 ? w[1].arg.text : "";
    if (n == 2 && kl_streq(op, "-z"))
        return truth(*w[1].arg.text == 0);
    if (n == 2 && kl_streq(op, "-n"))
        return truth(*w[1].arg.text != 0);
    if (n == 3 && (kl_streq(op, "=") || kl_streq(op, "==")))
        return truth(kl_streq(w[0].arg.text, w[2].arg.text));
    if (n == 3 && kl_streq(op, "!="))
        return truth(!kl_streq(w[0].arg.text, w[2].arg.text));
    return n ? KL_GRUB_UNKNOWN : KL_GRUB_FALSE;
}

static void on_test(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    size_t from = 1, to = w->n;
    bool no = false;
    (void)r;
    if (kl_streq(w->list[0].arg.text, "[") && to > 1 && kl_streq(w->list[to - 1].arg.text, "]"))
        to--;
    for (; from < to && kl_streq(w->list[from].arg.text, "!"); from++)
        no = !no;
    p->status = decide(w->list + from, to - from);
    if (no && p->status != KL_GRUB_UNKNOWN)
        p->status = p->status == KL_GRUB_TRUE ? KL_GRUB_FALSE : KL_GRUB_TRUE;
}

static const struct builtin {
    const char *name;
    command *run;
} builtins[] = {{"[", on_test}, {"boot", on_boot}, {"chainloader", on_chainloader},
    {"configfile", on_configfile}, {"exit", on_leave}, {"false", on_false}, {"fwsetup", on_reboot},
    {"halt", on_reboot}, {"initrd", on_initrd}, {"initrd16", on_initrd}, {"initrdefi", on_initrd},
    {"legacy_configfile", on_configfile}, {"linux", on_linux}, {"linux16", on_linux},
    {"linuxefi", on_linux}, {"module", on_module}, {"module2", on_module},
    {"multiboot", on_multiboot}, {"multiboot2", on_multiboot}, {"poweroff", on_reboot},
    {"reboot", on_reboot}, {"return", on_return}, {"set", on_set}, {"test", on_test},
    {"true", on_true}, {"unset", on_unset}, {"xen_hypervisor", on_multiboot},
    {"xen_module", on_module}};

/* A command whose name is a variable that is not known: "$linux", "${initrdcmd}". */
static command *by_its_look(const char *name)
{
    if (strstr(name, "initrd"))
        return on_initrd;
    return strstr(name, "linux") || strstr(name, "kernel") ? on_linux : NULL;
}

/* search, probe, regexp, read, ...: what they set is not known. */
static void on_other(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    const char *name = NULL;
    bool search = kl_starts(w->list[0].arg.text, "search");
    for (size_t k = 1; k < w->n; k++) {
        const char *arg = w->list[k].arg.text;
        if (kl_starts(arg, "--set="))
            name = arg + strlen("--set=");
        else if (kl_streq(arg, "--set") || kl_streq(arg, "-s"))
            name = search || k + 1 == w->n ? "root" : w->list[k + 1].arg.text;
    }
    if (kl_streq(w->list[0].arg.text, "read") && w->n > 1)
        name = w->list[1].arg.text;
    if (name)
        kl_grub_set(r, p, name, NULL, false);
}

void kl_grub_command(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w)
{
    const char *name = w->list[0].arg.text;
    command *c = w->list[0].complete ? NULL : by_its_look(name);
    for (size_t k = 0; !c && k < sizeof builtins / sizeof *builtins; k++)
        if (kl_streq(builtins[k].name, name))
            c = builtins[k].run;
    p->status = KL_GRUB_UNKNOWN;
    if (c)
        c(r, p, w);
    else if (strchr(name, '='))
        assign(r, p, &w->list[0]);
    else
        on_other(r, p, w);
}
