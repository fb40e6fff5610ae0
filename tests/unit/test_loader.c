/* stage/: iPXE, GRUB and PXELINUX configurations. */
#include "golden.h"

#include "stage/stage.h"

static const char *const initrds_http[] = {"http://[2001:db8:20::20]/trees/el9/initrd.img"};
static const char *const initrds_two[] = {"/trees/el7/initrd.img", "/host/a/patch.cpio"};

typedef bool render(const struct kl_boot *b, struct kl_buf *out, struct kl_diags *d);

static const struct {
    const char *name;
    render *render;
} loaders[] = {
    {"ipxe", kl_ipxe_render}, {"grub", kl_grub_render}, {"pxelinux", kl_pxelinux_render}};

static struct kl_boot http_boot(bool armed, unsigned timeout)
{
    return (struct kl_boot){.host = "newbox.example.net",
        .kernel = "http://[2001:db8:20::20]/trees/el9/vmlinuz",
        .initrds = initrds_http,
        .ninitrds = 1,
        .cmdline = "bond=bond0:enp3s0,enp7s0:mode=active-backup,miimon=100 "
                   "ip=[2001:db8:11::31]::[2001:db8:11::1]:64::bond0:none rd.neednet=1 "
                   "inst.ks=http://[2001:db8:20::20]/host/newbox.example.net/ks.cfg",
        .rescue_cmdline = "inst.rescue rd.neednet=1",
        .armed = armed,
        .timeout = timeout,
        .report = "http://[2001:db8:20::20]/host/newbox.example.net/report"};
}

static struct kl_boot path_boot(bool armed, unsigned timeout)
{
    return (struct kl_boot){.host = "old.example.net",
        .kernel = "/trees/el7/vmlinuz",
        .initrds = initrds_two,
        .ninitrds = 2,
        .cmdline = "bond=bond0:eth0,eth1:mode=active-backup,arp_ip_target=192.0.2.1;192.0.2.2 "
                   "ip=192.0.2.10::192.0.2.1:24::bond0:none",
        .armed = armed,
        .timeout = timeout};
}

/* What tests/e2e/test_loaders.py boots in QEMU: with everything that a loader could trip over. */
static struct kl_boot lab_boot(bool ipxe, bool armed)
{
    static const char *const urls[] = {"tftp://10.0.2.2/k/a.img", "tftp://10.0.2.2/k/b.img"};
    static const char *const paths[] = {"/k/a.img", "/k/b.img"};
    return (struct kl_boot){.host = "h",
        .kernel = ipxe ? "tftp://10.0.2.2/k/vmlinuz" : "/k/vmlinuz",
        .initrds = ipxe ? urls : paths,
        .ninitrds = 2,
        .cmdline = "bond=bond0:enp3s0,enp7s0:mode=active-backup,arp_ip_target=192.0.2.1;192.0.2.2 "
                   "ip=[2001:db8:11::31:0]::[2001:db8:11::1]:64:h:bond0:none a=b&c a=$x a={y} "
                   "a=<z> a=p|q inst.ks=http://[2001:db8:20::20]/host/h/ks.cfg?x=1#y "
                   "earlyprintk=serial,ttyS0 console=ttyS0 panic=-1",
        .armed = armed,
        .report = ipxe ? "http://10.0.2.2:8080/report" : NULL};
}

static void golden(void **state)
{
    (void)state;
    const struct {
        const char *name;
        int loader;
        struct kl_boot boot;
    } cases[] = {
        {"armed-menu.ipxe", 0, http_boot(true, 10)},
        {"armed-at-once.ipxe", 0, http_boot(true, 0)},
        {"disarmed-menu.ipxe", 0, http_boot(false, 10)},
        {"disarmed-at-once.ipxe", 0, http_boot(false, 0)},
        {"armed-url.grub", 1, http_boot(true, 10)},
        {"armed-path.grub", 1, path_boot(true, 0)},
        {"disarmed.grub", 1, path_boot(false, 10)},
        {"armed-menu.pxelinux", 2, path_boot(true, 10)},
        {"armed-at-once.pxelinux", 2, path_boot(true, 0)},
        {"disarmed.pxelinux", 2, path_boot(false, 10)},
        {"lab-armed.ipxe", 0, lab_boot(true, true)},
        {"lab-armed.grub", 1, lab_boot(false, true)},
        {"lab-armed.pxelinux", 2, lab_boot(false, true)},
        {"lab-disarmed.ipxe", 0, lab_boot(true, false)},
        {"lab-disarmed.grub", 1, lab_boot(false, false)},
        {"lab-disarmed.pxelinux", 2, lab_boot(false, false)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kl_buf out KL_BUF_SCOPE = {0};
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        assert_true(loaders[cases[i].loader].render(&cases[i].boot, &out, d));
        assert_int_equal(kl_diags_count(d, KL_NOTE), 0);
        char path[96];
        snprintf(path, sizeof path, "loader/%s", cases[i].name);
        assert_golden(path, kl_buf_text(&out));
    }
}

/* A line that a loader would change, cut or drop is refused by that loader, and only by it. */
static void what_a_loader_cannot_carry(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool carries[3]; /* iPXE, GRUB, PXELINUX */
    } cases[] = {
        {"a=1 b=2", {true, true, true}},
        {"", {true, true, true}},
        {"bond=bond0:a,b:arp_ip_target=1;2", {true, true, true}},
        {"a=\"b c\"", {false, false, true}},
        {"a='b'", {true, false, true}},
        {"a=b\\c", {true, false, true}},
        {"a=b\\", {false, false, true}},
        {"a=${net0/mac}", {false, true, true}},
        {"a ; b", {false, true, true}},
        {"a && b", {false, true, true}},
        {"a || b", {false, true, true}},
        {"a #b", {false, true, true}},
        {"a;b a&&b a#b", {true, true, true}},
        {"a=$b", {true, true, true}},
        {"a\nb", {false, false, false}},
        {"a\033b", {false, false, false}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t l = 0; l < 3; l++)
            for (int rescue = 0; rescue < 2; rescue++) {
                struct kl_buf out KL_BUF_SCOPE = {0};
                struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
                struct kl_boot b = path_boot(true, 5);
                if (rescue)
                    b.rescue_cmdline = cases[i].line;
                else
                    b.cmdline = cases[i].line;
                bool ok = loaders[l].render(&b, &out, d);
                if (ok != cases[i].carries[l])
                    fail_msg("%s and '%s'", loaders[l].name, cases[i].line);
                assert_int_equal(kl_diags_count(d, KL_ERROR) > 0, !ok);
                assert_int_equal(out.len > 0, ok);
            }
}

/* A file name is one word, a scheme that the loader knows, and of a family it has. */
static void what_a_loader_can_load(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        bool loads[3];
    } cases[] = {
        {"http://192.0.2.1/vmlinuz", {true, true, true}},
        {"http://192.0.2.1:8080/vmlinuz", {true, true, true}},
        {"http://[2001:db8::1]:8080/vmlinuz", {true, true, false}},
        {"ftp://192.0.2.1/vmlinuz", {true, false, true}},
        {"tftp://192.0.2.1/vmlinuz", {true, true, true}},
        {"http://192.0.2.1/a b", {false, false, false}},
        {"", {false, false, false}},
        {"/a,b", {true, true, false}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t l = 0; l < 3; l++) {
            struct kl_buf out KL_BUF_SCOPE = {0};
            struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
            struct kl_boot b = path_boot(true, 5);
            b.initrds = &cases[i].file;
            b.ninitrds = 1;
            if (loaders[l].render(&b, &out, d) != cases[i].loads[l])
                fail_msg("%s and '%s'", loaders[l].name, cases[i].file);
        }
}

/* What the loader adds to the line counts: 2046 bytes in all, no more. */
static void the_longest_line(void **state)
{
    (void)state;
    static const char *const before[] = {
        "vmlinuz initrd=initrd.img initrd=initrd2.img ",
        "BOOT_IMAGE=/trees/el7/vmlinuz ",
        "BOOT_IMAGE=::/trees/el7/vmlinuz initrd=::/trees/el7/initrd.img,::/host/a/patch.cpio ",
    };
    char line[KL_CMDLINE_MAX + 2];
    for (size_t l = 0; l < 3; l++)
        for (size_t over = 0; over < 2; over++) {
            size_t n = KL_CMDLINE_MAX - strlen(before[l]) + over;
            memset(line, 'x', n);
            line[n] = '\0';
            struct kl_buf out KL_BUF_SCOPE = {0};
            struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
            struct kl_boot b = path_boot(true, 5);
            b.cmdline = line;
            if (loaders[l].render(&b, &out, d) != !over)
                fail_msg("%s: %zu bytes", loaders[l].name, n);
        }
}

static void a_name_cannot_leave_its_title(void **state)
{
    (void)state;
    static const char *const names[] = {"a b", "a\nb", "a'b", "a{b", "${b}", "a;b"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t l = 0; l < 3; l++) {
            struct kl_buf out KL_BUF_SCOPE = {0};
            struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
            struct kl_boot b = path_boot(true, 5);
            b.host = names[i];
            assert_false(loaders[l].render(&b, &out, d));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),
        cmocka_unit_test(what_a_loader_cannot_carry),
        cmocka_unit_test(what_a_loader_can_load),
        cmocka_unit_test(the_longest_line),
        cmocka_unit_test(a_name_cannot_leave_its_title),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
