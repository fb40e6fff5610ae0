/* A tree of files in an image, whichever format holds it.
 *
 * Every format (initrd, squashfs, ext4, EROFS) gives one of these, and what looks into images is
 * written once. Directories are read when they are first asked for: to find three files in an
 * image of a million touches three directories.
 *
 * Names come from the image and are hostile: a reader refuses "", ".", "..", names with a slash or
 * NUL and twice the same name, so that no walk can leave the tree or loop. Nothing is thread-safe.
 */
#ifndef KL_IMAGE_FS_H
#define KL_IMAGE_FS_H

#include "base/arena.h"
#include "image/reader.h"

enum kl_node_kind {
    KL_NODE_FILE,
    KL_NODE_DIR,
    KL_NODE_SYMLINK,
    KL_NODE_CHAR,
    KL_NODE_BLOCK,
    KL_NODE_FIFO,
    KL_NODE_SOCKET
};
extern const char *const kl_node_word[];          /* "file", "directory", "symbolic link", ... */
enum kl_node_kind kl_node_kind_of(unsigned mode); /* of st_mode; KL_NODE_FILE for what is none */
unsigned kl_node_mode(enum kl_node_kind kind);    /* S_IFREG, ... */

struct kl_xattr {
    const char *name; /* whole: "security.selinux" */
    const void *value;
    size_t len;
};

struct kl_node {
    const char *name; /* "" for the root */
    struct kl_node *parent;
    enum kl_node_kind kind;
    uint16_t mode; /* 07777 of it */
    uint32_t uid, gid, nlink;
    int64_t mtime; /* seconds */
    uint64_t size; /* bytes; of a symbolic link, its target's */
    uint64_t ino;  /* the same for hard links of one file */
    uint32_t major, minor;
    const char *target; /* of a symbolic link */

    bool opened; /* children are there */
    struct kl_node **children;
    size_t nchildren; /* sorted by name, bytes */

    bool xattrs_read;
    struct kl_xattr *xattrs;
    size_t nxattrs; /* sorted by name */

    uint64_t where;  /* the byte of the image that describes it, for messages */
    uint64_t handle; /* the format's own */
    void *own;
};

struct kl_fs {
    const char *type; /* "cpio", "squashfs", "ext4", "erofs" */
    struct kl_node *root;
    struct kl_arena *a; /* all nodes live here */
    struct kl_fault_log *log;
    int64_t time; /* when the image was made, seconds; what is added bears it. 0: not said */
    /* The format's own. Each reports and returns false on a fault. */
    bool (*open_dir)(struct kl_fs *fs, struct kl_node *dir);  /* fills children; kl_fs_dir sorts */
    bool (*read_xattrs)(struct kl_fs *fs, struct kl_node *n); /* NULL: the format has none */
    bool (*read)(struct kl_fs *fs, const struct kl_node *file, uint64_t at, void *to, size_t n);
    void *own;
};

struct kl_node *kl_node_new(struct kl_fs *fs, const char *name, size_t len); /* copies the name */
/* Adds a child (sorted later). False, reported, for names that no honest image has. */
bool kl_node_adopt(struct kl_fs *fs, struct kl_node *dir, struct kl_node *child);

/* Makes children readable; true at once for what is opened. `dir` must be a directory. */
bool kl_fs_dir(struct kl_fs *fs, struct kl_node *dir);
bool kl_fs_xattrs(struct kl_fs *fs, struct kl_node *n);
/* Bytes of a regular file: a range within its size. */
bool kl_fs_read(struct kl_fs *fs, const struct kl_node *file, uint64_t at, void *to, size_t n);
/* A whole file, NUL-terminated, in `a`; NULL after it was reported, also when it is over `max`. */
char *kl_fs_text(
    struct kl_fs *fs, const struct kl_node *file, struct kl_arena *a, size_t max, size_t *len);
struct kl_node *kl_node_child(const struct kl_node *dir, const char *name, size_t len);
const char *kl_node_path(struct kl_arena *a, const struct kl_node *n); /* "etc/motd"; "" the root */

/* A path walked as the kernel would, below the image's own root: absolute targets begin there and
 * ".." stops there. At most 40 symbolic links (path_resolution(7)). */
struct kl_found_path {
    struct kl_node *node;   /* NULL: not there */
    struct kl_node *parent; /* the last directory that is there; NULL: the path is the root's */
    const char *rest;       /* what is not there below parent: "a/b/c"; "" when node is set */
    const char *path; /* without symbolic links on the way: parent's path + "/" + rest or name */
};
/* `follow`: the last name, too, when it is a symbolic link; a dangling one then leads to where the
 * file would be made. False after a fault of the image was reported, or when a name on the way is
 * no directory (KL_IMAGE_BAD_PATH). What is in `out` lives in `a` and in `fs`. */
bool kl_fs_find(
    struct kl_fs *fs, struct kl_arena *a, const char *path, bool follow, struct kl_found_path *out);
/* What is at a path, followed; NULL quietly when nothing is. */
struct kl_node *kl_fs_at(struct kl_fs *fs, const char *path);

/* Each node below `from`, parents first, children in order; `each` returns false to stop. False
 * when it was stopped or a directory could not be read. */
bool kl_fs_walk(struct kl_fs *fs, struct kl_node *from,
    bool (*each)(void *arg, struct kl_fs *fs, struct kl_node *n), void *arg);

#endif
