/* What a patch means in an image.
 *
 * First all removals are found, in the image as it is. Then everything else is put, in the order of
 * the patch, into the tree without what is removed: each change finds its place through what the
 * image has and what earlier changes put. At the end every change is looked for once more: one that
 * a later change has hidden, by putting a link where it walked through a directory, would be lost
 * without a word, and is an error.
 *
 * Only then owners, modes and labels are settled, parents first, for they are inherited; and what
 * the image has already is left out. */
#include "image/patch.h"

#include "base/text.h"
#include "image/patch_own.h"
#include "image/patch_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MOST = 4095, PART = 128 << 10 };

#define LABEL "security.selinux"

struct plan {
    struct kl_patch *p;
    struct kl_fs *fs;
    const struct kl_patch_can *can;
    struct kl_spot_tree t;
    struct kl_arena *a;   /* for what ends with the planning */
    struct kl_spot **at;  /* of each change: where it is; of a removal, NULL: not there */
    struct kl_spot **put; /* what has been put, by path */
    size_t nput;
    struct kl_steps *out;
    size_t room;
    bool ok; /* so far: mistakes of removals are all told */
};

static bool cannot(struct plan *pl, const struct kl_change *c, const char *path, const char *why)
{
    return kl_fault(pl->fs->log, KL_IMAGE_CANNOT, KL_NO_OFFSET, pl->can->instead, "'/%s' (%s) %s",
        path, c ? kl_change_from(c) : "the patch", why);
}

/* --- removals ----------------------------------------------------------------------------------*/

const char *kl_patch_nearest(struct kl_fs *fs, struct kl_arena *a, const char *path)
{
    struct kl_found_path found;
    if (fs->log->told >= KL_FAULTS_MOST || !kl_fs_find(fs, a, path, false, &found) || found.node ||
        !found.parent || !kl_fs_dir(fs, found.parent))
        return NULL;
    const char **names = kl_alloc(a, (found.parent->nchildren + 1) * sizeof *names);
    for (size_t i = 0; i < found.parent->nchildren; i++)
        names[i] = found.parent->children[i]->name;
    const char *word = kl_strndup(a, found.rest, strcspn(found.rest, "/"));
    const char *near = kl_nearest(word, names), *dir = kl_node_path(a, found.parent);
    return near ? kl_sprintf(a, "did you mean '%s%s%s'?", dir, *dir ? "/" : "", near) : NULL;
}

static bool find_removals(struct plan *pl)
{
    for (size_t i = 0; i < pl->p->n; i++)
        if (pl->p->changes[i].remove &&
            !kl_spot_find(&pl->t, &pl->p->changes[i], KL_SPOT_LOOK, &pl->at[i]))
            return false;
    for (size_t i = 0; i < pl->p->n; i++)
        if (pl->p->changes[i].remove && pl->at[i])
            pl->at[i]->removed = true;
    kl_spots_sink(&pl->t);
    return true;
}

/* A removal of what the image has not: then an earlier change must have put it. */
static bool take_back_new(struct plan *pl, const struct kl_change *c)
{
    struct kl_spot *at;
    if (!kl_spot_find(&pl->t, c, KL_SPOT_LOOK, &at))
        return false;
    if (!at || !at->put) {
        pl->ok = kl_fault(pl->fs->log, KL_IMAGE_NO_PATH, KL_NO_OFFSET,
            kl_patch_nearest(pl->fs, pl->a, c->path), "'%s' (%s) is not there", c->path,
            kl_change_from(c));
        return true;
    }
    if (at->kind == KL_NODE_DIR || at->old)
        return kl_fault(pl->fs->log, KL_IMAGE_PATCH, KL_NO_OFFSET,
            "leave one of them out of the patch",
            "'%s' (%s) is what an earlier change puts, as '/%s'", c->path, kl_change_from(c),
            kl_spot_path(pl->a, at));
    kl_spot_unput(at);
    return true;
}

/* What the patch itself put at this place before, goes, too; what it put into a directory stays:
 * that the image's directory is removed, and then filled anew. */
static bool take_back(struct plan *pl, const struct kl_change *c, struct kl_spot *at)
{
    if (!at)
        return take_back_new(pl, c);
    if (at->put && at->kind != KL_NODE_DIR)
        kl_spot_unput(at);
    return true;
}

/* --- putting -----------------------------------------------------------------------------------*/

static bool put(struct plan *pl, const struct kl_change *c, struct kl_spot **at)
{
    struct kl_spot *s;
    if (!kl_spot_find(&pl->t, c, KL_SPOT_MAKE, &s))
        return false;
    *at = s;
    if (!s->live || (s->kind != KL_NODE_DIR && c->kind != KL_NODE_DIR)) {
        kl_spot_put(s, c->kind, c);
        return true;
    }
    if (s->kind == KL_NODE_DIR && c->kind == KL_NODE_DIR) {
        if (s->put)
            s->change = c; /* one that this patch makes; the image's own are left as they are */
        return true;
    }
    const char *path = kl_spot_path(pl->a, s);
    if (s->put)
        return kl_fault(pl->fs->log, KL_IMAGE_PATCH, KL_NO_OFFSET,
            "two changes contradict each other: leave one out",
            "'%s' (%s) is a %s, and %s makes a %s of it", c->path, kl_change_from(c),
            kl_node_word[c->kind], s->change ? kl_change_from(s->change) : "the patch",
            kl_node_word[s->kind]);
    return kl_fault(pl->fs->log, KL_IMAGE_CANNOT, KL_NO_OFFSET,
        "a directory is not replaced by something else, nor something else by a directory: remove "
        "it in the same patch, where the image allows that",
        "'%s' (%s) is a %s, and '/%s' is a %s in the image", c->path, kl_change_from(c),
        kl_node_word[c->kind], path, kl_node_word[s->kind]);
}

static bool put_all(struct plan *pl)
{
    for (size_t i = 0; i < pl->p->n; i++) {
        const struct kl_change *c = &pl->p->changes[i];
        if (!(c->remove ? take_back(pl, c, pl->at[i]) : put(pl, c, &pl->at[i])))
            return false;
    }
    return pl->ok;
}

/* Is each change still where its path leads, now that all of them are done? */
static bool verify(struct plan *pl)
{
    for (size_t i = 0; i < pl->p->n; i++) {
        const struct kl_change *c = &pl->p->changes[i];
        struct kl_spot *now = NULL;
        if (c->remove || !pl->at[i]->live) /* it was taken back */
            continue;
        if (!kl_spot_find(&pl->t, c, KL_SPOT_LOOK, &now))
            return false;
        if (now != pl->at[i])
            return kl_fault(pl->fs->log, KL_IMAGE_PATCH, KL_NO_OFFSET,
                "give the link before what lies behind it, or leave one of them out",
                "'%s' (%s) would lie in '/%s' and not be seen there: a later change puts a "
                "symbolic link on the way",
                c->path, kl_change_from(c), kl_spot_path(pl->a, pl->at[i]));
    }
    return true;
}

/* --- owners, modes, labels ---------------------------------------------------------------------*/

static const struct kl_xattr *label_in(const struct kl_xattr *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (kl_streq(x[i].name, LABEL))
            return &x[i];
    return NULL;
}

/* What a directory gives to what is made in it. */
static bool know_dir(struct plan *pl, struct kl_spot *dir)
{
    if (dir->label_known)
        return true;
    dir->label_known = true;
    if (dir->put) /* was settled before */
        return true;
    dir->uid = dir->old->uid;
    dir->gid = dir->old->gid;
    if (!pl->can->xattrs)
        return true;
    if (!kl_fs_xattrs(pl->fs, dir->old))
        return false;
    dir->label = label_in(dir->old->xattrs, dir->old->nxattrs);
    return true;
}

static uint16_t mode_of(
    const struct kl_change *c, enum kl_node_kind kind, const struct kl_node *kept)
{
    if (kind == KL_NODE_SYMLINK)
        return 0777; /* symlink(7): never looked at */
    if (c && c->mode >= 0)
        return (uint16_t)c->mode;
    unsigned mode = kept ? kept->mode : kind == KL_NODE_DIR ? 0755 : 0644;
    if (c && c->executable)
        mode |= (mode & 0444) >> 2;
    return (uint16_t)mode;
}

static int64_t time_of(const struct plan *pl, const struct kl_change *c)
{
    return c && c->mtime >= 0 ? c->mtime : pl->p->epoch >= 0 ? pl->p->epoch : pl->fs->time;
}

static bool settle_xattrs(
    struct plan *pl, struct kl_spot *s, struct kl_node *kept, struct kl_step *st)
{
    const struct kl_change *c = s->change;
    if (c && c->xattrs_given) {
        if (c->nxattrs && !pl->can->xattrs)
            return cannot(pl, c, s->path, "has extended attributes, which this format has not");
        st->xattrs = c->xattrs;
        st->nxattrs = c->nxattrs;
    } else if (pl->can->xattrs && kept) {
        if (!kl_fs_xattrs(pl->fs, kept))
            return false;
        st->xattrs = kept->xattrs;
        st->nxattrs = kept->nxattrs;
    } else if (pl->can->xattrs && s->parent->label) {
        st->xattrs = (struct kl_xattr *)s->parent->label;
        st->nxattrs = 1;
    }
    s->label = label_in(st->xattrs, st->nxattrs);
    return true;
}

static bool settle(struct plan *pl, struct kl_spot *s, struct kl_step *st)
{
    const struct kl_change *c = s->change;
    /* What is replaced by its like hands down all that the patch does not say. */
    struct kl_node *kept = s->old && !s->removed && s->old->kind == s->kind ? s->old : NULL;
    if (!know_dir(pl, s->parent))
        return false;
    if (strlen(s->path) > PATH_MOST)
        return kl_fault(pl->fs->log, KL_IMAGE_BAD_PATH, KL_NO_OFFSET, NULL,
            "'%.64s...' has more than %d bytes in the image", s->path, PATH_MOST);
    if (c && c->content && pl->can->largest && kl_rope_len(c->content) > pl->can->largest)
        return cannot(pl, c, s->path, "is larger than what this format holds");
    s->mode = mode_of(c, s->kind, kept);
    s->uid = c && c->uid >= 0 ? (uint32_t)c->uid : kept ? kept->uid : s->parent->uid;
    s->gid = c && c->gid >= 0 ? (uint32_t)c->gid : kept ? kept->gid : s->parent->gid;
    *st = (struct kl_step){.change = c,
        .path = s->path,
        .name = kl_strdup(pl->fs->a, s->name),
        .old = s->old,
        .parent = s->parent->put ? NULL : s->parent->old,
        .kind = s->kind,
        .mode = s->mode,
        .uid = s->uid,
        .gid = s->gid,
        .mtime = time_of(pl, c)};
    return settle_xattrs(pl, s, kept, st);
}

/* --- what is there already ---------------------------------------------------------------------*/

static bool same_content(
    struct plan *pl, const struct kl_rope *new, const struct kl_node *old, bool *same)
{
    *same = kl_rope_len(new) == old->size;
    if (!*same || !old->size)
        return true;
    char *x = kl_xmalloc(2 * (size_t)PART), *y = x + PART;
    bool ok = true;
    for (uint64_t at = 0; ok && *same && at < old->size;) {
        size_t n = old->size - at < PART ? (size_t)(old->size - at) : PART;
        if (kl_rope_read(new, at, x, n) != (ssize_t)n)
            ok = kl_fault(pl->fs->log, KL_IMAGE_IO, KL_NO_OFFSET, NULL,
                "what is to become '/%s' cannot be read: %s", kl_node_path(pl->a, old),
                errno == ESTALE ? "it changed meanwhile" : strerror(errno));
        else
            ok = kl_fs_read(pl->fs, old, at, y, n);
        *same = ok && memcmp(x, y, n) == 0;
        at += n;
    }
    free(x);
    return ok;
}

static bool same_xattrs(const struct kl_step *st, const struct kl_node *old)
{
    if (st->nxattrs != old->nxattrs)
        return false;
    for (size_t i = 0; i < st->nxattrs; i++) {
        const struct kl_xattr *x = &st->xattrs[i], *y = &old->xattrs[i];
        if (!kl_streq(x->name, y->name) || x->len != y->len ||
            (x->len && memcmp(x->value, y->value, x->len) != 0))
            return false;
    }
    return true;
}

/* Is the step's node, byte for byte, what is there? Times do not count. */
static bool is_there(struct plan *pl, const struct kl_step *st, bool *same)
{
    struct kl_node *old = st->old;
    *same = false;
    if (!old || old->kind != st->kind || old->uid != st->uid || old->gid != st->gid)
        return true;
    if (st->kind != KL_NODE_SYMLINK && old->mode != st->mode)
        return true;
    if (st->kind == KL_NODE_SYMLINK && !kl_streq(old->target, st->change->target))
        return true;
    if ((st->kind == KL_NODE_CHAR || st->kind == KL_NODE_BLOCK) &&
        (old->major != st->change->major || old->minor != st->change->minor))
        return true;
    if (pl->can->xattrs) {
        if (!kl_fs_xattrs(pl->fs, old))
            return false;
        if (!same_xattrs(st, old))
            return true;
    }
    *same = true;
    return st->kind != KL_NODE_FILE || same_content(pl, st->change->content, old, same);
}

/* --- steps -------------------------------------------------------------------------------------*/

static struct kl_step *add_step(struct plan *pl)
{
    pl->out->step = kl_grow(pl->fs->a, pl->out->step, pl->out->n, sizeof(struct kl_step));
    return &pl->out->step[pl->out->n++];
}

struct felling {
    struct plan *pl;
    const struct kl_change *c;
};

static bool remove_node(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    struct felling *f = arg;
    *add_step(f->pl) = (struct kl_step){.change = f->c,
        .path = kl_node_path(fs->a, n),
        .name = n->name,
        .old = n,
        .parent = n->parent,
        .remove = true,
        .kind = n->kind,
        .mode = n->mode,
        .uid = n->uid,
        .gid = n->gid,
        .mtime = n->mtime};
    return true;
}

/* A file that is removed and put again is only replaced; what is not like it, is removed first. */
static bool is_replaced(const struct kl_spot *s)
{
    return s->put && s->kind != KL_NODE_DIR && s->old->kind != KL_NODE_DIR;
}

static int downwards(const void *a, const void *b)
{
    return kl_path_order(((const struct kl_step *)b)->path, ((const struct kl_step *)a)->path);
}

static bool remove_all(struct plan *pl)
{
    for (size_t i = 0; i < pl->p->n; i++) {
        struct felling f = {pl, &pl->p->changes[i]};
        struct kl_spot *s = pl->at[i];
        if (!f.c->remove || !s || !s->old || !s->removed || is_replaced(s))
            continue;
        if (!pl->can->remove)
            return cannot(pl, f.c, f.c->path, "cannot be removed from this format");
        if (!kl_fs_walk(pl->fs, s->old, remove_node, &f))
            return false;
        remove_node(&f, pl->fs, s->old);
        s->old = NULL; /* once */
    }
    if (pl->out->n)
        qsort(pl->out->step, pl->out->n, sizeof *pl->out->step, downwards);
    return true;
}

static int upwards(const void *a, const void *b)
{
    const struct kl_spot *const *x = a, *const *y = b;
    return kl_path_order((*x)->path, (*y)->path);
}

static void gather(struct plan *pl)
{
    pl->put = kl_alloc(pl->a, (pl->t.n + 1) * sizeof(struct kl_spot *));
    for (size_t i = 0; i < pl->t.n; i++) {
        struct kl_spot *s = pl->t.all[i];
        if (!s->put)
            continue;
        s->path = kl_spot_path(pl->fs->a, s);
        pl->put[pl->nput++] = s;
    }
    if (pl->nput)
        qsort(pl->put, pl->nput, sizeof(struct kl_spot *), upwards);
}

static bool make_steps(struct plan *pl)
{
    gather(pl);
    if (!remove_all(pl))
        return false;
    for (size_t i = 0; i < pl->nput; i++) {
        struct kl_step st = {0};
        bool same = false;
        if (!settle(pl, pl->put[i], &st) || !is_there(pl, &st, &same))
            return false;
        if (!same)
            *add_step(pl) = st;
    }
    return true;
}

bool kl_patch_plan(
    struct kl_patch *p, struct kl_fs *fs, const struct kl_patch_can *can, struct kl_steps *out)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct plan pl = {.p = p, .fs = fs, .can = can, .a = a, .out = out, .ok = true};
    *out = (struct kl_steps){0};
    if (fs->root->kind != KL_NODE_DIR)
        return kl_fault(fs->log, KL_IMAGE_CORRUPT, fs->root->where, NULL,
            "the root is a %s, not a directory", kl_node_word[fs->root->kind]);
    kl_spots_begin(&pl.t, fs, a);
    pl.at = kl_alloc(a, (p->n + 1) * sizeof(struct kl_spot *));
    return find_removals(&pl) && put_all(&pl) && verify(&pl) && make_steps(&pl);
}
