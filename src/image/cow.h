/* Blocks that are copied when they are changed: what a filesystem within an image is written
 * through, so that afterwards one knows which blocks of the image must be packed anew. */
#ifndef KL_IMAGE_COW_H
#define KL_IMAGE_COW_H

#include "image/reader.h"

struct kl_cow;

/* Over `base` (borrowed), in blocks of `block` bytes, the last one shorter when the base ends
 * within it. Reads go to the base through a few blocks' cache. */
struct kl_cow *kl_cow_new(const struct kl_reader *base, uint32_t block);
void kl_cow_free(struct kl_cow *c);

uint64_t kl_cow_len(const struct kl_cow *c);
uint32_t kl_cow_block(const struct kl_cow *c);
/* Ranges within the length; false after it was reported. A write that changes no byte copies
 * nothing. Keeps at most KL_COW_MOST bytes of changed blocks: more is KL_IMAGE_FULL. */
bool kl_cow_read(struct kl_cow *c, uint64_t at, void *to, size_t n);
bool kl_cow_write(struct kl_cow *c, uint64_t at, const void *from, size_t n);
#define KL_COW_MOST ((uint64_t)2 << 30)

/* The changed blocks, ascending; those that were changed back are left out. `each` gets the
 * block's index and its `n` bytes; false from it ends the walk and is returned. */
size_t kl_cow_changed(struct kl_cow *c);
bool kl_cow_each(struct kl_cow *c,
    bool (*each)(void *arg, uint64_t index, const void *bytes, size_t n), void *arg);
/* The whole as a rope, unpacked: for an image that is no more than a filesystem. `base` is the
 * rope that the cow's base reads. */
struct kl_rope *kl_cow_rope(struct kl_cow *c, const struct kl_rope *base);

#endif
