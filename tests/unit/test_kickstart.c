/* stage/: the user's kickstart with Kickline's part in it, and kickstarts of others. */
#include "golden.h"

#include "networks.h"
#include "random_intent.h"
#include "stage/stage.h"

static const struct kl_compare by_name = {.skip_mac = true};

static const struct kl_release *release(struct kl_arena *a, const char *name)
{
    const char *why = NULL;
    const struct kl_release *r = kl_release_find(a, name, &why);
    assert_non_null(r);
    return r;
}

static char *render(const struct kl_intent *i, const char *name, const char *user)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_buf out KL_BUF_SCOPE = {0};
    if (!kl_kickstart_render(i, release(a, name), user, "user.ks", &out, d)) {
        kl_diags_print(d, stderr, false, 0);
        fail_msg("%s: not rendered", name);
    }
    return kl_buf_take(&out);
}

static void golden(void **state)
{
    (void)state;
    struct kl_fleet *f = networks();
    assert_non_null(f);
    static const char *const shown[] = {
        "ol-7.2", "centos-7.9", "rhel-8.2", "rhel-8.10", "rhel-9.2", "rhel-9.6", "almalinux-10.0"};
    for (size_t h = 0; h < f->nhosts; h++)
        for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) {
            struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
            char *text = render(f->hosts[h].intent, shown[k], "text\nreboot\n%packages\n%end\n");
            assert_golden(kl_sprintf(a, "network/%s.%s.ks", f->hosts[h].name, shown[k]), text);
            free(text);
        }
    kl_fleet_free(f);
}

static void read_back(const struct kl_intent *i, const char *name, const char *what)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    char *text = render(i, name, NULL);
    struct kl_intent *got = kl_kickstart_parse(a, text, "out.ks", release(a, name), d);
    if (differences(i, got, &by_name, what) || kl_diags_count(d, KL_NOTE)) {
        kl_diags_print(d, stderr, false, 0);
        fail_msg("%s, %s: read back as something else\n%s", what, name, text);
    }
    free(text);
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

/* --- the user's bytes --------------------------------------------------------------------------*/

static void remove_range(char *text, size_t from, size_t to)
{
    memmove(text + from, text + to, strlen(text + to) + 1);
}

/* What an awk program of ten lines would do: take out everything from a begin mark to its end mark,
 * and the line end before one that says it was added. */
static void without_sections(char *text)
{
    static const char *const own[] = {"network", "pre", "post"};
    for (size_t k = 0; k < sizeof own / sizeof *own; k++) {
        char open[64], close[64], *begin = text;
        snprintf(open, sizeof open, "# kickline: begin %s", own[k]);
        snprintf(close, sizeof close, "# kickline: end %s", own[k]);
        while ((begin = strstr(begin, open))) {
            char *end = strstr(begin, close), *other = strstr(begin + 1, "# kickline: begin ");
            if (!end || (other && other < end)) { /* the user's own: a begin without its end */
                begin++;
                continue;
            }
            bool joined = memmem(begin, strcspn(begin, "\n"), "had no end", strlen("had no end"));
            size_t from = (size_t)(begin - text) - joined;
            remove_range(text, from, (size_t)(end - text) + strcspn(end, "\n") + 1);
            begin = text;
        }
    }
}

/* An independent reading of where commands stand: outside of %section ... %end. True when the last
 * section has an end. */
static bool without_network(char *text)
{
    bool inside = false;
    for (size_t at = 0; text[at];) {
        size_t n = strcspn(text + at, "\n");
        n += text[at + n] == '\n';
        char word[16] = "";
        sscanf(text + at + strspn(text + at, " \t"), "%15[^ \t\r\n]", word);
        size_t blank = strspn(text + at, " \t");
        if (blank + strlen(word) > n)
            word[0] = '\0';
        bool network = !inside && strcmp(word, "network") == 0;
        if (inside && strcmp(word, "%end") == 0)
            inside = false;
        else if (!inside && word[0] == '%' && strcmp(word, "%include") != 0 &&
                 strcmp(word, "%ksappend") != 0 && strcmp(word, "%end") != 0)
            inside = true;
        if (network)
            remove_range(text, at, at + n);
        else
            at += n;
    }
    return !inside;
}

static char *random_kickstart(unsigned seed)
{
    static const char *const pieces[] = {"text", "# network --device=comment", "network",
        "network --bootproto=dhcp --device=eth0", "  network --hostname=x",
        "\tnetwork --ip=1.2.3.4", "networks are nice", "%packages", "%pre --log=/tmp/x", "%post",
        "%end", "%end # of it", "  %end", "%include /tmp/x.ks", "%ksappend x", "", " ",
        "# kickline: begin something", "# kickline: end network", "# kickline: begin network",
        "bootloader --append=\"a b\"", "\xc3\xa4\xff\x01", "rootpw --iscrypted $6$a\\b",
        "%addon com_redhat_kdump"};
    struct dice die = {seed * 2246822519u, NULL}, *d = &die;
    struct kl_buf b = {0};
    const char *eol = dice(d, 3) ? "\n" : "\r\n";
    for (unsigned n = dice(d, 14); n > 0; n--) {
        kl_buf_add(&b, pieces[dice(d, sizeof pieces / sizeof *pieces)]);
        if (n > 1 || dice(d, 2))
            kl_buf_add(&b, dice(d, 12) ? eol : "\n");
    }
    return kl_buf_take(&b);
}

/* True when the text holds a section between marks already: the pieces above can make one. */
static bool has_section(const char *text)
{
    const char *begin = strstr(text, "# kickline: begin network");
    return begin && strstr(begin, "# kickline: end network");
}

/* A kickstart whose section has no %end is none that anaconda takes. */
static void refused(struct kl_arena *a, const char *user)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_buf out KL_BUF_SCOPE = {0};
    const struct kl_intent i = {0};
    assert_false(kl_kickstart_render(&i, release(a, "rhel-9.6"), user, "user.ks", &out, d));
    assert_int_equal(out.len, 0);
    assert_string_equal(kl_diags_at(d, kl_diags_count(d, KL_NOTE) - 1)->code, "kickstart-no-end");
}

static void the_users_bytes_pass(void **state)
{
    (void)state;
    size_t checked = 0;
    for (unsigned seed = 1; seed <= 4000; seed++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        char *user = random_kickstart(seed);
        char *want = strdup(user);
        bool ended = without_network(want);
        if (has_section(user) || !ended) {
            if (!has_section(user))
                refused(a, user);
            free(user);
            free(want);
            continue;
        }
        char *once = render(random_intent(a, seed), rule_releases[seed % 11], user);
        char *twice = render(random_intent(a, seed), rule_releases[seed % 11], once);
        if (strcmp(once, twice) != 0)
            fail_msg("seed %u: rendered again it is another file\n--- user\n%s\n--- once\n%s\n--- "
                     "twice\n%s",
                seed, user, once, twice);
        char *left = strdup(once);
        without_sections(left);
        if (strcmp(left, want) != 0)
            fail_msg("seed %u\n--- user\n%s\n--- wanted\n%s\n--- got\n%s\n--- of\n%s", seed, user,
                want, left, once);
        checked += strcmp(want, user) != 0;
        free(user);
        free(once);
        free(twice);
        free(left);
        free(want);
    }
    assert_true(checked > 500); /* many did have network commands */
}

static void where_the_commands_go(void **state)
{
    (void)state;
    static struct kl_link eth0 = {
        .name = "eth0", .ip4 = {.method = KL_DHCP, .gateway = KL_GATEWAY_LEARNT}};
    static const struct kl_intent i = {.links = &eth0, .nlinks = 1};
#define OURS                                                                                       \
    "# kickline: begin network\n# The install goes by eth0\nnetwork --device=eth0 --activate "     \
    "--onboot=yes --bootproto=dhcp "                                                               \
    "--noipv6\n# kickline: end network\n"
    static const struct {
        const char *user, *out;
    } cases[] = {
        {"", OURS},
        {"text\n", "text\n" OURS},
        {"text", "text\n# kickline: begin network (the line before it had no end)\n"
                 "# The install goes by eth0\nnetwork "
                 "--device=eth0 --activate --onboot=yes --bootproto=dhcp --noipv6\n"
                 "# kickline: end network\n"},
        {"a\nnetwork --device=x\nb\nnetwork --device=y\nc\n", "a\n" OURS "b\nc\n"},
        {"a\n%post\nnetwork\n%end\n", "a\n" OURS "%post\nnetwork\n%end\n"},
        {"%include x\nnetwork x", "%include x\n" OURS},
        {"a\r\nnetwork x\r\nb\r\n",
            "a\r\n# kickline: begin network\r\n# The install goes by eth0\r\nnetwork --device=eth0 "
            "--activate --onboot=yes "
            "--bootproto=dhcp --noipv6\r\n# kickline: end network\r\nb\r\n"},
    };
#undef OURS
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char *got = render(&i, "rhel-9.6", cases[k].user);
        assert_string_equal(got, cases[k].out);
        free(got);
    }
}

static void an_include_is_noted(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_buf out KL_BUF_SCOPE = {0};
    const struct kl_intent i = {0};
    assert_true(kl_kickstart_render(
        &i, release(a, "rhel-9.6"), "text\n%include /tmp/net.ks\n", "user.ks", &out, d));
    assert_int_equal(kl_diags_count(d, KL_NOTE), 1);
    assert_string_equal(kl_diags_at(d, 0)->code, "kickstart-include");
    assert_int_equal(kl_diags_at(d, 0)->at.line, 2);
}

/* --- commands of others ------------------------------------------------------------------------*/

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

/* The kickstart of the first field report: Oracle Linux 7.2 over a bond. */
static void a_bond_of_2016(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_intent *i = kl_kickstart_parse(a,
        "install\nnetwork --device=bond0 --bondopts=mode=6,miimon=100 "
        "--bondslaves=enp3s0,enp7s0 --bootproto=static --gateway=192.0.2.1 --ip=192.0.2.7 "
        "--nameserver=192.0.2.53,192.0.2.54 --netmask=255.255.255.0 --noipv6 "
        "--hostname=\"old.example.net\" # ours\n%post\nnetwork --device=no\n%end\n",
        "old.ks", release(a, "ol-7.2"), d);
    fact(i, NULL, "hostname", "old.example.net");
    fact(i, NULL, "dns", "192.0.2.53, 192.0.2.54");
    fact(i, "bond0", "mode", "balance-alb");
    fact(i, "bond0", "option miimon", "100");
    fact(i, "bond0", "ports", "enp3s0, enp7s0");
    fact(i, "bond0", "addresses4", "192.0.2.7/24");
    fact(i, "bond0", "gateway4", "192.0.2.1");
    fact(i, "bond0", "ipv6", NULL);
    assert_null(kl_link_find(i, "no"));
    assert_string_equal(i->install, "bond0");
    assert_int_equal(kl_link_find(i, "bond0")->at.line, 2);
    assert_int_equal(kl_diags_count(d, KL_NOTE), 0);
}

static void one_command(void **state)
{
    (void)state;
    static const struct {
        const char *line, *link, *field, *value;
    } cases[] = {
        {"--device=eth0", "eth0", "ipv4", "dhcp"},
        {"--device=eth0", "eth0", "ipv6", "auto"},
        {"--device eth0 --noipv4", "eth0", "ipv4", NULL},
        {"--device=eth0 --ipv6=2001:db8::1", "eth0", "addresses6", "2001:db8::1/64"},
        {"--device=eth0 --ipv6=2001:db8::1/80", "eth0", "addresses6", "2001:db8::1/80"},
        {"--device=eth0 --ipv6=2001:db8::1 --ipv6gateway=fe80::1", "eth0", "gateway6", "fe80::1"},
        {"--device=eth0 --ipv6=2001:db8::1", "eth0", "gateway6", NULL},
        {"--device=eth0 --ipv6=dhcp", "eth0", "ipv6", "dhcp"},
        {"--device=eth0 --nodefroute", "eth0", "gateway4", NULL},
        {"--device=eth0 --vlanid=7", "eth0.7", "vlan", "7"},
        {"--device=eth0 --vlanid=7 --interfacename=vlan7", "vlan7", "parent", "eth0"},
        {"--device=bond0 --bondslaves=a,b --vlanid=7", "bond0", "ports", "a, b"},
        {"--device=bond0 --bondslaves=a,b --vlanid=7", "bond0", "ipv4", NULL},
        {"--device=bond0 --bondslaves=a,b --vlanid=7", "bond0.7", "ipv4", "dhcp"},
        {"--device=bond0 --bondslaves=a --bondopts='mode=1;arp_ip_target=192.0.2.1,192.0.2.2'",
            "bond0", "option arp_ip_target", "192.0.2.1,192.0.2.2"},
        {"--device=br0 --bridgeslaves=a,b --bridgeopts=stp=no,priority=9", "br0", "option stp",
            "no"},
        {"--device=eth0 --mtu=9000", "eth0", "mtu", "9000"},
        {"--device=eth0 --ipv4-dns-search=a.example,b.example", NULL, "search",
            "a.example, b.example"},
        {"--hostname=only.example.net", NULL, "hostname", "only.example.net"},
        {"--dev=eth0 --bootp=static --ip=192.0.2.1 --netm=255.255.255.128", "eth0", "addresses4",
            "192.0.2.1/25"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        const char *text = kl_sprintf(a, "network %s\n", cases[k].line);
        struct kl_intent *i = kl_kickstart_parse(a, text, "one.ks", release(a, "rhel-9.6"), d);
        fact(i, cases[k].link, cases[k].field, cases[k].value);
        if (kl_diags_count(d, KL_NOTE))
            fail_msg("%s: %s", cases[k].line, kl_diags_at(d, 0)->message);
    }
}

/* A mistake is said, with its place; the rest of the line counts all the same. */
static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *line, *code;
        unsigned col;
    } cases[] = {
        {"network --device=eth0 --bogus=1", "not-understood", 23},
        {"network --device=eth0 stray", "not-understood", 23},
        {"network --device=eth0 --bootproto=static --ipv6=2001:db8::1", "static-without-ip", 35},
        {"network --device=eth0 --ipv6=[2001:db8::1]", "kickstart-value", 30},
        {"network --device=eth0 --ipv6=2001:db8::1 --ipv6gateway=[fe80::1]", "kickstart-value", 56},
        {"network --device=eth0 --nameserver=192.0.2.53,nonsense", "kickstart-value", 47},
        {"network --device=bond0 --bondslaves=a --bondopts=mode=9", "kickstart-value", 50},
        {"network --device=bond0 --bondslaves=a --bondopts=mode=4,miimon=x", "kickstart-value", 57},
        {"network --device=team0 --teamslaves=a", "not-understood", 24},
        {"network --device=eth0 --mtu=big", "kickstart-value", 29},
        {"network --device=eth0 --vlanid=x", "kickstart-value", 32},
        {"network --device=\"eth0", "kickstart-value", 9},
        {"network --device=52:54:00:12:34:56", "not-understood", 18},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        assert_non_null(kl_kickstart_parse(a, cases[k].line, "bad.ks", release(a, "rhel-9.6"), d));
        const struct kl_diag *first = kl_diags_at(d, 0);
        if (!first)
            fail_msg("%s: nothing is said", cases[k].line);
        assert_string_equal(first->code, cases[k].code);
        if (first->at.col != cases[k].col)
            fail_msg("%s: column %u", cases[k].line, first->at.col);
    }
}

/* What is right for one release stops another. */
static void by_release(void **state)
{
    (void)state;
    static const struct {
        const char *line, *release, *code; /* NULL: nothing is said */
    } cases[] = {
        {"--device=a --no-activate", "ol-7.2", "option-too-new"},
        {"--device=a --no-activate", "rhel-7.3", NULL},
        {"--device=a --bindto=mac", "rhel-7.4", "option-too-new"},
        {"--device=a --bindto=mac", "rhel-7.5", NULL},
        {"--device=a --ipv4-dns-search=x.example", "rhel-8.8", "option-too-new"},
        {"--device=a --ipv4-dns-search=x.example", "rhel-8.9", NULL},
        {"--device=a --ipv6-ignore-auto-dns", "rhel-9.2", "option-too-new"},
        {"--device=a --ipv6-ignore-auto-dns", "rhel-9.3", NULL},
        {"--device=a --noipv4", "ol-7.2", "noipv4-ignored"},
        {"--device=a --noipv4", "rhel-7.3", NULL},
        {"--device=a --noipv4", "centos-6.9", NULL},
        {"--device=a --ipv6=2001:db8::1 --ipv6gateway=fe80::1", "centos-6.9", "option-too-new"},
        {"--device=a --bondslaves=b,c --bondopts=mode=4", "centos-6.9", NULL},
        {"--device=a --vlanid=5 --interfacename=vlan6", "centos-7.9", "kickstart-value"},
        {"--device=a --vlanid=5 --interfacename=vlan6", "rhel-8.0", NULL},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        const char *text = kl_sprintf(a, "network %s\n", cases[k].line);
        kl_kickstart_parse(a, text, "one.ks", release(a, cases[k].release), d);
        const struct kl_diag *first = kl_diags_at(d, 0);
        if (!kl_streq(first ? first->code : NULL, cases[k].code))
            fail_msg("%s on %s: %s", cases[k].line, cases[k].release,
                first ? first->message : "nothing is said");
    }
}

/* Somebody added a command beside Kickline's section: then the commands count, and both are seen.
 */
static void commands_beside_ours(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    char *text = render(random_intent(a, 3), "centos-7.9", "text\n");
    const char *more = kl_sprintf(a, "network --device=extra0 --noipv6\n%s", text);
    struct kl_intent *i = kl_kickstart_parse(a, more, "out.ks", release(a, "centos-7.9"), d);
    fact(i, "extra0", "ipv4", "dhcp");
    assert_true(i->nlinks > 1);
    free(text);
}

static void vlan_names_of_el7(void **state)
{
    (void)state;
    static const struct {
        const char *name, *release;
        bool said;
    } cases[] = {{"eth0.5", "centos-7.9", true}, {"vlan5", "centos-7.9", true},
        {"vlan6", "centos-7.9", false}, {"vlan.5", "centos-7.9", false},
        {"eth0.6", "centos-7.9", false}, {"storage", "centos-7.9", true},
        {"vlan6", "rhel-9.6", true}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_buf out KL_BUF_SCOPE = {0};
        struct kl_link links[] = {
            {.name = "eth0"}, {.name = cases[k].name,
                                  .kind = KL_VLAN,
                                  .parent = "eth0",
                                  .vlan = 5,
                                  .ip4 = {.method = KL_DHCP, .gateway = KL_GATEWAY_LEARNT}}};
        struct kl_intent i = {.links = links, .nlinks = 2};
        if (kl_kickstart_render(&i, release(a, cases[k].release), NULL, NULL, &out, d) !=
            cases[k].said)
            fail_msg("%s on %s", cases[k].name, cases[k].release);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(the_users_bytes_pass),
        cmocka_unit_test(where_the_commands_go),
        cmocka_unit_test(an_include_is_noted),
        cmocka_unit_test(a_bond_of_2016),
        cmocka_unit_test(one_command),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(by_release),
        cmocka_unit_test(commands_beside_ours),
        cmocka_unit_test(vlan_names_of_el7),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
