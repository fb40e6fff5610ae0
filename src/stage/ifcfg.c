/* ifcfg files: what EL7 and EL8 keep of a host's network (docs/boot-stages.md §4.1). Written so
 * that both of their readers, NetworkManager's ifcfg-rh plugin and initscripts, see the same:
 *
 * - a static IPv6 address with the default route by router advertisement is IPV6_AUTOCONF=yes with
 *   IPV6ADDR: NetworkManager then uses its method auto with the address beside it, and initscripts
 *   leaves accept_ra on. IPV6_AUTOCONF=no would end the learnt route (quirk 6).
 * - no address: BOOTPROTO=none, never `static` without IPADDR (quirk 4).
 * - a port names its bond, not the bond's UUID, and says SLAVE=yes (quirk 9), and is found by
 *   DEVICE, not by HWADDR (quirk 8).
 * - IPv6 off is IPV6INIT=no; NetworkManager 1.20 and later also know IPV6_DISABLED=yes, which keeps
 *   the kernel from configuring itself.
 */
#include "stage/system.h"

#include <stdlib.h>
#include <string.h>

static const char directory[] = "/etc/sysconfig/network-scripts/";

/* --- rendering ---------------------------------------------------------------------------------*/

static const char *type_of(const struct kl_link *l)
{
    static const char *const types[] = {
        [KL_ETHERNET] = "Ethernet", [KL_BOND] = "Bond", [KL_VLAN] = "Vlan", [KL_BRIDGE] = "Bridge"};
    return types[l->kind];
}

static void bond(struct kl_buf *b, const struct kl_link *l)
{
    kl_buf_addf(b, "BONDING_MASTER=yes\nBONDING_OPTS=\"mode=%s", kl_bond_modes[l->mode]);
    for (size_t k = 0; k < l->noptions; k++)
        kl_buf_addf(b, " %s=%s", l->options[k].name, l->options[k].value);
    kl_buf_add(b, "\"\n");
}

/* STP and DELAY are keys of their own; the rest goes to BRIDGING_OPTS, with the names that sysfs
 * has. */
static void bridge(struct kl_buf *b, const struct kl_link *l)
{
    struct kl_buf rest KL_BUF_SCOPE = {0};
    for (size_t k = 0; k < l->noptions; k++) {
        const char *name = l->options[k].name, *value = l->options[k].value;
        if (strcmp(name, "stp") == 0) {
            kl_buf_addf(b, "STP=%s\n", value);
        } else if (strcmp(name, "forward-delay") == 0) {
            kl_buf_addf(b, "DELAY=%s\n", value);
        } else {
            size_t at = rest.len;
            kl_buf_addf(&rest, "%s%s=%s", rest.len ? " " : "", name, value);
            for (; rest.s[at] != '='; at++)
                if (rest.s[at] == '-')
                    rest.s[at] = '_';
        }
    }
    if (rest.len)
        kl_buf_addf(b, "BRIDGING_OPTS=\"%s\"\n", rest.s);
}

static void head(struct kl_buf *b, const struct kl_writer *w, const struct kl_link *l)
{
    char mac[KL_MAC_TEXT];
    kl_buf_addf(b, "DEVICE=%s\nNAME=%s\nUUID=%s\nTYPE=%s\n", l->name, l->name,
        kl_profile_uuid(w->a, w->i, l->name), type_of(l));
    if (l->kind == KL_BOND)
        bond(b, l);
    else if (l->kind == KL_BRIDGE)
        bridge(b, l);
    else if (l->kind == KL_VLAN)
        kl_buf_addf(b, "VLAN=yes\nPHYSDEV=%s\nVLAN_ID=%u\nREORDER_HDR=yes\n", l->parent, l->vlan);
    kl_buf_addf(b, "ONBOOT=%s\n", kl_link_idle(w->i, l) ? "no" : "yes");
    if (l->mac.set && l->kind != KL_ETHERNET)
        kl_buf_addf(b, "MACADDR=%s\n", kl_mac_text(&l->mac, mac));
    if (l->mtu)
        kl_buf_addf(b, "MTU=%u\n", l->mtu);
}

static void port(struct kl_buf *b, const struct kl_link *over)
{
    kl_buf_add(b, "BOOTPROTO=none\n");
    if (over->kind == KL_BRIDGE)
        kl_buf_addf(b, "BRIDGE=%s\n", over->name);
    else
        kl_buf_addf(b, "MASTER=%s\nSLAVE=yes\n", over->name);
}

static void ip4(struct kl_buf *b, struct kl_arena *a, const struct kl_ip *ip)
{
    char text[KL_ADDR_TEXT];
    kl_buf_addf(b, "BOOTPROTO=%s\n", ip->method == KL_DHCP ? "dhcp" : "none");
    for (size_t k = 0; k < ip->naddresses; k++) {
        const char *number = k ? kl_sprintf(a, "%zu", k) : "";
        kl_buf_addf(b, "IPADDR%s=%s\nPREFIX%s=%u\n", number,
            kl_addr_text(&ip->addresses[k].addr, text), number, ip->addresses[k].len);
    }
    if (ip->gateway == KL_GATEWAY_EXPLICIT)
        kl_buf_addf(b, "GATEWAY=%s\n", kl_addr_text(&ip->nexthop, text));
    if (ip->method == KL_DHCP && ip->gateway == KL_GATEWAY_NONE)
        kl_buf_add(b, "DEFROUTE=no\n");
}

static void ip6(struct kl_buf *b, const struct kl_ip *ip, const struct kl_release *r)
{
    char text[KL_PREFIX_TEXT];
    if (ip->method == KL_OFF) {
        kl_buf_add(b, "IPV6INIT=no\nIPV6_AUTOCONF=no\n");
        if (r->nm_minor >= 20)
            kl_buf_add(b, "IPV6_DISABLED=yes\n");
        return;
    }
    bool ra = ip->method == KL_AUTO || kl_static_with_ra(ip);
    kl_buf_addf(b, "IPV6INIT=yes\nIPV6_AUTOCONF=%s\n", ra ? "yes" : "no");
    if (ip->method == KL_DHCP)
        kl_buf_add(b, "DHCPV6C=yes\n");
    kl_buf_add(b, "IPV6_ADDR_GEN_MODE=eui64\n"); /* quirk 24 */
    for (size_t k = 0; k < ip->naddresses; k++)
        kl_buf_addf(b, "%s%s",
            k == 0   ? "IPV6ADDR="
            : k == 1 ? "\nIPV6ADDR_SECONDARIES=\""
                     : " ",
            kl_prefix_text(&ip->addresses[k], text));
    if (ip->naddresses)
        kl_buf_add(b, ip->naddresses > 1 ? "\"\n" : "\n");
    if (ip->gateway == KL_GATEWAY_EXPLICIT)
        kl_buf_addf(b, "IPV6_DEFAULTGW=%s\n", kl_addr_text(&ip->nexthop, text));
    if ((ip->method == KL_AUTO || ip->method == KL_DHCP) && ip->gateway == KL_GATEWAY_NONE)
        kl_buf_add(b, "IPV6_DEFROUTE=no\n");
}

static void servers(struct kl_buf *b, const struct kl_writer *w, const struct kl_link *l)
{
    char text[KL_ADDR_TEXT];
    size_t n = 0;
    for (size_t k = 0; k < w->i->ndns; k++)
        if (kl_dns_link(w->i, w->i->dns[k].family) == l)
            kl_buf_addf(b, "DNS%zu=%s\n", ++n, kl_addr_text(&w->i->dns[k], text));
    int family = kl_search_family(w->i, l);
    if (!family)
        return;
    /* initscripts knows DOMAIN alone; NetworkManager takes it for IPv4, which must then be on. */
    kl_buf_addf(b, "%s=\"", family == 4 ? "DOMAIN" : "IPV6_DOMAIN");
    for (size_t k = 0; k < w->i->nsearch; k++)
        kl_buf_addf(b, "%s%s", k ? " " : "", w->i->search[k]);
    kl_buf_add(b, "\"\n");
}

/* route-IF and route6-IF, in the words of ip(8). */
static void routes(struct kl_writer *w, const struct kl_link *l, int family)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    char text[KL_PREFIX_TEXT];
    for (size_t k = 0; k < l->nroutes; k++) {
        const struct kl_route *r = &l->routes[k];
        if (r->to.addr.family != family)
            continue;
        kl_buf_add(&b, kl_prefix_text(&r->to, text));
        if (r->via.family)
            kl_buf_addf(&b, " via %s", kl_addr_text(&r->via, text));
        kl_buf_addf(&b, " dev %s", l->name);
        if (r->metric)
            kl_buf_addf(&b, " metric %u", r->metric);
        kl_buf_addc(&b, '\n');
    }
    if (b.len)
        kl_write_file(w,
            kl_sprintf(w->a, "%sroute%s-%s", directory, family == 6 ? "6" : "", l->name), b.s,
            0644);
}

bool kl_ifcfg_render(struct kl_writer *w)
{
    for (size_t k = 0; k < w->i->nlinks; k++) {
        const struct kl_link *l = &w->i->links[k], *over = kl_link_controller(w->i, l->name);
        struct kl_buf b KL_BUF_SCOPE = {0};
        head(&b, w, l);
        if (over) {
            port(&b, over);
        } else {
            ip4(&b, w->a, &l->ip4);
            ip6(&b, &l->ip6, w->r);
            servers(&b, w, l);
            routes(w, l, 4);
            routes(w, l, 6);
        }
        kl_write_file(w, kl_sprintf(w->a, "%sifcfg-%s", directory, l->name), kl_buf_text(&b), 0644);
    }
    return true;
}

/* --- reading -----------------------------------------------------------------------------------*/

struct variable {
    const char *name, *value;
    unsigned line, col; /* of the value */
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
    "VLAN", "REORDER_HDR", "GVRP", "MVRP", "SLAVE", "MASTER_UUID", "BRIDGE_UUID", "PEERDNS",
    "PEERROUTES", "DEFROUTE", "HWADDR", "NETWORK", "BROADCAST", "USERCTL", "NM_CONTROLLED",
    "HOTPLUG", "PROXY_METHOD", "BROWSER_ONLY", "IPV4_FAILURE_FATAL", "IPV6_FAILURE_FATAL",
    "IPV6_PEERDNS", "IPV6_PEERROUTES", "IPV6_DEFROUTE", "IPV6_PRIVACY", "IPV6_ADDR_GEN_MODE",
    "IPV6_FORCE_ACCEPT_RA", "IPV6_SET_SYSCTLS", "IPV6FORWARDING", "ARPCHECK", "ACD_TIMEOUT",
    "AUTOCONNECT_PRIORITY", "CONNECTION_METERED", "LLDP", "ZONE", "DEVTIMEOUT", NULL};

/* A value as NetworkManager and the shell read it: bare, 'single' or "double" quoted, `\` escapes;
 * a "#" after a blank begins a comment. */
static const char *unquote(struct kl_arena *a, const char *s, size_t len)
{
    char *out = kl_alloc(a, len + 1);
    size_t n = 0;
    char quote = 0;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (!quote && (c == ' ' || c == '\t'))
            break;
        if (!quote && (c == '"' || c == '\''))
            quote = c;
        else if (quote && c == quote)
            quote = 0;
        else if (c == '\\' && quote != '\'' && i + 1 < len)
            out[n++] = s[++i];
        else
            out[n++] = c;
    }
    out[n] = '\0';
    return out;
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

static void read_variables(struct state *s, const char *text)
{
    unsigned line = 0;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        const char *end = p + n, *start = p + strspn(p, " \t");
        if (end > p && end[-1] == '\r')
            end--;
        line++;
        const char *equals = start < end ? memchr(start, '=', (size_t)(end - start)) : NULL;
        if (equals && is_name(start, (size_t)(equals - start))) {
            s->v = kl_grow(s->r->a, s->v, s->n, sizeof *s->v);
            s->v[s->n++] =
                (struct variable){.name = kl_strndup(s->r->a, start, (size_t)(equals - start)),
                    .value = unquote(s->r->a, equals + 1, (size_t)(end - equals) - 1),
                    .line = line,
                    .col = (unsigned)(equals + 1 - p) + 1};
        } else if (start < end && *start != '#') {
            kl_not_understood(s->r, line, (unsigned)(start - p) + 1, (size_t)(end - start),
                "not an assignment; only NAME=value is read");
        }
        p += n + (p[n] != '\0');
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

/* 1 yes, 0 no, -1 not said: as svGetValueBoolean reads them. */
static int truth(struct state *s, const char *name)
{
    const char *v = get(s, name);
    if (!v)
        return -1;
    return strcasecmp(v, "yes") == 0 || strcasecmp(v, "true") == 0 || strcasecmp(v, "t") == 0 ||
           strcasecmp(v, "y") == 0 || strcmp(v, "1") == 0;
}

static void bad(struct state *s, const struct variable *v, const char *why)
{
    kl_not_understood(s->r, v->line, v->col, strlen(v->value), "%s=%s: %s", v->name, v->value, why);
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

/* Calls `each` for every word between blanks. */
static void words(
    struct state *s, const char *name, bool (*each)(struct state *s, const char *word))
{
    struct variable *v = find(s, name);
    if (!v)
        return;
    for (const char *p = v->value; *p;) {
        p += strspn(p, " \t");
        size_t n = strcspn(p, " \t");
        if (n && !each(s, kl_strndup(s->r->a, p, n)))
            bad(s, v, "holds a word that is no such value");
        p += n;
    }
}

static bool one_option(struct state *s, const char *word)
{
    const char *equals = strchr(word, '=');
    if (!equals)
        return false;
    return kl_add_bond_option(
        s->r->a, &s->p->link, kl_strndup(s->r->a, word, (size_t)(equals - word)), equals + 1);
}

static bool one_bridge_option(struct state *s, const char *word)
{
    const char *equals = strchr(word, '=');
    if (!equals)
        return false;
    char *name = kl_strndup(s->r->a, word, (size_t)(equals - word));
    for (char *c = name; *c; c++)
        if (*c == '_')
            *c = '-';
    kl_add_bridge_option(s->r->a, &s->p->link, name, equals + 1);
    return true;
}

static bool one_search(struct state *s, const char *word)
{
    kl_add_word(s->r->a, &s->p->search, &s->p->nsearch, word);
    return true;
}

static bool one_secondary(struct state *s, const char *word)
{
    return kl_add_address(s->r->a, &s->p->link.ip6, word, 6, 64);
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
    kl_add_address(a, &s->p->link.ip4, v->value, 4, bits);
    return true;
}

static void gateway(struct state *s, const char *name, struct kl_ip *ip, uint8_t family)
{
    struct variable *v = find(s, name);
    if (!v)
        return;
    const char *text = kl_strndup(s->r->a, v->value, strcspn(v->value, "%"));
    if (kl_addr_parse(text, &ip->nexthop) && ip->nexthop.family == family)
        ip->gateway = KL_GATEWAY_EXPLICIT;
    else
        bad(s, v, "not an address of this family");
}

static void read_ip4(struct state *s)
{
    struct kl_ip *ip = &s->p->link.ip4;
    struct variable *proto = find(s, "BOOTPROTO");
    bool dhcp =
        proto && (strcasecmp(proto->value, "dhcp") == 0 || strcasecmp(proto->value, "bootp") == 0);
    address4(s, "");
    address4(s, "0");
    for (int k = 1; k < 256; k++)
        if (!address4(s, kl_sprintf(s->r->a, "%d", k)) && k > 1)
            break;
    ip->method = dhcp ? KL_DHCP : ip->naddresses ? KL_STATIC : KL_OFF;
    gateway(s, "GATEWAY", ip, 4);
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
    int autoconf = truth(s, "IPV6_AUTOCONF");
    if (autoconf < 0)
        autoconf = truth(s, "IPV6FORWARDING") != 1;
    words(s, "IPV6ADDR", one_secondary);
    words(s, "IPV6ADDR_SECONDARIES", one_secondary);
    gateway(s, "IPV6_DEFAULTGW", ip, 6);
    bool dhcp = truth(s, "DHCPV6C") == 1, defroute = truth(s, "IPV6_DEFROUTE") != 0;
    int init = truth(s, "IPV6INIT");
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
        if (!kl_add_dns(s->r->a, &s->p->dns, &s->p->ndns, v->value))
            bad(s, v, "not an address");
    }
    words(s, "DOMAIN", one_search);
    words(s, "IPV6_DOMAIN", one_search);
}

/* TYPE is often missing: what else stands there tells. */
static enum kl_link_kind kind(struct state *s)
{
    const char *type = get(s, "TYPE");
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
    if (!l->vlan && kl_number(digits, 4095, &n))
        l->vlan = (uint16_t)n;
    s->p->parent = get(s, "PHYSDEV");
    if (!s->p->parent && digits > name && digits[-1] == '.')
        s->p->parent = kl_strndup(s->r->a, name, (size_t)(digits - name) - 1);
}

static void read_link(struct state *s)
{
    struct kl_link *l = &s->p->link;
    l->kind = kind(s);
    l->mtu = number(s, "MTU", UINT16_MAX);
    struct variable *mac = find(s, "MACADDR");
    if (mac && !kl_mac_parse(mac->value, &l->mac))
        bad(s, mac, "not a MAC address");
    if (l->kind == KL_BOND) {
        words(s, "BONDING_OPTS", one_option);
    } else if (l->kind == KL_BRIDGE) {
        const char *delay = get(s, "DELAY");
        if (find(s, "STP"))
            kl_add_bridge_option(s->r->a, l, "stp", truth(s, "STP") == 1 ? "yes" : "no");
        if (delay)
            kl_add_bridge_option(s->r->a, l, "forward-delay", delay);
        words(s, "BRIDGING_OPTS", one_bridge_option);
    } else if (l->kind == KL_VLAN) {
        read_vlan(s);
    }
}

bool kl_ifcfg_read(struct kl_reader *r, const char *text, struct kl_profile *out)
{
    *out = (struct kl_profile){.link.at = {.file = r->file}};
    struct state s = {.r = r, .p = out};
    read_variables(&s, text);
    const char *base = strrchr(r->file, '/');
    base = base ? base + 1 : r->file;
    out->link.name = get(&s, "DEVICE");
    if (!out->link.name)
        out->link.name = base + strlen("ifcfg-");
    const char *type = get(&s, "TYPE"), *other = get(&s, "DEVICETYPE");
    if (strcmp(out->link.name, "lo") == 0 || !*out->link.name)
        return false;
    if (other || (type && (strcasecmp(type, "team") == 0 || strcasecmp(type, "wireless") == 0 ||
                              strcasecmp(type, "infiniband") == 0))) {
        kl_not_understood(r, 0, 0, 0, "a link of type %s is not read", other ? other : type);
        return false;
    }
    out->uuid = get(&s, "UUID");
    out->at_boot = truth(&s, "ONBOOT") != 0;
    out->controller = get(&s, "MASTER");
    if (!out->controller)
        out->controller = get(&s, "BRIDGE");
    read_link(&s);
    read_ip4(&s);
    read_ip6(&s);
    read_servers(&s);
    for (size_t k = 0; k < s.n; k++) {
        bool known = s.v[k].used;
        for (const char *const *i = ignored; *i && !known; i++)
            known = strcmp(*i, s.v[k].name) == 0;
        if (!known)
            bad(&s, &s.v[k], "this key is not understood");
    }
    return true;
}

/* One line of ip(8)'s words, already split; false when it is none. */
static bool read_route(struct kl_arena *a, char *line, struct kl_link *l)
{
    struct kl_route r = {0};
    char *rest = line, *word;
    bool first = true;
    while ((word = strsep(&rest, " \t\r"))) {
        if (!*word)
            continue;
        if (first) {
            if (!kl_prefix_parse(word, &r.to))
                return false;
            first = false;
            continue;
        }
        char *value = rest ? strsep(&rest, " \t\r") : NULL;
        unsigned long n;
        if (!value)
            return false;
        if (strcmp(word, "via") == 0 && kl_addr_parse(value, &r.via))
            continue;
        if (strcmp(word, "metric") == 0 && kl_number(value, UINT32_MAX, &n))
            r.metric = (uint32_t)n;
        else if (strcmp(word, "dev") != 0)
            return false;
    }
    if (first)
        return true; /* only blanks */
    l->routes = kl_grow(a, l->routes, l->nroutes, sizeof *l->routes);
    l->routes[l->nroutes++] = r;
    return true;
}

/* ADDRESS0=, NETMASK0=, GATEWAY0=: the older spelling of route-IF. */
static bool read_old_routes(struct kl_reader *r, const char *text, struct kl_link *l)
{
    struct state s = {.r = r};
    if (!strstr(text, "ADDRESS0="))
        return false;
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
        l->routes = kl_grow(r->a, l->routes, l->nroutes, sizeof *l->routes);
        l->routes[l->nroutes++] = one;
    }
    return true;
}

void kl_ifcfg_routes(struct kl_reader *r, const char *text, struct kl_link *l)
{
    if (read_old_routes(r, text, l))
        return;
    char *copy = kl_strdup(r->a, text), *rest = copy, *line;
    for (unsigned n = 1; (line = strsep(&rest, "\n")); n++) {
        line[strcspn(line, "#")] = '\0';
        size_t width = strlen(line);
        if (!read_route(r->a, line, l))
            kl_not_understood(r, n, 1, width, "this route is not understood");
    }
}
