/* Patching ext4: what can be refused is refused before a byte is written, and what libext2fs will
 * touch is gone over by the reader first (ext4_own.h says why). */
#include "image/ext4_write.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define OVERLAY "use 'kickline image overlay', or repair it with e2fsck first"

/* What is known to be written right. The rest either changes what blocks or names mean (bigalloc,
 * casefold, encrypt, verity, shared_blocks), counts what would have to be counted anew (quota,
 * project), says that nothing may be changed (read-only), or is not known. */
#define WRITABLE_INCOMPAT 0xe6d2u /* no needs_recovery, journal_dev, mmp, encrypt, casefold */
#define WRITABLE_RO_COMPAT 0x47bu /* sparse_super ... extra_isize, metadata_csum */
#define WRITABLE_COMPAT 0x1e3cu   /* no dir_prealloc, imagic_inodes, lazy_bg, snapshot_bitmap */

static bool refuse(struct kl_ext4 *e, unsigned field, const char *what)
{
    return kl_fault(e->log, KL_IMAGE_UNSUPPORTED, KL_EXT4_SUPER + field, OVERLAY,
        "the ext4 filesystem is not patched: %s", what);
}

static bool refuse_feature(struct kl_ext4 *e, char set, uint32_t bits)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    return kl_fault(e->log, KL_IMAGE_UNSUPPORTED, KL_EXT4_SUPER + 0x5c,
        "use 'kickline image overlay'",
        "the ext4 filesystem is not patched: it has the feature '%s'",
        kl_ext4_feature(a, set, bits));
}

static bool may_be_written(struct kl_ext4 *e)
{
    unsigned state = kl_le16(e->super + 0x3a);
    if (e->incompat & KL_EXT4_RECOVER)
        return refuse(e, 0x60, "its journal was not replayed");
    if (e->ro_compat & KL_EXT4_ORPHAN_PRESENT || kl_le32(e->super + 0xe8))
        return refuse(e, 0xe8, "files that were deleted while open wait in it");
    if (state & 2)
        return refuse(e, 0x3a, "it has errors");
    if (!(state & 1) || state & 4)
        return refuse(e, 0x3a, "it was not unmounted cleanly");
    if (e->incompat & ~WRITABLE_INCOMPAT)
        return refuse_feature(e, 'i', e->incompat & ~WRITABLE_INCOMPAT);
    if (e->ro_compat & ~WRITABLE_RO_COMPAT)
        return refuse_feature(e, 'r', e->ro_compat & ~WRITABLE_RO_COMPAT);
    if (e->compat & ~WRITABLE_COMPAT)
        return refuse_feature(e, 'c', e->compat & ~WRITABLE_COMPAT);
    return true;
}

/* --- gone over, and counted --------------------------------------------------------------------*/

struct check {
    struct kl_ext4 *e;
    struct kl_fs *fs;
    unsigned char *gone_over; /* a bit for each inode */
    uint16_t *names_gone;     /* of each inode, how many names */
    uint64_t blocks, inodes;  /* needed */
    uint64_t freed, freed_inodes;
    uint64_t names; /* bytes of new names in directories */
};

/* libext2fs 1.47.0 splits a full leaf of an index in halves by what its records take, and goes
 * wrong when room that is unused lies side by side in it, which no kernel leaves so
 * (lib/ext2fs/link.c, dx_split_leaf()). In blocks of 1 KiB an unused first record is enough. */
static bool leaf_can_be_split(const struct kl_ext4 *e, const unsigned char *b)
{
    bool before = e->block == 1024;
    size_t tail = e->ro_compat & KL_EXT4_METADATA_CSUM ? 12 : 0, end = e->block - tail;
    for (size_t at = 0, n; at + 8 <= end; at += n) {
        bool unused = !kl_le32(b + at);
        n = kl_le16(b + at + 4);
        if (n < 8)
            return false; /* the reader took it: a block of 64 KiB, in one record */
        if (unused && before && n < end)
            return false;
        before = unused;
    }
    return true;
}

struct index {
    struct kl_ext4 *e;
    const struct kl_ext4_inode *i;
    uint64_t blocks; /* of the directory */
    uint64_t nodes;  /* gone over so far */
    unsigned char *b;
};

static bool read_dir_block(struct index *x, uint64_t n)
{
    return kl_ext4_read(x->e, x->i, n * x->e->block, x->b, x->e->block);
}

/* Every entry of a node must lead to another block of the directory (linux/fs/ext4/namei.c, struct
 * dx_root, dx_node): libext2fs goes wherever it is led. */
/* NOLINTNEXTLINE(misc-no-recursion): `below` is at most 2, and falls */
static bool node_is_sound(struct index *x, uint64_t n, unsigned below)
{
    size_t at = n ? 8 : 32;
    if (++x->nodes > x->blocks || !read_dir_block(x, n))
        return false;
    unsigned limit = kl_le16(x->b + at), count = kl_le16(x->b + at + 2);
    if (!count || count > limit || at + (size_t)limit * 8 > x->e->block)
        return false;
    for (unsigned k = 0; k < count; k++) {
        uint32_t child = kl_le32(x->b + at + (size_t)k * 8 + 4) & 0x0fffffff;
        if (!child || child >= x->blocks)
            return false;
        if (below && (!node_is_sound(x, child, below - 1) || !read_dir_block(x, n)))
            return false;
    }
    return true;
}

static bool index_is_sound(struct index *x)
{
    if (!x->blocks || !read_dir_block(x, 0))
        return false;
    unsigned below = x->b[24 + 6], info = x->b[24 + 5];
    if (below > 2 || info != 8 || !node_is_sound(x, 0, below))
        return false;
    for (uint64_t n = 1; n < x->blocks; n++)
        if (!read_dir_block(x, n) || !leaf_can_be_split(x->e, x->b))
            return false;
    return true;
}

static bool check_index(struct check *c, const struct kl_node *dir, const struct kl_ext4_inode *i)
{
    struct kl_ext4 *e = c->e;
    struct index x = {.e = e, .i = i, .blocks = dir->size / e->block, .b = kl_xmalloc(e->block)};
    bool ok = !(kl_ext4_flags(i) & KL_EXT4_INLINE_FL) && index_is_sound(&x);
    free(x.b);
    return ok ||
           kl_fault(e->log, KL_IMAGE_UNSUPPORTED, i->where, "let 'e2fsck -D' make the index anew",
               "the index of the directory '/%s' is unusual", kl_node_path(c->fs->a, dir));
}

static bool seen(struct check *c, uint64_t ino)
{
    unsigned char bit = (unsigned char)(1u << ino % 8), *byte = &c->gone_over[ino / 8];
    bool was = *byte & bit;
    *byte |= bit;
    return was;
}

/* A directory that gets or loses a name. */
static bool check_parent(struct check *c, struct kl_node *dir)
{
    struct kl_ext4_inode i;
    uint64_t blocks;
    if (seen(c, dir->handle))
        return true;
    if (!kl_fs_dir(c->fs, dir) || !kl_ext4_inode(c->e, dir->handle, &i) ||
        !kl_ext4_check_map(c->e, &i, &blocks))
        return false;
    if (kl_ext4_flags(&i) & (KL_EXT4_ENCRYPT_FL | KL_EXT4_VERITY_FL))
        return refuse(c->e, 0x60, "it has encrypted directories");
    c->blocks += kl_ext4_flags(&i) & KL_EXT4_INDEX_FL ? 2 : 1;
    return !(kl_ext4_flags(&i) & KL_EXT4_INDEX_FL) || check_index(c, dir, &i);
}

/* Only a regular file, a directory and a long symbolic link have blocks. */
static bool has_map(const struct kl_node *n, const struct kl_ext4_inode *i)
{
    return n->kind == KL_NODE_FILE || n->kind == KL_NODE_DIR ||
           (n->kind == KL_NODE_SYMLINK &&
               (n->size >= KL_EXT4_IBLOCK_LEN || kl_ext4_flags(i) & KL_EXT4_EXTENTS_FL));
}

/* What gives its blocks back: once the last of its names is gone. */
static bool check_old(struct check *c, const struct kl_step *s)
{
    struct kl_ext4_inode i = {0};
    uint64_t blocks = 0;
    if (s->kind == KL_NODE_DIR && !s->remove)
        return true;
    uint16_t *gone = &c->names_gone[s->old->handle];
    if (*gone < UINT16_MAX)
        ++*gone;
    if (s->old->kind != KL_NODE_DIR && *gone != s->old->nlink)
        return true;
    if (!kl_fs_xattrs(c->fs, s->old) || !kl_ext4_inode(c->e, s->old->handle, &i) ||
        (has_map(s->old, &i) && !kl_ext4_check_map(c->e, &i, &blocks)))
        return false;
    c->freed += blocks;
    c->freed_inodes++;
    return true;
}

/* With what maps them: a leaf of extents, or a block of pointers, for each so many. */
static uint64_t blocks_for(const struct kl_ext4 *e, uint64_t bytes)
{
    uint64_t n = (bytes + e->block - 1) / e->block, each = (e->block - 16) / 12;
    return n <= 4 ? n : n + n / each + 3;
}

static uint64_t xattr_room(const struct kl_step *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->nxattrs; i++)
        n += 16 + strlen(s->xattrs[i].name) + s->xattrs[i].len + 8;
    return n;
}

static bool check_names(struct check *c, const struct kl_step *s)
{
    static const char *const known[] = {"user.", "trusted.", "security.", "system.posix_acl_access",
        "system.posix_acl_default", NULL};
    for (size_t i = 0; i < s->nxattrs; i++) {
        const char *const *k = known;
        while (*k && !kl_starts(s->xattrs[i].name, *k))
            k++;
        if (!*k || strlen(s->xattrs[i].name) > 255)
            return kl_fault(c->e->log, KL_IMAGE_CANNOT, KL_NO_OFFSET, NULL,
                "ext4 cannot keep the extended attribute '%s' of '/%s'", s->xattrs[i].name,
                s->path);
    }
    return true;
}

static bool check_put(struct check *c, const struct kl_step *s)
{
    struct kl_ext4 *e = c->e;
    if (s->kind == KL_NODE_SYMLINK) {
        size_t n = strlen(s->change->target);
        if (!n || n > 4095 || n >= e->block)
            return kl_fault(e->log, KL_IMAGE_CANNOT, KL_NO_OFFSET, NULL,
                "the target of the symbolic link '/%s' has %zu bytes, and ext4 keeps 1 to %u",
                s->path, n, e->block < 4096 ? e->block - 1 : 4095);
        c->blocks += n >= KL_EXT4_IBLOCK_LEN;
    }
    if (s->kind == KL_NODE_FILE && s->change && s->change->content)
        c->blocks += blocks_for(e, kl_rope_len(s->change->content));
    if (s->kind == KL_NODE_DIR && !s->old)
        c->blocks++;
    if (xattr_room(s) + 160 > e->inode_size)
        c->blocks++;
    if (!s->old || s->kind != KL_NODE_DIR) {
        c->inodes++;
        c->names += 12 + strlen(s->name);
    }
    return check_names(c, s);
}

static bool check_step(struct check *c, const struct kl_step *s)
{
    if (s->parent && !check_parent(c, s->parent))
        return false;
    if (s->old && !check_old(c, s))
        return false;
    return s->remove || check_put(c, s);
}

static uint64_t free_blocks(const struct kl_ext4 *e)
{
    uint64_t n = kl_le32(e->super + 0xc);
    if (e->incompat & KL_EXT4_64BIT)
        n |= (uint64_t)kl_le32(e->super + 0x158) << 32;
    return n;
}

static bool room(struct check *c)
{
    struct kl_ext4 *e = c->e;
    uint64_t blocks = free_blocks(e) + c->freed, inodes = kl_le32(e->super + 0x10);
    /* Blocks of directories are left half full when they are split. */
    uint64_t need = c->blocks + c->names * 2 / e->block;
    inodes += c->freed_inodes;
    if (need > blocks)
        return kl_fault(e->log, KL_IMAGE_FULL, KL_NO_OFFSET,
            "make the change smaller, or use 'kickline image overlay'",
            "the filesystem is too full: %llu blocks of %u bytes are needed, %llu are free",
            (unsigned long long)need, e->block, (unsigned long long)blocks);
    if (c->inodes > inodes)
        return kl_fault(e->log, KL_IMAGE_FULL, KL_NO_OFFSET,
            "make the change smaller, or use 'kickline image overlay'",
            "the filesystem is too full: %llu inodes are needed, %llu are free",
            (unsigned long long)c->inodes, (unsigned long long)inodes);
    return true;
}

static bool check_steps(struct kl_fs *fs, const struct kl_steps *steps)
{
    struct check c = {.e = kl_ext4_of(fs), .fs = fs};
    bool ok = true;
    c.gone_over = kl_xmalloc((size_t)c.e->inodes / 8 + 1);
    c.names_gone = kl_xmalloc(((size_t)c.e->inodes + 1) * sizeof *c.names_gone);
    for (size_t n = 0; ok && n < steps->n; n++)
        ok = check_step(&c, &steps->step[n]);
    free(c.gone_over);
    free(c.names_gone);
    return ok && room(&c);
}

/* --- written -----------------------------------------------------------------------------------*/

static bool write_steps(struct kl_ext4_write *w)
{
    w->made = kl_alloc(w->a, (w->steps->n + 1) * sizeof *w->made);
    if (!kl_ext4_apply(w)) {
        ext2fs_free(w->fs); /* nothing more is written: the blocks are thrown away */
        return false;
    }
    errcode_t err = ext2fs_close2(w->fs, EXT2_FLAG_FLUSH_NO_SYNC);
    if (err) {
        ext2fs_free(w->fs);
        return kl_ext4_lib_fault(w->log, err, "write", "");
    }
    return true;
}

/* The time that libext2fs puts where none was given is that of the last write: the superblock's
 * own does not change then. */
static bool open_lib(struct kl_ext4_write *w, int64_t now)
{
    char name[KL_EXT4_IO_NAME];
    errcode_t err = ext2fs_open2(kl_ext4_io_name(w->e->cow, name), NULL,
        EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, &kl_ext4_io, &w->fs);
    if (err)
        return kl_ext4_lib_fault(w->log, err, "open", "");
    w->fs->now = (time_t)(uint32_t)now ? (time_t)(uint32_t)now : 1;
    err = ext2fs_read_bitmaps(w->fs);
    if (!err)
        return true;
    ext2fs_free(w->fs);
    return kl_ext4_lib_fault(w->log, err, "read the bitmaps of", "");
}

bool kl_ext4_patch_steps(struct kl_arena *a, struct kl_fs *fs, const struct kl_steps *steps)
{
    struct kl_ext4 *e = kl_ext4_of(fs);
    struct kl_ext4_write w = {.e = e, .a = a, .log = e->log, .steps = steps};
    if (!steps->n)
        return true;
    return may_be_written(e) && check_steps(fs, steps) && open_lib(&w, fs->time) && write_steps(&w);
}

bool kl_ext4_patch(
    struct kl_arena *a, struct kl_cow *cow, struct kl_fault_log *log, struct kl_patch *p)
{
    struct kl_fs *fs = kl_ext4_open(a, cow, log);
    struct kl_steps steps = {0};
    if (!fs)
        return false;
    struct kl_ext4 *e = kl_ext4_of(fs);
    struct kl_patch_can can = {.remove = true,
        .xattrs = e->compat & KL_EXT4_EXT_ATTR,
        .instead = "use 'kickline image overlay'"};
    bool ok = !p->n || (may_be_written(e) && kl_patch_plan(p, fs, &can, &steps) &&
                           kl_ext4_patch_steps(a, fs, &steps));
    kl_ext4_close(fs);
    return ok;
}
