/* EROFS as it is read: superblock, inodes, directories.
 *
 * An inode is known by its nid, the 32-byte slot where it begins, counted from the metadata's
 * first block; nothing lists the inodes. So the tree is what the root leads to, and each inode is
 * read when a directory names it, once. A directory lies at one place of the tree only, and all of
 * them together have no more bytes than the image: that bounds every walk. */
#include "image/erofs_own.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- what is known of nids ---------------------------------------------------------------------*/

static size_t slot(const struct kl_erofs_table *t, uint64_t key)
{
    size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (t->room - 1);
    while (t->place[i].value && t->place[i].key != key)
        i = (i + 1) & (t->room - 1);
    return i;
}

static void more_room(struct kl_erofs_table *t)
{
    struct kl_erofs_table old = *t;
    t->room = old.room ? old.room * 2 : 64;
    t->place = kl_xmalloc(t->room * sizeof *t->place);
    for (size_t i = 0; i < old.room; i++)
        if (old.place[i].value)
            t->place[slot(t, old.place[i].key)] = old.place[i];
    free(old.place);
}

void **kl_erofs_at(struct kl_erofs_table *t, uint64_t key)
{
    if (t->n * 2 >= t->room)
        more_room(t);
    struct kl_erofs_place *p = &t->place[slot(t, key)];
    if (!p->value) {
        p->key = key;
        t->n++; /* the caller gives it a value */
    }
    return &p->value;
}

void *kl_erofs_known(const struct kl_erofs_table *t, uint64_t key)
{
    return t->room ? t->place[slot(t, key)].value : NULL;
}

/* --- bytes -------------------------------------------------------------------------------------*/

bool kl_erofs_meta(struct kl_erofs *e, uint64_t at, void *to, size_t n, const char *what)
{
    struct kl_erofs_window *w = &e->window;
    if (at > e->in.len || n > e->in.len - at || n > sizeof w->bytes / 2)
        return kl_read(&e->in, at, to, n, what);
    if (at < w->at || at - w->at > w->n || n > w->n - (size_t)(at - w->at)) {
        uint64_t left = e->in.len - at;
        w->n = 0;
        size_t wanted = left < sizeof w->bytes ? (size_t)left : sizeof w->bytes;
        if (!kl_read(&e->in, at, w->bytes, wanted, what))
            return false;
        w->at = at;
        w->n = wanted;
    }
    memcpy(to, w->bytes + (at - w->at), n);
    return true;
}

uint32_t kl_erofs_crc(uint32_t crc, const void *bytes, size_t n)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i++) {
        crc ^= b[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return crc;
}

/* --- inodes ------------------------------------------------------------------------------------*/

static bool kind_is_sane(struct kl_erofs *e, const struct kl_erofs_inode *i)
{
    unsigned type = i->mode & S_IFMT;
    if (kl_node_mode(kl_node_kind_of(i->mode)) != type)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, i->where, NULL,
            "an inode says that it is of kind %o, which is none", type);
    if (i->size > INT64_MAX || (type == S_IFDIR && i->size > e->in.len) ||
        (type == S_IFLNK && (!i->size || i->size > 4095)))
        return kl_fault(e->log, KL_IMAGE_CORRUPT, i->where, NULL,
            "an inode says that its %s has %llu bytes", kl_node_word[kl_node_kind_of(i->mode)],
            (unsigned long long)i->size);
    return true;
}

static void read_extended(struct kl_erofs_inode *i, const unsigned char *b)
{
    i->size = kl_le64(b + 8);
    i->uid = kl_le32(b + 24);
    i->gid = kl_le32(b + 28);
    i->mtime = (int64_t)kl_le64(b + 32);
    i->nlink = kl_le32(b + 44);
}

static void read_compact(const struct kl_erofs *e, struct kl_erofs_inode *i, const unsigned char *b)
{
    i->nlink = kl_le16(b + 6);
    i->size = kl_le32(b + 8);
    i->uid = kl_le16(b + 24);
    i->gid = kl_le16(b + 26);
    /* Older images have zero here, and in build_time (fs/erofs/inode.c, 6.15). */
    i->mtime = (int64_t)((uint64_t)e->epoch + kl_le32(b + 12));
}

static struct kl_erofs_inode *read_inode(struct kl_erofs *e, uint64_t nid, uint64_t named)
{
    unsigned char b[64] = {0};
    uint64_t start = (uint64_t)e->meta << e->bits;
    if (start > e->in.len || nid > (e->in.len - start) / KL_EROFS_SLOT) {
        kl_fault(e->log, KL_IMAGE_CORRUPT, named, NULL,
            "here inode %llu is named, which lies after the end of the image",
            (unsigned long long)nid);
        return NULL;
    }
    struct kl_erofs_inode *i = kl_alloc(e->a, sizeof *i);
    i->nid = nid;
    i->where = start + nid * KL_EROFS_SLOT;
    if (!kl_erofs_meta(e, i->where, b, 32, "inode"))
        return NULL;
    unsigned format = kl_le16(b), layout = format >> 1 & 7, words = kl_le16(b + 2);
    if (format >> 4 || layout > KL_EROFS_CHUNKS) {
        kl_fault(e->log, KL_IMAGE_UNSUPPORTED, i->where, KL_EROFS_INSTEAD,
            "inode %llu has the format 0x%x, which is not known", (unsigned long long)nid, format);
        return NULL;
    }
    i->layout = (enum kl_erofs_layout)layout;
    i->head = format & 1 ? 64 : 32;
    i->xattr_size = words ? 12 + 4 * (words - 1) : 0;
    i->mode = kl_le16(b + 4);
    i->u = kl_le32(b + 16);
    if (i->head == 32)
        read_compact(e, i, b);
    else if (!kl_erofs_meta(e, i->where, b, 64, "inode"))
        return NULL;
    else
        read_extended(i, b);
    return kind_is_sane(e, i) ? i : NULL;
}

struct kl_erofs_inode *kl_erofs_inode(struct kl_erofs *e, uint64_t nid, uint64_t named)
{
    struct kl_erofs_inode *i = kl_erofs_known(&e->known, nid);
    if (!i && (i = read_inode(e, nid, named)))
        *kl_erofs_at(&e->known, nid) = i;
    return i;
}

static bool read_target(struct kl_erofs *e, struct kl_erofs_inode *i)
{
    if (i->size > e->in.len - e->link_bytes)
        return kl_fault(e->log, KL_IMAGE_BOMB, i->where, NULL,
            "the targets of symbolic links together are longer than the image");
    e->link_bytes += i->size;
    char *target = kl_alloc(e->a, (size_t)i->size + 1);
    if (!kl_erofs_data(e, i, 0, target, (size_t)i->size))
        return false;
    if (strlen(target) != i->size)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, i->where, NULL,
            "a symbolic link's target has a zero byte in it");
    i->target = target;
    return true;
}

/* --- the tree ----------------------------------------------------------------------------------*/

static bool make_node(struct kl_erofs *e, const char *name, size_t len, uint64_t nid,
    const struct kl_node *dir, struct kl_node **out)
{
    struct kl_erofs_inode *i = kl_erofs_inode(e, nid, dir ? dir->where : KL_EROFS_SUPER + 14);
    if (!i)
        return false;
    struct kl_node *n = *out = kl_node_new(&e->fs, name, len);
    n->kind = kl_node_kind_of(i->mode);
    if (n->kind == KL_NODE_DIR && i->is_placed)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, i->where, NULL,
            "the directory '/%s' has an entry that leads to a directory which lies elsewhere "
            "already",
            dir ? kl_node_path(e->a, dir) : "");
    i->is_placed = n->kind == KL_NODE_DIR;
    if (n->kind == KL_NODE_SYMLINK && !i->target && !read_target(e, i))
        return false;
    n->mode = i->mode & 07777;
    n->uid = i->uid;
    n->gid = i->gid;
    n->nlink = i->nlink;
    n->mtime = i->mtime;
    n->size = i->size;
    n->ino = n->handle = nid;
    n->target = i->target;
    if (n->kind == KL_NODE_CHAR || n->kind == KL_NODE_BLOCK) {
        /* linux/kdev_t.h, new_decode_dev() */
        n->major = i->u >> 8 & 0xfff;
        n->minor = (i->u & 0xff) | (i->u >> 12 & 0xfff00);
    }
    n->where = i->where;
    n->own = i;
    return true;
}

static bool corrupt_dir(struct kl_erofs *e, const struct kl_node *dir, uint64_t block)
{
    return kl_fault(e->log, KL_IMAGE_CORRUPT, dir->where, NULL,
        "the entries in block %llu of the directory '/%s' cannot be", (unsigned long long)block,
        kl_node_path(e->a, dir));
}

/* One block: entries of 12 bytes, whose count follows from where the first one's name begins, then
 * the names; the last one ends with the block or with a zero byte (linux/fs/erofs/dir.c). */
static bool each_in_block(struct kl_erofs *e, struct kl_node *dir, uint64_t block,
    const unsigned char *b, size_t size, kl_erofs_entry_fn *each, void *arg)
{
    size_t first = size >= KL_EROFS_DIRENT ? kl_le16(b + 8) : 0;
    if (first < KL_EROFS_DIRENT || first >= size || first % KL_EROFS_DIRENT)
        return corrupt_dir(e, dir, block);
    for (size_t at = 0; at < first; at += KL_EROFS_DIRENT) {
        size_t name = kl_le16(b + at + 8), next = size;
        bool last = at + KL_EROFS_DIRENT == first;
        if (!last)
            next = kl_le16(b + at + KL_EROFS_DIRENT + 8);
        if (name < first || name >= next || next > size)
            return corrupt_dir(e, dir, block);
        size_t len = strnlen((const char *)b + name, next - name);
        if (!last && len != next - name)
            return corrupt_dir(e, dir, block);
        if ((len == 1 && b[name] == '.') || (len == 2 && b[name] == '.' && b[name + 1] == '.'))
            continue;
        if (!each(arg, (block << e->bits) + at, (const char *)b + name, len, kl_le64(b + at)))
            return false;
    }
    return true;
}

bool kl_erofs_entries(struct kl_erofs *e, struct kl_node *dir, kl_erofs_entry_fn *each, void *arg)
{
    struct kl_erofs_inode *i = dir->own;
    unsigned char *b = kl_xmalloc(e->block);
    bool ok = true;
    for (uint64_t at = 0; ok && at < i->size; at += e->block) {
        size_t n = i->size - at < e->block ? (size_t)(i->size - at) : e->block;
        ok = kl_erofs_data(e, i, at, b, n) && each_in_block(e, dir, at >> e->bits, b, n, each, arg);
    }
    free(b);
    return ok;
}

struct opening {
    struct kl_erofs *e;
    struct kl_node *dir;
};

static bool adopt(void *arg, uint64_t at, const char *name, size_t len, uint64_t nid)
{
    const struct opening *o = arg;
    struct kl_node *n;
    (void)at;
    return make_node(o->e, name, len, nid, o->dir, &n) && kl_node_adopt(&o->e->fs, o->dir, n);
}

static bool open_dir(struct kl_fs *fs, struct kl_node *dir)
{
    struct opening o = {.e = fs->own, .dir = dir};
    const struct kl_erofs_inode *i = dir->own;
    if (i->size > o.e->in.len - o.e->dir_bytes)
        return kl_fault(fs->log, KL_IMAGE_BOMB, dir->where, NULL,
            "the directories together are larger than the image");
    o.e->dir_bytes += i->size;
    return kl_erofs_entries(o.e, dir, adopt, &o);
}

static bool read_file(struct kl_fs *fs, const struct kl_node *file, uint64_t at, void *to, size_t n)
{
    return kl_erofs_data(fs->own, file->own, at, to, n);
}

/* --- the superblock ----------------------------------------------------------------------------*/

bool kl_is_erofs(const struct kl_reader *r)
{
    unsigned char magic[4];
    return r->len >= KL_EROFS_SUPER + 128 && r->read(r, KL_EROFS_SUPER, magic, sizeof magic) &&
           kl_le32(magic) == 0xe0f5e1e2;
}

static bool features_are_known(struct kl_erofs *e, const unsigned char *sb)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } newer[] = {{0x80, " (48bit)"}, {0x100, " (metabox)"}};
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t one = UINT32_C(1) << bit;
        const char *name = "";
        if (!(e->features & one & ~(uint32_t)KL_EROFS_KNOWN))
            continue;
        for (size_t i = 0; i < sizeof newer / sizeof *newer; i++)
            if (newer[i].bit == one)
                name = newer[i].name;
        return kl_fault(e->log, KL_IMAGE_UNSUPPORTED, KL_EROFS_SUPER + 80, KL_EROFS_INSTEAD,
            "the filesystem needs the EROFS feature 0x%x%s, which is not known", one, name);
    }
    if (kl_le16(sb + 86) && e->features & KL_EROFS_DEVICES)
        return kl_fault(e->log, KL_IMAGE_UNSUPPORTED, KL_EROFS_SUPER + 86, KL_EROFS_INSTEAD,
            "the filesystem's data lies on %u more devices", kl_le16(sb + 86));
    if (sb[90])
        return kl_fault(e->log, KL_IMAGE_UNSUPPORTED, KL_EROFS_SUPER + 90, KL_EROFS_INSTEAD,
            "directory blocks of another size (0x%x) are not known", sb[90]);
    return true;
}

/* The checksum covers what follows the first 1024 bytes, to the end of the first block, or one
 * whole block's length where blocks are not longer than that (fs/erofs/super.c). */
size_t kl_erofs_summed(const struct kl_erofs *e)
{
    return e->block > KL_EROFS_SUPER ? e->block - KL_EROFS_SUPER : e->block;
}

static bool checksum_is_right(struct kl_erofs *e)
{
    size_t n = kl_erofs_summed(e);
    unsigned char *b = kl_xmalloc(n);
    bool ok = kl_read(&e->in, KL_EROFS_SUPER, b, n, "superblock");
    if (ok) {
        uint32_t said = kl_le32(b + 4);
        kl_put32(b + 4, 0);
        uint32_t is = kl_erofs_crc(~UINT32_C(0), b, n);
        if (said != is)
            ok = kl_fault(e->log, KL_IMAGE_CORRUPT, KL_EROFS_SUPER + 4,
                "it is damaged: fetch it again and compare its checksum",
                "the superblock's checksum is %08x, not %08x", is, said);
    }
    free(b);
    return ok;
}

static bool read_super(struct kl_erofs *e)
{
    unsigned char sb[128];
    if (!kl_read(&e->in, KL_EROFS_SUPER, sb, sizeof sb, "superblock"))
        return false;
    if (kl_le32(sb) != 0xe0f5e1e2)
        return kl_fault(
            e->log, KL_IMAGE_UNSUPPORTED, KL_EROFS_SUPER, NULL, "this is no EROFS filesystem");
    e->compat = kl_le32(sb + 8);
    e->bits = sb[12];
    e->epoch = (int64_t)kl_le64(sb + 24);
    e->fs.time = (int64_t)(kl_le64(sb + 24) + kl_le32(sb + 108));
    e->root = kl_le16(sb + 14);
    e->inodes = kl_le64(sb + 16);
    e->blocks = kl_le32(sb + 36);
    e->meta = kl_le32(sb + 40);
    e->xattr_block = kl_le32(sb + 44);
    e->features = kl_le32(sb + 80);
    e->packed = kl_le64(sb + 96);
    if (e->bits < 9 || e->bits > 16)
        return kl_fault(e->log, KL_IMAGE_UNSUPPORTED, KL_EROFS_SUPER + 12, NULL,
            "blocks of 2^%u bytes are not known", e->bits);
    e->block = UINT32_C(1) << e->bits;
    if (e->features & KL_EROFS_COMPR_CFGS)
        e->algorithms = kl_le16(sb + 84);
    else if (e->features & KL_EROFS_ZERO_PADDING)
        e->algorithms = 1;
    if (!features_are_known(e, sb) || (e->compat & KL_EROFS_SUM && !checksum_is_right(e)))
        return false;
    if (e->blocks > e->in.len >> e->bits)
        return kl_fault(e->log, KL_IMAGE_TRUNCATED, e->in.len,
            "it is cut short or damaged: fetch it again and compare its checksum",
            "the image ends within the filesystem, which has %" PRIu64 " bytes",
            e->blocks << e->bits);
    return !(e->features & KL_EROFS_XATTR_PREFIXES) ||
           kl_erofs_prefixes(e, (uint64_t)kl_le32(sb + 92) << 2, sb[91]);
}

struct kl_fs *kl_erofs_open(
    struct kl_arena *a, const struct kl_rope *image, struct kl_fault_log *log)
{
    struct kl_erofs *e = kl_alloc(a, sizeof *e);
    *e = (struct kl_erofs){.a = a, .image = image, .log = log, .in = kl_rope_reader(image, log)};
    e->fs = (struct kl_fs){.type = "erofs",
        .a = a,
        .log = log,
        .open_dir = open_dir,
        .read_xattrs = kl_erofs_xattrs,
        .read = read_file,
        .own = e};
    if (!read_super(e) || !make_node(e, "", 0, e->root, NULL, &e->fs.root)) {
        kl_erofs_close(&e->fs);
        return NULL;
    }
    if (e->fs.root->kind != KL_NODE_DIR) {
        kl_fault(log, KL_IMAGE_CORRUPT, e->fs.root->where, NULL,
            "what should be the root directory is a %s", kl_node_word[e->fs.root->kind]);
        kl_erofs_close(&e->fs);
        return NULL;
    }
    return &e->fs;
}

void kl_erofs_close(struct kl_fs *fs)
{
    if (!fs)
        return;
    struct kl_erofs *e = fs->own;
    free(e->known.place);
    e->known = (struct kl_erofs_table){0};
    for (size_t i = 0; i < sizeof e->unpacked / sizeof *e->unpacked; i++) {
        free(e->unpacked[i].bytes);
        e->unpacked[i] = (struct kl_erofs_unpacked){0};
    }
}

static const char *words_of(
    struct kl_arena *a, uint32_t bits, const char *const *words, size_t n, const char *none)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t i = 0; i < n; i++)
        if (bits >> i & 1)
            kl_buf_addf(&b, "%s%s", b.len ? " " : "", words[i]);
    return b.len ? kl_strdup(a, kl_buf_text(&b)) : none;
}

void kl_erofs_info(const struct kl_fs *fs, struct kl_arena *a, struct kl_erofs_info *out)
{
    static const char *const features[] = {"lz4_0padding", "compr_cfgs", "chunked_file",
        "compr_head2", "ztailpacking", "fragments", "xattr_prefixes"};
    static const char *const codecs[] = {"lz4", "lzma", "deflate", "zstd"};
    struct kl_erofs *e = fs->own;
    unsigned char names[32] = {0};
    e->in.read(&e->in, KL_EROFS_SUPER + 48, names, sizeof names);
    *out = (struct kl_erofs_info){.block_size = e->block, .blocks = e->blocks, .inodes = e->inodes};
    out->features = words_of(a, e->features, features, sizeof features / sizeof *features, "");
    out->codecs = words_of(a, e->algorithms, codecs, sizeof codecs / sizeof *codecs, "none");
    memcpy(out->uuid, names, 16);
    out->label = kl_strndup(a, (char *)names + 16, strnlen((char *)names + 16, 16));
}

/* --- a file as bytes ---------------------------------------------------------------------------*/

struct nested {
    struct kl_erofs *e;
    struct kl_erofs_inode *i;
};

static bool read_nested(const struct kl_reader *self, uint64_t at, void *to, size_t n)
{
    const struct nested *f = self->arg;
    return kl_erofs_data(f->e, f->i, at, to, n);
}

struct kl_reader kl_erofs_file(struct kl_fs *fs, const struct kl_node *file)
{
    struct nested *f = kl_alloc(fs->a, sizeof *f);
    *f = (struct nested){.e = fs->own, .i = file->own};
    return (struct kl_reader){.len = file->size, .read = read_nested, .arg = f, .log = fs->log};
}
