/* An initrd that is open: its segments and the tree that the kernel would make of them.
 *
 * A file's bytes are read where they lie. In a packed segment that means unpacking up to them, so
 * one decoder stays open where the last read ended, and reading files in their order costs one
 * pass. Who reads to and fro would pay a pass each time: at the second the segment is unpacked
 * whole to a file without a name, on disk and not in memory. */
#include "image/initrd_own.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RESTARTS_MOST = 1, PIECE = 64 << 10 };
#define SPOOL_MOST ((uint64_t)2 << 30)

/* --- what it is --------------------------------------------------------------------------------*/

static bool is_newc(const void *head)
{
    return memcmp(head, "070701", 6) == 0 || memcmp(head, "070702", 6) == 0;
}

/* Does what is packed begin with an archive? A stream that cannot even be begun is an initrd when
 * its magic is a sure one, so that whoever opens it is told what is wrong. */
static bool unpacks_to_newc(const struct kl_reader *r, enum kl_codec codec)
{
    char head[6];
    size_t n = 0;
    struct kl_unpack *u = kl_unpack_new(r, 0, codec);
    ssize_t got = u ? 1 : -1;
    while (u && n < sizeof head && (got = kl_unpack_read(u, head + n, sizeof head - n)) > 0)
        n += (size_t)got;
    kl_unpack_free(u);
    return got < 0 ? codec != KL_CODEC_LZMA : n == sizeof head && is_newc(head);
}

bool kl_is_initrd(const struct kl_reader *r)
{
    unsigned char head[512 + 6] = {0};
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fault_log quiet = {.d = d, .image = ""};
    struct kl_reader own = *r;
    size_t n = own.len < sizeof head ? (size_t)own.len : sizeof head, zeros = 0;
    own.log = &quiet;
    if (n < 6 || !own.read(&own, 0, head, n))
        return false;
    /* An archive that goes behind LZ4 brings four zero bytes along (initrd_patch.c). */
    while (zeros < n && !head[zeros])
        zeros++;
    if (zeros)
        return zeros % 4 == 0 && zeros + 6 <= n && is_newc(head + zeros);
    enum kl_codec codec = kl_codec_of(head, n);
    return codec == KL_CODEC_NONE ? is_newc(head) : unpacks_to_newc(&own, codec);
}

/* --- reading -----------------------------------------------------------------------------------*/

static struct kl_segment *segment(struct kl_initrd *i, size_t n)
{
    return &i->listing.segments[n];
}

static bool gone(struct kl_initrd *i, size_t n)
{
    return kl_fault(i->log, KL_IMAGE_CORRUPT, segment(i, n)->start,
        "if it was changed meanwhile, open it again",
        "segment %zu unpacks to less than it did when it was listed", n + 1);
}

static bool restart(struct kl_initrd *i, size_t n)
{
    kl_unpack_free(i->open);
    i->open = kl_unpack_new(&i->reader, segment(i, n)->start, segment(i, n)->codec);
    i->open_segment = n;
    i->open_at = 0;
    return i->open;
}

/* The next `n` bytes that the open decoder gives; nowhere when `to` is NULL. */
static bool pull(struct kl_initrd *i, void *to, uint64_t n)
{
    char nowhere[PIECE];
    while (n) {
        size_t part = to || n < sizeof nowhere ? (size_t)n : sizeof nowhere;
        ssize_t got = kl_unpack_read(i->open, to ? to : nowhere, part);
        if (got < 0)
            return false;
        if (got == 0)
            return gone(i, i->open_segment);
        to = to ? (char *)to + got : NULL;
        n -= (uint64_t)got;
        i->open_at += (uint64_t)got;
    }
    return true;
}

static int nameless_file(void)
{
    const char *dir = getenv("TMPDIR");
    return open(dir && *dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t put = write(fd, p, n);
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

/* Unpacks a segment to disk. Quietly not when there is no room: reading it over and over is slow,
 * but right. False after a fault of the image. */
static bool spool(struct kl_initrd *i, size_t n)
{
    char piece[PIECE];
    int fd = segment(i, n)->unpacked <= SPOOL_MOST ? nameless_file() : -1;
    if (fd < 0)
        return true;
    bool wrote = true;
    if (!restart(i, n)) {
        close(fd);
        return false;
    }
    for (uint64_t left = segment(i, n)->unpacked; wrote && left;) {
        size_t part = left < sizeof piece ? (size_t)left : sizeof piece;
        if (!pull(i, piece, part)) {
            close(fd);
            return false;
        }
        wrote = write_all(fd, piece, part);
        left -= part;
    }
    if (wrote)
        i->spool[n] = kl_rope_of_fd(fd);
    else
        close(fd);
    return true;
}

static bool read_packed(struct kl_initrd *i, size_t n, uint64_t at, void *to, size_t len)
{
    bool back = !i->open || i->open_segment != n || at < i->open_at;
    if (back && !i->spool[n] && i->open && ++i->restarts > RESTARTS_MOST) {
        i->restarts = 0;
        if (!spool(i, n))
            return false;
    }
    if (i->spool[n]) {
        struct kl_reader r = kl_rope_reader(i->spool[n], i->log);
        return at + len <= r.len ? kl_read(&r, at, to, len, "file") : gone(i, n);
    }
    if (back && !restart(i, n))
        return false;
    return pull(i, NULL, at - i->open_at) && pull(i, to, len);
}

static bool read_node(struct kl_fs *fs, const struct kl_node *file, uint64_t at, void *to, size_t n)
{
    struct kl_initrd *i = fs->own;
    const struct kl_listed_inode *inode = file->own;
    if (segment(i, inode->segment)->codec == KL_CODEC_NONE)
        return kl_read(&i->reader, inode->data + at, to, n, "file");
    return read_packed(i, inode->segment, inode->data + at, to, n);
}

/* --- the tree ----------------------------------------------------------------------------------*/

static bool open_dir(struct kl_fs *fs, struct kl_node *dir)
{
    (void)fs, (void)dir; /* all children were there from the start */
    return true;
}

static struct kl_node *node_of(
    struct kl_initrd *i, const char *name, const struct kl_listed_inode *from)
{
    struct kl_node *n = kl_node_new(&i->fs, name, strlen(name));
    n->kind = kl_node_kind_of(from->mode);
    n->mode = from->mode & 07777;
    n->uid = from->uid;
    n->gid = from->gid;
    n->nlink = from->nlink;
    n->mtime = from->mtime;
    n->size = from->size;
    n->ino = (uint64_t)(from - i->listing.inodes) + 1;
    n->major = from->major;
    n->minor = from->minor;
    n->target = from->target;
    n->where = from->where;
    n->handle = from->data;
    n->own = (void *)from;
    return n;
}

static bool plant(struct kl_initrd *i)
{
    const struct kl_listing *l = &i->listing;
    struct kl_node **nodes = kl_xmalloc(l->nnames * sizeof(struct kl_node *));
    bool ok = true;
    for (size_t k = 0; ok && k < l->nnames; k++) {
        const struct kl_listed_name *name = &l->names[k];
        nodes[k] = node_of(i, name->name, &l->inodes[name->inode]);
        ok = k == 0 || kl_node_adopt(&i->fs, nodes[name->parent], nodes[k]);
    }
    i->fs.root = nodes[0];
    free(nodes);
    return ok;
}

static void tell_traps(struct kl_initrd *i)
{
    const struct kl_listing *l = &i->listing;
    for (size_t k = 0; k < l->ntraps; k++)
        kl_image_warning(i->log, l->traps[k].code, l->traps[k].at, NULL, "%s", l->traps[k].message);
    if (l->trapped > l->ntraps)
        kl_image_warning(i->log, KL_INITRD_IGNORED, KL_NO_OFFSET, NULL,
            "the kernel ignores or loses %zu more members", l->trapped - l->ntraps);
    for (size_t k = 0; k < l->nsegments; k++)
        if (l->segments[k].refused)
            kl_image_warning(i->log, KL_INITRD_STOPS, l->segments[k].start,
                l->segments[k].codec == KL_CODEC_NONE
                    ? NULL
                    : "pack it as the kernel takes it: gzip -n, or xz --check=crc32",
                "the kernel stops at segment %zu and loses what is left: %s", k + 1,
                l->segments[k].refused);
}

static bool list(struct kl_initrd *i, const struct kl_initrd_options *options)
{
    if (options->cache && kl_index_load(i->a, options->cache, i->image, &i->listing))
        return true;
    i->listing = (struct kl_listing){0};
    if (!kl_initrd_scan(i->a, &i->reader, options, &i->listing))
        return false;
    if (options->cache)
        kl_index_save(options->cache, i->image, &i->listing);
    return true;
}

struct kl_initrd *kl_initrd_open(struct kl_arena *a, const struct kl_rope *image,
    struct kl_fault_log *log, const struct kl_initrd_options *options)
{
    static const struct kl_initrd_options defaults;
    struct kl_initrd *i = kl_alloc(a, sizeof *i);
    i->a = a;
    i->image = image;
    i->log = log;
    i->reader = kl_rope_reader(image, log);
    i->fs = (struct kl_fs){
        .type = "cpio", .a = a, .log = log, .open_dir = open_dir, .read = read_node, .own = i};
    if (!list(i, options ? options : &defaults) || !plant(i))
        return NULL;
    i->fs.time = i->listing.time;
    i->spool = kl_alloc(a, i->listing.nsegments * sizeof(struct kl_rope *));
    tell_traps(i);
    return i;
}

void kl_initrd_close(struct kl_initrd *i)
{
    if (!i)
        return;
    kl_unpack_free(i->open);
    for (size_t n = 0; n < i->listing.nsegments; n++)
        kl_rope_drop(i->spool[n]);
}

struct kl_fs *kl_initrd_fs(struct kl_initrd *i)
{
    return &i->fs;
}

size_t kl_initrd_segments(const struct kl_initrd *i)
{
    return i->listing.nsegments;
}

const struct kl_segment *kl_initrd_segment(const struct kl_initrd *i, size_t n)
{
    return n < i->listing.nsegments ? &i->listing.segments[n] : NULL;
}

size_t kl_initrd_segment_of(const struct kl_initrd *i, const struct kl_node *n)
{
    (void)i;
    return ((const struct kl_listed_inode *)n->own)->segment;
}
