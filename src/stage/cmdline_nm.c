/* `ip=` for nm-initrd-generator (NetworkManager 1.26 of EL8.3, and later).
 *
 * Arguments for one interface add up, in their order (nmi-cmdline-reader.c, reader_parse_ip()): an
 * address makes its family "manual"; then the method word decides for families without an address,
 * and dhcp makes IPv4, auto6 and dhcp6 make IPv6 "auto" even beside addresses:
 *
 *     none        families without an address are disabled
 *     dhcp        IPv4 auto; IPv6 without an address auto too, but allowed to fail
 *     auto6 dhcp6 IPv6 auto (which follows the router's word on DHCPv6); IPv4 without an address
 *                 is disabled
 *
 * So every address gets an argument, all but the last with `none`, the last with the word that
 * sets the methods right, and `dhcp` follows auto6 where both are wanted: both families are then
 * required, whereas `dhcp,dhcp6` would go on with whichever comes first.
 *
 * IPv6 beside DHCPv4 cannot be switched off here: it is tried, and may fail, and that is taken as
 * "not asked for" (kl_cmdline_parse does the same). NetworkManager has no word for "an address and
 * the router's route only": auto6 with an address also takes addresses by SLAAC.
 *
 * 1.26 differs (docs/boot-stages.md, section 1.1 and quirks 25, 26, 31): `none` leaves IPv6 trying;
 * auto6 beside an IPv6 address listens to no router; IPv6 masks above 32 are refused, but a length
 * within the brackets is taken; the short form is told by its first field looking like no address,
 * so a dot in the name spoils it and the long form needs an address; and a VLAN's parent gets
 * DHCP unless it is told not to (quirk 30).
 */
#include "stage/cmdline.h"

#include <stdio.h>
#include <string.h>

static bool is_26(const struct kl_line *l)
{
    return l->r->nm_minor < 30; /* no release has a version between the two */
}

static bool wants_mac(const struct kl_link *link)
{
    return link->kind != KL_ETHERNET && link->mac.set;
}

/* One ip= argument: what stands in it for every form. */
struct arg {
    const struct kl_link *link;
    const struct kl_ip *ip; /* NULL: no address */
    size_t n;               /* which of its addresses */
    const char *method;
};

static void add_short(struct kl_line *l, const struct arg *a, const char *tail)
{
    if (is_26(l) && strchr(a->link->name, '.')) {
        kl_line_refuse(l, a->link, "vlan-name", kl_diag_text(l->d, "name it vlan%u", a->link->vlan),
            "its NetworkManager takes a name with a dot in 'ip=%s:%s' for an address",
            a->link->name, a->method);
        return;
    }
    kl_line_add(l, "ip=%s:%s%s", a->link->name, a->method, tail);
    if (wants_mac(a->link) && !kl_release_since(l->r, 9, 0))
        l->host_said = true; /* the fifth piece is now a part of the MAC: see kl_line_host() */
}

/* The mask field, and the length within the brackets where only that is read. */
static void mask_text(const struct kl_line *l, const struct kl_prefix *p, char *mask, size_t room,
    char *inside, size_t inside_room)
{
    bool six = p->addr.family == 6;
    char dotted[KL_ADDR_TEXT];
    *inside = '\0';
    if (!six)
        snprintf(mask, room, "%s", kl_netmask_text(p->len, dotted));
    else if (!is_26(l))
        snprintf(mask, room, "%u", p->len);
    else
        *mask = '\0'; /* quirk 26; 64 is what it then assumes */
    if (six && is_26(l) && p->len != 64)
        snprintf(inside, inside_room, "/%u", p->len);
}

static void add_long(struct kl_line *l, const struct arg *a, const char *tail)
{
    const struct kl_prefix *p = a->ip ? &a->ip->addresses[a->n] : NULL;
    char gateway[KL_ADDR_TEXT + 2] = "", mask[KL_ADDR_TEXT] = "";
    char text[KL_ADDR_TEXT], inside[8] = "";
    bool six = p && p->addr.family == 6;
    struct kl_buf client KL_BUF_SCOPE = {0};
    if (p) {
        mask_text(l, p, mask, sizeof mask, inside, sizeof inside);
        kl_buf_addf(&client, six ? "[%s%s]" : "%s%s", kl_addr_text(&p->addr, text), inside);
    }
    if (p && a->n == 0 && a->ip->gateway == KL_GATEWAY_EXPLICIT)
        snprintf(gateway, sizeof gateway, six ? "[%s]" : "%s", kl_addr_text(&a->ip->nexthop, text));
    kl_line_add(l, "ip=%s::%s:%s:%s:%s:%s%s", kl_buf_text(&client), gateway, mask,
        kl_line_host(l, a->link, six), a->link->name, a->method, tail);
}

static void add_arg(struct kl_line *l, const struct arg *a, bool first)
{
    struct kl_tail tail = {""};
    if (first)
        tail = kl_line_tail(a->link->mtu, wants_mac(a->link) ? &a->link->mac : NULL);
    l->nip++;
    if (a->ip || (kl_line_has_host(l, a->link) && !is_26(l)))
        add_long(l, a, tail.text);
    else
        add_short(l, a, tail.text);
}

static bool check_family(struct kl_line *l, const struct kl_link *link, int family)
{
    const struct kl_ip *ip = family == 4 ? &link->ip4 : &link->ip6;
    size_t before = kl_diags_count(l->d, KL_ERROR);
    bool routed = ip->method == KL_AUTO || ip->gateway == KL_GATEWAY_LEARNT;
    kl_line_check_gateway(l, link, family);
    if (family == 6 && is_26(l) && ip->naddresses && (routed || ip->method == KL_DHCP))
        kl_line_refuse(l, link, "gateway", "say the gateway's address, or install 8.4 or later",
            "its NetworkManager listens to no router on a link with a static IPv6 address");
    return kl_diags_count(l->d, KL_ERROR) == before;
}

/* The last argument's method word; *then: one more, or NULL. */
static const char *last_method(const struct kl_link *link, const char **then)
{
    const struct kl_ip *six = &link->ip6;
    bool dhcp4 = link->ip4.method == KL_DHCP;
    const char *word = NULL;
    if (six->method == KL_DHCP)
        word = "dhcp6";
    else if (six->method == KL_AUTO ||
             (six->method == KL_STATIC && six->gateway == KL_GATEWAY_LEARNT))
        word = "auto6";
    *then = word && dhcp4 ? "dhcp" : NULL;
    return word ? word : dhcp4 ? "dhcp" : "none";
}

/* A link below the install link that has no address of its own. */
static void add_bare(struct kl_line *l, const struct kl_link *link)
{
    bool parent = false;
    for (size_t k = 0; k < l->i->nlinks; k++)
        parent |= kl_streq(l->i->links[k].parent, link->name) && l->stack[k];
    if (link->mtu || wants_mac(link) || (parent && is_26(l)))
        add_arg(l, &(struct arg){.link = link, .method = "off"}, true);
}

void kl_nm_ip(struct kl_line *l, const struct kl_link *link)
{
    if (!kl_link_has_ip(link)) {
        add_bare(l, link);
        return;
    }
    bool four = check_family(l, link, 4), six = check_family(l, link, 6);
    if (!four || !six)
        return;
    const char *then, *last = last_method(link, &then);
    const size_t n4 = link->ip4.naddresses, n = n4 + link->ip6.naddresses;
    for (size_t k = 0; k < n; k++) {
        struct arg a = {.link = link,
            .ip = k < n4 ? &link->ip4 : &link->ip6,
            .n = k < n4 ? k : k - n4,
            .method = k + 1 < n ? "none" : last};
        add_arg(l, &a, k == 0);
    }
    if (!n)
        add_arg(l, &(struct arg){.link = link, .method = last}, true);
    if (then)
        add_arg(l, &(struct arg){.link = link, .method = then}, false);
}
