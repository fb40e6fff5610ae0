/* stage/: loader configurations, read. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "random_intent.h"

#include "base/text.h"
#include "stage/read.h"

#include <string.h>

typedef struct kl_menu *reader(struct kl_arena *a, const char *text, size_t len, const char *file,
    const struct kl_finder *files, struct kl_diags *d);

/* Files that a configuration may include: name, text, ..., NULL. */
static bool find_in_table(void *arg, const char *path, const char *from, const char **file,
    const char **text, size_t *len)
{
    (void)from;
    for (const char *const *f = arg; f && *f; f += 2)
        if (kl_streq(*f, path)) {
            *file = f[0];
            *text = f[1];
            *len = strlen(f[1]);
            return true;
        }
    return false;
}

/* "name: kind kernel [initrds] line; flags", one entry a line. */
static void dump_entry(struct kl_buf *b, const struct kl_entry *e)
{
    static const char *const kinds[] = {"linux", "local", "other"};
    kl_buf_addf(b, "%s: %s", *e->name ? e->name : "(top)", kinds[e->kind]);
    if (e->kernel.text)
        kl_buf_addf(b, " %s", e->kernel.text);
    for (size_t k = 0; k < e->ninitrds; k++)
        kl_buf_addf(
            b, "%s%s%s", k ? " " : " [", e->initrds[k].text, k + 1 == e->ninitrds ? "]" : "");
    for (size_t k = 0; k < e->line.n; k++)
        kl_buf_addf(b, " %s", e->line.args[k].text);
    if (e->condition)
        kl_buf_addf(b, " if(%s)", e->condition);
    if (e->adds_bootif)
        kl_buf_addf(b, " +bootif@%u", e->bootif_at.line);
    if (e->by_default)
        kl_buf_add(b, e->on_timeout ? " *timeout" : " *");
    if (!e->complete)
        kl_buf_add(b, " incomplete");
    kl_buf_addc(b, '\n');
}

static void dump(struct kl_buf *b, const struct kl_menu *m)
{
    for (size_t k = 0; k < m->nentries; k++)
        dump_entry(b, &m->entries[k]);
    if (m->timeout_ds)
        kl_buf_addf(b, "after %u ", m->timeout_ds);
    kl_buf_add(b, m->asks ? "asks\n" : "at once\n");
}

struct example {
    const char *what, *text, *want;
    const char *says; /* "code@line", in order, blank between; NULL: nothing */
    const char *const *files;
};

static void check_example(reader *read, const struct example *x)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_buf got KL_BUF_SCOPE = {0}, says KL_BUF_SCOPE = {0};
    const struct kl_finder files = {find_in_table, (void *)x->files};
    const struct kl_menu *m = read(a, x->text, strlen(x->text), "top", &files, d);
    dump(&got, m);
    for (size_t k = 0; k < kl_diags_count(d, KL_NOTE); k++) {
        const struct kl_diag *one = kl_diags_at(d, k);
        kl_buf_addf(&says, "%s%s@%u", k ? " " : "", one->code, one->at.line);
    }
    if (!kl_streq(kl_buf_text(&got), x->want))
        fail_msg("%s:\nwanted:\n%sgot:\n%s", x->what, x->want, kl_buf_text(&got));
    if (!kl_streq(kl_buf_text(&says), x->says ? x->says : ""))
        fail_msg(
            "%s: wanted '%s', it says '%s'", x->what, x->says ? x->says : "", kl_buf_text(&says));
}

/* A verbatim word stands where it says it stands. */
static void check_places(const struct kl_menu *m, const struct kl_diags *d)
{
    for (size_t k = 0; k < m->nentries; k++)
        for (size_t i = 0; i < m->entries[k].line.n; i++) {
            const struct kl_arg *w = &m->entries[k].line.args[i];
            const char *s = kl_diags_text(d, w->at.file, NULL);
            assert_non_null(s);
            for (unsigned line = 1; line < w->at.line; line++)
                s = strchr(s, '\n') + 1;
            if (w->verbatim)
                assert_memory_equal(s + w->at.col - 1, w->text, w->at.width);
        }
}

/* --- PXELINUX ----------------------------------------------------------------------------------*/

static const char *const pxelinux_files[] = {"more.cfg",
    "LABEL more\n KERNEL k\n APPEND initrd=i a=1\n", "loop.cfg", "INCLUDE loop.cfg\nLABEL x\n",
    "defaults", "APPEND g=1\nTIMEOUT 50\n", NULL};

static const struct example pxelinux[] = {
    {"the field report's menu",
        "default menu.c32\nprompt 0\ntimeout 100\nmenu title host\nONTIMEOUT install\n"
        "#ONTIMEOUT local\n\nLABEL local\n  MENU LABEL (local)\n  MENU DEFAULT\n  COM32 chain.c32\n"
        "  APPEND hd0\n\nLABEL rescue\n  kernel /OL7/vmlinuz\n  append initrd=/OL7/initrd.img "
        "rescue\n"
        "\nlabel install\n\tkernel /OL7/vmlinuz\n\tappend initrd=/OL7/initrd.img "
        "bond=bond0:enp3s0,enp7s0:mode=mode=6,miimon=100 ks=http://192.0.2.1//OL7/ks/h.ks\n"
        "LABEL reboot\n  KERNEL reboot.c32\n",
        "local: local chain.c32 hd0\nrescue: linux /OL7/vmlinuz [/OL7/initrd.img] rescue\n"
        "install: linux /OL7/vmlinuz [/OL7/initrd.img] "
        "bond=bond0:enp3s0,enp7s0:mode=mode=6,miimon=100 ks=http://192.0.2.1//OL7/ks/h.ks "
        "*timeout\nreboot: other reboot.c32\nafter 100 asks\n",
        NULL, NULL},
    {"a menu's own default, and none of its entries when no time is set",
        "UI vesamenu.c32\nTIMEOUT 300\nLABEL a\nKERNEL k\nLABEL b\nMENU DEFAULT\nLOCALBOOT 0\n",
        "a: linux k\nb: local *timeout\nafter 300 asks\n", NULL, NULL},
    {"the first entry, when nothing names one", "UI menu.c32\nTIMEOUT 9\nLABEL a\nLABEL b\n",
        "a: linux a *timeout\nb: linux b\nafter 9 asks\n", NULL, NULL},
    {"TIMEOUT 0 waits", "UI menu.c32\nDEFAULT a\nTIMEOUT 0\nLABEL a\n", "a: linux a\nasks\n", NULL,
        NULL},
    {"without a prompt the default starts at once",
        "PROMPT 0\nTIMEOUT 50\nDEFAULT b\nLABEL a\nKERNEL k\nLABEL b\nKERNEL k2\nAPPEND x\n",
        "a: linux k\nb: linux k2 x *\nat once\n", NULL, NULL},
    {"with a prompt it starts after a time", "PROMPT 1\nTIMEOUT 50\nDEFAULT a\nLABEL a\nKERNEL k\n",
        "a: linux k *timeout\nafter 50 asks\n", NULL, NULL},
    {"a default of another menu file",
        "DEFAULT m\nTIMEOUT 10\nLABEL m\nKERNEL menu.c32\nAPPEND other.cfg\nLABEL a\nKERNEL k\n",
        "m: other menu.c32 other.cfg\na: linux k\nasks\n", NULL, NULL},
    {"a default with more words, or with a kernel of its own",
        "DEFAULT a ks=u\nLABEL a\nKERNEL k\nAPPEND x\n",
        "a: linux k x\na: linux k x ks=u *\nat once\n", NULL, NULL},
    {"a kernel as the default", "APPEND g\nDEFAULT vmlinuz initrd=i.img ks=u\n",
        "vmlinuz: linux vmlinuz [i.img] ks=u *\nat once\n", NULL, NULL},
    {"a default that is a typing error", "DEFAULT linus\nLABEL linux\nKERNEL k\n",
        "linux: linux k\nat once\n", "label-missing@1", NULL},
    {"APPEND of a label replaces the global one; '-' is none",
        "APPEND g=1\nLABEL a\nKERNEL k\nLABEL b\nKERNEL k\nAPPEND l=1\nLABEL c\nKERNEL k\nAPPEND "
        "-\n"
        "LABEL d\nKERNEL k\nAPPEND\n",
        "a: linux k g=1\nb: linux k l=1\nc: linux k\nd: linux k\nasks\n", NULL, NULL},
    {"IPAPPEND, of all and of one",
        "IPAPPEND 2\nLABEL a\nKERNEL k\nLABEL b\nKERNEL k\nSYSAPPEND 0x40001\nLABEL c\nKERNEL k\n"
        "ipappend 0x3\n",
        "a: linux k +bootif@1\nb: linux k\nc: linux k +bootif@9\nasks\n", NULL, NULL},
    {"initrd= anywhere, lists, INITRD, words behind the kernel",
        "LABEL a\nKERNEL k x=1 initrd=a,b y\nAPPEND z\nLABEL b\nLINUX k\nINITRD ::/a,::/b\nAPPEND "
        "q\n",
        "a: linux k [a b] x=1 y z\nb: linux k [::/a ::/b] q\nasks\n", NULL, NULL},
    {"quotes belong to the kernel", "LABEL a\nKERNEL k\nAPPEND a=\"b c\"  d\te\n",
        "a: linux k a=b c d e\nasks\n", NULL, NULL},
    {"modules, images, memory tests, other loaders",
        "LABEL a\nCOM32 linux.c32\nAPPEND vmlinuz initrd=i ks=u\nLABEL b\nKERNEL mboot.c32\n"
        "APPEND xen.gz dom0_mem=1G --- vmlinuz ks=u --- initrd.img\nLABEL c\nKERNEL memdisk\n"
        "INITRD f.iso\nAPPEND iso\nLABEL d\nKERNEL boot/memtest86+\nLABEL e\nKERNEL ::pxechn.c32\n"
        "LABEL f\nCONFIG other.cfg\nLABEL g\nLOCALBOOT 0x80\nLABEL h\nKERNEL mboot.c32\n"
        "APPEND -c esx/boot.cfg\nLABEL i\nPXE grub.0\n",
        "a: linux vmlinuz [i] ks=u\nb: linux vmlinuz [initrd.img] ks=u\nc: other memdisk [f.iso] "
        "iso\n"
        "d: other boot/memtest86+\ne: other ::pxechn.c32\nf: other other.cfg\ng: local\n"
        "h: other mboot.c32 -c esx/boot.cfg\ni: other grub.0\nasks\n",
        NULL, NULL},
    {"carriage returns, tabs, case, comments, help texts",
        "\tDeFaUlT a\r\n# LABEL no\r\nLaBeL a\r\n\tKERNEL\tk\r\n\tTEXT HELP\r\nLABEL no\r\n "
        "ENDTEXT\r\n"
        "\tAPPEND  x \t y  \r\nF1 help.txt\r\nSAY hello\r\nSERIAL 0 115200\r\n",
        "a: linux k x y *\nat once\n", NULL, NULL},
    {"submenus, separators, hidden and disabled labels",
        "UI menu.c32\nTIMEOUT 10\nMENU BEGIN sub\nMENU TITLE s\nLABEL s1\nKERNEL k\nAPPEND x\n"
        "LABEL back\nMENU EXIT\nMENU END\nMENU SEPARATOR\nAPPEND g\nLABEL h\nMENU HIDE\nKERNEL k\n"
        "LABEL off\nMENU DISABLE\nKERNEL k\nLABEL b\nMENU LABEL ^Big\nKERNEL k\n",
        "s1: linux k x\nback: other back\nh: linux k g\nb: linux k g\nafter 10 asks\n", NULL, NULL},
    {"a text without an end", "LABEL a\nKERNEL k\nTEXT HELP\nLABEL b\nKERNEL k\n",
        "a: linux k\nasks\n", "text-unended@3", NULL},
    {"included files",
        "INCLUDE defaults\nUI menu.c32\nMENU INCLUDE more.cfg\nMENU INCLUDE more.cfg sub\n"
        "include gone.cfg\n",
        "more: linux k [i] a=1 *timeout\nmore: linux k [i] a=1\nafter 50 asks\n",
        "include-missing@5", pxelinux_files},
    {"a file that includes itself", "INCLUDE loop.cfg\n", "x: linux x\nasks\n", "include-loop@1",
        pxelinux_files},
    {"what is no command", "LABEL a\nKERNEL k\nAPEND x\nKERNEL=z\n{% if x %}\n",
        "a: linux k\nasks\n", "not-understood@3 not-understood@4", NULL},
    {"nothing", "", "asks\n", NULL, NULL},
};

static void pxelinux_examples(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof pxelinux / sizeof *pxelinux; k++)
        check_example(kl_pxelinux_parse, &pxelinux[k]);
}

/* --- GRUB --------------------------------------------------------------------------------------*/

static const char *const grub_files[] = {"/grub/more.cfg",
    "menuentry more { linux /m; initrd /i; }\nreturn\nmenuentry no { linux /n; }\n", "loop.cfg",
    "source loop.cfg\n", NULL};

static const struct example grub[] = {
    {"installation media",
        "set default=\"1\"\n\nfunction load_video {\n  insmod efi_gop\n}\n\nload_video\n"
        "set gfxpayload=keep\nset timeout=60\n### BEGIN ###\n"
        "search --no-floppy --set=root -l 'RHEL-9-4-0-BaseOS-x86_64'\n"
        "menuentry 'Install RHEL 9.4' --class fedora --class os {\n"
        "\tlinuxefi /images/pxeboot/vmlinuz inst.stage2=hd:LABEL=RHEL-9-4-0 quiet\n"
        "\tinitrdefi /images/pxeboot/initrd.img\n}\n"
        "menuentry 'Test & install' --class os {\n"
        "\tlinuxefi /images/pxeboot/vmlinuz inst.stage2=hd:LABEL=RHEL-9-4-0 rd.live.check quiet\n"
        "\tinitrdefi /images/pxeboot/initrd.img\n}\nsubmenu 'Troubleshooting -->' {\n"
        "\tmenuentry 'Rescue' {\n\t\tlinuxefi /vmlinuz inst.rescue\n\t\tinitrdefi "
        "/initrd.img\n\t}\n}\n",
        "Install RHEL 9.4: linux /images/pxeboot/vmlinuz [/images/pxeboot/initrd.img] "
        "inst.stage2=hd:LABEL=RHEL-9-4-0 quiet\n"
        "Test & install: linux /images/pxeboot/vmlinuz [/images/pxeboot/initrd.img] "
        "inst.stage2=hd:LABEL=RHEL-9-4-0 rd.live.check quiet *timeout\n"
        "Rescue: linux /vmlinuz [/initrd.img] inst.rescue\nafter 600 asks\n",
        NULL, NULL},
    {"quotes, escapes, continued lines, several commands on a line",
        "menuentry \"a b\" { linux /k 'x=1;2' y=\\;z \"q=r s\" \\\n   w=1\\\n2 e=''; initrd /i /j "
        "}\n",
        "a b: linux /k [/i /j] x=1;2 y=;z q=r s w=12 e=\nasks\n", NULL, NULL},
    {"variables: set, not set, in quotes, split, positional",
        "set ks=http://192.0.2.1/ks.cfg\nset two='a=1 b=2'\nset timeout=5\n"
        "menuentry t --id x p1 { linux ($root)/k inst.ks=$ks ${two} \"$two\" $2 'lit=$ks'; initrd "
        "(http,192.0.2.1)/i }\nmenuentry u { linux /k mac=$net_default_mac; initrd /i; }\n",
        "t: linux ($root)/k [(http,192.0.2.1)/i] inst.ks=http://192.0.2.1/ks.cfg a=1 b=2 a=1 b=2 "
        "p1 "
        "lit=$ks *timeout\nu: linux /k [/i] mac=$net_default_mac incomplete\nafter 50 asks\n",
        NULL, NULL},
    {"a variable has the value of the file's end",
        "set a=1\nmenuentry t { linux /k x=$a }\nset a=2\n", "t: linux /k x=2\nasks\n", NULL, NULL},
    {"conditions on the machine keep both ways",
        "menuentry t {\n if [ \"$grub_cpu\" = x86_64 ]; then\n  set a=x86\n else\n  set a=arm\n "
        "fi\n"
        " linux /$a/k x\n initrd /$a/i\n}\n",
        "t: linux /x86/k [/x86/i] x if([ \"$grub_cpu\" = x86_64 ])\n"
        "t: linux /arm/k [/arm/i] x if(! [ \"$grub_cpu\" = x86_64 ])\nasks\n",
        NULL, NULL},
    {"ways that come to the same are one",
        "menuentry t {\n if [ $grub_platform = efi ]; then\n linuxefi /k x\n initrdefi /i\n else\n "
        "linux16 /k x\n initrd16 /i\n fi\n}\n",
        "t: linux /k [/i] x\nasks\n", NULL, NULL},
    {"conditions on what is set are decided; elif",
        "set v=2\nmenuentry t {\n if [ $v = 1 ]; then linux /one; elif test \"$v\" == 2; then "
        "linux "
        "/two a; else linux /three; fi; initrd /i\n}\n",
        "t: linux /two [/i] a\nasks\n", NULL, NULL},
    {"commands in variables",
        "if [ $grub_platform = efi ]; then set linux=linuxefi; set initrd=initrdefi; else set "
        "linux=linux; set initrd=initrd; fi\nmenuentry t { $linux /k x; ${initrd} /i; }\n",
        "t: linux /k [/i] x\nasks\n", NULL, NULL},
    {"at the top, ways meet again",
        "if [ \"${next_entry}\" ] ; then set default=\"${next_entry}\"; set timeout=5\nelse set "
        "default=1; set timeout=5; fi\nmenuentry a { linux /k; }\nmenuentry b { linux /k; }\n",
        "a: linux /k\nb: linux /k\nafter 50 asks\n", NULL, NULL},
    {"entries that are there on some machines only",
        "set timeout=3\nif [ \"$grub_platform\" = pc ]; then\nmenuentry bios { linux16 /k a; "
        "}\nfi\n"
        "menuentry efi { linux /k b; }\n",
        "bios: linux /k a if([ \"$grub_platform\" = pc ])\nefi: linux /k b\nafter 30 asks\n", NULL,
        NULL},
    {"defaults by identifier, title, within a submenu; a style without a menu",
        "set default='s>in'\nset timeout=7\nset timeout_style=hidden\nmenuentry o { linux /k; }\n"
        "submenu S --id s { menuentry first { linux /k 1; }\n menuentry In --id=in { linux /k 2; } "
        "}\n",
        "o: linux /k\nfirst: linux /k 1\nIn: linux /k 2 *timeout\nafter 70 at once\n", NULL, NULL},
    {"a default that is not known, and one that is not there",
        "set default=nobody\nset timeout=0\nmenuentry a { linux /k; }\n",
        "a: linux /k *\nat once\n", NULL, NULL},
    {"local disks, other loaders, and what is none",
        "menuentry l1 { set root=(hd0); chainloader +1; }\nmenuentry l2 { exit }\nmenuentry l3 { "
        "search --file /EFI/redhat/shimx64.efi --set root; chainloader /EFI/redhat/shimx64.efi; "
        "boot }\n"
        "menuentry o1 { chainloader (tftp,192.0.2.1)/ipxe.efi }\nmenuentry o2 { configfile "
        "/grub/x.cfg }\nmenuentry o3 { reboot }\nmenuentry o4 { linux16 /memtest86+ }\nmenuentry "
        "o5 { "
        "echo no }\n",
        "l1: local\nl2: local\nl3: local\no1: other\no2: other\no3: other\n"
        "o4: other /memtest86+\no5: other\nasks\n",
        NULL, NULL},
    {"functions and loops",
        "function load { linux /$1/k x=$2; initrd /$1/i; }\nfor d in el8 el9; do\n menuentry "
        "\"$d\" $d "
        "{ load $2 y }\ndone\n",
        "el8: linux /el8/k [/el8/i] x=y\nel9: linux /el9/k [/el9/i] x=y\nasks\n", NULL, NULL},
    {"Xen", "menuentry x { multiboot2 /xen.gz dom0_mem=1G; module2 /vmlinuz ks=u; module2 /i; }\n",
        "x: linux /vmlinuz [/i] ks=u\nasks\n", NULL, NULL},
    {"a script without a menu", "linux /k x\ninitrd /i\nboot\n",
        "(top): linux /k [/i] x *\nat once\n", NULL, NULL},
    {"a script that leaves", "exit\n", "(top): local *\nat once\n", NULL, NULL},
    {"sourced files; those asked for first need not be there",
        "source /grub/more.cfg\nsource $prefix/custom.cfg\nif [ -f x.cfg ]; then source x.cfg; "
        "fi\n",
        "more: linux /m [/i]\nasks\n", "include-missing@2", grub_files},
    {"a file that sources itself", "source loop.cfg\n", "at once\n", "include-loop@1", grub_files},
    {"an open quote", "menuentry a { linux /k; }\nset x='y\nmenuentry b { linux /k; }\n",
        "a: linux /k\nasks\n", "not-understood@2", NULL},
    {"an if without an end", "if [ $x ]; then\nmenuentry a { linux /k; }\n",
        "a: linux /k if([ $x ])\nasks\n", "not-understood@1", NULL},
};

static void grub_examples(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof grub / sizeof *grub; k++)
        check_example(kl_grub_parse, &grub[k]);
}

/* --- iPXE --------------------------------------------------------------------------------------*/

static const struct example ipxe[] = {
    {"one kernel, at once",
        "#!ipxe\ndhcp\nset base http://192.0.2.1/el9\nkernel --name linux ${base}/vmlinuz "
        "initrd=initrd.img inst.ks=http://192.0.2.1/ks.cfg quiet\ninitrd --name initrd.img "
        "${base}/initrd.img\nboot\n",
        "(top): linux http://192.0.2.1/el9/vmlinuz [http://192.0.2.1/el9/initrd.img] "
        "inst.ks=http://192.0.2.1/ks.cfg quiet *\nat once\n",
        NULL, NULL},
    {"settings of the machine stand as written",
        "#!ipxe\nkernel k BOOTIF=01-${net0/mac:hexhyp} x\ninitrd http://${next-server}/i\nboot\n",
        "(top): linux k [http://${next-server}/i] BOOTIF=01-${net0/mac:hexhyp} x * incomplete\n"
        "at once\n",
        NULL, NULL},
    {"settings within settings, with several words, cleared",
        "#!ipxe\nset v 9\nset el9-args a=1 b=2\nset gone x\nclear gone\nkernel k ${el${v}-args} "
        "z${gone}\nboot\n",
        "(top): linux k a=1 b=2 z *\nat once\n", NULL, NULL},
    {"a setting that is set differently elsewhere is not known there",
        "#!ipxe\n:a\nset t el8\ngoto boot\n:b\nset t el9\ngoto boot\n:boot\nkernel ${t}/k x=${t}\n"
        "initrd ${t}/i\nboot\n",
        "boot: linux ${t}/k [${t}/i] x=${t} * incomplete\nat once\n", NULL, NULL},
    {"imgargs, initrds before the kernel, boot with a name",
        "#!ipxe\ninitrd http://h/i1\nkernel http://h/vmlinuz\ninitrd http://h/i2\nimgargs vmlinuz "
        "initrd=i1 a=1 b\nboot vmlinuz\n",
        "(top): linux http://h/vmlinuz [http://h/i1 http://h/i2] a=1 b *\nat once\n", NULL, NULL},
    {"a menu with a time-out, continued lines, comments",
        "#!ipxe\n:start\nmenu Boot\nitem --gap -- Systems\nitem --key l local Local disk\nitem ins "
        "Install # the default\nchoose --timeout 5000 --default ins target && goto ${target} || "
        "goto "
        "start\n:ins\nkernel k a \\\n  b\\\nc # d\ninitrd i || goto start\nboot || goto "
        "start\n:local\n"
        "exit\n",
        "ins: linux k [i] a bc *timeout\nlocal: local\nafter 50 asks\n", NULL, NULL},
    {"a menu that waits", "#!ipxe\nmenu\nitem a A\nchoose t && goto ${t}\n:a\nkernel k\nboot\n",
        "a: linux k\nasks\n", NULL, NULL},
    {"the first item, or the one that says so",
        "#!ipxe\nmenu\nitem a A\nitem --default b B\nchoose --timeout 100 t\ngoto ${t}\n:a\nkernel "
        "k\nboot\n:b\nkernel l\nboot\n",
        "a: linux k\nb: linux l *timeout\nafter 1 asks\n", NULL, NULL},
    {"nobody presses the key",
        "#!ipxe\nprompt --key 0x02 --timeout 2000 Press Ctrl-B && shell ||\nkernel k\nboot\n",
        "(top): other if(prompt --key 0x02 --timeout 2000 Press Ctrl-B)\n(top): linux k *timeout\n"
        "after 20 asks\n",
        NULL, NULL},
    {"ways that differ by machine, and ways that end alike",
        "#!ipxe\niseq ${buildarch} arm64 && goto arm || goto x86\n:arm\nkernel arm/k\nboot\n:x86\n"
        "kernel x86/k\nboot\n",
        "arm: linux arm/k *\nx86: linux x86/k *\nat once\n", NULL, NULL},
    {"ways that do not", "#!ipxe\nisset ${asset} && goto x ||\nexit\n:x\nkernel x86/k\nboot\n",
        "(top): local\nx: linux x86/k\nat once\n", NULL, NULL},
    {"what the text decides",
        "#!ipxe\nset m install\niseq ${m} install && goto x ||\nexit\n:x\nkernel x86/k\nboot\n",
        "(top): local\nx: linux x86/k *\nat once\n", NULL, NULL},
    {"local disks, and what is none",
        "#!ipxe\n:a\nsanboot --no-describe --drive 0x80\n:b\nsanboot iscsi:192.0.2.1::::iqn\n:c\n"
        "chain http://h/other.ipxe\n:d\nkernel memdisk iso\ninitrd x.iso\nboot\n:e\nreboot\n:f\n"
        "chain http://h/vmlinuz ks=u\n",
        "a: local *\nb: other\nc: other http://h/other.ipxe\nd: other memdisk [x.iso] iso\ne: "
        "other\n"
        "f: linux http://h/vmlinuz ks=u\nat once\n",
        NULL, NULL},
    {"round and round", "#!ipxe\n:a\ngoto b\n:b\ngoto a\n", "at once\n", NULL, NULL},
};

static void ipxe_examples(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof ipxe / sizeof *ipxe; k++)
        check_example(kl_ipxe_parse, &ipxe[k]);
}

/* --- round trip --------------------------------------------------------------------------------*/

typedef bool render(const struct kl_boot *b, struct kl_buf *out, struct kl_diags *d);

static const struct {
    const char *name;
    render *render;
    reader *read;
} loaders[] = {
    {"pxelinux", kl_pxelinux_render, kl_pxelinux_parse}, {"grub", kl_grub_render, kl_grub_parse}};

static void same_line(const struct kl_entry *e, const struct kl_boot *b, const char *line)
{
    struct kl_buf got KL_BUF_SCOPE = {0};
    for (size_t k = 0; k < e->line.n; k++)
        kl_buf_addf(&got, "%s%s", k ? " " : "", e->line.args[k].text);
    assert_string_equal(kl_buf_text(&got), line);
    assert_true(e->complete);
    assert_int_equal(e->ninitrds, b->ninitrds);
}

/* What is rendered reads back: the entries, the kernel, the initrds, and the line byte for byte. */
static size_t back_again(struct kl_arena *a, const struct kl_boot *b, size_t loader)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_buf out KL_BUF_SCOPE = {0};
    if (!loaders[loader].render(b, &out, d))
        return 0;
    const struct kl_menu *m = loaders[loader].read(a, out.s, out.len, "out", NULL, d);
    assert_int_equal(kl_diags_count(d, KL_NOTE), 0);
    check_places(m, d);
    size_t found = 0, started = 0;
    for (size_t k = 0; k < m->nentries; k++) {
        const struct kl_entry *e = &m->entries[k];
        bool rescue = strstr(e->name, "escue") != NULL;
        started += e->by_default;
        if (e->kind == KL_ENTRY_LINUX) {
            same_line(e, b, rescue ? b->rescue_cmdline : b->cmdline);
            assert_int_equal(e->by_default, b->armed && !rescue && !e->condition);
            found++;
        } else if (e->kind == KL_ENTRY_LOCAL) {
            assert_int_equal(e->by_default, !b->armed);
        }
    }
    assert_int_equal(found, b->rescue_cmdline ? 2 : 1);
    assert_int_equal(started, 1);
    assert_int_equal(m->timeout_ds, b->timeout * 10);
    return 1;
}

static void rendered_reads_back(void **state)
{
    (void)state;
    static const char *const urls[] = {"http://192.0.2.1/i.img", "http://192.0.2.1/j.img"};
    static const char *const paths[] = {"/k/i.img", "/k/j.img"};
    size_t done[3] = {0};
    for (unsigned seed = 0; seed < 400; seed++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_intent *i = random_intent(a, seed);
        for (size_t k = 0;; k++) {
            const char *name = kl_release_at(a, (seed % 7 + k * 7));
            struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
            struct kl_buf line KL_BUF_SCOPE = {0};
            if (!name)
                break;
            const struct kl_release *r = kl_release_find(a, name, NULL);
            const struct kl_install what = {
                .kickstart = "http://192.0.2.1/ks.cfg?a=1&b=2", .stage2 = "http://192.0.2.1/tree"};
            if (!kl_cmdline_render(i, r, &what, &line, d))
                continue;
            for (size_t l = 0; l < sizeof loaders / sizeof *loaders; l++) {
                const struct kl_boot b = {.host = "h.example.net",
                    .kernel = l == 2 ? "http://192.0.2.1/vmlinuz" : "/k/vmlinuz",
                    .initrds = l == 2 ? urls : paths,
                    .ninitrds = 1 + seed % 2,
                    .cmdline = line.s,
                    .rescue_cmdline = seed % 3 ? "inst.rescue rd.neednet=1" : NULL,
                    .armed = seed % 5 != 0,
                    .timeout = seed % 4 ? 10 : 0};
                done[l] += back_again(a, &b, l);
            }
        }
    }
    for (size_t l = 0; l < sizeof loaders / sizeof *loaders; l++)
        assert_true(done[l] > 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pxelinux_examples),
        cmocka_unit_test(grub_examples),
        cmocka_unit_test(ipxe_examples),
        cmocka_unit_test(rendered_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
