/* ifcfg files, read as NetworkManager's ifcfg-rh plugin and initscripts do (docs/boot-stages.md
 * §4.1). Where the two differ, NetworkManager counts, and the difference is said. */
#include "stage/system.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- variables ------------------------------------------------------------------------*/

struct variable {
    const char *name, *value;
    struct kl_place at; /* of the value, without its quotes */
    bool verbatim;      /* the value stands there byte for byte */
    bool quoted;
    bool used;
};

struct state {
    struct kl_reader *r;
    struct variable *v;
    size_t n;
    struct kl_profile *p;
};

/* What does not bear on an intent. */
static const char *const ignored[] = {"NAME", "TYPE", "DEVICE", "UUID", "ONBOOT", "BONDING_MASTER",
    "VLAN", "REORDER_HDR", "GVRP", "MVRP", "SLAVE", "PEERDNS", "PEERROUTES", "DEFROUTE", "HWADDR",
    "MACADDR", "NETWORK", "BROADCAST", "USERCTL", "NM_CONTROLLED", "HOTPLUG", "PROXY_METHOD",
    "BROWSER_ONLY", "IPV4_FAILURE_FATAL", "IPV6_FAILURE_FATAL", "IPV6_PEERDNS", "IPV6_PEERROUTES",
    "IPV6_DEFROUTE", "IPV6_PRIVACY", "IPV6_ADDR_GEN_MODE", "IPV6_FORCE_ACCEPT_RA",
    "IPV6_SET_SYSCTLS", "IPV6FORWARDING", "ARPCHECK", "ARPING_WAIT", "ACD_TIMEOUT",
    "AUTOCONNECT_PRIORITY", "AUTOCONNECT_RETRIES", "AUTOCONNECT_SLAVES", "CONNECTION_METERED",
    "LLDP", "ZONE", "DEVTIMEOUT", "LINKDELAY", "NOZEROCONF", "NETBOOT", "ETHTOOL_OPTS",
    "ETHTOOL_WAKE_ON_LAN", "DHCP_HOSTNAME", "DHCP_FQDN", "DHCP_SEND_HOSTNAME", "DHCP_CLIENT_ID",
    "DHCPV6_HOSTNAME", "DHCPV6_SEND_HOSTNAME", "DHCPV6_DUID", "DHCPV6_IAID", "DHCPV6C_OPTIONS",
    "DHCPRELEASE", "DHCLIENTARGS", "PERSISTENT_DHCLIENT", "PEERNTP", "SEARCH", "RES_OPTIONS",
    "IPV6_RES_OPTIONS", "IPV4_DNS_PRIORITY", "IPV6_DNS_PRIORITY", "METRIC", "IPV4_ROUTE_METRIC",
    "IPV6_ROUTE_METRIC", "IPV4_DHCP_TIMEOUT", "IPV6_DHCP_TIMEOUT", "IPV6_RA_TIMEOUT",
    "IPV4_REQUIRED_TIMEOUT", "IPV6_TOKEN", "IPV6_AUTOTUNNEL", "IPV6_ROUTER", "IPV6TO4INIT",
    "IPV6_MTU", "SRCADDR", "SCOPE", "SECONDARY_UUIDS", "MULTI_CONNECT", "WAIT_DEVICE_TIMEOUT",
    "ONPARENT", "STP", "BRIDGING_OPTS", "BRIDGE_MACADDR", "NETTYPE", "SUBCHANNELS", "PORTNAME",
    "OPTIONS", "GATEWAYDEV", "MII_NOT_SUPPORTED", "VLAN_FLAGS", "PHYSDEV", NULL};

struct value {
    const char *text;
    size_t used;   /* bytes of the line that it takes */
    bool verbatim; /* between at most one pair of quotes, without escapes */
    bool open;     /* a quote is not closed */
};

/* A value as NetworkManager and the shell read it: bare, 'single' or "double" quoted, `\` escapes;
 * a "#" after a blank begins a comment. */
static struct value unquote(struct kl_arena *a, const char *s, size_t len)
{
    char *out = kl_alloc(a, len + 1);
    size_t n = 0, i = 0, quotes = 0;
    char quote = 0;
    bool escaped = false;
    for (; i < len; i++) {
        char c = s[i];
        if (!quote && (c == ' ' || c == '\t'))
            break;
        if (!quote && (c == '"' || c == '\'')) {
            quote = c;
            quotes++;
        } else if (quote && c == quote) {
            quote = 0;
        } else if (c == '\\' && quote != '\'' && i + 1 < len) {
            out[n++] = s[++i];
            escaped = true;
        } else {
            out[n++] = c;
        }
    }
    out[n] = '\0';
    bool one_pair = quotes == 1 && (s[0] == '"' || s[0] == '\'') && i == n + 2;
    return (struct value){out, i, !escaped && !quote && (!quotes || one_pair), quote != 0};
}

static bool is_name(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool letter = (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z') || s[i] == '_';
        if (!letter && !(i && s[i] >= '0' && s[i] <= '9'))
            return false;
    }
    return n > 0;
}

static void add_variable(
    struct state *s, const struct kl_line *l, const char *name, const char *equals)
{
    const char *raw = equals + 1, *end = l->text + l->len;
    struct value v = unquote(s->r->a, raw, (size_t)(end - raw));
    size_t quote = v.verbatim && v.used && (*raw == '"' || *raw == '\'');
    const char *rest = raw + v.used;
    rest += strspn(rest, " \t");
    s->v = kl_grow(s->r->a, s->v, s->n, sizeof *s->v);
    s->v[s->n++] = (struct variable){.name = kl_strndup(s->r->a, name, (size_t)(equals - name)),
        .value = v.text,
        .at = kl_line_place(l, raw + quote, v.used - 2 * quote),
        .verbatim = v.verbatim && !l->whole,
        .quoted = quote};
    if (v.open)
        kl_system_note(s->r, kl_line_place(l, raw, v.used), "a quote is not closed");
    else if (rest < end && *rest != '#' && *rest != ';')
        kl_system_note(s->r, kl_line_place(l, rest, (size_t)(end - rest)),
            "words after a value are not part of it; put quotes around all of it");
}

static void read_variables(struct state *s, const struct kl_text *text)
{
    struct kl_lines lines = {.part = text};
    struct kl_line l;
    while (kl_next_line(&lines, &l)) {
        const char *end = l.text + l.len, *start = l.text;
        while (start < end && (*start == ' ' || *start == '\t'))
            start++;
        if (end - start > 7 && strncmp(start, "export ", 7) == 0)
            for (start += 7; *start == ' ' || *start == '\t';)
                start++;
        const char *equals = start < end ? memchr(start, '=', (size_t)(end - start)) : NULL;
        if (equals && is_name(start, (size_t)(equals - start)))
            add_variable(s, &l, start, equals);
        else if (start < end && *start != '#')
            kl_system_note(s->r, kl_line_place(&l, start, (size_t)(end - start)),
                "not an assignment; only NAME=value is read");
    }
}

/* The last one counts, as in the shell; an empty value is none. */
static struct variable *find(struct state *s, const char *name)
{
    struct variable *found = NULL;
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].name, name) == 0) {
            s->v[i].used = true;
            found = &s->v[i];
        }
    return found && *found->value ? found : NULL;
}

static const char *get(struct state *s, const char *name)
{
    struct variable *v = find(s, name);
    return v ? v->value : NULL;
}

/* A value that is a fact. */
static const char *get_fact(struct state *s, const char *name, const char *field)
{
    struct variable *v = find(s, name);
    if (v)
        kl_profile_say(s->r, s->p, field, v->at);
    return v ? v->value : NULL;
}

static bool one_of(const char *v, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(v, *list) == 0)
            return true;
    return false;
}

/* 1 yes, 0 no, -1 not said: as svGetValueBoolean reads them. */
static int truth(struct state *s, const char *name)
{
    static const char *const yes[] = {"yes", "true", "t", "y", "1", NULL};
    static const char *const no[] = {"no", "false", "f", "n", "0", NULL};
    const char *v = get(s, name);
    return !v ? -1 : one_of(v, yes) ? 1 : one_of(v, no) ? 0 : -1;
}

static void bad(struct state *s, const struct variable *v, const char *why)
{
    kl_system_note(s->r, v->at, "%s=%s: %s", v->name, v->value, why);
}

/* A number in `name`, at most `max`; 0 when it is not there. */
static uint32_t number(struct state *s, const char *name, unsigned long max)
{
    struct variable *v = find(s, name);
    unsigned long n = 0;
    if (v && !kl_number(v->value, max, &n))
        bad(s, v, "not a number that fits");
    return (uint32_t)n;
}

/* A part of a variable's value. */
static struct kl_place part_place(const struct variable *v, size_t from, size_t len)
{
    struct kl_place at = v->at;
    if (!v->verbatim)
        return at;
    at.col += (unsigned)from;
    at.width = (unsigned)len;
    return at;
}

typedef bool each_word(
    struct state *s, const struct variable *v, const char *word, struct kl_place at);

/* Calls `each` for every word between blanks. */
static void words(struct state *s, const char *name, each_word *each)
{
    struct variable *v = find(s, name);
    if (!v)
        return;
    for (const char *p = v->value; *p;) {
        p += strspn(p, " \t");
        size_t n = strcspn(p, " \t");
        struct kl_place at = part_place(v, (size_t)(p - v->value), n);
        const char *word = kl_strndup(s->r->a, p, n);
        if (n && !each(s, v, word, at))
            kl_system_note(s->r, at, "%s: '%s' is no value for it", v->name, word);
        p += n;
    }
}

/* --- a bond's and a bridge's options --------------------------------------------------*/

/* "mode=4,miimon=100": commas belong to kickstarts. Both readers take all of it for the value. */
static bool wrong_separator(
    struct state *s, const struct variable *v, const char *word, struct kl_place at)
{
    const char *value = strchr(word, '=') + 1, *cut = strpbrk(value, ",;");
    if (!cut || !strchr(cut, '='))
        return false;
    char *mended = kl_strdup(s->r->a, word);
    for (char *c = mended; *c; c++)
        if (*c == ';' || *c == ',') {
            size_t name = strcspn(c + 1, ",;=");
            if (c[1 + name] == '=')
                *c = ' ';
        }
    struct kl_diag *one = kl_diag(s->r->d, KL_WARNING, "separator-wrong", at,
        kl_diag_text(s->r->d, "write BONDING_OPTS=\"%s\"", mended),
        "blanks part the options of BONDING_OPTS, not '%c'", *cut);
    kl_diag_effect(s->r->d, one, "system: '%s' is taken for one option, and refused", word);
    if (v->verbatim)
        kl_diag_edit(s->r->d, one, at, v->quoted ? mended : kl_sprintf(s->r->a, "\"%s\"", mended));
    return true;
}

static bool one_option(
    struct state *s, const struct variable *v, const char *word, struct kl_place at)
{
    const char *equals = strchr(word, '=');
    if (!equals)
        return false;
    const char *name = kl_strndup(s->r->a, word, (size_t)(equals - word));
    size_t n = strlen(name);
    bool mode = strcmp(name, "mode") == 0;
    kl_profile_say(s->r, s->p, mode ? "mode" : kl_sprintf(s->r->a, "option %s", name), at);
    if (wrong_separator(s, v, word, at))
        return true;
    if (strncmp(equals + 1, name, n) == 0 && equals[1 + n] == '=') {
        struct kl_diag *one = kl_diag(s->r->d, KL_WARNING, "value-repeated", at,
            kl_diag_text(s->r->d, "write %s", equals + 1), "'%s=' stands there twice", name);
        if (v->verbatim)
            kl_diag_edit(s->r->d, one, at, equals + 1);
        return true;
    }
    return kl_add_bond_option(s->r->a, &s->p->link, name, equals + 1);
}

static bool one_bridge_option(
    struct state *s, const struct variable *v, const char *word, struct kl_place at)
{
    (void)v;
    const char *equals = strchr(word, '=');
    if (!equals)
        return false;
    char *name = kl_strndup(s->r->a, word, (size_t)(equals - word));
    for (char *c = name; *c; c++)
        if (*c == '_')
            *c = '-';
    kl_profile_say(s->r, s->p, kl_sprintf(s->r->a, "option %s", name), at);
    kl_add_bridge_option(s->r->a, &s->p->link, name, equals + 1);
    return true;
}

static void bridge_options(struct state *s)
{
    struct kl_link *l = &s->p->link;
    const char *delay = get_fact(s, "DELAY", "option forward-delay");
    if (get_fact(s, "STP", "option stp"))
        kl_add_bridge_option(s->r->a, l, "stp", truth(s, "STP") == 1 ? "yes" : "no");
    if (delay)
        kl_add_bridge_option(s->r->a, l, "forward-delay", delay);
    words(s, "BRIDGING_OPTS", one_bridge_option);
}

/* --- addresses ------------------------------------------------------------------------*/

static bool one_search(
    struct state *s, const struct variable *v, const char *word, struct kl_place at)
{
    (void)v;
    if (!s->p->nsearch)
        kl_profile_say(s->r, s->p, "search", at);
    kl_add_word(s->r->a, &s->p->search, &s->p->nsearch, word);
    return true;
}

static bool one_secondary(
    struct state *s, const struct variable *v, const char *word, struct kl_place at)
{
    (void)v;
    struct kl_ip *ip = &s->p->link.ip6;
    if (!ip->naddresses)
        kl_profile_say(s->r, s->p, "addresses6", at);
    return kl_add_address(s->r->a, ip, word, 6, 64);
}

/* IPADDR with PREFIX or NETMASK; the class decides where neither is there (NetworkManager). */
static bool address4(struct state *s, const char *number_text)
{
    struct kl_arena *a = s->r->a;
    struct variable *v = find(s, kl_sprintf(a, "IPADDR%s", number_text));
    struct variable *mask = find(s, kl_sprintf(a, "NETMASK%s", number_text));
    unsigned long len = number(s, kl_sprintf(a, "PREFIX%s", number_text), 32);
    uint8_t bits = (uint8_t)len;
    struct kl_addr addr;
    if (!v)
        return false;
    if (!kl_addr_parse(v->value, &addr) || addr.family != 4) {
        bad(s, v, "not an IPv4 address");
        return true;
    }
    if (!bits && mask && !kl_netmask_parse(mask->value, &bits))
        bad(s, mask, "not a netmask");
    if (!bits)
        bits = addr.bytes[0] < 128 ? 8 : addr.bytes[0] < 192 ? 16 : 24;
    if (!s->p->link.ip4.naddresses)
        kl_profile_say(s->r, s->p, "addresses4", v->at);
    kl_add_address(a, &s->p->link.ip4, v->value, 4, bits);
    return true;
}

static void gateway(struct state *s, const char *name, struct kl_ip *ip, uint8_t family)
{
    struct variable *v = find(s, name);
    if (!v || ip->gateway)
        return;
    const char *text = kl_strndup(s->r->a, v->value, strcspn(v->value, "%"));
    if (!kl_addr_parse(text, &ip->nexthop) || ip->nexthop.family != family) {
        ip->nexthop = (struct kl_addr){0};
        bad(s, v, "not an address of this family");
        return;
    }
    ip->gateway = KL_GATEWAY_EXPLICIT;
    kl_profile_say(s->r, s->p, family == 4 ? "gateway4" : "gateway6", v->at);
}

/* NetworkManager 1.0 takes BOOTPROTO=static for its method "manual", which needs an address: it
 * refuses the whole file (quirk 4). */
static void check_static(struct state *s, const struct variable *proto)
{
    if (s->p->link.ip4.naddresses || s->p->controller || strcasecmp(proto->value, "static") != 0 ||
        !s->r->release || kl_release_since(s->r->release, 7, 3))
        return;
    struct kl_diag *one = kl_diag(s->r->d, KL_WARNING, "quirk", proto->at, "write BOOTPROTO=none",
        "quirk 4: NetworkManager before 7.3 refuses a file with BOOTPROTO=static and no IPADDR");
    if (proto->verbatim)
        kl_diag_edit(s->r->d, one, proto->at, "none");
}

static void read_ip4(struct state *s)
{
    struct kl_ip *ip = &s->p->link.ip4;
    struct variable *proto = find(s, "BOOTPROTO");
    bool dhcp =
        proto && (strcasecmp(proto->value, "dhcp") == 0 || strcasecmp(proto->value, "bootp") == 0);
    if (proto)
        kl_profile_say(s->r, s->p, "ipv4", proto->at);
    address4(s, "");
    address4(s, "0");
    for (int k = 1; k < 256; k++)
        if (!address4(s, kl_sprintf(s->r->a, "%d", k)) && k > 1)
            break;
    ip->method = dhcp ? KL_DHCP : ip->naddresses ? KL_STATIC : KL_OFF;
    gateway(s, "GATEWAY", ip, 4);
    for (int k = 0; k < 4; k++) /* NetworkManager 0.9 and 1.0 write GATEWAY0 */
        gateway(s, kl_sprintf(s->r->a, "GATEWAY%d", k), ip, 4);
    if (proto)
        check_static(s, proto);
    if (ip->method == KL_OFF)
        *ip = (struct kl_ip){0};
    else if (dhcp && !ip->gateway && truth(s, "DEFROUTE") != 0)
        ip->gateway = KL_GATEWAY_LEARNT;
}

/* NetworkManager's rule (docs/boot-stages.md §4.1): IPV6_DISABLED, IPV6INIT=no, IPV6_AUTOCONF=yes,
 * DHCPV6C, link-local, manual, in this order. */
static void read_ip6(struct state *s)
{
    struct kl_ip *ip = &s->p->link.ip6;
    int autoconf = truth(s, "IPV6_AUTOCONF"), init = truth(s, "IPV6INIT");
    static const char *const says[] = {
        "DHCPV6C", "IPV6_AUTOCONF", "IPV6INIT", "IPV6_DISABLED", NULL};
    for (const char *const *name = says; *name; name++)
        get_fact(s, *name, "ipv6");
    if (autoconf < 0)
        autoconf = truth(s, "IPV6FORWARDING") != 1;
    words(s, "IPV6ADDR", one_secondary);
    words(s, "IPV6ADDR_SECONDARIES", one_secondary);
    gateway(s, "IPV6_DEFAULTGW", ip, 6);
    bool dhcp = truth(s, "DHCPV6C") == 1, defroute = truth(s, "IPV6_DEFROUTE") != 0;
    if (init < 0 && s->r->release && s->r->release->el == 6)
        init = 0; /* its initscripts want to be asked (sysconfig.txt) */
    if (truth(s, "IPV6_DISABLED") == 1 || init == 0)
        ip->method = KL_OFF;
    else if (autoconf)
        ip->method = ip->naddresses && !ip->gateway && defroute ? KL_STATIC : KL_AUTO;
    else if (dhcp)
        ip->method = KL_DHCP;
    else
        ip->method = ip->naddresses ? KL_STATIC : KL_OFF;
    if (ip->method == KL_OFF)
        *ip = (struct kl_ip){0};
    else if ((autoconf || dhcp) && !ip->gateway && defroute)
        ip->gateway = KL_GATEWAY_LEARNT;
}

static void read_servers(struct state *s)
{
    for (int k = 1; k < 64; k++) {
        struct variable *v = find(s, kl_sprintf(s->r->a, "DNS%d", k));
        if (!v)
            break;
        if (k == 1)
            kl_profile_say(s->r, s->p, "dns", v->at);
        if (!kl_add_dns(s->r->a, &s->p->dns, &s->p->ndns, v->value))
            bad(s, v, "not an address");
    }
    words(s, "DOMAIN", one_search);
    words(s, "IPV6_DOMAIN", one_search);
}

/* --- what kind of link it is ----------------------------------------------------------*/

/* TYPE is often missing: what else stands there tells. */
static enum kl_link_kind kind(struct state *s)
{
    const char *type = get_fact(s, "TYPE", "kind");
    if (find(s, "BONDING_OPTS") || truth(s, "BONDING_MASTER") == 1 ||
        (type && strcasecmp(type, "bond") == 0))
        return KL_BOND;
    if (find(s, "VLAN_ID") || find(s, "PHYSDEV") || truth(s, "VLAN") == 1 ||
        (type && strcasecmp(type, "vlan") == 0))
        return KL_VLAN;
    return type && strcasecmp(type, "bridge") == 0 ? KL_BRIDGE : KL_ETHERNET;
}

/* initscripts takes the number from the end of the name, and the parent from its beginning. */
static void read_vlan(struct state *s)
{
    struct kl_link *l = &s->p->link;
    const char *name = l->name, *digits = name + strlen(name);
    while (digits > name && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    unsigned long n;
    l->vlan = (uint16_t)number(s, "VLAN_ID", 4095);
    get_fact(s, "VLAN_ID", "vlan");
    if (!l->vlan && kl_number(digits, 4095, &n))
        l->vlan = (uint16_t)n;
    s->p->parent = get_fact(s, "PHYSDEV", "parent");
    if (!s->p->parent && digits > name && digits[-1] == '.')
        s->p->parent = kl_strndup(s->r->a, name, (size_t)(digits - name) - 1);
}

/* HWADDR is the NIC's own; MACADDR the one that it shall have. */
static void read_mac(struct state *s)
{
    struct kl_link *l = &s->p->link;
    static const char *const not_one[] = {
        "preserve", "permanent", "random", "stable", "stable-ssid", NULL};
    struct variable *mac = find(s, l->kind == KL_ETHERNET ? "HWADDR" : "MACADDR");
    if (!mac || one_of(mac->value, not_one))
        return;
    kl_profile_say(s->r, s->p, "mac", mac->at);
    if (!kl_mac_parse(mac->value, &l->mac))
        bad(s, mac, "not a MAC address");
}

static void read_link(struct state *s)
{
    struct kl_link *l = &s->p->link;
    l->kind = kind(s);
    get_fact(s, "MTU", "mtu");
    l->mtu = number(s, "MTU", UINT16_MAX);
    read_mac(s);
    if (l->kind == KL_BOND)
        words(s, "BONDING_OPTS", one_option);
    else if (l->kind == KL_BRIDGE)
        bridge_options(s);
    else if (l->kind == KL_VLAN)
        read_vlan(s);
}

/* initscripts enslaves by SLAVE=yes with MASTER (ifup-eth), NetworkManager by MASTER alone. */
static void check_port(struct state *s)
{
    struct variable *master = find(s, "MASTER"), *slave = find(s, "SLAVE");
    bool is_slave = truth(s, "SLAVE") == 1, by_nm = truth(s, "NM_CONTROLLED") != 0;
    if (is_slave && !s->p->controller && !s->p->controller_uuid) {
        if (find(s, "TEAM_MASTER") || find(s, "TEAM_MASTER_UUID") || find(s, "OVS_BRIDGE"))
            return;
        struct kl_diag *one = kl_diag(s->r->d, KL_WARNING, "ports-without-master", slave->at,
            "add MASTER= with the bond's name", "SLAVE=yes without MASTER=");
        kl_diag_effect(s->r->d, one, "system: %s is no bond's port", s->p->link.name);
    }
    if (!master || is_slave || !s->r->release)
        return;
    bool quirk = !kl_release_since(s->r->release, 7, 3), sure = !by_nm || quirk;
    struct kl_diag *one = kl_diag(s->r->d, sure ? KL_WARNING : KL_NOTE, "ports-without-master",
        master->at, "add SLAVE=yes", "MASTER=%s without SLAVE=yes", master->value);
    kl_diag_effect(s->r->d, one,
        by_nm
            ? "system: %s is a port for NetworkManager, and none for the network service"
            : "system: %s is no port: only the network service reads this file, and it wants both",
        s->p->link.name);
}

/* From EL9 on there is no network service beside NetworkManager. */
static void check_manager(struct state *s)
{
    struct variable *v = find(s, "NM_CONTROLLED");
    if (!v || truth(s, "NM_CONTROLLED") != 0 || !s->r->release || s->r->release->el != 9)
        return;
    struct kl_diag *one = kl_diag(s->r->d, KL_WARNING, "ifcfg-unread", v->at,
        "take NM_CONTROLLED out", "NM_CONTROLLED=no, but %s has nothing but NetworkManager",
        kl_release_name(s->r->a, s->r->release));
    kl_diag_effect(s->r->d, one, "system: nothing configures %s", s->p->link.name);
}

static bool other_type(struct state *s)
{
    static const char *const others[] = {"team", "teamport", "wireless", "wifi", "infiniband",
        "ipsec", "xdsl", "gre", "ipip", "sit", "tunnel", "modem", "ovsbridge", "ovsport",
        "ovsintport", "ovsbond", "ovstunnel", NULL};
    const char *type = get(s, "TYPE"), *other = get(s, "DEVICETYPE");
    if (!other && (!type || !one_of(type, others)))
        return false;
    kl_system_note(s->r, s->p->link.at, "a link of type %s is not read", other ? other : type);
    return true;
}

static void name_link(struct state *s)
{
    struct kl_link *l = &s->p->link;
    struct variable *device = find(s, "DEVICE");
    const char *base = strrchr(s->r->path, '/');
    base = base ? base + 1 : s->r->path;
    l->at = device ? device->at : s->r->at;
    l->name = device ? device->value : kl_starts(base, "ifcfg-") ? base + strlen("ifcfg-") : "";
    s->p->alias = strchr(l->name, ':') != NULL;
}

static void read_boot(struct state *s)
{
    struct kl_profile *p = s->p;
    unsigned long n;
    const char *priority = get(s, "AUTOCONNECT_PRIORITY");
    bool minus = priority && *priority == '-';
    p->at_boot = truth(s, "ONBOOT") != 0;
    if (priority && kl_number(priority + minus, 999, &n))
        p->priority = minus ? -(int)n : (int)n;
    p->controller = get_fact(s, "MASTER", "ports");
    if (!p->controller)
        p->controller = get_fact(s, "BRIDGE", "ports");
    p->controller_uuid = get(s, "MASTER_UUID");
    if (!p->controller_uuid)
        p->controller_uuid = get(s, "BRIDGE_UUID");
    if (p->controller_uuid && !p->controller)
        get_fact(s, get(s, "MASTER_UUID") ? "MASTER_UUID" : "BRIDGE_UUID", "ports");
}

/* ONBOOT=no: then nothing below it counts. */
static void say_not_at_boot(struct state *s)
{
    if (s->p->at_boot)
        return;
    get_fact(s, "ONBOOT", "ipv4");
    get_fact(s, "ONBOOT", "ipv6");
}

static void say_unknown(struct state *s)
{
    for (size_t k = 0; k < s->n; k++) {
        bool known =
            s->v[k].used || kl_starts(s->v[k].name, "NM_USER_") || kl_starts(s->v[k].name, "DCB");
        if (!known && !one_of(s->v[k].name, ignored))
            bad(s, &s->v[k], "this key is not understood");
        else if (!known && strpbrk(s->v[k].name, "abcdefghijklmnopqrstuvwxyz"))
            bad(s, &s->v[k], "nobody reads it: keys are written in capitals");
    }
}

bool kl_ifcfg_read(struct kl_reader *r, const struct kl_text *text, struct kl_profile *out)
{
    *out = (struct kl_profile){0};
    struct state s = {.r = r, .p = out};
    read_variables(&s, text);
    name_link(&s);
    if (strcmp(out->link.name, "lo") == 0 || !*out->link.name || other_type(&s))
        return false;
    out->uuid = get(&s, "UUID");
    read_boot(&s);
    read_link(&s);
    read_ip4(&s);
    read_ip6(&s);
    say_not_at_boot(&s);
    read_servers(&s);
    check_port(&s);
    check_manager(&s);
    say_unknown(&s);
    return true;
}

void kl_ifcfg_host_read(struct kl_reader *r, const struct kl_text *text, struct kl_ifcfg_host *out)
{
    struct state s = {.r = r};
    read_variables(&s, text);
    struct variable *hostname = find(&s, "HOSTNAME"), *four = find(&s, "GATEWAY"),
                    *six = find(&s, "IPV6_DEFAULTGW");
    *out = (struct kl_ifcfg_host){
        .gateway_device = get(&s, "GATEWAYDEV"), .gateway6_device = get(&s, "IPV6_DEFAULTDEV")};
    if (hostname) {
        out->hostname = hostname->value;
        out->hostname_at = hostname->at;
    }
    if (four) {
        out->gateway = four->value;
        out->gateway_at = four->at;
    }
    if (six) {
        out->gateway6 = six->value;
        out->gateway6_at = six->at;
    }
}

/* --- routes ---------------------------------------------------------------------------*/

static void add_route(
    struct kl_reader *r, struct kl_profile *p, struct kl_route route, struct kl_place at)
{
    struct kl_link *l = &p->link;
    if (!l->nroutes)
        kl_profile_say(r, p, "routes", at);
    l->routes = kl_grow(r->a, l->routes, l->nroutes, sizeof *l->routes);
    l->routes[l->nroutes++] = route;
}

/* "default via ADDRESS": a gateway like any other. */
static void default_route(
    struct kl_reader *r, struct kl_profile *p, const struct kl_addr *via, struct kl_place at)
{
    struct kl_ip *ip = via->family == 4 ? &p->link.ip4 : &p->link.ip6;
    if (!via->family || ip->method == KL_OFF || ip->gateway == KL_GATEWAY_EXPLICIT)
        return;
    ip->gateway = KL_GATEWAY_EXPLICIT;
    ip->nexthop = *via;
    kl_profile_say(r, p, via->family == 4 ? "gateway4" : "gateway6", at);
}

/* Of a route's destination: "default", an address, or an address with a length. */
static bool destination(const char *word, struct kl_route *r)
{
    if (kl_prefix_parse(word, &r->to))
        return true;
    if (!kl_addr_parse(word, &r->to.addr))
        return false;
    r->to.len = r->to.addr.family == 4 ? 32 : 128;
    return true;
}

/* One line of ip(8)'s words, already split; false when it is none. */
static bool read_route(
    struct kl_reader *reader, char *line, struct kl_profile *p, struct kl_place at)
{
    static const char *const others[] = {"dev", "src", "proto", "scope", "mtu", "advmss", "window",
        "initcwnd", "initrwnd", "tos", "realm", "pref", NULL};
    struct kl_route r = {0};
    char *rest = line, *word;
    bool first = true, is_default = false, other_table = false;
    while ((word = strsep(&rest, " \t\r"))) {
        if (!*word)
            continue;
        if (first) {
            is_default = strcmp(word, "default") == 0;
            if (!is_default && !destination(word, &r))
                return false;
            first = false;
            continue;
        }
        if (strcmp(word, "onlink") == 0)
            continue;
        char *value = rest ? strsep(&rest, " \t\r") : NULL;
        unsigned long n;
        if (!value)
            return false;
        if (strcmp(word, "via") == 0 && kl_addr_parse(value, &r.via))
            continue;
        if (strcmp(word, "metric") == 0 && kl_number(value, UINT32_MAX, &n))
            r.metric = (uint32_t)n;
        else if (strcmp(word, "table") == 0)
            other_table = strcmp(value, "main") != 0 && strcmp(value, "254") != 0;
        else if (!one_of(word, others))
            return false;
    }
    if (first || other_table)
        return true; /* only blanks; or a route that policy rules choose */
    if (is_default)
        default_route(reader, p, &r.via, at);
    else
        add_route(reader, p, r, at);
    return true;
}

static bool is_old(const struct kl_text *text)
{
    struct kl_lines lines = {.part = text};
    struct kl_line l;
    while (kl_next_line(&lines, &l))
        if (l.len >= 9 && strncmp(l.text, "ADDRESS0=", 9) == 0)
            return true;
    return false;
}

/* ADDRESS0=, NETMASK0=, GATEWAY0=: the older spelling of route-IF. */
static void read_old_routes(struct kl_reader *r, const struct kl_text *text, struct kl_profile *p)
{
    struct state s = {.r = r};
    read_variables(&s, text);
    for (int k = 0; k < 256; k++) {
        struct variable *to = find(&s, kl_sprintf(r->a, "ADDRESS%d", k));
        struct variable *mask = find(&s, kl_sprintf(r->a, "NETMASK%d", k));
        struct variable *via = find(&s, kl_sprintf(r->a, "GATEWAY%d", k));
        struct kl_route one = {.to.len = 32};
        if (!to)
            break;
        if (!kl_addr_parse(to->value, &one.to.addr) ||
            (mask && !kl_netmask_parse(mask->value, &one.to.len)) ||
            (via && !kl_addr_parse(via->value, &one.via))) {
            bad(&s, to, "this route is not understood");
            continue;
        }
        one.metric = number(&s, kl_sprintf(r->a, "METRIC%d", k), UINT32_MAX);
        add_route(r, p, one, to->at);
    }
}

void kl_ifcfg_routes(struct kl_reader *r, const struct kl_text *text, struct kl_profile *p)
{
    struct kl_lines lines = {.part = text};
    struct kl_line l;
    if (is_old(text)) {
        read_old_routes(r, text, p);
        return;
    }
    while (kl_next_line(&lines, &l)) {
        char *copy = kl_strndup(r->a, l.text, l.len);
        copy[strcspn(copy, "#")] = '\0';
        if (!read_route(r, copy, p, l.at))
            kl_system_note(r, l.at, "this route is not understood");
    }
}
