/* image/rope: pieces of files and of memory, read as one. */
#include "image/rope.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static int file_with(const char *text)
{
    char name[] = "/tmp/kl-rope-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    unlink(name);
    return fd;
}

/* "head" + bytes 2..5 of a file + "" + "tail" */
static struct kl_rope *sample(void)
{
    struct kl_rope *r = kl_rope_new();
    struct kl_pin *p = kl_pin_take(file_with("0123456789"));
    kl_rope_add_bytes(r, "head", 4);
    assert_true(kl_rope_add_file(r, p, 2, 4));
    kl_rope_add_bytes(r, "", 0);
    kl_rope_add_bytes_take(r, strdup("tail"), 4);
    kl_pin_drop(p);
    return r;
}

static void reads_across_pieces(void **state)
{
    (void)state;
    static const char whole[] = "head2345tail";
    struct kl_rope *r KL_ROPE_SCOPE = sample();
    assert_int_equal(kl_rope_len(r), 12);
    assert_int_equal(kl_rope_pieces(r), 3);
    for (size_t at = 0; at <= 13; at++) {
        for (size_t n = 0; n <= 13; n++) {
            char got[16] = "";
            size_t left = at < 12 ? 12 - at : 0, want = n < left ? n : left;
            assert_int_equal(kl_rope_read(r, at, got, n), want);
            if (want)
                assert_memory_equal(got, whole + at, want);
        }
    }
}

static void finds_pieces(void **state)
{
    (void)state;
    struct kl_rope *r KL_ROPE_SCOPE = sample();
    assert_ptr_equal(kl_rope_piece_at(r, 3), kl_rope_piece(r, 0));
    assert_ptr_equal(kl_rope_piece_at(r, 4), kl_rope_piece(r, 1));
    assert_ptr_equal(kl_rope_piece_at(r, 7), kl_rope_piece(r, 1));
    assert_ptr_equal(kl_rope_piece_at(r, 11), kl_rope_piece(r, 2));
    assert_null(kl_rope_piece_at(r, 12));
    assert_null(kl_rope_piece(r, 3));
    assert_int_equal(kl_rope_piece(r, 1)->offset, 2);
    struct kl_rope *empty KL_ROPE_SCOPE = kl_rope_new();
    char c;
    assert_int_equal(kl_rope_read(empty, 0, &c, 1), 0);
    assert_null(kl_rope_piece_at(empty, 0));
}

static void refuses_what_is_not_in_the_file(void **state)
{
    (void)state;
    struct kl_rope *r KL_ROPE_SCOPE = kl_rope_new();
    struct kl_pin *p = kl_pin_take(file_with("0123456789"));
    assert_false(kl_rope_add_file(r, p, 0, 11));
    assert_false(kl_rope_add_file(r, p, 11, 0));
    assert_false(kl_rope_add_file(r, p, 5, UINT64_MAX));
    assert_int_equal(errno, ERANGE);
    assert_true(kl_rope_add_file(r, p, 10, 0));
    assert_int_equal(kl_rope_pieces(r), 0);
    kl_pin_drop(p);
    assert_null(kl_pin_take(open("/tmp", O_RDONLY)));
    assert_int_equal(errno, EISDIR);
    assert_null(kl_pin_take(open("/dev/null", O_RDONLY)));
    assert_int_equal(errno, EINVAL);
}

static void notices_a_file_that_shrinks_or_changes(void **state)
{
    (void)state;
    int fd = file_with("0123456789"), again = dup(fd);
    struct kl_rope *r KL_ROPE_SCOPE = kl_rope_of_fd(fd);
    const struct kl_pin *p = kl_rope_piece(r, 0)->pin;
    char got[16];
    assert_true(kl_pin_unchanged(p));
    assert_int_equal(ftruncate(again, 5), 0);
    assert_false(kl_pin_unchanged(p));
    assert_int_equal(kl_rope_read(r, 0, got, 5), 5);
    assert_int_equal(kl_rope_read(r, 0, got, 6), -1);
    assert_int_equal(errno, ESTALE);
    close(again);
}

static void tags_tell_texts_apart(void **state)
{
    (void)state;
    char a[KL_ETAG_TEXT], b[KL_ETAG_TEXT];
    struct kl_rope *x KL_ROPE_SCOPE = kl_rope_new(), *y KL_ROPE_SCOPE = kl_rope_new();
    kl_rope_add_bytes(x, "armed", 5);
    kl_rope_add_bytes(y, "armee", 5);
    kl_rope_etag(x, a);
    assert_int_equal(a[0], '"');
    assert_int_equal(strlen(a), 34);
    assert_int_equal(a[33], '"');
    assert_string_not_equal(a, kl_rope_etag(y, b));

    /* Two copies of a file with one modification time are one file for every server of a site. */
    int one = file_with("same"), two = file_with("same"), later = file_with("same");
    const struct timespec t[2] = {{1000, 1}, {1000, 1}}, u[2] = {{1000, 2}, {1000, 2}};
    assert_int_equal(futimens(one, t) | futimens(two, t) | futimens(later, u), 0);
    struct kl_rope *f KL_ROPE_SCOPE = kl_rope_of_fd(one), *g KL_ROPE_SCOPE = kl_rope_of_fd(two);
    struct kl_rope *h KL_ROPE_SCOPE = kl_rope_of_fd(later);
    assert_string_equal(kl_rope_etag(f, a), kl_rope_etag(g, b));
    assert_string_not_equal(kl_rope_etag(f, a), kl_rope_etag(h, b));
    assert_int_equal(kl_rope_mtime(f), 1000);
    assert_int_equal(kl_rope_mtime(x), 0);
}

static void lives_as_long_as_somebody_holds_it(void **state)
{
    (void)state;
    int fd = file_with("0123456789");
    struct kl_rope *r = kl_rope_of_fd(fd);
    kl_rope_hold(r);
    kl_rope_drop(r);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    kl_rope_drop(r);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* What was written to a new file, read back. */
static char *written(const struct kl_rope *r, size_t *len)
{
    int fd = file_with("");
    assert_true(kl_rope_write(r, fd, NULL, NULL));
    *len = (size_t)lseek(fd, 0, SEEK_END);
    char *text = calloc(1, *len + 1);
    assert_int_equal(pread(fd, text, *len, 0), *len);
    close(fd);
    return text;
}

/* Ropes of ropes, of files and of memory: what is read, what is written and what is meant are the
 * same, at every offset. */
static void what_is_written_is_what_is_read(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 200; round++) {
        struct kl_rope *r KL_ROPE_SCOPE = kl_rope_new(), *base KL_ROPE_SCOPE = sample();
        char meant[512], read[512];
        size_t n = 0, len;
        for (int i = rand() % 12; i > 0; i--) {
            uint64_t at = (uint64_t)rand() % 12, part = (uint64_t)rand() % (13 - at);
            kl_rope_add_rope(r, base, at, part);
            assert_int_equal(kl_rope_read(base, at, meant + n, part), part);
            n += part;
        }
        assert_int_equal(kl_rope_len(r), n);
        char *got = written(r, &len);
        assert_int_equal(len, n);
        assert_memory_equal(got, meant, n);
        free(got);
        size_t at = n ? (size_t)rand() % n : 0;
        assert_int_equal(kl_rope_read(r, at, read, sizeof read), n - at);
        assert_memory_equal(read, meant + at, n - at);
    }
}

static void neighbours_in_a_file_are_one_piece(void **state)
{
    (void)state;
    struct kl_rope *file KL_ROPE_SCOPE = kl_rope_of_fd(file_with("0123456789"));
    struct kl_rope *r KL_ROPE_SCOPE = kl_rope_new();
    for (uint64_t at = 0; at < 10; at++)
        kl_rope_add_rope(r, file, at, 1);
    assert_int_equal(kl_rope_pieces(r), 1);
    kl_rope_add_rope(r, file, 0, 3);
    assert_int_equal(kl_rope_pieces(r), 2);
    assert_int_equal(kl_rope_len(r), 13);
}

/* FIPS 180-4's examples, and that it is kept: the file goes, the hash stays. */
static void is_hashed_once(void **state)
{
    (void)state;
    char sha[KL_SHA256_TEXT];
    struct kl_rope *empty KL_ROPE_SCOPE = kl_rope_new();
    assert_true(kl_rope_sha256(empty, sha));
    assert_string_equal(sha, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    int fd = file_with("xabcy");
    struct kl_rope *file KL_ROPE_SCOPE = kl_rope_of_fd(fd);
    struct kl_rope *r KL_ROPE_SCOPE = kl_rope_new();
    kl_rope_add_rope(r, file, 1, 2);
    kl_rope_add_bytes(r, "c", 1);
    assert_true(kl_rope_sha256(r, sha));
    assert_string_equal(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_true(kl_rope_sha256(r, sha));
    assert_string_equal(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_false(kl_rope_sha256(file, sha));
    assert_int_equal(errno, ESTALE);
}

static void what_changed_meanwhile_is_not_written(void **state)
{
    (void)state;
    int fd = file_with("0123456789"), out = file_with("");
    struct kl_rope *r KL_ROPE_SCOPE = kl_rope_of_fd(fd);
    const struct timespec then[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(futimens(fd, then), 0);
    errno = 0;
    assert_false(kl_rope_write(r, out, NULL, NULL));
    assert_int_equal(errno, ESTALE);
    close(out);
}

/* /dev/full: every write fails as on a full disk. A pipe: copy_file_range cannot. */
static void writes_to_what_is_no_file(void **state)
{
    (void)state;
    struct kl_rope *r KL_ROPE_SCOPE = sample();
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC), ends[2];
    assert_true(full >= 0);
    assert_false(kl_rope_write(r, full, NULL, NULL));
    assert_int_equal(errno, ENOSPC);
    close(full);
    assert_int_equal(pipe(ends), 0);
    assert_true(kl_rope_write(r, ends[1], NULL, NULL));
    char got[13] = "";
    assert_int_equal(read(ends[0], got, 12), 12);
    assert_string_equal(got, "head2345tail");
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_across_pieces),
        cmocka_unit_test(finds_pieces),
        cmocka_unit_test(refuses_what_is_not_in_the_file),
        cmocka_unit_test(notices_a_file_that_shrinks_or_changes),
        cmocka_unit_test(tags_tell_texts_apart),
        cmocka_unit_test(what_is_written_is_what_is_read),
        cmocka_unit_test(neighbours_in_a_file_are_one_piece),
        cmocka_unit_test(is_hashed_once),
        cmocka_unit_test(what_changed_meanwhile_is_not_written),
        cmocka_unit_test(writes_to_what_is_no_file),
        cmocka_unit_test(lives_as_long_as_somebody_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
