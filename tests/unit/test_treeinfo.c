/* Which release a tree says that it holds: the families and the odd versions of docs/releases.md,
 * "Recognising a tree". */
#include "tree/treeinfo.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct dir {
    char path[32];
};

static void dir_drop(struct dir *d)
{
    static const char *const names[] = {".treeinfo", "treeinfo", ".discinfo"};
    char path[64];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", d->path, names[i]);
        unlink(path);
    }
    rmdir(d->path);
}
#define DIR_SCOPE __attribute__((cleanup(dir_drop)))

static struct dir new_dir(void)
{
    struct dir d = {"/tmp/kickline-tree-XXXXXX"};
    assert_non_null(mkdtemp(d.path));
    return d;
}

static void put(const struct dir *d, const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", d->path, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static const struct {
    const char *family, *version, *disc, *release; /* NULL: the tree does not say enough */
} cases[] = {
    {"Red Hat Enterprise Linux", "8.0.0", NULL, "rhel-8.0"},
    {"Red Hat Enterprise Linux", "9.4", NULL, "rhel-9.4"},
    {"Red Hat Enterprise Linux", "10.0", NULL, "rhel-10.0"},
    {"Red Hat Enterprise Linux", "7.99", NULL, NULL},
    {"CentOS", "7", NULL, NULL},
    {"CentOS", "7", "7.9", "centos-7.9"},
    {"CentOS", "7", "8.1", NULL}, /* they contradict each other */
    {"CentOS Linux", "8", "CentOS Linux 8.4", "centos-8.4"},
    {"CentOS Stream", "9", NULL, "centos-stream-9"},
    {"CentOS Stream", "9", "CentOS Stream 9", "centos-stream-9"},
    {"Rocky Linux", "9.4", "9.4", "rocky-9.4"},
    {"Rocky Linux", "9", NULL, NULL},
    {"Rocky Linux", "9", "9.3", "rocky-9.3"},
    {"AlmaLinux", "9", "AlmaLinux 9.3", "almalinux-9.3"},
    {"AlmaLinux", "9.3", NULL, "almalinux-9.3"},
    {"Oracle Linux Server", "8", "Oracle Linux 8.4.0", "ol-8.4"},
    {"Oracle Linux Server", "7", "OL-7.9 Server.x86_64", "ol-7.9"},
    {"Oracle Linux Server", "9.3", NULL, "ol-9.3"},
    {"Fedora", "42", NULL, "fedora-42"},
    {"Red Hat Enterprise Linux", "7", "RHEL-7.6 Server.x86_64", "rhel-7.6"},
    {NULL, NULL, "Rocky Linux 9.4", "rocky-9.4"},
    {"Slackware", "15.0", NULL, NULL},
    {NULL, NULL, "9.4", NULL},
};

static void releases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dir dir DIR_SCOPE = new_dir();
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_tree t;
        put(&dir, ".treeinfo",
            cases[i].family ? kl_sprintf(a, "[general]\nfamily = %s\nversion = %s\narch = x86_64\n",
                                  cases[i].family, cases[i].version)
                            : "[general]\narch = x86_64\n");
        if (cases[i].disc)
            put(&dir, ".discinfo", kl_sprintf(a, "1603729576.5\n%s\nx86_64\n", cases[i].disc));
        assert_true(kl_tree_read(a, dir.path, &t, d));
        assert_int_equal(kl_diags_count(d, KL_NOTE), 0);
        const char *got = t.release ? kl_release_name(a, t.release) : "none";
        const char *want = cases[i].release ? cases[i].release : "none";
        if (strcmp(got, want) != 0)
            fail_msg("%s %s (%s): expected %s, got %s", cases[i].family, cases[i].version,
                cases[i].disc, want, got);
    }
}

static void paths(void **state)
{
    (void)state;
    struct dir dir DIR_SCOPE = new_dir();
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_tree t;
    put(&dir, "treeinfo",
        "# comment\r\n[general]\r\n; WARNING.0 = version = 1.0\r\nfamily=Fedora\r\nversion=44\r\n"
        "arch=noarch\r\n[tree]\r\narch = x86_64\r\n[images-noarch]\r\nkernel = wrong\r\n"
        "[images-x86_64]\r\nkernel = images/pxeboot/vmlinuz\r\ninitrd=../../etc/passwd\r\n"
        "[stage2]\r\nmainimage = /images/install.img\r\n");
    assert_true(kl_tree_read(a, dir.path, &t, d));
    assert_string_equal(t.arch, "x86_64");
    assert_string_equal(t.version, "44");
    assert_string_equal(t.kernel, "images/pxeboot/vmlinuz");
    assert_null(t.initrd);    /* it would leave the tree */
    assert_null(t.mainimage); /* so would this */
}

static void no_tree(void **state)
{
    (void)state;
    struct dir dir DIR_SCOPE = new_dir();
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_tree t;
    assert_false(kl_tree_read(a, dir.path, &t, d));
    assert_string_equal(kl_diags_at(d, 0)->code, "no-treeinfo");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(releases),
        cmocka_unit_test(paths),
        cmocka_unit_test(no_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
