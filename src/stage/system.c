/* The installed system's files: which format a release keeps, and how files become one intent. */
#include "stage/system.h"

#include <stdlib.h>
#include <string.h>

/* --- what both formats ask of an intent --------------------------------------------------------*/

static const struct kl_ip *ip_of(const struct kl_link *l, int family)
{
    return family == 4 ? &l->ip4 : &l->ip6;
}

const struct kl_link *kl_dns_link(const struct kl_intent *i, int family)
{
    const struct kl_link *install = kl_link_find(i, i->install);
    if (install && ip_of(install, family)->method != KL_OFF)
        return install;
    for (size_t k = 0; k < i->nlinks; k++)
        if (ip_of(&i->links[k], family)->method != KL_OFF)
            return &i->links[k];
    return NULL;
}

int kl_search_family(const struct kl_intent *i, const struct kl_link *l)
{
    const struct kl_link *four = kl_dns_link(i, 4), *six = kl_dns_link(i, 6);
    const struct kl_link *install = kl_link_find(i, i->install);
    if (!i->nsearch)
        return 0;
    /* The install link carries it, in IPv4's settings when it has any: initscripts reads only
     * those. */
    const struct kl_link *home = install && kl_link_has_ip(install) ? install : four ? four : six;
    if (home != l)
        return 0;
    return l == four ? 4 : 6;
}

bool kl_static_with_ra(const struct kl_ip *ip)
{
    return ip->method == KL_STATIC && ip->gateway == KL_GATEWAY_LEARNT;
}

bool kl_link_idle(const struct kl_intent *i, const struct kl_link *l)
{
    if (l->kind != KL_ETHERNET || kl_link_has_ip(l) || kl_link_controller(i, l->name))
        return false;
    for (size_t k = 0; k < i->nlinks; k++)
        if (kl_streq(i->links[k].parent, l->name))
            return false;
    return true;
}

/* Names become file names, and words in files of the shell's syntax. */
static bool is_interface_name(const char *s)
{
    size_t n = strlen(s);
    if (n == 0 || n > 15 || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
        return false;
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
                strchr("._-", *s)))
            return false;
    return true;
}

/* Words without blanks or quotes: what stands in a list. */
static bool is_plain(const char *s)
{
    if (!s || !*s)
        return false;
    for (; *s; s++)
        if (*s <= ' ' || *s == 127 || strchr("\"'\\`$;,=#", *s))
            return false;
    return true;
}

static bool refuse(struct kl_diags *d, const struct kl_link *l, const char *hint, const char *what)
{
    kl_diag(d, KL_ERROR, "not-expressible", l->at, hint, "%s: %s", l->name, what);
    return false;
}

static bool check_ip(const struct kl_link *l, int family, struct kl_diags *d)
{
    const struct kl_ip *ip = ip_of(l, family);
    if (ip->method == KL_STATIC && !ip->naddresses)
        return refuse(d, l, "give it an address", "a static link needs an address");
    if (family == 4 && (ip->method == KL_AUTO || kl_static_with_ra(ip)))
        return refuse(d, l, "write the gateway's address, or use DHCP",
            "IPv4 learns a gateway by DHCP alone");
    if (ip->gateway == KL_GATEWAY_EXPLICIT && !ip->naddresses)
        return refuse(d, l, "let the gateway be learnt, or give the link a static address too",
            "a gateway of one's own needs a static address beside it");
    return true;
}

static bool check_link(const struct kl_link *l, struct kl_diags *d)
{
    if (!is_interface_name(l->name) || (l->parent && !is_interface_name(l->parent)))
        return refuse(d, l, "an interface name has 1 to 15 letters, digits, '.', '_' and '-'",
            "this name cannot be an interface's");
    if (l->kind == KL_VLAN && (!l->parent || !l->vlan || l->vlan > 4094))
        return refuse(d, l, "give it a parent and a number from 1 to 4094",
            "a VLAN needs a parent and a number");
    for (size_t k = 0; k < l->nports; k++)
        if (!is_interface_name(l->ports[k]))
            return refuse(d, l, "an interface name has 1 to 15 letters, digits, '.', '_' and '-'",
                "a port's name cannot be an interface's");
    for (size_t k = 0; k < l->noptions; k++) {
        const char *v = l->options[k].value;
        bool ok = is_plain(l->options[k].name) && *v;
        for (; *v; v++)
            ok &= *v > ' ' && *v != 127 && !strchr("\"'\\`$;#", *v);
        if (!ok)
            return refuse(d, l, "write it as the kernel's bonding documentation does",
                "an option has a character that no option has");
    }
    for (size_t k = 0; k < l->nroutes; k++)
        if (ip_of(l, l->routes[k].to.addr.family)->method == KL_OFF)
            return refuse(d, l, "put the route on a link that has an address of its family",
                "a route of a family that the link does not use");
    bool four = check_ip(l, 4, d), six = check_ip(l, 6, d);
    return four && six;
}

bool kl_intent_renderable(const struct kl_intent *i, const struct kl_release *r, struct kl_diags *d)
{
    (void)r;
    bool ok = true;
    for (size_t k = 0; k < i->nlinks; k++)
        ok &= check_link(&i->links[k], d);
    for (size_t k = 0; k < i->ndns; k++)
        if (!kl_dns_link(i, i->dns[k].family)) {
            char text[KL_ADDR_TEXT];
            kl_diag(d, KL_ERROR, "not-expressible", i->at,
                "take it out, or give a link an address of its family",
                "the name server %s is of a family that no link uses",
                kl_addr_text(&i->dns[k], text));
            ok = false;
        }
    if (i->nsearch && !kl_dns_link(i, 4) && !kl_dns_link(i, 6)) {
        kl_diag(d, KL_ERROR, "not-expressible", i->at, "take it out, or give a link an address",
            "a search list, but no link has an address");
        ok = false;
    }
    bool words = !i->hostname || is_plain(i->hostname);
    for (size_t k = 0; k < i->nsearch; k++)
        words &= is_plain(i->search[k]);
    if (!words)
        kl_diag(d, KL_ERROR, "not-expressible", i->at, NULL,
            "a host or search name holds a character that no name has");
    return ok && words;
}

/* --- rendering ---------------------------------------------------------------------------------*/

void kl_write_file(struct kl_writer *w, const char *path, const char *text, unsigned mode)
{
    w->files = kl_grow(w->a, w->files, w->n, sizeof *w->files);
    w->files[w->n++] = (struct kl_file){path, kl_strdup(w->a, text), mode};
}

/* A hash of the names (FNV-1a, 128 bits), marked as version 8: a UUID that follows no RFC's recipe
 * (RFC 9562 section 5.8). All that matters is that it is another for another link, and the same
 * tomorrow. */
const char *kl_profile_uuid(struct kl_arena *a, const struct kl_intent *i, const char *link)
{
    unsigned __int128 prime = ((unsigned __int128)1 << 88) | 0x13b;
    unsigned __int128 hash = ((unsigned __int128)0x6c62272e07bb0142 << 64) | 0x62b821756295c58d;
    const char *parts[] = {"kickline/", i->hostname ? i->hostname : "", "/", link};
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        for (const char *c = parts[p]; *c; c++) {
            hash ^= (unsigned char)*c;
            hash *= prime;
        }
    uint64_t high = (uint64_t)(hash >> 64), low = (uint64_t)hash;
    high = (high & ~UINT64_C(0xf000)) | 0x8000;
    low = (low & (UINT64_MAX >> 2)) | UINT64_C(1) << 63;
    return kl_sprintf(a, "%08x-%04x-%04x-%04x-%04x%08x", (unsigned)(high >> 32),
        (unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xffff, (unsigned)(low >> 48),
        (unsigned)(low >> 32) & 0xffff, (unsigned)low);
}

static int by_path(const void *x, const void *y)
{
    return strcmp(((const struct kl_file *)x)->path, ((const struct kl_file *)y)->path);
}

bool kl_system_render(struct kl_arena *a, const struct kl_intent *i, const struct kl_release *r,
    struct kl_file **files, size_t *nfiles, struct kl_diags *d)
{
    struct kl_writer w = {.a = a, .i = i, .r = r, .d = d};
    *files = NULL;
    *nfiles = 0;
    if (!kl_intent_renderable(i, r, d))
        return false;
    if (i->hostname)
        kl_write_file(&w, "/etc/hostname", kl_sprintf(a, "%s\n", i->hostname), 0644);
    if (!(r->system == KL_IFCFG ? kl_ifcfg_render(&w) : kl_keyfile_render(&w)))
        return false;
    if (w.n)
        qsort(w.files, w.n, sizeof *w.files, by_path);
    *files = w.files;
    *nfiles = w.n;
    return true;
}

/* --- reading -----------------------------------------------------------------------------------*/

void kl_not_understood(
    struct kl_reader *r, unsigned line, unsigned col, size_t width, const char *fmt, ...)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    va_list ap;
    va_start(ap, fmt);
    kl_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    kl_diag(r->d, KL_NOTE, "not-understood", (struct kl_place){r->file, line, col, (unsigned)width},
        NULL, "%s", kl_buf_text(&b));
}

bool kl_add_address(
    struct kl_arena *a, struct kl_ip *ip, const char *text, int family, uint8_t without_prefix)
{
    struct kl_prefix p = {.len = without_prefix};
    if (strchr(text, '/') ? !kl_prefix_parse(text, &p) : !kl_addr_parse(text, &p.addr))
        return false;
    if (p.addr.family != family)
        return false;
    ip->addresses = kl_grow(a, ip->addresses, ip->naddresses, sizeof *ip->addresses);
    ip->addresses[ip->naddresses++] = p;
    return true;
}

bool kl_add_dns(struct kl_arena *a, struct kl_addr **list, size_t *n, const char *text)
{
    struct kl_addr addr;
    if (!kl_addr_parse(text, &addr))
        return false;
    for (size_t k = 0; k < *n; k++)
        if (kl_addr_eq(&(*list)[k], &addr))
            return true;
    *list = kl_grow(a, *list, *n, sizeof **list);
    (*list)[(*n)++] = addr;
    return true;
}

void kl_add_word(struct kl_arena *a, const char ***list, size_t *n, const char *word)
{
    for (size_t k = 0; k < *n; k++)
        if (strcmp((*list)[k], word) == 0)
            return;
    *list = kl_grow(a, *list, *n, sizeof **list);
    (*list)[(*n)++] = word;
}

static void set_option(struct kl_arena *a, struct kl_link *l, const char *name, const char *value)
{
    for (size_t k = 0; k < l->noptions; k++)
        if (strcmp(l->options[k].name, name) == 0) {
            l->options[k].value = value;
            return;
        }
    l->options = kl_grow(a, l->options, l->noptions, sizeof *l->options);
    l->options[l->noptions++] = (struct kl_option){name, value};
}

bool kl_add_bond_option(struct kl_arena *a, struct kl_link *l, const char *name, const char *value)
{
    if (strcmp(name, "mode") == 0) {
        int mode = kl_bond_mode(value);
        if (mode >= 0)
            l->mode = (uint8_t)mode;
        return mode >= 0;
    }
    const struct kl_bond_option *o = kl_bond_option(name);
    const char *expected, *canonical = o ? kl_bond_value(a, o, value, &expected) : NULL;
    set_option(a, l, name, canonical ? canonical : value);
    return canonical != NULL;
}

void kl_add_bridge_option(
    struct kl_arena *a, struct kl_link *l, const char *name, const char *value)
{
    if (strcmp(name, "stp") == 0) {
        bool on = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 ||
                  strcmp(value, "on") == 0 || strcmp(value, "1") == 0;
        value = on ? "yes" : "no";
    }
    set_option(a, l, name, value);
}

/* A controller or parent is named by interface or by UUID (NetworkManager 1.0 to 1.6 writes the
 * UUID into MASTER: docs/boot-stages.md §4.1). */
static const char *resolve(const struct kl_profile *list, size_t n, const char *name)
{
    for (size_t k = 0; name && k < n; k++)
        if (list[k].link.name && kl_streq(list[k].uuid, name))
            return list[k].link.name;
    return name;
}

static struct kl_link *find_link(struct kl_intent *i, const char *name)
{
    return (struct kl_link *)kl_link_find(i, name);
}

static void join_port(
    struct kl_reader *r, struct kl_intent *i, struct kl_profile *p, const char *controller)
{
    struct kl_link *over = find_link(i, controller);
    if (!over || (over->kind != KL_BOND && over->kind != KL_BRIDGE)) {
        r->file = p->link.at.file;
        kl_not_understood(r, 0, 0, 0, "%s is a port of %s, which no file makes a bond or a bridge",
            p->link.name, controller);
        return;
    }
    kl_add_word(r->a, &over->ports, &over->nports, p->link.name);
}

/* Servers count on a link that uses their family, the search list on one that has an address. */
static void join_servers(
    struct kl_reader *r, struct kl_intent *i, const struct kl_profile *p, int family)
{
    char text[KL_ADDR_TEXT];
    bool used = ip_of(&p->link, family)->method != KL_OFF;
    for (size_t k = 0; k < p->ndns; k++) {
        if (p->dns[k].family != family)
            continue;
        kl_addr_text(&p->dns[k], text);
        r->file = p->link.at.file;
        if (used)
            kl_add_dns(r->a, &i->dns, &i->ndns, text);
        else
            kl_not_understood(r, 0, 0, 0,
                "the name server %s is not used: %s has no address of its family", text,
                p->link.name);
    }
    for (size_t k = 0; used && k < p->nsearch; k++)
        kl_add_word(r->a, &i->search, &i->nsearch, p->search[k]);
}

/* Two profiles for one interface compete at boot (quirk 19). The one that is a port's, or that
 * starts at boot, is taken. */
static bool competes(struct kl_reader *r, struct kl_profile *list, size_t k)
{
    for (size_t o = 0; o < k; o++) {
        struct kl_profile *first = &list[o], *second = &list[k];
        if (!first->link.name || strcmp(first->link.name, second->link.name) != 0)
            continue;
        struct kl_diag *d = kl_diag(r->d, KL_WARNING, "two-profiles", second->link.at,
            "delete one of the two: which one wins is not certain",
            "two profiles for the interface %s", second->link.name);
        d->also = first->link.at;
        d->also_says = "the other one";
        bool better =
            (second->controller && !first->controller) || (second->at_boot && !first->at_boot);
        if (better)
            *first = *second;
        return true;
    }
    return false;
}

struct kl_intent *kl_profiles_join(
    struct kl_reader *r, struct kl_profile *list, size_t n, const char *hostname)
{
    struct kl_intent *i = kl_alloc(r->a, sizeof *i);
    i->hostname = hostname;
    for (size_t k = 0; k < n; k++)
        if (competes(r, list, k))
            list[k].link.name = NULL;
    for (size_t k = 0; k < n; k++) {
        struct kl_profile *p = &list[k];
        if (!p->link.name)
            continue;
        if (!p->at_boot || p->controller)
            p->link.ip4 = p->link.ip6 = (struct kl_ip){0};
        if (p->link.kind == KL_VLAN)
            p->link.parent = resolve(list, n, p->parent);
        i->links = kl_grow(r->a, i->links, i->nlinks, sizeof *i->links);
        i->links[i->nlinks++] = p->link;
    }
    for (size_t k = 0; k < n; k++) {
        struct kl_profile *p = &list[k];
        if (p->link.name && p->controller)
            join_port(r, i, p, resolve(list, n, p->controller));
    }
    for (int family = 4; family <= 6; family += 2)
        for (size_t k = 0; k < n; k++)
            if (list[k].link.name)
                join_servers(r, i, &list[k], family);
    kl_intent_sort(i);
    return i;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *first_line(struct kl_arena *a, const char *text)
{
    size_t n = strcspn(text, " \t\r\n");
    return n ? kl_strndup(a, text, n) : NULL;
}

static void read_routes(
    struct kl_reader *r, const struct kl_file *f, struct kl_profile *list, size_t n)
{
    const char *base = base_name(f->path);
    const char *link = strchr(base, '-') + 1;
    for (size_t k = 0; k < n; k++)
        if (strcmp(list[k].link.name, link) == 0) {
            kl_ifcfg_routes(r, f->text, &list[k].link);
            return;
        }
    kl_not_understood(r, 0, 0, 0, "routes of %s, which no ifcfg file describes", link);
}

/* Places name the file by a copy in the arena: an intent outlives the diagnostics. */
static const char *begin(struct kl_reader *r, const struct kl_file *f)
{
    kl_diags_source(r->d, f->path, f->text, strlen(f->text));
    return kl_strdup(r->a, f->path);
}

enum file_kind { OTHER, HOSTNAME, KEYFILE, IFCFG, ROUTE4, ROUTE6 };

/* By directory, where it is one that has files of one kind, else by name: an interface may be
 * called route-x, or y.nmconnection. */
static enum file_kind kind_of(const char *path)
{
    const char *base = base_name(path);
    if (strstr(path, "/system-connections/"))
        return KEYFILE;
    if (!strstr(path, "/network-scripts/") && kl_ends(path, ".nmconnection"))
        return KEYFILE;
    return strcmp(base, "hostname") == 0 ? HOSTNAME
           : kl_starts(base, "ifcfg-")   ? IFCFG
           : kl_starts(base, "route-")   ? ROUTE4
           : kl_starts(base, "route6-")  ? ROUTE6
                                         : OTHER;
}

struct kl_intent *kl_system_parse(struct kl_arena *a, const struct kl_file *files, size_t nfiles,
    const struct kl_release *rel, struct kl_diags *d)
{
    (void)rel; /* the newest NetworkManager of EL9 still reads ifcfg files: the names decide */
    struct kl_reader r = {.a = a, .d = d};
    struct kl_profile *list = NULL, p;
    const char *hostname = NULL;
    size_t n = 0;
    for (size_t k = 0; k < nfiles; k++) {
        enum file_kind kind = kind_of(files[k].path);
        if (kind == ROUTE4 || kind == ROUTE6)
            continue; /* once all links are known */
        r.file = begin(&r, &files[k]);
        if (kind == HOSTNAME)
            hostname = first_line(a, files[k].text);
        else if (kind == OTHER)
            kl_not_understood(&r, 0, 0, 0, "no file of NetworkManager's or initscripts'");
        else if ((kind == IFCFG ? kl_ifcfg_read : kl_keyfile_read)(&r, files[k].text, &p)) {
            list = kl_grow(a, list, n, sizeof *list);
            list[n++] = p;
        }
    }
    for (enum file_kind kind = ROUTE4; kind <= ROUTE6; kind++) /* IPv4's first, as in keyfiles */
        for (size_t k = 0; k < nfiles; k++)
            if (kind_of(files[k].path) == kind) {
                r.file = begin(&r, &files[k]);
                read_routes(&r, &files[k], list, n);
            }
    return kl_profiles_join(&r, list, n, hostname);
}
