/* Which device a network command is about, whether it is brought up, and what the initrd makes of
 * it (docs/boot-stages.md §3.1 to §3.4). */
#include "check/rules_kickstart.h"

#include <string.h>

static bool is_virtual(const struct kl_net *n)
{
    return kl_net_option(n, "--bondslaves") || kl_net_option(n, "--vlanid") ||
           kl_net_option(n, "--bridgeslaves") || kl_net_option(n, "--teamslaves");
}

/* The interface that the command is about; NULL when that is not said. */
static const char *device_of(const struct kl_ks_rules *k, const struct kl_net *n)
{
    const char *device = kl_net_value(n, "--device"), *id = kl_net_value(n, "--vlanid");
    const char *name = kl_net_value(n, "--interfacename");
    if (!id)
        return device;
    return name && *name ? name : device ? kl_sprintf(k->a, "%s.%s", device, id) : NULL;
}

static size_t devices(const struct kl_ks_rules *k)
{
    size_t n = 0;
    for (size_t i = 0; i < k->nnets; i++)
        n += k->nets[i].device;
    return n;
}

static bool ip_on_line(const struct kl_case *c)
{
    return c->line && kl_cmdline_last(c->line, "ip", NULL);
}

/* --- no device ---------------------------------------------------------------------------------*/

static void missing_device(const struct kl_ks_rules *k, const struct kl_net *n)
{
    const char *device = kl_net_value(n, "--device");
    if (!n->device || n->template || (device && *device))
        return;
    bool one_of_many = k->c->nics > 1 || devices(k) > 1 || is_virtual(n);
    if (!n->index && k->c->line && kl_cmdline_last(k->c->line, "ksdevice", NULL))
        return; /* which then decides */
    if (!n->index && k->c->nics > 1 && kl_net_option(n, "--ip") && !is_virtual(n))
        return; /* the path through the interfaces is said with "slow-path" */
    struct kl_diag *one = kl_diag(k->d, n->index || one_of_many ? KL_WARNING : KL_NOTE,
        "device-missing", kl_command_place(n->command), "write --device=NAME",
        n->index ? "the command names no device, and it is not the first"
                 : "the command names no device");
    kl_diag_effect(k->d, one,
        n->index ? "installer: which interface it takes is not defined"
                 : "installer: takes the first interface, by name, that has a carrier");
}

/* --- not activated -----------------------------------------------------------------------------*/

static bool has_address(const struct kl_net *n)
{
    const char *proto = kl_net_value(n, "--bootproto"), *six = kl_net_value(n, "--ipv6");
    bool four = !kl_net_option(n, "--noipv4") &&
                (!proto || strcmp(proto, "static") != 0 || kl_net_option(n, "--ip"));
    return four || (six && !kl_net_option(n, "--noipv6"));
}

static bool is_activated(const struct kl_net *n)
{
    return (!n->index && !kl_net_option(n, "--no-activate")) || kl_net_option(n, "--activate");
}

static bool lists_port(const struct kl_net *n, const char *port)
{
    const char *list = kl_net_value(n, "--bondslaves");
    size_t len = port ? strlen(port) : 0;
    if (!list)
        list = kl_net_value(n, "--bridgeslaves");
    while (list && len && *list) {
        size_t m = strcspn(list, ",");
        if (m == len && strncmp(list, port, len) == 0)
            return true;
        list += m + (list[m] == ',');
    }
    return false;
}

/* Why the first command does not do in its place: NULL when it may. */
static const char *why_needed(const struct kl_ks_rules *k, const struct kl_net *n)
{
    for (size_t i = 0; i < k->nnets; i++) {
        const struct kl_net *other = &k->nets[i];
        if (!other->device || other == n || !is_activated(other))
            continue;
        bool below = lists_port(n, kl_net_value(other, "--device"));
        if (has_address(other) && !below)
            return NULL;
    }
    return "no command that is brought up has an address";
}

/* The initrd brings it up already, and the installer keeps that. */
static bool up_already(const struct kl_ks_rules *k, const char *name)
{
    const struct kl_link *l = k->c->initrd && name ? kl_link_find(k->c->initrd, name) : NULL;
    return l && kl_link_has_ip(l);
}

static void not_activated(const struct kl_ks_rules *k, const struct kl_net *n)
{
    const char *name = device_of(k, n), *why;
    if (!n->device || n->template || !n->index || is_activated(n) ||
        kl_net_option(n, "--no-activate") || !has_address(n) || up_already(k, name) ||
        !(why = why_needed(k, n)))
        return;
    struct kl_diag *one = kl_diag(k->d, KL_WARNING, "activation-missing",
        kl_command_place(n->command), "add --activate",
        "%s is not brought up in the installer: this command is not the first, and has no "
        "--activate",
        name ? name : "its device");
    kl_diag_effect(k->d, one, "installer: %s", why);
    kl_net_append(k, one, n, " --activate");
}

/* From EL8 on a command without any bootproto, which --noipv4 comes to, passes for one that names
 * the host alone (§3.1). */
static void passes_for_hostname(const struct kl_ks_rules *k, const struct kl_net *n)
{
    if (!n->device || n->template || n->index || k->c->release->el < 8 ||
        !kl_net_option(n, "--noipv4") || kl_net_option(n, "--activate") ||
        kl_net_option(n, "--no-activate") || !has_address(n) || up_already(k, device_of(k, n)))
        return;
    struct kl_diag *one = kl_diag(k->d, KL_WARNING, "activation-missing",
        kl_net_place(kl_net_option(n, "--noipv4"), 0, strlen("--noipv4")), "add --activate",
        "with --noipv4 the installer of %s does not take the first command for a device's",
        k->release);
    kl_diag_effect(k->d, one, "installer: does not bring the device up by itself");
    kl_net_append(k, one, n, " --activate");
}

/* --- what the initrd makes of it ---------------------------------------------------------------*/

static bool from_network(const char *url)
{
    static const char *const local[] = {"hd:", "cdrom", "file:", "bd:", NULL};
    for (const char *const *l = local; url && *l; l++)
        if (kl_starts(url, *l))
            return false;
    return url != NULL;
}

/* Does the initrd set its network up as the kickstart says? Without ip=; from 8.3 on only when
 * nothing is online yet, which it is when the kickstart came over the network (rhbz 1768791). */
static bool translated(const struct kl_case *c)
{
    return c->line && !ip_on_line(c) &&
           !(kl_release_since(c->release, 8, 3) && from_network(c->what.kickstart));
}

static void first_line_only(const struct kl_ks_rules *k)
{
    const struct kl_net *first = NULL, *later = NULL;
    for (size_t i = 0; i < k->nnets; i++) {
        const struct kl_net *n = &k->nets[i];
        if (!n->device || n->template)
            continue;
        if (!first)
            first = n;
        else if (has_address(n) && !later)
            later = n;
    }
    if (!translated(k->c) || !later)
        return;
    bool bare = !has_address(first);
    struct kl_diag *one = kl_diag(k->d, bare ? KL_WARNING : KL_NOTE, "first-line-only",
        kl_command_place(later->command), "write the network on the kernel line: ip=, bond=, vlan=",
        "the kernel line has no ip=, and the initrd takes only the first network command");
    kl_diag_also(k->d, one, kl_command_place(first->command), "the first one");
    kl_diag_effect(k->d, one, "initrd: %s of this command",
        bare ? "has no address, because the first command gives none, and knows nothing"
             : "knows nothing");
}

/* IPv6 that only comes by itself is not what a command without --ipv6 is about. */
static bool counts(const struct kl_difference *one, const struct kl_link *meant)
{
    size_t n = strlen(one->field);
    return one->field[n - 1] != '6' || meant->ip6.method != KL_AUTO;
}

/* The fields that decide what the initrd reaches. */
static size_t say_differences(const struct kl_ks_rules *k, struct kl_diag *one,
    const struct kl_difference *list, size_t n, const struct kl_link *meant)
{
    static const char *const fields[] = {
        "ipv4", "ipv6", "addresses4", "addresses6", "gateway4", "gateway6", "mode", NULL};
    size_t said = 0;
    for (size_t i = 0; i < n; i++)
        for (const char *const *f = fields; *f; f++) {
            if (!kl_streq(list[i].link, meant->name) || strcmp(list[i].field, *f) != 0 ||
                !counts(&list[i], meant))
                continue;
            if (one)
                kl_diag_effect(k->d, one, "initrd: %s of %s is %s, and not %s", *f, meant->name,
                    *list[i].a ? list[i].a : "nothing", *list[i].b ? list[i].b : "nothing");
            said++;
        }
    return said;
}

/* The kernel line, and behind it what the initrd adds. */
static const char *whole_line(
    struct kl_arena *a, const struct kl_cmdline *line, const char *more, unsigned *added_at)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t k = 0; k < line->n; k++)
        kl_buf_addf(&b, "%s ", line->args[k].text);
    *added_at = (unsigned)b.len + 1;
    kl_buf_add(&b, more);
    return kl_strndup(a, kl_buf_text(&b), b.len);
}

static bool stops_at(const struct kl_diags *d, unsigned col)
{
    const struct kl_diag *one;
    for (size_t k = 0; (one = kl_diags_at(d, k)); k++)
        if (one->severity == KL_ERROR && one->at.col >= col)
            return true;
    return false;
}

/* The interface that the first command names itself. */
static const struct kl_link *first_link(const struct kl_ks_rules *k, const struct kl_net **first)
{
    static const char *const not_named[] = {"link", "bootif", "ibft", "", NULL};
    struct kl_mac mac;
    for (size_t i = 0; i < k->nnets && !*first; i++)
        if (k->nets[i].device)
            *first = &k->nets[i];
    const char *name = *first && !(*first)->template ? device_of(k, *first) : NULL;
    for (const char *const *n = not_named; name && *n; n++)
        if (strcmp(name, *n) == 0)
            return NULL;
    if (!name || kl_mac_parse(name, &mac))
        return NULL;
    return kl_link_find(k->c->installer, name);
}

static void translation(const struct kl_ks_rules *k)
{
    const struct kl_case *c = k->c;
    const struct kl_net *first = NULL;
    unsigned added_at;
    if (!translated(c) || !c->installer)
        return;
    const struct kl_link *meant = first_link(k, &first);
    if (!meant || !first)
        return;
    const char *text = kl_ks_translate(k->a, c->ks, c->release, false);
    if (!strstr(text, "ip="))
        return;
    struct kl_diags *quiet KL_DIAGS_SCOPE = kl_diags_new();
    const char *all = whole_line(k->a, c->line, text, &added_at);
    struct kl_cmdline words = kl_cmdline_words(k->a, all, "<translation>", quiet);
    struct kl_install what = {0};
    struct kl_intent *made = kl_cmdline_read(k->a, &words, c->release, &what, quiet);
    struct kl_difference *list;
    struct kl_compare how = {.skip_search = true, .skip_mac = true, .skip_hostname = true};
    size_t n = kl_intent_compare(k->a, made, c->installer, &how, &list);
    bool stops = stops_at(quiet, added_at);
    if (!stops && !say_differences(k, NULL, list, n, meant))
        return;
    struct kl_diag *one = kl_diag(k->d, stops ? kl_capped(k->c, KL_ERROR) : KL_WARNING,
        "translation-broken", kl_command_place(first->command),
        "write the network on the kernel line: ip=, bond=, vlan=",
        "the kernel line has no ip=, and the initrd of %s makes '%s' of this command", k->release,
        text);
    if (stops)
        kl_diag_effect(k->d, one, "initrd: dracut stops the boot at it");
    say_differences(k, one, list, n, meant);
}

/* --- no gateway --------------------------------------------------------------------------------*/

static bool any_gateway(const struct kl_intent *i)
{
    for (size_t l = 0; i && l < i->nlinks; l++)
        if (i->links[l].ip4.gateway != KL_GATEWAY_NONE ||
            i->links[l].ip6.gateway != KL_GATEWAY_NONE)
            return true;
    return false;
}

/* --ipv6=ADDRESS is NetworkManager's method "manual": it does not listen to routers (§3.2). */
static void no_gateway(const struct kl_ks_rules *k)
{
    const struct kl_case *c = k->c;
    if (c->release->el < 8 || any_gateway(c->installer) || any_gateway(c->initrd) ||
        any_gateway(c->system))
        return;
    for (size_t i = 0; i < k->nnets; i++) {
        const struct kl_net *n = &k->nets[i];
        const struct kl_net_option *six = kl_net_option(n, "--ipv6");
        struct kl_prefix p;
        if (n->template || !six || !six->value || kl_net_option(n, "--nodefroute") ||
            !(kl_prefix_parse(six->value, &p) || kl_addr_parse(six->value, &p.addr)) ||
            p.addr.family != 6 || kl_addr_is_link_local(&p.addr))
            continue;
        struct kl_diag *one =
            kl_diag(k->d, KL_WARNING, "gateway-missing", kl_net_place(six, 0, strlen(six->value)),
                "add --ipv6gateway=", "a static IPv6 address, and no default route anywhere");
        kl_diag_effect(
            k->d, one, "installer: NetworkManager takes no route from router advertisements here");
        kl_diag_effect(k->d, one, "system: reaches its own network alone");
        return;
    }
}

void kl_ks_rules_devices(const struct kl_ks_rules *k)
{
    for (size_t i = 0; i < k->nnets; i++) {
        missing_device(k, &k->nets[i]);
        not_activated(k, &k->nets[i]);
        passes_for_hostname(k, &k->nets[i]);
    }
    first_line_only(k);
    translation(k);
    no_gateway(k);
}
