/* The installed system's files, read: places, and how profiles become one intent. */
#include "base/names.h"
#include "stage/system.h"

#include <stdlib.h>
#include <string.h>

/* --- places ---------------------------------------------------------------------------*/

bool kl_next_line(struct kl_lines *l, struct kl_line *out)
{
    while (l->part && l->p && !*l->p)
        *l = (struct kl_lines){.part = l->part->next};
    while (l->part && !l->p) {
        l->p = l->part->file->text;
        if (!*l->p)
            *l = (struct kl_lines){.part = l->part->next};
    }
    if (!l->part)
        return false;
    const struct kl_system_file *f = l->part->file;
    size_t n = strcspn(l->p, "\n");
    *out = (struct kl_line){.text = l->p, .len = n, .at = f->at, .whole = f->at.file != NULL};
    if (n && l->p[n - 1] == '\r')
        out->len--;
    if (!out->whole)
        out->at = (struct kl_place){
            f->file, f->line + l->n, l->n || !f->col ? 1 : f->col, (unsigned)out->len};
    l->n++;
    l->p += n + (l->p[n] != '\0');
    return true;
}

struct kl_place kl_line_place(const struct kl_line *l, const char *from, size_t len)
{
    struct kl_place at = l->at;
    if (l->whole)
        return at;
    at.col += (unsigned)(from - l->text);
    at.width = (unsigned)len;
    return at;
}

void kl_system_note(struct kl_reader *r, struct kl_place at, const char *fmt, ...)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    va_list ap;
    va_start(ap, fmt);
    kl_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    kl_diag(r->d, KL_NOTE, "not-understood", at, NULL, "%s", kl_buf_text(&b));
}

void kl_profile_say(
    struct kl_reader *r, struct kl_profile *p, const char *field, struct kl_place at)
{
    p->said = kl_grow(r->a, p->said, p->nsaid, sizeof *p->said);
    p->said[p->nsaid++] = (struct kl_said){NULL, field, at};
}

/* Where a profile says a field; else where it names its interface. */
static struct kl_place said_at(const struct kl_profile *p, const char *field)
{
    for (size_t k = p->nsaid; k-- > 0;)
        if (strcmp(p->said[k].field, field) == 0)
            return p->said[k].at;
    return p->link.at;
}

static const struct kl_ip *ip_of(const struct kl_link *l, int family)
{
    return family == 4 ? &l->ip4 : &l->ip6;
}

/* --- values ---------------------------------------------------------------------------*/

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

/* --- profiles become one intent -------------------------------------------------------*/

struct join {
    struct kl_reader *r;
    struct kl_intent *i;
    struct kl_profile *list;
    size_t n;
    struct kl_names *uuids, *links; /* to profiles; to links of the intent */
};

/* A controller or parent is named by interface or by UUID (NetworkManager 1.0 to 1.6 writes the
 * UUID into MASTER: docs/boot-stages.md §4.1). */
static const char *resolve(const struct join *j, const char *name)
{
    const struct kl_profile *p = name ? kl_names_get(j->uuids, name) : NULL;
    return p && p->link.name ? p->link.name : name;
}

static const char *controller_of(const struct join *j, const struct kl_profile *p)
{
    const struct kl_profile *by_uuid =
        p->controller_uuid ? kl_names_get(j->uuids, p->controller_uuid) : NULL;
    if (by_uuid && by_uuid->link.name)
        return by_uuid->link.name;
    return resolve(j, p->controller ? p->controller : p->controller_uuid);
}

static struct kl_link *find_link(const struct join *j, const char *name)
{
    const char *index = kl_names_get(j->links, name); /* counted from 1, as an offset */
    return index ? &j->i->links[(size_t)(index - (const char *)j->list) - 1] : NULL;
}

static void join_port(struct join *j, struct kl_profile *p, const char *controller)
{
    struct kl_link *over = find_link(j, controller);
    struct kl_place at = said_at(p, "ports");
    if (!over || (over->kind != KL_BOND && over->kind != KL_BRIDGE)) {
        kl_system_note(j->r, at, "%s is a port of %s, which no file makes a bond or a bridge",
            p->link.name, controller);
        return;
    }
    over->ports = kl_grow(j->r->a, over->ports, over->nports, sizeof *over->ports);
    over->ports[over->nports++] = p->link.name;
    kl_intent_say(j->r->a, j->i, over->name, "ports", at);
}

/* Servers count on a link that uses their family, the search list on one that has an address. */
static void join_servers(struct join *j, const struct kl_profile *p, int family)
{
    char text[KL_ADDR_TEXT];
    bool used = ip_of(&p->link, family)->method != KL_OFF;
    for (size_t k = 0; k < p->ndns; k++) {
        if (p->dns[k].family != family)
            continue;
        kl_addr_text(&p->dns[k], text);
        if (used) {
            kl_add_dns(j->r->a, &j->i->dns, &j->i->ndns, text);
            kl_intent_say(j->r->a, j->i, NULL, "dns", said_at(p, "dns"));
        } else {
            kl_system_note(j->r, said_at(p, "dns"),
                "the name server %s is not used: %s has no address of its family", text,
                p->link.name);
        }
    }
    for (size_t k = 0; used && k < p->nsearch; k++) {
        kl_add_word(j->r->a, &j->i->search, &j->i->nsearch, p->search[k]);
        kl_intent_say(j->r->a, j->i, NULL, "search", said_at(p, "search"));
    }
}

/* Two profiles for one interface compete at boot (quirk 19), unless only one starts then, or one
 * goes before the other. The one that is a port's, or that starts at boot, is taken. */
static void compete(struct join *j, struct kl_profile *first, struct kl_profile *second)
{
    if (first->at_boot && second->at_boot && first->priority == second->priority) {
        struct kl_diag *d = kl_diag(j->r->d, KL_WARNING, "two-profiles", second->link.at,
            "delete one of the two: which one wins is not certain",
            "two profiles for the interface %s", second->link.name);
        kl_diag_also(j->r->d, d, first->link.at, "the other one");
    } else {
        kl_system_note(
            j->r, second->link.at, "a second profile for the interface %s", second->link.name);
    }
    bool better = second->at_boot != first->at_boot     ? second->at_boot
                  : second->priority != first->priority ? second->priority > first->priority
                                                        : second->controller && !first->controller;
    if (better)
        *first = *second;
    second->link.name = NULL;
}

/* NetworkManager names a VLAN after its parent when its profile does not. */
static void name_vlan(struct join *j, struct kl_profile *p)
{
    const char *parent = resolve(j, p->parent);
    if (p->link.kind == KL_VLAN && !p->link.name && parent)
        p->link.name = kl_sprintf(j->r->a, "%s.%u", parent, p->link.vlan);
}

static void take_uuids(struct join *j)
{
    for (size_t k = 0; k < j->n; k++)
        if (j->list[k].uuid)
            *kl_names_slot(j->uuids, j->list[k].uuid) = &j->list[k];
}

static void one_of_each(struct join *j)
{
    struct kl_names names KL_NAMES_SCOPE = {0};
    for (size_t k = 0; k < j->n; k++) {
        struct kl_profile *p = &j->list[k];
        name_vlan(j, p);
        if (!p->link.name || p->alias)
            continue;
        const void **slot = kl_names_slot(&names, p->link.name);
        if (*slot)
            compete(j, &j->list[(const struct kl_profile *)*slot - j->list], p);
        else
            *slot = p;
    }
}

static void add_link(struct join *j, struct kl_profile *p)
{
    if (!p->at_boot || p->controller || p->controller_uuid)
        p->link.ip4 = p->link.ip6 = (struct kl_ip){0};
    if (p->link.kind == KL_VLAN)
        p->link.parent = resolve(j, p->parent);
    j->i->links = kl_grow(j->r->a, j->i->links, j->i->nlinks, sizeof *j->i->links);
    j->i->links[j->i->nlinks++] = p->link;
    *kl_names_slot(j->links, p->link.name) = (const char *)j->list + j->i->nlinks;
    for (size_t k = 0; k < p->nsaid; k++)
        if (strcmp(p->said[k].field, "dns") != 0 && strcmp(p->said[k].field, "search") != 0 &&
            strcmp(p->said[k].field, "ports") != 0)
            kl_intent_say(j->r->a, j->i, p->link.name, p->said[k].field, p->said[k].at);
}

/* ifcfg-eth0:1 */
static void join_alias(struct join *j, const struct kl_profile *p)
{
    const char *base = kl_strndup(j->r->a, p->link.name, strcspn(p->link.name, ":"));
    struct kl_link *l = find_link(j, base);
    if (!l || l->ip4.method == KL_OFF) {
        kl_system_note(j->r, p->link.at, "more addresses for %s, which has none", base);
        return;
    }
    char text[KL_PREFIX_TEXT];
    for (size_t k = 0; p->at_boot && k < p->link.ip4.naddresses; k++)
        kl_add_address(j->r->a, &l->ip4, kl_prefix_text(&p->link.ip4.addresses[k], text), 4, 32);
}

struct kl_intent *kl_profiles_join(struct kl_reader *r, struct kl_profile *list, size_t n)
{
    struct kl_names uuids KL_NAMES_SCOPE = {0}, links KL_NAMES_SCOPE = {0};
    struct join j = {r, kl_alloc(r->a, sizeof *j.i), list, n, &uuids, &links};
    take_uuids(&j);
    one_of_each(&j);
    for (size_t k = 0; k < n; k++)
        if (list[k].link.name && !list[k].alias)
            add_link(&j, &list[k]);
    for (size_t k = 0; k < n; k++) {
        struct kl_profile *p = &list[k];
        if (p->link.name && p->alias)
            join_alias(&j, p);
        else if (p->link.name && (p->controller || p->controller_uuid))
            join_port(&j, p, controller_of(&j, p));
    }
    for (int family = 4; family <= 6; family += 2)
        for (size_t k = 0; k < n; k++)
            if (list[k].link.name)
                join_servers(&j, &list[k], family);
    kl_intent_sort(j.i);
    return j.i;
}

/* --- files ----------------------------------------------------------------------------*/

enum file_kind { OTHER, HOSTNAME, HOST, RESOLV, KEYFILE, IFCFG, ROUTE4, ROUTE6, LEFT };

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What editors and package managers leave behind: neither initscripts nor NetworkManager read it
 * (initscripts, network-functions: __sed_discard_ignored_files). */
static bool is_left_over(const char *base)
{
    static const char *const ends[] = {
        "~", ".bak", ".old", ".orig", ".rpmnew", ".rpmorig", ".rpmsave", ".swp", NULL};
    for (const char *const *e = ends; *e; e++)
        if (kl_ends(base, *e))
            return true;
    return false;
}

static bool has_line(const char *text, const char *const *beginnings)
{
    while (text) {
        text += strspn(text, " \t\r\n");
        for (const char *const *b = beginnings; *b; b++)
            if (kl_starts(text, *b))
                return true;
        text = strchr(text, '\n');
    }
    return false;
}

/* By directory, where it is one that has files of one kind, else by name: an interface may be
 * called route-x, or y.nmconnection. A name that says nothing leaves it to the text. */
static enum file_kind kind_of(const char *path, const char *text)
{
    static const char *const keyfile[] = {"[connection]", NULL};
    static const char *const ifcfg[] = {"DEVICE=", "BOOTPROTO=", "ONBOOT=", NULL};
    const char *base = base_name(path);
    if (is_left_over(base))
        return LEFT;
    if (strstr(path, "/system-connections/"))
        return KEYFILE;
    if (!strstr(path, "/network-scripts/") && kl_ends(path, ".nmconnection"))
        return KEYFILE;
    if (kl_ends(path, "/sysconfig/network"))
        return HOST;
    return strcmp(base, "hostname") == 0      ? HOSTNAME
           : strcmp(base, "resolv.conf") == 0 ? RESOLV
           : kl_starts(base, "ifcfg-")        ? IFCFG
           : kl_starts(base, "route-")        ? ROUTE4
           : kl_starts(base, "route6-")       ? ROUTE6
           : has_line(text, keyfile)          ? KEYFILE
           : has_line(text, ifcfg)            ? IFCFG
                                              : OTHER;
}

struct one_file {
    enum file_kind kind;
    struct kl_text text, *last;
};

struct host {
    const char *hostname;
    struct kl_place hostname_at;
    struct kl_ifcfg_host more;
    struct kl_addr *dns;
    size_t ndns;
    const char **search;
    size_t nsearch;
    struct kl_place dns_at, search_at;
};

/* Places name the source by a copy in the arena: an intent outlives the diagnostics. */
static void begin(struct kl_reader *r, const struct one_file *f)
{
    const struct kl_system_file *first = f->text.file;
    r->path = first->path;
    r->at = first->at.file ? first->at
                           : (struct kl_place){first->file, first->line > 1 ? first->line : 0,
                                 first->line > 1, 0};
}

static void read_hostname(const struct kl_text *text, struct kl_reader *r, struct host *h)
{
    struct kl_lines lines = {.part = text};
    struct kl_line l;
    while (kl_next_line(&lines, &l)) {
        size_t blank = strspn(l.text, " \t"), n;
        if (blank >= l.len || l.text[blank] == '#')
            continue;
        n = strcspn(l.text + blank, " \t\r\n");
        h->hostname = kl_strndup(r->a, l.text + blank, n);
        h->hostname_at = kl_line_place(&l, l.text + blank, n);
        return;
    }
}

static void read_resolv(const struct kl_text *text, struct kl_reader *r, struct host *h)
{
    struct kl_lines lines = {.part = text};
    struct kl_line l;
    while (kl_next_line(&lines, &l)) {
        char *copy = kl_strndup(r->a, l.text, l.len), *rest = copy, *word;
        char *key = strsep(&rest, " \t");
        bool server = strcmp(key, "nameserver") == 0;
        if (!server && strcmp(key, "search") != 0 && strcmp(key, "domain") != 0)
            continue;
        *(server ? &h->dns_at : &h->search_at) = l.at;
        while ((word = strsep(&rest, " \t"))) {
            if (*word && server && !kl_add_dns(r->a, &h->dns, &h->ndns, word))
                kl_system_note(r, l.at, "'%s' is not an address", word);
            else if (*word && !server)
                kl_add_word(r->a, &h->search, &h->nsearch, word);
            if (server)
                break;
        }
    }
}

static void read_routes(
    struct kl_reader *r, const struct kl_text *text, struct kl_profile *list, size_t n)
{
    const char *base = base_name(r->path);
    const char *link = strchr(base, '-') + 1;
    for (size_t k = 0; k < n; k++)
        if (kl_streq(list[k].link.name, link)) {
            kl_ifcfg_routes(r, text, &list[k]);
            return;
        }
    kl_system_note(r, r->at, "routes of %s, which no ifcfg file describes", link);
}

/* GATEWAY and IPV6_DEFAULTGW of /etc/sysconfig/network: for the link that has it on its network,
 * and none of its own. */
static void host_gateway(struct kl_reader *r, struct kl_intent *i, const char *text,
    const char *device, struct kl_place at, int family)
{
    struct kl_addr via;
    if (!text)
        return;
    if (!kl_addr_parse(kl_strndup(r->a, text, strcspn(text, "%")), &via) || via.family != family) {
        kl_system_note(r, at, "'%s' is not an IPv%d address", text, family);
        return;
    }
    for (size_t k = 0; k < i->nlinks; k++) {
        struct kl_link *l = &i->links[k];
        struct kl_ip *ip = family == 4 ? &l->ip4 : &l->ip6;
        bool here = device && strcmp(l->name, device) == 0;
        for (size_t n = 0; !device && n < ip->naddresses; n++)
            here |= kl_prefix_has(&ip->addresses[n], &via);
        if (!here || ip->method != KL_STATIC || ip->gateway == KL_GATEWAY_EXPLICIT)
            continue;
        ip->gateway = KL_GATEWAY_EXPLICIT;
        ip->nexthop = via;
        kl_intent_say(r->a, i, l->name, family == 4 ? "gateway4" : "gateway6", at);
        return;
    }
}

/* What files of the host as a whole add. resolv.conf counts where no profile has name servers: then
 * nobody writes it. */
static void add_host(struct kl_reader *r, struct kl_intent *i, const struct host *h)
{
    const struct kl_ifcfg_host *m = &h->more;
    i->hostname = h->hostname ? h->hostname : m->hostname;
    if (i->hostname)
        kl_intent_say(r->a, i, NULL, "hostname", h->hostname ? h->hostname_at : m->hostname_at);
    host_gateway(r, i, m->gateway, m->gateway_device, m->gateway_at, 4);
    host_gateway(r, i, m->gateway6, m->gateway6_device, m->gateway6_at, 6);
    if (!i->ndns && h->ndns) {
        i->dns = h->dns;
        i->ndns = h->ndns;
        kl_intent_say(r->a, i, NULL, "dns", h->dns_at);
    }
    if (!i->nsearch && h->nsearch) {
        i->search = h->search;
        i->nsearch = h->nsearch;
        kl_intent_say(r->a, i, NULL, "search", h->search_at);
    }
}

/* NetworkManager of EL10 is built without its ifcfg-rh plugin (docs/boot-stages.md §0). */
static void check_readable(struct kl_reader *r, const struct one_file *files, size_t n)
{
    const struct one_file *first = NULL;
    for (size_t k = 0; k < n && !first; k++)
        if (files[k].kind == IFCFG)
            first = &files[k];
    if (!first || !r->release || r->release->el < 10)
        return;
    begin(r, first);
    struct kl_diag *one = kl_diag(r->d, KL_WARNING, "ifcfg-unread", r->at,
        "write a keyfile, /etc/NetworkManager/system-connections/NAME.nmconnection, mode 0600",
        "nothing in %s reads ifcfg files", kl_release_name(r->a, r->release));
    kl_diag_effect(r->d, one, "system: is configured as if this file were not there");
}

/* Files by path, each with its parts in order. */
static size_t group(
    struct kl_arena *a, const struct kl_system_file *files, size_t n, struct one_file **out)
{
    struct kl_names paths KL_NAMES_SCOPE = {0};
    struct one_file *list = kl_alloc(a, (n + 1) * sizeof *list);
    size_t count = 0;
    for (size_t k = 0; k < n; k++) {
        const void **slot = kl_names_slot(&paths, files[k].path);
        struct one_file *f = *slot ? &list[(const struct one_file *)*slot - list] : &list[count];
        if (!*slot) {
            *f = (struct one_file){
                .kind = kind_of(files[k].path, files[k].text), .text = {&files[k], NULL}};
            f->last = &f->text;
            *slot = f;
            count++;
            continue;
        }
        struct kl_text *next = kl_alloc(a, sizeof *next);
        next->file = &files[k];
        f->last->next = next;
        f->last = next;
    }
    *out = list;
    return count;
}

static void read_other(struct kl_reader *r, const struct one_file *f, struct host *h)
{
    if (f->kind == HOSTNAME)
        read_hostname(&f->text, r, h);
    else if (f->kind == HOST)
        kl_ifcfg_host_read(r, &f->text, &h->more);
    else if (f->kind == RESOLV)
        read_resolv(&f->text, r, h);
    else if (f->kind == LEFT)
        kl_system_note(r, r->at, "%s: a file of this name is not read by anything", r->path);
    else
        kl_system_note(r, r->at, "%s: no file of NetworkManager's or initscripts'", r->path);
}

static void know_sources(const struct kl_system_file *files, size_t n, struct kl_diags *d)
{
    for (size_t k = 0; k < n; k++)
        if (files[k].line == 1 && files[k].col <= 1 && !files[k].at.file &&
            !kl_diags_knows(d, files[k].file))
            kl_diags_source(d, files[k].file, files[k].text, strlen(files[k].text));
}

struct kl_intent *kl_system_read(struct kl_arena *a, const struct kl_system_file *files, size_t n,
    const struct kl_release *rel, struct kl_diags *d)
{
    struct kl_reader r = {.a = a, .d = d, .release = rel};
    struct kl_profile *list = NULL, p;
    struct host host = {0};
    struct one_file *each;
    size_t nlist = 0, count = group(a, files, n, &each);
    know_sources(files, n, d);
    for (size_t k = 0; k < count; k++) {
        begin(&r, &each[k]);
        if (each[k].kind == ROUTE4 || each[k].kind == ROUTE6)
            continue; /* once all links are known */
        if (each[k].kind != IFCFG && each[k].kind != KEYFILE) {
            read_other(&r, &each[k], &host);
        } else if ((each[k].kind == IFCFG ? kl_ifcfg_read : kl_keyfile_read)(
                       &r, &each[k].text, &p)) {
            list = kl_grow(a, list, nlist, sizeof *list);
            list[nlist++] = p;
        }
    }
    for (enum file_kind kind = ROUTE4; kind <= ROUTE6; kind++) /* IPv4's first, as in keyfiles */
        for (size_t k = 0; k < count; k++)
            if (each[k].kind == kind) {
                begin(&r, &each[k]);
                read_routes(&r, &each[k].text, list, nlist);
            }
    check_readable(&r, each, count);
    struct kl_intent *i = kl_profiles_join(&r, list, nlist);
    add_host(&r, i, &host);
    return i;
}

struct kl_intent *kl_system_parse(struct kl_arena *a, const struct kl_file *files, size_t nfiles,
    const struct kl_release *rel, struct kl_diags *d)
{
    struct kl_system_file *list = kl_alloc(a, (nfiles + 1) * sizeof *list);
    for (size_t k = 0; k < nfiles; k++)
        list[k] = (struct kl_system_file){.path = files[k].path,
            .text = files[k].text,
            .file = kl_strdup(a, files[k].path),
            .line = 1,
            .col = 1};
    return kl_system_read(a, list, nfiles, rel, d);
}
