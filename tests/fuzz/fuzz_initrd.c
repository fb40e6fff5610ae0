/* image/initrd: any bytes as an initrd. What opens can be walked and read, and a patched one shows
 * the patch, with everything else as it was. */
#include "image/initrd.h"

#include "base/text.h"

#include <stdlib.h>

struct seen {
    size_t nodes, read;
};

static void must(bool ok)
{
    if (!ok)
        abort();
}

static bool look(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    struct seen *s = arg;
    char piece[512];
    s->nodes++;
    must(n->kind != KL_NODE_SYMLINK || n->target);
    if (n->kind == KL_NODE_FILE && n->size && s->read++ < 8) {
        uint64_t at = n->size > sizeof piece ? n->size - sizeof piece : 0;
        must(kl_fs_read(fs, n, at, piece, (size_t)(n->size - at)));
    }
    return true;
}

static struct kl_initrd *open_rope(
    struct kl_arena *a, const struct kl_rope *rope, struct kl_fault_log *log)
{
    static const struct kl_initrd_options options = {.unpacked_most = 4 << 20};
    struct kl_initrd *i = kl_initrd_open(a, rope, log, &options);
    must(i || kl_diags_count(log->d, KL_ERROR));
    return i;
}

static void patched(struct kl_arena *a, struct kl_initrd *i, struct kl_fault_log *log, size_t nodes)
{
    struct kl_rope *content KL_ROPE_SCOPE = kl_rope_new();
    struct kl_patch *p = kl_patch_new(log->d);
    kl_rope_add_bytes(content, "fuzzed", 6);
    kl_patch_add(p, &(struct kl_change){.path = "zz/fuzzed",
                        .kind = KL_NODE_FILE,
                        .content = content,
                        .mode = -1,
                        .uid = -1,
                        .gid = -1,
                        .mtime = -1});
    struct kl_rope *out KL_ROPE_SCOPE = kl_initrd_patch(i, p);
    if (out) {
        struct kl_fault_log again = {.d = log->d, .image = "patched"};
        struct kl_initrd *j = open_rope(a, out, &again);
        must(j);
        struct kl_node *n = kl_fs_at(kl_initrd_fs(j), "zz/fuzzed");
        struct seen s = {0};
        must(n && n->size == 6);
        must(kl_fs_walk(kl_initrd_fs(j), kl_initrd_fs(j)->root, look, &s));
        must(s.nodes >= nodes && s.nodes <= nodes + 2);
        kl_initrd_close(j);
    }
    kl_patch_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_fault_log log = {.d = d, .image = "initrd.img"};
    struct kl_rope *rope KL_ROPE_SCOPE = kl_rope_new();
    kl_rope_add_bytes(rope, data, size);
    struct kl_reader r = kl_rope_reader(rope, &log);
    kl_is_initrd(&r);
    must(!log.told);
    struct kl_initrd *i = open_rope(a, rope, &log);
    if (i) {
        struct seen s = {0};
        must(kl_fs_walk(kl_initrd_fs(i), kl_initrd_fs(i)->root, look, &s));
        log.told = 0;
        patched(a, i, &log, s.nodes);
    }
    kl_initrd_close(i);
    return 0;
}
