/* What a shell script writes into files: a reader of the shell's grammar (POSIX, XCU 2.9 and 2.10)
 * that follows a script in the order in which it runs.
 *
 * A command is certain when nothing that is not known decides whether it runs: it stands at the top
 * level, in a group, in a loop over plain words, or after `&&` behind commands that hardly fail.
 * Loops over words run once for each. Everything is bounded: depth, steps, bytes written.
 */
#include "stage/script.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

enum { MAX_DEPTH = 40, MAX_STEPS = 50000, MAX_WORDS = 64, MAX_FILES = 2048 };
enum { MAX_BYTES = KL_SH_BYTES };

struct target {
    struct kl_sh_text path; /* text NULL: not into a file */
    bool appends, dropped;  /* dropped: into nothing, or to another channel */
    bool removes, unread;   /* as in kl_script_file */
};

struct run {
    struct kl_sh sh;
    const struct kl_script *script;
    struct kl_diags *d;
    struct kl_script_file **files;
    size_t *nfiles;
    const char *cwd; /* NULL: not known */
    size_t *lines;   /* where each begins */
    size_t nlines, steps, bytes, depth;
    bool ended; /* by exit, or because a bound was met */
};

static void list(struct run *r, bool certain, struct kl_sh_output *out);

/* --- output ------------------------------------------------------------------------------------*/

static void take_output(struct kl_sh_output *to, struct kl_sh_output *from, bool certain)
{
    struct kl_sh_text t = {kl_buf_text(&from->text), from->from, from->known && certain};
    if (from->text.len || !t.known)
        kl_sh_print(to, &t);
    kl_buf_free(&from->text);
}

/* --- places ------------------------------------------------------------------------------------*/

static void find_lines(struct run *r)
{
    for (size_t k = 0; k <= r->sh.len; k++)
        if (k == 0 || r->sh.s[k - 1] == '\n') {
            r->lines = kl_grow(r->sh.a, r->lines, r->nlines, sizeof *r->lines);
            r->lines[r->nlines++] = k;
        }
}

/* The line of an offset, from 0. */
static size_t line_of(const struct run *r, size_t at)
{
    size_t low = 0, high = r->nlines;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        *(r->lines[middle] <= at ? &low : &high) = middle;
    }
    return low;
}

/* Of what stands between two offsets, as far as its first line goes. */
static struct kl_place place(const struct run *r, size_t from, size_t to)
{
    size_t line = line_of(r, from), end = from;
    while (end < to && end < r->sh.len && r->sh.s[end] != '\n')
        end++;
    while (end > from && strchr(" \t", r->sh.s[end - 1]))
        end--;
    return kl_ks_place(r->script->o, r->script->line + (unsigned)line,
        (unsigned)(from - r->lines[line]) + 1, (unsigned)(end - from));
}

/* --- files -------------------------------------------------------------------------------------*/

bool kl_is_profile_path(const char *path)
{
    static const char keyfiles[] = "/system-connections/", ifcfg[] = "/network-scripts/";
    const char *in = strstr(path, keyfiles), *base = in ? in + strlen(keyfiles) : NULL;
    if (base)
        return *base && *base != '.' && !strchr(base, '/');
    in = strstr(path, ifcfg);
    base = in ? in + strlen(ifcfg) : "";
    return kl_starts(base, "ifcfg-") || kl_starts(base, "route-") || kl_starts(base, "route6-") ||
           *base == '*';
}

/* As the installed system sees it; false: it is the installer's own. */
static bool installed_path(const struct run *r, const char **path)
{
    static const char *const roots[] = {"/mnt/sysimage", "/mnt/sysroot", NULL};
    if (!r->script->outside)
        return true;
    for (const char *const *root = roots; *root; root++)
        if (kl_starts(*path, *root) && (*path)[strlen(*root)] == '/') {
            *path += strlen(*root);
            return true;
        }
    return false;
}

/* Absolute, without doubled slashes; NULL when it cannot be known. */
static const char *absolute(struct run *r, const char *path)
{
    if (*path != '/' && !r->cwd)
        return NULL;
    const char *whole = *path == '/' ? path : kl_sprintf(r->sh.a, "%s/%s", r->cwd, path);
    char *out = kl_strdup(r->sh.a, whole), *to = out;
    for (const char *s = out; *s; s++)
        if (!(*s == '/' && (s[1] == '/' || (s[1] == '.' && s[2] == '/'))))
            *to++ = *s;
        else
            s += s[1] == '.';
    *to = '\0';
    return out;
}

static void add_file(struct run *r, const struct target *t, const struct kl_sh_output *o,
    size_t from, size_t to, bool certain)
{
    const char *path = absolute(r, t->path.text);
    struct kl_script_file f = {0};
    certain &= t->path.known && path;
    f.w.path = path ? path : t->path.text;
    f.installed = installed_path(r, &f.w.path);
    if (kl_starts(f.w.path, "/dev/") || kl_starts(f.w.path, "/proc/"))
        return;
    r->bytes += o->text.len;
    if (*r->nfiles == MAX_FILES || r->bytes > MAX_BYTES) {
        r->ended = true;
        return;
    }
    f.w.text = kl_strndup(r->sh.a, kl_buf_text(&o->text), o->text.len);
    f.w.at = place(r, from, to);
    f.w.appends = t->appends;
    f.removes = t->removes;
    f.unread = t->unread;
    f.w.certain = certain && o->known;
    f.w.section = r->script->section;
    if (o->from != SIZE_MAX && o->text.len && !r->script->o->whole.file) {
        struct kl_place at = place(r, o->from, o->from);
        f.w.text_line = at.line;
        f.w.text_col = at.col - 1;
    }
    *r->files = kl_grow(r->sh.a, *r->files, *r->nfiles, sizeof f);
    (*r->files)[(*r->nfiles)++] = f;
}

/* Where profiles are. */
static bool is_profile_directory(const char *path)
{
    return kl_ends(path, "/network-scripts") || kl_ends(path, "/network-scripts/") ||
           kl_ends(path, "/system-connections") || kl_ends(path, "/system-connections/");
}

/* A program that changes files in its own way. Of it only what rm does is known. */
static void changes(struct run *r, const struct kl_sh_word *words, size_t n, bool certain)
{
    static const char *const programs[] = {"sed", "perl", "mv", "cp", "ln", "install", "dd", "rm",
        "curl", "wget", "crudini", "python", "python3", "awk", "find", "rsync", "tar", NULL};
    const char *name = strrchr(words[0].t.text, '/');
    name = name ? name + 1 : words[0].t.text;
    bool known = false, in_place = false;
    for (const char *const *p = programs; *p; p++)
        known |= strcmp(name, *p) == 0;
    for (size_t k = 1; k < n; k++)
        in_place |= kl_starts(words[k].t.text, "-i") || kl_starts(words[k].t.text, "-pi");
    if (!known || ((strcmp(name, "sed") == 0 || strcmp(name, "perl") == 0) && !in_place))
        return;
    const struct kl_sh_output none = {.from = SIZE_MAX, .known = true};
    bool removes = strcmp(name, "rm") == 0;
    for (size_t k = 1; k < n; k++) {
        const char *path = absolute(r, words[k].t.text);
        bool all = path && is_profile_directory(path);
        if (!path || *words[k].t.text == '-' || strpbrk(path, " \n") ||
            !(all || kl_is_profile_path(path)))
            continue;
        struct target t = {.path = words[k].t, .removes = removes, .unread = !removes};
        t.path.known = !strpbrk(path, "$`{~");
        if (all)
            t.path.text = kl_sprintf(r->sh.a, "%s/*", path);
        add_file(r, &t, &none, words[0].start, words[n - 1].end, certain && removes);
    }
}

/* --- redirections ------------------------------------------------------------------------------*/

struct redirects {
    struct target out;
    struct kl_sh_text in; /* text NULL: not said */
};

static char here(const struct run *r, size_t more)
{
    return r->sh.at + more < r->sh.len ? r->sh.s[r->sh.at + more] : '\0';
}

/* What goes in: a here-document, a here-string, a file. */
static void input(struct run *r, struct redirects *to, bool standard)
{
    struct kl_sh_word w;
    struct kl_sh_text in = {"", SIZE_MAX, false};
    if (here(r, 1) == '<' && here(r, 2) == '<') {
        r->sh.at += 3;
        kl_sh_blanks(&r->sh);
        if (kl_sh_word(&r->sh, &w))
            in = (struct kl_sh_text){kl_sprintf(r->sh.a, "%s\n", w.t.text), w.t.from, w.t.known};
    } else if (here(r, 1) == '<') {
        bool tabs = here(r, 2) == '-';
        r->sh.at += tabs ? 3 : 2;
        in = kl_sh_here(&r->sh, tabs);
    } else {
        r->sh.at += here(r, 1) == '>' || here(r, 1) == '&' ? 2 : 1;
        kl_sh_blanks(&r->sh);
        if (here(r, 0) == '(') /* <( ): read as a list of its own */
            return;
        kl_sh_word(&r->sh, &w);
    }
    if (standard)
        to->in = in;
}

static void output(struct run *r, struct redirects *to, bool standard)
{
    struct kl_sh_word w;
    struct target t = {.appends = here(r, 1) == '>'};
    bool channel = here(r, 1) == '&';
    r->sh.at += t.appends || channel || here(r, 1) == '|' ? 2 : 1;
    kl_sh_blanks(&r->sh);
    bool process = here(r, 0) == '('; /* >( ) */
    if (!process && !kl_sh_word(&r->sh, &w))
        return;
    if (process || strcmp(w.t.text, "/dev/null") == 0) {
        t.dropped = true;
    } else if (channel && (isdigit((unsigned char)*w.t.text) || *w.t.text == '-')) {
        t.dropped = strcmp(w.t.text, "1") != 0;
        if (!t.dropped)
            return;
    } else {
        t.path = w.t;
    }
    if (standard)
        to->out = t;
}

/* A redirection at sh->at, if there is one. */
static bool redirection(struct run *r, struct redirects *to)
{
    size_t digits = 0, start = r->sh.at;
    while (isdigit((unsigned char)here(r, digits)))
        digits++;
    bool both = !digits && here(r, 0) == '&' && here(r, 1) == '>';
    char c = here(r, digits + both), channel = digits ? here(r, 0) : c == '<' ? '0' : '1';
    if (c != '<' && c != '>')
        return false;
    r->sh.at += digits + both;
    (c == '<' ? input : output)(r, to, digits < 2 && channel == (c == '<' ? '0' : '1'));
    return r->sh.at > start;
}

/* What was printed goes where it is sent. */
static void deliver(struct run *r, struct kl_sh_output *made, const struct redirects *to,
    size_t from, bool certain, struct kl_sh_output *out)
{
    if (to->out.path.text)
        add_file(r, &to->out, made, from, r->sh.at, certain);
    else if (!to->out.dropped) {
        take_output(out, made, true);
        return;
    }
    kl_buf_free(&made->text);
}

/* --- simple commands ---------------------------------------------------------------------------*/

static void do_tee(struct run *r, const struct kl_sh_word *words, size_t n,
    const struct kl_sh_output *o, bool certain)
{
    bool appends = false;
    for (size_t k = 1; k < n; k++)
        appends |= strcmp(words[k].t.text, "-a") == 0 || strcmp(words[k].t.text, "--append") == 0;
    for (size_t k = 1; k < n; k++) {
        struct target t = {.path = words[k].t, .appends = appends};
        if (*words[k].t.text != '-')
            add_file(r, &t, o, words[0].start, words[n - 1].end, certain);
    }
}

static bool is(const struct kl_sh_word *w, const char *name)
{
    const char *slash = strrchr(w->t.text, '/');
    return strcmp(slash && (kl_starts(w->t.text, "/bin/") || kl_starts(w->t.text, "/usr/bin/"))
                      ? slash + 1
                      : w->t.text,
               name) == 0;
}

static bool one_of(const struct kl_sh_word *w, const char *const *names)
{
    for (; *names; names++)
        if (is(w, *names))
            return true;
    return false;
}

/* NAME=VALUE, the value known or not. */
static void assign(struct run *r, const struct kl_sh_word *w, bool certain)
{
    size_t name = kl_sh_name_len(w->t.text);
    const char *value = w->t.text + name + 1;
    if (w->t.text[name] == '+' || !w->t.known || !certain)
        value = NULL;
    kl_sh_set(&r->sh, kl_strndup(r->sh.a, w->t.text, name), value);
}

static bool is_assignment(const struct run *r, const struct kl_sh_word *w)
{
    size_t name = kl_sh_name_len(r->sh.s + w->start);
    const char *s = r->sh.s + w->start + name;
    return name && (*s == '=' || (*s == '+' && s[1] == '='));
}

/* Commands that set variables: the shell's own. */
static bool sets_variables(struct run *r, const struct kl_sh_word *words, size_t n, bool certain)
{
    static const char *const declare[] = {
        "export", "declare", "local", "readonly", "typeset", NULL};
    static const char *const takes[] = {"read", "unset", "let", "getopts", "mapfile", NULL};
    static const char *const anything[] = {"eval", ".", "source", NULL};
    if (one_of(&words[0], anything))
        kl_sh_forget(&r->sh);
    else if (one_of(&words[0], takes) || one_of(&words[0], declare))
        for (size_t k = 1; k < n; k++) {
            size_t name = kl_sh_name_len(words[k].t.text);
            if (is_assignment(r, &words[k]))
                assign(r, &words[k], certain && one_of(&words[0], declare));
            else if (name && one_of(&words[0], takes))
                kl_sh_set(&r->sh, kl_strndup(r->sh.a, words[k].t.text, name), NULL);
        }
    else
        return false;
    return true;
}

static void do_cd(struct run *r, const struct kl_sh_word *words, size_t n, bool certain)
{
    r->cwd = n == 2 && words[1].t.known && certain ? absolute(r, words[1].t.text) : NULL;
    size_t len = r->cwd ? strlen(r->cwd) : 0;
    if (len && r->cwd[len - 1] == '/')
        r->cwd = kl_strndup(r->sh.a, r->cwd, len - 1);
}

/* What goes in comes out: cat without files, tee. */
static void pass(struct kl_sh_output *o, const struct kl_sh_text *in)
{
    if (in->text)
        kl_sh_print(o, in);
    else
        o->known = false;
}

/* Does what the words say, as far as it is known here; true when it hardly fails. */
static bool act(struct run *r, const struct kl_sh_word *words, size_t n,
    const struct kl_sh_text *in, bool certain, struct kl_sh_output *o)
{
    static const char *const quiet[] = {"mkdir", "touch", "chmod", "chown", "restorecon", "chattr",
        "rm", "set", "shopt", "umask", "sleep", "sync", "true", ":", "cd", "pushd", "popd", NULL};
    if (is(&words[0], "exit") && certain)
        r->ended = true;
    if (is(&words[0], "cd") || is(&words[0], "pushd") || is(&words[0], "popd"))
        do_cd(r, words, n, certain);
    if (sets_variables(r, words, n, certain))
        return true;
    changes(r, words, n, certain);
    if (one_of(&words[0], quiet))
        return true;
    if (is(&words[0], "echo"))
        kl_sh_echo(words, n, o);
    else if (is(&words[0], "printf"))
        kl_sh_printf(words, n, o);
    else if (is(&words[0], "cat") && (n == 1 || (n == 2 && is(&words[1], "-"))))
        pass(o, in);
    else if (is(&words[0], "tee")) {
        pass(o, in);
        do_tee(r, words, n, o, certain);
    } else {
        o->known = false;
        return is(&words[0], "cat");
    }
    return true;
}

/* Behind the `)` that closes the `(` at sh->at. */
static void skip_parens(struct run *r)
{
    size_t depth = 0;
    struct kl_sh_word w;
    while (r->sh.at < r->sh.len) {
        char c = here(r, 0);
        if (c == '\n')
            kl_sh_newline(&r->sh);
        else if (!kl_sh_word(&r->sh, &w))
            r->sh.at++;
        depth += c == '(';
        if (c == ')' && --depth == 0)
            return;
    }
}

/* Words and redirections up to an operator; assignments in front are `*assigned` of them. */
static size_t words_of(
    struct run *r, struct kl_sh_word *words, struct redirects *to, size_t *assigned, bool *more)
{
    size_t n = 0;
    *more = false;
    for (;;) {
        kl_sh_blanks(&r->sh);
        struct kl_sh_word w;
        if (redirection(r, to)) {
            if (here(r, 0) == '(')
                skip_parens(r);
            continue;
        }
        if (!kl_sh_word(&r->sh, &w))
            return n;
        if (here(r, 0) == '(' && is_assignment(r, &w) && w.t.text[strlen(w.t.text) - 1] == '=') {
            w.t.known = false; /* an array */
            skip_parens(r);
        }
        if (n == *assigned && is_assignment(r, &w))
            (*assigned)++;
        if (n < MAX_WORDS)
            words[n++] = w;
        else
            *more = true;
    }
}

/* --- compound commands -------------------------------------------------------------------------*/

static const char *const stops[] = {"then", "elif", "else", "fi", "do", "done", "esac", "}", NULL};

/* The reserved word at sh->at, if it is one of `names`. */
static const char *reserved(const struct run *r, const char *const *names)
{
    for (; *names; names++) {
        size_t n = strlen(*names);
        if (r->sh.at + n <= r->sh.len && memcmp(r->sh.s + r->sh.at, *names, n) == 0 &&
            strchr(" \t\n;&|<>()", here(r, n)))
            return *names;
    }
    return NULL;
}

static bool takes_word(struct run *r, const char *word)
{
    const char *const names[] = {word, NULL};
    kl_sh_blanks(&r->sh);
    if (!reserved(r, names))
        return false;
    r->sh.at += strlen(word);
    return true;
}

/* Over blanks, line ends and `;`, to where a command may begin. */
static void gap(struct run *r)
{
    for (;;) {
        kl_sh_blanks(&r->sh);
        if (here(r, 0) == '\n')
            kl_sh_newline(&r->sh);
        else if ((here(r, 0) == ';' && here(r, 1) != ';') || here(r, 0) == '&')
            r->sh.at++;
        else
            return;
    }
}

/* A list up to `end`, which is stepped over. False when something else ends it. */
static bool block(struct run *r, const char *end, bool certain, struct kl_sh_output *out)
{
    list(r, certain, out);
    return takes_word(r, end);
}

static void unsure(struct kl_sh_output *o, size_t before)
{
    if (o->text.len > before)
        o->known = false;
}

static void do_if(struct run *r, bool certain, struct kl_sh_output *out)
{
    size_t before = out->text.len;
    bool more = block(r, "then", certain, out);
    while (more) {
        list(r, false, out);
        if (takes_word(r, "elif"))
            more = block(r, "then", false, out);
        else if (!takes_word(r, "else"))
            break;
    }
    takes_word(r, "fi");
    unsure(out, before);
}

static void do_while(struct run *r, bool certain, struct kl_sh_output *out)
{
    size_t before = out->text.len;
    if (block(r, "do", certain, out))
        block(r, "done", false, out);
    unsure(out, before);
}

/* The words of a `for`; false when they are not all known. */
static bool for_words(struct run *r, const char **list_of, size_t *n)
{
    bool known = takes_word(r, "in");
    struct kl_sh_word w;
    for (kl_sh_blanks(&r->sh); kl_sh_word(&r->sh, &w); kl_sh_blanks(&r->sh)) {
        known &= w.t.known;
        for (const char *s = w.t.text; *s || w.quoted;) {
            size_t len = w.quoted ? strlen(s) : strcspn(s, " \t\n");
            if (*n < MAX_WORDS && (len || w.quoted))
                list_of[(*n)++] = kl_strndup(r->sh.a, s, len);
            known &= *n < MAX_WORDS;
            s += len + (s[len] != '\0');
            if (w.quoted)
                break;
        }
    }
    return known;
}

static void do_for(struct run *r, bool certain, struct kl_sh_output *out)
{
    const char *values[MAX_WORDS];
    struct kl_sh_word name;
    size_t n = 0, before = out->text.len;
    kl_sh_blanks(&r->sh);
    if (here(r, 0) == '(')
        skip_parens(r);
    bool named = kl_sh_word(&r->sh, &name) && kl_sh_name_len(name.t.text) == strlen(name.t.text);
    bool known = for_words(r, values, &n) && named && certain && n;
    gap(r);
    if (!takes_word(r, "do"))
        return;
    const struct kl_sh start = r->sh;
    for (size_t k = 0; k < (known ? n : 1) && !r->ended; k++) {
        r->sh.at = start.at;
        r->sh.line_end = start.line_end;
        r->sh.here_end = start.here_end;
        if (named)
            kl_sh_set(&r->sh, name.t.text, known ? values[k] : NULL);
        block(r, "done", known, out);
    }
    if (!known)
        unsure(out, before);
}

static void do_case(struct run *r, struct kl_sh_output *out)
{
    struct kl_sh_word w;
    size_t before = out->text.len;
    kl_sh_blanks(&r->sh);
    kl_sh_word(&r->sh, &w);
    gap(r);
    takes_word(r, "in");
    while (gap(r), r->sh.at < r->sh.len && !r->ended && !takes_word(r, "esac")) {
        r->sh.at += here(r, 0) == '(';
        while (r->sh.at < r->sh.len && here(r, 0) != ')') {
            kl_sh_blanks(&r->sh);
            if (here(r, 0) != ')' && !kl_sh_word(&r->sh, &w))
                r->sh.at++;
        }
        r->sh.at += r->sh.at < r->sh.len;
        list(r, false, out);
        while (here(r, 0) == ';' || here(r, 0) == '&')
            r->sh.at++;
    }
    unsure(out, before);
}

/* ( ) and (( )). */
static void do_parens(struct run *r, bool certain, struct kl_sh_output *out)
{
    const char *cwd = r->cwd;
    if (here(r, 1) == '(') {
        skip_parens(r);
        return;
    }
    r->sh.at++;
    list(r, certain, out);
    r->sh.at += here(r, 0) == ')';
    r->cwd = cwd;
}

static void do_test(struct run *r)
{
    struct kl_sh_word w;
    while (r->sh.at < r->sh.len && here(r, 0) != '\n' && !takes_word(r, "]]"))
        if (!kl_sh_word(&r->sh, &w))
            r->sh.at += here(r, 0) != '\n';
}

static const char *const openers[] = {
    "if", "while", "until", "for", "select", "case", "{", "function", "[[", NULL};

static bool command(
    struct run *r, bool certain, const struct kl_sh_text *piped, struct kl_sh_output *out);

static bool compound(struct run *r, const char *kind, bool certain, struct kl_sh_output *out)
{
    struct kl_sh_word name;
    if (!kind && here(r, 0) != '(')
        return false;
    if (kind)
        r->sh.at += strlen(kind);
    if (!kind)
        do_parens(r, certain, out);
    else if (strcmp(kind, "if") == 0)
        do_if(r, certain, out);
    else if (strcmp(kind, "while") == 0 || strcmp(kind, "until") == 0)
        do_while(r, certain, out);
    else if (strcmp(kind, "for") == 0)
        do_for(r, certain, out);
    else if (strcmp(kind, "select") == 0)
        do_for(r, false, out);
    else if (strcmp(kind, "case") == 0)
        do_case(r, out);
    else if (strcmp(kind, "[[") == 0)
        do_test(r);
    else if (strcmp(kind, "{") == 0)
        block(r, "}", certain, out);
    else {
        kl_sh_blanks(&r->sh);
        kl_sh_word(&r->sh, &name);
        if (here(r, 0) == '(')
            skip_parens(r);
        gap(r);
        command(r, false, NULL, out);
    }
    return true;
}

/* One command of a pipeline. True when it hardly fails. */
static bool command(
    struct run *r, bool certain, const struct kl_sh_text *piped, struct kl_sh_output *out)
{
    struct kl_sh_word words[MAX_WORDS];
    struct redirects to = {.in = piped ? *piped : (struct kl_sh_text){0}};
    struct kl_sh_output made = {.from = SIZE_MAX, .known = true};
    size_t start = r->sh.at, assigned = 0, n = 0;
    bool more, easy = false;
    if (r->steps++ > MAX_STEPS || r->depth > MAX_DEPTH) {
        r->ended = true;
        return false;
    }
    r->depth++;
    if (compound(r, reserved(r, openers), certain && !piped, &made)) {
        words_of(r, words, &to, &assigned, &more);
    } else {
        n = words_of(r, words, &to, &assigned, &more);
        for (size_t k = 0; k < assigned; k++)
            assign(r, &words[k], certain && n == assigned);
        easy = true;
        if (n > assigned && here(r, 0) == '(') { /* NAME() */
            struct kl_sh_output none = {.from = SIZE_MAX, .known = true};
            skip_parens(r);
            gap(r);
            command(r, false, NULL, &none);
            kl_buf_free(&none.text);
        } else if (n > assigned) {
            easy = act(r, words + assigned, n - assigned, &to.in, certain, &made);
            made.known &= !more;
        }
    }
    r->bytes += made.text.len + (to.in.text ? strlen(to.in.text) : 0);
    r->ended |= r->bytes > MAX_BYTES;
    deliver(r, &made, &to, start, certain, out);
    r->depth--;
    return easy;
}

static bool pipeline(struct run *r, bool certain, struct kl_sh_output *out)
{
    struct kl_sh_output made = {.from = SIZE_MAX, .known = true};
    struct kl_sh_text piped;
    takes_word(r, "!");
    kl_sh_blanks(&r->sh);
    bool easy = command(r, certain, NULL, &made);
    while (kl_sh_blanks(&r->sh), here(r, 0) == '|' && here(r, 1) != '|' && !r->ended) {
        r->sh.at += here(r, 1) == '&' ? 2 : 1;
        gap(r);
        piped = (struct kl_sh_text){
            kl_strndup(r->sh.a, kl_buf_text(&made.text), made.text.len), made.from, made.known};
        kl_buf_free(&made.text);
        made = (struct kl_sh_output){.from = SIZE_MAX, .known = true};
        easy &= command(r, certain, &piped, &made);
    }
    take_output(out, &made, true);
    return easy;
}

/* Commands until something ends them that is not theirs: a closing word, `)`, `;;`, the end. */
static void list(struct run *r, bool certain, struct kl_sh_output *out)
{
    while (gap(r), r->sh.at < r->sh.len && !r->ended && !reserved(r, stops)) {
        size_t start = r->sh.at;
        bool sure = certain;
        if (here(r, 0) == ')' || here(r, 0) == ';')
            return;
        for (;;) {
            bool easy = pipeline(r, sure, out);
            bool both = here(r, 0) == '&' && here(r, 1) == '&';
            if (!both && !(here(r, 0) == '|' && here(r, 1) == '|'))
                break;
            sure &= both && easy;
            r->sh.at += 2;
            gap(r);
        }
        if (r->sh.at == start)
            r->sh.at++;
    }
}

/* --- the whole ---------------------------------------------------------------------------------*/

/* Without carriage returns at the ends of lines, which move no place. */
static char *plain(struct kl_arena *a, const char *body, size_t *len)
{
    char *out = kl_alloc(a, strlen(body) + 1), *to = out;
    for (const char *s = body; *s; s++)
        if (*s != '\r' || s[1] != '\n')
            *to++ = *s;
    *len = (size_t)(to - out);
    return out;
}

void kl_script_read(struct kl_arena *a, const struct kl_script *s, struct kl_diags *d,
    struct kl_script_file **files, size_t *n)
{
    struct run r = {.sh = {.a = a}, .script = s, .d = d, .files = files, .nfiles = n, .cwd = ""};
    struct kl_sh_output out = {.from = SIZE_MAX, .known = true};
    r.sh.s = plain(a, s->body, &r.sh.len);
    find_lines(&r);
    if (s->outside) /* anaconda's kickstart.py sets it; which of the two names differs by release */
        kl_sh_set(&r.sh, "ANA_INSTALL_PATH", "/mnt/sysimage");
    for (bool sure = true; r.sh.at < r.sh.len && !r.ended; sure = false) {
        list(&r, sure, &out);
        r.sh.at += r.sh.at < r.sh.len; /* what closes nothing: the rest is a guess */
    }
    kl_buf_free(&out.text);
    kl_names_free(&r.sh.vars);
}
