/* serve/dhcp6: what each message is answered, and which are not. Messages are built here byte by
 * byte and answers are read here by a walker of this file's own. */
#include "serve/dhcp6.h"
#include "serve/dhcp6_wire.h"

#include "base/text.h"

#include "fleet_text.h"

#include <dirent.h>

static const char inventory[] =
    "server: {address: [192.0.2.20, 2001:db8:20::20], boot: /srv/boot}\n"
    "hosts:\n"
    "  bonded:\n"
    "    release: centos-7.9\n"
    "    uuid: 12345678-9abc-def0-1122-334455667788\n"
    "    dns: [2001:db8:20::53, 192.0.2.53, 2001:db8:20::54]\n"
    "    search: [example.net, lab.example.net]\n"
    "    nics: {enp3s0: 52:54:00:12:34:56, enp7s0: 52:54:00:12:34:57,\n"
    "           mgmt0: 52:54:00:12:34:58}\n"
    "    network:\n"
    "      bond0:\n"
    "        bond: {ports: [enp3s0, enp7s0], mode: active-backup, miimon: 100}\n"
    "        addresses: [192.0.2.31/24, 2001:db8:11::31:0/64, 2001:db8:11::31:1/64]\n"
    "        gateway6: ra\n"
    "        install: true\n"
    "      mgmt0: {addresses: [2001:db8:99::31/64]}\n"
    "  slaac:\n"
    "    release: centos-7.9\n"
    "    nics: {eth0: 52:54:00:00:00:03}\n"
    "    network: {eth0: {slaac: true}}\n"
    "  tagged:\n"
    "    release: centos-7.9\n"
    "    nics: {eth0: 52:54:00:00:00:04}\n"
    "    network: {vlan7: {vlan: {parent: eth0, id: 7}, addresses: [2001:db8:7::4/64]}}\n";

static const uint8_t duid[] = {0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint8_t other_duid[] = {0, 3, 0, 1, 2, 0, 0, 0, 0, 9};
#define DUID_UUID_EDK2 "\0\4\x78\x56\x34\x12\xbc\x9a\xf0\xde\x11\x22\x33\x44\x55\x66\x77\x88"
#define DUID_UUID_IPXE "\0\4\x12\x34\x56\x78\x9a\xbc\xde\xf0\x11\x22\x33\x44\x55\x66\x77\x88"
#define DUID_LL_BONDED "\0\3\0\1\x52\x54\0\x12\x34\x56"
#define DUID_EN "\0\2\0\0\xab\x11\1\2\3\4\5\6\7\x8"

struct packet {
    uint8_t bytes[8192];
    struct kl_d6_out o;
};

static void begin(struct packet *p, uint8_t type)
{
    p->o = (struct kl_d6_out){.p = p->bytes, .room = sizeof p->bytes};
    kl_put8(&p->o, type);
    kl_put(&p->o, "\xab\xcd\xef", 3);
}

static void option(struct packet *p, uint16_t code, const void *body, size_t n)
{
    kl_put_option(&p->o, code, (struct kl_span){body, n});
}
#define OPTION(p, code, text) option(p, code, text, sizeof(text) - 1)

static void oro(struct packet *p, const uint16_t *codes, size_t n)
{
    size_t at = kl_put_begin(&p->o, KL_D6_ORO);
    for (size_t i = 0; i < n; i++)
        kl_put16(&p->o, codes[i]);
    kl_put_end(&p->o, at);
}
#define ORO(p, ...)                                                                                \
    oro(p, (const uint16_t[]){__VA_ARGS__}, sizeof((const uint16_t[]){__VA_ARGS__}) / 2)

static struct kl_addr addr(const char *text)
{
    struct kl_addr a;
    assert_true(kl_addr_parse(text, &a));
    return a;
}

/* An IA_NA, IA_TA or IA_PD; `address` NULL: without one. */
static void ia(struct packet *p, uint16_t code, uint32_t iaid, const char *address)
{
    size_t at = kl_put_begin(&p->o, code);
    kl_put32(&p->o, iaid);
    if (code != KL_D6_IA_TA) {
        kl_put32(&p->o, UINT32_MAX);
        kl_put32(&p->o, UINT32_MAX);
    }
    if (address) {
        struct kl_addr a = addr(address);
        size_t in = kl_put_begin(&p->o, KL_D6_IAADDR);
        kl_put_addr(&p->o, &a);
        kl_put32(&p->o, 100);
        kl_put32(&p->o, 200);
        kl_put_end(&p->o, in);
    }
    kl_put_end(&p->o, at);
}

static void vendor_class(struct packet *p, const char *text)
{
    size_t at = kl_put_begin(&p->o, KL_D6_VENDOR_CLASS);
    kl_put32(&p->o, 343);
    kl_put16(&p->o, (uint16_t)strlen(text));
    kl_put(&p->o, text, strlen(text));
    kl_put_end(&p->o, at);
}

static void arch(struct packet *p, uint16_t number)
{
    option(p, KL_D6_ARCH, (uint8_t[]){(uint8_t)(number >> 8), (uint8_t)number}, 2);
}

/* Puts what is in `p` into a Relay-forward; interface_id and mac may be NULL. */
static void relay(struct packet *p, const char *link, const char *peer, const char *interface_id,
    const uint8_t *mac, uint8_t hops)
{
    struct packet inner = *p;
    struct kl_addr l = addr(link), c = addr(peer);
    p->o = (struct kl_d6_out){.p = p->bytes, .room = sizeof p->bytes};
    kl_put8(&p->o, KL_D6_RELAY_FORWARD);
    kl_put8(&p->o, hops);
    kl_put_addr(&p->o, &l);
    kl_put_addr(&p->o, &c);
    if (interface_id)
        option(p, KL_D6_INTERFACE_ID, interface_id, strlen(interface_id));
    option(p, KL_D6_RELAY_MESSAGE, inner.bytes, inner.o.len);
    if (mac) {
        size_t at = kl_put_begin(&p->o, KL_D6_CLIENT_LINK_LAYER);
        kl_put16(&p->o, 1);
        kl_put(&p->o, mac, 6);
        kl_put_end(&p->o, at);
    }
}

struct asked {
    struct kl_dhcp6_said said;
    uint8_t out[KL_DHCP6_ROOM];
    size_t len;
};

static bool armed = true;
static bool is_armed(void *arg, const char *host)
{
    assert_ptr_equal(arg, &armed);
    assert_non_null(host);
    return armed;
}

static bool neighbour(void *arg, unsigned ifindex, const struct kl_addr *a, struct kl_mac *out)
{
    assert_ptr_equal(arg, &armed);
    if (ifindex != 3 || a->bytes[15] != 0x77)
        return false;
    *out = (struct kl_mac){.bytes = {0x52, 0x54, 0, 0x12, 0x34, 0x57}, .set = true};
    return true;
}

#define EUI64_BONDED "fe80::5054:ff:fe12:3456"
#define EUI64_SLAAC "fe80::5054:ff:fe00:3"
#define EUI64_STRANGER "fe80::5054:ff:fe99:9999"

static struct kl_dhcp6_env env_of(const struct kl_fleet *f)
{
    return (struct kl_dhcp6_env){.fleet = f,
        .duid = duid,
        .nduid = sizeof duid,
        .address = addr("2001:db8:20::20"),
        .armed = is_armed,
        .armed_arg = &armed,
        .neighbour = neighbour,
        .neighbour_arg = &armed};
}

static void ask_as(const struct kl_fleet *f, const struct packet *p, const char *source,
    bool multicast, struct asked *a)
{
    struct kl_dhcp6_env env = env_of(f);
    /* A copy of its own, so that AddressSanitizer sees the first byte that is read past it. */
    uint8_t *bytes = malloc(p->o.len ? p->o.len : 1);
    assert_non_null(bytes);
    memcpy(bytes, p->bytes, p->o.len);
    struct kl_dhcp6_request in = {.bytes = bytes,
        .len = p->o.len,
        .source = addr(source),
        .port = 40000,
        .ifindex = 3,
        .multicast = multicast};
    a->len = kl_dhcp6_answer(&env, &in, a->out, sizeof a->out, &a->said);
    free(bytes);
    assert_int_equal(a->len == 0, a->said.dropped != NULL);
}

static void ask(const struct kl_fleet *f, const struct packet *p, struct asked *a)
{
    ask_as(f, p, EUI64_BONDED, true, a);
}

/* The n-th option of that code in `len` bytes of options; length -1: there is none. */
static const uint8_t *nth(const uint8_t *at, size_t len, unsigned code, unsigned n, int *out)
{
    while (len >= 4) {
        unsigned c = at[0] << 8 | at[1], l = at[2] << 8 | at[3];
        assert_true(l <= len - 4);
        if (c == code && n-- == 0) {
            *out = (int)l;
            return at + 4;
        }
        at += 4 + l;
        len -= 4 + l;
    }
    assert_int_equal(len, 0);
    *out = -1;
    return NULL;
}

static const uint8_t *find(const struct asked *a, unsigned code, int *len)
{
    return nth(a->out + 4, a->len - 4, code, 0, len);
}

static int has(const struct asked *a, unsigned code)
{
    int len;
    find(a, code, &len);
    return len >= 0;
}

static unsigned be16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}

/* Status code in some options; -1: none. */
static int status(const uint8_t *options, size_t n)
{
    int len;
    const uint8_t *s = nth(options, n, KL_D6_STATUS, 0, &len);
    return s ? (int)be16(s) : -1;
}

/* The n-th address of an IA's options as text, or "". */
static const char *address_in(
    const uint8_t *options, size_t n, unsigned which, char text[KL_ADDR_TEXT], uint32_t *valid)
{
    int len;
    const uint8_t *s = nth(options, n, KL_D6_IAADDR, which, &len);
    *valid = 0;
    if (!s)
        return "";
    assert_int_equal(len, 24);
    struct kl_addr a = {.family = 6};
    memcpy(a.bytes, s, 16);
    *valid = be32(s + 20);
    assert_true(be32(s + 16) <= *valid);
    return kl_addr_text(&a, text);
}

/* What an IA_NA was given: "address" or "status N". */
static const char *given(const struct asked *a, unsigned n, char text[64])
{
    int len;
    uint32_t valid;
    char addr_text[KL_ADDR_TEXT];
    const uint8_t *s = nth(a->out + 4, a->len - 4, KL_D6_IA_NA, n, &len);
    if (!s)
        return "no IA";
    assert_true(len >= 12);
    const char *got = address_in(s + 12, (size_t)len - 12, 0, addr_text, &valid);
    int code = status(s + 12, (size_t)len - 12);
    if (*got && valid) {
        assert_int_equal(code, -1);
        assert_true(be32(s + 4) > 0 && be32(s + 4) < be32(s + 8) && be32(s + 8) < valid);
        snprintf(text, 64, "%s", got);
    } else if (*got)
        snprintf(text, 64, "%s is over", got);
    else
        snprintf(text, 64, "status %d", code);
    return text;
}

static const char *url(const struct asked *a, char text[300])
{
    int len;
    const uint8_t *s = find(a, KL_D6_BOOT_URL, &len);
    snprintf(text, 300, "%.*s", s ? len : 0, s ? (const char *)s : "");
    return text;
}

/* As OVMF sends it: docs/boot-protocols.md §1.2, §3.1. */
static void firmware(struct packet *p, uint8_t type, const char *class, uint16_t number)
{
    begin(p, type);
    OPTION(p, KL_D6_CLIENT_ID, DUID_UUID_EDK2);
    if (type != KL_D6_SOLICIT)
        option(p, KL_D6_SERVER_ID, duid, sizeof duid);
    ia(p, KL_D6_IA_NA, 0x1234567, type == KL_D6_SOLICIT ? NULL : "2001:db8:11::31:0");
    ORO(p, 59, 60, 23, 16);
    OPTION(p, 62, "\1\3\20");
    arch(p, number);
    vendor_class(p, class);
}

static void ipxe(struct packet *p, uint8_t type)
{
    begin(p, type);
    OPTION(p, KL_D6_CLIENT_ID, DUID_UUID_IPXE);
    if (type == KL_D6_REQUEST)
        option(p, KL_D6_SERVER_ID, duid, sizeof duid);
    if (type != KL_D6_INFORMATION)
        ia(p, KL_D6_IA_NA, 0xcafe, NULL);
    ORO(p, 23, 24, 59, 60);
    arch(p, 7);
    vendor_class(p, "PXEClient:Arch:00007:UNDI:003010");
    OPTION(p, KL_D6_USER_CLASS, "\0\4iPXE");
}

static void firmware_gets_address_and_boot_file(void **state)
{
    struct packet p;
    struct asked a;
    char text[300];
    static const uint8_t types[][2] = {
        {KL_D6_SOLICIT, KL_D6_ADVERTISE}, {KL_D6_REQUEST, KL_D6_REPLY}};
    for (size_t i = 0; i < 2; i++) {
        firmware(&p, types[i][0], "PXEClient:Arch:00007:UNDI:003000", 7);
        ask(*state, &p, &a);
        assert_int_equal(a.out[0], types[i][1]);
        assert_memory_equal(a.out + 1, "\xab\xcd\xef", 3);
        assert_string_equal(given(&a, 0, text), "2001:db8:11::31:0");
        assert_string_equal(url(&a, text), "tftp://[2001:db8:20::20]/boot/ipxe.efi");
        assert_false(has(&a, KL_D6_VENDOR_CLASS)); /* or EDK2 does BINL */
        assert_false(has(&a, 60));
        assert_int_equal(has(&a, KL_D6_PREFERENCE), types[i][0] == KL_D6_SOLICIT);
        int len;
        const uint8_t *s = find(&a, KL_D6_DNS, &len);
        struct kl_addr first = addr("2001:db8:20::53"), second = addr("2001:db8:20::54");
        assert_int_equal(len, 32);
        assert_memory_equal(s, first.bytes, 16);
        assert_memory_equal(s + 16, second.bytes, 16);
        assert_false(has(&a, KL_D6_SEARCH)); /* not asked for */
        s = find(&a, KL_D6_CLIENT_ID, &len);
        assert_int_equal(len, sizeof DUID_UUID_EDK2 - 1);
        assert_memory_equal(s, DUID_UUID_EDK2, (size_t)len);
        s = find(&a, KL_D6_SERVER_ID, &len);
        assert_int_equal(len, sizeof duid);
        assert_memory_equal(s, duid, sizeof duid);
        assert_string_equal(a.said.client.host->name, "bonded");
        assert_string_equal(a.said.stage, "firmware");
        assert_int_equal(a.said.port, 546);
        assert_int_equal(a.said.arch, 7);
    }
}

/* By architecture and class: docs/boot-protocols.md §1.1, §1.2. */
static void boot_files(void **state)
{
    static const struct {
        const char *vendor; /* NULL: none */
        int arch;           /* -1: none */
        bool ipxe, armed;
        const char *url;
        bool http_class;
    } cases[] = {
        {"PXEClient:Arch:00007", 7, 0, 1, "tftp://[2001:db8:20::20]/boot/ipxe.efi", 0},
        {"PXEClient:Arch:00009", 9, 0, 1, "tftp://[2001:db8:20::20]/boot/ipxe.efi", 0},
        {"PXEClient:Arch:00006", 6, 0, 1, "tftp://[2001:db8:20::20]/boot/ipxe-ia32.efi", 0},
        {"PXEClient:Arch:00011", 11, 0, 1, "tftp://[2001:db8:20::20]/boot/ipxe-arm64.efi", 0},
        {"HTTPClient:Arch:00016", 16, 0, 1, "http://[2001:db8:20::20]/boot/ipxe.efi", 1},
        {"HTTPClient:Arch:00015", 15, 0, 1, "http://[2001:db8:20::20]/boot/ipxe-ia32.efi", 1},
        {"HTTPClient:Arch:00019", 19, 0, 1, "http://[2001:db8:20::20]/boot/ipxe-arm64.efi", 1},
        {NULL, 7, 0, 1, "tftp://[2001:db8:20::20]/boot/ipxe.efi", 0},
        {NULL, 16, 0, 1, "http://[2001:db8:20::20]/boot/ipxe.efi", 1},
        {"PXEClient", 0, 0, 1, "", 0}, /* BIOS: no PXE over IPv6 */
        {"PXEClient", 12345, 0, 1, "", 0},
        {"PXEClient", -1, 0, 1, "", 0}, /* which program? */
        {NULL, -1, 0, 1, "", 0},        /* an operating system */
        {"PXEClient:Arch:00007", 7, 0, 0, "", 0},
        {"HTTPClient:Arch:00016", 16, 0, 0, "", 0},
        {"PXEClient:Arch:00007", 7, 1, 1, "http://[2001:db8:20::20]/host/bonded/boot.ipxe", 0},
        {"PXEClient:Arch:00007", 7, 1, 0, "http://[2001:db8:20::20]/host/bonded/boot.ipxe", 0},
        {NULL, -1, 1, 1, "http://[2001:db8:20::20]/host/bonded/boot.ipxe", 0},
    };
    struct packet p;
    struct asked a;
    char text[300];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&p, KL_D6_SOLICIT);
        OPTION(&p, KL_D6_CLIENT_ID, DUID_LL_BONDED);
        ia(&p, KL_D6_IA_NA, 1, NULL);
        ORO(&p, 59, 60, 23, 16);
        if (cases[i].vendor)
            vendor_class(&p, cases[i].vendor);
        if (cases[i].arch >= 0)
            arch(&p, (uint16_t)cases[i].arch);
        if (cases[i].ipxe)
            OPTION(&p, KL_D6_USER_CLASS, "\0\4iPXE");
        armed = cases[i].armed;
        ask(*state, &p, &a);
        armed = true;
        print_message("case %zu: %s\n", i, a.said.why ? a.said.why : a.said.boot);
        assert_string_equal(url(&a, text), cases[i].url);
        assert_string_equal(a.said.boot, cases[i].url);
        assert_string_equal(given(&a, 0, text), "2001:db8:11::31:0");
        assert_true(has(&a, KL_D6_DNS));
        int len;
        const uint8_t *s = find(&a, KL_D6_VENDOR_CLASS, &len);
        assert_int_equal(s != NULL, cases[i].http_class);
        if (s) { /* EDK2 looks for the word at offset 6, in at least 16 bytes */
            assert_int_equal(len, 16);
            assert_memory_equal(s, "\0\0\1\x57\0\12HTTPClient", 16);
        }
        s = find(&a, KL_D6_BOOT_URL, &len);
        if (s) { /* what ends the URL for a reader of C strings */
            assert_true(s + len < a.out + a.len);
            assert_int_equal(s[len], 0);
        }
    }
}

/* One machine, five DUIDs and IAIDs, one address. */
static void same_address_for_every_identity(void **state)
{
    static const struct {
        const char *id;
        size_t n;
        const char *source, *by;
    } cases[] = {
        {DUID_UUID_EDK2, 18, "fe80::1", "uuid"},
        {DUID_UUID_IPXE, 18, "fe80::1", "uuid"},
        {DUID_LL_BONDED, 10, "fe80::1", "duid"},
        {"\0\1\0\1\x2a\x11\x22\x33\x52\x54\0\x12\x34\x57", 14, "fe80::1", "duid"},
        {DUID_EN, 14, EUI64_BONDED, "eui64"},
        {DUID_EN, 14, "fe80::77", "neighbour"},
    };
    struct packet p;
    struct asked a;
    char text[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&p, KL_D6_SOLICIT);
        option(&p, KL_D6_CLIENT_ID, cases[i].id, cases[i].n);
        ia(&p, KL_D6_IA_NA, (uint32_t)i, NULL);
        ia(&p, KL_D6_IA_NA, (uint32_t)i + 100, "2001:db8:ffff::1"); /* a hint */
        ask_as(*state, &p, cases[i].source, true, &a);
        assert_string_equal(given(&a, 0, text), "2001:db8:11::31:0");
        assert_string_equal(given(&a, 1, text), "2001:db8:11::31:0");
        assert_string_equal(kl_clue_name(a.said.client.by), cases[i].by);
        int len;
        const uint8_t *s = nth(a.out + 4, a.len - 4, KL_D6_IA_NA, 1, &len);
        assert_int_equal(be32(s), i + 100);
    }
}

/* Firmware's own autoconfiguration asks with nothing but a name server in its list. */
static void a_naked_solicit_is_answered(void **state)
{
    struct packet p;
    struct asked a;
    char text[300];
    begin(&p, KL_D6_SOLICIT);
    OPTION(&p, KL_D6_CLIENT_ID, DUID_UUID_EDK2);
    ia(&p, KL_D6_IA_NA, 0x777, NULL);
    ORO(&p, 23);
    ask(*state, &p, &a);
    assert_string_equal(given(&a, 0, text), "2001:db8:11::31:0");
    assert_string_equal(url(&a, text), "");
    assert_null(a.said.why);
    assert_true(has(&a, KL_D6_DNS));
}

static void the_nic_chooses_the_link(void **state)
{
    static const struct {
        const char *source, *address;
    } cases[] = {
        {"fe80::5054:ff:fe12:3456", "2001:db8:11::31:0"}, /* either port of the bond */
        {"fe80::5054:ff:fe12:3457", "2001:db8:11::31:0"},
        {"fe80::5054:ff:fe12:3458", "2001:db8:99::31"}, /* a NIC with a network of its own */
        {"fe80::5054:ff:fe00:4", "2001:db8:7::4"},      /* under a VLAN */
        {EUI64_SLAAC, "status 2"},
    };
    struct packet p;
    struct asked a;
    char text[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&p, KL_D6_SOLICIT);
        OPTION(&p, KL_D6_CLIENT_ID, DUID_EN);
        ia(&p, KL_D6_IA_NA, 1, NULL);
        ask_as(*state, &p, cases[i].source, true, &a);
        assert_string_equal(given(&a, 0, text), cases[i].address);
    }
}

/* Without a reservation: no address, no claim to be the best server, and yet a boot file. */
static void slaac_hosts_get_boot_files(void **state)
{
    struct packet p;
    struct asked a;
    char text[300];
    ipxe(&p, KL_D6_SOLICIT);
    OPTION(&p, KL_D6_RAPID_COMMIT, "");
    ask_as(*state, &p, EUI64_SLAAC, true, &a);
    assert_string_equal(a.said.warning, "by eui64 this is slaac, but by uuid it is bonded");
    assert_int_equal(a.out[0], KL_D6_ADVERTISE);
    assert_string_equal(given(&a, 0, text), "status 2");
    assert_string_equal(url(&a, text), "http://[2001:db8:20::20]/host/slaac/boot.ipxe");
    assert_false(has(&a, KL_D6_PREFERENCE));

    ipxe(&p, KL_D6_INFORMATION);
    ask_as(*state, &p, EUI64_SLAAC, true, &a);
    assert_int_equal(a.out[0], KL_D6_REPLY);
    assert_string_equal(url(&a, text), "http://[2001:db8:20::20]/host/slaac/boot.ipxe");
    assert_string_equal(a.said.stage, "loader");
}

static void search_list(void **state)
{
    struct packet p;
    struct asked a;
    int len;
    ipxe(&p, KL_D6_REQUEST);
    ask(*state, &p, &a);
    const uint8_t *s = find(&a, KL_D6_SEARCH, &len);
    static const char want[] = "\7example\3net\0\3lab\7example\3net";
    assert_int_equal(len, sizeof want);
    assert_memory_equal(s, want, sizeof want);
}

static void rapid_commit(void **state)
{
    struct packet p;
    struct asked a;
    char text[64];
    begin(&p, KL_D6_SOLICIT);
    OPTION(&p, KL_D6_CLIENT_ID, DUID_LL_BONDED);
    OPTION(&p, KL_D6_RAPID_COMMIT, "");
    ia(&p, KL_D6_IA_NA, 1, NULL);
    ask(*state, &p, &a);
    assert_int_equal(a.out[0], KL_D6_REPLY);
    assert_true(has(&a, KL_D6_RAPID_COMMIT));
    assert_false(has(&a, KL_D6_PREFERENCE));
    assert_string_equal(given(&a, 0, text), "2001:db8:11::31:0");
}

/* Type by type: what an IA_NA with some address in it becomes, for a known host and a stranger. */
static void renewals(void **state)
{
    static const struct {
        uint8_t type;
        bool ours; /* names this server */
        const char *source, *address, *given;
    } cases[] = {
        {KL_D6_REQUEST, 1, EUI64_BONDED, "2001:db8:11::31:0", "2001:db8:11::31:0"},
        {KL_D6_REQUEST, 1, EUI64_BONDED, NULL, "2001:db8:11::31:0"},
        {KL_D6_REQUEST, 1, EUI64_BONDED, "2001:db8:11::99", "2001:db8:11::31:0"},
        {KL_D6_REQUEST, 1, EUI64_BONDED, "2001:db8:12::31:0", "status 4"}, /* NotOnLink */
        {KL_D6_REQUEST, 1, EUI64_SLAAC, "2001:db8:11::31:0", "status 2"},
        {KL_D6_REQUEST, 1, EUI64_STRANGER, "2001:db8:11::31:0", "status 2"},
        {KL_D6_RENEW, 1, EUI64_BONDED, "2001:db8:11::31:0", "2001:db8:11::31:0"},
        {KL_D6_RENEW, 1, EUI64_BONDED, NULL, "2001:db8:11::31:0"},
        {KL_D6_RENEW, 1, EUI64_SLAAC, "2001:db8:11::5", "2001:db8:11::5 is over"},
        {KL_D6_RENEW, 1, EUI64_SLAAC, NULL, "status 3"},
        {KL_D6_RENEW, 1, EUI64_STRANGER, "2001:db8:11::5", "2001:db8:11::5 is over"},
        {KL_D6_REBIND, 0, EUI64_BONDED, "2001:db8:11::31:0", "2001:db8:11::31:0"},
        {KL_D6_REBIND, 0, EUI64_SLAAC, "2001:db8:11::5", "2001:db8:11::5 is over"},
    };
    struct packet p;
    struct asked a;
    char text[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&p, cases[i].type);
        OPTION(&p, KL_D6_CLIENT_ID, DUID_EN);
        if (cases[i].ours)
            option(&p, KL_D6_SERVER_ID, duid, sizeof duid);
        ia(&p, KL_D6_IA_NA, 1, cases[i].address);
        ask_as(*state, &p, cases[i].source, true, &a);
        print_message("case %zu\n", i);
        assert_int_equal(a.out[0], KL_D6_REPLY);
        assert_string_equal(given(&a, 0, text), cases[i].given);
    }
}

/* An address that was changed in the inventory: the new one, and the old one at its end. */
static void a_changed_address_is_replaced(void **state)
{
    struct packet p;
    struct asked a;
    char text[KL_ADDR_TEXT];
    uint32_t valid;
    int len;
    begin(&p, KL_D6_RENEW);
    OPTION(&p, KL_D6_CLIENT_ID, DUID_LL_BONDED);
    option(&p, KL_D6_SERVER_ID, duid, sizeof duid);
    ia(&p, KL_D6_IA_NA, 1, "2001:db8:11::30");
    ask(*state, &p, &a);
    const uint8_t *s = nth(a.out + 4, a.len - 4, KL_D6_IA_NA, 0, &len);
    assert_string_equal(address_in(s + 12, (size_t)len - 12, 0, text, &valid), "2001:db8:11::31:0");
    assert_true(valid > 0);
    assert_string_equal(address_in(s + 12, (size_t)len - 12, 1, text, &valid), "2001:db8:11::30");
    assert_int_equal(valid, 0);
}

static void temporary_and_delegated(void **state)
{
    struct packet p;
    struct asked a;
    int len;
    begin(&p, KL_D6_SOLICIT);
    OPTION(&p, KL_D6_CLIENT_ID, DUID_LL_BONDED);
    ia(&p, KL_D6_IA_TA, 5, NULL);
    ia(&p, KL_D6_IA_PD, 6, NULL);
    ia(&p, KL_D6_IA_NA, 7, NULL);
    ask(*state, &p, &a);
    const uint8_t *s = find(&a, KL_D6_IA_TA, &len);
    assert_int_equal(be32(s), 5);
    assert_int_equal(status(s + 4, (size_t)len - 4), KL_D6_NO_ADDRS);
    s = find(&a, KL_D6_IA_PD, &len);
    assert_int_equal(be32(s), 6);
    assert_int_equal(status(s + 12, (size_t)len - 12), KL_D6_NO_PREFIX);
    char text[64];
    assert_string_equal(given(&a, 0, text), "2001:db8:11::31:0");
}

static void confirm(void **state)
{
    static const struct {
        const char *source, *address;
        const char *dropped;
        int status;
    } cases[] = {
        {EUI64_BONDED, "2001:db8:11::31:0", NULL, KL_D6_SUCCESS},
        {EUI64_BONDED, "2001:db8:11::dead", NULL, KL_D6_SUCCESS},
        {EUI64_BONDED, "2001:db8:12::31:0", NULL, KL_D6_NOT_ON_LINK},
        {EUI64_BONDED, NULL, "dhcp6-no-address", 0},
        {EUI64_SLAAC, "2001:db8:12::31:0", "dhcp6-unknown-link", 0},
        {EUI64_STRANGER, "2001:db8:11::31:0", "dhcp6-unknown-host", 0},
    };
    struct packet p;
    struct asked a;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&p, KL_D6_CONFIRM);
        OPTION(&p, KL_D6_CLIENT_ID, DUID_EN);
        ia(&p, KL_D6_IA_NA, 1, cases[i].address);
        ask_as(*state, &p, cases[i].source, true, &a);
        if (cases[i].dropped) {
            assert_string_equal(a.said.dropped, cases[i].dropped);
            continue;
        }
        assert_int_equal(a.out[0], KL_D6_REPLY);
        assert_int_equal(status(a.out + 4, a.len - 4), cases[i].status);
        assert_false(has(&a, KL_D6_IA_NA));
    }
}

static void release_and_decline(void **state)
{
    struct packet p;
    struct asked a;
    static const uint8_t types[] = {KL_D6_RELEASE, KL_D6_DECLINE};
    for (size_t i = 0; i < 2; i++) {
        begin(&p, types[i]);
        OPTION(&p, KL_D6_CLIENT_ID, DUID_LL_BONDED);
        option(&p, KL_D6_SERVER_ID, duid, sizeof duid);
        ia(&p, KL_D6_IA_NA, 1, "2001:db8:11::31:0");
        ask(*state, &p, &a);
        assert_int_equal(a.out[0], KL_D6_REPLY);
        assert_int_equal(status(a.out + 4, a.len - 4), KL_D6_SUCCESS);
        assert_string_equal(a.said.warning,
            types[i] == KL_D6_RELEASE ? ""
                                      : "declined 2001:db8:11::31:0: another machine on its link "
                                        "has that address");
    }
    /* The reservation stays. */
    char text[300];
    firmware(&p, KL_D6_SOLICIT, "PXEClient", 7);
    ask(*state, &p, &a);
    assert_string_equal(given(&a, 0, text), "2001:db8:11::31:0");
}

/* RFC 8415 §16: which messages are no server's business, or another's. */
static void not_answered(void **state)
{
    enum { NONE, OURS, THEIRS };
    static const struct {
        uint8_t type;
        bool client;
        int server;
        bool has_ia, multicast;
        const char *dropped; /* NULL: answered */
    } cases[] = {
        {KL_D6_SOLICIT, 1, NONE, 1, 1, NULL},
        {KL_D6_SOLICIT, 0, NONE, 1, 1, "dhcp6-no-client-id"},
        {KL_D6_SOLICIT, 1, OURS, 1, 1, "dhcp6-server-id"},
        {KL_D6_SOLICIT, 1, NONE, 1, 0, "dhcp6-unicast"},
        {KL_D6_REQUEST, 1, NONE, 1, 1, "dhcp6-server-id"},
        {KL_D6_REQUEST, 1, THEIRS, 1, 1, "dhcp6-other-server"},
        {KL_D6_REQUEST, 0, OURS, 1, 1, "dhcp6-no-client-id"},
        {KL_D6_RENEW, 1, NONE, 1, 1, "dhcp6-server-id"},
        {KL_D6_RENEW, 1, THEIRS, 1, 1, "dhcp6-other-server"},
        {KL_D6_REBIND, 1, OURS, 1, 1, "dhcp6-server-id"},
        {KL_D6_REBIND, 1, NONE, 1, 0, "dhcp6-unicast"},
        {KL_D6_CONFIRM, 1, OURS, 1, 1, "dhcp6-server-id"},
        {KL_D6_CONFIRM, 1, NONE, 1, 0, "dhcp6-unicast"},
        {KL_D6_RELEASE, 1, THEIRS, 1, 1, "dhcp6-other-server"},
        {KL_D6_DECLINE, 1, NONE, 1, 1, "dhcp6-server-id"},
        {KL_D6_INFORMATION, 1, NONE, 0, 1, NULL},
        {KL_D6_INFORMATION, 0, NONE, 0, 1, NULL},
        {KL_D6_INFORMATION, 1, OURS, 0, 1, NULL},
        {KL_D6_INFORMATION, 1, THEIRS, 0, 1, "dhcp6-other-server"},
        {KL_D6_INFORMATION, 1, NONE, 1, 1, "dhcp6-has-ia"},
        {KL_D6_INFORMATION, 1, NONE, 0, 0, "dhcp6-unicast"},
        {KL_D6_INFORMATION, 1, OURS, 0, 0, "dhcp6-unicast"},
        {KL_D6_ADVERTISE, 1, OURS, 1, 1, "dhcp6-type"},
        {KL_D6_REPLY, 1, OURS, 1, 1, "dhcp6-type"},
        {KL_D6_RECONFIGURE, 1, OURS, 1, 1, "dhcp6-type"},
        {0, 1, OURS, 1, 1, "dhcp6-type"},
        {14, 1, OURS, 1, 1, "dhcp6-type"},
        {255, 1, OURS, 1, 1, "dhcp6-type"},
    };
    struct packet p;
    struct asked a;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&p, cases[i].type);
        if (cases[i].client)
            OPTION(&p, KL_D6_CLIENT_ID, DUID_LL_BONDED);
        if (cases[i].server == OURS)
            option(&p, KL_D6_SERVER_ID, duid, sizeof duid);
        if (cases[i].server == THEIRS)
            option(&p, KL_D6_SERVER_ID, other_duid, sizeof other_duid);
        if (cases[i].has_ia)
            ia(&p, KL_D6_IA_NA, 1, "2001:db8:11::31:0");
        ask_as(*state, &p, EUI64_BONDED, cases[i].multicast, &a);
        print_message("case %zu: %s\n", i, a.said.dropped ? a.said.dropped : "answered");
        if (cases[i].dropped)
            assert_string_equal(a.said.dropped, cases[i].dropped);
        else
            assert_null(a.said.dropped);
    }
}

static void unicast_is_told_to_use_multicast(void **state)
{
    static const uint8_t types[] = {KL_D6_REQUEST, KL_D6_RENEW, KL_D6_RELEASE, KL_D6_DECLINE};
    struct packet p;
    struct asked a;
    for (size_t i = 0; i < sizeof types; i++) {
        begin(&p, types[i]);
        OPTION(&p, KL_D6_CLIENT_ID, DUID_LL_BONDED);
        option(&p, KL_D6_SERVER_ID, duid, sizeof duid);
        ia(&p, KL_D6_IA_NA, 1, "2001:db8:11::31:0");
        ORO(&p, 23);
        ask_as(*state, &p, "2001:db8:11::31:0", false, &a);
        assert_int_equal(a.out[0], KL_D6_REPLY);
        assert_int_equal(status(a.out + 4, a.len - 4), KL_D6_USE_MULTICAST);
        assert_true(has(&a, KL_D6_SERVER_ID) && has(&a, KL_D6_CLIENT_ID));
        assert_false(has(&a, KL_D6_IA_NA) || has(&a, KL_D6_DNS));
    }
}

/* A site's other server stays in charge of machines that are not in the inventory. */
static void strangers_get_no_answer(void **state)
{
    struct packet p;
    struct asked a;
    firmware(&p, KL_D6_SOLICIT, "PXEClient", 7);
    p.bytes[9] ^= 0x55; /* another UUID */
    ask_as(*state, &p, EUI64_STRANGER, true, &a);
    assert_string_equal(a.said.dropped, "dhcp6-unknown-host");
    assert_null(a.said.client.host);
    assert_true(a.said.client.mac.set); /* for the log */
    /* One that names this server has been sent here, and is sent away. */
    begin(&p, KL_D6_RELEASE);
    OPTION(&p, KL_D6_CLIENT_ID, DUID_EN);
    option(&p, KL_D6_SERVER_ID, duid, sizeof duid);
    ask_as(*state, &p, EUI64_STRANGER, true, &a);
    assert_int_equal(status(a.out + 4, a.len - 4), KL_D6_SUCCESS);
}

/* Takes the levels of an answer off; returns the client's own message. */
static void unwrap(struct asked *a, unsigned levels, const char *const *links,
    const char *const *peers, const char *const *ids)
{
    for (unsigned i = 0; i < levels; i++) {
        struct kl_addr link = addr(links[i]), peer = addr(peers[i]);
        int len;
        assert_true(a->len > 34);
        assert_int_equal(a->out[0], KL_D6_RELAY_REPLY);
        assert_int_equal(a->out[1], levels - 1 - i);
        assert_memory_equal(a->out + 2, link.bytes, 16);
        assert_memory_equal(a->out + 18, peer.bytes, 16);
        const uint8_t *s = nth(a->out + 34, a->len - 34, KL_D6_INTERFACE_ID, 0, &len);
        assert_int_equal(s != NULL, ids[i] != NULL);
        if (s) {
            assert_int_equal(len, strlen(ids[i]));
            assert_memory_equal(s, ids[i], (size_t)len);
        }
        nth(a->out + 34, a->len - 34, KL_D6_CLIENT_LINK_LAYER, 0, &len);
        assert_int_equal(len, -1); /* the relay's own business */
        s = nth(a->out + 34, a->len - 34, KL_D6_RELAY_MESSAGE, 0, &len);
        assert_non_null(s);
        memmove(a->out, s, (size_t)len);
        a->len = (size_t)len;
    }
}

static void relayed(void **state)
{
    static const char *const links[] = {"2001:db8:1::1", "::", "2001:db8:11::1"};
    static const char *const peers[] = {"2001:db8:2::2", "fe80::aa", "fe80::77"};
    static const char *const ids[] = {"Gi1/0/1", NULL, "vlan11"};
    static const uint8_t mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x57};
    struct packet p;
    struct asked a;
    char text[300];
    firmware(&p, KL_D6_SOLICIT, "PXEClient:Arch:00007:UNDI:003000", 7);
    relay(&p, links[2], peers[2], ids[2], mac, 0);
    relay(&p, links[1], peers[1], ids[1], NULL, 1);
    relay(&p, links[0], peers[0], ids[0], (const uint8_t *)"\2\2\2\2\2\2", 2);
    ask_as(*state, &p, "2001:db8:1::fe", false, &a);
    assert_null(a.said.dropped);
    assert_int_equal(a.said.port, 547);
    assert_int_equal(a.said.relays, 3);
    assert_string_equal(kl_clue_name(a.said.client.by), "relay");
    assert_string_equal(a.said.warning, "");
    unwrap(&a, 3, links, peers, ids);
    assert_int_equal(a.out[0], KL_D6_ADVERTISE);
    assert_string_equal(given(&a, 0, text), "2001:db8:11::31:0");
    assert_string_equal(url(&a, text), "tftp://[2001:db8:20::20]/boot/ipxe.efi");
}

/* Who is asking is told by the relay nearest to it; the neighbour table knows nothing of it. */
static void relayed_identities(void **state)
{
    static const struct {
        const char *peer;
        const uint8_t *mac;
        const char *by, *dropped;
    } cases[] = {
        {EUI64_BONDED, NULL, "eui64", NULL},
        {EUI64_STRANGER, (const uint8_t *)"\x52\x54\0\x12\x34\x56", "relay", NULL},
        {"fe80::77", NULL, "none", "dhcp6-unknown-host"},
    };
    struct packet p;
    struct asked a;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&p, KL_D6_SOLICIT);
        OPTION(&p, KL_D6_CLIENT_ID, DUID_EN);
        ia(&p, KL_D6_IA_NA, 1, NULL);
        relay(&p, "2001:db8:11::1", cases[i].peer, NULL, cases[i].mac, 0);
        ask_as(*state, &p, "2001:db8:11::1", false, &a);
        assert_string_equal(kl_clue_name(a.said.client.by), cases[i].by);
        if (cases[i].dropped)
            assert_string_equal(a.said.dropped, cases[i].dropped);
        else
            assert_null(a.said.dropped);
    }
}

static void a_relay_of_another_link_is_told(void **state)
{
    struct packet p;
    struct asked a;
    firmware(&p, KL_D6_SOLICIT, "PXEClient", 7);
    relay(&p, "2001:db8:55::1", EUI64_BONDED, NULL, NULL, 0);
    ask_as(*state, &p, "2001:db8:55::1", false, &a);
    assert_null(a.said.dropped);
    assert_string_equal(a.said.warning, "the relay is on the link of 2001:db8:55::1, where the "
                                        "reserved address 2001:db8:11::31:0 does not belong");
}

/* RFC 8357: a relay that listens on another port. */
static void relay_source_port(void **state)
{
    struct packet p;
    struct asked a;
    int len;
    firmware(&p, KL_D6_SOLICIT, "PXEClient", 7);
    relay(&p, "2001:db8:11::1", EUI64_BONDED, NULL, NULL, 0);
    OPTION(&p, KL_D6_RELAY_SOURCE_PORT, "\0\0");
    ask_as(*state, &p, "2001:db8:11::1", false, &a);
    assert_int_equal(a.said.port, 40000);
    nth(a.out + 34, a.len - 34, KL_D6_RELAY_SOURCE_PORT, 0, &len);
    assert_int_equal(len, 2);
}

static void relays_nest_eight_deep(void **state)
{
    struct packet p;
    struct asked a;
    firmware(&p, KL_D6_SOLICIT, "PXEClient", 7);
    for (uint8_t i = 0; i < 8; i++)
        relay(&p, "2001:db8:11::1", EUI64_BONDED, "x", NULL, i);
    ask_as(*state, &p, "2001:db8:11::1", false, &a);
    assert_null(a.said.dropped);
    assert_int_equal(a.said.relays, 8);
    relay(&p, "2001:db8:11::1", "fe80::1", "x", NULL, 8);
    ask_as(*state, &p, "2001:db8:11::1", false, &a);
    assert_string_equal(a.said.dropped, "dhcp6-nested");
}

static void malformed(void **state)
{
    static const struct {
        uint16_t code;
        const char *body;
        size_t n;
        const char *dropped;
    } cases[] = {
        {KL_D6_IA_NA, "\0\0\0\1\0\0\0\0\0\0\0", 11, "dhcp6-malformed"},
        {KL_D6_IA_TA, "\0\0\0", 3, "dhcp6-malformed"},
        {KL_D6_IA_PD, "", 0, "dhcp6-malformed"},
        {KL_D6_IA_NA, "\0\0\0\1\0\0\0\0\0\0\0\0\0\5\0\4abcd", 20, "dhcp6-malformed"},
        {KL_D6_IA_NA, "\0\0\0\1\0\0\0\0\0\0\0\0\0\5\0\30abcd", 20, "dhcp6-truncated"},
        {KL_D6_IA_NA, "\0\0\0\1\0\0\0\0\0\0\0\0\0\5\0", 15, "dhcp6-truncated"},
        {KL_D6_CLIENT_ID, DUID_EN, 14, "dhcp6-malformed"}, /* the second one */
        {KL_D6_SERVER_ID, "\0\3", 2, "dhcp6-malformed"},
        {KL_D6_ORO, "\0\27\0", 3, "dhcp6-malformed"},
        {KL_D6_ARCH, "\7", 1, "dhcp6-malformed"},
        {KL_D6_ARCH, "", 0, "dhcp6-malformed"},
        {KL_D6_VENDOR_CLASS, "\0\0\1", 3, "dhcp6-malformed"},
        {KL_D6_RAPID_COMMIT, "x", 1, "dhcp6-malformed"},
        {KL_D6_USER_CLASS, "iPXE", 4, NULL}, /* no length: understood */
        {4711, "whatever", 8, NULL},
    };
    struct packet p;
    struct asked a;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&p, KL_D6_SOLICIT);
        OPTION(&p, KL_D6_CLIENT_ID, DUID_LL_BONDED);
        option(&p, cases[i].code, cases[i].body, cases[i].n);
        ask(*state, &p, &a);
        print_message("case %zu: %s\n", i, a.said.dropped ? a.said.dropped : "answered");
        if (cases[i].dropped)
            assert_string_equal(a.said.dropped, cases[i].dropped);
        else
            assert_null(a.said.dropped);
    }
    /* A DUID of 131 bytes is none. */
    uint8_t longest[131] = {0, 2};
    begin(&p, KL_D6_SOLICIT);
    option(&p, KL_D6_CLIENT_ID, longest, 131);
    ask(*state, &p, &a);
    assert_string_equal(a.said.dropped, "dhcp6-malformed");
    begin(&p, KL_D6_SOLICIT);
    option(&p, KL_D6_CLIENT_ID, longest, 130);
    ask(*state, &p, &a);
    assert_null(a.said.dropped);
}

static void malformed_relays(void **state)
{
    struct packet p;
    struct asked a;
    firmware(&p, KL_D6_SOLICIT, "PXEClient", 7);
    relay(&p, "2001:db8:11::1", EUI64_BONDED, "x", NULL, 0);
    OPTION(&p, KL_D6_INTERFACE_ID, "y"); /* the second one */
    ask_as(*state, &p, "2001:db8:11::1", false, &a);
    assert_string_equal(a.said.dropped, "dhcp6-malformed");

    firmware(&p, KL_D6_SOLICIT, "PXEClient", 7);
    relay(&p, "2001:db8:11::1", EUI64_BONDED, NULL, NULL, 0);
    OPTION(&p, KL_D6_RELAY_MESSAGE, "\1abc"); /* two messages in one */
    ask_as(*state, &p, "2001:db8:11::1", false, &a);
    assert_string_equal(a.said.dropped, "dhcp6-malformed");

    p.o.len = 34; /* nothing in it */
    ask_as(*state, &p, "2001:db8:11::1", false, &a);
    assert_string_equal(a.said.dropped, "dhcp6-malformed");

    /* Hardware that is not Ethernet says nothing about who asks. */
    firmware(&p, KL_D6_SOLICIT, "PXEClient", 7);
    relay(&p, "2001:db8:11::1", EUI64_BONDED, NULL, NULL, 0);
    OPTION(&p, KL_D6_CLIENT_LINK_LAYER, "\0\40\x52\x54\0\0\0\3");
    ask_as(*state, &p, "2001:db8:11::1", false, &a);
    assert_string_equal(kl_clue_name(a.said.client.by), "eui64");
}

/* What real clients sent (OVMF, iPXE, dhclient, dhcpcd; some through ISC's relay): see
 * tests/e2e/test_dhcp6.py. All are of one machine, and every one gets its address. */
static void captured(void **state)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/dhcp6", KL_SOURCE_ROOT);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    unsigned seen = 0;
    for (const struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        size_t len;
        snprintf(path, sizeof path, "%s/tests/fuzz/corpus/dhcp6/%s", KL_SOURCE_ROOT, e->d_name);
        char *bytes = kl_read_file(path, 1 << 20, &len);
        assert_non_null(bytes);
        struct kl_dhcp6_env env = env_of(*state);
        struct kl_dhcp6_request in = {.bytes = (uint8_t *)bytes + 1,
            .len = len - 1,
            .source = addr(bytes[0] & 3 ? "fe80::77" : EUI64_BONDED),
            .ifindex = 3,
            .multicast = bytes[0] & 4};
        struct kl_d6_message m;
        struct asked a;
        char text[300];
        assert_null(kl_d6_read(in.bytes, in.len, &m));
        if (m.server_id.p) { /* the server that they were sent to */
            env.duid = m.server_id.p;
            env.nduid = m.server_id.n;
        }
        a.len = kl_dhcp6_answer(&env, &in, a.out, sizeof a.out, &a.said);
        print_message("%s: %s\n", e->d_name, a.said.dropped ? a.said.dropped : "answered");
        assert_null(a.said.dropped);
        assert_string_equal(a.said.client.host->name, "bonded");
        if (m.type == KL_D6_SOLICIT || m.type == KL_D6_REQUEST)
            assert_string_equal(kl_addr_text(&a.said.gave, text), "2001:db8:11::31:0");
        if (strncmp(e->d_name, "ipxe", 4) == 0)
            assert_string_equal(a.said.stage, "loader");
        if (strncmp(e->d_name, "pxe-solicit", 11) == 0)
            assert_string_equal(url(&a, text), "tftp://[2001:db8:20::20]/boot/ipxe.efi");
        if (strncmp(e->d_name, "http-", 5) == 0)
            assert_string_equal(url(&a, text), "http://[2001:db8:20::20]/boot/ipxe.efi");
        free(bytes);
        seen++;
    }
    closedir(dir);
    assert_true(seen > 20);
}

/* Cut anywhere, a packet is answered only where the cut is between two options. */
static void truncated(void **state)
{
    struct packet p;
    struct asked a;
    firmware(&p, KL_D6_REQUEST, "PXEClient:Arch:00007:UNDI:003000", 7);
    size_t whole = p.o.len, answered = 0;
    for (size_t n = 0; n < whole; n++) {
        p.o.len = n;
        ask(*state, &p, &a);
        answered += !a.said.dropped;
        if (a.said.dropped)
            assert_true(strcmp(a.said.dropped, "dhcp6-truncated") == 0 ||
                        strcmp(a.said.dropped, "dhcp6-no-client-id") == 0 ||
                        strcmp(a.said.dropped, "dhcp6-server-id") == 0);
    }
    /* After the server identifier, the IA_NA, and each of the four that follow but the last. */
    assert_int_equal(answered, 5);

    p.o.len = whole;
    relay(&p, "2001:db8:11::1", EUI64_BONDED, "Gi1/0/1", NULL, 0);
    whole = p.o.len;
    for (size_t n = 0; n < whole; n++) {
        p.o.len = n;
        ask_as(*state, &p, "2001:db8:11::1", false, &a);
        assert_non_null(a.said.dropped); /* the message is the last option: never whole */
    }
}

static void oversized(void **state)
{
    struct packet p;
    struct asked a;
    static const uint8_t filler[KL_DHCP6_MAX];
    firmware(&p, KL_D6_SOLICIT, "PXEClient", 7);
    option(&p, 4711, filler, KL_DHCP6_MAX - p.o.len - 4);
    assert_int_equal(p.o.len, KL_DHCP6_MAX);
    ask(*state, &p, &a);
    assert_null(a.said.dropped);
    kl_put8(&p.o, 0);
    ask(*state, &p, &a);
    assert_string_equal(a.said.dropped, "dhcp6-oversized");
}

/* The answer that grows most: all of a request is IAs, behind every relay. */
static void the_largest_answer_fits(void **state)
{
    struct packet p;
    struct asked a;
    begin(&p, KL_D6_SOLICIT);
    OPTION(&p, KL_D6_CLIENT_ID, DUID_LL_BONDED);
    for (uint32_t i = 0; i < 500 && p.o.len + 16 <= KL_DHCP6_MAX - 8 * 38; i++)
        ia(&p, KL_D6_IA_NA, i, NULL);
    for (uint8_t i = 0; i < 8; i++)
        relay(&p, "2001:db8:11::1", EUI64_BONDED, NULL, NULL, i);
    assert_true(p.o.len <= KL_DHCP6_MAX);
    ask_as(*state, &p, "2001:db8:11::1", false, &a);
    assert_null(a.said.dropped);

    begin(&p, KL_D6_SOLICIT);
    OPTION(&p, KL_D6_CLIENT_ID, DUID_LL_BONDED);
    while (p.o.len + 8 <= KL_DHCP6_MAX)
        ia(&p, KL_D6_IA_TA, 1, NULL);
    ask(*state, &p, &a);
    assert_null(a.said.dropped);
}

static void a_small_buffer_is_never_overrun(void **state)
{
    struct kl_dhcp6_env env = env_of(*state);
    struct packet p;
    struct asked a;
    struct kl_dhcp6_said said;
    ipxe(&p, KL_D6_REQUEST);
    relay(&p, "2001:db8:11::1", EUI64_BONDED, "Gi1/0/1", NULL, 0);
    ask_as(*state, &p, "2001:db8:11::1", false, &a);
    struct kl_dhcp6_request in = {
        .bytes = p.bytes, .len = p.o.len, .source = addr("2001:db8:11::1"), .ifindex = 3};
    for (size_t room = 0; room <= a.len; room++) {
        uint8_t *out = malloc(room ? room : 1);
        assert_non_null(out);
        size_t len = kl_dhcp6_answer(&env, &in, out, room, &said);
        if (room < a.len) {
            assert_int_equal(len, 0);
            assert_string_equal(said.dropped, "dhcp6-too-large");
        } else {
            assert_int_equal(len, a.len);
            assert_memory_equal(out, a.out, len);
        }
        free(out);
    }
}

static void domains(void **state)
{
    (void)state;
    static const struct {
        const char *name, *wire;
        size_t n;
    } cases[] = {
        {"net", "\3net", 5},
        {"a.b.", "\1a\1b", 5},
        {"", NULL, 0},
        {".", NULL, 0},
        {"a..b", NULL, 0},
        {"0123456789012345678901234567890123456789012345678901234567890123", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[300];
        struct kl_d6_out o = {.p = bytes, .room = sizeof bytes};
        assert_int_equal(kl_put_domain(&o, cases[i].name), cases[i].wire != NULL);
        assert_int_equal(o.len, cases[i].n);
        if (cases[i].wire)
            assert_memory_equal(bytes, cases[i].wire, cases[i].n);
    }
    char name[300];
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 50 == 49 ? '.' : 'x';
    uint8_t bytes[300];
    struct kl_d6_out o = {.p = bytes, .room = sizeof bytes};
    name[253] = '\0'; /* 253 characters are 255 bytes on the wire, the most there may be */
    assert_true(kl_put_domain(&o, name));
    assert_int_equal(o.len, 255);
    name[253] = 'x';
    name[254] = '\0';
    assert_false(kl_put_domain(&o, name));
}

static void a_server_without_ipv6_or_programs(void **state)
{
    struct kl_dhcp6_env env = env_of(*state);
    struct packet p;
    struct asked a;
    struct kl_fleet other = *(const struct kl_fleet *)*state;
    firmware(&p, KL_D6_SOLICIT, "PXEClient", 7);
    struct kl_dhcp6_request in = {.bytes = p.bytes,
        .len = p.o.len,
        .source = addr(EUI64_BONDED),
        .ifindex = 3,
        .multicast = true};
    env.address.family = 0;
    a.len = kl_dhcp6_answer(&env, &in, a.out, sizeof a.out, &a.said);
    assert_false(has(&a, KL_D6_BOOT_URL));
    assert_string_equal(a.said.why, "no boot file: server.address has no IPv6 address");
    env = env_of(&other);
    other.server.boot = NULL;
    a.len = kl_dhcp6_answer(&env, &in, a.out, sizeof a.out, &a.said);
    assert_false(has(&a, KL_D6_BOOT_URL));
    assert_string_equal(a.said.why, "no boot file: server.boot is not set");
    other.server.boot = "/srv/boot";
    other.server.tftp_port = 6969;
    a.len = kl_dhcp6_answer(&env, &in, a.out, sizeof a.out, &a.said);
    assert_string_equal(a.said.boot, "tftp://[2001:db8:20::20]:6969/boot/ipxe.efi");
    assert_string_equal(a.said.why, "UEFI takes no TFTP port but 69");
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
        cmocka_unit_test(firmware_gets_address_and_boot_file),
        cmocka_unit_test(boot_files),
        cmocka_unit_test(same_address_for_every_identity),
        cmocka_unit_test(a_naked_solicit_is_answered),
        cmocka_unit_test(the_nic_chooses_the_link),
        cmocka_unit_test(slaac_hosts_get_boot_files),
        cmocka_unit_test(search_list),
        cmocka_unit_test(rapid_commit),
        cmocka_unit_test(renewals),
        cmocka_unit_test(a_changed_address_is_replaced),
        cmocka_unit_test(temporary_and_delegated),
        cmocka_unit_test(confirm),
        cmocka_unit_test(release_and_decline),
        cmocka_unit_test(not_answered),
        cmocka_unit_test(unicast_is_told_to_use_multicast),
        cmocka_unit_test(strangers_get_no_answer),
        cmocka_unit_test(relayed),
        cmocka_unit_test(relayed_identities),
        cmocka_unit_test(a_relay_of_another_link_is_told),
        cmocka_unit_test(relay_source_port),
        cmocka_unit_test(relays_nest_eight_deep),
        cmocka_unit_test(malformed),
        cmocka_unit_test(malformed_relays),
        cmocka_unit_test(captured),
        cmocka_unit_test(truncated),
        cmocka_unit_test(oversized),
        cmocka_unit_test(the_largest_answer_fits),
        cmocka_unit_test(a_small_buffer_is_never_overrun),
        cmocka_unit_test(domains),
        cmocka_unit_test(a_server_without_ipv6_or_programs),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
