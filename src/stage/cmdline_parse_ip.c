/* What an engine makes of `ip=`. See cmdline_legacy.c and cmdline_nm.c for how it is written, and
 * docs/boot-stages.md, section 1.1, for the table of differences. */
#include "stage/cmdline_parse.h"

#include "stage/cmdline.h"

#include <string.h>

enum { FIELDS = 16 };

static bool one_of(const char *word, const char *const *list)
{
    for (size_t k = 0; list[k]; k++)
        if (kl_streq(word, list[k]))
            return true;
    return false;
}

static void add_address(struct kl_reading *r, struct kl_ip *ip, struct kl_prefix p)
{
    for (size_t k = 0; k < ip->naddresses; k++)
        if (kl_prefix_eq(&ip->addresses[k], &p))
            return;
    ip->addresses = kl_grow(r->a, ip->addresses, ip->naddresses, sizeof p);
    ip->addresses[ip->naddresses++] = p;
}

static struct kl_ip *family(struct kl_seen *s, uint8_t which)
{
    return which == 4 ? &s->link.ip4 : &s->link.ip6;
}

/* What legacy dracut and NetworkManager can both mean by one argument, before either judges it. A
 * field that the argument does not have is an empty part without a word. */
struct fields {
    struct kl_part client, gateway, mask, host, interface, method;
    struct kl_part tail[FIELDS]; /* what follows the method */
    size_t ntail;
    bool is_short; /* ip=INTERFACE:METHOD:... */
};

static const struct kl_part nothing = {.text = ""};

static struct fields no_fields(void)
{
    return (struct fields){
        nothing, nothing, nothing, nothing, nothing, nothing, {nothing}, 0, false};
}

static struct fields short_form(const struct kl_part *f, size_t n)
{
    struct fields out = no_fields();
    out.is_short = true;
    out.interface = f[0];
    out.method = n > 1 ? f[1] : nothing;
    for (size_t k = 2; k < n; k++)
        out.tail[out.ntail++] = f[k];
    return out;
}

static struct fields long_form(const struct kl_part *f, size_t n)
{
    struct fields out = no_fields();
    struct kl_part *const head[] = {
        &out.client, NULL, &out.gateway, &out.mask, &out.host, &out.interface, &out.method};
    for (size_t k = 0; k < n && k < sizeof head / sizeof *head; k++)
        if (head[k])
            *head[k] = f[k];
    for (size_t k = sizeof head / sizeof *head; k < n; k++)
        out.tail[out.ntail++] = f[k];
    return out;
}

/* The link that the argument is for. */
static struct kl_seen *link_for(
    struct kl_reading *r, const struct kl_word *w, const struct fields *f, const char *interface)
{
    bool named = *f->interface.text;
    return kl_reading_link(r, interface, named ? kl_part_at(&f->interface) : w->arg->at);
}

/* What the method word decides: whether a family is used, and, where no field says it, the
 * gateway. */
static void say_method(
    struct kl_reading *r, const struct kl_seen *s, int which, const struct fields *f)
{
    const struct kl_ip *ip = which == 4 ? &s->link.ip4 : &s->link.ip6;
    const char *name = s->link.name;
    kl_reading_fact(r, name, which == 4 ? "ipv4" : "ipv6", &f->method);
    if (ip->gateway != KL_GATEWAY_EXPLICIT)
        kl_reading_fact(r, name, which == 4 ? "gateway4" : "gateway6", &f->method);
}

/* The MAC at the end: six pieces, or one with hyphens or brackets. */
static bool tail_mac(const struct fields *f, size_t from, struct kl_mac *mac)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t k = from; k < f->ntail; k++) {
        const char *byte = f->tail[k].text;
        kl_buf_addf(&b, "%s%s%s", k > from ? ":" : "", byte[0] && !byte[1] ? "0" : "", byte);
    }
    return kl_mac_parse(kl_buf_text(&b), mac);
}

static uint32_t tail_mtu(const struct fields *f)
{
    unsigned long mtu = 0;
    return f->ntail && kl_number(f->tail[0].text, 65535, &mtu) ? (uint32_t)mtu : 0;
}

/* Up to two name servers instead of MTU and MAC. Legacy dracut knows none in its short form, and
 * before 8.4's takes an address that begins with a letter for a MAC (quirk 34). */
static bool tail_dns(struct kl_reading *r, const struct fields *f, struct kl_seen *s)
{
    struct kl_addr a;
    bool any = false;
    if (f->is_short && r->r->engine != KL_ENGINE_NM)
        return false;
    for (size_t k = 0; k < f->ntail && k < 2; k++) {
        const char *text = f->tail[k].text;
        bool digit = text[0] >= '0' && text[0] <= '9';
        if ((k == 0 && r->r->engine != KL_ENGINE_NM && !digit) || !kl_addr_parse(text, &a))
            break;
        kl_reading_dns(r, &a, &f->tail[k]);
        s->own_dns = kl_grow(r->a, s->own_dns, s->nown_dns, sizeof a);
        s->own_dns[s->nown_dns++] = a;
        s->dns_at = kl_part_at(&f->tail[k]);
        s->dns4 |= a.family == 4;
        s->dns6 |= a.family == 6;
        any = true;
    }
    return any;
}

static void say_mtu(struct kl_reading *r, struct kl_seen *s, const struct fields *f)
{
    s->link.mtu = tail_mtu(f);
    kl_reading_fact(r, s->link.name, "mtu", &f->tail[0]);
}

static void say_mac(
    struct kl_reading *r, struct kl_seen *s, const struct fields *f, const struct kl_mac *mac)
{
    s->link.mac = *mac;
    kl_intent_say(r->a, r->i, s->link.name, "mac", kl_parts_at(&f->tail[1], f->ntail - 1));
}

static void say_host(struct kl_reading *r, const struct fields *f)
{
    r->hostname = f->host.text;
    kl_reading_fact(r, NULL, "hostname", &f->host);
}

/* --- legacy dracut ----------------------------------------------------------------------------*/

static bool legacy_short(const struct kl_reading *r, const struct kl_part *f, size_t n)
{
    static const char *const words[] = {"dhcp", "on", "any", "dhcp6", "auto6", NULL};
    if (r->r->engine == KL_ENGINE_DRACUT_033A)
        return n >= 2 && n <= 4; /* counted */
    if (n < 2)
        return false;
    return one_of(f[1].text, words) ||
           (r->r->engine == KL_ENGINE_DRACUT_049 && kl_streq(f[1].text, "either6"));
}

static struct kl_part single(struct kl_reading *r, const char *key)
{
    const struct kl_word *w = kl_reading_last(r, key);
    return w ? w->value : nothing;
}

/* ip=A.B.C.D: the rest stands in arguments of its own, as anaconda of EL6 had them. 049 of 8.0
 * did not know it (quirk 35). */
static bool is_cluster(const struct kl_reading *r, const char *s)
{
    struct kl_addr a;
    return kl_addr_parse(s, &a) && a.family == 4 &&
           (r->r->engine != KL_ENGINE_DRACUT_049 || kl_release_since(r->r, 8, 1));
}

static struct fields cluster(struct kl_reading *r, const struct kl_part *address)
{
    struct fields f = no_fields();
    f.client = *address;
    f.gateway = single(r, "gateway");
    f.mask = single(r, "netmask");
    f.host = single(r, "hostname");
    f.interface = single(r, "ksdevice");
    if (kl_streq(f.interface.text, "link") || kl_streq(f.interface.text, "ibft"))
        f.interface = nothing;
    f.method.text = "none";
    return f;
}

/* NEEDBOOTDEV of parse-ip-opts.sh. */
static bool several_ip(struct kl_reading *r)
{
    size_t n = 0;
    for (size_t k = 0; k < r->nwords; k++)
        n += kl_streq(r->words[k].key, "ip") && !kl_streq(r->words[k].value.text, "ibft") &&
             !kl_streq(r->words[k].value.text, "");
    return n > 1 && !kl_streq(single(r, "rd.neednet").text, "0");
}

/* parse-ip-opts.sh stops the boot for some mistakes ("die"). */
static bool dies(
    struct kl_reading *r, const struct kl_word *w, const char *method, const struct fields *f)
{
    const char *why = NULL;
    const struct kl_part *part = &f->method;
    bool is_static = kl_streq(method, "none") || kl_streq(method, "off");
    static const char *const dhcp[] = {"dhcp", "dhcp6", "on", "any", "single-dhcp", NULL};
    static const char *const other[] = {"auto6", "link6", "ibft", NULL};
    if (is_static && !*f->client.text)
        why = "a static method without an address";
    else if (is_static && !*f->mask.text)
        why = "an address without a netmask (or, for IPv6, a prefix length in the fourth field)";
    else if (one_of(method, dhcp) && *f->client.text)
        why = "DHCP with an address";
    else if (one_of(method, dhcp) && !*f->interface.text && several_ip(r))
        why = "DHCP for any interface beside other ip= arguments";
    else if (!is_static && !one_of(method, dhcp) && !one_of(method, other) &&
             !(kl_streq(method, "either6") && r->r->engine == KL_ENGINE_DRACUT_049))
        why = kl_sprintf(r->a, "a method '%s'", method);
    if (is_static && *f->client.text)
        part = &f->client;
    if (why)
        kl_reading_say(r, KL_ERROR, w, part, "stops", NULL, "dracut stops the boot at %s", why);
    return why;
}

static void legacy_static(
    struct kl_reading *r, const struct kl_word *w, const struct fields *f, struct kl_seen *s)
{
    struct kl_prefix p;
    unsigned long len;
    if (!kl_addr_parse(f->client.text, &p.addr)) {
        kl_reading_say(r, KL_WARNING, w, &f->client, "address-invalid",
            "an IPv6 address stands in brackets", "'%s' is no address", f->client.text);
        return;
    }
    if (p.addr.family == 4 && kl_netmask_parse(f->mask.text, &p.len)) {
    } else if (kl_number(f->mask.text, p.addr.family == 4 ? 32 : 128, &len)) {
        p.len = (uint8_t)len;
    } else {
        kl_reading_say(
            r, KL_WARNING, w, &f->mask, "netmask", NULL, "'%s' is no netmask", f->mask.text);
        return;
    }
    struct kl_ip *ip = family(s, p.addr.family);
    add_address(r, ip, p);
    ip->method = KL_STATIC;
    ip->gateway = p.addr.family == 6 ? KL_GATEWAY_LEARNT : KL_GATEWAY_NONE; /* the kernel listens */
    kl_reading_fact(r, s->link.name, p.addr.family == 4 ? "addresses4" : "addresses6", &f->client);
    say_method(r, s, p.addr.family, f);
}

static void legacy_gateway(
    struct kl_reading *r, const struct kl_word *w, const struct fields *f, struct kl_seen *s)
{
    struct kl_addr a;
    if (!*f->gateway.text)
        return;
    if (!kl_addr_parse(f->gateway.text, &a)) {
        kl_reading_say(r, KL_WARNING, w, &f->gateway, "gateway",
            "an IPv6 address stands in brackets", "'%s' is no gateway", f->gateway.text);
        return;
    }
    struct kl_ip *ip = family(s, a.family);
    ip->gateway = KL_GATEWAY_EXPLICIT;
    ip->nexthop = a;
    kl_reading_fact(r, s->link.name, a.family == 4 ? "gateway4" : "gateway6", &f->gateway);
}

static void legacy_method(struct kl_reading *r, const struct kl_word *w, const char *method,
    const struct fields *f, struct kl_seen *s)
{
    static const char *const dhcp4[] = {"dhcp", "on", "any", "single-dhcp", NULL};
    if (kl_streq(method, "none") || kl_streq(method, "off")) {
        legacy_static(r, w, f, s);
    } else if (one_of(method, dhcp4)) {
        s->link.ip4 = (struct kl_ip){.method = KL_DHCP, .gateway = KL_GATEWAY_LEARNT};
        say_method(r, s, 4, f);
    } else if (kl_streq(method, "dhcp6") && s->link.ip4.method == KL_DHCP) {
        kl_reading_say(r, KL_WARNING, w, &f->method, "skipped", NULL,
            "dracut runs DHCPv6 only if DHCPv4 failed (ifup.sh, do_dhcp)");
    } else if (kl_streq(method, "dhcp6")) {
        s->link.ip6 = (struct kl_ip){.method = KL_DHCP, .gateway = KL_GATEWAY_LEARNT};
        say_method(r, s, 6, f);
    } else if (kl_streq(method, "auto6") || kl_streq(method, "either6")) {
        if (s->link.ip6.method == KL_OFF)
            s->link.ip6 = (struct kl_ip){.method = KL_AUTO, .gateway = KL_GATEWAY_LEARNT};
        say_method(r, s, 6, f);
        if (*f->client.text && !strstr(f->method.text, "none") && !strstr(f->method.text, "off"))
            kl_reading_say(r, KL_WARNING, w, &f->client, "skipped", NULL,
                "dracut does not set the address beside '%s' (ifup.sh)", method);
    } else {
        kl_reading_say(r, KL_NOTE, w, &f->method, "not-understood", NULL,
            "method '%s' is not part of Kickline's model", method);
    }
}

static void legacy_methods(
    struct kl_reading *r, const struct kl_word *w, const struct fields *f, const char *interface)
{
    const char *list = *f->method.text ? f->method.text : "dhcp";
    for (const char *m = list; m; m = strchr(m, ',') ? strchr(m, ',') + 1 : NULL) {
        const char *method = kl_strndup(r->a, m, strcspn(m, ","));
        if (dies(r, w, method, f))
            return;
        legacy_method(r, w, method, f, link_for(r, w, f, interface));
    }
    struct kl_seen *s = link_for(r, w, f, interface);
    legacy_gateway(r, w, f, s);
    s->has_ip = true;
    if (*f->host.text)
        say_host(r, f);
    if (tail_dns(r, f, s))
        return;
    uint32_t mtu = tail_mtu(f);
    struct kl_mac mac = {0};
    if (mtu && kl_legacy_sets_mtu(r->r, &s->link))
        say_mtu(r, s, f);
    if (f->ntail > 1 && tail_mac(f, 1, &mac)) {
        struct kl_link probe = s->link;
        probe.mtu = mtu;
        if (kl_legacy_sets_mac(r->r, &probe) && s->link.kind != KL_ETHERNET)
            say_mac(r, s, f, &mac);
    }
}

void kl_read_ip_legacy(struct kl_reading *r, const struct kl_word *w)
{
    struct kl_part f[FIELDS];
    size_t n = kl_reading_split(r, &w->value, f, FIELDS);
    struct fields fields = no_fields();
    if (kl_streq(w->value.text, ""))
        return; /* getargs() gives nothing for it */
    if (!w->value.text)
        f[0].text = w->key; /* getargs() gives the key itself for a word without '=' */
    if (n == 1 && is_cluster(r, f[0].text))
        fields = cluster(r, &f[0]);
    else if (n == 1)
        fields.method = f[0];
    else
        fields = legacy_short(r, f, n) ? short_form(f, n) : long_form(f, n);
    /* By its name alone, not by its MAC. */
    const char *interface = *fields.interface.text ? fields.interface.text : KL_ANY_INTERFACE;
    if (!r->first_ip)
        r->first_ip = interface;
    if (link_for(r, w, &fields, interface)->has_ip && !kl_streq(interface, KL_ANY_INTERFACE)) {
        kl_reading_say(r, KL_ERROR, w, &fields.interface, "duplicate-ip",
            "one ip= for each interface", "dracut stops the boot at a second ip= for %s",
            interface);
        return;
    }
    legacy_methods(r, w, &fields, interface);
}

/* --- NetworkManager ---------------------------------------------------------------------------*/

static bool is_port(const struct kl_reading *r, const char *name)
{
    for (size_t k = 0; k < r->nseen; k++)
        for (size_t p = 0; p < r->seen[k].link.nports; p++)
            if (kl_streq(r->seen[k].link.ports[p], name))
                return true;
    return false;
}

/* Profiles that only bootdev=, BOOTIF= and rd.route= ask for come last. */
static bool is_before(const struct kl_seen *a, const struct kl_seen *b)
{
    const struct kl_place *one = &a->first, *other = &b->first;
    return a->late != b->late         ? b->late
           : one->line != other->line ? one->line < other->line
                                      : one->col < other->col;
}

/* Of the profiles that are no ports, the line's first; without any, one for every NIC. */
const char *kl_nm_first(const struct kl_reading *r)
{
    const struct kl_seen *first = NULL;
    for (size_t k = 0; k < r->nseen; k++) {
        const struct kl_seen *s = &r->seen[k];
        if (s->profile && !is_port(r, s->link.name) && (!first || is_before(s, first)))
            first = s;
    }
    return first ? first->link.name : KL_ANY_INTERFACE;
}

/* Does a profile for every NIC take BOOTIF= in? It does when it is the first of an Ethernet. */
bool kl_nm_takes_bootif(const struct kl_reading *r)
{
    const struct kl_seen *first = NULL;
    for (size_t k = 0; k < r->nseen; k++) {
        const struct kl_seen *s = &r->seen[k];
        if (s->profile && s->link.kind == KL_ETHERNET && (!first || is_before(s, first)))
            first = s;
    }
    return first && kl_streq(first->link.name, KL_ANY_INTERFACE);
}

/* nm_utils_ifname_valid_kernel(). */
static bool is_kernel_name(const char *s)
{
    size_t len = strlen(s);
    static const char *const taken[] = {".", "..", "all", "default", "bonding_masters", NULL};
    return len && len <= 15 && !strpbrk(s, "/: \t\n\v\f\r") && !one_of(s, taken);
}

/* aa-bb-cc-dd-ee-ff names the NIC that ifname= gave this MAC, or that the line does not name. */
static const char *interface_name(struct kl_reading *r, const char *name)
{
    struct kl_mac mac;
    if (!kl_mac_parse(name, &mac))
        return name;
    for (size_t k = 0; k < r->nseen; k++)
        if (r->seen[k].link.mac.set && r->seen[k].link.kind == KL_ETHERNET &&
            kl_mac_eq(&r->seen[k].link.mac, &mac))
            return r->seen[k].link.name;
    char text[KL_MAC_TEXT];
    return kl_strdup(r->a, kl_mac_text(&mac, text));
}

/* A name that no interface can have is taken for none at all (reader_get_connection()): then the
 * argument is for the first profile, or for every NIC. */
const char *kl_nm_interface(
    struct kl_reading *r, const struct kl_word *w, const struct kl_part *name)
{
    struct kl_mac mac;
    if (!*name->text)
        return KL_ANY_INTERFACE;
    if (is_kernel_name(name->text) || kl_mac_parse(name->text, &mac))
        return interface_name(r, name->text);
    const char *instead = kl_nm_first(r);
    kl_reading_say(r, KL_WARNING, w, name, "address-invalid",
        "a name has 15 characters at most, and none of / and :",
        "'%s' is no interface to NetworkManager, which takes this for %s", name->text,
        kl_streq(instead, KL_ANY_INTERFACE) ? "any interface" : instead);
    return instead;
}

/* The method that a single word means, or NULL: "none", "dhcp", "dhcp6", "auto6", "auto", "link6",
 * "ibft". */
static const char *nm_word(const struct kl_reading *r, const char *word)
{
    static const char *const plain[] = {
        "none", "dhcp", "dhcp6", "auto6", "auto", "link6", "ibft", NULL};
    if (!*word)
        return "auto";
    for (size_t k = 0; plain[k]; k++)
        if (kl_streq(word, plain[k]))
            return plain[k];
    if (kl_streq(word, "off"))
        return "none";
    if (kl_streq(word, "on") || kl_streq(word, "any"))
        return "auto";
    if (r->r->nm_minor < 34)
        return NULL;
    if (kl_streq(word, "fw"))
        return "ibft";
    return kl_streq(word, "single-dhcp") ? "dhcp" : NULL;
}

/* The same of a list, which is read from 1.34 on: words that mean one method are that method, DHCP
 * for both families is auto, which takes in DHCPv6; but auto beside dhcp is nothing
 * (_parse_ip_method(); tried on 1.42.4). */
static const char *nm_method(struct kl_reading *r, const char *list)
{
    const char *one = NULL;
    bool dhcp = false, six = false, automatic = false, other = false;
    if (!strchr(list, ',') || r->r->nm_minor < 34)
        return nm_word(r, list);
    for (const char *c = list; *c; c += *c == ',') {
        size_t len = strcspn(c, ",");
        const char *m = len ? nm_word(r, kl_strndup(r->a, c, len)) : NULL;
        c += len;
        if (!len)
            continue;
        if (!m)
            return NULL;
        bool is_six = kl_streq(m, "dhcp6") || kl_streq(m, "auto6");
        dhcp |= kl_streq(m, "dhcp");
        six |= is_six;
        automatic |= kl_streq(m, "auto");
        other |=
            !is_six && !kl_streq(m, "dhcp") && !kl_streq(m, "auto") && one && !kl_streq(m, one);
        other |= one && !kl_streq(one, m) &&
                 (kl_streq(one, "none") || kl_streq(one, "link6") || kl_streq(one, "ibft"));
        one = m;
    }
    if (!one || other || (automatic && dhcp))
        return NULL;
    return automatic || (dhcp && six) ? "auto" : one;
}

/* Before 1.34 the list of words that tell the short form held "onany" for two of them (a comma was
 * missing in nmi-cmdline-reader.c). */
static bool nm_short(struct kl_reading *r, const struct kl_part *f, size_t n)
{
    if (r->r->nm_minor < 30)
        return !strpbrk(f[0].text, ".:");
    if (n < 2 || !*f[1].text)
        return false;
    if (r->r->nm_minor < 34 && (kl_streq(f[1].text, "on") || kl_streq(f[1].text, "any")))
        return false;
    return nm_method(r, f[1].text);
}

/* nm_utils_ip4_netmask_to_prefix(): where the last bit stands, whatever is before it. */
static bool nm_netmask(const char *s, uint8_t *len)
{
    struct kl_addr a;
    if (!kl_addr_parse(s, &a) || a.family != 4)
        return false;
    *len = 32;
    for (int bit = 31; bit >= 0 && !(a.bytes[bit / 8] >> (7 - bit % 8) & 1); bit--)
        *len = (uint8_t)bit;
    return true;
}

/* The prefix length: of the mask field, else within the client field, else by default. */
static uint8_t nm_length(struct kl_reading *r, const struct kl_word *w, const struct fields *f,
    const struct kl_addr *a, const char *inside)
{
    unsigned long len = 0;
    uint8_t dotted;
    unsigned long most = a->family == 4 || r->r->nm_minor < 30 ? 32 : 128;
    const char *mask = f->mask.text;
    if (*mask && a->family == 4 && nm_netmask(mask, &dotted))
        return dotted;
    if (*mask && kl_number(mask, most, &len))
        return (uint8_t)len;
    /* 64 is what it takes without one, too. */
    if (*mask && (a->family == 4 || inside || strcmp(mask, "64") != 0))
        kl_reading_say(r, KL_WARNING, w, &f->mask, "netmask", NULL,
            "NetworkManager takes '%s' for no netmask", mask);
    if (inside && kl_number(inside, a->family == 4 ? 32 : 128, &len))
        return (uint8_t)len;
    if (a->family == 6)
        return 64;
    return a->bytes[0] < 128 ? 8 : a->bytes[0] < 192 ? 16 : 24;
}

static bool nm_address(
    struct kl_reading *r, const struct kl_word *w, const struct fields *f, struct kl_prefix *p)
{
    const char *client = f->client.text, *slash = strchr(client, '/');
    size_t len = slash ? (size_t)(slash - client) : strlen(client);
    bool brackets = len > 2 && client[0] == '[' && client[len - 1] == ']'; /* from 1.54 on */
    const char *bare = kl_strndup(r->a, client + brackets, brackets ? len - 2 : len);
    unsigned long inside;
    if (!kl_addr_parse(bare, &p->addr) ||
        (slash && !kl_number(slash + 1, p->addr.family == 4 ? 32 : 128, &inside))) {
        kl_reading_say(r, KL_WARNING, w, &f->client, "address-invalid",
            "an IPv6 address stands in brackets; a method word comes after the interface",
            "NetworkManager takes '%s' for no address, and leaves the argument out", client);
        return false;
    }
    p->len = nm_length(r, w, f, &p->addr, slash ? slash + 1 : NULL);
    return true;
}

/* reader_parse_ip(): the method decides for families without an address. */
static void nm_apply(struct kl_seen *s, const char *method)
{
    bool has4 = s->link.ip4.naddresses, has6 = s->link.ip6.naddresses;
    if (kl_streq(method, "none")) {
        s->nm4 = has4 ? s->nm4 : KL_NM_DISABLED;
        s->nm6 = has6 ? s->nm6 : KL_NM_DISABLED;
    } else if (kl_streq(method, "dhcp")) {
        s->nm4 = KL_NM_AUTO;
        if (!has6 && s->nm6 != KL_NM_AUTO)
            s->nm6 = KL_NM_TRIED;
    } else if (kl_streq(method, "dhcp6") || kl_streq(method, "auto6")) {
        s->nm4 = has4 ? s->nm4 : KL_NM_DISABLED;
        s->nm6 = KL_NM_AUTO;
        s->dhcp6 = kl_streq(method, "dhcp6");
    } else if (kl_streq(method, "auto")) {
        s->nm4 = s->nm4 == KL_NM_TRIED ? KL_NM_AUTO : s->nm4;
        s->nm6 = s->nm6 == KL_NM_TRIED ? KL_NM_AUTO : s->nm6;
    }
}

/* 1.26: none leaves IPv6 trying, and no word changes a family that has an address. */
static void nm_apply_26(struct kl_seen *s, const char *method)
{
    bool has6 = s->link.ip6.naddresses;
    enum kl_nm_state before = s->nm6;
    nm_apply(s, method);
    if (has6)
        s->nm6 = before;
    else if (kl_streq(method, "none"))
        s->nm6 = KL_NM_TRIED;
}

static void nm_gateway(
    struct kl_reading *r, const struct kl_word *w, const struct fields *f, struct kl_seen *s)
{
    struct kl_addr a;
    if (!*f->gateway.text)
        return;
    if (!kl_addr_parse(f->gateway.text, &a)) {
        kl_reading_say(r, KL_WARNING, w, &f->gateway, "gateway",
            "an IPv6 address stands in brackets", "NetworkManager takes '%s' for no gateway",
            f->gateway.text);
        return;
    }
    family(s, a.family)->gateway = KL_GATEWAY_EXPLICIT;
    family(s, a.family)->nexthop = a;
    kl_reading_fact(r, s->link.name, a.family == 4 ? "gateway4" : "gateway6", &f->gateway);
}

static const char *nm_known_method(
    struct kl_reading *r, const struct kl_word *w, const struct kl_part *part)
{
    const char *word = part->text, *method = nm_method(r, word);
    if (!method)
        kl_reading_say(r, KL_WARNING, w, part, "method", "use none, dhcp, dhcp6 or auto6",
            "NetworkManager does not know the method '%s', and takes it for 'auto'", word);
    else if (kl_streq(method, "ibft") || kl_streq(method, "link6"))
        kl_reading_say(r, KL_NOTE, w, part, "not-understood", NULL,
            "method '%s' is not part of Kickline's model", method);
    return method ? method : "auto";
}

/* Letters, digits, '-' and single dots within (systemd's hostname_is_valid); else it is as if
 * there were none. */
static bool nm_host(const char *s)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-.";
    size_t len = strlen(s);
    return len && len <= 64 && strspn(s, allowed) == len && s[0] != '.' && s[0] != '-' &&
           s[len - 1] != '.' && s[len - 1] != '-' && !strstr(s, "..");
}

static void nm_tail(struct kl_reading *r, const struct fields *f, struct kl_seen *s)
{
    struct kl_mac mac;
    if (tail_dns(r, f, s))
        return;
    if (tail_mtu(f))
        say_mtu(r, s, f);
    if (f->ntail > 1 && tail_mac(f, 1, &mac) && s->link.kind != KL_ETHERNET)
        say_mac(r, s, f, &mac);
}

/* A later ip= of the same interface turns off what an earlier one asked for: the two become one
 * profile, and their method words are applied one after the other (docs/boot-stages.md, 1.1). */
static void nm_overruled(struct kl_reading *r, const struct kl_word *w, const struct kl_seen *s,
    int which, enum kl_nm_state before, enum kl_nm_state now)
{
    if (now != KL_NM_DISABLED || (before != KL_NM_AUTO && before != KL_NM_MANUAL))
        return;
    bool any = kl_streq(s->link.name, KL_ANY_INTERFACE);
    const char *name = any ? "any interface" : s->link.name;
    struct kl_diag *one = kl_diag(r->d, KL_WARNING, "duplicate-ip", w->arg->at,
        r->r->nm_minor >= 34 ? "say both in one ip=, as in ip=eno1:dhcp,dhcp6" : NULL,
        "NetworkManager makes one profile of all ip= for %s, and this one turns IPv%d off", name,
        which);
    kl_diag_also(r->d, one, kl_intent_said(r->i, s->link.name, which == 4 ? "ipv4" : "ipv6"),
        "asked for here");
    kl_diag_effect(r->d, one, "initrd: %s comes up without IPv%d", name, which);
}

static void nm_methods(struct kl_reading *r, const struct kl_word *w, struct kl_seen *s,
    const char *method, const struct fields *f)
{
    bool first = !s->has_ip;
    enum kl_nm_state before4 = s->nm4, before6 = s->nm6;
    if (r->r->nm_minor < 30)
        nm_apply_26(s, method);
    else
        nm_apply(s, method);
    if (!first) {
        nm_overruled(r, w, s, 4, before4, s->nm4);
        nm_overruled(r, w, s, 6, before6, s->nm6);
    }
    if (first || s->nm4 != before4)
        say_method(r, s, 4, f);
    if (first || s->nm6 != before6)
        say_method(r, s, 6, f);
}

static void nm_add(
    struct kl_reading *r, struct kl_seen *s, const struct fields *f, struct kl_prefix p)
{
    bool four = p.addr.family == 4;
    add_address(r, family(s, p.addr.family), p);
    *(four ? &s->nm4 : &s->nm6) = KL_NM_MANUAL;
    kl_reading_fact(r, s->link.name, four ? "addresses4" : "addresses6", &f->client);
    say_method(r, s, p.addr.family, f);
}

void kl_read_ip_nm(struct kl_reading *r, const struct kl_word *w)
{
    struct kl_part split[FIELDS];
    size_t n = kl_reading_split(r, &w->value, split, FIELDS);
    struct fields f = no_fields();
    struct kl_prefix p;
    f.method = split[0];
    if (n == 2 && !*split[1].text)
        n = 1; /* nothing behind the only colon: a method word, whatever it was meant to be */
    if (n == 1 && !*split[0].text)
        return;
    if (n > 1)
        f = nm_short(r, split, n) ? short_form(split, n) : long_form(split, n);
    if (*f.client.text && !nm_address(r, w, &f, &p))
        return;
    const char *interface = kl_nm_interface(r, w, &f.interface);
    const char *method = nm_known_method(r, w, &f.method);
    if (!r->first_ip)
        r->first_ip = interface;
    struct kl_seen *s = link_for(r, w, &f, interface);
    if (*f.client.text)
        nm_add(r, s, &f, p);
    nm_methods(r, w, s, method, &f);
    s->has_ip = s->profile = true;
    nm_gateway(r, w, &f, s);
    if (nm_host(f.host.text))
        say_host(r, &f);
    nm_tail(r, &f, s);
}

/* IPv6 that is only tried beside IPv4 is nobody's wish (see cmdline_nm.c). */
static void settle(struct kl_reading *r, struct kl_seen *s, bool no_ip)
{
    struct kl_ip *four = &s->link.ip4, *six = &s->link.ip6;
    bool lost4 = s->dns4 && s->nm4 == KL_NM_DISABLED, lost6 = s->dns6 && s->nm6 == KL_NM_DISABLED;
    if (no_ip)
        s->nm4 = s->nm6 = KL_NM_DISABLED;
    if (lost4 || lost6) {
        kl_diag(r->d, KL_WARNING, "profile-lost", s->dns_at, "use nameserver=",
            "NetworkManager drops the whole profile of %s: its ip= ends in an IPv%d name server, "
            "and IPv%d is off (quirk 32)",
            s->link.name, lost4 ? 4 : 6, lost4 ? 4 : 6);
        s->nm4 = s->nm6 = KL_NM_DISABLED;
        s->lost = true;
        kl_leave_controllers(r, s->link.name);
    }
    four->method = s->nm4 == KL_NM_DISABLED ? KL_OFF : s->nm4 == KL_NM_MANUAL ? KL_STATIC : KL_DHCP;
    if (s->nm6 == KL_NM_MANUAL)
        six->method = KL_STATIC;
    else if (s->nm6 == KL_NM_AUTO && six->naddresses && !s->dhcp6)
        six->method = six->gateway == KL_GATEWAY_EXPLICIT ? KL_AUTO : KL_STATIC;
    else if (s->nm6 == KL_NM_AUTO)
        six->method = s->dhcp6 ? KL_DHCP : KL_AUTO;
    else
        six->method = KL_OFF;
    if (four->method == KL_DHCP && four->gateway == KL_GATEWAY_NONE)
        four->gateway = KL_GATEWAY_LEARNT;
    if (s->nm6 == KL_NM_AUTO && six->gateway == KL_GATEWAY_NONE)
        six->gateway = KL_GATEWAY_LEARNT;
    if (four->method == KL_OFF)
        *four = (struct kl_ip){0};
    if (six->method == KL_OFF)
        *six = (struct kl_ip){0};
}

/* The parent of a VLAN has no addresses unless ip= says so; before 1.30 it has DHCP like any other
 * profile (quirk 30). */
static bool is_bare_parent(const struct kl_reading *r, const struct kl_seen *s)
{
    return s->vlan_parent && !s->has_ip && r->r->nm_minor >= 30;
}

void kl_settle_nm(struct kl_reading *r)
{
    for (size_t k = 0; k < r->nseen; k++) {
        struct kl_seen *s = &r->seen[k];
        settle(r, s, !s->profile || is_port(r, s->link.name) || is_bare_parent(r, s));
        if (s->link.kind == KL_BOND && s->profile && !s->lost && !kl_nm_bond_fits(r, &s->link)) {
            s->link.ip4 = s->link.ip6 = (struct kl_ip){0};
            s->lost = true;
            kl_leave_controllers(r, s->link.name);
        }
    }
}
