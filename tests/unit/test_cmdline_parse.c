/* stage/cmdline_parse*.c: what was rendered is read back as it was meant, for every release and
 * thousands of hosts; and lines that people write are read as that release's initrd reads them. */
#include "net/facts.h"
#include "stage/read.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* --- hosts by dice ----------------------------------------------------------------------------*/

struct dice {
    struct kl_arena *a;
    uint64_t state;
};

static unsigned roll(struct dice *d, unsigned sides)
{
    d->state = d->state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(d->state >> 33) % sides;
}

static struct kl_prefix an_address(struct dice *d, int family)
{
    struct kl_prefix p = {.addr.family = (uint8_t)family};
    static const uint8_t len4[] = {22, 24, 30}, len6[] = {64, 48, 126};
    if (family == 4) {
        p.addr.bytes[0] = 192;
        p.addr.bytes[2] = 2;
        p.addr.bytes[3] = (uint8_t)(2 + roll(d, 200));
        p.len = len4[roll(d, 3)];
        return p;
    }
    assert_true(kl_addr_parse("2001:db8:11::", &p.addr));
    for (int k = 12; k < 16; k++)
        p.addr.bytes[k] = (uint8_t)(1 + roll(d, 254));
    p.len = len6[roll(d, 3)];
    return p;
}

static void addresses(struct dice *d, struct kl_ip *ip, int family)
{
    size_t n = roll(d, 6) == 0 ? 2 : 1;
    ip->addresses = kl_alloc(d->a, n * sizeof *ip->addresses);
    ip->naddresses = n;
    for (size_t k = 0; k < n; k++)
        ip->addresses[k] = an_address(d, family);
}

/* `how`: 0 off, 1 static, 2 DHCP, 3 SLAAC, 4 static and the gateway by RA. */
static struct kl_ip an_ip(struct dice *d, int family, unsigned how)
{
    struct kl_ip ip = {0};
    if (how == 0)
        return ip;
    if (how == 2 || how == 3) {
        ip.method = how == 2 ? KL_DHCP : KL_AUTO;
        ip.gateway = KL_GATEWAY_LEARNT;
        return ip;
    }
    ip.method = KL_STATIC;
    addresses(d, &ip, family);
    ip.gateway = how == 4 ? KL_GATEWAY_LEARNT : KL_GATEWAY_EXPLICIT;
    if (ip.gateway == KL_GATEWAY_EXPLICIT)
        assert_true(kl_addr_parse(family == 4  ? "192.0.2.1"
                                  : roll(d, 2) ? "fe80::1"
                                               : "2001:db8:11::1",
            &ip.nexthop));
    if (family == 4 && roll(d, 5) == 0) {
        ip.gateway = KL_GATEWAY_NONE;
        ip.nexthop = (struct kl_addr){0};
    }
    return ip;
}

static void with_ip(struct dice *d, struct kl_link *l)
{
    static const unsigned four[] = {0, 0, 1, 1, 2}, six[] = {0, 1, 2, 3, 4};
    do {
        l->ip4 = an_ip(d, 4, four[roll(d, 5)]);
        l->ip6 = an_ip(d, 6, six[roll(d, 5)]);
    } while (!kl_link_has_ip(l));
    if (roll(d, 4) == 0)
        l->mtu = roll(d, 2) ? 9000 : 1400;
    if (roll(d, 4) == 0 && l->kind != KL_ETHERNET)
        assert_true(kl_mac_parse("02:00:5e:10:20:30", &l->mac));
    if (roll(d, 4) == 0 && l->ip4.method != KL_OFF) {
        l->routes = kl_alloc(d->a, sizeof *l->routes);
        l->nroutes = 1;
        assert_true(kl_prefix_parse("198.51.100.0/24", &l->routes[0].to));
        if (roll(d, 2))
            assert_true(kl_addr_parse("192.0.2.7", &l->routes[0].via));
    }
    if (roll(d, 4) == 0 && l->ip6.method != KL_OFF) {
        l->routes = kl_grow(d->a, l->routes, l->nroutes, sizeof *l->routes);
        struct kl_route r = {0};
        assert_true(kl_prefix_parse("2001:db8:aaaa::/48", &r.to));
        if (roll(d, 2))
            assert_true(kl_addr_parse("fe80::7", &r.via));
        l->routes[l->nroutes++] = r;
    }
}

static void bond_options(struct dice *d, struct kl_link *l)
{
    static const struct kl_option all[] = {{"miimon", "100"}, {"updelay", "200"},
        {"primary_reselect", "better"}, {"fail_over_mac", "active"}, {"num_grat_arp", "3"},
        {"resend_igmp", "5"}, {"all_slaves_active", "1"}, {"use_carrier", "1"},
        {"xmit_hash_policy", "layer3+4"}, {"min_links", "1"}, {"lp_interval", "2"},
        {"lacp_rate", "fast"}, {"ad_select", "bandwidth"}, {"primary", "enp1s0"},
        {"arp_ip_target", "192.0.2.1,192.0.2.2"}, {"arp_interval", "100"},
        {"ad_user_port_key", "3"}, {"ns_ip6_target", "2001:db8::1,2001:db8::2"},
        {"lacp_active", "off"}, {"peer_notif_delay", "300"}};
    l->mode = (uint8_t)roll(d, 7);
    bool by_arp = roll(d, 4) == 0 && l->mode < 4; /* either of the two alone makes no bond */
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        const struct kl_bond_option *o = kl_bond_option(all[k].name);
        assert_non_null(o);
        bool is_arp =
            strcmp(all[k].name, "arp_interval") == 0 || strcmp(all[k].name, "arp_ip_target") == 0;
        if ((is_arp ? !by_arp : roll(d, 8) != 0) || !(o->modes >> l->mode & 1))
            continue;
        l->options = kl_grow(d->a, l->options, l->noptions, sizeof all[k]);
        l->options[l->noptions++] = all[k];
    }
}

/* One of: NIC, bond, VLAN on either, bridge on any, and NICs that have nothing to do with it. */
static struct kl_intent *a_host(struct dice *d)
{
    struct kl_intent *i = kl_alloc(d->a, sizeof *i);
    struct kl_link *l = i->links = kl_alloc(d->a, 8 * sizeof *i->links);
    bool named = roll(d, 5) == 0;
    const char *first = named ? "lan0" : "enp1s0";
    l[i->nlinks++] = (struct kl_link){.name = first};
    if (named)
        assert_true(kl_mac_parse("52:54:00:aa:bb:cc", &l[0].mac));
    l[i->nlinks++] = (struct kl_link){.name = "enp2s0"};
    const char *top = first;
    if (roll(d, 2)) {
        const char **ports = kl_alloc(d->a, 2 * sizeof *ports);
        ports[0] = "enp2s0";
        ports[1] = first;
        l[i->nlinks] =
            (struct kl_link){.name = "bond0", .kind = KL_BOND, .ports = ports, .nports = 2};
        bond_options(d, &l[i->nlinks]);
        top = l[i->nlinks++].name;
    }
    if (roll(d, 3) == 0) {
        bool dotted = roll(d, 2);
        l[i->nlinks] = (struct kl_link){.kind = KL_VLAN, .parent = top, .vlan = 100};
        l[i->nlinks].name = dotted ? kl_sprintf(d->a, "%s.100", top) : "vlan100";
        if (roll(d, 4) == 0 && kl_streq(top, "bond0"))
            l[i->nlinks - 1].mtu = 9000;
        top = l[i->nlinks++].name;
    }
    if (roll(d, 5) == 0) {
        const char **ports = kl_alloc(d->a, sizeof *ports);
        ports[0] = top;
        l[i->nlinks] =
            (struct kl_link){.name = "br0", .kind = KL_BRIDGE, .ports = ports, .nports = 1};
        top = l[i->nlinks++].name;
    }
    for (size_t k = 0; k < i->nlinks; k++)
        if (kl_streq(l[k].name, top))
            with_ip(d, &l[k]);
    l[i->nlinks++] = (struct kl_link){.name = "enp9s0", .mtu = 1280};
    with_ip(d, &l[i->nlinks - 1]);
    i->install = top;
    i->hostname = roll(d, 2) ? "h1.example.net" : NULL;
    i->dns = kl_alloc(d->a, 2 * sizeof *i->dns);
    assert_true(kl_addr_parse("2001:db8:20::53", &i->dns[0]));
    assert_true(kl_addr_parse("192.0.2.53", &i->dns[1]));
    i->ndns = roll(d, 3);
    kl_intent_sort(i);
    const struct kl_link *install = kl_link_find(i, top);
    bool both = kl_link_speaks(install, 4) && kl_link_speaks(install, 6);
    if (both && roll(d, 2))
        i->install_family = roll(d, 2) ? 4 : 6;
    return i;
}

static void describe(const struct kl_intent *i)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_fact *f;
    size_t n = kl_intent_facts(a, i, &f);
    for (size_t k = 0; k < n; k++)
        fprintf(stderr, "  %s.%s = %s\n", f[k].link ? f[k].link : "", f[k].field, f[k].value);
}

static void same(
    struct kl_arena *a, const struct kl_intent *meant, const struct kl_release *r, const char *line)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_install what;
    struct kl_intent *read = kl_cmdline_parse(a, line, "cmdline", r, &what, d);
    assert_non_null(read);
    const struct kl_compare how = {.install_only = true, .skip_hostname = !read->hostname};
    struct kl_difference *diff;
    size_t n = kl_intent_compare(a, meant, read, &how, &diff);
    for (size_t k = 0; k < n; k++)
        fprintf(stderr, "%s.%s: meant '%s', read '%s'\n", diff[k].link ? diff[k].link : "",
            diff[k].field, diff[k].a, diff[k].b);
    if (n || kl_diags_count(d, KL_NOTE)) {
        fprintf(stderr, "%s: %s\n", kl_release_name(a, r), line);
        kl_diags_print(d, stderr, false, 0);
        describe(meant);
    }
    assert_int_equal(n, 0);
    assert_int_equal(kl_diags_count(d, KL_NOTE), 0);
    /* nothing but the install link and what it stands on (and NICs that have a name to get) */
    for (size_t k = 0; k < read->nlinks; k++)
        assert_true(kl_link_carries_install(meant, read->links[k].name) ||
                    !kl_link_has_ip(&read->links[k]));
    /* nor anything of a family that the install does not use */
    for (size_t k = 0; meant->install_family && k < read->nlinks; k++)
        assert_false(kl_link_speaks(&read->links[k], 10 - meant->install_family));
    for (size_t k = 0; meant->install_family && k < read->ndns; k++)
        assert_int_equal(read->dns[k].family, meant->install_family);
    assert_string_equal(what.kickstart, "http://[2001:db8:20::20]/ks.cfg");
    assert_true(what.sshd);
    assert_int_equal(what.nconsole, 1);
    assert_int_equal(what.nextra, 0);
}

static void rendered_lines(void **state)
{
    (void)state;
    enum { HOSTS = 600 };
    const char *console[] = {"ttyS0"};
    const struct kl_install what = {.kickstart = "http://[2001:db8:20::20]/ks.cfg",
        .sshd = true,
        .console = console,
        .nconsole = 1};
    struct kl_arena *names KL_ARENA_SCOPE = kl_arena_new();
    const char *name;
    for (size_t k = 0; (name = kl_release_at(names, k)); k++) {
        if (!kl_starts(name, "rhel-") && !kl_starts(name, "fedora-"))
            continue;
        const struct kl_release *r = kl_release_find(names, name, NULL);
        if (!kl_release_installs(r))
            continue;
        unsigned said = 0;
        for (unsigned h = 0; h < HOSTS; h++) {
            struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
            struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
            struct kl_buf line KL_BUF_SCOPE = {0};
            struct dice dice = {a, h * 7919u + 1};
            struct kl_intent *i = a_host(&dice);
            if (!kl_cmdline_render(i, r, &what, &line, d))
                continue;
            said++;
            same(a, i, r, kl_buf_text(&line));
        }
        /* a third can be said by any engine, and most by NetworkManager */
        unsigned least = r->engine == KL_ENGINE_DRACUT_033A ? HOSTS / 6
                         : r->engine != KL_ENGINE_NM        ? HOSTS / 4
                         : r->nm_minor < 30                 ? HOSTS / 3
                                                            : HOSTS / 2;
        if (said < least)
            fail_msg("%s: only %u of %u hosts could be said", name, said, HOSTS);
    }
}

/* The order in which links, ports and options are described never shows. */
static void order_does_not_matter(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const char *name;
    for (size_t k = 0; (name = kl_release_at(a, k)); k += 3)
        for (unsigned h = 0; h < 40; h++) {
            struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
            struct kl_buf one KL_BUF_SCOPE = {0}, two KL_BUF_SCOPE = {0};
            struct dice dice = {a, h * 104729u + 5};
            const struct kl_release *r = kl_release_find(a, name, NULL);
            struct kl_intent *i = a_host(&dice);
            bool ok = kl_cmdline_render(i, r, NULL, &one, d);
            for (size_t s = i->nlinks; s > 1; s--) {
                size_t with = roll(&dice, (unsigned)s);
                struct kl_link t = i->links[s - 1];
                i->links[s - 1] = i->links[with];
                i->links[with] = t;
            }
            for (size_t s = 0; s < i->nlinks; s++) {
                struct kl_link *l = &i->links[s];
                if (l->nports == 2) {
                    const char *t = l->ports[0];
                    l->ports[0] = l->ports[1];
                    l->ports[1] = t;
                }
                if (l->noptions > 1) {
                    struct kl_option t = l->options[0];
                    l->options[0] = l->options[l->noptions - 1];
                    l->options[l->noptions - 1] = t;
                }
            }
            kl_intent_sort(i);
            assert_int_equal(kl_cmdline_render(i, r, NULL, &two, d), ok);
            assert_string_equal(kl_buf_text(&one), kl_buf_text(&two));
        }
}

/* --- lines by hand ----------------------------------------------------------------------------*/

struct by_hand {
    const char *release, *line;
    const char *facts; /* "link.field=value; ..." that must hold; "!link.field" must not be said */
    const char *codes; /* of diagnostics, in the order of the line's words; "" none */
};

static const struct by_hand lines[] = {
    /* field report: a doubled mode= works in legacy dracut, and is lost in NetworkManager */
    {"ol-7.2", "bond=bond0:enp3s0,enp7s0:mode=mode=6,miimon=100 ks=http://192.0.2.1//OL7/ks/h.ks",
        "bond0.mode=balance-alb; bond0.option miimon=100; bond0.ports=enp3s0, enp7s0; !bond0.ipv4",
        ""},
    {"ol-8.6", "bond=bond0:enp3s0,enp7s0:mode=mode=6,miimon=100",
        "bond0.mode=balance-rr; bond0.ipv4=dhcp", "bond-mode"},
    /* options parted by ';' */
    {"rhel-7.9", "bond=bond0:a,b:mode=802.3ad;miimon=100 ip=bond0:dhcp",
        "bond0.mode=balance-rr; !bond0.option miimon", "bond-mode"},
    {"rhel-9.4", "bond=bond0:a,b:mode=802.3ad;miimon=100 ip=bond0:dhcp",
        "bond0.mode=balance-rr; !bond0.option miimon", "bond-mode"},
    /* several values */
    {"rhel-7.9", "bond=b:x,y:mode=1,arp_interval=9,arp_ip_target=192.0.2.1;192.0.2.2 ip=b:dhcp",
        "b.option arp_ip_target=192.0.2.1,192.0.2.2", ""},
    {"rhel-9.4", "bond=b:x,y:mode=1,arp_interval=9,arp_ip_target=192.0.2.1;192.0.2.2 ip=b:dhcp",
        "!b.option arp_ip_target; !b.ipv4", "bond-option profile-lost"},
    {"rhel-10.1", "bond=b:x,y:mode=1,ns_ip6_target=[fd00::1];[fd00::2] ip=b:dhcp",
        "b.option ns_ip6_target=fd00::1,fd00::2", ""},
    /* options that do not go together: NetworkManager writes no profile */
    {"rhel-9.4", "bond=b:x,y:mode=4,primary=x ip=b:dhcp", "b.ports=x, y; !b.ipv4", "profile-lost"},
    {"rhel-9.4", "bond=b:x,y:mode=1,lacp_rate=1 ip=b:dhcp", "!b.ipv4", "profile-lost"},
    {"rhel-9.4", "bond=b:x,y:mode=1,lacp_rate=0 ip=b:dhcp", "b.ipv4=dhcp", ""},
    {"rhel-9.4", "bond=b:x,y:mode=1,arp_interval=9 ip=b:dhcp", "!b.ipv4", "profile-lost"},
    {"rhel-9.4", "bond=b:x,y:mode=6,arp_interval=9,arp_ip_target=192.0.2.1 ip=b:dhcp", "!b.ipv4",
        "profile-lost"},
    {"rhel-9.4", "bond=b:x,y:mode=1,miimon=0,updelay=9 ip=b:dhcp", "!b.ipv4", "profile-lost"},
    {"rhel-9.4", "bond=b:x,y:mode=1,updelay=9 ip=b:dhcp", "b.ipv4=dhcp; b.option updelay=9", ""},
    {"rhel-9.4", "bond=b:x,y:mode=4,packets_per_slave=2 ip=b:dhcp",
        "b.ipv4=dhcp; !b.option packets_per_slave", "bond-option"},
    {"rhel-8.2", "bond=b:x,y:mode=4,primary=x ip=b:dhcp", "b.ipv4=dhcp", ""},
    /* fields that are left empty, and words without a value */
    {"rhel-8.2", "bridge=br1: ip=br1:dhcp", "!br1.ports; br1.ipv4=dhcp", ""},
    {"rhel-8.2", "bond=:a,b ip=bond0:dhcp", "bond0.ports=eth0, eth1", ""},
    {"rhel-9.4", "bond=b:x,,y ip=b:dhcp", "b.ports=eth0, x, y", ""},
    {"rhel-8.2", "vlan vlan= ip=eno1:dhcp", "eno1.ipv4=dhcp", ""},
    {"rhel-8.2", "ip", "!*.ipv4", "stops"},
    {"rhel-8.2", "ifname=lan0 ip=lan0:dhcp", "!lan0.mac", "stops"},
    {"rhel-8.2", "ip=eno1:auto6:192.0.2.53", "eno1.ipv6=auto; !.dns", ""},
    /* an address with a length that it cannot have is none; so is a name that no NIC can have */
    {"rhel-9.4", "ip=192.0.2.5/33::::eno1:none", "!eno1.ipv4", "address-invalid"},
    {"rhel-9.4", "ip=192.0.2.5/::::eno1:none", "!eno1.ipv4", "address-invalid"},
    {"rhel-9.4", "ip=192.0.2.5:::24::enp1s0f0np0v1234:none", "*.ipv4=static", "address-invalid"},
    {"rhel-9.4", "ip=[2001:db8::5:::64::eno1:none", "!eno1.ipv6", "method"},
    /* lists of methods */
    {"rhel-9.4", "ip=eno1:dhcp,auto6,dhcp6", "eno1.ipv4=dhcp", ""},
    {"rhel-9.4", "ip=eno1:none,", "eno1.kind=ethernet; !eno1.ipv4", ""},
    {"rhel-9.4", "ip=eno1:auto,dhcp", "!eno1.ipv4", "address-invalid"},
    /* whose name server it is */
    {"rhel-9.4", "ip=eno1:none:192.0.2.53 ip=eno2:dhcp", "!.dns; eno2.ipv4=dhcp", "profile-lost"},
    /* the first profile of the line */
    {"rhel-9.4", "ip=eno1:dhcp vlan=v5:eno1 rd.route=10.0.0.0/8:192.0.2.9",
        "eno1.routes=10.0.0.0/8 via 192.0.2.9", ""},
    {"rhel-9.4",
        "vlan=v5:eno1 ip=eno1:dhcp rd.route=10.0.0.0/8:192.0.2.9 "
        "rd.route=10.0.0.0/8:192.0.2.9 rd.route=10.0.0.0/8:[fe80::1]",
        "v5.routes=10.0.0.0/8 via 192.0.2.9", "route"},
    {"rhel-9.4", "rd.route=10.0.0.0/8x:192.0.2.9", "*.ipv4=dhcp; !*.routes", "route"},
    {"rhel-9.4", "ip=eno1:dhcp ip=dhcp BOOTIF=01-52-54-00-12-34-56",
        "*.ipv4=dhcp; 52:54:00:12:34:56.ipv4=dhcp", "bootif"},
    /* one bond only; and no primary */
    {"rhel-7.1", "bond=bond0:a,b:mode=1 bond=bond1:c,d:mode=1,primary=c ip=bond1:dhcp",
        "!bond0.kind; bond1.ports=c, d; !bond1.option primary", "one-only bond-option"},
    {"rhel-7.4", "bond=bond0:a,b:mode=1 bond=bond1:c,d:mode=1,primary=c ip=bond1:dhcp",
        "bond0.ports=a, b; bond1.option primary=c", ""},
    {"rhel-7.4", "bond=bond0:a,b:mode=1:9000 ip=bond0:dhcp", "bond0.kind=ethernet; bond0.ipv4=dhcp",
        "stops"},
    {"rhel-7.5", "bond=bond0:a,b:mode=1:9000 ip=bond0:dhcp", "bond0.mtu=9000", ""},
    {"rhel-8.4", "bond=bond0:a,b:mode=1:9000 ip=bond0:dhcp", "!bond0.mtu; a.mtu=9000; b.mtu=9000",
        ""},
    {"rhel-8.5", "bond=bond0:a,b:mode=1:9000 ip=bond0:dhcp", "bond0.mtu=9000; !a.mtu", ""},
    /* field report: CentOS 7 over IPv6 alone, with no interface named */
    {"centos-7.2",
        "noipv4 ip=[2401:beef:11::31:0]:::64::::none nameserver=2401:beef::53 inst.ssh "
        "inst.ks=http://2401:beef:20::20/ks.cfg",
        "!*.ipv6", "stops not-understood"},
    {"centos-7.2", "ip=[2401:beef:11::31:0]:::64:::none nameserver=2401:beef::53",
        "*.ipv6=static; *.addresses6=2401:beef:11::31:0/64; *.gateway6=by RA; .dns=2401:beef::53",
        ""},
    {"rhel-9.4", "ip=[2401:beef:11::31:0]:::64:::none",
        "*.ipv6=static; *.addresses6=2401:beef:11::31:0/64; !*.gateway6", ""},
    {"rhel-9.4", "ip=[2401:beef:11::31:0]:::64:::auto6", "*.ipv6=static; *.gateway6=by RA", ""},
    {"rhel-8.3", "ip=[2401:beef:11::31:0]:::::eno1:auto6", "eno1.ipv6=static; !eno1.gateway6", ""},
    /* an IPv6 address without brackets */
    {"rhel-9.4", "ip=2001:db8::1::2001:db8::fe:64:h:eno1:none", "!eno1.ipv6", "address-invalid"},
    /* no mask */
    {"rhel-7.9", "ip=192.0.2.5::192.0.2.1:::eno1:none", "!eno1.ipv4", "stops"},
    {"rhel-9.4", "ip=192.0.2.5::192.0.2.1:::eno1:none", "eno1.addresses4=192.0.2.5/24", ""},
    {"rhel-9.4", "ip=10.0.2.5::::h:eno1:none", "eno1.addresses4=10.0.2.5/8; .hostname=h", ""},
    {"rhel-8.3", "ip=[2001:db8::5]::[fe80::1]:48::eno1:none", "eno1.addresses6=2001:db8::5/64",
        "netmask"},
    {"rhel-8.3", "ip=[2001:db8::5/48]::[fe80::1]:::eno1:none", "eno1.addresses6=2001:db8::5/48",
        ""},
    {"rhel-9.4", "ip=[2001:db8::5]/48::::h:eno1:none", "eno1.addresses6=2001:db8::5/64", ""},
    {"rhel-10.1", "ip=[2001:db8::5]/48::::h:eno1:none", "eno1.addresses6=2001:db8::5/48", ""},
    /* a second ip= */
    {"rhel-7.9", "ip=eno1:dhcp ip=eno1:auto6", "eno1.ipv4=dhcp; !eno1.ipv6", "duplicate-ip"},
    {"rhel-9.4", "ip=eno1:dhcp ip=eno1:auto6", "!eno1.ipv4; eno1.ipv6=auto", "duplicate-ip"},
    {"rhel-9.4", "ip=eno1:auto6 ip=eno1:dhcp", "eno1.ipv4=dhcp; eno1.ipv6=auto", ""},
    {"rhel-9.4", "ip=eno1:dhcp,dhcp6", "eno1.ipv4=dhcp; eno1.ipv6=auto", ""},
    {"rhel-8.4", "ip=eno1:dhcp,dhcp6", "!eno1.ipv4; !eno1.ipv6", "address-invalid"},
    {"rhel-9.4", "ip=eno1:either6", "!eno1.ipv6", "address-invalid"},
    {"rhel-8.2", "ip=eno1:either6", "eno1.ipv6=auto", ""},
    {"rhel-8.2", "ip=:::::eno1:dhcp,dhcp6", "eno1.ipv4=dhcp; !eno1.ipv6", "skipped"},
    {"rhel-7.9", "ip=192.0.2.5::192.0.2.1:24:h:eno1:none,auto6",
        "eno1.ipv4=static; eno1.ipv6=auto; .hostname=h", ""},
    /* methods without their address, and with one */
    {"rhel-7.9", "ip=eno1:none", "!eno1.ipv4", "stops"},
    {"rhel-9.4", "ip=eno1:none", "!eno1.ipv4; !eno1.ipv6", ""},
    {"rhel-8.0", "ip=192.0.2.5::192.0.2.1:24::eno1:dhcp", "!eno1.ipv4", "stops"},
    /* MTU, MAC, name servers in the end */
    {"rhel-9.4", "vlan=vlan5:eno1 ip=vlan5:dhcp:1400:02:00:00:00:00:07",
        "vlan5.mtu=1400; vlan5.mac=02:00:00:00:00:07; vlan5.parent=eno1; !eno1.ipv4", ""},
    {"rhel-8.3", "vlan=vlan5:eno1 ip=vlan5:dhcp", "vlan5.vlan=5; eno1.ipv4=dhcp", ""},
    {"rhel-8.3", "vlan=eno1.5:eno1 ip=eno1.5:dhcp", "!eno1.5.ipv6", "address-invalid"},
    {"rhel-7.2", "bond=b:x,y:mode=1 ip=192.0.2.5:::24::b:none:1400:02:00:00:00:00:07",
        "b.mtu=1400; !b.mac", ""},
    {"rhel-7.3", "bond=b:x,y:mode=1 ip=192.0.2.5:::24::b:none:1400:02:00:00:00:00:07",
        "b.mtu=1400; b.mac=02:00:00:00:00:07", ""},
    {"rhel-9.4", "ip=192.0.2.5::192.0.2.1:24:h:eno1:none:192.0.2.53:192.0.2.54",
        ".dns=192.0.2.53, 192.0.2.54; eno1.ipv4=static", ""},
    {"rhel-9.4", "ip=192.0.2.5::192.0.2.1:24:h:eno1:none:[2001:db8::53]", "!eno1.ipv4; !.dns",
        "profile-lost"},
    {"rhel-7.9", "ip=192.0.2.5::192.0.2.1:24:h:eno1:none nameserver=[2001:db8::53]", "!.dns",
        "nameserver"},
    {"rhel-9.4", "ip=eno1:auto6 nameserver=[2001:db8::53] nameserver=192.0.2.53",
        ".dns=2001:db8::53", ""},
    /* VLAN names */
    {"rhel-7.9", "vlan=storage8:eno1 ip=storage8:dhcp", "!storage8.vlan", "vlan-name"},
    {"rhel-9.4", "vlan=storage8:eno1 ip=storage8:dhcp", "storage8.vlan=8", ""},
    {"rhel-7.9", "vlan=vlan010:eno1 ip=vlan010:dhcp", "vlan010.vlan=8", ""},
    {"rhel-9.4", "vlan=vlan010:eno1 ip=vlan010:dhcp", "vlan010.vlan=10", ""},
    /* routes */
    {"rhel-9.4", "ip=eno1:auto6 rd.route=[fd00::]/48:[fe80::1]:eno1",
        "eno1.routes=fd00::/128 via fe80::1", ""},
    {"rhel-7.9", "ip=eno1:auto6 rd.route=[fd00::]/48:[fe80::1]:eno1", "!eno1.routes", "route"},
    {"rhel-9.4", "ip=eno1:dhcp rd.route=10.0.0.0/8:192.0.2.9",
        "eno1.routes=10.0.0.0/8 via 192.0.2.9", ""},
    /* BOOTIF */
    {"rhel-9.4", "ip=192.0.2.5:::24::eno1:none BOOTIF=01-52-54-00-12-34-56",
        "52:54:00:12:34:56.ipv4=dhcp; eno1.ipv4=static", "bootif"},
    {"rhel-9.4", "ip=192.0.2.5:::24::eno1:none BOOTIF=01-52-54-00-12-34-56 rd.bootif=0",
        "!52:54:00:12:34:56.ipv4", ""},
    {"rhel-9.4", "ip=dhcp BOOTIF=01-52-54-00-12-34-56", "*.ipv4=dhcp", ""},
    {"rhel-7.9", "ip=52-54-00-12-34-56:dhcp ifname=lan0:52:54:00:12:34:56", "!lan0.ipv4", ""},
    /* anaconda's old cluster */
    {"rhel-7.9", "ip=192.0.2.5 netmask=255.255.255.0 gateway=192.0.2.1 ksdevice=eno1",
        "eno1.addresses4=192.0.2.5/24; eno1.gateway4=192.0.2.1", NULL},
    {"rhel-8.0", "ip=192.0.2.5 netmask=255.255.255.0", "!*.ipv4", NULL},
    /* EL6: its own loader, one interface, an argument for each thing */
    {"centos-6.5",
        "ks=http://192.0.2.1/ks.cfg ksdevice=eth0 ip=192.0.2.5 netmask=255.255.255.0 "
        "gateway=192.0.2.1 dns=192.0.2.53,2001:db8::53 hostname=h1 mtu=9000",
        "eth0.ipv4=static; eth0.addresses4=192.0.2.5/24; eth0.gateway4=192.0.2.1; eth0.mtu=9000; "
        ".hostname=h1; .dns=192.0.2.53, 2001:db8::53; !eth0.ipv6",
        ""},
    {"rhel-6.10", "ks=http://192.0.2.1/ks.cfg ksdevice=bootif BOOTIF=01-52-54-00-12-34-56",
        "52:54:00:12:34:56.ipv4=dhcp", ""},
    {"rhel-6.10", "ks=http://192.0.2.1/ks.cfg KSDEVICE=52:54:00:12:34:56 IP=dhcp",
        "52:54:00:12:34:56.ipv4=dhcp", ""},
    {"rhel-6.0", "ks=nfs:192.0.2.1:/ks.cfg ksdevice=link ipv6=auto noipv4", "!*.ipv4; *.ipv6=auto",
        ""},
    {"ol-6.8", "ksdevice=eth1 ipv6=2001:db8::5/48 ip=dhcp",
        "eth1.ipv4=dhcp; eth1.addresses6=2001:db8::5/48; eth1.gateway6=by RA", ""},
    {"ol-6.8", "ip=192.0.2.5:192.0.2.2:192.0.2.1:255.255.0.0 ksdevice=eth0",
        "eth0.addresses4=192.0.2.5/16; eth0.gateway4=192.0.2.1", ""},
    {"ol-6.8", "ip=192.0.2.5::192.0.2.1:255.255.255.0:h1:eth0:none", "*.addresses4=192.0.2.5/24",
        "netmask"},
    {"ol-6.8", "ip=10.2.0.5", "*.addresses4=10.2.0.5/8", "netmask"},
    {"ol-6.8", "ip=[2001:db8::5]:::64::eth0:none", "!*.ipv4", "address-invalid"},
    {"ol-6.8", "ip=192.0.2.5 netmask=24 gateway=gw dns=192.0.2.53;192.0.2.54",
        "*.addresses4=192.0.2.5/24; !.dns", "nameserver netmask gateway"},
    {"ol-6.8", "bond=bond0:eth0,eth1:mode=1 ip=dhcp ksdevice=bond0 nameserver=192.0.2.53",
        "bond0.kind=ethernet; bond0.ipv4=dhcp; !.dns", ""},
    {"ol-6.8", "quiet ks=hd:sda1:/ks.cfg", "!*.ipv4", ""},
    /* words without inst. */
    {"rhel-9.4", "ip=eno1:dhcp ks=http://192.0.2.1/ks.cfg", "eno1.ipv4=dhcp", ""},
    {"rhel-8.9", "ip=eno1:dhcp ks=http://192.0.2.1/ks.cfg quiet", "eno1.ipv4=dhcp", ""},
    {"rhel-8.9", "ip=eno1:dhcp team=team0:a,b", "eno1.ipv4=dhcp", "not-understood"},
};

static bool holds(const struct kl_fact *f, size_t n, const char *claim, const char *line)
{
    bool absent = *claim == '!';
    const char *text = claim + absent, *equals = strchr(text, '=');
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const char *path = equals ? kl_strndup(a, text, (size_t)(equals - text)) : text;
    const char *dot = strrchr(path, '.');
    assert_non_null(dot);
    const char *link = dot == path ? NULL : kl_strndup(a, path, (size_t)(dot - path));
    const char *value = kl_fact_value(f, n, link, dot + 1);
    bool ok = absent ? !value : kl_streq(value, equals + 1);
    if (!ok)
        fprintf(stderr, "%s\n  %s: read '%s'\n", line, claim, value ? value : "(nothing)");
    return ok;
}

static bool check(const struct by_hand *c)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const struct kl_release *r = kl_release_find(a, c->release, NULL);
    struct kl_intent *i = kl_cmdline_parse(a, c->line, "cmdline", r, NULL, d);
    assert_non_null(i);
    struct kl_fact *facts;
    size_t n = kl_intent_facts(a, i, &facts);
    const char *line = kl_sprintf(a, "%s: %s", c->release, c->line);
    bool ok = true;
    for (const char *s = c->facts; s; s = strstr(s, "; ") ? strstr(s, "; ") + 2 : NULL) {
        const char *end = strstr(s, "; ");
        ok &= holds(facts, n, kl_strndup(a, s, end ? (size_t)(end - s) : strlen(s)), line);
    }
    struct kl_buf codes KL_BUF_SCOPE = {0};
    const struct kl_diag *e;
    for (size_t k = 0; (e = kl_diags_at(d, k)); k++) {
        kl_buf_addf(&codes, "%s%s", k ? " " : "", e->code);
        assert_true(e->at.col >= 1 && e->at.line == 1);
    }
    if (c->codes && strcmp(kl_buf_text(&codes), c->codes) != 0) {
        fprintf(stderr, "%s\n  said '%s', not '%s'\n", line, kl_buf_text(&codes), c->codes);
        ok = false;
    }
    return ok;
}

static void lines_by_hand(void **state)
{
    (void)state;
    bool ok = true;
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++)
        ok &= check(&lines[k]);
    assert_true(ok);
}

/* --- places -----------------------------------------------------------------------------------*/

struct placed {
    const char *release, *line;
    const char *said;  /* "link.field=text|...": the text at the place of the fact */
    const char *wrong; /* the texts at the places of warnings and errors, parted by '|' */
};

static const struct placed places[] = {
    {"rhel-9.4",
        "quiet bond=bond0:eno1,eno2:mode=6,miimon=100:9000 "
        "ip=[2001:db8::5]::[fe80::1]:64:h1.example.net:bond0:none nameserver=[2001:db8::53]",
        "bond0.kind=bond=bond0|bond0.ports=eno1,eno2|bond0.mode=mode=6|bond0.mtu=9000|"
        "bond0.option miimon=miimon=100|bond0.addresses6=[2001:db8::5]|bond0.gateway6=[fe80::1]|"
        "bond0.ipv6=none|.hostname=h1.example.net|.dns=[2001:db8::53]|eno2.kind=eno2",
        ""},
    {"rhel-7.9",
        "ip=192.0.2.5::192.0.2.1:255.255.255.0:h:bond0:none:1400:02:00:00:00:00:07 "
        "bond=bond0:a,b:mode=1",
        "bond0.addresses4=192.0.2.5|bond0.gateway4=192.0.2.1|bond0.ipv4=none|bond0.mtu=1400|"
        "bond0.mac=02:00:00:00:00:07|bond0.mode=mode=1",
        ""},
    {"rhel-8.2", "ifname=lan0:52:54:00:12:34:56 vlan=lan0.7:lan0 ip=lan0.7:dhcp bootdev=lan0.7",
        "lan0.mac=52:54:00:12:34:56|lan0.7.kind=vlan=lan0.7|lan0.7.vlan=lan0.7|lan0.7.parent=lan0|"
        "lan0.7.ipv4=dhcp|lan0.7.gateway4=dhcp|.install=lan0.7|lan0.kind=lan0",
        ""},
    {"rhel-9.4", "ip=[2001:db8::5]:::64::eno1:none ip=eno1:dhcp rd.route=10.0.0.0/8:192.0.2.9:eno1",
        "eno1.ipv6=none|eno1.ipv4=dhcp|eno1.routes=10.0.0.0/8:192.0.2.9:eno1", ""},
    {"rhel-9.4", "ip=eno1:dhcp \"nameserver=192.0.2.53\"", ".dns=\"nameserver=192.0.2.53\"", ""},
    /* anaconda's old cluster: pieces of one ip= all over the line */
    {"rhel-7.9", "gateway=192.0.2.1 ip=192.0.2.5 netmask=255.255.255.0 ksdevice=eno1",
        "eno1.addresses4=192.0.2.5|eno1.gateway4=192.0.2.1|eno1.kind=eno1", ""},
    {"centos-6.5", "ksdevice=eth0 ip=192.0.2.5::192.0.2.1:255.255.255.0 dns=192.0.2.53,192.0.2.54",
        "eth0.ipv4=192.0.2.5|eth0.addresses4=192.0.2.5|eth0.gateway4=192.0.2.1|.dns=192.0.2.54|"
        "eth0.kind=eth0|.install=eth0",
        ""},
    /* mistakes */
    {"rhel-9.4", "bond=bond0:a,b:miimon=100,mode=9,foo=bar ip=bond0:dhcp",
        "bond0.option miimon=miimon=100", "mode=9|foo=bar"},
    {"rhel-9.4", "ip=192.0.2.5::x:255::eno1:none", "eno1.addresses4=192.0.2.5", "255|x"},
    {"rhel-9.4", "ip=host::::h:eno1:none ip=::::h:eno1:nothing", "eno1.ipv4=nothing",
        "host|nothing"},
    {"rhel-7.9", "ip=192.0.2.5::192.0.2.1:::eno1:none vlan=storage:eno1", "eno1.kind=eno1",
        "storage|192.0.2.5"},
    {"rhel-7.9", "ip=eno1:dhcp ip=eno1:auto6", "eno1.ipv4=dhcp", "eno1"},
    {"rhel-7.9", "ip=eno1:dhcp nameserver=[2001:db8::53] rd.route=10.0.0.0/8:x:eno1", "",
        "[2001:db8::53]|x"},
};

static const char *text_at(struct kl_arena *a, const char *line, struct kl_place at)
{
    assert_int_equal(at.line, 1);
    assert_true(at.col >= 1 && at.col - 1 + at.width <= strlen(line));
    return kl_strndup(a, line + at.col - 1, at.width);
}

static bool said_there(struct kl_arena *a, const struct kl_intent *i, const char *line, char *claim)
{
    char *equals = strchr(claim, '=');
    *equals = '\0';
    char *dot = strrchr(claim, '.');
    *dot = '\0';
    struct kl_place at = kl_intent_said(i, dot == claim ? NULL : claim, dot + 1);
    const char *there = text_at(a, line, at);
    if (kl_streq(there, equals + 1))
        return true;
    fprintf(
        stderr, "%s\n  %s.%s is said by '%s', not '%s'\n", line, claim, dot + 1, there, equals + 1);
    return false;
}

static void places_of_facts(void **state)
{
    (void)state;
    bool ok = true;
    for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        const char *line = places[k].line;
        const struct kl_release *r = kl_release_find(a, places[k].release, NULL);
        struct kl_intent *i = kl_cmdline_parse(a, line, "cmdline", r, NULL, d);
        char *rest = kl_strdup(a, places[k].said), *claim;
        while ((claim = strsep(&rest, "|")))
            ok &= !*claim || said_there(a, i, line, claim);
        struct kl_buf wrong KL_BUF_SCOPE = {0};
        const struct kl_diag *e;
        for (size_t n = 0; (e = kl_diags_at(d, n)); n++)
            if (e->severity > KL_NOTE)
                kl_buf_addf(&wrong, "%s%s", wrong.len ? "|" : "", text_at(a, line, e->at));
        if (strcmp(kl_buf_text(&wrong), places[k].wrong) != 0) {
            fprintf(stderr, "%s\n  wrong: '%s'\n", line, kl_buf_text(&wrong));
            ok = false;
        }
    }
    assert_true(ok);
}

/* What is read outlives the words; and no more is read than a kernel keeps. */
static void words_of_others(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const struct kl_release *r = kl_release_find(a, "rhel-9.4", NULL);
    struct kl_arena *theirs = kl_arena_new();
    struct kl_buf line KL_BUF_SCOPE = {0};
    kl_buf_add(&line, "inst.ks=http://192.0.2.1/ks.cfg bootdev=eno1 ip=eno1:dhcp ");
    for (int k = 0; k < 800; k++)
        kl_buf_addf(&line, "rd=%d ", 100 + k);
    struct kl_cmdline words = kl_cmdline_words(theirs, kl_buf_text(&line), "c", d);
    struct kl_install what;
    struct kl_intent *i = kl_cmdline_read(a, &words, r, &what, d);
    kl_arena_free(theirs);
    assert_string_equal(i->install, "eno1");
    assert_string_equal(what.kickstart, "http://192.0.2.1/ks.cfg");
    assert_true(what.nextra > 500 && what.nextra < 600);
    assert_string_equal(kl_diags_at(d, 0)->code, "line-too-long");
    struct kl_cmdline none = {0};
    assert_int_equal(kl_cmdline_read(a, &none, r, NULL, d)->nlinks, 0);
}

static void words(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const struct kl_release *r = kl_release_find(a, "rhel-9.4", NULL);
    struct kl_install what;
    assert_null(kl_cmdline_parse(a, "", "c", r, &what, d));
    assert_null(kl_cmdline_parse(a, "  \n\t ", "c", r, &what, d));
    struct kl_intent *i = kl_cmdline_parse(a,
        "inst.ks=http://a/old  inst.ks=http://a/new\tinst.repo=nfs:s:/t inst.stage2=http://a/ "
        "inst.syslog=h:514 console=tty0 console=ttyS0,9600 foo=\"b c\" quiet\n inst.sshd wonder",
        "c", r, &what, d);
    assert_non_null(i);
    assert_string_equal(what.kickstart, "http://a/new");
    assert_string_equal(what.repo, "nfs:s:/t");
    assert_string_equal(what.stage2, "http://a/");
    assert_string_equal(what.syslog, "h:514");
    assert_int_equal(what.nconsole, 2);
    assert_string_equal(what.console[1], "ttyS0,9600");
    assert_true(what.sshd);
    assert_int_equal(what.nextra, 3);
    assert_string_equal(what.extra[0], "foo=b c");
    assert_null(i->install);
    assert_int_equal(kl_diags_count(d, KL_NOTE), 2); /* foo and wonder; not quiet */
    assert_int_equal(kl_diags_at(d, 1)->at.line, 2);
    assert_int_equal(kl_diags_at(d, 1)->at.col, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rendered_lines),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(lines_by_hand),
        cmocka_unit_test(places_of_facts),
        cmocka_unit_test(words_of_others),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
