/* One stream at a time, pulled: input is read from the image in pieces of 64 KiB, output goes
 * straight to the caller, and what a stream took is known to the byte, for the next segment of an
 * initrd begins there. Nothing is kept of what was unpacked but what the codec needs to go on.
 *
 * gzip, xz, lzma, zstd and bzip2 are their libraries' own streams. The two that are chains of
 * blocks, LZ4's legacy frame and lzop's, are walked here, ending where Linux ends them. */
#include "image/codec.h"

#include "base/arena.h"

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>
#ifdef KL_HAVE_LZO
#include <lzo/lzo1x.h>
#endif

enum {
    IN_ROOM = 64 << 10,
    LZ4_CHUNK = 8 << 20,       /* linux/lib/decompress_unlz4.c; lz4(1) -l writes the same */
    LZO_BLOCK = 256 << 10,     /* linux/lib/decompress_unlzo.c; lzop(1) writes the same */
    ZSTD_WINDOW_LOG_MOST = 27, /* linux/lib/decompress_unzstd.c: 128 MiB */
};
/* xz -9 asks for 65 MiB. */
#define LZMA_MEMORY_MOST ((uint64_t)256 << 20)

#define LZ4_LEGACY_MAGIC UINT32_C(0x184c2102)

const char *const kl_codec_name[] = {
    "none", "gzip", "xz", "lzma", "zstd", "lz4", "bzip2", "lzo", "deflate"};

enum kl_codec kl_codec_of(const void *head, size_t n)
{
    /* Two bytes are what linux/lib/decompress.c looks at. */
    static const struct {
        unsigned char magic[2];
        enum kl_codec codec;
    } known[] = {
        {{0x1f, 0x8b}, KL_CODEC_GZIP},
        {{0x1f, 0x9e}, KL_CODEC_GZIP},
        {{0x42, 0x5a}, KL_CODEC_BZIP2},
        {{0x5d, 0x00}, KL_CODEC_LZMA},
        {{0xfd, 0x37}, KL_CODEC_XZ},
        {{0x89, 0x4c}, KL_CODEC_LZO},
        {{0x02, 0x21}, KL_CODEC_LZ4},
        {{0x28, 0xb5}, KL_CODEC_ZSTD},
    };
    for (size_t i = 0; n >= 2 && i < sizeof known / sizeof *known; i++)
        if (memcmp(head, known[i].magic, 2) == 0)
            return known[i].codec;
    return KL_CODEC_NONE;
}

/* A chain of blocks: one is unpacked whole, then handed out. */
struct blocks {
    unsigned char *packed, *out;
    size_t packed_room, out_room, out_len, out_at;
    bool begun;     /* the header was read */
    uint32_t flags; /* lzop's */
};

struct kl_unpack {
    const struct kl_reader *from;
    enum kl_codec codec;
    uint64_t at; /* the next byte of `from` to be read into `in` */
    unsigned char *in;
    size_t pos, have;
    bool ended, failed;
    const char *refused;
    union {
        z_stream gzip;
        lzma_stream lzma;
        ZSTD_DStream *zstd;
        bz_stream bzip2;
        struct blocks blocks;
    };
};

enum outcome { GOES_ON, ENDED, FAILED };

static uint64_t here(const struct kl_unpack *u)
{
    return u->at - (u->have - u->pos);
}

static uint64_t left(const struct kl_unpack *u)
{
    return u->from->len - here(u);
}

static const char *name_of(const struct kl_unpack *u)
{
    return kl_codec_name[u->codec];
}

static enum outcome corrupt(struct kl_unpack *u, const char *why)
{
    kl_fault(u->from->log, KL_IMAGE_CORRUPT, here(u),
        "it is damaged: fetch it again and compare its checksum",
        "the %s stream cannot be unpacked: %s", name_of(u), why);
    return FAILED;
}

static enum outcome truncated(struct kl_unpack *u)
{
    kl_fault(u->from->log, KL_IMAGE_TRUNCATED, here(u),
        "it is cut short: fetch it again and compare its size and checksum",
        "the image ends within a %s stream", name_of(u));
    return FAILED;
}

static enum outcome too_large(struct kl_unpack *u, const char *what)
{
    kl_fault(
        u->from->log, KL_IMAGE_BOMB, here(u), NULL, "the %s stream wants %s", name_of(u), what);
    return FAILED;
}

/* Makes input readable if there is any; false after a fault. */
static bool fill(struct kl_unpack *u)
{
    if (u->pos < u->have || u->at >= u->from->len)
        return true;
    uint64_t rest = u->from->len - u->at;
    size_t n = rest < IN_ROOM ? (size_t)rest : IN_ROOM;
    if (!kl_read(u->from, u->at, u->in, n, "packed data"))
        return false;
    u->pos = 0;
    u->have = n;
    u->at += n;
    return true;
}

/* Exactly `n` bytes of input, across pieces; false, reported, when there are fewer. */
static bool take(struct kl_unpack *u, void *to, size_t n)
{
    unsigned char *p = to;
    while (n) {
        if (!fill(u))
            return false;
        size_t part = u->have - u->pos < n ? u->have - u->pos : n;
        if (!part)
            return truncated(u), false;
        memcpy(p, u->in + u->pos, part);
        u->pos += part;
        p += part;
        n -= part;
    }
    return true;
}

/* --- the libraries' streams --------------------------------------------------------------------*/

static enum outcome step_gzip(struct kl_unpack *u, void *to, size_t n, size_t *made)
{
    z_stream *z = &u->gzip;
    z->next_in = u->in + u->pos;
    z->avail_in = (uInt)(u->have - u->pos);
    z->next_out = to;
    z->avail_out = (uInt)n;
    int rc = inflate(z, Z_NO_FLUSH);
    u->pos = u->have - z->avail_in;
    *made = n - z->avail_out;
    if (rc == Z_STREAM_END)
        return ENDED;
    return rc == Z_OK || rc == Z_BUF_ERROR ? GOES_ON
                                           : corrupt(u, z->msg ? z->msg : "it is not valid");
}

static enum outcome step_lzma(struct kl_unpack *u, void *to, size_t n, size_t *made)
{
    lzma_stream *x = &u->lzma;
    x->next_in = u->in + u->pos;
    x->avail_in = u->have - u->pos;
    x->next_out = to;
    x->avail_out = n;
    lzma_ret rc = lzma_code(x, LZMA_RUN);
    u->pos = u->have - x->avail_in;
    *made = n - x->avail_out;
    switch (rc) {
    case LZMA_STREAM_END:
        return ENDED;
    case LZMA_OK:
    case LZMA_BUF_ERROR:
        return GOES_ON;
    case LZMA_MEM_ERROR:
    case LZMA_MEMLIMIT_ERROR:
        return too_large(u, "more than 256 MiB of memory");
    case LZMA_FORMAT_ERROR:
        return corrupt(u, "its header is none");
    case LZMA_OPTIONS_ERROR:
        return corrupt(u, "its options are not known");
    default:
        return corrupt(u, "its data is damaged");
    }
}

static enum outcome step_zstd(struct kl_unpack *u, void *to, size_t n, size_t *made)
{
    ZSTD_inBuffer in = {.src = u->in + u->pos, .size = u->have - u->pos};
    ZSTD_outBuffer out = {.dst = to, .size = n};
    size_t rc = ZSTD_decompressStream(u->zstd, &out, &in);
    u->pos += in.pos;
    *made = out.pos;
    if (!ZSTD_isError(rc))
        return rc == 0 ? ENDED : GOES_ON;
    if (ZSTD_getErrorCode(rc) == ZSTD_error_frameParameter_windowTooLarge)
        return too_large(u, "a window of more than 128 MiB");
    return corrupt(u, ZSTD_getErrorName(rc));
}

static enum outcome step_bzip2(struct kl_unpack *u, void *to, size_t n, size_t *made)
{
    bz_stream *b = &u->bzip2;
    b->next_in = (char *)u->in + u->pos;
    b->avail_in = (unsigned)(u->have - u->pos);
    b->next_out = to;
    b->avail_out = (unsigned)n;
    int rc = BZ2_bzDecompress(b);
    u->pos = u->have - b->avail_in;
    *made = n - b->avail_out;
    if (rc == BZ_STREAM_END)
        return ENDED;
    return rc == BZ_OK ? GOES_ON
                       : corrupt(u, rc == BZ_DATA_ERROR_MAGIC ? "its header is none"
                                                              : "its data is damaged");
}

/* --- chains of blocks --------------------------------------------------------------------------*/

/* Room for at least `n` bytes whose content does not matter. */
static unsigned char *room_for(unsigned char *old, size_t *room, size_t n)
{
    if (n <= *room)
        return old;
    free(old);
    *room = n;
    return kl_xrealloc(NULL, n);
}

static bool take_packed(struct kl_unpack *u, size_t n)
{
    struct blocks *b = &u->blocks;
    if (n > left(u))
        return truncated(u), false;
    b->packed = room_for(b->packed, &b->packed_room, n);
    return take(u, b->packed, n);
}

/* Bytes that a kernel would go on with as another segment, were they not behind LZ4. */
static bool looks_like_segment(const unsigned char *p)
{
    return memcmp(p, "0707", 4) == 0 || kl_codec_of(p, 4) != KL_CODEC_NONE;
}

/* The chunk's length is looked at before it is taken: a length of 0, and fewer than four bytes,
 * are the stream's end and no part of it (linux/lib/decompress_unlz4.c, since 5.8; older ones end
 * only with the image). Another magic begins another frame of the same stream. */
static enum outcome lz4_length(struct kl_unpack *u, uint32_t *len)
{
    unsigned char head[4];
    for (;;) {
        if (left(u) < 4)
            return ENDED;
        if (!kl_read(u->from, here(u), head, sizeof head, "chunk's length"))
            return FAILED;
        *len = kl_le32(head);
        if (*len == 0)
            return ENDED;
        if (*len == LZ4_LEGACY_MAGIC) {
            if (!take(u, head, sizeof head))
                return FAILED;
            continue;
        }
        if (*len <= (uint32_t)LZ4_compressBound(LZ4_CHUNK) && *len <= left(u) - 4)
            return take(u, head, sizeof head) ? GOES_ON : FAILED;
        if (!looks_like_segment(head))
            return *len <= (uint32_t)LZ4_compressBound(LZ4_CHUNK) ? truncated(u)
                                                                  : corrupt(u, "a chunk's length");
        u->refused = "what follows an LZ4 segment is read as LZ4, unless it is four zero bytes";
        return ENDED;
    }
}

static enum outcome next_lz4(struct kl_unpack *u)
{
    struct blocks *b = &u->blocks;
    uint32_t len;
    unsigned char magic[4];
    if (!b->begun) {
        if (!take(u, magic, sizeof magic))
            return FAILED;
        if (kl_le32(magic) != LZ4_LEGACY_MAGIC)
            return corrupt(u, "its header is none");
        b->begun = true;
    }
    enum outcome o = lz4_length(u, &len);
    if (o != GOES_ON)
        return o;
    if (!take_packed(u, len))
        return FAILED;
    /* 255 bytes from one are the most that LZ4 can say. */
    size_t most = len < LZ4_CHUNK / 255 ? (size_t)len * 255 : LZ4_CHUNK;
    b->out = room_for(b->out, &b->out_room, most);
    int n = LZ4_decompress_safe((char *)b->packed, (char *)b->out, (int)len, (int)most);
    if (n < 0)
        return corrupt(u, "a chunk is damaged");
    b->out_len = (size_t)n;
    return GOES_ON;
}

#ifdef KL_HAVE_LZO
static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

enum { /* lzop's conf.h */
    LZOP_ADLER32_D = 0x1,
    LZOP_ADLER32_C = 0x2,
    LZOP_CRC32_D = 0x100,
    LZOP_CRC32_C = 0x200,
    LZOP_FILTER = 0x800,
    LZOP_VERSION_LEVEL = 0x940,
};

static bool lzop_header(struct kl_unpack *u)
{
    static const unsigned char magic[9] = {0x89, 'L', 'Z', 'O', 0, '\r', '\n', 0x1a, '\n'};
    unsigned char h[32], name[256];
    if (!take(u, h, sizeof magic))
        return false;
    if (memcmp(h, magic, sizeof magic) != 0)
        return corrupt(u, "its header is none"), false;
    if (!take(u, h, 4)) /* version, library's version */
        return false;
    bool levels = (h[0] << 8 | h[1]) >= LZOP_VERSION_LEVEL;
    /* [version needed], method, [level] */
    if (!take(u, h, levels ? 4 : 1) || !take(u, h, 4))
        return false;
    u->blocks.flags = be32(h);
    if (u->blocks.flags & LZOP_FILTER)
        return corrupt(u, "it has a filter, which nothing knows any more"), false;
    /* mode, time (its upper half since levels), the name's length; name and checksum */
    if (!take(u, h, levels ? 13 : 9) || !take(u, name, h[levels ? 12 : 8]) || !take(u, h, 4))
        return false;
    unsigned sums = !!(u->blocks.flags & LZOP_ADLER32_D) + !!(u->blocks.flags & LZOP_CRC32_D);
    if (sums != 1 || u->blocks.flags & (LZOP_ADLER32_C | LZOP_CRC32_C))
        u->refused =
            "its lzop blocks do not have exactly one checksum each"; /* decompress_unlzo.c */
    return true;
}

static bool lzop_sums(struct kl_unpack *u, bool stored, uint32_t *adler, uint32_t *crc)
{
    unsigned char sum[4];
    uint32_t flags = u->blocks.flags;
    if (flags & LZOP_ADLER32_D) {
        if (!take(u, sum, 4))
            return false;
        *adler = be32(sum);
    }
    if (flags & LZOP_CRC32_D) {
        if (!take(u, sum, 4))
            return false;
        *crc = be32(sum);
    }
    return ((flags & LZOP_ADLER32_C) == 0 || stored || take(u, sum, 4)) &&
           ((flags & LZOP_CRC32_C) == 0 || stored || take(u, sum, 4));
}

static enum outcome next_lzop(struct kl_unpack *u)
{
    struct blocks *b = &u->blocks;
    unsigned char sizes[8];
    uint32_t adler = 0, crc = 0;
    if (!b->begun && !lzop_header(u))
        return FAILED;
    b->begun = true;
    if (!take(u, sizes, 4))
        return FAILED;
    uint32_t whole = be32(sizes);
    if (!whole)
        return ENDED;
    if (!take(u, sizes + 4, 4))
        return FAILED;
    uint32_t packed = be32(sizes + 4);
    if (whole > LZO_BLOCK || packed > whole)
        return corrupt(u, "a block's size");
    if (!lzop_sums(u, packed == whole, &adler, &crc) || !take_packed(u, packed))
        return FAILED;
    b->out = room_for(b->out, &b->out_room, LZO_BLOCK);
    lzo_uint n = whole;
    if (packed == whole)
        memcpy(b->out, b->packed, whole);
    else if (lzo1x_decompress_safe(b->packed, packed, b->out, &n, NULL) != LZO_E_OK || n != whole)
        return corrupt(u, "a block is damaged");
    if ((b->flags & LZOP_ADLER32_D && adler32(1, b->out, whole) != adler) ||
        (b->flags & LZOP_CRC32_D && crc32(0, b->out, whole) != crc))
        return corrupt(u, "a block's checksum is wrong");
    b->out_len = whole;
    return GOES_ON;
}
#else
static enum outcome next_lzop(struct kl_unpack *u)
{
    return corrupt(u, "this program was built without LZO"); /* kl_unpack_new refused it before */
}
#endif

static enum outcome step_blocks(struct kl_unpack *u, void *to, size_t n, size_t *made)
{
    struct blocks *b = &u->blocks;
    if (b->out_at == b->out_len) {
        b->out_at = b->out_len = 0;
        enum outcome o = u->codec == KL_CODEC_LZ4 ? next_lz4(u) : next_lzop(u);
        if (o != GOES_ON)
            return o;
    }
    size_t part = b->out_len - b->out_at < n ? b->out_len - b->out_at : n;
    if (part)
        memcpy(to, b->out + b->out_at, part);
    b->out_at += part;
    *made = part;
    return GOES_ON;
}

/* --- all of them -------------------------------------------------------------------------------*/

/* What Linux's decoders are stricter about than the libraries. */
static void look_for_refusal(struct kl_unpack *u)
{
    unsigned char h[8];
    if (u->from->len - u->at < sizeof h || !kl_read(u->from, u->at, h, sizeof h, "header"))
        return;
    if (u->codec == KL_CODEC_XZ &&
        memcmp(h,
            "\xfd"
            "7zXZ\0",
            6) == 0 &&
        (h[7] & 0xf) > 1)
        /* The .xz file format 2.1.1.2; linux/lib/xz/xz_dec_stream.c */
        u->refused = (h[7] & 0xf) == 4    ? "its xz stream is checked by CRC64, Linux takes CRC32"
                     : (h[7] & 0xf) == 10 ? "its xz stream is checked by SHA-256, Linux takes CRC32"
                                          : "its xz stream has a check that Linux does not take";
    if (u->codec == KL_CODEC_GZIP && h[3] & ~0x9) /* RFC 1952 2.3.1; decompress_inflate.c */
        u->refused = "its gzip header has fields that Linux does not skip";
}

static bool begin(struct kl_unpack *u)
{
    switch (u->codec) {
    case KL_CODEC_GZIP:
        return inflateInit2(&u->gzip, 16 + MAX_WBITS) == Z_OK;
    case KL_CODEC_XZ:
        u->lzma = (lzma_stream)LZMA_STREAM_INIT;
        return lzma_stream_decoder(&u->lzma, LZMA_MEMORY_MOST, 0) == LZMA_OK;
    case KL_CODEC_LZMA:
        u->lzma = (lzma_stream)LZMA_STREAM_INIT;
        return lzma_alone_decoder(&u->lzma, LZMA_MEMORY_MOST) == LZMA_OK;
    case KL_CODEC_ZSTD:
        u->zstd = ZSTD_createDStream();
        return u->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(
                              u->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MOST));
    case KL_CODEC_BZIP2:
        return BZ2_bzDecompressInit(&u->bzip2, 0, 0) == BZ_OK;
    case KL_CODEC_LZ4:
        return true;
    case KL_CODEC_LZO:
#ifdef KL_HAVE_LZO
        return lzo_init() == LZO_E_OK;
#else
        return false;
#endif
    case KL_CODEC_DEFLATE:
    case KL_CODEC_NONE:
        break;
    }
    return false;
}

struct kl_unpack *kl_unpack_new(const struct kl_reader *from, uint64_t at, enum kl_codec codec)
{
    struct kl_unpack *u = kl_xmalloc(sizeof *u);
    u->from = from;
    u->codec = codec;
    u->at = at < from->len ? at : from->len;
    if (!begin(u)) {
        kl_fault(from->log, KL_IMAGE_UNSUPPORTED, at,
            codec == KL_CODEC_LZO ? "build kickline with -Dlzo=enabled" : NULL,
            "this program cannot unpack %s", kl_codec_name[codec]);
        kl_unpack_free(u);
        return NULL;
    }
    u->in = kl_xmalloc(IN_ROOM);
    look_for_refusal(u);
    return u;
}

void kl_unpack_free(struct kl_unpack *u)
{
    if (!u)
        return;
    switch (u->codec) {
    case KL_CODEC_GZIP:
        inflateEnd(&u->gzip);
        break;
    case KL_CODEC_XZ:
    case KL_CODEC_LZMA:
        lzma_end(&u->lzma);
        break;
    case KL_CODEC_ZSTD:
        ZSTD_freeDStream(u->zstd);
        break;
    case KL_CODEC_BZIP2:
        BZ2_bzDecompressEnd(&u->bzip2);
        break;
    case KL_CODEC_LZ4:
    case KL_CODEC_LZO:
        free(u->blocks.packed);
        free(u->blocks.out);
        break;
    case KL_CODEC_DEFLATE:
    case KL_CODEC_NONE:
        break;
    }
    free(u->in);
    free(u);
}

static enum outcome step(struct kl_unpack *u, void *to, size_t n, size_t *made)
{
    switch (u->codec) {
    case KL_CODEC_GZIP:
        return step_gzip(u, to, n, made);
    case KL_CODEC_XZ:
    case KL_CODEC_LZMA:
        return step_lzma(u, to, n, made);
    case KL_CODEC_ZSTD:
        return step_zstd(u, to, n, made);
    case KL_CODEC_BZIP2:
        return step_bzip2(u, to, n, made);
    default:
        return step_blocks(u, to, n, made);
    }
}

ssize_t kl_unpack_read(struct kl_unpack *u, void *to, size_t n)
{
    enum { STEP_MOST = 1 << 30 }; /* the libraries count in unsigned int */
    n = n < STEP_MOST ? n : STEP_MOST;
    while (n && !u->failed && !u->ended) {
        size_t made = 0;
        uint64_t before = here(u);
        enum outcome o = fill(u) ? step(u, to, n, &made) : FAILED;
        if (o == GOES_ON && !made && here(u) == before)
            /* Nothing in, nothing out: with input at hand a stream does not stand still. */
            o = u->pos == u->have && u->at >= u->from->len ? truncated(u)
                                                           : corrupt(u, "it does not go on");
        u->failed = o == FAILED;
        u->ended = o == ENDED;
        if (made)
            return (ssize_t)made;
    }
    return u->failed ? -1 : 0;
}

uint64_t kl_unpack_end(const struct kl_unpack *u)
{
    return here(u);
}

const char *kl_unpack_refused_by_linux(const struct kl_unpack *u)
{
    return u->refused;
}
