/* image/patch: what a patch comes to in an image, by cases: an image's tree, changes, and the steps
 * or the complaint that are expected. */
#include "image/cpio.h"
#include "image/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define IMAGE_TIME 1000000000

/* --- a tree in memory --------------------------------------------------------------------------*/

struct memory {
    struct kl_diags *d;
    struct kl_fault_log log;
    struct kl_fs fs;
};

static bool already_open(struct kl_fs *fs, struct kl_node *dir)
{
    (void)fs;
    (void)dir;
    return true;
}

static bool no_more_xattrs(struct kl_fs *fs, struct kl_node *n)
{
    (void)fs;
    (void)n;
    return true;
}

static bool read_own(struct kl_fs *fs, const struct kl_node *file, uint64_t at, void *to, size_t n)
{
    (void)fs;
    memcpy(to, (const char *)file->own + at, n);
    return true;
}

static void label(struct kl_fs *fs, struct kl_node *n, const char *value)
{
    n->xattrs = kl_alloc(fs->a, sizeof *n->xattrs);
    n->nxattrs = 1;
    n->xattrs[0] =
        (struct kl_xattr){"security.selinux", kl_strdup(fs->a, value), strlen(value) + 1};
}

static void open_all(struct kl_fs *fs, struct kl_node *dir)
{
    for (size_t i = 0; i < dir->nchildren; i++)
        if (dir->children[i]->kind == KL_NODE_DIR)
            open_all(fs, dir->children[i]);
    assert_true(kl_fs_dir(fs, dir));
}

/* One line: "d etc 0755 0:0 - LABEL", "f etc/motd 0644 5:6 TEXT [LABEL]", "l lib 0777 0:0 TO". */
static void one_node(struct kl_fs *fs, const char *line)
{
    char kind, path[256], text[256] = "", mark[64] = "";
    unsigned mode, uid, gid;
    assert_true(sscanf(line, "%c %255s %o %u:%u %255s %63s", &kind, path, &mode, &uid, &gid, text,
                    mark) >= 6);
    struct kl_node *dir = fs->root;
    const char *name = path;
    for (const char *slash; (slash = strchr(name, '/')); name = slash + 1) {
        struct kl_node *next = NULL;
        for (size_t i = 0; i < dir->nchildren; i++)
            if (strlen(dir->children[i]->name) == (size_t)(slash - name) &&
                strncmp(dir->children[i]->name, name, (size_t)(slash - name)) == 0)
                next = dir->children[i];
        assert_non_null(next);
        if (next)
            dir = next;
    }
    struct kl_node *n = kl_node_new(fs, name, strlen(name));
    n->kind = kind == 'd' ? KL_NODE_DIR : kind == 'l' ? KL_NODE_SYMLINK : KL_NODE_FILE;
    n->mode = (uint16_t)mode;
    n->uid = uid;
    n->gid = gid;
    n->mtime = 5;
    n->own = kl_strdup(fs->a, text);
    n->target = n->own;
    n->size = n->kind == KL_NODE_DIR ? 0 : strlen(text);
    if (*mark)
        label(fs, n, mark);
    assert_true(kl_node_adopt(fs, dir, n));
}

static void each_line(const char *text, void (*each)(void *arg, const char *line), void *arg)
{
    while (*text) {
        char line[512];
        size_t n = strcspn(text, "\n");
        assert_true(n < sizeof line);
        memcpy(line, text, n);
        line[n] = '\0';
        if (n)
            each(arg, line);
        text += n + (text[n] == '\n');
    }
}

static void node_line(void *arg, const char *line)
{
    one_node(arg, line);
}

static void memory_begin(struct memory *m, const char *tree)
{
    m->d = kl_diags_new();
    m->log = (struct kl_fault_log){.d = m->d, .image = "image"};
    m->fs = (struct kl_fs){.type = "memory",
        .a = kl_arena_new(),
        .log = &m->log,
        .time = IMAGE_TIME,
        .open_dir = already_open,
        .read_xattrs = no_more_xattrs,
        .read = read_own};
    m->fs.root = kl_node_new(&m->fs, "", 0);
    m->fs.root->kind = KL_NODE_DIR;
    m->fs.root->mode = 0755;
    each_line(tree, node_line, &m->fs);
    open_all(&m->fs, m->fs.root);
}

static void memory_end(struct memory *m)
{
    kl_arena_free(m->fs.a);
    kl_diags_free(m->d);
}

/* --- changes -----------------------------------------------------------------------------------*/

/* "f PATH TEXT [MODE [UID]]", "d PATH [MODE]", "l PATH TO", "r PATH", "x PATH TEXT LABEL". */
static bool one_change(struct kl_patch *p, const char *line)
{
    char kind, path[256], text[256] = "";
    int mode = -1, uid = -1;
    struct kl_xattr x = {"security.selinux", text, 0};
    assert_true(sscanf(line, "%c %255s %255s", &kind, path, text) >= 2);
    struct kl_change c = {.path = path, .mtime = -1, .gid = -1, .uid = -1, .mode = -1};
    c.from = "test";
    if (kind == 'd') {
        c.kind = KL_NODE_DIR;
        sscanf(line, "%*c %*s %o", (unsigned *)&mode);
    } else if (kind == 'l') {
        c.kind = KL_NODE_SYMLINK;
        c.target = text;
    } else if (kind == 'r') {
        c.remove = true;
    } else {
        c.content = kl_rope_new();
        kl_rope_add_bytes(c.content, text, strlen(text));
        if (kind == 'x') {
            c.xattrs_given = true;
            c.xattrs = &x;
            c.nxattrs = 1;
            sscanf(line, "%*c %*s %*s %255s", text);
            x.len = strlen(text) + 1;
        } else {
            sscanf(line, "%*c %*s %*s %o %d", (unsigned *)&mode, &uid);
        }
    }
    c.mode = mode;
    c.uid = uid;
    bool ok = kl_patch_add(p, &c);
    kl_rope_drop(c.content);
    return ok;
}

static void change_line(void *arg, const char *line)
{
    assert_true(one_change(arg, line));
}

static void show_step(struct kl_buf *b, const struct kl_step *s)
{
    if (s->remove) {
        assert_non_null(s->old);
        kl_buf_addf(b, "- %s\n", s->path);
        return;
    }
    assert_string_equal(s->name, strrchr(s->path, '/') ? strrchr(s->path, '/') + 1 : s->path);
    kl_buf_addf(b, "%s %s %s %04o %u:%u", s->old ? "=" : "+",
        s->kind == KL_NODE_SYMLINK ? "link" : kl_node_word[s->kind], s->path, s->mode, s->uid,
        s->gid);
    if (s->kind == KL_NODE_FILE) {
        char text[256] = "";
        assert_true(kl_rope_read(s->change->content, 0, text, 255) >= 0);
        kl_buf_addf(b, " '%s'", text);
    } else if (s->kind == KL_NODE_SYMLINK) {
        kl_buf_addf(b, " -> %s", s->change->target);
    }
    if (!s->parent)
        kl_buf_add(b, " within");
    for (size_t i = 0; i < s->nxattrs; i++)
        kl_buf_addf(b, " [%s]", (const char *)s->xattrs[i].value);
    kl_buf_addc(b, '\n');
    assert_int_equal(s->mtime, IMAGE_TIME);
}

/* --- cases -------------------------------------------------------------------------------------*/

#define TREE                                                                                       \
    "d etc 0755 0:0 - etc_t\n"                                                                     \
    "f etc/motd 0600 5:6 hello motd_t\n"                                                           \
    "f etc/hosts 0644 0:0 local\n"                                                                 \
    "d etc/conf.d 0750 7:8 - conf_t\n"                                                             \
    "f etc/conf.d/a 0644 0:0 A\n"                                                                  \
    "f etc/conf.d/b 0644 0:0 B\n"                                                                  \
    "d etc/conf.d/c 0755 0:0 -\n"                                                                  \
    "f etc/conf.d/c/deep 0644 0:0 D\n"                                                             \
    "f etc/conf.d-not 0644 0:0 N\n"                                                                \
    "d usr 0755 0:0 -\n"                                                                           \
    "d usr/lib 0755 0:0 - lib_t\n"                                                                 \
    "f usr/lib/x 0644 0:0 X\n"                                                                     \
    "l lib 0777 0:0 usr/lib\n"                                                                     \
    "l abs 0777 0:0 /etc\n"                                                                        \
    "l dangling 0777 0:0 run/made\n"                                                               \
    "l loop 0777 0:0 loop\n"                                                                       \
    "l up 0777 0:0 nowhere/../etc\n"

static const struct {
    const char *what, *changes, *steps; /* steps NULL: an error that says `complaint` */
    const char *complaint;
} cases[] = {
    {"nothing", "", "", NULL},
    {"a new file has its directory's owner and label", "f etc/conf.d/new text",
        "+ file etc/conf.d/new 0644 7:8 'text' [conf_t]\n", NULL},
    {"a file over a file keeps all that is not said", "f etc/motd text",
        "= file etc/motd 0600 5:6 'text' [motd_t]\n", NULL},
    {"what is said is said", "f etc/motd text 4755 9", "= file etc/motd 4755 9:6 'text' [motd_t]\n",
        NULL},
    {"a label that is given", "x etc/motd text other_t",
        "= file etc/motd 0600 5:6 'text' [other_t]\n", NULL},
    {"the same bytes are no change", "f etc/motd hello", "", NULL},
    {"another mode is one", "f etc/motd hello 0644", "= file etc/motd 0644 5:6 'hello' [motd_t]\n",
        NULL},
    {"another label is one", "x etc/motd hello other_t",
        "= file etc/motd 0600 5:6 'hello' [other_t]\n", NULL},
    {"the same label is none", "x etc/motd hello motd_t", "", NULL},
    {"other bytes of the same number", "f etc/motd hallo",
        "= file etc/motd 0600 5:6 'hallo' [motd_t]\n", NULL},
    {"the same link", "l lib usr/lib", "", NULL},
    {"missing directories are made, and what they are made in is handed down",
        "f etc/conf.d/p/q/r text",
        "+ directory etc/conf.d/p 0755 7:8 [conf_t]\n"
        "+ directory etc/conf.d/p/q 0755 7:8 within [conf_t]\n"
        "+ file etc/conf.d/p/q/r 0644 7:8 'text' within [conf_t]\n",
        NULL},
    {"a directory that is there stays as it is", "d etc 0700", "", NULL},
    {"a directory over a link to one is that one", "d lib\nf lib/y text",
        "+ file usr/lib/y 0644 0:0 'text' [lib_t]\n", NULL},
    {"through links on the way", "f lib/x other\nf abs/motd text",
        "= file etc/motd 0600 5:6 'text' [motd_t]\n= file usr/lib/x 0644 0:0 'other'\n", NULL},
    {"a dangling link leads to where it points", "f dangling/f text",
        "+ directory run 0755 0:0\n+ directory run/made 0755 0:0 within\n"
        "+ file run/made/f 0644 0:0 'text' within\n",
        NULL},
    {"a directory over a dangling link, too", "d dangling",
        "+ directory run 0755 0:0\n+ directory run/made 0755 0:0 within\n", NULL},
    {"the last name is not followed", "f lib text", "= file lib 0644 0:0 'text'\n", NULL},
    {"a loop", "f loop/x text", NULL, "symbolic links"},
    {"up from what is not there", "f up/x text", NULL, "goes up"},
    {"through a file", "f etc/motd/x text", NULL, "'/etc/motd' is a file, not a directory"},
    {"a file over a directory", "f etc text", NULL, "'/etc' is a directory in the image"},
    {"a directory over a file", "d etc/motd", NULL, "'/etc/motd' is a file in the image"},
    {"a link over a directory", "l etc/conf.d to", NULL, "is a directory in the image"},
    {"later ones win", "f etc/n one 0600\nf /etc//n two", "+ file etc/n 0644 0:0 'two' [etc_t]\n",
        NULL},
    {"later ones win through links", "f etc/n one\nf abs/n two",
        "+ file etc/n 0644 0:0 'two' [etc_t]\n", NULL},
    {"a patch's own link and what lies behind it", "d a\nl b a\nf b/c text",
        "+ directory a 0755 0:0\n+ file a/c 0644 0:0 'text' within\n+ link b 0777 0:0 -> a\n",
        NULL},
    {"a link over a directory that the patch makes", "f b/c text\nl b a", NULL,
        "makes a directory of it"},
    {"a file in what the patch makes a file", "f n text\nf n/x text", NULL,
        "'n/x' (test) lies in '/n', of which test makes a file"},
    {"a file behind a link that the patch then replaces", "f lib/y text\nl lib etc", NULL,
        "would lie in '/usr/lib/y'"},
    {"... and one that it replaces by itself", "f lib/y text\nl lib usr/lib",
        "+ file usr/lib/y 0644 0:0 'text' [lib_t]\n", NULL},
    {"a removal", "r etc/hosts", "- etc/hosts\n", NULL},
    {"of a link, not of what it leads to", "r lib", "- lib\n", NULL},
    {"behind a link", "r lib/x", "- usr/lib/x\n", NULL},
    {"of a tree, what is in it first", "r etc/conf.d",
        "- etc/conf.d/c/deep\n- etc/conf.d/c\n- etc/conf.d/b\n- etc/conf.d/a\n- etc/conf.d\n",
        NULL},
    {"of a tree and of what is in it", "r etc/conf.d/c/deep\nr etc/conf.d/c\nr etc/conf.d/c",
        "- etc/conf.d/c/deep\n- etc/conf.d/c\n", NULL},
    {"of what is not there", "r etc/hsots", NULL, "'etc/hsots' (test) is not there"},
    {"of what would lie in what is not there", "r ect/hosts", NULL, "'ect/hosts' (test) is not"},
    {"a tree that is removed and made anew", "f etc/conf.d/c/new text\nr etc/conf.d",
        "- etc/conf.d/c/deep\n- etc/conf.d/c\n- etc/conf.d/b\n- etc/conf.d/a\n- etc/conf.d\n"
        "+ directory etc/conf.d 0755 0:0 [etc_t]\n"
        "+ directory etc/conf.d/c 0755 0:0 within [etc_t]\n"
        "+ file etc/conf.d/c/new 0644 0:0 'text' within [etc_t]\n",
        NULL},
    {"a directory that becomes a file", "r etc/conf.d/c\nf etc/conf.d/c text",
        "- etc/conf.d/c/deep\n- etc/conf.d/c\n+ file etc/conf.d/c 0644 7:8 'text' [conf_t]\n",
        NULL},
    {"a link that becomes a directory", "r lib\nf lib/y text",
        "- lib\n+ directory lib 0755 0:0\n+ file lib/y 0644 0:0 'text' within\n", NULL},
    {"a file that is removed and put is new", "r etc/motd\nf etc/motd text",
        "= file etc/motd 0644 0:0 'text' [etc_t]\n", NULL},
    {"a file that is put and removed is removed", "f etc/motd text\nr etc/motd", "- etc/motd\n",
        NULL},
    {"one that was not there leaves nothing", "f etc/a/b/c text\nr etc/a/b/c", "", NULL},
    {"... but what else is there", "f etc/a/b/c text\nf etc/a/d text\nr etc/a/b/c",
        "+ directory etc/a 0755 0:0 [etc_t]\n+ file etc/a/d 0644 0:0 'text' within [etc_t]\n",
        NULL},
    {"put, removed and put", "f etc/n one\nr etc/n\nf etc/n two",
        "+ file etc/n 0644 0:0 'two' [etc_t]\n", NULL},
    {"removals below a removed one", "r etc/conf.d/c/deep\nr etc\nf etc/conf.d/c/deep text",
        "- etc/motd\n- etc/hosts\n- etc/conf.d-not\n- etc/conf.d/c/deep\n- etc/conf.d/c\n"
        "- etc/conf.d/b\n- etc/conf.d/a\n- etc/conf.d\n- etc\n"
        "+ directory etc 0755 0:0\n+ directory etc/conf.d 0755 0:0 within\n"
        "+ directory etc/conf.d/c 0755 0:0 within\n"
        "+ file etc/conf.d/c/deep 0644 0:0 'text' within\n",
        NULL},
};

static const struct kl_patch_can all = {.remove = true, .xattrs = true, .instead = "do otherwise"};

static void complains(const struct kl_diags *d, const char *words)
{
    size_t n = kl_diags_count(d, KL_ERROR);
    assert_int_not_equal(n, 0);
    for (size_t i = 0; i < n; i++)
        if (strstr(kl_diags_at(d, i)->message, words))
            return;
    print_error("'%s' is not in '%s'\n", words, kl_diags_at(d, 0)->message);
    fail();
}

static void plans(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct memory m;
        struct kl_steps steps;
        struct kl_buf b KL_BUF_SCOPE = {0};
        memory_begin(&m, TREE);
        struct kl_patch *p = kl_patch_new(m.d);
        each_line(cases[i].changes, change_line, p);
        bool ok = kl_patch_plan(p, &m.fs, &all, &steps);
        for (size_t k = 0; ok && k < steps.n; k++)
            show_step(&b, &steps.step[k]);
        if (ok != (cases[i].steps != NULL) || (ok && strcmp(kl_buf_text(&b), cases[i].steps) != 0))
            print_error(
                "%s:\n%s", cases[i].what, ok ? kl_buf_text(&b) : kl_diags_at(m.d, 0)->message);
        assert_int_equal(ok, cases[i].steps != NULL);
        if (ok)
            assert_string_equal(kl_buf_text(&b), cases[i].steps);
        else
            complains(m.d, cases[i].complaint);
        kl_patch_free(p);
        memory_end(&m);
    }
}

/* What a format cannot say. */
static void formats(void **state)
{
    (void)state;
    static const struct {
        struct kl_patch_can can;
        const char *change, *complaint; /* NULL: it can */
    } says[] = {
        {{.xattrs = true}, "r etc/hosts", "cannot be removed"},
        {{.xattrs = true}, "r etc/hosts\nf etc/hosts text", NULL},
        {{.remove = true}, "x etc/motd text other_t", "extended attributes"},
        {{.remove = true}, "f etc/motd text", NULL},
        {{.remove = true}, "f etc/conf.d/n text", NULL},
        {{.remove = true}, "f etc/motd hello", NULL},
        {{.largest = 3}, "f etc/motd text", "larger"},
        {{.largest = 4}, "f etc/motd text", NULL},
    };
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        struct memory m;
        struct kl_steps steps;
        memory_begin(&m, TREE);
        struct kl_patch *p = kl_patch_new(m.d);
        each_line(says[i].change, change_line, p);
        assert_int_equal(kl_patch_plan(p, &m.fs, &says[i].can, &steps), says[i].complaint == NULL);
        if (says[i].complaint)
            complains(m.d, says[i].complaint);
        for (size_t k = 0; k < steps.n && !says[i].can.xattrs; k++)
            assert_int_equal(steps.step[k].nxattrs, 0);
        kl_patch_free(p);
        memory_end(&m);
    }
}

static void hints(void **state)
{
    (void)state;
    struct memory m;
    struct kl_steps steps;
    memory_begin(&m, TREE);
    struct kl_patch *p = kl_patch_new(m.d);
    assert_true(kl_patch_add_removal(p, "/etc/hsots"));
    assert_true(kl_patch_add_removal(p, "ect/motd"));
    assert_false(kl_patch_plan(p, &m.fs, &all, &steps));
    assert_string_equal(kl_diags_at(m.d, 0)->hint, "did you mean 'etc/hosts'?");
    assert_string_equal(kl_diags_at(m.d, 1)->hint, "did you mean 'etc'?");
    kl_patch_free(p);
    memory_end(&m);
}

static void refuses_paths(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "r ..", "r a/../b", "r /../etc", "r .", "r /", "f a/.. x", "l ../x y", "f ./. x"};
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kl_patch *p = kl_patch_new(d);
        assert_false(one_change(p, bad[i]));
        assert_int_equal(p->n, 0);
        assert_int_equal(kl_diags_count(d, KL_ERROR), i + 1);
        kl_patch_free(p);
    }
}

static void times(void **state)
{
    (void)state;
    struct memory m;
    struct kl_steps steps;
    memory_begin(&m, TREE);
    setenv("SOURCE_DATE_EPOCH", "123", 1);
    struct kl_patch *p = kl_patch_new(m.d);
    assert_true(one_change(p, "f etc/a/b text"));
    assert_true(kl_patch_plan(p, &m.fs, &all, &steps));
    assert_int_equal(steps.step[0].mtime, 123);
    assert_int_equal(steps.step[1].mtime, 123);
    kl_patch_free(p);
    setenv("SOURCE_DATE_EPOCH", "yesterday", 1);
    assert_null(kl_patch_new(m.d));
    complains(m.d, "yesterday");
    unsetenv("SOURCE_DATE_EPOCH");
    memory_end(&m);
}

/* Many changes cost little more each than few. */
static void many(void **state)
{
    (void)state;
    enum { N = 40000 };
    struct memory m;
    struct kl_steps steps;
    memory_begin(&m, TREE);
    struct kl_patch *p = kl_patch_new(m.d);
    for (unsigned i = 0; i < N; i++) {
        char line[64];
        snprintf(line, sizeof line, "f lib/d%u/f%u text", i % 100, i);
        assert_true(one_change(p, line));
    }
    clock_t start = clock();
    assert_true(kl_patch_plan(p, &m.fs, &all, &steps));
    assert_int_equal(steps.n, N + 100);
    assert_true(clock() - start < 5 * CLOCKS_PER_SEC); /* 0.3 s under the sanitizers */
    kl_patch_free(p);
    memory_end(&m);
}

/* --- edits -------------------------------------------------------------------------------------*/

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "wb");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void edits(void **state)
{
    (void)state;
    static const struct {
        const char *before, *path, *diff, *steps, *complaint;
    } says[] = {
        {"", "etc/motd", "@@ -1 +1 @@\n-hello\n\\ No newline\n+bye\n",
            "= file etc/motd 0600 5:6 'bye\n' [motd_t]\n", NULL},
        {"", "/alias", "--- alias\n+++ alias\n@@ -1 +1 @@\n-hello\n\\ No newline\n+bye\n",
            "= file etc/motd 0600 5:6 'bye\n' [motd_t]\n", NULL},
        {"f etc/motd other 0640 9", "etc/motd", "@@ -1 +1 @@\n-other\n\\ No newline\n+bye\n",
            "= file etc/motd 0640 9:6 'bye\n' [motd_t]\n", NULL},
        {"f abs/n other 0640", "abs/n", "@@ -1 +1 @@\n-other\n\\ No newline\n+bye\n",
            "+ file etc/n 0640 0:0 'bye\n' [etc_t]\n", NULL},
        {"", "etc/new", "--- /dev/null\n+++ x\n@@ -0,0 +1 @@\n+new\n",
            "+ file etc/new 0644 0:0 'new\n' [etc_t]\n", NULL},
        {"", "etc/motd", "@@ -1 +1 @@\n-bye\n+hello\n", NULL, "does not fit '/etc/motd'"},
        {"", "etc/new", "@@ -1 +1 @@\n-bye\n+hello\n", NULL, "'etc/new' (--edit) is not there"},
        {"", "etc", "@@ -1 +1 @@\n-bye\n+hello\n", NULL, "'/etc' is directory"},
        {"", "etc/motd/x", "@@ -0,0 +1 @@\n+hello\n", NULL, "not a directory"},
    };
    char name[] = "/tmp/kl-edit-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        struct memory m;
        struct kl_steps steps;
        struct kl_buf b KL_BUF_SCOPE = {0};
        memory_begin(&m, TREE "l alias 0777 0:0 abs/motd\n");
        struct kl_patch *p = kl_patch_new(m.d);
        each_line(says[i].before, change_line, p);
        write_file(name, says[i].diff);
        bool ok = kl_patch_add_edit(p, &m.fs, says[i].path, name) &&
                  kl_patch_plan(p, &m.fs, &all, &steps);
        for (size_t k = 0; ok && k < steps.n; k++)
            show_step(&b, &steps.step[k]);
        if (says[i].complaint)
            complains(m.d, says[i].complaint);
        else
            assert_string_equal(kl_buf_text(&b), says[i].steps);
        assert_int_equal(ok, says[i].steps != NULL);
        kl_patch_free(p);
        memory_end(&m);
    }
    unlink(name);
}

/* --- as an archive -----------------------------------------------------------------------------*/

static void archives(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_patch *p = kl_patch_new(d);
    struct kl_rope *out KL_ROPE_SCOPE = kl_rope_new();
    each_line("f etc/motd hello 0600 7\nl etc/link motd", change_line, p);
    assert_true(kl_cpio_of_patch(p, 16, out));
    char got[1024] = "", want[1024] = "", *w = want;
    static const struct {
        const char *header, *name, *data;
    } entry[] = {
        {"070701"
         "00000001"
         "000041ed"
         "00000000"
         "00000000"
         "00000001"
         "00000010"
         "00000000"
         "00000000"
         "00000000"
         "00000000"
         "00000000"
         "00000004"
         "00000000",
            "etc", ""},
        {"070701"
         "00000002"
         "0000a1ff"
         "00000000"
         "00000000"
         "00000001"
         "00000010"
         "00000004"
         "00000000"
         "00000000"
         "00000000"
         "00000000"
         "00000009"
         "00000000",
            "etc/link", "motd"},
        {"070701"
         "00000003"
         "00008180"
         "00000007"
         "00000000"
         "00000001"
         "00000010"
         "00000005"
         "00000000"
         "00000000"
         "00000000"
         "00000000"
         "00000009"
         "00000000",
            "etc/motd", "hello"},
        {"070701"
         "00000000"
         "00000000"
         "00000000"
         "00000000"
         "00000001"
         "00000000"
         "00000000"
         "00000000"
         "00000000"
         "00000000"
         "00000000"
         "0000000b"
         "00000000",
            "TRAILER!!!", ""},
    };
    for (size_t i = 0; i < sizeof entry / sizeof *entry; i++) {
        assert_int_equal(strlen(entry[i].header), 110);
        w += (110 + strlen(entry[i].name) + 1 + 3) / 4 * 4;
        memcpy(stpcpy(w - (110 + strlen(entry[i].name) + 1 + 3) / 4 * 4, entry[i].header),
            entry[i].name, strlen(entry[i].name));
        memcpy(w, entry[i].data, strlen(entry[i].data));
        w += (strlen(entry[i].data) + 3) / 4 * 4;
    }
    assert_int_equal(kl_rope_len(out), w - want);
    kl_rope_read(out, 0, got, sizeof got);
    assert_memory_equal(got, want, (size_t)(w - want));
    kl_patch_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans),
        cmocka_unit_test(formats),
        cmocka_unit_test(hints),
        cmocka_unit_test(refuses_paths),
        cmocka_unit_test(times),
        cmocka_unit_test(many),
        cmocka_unit_test(edits),
        cmocka_unit_test(archives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
