/* Which layout an image has is read from its bytes (docs/boot-stages.md, section 6): a squashfs or
 * EROFS that has LiveOS/rootfs.img in it is what dmsquash-live mounts through a loop device, else
 * it is the root itself. */
#include "image/image.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const char *const kl_layout_name[] = {
    [KL_LAYOUT_INITRD] = "initrd",
    [KL_LAYOUT_SQUASHFS] = "squashfs",
    [KL_LAYOUT_SQUASHFS_EXT4] = "squashfs > ext4",
    [KL_LAYOUT_EROFS] = "erofs",
    [KL_LAYOUT_EROFS_EXT4] = "erofs > ext4",
    [KL_LAYOUT_EXT4] = "ext4",
};

/* What dracut's dmsquash-live looks for (modules.d/90dmsquash-live/dmsquash-live-root.sh). */
static const char *const inner_names[] = {"LiveOS/rootfs.img", "LiveOS/ext3fs.img"};

static const char overlay_hint[] =
    "give the change as an updates.img instead: kickline image overlay";

enum { EXT4_COW_BLOCK = 4096 };

struct kl_image {
    struct kl_arena *a;
    struct kl_rope *rope;
    const char *name;
    struct kl_image_options options;
    struct kl_fault_log log, inner_log;
    struct kl_reader in;
    enum kl_layout layout;
    struct kl_initrd *initrd;
    struct kl_squashfs *squashfs;
    struct kl_fs *erofs, *ext4;
    struct kl_node *inner; /* of squashfs or EROFS: the file that is an ext4 */
    const char *inner_name;
    struct kl_reader inner_in;
    struct kl_cow *cow; /* what ext4 is read through */
};

static void tell(const struct kl_image *i, const char *what, uint64_t done, uint64_t of)
{
    if (i->options.progress)
        i->options.progress(i->options.progress_arg, what, done, of);
}

static void reading(void *arg, uint64_t done, uint64_t of)
{
    tell(arg, "reading", done, of);
}

static void packing(void *arg, uint64_t done, uint64_t of)
{
    tell(arg, "packing", done, of);
}

/* --- opened ------------------------------------------------------------------------------------*/

static bool open_ext4(
    struct kl_image *i, const struct kl_reader *base, uint32_t block, struct kl_fault_log *log)
{
    i->cow = kl_cow_new(base, block);
    i->ext4 = kl_ext4_open(i->a, i->cow, log);
    return i->ext4;
}

/* The file in `fs` that is the root's filesystem; NULL when the image is the root itself. */
static struct kl_node *inner_file(struct kl_image *i, struct kl_fs *fs)
{
    for (size_t n = 0; n < sizeof inner_names / sizeof *inner_names; n++) {
        struct kl_node *node = kl_fs_at(fs, inner_names[n]);
        if (node && node->kind == KL_NODE_FILE) {
            i->inner_name = inner_names[n];
            return node;
        }
    }
    return NULL;
}

static bool open_inner(struct kl_image *i, uint32_t block)
{
    i->inner_log = i->log;
    i->inner_log.image = kl_sprintf(i->a, "%s: %s", i->name, i->inner_name);
    i->inner_in.log = &i->inner_log;
    if (!kl_is_ext4(&i->inner_in))
        return kl_fault(
            &i->inner_log, KL_IMAGE_UNSUPPORTED, 0, overlay_hint, "it is no ext2, ext3 or ext4");
    return open_ext4(i, &i->inner_in, block, &i->inner_log);
}

static bool open_squashfs(struct kl_image *i)
{
    i->squashfs = kl_squashfs_open(i->a, i->rope, &i->log);
    if (!i->squashfs)
        return false;
    i->layout = KL_LAYOUT_SQUASHFS;
    i->inner = inner_file(i, kl_squashfs_fs(i->squashfs));
    if (!i->inner)
        return true;
    i->layout = KL_LAYOUT_SQUASHFS_EXT4;
    i->inner_in = kl_squashfs_file(i->squashfs, i->inner);
    return open_inner(i, kl_squashfs_super(i->squashfs)->block_size);
}

static bool open_erofs(struct kl_image *i)
{
    i->erofs = kl_erofs_open(i->a, i->rope, &i->log);
    if (!i->erofs)
        return false;
    i->layout = KL_LAYOUT_EROFS;
    i->inner = inner_file(i, i->erofs);
    if (!i->inner)
        return true;
    i->layout = KL_LAYOUT_EROFS_EXT4;
    i->inner_in = kl_erofs_file(i->erofs, i->inner);
    return open_inner(i, EXT4_COW_BLOCK);
}

static bool open_initrd(struct kl_image *i)
{
    struct kl_initrd_options o = {
        .cache = i->options.cache, .progress = reading, .progress_arg = i};
    i->layout = KL_LAYOUT_INITRD;
    i->initrd = kl_initrd_open(i->a, i->rope, &i->log, &o);
    return i->initrd;
}

static bool is_iso(const struct kl_reader *in)
{
    char id[5]; /* ECMA-119 8.1: the first volume descriptor is sector 16 */
    return in->len > 0x8006 && kl_rope_read(in->arg, 0x8001, id, sizeof id) == sizeof id &&
           memcmp(id, "CD001", sizeof id) == 0;
}

static bool open_unknown(struct kl_image *i)
{
    if (!i->in.len)
        return kl_fault(&i->log, KL_IMAGE_TRUNCATED, KL_NO_OFFSET, NULL, "it is empty");
    if (is_iso(&i->in))
        return kl_fault(&i->log, KL_IMAGE_UNSUPPORTED, KL_NO_OFFSET,
            "unpack it and name an image of its tree: images/pxeboot/initrd.img, "
            "images/install.img or LiveOS/squashfs.img",
            "it is an ISO: what boots is within it");
    return kl_fault(&i->log, KL_IMAGE_UNSUPPORTED, KL_NO_OFFSET, NULL,
        "it is neither an initrd (cpio, packed or not) nor squashfs, EROFS or ext4");
}

static bool open_any(struct kl_image *i)
{
    if (kl_is_squashfs(&i->in))
        return open_squashfs(i);
    if (kl_is_erofs(&i->in))
        return open_erofs(i);
    if (kl_is_ext4(&i->in)) {
        i->layout = KL_LAYOUT_EXT4;
        return open_ext4(i, &i->in, EXT4_COW_BLOCK, &i->log);
    }
    return !is_iso(&i->in) && kl_is_initrd(&i->in) ? open_initrd(i) : open_unknown(i);
}

struct kl_image *kl_image_open(struct kl_rope *rope, const char *name,
    const struct kl_image_options *options, struct kl_diags *d)
{
    struct kl_arena *a = kl_arena_new();
    struct kl_image *i = kl_alloc(a, sizeof *i);
    i->a = a;
    i->rope = kl_rope_hold(rope);
    i->name = kl_strdup(a, name);
    i->log = (struct kl_fault_log){.d = d, .image = i->name};
    if (options)
        i->options = *options;
    i->in = kl_rope_reader(i->rope, &i->log);
    if (open_any(i))
        return i;
    kl_image_close(i);
    return NULL;
}

struct kl_image *kl_image_open_file(
    const char *path, const struct kl_image_options *options, struct kl_diags *d)
{
    /* O_NONBLOCK: a FIFO must not hold anybody up; kl_rope_of_fd refuses it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct kl_rope *rope = fd < 0 ? NULL : kl_rope_of_fd(fd);
    if (!rope) {
        struct kl_fault_log log = {.d = d, .image = path};
        kl_fault(&log, KL_IMAGE_IO, KL_NO_OFFSET, NULL, "cannot be read: %s",
            errno == EINVAL ? "it is no regular file" : strerror(errno));
        return NULL;
    }
    struct kl_image *i = kl_image_open(rope, path, options, d);
    kl_rope_drop(rope);
    return i;
}

void kl_image_close(struct kl_image *i)
{
    if (!i)
        return;
    if (i->ext4)
        kl_ext4_close(i->ext4);
    if (i->cow)
        kl_cow_free(i->cow);
    if (i->erofs)
        kl_erofs_close(i->erofs);
    if (i->squashfs)
        kl_squashfs_close(i->squashfs);
    if (i->initrd)
        kl_initrd_close(i->initrd);
    kl_rope_drop(i->rope);
    kl_arena_free(i->a);
}

enum kl_layout kl_image_layout(const struct kl_image *i)
{
    return i->layout;
}

const char *kl_image_name(const struct kl_image *i)
{
    return i->name;
}

const struct kl_rope *kl_image_rope(const struct kl_image *i)
{
    return i->rope;
}

struct kl_fs *kl_image_fs(struct kl_image *i)
{
    if (i->ext4)
        return i->ext4;
    if (i->initrd)
        return kl_initrd_fs(i->initrd);
    return i->squashfs ? kl_squashfs_fs(i->squashfs) : i->erofs;
}

struct kl_initrd *kl_image_initrd(struct kl_image *i)
{
    return i->initrd;
}

struct kl_squashfs *kl_image_squashfs(struct kl_image *i)
{
    return i->squashfs;
}

struct kl_fs *kl_image_erofs(struct kl_image *i)
{
    return i->erofs;
}

const char *kl_image_inner(const struct kl_image *i)
{
    return i->inner_name;
}

/* --- patched -----------------------------------------------------------------------------------*/

static struct kl_rope *patch_ext4_in_squashfs(
    struct kl_image *i, struct kl_cow *cow, struct kl_patch *p)
{
    if (!kl_ext4_patch(i->a, cow, &i->inner_log, p))
        return NULL;
    return kl_squashfs_splice(i->squashfs, i->inner, cow, packing, i);
}

static struct kl_rope *patch_ext4(struct kl_image *i, struct kl_cow *cow, struct kl_patch *p)
{
    if (!kl_ext4_patch(i->a, cow, &i->log, p))
        return NULL;
    return kl_cow_changed(cow) ? kl_cow_rope(cow, i->rope) : kl_rope_hold(i->rope);
}

/* Blocks of its own, so that the tree that is being looked into stays what it was. */
static struct kl_rope *patch_blocks(struct kl_image *i, struct kl_patch *p)
{
    bool nested = i->layout == KL_LAYOUT_SQUASHFS_EXT4;
    struct kl_cow *cow = kl_cow_new(nested ? &i->inner_in : &i->in, kl_cow_block(i->cow));
    struct kl_rope *out = nested ? patch_ext4_in_squashfs(i, cow, p) : patch_ext4(i, cow, p);
    kl_cow_free(cow);
    return out;
}

struct kl_rope *kl_image_patch(struct kl_image *i, struct kl_patch *p)
{
    if (!p->n)
        return kl_rope_hold(i->rope);
    switch (i->layout) {
    case KL_LAYOUT_INITRD:
        return kl_initrd_patch(i->initrd, p);
    case KL_LAYOUT_SQUASHFS:
        return kl_squashfs_patch(i->squashfs, p, packing, i);
    case KL_LAYOUT_SQUASHFS_EXT4:
    case KL_LAYOUT_EXT4:
        return patch_blocks(i, p);
    case KL_LAYOUT_EROFS:
        return kl_erofs_patch(i->erofs, p);
    case KL_LAYOUT_EROFS_EXT4:
        kl_fault(&i->log, KL_IMAGE_CANNOT, KL_NO_OFFSET, overlay_hint,
            "an ext4 that EROFS has packed cannot be changed in place");
    }
    return NULL;
}
