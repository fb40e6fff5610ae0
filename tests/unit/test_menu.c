/* stage/: loader configurations, read. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "random_intent.h"

#include "base/text.h"
#include "stage/read.h"

#include <string.h>

typedef struct kl_menu *reader(struct kl_arena *a, const char *text, size_t len, const char *file,
    const struct kl_finder *files, struct kl_diags *d);

/* Files that a configuration may include: name, text, ..., NULL. */
static bool find_in_table(void *arg, const char *path, const char *from, const char **file,
    const char **text, size_t *len)
{
    (void)from;
    for (const char *const *f = arg; f && *f; f += 2)
        if (kl_streq(*f, path)) {
            *file = f[0];
            *text = f[1];
            *len = strlen(f[1]);
            return true;
        }
    return false;
}

/* "name: kind kernel [initrds] line; flags", one entry a line. */
static void dump_entry(struct kl_buf *b, const struct kl_entry *e)
{
    static const char *const kinds[] = {"linux", "local", "other"};
    kl_buf_addf(b, "%s: %s", e->name, kinds[e->kind]);
    if (e->kernel.text)
        kl_buf_addf(b, " %s", e->kernel.text);
    for (size_t k = 0; k < e->ninitrds; k++)
        kl_buf_addf(
            b, "%s%s%s", k ? " " : " [", e->initrds[k].text, k + 1 == e->ninitrds ? "]" : "");
    for (size_t k = 0; k < e->line.n; k++)
        kl_buf_addf(b, " %s", e->line.args[k].text);
    if (e->condition)
        kl_buf_addf(b, " if(%s)", e->condition);
    if (e->adds_bootif)
        kl_buf_addf(b, " +bootif@%u", e->bootif_at.line);
    if (e->by_default)
        kl_buf_add(b, e->on_timeout ? " *timeout" : " *");
    if (!e->complete)
        kl_buf_add(b, " incomplete");
    kl_buf_addc(b, '\n');
}

static void dump(struct kl_buf *b, const struct kl_menu *m)
{
    for (size_t k = 0; k < m->nentries; k++)
        dump_entry(b, &m->entries[k]);
    if (m->timeout_ds)
        kl_buf_addf(b, "after %u ", m->timeout_ds);
    kl_buf_add(b, m->asks ? "asks\n" : "at once\n");
}

struct example {
    const char *what, *text, *want;
    const char *says; /* "code@line", in order, blank between; NULL: nothing */
    const char *const *files;
};

static void check_example(reader *read, const struct example *x)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_buf got KL_BUF_SCOPE = {0}, says KL_BUF_SCOPE = {0};
    const struct kl_finder files = {find_in_table, (void *)x->files};
    const struct kl_menu *m = read(a, x->text, strlen(x->text), "top", &files, d);
    dump(&got, m);
    for (size_t k = 0; k < kl_diags_count(d, KL_NOTE); k++) {
        const struct kl_diag *one = kl_diags_at(d, k);
        kl_buf_addf(&says, "%s%s@%u", k ? " " : "", one->code, one->at.line);
    }
    if (!kl_streq(kl_buf_text(&got), x->want))
        fail_msg("%s:\nwanted:\n%sgot:\n%s", x->what, x->want, kl_buf_text(&got));
    if (!kl_streq(kl_buf_text(&says), x->says ? x->says : ""))
        fail_msg(
            "%s: wanted '%s', it says '%s'", x->what, x->says ? x->says : "", kl_buf_text(&says));
}

/* A verbatim word stands where it says it stands. */
static void check_places(const struct kl_menu *m, const struct kl_diags *d)
{
    for (size_t k = 0; k < m->nentries; k++)
        for (size_t i = 0; i < m->entries[k].line.n; i++) {
            const struct kl_arg *w = &m->entries[k].line.args[i];
            const char *s = kl_diags_text(d, w->at.file, NULL);
            assert_non_null(s);
            for (unsigned line = 1; line < w->at.line; line++)
                s = strchr(s, '\n') + 1;
            if (w->verbatim)
                assert_memory_equal(s + w->at.col - 1, w->text, w->at.width);
        }
}

/* --- PXELINUX ----------------------------------------------------------------------------------*/

static const char *const pxelinux_files[] = {"more.cfg",
    "LABEL more\n KERNEL k\n APPEND initrd=i a=1\n", "loop.cfg", "INCLUDE loop.cfg\nLABEL x\n",
    "defaults", "APPEND g=1\nTIMEOUT 50\n", NULL};

static const struct example pxelinux[] = {
    {"the field report's menu",
        "default menu.c32\nprompt 0\ntimeout 100\nmenu title host\nONTIMEOUT install\n"
        "#ONTIMEOUT local\n\nLABEL local\n  MENU LABEL (local)\n  MENU DEFAULT\n  COM32 chain.c32\n"
        "  APPEND hd0\n\nLABEL rescue\n  kernel /OL7/vmlinuz\n  append initrd=/OL7/initrd.img "
        "rescue\n"
        "\nlabel install\n\tkernel /OL7/vmlinuz\n\tappend initrd=/OL7/initrd.img "
        "bond=bond0:enp3s0,enp7s0:mode=mode=6,miimon=100 ks=http://192.0.2.1//OL7/ks/h.ks\n"
        "LABEL reboot\n  KERNEL reboot.c32\n",
        "local: local chain.c32 hd0\nrescue: linux /OL7/vmlinuz [/OL7/initrd.img] rescue\n"
        "install: linux /OL7/vmlinuz [/OL7/initrd.img] "
        "bond=bond0:enp3s0,enp7s0:mode=mode=6,miimon=100 ks=http://192.0.2.1//OL7/ks/h.ks "
        "*timeout\nreboot: other reboot.c32\nafter 100 asks\n",
        NULL, NULL},
    {"a menu's own default, and none of its entries when no time is set",
        "UI vesamenu.c32\nTIMEOUT 300\nLABEL a\nKERNEL k\nLABEL b\nMENU DEFAULT\nLOCALBOOT 0\n",
        "a: linux k\nb: local *timeout\nafter 300 asks\n", NULL, NULL},
    {"the first entry, when nothing names one", "UI menu.c32\nTIMEOUT 9\nLABEL a\nLABEL b\n",
        "a: linux a *timeout\nb: linux b\nafter 9 asks\n", NULL, NULL},
    {"TIMEOUT 0 waits", "UI menu.c32\nDEFAULT a\nTIMEOUT 0\nLABEL a\n", "a: linux a\nasks\n", NULL,
        NULL},
    {"without a prompt the default starts at once",
        "PROMPT 0\nTIMEOUT 50\nDEFAULT b\nLABEL a\nKERNEL k\nLABEL b\nKERNEL k2\nAPPEND x\n",
        "a: linux k\nb: linux k2 x *\nat once\n", NULL, NULL},
    {"with a prompt it starts after a time", "PROMPT 1\nTIMEOUT 50\nDEFAULT a\nLABEL a\nKERNEL k\n",
        "a: linux k *timeout\nafter 50 asks\n", NULL, NULL},
    {"a default of another menu file",
        "DEFAULT m\nTIMEOUT 10\nLABEL m\nKERNEL menu.c32\nAPPEND other.cfg\nLABEL a\nKERNEL k\n",
        "m: other menu.c32 other.cfg\na: linux k\nasks\n", NULL, NULL},
    {"a default with more words, or with a kernel of its own",
        "DEFAULT a ks=u\nLABEL a\nKERNEL k\nAPPEND x\n",
        "a: linux k x\na: linux k x ks=u *\nat once\n", NULL, NULL},
    {"a kernel as the default", "APPEND g\nDEFAULT vmlinuz initrd=i.img ks=u\n",
        "vmlinuz: linux vmlinuz [i.img] ks=u *\nat once\n", NULL, NULL},
    {"a default that is a typing error", "DEFAULT linus\nLABEL linux\nKERNEL k\n",
        "linux: linux k\nat once\n", "label-missing@1", NULL},
    {"APPEND of a label replaces the global one; '-' is none",
        "APPEND g=1\nLABEL a\nKERNEL k\nLABEL b\nKERNEL k\nAPPEND l=1\nLABEL c\nKERNEL k\nAPPEND "
        "-\n"
        "LABEL d\nKERNEL k\nAPPEND\n",
        "a: linux k g=1\nb: linux k l=1\nc: linux k\nd: linux k\nasks\n", NULL, NULL},
    {"IPAPPEND, of all and of one",
        "IPAPPEND 2\nLABEL a\nKERNEL k\nLABEL b\nKERNEL k\nSYSAPPEND 0x40001\nLABEL c\nKERNEL k\n"
        "ipappend 0x3\n",
        "a: linux k +bootif@1\nb: linux k\nc: linux k +bootif@9\nasks\n", NULL, NULL},
    {"initrd= anywhere, lists, INITRD, words behind the kernel",
        "LABEL a\nKERNEL k x=1 initrd=a,b y\nAPPEND z\nLABEL b\nLINUX k\nINITRD ::/a,::/b\nAPPEND "
        "q\n",
        "a: linux k [a b] x=1 y z\nb: linux k [::/a ::/b] q\nasks\n", NULL, NULL},
    {"quotes belong to the kernel", "LABEL a\nKERNEL k\nAPPEND a=\"b c\"  d\te\n",
        "a: linux k a=b c d e\nasks\n", NULL, NULL},
    {"modules, images, memory tests, other loaders",
        "LABEL a\nCOM32 linux.c32\nAPPEND vmlinuz initrd=i ks=u\nLABEL b\nKERNEL mboot.c32\n"
        "APPEND xen.gz dom0_mem=1G --- vmlinuz ks=u --- initrd.img\nLABEL c\nKERNEL memdisk\n"
        "INITRD f.iso\nAPPEND iso\nLABEL d\nKERNEL boot/memtest86+\nLABEL e\nKERNEL ::pxechn.c32\n"
        "LABEL f\nCONFIG other.cfg\nLABEL g\nLOCALBOOT 0x80\nLABEL h\nKERNEL mboot.c32\n"
        "APPEND -c esx/boot.cfg\nLABEL i\nPXE grub.0\n",
        "a: linux vmlinuz [i] ks=u\nb: linux vmlinuz [initrd.img] ks=u\nc: other memdisk [f.iso] "
        "iso\n"
        "d: other boot/memtest86+\ne: other ::pxechn.c32\nf: other other.cfg\ng: local\n"
        "h: other mboot.c32 -c esx/boot.cfg\ni: other grub.0\nasks\n",
        NULL, NULL},
    {"carriage returns, tabs, case, comments, help texts",
        "\tDeFaUlT a\r\n# LABEL no\r\nLaBeL a\r\n\tKERNEL\tk\r\n\tTEXT HELP\r\nLABEL no\r\n "
        "ENDTEXT\r\n"
        "\tAPPEND  x \t y  \r\nF1 help.txt\r\nSAY hello\r\nSERIAL 0 115200\r\n",
        "a: linux k x y *\nat once\n", NULL, NULL},
    {"submenus, separators, hidden and disabled labels",
        "UI menu.c32\nTIMEOUT 10\nMENU BEGIN sub\nMENU TITLE s\nLABEL s1\nKERNEL k\nAPPEND x\n"
        "LABEL back\nMENU EXIT\nMENU END\nMENU SEPARATOR\nAPPEND g\nLABEL h\nMENU HIDE\nKERNEL k\n"
        "LABEL off\nMENU DISABLE\nKERNEL k\nLABEL b\nMENU LABEL ^Big\nKERNEL k\n",
        "s1: linux k x\nback: other back\nh: linux k g\nb: linux k g\nafter 10 asks\n", NULL,
        NULL},
    {"a text without an end", "LABEL a\nKERNEL k\nTEXT HELP\nLABEL b\nKERNEL k\n",
        "a: linux k\nasks\n", "text-unended@3", NULL},
    {"included files",
        "INCLUDE defaults\nUI menu.c32\nMENU INCLUDE more.cfg\nMENU INCLUDE more.cfg sub\n"
        "include gone.cfg\n",
        "more: linux k [i] a=1 *timeout\nmore: linux k [i] a=1\nafter 50 asks\n",
        "include-missing@5", pxelinux_files},
    {"a file that includes itself", "INCLUDE loop.cfg\n", "x: linux x\nasks\n", "include-loop@1",
        pxelinux_files},
    {"what is no command", "LABEL a\nKERNEL k\nAPEND x\nKERNEL=z\n{% if x %}\n",
        "a: linux k\nasks\n", "not-understood@3 not-understood@4", NULL},
    {"nothing", "", "asks\n", NULL, NULL},
};

static void pxelinux_examples(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof pxelinux / sizeof *pxelinux; k++)
        check_example(kl_pxelinux_parse, &pxelinux[k]);
}

/* --- round trip --------------------------------------------------------------------------------*/

typedef bool render(const struct kl_boot *b, struct kl_buf *out, struct kl_diags *d);

static const struct {
    const char *name;
    render *render;
    reader *read;
} loaders[] = {{"pxelinux", kl_pxelinux_render, kl_pxelinux_parse}};

static void same_line(const struct kl_entry *e, const struct kl_boot *b, const char *line)
{
    struct kl_buf got KL_BUF_SCOPE = {0};
    for (size_t k = 0; k < e->line.n; k++)
        kl_buf_addf(&got, "%s%s", k ? " " : "", e->line.args[k].text);
    assert_string_equal(kl_buf_text(&got), line);
    assert_true(e->complete);
    assert_int_equal(e->ninitrds, b->ninitrds);
}

/* What is rendered reads back: the entries, the kernel, the initrds, and the line byte for byte. */
static size_t back_again(struct kl_arena *a, const struct kl_boot *b, size_t loader)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_buf out KL_BUF_SCOPE = {0};
    if (!loaders[loader].render(b, &out, d))
        return 0;
    const struct kl_menu *m = loaders[loader].read(a, out.s, out.len, "out", NULL, d);
    assert_int_equal(kl_diags_count(d, KL_NOTE), 0);
    check_places(m, d);
    size_t found = 0, started = 0;
    for (size_t k = 0; k < m->nentries; k++) {
        const struct kl_entry *e = &m->entries[k];
        bool rescue = strstr(e->name, "escue") != NULL;
        started += e->by_default;
        if (e->kind == KL_ENTRY_LINUX) {
            same_line(e, b, rescue ? b->rescue_cmdline : b->cmdline);
            assert_int_equal(e->by_default, b->armed && !rescue && !e->condition);
            found++;
        } else if (e->kind == KL_ENTRY_LOCAL) {
            assert_int_equal(e->by_default, !b->armed);
        }
    }
    assert_int_equal(found, b->rescue_cmdline ? 2 : 1);
    assert_int_equal(started, 1);
    assert_int_equal(m->timeout_ds, b->timeout * 10);
    return 1;
}

static void rendered_reads_back(void **state)
{
    (void)state;
    static const char *const urls[] = {"http://192.0.2.1/i.img", "http://192.0.2.1/j.img"};
    static const char *const paths[] = {"/k/i.img", "/k/j.img"};
    size_t done[3] = {0};
    for (unsigned seed = 0; seed < 400; seed++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_intent *i = random_intent(a, seed);
        for (size_t k = 0;; k++) {
            const char *name = kl_release_at(a, (seed % 7 + k * 7));
            struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
            struct kl_buf line KL_BUF_SCOPE = {0};
            if (!name)
                break;
            const struct kl_release *r = kl_release_find(a, name, NULL);
            const struct kl_install what = {
                .kickstart = "http://192.0.2.1/ks.cfg?a=1&b=2", .stage2 = "http://192.0.2.1/tree"};
            if (!kl_cmdline_render(i, r, &what, &line, d))
                continue;
            for (size_t l = 0; l < sizeof loaders / sizeof *loaders; l++) {
                const struct kl_boot b = {.host = "h.example.net",
                    .kernel = l == 2 ? "http://192.0.2.1/vmlinuz" : "/k/vmlinuz",
                    .initrds = l == 2 ? urls : paths,
                    .ninitrds = 1 + seed % 2,
                    .cmdline = line.s,
                    .rescue_cmdline = seed % 3 ? "inst.rescue rd.neednet=1" : NULL,
                    .armed = seed % 5 != 0,
                    .timeout = seed % 4 ? 10 : 0};
                done[l] += back_again(a, &b, l);
            }
        }
    }
    for (size_t l = 0; l < sizeof loaders / sizeof *loaders; l++)
        assert_true(done[l] > 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pxelinux_examples),
        cmocka_unit_test(rendered_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
