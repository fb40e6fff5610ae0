/* image/erofs: any bytes as an EROFS image. What opens can be walked, its attributes and files read
 * up to a limit, and it can be patched: a file is put, one that is there replaced, one removed.
 * (Inodes of a hostile image may lie over one another, so what the patched one says is not asked:
 * tests/unit/test_image_erofs.py does.) */
#include "image/erofs.h"

#include "base/text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES_MOST = 2000, BYTES_MOST = 1 << 20, PIECE = 8192 };

struct seen {
    size_t nodes;
    uint64_t bytes;
    struct kl_node *file, *other; /* the first, the last */
};

static void must(bool ok)
{
    if (!ok)
        abort();
}

static bool read_some(struct seen *s, struct kl_fs *fs, const struct kl_node *n)
{
    char piece[PIECE];
    for (uint64_t at = 0; at < n->size && s->bytes < BYTES_MOST;) {
        size_t some = n->size - at < sizeof piece ? (size_t)(n->size - at) : sizeof piece;
        if (!kl_fs_read(fs, n, at, piece, some))
            return false;
        at += some;
        s->bytes += some;
    }
    uint64_t end = n->size > PIECE ? n->size - PIECE : 0;
    return kl_fs_read(fs, n, end, piece, (size_t)(n->size - end));
}

static bool look(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    struct seen *s = arg;
    must(n->kind != KL_NODE_SYMLINK || n->target);
    bool fine = kl_fs_xattrs(fs, n);
    if (n->kind == KL_NODE_FILE) {
        fine = read_some(s, fs, n) && fine;
        s->other = s->file ? n : s->other;
        s->file = s->file ? s->file : n;
    }
    must(fine || fs->log->told);
    return ++s->nodes < NODES_MOST;
}

static void add(struct kl_patch *p, const char *path, struct kl_rope *content)
{
    kl_patch_add(p, &(struct kl_change){.path = path,
                        .kind = KL_NODE_FILE,
                        .remove = !content,
                        .content = content,
                        .mode = -1,
                        .uid = -1,
                        .gid = -1,
                        .mtime = -1});
}

static void patch(struct kl_arena *a, struct kl_fs *fs, const struct seen *s, struct kl_diags *d)
{
    struct kl_rope *content KL_ROPE_SCOPE = kl_rope_new();
    struct kl_patch *p = kl_patch_new(d);
    kl_rope_add_bytes(content, "fuzzed", 6);
    add(p, "zz/fuzzed", content);
    if (s->file)
        add(p, kl_node_path(a, s->file), content);
    if (s->other)
        add(p, kl_node_path(a, s->other), NULL);
    struct kl_rope *out KL_ROPE_SCOPE = kl_erofs_patch(fs, p);
    must(out || kl_diags_count(d, KL_ERROR));
    if (out && kl_rope_len(out) < 64 << 20) {
        struct kl_fault_log log = {.d = d, .image = "patched"};
        struct seen again = {0};
        struct kl_fs *q = kl_erofs_open(a, out, &log);
        if (q)
            kl_fs_walk(q, q->root, look, &again);
        kl_erofs_close(q);
    }
    kl_patch_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fault_log log = {.d = d, .image = "fuzzed"};
    struct kl_rope *rope KL_ROPE_SCOPE = kl_rope_new();
    struct seen s = {0};
    kl_rope_add_bytes(rope, data, size);
    struct kl_fs *fs = kl_erofs_open(a, rope, &log);
    must(fs || kl_diags_count(d, KL_ERROR));
    if (!fs)
        return 0;
    kl_fs_walk(fs, fs->root, look, &s);
    struct kl_erofs_info info;
    kl_erofs_info(fs, a, &info);
    if (s.nodes < NODES_MOST)
        patch(a, fs, &s, d);
    kl_erofs_close(fs);
    return 0;
}
