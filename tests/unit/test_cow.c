/* image/cow: blocks that are copied when they change, against a plain array. */
#include "image/cow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct bench {
    struct kl_diags *d;
    struct kl_fault_log log;
    struct kl_rope *rope;
    struct kl_reader base;
    struct kl_cow *cow;
    unsigned char *first, *now; /* what the base has; what the cow should have */
    size_t len;
    uint32_t block;
    unsigned long reads;
};

static bool count_read(const struct kl_reader *self, uint64_t at, void *to, size_t n)
{
    struct bench *b = self->arg;
    b->reads++;
    return kl_rope_read(b->rope, at, to, n) == (ssize_t)n;
}

static void begin(struct bench *b, size_t len, uint32_t block)
{
    *b = (struct bench){.d = kl_diags_new(), .len = len, .block = block};
    b->log = (struct kl_fault_log){.d = b->d, .image = "image"};
    b->first = malloc(len + 1);
    b->now = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        b->first[i] = b->now[i] = (unsigned char)(i * 7 + i / 251);
    b->rope = kl_rope_new();
    kl_rope_add_bytes(b->rope, b->first, len / 2);
    kl_rope_add_bytes(b->rope, b->first + len / 2, len - len / 2);
    b->base = (struct kl_reader){.len = len, .read = count_read, .arg = b, .log = &b->log};
    b->cow = kl_cow_new(&b->base, block);
}

static void end(struct bench *b)
{
    kl_cow_free(b->cow);
    kl_rope_drop(b->rope);
    kl_diags_free(b->d);
    free(b->first);
    free(b->now);
}

static uint32_t next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* --- what is changed, by the array -------------------------------------------------------------*/

static size_t array_changed(const struct bench *b, uint64_t index)
{
    size_t at = (size_t)index * b->block, n = b->len - at < b->block ? b->len - at : b->block;
    return memcmp(b->first + at, b->now + at, n) ? n : 0;
}

struct seen {
    const struct bench *b;
    uint64_t next; /* the least index that may come */
    size_t n;
};

static bool see(void *arg, uint64_t index, const void *bytes, size_t n)
{
    struct seen *s = arg;
    assert_true(index >= s->next);
    for (uint64_t i = s->next; i < index; i++)
        assert_int_equal(array_changed(s->b, i), 0);
    assert_int_equal(array_changed(s->b, index), n);
    assert_memory_equal(bytes, s->b->now + index * s->b->block, n);
    s->next = index + 1;
    s->n++;
    return true;
}

static void same_as_array(struct bench *b)
{
    struct seen s = {.b = b};
    assert_true(kl_cow_each(b->cow, see, &s));
    assert_int_equal(s.n, kl_cow_changed(b->cow));
    for (uint64_t i = s.next; i * b->block < b->len; i++)
        assert_int_equal(array_changed(b, i), 0);
    struct kl_rope *r KL_ROPE_SCOPE = kl_cow_rope(b->cow, b->rope);
    assert_non_null(r);
    assert_int_equal(kl_rope_len(r), b->len);
    unsigned char *got = malloc(b->len + 1);
    assert_int_equal(kl_rope_read(r, 0, got, b->len), b->len);
    assert_memory_equal(got, b->now, b->len);
    free(got);
}

/* Ranges of all sizes; one in three writes puts back what was there first. */
static void random_write(struct bench *b, uint32_t *seed)
{
    unsigned char bytes[300];
    size_t at = next(seed) % (b->len + 1), n = next(seed) % sizeof bytes;
    if (n > b->len - at)
        n = b->len - at;
    bool back = next(seed) % 3 == 0;
    for (size_t i = 0; i < n; i++)
        bytes[i] = back ? b->first[at + i] : (unsigned char)next(seed);
    memcpy(b->now + at, bytes, n);
    assert_true(kl_cow_write(b->cow, at, bytes, n));
}

static void random_read(struct bench *b, uint32_t *seed)
{
    unsigned char bytes[300];
    size_t at = next(seed) % (b->len + 1), n = next(seed) % sizeof bytes;
    if (n > b->len - at)
        n = b->len - at;
    assert_true(kl_cow_read(b->cow, at, bytes, n));
    assert_memory_equal(bytes, b->now + at, n);
}

static void is_a_plain_array(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint32_t block;
    } cases[] = {{1, 1}, {15, 16}, {16, 16}, {17, 16}, {1000, 7}, {4096, 512}, {9000, 128},
        {200000, 16}, {300000, 4096}, {3 << 20, 1 << 20}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        uint32_t seed = 2463534242u + (uint32_t)i;
        begin(&b, cases[i].len, cases[i].block);
        for (int step = 1; step <= 1200; step++) {
            random_write(&b, &seed);
            random_read(&b, &seed);
            if (step % 300 == 0)
                same_as_array(&b);
        }
        end(&b);
    }
}

static void a_write_of_what_is_there_copies_nothing(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, 10000, 512);
    assert_true(kl_cow_write(b.cow, 0, b.first, b.len));
    assert_int_equal(kl_cow_changed(b.cow), 0);
    struct kl_rope *r KL_ROPE_SCOPE = kl_cow_rope(b.cow, b.rope);
    assert_int_equal(kl_rope_pieces(r), 2);
    end(&b);
}

static void what_is_changed_back_is_not_changed(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, 10000, 512);
    assert_true(kl_cow_write(b.cow, 1000, "changed", 7));
    assert_true(kl_cow_write(b.cow, 5119, "both", 4));
    assert_int_equal(kl_cow_changed(b.cow), 3);
    assert_true(kl_cow_write(b.cow, 1000, b.first + 1000, 7));
    assert_int_equal(kl_cow_changed(b.cow), 2);
    assert_true(kl_cow_write(b.cow, 1000, "again", 5));
    assert_int_equal(kl_cow_changed(b.cow), 3);
    end(&b);
}

static void blocks_are_read_once(void **state)
{
    (void)state;
    struct bench b;
    char bytes[16];
    begin(&b, 4 << 20, 128 << 10);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(kl_cow_read(b.cow, i * 997 % (8 * 128 * 1024), bytes, sizeof bytes));
    assert_int_equal(b.reads, 8);
    end(&b);
}

static void ranges_outside_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t at;
        size_t n;
    } cases[] = {
        {0, 1001}, {1000, 1}, {1001, 0}, {UINT64_MAX, 1}, {UINT64_MAX, 0}, {500, SIZE_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        begin(&b, 1000, 64);
        assert_false(kl_cow_read(b.cow, cases[i].at, b.now, cases[i].n));
        assert_int_equal(kl_diags_count(b.d, KL_ERROR), 1);
        assert_false(kl_cow_write(b.cow, cases[i].at, b.now, cases[i].n));
        assert_int_equal(kl_cow_changed(b.cow), 0);
        end(&b);
    }
}

static bool no_read(const struct kl_reader *self, uint64_t at, void *to, size_t n)
{
    (void)to;
    (void)n;
    return kl_fault(self->log, KL_IMAGE_IO, at, NULL, "cannot be read");
}

static void a_base_that_fails_is_reported(void **state)
{
    (void)state;
    struct bench b;
    char c = 'x';
    begin(&b, 1000, 64);
    assert_true(kl_cow_write(b.cow, 10, "changed", 7));
    b.base.read = no_read;
    assert_true(kl_cow_read(b.cow, 10, &c, 1)); /* from the copy */
    assert_int_equal(c, 'c');
    assert_false(kl_cow_read(b.cow, 100, &c, 1));
    assert_false(kl_cow_write(b.cow, 100, &c, 1));
    assert_false(kl_cow_read(b.cow, 100, &c, 1)); /* and nothing half-read was kept */
    assert_int_equal(kl_diags_count(b.d, KL_ERROR), 3);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_a_plain_array),
        cmocka_unit_test(a_write_of_what_is_there_copies_nothing),
        cmocka_unit_test(what_is_changed_back_is_not_changed),
        cmocka_unit_test(blocks_are_read_once),
        cmocka_unit_test(ranges_outside_are_refused),
        cmocka_unit_test(a_base_that_fails_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
