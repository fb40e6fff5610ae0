/* An image of any layout, known by what it holds and never by its name or a version: opened,
 * looked into, patched. */
#ifndef KL_IMAGE_IMAGE_H
#define KL_IMAGE_IMAGE_H

#include "image/ext4.h"
#include "image/erofs.h"
#include "image/initrd.h"
#include "image/squashfs.h"
#include "tree/release.h"

enum kl_layout {
    KL_LAYOUT_INITRD,
    KL_LAYOUT_SQUASHFS,      /* flat: the root itself */
    KL_LAYOUT_SQUASHFS_EXT4, /* LiveOS/rootfs.img within it */
    KL_LAYOUT_EROFS,
    KL_LAYOUT_EROFS_EXT4,
    KL_LAYOUT_EXT4,
};
extern const char *const kl_layout_name[]; /* "initrd", "squashfs", "squashfs > ext4", ... */

typedef void kl_progress_fn(void *arg, const char *what, uint64_t done, uint64_t of);

struct kl_image_options {
    const char *cache;        /* see kl_initrd_options */
    kl_progress_fn *progress; /* may be NULL */
    void *progress_arg;
};

struct kl_image;

/* `rope` is held. NULL after it was reported in `d`; `name` is what it is called there. */
struct kl_image *kl_image_open(struct kl_rope *rope, const char *name,
    const struct kl_image_options *options, struct kl_diags *d);
struct kl_image *kl_image_open_file(
    const char *path, const struct kl_image_options *options, struct kl_diags *d);
void kl_image_close(struct kl_image *i); /* NULL is fine */

enum kl_layout kl_image_layout(const struct kl_image *i);
const char *kl_image_name(const struct kl_image *i);
const struct kl_rope *kl_image_rope(const struct kl_image *i);
struct kl_fs *kl_image_fs(struct kl_image *i);         /* the tree that the machine will see */
struct kl_initrd *kl_image_initrd(struct kl_image *i); /* NULL: it is none; likewise: */
struct kl_squashfs *kl_image_squashfs(struct kl_image *i);
struct kl_fs *kl_image_erofs(struct kl_image *i);
const char *kl_image_inner(const struct kl_image *i); /* "LiveOS/rootfs.img", or NULL */

/* The patched image: a new rope, the caller's, that holds what it needs. The image itself when the
 * patch changes nothing. NULL after it was reported; the image may then only be closed. */
struct kl_rope *kl_image_patch(struct kl_image *i, struct kl_patch *p);

/* --- what is in it (contents.c; docs/releases.md, "Package versions without rpm")
 * ---------------*/

struct kl_contents {
    const char *product, *version; /* .buildstamp, os-release, initrd-release; NULL: not said */
    const char *anaconda, *dracut, *nm, *kernel; /* "33.16.9.4-1.el8", ...; NULL: not found */
    const char *engine; /* "network-manager", "network-legacy", ...; NULL */
    const char *product_from, *anaconda_from, *dracut_from, *nm_from, *kernel_from, *engine_from;
    const struct kl_release *release; /* NULL: not one that is known */
};
bool kl_image_contents(struct kl_image *i, struct kl_arena *a, struct kl_contents *out);

#endif
