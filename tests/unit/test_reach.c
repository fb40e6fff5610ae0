/* net/reach.c: what an intent proves of a destination, and what it leaves open. */
#include "net/reach.h"

#include "words_intent.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const char *const reaches[] = {
    [KL_REACHED] = "reached", [KL_UNREACHED] = "unreached", [KL_REACH_MAYBE] = "maybe"};

static const struct {
    const char *intent, *host;
    enum kl_reach reach;
    const char *why;          /* a part of it; NULL: whatever */
    const char *link, *field; /* of KL_UNREACHED */
} hosts[] = {
    /* families */
    {"eth0 192.0.2.5/24", "2001:db8::1", KL_UNREACHED, "IPv6, and no link", "eth0", "addresses4"},
    {"eth0 2001:db8::5/64", "192.0.2.1", KL_UNREACHED, "IPv4, and no link", "eth0", "addresses6"},
    {"eth0 dhcp4", "2001:db8::1", KL_UNREACHED, "IPv6, and no link", "eth0", "ipv4"},
    {"eth0 auto6", "192.0.2.1", KL_UNREACHED, "IPv4, and no link", "eth0", "ipv6"},
    {"eth0", "192.0.2.1", KL_UNREACHED, "no link of this stage has an address", NULL, NULL},
    {"", "192.0.2.1", KL_UNREACHED, "no link of this stage has an address", NULL, NULL},
    {"bond0=eth0,eth1 2001:db8::5/64 ; eth0 dhcp4 ; eth1", "192.0.2.1", KL_UNREACHED,
        "IPv4, and no link", "bond0", "addresses6"},
    /* on the link */
    {"eth0 192.0.2.5/24", "192.0.2.200", KL_REACHED, NULL, NULL, NULL},
    {"eth0 2001:db8:11::31:0/64", "2001:db8:11::1", KL_REACHED, NULL, NULL, NULL},
    {"eth0 2001:db8:11::31:0/64", "[2001:db8:11::1]", KL_REACHED, NULL, NULL, NULL},
    {"eth0 192.0.2.5/24 ; eth1 198.51.100.5/24", "198.51.100.1", KL_REACHED, NULL, NULL, NULL},
    {"eth0 192.0.2.5/24 dhcp4", "192.0.2.1", KL_REACHED, NULL, NULL, NULL},
    {"eth0 192.0.2.5/0", "198.51.100.1", KL_REACHED, NULL, NULL, NULL},
    /* behind a gateway */
    {"eth0 192.0.2.5/24 via 192.0.2.1", "198.51.100.1", KL_REACHED, NULL, NULL, NULL},
    {"eth0 2001:db8:11::5/64 via fe80::1", "2001:db8:20::20", KL_REACHED, NULL, NULL, NULL},
    {"eth0 2001:db8:11::5/64 ra", "2001:db8:20::20", KL_REACH_MAYBE, NULL, NULL, NULL},
    {"eth0 192.0.2.5/24 via 203.0.113.1", "198.51.100.1", KL_REACH_MAYBE, NULL, NULL, NULL},
    {"eth0 dhcp4", "198.51.100.1", KL_REACH_MAYBE, NULL, NULL, NULL},
    {"eth0 auto6", "2001:db8::1", KL_REACH_MAYBE, NULL, NULL, NULL},
    {"bond0 2001:db8:11::5/64", "2001:db8:20::20", KL_UNREACHED,
        "is on another network than bond0 (2001:db8:11::5/64), and bond0 has no IPv6 gateway",
        "bond0", "addresses6"},
    {"eth0 192.0.2.5/24 ; eth1 2001:db8:11::5/64 via fe80::1", "198.51.100.1", KL_UNREACHED,
        "no IPv4 gateway", "eth0", "addresses4"},
    {"eth0 192.0.2.5/24 ; eth1 dhcp4", "198.51.100.1", KL_REACH_MAYBE, NULL, NULL, NULL},
    {"eth0 192.0.2.5/24 ; eth1 203.0.113.5/24 via 203.0.113.1", "198.51.100.1", KL_REACHED, NULL,
        NULL, NULL},
    /* static routes */
    {"eth0 192.0.2.5/24 to 198.51.100.0/24 192.0.2.1", "198.51.100.7", KL_REACHED, NULL, NULL,
        NULL},
    {"eth0 192.0.2.5/24 to 198.51.100.0/24 link", "198.51.100.7", KL_REACHED, NULL, NULL, NULL},
    {"eth0 192.0.2.5/24 to 198.51.100.0/24 192.0.2.1", "203.0.113.7", KL_UNREACHED, NULL, "eth0",
        "addresses4"},
    {"eth0 192.0.2.5/24 to 198.51.100.0/24 203.0.113.1", "198.51.100.7", KL_REACH_MAYBE, NULL, NULL,
        NULL},
    {"eth0 192.0.2.5/24 to 198.51.100.0/24 192.0.2.1 to 198.51.100.128/25 203.0.113.9",
        "198.51.100.200", KL_REACH_MAYBE, NULL, NULL, NULL},
    /* addresses of a kind of their own */
    {"eth0 2001:db8::5/64", "fe80::1", KL_REACH_MAYBE, NULL, NULL, NULL},
    {"eth0 192.0.2.5/24", "fe80::1", KL_UNREACHED, NULL, "eth0", "addresses4"},
    {"", "127.0.0.1", KL_REACHED, NULL, NULL, NULL},
    {"eth0 192.0.2.5/24", "::1", KL_REACHED, NULL, NULL, NULL},
    {"eth0 2001:db8::5/64", "fe80::1%eth0", KL_REACH_MAYBE, NULL, NULL, NULL},
    /* names */
    {"eth0 192.0.2.5/24", "localhost", KL_REACHED, NULL, NULL, NULL},
    {"eth0 192.0.2.5/24 via 192.0.2.1", "ks.example.net", KL_UNREACHED, "no name server", NULL,
        "dns"},
    {"eth0 192.0.2.5/24 via 192.0.2.1 ; dns 192.0.2.53", "ks.example.net", KL_REACH_MAYBE, NULL,
        NULL, NULL},
    {"eth0 dhcp4", "ks.example.net", KL_REACH_MAYBE, NULL, NULL, NULL},
    {"eth0 2001:db8::5/64 ra", "ks.example.net", KL_REACH_MAYBE, NULL, NULL, NULL},
    {"eth0 192.0.2.5/24 ; dns 198.51.100.53", "ks.example.net", KL_UNREACHED,
        "no name server can be asked: 198.51.100.53 is on another network", "eth0", "addresses4"},
    {"eth0 192.0.2.5/24 ; dns 2001:db8::53 198.51.100.53", "ks.example.net", KL_UNREACHED,
        "2001:db8::53 is IPv6", "eth0", "addresses4"},
    {"eth0 192.0.2.5/24 ; dns 2001:db8::53 192.0.2.53", "ks.example.net", KL_REACH_MAYBE, NULL,
        NULL, NULL},
    {"eth0 192.0.2.5/24 ; eth1 dhcp4 ; dns 2001:db8::53", "ks.example.net", KL_REACH_MAYBE, NULL,
        NULL, NULL},
    {"", "ks.example.net", KL_UNREACHED, "no name server", NULL, "dns"},
    {"eth0 192.0.2.5/24", "", KL_REACH_MAYBE, NULL, NULL, NULL},
};

static void proves_what_it_can_of_hosts(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t k = 0; k < sizeof hosts / sizeof *hosts; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_reach_answer got =
            kl_reach_host(a, words_intent(a, hosts[k].intent), hosts[k].host);
        bool said = got.reach == KL_UNREACHED;
        bool fits = got.reach == hosts[k].reach && said == (got.why && *got.why) &&
                    (!said || (got.mend && kl_streq(got.link, hosts[k].link) &&
                                  kl_streq(got.field, hosts[k].field))) &&
                    (!hosts[k].why || (got.why && strstr(got.why, hosts[k].why)));
        if (!fits)
            fprintf(stderr, "'%s' to '%s': %s, %s (%s %s)\n", hosts[k].intent, hosts[k].host,
                reaches[got.reach], got.why ? got.why : "-", got.link ? got.link : "-",
                got.field ? got.field : "-");
        wrong += !fits;
    }
    assert_int_equal(wrong, 0);
}

static const struct {
    const char *link;
    int family;
    enum kl_reach reach;
} gateways[] = {
    {"eth0 192.0.2.5/24", 4, KL_REACHED},
    {"eth0 192.0.2.5/24 via 192.0.2.1", 4, KL_REACHED},
    {"eth0 192.0.2.5/24 via 192.0.2.1", 6, KL_REACHED},
    {"eth0 192.0.2.5/24 via 192.0.3.1", 4, KL_UNREACHED},
    {"eth0 192.0.2.5/28 via 192.0.2.17", 4, KL_UNREACHED},
    {"eth0 192.0.2.5/32 via 192.0.2.1", 4, KL_UNREACHED},
    {"eth0 192.0.2.5/24 203.0.113.9/24 via 203.0.113.1", 4, KL_REACHED},
    {"eth0 192.0.2.5/32 via 169.254.1.1", 4, KL_REACH_MAYBE},
    {"eth0 192.0.2.5/24 via 192.0.3.1 to 192.0.3.1/32 link", 4, KL_REACHED},
    {"eth0 192.0.2.5/24 via 192.0.3.1 to 192.0.3.0/24 192.0.2.9", 4, KL_REACH_MAYBE},
    {"eth0 192.0.2.5/24 dhcp4 via 192.0.3.1", 4, KL_REACH_MAYBE},
    {"eth0 2001:db8::5/64 via fe80::1", 6, KL_REACHED},
    {"eth0 2001:db8::5/64 via 2001:db8::1", 6, KL_REACHED},
    {"eth0 2001:db8::5/64 via 2001:db8:1::1", 6, KL_UNREACHED},
    {"eth0 2001:db8::5/64 ra", 6, KL_REACHED},
};

static void proves_what_it_can_of_gateways(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t k = 0; k < sizeof gateways / sizeof *gateways; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        const struct kl_intent *i = words_intent(a, gateways[k].link);
        struct kl_reach_answer got = kl_reach_gateway(a, &i->links[0], gateways[k].family);
        bool said = got.reach == KL_UNREACHED;
        bool fits = got.reach == gateways[k].reach && said == (got.why && got.mend && got.field);
        if (!fits)
            fprintf(stderr, "'%s': %s, %s\n", gateways[k].link, reaches[got.reach],
                got.why ? got.why : "-");
        wrong += !fits;
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proves_what_it_can_of_hosts),
        cmocka_unit_test(proves_what_it_can_of_gateways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
