/* image/output: a file that appears whole or not at all. */
#include "image/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* Each test has a directory of its own, which is also where it stands. */
static int enter(void **state)
{
    char name[] = "/tmp/kl-output-XXXXXX";
    if (!mkdtemp(name) || chmod(name, 0755) != 0 || chdir(name) != 0)
        return -1;
    *state = strdup(name);
    return 0;
}

static int leave(void **state)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    free(*state);
    return chdir("/") != 0 || system(command) != 0; /* NOLINT: of our own making */
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void holds(const char *path, const char *text)
{
    char got[256] = "";
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s: %s", path, strerror(errno));
    (void)!fread(got, 1, sizeof got - 1, f);
    fclose(f);
    assert_string_equal(got, text);
}

/* How many names are in a directory. */
static int names(const char *dir)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    int n = -2;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static bool write_file(const char *path, const char *text)
{
    struct kl_rope *r KL_ROPE_SCOPE = kl_rope_new();
    kl_rope_add_bytes(r, text, strlen(text));
    return kl_output_rope(path, 0640, r, NULL, NULL);
}

static void nothing_is_there_until_it_is_whole(void **state)
{
    (void)state;
    struct kl_output *o = kl_output_begin("new", 0751);
    assert_non_null(o);
    assert_int_equal(write(kl_output_fd(o), "half", 4), 4);
    assert_int_equal(names("."), 0);
    assert_true(kl_output_commit(o));
    holds("new", "half");
    assert_int_equal(names("."), 1);
    struct stat st;
    assert_int_equal(stat("new", &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0751);
}

static void the_mode_is_not_the_umasks(void **state)
{
    (void)state;
    mode_t old = umask(077);
    assert_true(write_file("new", "x"));
    umask(old);
    struct stat st;
    assert_int_equal(stat("new", &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0640);
}

static void the_old_file_stays_until_then(void **state)
{
    (void)state;
    put("old", "old\n");
    int reader = open("old", O_RDONLY | O_CLOEXEC);
    struct kl_output *o = kl_output_begin("old", 0644);
    assert_non_null(o);
    assert_int_equal(write(kl_output_fd(o), "new\n", 4), 4);
    holds("old", "old\n");
    assert_true(kl_output_commit(o));
    holds("old", "new\n");
    assert_int_equal(names("."), 1);
    char got[8] = "";
    assert_int_equal(read(reader, got, sizeof got), 4); /* who has it open keeps it */
    assert_string_equal(got, "old\n");
    close(reader);
}

static void the_owner_stays(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    put("old", "old\n");
    assert_int_equal(chown("old", 12, 34), 0);
    assert_true(write_file("old", "new\n"));
    struct stat st;
    assert_int_equal(stat("old", &st), 0);
    assert_int_equal(st.st_uid, 12);
    assert_int_equal(st.st_gid, 34);
    assert_int_equal(st.st_mode, S_IFREG | 0640);
}

static void what_is_dropped_was_never_there(void **state)
{
    (void)state;
    put("old", "old\n");
    struct kl_output *o = kl_output_begin("old", 0644);
    assert_int_equal(write(kl_output_fd(o), "new\n", 4), 4);
    kl_output_drop(o);
    kl_output_drop(kl_output_begin("new", 0644));
    kl_output_drop(NULL);
    holds("old", "old\n");
    assert_int_equal(names("."), 1);
}

static void a_link_is_kept_and_what_it_names_replaced(void **state)
{
    mkdir("far", 0755);
    put("far/real", "old\n");
    char absolute[128];
    snprintf(absolute, sizeof absolute, "%s/far/two", (char *)*state);
    assert_int_equal(symlink("real", "far/two"), 0);
    assert_int_equal(symlink(absolute, "one"), 0); /* one -> /.../far/two -> real */
    assert_true(write_file("one", "new\n"));
    holds("far/real", "new\n");
    struct stat st;
    assert_int_equal(lstat("one", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(lstat("far/two", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(names("far"), 2);
    assert_int_equal(names("."), 2);
    /* ... or made. */
    assert_int_equal(symlink("far/none", "dangling"), 0);
    assert_true(write_file("dangling", "made\n"));
    holds("far/none", "made\n");
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    mkdir("dir", 0755);
    put("file", "old\n");
    assert_int_equal(symlink("b", "a"), 0);
    assert_int_equal(symlink("a", "b"), 0);
    assert_int_equal(symlink("dir", "to-dir"), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    static const struct {
        const char *path;
        int error;
    } cases[] = {
        {"dir", EISDIR},
        {"dir/", EISDIR},
        {"to-dir", EISDIR},
        {".", EISDIR},
        {"dir/..", EISDIR},
        {"/", EISDIR},
        {"", ENOENT},
        {"none/new", ENOENT},
        {"file/new", ENOTDIR},
        {"a", ELOOP},
        {"fifo", EINVAL},
        {"/dev/null", EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        errno = 0;
        if (kl_output_begin(cases[i].path, 0644) || errno != cases[i].error)
            fail_msg(
                "\"%s\": %s, not %s", cases[i].path, strerror(errno), strerror(cases[i].error));
    }
    assert_int_equal(names("."), 6);
    assert_int_equal(names("dir"), 0);
}

static void a_name_may_be_as_long_as_names_are(void **state)
{
    (void)state;
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    assert_true(write_file(name, "one"));
    assert_true(write_file(name, "two")); /* by a temporary name, which is no longer */
    holds(name, "two");
    assert_int_equal(names("."), 1);
}

static void a_directory_that_takes_the_name_stays(void **state)
{
    (void)state;
    struct kl_output *o = kl_output_begin("name", 0644);
    mkdir("name", 0755);
    assert_false(kl_output_commit(o));
    assert_int_equal(errno, EISDIR);
    assert_int_equal(names("."), 1);
}

/* Runs `what` in a process of its own, which may give away what it has. */
static void apart(void (*what)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        what();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status)
        fail_msg("the child ended with %#x", status);
}

/* Its line says where: assertions are the parent's. */
#define MUST(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #what, strerror(errno));        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void killed(void)
{
    struct kl_output *o = kl_output_begin("old", 0644);
    MUST(o && write(kl_output_fd(o), "new\n", 4) == 4 && fsync(kl_output_fd(o)) == 0);
    _exit(0); /* as a kill would: nothing is cleaned up */
}

static void a_kill_leaves_no_trace(void **state)
{
    (void)state;
    put("old", "old\n");
    apart(killed);
    holds("old", "old\n");
    assert_int_equal(names("."), 1);
}

static void without_rights(void)
{
    MUST(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
    MUST(!kl_output_begin("new", 0644) && errno == EACCES);
    MUST(!kl_output_begin("old", 0644) && errno == EACCES);
}

static void the_directory_must_be_writable(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    put("old", "old\n");
    assert_int_equal(chmod("old", 0666), 0); /* which is not what counts */
    apart(without_rights);
    assert_int_equal(names("."), 1);
}

/* Mounts that only this process has. */
static void own_mounts(void)
{
    MUST(unshare(CLONE_NEWNS) == 0);
    MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
}

static void with_a_full_disk(void)
{
    own_mounts();
    MUST(mkdir("full", 0755) == 0 && mount("tmpfs", "full", "tmpfs", 0, "size=64k") == 0);
    MUST(chdir("full") == 0 && write_file("old", "old\n"));
    static char much[100000];
    struct kl_rope *r = kl_rope_new();
    kl_rope_add_bytes(r, much, sizeof much);
    MUST(!kl_output_rope("old", 0644, r, NULL, NULL) && errno == ENOSPC);
    MUST(!kl_output_rope("new", 0644, r, NULL, NULL) && errno == ENOSPC);
    kl_rope_drop(r);
    MUST(names(".") == 1);
    holds("old", "old\n");
    MUST(write_file("old", "new\n")); /* what was written is given back */
    MUST(chdir("..") == 0);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    apart(with_a_full_disk);
}

static void without_proc(void)
{
    own_mounts();
    MUST(mount("tmpfs", "/proc", "tmpfs", 0, NULL) == 0);
    struct kl_output *o = kl_output_begin("old", 0644);
    MUST(o && write(kl_output_fd(o), "new\n", 4) == 4);
    MUST(names(".") == 2);
    DIR *d = opendir(".");
    for (struct dirent *e; (e = readdir(d));)
        MUST(*e->d_name == '.' || strcmp(e->d_name, "old") == 0); /* hidden */
    closedir(d);
    holds("old", "old\n");
    kl_output_drop(o);
    MUST(names(".") == 1);
    MUST(write_file("old", "new\n") && names(".") == 1);
    holds("old", "new\n");
}

/* As on a filesystem without O_TMPFILE: to give such a file a name takes /proc. */
static void a_named_file_does_as_well(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    put("old", "old\n");
    apart(without_proc);
    holds("old", "new\n");
}

static void a_base_that_changes_gives_no_file(void **state)
{
    (void)state;
    put("base", "0123456789");
    struct kl_rope *r KL_ROPE_SCOPE = kl_rope_of_fd(open("base", O_RDONLY | O_CLOEXEC));
    put("base", "short");
    assert_false(kl_output_rope("new", 0644, r, NULL, NULL));
    assert_int_equal(errno, ESTALE);
    assert_int_equal(names("."), 1);
}

static void a_file_may_be_written_over_its_own_base(void **state)
{
    (void)state;
    put("base", "0123456789");
    struct kl_rope *r KL_ROPE_SCOPE = kl_rope_of_fd(open("base", O_RDONLY | O_CLOEXEC));
    kl_rope_add_bytes(r, "+", 1);
    assert_true(kl_output_rope("base", 0644, r, NULL, NULL));
    holds("base", "0123456789+");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, enter, leave)
    const struct CMUnitTest tests[] = {
        CASE(nothing_is_there_until_it_is_whole),
        CASE(the_mode_is_not_the_umasks),
        CASE(the_old_file_stays_until_then),
        CASE(the_owner_stays),
        CASE(what_is_dropped_was_never_there),
        CASE(a_link_is_kept_and_what_it_names_replaced),
        CASE(says_what_is_wrong),
        CASE(a_name_may_be_as_long_as_names_are),
        CASE(a_directory_that_takes_the_name_stays),
        CASE(a_kill_leaves_no_trace),
        CASE(the_directory_must_be_writable),
        CASE(a_full_disk_leaves_the_old_file),
        CASE(a_named_file_does_as_well),
        CASE(a_base_that_changes_gives_no_file),
        CASE(a_file_may_be_written_over_its_own_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
