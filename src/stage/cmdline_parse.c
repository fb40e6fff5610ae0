/* The kernel command line, read as one release's initrd would act on it: what that engine ignores
 * is not in the intent, what it misreads is there as misread, and what makes it stop is an error.
 * So the same line may be two intents for two releases; that is the point.
 *
 * The line is cut into words once, each with its place. Then the words are read in three rounds,
 * which is the order of dracut's hooks, and makes no difference to NetworkManager: devices
 * (ifname=, bond=, bridge=, vlan=), addresses (ip=), and what refers to them (routes, name
 * servers, bootdev=, BOOTIF=). Words for the installer go to `what`. A word that nobody reads is
 * kept in what->extra and reported as a note "not-understood", unless it is the kernel's business.
 */
#include "stage/cmdline_parse.h"

#include "stage/cmdline.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { FIELDS = 16 };

static bool is_nm(const struct kl_reading *r)
{
    return r->r->engine == KL_ENGINE_NM;
}

/* --- shared with cmdline_parse_ip.c -----------------------------------------------------------*/

void kl_reading_say(struct kl_reading *r, enum kl_severity severity, const struct kl_word *w,
    const char *code, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = kl_vsprintf(r->a, fmt, ap);
    va_end(ap);
    kl_diag(r->d, severity, code, w->at, hint, "%s: %s", w->text, text);
}

struct kl_seen *kl_reading_link(struct kl_reading *r, const char *name, struct kl_place at)
{
    for (size_t k = 0; k < r->nseen; k++)
        if (strcmp(r->seen[k].link.name, name) == 0)
            return &r->seen[k];
    r->seen = kl_grow(r->a, r->seen, r->nseen, sizeof *r->seen);
    struct kl_seen *s = &r->seen[r->nseen++];
    *s = (struct kl_seen){.link = {.name = name, .kind = KL_ETHERNET, .at = at}};
    return s;
}

void kl_reading_dns(struct kl_reading *r, const struct kl_addr *address)
{
    for (size_t k = 0; k < r->ndns; k++)
        if (kl_addr_eq(&r->dns[k], address))
            return;
    r->dns = kl_grow(r->a, r->dns, r->ndns, sizeof *r->dns);
    r->dns[r->ndns++] = *address;
}

/* The length of the bracketed text that begins at `s`, brackets included, or 0. Legacy dracut wants
 * two colons within and a colon or the end behind (net-lib.sh, ip_to_var). */
static size_t bracketed(const struct kl_reading *r, const char *s)
{
    const char *close = *s == '[' ? strchr(s, ']') : NULL;
    if (!close)
        return 0;
    size_t len = (size_t)(close + 1 - s);
    if (is_nm(r))
        return len;
    const char *colon = memchr(s, ':', len);
    bool two = colon && memchr(colon + 1, ':', len - (size_t)(colon + 1 - s));
    return two && (close[1] == ':' || close[1] == '\0') ? len : 0;
}

/* One field at `s`, in *field; returns its length. NetworkManager's get_word() before 1.54 knows
 * brackets only where a field begins, and forgets what stands between ']' and the next colon; from
 * then on they protect colons anywhere, and go only when they enclose the whole field. */
static size_t field_at(struct kl_reading *r, const char *s, const char **field)
{
    size_t inside = bracketed(r, s), len = 0;
    if (!is_nm(r) || r->r->nm_minor < 54) {
        len = inside + strcspn(s + inside, ":");
        *field = inside ? kl_strndup(r->a, s + 1, inside - 2) : kl_strndup(r->a, s, len);
        return len;
    }
    for (int nest = 0; s[len] && (nest || s[len] != ':'); len++)
        nest += s[len] == '[' ? 1 : s[len] == ']' && nest ? -1 : 0;
    *field = inside == len && len ? kl_strndup(r->a, s + 1, len - 2) : kl_strndup(r->a, s, len);
    return len;
}

size_t kl_reading_split(struct kl_reading *r, const char *s, const char **fields, size_t max)
{
    for (size_t n = 0;;) {
        size_t len = field_at(r, s, &fields[n++]);
        if (s[len] == '\0' || n == max)
            return n;
        s += len + 1;
    }
}

/* `s` cut at commas into names. */
static const char **names(struct kl_reading *r, const char *s, size_t *n)
{
    const char **list = NULL;
    *n = 0;
    for (const char *c = s; *c; c += *c == ',') {
        size_t len = strcspn(c, ",");
        if (len) {
            list = kl_grow(r->a, list, *n, sizeof *list);
            list[(*n)++] = kl_strndup(r->a, c, len);
        }
        c += len;
    }
    return list;
}

/* --- words ------------------------------------------------------------------------------------*/

/* Blanks part words, unless they stand between double quotes, which then go (as the kernel and
 * dracut's getarg do it). */
static void read_words(struct kl_reading *r, const char *line, const char *file)
{
    unsigned row = 1, col = 1;
    for (const char *c = line; *c;) {
        if (isspace((unsigned char)*c)) {
            row += *c == '\n';
            col = *c == '\n' ? 1 : col + 1;
            c++;
            continue;
        }
        struct kl_buf b KL_BUF_SCOPE = {0};
        const char *start = c;
        bool quoted = false;
        for (; *c && *c != '\n' && (quoted || !isspace((unsigned char)*c)); c++) {
            quoted ^= *c == '"';
            if (*c != '"')
                kl_buf_addc(&b, *c);
        }
        unsigned width = (unsigned)(c - start);
        struct kl_word w = {.text = kl_strdup(r->a, kl_buf_text(&b)),
            .at = {.file = file, .line = row, .col = col, .width = width}};
        const char *equals = strchr(w.text, '=');
        w.key = equals ? kl_strndup(r->a, w.text, (size_t)(equals - w.text)) : w.text;
        w.value = equals ? equals + 1 : NULL;
        r->words = kl_grow(r->a, r->words, r->nwords, sizeof w);
        r->words[r->nwords++] = w;
        col += width;
    }
}

/* Of several, the engine reads the last. */
static const struct kl_word *last(const struct kl_reading *r, const char *key)
{
    const struct kl_word *found = NULL;
    for (size_t k = 0; k < r->nwords; k++)
        if (strcmp(r->words[k].key, key) == 0 && r->words[k].value)
            found = &r->words[k];
    return found;
}

/* --- devices ----------------------------------------------------------------------------------*/

static void read_ifname(struct kl_reading *r, const struct kl_word *w)
{
    const char *colon = strchr(w->value, ':');
    struct kl_mac mac;
    if (!colon || !kl_mac_parse(colon + 1, &mac)) {
        kl_reading_say(
            r, KL_WARNING, w, "ifname", "ifname=NAME:aa:bb:cc:dd:ee:ff", "this names no NIC");
        return;
    }
    const char *name = kl_strndup(r->a, w->value, (size_t)(colon - w->value));
    kl_reading_link(r, name, w->at)->link.mac = mac;
}

/* NetworkManager's port belongs to the controller that named it last. */
static void leave_controllers(struct kl_reading *r, const char *port)
{
    for (size_t k = 0; k < r->nseen; k++) {
        struct kl_link *l = &r->seen[k].link;
        size_t kept = 0;
        for (size_t p = 0; p < l->nports; p++)
            if (strcmp(l->ports[p], port) != 0)
                l->ports[kept++] = l->ports[p];
        l->nports = kept;
    }
}

/* A port is a link too. A second bond= of one name adds to the first in NetworkManager, and takes
 * its place in dracut. */
static void take_ports(
    struct kl_reading *r, const struct kl_word *w, const char *name, const char *list)
{
    size_t n;
    const char **ports = names(r, list, &n);
    struct kl_seen *s = kl_reading_link(r, name, w->at);
    s->profile = true;
    if (!is_nm(r)) {
        s->link.nports = s->link.noptions = 0;
        s->link.mode = 0;
        s->link.mtu = 0;
    }
    for (size_t k = 0; k < n; k++) {
        kl_reading_link(r, ports[k], w->at)->profile = true;
        if (is_nm(r))
            leave_controllers(r, ports[k]);
        struct kl_link *l = &kl_reading_link(r, name, w->at)->link;
        l->ports = kl_grow(r->a, l->ports, l->nports, sizeof *l->ports);
        l->ports[l->nports++] = ports[k];
    }
}

/* `mode=mode=6`: legacy dracut takes what stands before the first and after the last '=', while
 * NetworkManager parts at the first alone. */
static void split_option(struct kl_reading *r, const char *text, struct kl_option *o)
{
    const char *first = strchr(text, '=');
    const char *from = is_nm(r) ? first : strrchr(text, '=');
    o->name = first ? kl_strndup(r->a, text, (size_t)(first - text)) : text;
    o->value = from ? from + 1 : is_nm(r) ? "" : text;
}

/* Several addresses in one value: ';' in legacy dracut and, from 1.54, in NetworkManager, where
 * brackets go too. */
static const char *list_value(struct kl_reading *r, const char *value)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    bool lists = !is_nm(r) || r->r->nm_minor >= 54;
    for (const char *c = value; *c; c++) {
        if (lists && is_nm(r) && (*c == '[' || *c == ']'))
            continue;
        kl_buf_addc(&b, lists && *c == ';' ? ',' : *c);
    }
    return kl_strdup(r->a, kl_buf_text(&b));
}

static void read_option(
    struct kl_reading *r, const struct kl_word *w, struct kl_link *link, const char *text)
{
    struct kl_option o;
    const char *expected = NULL, *hint = NULL;
    split_option(r, text, &o);
    if (kl_streq(o.name, "mode")) {
        int mode = kl_bond_mode(o.value);
        if (mode < 0)
            kl_reading_say(r, KL_WARNING, w, "bond-mode", "options are parted by commas",
                "'%s' is no bond mode, so the bond is balance-rr", text);
        else
            link->mode = (uint8_t)mode;
        return;
    }
    const struct kl_bond_option *kind = kl_bond_option(o.name);
    const char *value = kind ? kl_bond_value(r->a, kind, list_value(r, o.value), &expected) : NULL;
    struct kl_option known = {o.name, value ? value : o.value};
    const char *why = value ? kl_bond_option_misfit(r->a, r->r, link->mode, &known, &hint)
                            : kl_sprintf(r->a, "'%s' is no option and value", text);
    if (why) {
        kl_reading_say(r, KL_WARNING, w, "bond-option",
            hint       ? hint
            : expected ? kl_diag_text(r->d, "expected: %s", expected)
                       : NULL,
            "the bond is made without it: %s", why);
        return;
    }
    for (size_t k = 0; k < link->noptions; k++)
        if (strcmp(link->options[k].name, o.name) == 0) {
            link->options[k].value = value;
            return;
        }
    link->options = kl_grow(r->a, link->options, link->noptions, sizeof known);
    link->options[link->noptions++] = known;
}

static void read_bond_mtu(
    struct kl_reading *r, const struct kl_word *w, struct kl_seen *s, const char *text)
{
    unsigned long mtu;
    if (!kl_number(text, 65535, &mtu))
        kl_reading_say(r, KL_WARNING, w, "mtu", NULL, "'%s' is no MTU", text);
    else if (!is_nm(r) || r->r->nm_minor >= 32)
        s->link.mtu = (uint32_t)mtu;
    else /* quirk 29: on the ports instead */
        for (size_t p = 0; p < s->link.nports; p++)
            kl_reading_link(r, s->link.ports[p], w->at)->link.mtu = (uint32_t)mtu;
}

static void read_bond(struct kl_reading *r, const struct kl_word *w)
{
    const char *f[FIELDS];
    size_t n = kl_reading_split(r, w->value ? w->value : "", f, FIELDS);
    size_t most = is_nm(r) || kl_release_since(r->r, 7, 5) ? 4 : 3;
    if (n > most && !is_nm(r)) {
        kl_reading_say(r, KL_ERROR, w, "stops", "bond=NAME:PORTS:OPTION,OPTION",
            "dracut stops the boot at more than %zu fields", most);
        return;
    }
    const char *name = *f[0] ? f[0] : "bond0";
    take_ports(r, w, name, n > 1 && *f[1] ? f[1] : is_nm(r) ? "eth0" : "eth0,eth1");
    struct kl_seen *s = kl_reading_link(r, name, w->at);
    s->link.kind = KL_BOND;
    size_t nopt;
    const char **opts = names(r, n > 2 ? f[2] : "", &nopt);
    for (size_t k = 0; k < nopt; k++)
        read_option(r, w, &s->link, opts[k]);
    if (n > 3 && *f[3])
        read_bond_mtu(r, w, s, f[3]);
}

static void read_bridge(struct kl_reading *r, const struct kl_word *w)
{
    const char *f[FIELDS];
    size_t n = kl_reading_split(r, w->value ? w->value : "", f, FIELDS);
    if (!is_nm(r) && w->value && n != 2) {
        kl_reading_say(r, KL_ERROR, w, "stops", "bridge=NAME:PORTS",
            "dracut stops the boot: a bridge takes two fields");
        return;
    }
    const char *name = *f[0] ? f[0] : "br0";
    take_ports(r, w, name, n > 1 && *f[1] ? f[1] : "eth0");
    kl_reading_link(r, name, w->at)->link.kind = KL_BRIDGE;
}

static void read_vlan(struct kl_reading *r, const struct kl_word *w)
{
    const char *f[FIELDS];
    size_t n = kl_reading_split(r, w->value ? w->value : "", f, FIELDS);
    if (n < 2 || !*f[0] || !*f[1] || (n > 2 && !is_nm(r))) {
        kl_reading_say(r, is_nm(r) ? KL_WARNING : KL_ERROR, w, is_nm(r) ? "vlan" : "stops",
            "vlan=NAME:PARENT", "a VLAN takes a name and a parent");
        return;
    }
    long id = is_nm(r) ? kl_vlan_id_nm(f[0]) : kl_vlan_id_legacy(f[0]);
    if (id < 1 || id > 4094) {
        kl_reading_say(r, KL_WARNING, w, "vlan-name", "name it vlanID or PARENT.ID",
            "its name says no VLAN id to this release's initrd, so it is not made");
        return;
    }
    struct kl_seen *parent = kl_reading_link(r, f[1], w->at);
    parent->profile = parent->vlan_parent = true;
    struct kl_seen *s = kl_reading_link(r, f[0], w->at);
    s->profile = true;
    s->link.kind = KL_VLAN;
    s->link.parent = f[1];
    s->link.vlan = (uint16_t)id;
}

/* 033 of 7.0 to 7.2 reads the last of each (quirk 12). */
static bool is_read(struct kl_reading *r, const struct kl_word *w)
{
    if (r->r->engine != KL_ENGINE_DRACUT_033A || last(r, w->key) == w)
        return true;
    kl_reading_say(r, KL_WARNING, w, "one-only", "install 7.3 or later, or leave one",
        "this release's dracut reads only the last %s=", w->key);
    return false;
}

static void read_devices(struct kl_reading *r)
{
    for (size_t k = 0; k < r->nwords; k++) {
        const struct kl_word *w = &r->words[k];
        if (strcmp(w->key, "ifname") == 0 && w->value)
            read_ifname(r, w);
        else if (strcmp(w->key, "bond") == 0 && is_read(r, w))
            read_bond(r, w);
        else if (strcmp(w->key, "bridge") == 0 && is_read(r, w))
            read_bridge(r, w);
        else if (strcmp(w->key, "vlan") == 0 && is_read(r, w))
            read_vlan(r, w);
    }
}

/* --- what refers to devices -------------------------------------------------------------------*/

static void read_nameserver(struct kl_reading *r, const struct kl_word *w)
{
    struct kl_addr a;
    const char *s = w->value ? w->value : "";
    size_t len = strlen(s);
    if (is_nm(r) && len > 2 && s[0] == '[' && s[len - 1] == ']')
        s = kl_strndup(r->a, s + 1, len - 2);
    if (!kl_addr_parse(s, &a))
        kl_reading_say(r, KL_WARNING, w, "nameserver",
            *s == '[' ? "leave the brackets out: they end up in resolv.conf"
                      : "one address in each nameserver=",
            "'%s' is no address of a name server here", s);
    else
        kl_reading_dns(r, &a);
}

/* Where a route goes that names no interface. NetworkManager takes the first profile there is, and
 * makes one for any NIC if there is none. */
static const char *default_interface(const struct kl_reading *r)
{
    if (r->bootdev || r->first_ip)
        return r->bootdev ? r->bootdev : r->first_ip;
    for (size_t k = 0; is_nm(r) && k < r->nseen; k++)
        if (r->seen[k].profile)
            return r->seen[k].link.name;
    return is_nm(r) ? KL_ANY_INTERFACE : NULL;
}

static void read_route(struct kl_reading *r, const struct kl_word *w)
{
    const char *f[FIELDS];
    struct kl_route route = {0};
    size_t n = kl_reading_split(r, w->value ? w->value : "", f, FIELDS);
    const char *link = n > 2 && *f[2] ? f[2] : default_interface(r);
    bool fits = kl_prefix_parse(f[0], &route.to);
    if (!fits && is_nm(r) && kl_addr_parse(f[0], &route.to.addr)) {
        fits = true; /* a host's route */
        route.to.len = route.to.addr.family == 4 ? 32 : 128;
    }
    if (fits && n > 1 && *f[1])
        fits = kl_addr_parse(f[1], &route.via);
    if (!fits || !link || n < 2 || (n > 3 && !is_nm(r))) {
        kl_reading_say(r, KL_WARNING, w, "route",
            "rd.route=NET/LENGTH:GATEWAY:INTERFACE, IPv6 as [NET/LENGTH]:[GATEWAY]:INTERFACE",
            "this is no route to this release's initrd");
        return;
    }
    struct kl_seen *s = kl_reading_link(r, link, w->at);
    s->profile = true;
    s->link.routes = kl_grow(r->a, s->link.routes, s->link.nroutes, sizeof route);
    s->link.routes[s->link.nroutes++] = route;
}

/* The NIC with this MAC, by the name that ifname= gave it, or by the MAC itself. */
static const char *nic_of(struct kl_reading *r, const struct kl_mac *mac, struct kl_place at)
{
    for (size_t k = 0; k < r->nseen; k++)
        if (r->seen[k].link.kind == KL_ETHERNET && kl_mac_eq(&r->seen[k].link.mac, mac))
            return r->seen[k].link.name;
    char text[KL_MAC_TEXT];
    struct kl_seen *s = kl_reading_link(r, kl_strdup(r->a, kl_mac_text(mac, text)), at);
    s->link.mac = *mac;
    return s->link.name;
}

/* BOOTIF=01-aa-...: one more interface to bring up, by DHCP unless an ip= is for it (quirk 16).
 * Where the only ip= names no interface, it is for this one. */
static void read_bootif(struct kl_reading *r)
{
    const struct kl_word *w = last(r, "BOOTIF"), *off = last(r, "rd.bootif");
    struct kl_mac mac;
    if (!w || (off && (kl_streq(off->value, "0") || kl_streq(off->value, "no"))))
        return;
    const char *s = strlen(w->value) == 20 ? w->value + 3 : w->value;
    if (!kl_mac_parse(s, &mac)) {
        kl_reading_say(
            r, KL_WARNING, w, "bootif", "BOOTIF=01-aa-bb-cc-dd-ee-ff", "this names no NIC");
        return;
    }
    if (kl_streq(r->first_ip, KL_ANY_INTERFACE))
        return;
    struct kl_seen *nic = kl_reading_link(r, nic_of(r, &mac, w->at), w->at);
    if (nic->has_ip)
        return;
    kl_reading_say(r, KL_WARNING, w, "bootif", "add rd.bootif=0, or leave IPAPPEND 2 out",
        "the initrd brings this NIC up by DHCP too, although no ip= is for it");
    nic->profile = true;
    nic->nm4 = KL_NM_AUTO;
    nic->link.ip4 = (struct kl_ip){.method = KL_DHCP, .gateway = KL_GATEWAY_LEARNT};
}

static void read_rest(struct kl_reading *r)
{
    const struct kl_word *bootdev = last(r, "bootdev");
    if (bootdev && *bootdev->value) {
        r->bootdev = bootdev->value;
        kl_reading_link(r, r->bootdev, bootdev->at)->profile = true;
    }
    const struct kl_word *neednet = last(r, "rd.neednet");
    bool any = !is_nm(r) || !neednet || kl_streq(neednet->value, "0");
    for (size_t k = 0; k < r->nseen; k++)
        any |= r->seen[k].profile;
    if (!any) /* rd.neednet=1 alone: every NIC by DHCP */
        kl_reading_link(r, KL_ANY_INTERFACE, neednet->at)->profile = true;
    for (size_t k = 0; k < r->nwords; k++) {
        if (strcmp(r->words[k].key, "nameserver") == 0)
            read_nameserver(r, &r->words[k]);
        else if (strcmp(r->words[k].key, "rd.route") == 0)
            read_route(r, &r->words[k]);
    }
    read_bootif(r);
}

/* --- the installer's own ----------------------------------------------------------------------*/

/* Words that Kickline writes itself, or that are the kernel's, udev's and dracut's business. */
static bool is_known(const char *key)
{
    static const char *const keys[] = {"ip", "bond", "bridge", "vlan", "ifname", "nameserver",
        "rd.route", "bootdev", "BOOTIF", "rd.bootif", "rd.neednet", "rd.net.timeout.carrier",
        "rd.net.timeout.ipv6dad", "inst.waitfornet", "initrd", "BOOT_IMAGE", NULL};
    for (size_t k = 0; keys[k]; k++)
        if (strcmp(keys[k], key) == 0)
            return true;
    return false;
}

static bool is_kernels(const char *key)
{
    static const char *const keys[] = {"ro", "rw", "quiet", "rhgb", "root", "net.ifnames",
        "biosdevname", "debug", "nomodeset", "panic", "selinux", "enforcing", "rd.live.check",
        "rd.peerdns", "rd.debug", "rd.break", "rd.shell", "inst.rescue", "inst.text",
        "inst.cmdline", "inst.graphical", "inst.gpt", "inst.noverifyssl", "inst.updates",
        "inst.ks.sendmac", "inst.ks.sendsn", "inst.loglevel", "inst.vnc", "inst.rdp", NULL};
    for (size_t k = 0; keys[k]; k++)
        if (strcmp(keys[k], key) == 0)
            return true;
    return kl_starts(key, "rd.net.") || kl_starts(key, "modprobe.");
}

/* ks= for inst.ks= and so on: EL7 and EL8 take both, EL9 ignores it (quirk 36). */
static const char *installer_key(struct kl_reading *r, const struct kl_word *w)
{
    static const char *const keys[] = {
        "inst.ks", "inst.repo", "inst.stage2", "inst.syslog", "inst.sshd", NULL};
    for (size_t k = 0; keys[k]; k++) {
        if (strcmp(keys[k], w->key) == 0)
            return keys[k];
        if (strcmp(keys[k] + strlen("inst."), w->key) != 0)
            continue;
        if (!kl_release_since(r->r, 9, 0))
            return keys[k];
        kl_reading_say(r, KL_WARNING, w, "prefix", kl_diag_text(r->d, "write %s", keys[k]),
            "anaconda ignores it without 'inst.'");
    }
    return NULL;
}

static void add_text(struct kl_reading *r, const char ***list, size_t *n, const char *text)
{
    *list = kl_grow(r->a, *list, *n, sizeof **list);
    (*list)[(*n)++] = text;
}

static void read_installer(struct kl_reading *r, struct kl_install *what)
{
    for (size_t k = 0; k < r->nwords; k++) {
        const struct kl_word *w = &r->words[k];
        const char *key = installer_key(r, w);
        if (key && kl_streq(key, "inst.sshd"))
            what->sshd = true;
        else if (key && w->value)
            *(kl_streq(key, "inst.ks")         ? &what->kickstart
                : kl_streq(key, "inst.repo")   ? &what->repo
                : kl_streq(key, "inst.stage2") ? &what->stage2
                                               : &what->syslog) = w->value;
        else if (strcmp(w->key, "console") == 0 && w->value)
            add_text(r, &what->console, &what->nconsole, w->value);
        else if (!is_known(w->key)) {
            add_text(r, &what->extra, &what->nextra, w->text);
            if (!is_kernels(w->key))
                kl_reading_say(r, KL_NOTE, w, "not-understood", NULL, "kept, but not understood");
        }
    }
}

/* --- the whole --------------------------------------------------------------------------------*/

/* NetworkManager gives a name server to the profiles that use its family, and to none otherwise. */
static size_t usable_dns(const struct kl_reading *r, const struct kl_intent *i)
{
    size_t n = 0;
    for (size_t k = 0; k < r->ndns; k++) {
        bool used = !is_nm(r);
        for (size_t l = 0; l < i->nlinks; l++)
            used |= (r->dns[k].family == 4 ? &i->links[l].ip4 : &i->links[l].ip6)->method != KL_OFF;
        if (used)
            i->dns[n++] = r->dns[k];
    }
    return n;
}

static const char *install_link(const struct kl_reading *r, const struct kl_intent *i)
{
    if (r->bootdev)
        return r->bootdev;
    for (size_t k = 0; k < r->nseen; k++)
        if (r->seen[k].has_ip && kl_link_has_ip(&r->seen[k].link))
            return r->seen[k].link.name;
    for (size_t k = 0; k < i->nlinks; k++)
        if (kl_link_has_ip(&i->links[k]))
            return i->links[k].name;
    return NULL;
}

static struct kl_intent *assemble(struct kl_reading *r, const char *file)
{
    struct kl_intent *i = kl_alloc(r->a, sizeof *i);
    i->hostname = r->hostname;
    i->at = (struct kl_place){.file = file};
    i->links = kl_alloc(r->a, (r->nseen + 1) * sizeof *i->links);
    for (size_t k = 0; k < r->nseen; k++)
        i->links[i->nlinks++] = r->seen[k].link;
    i->dns = kl_alloc(r->a, (r->ndns + 1) * sizeof *i->dns);
    i->ndns = usable_dns(r, i);
    i->install = install_link(r, i);
    kl_intent_sort(i);
    return i;
}

struct kl_intent *kl_cmdline_parse(struct kl_arena *a, const char *line, const char *file,
    const struct kl_release *r, struct kl_install *what, struct kl_diags *d)
{
    struct kl_install unused;
    struct kl_reading reading = {.a = a, .r = r, .d = d};
    file = kl_diags_source(d, file, line, strlen(line));
    read_words(&reading, line, file);
    if (!reading.nwords)
        return NULL;
    read_devices(&reading);
    for (size_t k = 0; k < reading.nwords; k++) {
        if (strcmp(reading.words[k].key, "ip") != 0)
            continue;
        if (r->engine == KL_ENGINE_NM)
            kl_read_ip_nm(&reading, &reading.words[k]);
        else
            kl_read_ip_legacy(&reading, &reading.words[k]);
    }
    read_rest(&reading);
    if (r->engine == KL_ENGINE_NM)
        kl_settle_nm(&reading);
    what = what ? what : &unused;
    *what = (struct kl_install){0};
    read_installer(&reading, what);
    return assemble(&reading, file);
}
