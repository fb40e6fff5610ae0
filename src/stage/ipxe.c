/* The iPXE script of a host: one for BIOS and UEFI.
 *
 * iPXE splits a line at blanks, has no quotes and no escapes, and expands "${" always
 * (docs/releases.md, "Boot-loader lines"; ipxe core/exec.c): what it cannot carry is refused.
 * A command that fails ends the whole script, and the firmware then tries its next boot entry,
 * unless something follows "||"; so every command that may fail says where to go.
 *
 * Before anything else the script reports what iPXE itself has configured, from its own settings:
 * `ip6`, `len6`, `gateway6` and `dns6` exist since the end of 2016 (ipxe net/ipv6.c, net/ndp.c,
 * net/udp/dns.c), in DHCPv6 and in router advertisements alike. "netX" is the device used last,
 * hence the one that loaded this script. Addresses stand without ":uristring": that type encodes
 * the raw bytes of a setting (core/settings.c), and an address' text is fit for a query as it is.
 */
#include "stage/loader.h"

#include <string.h>

static const struct kl_loader_rules rules = {
    .name = "iPXE", .forbidden = "", .commands = true, .expands = true};

/* Names within iPXE: the first is the one that everybody's notes use. */
static void initrd_name(struct kl_buf *out, size_t i)
{
    if (i)
        kl_buf_addf(out, "initrd%zu.img", i + 1);
    else
        kl_buf_add(out, "initrd.img");
}

/* `initrd=` for kernels whose EFI stub reads files by name (EL7, EL8; docs/releases.md); newer ones
 * and BIOS ignore it. */
static void initrd_arguments(struct kl_buf *out, const struct kl_boot *b)
{
    for (size_t i = 0; i < b->ninitrds; i++) {
        kl_buf_add(out, " initrd=");
        initrd_name(out, i);
    }
}

static void report(struct kl_buf *out, const struct kl_boot *b)
{
    static const char *const settings[] = {
        "mac", "ip6", "len6", "gateway6", "dns6", "ip", "netmask", "gateway", "dns", NULL};
    kl_buf_addf(out, "imgfetch --timeout 5000 --name report %s%cstage=loader&loader=ipxe",
        b->report, strchr(b->report, '?') ? '&' : '?');
    kl_buf_add(out, "&platform=${platform}&hostname=${hostname:uristring}");
    for (const char *const *s = settings; *s; s++)
        kl_buf_addf(out, "&%s=${netX/%s}", *s, *s);
    /* What is left lying around becomes a part of the initrd on BIOS: free it. */
    kl_buf_add(out, " && imgfree report || echo Kickline: the report did not get through\n");
}

static void menu(struct kl_buf *out, const struct kl_boot *b)
{
    const char *preset = kl_loader_default(b);
    kl_buf_addf(out, "\n:menu\nmenu Kickline: %s || goto %s\n", b->host, preset);
    kl_buf_add(out, "item localdisk Boot from the local disk\n");
    kl_buf_add(out, "item install Install\n");
    if (b->rescue_cmdline)
        kl_buf_add(out, "item rescue Rescue\n");
    kl_buf_add(out, "item reboot Reboot\n");
    /* Without a time-out the menu comes up only after a failure; 0 would wait for ever. */
    unsigned seconds = b->timeout ? b->timeout : 30;
    kl_buf_addf(
        out, "choose --default %s --timeout %u000 entry || goto localdisk\n", preset, seconds);
    kl_buf_add(out, "goto ${entry}\n");
}

static void boot(struct kl_buf *out, const struct kl_boot *b, const char *label, const char *line)
{
    kl_buf_addf(out, "\n:%s\nkernel %s", label, b->kernel);
    initrd_arguments(out, b);
    if (*line)
        kl_buf_addf(out, " %s", line);
    kl_buf_add(out, " || goto failed\n");
    for (size_t i = 0; i < b->ninitrds; i++) {
        kl_buf_add(out, "initrd --name ");
        initrd_name(out, i);
        kl_buf_addf(out, " %s || goto failed\n", b->initrds[i]);
    }
    kl_buf_add(out, "boot || goto failed\n");
}

void kl_ipxe_local(struct kl_buf *out)
{
    /* UEFI: only a status other than 0 goes on to the next boot entry; 0 ends in the set-up
     * (docs/boot-protocols.md, "Local disk"). BIOS: the first disk, else back to the ROM. */
    kl_buf_add(out, ":localdisk\n"
                    "iseq ${platform} efi && goto nextentry ||\n"
                    "sanboot --no-describe --drive 0x80 || exit\n"
                    ":nextentry\n"
                    "exit 1\n");
}

bool kl_ipxe_render(const struct kl_boot *b, struct kl_buf *out, struct kl_diags *d)
{
    struct kl_loader_rules mine = rules;
    struct kl_buf names KL_BUF_SCOPE = {0};
    initrd_arguments(&names, b);
    /* Under EFI the image's name stands before the arguments (interface/efi/efi_image.c). */
    mine.adds = strlen(kl_loader_base(b->kernel)) + names.len + 1;
    bool ok = kl_loader_check(b, &mine, d);
    if (b->report) {
        mine.adds = 0;
        ok &= kl_loader_fits(b->report, "the report's URL", &mine, b, d);
    }
    if (!ok)
        return false;
    kl_buf_addf(out, "#!ipxe\n# Kickline: %s, %s\n", b->host, b->armed ? "armed" : "not armed");
    if (b->report)
        report(out, b);
    if (!b->timeout)
        kl_buf_addf(out, "goto %s\n", kl_loader_default(b));
    menu(out, b);
    boot(out, b, "install", b->cmdline);
    if (b->rescue_cmdline)
        boot(out, b, "rescue", b->rescue_cmdline);
    kl_buf_add(out, "\n:failed\necho Kickline: the kernel or an initrd did not load, see above\n"
                    "imgfree ||\nsleep 5\ngoto menu\n"
                    "\n:reboot\nreboot\n\n");
    kl_ipxe_local(out);
    return true;
}
