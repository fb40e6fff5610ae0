/* Inodes and directories, as a tree that is read where it is asked for.
 *
 * A directory may be in the tree once: with that an image cannot loop, and a small one not be a
 * tree of billions of names. What has hard links is read once and shared. */
#include "image/squashfs_in.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    INODE_HEAD = 16,
    DIR_HEAD = 12,
    DIR_ENTRY = 8,
    DIR_RUN_MOST = 256,   /* entries that share a head */
    DIR_EMPTY = 3,        /* "." and "..", which are not there, are counted */
    TYPES = 14,           /* 1 to 7, and what they have when extended */
    LIST_PER_BYTE = 1024, /* bytes of block lists that a byte of packed inodes may hold */
};

/* What a name and an inode come to; kept for the inodes that may be asked for twice. */
struct sq_inode {
    struct kl_squashfs_inode inode;
    struct kl_node node; /* but for its name and place */
    bool placed;         /* a directory that is in the tree */
};

/* Where in the inode table the next bytes are read. */
struct cursor {
    struct kl_squashfs *s;
    uint64_t block;
    size_t offset;
};

static bool take(struct cursor *c, void *to, size_t n)
{
    return kl_squashfs_meta_read(
        c->s, c->s->super.inode_table, &c->block, &c->offset, to, n, "inode");
}

static bool wrong(struct kl_squashfs *s, const struct kl_squashfs_inode *i, const char *what)
{
    return kl_fault(s->log, KL_IMAGE_CORRUPT, s->super.inode_table + (i->ref >> 16), SQ_DAMAGED,
        "inode %" PRIu32 " (%#" PRIx64 ") %s", i->number, i->ref, what);
}

/* --- inodes by type ----------------------------------------------------------------------------*/

static bool read_dir(struct cursor *c, struct sq_inode *o, bool extended)
{
    unsigned char b[24];
    if (!take(c, b, extended ? 24 : 16))
        return false;
    o->node.nlink = kl_le32(b + (extended ? 0 : 4));
    o->inode.dir_size = extended ? kl_le32(b + 4) : kl_le16(b + 8);
    o->inode.dir_block = kl_le32(b + (extended ? 8 : 0));
    o->inode.dir_parent = kl_le32(b + 12);
    o->inode.dir_offset = kl_le16(b + (extended ? 18 : 10));
    if (extended)
        o->inode.xattr = kl_le32(b + 20);
    return true;
}

/* The list of block sizes: as long as the file's size says, and no longer than the table can be. */
static bool read_list(struct cursor *c, struct kl_squashfs_inode *i)
{
    struct sq_cache *cache = sq_cache(c->s);
    uint64_t block = c->s->super.block_size, n = i->size / block;
    n += i->fragment == UINT32_MAX && i->size % block;
    if (n > (cache->lists_most - cache->lists) / 4)
        return wrong(c->s, i, "has a size that its block list cannot justify");
    cache->lists += 4 * n;
    i->nblocks = (size_t)n;
    i->blocks = kl_alloc(c->s->a, (i->nblocks ? i->nblocks : 1) * sizeof *i->blocks);
    unsigned char part[1024];
    for (size_t done = 0; done < i->nblocks;) {
        size_t some = i->nblocks - done < sizeof part / 4 ? i->nblocks - done : sizeof part / 4;
        if (!take(c, part, 4 * some))
            return false;
        for (size_t k = 0; k < some; k++)
            i->blocks[done + k] = kl_le32(part + 4 * k);
        done += some;
    }
    return true;
}

static bool read_file(struct cursor *c, struct sq_inode *o, bool extended)
{
    unsigned char b[40];
    struct kl_squashfs_inode *i = &o->inode;
    if (!take(c, b, extended ? 40 : 16))
        return false;
    if (extended) {
        i->blocks_start = kl_le64(b);
        i->size = kl_le64(b + 8);
        i->sparse = kl_le64(b + 16);
        o->node.nlink = kl_le32(b + 24);
        i->xattr = kl_le32(b + 36);
    } else {
        i->blocks_start = kl_le32(b);
        i->size = kl_le32(b + 12);
    }
    i->fragment = kl_le32(b + (extended ? 28 : 4));
    i->fragment_offset = kl_le32(b + (extended ? 32 : 8));
    if (i->size > INT64_MAX)
        return wrong(c->s, i, "has a size that cannot be");
    if (i->fragment != UINT32_MAX && i->fragment >= c->s->super.fragments)
        return wrong(c->s, i, "ends in a fragment that is not there");
    o->node.size = i->size;
    return read_list(c, i);
}

static bool read_symlink(struct cursor *c, struct sq_inode *o, bool extended)
{
    unsigned char b[8];
    if (!take(c, b, sizeof b))
        return false;
    o->node.nlink = kl_le32(b);
    size_t len = kl_le32(b + 4);
    if (!len || len > SQ_TARGET_MOST)
        return wrong(
            c->s, &o->inode, "is a symbolic link whose target has a length that cannot be");
    char *target = kl_alloc(c->s->a, len + 1);
    if (!take(c, target, len) || (extended && !take(c, b, 4)))
        return false;
    if (memchr(target, '\0', len))
        return wrong(c->s, &o->inode, "is a symbolic link with a NUL in its target");
    if (extended)
        o->inode.xattr = kl_le32(b);
    o->node.target = target;
    o->node.size = len;
    return true;
}

/* Devices; and FIFOs and sockets, which have all but the device. */
static bool read_special(struct cursor *c, struct sq_inode *o, bool extended, bool device)
{
    unsigned char b[12];
    size_t n = 4 + 4 * (size_t)device;
    if (!take(c, b, n + 4 * (size_t)extended))
        return false;
    o->node.nlink = kl_le32(b);
    if (device) { /* linux/kdev_t.h: new_decode_dev() */
        uint32_t dev = kl_le32(b + 4);
        o->node.major = dev >> 8 & 0xfff;
        o->node.minor = (dev & 0xff) | (dev >> 12 & 0xfff00);
    }
    if (extended)
        o->inode.xattr = kl_le32(b + n);
    return true;
}

static bool read_rest(struct cursor *c, struct sq_inode *o)
{
    unsigned basic = (o->inode.type - 1U) % 7 + 1;
    bool extended = o->inode.type > 7;
    static const enum kl_node_kind kinds[] = {0, KL_NODE_DIR, KL_NODE_FILE, KL_NODE_SYMLINK,
        KL_NODE_BLOCK, KL_NODE_CHAR, KL_NODE_FIFO, KL_NODE_SOCKET};
    o->node.kind = kinds[basic];
    switch (o->node.kind) {
    case KL_NODE_DIR:
        return read_dir(c, o, extended);
    case KL_NODE_FILE:
        return read_file(c, o, extended);
    case KL_NODE_SYMLINK:
        return read_symlink(c, o, extended);
    default:
        return read_special(c, o, extended, basic < 6);
    }
}

/* The inode at `ref`; false after it was reported. */
static bool read_inode(struct kl_squashfs *s, uint64_t ref, struct sq_inode *o)
{
    unsigned char b[INODE_HEAD];
    struct cursor c = {s, ref >> 16, ref & 0xffff};
    struct kl_squashfs_inode *i = &o->inode;
    *i = (struct kl_squashfs_inode){.ref = ref, .xattr = UINT32_MAX, .fragment = UINT32_MAX};
    if (c.block >= s->super.directory_table - s->super.inode_table)
        return wrong(s, i, "would lie after the inode table");
    if (!take(&c, b, sizeof b))
        return false;
    i->type = kl_le16(b);
    i->number = kl_le32(b + 12);
    size_t uid = kl_le16(b + 4), gid = kl_le16(b + 6);
    if (!i->type || i->type > TYPES)
        return wrong(s, i, "is of no type that is known");
    if (uid >= s->super.ids || gid >= s->super.ids)
        return wrong(s, i, "has an owner that is not in the table of owners");
    o->node = (struct kl_node){.mode = kl_le16(b + 2) & 07777,
        .uid = s->ids[uid],
        .gid = s->ids[gid],
        .mtime = kl_le32(b + 8),
        .nlink = 1,
        .ino = i->number,
        .where = s->super.inode_table + c.block,
        .handle = ref};
    return read_rest(&c, o);
}

/* As above, from what is known already where it may be shared. */
static struct sq_inode *inode_at(struct kl_squashfs *s, uint64_t ref)
{
    struct sq_cache *c = sq_cache(s);
    struct sq_inode *o = sq_map_get(&c->inodes, ref);
    if (o && o->placed) {
        wrong(s, &o->inode, "is a directory that is in the tree twice");
        return NULL;
    }
    if (o)
        return o;
    if (c->nodes >= c->nodes_most) {
        kl_fault(s->log, KL_IMAGE_BOMB, s->super.inode_table, NULL,
            "there are more than %zu names in an image of %" PRIu64 " bytes", c->nodes_most,
            s->super.bytes_used);
        return NULL;
    }
    o = kl_alloc(s->a, sizeof *o);
    if (!read_inode(s, ref, o))
        return NULL;
    if (o->node.kind == KL_NODE_DIR || o->node.nlink > 1)
        sq_map_put(&c->inodes, ref, o);
    return o;
}

static struct kl_node *node_of(struct kl_squashfs *s, uint64_t ref, const char *name, size_t len)
{
    struct sq_inode *o = inode_at(s, ref);
    if (!o)
        return NULL;
    sq_cache(s)->nodes++;
    o->placed = o->node.kind == KL_NODE_DIR;
    struct kl_node *n = kl_node_new(&s->fs, name, len);
    const char *own_name = n->name;
    *n = o->node;
    n->name = own_name;
    n->own = (void *)&o->inode;
    return n;
}

/* --- directories -------------------------------------------------------------------------------*/

/* Where in a directory's listing the next bytes are read; `left` of them are there. */
struct listing {
    struct kl_squashfs *s;
    uint64_t block;
    size_t offset, left;
    const struct kl_squashfs_inode *dir;
};

static bool list(struct listing *l, void *to, size_t n)
{
    if (n > l->left)
        return wrong(l->s, l->dir, "is a directory that ends within an entry");
    l->left -= n;
    return kl_squashfs_meta_read(
        l->s, l->s->super.directory_table, &l->block, &l->offset, to, n, "directory");
}

static bool read_entry(struct listing *l, struct kl_node *dir, uint32_t inode_block)
{
    unsigned char b[DIR_ENTRY] = {0};
    char name[256];
    if (!list(l, b, sizeof b))
        return false;
    size_t len = kl_le16(b + 6) + 1U;
    if (len >= sizeof name)
        return wrong(l->s, l->dir, "is a directory with a name of more than 255 bytes");
    if (!list(l, name, len))
        return false;
    if (memchr(name, '\0', len))
        return wrong(l->s, l->dir, "is a directory with a NUL in a name");
    uint64_t ref = (uint64_t)inode_block << 16 | kl_le16(b);
    struct kl_node *n = node_of(l->s, ref, name, len);
    return n && kl_node_adopt(&l->s->fs, dir, n);
}

static bool read_entries(struct kl_squashfs *s, struct kl_node *dir)
{
    const struct kl_squashfs_inode *i = dir->own;
    if (i->dir_size <= DIR_EMPTY)
        return true;
    struct listing l = {s, i->dir_block, i->dir_offset, i->dir_size - DIR_EMPTY, i};
    while (l.left) {
        unsigned char head[DIR_HEAD] = {0};
        if (!list(&l, head, sizeof head))
            return false;
        uint32_t count = kl_le32(head);
        if (count >= DIR_RUN_MOST)
            return wrong(s, i, "is a directory with a run of more than 256 entries");
        for (uint32_t k = 0; k <= count; k++)
            if (!read_entry(&l, dir, kl_le32(head + 4)))
                return false;
    }
    return true;
}

/* A directory that could not be read has no children: asked for again, it fails again. */
static void forget_entries(struct kl_squashfs *s, struct kl_node *dir)
{
    for (size_t k = 0; k < dir->nchildren; k++) {
        struct sq_inode *o = sq_map_get(&sq_cache(s)->inodes, dir->children[k]->handle);
        if (o)
            o->placed = false;
    }
    dir->nchildren = 0;
}

static bool open_dir(struct kl_fs *fs, struct kl_node *dir)
{
    struct kl_squashfs *s = fs->own;
    struct kl_fault_log *own = sq_log(s, fs->log);
    bool ok = read_entries(s, dir);
    if (!ok)
        forget_entries(s, dir);
    sq_log(s, own);
    return ok;
}

bool sq_tree_open(struct kl_squashfs *s)
{
    struct sq_cache *c = sq_cache(s);
    uint64_t inodes = s->super.directory_table - s->super.inode_table;
    c->nodes_most = s->super.bytes_used < SQ_NODES_MOST - 1024 ? (size_t)s->super.bytes_used + 1024
                                                               : SQ_NODES_MOST;
    c->lists_most = inodes < SQ_LISTS_MOST / LIST_PER_BYTE ? inodes * LIST_PER_BYTE : SQ_LISTS_MOST;
    s->fs = (struct kl_fs){.type = "squashfs",
        .a = s->a,
        .log = s->log,
        .time = s->super.mkfs_time,
        .open_dir = open_dir,
        .read_xattrs = sq_xattr_read,
        .read = sq_read,
        .own = s};
    s->fs.root = node_of(s, s->super.root_inode, "", 0);
    if (s->fs.root && s->fs.root->kind != KL_NODE_DIR)
        return kl_fault(
            s->log, KL_IMAGE_CORRUPT, 32, SQ_DAMAGED, "the root of the tree is no directory");
    return s->fs.root;
}
