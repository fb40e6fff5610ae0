/* stage/: the installed system's files, both formats, both ways. */
#include "golden.h"

#include "networks.h"
#include "random_intent.h"
#include "stage/read.h"

/* NICs are bound by name: no file of ours says a MAC address (keyfile.c, ifcfg.c). */
static const struct kl_compare by_name = {.skip_mac = true};

static const struct kl_release *release(struct kl_arena *a, const char *name)
{
    const char *why = NULL;
    const struct kl_release *r = kl_release_find(a, name, &why);
    assert_non_null(r);
    return r;
}

static void write_files(struct kl_buf *out, const struct kl_file *files, size_t n)
{
    for (size_t k = 0; k < n; k++)
        kl_buf_addf(out, "==> %s %04o <==\n%s\n", files[k].path, files[k].mode, files[k].text);
}

static void golden(void **state)
{
    (void)state;
    struct kl_fleet *f = networks();
    assert_non_null(f);
    static const char *const shown[] = {"ol-7.2", "rhel-8.10", "rhel-9.6", "almalinux-10.0"};
    for (size_t h = 0; h < f->nhosts; h++)
        for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) {
            struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
            struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
            struct kl_buf text KL_BUF_SCOPE = {0};
            struct kl_file *files;
            size_t n;
            assert_true(
                kl_system_render(a, f->hosts[h].intent, release(a, shown[k]), &files, &n, d));
            assert_int_equal(kl_diags_count(d, KL_NOTE), 0);
            write_files(&text, files, n);
            assert_golden(
                kl_sprintf(a, "network/%s.%s.system", f->hosts[h].name, shown[k]), text.s);
        }
    kl_fleet_free(f);
}

static void read_back(const struct kl_intent *i, const char *name, const char *what)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_file *files;
    size_t n;
    const struct kl_release *r = release(a, name);
    if (!kl_system_render(a, i, r, &files, &n, d)) {
        kl_diags_print(d, stderr, false, 0);
        fail_msg("%s, %s: not rendered", what, name);
    }
    /* In whatever order they are found. */
    for (size_t k = 0; k < n / 2; k++) {
        struct kl_file swap = files[k];
        files[k] = files[n - 1 - k];
        files[n - 1 - k] = swap;
    }
    struct kl_intent *got = kl_system_parse(a, files, n, r, d);
    if (differences(i, got, &by_name, what) || kl_diags_count(d, KL_NOTE)) {
        kl_diags_print(d, stderr, false, 0);
        struct kl_buf text KL_BUF_SCOPE = {0};
        write_files(&text, files, n);
        fail_msg("%s, %s: read back as something else\n%s", what, name, text.s);
    }
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct kl_fleet *f = networks();
    for (size_t h = 0; h < f->nhosts; h++)
        for (const char *const *r = rule_releases; *r; r++)
            read_back(f->hosts[h].intent, *r, f->hosts[h].name);
    kl_fleet_free(f);
    for (unsigned seed = 1; seed <= 2000; seed++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        char what[32];
        snprintf(what, sizeof what, "seed %u", seed);
        read_back(random_intent(a, seed), rule_releases[seed % 11], what);
    }
}

/* Files as they are found in the field: what NetworkManager and people write. */
static struct kl_intent *parse(
    struct kl_arena *a, struct kl_diags *d, const char *const *pairs, const char *name)
{
    struct kl_file files[8];
    size_t n = 0;
    for (; pairs[0]; pairs += 2)
        files[n++] = (struct kl_file){.path = pairs[0], .text = pairs[1]};
    return kl_system_parse(a, files, n, release(a, name), d);
}

static void fact(const struct kl_intent *i, const char *link, const char *field, const char *value)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_fact *facts;
    size_t n = kl_intent_facts(a, i, &facts);
    const char *got = kl_fact_value(facts, n, link, field);
    if (!kl_streq(got, value))
        fail_msg("%s %s: wanted '%s', got '%s'", link ? link : "host", field,
            value ? value : "nothing", got ? got : "nothing");
}

static void files_of_an_installed_el7(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    static const char *const files[] = {"/etc/sysconfig/network-scripts/ifcfg-bond0",
        "DEVICE=bond0\nTYPE=Bond\nBONDING_MASTER=yes\n"
        "BONDING_OPTS=\"mode=6 miimon=100\" # both\nONBOOT=yes\nBOOTPROTO=static\n"
        "IPADDR=192.0.2.7\nNETMASK='255.255.255.0'\nGATEWAY=192.0.2.1\nIPV6INIT=no\n"
        "UUID=11111111-2222-3333-4444-555555555555\nDNS1=192.0.2.53\nDOMAIN=\"a.example "
        "b.example\"\n",
        "/etc/sysconfig/network-scripts/ifcfg-bond0_slave_1",
        "TYPE=Ethernet\nDEVICE=\"enp3s0\"\nONBOOT=yes\n"
        "MASTER=11111111-2222-3333-4444-555555555555\n",
        "/etc/sysconfig/network-scripts/ifcfg-enp7s0",
        "DEVICE=enp7s0\nMASTER=bond0\nSLAVE=yes\nONBOOT=no\n",
        "/etc/sysconfig/network-scripts/ifcfg-enp9s0", "DEVICE=enp9s0\nBOOTPROTO=dhcp\nONBOOT=no\n",
        "/etc/sysconfig/network-scripts/ifcfg-lo", "DEVICE=lo\nIPADDR=127.0.0.1\n",
        "/etc/sysconfig/network-scripts/route-bond0",
        "ADDRESS0=198.51.100.0\nNETMASK0=255.255.255.0\nGATEWAY0=192.0.2.9\n", "/etc/hostname",
        "old.example.net\n", NULL};
    struct kl_intent *i = parse(a, d, files, "centos-7.9");
    fact(i, NULL, "hostname", "old.example.net");
    fact(i, NULL, "dns", "192.0.2.53");
    fact(i, NULL, "search", "a.example, b.example");
    fact(i, "bond0", "mode", "balance-alb");
    fact(i, "bond0", "ports", "enp3s0, enp7s0");
    fact(i, "bond0", "addresses4", "192.0.2.7/24");
    fact(i, "bond0", "gateway4", "192.0.2.1");
    fact(i, "bond0", "routes", "198.51.100.0/24 via 192.0.2.9");
    fact(i, "bond0", "ipv6", NULL);
    fact(i, "enp9s0", "ipv4", NULL); /* not brought up at boot */
    assert_null(kl_link_find(i, "lo"));
    /* Said: the port without SLAVE=yes, for which there is no network but NetworkManager's. */
    assert_int_equal(kl_diags_count(d, KL_WARNING), 0);
    assert_int_equal(kl_diags_count(d, KL_NOTE), 1);
}

/* The order of NetworkManager's questions about IPv6: docs/boot-stages.md §4.1. */
static void how_ifcfg_says_ipv6(void **state)
{
    (void)state;
    static const struct {
        const char *text, *method, *gateway;
    } cases[] = {
        {"", "auto", "by RA"},
        {"IPV6INIT=no\nIPV6_AUTOCONF=yes\n", NULL, NULL},
        {"IPV6_DISABLED=yes\nIPV6INIT=yes\n", NULL, NULL},
        {"IPV6_AUTOCONF=yes\nDHCPV6C=yes\n", "auto", "by RA"},
        {"IPV6_AUTOCONF=no\nDHCPV6C=yes\n", "dhcp", "by RA"},
        {"IPV6_AUTOCONF=no\n", NULL, NULL},
        {"IPV6FORWARDING=yes\n", NULL, NULL},
        {"IPV6_AUTOCONF=no\nIPV6ADDR=2001:db8::1/64\n", "static", NULL},
        {"IPV6_AUTOCONF=no\nIPV6ADDR=2001:db8::1/64\nIPV6_DEFAULTGW=fe80::1%eth0\n", "static",
            "fe80::1"},
        {"IPV6_AUTOCONF=yes\nIPV6ADDR=2001:db8::1/64\n", "static", "by RA"},
        {"IPV6ADDR=2001:db8::1\n", "static", "by RA"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        const char *text = kl_sprintf(a, "DEVICE=eth0\nONBOOT=yes\n%s", cases[k].text);
        const char *files[] = {"ifcfg-eth0", text, NULL};
        struct kl_intent *i = parse(a, d, files, "centos-7.9");
        fact(i, "eth0", "ipv6", cases[k].method);
        fact(i, "eth0", "gateway6", cases[k].gateway);
    }
}

static void keyfiles_of_other_writers(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    static const char *const files[] = {"/etc/NetworkManager/system-connections/bond.nmconnection",
        "# by hand\n[connection]\nid = my bond\nuuid=u-1\ntype=bond\ninterface-name=bond0\n"
        "[bond]\nmode=4\nlacp_rate=1\n\n[ipv4]\nmethod=manual\naddress1=192.0.2.7/24,192.0.2.1\n"
        "[ipv6]\nmethod=manual\naddress1=2001:db8::7/64\ngateway=2001:db8::1\n"
        "dns=2001:db8::53;2001:db8::54;\n",
        "/etc/NetworkManager/system-connections/port1.nmconnection",
        "[connection]\nid=port1\ntype=802-3-ethernet\ninterface-name=eth0\nmaster=u-1\n"
        "slave-type=bond\n[802-3-ethernet]\nmtu=9000\n",
        "/etc/NetworkManager/system-connections/port2",
        "[connection]\nid=port2\ntype=ethernet\ninterface-name=eth1\ncontroller=bond0\n"
        "port-type=bond\n",
        "/etc/NetworkManager/system-connections/default.nmconnection",
        "[connection]\nid=eth1\ntype=ethernet\ninterface-name=eth1\nautoconnect=false\n"
        "[ipv4]\nmethod=auto\n",
        "/etc/NetworkManager/system-connections/v.nmconnection",
        "[connection]\nid=v\ntype=vlan\ninterface-name=bond0.5\n[vlan]\nid=5\nparent=u-1\n"
        "[ipv4]\nmethod=disabled\n[ipv6]\nmethod=auto\nnever-default=true\n",
        "/etc/NetworkManager/system-connections/wifi.nmconnection",
        "[connection]\nid=wifi\ntype=wifi\n[wifi]\nssid=x\n", NULL};
    struct kl_intent *i = parse(a, d, files, "rhel-9.6");
    fact(i, "bond0", "mode", "802.3ad");
    fact(i, "bond0", "option lacp_rate", "fast");
    fact(i, "bond0", "ports", "eth0, eth1");
    fact(i, "bond0", "gateway4", "192.0.2.1");
    fact(i, "bond0", "gateway6", "2001:db8::1");
    fact(i, NULL, "dns", "2001:db8::53, 2001:db8::54");
    fact(i, "eth0", "mtu", "9000");
    fact(i, "bond0.5", "parent", "bond0");
    fact(i, "bond0.5", "vlan", "5");
    fact(i, "bond0.5", "ipv6", "auto");
    fact(i, "bond0.5", "gateway6", NULL);
    /* Said: the second profile of eth1, the wireless link (its type and its section). */
    assert_int_equal(kl_diags_count(d, KL_WARNING), 0);
    assert_int_equal(kl_diags_count(d, KL_NOTE), 3);
}

/* What stands at a place of a source. */
static const char *text_at(struct kl_arena *a, const struct kl_diags *d, struct kl_place at)
{
    const char *text = at.file ? kl_diags_text(d, at.file, NULL) : NULL;
    for (unsigned line = 1; text && line < at.line; line++) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return text && at.line && at.col ? kl_strndup(a, text + at.col - 1, at.width) : "";
}

static void stands(struct kl_arena *a, const struct kl_diags *d, const struct kl_intent *i,
    const char *link, const char *field, const char *wanted)
{
    const char *got = text_at(a, d, kl_intent_said(i, link, field));
    if (strcmp(got, wanted) != 0)
        fail_msg(
            "%s %s: wanted the place of '%s', got '%s'", link ? link : "host", field, wanted, got);
}

static const char bond_file[] =
    "DEVICE=\"bond0\"\r\n  export TYPE=Bond\nBONDING_OPTS='mode=1 miimon=100'   # both\n"
    "BOOTPROTO=\"static\"\nIPADDR0=192.0.2.7\nPREFIX0=24\nIPADDR1=198.51.100.7\n"
    "NETMASK1=255.255.255.128\nGATEWAY0=192.0.2.1\nMTU=9000\nIPV6INIT=no\nDNS1=192.0.2.53\n"
    "USERCTL=no\nNM_CONTROLLED=yes\n";
static const char port_file[] = "DEVICE=eth0\nMASTER=bond0\nSLAVE=yes\n";

static void check_bond(struct kl_arena *a, struct kl_diags *d, const struct kl_intent *i)
{
    fact(i, "bond0", "mode", "active-backup");
    fact(i, "bond0", "addresses4", "192.0.2.7/24, 198.51.100.7/25");
    fact(i, "bond0", "gateway4", "192.0.2.1");
    stands(a, d, i, "bond0", "mode", "mode=1");
    stands(a, d, i, "bond0", "option miimon", "miimon=100");
    stands(a, d, i, "bond0", "ipv4", "static");
    stands(a, d, i, "bond0", "addresses4", "192.0.2.7");
    stands(a, d, i, "bond0", "gateway4", "192.0.2.1");
    stands(a, d, i, "bond0", "mtu", "9000");
    stands(a, d, i, "bond0", "ipv6", "no");
    stands(a, d, i, "bond0", "nothing", "bond0"); /* the link itself */
    stands(a, d, i, "bond0", "ports", "bond0");
    stands(a, d, i, NULL, "dns", "192.0.2.53");
    assert_int_equal(kl_diags_count(d, KL_NOTE), 0);
}

static void places_in_files(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const char *files[] = {"ifcfg-bond0", bond_file, "ifcfg-eth0", port_file, NULL};
    struct kl_intent *i = parse(a, d, files, "centos-7.9");
    check_bond(a, d, i);
    assert_string_equal(kl_intent_said(i, "bond0", "ports").file, "ifcfg-eth0");
}

/* The same in here-documents of a kickstart, the second file in two parts. */
static void places_in_a_kickstart(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const char *ks = kl_sprintf(a,
        "%%post\ncat > ifcfg-bond0 <<EOF\n%sEOF\necho DEVICE=eth0 > x\n"
        "echo 'MASTER=bond0\nSLAVE=yes' >> x\n%%end\n",
        bond_file);
    unsigned lines = 0;
    for (const char *c = bond_file; *c; c++)
        lines += *c == '\n';
    kl_diags_source(d, "a.ks", ks, strlen(ks));
    const struct kl_system_file files[] = {
        {.path = "/etc/sysconfig/network-scripts/ifcfg-eth0",
            .text = "DEVICE=eth0\n",
            .file = "a.ks",
            .line = lines + 4,
            .col = 6},
        {.path = "/etc/sysconfig/network-scripts/ifcfg-bond0",
            .text = bond_file,
            .file = "a.ks",
            .line = 3,
            .col = 1},
        {.path = "/etc/sysconfig/network-scripts/ifcfg-eth0",
            .text = "MASTER=bond0\nSLAVE=yes\n",
            .file = "a.ks",
            .line = lines + 5,
            .col = 7},
    };
    struct kl_intent *i = kl_system_read(a, files, 3, release(a, "centos-7.9"), d);
    check_bond(a, d, i);
    fact(i, "bond0", "ports", "eth0");
    stands(a, d, i, "eth0", "kind", "eth0");
    assert_string_equal(text_at(a, d, kl_intent_said(i, "eth0", "kind")), "eth0");
    assert_int_equal(kl_intent_said(i, "bond0", "ports").line, lines + 5);
}

/* A text that does not stand in the source as it is: one place for all of it. */
static void places_of_a_command(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    static const char ks[] = "%post\nprintf 'BOND' > file\n%end\n";
    kl_diags_source(d, "a.ks", ks, strlen(ks));
    const struct kl_system_file file = {.path = "ifcfg-bond0",
        .text = bond_file,
        .file = "a.ks",
        .at = {.file = "a.ks", .line = 2, .col = 1, .width = 13}};
    struct kl_intent *i = kl_system_read(a, &file, 1, release(a, "centos-7.9"), d);
    fact(i, "bond0", "mode", "active-backup");
    stands(a, d, i, "bond0", "mode", "printf 'BOND'");
    stands(a, d, i, "bond0", "kind", "printf 'BOND'");
}

static void old_keyfiles(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    static const char *const files[] = {"/etc/NetworkManager/system-connections/old",
        "; by NetworkManager 0.9\r\n[connection]\r\nid=old\r\ninterface-name=eth0\r\n"
        "[802-3-ethernet]\r\nmac-address=52:54:00:AA:00:01\r\ncloned-mac-address=preserve\r\n"
        "[ipv4]\r\nmethod=manual\r\naddresses1=192.0.2.7;24;192.0.2.1;\r\n"
        "routes1=198.51.100.0;24;192.0.2.9;5;\r\n[ipv6]\r\nmethod=manual\r\n"
        "address1=2001:db8::7/64,2001:db8::1\r\nroute1=2001:db8:1::/48,2001:db8::9\r\n"
        "route1_options=mtu=1400\r\n",
        "/etc/NetworkManager/system-connections/vlan.nmconnection",
        "[connection]\nid=office\ntype=vlan\n[vlan]\nid=7\nparent=eth0\n", NULL};
    struct kl_intent *i = parse(a, d, files, "rhel-9.6");
    fact(i, "eth0", "mac", "52:54:00:aa:00:01");
    fact(i, "eth0", "addresses4", "192.0.2.7/24");
    fact(i, "eth0", "gateway4", "192.0.2.1");
    fact(i, "eth0", "addresses6", "2001:db8::7/64");
    fact(i, "eth0", "gateway6", "2001:db8::1");
    fact(i, "eth0", "routes",
        "198.51.100.0/24 via 192.0.2.9 metric 5, 2001:db8:1::/48 via 2001:db8::9");
    fact(i, "eth0.7", "vlan", "7"); /* named after its parent */
    stands(a, d, i, "eth0", "gateway6", "2001:db8::7/64,2001:db8::1");
    stands(a, d, i, "eth0.7", "parent", "eth0");
    assert_int_equal(kl_diags_count(d, KL_NOTE), 0);
}

/* More than profiles: files of the host, aliases, what editors leave behind. */
static void files_beside(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    static const char *const files[] = {"/etc/sysconfig/network",
        "NETWORKING=yes\nHOSTNAME=a.example.net\nGATEWAY=192.0.2.1\n",
        "/etc/sysconfig/network-scripts/ifcfg-eth0",
        "DEVICE=eth0\nBOOTPROTO=none\nIPADDR=192.0.2.7\nPREFIX=24\nIPV6INIT=no\n"
        "HWADDR=52:54:00:00:00:01\n",
        "/etc/sysconfig/network-scripts/ifcfg-eth0:1",
        "DEVICE=eth0:1\nIPADDR=192.0.2.8\nPREFIX=24\n",
        "/etc/sysconfig/network-scripts/ifcfg-eth0.bak", "DEVICE=eth0\nBOOTPROTO=dhcp\n",
        "/etc/sysconfig/network-scripts/route-eth0",
        "198.51.100.9 via 192.0.2.3 dev eth0\n10.9.0.0/16 via 192.0.2.3 table 7\n",
        "/etc/resolv.conf", "search example.net\nnameserver 192.0.2.53\n", NULL};
    struct kl_intent *i = parse(a, d, files, "centos-7.9");
    fact(i, NULL, "hostname", "a.example.net");
    fact(i, NULL, "dns", "192.0.2.53");
    fact(i, NULL, "search", "example.net");
    fact(i, "eth0", "mac", "52:54:00:00:00:01");
    fact(i, "eth0", "addresses4", "192.0.2.7/24, 192.0.2.8/24");
    fact(i, "eth0", "gateway4", "192.0.2.1");
    fact(i, "eth0", "routes", "198.51.100.9/32 via 192.0.2.3");
    stands(a, d, i, "eth0", "gateway4", "192.0.2.1");
    stands(a, d, i, NULL, "dns", "nameserver 192.0.2.53");
    assert_int_equal(i->nlinks, 1);
    assert_int_equal(kl_diags_count(d, KL_NOTE), 1); /* the copy */
}

/* What the readers of these files do with a mistake. */
static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *path, *text, *release, *code, *at, *edit;
        enum kl_severity severity;
    } cases[] = {
        {"ifcfg-bond0", "BONDING_OPTS=\"mode=4,miimon=100\"\n", "centos-7.9", "separator-wrong",
            "mode=4,miimon=100", "mode=4 miimon=100", KL_WARNING},
        {"ifcfg-bond0", "BONDING_OPTS=mode=4;miimon=100\n", "centos-7.9", "separator-wrong",
            "mode=4;miimon=100", "\"mode=4 miimon=100\"", KL_WARNING},
        {"ifcfg-bond0", "BONDING_OPTS=\"mode=1 arp_ip_target=192.0.2.1,192.0.2.2\"\n", "centos-7.9",
            NULL, NULL, NULL, KL_NOTE},
        {"ifcfg-bond0", "BONDING_OPTS=\"mode=mode=6\"\n", "centos-7.9", "value-repeated",
            "mode=mode=6", "mode=6", KL_WARNING},
        {"ifcfg-eth0", "SLAVE=yes\n", "centos-7.9", "ports-without-master", "yes", NULL,
            KL_WARNING},
        {"ifcfg-eth0", "SLAVE=yes\nTEAM_MASTER=team0\nDEVICETYPE=TeamPort\n", "centos-7.9",
            "not-understood", "", NULL, KL_NOTE},
        {"ifcfg-eth0", "MASTER=bond0\n", "ol-7.2", "ports-without-master", "bond0", NULL,
            KL_WARNING},
        {"ifcfg-eth0", "MASTER=bond0\nNM_CONTROLLED=no\n", "centos-7.9", "ports-without-master",
            "bond0", NULL, KL_WARNING},
        {"ifcfg-eth0", "BOOTPROTO=static\n", "ol-7.2", "quirk", "static", "none", KL_WARNING},
        {"ifcfg-eth0", "BOOTPROTO=static\n", "centos-7.9", NULL, NULL, NULL, KL_NOTE},
        {"ifcfg-eth0", "BOOTPROTO=none\n", "rhel-10.0", "ifcfg-unread", "", NULL, KL_WARNING},
        {"ifcfg-eth0", "NM_CONTROLLED=\"no\"\n", "rhel-9.4", "ifcfg-unread", "no", NULL,
            KL_WARNING},
        {"ifcfg-eth0", "onboot=yes\n", "rhel-8.10", "not-understood", "yes", NULL, KL_NOTE},
        {"ifcfg-eth0", "NAME=System eth0\n", "rhel-8.10", "not-understood", "eth0", NULL, KL_NOTE},
        {"ifcfg-eth0", "NAME=\"System eth0\n", "rhel-8.10", "not-understood", "\"System eth0", NULL,
            KL_NOTE},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        const char *files[] = {cases[k].path, cases[k].text, NULL};
        parse(a, d, files, cases[k].release);
        const struct kl_diag *one = NULL;
        for (size_t n = 0; kl_diags_at(d, n) && cases[k].code; n++)
            if (strcmp(kl_diags_at(d, n)->code, cases[k].code) == 0)
                one = kl_diags_at(d, n);
        if (!cases[k].code && kl_diags_count(d, KL_NOTE))
            fail_msg("case %zu: said %s", k, kl_diags_at(d, 0)->message);
        if (!cases[k].code)
            continue;
        if (!one || one->severity != cases[k].severity)
            fail_msg("case %zu: not said", k);
        assert_string_equal(text_at(a, d, one->at), cases[k].at);
        assert_int_equal(one->nedits, cases[k].edit != NULL);
        if (cases[k].edit)
            assert_string_equal(one->edits[0].text, cases[k].edit);
    }
}

/* What no release's files can say is an error that names the link, never something near it. */
static void what_cannot_be_said(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    static struct kl_prefix four = {.addr = {.family = 4, .bytes = {192, 0, 2, 1}}, .len = 24};
    static struct kl_option option = {"coupled_control", "on"}, evil = {"primary", "a\nx=y"};
    static struct kl_option newer = {"lacp_active", "on"};
    const struct {
        struct kl_link link;
        const char *release;
        bool said;
    } cases[] = {
        {{.name = "eth0", .ip4 = {.method = KL_STATIC, .addresses = &four, .naddresses = 1}},
            "rhel-9.6", true},
        {{.name = "eth0", .ip4 = {.method = KL_STATIC}}, "rhel-9.6", false},
        {{.name = "../eth0"}, "rhel-9.6", false},
        {{.name = "a\nb"}, "centos-7.9", false},
        {{.name = "sixteen-letters-"}, "centos-7.9", false},
        {{.name = "eth0", .ip4 = {.method = KL_AUTO}}, "rhel-9.6", false},
        {{.name = "eth0",
             .ip4 = {.method = KL_STATIC,
                 .addresses = &four,
                 .naddresses = 1,
                 .gateway = KL_GATEWAY_LEARNT}},
            "rhel-9.6", false},
        {{.name = "eth0", .ip6 = {.method = KL_AUTO, .gateway = KL_GATEWAY_EXPLICIT}}, "rhel-9.6",
            false},
        {{.name = "bond0", .kind = KL_BOND, .options = &option, .noptions = 1}, "rhel-9.6", false},
        {{.name = "bond0", .kind = KL_BOND, .options = &newer, .noptions = 1}, "rhel-9.2", false},
        {{.name = "bond0", .kind = KL_BOND, .options = &newer, .noptions = 1}, "rhel-9.6", true},
        {{.name = "bond0", .kind = KL_BOND, .options = &evil, .noptions = 1}, "rhel-8.10", false},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_link link = cases[k].link;
        struct kl_intent i = {.links = &link, .nlinks = 1};
        struct kl_file *files;
        size_t n;
        bool ok = kl_system_render(a, &i, release(a, cases[k].release), &files, &n, d);
        if (ok != cases[k].said)
            fail_msg("case %zu", k);
        assert_int_equal(kl_diags_count(d, KL_ERROR) > 0, !ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(files_of_an_installed_el7),
        cmocka_unit_test(how_ifcfg_says_ipv6),
        cmocka_unit_test(keyfiles_of_other_writers),
        cmocka_unit_test(places_in_files),
        cmocka_unit_test(places_in_a_kickstart),
        cmocka_unit_test(places_of_a_command),
        cmocka_unit_test(old_keyfiles),
        cmocka_unit_test(files_beside),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(what_cannot_be_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
