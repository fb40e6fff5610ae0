/* Blocks: each call sets its library up and lets it go, so nothing is kept and any number of
 * threads may pack at once. A block that does not unpack is no fault here but -1: the caller
 * knows where it lies. */
#include "image/codec.h"

#include <lz4.h>
#include <lz4hc.h>
#include <lzma.h>
#ifdef KL_HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* A block is at most 1 MiB, and its dictionary no larger; more memory than this is a bomb. */
enum { XZ_MEMORY = 32 << 20, BLOCK_MOST = 1 << 26, RAW_WINDOW = -15 };

/* --- unpacking ---------------------------------------------------------------------------------*/

static ssize_t unpack_zlib(
    const void *in, size_t n, void *out, size_t room, size_t exact, int window)
{
    z_stream z = {.next_in = (Bytef *)in,
        .avail_in = (uInt)n,
        .next_out = out,
        .avail_out = (uInt)(exact ? exact : room)};
    if (inflateInit2(&z, window) != Z_OK)
        return -1;
    int rc = inflate(&z, exact ? Z_SYNC_FLUSH : Z_FINISH);
    ssize_t got = (ssize_t)z.total_out;
    inflateEnd(&z);
    return rc == Z_STREAM_END || (exact && rc == Z_OK) ? got : -1;
}

static ssize_t unpack_xz(const void *in, size_t n, void *out, size_t room)
{
    uint64_t memory = XZ_MEMORY;
    size_t from = 0, to = 0;
    lzma_ret rc = lzma_stream_buffer_decode(&memory, 0, NULL, in, &from, n, out, &to, room);
    return rc == LZMA_OK ? (ssize_t)to : -1;
}

static ssize_t unpack_lzma(const void *in, size_t n, void *out, size_t room, size_t exact)
{
    lzma_stream z = LZMA_STREAM_INIT;
    lzma_ret rc = exact ? lzma_microlzma_decoder(&z, n, exact, false, XZ_MEMORY)
                        : lzma_alone_decoder(&z, XZ_MEMORY);
    z.next_in = in;
    z.avail_in = n;
    z.next_out = out;
    z.avail_out = exact ? exact : room;
    if (rc == LZMA_OK)
        rc = lzma_code(&z, LZMA_RUN);
    size_t got = (size_t)z.total_out;
    lzma_end(&z);
    return rc == LZMA_STREAM_END || (exact && rc == LZMA_OK) ? (ssize_t)got : -1;
}

static ssize_t unpack_zstd(const void *in, size_t n, void *out, size_t room, size_t exact)
{
    if (!exact) {
        size_t got = ZSTD_decompress(out, room, in, n);
        return ZSTD_isError(got) ? -1 : (ssize_t)got;
    }
    ZSTD_DStream *z = ZSTD_createDStream();
    if (!z)
        return -1;
    ZSTD_inBuffer from = {in, n, 0};
    ZSTD_outBuffer to = {out, exact, 0};
    size_t rc = 1;
    while (to.pos < exact && from.pos < n && rc && !ZSTD_isError(rc))
        rc = ZSTD_decompressStream(z, &to, &from);
    ZSTD_freeDStream(z);
    return ZSTD_isError(rc) ? -1 : (ssize_t)to.pos;
}

static ssize_t unpack_lz4(const char *in, size_t n, char *out, size_t room, size_t exact)
{
    int got = exact ? LZ4_decompress_safe_partial(in, out, (int)n, (int)exact, (int)room)
                    : LZ4_decompress_safe(in, out, (int)n, (int)room);
    return got < 0 ? -1 : (ssize_t)got;
}

static ssize_t unpack_lzo(const void *in, size_t n, void *out, size_t room)
{
#ifdef KL_HAVE_LZO
    lzo_uint got = room;
    return lzo1x_decompress_safe(in, n, out, &got, NULL) == LZO_E_OK ? (ssize_t)got : -1;
#else
    (void)in, (void)n, (void)out, (void)room;
    return -1;
#endif
}

ssize_t kl_block_unpack(
    enum kl_codec codec, const void *in, size_t n, void *out, size_t room, size_t exact)
{
    if (!n || n > BLOCK_MOST || room > BLOCK_MOST || exact > room)
        return -1;
    ssize_t got = -1;
    switch (codec) {
    case KL_CODEC_GZIP:
        got = unpack_zlib(in, n, out, room, exact, MAX_WBITS);
        break;
    case KL_CODEC_DEFLATE:
        got = unpack_zlib(in, n, out, room, exact, RAW_WINDOW);
        break;
    case KL_CODEC_XZ:
        got = unpack_xz(in, n, out, room);
        break;
    case KL_CODEC_LZMA:
        got = unpack_lzma(in, n, out, room, exact);
        break;
    case KL_CODEC_ZSTD:
        got = unpack_zstd(in, n, out, room, exact);
        break;
    case KL_CODEC_LZ4:
        got = unpack_lz4(in, n, out, room, exact);
        break;
    case KL_CODEC_LZO:
        got = unpack_lzo(in, n, out, room);
        break;
    case KL_CODEC_NONE:
    case KL_CODEC_BZIP2:
        break;
    }
    /* LZ4's partial decode may run on to the end of a match. */
    if (exact && got >= 0)
        return (size_t)got >= exact ? (ssize_t)exact : -1;
    return got;
}

/* --- packing -----------------------------------------------------------------------------------*/

static ssize_t pack_zlib(
    const struct kl_pack_options *o, const void *in, size_t n, void *out, size_t room)
{
    enum { MEMORY_LEVEL = 8 };
    z_stream z = {
        .next_in = (Bytef *)in, .avail_in = (uInt)n, .next_out = out, .avail_out = (uInt)room};
    if (deflateInit2(&z, o->level ? o->level : Z_BEST_COMPRESSION, Z_DEFLATED,
            o->window ? o->window : MAX_WBITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return -1;
    int rc = deflate(&z, Z_FINISH);
    ssize_t put = (ssize_t)z.total_out;
    deflateEnd(&z);
    return rc == Z_STREAM_END ? put : rc == Z_OK || rc == Z_BUF_ERROR ? 0 : -1;
}

/* As linux/fs/squashfs/xz_wrapper.c can read it: CRC32, a dictionary no larger than was declared.
 * BCJ filters are chosen block by block, so a block without one fits in any image. */
static ssize_t pack_xz(
    const struct kl_pack_options *o, const void *in, size_t n, void *out, size_t room)
{
    lzma_options_lzma lzma;
    if (lzma_lzma_preset(&lzma, LZMA_PRESET_DEFAULT))
        return -1;
    lzma.dict_size = o->dict_size ? o->dict_size : o->block_size;
    if (lzma.dict_size < LZMA_DICT_SIZE_MIN)
        lzma.dict_size = LZMA_DICT_SIZE_MIN;
    lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &lzma}, {LZMA_VLI_UNKNOWN, NULL}};
    size_t put = 0;
    lzma_ret rc =
        lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, in, n, out, &put, room);
    return rc == LZMA_OK ? (ssize_t)put : rc == LZMA_BUF_ERROR ? 0 : -1;
}

static ssize_t pack_zstd(
    const struct kl_pack_options *o, const void *in, size_t n, void *out, size_t room)
{
    enum { LEVEL = 15 }; /* mksquashfs's */
    size_t put = ZSTD_compress(out, room, in, n, o->level ? o->level : LEVEL);
    if (!ZSTD_isError(put))
        return (ssize_t)put;
    return ZSTD_getErrorCode(put) == ZSTD_error_dstSize_tooSmall ? 0 : -1;
}

static ssize_t pack_lz4(
    const struct kl_pack_options *o, const char *in, size_t n, char *out, size_t room)
{
    return o->lz4_hc ? LZ4_compress_HC(in, out, (int)n, (int)room, LZ4HC_CLEVEL_MAX)
                     : LZ4_compress_default(in, out, (int)n, (int)room);
}

#ifdef KL_HAVE_LZO
/* lzo1x_999 whatever the options name: what it makes, every LZO1X decoder reads. */
static ssize_t pack_lzo(
    const struct kl_pack_options *o, const void *in, size_t n, void *out, size_t room)
{
    enum { LEVEL = 8 }; /* mksquashfs's */
    lzo_uint put = n + n / 16 + 64 + 3;
    void *work = calloc(1, LZO1X_999_MEM_COMPRESS), *whole = malloc(put);
    ssize_t rc = -1;
    if (work && whole &&
        lzo1x_999_compress_level(
            in, n, whole, &put, work, NULL, 0, NULL, o->level ? o->level : LEVEL) == LZO_E_OK) {
        rc = put <= room ? (ssize_t)put : 0;
        memcpy(out, whole, (size_t)rc);
    }
    free(work);
    free(whole);
    return rc;
}
#endif

ssize_t kl_block_pack(
    const struct kl_pack_options *o, const void *in, size_t n, void *out, size_t room)
{
    if (n < 2 || n > BLOCK_MOST || room < n)
        return n < 2 ? 0 : -1;
    switch (o->codec) {
    case KL_CODEC_GZIP:
        return pack_zlib(o, in, n, out, n - 1);
    case KL_CODEC_XZ:
        return pack_xz(o, in, n, out, n - 1);
    case KL_CODEC_ZSTD:
        return pack_zstd(o, in, n, out, n - 1);
    case KL_CODEC_LZ4:
        return pack_lz4(o, in, n, out, n - 1);
    case KL_CODEC_LZO:
#ifdef KL_HAVE_LZO
        return pack_lzo(o, in, n, out, n - 1);
#endif
    case KL_CODEC_NONE:
    case KL_CODEC_LZMA: /* no kernel reads it; what is stored as it is can always be read */
    case KL_CODEC_BZIP2:
    case KL_CODEC_DEFLATE:
        break;
    }
    return 0;
}
