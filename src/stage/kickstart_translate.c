/* What parse-kickstart, in the initrd, makes of a kickstart's network commands: the dracut
 * arguments as it prints them, with its mistakes (docs/boot-stages.md §3.3, §3.4).
 *
 * Read in anaconda's dracut/parse-kickstart: rhel7-branch (21.48.22), the F34 one that EL9 grew
 * from, and upstream's tests of it (tests/unit_tests/dracut_tests/test_parse_kickstart.py). What it
 * finds out on the machine is not known here: --device=link and =bootif stand as they are written,
 * and a NIC known by its MAC has the name that it gets when no interface has that address yet.
 */
#include "stage/kickstart.h"

#include <string.h>

/* The options that it looks at, "" when they are not given. */
struct net {
    const char *device, *bootproto, *ip, *netmask, *gateway, *nameserver, *hostname, *mtu, *ipv6,
        *ipv6gateway, *bondslaves, *bondopts, *bridgeslaves, *teamslaves;
    bool noipv4;
};

static const struct {
    const char *name;
    size_t at;
} fields[] = {
    {"--device", offsetof(struct net, device)},
    {"--bootproto", offsetof(struct net, bootproto)},
    {"--ip", offsetof(struct net, ip)},
    {"--netmask", offsetof(struct net, netmask)},
    {"--gateway", offsetof(struct net, gateway)},
    {"--nameserver", offsetof(struct net, nameserver)},
    {"--hostname", offsetof(struct net, hostname)},
    {"--mtu", offsetof(struct net, mtu)},
    {"--ipv6", offsetof(struct net, ipv6)},
    {"--ipv6gateway", offsetof(struct net, ipv6gateway)},
    {"--bondslaves", offsetof(struct net, bondslaves)},
    {"--bondopts", offsetof(struct net, bondopts)},
    {"--bridgeslaves", offsetof(struct net, bridgeslaves)},
    {"--teamslaves", offsetof(struct net, teamslaves)},
};
enum { NFIELDS = sizeof fields / sizeof *fields };

static void take(struct net *n, const char *option, const char *value)
{
    for (size_t k = 0; k < NFIELDS; k++)
        if (strcmp(fields[k].name, option) == 0)
            memcpy((char *)n + fields[k].at, &value, sizeof value);
    n->noipv4 |= strcmp(option, "--noipv4") == 0;
}

static struct net options(const struct kl_ks_command *c)
{
    struct net n = {0};
    for (size_t k = 0; k < NFIELDS; k++)
        take(&n, fields[k].name, "");
    n.bootproto = "dhcp"; /* pykickstart's default */
    for (size_t k = 0; k < c->n; k++) {
        bool takes;
        const char *s = c->args[k].text;
        size_t len = strcspn(s, "=");
        const char *option = kl_ks_net_option(s, len, &takes);
        if (!option)
            continue;
        const char *value = s[len] ? s + len + 1 : "";
        if (!s[len] && takes && k + 1 < c->n)
            value = c->args[++k].text;
        take(&n, option, value);
    }
    return n;
}

/* --- which command -----------------------------------------------------------------------------*/

static bool includes(const struct kl_ks_command *c)
{
    return c->n && (strcmp(c->name, "%include") == 0 || strcmp(c->name, "%ksappend") == 0);
}

/* The command behind what commands[at], an %include, brings: in the initrd %pre has not run, and
 * what is not at hand is passed over. */
static size_t behind(const struct kl_kickstart *k, size_t at)
{
    enum { MAX_NAMES = 32 };
    const char *names[MAX_NAMES] = {k->commands[at].args[0].text};
    size_t n = 1;
    for (at++; at < k->ncommands; at++) {
        const struct kl_ks_command *c = &k->commands[at];
        bool within = false;
        for (size_t s = 0; s < n; s++)
            within |= kl_streq(c->from, names[s]);
        if (!within)
            break;
        if (includes(c) && n < MAX_NAMES)
            names[n++] = c->args[0].text;
    }
    return at;
}

static const struct kl_ks_command *first_network(const struct kl_kickstart *k)
{
    for (size_t c = 0; c < k->ncommands;) {
        const struct kl_ks_command *command = &k->commands[c];
        if (strcmp(command->name, "network") == 0)
            return command;
        c = includes(command) && strcmp(command->name, "%include") == 0 ? behind(k, c) : c + 1;
    }
    return NULL;
}

/* As its setting_only_hostname() has it. The command was the first all the same: no other is
 * translated then. */
static bool only_hostname(const struct kl_ks_command *c, const struct net *n)
{
    if (*n->device || !*n->hostname)
        return false;
    return c->n == 1 || (c->n == 2 && strcmp(c->args[0].text, "--hostname") == 0);
}

/* --- what is printed ---------------------------------------------------------------------------*/

/* The value of ip=; false when there is none. */
static bool ip_value(const struct net *n, const struct kl_release *r, struct kl_buf *out)
{
    const char *method = NULL, *proto = n->bootproto;
    bool four = strcmp(proto, "static") == 0;
    if (n->noipv4 && r->el >= 8) /* pykickstart's F24 clears --bootproto; EL7 has F20's */
        proto = "";
    if (strcmp(proto, "dhcp") == 0 || strcmp(proto, "bootp") == 0)
        method = "dhcp";
    else if (strcmp(proto, "ibft") == 0)
        method = "ibft";
    else if (*proto && four)
        kl_buf_addf(out, "%s::%s", n->ip, n->gateway);
    else if (*proto || !*n->ipv6)
        return false;
    else if (strcmp(n->ipv6, "auto") == 0)
        method = "auto6";
    else if (strcmp(n->ipv6, "dhcp") == 0)
        method = "dhcp6";
    else
        kl_buf_addf(out, "[%s]::%s", n->ipv6, n->ipv6gateway);
    if (!method) /* the mask is IPv4's, in either family */
        kl_buf_addf(out, ":%s:%s:%s:none:%s", n->netmask, n->hostname, n->device, n->mtu);
    else if (*n->device || *n->mtu)
        kl_buf_addf(out, "%s:%s:%s", n->device, method, n->mtu);
    else
        kl_buf_add(out, method);
    return true;
}

static void word(struct kl_buf *line, const char *key, const char *value)
{
    kl_buf_addf(line, "%s%s=%s", line->len ? " " : "", key, value);
}

static void name_servers(struct kl_arena *a, const struct net *n, struct kl_buf *line)
{
    for (const char *s = n->nameserver; *s;) {
        size_t len = strcspn(s, ",");
        if (len)
            word(line, "nameserver", kl_strndup(a, s, len));
        s += len + (s[len] != '\0');
    }
}

/* The interface; a MAC that no interface has gets ifname= too. */
static void name_device(
    struct kl_arena *a, struct net *n, const struct kl_release *r, struct kl_buf *line)
{
    char text[KL_MAC_TEXT];
    struct kl_mac mac;
    if (strchr(n->device, ':') && kl_mac_parse(n->device, &mac)) {
        n->device = "ksdev0";
        word(line, "ifname", kl_sprintf(a, "ksdev0:%s", kl_mac_text(&mac, text)));
    } else if (!*n->device && !kl_release_since(r, 7, 3)) {
        n->device = "link"; /* later ones ask for any interface instead */
    }
}

const char *kl_ks_translate(
    struct kl_arena *a, const struct kl_kickstart *k, const struct kl_release *r, bool has_ip)
{
    struct kl_buf line KL_BUF_SCOPE = {0}, ip KL_BUF_SCOPE = {0};
    const struct kl_ks_command *first = first_network(k);
    /* EL6's loader reads the kickstart itself. With ip= there it has been left alone since 7.3
     * (21.48.22.60, rhbz 1293539). */
    if (!first || r->el < 7 || (has_ip && kl_release_since(r, 7, 3)))
        return "";
    if (first->maybe)
        return "";
    for (size_t w = 0; w < first->n; w++)
        if (kl_ks_is_placeholder(first->args[w].text))
            return "";
    struct net n = options(first);
    if (only_hostname(first, &n) || (*n.teamslaves && r->el >= 10))
        return "";
    name_device(a, &n, r, &line);
    if (ip_value(&n, r, &ip))
        word(&line, "ip", ip.s);
    name_servers(a, &n, &line);
    if (*n.device)
        word(&line, "bootdev", n.device);
    if (*n.bridgeslaves && kl_release_since(r, 7, 4)) /* rhbz 1373360 */
        word(&line, "bridge", kl_sprintf(a, "%s:%s", n.device, n.bridgeslaves));
    if (*n.bondslaves && (r->el == 8 ? kl_release_since(r, 8, 8)   /* rhbz 1940919 */
                                     : kl_release_since(r, 9, 2))) /* rhbz 2133053 */
        word(
            &line, "bond", kl_sprintf(a, "%s:%s:%s:%s", n.device, n.bondslaves, n.bondopts, n.mtu));
    return kl_strndup(a, kl_buf_text(&line), line.len);
}
