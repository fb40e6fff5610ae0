/* A rope: a file as a list of pieces, each a range of a file on disk or bytes in memory.
 *
 * It is what HTTP and TFTP send and what a patched image is made of: nothing is copied until it
 * leaves. A file is pinned when it joins: its descriptor stays open and its identity is kept, so a
 * rope goes on meaning the file that it was made of when another takes its name, and a file that
 * is cut or rewritten under it is noticed, not sent in halves.
 *
 * A rope is built by one thread; once built it may be read by any number. Both pins and ropes are
 * counted: hold and drop are thread-safe.
 */
#ifndef KL_IMAGE_ROPE_H
#define KL_IMAGE_ROPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct kl_identity {
    dev_t dev;
    ino_t ino;
    uint64_t size;
    struct timespec mtime, ctime;
};
bool kl_identity_eq(const struct kl_identity *a, const struct kl_identity *b);

struct kl_pin; /* an open regular file */

/* Takes `fd` over, also when it fails. NULL with errno: EISDIR, or EINVAL for what is neither a
 * regular file nor a directory. */
struct kl_pin *kl_pin_take(int fd);
struct kl_pin *kl_pin_hold(struct kl_pin *p);
void kl_pin_drop(struct kl_pin *p); /* NULL is fine */
int kl_pin_fd(const struct kl_pin *p);
const struct kl_identity *kl_pin_identity(const struct kl_pin *p);
bool kl_pin_unchanged(const struct kl_pin *p); /* still the bytes that were pinned? */

struct kl_piece {
    const struct kl_pin *pin; /* a range of this file from `offset` ... */
    uint64_t offset;
    const void *bytes; /* ... or, when `pin` is NULL, these */
    uint64_t start;    /* where it lies in the rope */
    uint64_t len;      /* never 0 */
};

struct kl_rope;

struct kl_rope *kl_rope_new(void); /* empty, held once */
struct kl_rope *kl_rope_hold(struct kl_rope *r);
void kl_rope_drop(struct kl_rope *r); /* NULL is fine */

/* False with errno when the range does not lie within the file (ERANGE). Holds the pin. */
bool kl_rope_add_file(struct kl_rope *r, struct kl_pin *p, uint64_t offset, uint64_t len);
void kl_rope_add_bytes(struct kl_rope *r, const void *bytes, size_t len); /* copies */
void kl_rope_add_bytes_take(struct kl_rope *r, char *bytes, size_t len);  /* takes malloc'ed */
/* `len` bytes of another from `at`, a range within it: files are held, bytes in memory copied. */
void kl_rope_add_rope(struct kl_rope *r, const struct kl_rope *from, uint64_t at, uint64_t len);
/* All of an open file; takes `fd` over as kl_pin_take does. */
struct kl_rope *kl_rope_of_fd(int fd);

uint64_t kl_rope_len(const struct kl_rope *r);
size_t kl_rope_pieces(const struct kl_rope *r);
const struct kl_piece *kl_rope_piece(const struct kl_rope *r, size_t i); /* NULL past the end */
/* The piece that holds byte `at`; NULL at or past the end. */
const struct kl_piece *kl_rope_piece_at(const struct kl_rope *r, uint64_t at);
/* Reads up to `n` bytes from `at`: fewer only at the end. -1 with errno; ESTALE when a file of it
 * was cut short since it was pinned. */
ssize_t kl_rope_read(const struct kl_rope *r, uint64_t at, void *to, size_t n);
/* Writes all of it to `fd` from where that stands, by copy_file_range(2), which shares blocks where
 * the filesystem can. False with errno; ESTALE when a file of it changed meanwhile. `progress` may
 * be NULL; it gets (arg, bytes done, of). */
bool kl_rope_write(const struct kl_rope *r, int fd,
    void (*progress)(void *arg, uint64_t done, uint64_t of), void *arg);
/* SHA-256 (FIPS 180-4) in hexadecimal, computed when it is first asked for and kept. False with
 * errno. Thread-safe. */
#define KL_SHA256_TEXT 65
bool kl_rope_sha256(const struct kl_rope *r, char out[static KL_SHA256_TEXT]);
/* The newest file's modification; 0 when there is no file in it. */
time_t kl_rope_mtime(const struct kl_rope *r);

/* A strong entity tag (RFC 9110 8.8.3), with its quotes. It is made of what all servers of a site
 * see alike, sizes, modification times and bytes, and not of inode numbers, so that a download
 * can be resumed from another server. */
#define KL_ETAG_TEXT 40
const char *kl_rope_etag(const struct kl_rope *r, char out[static KL_ETAG_TEXT]);

static inline void kl_rope_scope(struct kl_rope **r)
{
    kl_rope_drop(*r);
}
#define KL_ROPE_SCOPE __attribute__((cleanup(kl_rope_scope)))

#endif
