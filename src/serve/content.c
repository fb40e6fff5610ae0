/* A host that is not armed gets a local-disk script without its plan being made: that answer must
 * not depend on anything that could fail. */
#include "serve/content.h"

#include "base/text.h"
#include "fleet/plan.h"
#include "serve/patched.h"
#include "serve/path.h"
#include "serve/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum script { IPXE, GRUB, PXELINUX, KICKSTART, RESCUE };

__attribute__((format(printf, 2, 3))) static void because(
    struct kl_answer *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out->why, sizeof out->why, fmt, ap);
    va_end(ap);
}

static bool armed(const struct kl_ask *ask, const struct kl_host *h)
{
    return h && ask->armed(ask->armed_arg, h->name);
}

static void found_text(struct kl_answer *out, char *text, size_t len)
{
    out->found = KL_FOUND;
    out->generated = true;
    out->type = "text/plain; charset=utf-8";
    out->rope = kl_rope_new();
    kl_rope_add_bytes_take(out->rope, text, len);
}

static void found_buf(struct kl_answer *out, struct kl_buf *b)
{
    size_t len = b->len;
    found_text(out, kl_buf_take(b), len);
}

/* --- files -------------------------------------------------------------------------------------*/

/* RFC 9110 8.3. EDK2 boots a program only when the type is exactly this, or by the end of its
 * name (docs/boot-protocols.md §5); anaconda, dracut and dnf do not look. */
static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        {".efi", "application/efi"},
        {".iso", "application/vnd.efi-iso"},
        {".rpm", "application/x-rpm"},
        {".xml", "text/xml"},
        {".txt", "text/plain; charset=utf-8"},
        {".cfg", "text/plain; charset=utf-8"},
        {".ks", "text/plain; charset=utf-8"},
        {".ipxe", "text/plain; charset=utf-8"},
        {".html", "text/html; charset=utf-8"},
        {".treeinfo", "text/plain; charset=utf-8"},
    };
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

static void find_file(const char *root, const char *what, const char *path, struct kl_answer *out)
{
    if (!root) {
        because(out, "the inventory has no %s", what);
        return;
    }
    int fd = *path ? kl_open_beneath(root, path) : (errno = EISDIR, -1);
    out->rope = fd < 0 ? NULL : kl_rope_of_fd(fd);
    if (out->rope) {
        out->found = KL_FOUND;
        out->type = type_of(path);
        because(out, "file");
        return;
    }
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        because(out, "no such file below %s", root);
        return;
    case EISDIR:
        because(out, "a directory: nothing is listed");
        return;
    case EXDEV:
    case ELOOP:
        because(out, "a symbolic link leads out of %s", root);
        return;
    case EACCES:
        because(out, "below %s: no permission to read it: let the server's user read it", root);
        break;
    default:
        because(out, "below %s: %s", root, strerror(errno));
    }
    out->found = errno == EINVAL ? KL_NOT_FOUND : KL_CANNOT;
}

static void find_patched(const struct kl_ask *ask, const char *path, struct kl_answer *out)
{
    const char *rest;
    const struct kl_patched_tree *t = kl_patched_find(ask->patched, path, &rest);
    if (!t) {
        because(out, "no profile of a host patches such a tree");
        return;
    }
    const char *broken = kl_patched_broken(t);
    if (broken) {
        out->found = KL_CANNOT;
        because(out, "%s", broken);
        return;
    }
    struct kl_rope *file = kl_patched_file(t, rest);
    if (!file) {
        char own[KL_PATH_ROOM];
        snprintf(own, sizeof own, "%s%s%s", kl_patched_name(t), *rest ? "/" : "", rest);
        find_file(ask->fleet->server.trees, "server.trees", own, out);
        return;
    }
    out->found = KL_FOUND;
    out->rope = kl_rope_hold(file);
    out->type = type_of(rest);
    because(out, "patched");
}

/* --- what is made for a host -------------------------------------------------------------------*/

static void local_script(enum script kind, const char *who, struct kl_answer *out)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    if (kind == IPXE)
        kl_plan_local_ipxe(&b, who);
    else if (kind == GRUB)
        kl_plan_local_grub(&b, who);
    else /* docs/boot-protocols.md §7: LOCALBOOT 0 gives the machine back to its BIOS */
        kl_buf_addf(&b,
            "# %s boots its own disk\nDEFAULT localdisk\nLABEL localdisk\n  LOCALBOOT 0\n", who);
    found_buf(out, &b);
}

static const char *part(const struct kl_plan *plan, enum script kind)
{
    switch (kind) {
    case IPXE:
        return plan->ipxe;
    case GRUB:
        return plan->grub;
    case PXELINUX:
        return plan->pxelinux;
    case KICKSTART:
        return plan->kickstart;
    case RESCUE:
        return plan->rescue_kickstart;
    }
    return NULL;
}

static void first_error(const struct kl_diags *d, const char *host, struct kl_answer *out)
{
    for (size_t i = 0; kl_diags_at(d, i); i++) {
        const struct kl_diag *one = kl_diags_at(d, i);
        if (one->severity == KL_ERROR) {
            because(out, "cannot be made: %s (kickline render %s shows all)", one->message, host);
            return;
        }
    }
    because(out, "cannot be made");
}

/* A tree that could not be patched is given to nobody, so neither is the way to it. */
static bool patch_failed(
    const struct kl_ask *ask, const struct kl_host *h, enum script kind, struct kl_answer *out)
{
    if (!h->set->patch || kind == KICKSTART || kind == RESCUE)
        return false;
    const struct kl_patched_tree *t = kl_patched_of(ask->patched, ask->fleet, h->set);
    const char *broken = t ? kl_patched_broken(t) : "the tree was not patched";
    if (!broken)
        return false;
    out->found = KL_CANNOT;
    because(out, "cannot be made: %s", broken);
    return true;
}

static void plan_script(
    const struct kl_ask *ask, const struct kl_host *h, enum script kind, struct kl_answer *out)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    static const unsigned needed[] = {[IPXE] = KL_PLAN_IPXE,
        [GRUB] = KL_PLAN_GRUB,
        [PXELINUX] = KL_PLAN_PXELINUX,
        [KICKSTART] = KL_PLAN_KICKSTART,
        [RESCUE] = KL_PLAN_KICKSTART};
    struct kl_plan plan;
    kl_plan_make(a, ask->fleet, h, true, needed[kind], &plan, d);
    const char *text = part(&plan, kind);
    if (text) {
        found_text(out, strdup(text), strlen(text));
        because(out, "armed");
    } else if (kind == RESCUE && !h->set->rescue_kickstart) {
        because(out, "the host has no rescue-kickstart");
    } else {
        out->found = KL_CANNOT;
        first_error(d, h->name, out);
    }
}

static void find_script(
    const struct kl_ask *ask, const struct kl_host *h, enum script kind, struct kl_answer *out)
{
    bool loader = kind != KICKSTART && kind != RESCUE;
    out->host = h;
    out->stage = loader ? "loader" : "installer";
    if (armed(ask, h)) {
        if (!patch_failed(ask, h, kind, out))
            plan_script(ask, h, kind, out);
        if (out->found != KL_CANNOT || !loader)
            return;
        /* The loader must get something that ends well: its own disk. */
        local_script(kind, h->name, out);
        out->found = KL_FOUND;
        return;
    }
    because(out, h ? "not armed" : "unknown host");
    if (loader)
        local_script(kind, h ? h->name : "an unknown host", out);
}

static void find_host(const struct kl_ask *ask, const char *rest, struct kl_answer *out)
{
    static const struct {
        const char *name;
        enum script kind;
    } files[] = {
        {"boot.ipxe", IPXE},
        {"grub.cfg", GRUB},
        {"pxelinux.cfg", PXELINUX},
        {"ks.cfg", KICKSTART},
        {"rescue.cfg", RESCUE},
    };
    const char *slash = strchr(rest, '/');
    char name[256];
    if (!slash || (size_t)(slash - rest) >= sizeof name) {
        because(out, "a path below /host/ is /host/NAME/FILE");
        return;
    }
    memcpy(name, rest, (size_t)(slash - rest));
    name[slash - rest] = '\0';
    const struct kl_host *h = kl_fleet_host(ask->fleet, name);
    out->host = h ? h : ask->host;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(slash + 1, files[i].name) == 0) {
            find_script(ask, h, files[i].kind, out);
            return;
        }
    }
    if (!h) {
        because(out, "unknown host");
    } else if (strcmp(slash + 1, "report") == 0) {
        out->report = kl_report_line(ask->query, &out->report_stage);
        out->stage = out->report_stage;
        because(out, "report");
        /* iPXE takes this as a script that does nothing, should it be chained to. */
        found_text(out, strdup("#!ipxe\n"), strlen("#!ipxe\n"));
    } else {
        because(out, "no such file of a host");
    }
}

/* --- scripts that loaders look for by habit (docs/boot-protocols.md §6) ------------------------*/

static bool mac_of_name(const char *s, struct kl_mac *mac)
{
    /* 01- is the hardware type, Ethernet. */
    return kl_starts(s, "01-") && kl_mac_parse(s + 3, mac);
}

/* True when `path` asks for "the script of whoever asks"; then *h is whose. */
static bool asks_for_own(
    const struct kl_ask *ask, const char *path, enum script *kind, const struct kl_host **h)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct kl_mac mac;
    *h = ask->host;
    if (strcmp(name, "boot.ipxe") == 0) {
        *kind = IPXE;
        return true;
    }
    *kind = GRUB;
    if (strcmp(name, "grub.cfg") == 0)
        return true;
    if (kl_starts(name, "grub.cfg-") && mac_of_name(name + 9, &mac)) {
        *h = kl_fleet_by_mac(ask->fleet, &mac);
        return true;
    }
    *kind = PXELINUX;
    static const char dir[] = "pxelinux.cfg";
    size_t n = sizeof dir - 1;
    if (!slash || (size_t)(slash - path) < n || strncmp(slash - n, dir, n) != 0)
        return false;
    if (strcmp(name, "default") == 0)
        return true;
    if (!mac_of_name(name, &mac))
        return false;
    *h = kl_fleet_by_mac(ask->fleet, &mac);
    return true;
}

/* Names that shim, GRUB and PXELINUX try before they find what they need. */
static bool is_probe(const char *path)
{
    static const char *const anywhere[] = {"revocations", "shim_certificate", "grub.cfg-",
        "pxelinux.cfg/", "/x86_64-efi/", "/i386-pc/", "/arm64-efi/", ".lst"};
    for (size_t i = 0; i < sizeof anywhere / sizeof *anywhere; i++)
        if (strstr(path, anywhere[i]))
            return true;
    return false;
}

static void find_rest(
    const struct kl_ask *ask, const char *path, const char *below_boot, struct kl_answer *out)
{
    find_file(ask->fleet->server.boot, "server.boot", below_boot, out);
    out->stage = "loader";
    enum script kind;
    const struct kl_host *h;
    if (out->found == KL_NOT_FOUND && asks_for_own(ask, path, &kind, &h))
        find_script(ask, h, kind, out);
    out->quiet = out->found == KL_NOT_FOUND && is_probe(path);
}

/* anaconda and dracut fetch from the tree one after the other; the images that dracut takes are
 * the ones below these names (docs/boot-protocols.md §5). */
static const char *stage_of_tree_file(const char *path)
{
    if (strstr(path, "/images/pxeboot/") || kl_ends(path, "/vmlinuz"))
        return "loader";
    if (strstr(path, "/images/") || strstr(path, "/LiveOS/") || kl_ends(path, ".treeinfo"))
        return "initrd";
    return "installer";
}

void kl_content_find(const struct kl_ask *ask, struct kl_answer *out)
{
    *out = (struct kl_answer){.found = KL_NOT_FOUND, .host = ask->host};
    const char *why;
    if (!kl_path_normal(ask->path, ask->path_len, out->path, sizeof out->path, &why)) {
        out->found = KL_REFUSED;
        out->path[0] = '\0';
        because(out, "%s", why);
        return;
    }
    const char *path = out->path;
    if (kl_starts(path, "host/")) {
        find_host(ask, path + 5, out);
    } else if (kl_starts(path, "trees/")) {
        find_file(ask->fleet->server.trees, "server.trees", path + 6, out);
        out->stage = stage_of_tree_file(path);
    } else if (kl_starts(path, "patched/")) {
        find_patched(ask, path + 8, out);
        out->stage = stage_of_tree_file(path);
    } else {
        find_rest(ask, path, kl_starts(path, "boot/") ? path + 5 : path, out);
    }
}

void kl_answer_end(struct kl_answer *a)
{
    kl_rope_drop(a->rope);
    free(a->report);
    a->rope = NULL;
    a->report = NULL;
}
