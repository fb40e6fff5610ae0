/* A patch's steps in their order: what goes goes first, so that its room can be used. */
#include "image/ext4_write.h"

#include <string.h>

/* Does step `n` make the directory that is the first `len` bytes of `path`? */
static bool makes(const struct kl_ext4_write *w, size_t n, const char *path, size_t len)
{
    const struct kl_step *s = &w->steps->step[n];
    return w->made[n] && s->kind == KL_NODE_DIR && !strncmp(s->path, path, len) && !s->path[len];
}

/* The inode of the directory that a step works in. Most work in that of the step before. */
static ext2_ino_t parent_of(struct kl_ext4_write *w, size_t n)
{
    const struct kl_step *s = &w->steps->step[n];
    if (s->parent)
        return (ext2_ino_t)s->parent->handle;
    size_t len = strlen(s->path) - strlen(s->name);
    len -= len > 0; /* the slash */
    if (makes(w, w->last, s->path, len))
        return w->made[w->last];
    while (n--)
        if (makes(w, n, s->path, len)) {
            w->last = n;
            return w->made[n];
        }
    return 0;
}

static int dirent_kind(enum kl_node_kind kind)
{
    static const int kinds[] = {
        [KL_NODE_FILE] = EXT2_FT_REG_FILE,
        [KL_NODE_DIR] = EXT2_FT_DIR,
        [KL_NODE_SYMLINK] = EXT2_FT_SYMLINK,
        [KL_NODE_CHAR] = EXT2_FT_CHRDEV,
        [KL_NODE_BLOCK] = EXT2_FT_BLKDEV,
        [KL_NODE_FIFO] = EXT2_FT_FIFO,
        [KL_NODE_SOCKET] = EXT2_FT_SOCK,
    };
    return kinds[kind];
}

/* A directory without room gets a block more, once; one with an index makes its own room. */
static bool link_in(
    struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t parent, ext2_ino_t ino)
{
    int kind = dirent_kind(s->kind);
    errcode_t err = ext2fs_link(w->fs, parent, s->name, ino, kind);
    for (int i = 0; err == EXT2_ET_DIR_NO_SPACE && i < 2; i++) {
        struct ext2_inode dir;
        err = ext2fs_read_inode(w->fs, parent, &dir);
        if (!err && dir.i_flags & EXT2_INDEX_FL)
            return kl_fault(w->log, KL_IMAGE_CANNOT, KL_NO_OFFSET,
                "use 'kickline image overlay', or let 'e2fsck -D' make the index anew",
                "'/%s' cannot be added: the index of its directory is full", s->path);
        if (!err) /* out of inline data first, which leaves no more room than there was */
            err = ext2fs_expand_dir(w->fs, parent);
        if (!err)
            err = ext2fs_link(w->fs, parent, s->name, ino, kind);
    }
    return !err || kl_ext4_lib_fault(w->log, err, "add", s->path);
}

static bool unlink_from(
    struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t parent, ext2_ino_t ino)
{
    errcode_t err = ext2fs_unlink(w->fs, parent, s->name, ino, 0);
    return !err || kl_ext4_lib_fault(w->log, err, "remove", s->path);
}

/* A directory's ".." is a link to its parent. */
static bool one_subdirectory_less(
    struct kl_ext4_write *w, const struct kl_step *s, ext2_ino_t parent)
{
    struct ext2_inode inode;
    errcode_t err = ext2fs_read_inode(w->fs, parent, &inode);
    if (!err && inode.i_links_count > 2) {
        inode.i_links_count--;
        err = ext2fs_write_inode(w->fs, parent, &inode);
    }
    return !err || kl_ext4_lib_fault(w->log, err, "write the parent of", s->path);
}

static bool goes_in_place(const struct kl_step *s, const struct ext2_inode *now)
{
    return !s->remove && s->kind == KL_NODE_FILE && s->old->kind == KL_NODE_FILE &&
           now->i_links_count == 1;
}

/* What is there is emptied, when it stays, or taken away. */
static bool clear(struct kl_ext4_write *w, size_t n)
{
    const struct kl_step *s = &w->steps->step[n];
    if (!s->old || (s->kind == KL_NODE_DIR && !s->remove))
        return true;
    ext2_ino_t ino = (ext2_ino_t)s->old->handle, parent = parent_of(w, n);
    struct ext2_inode now;
    errcode_t err = ext2fs_read_inode(w->fs, ino, &now);
    if (err)
        return kl_ext4_lib_fault(w->log, err, "read", s->path);
    if (goes_in_place(s, &now)) {
        w->made[n] = ino;
        return kl_ext4_empty(w, s, ino);
    }
    return unlink_from(w, s, parent, ino) && kl_ext4_drop(w, s, ino) &&
           (s->old->kind != KL_NODE_DIR || one_subdirectory_less(w, s, parent));
}

static bool put(struct kl_ext4_write *w, size_t n)
{
    const struct kl_step *s = &w->steps->step[n];
    if (s->old && s->kind == KL_NODE_DIR)
        return kl_ext4_settle(w, s, (ext2_ino_t)s->old->handle, false);
    bool fresh = !w->made[n];
    ext2_ino_t parent = parent_of(w, n), ino = w->made[n];
    if (!parent)
        return kl_fault(
            w->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL, "'/%s' has no directory to be in", s->path);
    if (fresh && (!kl_ext4_make(w, s, parent, &ino) || !link_in(w, s, parent, ino)))
        return false;
    w->made[n] = ino;
    return (s->kind != KL_NODE_FILE || kl_ext4_fill(w, s, ino)) && kl_ext4_settle(w, s, ino, fresh);
}

bool kl_ext4_apply(struct kl_ext4_write *w)
{
    for (size_t n = 0; n < w->steps->n; n++)
        if (!clear(w, n))
            return false;
    for (size_t n = 0; n < w->steps->n; n++)
        if (!w->steps->step[n].remove && !put(w, n))
            return false;
    return true;
}
