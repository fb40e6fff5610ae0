/* What the files erofs_*.c share and nobody else needs.
 *
 * Numbers, offsets and rules: linux/fs/erofs/erofs_fs.h, inode.c, data.c, xattr.c, zmap.c (6.x),
 * and erofs-utils 1.5 where it says more. */
#ifndef KL_IMAGE_EROFS_OWN_H
#define KL_IMAGE_EROFS_OWN_H

#include "base/text.h"
#include "image/erofs.h"

enum {
    KL_EROFS_SUPER = 1024, /* where the superblock lies; 128 bytes are looked at */
    KL_EROFS_SLOT = 32,    /* inodes begin at multiples of it: a nid counts them */
    KL_EROFS_DIRENT = 12,
    KL_EROFS_NOWHERE = -1, /* a block address of holes */
};

/* feature_incompat */
enum {
    KL_EROFS_ZERO_PADDING = 0x01,
    KL_EROFS_COMPR_CFGS = 0x02, /* and big pclusters */
    KL_EROFS_CHUNKED = 0x04,
    KL_EROFS_DEVICES = 0x08, /* with extra_devices; without: a second algorithm (HEAD2) */
    KL_EROFS_ZTAILPACKING = 0x10,
    KL_EROFS_FRAGMENTS = 0x20, /* and dedupe */
    KL_EROFS_XATTR_PREFIXES = 0x40,
    KL_EROFS_KNOWN = 0x7f,
};
/* feature_compat */
enum { KL_EROFS_SUM = 0x01, KL_EROFS_PLAIN_PREFIXES = 0x10 };

enum kl_erofs_layout {
    KL_EROFS_PLAIN,
    KL_EROFS_Z_FULL,
    KL_EROFS_INLINE,
    KL_EROFS_Z_COMPACT,
    KL_EROFS_CHUNKS
};

/* How a file's compressed clusters are found (z_erofs_map_header). */
struct kl_erofs_z {
    uint16_t advise;
    uint8_t algorithm[2];
    unsigned bits;    /* of a logical cluster's size */
    bool full;        /* indexes of 8 bytes, from `indexes` */
    uint64_t indexes; /* byte of the image */
    uint64_t tail;    /* the cluster that heads the last extent ... */
    bool tail_inline; /* ... whose packed bytes follow the indexes */
    uint64_t inline_at;
    uint16_t inline_size;
    bool tail_fragment; /* ... which lies in the packed inode */
    uint64_t fragment_at;
};

struct kl_erofs_extent {
    uint64_t at, len;    /* in the file */
    uint64_t from, size; /* in the image */
    enum kl_erofs_way {
        KL_EROFS_AS_IT_IS,
        KL_EROFS_ROTATED,
        KL_EROFS_PACKED,
        KL_EROFS_FRAGMENT
    } way;
    unsigned algorithm;
};

struct kl_erofs_inode {
    uint64_t nid, where, size;
    int64_t mtime;
    uint32_t u; /* block address, device or chunk format, by kind and layout */
    uint32_t uid, gid, nlink;
    uint16_t mode;
    unsigned head, xattr_size; /* bytes of the inode, and of its xattrs that follow */
    enum kl_erofs_layout layout;
    bool is_placed; /* a directory that was met in the tree: it must not be met again */
    const char *target;
    bool xattrs_read;
    struct kl_xattr *xattrs;
    size_t nxattrs;
    struct kl_erofs_z *z; /* once it was read from */
};

/* The hint where a thing cannot be done in the image itself. */
#define KL_EROFS_INSTEAD                                                                           \
    "leave the image as it is and give the change as an updates.img: kickline image overlay"

/* A table from nids to what is known of them. */
struct kl_erofs_table {
    struct kl_erofs_place {
        uint64_t key;
        void *value; /* NULL: free */
    } * place;
    size_t n, room; /* a power of two, or 0 */
};
void **kl_erofs_at(struct kl_erofs_table *t, uint64_t key); /* its value's place; NULL when new */
void *kl_erofs_known(const struct kl_erofs_table *t, uint64_t key);

struct kl_erofs {
    struct kl_fs fs;
    struct kl_arena *a;
    const struct kl_rope *image;
    struct kl_reader in;
    struct kl_fault_log *log;
    unsigned bits; /* of the block size */
    uint32_t block;
    uint32_t compat, features, meta, xattr_block;
    uint64_t blocks, inodes, packed;
    uint16_t algorithms; /* bits of 1 << algorithm */
    uint64_t root;
    int64_t epoch; /* what the times of compact inodes are counted from */
    unsigned prefixes;
    struct kl_erofs_prefix {
        const char *text; /* "security.capability." */
        size_t len;
    } * prefix;
    struct kl_erofs_table known;                 /* nid -> kl_erofs_inode */
    uint64_t dir_bytes, link_bytes, xattr_bytes; /* read so far: an image has not many more than
                                                    its own length */
    struct kl_erofs_window {
        uint64_t at;
        size_t n;
        unsigned char bytes[4096];
    } window;
    struct kl_erofs_unpacked {
        uint64_t nid, at;
        size_t n;
        unsigned char *bytes;
        uint64_t used;
    } unpacked[4];
    uint64_t uses;
    uint64_t extent_of; /* whose `extent` is; 0: nobody's */
    struct kl_erofs_extent extent;
};

/* Where all that describes the inode ends: inline data or indexes follow. */
static inline uint64_t kl_erofs_after(const struct kl_erofs_inode *i)
{
    return i->where + i->head + i->xattr_size;
}
static inline uint64_t kl_erofs_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

/* erofs_read.c. Small things that lie close together: a window of the image is kept. */
bool kl_erofs_meta(struct kl_erofs *e, uint64_t at, void *to, size_t n, const char *what);
/* NULL: reported; `named` is the byte of what names it. */
struct kl_erofs_inode *kl_erofs_inode(struct kl_erofs *e, uint64_t nid, uint64_t named);
/* The entries of a directory as they stand, but for "." and "..": `at` is the entry's byte of the
 * directory. False from `each` ends it. */
typedef bool kl_erofs_entry_fn(void *arg, uint64_t at, const char *name, size_t len, uint64_t nid);
bool kl_erofs_entries(struct kl_erofs *e, struct kl_node *dir, kl_erofs_entry_fn *each, void *arg);
/* CRC-32C as EROFS has it: begun with ~0, not inverted at the end. */
uint32_t kl_erofs_crc(uint32_t crc, const void *bytes, size_t n);
size_t kl_erofs_summed(const struct kl_erofs *e); /* bytes that the superblock's checksum covers */
/* erofs_data.c, erofs_z.c. A range within the inode's size. */
bool kl_erofs_data(struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t at, void *to, size_t n);
bool kl_erofs_z_data(struct kl_erofs *e, struct kl_erofs_inode *i, uint64_t at, void *to, size_t n);
/* The byte of the image where byte `at` of a flat file lies; KL_NO_OFFSET for other layouts. */
uint64_t kl_erofs_flat(const struct kl_erofs *e, const struct kl_erofs_inode *i, uint64_t at);
/* erofs_xattr.c */
bool kl_erofs_prefixes(struct kl_erofs *e, uint64_t start, unsigned n);
bool kl_erofs_xattrs(struct kl_fs *fs, struct kl_node *n);
/* The index and the rest of a name; -1 when EROFS has none for it. */
int kl_erofs_xattr_index(const char *name, const char **rest);

/* --- patching ----------------------------------------------------------------------------------*/

/* Changes to the image's own bytes: few and small, so they are kept as cells of 32 bytes. */
enum { KL_EROFS_CELL = 32 };
struct kl_erofs_edits {
    struct kl_erofs *e;
    struct kl_arena *a;
    struct kl_erofs_table cells; /* byte / KL_EROFS_CELL + 1 -> the bytes as they shall be */
};
/* erofs_edit.c. The bytes as they are now, and as they shall be; within the image. */
bool kl_erofs_edit_get(struct kl_erofs_edits *d, uint64_t at, void *to, size_t n);
bool kl_erofs_edit_put(struct kl_erofs_edits *d, uint64_t at, const void *from, size_t n);
/* The superblock's checksum, last of all: what it covers may hold inodes, too. */
bool kl_erofs_edit_sum(struct kl_erofs_edits *d);
/* The whole image with the changes. */
struct kl_rope *kl_erofs_edited(const struct kl_erofs_edits *d);

/* erofs_dir.c. A directory as it shall be. */
struct kl_erofs_entry {
    const char *name;
    uint64_t nid;
    struct kl_erofs_item *item; /* that is new, and its nid counts; else NULL */
    enum kl_node_kind kind;
    bool gone;
};
struct kl_erofs_dir {
    struct kl_node *node;       /* that is there; NULL: a new one */
    struct kl_erofs_item *self; /* of a new one */
    struct kl_erofs_dir *up;    /* of a new one: what it is made in */
    struct kl_erofs_entry *entries;
    size_t n, nold; /* the first, sorted, are those that were there */
    bool rewritten; /* else entries are only pointed elsewhere */
    bool removed;
    int64_t subdirs;           /* how many more */
    uint64_t size, at;         /* of its entries, once they are counted; where, when not inline */
    const char *path;          /* of a new one */
    struct kl_erofs_dir *same; /* another whose path has this one's hash */
};
struct kl_erofs_entry *kl_erofs_dir_find(const struct kl_erofs_dir *d, const char *name);
void kl_erofs_dir_add(struct kl_arena *a, struct kl_erofs_dir *d, const char *name,
    enum kl_node_kind kind, uint64_t nid, struct kl_erofs_item *item);
/* Adds "." and "..", sorts, drops what is gone, and counts `size`. */
void kl_erofs_dir_end(struct kl_arena *a, struct kl_erofs_dir *d, uint32_t block);
/* The entries as they lie on disk, d->size bytes appended; every item has its nid by then. */
void kl_erofs_dir_put(const struct kl_erofs_dir *d, uint32_t block, struct kl_buf *out);
unsigned kl_erofs_type(enum kl_node_kind kind); /* as entries have it */
uint64_t kl_erofs_dir_nid(const struct kl_erofs_dir *d);

/* A new inode. */
struct kl_erofs_item {
    const struct kl_step *step;
    struct kl_erofs_dir *dir; /* of a directory */
    uint64_t nid, where, size;
    uint64_t data; /* byte of the new image; 0: none, or behind the inode: */
    bool is_inline;
    size_t xattr_size;
};

/* What a step gives as attributes, as it lies behind an inode. */
bool kl_erofs_xattrs_size(
    struct kl_erofs *e, const struct kl_step *step, size_t *size); /* false: reported */
void kl_erofs_xattrs_put(const struct kl_step *step, struct kl_buf *out);

#endif
