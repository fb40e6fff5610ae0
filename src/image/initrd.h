/* An initrd as the kernel reads it: segments one after the other, each a cpio archive, packed or
 * not, merged into one tree by the rules of linux/init/initramfs.c (docs/image-patching.md §2). */
#ifndef KL_IMAGE_INITRD_H
#define KL_IMAGE_INITRD_H

#include "image/codec.h"
#include "image/patch.h"

/* Codes of warnings, beside those of fault.h: what the kernel does and nobody meant. */
#define KL_INITRD_IGNORED "initrd-ignored"       /* a member comes to nothing */
#define KL_INITRD_LINK "initrd-link-lost"        /* a directory takes a symbolic link's place */
#define KL_INITRD_NO_TRAILER "initrd-no-trailer" /* an archive without an end mark */
#define KL_INITRD_STOPS "initrd-stops"           /* the kernel reads no further */

struct kl_segment {
    uint64_t start, end; /* bytes of the image, without the padding that follows */
    enum kl_codec codec; /* KL_CODEC_NONE: raw */
    bool early;          /* microcode or ACPI tables that the kernel takes before it unpacks */
    uint64_t unpacked;   /* bytes */
    size_t entries;      /* archive members, trailers not counted */
    const char *refused; /* why the kernel stops here, or NULL: all after it is lost */
};

struct kl_initrd_options {
    uint64_t unpacked_most; /* a bomb beyond it; 0: KL_INITRD_UNPACKED_MOST */
    const char *cache;      /* directory where listings are kept between runs; NULL: none */
    void (*progress)(void *arg, uint64_t done, uint64_t of); /* bytes of the image; may be NULL */
    void *progress_arg;
};
#define KL_INITRD_UNPACKED_MOST ((uint64_t)8 << 30)

struct kl_initrd;

/* Quietly: does it begin as an initrd does? */
bool kl_is_initrd(const struct kl_reader *r);

/* Everything borrowed. NULL after it was reported. What merely makes the kernel ignore something
 * is a warning in the log. */
struct kl_initrd *kl_initrd_open(struct kl_arena *a, const struct kl_rope *image,
    struct kl_fault_log *log, const struct kl_initrd_options *options);
void kl_initrd_close(struct kl_initrd *i);
struct kl_fs *kl_initrd_fs(struct kl_initrd *i); /* the merged tree */
size_t kl_initrd_segments(const struct kl_initrd *i);
const struct kl_segment *kl_initrd_segment(const struct kl_initrd *i, size_t n); /* NULL past it */
size_t kl_initrd_segment_of(const struct kl_initrd *i, const struct kl_node *n); /* whose it is */

/* The image with one raw segment appended at a multiple of 4 (after an LZ4 one, as that decoder
 * needs it). A new rope, the caller's; NULL after it was reported. */
struct kl_rope *kl_initrd_patch(struct kl_initrd *i, struct kl_patch *p);
/* The same changes as an initrd of their own, for loaders that take several. */
struct kl_rope *kl_initrd_overlay(struct kl_initrd *i, struct kl_patch *p);

#endif
