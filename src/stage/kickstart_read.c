/* A kickstart, read whole: commands, sections, what its scripts write.
 *
 * Lines are parted as pykickstart's parser.py does: commands at the top level, one a line; sections
 * from %NAME to %end, whose lines are the section's own. %ksappend is replaced before anything else
 * happens; %include when the %pre scripts have run, so what they write can be included. A section
 * that another begins in, or that the file ends in, is an error there.
 *
 * Where a kickstart ends with Kickline's own %post, the files that it writes are what counts: they
 * are what the machine boots with. They are read instead of the commands, as long as nobody has
 * added commands of their own beside Kickline's.
 */
#include "stage/kickstart.h"
#include "stage/script.h"
#include "stage/system.h"

#include <ctype.h>
#include <string.h>

/* Includes within includes, all of them, and all that they bring: hostile files end here. */
enum { MAX_DEPTH = 8, MAX_INCLUDES = 256, MAX_BYTES = 16 << 20 };

/* A command, and what the intent is made of. */
struct unit {
    struct kl_ks_command c;
    const struct kl_ks_word *words; /* c.name first */
    size_t nwords;
    const struct kl_ks_origin *o;
    unsigned line, depth;
    bool own;
};

struct units {
    struct unit *list;
    size_t n;
};

/* Where the lines of a section stand. */
struct body {
    const struct kl_ks_origin *o;
    unsigned line;
    bool own;
};

struct reader {
    struct kl_arena *a;
    struct kl_diags *d;
    const struct kl_release *r;
    const struct kl_finder *files;
    struct kl_kickstart *k;
    struct kl_ks_net *net;
    struct body *bodies; /* of k->sections; NULL while there are none */
    struct kl_script_file *written;
    size_t nwritten, includes, bytes;
    bool others;             /* network commands beside Kickline's */
    const char *install;     /* the link that Kickline's section names */
    struct kl_ks_unit post;  /* Kickline's %post; start NULL: none */
    struct kl_place post_at; /* and where it is */
};

/* A text that is being read. */
struct text {
    const char *s, *end;
    const struct kl_ks_origin *o;
    const char *from; /* as in kl_ks_command */
    unsigned line, depth;
    const char *own; /* within Kickline's section of this name */
    /* The section that is open; at 0: none. */
    struct kl_ks_section section;
    const char *body;
    unsigned body_line;
    bool open;
    /* Branches of a template that are open, and whether Cheetah's are told from comments. */
    int branches;
    bool cheetah;
};

/* --- lines -------------------------------------------------------------------------------------*/

static void read_text(struct reader *rd, struct text *t, struct units *out);

static size_t without_end(const char *s, size_t len)
{
    while (len && strchr(" \t\r\n", s[len - 1]))
        len--;
    return len;
}

static struct kl_place line_place(const struct text *t, const char *s, size_t len)
{
    size_t blank = strspn(s, " \t"), n = without_end(s, len);
    return kl_ks_place(t->o, t->line, (unsigned)blank + 1, (unsigned)(n > blank ? n - blank : 0));
}

static struct kl_arg arg_of(const struct text *t, const struct kl_ks_word *w)
{
    return (struct kl_arg){.text = w->text,
        .at = kl_ks_place(t->o, t->line, w->col, w->width),
        .verbatim = !t->o->whole.file && !w->cols && strlen(w->text) == w->width};
}

static struct kl_arg *args_of(
    struct reader *rd, const struct text *t, const struct kl_ks_word *words, size_t n)
{
    struct kl_arg *args = kl_alloc(rd->a, (n + 1) * sizeof *args);
    for (size_t k = 0; k < n; k++)
        args[k] = arg_of(t, &words[k]);
    return args;
}

static bool is_word(const struct kl_ks_word *w, const char *text)
{
    return strcmp(w->text, text) == 0;
}

/* --- sections ----------------------------------------------------------------------------------*/

/* The sections of all releases (pykickstart's sections.py, anaconda's kickstart.py). */
static bool section_named(const char *s, size_t len)
{
    static const char *const names[] = {"%pre", "%pre-install", "%post", "%packages", "%onerror",
        "%traceback", "%addon", "%anaconda", "%certificate", NULL};
    for (const char *const *n = names; *n; n++)
        if (strlen(*n) == len && memcmp(*n, s, len) == 0)
            return true;
    return false;
}

static void open_section(
    struct reader *rd, struct text *t, const struct kl_ks_word *words, size_t n, size_t len)
{
    bool pre = is_word(&words[0], "%pre") || is_word(&words[0], "%pre-install");
    t->section = (struct kl_ks_section){.name = words[0].text,
        .args = args_of(rd, t, words + 1, n - 1),
        .n = n - 1,
        .at = line_place(t, t->s, len),
        .outside = pre,
        .body_line = kl_ks_place(t->o, t->line + 1, 1, 0).line};
    for (size_t k = 1; k < n; k++)
        t->section.outside |= is_word(&words[k], "--nochroot");
    t->body = t->s + len;
    t->body_line = t->line + 1;
    t->open = true;
}

static void close_section(struct reader *rd, struct text *t, bool ended)
{
    struct kl_kickstart *k = rd->k;
    t->section.body = kl_strndup(rd->a, t->body, (size_t)(t->s - t->body));
    t->section.ended = ended;
    t->open = false;
    rd->bodies = kl_grow(rd->a, rd->bodies, k->nsections, sizeof *rd->bodies);
    rd->bodies[k->nsections] = (struct body){t->o, t->body_line, t->own != NULL};
    k->sections = kl_grow(rd->a, k->sections, k->nsections, sizeof *k->sections);
    k->sections[k->nsections++] = t->section;
    if (ended)
        return;
    struct kl_diag *d = kl_diag(rd->d, KL_ERROR, "section-unended", t->section.at,
        "write %end after its last line", "this %s has no %%end", t->section.name);
    kl_diag_effect(
        rd->d, d, "installer: stops with \"Section %s does not end with %%end.\"", t->section.name);
}

/* A line within a section; true when the section goes on behind it. */
static bool section_line(struct reader *rd, struct text *t, size_t len)
{
    size_t blank = strspn(t->s, " \t"), word = strcspn(t->s + blank, " \t\r\n#");
    if (blank + word > len || t->s[blank] != '%')
        return true;
    if (word == 4 && memcmp(t->s + blank, "%end", 4) == 0) {
        close_section(rd, t, true);
        return true;
    }
    if (!section_named(t->s + blank, word))
        return true;
    close_section(rd, t, false);
    return false;
}

/* --- commands ----------------------------------------------------------------------------------*/

static void unclosed(
    struct reader *rd, const struct text *t, const struct kl_ks_word *words, size_t n)
{
    struct kl_diag *d = kl_diag(rd->d, KL_ERROR, "kickstart-value", arg_of(t, &words[n - 1]).at,
        "close it", "'%s': a quote is not closed", words[n - 1].text);
    kl_diag_effect(rd->d, d, "installer: stops at this line");
}

static void command(struct reader *rd, struct text *t, struct kl_ks_word *words, size_t n,
    size_t len, struct units *out)
{
    out->list = kl_grow(rd->a, out->list, out->n, sizeof *out->list);
    out->list[out->n++] = (struct unit){.c = {.name = words[0].text,
                                            .args = args_of(rd, t, words + 1, n - 1),
                                            .n = n - 1,
                                            .at = line_place(t, t->s, len),
                                            .from = t->from,
                                            .maybe = t->branches > 0},
        .words = words,
        .nwords = n,
        .o = t->o,
        .line = t->line,
        .depth = t->depth,
        .own = t->own != NULL};
}

/* Kickline's own section: its lines without the marks. */
static void own_section(
    struct reader *rd, const struct text *t, const struct kl_ks_unit *u, struct units *out)
{
    size_t head = strcspn(u->start, "\n") + 1, last = u->len;
    while (last > head && u->start[last - 1] == '\n')
        last--;
    while (last > head && u->start[last - 1] != '\n')
        last--;
    struct text inner = {.s = u->start + head,
        .end = u->start + (last > head ? last : head),
        .o = t->o,
        .from = t->from,
        .line = t->line + 1,
        .depth = t->depth,
        .own = u->own};
    if (strcmp(u->own, "post") == 0) {
        rd->post = *u;
        rd->post_at = kl_ks_place(t->o, t->line, 1, 1);
    }
    read_text(rd, &inner, out);
}

/* "# The install goes by LINK" */
static void comment(struct reader *rd, const struct text *t, size_t len)
{
    size_t head = strlen(kl_ks_install_mark);
    if (!kl_streq(t->own, "network") || strncmp(t->s, kl_ks_install_mark, head) != 0)
        return;
    size_t n = strcspn(t->s + head, "\r\n");
    if (head + n <= len)
        rd->install = kl_strndup(rd->a, t->s + head, n);
}

/* A line at the top level; returns the bytes that it took. */
static size_t top_line(struct reader *rd, struct text *t, size_t len, struct units *out)
{
    struct kl_ks_unit own = {0};
    struct kl_ks_word *words;
    size_t n;
    if (!t->own && kl_ks_own(t->s, &own) && own.len <= (size_t)(t->end - t->s)) {
        own.start = t->s;
        own_section(rd, t, &own, out);
        return own.len;
    }
    comment(rd, t, len);
    t->branches += kl_ks_branch(t->s, len, t->cheetah);
    if (!kl_ks_words(rd->a, t->s, len, &words, &n))
        unclosed(rd, t, words, n);
    if (!n || is_word(&words[0], "%end"))
        return len;
    bool includes = is_word(&words[0], "%include") || is_word(&words[0], "%ksappend");
    bool section = words[0].text[0] == '%' && islower((unsigned char)words[0].text[1]);
    if (section && !includes)
        open_section(rd, t, words, n, len);
    else
        command(rd, t, words, n, len, out);
    return len;
}

static void read_text(struct reader *rd, struct text *t, struct units *out)
{
    t->cheetah = kl_ks_has_cheetah(t->s, (size_t)(t->end - t->s));
    while (t->s < t->end) {
        const char *newline = memchr(t->s, '\n', (size_t)(t->end - t->s));
        size_t len = (size_t)((newline ? newline + 1 : t->end) - t->s);
        if (!t->open || !section_line(rd, t, len))
            len = top_line(rd, t, len, out);
        for (const char *end = t->s + len; t->s < end; t->s++)
            t->line += *t->s == '\n';
    }
    if (t->open)
        close_section(rd, t, false);
}

/* --- includes ----------------------------------------------------------------------------------*/

static void missing(struct reader *rd, const struct unit *u, const char *why)
{
    kl_diag(rd->d, KL_NOTE, "include-missing", u->c.at, NULL, "what %s includes is not read: %s",
        u->c.n ? u->c.args[0].text : u->c.name, why);
}

static bool may_include(struct reader *rd, const struct unit *u)
{
    if (!u->c.n || !*u->c.args[0].text)
        missing(rd, u, "it names no file");
    else if (u->depth >= MAX_DEPTH)
        missing(rd, u, "files include each other too deep");
    else if (rd->includes++ >= MAX_INCLUDES || rd->bytes > MAX_BYTES)
        missing(rd, u, "there are too many");
    else
        return true;
    return false;
}

/* A copy in which every byte is a character. */
static char *readable(struct kl_arena *a, const char *text, size_t len)
{
    char *copy = kl_alloc(a, len + 1);
    for (size_t k = 0; k < len; k++)
        copy[k] = text[k] ? text[k] : '\1';
    return copy;
}

static void include_text(struct reader *rd, const struct unit *u, const struct kl_ks_origin *where,
    const char *text, size_t len, struct units *out)
{
    struct kl_ks_origin *o = kl_alloc(rd->a, sizeof *o);
    const char *copy = readable(rd->a, text, len);
    *o = *where;
    struct text t = {.s = copy,
        .end = copy + len,
        .o = o,
        .from = u->c.args[0].text,
        .line = 1,
        .depth = u->depth + 1};
    rd->bytes += len;
    read_text(rd, &t, out);
}

/* Reads what `u` names: from a file. False when it is not at hand. */
static bool include_file(struct reader *rd, const struct unit *u, struct units *out)
{
    const char *file = NULL, *text = NULL;
    size_t len = 0;
    if (!rd->files || !rd->files->find ||
        !rd->files->find(rd->files->arg, u->c.args[0].text, rd->k->file, &file, &text, &len))
        return false;
    if (len > MAX_BYTES) {
        missing(rd, u, "it is too large");
        return true;
    }
    const struct kl_ks_origin o = {.file = kl_strdup(rd->a, file), .line = 1, .col = 1};
    if (!kl_diags_knows(rd->d, file))
        kl_diags_source(rd->d, file, text, len);
    include_text(rd, u, &o, text, len, out);
    return true;
}

/* Do lines of it depend on those of other texts? */
static bool stands_alone(const char *text)
{
    size_t len = strlen(text);
    return *text != '%' && !strstr(text, "\n%") && len && text[len - 1] == '\n';
}

/* Reads what %pre writes under the name that `u` has: each piece where it stands, unless they only
 * make sense together. False when it writes nothing there. */
static bool include_written(struct reader *rd, const struct unit *u, struct units *out)
{
    const char *path = u->c.args[0].text;
    size_t first = rd->nwritten, pieces = 0;
    bool certain = true, alone = true;
    for (size_t k = 0; k < rd->nwritten; k++) {
        const struct kl_ks_written *w = &rd->written[k].w;
        if (rd->written[k].installed || rd->written[k].removes || strcmp(w->path, path) != 0)
            continue;
        if (!w->appends || first == rd->nwritten) {
            first = k;
            pieces = 0;
        }
        certain &= w->certain;
        alone = (!pieces || alone) && stands_alone(w->text);
        pieces++;
    }
    if (!pieces)
        return false;
    if (!certain) {
        missing(rd, u, "%pre makes it in a way that is not read");
        return true;
    }
    struct kl_buf all KL_BUF_SCOPE = {0};
    for (size_t k = first; k < rd->nwritten; k++) {
        const struct kl_ks_written *w = &rd->written[k].w;
        if (rd->written[k].installed || rd->written[k].removes || strcmp(w->path, path) != 0)
            continue;
        struct kl_ks_origin o = {.file = w->at.file, .line = w->text_line, .col = w->text_col + 1};
        if (!w->text_line)
            o.whole = w->at;
        if (alone || pieces == 1)
            include_text(rd, u, &o, w->text, strlen(w->text), out);
        kl_buf_add(&all, w->text);
    }
    const struct kl_ks_origin o = {.whole = rd->written[first].w.at};
    if (!alone && pieces > 1)
        include_text(rd, u, &o, all.s, all.len, out);
    return true;
}

/* Replaces every `name` by what it brings, until none is left; the command itself stays. */
static void expand(struct reader *rd, const struct units *in, const char *name, struct units *out)
{
    for (size_t k = 0; k < in->n; k++) {
        const struct unit *u = &in->list[k];
        struct units more = {0};
        out->list = kl_grow(rd->a, out->list, out->n, sizeof *out->list);
        out->list[out->n++] = *u;
        if (strcmp(u->c.name, name) != 0 || !may_include(rd, u))
            continue;
        bool late = strcmp(name, "%include") == 0;
        if (!(late && include_written(rd, u, &more)) && !include_file(rd, u, &more))
            missing(rd, u, "it is not at hand");
        expand(rd, &more, name, out);
    }
}

/* --- scripts -----------------------------------------------------------------------------------*/

/* Whether a shell reads it: /bin/sh unless --interpreter says another. */
static bool is_shell(const struct kl_ks_section *s)
{
    static const char *const shells[] = {"sh", "bash", "ksh", "dash", NULL};
    const char *program = NULL;
    for (size_t k = 0; k < s->n; k++)
        if (kl_starts(s->args[k].text, "--interpreter="))
            program = kl_arg_value(&s->args[k]);
        else if (strcmp(s->args[k].text, "--interpreter") == 0 && k + 1 < s->n)
            program = s->args[k + 1].text;
    if (!program)
        return true;
    const char *slash = strrchr(program, '/');
    for (const char *const *shell = shells; *shell; shell++)
        if (strcmp(slash ? slash + 1 : program, *shell) == 0)
            return true;
    return false;
}

/* Of the sections with this name. */
static void scripts(struct reader *rd, const char *name)
{
    for (size_t k = 0; rd->bodies && k < rd->k->nsections; k++) {
        const struct kl_ks_section *s = &rd->k->sections[k];
        const struct kl_script script = {.body = s->body,
            .o = rd->bodies[k].o,
            .line = rd->bodies[k].line,
            .outside = s->outside,
            .quiet = rd->bodies[k].own,
            .section = k};
        if (strcmp(s->name, name) == 0 && is_shell(s))
            kl_script_read(rd->a, &script, rd->d, &rd->written, &rd->nwritten);
    }
}

static void take_written(struct reader *rd)
{
    struct kl_kickstart *k = rd->k;
    k->written = kl_alloc(rd->a, (rd->nwritten + 1) * sizeof *k->written);
    for (size_t w = 0; w < rd->nwritten; w++)
        if (!rd->written[w].removes)
            k->written[k->nwritten++] = rd->written[w].w;
}

/* --- the whole ---------------------------------------------------------------------------------*/

static void take_commands(struct reader *rd, const struct units *all)
{
    struct kl_kickstart *k = rd->k;
    k->commands = kl_alloc(rd->a, (all->n + 1) * sizeof *k->commands);
    for (size_t c = 0; c < all->n; c++) {
        const struct unit *u = &all->list[c];
        k->commands[k->ncommands++] = u->c;
        if (strcmp(u->c.name, "network") != 0)
            continue;
        rd->others |= !u->own;
        if (u->c.maybe)
            kl_ks_net_leave(rd->net, u->words, u->nwords, u->c.at,
                "a template: this command is not always there");
        else
            kl_ks_net_add(rd->net, u->o, u->line, u->words, u->nwords, u->c.at, u->own);
    }
}

/* The files of Kickline's %post say the same as its commands, and more. */
static struct kl_intent *with_files(struct reader *rd, const struct kl_intent *commands)
{
    struct kl_file *files;
    size_t n = kl_ks_post_files(rd->a, rd->post.start, rd->post.len, &files);
    if (!n)
        return NULL;
    struct kl_intent *i = kl_system_parse(rd->a, files, n, rd->r, rd->d);
    i->install = commands->install;
    if (!i->hostname)
        i->hostname = commands->hostname;
    i->at = commands->at;
    i->said = commands->said;
    i->nsaid = commands->nsaid;
    for (size_t k = 0; k < i->nlinks; k++) {
        const struct kl_link *l = kl_link_find(commands, i->links[k].name);
        i->links[k].at = l && l->at.file ? l->at : rd->post_at;
    }
    return i;
}

static void finish(struct reader *rd)
{
    struct kl_kickstart *k = rd->k;
    kl_ks_net_install(rd->net, rd->install);
    k->network = kl_ks_net_end(rd->net);
    k->ndevices = kl_ks_net_devices(rd->net);
    struct kl_intent *files = rd->post.start && !rd->others ? with_files(rd, k->network) : NULL;
    if (files)
        k->network = k->system = files;
    else
        k->system = kl_ks_system(rd->a, k, rd->written, rd->nwritten, rd->r, rd->d);
}

struct kl_kickstart *kl_kickstart_read(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_release *r, const struct kl_finder *files, struct kl_diags *d)
{
    struct kl_ks_origin o = {.file = kl_strdup(a, file), .line = 1, .col = 1};
    struct reader rd = {.a = a, .d = d, .r = r, .files = files, .bytes = len};
    struct units top = {0}, appended = {0}, all = {0};
    const char *copy = readable(a, text, len);
    struct text t = {.s = copy, .end = copy + len, .o = &o, .line = 1};
    kl_diags_source(d, file, text, len);
    rd.k = kl_alloc(a, sizeof *rd.k);
    rd.k->file = o.file;
    rd.net = kl_ks_net_new(a, r, o.file, d);
    read_text(&rd, &t, &top);
    expand(&rd, &top, "%ksappend", &appended);
    scripts(&rd, "%pre");
    expand(&rd, &appended, "%include", &all);
    scripts(&rd, "%pre-install");
    scripts(&rd, "%post");
    take_written(&rd);
    take_commands(&rd, &all);
    finish(&rd);
    return rd.k;
}
