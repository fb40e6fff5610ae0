/* stage/: a kickstart read whole, with the place of everything in it. */
#include "golden.h"

#include "net/facts.h"
#include "stage/read.h"

static const struct kl_release *release(struct kl_arena *a, const char *name)
{
    const char *why = NULL;
    const struct kl_release *r = kl_release_find(a, name, &why);
    assert_non_null(r);
    return r;
}

struct reading {
    struct kl_arena *a;
    struct kl_diags *d;
    const char *text;
    struct kl_kickstart *k;
};

/* Files that a test has beside the kickstart: name, text, name, text, NULL. */
static bool find(void *arg, const char *path, const char *from, const char **file,
    const char **text, size_t *len)
{
    assert_string_equal(from, "a.ks");
    for (const char *const *f = arg; *f; f += 2)
        if (strcmp(f[0], path) == 0) {
            *file = f[0];
            *text = f[1];
            *len = strlen(f[1]);
            return true;
        }
    return false;
}

static struct reading read_with(const char *text, const char *rel, const char *const *others)
{
    struct reading x = {kl_arena_new(), kl_diags_new(), text, NULL};
    const struct kl_finder files = {find, (void *)others};
    x.k = kl_kickstart_read(
        x.a, text, strlen(text), "a.ks", release(x.a, rel), others ? &files : NULL, x.d);
    return x;
}

static struct reading read_ks(const char *text)
{
    return read_with(text, "rhel-9.6", NULL);
}

static void done(struct reading *x)
{
    kl_arena_free(x->a);
    kl_diags_free(x->d);
}

/* What stands in a source at a place. */
static const char *shown(const struct reading *x, struct kl_place at)
{
    const char *text = kl_diags_text(x->d, at.file, NULL), *s = text;
    assert_non_null(text);
    for (unsigned line = 1; line < at.line; line++) {
        s = strchr(s, '\n');
        assert_non_null(s);
        s++;
    }
    assert_true(strlen(s) >= at.col - 1 + at.width);
    return kl_strndup(x->a, s + at.col - 1, at.width);
}

static void codes(const struct reading *x, const char *want)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t k = 0; kl_diags_at(x->d, k); k++)
        kl_buf_addf(&b, "%s%s", k ? " " : "", kl_diags_at(x->d, k)->code);
    if (strcmp(kl_buf_text(&b), want) != 0) {
        kl_diags_print(x->d, stderr, false, 0);
        fail_msg("wanted '%s', got '%s' of\n%s", want, kl_buf_text(&b), x->text);
    }
}

/* --- commands ----------------------------------------------------------------------------------*/

/* Words as Python's shlex.split(line, comments=True) has them (run with 3.11), parted by '|'; and
 * what stands where they are said to stand. */
static void words(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words, *places;
    } cases[] = {
        {"lang en_US", "lang|en_US", "en_US"},
        {"  lang\ten_US \r\n", "lang|en_US", "en_US"},
        {"rootpw a#b c", "rootpw|a", "a"},
        {"rootpw a\\#b c", "rootpw|a#b|c", "a\\#b|c"},
        {"x 'b#c' d # e", "x|b#c|d", "'b#c'|d"},
        {"x a\"b c\"d", "x|ab cd", "a\"b c\"d"},
        {"x \"a \\\" \\\\ \\n\"", "x|a \" \\ \\n", "\"a \\\" \\\\ \\n\""},
        {"x 'a\\' b", "x|a\\|b", "'a\\'|b"},
        {"x '' y", "x||y", "''|y"},
        {"x --a=\"b c\"#d", "x|--a=b c", "--a=\"b c\""},
        {"# x", "", ""},
        {"bootloader --append=\"a b\" --x", "bootloader|--append=a b|--x", "--append=\"a b\"|--x"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct reading x = read_ks(cases[k].line);
        struct kl_buf got KL_BUF_SCOPE = {0}, places KL_BUF_SCOPE = {0};
        if (x.k->ncommands)
            kl_buf_add(&got, x.k->commands[0].name);
        for (size_t w = 0; x.k->ncommands && w < x.k->commands[0].n; w++) {
            const struct kl_arg *arg = &x.k->commands[0].args[w];
            kl_buf_addf(&got, "|%s", arg->text);
            kl_buf_addf(&places, "%s%s", w ? "|" : "", shown(&x, arg->at));
            assert_int_equal(arg->verbatim, strcmp(shown(&x, arg->at), arg->text) == 0);
        }
        assert_string_equal(kl_buf_text(&got), cases[k].words);
        assert_string_equal(kl_buf_text(&places), cases[k].places);
        codes(&x, "");
        done(&x);
    }
}

static void a_quote_that_is_not_closed(void **state)
{
    (void)state;
    struct reading x = read_ks("lang en\ntimezone 'Europe/Berlin\nkeyboard de\n");
    codes(&x, "kickstart-value");
    assert_int_equal(kl_diags_at(x.d, 0)->severity, KL_ERROR);
    assert_int_equal(kl_diags_at(x.d, 0)->at.line, 2);
    assert_int_equal(x.k->ncommands, 3);
    done(&x);
}

/* --- sections ----------------------------------------------------------------------------------*/

static void sections(void **state)
{
    (void)state;
    struct reading x = read_ks("lang en\n%pre --interpreter=/bin/bash\nnetwork --device=no\n"
                               "\n%end\r\n%packages\n@core\n-%post\n%end # of it\n"
                               "%post --nochroot --log=/x\n%endless\n %end\n"
                               "%post\n%end\n%addon com_redhat_kdump --enable\n%end\nreboot\n");
    static const struct {
        const char *name, *body;
        unsigned line;
        size_t args;
        bool outside;
    } want[] = {
        {"%pre", "network --device=no\n\n", 3, 1, true},
        {"%packages", "@core\n-%post\n", 7, 0, false},
        {"%post", "%endless\n", 11, 2, true},
        {"%post", "", 14, 0, false},
        {"%addon", "", 16, 2, false},
    };
    codes(&x, "");
    assert_int_equal(x.k->nsections, 5);
    for (size_t k = 0; k < 5; k++) {
        const struct kl_ks_section *s = &x.k->sections[k];
        assert_string_equal(s->name, want[k].name);
        assert_string_equal(s->body, want[k].body);
        assert_int_equal(s->body_line, want[k].line);
        assert_int_equal(s->at.line, want[k].line - 1);
        assert_int_equal(s->n, want[k].args);
        assert_int_equal(s->outside, want[k].outside);
        assert_true(s->ended);
    }
    assert_int_equal(x.k->ncommands, 2);
    assert_null(kl_link_find(x.k->network, "no"));
    done(&x);
}

static void sections_without_end(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
        size_t sections, commands;
    } cases[] = {
        {"lang en\n%post\nreboot\n", 2, 1, 1},
        {"%packages\n@core\n%post\necho\n%end\nreboot\n", 1, 2, 1},
        {"%post", 1, 1, 0},
        {"%post\n%endif\n%%end\n", 1, 1, 0},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct reading x = read_ks(cases[k].text);
        codes(&x, "section-unended");
        assert_int_equal(kl_diags_at(x.d, 0)->at.line, cases[k].line);
        assert_int_equal(x.k->nsections, cases[k].sections);
        assert_int_equal(x.k->ncommands, cases[k].commands);
        assert_false(x.k->sections[0].ended);
        done(&x);
    }
}

/* --- includes ----------------------------------------------------------------------------------*/

static void includes(void **state)
{
    (void)state;
    static const char *const others[] = {"http://192.0.2.1/net.ks",
        "# the network\nnetwork --device=eth0 --ipv6=2001:db8::1\n%include more.ks\n", "more.ks",
        "network --device=eth1 --activate\n%post\n:\n%end\n", NULL};
    struct reading x =
        read_with("lang en\n%include http://192.0.2.1/net.ks\nreboot\n", "rhel-9.6", others);
    static const struct {
        const char *name, *from, *file;
        unsigned line;
    } want[] = {
        {"lang", NULL, "a.ks", 1},
        {"%include", NULL, "a.ks", 2},
        {"network", "http://192.0.2.1/net.ks", "http://192.0.2.1/net.ks", 2},
        {"%include", "http://192.0.2.1/net.ks", "http://192.0.2.1/net.ks", 3},
        {"network", "more.ks", "more.ks", 1},
        {"reboot", NULL, "a.ks", 3},
    };
    codes(&x, "");
    assert_int_equal(x.k->ncommands, sizeof want / sizeof *want);
    for (size_t k = 0; k < x.k->ncommands; k++) {
        const struct kl_ks_command *c = &x.k->commands[k];
        assert_string_equal(c->name, want[k].name);
        assert_true(kl_streq(c->from, want[k].from));
        assert_string_equal(c->at.file, want[k].file);
        assert_int_equal(c->at.line, want[k].line);
    }
    assert_int_equal(x.k->ndevices, 2);
    assert_string_equal(
        shown(&x, kl_intent_said(x.k->network, "eth0", "addresses6")), "2001:db8::1");
    assert_int_equal(x.k->nsections, 1);
    done(&x);
}

static void what_cannot_be_included(void **state)
{
    (void)state;
    static const char *const others[] = {"self.ks", "%include self.ks\n%include self.ks\n", NULL};
    struct reading x = read_ks("%include /tmp/net.ks\nnetwork --device=eth0\n");
    codes(&x, "include-missing");
    assert_int_equal(x.k->ncommands, 2);
    done(&x);
    x = read_with("%ksappend nothing.ks\n%include\n", "rhel-9.6", others);
    codes(&x, "include-missing include-missing");
    done(&x);
    x = read_with("%include self.ks\n", "rhel-9.6", others);
    assert_true(kl_diags_count(x.d, KL_NOTE) > 1); /* and it ends */
    assert_true(x.k->ncommands < 1000);
    done(&x);
}

/* --- said --------------------------------------------------------------------------------------*/

static void where_facts_are_said(void **state)
{
    (void)state;
    static const struct {
        const char *line, *link, *field, *shown;
    } cases[] = {
        {"--device=eth0 --ip=192.0.2.1 --netmask=255.255.255.0 --bootproto=static", "eth0",
            "addresses4", "192.0.2.1"},
        {"--device eth0 --ip 192.0.2.1 --netmask 255.255.255.0 --bootproto static", "eth0",
            "prefix4", "255.255.255.0"},
        {"--device=eth0 --ip=192.0.2.1 --netmask=255.255.255.0 --bootproto=static", "eth0", "ipv4",
            "static"},
        {"--device=eth0 --noipv4", "eth0", "ipv4", "--noipv4"},
        {"--device=eth0 --noipv6", "eth0", "ipv6", "--noipv6"},
        {"--device=eth0 --ipv6=\"2001:db8::1/80\"", "eth0", "addresses6", "2001:db8::1/80"},
        {"--device=eth0 --ipv6='2001:db8::1/80'", "eth0", "prefix6", "80"},
        {"--device=eth0 --ipv6=2001:db8::1 --ipv6gateway=fe80::1", "eth0", "gateway6", "fe80::1"},
        {"--device=eth0 --nodefroute", "eth0", "gateway4", "--nodefroute"},
        {"--device=eth0 --mtu=9000", "eth0", "mtu", "9000"},
        {"--device=eth0 --nameserver=192.0.2.1,192.0.2.2", NULL, "dns", "192.0.2.1,192.0.2.2"},
        {"--device=eth0 --hostname=h", NULL, "hostname", "h"},
        {"--device=eth0 --hostname=h", NULL, "install", "eth0"},
        {"--device=b --bondslaves=p1,p2 --bondopts=mode=4,miimon=100", "b", "mode", "mode=4"},
        {"--device=b --bondslaves=p1,p2 --bondopts=\"mode=4;miimon=100\"", "b", "option miimon",
            "miimon=100"},
        {"--device=b --bondslaves=p1,p2", "b", "ports", "p1,p2"},
        {"--device=b --bondslaves=p1,p2", "b", "kind", "b"},
        {"--device=b --bondslaves=p1,p2", "p2", "kind", "p2"},
        {"--device=b --bridgeslaves=p1 --bridgeopts=stp=no,priority=1", "b", "option priority",
            "priority=1"},
        {"--device=eth0 --vlanid=7", "eth0.7", "vlan", "7"},
        {"--device=eth0 --vlanid=7", "eth0.7", "parent", "eth0"},
        {"--device=eth0 --vlanid=7 --interfacename=vlan7", "vlan7", "kind", "vlan7"},
        {"--device=eth0 --vlanid=7 --ipv6=2001:db8::1", "eth0.7", "addresses6", "2001:db8::1"},
        {"--device=52:54:00:12:34:56", "52:54:00:12:34:56", "mac", "52:54:00:12:34:56"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct reading x = read_ks(kl_sprintf(a, "\n  network  %s # it\n", cases[k].line));
        const char *got = shown(&x, kl_intent_said(x.k->network, cases[k].link, cases[k].field));
        if (strcmp(got, cases[k].shown) != 0)
            fail_msg("%s: %s %s is said at '%s'", cases[k].line,
                cases[k].link ? cases[k].link : "host", cases[k].field, got);
        done(&x);
    }
}

static void where_it_is_not_said(void **state)
{
    (void)state;
    struct reading x = read_ks("\n network --bootproto=dhcp\r\n");
    codes(&x, "");
    assert_string_equal(x.k->network->install, "link");
    assert_string_equal(
        shown(&x, kl_intent_said(x.k->network, "link", "kind")), "network --bootproto=dhcp");
    done(&x);
}

static void hostnames(void **state)
{
    (void)state;
    struct reading x =
        read_ks("network --hostname=first\nnetwork --device=eth0 --hostname=second\n");
    assert_string_equal(x.k->network->hostname, "first");
    assert_string_equal(shown(&x, kl_intent_said(x.k->network, NULL, "hostname")), "first");
    assert_int_equal(x.k->ndevices, 1);
    done(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(a_quote_that_is_not_closed),
        cmocka_unit_test(sections),
        cmocka_unit_test(sections_without_end),
        cmocka_unit_test(includes),
        cmocka_unit_test(what_cannot_be_included),
        cmocka_unit_test(where_facts_are_said),
        cmocka_unit_test(where_it_is_not_said),
        cmocka_unit_test(hostnames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
