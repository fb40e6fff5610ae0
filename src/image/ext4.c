/* Looking into ext4: the superblock, inodes and directories as a kl_fs. */
#include "image/ext4_own.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* What a tree may come to in memory: an image of a few KiB can unpack to one of gigabytes. */
enum { NAMES_MOST = 2 << 20, KEPT_MOST = 64 << 20 };

#define DAMAGED "it is damaged: fetch it again, or let e2fsck look at it"

bool kl_is_ext4(const struct kl_reader *r)
{
    unsigned char magic[2];
    return r->len >= (uint64_t)KL_EXT4_SUPER * 2 &&
           r->read(r, KL_EXT4_SUPER + 0x38, magic, sizeof magic) && kl_le16(magic) == 0xef53;
}

/* --- features ----------------------------------------------------------------------------------*/

/* As e2fsprogs writes them (lib/e2p/feature.c), in its order. */
static const struct {
    char set; /* 'c'ompat, 'i'ncompat, 'r'o_compat */
    uint32_t bit;
    const char *name;
} features[] = {
    {'c', 0x1, "dir_prealloc"},
    {'c', 0x2, "imagic_inodes"},
    {'c', 0x4, "has_journal"},
    {'c', 0x8, "ext_attr"},
    {'c', 0x10, "resize_inode"},
    {'c', 0x20, "dir_index"},
    {'c', 0x40, "lazy_bg"},
    {'c', 0x80, "snapshot_bitmap"},
    {'c', 0x200, "sparse_super2"},
    {'c', 0x400, "fast_commit"},
    {'c', 0x800, "stable_inodes"},
    {'c', 0x1000, "orphan_file"},
    {'i', 0x1, "compression"},
    {'i', 0x2, "filetype"},
    {'i', 0x4, "needs_recovery"},
    {'i', 0x8, "journal_dev"},
    {'i', 0x10, "meta_bg"},
    {'i', 0x40, "extent"},
    {'i', 0x80, "64bit"},
    {'i', 0x100, "mmp"},
    {'i', 0x200, "flex_bg"},
    {'i', 0x400, "ea_inode"},
    {'i', 0x1000, "dirdata"},
    {'i', 0x2000, "metadata_csum_seed"},
    {'i', 0x4000, "large_dir"},
    {'i', 0x8000, "inline_data"},
    {'i', 0x10000, "encrypt"},
    {'i', 0x20000, "casefold"},
    {'r', 0x1, "sparse_super"},
    {'r', 0x2, "large_file"},
    {'r', 0x8, "huge_file"},
    {'r', 0x10, "uninit_bg"},
    {'r', 0x20, "dir_nlink"},
    {'r', 0x40, "extra_isize"},
    {'r', 0x80, "snapshot"},
    {'r', 0x100, "quota"},
    {'r', 0x200, "bigalloc"},
    {'r', 0x400, "metadata_csum"},
    {'r', 0x800, "replica"},
    {'r', 0x1000, "read-only"},
    {'r', 0x2000, "project"},
    {'r', 0x4000, "shared_blocks"},
    {'r', 0x8000, "verity"},
    {'r', 0x10000, "orphan_present"},
};
enum { FEATURES = sizeof features / sizeof *features };

/* What a reader must know: all but compression, journal_dev and dirdata. */
#define READABLE 0x3e7d6u

static void add_features(struct kl_buf *b, char set, uint32_t bits)
{
    for (size_t i = 0; i < FEATURES; i++)
        if (features[i].set == set && bits & features[i].bit) {
            kl_buf_addf(b, "%s%s", b->len ? " " : "", features[i].name);
            bits &= ~features[i].bit;
        }
    if (bits)
        kl_buf_addf(b, "%sfeature %c 0x%x", b->len ? " " : "", set, bits);
}

const char *kl_ext4_feature(struct kl_arena *a, char set, uint32_t bits)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    add_features(&b, set, bits & -bits);
    return kl_strdup(a, kl_buf_text(&b));
}

/* --- the superblock ----------------------------------------------------------------------------*/

static bool bad_super(struct kl_ext4 *e, unsigned field, const char *what)
{
    return kl_fault(e->log, KL_IMAGE_CORRUPT, KL_EXT4_SUPER + field, DAMAGED,
        "the ext4 superblock has %s", what);
}

static bool geometry(struct kl_ext4 *e)
{
    const unsigned char *s = e->super;
    bool first_rev = kl_le32(s + 0x4c) == 0;
    if (kl_le32(s + 0x18) > 6)
        return bad_super(e, 0x18, "a block size that cannot be");
    e->block = 1024u << kl_le32(s + 0x18);
    e->blocks = kl_le32(s + 0x4);
    if (e->incompat & KL_EXT4_64BIT)
        e->blocks |= (uint64_t)kl_le32(s + 0x150) << 32;
    e->first_data = kl_le32(s + 0x14);
    e->blocks_per_group = kl_le32(s + 0x20);
    e->inodes = kl_le32(s);
    e->inodes_per_group = kl_le32(s + 0x28);
    e->inode_size = first_rev ? 128 : kl_le16(s + 0x58);
    e->desc_size = e->incompat & KL_EXT4_64BIT ? kl_le16(s + 0xfe) : 32;
    if (e->inode_size < 128 || e->inode_size > e->block || e->inode_size & (e->inode_size - 1) ||
        e->inode_size > KL_EXT4_INODE_MOST)
        return bad_super(e, 0x58, "an inode size that cannot be");
    if (e->desc_size < 32 || e->desc_size > 1024 || e->desc_size & (e->desc_size - 1))
        return bad_super(e, 0xfe, "a descriptor size that cannot be");
    if (e->first_data > 1 || e->blocks <= e->first_data + 1)
        return bad_super(e, 0x4, "a number of blocks that cannot be");
    return true;
}

static bool groups(struct kl_ext4 *e)
{
    uint64_t most = (uint64_t)e->block * 8;
    /* With bigalloc a bitmap's bit stands for a cluster. */
    uint64_t cluster = e->ro_compat & KL_EXT4_BIGALLOC ? kl_le32(e->super + 0x1c) : 0;
    if (!e->blocks_per_group || cluster > 30 || e->blocks_per_group > most << cluster)
        return bad_super(e, 0x20, "a group size that cannot be");
    uint64_t n = (e->blocks - e->first_data + e->blocks_per_group - 1) / e->blocks_per_group;
    e->groups = (uint32_t)n;
    if (n > UINT32_MAX || !e->inodes_per_group || e->inodes_per_group > most ||
        e->inodes < KL_EXT4_ROOT || e->inodes > n * e->inodes_per_group ||
        (uint64_t)e->inodes * e->inode_size > e->blocks * e->block)
        return bad_super(e, 0, "a number of inodes that cannot be");
    return true;
}

bool kl_ext4_super(struct kl_ext4 *e, struct kl_cow *cow, struct kl_fault_log *log)
{
    *e = (struct kl_ext4){.cow = cow, .log = log};
    if (kl_cow_len(cow) < (uint64_t)KL_EXT4_SUPER * 2)
        return kl_fault(log, KL_IMAGE_TRUNCATED, kl_cow_len(cow), NULL,
            "it is too short for an ext4 filesystem");
    if (!kl_cow_read(cow, KL_EXT4_SUPER, e->super, sizeof e->super))
        return false;
    if (kl_le16(e->super + 0x38) != 0xef53)
        return bad_super(e, 0x38, "not its magic number");
    if (kl_le32(e->super + 0x4c)) { /* the first revision has no features */
        e->compat = kl_le32(e->super + 0x5c);
        e->incompat = kl_le32(e->super + 0x60);
        e->ro_compat = kl_le32(e->super + 0x64);
    }
    if (e->incompat & ~READABLE) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        return kl_fault(log, KL_IMAGE_UNSUPPORTED, KL_EXT4_SUPER + 0x60, NULL,
            "the ext4 feature '%s' is not supported",
            kl_ext4_feature(a, 'i', e->incompat & ~READABLE));
    }
    if (!geometry(e) || !groups(e))
        return false;
    if (e->blocks > kl_cow_len(cow) / e->block)
        return kl_fault(log, KL_IMAGE_TRUNCATED, kl_cow_len(cow),
            "it is cut short or damaged: fetch it again and compare its checksum",
            "the filesystem of %llu blocks reaches over the end", (unsigned long long)e->blocks);
    return true;
}

/* --- inodes ------------------------------------------------------------------------------------*/

static bool power_of(uint64_t n, unsigned base)
{
    while (n > 1 && n % base == 0)
        n /= base;
    return n == 1;
}

/* Groups with a copy of the superblock (linux/fs/ext4/balloc.c: ext4_bg_has_super()). */
static bool has_super(const struct kl_ext4 *e, uint64_t group)
{
    if (group == 0)
        return true;
    if (e->compat & KL_EXT4_SPARSE_SUPER2)
        return group == kl_le32(e->super + 0x24c) || group == kl_le32(e->super + 0x250);
    if (!(e->ro_compat & KL_EXT4_SPARSE_SUPER) || group == 1)
        return true;
    return power_of(group, 3) || power_of(group, 5) || power_of(group, 7);
}

static uint64_t descriptor_at(const struct kl_ext4 *e, uint32_t group)
{
    uint32_t each = e->block / e->desc_size, part = group / each, in = group % each;
    uint64_t first = e->first_data;
    if (e->block == 1024 && !first)
        first = 1; /* bigalloc */
    if (e->incompat & KL_EXT4_META_BG && part >= kl_le32(e->super + 0x104)) {
        uint64_t of = (uint64_t)part * each;
        first = (of ? e->first_data + of * e->blocks_per_group : first) + has_super(e, of);
    } else
        first += 1 + (uint64_t)part;
    return first * e->block + (uint64_t)in * e->desc_size;
}

static bool read_at(struct kl_ext4 *e, uint64_t at, void *to, size_t n, const char *what)
{
    if (at / e->block >= e->blocks)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, at, DAMAGED,
            "the ext4 filesystem has %s outside of it", what);
    return kl_cow_read(e->cow, at, to, n);
}

bool kl_ext4_inode(struct kl_ext4 *e, uint64_t ino, struct kl_ext4_inode *out)
{
    unsigned char desc[64] = {0};
    *out = (struct kl_ext4_inode){0};
    if (ino < 1 || ino > e->inodes)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, KL_NO_OFFSET, DAMAGED, "there is no inode %llu",
            (unsigned long long)ino);
    uint32_t group = (uint32_t)((ino - 1) / e->inodes_per_group);
    uint32_t index = (uint32_t)((ino - 1) % e->inodes_per_group);
    uint64_t at = descriptor_at(e, group);
    if (!read_at(e, at, desc, e->desc_size < 64 ? 32 : 64, "a group descriptor"))
        return false;
    uint64_t table = kl_le32(desc + 8) | (uint64_t)kl_le32(desc + 0x28) << 32;
    if (table <= e->first_data || table >= e->blocks)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, at + 8, DAMAGED,
            "the inode table of group %u lies outside of the filesystem", group);
    out->ino = (uint32_t)ino;
    out->where = table * e->block + (uint64_t)index * e->inode_size;
    return read_at(e, out->where, out->b, e->inode_size, "an inode table");
}

uint64_t kl_ext4_inode_size(const struct kl_ext4 *e, const struct kl_ext4_inode *i)
{
    (void)e;
    return kl_le32(i->b + 4) | (uint64_t)kl_le32(i->b + 0x6c) << 32;
}

static int64_t mtime(const struct kl_ext4 *e, const struct kl_ext4_inode *i)
{
    int64_t t = (int32_t)kl_le32(i->b + 0x10);
    if (e->inode_size >= 0x8c && kl_le16(i->b + 0x80) >= 0x8c - 0x80)
        t += (int64_t)(kl_le32(i->b + 0x88) & 3) << 32;
    return t;
}

/* linux/include/linux/kdev_t.h: the old form in the first word, the new one in the second. */
static void device(const struct kl_ext4_inode *i, struct kl_node *n)
{
    uint32_t old = kl_le32(i->b + KL_EXT4_IBLOCK), dev = kl_le32(i->b + KL_EXT4_IBLOCK + 4);
    n->major = old ? old >> 8 & 0xff : dev >> 8 & 0xfff;
    n->minor = old ? old & 0xff : (dev & 0xff) | (dev >> 12 & 0xfff00);
}

/* Many names may share one inode, and each gets its own copy of what that says. */
static bool keep(struct kl_ext4 *e, uint64_t bytes, uint64_t where)
{
    e->kept += bytes;
    return e->kept <= KEPT_MOST ||
           kl_fault(e->log, KL_IMAGE_BOMB, where, NULL,
               "its symbolic links and extended attributes have more than %d MiB", KEPT_MOST >> 20);
}

static bool target(
    struct kl_ext4 *e, struct kl_fs *fs, const struct kl_ext4_inode *i, struct kl_node *n)
{
    if (n->size == 0 || n->size > 4095)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, i->where + 4, DAMAGED,
            "the symbolic link of inode %u has %llu bytes", i->ino, (unsigned long long)n->size);
    if (!keep(e, n->size, i->where))
        return false;
    char *to = kl_alloc(fs->a, (size_t)n->size + 1);
    bool here = n->size < KL_EXT4_IBLOCK_LEN &&
                !(kl_ext4_flags(i) & (KL_EXT4_EXTENTS_FL | KL_EXT4_ENCRYPT_FL));
    if (here)
        memcpy(to, i->b + KL_EXT4_IBLOCK, (size_t)n->size);
    else if (!kl_ext4_read(e, i, 0, to, (size_t)n->size))
        return false;
    if (strlen(to) != n->size)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, i->where, DAMAGED,
            "the symbolic link of inode %u has a NUL in it", i->ino);
    n->target = to;
    return true;
}

static bool size_is_sane(struct kl_ext4 *e, const struct kl_ext4_inode *i, struct kl_node *n)
{
    uint64_t most = (uint64_t)e->block << 32;
    if (n->kind == KL_NODE_DIR)
        most = e->blocks * e->block;
    else if (n->kind != KL_NODE_FILE && n->kind != KL_NODE_SYMLINK)
        n->size = 0;
    return n->size <= most || kl_fault(e->log, KL_IMAGE_CORRUPT, i->where + 4, DAMAGED,
                                  "inode %u has a size that cannot be", i->ino);
}

/* A directory has one name: a second one would be a loop, or a tree that grows without end. */
static bool met_once(struct kl_ext4 *e, const struct kl_ext4_inode *i)
{
    unsigned char *byte = &e->dirs[i->ino / 8], bit = (unsigned char)(1u << i->ino % 8);
    if (*byte & bit)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, i->where, DAMAGED,
            "the directory of inode %u is in the tree twice", i->ino);
    *byte |= bit;
    return true;
}

static bool fill(struct kl_ext4 *e, struct kl_fs *fs, struct kl_node *n, uint64_t ino)
{
    struct kl_ext4_inode i = {0};
    if (!kl_ext4_inode(e, ino, &i))
        return false;
    n->where = i.where;
    n->handle = n->ino = ino;
    n->kind = kl_node_kind_of(kl_ext4_mode(&i));
    if (kl_node_mode(n->kind) != (kl_ext4_mode(&i) & 0170000u))
        return kl_fault(e->log, KL_IMAGE_CORRUPT, i.where, DAMAGED,
            "inode %u is used, and is of no kind", i.ino);
    n->mode = kl_ext4_mode(&i) & 07777;
    n->uid = kl_le16(i.b + 2) | (uint32_t)kl_le16(i.b + 0x78) << 16;
    n->gid = kl_le16(i.b + 0x18) | (uint32_t)kl_le16(i.b + 0x7a) << 16;
    n->nlink = kl_le16(i.b + 0x1a);
    n->mtime = mtime(e, &i);
    n->size = kl_ext4_inode_size(e, &i);
    if (n->kind == KL_NODE_CHAR || n->kind == KL_NODE_BLOCK)
        device(&i, n);
    return size_is_sane(e, &i, n) && (n->kind != KL_NODE_SYMLINK || target(e, fs, &i, n)) &&
           (n->kind != KL_NODE_DIR || met_once(e, &i));
}

/* --- directories -------------------------------------------------------------------------------*/

/* Hard links give more names than inodes; an image that has many more of them is made to hurt. */
static bool count_node(struct kl_ext4 *e, const struct kl_node *dir)
{
    uint64_t most = (uint64_t)e->inodes * 4 + 65536;
    most = most < NAMES_MOST ? most : NAMES_MOST;
    return ++e->nodes <= most || kl_fault(e->log, KL_IMAGE_BOMB, dir->where, NULL,
                                     "it has more than %llu names", (unsigned long long)most);
}

static bool add_entry(struct kl_fs *fs, struct kl_node *dir, const unsigned char *name, size_t len,
    uint32_t ino, uint64_t where)
{
    struct kl_ext4 *e = fs->own;
    if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
        return true;
    struct kl_node *n = kl_node_new(fs, (const char *)name, len);
    n->where = where;
    return count_node(e, dir) && kl_node_adopt(fs, dir, n) && fill(e, fs, n, ino);
}

static size_t record_len(const unsigned char *b, uint32_t block)
{
    size_t n = kl_le16(b + 4);
    if (block < 65536)
        return n;
    return n == 0 || n == 65535 ? block : (n & 65532) | (n & 3) << 16;
}

/* Records that fill `len` bytes. Those of an index (htree) look like unused ones. */
static bool add_records(
    struct kl_fs *fs, struct kl_node *dir, const unsigned char *b, size_t len, uint64_t where)
{
    struct kl_ext4 *e = fs->own;
    for (size_t at = 0, n; at < len; at += n) {
        const unsigned char *r = b + at;
        n = len - at < 8 ? 0 : record_len(r, e->block);
        size_t name = n ? r[6] : 0;
        bool used = n && kl_le32(r);
        if (n < 8 || n % 4 || n > len - at || (used && (name + 8 > n || memchr(r + 8, 0, name))))
            return kl_fault(fs->log, KL_IMAGE_CORRUPT, where + at, DAMAGED,
                "the directory '/%s' has a record that cannot be", kl_node_path(fs->a, dir));
        if (used && !add_entry(fs, dir, r + 8, name, kl_le32(r), where + at))
            return false;
    }
    return true;
}

/* The first four bytes are the parent's number; "." and ".." are not said
 * (linux/fs/ext4/inline.c). */
static bool inline_dir(struct kl_fs *fs, struct kl_node *dir, const struct kl_ext4_inode *i)
{
    const unsigned char *rest = NULL;
    size_t len = 0;
    return kl_ext4_inline_rest(fs->own, i, &rest, &len) &&
           add_records(fs, dir, i->b + KL_EXT4_IBLOCK + 4, KL_EXT4_IBLOCK_LEN - 4,
               i->where + KL_EXT4_IBLOCK + 4) &&
           add_records(fs, dir, rest, len, i->where);
}

static bool dir_block(struct kl_fs *fs, struct kl_node *dir, const struct kl_ext4_inode *i,
    uint64_t n, unsigned char *buffer)
{
    struct kl_ext4 *e = fs->own;
    struct kl_ext4_run run = {0};
    if (!kl_ext4_map(e, i, n, &run))
        return false;
    if (!run.at || run.unwritten)
        return kl_fault(e->log, KL_IMAGE_CORRUPT, i->where, DAMAGED,
            "the directory '/%s' has a hole in it", kl_node_path(fs->a, dir));
    return kl_cow_read(e->cow, run.at * e->block, buffer, e->block) &&
           add_records(fs, dir, buffer, e->block, run.at * e->block);
}

static bool read_dir(struct kl_fs *fs, struct kl_node *dir, unsigned char *buffer)
{
    struct kl_ext4 *e = fs->own;
    struct kl_ext4_inode i = {0};
    if (!kl_ext4_inode(e, dir->handle, &i))
        return false;
    if (kl_ext4_flags(&i) & KL_EXT4_ENCRYPT_FL)
        return kl_fault(e->log, KL_IMAGE_UNSUPPORTED, i.where, NULL,
            "the directory '/%s' is encrypted", kl_node_path(fs->a, dir));
    if (kl_ext4_flags(&i) & KL_EXT4_INLINE_FL)
        return inline_dir(fs, dir, &i);
    for (uint64_t n = 0; n < dir->size / e->block; n++)
        if (!dir_block(fs, dir, &i, n, buffer))
            return false;
    return true;
}

static bool open_dir(struct kl_fs *fs, struct kl_node *dir)
{
    struct kl_ext4 *e = fs->own;
    unsigned char *buffer = kl_xmalloc(e->block);
    bool ok = read_dir(fs, dir, buffer);
    free(buffer);
    if (!ok)
        dir->nchildren = 0;
    return ok;
}

/* --- the rest of a kl_fs -----------------------------------------------------------------------*/

static bool read_xattrs(struct kl_fs *fs, struct kl_node *n)
{
    struct kl_ext4_inode i = {0};
    uint64_t bytes = 0;
    if (!kl_ext4_inode(fs->own, n->handle, &i) ||
        !kl_ext4_xattrs(fs->own, &i, fs->a, &n->xattrs, &n->nxattrs))
        return false;
    for (size_t k = 0; k < n->nxattrs; k++)
        bytes += n->xattrs[k].len + sizeof *n->xattrs;
    return keep(fs->own, bytes, i.where);
}

static bool read_file(struct kl_fs *fs, const struct kl_node *file, uint64_t at, void *to, size_t n)
{
    struct kl_ext4_inode i = {0};
    return kl_ext4_inode(fs->own, file->handle, &i) && kl_ext4_read(fs->own, &i, at, to, n);
}

struct kl_ext4 *kl_ext4_of(const struct kl_fs *fs)
{
    return fs->own;
}

static int64_t made(const struct kl_ext4 *e)
{
    int64_t t = kl_le32(e->super + 0x30); /* last written */
    return t ? t : kl_le32(e->super + 0x108);
}

struct kl_fs *kl_ext4_open(struct kl_arena *a, struct kl_cow *cow, struct kl_fault_log *log)
{
    struct kl_ext4 *e = kl_alloc(a, sizeof *e);
    if (!kl_ext4_super(e, cow, log))
        return NULL;
    struct kl_fs *fs = kl_alloc(a, sizeof *fs);
    *fs = (struct kl_fs){.type = "ext4",
        .a = a,
        .log = log,
        .time = made(e),
        .open_dir = open_dir,
        .read_xattrs = read_xattrs,
        .read = read_file,
        .own = e};
    e->dirs = kl_xmalloc((size_t)e->inodes / 8 + 1);
    fs->root = kl_node_new(fs, "", 0);
    if (fill(e, fs, fs->root, KL_EXT4_ROOT)) {
        if (fs->root->kind == KL_NODE_DIR)
            return fs;
        kl_fault(log, KL_IMAGE_CORRUPT, fs->root->where, DAMAGED, "the root is no directory");
    }
    kl_ext4_close(fs);
    return NULL;
}

void kl_ext4_close(struct kl_fs *fs)
{
    if (!fs)
        return;
    struct kl_ext4 *e = fs->own;
    free(e->dirs);
    e->dirs = NULL;
}

void kl_ext4_info(const struct kl_fs *fs, struct kl_arena *a, struct kl_ext4_info *out)
{
    const struct kl_ext4 *e = fs->own;
    struct kl_buf b KL_BUF_SCOPE = {0};
    add_features(&b, 'c', e->compat);
    add_features(&b, 'i', e->incompat);
    add_features(&b, 'r', e->ro_compat);
    const char *label = (const char *)e->super + 0x78;
    *out = (struct kl_ext4_info){.block_size = e->block,
        .blocks = e->blocks,
        .free_blocks = kl_le32(e->super + 0xc),
        .inodes = e->inodes,
        .free_inodes = kl_le32(e->super + 0x10),
        .label = kl_strndup(a, label, strnlen(label, 16)),
        .features = kl_strdup(a, kl_buf_text(&b)),
        .clean = (kl_le16(e->super + 0x3a) & 3) == 1 && !(e->incompat & KL_EXT4_RECOVER)};
    if (e->incompat & KL_EXT4_64BIT)
        out->free_blocks |= (uint64_t)kl_le32(e->super + 0x158) << 32;
}
