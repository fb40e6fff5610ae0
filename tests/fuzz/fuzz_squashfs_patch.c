/* Any bytes as a squashfs, patched: a file is put into it, one is replaced, a tree is taken away.
 * Where that is not refused, the new image is one that can be opened and has the file. */
#include "image/squashfs.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool first_file(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    const char **found = arg;
    if (n->kind != KL_NODE_FILE)
        return true;
    *found = kl_node_path(fs->a, n);
    return false;
}

static struct kl_patch *make_patch(struct kl_fs *fs, struct kl_diags *d)
{
    struct kl_patch *p = kl_patch_new(d);
    struct kl_rope *content KL_ROPE_SCOPE = kl_rope_new();
    struct kl_xattr label = {"security.selinux", "label", 6};
    struct kl_change c = {.path = "put/here",
        .content = content,
        .mode = -1,
        .uid = -1,
        .gid = 7,
        .mtime = -1,
        .xattrs_given = true,
        .xattrs = &label,
        .nxattrs = 1,
        .from = "the fuzzer"};
    kl_rope_add_bytes(content, "new content", 11);
    kl_patch_add(p, &c);
    c.xattrs_given = false;
    c.path = NULL;
    kl_fs_walk(fs, fs->root, first_file, &c.path);
    if (c.path)
        kl_patch_add(p, &c);
    return p;
}

static void check(struct kl_rope *image, struct kl_arena *a)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fault_log log = {.d = d, .image = "patched"};
    struct kl_squashfs *s = kl_squashfs_open(a, image, &log);
    const struct kl_node *n = s ? kl_fs_at(kl_squashfs_fs(s), "put/here") : NULL;
    if (!n || n->size != 11 || n->gid != 7)
        __builtin_trap();
    kl_squashfs_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fault_log log = {.d = d, .image = "image"};
    struct kl_rope *rope KL_ROPE_SCOPE = kl_rope_new();
    kl_rope_add_bytes(rope, data, size);
    struct kl_squashfs *s = kl_squashfs_open(a, rope, &log);
    if (!s)
        return 0;
    struct kl_patch *p = make_patch(kl_squashfs_fs(s), d);
    struct kl_rope *image KL_ROPE_SCOPE = kl_squashfs_patch(s, p, NULL, NULL);
    kl_patch_free(p);
    if (image)
        check(image, a);
    else if (!kl_diags_count(d, KL_ERROR))
        __builtin_trap(); /* refused, and nothing said why */
    kl_squashfs_close(s);
    return 0;
}
