/* The GRUB configuration of a host.
 *
 * Every argument stands in single quotes, within which GRUB changes nothing; what would end them or
 * what the loader quotes again (' " \ and blanks: rhboot loader/cmdline.c) is refused
 * (docs/releases.md, "Boot-loader lines").
 *
 * `linux` is tried first, then `linuxefi`. Upstream, Debian's and Red Hat's GRUB from EL8 on load a
 * kernel with `linux` under UEFI too, and newer ones have no `linuxefi` left (cobbler issue 4087,
 * lorax pull 1465); EL7's, under Secure Boot, only takes `linuxefi`. GRUB has no way to ask whether
 * a command exists, and no variable tells the builds apart, so the answer of the command decides.
 */
#include "stage/loader.h"

#include <string.h>

/* The image's own path is the first word of the line: "BOOT_IMAGE=(http,...)/..." . */
static const char boot_image[] = "BOOT_IMAGE=";

static const struct kl_loader_rules rules = {.name = "GRUB", .forbidden = "'\"\\"};

/* A path as it is; http://host:port/path becomes (http,host:port)/path, as GRUB names devices of
 * the network (an IPv6 literal keeps its brackets: grub net/net.c, 2.12 and Red Hat's). */
static bool file_name(
    struct kl_buf *out, const char *path, const struct kl_boot *b, struct kl_diags *d)
{
    struct kl_url u;
    const char *why = "GRUB loads by http and tftp only";
    if (!strstr(path, ":/")) {
        kl_buf_add(out, path);
        return true;
    }
    if (!kl_url_parse(path, &u, &why) ||
        (strcmp(u.scheme, "http") != 0 && strcmp(u.scheme, "tftp") != 0)) {
        kl_diag(d, KL_ERROR, "loader-path", (struct kl_place){0},
            "give GRUB a path, or an http URL", "%s: GRUB cannot load '%s': %s", b->host, path,
            why);
        return false;
    }
    kl_buf_addf(out, u.addr.family == 6 ? "(%s,[%s]" : "(%s,%s", u.scheme, u.host);
    if (u.port)
        kl_buf_addf(out, ":%u", u.port);
    kl_buf_addf(out, ")%s", u.path);
    return true;
}

static void quoted(struct kl_buf *out, const char *line)
{
    size_t len;
    const char *word;
    while ((word = kl_loader_word(&line, &len))) {
        kl_buf_add(out, " '");
        kl_buf_addn(out, word, len);
        kl_buf_addc(out, '\'');
    }
}

/* The two commands that load a kernel and its initrds; `efi` is their suffix. */
static void load(struct kl_buf *out, const struct kl_boot *b, const char *kernel,
    const char *initrds, const char *line, const char *efi)
{
    kl_buf_addf(out, "linux%s '%s'", efi, kernel);
    quoted(out, line);
    if (strcmp(efi, "") == 0)
        kl_buf_add(out, "; then");
    if (b->ninitrds)
        kl_buf_addf(out, "\n        initrd%s%s", efi, initrds);
    kl_buf_addc(out, '\n');
}

static void entry(struct kl_buf *out, const struct kl_boot *b, const char *id, const char *title,
    const char *kernel, const char *initrds, const char *line)
{
    kl_buf_addf(out, "\nmenuentry '%s %s' --id '%s' {\n    if ", title, b->host, id);
    load(out, b, kernel, initrds, line, "");
    kl_buf_add(out, "    else\n        ");
    load(out, b, kernel, initrds, line, "efi");
    kl_buf_add(out, "    fi\n}\n");
}

void kl_grub_local(struct kl_buf *out)
{
    /* UEFI: Debian's GRUB 2.06 ignores the status of `exit` and lands in the firmware's set-up, Red
     * Hat's goes on to the next boot entry (docs/boot-protocols.md, "Local disk"). The loader of
     * an installed system is looked for first; it serves both. */
    kl_buf_add(out,
        "    if [ \"$grub_platform\" = 'efi' ]; then\n"
        "        if [ \"$grub_cpu\" = 'arm64' ]; then set kl_cpu='aa64'; else set kl_cpu='x64'; "
        "fi\n"
        "        for kl_os in redhat centos oracle almalinux rocky fedora; do\n"
        "            if search --no-floppy --set=kl_disk --file \"/EFI/$kl_os/shim$kl_cpu.efi\"; "
        "then\n"
        "                chainloader \"($kl_disk)/EFI/$kl_os/shim$kl_cpu.efi\"\n"
        "                boot\n"
        "            fi\n"
        "        done\n"
        "        exit 1\n"
        "    else\n"
        "        set root='(hd0)'\n"
        "        chainloader +1\n"
        "        boot\n"
        "    fi\n");
}

bool kl_grub_render(const struct kl_boot *b, struct kl_buf *out, struct kl_diags *d)
{
    struct kl_buf kernel KL_BUF_SCOPE = {0}, initrds KL_BUF_SCOPE = {0};
    bool ok = file_name(&kernel, b->kernel, b, d);
    for (size_t i = 0; i < b->ninitrds; i++) {
        kl_buf_add(&initrds, " '");
        ok &= file_name(&initrds, b->initrds[i], b, d);
        kl_buf_addc(&initrds, '\'');
    }
    struct kl_loader_rules mine = rules;
    mine.adds = strlen(boot_image) + kernel.len + 1;
    if (!kl_loader_check(b, &mine, d) || !ok)
        return false;
    kl_buf_addf(out, "# Kickline: %s, %s\nset default='%s'\nset timeout='%u'\n", b->host,
        b->armed ? "armed" : "not armed", kl_loader_default(b), b->timeout);
    kl_buf_add(out, "\nmenuentry 'Boot from the local disk' --id 'localdisk' {\n");
    kl_grub_local(out);
    kl_buf_add(out, "}\n");
    entry(out, b, "install", "Install", kernel.s, kl_buf_text(&initrds), b->cmdline);
    if (b->rescue_cmdline)
        entry(out, b, "rescue", "Rescue", kernel.s, kl_buf_text(&initrds), b->rescue_cmdline);
    kl_buf_add(out, "\nmenuentry 'Reboot' --id 'reboot' {\n    reboot\n}\n");
    return true;
}
