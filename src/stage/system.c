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
    bool ok = true;
    if (!kl_release_installs(r)) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        kl_diag(d, KL_ERROR, "release-not-installed", i->at, "install EL7 or later",
            "%s can be checked, not installed by Kickline", kl_release_name(a, r));
        return false;
    }
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
