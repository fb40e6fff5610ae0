/* URLs, and what names a host and a port, anywhere in the line.
 *
 * Codes: literal-unbracketed, address-invalid. Of an IPv6 address without brackets the end is not
 * always certain: http://2001:db8::1:8080/ may have a port, or not. Then there is no edit. */
#include "check/rules_line.h"

#include <stdio.h>
#include <string.h>

/* --- where an address ends --------------------------------------------------------------------*/

/* Of `len` bytes that are to be an address, and perhaps a port: the length of the address. 0: it
 * is none. *certain: there is one way to read it. */
static size_t literal(struct kl_arena *a, const char *s, size_t len, bool *certain)
{
    struct kl_addr addr;
    unsigned long port;
    const char *text = kl_strndup(a, s, len), *colon = strrchr(text, ':');
    if (len > 64 || !colon || strchr(text, ':') == colon)
        return 0;
    bool whole = kl_addr_parse(text, &addr);
    bool with_port = kl_number(colon + 1, 65535, &port) &&
                     kl_addr_parse(kl_strndup(a, text, (size_t)(colon - text)), &addr) &&
                     addr.family == 6;
    *certain = whole != with_port;
    return whole ? len : with_port ? (size_t)(colon - text) : 0;
}

/* What comes of it in this word. */
static enum kl_severity severity(const char *key)
{
    static const char *const needed[] = {"inst.ks", "ks", "inst.repo", "repo", "inst.stage2",
        "stage2", "method", "inst.proxy", "proxy", "root", NULL};
    for (size_t k = 0; needed[k]; k++)
        if (kl_streq(key, needed[k]))
            return KL_ERROR;
    return KL_WARNING;
}

static void say_bare(
    const struct kl_line *l, const struct kl_arg *w, size_t from, size_t len, bool certain)
{
    const char *key = kl_line_key(l, w), *address = kl_strndup(l->a, w->text + from, len);
    const char *hint = certain
                           ? kl_diag_text(l->d, "write [%s]", address)
                           : kl_diag_text(l->d,
                                 "write [%s], or put the bracket before the last colon, if a port "
                                 "stands behind it",
                                 address);
    struct kl_diag *one = kl_diag(l->d, severity(key), "literal-unbracketed",
        kl_arg_place(w, from, len), hint,
        "an IPv6 address stands in %s= without brackets: where it ends, and a port begins, cannot "
        "be told",
        key);
    if (!certain)
        return;
    kl_line_edit(l, one, w, from, 0, "[");
    kl_line_edit(l, one, w, from + len, 0, "]");
}

/* --- hosts ------------------------------------------------------------------------------------*/

/* Four numbers and a large one among them: no name of DNS ends in digits (RFC 1123, 2.1). */
static void judge_four(const struct kl_line *l, const struct kl_arg *w, size_t from, size_t len)
{
    unsigned n[4];
    int end = 0;
    const char *host = kl_strndup(l->a, w->text + from, len);
    if (strspn(host, "0123456789.") != len ||
        sscanf(host, "%9u.%9u.%9u.%9u%n", &n[0], &n[1], &n[2], &n[3], &end) != 4 || // NOLINT
        (size_t)end != len)
        return;
    for (int k = 0; k < 4; k++)
        if (n[k] > 255) {
            kl_diag(l->d, severity(kl_line_key(l, w)), "address-invalid",
                kl_arg_place(w, from, len), NULL, "'%s' is no address: its numbers end at 255",
                host);
            return;
        }
}

/* `len` bytes: host, or host and port. */
static void judge_host(const struct kl_line *l, const struct kl_arg *w, size_t from, size_t len)
{
    bool certain = true;
    if (!len || w->text[from] == '[')
        return;
    size_t address = literal(l->a, w->text + from, len, &certain);
    if (address)
        say_bare(l, w, from, address, certain);
    else
        judge_four(l, w, from, strcspn(kl_strndup(l->a, w->text + from, len), ":"));
}

/* scheme://[user@]host[:port][/path] */
static void judge_url(const struct kl_line *l, const struct kl_arg *w, size_t host)
{
    size_t len = strcspn(w->text + host, "/?#,");
    const char *user = memchr(w->text + host, '@', len);
    size_t from = user ? (size_t)(user + 1 - w->text) : host;
    judge_host(l, w, from, len - (from - host));
}

/* nfs:[options:]server:/path. Whether brackets work there depends on the release, so there is no
 * edit. */
static void judge_nfs(const struct kl_line *l, const struct kl_arg *w, size_t from)
{
    const char *path = strstr(w->text + from, ":/");
    bool certain;
    size_t end = path ? (size_t)(path - w->text) : from;
    if (end == from || end - from > 256 || w->text[from] == '/')
        return;
    size_t first = strcspn(w->text + from, ":");
    if (strspn(w->text + from, "0123456789abcdefABCDEF") < first) /* options */
        from += first + 1;
    if (from < end && literal(l->a, w->text + from, end - from, &certain) == end - from)
        kl_diag(l->d, severity(kl_line_key(l, w)), "literal-unbracketed",
            kl_arg_place(w, from, end - from),
            kl_diag_text(
                l->d, "write the server's name, or [%.*s]", (int)(end - from), w->text + from),
            "an IPv6 address stands in %s= without brackets, so its colons part server and path",
            kl_line_key(l, w));
}

/* --- routes -----------------------------------------------------------------------------------*/

/* NET/LENGTH:GATEWAY:INTERFACE, from byte `from` on, with brackets around what is an address; NULL
 * when it can be read in no way, or in two. */
static const char *bracketed_route(const struct kl_line *l, const char *route)
{
    struct kl_prefix net;
    struct kl_addr via;
    const char *slash = strchr(route, '/');
    size_t len = slash ? (size_t)(slash - route) + 1 + strspn(slash + 1, "0123456789") : 0;
    if (!len || (route[len] && route[len] != ':') ||
        !kl_prefix_parse(kl_strndup(l->a, route, len), &net))
        return NULL;
    const char *rest = route[len] ? route + len + 1 : "", *last = strrchr(rest, ':');
    const char *head = kl_sprintf(l->a, "[%.*s]", (int)len, route);
    if (!route[len])
        return kl_sprintf(l->a, "%s:", head);
    if (*rest == '[' || *rest == ':' || !last)
        return kl_sprintf(l->a, "%s:%s", head, rest);
    bool whole = kl_addr_parse(rest, &via);
    const char *before = kl_strndup(l->a, rest, (size_t)(last - rest));
    bool named = kl_addr_parse(before, &via) && !kl_line_is_group(last + 1);
    if (whole == named)
        return NULL;
    return whole ? kl_sprintf(l->a, "%s:[%s]", head, rest)
                 : kl_sprintf(l->a, "%s:[%s]%s", head, before, last);
}

static void judge_route(const struct kl_line *l, const struct kl_arg *w)
{
    struct kl_field f[KL_LINE_FIELDS];
    size_t from = kl_line_value(w), n = kl_line_fields(l->a, w->text, from, f);
    if (n < 3 || !kl_line_is_group(f[0].text) || (f[1].len && !kl_line_is_group(f[1].text)))
        return;
    const char *better = bracketed_route(l, w->text + from);
    struct kl_diag *one = kl_diag(l->d, KL_WARNING, "literal-unbracketed",
        kl_arg_place(w, from, strlen(w->text + from)),
        better ? kl_diag_text(l->d, "write rd.route=%s", better)
               : "write rd.route=[NET/LENGTH]:[GATEWAY]:INTERFACE",
        "an IPv6 address stands in rd.route= without brackets, so its colons part fields");
    if (better)
        kl_line_rewrite(l, one, w, from, better);
}

/* --- the whole --------------------------------------------------------------------------------*/

/* docs/boot-stages.md §2.1; nfs: finds the image by itself. */
static void no_nfsiso(const struct kl_line *l, const struct kl_arg *w, size_t value)
{
    struct kl_diag *one =
        kl_diag(l->d, KL_WARNING, "option-removed", kl_arg_place(w, value, strlen("nfsiso:")),
            "write nfs:", "%s does not know 'nfsiso:': it was read until EL8", l->release);
    kl_diag_effect(l->d, one, "initrd: takes this for no source, and finds no installer there");
}

static void judge(const struct kl_line *l, const struct kl_arg *w, size_t value)
{
    const char *url = strstr(w->text + value, "://");
    const char *key = kl_line_key(l, w);
    if (kl_streq(key, "rd.route"))
        judge_route(l, w);
    else if (kl_streq(key, "inst.syslog") || kl_streq(key, "syslog"))
        judge_host(l, w, value, strlen(w->text + value));
    else if (url)
        judge_url(l, w, (size_t)(url + 3 - w->text));
    else if (kl_starts(w->text + value, "nfs:"))
        judge_nfs(l, w, value + 4);
    else if (kl_starts(w->text + value, "nfsiso:") && kl_release_since(l->c->release, 9, 0))
        no_nfsiso(l, w, value);
    else if (kl_starts(w->text + value, "nfsiso:"))
        judge_nfs(l, w, value + 7);
}

void kl_line_urls(const struct kl_line *l)
{
    for (size_t k = 0; k < l->c->line->n; k++) {
        const struct kl_arg *w = &l->c->line->args[k];
        size_t value = kl_line_value(w);
        if (value && value <= 64 && !kl_line_open(w))
            judge(l, w, value);
    }
}
