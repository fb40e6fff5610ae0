/* A patch is one more archive behind the image: the kernel unpacks it over what came before. No
 * byte of the image is changed, packed anew or even read again.
 *
 * Its members say what the steps of the plan say, with two exceptions, both because the kernel
 * writes into what is there when it is of the same kind (initrd_merge.c):
 * - a file with several names would change under all of them;
 * - a device would stay the device that it was.
 * A symbolic link of that name goes before such a member: the kernel removes whatever is in a
 * link's way, and then the link for the member, in every version from 2.6 on. */
#include "image/initrd_own.h"

#include "base/arena.h"
#include "image/cpio.h"

#include <lz4.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 8 << 20 }; /* linux/lib/decompress_unlz4.c unpacks no larger ones */
#define LZ4_PATCH_MOST ((uint64_t)512 << 20)

static bool written_through(const struct kl_step *s)
{
    if (!s->old || s->old->kind != s->kind)
        return false;
    if (s->kind == KL_NODE_CHAR || s->kind == KL_NODE_BLOCK)
        return s->old->major != s->change->major || s->old->minor != s->change->minor ||
               s->old->nlink > 1;
    return s->kind != KL_NODE_DIR && s->kind != KL_NODE_SYMLINK && s->old->nlink > 1;
}

static void add_break(struct kl_rope *out, const struct kl_step *s, uint32_t ino)
{
    static const char target[] = "/dev/null";
    struct kl_rope *data KL_ROPE_SCOPE = kl_rope_new();
    kl_rope_add_bytes(data, target, strlen(target));
    kl_cpio_entry(out, &(struct kl_cpio_entry){.name = s->path,
                           .ino = ino,
                           .mode = kl_node_mode(KL_NODE_SYMLINK) | 0777,
                           .nlink = 1,
                           .mtime = (uint32_t)s->mtime,
                           .size = (uint32_t)strlen(target)});
    kl_cpio_data(out, data);
}

/* Inode numbers go on where the image's end, so that they are nobody's else, not even under a tool
 * that unpacks all archives as one. */
static uint32_t first_ino(const struct kl_initrd *i, size_t steps)
{
    uint64_t last = (uint64_t)i->listing.ino_most + 2 * (uint64_t)steps;
    return last <= UINT32_MAX ? i->listing.ino_most + 1 : 1;
}

/* The archive; NULL after a fault. `*steps`: how many changes are in it. */
static struct kl_rope *archive_of(struct kl_initrd *i, struct kl_patch *p, size_t *steps)
{
    static const struct kl_patch_can can = {.largest = UINT32_MAX,
        .instead = "an initrd is only added to: put an empty file in its place, or mask a unit or "
                   "hook by a link to /dev/null"};
    struct kl_steps todo;
    if (!kl_patch_plan(p, &i->fs, &can, &todo))
        return NULL;
    struct kl_rope *out = kl_rope_new();
    uint32_t ino = first_ino(i, todo.n);
    for (size_t k = 0; k < todo.n; k++) {
        if (written_through(&todo.step[k]))
            add_break(out, &todo.step[k], ino++);
        if (!kl_cpio_step(out, &todo.step[k], ino++, i->log)) {
            kl_rope_drop(out);
            return NULL;
        }
    }
    kl_cpio_trailer(out);
    *steps = todo.n;
    return out;
}

static const struct kl_segment *last_segment(const struct kl_initrd *i)
{
    return &i->listing.segments[i->listing.nsegments - 1];
}

static bool is_read_to_its_end(struct kl_initrd *i)
{
    const struct kl_segment *last = last_segment(i);
    return !last->refused ||
           kl_fault(i->log, KL_IMAGE_UNSUPPORTED, last->start,
               "mend the image first; what is appended to it as it is would never be seen",
               "the kernel stops at segment %zu: %s", i->listing.nsegments, last->refused);
}

static void add_zeros(struct kl_rope *out, uint64_t n)
{
    static const char zeros[8];
    kl_rope_add_bytes(out, zeros, (size_t)n);
}

/* --- behind LZ4 --------------------------------------------------------------------------------*/

static bool add_chunk(
    struct kl_initrd *i, struct kl_rope *out, const struct kl_rope *from, uint64_t at, size_t n)
{
    int room = LZ4_compressBound((int)n);
    char *in = kl_xmalloc(n), *packed = kl_xmalloc(4 + (size_t)room);
    bool ok = kl_rope_read(from, at, in, n) == (ssize_t)n;
    if (ok) {
        int len = LZ4_compress_default(in, packed + 4, (int)n, room);
        kl_put32(packed, (uint32_t)len);
        kl_rope_add_bytes(out, packed, 4 + (size_t)len);
    } else {
        kl_fault(i->log, KL_IMAGE_IO, KL_NO_OFFSET, NULL, "what is to be put in cannot be read");
    }
    free(in);
    free(packed);
    return ok;
}

/* LZ4's legacy format has no end mark. What follows it at once is read as LZ4 by every kernel; four
 * zero bytes end it only since 5.8 (2c484419efc0), and older ones take those for a chunk. Another
 * LZ4 segment right behind it, ending where the image ends, is right for all of them. The kernel
 * then sees one stream: members must begin at a multiple of 4 of what it unpacks to. */
static bool add_lz4(struct kl_initrd *i, struct kl_rope *out, const struct kl_rope *archive)
{
    static const unsigned char magic[] = {0x02, 0x21, 0x4c, 0x18};
    struct kl_rope *whole KL_ROPE_SCOPE = kl_rope_new();
    add_zeros(whole, -last_segment(i)->unpacked & 3);
    kl_rope_add_rope(whole, archive, 0, kl_rope_len(archive));
    uint64_t len = kl_rope_len(whole);
    if (len > LZ4_PATCH_MOST)
        return kl_fault(i->log, KL_IMAGE_CANNOT, KL_NO_OFFSET,
            "give it to the boot loader as an initrd of its own",
            "the patch has more than 512 MiB, which is not packed with LZ4 as the image is");
    kl_rope_add_bytes(out, magic, sizeof magic);
    for (uint64_t at = 0; at < len; at += CHUNK)
        if (!add_chunk(i, out, whole, at, len - at < CHUNK ? (size_t)(len - at) : CHUNK))
            return false;
    return true;
}

/* --- both --------------------------------------------------------------------------------------*/

static bool append(struct kl_initrd *i, struct kl_rope *out, const struct kl_rope *archive)
{
    uint64_t len = kl_rope_len(i->image), gap = len - last_segment(i)->end;
    bool lz4 = last_segment(i)->codec == KL_CODEC_LZ4;
    kl_rope_add_rope(out, i->image, 0, len);
    if (lz4 && !gap)
        return add_lz4(i, out, archive);
    /* Zero bytes that are there already end LZ4 only when there are four. */
    uint64_t pad = lz4 && gap < 4 ? 4 - gap : 0;
    pad += -(len + pad) & 3;
    add_zeros(out, pad);
    kl_rope_add_rope(out, archive, 0, kl_rope_len(archive));
    return true;
}

struct kl_rope *kl_initrd_patch(struct kl_initrd *i, struct kl_patch *p)
{
    size_t steps = 0;
    if (!is_read_to_its_end(i))
        return NULL;
    struct kl_rope *archive KL_ROPE_SCOPE = archive_of(i, p, &steps);
    if (!archive)
        return NULL;
    if (!steps)
        return kl_rope_hold((struct kl_rope *)i->image);
    struct kl_rope *out = kl_rope_new();
    if (append(i, out, archive))
        return out;
    kl_rope_drop(out);
    return NULL;
}

struct kl_rope *kl_initrd_overlay(struct kl_initrd *i, struct kl_patch *p)
{
    size_t steps = 0;
    if (!is_read_to_its_end(i)) /* loaders put it behind the image: it would be lost as well */
        return NULL;
    struct kl_rope *archive KL_ROPE_SCOPE = archive_of(i, p, &steps);
    if (!archive)
        return NULL;
    struct kl_rope *out = kl_rope_new();
    /* Loaders put initrds at multiples of 4, with or without zero bytes between them: behind LZ4
     * those that end it are brought along. Anywhere else they are passed over. */
    if (last_segment(i)->codec == KL_CODEC_LZ4)
        add_zeros(out, 4);
    kl_rope_add_rope(out, archive, 0, kl_rope_len(archive));
    return out;
}
