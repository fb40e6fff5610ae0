/* What is to be changed in an image: files, directories, links, in no format's language.
 *
 * Made of directories, tar and cpio archives and single files; applied by each format's own
 * writer, all of them through kl_patch_plan(), so that a patch means the same everywhere:
 *
 * - Paths are resolved in the image: a file written through a symbolic link on the way lands where
 *   the running system would put it. The last name is not followed: a link there is replaced.
 * - A directory that is there is left as it is. Missing ones are made, 0755 and owned like the
 *   directory that they are made in.
 * - A file over a file keeps that one's owner, mode and xattrs, but for what the patch gives;
 *   a new one has its directory's owner and SELinux label, mode 0644 or what the patch gives.
 * - A file over a directory, and a directory over anything else, is an error. A directory over a
 *   link to one is that one.
 * - Removals are found in the image as it is, and come first: what else the patch puts sees the
 *   tree without them. One behind a file of the patch takes that back.
 * - Everything else is done in the order of the patch, through links that it puts, too. A change
 *   that a later one would hide, by a link where it went through a directory, is an error.
 * - All times are the image's own (kl_fs.time), or $SOURCE_DATE_EPOCH's, but for what an archive
 *   gives: same input, same bytes.
 */
#ifndef KL_IMAGE_PATCH_H
#define KL_IMAGE_PATCH_H

#include "image/fs.h"

struct kl_change {
    const char *path; /* normal: no slash at either end, no "", ".", ".." in it */
    bool remove;      /* else it is put: */
    enum kl_node_kind kind;
    struct kl_rope *content; /* of a file; held by the patch */
    const char *target;      /* of a symbolic link */
    uint32_t major, minor;
    int mode;         /* 07777 of it; -1: inherited */
    bool executable;  /* with mode -1: whoever may read it may execute it */
    int64_t uid, gid; /* -1: inherited */
    int64_t mtime;    /* -1: the image's time */
    bool xattrs_given;
    struct kl_xattr *xattrs; /* sorted by name */
    size_t nxattrs;
    const char *from; /* "patches/etc/motd", "fix.tar: etc/motd", "--add"; for messages */
};

struct kl_patch {
    struct kl_arena *a;
    struct kl_change *changes;
    size_t n, room;
    struct kl_fault_log log; /* its image is what is being read now */
    int64_t epoch;           /* $SOURCE_DATE_EPOCH; -1: not set */
};

/* Reads $SOURCE_DATE_EPOCH; NULL, reported, when that is no time. */
struct kl_patch *kl_patch_new(struct kl_diags *d);
void kl_patch_free(struct kl_patch *p);

/* Each false, reported, when it cannot be used; nothing is added then. A path that leaves its root
 * ("..", an absolute name with one in it) is an error; leading slashes and "./" are not. */
/* One change; its strings are copied, its content is held. Later ones win. */
bool kl_patch_add(struct kl_patch *p, const struct kl_change *c);
/* A directory's content, symbolic links as such. Of the files' modes only their owner's execute bit
 * counts, so that an umask does not leak into images; owners and xattrs are inherited. */
bool kl_patch_add_dir(struct kl_patch *p, const char *dir);
/* A tar or cpio archive, packed or not (libarchive): modes, owners, times and xattrs are given by
 * it; hard links become copies. */
bool kl_patch_add_archive(struct kl_patch *p, const char *file);
/* Either, by what is at `path`. */
bool kl_patch_add_path(struct kl_patch *p, const char *path);
/* "HOSTPATH:IMAGEPATH[:MODE]", "TARGET:IMAGEPATH", and a path to be removed. A colon in a path is
 * written "\:". Without a mode, as from a directory. */
bool kl_patch_add_file(struct kl_patch *p, const char *spec);
bool kl_patch_add_link(struct kl_patch *p, const char *spec);
bool kl_patch_add_removal(struct kl_patch *p, const char *path);
/* The file at `path` of the image with a unified diff applied (udiff.h); mode and all else stay. */
bool kl_patch_add_edit(
    struct kl_patch *p, struct kl_fs *fs, const char *path, const char *diff_file);

/* --- for the writers ---------------------------------------------------------------------------*/

/* One thing to do in an image, with everything settled. */
struct kl_step {
    const struct kl_change *change; /* NULL: a directory on the way */
    const char *path;               /* in the image, no symbolic links on the way */
    const char *name;               /* the last part of it */
    struct kl_node *old;            /* what is there now; NULL: nothing */
    struct kl_node *parent; /* the directory that is there; NULL: one of these steps makes it */
    bool remove;
    enum kl_node_kind kind;
    uint16_t mode;
    uint32_t uid, gid;
    int64_t mtime;
    struct kl_xattr *xattrs; /* all that the node shall have */
    size_t nxattrs;
};
struct kl_steps {
    struct kl_step *step;
    size_t n; /* parents before what is in them; removals first, children before parents */
};
/* What the format can say; kl_patch_plan() refuses the rest with KL_IMAGE_CANNOT and names
 * `instead`. */
struct kl_patch_can {
    bool remove, xattrs;
    uint64_t largest;    /* file; 0: no limit */
    const char *instead; /* the hint: what the admin can do */
};
/* Settles a patch against an image. An empty patch gives no steps; so does a change that is there
 * already, byte for byte (the content is compared). In `fs->a`. */
bool kl_patch_plan(
    struct kl_patch *p, struct kl_fs *fs, const struct kl_patch_can *can, struct kl_steps *out);

#endif
