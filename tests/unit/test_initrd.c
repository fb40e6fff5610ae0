/* image/initrd: what the kernel makes of archives. The rules are those of docs/image-patching.md,
 * section 2; tests/e2e boots them, tests/unit/test_image_initrd.py holds them against cpio(1). */
#include "image/initrd.h"

#include "base/text.h"

#include <fcntl.h>
#include <lz4.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

/* --- images from words -------------------------------------------------------------------------*/

struct words {
    unsigned ino;
    bool crc;
};

static void member(struct kl_buf *b, struct words *w, const char *name, unsigned mode,
    unsigned nlink, unsigned ino, unsigned rmajor, unsigned rminor, const char *data)
{
    size_t start = b->len, n = strlen(data);
    unsigned sum = 0;
    for (size_t i = 0; w->crc && i < n; i++)
        sum += (unsigned char)data[i];
    kl_buf_addf(b, "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
        w->crc ? "070702" : "070701", ino ? ino : ++w->ino, mode, 0, 0, nlink, 1000 + w->ino,
        (unsigned)n, 0, 0, rmajor, rminor, (unsigned)strlen(name) + 1, sum);
    kl_buf_addn(b, name, strlen(name) + 1);
    while ((b->len - start) % 4)
        kl_buf_addc(b, '\0');
    kl_buf_addn(b, data, n);
    while ((b->len - start) % 4)
        kl_buf_addc(b, '\0');
}

/* "d PATH", "f PATH [DATA]", "l PATH TARGET", "h PATH INO [DATA]" (a file with two links),
 * "c PATH MAJOR MINOR", "p PATH", "D PATH DATA" (a directory with data), "t" (the trailer), "k"
 * (checksums from here on): separated by ";". */
static void archive(struct kl_buf *b, struct words *w, const char *text)
{
    char *copy = strdup(text), *save = NULL;
    for (char *one = strtok_r(copy, ";", &save); one; one = strtok_r(NULL, ";", &save)) {
        char kind = 0, path[300] = "", x[64] = "", y[64] = "";
        sscanf(one, " %c %299s %63s %63s", &kind, path, x, y);
        unsigned dir = S_IFDIR | 0755, file = S_IFREG | 0644;
        switch (kind) {
        case 'd':
        case 'D':
            member(b, w, path, dir, 1, 0, 0, 0, x);
            break;
        case 'f':
            member(b, w, path, file, 1, 0, 0, 0, x);
            break;
        case 'l':
            member(b, w, path, S_IFLNK | 0777, 1, 0, 0, 0, x);
            break;
        case 'h':
            member(b, w, path, file, 2, (unsigned)atoi(x) + 5000, 0, 0, y);
            break;
        case 'c':
            member(b, w, path, S_IFCHR | 0600, 1, 0, (unsigned)atoi(x), (unsigned)atoi(y), "");
            break;
        case 'p':
            member(b, w, path, S_IFIFO | 0600, 1, 0, 0, 0, "");
            break;
        case 't':
            member(b, w, "TRAILER!!!", 0, 1, 0, 0, 0, "");
            break;
        case 'k':
            w->crc = true;
            break;
        default:
            fail_msg("'%s'?", one);
        }
    }
    free(copy);
}

static void gzip(struct kl_buf *b, const struct kl_buf *in)
{
    z_stream z = {0};
    size_t room = in->len + 1000;
    unsigned char *out = malloc(room);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)in->s;
    z.avail_in = (unsigned)in->len;
    z.next_out = out;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    kl_buf_addn(b, (char *)out, room - z.avail_out);
    deflateEnd(&z);
    free(out);
}

static void xz(struct kl_buf *b, const struct kl_buf *in, lzma_check check)
{
    size_t room = in->len + 1000, n = 0;
    unsigned char *out = malloc(room);
    assert_int_equal(
        lzma_easy_buffer_encode(0, check, NULL, (unsigned char *)in->s, in->len, out, &n, room),
        LZMA_OK);
    kl_buf_addn(b, (char *)out, n);
    free(out);
}

static void lz4(struct kl_buf *b, const struct kl_buf *in)
{
    char *out = malloc((size_t)LZ4_compressBound((int)in->len)), head[8];
    int n = LZ4_compress_default(in->s, out, (int)in->len, LZ4_compressBound((int)in->len));
    kl_put32(head, 0x184c2102);
    kl_put32(head + 4, (uint32_t)n);
    kl_buf_addn(b, head, sizeof head);
    kl_buf_addn(b, out, (size_t)n);
    free(out);
}

/* Segments, separated by "|": a letter for how it is packed (r, g, x, X: CRC64, 4), then the
 * archive; "z N" are N zero bytes, "j TEXT" is TEXT as it is. */
static void image(struct kl_buf *b, const char *text)
{
    char *copy = strdup(text), *save = NULL;
    struct words w = {0};
    for (char *one = strtok_r(copy, "|", &save); one; one = strtok_r(NULL, "|", &save)) {
        struct kl_buf in KL_BUF_SCOPE = {0};
        while (*one == ' ')
            one++;
        if (*one == 'z') {
            for (int n = atoi(one + 1); n > 0; n--)
                kl_buf_addc(b, '\0');
            continue;
        }
        if (*one == 'j') {
            kl_buf_add(b, one + 2);
            continue;
        }
        archive(&in, &w, one + 1);
        if (*one == 'r')
            kl_buf_addn(b, in.s, in.len);
        else if (*one == 'g')
            gzip(b, &in);
        else if (*one == '4')
            lz4(b, &in);
        else
            xz(b, &in, *one == 'X' ? LZMA_CHECK_CRC64 : LZMA_CHECK_CRC32);
    }
    free(copy);
}

/* --- trees as words ----------------------------------------------------------------------------*/

struct opened {
    struct kl_arena *a;
    struct kl_diags *d;
    struct kl_fault_log log;
    struct kl_rope *rope;
    struct kl_initrd *initrd;
};

static void open_bytes(struct opened *o, const char *bytes, size_t n)
{
    static const struct kl_initrd_options options = {.unpacked_most = 64 << 20};
    o->a = kl_arena_new();
    o->d = kl_diags_new();
    o->log = (struct kl_fault_log){.d = o->d, .image = "initrd.img"};
    o->rope = kl_rope_new();
    kl_rope_add_bytes(o->rope, bytes, n);
    o->initrd = kl_initrd_open(o->a, o->rope, &o->log, &options);
}

static void close_it(struct opened *o)
{
    kl_initrd_close(o->initrd);
    kl_rope_drop(o->rope);
    kl_diags_free(o->d);
    kl_arena_free(o->a);
}

static bool print_node(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    struct kl_buf *b = arg;
    char data[256] = "";
    if (b->len)
        kl_buf_addc(b, ' ');
    kl_buf_add(b, kl_node_path(fs->a, n));
    switch (n->kind) {
    case KL_NODE_DIR:
        kl_buf_addc(b, '/');
        break;
    case KL_NODE_SYMLINK:
        kl_buf_addf(b, ">%s", n->target);
        break;
    case KL_NODE_CHAR:
        kl_buf_addf(b, "(%u,%u)", n->major, n->minor);
        break;
    case KL_NODE_FILE:
        assert_true(n->size < sizeof data);
        assert_true(kl_fs_read(fs, n, 0, data, (size_t)n->size));
        kl_buf_addf(b, "=%s", data);
        if (n->nlink > 1)
            kl_buf_addf(b, "x%u", n->nlink);
        break;
    default:
        kl_buf_addc(b, '|');
    }
    return true;
}

static void print_tree(struct kl_buf *b, struct kl_initrd *i)
{
    struct kl_fs *fs = kl_initrd_fs(i);
    assert_true(kl_fs_walk(fs, fs->root, print_node, b));
}

static void print_codes(struct kl_buf *b, const struct kl_diags *d)
{
    const struct kl_diag *one;
    for (size_t i = 0; (one = kl_diags_at(d, i)); i++)
        kl_buf_addf(b, "%s%s%s", i ? " " : "", one->severity == KL_ERROR ? "!" : "", one->code);
}

struct rule {
    const char *image, *tree, *codes;
};

static void holds(const struct rule *r)
{
    struct kl_buf bytes KL_BUF_SCOPE = {0}, tree KL_BUF_SCOPE = {0}, codes KL_BUF_SCOPE = {0};
    struct opened o;
    image(&bytes, r->image);
    open_bytes(&o, bytes.s, bytes.len);
    if (o.initrd)
        print_tree(&tree, o.initrd);
    print_codes(&codes, o.d);
    if (!kl_streq(kl_buf_text(&tree), r->tree) || !kl_streq(kl_buf_text(&codes), r->codes)) {
        kl_diags_print(o.d, stderr, false, 0);
        fail_msg("%s\n  gives %s  [%s]\n  and not %s  [%s]", r->image, kl_buf_text(&tree),
            kl_buf_text(&codes), r->tree, r->codes);
    }
    close_it(&o);
}

#define IGNORED "initrd-ignored"
#define STOPS "initrd-stops"
static const struct rule members[] = {
    {"r f a one;t", "a=one", ""},
    {"r d .;d etc;f etc/a one;l b etc/a;c null 1 3;p q;t", "b>etc/a etc/ etc/a=one null(1,3) q|",
        ""},
    /* later wins; what was longer is cut */
    {"r f a first;f a two;t", "a=two", ""},
    {"r f a first;t|g f a two;t", "a=two", ""},
    {"r f a first;f a;t", "a=", ""},
    /* other kinds make room, a directory with something in it does not */
    {"r l a b;f b one;f a two;t", "a=two b=one", ""},
    {"r d a;f a two;t", "a=two", ""},
    {"r d a;f a/b one;f a two;t", "a/ a/b=one", IGNORED},
    {"r d a;f a/b one;l a b;t", "a/ a/b=one", IGNORED},
    {"r d a;f a/b one;p a;t", "a/ a/b=one", IGNORED},
    {"r f a one;l a b;t", "a>b", ""},
    {"r l a b;l a c;t", "a>c", ""},
    {"r p a;f a one;t", "a=one", ""},
    {"r f a one;d a;t", "a/", ""},
    /* a device stays the device that it was */
    {"r c a 1 3;c a 1 5;t", "a(1,3)", IGNORED},
    {"r c a 1 3;l a x;c a 1 5;t", "a(1,5)", ""},
    /* a directory over a link: what usrmerge made is gone */
    {"r d usr;d usr/lib;f usr/lib/x one;l lib usr/lib;d lib;t", "lib/ usr/ usr/lib/ usr/lib/x=one",
        "initrd-link-lost"},
    {"r d usr;d usr/lib;l lib usr/lib;d lib/;t", "lib>usr/lib usr/ usr/lib/", ""},
    {"r d a;d a;f a/b;t", "a/ a/b=", ""},
    /* directories must be there */
    {"r f a/b one;t", "", IGNORED},
    {"r d a/b;f a/b/c;t", "", IGNORED " " IGNORED},
    {"r f a one;f a/b two;t", "a=one", IGNORED},
    /* links on the way are followed, of every kind */
    {"r d usr;d usr/lib;l lib usr/lib;f lib/x one;t", "lib>usr/lib usr/ usr/lib/ usr/lib/x=one",
        ""},
    {"r d a;d a/b;l a/l ../c;d c;f a/l/x one;t", "a/ a/b/ a/l>../c c/ c/x=one", ""},
    {"r d a;l b /a;l c b;f c/x one;t", "a/ a/x=one b>/a c>b", ""},
    {"r d a;d a/d;l l a/d;f l/../x one;t", "a/ a/d/ a/x=one l>a/d", ""},
    {"r l a b;l b a;f a/x one;t", "a>b b>a", IGNORED},
    {"r f ./a one;f /b two;f ../c three;d ./d/;f d//e four;t", "a=one b=two c=three d/ d/e=four",
        ""},
    {"r f a/ one;f . two;f .. three;t", "", IGNORED " " IGNORED " " IGNORED},
    /* the kernel's own root */
    {"r f dev/x one;f root/y two;t", "dev/ dev/x=one root/ root/y=two", ""},
    {"r f dev one;f root two;t", "root=two", IGNORED},
    {"r c dev/console 5 1;t", "dev/ dev/console(5,1)", ""},
    /* hard links: the data is with the last one, as cpio writes it */
    {"r h a 1;h b 1 one;t", "a=onex2 b=onex2", ""},
    {"r h a 1 one;h b 1;t", "a=onex2 b=onex2", ""},
    {"r h a 1 first;h b 1 two;t", "a=twox2 b=twox2", ""},
    {"r h a 1;h b 1 one;f b two;t", "a=twox2 b=twox2", ""},
    {"r h a 1;h b 1 one;t|g f a two;t", "a=twox2 b=twox2", ""},
    {"r h a 1;h b 1 one;l b x;f b two;t", "a=one b=two", ""},
    {"r h a 1 one;t;h b 1 two;t", "a=one b=two", ""},     /* a trailer ends it */
    {"r h a 1 one|r h b 1 two;t", "a=twox2 b=twox2", ""}, /* its absence does not */
    {"r h a 1 one;d d;f d/x;d b;f b/x;h b 1 two;t", "a=one b/ b/x= d/ d/x=", IGNORED},
    {"r h x/a 1 one;h b 1 two;t", "", IGNORED " " IGNORED},
    {"r f b old;h a 1 one;h b 1;t", "a=onex2 b=onex2", ""},
    {"r h a 1 one;h a 1 two;t", "", IGNORED}, /* links to itself, after it was removed */
    {"r h a 1 one;h b 1;f a;f b two;t", "a=twox2 b=twox2", ""},
    /* what the kernel does not look at */
    {"r D a data;f b;t", "b=", IGNORED},
    {"r l a;t", "", IGNORED},
    {"rk;f a one;f b two;t", "a=one b=two", ""},
    {"r f a one", "a=one", "initrd-no-trailer"},
};

static const struct rule segments[] = {
    {"g f a one;t", "a=one", ""},
    {"x f a one;t", "a=one", ""},
    {"4 f a one;t", "a=one", ""},
    {"g f a one;t|x f b two;t|g f c;t", "a=one b=two c=", ""},
    {"r f a one;t|g f b two;t|z 1001|x f c;t|z 5", "a=one b=two c=", ""},
    {"g f a one;t|z 3|g f b two;t", "a=one b=two", ""},
    {"z 8|r f a one;t", "a=one", ""},
    {"g f a one|g f b two;t", "a=one b=two", "initrd-no-trailer"},
    {"g f a one;t;f b two;t", "a=one b=two", ""},
    /* raw ones begin at a multiple of 4 */
    {"r f a one;t|r f b two;t", "a=one b=two", ""},
    {"r f a one;t|z 4|r f b two;t", "a=one b=two", ""},
    {"r f a one;t|z 3|r f b two;t", "a=one", STOPS},
    {"r f a one;t|z 3|g f b two;t", "a=one", STOPS},
    {"r f a one;t|j junk|r f b two;t", "a=one", STOPS},
    {"r f a one;t|j 0707|r f b two;t", "a=one", STOPS},
    {"r f a one;t|g f b;t|j 070701|r f c;t", "a=one b=", STOPS},
    /* what Linux does not take */
    {"X f a one;t", "", STOPS},
    {"r f a one;t|X f b two;t|g f c;t", "a=one", STOPS},
    /* LZ4 has no end */
    {"4 f a one;t|4 f b two;t", "a=one b=two", ""},
    {"4 f a one;t|z 4|r f b two;t", "a=one b=two", ""},
    {"4 f a one;t|r f b two;t", "a=one", STOPS},
    {"4 f a one;t|g f b two;t", "a=one", STOPS},
    /* what is none */
    {"j hello, world", "", "!image-unsupported"},
    {"z 100", "", "!image-unsupported"},
    {"j 070707000000", "", "!image-unsupported"},
    {"g", "", "!image-unsupported"},
    {"r f a one;t|j 070701zzzz", "", "!image-truncated"},
};

static void members_merge(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        holds(&members[i]);
}

static void segments_follow(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof segments / sizeof *segments; i++)
        holds(&segments[i]);
}

/* --- patches -----------------------------------------------------------------------------------*/

/* "f PATH [DATA]", "l PATH TARGET", "c PATH MAJOR MINOR", "d PATH", "- PATH". */
static struct kl_patch *patch_of(struct kl_diags *d, const char *text)
{
    struct kl_patch *p = kl_patch_new(d);
    char *copy = strdup(text), *save = NULL;
    for (char *one = strtok_r(copy, ";", &save); one; one = strtok_r(NULL, ";", &save)) {
        char kind = 0, path[300] = "", x[64] = "", y[64] = "";
        sscanf(one, " %c %299s %63s %63s", &kind, path, x, y);
        struct kl_change c = {.path = path, .mode = -1, .uid = -1, .gid = -1, .mtime = -1};
        struct kl_rope *content KL_ROPE_SCOPE = kl_rope_new();
        kl_rope_add_bytes(content, x, strlen(x));
        c.kind = kind == 'l'   ? KL_NODE_SYMLINK
                 : kind == 'd' ? KL_NODE_DIR
                 : kind == 'c' ? KL_NODE_CHAR
                               : KL_NODE_FILE;
        c.remove = kind == '-';
        c.content = c.kind == KL_NODE_FILE && !c.remove ? content : NULL;
        c.target = kind == 'l' ? x : NULL;
        c.major = kind == 'c' ? (uint32_t)atoi(x) : 0;
        c.minor = kind == 'c' ? (uint32_t)atoi(y) : 0;
        assert_true(kl_patch_add(p, &c));
    }
    free(copy);
    return p;
}

static void bytes_of(struct kl_buf *b, const struct kl_rope *r)
{
    size_t n = (size_t)kl_rope_len(r);
    char *bytes = malloc(n + 1);
    assert_int_equal(kl_rope_read(r, 0, bytes, n), n);
    kl_buf_clear(b);
    kl_buf_addn(b, bytes, n);
    free(bytes);
}

/* The image's tree after a patch; its bytes replace `image`. Codes of errors when there is none. */
static void patch_it(struct kl_buf *image, const char *patch, struct kl_buf *tree, bool overlay)
{
    struct opened o, after;
    open_bytes(&o, image->s, image->len);
    assert_non_null(o.initrd);
    struct kl_patch *p = patch_of(o.d, patch);
    struct kl_rope *out = overlay ? kl_initrd_overlay(o.initrd, p) : kl_initrd_patch(o.initrd, p);
    kl_buf_clear(tree);
    if (out && overlay) { /* as a loader would */
        while (image->len % 4)
            kl_buf_addc(image, '\0');
        struct kl_buf more KL_BUF_SCOPE = {0};
        bytes_of(&more, out);
        kl_buf_addn(image, more.s, more.len);
    } else if (out) {
        bytes_of(image, out);
    }
    if (out) {
        open_bytes(&after, image->s, image->len);
        assert_non_null(after.initrd);
        print_tree(tree, after.initrd);
        if (kl_diags_count(after.d, KL_NOTE))
            kl_buf_addc(tree, ' ');
        print_codes(tree, after.d);
        close_it(&after);
    } else {
        print_codes(tree, o.d);
    }
    kl_rope_drop(out);
    kl_patch_free(p);
    close_it(&o);
}

static const struct change {
    const char *image, *patch, *tree;
} changes[] = {
    {"g d etc;f etc/a one;t", "f etc/a two;f etc/b three", "etc/ etc/a=two etc/b=three"},
    {"g d etc;t", "f x/y/z one;l l x", "etc/ l>x x/ x/y/ x/y/z=one"},
    {"r f a one;t", "f a two", "a=two"},
    {"x f a one;t|z 3", "f a two", "a=two"},
    {"r f a one", "f a two", "a=two"},
    /* nothing to do */
    {"r f a one;t", "f a one", "a=one"},
    {"r f a one;t", "", "a=one"},
    /* through a link, and over one */
    {"g d usr;d usr/lib;l lib usr/lib;t", "f lib/x one", "lib>usr/lib usr/ usr/lib/ usr/lib/x=one"},
    {"g d usr;d usr/lib;l lib usr/lib;t", "f lib/s/x one",
        "lib>usr/lib usr/ usr/lib/ usr/lib/s/ usr/lib/s/x=one"},
    {"g f a one;l b a;t", "f b two", "a=one b=two"},
    {"g f a one;t", "l a b", "a>b"},
    {"g l a b;t", "l a c", "a>c"},
    {"g p a;t", "f a one", "a=one"},
    /* one name of several */
    {"g h a 1;h b 1;h c 1 one;t", "f b two", "a=onex2 b=two c=onex2"},
    {"g h a 1;h b 1 one;t", "f b two;f a three", "a=three b=two"},
    {"g h a 1;h b 1 one;t", "l b x", "a=one b>x"},
    {"g h a 1;h b 1 one", "f b two;f c three", "a=one b=two c=three initrd-no-trailer"},
    {"g c a 1 3;t", "c a 1 5", "a(1,5)"},
    {"g c a 1 3;t", "c a 1 3", "a(1,3)"},
    /* behind LZ4 */
    {"4 f a one;t", "f a two;f b three", "a=two b=three"},
    {"4 f a one;t|z 1", "f a two", "a=two"},
    {"4 f a one;t|z 3", "f a two", "a=two"},
    {"4 f a one;t|z 4", "f a two", "a=two"},
    {"4 f a one;t|z 9", "f a two", "a=two"},
    {"4 f a one;t|4 h a 1;h b 1 two;t", "f a three", "a=three b=two"},
    /* what cannot be */
    {"g d a;t", "f a one", "!image-cannot"},
    {"g f a one;t", "d a", "!image-cannot"},
    {"g f a one;t", "- a", "!image-cannot"},
    {"g f a one;t", "f TRAILER!!! one", "!image-cannot"},
    {"X f a one;t", "f a two", STOPS " !image-unsupported"},
    {"r f a one;t|j junk", "f a two", STOPS " !image-unsupported"},
};

static void is_patched(const struct change *c, bool overlay)
{
    struct kl_buf bytes KL_BUF_SCOPE = {0}, tree KL_BUF_SCOPE = {0}, was KL_BUF_SCOPE = {0};
    image(&bytes, c->image);
    kl_buf_addn(&was, bytes.s, bytes.len);
    patch_it(&bytes, c->patch, &tree, overlay);
    if (!kl_streq(kl_buf_text(&tree), c->tree))
        fail_msg("%s\n  and %s%s\n  gives %s\n  and not %s", c->image, c->patch,
            overlay ? " (overlay)" : "", kl_buf_text(&tree), c->tree);
    assert_true(bytes.len >= was.len);
    assert_memory_equal(bytes.s, was.s, was.len); /* no byte of it is touched */
    if (overlay || strchr(c->tree, '!'))
        return;
    size_t len = bytes.len; /* the same once more is nothing; another one lies on top */
    patch_it(&bytes, c->patch, &tree, false);
    assert_int_equal(bytes.len, len);
    assert_string_equal(kl_buf_text(&tree), c->tree);
    patch_it(&bytes, "f zz/again yes", &tree, false);
    assert_non_null(strstr(kl_buf_text(&tree), " zz/ zz/again=yes"));
    const char *warnings = strstr(c->tree, " initrd-");
    size_t nodes = warnings ? (size_t)(warnings - c->tree) : strlen(c->tree);
    assert_memory_equal(kl_buf_text(&tree), c->tree, nodes);
}

static void patches_apply(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        is_patched(&changes[i], false);
}

static void overlays_apply(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        is_patched(&changes[i], true);
}

/* --- reading -----------------------------------------------------------------------------------*/

static unsigned next(unsigned *seed)
{
    return (*seed = *seed * 1103515245 + 12345) >> 8;
}

/* Three files in three segments, each unlike the next; read to and fro, by pieces, long enough for
 * the packed ones to be unpacked to a file. */
static void any_piece_is_that_of_the_whole(void **state)
{
    (void)state;
    enum { FILE_BYTES = 150001, FILES = 3 };
    static char want[FILES][FILE_BYTES + 1], got[FILE_BYTES];
    static const char *const names[FILES] = {"a", "b", "c"};
    unsigned seed = 1;
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (int i = 0; i < FILES; i++) {
        struct kl_buf in KL_BUF_SCOPE = {0};
        struct words w = {0};
        for (size_t k = 0; k < FILE_BYTES; k++)
            want[i][k] = (char)('A' + next(&seed) % 7);
        member(&in, &w, names[i], S_IFREG | 0644, 1, 0, 0, 0, want[i]);
        member(&in, &w, "TRAILER!!!", 0, 1, 0, 0, 0, "");
        if (i == 0)
            kl_buf_addn(&b, in.s, in.len);
        else if (i == 1)
            gzip(&b, &in);
        else
            xz(&b, &in, LZMA_CHECK_CRC32);
    }
    struct opened o;
    open_bytes(&o, b.s, b.len);
    assert_non_null(o.initrd);
    struct kl_fs *fs = kl_initrd_fs(o.initrd);
    for (int round = 0; round < 300; round++) {
        int i = (int)(next(&seed) % FILES);
        size_t at = next(&seed) % FILE_BYTES, n = next(&seed) % (FILE_BYTES - at + 1);
        struct kl_node *file = kl_fs_at(fs, names[i]);
        assert_non_null(file);
        assert_int_equal(kl_initrd_segment_of(o.initrd, file), i);
        assert_true(kl_fs_read(fs, file, at, got, n));
        assert_memory_equal(got, want[i] + at, n);
    }
    assert_false(kl_fs_read(fs, kl_fs_at(fs, "b"), 1, got, FILE_BYTES));
    close_it(&o);
}

static void knows_an_initrd(void **state)
{
    (void)state;
    static const struct {
        const char *image;
        bool is;
    } cases[] = {{"r f a;t", true}, {"g f a;t", true}, {"x f a;t", true}, {"4 f a;t", true},
        {"X f a;t", true}, {"z 4|r f a;t", true}, {"z 2|r f a;t", false},
        {"j hsqs....................", false}, {"g", false}, {"z 100", false},
        {"j 070707...............", false}, {"j 07", false}, {"j ]", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kl_buf b KL_BUF_SCOPE = {0};
        struct opened o;
        image(&b, cases[i].image);
        open_bytes(&o, b.s, b.len);
        o.log.told = 0;
        size_t told_before = kl_diags_count(o.d, KL_NOTE);
        struct kl_reader r = kl_rope_reader(o.rope, &o.log);
        if (kl_is_initrd(&r) != cases[i].is)
            fail_msg("%s: %d", cases[i].image, !cases[i].is);
        assert_int_equal(kl_diags_count(o.d, KL_NOTE), told_before);
        close_it(&o);
    }
}

/* --- damage ------------------------------------------------------------------------------------*/

static size_t told(const char *bytes, size_t n)
{
    struct opened o;
    open_bytes(&o, bytes, n);
    size_t all = kl_diags_count(o.d, KL_WARNING);
    assert_true(o.initrd || kl_diags_count(o.d, KL_ERROR));
    close_it(&o);
    return all;
}

/* An image that ends early says so, but where it ends between two segments. */
static void cut_images_are_told(void **state)
{
    (void)state;
    static const char *const images[] = {"r d etc;f etc/a onetwothree;l b etc/a;t",
        "g d etc;f etc/a onetwothree;l b etc/a;t", "x d etc;f etc/a onetwothree;t",
        "4 d etc;f etc/a onetwothree;t", "rk;f a one;t"};
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        struct kl_buf b KL_BUF_SCOPE = {0};
        image(&b, images[i]);
        assert_int_equal(told(b.s, b.len), 0);
        size_t whole = *images[i] == 'r' ? 3 : 0; /* the trailer's padding is not missed */
        for (size_t n = 0; n + whole < b.len; n++)
            if (!told(b.s, n))
                fail_msg("%s: cut to %zu of %zu bytes, and nothing is said", images[i], n, b.len);
    }
}

static void flipped_bits_do_no_harm(void **state)
{
    (void)state;
    struct kl_buf b KL_BUF_SCOPE = {0};
    image(&b, "r d etc;f etc/a one;h b 1;h c 1 two;t|g d etc;f etc/a two;t|4 f x;t|z 4|x f y;t");
    for (size_t i = 0; i < b.len * 8; i += 3) {
        b.s[i / 8] ^= (char)(1 << i % 8);
        told(b.s, b.len);
        b.s[i / 8] ^= (char)(1 << i % 8);
    }
}

/* What takes few bytes to say and much to do is refused, soon. */
static void bombs_are_refused(void **state)
{
    (void)state;
    struct words w = {0};
    struct kl_buf in KL_BUF_SCOPE = {0}, b KL_BUF_SCOPE = {0}, path KL_BUF_SCOPE = {0};
    /* a directory 2,000 levels down, entered again through a link, and so on; full of files */
    for (int i = 0; i < 1900; i++) {
        kl_buf_add(&path, i ? "/d" : "d");
        member(&in, &w, path.s, S_IFDIR | 0755, 1, 0, 0, 0, "");
    }
    member(&in, &w, "l", S_IFLNK | 0777, 1, 0, 0, 0, path.s);
    for (int i = 0; i < 40000; i++) {
        char name[40];
        snprintf(name, sizeof name, "l/%d", i);
        member(&in, &w, name, S_IFREG | 0644, 1, 0, 0, 0, "");
    }
    gzip(&b, &in);
    struct opened o;
    open_bytes(&o, b.s, b.len);
    assert_null(o.initrd);
    assert_string_equal(kl_diags_at(o.d, 0)->code, KL_IMAGE_BOMB);
    close_it(&o);
}

/* Whatever was warned of, the error that ends it is told. */
static void errors_are_told_after_warnings(void **state)
{
    (void)state;
    struct kl_buf b KL_BUF_SCOPE = {0}, tree KL_BUF_SCOPE = {0};
    image(&b, "g f a/1;f a/2;f a/3;f a/4;f a/5;f a/6;f a/7;f a/8;f a/9;t|j junk");
    patch_it(&b, "f x", &tree, false);
    assert_non_null(strstr(tree.s, "!" KL_IMAGE_UNSUPPORTED));
}

/* --- listings that are kept --------------------------------------------------------------------*/

struct kept {
    char dir[40], image[60], cache[60], file[200];
    struct kl_initrd_options options;
    unsigned unpacked; /* how often something was */
};

static void count(void *arg, uint64_t done, uint64_t of)
{
    (void)done, (void)of;
    ++*(unsigned *)arg;
}

static void write_file(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* The tree and what was told, with the cache; `k->unpacked` says whether the image was scanned. */
static void open_kept(struct kept *k, struct kl_buf *tree)
{
    struct opened o;
    o.a = kl_arena_new();
    o.d = kl_diags_new();
    o.log = (struct kl_fault_log){.d = o.d, .image = "initrd.img"};
    o.rope = kl_rope_of_fd(open(k->image, O_RDONLY));
    k->unpacked = 0;
    o.initrd = kl_initrd_open(o.a, o.rope, &o.log, &k->options);
    assert_non_null(o.initrd);
    kl_buf_clear(tree);
    print_tree(tree, o.initrd);
    print_codes(tree, o.d);
    for (size_t i = 0; i < kl_initrd_segments(o.initrd); i++) {
        const struct kl_segment *s = kl_initrd_segment(o.initrd, i);
        kl_buf_addf(tree, " %s %llu-%llu %llu %zu%s%s", kl_codec_name[s->codec],
            (unsigned long long)s->start, (unsigned long long)s->end,
            (unsigned long long)s->unpacked, s->entries, s->early ? " early" : "",
            s->refused ? s->refused : "");
    }
    close_it(&o);
}

static void keep_in(struct kept *k, const char *words)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    struct stat st;
    /* In memory where there is any: hundreds of renames each wait for a disk. */
    *k = (struct kept){0};
    snprintf(k->dir, sizeof k->dir, "%s/kl-initrd-XXXXXX",
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(k->dir));
    snprintf(k->image, sizeof k->image, "%s/image", k->dir);
    snprintf(k->cache, sizeof k->cache, "%s/a/b", k->dir);
    k->options = (struct kl_initrd_options){
        .cache = k->cache, .progress = count, .progress_arg = &k->unpacked};
    image(&b, words);
    write_file(k->image, b.s, b.len);
    assert_int_equal(stat(k->image, &st), 0);
    snprintf(k->file, sizeof k->file, "%s/initrd-%llx-%llx", k->cache,
        (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
}

static void forget(struct kept *k)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", k->dir);
    assert_int_equal(system(command), 0);
}

static const char sample[] = "r d kernel;d kernel/x86;d kernel/x86/microcode;"
                             "f kernel/x86/microcode/x m;t|"
                             "g d etc;f etc/a one;l b etc;h c 1 two;h d 1;f no/x y;c null 1 3;t|"
                             "z 3|g f etc/a two;t|j junk";

static void listings_are_kept(void **state)
{
    (void)state;
    struct kept k;
    struct stat st;
    struct kl_buf first KL_BUF_SCOPE = {0}, again KL_BUF_SCOPE = {0};
    keep_in(&k, sample);
    open_kept(&k, &first);
    assert_true(k.unpacked > 0);
    assert_int_equal(stat(k.cache, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(k.file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    open_kept(&k, &again);
    assert_int_equal(k.unpacked, 0);
    assert_string_equal(first.s, again.s);

    struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 5}}; /* another image under that name */
    assert_int_equal(utimensat(AT_FDCWD, k.image, times, 0), 0);
    open_kept(&k, &again);
    assert_true(k.unpacked > 0);
    assert_string_equal(first.s, again.s);

    assert_int_equal(chmod(k.cache, 0777), 0); /* anyone's */
    open_kept(&k, &again);
    assert_true(k.unpacked > 0);
    assert_int_equal(chmod(k.cache, 0700), 0);
    open_kept(&k, &again);
    assert_int_equal(k.unpacked, 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(k.file, 1, 1), 0); /* another's */
        open_kept(&k, &again);
        assert_true(k.unpacked > 0);
        assert_string_equal(first.s, again.s);
    }
    forget(&k);
}

static void damaged_listings_are_ignored(void **state)
{
    (void)state;
    struct kept k;
    struct kl_buf first KL_BUF_SCOPE = {0}, again KL_BUF_SCOPE = {0};
    size_t n;
    keep_in(&k, "g f a one;t");
    open_kept(&k, &first);
    char *good = kl_read_file(k.file, 1 << 20, &n);
    assert_non_null(good);
    for (size_t i = 0; i <= n; i++) { /* each byte flipped; then cut by one */
        if (i < n)
            good[i] ^= 1;
        write_file(k.file, good, i < n ? n : n - 1);
        if (i < n)
            good[i] ^= 1;
        open_kept(&k, &again);
        assert_true(k.unpacked > 0);
        assert_string_equal(first.s, again.s);
    }
    free(good);
    forget(&k);
}

static bool read_any(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    char piece[64];
    (void)arg;
    if (n->kind == KL_NODE_FILE)
        kl_fs_read(fs, n, 0, piece, n->size < sizeof piece ? (size_t)n->size : sizeof piece);
    return true;
}

/* Sound by its checksum, and wrong: whatever it says, nothing is read outside of anything. */
static void forged_listings_do_no_harm(void **state)
{
    (void)state;
    static const unsigned char values[] = {0x01, 0x80, 0xff};
    struct kept k;
    struct kl_buf tree KL_BUF_SCOPE = {0};
    size_t n;
    keep_in(&k, sample);
    open_kept(&k, &tree);
    char *bytes = kl_read_file(k.file, 1 << 20, &n);
    assert_non_null(bytes);
    for (size_t i = 0; i < 3 * (n - 8); i++) {
        char was = bytes[i / 3];
        bytes[i / 3] = (char)(was ^ values[i % 3]);
        kl_put64(bytes + n - 8, lzma_crc64((unsigned char *)bytes, n - 8, 0));
        write_file(k.file, bytes, n);
        bytes[i / 3] = was;
        struct opened o = {.a = kl_arena_new(), .d = kl_diags_new()};
        o.log = (struct kl_fault_log){.d = o.d, .image = "initrd.img"};
        o.rope = kl_rope_of_fd(open(k.image, O_RDONLY));
        o.initrd = kl_initrd_open(o.a, o.rope, &o.log, &k.options);
        if (o.initrd)
            kl_fs_walk(kl_initrd_fs(o.initrd), kl_initrd_fs(o.initrd)->root, read_any, NULL);
        close_it(&o);
    }
    free(bytes);
    forget(&k);
}

static void old_listings_go(void **state)
{
    (void)state;
    struct kept k;
    struct kl_buf tree KL_BUF_SCOPE = {0};
    keep_in(&k, "g f a one;t");
    open_kept(&k, &tree);
    assert_int_equal(unlink(k.file), 0);
    for (int i = 0; i < 80; i++) {
        char name[100];
        struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
        snprintf(name, sizeof name, "%s/initrd-f-%d", k.cache, i);
        write_file(name, "old", 3);
        assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
    }
    open_kept(&k, &tree);
    for (int i = 0; i < 80; i++) {
        char name[100];
        snprintf(name, sizeof name, "%s/initrd-f-%d", k.cache, i);
        assert_int_equal(access(name, F_OK) == 0, i >= 80 + 1 - 64);
    }
    assert_int_equal(access(k.file, F_OK), 0);
    forget(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_merge),
        cmocka_unit_test(segments_follow),
        cmocka_unit_test(patches_apply),
        cmocka_unit_test(overlays_apply),
        cmocka_unit_test(any_piece_is_that_of_the_whole),
        cmocka_unit_test(knows_an_initrd),
        cmocka_unit_test(cut_images_are_told),
        cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(errors_are_told_after_warnings),
        cmocka_unit_test(listings_are_kept),
        cmocka_unit_test(damaged_listings_are_ignored),
        cmocka_unit_test(forged_listings_do_no_harm),
        cmocka_unit_test(old_listings_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
