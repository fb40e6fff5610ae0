/* Compression, as images use it: blocks (squashfs, EROFS) and streams (the segments of an initrd).
 * The codecs are zlib, liblzma, libzstd, liblz4, libbz2 and liblzo2; only what is around them is
 * ours. */
#ifndef KL_IMAGE_CODEC_H
#define KL_IMAGE_CODEC_H

#include "image/reader.h"

#include <stddef.h>

enum kl_codec {
    KL_CODEC_NONE,
    KL_CODEC_GZIP,
    KL_CODEC_XZ,
    KL_CODEC_LZMA, /* "lzma alone", what xz came after */
    KL_CODEC_ZSTD,
    KL_CODEC_LZ4, /* streams: the legacy frame of the kernel's images, magic 02214c18 */
    KL_CODEC_BZIP2,
    KL_CODEC_LZO,     /* streams: lzop's frame */
    KL_CODEC_DEFLATE, /* blocks of EROFS: RFC 1951 without zlib's frame */
};
extern const char *const kl_codec_name[]; /* "none", "gzip", "xz", "lzma", ... */

/* What a segment that begins with these bytes is packed with; KL_CODEC_NONE when with nothing
 * that is known (linux/lib/decompress.c has the magics). */
enum kl_codec kl_codec_of(const void *head, size_t n);

/* --- streams -----------------------------------------------------------------------------------*/

struct kl_unpack;
/* Begins at `at` of `from` (borrowed, with its log, until kl_unpack_free). One stream: it ends
 * where the compressor's own end mark is, not at the end of `from`. */
struct kl_unpack *kl_unpack_new(const struct kl_reader *from, uint64_t at, enum kl_codec codec);
void kl_unpack_free(struct kl_unpack *u);
/* Up to `n` bytes; 0 at the end; -1 after the fault was reported. */
ssize_t kl_unpack_read(struct kl_unpack *u, void *to, size_t n);
/* After the end: where the byte after the stream lies in `from`. */
uint64_t kl_unpack_end(const struct kl_unpack *u);
/* What Linux's decoder would refuse, or NULL: xz with CRC64 or SHA-256 (linux/lib/xz takes none and
 * CRC32). Known once the first byte was read. */
const char *kl_unpack_refused_by_linux(const struct kl_unpack *u);

/* --- blocks ------------------------------------------------------------------------------------*/

/* Unpacks one block of at most `room` bytes; returns its size, or -1 when it is none. Quiet: the
 * caller knows the offset. `exact` is EROFS's way, 0 for all others: so many bytes (at most `room`)
 * are wanted from the block's beginning, which may hold more (a partial decode), whatever the
 * codec; -1 when it holds fewer. LZMA is then MicroLZMA, and without it "lzma alone". */
ssize_t kl_block_unpack(
    enum kl_codec codec, const void *in, size_t n, void *out, size_t room, size_t exact);

/* How squashfs's compressor options (the block after its superblock) set the encoder. */
struct kl_pack_options {
    enum kl_codec codec;
    uint32_t block_size;
    int level;          /* 0: the codec's default */
    uint32_t dict_size; /* xz; 0: block_size */
    bool lz4_hc;
    int window; /* gzip: window bits; 0: 15 */
};
/* Packs one block; the size, or 0 when it does not get smaller than `n` (store it raw then). Same
 * input, same bytes. `room` must be at least `n`. -1 on a failure of the library. */
ssize_t kl_block_pack(
    const struct kl_pack_options *o, const void *in, size_t n, void *out, size_t room);

#endif
