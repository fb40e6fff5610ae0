/* Extended attributes of ext4: in the inode after its fields, and in one block more. Names have a
 * number for their prefix, and POSIX ACLs are packed (linux/fs/ext4/xattr.h, acl.h). */
#include "image/ext4_own.h"

#include <string.h>

enum {
    ENTRY = 16,
    BLOCK_HEADER = 32,
    VALUE_MOST = 64 * 1024, /* XATTR_SIZE_MAX */
    ALL_MOST = 256 * 1024,  /* of one inode */
    INDEX_SYSTEM = 7,
};
#define MAGIC 0xea020000u

static const struct {
    unsigned index;
    const char *prefix;
} prefixes[] = {
    {1, "user."},
    {2, "system.posix_acl_access"},
    {3, "system.posix_acl_default"},
    {4, "trusted."},
    {6, "security."},
    {INDEX_SYSTEM, "system."},
    {8, "system.richacl"},
    {10, "gnu."},
};

static const char *prefix_of(unsigned index)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (prefixes[i].index == index)
            return prefixes[i].prefix;
    return NULL;
}

static bool bad_xattr(struct kl_ext4 *e, uint64_t at, const struct kl_ext4_inode *i)
{
    return kl_fault(e->log, KL_IMAGE_CORRUPT, at,
        "it is damaged: fetch it again, or let e2fsck look at it",
        "inode %u has extended attributes that cannot be", i->ino);
}

/* Entries, and the bytes that their offsets count from. */
struct area {
    const unsigned char *b;
    size_t first, len; /* the first entry; the end */
    uint64_t where;
};

struct entry {
    const unsigned char *name;
    unsigned index, name_len;
    uint32_t value_at, value_ino, value_len;
};

/* The next entry from *at on; *at becomes 0 at the end. */
static bool next_entry(struct kl_ext4 *e, const struct kl_ext4_inode *i, const struct area *r,
    size_t *at, struct entry *out)
{
    const unsigned char *b = r->b + *at;
    *out = (struct entry){.name = b};
    if (r->len - *at < 4)
        return bad_xattr(e, r->where + *at, i);
    if (!kl_le32(b)) {
        *at = 0;
        return true;
    }
    if (r->len - *at < ENTRY || b[0] > r->len - *at - ENTRY)
        return bad_xattr(e, r->where + *at, i);
    *out = (struct entry){.name = b + ENTRY,
        .name_len = b[0],
        .index = b[1],
        .value_at = kl_le16(b + 2),
        .value_ino = kl_le32(b + 4),
        .value_len = kl_le32(b + 8)};
    size_t base = r->first == BLOCK_HEADER ? 0 : r->first;
    if (!out->value_ino &&
        (base + out->value_at > r->len || out->value_len > r->len - base - out->value_at))
        return bad_xattr(e, r->where + *at, i);
    out->value_at += (uint32_t)base;
    *at += (ENTRY + (size_t)b[0] + 3) & ~(size_t)3;
    return *at <= r->len || bad_xattr(e, r->where, i);
}

/* The part of the inode that holds attributes; first 0: none. */
static bool inode_area(struct kl_ext4 *e, const struct kl_ext4_inode *i, struct area *out)
{
    *out = (struct area){0};
    if (e->inode_size <= 128 + 4)
        return true;
    size_t extra = kl_le16(i->b + 128), at = 128 + extra;
    if (extra < 4 || at + 8 > e->inode_size)
        return true;
    if (extra % 4)
        return bad_xattr(e, i->where, i);
    if (kl_le32(i->b + at) == MAGIC)
        *out = (struct area){.b = i->b, .first = at + 4, .len = e->inode_size, .where = i->where};
    return true;
}

static bool block_area(
    struct kl_ext4 *e, const struct kl_ext4_inode *i, struct kl_arena *a, struct area *out)
{
    uint64_t at = kl_le32(i->b + 0x68);
    if (e->incompat & KL_EXT4_64BIT)
        at |= (uint64_t)kl_le16(i->b + 0x76) << 32;
    *out = (struct area){0};
    if (!at)
        return true;
    if (at <= e->first_data || at >= e->blocks)
        return bad_xattr(e, i->where + 0x68, i);
    unsigned char *b = kl_alloc(a, e->block);
    if (!kl_cow_read(e->cow, at * e->block, b, e->block))
        return false;
    if (kl_le32(b) != MAGIC || kl_le32(b + 8) != 1)
        return bad_xattr(e, at * e->block, i);
    *out = (struct area){.b = b, .first = BLOCK_HEADER, .len = e->block, .where = at * e->block};
    return true;
}

bool kl_ext4_inline_rest(
    struct kl_ext4 *e, const struct kl_ext4_inode *i, const unsigned char **rest, size_t *len)
{
    struct area r = {0};
    struct entry x = {0};
    *len = 0;
    *rest = i->b;
    if (!inode_area(e, i, &r))
        return false;
    for (size_t at = r.first; at;) {
        if (!next_entry(e, i, &r, &at, &x))
            return false;
        if (at && x.index == INDEX_SYSTEM && x.name_len == 4 && !memcmp(x.name, "data", 4) &&
            !x.value_ino) {
            *rest = r.b + x.value_at;
            *len = x.value_len;
            return true;
        }
    }
    return true;
}

/* --- values ------------------------------------------------------------------------------------*/

/* A large value is the content of an inode of its own. */
static bool value_of_inode(struct kl_ext4 *e, const struct kl_ext4_inode *i, struct kl_arena *a,
    const struct entry *x, struct kl_xattr *out)
{
    struct kl_ext4_inode of = {0};
    if (x->value_len > VALUE_MOST || !(e->incompat & KL_EXT4_EA_INODE))
        return bad_xattr(e, i->where, i);
    if (!kl_ext4_inode(e, x->value_ino, &of))
        return false;
    if (!(kl_ext4_flags(&of) & KL_EXT4_EA_INODE_FL) || kl_ext4_flags(&of) & KL_EXT4_INLINE_FL ||
        kl_ext4_inode_size(e, &of) != x->value_len)
        return bad_xattr(e, of.where, i);
    char *value = kl_alloc(a, x->value_len);
    uint64_t blocks = 0;
    out->value = value;
    out->len = x->value_len;
    return kl_ext4_check_map(e, &of, &blocks) && kl_ext4_read(e, &of, 0, value, x->value_len);
}

enum { ACL_USER = 2, ACL_GROUP = 8 }; /* the tags that name somebody */

/* From the packed form to that of getxattr(2) (linux/include/uapi/linux/posix_acl_xattr.h). */
static bool unpack_acl(struct kl_arena *a, const unsigned char *b, size_t len, struct kl_xattr *out)
{
    if (len < 4 || kl_le32(b) != 1)
        return false;
    unsigned char *to = kl_alloc(a, len * 2), *end = to + 4;
    kl_put32(to, 2);
    for (size_t at = 4; at < len;) {
        if (len - at < 4)
            return false;
        unsigned tag = kl_le16(b + at);
        bool named = tag == ACL_USER || tag == ACL_GROUP;
        if (named && len - at < 8)
            return false;
        memcpy(end, b + at, 4);
        kl_put32(end + 4, named ? kl_le32(b + at + 4) : UINT32_MAX);
        at += named ? 8 : 4;
        end += 8;
    }
    out->value = to;
    out->len = (size_t)(end - to);
    return true;
}

static bool value(struct kl_ext4 *e, const struct kl_ext4_inode *i, struct kl_arena *a,
    const struct area *r, const struct entry *x, struct kl_xattr *out)
{
    if (x->value_ino)
        return value_of_inode(e, i, a, x, out);
    const unsigned char *b = r->b + x->value_at;
    if (x->index == 2 || x->index == 3)
        return unpack_acl(a, b, x->value_len, out) || bad_xattr(e, r->where, i);
    char *copy = kl_alloc(a, x->value_len + 1);
    memcpy(copy, b, x->value_len);
    out->value = copy;
    out->len = x->value_len;
    return true;
}

static bool add_area(struct kl_ext4 *e, const struct kl_ext4_inode *i, struct kl_arena *a,
    const struct area *r, struct kl_xattr **list, size_t *n, size_t *bytes)
{
    for (size_t at = r->first; at;) {
        struct entry x = {0};
        struct kl_xattr one = {0};
        if (!next_entry(e, i, r, &at, &x))
            return false;
        if (!at)
            break;
        if (x.index == INDEX_SYSTEM && x.name_len == 4 && !memcmp(x.name, "data", 4))
            continue; /* inline data is no attribute */
        const char *prefix = prefix_of(x.index);
        if (!prefix || memchr(x.name, 0, x.name_len))
            return bad_xattr(e, r->where, i);
        one.name = kl_sprintf(a, "%s%.*s", prefix, (int)x.name_len, (const char *)x.name);
        if (!value(e, i, a, r, &x, &one))
            return false;
        *bytes += one.len;
        if (*bytes > ALL_MOST)
            return kl_fault(e->log, KL_IMAGE_BOMB, r->where, NULL,
                "inode %u has more than %d bytes of extended attributes", i->ino, ALL_MOST);
        *list = kl_grow(a, *list, *n, sizeof **list);
        (*list)[(*n)++] = one;
    }
    return true;
}

bool kl_ext4_xattrs(struct kl_ext4 *e, const struct kl_ext4_inode *i, struct kl_arena *a,
    struct kl_xattr **out, size_t *n)
{
    struct area inode = {0}, block = {0};
    struct kl_arena *own KL_ARENA_SCOPE = kl_arena_new(); /* for the block itself */
    size_t bytes = 0;
    *out = NULL;
    *n = 0;
    return inode_area(e, i, &inode) && add_area(e, i, a, &inode, out, n, &bytes) &&
           block_area(e, i, own, &block) && add_area(e, i, a, &block, out, n, &bytes);
}
