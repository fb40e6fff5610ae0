/* Do the stages agree? Each pair of neighbours is held against each other, link by link.
 *
 * Codes: bond-missing, bond-ports-differ, bond-mode-differs, bond-options-differ, address-differs,
 * prefix-differs, gateway-differs, dns-differs, hostname-differs, vlan-missing, vlan-name-differs,
 * mtu-differs, device-differs, system-differs.
 *
 * First links are paired: by name, by MAC, and where a stage names none ("whatever has a link") by
 * being the only one. Links that have no partner are missing, or have another name. Then the facts
 * of a pair are compared. What one stage leaves to DHCP or router advertisements it does not
 * contradict: an address from DHCP in the initrd and a static one afterwards is how many sites
 * install; it is a note.
 */
#include "check/reach.h"

#include "base/text.h"
#include "net/facts.h"

#include <string.h>

/* One stage's view. */
struct side {
    const char *stage;  /* "initrd" */
    const char *speaks; /* "the kernel line" */
    const struct kl_intent *i;
    bool lasts; /* what the installed system keeps */
};

struct pair {
    const struct kl_case *c;
    struct kl_diags *d;
    struct side a, b;
    const char *code; /* instead of each rule's own; NULL */
    bool leases;      /* a is what DHCP gives: who asks DHCP agrees with it */
    /* Of each link of a: its partner in b, or NULL; and the other way. */
    const struct kl_link **of_a, **of_b;
};

/* --- pairing -----------------------------------------------------------------------------------*/

static size_t index_of(const struct kl_intent *i, const struct kl_link *l)
{
    return (size_t)(l - i->links);
}

static void join(struct pair *p, const struct kl_link *a, const struct kl_link *b)
{
    p->of_a[index_of(p->a.i, a)] = b;
    p->of_b[index_of(p->b.i, b)] = a;
}

static bool free_a(const struct pair *p, const struct kl_link *l)
{
    return !p->of_a[index_of(p->a.i, l)];
}

static bool free_b(const struct pair *p, const struct kl_link *l)
{
    return !p->of_b[index_of(p->b.i, l)];
}

/* The only link with addresses that has no partner; NULL when there are none or several. */
static const struct kl_link *only_speaker(const struct pair *p, const struct kl_intent *i,
    bool (*is_free)(const struct pair *, const struct kl_link *))
{
    const struct kl_link *found = NULL;
    for (size_t k = 0; k < i->nlinks; k++) {
        const struct kl_link *l = &i->links[k];
        if (!kl_link_has_ip(l) || !is_free(p, l))
            continue;
        if (found)
            return NULL;
        found = l;
    }
    return found;
}

static void pair_links(struct pair *p)
{
    for (size_t k = 0; k < p->a.i->nlinks; k++) {
        const struct kl_link *l = &p->a.i->links[k], *same = kl_link_find(p->b.i, l->name);
        if (same && kl_is_named(l))
            join(p, l, same);
    }
    for (size_t k = 0; k < p->a.i->nlinks; k++)
        for (size_t n = 0; n < p->b.i->nlinks; n++) {
            const struct kl_link *x = &p->a.i->links[k], *y = &p->b.i->links[n];
            if (x->mac.set && x->kind == KL_ETHERNET && y->kind == KL_ETHERNET && free_a(p, x) &&
                free_b(p, y) && kl_mac_eq(&x->mac, &y->mac))
                join(p, x, y);
        }
    const struct kl_link *x = only_speaker(p, p->a.i, free_a), *y = only_speaker(p, p->b.i, free_b);
    if (x && y && x->kind == KL_ETHERNET && y->kind == KL_ETHERNET &&
        (!kl_is_named(x) || !kl_is_named(y)))
        join(p, x, y);
}

/* --- saying ------------------------------------------------------------------------------------*/

static bool has_line(const struct kl_place *p)
{
    return p->file && p->line;
}

/* Where a fact is said; where it is not, the link that it would be said of. */
static struct kl_place at_of(const struct side *s, const struct kl_link *l, const char *field)
{
    struct kl_place at = kl_intent_said(s->i, l ? l->name : NULL, field);
    const struct kl_link *install = kl_link_find(s->i, s->i->install);
    return has_line(&at) || l || !install ? at : kl_intent_said(s->i, install->name, "kind");
}

/* Of a pair the name that is one. */
static const char *name_of(const struct kl_link *x, const struct kl_link *y)
{
    return !kl_is_named(x) ? y->name : x->name;
}

/* A finding at the first place of the two that is one, with the other beside it. */
static struct kl_diag *say(struct pair *p, enum kl_severity severity, const char *code,
    struct kl_place a, struct kl_place b, const char *hint, const char *message)
{
    bool first = has_line(&a) || !has_line(&b);
    code = p->code ? p->code : code;
    struct kl_diag *one = kl_diag(p->d, severity, code, first ? a : b, hint, "%s", message);
    struct kl_place other = first ? b : a;
    if (other.file)
        kl_diag_also(p->d, one, other, "%s", (first ? p->b : p->a).speaks);
    return one;
}

static const char *words(struct kl_arena *a, const char *const *list, size_t n)
{
    const char *out = n ? list[0] : "nothing";
    for (size_t k = 1; k < n; k++)
        out = kl_sprintf(a, "%s%s%s", out, k + 1 == n ? " and " : ", ", list[k]);
    return out;
}

static const char *addresses(struct kl_arena *a, const struct kl_ip *ip)
{
    const char *out = "";
    char text[KL_PREFIX_TEXT];
    for (size_t k = 0; k < ip->naddresses; k++)
        out = kl_sprintf(a, "%s%s%s", out, k ? ", " : "", kl_prefix_text(&ip->addresses[k], text));
    return out;
}

/* "192.0.2.5/24", "by DHCP", "nothing". */
static const char *ip_words(struct kl_arena *a, const struct kl_ip *ip, int family)
{
    if (ip->naddresses)
        return addresses(a, ip);
    return ip->method == KL_DHCP   ? (family == 4 ? "an address by DHCP" : "an address by DHCPv6")
           : ip->method == KL_AUTO ? "an address by router advertisement"
           : family == 4           ? "no IPv4 address"
                                   : "no IPv6 address";
}

static const struct kl_ip *ip_of(const struct kl_link *l, int family)
{
    return family == 4 ? &l->ip4 : &l->ip6;
}

static const char *link_words(struct kl_arena *a, const struct kl_link *l)
{
    const char *name = kl_streq(l->name, "*") ? "whichever NIC has a link" : l->name;
    if (kl_streq(l->name, "link"))
        name = "the first NIC with a link";
    const char *what = l->kind == KL_BOND   ? kl_sprintf(a, " (%s over %s)", kl_bond_modes[l->mode],
                                                  words(a, l->ports, l->nports))
                       : l->kind == KL_VLAN ? kl_sprintf(a, " (VLAN %u on %s)", l->vlan, l->parent)
                                            : "";
    const char *ip = ip_of(l, 4)->method != KL_OFF   ? ip_words(a, &l->ip4, 4)
                     : ip_of(l, 6)->method != KL_OFF ? ip_words(a, &l->ip6, 6)
                                                     : "no address";
    return kl_sprintf(a, "%s%s with %s", name, what, ip);
}

/* What each of the two will therefore do. */
static void effects(
    struct pair *p, struct kl_diag *one, const struct kl_link *x, const struct kl_link *y)
{
    if (x)
        kl_diag_effect(p->d, one, "%s: %s", p->a.stage, link_words(p->c->a, x));
    if (y)
        kl_diag_effect(p->d, one, "%s: %s", p->b.stage, link_words(p->c->a, y));
}

/* --- a pair of links ---------------------------------------------------------------------------*/

static bool same_ports(const struct kl_link *x, const struct kl_link *y)
{
    if (x->nports != y->nports)
        return false;
    for (size_t k = 0; k < x->nports; k++)
        if (!kl_streq(x->ports[k], y->ports[k]))
            return false;
    return true;
}

static const char *option(const struct kl_link *l, const char *name)
{
    for (size_t k = 0; k < l->noptions; k++)
        if (kl_streq(l->options[k].name, name))
            return l->options[k].value;
    return NULL;
}

/* The driver's own value where a text says none: bonding.rst. */
static const char *by_default(const char *name)
{
    static const struct kl_option values[] = {{"miimon", "0"}, {"updelay", "0"}, {"downdelay", "0"},
        {"lacp_rate", "slow"}, {"xmit_hash_policy", "layer2"}, {"fail_over_mac", "none"},
        {"ad_select", "stable"}, {"arp_interval", "0"}, {"arp_validate", "none"},
        {"primary_reselect", "always"}, {"all_slaves_active", "0"}, {"min_links", "0"}};
    for (size_t k = 0; k < sizeof values / sizeof *values; k++)
        if (kl_streq(values[k].name, name))
            return values[k].value;
    return NULL;
}

static void bond_option(
    struct pair *p, const struct kl_link *x, const struct kl_link *y, const char *name)
{
    const char *vx = option(x, name), *vy = option(y, name);
    const char *dx = vx ? vx : by_default(name), *dy = vy ? vy : by_default(name);
    if (kl_streq(dx, dy))
        return;
    const char *field = kl_sprintf(p->c->a, "option %s", name);
    /* Monitoring that one stage lacks costs nothing while all links are up. */
    say(p, vx && vy ? KL_WARNING : KL_NOTE, "bond-options-differ",
        at_of(&p->a, x, vx ? field : "ports"), at_of(&p->b, y, vy ? field : "ports"),
        kl_diag_text(p->d, "write %s=%s in both", name, vy ? vy : vx),
        kl_sprintf(p->c->a, "%s: %s says %s %s, %s says %s", name_of(x, y), p->a.speaks, name,
            vx ? vx : "nothing", p->b.speaks, vy ? vy : "nothing"));
}

static void bond(struct pair *p, const struct kl_link *x, const struct kl_link *y)
{
    if (!same_ports(x, y))
        effects(p,
            say(p, KL_WARNING, "bond-ports-differ", at_of(&p->a, x, "ports"),
                at_of(&p->b, y, "ports"), "name the same ports in both",
                kl_sprintf(p->c->a, "%s makes %s of %s, %s of %s", p->a.speaks, x->name,
                    words(p->c->a, x->ports, x->nports), p->b.speaks,
                    words(p->c->a, y->ports, y->nports))),
            x, y);
    if (x->mode != y->mode)
        effects(p,
            say(p, KL_WARNING, "bond-mode-differs", at_of(&p->a, x, "mode"),
                at_of(&p->b, y, "mode"),
                kl_diag_text(p->d, "write the mode that the switch is set up for in both: %s or %s",
                    kl_bond_modes[x->mode], kl_bond_modes[y->mode]),
                kl_sprintf(p->c->a, "%s makes %s with mode %s (%u), %s with %s (%u)", p->a.speaks,
                    x->name, kl_bond_modes[x->mode], x->mode, p->b.speaks, kl_bond_modes[y->mode],
                    y->mode)),
            x, y);
    for (size_t k = 0; k < x->noptions; k++)
        bond_option(p, x, y, x->options[k].name);
    for (size_t k = 0; k < y->noptions; k++)
        if (!option(x, y->options[k].name))
            bond_option(p, x, y, y->options[k].name);
}

static bool has_address(const struct kl_ip *ip, const struct kl_prefix *a, bool with_length)
{
    for (size_t k = 0; k < ip->naddresses; k++)
        if (kl_addr_eq(&ip->addresses[k].addr, &a->addr) &&
            (!with_length || ip->addresses[k].len == a->len))
            return true;
    return false;
}

/* One static, the other learnt: nothing is contradicted, but the address may change under way. */
static void static_and_learnt(
    struct pair *p, const struct kl_link *x, const struct kl_link *y, int family)
{
    const struct kl_ip *ix = ip_of(x, family), *iy = ip_of(y, family);
    const char *field = family == 4 ? "addresses4" : "addresses6";
    const char *method = family == 4 ? "ipv4" : "ipv6";
    if (p->leases)
        return;
    say(p, KL_NOTE, "address-differs", at_of(&p->a, x, ix->naddresses ? field : method),
        at_of(&p->b, y, iy->naddresses ? field : method),
        "write the address in both, if the machine is to keep it during the install",
        kl_sprintf(p->c->a, "%s: %s says %s, %s says %s", name_of(x, y), p->a.speaks,
            ip_words(p->c->a, ix, family), p->b.speaks, ip_words(p->c->a, iy, family)));
}

static void compare_addresses(
    struct pair *p, const struct kl_link *x, const struct kl_link *y, int family)
{
    const struct kl_ip *ix = ip_of(x, family), *iy = ip_of(y, family);
    const char *field = family == 4 ? "addresses4" : "addresses6";
    if (ix->method == KL_OFF || iy->method == KL_OFF)
        return; /* a family that only one stage uses */
    if (!ix->naddresses || !iy->naddresses) {
        if (ix->naddresses != iy->naddresses)
            static_and_learnt(p, x, y, family);
        return;
    }
    for (size_t k = 0; k < ix->naddresses; k++) {
        const struct kl_prefix *one = &ix->addresses[k];
        if (has_address(iy, one, true))
            return; /* the address that counts is shared */
        if (has_address(iy, one, false)) {
            if (p->leases && one->len == (family == 4 ? 32 : 128))
                return; /* the subnet is not at hand */
            effects(p,
                say(p, KL_WARNING, "prefix-differs", at_of(&p->a, x, field), at_of(&p->b, y, field),
                    "write the network's own prefix length in both",
                    kl_sprintf(p->c->a, "%s: %s says %s, %s says %s", name_of(x, y), p->a.speaks,
                        addresses(p->c->a, ix), p->b.speaks, addresses(p->c->a, iy))),
                x, y);
            return;
        }
    }
    effects(p,
        say(p, KL_WARNING, "address-differs", at_of(&p->a, x, field), at_of(&p->b, y, field),
            "write the same address in both",
            kl_sprintf(p->c->a, "%s: %s says %s, %s says %s", name_of(x, y), p->a.speaks,
                addresses(p->c->a, ix), p->b.speaks, addresses(p->c->a, iy))),
        x, y);
}

static const char *gateway_words(struct kl_arena *a, const struct kl_ip *ip, int family)
{
    char text[KL_ADDR_TEXT];
    if (ip->gateway == KL_GATEWAY_EXPLICIT)
        return kl_sprintf(a, "%s", kl_addr_text(&ip->nexthop, text));
    return ip->gateway == KL_GATEWAY_NONE ? "none"
           : family == 4                  ? "the one that DHCP gives"
                                          : "the one that router advertisements give";
}

static void compare_gateways(
    struct pair *p, const struct kl_link *x, const struct kl_link *y, int family)
{
    const struct kl_ip *ix = ip_of(x, family), *iy = ip_of(y, family);
    const char *field = family == 4 ? "gateway4" : "gateway6";
    if (ix->method == KL_OFF || iy->method == KL_OFF)
        return;
    bool explicit_x = ix->gateway == KL_GATEWAY_EXPLICIT,
         explicit_y = iy->gateway == KL_GATEWAY_EXPLICIT;
    if (!explicit_x && !explicit_y)
        return;
    if (explicit_x && explicit_y && kl_addr_eq(&ix->nexthop, &iy->nexthop))
        return;
    /* Learnt in one, written in the other: both have one. None where addresses are static: one
     * stage cannot leave its network. */
    bool learnt = ix->gateway == KL_GATEWAY_LEARNT || iy->gateway == KL_GATEWAY_LEARNT;
    const char *instead = family == 4 ? "addresses4" : "addresses6";
    struct kl_diag *one = say(p, learnt ? KL_NOTE : KL_WARNING, "gateway-differs",
        at_of(&p->a, x, explicit_x ? field : instead),
        at_of(&p->b, y, explicit_y ? field : instead), "write the same gateway in both",
        kl_sprintf(p->c->a, "%s: the IPv%d gateway of %s is %s, of %s %s", name_of(x, y), family,
            p->a.speaks, gateway_words(p->c->a, ix, family), p->b.speaks,
            gateway_words(p->c->a, iy, family)));
    const struct side *without = ix->gateway == KL_GATEWAY_NONE   ? &p->a
                                 : iy->gateway == KL_GATEWAY_NONE ? &p->b
                                                                  : NULL;
    if (without)
        kl_diag_effect(
            p->d, one, "%s: over IPv%d only its own network is reached", without->stage, family);
}

static void compare_mtu(struct pair *p, const struct kl_link *x, const struct kl_link *y)
{
    if (x->mtu == y->mtu || (!x->mtu && y->mtu == 1500) || (!y->mtu && x->mtu == 1500))
        return;
    const char *vx = x->mtu ? kl_sprintf(p->c->a, "%u", x->mtu) : "the default of 1500";
    const char *vy = y->mtu ? kl_sprintf(p->c->a, "%u", y->mtu) : "the default of 1500";
    say(p, KL_WARNING, "mtu-differs", at_of(&p->a, x, "mtu"), at_of(&p->b, y, "mtu"),
        "write the same MTU in both",
        kl_sprintf(p->c->a, "%s: the MTU of %s is %s, of %s %s", name_of(x, y), p->a.speaks, vx,
            p->b.speaks, vy));
}

static void compare_vlan(struct pair *p, const struct kl_link *x, const struct kl_link *y)
{
    if (x->vlan == y->vlan)
        return;
    effects(p,
        say(p, KL_WARNING, "vlan-missing", at_of(&p->a, x, "vlan"), at_of(&p->b, y, "vlan"),
            "give it the same id in both",
            kl_sprintf(p->c->a, "%s is VLAN %u to %s, and VLAN %u to %s", x->name, x->vlan,
                p->a.speaks, y->vlan, p->b.speaks)),
        x, y);
}

static void one_pair(struct pair *p, const struct kl_link *x, const struct kl_link *y)
{
    if (x->kind == KL_BOND && y->kind == KL_BOND)
        bond(p, x, y);
    if (x->kind == KL_VLAN && y->kind == KL_VLAN)
        compare_vlan(p, x, y);
    if (kl_link_has_ip(x) && kl_link_has_ip(y))
        for (int family = 4; family <= 6; family += 2) {
            compare_addresses(p, x, y, family);
            compare_gateways(p, x, y, family);
        }
    if (kl_link_has_ip(x) || kl_link_has_ip(y))
        compare_mtu(p, x, y);
}

/* --- links without a partner -------------------------------------------------------------------*/

/* Another name for the same VLAN. */
static bool vlan_elsewhere(struct pair *p, const struct kl_link *x)
{
    for (size_t k = 0; k < p->b.i->nlinks; k++) {
        const struct kl_link *y = &p->b.i->links[k];
        if (y->kind != KL_VLAN || y->vlan != x->vlan || !free_b(p, y))
            continue;
        say(p, KL_WARNING, "vlan-name-differs", at_of(&p->a, x, "vlan"), at_of(&p->b, y, "vlan"),
            kl_diag_text(p->d, "call it %s in both, with --interfacename=%s in the kickstart",
                x->name, x->name),
            kl_sprintf(p->c->a, "VLAN %u is called %s by %s, and %s by %s", x->vlan, x->name,
                p->a.speaks, y->name, p->b.speaks));
        join(p, x, y);
        return true;
    }
    return false;
}

/* Is the link, or one that it stands on, what carries addresses in this stage? */
static bool carries(const struct kl_intent *i, const struct kl_link *l)
{
    if (kl_link_has_ip(l))
        return true;
    for (size_t k = 0; k < i->nlinks; k++)
        if (i->links[k].parent && kl_streq(i->links[k].parent, l->name) &&
            kl_link_has_ip(&i->links[k]))
            return true;
    return false;
}

static bool bond_elsewhere(struct pair *p, const struct kl_link *x)
{
    for (size_t k = 0; k < p->b.i->nlinks; k++) {
        const struct kl_link *y = &p->b.i->links[k];
        if (y->kind != KL_BOND || !free_b(p, y) || !same_ports(x, y))
            continue;
        say(p, KL_WARNING, "device-differs", at_of(&p->a, x, "ports"), at_of(&p->b, y, "ports"),
            "call it the same in both",
            kl_sprintf(p->c->a, "the bond of %s is called %s by %s, and %s by %s",
                words(p->c->a, x->ports, x->nports), x->name, p->a.speaks, y->name, p->b.speaks));
        join(p, x, y);
        one_pair(p, x, y);
        return true;
    }
    return false;
}

/* The link by which `s` has a network while the other has one by this bond or VLAN. */
static const struct kl_link *instead(const struct side *s)
{
    const struct kl_link *l = kl_link_find(s->i, s->i->install);
    for (size_t k = 0; !l && k < s->i->nlinks; k++)
        if (kl_link_has_ip(&s->i->links[k]))
            l = &s->i->links[k];
    return l;
}

static const char *mend_missing(struct pair *p, const struct side *lacks, const struct kl_link *l)
{
    bool line = kl_streq(lacks->stage, "initrd");
    struct kl_buf ports KL_BUF_SCOPE = {0};
    for (size_t k = 0; k < l->nports; k++)
        kl_buf_addf(&ports, "%s%s", k ? "," : "", l->ports[k]);
    if (l->kind == KL_VLAN)
        return line ? kl_diag_text(p->d, "add vlan=%s:%s and an ip= for %s to the kernel line",
                          l->name, l->parent, l->name)
                    : kl_diag_text(p->d, "write --device=%s --vlanid=%u --interfacename=%s",
                          l->parent, l->vlan, l->name);
    return line ? kl_diag_text(p->d, "add bond=%s:%s:mode=%s and an ip= for %s to the kernel line",
                      l->name, kl_buf_text(&ports), kl_bond_modes[l->mode], l->name)
                : kl_diag_text(p->d, "write --device=%s --bondslaves=%s --bondopts=mode=%s",
                      l->name, kl_buf_text(&ports), kl_bond_modes[l->mode]);
}

/* Does `other` do, in the stage that lacks `l`, what `l` does in the other? It is what `l` stands
 * on, or whatever NIC there is, or one that only its own stage knows. */
static bool stands_in(const struct pair *p, const struct side *has, const struct kl_link *other,
    const struct kl_link *l, bool (*is_free)(const struct pair *, const struct kl_link *))
{
    if (l->parent && kl_streq(l->parent, other->name))
        return true;
    return other->kind == KL_ETHERNET &&
           (!kl_is_named(other) || is_free(p, other) || kl_link_controller(has->i, other->name));
}

/* `has` makes the link, `lacks` does not. Only what the stage without it does instead makes it a
 * fault: a stage that uses another link, which both know, has merely less to do. */
static void missing(struct pair *p, const struct side *has, const struct side *lacks,
    const struct kl_link *l, bool (*is_free)(const struct pair *, const struct kl_link *))
{
    const struct kl_link *other = instead(lacks);
    bool is_bond = l->kind == KL_BOND, first = has == &p->a;
    if (!other || !carries(has->i, l) || !stands_in(p, has, other, l, is_free))
        return;
    struct kl_place here = at_of(has, l, is_bond ? "ports" : "vlan");
    struct kl_place there = at_of(lacks, other, "kind");
    const char *message = is_bond
                              ? kl_sprintf(p->c->a, "%s makes %s of %s, %s does not", has->speaks,
                                    l->name, words(p->c->a, l->ports, l->nports), lacks->speaks)
                              : kl_sprintf(p->c->a, "%s makes VLAN %u (%s) on %s, %s does not",
                                    has->speaks, l->vlan, l->name, l->parent, lacks->speaks);
    struct kl_diag *one = say(p, KL_WARNING, is_bond ? "bond-missing" : "vlan-missing",
        first ? here : there, first ? there : here, mend_missing(p, lacks, l), message);
    effects(p, one, first ? l : other, first ? other : l);
}

/* The only NIC on each side, by two names that both are names. */
static void device(struct pair *p)
{
    const struct kl_link *x = only_speaker(p, p->a.i, free_a), *y = only_speaker(p, p->b.i, free_b);
    if (!x || !y || x->kind != KL_ETHERNET || y->kind != KL_ETHERNET || !kl_is_named(x) ||
        !kl_is_named(y))
        return;
    if (x->mac.set && y->mac.set)
        return; /* two NICs */
    effects(p,
        say(p, KL_WARNING, "device-differs", at_of(&p->a, x, "kind"), at_of(&p->b, y, "kind"),
            "use one name in both: net.ifnames=0 biosdevname=0 makes it eth0, eth1, ...; without "
            "them it is named by its slot",
            kl_sprintf(
                p->c->a, "%s uses %s, %s uses %s", p->a.speaks, x->name, p->b.speaks, y->name)),
        x, y);
    join(p, x, y);
    one_pair(p, x, y);
}

static void unpaired(struct pair *p)
{
    for (size_t k = 0; k < p->a.i->nlinks; k++) {
        const struct kl_link *x = &p->a.i->links[k];
        if (!free_a(p, x))
            continue;
        bool vlan = x->kind == KL_VLAN && !vlan_elsewhere(p, x);
        if (vlan || (x->kind == KL_BOND && !bond_elsewhere(p, x)))
            missing(p, &p->a, &p->b, x, free_b);
    }
    for (size_t k = 0; k < p->b.i->nlinks; k++) {
        const struct kl_link *y = &p->b.i->links[k];
        if (free_b(p, y) && (y->kind == KL_VLAN || y->kind == KL_BOND))
            missing(p, &p->b, &p->a, y, free_a);
    }
    device(p);
}

/* --- the host ----------------------------------------------------------------------------------*/

static bool has_dns(const struct kl_intent *i, const struct kl_addr *a)
{
    for (size_t k = 0; k < i->ndns; k++)
        if (kl_addr_eq(&i->dns[k], a))
            return true;
    return false;
}

static bool learns(const struct kl_intent *i)
{
    for (size_t k = 0; k < i->nlinks; k++) {
        const struct kl_link *l = &i->links[k];
        if (l->ip4.method == KL_DHCP || l->ip6.method == KL_DHCP || l->ip6.method == KL_AUTO ||
            l->ip6.gateway == KL_GATEWAY_LEARNT)
            return true;
    }
    return false;
}

static const char *dns_words(struct kl_arena *a, const struct kl_intent *i)
{
    const char *out = i->ndns ? "" : "none";
    char text[KL_ADDR_TEXT];
    for (size_t k = 0; k < i->ndns; k++)
        out = kl_sprintf(a, "%s%s%s", out, k ? ", " : "", kl_addr_text(&i->dns[k], text));
    return out;
}

static void compare_dns(struct pair *p)
{
    const struct kl_intent *x = p->a.i, *y = p->b.i;
    size_t shared = 0;
    for (size_t k = 0; k < x->ndns; k++)
        shared += has_dns(y, &x->dns[k]);
    if ((shared == x->ndns && x->ndns == y->ndns) || (!x->ndns && learns(x)) ||
        (!y->ndns && learns(y)))
        return;
    /* An initrd that has nothing to resolve needs no name server. */
    bool harmless = shared || (!x->ndns && !p->a.lasts);
    struct kl_diag *one = say(p, harmless ? KL_NOTE : KL_WARNING, "dns-differs",
        at_of(&p->a, NULL, "dns"), at_of(&p->b, NULL, "dns"), "write the same name servers in both",
        kl_sprintf(p->c->a, "the name servers of %s are %s, of %s %s", p->a.speaks,
            dns_words(p->c->a, x), p->b.speaks, dns_words(p->c->a, y)));
    if (!y->ndns && p->b.lasts)
        kl_diag_effect(
            p->d, one, "%s: no name can be resolved, here and after the reboot", p->b.stage);
}

static void compare_hostname(struct pair *p)
{
    const char *x = p->a.i->hostname, *y = p->b.i->hostname;
    if (!x || !y || strcasecmp(x, y) == 0)
        return;
    size_t nx = strcspn(x, "."), ny = strcspn(y, ".");
    bool same_host = nx == ny && strncasecmp(x, y, nx) == 0 && (!x[nx] || !y[ny]);
    say(p, same_host ? KL_NOTE : KL_WARNING, "hostname-differs", at_of(&p->a, NULL, "hostname"),
        at_of(&p->b, NULL, "hostname"), "write the same name in both",
        kl_sprintf(p->c->a, "%s names the machine %s, %s %s", p->a.speaks, x, p->b.speaks, y));
}

/* --- views -------------------------------------------------------------------------------------*/

static void hold(
    const struct kl_case *c, struct kl_diags *d, struct side a, struct side b, const char *code)
{
    if (!a.i || !b.i)
        return;
    struct pair p = {.c = c, .d = d, .a = a, .b = b, .code = code};
    p.of_a = kl_alloc(c->a, (a.i->nlinks + 1) * sizeof *p.of_a);
    p.of_b = kl_alloc(c->a, (b.i->nlinks + 1) * sizeof *p.of_b);
    pair_links(&p);
    for (size_t k = 0; k < a.i->nlinks; k++)
        if (p.of_a[k])
            one_pair(&p, &a.i->links[k], p.of_a[k]);
    unpaired(&p);
    compare_dns(&p);
    compare_hostname(&p);
}

/* What the firmware is told, as an intent: a NIC whose name it does not know. */
static struct kl_intent *of_reserved(const struct kl_case *c)
{
    static const char *const fields[][2] = {{"ip4", "addresses4"}, {"ip6", "addresses6"},
        {"router", "gateway4"}, {"mtu", "mtu"}, {"mac", "mac"}};
    const struct kl_reserved *r = c->reserved;
    struct kl_intent *i = kl_alloc(c->a, sizeof *i);
    struct kl_link *l = kl_alloc(c->a, sizeof *l);
    char mac[KL_MAC_TEXT];
    const char *name = r->mac.set ? kl_strdup(c->a, kl_mac_text(&r->mac, mac)) : "*";
    *l = (struct kl_link){.name = name, .mac = r->mac, .mtu = r->mtu, .at = r->at};
    if (r->ip4.addr.family) {
        l->ip4.method = KL_STATIC;
        l->ip4.addresses = (struct kl_prefix *)&r->ip4;
        l->ip4.naddresses = 1;
        l->ip4.gateway = r->router.family ? KL_GATEWAY_EXPLICIT : KL_GATEWAY_LEARNT;
        l->ip4.nexthop = r->router;
    }
    if (r->ip6.addr.family) {
        l->ip6.method = KL_STATIC;
        l->ip6.addresses = (struct kl_prefix *)&r->ip6;
        l->ip6.naddresses = 1;
        l->ip6.gateway = KL_GATEWAY_LEARNT;
    }
    *i = (struct kl_intent){.hostname = r->hostname,
        .links = l,
        .nlinks = 1,
        .dns = r->dns,
        .ndns = r->ndns,
        .install = l->name,
        .at = r->at};
    for (size_t k = 0; k < r->nsaid; k++) {
        const struct kl_said *said = &r->said[k];
        kl_intent_say(c->a, i, NULL, said->field, said->at);
        for (size_t n = 0; n < sizeof fields / sizeof *fields; n++)
            if (kl_streq(said->field, fields[n][0]))
                kl_intent_say(c->a, i, l->name, fields[n][1], said->at);
    }
    return i;
}

/* The reservation is for one NIC; the link that carries the install has its address. */
static void hold_reserved(const struct kl_case *c, struct kl_diags *d, struct side b)
{
    if (!c->reserved || !b.i)
        return;
    struct side a = {"firmware", "the reservation", of_reserved(c), false};
    struct pair p = {.c = c, .d = d, .a = a, .b = b, .leases = true};
    const struct kl_link *y = instead(&b);
    if (y && (!y->mac.set || !c->reserved->mac.set || y->kind != KL_ETHERNET ||
                 kl_mac_eq(&y->mac, &c->reserved->mac)))
        one_pair(&p, &a.i->links[0], y);
    if (a.i->ndns)
        compare_dns(&p);
    compare_hostname(&p);
}

void kl_rules_lockstep(const struct kl_case *c, struct kl_diags *d)
{
    struct side initrd = {"initrd", "the kernel line", c->initrd, false};
    struct side installer = {"installer", "the kickstart", c->installer, true};
    struct side system = {"system", c->system_is, c->system, true};
    hold_reserved(c, d, c->initrd ? initrd : installer);
    hold(c, d, initrd, installer, NULL);
    hold(c, d, c->installer ? installer : initrd, system, "system-differs");
}
