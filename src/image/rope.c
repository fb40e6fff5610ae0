/* Pieces lie in one array, in order, each knowing where it starts: reading at an offset is a
 * binary search and one pread(2) or memcpy(3) a piece. Empty pieces are never kept. */
#include "image/rope.h"

#include "base/arena.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct kl_pin {
    atomic_uint held;
    int fd;
    struct kl_identity id;
};

struct kl_rope {
    atomic_uint held;
    struct kl_piece *pieces;
    size_t n, room;
    uint64_t len;
    pthread_mutex_t hashing; /* guards sha256, which is "" until it is known */
    char sha256[KL_SHA256_TEXT];
};

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool kl_identity_eq(const struct kl_identity *a, const struct kl_identity *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           same_time(&a->mtime, &b->mtime) && same_time(&a->ctime, &b->ctime);
}

static struct kl_identity identity(const struct stat *st)
{
    return (struct kl_identity){.dev = st->st_dev,
        .ino = st->st_ino,
        .size = (uint64_t)st->st_size,
        .mtime = st->st_mtim,
        .ctime = st->st_ctim};
}

struct kl_pin *kl_pin_take(int fd)
{
    struct stat st;
    int e = fstat(fd, &st) != 0   ? errno
            : S_ISREG(st.st_mode) ? 0
            : S_ISDIR(st.st_mode) ? EISDIR
                                  : EINVAL;
    if (e) {
        close(fd);
        errno = e;
        return NULL;
    }
    struct kl_pin *p = kl_xmalloc(sizeof *p);
    atomic_init(&p->held, 1);
    p->fd = fd;
    p->id = identity(&st);
    return p;
}

struct kl_pin *kl_pin_hold(struct kl_pin *p)
{
    atomic_fetch_add_explicit(&p->held, 1, memory_order_relaxed);
    return p;
}

void kl_pin_drop(struct kl_pin *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->held, 1, memory_order_acq_rel) != 1)
        return;
    close(p->fd);
    free(p);
}

int kl_pin_fd(const struct kl_pin *p)
{
    return p->fd;
}

const struct kl_identity *kl_pin_identity(const struct kl_pin *p)
{
    return &p->id;
}

bool kl_pin_unchanged(const struct kl_pin *p)
{
    struct stat st;
    if (fstat(p->fd, &st) != 0)
        return false;
    /* Not ctime: removing or renaming the name changes that, and not a byte of the file. */
    struct kl_identity now = identity(&st);
    return now.size == p->id.size && same_time(&now.mtime, &p->id.mtime);
}

struct kl_rope *kl_rope_new(void)
{
    struct kl_rope *r = kl_xmalloc(sizeof *r);
    atomic_init(&r->held, 1);
    pthread_mutex_init(&r->hashing, NULL);
    return r;
}

struct kl_rope *kl_rope_hold(struct kl_rope *r)
{
    atomic_fetch_add_explicit(&r->held, 1, memory_order_relaxed);
    return r;
}

void kl_rope_drop(struct kl_rope *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->held, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < r->n; i++) {
        kl_pin_drop((struct kl_pin *)r->pieces[i].pin);
        free((void *)r->pieces[i].bytes);
    }
    pthread_mutex_destroy(&r->hashing);
    free(r->pieces);
    free(r);
}

static void add(struct kl_rope *r, struct kl_piece piece)
{
    if (r->n == r->room) {
        r->room = r->room ? r->room * 2 : 1;
        r->pieces = kl_xrealloc(r->pieces, r->room * sizeof *r->pieces);
    }
    piece.start = r->len;
    r->len += piece.len;
    r->pieces[r->n++] = piece;
}

/* What goes on where the last piece ends, in the same file, is part of it. */
static bool extends_last(struct kl_rope *r, const struct kl_pin *p, uint64_t offset, uint64_t len)
{
    struct kl_piece *last = r->n ? &r->pieces[r->n - 1] : NULL;
    if (!last || last->pin != p || last->offset + last->len != offset)
        return false;
    last->len += len;
    r->len += len;
    return true;
}

bool kl_rope_add_file(struct kl_rope *r, struct kl_pin *p, uint64_t offset, uint64_t len)
{
    if (offset > p->id.size || len > p->id.size - offset) {
        errno = ERANGE;
        return false;
    }
    if (len && !extends_last(r, p, offset, len))
        add(r, (struct kl_piece){.pin = kl_pin_hold(p), .offset = offset, .len = len});
    return true;
}

void kl_rope_add_bytes_take(struct kl_rope *r, char *bytes, size_t len)
{
    if (len)
        add(r, (struct kl_piece){.bytes = bytes, .len = len});
    else
        free(bytes);
}

void kl_rope_add_bytes(struct kl_rope *r, const void *bytes, size_t len)
{
    if (!len)
        return;
    char *copy = kl_xmalloc(len);
    memcpy(copy, bytes, len);
    kl_rope_add_bytes_take(r, copy, len);
}

void kl_rope_add_rope(struct kl_rope *r, const struct kl_rope *from, uint64_t at, uint64_t len)
{
    const struct kl_piece *p = kl_rope_piece_at(from, at);
    for (; p && p < from->pieces + from->n && len; p++) {
        uint64_t within = at - p->start, part = p->len - within < len ? p->len - within : len;
        if (p->pin)
            kl_rope_add_file(r, (struct kl_pin *)p->pin, p->offset + within, part);
        else
            kl_rope_add_bytes(r, (const char *)p->bytes + within, part);
        at += part;
        len -= part;
    }
}

struct kl_rope *kl_rope_of_fd(int fd)
{
    struct kl_pin *p = kl_pin_take(fd);
    if (!p)
        return NULL;
    struct kl_rope *r = kl_rope_new();
    kl_rope_add_file(r, p, 0, p->id.size);
    kl_pin_drop(p);
    return r;
}

uint64_t kl_rope_len(const struct kl_rope *r)
{
    return r->len;
}

size_t kl_rope_pieces(const struct kl_rope *r)
{
    return r->n;
}

const struct kl_piece *kl_rope_piece(const struct kl_rope *r, size_t i)
{
    return i < r->n ? &r->pieces[i] : NULL;
}

const struct kl_piece *kl_rope_piece_at(const struct kl_rope *r, uint64_t at)
{
    if (at >= r->len)
        return NULL;
    size_t low = 0, high = r->n; /* the last piece that starts at or before `at` */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (r->pieces[middle].start <= at)
            low = middle;
        else
            high = middle;
    }
    return &r->pieces[low];
}

/* All `n` bytes, or false. */
static bool read_piece(const struct kl_piece *p, uint64_t within, char *to, size_t n)
{
    if (!p->pin) {
        memcpy(to, (const char *)p->bytes + within, n);
        return true;
    }
    while (n) {
        ssize_t got = pread(p->pin->fd, to, n, (off_t)(p->offset + within));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (got == 0)
                errno = ESTALE;
            return false;
        }
        to += got;
        n -= (size_t)got;
        within += (uint64_t)got;
    }
    return true;
}

ssize_t kl_rope_read(const struct kl_rope *r, uint64_t at, void *to, size_t n)
{
    size_t done = 0;
    const struct kl_piece *p = kl_rope_piece_at(r, at);
    for (; p && p < r->pieces + r->n && done < n; p++) {
        uint64_t within = at + done - p->start, left = p->len - within;
        size_t part = left < n - done ? (size_t)left : n - done;
        if (!read_piece(p, within, (char *)to + done, part))
            return -1;
        done += part;
    }
    return (ssize_t)done;
}

/* --- written and hashed ------------------------------------------------------------------------*/

enum { PART = 1 << 20 }; /* bytes at a time through memory */

static bool write_all(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t put = write(fd, bytes, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        bytes += put;
        n -= (size_t)put;
    }
    return true;
}

static bool copy_through_memory(const struct kl_piece *p, uint64_t from, size_t n, int fd)
{
    char *part = kl_xmalloc(n);
    bool ok = read_piece(p, from, part, n) && write_all(fd, part, n);
    int e = errno;
    free(part);
    errno = e;
    return ok;
}

/* Up to PART * 64 bytes of a file's piece; how many, or -1 with errno. */
static ssize_t copy_some(const struct kl_piece *p, uint64_t from, int fd, bool *ranges)
{
    uint64_t left = p->len - from;
    while (*ranges) {
        loff_t at = (loff_t)(p->offset + from);
        size_t most = (size_t)PART * 64;
        ssize_t n = copy_file_range(p->pin->fd, &at, fd, NULL, left < most ? left : most, 0);
        if (n > 0)
            return n;
        if (n == 0) {
            errno = ESTALE;
            return -1;
        }
        if (errno == EINTR)
            continue;
        /* Another filesystem, a pipe, a socket: copy_file_range(2) has many names for "not I". */
        if (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG)
            return -1;
        *ranges = false;
    }
    size_t n = left < PART ? (size_t)left : PART;
    return copy_through_memory(p, from, n, fd) ? (ssize_t)n : -1;
}

bool kl_rope_write(const struct kl_rope *r, int fd,
    void (*progress)(void *arg, uint64_t done, uint64_t of), void *arg)
{
    bool ranges = true;
    for (const struct kl_piece *p = r->pieces; p < r->pieces + r->n; p++) {
        if (!p->pin && !write_all(fd, p->bytes, p->len))
            return false;
        for (uint64_t done = 0; p->pin && done < p->len;) {
            ssize_t n = copy_some(p, done, fd, &ranges);
            if (n < 0)
                return false;
            done += (uint64_t)n;
            if (progress)
                progress(arg, p->start + done, r->len);
        }
        if (p->pin && !kl_pin_unchanged(p->pin)) {
            errno = ESTALE;
            return false;
        }
    }
    if (progress)
        progress(arg, r->len, r->len);
    return true;
}

static bool hash_all(const struct kl_rope *r, gnutls_hash_hd_t hash)
{
    char *part = kl_xmalloc(PART);
    uint64_t at = 0;
    ssize_t n;
    while ((n = kl_rope_read(r, at, part, PART)) > 0) {
        gnutls_hash(hash, part, (size_t)n);
        at += (uint64_t)n;
    }
    int e = errno;
    free(part);
    errno = e;
    return n == 0;
}

static bool sha256(const struct kl_rope *r, char out[static KL_SHA256_TEXT])
{
    unsigned char digest[32];
    gnutls_hash_hd_t hash;
    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) != 0) {
        errno = ENOSYS;
        return false;
    }
    bool ok = hash_all(r, hash);
    int e = errno;
    gnutls_hash_deinit(hash, digest);
    errno = e;
    for (size_t i = 0; ok && i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return ok;
}

bool kl_rope_sha256(const struct kl_rope *r, char out[static KL_SHA256_TEXT])
{
    struct kl_rope *own = (struct kl_rope *)r; /* what is kept is no part of what it means */
    pthread_mutex_lock(&own->hashing);
    bool ok = own->sha256[0] || sha256(r, own->sha256);
    if (!ok)
        own->sha256[0] = '\0';
    memcpy(out, own->sha256, KL_SHA256_TEXT);
    pthread_mutex_unlock(&own->hashing);
    return ok;
}

time_t kl_rope_mtime(const struct kl_rope *r)
{
    time_t newest = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->pieces[i].pin && r->pieces[i].pin->id.mtime.tv_sec > newest)
            newest = r->pieces[i].pin->id.mtime.tv_sec;
    return newest;
}

/* FNV-1a, 128 bits (draft-eastlake-fnv): no secret to keep, only texts to tell apart. */
typedef unsigned __int128 wide;

static wide mix_byte(wide h, unsigned char byte)
{
    return (h ^ byte) * ((wide)1 << 88 | 0x13b);
}

static wide mix(wide h, const unsigned char *bytes, uint64_t n)
{
    while (n--)
        h = mix_byte(h, *bytes++);
    return h;
}

static wide mix_number(wide h, uint64_t number)
{
    for (int i = 0; i < 64; i += 8)
        h = mix_byte(h, (unsigned char)(number >> i));
    return h;
}

static wide mix_file(wide h, const struct kl_piece *p)
{
    const struct kl_identity *id = &p->pin->id;
    h = mix_number(h, id->size);
    h = mix_number(h, (uint64_t)id->mtime.tv_sec);
    h = mix_number(h, (uint64_t)id->mtime.tv_nsec);
    return mix_number(mix_number(h, p->offset), p->len);
}

const char *kl_rope_etag(const struct kl_rope *r, char out[static KL_ETAG_TEXT])
{
    wide h = (wide)UINT64_C(0x6c62272e07bb0142) << 64 | UINT64_C(0x62b821756295c58d);
    for (size_t i = 0; i < r->n; i++) {
        const struct kl_piece *p = &r->pieces[i];
        h = p->pin ? mix_file(h, p) : mix(h, p->bytes, p->len);
    }
    snprintf(out, KL_ETAG_TEXT, "\"%016llx%016llx\"", (unsigned long long)(h >> 64),
        (unsigned long long)h);
    return out;
}
