/* What hosts share: `defaults`, profiles, groups; how they add up; and the server's own section.
 *
 * A block is one such set of settings, with a bit for each that it says. Adding up is copying what
 * is said, in this order: defaults, the profile's chain with parents first, the groups in the
 * order in which the host lists them, the host itself. A list replaces the one before it. Hosts
 * with nothing of their own and the same profile and groups share one result. */
#include "fleet/load.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

const char *const kl_setting_keys[] = {
    [KL_S_TREE] = "tree",
    [KL_S_RELEASE] = "release",
    [KL_S_KICKSTART] = "kickstart",
    [KL_S_RESCUE_KICKSTART] = "rescue-kickstart",
    [KL_S_REPO] = "repo",
    [KL_S_STAGE2] = "stage2",
    [KL_S_KERNEL] = "kernel",
    [KL_S_INITRD] = "initrd",
    [KL_S_CONSOLE] = "console",
    [KL_S_KERNEL_ARGS] = "kernel-args",
    [KL_S_SSHD] = "sshd",
    [KL_S_SYSLOG] = "syslog",
    [KL_S_DNS] = "dns",
    [KL_S_SEARCH] = "search",
    [KL_S_PATCH] = "patch",
    [KL_SETTINGS] = NULL,
};

/* --- one setting -------------------------------------------------------------------------------*/

static const char *read_path(struct kl_load *l, const struct kl_node *n, const char *what)
{
    const char *s = kl_read_text(l, n, what);
    if (!s)
        return NULL;
    return kl_load_string(l, *s == '/' ? s : kl_sprintf(l->tmp, "%s%s", l->dir, s));
}

static const char *read_kickstart(struct kl_load *l, const struct kl_node *n)
{
    const char *path = read_path(l, n, "a kickstart's path");
    if (path && access(path, R_OK) != 0)
        kl_diag(l->d, KL_WARNING, "kickstart-missing", n->at,
            "a path is relative to the file that names it", "there is no file %s", path);
    return path;
}

/* A path within a tree: what would leave it is refused. */
static const char *read_inner(
    struct kl_load *l, const struct kl_node *n, const char *what, bool absolute)
{
    const char *s = kl_read_text(l, n, what);
    if (!s || !kl_load_carries(l, n, what))
        return NULL;
    for (const char *p = s; p; p = strchr(p, '/'), p = p ? p + 1 : NULL) {
        if (strncmp(p, "..", 2) == 0 && (!p[2] || p[2] == '/')) {
            KL_SAY(l, "bad-path", n, NULL, "%s may not go up by '..'", what);
            return NULL;
        }
    }
    if (*s == '/' && !absolute) {
        KL_SAY(l, "bad-path", n, "leave the first '/' out", "%s is relative to the tree", what);
        return NULL;
    }
    return kl_load_string(l, s);
}

static const char *read_url(struct kl_load *l, const struct kl_node *n)
{
    const char *s = kl_read_text(l, n, "a URL"), *why;
    struct kl_url u;
    if (!s || !kl_load_carries(l, n, "a URL"))
        return NULL;
    bool ok = kl_url_parse(s, &u, &why);
    if (ok && strcmp(u.scheme, "tftp") == 0) {
        ok = false;
        why = "an installer takes http://, https://, ftp:// or nfs:";
    }
    if (ok)
        return kl_load_string(l, s);
    KL_SAY(l, "bad-url", n, why, "'%s' is no URL that an installer takes", s);
    return NULL;
}

static const struct kl_release *read_release(struct kl_load *l, const struct kl_node *n)
{
    const char *s = kl_read_text(l, n, "a release, such as centos-7.9"), *why = NULL;
    if (!s)
        return NULL;
    const void **slot = kl_names_slot(&l->releases, kl_load_string(l, s));
    if (!*slot)
        *slot = kl_release_find(l->tmp, s, &why);
    if (!*slot)
        KL_SAY(l, "bad-release", n, why, "no release is called '%s'", s);
    return *slot;
}

/* host or host:port; an IPv6 address in brackets where a port follows. */
static const char *read_syslog(struct kl_load *l, const struct kl_node *n)
{
    const char *s = kl_read_text(l, n, "a log receiver, host or host:port"), *why;
    struct kl_url u;
    struct kl_addr bare;
    if (!s || !kl_load_carries(l, n, "a log receiver"))
        return NULL;
    if (kl_addr_parse(s, &bare) && bare.family == 6) {
        KL_SAY(l, "bad-syslog", n, kl_diag_text(l->d, "write [%s]", s),
            "an IPv6 address stands in brackets here, so that a port can follow");
        return NULL;
    }
    if (!kl_url_parse(kl_sprintf(l->tmp, "http://%s", s), &u, &why) || *u.path) {
        KL_SAY(l, "bad-syslog", n, "write HOST, HOST:PORT or [IPV6]:PORT",
            "'%s' is no log receiver", s);
        return NULL;
    }
    if (u.addr.family || kl_is_hostname(u.host))
        return kl_load_string(l, s);
    KL_SAY(l, "bad-hostname", n, NULL, "'%s' is no host name", u.host);
    return NULL;
}

static const char *read_console(struct kl_load *l, const struct kl_node *n)
{
    const char *s = kl_read_text(l, n, "a console, such as ttyS0,115200n8");
    if (!s || !kl_load_carries(l, n, "a console"))
        return NULL;
    if (!strchr(s, '='))
        return kl_load_string(l, s);
    KL_SAY(l, "bad-text", n, "write what follows 'console=' alone", "'%s' is no console", s);
    return NULL;
}

/* What Kickline itself says, so that every stage hears the same. */
static const char *owned_by(const char *arg)
{
    static const struct {
        const char *names, *place;
    } owned[] = {
        {" ip bond vlan team bridge nameserver ifname bootdev ", "say it in 'network'"},
        {" ks inst.ks ", "say it with 'kickstart'"},
        {" repo inst.repo method ", "say it with 'repo'"},
        {" stage2 inst.stage2 ", "say it with 'stage2'"},
        {" console ", "say it with 'console'"},
        {" sshd inst.sshd ", "say it with 'sshd: true'"},
        {" syslog inst.syslog ", "say it with 'syslog'"},
    };
    char word[24];
    size_t len = strcspn(arg, "=");
    if (len + 3 > sizeof word)
        return NULL;
    word[0] = ' ';
    memcpy(word + 1, arg, len);
    memcpy(word + 1 + len, " ", 2);
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        if (strstr(owned[i].names, word))
            return owned[i].place;
    return NULL;
}

/* docs/releases.md, "Boot-loader lines": iPXE ends a command at these words. */
static bool ends_command(const char *s)
{
    return *s == '#' || strcmp(s, ";") == 0 || strcmp(s, "&&") == 0 || strcmp(s, "||") == 0;
}

static const char *read_argument(struct kl_load *l, const struct kl_node *n)
{
    const char *s = kl_read_text(l, n, "a kernel argument");
    if (!s || !kl_load_carries(l, n, "a kernel argument"))
        return NULL;
    const char *where = owned_by(s);
    if (where)
        KL_SAY(l, "kernel-arg-owned", n, where, "'%s' is written by Kickline for every stage", s);
    else if (ends_command(s))
        KL_SAY(l, "bad-text", n, NULL, "'%s' would end the line in an iPXE script", s);
    else
        return kl_load_string(l, s);
    return NULL;
}

static const char *read_domain(struct kl_load *l, const struct kl_node *n)
{
    const char *s = kl_read_text(l, n, "a domain");
    if (!s)
        return NULL;
    if (kl_is_hostname(s))
        return kl_load_string(l, s);
    KL_SAY(l, "bad-hostname", n, NULL, "'%s' is no domain", s);
    return NULL;
}

typedef const char *read_one(struct kl_load *l, const struct kl_node *n);

static const char **read_texts(
    struct kl_load *l, const struct kl_node *n, const char *what, read_one *one, size_t *count)
{
    const char **list = NULL;
    *count = 0;
    for (const struct kl_node *i = kl_read_items(l, n, what); i; i = kl_item_next(n, i)) {
        const char *s = one(l, i);
        if (!s)
            continue;
        list = kl_grow(l->a, list, *count, sizeof *list);
        list[(*count)++] = s;
    }
    return list;
}

static bool read_unicast(
    struct kl_load *l, const struct kl_node *n, const char *what, struct kl_addr *out)
{
    if (!kl_read_addr(l, n, what, out))
        return false;
    if (kl_addr_is_unicast(out) && !kl_addr_is_link_local(out))
        return true;
    KL_SAY(l, "address-reserved", n, NULL, "%s cannot be %s: it is %s", n->text, what,
        kl_addr_is_link_local(out) ? "link-local, which needs an interface to be said with it"
                                   : "no host's address");
    return false;
}

static void read_dns(struct kl_load *l, struct kl_block *b, const struct kl_node *n)
{
    struct kl_place *at = NULL;
    struct kl_settings *s = &b->set;
    s->dns = NULL;
    s->ndns = 0;
    for (const struct kl_node *i = kl_read_items(l, n, "nameservers"); i; i = kl_item_next(n, i)) {
        struct kl_addr a;
        if (!read_unicast(l, i, "a nameserver", &a))
            continue;
        for (size_t k = 0; k < s->ndns; k++)
            if (kl_addr_eq(&s->dns[k], &a))
                KL_SAY(l, "duplicate-value", i, NULL, "%s is in this list twice", i->text);
        s->dns = kl_grow(l->a, s->dns, s->ndns, sizeof *s->dns);
        at = kl_grow(l->tmp, at, s->ndns, sizeof *at);
        at[s->ndns] = i->at;
        s->dns[s->ndns++] = a;
    }
    b->dns_at = at;
}

static const char *read_input(struct kl_load *l, const struct kl_node *n)
{
    const char *path = read_path(l, n, "the path of a directory or an archive");
    if (path && access(path, R_OK) != 0)
        kl_diag(l->d, KL_WARNING, "patch-missing", n->at,
            "a path is relative to the file that names it", "there is no %s", path);
    return path;
}

/* NULL when it changes nothing: so a profile can take back what it inherits. */
static const struct kl_patching *read_patch(struct kl_load *l, const struct kl_node *n)
{
    static const char *const keys[] = {"initrd", "stage2", NULL};
    static const char what[] = "directories and archives";
    if (!kl_read_mapping(l, n, "what is patched, 'initrd' and 'stage2'"))
        return NULL;
    struct kl_patching *p = kl_alloc(l->a, sizeof *p);
    p->at = n->at;
    for (const struct kl_node *e = n->first; e; e = e->next) {
        int key = kl_read_key(l, e, keys, "a patch");
        if (key == 0) {
            p->initrd = read_texts(l, e, what, read_input, &p->ninitrd);
            p->initrd_at = e->at;
        } else if (key == 1) {
            p->stage2 = read_texts(l, e, what, read_input, &p->nstage2);
            p->stage2_at = e->at;
        }
    }
    return p->ninitrd || p->nstage2 ? p : NULL;
}

void kl_read_setting(
    struct kl_load *l, struct kl_block *b, enum kl_setting which, const struct kl_node *n)
{
    struct kl_settings *s = &b->set;
    b->said |= 1u << which;
    b->at[which] = n->at;
    switch (which) {
    case KL_S_TREE:
        s->tree = read_inner(l, n, "a tree", true);
        break;
    case KL_S_RELEASE:
        s->release = read_release(l, n);
        break;
    case KL_S_KICKSTART:
        s->kickstart = read_kickstart(l, n);
        break;
    case KL_S_RESCUE_KICKSTART:
        s->rescue_kickstart = read_kickstart(l, n);
        break;
    case KL_S_REPO:
        s->repo = read_url(l, n);
        break;
    case KL_S_STAGE2:
        s->stage2 = read_url(l, n);
        break;
    case KL_S_KERNEL:
        s->kernel = read_inner(l, n, "a kernel's path", false);
        break;
    case KL_S_INITRD:
        s->initrd = read_inner(l, n, "an initrd's path", false);
        break;
    case KL_S_CONSOLE:
        s->console = read_texts(l, n, "consoles", read_console, &s->nconsole);
        break;
    case KL_S_KERNEL_ARGS:
        s->kernel_args = read_texts(l, n, "kernel arguments", read_argument, &s->nkernel_args);
        break;
    case KL_S_SSHD:
        kl_read_bool(l, n, &s->sshd);
        break;
    case KL_S_SYSLOG:
        s->syslog = read_syslog(l, n);
        break;
    case KL_S_DNS:
        read_dns(l, b, n);
        break;
    case KL_S_SEARCH:
        s->search = read_texts(l, n, "domains", read_domain, &s->nsearch);
        break;
    case KL_S_PATCH:
        s->patch = read_patch(l, n);
        break;
    case KL_SETTINGS:
        break;
    }
}

/* --- blocks ------------------------------------------------------------------------------------*/

/* Only a profile has the keys `patch` and `inherits`. */
static struct kl_block *read_block(
    struct kl_load *l, const struct kl_node *n, const char *what, bool profile)
{
    struct kl_block *b = kl_alloc(l->tmp, sizeof *b);
    const char *keys[KL_SETTINGS + 2] = {0};
    memcpy(keys, kl_setting_keys, (profile ? KL_SETTINGS : KL_S_PATCH) * sizeof *keys);
    if (profile)
        keys[KL_SETTINGS] = "inherits";
    if (n->kind == KL_SCALAR && n->type == KL_IS_NULL)
        return b; /* a profile that says nothing is still one to name */
    if (!kl_read_mapping(l, n, what))
        return b;
    for (const struct kl_node *e = n->first; e; e = e->next) {
        int key = kl_read_key(l, e, keys, what);
        if (key == KL_SETTINGS) {
            const char *name = kl_read_text(l, e, "a profile's name");
            b->parent = (struct kl_name_ref){name ? kl_load_string(l, name) : NULL, e->at};
        } else if (key >= 0) {
            kl_read_setting(l, b, (enum kl_setting)key, e);
        }
    }
    return b;
}

struct kl_block *kl_read_block(struct kl_load *l, const struct kl_node *n, const char *what)
{
    return read_block(l, n, what, false);
}

/* A patched tree has the profile's name in its URL, which stands on the kernel line. */
static void name_patch(struct kl_load *l, struct kl_block *b)
{
    struct kl_patching *p = (struct kl_patching *)b->set.patch; /* the block's own */
    if (!p)
        return;
    p->profile = b->self.name;
    for (const char *c = p->profile; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-_.", *c)) {
            kl_diag(l->d, KL_ERROR, "bad-name", b->self.at,
                "call it by letters, digits, '-', '_' and '.'",
                "a profile with 'patch' gives its name to a URL, and '%s' does not fit there",
                p->profile);
            return;
        }
}

static void read_named(struct kl_load *l, const struct kl_node *n, struct kl_names *into,
    const char *one, bool profile)
{
    if (!kl_read_mapping(l, n, kl_sprintf(l->tmp, "a mapping from %ss' names to settings", one)))
        return;
    for (const struct kl_node *e = n->first; e; e = e->next) {
        struct kl_block *b = read_block(l, e, kl_sprintf(l->tmp, "a %s", one), profile);
        b->self = (struct kl_name_ref){kl_load_string(l, e->key->text), e->key->at};
        name_patch(l, b);
        const void **slot = kl_names_slot(into, b->self.name);
        const struct kl_block *was = *slot;
        if (was) {
            struct kl_diag *d = KL_SAY(l, "duplicate-key", e->key, "leave only one of the two",
                "there are two %ss called '%s'", one, b->self.name);
            kl_also(l->d, d, was->self.at, "the other one is here");
        } else {
            *slot = b;
        }
    }
}

void kl_read_profiles(struct kl_load *l, const struct kl_node *n)
{
    read_named(l, n, &l->profiles, "profile", true);
}

void kl_read_groups(struct kl_load *l, const struct kl_node *n)
{
    read_named(l, n, &l->groups, "group", false);
}

/* --- the server --------------------------------------------------------------------------------*/

static void read_addresses(struct kl_load *l, struct kl_server *s, const struct kl_node *n)
{
    static const char what[] = "the server's address";
    l->server_address_at = n->at;
    for (const struct kl_node *i = kl_read_items(l, n, what); i; i = kl_item_next(n, i)) {
        struct kl_addr a;
        if (!read_unicast(l, i, what, &a))
            continue;
        for (size_t k = 0; k < s->naddresses; k++)
            if (s->addresses[k].family == a.family)
                kl_diag(l->d, KL_WARNING, "server-address", i->at, NULL,
                    "hosts are given the first IPv%d address only", a.family);
        s->addresses = kl_grow(l->a, s->addresses, s->naddresses, sizeof *s->addresses);
        s->addresses[s->naddresses++] = a;
    }
}

static const char *read_one_ifname(struct kl_load *l, const struct kl_node *n)
{
    return kl_read_text(l, n, "an interface's name") ? kl_read_ifname(l, n) : NULL;
}

/* useradd(8)'s own rule, and a number is refused: it could be meant for either. */
static const char *read_user(struct kl_load *l, const struct kl_node *n)
{
    const char *s = kl_read_text(l, n, "a user's name");
    if (!s)
        return NULL;
    bool ok = islower((unsigned char)*s) || *s == '_';
    for (const char *c = s; *c; c++)
        ok &= islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_' || *c == '-';
    if (ok && strlen(s) <= 32)
        return kl_load_string(l, s);
    KL_SAY(l, "bad-name", n, NULL, "'%s' is no user's name", s);
    return NULL;
}

static void read_port(struct kl_load *l, const struct kl_node *n, uint16_t *out)
{
    unsigned long v;
    if (kl_read_number(l, n, "a port", 1, 65535, &v))
        *out = (uint16_t)v;
}

static void read_server_key(struct kl_load *l, int key, const struct kl_node *e)
{
    struct kl_server *s = &l->f->server;
    switch (key) {
    case 0:
        read_addresses(l, s, e);
        break;
    case 1:
        s->interfaces = read_texts(l, e, "interfaces", read_one_ifname, &s->ninterfaces);
        break;
    case 2:
        read_port(l, e, &s->http_port);
        break;
    case 3:
        read_port(l, e, &s->tftp_port);
        break;
    case 4:
        s->trees = read_path(l, e, "a directory");
        break;
    case 5:
        s->boot = read_path(l, e, "a directory");
        break;
    case 6:
        s->state = read_path(l, e, "a file's path");
        break;
    default:
        s->user = read_user(l, e);
    }
}

void kl_read_server(struct kl_load *l, const struct kl_node *n)
{
    static const char *const keys[] = {
        "address", "interfaces", "http-port", "tftp-port", "trees", "boot", "state", "user", NULL};
    if (!kl_read_mapping(l, n, "the server's settings"))
        return;
    if (l->server_at.file) {
        struct kl_diag *d = KL_SAY(l, "duplicate-key", n->key, "leave only one of the two",
            "there are two 'server' sections");
        kl_also(l->d, d, l->server_at, "the other one is here");
        return;
    }
    l->server_at = n->key->at;
    for (const struct kl_node *e = n->first; e; e = e->next) {
        int key = kl_read_key(l, e, keys, "the server");
        if (key >= 0)
            read_server_key(l, key, e);
    }
}
