/* What a loader does with its entries, whatever they say of the network.
 *
 * Codes: default-installs, initrd-missing, line-too-long, slash-doubled.
 */
#include "check/case.h"

#include <string.h>
#include <strings.h>

/* --- what an entry is --------------------------------------------------------------------------*/

static const struct kl_arg *kickstart_word(const struct kl_cmdline *line)
{
    const struct kl_arg *w = kl_cmdline_last(line, "inst.ks", NULL);
    return w ? w : kl_cmdline_last(line, "ks", NULL);
}

static bool rescues(const struct kl_cmdline *line)
{
    return kl_cmdline_last(line, "inst.rescue", NULL) || kl_cmdline_last(line, "rescue", NULL);
}

/* An entry that starts anaconda. */
static bool installs(const struct kl_cmdline *line)
{
    for (size_t k = 0; k < line->n; k++)
        if (kl_starts(line->args[k].text, "inst."))
            return true;
    return kickstart_word(line) != NULL;
}

/* --- default-installs --------------------------------------------------------------------------*/

static const struct kl_entry *local_entry(const struct kl_menu *m)
{
    for (size_t k = 0; k < m->nentries; k++)
        if (m->entries[k].kind == KL_ENTRY_LOCAL && !m->entries[k].condition)
            return &m->entries[k];
    return NULL;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A disc or a stick is put in for one install, and taken out after it. */
static bool boots_from_medium(const struct kl_case *c)
{
    static const char *const files[] = {"isolinux.cfg", "syslinux.cfg", "extlinux.conf", NULL};
    static const char *const keys[] = {
        "inst.ks", "ks", "inst.repo", "repo", "method", "inst.stage2", "stage2", NULL};
    static const char *const media[] = {"cdrom", "hd:", "file:", NULL};
    for (const char *const *f = files; c->loader_file && *f; f++)
        if (strcasecmp(base_of(c->loader_file), *f) == 0)
            return true;
    for (const char *const *k = keys; *k; k++) {
        const struct kl_arg *w = kl_cmdline_last(&c->entry->line, *k, NULL);
        const char *value = w ? kl_arg_value(w) : NULL;
        for (const char *const *m = media; value && *m; m++)
            if (kl_starts(value, *m))
                return true;
    }
    return false;
}

/* When nobody is there to choose, the machine is installed again. A menu that offers the local disk
 * is there to stay, so there it is a warning; a file with nothing but the install may be there for
 * this one boot. */
static void default_installs(const struct kl_case *c, struct kl_diags *d)
{
    const struct kl_entry *e = c->entry;
    if (!e || !c->menu || !e->by_default || e->kind != KL_ENTRY_LINUX)
        return;
    const struct kl_arg *ks = kickstart_word(&e->line);
    if (!ks || rescues(&e->line) || boots_from_medium(c))
        return;
    const struct kl_entry *local = local_entry(c->menu);
    bool named = c->menu->default_at.file != NULL;
    struct kl_place at = named ? c->menu->default_at : e->at;
    const char *hint =
        local && *local->name && c->menu->asks
            ? kl_diag_text(d, "make '%s' the default, and choose the install by hand", local->name)
            : "make the local disk the default, or take this file away once the machine is "
              "installed";
    const char *wait = c->menu->timeout_ds ? kl_diag_text(d, "after %u seconds without a key",
                                                 (c->menu->timeout_ds + 9) / 10)
                                           : "without a question";
    struct kl_diag *one = kl_diag(d, local ? KL_WARNING : KL_NOTE, "default-installs", at, hint,
        "%s %s starts '%s', which installs", wait, c->loader ? c->loader : "the loader",
        *e->name ? e->name : "the only kernel");
    kl_diag_also(d, one, named ? e->at : ks->at, named ? "the install" : "its kickstart");
    kl_diag_effect(
        d, one, "firmware: a machine that tries the network first is installed anew at every boot");
}

/* --- initrd-missing ----------------------------------------------------------------------------*/

static void initrd_missing(const struct kl_case *c, struct kl_diags *d)
{
    const struct kl_entry *e = c->entry;
    if (!e || e->kind != KL_ENTRY_LINUX || e->ninitrds || !e->complete || !installs(&e->line))
        return;
    /* A unified kernel image has its initrd in it; GRUB may be given initrd= for the EFI stub. */
    if (!e->kernel.text || kl_ends(e->kernel.text, ".efi") ||
        kl_cmdline_last(&e->line, "initrd", NULL))
        return;
    const char *hint = kl_streq(c->loader, "PXELINUX") ? "add initrd= to APPEND, or an INITRD line"
                       : kl_streq(c->loader, "GRUB")   ? "add an initrd line below it"
                                                       : "add an initrd command before boot";
    struct kl_diag *one = kl_diag(d, KL_ERROR, "initrd-missing", e->kernel.at, hint,
        "this kernel is started without an initrd, and with options that only the installer's "
        "initrd reads");
    kl_diag_effect(d, one, "initrd: there is none; the kernel finds no root file system and stops");
}

/* --- line-too-long -----------------------------------------------------------------------------*/

/* COMMAND_LINE_SIZE of x86 is 2048 with the NUL; PXELINUX and iPXE under BIOS keep one byte less,
 * GRUB leaves out the first argument that does not fit and all after it (docs/releases.md,
 * "Boot-loader lines"). Other architectures take more. */
enum { X86_KEEPS = 2047, BOOTIF_BYTES = sizeof " BOOTIF=01-00-00-00-00-00-00" - 1 };

static bool other_machine(const struct kl_case *c)
{
    static const char *const names[] = {"aarch64", "arm64", "ppc64", "s390x", "riscv", NULL};
    const char *paths[] = {c->entry ? c->entry->kernel.text : NULL, c->what.repo, c->what.stage2};
    for (size_t k = 0; k < sizeof paths / sizeof *paths; k++)
        for (const char *const *n = names; paths[k] && *n; n++)
            if (strcasestr(paths[k], *n))
                return true;
    return false;
}

/* What the loader puts before the line. */
static size_t put_before(const struct kl_case *c)
{
    bool names = kl_streq(c->loader, "PXELINUX") || kl_streq(c->loader, "GRUB");
    return names && c->entry && c->entry->kernel.text
               ? strlen("BOOT_IMAGE= ") + strlen(c->entry->kernel.text)
               : 0;
}

/* What PXELINUX puts behind it. */
static size_t put_behind(const struct kl_case *c)
{
    size_t n = 0;
    if (!kl_streq(c->loader, "PXELINUX") || !c->entry)
        return 0;
    for (size_t k = 0; k < c->entry->ninitrds; k++)
        n += strlen(c->entry->initrds[k].text) + 1;
    return n + (n ? strlen(" initrd=") - 1 : 0) + (c->entry->adds_bootif ? BOOTIF_BYTES : 0);
}

static void line_too_long(const struct kl_case *c, struct kl_diags *d)
{
    size_t keeps = X86_KEEPS - (kl_streq(c->loader, "PXELINUX") || kl_streq(c->loader, "iPXE"));
    size_t used = put_before(c), total;
    const struct kl_arg *cut = NULL;
    if (!c->line || (c->entry && !c->entry->complete) || other_machine(c))
        return;
    for (size_t k = 0; k < c->line->n; k++) {
        used += strlen(c->line->args[k].text) + (k > 0);
        if (used > keeps && !cut)
            cut = &c->line->args[k];
    }
    total = used + put_behind(c);
    if (total <= keeps)
        return;
    struct kl_diag *one = kl_diag(d, KL_ERROR, "line-too-long", cut ? cut->at : c->line->at,
        "shorten the line: move what the kickstart can say into it",
        "with what the loader adds this line has %zu bytes; an x86 kernel takes %zu", total, keeps);
    if (cut)
        kl_diag_effect(d, one, "initrd: never sees '%.60s' and what follows it", cut->text);
    else
        kl_diag_effect(d, one, "initrd: what the loader adds behind the line is cut off");
}

/* --- slash-doubled -----------------------------------------------------------------------------*/

/* Where a URL's path has an empty part; NULL when it has none. */
static const char *doubled(const char *url)
{
    const char *path = strstr(url, "://");
    if (!path || strncmp(url, "hd:", 3) == 0 || !(path = strchr(path + 3, '/')))
        return NULL;
    const char *slashes = strstr(path, "//"), *query = strpbrk(path, "?#");
    return slashes && (!query || slashes < query) && slashes[-1] != ':' ? slashes : NULL;
}

static void slash_doubled(const struct kl_case *c, struct kl_diags *d)
{
    static const char *const keys[] = {"inst.ks", "ks", "inst.repo", "repo", "method",
        "inst.stage2", "stage2", "inst.updates", "updates", NULL};
    for (const char *const *key = keys; c->line && *key; key++) {
        const struct kl_arg *w = kl_cmdline_last(c->line, *key, NULL);
        const char *value = w ? kl_arg_value(w) : NULL, *at = value ? doubled(value) : NULL;
        if (!at)
            continue;
        struct kl_diag *one = kl_diag(d, KL_NOTE, "slash-doubled",
            kl_arg_place(w, (size_t)(at - w->text), strspn(at, "/")), "write one slash",
            "the path of this URL has an empty part");
        kl_diag_effect(d, one,
            "initrd: asks for the path as it is; most servers take it for one slash, some answer "
            "404");
    }
}

void kl_rules_loader(const struct kl_case *c, struct kl_diags *d)
{
    default_installs(c, d);
    initrd_missing(c, d);
    line_too_long(c, d);
    slash_doubled(c, d);
}
