/* Squashfs in C: a changed file spliced in (unsquashfs reads the result), and hostile images, of
 * which every byte of metadata is turned once. Trees of all kinds, and the command: see
 * test_image_squashfs.py. */
#include "base/text.h"
#include "image/squashfs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH = 512 };

static char work[] = "/tmp/kl-squashfs-XXXXXX";

__attribute__((format(printf, 1, 2))) static void run(const char *fmt, ...)
{
    char command[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    if (system(command) != 0) /* NOLINT(cert-env33-c): the test's own words */
        fail_msg("failed: %s", command);
}

static const char *path(const char *name)
{
    static char paths[4][PATH];
    static unsigned next;
    char *p = paths[next++ % 4];
    snprintf(p, PATH, "%s/%s", work, name);
    return p;
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(work) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    run("rm -rf '%s'", work);
    return 0;
}

/* Bytes that pack to about a half, the same for the same seed; in long runs, for in short ones
 * zlib and LZO search for minutes. */
static char *bytes_of(size_t n, uint32_t seed)
{
    char *s = kl_xmalloc(n + 1);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245 + 12345;
        s[i] = (char)(i / 512 % 2 ? seed >> 16 : 'k');
    }
    return s;
}

static void write_file(const char *name, const char *bytes, size_t n)
{
    FILE *f = fopen(path(name), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static struct kl_rope *rope_of(const char *name)
{
    int fd = open(path(name), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct kl_rope *r = kl_rope_of_fd(fd);
    assert_non_null(r);
    return r;
}

static void write_rope(const struct kl_rope *r, const char *name)
{
    int fd = open(path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_true(kl_rope_write(r, fd, NULL, NULL));
    assert_int_equal(close(fd), 0);
}

/* An open image; everything that was said is told when the test ends badly. */
struct opened {
    struct kl_arena *a;
    struct kl_diags *d;
    struct kl_fault_log log;
    struct kl_squashfs *s;
};

static void open_rope(struct opened *o, const struct kl_rope *rope)
{
    o->a = kl_arena_new();
    o->d = kl_diags_new();
    o->log = (struct kl_fault_log){.d = o->d, .image = "image"};
    o->s = kl_squashfs_open(o->a, rope, &o->log);
}

static void close_image(struct opened *o)
{
    kl_squashfs_close(o->s);
    kl_diags_free(o->d);
    kl_arena_free(o->a);
}

static void must(struct opened *o, bool ok)
{
    if (!ok)
        kl_diags_print(o->d, stderr, false, 0);
    assert_true(ok);
}

/* --- splice ------------------------------------------------------------------------------------*/

enum { FIRST = 300000, IMAGE = 1000003, LAST = 150001 };

/* A change to "image": `n` bytes from `at`, zeros or others. */
struct change {
    size_t at, n;
    bool zero;
};

static const struct {
    const char *name, *options;
    bool twin; /* a file that holds the same and so shares its blocks */
    struct change changes[4];
    uint64_t sparse; /* bytes in holes, as mksquashfs counts them: st_blocks are made of it */
} splices[] = {
    {"a byte", "-comp xz", false, {{400000, 1, false}}},
    {"the first and the last", "-comp gzip", false, {{0, 1, false}, {IMAGE - 1, 1, false}}},
    {"the end, in a fragment", "-comp zstd -always-use-fragments", false, {{IMAGE - 7, 5, false}}},
    {"the end, in no fragment", "-comp zstd -no-fragments", false, {{IMAGE - 7, 5, false}}},
    {"to zeros", "-comp xz -b 4096", false, {{8192, 20000, true}, {500000, 1, false}}, 16384},
    {"all to zeros", "-comp gzip", false, {{0, IMAGE, true}}, IMAGE - 1},
    {"many", "-comp xz -b 4096", false, {{0, 700000, false}}},
    {"blocks of 1 MiB", "-comp xz -b 1M -no-fragments", false, {{5, 5, false}}},
    {"bcj", "-comp xz -Xbcj x86", false, {{300000, 300000, false}}},
    {"lz4", "-comp lz4 -Xhc", false, {{300000, 9, false}}},
    {"lzo", "-comp lzo", false, {{300000, 9, false}}},
    {"a twin", "-comp gzip -b 64K", true, {{300000, 9, false}, {IMAGE - 3, 1, false}}},
    {"a twin, no fragments", "-comp gzip -b 64K -no-fragments", true, {{0, 1, false}}},
    {"nothing is packed", "-noI -noD -noF -noX", false, {{300000, 9, false}}},
    {"no exports, no xattrs", "-comp xz -no-exports -no-xattrs", false, {{1, 9, false}}},
};

static void apply(const struct change *c, char *to)
{
    for (; c->n; c++)
        for (size_t i = c->at; i < c->at + c->n; i++)
            to[i] = (char)(c->zero ? 0 : to[i] ^ 0x55);
}

/* A changed block comes as one piece at most, and what lies between two as another. */
static size_t in_memory(const struct kl_rope *r)
{
    size_t n = 0;
    for (size_t i = 0; i < kl_rope_pieces(r); i++)
        if (!kl_rope_piece(r, i)->pin)
            n += kl_rope_piece(r, i)->len;
    return n;
}

static struct kl_rope *splice_in(const struct kl_rope *base, const char *name,
    const struct change *changes, const char *want, size_t *changed)
{
    struct opened o;
    open_rope(&o, base);
    must(&o, o.s);
    struct kl_node *file = kl_fs_at(kl_squashfs_fs(o.s), name);
    must(&o, file && file->kind == KL_NODE_FILE);
    struct kl_reader r = kl_squashfs_file(o.s, file);
    struct kl_cow *cow = kl_cow_new(&r, kl_squashfs_super(o.s)->block_size);
    for (const struct change *c = changes; c->n; c++)
        must(&o, kl_cow_write(cow, c->at, want + c->at, c->n));
    *changed = kl_cow_changed(cow);
    struct kl_rope *spliced = kl_squashfs_splice(o.s, file, cow, NULL, NULL);
    must(&o, spliced);
    kl_cow_free(cow);
    close_image(&o);
    return spliced;
}

static uint64_t sparse_of(const struct kl_rope *rope, const char *name)
{
    struct opened o;
    open_rope(&o, rope);
    must(&o, o.s);
    const struct kl_squashfs_inode *i = kl_fs_at(kl_squashfs_fs(o.s), name)->own;
    uint64_t sparse = i->sparse;
    close_image(&o);
    return sparse;
}

static void splice_is_read_by_unsquashfs(void **state)
{
    (void)state;
    char *first = bytes_of(FIRST, 1), *image = bytes_of(IMAGE, 2), *last = bytes_of(LAST, 3);
    for (size_t i = 0; i < sizeof splices / sizeof *splices; i++) {
        print_message("  %s\n", splices[i].name);
        run("rm -rf '%s'/* && mkdir -p '%s/in/d'", work, work);
        write_file("in/a_first", first, FIRST);
        write_file("in/d/image", image, IMAGE);
        write_file("in/z_last", last, LAST);
        if (splices[i].twin)
            run("cp '%s/in/d/image' '%s/in/d/twin'", work, work);
        run("mksquashfs '%s/in' '%s/old' -quiet -no-progress %s >/dev/null", work, work,
            splices[i].options);
        char *want = kl_xmalloc(IMAGE);
        memcpy(want, image, IMAGE);
        apply(splices[i].changes, want);
        struct kl_rope *base KL_ROPE_SCOPE = rope_of("old");
        size_t changed;
        struct kl_rope *new KL_ROPE_SCOPE =
            splice_in(base, "d/image", splices[i].changes, want, &changed);
        struct kl_rope *again KL_ROPE_SCOPE =
            splice_in(base, "d/image", splices[i].changes, want, &changed);
        char one[KL_SHA256_TEXT], two[KL_SHA256_TEXT];
        assert_true(kl_rope_sha256(new, one) && kl_rope_sha256(again, two));
        assert_string_equal(one, two);
        write_rope(new, "new");
        write_file("in/d/image", want, IMAGE);
        run("cd '%s' && unsquashfs -quiet -no-progress -d out new >/dev/null && "
            "diff -r in out >&2",
            work);
        assert_int_equal(sparse_of(new, "d/image"), splices[i].sparse);
        assert_true(kl_rope_pieces(new) <= 2 * changed + 4);
        if (changed == 1)
            assert_true(in_memory(new) < kl_rope_len(base) / 2 || strstr(splices[i].options, "1M"));
        free(want);
    }
    free(first);
    free(image);
    free(last);
}

static void nothing_changed_is_the_image_itself(void **state)
{
    (void)state;
    char *image = bytes_of(IMAGE, 2);
    run("rm -rf '%s'/* && mkdir '%s/in'", work, work);
    write_file("in/image", image, IMAGE);
    run("mksquashfs '%s/in' '%s/old' -quiet -no-progress >/dev/null", work, work);
    struct kl_rope *base KL_ROPE_SCOPE = rope_of("old");
    const struct change same[] = {{100, 5000, false}, {0}};
    size_t changed;
    struct kl_rope *new KL_ROPE_SCOPE = splice_in(base, "image", same, image, &changed);
    assert_int_equal(changed, 0);
    assert_ptr_equal(new, base);
    free(image);
}

/* --- hostile -----------------------------------------------------------------------------------*/

static bool look(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    enum { READ_MOST = 1 << 20 };
    static char bytes[READ_MOST];
    (void)arg;
    size_t some = n->size < READ_MOST ? (size_t)n->size : READ_MOST;
    kl_fs_xattrs(fs, n);
    if (n->kind == KL_NODE_FILE)
        kl_fs_read(fs, n, 0, bytes, some);
    return true;
}

/* Everything is looked at. What cannot be is reported with its place. */
static bool survives(const char *bytes, size_t n, char *says, size_t room)
{
    struct opened o;
    struct kl_rope *rope KL_ROPE_SCOPE = kl_rope_new();
    kl_rope_add_bytes(rope, bytes, n);
    open_rope(&o, rope);
    bool ok = o.s && kl_fs_walk(kl_squashfs_fs(o.s), kl_squashfs_fs(o.s)->root, look, NULL);
    assert_true(ok || kl_diags_count(o.d, KL_ERROR) > 0);
    ok = ok && kl_diags_count(o.d, KL_ERROR) == 0;
    if (says) {
        const struct kl_diag *first = kl_diags_at(o.d, 0);
        snprintf(says, room, "%s: %s", first ? first->code : "", first ? first->message : "");
    }
    close_image(&o);
    return ok;
}

/* A small image of everything, its metadata packed or bare. */
static char *small_image(const char *options, size_t *n)
{
    run("rm -rf '%s'/* && mkdir -p '%s/in/outer/inner' && cd '%s/in' && echo text >outer/text && "
        "ln -s text outer/link && ln outer/text outer/inner/hard && mkfifo fifo && "
        "head -c 9000 /dev/zero >zeros && yes kickline | head -c 20000 >big && "
        "setfattr -n user.one -v value big && touch -d @1000000000 . outer outer/* big",
        work, work, work);
    run("mksquashfs '%s/in' '%s/old' -quiet -no-progress -b 4096 %s >/dev/null", work, work,
        options);
    char *bytes = kl_read_file(path("old"), 1 << 20, n);
    assert_non_null(bytes);
    return bytes;
}

static void every_byte_turned_is_survived(void **state)
{
    static const char *const options[] = {
        "-comp gzip", "-noI -noD -noF -noX -noId", "-comp xz", "-comp zstd -noI -noX -noId"};
    static const unsigned char turns[] = {0x01, 0x80, 0xff};
    (void)state;
    for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        size_t n, refused = 0;
        char *bytes = small_image(options[k], &n);
        assert_true(survives(bytes, n, NULL, 0));
        size_t used = kl_le64(bytes + 40) < n ? (size_t)kl_le64(bytes + 40) : n;
        size_t tables = (size_t)kl_le64(bytes + 64);
        for (size_t i = 0; i < used; i = i == 127 && tables > 127 ? tables : i + 1)
            for (size_t t = 0; t < sizeof turns; t++) {
                bytes[i] = (char)(bytes[i] ^ turns[t]);
                refused += !survives(bytes, n, NULL, 0);
                bytes[i] = (char)(bytes[i] ^ turns[t]);
            }
        /* What is bare may as well be another name or time. */
        assert_true(refused > used - tables);
        free(bytes);
    }
}

static void every_length_is_survived(void **state)
{
    (void)state;
    size_t n;
    char *bytes = small_image("-comp xz", &n);
    for (size_t i = 0; i < n && i < kl_le64(bytes + 40); i++)
        assert_false(survives(bytes, i, NULL, 0));
    free(bytes);
}

/* The bytes of a directory's entry for `name`, in a directory table that is not packed. */
static char *entry_of(char *bytes, const char *name)
{
    size_t len = strlen(name);
    for (char *p = bytes + kl_le64(bytes + 72) + 2 + 12; p < bytes + kl_le64(bytes + 80); p++)
        if (memcmp(p + 8, name, len) == 0 && kl_le16(p + 6) == len - 1)
            return p;
    fail_msg("no entry for %s", name);
    return NULL;
}

static void lies_are_named(void **state)
{
    static const struct {
        const char *what, *says;
    } lies[] = {
        {"loop", "is a directory that is in the tree twice, at byte "},
        {"twice", "is a directory that is in the tree twice, at byte "},
        {"huge", "image-corrupt: inode"},
        {"huge", "block list cannot justify"},
        {"used", "image-truncated: the image has"},
        {"log", "image-corrupt: blocks of 4096 bytes (2 to the 30) cannot be"},
        {"codec", "image-unsupported: packed with compressor 9"},
        {"version", "image-unsupported: squashfs 3.0 is not known; 4.0 is, at byte 28"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof lies / sizeof *lies; k++) {
        size_t n;
        char *b = small_image("-noI -noD -noF -noX -noId -no-duplicates", &n), says[400];
        if (kl_streq(lies[k].what, "loop") || kl_streq(lies[k].what, "twice"))
            kl_put16(entry_of(b, "inner"), kl_streq(lies[k].what, "loop")
                                               ? (uint16_t)kl_le64(b + 32)
                                               : kl_le16(entry_of(b, "outer")));
        else if (kl_streq(lies[k].what, "huge"))
            kl_put32(b + kl_le64(b + 64) + 2 + kl_le16(entry_of(b, "zeros")) + 16 + 12, 1 << 30);
        else if (kl_streq(lies[k].what, "used"))
            kl_put64(b + 40, n + 1);
        else if (kl_streq(lies[k].what, "log"))
            kl_put16(b + 22, 30);
        else if (kl_streq(lies[k].what, "codec"))
            kl_put16(b + 20, 9);
        else
            kl_put16(b + 28, 3);
        assert_false(survives(b, n, says, sizeof says));
        if (!strstr(says, lies[k].says))
            fail_msg("%s: %s", lies[k].what, says);
        free(b);
    }
}

/* One byte of `name` changed in what is a lie. */
static bool can_be_spliced(const char *bytes, size_t n, const char *name, char *says, size_t room)
{
    struct opened o;
    struct kl_rope *rope KL_ROPE_SCOPE = kl_rope_new(), *spliced KL_ROPE_SCOPE = NULL;
    kl_rope_add_bytes(rope, bytes, n);
    open_rope(&o, rope);
    must(&o, o.s);
    struct kl_node *file = kl_fs_at(kl_squashfs_fs(o.s), name);
    must(&o, file && file->kind == KL_NODE_FILE);
    struct kl_reader r = kl_squashfs_file(o.s, file);
    struct kl_cow *cow = kl_cow_new(&r, kl_squashfs_super(o.s)->block_size);
    if (kl_cow_write(cow, 0, "!", 1))
        spliced = kl_squashfs_splice(o.s, file, cow, NULL, NULL);
    kl_cow_free(cow);
    const struct kl_diag *first = kl_diags_at(o.d, 0);
    snprintf(says, room, "%s: %s", first ? first->code : "", first ? first->message : "");
    assert_true(!spliced == (kl_diags_count(o.d, KL_ERROR) > 0));
    close_image(&o);
    return spliced;
}

/* What lies where metadata is written anew would be lost, so it is refused. */
static void data_elsewhere_is_refused(void **state)
{
    enum { HEAD = 16, WORDS = HEAD + 40 }; /* of an extended file */
    static const struct {
        const char *says; /* NULL: it is fine */
        bool fragment;
        int64_t from_table; /* where it is said to begin, from the inode table on */
        uint32_t word;      /* and how large its first block, where not 0 */
    } lies[] = {
        {.says = NULL},
        {"has data outside of bytes ", false, -1, 0},
        {"has data outside of bytes ", false, 0, 0},
        {"has data outside of bytes ", false, INT64_MAX, 0},
        {"has data outside of bytes ", false, INT64_MIN, 0},
        {"has data outside of bytes ", false, 0, KL_SQUASHFS_RAW - 1},
        {"fragment 0 has data outside of bytes ", true, -1, 0},
        {"fragment 0 has data outside of bytes ", true, INT64_MAX, 0},
        {"fragment 0 has data outside of bytes ", true, INT64_MIN, KL_SQUASHFS_RAW - 1},
    };
    (void)state;
    for (size_t k = 0; k < sizeof lies / sizeof *lies; k++) {
        size_t n;
        char *b = small_image("-noI -noD -noF -noX -noId", &n), says[400];
        uint64_t table = kl_le64(b + 64), at = table + (uint64_t)lies[k].from_table;
        char *inode = b + table + 2 + kl_le16(entry_of(b, "big")), *start = inode + HEAD,
             *word = inode + WORDS;
        assert_int_equal(kl_le16(inode), 9);
        if (lies[k].fragment) {
            start = b + kl_le64(b + kl_le64(b + 80)) + 2;
            word = start + 8;
        }
        if (lies[k].says)
            kl_put64(start, at);
        if (lies[k].word)
            kl_put32(word, lies[k].word);
        const char *other = lies[k].fragment ? "big" : "outer/text";
        if (can_be_spliced(b, n, other, says, sizeof says) == !!lies[k].says)
            fail_msg("%zu: %s", k, says);
        if (lies[k].says && !strstr(says, lies[k].says))
            fail_msg("%zu: %s", k, says);
        assert_true(can_be_spliced(b, n, lies[k].fragment ? "outer/text" : "big", says,
                        sizeof says) == !lies[k].says);
        free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splice_is_read_by_unsquashfs),
        cmocka_unit_test(nothing_changed_is_the_image_itself),
        cmocka_unit_test(every_byte_turned_is_survived),
        cmocka_unit_test(every_length_is_survived),
        cmocka_unit_test(lies_are_named),
        cmocka_unit_test(data_elsewhere_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
