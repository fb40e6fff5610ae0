/* PXELINUX configurations, read as syslinux 6 reads them (com32/elflink/ldlinux/readconfig.c);
 * menu.c32 of syslinux 4, which EL7 and EL8 ship, has the same grammar.
 *
 * A line is a keyword in any case, blanks, and the rest of the line as it is; there are no quotes
 * and no trailing comments. What stands before the first LABEL is for all; a label lasts until the
 * next one, or until MENU BEGIN, MENU END or MENU SEPARATOR end it. An included file reads as if it
 * stood in its place.
 *
 * Who starts when nobody chooses:
 *   - with a menu (UI, or DEFAULT names one): after TIMEOUT what ONTIMEOUT says, else the menu's
 *     own default: DEFAULT when it names a label beside UI, MENU DEFAULT, the first entry;
 *   - with a prompt (PROMPT 1): after TIMEOUT, ONTIMEOUT, else DEFAULT;
 *   - else DEFAULT, at once.
 */
#include "stage/menu.h"

#include <stdlib.h>
#include <string.h>

/* What stands for an entry's index when there is none: nothing is said; a menu; it is not here. */
enum { NO_ENTRY = -1, SOME_MENU = -2, NOT_HERE = -3 };

/* A global APPEND is copied to each label; more bytes than this are no configuration. */
enum { DEEPEST_MENU = 32, MOST_COPIED = 8 << 20 };

enum type { T_KERNEL, T_LINUX, T_MODULE, T_CONFIG, T_LOCAL, T_OTHER };

/* The label being read (struct labeldata there). `rest` of a piece: all that follows its keyword.
 */
struct label {
    bool open, hidden, disabled, preset;
    struct kl_piece name, kernel, append, initrd, title;
    bool has_append, has_initrd;
    enum type type;
    struct kl_place at, preset_at, sys_at;
    unsigned sysappend;
};

/* A menu: which entry it starts with, NO_ENTRY when it is not known yet. */
struct level {
    int first, preset;
    struct kl_place preset_at;
};

struct reader {
    struct kl_arena *a;
    struct kl_menu *m;
    struct kl_diags *d;
    struct kl_includes inc;
    struct label l;
    struct kl_piece append, preset, ui, ontimeout; /* for all; s NULL: not said */
    unsigned sysappend;
    struct kl_place sys_at;
    unsigned long timeout, total;
    long prompt;
    struct level levels[DEEPEST_MENU]; /* [0] is the top menu; submenus count by depth only */
    size_t depth, copied;
    const char *text; /* of the file being read */
    size_t len, pos;
    struct kl_piece line; /* the last line read; its place counts lines */
};

typedef void command(struct reader *r, struct kl_piece key, struct kl_piece rest);

static void read_text(struct reader *r, const char *file, const char *text, size_t len);

/* As atoi(3): digits at the start, nothing else counts. */
static unsigned long number(struct kl_piece p, int base)
{
    char digits[32] = "";
    size_t n = p.len < sizeof digits - 1 ? p.len : sizeof digits - 1;
    memcpy(digits, p.s, n);
    long v = strtol(digits, NULL, base);
    return v > 0 ? (unsigned long)v : 0;
}

/* --- entries -----------------------------------------------------------------------------------*/

static bool is_base(const char *path, const char *name)
{
    return path && kl_starts(kl_menu_base(path), name);
}

/* linux.c32 takes the kernel as its first argument (syslinux com32/modules/linux.c). */
static void through_linux_c32(struct kl_entry *e)
{
    size_t k = 0;
    e->kind = KL_ENTRY_OTHER;
    while (k < e->line.n && *e->line.args[k].text == '-')
        k++;
    if (k == e->line.n)
        return;
    e->kernel = e->line.args[k];
    e->kind = kl_menu_kind(e->kernel.text);
    e->line.args += k + 1;
    e->line.n -= k + 1;
}

/* mboot.c32 parts its modules by "---": Xen is the first, Linux the second, its initrd the third
 * (syslinux doc/mboot.txt). */
static void through_mboot(struct reader *r, struct kl_entry *e)
{
    size_t starts[3], n = 0;
    e->kind = KL_ENTRY_OTHER;
    for (size_t k = 0; k < e->line.n && n < 3; k++)
        if (k == 0 || kl_streq(e->line.args[k - 1].text, "---"))
            starts[n++] = k;
    if (n < 3)
        return;
    const struct kl_arg *linux_args = e->line.args + starts[1];
    e->kernel = *linux_args;
    kl_menu_initrds(r->a, e, &e->line.args[starts[2]], 0);
    e->line.args += starts[1] + 1;
    e->line.n = starts[2] - starts[1] - 2; /* without its file and the "---" */
    e->kind = KL_ENTRY_LINUX;
}

static void decide_kind(struct reader *r, struct kl_entry *e, enum type type)
{
    static const enum kl_entry_kind kinds[] = {[T_LOCAL] = KL_ENTRY_LOCAL,
        [T_LINUX] = KL_ENTRY_LINUX,
        [T_KERNEL] = KL_ENTRY_LINUX,
        [T_MODULE] = KL_ENTRY_OTHER,
        [T_CONFIG] = KL_ENTRY_OTHER,
        [T_OTHER] = KL_ENTRY_OTHER};
    e->kind = kinds[type];
    if (type == T_LOCAL)
        e->kernel = (struct kl_arg){0}; /* it is a number */
    else if (!e->kernel.text)
        e->kind = KL_ENTRY_OTHER;
    if (!e->kernel.text || type == T_CONFIG || type == T_OTHER)
        return;
    if (is_base(e->kernel.text, "chain.c32"))
        e->kind = KL_ENTRY_LOCAL;
    else if (is_base(e->kernel.text, "linux.c32"))
        through_linux_c32(e);
    else if (is_base(e->kernel.text, "mboot.c32"))
        through_mboot(r, e);
    else if (e->kind == KL_ENTRY_LINUX)
        e->kind = kl_menu_kind(e->kernel.text);
}

/* What a label comes to, as new entry of the menu. */
static struct kl_entry *make_entry(struct reader *r, const struct label *l)
{
    struct kl_entry *e = kl_menu_add(r->a, r->m);
    struct kl_piece rest = l->kernel, file, append = l->has_append ? l->append : r->append;
    e->name = kl_piece_text(r->a, l->name);
    e->at = l->at;
    if (l->title.s) {
        char *title = kl_piece_text(r->a, l->title), *to = title;
        for (const char *c = title; *c; c++)
            if (*c != '^') /* marks the hot key */
                *to++ = *c;
        *to = 0;
        e->title = title;
    }
    if (kl_piece_word(&rest, &file))
        e->kernel = kl_piece_arg(r->a, file);
    if (!l->has_append && (r->copied += append.len) > MOST_COPIED) {
        append.len = 0;
        e->complete = false;
    }
    e->line.at = kl_piece_place(append.len ? kl_piece_trim(append) : l->kernel);
    kl_menu_words(r->a, &e->line, rest);
    if (append.s && !(append.len == 1 && *append.s == '-'))
        kl_menu_words(r->a, &e->line, append);
    kl_menu_take_initrds(r->a, e, true);
    decide_kind(r, e, l->type);
    if (l->has_initrd) {
        struct kl_piece list = l->initrd, first;
        kl_piece_word(&list, &first);
        struct kl_arg w = kl_piece_arg(r->a, first);
        kl_menu_initrds(r->a, e, &w, 0);
    }
    e->sysappend = l->sysappend;
    e->adds_bootif = l->sysappend & 2;
    if (e->adds_bootif)
        e->bootif_at = l->sys_at;
    return e;
}

/* Ends the label being read (record() there). */
static void record(struct reader *r)
{
    struct label l = r->l;
    r->l = (struct label){0};
    if (!l.open || l.disabled)
        return;
    make_entry(r, &l);
    int index = (int)r->m->nentries - 1;
    struct level *level = &r->levels[r->depth];
    if (l.hidden)
        return;
    if (level->first == NO_ENTRY)
        level->first = index;
    if (l.preset) {
        level->preset = index;
        level->preset_at = l.preset_at;
    }
}

/* --- commands ----------------------------------------------------------------------------------*/

static void nothing(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)r, (void)key, (void)rest;
}

static void on_label(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    struct kl_piece name;
    record(r);
    kl_piece_word(&rest, &name);
    struct kl_place at = kl_piece_place(key);
    at.width = name.at.col + (unsigned)name.len - key.at.col;
    r->l = (struct label){.open = true,
        .name = name,
        .kernel = name,
        .at = at,
        .sysappend = r->sysappend,
        .sys_at = r->sys_at};
}

static void on_kernel(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    static const struct {
        const char *word;
        enum type type;
    } types[] = {{"kernel", T_KERNEL}, {"linux", T_LINUX}, {"com32", T_MODULE},
        {"config", T_CONFIG}, {"localboot", T_LOCAL}};
    if (!r->l.open)
        return;
    r->l.kernel = rest;
    r->l.type = T_OTHER;
    for (size_t k = 0; k < sizeof types / sizeof *types; k++)
        if (kl_piece_is(key, types[k].word))
            r->l.type = types[k].type;
}

static void on_append(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key;
    if (r->l.open) {
        r->l.append = rest;
        r->l.has_append = true;
    } else {
        r->append = rest;
    }
}

static void on_initrd(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    if (!r->l.open) {
        kl_diag(r->d, KL_NOTE, "not-understood", kl_piece_place(key), "put it below its LABEL",
            "INITRD before any LABEL is ignored by PXELINUX");
        return;
    }
    r->l.initrd = rest;
    r->l.has_initrd = true;
}

static void on_sysappend(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    rest = kl_piece_trim(rest);
    unsigned bits = (unsigned)number(rest, 0);
    struct kl_place at = kl_piece_place(key);
    at.width = rest.at.col + (unsigned)rest.len - key.at.col;
    *(r->l.open ? &r->l.sysappend : &r->sysappend) = bits;
    *(r->l.open ? &r->l.sys_at : &r->sys_at) = at;
}

static void on_default(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key;
    r->preset = kl_piece_trim(rest);
}

static void on_ui(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key;
    r->ui = kl_piece_trim(rest);
}

static void on_ontimeout(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key;
    r->ontimeout = kl_piece_trim(rest);
}

/* menu.c32 of syslinux 4 keeps a time-out for each menu; the top one is what counts here. */
static void on_timeout(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key;
    if (!r->depth)
        r->timeout = number(rest, 10);
}

static void on_totaltimeout(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key;
    r->total = number(rest, 10);
}

static void on_prompt(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key;
    r->prompt = (long)number(rest, 10);
}

static void on_text(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    struct kl_piece word;
    (void)rest;
    while (kl_piece_line(r->text, r->len, &r->pos, &r->line)) {
        struct kl_piece line = r->line;
        if (kl_piece_word(&line, &word) && kl_piece_is(word, "endtext"))
            return;
    }
    kl_diag(r->d, KL_WARNING, "text-unended", kl_piece_place(key), "end it with a line ENDTEXT",
        "this text has no ENDTEXT: everything below it is part of the text, and no entry");
}

static void include(struct reader *r, struct kl_piece name)
{
    struct kl_text t;
    if (kl_include_open(&r->inc, kl_piece_text(r->a, name), kl_piece_place(name), &t)) {
        read_text(r, t.file, t.text, t.len);
        kl_include_close(&r->inc);
    }
}

static void on_include(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    struct kl_piece name;
    (void)key;
    if (kl_piece_word(&rest, &name))
        include(r, name);
}

/* --- MENU commands -----------------------------------------------------------------------------*/

static void menu_begin(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key, (void)rest;
    record(r);
    /* A submenu is an item too; a menu that starts with one starts nothing by itself. */
    if (r->levels[r->depth].first == NO_ENTRY)
        r->levels[r->depth].first = SOME_MENU;
    if (r->depth + 1 < DEEPEST_MENU)
        r->depth++;
    r->levels[r->depth] = (struct level){.first = NO_ENTRY, .preset = NO_ENTRY};
}

static void menu_end(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key, (void)rest;
    record(r);
    if (r->depth)
        r->depth--;
}

static void menu_separator(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key, (void)rest;
    record(r);
}

static void menu_default(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)rest;
    if (r->l.open) {
        r->l.preset = true;
        r->l.preset_at = kl_piece_place(key);
    } else if (r->depth) {
        r->levels[r->depth - 1].preset = SOME_MENU;
        r->levels[r->depth - 1].preset_at = kl_piece_place(key);
    }
}

static void menu_label(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key;
    if (r->l.open)
        r->l.title = kl_piece_trim(rest);
}

static void menu_hide(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key, (void)rest;
    r->l.hidden = true;
}

static void menu_disable(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key, (void)rest;
    r->l.disabled = true;
}

/* The label leads to another menu, or out of this one. */
static void menu_goes(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    (void)key, (void)rest;
    if (r->l.open)
        r->l.type = T_OTHER;
}

/* With a second word the file becomes a submenu of its own. */
static void menu_include(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    struct kl_piece name, tag;
    if (!kl_piece_word(&rest, &name))
        return;
    bool submenu = kl_piece_word(&rest, &tag);
    if (submenu)
        menu_begin(r, key, rest);
    include(r, name);
    if (submenu)
        menu_end(r, key, rest);
}

struct keyword {
    const char *word;
    command *run;
};

static void on_menu(struct reader *r, struct kl_piece key, struct kl_piece rest)
{
    static const struct keyword words[] = {{"begin", menu_begin}, {"default", menu_default},
        {"disable", menu_disable}, {"disabled", menu_disable}, {"end", menu_end},
        {"exit", menu_goes}, {"goto", menu_goes}, {"hide", menu_hide}, {"include", menu_include},
        {"label", menu_label}, {"quit", menu_goes}, {"separator", menu_separator}};
    struct kl_piece sub;
    kl_piece_word(&rest, &sub);
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (kl_piece_is(sub, words[k].word)) {
            /* shown as "MENU DEFAULT" */
            struct kl_piece both = key;
            both.len = sub.at.col + sub.len - key.at.col;
            words[k].run(r, both, kl_piece_trim(rest));
            return;
        }
    /* Colours, titles, layout. */
}

/* --- lines -------------------------------------------------------------------------------------*/

static const struct keyword keywords[] = {{"allowoptions", nothing}, {"append", on_append},
    {"boot", on_kernel}, {"bss", on_kernel}, {"com32", on_kernel}, {"comboot", on_kernel},
    {"config", on_kernel}, {"console", nothing}, {"default", on_default}, {"display", nothing},
    {"f0", nothing}, {"f1", nothing}, {"f10", nothing}, {"f11", nothing}, {"f12", nothing},
    {"f2", nothing}, {"f3", nothing}, {"f4", nothing}, {"f5", nothing}, {"f6", nothing},
    {"f7", nothing}, {"f8", nothing}, {"f9", nothing}, {"fdimage", on_kernel}, {"font", nothing},
    {"implicit", nothing}, {"include", on_include}, {"initrd", on_initrd},
    {"ipappend", on_sysappend}, {"kbdmap", nothing}, {"kernel", on_kernel}, {"label", on_label},
    {"linux", on_kernel}, {"localboot", on_kernel}, {"menu", on_menu}, {"nocomplete", nothing},
    {"noescape", nothing}, {"nohalt", nothing}, {"onerror", nothing}, {"ontimeout", on_ontimeout},
    {"path", nothing}, {"prompt", on_prompt}, {"pxe", on_kernel}, {"pxeretry", nothing},
    {"say", nothing}, {"sendcookies", nothing}, {"serial", nothing}, {"sysappend", on_sysappend},
    {"text", on_text}, {"timeout", on_timeout}, {"totaltimeout", on_totaltimeout}, {"ui", on_ui}};

enum { NKEYWORDS = sizeof keywords / sizeof *keywords };

static const char *nearest(struct reader *r, struct kl_piece key)
{
    const char *words[NKEYWORDS + 1] = {NULL};
    char *small = kl_piece_text(r->a, key);
    for (char *c = small; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 0x20);
    for (size_t k = 0; k < NKEYWORDS; k++)
        words[k] = keywords[k].word;
    const char *near = kl_nearest(small, words);
    return near ? kl_sprintf(r->a, "did you mean '%s'?", near) : NULL;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void one_line(struct reader *r)
{
    struct kl_piece rest = r->line, key;
    const char *cr = memchr(rest.s, '\r', rest.len);
    if (cr) /* it ends a line wherever it stands */
        rest.len = (size_t)(cr - rest.s);
    if (!kl_piece_word(&rest, &key))
        return;
    size_t n = 0; /* blanks that follow; those at the end are the value's */
    while (n < rest.len && (unsigned char)rest.s[n] <= ' ')
        n++;
    rest = kl_piece_from(rest, n);
    for (size_t k = 0; k < NKEYWORDS; k++)
        if (kl_piece_is(key, keywords[k].word)) {
            keywords[k].run(r, key, rest);
            return;
        }
    if (letter(*key.s) && key.len < 64)
        kl_diag(r->d, KL_NOTE, "not-understood", kl_piece_place(key), nearest(r, key),
            "PXELINUX has no command '%.*s', and ignores this line", (int)key.len, key.s);
}

static void read_text(struct reader *r, const char *file, const char *text, size_t len)
{
    struct reader was = *r;
    r->text = text;
    r->len = len;
    r->pos = 0;
    r->line = (struct kl_piece){.at = {.file = file}};
    while (kl_piece_line(r->text, r->len, &r->pos, &r->line))
        one_line(r);
    r->text = was.text;
    r->len = was.len;
    r->pos = was.pos;
    r->line = was.line;
}

/* --- who starts --------------------------------------------------------------------------------*/

static bool starts_menu(const char *kernel)
{
    static const char *const menus[] = {
        "menu.c32", "vesamenu.c32", "gfxmenu.c32", "gfxboot.c32", "rosh.c32", NULL};
    for (const char *const *m = menus; *m; m++)
        if (is_base(kernel, *m))
            return true;
    return false;
}

/* A label's entry with more words behind it. */
static int with_more(struct reader *r, int of, struct kl_piece said, struct kl_piece more)
{
    struct kl_entry copy = r->m->entries[of], *e = kl_menu_add(r->a, r->m);
    struct kl_cmdline line = {.at = copy.line.at};
    for (size_t k = 0; k < copy.line.n; k++) {
        line.args = kl_grow(r->a, line.args, line.n, sizeof *line.args);
        line.args[line.n++] = copy.line.args[k];
    }
    *e = copy;
    e->line = line;
    e->at = kl_piece_place(said);
    kl_menu_words(r->a, &e->line, more);
    return (int)r->m->nentries - 1;
}

static int label_index(const struct reader *r, struct kl_piece name)
{
    for (size_t k = 0; k < r->m->nentries; k++)
        if (strlen(r->m->entries[k].name) == name.len &&
            memcmp(r->m->entries[k].name, name.s, name.len) == 0)
            return (int)k;
    return NOT_HERE;
}

static void no_such_label(struct reader *r, struct kl_piece name)
{
    const char **names = kl_alloc(r->a, (r->m->nentries + 1) * sizeof *names);
    for (size_t k = 0; k < r->m->nentries; k++)
        names[k] = r->m->entries[k].name;
    const char *near = kl_nearest(kl_piece_text(r->a, name), names);
    if (near)
        kl_diag(r->d, KL_WARNING, "label-missing", kl_piece_place(name),
            kl_sprintf(r->a, "did you mean '%s'?", near),
            "no LABEL is called '%.*s': PXELINUX loads a file of this name instead", (int)name.len,
            name.s);
}

/* What a command line of PXELINUX starts: "label", "label more words", "kernel words". A line that
 * is more than a name is an entry of its own. */
static int named(struct reader *r, struct kl_piece said)
{
    struct kl_piece rest = said, name;
    if (!said.s || !kl_piece_word(&rest, &name))
        return NO_ENTRY;
    int found = label_index(r, name);
    rest = kl_piece_trim(rest);
    if (found >= 0)
        return rest.len ? with_more(r, found, said, rest) : found;
    if (starts_menu(kl_piece_text(r->a, name)))
        return SOME_MENU;
    if (!rest.len) {
        if (name.len < 64)
            no_such_label(r, name);
        return NOT_HERE;
    }
    struct label l = {.name = name, .kernel = said, .at = kl_piece_place(said)};
    l.has_append = true; /* the global one is for labels alone */
    make_entry(r, &l);
    return (int)r->m->nentries - 1;
}

static void mark(struct reader *r, int entry, bool on_timeout, struct kl_place at)
{
    r->m->default_at = at;
    if (entry < 0)
        return;
    r->m->entries[entry].by_default = true;
    r->m->entries[entry].on_timeout = on_timeout;
}

/* Does a label that starts a menu show this file's entries? Without arguments it does; else when
 * this file is among them ("~" is this one too). */
static bool shows_this_file(const struct kl_entry *e)
{
    for (size_t k = 0; k < e->line.n; k++) {
        const char *arg = e->line.args[k].text;
        if (kl_streq(arg, "~") || kl_streq(kl_menu_base(arg), kl_menu_base(e->at.file)))
            return true;
    }
    return e->line.n == 0;
}

static void decide_default(struct reader *r)
{
    const struct level *top = &r->levels[0];
    int preset = named(r, r->preset), out = named(r, r->ontimeout);
    struct kl_place at = r->preset.s ? kl_piece_place(r->preset) : (struct kl_place){0};
    bool other_file = false;
    if (preset >= 0 && starts_menu(r->m->entries[preset].kernel.text)) {
        other_file = !shows_this_file(&r->m->entries[preset]);
        preset = SOME_MENU;
    }
    bool menu = r->ui.s || preset == SOME_MENU;
    if (menu && preset < 0) {
        preset = top->preset != NO_ENTRY ? top->preset : top->first;
        at = top->preset != NO_ENTRY ? top->preset_at : (struct kl_place){0};
    }
    r->m->asks = menu || r->prompt > 0 || preset == NO_ENTRY;
    if (other_file)
        return;
    unsigned long wait = r->timeout ? r->timeout : r->total;
    if (!r->m->asks) {
        mark(r, preset, false, at);
        return;
    }
    r->m->timeout_ds = (unsigned)(wait > 36000 ? 36000 : wait);
    if (wait && out != NO_ENTRY)
        mark(r, out, true, kl_piece_place(r->ontimeout));
    else
        mark(r, wait ? preset : NO_ENTRY, true, at);
}

struct kl_menu *kl_pxelinux_parse(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_finder *files, struct kl_diags *d)
{
    struct reader r = {.a = a, .m = kl_alloc(a, sizeof *r.m), .d = d};
    r.inc = (struct kl_includes){.a = a, .files = files, .d = d};
    r.levels[0] = (struct level){.first = NO_ENTRY, .preset = NO_ENTRY};
    read_text(&r, kl_include_first(&r.inc, file, text, len).file, text, len);
    record(&r);
    decide_default(&r);
    return r.m;
}
