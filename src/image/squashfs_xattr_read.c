/* Extended attributes: an inode has an index; a table says where the set of that index lies, in
 * the metadata that begins at xattr_start. Inodes with the same attributes share a set. */
#include "image/squashfs_in.h"

#include <inttypes.h>
#include <string.h>

enum {
    TABLE_HEAD = 16,
    ENTRY = 16, /* of the table: position, count, size */
    ENTRIES = SQ_META / ENTRY,
    VALUE_ELSEWHERE = 1 << 8,
    REF = 8,
    COUNT_MOST = 4096,
    VALUE_MOST = 65536, /* linux/limits.h: XATTR_SIZE_MAX */
    NAME_MOST = 255,
};

struct set {
    struct kl_xattr *xattrs;
    size_t n;
};

/* Where in the attributes' metadata the next bytes are read. */
struct cursor {
    struct kl_squashfs *s;
    uint64_t block;
    size_t offset;
};

bool sq_xattr_open(struct kl_squashfs *s)
{
    unsigned char b[TABLE_HEAD];
    uint64_t table = s->super.xattr_table;
    if (table == KL_SQUASHFS_NONE)
        return true;
    if (!kl_read(&s->in, table, b, sizeof b, "xattr table"))
        return false;
    uint64_t start = kl_le64(b);
    uint32_t count = kl_le32(b + 8);
    if (start < s->data_start || start > table)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, table, SQ_DAMAGED,
            "the extended attributes would be at byte %" PRIu64, start);
    if (((uint64_t)count + ENTRIES - 1) / ENTRIES * REF > s->super.bytes_used - table - sizeof b)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, table + 8, SQ_DAMAGED,
            "there is no room for the table of %" PRIu32 " sets of extended attributes", count);
    sq_cache(s)->xattr_start = start;
    sq_cache(s)->xattr_count = count;
    return true;
}

static bool take(struct cursor *c, void *to, size_t n)
{
    return kl_squashfs_meta_read(
        c->s, sq_cache(c->s)->xattr_start, &c->block, &c->offset, to, n, "extended attribute");
}

static struct cursor at_ref(struct kl_squashfs *s, uint64_t ref)
{
    return (struct cursor){s, ref >> 16, ref & 0xffff};
}

static bool wrong(struct cursor *c, const char *what)
{
    return kl_fault(c->s->log, KL_IMAGE_CORRUPT, sq_cache(c->s)->xattr_start + c->block, SQ_DAMAGED,
        "an extended attribute %s", what);
}

/* Memory for `n` bytes, and the little that is around them. */
static char *room_for(struct cursor *c, size_t n)
{
    struct sq_cache *cache = sq_cache(c->s);
    cache->xattr_bytes += n + 64;
    if (cache->xattr_bytes <= SQ_XATTRS_MOST)
        return kl_alloc(c->s->a, n + 1);
    kl_fault(c->s->log, KL_IMAGE_BOMB, cache->xattr_start, NULL,
        "the extended attributes take more than %d MiB", SQ_XATTRS_MOST >> 20);
    return NULL;
}

/* A value as it stands: its length, and its bytes. */
static bool read_value(struct cursor *c, struct kl_xattr *x)
{
    unsigned char b[4];
    if (!take(c, b, sizeof b))
        return false;
    x->len = kl_le32(b);
    if (x->len > VALUE_MOST)
        return wrong(c, "has more than 64 KiB");
    char *value = room_for(c, x->len);
    x->value = value;
    return value && take(c, value, x->len);
}

static bool read_one(struct cursor *c, struct kl_xattr *x)
{
    static const char *const prefixes[] = {"user.", "trusted.", "security."};
    unsigned char b[4 + REF];
    if (!take(c, b, 4))
        return false;
    unsigned type = kl_le16(b), len = kl_le16(b + 2), prefix = type & 0xff;
    if (prefix >= sizeof prefixes / sizeof *prefixes || type >> 9)
        return wrong(c, "is of no kind that is known");
    if (!len || len > NAME_MOST)
        return wrong(c, "has a name of a length that cannot be");
    size_t head = strlen(prefixes[prefix]);
    char *name = room_for(c, head + len);
    if (!name)
        return false;
    memcpy(name, prefixes[prefix], head);
    if (!take(c, name + head, len))
        return false;
    if (memchr(name, '\0', head + len))
        return wrong(c, "has a NUL in its name");
    x->name = name;
    if (!(type & VALUE_ELSEWHERE))
        return read_value(c, x);
    if (!take(c, b, sizeof b))
        return false;
    if (kl_le32(b) != REF)
        return wrong(c, "lies elsewhere, and says no place");
    struct cursor there = at_ref(c->s, kl_le64(b + 4));
    return read_value(&there, x);
}

/* Entry `index` of the table. */
static bool find_set(struct kl_squashfs *s, uint32_t index, struct cursor *at, uint32_t *count)
{
    unsigned char b[REF];
    uint64_t table = s->super.xattr_table + TABLE_HEAD + (uint64_t)(index / ENTRIES) * REF;
    if (!kl_read(&s->in, table, b, sizeof b, "xattr table"))
        return false;
    const struct sq_meta *m = sq_meta_at(s, kl_le64(b));
    if (!m)
        return false;
    size_t offset = index % ENTRIES * (size_t)ENTRY;
    if (offset + ENTRY > m->n)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, m->at, SQ_DAMAGED,
            "the table of extended attributes ends before its entry %" PRIu32, index);
    *at = at_ref(s, kl_le64(m->bytes + offset));
    *count = kl_le32(m->bytes + offset + 8);
    if (*count <= COUNT_MOST)
        return true;
    return kl_fault(s->log, KL_IMAGE_CORRUPT, m->at, SQ_DAMAGED,
        "%" PRIu32 " extended attributes of one file cannot be", *count);
}

static struct set *read_set(struct kl_squashfs *s, uint32_t index)
{
    struct cursor c;
    uint32_t count = 0;
    if (!find_set(s, index, &c, &count))
        return NULL;
    struct set *set = kl_alloc(s->a, sizeof *set);
    for (uint32_t i = 0; i < count; i++) {
        set->xattrs = kl_grow(s->a, set->xattrs, set->n, sizeof *set->xattrs);
        if (!read_one(&c, &set->xattrs[set->n++]))
            return NULL;
    }
    sq_map_put(&sq_cache(s)->xattr_sets, index, set);
    return set;
}

static bool read_xattrs(struct kl_squashfs *s, struct kl_node *n)
{
    const struct kl_squashfs_inode *i = n->own;
    if (i->xattr == UINT32_MAX || !sq_cache(s)->xattr_start)
        return true;
    if (i->xattr >= sq_cache(s)->xattr_count)
        return kl_fault(s->log, KL_IMAGE_CORRUPT, n->where, SQ_DAMAGED,
            "inode %" PRIu32 " has extended attributes %" PRIu32 " of %" PRIu32, i->number,
            i->xattr, sq_cache(s)->xattr_count);
    struct set *set = sq_map_get(&sq_cache(s)->xattr_sets, i->xattr);
    if (!set && !(set = read_set(s, i->xattr)))
        return false;
    n->xattrs = set->xattrs;
    n->nxattrs = set->n;
    return true;
}

bool sq_xattr_read(struct kl_fs *fs, struct kl_node *n)
{
    struct kl_squashfs *s = fs->own;
    struct kl_fault_log *own = sq_log(s, fs->log);
    bool ok = read_xattrs(s, n);
    sq_log(s, own);
    return ok;
}
