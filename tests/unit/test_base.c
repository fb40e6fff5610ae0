/* base/: addresses, text, diagnostics. */
#include "base/diag.h"
#include "base/inet.h"
#include "base/text.h"
#include "base/utf8.h"

#include <jansson.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void urls(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        int port;
        const char *path; /* NULL: refused */
    } cases[] = {
        {"http://[2001:db8::1]/ks.cfg", "2001:db8::1", 0, "/ks.cfg"},
        {"http://[2001:db8::1]:8080/ks.cfg", "2001:db8::1", 8080, "/ks.cfg"},
        {"https://boot.example.net", "boot.example.net", 0, ""},
        {"nfs:server:/export/el7", "server", 0, "/export/el7"},
        {"nfs:nfsvers=4:server:/export", "server", 0, "/export"},
        {"nfs:[fd00::1]:/export", "fd00::1", 0, "/export"},
        {"http://2001:db8::1/ks.cfg", NULL, 0, NULL},
        {"http://[2001:db8::1/ks.cfg", NULL, 0, NULL},
        {"http://[example.net]/", NULL, 0, NULL},
        {"http://host:0/", NULL, 0, NULL},
        {"http://host:65536/", NULL, 0, NULL},
        {"http://host:/", NULL, 0, NULL},
        {"gopher://host/", NULL, 0, NULL},
        {"http:///x", NULL, 0, NULL},
        {"nfs:server", NULL, 0, NULL},
        {"/srv/trees", NULL, 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kl_url u;
        const char *why;
        bool ok = kl_url_parse(cases[i].text, &u, &why);
        assert_int_equal(ok, cases[i].path != NULL);
        if (ok) {
            assert_string_equal(u.host, cases[i].host);
            assert_int_equal(u.port, cases[i].port);
            assert_string_equal(u.path, cases[i].path);
        }
    }
}

static void addresses(void **state)
{
    (void)state;
    struct kl_prefix p;
    struct kl_addr a, b;
    struct kl_mac m, back;
    char text[KL_PREFIX_TEXT];
    assert_true(kl_prefix_parse("2001:DB8:0::31:0/61", &p));
    assert_string_equal(kl_prefix_text(&p, text), "2001:db8::31:0/61");
    assert_true(kl_addr_parse("2001:db8:0:7::1", &a));
    assert_true(kl_prefix_has(&p, &a));
    assert_true(kl_addr_parse("2001:db8:0:8::1", &a));
    assert_false(kl_prefix_has(&p, &a));
    assert_false(kl_prefix_parse("192.0.2.1/33", &p));
    assert_false(kl_prefix_parse("192.0.2.1", &p));
    assert_false(kl_addr_parse("fe80::1%eth0", &a));
    assert_true(kl_mac_parse("52-54-00-AB-cd-ef", &m));
    a = kl_eui64_link_local(&m);
    assert_true(kl_addr_parse("fe80::5054:ff:feab:cdef", &b));
    assert_true(kl_addr_eq(&a, &b));
    assert_true(kl_eui64_mac(&b, &back));
    assert_true(kl_mac_eq(&m, &back));
    assert_false(kl_mac_parse("52:54:00:ab:cd", &m));
    assert_false(kl_mac_parse("52:54:00:ab:cd:eg", &m));
    uint8_t len;
    assert_string_equal(kl_netmask_text(22, text), "255.255.252.0");
    assert_true(kl_netmask_parse("255.255.252.0", &len));
    assert_int_equal(len, 22);
    assert_false(kl_netmask_parse("255.0.255.0", &len));
}

static void diagnostics(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const char text[] = "a: 1\nmode: balance-tbl\n";
    const char *file = kl_diags_source(d, "k.yaml", text, sizeof text - 1);
    kl_diag(d, KL_ERROR, "bond-mode", (struct kl_place){file, 2, 7, 11},
        "did you mean 'balance-tlb'?", "no bond mode is called '%s'", "balance-tbl");
    kl_diag(d, KL_WARNING, "first", (struct kl_place){file, 1, 1, 1}, NULL, "one");
    kl_diags_sort(d);
    assert_string_equal(kl_diags_at(d, 0)->code, "first");
    char *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    kl_diags_print(d, f, false, 0);
    fclose(f);
    assert_string_equal(out,
        "k.yaml:1:1: warning: one  [first]\n"
        "     1 | a: 1\n"
        "       | ^\n"
        "k.yaml:2:7: error: no bond mode is called 'balance-tbl'  [bond-mode]\n"
        "     2 | mode: balance-tbl\n"
        "       |       ^~~~~~~~~~~ did you mean 'balance-tlb'?\n");
    free(out);
    assert_int_equal(kl_diags_count(d, KL_ERROR), 1);
}

/* What is printed of one diagnostic; release with free(). */
static char *printed(const struct kl_diags *d, const struct kl_diag *one, bool colour)
{
    char *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    kl_diag_print(d, one, f, colour);
    fclose(f);
    return out;
}

/* Two places, effects, and what to do: one under the other, aligned, within 100 columns. */
static void layout(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    static const char menu[] = "LABEL el7\n\tAPPEND initrd=i bond=bond0:p1p1,p1p2:mode=mode=6\n";
    static const char ks[] = "network --device=bond0 --bondopts mode=6\r\n";
    const char *m = kl_diags_source(d, "default", menu, sizeof menu - 1);
    const char *k = kl_diags_source(d, "host.ks", ks, sizeof ks - 1);
    struct kl_diag *one = kl_diag(d, KL_ERROR, "bond-mode-differs", (struct kl_place){m, 2, 39, 11},
        "write mode=balance-alb in both", "the modes differ");
    kl_diag_also(d, one, (struct kl_place){k, 1, 35, 6}, "the kickstart says it here");
    kl_diag_effect(d, one,
        "initrd: bond0 is balance-rr, because the driver has no mode 'mode=6' and dracut does not "
        "look");
    kl_diag_effect(d, one, "installer: bond0 is balance-alb");
    char *out = printed(d, one, false);
    assert_string_equal(out, "default:2:39: error: the modes differ  [bond-mode-differs]\n"
                             "     2 |     APPEND initrd=i bond=bond0:p1p1,p1p2:mode=mode=6\n"
                             "       |                                          ^~~~~~~~~~~\n"
                             "  host.ks:1:35: the kickstart says it here\n"
                             "     1 | network --device=bond0 --bondopts mode=6\n"
                             "       |                                   ^~~~~~\n"
                             "       = initrd: bond0 is balance-rr, because the driver has no mode "
                             "'mode=6' and dracut does not\n"
                             "         look\n"
                             "       = installer: bond0 is balance-alb\n"
                             "       = mend: write mode=balance-alb in both\n");
    free(out);
}

/* The widest line of a text, in columns. */
static size_t widest(const char *text)
{
    size_t most = 0;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        char *line = strndup(p, n);
        size_t cols = kl_show_width(line);
        free(line);
        most = cols > most ? cols : most;
        p += n + (p[n] == '\n');
    }
    return most;
}

/* Wherever in a long line the place is: the caret stands under it, the page is not left, and both
 * cut ends are marked. */
static void long_lines(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (int i = 0; i < 200; i++)
        kl_buf_addf(&b, "w%d=%0*d ", i, 1 + i % 37, i);
    const char *file = kl_diags_source(d, "f", b.s, b.len);
    for (unsigned col = 1; col <= b.len; col += 7) {
        struct kl_diag *one = kl_diag(d, KL_ERROR, "c", (struct kl_place){file, 1, col, 3},
            "a hint of some length, for which there is not always room beside the caret", "m");
        char *out = printed(d, one, false);
        assert_true(widest(out) <= 100);
        char *line = strchr(out, '\n') + 1, *marks = strchr(line, '\n') + 1;
        char *caret = strchr(marks, '^');
        assert_non_null(caret);
        size_t left = b.len - (col - 1) < 3 ? b.len - (col - 1) : 3;
        assert_memory_equal(line + (caret - marks), b.s + col - 1, left);
        assert_int_equal(strspn(caret + 1, "~"), left - 1);
        if (col > 100)
            assert_int_equal(strncmp(line + 9, "...", 3), 0);
        if (col + 100 < b.len)
            assert_int_equal(strncmp(marks - 4, "...\n", 4), 0);
        free(out);
    }
}

/* A very long line costs no more than what is shown of it. */
static void one_line_of_a_megabyte(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    size_t len = 1 << 20;
    char *text = malloc(len);
    memset(text, 'x', len);
    const char *file = kl_diags_source(d, "f", text, len);
    for (unsigned i = 0; i < 20000; i++)
        kl_diag(d, KL_ERROR, "c", (struct kl_place){file, 1, 1 + i * 52, 4000000}, NULL, "m");
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);
    kl_diags_print(d, f, false, 0);
    fclose(f);
    assert_true(size < (size_t)20000 * 250);
    free(out);
    free(text);
}

/* Nothing that acts on a terminal reaches it, from wherever it comes. */
static void hostile_text(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x1b[31m", "\r", "\x07", "\x7f", "\xff", "\xc2\x9b",
        "\xe2\x80\xae", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80", "\xe2\x80", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_buf b KL_BUF_SCOPE = {0};
        kl_buf_addf(&b, "a%sb\n", bad[i]);
        const char *file = kl_diags_source(d, b.s, b.s, b.len);
        struct kl_diag *one =
            kl_diag(d, KL_NOTE, bad[i], (struct kl_place){file, 1, 2, 1}, b.s, "m%sm", b.s);
        kl_diag_also(d, one, one->at, "%s", b.s);
        kl_diag_effect(d, one, "%s", b.s);
        char *out = printed(d, one, false);
        assert_null(strstr(out, bad[i]));
        assert_true(strstr(out, "\\x") != NULL);
        free(out);
        json_t *o = kl_diag_json(one);
        char *text = json_dumps(o, 0);
        assert_non_null(text);
        free(text);
        json_decref(o);
    }
}

static void columns(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t cols;
    } cases[] = {{"abc", 3}, {"\xc3\xbc", 1}, {"\xe6\xbc\xa2", 2}, {"e\xcc\x81", 1}, {"\t", 4},
        {"\x01", 4}, {"\xff\xfe", 8}, {"\xf0\x9f\x98\x80", 2}, {"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(kl_show_width(cases[i].text), cases[i].cols);
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    static const char text[] = "\xc3\xbc \xe6\xbc\xa2 \x1b x";
    const char *file = kl_diags_source(d, "f", text, sizeof text - 1);
    struct kl_diag *one = kl_diag(d, KL_NOTE, "c", (struct kl_place){file, 1, 10, 1}, NULL, "m");
    char *out = printed(d, one, false);
    assert_string_equal(out, "f:1:10: note: m  [c]\n"
                             "     1 | \xc3\xbc \xe6\xbc\xa2 \\x1B x\n"
                             "       |           ^\n");
    free(out);
}

/* A place past the end of its line, or of its text, is shown as far as it can be. */
static void places_that_are_not(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const char *file = kl_diags_source(d, "f", "ab\n\nc", 5);
    static const struct {
        struct kl_place at;
        const char *out;
    } cases[] = {
        {{"f", 1, 9, 4}, "f:1:9: note: m  [c]\n     1 | ab\n       |   ^\n       = mend: h\n"},
        {{"f", 2, 1, 1}, "f:2:1: note: m  [c]\n     2 | \n       | ^\n       = mend: h\n"},
        {{"f", 3, 1, 99}, "f:3:1: note: m  [c]\n     3 | c\n       | ^\n       = mend: h\n"},
        {{"f", 4, 1, 1}, "f:4:1: note: m  [c]\n       = mend: h\n"},
        {{"f", 0, 0, 0}, "f: note: m  [c]\n       = mend: h\n"},
        {{"g", 7, 1, 1}, "g:7:1: note: m  [c]\n       = mend: h\n"},
        {{NULL, 0, 0, 0}, "note: m  [c]\n       = mend: h\n"},
    };
    (void)file;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kl_diag *one = kl_diag(d, KL_NOTE, "c", cases[i].at, "h", "m");
        kl_diag_effect(d, one, "e");
        char *out = printed(d, one, false), *e = strstr(out, "       = e\n");
        assert_non_null(e);
        memmove(e, e + 11, strlen(e + 11) + 1);
        assert_string_equal(out, cases[i].out);
        free(out);
    }
}

static void json_of_diagnostics(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_diag *one =
        kl_diag(d, KL_WARNING, "c", (struct kl_place){"f\xff", 3, 4, 5}, "h", "m");
    kl_diag_effect(d, one, "initrd: e");
    kl_diag_edit(d, one, (struct kl_place){"f", 3, 4, 5}, "new");
    kl_diag_edit(d, one, (struct kl_place){"f", 4, 1, 0}, "more");
    json_t *o = kl_diag_json(one);
    char *text = json_dumps(o, JSON_COMPACT);
    assert_string_equal(text,
        "{\"code\":\"c\",\"severity\":\"warning\",\"message\":\"m\",\"hint\":\"h\",\"at\":{"
        "\"file\":"
        "\"f\xef\xbf\xbd\",\"line\":3,\"col\":4,\"end_col\":9,\"width\":5},\"effects\":[\"initrd: "
        "e\"],\"edits\":[{\"file\":\"f\",\"line\":3,\"col\":4,\"width\":5,\"text\":\"new\"},"
        "{\"file\":\"f\",\"line\":4,\"col\":1,\"width\":0,\"text\":\"more\"}]}");
    free(text);
    json_decref(o);
    kl_diag_edit(d, one, (struct kl_place){"f", 5, 1, 0}, "\xff"); /* all edits or none */
    o = kl_diag_json(one);
    assert_null(json_object_get(o, "edits"));
    json_decref(o);
}

static void nearest(void **state)
{
    (void)state;
    const char *const list[] = {"balance-tlb", "balance-alb", "active-backup", NULL};
    assert_string_equal(kl_nearest("balance-tbl", list), "balance-tlb");
    assert_string_equal(kl_nearest("active-backap", list), "active-backup");
    assert_null(kl_nearest("zebra", list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(addresses),
        cmocka_unit_test(diagnostics),
        cmocka_unit_test(layout),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(one_line_of_a_megabyte),
        cmocka_unit_test(hostile_text),
        cmocka_unit_test(columns),
        cmocka_unit_test(places_that_are_not),
        cmocka_unit_test(json_of_diagnostics),
        cmocka_unit_test(nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
