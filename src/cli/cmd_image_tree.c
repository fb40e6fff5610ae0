#include "cli/cmd_image_tree.h"

#include "base/text.h"
#include "image/output.h"
#include "image/tree_sums.h"
#include "tree/treeinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_TREEINFO = 1 << 20 };

static bool fault(struct kl_image_job *j, const char *file, const char *what, int e)
{
    struct kl_fault_log log = {.d = j->d, .image = file};
    return kl_fault(&log, KL_IMAGE_IO, KL_NO_OFFSET, NULL, "%s: %s", what, strerror(e));
}

static const char *path_of(const struct kl_tree *t, const char *image)
{
    if (kl_streq(image, "initrd"))
        return t->initrd;
    return kl_streq(image, "stage2") ? t->mainimage : image;
}

bool kl_image_tree_open(
    struct kl_image_job *j, const char *dir, const char *image, struct kl_image_tree *out)
{
    struct kl_tree tree = {0};
    *out = (struct kl_image_tree){.dir = dir};
    if (!kl_tree_read(j->a, dir, &tree, j->d))
        return false;
    out->path = path_of(&tree, image);
    struct kl_fault_log log = {.d = j->d, .image = dir};
    if (!out->path)
        return kl_fault(&log, KL_IMAGE_NO_PATH, KL_NO_OFFSET,
            "name the image by its path in the tree", "its .treeinfo names no %s", image);
    /* A path from .treeinfo is as hostile as any. */
    if (*out->path == '/' || kl_starts(out->path, "../") || strstr(out->path, "/../"))
        return kl_fault(&log, KL_IMAGE_BAD_PATH, KL_NO_OFFSET, NULL,
            "'%s' does not lie in the tree", out->path);
    out->file = kl_sprintf(j->a, "%s/%s", dir, out->path);
    static const char *const names[] = {".treeinfo", "treeinfo"};
    for (size_t i = 0; i < 2 && !out->text; i++) {
        out->info = kl_sprintf(j->a, "%s/%s", dir, names[i]);
        char *text = kl_read_file(out->info, MOST_TREEINFO, &out->len);
        out->text = text ? kl_strndup(j->a, text, out->len) : NULL;
        free(text);
    }
    return out->text || fault(j, out->info, "cannot be read", errno);
}

struct kl_rope *kl_image_tree_info(
    struct kl_image_job *j, const struct kl_image_tree *t, const struct kl_rope *patched)
{
    struct kl_sum sum = {t->path, patched};
    size_t len = 0;
    char *text = kl_treeinfo_with(j->a, t->info, t->text, t->len, &sum, 1, &len, j->d);
    if (!text)
        return NULL;
    struct kl_rope *rope = kl_rope_new();
    kl_rope_add_bytes(rope, text, len);
    return rope;
}

/* --- a tree of its own -------------------------------------------------------------------------*/

struct copying {
    struct kl_image_job *j;
    const struct kl_image_tree *t;
    const char *to;
};
static _Thread_local struct copying *copying; /* nftw(3) hands nothing through */

static bool copy_file(const char *from, const char *to, const struct stat *st)
{
    int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct kl_rope *rope KL_ROPE_SCOPE = fd < 0 ? NULL : kl_rope_of_fd(fd);
    return rope && kl_output_rope(to, st->st_mode & 0777, rope, NULL, NULL);
}

static bool copy_link(const char *from, const char *to)
{
    char target[4096];
    ssize_t n = readlink(from, target, sizeof target - 1);
    if (n < 0)
        return false;
    target[n] = '\0';
    return symlink(target, to) == 0;
}

static int copy_one(const char *from, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    struct copying *c = copying;
    const char *rel = from + strlen(c->t->dir);
    while (*rel == '/')
        rel++;
    const char *to = kl_sprintf(c->j->a, "%s/%s", c->to, rel);
    if (kl_streq(rel, c->t->path) || kl_streq(from, c->t->info))
        return 0;
    bool ok;
    if (type == FTW_D)
        ok = !*rel || mkdir(to, 0755) == 0;
    else if (type == FTW_SL || type == FTW_SLN)
        ok = copy_link(from, to);
    else if (type == FTW_F)
        ok = link(from, to) == 0 || copy_file(from, to, st);
    else
        ok = (errno = EACCES, false);
    if (!ok)
        fault(c->j, from, "cannot be taken over into the new tree", errno);
    return !ok;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static bool fill(struct kl_image_job *j, const struct kl_image_tree *t,
    const struct kl_rope *patched, const struct kl_rope *info, const char *to)
{
    struct copying c = {.j = j, .t = t, .to = to};
    copying = &c;
    int failed = nftw(t->dir, copy_one, 32, FTW_PHYS);
    copying = NULL;
    if (failed)
        return failed < 0 && fault(j, t->dir, "cannot be read", errno);
    const char *name = strrchr(t->info, '/') + 1;
    return kl_image_job_write(j, patched, kl_sprintf(j->a, "%s/%s", to, t->path), 0644) &&
           kl_image_job_write(j, info, kl_sprintf(j->a, "%s/%s", to, name), 0644);
}

bool kl_image_tree_write(struct kl_image_job *j, const struct kl_image_tree *t,
    const struct kl_rope *patched, const struct kl_rope *info, const char *out)
{
    size_t n = strlen(out);
    while (n > 1 && out[n - 1] == '/')
        n--;
    char *made = kl_sprintf(j->a, "%.*s.kickline-XXXXXX", (int)n, out);
    struct stat st;
    if (lstat(out, &st) == 0 && rmdir(out) != 0)
        return fault(j, out, "a new tree is not written over what is there", EEXIST);
    if (!mkdtemp(made))
        return fault(j, out, "cannot be made", errno);
    bool ok = fill(j, t, patched, info, made) && chmod(made, 0755) == 0;
    if (ok && rename(made, out) != 0)
        ok = fault(j, out, "cannot be made", errno);
    if (!ok)
        nftw(made, remove_one, 32, FTW_PHYS | FTW_DEPTH);
    return ok;
}

void kl_image_tree_copies(struct kl_image_job *j, const struct kl_image_tree *t)
{
    static const char *const known[] = {"isolinux/initrd.img", "ppc/ppc64/initrd.img",
        "images/boot.iso", "images/efiboot.img", "images/eltorito.img"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const char *file = kl_sprintf(j->a, "%s/%s", t->dir, known[i]);
        bool iso = kl_ends(known[i], ".iso"), initrd = kl_ends(known[i], "/initrd.img");
        if (kl_streq(known[i], t->path) || access(file, F_OK) != 0)
            continue;
        if (!iso && !(initrd && strstr(t->path, "initrd")))
            continue;
        kl_diag(j->d, KL_NOTE, "image-copy", (struct kl_place){.file = file},
            iso ? "what boots from this ISO is not patched; the checksum implanted in it still "
                  "holds"
                : "patch it, too, if anything boots from it",
            "it has its own copy of %s, and stays as it was", t->path);
    }
}
