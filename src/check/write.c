/* A mended file is written whole or not at all: under a temporary name beside it, to the disk, then
 * in its place. */
#include "check/fix.h"

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define FD_SCOPE __attribute__((cleanup(close_fd)))

static void free_text(char **s)
{
    free(*s);
}
#define TEXT_SCOPE __attribute__((cleanup(free_text)))

/* Is the file what was checked? */
static bool is_as_read(const struct kl_fix_file *f, int fd)
{
    char part[16384];
    size_t at = 0;
    for (ssize_t n; (n = read(fd, part, sizeof part)) != 0;) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || (size_t)n > f->len - at || memcmp(f->text + at, part, (size_t)n) != 0)
            return false;
        at += (size_t)n;
    }
    return at == f->len;
}

static bool write_all(int fd, const char *s, size_t len)
{
    while (len) {
        ssize_t n = write(fd, s, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s += n;
        len -= (size_t)n;
    }
    return fsync(fd) == 0;
}

/* Access lists and security labels, as far as they may be set. */
static void keep_attributes(int from, int to)
{
    char names[4096], value[4096];
    ssize_t n = flistxattr(from, names, sizeof names);
    for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1) {
        ssize_t len = fgetxattr(from, names + i, value, sizeof value);
        if (len >= 0)
            (void)fsetxattr(to, names + i, value, (size_t)len, 0);
    }
}

static bool keep_owner_and_mode(int from, int to, const struct stat *st)
{
    struct stat mine;
    if (fstat(to, &mine) != 0)
        return false;
    bool same = mine.st_uid == st->st_uid && mine.st_gid == st->st_gid;
    if (!same && fchown(to, st->st_uid, st->st_gid) != 0)
        return false;
    keep_attributes(from, to);
    return fchmod(to, st->st_mode & 07777) == 0; /* after chown, which takes bits away */
}

/* Between reading and renaming somebody may have been at it. */
static bool is_untouched(const char *path, const struct stat *was)
{
    struct stat st;
    return lstat(path, &st) == 0 && st.st_dev == was->st_dev && st.st_ino == was->st_ino &&
           st.st_size == was->st_size && st.st_mtim.tv_sec == was->st_mtim.tv_sec &&
           st.st_mtim.tv_nsec == was->st_mtim.tv_nsec;
}

static void sync_directory(const char *dir)
{
    int fd FD_SCOPE = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)fsync(fd);
}

static const char *const changed = "it was changed while it was checked";

static const char *put_in_place(
    const char *temp, int to, const char *path, const struct stat *st, const struct kl_buf *b)
{
    if (!write_all(to, kl_buf_text(b), b->len))
        return strerror(errno);
    if (!is_untouched(path, st))
        return changed;
    return rename(temp, path) == 0 ? NULL : strerror(errno);
}

/* Puts `b` in the place of `path`, which is open as `from`. Returns what went wrong, or NULL. */
static const char *replace(
    const char *path, int from, const struct stat *st, const struct kl_buf *b)
{
    char *dir TEXT_SCOPE = strdup(path);
    *strrchr(dir, '/') = '\0'; /* it is absolute */
    struct kl_buf temp KL_BUF_SCOPE = {0};
    kl_buf_addf(&temp, "%s/.kickline-XXXXXX", dir);
    int to FD_SCOPE = mkostemp(temp.s, O_CLOEXEC);
    if (to < 0)
        return strerror(errno);
    const char *why = keep_owner_and_mode(from, to, st) ? put_in_place(temp.s, to, path, st, b)
                                                        : "its owner and mode cannot be kept";
    if (why)
        unlink(temp.s);
    else
        sync_directory(*dir ? dir : "/");
    return why;
}

/* Returns what went wrong, or NULL. */
static const char *write_file(const struct kl_fix_file *f, const struct kl_buf *b)
{
    struct stat st;
    char *path TEXT_SCOPE = realpath(f->name, NULL); /* a link stays, what it names is written */
    int fd FD_SCOPE = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) != 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "it is no regular file";
    if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0)
        return strerror(errno);
    return is_as_read(f, fd) ? replace(path, fd, &st, b) : changed;
}

bool kl_fix_write(const struct kl_fix_file *f, struct kl_diags *d)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    kl_fix_apply(f, 0, f->len, 0, f->n, &b);
    if (b.len == f->len && (b.len == 0 || memcmp(b.s, f->text, b.len) == 0))
        return false;
    const char *why = write_file(f, &b);
    if (why)
        kl_diag(d, KL_ERROR, "cannot-write", (struct kl_place){f->name, 0, 0, 0},
            why == changed ? "check again, then mend" : NULL, "it is not mended: %s", why);
    return !why;
}
