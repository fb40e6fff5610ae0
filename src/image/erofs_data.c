/* The bytes of a file that is not compressed (linux/fs/erofs/data.c). */
#include "image/erofs_own.h"

#include <string.h>

static size_t least(uint64_t a, uint64_t b)
{
    return (size_t)(a < b ? a : b);
}

/* What of a flat file lies in blocks; the rest, at most one block, follows its inode. */
static uint64_t in_blocks(const struct kl_erofs *e, const struct kl_erofs_inode *i)
{
    if (i->layout == KL_EROFS_PLAIN || !i->size)
        return i->size;
    return (i->size - 1) >> e->bits << e->bits;
}

uint64_t kl_erofs_flat(const struct kl_erofs *e, const struct kl_erofs_inode *i, uint64_t at)
{
    if (i->layout != KL_EROFS_PLAIN && i->layout != KL_EROFS_INLINE)
        return KL_NO_OFFSET;
    uint64_t blocks = in_blocks(e, i);
    return at < blocks ? ((uint64_t)i->u << e->bits) + at : kl_erofs_after(i) + (at - blocks);
}

static bool flat_data(
    struct kl_erofs *e, const struct kl_erofs_inode *i, uint64_t at, char *to, size_t n)
{
    uint64_t blocks = in_blocks(e, i), tail = kl_erofs_after(i);
    if (at < blocks) {
        size_t part = least(n, blocks - at);
        if (i->layout == KL_EROFS_PLAIN && i->u == (uint32_t)KL_EROFS_NOWHERE)
            memset(to, 0, part); /* all of it is a hole (6.15) */
        else if (!kl_read(&e->in, ((uint64_t)i->u << e->bits) + at, to, part, "file's data"))
            return false;
        at += part;
        to += part;
        n -= part;
    }
    if (!n)
        return true;
    if ((tail & (e->block - 1)) + (i->size - blocks) > e->block)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, i->where, NULL,
            "the data that follows an inode reaches over its block's end");
    return kl_erofs_meta(e, tail + (at - blocks), to, n, "inline data");
}

/* Where a chunk's blocks are; KL_EROFS_NOWHERE: a hole. */
static bool chunk_block(
    struct kl_erofs *e, const struct kl_erofs_inode *i, uint64_t chunk, uint32_t *block)
{
    unsigned char b[8];
    size_t unit = i->u & 0x20 ? 8 : 4;
    uint64_t at = kl_erofs_up(kl_erofs_after(i), unit);
    if (chunk > e->in.len / unit)
        return kl_fault(e->log, KL_IMAGE_TRUNCATED, i->where, NULL,
            "a file has more chunks than the image can list");
    at += chunk * unit;
    if (!kl_erofs_meta(e, at, b, unit, "list of chunks"))
        return false;
    if (unit == 8 && kl_le16(b + 2))
        return kl_fault(e->log, KL_IMAGE_UNSUPPORTED, at, NULL,
            "a chunk of a file lies on another device, %u", kl_le16(b + 2));
    *block = kl_le32(b + unit - 4);
    return true;
}

static bool chunk_data(
    struct kl_erofs *e, const struct kl_erofs_inode *i, uint64_t at, char *to, size_t n)
{
    if (i->u & 0xffc0)
        return kl_fault(e->log, KL_IMAGE_UNSUPPORTED, i->where, NULL,
            "a file has chunks of the format 0x%x, which is not known", i->u & 0xffff);
    unsigned bits = e->bits + (i->u & 0x1f);
    uint64_t size = UINT64_C(1) << bits;
    while (n) {
        uint32_t block = 0;
        uint64_t in = at & (size - 1);
        size_t part = least(n, size - in);
        if (!chunk_block(e, i, at >> bits, &block))
            return false;
        if (block == (uint32_t)KL_EROFS_NOWHERE)
            memset(to, 0, part);
        else if (!kl_read(&e->in, ((uint64_t)block << e->bits) + in, to, part, "file's chunk"))
            return false;
        at += part;
        to += part;
        n -= part;
    }
    return true;
}

bool kl_erofs_data(struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t at, void *to, size_t n)
{
    if (!n)
        return true;
    switch (i->layout) {
    case KL_EROFS_PLAIN:
    case KL_EROFS_INLINE:
        return flat_data(e, i, at, to, n);
    case KL_EROFS_CHUNKS:
        return chunk_data(e, i, at, to, n);
    case KL_EROFS_Z_FULL:
    case KL_EROFS_Z_COMPACT:
        break;
    }
    return kl_erofs_z_data(e, i, at, to, n);
}
