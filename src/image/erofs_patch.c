/* EROFS as it is patched: all that is there stays where it is, and what is new follows the end.
 *
 * What is put gets a new inode behind the old end, also where it replaces something: then only the
 * entry's nid is changed, in place, so that neither what the old inode has no room for (32-bit
 * sizes and 16-bit owners, its attributes, times) nor other names of a hard link need a thought.
 * A directory that gets or loses names has its entries written anew behind the end, and its own
 * inode pointed there in place, so that its nid, which its parent and its children name, stays.
 * What is removed is only no longer named; its space is not won back.
 *
 * The superblock is last: its checksum covers the rest of the first block, where inodes may be. */
#include "image/erofs_own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct unlinked {
    struct kl_erofs_inode *inode;
    uint32_t names;
};

struct patching {
    struct kl_erofs *e;
    struct kl_arena *a; /* for what ends with the patch */
    struct kl_steps steps;
    struct kl_erofs_edits edits;
    struct kl_erofs_table old_dirs; /* nid + 1 -> kl_erofs_dir */
    struct kl_erofs_table new_dirs; /* hash of the path -> kl_erofs_dir */
    struct kl_erofs_table unlinked; /* nid + 1 */
    struct kl_erofs_dir **dirs;     /* all, in the order of the steps */
    size_t ndirs;
    struct unlinked **gone;
    size_t ngone;
    struct kl_erofs_item *items;
    size_t nitems;
    uint64_t start, end; /* of what is appended */
    uint64_t removed;    /* inodes */
};

/* --- what changes ------------------------------------------------------------------------------*/

static bool load_dir(struct patching *p, struct kl_erofs_dir *d)
{
    if (!kl_fs_dir(&p->e->fs, d->node))
        return false;
    for (size_t i = 0; i < d->node->nchildren; i++) {
        const struct kl_node *n = d->node->children[i];
        kl_erofs_dir_add(p->a, d, n->name, n->kind, n->ino, NULL);
    }
    d->nold = d->n;
    return true;
}

static struct kl_erofs_dir *add_dir(struct patching *p)
{
    struct kl_erofs_dir *d = kl_alloc(p->a, sizeof *d);
    p->dirs = kl_grow(p->a, p->dirs, p->ndirs, sizeof(struct kl_erofs_dir *));
    return p->dirs[p->ndirs++] = d;
}

static struct kl_erofs_dir *old_dir(struct patching *p, struct kl_node *node)
{
    struct kl_erofs_dir *d = kl_erofs_known(&p->old_dirs, node->ino + 1);
    if (d)
        return d;
    d = add_dir(p);
    d->node = node;
    *kl_erofs_at(&p->old_dirs, node->ino + 1) = d;
    return load_dir(p, d) ? d : NULL;
}

static uint64_t hash(const char *s, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
    return h;
}

static void remember_new_dir(struct patching *p, struct kl_erofs_dir *d)
{
    void **at = kl_erofs_at(&p->new_dirs, hash(d->path, strlen(d->path)));
    d->same = *at;
    *at = d;
}

static struct kl_erofs_dir *new_dir(struct patching *p, const char *path, size_t len)
{
    struct kl_erofs_dir *d = kl_erofs_known(&p->new_dirs, hash(path, len));
    while (d && (strncmp(d->path, path, len) != 0 || d->path[len]))
        d = d->same;
    return d;
}

/* Where the step's entry belongs. */
static struct kl_erofs_dir *dir_of(struct patching *p, const struct kl_step *st)
{
    if (st->parent)
        return old_dir(p, st->parent);
    const char *slash = strrchr(st->path, '/');
    struct kl_erofs_dir *d =
        slash ? new_dir(p, st->path, (size_t)(slash - st->path)) : old_dir(p, p->e->fs.root);
    if (!d)
        kl_fault(p->e->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL,
            "'/%s' should lie in a directory that nothing makes", st->path);
    return d;
}

static void unlink_one(struct patching *p, struct kl_node *n)
{
    void **at = kl_erofs_at(&p->unlinked, n->ino + 1);
    struct unlinked *u = *at;
    if (!u) {
        *at = u = kl_alloc(p->a, sizeof *u);
        u->inode = n->own;
        p->gone = kl_grow(p->a, p->gone, p->ngone, sizeof(struct unlinked *));
        p->gone[p->ngone++] = u;
    }
    u->names++;
}

static bool take_out(struct patching *p, const struct kl_step *st)
{
    struct kl_erofs_dir *d = dir_of(p, st);
    struct kl_erofs_entry *y = d ? kl_erofs_dir_find(d, st->name) : NULL;
    if (!y)
        return false;
    y->gone = true;
    d->rewritten = true;
    if (st->kind != KL_NODE_DIR) {
        unlink_one(p, st->old);
        return true;
    }
    struct kl_erofs_dir *self = kl_erofs_known(&p->old_dirs, st->old->ino + 1);
    if (self)
        self->removed = true;
    d->subdirs--;
    p->removed++;
    return true;
}

static bool size_of(struct patching *p, struct kl_erofs_item *i)
{
    const struct kl_change *c = i->step->change;
    if (i->step->kind == KL_NODE_FILE)
        i->size = c->content ? kl_rope_len(c->content) : 0;
    else if (i->step->kind == KL_NODE_SYMLINK)
        i->size = strlen(c->target);
    else if ((i->step->kind == KL_NODE_CHAR || i->step->kind == KL_NODE_BLOCK) &&
             (c->major > 0xfff || c->minor > 0xfffff))
        return kl_fault(p->e->log, KL_IMAGE_CANNOT, KL_NO_OFFSET, NULL,
            "'/%s' is a device with numbers that EROFS cannot hold, %u:%u", i->step->path, c->major,
            c->minor);
    return kl_erofs_xattrs_size(p->e, i->step, &i->xattr_size);
}

static bool put_in(struct patching *p, const struct kl_step *st)
{
    struct kl_erofs_dir *d = dir_of(p, st);
    if (!d)
        return false;
    struct kl_erofs_item *i = &p->items[p->nitems++];
    i->step = st;
    struct kl_erofs_entry *y = kl_erofs_dir_find(d, st->name);
    if (y && !y->gone) {
        y->item = i;
        y->kind = st->kind;
        unlink_one(p, st->old);
    } else {
        kl_erofs_dir_add(p->a, d, st->name, st->kind, 0, i);
        d->rewritten = true;
    }
    if (st->kind == KL_NODE_DIR) {
        d->subdirs++;
        i->dir = add_dir(p);
        i->dir->self = i;
        i->dir->up = d;
        i->dir->path = st->path;
        i->dir->rewritten = true;
        remember_new_dir(p, i->dir);
    }
    return size_of(p, i);
}

static bool gather(struct patching *p)
{
    p->items = kl_alloc(p->a, (p->steps.n + 1) * sizeof *p->items);
    for (size_t k = 0; k < p->steps.n; k++) {
        const struct kl_step *st = &p->steps.step[k];
        if (!(st->remove ? take_out(p, st) : put_in(p, st)))
            return false;
    }
    for (size_t k = 0; k < p->ndirs; k++) {
        struct kl_erofs_dir *d = p->dirs[k];
        /* A directory that is packed has no entries that could be changed in place. */
        if (d->node && kl_erofs_flat(p->e, d->node->own, 0) == KL_NO_OFFSET)
            d->rewritten = true;
        if (d->rewritten && !d->removed) {
            kl_erofs_dir_end(p->a, d, p->e->block);
            if (d->self)
                d->self->size = d->size;
        }
    }
    return true;
}

/* --- where it lies -----------------------------------------------------------------------------*/

/* An inode, and what follows it, lie within one block where that is possible: inline data must. */
static void place_inode(struct patching *p, struct kl_erofs_item *i)
{
    uint64_t block = p->e->block, fixed = 64 + i->xattr_size;
    i->is_inline = i->size && fixed < block && i->size <= block - fixed;
    uint64_t all = fixed + (i->is_inline ? i->size : 0);
    p->end = kl_erofs_up(p->end, KL_EROFS_SLOT);
    if (p->end % block + all > block)
        p->end = kl_erofs_up(p->end, block);
    i->where = p->end;
    i->nid = (p->end - ((uint64_t)p->e->meta << p->e->bits)) / KL_EROFS_SLOT;
    p->end += all;
}

static bool too_large(const struct patching *p)
{
    return kl_fault(p->e->log, KL_IMAGE_FULL, KL_NO_OFFSET, KL_EROFS_INSTEAD,
        "the image would have more than 2^32 blocks of %u bytes", p->e->block);
}

static bool place(struct patching *p)
{
    uint64_t block = p->e->block, said = p->e->blocks << p->e->bits;
    p->start = p->end = kl_erofs_up(said > p->e->in.len ? said : p->e->in.len, block);
    for (size_t k = 0; k < p->nitems; k++)
        place_inode(p, &p->items[k]);
    for (size_t k = 0; k < p->ndirs; k++) {
        struct kl_erofs_dir *d = p->dirs[k];
        if (!d->rewritten || d->removed || (d->self && d->self->is_inline))
            continue;
        d->at = p->end = kl_erofs_up(p->end, block);
        p->end += d->size;
        if (d->self)
            d->self->data = d->at;
    }
    for (size_t k = 0; k < p->nitems; k++) {
        struct kl_erofs_item *i = &p->items[k];
        if (i->is_inline || i->dir || !i->size)
            continue;
        i->data = p->end = kl_erofs_up(p->end, block);
        if (i->size >> p->e->bits >= UINT32_MAX)
            return too_large(p);
        p->end += i->size;
    }
    p->end = kl_erofs_up(p->end, block);
    return p->end >> p->e->bits < UINT32_MAX || too_large(p);
}

/* --- in place ----------------------------------------------------------------------------------*/

struct repointing {
    struct patching *p;
    struct kl_erofs_dir *dir;
};

static bool repoint(void *arg, uint64_t at, const char *name, size_t len, uint64_t nid)
{
    struct repointing *r = arg;
    char text[256];
    unsigned char b[KL_EROFS_DIRENT];
    (void)nid;
    if (len >= sizeof text)
        return true; /* no name of this directory */
    memcpy(text, name, len);
    text[len] = '\0';
    const struct kl_erofs_entry *y = kl_erofs_dir_find(r->dir, text);
    if (!y || !y->item)
        return true;
    uint64_t where = kl_erofs_flat(r->p->e, r->dir->node->own, at);
    if (!kl_erofs_edit_get(&r->p->edits, where, b, sizeof b))
        return false;
    kl_put64(b, y->item->nid);
    b[10] = (unsigned char)kl_erofs_type(y->kind);
    return kl_erofs_edit_put(&r->p->edits, where, b, sizeof b);
}

static bool set_links(struct patching *p, const struct kl_erofs_inode *i, int64_t links)
{
    unsigned char b[4];
    if (links < 0 || links > (i->head == 32 ? UINT16_MAX : UINT32_MAX))
        return kl_fault(p->e->log, KL_IMAGE_CANNOT, i->where, KL_EROFS_INSTEAD,
            "a directory would have more directories in it than its inode can count");
    kl_put32(b, (uint32_t)links);
    return i->head == 32 ? kl_erofs_edit_put(&p->edits, i->where + 6, b, 2)
                         : kl_erofs_edit_put(&p->edits, i->where + 44, b, 4);
}

static bool redirect(struct patching *p, const struct kl_erofs_dir *d)
{
    const struct kl_erofs_inode *i = d->node->own;
    unsigned char b[20];
    if (!kl_erofs_edit_get(&p->edits, i->where, b, sizeof b))
        return false;
    kl_put16(b, (uint16_t)(kl_le16(b) & ~(7U << 1))); /* KL_EROFS_PLAIN */
    if (i->head == 32)
        kl_put32(b + 8, (uint32_t)d->size);
    else
        kl_put64(b + 8, d->size);
    kl_put32(b + 16, (uint32_t)(d->at >> p->e->bits));
    return kl_erofs_edit_put(&p->edits, i->where, b, sizeof b) &&
           (!d->subdirs || set_links(p, i, (int64_t)i->nlink + d->subdirs));
}

static bool change_dirs(struct patching *p)
{
    for (size_t k = 0; k < p->ndirs; k++) {
        struct repointing r = {p, p->dirs[k]};
        if (!r.dir->node || r.dir->removed)
            continue;
        if (!(r.dir->rewritten ? redirect(p, r.dir)
                               : kl_erofs_entries(p->e, r.dir->node, repoint, &r)))
            return false;
    }
    return true;
}

static bool change_links(struct patching *p)
{
    for (size_t k = 0; k < p->ngone; k++) {
        const struct unlinked *u = p->gone[k];
        if (u->inode->nlink <= u->names)
            p->removed++;
        else if (!set_links(p, u->inode, (int64_t)u->inode->nlink - u->names))
            return false;
    }
    return true;
}

static bool change_super(struct patching *p)
{
    unsigned char b[8];
    uint64_t inodes = p->e->inodes + p->nitems;
    kl_put64(b, inodes > p->removed ? inodes - p->removed : 0);
    if (!kl_erofs_edit_put(&p->edits, KL_EROFS_SUPER + 16, b, 8))
        return false;
    kl_put32(b, (uint32_t)(p->end >> p->e->bits));
    return kl_erofs_edit_put(&p->edits, KL_EROFS_SUPER + 36, b, 4) && kl_erofs_edit_sum(&p->edits);
}

/* --- what is appended --------------------------------------------------------------------------*/

static void pad(struct kl_rope *out, uint64_t to)
{
    static const char zeros[4096];
    for (uint64_t left = to - kl_rope_len(out); left;) {
        size_t some = left < sizeof zeros ? (size_t)left : sizeof zeros;
        kl_rope_add_bytes(out, zeros, some);
        left -= some;
    }
}

static void put_inode(const struct patching *p, const struct kl_erofs_item *i, struct kl_buf *out)
{
    const struct kl_step *st = i->step;
    unsigned char b[64] = {0};
    unsigned layout = i->is_inline ? KL_EROFS_INLINE : KL_EROFS_PLAIN;
    kl_put16(b, (uint16_t)(1 | layout << 1));
    kl_put16(b + 2, (uint16_t)(i->xattr_size ? (i->xattr_size - 12) / 4 + 1 : 0));
    kl_put16(b + 4, (uint16_t)(kl_node_mode(st->kind) | st->mode));
    kl_put64(b + 8, i->size);
    kl_put32(b + 16, (uint32_t)(i->data >> p->e->bits));
    if (st->kind == KL_NODE_CHAR || st->kind == KL_NODE_BLOCK) /* new_encode_dev() */
        kl_put32(b + 16, (st->change->minor & 0xff) | st->change->major << 8 |
                             (st->change->minor & ~0xffU) << 12);
    kl_put32(b + 20, (uint32_t)(p->e->inodes + 1 + (uint64_t)(i - p->items)));
    kl_put32(b + 24, st->uid);
    kl_put32(b + 28, st->gid);
    kl_put64(b + 32, (uint64_t)st->mtime);
    kl_put32(b + 44, i->dir ? (uint32_t)(2 + i->dir->subdirs) : 1);
    kl_buf_addn(out, (char *)b, sizeof b);
    kl_erofs_xattrs_put(st, out);
}

static bool unread(const struct patching *p, const struct kl_step *st)
{
    return kl_fault(p->e->log, KL_IMAGE_IO, KL_NO_OFFSET, NULL,
        "what is to become '/%s' cannot be read: %s", st->path,
        errno == ESTALE ? "it changed meanwhile" : strerror(errno));
}

static bool put_content(const struct patching *p, const struct kl_erofs_item *i, struct kl_buf *b)
{
    const struct kl_change *c = i->step->change;
    if (i->dir) {
        kl_erofs_dir_put(i->dir, p->e->block, b);
    } else if (i->step->kind == KL_NODE_SYMLINK) {
        kl_buf_add(b, c->target);
    } else {
        char *text = kl_xmalloc((size_t)i->size);
        bool ok = kl_rope_read(c->content, 0, text, (size_t)i->size) == (ssize_t)i->size;
        kl_buf_addn(b, text, (size_t)i->size);
        free(text);
        return ok || unread(p, i->step);
    }
    return true;
}

static void add_buf(struct kl_rope *out, struct kl_buf *b)
{
    kl_rope_add_bytes(out, b->s, b->len);
    kl_buf_clear(b);
}

static bool append(const struct patching *p, struct kl_rope *out)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t k = 0; k < p->nitems; k++) {
        const struct kl_erofs_item *i = &p->items[k];
        pad(out, i->where);
        put_inode(p, i, &b);
        if (i->is_inline && !put_content(p, i, &b))
            return false;
        add_buf(out, &b);
    }
    for (size_t k = 0; k < p->ndirs; k++) {
        if (!p->dirs[k]->at)
            continue;
        pad(out, p->dirs[k]->at);
        kl_erofs_dir_put(p->dirs[k], p->e->block, &b);
        add_buf(out, &b);
    }
    for (size_t k = 0; k < p->nitems; k++) {
        const struct kl_erofs_item *i = &p->items[k];
        if (i->is_inline || i->dir || !i->size)
            continue;
        pad(out, i->data);
        if (i->step->kind == KL_NODE_FILE)
            kl_rope_add_rope(out, i->step->change->content, 0, i->size);
        else if (put_content(p, i, &b))
            add_buf(out, &b);
    }
    pad(out, p->end);
    return true;
}

static struct kl_rope *build(struct patching *p)
{
    if (!gather(p) || !place(p) || !change_dirs(p) || !change_links(p) || !change_super(p))
        return NULL;
    struct kl_rope *out = kl_erofs_edited(&p->edits);
    pad(out, p->start);
    if (append(p, out))
        return out;
    kl_rope_drop(out);
    return NULL;
}

struct kl_rope *kl_erofs_patch(struct kl_fs *fs, struct kl_patch *patch)
{
    static const struct kl_patch_can can = {
        .remove = true, .xattrs = true, .instead = KL_EROFS_INSTEAD};
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct patching p = {.e = fs->own, .a = a, .edits = {.e = fs->own, .a = a}};
    if (!kl_patch_plan(patch, fs, &can, &p.steps))
        return NULL;
    if (!p.steps.n)
        return kl_rope_hold((struct kl_rope *)p.e->image);
    struct kl_rope *out = build(&p);
    free(p.edits.cells.place);
    free(p.old_dirs.place);
    free(p.new_dirs.place);
    free(p.unlinked.place);
    return out;
}
