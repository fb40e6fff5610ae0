/* What is wrong with the links of one stage. Codes: gateway-off-link, no-address. */
#include "check/reach.h"

#include <string.h>

static bool is_on_line(const struct kl_place *at)
{
    return at->file && at->line;
}

/* --- gateway-off-link --------------------------------------------------------------------------*/

/* NetworkManager makes a route to the gateway over the link before the default route when none
 * leads there: nm-device.c of 1.0 on for IPv4; both families and all routes since 1.11.3
 * (c9f89cafdf). Where the address has no network at all (/32, /128), that is meant. */
static bool is_meant(const struct kl_ip *ip)
{
    for (size_t k = 0; k < ip->naddresses; k++)
        if (ip->addresses[k].len < (ip->addresses[k].addr.family == 4 ? 32 : 128))
            return false;
    return true;
}

/* Has another link a gateway that works? */
static bool has_other(const struct kl_case *c, const struct kl_intent *i, int family)
{
    for (size_t k = 0; k < i->nlinks; k++) {
        const struct kl_ip *ip = family == 4 ? &i->links[k].ip4 : &i->links[k].ip6;
        if (ip->method != KL_OFF && ip->gateway != KL_GATEWAY_NONE &&
            kl_reach_gateway(c->a, &i->links[k], family).reach != KL_UNREACHED)
            return true;
    }
    return false;
}

static void check_gateway(const struct kl_case *c, struct kl_diags *d, const char *stage,
    const struct kl_intent *i, const struct kl_link *l, int family)
{
    bool legacy = strcmp(stage, "initrd") == 0 && kl_is_legacy(c);
    struct kl_reach_answer answer = kl_reach_gateway(c->a, l, family);
    const struct kl_ip *ip = family == 4 ? &l->ip4 : &l->ip6;
    if (answer.reach != KL_UNREACHED || kl_link_controller(i, l->name) ||
        (!legacy && is_meant(ip)) || !kl_addr_is_unicast(&ip->addresses[0].addr) ||
        !kl_addr_is_unicast(&ip->nexthop))
        return; /* what is no address of a host at all is another finding */
    struct kl_place at = kl_intent_said(i, l->name, answer.field);
    struct kl_place also = kl_intent_said(i, l->name, family == 4 ? "addresses4" : "addresses6");
    bool fatal = legacy && !has_other(c, i, family);
    struct kl_diag *one = kl_diag(d, fatal ? KL_ERROR : KL_WARNING, "gateway-off-link", at,
        answer.mend, "%s: %s", stage, answer.why);
    if (is_on_line(&also) && (also.line != at.line || also.col != at.col))
        kl_diag_also(d, one, also, "the address of %s", l->name);
    if (legacy)
        kl_diag_effect(
            d, one, "initrd: the kernel refuses the route, so there is no IPv%d gateway", family);
    else
        kl_diag_effect(d, one,
            "%s: NetworkManager looks for the gateway on the link all the same, which works only "
            "if it answers there",
            stage);
}

static void check_gateways(
    const struct kl_case *c, struct kl_diags *d, const char *stage, const struct kl_intent *i)
{
    for (size_t k = 0; k < i->nlinks; k++)
        for (int family = 4; family <= 6; family += 2)
            check_gateway(c, d, stage, i, &i->links[k], family);
}

static struct kl_place reserved_said(const struct kl_reserved *r, const char *field)
{
    for (size_t k = 0; k < r->nsaid; k++)
        if (kl_streq(r->said[k].field, field))
            return r->said[k].at;
    return r->at;
}

static void check_router(const struct kl_case *c, struct kl_diags *d)
{
    const struct kl_reserved *r = c->reserved;
    char via[KL_ADDR_TEXT], here[KL_PREFIX_TEXT];
    if (!r || r->router.family != 4 || r->ip4.addr.family != 4 || !r->ip4.len || r->ip4.len >= 32 ||
        kl_prefix_has(&r->ip4, &r->router))
        return;
    struct kl_diag *one = kl_diag(d, KL_WARNING, "gateway-off-link", reserved_said(r, "router"),
        "name the router of the subnet",
        "the router %s that DHCP names is not on the network of the reserved address %s",
        kl_addr_text(&r->router, via), kl_prefix_text(&r->ip4, here));
    struct kl_place at = reserved_said(r, "ip4");
    if (is_on_line(&at))
        kl_diag_also(d, one, at, "the reserved address");
    kl_diag_effect(d, one, "firmware: has no way out of its own network");
}

/* --- no-address: the initrd --------------------------------------------------------------------*/

/* What makes the stage need the network; NULL. */
static const struct kl_wanted *need(const struct kl_wanted *wanted, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (*wanted[k].host && wanted[k].severity == KL_ERROR)
            return &wanted[k];
    return NULL;
}

static const struct kl_arg *ip_of(const struct kl_case *c, const char *interface)
{
    for (size_t k = 0; c->line && k < c->line->n; k++) {
        const struct kl_arg *w = &c->line->args[k];
        if (kl_starts(w->text, "ip=") && strcmp(kl_ip_interface(c, w), interface) == 0)
            return w;
    }
    return NULL;
}

/* NetworkManager: a profile is made for each ip=, and all of them are without addresses. (Legacy
 * dracut stops at such a line, which its reader says.) */
static const struct kl_arg *all_off(const struct kl_case *c)
{
    const struct kl_arg *last = NULL;
    if (!kl_line_has_ip(c) || kl_is_legacy(c) || kl_line_has_bootif(c))
        return NULL;
    for (size_t k = 0; k < c->initrd->nlinks; k++)
        if (kl_link_has_ip(&c->initrd->links[k]))
            return NULL;
    for (size_t k = 0; k < c->line->n; k++) {
        if (!kl_starts(c->line->args[k].text, "ip="))
            continue;
        last = &c->line->args[k];
        if (!kl_link_find(c->initrd, kl_ip_interface(c, last)))
            return NULL;
    }
    return last;
}

static bool check_all_off(const struct kl_case *c, struct kl_diags *d, const struct kl_wanted *why)
{
    const struct kl_arg *ip = all_off(c);
    if (!ip)
        return false;
    const char *name = kl_ip_interface(c, ip);
    bool any = strcmp(name, "*") == 0;
    struct kl_diag *one = kl_diag(d, KL_ERROR, "no-address", ip->at,
        any ? "write ip=dhcp, or an address"
            : kl_diag_text(d, "write ip=%s:dhcp, or an address", name),
        "the initrd gives %s no address, and %s%s is fetched over the network",
        any ? "the interfaces" : name, why->what, why->text);
    kl_diag_also(d, one, why->at, "needs the network");
    kl_diag_effect(d, one, "initrd: %s", why->effect);
    return true;
}

/* From 7.3 on, ifup.sh configures a device that no ip= is for only when it is the boot device; and
 * the first ip= makes its own interface that. */
static bool gets_nothing(const struct kl_case *c, const struct kl_link *l)
{
    return kl_line_has_ip(c) && kl_is_legacy(c) && c->release->engine != KL_ENGINE_DRACUT_033A &&
           !kl_link_has_ip(l) && !ip_of(c, "*") && !kl_line_has_bootif(c) &&
           !kl_line_word(c, "bootdev") && !kl_line_word(c, "ksdevice") &&
           !kl_link_controller(c->initrd, l->name);
}

static void say_nothing_for(const struct kl_case *c, struct kl_diags *d, const struct kl_link *l,
    const struct kl_arg *ip, const char *is)
{
    struct kl_place at = kl_intent_said(c->initrd, l->name, "kind");
    const char *other = kl_ip_interface(c, ip);
    struct kl_diag *one = kl_diag(d, KL_WARNING, "no-address", ip->at,
        kl_diag_text(d, "name %s in ip= instead of %s", l->name, other),
        "the initrd makes %s, and nothing gives it an address: the ip= is for %s, %s", l->name,
        other, is);
    if (is_on_line(&at))
        kl_diag_also(d, one, at, "%s is made here", l->name);
    kl_diag_effect(d, one, "initrd: %s is up without an address", l->name);
}

/* ip= as the kickstart has it. */
static const char *ip_like(struct kl_diags *d, const struct kl_intent *i, const struct kl_link *l)
{
    char address[KL_ADDR_TEXT], via[KL_ADDR_TEXT] = "";
    bool four = l->ip4.method == KL_STATIC && l->ip4.naddresses;
    const struct kl_ip *ip = four ? &l->ip4 : &l->ip6;
    const char *open = four ? "" : "[", *close = four ? "" : "]";
    bool has_via = ip->gateway == KL_GATEWAY_EXPLICIT;
    if (!ip->addresses[0].len)
        return kl_diag_text(d, "add ip= for %s", l->name);
    kl_addr_text(&ip->addresses[0].addr, address);
    if (has_via)
        kl_addr_text(&ip->nexthop, via);
    return kl_diag_text(d, "add ip=%s%s%s::%s%s%s:%u:%s:%s:none", open, address, close,
        has_via ? open : "", via, has_via ? close : "", ip->addresses[0].len,
        four && i->hostname ? i->hostname : "", l->name);
}

/* Field report A: the line makes the bond, and says no address. Then DHCP is all that is left. */
static void check_unsaid(const struct kl_case *c, struct kl_diags *d, const struct kl_link *l)
{
    const struct kl_link *same = c->installer ? kl_link_find(c->installer, l->name) : NULL;
    if (l->kind == KL_ETHERNET || kl_link_controller(c->initrd, l->name) || !same ||
        same->kind != l->kind || same->ip4.method == KL_DHCP)
        return;
    bool four = same->ip4.method == KL_STATIC && same->ip4.naddresses;
    bool six = same->ip6.method == KL_STATIC && same->ip6.naddresses;
    if (!four && !six)
        return;
    struct kl_diag *one = kl_diag(d, KL_WARNING, "no-address",
        kl_intent_said(c->initrd, l->name, "kind"), ip_like(d, c->installer, same),
        "the kernel line makes %s and has no ip= for it, while the kickstart gives it an address",
        l->name);
    struct kl_place at =
        kl_intent_said(c->installer, same->name, four ? "addresses4" : "addresses6");
    if (is_on_line(&at))
        kl_diag_also(d, one, at, "the address in the kickstart");
    kl_diag_effect(
        d, one, "initrd: asks on %s by DHCP, and has no network where nobody answers", l->name);
}

/* The address went to a port. */
static void check_bond(const struct kl_case *c, struct kl_diags *d, const struct kl_link *l)
{
    for (size_t p = 0; p < l->nports; p++) {
        const struct kl_arg *ip = ip_of(c, l->ports[p]);
        if (!ip)
            continue;
        say_nothing_for(c, d, l, ip, "which is a port of it");
        return;
    }
}

/* The address went to the parent, while the kickstart has it on the VLAN. */
static void check_vlan(const struct kl_case *c, struct kl_diags *d, const struct kl_link *l)
{
    const struct kl_arg *ip = l->parent ? ip_of(c, l->parent) : NULL;
    for (size_t k = 0; ip && c->installer && k < c->installer->nlinks; k++) {
        const struct kl_link *other = &c->installer->links[k];
        const struct kl_link *below = kl_link_find(c->installer, l->parent);
        if (other->kind != KL_VLAN || other->vlan != l->vlan || !kl_link_has_ip(other) ||
            (below && kl_link_has_ip(below)))
            continue;
        say_nothing_for(c, d, l, ip, "which it stands on");
        return;
    }
}

static void check_initrd(const struct kl_case *c, struct kl_diags *d)
{
    struct kl_wanted *wanted;
    size_t n = kl_wanted_initrd(c, &wanted);
    const struct kl_wanted *why = need(wanted, n);
    if (!why || !c->initrd || check_all_off(c, d, why))
        return;
    bool unsaid = !kl_line_word(c, "ip") && !kl_line_word(c, "ipv6") && !kl_line_is_open(c);
    for (size_t k = 0; k < c->initrd->nlinks; k++) {
        const struct kl_link *l = &c->initrd->links[k];
        if (unsaid)
            check_unsaid(c, d, l);
        if (!gets_nothing(c, l))
            continue;
        if (l->kind == KL_VLAN)
            check_vlan(c, d, l);
        else
            check_bond(c, d, l);
    }
}

/* --- no-address: the installer -----------------------------------------------------------------*/

/* The only network command that describes a device, when it is brought up for certain. */
static const struct kl_ks_command *only_network(const struct kl_kickstart *ks)
{
    const struct kl_ks_command *found = NULL;
    if (ks->ndevices != 1)
        return NULL;
    for (size_t k = 0; k < ks->ncommands; k++) {
        const struct kl_ks_command *c = &ks->commands[k];
        if (c->name[0] == '%')
            return NULL; /* an include: who knows */
        if (strcmp(c->name, "network") != 0 || (c->n == 1 && kl_ks_option(c, "--hostname", NULL)))
            continue;
        if (found || kl_ks_option(c, "--no-activate", NULL) || kl_ks_option(c, "--onboot", NULL))
            return NULL;
        found = c;
    }
    return found;
}

/* `network` that leaves its device without any address, while the installer still has to fetch. */
static void check_installer(const struct kl_case *c, struct kl_diags *d)
{
    struct kl_wanted *wanted;
    size_t n = kl_wanted_installer(c, &wanted);
    const struct kl_wanted *why = need(wanted, n);
    const struct kl_ks_command *command = c->ks ? only_network(c->ks) : NULL;
    struct kl_addr source;
    if (!why || !command || !c->installer || c->installer == c->initrd ||
        !kl_ks_option(command, "--noipv4", NULL) || !kl_ks_option(command, "--noipv6", NULL) ||
        !kl_release_since(c->release, 7, 3))
        return;
    struct kl_view before = kl_view_initrd(c);
    for (size_t k = 0; k < c->installer->nlinks; k++)
        if (kl_link_has_ip(&c->installer->links[k]))
            return;
    for (size_t k = 0; before.i && k < before.i->nlinks; k++)
        if (kl_link_has_ip(&before.i->links[k]) &&
            !kl_link_find(c->installer, before.i->links[k].name))
            return; /* stays up */
    bool sure = before.i && kl_addr_parse(why->host, &source) && source.family == 4;
    struct kl_diag *one = kl_diag(d, sure ? KL_ERROR : KL_WARNING, "no-address", command->at,
        "take --noipv4 or --noipv6 out",
        "the installer takes every address from its device, and %s%s is reached over the network",
        why->what, why->text);
    kl_diag_also(d, one, why->at, "needs the network");
    kl_diag_effect(d, one, "installer: %s", why->effect);
}

void kl_rules_links(const struct kl_case *c, struct kl_diags *d)
{
    if (kl_line_has_ip(c))
        check_gateways(c, d, "initrd", c->initrd);
    if (c->installer && c->installer != c->initrd)
        check_gateways(c, d, "installer", c->installer);
    if (c->system && c->system != c->installer)
        check_gateways(c, d, "system", c->system);
    check_router(c, d);
    check_initrd(c, d);
    check_installer(c, d);
}
