/* A text is told by its lines: each kind has words that begin lines in it, and the kind whose words
 * begin the most lines wins, if something that is its alone stands there too. Comments and blank
 * lines count for nobody. So a kickstart in a file called default is a kickstart, and a shell
 * script that mentions one is nothing of ours. */
#include "check/kind.h"

#include "base/text.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { ENOUGH_LINES = 400, LONGEST_WORD = 64 };

struct vocabulary {
    enum kl_kind kind;
    const char *const *own;    /* words that no other kind begins a line with */
    const char *const *shared; /* words that count once one of `own` was seen */
};

/* syslinux, core/readconfig.c and com32/menu/readconfig.c */
static const char *const pxelinux_own[] = {"label", "append", "ipappend", "sysappend", "localboot",
    "ontimeout", "totaltimeout", "allowoptions", "onerror", NULL};
static const char *const pxelinux_shared[] = {"default", "kernel", "linux", "initrd", "timeout",
    "prompt", "menu", "include", "ui", "serial", "text", "say", "display", "f1", "f2", "config",
    "noescape", "console", "endtext", NULL};
static const char *const grub_own[] = {
    "menuentry", "submenu", "linuxefi", "initrdefi", "linux16", "insmod", "chainloader", NULL};
static const char *const grub_shared[] = {"set", "linux", "initrd", "if", "fi", "else", "search",
    "function", "load_env", "configfile", "source", "terminal_input", "terminal_output", "}",
    "default", "timeout", "echo", NULL};
static const char *const ipxe_own[] = {
    "#!ipxe", "imgfree", "imgargs", "sanboot", "isset", "iseq", "choose", "imgfetch", NULL};
static const char *const ipxe_shared[] = {"kernel", "initrd", "boot", "set", "chain", "goto",
    "item", "menu", "dhcp", "echo", "exit", "shell", NULL};
/* pykickstart's commands, those that stand in nothing else */
static const char *const kickstart_own[] = {"%packages", "%post", "%pre", "%end", "%addon",
    "%onerror", "%traceback", "%include", "%ksappend", "%pre-install", "rootpw", "clearpart",
    "autopart", "zerombr", "authconfig", "authselect", "firstboot", "xconfig", "skipx", "timezone",
    "volgroup", "logvol", "ignoredisk", "sshpw", "reqpart", "ostreesetup", "network", NULL};
static const char *const kickstart_shared[] = {"url", "lang", "keyboard", "auth", "bootloader",
    "part", "partition", "raid", "repo", "install", "text", "cmdline", "graphical", "reboot",
    "poweroff", "halt", "shutdown", "selinux", "firewall", "services", "user", "group", "sshkey",
    "eula", "nfs", "cdrom", "harddrive", "logging", "module", "syspurpose", "timesource", "updates",
    "vnc", "rdp", "rescue", "mediacheck", "driverdisk", "realm", "fcoe", "iscsi", "iscsiname",
    "snapshot", "btrfs", "device", "unsupported_hardware", "rhsm", "%anaconda", "%certificate",
    NULL};
/* An ESXi installer's kickstart has sections without an end, and other options. */
static const char *const esxi[] = {"vmaccepteula", "accepteula", "%firstboot", "esxcli", NULL};
static const char *const dhcpd_own[] = {"subnet", "subnet6", "shared-network", "host",
    "fixed-address", "hardware", "ddns-update-style", "authoritative", "default-lease-time",
    "max-lease-time", "next-server", "host-identifier", "fixed-address6", NULL};
static const char *const dhcpd_shared[] = {
    "option", "group", "class", "pool", "filename", "range", "range6", "if", "}", "include", NULL};

static const struct vocabulary vocabularies[] = {
    {KL_KIND_PXELINUX, pxelinux_own, pxelinux_shared},
    {KL_KIND_GRUB, grub_own, grub_shared},
    {KL_KIND_IPXE, ipxe_own, ipxe_shared},
    {KL_KIND_KICKSTART, kickstart_own, kickstart_shared},
    {KL_KIND_DHCPD, dhcpd_own, dhcpd_shared},
};

static bool in(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

struct counts {
    size_t lines; /* that are neither blank nor comment */
    size_t own[KL_KIND_COUNT], all[KL_KIND_COUNT];
    size_t settings;          /* KEY=VALUE with a name in capitals */
    size_t network_keys;      /* ... that ifcfg files have */
    size_t sections;          /* [name] */
    bool connection, general; /* sections, in a text that begins with one */
    bool main;                /* ... [main]: NetworkManager.conf */
    bool route;
    bool foreign; /* words of an installer whose kickstarts are not these */
    bool speaks;  /* the first line begins with a kickstart's word */
};

static bool starts_nocase(const char *s, size_t len, const char *prefix)
{
    size_t n = strlen(prefix);
    return len >= n && strncasecmp(s, prefix, n) == 0;
}

static bool is_setting(const char *s, size_t len)
{
    size_t k = 0;
    if (starts_nocase(s, len, "export "))
        k = 7;
    size_t from = k;
    while (k < len && (isupper((unsigned char)s[k]) || isdigit((unsigned char)s[k]) || s[k] == '_'))
        k++;
    return k > from && k < len && s[k] == '=';
}

static bool is_network_key(const char *s, size_t len)
{
    static const char *const keys[] = {"DEVICE=", "BOOTPROTO=", "ONBOOT=", "IPADDR",
        "HWADDR=", "BONDING_OPTS=", "MASTER=", "SLAVE=", "IPV6INIT=", "IPV6ADDR=", "NM_CONTROLLED=",
        "PHYSDEV=", "VLAN=", NULL};
    for (const char *const *k = keys; *k; k++)
        if (starts_nocase(s, len, *k))
            return true;
    return false;
}

/* "192.0.2.0/24 via 192.0.2.1 dev eth0", ADDRESS0= */
static bool is_route(const char *s, size_t len)
{
    if (starts_nocase(s, len, "ADDRESS0=") || starts_nocase(s, len, "GATEWAY0="))
        return true;
    if (!isxdigit((unsigned char)s[0]) && !starts_nocase(s, len, "default "))
        return false;
    const char *via = memmem(s, len, " via ", 5), *dev = memmem(s, len, " dev ", 5);
    return via || dev;
}

static bool is_dnsmasq(const char *s, size_t len)
{
    static const char *const keys[] = {"dhcp-host=", "dhcp-range=", "dhcp-boot=", "dhcp-option=",
        "dhcp-option-force=", "pxe-service=", "pxe-prompt=", "enable-tftp",
        "tftp-root=", "dhcp-match=", "dhcp-leasefile=", "dhcp-authoritative", "enable-ra", NULL};
    for (const char *const *k = keys; *k; k++)
        if (starts_nocase(s, len, *k))
            return true;
    return false;
}

static void count_section(struct counts *c, const char *s, size_t len)
{
    /* A kickstart may write a keyfile: then sections stand in it, but not first. */
    if (!c->sections && c->lines > 1)
        return;
    c->sections++;
    c->connection |= starts_nocase(s, len, "[connection]");
    c->main |= starts_nocase(s, len, "[main]");
    c->general |= starts_nocase(s, len, "[general]") || starts_nocase(s, len, "[stage2]") ||
                  starts_nocase(s, len, "[checksums]");
}

static void count_line(struct counts *c, const char *s, size_t len)
{
    char word[LONGEST_WORD];
    size_t n = 0;
    for (; n < len && n + 1 < sizeof word && !isspace((unsigned char)s[n]) && s[n] != ';'; n++)
        word[n] = (char)tolower((unsigned char)s[n]);
    word[n] = '\0';
    if (s[0] == '#' && strcmp(word, "#!ipxe") != 0)
        return;
    c->lines++;
    for (size_t k = 0; k < sizeof vocabularies / sizeof *vocabularies; k++) {
        const struct vocabulary *v = &vocabularies[k];
        bool own = in(word, v->own);
        c->own[v->kind] += own;
        bool known = own || in(word, v->shared);
        c->all[v->kind] += known;
        c->speaks |= v->kind == KL_KIND_KICKSTART && known && c->lines == 1;
    }
    c->foreign |= in(word, esxi);
    if (is_dnsmasq(s, len))
        c->own[KL_KIND_DNSMASQ]++, c->all[KL_KIND_DNSMASQ]++;
    if (is_setting(s, len)) {
        c->settings++;
        c->network_keys += is_network_key(s, len);
    }
    if (s[0] == '[')
        count_section(c, s, len);
    c->route |= is_route(s, len);
}

static void count(struct counts *c, const char *text, size_t len)
{
    const char *end = text + len;
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    for (const char *s = text; s < end && c->lines < ENOUGH_LINES;) {
        const char *stop = memchr(s, '\n', (size_t)(end - s));
        const char *next = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        while (s < stop && isspace((unsigned char)*s))
            s++;
        while (stop > s && isspace((unsigned char)stop[-1]))
            stop--;
        if (stop > s)
            count_line(c, s, (size_t)(stop - s));
        s = next;
    }
}

/* Kea: an object, after comments, that has one of these keys. */
static bool is_kea(const char *text, size_t len)
{
    size_t k = 0;
    while (k < len && text[k] != '{') {
        size_t rest = len - k;
        bool comment = text[k] == '#' || (rest > 1 && text[k] == '/');
        if (!comment && !isspace((unsigned char)text[k]))
            return false;
        if (!comment)
            k++;
        else if (rest > 1 && text[k + 1] == '*') {
            const char *close = memmem(text + k + 2, rest - 2, "*/", 2);
            k = close ? (size_t)(close - text) + 2 : len;
        } else {
            const char *line = memchr(text + k, '\n', rest);
            k = line ? (size_t)(line - text) : len;
        }
    }
    return k < len && (memmem(text, len, "\"Dhcp4\"", 7) || memmem(text, len, "\"Dhcp6\"", 7) ||
                          memmem(text, len, "\"reservations\"", 14));
}

/* One line of words of which some are an installer's or dracut's. */
static bool is_cmdline(const char *text, size_t len)
{
    static const char *const marks[] = {"inst.", "ks=", "ip=", "bond=", "rd.",
        "initrd=", "BOOT_IMAGE=", "ksdevice=", "root=", NULL};
    for (const char *s = text, *end = text + len; s < end; s++) {
        bool first = s == text || isspace((unsigned char)s[-1]);
        for (const char *const *m = marks; first && *m; m++)
            if ((size_t)(end - s) >= strlen(*m) && strncmp(s, *m, strlen(*m)) == 0)
                return true;
    }
    return false;
}

/* One kind says more of the lines than any other. */
static enum kl_kind by_words(const struct counts *c)
{
    static const enum kl_kind order[] = {KL_KIND_IPXE, KL_KIND_PXELINUX, KL_KIND_GRUB,
        KL_KIND_KICKSTART, KL_KIND_DHCPD, KL_KIND_DNSMASQ};
    enum kl_kind best = KL_KIND_UNKNOWN;
    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        if (c->own[order[k]] && c->all[order[k]] > c->all[best])
            best = order[k];
    return best;
}

enum kl_kind kl_kind_of(const char *text, size_t len)
{
    struct counts c = {0};
    if (memchr(text, '\0', len < 4096 ? len : 4096))
        return KL_KIND_BINARY;
    if (is_kea(text, len))
        return KL_KIND_KEA;
    count(&c, text, len);
    if (!c.lines)
        return KL_KIND_EMPTY;
    if (c.own[KL_KIND_IPXE] && strncmp(text, "#!ipxe", 6) == 0)
        return KL_KIND_IPXE;
    /* A script may write any of these, line by line; a kickstart may begin like one. */
    if (len > 2 && memcmp(text, "#!", 2) == 0 && !c.speaks)
        return KL_KIND_UNKNOWN;
    if (c.connection)
        return c.main ? KL_KIND_UNKNOWN : KL_KIND_KEYFILE;
    if (c.general)
        return KL_KIND_TREEINFO;
    /* Settings and nothing else: what a shell would source. */
    if (c.network_keys && c.settings * 10 >= c.lines * 9)
        return KL_KIND_IFCFG;
    enum kl_kind kind = by_words(&c);
    if (kind == KL_KIND_KICKSTART && c.foreign)
        return KL_KIND_UNKNOWN;
    /* More than an accident: a third of the lines are the language's. */
    if (kind != KL_KIND_UNKNOWN && (c.all[kind] * 3 >= c.lines || c.own[kind] >= 3))
        return kind;
    if (c.route && c.lines <= 100)
        return KL_KIND_ROUTE;
    if (c.lines == 1 && is_cmdline(text, len))
        return KL_KIND_CMDLINE;
    return KL_KIND_UNKNOWN;
}

const char *kl_kind_name(enum kl_kind kind)
{
    static const char *const names[KL_KIND_COUNT] = {"nothing that is known here", "a binary file",
        "an empty file", "a PXELINUX configuration", "a GRUB configuration", "an iPXE script",
        "a kernel command line", "a kickstart", "an ifcfg file", "a file of routes",
        "a NetworkManager keyfile", "a configuration of ISC dhcpd", "a configuration of dnsmasq",
        "a configuration of Kea", "a .treeinfo"};
    return names[kind];
}
