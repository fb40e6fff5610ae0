/* serve/tftp: the protocol, packet by packet. */
#include "serve/tftp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint8_t out[KL_TFTP_MAX];
static const char *why;

#define RRQ(text) kl_tftp_read_request((const uint8_t *)(text), sizeof(text) - 1, &r, &why)

static void requests(void **state)
{
    (void)state;
    struct kl_tftp_request r;
    /* What EDK2 sends first (docs/boot-protocols.md §4). */
    assert_int_equal(RRQ("\0\1boot/ipxe.efi\0octet\0tsize\0"
                         "0\0blksize\0"
                         "1468\0windowsize\0"
                         "4\0"),
        0);
    assert_string_equal(r.path, "boot/ipxe.efi");
    assert_true(r.tsize && r.blksize == 1468 && r.windowsize == 4 && !r.timeout);
    assert_int_equal(RRQ("\0\1x\0OCTET\0BlkSize\0"
                         "70000\0tImeout\0"
                         "3\0junk\0"
                         "1\0"),
        0);
    assert_true(r.blksize == KL_TFTP_LARGEST && r.timeout == 3 && !r.tsize);
    /* Values that are not allowed are as if they were not there. */
    assert_int_equal(RRQ("\0\1x\0octet\0blksize\0"
                         "7\0timeout\0"
                         "256\0windowsize\0"
                         "0\0"),
        0);
    assert_true(!r.blksize && !r.timeout && !r.windowsize);
    assert_int_equal(RRQ("\0\1x\0octet\0blksize\0-8\0timeout\0 1\0windowsize\0x\0"), 0);
    assert_true(!r.blksize && !r.timeout && !r.windowsize);
    /* Cut off within an option: what was whole counts. */
    assert_int_equal(RRQ("\0\1x\0octet\0blksize\0"
                         "1024\0tsize\0"
                         "0"),
        0);
    assert_true(r.blksize == 1024 && !r.tsize);
}

static void refused_requests(void **state)
{
    (void)state;
    struct kl_tftp_request r;
    assert_int_equal(RRQ("\0\1x\0netascii\0"), KL_TFTP_ILLEGAL + 1);
    assert_int_equal(RRQ("\0\1x\0mail\0"), KL_TFTP_ILLEGAL + 1);
    assert_int_equal(RRQ("\0\2x\0octet\0"), KL_TFTP_ACCESS + 1);
    assert_string_equal(why, "tftp-write");
    assert_int_equal(RRQ("\0\1\0octet\0"), KL_TFTP_ACCESS + 1);
    assert_int_equal(RRQ("\0\1x\0octet"), KL_TFTP_ILLEGAL + 1);
    assert_int_equal(RRQ("\0\1xxxxxx"), KL_TFTP_ILLEGAL + 1);
    assert_int_equal(RRQ("\0\1"), -1);
    assert_int_equal(RRQ("\0\3\0\1data"), -1); /* no answer: it could loop */
    assert_int_equal(RRQ("\0\5\0\1no\0"), -1);
    uint8_t big[2 + 600 + 8] = {0, 1};
    memset(big + 2, 'x', 600);
    memcpy(big + 602, "\0octet", 7);
    assert_int_equal(kl_tftp_read_request(big, sizeof big, &r, &why), KL_TFTP_ACCESS + 1);
}

/* --- transfers ---------------------------------------------------------------------------------*/

static char text[100000];

static struct kl_tftp begin(size_t len, struct kl_tftp_request r)
{
    struct kl_tftp t;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7 + i / 512);
    struct kl_rope *rope = kl_rope_new();
    kl_rope_add_bytes(rope, text, len);
    kl_tftp_start(&t, &r, rope, 1500, false, 0);
    kl_rope_drop(rope);
    return t;
}

static size_t next(struct kl_tftp *t)
{
    return kl_tftp_next(t, out, sizeof out);
}

/* The next packet must be DATA with this number and the right bytes. */
static void expect_data(struct kl_tftp *t, uint64_t block, size_t len)
{
    assert_int_equal(next(t), len + 4);
    assert_memory_equal(out, ((uint8_t[]){0, 3, (uint8_t)(block >> 8), (uint8_t)block}), 4);
    if (block * t->blksize < sizeof text)
        assert_memory_equal(out + 4, text + (block - 1) * t->blksize, len);
}

static bool ack(struct kl_tftp *t, unsigned n, int64_t now)
{
    return kl_tftp_receive(t, (uint8_t[]){0, 4, (uint8_t)(n >> 8), (uint8_t)n}, 4, now, &why);
}

static void plain_transfer(void **state)
{
    (void)state;
    struct kl_tftp t = begin(1100, (struct kl_tftp_request){0});
    expect_data(&t, 1, 512);
    assert_int_equal(next(&t), 0); /* one block at a time */
    assert_true(ack(&t, 1, 1));
    expect_data(&t, 2, 512);
    assert_true(ack(&t, 2, 1));
    expect_data(&t, 3, 76);
    assert_int_equal(t.state, KL_TFTP_SENDING);
    assert_true(ack(&t, 3, 1));
    assert_int_equal(t.state, KL_TFTP_DONE);
    assert_int_equal(next(&t), 0);
    kl_tftp_end(&t);
}

static void ends_with_an_empty_block(void **state)
{
    (void)state;
    struct kl_tftp t = begin(512, (struct kl_tftp_request){0});
    expect_data(&t, 1, 512);
    ack(&t, 1, 1);
    expect_data(&t, 2, 0);
    ack(&t, 2, 1);
    assert_int_equal(t.state, KL_TFTP_DONE);
    kl_tftp_end(&t);
    t = begin(0, (struct kl_tftp_request){0});
    expect_data(&t, 1, 0);
    ack(&t, 1, 1);
    assert_int_equal(t.state, KL_TFTP_DONE);
    kl_tftp_end(&t);
}

static void oack_has_only_what_was_asked(void **state)
{
    (void)state;
    static const char all[] = "\0\6blksize\0"
                              "1468\0timeout\0"
                              "2\0tsize\0"
                              "3000\0windowsize\0"
                              "64";
    struct kl_tftp t = begin(3000,
        (struct kl_tftp_request){.blksize = 9000, .timeout = 2, .tsize = true, .windowsize = 999});
    assert_int_equal(next(&t), sizeof all);
    assert_memory_equal(out, all, sizeof all); /* 1500 - 20 - 8 - 4 = 1468 */
    assert_int_equal(next(&t), 0);
    kl_tftp_end(&t);
    static const char size[] = "\0\6tsize\0"
                               "3000";
    t = begin(3000, (struct kl_tftp_request){.tsize = true});
    assert_int_equal(next(&t), sizeof size);
    assert_memory_equal(out, size, sizeof size);
    assert_false(ack(&t, 1, 1)); /* only ACK 0 begins */
    assert_true(ack(&t, 0, 1));
    expect_data(&t, 1, 512);
    kl_tftp_end(&t);
    t = begin(3000, (struct kl_tftp_request){.blksize = 60000});
    assert_int_equal(t.blksize, 1468);
    kl_tftp_end(&t);
    struct kl_rope *rope KL_ROPE_SCOPE = kl_rope_new();
    struct kl_tftp_request big = {.blksize = 60000};
    kl_tftp_start(&t, &big, rope, 1280, true, 0);
    assert_int_equal(t.blksize, 1228); /* what EDK2 asks for, over IPv6 */
    kl_tftp_end(&t);
}

static void the_size_alone(void **state)
{
    (void)state;
    struct kl_tftp t = begin(3000, (struct kl_tftp_request){.tsize = true, .blksize = 1468});
    next(&t);
    assert_true(kl_tftp_receive(&t,
                    (const uint8_t *)"\0\10"
                                     "\0\0",
                    4, 1, &why) == false);
    assert_true(kl_tftp_receive(&t, (const uint8_t *)"\0\5\0\10User aborted", 17, 1, &why));
    assert_int_equal(t.state, KL_TFTP_ENDED);
    assert_string_equal(t.client_says, "User aborted");
    kl_tftp_end(&t);
    t = begin(3000, (struct kl_tftp_request){0});
    next(&t);
    assert_true(kl_tftp_receive(&t, (const uint8_t *)"\0\5\0\3full", 8, 1, &why));
    assert_int_equal(t.state, KL_TFTP_FAILED);
    kl_tftp_end(&t);
}

/* RFC 1123 §4.2.3.1: a duplicate ACK must not make a second copy of every block that follows. */
static void no_sorcerers_apprentice(void **state)
{
    (void)state;
    struct kl_tftp t = begin(5000, (struct kl_tftp_request){0});
    expect_data(&t, 1, 512);
    ack(&t, 1, 1);
    expect_data(&t, 2, 512);
    assert_false(ack(&t, 1, 2)); /* the network doubled it */
    assert_string_equal(why, "tftp-duplicate-ack");
    assert_int_equal(next(&t), 0);
    assert_false(ack(&t, 0, 2));
    assert_string_equal(why, "tftp-old-ack");
    assert_false(ack(&t, 3, 2)); /* of a block that was never sent */
    assert_int_equal(next(&t), 0);
    assert_true(ack(&t, 2, 3));
    expect_data(&t, 3, 512);
    kl_tftp_end(&t);
}

static void expect_blocks(struct kl_tftp *t, unsigned from, unsigned to)
{
    for (unsigned b = from; b <= to; b++)
        expect_data(t, b, 1024);
    assert_int_equal(next(t), 0);
}

static void windows(void **state)
{
    (void)state;
    struct kl_tftp t = begin(90000, (struct kl_tftp_request){.blksize = 1024, .windowsize = 4});
    next(&t);
    ack(&t, 0, 1);
    expect_blocks(&t, 1, 4);
    ack(&t, 4, 2);
    expect_blocks(&t, 5, 8);
    assert_true(ack(&t, 6, 3)); /* 7 was lost: again from there */
    expect_blocks(&t, 7, 10);
    /* The client says 6 again for each block that it did not expect: only the timer may answer. */
    assert_false(ack(&t, 6, 3));
    assert_false(ack(&t, 6, 3));
    assert_int_equal(next(&t), 0);
    ack(&t, 10, 4);
    expect_blocks(&t, 11, 14);
    assert_true(ack(&t, 10, 5)); /* 11 was lost: once */
    expect_blocks(&t, 11, 14);
    assert_false(ack(&t, 10, 5));
    assert_int_equal(next(&t), 0);
    assert_int_equal(t.resent, 6);
    kl_tftp_end(&t);
}

static void timer(void **state)
{
    (void)state;
    struct kl_tftp t = begin(5000, (struct kl_tftp_request){0});
    expect_data(&t, 1, 512);
    int64_t now = 0, wait = KL_TFTP_WAIT_MS;
    for (int i = 1; i < KL_TFTP_TRIES; i++, wait *= 2) {
        assert_int_equal(t.due_ms, now + wait);
        kl_tftp_tick(&t, t.due_ms - 1);
        assert_int_equal(next(&t), 0);
        now = t.due_ms;
        kl_tftp_tick(&t, now);
        expect_data(&t, 1, 512);
        assert_int_equal(next(&t), 0);
    }
    kl_tftp_tick(&t, t.due_ms);
    assert_int_equal(t.state, KL_TFTP_FAILED);
    assert_string_equal(t.why, "no answer");
    kl_tftp_end(&t);

    t = begin(5000, (struct kl_tftp_request){.timeout = 3});
    assert_true(next(&t) > 0);
    assert_int_equal(t.due_ms, 3000);
    kl_tftp_tick(&t, 3000);
    assert_true(next(&t) > 0); /* the OACK again */
    assert_int_equal(out[1], 6);
    assert_int_equal(t.due_ms, 6000);
    ack(&t, 0, 3500);
    expect_data(&t, 1, 512);
    kl_tftp_end(&t);
}

/* 70,000 blocks: the number goes from 65535 to 0. */
static void block_numbers_wrap(void **state)
{
    (void)state;
    char *big = calloc(1, 8 * 70000);
    struct kl_rope *rope KL_ROPE_SCOPE = kl_rope_new();
    kl_rope_add_bytes_take(rope, big, 8 * 70000);
    struct kl_tftp_request r = {.blksize = 8, .windowsize = 3};
    struct kl_tftp t;
    kl_tftp_start(&t, &r, rope, 0, false, 0);
    next(&t);
    ack(&t, 0, 0);
    uint64_t block = 0;
    while (!kl_tftp_over(&t)) {
        unsigned n = 0;
        while (next(&t)) {
            block++;
            n++;
            assert_int_equal(out[2] << 8 | out[3], block & 0xffff);
        }
        assert_true(n >= 1 && n <= 3);
        assert_true(ack(&t, (unsigned)block & 0xffff, 0));
    }
    assert_int_equal(t.state, KL_TFTP_DONE);
    assert_int_equal(block, 70001);
    assert_int_equal(t.resent, 0);
    kl_tftp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(refused_requests),
        cmocka_unit_test(plain_transfer),
        cmocka_unit_test(ends_with_an_empty_block),
        cmocka_unit_test(oack_has_only_what_was_asked),
        cmocka_unit_test(the_size_alone),
        cmocka_unit_test(no_sorcerers_apprentice),
        cmocka_unit_test(windows),
        cmocka_unit_test(timer),
        cmocka_unit_test(block_numbers_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
