/* The "newc" cpio archive (linux Documentation/driver-api/early-userspace/buffer-format.rst). */
#ifndef KL_IMAGE_CPIO_H
#define KL_IMAGE_CPIO_H

#include "base/text.h"
#include "image/patch.h"

struct kl_cpio_entry {
    const char *name;
    uint32_t ino, mode, uid, gid, nlink, mtime, size, major, minor, rmajor, rminor, check;
    bool crc; /* 070702: `check` is the sum of the data's bytes */
};

/* --- writing -----------------------------------------------------------------------------------*/

/* Appends header and name, padded, to `rope`; the data follows by kl_cpio_data. */
void kl_cpio_entry(struct kl_rope *rope, const struct kl_cpio_entry *e);
void kl_cpio_data(struct kl_rope *rope, const struct kl_rope *data); /* and its padding */
void kl_cpio_trailer(struct kl_rope *rope);

/* A step of a patch as an entry with its data; nlink is 1, so that nothing is taken for a hard
 * link. False, reported, for what newc cannot say: removals, xattrs, numbers over 32 bits. */
bool kl_cpio_step(
    struct kl_rope *rope, const struct kl_step *s, uint32_t ino, struct kl_fault_log *log);

/* An archive of a patch alone, every parent directory with it: for updates.img and product.img,
 * which are unpacked over an empty directory. False, reported, for what newc cannot say. */
bool kl_cpio_of_patch(struct kl_patch *p, int64_t time, struct kl_rope *out);

#endif
