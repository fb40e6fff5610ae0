/* iPXE scripts, read.
 *
 * First from top to bottom, whatever the flow: a kernel, the initrds and arguments around it up to
 * "boot" make an entry, named after the label before it. Then along the way that the script takes
 * when every command does its work and nobody touches a key: what is booted there is the default.
 * Where the way hangs on the machine (iseq, isset of what the script does not set) both are
 * followed; when they end in different kinds of entries there is no default.
 */
#include "stage/ipxe_script.h"

#include <string.h>

static const char *const image_options[] = {"--name", "-n", "--timeout", "-t", NULL};
static const char *const choose_options[] = {
    "--menu", "-m", "--default", "-d", "--timeout", "-t", NULL};
static const char *const item_options[] = {"--menu", "-m", "--key", "-k", NULL};
static const char *const prompt_options[] = {"--key", "-k", "--timeout", "-t", "--set", "-s", NULL};

struct reader {
    struct kl_arena *a;
    struct kl_menu *m;
    struct kl_ipxe_script s;
    bool pending;         /* an entry has a kernel, and is not started yet */
    size_t waiting;       /* which */
    const char *image;    /* its kernel's name */
    struct kl_arg *early; /* initrds that came before their kernel */
    size_t nearly;
    unsigned early_in; /* the segment they stand in */
};

/* --- entries, from top to bottom ---------------------------------------------------------------*/

/* The entry whose kernel waits to be started; others may have come after it ("|| exit"). */
static struct kl_entry *waiting(const struct reader *r)
{
    return &r->m->entries[r->waiting];
}

/* What stands before a command on its line: "iseq ${buildarch} arm64 &&". */
static const char *condition(const struct reader *r, size_t k)
{
    const struct kl_ipxe_command *c = &r->s.commands[k];
    if (c->first || c->after == KL_IPXE_ALWAYS)
        return NULL;
    const struct kl_ipxe_command *before = c - 1;
    struct kl_buf b KL_BUF_SCOPE = {0};
    /* "&&" behind a command that is expected to work is no condition */
    if (!kl_ipxe_is(before, "iseq") && !kl_ipxe_is(before, "isset") &&
        !kl_ipxe_is(before, "prompt") && c->after != KL_IPXE_ON_FAILURE)
        return NULL;
    if (c->after == KL_IPXE_ON_FAILURE)
        kl_buf_add(&b, "!");
    for (size_t i = 0; i < before->n && b.len < 160; i++)
        kl_buf_addf(&b, "%s%.80s", b.len ? " " : "", before->words[i].arg.text);
    return kl_strndup(r->a, kl_buf_text(&b), b.len);
}

static struct kl_entry *begin_entry(struct reader *r, size_t k, enum kl_entry_kind kind)
{
    struct kl_ipxe_command *c = &r->s.commands[k];
    struct kl_entry *e = kl_menu_add(r->a, r->m);
    e->kind = kind;
    e->name = c->label;
    e->at = c->at;
    e->condition = condition(r, k);
    c->entry = (int)r->m->nentries - 1;
    return e;
}

static void add_initrd(struct reader *r, struct kl_entry *e, const struct kl_arg *w)
{
    e->initrds = kl_grow(r->a, e->initrds, e->ninitrds, sizeof *e->initrds);
    e->initrds[e->ninitrds++] = *w;
}

/* The arguments of the kernel: words of `c` from `from` on, instead of any before. */
static void take_line(
    struct reader *r, struct kl_entry *e, const struct kl_ipxe_command *c, size_t from)
{
    e->line = (struct kl_cmdline){.at = c->at};
    e->complete = true;
    for (size_t k = from; k < c->n; k++) {
        const struct kl_ipxe_word *w = &c->words[k];
        if (kl_starts(w->arg.text, "initrd="))
            continue; /* names an image of iPXE, for the kernel's EFI stub */
        if (!*w->arg.text)
            continue;
        e->complete &= w->complete;
        if (w->arg.verbatim || !strchr(w->arg.text, ' ')) {
            e->line.args = kl_grow(r->a, e->line.args, e->line.n, sizeof *e->line.args);
            e->line.args[e->line.n++] = w->arg;
            continue;
        }
        /* A setting may hold several words: all of them have its place. */
        size_t before = e->line.n;
        kl_menu_words(
            r->a, &e->line, (struct kl_piece){w->arg.text, strlen(w->arg.text), w->arg.at});
        for (size_t i = before; i < e->line.n; i++) {
            e->line.args[i].at = w->arg.at;
            e->line.args[i].verbatim = false;
        }
    }
    if (c->n) {
        const struct kl_place last = c->words[c->n - 1].arg.at;
        if (last.line == c->at.line)
            e->line.at.width = last.col + last.width - c->at.col;
    }
}

static bool is_kernel(const struct kl_ipxe_command *c)
{
    return kl_ipxe_is(c, "kernel") || kl_ipxe_is(c, "imgselect") || kl_ipxe_is(c, "imgload");
}

/* "kernel", and "boot" and "chain" of a kernel. */
static void on_kernel(struct reader *r, size_t k)
{
    struct kl_ipxe_command *c = &r->s.commands[k];
    const char *name;
    size_t at = kl_ipxe_operands(c, image_options, "--name", &name);
    if (at >= c->n)
        return;
    struct kl_entry *e = begin_entry(r, k, kl_menu_kind(c->words[at].arg.text));
    e->kernel = c->words[at].arg;
    take_line(r, e, c, at + 1);
    if (r->early_in == c->segment)
        for (size_t i = 0; i < r->nearly; i++)
            add_initrd(r, e, &r->early[i]);
    r->nearly = 0;
    r->image = name ? name : kl_menu_base(e->kernel.text);
    r->pending = true;
    r->waiting = r->m->nentries - 1;
}

static void on_initrd(struct reader *r, size_t k)
{
    const struct kl_ipxe_command *c = &r->s.commands[k];
    size_t at = kl_ipxe_operands(c, image_options, NULL, NULL);
    if (at >= c->n)
        return;
    if (r->pending) {
        add_initrd(r, waiting(r), &c->words[at].arg);
        return;
    }
    if (r->early_in != c->segment)
        r->nearly = 0;
    r->early_in = c->segment;
    if (!kl_ipxe_is(c, "initrd"))
        return; /* an image of which nobody knows yet what it is for */
    if (!r->nearly)
        r->early = NULL;
    r->early = kl_grow(r->a, r->early, r->nearly, sizeof *r->early);
    r->early[r->nearly++] = c->words[at].arg;
}

static void on_imgargs(struct reader *r, size_t k)
{
    const struct kl_ipxe_command *c = &r->s.commands[k];
    size_t at = kl_ipxe_operands(c, image_options, NULL, NULL);
    if (r->pending && at < c->n &&
        (kl_streq(c->words[at].arg.text, r->image) || strstr(c->words[at].arg.text, "${")))
        take_line(r, waiting(r), c, at + 1);
}

static bool looks_like_kernel(const char *path)
{
    const char *base = kl_menu_base(path);
    return kl_starts(base, "vmlinuz") || kl_starts(base, "bzImage") || kl_streq(base, "linux") ||
           kl_streq(base, "kernel");
}

static void on_boot(struct reader *r, size_t k)
{
    struct kl_ipxe_command *c = &r->s.commands[k];
    size_t at = kl_ipxe_operands(c, image_options, NULL, NULL);
    if (at < c->n && !(r->pending && kl_streq(c->words[at].arg.text, r->image)) &&
        (strchr(c->words[at].arg.text, '/') || !r->pending)) {
        if (looks_like_kernel(c->words[at].arg.text))
            on_kernel(r, k);
        else
            begin_entry(r, k, KL_ENTRY_OTHER)->kernel = c->words[at].arg;
    } else if (r->pending) {
        c->entry = (int)r->waiting;
    }
    r->pending = false;
}

static void on_sanboot(struct reader *r, size_t k)
{
    const struct kl_ipxe_command *c = &r->s.commands[k];
    bool net = false; /* iscsi:..., http://... */
    for (size_t i = 1; i < c->n; i++)
        net |= strchr(c->words[i].arg.text, ':') != NULL;
    begin_entry(r, k, net ? KL_ENTRY_OTHER : KL_ENTRY_LOCAL);
}

static void read_entries(struct reader *r)
{
    for (size_t k = 0; k < r->s.n; k++) {
        const struct kl_ipxe_command *c = &r->s.commands[k];
        if (is_kernel(c))
            on_kernel(r, k);
        else if (kl_ipxe_is(c, "initrd") || kl_ipxe_is(c, "module") || kl_ipxe_is(c, "imgfetch"))
            on_initrd(r, k);
        else if (kl_ipxe_is(c, "imgargs"))
            on_imgargs(r, k);
        else if (kl_ipxe_is(c, "boot") || kl_ipxe_is(c, "imgexec") || kl_ipxe_is(c, "chain"))
            on_boot(r, k);
        else if (kl_ipxe_is(c, "sanboot"))
            on_sanboot(r, k);
        else if (kl_ipxe_is(c, "exit"))
            begin_entry(r, k, KL_ENTRY_LOCAL);
        else if (kl_ipxe_is(c, "reboot") || kl_ipxe_is(c, "poweroff") || kl_ipxe_is(c, "shell"))
            begin_entry(r, k, KL_ENTRY_OTHER);
        if (r->pending && c->first && (kl_ipxe_is(c, "goto") || kl_ipxe_is(c, "exit"))) {
            waiting(r)->complete = false; /* what is loaded elsewhere is not known */
            r->pending = false;
        }
    }
}

/* --- the ways that nobody turns ----------------------------------------------------------------*/

enum { MOST_FORKS = 16, MOST_ENDS = MOST_FORKS + 1, MOST_LOOKS = 1 << 22 };
enum status { OK, FAILED, EITHER, ENDED };

/* Where all ways end. */
struct ends {
    int entries[MOST_ENDS];
    size_t n, forks, looks; /* at labels, in search of one */
    bool open;              /* one ends in nothing, or where a person is needed */
    unsigned timeout_ds;
    struct kl_place at; /* of the command that chose */
};

struct walk {
    struct reader *r;
    struct ends *ends;
    size_t next;                /* the command after this one, unless something jumps */
    const char *chosen, *value; /* of the last "choose" */
    const char *first_item;     /* of the menu being made */
    struct kl_place chosen_at;
    unsigned timeout_ds;
    int kernel; /* entry of the last kernel, or -1 */
    bool *seen;
};

/* A word, with the setting that "choose" made; NULL when it is not known. */
static const char *resolve(const struct walk *w, const struct kl_ipxe_word *word)
{
    const char *text = word->arg.text;
    size_t n = w->chosen ? strlen(w->chosen) : 0;
    if (n && kl_starts(text, "${") && strncmp(text + 2, w->chosen, n) == 0 &&
        kl_streq(text + 2 + n, "}"))
        return w->value;
    return strstr(text, "${") ? NULL : text;
}

static enum status open_end(struct walk *w)
{
    w->ends->open = true;
    return ENDED;
}

static enum status end_in(struct walk *w, int entry)
{
    struct ends *e = w->ends;
    if (entry < 0 || e->n == MOST_ENDS)
        return open_end(w);
    e->entries[e->n++] = entry;
    e->timeout_ds = w->timeout_ds;
    e->at = w->chosen_at;
    return ENDED;
}

static enum status go_to(struct walk *w, const struct kl_ipxe_command *c)
{
    const char *label = c->n > 1 ? resolve(w, &c->words[1]) : NULL;
    if (!label)
        return open_end(w);
    for (size_t k = 0; k < w->r->s.nlabels; k++)
        if (w->ends->looks++ > MOST_LOOKS) {
            return open_end(w);
        } else if (kl_streq(w->r->s.labels[k].name, label)) {
            w->next = w->r->s.labels[k].command;
            return OK;
        }
    return FAILED;
}

static bool waits(struct walk *w, const char *timeout)
{
    unsigned long ms;
    w->r->m->asks = true;
    if (!timeout || !kl_number(timeout, 100000000, &ms) || !ms)
        return true; /* for ever, or nobody knows how long */
    w->timeout_ds += (unsigned)(ms / 100);
    return false;
}

static enum status choose(struct walk *w, const struct kl_ipxe_command *c)
{
    const char *preset, *timeout;
    size_t at = kl_ipxe_operands(c, choose_options, "--default", &preset);
    kl_ipxe_operands(c, choose_options, "--timeout", &timeout);
    if (waits(w, timeout) || at >= c->n)
        return open_end(w);
    w->chosen_at = c->at;
    w->chosen = c->words[at].arg.text;
    w->value = preset ? preset : w->first_item;
    return w->value && !strstr(w->value, "${") ? OK : open_end(w);
}

static enum status item(struct walk *w, const struct kl_ipxe_command *c)
{
    bool preset = false, gap = false;
    size_t at = kl_ipxe_operands(c, item_options, NULL, NULL);
    for (size_t k = 1; k < at; k++) {
        const char *option = c->words[k].arg.text;
        preset |= kl_streq(option, "--default") || kl_streq(option, "-d");
        gap |= kl_streq(option, "--gap") || kl_streq(option, "-g");
    }
    if (at < c->n && !gap && (!w->first_item || preset))
        w->first_item = c->words[at].arg.text;
    return OK;
}

/* iseq and isset, where the text knows. */
static enum status compare(const struct kl_ipxe_command *c)
{
    if (c->n < 2 || !c->words[1].complete || (c->n > 2 && !c->words[2].complete))
        return EITHER;
    if (kl_ipxe_is(c, "isset"))
        return *c->words[1].arg.text ? OK : FAILED;
    return c->n > 2 && kl_streq(c->words[1].arg.text, c->words[2].arg.text) ? OK : FAILED;
}

static enum status step(struct walk *w, const struct kl_ipxe_command *c)
{
    const char *timeout;
    if (kl_ipxe_is(c, "goto"))
        return go_to(w, c);
    if (kl_ipxe_is(c, "choose"))
        return choose(w, c);
    if (kl_ipxe_is(c, "iseq") || kl_ipxe_is(c, "isset"))
        return compare(c);
    if (kl_ipxe_is(c, "item"))
        return item(w, c);
    if (kl_ipxe_is(c, "prompt")) {
        kl_ipxe_operands(c, prompt_options, "--timeout", &timeout);
        return waits(w, timeout) ? open_end(w) : FAILED; /* nobody presses the key */
    }
    if (kl_ipxe_is(c, "autoboot") || kl_ipxe_is(c, "login") || kl_ipxe_is(c, "read"))
        return open_end(w);
    if (kl_ipxe_is(c, "boot") || kl_ipxe_is(c, "imgexec"))
        return end_in(w, c->entry >= 0 && c->at.line == w->r->m->entries[c->entry].at.line
                             ? c->entry
                             : w->kernel);
    if (kl_ipxe_is(c, "menu"))
        w->first_item = NULL;
    else if (is_kernel(c))
        w->kernel = c->entry;
    else if (c->entry >= 0) /* chain, sanboot, exit, reboot, ... */
        return end_in(w, c->entry);
    return OK;
}

static void follow(struct walk w, size_t k, enum status status)
{
    const struct kl_ipxe_script *s = &w.r->s;
    bool *seen = kl_alloc(w.r->a, s->n + 1);
    memcpy(seen, w.seen, s->n);
    w.seen = seen;
    while (k < s->n) {
        const struct kl_ipxe_command *c = &s->commands[k];
        if (c->first && status == FAILED)
            break; /* a line that fails ends the script */
        if (c->first && seen[k])
            return; /* round and round */
        seen[k] = true;
        if (!c->first && ((c->after == KL_IPXE_ON_SUCCESS && status == FAILED) ||
                             (c->after == KL_IPXE_ON_FAILURE && status == OK))) {
            k++;
            continue;
        }
        w.next = k + 1;
        status = c->n ? step(&w, c) : OK;
        if (status == ENDED)
            return;
        if (status == EITHER) {
            if (w.ends->forks++ == MOST_FORKS)
                break;
            follow(w, k + 1, OK);
            status = FAILED;
        }
        k = w.next;
    }
    w.ends->open = true;
}

/* All ways have to come to the same kind of end: else it hangs on the machine. */
static void find_default(struct reader *r)
{
    struct ends ends = {.n = 0};
    struct walk w = {.r = r, .ends = &ends, .kernel = -1};
    struct kl_menu *m = r->m;
    w.seen = kl_alloc(r->a, r->s.n + 1);
    follow(w, 0, OK);
    for (size_t k = 1; k < ends.n; k++)
        ends.open |= m->entries[ends.entries[k]].kind != m->entries[ends.entries[0]].kind;
    if (ends.open || !ends.n)
        return;
    m->timeout_ds = ends.timeout_ds;
    m->default_at = ends.at;
    for (size_t k = 0; k < ends.n; k++) {
        m->entries[ends.entries[k]].by_default = true;
        m->entries[ends.entries[k]].on_timeout = ends.timeout_ds > 0;
    }
}

struct kl_menu *kl_ipxe_parse(struct kl_arena *a, const char *text, size_t len, const char *file,
    const struct kl_finder *files, struct kl_diags *d)
{
    struct reader r = {.a = a, .m = kl_alloc(a, sizeof *r.m)};
    struct kl_includes inc = {.a = a, .files = files, .d = d};
    r.s = kl_ipxe_commands(a, text, len, kl_include_first(&inc, file, text, len).file);
    kl_ipxe_expand(a, &r.s, ((size_t)1 << 20) + 8 * len);
    read_entries(&r);
    find_default(&r);
    return r.m;
}
