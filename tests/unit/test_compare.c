/* net/compare.c: what is a difference between two intents, and what is not. */
#include "net/intent.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* bond0 of eno1 and eno2 with a VLAN on it that carries the install, and eno9 beside them. */
struct host {
    struct kl_prefix addresses[2];
    struct kl_addr dns[2];
    struct kl_option options[1];
    const char *ports[2];
    struct kl_link links[5];
    struct kl_intent intent;
};

static void build(struct host *h)
{
    memset(h, 0, sizeof *h);
    assert_true(kl_prefix_parse("2001:db8:11::31:0/64", &h->addresses[0]));
    assert_true(kl_prefix_parse("192.0.2.9/24", &h->addresses[1]));
    assert_true(kl_addr_parse("2001:db8:20::53", &h->dns[0]));
    assert_true(kl_addr_parse("192.0.2.53", &h->dns[1]));
    h->options[0] = (struct kl_option){"miimon", "100"};
    h->ports[0] = "eno1";
    h->ports[1] = "eno2";
    h->links[0] = (struct kl_link){.name = "bond0",
        .kind = KL_BOND,
        .ports = h->ports,
        .nports = 2,
        .mode = 6,
        .options = h->options,
        .noptions = 1};
    h->links[1] = (struct kl_link){.name = "eno1"};
    h->links[2] = (struct kl_link){.name = "eno2"};
    h->links[3] = (struct kl_link){.name = "eno9",
        .ip4 = {.method = KL_STATIC, .addresses = &h->addresses[1], .naddresses = 1}};
    h->links[4] = (struct kl_link){.name = "vlan7",
        .kind = KL_VLAN,
        .parent = "bond0",
        .vlan = 7,
        .ip6 = {.method = KL_STATIC,
            .addresses = &h->addresses[0],
            .naddresses = 1,
            .gateway = KL_GATEWAY_LEARNT}};
    h->intent = (struct kl_intent){.hostname = "newbox",
        .links = h->links,
        .nlinks = 5,
        .dns = h->dns,
        .ndns = 2,
        .install = "vlan7"};
    kl_intent_sort(&h->intent);
}

static struct kl_link *of(struct host *h, const char *name)
{
    struct kl_link *l = (struct kl_link *)kl_link_find(&h->intent, name);
    assert_non_null(l);
    return l;
}

static void expect(struct host *x, struct host *y, const struct kl_compare *how, const char *link,
    const char *field, const char *a, const char *b)
{
    struct kl_arena *arena KL_ARENA_SCOPE = kl_arena_new();
    struct kl_difference *d = NULL;
    size_t n = kl_intent_compare(arena, &x->intent, &y->intent, how, &d);
    if (!field) {
        assert_int_equal(n, 0);
        return;
    }
    assert_int_equal(n, 1);
    if (link)
        assert_string_equal(d->link, link);
    else
        assert_null(d->link);
    assert_string_equal(d->field, field);
    assert_string_equal(d->a, a);
    assert_string_equal(d->b, b);
}

static void each_field(void **state)
{
    (void)state;
    struct host x, y;
    const struct kl_compare all = {0};
    build(&x);
    build(&y);
    expect(&x, &y, &all, NULL, NULL, NULL, NULL);
    of(&y, "bond0")->mode = 1;
    expect(&x, &y, &all, "bond0", "mode", "balance-alb", "active-backup");
    build(&y);
    of(&y, "bond0")->noptions = 0;
    expect(&x, &y, &all, "bond0", "option miimon", "100", "");
    expect(&y, &x, &all, "bond0", "option miimon", "", "100");
    build(&y);
    of(&y, "bond0")->nports = 1;
    expect(&x, &y, &all, "bond0", "ports", "eno1, eno2", "eno1");
    build(&y);
    y.addresses[0].len = 48;
    expect(&x, &y, &all, "vlan7", "addresses6", "2001:db8:11::31:0/64", "2001:db8:11::31:0/48");
    build(&y);
    of(&y, "vlan7")->ip6.gateway = KL_GATEWAY_NONE;
    expect(&x, &y, &all, "vlan7", "gateway6", "by RA", "");
    build(&y);
    of(&y, "vlan7")->vlan = 8;
    expect(&x, &y, &all, "vlan7", "vlan", "7", "8");
    build(&y);
    y.intent.hostname = "other";
    expect(&x, &y, &all, NULL, "hostname", "newbox", "other");
    expect(&x, &y, &(struct kl_compare){.skip_hostname = true}, NULL, NULL, NULL, NULL);
    build(&y);
    y.intent.ndns = 1;
    expect(&x, &y, &all, NULL, "dns", "2001:db8:20::53, 192.0.2.53", "2001:db8:20::53");
    expect(&x, &y, &(struct kl_compare){.skip_dns = true}, NULL, NULL, NULL, NULL);
    build(&y);
    y.intent.install = "eno9";
    expect(&x, &y, &all, NULL, "install", "vlan7", "eno9");
    build(&y);
    of(&y, "bond0")->mtu = 9000;
    expect(&x, &y, &all, "bond0", "mtu", "", "9000");
    expect(&x, &y, &(struct kl_compare){.skip_mtu = true}, NULL, NULL, NULL, NULL);
}

static void only_the_install_link(void **state)
{
    (void)state;
    struct host x, y;
    const struct kl_compare all = {0}, install = {.install_only = true};
    build(&x);
    build(&y);
    of(&y, "eno9")->mtu = 9000;
    expect(&x, &y, &all, "eno9", "mtu", "", "9000");
    expect(&x, &y, &install, NULL, NULL, NULL, NULL);
    build(&y);
    of(&y, "eno2")->mtu = 9000; /* a port of what the install link stands on */
    expect(&x, &y, &install, "eno2", "mtu", "", "9000");
    build(&y);
    of(&x, "bond0")->kind = of(&y, "bond0")->kind = KL_BRIDGE; /* no initrd says STP is off */
    y.options[0] = (struct kl_option){"stp", "no"};
    of(&x, "bond0")->noptions = 0;
    expect(&x, &y, &install, NULL, NULL, NULL, NULL);
    expect(&x, &y, &all, "bond0", "option stp", "", "no");
    build(&x);
    build(&y);
    y.dns[1].bytes[3] = 54; /* IPv4, which the install link does not use */
    expect(&x, &y, &install, NULL, NULL, NULL, NULL);
    y.dns[0].bytes[15] = 54;
    expect(&x, &y, &install, NULL, "dns", "2001:db8:20::53", "2001:db8:20::36");
    build(&y);
    assert_true(kl_link_carries_install(&x.intent, "eno1"));
    assert_true(kl_link_carries_install(&x.intent, "vlan7"));
    assert_false(kl_link_carries_install(&x.intent, "eno9"));
    of(&y, "bond0")->ports[0] = "bond0"; /* stands on itself: no answer, but an end */
    assert_false(kl_link_carries_install(&y.intent, "eno7"));
}

/* An initrd that has one family, of a host that has both. */
static void only_the_family_of_the_install(void **state)
{
    (void)state;
    struct host x, y;
    const struct kl_compare all = {0}, install = {.install_only = true};
    struct kl_route routes[2] = {0};
    assert_true(kl_prefix_parse("198.51.100.0/24", &routes[0].to));
    assert_true(kl_prefix_parse("2001:db8:99::/48", &routes[1].to));
    const struct kl_ip four = {.method = KL_STATIC, .addresses = &x.addresses[1], .naddresses = 1};
    build(&x);
    build(&y);
    of(&x, "vlan7")->ip4 = four;
    of(&x, "vlan7")->routes = routes;
    of(&x, "vlan7")->nroutes = 2;
    of(&y, "vlan7")->routes = routes + 1;
    of(&y, "vlan7")->nroutes = 1;
    y.intent.ndns = 1;
    struct kl_arena *arena KL_ARENA_SCOPE = kl_arena_new();
    struct kl_difference *d;
    /* how IPv4 comes, its address, the route, the name server */
    assert_int_equal(kl_intent_compare(arena, &x.intent, &y.intent, &install, &d), 4);
    x.intent.install_family = 6;
    expect(&x, &y, &install, NULL, NULL, NULL, NULL);
    expect(&x, &x, &install, NULL, NULL, NULL, NULL); /* y narrowed as well */
    assert_int_equal(kl_intent_compare(arena, &x.intent, &y.intent, &all, &d), 4);
    assert_int_equal(of(&x, "vlan7")->nroutes, 2); /* the intents themselves are not touched */
    assert_int_equal(of(&x, "vlan7")->ip4.naddresses, 1);
    of(&y, "vlan7")->ip6.gateway = KL_GATEWAY_NONE;
    expect(&x, &y, &install, "vlan7", "gateway6", "by RA", "");
    x.intent.install_family = 4;
    assert_int_equal(kl_intent_compare(arena, &x.intent, &y.intent, &install, &d), 4);
}

static void one_thing_said_in_two_ways(void **state)
{
    (void)state;
    struct host x, y;
    build(&x);
    build(&y);
    of(&y, "vlan7")->ip6.method = KL_AUTO;
    expect(&x, &y, NULL, NULL, NULL, NULL, NULL);
    of(&y, "vlan7")->ip6.naddresses = 0;
    struct kl_arena *arena KL_ARENA_SCOPE = kl_arena_new();
    struct kl_difference *d;
    assert_int_equal(kl_intent_compare(arena, &x.intent, &y.intent, NULL, &d), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field),
        cmocka_unit_test(only_the_install_link),
        cmocka_unit_test(only_the_family_of_the_install),
        cmocka_unit_test(one_thing_said_in_two_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
