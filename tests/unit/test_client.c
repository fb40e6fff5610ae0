/* serve/client: who is asking, from whatever clues there are. */
#include "serve/client.h"

#include "fleet_text.h"

static const char inventory[] =
    "server: {address: [2001:db8:20::20]}\n"
    "hosts:\n"
    "  one:\n"
    "    release: centos-7.9\n"
    "    uuid: 12345678-9abc-def0-1122-334455667788\n"
    "    nics: {eth0: 52:54:00:00:00:01}\n"
    "    network: {eth0: {addresses: [2001:db8:11::1/64, 192.0.2.1/24]}}\n"
    "  two:\n"
    "    release: centos-7.9\n"
    "    uuid: 00000000-0000-0000-0000-000000000002\n"
    "    nics: {eth0: 52:54:00:00:00:02, eth1: 52:54:00:00:00:03}\n"
    "    network: {eth0: {addresses: [2001:db8:11::2/64]}}\n";

static struct kl_mac mac(uint8_t last)
{
    return (struct kl_mac){.bytes = {0x52, 0x54, 0, 0, 0, last}, .set = true};
}

static struct kl_addr addr(const char *text)
{
    struct kl_addr a;
    assert_true(kl_addr_parse(text, &a));
    return a;
}

/* Each clue alone names its host; of several the first in the order of the enum decides, and the
 * first that disagrees is told. */
static void clues(void **state)
{
    struct kl_fleet *f = *state;
    static const uint8_t printed[16] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x11, 0x22,
        0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
    static const uint8_t smbios[16] = {0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0xde, 0x11, 0x22,
        0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
    const struct {
        uint8_t relay, duid, eui64, neighbour; /* last byte of a MAC; 0: no such clue */
        const uint8_t *uuid;
        const char *address, *host, *by, *other, *other_by;
    } cases[] = {
        {1, 0, 0, 0, NULL, NULL, "one", "relay", NULL, "none"},
        {0, 1, 0, 0, NULL, NULL, "one", "duid", NULL, "none"},
        {0, 0, 1, 0, NULL, NULL, "one", "eui64", NULL, "none"},
        {0, 0, 0, 1, NULL, NULL, "one", "neighbour", NULL, "none"},
        {0, 0, 0, 0, printed, NULL, "one", "uuid", NULL, "none"},
        {0, 0, 0, 0, smbios, NULL, "one", "uuid", NULL, "none"},
        {0, 0, 0, 0, NULL, "2001:db8:11::2", "two", "address", NULL, "none"},
        {0, 0, 0, 0, NULL, NULL, NULL, "none", NULL, "none"},
        {9, 9, 9, 9, NULL, "2001:db8:11::9", NULL, "none", NULL, "none"},
        {1, 2, 2, 2, NULL, NULL, "one", "relay", "two", "duid"},
        {0, 2, 1, 1, printed, NULL, "two", "duid", "one", "eui64"},
        {0, 0, 2, 1, printed, NULL, "two", "eui64", "one", "neighbour"},
        {0, 0, 0, 2, smbios, NULL, "two", "neighbour", "one", "uuid"},
        {9, 0, 0, 2, NULL, NULL, "two", "neighbour", NULL, "none"},
        {2, 3, 2, 3, NULL, NULL, "two", "relay", NULL, "none"}, /* two cards of one machine */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kl_clues c = {0};
        if (cases[i].relay)
            c.relay = mac(cases[i].relay);
        if (cases[i].duid)
            c.duid = mac(cases[i].duid);
        if (cases[i].eui64)
            c.eui64 = mac(cases[i].eui64);
        if (cases[i].neighbour)
            c.neighbour = mac(cases[i].neighbour);
        c.has_uuid = cases[i].uuid;
        if (cases[i].uuid)
            memcpy(c.uuid, cases[i].uuid, 16);
        if (cases[i].address)
            c.address = addr(cases[i].address);
        struct kl_client got = kl_client_find(f, &c);
        print_message("case %zu\n", i);
        if (cases[i].host)
            assert_string_equal(got.host->name, cases[i].host);
        else
            assert_null(got.host);
        assert_string_equal(kl_clue_name(got.by), cases[i].by);
        if (cases[i].other)
            assert_string_equal(got.other->name, cases[i].other);
        else
            assert_null(got.other);
        assert_string_equal(kl_clue_name(got.other_by), cases[i].other_by);
    }
}

/* Which NIC asks: what was seen of it on the wire; a DUID may name any card of the machine. */
static void the_nic_that_asks(void **state)
{
    struct kl_client c =
        kl_client_find(*state, &(struct kl_clues){.duid = mac(2), .eui64 = mac(3)});
    assert_true(
        kl_mac_eq(&c.mac, &(struct kl_mac){.bytes = {0x52, 0x54, 0, 0, 0, 3}, .set = true}));
    c = kl_client_find(*state, &(struct kl_clues){.duid = mac(2)});
    assert_false(c.mac.set);
}

/* Firmware without a UUID sends zeros or ones; no host is meant. */
static void a_blank_uuid_names_nobody(void **state)
{
    struct kl_clues zeros = {.has_uuid = true}, ones = {.has_uuid = true};
    memset(ones.uuid, 0xff, sizeof ones.uuid);
    assert_null(kl_client_find(*state, &zeros).host);
    assert_null(kl_client_find(*state, &ones).host);
}

static bool look(void *arg, unsigned ifindex, const struct kl_addr *a, struct kl_mac *out)
{
    int *asked = arg;
    ++*asked;
    if (ifindex != 7 || a->bytes[15] != 0x77)
        return false;
    *out = mac(2);
    return true;
}

static void by_source(void **state)
{
    static const struct {
        const char *source;
        unsigned ifindex;
        const char *host, *by;
        int asked;
    } cases[] = {
        {"2001:db8:11::1", 0, "one", "address", 0},
        {"192.0.2.1", 0, "one", "address", 0},
        {"::ffff:192.0.2.1", 0, "one", "address", 0},
        {"fe80::5054:ff:fe00:1", 7, "one", "eui64", 0},
        {"2001:db8:11::5054:ff:fe00:3", 0, "two", "eui64", 0},
        {"fe80::77", 7, "two", "neighbour", 1},
        {"fe80::77", 0, NULL, "none", 0}, /* on which link? */
        {"fe80::78", 7, NULL, "none", 1},
        {"192.0.2.9", 7, NULL, "none", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int asked = 0;
        struct kl_addr a = addr(cases[i].source);
        struct kl_client c = kl_client_by_source(*state, &a, cases[i].ifindex, look, &asked);
        print_message("%s\n", cases[i].source);
        if (cases[i].host)
            assert_string_equal(c.host->name, cases[i].host);
        else
            assert_null(c.host);
        assert_string_equal(kl_clue_name(c.by), cases[i].by);
        assert_int_equal(asked, cases[i].asked);
        assert_ptr_equal(kl_client_by_source(*state, &a, cases[i].ifindex, NULL, NULL).host,
            strcmp(cases[i].by, "neighbour") ? c.host : NULL);
    }
}

static int load(void **state)
{
    *state = fleet_of(inventory);
    return 0;
}

static int unload(void **state)
{
    kl_fleet_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clues),
        cmocka_unit_test(the_nic_that_asks),
        cmocka_unit_test(a_blank_uuid_names_nobody),
        cmocka_unit_test(by_source),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
