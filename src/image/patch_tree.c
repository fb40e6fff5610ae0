#include "image/patch_tree.h"

#include "base/text.h"
#include "image/patch_own.h"

#include <string.h>

enum { LINKS_MOST = 40, PATH_MOST = 4096 }; /* path_resolution(7), PATH_MAX */

/* --- spots by name -----------------------------------------------------------------------------*/

/* FNV-1a over the name and its directory's number (draft-eastlake-fnv). */
static size_t hash(size_t parent, const char *name, size_t len)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (unsigned i = 0; i < 8; i++)
        h = (h ^ (parent >> (8 * i) & 255)) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32);
}

static void link_in(struct kl_spot_tree *t, struct kl_spot *s)
{
    size_t at = hash(s->parent ? s->parent->id : 0, s->name, strlen(s->name)) & (t->size - 1);
    s->next = t->table[at];
    t->table[at] = s;
}

static struct kl_spot *new_spot(
    struct kl_spot_tree *t, struct kl_spot *parent, const char *name, size_t len)
{
    struct kl_spot *s = kl_alloc(t->a, sizeof *s);
    s->parent = parent;
    s->name = kl_strndup(t->a, name, len);
    s->id = t->n + 1;
    t->all = kl_grow(t->a, t->all, t->n, sizeof(struct kl_spot *));
    t->all[t->n++] = s;
    if (t->n > t->size) {
        t->size *= 2;
        t->table = kl_alloc(t->a, t->size * sizeof(struct kl_spot *));
        for (size_t i = 0; i + 1 < t->n; i++)
            link_in(t, t->all[i]);
    }
    link_in(t, s);
    return s;
}

/* What the image has becomes what is here. */
static void shine_through(struct kl_spot *s, struct kl_node *n)
{
    s->old = n;
    s->live = true;
    s->kind = n->kind;
    s->target = n->target;
    s->dir = n->kind == KL_NODE_DIR ? n : NULL;
}

void kl_spots_begin(struct kl_spot_tree *t, struct kl_fs *fs, struct kl_arena *a)
{
    *t = (struct kl_spot_tree){.fs = fs, .a = a, .size = 64};
    t->table = kl_alloc(a, t->size * sizeof(struct kl_spot *));
    t->root = new_spot(t, NULL, "", 0);
    shine_through(t->root, fs->root);
}

/* The spot of a name in a directory; a fresh one that is not live when nothing is there. */
static bool spot_of(
    struct kl_spot_tree *t, struct kl_spot *dir, const char *name, size_t len, struct kl_spot **out)
{
    struct kl_spot *s = t->table[hash(dir->id, name, len) & (t->size - 1)];
    for (; s; s = s->next)
        if (s->parent == dir && strncmp(s->name, name, len) == 0 && !s->name[len]) {
            *out = s;
            return true;
        }
    if (dir->dir && !kl_fs_dir(t->fs, dir->dir))
        return false;
    s = new_spot(t, dir, name, len);
    struct kl_node *n = dir->dir ? kl_node_child(dir->dir, name, len) : NULL;
    if (n)
        shine_through(s, n);
    *out = s;
    return true;
}

const char *kl_spot_path(struct kl_arena *a, const struct kl_spot *s)
{
    size_t len = 0;
    for (const struct kl_spot *up = s; up->parent; up = up->parent)
        len += strlen(up->name) + 1;
    if (!len)
        return "";
    char *path = kl_alloc(a, len), *end = path + len - 1;
    for (const struct kl_spot *up = s; up->parent; up = up->parent) {
        size_t part = strlen(up->name);
        end -= part;
        memcpy(end, up->name, part);
        if (up->parent->parent)
            *--end = '/';
    }
    return path;
}

int kl_path_order(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    int x = *a == '/' ? 1 : (unsigned char)*a << 1, y = *b == '/' ? 1 : (unsigned char)*b << 1;
    return x - y;
}

/* --- changing it -------------------------------------------------------------------------------*/

void kl_spot_put(struct kl_spot *s, enum kl_node_kind kind, const struct kl_change *c)
{
    if (!s->put && s->parent)
        s->parent->inside++;
    s->put = s->live = true;
    s->kind = kind;
    s->target = c ? c->target : NULL;
    s->dir = NULL;
    s->change = c;
}

void kl_spot_unput(struct kl_spot *s)
{
    for (; s->put; s = s->parent) {
        s->put = s->live = false;
        s->change = NULL;
        s->parent->inside--;
        if (s->parent->change || s->parent->inside)
            break;
    }
}

void kl_spots_sink(struct kl_spot_tree *t)
{
    for (size_t i = 1; i < t->n; i++) {
        struct kl_spot *s = t->all[i];
        if (s->parent->removed || s->parent->under) {
            s->under = true;
            s->old = NULL;
        }
        if (s->removed || s->under) {
            s->live = false;
            s->dir = NULL;
        }
    }
}

/* --- paths -------------------------------------------------------------------------------------*/

struct walk {
    struct kl_spot_tree *t;
    const struct kl_change *c;
    enum kl_spot_way way;
    struct kl_spot *here;
    const char *left;
    unsigned links;
    bool made; /* directories that were not there: ".." cannot be asked of them */
};

static bool not_a_directory(struct walk *w, const struct kl_spot *s)
{
    const char *path = kl_spot_path(w->t->a, s);
    if (s->put)
        return kl_fault(w->t->fs->log, KL_IMAGE_PATCH, KL_NO_OFFSET,
            "two changes contradict each other: leave one out",
            "'%s' (%s) lies in '/%s', of which %s makes a %s", w->c->path, kl_change_from(w->c),
            path, s->change ? kl_change_from(s->change) : "the patch", kl_node_word[s->kind]);
    return kl_fault(w->t->fs->log, KL_IMAGE_BAD_PATH, KL_NO_OFFSET,
        "choose another path, or remove that first", "'%s' (%s): '/%s' is a %s, not a directory",
        w->c->path, kl_change_from(w->c), path, kl_node_word[s->kind]);
}

static bool go_up(struct walk *w)
{
    if (w->made)
        return kl_fault(w->t->fs->log, KL_IMAGE_BAD_PATH, KL_NO_OFFSET, NULL,
            "'%s' (%s) leads through a symbolic link that goes up from a directory that is not "
            "there",
            w->c->path, kl_change_from(w->c));
    if (w->here->parent)
        w->here = w->here->parent;
    return true;
}

static bool follow(struct walk *w, const struct kl_spot *s)
{
    if (++w->links > LINKS_MOST || strlen(s->target) + strlen(w->left) > PATH_MOST)
        return kl_fault(w->t->fs->log, KL_IMAGE_BAD_PATH, KL_NO_OFFSET, NULL,
            "'%s' (%s) leads through more than %d symbolic links, the last of them '/%s'",
            w->c->path, kl_change_from(w->c), LINKS_MOST, kl_spot_path(w->t->a, s));
    if (*s->target == '/')
        w->here = w->t->root;
    w->left = kl_sprintf(w->t->a, "%s/%s", s->target, w->left);
    return true;
}

/* One name further, from a directory. `*done`: nothing is left to walk, or nothing is there. */
static bool step(struct walk *w, const char *name, size_t len, bool *done)
{
    struct kl_spot *next;
    bool last = !w->left[strspn(w->left, "/")],
         through = !w->c->remove && w->c->kind == KL_NODE_DIR;
    if (!spot_of(w->t, w->here, name, len, &next))
        return false;
    if (next->live && next->kind == KL_NODE_SYMLINK && (!last || through))
        return follow(w, next);
    if (!next->live && w->way == KL_SPOT_LOOK) {
        *done = true;
        next = NULL;
    } else if (!next->live && !last) {
        kl_spot_put(next, KL_NODE_DIR, NULL);
        w->made = true;
    }
    w->here = next;
    return true;
}

bool kl_spot_find(
    struct kl_spot_tree *t, const struct kl_change *c, enum kl_spot_way way, struct kl_spot **out)
{
    struct walk w = {.t = t, .c = c, .way = way, .here = t->root, .left = c->path};
    for (bool done = false; !done;) {
        const char *name = w.left + strspn(w.left, "/");
        size_t n = strcspn(name, "/");
        if (!n)
            break;
        w.left = name + n;
        if (n == 1 && *name == '.')
            continue;
        if (!w.here->live || w.here->kind != KL_NODE_DIR)
            return not_a_directory(&w, w.here);
        if (n == 2 && name[0] == '.' && name[1] == '.') {
            if (!go_up(&w))
                return false;
        } else if (!step(&w, name, n, &done)) {
            return false;
        }
    }
    *out = w.here;
    return true;
}
