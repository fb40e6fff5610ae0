/* image/squashfs_write and what is below it: trees made by hand, written, and read again. The
 * sizes are those at which squashfs has an edge. */
#include "image/squashfs_put.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

/* An image of nothing but a superblock, and a tree to be put into it. */
struct bench {
    struct kl_arena *a;
    struct kl_diags *d;
    struct kl_fault_log log;
    struct kl_rope *nothing, *data;
    struct kl_squashfs s;
    uint32_t ids[1];
};

static struct kl_node *add(
    struct bench *b, struct kl_node *dir, enum kl_node_kind kind, const char *name)
{
    struct kl_node *n = kl_node_new(&b->s.fs, name, strlen(name));
    struct kl_squashfs_inode *own = kl_alloc(b->a, sizeof *own);
    own->xattr = own->fragment = KL_SQUASHFS_NO_INDEX;
    n->kind = kind;
    n->own = own;
    n->mode = 0644;
    n->nlink = kind == KL_NODE_DIR ? 2 : 1;
    n->opened = kind == KL_NODE_DIR;
    if (dir)
        assert_true(kl_node_adopt(&b->s.fs, dir, n));
    return n;
}

static void begin(struct bench *b, enum kl_codec codec)
{
    static const char zeros[96];
    static const uint16_t ids[] = {[KL_CODEC_GZIP] = 1, [KL_CODEC_XZ] = 4, [KL_CODEC_ZSTD] = 6};
    *b = (struct bench){.a = kl_arena_new(), .d = kl_diags_new()};
    b->log = (struct kl_fault_log){.d = b->d, .image = "image"};
    b->nothing = kl_rope_new();
    b->data = kl_rope_new();
    kl_rope_add_bytes(b->nothing, zeros, sizeof zeros);
    b->s = (struct kl_squashfs){.a = b->a,
        .image = b->nothing,
        .in = kl_rope_reader(b->nothing, &b->log),
        .log = &b->log,
        .packing = {.codec = codec, .block_size = 128 << 10},
        .data_start = 96,
        .ids = b->ids};
    b->s.super = (struct kl_squashfs_super){.block_size = 128 << 10,
        .block_log = 17,
        .codec_id = ids[codec],
        .major = 4,
        .ids = 1,
        .xattr_table = KL_SQUASHFS_NONE,
        .export_table = 0};
    b->s.fs = (struct kl_fs){.type = "squashfs", .a = b->a, .log = &b->log};
    b->s.fs.root = add(b, NULL, KL_NODE_DIR, "");
}

static void end(struct bench *b)
{
    kl_rope_drop(b->nothing);
    kl_rope_drop(b->data);
    kl_arena_free(b->a);
    kl_diags_free(b->d);
}

static struct kl_rope *written(struct bench *b)
{
    return kl_squashfs_write(&b->s, &b->s.fs, b->data, NULL, 0, NULL);
}

/* The written image, opened. */
static struct kl_squashfs *reopened(struct bench *b, struct kl_rope **image)
{
    *image = written(b);
    if (!*image)
        kl_diags_print(b->d, stderr, false, 0);
    assert_non_null(*image);
    struct kl_squashfs *s = kl_squashfs_open(b->a, *image, &b->log);
    kl_diags_print(b->d, stderr, false, 0);
    assert_non_null(s);
    return s;
}

static bool count(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    (void)fs;
    (void)n;
    ++*(size_t *)arg;
    return true;
}

static void ends_with_code(struct bench *b, const char *code)
{
    assert_null(written(b));
    assert_int_equal(kl_diags_count(b->d, KL_ERROR), 1);
    assert_string_equal(kl_diags_at(b->d, 0)->code, code);
}

/* --- metadata blocks ---------------------------------------------------------------------------*/

static void fill(unsigned char *to, size_t n, bool packs)
{
    uint32_t seed = 12345;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        to[i] = packs ? (unsigned char)(i / 100) : (unsigned char)(seed >> 24);
    }
}

static void check_run(const struct kl_buf *packed, const unsigned char *wanted, size_t n, bool raw)
{
    size_t at = 0, done = 0;
    while (done < n) {
        unsigned char out[8192];
        unsigned head = kl_le16(packed->s + at), size = head & 0x7fff;
        size_t part = n - done < 8192 ? n - done : 8192;
        assert_true(size <= 8192 && at + 2 + size <= packed->len);
        assert_int_equal((head & 0x8000) != 0, raw);
        if (head & 0x8000) {
            assert_int_equal(size, part);
            memcpy(out, packed->s + at + 2, size);
        } else {
            assert_true(size < part);
            ssize_t got =
                kl_block_unpack(KL_CODEC_GZIP, packed->s + at + 2, size, out, sizeof out, 0);
            assert_int_equal(got, part);
        }
        assert_memory_equal(out, wanted + done, part);
        done += part;
        at += 2 + size;
    }
    assert_int_equal(at, packed->len);
}

static void metadata_is_cut_into_blocks(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 8191, 8192, 8193, 16384, 20000, 40961};
    static unsigned char bytes[40961];
    const struct kl_pack_options gzip = {.codec = KL_CODEC_GZIP, .block_size = 4096};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned how = 0; how < 3; how++) { /* packs; does not; must not */
            struct kl_buf packed KL_BUF_SCOPE = {0};
            struct kl_meta_out m = {.packing = &gzip, .raw = how == 2, .out = &packed};
            size_t n = sizes[i];
            if (how == 0 && n && (n < 100 || n % 8192 < 100) && n % 8192)
                continue; /* a few bytes do not get smaller */
            fill(bytes, n, how == 0 || how == 2);
            for (size_t done = 0, part; done < n; done += part) {
                part = n - done < 777 ? n - done : 777;
                assert_true(kl_meta_add(&m, bytes + done, part));
                assert_int_equal(kl_meta_ref(&m) & 0xffff, (done + part) % 8192);
                assert_int_equal(kl_meta_ref(&m) >> 16, packed.len);
            }
            assert_true(kl_meta_end(&m));
            assert_true(kl_meta_end(&m)); /* nothing is held, nothing is added */
            check_run(&packed, bytes, n, how != 0);
        }
}

static void a_superblock_is_what_linux_reads(void **state)
{
    const struct kl_squashfs_super s = {.inodes = 0x01020304,
        .mkfs_time = 0x11121314,
        .block_size = 131072,
        .fragments = 5,
        .codec_id = 4,
        .block_log = 17,
        .flags = 0x0480,
        .ids = 2,
        .major = 4,
        .root_inode = 0xa1,
        .bytes_used = 0xa2,
        .id_table = 0xa3,
        .xattr_table = KL_SQUASHFS_NONE,
        .inode_table = 0xa5,
        .directory_table = 0xa6,
        .fragment_table = 0xa7,
        .export_table = 0xa8};
    /* linux/fs/squashfs/squashfs_fs.h, struct squashfs_super_block */
    static const unsigned char wanted[96] = "hsqs\4\3\2\1\x14\x13\x12\x11\0\0\2\0\5\0\0\0\4\0\x11\0"
                                            "\x80\4\2\0\4\0\0\0"
                                            "\xa1\0\0\0\0\0\0\0\xa2\0\0\0\0\0\0\0\xa3\0\0\0\0\0\0\0"
                                            "\xff\xff\xff\xff\xff\xff\xff\xff\xa5\0\0\0\0\0\0\0"
                                            "\xa6\0\0\0\0\0\0\0\xa7\0\0\0\0\0\0\0\xa8\0\0\0\0\0\0";
    unsigned char out[96];
    (void)state;
    kl_squashfs_super_put(&s, out);
    assert_memory_equal(out, wanted, 96);
}

/* --- trees -------------------------------------------------------------------------------------*/

static void an_empty_root_is_an_image(void **state)
{
    static const enum kl_codec codecs[] = {KL_CODEC_GZIP, KL_CODEC_XZ, KL_CODEC_ZSTD};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct bench b;
        struct kl_rope *image;
        begin(&b, codecs[i]);
        struct kl_squashfs *s = reopened(&b, &image);
        assert_true(kl_fs_dir(kl_squashfs_fs(s), kl_squashfs_fs(s)->root));
        assert_int_equal(kl_squashfs_fs(s)->root->nchildren, 0);
        assert_int_equal(kl_rope_len(image) % 4096, 0);
        assert_int_equal(kl_squashfs_super(s)->inodes, 1);
        kl_squashfs_close(s);
        kl_rope_drop(image);
        end(&b);
    }
}

/* Entries say numbers of their own, which readdir(3) gives: those of the inodes. */
static void check_listing(struct kl_squashfs *s, const struct kl_node *dir)
{
    const struct kl_squashfs_inode *own = dir->own;
    uint64_t block = own->dir_block;
    size_t offset = own->dir_offset;
    for (size_t i = 0; i < dir->nchildren;) {
        unsigned char head[12], entry[8];
        char name[256];
        assert_true(kl_squashfs_meta_read(
            s, s->super.directory_table, &block, &offset, head, sizeof head, "head"));
        for (uint32_t k = 0; k <= kl_le32(head); k++, i++) {
            assert_true(kl_squashfs_meta_read(
                s, s->super.directory_table, &block, &offset, entry, sizeof entry, "entry"));
            size_t len = kl_le16(entry + 6) + 1U;
            assert_true(len < sizeof name && kl_squashfs_meta_read(s, s->super.directory_table,
                                                 &block, &offset, name, len, "name"));
            assert_int_equal(strncmp(name, dir->children[i]->name, len), 0);
            assert_int_equal(
                kl_le32(head + 8) + (uint32_t)(int16_t)kl_le16(entry + 2), dir->children[i]->ino);
        }
    }
}

/* 70,000 names in one directory, and in another, hard links to the first and the last of them, and
 * to a file whose inode lies beside the last one's and whose number is far from it: too far for
 * one header. */
static void a_wide_directory_and_far_hard_links(void **state)
{
    enum { WIDE = 70000 };
    struct bench b;
    struct kl_rope *image;
    (void)state;
    begin(&b, KL_CODEC_ZSTD);
    struct kl_node *wide = add(&b, b.s.fs.root, KL_NODE_DIR, "a"),
                   *beside = add(&b, b.s.fs.root, KL_NODE_FILE, "aa"),
                   *links = add(&b, b.s.fs.root, KL_NODE_DIR, "b"), *last = NULL;
    for (unsigned i = 0; i < WIDE; i++) {
        last = add(&b, wide, i % 2 ? KL_NODE_FIFO : KL_NODE_FILE, kl_sprintf(b.a, "name-%05u", i));
        last->uid = i % 100;
    }
    add(&b, links, KL_NODE_FILE, "1")->own = wide->children[0]->own;
    add(&b, links, KL_NODE_FIFO, "2")->own = last->own;
    add(&b, links, KL_NODE_FILE, "2a")->own = beside->own;
    add(&b, links, KL_NODE_SYMLINK, "3")->target = "name-00000";
    struct kl_squashfs *s = reopened(&b, &image);
    struct kl_fs *fs = kl_squashfs_fs(s);
    size_t n = 0;
    assert_true(kl_fs_walk(fs, fs->root, count, &n));
    assert_int_equal(n, WIDE + 7);
    assert_int_equal(kl_squashfs_super(s)->inodes, WIDE + 5);
    for (unsigned i = 0; i < WIDE; i++) {
        char path[32];
        snprintf(path, sizeof path, "a/name-%05u", i);
        const struct kl_node *one = kl_fs_at(fs, path);
        assert_non_null(one);
        assert_int_equal(one->uid, i % 100);
        assert_int_equal(one->kind, i % 2 ? KL_NODE_FIFO : KL_NODE_FILE);
        assert_int_equal(one->nlink, i == 0 || i == WIDE - 1 ? 2 : 1);
    }
    assert_int_equal(kl_fs_at(fs, "b/1")->ino, kl_fs_at(fs, "a/name-00000")->ino);
    assert_int_equal(kl_fs_at(fs, "b/2")->ino, kl_fs_at(fs, "a/name-69999")->ino);
    check_listing(s, fs->root);
    check_listing(s, kl_fs_at(fs, "a"));
    check_listing(s, kl_fs_at(fs, "b"));
    assert_int_equal(kl_fs_at(fs, "b/2a")->ino, kl_fs_at(fs, "aa")->ino);
    assert_int_equal(kl_squashfs_own(kl_fs_at(fs, "b/2a"))->ref >> 16,
        kl_squashfs_own(kl_fs_at(fs, "b/2"))->ref >> 16);
    assert_string_equal(kl_node_child(kl_fs_at(fs, "b"), "3", 1)->target, "name-00000");
    kl_squashfs_close(s);
    kl_rope_drop(image);
    end(&b);
}

/* Deeper than any stack of calls would stand. */
static void a_deep_tree(void **state)
{
    enum { DEEP = 20000 };
    struct bench b;
    struct kl_rope *image;
    (void)state;
    begin(&b, KL_CODEC_GZIP);
    struct kl_node *n = b.s.fs.root;
    for (int i = 0; i < DEEP; i++)
        n = add(&b, n, KL_NODE_DIR, "d");
    add(&b, n, KL_NODE_SOCKET, "end");
    struct kl_squashfs *s = reopened(&b, &image);
    struct kl_fs *fs = kl_squashfs_fs(s);
    n = fs->root;
    for (int i = 0; i < DEEP; i++) {
        assert_true(kl_fs_dir(fs, n));
        assert_int_equal(n->nchildren, 1);
        n = n->children[0];
    }
    assert_true(kl_fs_dir(fs, n));
    assert_string_equal(n->children[0]->name, "end");
    kl_squashfs_close(s);
    kl_rope_drop(image);
    end(&b);
}

/* A file larger than the basic inode can say; all of it a hole. */
static void a_file_of_more_than_4_gib(void **state)
{
    struct bench b;
    struct kl_rope *image;
    (void)state;
    begin(&b, KL_CODEC_GZIP);
    struct kl_node *big = add(&b, b.s.fs.root, KL_NODE_FILE, "big"),
                   *least = add(&b, b.s.fs.root, KL_NODE_FILE, "least");
    struct kl_squashfs_inode *own = big->own;
    own->size = own->sparse = ((uint64_t)4 << 30) + 5;
    own->nblocks = (size_t)(((uint64_t)4 << 30) >> 17) + 1;
    own->blocks = kl_alloc(b.a, own->nblocks * sizeof *own->blocks);
    ((struct kl_squashfs_inode *)least->own)->size = 0;
    struct kl_squashfs *s = reopened(&b, &image);
    struct kl_fs *fs = kl_squashfs_fs(s);
    const struct kl_node *n = kl_fs_at(fs, "big");
    char end_of_it[5] = "full";
    assert_int_equal(n->size, ((uint64_t)4 << 30) + 5);
    assert_int_equal(kl_squashfs_own(n)->type, 9);
    assert_int_equal(kl_squashfs_own(kl_fs_at(fs, "least"))->type, 2);
    assert_true(kl_fs_read(fs, n, (uint64_t)4 << 30, end_of_it, 5));
    assert_memory_equal(end_of_it, "\0\0\0\0", 5);
    kl_squashfs_close(s);
    kl_rope_drop(image);
    end(&b);
}

static void devices_to_their_limits(void **state)
{
    static const struct {
        uint32_t major, minor;
        bool fits;
    } cases[] = {{1, 3, true}, {0xfff, 0xfffff, true}, {259, 70000, true}, {8, 256, true},
        {0x1000, 0, false}, {1, 0x100000, false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        struct kl_rope *image;
        begin(&b, KL_CODEC_GZIP);
        struct kl_node *n = add(&b, b.s.fs.root, KL_NODE_BLOCK, "device");
        n->major = cases[i].major;
        n->minor = cases[i].minor;
        if (!cases[i].fits) {
            ends_with_code(&b, KL_IMAGE_CANNOT);
            end(&b);
            continue;
        }
        struct kl_squashfs *s = reopened(&b, &image);
        n = kl_fs_at(kl_squashfs_fs(s), "device");
        assert_int_equal(n->major, cases[i].major);
        assert_int_equal(n->minor, cases[i].minor);
        kl_squashfs_close(s);
        kl_rope_drop(image);
        end(&b);
    }
}

static void times_stay_within_what_can_be_said(void **state)
{
    static const struct {
        int64_t given, kept;
    } cases[] = {{0, 0}, {-1, 0}, {1600000000, 1600000000}, {UINT32_MAX, UINT32_MAX},
        {INT64_MAX, UINT32_MAX}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        struct kl_rope *image;
        begin(&b, KL_CODEC_GZIP);
        add(&b, b.s.fs.root, KL_NODE_FILE, "f")->mtime = cases[i].given;
        struct kl_squashfs *s = reopened(&b, &image);
        assert_int_equal(kl_fs_at(kl_squashfs_fs(s), "f")->mtime, cases[i].kept);
        kl_squashfs_close(s);
        kl_rope_drop(image);
        end(&b);
    }
}

/* 65,535 owners there can be; the table has one already. */
static void owners_to_their_limit(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct bench b;
        struct kl_rope *image;
        begin(&b, KL_CODEC_ZSTD);
        for (unsigned i = 1; i < 65535 + more; i++)
            add(&b, b.s.fs.root, KL_NODE_FILE, kl_sprintf(b.a, "%05u", i))->uid = i * 65537;
        if (more) {
            ends_with_code(&b, KL_IMAGE_FULL);
            end(&b);
            continue;
        }
        struct kl_squashfs *s = reopened(&b, &image);
        assert_int_equal(kl_squashfs_super(s)->ids, 65535);
        assert_int_equal(kl_fs_at(kl_squashfs_fs(s), "65534")->uid, 65534U * 65537U);
        assert_int_equal(kl_fs_at(kl_squashfs_fs(s), "00001")->gid, 0);
        kl_squashfs_close(s);
        kl_rope_drop(image);
        end(&b);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, KL_CODEC_GZIP);
    struct kl_node *dir = add(&b, b.s.fs.root, KL_NODE_DIR, "one");
    add(&b, b.s.fs.root, KL_NODE_DIR, "two")->own = dir->own;
    ends_with_code(&b, KL_IMAGE_CORRUPT);
    end(&b);
    begin(&b, KL_CODEC_GZIP);
    ((struct kl_squashfs_inode *)add(&b, b.s.fs.root, KL_NODE_FILE, "f")->own)->fragment = 0;
    ends_with_code(&b, KL_IMAGE_CORRUPT);
    end(&b);
    begin(&b, KL_CODEC_GZIP);
    ((struct kl_squashfs_inode *)add(&b, b.s.fs.root, KL_NODE_FIFO, "f")->own)->xattr = 0;
    ends_with_code(&b, KL_IMAGE_CORRUPT);
    end(&b);
}

/* A set of attributes on each kind of node, in an image that had none. */
static void attributes_of_every_kind_of_node(void **state)
{
    static char large[65536];
    struct kl_xattr x[] = {{"security.selinux", "label", 6}, {"trusted.t", "", 0},
        {"user.large", large, sizeof large}};
    struct kl_squashfs_xattr_set sets[] = {{x, 3}, {x, 1}};
    struct kl_squashfs_xattrs more = {.sets = sets, .n = 2};
    struct bench b;
    (void)state;
    memset(large, 'x', sizeof large);
    begin(&b, KL_CODEC_GZIP);
    for (unsigned kind = KL_NODE_FILE; kind <= KL_NODE_SOCKET; kind++) {
        struct kl_node *n = add(&b, b.s.fs.root, (enum kl_node_kind)kind, kl_node_word[kind]);
        n->target = "target";
        ((struct kl_squashfs_inode *)n->own)->xattr = kind % 2;
    }
    struct kl_rope *image = kl_squashfs_write(&b.s, &b.s.fs, b.data, NULL, 0, &more);
    assert_non_null(image);
    struct kl_squashfs *s = kl_squashfs_open(b.a, image, &b.log);
    assert_non_null(s);
    for (unsigned kind = KL_NODE_FILE; kind <= KL_NODE_SOCKET; kind++) {
        struct kl_fs *fs = kl_squashfs_fs(s);
        struct kl_node *n = kl_node_child(fs->root, kl_node_word[kind], strlen(kl_node_word[kind]));
        if (!fs->root->opened) {
            assert_true(kl_fs_dir(fs, fs->root));
            n = kl_node_child(fs->root, kl_node_word[kind], strlen(kl_node_word[kind]));
        }
        assert_non_null(n);
        assert_int_equal(n->kind, kind);
        assert_true(kl_fs_xattrs(fs, n));
        assert_int_equal(n->nxattrs, kind % 2 ? 1 : 3);
        assert_string_equal(n->xattrs[0].name, "security.selinux");
        assert_memory_equal(n->xattrs[0].value, "label", 6);
        if (kind % 2 == 0) {
            assert_int_equal(n->xattrs[1].len, 0);
            assert_int_equal(n->xattrs[2].len, sizeof large);
            assert_memory_equal(n->xattrs[2].value, large, sizeof large);
        }
    }
    kl_squashfs_close(s);
    kl_rope_drop(image);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_is_cut_into_blocks),
        cmocka_unit_test(a_superblock_is_what_linux_reads),
        cmocka_unit_test(an_empty_root_is_an_image),
        cmocka_unit_test(a_wide_directory_and_far_hard_links),
        cmocka_unit_test(a_deep_tree),
        cmocka_unit_test(a_file_of_more_than_4_gib),
        cmocka_unit_test(devices_to_their_limits),
        cmocka_unit_test(times_stay_within_what_can_be_said),
        cmocka_unit_test(owners_to_their_limit),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(attributes_of_every_kind_of_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
