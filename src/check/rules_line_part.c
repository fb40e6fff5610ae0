/* Arguments that are parted wrongly, but for bonds (rules_line_bond.c).
 *
 * Codes: value-repeated (ip=ip=..., ks=ks=...), separator-wrong (ip=eth0=dhcp, vlan=vlan5=eth0,
 * bridge=br0,eth0, ifname=lan0=52:54:..., nameserver=A,B). */
#include "check/rules_line.h"

#include <string.h>

/* --- said twice -------------------------------------------------------------------------------*/

/* inst.ks=ks=..., ip=ip=...: the same key, with or without its prefix. */
static bool same_key(const char *a, const char *b)
{
    const char *x = kl_starts(a, "inst.") ? a + 5 : a, *y = kl_starts(b, "inst.") ? b + 5 : b;
    return *x && strcmp(x, y) == 0;
}

static void repeated(const struct kl_line *l, const struct kl_arg *w)
{
    size_t value = kl_line_value(w), inner = value ? strcspn(w->text + value, "=") : 0;
    if (value < 2 || !w->text[value + inner] || value > 64 || inner > 64)
        return;
    const char *key = kl_line_key(l, w), *again = kl_strndup(l->a, w->text + value, inner);
    if (!same_key(key, again) ||
        kl_boot_option_verdict(l->a, key, l->c->release).state == KL_OPTION_UNKNOWN)
        return;
    size_t twice = inner + 1;
    struct kl_diag *one =
        kl_diag(l->d, KL_ERROR, "value-repeated", kl_arg_place(w, 0, value + twice),
            kl_diag_text(l->d, "write %s=%s", key, w->text + value + twice),
            "'%s=' stands there twice", again);
    kl_diag_effect(l->d, one, "initrd: the value of %s begins with '%s='", key, again);
    kl_line_edit(l, one, w, value, twice, "");
}

/* --- separators -------------------------------------------------------------------------------*/

static void wrong(const struct kl_line *l, const struct kl_arg *w, size_t at, const char *instead,
    const char *what)
{
    char *mended = kl_strdup(l->a, w->text);
    mended[at] = *instead;
    struct kl_diag *one = kl_diag(l->d, KL_ERROR, "separator-wrong", kl_arg_place(w, at, 1),
        kl_diag_text(l->d, "write %s", mended), "'%c' stands %s: it is '%s' there", w->text[at],
        what, instead);
    kl_line_edit(l, one, w, at, 1, instead);
}

/* ip=eth0=dhcp, ip=eth0,dhcp. */
static void in_ip(const struct kl_line *l, const struct kl_arg *w, size_t value)
{
    size_t len = strcspn(w->text + value, "=,;:");
    const char *name = kl_strndup(l->a, w->text + value, len), *rest = w->text + value + len;
    if (!*rest || *rest == ':' || !kl_line_is_interface(l, name))
        return;
    const char *method = kl_strndup(l->a, rest + 1, strcspn(rest + 1, ":"));
    if (kl_line_is_method(method))
        wrong(l, w, value + len, ":", "between interface and method");
}

/* vlan=vlan5=eth0, vlan=vlan5,eth0; bridge=br0=eth0; ifname=lan0=52:54:00:11:22:33. */
static void after_name(const struct kl_line *l, const struct kl_arg *w, size_t value)
{
    size_t len = strcspn(w->text + value, "=,;:");
    char sep = w->text[value + len];
    const char *rest = w->text + value + len + (sep != '\0');
    if (!sep || sep == ':' || !len || !*rest)
        return;
    struct kl_mac mac;
    bool ifname = kl_starts(w->text, "ifname=");
    size_t next = strcspn(rest, "=,;:");
    if (ifname
            ? kl_mac_parse(rest, &mac)
            : !rest[strcspn(rest, "=;:")] && kl_line_like_interface(kl_strndup(l->a, rest, next)))
        wrong(l, w, value + len, ":",
            ifname ? "between name and MAC" : "behind the name of the device");
}

/* nameserver=A,B: one address each. */
static void in_nameserver(const struct kl_line *l, const struct kl_arg *w, size_t value)
{
    struct kl_buf mended KL_BUF_SCOPE = {0};
    struct kl_addr a;
    const char *s = w->text + value, *first = strpbrk(s, ",;");
    if (!first)
        return;
    for (const char *c = s; *c; c += *c != '\0') {
        size_t len = strcspn(c, ",;");
        bool brackets = len > 2 && c[0] == '[' && c[len - 1] == ']';
        if (!kl_addr_parse(kl_strndup(l->a, c + brackets, brackets ? len - 2 : len), &a))
            return;
        kl_buf_addf(&mended, "%s%.*s", c == s ? "" : " nameserver=", (int)len, c);
        c += len;
    }
    struct kl_diag *one =
        kl_diag(l->d, KL_ERROR, "separator-wrong", kl_arg_place(w, (size_t)(first - w->text), 1),
            kl_diag_text(l->d, "write nameserver=%s", kl_buf_text(&mended)),
            "'%c' stands between name servers: each has a nameserver= of its own", *first);
    kl_diag_effect(l->d, one, "initrd: it has none of these name servers");
    kl_line_rewrite(l, one, w, value, kl_buf_text(&mended));
}

void kl_line_parts(const struct kl_line *l)
{
    for (size_t k = 0; k < l->c->line->n; k++) {
        const struct kl_arg *w = &l->c->line->args[k];
        size_t value = kl_line_value(w);
        if (!value || kl_line_open(w))
            continue;
        repeated(l, w);
        if (kl_starts(w->text, "ip=") && !kl_starts(w->text, "ip=ip="))
            in_ip(l, w, value);
        else if (kl_starts(w->text, "vlan=") || kl_starts(w->text, "bridge=") ||
                 kl_starts(w->text, "ifname="))
            after_name(l, w, value);
        else if (kl_starts(w->text, "nameserver="))
            in_nameserver(l, w, value);
    }
}
