/* stage/cmdline*.c: every host of tests/golden/cmdline/hosts.yaml, for every release of RHEL and
 * the oldest and newest Fedora; releases that get the same line stand together. */
#include "fleet/fleet.h"
#include "stage/stage.h"

#include "golden.h"

#define HOSTS KL_SOURCE_ROOT "/tests/golden/cmdline/hosts.yaml"

static struct kl_fleet *load(void)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fleet *f = kl_fleet_load(HOSTS, d);
    if (!f)
        kl_diags_print(d, stderr, false, 0);
    assert_non_null(f);
    return f;
}

static struct kl_install install_of(struct kl_arena *a, const struct kl_host *h)
{
    const struct kl_settings *s = h->set;
    return (struct kl_install){
        .kickstart = kl_sprintf(a, "http://[2001:db8:20::20]/host/%s/ks.cfg", h->name),
        .repo = s->repo,
        .stage2 = s->stage2,
        .syslog = s->syslog,
        .sshd = s->sshd,
        .console = s->console,
        .nconsole = s->nconsole,
        .extra = s->kernel_args,
        .nextra = s->nkernel_args,
    };
}

/* The line, or what is wrong, one thing a line; both indented. */
static void render(
    struct kl_arena *a, const struct kl_host *h, const struct kl_release *r, struct kl_buf *out)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_install what = install_of(a, h);
    struct kl_buf line KL_BUF_SCOPE = {0};
    bool ok = kl_cmdline_render(h->intent, r, &what, &line, d);
    const struct kl_diag *e;
    size_t skip = strlen(kl_release_name(a, r)); /* the message begins with it */
    assert_int_equal(ok, kl_diags_count(d, KL_ERROR) == 0);
    for (size_t i = 0; (e = kl_diags_at(d, i)); i++) {
        kl_buf_addf(out, "    %s [%s]%s\n", e->severity == KL_ERROR ? "error" : "warning", e->code,
            kl_starts(e->message, kl_release_name(a, r)) ? e->message + skip : e->message);
        if (e->hint)
            kl_buf_addf(out, "          %s\n", e->hint);
    }
    if (ok) {
        assert_null(strpbrk(kl_buf_text(&line), "\n\"'\\"));
        kl_buf_addf(out, "    %s\n", kl_buf_text(&line));
    } else {
        assert_int_equal(line.len, 0); /* nothing half-said */
    }
}

static void every_host(void **state)
{
    (void)state;
    struct kl_fleet *f KL_FLEET_SCOPE = load();
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    for (size_t k = 0; k < f->nhosts; k++) {
        struct kl_buf text KL_BUF_SCOPE = {0}, before KL_BUF_SCOPE = {0};
        const char *name;
        for (size_t i = 0; (name = kl_release_at(a, i)); i++) {
            if (!kl_starts(name, "rhel-") && !kl_streq(name, "fedora-38") &&
                !kl_streq(name, "fedora-44"))
                continue;
            const struct kl_release *r = kl_release_find(a, name, NULL);
            struct kl_buf now KL_BUF_SCOPE = {0};
            if (!kl_release_installs(r))
                continue;
            render(a, &f->hosts[k], r, &now);
            if (before.len && kl_streq(kl_buf_text(&now), kl_buf_text(&before))) {
                kl_buf_addf(&text, " %s", name);
                continue;
            }
            kl_buf_addf(&text, "%s%s%s", before.len ? "\n" : "", kl_buf_text(&before), name);
            kl_buf_clear(&before);
            kl_buf_add(&before, kl_buf_text(&now));
        }
        kl_buf_addf(&text, "\n%s", kl_buf_text(&before));
        assert_golden(kl_sprintf(a, "cmdline/%s.txt", f->hosts[k].name), kl_buf_text(&text));
    }
}

/* A line that a boot loader would cut is not written, one that nearly would be is warned of. */
static void too_long(void **state)
{
    (void)state;
    struct kl_fleet *f KL_FLEET_SCOPE = load();
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const struct kl_host *h = kl_fleet_host(f, "plain4");
    assert_non_null(h);
    const struct kl_release *r = kl_release_find(a, "rhel-9.4", NULL);
    struct kl_buf without KL_BUF_SCOPE = {0};
    struct kl_diags *none KL_DIAGS_SCOPE = kl_diags_new();
    assert_true(kl_cmdline_render(h->intent, r, NULL, &without, none));
    for (size_t length = KL_CMDLINE_NEAR - 2; length < KL_CMDLINE_MAX + 3; length++) {
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_buf line KL_BUF_SCOPE = {0}, pad KL_BUF_SCOPE = {0};
        while (pad.len < length - without.len - 1)
            kl_buf_addc(&pad, 'x');
        const char *extra[] = {kl_buf_text(&pad)};
        const struct kl_install what = {.extra = extra, .nextra = 1};
        assert_int_equal(
            kl_cmdline_render(h->intent, r, &what, &line, d), length <= KL_CMDLINE_MAX);
        if (length <= KL_CMDLINE_MAX)
            assert_int_equal(line.len, length);
        assert_int_equal(kl_diags_count(d, KL_WARNING), length > KL_CMDLINE_NEAR);
    }
}

static void torn_arguments(void **state)
{
    (void)state;
    static const char *const bad[] = {"a b", "a'b", "a\"b", "a\\b", "a${b}", "", "a\tb", "a\nb",
        "ip=dhcp", "bond=bond0:eth0", "nameserver=192.0.2.1", "BOOTIF=01-52-54-00-12-34-56"};
    struct kl_fleet *f KL_FLEET_SCOPE = load();
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const struct kl_host *h = kl_fleet_host(f, "plain4");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_buf line KL_BUF_SCOPE = {0};
        const char *extra[] = {bad[i]};
        const struct kl_install what = {.extra = extra, .nextra = 1};
        assert_false(
            kl_cmdline_render(h->intent, kl_release_find(a, "rhel-9.4", NULL), &what, &line, d));
        assert_int_equal(kl_diags_count(d, KL_ERROR), 1);
        assert_int_equal(line.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_host),
        cmocka_unit_test(too_long),
        cmocka_unit_test(torn_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
