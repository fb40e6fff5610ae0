/* image/ext4: looked into and patched, whatever the bytes are. An image is given by those of its
 * sectors that are not all zeros, for ext4 is mostly zeros: two bytes that say how many KiB it has,
 * then for each sector of 256 bytes two with its number, and the sector. */
#include "image/ext4.h"

#include <stdlib.h>
#include <string.h>

enum { SECTOR = 256, KIB_MOST = 512 };

static unsigned char *image_of(const uint8_t *data, size_t size, size_t *len)
{
    if (size < 2)
        return NULL;
    *len = ((size_t)kl_le16(data) % KIB_MOST + 4) * 1024;
    unsigned char *image = calloc(1, *len);
    for (size_t at = 2; at + 2 + SECTOR <= size; at += 2 + SECTOR) {
        size_t to = (size_t)kl_le16(data + at) * SECTOR % *len;
        memcpy(image + to, data + at + 2, SECTOR);
    }
    return image;
}

static bool look(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    static char part[8192];
    (void)arg;
    if (!kl_fs_xattrs(fs, n))
        return true;
    if (n->kind != KL_NODE_FILE)
        return true;
    size_t len = n->size < sizeof part ? (size_t)n->size : sizeof part;
    if (kl_fs_read(fs, n, 0, part, len))
        kl_fs_read(fs, n, n->size - len, part, len);
    return true;
}

static void look_at_all(struct kl_cow *cow, struct kl_fault_log *log)
{
    struct kl_arena *a = kl_arena_new();
    struct kl_fs *fs = kl_ext4_open(a, cow, log);
    if (fs) {
        struct kl_ext4_info info;
        kl_ext4_info(fs, a, &info);
        kl_fs_walk(fs, fs->root, look, NULL);
    }
    kl_ext4_close(fs);
    kl_arena_free(a);
}

static struct kl_patch *a_patch(struct kl_diags *d)
{
    static char text[5000];
    struct kl_patch *p = kl_patch_new(d);
    struct kl_rope *content = kl_rope_new();
    struct kl_xattr label = {"security.selinux", "system_u:object_r:etc_t:s0", 26};
    const struct kl_change changes[] = {
        {.path = "etc/motd", .content = content, .mode = -1, .uid = -1, .gid = -1, .mtime = -1},
        {.path = "etc/a-new-one",
            .content = content,
            .mode = 0600,
            .uid = 70000,
            .gid = 1,
            .mtime = 5,
            .xattrs_given = true,
            .xattrs = &label,
            .nxattrs = 1},
        {.path = "etc/hard", .content = content, .mode = -1, .uid = -1, .gid = -1, .mtime = -1},
        {.path = "new/link",
            .kind = KL_NODE_SYMLINK,
            .target = "../etc/motd",
            .mode = -1,
            .uid = -1,
            .gid = -1,
            .mtime = -1},
        {.path = "big/one-more", .content = content, .mode = -1, .uid = -1, .gid = -1, .mtime = -1},
        {.path = "gone", .remove = true},
        {.path = "etc/fast", .remove = true},
    };
    kl_rope_add_bytes(content, text, sizeof text);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        kl_patch_add(p, &changes[i]);
    kl_rope_drop(content);
    return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len;
    unsigned char *image = image_of(data, size, &len);
    if (!image)
        return 0;
    struct kl_rope *rope = kl_rope_new();
    kl_rope_add_bytes_take(rope, (char *)image, len);
    struct kl_diags *d = kl_diags_new();
    struct kl_fault_log log = {.d = d, .image = "image"};
    struct kl_reader base = kl_rope_reader(rope, &log);
    struct kl_cow *cow = kl_cow_new(&base, 4096);
    if (kl_is_ext4(&base)) {
        struct kl_arena *a = kl_arena_new();
        struct kl_patch *p = a_patch(d);
        look_at_all(cow, &log);
        log.told = 0;
        if (kl_ext4_patch(a, cow, &log, p))
            look_at_all(cow, &log);
        kl_rope_drop(kl_cow_rope(cow, rope));
        kl_patch_free(p);
        kl_arena_free(a);
    }
    kl_cow_free(cow);
    kl_diags_free(d);
    kl_rope_drop(rope);
    return 0;
}
