/* check/rules_line*.c: what is said of a kernel line, and what the line is after the mends; and
 * that lines which are right, or not ours to judge, are let alone. */
#include "check/case.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { GIVEN, INFERRED };

struct row {
    const char *release;
    int known;
    const char *line;
    const char *codes; /* as found, severity in front: "E:value-repeated W:option-ignored" */
    const char *fixed; /* the line after the mends; NULL: there are none */
};

static int by_place(const void *x, const void *y)
{
    const struct kl_edit *a = x, *b = y;
    return a->at.col != b->at.col ? (a->at.col < b->at.col ? -1 : 1)
                                  : (int)a->at.width - (int)b->at.width;
}

static const char *fixed(struct kl_arena *a, const char *line, const struct kl_diags *d)
{
    struct kl_edit edits[64];
    size_t n = 0, at = 0;
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t k = 0; kl_diags_at(d, k); k++)
        for (size_t e = 0; e < kl_diags_at(d, k)->nedits; e++)
            edits[n++] = kl_diags_at(d, k)->edits[e];
    qsort(edits, n, sizeof *edits, by_place);
    for (size_t k = 0; k < n; k++) {
        size_t from = edits[k].at.col - 1;
        assert_true(from >= at && from + edits[k].at.width <= strlen(line));
        kl_buf_addn(&b, line + at, from - at);
        kl_buf_add(&b, edits[k].text);
        at = from + edits[k].at.width;
    }
    kl_buf_add(&b, line + at);
    return n ? kl_strdup(a, kl_buf_text(&b)) : NULL;
}

static void look(struct kl_arena *a, const struct row *r, struct kl_entry *e, const char *line,
    struct kl_diags *d)
{
    const char *why;
    struct kl_diags *unused KL_DIAGS_SCOPE = kl_diags_new();
    const struct kl_release *release = kl_release_find(a, r->release, &why);
    assert_non_null(release);
    struct kl_cmdline words = kl_cmdline_words(a, line, "line", d);
    struct kl_case c = {.a = a,
        .name = "line",
        .release = release,
        .release_given = r->known == GIVEN,
        .release_from = "its kernel's path",
        .entry = e,
        .line = &words};
    c.initrd = kl_cmdline_read(a, &words, release, &c.what, unused);
    kl_rules_line(&c, d);
}

static const char *codes(struct kl_arena *a, const struct kl_diags *d)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t k = 0; kl_diags_at(d, k); k++) {
        const struct kl_diag *one = kl_diags_at(d, k);
        kl_buf_addf(&b, "%s%c:%s", k ? " " : "", "NWE"[one->severity], one -> code);
        assert_non_null(kl_code(one->code));
    }
    return kl_strdup(a, kl_buf_text(&b));
}

static void check_row(const struct row *r, struct kl_entry *e)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new(), *again KL_DIAGS_SCOPE = kl_diags_new();
    look(a, r, e, r->line, d);
    const char *got = codes(a, d), *line = fixed(a, r->line, d);
    if (!kl_streq(got, r->codes) || !kl_streq(line, r->fixed))
        print_message("%s: %s\n  found    %s\n  expected %s\n  mended to %s\n  expected  %s\n",
            r->release, r->line, got, r->codes, line ? line : "-", r->fixed ? r->fixed : "-");
    assert_string_equal(got, r->codes);
    assert_true(kl_streq(line, r->fixed));
    if (!line)
        return;
    look(a, r, e, line, again); /* a mended line has no mend left */
    if (fixed(a, line, again))
        print_message("%s: mended again: %s\n", line, fixed(a, line, again));
    assert_null(fixed(a, line, again));
}

static void check_rows(const struct row *rows)
{
    for (; rows->release; rows++)
        check_row(rows, NULL);
}

static void repeated_values(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"ol-7.2", GIVEN, "bond=bond0:enp3s0,enp7s0:mode=mode=6,miimon=100", "W:value-repeated",
            "bond=bond0:enp3s0,enp7s0:mode=6,miimon=100"},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:miimon=miimon=100,mode=6", "W:value-repeated",
            "bond=bond0:eth0,eth1:miimon=100,mode=6"},
        {"rhel-9.4", GIVEN, "ip=ip=eth0:dhcp", "E:value-repeated", "ip=eth0:dhcp"},
        {"rhel-9.4", GIVEN, "inst.ks=inst.ks=http://192.0.2.1/a.ks", "E:value-repeated",
            "inst.ks=http://192.0.2.1/a.ks"},
        {"rhel-9.4", GIVEN, "inst.ks=ks=http://192.0.2.1/a.ks", "E:value-repeated",
            "inst.ks=http://192.0.2.1/a.ks"},
        {"centos-7.9", GIVEN, "bond=bond=bond0:eth0,eth1:mode=1", "E:value-repeated",
            "bond=bond0:eth0,eth1:mode=1"},
        {"rhel-9.4", GIVEN, "inst.ks=http://192.0.2.1/a.ks?inst.ks=x", "", NULL},
        {NULL, 0, NULL, NULL, NULL},
    };
    check_rows(rows);
}

static void separators(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:mode=802.3ad;miimon=100", "E:separator-wrong",
            "bond=bond0:eth0,eth1:mode=802.3ad,miimon=100"},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:mode=802.3ad:miimon=100:lacp_rate=1",
            "E:separator-wrong", "bond=bond0:eth0,eth1:mode=802.3ad,miimon=100,lacp_rate=1"},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:mode:1", "E:separator-wrong",
            "bond=bond0:eth0,eth1:mode=1"},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:mode:active-backup,miimon:100:9000",
            "E:separator-wrong", "bond=bond0:eth0,eth1:mode=active-backup,miimon=100:9000"},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:mode=1+miimon=100", "E:separator-wrong",
            "bond=bond0:eth0,eth1:mode=1,miimon=100"},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0:eth1:mode=1", "E:separator-wrong",
            "bond=bond0:eth0,eth1:mode=1"},
        {"rhel-9.4", GIVEN, "bond=bond0:lan0;lan1:mode=1", "E:separator-wrong",
            "bond=bond0:lan0,lan1:mode=1"},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1,mode=1,miimon=100", "E:separator-wrong",
            "bond=bond0:eth0,eth1:mode=1,miimon=100"},
        {"rhel-9.4", GIVEN, "bond=bond0,eth0,eth1:mode=1", "E:separator-wrong",
            "bond=bond0:eth0,eth1:mode=1"},
        {"rhel-9.4", GIVEN, "bond=bond0=eth0,eth1:mode=1", "E:separator-wrong",
            "bond=bond0:eth0,eth1:mode=1"},
        {"centos-7.9", GIVEN, "bond=bond0:eth0,eth1:mode=1,arp_ip_target=192.0.2.1,192.0.2.2",
            "E:separator-wrong", "bond=bond0:eth0,eth1:mode=1,arp_ip_target=192.0.2.1;192.0.2.2"},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:mode=1,arp_ip_target=192.0.2.1,192.0.2.2",
            "E:separator-wrong", NULL},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:mode=1 miimon=100 quiet", "E:separator-wrong",
            "bond=bond0:eth0,eth1:mode=1,miimon=100 quiet"},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0, eth1:mode=1", "E:separator-wrong",
            "bond=bond0:eth0,eth1:mode=1"},
        {"rhel-9.4", GIVEN, "ip=eth0=dhcp", "E:separator-wrong", "ip=eth0:dhcp"},
        {"rhel-9.4", GIVEN, "ip=eth0,dhcp", "E:separator-wrong", "ip=eth0:dhcp"},
        {"rhel-9.4", GIVEN, "vlan=vlan5=eth0", "E:separator-wrong", "vlan=vlan5:eth0"},
        {"rhel-9.4", GIVEN, "vlan=bond0.5,bond0", "E:separator-wrong", "vlan=bond0.5:bond0"},
        {"rhel-9.4", GIVEN, "bridge=br0,eth0,eth1", "E:separator-wrong", "bridge=br0:eth0,eth1"},
        {"rhel-9.4", GIVEN, "ifname=lan0=52:54:00:aa:bb:cc", "E:separator-wrong",
            "ifname=lan0:52:54:00:aa:bb:cc"},
        {"rhel-9.4", GIVEN, "nameserver=192.0.2.53,2001:db8::53", "E:separator-wrong",
            "nameserver=192.0.2.53 nameserver=2001:db8::53"},
        {NULL, 0, NULL, NULL, NULL},
    };
    check_rows(rows);
}

static void bonds(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:802.3ad,miimon=100", "W:bond-mode-unspecified",
            "bond=bond0:eth0,eth1:mode=802.3ad,miimon=100"},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:miimon=100", "N:bond-mode-unspecified", NULL},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1", "N:bond-mode-unspecified", NULL},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0:eth1:4", "E:separator-wrong W:bond-mode-unspecified",
            "bond=bond0:eth0,eth1:mode=4"},
        {"rhel-9.4", GIVEN, "bond=bond0", "W:ports-missing", NULL},
        {"centos-7.9", GIVEN, "bond", "W:ports-missing", NULL},
        {"rhel-9.4", GIVEN, "bond=bond0::mode=1", "W:ports-missing", NULL},
        {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:mode=1 BOOTIF=01-52-54-00-aa-bb-cc quiet",
            "W:bootif-fights-bond",
            "bond=bond0:eth0,eth1:mode=1 BOOTIF=01-52-54-00-aa-bb-cc quiet rd.bootif=0"},
        {"rhel-9.4", GIVEN,
            "bond=bond0:eth0,eth1:mode=1 BOOTIF=01-52-54-00-aa-bb-cc ifname=mgmt:52:54:00:aa:bb:cc",
            "", NULL},
        {"rhel-9.4", GIVEN,
            "bond=bond0:lan0,lan1:mode=1 BOOTIF=01-52-54-00-aa-bb-cc ifname=lan0:52:54:00:aa:bb:cc "
            "rd.bootif=0",
            "", NULL},
        {"centos-7.9", GIVEN, "bridge=br0:eth0 ip=br0:dhcp BOOTIF=01-52-54-00-aa-bb-cc",
            "W:bootif-fights-bond",
            "bridge=br0:eth0 ip=br0:dhcp BOOTIF=01-52-54-00-aa-bb-cc rd.bootif=0"},
        {NULL, 0, NULL, NULL, NULL},
    };
    check_rows(rows);
}

static void added_bootif(void **state)
{
    (void)state;
    struct kl_entry e = {.adds_bootif = true, .complete = true};
    struct row r = {"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:mode=1 quiet", "W:bootif-fights-bond",
        "bond=bond0:eth0,eth1:mode=1 quiet rd.bootif=0"};
    check_row(&r, &e);
    r = (struct row){"rhel-9.4", GIVEN, "bond=bond0:eth0,eth1:mode=1 rd.bootif=0", "", NULL};
    check_row(&r, &e);
    r = (struct row){"rhel-9.4", GIVEN, "ip=eth0:dhcp", "", NULL};
    check_row(&r, &e);
}

static void misplaced_fields(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::192.0.2.1:255.255.255.0:eth0:none", "E:field-misplaced",
            "ip=192.0.2.5::192.0.2.1:255.255.255.0::eth0:none"},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::192.0.2.1:255.255.255.0:eth0:web1:none",
            "E:field-misplaced", "ip=192.0.2.5::192.0.2.1:255.255.255.0:web1:eth0:none"},
        {"rhel-9.4", GIVEN,
            "vlan=storage.5:data ip=192.0.2.5::192.0.2.1:255.255.255.0:data:web1:none",
            "E:field-misplaced",
            "vlan=storage.5:data ip=192.0.2.5::192.0.2.1:255.255.255.0:web1:data:none"},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::192.0.2.1:255.255.255.0:eth0::none", "E:field-misplaced",
            "ip=192.0.2.5::192.0.2.1:255.255.255.0::eth0:none"},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::255.255.255.0:192.0.2.1:web1:eth0:none",
            "E:field-misplaced", "ip=192.0.2.5::192.0.2.1:255.255.255.0:web1:eth0:none"},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5:192.0.2.1:255.255.255.0:web1:eth0:none",
            "E:field-misplaced", "ip=192.0.2.5::192.0.2.1:255.255.255.0:web1:eth0:none"},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5:::192.0.2.1:255.255.255.0:web1:eth0:none",
            "E:field-misplaced", "ip=192.0.2.5::192.0.2.1:255.255.255.0:web1:eth0:none"},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::192.0.2.1:255.255.255.0:web1:none:eth0",
            "E:field-misplaced", "ip=192.0.2.5::192.0.2.1:255.255.255.0:web1:eth0:none"},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::192.0.2.1:255.255.255.0:none", "E:field-misplaced",
            "ip=192.0.2.5::192.0.2.1:255.255.255.0:::none"},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::192.0.2.1:255.255.255.0:web1:none", "E:field-misplaced",
            NULL}, /* the host or the interface is missing */
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::192.0.2.1:web1:eth0:none", "E:field-misplaced", NULL},
        {"rhel-9.4", GIVEN, "ip=dhcp:eth0", "E:field-misplaced", "ip=eth0:dhcp"},
        {"centos-7.9", GIVEN, "ip=[2001:db8::5]:::64::::none", "E:field-misplaced",
            "ip=[2001:db8::5]:::64:::none"},
        {NULL, 0, NULL, NULL, NULL},
    };
    check_rows(rows);
}

static void bare_literals(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"rhel-9.4", GIVEN, "ip=2001:db8::5:::64:web1:eth0:none", "E:literal-unbracketed",
            "ip=[2001:db8::5]:::64:web1:eth0:none"},
        {"rhel-9.4", GIVEN, "ip=2001:db8::5::fe80::1:64:web1:eth0:none", "E:literal-unbracketed",
            "ip=[2001:db8::5]::[fe80::1]:64:web1:eth0:none"},
        {"rhel-9.4", GIVEN, "ip=[2001:db8::5]::fe80::1:64:web1:eth0:none", "E:literal-unbracketed",
            "ip=[2001:db8::5]::[fe80::1]:64:web1:eth0:none"},
        {"rhel-9.4", GIVEN, "ip=[2001:db8::5]:::64:web1:eth0:none:2001:db8::53",
            "E:literal-unbracketed", "ip=[2001:db8::5]:::64:web1:eth0:none:[2001:db8::53]"},
        {"rhel-9.4", GIVEN, "ip=2001:db8::5/64", "E:literal-unbracketed", NULL},
        {"rhel-9.4", GIVEN, "inst.ks=http://2401:beef:20::20/ks.cfg", "E:literal-unbracketed",
            "inst.ks=http://[2401:beef:20::20]/ks.cfg"},
        {"rhel-9.4", GIVEN, "inst.repo=http://2001:db8::1:8080/os", "E:literal-unbracketed", NULL},
        {"rhel-9.4", GIVEN, "inst.repo=http://2001:db8:0:0:0:0:0:1:8080/os",
            "E:literal-unbracketed", "inst.repo=http://[2001:db8:0:0:0:0:0:1]:8080/os"},
        {"rhel-9.4", GIVEN, "inst.proxy=http://user@2001:db8::a:abcd", "E:literal-unbracketed",
            "inst.proxy=http://user@[2001:db8::a:abcd]"},
        {"rhel-9.4", GIVEN, "inst.syslog=2001:db8::abcd", "W:literal-unbracketed",
            "inst.syslog=[2001:db8::abcd]"},
        {"rhel-9.4", GIVEN, "inst.ks=nfs:nolock:2001:db8::1:/srv/a.ks", "E:literal-unbracketed",
            NULL},
        {"rhel-9.4", GIVEN, "inst.addrepo=extra,http://2001:db8::abcd/x/", "W:literal-unbracketed",
            "inst.addrepo=extra,http://[2001:db8::abcd]/x/"},
        {"rhel-9.4", GIVEN, "rd.route=2001:db8:1::/48:fe80::1:eth0", "W:literal-unbracketed",
            "rd.route=[2001:db8:1::/48]:[fe80::1]:eth0"},
        {NULL, 0, NULL, NULL, NULL},
    };
    check_rows(rows);
}

static void invalid_addresses(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"rhel-9.4", GIVEN, "ip=192.0.2.300::192.0.2.1:24::eth0:none", "E:address-invalid", NULL},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::192.0.2:24::eth0:none", "E:address-invalid", NULL},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::192.0.2.1:33::eth0:none", "E:address-invalid", NULL},
        {"rhel-9.4", GIVEN, "ip=[2001:db8::5]:::129::eth0:none", "E:address-invalid", NULL},
        {"rhel-9.4", GIVEN, "ip=[2001:db8:::5]:::64::eth0:none", "E:address-invalid", NULL},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::192.0.2.1:255.0.255.0::eth0:none", "E:address-invalid",
            NULL},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::192.0.2.1:0.0.0.255::eth0:none", "E:address-invalid",
            NULL},
        {"rhel-9.4", GIVEN, "ip=192.0.2.0::192.0.2.1:24::eth0:none", "W:address-invalid", NULL},
        {"rhel-9.4", GIVEN, "ip=192.0.2.255::192.0.2.1:255.255.255.0::eth0:none",
            "E:address-invalid", NULL},
        {"rhel-9.4", GIVEN, "ip=192.0.2.255::192.0.3.1:23::eth0:none", "", NULL},
        {"rhel-9.4", GIVEN, "ip=224.0.0.5::192.0.2.1:24::eth0:none", "E:address-invalid", NULL},
        {"rhel-9.4", GIVEN, "ip=[ff02::5]:::64::eth0:none", "E:address-invalid", NULL},
        {"rhel-9.4", GIVEN, "ip=192.0.2.5::192.0.2.5:24::eth0:none", "W:address-invalid", NULL},
        {"rhel-9.4", GIVEN, "ip=192.0.2.4::192.0.2.5:31::eth0:none", "", NULL},
        {"rhel-9.4", GIVEN, "inst.ks=http://192.0.2.256/a.ks", "E:address-invalid", NULL},
        {NULL, 0, NULL, NULL, NULL},
    };
    check_rows(rows);
}

static void duplicates(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"centos-7.9", GIVEN, "ip=eth0:dhcp ip=[2001:db8::5]:::64::eth0:none", "E:duplicate-ip",
            NULL},
        {"centos-7.9", INFERRED, "ip=eth0:dhcp ip=[2001:db8::5]:::64::eth0:none", "W:duplicate-ip",
            NULL},
        {"centos-7.9", GIVEN, "ip=eth0:dhcp ip=eth0:dhcp", "E:duplicate-ip", "ip=eth0:dhcp"},
        {"centos-7.9", GIVEN, "ip=eth0:dhcp ip=eth1:dhcp", "", NULL},
        {"rhel-9.4", GIVEN,
            "ip=192.0.2.5::192.0.2.1:24::eth0:none ip=[2001:db8::5]:::64::eth0:none", "", NULL},
        {"rhel-9.4", GIVEN, "ip=eth0:dhcp quiet ip=eth0:dhcp", "W:duplicate-ip",
            "ip=eth0:dhcp quiet"},
        {"rhel-9.4", GIVEN, "ip=eth0:dhcp ip=eth0:dhcp6", "W:duplicate-ip", NULL},
        {"rhel-9.4", GIVEN, "ip=eth0:dhcp ip=192.0.2.5::192.0.2.1:24::eth0:none", "W:duplicate-ip",
            NULL},
        {"rhel-9.4", GIVEN, "ip=eth0:dhcp ip=eth0:auto6", "W:duplicate-ip", NULL},
        {"rhel-9.4", GIVEN, "ip=eth0:auto6 ip=eth0:dhcp", "", NULL},
        {NULL, 0, NULL, NULL, NULL},
    };
    check_rows(rows);
}

static void silence(void **state)
{
    (void)state;
    static const char *const lines[] = {"mysite.role=web", "ip=dhcp", "ip=ibft", "ip=", "ip",
        "ip=[2001:db8::5]::[fe80::1]:64:host:eth0:none", "ip=eth0:dhcp", "ip=eth0:dhcp:1500",
        "ip=eth0:dhcp:1500:52:54:00:aa:bb:cc", "ip=eth0:dhcp::52:54:00:aa:bb:cc",
        "ip=10.0.0.5::10.0.0.1:255.255.255.0:host.example.net:eth0:none:192.0.2.53",
        "ip=10.0.0.5::10.0.0.1:255.255.255.0:host.example.net:eth0:none:192.0.2.53:192.0.2.54",
        "ip=10.0.0.5::10.0.0.1:255.255.255.0:host:eth0:none:1500:52:54:00:aa:bb:cc",
        "ip=10.0.0.5::10.0.0.1:255.255.255.0:host:eth0:none::52-54-00-aa-bb-cc",
        "bond=bond0:eth0,eth1:mode=1,arp_ip_target=192.0.2.1;192.0.2.2",
        "bond=bond0:eth0,eth1:mode=802.3ad,xmit_hash_policy=layer2+3,lacp_rate=fast:9000",
        "bond=bond0:ens3f0np0,ens3f1np1:mode=active-backup,primary=ens3f0np0,miimon=100",
        "ip=192.0.2.10:192.0.2.1:192.0.2.254:24::eth0:off", "ip=:::::eth0:dhcp",
        "ip=::::web1:eth0:dhcp", "ip=bond0.100:dhcp", "ip=52-54-00-aa-bb-cc:dhcp",
        "ip=10.0.0.5::10.0.0.1:255.255.255.0:host:52-54-00-aa-bb-cc:none",
        "ip=10.0.0.5::10.0.0.1:255.255.255.0:host:eth0.5:none",
        "ip=10.0.0.5::10.0.0.1:24:host:storage:none",
        "ip=10.0.0.5::10.0.0.1:24::::", "ip=10.0.0.5::10.0.0.1:255.255.255.0:10.0.0.5:eth0:none",
        "ip=eth0:dhcp,dhcp6", "ip=[2001:db8::5/64]::[2001:db8::1]::web1:eth0:none", "ip=10.0.0.5",
        "ip=10.0.0.5/24::::", "ip=single-dhcp", "ip=link-local", "ip=eth0:auto6",
        "ip=enp1s0f0np0:dhcp", "nameserver=2001:db8::53", "nameserver=192.0.2.53",
        "vlan=vlan5:eth0", "vlan=bond0.5:bond0", "bridge=br0:eth0", "bridge=br0:eth0,eth1",
        "team=team0:eth0,eth1:activebackup", "ifname=lan0:52:54:00:aa:bb:cc",
        "rd.route=[2001:db8:1::/48]:[fe80::1]:eth0", "rd.route=192.0.2.0/24:198.51.100.1:eth0",
        "inst.ks=http://[2001:db8::1]:8080/ks.cfg", "inst.ks=http://ks.example.net:8080/a:b/c",
        "inst.ks=nfs:192.0.2.1:/srv/a.ks", "inst.ks=nfs:nfsvers=4:files.example.net:/srv/a.ks",
        "inst.ks=hd:LABEL=X:/ks.cfg", "inst.ks=cdrom:/ks.cfg", "inst.ks=file:/ks.cfg",
        "inst.syslog=192.0.2.1:514", "inst.syslog=[2001:db8::1]:514",
        "root=live:http://192.0.2.1/squashfs.img", "console=tty0 console=ttyS0,115200n8",
        "BOOTIF=01-52-54-00-aa-bb-cc ip=dhcp",
        "ip=${net0/ip}::${net0/gateway}:${net0/netmask}:::none", "inst.ks=http://${next-server}/k",
        "ip={{ address }}::10.0.0.1:255.255.255.0:eth0:none", "systemd.setenv=A=A=1",
        "auto=true priority=critical preseed/url=http://2001:db8::abcd/p.cfg", "miimon=100", "=",
        "==", "=a", "bond=${b}",
        ("ip=10.10.10.2::10.10.10.254:255.255.255.0:core0.example.net:enp1s0:none "
         "ip=::::core0.example.net::none rd.route=20.20.20.0/24:20.20.20.254:enp2s0"),
        ("bond=bond0:em1,em2:mode=active-backup,fail_over_mac=1 vlan=bond0.100:bond0 "
         "ip=10.10.10.2::10.10.10.254:255.255.255.0:core0:bond0.100:none"),
        "ip=192.0.2.5::192.0.2.1:24:team1:storage:none", "ip=192.0.2.5::192.0.2.1:24:br1:lan0:none",
        ("rd.znet=qeth,0.0.f5f0,0.0.f5f1,0.0.f5f2,layer2=1 "
         "ip=172.18.1.1::172.18.1.254:24:z1.example.net:encf5f0:none"),
        "ip=[2001:db8::2]/64::[2001:db8::1]::web1.example.net:eth4::[2001:db8::53]",
        "nfsroot=192.0.2.1:/srv ip=192.0.2.10:192.0.2.1:192.0.2.1:255.255.255.0:client:eth0:off",
        "proxy=http://user:pass@[2001:db8::1]:3128", "inst.ks=https://user:p@ks.example.net/x",
        "root=UUID=0b7d ro crashkernel=auto rd.lvm.lv=vg0/root rhgb quiet LANG=en_US.UTF-8", NULL};
    static const char *const releases[] = {
        "centos-7.2", "centos-7.9", "rhel-8.10", "rhel-9.4", "rhel-10.0", "fedora-42", NULL};
    for (size_t r = 0; releases[r]; r++)
        for (size_t k = 0; lines[k]; k++) {
            struct row row = {releases[r], GIVEN, lines[k], "", NULL};
            check_row(&row, NULL);
        }
}

/* Long lines of nothing but trouble: it ends, and soon. */
static void floods(void **state)
{
    (void)state;
    static const char *const pieces[] = {"ip=eth0:dhcp ", "bond=bond0:eth0,eth1:mode=1 ",
        "ip=:", ":", "bond=b:eth0:", "eth0:", "[", "ip=2001:", "1:", "mode=1+",
        "nameserver=1.1.1.1,", "+", "a ", "ip=eth0 bond=x "};
    for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_buf b KL_BUF_SCOPE = {0};
        kl_buf_add(&b, k % 2 ? "ip=1.2.3.4::" : "bond=bond0:eth0,eth1:");
        while (b.len < 20000)
            kl_buf_add(&b, pieces[k]);
        struct row row = {"rhel-9.4", GIVEN, NULL, NULL, NULL};
        look(a, &row, NULL, kl_buf_text(&b), d);
        assert_true(kl_diags_count(d, KL_NOTE) < 20000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeated_values),
        cmocka_unit_test(separators),
        cmocka_unit_test(bonds),
        cmocka_unit_test(added_bootif),
        cmocka_unit_test(misplaced_fields),
        cmocka_unit_test(bare_literals),
        cmocka_unit_test(invalid_addresses),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(silence),
        cmocka_unit_test(floods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
