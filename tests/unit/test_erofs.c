/* image/erofs: images made by hand, each with one thing that no honest one has, and files read from
 * any byte on. (What is read of sound ones: test_image_erofs.py.) */
#include "image/erofs.h"
#include "image/erofs_own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BLOCK = 4096, BLOCKS = 4, META = 1, ROOT = 0, FILE_NID = 2, DIR_NID = 6, LINK_NID = 10 };

struct image {
    unsigned char b[BLOCK * BLOCKS];
};

static unsigned char *inode(struct image *m, unsigned nid)
{
    return m->b + (ptrdiff_t)META * BLOCK + (ptrdiff_t)nid * KL_EROFS_SLOT;
}

static void put_inode(
    struct image *m, unsigned nid, unsigned layout, unsigned mode, uint32_t size, uint32_t block)
{
    unsigned char *i = inode(m, nid);
    kl_put16(i, (uint16_t)(layout << 1));
    kl_put16(i + 4, (uint16_t)mode);
    kl_put16(i + 6, 1);
    kl_put32(i + 8, size);
    kl_put32(i + 16, block);
}

static void put_entry(unsigned char *dir, unsigned n, uint64_t nid, unsigned name, unsigned type)
{
    kl_put64(dir + (size_t)12 * n, nid);
    kl_put16(dir + (size_t)12 * n + 8, (uint16_t)name);
    dir[12 * n + 10] = (unsigned char)type;
}

/* / has d (empty but for . and ..), f (5 bytes, with xattrs) and l (a link to f). */
static struct image *sound(void)
{
    struct image *m = calloc(1, sizeof *m);
    unsigned char *sb = m->b + KL_EROFS_SUPER, *root = m->b + (ptrdiff_t)2 * BLOCK;
    kl_put32(sb, 0xe0f5e1e2);
    sb[12] = 12;
    kl_put64(sb + 16, 4);
    kl_put32(sb + 36, BLOCKS);
    kl_put32(sb + 40, META);
    put_inode(m, ROOT, KL_EROFS_PLAIN, 0040755, 66, 2);
    put_entry(root, 0, ROOT, 60, 2);
    put_entry(root, 1, ROOT, 61, 2);
    put_entry(root, 2, DIR_NID, 63, 2);
    put_entry(root, 3, FILE_NID, 64, 1);
    put_entry(root, 4, LINK_NID, 65, 7);
    memcpy(root + 60, "...dfl", 6);
    put_inode(m, FILE_NID, KL_EROFS_PLAIN, 0100644, 5, 3);
    kl_put16(inode(m, FILE_NID) + 2, 4); /* 12 + 3 * 4 bytes of xattrs: one, user.a=12345 */
    memcpy(inode(m, FILE_NID) + 32 + 12, "\1\1\5\0a12345", 10);
    memcpy(m->b + (ptrdiff_t)3 * BLOCK, "hello", 5);
    put_inode(m, DIR_NID, KL_EROFS_INLINE, 0040755, 27, 0);
    unsigned char *dir = inode(m, DIR_NID) + 32;
    put_entry(dir, 0, DIR_NID, 24, 2);
    put_entry(dir, 1, ROOT, 25, 2);
    memcpy(dir + 24, "...", 3);
    put_inode(m, LINK_NID, KL_EROFS_INLINE, 0120777, 1, 0);
    inode(m, LINK_NID)[32] = 'f';
    return m;
}

struct walk {
    struct kl_arena *a;
    struct kl_diags *d;
    struct kl_fault_log log;
    struct kl_fs *fs;
    size_t nodes;
    bool ok;
};

static bool look(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    struct walk *w = arg;
    char byte;
    w->nodes++;
    return kl_fs_xattrs(fs, n) &&
           (n->kind != KL_NODE_FILE || !n->size || kl_fs_read(fs, n, n->size - 1, &byte, 1));
}

static void walk(struct walk *w, const void *bytes, size_t n)
{
    struct kl_rope *rope = kl_rope_new();
    *w = (struct walk){.a = kl_arena_new(), .d = kl_diags_new()};
    w->log = (struct kl_fault_log){.d = w->d, .image = "made"};
    kl_rope_add_bytes(rope, bytes, n);
    w->fs = kl_erofs_open(w->a, rope, &w->log);
    w->ok = w->fs && kl_fs_walk(w->fs, w->fs->root, look, w);
    kl_erofs_close(w->fs);
    kl_rope_drop(rope);
}

static void end(struct walk *w)
{
    kl_diags_free(w->d);
    kl_arena_free(w->a);
}

static void a_sound_one_is_sound(void **state)
{
    (void)state;
    struct image *m = sound();
    struct walk w;
    walk(&w, m, sizeof *m);
    assert_true(w.ok);
    assert_int_equal(w.nodes, 3);
    assert_int_equal(kl_diags_count(w.d, KL_NOTE), 0);
    const struct kl_node *f = kl_node_child(w.fs->root, "f", 1);
    assert_int_equal(f->nxattrs, 1);
    assert_string_equal(f->xattrs[0].name, "user.a");
    assert_memory_equal(f->xattrs[0].value, "12345", 5);
    end(&w);
    free(m);
}

/* One number of the sound image is another; `at` is counted from `from`. */
static const struct damage {
    const char *what;
    enum { SUPER, OF_ROOT, OF_FILE, OF_DIR, OF_LINK, ENTRIES } from;
    unsigned at, size;
    uint64_t value;
    const char *code;
} damages[] = {
    {"no magic", SUPER, 0, 4, 1, KL_IMAGE_UNSUPPORTED},
    {"blocks of 2 bytes", SUPER, 12, 1, 1, KL_IMAGE_UNSUPPORTED},
    {"blocks of 2^17 bytes", SUPER, 12, 1, 17, KL_IMAGE_UNSUPPORTED},
    {"larger directory blocks", SUPER, 90, 1, 1, KL_IMAGE_UNSUPPORTED},
    {"a checksum", SUPER, 8, 4, 1, KL_IMAGE_CORRUPT},
    {"more blocks than bytes", SUPER, 36, 4, BLOCKS + 1, KL_IMAGE_TRUNCATED},
    {"metadata behind the end", SUPER, 40, 4, UINT32_MAX, KL_IMAGE_CORRUPT},
    {"a root that is a file", SUPER, 14, 2, FILE_NID, KL_IMAGE_CORRUPT},
    {"a root behind the end", SUPER, 14, 2, 60000, KL_IMAGE_CORRUPT},
    {"a newer inode", OF_ROOT, 0, 2, 0x10, KL_IMAGE_UNSUPPORTED},
    {"a newer layout", OF_ROOT, 0, 2, 5 << 1, KL_IMAGE_UNSUPPORTED},
    {"a kind that is none", OF_FILE, 4, 2, 0170644, KL_IMAGE_CORRUPT},
    {"a directory larger than the image", OF_ROOT, 8, 4, sizeof(struct image) + 1,
        KL_IMAGE_CORRUPT},
    {"a directory behind the end", OF_ROOT, 16, 4, BLOCKS, KL_IMAGE_TRUNCATED},
    {"two directories in one place", OF_DIR, 8, 4, sizeof(struct image), KL_IMAGE_BOMB},
    {"inline data over a block's end", OF_DIR, 8, 4, BLOCK - 1, KL_IMAGE_CORRUPT},
    {"data behind the end", OF_FILE, 16, 4, BLOCKS, KL_IMAGE_TRUNCATED},
    {"a file larger than the image", OF_FILE, 8, 4, UINT32_MAX, KL_IMAGE_TRUNCATED},
    {"a link without a target", OF_LINK, 8, 4, 0, KL_IMAGE_CORRUPT},
    {"a link longer than a path", OF_LINK, 8, 4, 5000, KL_IMAGE_CORRUPT},
    {"a link with a zero byte", OF_LINK, 32, 1, 0, KL_IMAGE_CORRUPT},
    {"chunks of an unknown kind", OF_FILE, 16, 4, 0x40, KL_IMAGE_UNSUPPORTED},
    {"an xattr over its end", OF_FILE, 32 + 12, 1, 200, KL_IMAGE_CORRUPT},
    {"more shared xattrs than there is room for", OF_FILE, 32 + 4, 1, 4, KL_IMAGE_CORRUPT},
    {"an xattr with a prefix that is not there", OF_FILE, 32 + 13, 1, 0x80, KL_IMAGE_CORRUPT},
    {"an xattr whose name has a zero byte", OF_FILE, 32 + 16, 1, 0, KL_IMAGE_CORRUPT},
    {"a loop", ENTRIES, 24, 8, ROOT, KL_IMAGE_CORRUPT},
    {"a directory at two places", ENTRIES, 36, 8, DIR_NID, KL_IMAGE_CORRUPT},
    {"an inode behind the end", ENTRIES, 36, 8, 1 << 20, KL_IMAGE_CORRUPT},
    {"an inode far behind the end", ENTRIES, 36, 8, UINT64_MAX, KL_IMAGE_CORRUPT},
    {"no entries", ENTRIES, 8, 2, 0, KL_IMAGE_CORRUPT},
    {"entries behind the end", ENTRIES, 8, 2, 72, KL_IMAGE_CORRUPT},
    {"part of an entry", ENTRIES, 8, 2, 61, KL_IMAGE_CORRUPT},
    {"a name before the names", ENTRIES, 12 + 8, 2, 59, KL_IMAGE_CORRUPT},
    {"names in no order", ENTRIES, 24 + 8, 2, 65, KL_IMAGE_CORRUPT},
    {"a name behind the end", ENTRIES, 48 + 8, 2, 66, KL_IMAGE_CORRUPT},
    {"a name with a slash", ENTRIES, 63, 1, '/', KL_IMAGE_CORRUPT},
    {"a name with a zero byte", ENTRIES, 63, 1, 0, KL_IMAGE_CORRUPT},
    {"a name twice", ENTRIES, 63, 1, 'f', KL_IMAGE_CORRUPT},
};

static void damage_is_reported(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof damages / sizeof *damages; k++) {
        const struct damage *x = &damages[k];
        struct image *m = sound();
        unsigned char *from[] = {m->b + KL_EROFS_SUPER, inode(m, ROOT), inode(m, FILE_NID),
            inode(m, DIR_NID), inode(m, LINK_NID), m->b + (ptrdiff_t)2 * BLOCK};
        for (unsigned i = 0; i < x->size; i++)
            from[x->from][x->at + i] = (unsigned char)(x->value >> 8 * i);
        if (strcmp(x->code, KL_IMAGE_BOMB) == 0) /* that is flat, and as long as the image */
            put_inode(m, DIR_NID, KL_EROFS_PLAIN, 0040755, (uint32_t)x->value, 0);
        if (x->from == OF_FILE && strcmp(x->code, KL_IMAGE_UNSUPPORTED) == 0)
            kl_put16(inode(m, FILE_NID), KL_EROFS_CHUNKS << 1);
        struct walk w;
        walk(&w, m, sizeof *m);
        const struct kl_diag *told = kl_diags_at(w.d, 0);
        if (w.ok || !told || strcmp(told->code, x->code) != 0)
            fail_msg("%s: %s", x->what, told ? told->message : "is not reported");
        assert_true(told && strstr(told->message, ", at byte "));
        end(&w);
        free(m);
    }
}

/* Many inodes whose targets are the same bytes: memory is not asked for more than the image has. */
static void links_are_not_longer_than_the_image(void **state)
{
    (void)state;
    enum { LINKS = 64 };
    struct image *m = sound();
    unsigned char *root = m->b + (ptrdiff_t)2 * BLOCK;
    unsigned first = LINKS * KL_EROFS_DIRENT;
    memset(root, 0, BLOCK);
    kl_put32(inode(m, ROOT) + 8, first + 2 * LINKS);
    memset(m->b + (ptrdiff_t)3 * BLOCK, 'x', BLOCK);
    for (unsigned n = 0; n < LINKS; n++) {
        put_inode(m, n + 2, KL_EROFS_PLAIN, 0120777, 4000, 3);
        kl_put16(inode(m, n + 2) + 2, 0);
        put_entry(root, n, n + 2, first + 2 * n, 7);
        root[first + 2 * n] = (unsigned char)('0' + n / 8);
        root[first + 2 * n + 1] = (unsigned char)('0' + n % 8);
    }
    struct walk w;
    walk(&w, m, sizeof *m);
    assert_false(w.ok);
    assert_string_equal(kl_diags_at(w.d, 0)->code, KL_IMAGE_BOMB);
    end(&w);
    free(m);
}

/* However it is cut, it is reported, and nothing behind the end is read. */
static void what_is_cut_short_is_reported(void **state)
{
    (void)state;
    struct image *m = sound();
    for (size_t n = 0; n < sizeof *m; n += n < 1200 ? 37 : 1021) {
        unsigned char *part = malloc(n + 1);
        memcpy(part, m, n);
        struct walk w;
        walk(&w, part, n);
        assert_false(w.ok);
        assert_true(kl_diags_count(w.d, KL_ERROR) > 0);
        end(&w);
        free(part);
    }
    free(m);
}

/* Any range of a packed file is that of the whole, in whatever order they are asked for. */
static void reads_from_anywhere(void **state)
{
    static const char *const images[] = {"lz4", "ztailpacking", "fragments", "chunks"};
    (void)state;
    for (size_t k = 0; k < sizeof images / sizeof *images; k++) {
        char path[512];
        snprintf(path, sizeof path, "%s/tests/fuzz/corpus/erofs/%s", KL_SOURCE_ROOT, images[k]);
        size_t len = 0;
        char *bytes = kl_read_file(path, 1 << 20, &len);
        assert_non_null(bytes);
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_fault_log log = {.d = d, .image = images[k]};
        struct kl_rope *rope KL_ROPE_SCOPE = kl_rope_new();
        kl_rope_add_bytes_take(rope, bytes, len);
        struct kl_fs *fs = kl_erofs_open(a, rope, &log);
        assert_non_null(fs);
        struct kl_node *n = kl_fs_at(fs, k < 3 ? "d/text" : "t");
        assert_non_null(n);
        assert_true(n->size > 4096);
        struct kl_reader r = kl_erofs_file(fs, n);
        char *whole = kl_alloc(a, (size_t)n->size), *part = kl_alloc(a, (size_t)n->size);
        assert_true(kl_read(&r, 0, whole, (size_t)n->size, "file"));
        uint32_t random = 1;
        for (unsigned i = 0; i < 500; i++) {
            random = random * 1664525 + 1013904223;
            size_t at = random % n->size, most = (size_t)n->size - at;
            size_t some = i % 2 ? most : (random >> 8) % (most + 1);
            assert_true(kl_read(&r, at, part, some, "file"));
            assert_memory_equal(part, whole + at, some);
        }
        assert_int_equal(kl_diags_count(d, KL_NOTE), 0);
        kl_erofs_close(fs);
    }
}

/* CRC-32C's check value (RFC 3720 B.4), without its last inversion. */
static void sums_as_crc32c(void **state)
{
    (void)state;
    assert_int_equal(~kl_erofs_crc(~UINT32_C(0), "123456789", 9), 0xe3069283);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_one_is_sound),
        cmocka_unit_test(damage_is_reported),
        cmocka_unit_test(links_are_not_longer_than_the_image),
        cmocka_unit_test(what_is_cut_short_is_reported),
        cmocka_unit_test(reads_from_anywhere),
        cmocka_unit_test(sums_as_crc32c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
