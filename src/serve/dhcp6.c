/* What a DHCPv6 message is answered. In the order of the code: is the message one that a server may
 * answer (RFC 8415 §16), who sent it, which address is reserved for that, which boot file; then the
 * reply, from those.
 *
 * Sections are of RFC 8415 unless another document is named. */
#include "serve/dhcp6.h"

#include "fleet/plan.h"
#include "serve/dhcp6_wire.h"

#include <stdio.h>
#include <string.h>

/* Lifetimes, in seconds. Finite, so that a system which was set up by DHCPv6 learns of a changed
 * inventory within half a day (T1), and because firmware of several makers is not to be trusted
 * with 0xffffffff. Long, because nothing expires here (a reservation is nobody else's), so that no
 * install depends on this server being up when it renews. */
enum { PREFERRED = 86400, VALID = 2 * PREFERRED, T1 = PREFERRED / 2, T2 = PREFERRED / 5 * 4 };

enum { NO_ARCH = 0xffff, INTEL = 343 /* enterprise number that PXE and HTTP boot use */ };

/* Boot programs by client architecture: IANA "Processor Architecture Types"; what each firmware
 * sends: docs/boot-protocols.md §1.1. BIOS (0) has no PXE over IPv6. */
static const struct arch {
    uint16_t number;
    bool http;
    const char *file;
} archs[] = {
    {6, false, "ipxe-ia32.efi"},
    {7, false, "ipxe.efi"},
    {9, false, "ipxe.efi"}, /* EBC by IANA, x64 by RFC 4578's text and some firmware */
    {10, false, "ipxe-arm32.efi"},
    {11, false, "ipxe-arm64.efi"},
    {15, true, "ipxe-ia32.efi"},
    {16, true, "ipxe.efi"},
    {17, true, "ipxe.efi"},
    {18, true, "ipxe-arm32.efi"},
    {19, true, "ipxe-arm64.efi"},
    {27, false, "ipxe-riscv64.efi"},
    {28, true, "ipxe-riscv64.efi"},
    {39, false, "ipxe-loong64.efi"},
    {40, true, "ipxe-loong64.efi"},
};

/* Who asks, as far as the boot file depends on it. */
enum kind { OTHER, FIRMWARE, FIRMWARE_HTTP, IPXE };

struct answer {
    const struct kl_dhcp6_env *env;
    const struct kl_dhcp6_request *in;
    struct kl_dhcp6_said *said;
    struct kl_d6_message m;
    enum kind kind;
    const struct arch *arch;       /* NULL: not said, or none that we have a program for */
    const struct kl_link *link;    /* of the host, that the asking NIC carries; or NULL */
    const struct kl_addr *address; /* reserved; NULL: none */
    struct kl_d6_out out;
};

const char *kl_dhcp6_type_name(uint8_t type)
{
    static const char *const names[] = {"unknown", "solicit", "advertise", "request", "confirm",
        "renew", "rebind", "reply", "release", "decline", "reconfigure", "information-request",
        "relay-forward", "relay-reply"};
    return names[type < sizeof names / sizeof *names ? type : 0];
}

/* Room for one more warning, which goes on after those that are there. */
struct room {
    char *at;
    size_t n;
};

static struct room warning(struct answer *a)
{
    char *text = a->said->warning;
    size_t n = sizeof a->said->warning, used = strlen(text);
    if (used && used + 2 < n) {
        memcpy(text + used, "; ", 3);
        used += 2;
    }
    return (struct room){text + used, n - used};
}

static const struct kl_d6_relay *nearest_relay(const struct answer *a)
{
    return a->m.nrelays ? &a->m.relays[a->m.nrelays - 1] : NULL;
}

/* Names this server: such a message is answered even when its sender is unknown. */
static bool is_for_us(const struct answer *a)
{
    return a->m.server_id.n == a->env->nduid &&
           memcmp(a->m.server_id.p, a->env->duid, a->env->nduid) == 0;
}

/* §16.2 to §16.12: which messages a server takes, and with which identifiers. */
static const char *validate(const struct answer *a)
{
    const struct kl_d6_message *m = &a->m;
    bool client = m->client_id.p, server = m->server_id.p;
    switch (m->type) {
    case KL_D6_SOLICIT:
    case KL_D6_CONFIRM:
    case KL_D6_REBIND:
        if (server)
            return "dhcp6-server-id";
        break;
    case KL_D6_REQUEST:
    case KL_D6_RENEW:
    case KL_D6_RELEASE:
    case KL_D6_DECLINE:
        if (!server)
            return "dhcp6-server-id";
        break;
    case KL_D6_INFORMATION:
        if (m->nia)
            return "dhcp6-has-ia";
        client = true; /* §16.12: it may leave its identifier out */
        break;
    default:
        return "dhcp6-type";
    }
    if (!client)
        return "dhcp6-no-client-id";
    if (server && !is_for_us(a))
        return "dhcp6-other-server";
    return NULL;
}

static bool came_by_unicast(const struct answer *a)
{
    return a->m.nrelays == 0 && !a->in->multicast;
}

static void identify(struct answer *a)
{
    struct kl_clues c = {0};
    const struct kl_d6_relay *relay = nearest_relay(a);
    const struct kl_addr *at = relay ? &relay->peer : &a->in->source;
    if (relay)
        c.relay = relay->client;
    kl_d6_duid_mac(a->m.client_id, &c.duid);
    c.has_uuid = kl_d6_duid_uuid(a->m.client_id, c.uuid);
    /* The table knows only neighbours, and nothing new about an address made of a MAC. */
    if (!kl_eui64_mac(at, &c.eui64) && !relay && a->env->neighbour)
        a->env->neighbour(a->env->neighbour_arg, a->in->ifindex, at, &c.neighbour);
    struct kl_client *who = &a->said->client;
    *who = kl_client_find(a->env->fleet, &c);
    if (!who->other)
        return;
    struct room w = warning(a);
    snprintf(w.at, w.n, "by %s this is %s, but by %s it is %s", kl_clue_name(who->by),
        who->host->name, kl_clue_name(who->other_by), who->other->name);
}

static const struct arch *find_arch(struct kl_span list, uint16_t *first)
{
    uint16_t number;
    *first = NO_ARCH;
    while (kl_take16(&list, &number)) {
        if (*first == NO_ARCH)
            *first = number;
        for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
            if (archs[i].number == number)
                return &archs[i];
    }
    return NULL;
}

static void classify(struct answer *a)
{
    const struct kl_d6_message *m = &a->m;
    struct kl_span vendor = m->vendor_class;
    if (vendor.n >= 4)
        vendor = (struct kl_span){vendor.p + 4, vendor.n - 4};
    a->arch = find_arch(m->arch, &a->said->arch);
    /* iPXE says PXEClient too, whatever loaded it and whatever it will fetch by. */
    if (kl_d6_class_begins(m->user_class, "iPXE"))
        a->kind = IPXE;
    else if (kl_d6_class_begins(vendor, "HTTPClient"))
        a->kind = FIRMWARE_HTTP;
    else if (kl_d6_class_begins(vendor, "PXEClient"))
        a->kind = FIRMWARE;
    else if (a->said->arch != NO_ARCH)
        a->kind = a->arch && a->arch->http ? FIRMWARE_HTTP : FIRMWARE;
    a->said->stage = a->kind == IPXE ? "loader" : a->kind == OTHER ? NULL : "firmware";
}

/* Does `top` carry its traffic over the NIC `nic`? Deep enough for VLAN, bridge, bond, NIC. */
static bool stands_on(
    const struct kl_intent *i, const struct kl_link *top, const char *nic, int depth)
{
    if (!top || depth == 0)
        return false;
    if (strcmp(top->name, nic) == 0)
        return true;
    if (top->kind == KL_VLAN)
        return stands_on(i, kl_link_find(i, top->parent), nic, depth - 1);
    for (size_t p = 0; p < top->nports; p++)
        if (stands_on(i, kl_link_find(i, top->ports[p]), nic, depth - 1))
            return true;
    return false;
}

static const struct kl_addr *static_address(const struct kl_link *l)
{
    if (!l || l->ip6.method == KL_OFF)
        return NULL;
    for (size_t i = 0; i < l->ip6.naddresses; i++) {
        const struct kl_addr *addr = &l->ip6.addresses[i].addr;
        if (addr->family == 6 && kl_addr_is_unicast(addr) && !kl_addr_is_link_local(addr))
            return addr;
    }
    return NULL;
}

/* The link whose network the asking NIC is on. That is the install link, also when firmware asks on
 * one port of a bond, unless the NIC belongs to another link that has an address of its own. */
static const struct kl_link *link_of(const struct kl_host *h, const struct kl_mac *mac)
{
    const struct kl_intent *i = h->intent;
    const struct kl_link *install = i->install ? kl_link_find(i, i->install) : NULL;
    const char *nic = NULL;
    for (size_t n = 0; mac->set && n < h->nnics; n++)
        if (kl_mac_eq(&h->nics[n].mac, mac))
            nic = h->nics[n].name;
    if (nic && !stands_on(i, install, nic, 4))
        for (size_t l = 0; l < i->nlinks; l++)
            if (static_address(&i->links[l]) && stands_on(i, &i->links[l], nic, 4))
                return &i->links[l];
    return install;
}

static bool is_on_link(const struct kl_link *l, const struct kl_addr *addr)
{
    for (size_t i = 0; l && i < l->ip6.naddresses; i++)
        if (kl_prefix_has(&l->ip6.addresses[i], addr))
            return true;
    return false;
}

/* The relay nearest to the client says which link that is on (§19.1.1); a relay in a switch says
 * nothing (RFC 6221 §5.3), and then the next one does. A link may have several prefixes, so another
 * one than the reservation's is no proof that the host is elsewhere: it gets its address, and the
 * operator a word. */
static void compare_relay_link(struct answer *a)
{
    char relay[KL_ADDR_TEXT], own[KL_ADDR_TEXT];
    for (unsigned n = a->m.nrelays; n-- > 0;) {
        const struct kl_addr *link = &a->m.relays[n].link;
        if (!kl_addr_is_unicast(link) || kl_addr_is_link_local(link))
            continue;
        if (is_on_link(a->link, link))
            return;
        struct room w = warning(a);
        snprintf(w.at, w.n,
            "the relay is on the link of %s, where the reserved address %s does not belong",
            kl_addr_text(link, relay), kl_addr_text(a->address, own));
        return;
    }
}

static void reserve(struct answer *a)
{
    const struct kl_host *h = a->said->client.host;
    if (!h)
        return;
    a->link = link_of(h, &a->said->client.mac);
    a->address = static_address(a->link);
    if (a->address)
        compare_relay_link(a);
}

/* scheme://[server]:port, the port only where it is not the scheme's own. */
static int put_base(const struct answer *a, char *out, size_t room, bool http)
{
    char text[KL_ADDR_TEXT];
    uint16_t port = http ? a->env->fleet->server.http_port : a->env->fleet->server.tftp_port;
    kl_addr_text(&a->env->address, text);
    const char *scheme = http ? "http" : "tftp";
    if (port == (http ? 80 : 69))
        return snprintf(out, room, "%s://[%s]", scheme, text);
    return snprintf(out, room, "%s://[%s]:%u", scheme, text, port);
}

/* Why a host that asks for a boot file gets none; NULL: it gets one. Firmware that gets an address
 * and no boot file goes on to its next boot option within seconds (OVMF 2022.11: see
 * tests/e2e/test_dhcp6.py); without any answer it would wait for a minute first. */
static const char *no_boot(const struct answer *a)
{
    if (a->env->address.family != 6)
        return "no boot file: server.address has no IPv6 address";
    /* iPXE may live in a card's ROM and asks whether armed or not: its script knows what to do. */
    if (a->kind == IPXE)
        return NULL;
    if (!a->said->armed)
        return "no boot file: not armed, boots its own disk";
    if (!a->arch)
        return "no boot file: no boot program for this architecture";
    if (!a->env->fleet->server.boot)
        return "no boot file: server.boot is not set";
    return NULL;
}

/* Which boot file, into said->boot. */
static void choose_boot(struct answer *a)
{
    struct kl_dhcp6_said *said = a->said;
    const struct kl_host *h = said->client.host;
    if (!h || a->kind == OTHER || !kl_d6_asks_for(&a->m, KL_D6_BOOT_URL))
        return;
    said->armed = a->env->armed(a->env->armed_arg, h->name);
    const char *none = no_boot(a);
    if (none) {
        said->why = none;
        return;
    }
    char *s = said->boot;
    size_t room = sizeof said->boot;
    int n = put_base(a, s, room, a->kind != FIRMWARE);
    int more = a->kind == IPXE
                   ? snprintf(s + n, room - (size_t)n, KL_PATH_HOST "%s/boot.ipxe", h->name)
                   : snprintf(s + n, room - (size_t)n, KL_PATH_BOOT "%s", a->arch->file);
    if ((size_t)n + (size_t)more >= room) {
        *s = '\0';
        said->why = "no boot file: the host's name is too long for a URL";
    } else if (a->kind == FIRMWARE && a->env->fleet->server.tftp_port != 69)
        said->why = "UEFI takes no TFTP port but 69"; /* OVMF 2022.11: PXE-E99 */
}

/* The boot file and, for HTTP boot, the vendor class without which EDK2 drops the message; for PXE
 * it must be left out (docs/boot-protocols.md §3.1). Option 60 (parameters) is not sent: EDK2 takes
 * the first for a file size, and iPXE's script carries what a boot needs. */
static void put_boot(struct answer *a)
{
    if (!*a->said->boot)
        return;
    kl_put_option(&a->out, KL_D6_BOOT_URL,
        (struct kl_span){(const uint8_t *)a->said->boot, strlen(a->said->boot)});
    if (a->kind != FIRMWARE_HTTP)
        return;
    static const char word[] = "HTTPClient";
    size_t begun = kl_put_begin(&a->out, KL_D6_VENDOR_CLASS);
    kl_put32(&a->out, INTEL);
    kl_put16(&a->out, sizeof word - 1);
    kl_put(&a->out, word, sizeof word - 1);
    kl_put_end(&a->out, begun);
}

/* RFC 3646, as far as asked for. IPv4 name servers cannot be said here. */
static void put_dns(struct answer *a)
{
    const struct kl_host *h = a->said->client.host;
    if (!h)
        return;
    const struct kl_intent *i = h->intent;
    if (kl_d6_asks_for(&a->m, KL_D6_DNS)) {
        size_t begun = kl_put_begin(&a->out, KL_D6_DNS);
        for (size_t n = 0; n < i->ndns; n++)
            if (i->dns[n].family == 6)
                kl_put_addr(&a->out, &i->dns[n]);
        kl_put_end_list(&a->out, begun);
    }
    if (kl_d6_asks_for(&a->m, KL_D6_SEARCH)) {
        size_t begun = kl_put_begin(&a->out, KL_D6_SEARCH);
        for (size_t n = 0; n < i->nsearch; n++)
            kl_put_domain(&a->out, i->search[n]);
        kl_put_end_list(&a->out, begun);
    }
}

static void put_address(struct answer *a, const struct kl_addr *addr, bool alive)
{
    size_t begun = kl_put_begin(&a->out, KL_D6_IAADDR);
    kl_put_addr(&a->out, addr);
    kl_put32(&a->out, alive ? PREFERRED : 0);
    kl_put32(&a->out, alive ? VALID : 0);
    kl_put_end(&a->out, begun);
}

/* §18.3.4, §18.3.5: addresses that are not (or no longer) the client's come back with lifetimes of
 * zero. Returns how many. */
static unsigned put_dead_addresses(struct answer *a, struct kl_span options)
{
    struct kl_addr addr;
    unsigned n = 0;
    while (kl_d6_ia_address(&options, &addr))
        if (!a->address || !kl_addr_eq(&addr, a->address)) {
            put_address(a, &addr, false);
            n++;
        }
    return n;
}

/* §18.3.2: a client that requests an address of another link is told so, and asks anew. */
static bool wants_elsewhere(const struct answer *a, struct kl_span options)
{
    struct kl_addr addr;
    while (a->m.type == KL_D6_REQUEST && kl_d6_ia_address(&options, &addr))
        if (!is_on_link(a->link, &addr))
            return true;
    return false;
}

/* The reserved address, whatever the IAID: firmware's two DHCPv6 clients and iPXE each have one of
 * their own, and a boot fails when the second is refused (docs/boot-protocols.md §3.1). */
static void put_ia_na(struct answer *a, const struct kl_d6_ia *ia)
{
    bool renews = a->m.type == KL_D6_RENEW || a->m.type == KL_D6_REBIND;
    bool elsewhere = a->address && wants_elsewhere(a, ia->options);
    bool gives = a->address && !elsewhere;
    kl_put32(&a->out, gives ? T1 : 0);
    kl_put32(&a->out, gives ? T2 : 0);
    if (gives) {
        put_address(a, a->address, true);
        a->said->gave = *a->address;
    }
    if (renews && put_dead_addresses(a, ia->options))
        return;
    if (elsewhere)
        kl_put_status(&a->out, KL_D6_NOT_ON_LINK, "that address is of another link");
    else if (!gives && renews)
        kl_put_status(&a->out, KL_D6_NO_BINDING, "no address is reserved");
    else if (!gives)
        kl_put_status(&a->out, KL_D6_NO_ADDRS, "no address is reserved");
}

static void put_ia(struct answer *a, const struct kl_d6_ia *ia)
{
    bool renews = a->m.type == KL_D6_RENEW || a->m.type == KL_D6_REBIND;
    size_t begun = kl_put_begin(&a->out, ia->code);
    kl_put(&a->out, ia->iaid, sizeof ia->iaid);
    if (ia->code == KL_D6_IA_NA) {
        put_ia_na(a, ia);
    } else {
        /* Reservations hold no temporary addresses and no prefixes to delegate. */
        if (ia->code == KL_D6_IA_PD) {
            kl_put32(&a->out, 0);
            kl_put32(&a->out, 0);
        }
        kl_put_status(&a->out,
            renews                    ? KL_D6_NO_BINDING
            : ia->code == KL_D6_IA_PD ? KL_D6_NO_PREFIX
                                      : KL_D6_NO_ADDRS,
            "not given by this server");
    }
    kl_put_end(&a->out, begun);
}

static void put_ias(struct answer *a)
{
    struct kl_span options = a->m.options;
    struct kl_d6_option o;
    struct kl_d6_ia ia;
    while (kl_d6_next(&options, &o) > 0)
        if (kl_d6_ia(&o, &ia))
            put_ia(a, &ia);
    if (a->m.nia && !a->address && !a->said->why)
        a->said->why = "no address: no static IPv6 address on its link";
}

/* §18.3.3: whether each address still fits the link. What cannot be judged is not answered. */
static const char *confirm(struct answer *a)
{
    struct kl_span options = a->m.options;
    struct kl_d6_option o;
    struct kl_d6_ia ia;
    struct kl_addr addr;
    bool fits = true;
    if (!a->m.naddresses)
        return "dhcp6-no-address";
    if (!a->address)
        return "dhcp6-unknown-link";
    while (kl_d6_next(&options, &o) > 0)
        if (kl_d6_ia(&o, &ia))
            while (kl_d6_ia_address(&ia.options, &addr))
                fits = fits && is_on_link(a->link, &addr);
    kl_put_status(&a->out, fits ? KL_D6_SUCCESS : KL_D6_NOT_ON_LINK,
        fits ? "all addresses fit this link" : "an address is of another link");
    a->said->why = fits ? NULL : "its address is of another link";
    return NULL;
}

static void warn_declined(struct answer *a)
{
    char text[KL_ADDR_TEXT] = "an address";
    struct room w = warning(a);
    snprintf(w.at, w.n, "declined %s: another machine on its link has that address",
        a->address ? kl_addr_text(a->address, text) : text);
}

/* The options that belong to one type of message; NULL, or why there is no reply after all. */
static const char *put_body(struct answer *a)
{
    switch (a->m.type) {
    case KL_D6_CONFIRM:
        return confirm(a);
    case KL_D6_DECLINE:
        warn_declined(a);
        kl_put_status(&a->out, KL_D6_SUCCESS, "noted");
        return NULL;
    case KL_D6_RELEASE: /* the reservation stays */
        kl_put_status(&a->out, KL_D6_SUCCESS, "released");
        return NULL;
    case KL_D6_INFORMATION:
        break;
    default:
        put_ias(a);
    }
    choose_boot(a);
    put_boot(a);
    put_dns(a);
    return NULL;
}

/* §18.3.1: a reply at once, when the client asks for that and there is something to commit. */
static bool commits_at_once(const struct answer *a)
{
    return a->m.type == KL_D6_SOLICIT && a->m.rapid_commit && a->address;
}

/* The server's reply to the client's own message. The server identifier comes last on purpose: EDK2
 * reads the boot file's URL with C-string functions, and what ends it is the zero byte that opens
 * the next option (docs/boot-protocols.md §3.1). */
static const char *put_message(struct answer *a)
{
    bool at_once = commits_at_once(a);
    bool advertises = a->m.type == KL_D6_SOLICIT && !at_once;
    a->said->answered = advertises ? KL_D6_ADVERTISE : KL_D6_REPLY;
    kl_put8(&a->out, a->said->answered);
    kl_put(&a->out, a->m.xid, sizeof a->m.xid);
    if (a->m.client_id.p)
        kl_put_option(&a->out, KL_D6_CLIENT_ID, a->m.client_id);
    if (at_once)
        kl_put_option(&a->out, KL_D6_RAPID_COMMIT, (struct kl_span){0});
    /* 255: the client need not wait for other servers (§18.2.1). Said only by who has an address:
     * a host without a reservation may get one elsewhere. */
    if (advertises && a->address) {
        size_t begun = kl_put_begin(&a->out, KL_D6_PREFERENCE);
        kl_put8(&a->out, 255);
        kl_put_end(&a->out, begun);
    }
    const char *none = NULL;
    if (came_by_unicast(a)) /* §18.4: nothing else goes with it */
        kl_put_status(&a->out, KL_D6_USE_MULTICAST, "send to ff02::1:2");
    else
        none = put_body(a);
    kl_put_option(&a->out, KL_D6_SERVER_ID, (struct kl_span){a->env->duid, a->env->nduid});
    return none;
}

/* §19.3: a Relay-reply for each Relay-forward, nested as they were, each with what its relay needs
 * to find the client's link again. */
static const char *put_relayed(struct answer *a)
{
    size_t begun[KL_D6_RELAYS];
    for (unsigned n = 0; n < a->m.nrelays; n++) {
        const struct kl_d6_relay *r = &a->m.relays[n];
        kl_put8(&a->out, KL_D6_RELAY_REPLY);
        kl_put8(&a->out, r->hops);
        kl_put_addr(&a->out, &r->link);
        kl_put_addr(&a->out, &r->peer);
        if (r->interface_id.p)
            kl_put_option(&a->out, KL_D6_INTERFACE_ID, r->interface_id);
        if (r->source_port) { /* RFC 8357 §5.2: echoed, so that the relays on the way know */
            size_t port = kl_put_begin(&a->out, KL_D6_RELAY_SOURCE_PORT);
            kl_put16(&a->out, 0);
            kl_put_end(&a->out, port);
        }
        begun[n] = kl_put_begin(&a->out, KL_D6_RELAY_MESSAGE);
    }
    const char *none = put_message(a);
    for (unsigned n = a->m.nrelays; n-- > 0;)
        kl_put_end(&a->out, begun[n]);
    return none;
}

static uint16_t reply_port(const struct answer *a)
{
    if (a->m.nrelays == 0)
        return KL_DHCP6_CLIENT_PORT;
    /* RFC 8357 §5.2; all other relays listen on the server's port, §7.2. */
    return a->m.relays[0].source_port ? a->in->port : KL_DHCP6_SERVER_PORT;
}

/* NULL, or the word under which the request is dropped. */
static const char *answer(struct answer *a)
{
    const char *fault = kl_d6_read(a->in->bytes, a->in->len, &a->m);
    a->said->asked = a->m.type;
    a->said->relays = a->m.nrelays;
    if (!fault)
        fault = validate(a);
    /* §18.4: by unicast, what may be meant for any server is discarded; the rest is told off. */
    if (!fault && came_by_unicast(a) && (!a->m.server_id.p || a->m.type == KL_D6_INFORMATION))
        fault = "dhcp6-unicast";
    if (fault)
        return fault;
    classify(a);
    identify(a);
    reserve(a);
    if (!a->said->client.host && !a->m.server_id.p)
        return "dhcp6-unknown-host";
    a->said->port = reply_port(a);
    fault = put_relayed(a);
    if (!fault && a->out.full)
        fault = "dhcp6-too-large";
    return fault;
}

size_t kl_dhcp6_answer(const struct kl_dhcp6_env *env, const struct kl_dhcp6_request *in,
    uint8_t *out, size_t room, struct kl_dhcp6_said *said)
{
    *said = (struct kl_dhcp6_said){.arch = NO_ARCH};
    struct answer a = {.env = env, .in = in, .said = said, .out = {.p = out, .room = room}};
    said->dropped = answer(&a);
    if (!said->dropped)
        return a.out.len;
    said->answered = 0;
    return 0;
}
