/* serve/content, path, precond, report: what a request gets, without any connection. */
#include "base/diag.h"
#include "serve/content.h"
#include "serve/path.h"
#include "serve/precond.h"
#include "serve/report.h"

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

static void paths(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *normal; /* NULL: refused */
    } cases[] = {
        {"/boot/ipxe.efi", "boot/ipxe.efi"},
        {"boot/ipxe.efi", "boot/ipxe.efi"},
        {"//deb//grubx64.efi", "deb/grubx64.efi"}, /* shim over HTTP and IPv6 TFTP */
        {"\\EFI\\BOOT\\x.efi", "EFI/BOOT/x.efi"},
        {"/a%20b%2Fc", "a b/c"},
        {"/%5cx%5Cy", "x/y"},
        {"/./a/./b/.", "a/b"},
        {"/a/", "a"},
        {"", ""},
        {"///", ""},
        {"/100%", "100%"},
        {"/%zz%4", "%zz%4"},
        {"/a%252e", "a%2e"}, /* decoded once */
        {"/a..b/...", "a..b/..."},
        {"/..", NULL},
        {"/a/../b", NULL},
        {"/a/..", NULL},
        {"..\\b", NULL},
        {"/a/%2e%2e/b", NULL},
        {"/a%5c..%5cb", NULL},
        {"/a%00b", NULL},
        {"/a\nb", NULL},
        {"/a%7fb", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[32];
        const char *why = NULL;
        bool ok = kl_path_normal(cases[i].raw, strlen(cases[i].raw), out, sizeof out, &why);
        assert_int_equal(ok, cases[i].normal != NULL);
        if (ok)
            assert_string_equal(out, cases[i].normal);
        else
            assert_non_null(why);
    }
    char small[4];
    const char *why;
    assert_true(kl_path_normal("/abc", 4, small, sizeof small, &why) == false);
    assert_true(kl_path_normal("/ab", 3, small, sizeof small, &why));
}

/* --- a fleet and its files ---------------------------------------------------------------------*/

static char dir[64];
static struct kl_fleet *fleet;
static const char *armed_host;

static bool armed(void *arg, const char *host)
{
    (void)arg;
    return armed_host && strcmp(host, armed_host) == 0;
}

static void put(const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void make(const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void link_to(const char *target, const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(symlink(target, path), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/kl-content-XXXXXX");
    assert_non_null(mkdtemp(dir));
    make("trees");
    make("trees/c79");
    make("trees/c79/images");
    make("boot");
    put("trees/c79/.treeinfo",
        "[general]\nfamily = CentOS\nversion = 7\narch = x86_64\n[images-x86_64]\n"
        "kernel = images/pxeboot/vmlinuz\ninitrd = images/pxeboot/initrd.img\n");
    put("trees/c79/images/install.img", "image");
    put("secret", "secret");
    link_to("/etc/passwd", "trees/absolute");
    link_to("../secret", "trees/outside");
    link_to("c79/../../secret", "trees/roundabout");
    link_to("c79/images/install.img", "trees/inside");
    put("boot/ipxe.efi", "MZ");
    put("boot/sub", "");
    put("base.ks", "lang en_US\n");
    put("k.yaml", "server: {address: ['2001:db8::20', 192.0.2.1], trees: trees, boot: boot}\n"
                  "profiles:\n"
                  "  el7: {release: centos-7.9, tree: c79, kickstart: base.ks}\n"
                  "hosts:\n"
                  "  web1:\n"
                  "    profile: el7\n"
                  "    nics: {eth0: '52:54:00:00:00:01'}\n"
                  "    network: {eth0: {addresses: ['2001:db8::1/64'], gateway6: ra}}\n"
                  "  web2:\n"
                  "    profile: el7\n"
                  "    nics: {eth0: '52:54:00:00:00:02'}\n"
                  "    network: {eth0: {addresses: ['192.0.2.2/24']}}\n");
    char path[160];
    snprintf(path, sizeof path, "%s/k.yaml", dir);
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    fleet = kl_fleet_load(path, d);
    if (!fleet)
        kl_diags_print(d, stderr, false, 0);
    assert_non_null(fleet);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kl_fleet_free(fleet);
    char command[128];
    snprintf(command, sizeof command, "rm -r --one-file-system '%s'", dir);
    return system(command); /* NOLINT: a path of our own */
}

static struct kl_answer ask_from(const char *path, const char *from)
{
    struct kl_ask ask = {.fleet = fleet, .armed = armed, .path = path, .path_len = strlen(path)};
    if (from) {
        assert_true(kl_addr_parse(from, &ask.from));
        ask.host = kl_fleet_by_addr(fleet, &ask.from);
    }
    struct kl_answer a;
    kl_content_find(&ask, &a);
    return a;
}

static char text[8192];
static const char *text_of(struct kl_answer *a)
{
    assert_int_equal(a->found, KL_FOUND);
    ssize_t n = kl_rope_read(a->rope, 0, text, sizeof text - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    kl_answer_end(a);
    return text;
}

static void expect(const char *path, enum kl_found found, const char *holds)
{
    struct kl_answer a = ask_from(path, NULL);
    if (a.found != found)
        fail_msg("%s: %d, because %s", path, (int)a.found, a.why);
    if (found == KL_FOUND) {
        if (!strstr(text_of(&a), holds))
            fail_msg("%s: no '%s' in %s", path, holds, text);
    } else if (!strstr(a.why, holds)) {
        fail_msg("%s: no '%s' in %s", path, holds, a.why);
    }
    kl_answer_end(&a);
}

static void files(void **state)
{
    (void)state;
    expect("/trees/c79/images/install.img", KL_FOUND, "image");
    expect("//trees\\c79//images/install.img", KL_FOUND, "image");
    expect("/trees/inside", KL_FOUND, "image");
    expect("/boot/ipxe.efi", KL_FOUND, "MZ");
    expect("ipxe.efi", KL_FOUND, "MZ");
    expect("/trees/c79", KL_NOT_FOUND, "directory");
    expect("/trees", KL_NOT_FOUND, "");
    expect("/trees/nope", KL_NOT_FOUND, "no such file");
    expect("/boot/sub/nope", KL_NOT_FOUND, "no such file");
    expect("/trees/absolute", KL_NOT_FOUND, "link leads out");
    expect("/trees/outside", KL_NOT_FOUND, "link leads out");
    expect("/trees/roundabout", KL_NOT_FOUND, "link leads out");
    expect("/trees/../secret", KL_REFUSED, "..");
    struct kl_answer a = ask_from("/boot/ipxe.efi", NULL);
    assert_string_equal(a.type, "application/efi");
    assert_false(a.generated);
    kl_answer_end(&a);
}

static void not_armed_boots_its_disk(void **state)
{
    (void)state;
    armed_host = NULL;
    static const char *const loaders[] = {"boot.ipxe", "grub.cfg", "pxelinux.cfg"};
    for (size_t i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "/host/web1/%s", loaders[i]);
        struct kl_answer a = ask_from(path, NULL);
        assert_string_equal(a.host->name, "web1");
        assert_string_equal(a.why, "not armed");
        assert_null(strstr(text_of(&a), "vmlinuz"));
        snprintf(path, sizeof path, "/host/nobody/%s", loaders[i]);
        a = ask_from(path, NULL);
        assert_string_equal(a.why, "unknown host");
        assert_null(strstr(text_of(&a), "vmlinuz"));
    }
    expect("/host/web1/boot.ipxe", KL_FOUND, "#!ipxe");
    expect("/host/web1/ks.cfg", KL_NOT_FOUND, "not armed");
    expect("/host/nobody/ks.cfg", KL_NOT_FOUND, "unknown host");
    expect("/host/web1/secret", KL_NOT_FOUND, "no such file of a host");
    expect("/host/web1", KL_NOT_FOUND, "/host/NAME/FILE");
}

static void armed_is_installed(void **state)
{
    (void)state;
    armed_host = "web1";
    expect("/host/web1/boot.ipxe", KL_FOUND, "trees/c79/images/pxeboot/vmlinuz");
    expect("/host/web1/grub.cfg", KL_FOUND, "trees/c79/images/pxeboot/vmlinuz");
    expect("/host/web1/pxelinux.cfg", KL_FOUND, "trees/c79/images/pxeboot/vmlinuz");
    expect("/host/web1/ks.cfg", KL_FOUND, "lang en_US\n");
    expect("/host/web1/rescue.cfg", KL_NOT_FOUND, "no rescue-kickstart");
    expect("/host/web2/ks.cfg", KL_NOT_FOUND, "not armed");
    /* Its kickstart cannot be read now: the loader still gets something that ends well. */
    char ks[160];
    snprintf(ks, sizeof ks, "%s/base.ks", dir);
    unlink(ks);
    expect("/host/web1/ks.cfg", KL_CANNOT, "cannot read its kickstart");
    put("base.ks", "lang en_US\n");
    armed_host = NULL;
}

static void scripts_of_who_asks(void **state)
{
    (void)state;
    armed_host = "web1";
    static const char *const names[] = {"/boot.ipxe", "/boot/grub/grub.cfg", "grub/grub.cfg",
        "/grub.cfg-01-52-54-00-00-00-01", "/pxelinux.cfg/01-52-54-00-00-00-01",
        "/pxelinux.cfg/default"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct kl_answer a = ask_from(names[i], "2001:db8::1");
        assert_string_equal(a.host->name, "web1");
        assert_non_null(strstr(text_of(&a), "vmlinuz"));
    }
    struct kl_answer a = ask_from("/boot.ipxe", "192.0.2.2");
    assert_string_equal(a.host->name, "web2");
    assert_null(strstr(text_of(&a), "vmlinuz"));
    a = ask_from("/boot.ipxe", "192.0.2.99");
    assert_null(a.host);
    assert_null(strstr(text_of(&a), "vmlinuz"));
    a = ask_from("/grub.cfg-01-52-54-00-00-00-99", "2001:db8::1");
    assert_null(strstr(text_of(&a), "vmlinuz")); /* the MAC says more than the address */
    armed_host = NULL;
    static const char *const probes[] = {"/debrevocations_sku.efi", "/debshim_certificate_0.efi",
        "/grub/x86_64-efi/command.lst", "/grub.cfg-2001-db8--1", "/pxelinux.cfg/C0A80001"};
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
        a = ask_from(probes[i], NULL);
        assert_int_equal(a.found, KL_NOT_FOUND);
        assert_true(a.quiet);
    }
    a = ask_from("/nope.efi", NULL);
    assert_false(a.quiet);
    put("boot/grub.cfg", "by hand");
    expect("/grub.cfg", KL_FOUND, "by hand");
}

static void reports(void **state)
{
    (void)state;
    const char *stage;
    char *line =
        kl_report_line("stage=loader&ip=2001:db8::1&x=a%20b%0ac&bad%20key=1&=2&e=&q=%22", &stage);
    assert_string_equal(line, "ip=2001:db8::1 x=\"a b?c\" e=\"\" q=\"\\\"\"");
    assert_string_equal(stage, "loader");
    free(line);
    line = kl_report_line("stage=system&stage=evil", &stage);
    assert_string_equal(line, "stage=evil");
    assert_string_equal(stage, "system");
    free(line);
    line = kl_report_line(NULL, &stage);
    assert_string_equal(line, "");
    free(line);
    char many[4096] = "";
    for (int i = 0; i < 1000; i++)
        strcat(many, "a=b&"); /* NOLINT: 4000 bytes */
    line = kl_report_line(many, &stage);
    assert_int_equal(strlen(line), KL_REPORT_PAIRS * 4 - 1);
    free(line);
    memset(many, 'x', sizeof many);
    memcpy(many, "k=", 2);
    many[sizeof many - 1] = '\0';
    line = kl_report_line(many, &stage);
    assert_int_equal(strlen(line), 2 + KL_REPORT_VALUE - 1);
    free(line);
}

static void ranges_and_conditions(void **state)
{
    (void)state;
    const char *tag = "\"t\"", *date = "Sat, 21 Nov 2026 10:00:00 GMT";
    const char *earlier = "Sat, 21 Nov 2026 09:59:59 GMT";
    const time_t mtime = kl_http_date(date);
    char back[KL_HTTP_DATE];
    assert_string_equal(kl_http_date_text(mtime, back), date);
    assert_int_equal(kl_http_date("yesterday"), -1);
    const struct {
        struct kl_wish w;
        unsigned status;
        uint64_t first, len;
    } cases[] = {
        {{0}, 200, 0, 100},
        {{.range = "bytes=0-9"}, 206, 0, 10},
        {{.range = "bytes=90-"}, 206, 90, 10},
        {{.range = "bytes=90-999"}, 206, 90, 10},
        {{.range = "bytes=90-18446744073709551615"}, 200, 0, 100},
        {{.range = "bytes=-10"}, 206, 90, 10},
        {{.range = "bytes=-999"}, 206, 0, 100},
        {{.range = "bytes=0-0"}, 206, 0, 1},
        {{.range = "bytes=100-"}, 416, 0, 0},
        {{.range = "bytes=-0"}, 416, 0, 0},
        {{.range = "bytes=9-8"}, 200, 0, 100},
        {{.range = "bytes=0-1,5-6"}, 200, 0, 100},
        {{.range = "bytes=-"}, 200, 0, 100},
        {{.range = "bytes=a-b"}, 200, 0, 100},
        {{.range = "lines=0-1"}, 200, 0, 100},
        {{.range = "bytes=99999999999999999999-"}, 200, 0, 100},
        {{.range = "bytes=0-9", .if_range = "\"t\""}, 206, 0, 10},
        {{.range = "bytes=0-9", .if_range = "\"u\""}, 200, 0, 100},
        {{.range = "bytes=0-9", .if_range = "W/\"t\""}, 200, 0, 100},
        {{.range = "bytes=0-9", .if_range = date}, 206, 0, 10},
        {{.range = "bytes=0-9", .if_range = earlier}, 200, 0, 100},
        {{.if_none_match = "\"t\""}, 304, 0, 0},
        {{.if_none_match = "W/\"t\""}, 304, 0, 0},
        {{.if_none_match = "\"a\", \"t\""}, 304, 0, 0},
        {{.if_none_match = "*"}, 304, 0, 0},
        {{.if_none_match = "\"a\", \"tt\""}, 200, 0, 100},
        {{.if_none_match = "\"a\"", .if_modified_since = date}, 200, 0, 100},
        {{.if_modified_since = date}, 304, 0, 0},
        {{.if_modified_since = earlier}, 200, 0, 100},
        {{.if_modified_since = "junk"}, 200, 0, 100},
        {{.if_match = "\"t\"", .range = "bytes=1-1"}, 206, 1, 1},
        {{.if_match = "\"u\""}, 412, 0, 0},
        {{.if_match = "W/\"t\""}, 412, 0, 0},
        {{.if_unmodified_since = date}, 200, 0, 100},
        {{.if_unmodified_since = earlier}, 412, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kl_verdict v = kl_judge(&cases[i].w, tag, mtime, 100);
        if (v.status != cases[i].status || v.first != cases[i].first || v.len != cases[i].len)
            fail_msg("case %zu: %u %llu+%llu", i, v.status, (unsigned long long)v.first,
                (unsigned long long)v.len);
    }
    struct kl_wish any = {.range = "bytes=0-0"};
    assert_int_equal(kl_judge(&any, tag, 0, 0).status, 416);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test_setup_teardown(files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_armed_boots_its_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(armed_is_installed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scripts_of_who_asks, set_up, tear_down),
        cmocka_unit_test(reports),
        cmocka_unit_test(ranges_and_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
