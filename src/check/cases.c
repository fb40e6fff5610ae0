/* One install, put together from what lies about: a loader's entry names a kernel line, the line
 * names a kickstart; reservations and installed files belong to it when they name the same NIC,
 * address or host. What is not certain to belong is left out: a case with a part missing says less,
 * a case with another machine's part says something wrong. */
#include "check/cases.h"

#include "check/infer.h"
#include "check/open.h"
#include "tree/treeinfo.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tree {
    const char *name; /* the last part of its directory */
    const struct kl_release *release;
    const char *file;
};

/* Installed files of one machine: those of one directory. */
struct set {
    const char *dir;
    const struct kl_doc **docs;
    size_t n;
    bool used;
};

struct kl_cases {
    struct kl_arena *a;
    struct kl_site *site;
    const struct kl_check_options *o;
    struct kl_names by_mac, by_addr, by_name; /* -> struct kl_reserved */
    struct kl_names set_names;                /* part of a set's path -> struct set */
    struct tree *trees;
    size_t ntrees;
    struct set *sets;
    size_t nsets, nkickstarts, nlines;
};

/* Of a name that two have nobody knows whose it is. */
static struct kl_reserved nobody;
static struct set no_set;

/* --- what is for all ---------------------------------------------------------------------------*/

static void remember(struct kl_names *t, const char *key, const void *value, const void *ambiguous)
{
    const void **slot = kl_names_slot(t, key);
    *slot = *slot && *slot != value ? ambiguous : value;
}

static const char *lower(struct kl_arena *a, const char *s)
{
    char *out = kl_strdup(a, s);
    for (char *c = out; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return out;
}

static const char *short_name(struct kl_arena *a, const char *name)
{
    return lower(a, kl_strndup(a, name, strcspn(name, ".")));
}

/* One machine has a reservation for each family, in two files: they are kept side by side only when
 * nothing else tells them apart. */
static void remember_reserved(struct kl_cases *s, struct kl_reserved *r)
{
    char text[KL_ADDR_TEXT], mac[KL_MAC_TEXT];
    if (r->mac.set)
        remember(&s->by_mac, kl_strdup(s->a, kl_mac_text(&r->mac, mac)), r, &nobody);
    if (r->ip4.addr.family)
        remember(&s->by_addr, kl_strdup(s->a, kl_addr_text(&r->ip4.addr, text)), r, &nobody);
    if (r->ip6.addr.family)
        remember(&s->by_addr, kl_strdup(s->a, kl_addr_text(&r->ip6.addr, text)), r, &nobody);
    if (r->hostname)
        remember(&s->by_name, short_name(s->a, r->hostname), r, &nobody);
    else if (r->name)
        remember(&s->by_name, short_name(s->a, r->name), r, &nobody);
}

static void read_reserved(struct kl_cases *s, const struct kl_doc *doc, struct kl_diags *d)
{
    struct kl_site_finder self = {s->site, s->a};
    struct kl_finder files = kl_site_finder(&self);
    size_t len;
    const char *text = kl_site_text(s->site, s->a, doc, &len);
    if (!text)
        return;
    struct kl_reserved_list list =
        doc->kind == KL_KIND_DHCPD     ? kl_dhcpd_parse(s->a, text, len, doc->path, &files, d)
        : doc->kind == KL_KIND_DNSMASQ ? kl_dnsmasq_parse(s->a, text, len, doc->path, &files, d)
                                       : kl_kea_parse(s->a, text, len, doc->path, &files, d);
    for (size_t k = 0; k < list.n; k++)
        remember_reserved(s, &list.list[k]);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* `name` is what a loader calls it by: a part of a path or URL. */
static void read_tree(
    struct kl_cases *s, const char *dir, const char *name, const char *info, struct kl_diags *d)
{
    struct kl_tree tree;
    if (!kl_tree_read(s->a, dir, &tree, d) || !tree.release)
        return;
    s->trees = kl_grow(s->a, s->trees, s->ntrees, sizeof *s->trees);
    s->trees[s->ntrees++] = (struct tree){name, tree.release, info};
}

static void read_tree_at(struct kl_cases *s, const struct kl_doc *doc, struct kl_diags *d)
{
    const char *slash = strrchr(doc->path, '/');
    const char *dir = slash ? kl_strndup(s->a, doc->path, (size_t)(slash - doc->path)) : ".";
    read_tree(s, dir, last_part(dir), doc->path, d);
}

/* --map URL=DIR, where DIR is a tree: it is the URL that has its name. */
static void read_mapped_trees(struct kl_cases *s, struct kl_diags *d)
{
    for (size_t k = 0; k < s->o->nmaps; k++) {
        const struct kl_map *m = &s->o->maps[k];
        const char *info = kl_sprintf(s->a, "%s/.treeinfo", m->path);
        size_t n = strlen(m->url);
        while (n && m->url[n - 1] == '/')
            n--;
        if (access(info, R_OK) == 0)
            read_tree(s, m->path, last_part(kl_strndup(s->a, m->url, n)), info, d);
    }
}

static bool is_system(enum kl_kind kind)
{
    return kind == KL_KIND_IFCFG || kind == KL_KIND_ROUTE || kind == KL_KIND_KEYFILE;
}

static size_t dir_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

/* Documents come directory by directory. */
static void group_sets(struct kl_cases *s)
{
    struct set *now = NULL;
    for (size_t k = 0; k < s->site->n; k++) {
        const struct kl_doc *doc = &s->site->docs[k];
        if (!is_system(doc->kind))
            continue;
        size_t n = dir_len(doc->path);
        if (!now || strlen(now->dir) != n || strncmp(now->dir, doc->path, n) != 0) {
            s->sets = kl_grow(s->a, s->sets, s->nsets, sizeof *s->sets);
            now = &s->sets[s->nsets++];
            *now = (struct set){.dir = kl_strndup(s->a, doc->path, n)};
        }
        now->docs = kl_grow(s->a, now->docs, now->n, sizeof *now->docs);
        now->docs[now->n++] = doc;
    }
    for (size_t k = 0; k < s->nsets; k++)
        for (const char *c = s->sets[k].dir; *c; c += strspn(c, "/")) {
            size_t n = strcspn(c, "/");
            const char *part = lower(s->a, kl_strndup(s->a, c, n));
            remember(&s->set_names, part, &s->sets[k], &no_set);
            c += n;
        }
}

struct kl_cases *kl_cases_new(
    struct kl_site *site, const struct kl_check_options *o, struct kl_diags *d)
{
    struct kl_cases *s = kl_xmalloc(sizeof *s);
    s->a = kl_arena_new();
    s->site = site;
    s->o = o;
    for (size_t k = 0; k < site->n; k++) {
        const struct kl_doc *doc = &site->docs[k];
        if (doc->kind == KL_KIND_DHCPD || doc->kind == KL_KIND_DNSMASQ || doc->kind == KL_KIND_KEA)
            read_reserved(s, doc, d);
        else if (doc->kind == KL_KIND_TREEINFO)
            read_tree_at(s, doc, d);
        s->nkickstarts += doc->kind == KL_KIND_KICKSTART;
        s->nlines += doc->kind == KL_KIND_PXELINUX || doc->kind == KL_KIND_GRUB ||
                     doc->kind == KL_KIND_IPXE || doc->kind == KL_KIND_CMDLINE;
    }
    read_mapped_trees(s, d);
    group_sets(s);
    return s;
}

void kl_cases_free(struct kl_cases *s)
{
    if (!s)
        return;
    kl_names_free(&s->by_mac);
    kl_names_free(&s->by_addr);
    kl_names_free(&s->by_name);
    kl_names_free(&s->set_names);
    kl_arena_free(s->a);
    free(s);
}

size_t kl_cases_sets(const struct kl_cases *s)
{
    return s->nsets;
}

bool kl_cases_set_used(const struct kl_cases *s, size_t number)
{
    return s->sets[number - 1].used;
}

/* --- one case ----------------------------------------------------------------------------------*/

struct maker {
    struct kl_cases *s;
    struct kl_arena *a;
    const struct kl_origin *from;
    struct kl_case *c;
    struct kl_diags *d;
    struct kl_finder files;
    const struct kl_doc *ks_doc;
    const char *ks_text;
    size_t ks_len;
};

/* Other installers on the same menu, by words that only their lines have. */
static bool is_foreign(const struct kl_cmdline *l)
{
    static const char *const keys[] = {"autoyast", "autoinstall", "preseed/url", "preseed/file",
        "url", "boot", "netcfg/choose_interface", "auto-install/enable", "debian-installer/locale",
        "archiso_http_srv", "archisobasedir", "coreos.inst.install_dev", "ignition.config.url",
        "talos.platform", "harvester.install.automatic", "install", "info", "fetch", "modloop",
        "ipa-api-url", "nfsroot", NULL};
    static const char *const begins[] = {
        "coreos.", "ignition.", "archiso", "netcfg/", "debian-installer/", "talos.", NULL};
    for (size_t k = 0; k < l->n; k++)
        for (const char *const *b = begins; *b; b++)
            if (kl_starts(l->args[k].text, *b))
                return true;
    for (size_t k = 0; k < l->n; k++)
        for (const char *const *f = keys; *f; f++)
            if (strncmp(l->args[k].text, *f, strlen(*f)) == 0 && l->args[k].text[strlen(*f)] == '=')
                return true;
    return false;
}

static bool has_any(const struct kl_cmdline *l, const char *const *words)
{
    for (const char *const *w = words; *w; w++)
        if (kl_cmdline_last(l, *w, NULL))
            return true;
    return false;
}

/* Systems that are no install of ours, by the kernel that is started. Many of them read dracut's
 * ip=, so that alone says little. */
static bool is_foreign_kernel(const struct kl_entry *e)
{
    static const char *const names[] = {"ubuntu", "debian", "suse", "sles", "archlinux", "coreos",
        "rhcos", "fcos", "flatcar", "talos", "proxmox", "alpine", "gentoo", "kali", "clonezilla",
        "gparted", "grml", "sysresc", "fdi-image", "ironic", "memtest", "live-kernel", NULL};
    for (const char *const *n = names; e && e->kernel.text && *n; n++)
        if (strcasestr(e->kernel.text, *n))
            return true;
    return false;
}

/* Does an installer, or dracut's network, read any word of it? A live image reads dracut's too. */
static bool is_ours(const struct kl_cmdline *l, const struct kl_entry *e)
{
    static const char *const installers[] = {
        "ks", "ksdevice", "method", "repo", "stage2", "kickstart", NULL};
    static const char *const network[] = {"bond", "rd.neednet", "ip", NULL};
    if (is_foreign(l))
        return false;
    for (size_t k = 0; k < l->n; k++)
        if (kl_starts(l->args[k].text, "inst."))
            return true;
    if (has_any(l, installers))
        return true;
    const struct kl_arg *root = kl_cmdline_last(l, "root", NULL);
    if (e && (is_foreign_kernel(e) || (root && kl_starts(root->text, "root=live:"))))
        return false;
    return has_any(l, network);
}

static const struct kl_arg *kickstart_word(const struct kl_cmdline *l)
{
    const struct kl_arg *w = kl_cmdline_last(l, "inst.ks", NULL);
    return w ? w : kl_cmdline_last(l, "ks", NULL);
}

/* Of "ks=ks=URL" the URL: what was meant is looked up, the doubling is for a rule. */
static const char *kickstart_url(const struct kl_arg *w)
{
    const char *url = kl_arg_value(w);
    while (url && (kl_starts(url, "ks=") || kl_starts(url, "inst.ks=")))
        url = strchr(url, '=') + 1;
    return url;
}

/* A file that only --map names. */
static void read_mapped(struct maker *m, const char *url)
{
    const char *path = kl_site_mapped(m->s->site, m->a, url);
    char *text = path ? kl_read_file(path, KL_SITE_LARGEST, &m->ks_len) : NULL;
    if (!text)
        return;
    struct kl_doc *doc = kl_alloc(m->a, sizeof *doc);
    *doc = (struct kl_doc){.path = path, .base = path, .kind = KL_KIND_KICKSTART};
    m->ks_doc = doc;
    m->ks_text = kl_strndup(m->a, text, m->ks_len);
    free(text);
}

static void read_document(struct maker *m, struct kl_doc *doc)
{
    doc->used = true;
    m->ks_doc = doc;
    m->ks_text = kl_site_text(m->s->site, m->a, doc, &m->ks_len);
}

static void find_kickstart(struct maker *m)
{
    const struct kl_arg *w = m->c->line ? kickstart_word(m->c->line) : NULL;
    const char *url = w ? kickstart_url(w) : NULL, *near = m->from->doc ? m->from->doc->path : NULL;
    bool several = false;
    if (m->from->kickstart)
        read_document(m, (struct kl_doc *)m->from->kickstart);
    if (!url || !*url)
        return;
    m->c->ks_named = w;
    struct kl_doc *doc = kl_site_find(m->s->site, url, near, KL_KIND_KICKSTART, &several);
    if (doc)
        read_document(m, doc);
    else
        read_mapped(m, url);
    if (!m->ks_doc && !strstr(url, "{{") && !strstr(url, "<%"))
        kl_diag(m->d, KL_NOTE, "kickstart-missing", w->at,
            "--map URL=PATH says where it is; or give its file or directory to check as well",
            several ? "more than one file at hand could be the kickstart '%s'"
                    : "the kickstart '%s' is not at hand: only the kernel line is checked",
            url);
}

/* --- the release -------------------------------------------------------------------------------*/

/* Is `name` one whole part of a path? */
static bool has_part(const char *path, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = path; s && n && (s = strstr(s, name)); s++)
        if ((s == path || s[-1] == '/') && (s[n] == '/' || !s[n]))
            return true;
    return false;
}

enum { TEXTS = 48 };

struct texts {
    const char *text[TEXTS], *source[TEXTS];
    size_t n;
};

static void add_text(struct texts *t, const char *text, const char *source)
{
    if (text && t->n < TEXTS) {
        t->text[t->n] = text;
        t->source[t->n++] = source;
    }
}

static void line_texts(const struct kl_cmdline *l, struct texts *t)
{
    static const char *const keys[] = {
        "inst.repo", "repo", "method", "inst.stage2", "stage2", "root", "inst.addrepo", NULL};
    for (const char *const *k = keys; l && *k; k++) {
        const struct kl_arg *w = kl_cmdline_last(l, *k, NULL);
        if (w)
            add_text(t, kl_arg_value(w),
                w->text[0] == 'r' && w->text[1] == 'o' ? "the line's root="
                                                       : "the repository's URL");
    }
}

static void kickstart_texts(const struct kl_kickstart *k, struct texts *t)
{
    for (size_t i = 0; k && i < k->ncommands; i++) {
        const struct kl_ks_command *c = &k->commands[i];
        if (!kl_streq(c->name, "url") && !kl_streq(c->name, "repo") && !kl_streq(c->name, "nfs"))
            continue;
        for (size_t w = 0; w < c->n && w < 8; w++)
            if (!kl_starts(c->args[w].text, "--name"))
                add_text(t, c->args[w].text, "the kickstart's source");
    }
}

static const struct tree *tree_of(const struct maker *m, const struct texts *t)
{
    const struct tree *found = NULL;
    for (size_t k = 0; k < m->s->ntrees; k++)
        for (size_t i = 0; i < t->n; i++)
            if (has_part(t->text[i], m->s->trees[k].name)) {
                if (found && found->release != m->s->trees[k].release)
                    return NULL;
                found = &m->s->trees[k];
            }
    return found;
}

/* A first reading, for what its commands tell of the release; nobody hears what it says. */
static struct kl_kickstart *glance(struct maker *m)
{
    struct kl_diags *quiet KL_DIAGS_SCOPE = kl_diags_new();
    const struct kl_release *any = kl_release_find(m->a, "rhel-8.10", NULL);
    return m->ks_text ? kl_kickstart_read(
                            m->a, m->ks_text, m->ks_len, m->ks_doc->path, any, &m->files, quiet)
                      : NULL;
}

/* What anaconda writes first into the kickstarts that it leaves behind: "#version=RHEL9". */
static const char *version_mark(const struct maker *m)
{
    const char *at = m->ks_text ? strstr(m->ks_text, "#version=") : NULL;
    if (!at || (at != m->ks_text && at[-1] != '\n'))
        return NULL;
    return kl_strndup(m->a, at, strcspn(at, "\r\n"));
}

static void find_release(struct maker *m)
{
    struct kl_case *c = m->c;
    const struct kl_entry *e = c->entry;
    struct texts t = {0};
    if (m->s->o->release) {
        c->release = m->s->o->release;
        c->release_given = true;
        c->release_from = "--release";
        return;
    }
    add_text(&t, e ? e->kernel.text : NULL, "the kernel's path");
    for (size_t k = 0; e && k < e->ninitrds && k < 4; k++)
        add_text(&t, e->initrds[k].text, "the initrd's path");
    line_texts(c->line, &t);
    struct kl_kickstart *k = glance(m);
    kickstart_texts(k, &t);
    const struct tree *tree = tree_of(m, &t);
    if (tree) {
        c->release = tree->release;
        c->release_given = true;
        c->release_from = tree->file;
        return;
    }
    add_text(&t, version_mark(m), "the kickstart's line");
    add_text(&t, e ? e->title : NULL, "the entry's title");
    add_text(&t, e ? e->name : NULL, "the entry's name");
    add_text(&t, c->ks_named ? kl_arg_value(c->ks_named) : NULL, "the kickstart's URL");
    add_text(&t, m->ks_doc ? m->ks_doc->path : NULL, "the kickstart's path");
    add_text(&t, m->from->doc ? m->from->doc->path : NULL, "the file's path");
    kl_infer_release(m->a, t.text, t.source, t.n, c->line, k, &c->release, &c->release_from);
}

static void say_release(struct maker *m)
{
    struct kl_case *c = m->c;
    const struct kl_doc *doc = m->from->doc ? m->from->doc : m->from->kickstart;
    if (c->release_given)
        return;
    struct kl_place at = c->entry  ? c->entry->at
                         : c->line ? c->line->at
                         : doc     ? (struct kl_place){.file = doc->path}
                                   : (struct kl_place){.file = m->s->sets[m->from->set - 1].dir};
    const char *name = kl_release_name(m->a, c->release);
    if (c->release_from)
        kl_diag(m->d, KL_NOTE, "release-inferred", at, "--release says it for certain",
            "checked as %s, because of %s", name, c->release_from);
    else
        kl_diag(m->d, KL_NOTE, "release-inferred", at, "--release says which it is",
            "checked as %s: nothing here says which release it installs", name);
}

/* --- whose it is -------------------------------------------------------------------------------*/

/* 01-aa-bb-cc-dd-ee-ff, mac-aabbccddeeff.ipxe, C0000205: how loaders look a machine up. */
static bool mac_in_name(const char *base, struct kl_mac *mac)
{
    for (const char *s = base; *s; s++) {
        char hex[18];
        size_t n = 0, k = 0;
        if (s != base && isxdigit((unsigned char)s[-1]))
            continue;
        for (; s[k] && n < 12 && (isxdigit((unsigned char)s[k]) || s[k] == '-' || s[k] == ':'); k++)
            if (isxdigit((unsigned char)s[k])) {
                size_t at = n + n / 2;
                hex[at] = s[k];
                if (n % 2 && n < 11)
                    hex[at + 1] = ':';
                n++;
            }
        if (n == 12 && !isxdigit((unsigned char)s[k])) {
            hex[17] = '\0';
            return kl_mac_parse(hex, mac);
        }
    }
    return false;
}

/* pxelinux.cfg/01-MAC has two digits more, the hardware's kind. */
static bool mac_of_file(const char *base, struct kl_mac *mac)
{
    if (kl_starts(base, "01-") && strlen(base) >= 20) {
        char text[18];
        memcpy(text, base + 3, 17);
        text[17] = '\0';
        return kl_mac_parse(text, mac);
    }
    return mac_in_name(base, mac);
}

static bool addr_of_file(const char *base, struct kl_addr *addr)
{
    if (strlen(base) != 8 || strspn(base, "0123456789ABCDEF") != 8)
        return false;
    unsigned long v = strtoul(base, NULL, 16);
    *addr = (struct kl_addr){.family = 4,
        .bytes = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}};
    return true;
}

static const struct kl_reserved *reserved_of_mac(const struct maker *m, const struct kl_mac *mac)
{
    char text[KL_MAC_TEXT];
    return mac->set ? kl_names_get(&m->s->by_mac, kl_mac_text(mac, text)) : NULL;
}

static const struct kl_reserved *reserved_of_addr(const struct maker *m, const struct kl_addr *a)
{
    char text[KL_ADDR_TEXT];
    return a->family ? kl_names_get(&m->s->by_addr, kl_addr_text(a, text)) : NULL;
}

static const struct kl_reserved *reserved_of_intent(
    const struct maker *m, const struct kl_intent *i)
{
    for (size_t k = 0; i && k < i->nlinks; k++) {
        const struct kl_reserved *r = reserved_of_mac(m, &i->links[k].mac);
        if (r)
            return r;
    }
    return i && i->hostname ? kl_names_get(&m->s->by_name, short_name(m->a, i->hostname)) : NULL;
}

static const struct kl_reserved *find_reserved(const struct maker *m)
{
    const struct kl_case *c = m->c;
    const struct kl_reserved *r = NULL;
    const char *base = m->from->doc ? m->from->doc->base : "";
    struct kl_mac mac = {0};
    struct kl_addr addr = {0};
    if (mac_of_file(base, &mac))
        r = reserved_of_mac(m, &mac);
    if (!r && addr_of_file(base, &addr))
        r = reserved_of_addr(m, &addr);
    const struct kl_intent *views[] = {c->initrd, c->installer, c->system};
    for (size_t k = 0; !r && k < 3; k++)
        r = reserved_of_intent(m, views[k]);
    return r == &nobody ? NULL : r;
}

static struct set *set_named(const struct maker *m, const char *name)
{
    struct set *found = name && *name ? (struct set *)kl_names_get(&m->s->set_names, name) : NULL;
    return found == &no_set ? NULL : found;
}

/* By a part of their directory's path that is the host's name; or because nothing else is there. */
static struct set *find_set(const struct maker *m)
{
    const struct kl_intent *views[] = {m->c->installer, m->c->initrd};
    for (size_t k = 0; k < 2; k++) {
        const char *name = views[k] ? views[k]->hostname : NULL;
        struct set *found = name ? set_named(m, lower(m->a, name)) : NULL;
        found = found || !name ? found : set_named(m, short_name(m->a, name));
        if (found)
            return found;
    }
    if (m->ks_doc) {
        const char *dot = strrchr(m->ks_doc->base, '.');
        size_t n = dot ? (size_t)(dot - m->ks_doc->base) : strlen(m->ks_doc->base);
        struct set *found = set_named(m, lower(m->a, kl_strndup(m->a, m->ks_doc->base, n)));
        if (found)
            return found;
    }
    bool alone = m->s->nsets == 1 && m->s->nkickstarts <= 1 && m->s->nlines <= 1;
    return alone ? &m->s->sets[0] : NULL;
}

static const char *installed_path(struct kl_arena *a, const struct kl_doc *doc)
{
    if (doc->kind == KL_KIND_KEYFILE)
        return kl_sprintf(a, "/etc/NetworkManager/system-connections/%s%s", doc->base,
            kl_ends(doc->base, ".nmconnection") ? "" : ".nmconnection");
    const char *head = doc->kind == KL_KIND_ROUTE || kl_starts(doc->base, "ifcfg-") ? "" : "ifcfg-";
    return kl_sprintf(a, "/etc/sysconfig/network-scripts/%s%s", head, doc->base);
}

static struct kl_intent *read_set(struct maker *m, struct set *set)
{
    struct kl_system_file *files = kl_alloc(m->a, set->n * sizeof *files);
    size_t n = 0;
    for (size_t k = 0; k < set->n; k++) {
        size_t len;
        const char *text = kl_site_text(m->s->site, m->a, set->docs[k], &len);
        if (!text)
            continue;
        const char *file = kl_diags_source(m->d, set->docs[k]->path, text, len);
        files[n++] = (struct kl_system_file){installed_path(m->a, set->docs[k]), text, file, 1, 1};
    }
    set->used = true;
    return kl_system_read(m->a, files, n, m->c->release, m->d);
}

/* --- the whole ---------------------------------------------------------------------------------*/

static size_t so_far(const struct kl_diags *d)
{
    return kl_diags_count(d, KL_NOTE);
}

static void read_system(struct maker *m)
{
    struct kl_case *c = m->c;
    struct set *set = m->from->set ? &m->s->sets[m->from->set - 1] : find_set(m);
    if (c->ks && c->ks->system) {
        c->system = c->ks->system;
        c->system_is = "the files that %post writes";
    } else if (set) {
        c->system = read_set(m, set);
        c->system_is = kl_sprintf(m->a, "the files in %s", *set->dir ? set->dir : ".");
    }
}

static void find_release_of_set(struct maker *m)
{
    bool keyfiles = false;
    const struct set *set = &m->s->sets[m->from->set - 1];
    for (size_t k = 0; k < set->n; k++)
        keyfiles |= set->docs[k]->kind == KL_KIND_KEYFILE;
    if (m->s->o->release) {
        find_release(m);
        return;
    }
    m->c->release = kl_release_find(m->a, keyfiles ? "rhel-9.7" : "rhel-7.9", NULL);
    m->c->release_from = keyfiles ? "its keyfiles" : "its ifcfg files";
}

bool kl_case_make(struct kl_cases *s, struct kl_arena *a, const struct kl_origin *from,
    struct kl_case *c, struct kl_case_marks *marks, struct kl_diags *d)
{
    struct kl_site_finder self = {s->site, a};
    struct maker m = {.s = s, .a = a, .from = from, .c = c, .d = d, .files = kl_site_finder(&self)};
    *c = (struct kl_case){.a = a,
        .nics = s->o->nics,
        .loader = from->loader,
        .loader_file = from->loader && from->doc ? from->doc->path : NULL,
        .menu = from->menu,
        .entry = from->entry,
        .line = from->line};
    if (c->line && !is_ours(c->line, c->entry))
        return false;
    bool open = false;
    find_kickstart(&m);
    if (from->set)
        find_release_of_set(&m);
    else
        find_release(&m);
    say_release(&m);
    marks->initrd = so_far(d);
    if (c->line)
        c->line = kl_line_closed(a, c->line, &open, d);
    if (c->line)
        c->initrd = kl_cmdline_read(a, c->line, c->release, &c->what, d);
    if (open)
        c->initrd = NULL; /* what was left out would be missed in it */
    marks->installer = so_far(d);
    if (m.ks_text)
        c->ks = kl_kickstart_read(a, m.ks_text, m.ks_len, m.ks_doc->path, c->release, &m.files, d);
    c->installer = c->ks && c->ks->ndevices ? c->ks->network : NULL;
    marks->system = so_far(d);
    read_system(&m);
    marks->end = so_far(d);
    c->reserved = find_reserved(&m);
    return true;
}
