/* The PXELINUX configuration of a host: BIOS and IPv4 only, for it is nothing else
 * (docs/boot-protocols.md).
 *
 * APPEND takes the rest of its line as it is, up to MAX_LINE (4096) of the parser; the kernel gets
 * 2046 bytes of it, the rest is cut without a word (docs/releases.md, "Boot-loader lines"): both
 * are refused here. There is never an IPAPPEND or SYSAPPEND: bit 1 makes dracut read a static
 * configuration of the boot NIC, and bit 2 takes a port away from its bond (docs/boot-stages.md,
 * quirk 16).
 */
#include "stage/loader.h"

#include <string.h>

enum { LONGEST_TIMEOUT = 3599 }; /* TIMEOUT is at most 35996 tenths (syslinux doc/syslinux.txt) */

static const struct kl_loader_rules rules = {.name = "PXELINUX", .forbidden = "", .blanks = true};

/* A path counts from the root of the TFTP server: "::" keeps PXELINUX from putting its own prefix
 * (option 210, or the directory of pxelinux.0) before it. URLs are for lpxelinux.0. */
static bool file_name(
    struct kl_buf *out, const char *path, const struct kl_boot *b, struct kl_diags *d)
{
    struct kl_url u;
    const char *why = "";
    if (!strstr(path, ":/")) {
        kl_buf_addf(out, "::%s", path);
        return true;
    }
    bool parsed = kl_url_parse(path, &u, &why);
    if (parsed && u.addr.family == 6)
        why = "PXELINUX has no IPv6";
    else if (parsed && strcmp(u.scheme, "http") != 0 && strcmp(u.scheme, "ftp") != 0 &&
             strcmp(u.scheme, "tftp") != 0)
        why = "lpxelinux.0 loads by http, ftp and tftp only";
    else if (parsed) {
        kl_buf_add(out, path);
        return true;
    }
    kl_diag(d, KL_ERROR, "loader-path", (struct kl_place){0},
        "give PXELINUX a path on the TFTP server, or boot this host with iPXE or GRUB",
        "%s: PXELINUX cannot load '%s': %s", b->host, path, why);
    return false;
}

static void entry(struct kl_buf *out, const struct kl_boot *b, const char *label, const char *title,
    const char *kernel, const char *initrds, const char *line)
{
    kl_buf_addf(out, "\nLABEL %s\n  MENU LABEL %s %s\n", label, title, b->host);
    if (kl_streq(label, kl_loader_default(b)))
        kl_buf_add(out, "  MENU DEFAULT\n");
    kl_buf_addf(out, "  KERNEL %s\n", kernel);
    if (b->ninitrds)
        kl_buf_addf(out, "  INITRD %s\n", initrds);
    kl_buf_addf(out, "  APPEND %s\n", *line ? line : "-");
}

static void head(struct kl_buf *out, const struct kl_boot *b)
{
    const char *preset = kl_loader_default(b);
    unsigned seconds = b->timeout > LONGEST_TIMEOUT ? LONGEST_TIMEOUT : b->timeout;
    kl_buf_addf(out, "# Kickline: %s, %s\n", b->host, b->armed ? "armed" : "not armed");
    /* UI wins over DEFAULT; with no time to choose there is no menu, and DEFAULT boots at once. */
    if (seconds)
        kl_buf_add(out, "UI menu.c32\n");
    kl_buf_addf(out, "DEFAULT %s\nPROMPT 0\n", preset);
    if (seconds)
        kl_buf_addf(out, "TIMEOUT %u\nONTIMEOUT %s\n", seconds * 10, preset);
    kl_buf_addf(out, "MENU TITLE Kickline: %s\n", b->host);
}

bool kl_pxelinux_render(const struct kl_boot *b, struct kl_buf *out, struct kl_diags *d)
{
    struct kl_buf kernel KL_BUF_SCOPE = {0}, initrds KL_BUF_SCOPE = {0};
    bool ok = file_name(&kernel, b->kernel, b, d);
    for (size_t i = 0; i < b->ninitrds; i++) {
        if (i)
            kl_buf_addc(&initrds, ',');
        ok &= file_name(&initrds, b->initrds[i], b, d);
        if (strchr(b->initrds[i], ',')) {
            kl_diag(d, KL_ERROR, "loader-path", (struct kl_place){0}, "rename the file",
                "%s: PXELINUX splits '%s' at its comma", b->host, b->initrds[i]);
            ok = false;
        }
    }
    struct kl_loader_rules mine = rules;
    /* "BOOT_IMAGE=kernel " stands before the line, " initrd=list" behind it. */
    mine.adds = strlen("BOOT_IMAGE= ") + kernel.len;
    if (b->ninitrds)
        mine.adds += strlen("initrd= ") + initrds.len;
    if (!kl_loader_check(b, &mine, d) || !ok)
        return false;
    head(out, b);
    /* LOCALBOOT 0 returns to the ROM, which goes on to its next device; unlike chain.c32 it needs
     * no further file (docs/boot-protocols.md, "Local disk"). */
    kl_buf_add(out, "\nLABEL localdisk\n  MENU LABEL Boot from the local disk\n");
    if (!b->armed)
        kl_buf_add(out, "  MENU DEFAULT\n");
    kl_buf_add(out, "  LOCALBOOT 0\n");
    entry(out, b, "install", "Install", kernel.s, kl_buf_text(&initrds), b->cmdline);
    if (b->rescue_cmdline)
        entry(out, b, "rescue", "Rescue", kernel.s, kl_buf_text(&initrds), b->rescue_cmdline);
    kl_buf_add(out, "\nLABEL reboot\n  MENU LABEL Reboot\n  COM32 reboot.c32\n");
    return true;
}
