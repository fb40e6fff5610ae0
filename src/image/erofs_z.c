/* The bytes of a file that is compressed (linux/fs/erofs/zmap.c, zdata.c, decompressor*.c, 6.x).
 *
 * A file is divided into logical clusters. An extent is packed as one; it begins somewhere in its
 * head cluster, whose index says where, and reaches to where the next one begins. Other clusters'
 * indexes say how far back the head is. So what holds a byte is found by going back to its head
 * and forward to the next; extents are limited, and so is the way. The last one may be packed
 * behind the indexes, or be part of the packed inode, where the ends of many files lie together.
 */
#include "image/erofs_own.h"

#include <stdlib.h>
#include <string.h>

enum {
    PACKED_MOST = 1 << 20,    /* Z_EROFS_PCLUSTER_MAX_SIZE */
    UNPACKED_MOST = 12 << 20, /* Z_EROFS_PCLUSTER_MAX_DSIZE */
};
enum { HAS_2B = 0x01, BIG1 = 0x02, BIG2 = 0x04, INLINE = 0x08, INTERLACED = 0x10, FRAGMENT = 0x20 };
enum cluster_type { PLAIN, HEAD1, BODY, HEAD2 };
enum { BLOCKS = 1 << 11 }; /* of a body's distance: it is a count of blocks */

struct cluster {
    enum cluster_type type;
    unsigned offset; /* where in it the extent begins: heads */
    unsigned back;   /* clusters to its head: bodies */
    unsigned blocks; /* of its extent when packed; 0: not said */
    uint32_t block;  /* where that begins: heads */
    uint64_t next;   /* the byte after the pack of indexes that this one is in */
};

static bool corrupt(struct kl_erofs *e, const struct kl_erofs_inode *i, const char *what)
{
    return kl_fault(e->log, KL_IMAGE_CORRUPT, i->where, NULL,
        "the indexes of a compressed file cannot be: %s", what);
}

/* --- indexes -----------------------------------------------------------------------------------*/

static bool full_index(struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t n, struct cluster *c)
{
    unsigned char b[8];
    uint64_t at = i->z->indexes + n * sizeof b;
    if (!kl_erofs_meta(e, at, b, sizeof b, "index of a compressed file"))
        return false;
    c->next = at + sizeof b;
    c->type = (enum cluster_type)(kl_le16(b) & 3);
    if (c->type == BODY) {
        c->back = kl_le16(b + 4);
        if (c->back & BLOCKS) {
            c->blocks = c->back & ~(unsigned)BLOCKS;
            c->back = 1;
        }
        return true;
    }
    c->offset = kl_le16(b + 2);
    c->block = kl_le32(b + 4);
    return c->offset < 1U << i->z->bits || corrupt(e, i, "an extent begins outside of its cluster");
}

/* A pack: indexes of some bits each, then one block address for all of them. */
struct pack {
    unsigned char bytes[32];
    unsigned n, size;   /* indexes; bytes */
    unsigned each, low; /* bits of one; of its number */
};

static unsigned pack_get(const struct pack *p, unsigned i, enum cluster_type *type)
{
    unsigned bit = i * p->each;
    uint32_t v = kl_le32(p->bytes + bit / 8) >> (bit & 7);
    *type = (enum cluster_type)(v >> p->low & 3);
    return v & ((1U << p->low) - 1);
}

/* How many blocks the heads before index `i` of the pack have. One address serves a pack, so they
 * are counted. */
static bool pack_blocks(const struct pack *p, unsigned i, bool big, unsigned *out)
{
    int at = (int)i;
    unsigned blocks = big ? 0 : 1;
    while (at > 0) {
        enum cluster_type type;
        unsigned low = pack_get(p, (unsigned)--at, &type);
        if (!big) {
            if (type == BODY)
                at -= (int)low;
            blocks += at >= 0;
        } else if (type != BODY) {
            blocks++;
        } else if (low & BLOCKS) {
            at--;
            blocks += low & ~(unsigned)BLOCKS;
        } else if (low <= 1) {
            return false;
        } else {
            at -= (int)low - 2;
        }
    }
    *out = blocks;
    return true;
}

static bool pack_cluster(struct kl_erofs *e, struct kl_erofs_inode *i, const struct pack *p,
    unsigned at, struct cluster *c)
{
    bool big = i->z->advise & BIG1;
    unsigned low = pack_get(p, at, &c->type);
    if (c->type != BODY) {
        unsigned blocks;
        if (low >= 1U << i->z->bits)
            return corrupt(e, i, "an extent begins outside of its cluster");
        if (!pack_blocks(p, at, big, &blocks))
            return corrupt(e, i, "a large extent does not say its blocks");
        c->offset = low;
        c->block = kl_le32(p->bytes + p->size - 4) + blocks;
        return true;
    }
    if (low & BLOCKS) {
        c->blocks = low & ~(unsigned)BLOCKS;
        c->back = 1;
        return big || corrupt(e, i, "a large extent in a file that has none");
    }
    c->back = low;
    if (at + 1 != p->n)
        return true;
    /* The last of a pack says how far it is to the next head instead: its own head is found by the
     * one before it. */
    enum cluster_type before;
    low = pack_get(p, at - 1, &before);
    c->back = before != BODY ? 1 : low & BLOCKS ? 2 : low + 1;
    return true;
}

/* Indexes of 4 bytes up to where 32 bytes are aligned, then packs of 16 in 32 bytes, then of 4
 * bytes for what is left. */
static bool compact_index(
    struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t n, struct cluster *c)
{
    const struct kl_erofs_z *z = i->z;
    uint64_t at = z->indexes, all = (i->size + (UINT64_C(1) << z->bits) - 1) >> z->bits;
    uint64_t first = (32 - at % 32) / 4 % 8, dense = 0;
    struct pack p = {.n = 2, .size = 8, .each = 16, .low = z->bits > 12 ? z->bits : 12};
    if (z->advise & HAS_2B && first < all)
        dense = (all - first) & ~UINT64_C(15);
    if (n < first) {
        at += n * 4;
    } else if (n - first < dense) {
        at += first * 4 + (n - first) * 2;
        p = (struct pack){.n = 16, .size = 32, .each = 14, .low = p.low};
    } else {
        at += first * 4 + dense * 2 + (n - first - dense) * 4;
    }
    if (p.low > p.each - 2)
        return kl_fault(e->log, KL_IMAGE_UNSUPPORTED, i->where, NULL,
            "a compressed file has clusters of 2^%u bytes, which its indexes cannot have", z->bits);
    uint64_t start = at & ~(uint64_t)(p.size - 1);
    if (!kl_erofs_meta(e, start, p.bytes, p.size, "index of a compressed file"))
        return false;
    c->next = start + p.size;
    return pack_cluster(e, i, &p, (unsigned)(at - start) * p.n / p.size, c);
}

static bool load(struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t n, struct cluster *c)
{
    *c = (struct cluster){.type = PLAIN};
    if (n > e->in.len) /* each has at least a byte and a half */
        return corrupt(e, i, "there are more clusters than the image can list");
    return i->z->full ? full_index(e, i, n, c) : compact_index(e, i, n, c);
}

/* --- extents -----------------------------------------------------------------------------------*/

/* The head of the extent that holds byte `at`; *next as in the cluster of that byte. */
static bool find_head(struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t at, uint64_t *head,
    struct cluster *c, uint64_t *next)
{
    const struct kl_erofs_z *z = i->z;
    uint64_t n = at >> z->bits;
    if (!load(e, i, n, c))
        return false;
    *next = c->next;
    if (c->type != BODY && (at & ((1U << z->bits) - 1)) < c->offset)
        *c = (struct cluster){.type = BODY, .back = 1}; /* it is the one before */
    for (uint64_t steps = UNPACKED_MOST >> z->bits; c->type == BODY; steps--) {
        if (!c->back || c->back > n || !steps)
            return corrupt(e, i, "a cluster has no head");
        n -= c->back;
        if (!load(e, i, n, c))
            return false;
    }
    *head = n;
    return true;
}

static bool find_end(struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t head, uint64_t *end)
{
    const struct kl_erofs_z *z = i->z;
    struct cluster c;
    for (uint64_t n = head + 1, most = n + (UNPACKED_MOST >> z->bits) + 1; n <= most; n++) {
        *end = i->size;
        if (n > (i->size - 1) >> z->bits)
            return true;
        if (!load(e, i, n, &c))
            return false;
        *end = (n << z->bits) + c.offset;
        if (c.type != BODY) {
            if (*end > i->size)
                *end = i->size;
            return true;
        }
    }
    return kl_fault(e->log, KL_IMAGE_BOMB, i->where, NULL,
        "an extent of a compressed file is longer than %u MiB unpacked", UNPACKED_MOST >> 20);
}

static bool find_size(struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t head,
    const struct cluster *c, uint64_t *size)
{
    const struct kl_erofs_z *z = i->z;
    struct cluster body;
    *size = UINT64_C(1) << z->bits;
    if (c->type == PLAIN || !(z->advise & (c->type == HEAD1 ? BIG1 : BIG2)) ||
        head + 1 > (i->size - 1) >> z->bits)
        return true;
    if (!load(e, i, head + 1, &body))
        return false;
    if (body.type != BODY)
        return true;
    if (!body.blocks)
        return corrupt(e, i, "a large extent does not say its blocks");
    *size = (uint64_t)body.blocks << e->bits;
    return *size <= PACKED_MOST || corrupt(e, i, "a packed extent is longer than 1 MiB");
}

static bool find_extent(
    struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t at, struct kl_erofs_extent *x)
{
    const struct kl_erofs_z *z = i->z;
    struct cluster c;
    uint64_t head = 0, end = 0, next = 0;
    if (z->tail_fragment && !z->tail) { /* all of it */
        *x = (struct kl_erofs_extent){
            .len = i->size, .from = z->fragment_at, .size = i->size, .way = KL_EROFS_FRAGMENT};
        return true;
    }
    if (!find_head(e, i, at, &head, &c, &next) || !find_end(e, i, head, &end))
        return false;
    *x = (struct kl_erofs_extent){.at = head << z->bits | c.offset};
    if (at < x->at || at >= end)
        return corrupt(e, i, "a cluster's head is another's");
    x->len = end - x->at;
    if (z->tail_fragment && head == z->tail) {
        x->way = KL_EROFS_FRAGMENT;
        x->from = z->fragment_at;
        return true;
    }
    x->from = (uint64_t)c.block << e->bits;
    if (z->tail_inline && head == z->tail) {
        x->from = z->inline_at;
        x->size = z->inline_size;
    } else if (!find_size(e, i, head, &c, &x->size)) {
        return false;
    }
    x->way = c.type != PLAIN          ? KL_EROFS_PACKED
             : z->advise & INTERLACED ? KL_EROFS_ROTATED
                                      : KL_EROFS_AS_IT_IS;
    x->algorithm = z->algorithm[c.type == HEAD2];
    if (x->len > (x->way == KL_EROFS_PACKED ? (uint64_t)UNPACKED_MOST : x->size))
        return corrupt(e, i, "an extent is longer than what it is packed in");
    return true;
}

/* --- the header --------------------------------------------------------------------------------*/

static bool find_tail(struct kl_erofs *e, struct kl_erofs_inode *i, const unsigned char *head)
{
    struct kl_erofs_z *z = i->z;
    struct cluster c;
    uint64_t next;
    bool is_inline = z->advise & INLINE;
    if (!is_inline && !(z->advise & FRAGMENT))
        return true;
    if (!find_head(e, i, i->size - 1, &z->tail, &c, &next))
        return false;
    if (is_inline) {
        z->tail_inline = true;
        z->inline_at = next;
        z->inline_size = kl_le16(head + 2);
        if (!z->inline_size || (next & (e->block - 1)) + z->inline_size > e->block)
            return corrupt(e, i, "its inline end reaches over a block's end");
        return true;
    }
    z->tail_fragment = true;
    z->fragment_at = kl_le32(head);
    if (z->full)
        z->fragment_at |= (uint64_t)c.block << 32;
    return true;
}

static bool algorithms_are_known(struct kl_erofs *e, const struct kl_erofs_inode *i)
{
    for (unsigned k = 0; k < 2; k++)
        if (i->z->algorithm[k] > 3)
            return kl_fault(e->log, KL_IMAGE_UNSUPPORTED, i->where, NULL,
                "a file is packed by the algorithm %u, which is not known", i->z->algorithm[k]);
    return true;
}

static bool read_header(struct kl_erofs *e, struct kl_erofs_inode *i, struct kl_erofs_z *z)
{
    unsigned char b[8];
    uint64_t at = kl_erofs_up(kl_erofs_after(i), 8);
    z->full = i->layout == KL_EROFS_Z_FULL;
    z->bits = e->bits;
    z->indexes = at + sizeof b + (z->full ? 8 : 0);
    /* What came first has no header: "legacy" in zmap.c of 5.x. */
    if (z->full &&
        !(e->features & (KL_EROFS_COMPR_CFGS | KL_EROFS_ZTAILPACKING | KL_EROFS_FRAGMENTS)))
        return true;
    if (!kl_erofs_meta(e, at, b, sizeof b, "header of a compressed file"))
        return false;
    if (b[7] & 0x80) { /* the whole file lies in the packed inode */
        z->tail_fragment = true;
        z->fragment_at = kl_le64(b) & ~(UINT64_C(1) << 63);
        return true;
    }
    z->advise = kl_le16(b + 4);
    z->algorithm[0] = b[6] & 15;
    z->algorithm[1] = b[6] >> 4;
    z->bits += b[7] & 7;
    if (z->bits > 20 || z->advise & ~0x3f || (z->full && z->advise & HAS_2B))
        return kl_fault(e->log, KL_IMAGE_UNSUPPORTED, at, NULL,
            "a compressed file is of a newer kind (0x%x)", z->advise);
    if (!z->full && !(z->advise & BIG1) != !(z->advise & BIG2))
        return corrupt(e, i, "only one of its algorithms has large extents");
    return algorithms_are_known(e, i) && find_tail(e, i, b);
}

static bool ready(struct kl_erofs *e, struct kl_erofs_inode *i)
{
    if (i->z)
        return true;
    i->z = kl_alloc(e->a, sizeof *i->z);
    if (read_header(e, i, i->z))
        return true;
    i->z = NULL;
    return false;
}

/* --- bytes -------------------------------------------------------------------------------------*/

/* Packed bytes end with their blocks; what is before them is zero (feature lz4_0padding; with all
 * newer algorithms always). */
static size_t padding(
    const struct kl_erofs *e, const struct kl_erofs_extent *x, const unsigned char *b)
{
    size_t n = 0, most = e->block - (size_t)(x->from & (e->block - 1));
    if (!x->algorithm && !(e->features & KL_EROFS_ZERO_PADDING))
        return 0;
    while (n < most && n < x->size && !b[n])
        n++;
    return n;
}

static bool unpack(
    struct kl_erofs *e, struct kl_erofs_inode *i, const struct kl_erofs_extent *x, void *to)
{
    static const enum kl_codec codecs[] = {
        KL_CODEC_LZ4, KL_CODEC_LZMA, KL_CODEC_DEFLATE, KL_CODEC_ZSTD};
    unsigned char *b = kl_xmalloc((size_t)x->size);
    bool ok = kl_read(&e->in, x->from, b, (size_t)x->size, "packed data");
    if (ok) {
        size_t skip = padding(e, x, b), len = (size_t)x->len;
        ssize_t got =
            kl_block_unpack(codecs[x->algorithm], b + skip, (size_t)x->size - skip, to, len, len);
        if (got != (ssize_t)len)
            ok = kl_fault(e->log, KL_IMAGE_CORRUPT, x->from, NULL,
                "bytes %llu to %llu of inode %llu cannot be unpacked (%s)",
                (unsigned long long)x->at, (unsigned long long)(x->at + len - 1),
                (unsigned long long)i->nid, kl_codec_name[codecs[x->algorithm]]);
    }
    free(b);
    return ok;
}

static struct kl_erofs_unpacked *kept(struct kl_erofs *e, uint64_t nid, uint64_t at)
{
    for (size_t k = 0; k < sizeof e->unpacked / sizeof *e->unpacked; k++) {
        struct kl_erofs_unpacked *u = &e->unpacked[k];
        if (u->bytes && u->nid == nid && at >= u->at && at - u->at < u->n) {
            u->used = ++e->uses;
            return u;
        }
    }
    return NULL;
}

/* Unpacks into the place that was not used for longest. */
static struct kl_erofs_unpacked *keep(
    struct kl_erofs *e, struct kl_erofs_inode *i, const struct kl_erofs_extent *x)
{
    struct kl_erofs_unpacked *u = e->unpacked;
    for (size_t k = 1; k < sizeof e->unpacked / sizeof *e->unpacked; k++)
        if (e->unpacked[k].used < u->used)
            u = &e->unpacked[k];
    free(u->bytes);
    *u = (struct kl_erofs_unpacked){
        .nid = i->nid, .at = x->at, .n = (size_t)x->len, .bytes = kl_xmalloc((size_t)x->len)};
    if (unpack(e, i, x, u->bytes)) {
        u->used = ++e->uses;
        return u;
    }
    free(u->bytes);
    *u = (struct kl_erofs_unpacked){0};
    return NULL;
}

/* The blocks of an interlaced extent are turned, so that each byte lies in its block where it lies
 * in the file's: what comes first is at the end. */
static bool read_rotated(
    struct kl_erofs *e, const struct kl_erofs_extent *x, uint64_t in, char *to, size_t n)
{
    uint64_t turn = e->block - (x->at & (e->block - 1)), first = turn < x->len ? turn : x->len;
    if (turn > x->size)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, x->from, NULL,
            "an extent that is not packed is shorter than it must be");
    if (in < first) {
        size_t part = n < first - in ? n : (size_t)(first - in);
        if (!kl_read(&e->in, x->from + x->size - turn + in, to, part, "plain data"))
            return false;
        in += part;
        to += part;
        n -= part;
    }
    return !n || kl_read(&e->in, x->from + (in - first), to, n, "plain data");
}

static bool read_fragment(
    struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t at, char *to, size_t n)
{
    struct kl_erofs_inode *packed =
        e->packed ? kl_erofs_inode(e, e->packed, KL_EROFS_SUPER + 96) : NULL;
    if (!packed || packed == i || at > packed->size || n > packed->size - at)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, i->where, NULL,
            "a file's end should lie in the packed inode, and does not");
    if (packed->layout != KL_EROFS_Z_FULL && packed->layout != KL_EROFS_Z_COMPACT)
        return kl_erofs_data(e, packed, at, to, n);
    if (!ready(e, packed))
        return false;
    if (packed->z->tail_fragment)
        return corrupt(e, packed, "the packed inode lies within itself");
    return kl_erofs_z_data(e, packed, at, to, n);
}

/* Some bytes from `at`, all of one extent; *got says how many. */
static bool read_some(
    struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t at, char *to, size_t n, size_t *got)
{
    struct kl_erofs_unpacked *u = kept(e, i->nid, at);
    struct kl_erofs_extent x = e->extent;
    if (!u && (e->extent_of != i->nid || at < x.at || at - x.at >= x.len)) {
        if (!find_extent(e, i, at, &x))
            return false;
        e->extent = x;
        e->extent_of = i->nid;
    }
    if (!u) {
        uint64_t in = at - x.at;
        *got = n < x.len - in ? n : (size_t)(x.len - in);
        if (x.way == KL_EROFS_AS_IT_IS)
            return kl_read(&e->in, x.from + in, to, *got, "plain data");
        if (x.way == KL_EROFS_ROTATED)
            return read_rotated(e, &x, in, to, *got);
        if (x.way == KL_EROFS_FRAGMENT)
            return x.from <= INT64_MAX ? read_fragment(e, i, x.from + in, to, *got)
                                       : corrupt(e, i, "its end lies nowhere");
        if (!(u = keep(e, i, &x)))
            return false;
    }
    uint64_t in = at - u->at;
    *got = n < u->n - in ? n : (size_t)(u->n - in);
    memcpy(to, u->bytes + in, *got);
    return true;
}

bool kl_erofs_z_data(struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t at, void *to, size_t n)
{
    if (!ready(e, i))
        return false;
    for (char *b = to; n;) {
        size_t got;
        if (!read_some(e, i, at, b, n, &got))
            return false;
        at += got;
        b += got;
        n -= got;
    }
    return true;
}
