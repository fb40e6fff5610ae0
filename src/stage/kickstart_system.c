/* What a kickstart's scripts make of the installed system's network.
 *
 * anaconda writes files for the network commands; %post then adds, replaces, appends and removes.
 * What is there in the end is read as one system. anaconda's files are taken to be the reference
 * files of the same network (system.c), found under anaconda's names for the ports of bonds and
 * bridges too. When one change to a profile is not certain there is no telling, and nothing is
 * said.
 */
#include "stage/kickstart.h"
#include "stage/script.h"
#include "stage/system.h"

#include <fnmatch.h>
#include <string.h>

struct piece {
    struct kl_system_file f;
    const char *link; /* anaconda's file for it; NULL: a script's */
    bool whole, gone; /* whole: it begins the file anew */
};

struct system {
    struct kl_arena *a;
    const struct kl_kickstart *k;
    const struct kl_release *r;
    struct kl_diags *d;
    struct piece *list;
    size_t n;
    bool based; /* anaconda's files are known */
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "eth0" of ifcfg-eth0 and eth0.nmconnection. */
static const char *named_for(struct kl_arena *a, const char *path)
{
    const char *base = base_name(path);
    if (kl_starts(base, "ifcfg-"))
        return base + strlen("ifcfg-");
    size_t len = strlen(base) - (kl_ends(base, ".nmconnection") ? strlen(".nmconnection") : 0);
    return kl_strndup(a, base, len);
}

/* --- anaconda's names --------------------------------------------------------------------------*/

static const char *value_of(const struct kl_ks_command *c, const char *option)
{
    bool takes;
    for (size_t k = 0; k < c->n; k++) {
        const char *s = c->args[k].text;
        size_t len = strcspn(s, "=");
        if (!kl_streq(kl_ks_net_option(s, len, &takes), option))
            continue;
        return s[len] ? s + len + 1 : k + 1 < c->n ? c->args[k + 1].text : NULL;
    }
    return NULL;
}

/* The port that anaconda's profile BOND_slave_N is for: the Nth of the list, as it was written
 * (anaconda, network.py and nm_client.py). NULL: it is no such name. */
static const char *port_of(const struct system *s, const char *name)
{
    static const char *const lists[] = {"--bondslaves", "--bridgeslaves"};
    const char *mark = strstr(name, "_slave_");
    unsigned long want;
    if (!mark || !kl_number(mark + strlen("_slave_"), 4096, &want) || !want)
        return NULL;
    for (size_t c = 0; c < s->k->ncommands; c++) {
        const struct kl_ks_command *command = &s->k->commands[c];
        const char *device = NULL, *ports = NULL;
        if (strcmp(command->name, "network") == 0)
            device = value_of(command, "--device");
        if (!device || strlen(device) != (size_t)(mark - name) ||
            strncmp(device, name, strlen(device)) != 0)
            continue;
        for (int l = 0; l < 2 && !ports; l++)
            ports = value_of(command, lists[l]);
        for (unsigned long k = 1; ports && k < want; k++)
            ports = strchr(ports, ',') ? strchr(ports, ',') + 1 : NULL;
        if (ports && *ports)
            return kl_strndup(s->a, ports, strcspn(ports, ","));
    }
    return NULL;
}

/* Is this piece of the file that a script names? `port`: whose it is by that name. */
static bool same_file(const struct piece *p, const char *path, const char *port)
{
    return strcmp(p->f.path, path) == 0 || (port && kl_streq(port, p->link));
}

/* --- anaconda's files --------------------------------------------------------------------------*/

/* Whose names are those of interfaces. */
static bool names_known(const struct kl_intent *i)
{
    struct kl_mac mac;
    for (size_t k = 0; k < i->nlinks; k++) {
        const char *name = i->links[k].name;
        if (strcmp(name, "link") == 0 || strcmp(name, "bootif") == 0 || kl_mac_parse(name, &mac))
            return false;
    }
    return true;
}

static void add(struct system *s, const struct piece *p)
{
    s->list = kl_grow(s->a, s->list, s->n, sizeof *s->list);
    s->list[s->n++] = *p;
}

static void add_base(struct system *s)
{
    struct kl_diags *aside KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_file *files;
    size_t n;
    s->based = s->k->network->nlinks == 0;
    if (s->based || !names_known(s->k->network) ||
        !kl_system_render(s->a, s->k->network, s->r, &files, &n, aside))
        return;
    s->based = true;
    for (size_t k = 0; k < n; k++) {
        const char *link = named_for(s->a, files[k].path);
        struct piece p = {.f = {.path = files[k].path,
                              .text = files[k].text,
                              .file = s->k->file,
                              .at = kl_intent_said(s->k->network, link, "kind")},
            .link = link,
            .whole = true};
        add(s, &p);
    }
}

/* --- changes -----------------------------------------------------------------------------------*/

static bool is_hostname(const char *path)
{
    return strcmp(path, "/etc/hostname") == 0;
}

static void not_certain(struct system *s, const struct kl_script_file *f, const char *why)
{
    kl_diag(s->d, KL_NOTE, "not-understood", f->w.at, NULL,
        "what becomes of %s is not known, nor what the installed system's network is: %s",
        f->w.path, why);
}

static void drop(struct system *s, const char *path, bool pattern)
{
    const char *port = port_of(s, named_for(s->a, path));
    for (size_t k = 0; k < s->n; k++)
        s->list[k].gone |= same_file(&s->list[k], path, port) ||
                           (pattern && fnmatch(path, s->list[k].f.path, FNM_PATHNAME) == 0);
}

static bool append(struct system *s, const struct kl_script_file *f, struct piece *p)
{
    const char *port = port_of(s, named_for(s->a, p->f.path));
    for (size_t k = 0; k < s->n; k++) {
        if (s->list[k].gone || !same_file(&s->list[k], p->f.path, port))
            continue;
        p->f.path = s->list[k].f.path;
        add(s, p);
        return true;
    }
    not_certain(s, f, "what it is appended to is not at hand");
    return false;
}

/* What one command of a script does; false when that cannot be told. */
static bool change(struct system *s, const struct kl_script_file *f)
{
    const struct kl_ks_written *w = &f->w;
    struct piece p = {.f = {.path = w->path,
                          .text = w->text,
                          .file = w->at.file,
                          .line = w->text_line,
                          .col = w->text_col + 1},
        .whole = !w->appends};
    if (!w->text_line)
        p.f.at = w->at;
    if (!w->certain) {
        not_certain(s, f,
            f->unread ? "the way it is changed is not read" : "the script decides it as it runs");
        return false;
    }
    if (w->appends && !f->removes)
        return append(s, f, &p);
    drop(s, w->path, f->removes);
    if (!f->removes)
        add(s, &p);
    return true;
}

/* A script's own file for an interface takes the place of anaconda's, whatever its name. */
static void replace(struct system *s)
{
    struct kl_diags *aside KL_DIAGS_SCOPE = kl_diags_new();
    for (size_t k = 0; k < s->n; k++) {
        const struct piece *p = &s->list[k];
        if (p->link || p->gone || !p->whole || is_hostname(p->f.path))
            continue;
        const struct kl_intent *i = kl_system_read(s->a, &p->f, 1, s->r, aside);
        for (size_t l = 0; l < i->nlinks; l++)
            for (size_t b = 0; b < s->n; b++)
                s->list[b].gone |= kl_streq(s->list[b].link, i->links[l].name) &&
                                   (kl_starts(base_name(s->list[b].f.path), "ifcfg-") ||
                                       strstr(s->list[b].f.path, "/system-connections/"));
    }
}

struct kl_intent *kl_ks_system(struct kl_arena *a, const struct kl_kickstart *k,
    const struct kl_script_file *written, size_t n, const struct kl_release *r, struct kl_diags *d)
{
    struct system s = {.a = a, .k = k, .r = r, .d = d};
    bool any = false;
    for (size_t f = 0; f < n; f++)
        any |= written[f].installed && !written[f].removes &&
               (kl_is_profile_path(written[f].w.path) ||
                   (is_hostname(written[f].w.path) && written[f].w.certain));
    if (!any)
        return NULL;
    add_base(&s);
    for (size_t f = 0; f < n; f++) {
        const char *path = written[f].w.path;
        if (!written[f].installed)
            continue;
        if (is_hostname(path) && !written[f].w.certain)
            drop(&s, path, false);
        else if ((is_hostname(path) || kl_is_profile_path(path)) && !change(&s, &written[f]))
            return NULL;
    }
    replace(&s);
    struct kl_system_file *files = kl_alloc(a, (s.n + 1) * sizeof *files);
    size_t left = 0;
    for (size_t p = 0; p < s.n; p++)
        if (!s.list[p].gone)
            files[left++] = s.list[p].f;
    struct kl_intent *i = kl_system_read(a, files, left, r, d);
    i->install = k->network->install;
    return i;
}
