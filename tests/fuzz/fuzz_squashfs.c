/* Any bytes as a squashfs: opened, every directory walked, every attribute and the beginning of
 * every file read. What is wrong is reported, and nothing is asked of memory or time that so small
 * an image cannot justify. */
#include "image/squashfs.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES_MOST = 500, READ_MOST = 1 << 16 };

struct seen {
    unsigned nodes;
};

static bool look(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    static char bytes[READ_MOST];
    struct seen *seen = arg;
    size_t some = n->size < READ_MOST ? (size_t)n->size : READ_MOST;
    kl_fs_xattrs(fs, n);
    if (n->kind == KL_NODE_FILE) {
        kl_fs_read(fs, n, 0, bytes, some);
        kl_fs_read(fs, n, n->size - some, bytes, some); /* its end, maybe in a fragment */
    }
    return ++seen->nodes < NODES_MOST;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fault_log log = {.d = d, .image = "image"};
    struct kl_rope *rope KL_ROPE_SCOPE = kl_rope_new();
    struct seen seen = {0};
    kl_rope_add_bytes(rope, data, size);
    struct kl_squashfs *s = kl_squashfs_open(a, rope, &log);
    if (!s) {
        if (!kl_diags_count(d, KL_ERROR))
            __builtin_trap(); /* refused, and nothing said why */
        return 0;
    }
    kl_fs_walk(kl_squashfs_fs(s), kl_squashfs_fs(s)->root, look, &seen);
    kl_squashfs_close(s);
    return 0;
}
