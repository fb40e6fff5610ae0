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

/* What somebody keeps for a program that fills it in. */
static void templates(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "network --device={{ dev }} --bootproto=static --ip={{ ip }}\n",
        "network --bootproto=static --ip=$ip --hostname=${name}\n",
        "network --hostname=<%= @host.name %> --device=eth0\n",
        "network --hostname=@@NAME@@\n",
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct reading x = read_ks(kl_sprintf(a, "{%% if x %%}\n%% if x:\n%s", cases[k]));
        codes(&x, "not-understood");
        assert_int_equal(x.k->network->nlinks, 0);
        assert_null(x.k->network->hostname);
        assert_int_equal(x.k->nsections, 0);
        done(&x);
    }
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

/* --- scripts -----------------------------------------------------------------------------------*/

/* What a script writes, a line each: whether it is certain ('!' or '?'), '+' when it appends, where
 * its text begins in the script (LINE:COL or -), the path, and the text. */
static const char *written(const struct reading *x)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t k = 0; k < x->k->nwritten; k++) {
        const struct kl_ks_written *w = &x->k->written[k];
        kl_buf_addf(&b, "%c%s", w->certain ? '!' : '?', w->appends ? "+" : "");
        if (w->text_line)
            kl_buf_addf(&b, "%u:%u", w->text_line - 1, w->text_col);
        else
            kl_buf_addc(&b, '-');
        kl_buf_addf(&b, " %s \"%s\"|", w->path, w->text);
    }
    return kl_strdup(x->a, kl_buf_text(&b));
}

static const struct script {
    const char *body, *written;
} scripts[] = {
    /* here-documents */
    {"cat > /f <<EOF\na\nb\nEOF\n", "!2:0 /f \"a\nb\n\"|"},
    {"cat <<EOF >/f\na\nEOF\n", "!2:0 /f \"a\n\"|"},
    {"cat >>/f <<'EOF'\n$a\nEOF\necho x\n", "!+2:0 /f \"$a\n\"|"},
    {"cat > /f <<\"E F\"\n`a`\nE F\n", "!2:0 /f \"`a`\n\"|"},
    {"cat > /f <<\\EOF\n$(a)\nEOF\n", "!2:0 /f \"$(a)\n\"|"},
    {"cat > /f <<EOF\n$(date)\nEOF\n", "?2:0 /f \"$(date)\n\"|"},
    {"cat > /f <<EOF\n$a ${b}\nEOF\n", "?2:0 /f \"$a ${b}\n\"|"},
    {"cat > /f <<EOF\n\\$a \\\\ \\x\nEOF\n", "!- /f \"$a \\ \\x\n\"|"},
    {"if=eth0\ncat > /f-$if <<EOF\nDEVICE=${if}\nEOF\n", "!- /f-eth0 \"DEVICE=eth0\n\"|"},
    {"cat > /f <<-EOF\n\ta\n\tEOF\n", "!- /f \"a\n\"|"},
    {"cat > /f <<-EOF\na\n\tEOF\n", "!2:0 /f \"a\n\"|"},
    {"cat > /f <<EOF\na\n", "?2:0 /f \"a\n\"|"},
    {"cat > /f <<A; cat > /g <<B\na\nA\nb\nB\necho c >/h\n",
        "!2:0 /f \"a\n\"|!4:0 /g \"b\n\"|!6:5 /h \"c\n\"|"},
    {"cat > /f <<A &&\na\nA\necho b >/g\n", "!2:0 /f \"a\n\"|!4:5 /g \"b\n\"|"},
    {"cat > /f <<EOF\r\na\r\nEOF\r\necho b > /g\r\n", "!2:0 /f \"a\n\"|!4:5 /g \"b\n\"|"},
    {"tee /f <<EOF\na\nEOF\n", "!2:0 /f \"a\n\"|"},
    {"cat <<EOF | tee -a /f > /dev/null\na\nEOF\n", "!+2:0 /f \"a\n\"|"},
    {"cat <<< 'a b' > /f\n", "!1:9 /f \"a b\n\"|"},
    {"bash <<EOF\necho a > /f\nEOF\n", ""},
    /* echo and printf */
    {"echo SLAVE=yes >> /f", "!+1:5 /f \"SLAVE=yes\n\"|"},
    {"echo \"SLAVE=yes\" >> /f", "!+1:6 /f \"SLAVE=yes\n\"|"},
    {"  echo 'a  b' > /f", "!1:8 /f \"a  b\n\"|"},
    {"echo a b c > /f", "!1:5 /f \"a b c\n\"|"},
    {"echo a   b > /f", "!- /f \"a b\n\"|"},
    {"echo a \"b\" > /f", "!- /f \"a b\n\"|"},
    {"echo -n a > /f", "!1:8 /f \"a\"|"},
    {"echo -e 'a\\nb' > /f", "!- /f \"a\nb\n\"|"},
    {"echo 'a\\nb' > /f", "!1:6 /f \"a\\nb\n\"|"},
    {"echo \"a\nb\" > /f", "!- /f \"a\nb\n\"|"},
    {"echo a > /f 2>&1", "!1:5 /f \"a\n\"|"},
    {"> /f echo a", "!1:10 /f \"a\n\"|"},
    {"echo a 1> /f", "!1:5 /f \"a\n\"|"},
    {"echo a 2> /f", ""},
    {"echo a >&2", ""},
    {"echo a > /dev/tty1", ""},
    {"echo $(date) > /f", "?1:5 /f \"$(date)\n\"|"},
    {"echo * > /f", "?1:5 /f \"*\n\"|"},
    {"printf 'a=%s\\n' 1 2 > /f", "!- /f \"a=1\na=2\n\"|"},
    {"printf '%5s' x > /f", "?- /f \"%5s\"|"},
    {": > /f", "!- /f \"\"|"},
    {"ip a > /f", "?- /f \"\"|"},
    {"echo a # > /f\n# echo b > /g", ""},
    {"echo a \\\n  > /f", "!1:5 /f \"a\n\"|"},
    /* groups */
    {"{ echo a; echo b; } > /f", "!- /f \"a\nb\n\"|"},
    {"{\n echo a\n} >> /f", "!+2:6 /f \"a\n\"|"},
    {"(\necho a > /f\n) 2>&1 | tee /log", "!2:5 /f \"a\n\"|!- /log \"\"|"},
    {"{ echo a; if b; then echo c; fi; } > /f", "?- /f \"a\nc\n\"|"},
    /* what decides whether it runs */
    {"if [ -d /x ]; then\necho a > /f\nelse\necho b > /g\nfi\necho c > /h",
        "?2:5 /f \"a\n\"|?4:5 /g \"b\n\"|!6:5 /h \"c\n\"|"},
    {"test -e /x && echo a > /f", "?1:19 /f \"a\n\"|"},
    {"mkdir -p /x && echo a > /f || echo b > /g", "!1:20 /f \"a\n\"|?1:35 /g \"b\n\"|"},
    {"while read x; do echo $x > /f; done < /g", "?1:22 /f \"$x\n\"|"},
    {"case $x in a) echo a > /f ;; b|c) echo b > /g; esac\necho c > /h",
        "?1:19 /f \"a\n\"|?1:39 /g \"b\n\"|!2:5 /h \"c\n\"|"},
    {"f() { echo a > /f; }\nfunction g {\necho b > /g\n}\necho c > /h",
        "?1:11 /f \"a\n\"|?3:5 /g \"b\n\"|!5:5 /h \"c\n\"|"},
    {"exit 0\necho a > /f", ""},
    {"[ -e /x ] && exit 0\necho a > /f", "!2:5 /f \"a\n\"|"},
    {"[[ $a > $b ]]\necho a > /f", "!2:5 /f \"a\n\"|"},
    {"((a > b))\nx=$((1 > 2))\necho a > /f", "!3:5 /f \"a\n\"|"},
    {"done\necho a > /f", "?2:5 /f \"a\n\"|"},
    /* loops over words */
    {"for i in 1 2; do\necho SLAVE=yes >> /f$i\ndone",
        "!+2:5 /f1 \"SLAVE=yes\n\"|!+2:5 /f2 \"SLAVE=yes\n\"|"},
    {"l='a b'\nfor i in $l; do cat > /$i <<E\n$i\nE\ndone", "!- /a \"a\n\"|!- /b \"b\n\"|"},
    {"for i in /sys/*; do echo a > /f; done", "?1:25 /f \"a\n\"|"},
    {"for i in a b; do\nfor j in 1 2; do echo $i$j; done; done > /f",
        "!- /f \"a1\na2\nb1\nb2\n\"|"},
    /* variables */
    {"D=/etc; F=\"$D/f\"\necho a > \"$F\"", "!2:5 /etc/f \"a\n\"|"},
    {"export D=/etc\necho a > ${D}/f", "!2:5 /etc/f \"a\n\"|"},
    {"D=`pwd`\necho a > $D/f", "?2:5 /$D/f \"a\n\"|"},
    {"D=/a\nif x; then D=/b; fi\necho a > $D/f", "?3:5 /$D/f \"a\n\"|"},
    {"D=/a\nread D\necho a > $D/f", "?3:5 /$D/f \"a\n\"|"},
    {"D=/a\n. /tmp/x\necho a > $D/f", "?3:5 /$D/f \"a\n\"|"},
    {"A=(1 2)\necho a > /f", "!2:5 /f \"a\n\"|"},
    {"D=/a cmd\necho a > $D/f", "?2:5 /$D/f \"a\n\"|"},
    /* where the shell is */
    {"cd /etc//x/\necho a > f", "!2:5 /etc/x/f \"a\n\"|"},
    {"cd $x\necho a > f", "?2:5 f \"a\n\"|"},
    {"(cd /x)\ncd /etc || exit 1\necho a > ./f", "!3:5 /etc/f \"a\n\"|"},
    {"exec > /root/log 2>&1\nexec < /dev/tty3 > >(tee /x)\necho a >| /f",
        "?- /root/log \"\"|!3:5 /f \"a\n\"|"},
    /* what is not read */
    {"sed -i s/a/b/ /etc/sysconfig/network-scripts/ifcfg-eth0\nsed s/a/b/ /x\nmv /x /y",
        "?- /etc/sysconfig/network-scripts/ifcfg-eth0 \"\"|"},
};

static void what_scripts_write(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof scripts / sizeof *scripts; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct reading x = read_ks(kl_sprintf(
            a, "%%post\n%s%s%%end\n", scripts[k].body, kl_ends(scripts[k].body, "\n") ? "" : "\n"));
        if (strcmp(written(&x), scripts[k].written) != 0)
            fail_msg(
                "%s\nwanted %s\n   got %s\n", scripts[k].body, scripts[k].written, written(&x));
        for (size_t w = 0; w < x.k->nwritten; w++) {
            const struct kl_ks_written *f = &x.k->written[w];
            size_t n = strcspn(f->text, "\n");
            struct kl_place at = {"a.ks", f->text_line, f->text_col + 1, (unsigned)n};
            shown(&x, f->at);
            if (f->text_line && memcmp(shown(&x, at), f->text, n) != 0)
                fail_msg("%s: its text is not at %u:%u", scripts[k].body, at.line, at.col);
        }
        done(&x);
    }
}

static void where_scripts_run(void **state)
{
    (void)state;
    static const struct script cases[] = {
        {"%pre\necho a > /mnt/sysimage/f\necho b > /tmp/g\n%end\n",
            "!1:5 /f \"a\n\"|!2:5 /tmp/g \"b\n\"|"},
        {"%post --nochroot\necho a > /mnt/sysroot//f\n%end\n", "!1:5 /f \"a\n\"|"},
        {"%post --nochroot\necho a > $ANA_INSTALL_PATH/f\n%end\n", "!1:5 /f \"a\n\"|"},
        {"%post\necho a > /mnt/sysimage/f\n%end\n", "!1:5 /mnt/sysimage/f \"a\n\"|"},
        {"%post --interpreter=/usr/bin/python3\necho a > /f\n%end\n", ""},
        {"%post --interpreter /bin/bash\necho a > /f\n%end\n", "!1:5 /f \"a\n\"|"},
        {"%onerror\necho a > /f\n%end\n%packages\necho a > /f\n%end\n", ""},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct reading x = read_ks(cases[k].body);
        assert_string_equal(written(&x), cases[k].written);
        done(&x);
    }
}

/* A file that %pre writes is included as it stands there. */
static void what_pre_writes_is_included(void **state)
{
    (void)state;
    static const char head[] = "%include /tmp/net.ks\n";
    static const struct {
        const char *pre, *shown; /* of the VLAN's address */
        unsigned line;
    } cases[] = {
        {"cat > /tmp/net.ks <<EOF\n# it\nnetwork --device=eth0 --ipv6=2001:db8::1\nEOF\n",
            "2001:db8::1", 5},
        {"echo \"network --device=eth0 --ipv6=2001:db8::1\" > /tmp/net.ks\n", "2001:db8::1", 3},
        {"d=eth0\necho \"network --device=$d --ipv6=2001:db8::1\" > /tmp/net.ks\n",
            "echo \"network --device=$d --ipv6=2001:db8::1\" > /tmp/net.ks", 4},
        {"echo '# it' > /tmp/net.ks\necho network --device=eth0 --ipv6=2001:db8::1 >> "
         "/tmp/net.ks\n",
            "2001:db8::1", 4},
        {"echo x > /tmp/net.ks\necho 'network --device=eth0 --ipv6=2001:db8::1' > /tmp/net.ks\n",
            "2001:db8::1", 4},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct reading x = read_ks(kl_sprintf(a, "%s%%pre\n%s%%end\n", head, cases[k].pre));
        codes(&x, "");
        struct kl_place at = kl_intent_said(x.k->network, "eth0", "addresses6");
        assert_int_equal(at.line, cases[k].line);
        assert_string_equal(shown(&x, at), cases[k].shown);
        assert_string_equal(x.k->commands[1].from, "/tmp/net.ks");
        done(&x);
    }
}

static void what_pre_may_write_is_not(void **state)
{
    (void)state;
    static const char *const others[] = {"/tmp/net.ks", "network --device=eth9\n", NULL};
    static const char *const cases[] = {
        "if x; then echo network > /tmp/net.ks; fi\n",
        "echo \"network --device=$(ls)\" > /tmp/net.ks\n",
        "ip a > /tmp/net.ks\n",
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct reading x = read_with(
            kl_sprintf(a, "%%include /tmp/net.ks\n%%pre\n%s%%end\n", cases[k]), "rhel-9.6", others);
        codes(&x, "include-missing");
        assert_int_equal(x.k->network->nlinks, 0);
        done(&x);
    }
}

/* --- the installed system ----------------------------------------------------------------------*/

static void fact(const struct reading *x, const char *link, const char *field, const char *value)
{
    struct kl_fact *facts;
    if (!x->k->system)
        fail_msg("no system of\n%s", x->text);
    size_t n = kl_intent_facts(x->a, x->k->system, &facts);
    const char *got = kl_fact_value(facts, n, link, field);
    if (!kl_streq(got, value))
        fail_msg("%s %s: wanted '%s', got '%s' of\n%s", link ? link : "host", field,
            value ? value : "nothing", got ? got : "nothing", x->text);
}

#define SCRIPTS "/etc/sysconfig/network-scripts/"
#define BOND                                                                                       \
    "network --device=bond0 --bondopts=mode=6,miimon=100 --bondslaves=enp7s0,enp3s0 "              \
    "--bootproto=static --ip=192.0.2.7 --netmask=255.255.255.0 --gateway=192.0.2.1 --noipv6\n"

/* The repair of the first field report: two lines for each port's file, under anaconda's names. */
static void what_post_appends(void **state)
{
    (void)state;
    struct reading x = read_with(BOND
        "%post\ncd " SCRIPTS "\nfor n in 1 2; do\n"
        "echo SLAVE=yes >> ifcfg-bond0_slave_$n\necho MASTER=bond0 >> ifcfg-bond0_slave_$n\n"
        "done\necho MTU=9000 >> ifcfg-bond0\n%end\n",
        "ol-7.2", NULL);
    struct kl_difference *list;
    static const struct kl_compare how = {.skip_mtu = true};
    codes(&x, "");
    fact(&x, "bond0", "mtu", "9000");
    fact(&x, "bond0", "ports", "enp3s0, enp7s0");
    assert_int_equal(kl_intent_compare(x.a, x.k->network, x.k->system, &how, &list), 0);
    assert_string_equal(shown(&x, kl_intent_said(x.k->system, "bond0", "mtu")), "9000");
    done(&x);
}

/* What public examples do: the bond is made in %post alone. */
static void what_post_writes(void **state)
{
    (void)state;
    struct reading x = read_with("network --device=eth0 --noipv6\n%post\n"
                                 "cat > " SCRIPTS "ifcfg-bond0 <<EOF\nDEVICE=bond0\nTYPE=Bond\n"
                                 "BONDING_MASTER=yes\nBONDING_OPTS=mode=1\nBOOTPROTO=static\n"
                                 "IPADDR=192.0.2.9\nPREFIX=24\nONBOOT=yes\nIPV6INIT=no\nEOF\n"
                                 "for p in eth0 eth1; do\ncat > " SCRIPTS "ifcfg-$p <<EOF\n"
                                 "DEVICE=$p\nMASTER=bond0\nSLAVE=yes\nONBOOT=yes\n"
                                 "BOOTPROTO=none\nEOF\ndone\necho h.example.net > /etc/hostname\n"
                                 "%end\n",
        "centos-7.9", NULL);
    codes(&x, "");
    fact(&x, "bond0", "ports", "eth0, eth1");
    fact(&x, "bond0", "mode", "active-backup");
    fact(&x, "bond0", "addresses4", "192.0.2.9/24");
    fact(&x, "eth0", "ipv4", NULL);
    fact(&x, NULL, "hostname", "h.example.net");
    assert_string_equal(shown(&x, kl_intent_said(x.k->system, "bond0", "addresses4")), "192.0.2.9");
    assert_int_equal(kl_intent_said(x.k->system, "bond0", "addresses4").line, 9);
    done(&x);
}

static void what_post_removes(void **state)
{
    (void)state;
    struct reading x = read_with("network --device=eth0\nnetwork --device=eth1 --activate\n"
                                 "%post --nochroot\nrm -f /mnt/sysimage" SCRIPTS "ifcfg-*\n"
                                 "echo 'DEVICE=eth2' > /mnt/sysimage" SCRIPTS "ifcfg-eth2\n%end\n",
        "centos-7.9", NULL);
    codes(&x, "");
    assert_int_equal(x.k->system->nlinks, 1);
    assert_string_equal(x.k->system->links[0].name, "eth2");
    done(&x);
}

/* A keyfile under another name is anaconda's no longer. */
static void a_keyfile_of_another_name(void **state)
{
    (void)state;
    struct reading x = read_ks("network --device=eth0 --noipv6\nnetwork --device=eth1 --activate\n"
                               "%post\nD=/etc/NetworkManager/system-connections\n"
                               "cat > $D/lan.nmconnection <<'EOF'\n[connection]\nid=lan\n"
                               "type=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=manual\n"
                               "address1=192.0.2.5/24\n[ipv6]\nmethod=disabled\nEOF\n%end\n");
    codes(&x, "");
    fact(&x, "eth0", "addresses4", "192.0.2.5/24");
    fact(&x, "eth1", "ipv4", "dhcp");
    done(&x);
}

static void what_cannot_be_told(void **state)
{
    (void)state;
    static const struct {
        const char *post, *codes;
    } cases[] = {
        {"", ""},
        {"echo x > /etc/motd\n", ""},
        {"if x; then echo DEVICE=eth0 > " SCRIPTS "ifcfg-eth0; fi\n", "not-understood"},
        {"for i in $(ls /sys); do echo DEVICE=$i > " SCRIPTS "ifcfg-$i; done\n", "not-understood"},
        {"sed -i s/a/b/ " SCRIPTS "ifcfg-eth0\n", "not-understood"},
        {"cp /root/* " SCRIPTS "\n", "not-understood"},
        {"echo SLAVE=yes >> " SCRIPTS "ifcfg-eth5\n", "not-understood"},
        {"hostname > /etc/hostname\n", ""},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct reading x =
            read_ks(kl_sprintf(a, "network --device=eth0\n%%post\n%s%%end\n", cases[k].post));
        codes(&x, cases[k].codes);
        assert_null(x.k->system);
        done(&x);
    }
}

/* --- what the initrd makes of it ---------------------------------------------------------------*/

/* anaconda, dracut/parse-kickstart: 21.48.22.56 (7.2), rhel7-branch (7.3 and later), rhel-8
 * 33.16.x, rhel-9 34.25.x, rhel-10 40.22.x. The lines marked "upstream" are those of its own tests
 * (test_parse_kickstart.py); the IPv6 one was run (docs/boot-stages.md §3.4). */
static void what_parse_kickstart_prints(void **state)
{
    (void)state;
#define STATIC4 "--bootproto=static --ip=192.0.2.7 --netmask=255.255.255.0 --gateway=192.0.2.1"
#define STATIC6 "--noipv4 --ipv6=2001:db8::10/64 --ipv6gateway=fe80::1"
    static const struct {
        const char *release, *text, *line;
    } cases[] = {
        /* upstream */
        {"rhel-10.0", "network --device=AA:BB:CC:DD:EE:FF --bootproto=dhcp --activate",
            "ifname=ksdev0:aa:bb:cc:dd:ee:ff ip=ksdev0:dhcp: bootdev=ksdev0"},
        {"rhel-10.0",
            "network --device=bond0 --mtu=1500 --bondslaves=enp4s0,enp7s0 "
            "--bondopts=mode=active-backup,primary=enp4s0 --bootproto=dhcp",
            "ip=bond0:dhcp:1500 bootdev=bond0 "
            "bond=bond0:enp4s0,enp7s0:mode=active-backup,primary=enp4s0:1500"},
        {"rhel-9.2", "network --device=bond0 --bondslaves=enp4s0,enp7s0 --bootproto=dhcp",
            "ip=bond0:dhcp: bootdev=bond0 bond=bond0:enp4s0,enp7s0::"},
        /* bond= by release */
        {"rhel-9.1", "network --device=bond0 --bondslaves=a,b", "ip=bond0:dhcp: bootdev=bond0"},
        {"rhel-8.8", "network --device=bond0 --bondslaves=a,b",
            "ip=bond0:dhcp: bootdev=bond0 bond=bond0:a,b::"},
        {"rhel-8.7", "network --device=bond0 --bondslaves=a,b", "ip=bond0:dhcp: bootdev=bond0"},
        {"centos-7.9", "network --device=bond0 --bondslaves=a,b", "ip=bond0:dhcp: bootdev=bond0"},
        /* bridge= by release */
        {"rhel-7.4", "network --device=br0 --bridgeslaves=a,b",
            "ip=br0:dhcp: bootdev=br0 bridge=br0:a,b"},
        {"rhel-7.3", "network --device=br0 --bridgeslaves=a,b", "ip=br0:dhcp: bootdev=br0"},
        {"rhel-8.0", "network --device=br0 --bridgeslaves=a,b",
            "ip=br0:dhcp: bootdev=br0 bridge=br0:a,b"},
        /* static */
        {"rhel-9.6", "network --device eth0 " STATIC4 " --hostname=h --nameserver=192.0.2.53,,::1",
            "ip=192.0.2.7::192.0.2.1:255.255.255.0:h:eth0:none: nameserver=192.0.2.53 "
            "nameserver=::1 bootdev=eth0"},
        {"ol-7.2", "network --device=eth0 " STATIC4 " --mtu=9000",
            "ip=192.0.2.7::192.0.2.1:255.255.255.0::eth0:none:9000 bootdev=eth0"},
        {"rhel-9.6", "network --device=eth0 " STATIC4 " --ipv6=2001:db8::10/64",
            "ip=192.0.2.7::192.0.2.1:255.255.255.0::eth0:none: bootdev=eth0"},
        {"centos-7.9", "network --device=eth0 --vlanid=7 " STATIC4,
            "ip=192.0.2.7::192.0.2.1:255.255.255.0::eth0:none: bootdev=eth0"},
        /* IPv6, and what becomes of --noipv4 */
        {"rhel-10.0", "network --device=bond0 --bondslaves=eth0,eth1 " STATIC6 " --hostname=h1",
            "ip=[2001:db8::10/64]::fe80::1::h1:bond0:none: bootdev=bond0 bond=bond0:eth0,eth1::"},
        {"centos-7.9", "network --device=eth0 " STATIC6, "ip=eth0:dhcp: bootdev=eth0"},
        {"rhel-8.10", "network --device=eth0 --ipv6=2001:db8::10", "ip=eth0:dhcp: bootdev=eth0"},
        {"rhel-8.10", "network --device=eth0 --noipv4 --ipv6=auto", "ip=eth0:auto6: bootdev=eth0"},
        {"rhel-8.10", "network --device=eth0 --noipv4 --ipv6 dhcp", "ip=eth0:dhcp6: bootdev=eth0"},
        {"rhel-8.10", "network --device=eth0 --noipv4", "bootdev=eth0"},
        {"centos-7.9", "network --hostname=h --bootproto=static --ipv6=2001:db8::5 --activate",
            "ip=::::h::none:"},
        /* the device */
        {"rhel-9.6", "network --bootproto=dhcp", "ip=dhcp"},
        {"ol-7.2", "network --bootproto=dhcp", "ip=link:dhcp: bootdev=link"},
        {"centos-7.9", "network --device=bootif", "ip=bootif:dhcp: bootdev=bootif"},
        {"rhel-9.6", "network --bootproto=ibft", "ip=ibft"},
        /* the first command, and only that */
        {"rhel-9.6", "lang en\nnetwork --device=eth0\nnetwork --device=eth1 --activate",
            "ip=eth0:dhcp: bootdev=eth0"},
        {"rhel-9.6", "network --hostname=h\nnetwork --device=eth1 --activate", ""},
        {"rhel-9.6", "network --hostname h\n", ""},
        {"rhel-9.6", "network --hostname=h --activate\n", "ip=dhcp"},
        {"rhel-9.6",
            "%include /tmp/n\nnetwork --device=eth1\n%pre\necho network --device=a "
            ">/tmp/n\n%end",
            "ip=eth1:dhcp: bootdev=eth1"},
        {"rhel-10.0", "network --device=team0 --teamslaves=a", ""},
        {"rhel-9.6", "lang en", ""},
        {"rhel-9.6", "network --device={{ dev }}", ""},
        {"centos-6.9", "network --device=eth0", ""},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct reading x = read_with(cases[k].text, cases[k].release, NULL);
        const struct kl_release *r = release(x.a, cases[k].release);
        const char *got = kl_ks_translate(x.a, x.k, r, false);
        if (strcmp(got, cases[k].line) != 0)
            fail_msg("%s: %s\nwanted '%s'\n   got '%s'", cases[k].release, cases[k].text,
                cases[k].line, got);
        bool always = strcmp(cases[k].release, "ol-7.2") == 0;
        assert_string_equal(kl_ks_translate(x.a, x.k, r, true), always ? got : "");
        done(&x);
    }
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
        cmocka_unit_test(templates),
        cmocka_unit_test(hostnames),
        cmocka_unit_test(what_scripts_write),
        cmocka_unit_test(where_scripts_run),
        cmocka_unit_test(what_pre_writes_is_included),
        cmocka_unit_test(what_pre_may_write_is_not),
        cmocka_unit_test(what_post_appends),
        cmocka_unit_test(what_post_writes),
        cmocka_unit_test(what_post_removes),
        cmocka_unit_test(a_keyfile_of_another_name),
        cmocka_unit_test(what_cannot_be_told),
        cmocka_unit_test(what_parse_kickstart_prints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
