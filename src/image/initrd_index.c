/* Listings that are kept between runs, so that an initrd is unpacked once and then patched as often
 * as one likes.
 *
 * One file for each image in a directory that is the user's alone, named after the image's device
 * and inode and good only while size and times are what they were. Little-endian numbers, records
 * of fixed size, then all texts; a checksum at the end. It is written under another name and
 * renamed, and not synced: what a crash damages fails its checksum and is made again.
 *
 * What is read back is checked as if an enemy had written it: counts against the file's size, every
 * number that is used as an index or a position against what it points into. */
#include "image/initrd_own.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    VERSION = 1,
    FILES_MOST = 64,
    BYTES_MOST = 64 << 20,
    IDENTITY = 8 + 4 + 8 * 3 + 12 * 2,
    HEAD = IDENTITY + 4 * 4 + 8 + 4 * 3,
    SEGMENT = 8 * 3 + 8 + 4 * 3,
    INODE = 4 * 8 + 8 * 3 + 4,
    NAME = 4 * 3,
    TRAP = 4 * 2 + 8,
    SUM = 8,
};
#define PREFIX "initrd-"

static const char magic[8] = "KLINITRD";
static const char *const codes[] = {KL_INITRD_IGNORED, KL_INITRD_LINK, KL_INITRD_NO_TRAILER};

/* The one file that a rope is all of, or NULL. */
static const struct kl_identity *whole_file(const struct kl_rope *r)
{
    const struct kl_piece *p = kl_rope_piece(r, 0);
    if (!p || kl_rope_pieces(r) != 1 || !p->pin || p->offset)
        return NULL;
    const struct kl_identity *id = kl_pin_identity(p->pin);
    return id->size == p->len && kl_pin_unchanged(p->pin) ? id : NULL;
}

/* --- the directory -----------------------------------------------------------------------------*/

static bool is_ours(const struct stat *st)
{
    return st->st_uid == geteuid() && !(st->st_mode & 022);
}

static int open_own_dir(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !is_ours(&st))) {
        close(fd);
        return -1;
    }
    return fd;
}

static void make_dirs(const char *path)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n >= sizeof part)
        return;
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return;
    }
}

static void name_of(char *to, size_t room, const struct kl_identity *id)
{
    snprintf(
        to, room, PREFIX "%llx-%llx", (unsigned long long)id->dev, (unsigned long long)id->ino);
}

/* --- writing -----------------------------------------------------------------------------------*/

struct out {
    struct kl_buf b, text;
};

static void put32(struct kl_buf *b, uint32_t v)
{
    char bytes[4];
    kl_put32(bytes, v);
    kl_buf_addn(b, bytes, sizeof bytes);
}

static void put64(struct kl_buf *b, uint64_t v)
{
    put32(b, (uint32_t)v);
    put32(b, (uint32_t)(v >> 32));
}

/* A text's place, 0 for NULL: at 0 there is none. */
static void put_text(struct out *o, const char *s)
{
    put32(&o->b, s ? (uint32_t)o->text.len : 0);
    if (s)
        kl_buf_addn(&o->text, s, strlen(s) + 1);
}

static void put_time(struct kl_buf *b, const struct timespec *t)
{
    put64(b, (uint64_t)t->tv_sec);
    put32(b, (uint32_t)t->tv_nsec);
}

/* What a listing must begin with to be this image's. */
static void put_identity(struct kl_buf *b, const struct kl_identity *id)
{
    kl_buf_addn(b, magic, sizeof magic);
    put32(b, VERSION);
    put64(b, (uint64_t)id->dev);
    put64(b, (uint64_t)id->ino);
    put64(b, id->size);
    put_time(b, &id->mtime);
    put_time(b, &id->ctime);
}

static uint32_t code_index(const char *code)
{
    uint32_t i = 0;
    while (i + 1 < sizeof codes / sizeof *codes && !kl_streq(code, codes[i]))
        i++;
    return i;
}

static void put_records(struct out *o, const struct kl_listing *l)
{
    struct kl_buf *b = &o->b;
    for (size_t i = 0; i < l->nsegments; i++) {
        const struct kl_segment *s = &l->segments[i];
        put64(b, s->start);
        put64(b, s->end);
        put64(b, s->unpacked);
        put64(b, s->entries);
        put32(b, s->codec);
        put32(b, s->early);
        put_text(o, s->refused);
    }
    for (size_t i = 0; i < l->ninodes; i++) {
        const struct kl_listed_inode *n = &l->inodes[i];
        const uint32_t small[] = {
            n->mode, n->uid, n->gid, n->mtime, n->major, n->minor, n->nlink, n->segment};
        for (size_t k = 0; k < 8; k++)
            put32(b, small[k]);
        put64(b, n->size);
        put64(b, n->data);
        put64(b, n->where);
        put_text(o, n->target);
    }
    for (size_t i = 0; i < l->nnames; i++) {
        put32(b, l->names[i].parent);
        put32(b, l->names[i].inode);
        put_text(o, l->names[i].name);
    }
    for (size_t i = 0; i < l->ntraps; i++) {
        put32(b, code_index(l->traps[i].code));
        put_text(o, l->traps[i].message);
        put64(b, l->traps[i].at);
    }
}

static void put_all(struct out *o, const struct kl_identity *id, const struct kl_listing *l)
{
    struct kl_buf *b = &o->b;
    put_identity(b, id);
    put32(b, (uint32_t)l->nsegments);
    put32(b, (uint32_t)l->ninodes);
    put32(b, (uint32_t)l->nnames);
    put32(b, (uint32_t)l->ntraps);
    put64(b, l->trapped);
    put32(b, l->ino_most);
    put32(b, l->time);
    size_t text_len = b->len;
    put32(b, 0);
    kl_buf_addc(&o->text, '\0');
    put_records(o, l);
    kl_put32(b->s + text_len, (uint32_t)o->text.len);
    kl_buf_addn(b, o->text.s, o->text.len);
    put64(b, lzma_crc64((unsigned char *)b->s, b->len, 0));
}

struct old_file {
    char name[64];
    struct timespec at;
};

static int by_age(const void *a, const void *b)
{
    const struct timespec *x = &((const struct old_file *)a)->at,
                          *y = &((const struct old_file *)b)->at;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* The oldest go when there are too many, and with them what a run that was killed left. */
static void prune(int dir)
{
    enum { SEEN_MOST = 1024 };
    struct old_file *files = kl_xmalloc(SEEN_MOST * sizeof *files);
    int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again >= 0 ? fdopendir(again) : NULL;
    size_t n = 0;
    for (struct dirent *e; d && n < SEEN_MOST && (e = readdir(d));) {
        struct stat st;
        if (!kl_starts(e->d_name, PREFIX) || strlen(e->d_name) >= sizeof files->name ||
            fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        snprintf(files[n].name, sizeof files[n].name, "%s", e->d_name);
        files[n++].at = st.st_mtim;
    }
    if (d)
        closedir(d);
    else if (again >= 0)
        close(again);
    qsort(files, n, sizeof *files, by_age);
    for (size_t i = 0; i + FILES_MOST < n; i++)
        unlinkat(dir, files[i].name, 0);
    free(files);
}

static bool write_whole(int dir, const char *name, const struct kl_buf *b)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    size_t done = 0;
    for (ssize_t n; done < b->len; done += (size_t)n)
        if ((n = write(fd, b->s + done, b->len - done)) <= 0)
            break;
    bool ok = close(fd) == 0 && done == b->len;
    if (!ok)
        unlinkat(dir, name, 0);
    return ok;
}

void kl_index_save(const char *path, const struct kl_rope *image, const struct kl_listing *l)
{
    struct out o = {0};
    char name[64], other[80];
    const struct kl_identity *id = whole_file(image);
    if (!id)
        return;
    make_dirs(path);
    int dir = open_own_dir(path);
    if (dir < 0)
        return;
    put_all(&o, id, l);
    name_of(name, sizeof name, id);
    snprintf(other, sizeof other, "%s.%ld", name, (long)getpid());
    if (o.b.len <= BYTES_MOST && write_whole(dir, other, &o.b)) {
        if (renameat(dir, other, dir, name) != 0)
            unlinkat(dir, other, 0);
        prune(dir);
    }
    close(dir);
    kl_buf_free(&o.b);
    kl_buf_free(&o.text);
}

/* --- reading -----------------------------------------------------------------------------------*/

/* Records in order; their whole length was checked before. */
struct in {
    struct kl_arena *a;
    const char *p;
    const char *text;
    uint32_t text_len; /* its last byte is a NUL */
    uint64_t image;    /* bytes */
    bool ok;
};

static uint32_t get32(struct in *in)
{
    uint32_t v = kl_le32(in->p);
    in->p += 4;
    return v;
}

static uint64_t get64(struct in *in)
{
    uint64_t v = kl_le64(in->p);
    in->p += 8;
    return v;
}

static void must(struct in *in, bool holds)
{
    in->ok = in->ok && holds;
}

static const char *get_text(struct in *in)
{
    uint32_t at = get32(in);
    must(in, at < in->text_len);
    return in->ok && at ? in->text + at : NULL;
}

static void get_segments(struct in *in, struct kl_listing *l)
{
    for (size_t i = 0; i < l->nsegments; i++) {
        struct kl_segment *s = &l->segments[i];
        s->start = get64(in);
        s->end = get64(in);
        s->unpacked = get64(in);
        s->entries = (size_t)get64(in);
        uint32_t codec = get32(in);
        must(in, s->start <= s->end && s->end <= in->image && codec <= KL_CODEC_LZO);
        s->codec = (enum kl_codec)codec;
        s->early = get32(in) != 0;
        s->refused = get_text(in);
    }
}

static void get_inodes(struct in *in, struct kl_listing *l)
{
    for (size_t i = 0; in->ok && i < l->ninodes; i++) {
        struct kl_listed_inode *n = &l->inodes[i];
        uint32_t *small[] = {
            &n->mode, &n->uid, &n->gid, &n->mtime, &n->major, &n->minor, &n->nlink, &n->segment};
        for (size_t k = 0; k < 8; k++)
            *small[k] = get32(in);
        n->size = get64(in);
        n->data = get64(in);
        n->where = get64(in);
        n->target = get_text(in);
        must(in, n->segment < l->nsegments && !S_ISLNK(n->mode) == !n->target);
        if (!in->ok || !S_ISREG(n->mode))
            continue;
        const struct kl_segment *s = &l->segments[n->segment];
        uint64_t end = s->codec == KL_CODEC_NONE ? in->image : s->unpacked;
        must(in,
            n->size <= UINT32_MAX && (!n->size || (n->data <= end && n->size <= end - n->data)));
    }
}

static bool is_name(const char *s)
{
    return s && *s && strlen(s) <= KL_INITRD_NAME_MOST && !strchr(s, '/') && !kl_streq(s, ".") &&
           !kl_streq(s, "..");
}

static void get_names(struct in *in, struct kl_listing *l)
{
    for (size_t i = 0; in->ok && i < l->nnames; i++) {
        struct kl_listed_name *n = &l->names[i];
        n->parent = get32(in);
        n->inode = get32(in);
        n->name = get_text(in);
        must(in, n->inode < l->ninodes && (i ? n->parent < i && is_name(n->name)
                                             : n->parent == 0 && n->name && !*n->name));
        must(in, in->ok && S_ISDIR(l->inodes[l->names[n->parent].inode].mode));
    }
}

static void get_traps(struct in *in, struct kl_listing *l)
{
    for (size_t i = 0; in->ok && i < l->ntraps; i++) {
        uint32_t code = get32(in);
        const char *message = get_text(in);
        uint64_t at = get64(in);
        must(in, code < sizeof codes / sizeof *codes && message);
        if (in->ok)
            l->traps[i] = (struct kl_trap){.code = codes[code], .message = message, .at = at};
    }
}

/* `bytes` lives in the arena and stays: names and texts are in it. */
static bool parse(
    struct kl_arena *a, const char *bytes, size_t len, uint64_t image, struct kl_listing *l)
{
    struct in in = {.a = a, .p = bytes + IDENTITY, .image = image, .ok = true};
    l->nsegments = get32(&in);
    l->ninodes = get32(&in);
    l->nnames = get32(&in);
    l->ntraps = get32(&in);
    l->trapped = (size_t)get64(&in);
    l->ino_most = get32(&in);
    l->time = get32(&in);
    in.text_len = get32(&in);
    uint64_t records = (uint64_t)l->nsegments * SEGMENT + (uint64_t)l->ninodes * INODE +
                       (uint64_t)l->nnames * NAME + (uint64_t)l->ntraps * TRAP;
    if (HEAD + records + in.text_len + SUM != len || !in.text_len || !l->nsegments || !l->nnames ||
        l->ntraps > KL_TRAPS_TOLD || l->trapped < l->ntraps)
        return false;
    in.text = bytes + HEAD + records;
    if (in.text[in.text_len - 1] != '\0')
        return false;
    l->segments = kl_alloc(a, l->nsegments * sizeof *l->segments);
    l->inodes = kl_alloc(a, l->ninodes * sizeof *l->inodes);
    l->names = kl_alloc(a, l->nnames * sizeof *l->names);
    l->traps = kl_alloc(a, l->ntraps * sizeof *l->traps);
    get_segments(&in, l);
    get_inodes(&in, l);
    get_names(&in, l);
    get_traps(&in, l);
    return in.ok;
}

static bool is_this_image(const char *bytes, const struct kl_identity *id)
{
    struct kl_buf want KL_BUF_SCOPE = {0};
    put_identity(&want, id);
    return memcmp(bytes, want.s, want.len) == 0;
}

static bool read_whole(int fd, char *to, size_t n)
{
    for (ssize_t got; n; to += got, n -= (size_t)got)
        if ((got = read(fd, to, n)) <= 0)
            return false;
    return true;
}

static bool load(struct kl_arena *a, int fd, const struct kl_identity *id, struct kl_listing *l)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !is_ours(&st) || st.st_size < HEAD + SUM ||
        st.st_size > BYTES_MOST)
        return false;
    size_t len = (size_t)st.st_size;
    char *bytes = kl_alloc(a, len);
    if (!read_whole(fd, bytes, len) || !is_this_image(bytes, id) ||
        kl_le64(bytes + len - SUM) != lzma_crc64((unsigned char *)bytes, len - SUM, 0))
        return false;
    *l = (struct kl_listing){0};
    if (!parse(a, bytes, len, id->size, l))
        return false;
    futimens(fd, NULL); /* it was of use: others are older now */
    return true;
}

bool kl_index_load(
    struct kl_arena *a, const char *path, const struct kl_rope *image, struct kl_listing *l)
{
    char name[64];
    const struct kl_identity *id = whole_file(image);
    int dir = id ? open_own_dir(path) : -1;
    if (dir < 0)
        return false;
    name_of(name, sizeof name, id);
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool ok = fd >= 0 && load(a, fd, id, l);
    if (fd >= 0)
        close(fd);
    close(dir);
    return ok;
}
