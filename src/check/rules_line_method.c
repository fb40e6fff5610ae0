/* The word in ip= that says how an address is got.
 *
 * Code: method-unknown. A word that is almost a method, where a method stands, was meant to be it;
 * "static", which every other tool takes, is called none here (dracut.cmdline(7)). */
#include "check/rules_line.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

enum { METHOD_FIELD = 6 }; /* of ip=ADDRESS:PEER:GATEWAY:NETMASK:HOST:INTERFACE:METHOD */

static bool is_word(const char *s)
{
    size_t n = strlen(s);
    for (size_t k = 0; k < n; k++)
        if (!isalnum((unsigned char)s[k]))
            return false;
    return n >= 2 && n <= 12;
}

/* The method that `s` was meant to be; NULL: it is one, or nobody knows. */
static const char *meant(const char *s, bool with_address)
{
    static const char *const methods[] = {"dhcp", "dhcp6", "auto6", "none", "off", "ibft", NULL};
    static const struct {
        const char *word, *method;
    } others[] = {{"dhcp4", "dhcp"}, {"dhcpv4", "dhcp"}, {"bootp", "dhcp"}, {"dhcpv6", "dhcp6"}};
    if (kl_streq(s, "static") || kl_streq(s, "manual"))
        return with_address ? "none" : NULL;
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (kl_streq(s, others[k].word))
            return others[k].method;
    if (kl_line_is_method(s))
        return NULL;
    for (const char *const *m = methods; *m; m++)
        if (strcasecmp(s, *m) == 0)
            return *m;
    return strlen(s) > 2 ? kl_nearest(s, methods) : NULL;
}

/* Which field holds a method, by the shape of the whole; KL_LINE_FIELDS: none does. */
static size_t method_field(const struct kl_line *l, const struct kl_field *f, size_t n)
{
    if (n == 1)
        return 0;
    if (n > METHOD_FIELD)
        return METHOD_FIELD;
    return n <= 4 && kl_line_is_interface(l, f[0].text) ? 1 : KL_LINE_FIELDS;
}

static void judge(const struct kl_line *l, const struct kl_arg *w)
{
    struct kl_field f[KL_LINE_FIELDS];
    size_t value = kl_line_value(w);
    size_t n = kl_line_fields(l->a, w->text, value, f), k = method_field(l, f, n);
    if (k >= n || !is_word(f[k].text) || kl_line_is_interface(l, f[k].text))
        return;
    const char *instead = meant(f[k].text, n > METHOD_FIELD && *f[0].text);
    if (!instead)
        return;
    struct kl_diag *one = kl_diag(l->d, kl_capped(l->c, KL_WARNING), "method-unknown",
        kl_line_field_place(w, &f[k]), kl_diag_text(l->d, "write %s", instead),
        "'%s' is no method of ip=; '%s' is", f[k].text, instead);
    kl_line_edit(l, one, w, f[k].from, f[k].len, instead);
}

void kl_line_methods(const struct kl_line *l)
{
    for (size_t k = 0; k < l->c->line->n; k++) {
        const struct kl_arg *w = &l->c->line->args[k];
        if (kl_starts(w->text, "ip=") && !kl_line_open(w) && strlen(w->text) < KL_LINE_LONG)
            judge(l, w);
    }
}
