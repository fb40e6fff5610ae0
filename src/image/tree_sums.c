/* .treeinfo is read line by line, as dracut and productmd's ConfigParser read it: a section in
 * brackets, `path = KIND:HEX`. Only the digits of HEX are written anew, so that comments, order,
 * line ends and blanks stay as their composer liked them.
 *
 * An ISO's implanted checksum (isomd5sum 1.2, src/utilities.c and src/libcheckisomd5.c): the
 * application-use field of the primary volume descriptor (ECMA-119 8.4.32) holds words that end in
 * semicolons, among them "ISO MD5SUM = HEX" and "SKIPSECTORS = N". It is the MD5 of the volume less
 * N sectors at its end, with that field taken as blanks. "FRAGMENT SUMS", of beginnings of the
 * volume, let a check end early; the whole decides here. */
#include "image/tree_sums.h"

#include "base/text.h"
#include "image/reader.h"

#include <ctype.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PART = 1 << 18, DIGEST_TEXT = 129 };

/* --- digests -----------------------------------------------------------------------------------*/

/* A range of the rope that is read as blanks. */
struct blanks {
    uint64_t at, len;
};

static void blank(char *part, uint64_t at, size_t n, const struct blanks *b)
{
    uint64_t from = b->at > at ? b->at - at : 0;
    uint64_t to = b->at + b->len > at ? b->at + b->len - at : 0;
    if (to > n)
        to = n;
    if (from < to)
        memset(part + from, ' ', (size_t)(to - from));
}

/* Of the first `len` bytes; false with errno. */
static bool add_rope(
    gnutls_hash_hd_t hash, const struct kl_rope *r, uint64_t len, const struct blanks *b)
{
    char *part = kl_xmalloc(PART);
    ssize_t n = 1;
    for (uint64_t at = 0; at < len && n > 0; at += (uint64_t)n) {
        n = kl_rope_read(r, at, part, len - at < PART ? (size_t)(len - at) : PART);
        if (n <= 0)
            break;
        blank(part, at, (size_t)n, b);
        gnutls_hash(hash, part, (size_t)n);
    }
    int e = n == 0 ? ESTALE : errno;
    free(part);
    errno = e;
    return n > 0;
}

static bool digest(const struct kl_rope *r, uint64_t len, const struct blanks *b,
    gnutls_digest_algorithm_t kind, char out[static DIGEST_TEXT])
{
    unsigned char bytes[64];
    gnutls_hash_hd_t hash;
    size_t n = gnutls_hash_get_len(kind);
    if (!n || n > sizeof bytes || gnutls_hash_init(&hash, kind) != 0) {
        errno = ENOSYS;
        return false;
    }
    bool ok = add_rope(hash, r, len, b);
    int e = errno;
    gnutls_hash_deinit(hash, bytes);
    errno = e;
    for (size_t i = 0; ok && i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return ok;
}

/* --- .treeinfo ---------------------------------------------------------------------------------*/

/* Old trees have md5 (EL4) and sha1 (EL5); hashlib's other names may stand there as well. */
static gnutls_digest_algorithm_t kind_of(const char *s, size_t len)
{
    static const struct {
        const char *name;
        gnutls_digest_algorithm_t kind;
    } kinds[] = {{"sha256", GNUTLS_DIG_SHA256}, {"sha1", GNUTLS_DIG_SHA1}, {"sha", GNUTLS_DIG_SHA1},
        {"md5", GNUTLS_DIG_MD5}, {"sha224", GNUTLS_DIG_SHA224}, {"sha384", GNUTLS_DIG_SHA384},
        {"sha512", GNUTLS_DIG_SHA512}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (strlen(kinds[k].name) == len && strncasecmp(s, kinds[k].name, len) == 0)
            return kinds[k].kind;
    return GNUTLS_DIG_UNKNOWN;
}

struct rewriting {
    const char *name, *text;
    size_t len;
    const struct kl_sum *sums;
    size_t n;
    struct kl_diags *d;
    bool within; /* [checksums] */
    unsigned line;
    struct kl_buf out;
};

/* A part of a line. */
struct span {
    const char *s;
    size_t n;
};

static struct span trimmed(const char *s, size_t n)
{
    while (n && isspace((unsigned char)*s))
        s++, n--;
    while (n && isspace((unsigned char)s[n - 1]))
        n--;
    return (struct span){s, n};
}

static bool is_text(struct span a, const char *b)
{
    return strlen(b) == a.n && memcmp(a.s, b, a.n) == 0;
}

/* "./images/install.img" and "/images/install.img" are the same file. */
static const struct kl_sum *sum_of(const struct rewriting *w, struct span path)
{
    while (path.n > 1 && (path.s[0] == '/' || (path.s[0] == '.' && path.s[1] == '/')))
        path.s++, path.n--;
    for (size_t k = 0; k < w->n; k++)
        if (is_text(path, w->sums[k].path))
            return &w->sums[k];
    return NULL;
}

/* Where the line that begins at `line` has a mistake. */
static struct kl_place place(const struct rewriting *w, const char *line, struct span at)
{
    const char *file = kl_diags_source(w->d, w->name, w->text, w->len);
    return (struct kl_place){file, w->line, (unsigned)(at.s - line) + 1, (unsigned)at.n};
}

static bool hex_of(struct rewriting *w, const char *line, const struct kl_sum *sum,
    struct span value, size_t kind, char hex[static DIGEST_TEXT])
{
    gnutls_digest_algorithm_t k = kind_of(value.s, kind);
    if (k == GNUTLS_DIG_UNKNOWN) {
        kl_diag(w->d, KL_ERROR, "treeinfo-checksum", place(w, line, value),
            "remove the line, or write sha256:HEX",
            "the checksum of %s is of a kind that is not known: it would be left wrong", sum->path);
        return false;
    }
    static const struct blanks none = {0};
    bool ok = k == GNUTLS_DIG_SHA256 ? kl_rope_sha256(sum->rope, hex)
                                     : digest(sum->rope, kl_rope_len(sum->rope), &none, k, hex);
    if (!ok)
        kl_diag(w->d, KL_ERROR, "treeinfo-checksum", place(w, line, value), NULL,
            "the checksum of %s cannot be made: %s", sum->path, strerror(errno));
    return ok;
}

/* One line, its end included. */
static bool rewrite(struct rewriting *w, const char *line, size_t len)
{
    struct span all = trimmed(line, len);
    const char *equals = memchr(line, '=', len);
    if (all.n > 1 && all.s[0] == '[' && all.s[all.n - 1] == ']')
        w->within = is_text(trimmed(all.s + 1, all.n - 2), "checksums");
    bool names = w->within && equals && *all.s != '#' && *all.s != ';' && *all.s != '[';
    const struct kl_sum *sum = names ? sum_of(w, trimmed(line, (size_t)(equals - line))) : NULL;
    if (!sum) {
        kl_buf_addn(&w->out, line, len);
        return true;
    }
    struct span value = trimmed(equals + 1, len - (size_t)(equals + 1 - line));
    const char *colon = memchr(value.s, ':', value.n);
    size_t kind = colon ? (size_t)(colon - value.s) : 0;
    char hex[DIGEST_TEXT];
    if (!hex_of(w, line, sum, value, kind, hex))
        return false;
    const char *digits = colon ? colon + 1 : value.s, *end = digits;
    while (end < value.s + value.n && !isspace((unsigned char)*end))
        end++;
    kl_buf_addn(&w->out, line, (size_t)(digits - line));
    kl_buf_add(&w->out, hex);
    kl_buf_addn(&w->out, end, len - (size_t)(end - line));
    return true;
}

char *kl_treeinfo_with(struct kl_arena *a, const char *name, const char *text, size_t len,
    const struct kl_sum *sums, size_t n, size_t *out_len, struct kl_diags *d)
{
    struct rewriting w = {
        .name = name, .text = text, .len = len, .sums = sums, .n = n, .d = d, .out = {0}};
    bool ok = true;
    for (size_t at = 0; ok && at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line = end ? (size_t)(end + 1 - (text + at)) : len - at;
        w.line++;
        ok = rewrite(&w, text + at, line);
        at += line;
    }
    char *out = ok ? kl_strndup(a, kl_buf_text(&w.out), w.out.len) : NULL;
    *out_len = ok ? w.out.len : 0;
    kl_buf_free(&w.out);
    return out;
}

/* --- the implanted checksum --------------------------------------------------------------------*/

enum {
    SECTOR = 2048,
    FIRST_DESCRIPTOR = 16, /* ECMA-119 6.2.1 */
    MOST_DESCRIPTORS = 64, /* 7.1 sets no limit; composers write three or four */
    PRIMARY = 1,
    TERMINATOR = 255,
    VOLUME_AT = 40, /* 8.4.7: 32 bytes */
    SIZE_AT = 84,   /* 8.4.8: sectors, the big-endian half */
    USE_AT = 883,   /* 8.4.32 */
    USE_LEN = 512,
    MD5_LEN = 32,
    SKIP_USUAL = 15,
};

static uint32_t be32(const char *s)
{
    const unsigned char *b = (const unsigned char *)s;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Where the primary volume descriptor lies; 0 when there is none. */
static uint64_t find_primary(const struct kl_rope *iso, char sector[static SECTOR])
{
    for (uint64_t k = FIRST_DESCRIPTOR; k < FIRST_DESCRIPTOR + MOST_DESCRIPTORS; k++) {
        if (kl_rope_read(iso, k * SECTOR, sector, SECTOR) != SECTOR ||
            memcmp(sector + 1, "CD001", 5) != 0)
            return 0;
        if ((unsigned char)sector[0] == PRIMARY)
            return k * SECTOR;
        if ((unsigned char)sector[0] == TERMINATOR)
            return 0;
    }
    return 0;
}

static bool take_md5(const char *word, size_t len, char md5[static MD5_LEN + 1])
{
    if (len < MD5_LEN)
        return false;
    for (size_t k = 0; k < MD5_LEN; k++)
        if (!isxdigit((unsigned char)word[k]))
            return false;
    for (size_t k = 0; k < MD5_LEN; k++)
        md5[k] = (char)tolower((unsigned char)word[k]);
    md5[MD5_LEN] = '\0';
    return true;
}

static bool take_skip(const char *word, size_t len, uint64_t *skip)
{
    char digits[16];
    unsigned long n;
    if (!len || len >= sizeof digits)
        return false;
    memcpy(digits, word, len);
    digits[len] = '\0';
    bool ok = kl_number(digits, UINT32_MAX, &n);
    if (ok)
        *skip = n;
    return ok;
}

/* False when nothing is implanted. */
static bool read_use(const char use[static USE_LEN], struct kl_iso *out)
{
    static const char md5[] = "ISO MD5SUM = ", skip[] = "SKIPSECTORS = ";
    bool has = false;
    out->skip = SKIP_USUAL;
    for (size_t at = 0; at < USE_LEN;) {
        const char *word = use + at, *end = memchr(word, ';', USE_LEN - at);
        size_t len = end ? (size_t)(end - word) : USE_LEN - at;
        if (len > sizeof md5 - 1 && memcmp(word, md5, sizeof md5 - 1) == 0)
            has |= take_md5(word + sizeof md5 - 1, len - (sizeof md5 - 1), out->md5);
        else if (len > sizeof skip - 1 && memcmp(word, skip, sizeof skip - 1) == 0 &&
                 !take_skip(word + sizeof skip - 1, len - (sizeof skip - 1), &out->skip))
            return false;
        at += len + 1;
    }
    return has;
}

static void take_volume(const char *sector, struct kl_iso *out)
{
    struct span name = {sector + VOLUME_AT, sizeof out->volume - 1};
    while (name.n && (name.s[name.n - 1] == ' ' || !name.s[name.n - 1]))
        name.n--;
    for (size_t k = 0; k < name.n; k++)
        out->volume[k] = isprint((unsigned char)name.s[k]) ? name.s[k] : '?';
    out->volume[name.n] = '\0';
}

static enum kl_isomd5 verdict(
    const struct kl_rope *iso, uint64_t at, uint64_t sectors, const struct kl_iso *said)
{
    const struct blanks use = {at + USE_AT, USE_LEN};
    uint64_t len = sectors > said->skip ? (sectors - said->skip) * SECTOR : 0;
    char is[DIGEST_TEXT];
    if (!len || len > kl_rope_len(iso))
        return KL_ISOMD5_BAD; /* it was cut */
    if (!digest(iso, len, &use, GNUTLS_DIG_MD5, is))
        return KL_ISOMD5_UNREAD;
    return strcmp(is, said->md5) == 0 ? KL_ISOMD5_GOOD : KL_ISOMD5_BAD;
}

void kl_iso_read(const struct kl_rope *iso, bool verify, struct kl_iso *out)
{
    char sector[SECTOR];
    uint64_t at = find_primary(iso, sector);
    *out = (struct kl_iso){.state = KL_ISOMD5_NOT_ISO};
    if (!at)
        return;
    take_volume(sector, out);
    out->state = KL_ISOMD5_NONE;
    if (!read_use(sector + USE_AT, out)) {
        out->skip = 0;
        return;
    }
    out->state = verify ? verdict(iso, at, be32(sector + SIZE_AT), out) : KL_ISOMD5_UNREAD;
}
