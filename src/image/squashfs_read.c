/* The frame of a squashfs: superblock, options, metadata blocks, tables.
 *
 * Nothing here trusts another part: every position is checked against bytes_used, which is checked
 * against the image; every count against the bytes that would have to hold it, before memory is
 * asked for. */
#include "image/squashfs_in.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAGIC = 0x73717368,    /* "hsqs" */
    FLAG_OPTIONS = 1 << 10 /* the compressor's options follow the superblock */
};

bool kl_is_squashfs(const struct kl_reader *r)
{
    unsigned char magic[4];
    return r->len >= SQ_SUPER && r->read(r, 0, magic, sizeof magic) && kl_le32(magic) == MAGIC;
}

/* --- a map -------------------------------------------------------------------------------------*/

static struct sq_entry *slot_of(const struct sq_map *m, uint64_t key)
{
    size_t i = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (m->room - 1);
    while (m->slots[i].value && m->slots[i].key != key)
        i = (i + 1) & (m->room - 1);
    return &m->slots[i];
}

void *sq_map_get(const struct sq_map *m, uint64_t key)
{
    return m->room ? slot_of(m, key)->value : NULL;
}

void sq_map_put(struct sq_map *m, uint64_t key, void *value)
{
    if (2 * m->n >= m->room) {
        struct sq_map wider = {.room = m->room ? 2 * m->room : 64};
        wider.slots = kl_xmalloc(wider.room * sizeof *wider.slots);
        for (size_t i = 0; i < m->room; i++)
            if (m->slots[i].value)
                *slot_of(&wider, m->slots[i].key) = m->slots[i];
        wider.n = m->n;
        free(m->slots);
        *m = wider;
    }
    struct sq_entry *e = slot_of(m, key);
    m->n += !e->value;
    *e = (struct sq_entry){key, value};
}

/* --- metadata blocks ---------------------------------------------------------------------------*/

static bool read_meta(struct kl_squashfs *s, uint64_t at, struct sq_meta *m)
{
    unsigned char head[2], packed[SQ_META];
    if (!kl_read(&s->in, at, head, sizeof head, "head of a metadata block"))
        return false;
    size_t size = kl_le16(head) & (SQ_META_RAW - 1);
    bool raw = kl_le16(head) & SQ_META_RAW;
    if (!size || size > SQ_META)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, at, SQ_DAMAGED,
            "a metadata block says it is %zu bytes long; 1 to 8192 can be", size);
    if (!kl_read(&s->in, at + 2, raw ? m->bytes : packed, size, "metadata block"))
        return false;
    ssize_t n =
        raw ? (ssize_t)size : kl_block_unpack(s->packing.codec, packed, size, m->bytes, SQ_META, 0);
    if (n <= 0)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, at, SQ_DAMAGED,
            "a metadata block does not unpack as %s", kl_codec_name[s->packing.codec]);
    m->at = at;
    m->next = at + 2 + size;
    m->n = (size_t)n;
    return true;
}

const struct sq_meta *sq_meta_at(struct kl_squashfs *s, uint64_t at)
{
    struct sq_cache *c = sq_cache(s);
    struct sq_meta *oldest = c->meta;
    for (struct sq_meta *m = c->meta; m < c->meta + SQ_META_KEPT; m++) {
        if (m->used && m->at == at) {
            m->used = ++c->clock;
            return m;
        }
        if (m->used < oldest->used)
            oldest = m;
    }
    if (!oldest->bytes)
        oldest->bytes = kl_xmalloc(SQ_META);
    oldest->used = 0;
    if (!read_meta(s, at, oldest))
        return NULL;
    oldest->used = ++c->clock;
    return oldest;
}

bool kl_squashfs_metablock(
    struct kl_squashfs *s, uint64_t at, unsigned char out[static 8192], size_t *n, uint64_t *next)
{
    const struct sq_meta *m = sq_meta_at(s, at);
    if (!m)
        return false;
    memcpy(out, m->bytes, m->n);
    *n = m->n;
    *next = m->next;
    return true;
}

bool kl_squashfs_meta_read(struct kl_squashfs *s, uint64_t table, uint64_t *block, size_t *offset,
    void *to, size_t n, const char *what)
{
    for (size_t done = 0; done < n;) {
        if (table > s->super.bytes_used || *block > s->super.bytes_used - table)
            return kl_fault(s->log, KL_IMAGE_CORRUPT, table, SQ_DAMAGED,
                "the %s would lie after the end of the image", what);
        const struct sq_meta *m = sq_meta_at(s, table + *block);
        if (!m)
            return false;
        if (*offset > m->n)
            return kl_fault(s->log, KL_IMAGE_CORRUPT, m->at, SQ_DAMAGED,
                "the %s would begin at byte %zu of a metadata block of %zu", what, *offset, m->n);
        size_t part = m->n - *offset < n - done ? m->n - *offset : n - done;
        memcpy((char *)to + done, m->bytes + *offset, part);
        done += part;
        *offset += part;
        if (*offset == m->n && done < n) {
            *block = m->next - table;
            *offset = 0;
        }
    }
    return true;
}

/* --- superblock and options --------------------------------------------------------------------*/

static void read_super(const unsigned char *b, struct kl_squashfs_super *s)
{
    *s = (struct kl_squashfs_super){
        .inodes = kl_le32(b + 4),
        .mkfs_time = kl_le32(b + 8),
        .block_size = kl_le32(b + 12),
        .fragments = kl_le32(b + 16),
        .codec_id = kl_le16(b + 20),
        .block_log = kl_le16(b + 22),
        .flags = kl_le16(b + 24),
        .ids = kl_le16(b + 26),
        .major = kl_le16(b + 28),
        .minor = kl_le16(b + 30),
        .root_inode = kl_le64(b + 32),
        .bytes_used = kl_le64(b + 40),
        .id_table = kl_le64(b + 48),
        .xattr_table = kl_le64(b + 56),
        .inode_table = kl_le64(b + 64),
        .directory_table = kl_le64(b + 72),
        .fragment_table = kl_le64(b + 80),
        .export_table = kl_le64(b + 88),
    };
}

static enum kl_codec codec_of(unsigned id)
{
    static const enum kl_codec codecs[] = {
        [1] = KL_CODEC_GZIP,
        [2] = KL_CODEC_LZMA,
        [3] = KL_CODEC_LZO,
        [4] = KL_CODEC_XZ,
        [5] = KL_CODEC_LZ4,
        [6] = KL_CODEC_ZSTD,
    };
    enum kl_codec codec = id < sizeof codecs / sizeof *codecs ? codecs[id] : KL_CODEC_NONE;
#ifndef KL_HAVE_LZO
    if (codec == KL_CODEC_LZO)
        codec = KL_CODEC_NONE;
#endif
    return codec;
}

static bool check_super(struct kl_squashfs *s)
{
    const struct kl_squashfs_super *u = &s->super;
    if (u->major != 4 || u->minor != 0)
        return kl_fault(s->log, KL_IMAGE_UNSUPPORTED, 28, NULL,
            "squashfs %u.%u is not known; 4.0 is", u->major, u->minor);
    if (codec_of(u->codec_id) == KL_CODEC_NONE)
        return kl_fault(s->log, KL_IMAGE_UNSUPPORTED, 20, NULL,
            u->codec_id == 3 ? "packed with LZO (compressor %u), without which this was built"
                             : "packed with compressor %u, which is not known",
            u->codec_id);
    if (u->block_log < 12 || u->block_log > 20 || u->block_size != UINT32_C(1) << u->block_log)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, 12, SQ_DAMAGED,
            "blocks of %" PRIu32 " bytes (2 to the %u) cannot be: 4 KiB to 1 MiB can",
            u->block_size, u->block_log);
    if (u->bytes_used > kl_rope_len(s->image))
        return kl_fault(s->log, KL_IMAGE_TRUNCATED, kl_rope_len(s->image),
            "it is cut short: fetch it again and compare its checksum",
            "the image has %" PRIu64 " bytes and should have %" PRIu64, kl_rope_len(s->image),
            u->bytes_used);
    if (!u->inodes || !u->ids)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, u->inodes ? 26 : 4, SQ_DAMAGED,
            "the superblock counts no %s", u->inodes ? "owner" : "inode");
    return true;
}

/* Tables may be anywhere, but in the order of linux/fs/squashfs/super.c where it has one. */
static bool check_tables(struct kl_squashfs *s)
{
    const struct kl_squashfs_super *u = &s->super;
    const struct {
        const char *what;
        uint64_t at, said;
        bool must;
    } tables[] = {
        {"inode table", u->inode_table, 64, true},
        {"directory table", u->directory_table, 72, true},
        {"fragment table", u->fragment_table, 80, u->fragments != 0},
        {"export table", u->export_table, 88, false},
        {"table of owners", u->id_table, 48, true},
        {"xattr table", u->xattr_table, 56, false},
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if ((tables[i].at != KL_SQUASHFS_NONE || tables[i].must) &&
            (tables[i].at < s->data_start || tables[i].at > u->bytes_used))
            return kl_fault(s->log, KL_IMAGE_CORRUPT, tables[i].said, SQ_DAMAGED,
                "the %s would be at byte %" PRIu64 " of %" PRIu64, tables[i].what, tables[i].at,
                u->bytes_used);
    if (u->inode_table >= u->directory_table)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, 64, SQ_DAMAGED,
            "the inode table does not lie before the directory table");
    return true;
}

static int within(uint32_t value, int least, int most)
{
    return value >= (uint32_t)least && value <= (uint32_t)most ? (int)value : 0;
}

/* What the encoder shall be set to. Values that make no sense are left at the codec's own. */
static void use_options(struct kl_squashfs *s, const unsigned char *b, size_t n)
{
    struct kl_pack_options *p = &s->packing;
    uint32_t first = n >= 4 ? kl_le32(b) : 0, second = n >= 8 ? kl_le32(b + 4) : 0;
    switch (p->codec) {
    case KL_CODEC_GZIP:
        p->level = within(first, 1, 9);
        p->window = within(second & 0xffff, 8, 15);
        break;
    case KL_CODEC_XZ:
        p->dict_size = first >= 4096 && first <= p->block_size ? first : 0;
        s->bcj = second != 0;
        break;
    case KL_CODEC_LZO:
        p->level = within(second, 1, 9);
        break;
    case KL_CODEC_LZ4:
        p->lz4_hc = second & 1;
        break;
    case KL_CODEC_ZSTD:
        p->level = within(first, 1, 22);
        break;
    default:
        break;
    }
}

static bool read_options(struct kl_squashfs *s)
{
    s->packing = (struct kl_pack_options){
        .codec = codec_of(s->super.codec_id), .block_size = s->super.block_size};
    s->data_start = SQ_SUPER;
    if (!(s->super.flags & FLAG_OPTIONS))
        return true;
    const struct sq_meta *m = sq_meta_at(s, SQ_SUPER);
    if (!m)
        return false;
    s->data_start = m->next;
    use_options(s, m->bytes, m->n);
    return true;
}

/* --- tables ------------------------------------------------------------------------------------*/

/* A table of `count` entries of `size` bytes: an array of positions of metadata blocks, each full
 * but for the last one, lies at `table`. Blocks must follow each other, so that a table takes no
 * more memory than its blocks justify. */
static bool read_table(struct kl_squashfs *s, uint64_t table, size_t count, size_t size,
    const char *what, unsigned char *out)
{
    uint64_t last = 0;
    for (size_t done = 0, whole = count * size, i = 0; done < whole; i++) {
        unsigned char position[8];
        if (!kl_read(&s->in, table + 8 * i, position, sizeof position, what))
            return false;
        uint64_t at = kl_le64(position);
        if (at < last || at >= s->super.bytes_used)
            return kl_fault(s->log, KL_IMAGE_CORRUPT, table + 8 * i, SQ_DAMAGED,
                "block %zu of the %s would be at byte %" PRIu64, i, what, at);
        const struct sq_meta *m = sq_meta_at(s, at);
        if (!m)
            return false;
        size_t part = whole - done < SQ_META ? whole - done : SQ_META;
        if (m->n < part)
            return kl_fault(s->log, KL_IMAGE_CORRUPT, at, SQ_DAMAGED,
                "block %zu of the %s has %zu bytes, not %zu", i, what, m->n, part);
        memcpy(out + done, m->bytes, part);
        done += part;
        last = m->next;
    }
    return true;
}

static bool read_ids(struct kl_squashfs *s)
{
    size_t n = s->super.ids;
    unsigned char *raw = kl_xmalloc(4 * n);
    bool ok = read_table(s, s->super.id_table, n, 4, "table of owners", raw);
    s->ids = kl_alloc(s->a, n * sizeof *s->ids);
    for (size_t i = 0; ok && i < n; i++)
        s->ids[i] = kl_le32(raw + 4 * i);
    free(raw);
    return ok;
}

static bool read_fragments(struct kl_squashfs *s)
{
    size_t n = s->super.fragments;
    if (!n)
        return true;
    /* A fragment is a block of data, made of the ends of at least one file. */
    if (n > s->super.inodes || n > s->super.bytes_used / 16)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, 16, SQ_DAMAGED,
            "%zu fragments cannot be in an image of %" PRIu64 " bytes and %" PRIu32 " inodes", n,
            s->super.bytes_used, s->super.inodes);
    unsigned char *raw = kl_xmalloc(16 * n);
    bool ok = read_table(s, s->super.fragment_table, n, 16, "fragment table", raw);
    s->fragments = kl_alloc(s->a, n * sizeof *s->fragments);
    for (size_t i = 0; ok && i < n; i++)
        s->fragments[i] = (struct kl_squashfs_fragment){
            .start = kl_le64(raw + 16 * i), .size = kl_le32(raw + 16 * i + 8)};
    free(raw);
    return ok;
}

struct kl_fault_log *sq_log(struct kl_squashfs *s, struct kl_fault_log *log)
{
    struct kl_fault_log *was = s->log;
    s->log = s->in.log = log;
    return was;
}

/* --- opened and closed -------------------------------------------------------------------------*/

static bool open_all(struct kl_squashfs *s)
{
    unsigned char super[SQ_SUPER];
    if (!kl_read(&s->in, 0, super, sizeof super, "superblock of squashfs"))
        return false;
    if (kl_le32(super) != MAGIC)
        return kl_fault(s->log, KL_IMAGE_UNSUPPORTED, 0, NULL, "this is no squashfs");
    read_super(super, &s->super);
    if (!check_super(s))
        return false;
    s->in.len = s->super.bytes_used;
    return read_options(s) && check_tables(s) && read_ids(s) && read_fragments(s) &&
           sq_xattr_open(s) && sq_tree_open(s);
}

struct kl_squashfs *kl_squashfs_open(
    struct kl_arena *a, const struct kl_rope *image, struct kl_fault_log *log)
{
    struct kl_squashfs *s = kl_alloc(a, sizeof *s);
    s->a = a;
    s->image = image;
    s->log = log;
    s->in = kl_rope_reader(image, log);
    s->cache = kl_xmalloc(sizeof(struct sq_cache));
    if (open_all(s))
        return s;
    kl_squashfs_close(s);
    return NULL;
}

void kl_squashfs_close(struct kl_squashfs *s)
{
    if (!s || !s->cache)
        return;
    struct sq_cache *c = sq_cache(s);
    for (size_t i = 0; i < SQ_META_KEPT; i++)
        free(c->meta[i].bytes);
    sq_data_close(s);
    free(c->inodes.slots);
    free(c->xattr_sets.slots);
    free(c);
    s->cache = NULL;
}

struct kl_fs *kl_squashfs_fs(struct kl_squashfs *s)
{
    return &s->fs;
}

const struct kl_squashfs_super *kl_squashfs_super(const struct kl_squashfs *s)
{
    return &s->super;
}

const struct kl_pack_options *kl_squashfs_packing(const struct kl_squashfs *s)
{
    return &s->packing;
}

bool kl_squashfs_has_bcj(const struct kl_squashfs *s)
{
    return s->bcj;
}
