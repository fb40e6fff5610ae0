/* Faults of a release that its texts meet (docs/boot-stages.md §5), as far as a case proves that
 * they do, and no reader has said so. A small table, until the database of quirks takes its place:
 * each row has a condition over a case, which says where it is met. Code: quirk. */
#include "check/rules_kickstart.h"

#include <string.h>

struct met {
    const struct kl_case *c;
    struct kl_place at;
    const char *what; /* which device, or "" */
};

struct quirk {
    unsigned number;
    int since[2], fixed[2]; /* EL releases: from, and the first without it */
    enum kl_severity severity;
    bool (*meets)(struct met *m);
    const char *message, *mend, *effect;
};

/* --- what conditions ask -----------------------------------------------------------------------*/

static const struct kl_arg *word(const struct met *m, const char *key)
{
    return m->c->line ? kl_cmdline_last(m->c->line, key, NULL) : NULL;
}

static bool at_word(struct met *m, const struct kl_arg *w)
{
    if (!w)
        return false;
    m->at = w->at;
    return true;
}

static bool over_network(const char *url)
{
    return url && (strstr(url, "://") || kl_starts(url, "nfs:")) && !kl_starts(url, "file:") &&
           !kl_starts(url, "hd:") && !kl_starts(url, "cdrom");
}

static bool at_link(struct met *m, const struct kl_intent *i, const char *link, const char *field)
{
    m->at = kl_intent_said(i, link, field);
    m->what = link;
    return m->at.file != NULL;
}

/* A link of a kind in the kickstart's commands. */
static const struct kl_link *ks_link(const struct met *m, enum kl_link_kind kind)
{
    const struct kl_intent *i = m->c->ks ? m->c->ks->network : NULL;
    for (size_t k = 0; i && k < i->nlinks; k++)
        if (i->links[k].kind == kind)
            return &i->links[k];
    return NULL;
}

static const struct kl_ks_command *network_with(const struct met *m, const char *option)
{
    for (size_t k = 0; m->c->ks && k < m->c->ks->ncommands; k++) {
        const struct kl_ks_command *c = &m->c->ks->commands[k];
        for (size_t n = 0; strcmp(c->name, "network") == 0 && n < c->n; n++)
            if (kl_starts(c->args[n].text, option))
                return c;
    }
    return NULL;
}

/* Fields of a word's value, parted by colons. */
static size_t fields(const struct kl_arg *w)
{
    size_t n = 1;
    for (const char *s = kl_arg_value(w); s && *s; s++)
        n += *s == ':';
    return n;
}

/* --- conditions --------------------------------------------------------------------------------*/

static bool static_ipv6(struct met *m, bool learnt)
{
    const struct kl_intent *i = m->c->initrd;
    if (!over_network(m->c->what.kickstart) && !over_network(m->c->what.stage2) &&
        !over_network(m->c->what.repo))
        return false;
    for (size_t k = 0; i && k < i->nlinks; k++) {
        const struct kl_ip *ip = &i->links[k].ip6;
        if (ip->naddresses && (!learnt || ip->gateway != KL_GATEWAY_EXPLICIT))
            return at_link(m, i, i->links[k].name, "addresses6");
    }
    return false;
}

static bool q1_early(struct met *m)
{
    return static_ipv6(m, false);
}

static bool q1_route(struct met *m)
{
    return static_ipv6(m, true);
}

static bool q2_stall(struct met *m)
{
    return !word(m, "rd.net.timeout.ipv6dad") && static_ipv6(m, true);
}

static bool q6_route(struct met *m)
{
    const struct kl_intent *i = m->c->ks ? m->c->ks->network : NULL;
    for (size_t k = 0; i && k < i->nlinks; k++)
        if (i->links[k].ip6.method == KL_STATIC && i->links[k].ip6.gateway == KL_GATEWAY_NONE &&
            !kl_addr_is_link_local(&i->links[k].ip6.addresses[0].addr))
            return at_link(m, i, i->links[k].name, "addresses6");
    return false;
}

/* Does a %post write or mend the files of the ports? */
static bool mends_ports(const struct kl_kickstart *ks)
{
    for (size_t k = 0; k < ks->nsections; k++)
        if (kl_starts(ks->sections[k].name, "%post") && ks->sections[k].body &&
            strstr(ks->sections[k].body, "SLAVE"))
            return true;
    for (size_t k = 0; k < ks->ncommands; k++)
        if (kl_starts(ks->commands[k].name, "%include"))
            return true; /* who knows */
    return false;
}

static bool q9_ports(struct met *m)
{
    const struct kl_link *bond = ks_link(m, KL_BOND);
    return bond && !mends_ports(m->c->ks) && at_link(m, m->c->ks->network, bond->name, "ports");
}

static bool q10_twice(struct met *m)
{
    const struct kl_intent *i = m->c->ks ? m->c->ks->network : NULL;
    const struct kl_arg *ip = word(m, "ip");
    const struct kl_link *l = i && i->install ? kl_link_find(i, i->install) : NULL;
    const struct kl_link *same =
        l && ip && m->c->initrd ? kl_link_find(m->c->initrd, l->name) : NULL;
    return same && kl_link_has_ip(same) && kl_link_has_ip(l) && l->at.file &&
           at_link(m, i, l->name, "kind");
}

static bool q11_vlan(struct met *m)
{
    const struct kl_intent *i = m->c->ks ? m->c->ks->network : NULL;
    for (size_t k = 0; i && k < i->nlinks; k++) {
        const struct kl_link *l = &i->links[k];
        const struct kl_link *parent = l->kind == KL_VLAN ? kl_link_find(i, l->parent) : NULL;
        if (parent && parent->kind == KL_BOND && network_with(m, "--vlanid"))
            return at_link(m, i, l->name, "vlan");
    }
    return false;
}

static bool q14_neednet(struct met *m)
{
    const struct kl_intent *i = m->c->initrd;
    const struct kl_arg *w = word(m, "rd.neednet");
    bool bond = false, other = false;
    for (size_t k = 0; i && k < i->nlinks; k++) {
        bond |= i->links[k].kind == KL_BOND;
        other |= i->links[k].kind == KL_ETHERNET && kl_link_has_ip(&i->links[k]);
    }
    return bond && other && w && !kl_streq(kl_arg_value(w), "0") && at_word(m, w);
}

static bool bond_mtu(struct met *m)
{
    const struct kl_arg *w = word(m, "bond");
    return w && fields(w) >= 4 && !strchr(w->text, '[') && at_word(m, w);
}

static bool q19_defaults(struct met *m)
{
    const struct kl_link *bond = ks_link(m, KL_BOND);
    return bond && at_link(m, m->c->ks->network, bond->name, "ports");
}

static bool q20_bond(struct met *m)
{
    const struct kl_link *bond = ks_link(m, KL_BOND);
    return bond && m->c->line && !word(m, "ip") && !word(m, "bond") &&
           at_link(m, m->c->ks->network, bond->name, "ports");
}

static bool q21_disk(struct met *m)
{
    const char *ks = m->c->what.kickstart;
    bool local = ks && (kl_starts(ks, "hd:") || kl_starts(ks, "cdrom") || kl_starts(ks, "file:"));
    if (!local || word(m, "ip") || word(m, "rd.neednet") || over_network(m->c->what.stage2) ||
        over_network(m->c->what.repo) || !m->c->ks)
        return false;
    for (size_t k = 0; k < m->c->ks->ncommands; k++) {
        const struct kl_ks_command *c = &m->c->ks->commands[k];
        if (strcmp(c->name, "url") != 0 && strcmp(c->name, "nfs") != 0)
            continue;
        m->at = kl_command_place(c);
        return true;
    }
    return false;
}

static bool q22_virtual(struct met *m)
{
    const struct kl_arg *w = word(m, "bond");
    return w && m->c->ks && !m->c->ks->ndevices && !network_with(m, "--") && !m->c->system &&
           at_word(m, w);
}

static bool q30_parent(struct met *m)
{
    const struct kl_intent *i = m->c->initrd;
    for (size_t k = 0; i && k < i->nlinks; k++) {
        const struct kl_link *l = &i->links[k];
        const struct kl_link *parent = l->kind == KL_VLAN ? kl_link_find(i, l->parent) : NULL;
        if (parent && parent->ip4.method == KL_DHCP)
            return at_link(m, i, l->name, "parent");
    }
    return false;
}

/* An ip= that ends in METHOD:[a...]: an IPv6 name server that begins with a letter. */
static bool hex_dns(const char *text)
{
    static const char *const methods[] = {"none", "off", "dhcp", "dhcp6", "auto6", NULL};
    const char *open = strrchr(text, '['), *close = open ? strchr(open, ']') : NULL;
    struct kl_mac mac;
    char inner[64];
    if (!close || close[1] || close - open > 60 || open < text + 4 || open[-1] != ':' || !open[1] ||
        !strchr("abcdefABCDEF", open[1]))
        return false;
    memcpy(inner, open + 1, (size_t)(close - open) - 1);
    inner[close - open - 1] = '\0';
    if (kl_mac_parse(inner, &mac))
        return false;
    for (const char *const *m = methods; *m; m++) {
        size_t len = strlen(*m);
        if ((size_t)(open - text) > len + 2 && strncmp(open - 1 - len, *m, len) == 0 &&
            open[-2 - (ptrdiff_t)len] == ':')
            return true;
    }
    return false;
}

static bool q34_dns(struct met *m)
{
    for (size_t k = 0; m->c->line && k < m->c->line->n; k++)
        if (kl_starts(m->c->line->args[k].text, "ip=") && hex_dns(m->c->line->args[k].text))
            return at_word(m, &m->c->line->args[k]);
    return false;
}

static bool q35_short(struct met *m)
{
    const struct kl_arg *w = word(m, "ip");
    struct kl_addr a;
    return w && kl_arg_value(w) && kl_addr_parse(kl_arg_value(w), &a) && a.family == 4 &&
           at_word(m, w);
}

static bool q37_proxy(struct met *m)
{
    const struct kl_arg *w = word(m, "inst.proxy");
    return w && !word(m, "proxy") && at_word(m, w);
}

static bool q46_carrier(struct met *m)
{
    const struct kl_intent *i = m->c->initrd;
    for (size_t k = 0; i && k < i->nlinks; k++)
        if (i->links[k].kind == KL_BOND && i->links[k].mode == 4 &&
            !word(m, "rd.net.timeout.carrier"))
            return at_link(m, i, i->links[k].name, "mode");
    return false;
}

/* --- the table ---------------------------------------------------------------------------------*/

static const struct quirk quirks[] = {
    {1, {7, 0}, {7, 3}, KL_WARNING, q1_early,
        "the initrd fetches while the static IPv6 address is still being checked for duplicates",
        "a dracut hook in initqueue/online, before 11, that waits until no address is tentative",
        "initrd: the first fetch may end with \"Network is unreachable\""},
    {1, {7, 3}, {8, 0}, KL_NOTE, q1_route,
        "with a static IPv6 address the initrd does not wait for the default route of a router's "
        "advertisement",
        "write the gateway's address into ip=",
        "initrd: the first fetch may end with \"Network is unreachable\""},
    {2, {8, 0}, {8, 3}, KL_NOTE, q2_stall,
        "with a static IPv6 address the initrd waits up to 50 s for a router's advertisement",
        "add rd.net.timeout.ipv6dad=5 where no router advertises", NULL},
    {3, {7, 0}, {7, 3}, KL_WARNING, q1_route,
        "the installer asks for .treeinfo once, while NetworkManager configures the NIC anew",
        "an updates image with a unit that waits for the route, before anaconda.service",
        "installer: may end with \"error setting up base repository\""},
    {6, {7, 0}, {8, 0}, KL_WARNING, q6_route,
        "with a static IPv6 address NetworkManager turns the default route by router advertisement "
        "off",
        "add --ipv6gateway=, or write IPV6_AUTOCONF=yes beside IPV6ADDR in %post",
        "system: reaches its own network alone once the route has expired"},
    {9, {7, 0}, {7, 3}, KL_WARNING, q9_ports,
        "the installer writes the files of a bond's ports without SLAVE=yes, and without the "
        "bond's "
        "name in MASTER",
        "rewrite them in %post: DEVICE=, MASTER= and SLAVE=yes",
        "system: the bond has no ports after the reboot"},
    {10, {7, 2}, {7, 3}, KL_WARNING, q10_twice,
        "the initrd translates this command too, although the kernel line has ip= for the device",
        "take the device out of one of the two, or install 7.3 or later",
        "initrd: ip= is there twice for one device"},
    {11, {7, 0}, {7, 3}, KL_WARNING, q11_vlan,
        "the installer loses the options of a bond below a VLAN", "write the files in %post", NULL},
    {14, {7, 0}, {7, 3}, KL_WARNING, q14_neednet,
        "with rd.neednet=1 and a bond dracut configures no interface but the bond",
        "leave rd.neednet=1 out: ip= for each device implies it", NULL},
    {15, {7, 3}, {7, 5}, KL_WARNING, bond_mtu,
        "dracut does not set the MTU of bond=", "write the MTU at the end of the bond's ip=", NULL},
    {19, {9, 0}, {9, 5}, KL_NOTE, q19_defaults,
        "the installer also leaves profiles of the bond's ports that are on their own",
        "delete profiles of ports without a controller in %post",
        "system: they compete with the bond at the first boot"},
    {19, {10, 0}, {10, 1}, KL_NOTE, q19_defaults,
        "the first images of EL10 may also leave profiles of the bond's ports that are on their "
        "own",
        "delete profiles of ports without a controller in %post", NULL},
    {20, {8, 0}, {8, 8}, KL_NOTE, q20_bond,
        "the initrd does not make a bond of the kickstart's command",
        "write bond= and ip= on the kernel line", NULL},
    {20, {9, 0}, {9, 2}, KL_NOTE, q20_bond,
        "the initrd does not make a bond of the kickstart's command",
        "write bond= and ip= on the kernel line", NULL},
    {21, {9, 0}, {9, 2}, KL_WARNING, q21_disk,
        "the kickstart comes from a disk, and the initrd starts no network for the repository that "
        "it names",
        "add ip=dhcp and rd.neednet=1 to the kernel line", "initrd: cannot fetch the installer"},
    {22, {8, 0}, {8, 3}, KL_WARNING, q22_virtual,
        "a bond of the kernel line does not reach the installed system",
        "repeat it in the kickstart: network --device= --bondslaves=", NULL},
    {29, {8, 3}, {8, 5}, KL_WARNING, bond_mtu,
        "NetworkManager sets the MTU of bond= on the ports alone",
        "write the MTU at the end of the bond's ip= too", NULL},
    {30, {8, 3}, {8, 4}, KL_WARNING, q30_parent,
        "NetworkManager asks by DHCP on the interface below a VLAN too",
        "add ip=PARENT:off to the kernel line", NULL},
    {34, {7, 0}, {8, 3}, KL_WARNING, q34_dns,
        "dracut takes the IPv6 name server behind the method for a MAC, because it begins with a "
        "letter",
        "write nameserver= instead", "initrd: has no name server, and a MAC that is none"},
    {35, {8, 0}, {8, 1}, KL_WARNING, q35_short,
        "dracut does not understand ip= with an address alone",
        "write ip=ADDRESS::GATEWAY:NETMASK:HOST:INTERFACE:none", NULL},
    {37, {9, 0}, {9, 3}, KL_WARNING, q37_proxy,
        "the initrd does not use inst.proxy=", "add proxy= with the same value", NULL},
    {46, {7, 0}, {8, 2}, KL_NOTE, q46_carrier,
        "dracut gives a link 5 s for its carrier, which LACP may need longer for",
        "add rd.net.timeout.carrier=30", NULL},
};

static const char *range(struct kl_diags *d, const struct quirk *q)
{
    bool all = q->fixed[1] == 0;
    if (q->fixed[0] == q->since[0] && q->fixed[1] == q->since[1] + 1)
        return kl_diag_text(d, "%d.%d", q->since[0], q->since[1]);
    return all ? kl_diag_text(d, "%d.%d to the last %d", q->since[0], q->since[1], q->fixed[0] - 1)
               : kl_diag_text(
                     d, "%d.%d until %d.%d", q->since[0], q->since[1], q->fixed[0], q->fixed[1]);
}

void kl_rules_quirk(const struct kl_case *c, struct kl_diags *d)
{
    for (size_t k = 0; k < sizeof quirks / sizeof *quirks; k++) {
        const struct quirk *q = &quirks[k];
        struct met m = {.c = c, .what = ""};
        if (!kl_release_since(c->release, q->since[0], q->since[1]) ||
            kl_release_since(c->release, q->fixed[0], q->fixed[1]) || !q->meets(&m))
            continue;
        /* What nobody said is not proven. */
        enum kl_severity severity = c->release_given ? q->severity : KL_NOTE;
        struct kl_diag *one = kl_diag(d, severity, "quirk", m.at, q->mend, "quirk %u: %s (EL%s)",
            q->number, q->message, range(d, q));
        if (q->effect)
            kl_diag_effect(d, one, "%s", q->effect);
    }
}
