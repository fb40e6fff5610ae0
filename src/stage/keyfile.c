/* NetworkManager's keyfiles: what EL9, EL10 and Fedora keep of a host's network
 * (docs/boot-stages.md §4.2). One file a link, in NetworkManager's own spelling:
 *
 * - both [ipv4] and [ipv6] are always there, each with a method: the default for a missing section
 *   has varied. A port has neither: NetworkManager removes them from ports.
 * - a static address with the default route by router advertisement is method=auto with the
 *   address beside it: method=manual starts no RA client (quirk 6). Read back, it is the same.
 * - `master` and `slave-type` up to EL9, `controller` and `port-type` from EL10 on: newer versions
 *   read both, 1.44 and earlier only the old pair.
 * - a port brings itself up (autoconnect=true): what makes a bond bring up its ports is a setting
 *   of the installer's, which the installed system does not have.
 * - addr-gen-mode=eui64: the address by SLAAC is then that of the initrd (quirk 24).
 * - no profile is bound to a MAC address: interface names are what the other stages go by, and the
 *   installer's own profiles are bound to names too.
 */
#include "stage/system.h"

#include <stdlib.h>
#include <string.h>

static const char directory[] = "/etc/NetworkManager/system-connections/";

/* --- rendering ---------------------------------------------------------------------------------*/

/* Bond options that only some versions of NetworkManager know; it drops others without a word.
 * arp_missed_max: nmstate pull 2375; lacp_active, ns_ip6_target: nmstate pulls 2923 and 2937;
 * peer_notif_delay: NEWS of 1.30.6. 0: none does. */
static const struct {
    const char *name;
    int since;
} newer_options[] = {{"arp_missed_max", 44}, {"lacp_active", 46}, {"ns_ip6_target", 46},
    {"peer_notif_delay", 32}, {"coupled_control", 0}, {"broadcast_neighbor", 0}};

static bool knows_option(struct kl_writer *w, const struct kl_link *l, const char *name)
{
    for (size_t i = 0; i < sizeof newer_options / sizeof *newer_options; i++) {
        int since = newer_options[i].since;
        if (strcmp(newer_options[i].name, name) != 0 || (since && w->r->nm_minor >= since))
            continue;
        kl_diag(w->d, KL_ERROR, "bond-option", l->at, "leave the option out for this release",
            "%s: NetworkManager %s of %s does not know the bond option '%s'", l->name, w->r->nm,
            kl_release_name(w->a, w->r), name);
        return false;
    }
    return true;
}

static const char *type_of(const struct kl_link *l)
{
    static const char *const types[] = {
        [KL_ETHERNET] = "ethernet", [KL_BOND] = "bond", [KL_VLAN] = "vlan", [KL_BRIDGE] = "bridge"};
    return types[l->kind];
}

static void connection(struct kl_buf *b, const struct kl_writer *w, const struct kl_link *l)
{
    const struct kl_link *over = kl_link_controller(w->i, l->name);
    bool words = w->r->el >= 10;
    kl_buf_addf(b, "[connection]\nid=%s\nuuid=%s\ntype=%s\n", l->name,
        kl_profile_uuid(w->a, w->i, l->name), type_of(l));
    kl_buf_addf(b, "autoconnect=%s\n", kl_link_idle(w->i, l) ? "false" : "true");
    if (over)
        kl_buf_addf(b, "%s=%s\n%s=%s\n", words ? "controller" : "master", over->name,
            words ? "port-type" : "slave-type", type_of(over));
    kl_buf_addf(b, "interface-name=%s\n", l->name);
}

static void hardware(struct kl_buf *b, const struct kl_link *l)
{
    bool wanted = l->mac.set && l->kind != KL_ETHERNET;
    char mac[KL_MAC_TEXT];
    if (!wanted && !l->mtu)
        return;
    kl_buf_add(b, "\n[ethernet]\n");
    if (wanted)
        kl_buf_addf(b, "cloned-mac-address=%s\n", kl_mac_text(&l->mac, mac));
    if (l->mtu)
        kl_buf_addf(b, "mtu=%u\n", l->mtu);
}

static bool kind_section(struct kl_buf *b, struct kl_writer *w, const struct kl_link *l)
{
    bool ok = true;
    if (l->kind == KL_BOND) {
        kl_buf_addf(b, "\n[bond]\nmode=%s\n", kl_bond_modes[l->mode]);
        for (size_t k = 0; k < l->noptions; k++) {
            ok &= knows_option(w, l, l->options[k].name);
            kl_buf_addf(b, "%s=%s\n", l->options[k].name, l->options[k].value);
        }
    } else if (l->kind == KL_BRIDGE) {
        kl_buf_add(b, "\n[bridge]\n");
        for (size_t k = 0; k < l->noptions; k++) {
            bool stp = strcmp(l->options[k].name, "stp") == 0;
            const char *value = l->options[k].value;
            kl_buf_addf(b, "%s=%s\n", l->options[k].name,
                !stp                        ? value
                : strcmp(value, "yes") == 0 ? "true"
                                            : "false");
        }
    } else if (l->kind == KL_VLAN) {
        kl_buf_addf(b, "\n[vlan]\nflags=1\nid=%u\nparent=%s\n", l->vlan, l->parent);
    }
    return ok;
}

static const char *method_of(const struct kl_ip *ip, int family)
{
    switch (ip->method) {
    case KL_STATIC:
        return kl_static_with_ra(ip) ? "auto" : "manual";
    case KL_DHCP:
        return family == 4 ? "auto" : "dhcp";
    case KL_AUTO:
        return "auto";
    case KL_OFF:
        break;
    }
    return "disabled"; /* since 1.20; `ignore` would leave the kernel's own SLAAC running */
}

static void addresses(struct kl_buf *b, const struct kl_ip *ip)
{
    char text[KL_PREFIX_TEXT];
    for (size_t k = 0; k < ip->naddresses; k++) {
        kl_buf_addf(b, "address%zu=%s", k + 1, kl_prefix_text(&ip->addresses[k], text));
        /* With the first address: what every version reads; gateway= is written since 1.52. */
        if (k == 0 && ip->gateway == KL_GATEWAY_EXPLICIT)
            kl_buf_addf(b, ",%s", kl_addr_text(&ip->nexthop, text));
        kl_buf_addc(b, '\n');
    }
}

static void servers(
    struct kl_buf *b, const struct kl_writer *w, const struct kl_link *l, int family)
{
    char text[KL_ADDR_TEXT];
    size_t n = 0;
    if (kl_dns_link(w->i, family) == l)
        for (size_t k = 0; k < w->i->ndns; k++)
            if (w->i->dns[k].family == family)
                kl_buf_addf(b, "%s%s;", n++ ? "" : "dns=", kl_addr_text(&w->i->dns[k], text));
    if (n)
        kl_buf_addc(b, '\n');
    if (kl_search_family(w->i, l) != family)
        return;
    for (size_t k = 0; k < w->i->nsearch; k++)
        kl_buf_addf(b, "%s%s;", k ? "" : "dns-search=", w->i->search[k]);
    kl_buf_addc(b, '\n');
}

static void routes(struct kl_buf *b, const struct kl_link *l, int family)
{
    char text[KL_PREFIX_TEXT];
    size_t n = 0;
    for (size_t k = 0; k < l->nroutes; k++) {
        const struct kl_route *r = &l->routes[k];
        if (r->to.addr.family != family)
            continue;
        kl_buf_addf(b, "route%zu=%s", ++n, kl_prefix_text(&r->to, text));
        if (r->via.family)
            kl_buf_addf(b, ",%s", kl_addr_text(&r->via, text));
        else if (r->metric)
            kl_buf_add(b, family == 4 ? ",0.0.0.0" : ",::");
        if (r->metric)
            kl_buf_addf(b, ",%u", r->metric);
        kl_buf_addc(b, '\n');
    }
}

static void family_section(
    struct kl_buf *b, const struct kl_writer *w, const struct kl_link *l, int family)
{
    const struct kl_ip *ip = family == 4 ? &l->ip4 : &l->ip6;
    kl_buf_addf(b, "\n[ipv%d]\n", family);
    if (family == 6 && ip->method != KL_OFF)
        kl_buf_add(b, "addr-gen-mode=eui64\n");
    addresses(b, ip);
    kl_buf_addf(b, "method=%s\n", method_of(ip, family));
    if ((ip->method == KL_DHCP || ip->method == KL_AUTO) && ip->gateway == KL_GATEWAY_NONE)
        kl_buf_add(b, "never-default=true\n");
    if (ip->method == KL_OFF)
        return;
    servers(b, w, l, family);
    routes(b, l, family);
}

bool kl_keyfile_render(struct kl_writer *w)
{
    bool ok = true;
    for (size_t k = 0; k < w->i->nlinks; k++) {
        const struct kl_link *l = &w->i->links[k];
        struct kl_buf b KL_BUF_SCOPE = {0};
        connection(&b, w, l);
        hardware(&b, l);
        ok &= kind_section(&b, w, l);
        if (!kl_link_controller(w->i, l->name)) {
            family_section(&b, w, l, 4);
            family_section(&b, w, l, 6);
        }
        kl_write_file(
            w, kl_sprintf(w->a, "%s%s.nmconnection", directory, l->name), kl_buf_text(&b), 0600);
    }
    return ok;
}

/* --- reading -----------------------------------------------------------------------------------*/

/* One `key=value` of a keyfile. */
struct entry {
    const char *section, *key, *value;
    struct kl_place at; /* of the value */
};

struct state {
    struct kl_reader *r;
    struct kl_profile *p;
    struct kl_mac own, wanted;
    struct kl_link bond, bridge; /* what their sections say: the type may come later */
    bool known_type, other_type;
    bool seen[4];               /* sections, by kind of link */
    const char *method[2], *id; /* [0]: IPv4, [1]: IPv6 */
    struct kl_addr gateway[2];
    bool never_default[2];
};

/* Keys that do not bear on an intent: how hard to try, what to do about DNS of others, ... */
static const char *const ignored[] = {"connection.timestamp", "connection.permissions",
    "connection.autoconnect-retries", "connection.multi-connect", "connection.wait-device-timeout",
    "connection.autoconnect-slaves", "connection.autoconnect-ports", "connection.lldp",
    "connection.zone", "ethernet.mac-address-blacklist", "ethernet.mac-address-denylist",
    "vlan.flags", "vlan.interface-name", "bond.interface-name", "bridge.interface-name",
    "bridge.multicast-snooping", "vlan.egress-priority-map", "vlan.ingress-priority-map",
    "vlan.protocol", "connection.metered", "connection.llmnr", "connection.mdns",
    "connection.dns-over-tls", "connection.stable-id", "connection.secondaries",
    "connection.gateway-ping-timeout", "connection.mptcp-flags", "connection.down-on-poweroff",
    "connection.read-only", "connection.auth-retries", "connection.mud-url", "connection.interface",
    "ethernet.auto-negotiate", "ethernet.speed", "ethernet.duplex", "ethernet.wake-on-lan",
    "ethernet.wake-on-lan-password", "ethernet.port", "ethernet.generate-mac-address-mask",
    "ethernet.accept-all-mac-addresses", "ethernet.s390-subchannels", "ethernet.s390-nettype",
    "ethernet.s390-options", "ip.may-fail", "ip.dns-priority", "ip.dns-options",
    "ip.ignore-auto-dns", "ip.ignore-auto-routes", "ip.dhcp-timeout", "ip.dhcp-client-id",
    "ip.dhcp-iaid", "ip.dhcp-duid", "ip.dhcp-hostname", "ip.dhcp-send-hostname",
    "ip.dhcp-vendor-class-identifier", "ip.required-timeout", "ip.ra-timeout", "ip.addr-gen-mode",
    "ip.ip6-privacy", "ip.token", "ip.route-metric", "ip.link-local", "ip.dad-timeout",
    "ip.route-table", "ip.routing-rules", "ip.replace-local-rule", "ip.mtu", "ip.dhcp-fqdn",
    "ip.dhcp-hostname-flags", "ip.dhcp-reject-servers", "ip.auto-route-ext-gw", "ip.dhcp-dscp",
    "ip.dhcp-ipv6-only-preferred", "ip.dhcp-send-release", "ip.dhcp-pd-hint",
    "ip.temp-preferred-lifetime", "ip.temp-valid-lifetime", "ip.forwarding", "ip.routed-dns", NULL};
static const char *const ignored_sections[] = {"", "proxy", "hostname", "link", "sriov", "tc",
    "user", "bridge-port", "bond-port", "ethtool", "match", "802-1x", "dcb", NULL};

static bool listed(const char *const *list, const char *word)
{
    for (; *list; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

static void unknown(struct state *s, const struct entry *e, const char *why)
{
    kl_system_note(s->r, e->at, "[%s] %s=%s: %s", e->section, e->key, e->value, why);
}

static void say(struct state *s, const struct entry *e, const char *field)
{
    kl_profile_say(s->r, s->p, field, e->at);
}

static bool is_true(const char *s)
{
    return strcmp(s, "true") == 0 || strcmp(s, "1") == 0 || strcmp(s, "yes") == 0;
}

/* "a;b;" (or with commas, as in [bond] values and some writers' DNS lists): calls `each` for every
 * part. */
static void each_part(struct state *s, const struct entry *e,
    bool (*each)(struct state *s, const struct entry *e, const char *part))
{
    const char *p = e->value;
    while (*p) {
        size_t n = strcspn(p, ";,");
        if (n && !each(s, e, kl_strndup(s->r->a, p, n)))
            unknown(s, e, "not one of its values");
        p += n + (p[n] != '\0');
    }
}

static bool one_dns(struct state *s, const struct entry *e, const char *part)
{
    if (!s->p->ndns)
        say(s, e, "dns");
    return kl_add_dns(s->r->a, &s->p->dns, &s->p->ndns, part);
}

static bool one_search(struct state *s, const struct entry *e, const char *part)
{
    if (!s->p->nsearch)
        say(s, e, "search");
    kl_add_word(s->r->a, &s->p->search, &s->p->nsearch, part);
    return true;
}

/* addressN=addr/plen[,gateway]; older ones are addressesN=addr;plen;gateway; (nm-keyfile.c,
 * read_ip_address and its ip_address_or_route_parser). */
static bool address(struct state *s, const struct entry *e, int family)
{
    struct kl_ip *ip = family == 4 ? &s->p->link.ip4 : &s->p->link.ip6;
    char *copy = kl_strdup(s->r->a, e->value), *rest = copy;
    size_t n = strcspn(copy, "/;,");
    bool has_length = copy[n] == '/' || copy[n] == ';';
    const char *head = strsep(&rest, "/;,"), *via = NULL;
    if (has_length)
        head = kl_sprintf(s->r->a, "%s/%s", head, strsep(&rest, ";,"));
    if (rest)
        via = strsep(&rest, ";,");
    if (!ip->naddresses)
        say(s, e, family == 4 ? "addresses4" : "addresses6");
    if (!kl_add_address(s->r->a, ip, head, family, family == 4 ? 24 : 64))
        return false;
    if (!via || !*via)
        return true;
    struct kl_addr next;
    if (!kl_addr_parse(via, &next) || next.family != family)
        return false;
    static const struct kl_addr none;
    if (memcmp(next.bytes, none.bytes, sizeof next.bytes) != 0) {
        s->gateway[family == 6] = next;
        say(s, e, family == 4 ? "gateway4" : "gateway6");
    }
    return true;
}

/* routeN=dest/plen[,gateway[,metric]]; older ones are routesN=dest;plen;gateway;metric; */
static bool route(struct state *s, const struct entry *e, int family)
{
    char *copy = kl_strdup(s->r->a, e->value), *rest = copy;
    bool old = copy[strcspn(copy, "/;,")] == ';';
    const char *to = strsep(&rest, ",;");
    if (old && rest)
        to = kl_sprintf(s->r->a, "%s/%s", to, strsep(&rest, ",;"));
    const char *via = strsep(&rest, ",;"), *metric = strsep(&rest, ",;");
    struct kl_route r = {0};
    unsigned long n = 0;
    if (!kl_prefix_parse(to, &r.to) || r.to.addr.family != family)
        return false;
    if (via && *via && (!kl_addr_parse(via, &r.via) || r.via.family != family))
        return false;
    if (metric && *metric && !kl_number(metric, UINT32_MAX, &n))
        return false;
    static const struct kl_addr none;
    if (memcmp(r.via.bytes, none.bytes, sizeof r.via.bytes) == 0)
        r.via = none;
    r.metric = (uint32_t)n;
    struct kl_link *l = &s->p->link;
    if (!l->nroutes)
        say(s, e, "routes");
    l->routes = kl_grow(s->r->a, l->routes, l->nroutes, sizeof *l->routes);
    l->routes[l->nroutes++] = r;
    return true;
}

static bool numbered(const char *key, const char *word)
{
    unsigned long n;
    if (!kl_starts(key, word))
        return false;
    key += strlen(word);
    return !*key || kl_number(key, 1000000, &n);
}

/* routeN_options=: how a route is used, not where it goes. */
static bool route_option(const char *key)
{
    return kl_starts(key, "route") && kl_ends(key, "_options");
}

static bool own_gateway(struct state *s, const struct entry *e, int family)
{
    struct kl_addr via;
    if (!kl_addr_parse(e->value, &via) || via.family != family)
        return false;
    s->gateway[family == 6] = via;
    say(s, e, family == 4 ? "gateway4" : "gateway6");
    return true;
}

static void ip_entry(struct state *s, const struct entry *e, int family)
{
    int six = family == 6;
    bool ok = true;
    if (strcmp(e->key, "method") == 0) {
        s->method[six] = e->value;
        say(s, e, six ? "ipv6" : "ipv4");
    } else if (numbered(e->key, "address") || numbered(e->key, "addresses"))
        ok = address(s, e, family);
    else if (numbered(e->key, "route") || numbered(e->key, "routes"))
        ok = route(s, e, family);
    else if (route_option(e->key))
        return;
    else if (strcmp(e->key, "gateway") == 0)
        ok = own_gateway(s, e, family);
    else if (strcmp(e->key, "dns") == 0)
        each_part(s, e, one_dns);
    else if (strcmp(e->key, "dns-search") == 0)
        each_part(s, e, one_search);
    else if (strcmp(e->key, "never-default") == 0)
        s->never_default[six] = is_true(e->value);
    else if (!listed(ignored, kl_sprintf(s->r->a, "ip.%s", e->key)))
        unknown(s, e, "this key is not understood");
    if (!ok)
        unknown(s, e, "not an address of this family, or not a route");
}

static void set_type(struct state *s, const struct entry *e)
{
    static const struct {
        const char *word;
        enum kl_link_kind kind;
    } types[] = {{"ethernet", KL_ETHERNET}, {"802-3-ethernet", KL_ETHERNET}, {"bond", KL_BOND},
        {"vlan", KL_VLAN}, {"bridge", KL_BRIDGE}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].word, e->value) == 0) {
            s->p->link.kind = types[i].kind;
            s->known_type = true;
            say(s, e, "kind");
            return;
        }
    s->other_type = true;
    if (strcmp(e->value, "loopback") != 0)
        unknown(s, e, "a link of this type is not read");
}

static void name_link(struct state *s, const struct entry *e)
{
    if (!*e->value)
        return;
    s->p->link.name = e->value;
    s->p->link.at = e->at;
}

static void set_controller(struct state *s, const struct entry *e)
{
    if (!*e->value)
        return;
    s->p->controller = e->value;
    say(s, e, "ports");
}

static void set_priority(struct state *s, const struct entry *e)
{
    unsigned long n;
    bool minus = *e->value == '-';
    if (kl_number(e->value + minus, 999, &n))
        s->p->priority = minus ? -(int)n : (int)n;
}

static void connection_entry(struct state *s, const struct entry *e)
{
    if (strcmp(e->key, "type") == 0)
        set_type(s, e);
    else if (strcmp(e->key, "id") == 0)
        s->id = e->value;
    else if (strcmp(e->key, "interface-name") == 0)
        name_link(s, e);
    else if (strcmp(e->key, "uuid") == 0)
        s->p->uuid = e->value;
    else if (strcmp(e->key, "autoconnect") == 0)
        s->p->at_boot = is_true(e->value);
    else if (strcmp(e->key, "master") == 0 || strcmp(e->key, "controller") == 0)
        set_controller(s, e);
    else if (strcmp(e->key, "autoconnect-priority") == 0)
        set_priority(s, e);
    else if (strcmp(e->key, "slave-type") != 0 && strcmp(e->key, "port-type") != 0 &&
             !listed(ignored, kl_sprintf(s->r->a, "connection.%s", e->key)))
        unknown(s, e, "this key is not understood");
}

/* A NIC's own address, or the one that a bond, a bridge or a VLAN shall have. */
static void set_mac(struct state *s, const struct entry *e, struct kl_mac *mac)
{
    static const char *const words[] = {
        "preserve", "permanent", "random", "stable", "stable-ssid", "", NULL};
    if (listed(words, e->value))
        return;
    if (!kl_mac_parse(e->value, mac))
        unknown(s, e, "not a MAC address");
}

static void set_vlan(struct state *s, const struct entry *e)
{
    unsigned long n;
    if (strcmp(e->key, "parent") == 0) {
        s->p->parent = e->value;
        say(s, e, "parent");
    } else if (kl_number(e->value, 4095, &n)) {
        s->p->link.vlan = (uint16_t)n;
        say(s, e, "vlan");
    } else {
        unknown(s, e, "not a VLAN's number");
    }
}

static void set_option(struct state *s, const struct entry *e)
{
    bool bond = strcmp(e->section, "bond") == 0;
    say(s, e,
        bond && strcmp(e->key, "mode") == 0 ? "mode" : kl_sprintf(s->r->a, "option %s", e->key));
    if (!bond)
        kl_add_bridge_option(s->r->a, &s->bridge, e->key, e->value);
    else if (!kl_add_bond_option(s->r->a, &s->bond, e->key, e->value))
        unknown(s, e, "not a value of this option");
}

static void set_mtu(struct state *s, const struct entry *e)
{
    unsigned long n;
    if (!kl_number(e->value, UINT16_MAX, &n)) {
        unknown(s, e, "not an MTU");
        return;
    }
    s->p->link.mtu = (uint32_t)n;
    say(s, e, "mtu");
}

static void link_entry(struct state *s, const struct entry *e)
{
    const char *path = kl_sprintf(s->r->a, "%s.%s", e->section, e->key);
    if (strcmp(path, "ethernet.mtu") == 0)
        set_mtu(s, e);
    else if (strcmp(path, "ethernet.cloned-mac-address") == 0 ||
             strcmp(path, "bridge.mac-address") == 0)
        set_mac(s, e, &s->wanted);
    else if (strcmp(path, "ethernet.mac-address") == 0)
        set_mac(s, e, &s->own);
    else if (strcmp(path, "vlan.id") == 0 || strcmp(path, "vlan.parent") == 0)
        set_vlan(s, e);
    else if (listed(ignored, path))
        return;
    else if (strcmp(e->section, "bond") == 0 || strcmp(e->section, "bridge") == 0)
        set_option(s, e);
    else
        unknown(s, e, "this key is not understood");
}

static void see_section(struct state *s, const char *name)
{
    static const char *const sections[] = {
        [KL_ETHERNET] = "ethernet", [KL_BOND] = "bond", [KL_VLAN] = "vlan", [KL_BRIDGE] = "bridge"};
    for (size_t k = 0; k < 4; k++)
        s->seen[k] |= strcmp(sections[k], name) == 0;
}

static void take(struct state *s, const struct entry *e)
{
    if (strcmp(e->section, "connection") == 0)
        connection_entry(s, e);
    else if (strcmp(e->section, "ipv4") == 0)
        ip_entry(s, e, 4);
    else if (strcmp(e->section, "ipv6") == 0)
        ip_entry(s, e, 6);
    else if (strcmp(e->section, "ethernet") == 0 || strcmp(e->section, "bond") == 0 ||
             strcmp(e->section, "vlan") == 0 || strcmp(e->section, "bridge") == 0)
        link_entry(s, e);
    else if (!listed(ignored_sections, e->section))
        unknown(s, e, "this section is not understood");
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* key=value between `start` and `end`. */
static void read_pair(struct state *s, struct entry *e, const struct kl_line *l, const char *start,
    const char *equals, const char *end)
{
    const char *key_end = equals, *value = equals + 1;
    while (key_end > start && is_blank(key_end[-1]))
        key_end--;
    while (value < end && is_blank(*value))
        value++;
    e->key = kl_strndup(s->r->a, start, (size_t)(key_end - start));
    e->value = kl_strndup(s->r->a, value, (size_t)(end - value));
    e->at = kl_line_place(l, value, (size_t)(end - value));
    take(s, e);
}

/* GLib's key files: "[section]", "key=value", blanks around both dropped, "#" comments. */
static void read_entries(struct state *s, const struct kl_text *text)
{
    struct entry e = {.section = ""};
    struct kl_lines lines = {.part = text};
    struct kl_line l;
    while (kl_next_line(&lines, &l)) {
        const char *start = l.text, *end = l.text + l.len;
        while (end > start && is_blank(end[-1]))
            end--;
        while (start < end && is_blank(*start))
            start++;
        const char *equals = start < end ? memchr(start, '=', (size_t)(end - start)) : NULL;
        if (start == end || *start == '#' || *start == ';')
            continue;
        if (*start == '[' && end[-1] == ']') {
            e.section = kl_strndup(s->r->a, start + 1, (size_t)(end - start) - 2);
            if (strcmp(e.section, "802-3-ethernet") == 0)
                e.section = "ethernet";
            see_section(s, e.section);
        } else if (equals) {
            read_pair(s, &e, &l, start, equals, end);
        } else {
            kl_system_note(s->r, kl_line_place(&l, start, (size_t)(end - start)),
                "neither a section nor key=value");
        }
    }
}

static enum kl_method method(struct state *s, int family, const struct kl_ip *ip)
{
    const char *m = s->method[family == 6];
    if (!m || strcmp(m, "disabled") == 0 || strcmp(m, "ignore") == 0)
        return KL_OFF;
    if (strcmp(m, "manual") == 0)
        return KL_STATIC;
    if (strcmp(m, "dhcp") == 0 && family == 6)
        return KL_DHCP;
    if (strcmp(m, "auto") == 0 && family == 4)
        return KL_DHCP;
    if (strcmp(m, "auto") == 0)
        return ip->naddresses && !s->gateway[1].family && !s->never_default[1] ? KL_STATIC
                                                                               : KL_AUTO;
    kl_system_note(s->r, s->r->at, "the IPv%d method '%s' is taken for none", family, m);
    return KL_OFF;
}

static void finish_ip(struct state *s, int family)
{
    struct kl_ip *ip = family == 4 ? &s->p->link.ip4 : &s->p->link.ip6;
    int six = family == 6;
    const char *m = s->method[six];
    ip->method = method(s, family, ip);
    if (ip->method == KL_OFF) {
        *ip = (struct kl_ip){0};
    } else if (s->gateway[six].family) {
        ip->gateway = KL_GATEWAY_EXPLICIT;
        ip->nexthop = s->gateway[six];
    } else if (strcmp(m, "manual") != 0 && !s->never_default[six]) {
        ip->gateway = KL_GATEWAY_LEARNT;
    }
}

/* A profile without a type has the one of its sections (nm-connection.c, normalisation). */
static void find_type(struct state *s)
{
    static const enum kl_link_kind order[] = {KL_BOND, KL_BRIDGE, KL_VLAN, KL_ETHERNET};
    for (size_t k = 0; k < 4 && !s->known_type && !s->other_type; k++)
        if (s->seen[order[k]]) {
            s->p->link.kind = order[k];
            s->known_type = true;
        }
}

static void take_mac(struct state *s)
{
    s->p->link.mac = s->p->link.kind == KL_ETHERNET ? s->own : s->wanted;
}

bool kl_keyfile_read(struct kl_reader *r, const struct kl_text *text, struct kl_profile *out)
{
    *out = (struct kl_profile){.at_boot = true, .link.at = r->at};
    struct state s = {.r = r, .p = out};
    read_entries(&s, text);
    find_type(&s);
    if (!out->link.name && out->link.kind != KL_VLAN)
        out->link.name = s.id;
    if (!s.known_type || (!out->link.name && !out->parent))
        return false;
    const struct kl_link *of = out->link.kind == KL_BOND     ? &s.bond
                               : out->link.kind == KL_BRIDGE ? &s.bridge
                                                             : NULL;
    if (of) {
        out->link.mode = of->mode;
        out->link.options = of->options;
        out->link.noptions = of->noptions;
    }
    take_mac(&s);
    finish_ip(&s, 4);
    finish_ip(&s, 6);
    return true;
}
