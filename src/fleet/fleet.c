/* Reading the files, and putting the passes in their order. */
#include "fleet/load.h"

#include "base/text.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_BYTES = 1 << 30, MOST_INCLUDES = 32 };

/* A file of the inventory. Its text is kept until the end, in case something in it is wrong. */
struct file {
    const char *shown;
    char *text; /* malloc; NULL: could not be read */
    size_t len;
    bool open; /* being read: an include that comes back to it is a cycle */
    struct file *next;
};

/* What a whole run needs besides what its parts share. */
struct run {
    struct kl_load l;
    struct file *files, **last;
    const char *shown_dir; /* of the file being read, as it is shown; "" or with a slash */
    unsigned depth;
};

static void read_file(struct run *r, const char *path, const struct kl_node *named_by);

/* --- include -----------------------------------------------------------------------------------*/

static bool is_pattern(const char *s)
{
    return strpbrk(s, "*?[") != NULL;
}

static void include(struct run *r, const struct kl_node *n)
{
    struct kl_load *l = &r->l;
    const char *s = kl_read_text(l, n, "a file's name");
    if (!s)
        return;
    const char *path = *s == '/' ? s : kl_sprintf(l->tmp, "%s%s", r->shown_dir, s);
    if (!is_pattern(s)) {
        read_file(r, path, n);
        return;
    }
    glob_t found = {0};
    if (glob(path, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            read_file(r, found.gl_pathv[i], n);
    else
        kl_diag(l->d, KL_WARNING, "include-empty", n->at, NULL, "no file is called '%s'", s);
    globfree(&found);
}

static void read_include(struct run *r, const struct kl_node *n)
{
    if (r->depth >= MOST_INCLUDES) {
        KL_SAY(&r->l, "include-cycle", n, NULL, "more than %d files include each other",
            MOST_INCLUDES);
        return;
    }
    for (const struct kl_node *i = kl_read_items(&r->l, n, "files"); i; i = kl_item_next(n, i))
        include(r, i);
}

/* --- one file ----------------------------------------------------------------------------------*/

static void read_defaults(struct kl_load *l, const struct kl_node *n)
{
    if (l->defaults) {
        struct kl_diag *d = KL_SAY(l, "duplicate-key", n->key, "leave only one of the two",
            "there are two 'defaults' sections");
        kl_also(l->d, d, l->defaults->self.at, "the other one is here");
        return;
    }
    l->defaults = kl_read_block(l, n, "'defaults'");
    l->defaults->self.at = n->key->at;
}

static void read_root(struct run *r, const struct kl_node *root)
{
    static const char *const keys[] = {
        "server", "include", "defaults", "profiles", "groups", "hosts", NULL};
    struct kl_load *l = &r->l;
    if (!kl_read_mapping(l, root, "a mapping with 'server', 'profiles', 'hosts' and so on")) {
        l->broken = true;
        return;
    }
    for (const struct kl_node *e = root->first; e; e = e->next) {
        switch (kl_read_key(l, e, keys, "an inventory")) {
        case 0:
            kl_read_server(l, e);
            break;
        case 1:
            read_include(r, e);
            break;
        case 2:
            read_defaults(l, e);
            break;
        case 3:
            kl_read_profiles(l, e);
            break;
        case 4:
            kl_read_groups(l, e);
            break;
        case 5:
            kl_read_mapping(l, e, "a mapping from hosts' names to what they are");
            break;
        default:
            break;
        }
    }
}

static void each_host(void *arg, const struct kl_node *entry, struct kl_arena *scratch)
{
    struct run *r = arg;
    kl_read_host(&r->l, entry, scratch);
}

/* The directory of a file, absolute, with a slash at the end. */
static const char *dir_of(struct kl_load *l, const char *path)
{
    char *real = realpath(path, NULL);
    if (!real)
        return "";
    char *slash = strrchr(real, '/');
    const char *dir = kl_strndup(l->tmp, real, (size_t)(slash - real) + 1);
    free(real);
    return dir;
}

static void parse_file(struct run *r, struct file *f, const char *path)
{
    struct kl_load *l = &r->l;
    struct kl_yaml_stream hosts = {"hosts", each_host, r};
    struct kl_node *root = NULL;
    const char *dir = l->dir, *shown_dir = r->shown_dir, *slash = strrchr(path, '/');
    l->dir = dir_of(l, path);
    r->shown_dir = slash ? kl_strndup(l->tmp, path, (size_t)(slash - path) + 1) : "";
    f->open = true;
    r->depth++;
    if (!kl_yaml_read(l->tmp, f->shown, f->text, f->len, &hosts, l->d, &root))
        l->broken = true;
    if (root)
        read_root(r, root);
    r->depth--;
    f->open = false;
    l->dir = dir;
    r->shown_dir = shown_dir;
}

static void say_unreadable(struct run *r, const char *path, const struct kl_node *named_by)
{
    struct kl_place at = named_by ? named_by->at : (struct kl_place){path, 0, 0, 0};
    const char *why = errno == EFBIG ? "it is larger than 1 GiB" : strerror(errno);
    kl_diag(r->l.d, KL_ERROR, named_by ? "include-missing" : "file-missing", at,
        named_by ? "a path is relative to the file that names it" : NULL, "cannot read %s: %s",
        path, why);
    r->l.broken = true;
}

/* Reads a file once, however many ways lead to it. */
static void read_file(struct run *r, const char *path, const struct kl_node *named_by)
{
    struct kl_load *l = &r->l;
    char *real = realpath(path, NULL);
    const void **slot = real ? kl_names_slot(&l->files, kl_strdup(l->tmp, real)) : NULL;
    free(real);
    const struct file *known = slot ? *slot : NULL;
    if (known) {
        if (known->open && named_by)
            KL_SAY(l, "include-cycle", named_by, "take this line out",
                "%s is being read already: the files include each other", known->shown);
        return;
    }
    struct file *f = kl_alloc(l->tmp, sizeof *f);
    f->shown = kl_strdup(l->a, path);
    struct stat st;
    if (named_by && stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL; /* a FIFO would keep us waiting */
    else
        f->text = kl_read_file(path, MOST_BYTES, &f->len);
    if (slot)
        *slot = f;
    *r->last = f;
    r->last = &f->next;
    if (f->text)
        parse_file(r, f, path);
    else
        say_unreadable(r, path, named_by);
}

/* --- the whole ---------------------------------------------------------------------------------*/

static void check_server(struct run *r)
{
    struct kl_load *l = &r->l;
    struct kl_server *s = &l->f->server;
    if (!s->http_port)
        s->http_port = 80;
    if (!s->tftp_port)
        s->tftp_port = 69;
    if (!s->state)
        s->state = "/var/lib/kickline/state.db";
    if (!s->user)
        s->user = "kickline";
    if (s->naddresses || l->broken || l->server_address_at.file)
        return;
    struct kl_place at = l->server_at;
    if (!at.file)
        at.file = l->f->file;
    kl_diag(l->d, KL_ERROR, "no-server", at, "add 'server: {address: [ADDRESS]}'",
        "nothing says where hosts reach this boot server");
}

static void say_server_family(
    struct kl_load *l, const struct kl_draft *d, const struct kl_link *link)
{
    uint8_t only = d->intent->install_family;
    if (only)
        kl_diag(l->d, KL_ERROR, "server-family", link->at,
            kl_diag_text(l->d, "give the server one, or change 'install: ipv%d'", only),
            "'%s' is installed by IPv%d alone, and the server has no IPv%d address", d->host.name,
            only, only);
    else
        kl_diag(l->d, KL_ERROR, "server-family", link->at,
            "give the link an address of the server's family, or the server one of the link's",
            "%s of '%s' and the server have no address family in common", link->name, d->host.name);
}

static void say_unreachable(struct kl_load *l, const struct kl_draft *d, const struct kl_link *link)
{
    static const char *const hints[] = {[0] = "add 'gateway6: ra', 'gateway4: ADDRESS' or a route",
        [4] = "add 'gateway4: ADDRESS' or an IPv4 route",
        [6] = "add 'gateway6: ra', 'gateway6: ADDRESS' or an IPv6 route"};
    static const char *const by[] = {[0] = "", [4] = " by IPv4", [6] = " by IPv6"};
    uint8_t only = d->intent->install_family;
    kl_diag(l->d, KL_WARNING, "server-unreachable", link->at, hints[only],
        "'%s' cannot reach the server%s: it is on no prefix of %s, which has no gateway",
        d->host.name, by[only], link->name);
}

/* An install link without a way to the server: the intent is sound, and yet nothing will come. */
static void check_reach(struct kl_load *l, const struct kl_draft *d)
{
    const struct kl_server *s = &l->f->server;
    const struct kl_link *link = kl_link_find(d->intent, d->intent->install);
    const uint8_t only = d->intent->install_family;
    bool shared = false, reached = false;
    if (!link || (only && !kl_link_speaks(link, only)))
        return; /* said already: no-address, install-family */
    for (size_t i = 0; i < s->naddresses; i++) {
        const struct kl_addr *a = &s->addresses[i];
        const struct kl_ip *ip = a->family == 4 ? &link->ip4 : &link->ip6;
        if (ip->method == KL_OFF || (only && a->family != only))
            continue;
        shared = true;
        reached |= ip->gateway != KL_GATEWAY_NONE;
        for (size_t k = 0; k < ip->naddresses; k++)
            reached |= kl_prefix_has(&ip->addresses[k], a);
        for (size_t k = 0; k < link->nroutes; k++)
            reached |= kl_prefix_has(&link->routes[k].to, a);
    }
    if (!s->naddresses || reached || d->unclear || !kl_link_has_ip(link))
        return;
    if (!shared)
        say_server_family(l, d, link);
    else
        say_unreachable(l, d, link);
}

/* Texts are handed to the diagnostics only when there is something to point to. */
static void register_sources(struct run *r)
{
    for (const struct file *f = r->files; f; f = f->next)
        if (f->text)
            kl_diags_source(r->l.d, f->shown, f->text, f->len);
}

static void run_free(struct run *r)
{
    struct kl_load *l = &r->l;
    struct kl_names *tables[] = {&l->strings, &l->files, &l->profiles, &l->groups, &l->hosts,
        &l->settings, &l->trees, &l->releases};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        kl_names_free(tables[i]);
    for (struct file *f = r->files; f; f = f->next)
        free(f->text);
    free(l->drafts);
    free(l->macs.list);
    free(l->addrs.list);
    free(l->uuids.list);
    kl_arena_free(l->tmp);
}

struct kl_fleet *kl_fleet_load(const char *path, struct kl_diags *d)
{
    struct run r = {.l = {.a = kl_arena_new(), .tmp = kl_arena_new(), .d = d, .dir = ""}};
    struct kl_load *l = &r.l;
    size_t errors = kl_diags_count(d, KL_ERROR), notes = kl_diags_count(d, KL_NOTE);
    r.last = &r.files;
    struct kl_fleet *f = l->f = kl_alloc(l->a, sizeof *l->f);
    f->arena = l->a;
    f->file = kl_strdup(l->a, path);
    read_file(&r, path, NULL);
    kl_resolve_profiles(l);
    kl_order_hosts(l);
    for (size_t i = 0; i < l->ndrafts; i++)
        kl_resolve_settings(l, &l->drafts[l->order[i]]);
    check_server(&r);
    for (size_t i = 0; i < l->ndrafts; i++)
        check_reach(l, &l->drafts[i]);
    kl_build_index(l);
    if (kl_diags_count(d, KL_NOTE) > notes)
        register_sources(&r);
    bool ok = kl_diags_count(d, KL_ERROR) == errors;
    run_free(&r);
    if (ok)
        return f;
    kl_fleet_free(f);
    return NULL;
}

void kl_fleet_free(struct kl_fleet *f)
{
    if (f)
        kl_arena_free(f->arena);
}
