/* image/tree_sums: .treeinfo's checksums made true; the checksum implanted in an ISO, with
 * isomd5sum itself (implantisomd5, checkisomd5) and xorriso as oracles. */
#include "image/tree_sums.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* coreutils' sums of "new\n" */
#define SHA256 "7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c"
#define OLD "0000000000000000000000000000000000000000000000000000000000000000"

static void told(char *out, size_t room, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The first word that a command says. */
static void told(char *out, size_t room, const char *fmt, ...)
{
    char command[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    char *line = fgets(out, (int)room, p);
    pclose(p);
    assert_non_null(line);
    out[strcspn(out, " \n")] = '\0';
}

static struct kl_rope *rope_of(const char *text)
{
    struct kl_rope *r = kl_rope_new();
    kl_rope_add_bytes(r, text, strlen(text));
    return r;
}

/* "@" in a text stands for the checksum, "~" for what was there before. */
static char *filled(struct kl_arena *a, const char *text, const char *hex)
{
    char *out = kl_alloc(a, strlen(text) * 130 + 1), *to = out;
    for (; *text; text++)
        if (*text == '@')
            to = stpcpy(to, hex);
        else
            *to++ = *text;
    *to = '\0';
    return out;
}

static char *with(struct kl_arena *a, const char *text, size_t *len, struct kl_diags *d)
{
    struct kl_rope *image KL_ROPE_SCOPE = rope_of("new\n");
    struct kl_rope *initrd KL_ROPE_SCOPE = rope_of("new\n");
    const struct kl_sum sums[] = {
        {"images/install.img", image}, {"images/pxeboot/initrd.img", initrd}};
    return kl_treeinfo_with(a, ".treeinfo", text, strlen(text), sums, 2, len, d);
}

static void every_other_byte_stays(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[checksums]\nimages/install.img = sha256:@\n",
        "[checksums]\nimages/install.img=sha256:@\n",
        "[checksums]\r\nimages/install.img = sha256:@\r\nx = sha256:11\r\n",
        "[checksums]\nimages/install.img = SHA256:@ \t\n",
        "[checksums]\nimages/install.img\t=\tsha256:@", /* no end of line */
        /* comments, order, both images, a path named twice */
        "; [checksums]\n# images/install.img = sha256:1\n[general]\nfamily = X\n; WARNING.0 = no\n"
        "\n[checksums]\nimages/pxeboot/vmlinuz = sha256:22\nimages/pxeboot/initrd.img = sha256:@\n"
        "images/install.img = sha256:@\n# images/install.img = sha256:33\nimages/install.img = "
        "sha256:@\n\n[images-x86_64]\ninitrd = images/pxeboot/initrd.img\n",
        "[checksums]\n./images/install.img = sha256:@\n/images/install.img = sha256:@\n",
        /* none in another section, nor without one */
        "[stage2]\nimages/install.img = sha256:1\n",
        "images/install.img = sha256:1\n",
        "[checksums]\nimages/install.img.old = sha256:1\nnonsense\n=\n[\n[]\n",
        "[checksums]\n[other]\nimages/install.img = sha256:1\n",
        "",
        "\n\n",
    };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        const char *want = filled(a, texts[k], SHA256);
        const char *before[] = {filled(a, texts[k], OLD), filled(a, texts[k], "5"), want};
        for (size_t i = 0; i < 3; i++) {
            size_t len;
            char *got = with(a, before[i], &len, d);
            assert_non_null(got);
            assert_string_equal(got, want);
            assert_int_equal(len, strlen(want));
        }
        assert_int_equal(kl_diags_count(d, KL_NOTE), 0);
    }
}

static void other_kinds(void **state)
{
    (void)state;
    static const char *const kinds[] = {"md5", "sha1", "sha224", "sha256", "sha384", "sha512"};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        char hex[200];
        size_t len;
        told(hex, sizeof hex, "printf 'new\\n' | %ssum", kinds[k]);
        char *text = kl_sprintf(a, "[checksums]\nimages/install.img = %s:@\n", kinds[k]);
        char *got = with(a, filled(a, text, "12"), &len, d);
        assert_non_null(got);
        assert_string_equal(got, filled(a, text, hex));
    }
}

static void what_would_be_left_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line, col;
    } cases[] = {
        {"[checksums]\nimages/install.img = crc32:1\n", 2, 22},
        {"[checksums]\nimages/install.img = 12345\n", 2, 22},
        {"[checksums]\n\nimages/install.img =\n", 3, 0},
        {"[checksums]\nimages/install.img = :12\n", 2, 22},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        size_t len = 1;
        assert_null(with(a, cases[k].text, &len, d));
        assert_int_equal(kl_diags_count(d, KL_ERROR), 1);
        const struct kl_diag *one = kl_diags_at(d, 0);
        assert_string_equal(one->code, "treeinfo-checksum");
        assert_int_equal(one->at.line, cases[k].line);
        if (cases[k].col)
            assert_int_equal(one->at.col, cases[k].col);
    }
}

/* --- ISOs --------------------------------------------------------------------------------------*/

static bool run(const char *dir, const char *command)
{
    char line[1024];
    snprintf(line, sizeof line, "cd %s && ( %s ) >/dev/null 2>&1", dir, command);
    int status = system(line);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static struct kl_iso read_iso(const char *dir, const char *name, bool verify)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    struct kl_rope *r KL_ROPE_SCOPE = kl_rope_of_fd(open(path, O_RDONLY | O_CLOEXEC));
    struct kl_iso iso;
    assert_non_null(r);
    kl_iso_read(r, verify, &iso);
    return iso;
}

static void implanted(void **state)
{
    (void)state;
    char dir[] = "/tmp/kl-iso-XXXXXX", md5[256];
    assert_non_null(mkdtemp(dir));
    assert_true(run(dir, "mkdir t && head -c 3000000 /dev/urandom > t/a && "
                         "xorriso -as mkisofs -V 'KICK LINE' -o none.iso t"));
    assert_int_equal(read_iso(dir, "none.iso", true).state, KL_ISOMD5_NONE);
    assert_string_equal(read_iso(dir, "none.iso", true).volume, "KICK LINE");
    assert_true(run(dir, "cp none.iso good.iso && implantisomd5 good.iso && checkisomd5 good.iso"));
    struct kl_iso good = read_iso(dir, "good.iso", true);
    assert_int_equal(good.state, KL_ISOMD5_GOOD);
    assert_int_equal(read_iso(dir, "good.iso", false).state, KL_ISOMD5_UNREAD);
    told(md5, sizeof md5, "checkisomd5 --md5sumonly %s/good.iso | sed -n 's/.*iso: *//p'", dir);
    assert_string_equal(good.md5, md5);
    assert_int_equal(good.skip, 15);
    /* a changed byte; one that is not counted (the last sector); a cut */
    assert_true(run(dir, "cp good.iso bad.iso && printf x | dd of=bad.iso bs=1 seek=2000000 "
                         "conv=notrunc && ! checkisomd5 bad.iso"));
    assert_int_equal(read_iso(dir, "bad.iso", true).state, KL_ISOMD5_BAD);
    assert_true(run(dir, "cp good.iso end.iso && printf x | dd of=end.iso bs=1 conv=notrunc "
                         "seek=$(($(stat -c %s end.iso) - 100)) && checkisomd5 end.iso"));
    assert_int_equal(read_iso(dir, "end.iso", true).state, KL_ISOMD5_GOOD);
    assert_true(run(dir, "head -c 2500000 good.iso > cut.iso"));
    assert_int_equal(read_iso(dir, "cut.iso", true).state, KL_ISOMD5_BAD);
    assert_int_equal(read_iso(dir, "t/a", true).state, KL_ISOMD5_NOT_ISO);
    assert_true(run(dir, "head -c 33000 good.iso > head.iso"));
    assert_int_equal(read_iso(dir, "head.iso", true).state, KL_ISOMD5_NOT_ISO);
    /* words that are none */
    assert_true(run(dir, "cp good.iso odd.iso && printf 'SKIPSECTORS = -5;' | dd of=odd.iso bs=1 "
                         "conv=notrunc seek=$((16 * 2048 + 883 + 46))"));
    assert_int_equal(read_iso(dir, "odd.iso", true).state, KL_ISOMD5_NONE);
    char remove[64];
    snprintf(remove, sizeof remove, "rm -r %s", dir);
    assert_true(run("/", remove));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_other_byte_stays),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(what_would_be_left_wrong),
        cmocka_unit_test(implanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
