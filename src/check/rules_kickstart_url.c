/* URLs of a kickstart: an IPv6 address in one stands in brackets (RFC 3986 section 3.2.2). */
#include "check/rules_kickstart.h"

#include <string.h>

/* An unbracketed address as the host of a URL: where it begins, and its length; false: none. */
static bool unbracketed(struct kl_arena *a, const char *url, size_t *from, size_t *len)
{
    const char *host = strstr(url, "://");
    struct kl_addr addr;
    if (!host)
        return false;
    host += 3;
    size_t n = strcspn(host, "/?#");
    for (size_t i = n; i-- > 0;)
        if (host[i] == '@') {
            host += i + 1;
            n -= i + 1;
            break;
        }
    *from = (size_t)(host - url);
    *len = n;
    if (!n || *host == '[' || !memchr(host, ':', n))
        return false;
    const char *text = kl_strndup(a, host, n);
    if (kl_addr_parse(text, &addr))
        return addr.family == 6;
    /* An address with all its groups, and a port. */
    const char *colon = strrchr(text, ':');
    *len = (size_t)(colon - text);
    return kl_addr_parse(kl_strndup(a, text, *len), &addr) && addr.family == 6;
}

/* Might its last group be a port? */
static bool ambiguous(const char *url, size_t from, size_t len)
{
    size_t at = from + len, digits = 0;
    while (at > from && url[at - 1] >= '0' && url[at - 1] <= '9') {
        at--;
        digits++;
    }
    return digits > 1 && url[at - 1] == ':' && url[from + len] != ':';
}

static void check(const struct kl_ks_rules *k, const struct kl_arg *w, size_t value)
{
    size_t from, len;
    const char *url = w->text + value;
    if (kl_is_template(url) || !unbracketed(k->a, url, &from, &len))
        return;
    struct kl_diag *one =
        kl_diag(k->d, KL_ERROR, "literal-unbracketed", kl_arg_place(w, value + from, len),
            kl_diag_text(
                k->d, "write %.*s[%.*s]%s", (int)from, url, (int)len, url + from, url + from + len),
            "an IPv6 address stands in a URL without brackets: where it ends, and a port begins, "
            "cannot "
            "be told");
    kl_diag_effect(k->d, one, "installer: does not find the server");
    if (!w->verbatim || ambiguous(url, from, len))
        return;
    kl_diag_edit(k->d, one, kl_arg_place(w, value + from + len, 0), "]");
    kl_diag_edit(k->d, one, kl_arg_place(w, value + from, 0), "[");
}

void kl_ks_rules_urls(const struct kl_ks_rules *k)
{
    static const char *const commands[] = {
        "url", "repo", "updates", "driverdisk", "liveimg", "ostreesetup", NULL};
    for (size_t n = 0; n < k->ks->ncommands; n++) {
        const struct kl_ks_command *c = &k->ks->commands[n];
        bool has = false;
        for (const char *const *name = commands; *name; name++)
            has |= strcmp(*name, c->name) == 0;
        for (size_t i = 0; has && i < c->n; i++) {
            const char *equals =
                kl_starts(c->args[i].text, "--") ? strchr(c->args[i].text, '=') : NULL;
            check(k, &c->args[i], equals ? (size_t)(equals - c->args[i].text) + 1 : 0);
        }
    }
}
