/* journal/armed: who may be installed, kept through anything. */
#include "journal/armed.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64], file[96];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/kl-armed-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/state.db", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", file, ends[i]);
        unlink(name);
    }
    return rmdir(dir);
}

static struct kl_armed *open_it(void)
{
    char *why = NULL;
    struct kl_armed *s = kl_armed_open(file, &why);
    if (!s)
        fail_msg("%s", why);
    return s;
}

static void keeps_what_was_said(void **state)
{
    (void)state;
    char *why;
    int64_t since = 0;
    struct kl_armed *s = open_it();
    assert_int_equal(kl_armed_get(s, "a", NULL), 0);
    assert_true(kl_armed_set(s, "a", 1000, &why));
    assert_true(kl_armed_set(s, "a", 2000, &why)); /* the first time counts */
    assert_int_equal(kl_armed_get(s, "a", &since), 1);
    assert_int_equal(since, 1000);
    kl_armed_close(s);
    s = open_it();
    assert_int_equal(kl_armed_get(s, "a", &since), 1);
    assert_true(kl_armed_clear(s, "a", &why));
    assert_true(kl_armed_clear(s, "a", &why));
    assert_int_equal(kl_armed_get(s, "a", &since), 0);
    kl_armed_close(s);
}

static void collect(void *arg, const char *host, int64_t since)
{
    char *all = arg;
    snprintf(all + strlen(all), 256 - strlen(all), "%s:%lld ", host, (long long)since);
}

static void lists_in_order(void **state)
{
    (void)state;
    char *why, all[256] = "";
    struct kl_armed *s = open_it();
    kl_armed_set(s, "zebra", 1, &why);
    kl_armed_set(s, "ant'; DROP TABLE armed; --", 2, &why);
    kl_armed_set(s, "bee", 3, &why);
    assert_true(kl_armed_each(s, collect, all, &why));
    assert_string_equal(all, "ant'; DROP TABLE armed; --:2 bee:3 zebra:1 ");
    kl_armed_close(s);
}

static void two_see_each_other_at_once(void **state)
{
    (void)state;
    char *why;
    struct kl_armed *a = open_it(), *b = open_it();
    assert_int_equal(kl_armed_get(b, "x", NULL), 0);
    assert_true(kl_armed_set(a, "x", 1, &why));
    assert_int_equal(kl_armed_get(b, "x", NULL), 1);
    assert_true(kl_armed_clear(b, "x", &why));
    assert_int_equal(kl_armed_get(a, "x", NULL), 0);
    kl_armed_close(a);
    kl_armed_close(b);
}

/* A process that arms one host after the other is killed in the middle: every host that it
 * reported is armed, and the file is whole. */
static void survives_kill_9(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        int p[2], n = 0, said = -1;
        assert_int_equal(pipe(p), 0);
        pid_t child = fork();
        if (child == 0) {
            char *why, name[16];
            struct kl_armed *s = kl_armed_open(file, &why);
            for (int i = 0; s; i++) {
                snprintf(name, sizeof name, "r%d-%d", round, i);
                if (!kl_armed_set(s, name, i, &why) || write(p[1], &i, sizeof i) != sizeof i)
                    break;
            }
            _exit(1);
        }
        close(p[1]);
        while (n < 20 + round * 7 && read(p[0], &said, sizeof said) == sizeof said)
            n++;
        kill(child, SIGKILL);
        while (read(p[0], &said, sizeof said) == sizeof said)
            ;
        close(p[0]);
        waitpid(child, NULL, 0);
        assert_true(said >= 19);
        struct kl_armed *s = open_it();
        for (int i = 0; i <= said; i++) {
            char name[16];
            snprintf(name, sizeof name, "r%d-%d", round, i);
            assert_int_equal(kl_armed_get(s, name, NULL), 1);
        }
        kl_armed_close(s);
    }
}

enum { THREADS = 4, EACH = 50 };

static void *arm_many(void *arg)
{
    struct kl_armed *s = open_it();
    char name[32], *why;
    for (int i = 0; i < EACH; i++) {
        snprintf(name, sizeof name, "t%d-%d", *(int *)arg, i);
        if (!kl_armed_set(s, name, 1, &why) || kl_armed_get(s, name, NULL) != 1)
            return arg;
    }
    kl_armed_close(s);
    return NULL;
}

static void count(void *arg, const char *host, int64_t since)
{
    (void)host, (void)since;
    ++*(int *)arg;
}

static void many_writers_wait_for_each_other(void **state)
{
    (void)state;
    pthread_t t[THREADS];
    int id[THREADS], n = 0;
    char *why;
    for (int i = 0; i < THREADS; i++) {
        id[i] = i;
        pthread_create(&t[i], NULL, arm_many, &id[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        void *bad;
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    struct kl_armed *s = open_it();
    assert_true(kl_armed_each(s, count, &n, &why));
    assert_int_equal(n, THREADS * EACH);
    kl_armed_close(s);
}

static void refused(const char *path, const char *says)
{
    char *why = NULL;
    assert_null(kl_armed_open(path, &why));
    assert_non_null(why);
    if (!strstr(why, says))
        fail_msg("'%s' does not say '%s'", why, says);
    free(why);
}

static void refuses_what_is_not_its_own(void **state)
{
    (void)state;
    refused("/nonexistent/state.db", "make its directory");
    FILE *f = fopen(file, "w");
    for (int i = 0; i < 1000; i++)
        fputs("not a database ", f);
    fclose(f);
    refused(file, "move it away");
    unlink(file);

    sqlite3 *db;
    sqlite3_open(file, &db);
    sqlite3_exec(db, "CREATE TABLE other(x)", NULL, NULL, NULL);
    sqlite3_close(db);
    refused(file, "not Kickline's");
    unlink(file);

    kl_armed_close(open_it());
    sqlite3_open(file, &db);
    sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL);
    sqlite3_close(db);
    refused(file, "newer Kickline");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_what_was_said, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(lists_in_order, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(two_see_each_other_at_once, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(survives_kill_9, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(many_writers_wait_for_each_other, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(refuses_what_is_not_its_own, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
