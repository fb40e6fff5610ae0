/* Extended attributes (linux/fs/erofs/xattr.c): behind the inode there are ids of shared ones,
 * each a place in a common area, and then entries of its own. A name is an index for what it
 * begins with, and the rest. */
#include "image/erofs_own.h"

#include <string.h>

enum { XATTRS_MOST = 1024, LONG_PREFIX = 0x80 };

/* By e_name_index. The kernel lists none of lustre's, 5, nor do we. */
static const char *const beginning[] = {
    [1] = "user.",
    [2] = "system.posix_acl_access",
    [3] = "system.posix_acl_default",
    [4] = "trusted.",
    [6] = "security.",
};
enum { BEGINNINGS = sizeof beginning / sizeof *beginning };

int kl_erofs_xattr_index(const char *name, const char **rest)
{
    for (int i = 0; i < BEGINNINGS; i++) {
        if (!beginning[i] || !kl_starts(name, beginning[i]))
            continue;
        *rest = name + strlen(beginning[i]);
        bool whole = i == 2 || i == 3;
        if (whole ? !**rest : **rest != 0)
            return i;
    }
    return -1;
}

/* Each: its length, the index of what it begins with, and what follows that. They lie in the packed
 * inode when there is one, unless a newer mkfs says that it left them outside. */
bool kl_erofs_prefixes(struct kl_erofs *e, uint64_t start, unsigned n)
{
    struct kl_erofs_inode *packed = NULL;
    if (e->features & KL_EROFS_FRAGMENTS && e->packed && !(e->compat & KL_EROFS_PLAIN_PREFIXES) &&
        !(packed = kl_erofs_inode(e, e->packed, KL_EROFS_SUPER + 96)))
        return false;
    e->prefix = kl_alloc(e->a, (n + 1) * sizeof *e->prefix);
    for (uint64_t at = start; e->prefixes < n;) {
        unsigned char head[3];
        char rest[256];
        uint64_t size = packed ? packed->size : e->in.len;
        at = kl_erofs_up(at, 4);
        if (at > size || sizeof head > size - at)
            return kl_fault(e->log, KL_IMAGE_TRUNCATED, KL_EROFS_SUPER + 92, NULL,
                "the prefixes of attributes' names end after the image");
        if (!(packed ? kl_erofs_data(e, packed, at, head, sizeof head)
                     : kl_erofs_meta(e, at, head, sizeof head, "prefix of attributes' names")))
            return false;
        size_t len = kl_le16(head);
        if (!len || len > sizeof rest || len - 1 > size - at - sizeof head ||
            head[2] >= BEGINNINGS || !beginning[head[2]])
            return kl_fault(e->log, KL_IMAGE_CORRUPT, KL_EROFS_SUPER + 92, NULL,
                "a prefix of attributes' names cannot be");
        if (!(packed ? kl_erofs_data(e, packed, at + 3, rest, len - 1)
                     : kl_erofs_meta(e, at + 3, rest, len - 1, "prefix of attributes' names")))
            return false;
        const char *text = kl_sprintf(e->a, "%s%.*s", beginning[head[2]], (int)(len - 1), rest);
        e->prefix[e->prefixes++] = (struct kl_erofs_prefix){text, strlen(text)};
        at += 2 + len;
    }
    return true;
}

static bool corrupt(struct kl_erofs *e, const struct kl_erofs_inode *i)
{
    return kl_fault(
        e->log, KL_IMAGE_CORRUPT, i->where, NULL, "the attributes of an inode cannot be");
}

static bool has(const struct kl_erofs_inode *i, const char *name)
{
    for (size_t k = 0; k < i->nxattrs; k++)
        if (kl_streq(i->xattrs[k].name, name))
            return true;
    return false;
}

/* One entry at byte `at`, its header read: `index`, `name` and `value` bytes. */
static bool add_entry(struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t at, unsigned index,
    size_t name, size_t value)
{
    const char *prefix = NULL;
    if (index & LONG_PREFIX) {
        if ((index & ~(unsigned)LONG_PREFIX) >= e->prefixes)
            return corrupt(e, i);
        prefix = e->prefix[index & ~(unsigned)LONG_PREFIX].text;
    } else if (index < BEGINNINGS) {
        prefix = beginning[index];
    }
    if (!prefix)
        return true;
    size_t before = strlen(prefix), bytes = before + name + value;
    /* Entries of a hostile image may lie over one another. */
    if (i->nxattrs == XATTRS_MOST || bytes > e->in.len * 16 - e->xattr_bytes)
        return kl_fault(e->log, KL_IMAGE_BOMB, i->where, NULL,
            "the attributes are more than an image of this size has");
    e->xattr_bytes += bytes;
    char *whole = kl_alloc(e->a, before + name + 1), *content = kl_alloc(e->a, value + 1);
    memcpy(whole, prefix, before);
    if (!kl_erofs_meta(e, at + 4, whole + before, name, "attribute") ||
        !kl_erofs_meta(e, at + 4 + name, content, value, "attribute"))
        return false;
    if (strlen(whole) != before + name)
        return corrupt(e, i);
    if (has(i, whole))
        return true; /* the first one counts */
    i->xattrs = kl_grow(e->a, i->xattrs, i->nxattrs, sizeof *i->xattrs);
    i->xattrs[i->nxattrs++] = (struct kl_xattr){whole, content, value};
    return true;
}

static bool own_entries(struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t at, uint64_t end)
{
    unsigned char b[4];
    while (at < end) {
        if (end - at < sizeof b || !kl_erofs_meta(e, at, b, sizeof b, "attribute"))
            return end - at < sizeof b ? corrupt(e, i) : false;
        size_t name = b[0], value = kl_le16(b + 2);
        uint64_t size = kl_erofs_up(sizeof b + name + value, 4);
        if (size > end - at)
            return corrupt(e, i);
        if (!add_entry(e, i, at, b[1], name, value))
            return false;
        at += size;
    }
    return true;
}

static bool shared_entries(struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t ids, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        unsigned char id[4], b[4];
        if (!kl_erofs_meta(e, ids + UINT64_C(4) * k, id, sizeof id, "attribute"))
            return false;
        uint64_t at = ((uint64_t)e->xattr_block << e->bits) + (uint64_t)kl_le32(id) * 4;
        if (!kl_erofs_meta(e, at, b, sizeof b, "attribute") ||
            !add_entry(e, i, at, b[1], b[0], kl_le16(b + 2)))
            return false;
    }
    return true;
}

static bool read_xattrs(struct kl_erofs *e, struct kl_erofs_inode *i)
{
    unsigned char head[12];
    uint64_t at = i->where + i->head;
    if (!i->xattr_size)
        return true;
    if (!kl_erofs_meta(e, at, head, sizeof head, "attributes"))
        return false;
    unsigned shared = head[4];
    uint64_t ids = at + sizeof head, own = ids + UINT64_C(4) * shared;
    if (own > at + i->xattr_size)
        return corrupt(e, i);
    return own_entries(e, i, own, at + i->xattr_size) && shared_entries(e, i, ids, shared);
}

/* --- written -----------------------------------------------------------------------------------*/

static size_t entry_size(const struct kl_xattr *x, const char *rest)
{
    return (size_t)kl_erofs_up(4 + strlen(rest) + x->len, 4);
}

bool kl_erofs_xattrs_size(struct kl_erofs *e, const struct kl_step *step, size_t *size)
{
    *size = step->nxattrs ? 12 : 0;
    for (size_t i = 0; i < step->nxattrs; i++) {
        const struct kl_xattr *x = &step->xattrs[i];
        const char *rest = "";
        if (kl_erofs_xattr_index(x->name, &rest) < 0 || strlen(rest) > UINT8_MAX ||
            x->len > UINT16_MAX)
            return kl_fault(e->log, KL_IMAGE_CANNOT, KL_NO_OFFSET, KL_EROFS_INSTEAD,
                "'/%s' has an attribute that EROFS cannot hold, '%s' of %zu bytes", step->path,
                x->name, x->len);
        *size += entry_size(x, rest);
    }
    if (*size > 12 + 4 * (size_t)(UINT16_MAX - 1))
        return kl_fault(e->log, KL_IMAGE_CANNOT, KL_NO_OFFSET, KL_EROFS_INSTEAD,
            "'/%s' has %zu bytes of attributes, more than EROFS holds", step->path, *size);
    return true;
}

/* No name filter, which would be a bloom filter of the names: zero says that any may be there. */
void kl_erofs_xattrs_put(const struct kl_step *step, struct kl_buf *out)
{
    static const char zeros[12];
    if (step->nxattrs)
        kl_buf_addn(out, zeros, sizeof zeros);
    for (size_t i = 0; i < step->nxattrs; i++) {
        const struct kl_xattr *x = &step->xattrs[i];
        const char *rest = "";
        unsigned char b[4];
        size_t before = out->len;
        b[1] = (unsigned char)kl_erofs_xattr_index(x->name, &rest);
        b[0] = (unsigned char)strlen(rest);
        kl_put16(b + 2, (uint16_t)x->len);
        kl_buf_addn(out, (char *)b, sizeof b);
        kl_buf_add(out, rest);
        kl_buf_addn(out, x->value, x->len);
        kl_buf_addn(out, zeros, entry_size(x, rest) - (out->len - before));
    }
}

bool kl_erofs_xattrs(struct kl_fs *fs, struct kl_node *n)
{
    struct kl_erofs_inode *i = n->own;
    if (!i->xattrs_read && !read_xattrs(fs->own, i))
        return false;
    i->xattrs_read = true;
    n->xattrs = i->xattrs;
    n->nxattrs = i->nxattrs;
    return true;
}
