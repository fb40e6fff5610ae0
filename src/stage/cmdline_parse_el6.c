/* What EL6's loader reads of the kernel line (anaconda 13.21, loader/loader.c parseCmdLineFlags,
 * loader/net.c setupIfaceStruct and chooseNetworkInterface; docs/boot-stages.md, section 1.4).
 *
 * It sets up one interface, and each thing stands in an argument of its own: ip=, netmask=,
 * gateway=, dns=, ipv6=, mtu=, hostname=, ksdevice=. Of several with one name the last counts, in
 * any case of letters. IPv4 is DHCP unless ip= says otherwise. What it cannot read it asks a
 * person for, so that is an error. There are no bonds, VLANs or bridges.
 */
#include "stage/cmdline_parse.h"

#include <string.h>
#include <strings.h>

static const struct kl_word *last(const struct kl_reading *r, const char *key)
{
    const struct kl_word *found = NULL;
    for (size_t k = 0; k < r->nwords; k++)
        if (strcasecmp(r->words[k].key, key) == 0)
            found = &r->words[k];
    return found;
}

static struct kl_part value_of(const struct kl_reading *r, const char *key)
{
    const struct kl_word *w = last(r, key);
    return w && w->value.text ? w->value : (struct kl_part){.text = ""};
}

static struct kl_part piece(struct kl_reading *r, const struct kl_part *p, size_t from, size_t len)
{
    return (struct kl_part){
        .text = kl_strndup(r->a, p->text + from, len), .arg = p->arg, .from = p->from + from};
}

static void asks(struct kl_reading *r, const struct kl_word *w, const struct kl_part *part,
    const char *code, const char *hint, const char *why)
{
    kl_reading_say(r, KL_ERROR, w, part, code, hint, "%s, so the loader asks a person", why);
}

/* --- the interface ----------------------------------------------------------------------------*/

static const char *by_mac(struct kl_reading *r, const char *s, struct kl_place at)
{
    struct kl_mac mac;
    char text[KL_MAC_TEXT];
    if (!kl_mac_parse(strlen(s) == 20 && kl_starts(s, "01-") ? s + 3 : s, &mac))
        return NULL;
    const char *name = kl_strdup(r->a, kl_mac_text(&mac, text));
    kl_reading_link(r, name, at)->link.mac = mac;
    return name;
}

/* A name, a MAC, "bootif" for BOOTIF=, or "link" and "ibft", which are found out there. */
static const char *interface(struct kl_reading *r, struct kl_place *at)
{
    struct kl_part dev = value_of(r, "ksdevice");
    *at = r->i->at;
    if (!*dev.text)
        return KL_ANY_INTERFACE;
    *at = kl_part_at(&dev);
    if (strcasecmp(dev.text, "bootif") == 0) {
        const struct kl_word *w = kl_reading_last(r, "BOOTIF");
        const char *name = w ? by_mac(r, w->value.text, w->arg->at) : NULL;
        return name ? name : KL_ANY_INTERFACE;
    }
    if (kl_streq(dev.text, "link") || kl_streq(dev.text, "ibft"))
        return KL_ANY_INTERFACE;
    const char *name = strchr(dev.text, ':') ? by_mac(r, dev.text, *at) : NULL;
    return name ? name : dev.text;
}

/* --- IPv4 -------------------------------------------------------------------------------------*/

struct four {
    struct kl_part client, gateway, mask;
};

/* ip=CLIENT:SERVER:GATEWAY:NETMASK is what PXELINUX makes of IPAPPEND 1. */
static struct four four_of(struct kl_reading *r, const struct kl_part *ip)
{
    struct four f = {*ip, value_of(r, "gateway"), value_of(r, "netmask")};
    size_t from[4] = {0}, len[4] = {0}, n = 0;
    for (const char *c = ip->text; n < 4; n++) {
        from[n] = (size_t)(c - ip->text);
        len[n] = n < 3 ? strcspn(c, ":") : strlen(c);
        c += len[n];
        if (!*c++)
            break;
    }
    if (!strchr(ip->text, ':'))
        return f;
    f.client = piece(r, ip, from[0], len[0]);
    if (len[2])
        f.gateway = piece(r, ip, from[2], len[2]);
    if (len[3])
        f.mask = piece(r, ip, from[3], len[3]);
    return f;
}

/* Dotted, or as NetworkManager 0.8 guesses by the address's class. */
static uint8_t length_of(
    struct kl_reading *r, const struct kl_word *w, const struct four *f, const struct kl_addr *a)
{
    uint8_t len;
    if (kl_netmask_parse(f->mask.text, &len))
        return len;
    kl_reading_say(r, KL_WARNING, w, *f->mask.text ? &f->mask : &f->client, "netmask",
        "netmask=255.255.255.0",
        *f->mask.text ? "'%s' is no netmask, and one is guessed"
                      : "'%s' has no netmask= beside it, and one is guessed",
        *f->mask.text ? f->mask.text : f->client.text);
    return a->bytes[0] < 128 ? 8 : a->bytes[0] < 192 ? 16 : 24;
}

static void is_dhcp(struct kl_reading *r, struct kl_link *l, const struct kl_part *said)
{
    l->ip4 = (struct kl_ip){.method = KL_DHCP, .gateway = KL_GATEWAY_LEARNT};
    kl_reading_fact(r, l->name, "ipv4", said);
    kl_reading_fact(r, l->name, "gateway4", said);
}

static void is_static(
    struct kl_reading *r, const struct kl_word *w, struct kl_link *l, const struct four *f)
{
    struct kl_prefix p;
    struct kl_addr gateway;
    if (!kl_addr_parse(f->client.text, &p.addr) || p.addr.family != 4) {
        asks(r, w, &f->client, "address-invalid", "ip=dhcp, or an IPv4 address; IPv6 is ipv6=",
            kl_sprintf(r->a, "'%s' is no IPv4 address", f->client.text));
        return;
    }
    p.len = length_of(r, w, f, &p.addr);
    l->ip4.method = KL_STATIC;
    l->ip4.addresses = kl_alloc(r->a, sizeof p);
    l->ip4.addresses[l->ip4.naddresses++] = p;
    kl_reading_fact(r, l->name, "ipv4", &f->client);
    kl_reading_fact(r, l->name, "addresses4", &f->client);
    if (!*f->gateway.text)
        return;
    if (!kl_addr_parse(f->gateway.text, &gateway) || gateway.family != 4) {
        kl_reading_say(r, KL_WARNING, w, &f->gateway, "gateway", NULL,
            "'%s' is no IPv4 address of a gateway", f->gateway.text);
        return;
    }
    l->ip4.gateway = KL_GATEWAY_EXPLICIT;
    l->ip4.nexthop = gateway;
    kl_reading_fact(r, l->name, "gateway4", &f->gateway);
}

static void read_four(struct kl_reading *r, struct kl_link *l)
{
    const struct kl_word *w = last(r, "ip");
    struct kl_part ip = value_of(r, "ip");
    if (last(r, "noipv4"))
        return;
    struct four f = four_of(r, &ip);
    if (!*ip.text || kl_starts(f.client.text, "dhcp"))
        is_dhcp(r, l, &ip);
    else if (kl_starts(ip.text, "ibft"))
        kl_reading_say(r, KL_NOTE, w, &ip, "not-understood", NULL,
            "method 'ibft' is not part of Kickline's model");
    else
        is_static(r, w, l, &f);
}

/* --- the rest ---------------------------------------------------------------------------------*/

static void read_six(struct kl_reading *r, struct kl_link *l)
{
    const struct kl_word *w = last(r, "ipv6");
    struct kl_part v = value_of(r, "ipv6");
    struct kl_prefix p = {.len = 64};
    if (!*v.text || last(r, "noipv6"))
        return;
    if (strncasecmp(v.text, "dhcp", 4) == 0) {
        l->ip6 = (struct kl_ip){.method = KL_DHCP, .gateway = KL_GATEWAY_LEARNT};
    } else if (strncasecmp(v.text, "auto", 4) == 0) {
        l->ip6 = (struct kl_ip){.method = KL_AUTO, .gateway = KL_GATEWAY_LEARNT};
    } else if ((kl_prefix_parse(v.text, &p) || kl_addr_parse(v.text, &p.addr)) &&
               p.addr.family == 6) {
        l->ip6 = (struct kl_ip){.method = KL_STATIC, .gateway = KL_GATEWAY_LEARNT};
        l->ip6.addresses = kl_alloc(r->a, sizeof p);
        l->ip6.addresses[l->ip6.naddresses++] = p;
        kl_reading_fact(r, l->name, "addresses6", &v);
    } else {
        kl_reading_say(r, KL_WARNING, w, &v, "address-invalid",
            "ipv6=auto, ipv6=dhcp, or an address without brackets and its prefix length",
            "'%s' is no IPv6 address, and is ignored", v.text);
        return;
    }
    kl_reading_fact(r, l->name, "ipv6", &v);
    kl_reading_fact(r, l->name, "gateway6", &v);
}

static void read_dns(struct kl_reading *r)
{
    const struct kl_word *w = last(r, "dns");
    struct kl_part v = value_of(r, "dns");
    for (const char *c = v.text; *c; c += *c == ',') {
        size_t len = strcspn(c, ",");
        struct kl_part one = piece(r, &v, (size_t)(c - v.text), len);
        struct kl_addr a;
        if (kl_addr_parse(one.text, &a))
            kl_reading_dns(r, &a, &one);
        else if (len)
            kl_reading_say(r, KL_WARNING, w, &one, "nameserver",
                "addresses, parted by commas, without brackets",
                "'%s' is no address of a name server", one.text);
        c += len;
    }
}

static void read_mtu(struct kl_reading *r, struct kl_link *l)
{
    struct kl_part v = value_of(r, "mtu");
    unsigned long mtu;
    if (!*v.text || !kl_number(v.text, 65535, &mtu))
        return;
    l->mtu = (uint32_t)mtu;
    kl_reading_fact(r, l->name, "mtu", &v);
}

/* Local media need no network. */
static bool is_remote(const char *url)
{
    return kl_starts(url, "http") || kl_starts(url, "ftp:") || kl_starts(url, "nfs");
}

static bool needs_network(const struct kl_reading *r)
{
    static const char *const always[] = {"ip", "ipv6", "ksdevice", "syslog", "vnc", NULL};
    static const char *const urls[] = {"ks", "repo", "method", "stage2", "updates", "dd", NULL};
    const struct kl_word *ks = last(r, "ks");
    for (size_t k = 0; always[k]; k++)
        if (last(r, always[k]))
            return true;
    for (size_t k = 0; urls[k]; k++)
        if (is_remote(value_of(r, urls[k]).text))
            return true;
    return ks && !ks->value.text; /* where DHCP says */
}

void kl_read_el6(struct kl_reading *r)
{
    struct kl_place at;
    struct kl_part host = value_of(r, "hostname"), dev = value_of(r, "ksdevice");
    if (*host.text) {
        r->hostname = host.text;
        kl_reading_fact(r, NULL, "hostname", &host);
    }
    read_dns(r);
    if (!needs_network(r))
        return;
    const char *name = interface(r, &at);
    struct kl_seen *s = kl_reading_link(r, name, at);
    s->has_ip = true;
    if (*dev.text)
        kl_reading_fact(r, NULL, "install", &dev);
    read_four(r, &s->link);
    read_six(r, &s->link);
    read_mtu(r, &s->link);
}
