/* What a stage fetches, or connects to, over the network: from the words of the kernel line and the
 * commands of the kickstart.
 *
 * What goes through a proxy is not asked for itself. A URL that does not parse is somebody else's
 * finding. */
#include "check/reach.h"

#include <string.h>

#define SHELL "it ends in dracut's emergency shell"

struct list {
    const struct kl_case *c;
    struct kl_wanted *items;
    size_t n;
};

static struct kl_wanted *add(struct list *l, const char *what, const char *text, struct kl_place at)
{
    l->items = kl_grow(l->c->a, l->items, l->n, sizeof *l->items);
    l->items[l->n] = (struct kl_wanted){
        .what = what, .text = text, .at = at, .severity = KL_ERROR, .effect = ""};
    return &l->items[l->n++];
}

/* --- hosts -------------------------------------------------------------------------------------*/

/* nfs:2001:db8::1:/path: an address without brackets, of which only the end would be read. */
static bool is_torn(const char *url)
{
    const char *path = strstr(url, ":/");
    size_t colons = 0;
    for (const char *s = url; path && s < path; s++) {
        if (*s == '[' && strchr(s, ']'))
            s = strchr(s, ']');
        colons += *s == ':';
    }
    return !kl_starts(url, "nfs://") && colons > 2;
}

static void take_url(struct kl_wanted *w)
{
    struct kl_url url;
    const char *why, *s = w->text;
    struct kl_buf nfs KL_BUF_SCOPE = {0};
    if (kl_starts(s, "nfsiso:")) {
        kl_buf_addf(&nfs, "nfs%s", s + strlen("nfsiso"));
        s = nfs.s;
    }
    if (kl_starts(s, "nfs:") && is_torn(s))
        return;
    if (kl_url_parse(s, &url, &why))
        memcpy(w->host, url.host, sizeof w->host);
}

/* HOST or HOST:PORT, IPv6 in brackets. */
static void take_host(struct kl_wanted *w)
{
    const char *s = w->text, *close = *s == '[' ? strchr(s, ']') : NULL;
    size_t n = close ? (size_t)(close - s) : strcspn(s, ":");
    if (!close && s[n] && strchr(s + n + 1, ':'))
        return; /* an address without brackets */
    s += close != NULL;
    n -= close != NULL;
    if (n && n < sizeof w->host)
        memcpy(w->host, s, n);
}

/* A name that templates and variables left alone, else nobody knows what it will be; and no address
 * with a fault in it. */
static bool is_plain(const char *host)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-._:";
    struct kl_addr a;
    bool number = strspn(host, "0123456789.") == strlen(host);
    return strspn(host, allowed) == strlen(host) && (!number || kl_addr_parse(host, &a));
}

static void settle(struct list *l)
{
    for (size_t k = 0; k < l->n; k++)
        if (!is_plain(l->items[k].host))
            l->items[k].host[0] = '\0';
}

/* --- the kernel line ---------------------------------------------------------------------------*/

/* Of the word with "inst." and, up to EL8, the one without. NULL when there are several: which of
 * them counts depends on the release. */
static const struct kl_arg *word(const struct kl_case *c, const char *inst)
{
    size_t with = 0, without = 0;
    if (!c->line)
        return NULL;
    const struct kl_arg *w = kl_cmdline_last(c->line, inst, &with);
    const struct kl_arg *bare = kl_cmdline_last(c->line, inst + strlen("inst."), &without);
    if (kl_release_since(c->release, 9, 0))
        without = 0;
    if (with + without != 1)
        return NULL;
    w = with ? w : bare;
    return kl_arg_value(w) && *kl_arg_value(w) ? w : NULL;
}

static struct kl_wanted *add_word(
    struct list *l, const struct kl_arg *w, size_t skip, const char *effect)
{
    if (!w)
        return NULL;
    size_t key = strcspn(w->text, "=") + 1;
    const char *value = w->text + key + skip;
    struct kl_wanted *out = add(
        l, kl_strndup(l->c->a, w->text, key), value, kl_arg_place(w, key + skip, strlen(value)));
    out->effect = effect;
    return out;
}

static void add_url_word(struct list *l, const char *inst, const char *effect, bool proxied)
{
    struct kl_wanted *w = add_word(l, word(l->c, inst), 0, effect);
    if (w && (!proxied || kl_starts(w->text, "nfs")))
        take_url(w);
}

/* parse-kickstart makes `url` and `nfs` of the kickstart into inst.repo=, from which the image
 * comes when the line names neither. */
static void add_source(struct list *l, const char *effect, bool proxied);

/* What the image is fetched through: proxy= of the line, or of the kickstart's url, which
 * parse-kickstart makes of it; inst.proxy= from 9.3 on (rhbz 2177219). */
static bool has_proxy(const struct kl_case *c)
{
    if (kl_reach_line_value(c, "proxy"))
        return true;
    return kl_reach_line_value(c, "inst.proxy") && kl_release_since(c->release, 9, 3);
}

static bool ks_has_proxy(const struct kl_case *c)
{
    for (size_t k = 0; c->ks && k < c->ks->ncommands; k++)
        if (strcmp(c->ks->commands[k].name, "url") == 0 &&
            kl_ks_option(&c->ks->commands[k], "--proxy", NULL))
            return true;
    return false;
}

size_t kl_wanted_initrd(const struct kl_case *c, struct kl_wanted **out)
{
    struct list l = {.c = c};
    bool proxied = has_proxy(c);
    if (c->line) {
        add_url_word(&l, "inst.ks", "the kickstart is not fetched; " SHELL, proxied);
        proxied |= ks_has_proxy(c);
        add_url_word(&l, "inst.stage2", "the installer's image is not fetched; " SHELL, proxied);
        bool image = kl_line_word(c, "inst.stage2") || kl_line_word(c, "stage2");
        if (!image)
            add_url_word(&l, "inst.repo", "the installer's image is not fetched; " SHELL, proxied);
        add_url_word(&l, "inst.updates", "the updates are not fetched", proxied);
        struct kl_wanted *proxy =
            add_word(&l, kl_line_word(c, "proxy"), 0, "nothing is fetched; " SHELL);
        if (proxy)
            take_url(proxy);
        if (!image && !kl_line_word(c, "inst.repo") && !kl_line_word(c, "repo") &&
            !kl_line_word(c, "method") && !kl_line_word(c, "root"))
            add_source(&l, "the installer's image is not fetched; " SHELL, proxied);
    }
    settle(&l);
    *out = l.items;
    return l.n;
}

/* --- the kickstart -----------------------------------------------------------------------------*/

const char *kl_ks_option(const struct kl_ks_command *command, const char *name, struct kl_place *at)
{
    size_t len = strlen(name);
    for (size_t k = 0; k < command->n; k++) {
        const struct kl_arg *w = &command->args[k];
        if (strncmp(w->text, name, len) != 0 || (w->text[len] && w->text[len] != '='))
            continue;
        if (w->text[len]) {
            if (at)
                *at = kl_arg_place(w, len + 1, strlen(w->text) - len - 1);
            return w->text + len + 1;
        }
        bool follows = k + 1 < command->n && !kl_starts(command->args[k + 1].text, "--");
        if (at)
            *at = follows ? command->args[k + 1].at : w->at;
        return follows ? command->args[k + 1].text : "";
    }
    return NULL;
}

static struct kl_wanted *add_option(
    struct list *l, const struct kl_ks_command *command, const char *name, const char *effect)
{
    struct kl_place at;
    const char *value = kl_ks_option(command, name, &at);
    if (!value || !*value)
        return NULL;
    struct kl_wanted *w = add(l, kl_sprintf(l->c->a, "%s %s=", command->name, name), value, at);
    w->effect = effect;
    return w;
}

/* A command with URLs: through its proxy, when it has one. */
static void add_urls(
    struct list *l, const struct kl_ks_command *command, const char *effect, bool proxied)
{
    static const char *const names[] = {"--url", "--baseurl", "--mirrorlist", "--metalink", NULL};
    struct kl_wanted *w = add_option(l, command, "--proxy", effect);
    if (w)
        take_url(w);
    for (const char *const *name = names; *name && !w && !proxied; name++) {
        struct kl_wanted *url = add_option(l, command, *name, effect);
        if (url)
            take_url(url);
    }
}

static void add_nfs(struct list *l, const struct kl_ks_command *command, const char *effect)
{
    struct kl_wanted *w = add_option(l, command, "--server", effect);
    if (w && (!strchr(w->text, ':') || *w->text == '['))
        take_host(w);
}

/* The last of them counts (pykickstart: each takes the place of the one before). */
static void add_source(struct list *l, const char *effect, bool proxied)
{
    static const char *const names[] = {
        "url", "nfs", "liveimg", "ostreesetup", "cdrom", "harddrive", "hmc", NULL};
    const struct kl_ks_command *last = NULL;
    const struct kl_kickstart *ks = l->c->ks;
    for (size_t k = 0; ks && k < ks->ncommands; k++)
        for (const char *const *name = names; *name; name++)
            if (strcmp(ks->commands[k].name, *name) == 0)
                last = &ks->commands[k];
    if (last && strcmp(last->name, "nfs") == 0)
        add_nfs(l, last, effect);
    else if (last)
        add_urls(l, last, effect, proxied);
}

/* `a,b`, each a host; a warning at most. */
static void add_hosts(
    struct list *l, const struct kl_ks_command *command, const char *name, const char *effect)
{
    struct kl_place at;
    const char *value = kl_ks_option(command, name, &at);
    size_t whole = value ? strlen(value) : 0;
    for (const char *s = value; s && *s;) {
        size_t n = strcspn(s, ",");
        struct kl_place one = at;
        if (n && at.width == whole) {
            one.col += (unsigned)(s - value);
            one.width = (unsigned)n;
        }
        struct kl_wanted *w = add(
            l, kl_sprintf(l->c->a, "%s %s=", command->name, name), kl_strndup(l->c->a, s, n), one);
        w->severity = KL_WARNING;
        w->effect = effect;
        struct kl_addr bare;
        if (kl_addr_parse(w->text, &bare))
            memcpy(w->host, w->text, n + 1);
        else
            take_host(w);
        s += n + (s[n] == ',');
    }
}

static void add_commands(struct list *l, bool proxied)
{
    const struct kl_kickstart *ks = l->c->ks;
    for (size_t k = 0; k < ks->ncommands; k++) {
        const struct kl_ks_command *c = &ks->commands[k];
        if (strcmp(c->name, "repo") == 0)
            add_urls(l, c, "the repository cannot be used", proxied);
        else if (strcmp(c->name, "logging") == 0)
            add_hosts(l, c, "--host", "nothing is logged there");
        else if (strcmp(c->name, "timezone") == 0)
            add_hosts(l, c, "--ntpservers", "the clock is not set from there");
        else if (strcmp(c->name, "timesource") == 0)
            add_hosts(l, c, "--ntp-server", "the clock is not set from there");
    }
}

size_t kl_wanted_installer(const struct kl_case *c, struct kl_wanted **out)
{
    struct list l = {.c = c};
    bool proxied = kl_reach_line_value(c, "inst.proxy") || kl_reach_line_value(c, "proxy");
    bool repo =
        kl_line_word(c, "inst.repo") || kl_line_word(c, "repo") || kl_line_word(c, "method");
    if (c->line) {
        add_url_word(&l, "inst.repo", "the installation source cannot be used", proxied);
        struct kl_wanted *w = add_word(&l, word(c, "inst.proxy"), 0, "nothing is fetched");
        if (w)
            take_url(w);
        w = add_word(&l, word(c, "inst.syslog"), 0, "nothing is logged there");
        if (w) {
            w->severity = KL_WARNING;
            take_host(w);
        }
        const struct kl_arg *repo_word = word(c, "inst.addrepo");
        const char *comma = repo_word ? strchr(kl_arg_value(repo_word), ',') : NULL;
        if (comma) {
            size_t skip = (size_t)(comma + 1 - kl_arg_value(repo_word));
            w = add_word(&l, repo_word, skip, "the repository cannot be used");
            if (!proxied)
                take_url(w);
        }
    }
    if (!repo)
        add_source(&l, "the installation source cannot be used", proxied);
    if (c->ks)
        add_commands(&l, proxied);
    settle(&l);
    *out = l.items;
    return l.n;
}
