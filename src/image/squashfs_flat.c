/* A flat squashfs, patched: the changes are made in the tree as it was read, new content is packed
 * into blocks behind the old ones, and the metadata of the whole tree is written anew.
 *
 * No old block moves or is dropped: a file that was replaced leaves its blocks behind, as does one
 * that was removed. That costs their bytes and keeps all old data one range of the old image. */
#include "image/squashfs_put.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Packed content is kept in memory until the image is gone. */
#define NEW_MOST ((uint64_t)1 << 30)
enum {
    PART = 4 << 20,    /* packed bytes that become one piece of the image */
    SIBLINGS = 16,     /* names of a directory that are looked at for a set of attributes */
    TARGET_MOST = 4095 /* linux/limits.h, PATH_MAX, with its NUL */
};

/* Directories that the patch makes, by their path. */
struct made {
    struct made_dir {
        const char *path;
        struct kl_node *node; /* NULL: a free slot */
    } * slots;
    size_t n, room; /* room is a power of two */
};

/* Sets of extended attributes, by what is in them. */
struct known {
    struct known_set {
        const struct kl_xattr *xattrs;
        size_t n; /* 0: a free slot */
        uint32_t index;
    } * slots;
    size_t n, room; /* room is a power of two */
};

struct flat {
    struct kl_squashfs *s;
    struct kl_fs *fs;
    const struct kl_steps *steps;
    struct made made;
    struct known known;
    struct kl_squashfs_xattrs sets;
    uint32_t old_sets;
    uint64_t data_end; /* of the old data: where new blocks begin */
    struct kl_rope *data;
    struct kl_buf part; /* packed, and not in `data` yet */
    uint64_t packed;    /* bytes, in both */
    unsigned char *block, *room;
    void (*progress)(void *arg, uint64_t done, uint64_t of);
    void *arg;
    uint64_t done, of;
};

/* --- directories by path -----------------------------------------------------------------------*/

static struct made_dir *slot_of(const struct made *m, const char *path)
{
    size_t hash = 5381;
    for (const char *c = path; *c; c++)
        hash = hash * 33 ^ (unsigned char)*c;
    size_t at = hash & (m->room - 1);
    while (m->slots[at].node && !kl_streq(m->slots[at].path, path))
        at = (at + 1) & (m->room - 1);
    return &m->slots[at];
}

static void keep_made(struct made *m, const char *path, struct kl_node *node)
{
    if (2 * m->n >= m->room) {
        struct made wider = {.n = m->n, .room = m->room ? 2 * m->room : 64};
        wider.slots = kl_xmalloc(wider.room * sizeof *wider.slots);
        for (size_t i = 0; i < m->room; i++)
            if (m->slots[i].node)
                *slot_of(&wider, m->slots[i].path) = m->slots[i];
        free(m->slots);
        *m = wider;
    }
    *slot_of(m, path) = (struct made_dir){.path = path, .node = node};
    m->n++;
}

static struct kl_node *parent_of(struct flat *f, const struct kl_step *step)
{
    const char *slash = strrchr(step->path, '/');
    if (step->parent)
        return step->parent;
    const char *dir = slash ? kl_strndup(f->fs->a, step->path, (size_t)(slash - step->path)) : "";
    return f->made.room ? slot_of(&f->made, dir)->node : NULL;
}

/* --- content -----------------------------------------------------------------------------------*/

static bool is_zero(const unsigned char *bytes, size_t n)
{
    return !bytes[0] && !memcmp(bytes, bytes + 1, n - 1);
}

static void end_part(struct flat *f)
{
    size_t len = f->part.len;
    if (len) /* without the room that it has left over */
        kl_rope_add_bytes_take(f->data, kl_xrealloc(kl_buf_take(&f->part), len), len);
}

/* The word of the block list for `n` bytes of f->block, which are packed behind all others. */
static bool put_block(struct flat *f, size_t n, uint32_t *word)
{
    ssize_t packed = 0;
    if (!(f->s->super.flags & KL_SQUASHFS_RAW_DATA))
        packed = kl_block_pack(&f->s->packing, f->block, n, f->room, f->s->super.block_size);
    if (packed < 0)
        return kl_fault(f->s->log, KL_IMAGE_IO, KL_NO_OFFSET, NULL,
            "new content cannot be packed: the %s library failed",
            kl_codec_name[f->s->packing.codec]);
    bool raw = packed == 0 || (size_t)packed >= n;
    size_t len = raw ? n : (size_t)packed;
    *word = (uint32_t)len | (raw ? KL_SQUASHFS_RAW : 0);
    f->packed += len;
    if (f->packed > NEW_MOST)
        return kl_fault(f->s->log, KL_IMAGE_FULL, KL_NO_OFFSET,
            "build such an image anew, with mksquashfs(1)",
            "the new content takes more than %" PRIu64 " MiB when it is packed", NEW_MOST >> 20);
    kl_buf_addn(&f->part, (const char *)(raw ? f->block : f->room), len);
    if (f->part.len >= PART)
        end_part(f);
    return true;
}

static bool read_content(struct flat *f, const struct kl_step *step, uint64_t at, size_t n)
{
    errno = ESTALE;
    return kl_rope_read(step->change->content, at, f->block, n) == (ssize_t)n ||
           kl_fault(f->s->log, KL_IMAGE_IO, KL_NO_OFFSET, NULL, "%s cannot be read: %s",
               step->change->from, strerror(errno));
}

/* All of a file in blocks of its own, the tail a short one: no fragment, as the old ones stay. */
static bool put_content(struct flat *f, const struct kl_step *step, struct kl_squashfs_inode *own)
{
    size_t block = f->s->super.block_size;
    own->size = kl_rope_len(step->change->content);
    own->nblocks = (size_t)(own->size / block + (own->size % block != 0));
    own->blocks = kl_alloc(f->fs->a, (own->nblocks ? own->nblocks : 1) * sizeof *own->blocks);
    own->blocks_start = own->nblocks ? f->data_end + f->packed : 0;
    for (size_t i = 0; i < own->nblocks; i++) {
        uint64_t at = (uint64_t)i * block, left = own->size - at;
        size_t n = left < block ? (size_t)left : block;
        if (!read_content(f, step, at, n))
            return false;
        if (is_zero(f->block, n))
            own->sparse += n;
        else if (!put_block(f, n, &own->blocks[i]))
            return false;
        if (f->progress)
            f->progress(f->arg, ++f->done, f->of);
    }
    return true;
}

/* --- extended attributes -----------------------------------------------------------------------*/

static size_t hash_bytes(size_t hash, const void *bytes, size_t n)
{
    const unsigned char *b = bytes;
    while (n--)
        hash = (hash ^ *b++) * 1099511628211U;
    return hash;
}

static size_t hash_set(const struct kl_xattr *x, size_t n)
{
    size_t hash = n;
    for (size_t i = 0; i < n; i++) {
        hash = hash_bytes(hash, x[i].name, strlen(x[i].name) + 1);
        hash = hash_bytes(hash, x[i].value, x[i].len);
    }
    return hash ^ hash >> 29;
}

static bool same_set(const struct kl_xattr *a, const struct kl_xattr *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!kl_streq(a[i].name, b[i].name) || a[i].len != b[i].len ||
            (a[i].len && memcmp(a[i].value, b[i].value, a[i].len) != 0))
            return false;
    return true;
}

static struct known_set *known_slot(const struct known *k, const struct kl_xattr *x, size_t n)
{
    size_t at = hash_set(x, n) & (k->room - 1);
    while (k->slots[at].n && (k->slots[at].n != n || !same_set(k->slots[at].xattrs, x, n)))
        at = (at + 1) & (k->room - 1);
    return &k->slots[at];
}

static void know(struct known *k, const struct kl_xattr *x, size_t n, uint32_t index)
{
    if (2 * k->n >= k->room) {
        struct known wider = {.n = k->n, .room = k->room ? 2 * k->room : 64};
        wider.slots = kl_xmalloc(wider.room * sizeof *wider.slots);
        for (size_t i = 0; i < k->room; i++)
            if (k->slots[i].n)
                *known_slot(&wider, k->slots[i].xattrs, k->slots[i].n) = k->slots[i];
        free(k->slots);
        *k = wider;
    }
    struct known_set *slot = known_slot(k, x, n);
    k->n += !slot->n;
    if (!slot->n)
        *slot = (struct known_set){.xattrs = x, .n = n, .index = index};
}

static bool know_set_of(struct flat *f, struct kl_node *n)
{
    const struct kl_squashfs_inode *own = kl_squashfs_own(n);
    if (!own || own->xattr == KL_SQUASHFS_NO_INDEX) /* it is being made, or has none */
        return true;
    if (!kl_fs_xattrs(f->fs, n))
        return false;
    if (n->nxattrs)
        know(&f->known, n->xattrs, n->nxattrs, own->xattr);
    return true;
}

/* The index of the set that a step asks for. Mostly the image has it already: it is that of what
 * was there, of the directory or of something in it. */
static bool set_of(
    struct flat *f, const struct kl_step *step, struct kl_node *parent, uint32_t *out)
{
    *out = KL_SQUASHFS_NO_INDEX;
    if (!step->nxattrs)
        return true;
    if ((step->old && !know_set_of(f, step->old)) || (parent && !know_set_of(f, parent)))
        return false;
    for (size_t i = 0; parent && i < parent->nchildren && i < SIBLINGS; i++)
        if (!know_set_of(f, parent->children[i]))
            return false;
    struct known_set *slot =
        f->known.room ? known_slot(&f->known, step->xattrs, step->nxattrs) : NULL;
    if (slot && slot->n) {
        *out = slot->index;
        return true;
    }
    struct kl_squashfs_xattrs *sets = &f->sets;
    sets->sets = kl_grow(f->fs->a, sets->sets, sets->n, sizeof *sets->sets);
    sets->sets[sets->n++] =
        (struct kl_squashfs_xattr_set){.xattrs = step->xattrs, .n = step->nxattrs};
    *out = f->old_sets + (uint32_t)(sets->n - 1);
    know(&f->known, step->xattrs, step->nxattrs, *out);
    return true;
}

/* --- the steps ---------------------------------------------------------------------------------*/

/* What was taken out has no parent any more; its directory's list is cleared at the end. */
static bool is_out(const struct flat *f, const struct kl_node *n)
{
    return !n->parent && n != f->fs->root;
}

static bool refuse(struct flat *f, const struct kl_step *step, const char *why)
{
    return kl_fault(f->s->log, KL_IMAGE_CANNOT, KL_NO_OFFSET, NULL, "'/%s' %s", step->path, why);
}

static bool take_out(struct flat *f, const struct kl_step *step)
{
    struct kl_node *n = step->old;
    if (!n || is_out(f, n))
        return true;
    if (n == f->fs->root)
        return refuse(f, step, "is the root of the image, and stays");
    if (n->kind == KL_NODE_DIR && n->parent->nlink > 2)
        n->parent->nlink--;
    n->parent = NULL;
    return true;
}

/* The node that a step is about, new where there is none. */
static struct kl_node *node_of(struct flat *f, const struct kl_step *step, struct kl_node *parent)
{
    struct kl_node *n = step->old && !is_out(f, step->old) ? step->old : NULL;
    if (n && (n->kind == KL_NODE_DIR) != (step->kind == KL_NODE_DIR)) {
        refuse(f, step, "is a directory in one of image and patch, and in the other it is not");
        return NULL;
    }
    if (n)
        return n;
    if (!parent || parent->kind != KL_NODE_DIR) {
        refuse(f, step, "would lie in no directory");
        return NULL;
    }
    n = kl_node_new(f->fs, step->name, strlen(step->name));
    if (!kl_node_adopt(f->fs, parent, n))
        return NULL;
    if (step->kind == KL_NODE_DIR) {
        n->nlink = 2;
        n->opened = true;
        parent->nlink++;
        keep_made(&f->made, step->path, n);
    }
    return n;
}

/* Its inode: a directory keeps its own; everything else gets a new one, so that other names of
 * what was there keep that. */
static bool put_own(struct flat *f, const struct kl_step *step, struct kl_node *n)
{
    const struct kl_squashfs_inode *old = n->own;
    bool stays = step->kind == KL_NODE_DIR && old,
         has_content = step->change && step->change->content;
    struct kl_squashfs_inode *own = stays ? n->own : kl_alloc(f->fs->a, sizeof *own);
    n->own = own;
    if (stays)
        return true;
    if (step->kind == KL_NODE_FILE && !has_content && old && n->kind == KL_NODE_FILE) {
        *own = *old;
        return true;
    }
    own->fragment = own->xattr = KL_SQUASHFS_NO_INDEX;
    return step->kind != KL_NODE_FILE || !has_content || put_content(f, step, own);
}

static bool put_target(struct flat *f, const struct kl_step *step, struct kl_node *n)
{
    size_t len = step->change && step->change->target ? strlen(step->change->target) : 0;
    if (!len || len > TARGET_MOST)
        return refuse(f, step, "would be a symbolic link whose target is empty or too long");
    n->target = kl_strdup(f->fs->a, step->change->target);
    n->size = len;
    return true;
}

static bool put(struct flat *f, const struct kl_step *step)
{
    uint32_t set;
    struct kl_node *parent = parent_of(f, step), *n = node_of(f, step, parent);
    if (!n || !set_of(f, step, parent, &set) || !put_own(f, step, n))
        return false;
    struct kl_squashfs_inode *own = n->own;
    own->xattr = set;
    n->kind = step->kind;
    n->mode = step->mode;
    n->uid = step->uid;
    n->gid = step->gid;
    n->mtime = step->mtime;
    n->size = own->size;
    n->xattrs = step->xattrs;
    n->nxattrs = step->nxattrs;
    n->xattrs_read = true;
    n->major = step->change ? step->change->major : 0;
    n->minor = step->change ? step->change->minor : 0;
    return step->kind != KL_NODE_SYMLINK || put_target(f, step, n);
}

static bool apply(struct flat *f)
{
    for (size_t i = 0; i < f->steps->n; i++) {
        const struct kl_step *step = &f->steps->step[i];
        if (step->remove ? !take_out(f, step) : !put(f, step))
            return false;
    }
    end_part(f);
    return true;
}

/* --- the tree before and after -----------------------------------------------------------------*/

static bool lies_before_metadata(const struct flat *f, uint64_t at, uint64_t n)
{
    return !n || (at >= f->s->data_start && at <= f->data_end && n <= f->data_end - at);
}

static bool odd_layout(struct flat *f, uint64_t at, const char *what)
{
    return kl_fault(f->s->log, KL_IMAGE_UNSUPPORTED, at,
        "unpack it and build it anew with mksquashfs(1)",
        "%s does not lie between superblock and inodes, where it would be kept", what);
}

/* Whether the range of old data that is kept holds what a node needs of it. */
static bool check_old(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    struct flat *f = arg;
    struct kl_squashfs_inode *own = kl_squashfs_own(n);
    uint64_t len = 0;
    (void)fs;
    if (!f->old_sets)
        own->xattr = KL_SQUASHFS_NO_INDEX; /* it named a set of a table that is not there */
    for (size_t i = 0; i < own->nblocks; i++)
        len += own->blocks[i] & (KL_SQUASHFS_RAW - 1);
    return lies_before_metadata(f, own->blocks_start, len) ||
           odd_layout(f, n->where, "the data of a file");
}

static bool check_all(struct flat *f)
{
    const struct kl_squashfs *s = f->s;
    for (size_t i = 0; i < s->super.fragments; i++)
        if (!lies_before_metadata(
                f, s->fragments[i].start, s->fragments[i].size & (KL_SQUASHFS_RAW - 1)))
            return odd_layout(f, s->fragments[i].start, "a fragment");
    return kl_fs_dir(f->fs, f->fs->root) && check_old(f, f->fs, f->fs->root) &&
           kl_fs_walk(f->fs, f->fs->root, check_old, f);
}

static int by_name(const void *a, const void *b)
{
    const struct kl_node *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* A directory's list without what was taken out, and in order. */
static bool settle(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    size_t kept = 0;
    bool sorted = true;
    (void)arg;
    (void)fs;
    for (size_t i = 0; i < n->nchildren; i++)
        if (n->children[i]->parent) {
            n->children[kept++] = n->children[i];
            sorted =
                sorted && (kept < 2 || by_name(&n->children[kept - 2], &n->children[kept - 1]) < 0);
        }
    n->nchildren = kept;
    if (!sorted)
        qsort(n->children, kept, sizeof *n->children, by_name);
    return true;
}

static void count_blocks(struct flat *f)
{
    uint64_t block = f->s->super.block_size;
    for (size_t i = 0; i < f->steps->n; i++) {
        const struct kl_step *step = &f->steps->step[i];
        if (!step->remove && step->kind == KL_NODE_FILE && step->change && step->change->content)
            f->of += (kl_rope_len(step->change->content) + block - 1) / block;
    }
}

static struct kl_rope *patch(struct flat *f)
{
    struct kl_squashfs *s = f->s;
    f->data_end = s->super.inode_table;
    if (!kl_squashfs_xattr_sets(s, &f->old_sets) || !check_all(f))
        return NULL;
    kl_rope_add_rope(f->data, s->image, s->data_start, f->data_end - s->data_start);
    f->block = kl_xmalloc(s->super.block_size);
    f->room = kl_xmalloc(s->super.block_size);
    count_blocks(f);
    if (!apply(f))
        return NULL;
    settle(f, f->fs, f->fs->root);
    if (!kl_fs_walk(f->fs, f->fs->root, settle, f))
        return NULL;
    return kl_squashfs_write(s, f->fs, f->data, s->fragments, s->super.fragments, &f->sets);
}

struct kl_rope *kl_squashfs_patch(struct kl_squashfs *s, struct kl_patch *p,
    void (*progress)(void *arg, uint64_t done, uint64_t of), void *arg)
{
    static const struct kl_patch_can can = {.remove = true, .xattrs = true};
    struct kl_steps steps;
    if (!kl_patch_plan(p, &s->fs, &can, &steps))
        return NULL;
    if (!steps.n)
        return kl_rope_hold((struct kl_rope *)s->image);
    struct flat f = {.s = s, .fs = &s->fs, .steps = &steps, .progress = progress, .arg = arg};
    f.data = kl_rope_new();
    struct kl_rope *image = patch(&f);
    kl_rope_drop(f.data);
    kl_buf_free(&f.part);
    free(f.block);
    free(f.room);
    free(f.made.slots);
    free(f.known.slots);
    return image;
}
