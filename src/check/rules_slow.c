/* Interfaces that are tried before the right one. Code: slow-path.
 *
 * Legacy dracut without a named interface runs ifup on each NIC that udev reports, one job after
 * the other (net-genrules.sh, 91-default-net.rules; the initqueue), and each job waits for the
 * carrier and then for dhclient, which gives up after sixty seconds (dhclient.conf(5), timeout), or
 * after rd.net.timeout.dhcp=. NetworkManager asks on all of them at the same time, and the initrd
 * goes on when the slowest has ended. */
#include "check/reach.h"

#include <string.h>

/* --- what the release waits --------------------------------------------------------------------*/

static unsigned seconds(const struct kl_case *c, const char *key, unsigned otherwise)
{
    const char *value = kl_reach_line_value(c, key);
    unsigned long n;
    return value && kl_number(value, 100000, &n) ? (unsigned)n : otherwise;
}

/* For one interface that has a link and no answer. docs/boot-stages.md, section 1.2. */
static unsigned dhcp_seconds(const struct kl_case *c)
{
    if (!kl_is_legacy(c))
        return seconds(c, "rd.net.timeout.dhcp", c->release->nm_minor < 30 ? 180 : 90);
    return kl_release_since(c->release, 7, 2) ? seconds(c, "rd.net.timeout.dhcp", 60) : 60;
}

/* For one that has no link. */
static unsigned carrier_seconds(const struct kl_case *c)
{
    unsigned usual = kl_release_since(c->release, 8, 2) ? 10 : 5;
    return kl_release_since(c->release, 7, 2) ? seconds(c, "rd.net.timeout.carrier", usual) : usual;
}

/* --- how many there are ------------------------------------------------------------------------*/

static size_t nics_of(const struct kl_intent *i)
{
    size_t n = 0;
    for (size_t k = 0; i && k < i->nlinks; k++)
        n += i->links[k].kind == KL_ETHERNET && kl_is_named(&i->links[k]);
    return n;
}

/* The most that one text names; --nics says it outright. NetworkManager's wait depends on cables
 * that no text shows, so there only that counts, and what stands beside a bond. */
static size_t known_nics(const struct kl_case *c)
{
    size_t n = c->nics, more[] = {nics_of(c->initrd), nics_of(c->installer), nics_of(c->system)};
    for (size_t k = 0; k < 3 && !c->nics; k++)
        n = more[k] > n ? more[k] : n;
    return n;
}

static const struct kl_link *bond_of(const struct kl_intent *i)
{
    for (size_t k = 0; i && k < i->nlinks; k++)
        if (i->links[k].kind == KL_BOND && i->links[k].nports > 1)
            return &i->links[k];
    return NULL;
}

/* --- an initrd that is told no interface -------------------------------------------------------*/

static bool is_generic_dhcp(const char *value)
{
    static const char *const words[] = {"dhcp", "on", "any", "single-dhcp", NULL};
    for (const char *const *w = words; *w; w++)
        if (strcmp(value, *w) == 0)
            return true;
    return false;
}

/* No device, no interface, no MAC: nothing on the line says which NIC is meant. */
static bool is_told_nothing(const struct kl_case *c)
{
    static const char *const tells[] = {
        "bond", "bridge", "vlan", "team", "bootdev", "ibft", "netroot", NULL};
    const char *ksdevice = kl_reach_line_value(c, "ksdevice");
    if (!c->line || !c->initrd || kl_line_is_open(c) || kl_line_has_bootif(c))
        return false;
    if (ksdevice && strcmp(ksdevice, "link") != 0)
        return false;
    for (const char *const *t = tells; *t; t++)
        if (kl_line_word(c, *t))
            return false;
    for (size_t k = 0; k < c->line->n; k++)
        if (kl_starts(c->line->args[k].text, "ip=") &&
            !is_generic_dhcp(c->line->args[k].text + strlen("ip=")))
            return false;
    return true;
}

static struct kl_place where_told(const struct kl_case *c)
{
    const struct kl_arg *w = kl_line_word(c, "ip");
    w = w ? w : kl_line_word(c, "ksdevice");
    w = w ? w : c->ks_named;
    w = w ? w : kl_line_word(c, "inst.ks");
    return w ? w->at : c->line->at;
}

static bool needs_network(const struct kl_case *c)
{
    struct kl_wanted *wanted;
    size_t n = kl_wanted_initrd(c, &wanted);
    for (size_t k = 0; k < n; k++)
        if (*wanted[k].host)
            return true;
    return false;
}

/* bond= as the kernel line would say it. Values that are lists need a release's own separator. */
static const char *mend(struct kl_diags *d, const struct kl_link *bond)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    if (!bond)
        return "name the interface: ip=NAME:dhcp; or let the loader say which NIC booted (BOOTIF=)";
    for (size_t k = 0; k < bond->nports; k++)
        kl_buf_addf(&b, "%s%s", k ? "," : "", bond->ports[k]);
    kl_buf_addf(&b, ":mode=%s", kl_bond_modes[bond->mode]);
    for (size_t k = 0; k < bond->noptions; k++)
        if (!strchr(bond->options[k].value, ','))
            kl_buf_addf(&b, ",%s=%s", bond->options[k].name, bond->options[k].value);
    return kl_diag_text(d, "say the bond on the kernel line too: bond=%s:%s, and ip= for %s",
        bond->name, b.s, bond->name);
}

static void say_effects(
    const struct kl_case *c, struct kl_diags *d, struct kl_diag *one, size_t others)
{
    unsigned wait = dhcp_seconds(c), carrier = carrier_seconds(c);
    if (!kl_is_legacy(c))
        kl_diag_effect(d, one,
            "initrd: asks by DHCP on all interfaces at once, and waits up to %u s for those that "
            "have a link and get no answer",
            wait);
    else if (others)
        kl_diag_effect(d, one,
            "initrd: up to %zu interfaces before it, each %u s when it has a link and gets no "
            "answer, %u s when it has no link: %zu s at worst",
            others, wait, carrier, others * wait);
    else
        kl_diag_effect(d, one,
            "initrd: each interface before it costs %u s when it has a link and gets no answer, "
            "%u s when it has no link",
            wait, carrier);
}

/* Field report A: the bond is in the kickstart only. */
static void check_untold(const struct kl_case *c, struct kl_diags *d)
{
    const struct kl_link *bond = bond_of(c->installer);
    const struct kl_intent *from = c->installer;
    if (!bond) {
        bond = bond_of(c->system);
        from = c->system;
    }
    size_t nics = known_nics(c), right = bond ? bond->nports : 1;
    size_t others = nics > right ? nics - right : 0;
    bool proven = kl_is_legacy(c) ? others || bond : others && (bond || c->nics);
    if (!is_told_nothing(c) || !needs_network(c) || !proven)
        return;
    struct kl_diag *one;
    if (kl_is_legacy(c))
        one = kl_diag(d, KL_WARNING, "slow-path", where_told(c), mend(d, bond),
            "the kernel line names no interface, so the initrd tries them one after the other%s%s",
            bond ? ", while the install is meant to use " : "", bond ? bond->name : "");
    else
        one = kl_diag(d, KL_WARNING, "slow-path", where_told(c), mend(d, bond),
            "the kernel line names none of %zu interfaces, so the initrd waits for the slowest",
            nics);
    if (bond) {
        struct kl_place at = kl_intent_said(from, bond->name, "ports");
        if (at.file && at.line)
            kl_diag_also(d, one, at, "%s is made here, after the initrd", bond->name);
    }
    say_effects(c, d, one, others);
}

/* --- an ip= for a port -------------------------------------------------------------------------*/

static const struct kl_arg *ip_for(const struct kl_case *c, const char *interface)
{
    for (size_t k = 0; k < c->line->n; k++)
        if (kl_starts(c->line->args[k].text, "ip=") &&
            strcmp(kl_ip_interface(c, &c->line->args[k]), interface) == 0)
            return &c->line->args[k];
    return NULL;
}

/* It has no effect, and the bond, for which there is none, is tried by DHCP: 033 of 7.0 to 7.2
 * (ifup.sh, "no ip option directed at our interface"), and NetworkManager, whose profile of the
 * bond is automatic. From 7.3 to 8.2 the bond gets nothing: no-address. */
static void check_ports(const struct kl_case *c, struct kl_diags *d, const struct kl_link *bond)
{
    const struct kl_arg *ip = NULL;
    const char *port = NULL;
    if (ip_for(c, bond->name) || ip_for(c, "*"))
        return;
    for (size_t p = 0; p < bond->nports && !ip; p++) {
        port = bond->ports[p];
        ip = ip_for(c, port);
    }
    if (!ip || strcmp(kl_ip_interface(c, ip), bond->name) == 0)
        return;
    struct kl_diag *one = kl_diag(d, KL_WARNING, "slow-path", ip->at,
        kl_diag_text(d, "name %s in ip= instead of %s", bond->name, port),
        "the ip= for %s has no effect, because %s is a port of %s: the initrd asks on %s by DHCP",
        port, port, bond->name, bond->name);
    struct kl_place at = kl_intent_said(c->initrd, bond->name, "ports");
    if (at.file && at.line)
        kl_diag_also(d, one, at, "the ports of %s", bond->name);
    kl_diag_effect(
        d, one, "initrd: waits up to %u s for an answer on %s", dhcp_seconds(c), bond->name);
}

static void check_bonds(const struct kl_case *c, struct kl_diags *d)
{
    if (!kl_line_has_ip(c) || c->release->engine == KL_ENGINE_DRACUT_033B ||
        c->release->engine == KL_ENGINE_DRACUT_049)
        return;
    for (size_t k = 0; k < c->initrd->nlinks; k++)
        if (c->initrd->links[k].kind == KL_BOND)
            check_ports(c, d, &c->initrd->links[k]);
}

/* --- a network command without a device --------------------------------------------------------*/

/* anaconda takes the first interface, by name, that has a link. */
static void check_devices(const struct kl_case *c, struct kl_diags *d)
{
    const char *ksdevice = kl_reach_line_value(c, "ksdevice");
    size_t nics = known_nics(c);
    for (size_t k = 0; c->ks && nics > 1 && k < c->ks->ncommands; k++) {
        const struct kl_ks_command *n = &c->ks->commands[k];
        struct kl_place at = n->at;
        const char *device = kl_ks_option(n, "--device", &at);
        bool link =
            device ? strcmp(device, "link") == 0 : !ksdevice || strcmp(ksdevice, "link") == 0;
        if (strcmp(n->name, "network") != 0 || !link || !kl_ks_option(n, "--ip", NULL))
            continue;
        struct kl_diag *one = kl_diag(d, KL_WARNING, "slow-path", at, "name it: --device=NAME",
            "the installer gives the address to whichever of %zu interfaces has a link first",
            nics);
        kl_diag_effect(d, one,
            "installer: takes the first by name that has a link, and finds nothing when it is on "
            "another network");
        return;
    }
}

void kl_rules_slow(const struct kl_case *c, struct kl_diags *d)
{
    check_untold(c, d);
    check_bonds(c, d);
    check_devices(c, d);
}
