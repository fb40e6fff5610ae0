/* A file of the image, changed by a diff. */
#include "base/text.h"
#include "image/patch_own.h"
#include "image/udiff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MOST = 8 << 20 }; /* bytes of a text, and of a diff */

/* The last change that puts a file at this path: a patch may edit what it brings, twice, too. */
static const struct kl_change *put_before(const struct kl_patch *p, const char *path)
{
    for (size_t i = p->n; i--;)
        if (kl_streq(p->changes[i].path, path))
            return p->changes[i].remove || p->changes[i].kind != KL_NODE_FILE ? NULL
                                                                              : &p->changes[i];
    return NULL;
}

static char *rope_text(struct kl_patch *p, const struct kl_change *c, size_t *len)
{
    uint64_t size = kl_rope_len(c->content);
    char *text = size > TEXT_MOST ? NULL : kl_alloc(p->a, (size_t)size + 1);
    if (text && kl_rope_read(c->content, 0, text, (size_t)size) == (ssize_t)size) {
        *len = (size_t)size;
        return text;
    }
    kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL, "'%s' (%s) cannot be edited: %s", c->path,
        c->from, text ? strerror(errno) : "it is larger than 8 MiB");
    return NULL;
}

/* Does a diff make a file that is not there? Empty ones have no hunk, and git alone can say them.
 */
static bool may_create(const char *diff)
{
    return strstr(diff, "@@ -0,0 ") || strstr(diff, "new file mode ");
}

/* What is there before the edit; "" for what is not there, when the diff may create it. */
static const char *old_text(struct kl_patch *p, struct kl_fs *fs, const char *path,
    const char *diff, struct kl_change *c, size_t *len)
{
    struct kl_found_path found;
    const struct kl_change *before;
    if (!kl_fs_find(fs, p->a, path, true, &found))
        return NULL;
    const char *why = NULL, *normal = kl_patch_normal(p->a, path, &why);
    before = put_before(p, found.path);
    if (!before && normal)
        before = put_before(p, normal);
    *len = 0;
    if (before) {
        *c = *before;
        return rope_text(p, before, len);
    }
    c->path = found.path;
    if (!found.node && !may_create(diff)) {
        kl_fault(fs->log, KL_IMAGE_NO_PATH, KL_NO_OFFSET, kl_patch_nearest(fs, p->a, path),
            "'%s' (--edit) is not there", path);
        return NULL;
    }
    return found.node ? kl_fs_text(fs, found.node, p->a, TEXT_MOST, len) : "";
}

bool kl_patch_add_edit(
    struct kl_patch *p, struct kl_fs *fs, const char *path, const char *diff_file)
{
    struct kl_change c = {.kind = KL_NODE_FILE, .mode = -1, .uid = -1, .gid = -1, .mtime = -1};
    struct kl_buf new KL_BUF_SCOPE = {0};
    size_t old_len, diff_len;
    char *diff = kl_read_file(diff_file, TEXT_MOST, &diff_len);
    if (!diff)
        return kl_patch_io(p, diff_file);
    const char *old = old_text(p, fs, path, diff, &c, &old_len);
    bool ok = old && kl_udiff_apply(p->log.d, path, old, old_len, diff_file, diff, diff_len, &new);
    free(diff);
    if (!ok)
        return false;
    c.from = kl_sprintf(p->a, "--edit, %s", diff_file);
    c.content = kl_rope_new();
    kl_rope_add_bytes(c.content, new.s, new.len);
    ok = kl_patch_add(p, &c);
    kl_rope_drop(c.content);
    return ok;
}
