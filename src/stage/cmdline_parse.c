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
#include "stage/options.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS = 16, SHOWN_WHOLE = 48, KERNEL_KEEPS = 4096 };

static bool is_nm(const struct kl_reading *r)
{
    return r->r->engine == KL_ENGINE_NM;
}

/* --- shared with cmdline_parse_ip.c -----------------------------------------------------------*/

struct kl_place kl_part_at(const struct kl_part *p)
{
    if (!p->arg)
        return (struct kl_place){0};
    size_t around = p->brackets ? 1 : 0;
    return kl_arg_place(p->arg, p->from - around, strlen(p->text) + 2 * around);
}

/* A loader's variable, or a place that whatever makes this file fills: nobody knows its value. */
static bool is_template(const char *s)
{
    return strstr(s, "${") || strstr(s, "{{") || strstr(s, "{%") || strstr(s, "<%") ||
           strstr(s, "@@") || (strchr(s, '$') && !strstr(s, "://"));
}

void kl_reading_say(struct kl_reading *r, enum kl_severity severity, const struct kl_word *w,
    const struct kl_part *part, const char *code, const char *hint, const char *fmt, ...)
{
    if (is_template(w->arg->text))
        return;
    va_list ap;
    va_start(ap, fmt);
    const char *text = kl_vsprintf(r->a, fmt, ap);
    va_end(ap);
    bool narrow = part && part->arg && (*part->text || part->brackets);
    struct kl_place at = narrow ? kl_part_at(part) : w->arg->at;
    bool is_short = strlen(w->arg->text) <= SHOWN_WHOLE;
    kl_diag(r->d, severity, code, at, hint, "%s%s: %s", is_short ? w->arg->text : w->key,
        is_short ? "" : "=...", text);
}

void kl_reading_fact(
    struct kl_reading *r, const char *link, const char *field, const struct kl_part *part)
{
    if (part->arg)
        kl_intent_say(r->a, r->i, link, field, kl_part_at(part));
}

/* The words are not read in the line's order, which NetworkManager's profiles are in. */
static void mention(const struct kl_reading *r, struct kl_seen *s, struct kl_place at)
{
    bool before = at.line != s->first.line ? at.line < s->first.line : at.col < s->first.col;
    if (!r->late && (s->late || before)) {
        s->late = false;
        s->first = at;
    }
}

struct kl_seen *kl_reading_link(struct kl_reading *r, const char *name, struct kl_place at)
{
    for (size_t k = 0; k < r->nseen; k++)
        if (strcmp(r->seen[k].link.name, name) == 0) {
            mention(r, &r->seen[k], at);
            return &r->seen[k];
        }
    r->seen = kl_grow(r->a, r->seen, r->nseen, sizeof *r->seen);
    struct kl_seen *s = &r->seen[r->nseen++];
    *s = (struct kl_seen){
        .late = r->late, .first = at, .link = {.name = name, .kind = KL_ETHERNET, .at = at}};
    return s;
}

/* The link that a piece names. */
static struct kl_seen *link_of(struct kl_reading *r, const struct kl_part *name)
{
    return kl_reading_link(r, name->text, kl_part_at(name));
}

void kl_reading_dns(struct kl_reading *r, const struct kl_addr *address, const struct kl_part *part)
{
    for (size_t k = 0; k < r->ndns; k++)
        if (kl_addr_eq(&r->dns[k], address))
            return;
    kl_reading_fact(r, NULL, "dns", part);
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

/* `len` bytes of `p` from `s` on, which is in its text. */
static struct kl_part cut(
    struct kl_reading *r, const struct kl_part *p, const char *s, size_t len, bool brackets)
{
    return (struct kl_part){.text = kl_strndup(r->a, s, len),
        .arg = p->arg,
        .from = p->from + (size_t)(s - p->text),
        .brackets = brackets};
}

/* One field at `s`, in *field; returns its length. NetworkManager's get_word() before 1.54 knows
 * brackets only where a field begins, and forgets what stands between ']' and the next colon, while
 * one that is never closed takes in all the rest; from then on they protect colons anywhere, and go
 * only when they enclose the whole field. */
static size_t field_at(
    struct kl_reading *r, const struct kl_part *p, const char *s, struct kl_part *field)
{
    size_t inside = bracketed(r, s), len = 0;
    if (is_nm(r) && r->r->nm_minor < 54 && *s == '[' && !inside) {
        len = strlen(s);
        *field = cut(r, p, s + 1, len - 1, false);
        return len;
    }
    if (!is_nm(r) || r->r->nm_minor < 54) {
        len = inside + strcspn(s + inside, ":");
        *field = inside ? cut(r, p, s + 1, inside - 2, true) : cut(r, p, s, len, false);
        return len;
    }
    for (int nest = 0; s[len] && (nest || s[len] != ':'); len++)
        nest += s[len] == '[' ? 1 : s[len] == ']' && nest ? -1 : 0;
    *field = inside == len && len ? cut(r, p, s + 1, len - 2, true) : cut(r, p, s, len, false);
    return len;
}

size_t kl_reading_split(
    struct kl_reading *r, const struct kl_part *p, struct kl_part *fields, size_t max)
{
    const char *s = p->text ? p->text : "";
    if (!p->text) {
        fields[0] = (struct kl_part){.text = ""};
        return 1;
    }
    for (size_t n = 0;;) {
        size_t len = field_at(r, p, s, &fields[n++]);
        if (s[len] == '\0' || n == max)
            return n;
        s += len + 1;
    }
}

struct kl_place kl_parts_at(const struct kl_part *fields, size_t n)
{
    const struct kl_part *first = &fields[0], *last = &fields[n - 1];
    size_t from = first->from - first->brackets;
    size_t end = last->from + strlen(last->text) + last->brackets;
    return kl_arg_place(first->arg, from, end - from);
}

/* `p` cut at commas into names, in a list that ends with text NULL. Ports that have no name before
 * their comma are eth0 to NetworkManager. */
static struct kl_part *names(struct kl_reading *r, const struct kl_part *p, const char *unnamed)
{
    struct kl_part *list = NULL;
    size_t n = 0;
    for (const char *c = p->text; *c; c += *c == ',') {
        size_t len = strcspn(c, ",");
        if (len) {
            list = kl_grow(r->a, list, n, sizeof *list);
            list[n++] = cut(r, p, c, len, false);
        } else if (unnamed) {
            list = kl_grow(r->a, list, n, sizeof *list);
            list[n++] = (struct kl_part){.text = unnamed};
        }
        c += len;
    }
    list = kl_grow(r->a, list, n, sizeof *list);
    list[n] = (struct kl_part){0};
    return list;
}

/* --- words ------------------------------------------------------------------------------------*/

static struct kl_word take_word(struct kl_reading *r, struct kl_arg *arg)
{
    arg->text = kl_strdup(r->a, arg->text);
    const char *equals = strchr(arg->text, '=');
    size_t len = equals ? (size_t)(equals - arg->text) : strlen(arg->text);
    struct kl_word w = {.key = kl_strndup(r->a, arg->text, len), .arg = arg};
    if (equals)
        w.value = (struct kl_part){.text = equals + 1, .arg = arg, .from = len + 1};
    return w;
}

/* Copies, as the words may not live as long as what is read of them; and no more of them than the
 * kernel keeps, which also bounds all the work below. */
static void take_words(struct kl_reading *r, const struct kl_cmdline *line)
{
    size_t bytes = 0, n = 0;
    while (n < line->n && (bytes += strlen(line->args[n].text) + 1) <= KERNEL_KEEPS)
        n++;
    if (n < line->n)
        kl_diag(r->d, KL_ERROR, "line-too-long", line->args[n].at, NULL,
            "no kernel keeps more than %d bytes of its command line: it ends before this word",
            KERNEL_KEEPS);
    r->words = kl_alloc(r->a, (n + 1) * sizeof *r->words);
    struct kl_arg *args = kl_alloc(r->a, (n + 1) * sizeof *args);
    for (size_t k = 0; k < n; k++) {
        args[k] = line->args[k];
        r->words[r->nwords++] = take_word(r, &args[k]);
    }
}

const struct kl_word *kl_reading_last(const struct kl_reading *r, const char *key)
{
    const struct kl_word *found = NULL;
    for (size_t k = 0; k < r->nwords; k++)
        if (strcmp(r->words[k].key, key) == 0 && r->words[k].value.text)
            found = &r->words[k];
    return found;
}

/* --- devices ----------------------------------------------------------------------------------*/

/* parse_ifname_opts() stops the boot unless a name and the bytes of a MAC stand there;
 * NetworkManager does not read it. */
static bool ifname_fits(struct kl_reading *r, const struct kl_word *w)
{
    size_t n = 0;
    for (const char *c = w->value.text ? w->value.text : w->key; *c; c += *c == ':') {
        n++;
        c += strcspn(c, ":");
    }
    if (is_nm(r) || n == 7 || n == 21 || (w->value.text && !n))
        return w->value.text;
    kl_reading_say(r, KL_ERROR, w, &w->value, "stops", "ifname=NAME:aa:bb:cc:dd:ee:ff",
        "dracut stops the boot: this is no name and MAC");
    return false;
}

static void read_ifname(struct kl_reading *r, const struct kl_word *w)
{
    const char *value = w->value.text;
    if (!ifname_fits(r, w) || !value)
        return;
    const char *colon = strchr(value, ':');
    struct kl_mac mac;
    if (!colon || !kl_mac_parse(colon + 1, &mac)) {
        kl_reading_say(r, KL_WARNING, w, &w->value, "ifname", "ifname=NAME:aa:bb:cc:dd:ee:ff",
            "this names no NIC");
        return;
    }
    struct kl_part name = cut(r, &w->value, value, (size_t)(colon - value), false);
    struct kl_part text = cut(r, &w->value, colon + 1, strlen(colon + 1), false);
    link_of(r, &name)->link.mac = mac;
    kl_reading_fact(r, name.text, "mac", &text);
}

/* NetworkManager's port belongs to the controller that named it last. */
void kl_leave_controllers(struct kl_reading *r, const char *port)
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

/* Fields that the line leaves out, as the engine fills them in. */
static struct kl_part instead(const struct kl_part *f, const char *text)
{
    if (f && *f->text)
        return *f;
    return (struct kl_part){.text = text, .arg = NULL};
}

/* Legacy dracut leaves an empty list empty, but drops any list when the name is empty. */
static struct kl_part ports_or(
    const struct kl_reading *r, const struct kl_part *f, size_t n, const char *text)
{
    bool given = n > 1 && (is_nm(r) ? *f[1].text : *f[0].text);
    return given ? f[1] : instead(NULL, text);
}

/* The link that a bond= or bridge= makes. */
static struct kl_seen *controller(struct kl_reading *r, const struct kl_word *w,
    const struct kl_part *name, enum kl_link_kind kind)
{
    struct kl_seen *s = kl_reading_link(r, name->text, name->arg ? kl_part_at(name) : w->arg->at);
    size_t end = name->arg ? name->from + strlen(name->text) + name->brackets : strlen(w->key);
    s->profile = true;
    s->link.kind = kind;
    kl_intent_say(r->a, r->i, s->link.name, "kind", kl_arg_place(w->arg, 0, end));
    return s;
}

/* A port is a link too. A second bond= of one name adds to the first in NetworkManager, and takes
 * its place in dracut. */
static void take_ports(
    struct kl_reading *r, const struct kl_word *w, const char *name, const struct kl_part *list)
{
    struct kl_link *l = &kl_reading_link(r, name, w->arg->at)->link;
    kl_reading_fact(r, name, "ports", list);
    if (!is_nm(r)) {
        l->nports = l->noptions = 0;
        l->mode = 0;
        l->mtu = 0;
    }
    for (const struct kl_part *p = names(r, list, is_nm(r) ? "eth0" : NULL); p->text; p++) {
        kl_reading_link(r, p->text, p->arg ? kl_part_at(p) : w->arg->at)->profile = true;
        if (is_nm(r))
            kl_leave_controllers(r, p->text);
        l = &kl_reading_link(r, name, w->arg->at)->link;
        l->ports = kl_grow(r->a, l->ports, l->nports, sizeof *l->ports);
        l->ports[l->nports++] = p->text;
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

static void read_mode(struct kl_reading *r, const struct kl_word *w, struct kl_link *link,
    const struct kl_part *part, const char *value)
{
    int mode = kl_bond_mode(value);
    if (mode < 0) {
        kl_reading_say(r, KL_WARNING, w, part, "bond-mode", "options are parted by commas",
            "'%s' is no bond mode, so the bond is balance-rr", part->text);
        return;
    }
    link->mode = (uint8_t)mode;
    kl_reading_fact(r, link->name, "mode", part);
}

static void keep_option(struct kl_reading *r, struct kl_link *link, const struct kl_option *o)
{
    for (size_t k = 0; k < link->noptions; k++)
        if (strcmp(link->options[k].name, o->name) == 0) {
            link->options[k].value = o->value;
            return;
        }
    link->options = kl_grow(r->a, link->options, link->noptions, sizeof *o);
    link->options[link->noptions++] = *o;
}

static void read_option(
    struct kl_reading *r, const struct kl_word *w, struct kl_link *link, const struct kl_part *part)
{
    struct kl_option o;
    const char *expected = NULL, *hint = NULL;
    split_option(r, part->text, &o);
    if (kl_streq(o.name, "mode")) {
        read_mode(r, w, link, part, o.value);
        return;
    }
    const struct kl_bond_option *kind = kl_bond_option(o.name);
    const char *value = kind ? kl_bond_value(r->a, kind, list_value(r, o.value), &expected) : NULL;
    struct kl_option known = {o.name, value ? value : o.value};
    const char *why = value ? kl_bond_option_misfit(r->a, r->r, link->mode, &known, &hint)
                            : kl_sprintf(r->a, "'%s' is no option and value", part->text);
    if (why) {
        kl_reading_say(r, KL_WARNING, w, part, "bond-option",
            hint       ? hint
            : expected ? kl_diag_text(r->d, "expected: %s", expected)
                       : NULL,
            "the bond is made without it: %s", why);
        return;
    }
    keep_option(r, link, &known);
    kl_reading_fact(r, link->name, kl_sprintf(r->a, "option %s", o.name), part);
}

static void read_bond_mtu(
    struct kl_reading *r, const struct kl_word *w, struct kl_seen *s, const struct kl_part *part)
{
    unsigned long mtu;
    if (!kl_number(part->text, 65535, &mtu)) {
        kl_reading_say(r, KL_WARNING, w, part, "mtu", NULL, "'%s' is no MTU", part->text);
    } else if (!is_nm(r) || r->r->nm_minor >= 32) {
        s->link.mtu = (uint32_t)mtu;
        kl_reading_fact(r, s->link.name, "mtu", part);
    } else { /* quirk 29: on the ports instead */
        for (size_t p = 0; p < s->link.nports; p++) {
            struct kl_seen *port = kl_reading_link(r, s->link.ports[p], w->arg->at);
            port->link.mtu = (uint32_t)mtu;
            kl_reading_fact(r, port->link.name, "mtu", part);
        }
    }
}

static void read_bond(struct kl_reading *r, const struct kl_word *w)
{
    struct kl_part f[FIELDS];
    size_t n = kl_reading_split(r, &w->value, f, FIELDS);
    size_t most = is_nm(r) || kl_release_since(r->r, 7, 5) ? 4 : 3;
    if (n > most && !is_nm(r)) {
        kl_reading_say(r, KL_ERROR, w, NULL, "stops", "bond=NAME:PORTS:OPTION,OPTION",
            "dracut stops the boot at more than %zu fields", most);
        return;
    }
    struct kl_part name = instead(&f[0], "bond0");
    struct kl_part ports = ports_or(r, f, n, is_nm(r) ? "eth0" : "eth0,eth1");
    controller(r, w, &name, KL_BOND);
    take_ports(r, w, name.text, &ports);
    struct kl_seen *s = kl_reading_link(r, name.text, w->arg->at);
    for (const struct kl_part *o = n > 2 ? names(r, &f[2], NULL) : NULL; o && o->text; o++)
        read_option(r, w, &s->link, o);
    if (n > 3 && *f[3].text)
        read_bond_mtu(r, w, s, &f[3]);
}

static void read_bridge(struct kl_reading *r, const struct kl_word *w)
{
    struct kl_part f[FIELDS];
    size_t n = kl_reading_split(r, &w->value, f, FIELDS);
    if (!is_nm(r) && w->value.text && n != 2) {
        kl_reading_say(r, KL_ERROR, w, NULL, "stops", "bridge=NAME:PORTS",
            "dracut stops the boot: a bridge takes two fields");
        return;
    }
    struct kl_part name = instead(&f[0], "br0"), ports = ports_or(r, f, n, "eth0");
    controller(r, w, &name, KL_BRIDGE);
    take_ports(r, w, name.text, &ports);
}

static void read_vlan(struct kl_reading *r, const struct kl_word *w)
{
    struct kl_part f[FIELDS];
    if (!is_nm(r) && (!w->value.text || !*w->value.text))
        return;
    size_t n = kl_reading_split(r, &w->value, f, FIELDS);
    bool stops = !is_nm(r) && n != 2; /* parse-vlan.sh counts, and does not look inside */
    if (stops || n < 2 || !*f[0].text || !*f[1].text) {
        kl_reading_say(r, stops ? KL_ERROR : KL_WARNING, w, NULL, stops ? "stops" : "vlan",
            "vlan=NAME:PARENT", "a VLAN takes a name and a parent");
        return;
    }
    const char *name = f[0].text;
    long id = is_nm(r) ? kl_vlan_id_nm(name) : kl_vlan_id_legacy(name);
    if (id < 1 || id > 4094) {
        kl_reading_say(r, KL_WARNING, w, &f[0], "vlan-name", "name it vlanID or PARENT.ID",
            "its name says no VLAN id to this release's initrd, so it is not made");
        return;
    }
    r->late = true; /* a parent's profile is made after all others */
    struct kl_seen *parent = link_of(r, &f[1]);
    parent->profile = parent->vlan_parent = true;
    r->late = false;
    struct kl_seen *s = controller(r, w, &f[0], KL_VLAN);
    s->link.parent = f[1].text;
    s->link.vlan = (uint16_t)id;
    kl_reading_fact(r, name, "parent", &f[1]);
    kl_reading_fact(r, name, "vlan", &f[0]);
}

/* 033 of 7.0 to 7.2 reads the last of each (quirk 12). */
static bool is_read(struct kl_reading *r, const struct kl_word *w)
{
    if (r->r->engine != KL_ENGINE_DRACUT_033A || kl_reading_last(r, w->key) == w)
        return true;
    kl_reading_say(r, KL_WARNING, w, NULL, "one-only", "install 7.3 or later, or leave one",
        "this release's dracut reads only the last %s=", w->key);
    return false;
}

static void read_devices(struct kl_reading *r)
{
    for (size_t k = 0; k < r->nwords; k++) {
        const struct kl_word *w = &r->words[k];
        if (strcmp(w->key, "ifname") == 0)
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
    const char *s = w->value.text ? w->value.text : "";
    size_t len = strlen(s);
    if (is_nm(r) && len > 2 && s[0] == '[' && s[len - 1] == ']')
        s = kl_strndup(r->a, s + 1, len - 2);
    if (!kl_addr_parse(s, &a))
        kl_reading_say(r, KL_WARNING, w, len ? &w->value : NULL, "nameserver",
            *s == '[' ? "leave the brackets out: they end up in resolv.conf"
                      : "one address in each nameserver=",
            "'%s' is no address of a name server here", s);
    else {
        kl_reading_dns(r, &a, &w->value);
        r->for_all = kl_grow(r->a, r->for_all, r->nfor_all, sizeof a);
        r->for_all[r->nfor_all++] = a;
    }
}

/* Where a route goes that names no interface. NetworkManager takes the first profile there is, and
 * makes one for any NIC if there is none. */
static const char *default_interface(const struct kl_reading *r)
{
    if (r->bootdev)
        return r->bootdev;
    return is_nm(r) ? kl_nm_first(r) : r->first_ip;
}

/* Where a route leads, of its first two fields; the field that is wrong, or NULL. NetworkManager
 * takes a host without a length, and the family's zero address where only a gateway stands. */
static const struct kl_part *route_ends(
    struct kl_reading *r, const struct kl_part *f, size_t n, struct kl_route *route)
{
    bool has_via = n > 1 && *f[1].text;
    if (has_via && !kl_addr_parse(f[1].text, &route->via))
        return &f[1];
    if (!kl_prefix_parse(f[0].text, &route->to)) {
        if (!is_nm(r))
            return &f[0];
        if (!*f[0].text && has_via)
            route->to.addr.family = route->via.family;
        else if (!kl_addr_parse(f[0].text, &route->to.addr))
            return &f[0];
        route->to.len = route->to.addr.family == 4 ? 32 : 128;
    }
    return has_via && route->via.family != route->to.addr.family ? &f[1] : NULL;
}

static void read_route(struct kl_reading *r, const struct kl_word *w)
{
    struct kl_part f[FIELDS];
    struct kl_route route = {0};
    size_t n = kl_reading_split(r, &w->value, f, FIELDS);
    bool named = n > 2 && *f[2].text;
    const char *link = !named     ? default_interface(r)
                       : is_nm(r) ? kl_nm_interface(r, w, &f[2])
                                  : f[2].text;
    if (link && is_nm(r)) /* a profile, whatever the route is worth */
        kl_reading_link(r, link, named ? kl_part_at(&f[2]) : w->arg->at)->profile = true;
    const struct kl_part *wrong = route_ends(r, f, n, &route);
    if (wrong || !link || (!is_nm(r) && (n < 2 || n > 3))) {
        kl_reading_say(r, KL_WARNING, w, wrong, "route",
            "rd.route=NET/LENGTH:GATEWAY:INTERFACE, IPv6 as [NET/LENGTH]:[GATEWAY]:INTERFACE",
            "this is no route to this release's initrd");
        return;
    }
    struct kl_seen *s = kl_reading_link(r, link, named ? kl_part_at(&f[2]) : w->arg->at);
    s->profile = true;
    for (size_t k = 0; is_nm(r) && k < s->link.nroutes; k++)
        if (kl_prefix_eq(&s->link.routes[k].to, &route.to) &&
            kl_addr_eq(&s->link.routes[k].via, &route.via))
            return;
    s->link.routes = kl_grow(r->a, s->link.routes, s->link.nroutes, sizeof route);
    s->link.routes[s->link.nroutes++] = route;
    kl_reading_fact(r, link, "routes", &w->value);
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

/* dracut's getargbool(); NetworkManager knows more words for it. */
static bool is_off(const char *s)
{
    return kl_streq(s, "0") || kl_streq(s, "no") || kl_streq(s, "off");
}

/* BOOTIF=01-aa-...: one more interface to bring up, by DHCP unless an ip= is for it (quirk 16).
 * Where the only ip= names no interface, it is for this one. */
static void read_bootif(struct kl_reading *r)
{
    const struct kl_word *w = kl_reading_last(r, "BOOTIF"), *off = kl_reading_last(r, "rd.bootif");
    struct kl_mac mac;
    if (!w || (off && is_off(off->value.text)))
        return;
    const char *s = w->value.text;
    if (!kl_mac_parse(strlen(s) == 20 ? s + 3 : s, &mac)) {
        kl_reading_say(r, KL_WARNING, w, &w->value, "bootif", "BOOTIF=01-aa-bb-cc-dd-ee-ff",
            "this names no NIC");
        return;
    }
    if (is_nm(r) ? kl_nm_takes_bootif(r) : kl_streq(r->first_ip, KL_ANY_INTERFACE))
        return;
    struct kl_seen *nic = kl_reading_link(r, nic_of(r, &mac, w->arg->at), w->arg->at);
    if (nic->has_ip)
        return;
    if (r->first_ip)
        kl_reading_say(r, KL_WARNING, w, NULL, "bootif", "add rd.bootif=0, or leave IPAPPEND 2 out",
            "the initrd brings this NIC up by DHCP too, although no ip= is for it");
    nic->profile = true;
    nic->nm4 = KL_NM_AUTO;
    nic->link.ip4 = (struct kl_ip){.method = KL_DHCP, .gateway = KL_GATEWAY_LEARNT};
    kl_reading_fact(r, nic->link.name, "ipv4", &w->value);
}

static void read_bootdev(struct kl_reading *r, const struct kl_word *w)
{
    if (is_nm(r))
        r->bootdev = *w->value.text ? kl_nm_interface(r, w, &w->value) : kl_nm_first(r);
    else if (*w->value.text)
        r->bootdev = w->value.text;
    if (!r->bootdev)
        return;
    kl_reading_link(r, r->bootdev, kl_part_at(&w->value))->profile = true;
    if (*w->value.text)
        kl_reading_fact(r, NULL, "install", &w->value);
}

static void read_rest(struct kl_reading *r)
{
    const struct kl_word *bootdev = kl_reading_last(r, "bootdev");
    r->late = true;
    if (bootdev)
        read_bootdev(r, bootdev);
    const struct kl_word *neednet = kl_reading_last(r, "rd.neednet");
    bool any = !is_nm(r) || !neednet || kl_streq(neednet->value.text, "0");
    for (size_t k = 0; k < r->nseen; k++)
        any |= r->seen[k].profile;
    if (!any) /* rd.neednet=1 alone: every NIC by DHCP */
        kl_reading_link(r, KL_ANY_INTERFACE, neednet->arg->at)->profile = true;
    for (size_t k = 0; k < r->nwords; k++) {
        if (strcmp(r->words[k].key, "nameserver") == 0)
            read_nameserver(r, &r->words[k]);
        else if (strcmp(r->words[k].key, "rd.route") == 0)
            read_route(r, &r->words[k]);
    }
    read_bootif(r);
}

/* --- the installer's own ----------------------------------------------------------------------*/

static bool in(const char *const *list, const char *key)
{
    for (size_t k = 0; list[k]; k++)
        if (strcmp(list[k], key) == 0)
            return true;
    return false;
}

/* Words that the readers above take in, and what a loader leaves. */
static bool is_taken(const char *key)
{
    static const char *const keys[] = {"ip", "bond", "bridge", "vlan", "ifname", "nameserver",
        "rd.route", "bootdev", "BOOTIF", "rd.bootif", "rd.neednet", "rd.net.timeout.carrier",
        "rd.net.timeout.ipv6dad", "inst.waitfornet", "initrd", "BOOT_IMAGE", NULL};
    return in(keys, key);
}

/* Words of the network that Kickline knows, and has no model of. */
static bool is_beyond(const char *key)
{
    static const char *const keys[] = {
        "team", "fcoe", "ib.pkey", "rd.znet", "rd.znet_ifname", NULL};
    return in(keys, key);
}

/* Whether a word acts is told from the table; that it does not is said by those who check. */
static const char *installer_key(const struct kl_option_verdict *v)
{
    static const char *const keys[] = {
        "inst.ks", "inst.repo", "inst.method", "inst.stage2", "inst.syslog", "inst.sshd", NULL};
    bool acts = v->state == KL_OPTION_READ || v->state == KL_OPTION_DEPRECATED;
    return acts && v->option && in(keys, v->option->name) ? v->option->name : NULL;
}

static void add_text(struct kl_reading *r, const char ***list, size_t *n, const char *text)
{
    *list = kl_grow(r->a, *list, *n, sizeof **list);
    (*list)[(*n)++] = text;
}

static const char **place_for(struct kl_install *what, const char *key)
{
    return kl_streq(key, "inst.ks")       ? &what->kickstart
           : kl_streq(key, "inst.stage2") ? &what->stage2
           : kl_streq(key, "inst.syslog") ? &what->syslog
                                          : &what->repo;
}

static void read_installer(struct kl_reading *r, struct kl_install *what)
{
    for (size_t k = 0; k < r->nwords; k++) {
        const struct kl_word *w = &r->words[k];
        struct kl_option_verdict v = kl_boot_option_verdict(r->a, w->key, r->r);
        const char *key = installer_key(&v);
        if (key && kl_streq(key, "inst.sshd"))
            what->sshd = true;
        else if (key && w->value.text)
            *place_for(what, key) = w->value.text;
        else if (strcmp(w->key, "console") == 0 && w->value.text)
            add_text(r, &what->console, &what->nconsole, w->value.text);
        else if (!is_taken(w->key)) {
            add_text(r, &what->extra, &what->nextra, w->arg->text);
            if (v.state == KL_OPTION_UNKNOWN || is_beyond(w->key))
                kl_reading_say(
                    r, KL_NOTE, w, NULL, "not-understood", NULL, "kept, but not understood");
        }
    }
}

/* --- the whole --------------------------------------------------------------------------------*/

static bool holds(const struct kl_addr *list, size_t n, const struct kl_addr *a)
{
    for (size_t k = 0; k < n; k++)
        if (kl_addr_eq(&list[k], a))
            return true;
    return false;
}

/* NetworkManager gives a name server to the profiles that use its family, and to none otherwise;
 * one at the end of ip= to that profile alone. */
static size_t usable_dns(const struct kl_reading *r, const struct kl_intent *i)
{
    size_t n = 0;
    for (size_t k = 0; k < r->ndns; k++) {
        const struct kl_addr *a = &r->dns[k];
        bool for_all = holds(r->for_all, r->nfor_all, a), used = !is_nm(r);
        for (size_t l = 0; l < r->nseen; l++) {
            const struct kl_seen *s = &r->seen[l];
            const struct kl_ip *ip = a->family == 4 ? &s->link.ip4 : &s->link.ip6;
            used |= ip->method != KL_OFF && (for_all || holds(s->own_dns, s->nown_dns, a));
        }
        if (used)
            i->dns[n++] = *a;
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

static struct kl_intent *assemble(struct kl_reading *r)
{
    struct kl_intent *i = r->i;
    i->hostname = r->hostname;
    i->links = kl_alloc(r->a, (r->nseen + 1) * sizeof *i->links);
    for (size_t k = 0; k < r->nseen; k++)
        i->links[i->nlinks++] = r->seen[k].link;
    i->dns = kl_alloc(r->a, (r->ndns + 1) * sizeof *i->dns);
    i->ndns = usable_dns(r, i);
    i->install = install_link(r, i);
    kl_intent_sort(i);
    return i;
}

static void read_addresses(struct kl_reading *r)
{
    for (size_t k = 0; k < r->nwords; k++) {
        if (strcmp(r->words[k].key, "ip") != 0)
            continue;
        if (is_nm(r))
            kl_read_ip_nm(r, &r->words[k]);
        else
            kl_read_ip_legacy(r, &r->words[k]);
    }
}

static void read_initrd(struct kl_reading *r)
{
    read_devices(r);
    read_addresses(r);
    read_rest(r);
    if (is_nm(r))
        kl_settle_nm(r);
}

struct kl_intent *kl_cmdline_read(struct kl_arena *a, const struct kl_cmdline *line,
    const struct kl_release *r, struct kl_install *what, struct kl_diags *d)
{
    struct kl_install unused;
    struct kl_reading reading = {
        .a = a, .r = r, .d = d, .i = kl_alloc(a, sizeof(struct kl_intent))};
    reading.i->at = line->at;
    take_words(&reading, line);
    if (r->engine == KL_ENGINE_LOADER_EL6)
        kl_read_el6(&reading);
    else
        read_initrd(&reading);
    what = what ? what : &unused;
    *what = (struct kl_install){0};
    read_installer(&reading, what);
    return assemble(&reading);
}

struct kl_intent *kl_cmdline_parse(struct kl_arena *a, const char *line, const char *file,
    const struct kl_release *r, struct kl_install *what, struct kl_diags *d)
{
    struct kl_cmdline words = kl_cmdline_words(a, line, file, d);
    return words.n ? kl_cmdline_read(a, &words, r, what, d) : NULL;
}
