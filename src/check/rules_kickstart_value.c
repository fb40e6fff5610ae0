/* Values of network commands: addresses, lists, a value in another option's place. */
#include "check/rules_kickstart.h"

#include <stdlib.h>
#include <string.h>

struct value {
    const struct kl_ks_rules *k;
    const struct kl_net *n;
    const struct kl_net_option *o;
};

static struct kl_diag *wrong(const struct value *v, enum kl_severity severity, const char *code,
    const char *hint, const char *what)
{
    return kl_diag(v->k->d, severity, code, kl_net_place(v->o, 0, strlen(v->o->value)), hint,
        "%s=%s: %s", v->o->name, v->o->value, what);
}

static bool parses(const char *s, int family)
{
    struct kl_addr a;
    return kl_addr_parse(s, &a) && a.family == family;
}

/* Is the value given, and all of it there? */
static bool given(
    const struct kl_ks_rules *k, const struct kl_net *n, const char *name, struct value *out)
{
    *out = (struct value){k, n, kl_net_option(n, name)};
    return out->o && out->o->value && *out->o->value && !kl_is_template(out->o->value);
}

/* --- addresses ---------------------------------------------------------------------------------*/

static void rename_option(const struct value *v, struct kl_diag *one, const char *name)
{
    if (v->o->arg->verbatim && v->o->from && !kl_net_option(v->n, name))
        kl_diag_edit(v->k->d, one, kl_arg_place(v->o->arg, 0, v->o->from - 1), name);
}

/* 192.0.2.7/24 */
static bool with_length(const struct value *v)
{
    struct kl_prefix p;
    char mask[KL_ADDR_TEXT];
    if (!kl_prefix_parse(v->o->value, &p) || p.addr.family != 4)
        return false;
    size_t slash = strcspn(v->o->value, "/");
    bool more = !kl_net_option(v->n, "--netmask");
    const char *rest =
        more ? kl_diag_text(v->k->d, " --netmask=%s", kl_netmask_text(p.len, mask)) : "";
    struct kl_diag *one = wrong(v, KL_ERROR, "address-invalid",
        kl_diag_text(v->k->d, "write --ip=%.*s%s", (int)slash, v->o->value, rest),
        "the length of the prefix has an option of its own, --netmask");
    kl_net_edit(v->k, one, v->o, slash, strlen(v->o->value) - slash, rest);
    return true;
}

/* The first and the last address of a network are no host's. */
static void check_host(const struct value *v)
{
    struct value m;
    struct kl_addr a;
    uint8_t len;
    if (!given(v->k, v->n, "--netmask", &m) || !kl_netmask_parse(m.o->value, &len) || len > 30 ||
        !kl_addr_parse(v->o->value, &a))
        return;
    uint32_t host = 0, ones = UINT32_MAX >> len;
    for (int i = 0; i < 4; i++)
        host = host << 8 | a.bytes[i];
    host &= ones;
    if (!len || (host && host != ones))
        return;
    struct kl_diag *one = wrong(v, KL_ERROR, "address-invalid", "give the host an address between",
        host ? "with this netmask it is the network's broadcast address"
             : "with this netmask it is the address of the network itself");
    kl_diag_also(v->k->d, one, kl_net_place(m.o, 0, strlen(m.o->value)), "the netmask");
}

static void check_ip(const struct kl_ks_rules *k, const struct kl_net *n)
{
    struct value v;
    if (!given(k, n, "--ip", &v))
        return;
    if (parses(v.o->value, 4)) {
        check_host(&v);
    } else if (parses(v.o->value, 6)) {
        struct kl_diag *one = wrong(&v, KL_ERROR, "field-misplaced",
            "write it as --ipv6=", "an IPv6 address stands where an IPv4 address belongs");
        rename_option(&v, one, "--ipv6");
    } else if (!with_length(&v)) {
        wrong(&v, KL_ERROR, "address-invalid", NULL, "not an IPv4 address");
    }
}

static void check_netmask(const struct kl_ks_rules *k, const struct kl_net *n)
{
    struct value v;
    uint8_t len;
    unsigned long number;
    char mask[KL_ADDR_TEXT];
    if (!given(k, n, "--netmask", &v) || kl_netmask_parse(v.o->value, &len))
        return;
    const char *digits = v.o->value + (*v.o->value == '/');
    if (kl_number(digits, 32, &number)) {
        const char *dotted = kl_diag_text(k->d, "%s", kl_netmask_text((uint8_t)number, mask));
        struct kl_diag *one =
            wrong(&v, KL_ERROR, "address-invalid", kl_diag_text(k->d, "write --netmask=%s", dotted),
                "a length stands where a netmask in dots belongs");
        kl_diag_effect(k->d, one, "installer: finds no netmask that is spelt so");
        kl_net_edit(k, one, v.o, 0, strlen(v.o->value), dotted);
    } else if (parses(v.o->value, 4)) {
        wrong(&v, KL_ERROR,
            strncmp(v.o->value, "255.", 4) == 0 ? "address-invalid" : "field-misplaced", NULL,
            "not a netmask: its bits do not stand together");
    } else {
        wrong(&v, KL_ERROR, "address-invalid", "write it as 255.255.255.0", "not a netmask");
    }
}

static void check_gateway(const struct kl_ks_rules *k, const struct kl_net *n)
{
    struct value v;
    uint8_t len;
    if (!given(k, n, "--gateway", &v))
        return;
    if (parses(v.o->value, 6)) {
        struct kl_diag *one = wrong(&v, KL_ERROR, "field-misplaced",
            "write it as --ipv6gateway=", "an IPv6 address stands where an IPv4 address belongs");
        rename_option(&v, one, "--ipv6gateway");
    } else if (kl_netmask_parse(v.o->value, &len) && strncmp(v.o->value, "255.", 4) == 0) {
        wrong(&v, KL_ERROR, "field-misplaced", "write the router's address here",
            "a netmask stands where the gateway belongs");
    } else if (!parses(v.o->value, 4)) {
        wrong(&v, KL_ERROR, "address-invalid", NULL, "not an IPv4 address");
    } else if (kl_streq(v.o->value, kl_net_value(n, "--ip"))) {
        wrong(&v, KL_WARNING, "address-invalid", "write the router's address here",
            "the gateway is the machine's own address");
    }
}

/* [2001:db8::1]: brackets belong into URLs and kernel lines. */
static bool bracketed(const struct value *v, size_t from, size_t len)
{
    const char *s = v->o->value + from;
    if (len < 4 || s[0] != '[')
        return false;
    size_t close = strcspn(s, "]");
    if (close >= len || !parses(kl_strndup(v->k->a, s + 1, close - 1), 6))
        return false;
    struct kl_diag *one =
        kl_diag(v->k->d, KL_ERROR, "address-invalid", kl_net_place(v->o, from, len),
            "leave the brackets out", "a kickstart takes IPv6 addresses without brackets");
    if (v->o->arg->verbatim) {
        kl_net_edit(v->k, one, v->o, from + close, 1, "");
        kl_net_edit(v->k, one, v->o, from, 1, "");
    }
    return true;
}

static void check_ipv6(const struct kl_ks_rules *k, const struct kl_net *n)
{
    struct value v;
    struct kl_prefix p;
    if (!given(k, n, "--ipv6", &v) || strcmp(v.o->value, "auto") == 0 ||
        strcmp(v.o->value, "dhcp") == 0)
        return;
    bool is_prefix = kl_prefix_parse(v.o->value, &p);
    if (parses(v.o->value, 6) || (is_prefix && p.addr.family == 6) ||
        bracketed(&v, 0, strlen(v.o->value)))
        return;
    if (parses(v.o->value, 4) || is_prefix) {
        struct kl_diag *one = wrong(&v, KL_ERROR, "field-misplaced",
            "write it as --ip=", "an IPv4 address stands where an IPv6 address belongs");
        if (!is_prefix)
            rename_option(&v, one, "--ip");
        return;
    }
    wrong(&v, KL_ERROR, "address-invalid", "write ADDRESS/LENGTH, auto or dhcp",
        "not an IPv6 address");
}

static void check_ipv6_gateway(const struct kl_ks_rules *k, const struct kl_net *n)
{
    struct value v;
    if (!given(k, n, "--ipv6gateway", &v) || strchr(v.o->value, '%') || parses(v.o->value, 6) ||
        bracketed(&v, 0, strlen(v.o->value)))
        return;
    if (parses(v.o->value, 4)) {
        struct kl_diag *one = wrong(&v, KL_ERROR, "field-misplaced",
            "write it as --gateway=", "an IPv4 address stands where an IPv6 address belongs");
        rename_option(&v, one, "--gateway");
        return;
    }
    wrong(&v, KL_ERROR, "address-invalid", NULL, "not an IPv6 address");
}

/* --- lists -------------------------------------------------------------------------------------*/

/* Blanks next to a comma are another thing: the shell's words end there, not the list's. */
static size_t wrong_separator(const char *s, const char *set)
{
    for (size_t i = 1; s[i]; i++)
        if (strchr(set, s[i]) && s[i + 1] &&
            !(strchr(" \t", s[i]) && (s[i - 1] == ',' || strchr(", \t", s[i + 1]))))
            return i;
    return 0;
}

/* A port's name has none of these, a MAC address has ':'. */
static void check_list(const struct kl_ks_rules *k, const struct kl_net *n, const char *name)
{
    struct value v;
    bool servers = strcmp(name, "--nameserver") == 0;
    struct kl_mac mac;
    if (!given(k, n, name, &v))
        return;
    const char *s = v.o->value, *colon = strchr(s, ':');
    if (!servers && colon && (strlen(s) >= 17) && kl_mac_parse(kl_strndup(k->a, s, 17), &mac))
        return;
    size_t at = wrong_separator(s, servers ? "; \t|" : "; \t|:");
    if (!at || (s[at] == ':' && s[at + 1] >= '0' && s[at + 1] <= '9'))
        return;
    char *mended = kl_strdup(k->a, s);
    for (char *c = mended; *c; c++)
        if (*c == s[at])
            *c = ',';
    struct kl_diag *one = kl_diag(k->d, KL_ERROR, "separator-wrong", kl_net_place(v.o, at, 1),
        kl_diag_text(k->d, "write %s=%s", name, mended), "commas part what %s lists, not '%c'",
        name, s[at]);
    kl_diag_effect(k->d, one,
        servers ? "installer: has none of these name servers"
                : "installer: takes '%s' for the name of one port",
        s);
    for (size_t i = at; s[i] && v.o->arg->verbatim; i++)
        if (s[i] == s[at])
            kl_net_edit(k, one, v.o, i, 1, ",");
}

/* "--bondslaves=eth0, eth1": the value ends at the blank. */
static void check_blank(const struct kl_ks_rules *k, const struct kl_net *n)
{
    const struct kl_ks_command *c = n->command;
    for (size_t i = 0; i + 1 < c->n; i++) {
        const struct kl_arg *w = &c->args[i], *next = &c->args[i + 1];
        size_t len = strlen(w->text);
        if (!kl_starts(w->text, "--") || !strchr(w->text, '=') || kl_starts(next->text, "-") ||
            kl_is_template(w->text) || (w->text[len - 1] != ',' && next->text[0] != ','))
            continue;
        struct kl_diag *one = kl_diag(k->d, KL_ERROR, "separator-wrong", next->at,
            kl_diag_text(k->d, "write %s%s", w->text, next->text),
            "a blank ends the value, so '%s' does not belong to it", next->text);
        kl_diag_effect(k->d, one, "installer: stops at this line");
        struct kl_place gap = w->at;
        gap.col += gap.width;
        gap.width = next->at.col > gap.col ? next->at.col - gap.col : 0;
        if (w->verbatim && next->verbatim && w->at.line == next->at.line && gap.width)
            kl_diag_edit(k->d, one, gap, "");
    }
}

static void check_servers(const struct kl_ks_rules *k, const struct kl_net *n)
{
    struct value v;
    if (!given(k, n, "--nameserver", &v) || wrong_separator(v.o->value, "; \t|"))
        return;
    for (size_t at = 0; v.o->value[at];) {
        size_t len = strcspn(v.o->value + at, ","), skip = strspn(v.o->value + at, " \t");
        const char *part = kl_strndup(k->a, v.o->value + at + skip, len > skip ? len - skip : 0);
        struct kl_addr a;
        if (*part && !kl_addr_parse(part, &a) && !bracketed(&v, at + skip, len - skip))
            kl_diag(k->d, KL_ERROR, "address-invalid", kl_net_place(v.o, at, len),
                "name servers are given by address", "--nameserver: '%s' is no address", part);
        at += len + (v.o->value[at + len] != '\0');
    }
}

/* --- words -------------------------------------------------------------------------------------*/

/* pykickstart takes these and stops at any other (commands/network.py, bootprotoList). */
static void check_bootproto(const struct kl_ks_rules *k, const struct kl_net *n)
{
    static const char *const words[] = {"dhcp", "bootp", "static", "query", "ibft", NULL};
    struct value v;
    if (!given(k, n, "--bootproto", &v))
        return;
    for (const char *const *w = words; *w; w++)
        if (strcasecmp(*w, v.o->value) == 0)
            return;
    bool none = strcmp(v.o->value, "none") == 0 || strcmp(v.o->value, "off") == 0;
    bool fixed = kl_net_option(n, "--ip");
    const char *hint = none && fixed ? "write --bootproto=static"
                       : none        ? "write --noipv4 where no IPv4 address is wanted"
                       : kl_nearest(v.o->value, words)
                           ? kl_diag_text(k->d, "did you mean '%s'?", kl_nearest(v.o->value, words))
                           : "write dhcp or static";
    struct kl_diag *one = wrong(
        &v, KL_ERROR, "kickstart-value", hint, "the choice is dhcp, static, bootp, query or ibft");
    kl_diag_effect(k->d, one, "installer: stops at this line");
    if (none && fixed)
        kl_net_edit(k, one, v.o, 0, strlen(v.o->value), "static");
}

static void check_device(const struct kl_ks_rules *k, const struct kl_net *n)
{
    struct value v;
    struct kl_addr a;
    if (given(k, n, "--device", &v) && kl_addr_parse(v.o->value, &a))
        wrong(&v, KL_ERROR, "field-misplaced", "write the interface's name, or its MAC address",
            "an address stands where the device belongs");
}

void kl_ks_rules_values(const struct kl_ks_rules *k)
{
    static const char *const lists[] = {"--bondslaves", "--bridgeslaves", "--nameserver", NULL};
    for (size_t i = 0; i < k->nnets; i++) {
        const struct kl_net *n = &k->nets[i];
        check_ip(k, n);
        check_netmask(k, n);
        check_gateway(k, n);
        check_ipv6(k, n);
        check_ipv6_gateway(k, n);
        for (const char *const *l = lists; *l; l++)
            check_list(k, n, *l);
        check_blank(k, n);
        check_servers(k, n);
        check_bootproto(k, n);
        check_device(k, n);
    }
}
