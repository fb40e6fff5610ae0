/* Directories and single files of this machine, as patches. */
#include "base/text.h"
#include "image/patch_own.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEPTH_MOST = 100 }; /* of directories: each on the way is open */

static const struct kl_change plain = {.mode = -1, .uid = -1, .gid = -1, .mtime = -1};

/* --- what cannot be read -----------------------------------------------------------------------*/

/* The names in an open directory, sorted, NULL at the end. Takes `fd` over. NULL with errno. */
static const char **names_in(struct kl_arena *a, int fd, size_t *count)
{
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return NULL;
    }
    const char **names = NULL;
    size_t n = 0;
    errno = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        if (kl_streq(e->d_name, ".") || kl_streq(e->d_name, ".."))
            continue;
        names = kl_grow(a, names, n, sizeof *names);
        names[n++] = kl_strdup(a, e->d_name);
    }
    int failed = errno;
    closedir(dir);
    errno = failed;
    if (failed)
        return NULL;
    names = kl_grow(a, names, n, sizeof *names);
    names[n] = NULL;
    qsort(names, n, sizeof *names, kl_name_order);
    *count = n;
    return names;
}

/* What a path that is not there was probably meant to be. */
static const char *nearest(struct kl_arena *a, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dir = slash ? kl_strndup(a, path, (size_t)(slash - path) + 1) : ".";
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t n;
    const char **names = fd >= 0 ? names_in(a, fd, &n) : NULL;
    const char *near = names ? kl_nearest(name, names) : NULL;
    return near ? kl_sprintf(a, "did you mean '%s%s'?", slash ? dir : "", near) : NULL;
}

bool kl_patch_io(struct kl_patch *p, const char *path)
{
    int e = errno;
    return kl_fault(&p->log, e == ENOENT || e == ENOTDIR ? KL_IMAGE_NO_PATH : KL_IMAGE_IO,
        KL_NO_OFFSET, e == ENOENT ? nearest(p->a, path) : NULL, "'%s': %s", path, strerror(e));
}

/* --- files -------------------------------------------------------------------------------------*/

/* Neither setuid nor setgid is taken over, and neither is dropped without a word. */
static bool usual_mode(struct kl_patch *p, const char *name, const struct stat *st)
{
    return !(st->st_mode & (S_ISUID | S_ISGID)) ||
           kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET,
               "give the mode with --add HOSTPATH:IMAGEPATH:MODE, or give it in a tar archive",
               "'%s' has mode %04o: setuid and setgid are not taken from a file", name,
               (unsigned)st->st_mode & 07777);
}

static bool no_file(struct kl_patch *p, const char *name, const struct stat *st)
{
    const char *word = kl_node_word[kl_node_kind_of(st->st_mode)];
    if (S_ISDIR(st->st_mode))
        return kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET,
            "a directory is a patch by itself: give it without --add", "'%s' is a directory", name);
    return kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET,
        "leave it out, or give it in a tar or cpio archive",
        "'%s' is a %s: only files, directories and symbolic links are taken from a disk", name,
        word);
}

bool kl_patch_host_file(struct kl_patch *p, const char *path, struct kl_change *c)
{
    struct kl_input in;
    struct stat st;
    kl_input_begin(&in, p, path);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    bool ok = fd >= 0 && fstat(fd, &st) == 0;
    if (!ok)
        kl_patch_io(p, path);
    else if (!S_ISREG(st.st_mode))
        ok = no_file(p, path, &st);
    else
        ok = c->mode >= 0 || usual_mode(p, path, &st);
    if (!ok) {
        if (fd >= 0)
            close(fd);
        return kl_input_end(&in, false);
    }
    in.time = st.st_mtim;
    c->content = kl_input_file(&in, fd, &st, path);
    c->executable = st.st_mode & S_IXUSR;
    ok = kl_input_end(&in, c->content != NULL);
    if (!ok) {
        kl_rope_drop(c->content);
        c->content = NULL;
    }
    return ok;
}

/* --- directories -------------------------------------------------------------------------------*/

struct tree {
    struct kl_input in;
    struct kl_patch *p;
    const char *top; /* as given */
};

static bool add_tree(struct tree *t, int fd, const char *path, unsigned depth);

static bool add_subdir(
    struct tree *t, int dir, const char *name, struct kl_change *c, unsigned depth)
{
    c->kind = KL_NODE_DIR;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return kl_patch_io(t->p, c->from);
    if (kl_patch_add(t->p, c))
        return add_tree(t, fd, c->path, depth + 1);
    close(fd);
    return false;
}

static bool add_regular(struct tree *t, int dir, const char *name, struct kl_change *c)
{
    struct stat st;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return kl_patch_io(t->p, c->from);
    bool ok = fstat(fd, &st) == 0 ? S_ISREG(st.st_mode) ? usual_mode(t->p, c->from, &st)
                                                        : no_file(t->p, c->from, &st)
                                  : kl_patch_io(t->p, c->from);
    if (!ok) {
        close(fd);
        return false;
    }
    struct kl_rope *rope KL_ROPE_SCOPE = kl_input_file(&t->in, fd, &st, c->from);
    c->content = rope;
    c->executable = st.st_mode & S_IXUSR;
    return rope && kl_patch_add(t->p, c);
}

static bool add_symlink(struct tree *t, int dir, const char *name, struct kl_change *c)
{
    char *target = kl_alloc(t->p->a, PATH_MAX);
    ssize_t n = readlinkat(dir, name, target, PATH_MAX - 1);
    if (n < 0)
        return kl_patch_io(t->p, c->from);
    c->kind = KL_NODE_SYMLINK;
    c->target = target;
    return kl_patch_add(t->p, c);
}

static bool add_entry(struct tree *t, int dir, const char *path, const char *name, unsigned depth)
{
    struct stat st;
    struct kl_change c = plain;
    c.path = *path ? kl_sprintf(t->p->a, "%s/%s", path, name) : name;
    c.from = kl_sprintf(t->p->a, "%s%s%s", t->top, kl_ends(t->top, "/") ? "" : "/", c.path);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return kl_patch_io(t->p, c.from);
    if (S_ISDIR(st.st_mode))
        return add_subdir(t, dir, name, &c, depth);
    if (S_ISREG(st.st_mode))
        return add_regular(t, dir, name, &c);
    if (S_ISLNK(st.st_mode))
        return add_symlink(t, dir, name, &c);
    return no_file(t->p, c.from, &st);
}

/* What is in an open directory, by name; takes `fd` over. Nothing is followed out of it: each name
 * is opened in the directory that it was read from. */
static bool add_tree(struct tree *t, int fd, const char *path, unsigned depth)
{
    size_t n;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    int list = depth < DEPTH_MOST ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    const char **names = list >= 0 ? names_in(a, list, &n) : NULL;
    bool ok = names != NULL;
    if (depth >= DEPTH_MOST)
        ok = kl_fault(&t->p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL,
            "'%s/%s': more than %d directories in each other", t->top, path, DEPTH_MOST);
    else if (!ok)
        kl_patch_io(t->p, t->top);
    for (size_t i = 0; ok && i < n; i++)
        ok = add_entry(t, fd, path, names[i], depth);
    close(fd);
    return ok;
}

bool kl_patch_add_dir(struct kl_patch *p, const char *dir)
{
    struct tree t = {.p = p, .top = dir};
    struct stat st;
    kl_input_begin(&t.in, p, dir);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fstat(fd, &st) == 0;
    if (ok) {
        t.in.time = st.st_mtim;
        ok = add_tree(&t, fd, "", 0);
    } else {
        kl_patch_io(p, dir);
        if (fd >= 0)
            close(fd);
    }
    return kl_input_end(&t.in, ok);
}

/* --- either ------------------------------------------------------------------------------------*/

bool kl_patch_add_archive(struct kl_patch *p, const char *file)
{
    int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? kl_patch_io(p, file) : kl_patch_add_archive_fd(p, fd, file);
}

bool kl_patch_add_path(struct kl_patch *p, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return kl_patch_io(p, path);
    if (S_ISDIR(st.st_mode))
        return kl_patch_add_dir(p, path);
    if (S_ISREG(st.st_mode))
        return kl_patch_add_archive(p, path);
    return kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL,
        "'%s' is a %s: a patch is a directory, or a tar or cpio archive", path,
        kl_node_word[kl_node_kind_of(st.st_mode)]);
}
