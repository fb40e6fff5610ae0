/* check/rules_reach.c, rules_links.c, rules_slow.c: what is proven of a stage's reach, and that
 * nothing is said where it is not proven. Cases are made by hand, from a kernel line, a kickstart's
 * commands, and what the installed files would say. */
#include "check/case.h"

#include "words_intent.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* --- a case ------------------------------------------------------------------------------------*/

struct texts {
    const char *release;
    const char *line;   /* NULL: none */
    const char *ks;     /* commands, a line each; NULL: none */
    const char *system; /* as words_intent.h has it; NULL: none */
    unsigned nics;
    bool ipappend;
    const char *want;   /* "code severity, ..." in order, "" for nothing */
    const char *says;   /* a part of the first message, of an effect or of a hint; or NULL */
    const char *router; /* reserved: "ADDRESS/LEN ROUTER" */
};

static struct kl_kickstart *kickstart(
    struct kl_arena *a, const char *text, const struct kl_release *r, struct kl_diags *d)
{
    struct kl_diags *unseen KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_kickstart *k = kl_alloc(a, sizeof *k);
    const char *file = kl_diags_source(d, "ks.cfg", text, strlen(text));
    unsigned row = 1;
    k->file = file;
    k->network = kl_kickstart_parse(a, text, file, r, unseen);
    for (const char *s = text; *s; row++) {
        size_t n = strcspn(s, "\n");
        struct kl_cmdline words =
            kl_cmdline_words(a, kl_strndup(a, s, n), kl_sprintf(a, "ks.cfg line %u", row), d);
        struct kl_ks_command c = {
            .at = {.file = file, .line = row, .col = 1, .width = (unsigned)n}};
        if (words.n) {
            c.name = words.args[0].text;
            c.args = words.args + 1;
            c.n = words.n - 1;
            k->commands = kl_grow(a, k->commands, k->ncommands, sizeof c);
            k->commands[k->ncommands++] = c;
            k->ndevices += strcmp(c.name, "network") == 0 &&
                           !(c.n == 1 && kl_starts(c.args[0].text, "--hostname"));
        }
        s += n + (s[n] == '\n');
    }
    return k;
}

static void reserve(struct kl_case *c, const char *words)
{
    struct kl_reserved *r = kl_alloc(c->a, sizeof *r);
    const char *blank = strchr(words, ' ');
    assert_true(kl_prefix_parse(kl_strndup(c->a, words, (size_t)(blank - words)), &r->ip4));
    assert_true(kl_addr_parse(blank + 1, &r->router));
    c->reserved = r;
}

static void run(struct kl_arena *a, const struct texts *t, struct kl_diags *d)
{
    struct kl_diags *unseen KL_DIAGS_SCOPE = kl_diags_new();
    const char *why;
    struct kl_case c = {.a = a, .nics = t->nics, .release = kl_release_find(a, t->release, &why)};
    struct kl_cmdline line;
    struct kl_entry entry = {
        .adds_bootif = t->ipappend, .complete = !t->line || !strchr(t->line, '$')};
    assert_non_null(c.release);
    if (t->line) {
        line = kl_cmdline_words(a, t->line, "line", d);
        kl_diags_source(unseen, "line", t->line, strlen(t->line));
        c.line = &line;
        c.entry = &entry;
        c.initrd = kl_cmdline_read(a, &line, c.release, &c.what, unseen);
    }
    if (t->ks) {
        c.ks = kickstart(a, t->ks, c.release, d);
        c.installer = c.ks->ndevices ? c.ks->network : NULL;
    }
    if (t->system)
        c.system = words_intent(a, t->system);
    if (t->router)
        reserve(&c, t->router);
    kl_rules_reach(&c, d);
}

static bool holds(const struct kl_diag *one, const char *part)
{
    bool found = strstr(one->message, part) || (one->hint && strstr(one->hint, part));
    for (size_t k = 0; k < one->neffects; k++)
        found |= strstr(one->effects[k], part) != NULL;
    return found;
}

static void check_all(const struct texts *list, size_t n)
{
    static const char *const severities[] = {"note", "warning", "error"};
    size_t wrong = 0;
    for (size_t k = 0; k < n; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_buf got KL_BUF_SCOPE = {0};
        bool said = !list[k].says;
        run(a, &list[k], d);
        const struct kl_diag *one;
        for (size_t f = 0; (one = kl_diags_at(d, f)); f++) {
            kl_buf_addf(&got, "%s%s %s", f ? ", " : "", one->code, severities[one->severity]);
            said |= list[k].says && holds(one, list[k].says);
            assert_true(one->neffects > 0);
        }
        if (said && strcmp(kl_buf_text(&got), list[k].want) == 0)
            continue;
        wrong++;
        fprintf(stderr, "%zu. %s\n%s\nwanted '%s', got '%s'\n", k,
            list[k].line ? list[k].line : "-", list[k].ks ? list[k].ks : "", list[k].want,
            kl_buf_text(&got));
        kl_diags_print(d, stderr, false, 0);
    }
    assert_int_equal(wrong, 0);
}

/* --- URLs --------------------------------------------------------------------------------------*/

#define V4 "ip=192.0.2.5::192.0.2.1:255.255.255.0:h:eth0:none "
#define V4_NOGW "ip=192.0.2.5:::255.255.255.0:h:eth0:none "
#define V6_NM "ip=[2001:db8:11::5]::[fe80::1]:64:h:eth0:none "
#define V6_NOGW "ip=[2001:db8:11::5]:::64:h:eth0:none "
#define KS4 "inst.ks=http://198.51.100.9/ks.cfg "
#define KS6 "inst.ks=http://[2001:db8:20::20]/ks.cfg "

static const struct texts urls[] = {
    /* the kernel line */
    {"rhel-9.4", V4 KS4, .want = ""},
    {"rhel-9.4", V4_NOGW KS4, .want = "unreachable-url error", .says = "no IPv4 gateway"},
    {"rhel-9.4", V4_NOGW "inst.ks=http://192.0.2.9/ks.cfg", .want = ""},
    {"rhel-9.4", V4_NOGW "rd.route=198.51.100.0/24:192.0.2.1:eth0 " KS4, .want = ""},
    {"rhel-9.4", V4 KS6, .want = "unreachable-url error", .says = "no link of this stage"},
    {"rhel-9.4", V6_NM KS4, .want = "unreachable-url error", .says = "emergency shell"},
    {"rhel-9.4", V6_NM KS6, .want = ""},
    {"rhel-9.4", V6_NOGW KS6, .want = "unreachable-url error", .says = "no IPv6 gateway"},
    {"centos-7.9", V6_NOGW KS6, .want = ""}, /* the kernel listens to advertisements */
    {"centos-7.9", V4 KS6, .want = "unreachable-url warning", .says = "router advertisements"},
    {"rhel-9.4", "ip=dhcp " KS6, .want = ""}, /* IPv6 is tried too */
    {"rhel-9.4", "ip=eth0:auto6 " KS4, .want = "unreachable-url error"},
    {"rhel-9.4", "ip=eth0:dhcp " KS4, .want = ""},
    {"rhel-8.3", V4 KS6, .want = ""}, /* 1.26 tries IPv6 beside none */
    {"rhel-9.4", KS4, .want = ""},
    {"rhel-9.4", "bond=bond0:eth0,eth1:mode=1 " KS4, .want = ""},
    {"rhel-9.4", V6_NM KS4, .ipappend = true, .want = ""},
    {"rhel-9.4", V6_NM "rd.bootif=0 " KS4, .ipappend = true, .want = "unreachable-url error"},
    {"rhel-9.4", V6_NM "BOOTIF=01-52-54-00-12-34-56 " KS4, .want = ""},
    {"rhel-9.4", V6_NM "BOOTIF=01-$mac " KS4, .want = ""},
    {"rhel-9.4", "ip=[2001:db8::5]::$gw:64::eth0:none " KS4, .want = ""},
    {"rhel-9.4", "$more " V6_NM KS4, .want = ""},
    {"centos-7.9", "ip=192.0.2.5::__GW__:255.255.255.0:h:eth0:none " KS4, .want = ""},
    {"centos-7.9", V4 "dns=192.0.2.53 inst.ks=http://ks.example.net/k", .want = ""},
    {"rhel-9.4", V6_NM "inst.ks=http://$server/ks.cfg", .want = ""},
    {"rhel-9.4", V6_NM "inst.ks=http://2001:db8::1/ks.cfg", .want = ""},
    {"rhel-9.4", V4 "inst.ks=http://192.0.2.256/ks.cfg", .want = ""},
    {"rhel-9.4", V6_NM "inst.ks=hd:sda1:/ks.cfg inst.repo=cdrom", .want = ""},
    {"centos-7.9", "ip=192.0.2.5:198.51.100.9::255.255.255.255::eth0:none " KS4,
        .want = ""}, /* a peer */
    {"rhel-9.4", "ip=ibft " V6_NM KS4, .want = ""},
    /* names */
    {"rhel-9.4", V4 "inst.ks=http://ks.example.net/ks.cfg", .want = "unreachable-url error",
        .says = "no name server"},
    {"rhel-9.4", V4 "nameserver=192.0.2.53 inst.ks=http://ks.example.net/ks.cfg", .want = ""},
    {"rhel-9.4", "ip=eth0:dhcp inst.ks=http://ks.example.net/ks.cfg", .want = ""},
    {"centos-7.9", V6_NOGW "inst.ks=http://ks.example.net/ks.cfg", .want = ""},
    /* other words of the line */
    {"rhel-9.4", V6_NM "inst.stage2=http://198.51.100.9/9", .want = "unreachable-url error"},
    {"rhel-9.4", V6_NM "inst.repo=http://198.51.100.9/9", .want = "unreachable-url error"},
    {"rhel-9.4", V6_NM "inst.repo=nfs:nfsvers=4:198.51.100.9:/9", .want = "unreachable-url error"},
    {"rhel-9.4", V4 "inst.repo=nfs:2001:db8::9:/9", .want = ""},
    {"centos-7.9", V6_NM "inst.repo=nfsiso:198.51.100.9:/7.iso", .want = "unreachable-url error"},
    {"rhel-9.4", V6_NM "inst.syslog=198.51.100.9:514", .want = "unreachable-url warning"},
    {"rhel-9.4", V4 "inst.syslog=[2001:db8::9]:514", .want = "unreachable-url warning"},
    {"rhel-9.4", V4 "inst.syslog=2001:db8::9", .want = ""},
    {"rhel-9.4", V6_NM "inst.addrepo=extra,http://198.51.100.9/x", .want = "unreachable-url error"},
    {"centos-7.9", V6_NM "ks=http://198.51.100.9/ks.cfg", .want = "unreachable-url error"},
    {"rhel-9.4", V6_NM "ks=http://198.51.100.9/ks.cfg", .want = ""}, /* not read */
    {"rhel-9.4", V6_NM "inst.ks=http://198.51.100.9/a inst.ks=http://[2001:db8::9]/b", .want = ""},
    {"rhel-9.4", V6_NM "proxy=http://[2001:db8:11::8]:3128 " KS4, .want = ""},
    {"rhel-9.4", V6_NM "proxy=http://198.51.100.8:3128 " KS6, .want = "unreachable-url error",
        .says = "proxy="},
    /* the kickstart's source serves the initrd too */
    {"rhel-9.4", V6_NM KS6, "url --url=http://198.51.100.9/9", .want = "unreachable-url error",
        .says = "installer's image"},
    {"rhel-9.4", V6_NM KS6, "url --url http://198.51.100.9/9", .want = "unreachable-url error"},
    {"rhel-9.4", V6_NM KS6 "inst.stage2=http://[2001:db8::9]/9", "url --url=http://198.51.100.9/9",
        .want = "unreachable-url error", .says = "installation source"},
    {"rhel-9.4", V6_NM KS6 "inst.repo=http://[2001:db8::9]/9", "url --url=http://198.51.100.9/9",
        .want = ""},
    {"rhel-9.4", V6_NM KS6, "url --url=http://198.51.100.9/9 --proxy=http://[2001:db8::8]:3128",
        .want = ""},
    {"rhel-9.4", V6_NM KS6, "nfs --server=198.51.100.9 --dir=/9", .want = "unreachable-url error"},
    {"rhel-9.4", V6_NM KS6, "nfs --server=198.51.100.9 --dir=/9\ncdrom", .want = ""},
    {"rhel-9.4", V6_NM KS6, "url --url=http://198.51.100.9/9\n%include /tmp/net.ks",
        .want = "unreachable-url error", .says = "initrd"},
};

static void urls_out_of_reach_are_found(void **state)
{
    (void)state;
    check_all(urls, sizeof urls / sizeof *urls);
}

/* --- the installer -----------------------------------------------------------------------------*/

#define N4                                                                                         \
    "network --device=eth0 --bootproto=static --ip=192.0.2.5 --netmask=255.255.255.0 --noipv6"
#define LOCAL "inst.ks=hd:sda1:/ks.cfg inst.stage2=hd:LABEL=x "

static const struct texts installers[] = {
    {"rhel-9.4", V4 LOCAL, N4 " --gateway=192.0.2.1\nurl --url=http://198.51.100.9/9", .want = ""},
    {"rhel-9.4", V4 LOCAL, N4 "\nurl --url=http://198.51.100.9/9", .want = "unreachable-url error",
        .says = "installation source"},
    {"rhel-9.4", V4 LOCAL, N4 "\nurl --url=http://192.0.2.9/9", .want = ""},
    /* another device of the initrd stays up */
    {"rhel-9.4", "ip=eth1:dhcp " LOCAL, N4 "\nurl --url=http://198.51.100.9/9", .want = ""},
    {"rhel-9.4", "ip=eth1:dhcp " LOCAL,
        "network --device=bond0 --bondslaves=eth0,eth1 --bootproto=static --ip=192.0.2.5 "
        "--netmask=255.255.255.0 --noipv6\nurl --url=http://198.51.100.9/9",
        .want = "unreachable-url error", .says = "bond0 has no IPv4 gateway"},
    /* which devices the initrd has is not known */
    {"rhel-9.4", "ip=dhcp " LOCAL, N4 "\nurl --url=http://198.51.100.9/9",
        .want = "unreachable-url warning", .says = "not at hand"},
    {"rhel-9.4", "ip=dhcp " LOCAL, N4 "\nurl --url=http://198.51.100.9/9", .nics = 1,
        .want = "unreachable-url error"},
    {"rhel-9.4", NULL, N4 "\nurl --url=http://198.51.100.9/9", .want = "unreachable-url warning"},
    {"rhel-9.4", NULL, N4 "\nurl --url=http://mirror.example.net/9",
        .want = "unreachable-url warning", .says = "no name server"},
    {"rhel-9.4", NULL, "network --device=eth0 --bootproto=dhcp\nurl --url=http://192.0.2.9/9",
        .want = ""},
    {"rhel-9.4", NULL, "url --url=http://192.0.2.9/9", .want = ""},
    /* templates */
    {"rhel-9.4", V4 LOCAL, N4 " --gateway=__GATEWAY__\nurl --url=http://198.51.100.9/9",
        .want = ""},
    {"rhel-9.4", V4 LOCAL, N4 " --nameserver=$dns\nurl --url=http://mirror.example.net/9",
        .want = ""},
    {"rhel-9.4", V4 LOCAL,
        "network --device=eth0 --bootproto=static --ip=$ip --netmask=255.255.255.0\n"
        "url --url=http://198.51.100.9/9",
        .want = ""},
    {"rhel-9.4", V4 LOCAL, N4 "\n$SNIPPET('network_config')\nurl --url=http://198.51.100.9/9",
        .want = ""},
    {"rhel-9.4", V4 LOCAL, N4 "\n{{ network }}\nurl --url=http://198.51.100.9/9", .want = ""},
    {"rhel-9.4", NULL, N4 "\n%include /tmp/net.ks\nurl --url=http://198.51.100.9/9", .want = ""},
    /* NetworkManager leaves IPv6 to the kernel */
    {"rhel-9.4", V4 LOCAL, N4 " --gateway=192.0.2.1\nurl --url=http://[2001:db8::9]/9",
        .want = "unreachable-url warning", .says = "router advertisements"},
    {"rhel-9.4", V4 LOCAL,
        "network --device=eth0 --noipv4 --ipv6=2001:db8:11::5/64 --ipv6gateway=fe80::1 --activate\n"
        "url --url=http://198.51.100.9/9",
        .want = "unreachable-url error"},
    {"ol-7.2", V4 LOCAL,
        "network --device=eth0 --noipv4 --ipv6=2001:db8:11::5/64 --ipv6gateway=fe80::1 --activate\n"
        "url --url=http://198.51.100.9/7",
        .want = ""}, /* quirk 5 */
    /* what is nice to have */
    {"rhel-8.6", V4 LOCAL,
        N4 "\ntimezone UTC --ntpservers=192.0.2.9,198.51.100.7\nlogging --host=198.51.100.8",
        .want = "unreachable-url warning, unreachable-url warning", .says = "198.51.100.7"},
    {"rhel-8.6", V4 LOCAL, N4 "\ntimezone UTC --ntpservers=198.51.100.6,198.51.100.7",
        .want = "unreachable-url warning"},
    {"rhel-9.4", V4 LOCAL, N4 "\ntimesource --ntp-server=198.51.100.7",
        .want = "unreachable-url warning", .says = "clock"},
    {"rhel-9.4", V4 LOCAL, N4 "\nrepo --name=x --baseurl=http://198.51.100.9/x",
        .want = "unreachable-url error"},
    {"rhel-9.4", V4 LOCAL, N4 "\nrepo --name=x --baseurl=http://198.51.100.9/$releasever",
        .want = "unreachable-url error"},
    {"rhel-9.4", V4 LOCAL, N4 "\nrepo --name=x --baseurl=http://@SERVER@/x", .want = ""},
    {"rhel-9.4", V4 LOCAL, N4 "\nrepo --name=x --mirrorlist=file:///etc/x", .want = ""},
    /* the same text in both stages is one finding */
    {"rhel-9.4", V4_NOGW "inst.ks=http://192.0.2.9/ks inst.repo=http://198.51.100.9/9",
        N4 "\nurl --url=http://198.51.100.9/9", .want = "unreachable-url error"},
};

static void urls_of_the_installer_are_judged_by_its_own_network(void **state)
{
    (void)state;
    check_all(installers, sizeof installers / sizeof *installers);
}

/* --- name servers ------------------------------------------------------------------------------*/

static const struct texts servers[] = {
    {"rhel-9.4", V4_NOGW "nameserver=198.51.100.53 inst.ks=http://192.0.2.9/ks",
        .want = "unreachable-dns warning"},
    {"rhel-9.4", V4_NOGW "nameserver=198.51.100.53 inst.ks=http://ks.example.net/ks",
        .want = "unreachable-dns error", .says = "ks.example.net"},
    {"rhel-9.4",
        V4_NOGW "nameserver=198.51.100.53 nameserver=192.0.2.53 inst.ks=http://ks.example.net/ks",
        .want = "unreachable-dns warning"},
    {"rhel-9.4", V4 "nameserver=198.51.100.53 inst.ks=http://ks.example.net/ks", .want = ""},
    {"rhel-9.4", V4 "nameserver=2001:db8::53 inst.ks=http://ks.example.net/ks",
        .want = "unreachable-dns error", .says = "ks.example.net"},
    {"rhel-9.4",
        V4 "nameserver=2001:db8::53 nameserver=192.0.2.53 inst.ks=http://ks.example.net/ks",
        .want = "unreachable-dns warning"},
    {"centos-7.9", V4_NOGW "nameserver=2001:db8::53 inst.ks=http://ks.example.net/ks",
        .want = "unreachable-dns warning"},
    {"rhel-9.4", V4 LOCAL, N4 " --gateway=192.0.2.1 --nameserver=192.0.2.53,2001:db8::53",
        .want = "unreachable-dns warning", .says = "2001:db8::53"},
    {"rhel-9.4", V4 LOCAL,
        N4 " --nameserver=198.51.100.53,198.51.100.54\nurl --url=http://mirror.example.net/9",
        .want = "unreachable-dns error", .says = "198.51.100.53, 198.51.100.54"},
    {"rhel-9.4", "ip=dhcp " LOCAL,
        N4 " --nameserver=198.51.100.53\nurl --url=http://mirror.example.net/9",
        .want = "unreachable-dns warning"},
    {"rhel-9.4", V4 LOCAL, N4 " --gateway=192.0.2.1",
        .system = "eth0 192.0.2.5/24 via 192.0.2.1 ; dns 2001:db8::53",
        .want = "unreachable-dns warning"},
    {"rhel-9.4", V4 LOCAL, N4, .system = "eth0 192.0.2.5/24 ; dns 198.51.100.53", .want = ""},
    {"rhel-9.4", .system = "eth0 192.0.2.5/24 ; dns 2001:db8::53", .want = ""},
};

static void name_servers_out_of_reach_are_found(void **state)
{
    (void)state;
    check_all(servers, sizeof servers / sizeof *servers);
}

/* --- links -------------------------------------------------------------------------------------*/

#define BOND "network --device=bond0 --bondslaves=eth0,eth1 --bondopts=mode=6,miimon=100 --noipv6 "
#define BOND_DHCP BOND "--bootproto=dhcp"
#define BOND_STATIC                                                                                \
    BOND "--bootproto=static --ip=192.0.2.5 --netmask=255.255.255.0 --gateway=192.0.2.1"

static const struct texts links[] = {
    {"centos-7.9", "ip=192.0.2.5::192.0.3.1:255.255.255.0::eth0:none inst.ks=http://192.0.2.9/k",
        .want = "gateway-off-link error", .says = "refuses"},
    {"rhel-9.4", "ip=192.0.2.5::192.0.3.1:255.255.255.0::eth0:none inst.ks=http://192.0.2.9/k",
        .want = "gateway-off-link warning", .says = "NetworkManager"},
    {"rhel-9.4", "ip=192.0.2.5::192.0.3.1:255.255.255.255::eth0:none", .want = ""},
    {"centos-7.9", "ip=192.0.2.5::192.0.3.1:255.255.255.255::eth0:none",
        .want = "gateway-off-link error"},
    {"centos-7.9",
        V4 "ip=198.51.100.5::192.0.2.1:255.255.255.0::eth1:none inst.ks=http://192.0.2.9/k",
        .want = "gateway-off-link warning"},
    {"rhel-9.4", V6_NM, .want = ""},
    {"rhel-9.4", "ip=224.0.0.5::192.0.2.1:255.255.255.0::eth0:none", .want = ""},
    {"rhel-9.4", "ip=[2001:db8:11::5]::[2001:db8:12::1]:64::eth0:none",
        .want = "gateway-off-link warning"},
    {"rhel-9.4", NULL, N4 " --gateway=192.0.3.1", .want = "gateway-off-link warning"},
    {"rhel-9.4", .system = "eth0 192.0.2.5/24 via 192.0.3.1", .want = "gateway-off-link warning"},
    {"rhel-9.4", .router = "192.0.2.5/24 192.0.2.1", .want = ""},
    {"rhel-9.4", .router = "192.0.2.5/24 198.51.100.1", .want = "gateway-off-link warning"},
    {"rhel-9.4", .router = "192.0.2.5/32 198.51.100.1", .want = ""},
    /* no-address, in the initrd */
    {"rhel-9.4", "ip=eth0:none " KS4, .want = "no-address error", .says = "ip=eth0:dhcp"},
    {"rhel-9.4", "ip=eth0:off inst.ks=hd:sda1:/ks", .want = ""},
    {"rhel-9.4", "ip=eth0:off ip=eth1:dhcp " KS4, .want = ""},
    {"rhel-9.4", "ip=eth0:off " KS4, .ipappend = true, .want = ""},
    {"rhel-9.4", "ifname=eth0:52:54:00:12:34:56 " KS4, .want = ""},
    {"rhel-9.4", "ip=[2001:db8::5::64::eth0:none " KS4, .want = ""}, /* no profile at all */
    {"centos-7.9", "bond=bond0:eth0,eth1:mode=1 " V4 KS4, .want = "no-address warning",
        .says = "port"},
    {"rhel-8.1", "bond=bond0:eth0,eth1:mode=1 " V4 KS4, .want = "no-address warning"},
    {"centos-7.9", "bond=bond0:eth0,eth1:mode=1 ip=bond0:dhcp " KS4, .want = ""},
    {"centos-7.9", "bond=bond0:eth0,eth1:mode=1 ip=eth2:dhcp " KS4, .want = ""},
    {"centos-7.9", "bond=bond0:eth0,eth1:mode=1 ip=dhcp " KS4, .want = ""},
    {"centos-7.9", "bond=bond0:eth0,eth1:mode=1 " KS4, .want = ""},
    {"ol-7.2", "bond=bond0:eth0,eth1:mode=6 inst.ks=http://192.0.2.9/k", BOND_STATIC,
        .want = "no-address warning", .says = "add ip=192.0.2.5::192.0.2.1:24::bond0:none"},
    {"rhel-9.4", "bond=bond0:eth0,eth1:mode=6 ip=bond0:dhcp inst.ks=http://192.0.2.9/k",
        BOND_STATIC, .want = ""},
    {"rhel-9.4", "bond=bond0:eth0,eth1:mode=6 inst.ks=http://192.0.2.9/k", BOND_DHCP, .want = ""},
    {"rhel-9.4", "bond=bond0:eth0,eth1:mode=6 $ip inst.ks=http://192.0.2.9/k", BOND_STATIC,
        .want = ""},
    {"rhel-9.4", "bond=bond0:eth0,eth1:mode=6 inst.ks=hd:sda1:/k", BOND_STATIC, .want = ""},
    {"centos-7.9", "vlan=eth0.7:eth0 " V4 KS4,
        "network --device=eth0 --vlanid=7 --bootproto=static --ip=192.0.2.5 "
        "--netmask=255.255.255.0 --gateway=192.0.2.1",
        .want = "no-address warning", .says = "eth0.7"},
    {"centos-7.9", "vlan=eth0.7:eth0 " V4 KS4, .want = ""},
    /* ... and in the installer */
    {"rhel-9.4", V4 LOCAL, "network --device=eth0 --noipv4 --noipv6\nurl --url=http://192.0.2.9/9",
        .want = "no-address error"},
    {"rhel-9.4", "ip=eth1:dhcp " LOCAL,
        "network --device=eth0 --noipv4 --noipv6\nurl --url=http://192.0.2.9/9", .want = ""},
    {"rhel-9.4", V4 LOCAL,
        "network --device=eth0 --noipv4 --noipv6 --no-activate\nurl --url=http://192.0.2.9/9",
        .want = ""},
    {"rhel-9.4", V4 LOCAL, "network --device=eth0 --noipv4 --noipv6\ncdrom", .want = ""},
};

static void links_that_cannot_work_are_found(void **state)
{
    (void)state;
    check_all(links, sizeof links / sizeof *links);
}

/* --- slow paths --------------------------------------------------------------------------------*/

static const struct texts slow[] = {
    {"ol-7.2", KS4, BOND_DHCP, .nics = 10, .want = "slow-path warning",
        .says =
            "up to 8 interfaces before it, each 60 s when it has a link and gets no answer, 5 s"},
    {"ol-7.2", KS4, BOND_DHCP, .nics = 10, .want = "slow-path warning", .says = "480 s at worst"},
    {"ol-7.2", "ip=dhcp " KS4, BOND_DHCP, .want = "slow-path warning",
        .says = "each interface before"},
    {"ol-7.2", "ksdevice=link " KS4, BOND_DHCP, .want = "slow-path warning",
        .says = "bond=bond0:eth0,eth1:mode=balance-alb"},
    {"centos-7.9", "ip=dhcp rd.net.timeout.dhcp=10 " KS4, BOND_DHCP, .want = "slow-path warning",
        .says = "10 s"},
    {"rhel-8.2", "ip=dhcp " KS4, BOND_DHCP, .nics = 4, .want = "slow-path warning",
        .says = ", 10 s when"},
    {"ol-7.2", "ip=dhcp " KS4, BOND_DHCP, .ipappend = true, .want = ""},
    {"ol-7.2", "ip=dhcp BOOTIF=01-52-54-00-12-34-56 " KS4, BOND_DHCP, .want = ""},
    {"ol-7.2", "bond=bond0:eth0,eth1:mode=6,miimon=100 " KS4, BOND_DHCP, .nics = 10, .want = ""},
    {"ol-7.2", "ip=eth0:dhcp " KS4, BOND_DHCP, .want = ""},
    {"ol-7.2", "ksdevice=eth0 " KS4, BOND_DHCP, .want = ""},
    {"ol-7.2", "ip=dhcp inst.ks=hd:sda1:/ks", BOND_DHCP, .want = ""},
    {"ol-7.2", "ip=dhcp " KS4, "network --device=eth0 --bootproto=dhcp", .want = ""},
    {"ol-7.2", "ip=dhcp " KS4, .nics = 2, .want = "slow-path warning", .says = "up to 1 interface"},
    {"rhel-9.4", "ip=dhcp " KS4, BOND_DHCP, .want = ""},
    {"rhel-9.4", "ip=dhcp " KS4, BOND_DHCP, .nics = 4, .want = "slow-path warning", .says = "90 s"},
    {"rhel-9.4", "ip=dhcp " KS4, .nics = 1, .want = ""},
    {"rhel-9.4", "ip=dhcp " KS4, .nics = 3, .want = "slow-path warning", .says = "at once"},
    /* an ip= for a port */
    {"ol-7.2", "bond=bond0:eth0,eth1:mode=1 " V4 KS4, .want = "slow-path warning", .says = "60 s"},
    {"rhel-9.4", "bond=bond0:eth0,eth1:mode=1 " V4 KS4, .want = "slow-path warning",
        .says = "90 s"},
    {"rhel-9.4", "bond=bond0:eth0,eth1:mode=1 ip=bond0:dhcp ip=eth0:off " KS4, .want = ""},
    {"rhel-9.4",
        "bond=bond0:eth0,eth1:mode=1 ip=bond0:dhcp:1500:52:54:00:12:34:56 ip=eth0:off " KS4,
        .want = ""},
    /* a kickstart that names no device */
    {"rhel-9.4", NULL, "network --bootproto=static --ip=192.0.2.5 --netmask=255.255.255.0",
        .nics = 4, .want = "slow-path warning", .says = "4 interfaces"},
    {"rhel-9.4", NULL, "network --bootproto=static --ip=192.0.2.5 --netmask=255.255.255.0",
        .want = ""},
    {"rhel-9.4", NULL, "network --bootproto=dhcp", .nics = 4, .want = ""},
    {"rhel-9.4", "ksdevice=eth0 " LOCAL,
        "network --bootproto=static --ip=192.0.2.5 --netmask=255.255.255.0", .nics = 4, .want = ""},
};

static void interfaces_tried_in_turn_are_counted(void **state)
{
    (void)state;
    check_all(slow, sizeof slow / sizeof *slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_out_of_reach_are_found),
        cmocka_unit_test(urls_of_the_installer_are_judged_by_its_own_network),
        cmocka_unit_test(name_servers_out_of_reach_are_found),
        cmocka_unit_test(links_that_cannot_work_are_found),
        cmocka_unit_test(interfaces_tried_in_turn_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
