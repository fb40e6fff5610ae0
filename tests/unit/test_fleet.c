/* The inventory: what is accepted and what it comes to; that every mistake is found where it is;
 * that time and memory grow with the fleet and not faster. */
#include "fleet/fleet.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define FIXTURES KL_SOURCE_ROOT "/tests/fixtures/inventory/"

static void fleet_drop(struct kl_fleet **f)
{
    kl_fleet_free(*f);
}
#define FLEET_SCOPE __attribute__((cleanup(fleet_drop)))

/* Writes `text` to a file of its own, loads it, and takes the file away. */
static struct kl_fleet *load_text(const char *text, size_t len, struct kl_diags *d)
{
    char path[] = "/tmp/kickline-fleet-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, text + done, len - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
    assert_int_equal(close(fd), 0);
    struct kl_fleet *f = kl_fleet_load(path, d);
    unlink(path);
    return f;
}

/* --- fixtures ----------------------------------------------------------------------------------*/

static int word_order(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

struct words {
    char *list[512];
    size_t n;
};

static void add_word(struct words *w, char *word)
{
    assert_true(w->n < 512);
    w->list[w->n++] = word;
}

static void free_words(struct words *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->list[i]);
}

/* The `# expect: CODE line:col+width` lines of a fixture. */
static void read_expected(const char *path, struct words *out)
{
    size_t len;
    char *text = kl_read_file(path, 1 << 20, &len);
    assert_non_null(text);
    for (char *p = text; (p = memmem(p, len - (size_t)(p - text), "# expect: ", 10));) {
        p += 10;
        add_word(out, strndup(p, strcspn(p, "\n")));
    }
    free(text);
}

/* What was said, in the same form; with the name of the file where it is an included one. */
static void read_said(const struct kl_diags *d, const char *path, struct words *out)
{
    const struct kl_diag *one;
    for (size_t i = 0; (one = kl_diags_at(d, i)); i++) {
        struct kl_buf b = {0};
        kl_buf_addf(&b, "%s %u:%u+%u", one->code, one->at.line, one->at.col, one->at.width);
        assert_non_null(one->at.file);
        if (strcmp(one->at.file, path) != 0)
            kl_buf_addf(&b, " %s", one->at.file + (strrchr(path, '/') + 1 - path));
        add_word(out, kl_buf_take(&b));
    }
}

static void check_fixture(const char *path, bool good)
{
    struct words want = {0}, got = {0};
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fleet *f FLEET_SCOPE = kl_fleet_load(path, d);
    read_expected(path, &want);
    read_said(d, path, &got);
    qsort(want.list, want.n, sizeof *want.list, word_order);
    qsort(got.list, got.n, sizeof *got.list, word_order);
    for (size_t i = 0; i < want.n || i < got.n; i++) {
        const char *a = i < want.n ? want.list[i] : "nothing",
                   *b = i < got.n ? got.list[i] : "nothing";
        if (strcmp(a, b) != 0) {
            kl_diags_print(d, stderr, false, 0);
            fail_msg("%s: expected %s, got %s", path, a, b);
        }
    }
    if (good != (f != NULL))
        fail_msg("%s: %s", path, f ? "accepted" : "refused");
    assert_int_equal(kl_diags_count(d, KL_ERROR) == 0, good);
    free_words(&want);
    free_words(&got);
}

static size_t check_directory(const char *dir, bool good)
{
    DIR *list = opendir(dir);
    size_t n = 0;
    assert_non_null(list);
    for (struct dirent *e; (e = readdir(list));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (kl_ends(path, ".yaml")) {
            check_fixture(path, good);
            n++;
        }
    }
    closedir(list);
    return n;
}

static void good_is_accepted(void **state)
{
    (void)state;
    assert_true(check_directory(FIXTURES "good", true) >= 8);
}

static void bad_is_found_where_it_is(void **state)
{
    (void)state;
    assert_true(check_directory(FIXTURES "bad", false) >= 40);
    assert_true(check_directory(FIXTURES "bad-semantics", false) >= 40);
}

/* --- what an inventory comes to ----------------------------------------------------------------*/

static const struct kl_option *option(const struct kl_link *l, const char *name)
{
    for (size_t i = 0; i < l->noptions; i++)
        if (strcmp(l->options[i].name, name) == 0)
            return &l->options[i];
    return NULL;
}

static void assert_addr(const struct kl_addr *a, const char *text)
{
    char got[KL_ADDR_TEXT];
    assert_string_equal(kl_addr_text(a, got), text);
}

static void settings_add_up(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fleet *f FLEET_SCOPE = kl_fleet_load(FIXTURES "good/every-key.yaml", d);
    assert_non_null(f);
    assert_int_equal(f->nhosts, 3);
    const struct kl_settings *s = kl_fleet_host(f, "full.example.net")->set;
    assert_string_equal(s->release->nm, "1.18.8");
    assert_string_equal(s->repo, "ftp://192.0.2.8/el7"); /* the second group, over the profile */
    assert_string_equal(s->syslog, "log.example.net");
    assert_string_equal(s->kickstart, FIXTURES "good/base.ks");
    assert_true(s->sshd);
    assert_int_equal(s->nconsole, 2);
    assert_string_equal(s->console[1], "ttyS0,115200n8");
    assert_int_equal(s->nkernel_args, 3);
    assert_string_equal(s->kernel_args[1], "memmap=4G$12G");
    assert_int_equal(s->ndns, 2); /* a list replaces the one before it */
    assert_addr(&s->dns[0], "2001:db8::54");
    s = kl_fleet_host(f, "alone.example.net")->set;
    assert_int_equal(s->ndns, 1);
    assert_addr(&s->dns[0], "2001:db8::55");
    assert_string_equal(s->search[0], "example.net");
    assert_string_equal(s->release->distro, "rhel");
    assert_false(s->sshd);
    assert_null(s->tree);
}

static void links_become_an_intent(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fleet *f FLEET_SCOPE = kl_fleet_load(FIXTURES "good/every-key.yaml", d);
    assert_non_null(f);
    const struct kl_host *h = kl_fleet_host(f, "full.example.net");
    const struct kl_intent *in = h->intent;
    assert_string_equal(in->hostname, "full");
    assert_string_equal(in->install, "bond0");
    assert_int_equal(in->nlinks, 7);
    assert_string_equal(in->links[0].name, "eth0"); /* only `nics` names it */
    assert_true(in->links[0].mac.set);
    const struct kl_link *l = kl_link_find(in, "bond0");
    assert_int_equal(l->kind, KL_BOND);
    assert_int_equal(l->mode, 4);
    assert_string_equal(l->ports[0], "eth0");
    assert_string_equal(option(l, "lacp_rate")->value, "fast");
    assert_int_equal(l->mtu, 9000);
    assert_int_equal(l->ip6.gateway, KL_GATEWAY_EXPLICIT);
    assert_addr(&l->ip6.nexthop, "2001:db8::ff");
    assert_int_equal(l->ip4.method, KL_STATIC);
    assert_int_equal(l->nroutes, 3);
    assert_int_equal(l->routes[0].metric, 100);
    assert_int_equal(l->routes[2].via.family, 0);
    l = kl_link_find(in, "bond0.100");
    assert_string_equal(l->parent, "bond0");
    assert_int_equal(l->vlan, 100);
    assert_int_equal(l->ip4.gateway, KL_GATEWAY_NONE);
    l = kl_link_find(in, "br0");
    assert_string_equal(option(l, "stp")->value, "yes");
    assert_string_equal(option(l, "forward-delay")->value, "4");
    assert_int_equal(l->ip4.method, KL_DHCP);
    assert_int_equal(l->ip6.method, KL_AUTO);
    l = kl_link_find(in, "eth3");
    assert_int_equal(l->ip6.method, KL_DHCP);
    assert_int_equal(l->ip6.gateway, KL_GATEWAY_LEARNT); /* unsaid */
}

static void bond_options_are_canonical(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fleet *f FLEET_SCOPE = kl_fleet_load(FIXTURES "good/every-bond-option.yaml", d);
    assert_non_null(f);
    bool seen[64] = {0};
    for (size_t i = 0; i < f->nhosts; i++) {
        const struct kl_link *l = kl_link_find(f->hosts[i].intent, "bond0");
        for (size_t k = 0; k < l->noptions; k++)
            seen[kl_bond_option(l->options[k].name) - kl_bond_options] = true;
    }
    for (size_t i = 0; kl_bond_options[i].name; i++)
        if (!seen[i])
            fail_msg("no fixture has the option %s", kl_bond_options[i].name);
    const struct kl_link *l = kl_link_find(kl_fleet_host(f, "h1")->intent, "bond0");
    assert_string_equal(option(l, "miimon")->value, "100");
    assert_string_equal(option(l, "ad_select")->value, "count");
    assert_string_equal(option(l, "lacp_active")->value, "on");
    assert_string_equal(option(l, "use_carrier")->value, "1");
    l = kl_link_find(kl_fleet_host(f, "h0")->intent, "bond0");
    assert_string_equal(option(l, "arp_ip_target")->value, "192.0.2.7,192.0.2.8");
    assert_string_equal(option(l, "ns_ip6_target")->value, "2001:db8::7,2001:db8::8");
    for (int m = 0; m < 7; m++) {
        char name[3] = {'h', (char)('0' + m), 0};
        static const uint8_t modes[] = {1, 4, 0, 2, 3, 5, 6};
        assert_int_equal(kl_link_find(kl_fleet_host(f, name)->intent, "bond0")->mode, modes[m]);
    }
}

static void bond_words(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const char *why = NULL;
    assert_int_equal(kl_bond_mode("6"), 6);
    assert_int_equal(kl_bond_mode("7"), -1);
    assert_int_equal(kl_bond_mode("balance-alb"), 6);
    assert_int_equal(kl_bond_mode(""), -1);
    assert_null(kl_bond_option("mode"));
    const struct kl_bond_option *o = kl_bond_option("xmit_hash_policy");
    assert_string_equal(kl_bond_value(a, o, "2", &why), "layer2+3");
    assert_null(kl_bond_value(a, o, "6", &why));
    assert_non_null(strstr(why, "vlan+srcmac"));
    o = kl_bond_option("arp_ip_target");
    assert_null(kl_bond_value(a, o, "192.0.2.1,", &why));
    assert_null(kl_bond_value(a, o, "192.0.2.1,192.0.2.1", &why));
    assert_null(kl_bond_value(a, o, "", &why));
    o = kl_bond_option("miimon");
    assert_string_equal(kl_bond_value(a, o, "0100", &why), "100");
    assert_null(kl_bond_value(a, o, "-1", &why));
    assert_null(kl_bond_value(a, o, "2147483648", &why));
}

static void install_link(void **state)
{
    (void)state;
    static const struct {
        const char *network, *install;
        int family;
    } cases[] = {
        {"eth1: {slaac: true}", "eth1"},
        {"eth1: {slaac: true}, eth0: {dhcp4: true}", "eth0"},
        {"eth0: {addresses: [192.0.2.9/24]}, eth1: {addresses: [192.0.3.9/24], gateway4: "
         "192.0.3.1}",
            "eth1"},
        {"eth0: {addresses: [192.0.2.9/24]}, eth1: {addresses: [192.0.3.9/24]}", "eth0"},
        {"eth0: {dhcp4: true}, eth1: {addresses: [192.0.2.9/24], install: true}", "eth1"},
        {"eth1: {install: false, dhcp4: true}", "eth1"},
        {"eth0: {dhcp4: true}, eth1: {dhcp4: true, slaac: true, install: ipv6}", "eth1", 6},
        {"eth0: {dhcp4: true}, eth1: {dhcp4: true, slaac: true, install: 'ipv4'}", "eth1", 4},
        {"eth0: {dhcp4: true}, eth1: {slaac: true, install: ipv6}", "eth1", 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_buf b KL_BUF_SCOPE = {0};
        kl_buf_addf(&b,
            "server: {address: [192.0.2.1, 2001:db8::1]}\nhosts:\n  a:\n    release: rhel-9.4\n"
            "    nics: {eth0: 52:54:00:00:00:01, eth1: 52:54:00:00:00:02}\n    network: {%s}\n",
            cases[i].network);
        struct kl_fleet *f FLEET_SCOPE = load_text(b.s, b.len, d);
        if (!f)
            kl_diags_print(d, stderr, false, 0);
        assert_non_null(f);
        assert_string_equal(f->hosts[0].intent->install, cases[i].install);
        assert_int_equal(f->hosts[0].intent->install_family, cases[i].family);
    }
}

static void hosts_are_found(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fleet *f FLEET_SCOPE = kl_fleet_load(FIXTURES "good/every-key.yaml", d);
    assert_non_null(f);
    const struct kl_host *full = kl_fleet_host(f, "full.example.net");
    struct kl_mac m;
    struct kl_addr a;
    static const uint8_t uuid[16] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x11, 0x22,
        0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
    static const uint8_t other[16] = {1};
    assert_true(kl_mac_parse("52:54:00:00:01:01", &m));
    assert_ptr_equal(kl_fleet_by_mac(f, &m), full);
    assert_true(kl_mac_parse("52:54:00:00:01:99", &m)); /* the bond's own wish is no NIC's */
    assert_null(kl_fleet_by_mac(f, &m));
    assert_true(kl_addr_parse("2001:db8::a:1", &a));
    assert_ptr_equal(kl_fleet_by_addr(f, &a), full);
    assert_true(kl_addr_parse("198.51.100.5", &a));
    assert_ptr_equal(kl_fleet_by_addr(f, &a), full);
    assert_true(kl_addr_parse("198.51.100.6", &a));
    assert_null(kl_fleet_by_addr(f, &a));
    assert_ptr_equal(kl_fleet_by_uuid(f, uuid), full);
    assert_null(kl_fleet_by_uuid(f, other));
    assert_null(kl_fleet_host(f, "full"));
    assert_string_equal(kl_fleet_nearest(f, "ful.example.net"), "full.example.net");
    assert_int_equal(kl_diags_count(d, KL_NOTE), 0);
}

static void missing_file(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    assert_null(kl_fleet_load("/nonexistent/kickline.yaml", d));
    assert_int_equal(kl_diags_count(d, KL_NOTE), 1);
    assert_string_equal(kl_diags_at(d, 0)->code, "file-missing");
    assert_null(kl_fleet_load("/", d));
}

/* --- half a file -------------------------------------------------------------------------------*/

/* Every prefix of a good file, and that file with a byte changed: never a crash, and never a fleet
 * together with an error. */
static void broken_files_never_crash(void **state)
{
    (void)state;
    static const char *const files[] = {
        FIXTURES "good/design.yaml", FIXTURES "good/every-key.yaml", NULL};
    unsigned seed = 20261121;
    for (int i = 0; files[i]; i++) {
        size_t len;
        char *text = kl_read_file(files[i], 1 << 20, &len);
        assert_non_null(text);
        for (size_t n = 0; n < len; n += 1 + (size_t)rand_r(&seed) % 9) {
            struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
            struct kl_fleet *f FLEET_SCOPE = load_text(text, n, d);
            assert_int_equal(f == NULL, kl_diags_count(d, KL_ERROR) > 0);
            char was = text[n];
            text[n] = (char)rand_r(&seed);
            struct kl_fleet *g FLEET_SCOPE = load_text(text, len, d);
            (void)g;
            text[n] = was;
        }
        free(text);
    }
}

/* --- scale -------------------------------------------------------------------------------------*/

static void many_hosts(struct kl_buf *b, size_t n, const char *profile)
{
    kl_buf_add(b, "server: {address: [2001:db8:20::20]}\n"
                  "profiles: {el7: {release: centos-7.9, dns: [2001:db8:20::53]}}\nhosts:\n");
    for (size_t i = 0; i < n; i++)
        kl_buf_addf(b,
            "  h%zu.example.net:\n    profile: %s\n"
            "    nics: {enp3s0: 52:54:00:%02zx:%02zx:%02zx, enp7s0: 52:54:01:%02zx:%02zx:%02zx}\n"
            "    network:\n      bond0:\n"
            "        bond: {ports: [enp3s0, enp7s0], mode: balance-alb, miimon: 100}\n"
            "        addresses: [2001:db8:11::%zx:%zx:1/64]\n        gateway6: ra\n",
            i, profile, i >> 16, i >> 8 & 255, i & 255, i >> 16, i >> 8 & 255, i & 255, i >> 16,
            i & 0xffff);
}

static double seconds_since(clock_t start)
{
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

static void memory_and_time_are_linear(void **state)
{
    (void)state;
    static const size_t sizes[] = {10000, 100000};
    double bytes[2], seconds[2];
    for (int i = 0; i < 2; i++) {
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_buf b KL_BUF_SCOPE = {0};
        many_hosts(&b, sizes[i], "el7");
        clock_t start = clock();
        struct kl_fleet *f FLEET_SCOPE = load_text(b.s, b.len, d);
        seconds[i] = seconds_since(start);
        assert_non_null(f);
        assert_int_equal(f->nhosts, sizes[i]);
        assert_ptr_equal(f->hosts[0].set, f->hosts[sizes[i] - 1].set); /* shared */
        bytes[i] = (double)kl_arena_bytes(f->arena) / (double)sizes[i];
    }
    print_message("%.0f and %.0f bytes a host; %.2f and %.2f s\n", bytes[0], bytes[1], seconds[0],
        seconds[1]);
    assert_true(bytes[1] < bytes[0] * 1.2 && bytes[0] < bytes[1] * 1.2);
    assert_true(seconds[1] < seconds[0] * 30);
}

/* A mistake in every host: as many messages, each with its line, in time that grows with them. */
static void mistakes_are_linear(void **state)
{
    (void)state;
    static const size_t sizes[] = {1000, 10000};
    double seconds[2];
    for (int i = 0; i < 2; i++) {
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_buf b KL_BUF_SCOPE = {0};
        many_hosts(&b, sizes[i], "el8");
        FILE *nowhere = fopen("/dev/null", "w");
        assert_non_null(nowhere);
        clock_t start = clock();
        assert_null(load_text(b.s, b.len, d));
        kl_diags_sort(d);
        kl_diags_print(d, nowhere, false, 0);
        seconds[i] = seconds_since(start);
        fclose(nowhere);
        assert_int_equal(kl_diags_count(d, KL_ERROR), sizes[i]);
    }
    print_message("%.2f and %.2f s\n", seconds[0], seconds[1]);
    assert_true(seconds[1] < seconds[0] * 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_is_accepted),
        cmocka_unit_test(bad_is_found_where_it_is),
        cmocka_unit_test(settings_add_up),
        cmocka_unit_test(links_become_an_intent),
        cmocka_unit_test(bond_options_are_canonical),
        cmocka_unit_test(bond_words),
        cmocka_unit_test(install_link),
        cmocka_unit_test(hosts_are_found),
        cmocka_unit_test(missing_file),
        cmocka_unit_test(broken_files_never_crash),
        cmocka_unit_test(memory_and_time_are_linear),
        cmocka_unit_test(mistakes_are_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
