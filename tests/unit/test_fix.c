/* check/fix.c, patch.c, write.c: mends as a patch that patch(1) and git take, and written. */
#include "check/check.h"

#include "base/text.h"
#include "check/fix.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static void fixes_drop(struct kl_fixes **f)
{
    kl_fixes_free(*f);
}
#define FIXES_SCOPE __attribute__((cleanup(fixes_drop)))

static struct kl_diag *finding(struct kl_diags *d)
{
    return kl_diag(d, KL_WARNING, "c", (struct kl_place){0}, NULL, "m");
}

/* --- which edits count -------------------------------------------------------------------------*/

struct edit {
    int finding; /* edits of one number are of one finding */
    unsigned line, col, width;
    const char *text;
};

static void edits(void **state)
{
    (void)state;
    static const struct {
        const char *text, *after; /* after NULL: nothing is mended */
        size_t count, skipped;
        struct edit e[4];
    } cases[] = {
        {"a bc d\n", "a X d\n", 1, 0, {{1, 1, 3, 2, "X"}}},
        /* the same twice is one mend */
        {"a bc d\n", "a X d\n", 1, 0, {{1, 1, 3, 2, "X"}, {2, 1, 3, 2, "X"}}},
        /* one over another: the first counts */
        {"a bc d\n", "a X d\n", 1, 1, {{1, 1, 3, 2, "X"}, {2, 1, 4, 2, "Y"}}},
        {"a bc d\n", "a X d\n", 1, 1, {{1, 1, 3, 2, "X"}, {2, 1, 2, 2, "Y"}}},
        {"a bc d\n", "a X d\n", 1, 1, {{1, 1, 3, 2, "X"}, {2, 1, 3, 2, "Y"}}},
        {"a bc d\n", "a X d\n", 1, 1, {{1, 1, 3, 2, "X"}, {2, 1, 4, 0, "Y"}}},
        {"a bc d\n", "a bYc d\n", 1, 1, {{1, 1, 4, 0, "Y"}, {2, 1, 3, 2, "X"}}},
        /* all of a finding, or none: its first edit goes with the second */
        {"a bc d\n", "a X d\n", 1, 1, {{1, 1, 3, 2, "X"}, {2, 1, 1, 1, "A"}, {2, 1, 3, 1, "Y"}}},
        {"a bc d\n", NULL, 0, 1, {{1, 1, 3, 2, "X"}, {1, 1, 4, 1, "Y"}}},
        /* side by side is not over */
        {"abc\n", "XYZ\n", 2, 0, {{1, 1, 2, 1, "Y"}, {2, 1, 1, 1, "X"}, {2, 1, 3, 1, "Z"}}},
        {"abc\n", "[b]c\n", 1, 0, {{1, 1, 1, 1, ""}, {1, 1, 2, 0, "["}, {1, 1, 3, 0, "]"}}},
        /* put in at one place: words and lines of their own do, others do not */
        {"a\nb", "a --x --y\nb", 2, 0, {{1, 1, 2, 0, " --x"}, {2, 1, 2, 0, " --y"}}},
        {"a\nb", "x\ny\na\nb", 2, 0, {{1, 1, 1, 0, "x\n"}, {2, 1, 1, 0, "y\n"}}},
        {"a\nb", "inst.a\nb", 1, 1, {{1, 1, 1, 0, "inst."}, {2, 1, 1, 0, "rd."}}},
        {"a\nb", "<[a\nb", 1, 0, {{1, 1, 1, 0, "<"}, {1, 1, 1, 0, "["}}},
        /* whole lines go; a line is put in at either end of the text */
        {"a\nb\nc\n", "a\nc\n", 1, 0, {{1, 2, 1, 2, ""}}},
        {"a\nb\n", "a\nb\nc\n", 1, 0, {{1, 3, 1, 0, "c\n"}}},
        {"a\nb", "a\nb\nc", 1, 0, {{1, 2, 2, 0, "\nc"}}},
        {"", "c\n", 1, 0, {{1, 1, 1, 0, "c\n"}}},
        {"a\n", "", 1, 0, {{1, 1, 1, 2, ""}}},
        /* CRLF is kept */
        {"a\r\nb\r\n", "a x\r\nn\r\nb\r\n", 1, 0, {{1, 1, 2, 0, " x\nn"}}},
        {"a\r\nb", "a\r\nb\r\nn", 1, 0, {{1, 2, 2, 0, "\nn"}}},
        {"a\nb\r\n", "a\nx\nb\r\n", 1, 0, {{1, 1, 2, 0, "\nx"}}},
        /* places that are not there */
        {"a\nb\n", NULL, 0, 1, {{1, 4, 1, 0, "x"}}},
        {"a\nb\n", NULL, 0, 1, {{1, 1, 3, 0, "x"}}},
        {"a\nb\n", NULL, 0, 1, {{1, 1, 1, 5, "x"}}},
        {"a\nb\n", NULL, 0, 1, {{1, 1, 1, 1, "x"}, {1, 0, 0, 0, "x"}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_fixes *f FIXES_SCOPE = kl_fixes_new();
        struct kl_buf b KL_BUF_SCOPE = {0};
        const char *name = kl_diags_source(d, "f", cases[i].text, strlen(cases[i].text));
        struct kl_diag *one = NULL;
        int last = 0;
        for (size_t k = 0; k < 4 && cases[i].e[k].finding; k++) {
            const struct edit *e = &cases[i].e[k];
            one = e->finding == last ? one : finding(d);
            last = e->finding;
            kl_diag_edit(d, one, (struct kl_place){name, e->line, e->col, e->width}, e->text);
        }
        kl_fixes_add(f, d);
        kl_fix_text(f, "f", &b);
        if (strcmp(kl_buf_text(&b), cases[i].after ? cases[i].after : "") != 0)
            fail_msg("case %zu: '%s' became '%s'", i, cases[i].text, kl_buf_text(&b));
        if (kl_fixes_count(f) != cases[i].count || kl_fixes_skipped(f) != cases[i].skipped)
            fail_msg("case %zu: %zu mends, %zu skipped", i, kl_fixes_count(f), kl_fixes_skipped(f));
    }
}

/* Texts that are no files are not written; and a file that reads otherwise the second time is not
 * mended by two minds. */
static void other_texts(void **state)
{
    (void)state;
    struct kl_fixes *f FIXES_SCOPE = kl_fixes_new();
    static const char *const texts[] = {"one\n", "one\n", "two\n"};
    for (size_t i = 0; i < 3; i++) {
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        const char *name = kl_diags_source(d, "f", texts[i], 4);
        const char *line = kl_diags_source(d, "<cmdline>", texts[i], 4);
        kl_diag_edit(d, finding(d), (struct kl_place){line, 1, 1, 1}, "x");
        kl_diag_edit(d, finding(d), (struct kl_place){"unknown", 1, 1, 1}, "x");
        kl_diag_edit(d, finding(d), (struct kl_place){name, 1, (unsigned)i + 1, 1}, "x");
        kl_fixes_add(f, d);
    }
    assert_int_equal(kl_fixes_count(f), 2);
    assert_int_equal(kl_fixes_skipped(f), 7);
    assert_int_equal(kl_fixes_homeless(f), 3);
    struct kl_buf b KL_BUF_SCOPE = {0};
    assert_true(kl_fix_text(f, "f", &b));
    assert_string_equal(b.s, "xxe\n");
}

/* --- the patch ---------------------------------------------------------------------------------*/

static char *patch_of(struct kl_fixes *f)
{
    char *out = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&out, &len);
    kl_fixes_patch(f, file);
    fclose(file);
    return out;
}

static void patch_as_text(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fixes *f FIXES_SCOPE = kl_fixes_new();
    static const char text[] = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15";
    const char *name = kl_diags_source(d, "/srv/a b", text, sizeof text - 1);
    kl_diag_edit(d, finding(d), (struct kl_place){name, 4, 1, 1}, "four\nand more");
    kl_diag_edit(d, finding(d), (struct kl_place){name, 13, 1, 3}, "");
    kl_diag_edit(d, finding(d), (struct kl_place){name, 15, 3, 0}, "th");
    kl_fixes_add(f, d);
    char *out = patch_of(f);
    assert_string_equal(out, "--- a/srv/a b\t\n"
                             "+++ b/srv/a b\t\n"
                             "@@ -1,7 +1,8 @@\n"
                             " 1\n 2\n 3\n-4\n+four\n+and more\n 5\n 6\n 7\n"
                             "@@ -10,6 +11,5 @@\n"
                             " 10\n 11\n 12\n-13\n 14\n-15\n\\ No newline at end of file\n"
                             "+15th\n\\ No newline at end of file\n");
    free(out);
}

/* --- a directory to work in --------------------------------------------------------------------*/

static char top[] = "/tmp/kickline-fix-XXXXXX";

static int enter(void **state)
{
    (void)state;
    memcpy(top + sizeof top - 7, "XXXXXX", 6);
    return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    struct kl_buf b KL_BUF_SCOPE = {0};
    kl_buf_addf(&b, "rm -rf -- %s", top);
    return chdir("/") == 0 && system(b.s) == 0 ? 0 : -1;
}

static void put(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void assert_file(const char *path, const char *want, size_t len)
{
    size_t got;
    char *is = kl_read_file(path, 1 << 24, &got);
    if (!is) {
        fail_msg("%s: %s", path, strerror(errno));
        return;
    }
    if (got != len || memcmp(is, want, len) != 0)
        fail_msg("%s is\n%.*s\nnot\n%.*s", path, (int)got, is, (int)len, want);
    free(is);
}

static unsigned below(unsigned *seed, unsigned n)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 8) % n;
}

/* Lines of few kinds, so that many are alike and a patch in the wrong place would fit. */
static void random_text(unsigned *seed, struct kl_buf *b)
{
    static const char *const lines[] = {"", "a", "a b", "network --device=bond0", "\t"};
    const char *end = below(seed, 4) ? "\n" : "\r\n";
    for (unsigned n = below(seed, 40); n > 0; n--)
        kl_buf_addf(b, "%s%s", lines[below(seed, 5)], n > 1 || below(seed, 3) ? end : "");
}

static void random_edits(unsigned *seed, struct kl_diags *d, const char *name, size_t len)
{
    static const char *const texts[] = {"", "x", " x", "\n", "x\n", "\ny", "a\nb\nc\n"};
    unsigned lines = 1;
    size_t all;
    const char *text = kl_diags_text(d, name, &all);
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    for (unsigned n = 1 + below(seed, 6); n > 0; n--) {
        size_t width = 0;
        unsigned line = 1 + below(seed, lines);
        assert_non_null(kl_diags_line(d, name, line, &width));
        unsigned col = 1 + below(seed, (unsigned)width + 1);
        kl_diag_edit(d, finding(d),
            (struct kl_place){name, line, col, below(seed, 2) ? below(seed, 12) : 0},
            texts[below(seed, 7)]);
    }
}

static void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
}

enum { FILES = 400 };

/* What patch(1) and git-apply(1) make of the patch is what is written. */
static void patch_git_and_write_agree(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fixes *f FIXES_SCOPE = kl_fixes_new();
    bool git = system("command -v git >/dev/null") == 0;
    unsigned seed = 42, mended = 0;
    run("mkdir -p 'w/su b' 'p/su b' 'g/su b'");
    for (int i = 0; i < FILES; i++) {
        struct kl_buf b KL_BUF_SCOPE = {0}, name KL_BUF_SCOPE = {0}, path KL_BUF_SCOPE = {0};
        kl_buf_addf(&name, i % 3 ? "f%d" : i % 2 ? "su b/%d" : "\"q\\%d\xc3\xbc\x01", i);
        random_text(&seed, &b);
        for (const char *dir = "wpg"; *dir; dir++) {
            kl_buf_clear(&path);
            kl_buf_addf(&path, "%c/%s", *dir, name.s);
            put(path.s, kl_buf_text(&b), b.len);
        }
        const char *known = kl_diags_source(d, name.s, kl_buf_text(&b), b.len);
        random_edits(&seed, d, known, b.len);
    }
    kl_fixes_add(f, d);
    char *text = patch_of(f);
    put("patch", text, strlen(text));
    free(text);
    /* No option for an empty result: neither takes a file away that became empty. */
    run("cd p && patch -p1 -s -t <../patch");
    if (git)
        run("cd g && GIT_CEILING_DIRECTORIES=/ git apply --whitespace=nowarn ../patch");
    assert_int_equal(chdir("w"), 0);
    struct kl_diags *wrong KL_DIAGS_SCOPE = kl_diags_new();
    size_t written = kl_fixes_write(f, wrong);
    assert_int_equal(kl_diags_count(wrong, KL_NOTE), 0);
    assert_int_equal(chdir(".."), 0);
    run(git ? "diff -r w p && diff -r w g" : "diff -r w p");
    assert_int_equal(chdir("w"), 0);
    for (int i = 0; i < FILES; i++) {
        struct kl_buf name KL_BUF_SCOPE = {0}, b KL_BUF_SCOPE = {0};
        kl_buf_addf(&name, i % 3 ? "f%d" : i % 2 ? "su b/%d" : "\"q\\%d\xc3\xbc\x01", i);
        if (!kl_fix_text(f, name.s, &b))
            continue;
        assert_file(name.s, kl_buf_text(&b), b.len);
        mended++;
    }
    assert_true(mended > FILES / 2 && written > FILES / 2);
}

/* --- writing -----------------------------------------------------------------------------------*/

/* A mend of the first byte of `path`, which holds "abc\n": how many were written, and what was
 * said. `between` is run after reading. */
static size_t mend(const char *path, const char *between, struct kl_diags *wrong)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fixes *f FIXES_SCOPE = kl_fixes_new();
    const char *name = kl_diags_source(d, path, "abc\n", 4);
    kl_diag_edit(d, finding(d), (struct kl_place){name, 1, 1, 1}, "X");
    kl_fixes_add(f, d);
    if (between)
        run(between);
    return kl_fixes_write(f, wrong);
}

static void mode_and_owner_are_kept(void **state)
{
    (void)state;
    struct stat st;
    put("f", "abc\n", 4);
    assert_int_equal(chmod("f", 0640), 0);
    bool root = geteuid() == 0;
    if (root)
        assert_int_equal(chown("f", 12, 34), 0);
    assert_int_equal(mend("f", NULL, NULL), 1);
    assert_file("f", "Xbc\n", 4);
    assert_int_equal(stat("f", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    if (root)
        assert_true(st.st_uid == 12 && st.st_gid == 34);
}

static void links_stay_links(void **state)
{
    (void)state;
    struct stat st;
    run("mkdir d && printf 'abc\\n' >d/f && ln -s d/f l");
    assert_int_equal(mend("l", NULL, NULL), 1);
    assert_int_equal(lstat("l", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_file("d/f", "Xbc\n", 4);
    run("test \"$(ls -A d)\" = f"); /* no temporary file is left */
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *before, *between, *says;
        bool only_user; /* root may do it */
    } cases[] = {
        {"printf 'abc\\n' >f", "printf 'abd\\n' >f", "changed while", false},
        {"printf 'abc\\n' >f", "printf 'abc\\nd' >f", "changed while", false},
        {"printf 'abc\\n' >f", ": >f", "changed while", false},
        {"printf 'abc\\n' >f", "rm f", "No such file", false},
        {"mkfifo f", NULL, "no regular file", false},
        {"mkdir f", NULL, "no regular file", false},
        {"ln -s f f", NULL, "symbolic links", false},
        {"printf 'abc\\n' >f; chmod 444 f", NULL, "Permission denied", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].only_user && geteuid() == 0)
            continue;
        struct kl_diags *wrong KL_DIAGS_SCOPE = kl_diags_new();
        run("rm -rf f");
        run(cases[i].before);
        assert_int_equal(mend("f", cases[i].between, wrong), 0);
        assert_int_equal(kl_diags_count(wrong, KL_ERROR), 1);
        if (!strstr(kl_diags_at(wrong, 0)->message, cases[i].says))
            fail_msg("case %zu: %s", i, kl_diags_at(wrong, 0)->message);
        assert_string_equal(kl_diags_at(wrong, 0)->code, "cannot-write");
        run("rm -rf f; test -z \"$(ls -A)\"");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits),
        cmocka_unit_test(other_texts),
        cmocka_unit_test(patch_as_text),
        cmocka_unit_test_setup_teardown(patch_git_and_write_agree, enter, leave),
        cmocka_unit_test_setup_teardown(mode_and_owner_are_kept, enter, leave),
        cmocka_unit_test_setup_teardown(links_stay_links, enter, leave),
        cmocka_unit_test_setup_teardown(refused, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
