/* What files hold: blocks that follow each other from blocks_start, and an end that may lie in a
 * fragment, a block that the ends of several files share. */
#include "image/squashfs_in.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 64, SIZE_BITS = 25 };

/* --- blocks ------------------------------------------------------------------------------------*/

static size_t packed_size(uint32_t word)
{
    return word & (KL_SQUASHFS_RAW - 1U);
}

static bool unpack(struct kl_squashfs *s, uint64_t at, uint32_t word, struct sq_block *b)
{
    struct sq_cache *c = sq_cache(s);
    size_t size = packed_size(word), room = s->super.block_size;
    bool raw = word & KL_SQUASHFS_RAW;
    if (word >> SIZE_BITS || !size || size > room || at < s->data_start)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, at, SQ_DAMAGED,
            "a block of data says %#" PRIx32 " of its size, which cannot be", word);
    if (!c->packed)
        c->packed = kl_xmalloc(room);
    if (!b->bytes)
        b->bytes = kl_xmalloc(room);
    if (!kl_read(&s->in, at, raw ? b->bytes : c->packed, size, "block of data"))
        return false;
    ssize_t n =
        raw ? (ssize_t)size : kl_block_unpack(s->packing.codec, c->packed, size, b->bytes, room, 0);
    if (n < 0)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, at, SQ_DAMAGED,
            "a block of data does not unpack as %s", kl_codec_name[s->packing.codec]);
    b->at = at;
    b->word = word;
    b->n = (size_t)n;
    return true;
}

/* A block, unpacked and kept; NULL after it was reported. */
static const struct sq_block *block_at(struct kl_squashfs *s, uint64_t at, uint32_t word)
{
    struct sq_cache *c = sq_cache(s);
    size_t slots = SQ_DATA_KEPT >> s->super.block_log;
    if (slots > SQ_DATA_SLOTS)
        slots = SQ_DATA_SLOTS;
    struct sq_block *oldest = c->blocks;
    for (struct sq_block *b = c->blocks; b < c->blocks + slots; b++) {
        if (b->used && b->at == at && b->word == word) {
            b->used = ++c->clock;
            return b;
        }
        if (b->used < oldest->used)
            oldest = b;
    }
    oldest->used = 0;
    if (!unpack(s, at, word, oldest))
        return NULL;
    oldest->used = ++c->clock;
    return oldest;
}

void sq_data_close(struct kl_squashfs *s)
{
    struct sq_cache *c = sq_cache(s);
    for (size_t i = 0; i < SQ_DATA_SLOTS; i++)
        free(c->blocks[i].bytes);
    free(c->packed);
    free(c->marks);
}

/* --- files -------------------------------------------------------------------------------------*/

/* Where block `index` lies. A list says sizes only, so every STEPth position is kept of the file
 * that was read last. */
static bool position(
    struct kl_squashfs *s, const struct kl_squashfs_inode *i, size_t index, uint64_t *at)
{
    struct sq_cache *c = sq_cache(s);
    if (c->file != i) {
        free(c->marks);
        c->marks = kl_xmalloc((i->nblocks / STEP + 1) * sizeof *c->marks);
        c->file = i;
        uint64_t sum = i->blocks_start;
        for (size_t k = 0; k < i->nblocks; k++) {
            if (k % STEP == 0)
                c->marks[k / STEP] = sum;
            sum += packed_size(i->blocks[k]);
        }
    }
    if (i->blocks_start > s->super.bytes_used)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, s->super.inode_table + (i->ref >> 16), SQ_DAMAGED,
            "inode %" PRIu32 " has its data at byte %" PRIu64 ", after the end", i->number,
            i->blocks_start);
    *at = c->marks[index / STEP];
    for (size_t k = index - index % STEP; k < index; k++)
        *at += packed_size(i->blocks[k]);
    return true;
}

static bool read_block(struct kl_squashfs *s, const struct kl_squashfs_inode *i, size_t index,
    size_t from, void *to, size_t n)
{
    uint64_t at = 0, left = i->size - (uint64_t)index * s->super.block_size;
    size_t expected = left < s->super.block_size ? (size_t)left : s->super.block_size;
    if (!i->blocks[index]) {
        memset(to, 0, n);
        return true;
    }
    if (!position(s, i, index, &at))
        return false;
    const struct sq_block *b = block_at(s, at, i->blocks[index]);
    if (!b)
        return false;
    if (b->n != expected)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, at, SQ_DAMAGED,
            "block %zu of inode %" PRIu32 " unpacks to %zu bytes, not %zu", index, i->number, b->n,
            expected);
    memcpy(to, b->bytes + from, n);
    return true;
}

static bool read_fragment(
    struct kl_squashfs *s, const struct kl_squashfs_inode *i, size_t from, void *to, size_t n)
{
    const struct kl_squashfs_fragment *f = &s->fragments[i->fragment];
    const struct sq_block *b = block_at(s, f->start, f->size);
    if (!b)
        return false;
    size_t whole = (size_t)(i->size % s->super.block_size);
    if (i->fragment_offset > b->n || whole > b->n - i->fragment_offset)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, f->start, SQ_DAMAGED,
            "inode %" PRIu32 " ends at bytes %" PRIu32 " to %" PRIu64 " of a fragment of %zu",
            i->number, i->fragment_offset, (uint64_t)i->fragment_offset + whole, b->n);
    memcpy(to, b->bytes + i->fragment_offset + from, n);
    return true;
}

/* `n` bytes from `at`, a range within the size: the callers saw to that. */
static bool read_inode(struct kl_squashfs *s, const struct kl_squashfs_inode *i, uint64_t at,
    unsigned char *to, size_t n)
{
    for (size_t done = 0; done < n;) {
        size_t index = (size_t)((at + done) >> s->super.block_log),
               from = (size_t)((at + done) & (s->super.block_size - 1U)),
               part = s->super.block_size - from;
        if (part > n - done)
            part = n - done;
        if (index < i->nblocks ? !read_block(s, i, index, from, to + done, part)
                               : !read_fragment(s, i, from, to + done, part))
            return false;
        done += part;
    }
    return true;
}

bool sq_read(struct kl_fs *fs, const struct kl_node *file, uint64_t at, void *to, size_t n)
{
    struct kl_fault_log *own = sq_log(fs->own, fs->log);
    bool ok = read_inode(fs->own, file->own, at, to, n);
    sq_log(fs->own, own);
    return ok;
}

struct opened {
    struct kl_squashfs *s;
    const struct kl_squashfs_inode *inode;
};

static bool read_opened(const struct kl_reader *self, uint64_t at, void *to, size_t n)
{
    const struct opened *o = self->arg;
    return read_inode(o->s, o->inode, at, to, n);
}

struct kl_reader kl_squashfs_file(struct kl_squashfs *s, const struct kl_node *file)
{
    struct opened *o = kl_alloc(s->a, sizeof *o);
    *o = (struct opened){s, file->own};
    return (struct kl_reader){.len = file->size, .read = read_opened, .arg = o, .log = s->log};
}
