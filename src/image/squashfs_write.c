/* A whole image around data that is there: its metadata in mksquashfs's order, which the kernel
 * counts on (linux/fs/squashfs/super.c reads the tables from the last to the first, each ending
 * where the one before it began):
 *
 *     superblock, options | data | inodes | directories | fragments | exports | ids | attributes
 *
 * and nothing up to the next 4 KiB, for loop devices drop a part of a page. */
#include "image/squashfs_put.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 8192, SUPER = 96, PAD = 4096 };

bool kl_squashfs_not_packed(struct kl_squashfs *s)
{
    return kl_fault(s->log, KL_IMAGE_IO, KL_NO_OFFSET, NULL,
        "its metadata cannot be packed: the %s library failed", kl_codec_name[s->packing.codec]);
}

static void add64(struct kl_buf *b, uint64_t v)
{
    unsigned char le[8];
    kl_put64(le, v);
    kl_buf_addn(b, (const char *)le, sizeof le);
}

bool kl_squashfs_put_table(struct kl_squashfs *s, const void *bytes, size_t n, bool raw,
    uint64_t base, struct kl_buf *out, uint64_t *table)
{
    struct kl_meta_out m = {.packing = &s->packing, .raw = raw, .out = out};
    struct kl_buf places KL_BUF_SCOPE = {0};
    for (size_t done = 0, part; done < n; done += part) {
        part = n - done < BLOCK ? n - done : BLOCK;
        add64(&places, base + out->len);
        if (!kl_meta_add(&m, (const char *)bytes + done, part) || !kl_meta_end(&m))
            return kl_squashfs_not_packed(s);
    }
    *table = base + out->len;
    kl_buf_addn(out, places.s, places.len);
    return true;
}

static bool put_fragments(struct kl_squashfs *s, const struct kl_squashfs_fragment *fragments,
    size_t n, uint64_t base, struct kl_buf *out, struct kl_squashfs_super *super)
{
    struct kl_buf list KL_BUF_SCOPE = {0};
    for (size_t i = 0; i < n; i++) {
        unsigned char one[16] = {0};
        kl_put64(one, fragments[i].start);
        kl_put32(one + 8, fragments[i].size);
        kl_buf_addn(&list, (const char *)one, sizeof one);
    }
    super->fragments = (uint32_t)n;
    if (n)
        super->flags &= (uint16_t)~KL_SQUASHFS_NO_FRAGMENTS;
    /* Without fragments this is still where directories end (unsquashfs counts on it). */
    return kl_squashfs_put_table(s, list.s, list.len, super->flags & KL_SQUASHFS_RAW_FRAGMENTS,
        base, out, &super->fragment_table);
}

/* Everything from the inode table on but for the attributes, as it will lie at `base`. */
static bool put_tables(struct kl_squashfs_put *p, const struct kl_squashfs_fragment *fragments,
    uint64_t base, struct kl_buf *out, struct kl_squashfs_super *super)
{
    struct kl_squashfs *s = p->s;
    super->inode_table = base;
    super->directory_table = base + p->inode_table.len;
    kl_buf_addn(out, p->inode_table.s, p->inode_table.len);
    kl_buf_addn(out, p->directory_table.s, p->directory_table.len);
    kl_buf_free(&p->inode_table);
    kl_buf_free(&p->directory_table);
    if (!put_fragments(s, fragments, p->nfragments, base, out, super))
        return false;
    if (super->export_table != KL_SQUASHFS_NONE) {
        super->flags |= KL_SQUASHFS_EXPORTABLE;
        if (!kl_squashfs_put_table(s, p->exports.s, p->exports.len,
                super->flags & KL_SQUASHFS_RAW_INODES, base, out, &super->export_table))
            return false;
    }
    super->ids = (uint16_t)p->ids.n;
    return kl_squashfs_put_table(s, p->ids.list.s, p->ids.list.len,
        super->flags & (KL_SQUASHFS_RAW_INODES | KL_SQUASHFS_RAW_IDS), base, out, &super->id_table);
}

/* The parts in their order; takes the content of `tables`. */
static struct kl_rope *assemble(struct kl_squashfs *s, const struct kl_squashfs_super *super,
    const struct kl_rope *data, struct kl_buf *tables, const struct kl_rope *xattrs)
{
    static const char zeros[PAD];
    unsigned char head[SUPER];
    struct kl_rope *image = kl_rope_new();
    size_t len = tables->len;
    kl_squashfs_super_put(super, head);
    kl_rope_add_bytes(image, head, sizeof head);
    kl_rope_add_rope(image, s->image, SUPER, s->data_start - SUPER);
    kl_rope_add_rope(image, data, 0, kl_rope_len(data));
    kl_rope_add_bytes_take(image, kl_buf_take(tables), len);
    kl_rope_add_rope(image, xattrs, 0, kl_rope_len(xattrs));
    kl_rope_add_bytes(image, zeros, (size_t)(-kl_rope_len(image) % PAD));
    return image;
}

static struct kl_rope *write_image(struct kl_squashfs_put *p, const struct kl_rope *data,
    const struct kl_squashfs_fragment *fragments, const struct kl_squashfs_xattrs *more)
{
    struct kl_squashfs *s = p->s;
    struct kl_squashfs_super super = s->super;
    struct kl_buf tables KL_BUF_SCOPE = {0};
    struct kl_rope *xattrs KL_ROPE_SCOPE = kl_rope_new();
    uint64_t base = s->data_start + kl_rope_len(data);
    if (!kl_squashfs_put_tree(p) || !put_tables(p, fragments, base, &tables, &super))
        return NULL;
    if (!kl_squashfs_put_xattrs(s, more, base + tables.len, xattrs, &super.xattr_table))
        return NULL;
    if (super.xattr_table != KL_SQUASHFS_NONE)
        super.flags &= (uint16_t)~KL_SQUASHFS_NO_XATTRS;
    super.inodes = p->count;
    super.root_inode = kl_squashfs_own(p->fs->root)->ref;
    super.bytes_used = base + tables.len + kl_rope_len(xattrs);
    return assemble(s, &super, data, &tables, xattrs);
}

static void free_put(struct kl_squashfs_put *p)
{
    kl_buf_free(&p->inode_table);
    kl_buf_free(&p->directory_table);
    kl_buf_free(&p->ids.list);
    kl_buf_free(&p->exports);
    free(p->ids.slots);
    free(p);
}

struct kl_rope *kl_squashfs_write(struct kl_squashfs *s, struct kl_fs *fs,
    const struct kl_rope *data, const struct kl_squashfs_fragment *fragments, size_t nfragments,
    const struct kl_squashfs_xattrs *xattrs)
{
    uint32_t sets;
    if (!kl_squashfs_xattr_sets(s, &sets))
        return NULL;
    struct kl_squashfs_put *p = kl_xmalloc(sizeof *p);
    bool raw = s->super.flags & KL_SQUASHFS_RAW_INODES;
    p->s = s;
    p->fs = fs;
    p->nfragments = nfragments;
    p->xattr_sets = (uint64_t)sets + (xattrs ? xattrs->n : 0);
    p->inodes = (struct kl_meta_out){.packing = &s->packing, .raw = raw, .out = &p->inode_table};
    p->directories =
        (struct kl_meta_out){.packing = &s->packing, .raw = raw, .out = &p->directory_table};
    struct kl_rope *image = write_image(p, data, fragments, xattrs);
    free_put(p);
    return image;
}
