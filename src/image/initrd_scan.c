/* The segments of an initrd, in the order and by the rules of unpack_to_rootfs() in Linux 6.x
 * init/initramfs.c: at a byte '0' at a multiple of 4 begins an archive that is not packed; zero
 * bytes are passed over; anything else must be the magic of a codec. Where the kernel would stop,
 * so does this, and the segment says why: what comes after it is not in the tree.
 *
 * Everything streams. Of an archive only headers, names and targets are looked at; a packed one
 * is unpacked through one buffer, of a raw one the data is not even read. */
#include "image/initrd_own.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { HEADER = 110, BUFFER = 64 << 10 };

struct scan {
    struct kl_arena *a;
    const struct kl_reader *r;
    const struct kl_initrd_options *options;
    struct kl_listing *l;
    struct kl_merge *merge;
    uint64_t unpacked_most, unpacked; /* of all segments */
    size_t members;

    /* The segment that is being read. */
    struct kl_segment *segment;
    struct kl_unpack *unpack; /* NULL: raw */
    uint64_t base;            /* where the buffer's first byte lies in what is unpacked */
    size_t pos, have;
    bool ended;   /* no byte comes after the buffer's */
    bool leading; /* no packed segment was before it */
    bool stopped; /* what an archive holds is none: see stop() */
    unsigned char *buffer;
    char name[KL_INITRD_PATH_MOST + 1], target[PATH_MAX + 1]; /* of the member */
};

void kl_listing_trap(
    struct kl_arena *a, struct kl_listing *l, const char *code, uint64_t at, const char *fmt, ...)
{
    if (l->trapped++ >= KL_TRAPS_TOLD)
        return;
    va_list ap;
    va_start(ap, fmt);
    l->traps = kl_grow(a, l->traps, l->ntraps, sizeof *l->traps);
    l->traps[l->ntraps++] =
        (struct kl_trap){.code = code, .at = at, .message = kl_vsprintf(a, fmt, ap)};
    va_end(ap);
}

/* --- bytes of a segment ------------------------------------------------------------------------*/

static uint64_t at(const struct scan *s)
{
    return s->base + s->pos;
}

/* The byte of the image to name in a message. */
static uint64_t where(const struct scan *s)
{
    return s->unpack ? s->segment->start : at(s);
}

static bool is_sane(struct scan *s)
{
    if (s->unpacked > s->unpacked_most)
        return kl_fault(s->r->log, KL_IMAGE_BOMB, where(s), NULL,
            "it unpacks to more than %llu MiB, which is no initrd",
            (unsigned long long)(s->unpacked_most >> 20));
    if (s->unpacked > KL_INITRD_RATIO_FROM && s->unpacked / KL_INITRD_RATIO_MOST > s->r->len)
        return kl_fault(s->r->log, KL_IMAGE_BOMB, where(s), NULL,
            "it unpacks to more than %d times its size, which is no initrd", KL_INITRD_RATIO_MOST);
    return true;
}

static bool more_raw(struct scan *s)
{
    uint64_t from = s->base + s->have, rest = s->r->len - from;
    size_t n = rest < BUFFER - s->have ? (size_t)rest : BUFFER - s->have;
    if (!kl_read(s->r, from, s->buffer + s->have, n, "archive"))
        return false;
    s->have += n;
    s->ended = n == rest;
    return true;
}

static bool more_packed(struct scan *s)
{
    ssize_t n = kl_unpack_read(s->unpack, s->buffer + s->have, BUFFER - s->have);
    if (n < 0)
        return false;
    s->have += (size_t)n;
    s->ended = n == 0;
    s->unpacked += (size_t)n;
    if (s->options->progress)
        s->options->progress(s->options->progress_arg, kl_unpack_end(s->unpack), s->r->len);
    return is_sane(s);
}

/* At least `n` bytes in the buffer, or as many as there are. False after a fault. */
static bool need(struct scan *s, size_t n)
{
    if (s->have - s->pos >= n)
        return true;
    memmove(s->buffer, s->buffer + s->pos, s->have - s->pos);
    s->base += s->pos;
    s->have -= s->pos;
    s->pos = 0;
    while (s->have < n && !s->ended)
        if (!(s->unpack ? more_packed(s) : more_raw(s)))
            return false;
    return true;
}

static size_t buffered(const struct scan *s)
{
    return s->have - s->pos;
}

static bool cut_short(struct scan *s)
{
    return kl_fault(s->r->log, KL_IMAGE_TRUNCATED, where(s),
        "it is cut short: fetch it again and compare its size and checksum",
        "the archive ends within a member, byte %llu of it", (unsigned long long)at(s));
}

/* Passes over `n` bytes, adding them up when `sum` is given; `*missing` is how many were not
 * there. False after a fault. */
static bool pass(struct scan *s, uint64_t n, uint32_t *sum, uint64_t *missing)
{
    *missing = 0;
    while (n) {
        if (buffered(s) == 0 && !s->unpack && !sum) {
            uint64_t rest = s->r->len - at(s), jump = n < rest ? n : rest;
            s->base += s->pos + jump;
            s->pos = s->have = 0;
            s->ended = s->base >= s->r->len;
            *missing = n - jump;
            return true;
        }
        if (!need(s, 1))
            return false;
        size_t part = buffered(s) < n ? buffered(s) : (size_t)n;
        if (!part) {
            *missing = n;
            return true;
        }
        for (size_t i = 0; sum && i < part; i++)
            *sum += s->buffer[s->pos + i];
        s->pos += part;
        n -= part;
    }
    return true;
}

/* --- members -----------------------------------------------------------------------------------*/

enum outcome { GOES_ON, ENDED, STOPS, FAILED };

/* The kernel goes no further: what it did so far holds. */
static enum outcome stop(struct scan *s, const char *why)
{
    s->segment->refused = why;
    s->stopped = true;
    return STOPS;
}

static bool hex(const unsigned char *p, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < 8; i++) {
        unsigned c = p[i], low = c | 0x20;
        if (c >= '0' && c <= '9')
            v = v << 4 | (c - '0');
        else if (low >= 'a' && low <= 'f')
            v = v << 4 | (low - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

struct header {
    struct kl_member m;
    uint32_t name_len, check;
    bool crc;
    uint64_t start, end; /* of the whole member, padded */
};

/* N_ALIGN() of initramfs.c: what a name takes so that the data behind it is at a multiple of 4. */
static uint32_t padded_name(uint32_t len)
{
    return ((len + 1) & ~UINT32_C(3)) + 2;
}

static enum outcome read_header(struct scan *s, struct header *h)
{
    if (!need(s, HEADER))
        return FAILED;
    const unsigned char *p = s->buffer + s->pos;
    size_t n = buffered(s);
    if (n >= 6 && memcmp(p, "070707", 6) == 0)
        return stop(s, "its archive is not of the \"newc\" kind: cpio -H newc makes that");
    if (n >= 6 && memcmp(p, "070701", 6) != 0 && memcmp(p, "070702", 6) != 0)
        return stop(s, "there is no member's header where one must be");
    if (n < HEADER)
        return cut_short(s), FAILED;
    struct kl_member *m = &h->m;
    *h = (struct header){.crc = p[5] == '2', .start = at(s)};
    uint32_t *fields[] = {&m->ino, &m->mode, &m->uid, &m->gid, &m->nlink, &m->mtime, &m->size,
        &m->major, &m->minor, &m->rmajor, &m->rminor, &h->name_len, &h->check};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!hex(p + 6 + 8 * i, fields[i])) {
            kl_fault(s->r->log, KL_IMAGE_CORRUPT, where(s), NULL,
                "a member's header has what is no number, byte %llu of its archive",
                (unsigned long long)h->start + 6 + 8 * i);
            return FAILED;
        }
    h->end = h->start + HEADER + padded_name(h->name_len) + m->size;
    h->end = (h->end + 3) & ~UINT64_C(3);
    m->data = h->start + HEADER + padded_name(h->name_len);
    m->where = where(s);
    m->segment = (uint32_t)(s->l->nsegments - 1);
    s->pos += HEADER;
    return GOES_ON;
}

static bool is_early(const char *name)
{
    /* linux/arch/x86/kernel/cpu/microcode/core.c, drivers/acpi/tables.c */
    static const char *const dirs[] = {"kernel/x86/microcode/", "kernel/firmware/acpi/"};
    for (size_t i = 0; i < 2; i++)
        if (strncmp(name, dirs[i], strlen(dirs[i])) == 0)
            return true;
    return false;
}

static void note(struct scan *s, const struct kl_member *m)
{
    const uint32_t sane = 4102444800; /* 2100-01-01: later ones are a lie or a lost clock */
    struct kl_listing *l = s->l;
    if (m->ino > l->ino_most)
        l->ino_most = m->ino;
    if (m->mtime > l->time && m->mtime < sane)
        l->time = m->mtime;
    s->segment->entries++;
    if (s->leading && is_early(m->name))
        s->segment->early = true;
}

/* What the kernel passes over without a look at its name. */
static const char *why_skipped(const struct header *h)
{
    if (!h->name_len || h->name_len > KL_INITRD_PATH_MOST)
        return "has no name, or one that is too long";
    if (S_ISLNK(h->m.mode) && h->m.size > PATH_MAX)
        return "is a symbolic link with a target that is too long";
    if (!S_ISREG(h->m.mode) && !S_ISLNK(h->m.mode) && h->m.size)
        return "is no file and yet has data";
    return NULL;
}

static enum outcome read_data(struct scan *s, struct header *h)
{
    uint64_t missing;
    uint32_t sum = 0;
    bool check = h->crc && S_ISREG(h->m.mode);
    if (!h->m.size || S_ISLNK(h->m.mode))
        return GOES_ON;
    if (!pass(s, h->m.data + h->m.size - at(s), check ? &sum : NULL, &missing))
        return FAILED;
    if (missing)
        return cut_short(s), FAILED;
    if (check && sum != h->check) {
        kl_fault(s->r->log, KL_IMAGE_CORRUPT, h->m.where,
            "it is damaged: fetch it again and compare its checksum",
            "the checksum of a member's data is wrong, byte %llu of its archive",
            (unsigned long long)h->start);
        return FAILED;
    }
    return GOES_ON;
}

static enum outcome end_member(struct scan *s, const struct header *h)
{
    uint64_t missing = 0;
    if (h->end > at(s) && !pass(s, h->end - at(s), NULL, &missing))
        return FAILED;
    if (!missing)
        return GOES_ON;
    if (missing > 3)
        return cut_short(s), FAILED;
    return s->unpack ? stop(s, "its archive ends without the last member's padding") : ENDED;
}

/* Hands a member with a name over. `*trailer`: it was the archive's end mark. */
static enum outcome read_named(struct scan *s, struct header *h, bool *trailer)
{
    size_t name = padded_name(h->name_len), target = S_ISLNK(h->m.mode) ? h->m.size : 0;
    if (!need(s, name + target))
        return FAILED;
    if (buffered(s) < h->name_len || (target && buffered(s) < name + target))
        return cut_short(s), FAILED;
    const unsigned char *p = s->buffer + s->pos;
    if (p[h->name_len - 1] != '\0')
        return stop(s, "a member's name does not end");
    memcpy(s->name, p, h->name_len);
    if (target)
        memcpy(s->target, p + name, target);
    s->target[target] = '\0';
    h->m.name = s->name;
    h->m.target = s->target;
    s->pos += buffered(s) < name + target ? buffered(s) : name + target;
    if (!S_ISLNK(h->m.mode) && strcmp(s->name, "TRAILER!!!") == 0) {
        kl_merge_trailer(s->merge);
        *trailer = true;
        return read_data(s, h);
    }
    enum outcome o = read_data(s, h);
    if (o != GOES_ON)
        return o;
    note(s, &h->m);
    return kl_merge_member(s->merge, &h->m) ? GOES_ON : FAILED;
}

static enum outcome read_member(struct scan *s, bool *trailer)
{
    struct header h;
    enum outcome o = read_header(s, &h);
    if (o != GOES_ON)
        return o;
    if (++s->members > KL_INITRD_ENTRIES_MOST) {
        kl_fault(s->r->log, KL_IMAGE_BOMB, where(s), NULL, "it has more than %d members",
            KL_INITRD_ENTRIES_MOST);
        return FAILED;
    }
    const char *skipped = why_skipped(&h);
    if (skipped)
        kl_listing_trap(s->a, s->l, KL_INITRD_IGNORED, h.m.where,
            "a member is ignored: it %s, byte %llu of its archive", skipped,
            (unsigned long long)h.start);
    else
        o = read_named(s, &h, trailer);
    return o == GOES_ON ? end_member(s, &h) : o;
}

/* Zero bytes between members; false after a fault. */
static bool pass_zeros(struct scan *s)
{
    for (;;) {
        if (!need(s, 1))
            return false;
        if (!buffered(s))
            return true;
        while (s->pos < s->have && !s->buffer[s->pos])
            s->pos++;
        if (s->pos < s->have)
            return true;
    }
}

/* All members of a packed segment, of as many archives as are in it; of a raw one up to a trailer,
 * or to what is no member. */
static enum outcome read_archive(struct scan *s)
{
    bool trailer = false;
    for (;;) {
        uint64_t end = at(s);
        if (!pass_zeros(s))
            return FAILED;
        if (!s->unpack)
            s->segment->end = end;
        if (!buffered(s))
            break;
        if (!s->unpack && (trailer || s->buffer[s->pos] != '0' || at(s) % 4))
            break;
        if (at(s) % 4)
            return stop(s, "a member does not begin at a multiple of 4");
        if (s->buffer[s->pos] != '0')
            return stop(s, "there is something else among the members of its archive");
        trailer = false;
        enum outcome o = read_member(s, &trailer);
        if (o == ENDED) {
            s->segment->end = s->r->len;
            break;
        }
        if (o != GOES_ON)
            return o;
    }
    if (!trailer)
        kl_listing_trap(s->a, s->l, KL_INITRD_NO_TRAILER, s->segment->start,
            "the archive of segment %zu has no end mark: it may have been cut short",
            s->l->nsegments);
    return GOES_ON;
}

/* --- segments ----------------------------------------------------------------------------------*/

static bool add_segment(struct scan *s, uint64_t start, enum kl_codec codec)
{
    struct kl_listing *l = s->l;
    if (l->nsegments >= KL_INITRD_SEGMENTS_MOST) {
        kl_fault(s->r->log, KL_IMAGE_BOMB, start, NULL, "it has more than %d segments",
            KL_INITRD_SEGMENTS_MOST);
        return false;
    }
    l->segments = kl_grow(s->a, l->segments, l->nsegments, sizeof *l->segments);
    s->segment = &l->segments[l->nsegments++];
    *s->segment = (struct kl_segment){.start = start, .end = s->r->len, .codec = codec};
    s->base = codec == KL_CODEC_NONE ? start : 0;
    s->pos = s->have = 0;
    s->ended = false;
    s->leading = s->leading && codec == KL_CODEC_NONE;
    return true;
}

static enum outcome raw_segment(struct scan *s, uint64_t start)
{
    if (!add_segment(s, start, KL_CODEC_NONE))
        return FAILED;
    enum outcome o = read_archive(s);
    s->segment->unpacked = s->segment->end - start;
    return o;
}

static enum outcome unpack_segment(struct scan *s)
{
    if (!need(s, 1))
        return FAILED;
    s->segment->refused = kl_unpack_refused_by_linux(s->unpack);
    if (s->segment->refused)
        return STOPS;
    if (!buffered(s))
        return stop(s, "there is no archive in it");
    enum outcome o = read_archive(s);
    s->segment->unpacked = s->base + s->have;
    if (o != GOES_ON)
        return o;
    s->segment->end = kl_unpack_end(s->unpack);
    s->segment->refused = kl_unpack_refused_by_linux(s->unpack);
    return s->segment->refused ? STOPS : GOES_ON;
}

static enum outcome packed_segment(struct scan *s, uint64_t start, enum kl_codec codec)
{
    if (!add_segment(s, start, codec))
        return FAILED;
    s->unpack = kl_unpack_new(s->r, start, codec);
    enum outcome o = s->unpack ? unpack_segment(s) : FAILED;
    kl_unpack_free(s->unpack);
    s->unpack = NULL;
    return o;
}

static const char *why_no_segment(const unsigned char *head, size_t n, uint64_t start)
{
    if (n >= 5 && memcmp(head, "07070", 5) == 0 && start % 4)
        return "an archive that is not packed must begin at a multiple of 4";
    if (n >= 4 && memcmp(head, "\x04\x22\x4d\x18", 4) == 0)
        return "it is an LZ4 frame, and Linux takes LZ4's legacy format only: lz4 -l makes that";
    return "it is neither an archive nor packed with anything that Linux knows";
}

static enum outcome segment_at(struct scan *s, uint64_t start, bool after_raw)
{
    unsigned char head[8];
    uint64_t rest = s->r->len - start;
    size_t n = rest < sizeof head ? (size_t)rest : sizeof head;
    if (!kl_read(s->r, start, head, n, "segment"))
        return FAILED;
    if (head[0] == '0' && start % 4 == 0)
        return raw_segment(s, start);
    enum kl_codec codec = kl_codec_of(head, n);
    if (codec != KL_CODEC_NONE && !(after_raw && start % 4))
        return packed_segment(s, start, codec);
    if (!add_segment(s, start, codec))
        return FAILED;
    return stop(
        s, codec == KL_CODEC_NONE
               ? why_no_segment(head, n, start)
               : "what follows an archive that is not packed must begin at a multiple of 4");
}

static bool skip_zeros(const struct kl_reader *r, uint64_t *from)
{
    unsigned char piece[4096];
    while (*from < r->len) {
        uint64_t rest = r->len - *from;
        size_t n = rest < sizeof piece ? (size_t)rest : sizeof piece, i = 0;
        if (!kl_read(r, *from, piece, n, "padding"))
            return false;
        while (i < n && !piece[i])
            i++;
        *from += i;
        if (i < n)
            return true;
    }
    return true;
}

static bool scan_all(struct scan *s)
{
    bool after_raw = false;
    for (uint64_t from = 0;;) {
        if (!skip_zeros(s->r, &from))
            return false;
        if (from >= s->r->len)
            break;
        switch (segment_at(s, from, after_raw)) {
        case FAILED:
            return false;
        case STOPS:
            if (s->stopped && !s->members)
                return kl_fault(s->r->log, KL_IMAGE_UNSUPPORTED, from, NULL, "it is no initrd: %s",
                    s->segment->refused);
            return true;
        default:
            after_raw = s->segment->codec == KL_CODEC_NONE;
            from = s->segment->end;
        }
    }
    return s->l->nsegments || kl_fault(s->r->log, KL_IMAGE_UNSUPPORTED, KL_NO_OFFSET, NULL,
                                  "it is no initrd: there is no archive in it");
}

bool kl_initrd_scan(struct kl_arena *a, const struct kl_reader *r,
    const struct kl_initrd_options *options, struct kl_listing *l)
{
    struct scan s = {.a = a, .r = r, .options = options, .l = l, .leading = true};
    s.unpacked_most = options->unpacked_most ? options->unpacked_most : KL_INITRD_UNPACKED_MOST;
    s.buffer = kl_xmalloc(BUFFER);
    s.merge = kl_merge_new(a, l, r->log);
    bool ok = scan_all(&s);
    if (ok)
        kl_merge_finish(s.merge);
    kl_merge_free(s.merge);
    free(s.buffer);
    return ok;
}
