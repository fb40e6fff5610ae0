/* Which blocks a file has: extents, or the pointers of ext2. Each block is looked up on its own, by
 * at most five steps down a tree whose every node must lie within its parent's range: no image can
 * make that long, or go around. */
#include "image/ext4_own.h"

#include <string.h>

enum { EXTENT_MAGIC = 0xf30a, DEPTH_MOST = 5, ENTRY = 12 }; /* linux/fs/ext4/ext4_extents.h */
#define LOGICAL_END ((uint64_t)1 << 32) /* block numbers in a file have 32 bits */

static bool bad_map(struct kl_ext4 *e, uint64_t at, const struct kl_ext4_inode *i, const char *what)
{
    return kl_fault(e->log, KL_IMAGE_CORRUPT, at,
        "it is damaged: fetch it again, or let e2fsck look at it", "inode %u has %s", i->ino, what);
}

static bool in_image(const struct kl_ext4 *e, uint64_t block, uint64_t n)
{
    return block > e->first_data && block < e->blocks && n <= e->blocks - block;
}

/* --- extents -----------------------------------------------------------------------------------*/

struct extent_node {
    uint64_t at;            /* of the image */
    const unsigned char *b; /* the inode's, or NULL */
    unsigned entries, depth;
    uint64_t low, end; /* the blocks of the file that it may speak of */
};

static bool node_bytes(
    struct kl_ext4 *e, const struct extent_node *x, unsigned entry, unsigned char to[ENTRY])
{
    size_t from = (size_t)entry * ENTRY; /* the header is as long as an entry */
    if (!x->b)
        return kl_cow_read(e->cow, x->at + from, to, ENTRY);
    memcpy(to, x->b + from, ENTRY);
    return true;
}

static bool open_node(
    struct kl_ext4 *e, const struct kl_ext4_inode *i, struct extent_node *x, size_t room)
{
    unsigned char h[ENTRY] = {0};
    if (!node_bytes(e, x, 0, h))
        return false;
    x->entries = kl_le16(h + 2);
    x->depth = kl_le16(h + 6);
    if (kl_le16(h) != EXTENT_MAGIC || x->entries > kl_le16(h + 4) ||
        kl_le16(h + 4) > (room - ENTRY) / ENTRY || x->depth > DEPTH_MOST)
        return bad_map(e, x->at, i, "an extent tree that cannot be");
    return true;
}

static uint32_t entry_block(const unsigned char b[ENTRY])
{
    return kl_le32(b);
}

/* The last entry that begins at or before `at`, and where the one after it begins. Entry 0 is the
 * header: there is none. */
static bool find_entry(struct kl_ext4 *e, const struct kl_ext4_inode *i,
    const struct extent_node *x, uint64_t at, unsigned *entry, uint64_t *next)
{
    unsigned char b[ENTRY] = {0};
    unsigned low = 0, high = x->entries + 1;
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        if (!node_bytes(e, x, middle, b))
            return false;
        if (entry_block(b) <= at)
            low = middle;
        else
            high = middle;
    }
    *entry = low;
    *next = x->end;
    if (high <= x->entries) {
        if (!node_bytes(e, x, high, b))
            return false;
        *next = entry_block(b);
    }
    if (*next > x->end || *next <= at)
        return bad_map(e, x->at, i, "an extent tree that is not in order");
    return true;
}

static uint64_t pointer48(const unsigned char *low, const unsigned char *high)
{
    return kl_le32(low) | (uint64_t)kl_le16(high) << 32;
}

/* A leaf's entry, as it is for `at`. */
static bool extent_run(struct kl_ext4 *e, const struct kl_ext4_inode *i,
    const struct extent_node *x, unsigned entry, uint64_t at, uint64_t next,
    struct kl_ext4_run *out)
{
    unsigned char b[ENTRY] = {0};
    *out = (struct kl_ext4_run){.n = next - at};
    if (!entry)
        return true;
    if (!node_bytes(e, x, entry, b))
        return false;
    uint64_t from = entry_block(b), n = kl_le16(b + 4), to = pointer48(b + 8, b + 6);
    out->unwritten = n > 0x8000;
    n -= out->unwritten ? 0x8000 : 0;
    if (!n || from < x->low || from + n > next || !in_image(e, to, n))
        return bad_map(e, x->at + (uint64_t)entry * ENTRY, i, "an extent that cannot be");
    if (at >= from + n) {
        out->unwritten = false;
        return true; /* the hole after it */
    }
    out->at = to + (at - from);
    out->n = from + n - at;
    return true;
}

static struct extent_node extent_root(const struct kl_ext4_inode *i)
{
    return (struct extent_node){
        .at = i->where + KL_EXT4_IBLOCK, .b = i->b + KL_EXT4_IBLOCK, .end = LOGICAL_END};
}

/* The node that an index entry points to. */
static bool child_node(struct kl_ext4 *e, const struct kl_ext4_inode *i,
    const struct extent_node *x, unsigned entry, uint64_t next, struct extent_node *out)
{
    unsigned char b[ENTRY] = {0};
    if (!node_bytes(e, x, entry, b))
        return false;
    uint64_t low = entry_block(b), to = pointer48(b + 4, b + 8);
    if (low < x->low || !in_image(e, to, 1))
        return bad_map(e, x->at + (uint64_t)entry * ENTRY, i, "an extent tree that leaves it");
    *out = (struct extent_node){.at = to * e->block, .low = low, .end = next};
    if (!open_node(e, i, out, e->block))
        return false;
    if (out->depth + 1 != x->depth || !out->entries)
        return bad_map(e, out->at, i, "an extent tree of uneven depth");
    return true;
}

static bool map_extents(
    struct kl_ext4 *e, const struct kl_ext4_inode *i, uint64_t at, struct kl_ext4_run *out)
{
    struct extent_node x = extent_root(i), below = {0};
    unsigned entry = 0;
    uint64_t next = 0;
    if (!open_node(e, i, &x, KL_EXT4_IBLOCK_LEN))
        return false;
    for (;; x = below) {
        if (!find_entry(e, i, &x, at, &entry, &next))
            return false;
        if (!x.depth)
            return extent_run(e, i, &x, entry, at, next, out);
        if (!entry) {
            *out = (struct kl_ext4_run){.n = next - at};
            return true;
        }
        if (!child_node(e, i, &x, entry, next, &below))
            return false;
    }
}

/* --- ext2's pointers ---------------------------------------------------------------------------*/

enum { DIRECT = 12 };

static bool pointer_run(struct kl_ext4 *e, const struct kl_ext4_inode *i, uint64_t where,
    uint32_t pointer, uint64_t blocks, struct kl_ext4_run *out)
{
    *out = (struct kl_ext4_run){.at = pointer, .n = pointer ? 1 : blocks};
    return !pointer || in_image(e, pointer, 1) ||
           bad_map(e, where, i, "a block that lies outside of the filesystem");
}

static bool map_pointers(
    struct kl_ext4 *e, const struct kl_ext4_inode *i, uint64_t at, struct kl_ext4_run *out)
{
    const unsigned char *iblock = i->b + KL_EXT4_IBLOCK;
    uint64_t where = i->where + KL_EXT4_IBLOCK, each = e->block / 4, span = each;
    if (at < DIRECT)
        return pointer_run(e, i, where + at * 4, kl_le32(iblock + at * 4), 1, out);
    at -= DIRECT;
    unsigned level = 1;
    for (; level < 3 && at >= span; level++) {
        at -= span;
        span *= each;
    }
    if (at >= span)
        return bad_map(e, where, i, "more blocks than can be pointed to");
    size_t slot = (size_t)(DIRECT + level - 1) * 4;
    if (!pointer_run(e, i, where + slot, kl_le32(iblock + slot), span - at, out))
        return false;
    while (out->at && level--) {
        unsigned char b[4] = {0};
        span /= each;
        where = out->at * e->block + at / span * 4;
        at %= span;
        if (!kl_cow_read(e->cow, where, b, sizeof b) ||
            !pointer_run(e, i, where, kl_le32(b), span - at, out))
            return false;
    }
    return true;
}

bool kl_ext4_map(
    struct kl_ext4 *e, const struct kl_ext4_inode *i, uint64_t at, struct kl_ext4_run *out)
{
    if (at >= LOGICAL_END)
        return bad_map(e, i->where, i, "a size that cannot be");
    return kl_ext4_flags(i) & KL_EXT4_EXTENTS_FL ? map_extents(e, i, at, out)
                                                 : map_pointers(e, i, at, out);
}

/* --- bytes -------------------------------------------------------------------------------------*/

static bool read_inline(
    struct kl_ext4 *e, const struct kl_ext4_inode *i, uint64_t at, void *to, size_t n)
{
    const unsigned char *rest = NULL;
    size_t len = 0, first = 0;
    if (!kl_ext4_inline_rest(e, i, &rest, &len))
        return false;
    if (at + n > KL_EXT4_IBLOCK_LEN + len)
        return bad_map(e, i->where, i, "less data in it than it says");
    if (at < KL_EXT4_IBLOCK_LEN) {
        first = KL_EXT4_IBLOCK_LEN - (size_t)at;
        first = first < n ? first : n;
        memcpy(to, i->b + KL_EXT4_IBLOCK + at, first);
    }
    if (first < n)
        memcpy((char *)to + first, rest + (at + first - KL_EXT4_IBLOCK_LEN), n - first);
    return true;
}

bool kl_ext4_read(struct kl_ext4 *e, const struct kl_ext4_inode *i, uint64_t at, void *to, size_t n)
{
    if (kl_ext4_flags(i) & KL_EXT4_ENCRYPT_FL)
        return kl_fault(
            e->log, KL_IMAGE_UNSUPPORTED, i->where, NULL, "inode %u is encrypted", i->ino);
    if (kl_ext4_flags(i) & KL_EXT4_INLINE_FL)
        return read_inline(e, i, at, to, n);
    while (n) {
        struct kl_ext4_run run = {0};
        uint64_t within = at % e->block;
        if (!kl_ext4_map(e, i, at / e->block, &run))
            return false;
        uint64_t room = run.n * e->block - within; /* n < 2^32, block < 2^17 */
        size_t part = room < n ? (size_t)room : n;
        if (!run.at || run.unwritten)
            memset(to, 0, part);
        else if (!kl_cow_read(e->cow, run.at * e->block + within, to, part))
            return false;
        at += part;
        to = (char *)to + part;
        n -= part;
    }
    return true;
}

/* --- gone over ---------------------------------------------------------------------------------*/

struct over {
    struct kl_ext4 *e;
    const struct kl_ext4_inode *i;
    uint64_t blocks, most;
};

/* A file has no more blocks than the image: more is a map that goes around. */
static bool count(struct over *o, uint64_t n)
{
    o->blocks += n;
    return o->blocks <= o->most || bad_map(o->e, o->i->where, o->i, "more blocks than there are");
}

/* NOLINTNEXTLINE(misc-no-recursion): the depth is at most DEPTH_MOST, and falls */
static bool over_extents(struct over *o, const struct extent_node *x)
{
    uint64_t at = x->low, next = 0;
    for (unsigned n = 1; n <= x->entries; n++) {
        unsigned char b[ENTRY] = {0};
        unsigned entry = 0;
        if (!node_bytes(o->e, x, n, b))
            return false;
        if (entry_block(b) < at)
            return bad_map(o->e, x->at, o->i, "an extent tree that is not in order");
        at = entry_block(b);
        if (!find_entry(o->e, o->i, x, at, &entry, &next))
            return false;
        if (entry != n)
            return bad_map(o->e, x->at, o->i, "an extent tree that is not in order");
        if (x->depth) {
            struct extent_node below = {0};
            if (!count(o, 1) || !child_node(o->e, o->i, x, n, next, &below) ||
                !over_extents(o, &below))
                return false;
        } else {
            struct kl_ext4_run run = {0};
            if (!extent_run(o->e, o->i, x, n, at, next, &run) || !count(o, run.n))
                return false;
        }
        at++;
    }
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): `level` is at most 3, and falls */
static bool over_pointer(struct over *o, uint64_t where, uint32_t pointer, unsigned level)
{
    struct kl_ext4_run run = {0};
    if (!pointer_run(o->e, o->i, where, pointer, 1, &run))
        return false;
    if (!run.at)
        return true;
    if (!count(o, 1))
        return false;
    for (uint32_t at = 0; level && at < o->e->block; at += 4) {
        unsigned char b[4] = {0};
        if (!kl_cow_read(o->e->cow, run.at * o->e->block + at, b, sizeof b) ||
            !over_pointer(o, run.at * o->e->block + at, kl_le32(b), level - 1))
            return false;
    }
    return true;
}

bool kl_ext4_check_map(struct kl_ext4 *e, const struct kl_ext4_inode *i, uint64_t *blocks)
{
    struct over o = {.e = e, .i = i, .most = e->blocks};
    bool ok = true;
    *blocks = 0;
    if (kl_ext4_flags(i) & KL_EXT4_INLINE_FL)
        return true;
    if (kl_ext4_flags(i) & KL_EXT4_EXTENTS_FL) {
        struct extent_node x = extent_root(i);
        ok = open_node(e, i, &x, KL_EXT4_IBLOCK_LEN) && over_extents(&o, &x);
    } else {
        for (unsigned n = 0; ok && n < DIRECT + 3; n++)
            ok = over_pointer(&o, i->where + KL_EXT4_IBLOCK + (uint64_t)n * 4,
                kl_le32(i->b + KL_EXT4_IBLOCK + (size_t)n * 4), n < DIRECT ? 0 : n - DIRECT + 1);
    }
    *blocks = o.blocks;
    return ok;
}
