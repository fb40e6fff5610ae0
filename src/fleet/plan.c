/* The one place where a host, a release and this server's address meet. Each stage gets its text
 * from its own renderer; nothing here knows a stage's language. */
#include "fleet/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_KICKSTART = 4 << 20 };

/* The server's address that this host can use: of the family that its install speaks. */
static const struct kl_addr *server_address(const struct kl_fleet *f, const struct kl_host *h)
{
    const struct kl_link *l = kl_link_find(h->intent, h->intent->install);
    uint8_t only = h->intent->install_family;
    for (int family = 6; family >= 4; family -= 2) {
        if (!l || !kl_link_speaks(l, family) || (only && only != family))
            continue;
        for (size_t i = 0; i < f->server.naddresses; i++)
            if (f->server.addresses[i].family == family)
                return &f->server.addresses[i];
    }
    return NULL;
}

const char *kl_plan_base_url(struct kl_arena *a, const struct kl_fleet *f, const struct kl_host *h)
{
    const struct kl_addr *addr = server_address(f, h);
    char text[KL_ADDR_TEXT];
    if (!addr)
        return NULL;
    kl_addr_text(addr, text);
    const char *host = addr->family == 6 ? kl_sprintf(a, "[%s]", text) : text;
    if (f->server.http_port == 80)
        return kl_sprintf(a, "http://%s", host);
    return kl_sprintf(a, "http://%s:%u", host, f->server.http_port);
}

const char *kl_tree_name(const struct kl_fleet *f, const struct kl_settings *s)
{
    const char *tree = s->tree, *trees = f->server.trees;
    if (!tree || tree[0] != '/')
        return tree;
    size_t n = trees ? strlen(trees) : 0;
    return n && strncmp(tree, trees, n) == 0 && tree[n] == '/' ? tree + n + 1 : NULL;
}

/* Where the tree's files lie on this server: "/trees/NAME", or, with the profile's patches in them,
 * "/patched/PROFILE/NAME"; NULL when it is not one of ours. */
static const char *tree_path(
    struct kl_arena *a, const struct kl_fleet *f, const struct kl_settings *s)
{
    const char *name = kl_tree_name(f, s);
    if (!name)
        return NULL;
    if (s->patch)
        return kl_sprintf(a, KL_PATH_PATCHED "%s/%s", s->patch->profile, name);
    return kl_sprintf(a, KL_PATH_TREES "%s", name);
}

struct planner {
    struct kl_arena *a;
    const struct kl_fleet *f;
    const struct kl_host *h;
    struct kl_diags *d;
    const char *base, *tree; /* URL of this server; path of the tree on it, or NULL */
    struct kl_plan *out;
};

/* Hands the buffer's text to the arena, or NULL when the renderer refused. */
static const char *keep(struct planner *p, bool ok, const struct kl_buf *b)
{
    return ok ? kl_strndup(p->a, kl_buf_text(b), b->len) : NULL;
}

static const char *host_url(struct planner *p, const char *name)
{
    return kl_sprintf(p->a, "%s" KL_PATH_HOST "%s/%s", p->base, p->h->name, name);
}

static void say_install(struct planner *p)
{
    const struct kl_settings *s = p->h->set;
    const char *tree = p->tree ? kl_sprintf(p->a, "%s%s", p->base, p->tree) : NULL;
    bool patched = s->patch && s->patch->nstage2;
    p->out->install = (struct kl_install){
        .kickstart = host_url(p, "ks.cfg"),
        .repo = s->repo ? s->repo : tree,
        /* packages from elsewhere, and the patched image all the same */
        .stage2 = s->stage2 || !s->repo || !patched ? s->stage2 : tree,
        .syslog = s->syslog,
        .sshd = s->sshd,
        .console = s->console,
        .nconsole = s->nconsole,
        .extra = s->kernel_args,
        .nextra = s->nkernel_args,
    };
}

static const char *render_cmdline(struct planner *p, const struct kl_install *what)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    return keep(p, kl_cmdline_render(p->h->intent, p->out->release, what, &b, p->d), &b);
}

/* The rescue entry: the same network, inst.rescue (docs/boot-stages.md §2.1), and a kickstart of
 * its own where the inventory names one. Its faults are the install line's: said once. */
static const char *render_rescue(struct planner *p)
{
    struct kl_install what = p->out->install;
    const char **extra = kl_alloc(p->a, (what.nextra + 1) * sizeof *extra);
    extra[0] = "inst.rescue";
    for (size_t i = 0; i < what.nextra; i++)
        extra[i + 1] = what.extra[i];
    what.extra = extra;
    what.nextra++;
    what.kickstart = p->h->set->rescue_kickstart ? host_url(p, "rescue.cfg") : NULL;
    struct kl_buf b KL_BUF_SCOPE = {0};
    struct kl_diags *quiet KL_DIAGS_SCOPE = kl_diags_new();
    return keep(p, kl_cmdline_render(p->h->intent, p->out->release, &what, &b, quiet), &b);
}

static const char *render_kickstart(struct planner *p, const char *file)
{
    size_t len = 0;
    char *user = file ? kl_read_file(file, LARGEST_KICKSTART, &len) : NULL;
    if (file && !user) {
        kl_diag(p->d, KL_ERROR, "kickstart-unreadable", p->h->at,
            "mend the path after 'kickstart:' (relative to the file that names it), or its mode",
            "%s: cannot read its kickstart %s: %s", p->h->name, file, strerror(errno));
        return NULL;
    }
    if (user && strlen(user) != len) {
        kl_diag(p->d, KL_ERROR, "kickstart-not-text", p->h->at, NULL,
            "%s: its kickstart %s holds a NUL byte", p->h->name, file);
        free(user);
        return NULL;
    }
    if (user)
        kl_diags_source(p->d, file, user, len);
    struct kl_buf b KL_BUF_SCOPE = {0};
    bool ok = kl_kickstart_render(p->h->intent, p->out->release, user, file, &b, p->d);
    free(user);
    return keep(p, ok, &b);
}

/* A file of the tree for a loader: `root` is "" (a path on this server) or the base URL. */
static const char *tree_file(
    struct planner *p, const char *root, const char *said, const char *usual)
{
    const char *file = said ? said : usual;
    if (strstr(file, "://"))
        return file;
    if (file[0] == '/')
        return kl_sprintf(p->a, "%s%s", root, file);
    return kl_sprintf(p->a, "%s%s/%s", root, p->tree ? p->tree : KL_PATH_TREES "unknown", file);
}

static struct kl_boot boot_from(struct planner *p, const char *root, bool armed, const char *rescue)
{
    const struct kl_settings *s = p->h->set;
    const char **initrds = kl_alloc(p->a, sizeof *initrds);
    initrds[0] = tree_file(p, root, s->initrd, KL_TREE_INITRD);
    return (struct kl_boot){
        .host = p->h->name,
        .kernel = tree_file(p, root, s->kernel, "images/pxeboot/vmlinuz"),
        .initrds = initrds,
        .ninitrds = 1,
        .cmdline = p->out->cmdline,
        .rescue_cmdline = rescue,
        .armed = armed,
        .report = host_url(p, "report"),
    };
}

/* GRUB and PXELINUX are other ways to boot the same host: what one of them cannot carry (PXELINUX
 * an IPv6 URL, GRUB https) is worth a warning, while the host still boots by iPXE. */
static const char *render_other(struct planner *p,
    bool (*render)(const struct kl_boot *, struct kl_buf *, struct kl_diags *),
    const struct kl_boot *boot)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_buf b KL_BUF_SCOPE = {0};
    const char *text = keep(p, render(boot, &b, d), &b);
    const struct kl_diag *one;
    for (size_t i = 0; (one = kl_diags_at(d, i)); i++)
        kl_diag(p->d, one->severity == KL_ERROR ? KL_WARNING : one->severity, one->code, one->at,
            one->hint, "%s", one->message);
    return text;
}

static void render_loaders(struct planner *p, bool armed, unsigned parts)
{
    struct kl_plan *out = p->out;
    bool needs_tree = !(p->h->set->kernel && p->h->set->initrd);
    if (needs_tree && !p->tree) {
        kl_diag(p->d, KL_ERROR, "no-kernel", p->h->at,
            "name a tree below server.trees with 'tree:', or give 'kernel:' and 'initrd:' as URLs",
            "%s: nothing says which kernel it boots", p->h->name);
        return;
    }
    const char *rescue = render_rescue(p);
    struct kl_boot by_url = boot_from(p, p->base, armed, rescue);
    struct kl_boot by_path = boot_from(p, "", armed, rescue);
    struct kl_buf ipxe KL_BUF_SCOPE = {0};
    if (parts & KL_PLAN_IPXE)
        out->ipxe = keep(p, kl_ipxe_render(&by_url, &ipxe, p->d), &ipxe);
    if (parts & KL_PLAN_GRUB)
        out->grub = render_other(p, kl_grub_render, &by_path);
    if (parts & KL_PLAN_PXELINUX)
        out->pxelinux = render_other(p, kl_pxelinux_render, &by_path);
}

bool kl_plan_make(struct kl_arena *a, const struct kl_fleet *f, const struct kl_host *h, bool armed,
    unsigned parts, struct kl_plan *out, struct kl_diags *d)
{
    const unsigned loaders = KL_PLAN_IPXE | KL_PLAN_GRUB | KL_PLAN_PXELINUX;
    size_t before = kl_diags_count(d, KL_ERROR);
    *out = (struct kl_plan){.host = h, .release = h->set->release};
    struct planner p = {.a = a, .f = f, .h = h, .d = d, .out = out};
    p.tree = tree_path(a, f, h->set);
    p.base = kl_plan_base_url(a, f, h);
    if (!out->release) {
        kl_diag(d, KL_ERROR, "no-release", h->at,
            "add 'release:' (rhel-9.4, centos-7.9, fedora-42, ...) to the host or its profile",
            "%s: neither a tree nor 'release:' says what is installed", h->name);
        return false;
    }
    if (!p.base) {
        kl_diag(d, KL_ERROR, "no-server-address", h->at,
            "add an address of that family to server.address",
            "%s: the server has no address of a family that its install uses", h->name);
        return false;
    }
    say_install(&p);
    if (parts & (KL_PLAN_CMDLINE | loaders))
        out->cmdline = render_cmdline(&p, &out->install);
    if (out->cmdline && parts & loaders)
        render_loaders(&p, armed, parts);
    if (parts & KL_PLAN_KICKSTART)
        out->kickstart = render_kickstart(&p, h->set->kickstart);
    if (parts & KL_PLAN_KICKSTART && h->set->rescue_kickstart)
        out->rescue_kickstart = render_kickstart(&p, h->set->rescue_kickstart);
    if (parts & KL_PLAN_SYSTEM &&
        !kl_system_render(a, h->intent, out->release, &out->files, &out->nfiles, d))
        out->files = NULL;
    return kl_diags_count(d, KL_ERROR) == before;
}

void kl_plan_local_ipxe(struct kl_buf *out, const char *who)
{
    kl_buf_addf(out, "#!ipxe\n# %s boots its own disk\n", who);
    kl_ipxe_local(out);
}

void kl_plan_local_grub(struct kl_buf *out, const char *who)
{
    kl_buf_addf(out, "# %s boots its own disk\n", who);
    kl_grub_local(out);
}
