/* Inodes made, filled and let go. All times come from the step, the rest from the superblock: the
 * same patch gives the same bytes. */
#include "image/ext4_write.h"

#include <errno.h>
#include <et/com_err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* libext2fs's own table, read as it is: error_message(3) would want it registered, for all of the
 * process. */
bool kl_ext4_lib_fault(struct kl_fault_log *log, errcode_t err, const char *doing, const char *path)
{
    const struct error_table *t = &et_ext2_error_table;
    const char *what = "out of its own bounds";
    if (err == EIO)
        return false; /* the cow has said it */
    if (err == EXT2_ET_BLOCK_ALLOC_FAIL || err == EXT2_ET_INODE_ALLOC_FAIL)
        return kl_fault(log, KL_IMAGE_FULL, KL_NO_OFFSET,
            "make the change smaller, or use 'kickline image overlay'",
            "no free %s is left for '/%s'", err == EXT2_ET_BLOCK_ALLOC_FAIL ? "block" : "inode",
            path);
    if (err == EXT2_ET_EA_NO_SPACE)
        return kl_fault(log, KL_IMAGE_CANNOT, KL_NO_OFFSET, NULL,
            "the extended attributes of '/%s' have no room in one block", path);
    if (err >= t->base && err < t->base + (errcode_t)t->n_msgs)
        what = t->msgs[err - t->base];
    else if (err > 0 && err < 4096)
        what = strerror((int)err);
    return kl_fault(log, KL_IMAGE_CORRUPT, KL_NO_OFFSET,
        "the filesystem may be damaged: let e2fsck look at it", "cannot %s '/%s': %s", doing, path,
        what);
}

static bool lib_ok(
    struct kl_ext4_write *w, errcode_t err, const char *doing, const struct kl_step *s)
{
    return !err || kl_ext4_lib_fault(w->log, err, doing, s->path);
}

/* --- made --------------------------------------------------------------------------------------*/

static bool new_inode(
    struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t parent, ext2_ino_t *out)
{
    int mode = (int)(kl_node_mode(s->kind) | s->mode);
    return lib_ok(w, ext2fs_new_inode(w->fs, parent, mode, NULL, out), "make", s);
}

/* linux/include/linux/kdev_t.h: the old form where it is enough. */
static void set_device(struct ext2_inode *inode, uint32_t major, uint32_t minor)
{
    if (major < 256 && minor < 256)
        inode->i_block[0] = major << 8 | minor;
    else
        inode->i_block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static bool make_plain(struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino)
{
    struct ext2_inode inode = {.i_links_count = 1};
    inode.i_mode = (uint16_t)(kl_node_mode(s->kind) | s->mode);
    if (s->kind == KL_NODE_CHAR || s->kind == KL_NODE_BLOCK)
        set_device(&inode, s->change->major, s->change->minor);
    if (s->kind == KL_NODE_FILE && w->e->incompat & KL_EXT4_EXTENTS) {
        ext2_extent_handle_t extents; /* opening an empty map makes its header */
        if (!lib_ok(w, ext2fs_extent_open2(w->fs, ino, &inode, &extents), "make", s))
            return false;
        ext2fs_extent_free(extents);
    }
    if (!lib_ok(w, ext2fs_write_new_inode(w->fs, ino, &inode), "make", s))
        return false;
    ext2fs_inode_alloc_stats2(w->fs, ino, +1, 0);
    return true;
}

static bool make_symlink(
    struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t parent, ext2_ino_t ino)
{
    return lib_ok(w, ext2fs_symlink(w->fs, parent, ino, NULL, s->change->target), "make", s);
}

/* A parent with more subdirectories than can be counted has one link, for ever (dir_nlink). */
static bool make_dir(
    struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t parent, ext2_ino_t ino)
{
    struct ext2_inode above;
    if (!lib_ok(w, ext2fs_read_inode(w->fs, parent, &above), "read the parent of", s))
        return false;
    unsigned links = above.i_links_count;
    if (links >= 64999)
        return kl_fault(w->log, KL_IMAGE_CANNOT, KL_NO_OFFSET, NULL,
            "'/%s' cannot be made: its directory has too many", s->path);
    if (!lib_ok(w, ext2fs_mkdir(w->fs, parent, ino, NULL), "make", s))
        return false;
    if (links != 1)
        return true;
    if (!lib_ok(w, ext2fs_read_inode(w->fs, parent, &above), "read the parent of", s))
        return false;
    above.i_links_count = 1;
    return lib_ok(w, ext2fs_write_inode(w->fs, parent, &above), "write the parent of", s);
}

bool kl_ext4_make(
    struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t parent, ext2_ino_t *out)
{
    if (!new_inode(w, s, parent, out))
        return false;
    switch (s->kind) {
    case KL_NODE_DIR:
        return make_dir(w, s, parent, *out);
    case KL_NODE_SYMLINK:
        return make_symlink(w, s, parent, *out);
    default:
        return make_plain(w, s, *out);
    }
}

/* --- content -----------------------------------------------------------------------------------*/

enum { PART = 1 << 16 };

static bool write_content(
    struct kl_ext4_write *w, const struct kl_step *s, ext2_file_t file, char *part)
{
    const struct kl_rope *r = s->change->content;
    for (uint64_t at = 0; at < kl_rope_len(r);) {
        unsigned put = 0;
        ssize_t n = kl_rope_read(r, at, part, PART);
        if (n <= 0)
            return kl_fault(w->log, KL_IMAGE_IO, KL_NO_OFFSET, NULL, "%s cannot be read: %s",
                s->change->from ? s->change->from : s->path,
                n < 0 && errno != ESTALE ? strerror(errno) : "it changed meanwhile");
        if (!lib_ok(w, ext2fs_file_write(file, part, (unsigned)n, &put), "write", s))
            return false;
        at += put;
    }
    return true;
}

bool kl_ext4_fill(struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino)
{
    ext2_file_t file;
    if (!s->change || !s->change->content || !kl_rope_len(s->change->content))
        return true;
    if (!lib_ok(w, ext2fs_file_open(w->fs, ino, EXT2_FILE_WRITE, &file), "open", s))
        return false;
    char *part = kl_xmalloc(PART);
    bool ok = write_content(w, s, file, part);
    free(part);
    return lib_ok(w, ext2fs_file_close(file), "write", s) && ok;
}

/* Inline data lies in the inode and in an attribute; what is made instead has neither. */
static bool drop_inline(struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino)
{
    struct ext2_xattr_handle *h;
    if (!lib_ok(w, ext2fs_xattrs_open(w->fs, ino, &h), "open", s))
        return false;
    errcode_t err = ext2fs_xattrs_read(h);
    if (!err)
        err = ext2fs_xattr_remove(h, "system.data");
    ext2fs_xattrs_close(&h);
    return lib_ok(w, err, "empty", s);
}

/* As the reader has it (ext4.c, target()): libext2fs goes by i_blocks, and would take the text of a
 * short symbolic link for a map. */
static bool has_blocks(struct kl_ext4_write *w, struct ext2_inode *inode)
{
    if (LINUX_S_ISLNK(inode->i_mode) && EXT2_I_SIZE(inode) < KL_EXT4_IBLOCK_LEN &&
        !(inode->i_flags & EXT4_EXTENTS_FL))
        return false;
    return !(inode->i_flags & EXT4_INLINE_DATA_FL) && ext2fs_inode_has_valid_blocks2(w->fs, inode);
}

static bool free_blocks(
    struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino, struct ext2_inode *inode)
{
    return !has_blocks(w, inode) ||
           lib_ok(w, ext2fs_punch(w->fs, ino, inode, NULL, 0, ~0ULL), "empty", s);
}

bool kl_ext4_empty(struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino)
{
    struct ext2_inode inode;
    if (!lib_ok(w, ext2fs_read_inode(w->fs, ino, &inode), "read", s) ||
        !free_blocks(w, s, ino, &inode))
        return false;
    if (inode.i_flags & EXT4_INLINE_DATA_FL &&
        (!drop_inline(w, s, ino) || !lib_ok(w, ext2fs_read_inode(w->fs, ino, &inode), "read", s)))
        return false;
    memset(inode.i_block, 0, sizeof inode.i_block);
    inode.i_flags &= ~(uint32_t)(EXT4_INLINE_DATA_FL | EXT4_EXTENTS_FL);
    inode.i_size = inode.i_size_high = 0;
    if (w->e->incompat & KL_EXT4_EXTENTS) {
        ext2_extent_handle_t extents;
        if (!lib_ok(w, ext2fs_extent_open2(w->fs, ino, &inode, &extents), "empty", s))
            return false;
        ext2fs_extent_free(extents);
    }
    return lib_ok(w, ext2fs_write_inode(w->fs, ino, &inode), "empty", s);
}

/* --- attributes --------------------------------------------------------------------------------*/

static const struct kl_xattr *find(const struct kl_xattr *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i].name, name))
            return &list[i];
    return NULL;
}

static bool same(const struct kl_xattr *a, const struct kl_xattr *b)
{
    return a && b && a->len == b->len && !memcmp(a->value, b->value, a->len);
}

static errcode_t change_xattrs(
    struct ext2_xattr_handle *h, const struct kl_step *s, const struct kl_xattr *now, size_t n)
{
    errcode_t err = ext2fs_xattrs_read(h);
    for (size_t i = 0; !err && i < n; i++)
        if (!find(s->xattrs, s->nxattrs, now[i].name))
            err = ext2fs_xattr_remove(h, now[i].name);
    for (size_t i = 0; !err && i < s->nxattrs; i++)
        if (!same(&s->xattrs[i], find(now, n, s->xattrs[i].name)))
            err = ext2fs_xattr_set(h, s->xattrs[i].name, s->xattrs[i].value, s->xattrs[i].len);
    return err;
}

static bool settle_xattrs(struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_ext4_inode inode;
    struct kl_xattr *now;
    size_t n, alike = 0;
    if (!kl_ext4_inode(w->e, ino, &inode) || !kl_ext4_xattrs(w->e, &inode, a, &now, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        alike += same(&now[i], find(s->xattrs, s->nxattrs, now[i].name));
    if (alike == n && n == s->nxattrs)
        return true;
    struct ext2_xattr_handle *h;
    if (!lib_ok(w, ext2fs_xattrs_open(w->fs, ino, &h), "open", s))
        return false;
    errcode_t err = change_xattrs(h, s, now, n);
    ext2fs_xattrs_close(&h);
    return lib_ok(w, err, "set the extended attributes of", s);
}

/* A time of more than 32 bits has two of them in the field for nanoseconds. */
static void set_time(uint32_t *low, uint32_t *extra, int64_t t)
{
    *low = (uint32_t)t;
    if (extra)
        *extra = (uint32_t)((t - (int32_t)(uint32_t)t) >> 32) & 3;
}

static void set_times(struct ext2_inode_large *i, const struct kl_step *s, bool fresh)
{
    size_t has = 128u + i->i_extra_isize;
    bool extra = has >= offsetof(struct ext2_inode_large, i_crtime);
    bool birth = has >= offsetof(struct ext2_inode_large, i_version_hi);
    set_time(&i->i_mtime, extra ? &i->i_mtime_extra : NULL, s->mtime);
    set_time(&i->i_ctime, extra ? &i->i_ctime_extra : NULL, s->mtime);
    if (fresh) {
        set_time(&i->i_atime, extra ? &i->i_atime_extra : NULL, s->mtime);
        if (birth)
            set_time(&i->i_crtime, &i->i_crtime_extra, s->mtime);
    }
}

bool kl_ext4_settle(struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino, bool fresh)
{
    union {
        struct ext2_inode small;
        struct ext2_inode_large large;
        unsigned char b[KL_EXT4_INODE_MOST];
    } i = {.b = {0}};
    int size = (int)w->e->inode_size;
    /* The attributes first, for they write the inode as well. */
    if (!settle_xattrs(w, s, ino) ||
        !lib_ok(w, ext2fs_read_inode_full(w->fs, ino, &i.small, size), "read", s))
        return false;
    i.small.i_mode = (uint16_t)(kl_node_mode(s->kind) | s->mode);
    i.small.i_uid = (uint16_t)s->uid;
    i.small.osd2.linux2.l_i_uid_high = (uint16_t)(s->uid >> 16);
    i.small.i_gid = (uint16_t)s->gid;
    i.small.osd2.linux2.l_i_gid_high = (uint16_t)(s->gid >> 16);
    if (size == 128)
        i.large.i_extra_isize = 0;
    set_times(&i.large, s, fresh);
    return lib_ok(w, ext2fs_write_inode_full(w->fs, ino, &i.small, size), "write", s);
}

/* --- let go ------------------------------------------------------------------------------------*/

/* The attributes that are inodes of their own are counted, and go with the last that has them. */
static bool drop_large_xattrs(struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_ext4_inode inode;
    struct kl_xattr *now;
    size_t n;
    struct ext2_xattr_handle *h;
    if (!(w->e->incompat & KL_EXT4_EA_INODE))
        return true;
    if (!kl_ext4_inode(w->e, ino, &inode) || !kl_ext4_xattrs(w->e, &inode, a, &now, &n) ||
        !lib_ok(w, ext2fs_xattrs_open(w->fs, ino, &h), "open", s))
        return false;
    errcode_t err = ext2fs_xattrs_read(h);
    for (size_t i = 0; !err && i < n; i++)
        err = ext2fs_xattr_remove(h, now[i].name);
    ext2fs_xattrs_close(&h);
    return lib_ok(w, err, "remove", s);
}

static bool free_inode(
    struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino, struct ext2_inode *inode)
{
    bool dir = LINUX_S_ISDIR(inode->i_mode);
    if (!drop_large_xattrs(w, s, ino) ||
        !lib_ok(w, ext2fs_free_ext_attr(w->fs, ino, NULL), "remove", s) ||
        !lib_ok(w, ext2fs_read_inode(w->fs, ino, inode), "read", s) ||
        !free_blocks(w, s, ino, inode))
        return false;
    inode->i_links_count = 0;
    inode->i_dtime = (uint32_t)w->fs->now;
    if (!lib_ok(w, ext2fs_write_inode(w->fs, ino, inode), "remove", s))
        return false;
    ext2fs_inode_alloc_stats2(w->fs, ino, -1, dir);
    return true;
}

bool kl_ext4_drop(struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t ino)
{
    struct ext2_inode inode;
    if (!lib_ok(w, ext2fs_read_inode(w->fs, ino, &inode), "read", s))
        return false;
    bool dir = LINUX_S_ISDIR(inode.i_mode);
    if (!inode.i_links_count)
        return kl_fault(w->log, KL_IMAGE_CORRUPT, KL_NO_OFFSET,
            "the filesystem is damaged: let e2fsck look at it", "'/%s' has more names than links",
            s->path);
    if (dir || inode.i_links_count == 1)
        return free_inode(w, s, ino, &inode);
    inode.i_links_count--;
    return lib_ok(w, ext2fs_write_inode(w->fs, ino, &inode), "unlink", s);
}
