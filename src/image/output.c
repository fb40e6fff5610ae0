/* The file has no name until every byte of it is on the disk. Then it is given its own; and when
 * that is taken, since linkat(2) replaces nothing, a temporary one that rename(2) puts in its
 * place. Where the filesystem has no O_TMPFILE (NFS, some overlays), the temporary name is there
 * from the start: after a kill it may stay, but it is hidden and no boot loader would ask for it.
 */
#include "image/output.h"

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct kl_output {
    int fd, dir;
    char *name;    /* in `dir` */
    char *temp;    /* likewise */
    bool has_temp; /* there is such a file: it is ours to remove */
    bool replaces; /* a file, of these: */
    uid_t uid;
    gid_t gid;
};

static void free_output(struct kl_output *o)
{
    int e = errno;
    if (o->has_temp)
        unlinkat(o->dir, o->temp, 0);
    if (o->fd >= 0)
        close(o->fd);
    if (o->dir >= 0)
        close(o->dir);
    free(o->temp);
    free(o->name);
    free(o);
    errno = e;
}

static char *copy_of(const char *text)
{
    size_t n = strlen(text) + 1;
    return memcpy(kl_xmalloc(n), text, n);
}

/* Where the last symbolic link of `path` leads, so that a link is kept and what it names is
 * replaced. To be freed; NULL with errno. */
static char *behind_links(const char *path)
{
    char *now = copy_of(path);
    for (int i = 0; i < 40; i++) { /* path_resolution(7): the kernel follows as many */
        char to[PATH_MAX];
        ssize_t n = readlink(now, to, sizeof to - 1);
        if (n < 0 && (errno == EINVAL || errno == ENOENT))
            return now;
        if (n < 0)
            break;
        to[n] = '\0';
        const char *slash = strrchr(now, '/');
        char *next = NULL;
        int len =
            asprintf(&next, "%.*s%s", *to == '/' || !slash ? 0 : (int)(slash - now + 1), now, to);
        free(now);
        if (len < 0)
            return NULL;
        now = next;
        errno = ELOOP;
    }
    int e = errno;
    free(now);
    errno = e;
    return NULL;
}

/* Opens the directory that `path` is in and keeps the name in it. False with errno. */
static bool open_place(struct kl_output *o, const char *path)
{
    char *real = behind_links(path);
    if (!real)
        return false;
    char *slash = strrchr(real, '/');
    const char *name = slash ? slash + 1 : real;
    struct stat st;
    int e = 0;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        e = *real ? EISDIR : ENOENT;
    else if (stat(real, &st) == 0) {
        o->replaces = S_ISREG(st.st_mode);
        o->uid = st.st_uid;
        o->gid = st.st_gid;
        if (!o->replaces) /* a device is not to become a file */
            e = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    }
    o->name = copy_of(name);
    if (slash)
        slash[slash == real] = '\0';
    if (!e) {
        o->dir = open(slash ? real : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        e = o->dir < 0 ? errno : 0;
    }
    free(real);
    errno = e;
    return !e;
}

/* Another temporary name: `.NAME.kickline-XXXXXX`, cut where it would be too long. */
static void set_temp(struct kl_output *o)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char tail[] = ".kickline-XXXXXX";
    unsigned char noise[6];
    if (getentropy(noise, sizeof noise) != 0)
        memset(noise, 0, sizeof noise);
    for (size_t i = 0; i < sizeof noise; i++)
        tail[sizeof tail - 1 - sizeof noise + i] = digits[noise[i] % (sizeof digits - 1)];
    size_t most = NAME_MAX - sizeof tail; /* and the dot before */
    free(o->temp);
    if (asprintf(&o->temp, ".%.*s%s", (int)most, o->name, tail) < 0)
        o->temp = NULL;
}

enum { TRIES = 100 }; /* of temporary names */

static bool open_named(struct kl_output *o)
{
    for (int i = 0; i < TRIES; i++) {
        set_temp(o);
        if (!o->temp)
            return false;
        o->fd = openat(o->dir, o->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        o->has_temp = o->fd >= 0;
        if (o->has_temp || errno != EEXIST)
            break;
    }
    return o->has_temp;
}

/* By way of /proc: linkat(2)'s AT_EMPTY_PATH wants CAP_DAC_READ_SEARCH. */
#define PROC_FD "/proc/self/fd"

static bool link_as(const struct kl_output *o, const char *name)
{
    char self[sizeof PROC_FD + 16];
    snprintf(self, sizeof self, PROC_FD "/%d", o->fd);
    return linkat(AT_FDCWD, self, o->dir, name, AT_SYMLINK_FOLLOW) == 0;
}

static bool link_temp(struct kl_output *o)
{
    for (int i = 0; i < TRIES; i++) {
        set_temp(o);
        if (!o->temp)
            return false;
        o->has_temp = link_as(o, o->temp);
        if (o->has_temp || errno != EEXIST)
            break;
    }
    return o->has_temp;
}

/* Gives the file its name. False with errno. */
static bool put_in_place(struct kl_output *o)
{
    if (!o->has_temp) {
        if (link_as(o, o->name))
            return true;
        if (errno != EEXIST || !link_temp(o))
            return false;
    }
    if (renameat(o->dir, o->temp, o->dir, o->name) != 0)
        return false;
    o->has_temp = false;
    return true;
}

struct kl_output *kl_output_begin(const char *path, unsigned mode)
{
    struct kl_output *o = kl_xmalloc(sizeof *o);
    o->fd = o->dir = -1;
    bool ok = open_place(o, path);
    if (ok) {
        /* Without /proc it could not be given a name. */
        if (access(PROC_FD, X_OK) == 0)
            o->fd = openat(o->dir, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
        /* EOPNOTSUPP: a filesystem without; EISDIR: a kernel without (open(2)). Whatever it was, if
         * it is in the way of a named file too, that says so. */
        ok = o->fd >= 0 || open_named(o);
    }
    /* Who could read the old file shall read this one; when it may not be given away, the mode has
     * to do. chown(2) takes set-user-ID bits, so it comes first. */
    if (ok && o->replaces && fchown(o->fd, o->uid, o->gid) != 0)
        errno = 0;
    if (ok && fchmod(o->fd, mode & 07777) == 0)
        return o;
    free_output(o);
    return NULL;
}

int kl_output_fd(const struct kl_output *o)
{
    return o->fd;
}

bool kl_output_commit(struct kl_output *o)
{
    bool ok = fsync(o->fd) == 0 && put_in_place(o);
    /* It has its name: that the directory may not be on the disk yet is no failure that could be
     * taken back, and some filesystems cannot sync one (EINVAL). */
    if (ok)
        fsync(o->dir);
    free_output(o);
    return ok;
}

void kl_output_drop(struct kl_output *o)
{
    if (o)
        free_output(o);
}

bool kl_output_rope(const char *path, unsigned mode, const struct kl_rope *r,
    void (*progress)(void *arg, uint64_t done, uint64_t of), void *arg)
{
    struct kl_output *o = kl_output_begin(path, mode);
    if (!o)
        return false;
    if (kl_rope_write(r, o->fd, progress, arg))
        return kl_output_commit(o);
    kl_output_drop(o);
    return false;
}
