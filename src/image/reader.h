/* Bytes that can be read at any offset: a rope, or a file within an image. */
#ifndef KL_IMAGE_READER_H
#define KL_IMAGE_READER_H

#include "image/fault.h"
#include "image/rope.h"

struct kl_reader {
    uint64_t len;
    /* All of `n` bytes from `at`, a range within `len`; false after it was reported. */
    bool (*read)(const struct kl_reader *self, uint64_t at, void *to, size_t n);
    void *arg;
    struct kl_fault_log *log;
};

/* All `n` bytes from `at`. Outside of it: KL_IMAGE_TRUNCATED, as "WHAT ends after the image". */
bool kl_read(const struct kl_reader *r, uint64_t at, void *to, size_t n, const char *what);

/* Borrows the rope and the log. */
struct kl_reader kl_rope_reader(const struct kl_rope *rope, struct kl_fault_log *log);

/* Little-endian numbers, as squashfs, ext4 and EROFS have them; never cast a struct over bytes. */
static inline uint16_t kl_le16(const void *p)
{
    const unsigned char *b = p;
    return (uint16_t)(b[0] | b[1] << 8);
}
static inline uint32_t kl_le32(const void *p)
{
    return kl_le16(p) | (uint32_t)kl_le16((const char *)p + 2) << 16;
}
static inline uint64_t kl_le64(const void *p)
{
    return kl_le32(p) | (uint64_t)kl_le32((const char *)p + 4) << 32;
}
static inline void kl_put16(void *p, uint16_t v)
{
    unsigned char *b = p;
    b[0] = (unsigned char)v;
    b[1] = (unsigned char)(v >> 8);
}
static inline void kl_put32(void *p, uint32_t v)
{
    kl_put16(p, (uint16_t)v);
    kl_put16((char *)p + 2, (uint16_t)(v >> 16));
}
static inline void kl_put64(void *p, uint64_t v)
{
    kl_put32(p, (uint32_t)v);
    kl_put32((char *)p + 4, (uint32_t)(v >> 32));
}

#endif
