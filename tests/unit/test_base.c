/* base/: addresses, text, diagnostics. */
#include "base/diag.h"
#include "base/inet.h"
#include "base/text.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
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
        cmocka_unit_test(nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
