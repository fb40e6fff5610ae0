/* serve/patched: trees as profiles patch them, against mksquashfs, unsquashfs, cpio and sha256sum;
 * what hosts are told, and what happens when something is not as it should be. */
#include "base/text.h"
#include "fleet/plan.h"
#include "serve/content.h"
#include "serve/patched.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];
static struct kl_arena *arena; /* of one test */

/* Runs a command in the directory; what it says, which must be well. */
__attribute__((format(printf, 1, 2))) static const char *told(const char *fmt, ...)
{
    static char out[4096];
    char command[3000], line[3200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    snprintf(line, sizeof line, "exec 2>&1; cd %s && %s", dir, command);
    FILE *p = popen(line, "r"); /* NOLINT: words of our own */
    assert_non_null(p);
    size_t n = fread(out, 1, sizeof out - 1, p);
    out[n] = '\0';
    int status = pclose(p);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s: %s", command, out);
    return out;
}

static const char inventory[] =
    "server: {address: ['2001:db8::20', 192.0.2.1], trees: trees, boot: boot}\n"
    "profiles:\n"
    "  plain: {release: centos-7.2, tree: c72}\n"
    "  el7:\n"
    "    inherits: plain\n"
    "    patch: {initrd: fixes/initrd, stage2: [fixes/stage2, more.tar]}\n"
    "  child: {inherits: el7, sshd: true}\n"
    "  early: {inherits: plain, patch: {initrd: fixes/initrd}}\n"
    "  wrong: {inherits: plain, patch: {stage2: fixes/wrong}}\n"
    "hosts:\n"
    "  child1: {profile: child, nics: {eth0: '52:54:00:00:00:03'},\n"
    "    network: {eth0: {addresses: ['2001:db8::3/64'], gateway6: ra}}}\n"
    "  early1: {profile: early, repo: 'http://[2001:db8::99]/c72',\n"
    "    nics: {eth0: '52:54:00:00:00:04'},\n"
    "    network: {eth0: {addresses: ['2001:db8::4/64'], gateway6: ra}}}\n"
    "  old1: {profile: plain, nics: {eth0: '52:54:00:00:00:01'},\n"
    "    network: {eth0: {addresses: ['2001:db8::1/64'], gateway6: ra}}}\n"
    "  web1: {profile: el7, nics: {eth0: '52:54:00:00:00:02'},\n"
    "    network: {eth0: {addresses: ['2001:db8::2/64'], gateway6: ra}}}\n"
    "  web2: {profile: el7, repo: 'http://[2001:db8::99]/c72',\n"
    "    nics: {eth0: '52:54:00:00:00:06'},\n"
    "    network: {eth0: {addresses: ['2001:db8::6/64'], gateway6: ra}}}\n"
    "  wrong1: {profile: wrong, nics: {eth0: '52:54:00:00:00:05'},\n"
    "    network: {eth0: {addresses: ['2001:db8::5/64'], gateway6: ra}}}\n";

static void make_tree(void)
{
    told("mkdir -p trees/c72/images/pxeboot trees/c72/LiveOS trees/c72/Packages boot "
         "root/etc root/usr/bin fixes/initrd/etc fixes/stage2/etc fixes/wrong/etc/motd more/etc");
    told("echo old > root/etc/motd && head -c 300000 /dev/urandom > root/usr/bin/tool && "
         "touch -d 2015-11-30 root/etc/motd root/etc root/usr/bin/tool root/usr/bin root/usr root");
    told("(cd root && find . | cpio -o -H newc --quiet | gzip -n) "
         "> trees/c72/images/pxeboot/initrd.img");
    told("mksquashfs root trees/c72/LiveOS/squashfs.img -quiet -no-progress -comp gzip");
    told("echo kernel > trees/c72/images/pxeboot/vmlinuz && echo rpm > trees/c72/Packages/a.rpm");
    told("echo early > fixes/initrd/etc/motd && echo late > fixes/stage2/etc/motd && "
         "echo added > more/etc/added && tar -C more -cf more.tar etc/added && touch "
         "fixes/wrong/etc/motd/file");
    told("cd trees/c72 && { printf '; composed\\n[general]\\nfamily = CentOS\\nversion = 7\\n"
         "arch = x86_64\\n[stage2]\\nmainimage = LiveOS/squashfs.img\\n[checksums]\\n'; for f in "
         "images/pxeboot/initrd.img images/pxeboot/vmlinuz LiveOS/squashfs.img; do echo \"$f = "
         "sha256:$(sha256sum < $f | cut -c1-64)\"; done; } > .treeinfo && cp .treeinfo treeinfo");
    told("cat > k.yaml <<'END'\n%sEND", inventory);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/kl-patched-XXXXXX");
    assert_non_null(mkdtemp(dir));
    make_tree();
    arena = kl_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kl_arena_free(arena);
    told("rm -r --one-file-system '%s'", dir);
    return 0;
}

struct site {
    struct kl_fleet *fleet;
    struct kl_patched *patched;
    struct kl_diags *d;
};

static struct site site(const struct kl_patched *before)
{
    struct site s = {.d = kl_diags_new()};
    s.fleet = kl_fleet_load(kl_sprintf(arena, "%s/k.yaml", dir), s.d);
    if (!s.fleet)
        kl_diags_print(s.d, stderr, false, 0);
    assert_non_null(s.fleet);
    s.patched = kl_patched_new(s.fleet, before, s.d);
    return s;
}

static void leave(struct site *s)
{
    kl_patched_free(s->patched);
    kl_fleet_free(s->fleet);
    kl_diags_free(s->d);
}
#define SITE_SCOPE __attribute__((cleanup(leave)))

static bool armed(void *arg, const char *host)
{
    (void)arg;
    (void)host;
    return true;
}

static struct kl_answer ask(const struct site *s, const char *path)
{
    struct kl_answer a;
    struct kl_ask q = {.fleet = s->fleet,
        .patched = s->patched,
        .armed = armed,
        .path = path,
        .path_len = strlen(path)};
    kl_content_find(&q, &a);
    return a;
}

/* Writes what is served at `path` to a file. */
static void fetch(const struct site *s, const char *path, const char *to)
{
    struct kl_answer a = ask(s, path);
    if (a.found != KL_FOUND)
        fail_msg("%s: %s", path, a.why);
    int fd =
        open(kl_sprintf(arena, "%s/%s", dir, to), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_true(kl_rope_write(a.rope, fd, NULL, NULL));
    close(fd);
    kl_answer_end(&a);
}

static const char *script(const struct site *s, const char *host)
{
    struct kl_answer a = ask(s, kl_sprintf(arena, "/host/%s/boot.ipxe", host));
    char *text = kl_alloc(arena, 8192);
    assert_int_equal(a.found, KL_FOUND);
    assert_true(kl_rope_read(a.rope, 0, text, 8191) > 0);
    kl_answer_end(&a);
    return text;
}

static void expect(const struct site *s, const char *path, enum kl_found found, const char *why)
{
    struct kl_answer a = ask(s, path);
    if (a.found != found || !strstr(a.why, why))
        fail_msg("%s: %d, %s", path, (int)a.found, a.why);
    kl_answer_end(&a);
}

static struct kl_rope *served(const struct site *s, const char *path)
{
    const char *rest;
    const struct kl_patched_tree *t = kl_patched_find(s->patched, path, &rest);
    assert_non_null(t);
    return kl_patched_file(t, rest);
}

/* --- what is served ----------------------------------------------------------------------------*/

static void images_are_patched(void **state)
{
    (void)state;
    struct site s SITE_SCOPE = site(NULL);
    fetch(&s, "/patched/el7/c72/images/pxeboot/initrd.img", "initrd");
    fetch(&s, "/patched/el7/c72/LiveOS/squashfs.img", "stage2");
    told("cmp -n $(stat -c %%s trees/c72/images/pxeboot/initrd.img) initrd "
         "trees/c72/images/pxeboot/initrd.img");
    told(
        "n=$(stat -c %%s trees/c72/images/pxeboot/initrd.img); n=$(((n + 3) / 4 * 4)); "
        "mkdir out && tail -c +$((n + 1)) initrd > tail && cd out && cpio -id --quiet < ../tail && "
        "cmp etc/motd ../fixes/initrd/etc/motd");
    told("unsquashfs -q -n -d un stage2 && cmp un/etc/motd fixes/stage2/etc/motd && "
         "cmp un/etc/added more/etc/added && cmp un/usr/bin/tool root/usr/bin/tool");
    /* the same again, by parts */
    struct kl_rope *r = served(&s, "el7/c72/LiveOS/squashfs.img");
    char part[1000], want[1000];
    FILE *f = fopen(kl_sprintf(arena, "%s/stage2", dir), "rb");
    for (uint64_t at = 0; at + 1000 < kl_rope_len(r); at += 54321) {
        assert_int_equal(kl_rope_read(r, at, part, sizeof part), sizeof part);
        assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
        assert_int_equal(fread(want, 1, sizeof want, f), sizeof want);
        assert_memory_equal(part, want, sizeof want);
    }
    fclose(f);
}

static void the_treeinfo_is_true(void **state)
{
    (void)state;
    struct site s SITE_SCOPE = site(NULL);
    fetch(&s, "/patched/el7/c72/images/pxeboot/initrd.img", "initrd");
    fetch(&s, "/patched/el7/c72/LiveOS/squashfs.img", "stage2");
    static const char *const names[] = {".treeinfo", "treeinfo"};
    for (size_t k = 0; k < 2; k++) {
        fetch(&s, kl_sprintf(arena, "/patched/el7/c72/%s", names[k]), "ti");
        told("grep -qx \"images/pxeboot/initrd.img = sha256:$(sha256sum < initrd | cut -c1-64)\" "
             "ti && grep -qx \"LiveOS/squashfs.img = sha256:$(sha256sum < stage2 | cut -c1-64)\" "
             "ti");
        /* two lines differ, and no more */
        assert_string_equal(told("diff trees/c72/.treeinfo ti | grep -c '^>'"), "2\n");
    }
}

static void the_rest_is_the_trees(void **state)
{
    (void)state;
    struct site s SITE_SCOPE = site(NULL);
    fetch(&s, "/patched/el7/c72/Packages/a.rpm", "a");
    fetch(&s, "patched\\el7//c72/images/pxeboot/./vmlinuz", "v");
    told("cmp a trees/c72/Packages/a.rpm && cmp v trees/c72/images/pxeboot/vmlinuz");
    /* only the initrd of this one is another */
    fetch(&s, "/patched/early/c72/LiveOS/squashfs.img", "plain");
    told("cmp plain trees/c72/LiveOS/squashfs.img");
    fetch(&s, "/trees/c72/images/pxeboot/initrd.img", "i");
    told("cmp i trees/c72/images/pxeboot/initrd.img");
    expect(&s, "/patched/el7/c72/nope", KL_NOT_FOUND, "no such file");
    expect(&s, "/patched/el7/c72", KL_NOT_FOUND, "directory");
    expect(&s, "/patched/el7", KL_NOT_FOUND, "");
    expect(&s, "/patched/el7/c7", KL_NOT_FOUND, "no profile");
    expect(&s, "/patched/plain/c72/.treeinfo", KL_NOT_FOUND, "no profile");
    expect(&s, "/patched/el7/c72/../../k.yaml", KL_REFUSED, "");
}

static void hosts_are_told_where(void **state)
{
    (void)state;
    struct site s SITE_SCOPE = site(NULL);
#define BASE "http://[2001:db8::20]"
    static const struct {
        const char *host, *has, *has_not;
    } cases[] = {
        {"web1", BASE "/patched/el7/c72/images/pxeboot/initrd.img", "/trees/"},
        {"web1", "inst.repo=" BASE "/patched/el7/c72", "inst.stage2"},
        {"child1", "inst.repo=" BASE "/patched/el7/c72", "/child/"},
        {"old1", "inst.repo=" BASE "/trees/c72", "/patched/"},
        {"early1", "inst.repo=http://[2001:db8::99]/c72", "inst.stage2"},
        {"early1", BASE "/patched/early/c72/images/pxeboot/initrd.img", "/trees/"},
        /* packages from elsewhere, the patched image from here */
        {"web2", "inst.repo=http://[2001:db8::99]/c72", "/trees/"},
        {"web2", "inst.stage2=" BASE "/patched/el7/c72", "/trees/"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const char *text = script(&s, cases[k].host);
        if (!strstr(text, cases[k].has) || strstr(text, cases[k].has_not))
            fail_msg("%s: %s", cases[k].host, text);
    }
}

/* --- what goes wrong, and what stays -----------------------------------------------------------*/

static void a_patch_that_fails_is_given_to_nobody(void **state)
{
    (void)state;
    struct site s SITE_SCOPE = site(NULL);
    const struct kl_diag *one = NULL;
    for (size_t k = 0; kl_diags_at(s.d, k); k++)
        if (kl_streq(kl_diags_at(s.d, k)->code, "patch-failed"))
            one = kl_diags_at(s.d, k);
    if (!one) {
        fail();
        return;
    }
    assert_int_equal(one->severity, KL_ERROR);
    assert_int_equal(one->at.line, 9);
    assert_true(kl_ends(one->at.file, "k.yaml"));
    assert_non_null(strstr(one->message, "profile 'wrong', tree 'c72': LiveOS/squashfs.img"));
    expect(&s, "/patched/wrong/c72/LiveOS/squashfs.img", KL_CANNOT, "cannot be patched");
    expect(&s, "/patched/wrong/c72/.treeinfo", KL_CANNOT, "cannot be patched");
    expect(&s, "/patched/wrong/c72/Packages/a.rpm", KL_CANNOT, "cannot be patched");
    const char *text = script(&s, "wrong1");
    assert_non_null(strstr(text, "boots its own disk"));
    assert_null(strstr(text, "inst."));
    expect(&s, "/host/wrong1/boot.ipxe", KL_FOUND, "cannot be patched");
    assert_non_null(strstr(script(&s, "web1"), "/patched/el7/c72"));
}

static void no_mixture(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "cp LiveOS/squashfs.img n && echo >> n && mv n LiveOS/squashfs.img",
        "touch images/pxeboot/initrd.img",
        "touch .treeinfo",
    };
    for (size_t k = 0; k < sizeof changes / sizeof *changes; k++) {
        struct site s SITE_SCOPE = site(NULL);
        expect(&s, "/patched/el7/c72/LiveOS/squashfs.img", KL_FOUND, "patched");
        told("cd trees/c72 && %s", changes[k]);
        expect(&s, "/patched/el7/c72/LiveOS/squashfs.img", KL_CANNOT, "changed on disk: reload");
        expect(&s, "/patched/el7/c72/.treeinfo", KL_CANNOT, "changed on disk: reload");
        expect(&s, "/patched/el7/c72/Packages/a.rpm", KL_CANNOT, "changed on disk: reload");
        assert_non_null(strstr(script(&s, "web1"), "boots its own disk"));
        expect(&s, "/trees/c72/LiveOS/squashfs.img", KL_FOUND, "file");
    }
}

static void kept_while_nothing_changes(void **state)
{
    (void)state;
    static const char stage2[] = "el7/c72/LiveOS/squashfs.img",
                      early[] = "early/c72/images/pxeboot/initrd.img";
    struct site one SITE_SCOPE = site(NULL);
    struct site two SITE_SCOPE = site(one.patched);
    assert_ptr_equal(served(&one, stage2), served(&two, stage2));
    assert_ptr_equal(served(&one, early), served(&two, early));
    told("echo other > fixes/stage2/etc/motd");
    struct site three SITE_SCOPE = site(two.patched);
    assert_ptr_not_equal(served(&one, stage2), served(&three, stage2));
    assert_ptr_equal(served(&one, early), served(&three, early));
    fetch(&three, "/patched/el7/c72/LiveOS/squashfs.img", "stage2");
    assert_string_equal(told("unsquashfs -cat stage2 etc/motd"), "other\n");
    /* the same bytes from the same input, made anew */
    struct site four SITE_SCOPE = site(NULL);
    fetch(&four, "/patched/el7/c72/LiveOS/squashfs.img", "again");
    told("cmp stage2 again");
    told("echo > fixes/stage2/new");
    struct site five SITE_SCOPE = site(three.patched);
    assert_ptr_not_equal(served(&three, stage2), served(&five, stage2));
    told("rm -r fixes/initrd");
    struct site six SITE_SCOPE = site(five.patched);
    expect(&six, "/patched/early/c72/.treeinfo", KL_CANNOT, "cannot be patched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(images_are_patched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_treeinfo_is_true, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_rest_is_the_trees, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hosts_are_told_where, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_patch_that_fails_is_given_to_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_mixture, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kept_while_nothing_changes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
