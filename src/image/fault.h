/* What is wrong with an image, and at which byte of it.
 *
 * Images come from anywhere, so every reader below reports through one of these: a diagnostic
 * whose place is the image and whose message ends with the offset ("at byte 1234"). A hostile
 * image can be wrong in a million places: a log takes a few and then falls silent.
 */
#ifndef KL_IMAGE_FAULT_H
#define KL_IMAGE_FAULT_H

#include "base/diag.h"

#include <stdbool.h>
#include <stdint.h>

struct kl_fault_log {
    struct kl_diags *d;
    const char *image; /* as shown: the file's name, or "squashfs.img: LiveOS/rootfs.img" */
    unsigned told;     /* errors so far; the log says no more after KL_FAULTS_MOST */
    unsigned warned;   /* the same of warnings: they never silence an error */
};
enum { KL_FAULTS_MOST = 8 };

#define KL_NO_OFFSET UINT64_MAX

/* The codes: stable words, listed in kickline-image(1). */
#define KL_IMAGE_CORRUPT "image-corrupt"         /* sizes, pointers or checksums that cannot be */
#define KL_IMAGE_TRUNCATED "image-truncated"     /* it ends before what it says it holds */
#define KL_IMAGE_BOMB "image-too-large"          /* unpacks to more than is sane, or loops */
#define KL_IMAGE_UNSUPPORTED "image-unsupported" /* sound, perhaps, but nothing that is known */
#define KL_IMAGE_FULL "image-full"               /* no room, blocks or inodes for the change */
#define KL_IMAGE_CANNOT "image-cannot"           /* the format has no way to say the change */
#define KL_IMAGE_NO_PATH "image-no-path"         /* a path that is not there */
#define KL_IMAGE_BAD_PATH "image-bad-path"       /* a path that leaves its root, or is none */
#define KL_IMAGE_PATCH "image-patch"             /* the change itself cannot be used */
#define KL_IMAGE_IO "image-io"                   /* the machine's own trouble: errno says which */

/* Reports an error, `at` a byte of the image or KL_NO_OFFSET, and returns false, so that a reader
 * can say `return kl_fault(...)`. `hint` (how to mend it) may be NULL. */
bool kl_fault(struct kl_fault_log *log, const char *code, uint64_t at, const char *hint,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* A warning: said, and nothing stops. */
void kl_image_warning(struct kl_fault_log *log, const char *code, uint64_t at, const char *hint,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
