/* stage/options*.c: who reads a word of the kernel command line, by release; and what was meant. */
#include "base/text.h"
#include "stage/options.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char *const states[] = {[KL_OPTION_READ] = "read",
    [KL_OPTION_NEEDS_PREFIX] = "needs-prefix",
    [KL_OPTION_DEPRECATED] = "deprecated",
    [KL_OPTION_TOO_NEW] = "too-new",
    [KL_OPTION_REMOVED] = "removed",
    [KL_OPTION_IGNORED] = "ignored",
    [KL_OPTION_UNKNOWN] = "unknown"};

static const struct {
    const char *release, *key;
    const char *verdict; /* "STATE [INSTEAD]", with "near" before what was meant */
} verdicts[] = {
    /* prefixes */
    {"rhel-9.4", "inst.ks", "read"},
    {"rhel-9.4", "ks", "needs-prefix inst.ks"},
    {"rhel-8.10", "ks", "deprecated inst.ks"},
    {"rhel-8.3", "ks", "deprecated inst.ks"},
    {"centos-7.9", "ks", "deprecated inst.ks"},
    {"centos-7.2", "kssendmac", "deprecated inst.ks.sendmac"},
    {"rhel-10.0", "kssendmac", "needs-prefix inst.ks.sendmac"},
    {"rhel-9.0", "ks.sendmac", "needs-prefix inst.ks.sendmac"},
    {"fedora-38", "repo", "needs-prefix inst.repo"},
    {"rhel-9.4", "text", "needs-prefix inst.text"},
    /* names that somebody else reads too */
    {"rhel-9.4", "debug", "read"},
    {"rhel-9.4", "selinux", "read"},
    {"rhel-9.4", "loglevel", "read"},
    {"rhel-9.4", "proxy", "read"},
    {"rhel-9.4", "rescue", "read"},
    /* by release */
    {"rhel-7.3", "inst.waitfornet", "too-new"},
    {"rhel-7.4", "inst.waitfornet", "read"},
    {"rhel-7.9", "inst.addrepo", "too-new"},
    {"rhel-9.4", "inst.vnc", "read"},
    {"rhel-10.0", "inst.vnc", "removed inst.rdp"},
    {"fedora-42", "inst.vnc", "read"},
    {"rhel-9.4", "inst.rdp", "too-new"},
    {"fedora-42", "inst.rdp", "read"},
    {"rhel-10.0", "inst.net.noautodefault", "read"},
    {"rhel-9.7", "inst.net.noautodefault", "too-new"},
    {"fedora-38", "inst.net.noautodefault", "read"},
    {"centos-stream-8", "rd.ethtool", "read"},
    {"rhel-8.5", "rd.ethtool", "too-new"},
    {"rhel-8.2", "rd.net.timeout.ipv6dad", "read"},
    {"rhel-8.3", "rd.net.timeout.ipv6dad", "ignored"},
    {"rhel-9.4", "rd.net.timeout.carrier", "read"},
    {"rhel-8.6", "ksdevice", "deprecated"},
    {"centos-7.6", "method", "deprecated inst.repo"},
    {"rhel-8.4", "blacklist", "deprecated modprobe.blacklist"},
    {"rhel-9.4", "blacklist", "removed modprobe.blacklist"},
    {"rhel-7.0", "askmethod", "removed inst.repo"},
    {"rhel-9.4", "asknetwork", "removed ip"},
    {"rhel-8.9", "serial", "removed console"},
    {"rhel-8.9", "ethtool", "removed"},
    {"centos-7.2", "noipv4", "ignored"},
    {"rhel-10.1", "noipv4", "ignored"},
    {"rhel-9.4", "noipv6", "read"},
    {"rhel-9.4", "inst.ks.device", "ignored"},
    /* EL6's loader */
    {"centos-6.10", "ks", "read"},
    {"centos-6.10", "KSDEVICE", "read"},
    {"centos-6.10", "inst.ks", "too-new ks"},
    {"centos-6.10", "inst.ks.sendmac", "too-new kssendmac"},
    {"centos-6.10", "ks.sendmac", "too-new kssendmac"},
    {"centos-6.10", "inst.addrepo", "too-new"},
    {"centos-6.10", "noipv4", "read"},
    {"centos-6.10", "askmethod", "read"},
    {"centos-6.10", "nameserver", "too-new dns"},
    {"centos-6.10", "dns", "read"},
    {"centos-6.10", "bond", "too-new"},
    {"centos-6.10", "rd.neednet", "too-new"},
    {"centos-6.10", "quiet", "read"},
    {"centos-6.10", "ip", "read"},
    {"rhel-9.4", "KSDEVICE", "unknown near ksdevice"},
    /* the kernel's: any spelling, any module, and nothing else */
    {"rhel-9.4", "no-console-suspend", "read"},
    {"rhel-9.4", "nvme_core.default_ps_max_latency_us", "read"},
    {"rhel-9.4", "modprobe.blacklist", "read"},
    {"rhel-9.4", "net.ifnames", "read"},
    {"rhel-9.4", "systemd.unit", "read"},
    {"rhel-9.4", "BOOT_IMAGE", "read"},
    {"rhel-9.4", "SYSUUID", "read"},
    {"rhel-9.4", "rd.systemd.unit", "read"},
    {"rhel-9.4", "rd.live_check", "unknown near rd.live.check"},
    {"rhel-9.4", "crashkernel", "read"},
    /* what was meant */
    {"centos-7.2", "inst.ssh", "unknown near inst.sshd"},
    {"rhel-9.4", "inst.stag2", "unknown near inst.stage2"},
    {"rhel-9.4", "inst.kickstrat", "unknown near inst.kickstart"},
    {"rhel-9.4", "inst.ip", "unknown near ip"},
    {"rhel-9.4", "inst.nameserver", "unknown near nameserver"},
    {"rhel-9.4", "isnt.ks", "unknown near inst.ks"},
    {"rhel-9.4", "install.repo", "unknown near inst.repo"},
    {"rhel-9.4", "inst.KS", "unknown near inst.ks"},
    {"rhel-9.4", "namesever", "unknown near nameserver"},
    {"rhel-9.4", "bootif", "unknown near BOOTIF"},
    {"rhel-9.4", "rd.neednett", "unknown near rd.neednet"},
    {"rhel-9.4", "inst.something.of.ours", "unknown"},
    /* a site's own words */
    {"rhel-9.4", "ipv4", "unknown"},
    {"rhel-9.4", "role", "unknown"},
    {"rhel-9.4", "host", "unknown"},
    {"rhel-9.4", "site", "unknown"},
    {"rhel-9.4", "profile", "unknown"},
    {"rhel-9.4", "ks_url", "unknown"},
    {"rhel-9.4", "myorg.role", "read"},
    {"rhel-9.4", "", "unknown"},
    {"rhel-9.4", ".", "read"},
};

static const char *verdict(struct kl_arena *a, const char *release, const char *key)
{
    const struct kl_release *r = kl_release_find(a, release, NULL);
    if (!r)
        return "no such release";
    struct kl_option_verdict v = kl_boot_option_verdict(a, key, r);
    assert_true(!v.near || (v.state == KL_OPTION_UNKNOWN && v.instead));
    assert_true(v.state == KL_OPTION_UNKNOWN || v.option);
    assert_true(v.state != KL_OPTION_TOO_NEW || v.since);
    assert_true(v.state != KL_OPTION_REMOVED || v.until);
    return kl_sprintf(a, "%s%s%s%s", states[v.state], v.near ? " near" : "", v.instead ? " " : "",
        v.instead ? v.instead : "");
}

static void by_release(void **state)
{
    (void)state;
    bool ok = true;
    for (size_t k = 0; k < sizeof verdicts / sizeof *verdicts; k++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        const char *is = verdict(a, verdicts[k].release, verdicts[k].key);
        if (strcmp(is, verdicts[k].verdict) != 0) {
            fprintf(stderr, "%s: %s is '%s', not '%s'\n", verdicts[k].release, verdicts[k].key, is,
                verdicts[k].verdict);
            ok = false;
        }
    }
    assert_true(ok);
}

static void edges(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const struct kl_release *el = kl_release_find(a, "rhel-9.4", NULL);
    const struct kl_release *fedora = kl_release_find(a, "fedora-39", NULL);
    assert_string_equal(kl_boot_option_verdict(a, "inst.rdp", el).since, "EL10");
    assert_string_equal(kl_boot_option_verdict(a, "inst.rdp", fedora).since, "F41");
    assert_string_equal(kl_boot_option_verdict(a, "noipv4", el).until, "EL6");
    assert_string_equal(kl_boot_option_verdict(a, "inst.ks", el).option->name, "inst.ks");
}

/* Each name once, and each that the table says to write instead is itself read somewhere. */
static void table(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const struct kl_release *newest = kl_release_find(a, "rhel-10.1", NULL);
    size_t n = 0, kernel = 0;
    for (const struct kl_boot_option *o = kl_boot_options; o->name; o++, n++) {
        assert_true(*o->name && *o->what);
        kernel += o->reader == KL_READ_KERNEL;
        for (const struct kl_boot_option *p = o + 1; p->name; p++)
            if (strcmp(o->name, p->name) == 0)
                fail_msg("%s is there twice", o->name);
        if (o->never)
            continue;
        struct kl_option_verdict v = kl_boot_option_verdict(a, o->name, newest);
        assert_ptr_equal(v.option, o);
        if (o->instead && v.state == KL_OPTION_REMOVED)
            assert_string_equal(verdict(a, "rhel-10.1", o->instead), "read");
        for (const char *c = o->bare; c && *c; c += strcspn(c, " ") + (strchr(c, ' ') != NULL))
            assert_false(kl_starts(c, "inst."));
    }
    assert_true(n > 700 && kernel > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_release),
        cmocka_unit_test(edges),
        cmocka_unit_test(table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
