/* Metadata as squashfs packs it: blocks of 8 KiB, each behind two bytes that say its packed size
 * and, in bit 15, that it is not packed (linux/fs/squashfs/block.c, squashfs_read_data). */
#include "image/squashfs_own.h"

#include <string.h>

enum { RAW_BIT = 0x8000, MAGIC = 0x73717368 };

uint64_t kl_meta_ref(const struct kl_meta_out *m)
{
    return (uint64_t)m->out->len << 16 | m->n;
}

static void put_block(struct kl_meta_out *m, const void *bytes, size_t n, unsigned flag)
{
    unsigned char head[2];
    kl_put16(head, (uint16_t)(n | flag));
    kl_buf_addn(m->out, (const char *)head, sizeof head);
    kl_buf_addn(m->out, bytes, n);
    m->n = 0;
}

bool kl_meta_end(struct kl_meta_out *m)
{
    unsigned char packed[sizeof m->held];
    if (!m->n)
        return true;
    ssize_t n = m->raw ? 0 : kl_block_pack(m->packing, m->held, m->n, packed, sizeof packed);
    if (n < 0)
        return false;
    if (n > 0 && (size_t)n < m->n)
        put_block(m, packed, (size_t)n, 0);
    else
        put_block(m, m->held, m->n, RAW_BIT);
    return true;
}

bool kl_meta_add(struct kl_meta_out *m, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;
    while (n) {
        size_t room = sizeof m->held - m->n, part = n < room ? n : room;
        memcpy(m->held + m->n, from, part);
        m->n += part;
        from += part;
        n -= part;
        /* At once, so that kl_meta_ref() always names the block that the next byte is in. */
        if (m->n == sizeof m->held && !kl_meta_end(m))
            return false;
    }
    return true;
}

void kl_squashfs_super_put(const struct kl_squashfs_super *s, unsigned char out[static 96])
{
    const uint64_t places[] = {s->root_inode, s->bytes_used, s->id_table, s->xattr_table,
        s->inode_table, s->directory_table, s->fragment_table, s->export_table};
    kl_put32(out, MAGIC);
    kl_put32(out + 4, s->inodes);
    kl_put32(out + 8, s->mkfs_time);
    kl_put32(out + 12, s->block_size);
    kl_put32(out + 16, s->fragments);
    kl_put16(out + 20, s->codec_id);
    kl_put16(out + 22, s->block_log);
    kl_put16(out + 24, s->flags);
    kl_put16(out + 26, s->ids);
    kl_put16(out + 28, s->major);
    kl_put16(out + 30, s->minor);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        kl_put64(out + 32 + 8 * i, places[i]);
}
