/* The inode table. A directory's inode says where its listing lies, and the listing where the
 * inodes of its entries do: so children are written first, and numbers, by which a directory names
 * its parent, are given beforehand. */
#include "image/squashfs_put.h"

#include <stdlib.h>
#include <string.h>

enum {
    BASIC_DIR = 1,
    BASIC_FILE,
    BASIC_SYMLINK,
    BASIC_BLOCK,
    BASIC_CHAR,
    BASIC_FIFO,
    BASIC_SOCKET
};
enum { EXTENDED = 7, IDS_MOST = 0xffff };

static const uint16_t basic_type[] = {
    [KL_NODE_FILE] = BASIC_FILE,
    [KL_NODE_DIR] = BASIC_DIR,
    [KL_NODE_SYMLINK] = BASIC_SYMLINK,
    [KL_NODE_CHAR] = BASIC_CHAR,
    [KL_NODE_BLOCK] = BASIC_BLOCK,
    [KL_NODE_FIFO] = BASIC_FIFO,
    [KL_NODE_SOCKET] = BASIC_SOCKET,
};

/* --- owners ------------------------------------------------------------------------------------*/

static uint32_t id_at(const struct kl_squashfs_ids *ids, size_t i)
{
    return kl_le32(ids->list.s + 4 * i);
}

static size_t slot_of(const struct kl_squashfs_ids *ids, uint32_t id)
{
    size_t mask = ids->nslots - 1, at = (uint32_t)(id * UINT32_C(2654435761)) & mask;
    while (ids->slots[at] && id_at(ids, ids->slots[at] - 1) != id)
        at = (at + 1) & mask;
    return at;
}

static void grow_slots(struct kl_squashfs_ids *ids)
{
    ids->nslots = ids->nslots ? ids->nslots * 2 : 64;
    free(ids->slots);
    ids->slots = kl_xmalloc(ids->nslots * sizeof *ids->slots);
    for (size_t i = 0; i < ids->n; i++) {
        size_t at = slot_of(ids, id_at(ids, i));
        if (!ids->slots[at]) /* an id may stand in the table twice: the first is as good */
            ids->slots[at] = (uint32_t)i + 1;
    }
}

static void add_id(struct kl_squashfs_ids *ids, uint32_t id)
{
    unsigned char le[4];
    kl_put32(le, id);
    kl_buf_addn(&ids->list, (const char *)le, sizeof le);
    ids->n++;
    if (ids->nslots < 2 * ids->n)
        grow_slots(ids);
    size_t at = slot_of(ids, id);
    if (!ids->slots[at])
        ids->slots[at] = (uint32_t)ids->n;
}

static bool id_index(struct kl_squashfs_put *p, uint32_t id, unsigned char out[static 2])
{
    struct kl_squashfs_ids *ids = &p->ids;
    size_t at = ids->nslots ? slot_of(ids, id) : 0;
    if (!ids->nslots || !ids->slots[at]) {
        if (ids->n == IDS_MOST)
            return kl_fault(p->s->log, KL_IMAGE_FULL, KL_NO_OFFSET, NULL,
                "it would have more than %d owners and groups, and squashfs cannot", IDS_MOST);
        add_id(ids, id);
        at = slot_of(ids, id);
    }
    kl_put16(out, (uint16_t)(ids->slots[at] - 1));
    return true;
}

/* --- one inode ---------------------------------------------------------------------------------*/

/* Bytes of one inode, before they go into the table. */
struct bytes {
    unsigned char b[64];
    size_t n;
};

static void add16(struct bytes *b, uint16_t v)
{
    kl_put16(b->b + b->n, v);
    b->n += 2;
}

static void add32(struct bytes *b, uint32_t v)
{
    kl_put32(b->b + b->n, v);
    b->n += 4;
}

static void add64(struct bytes *b, uint64_t v)
{
    kl_put64(b->b + b->n, v);
    b->n += 8;
}

static uint32_t time_of(const struct kl_node *n)
{
    return n->mtime < 0 ? 0 : n->mtime > UINT32_MAX ? UINT32_MAX : (uint32_t)n->mtime;
}

/* What all types begin with. The type says which of the two shapes follows: the extended one is
 * taken where the basic one has no room, as mksquashfs does. */
static bool put_head(
    struct kl_squashfs_put *p, const struct kl_node *n, bool extended, struct bytes *b)
{
    struct kl_squashfs_inode *own = kl_squashfs_own(n);
    own->type = (uint16_t)(basic_type[n->kind] + (extended ? EXTENDED : 0));
    own->ref = kl_meta_ref(&p->inodes);
    add16(b, own->type);
    add16(b, n->mode & 07777);
    if (!id_index(p, n->uid, b->b + b->n) || !id_index(p, n->gid, b->b + b->n + 2))
        return false;
    b->n += 4;
    add32(b, time_of(n));
    add32(b, own->number);
    if (p->exports.s)
        kl_put64(p->exports.s + 8 * (size_t)(own->number - 1), own->ref);
    return true;
}

static void file_body(const struct kl_squashfs_inode *own, bool extended, struct bytes *b)
{
    if (!extended) {
        add32(b, (uint32_t)own->blocks_start);
        add32(b, own->fragment);
        add32(b, own->fragment_offset);
        add32(b, (uint32_t)own->size);
        return;
    }
    add64(b, own->blocks_start);
    add64(b, own->size);
    add64(b, own->sparse);
    add32(b, own->names);
    add32(b, own->fragment);
    add32(b, own->fragment_offset);
    add32(b, own->xattr);
}

static bool put_block_list(struct kl_squashfs_put *p, const struct kl_squashfs_inode *own)
{
    unsigned char some[256 * 4];
    for (size_t i = 0, n; i < own->nblocks; i += n) {
        n = own->nblocks - i < 256 ? own->nblocks - i : 256;
        for (size_t k = 0; k < n; k++)
            kl_put32(some + 4 * k, own->blocks[i + k]);
        if (!kl_meta_add(&p->inodes, some, 4 * n))
            return false;
    }
    return true;
}

static bool put_file(struct kl_squashfs_put *p, const struct kl_node *n)
{
    struct bytes b = {.n = 0};
    const struct kl_squashfs_inode *own = kl_squashfs_own(n);
    bool extended = own->size > UINT32_MAX || own->blocks_start > UINT32_MAX || own->sparse ||
                    own->xattr != KL_SQUASHFS_NO_INDEX || own->names > 1;
    if (own->fragment != KL_SQUASHFS_NO_INDEX && own->fragment >= p->nfragments)
        return kl_fault(p->s->log, KL_IMAGE_CORRUPT, n->where, NULL,
            "the file '/%s' ends in fragment %u, and there are %zu", kl_node_path(p->fs->a, n),
            own->fragment, p->nfragments);
    if (!put_head(p, n, extended, &b))
        return false;
    file_body(own, extended, &b);
    return (kl_meta_add(&p->inodes, b.b, b.n) && put_block_list(p, own)) ||
           kl_squashfs_not_packed(p->s);
}

static bool put_dir(struct kl_squashfs_put *p, const struct kl_node *n)
{
    struct bytes b = {.n = 0};
    struct kl_buf index KL_BUF_SCOPE = {0};
    uint16_t nindex;
    const struct kl_squashfs_inode *own = kl_squashfs_own(n);
    uint32_t parent = n->parent ? kl_squashfs_own(n->parent)->number : p->count + 1;
    if (!kl_squashfs_put_listing(p, n, &index, &nindex))
        return false;
    bool extended = nindex || own->dir_size > UINT16_MAX || own->xattr != KL_SQUASHFS_NO_INDEX;
    if (!put_head(p, n, extended, &b))
        return false;
    if (extended) {
        add32(&b, n->nlink);
        add32(&b, own->dir_size);
        add32(&b, own->dir_block);
        add32(&b, parent);
        add16(&b, nindex);
        add16(&b, own->dir_offset);
        add32(&b, own->xattr);
    } else {
        add32(&b, own->dir_block);
        add32(&b, n->nlink);
        add16(&b, (uint16_t)own->dir_size);
        add16(&b, own->dir_offset);
        add32(&b, parent);
    }
    return (kl_meta_add(&p->inodes, b.b, b.n) && kl_meta_add(&p->inodes, index.s, index.len)) ||
           kl_squashfs_not_packed(p->s);
}

/* A device's number as the kernel packs it (linux/include/linux/kdev_t.h, new_encode_dev). */
static uint32_t device(const struct kl_node *n)
{
    return (n->minor & 0xff) | n->major << 8 | (n->minor & 0xfff00) << 12;
}

/* Symbolic links, devices, FIFOs and sockets. */
static bool put_special(struct kl_squashfs_put *p, const struct kl_node *n)
{
    struct bytes b = {.n = 0}, end = {.n = 0};
    const struct kl_squashfs_inode *own = kl_squashfs_own(n);
    bool extended = own->xattr != KL_SQUASHFS_NO_INDEX, link = n->kind == KL_NODE_SYMLINK,
         numbered = n->kind == KL_NODE_CHAR || n->kind == KL_NODE_BLOCK;
    const char *target = link ? n->target : "";
    if (numbered && (n->major > 0xfff || n->minor > 0xfffff))
        return kl_fault(p->s->log, KL_IMAGE_CANNOT, n->where, NULL,
            "the device '/%s' has number %u:%u, which squashfs cannot say",
            kl_node_path(p->fs->a, n), n->major, n->minor);
    if (!put_head(p, n, extended, &b))
        return false;
    add32(&b, own->names);
    if (link)
        add32(&b, (uint32_t)strlen(target));
    if (numbered)
        add32(&b, device(n));
    if (extended)
        add32(&end, own->xattr);
    return (kl_meta_add(&p->inodes, b.b, b.n) && kl_meta_add(&p->inodes, target, strlen(target)) &&
               kl_meta_add(&p->inodes, end.b, end.n)) ||
           kl_squashfs_not_packed(p->s);
}

static bool put_inode(struct kl_squashfs_put *p, const struct kl_node *n)
{
    const struct kl_squashfs_inode *own = kl_squashfs_own(n);
    if (own->ref != KL_SQUASHFS_NONE)
        return true; /* a hard link: its first name was here */
    if (own->xattr != KL_SQUASHFS_NO_INDEX && own->xattr >= p->xattr_sets)
        return kl_fault(p->s->log, KL_IMAGE_CORRUPT, n->where, NULL,
            "'/%s' has set %u of extended attributes, and there are %llu",
            kl_node_path(p->fs->a, n), own->xattr, (unsigned long long)p->xattr_sets);
    if (kl_meta_ref(&p->inodes) >> 16 > UINT32_MAX)
        return kl_fault(
            p->s->log, KL_IMAGE_FULL, KL_NO_OFFSET, NULL, "its inodes would take more than 4 GiB");
    return n->kind == KL_NODE_DIR    ? put_dir(p, n)
           : n->kind == KL_NODE_FILE ? put_file(p, n)
                                     : put_special(p, n);
}

/* --- the tree ----------------------------------------------------------------------------------*/

static bool forget(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    (void)arg;
    (void)fs;
    struct kl_squashfs_inode *own = kl_squashfs_own(n);
    own->number = own->names = 0;
    own->ref = KL_SQUASHFS_NONE;
    return true;
}

static bool number(struct kl_squashfs_put *p, struct kl_node *n)
{
    struct kl_squashfs_inode *own = kl_squashfs_own(n);
    if (own->number && n->kind == KL_NODE_DIR)
        return kl_fault(p->s->log, KL_IMAGE_CORRUPT, n->where, NULL,
            "the directory '/%s' is in the tree twice", kl_node_path(p->fs->a, n));
    own->names++;
    if (own->number)
        return true;
    if (p->count >= UINT32_MAX - 1)
        return kl_fault(p->s->log, KL_IMAGE_FULL, KL_NO_OFFSET, NULL,
            "it would have more inodes than squashfs can number");
    own->number = ++p->count;
    return true;
}

/* The entries of a directory get numbers that follow each other: headers of listings cover a
 * bounded range of numbers. */
static bool number_children(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    if (n->kind != KL_NODE_DIR)
        return true;
    bool ok = kl_fs_dir(fs, n);
    for (size_t i = 0; ok && i < n->nchildren; i++)
        ok = number(arg, n->children[i]);
    return ok;
}

static bool number_all(struct kl_squashfs_put *p)
{
    forget(NULL, p->fs, p->fs->root);
    return kl_fs_walk(p->fs, p->fs->root, forget, NULL) && number(p, p->fs->root) &&
           number_children(p, p->fs, p->fs->root) &&
           kl_fs_walk(p->fs, p->fs->root, number_children, p);
}

/* Children before their directory, without recursion. */
static bool put_all(struct kl_squashfs_put *p)
{
    struct level {
        struct kl_node *dir;
        size_t i;
    } *stack = kl_xmalloc(16 * sizeof *stack);
    size_t depth = 1, room = 16;
    bool ok = true;
    stack[0] = (struct level){.dir = p->fs->root};
    while (ok && depth) {
        struct level *top = &stack[depth - 1];
        if (top->i == top->dir->nchildren) {
            ok = put_inode(p, top->dir);
            depth--;
            continue;
        }
        struct kl_node *n = top->dir->children[top->i++];
        if (n->kind != KL_NODE_DIR) {
            ok = put_inode(p, n);
            continue;
        }
        if (depth == room) {
            room *= 2;
            stack = kl_xrealloc(stack, room * sizeof *stack);
        }
        stack[depth++] = (struct level){.dir = n};
    }
    free(stack);
    return ok;
}

static void reserve_exports(struct kl_squashfs_put *p)
{
    static const char none[8];
    for (uint32_t i = 0; i < p->count; i++)
        kl_buf_addn(&p->exports, none, sizeof none);
}

bool kl_squashfs_put_tree(struct kl_squashfs_put *p)
{
    for (size_t i = 0; i < p->s->super.ids; i++)
        add_id(&p->ids, p->s->ids[i]);
    if (!number_all(p))
        return false;
    if (p->s->super.export_table != KL_SQUASHFS_NONE)
        reserve_exports(p);
    if (!put_all(p))
        return false;
    return (kl_meta_end(&p->inodes) && kl_meta_end(&p->directories)) ||
           kl_squashfs_not_packed(p->s);
}
