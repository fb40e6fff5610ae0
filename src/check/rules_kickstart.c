/* A kickstart's commands, as they are written.
 *
 * Codes: option-unknown (here); command-removed, command-deprecated, command-too-new,
 * option-removed, option-deprecated (rules_kickstart_command.c); address-invalid, field-misplaced,
 * separator-wrong, kickstart-value (rules_kickstart_value.c); bond-mode-unspecified,
 * separator-wrong, value-repeated, option-unknown (rules_kickstart_bond.c); literal-unbracketed
 * (rules_kickstart_url.c); device-missing, activation-missing, first-line-only, translation-broken,
 * gateway-missing (rules_kickstart_device.c); quirk (rules_quirk.c). */
#include "check/rules_kickstart.h"

#include "stage/kickstart.h"

#include <ctype.h>
#include <string.h>

/* --- words -------------------------------------------------------------------------------------*/

bool kl_is_template(const char *text)
{
    return text && (kl_ks_is_placeholder(text) || strchr(text, '<'));
}

/* Lower case, without '-' and '_'. */
static size_t plain(const char *s, char *out, size_t room)
{
    size_t n = 0;
    for (; *s && n + 1 < room; s++)
        if (*s != '-' && *s != '_')
            out[n++] = (char)tolower((unsigned char)*s);
    out[n] = '\0';
    return n;
}

bool kl_one_slip(const char *a, const char *b)
{
    char x[64], y[64];
    size_t n = plain(a, x, sizeof x), m = plain(b, y, sizeof y), at = 0;
    if (n > m + 1 || m > n + 1 || n < 4)
        return false;
    while (x[at] && x[at] == y[at])
        at++;
    if (n == m)
        return strcmp(x + at + (at < n), y + at + (at < n)) == 0 ||
               (x[at] && x[at] == y[at + 1] && x[at + 1] == y[at] &&
                   strcmp(x + at + 2, y + at + 2) == 0);
    return strcmp(x + at + (n > m), y + at + (m > n)) == 0;
}

/* --- network commands --------------------------------------------------------------------------*/

/* pykickstart, commands/network.py, of all releases (docs/boot-stages.md §3.1). */
static const struct {
    const char *name;
    bool value;
} network_options[] = {{"--activate", false}, {"--bindto", true}, {"--bondopts", true},
    {"--bondslaves", true}, {"--bootproto", true}, {"--bridgeopts", true}, {"--bridgeslaves", true},
    {"--device", true}, {"--dhcpclass", true}, {"--essid", true}, {"--ethtool", true},
    {"--gateway", true}, {"--hostname", true}, {"--interfacename", true}, {"--ip", true},
    {"--ipv4-dns-search", true}, {"--ipv4-ignore-auto-dns", false}, {"--ipv6", true},
    {"--ipv6-dns-search", true}, {"--ipv6-ignore-auto-dns", false}, {"--ipv6gateway", true},
    {"--mtu", true}, {"--nameserver", true}, {"--netmask", true}, {"--no-activate", false},
    {"--nodefroute", false}, {"--nodns", false}, {"--noipv4", false}, {"--noipv6", false},
    {"--notksdevice", false}, {"--onboot", true}, {"--teamconfig", true}, {"--teamslaves", true},
    {"--vlanid", true}, {"--wepkey", true}, {"--wpakey", true}};
enum { NOPTIONS = sizeof network_options / sizeof *network_options };

/* By the whole name, or by a beginning that is no other's (optparse, argparse). -1: none. */
static int find_option(const char *name)
{
    int found = -1;
    for (int k = 0; k < NOPTIONS; k++) {
        if (strcmp(network_options[k].name, name) == 0)
            return k;
        if (strlen(name) > 2 && kl_starts(network_options[k].name, name))
            found = found == -1 ? k : -2;
    }
    return found;
}

const struct kl_net_option *kl_net_option(const struct kl_net *n, const char *name)
{
    for (size_t k = n->n; k-- > 0;)
        if (strcmp(n->options[k].name, name) == 0)
            return &n->options[k];
    return NULL;
}

const char *kl_net_value(const struct kl_net *n, const char *name)
{
    const struct kl_net_option *o = kl_net_option(n, name);
    return o ? o->value ? o->value : "" : NULL;
}

struct kl_place kl_net_place(const struct kl_net_option *o, size_t from, size_t len)
{
    return kl_arg_place(o->arg, o->from + from, len);
}

struct kl_place kl_command_place(const struct kl_ks_command *c)
{
    struct kl_place at = c->at;
    at.width = (unsigned)strlen(c->name);
    return at;
}

void kl_net_edit(const struct kl_ks_rules *k, struct kl_diag *one, const struct kl_net_option *o,
    size_t from, size_t len, const char *text)
{
    if (!o->arg->verbatim)
        return;
    struct kl_place at = kl_net_place(o, from, len);
    at.width = (unsigned)len;
    kl_diag_edit(k->d, one, at, text);
}

void kl_net_append(
    const struct kl_ks_rules *k, struct kl_diag *one, const struct kl_net *n, const char *text)
{
    const struct kl_ks_command *c = n->command;
    if (!c->n || n->template)
        return;
    struct kl_place at = c->args[c->n - 1].at;
    at.col += at.width;
    at.width = 0;
    kl_diag_edit(k->d, one, at, text);
}

static void unknown_option(const struct kl_ks_rules *k, const struct kl_arg *w, const char *name)
{
    const char *names[NOPTIONS + 1] = {NULL};
    for (int i = 0; i < NOPTIONS; i++)
        names[i] = network_options[i].name;
    const char *near = kl_nearest(name, names);
    size_t matches = 0;
    for (int i = 0; i < NOPTIONS; i++)
        matches += kl_one_slip(name, names[i]);
    for (int i = 0; i < NOPTIONS && matches == 1; i++)
        if (kl_one_slip(name, names[i]))
            near = names[i];
    struct kl_diag *one =
        kl_diag(k->d, KL_ERROR, "option-unknown", kl_arg_place(w, 0, strlen(name)),
            near ? kl_diag_text(k->d, "did you mean %s?", near) : "take it out",
            "no release's network command has an option %s", name);
    kl_diag_effect(k->d, one, "installer: stops at this line");
    if (matches == 1 && w->verbatim)
        kl_diag_edit(k->d, one, kl_arg_place(w, 0, strlen(name)), near);
}

/* One word that begins with "--", and its value; returns the index of the last word taken. */
static size_t take_option(const struct kl_ks_rules *k, struct kl_net *n, size_t at)
{
    const struct kl_ks_command *c = n->command;
    const struct kl_arg *w = &c->args[at];
    size_t len = strcspn(w->text, "=");
    const char *name = kl_strndup(k->a, w->text, len);
    int which = find_option(name);
    if (which < 0) {
        if (which == -1 && !kl_is_template(name))
            unknown_option(k, w, name);
        return at;
    }
    struct kl_net_option o = {.name = network_options[which].name, .arg = w};
    if (w->text[len]) {
        o.value = w->text + len + 1;
        o.from = len + 1;
    } else if (network_options[which].value && at + 1 < c->n) {
        o.arg = &c->args[++at];
        o.value = o.arg->text;
    }
    n->options[n->n++] = o;
    return at;
}

/* What only names the host is no device's. */
static bool is_device(const struct kl_net *n)
{
    for (size_t k = 0; k < n->n; k++)
        if (strcmp(n->options[k].name, "--hostname") != 0 &&
            strcmp(n->options[k].name, "--activate") != 0 &&
            strcmp(n->options[k].name, "--no-activate") != 0)
            return true;
    return !kl_net_option(n, "--hostname");
}

static void read_net(struct kl_ks_rules *k, const struct kl_ks_command *c, size_t *devices)
{
    struct kl_net n = {.command = c,
        .template = c->maybe,
        .options = kl_alloc(k->a, (c->n + 1) * sizeof *n.options)};
    for (size_t i = 0; i < c->n; i++) {
        n.template |= kl_is_template(c->args[i].text);
        if (kl_starts(c->args[i].text, "--"))
            i = take_option(k, &n, i);
    }
    n.device = is_device(&n);
    n.index = *devices;
    *devices += n.device;
    k->nets = kl_grow(k->a, k->nets, k->nnets, sizeof *k->nets);
    k->nets[k->nnets++] = n;
}

void kl_rules_kickstart(const struct kl_case *c, struct kl_diags *d)
{
    if (c->ks) {
        struct kl_ks_rules k = {
            .c = c, .a = c->a, .d = d, .ks = c->ks, .release = kl_release_name(c->a, c->release)};
        size_t devices = 0;
        for (size_t n = 0; n < c->ks->ncommands; n++)
            if (strcmp(c->ks->commands[n].name, "network") == 0)
                read_net(&k, &c->ks->commands[n], &devices);
        kl_ks_rules_commands(&k);
        kl_ks_rules_values(&k);
        kl_ks_rules_bonds(&k);
        kl_ks_rules_urls(&k);
        kl_ks_rules_devices(&k);
    }
    kl_rules_quirk(c, d);
}
