/* What the kernel makes of archive members, one after the other, in a root that holds no more than
 * its own three entries: Linux 6.x init/initramfs.c, do_name(), do_symlink(), do_copy() and
 * maybe_link(), with the system calls that they stand on. Most of its rules are those calls' ways
 * to fail, which nothing reports: a member then just is not there. Each is told as a trap.
 *
 * Names are in one hash table by directory and name. Whoever writes an image can make names
 * collide and links go in circles, so every step of a look-up is counted against a limit. */
#include "image/initrd_own.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINKS_MOST = 40, FIRST_BUCKETS = 1024, LINK_BUCKETS = 1024 }; /* path_resolution(7) */

struct dent {
    struct dent *parent;
    const char *name;
    size_t len, path_len; /* of the whole path, with a slash */
    struct kl_listed_inode *inode;
    struct dent *chain; /* of one bucket */
    size_t children;
    bool gone, shown; /* shown: a member of the image made it, and not the kernel */
    uint32_t index;   /* in the listing */
};

/* The first name of a file with several links, as maybe_link() remembers it. */
struct link {
    struct link *chain;
    uint32_t major, minor, ino, type;
    const char *name;
};

struct kl_merge {
    struct kl_arena *a; /* the listing's */
    struct kl_arena *own;
    struct kl_listing *l;
    struct kl_fault_log *log;
    struct dent *root, **all; /* in the order in which they were made: parents first */
    size_t n;
    struct dent **buckets;
    size_t nbuckets, hashed;
    struct link **links; /* LINK_BUCKETS of them */
    bool linking;        /* there is something in links */
    uint64_t steps;
    size_t text, paths;
    bool over; /* a limit was reached */
};

/* --- names -------------------------------------------------------------------------------------*/

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
    for (const unsigned char *p = bytes; n--; p++)
        h = (h ^ *p) * UINT64_C(0x100000001b3); /* FNV-1a */
    return h ^ h >> 29;
}

static size_t bucket_of(
    const struct kl_merge *m, const struct dent *dir, const char *name, size_t n)
{
    return mix(dir->index, name, n) & (m->nbuckets - 1);
}

/* Counts one step of work; false when there was too much. */
static bool step(struct kl_merge *m)
{
    if (m->steps++ < KL_INITRD_STEPS_MOST)
        return true;
    m->over = true;
    return false;
}

static struct dent *child(struct kl_merge *m, const struct dent *dir, const char *name, size_t n)
{
    struct dent *d = m->buckets[bucket_of(m, dir, name, n)];
    while (d && step(m) && (d->parent != dir || d->len != n || memcmp(d->name, name, n) != 0))
        d = d->chain;
    return m->over ? NULL : d;
}

static void rehash(struct kl_merge *m)
{
    free(m->buckets);
    m->nbuckets *= 2;
    m->buckets = kl_xmalloc(m->nbuckets * sizeof(struct dent *));
    for (size_t i = 1; i < m->n; i++) {
        struct dent *d = m->all[i];
        if (d->gone)
            continue;
        struct dent **b = &m->buckets[bucket_of(m, d->parent, d->name, d->len)];
        d->chain = *b;
        *b = d;
    }
}

static const char *keep(struct kl_merge *m, const char *s, size_t n)
{
    m->text += n + 1;
    m->over = m->over || m->text > KL_INITRD_TEXT_MOST;
    return kl_strndup(m->own, s, n);
}

static struct dent *new_dent(struct kl_merge *m, struct dent *parent, const char *name, size_t n)
{
    struct dent *d = kl_alloc(m->own, sizeof *d);
    d->parent = parent;
    d->name = keep(m, name, n);
    d->len = n;
    d->path_len = (parent ? parent->path_len : 0) + n + 1;
    m->paths += d->path_len;
    m->over = m->over || m->paths > KL_INITRD_PATHS_MOST;
    d->index = (uint32_t)m->n;
    m->all = kl_grow(m->own, m->all, m->n, sizeof(struct dent *));
    m->all[m->n++] = d;
    return d;
}

static struct dent *add(struct kl_merge *m, struct dent *parent, const char *name, size_t n,
    struct kl_listed_inode *inode)
{
    if (m->hashed >= m->nbuckets)
        rehash(m);
    struct dent *d = new_dent(m, parent, name, n);
    struct dent **b = &m->buckets[bucket_of(m, parent, name, n)];
    d->chain = *b;
    *b = d;
    d->inode = inode;
    inode->nlink++;
    parent->children++;
    m->hashed++;
    return d;
}

static void take_out(struct kl_merge *m, struct dent *d)
{
    struct dent **b = &m->buckets[bucket_of(m, d->parent, d->name, d->len)];
    while (*b != d && step(m))
        b = &(*b)->chain;
    *b = d->chain;
    d->gone = true;
    d->parent->children--;
    d->inode->nlink--;
    m->hashed--;
}

static struct kl_listed_inode *new_inode(struct kl_merge *m, uint32_t mode)
{
    struct kl_listed_inode *i = kl_alloc(m->own, sizeof *i);
    i->mode = mode;
    return i;
}

/* --- paths -------------------------------------------------------------------------------------*/

/* Where a path leads: to `dent`; or, when that is NULL, to a name that could be made in `parent`;
 * or, when both are NULL, to nowhere. */
struct place {
    struct dent *parent, *dent;
    const char *name;
    size_t len;
    bool slash; /* it ended with one: it must be a directory */
};

/* Texts that are still to be walked: a symbolic link's target comes before what follows the link.
 * What is at its end makes room, so the stack is no higher than links may be. */
struct walk {
    const char *rest[LINKS_MOST + 2];
    size_t depth;
    unsigned links;
    struct dent *here;
};

static bool is_dir(const struct dent *d)
{
    return S_ISDIR(d->inode->mode);
}

static bool is_link(const struct dent *d)
{
    return S_ISLNK(d->inode->mode);
}

static bool enter_link(struct kl_merge *m, struct walk *w, const struct dent *link)
{
    const char *target = link->inode->target;
    if (++w->links > LINKS_MOST || !*target)
        return false;
    w->rest[w->depth - 1] += strspn(w->rest[w->depth - 1], "/");
    if (!*w->rest[w->depth - 1])
        w->depth--;
    w->rest[w->depth++] = target;
    if (*target == '/')
        w->here = m->root;
    return true;
}

/* One name of the path. True when `p` is settled. */
static bool walk_name(
    struct kl_merge *m, struct walk *w, const char *name, size_t n, bool follow, struct place *p)
{
    if (!step(m) || !is_dir(w->here) || n > KL_INITRD_NAME_MOST)
        return true;
    if (n == 1 && *name == '.')
        return false;
    if (n == 2 && name[0] == '.' && name[1] == '.') {
        w->here = w->here->parent ? w->here->parent : w->here;
        return false;
    }
    struct dent *d = child(m, w->here, name, n);
    const char *rest = w->rest[w->depth - 1];
    bool last = w->depth == 1 && !rest[strspn(rest, "/")];
    if (last && !(d && is_link(d) && follow)) {
        *p = (struct place){.parent = w->here, .dent = d, .name = name, .len = n};
        return true;
    }
    if (!d)
        return true;
    if (is_link(d))
        return !enter_link(m, w, d);
    w->here = d;
    return false;
}

static struct place look_up(struct kl_merge *m, const char *path)
{
    size_t len = strlen(path);
    bool slash = len && path[len - 1] == '/';
    struct place p = {0};
    struct walk w = {.rest = {path}, .depth = len ? 1 : 0, .here = m->root};
    bool settled = !len;
    while (!settled && w.depth) {
        const char *s = w.rest[w.depth - 1];
        s += strspn(s, "/");
        size_t n = strcspn(s, "/");
        if (!n) {
            w.depth--;
            continue;
        }
        w.rest[w.depth - 1] = s + n;
        settled = walk_name(m, &w, s, n, slash, &p);
    }
    if (!settled)
        p.dent = w.here; /* "/", ".", "..", or a link to them: what is there and has no name */
    p.slash = slash;
    return p;
}

/* --- what members do ---------------------------------------------------------------------------*/

__attribute__((format(printf, 3, 4))) static void trap(
    struct kl_merge *m, const struct kl_member *e, const char *fmt, ...)
{
    char why[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    kl_listing_trap(m->a, m->l, KL_INITRD_IGNORED, e->where,
        "'%.200s' (segment %u) is ignored by the kernel: %s", e->name, e->segment + 1, why);
}

static void own(struct kl_listed_inode *i, const struct kl_member *e)
{
    i->mode = (i->mode & S_IFMT) | (e->mode & 07777);
    i->uid = e->uid;
    i->gid = e->gid;
}

static void stamp(struct dent *d, const struct kl_member *e)
{
    d->inode->mtime = e->mtime;
    d->inode->segment = e->segment;
    d->inode->where = e->where;
    d->shown = true;
}

/* clean_path(): what is of another kind makes room, but for a directory that is not empty. */
static void make_room(struct kl_merge *m, struct place *p, const struct kl_member *e, uint32_t kind)
{
    struct dent *d = p->dent;
    if (!d || !p->parent || (d->inode->mode & S_IFMT) == kind)
        return;
    if ((is_dir(d) && d->children) || (p->slash && !is_dir(d)))
        return;
    if (is_link(d) && kind == S_IFDIR)
        kl_listing_trap(m->a, m->l, KL_INITRD_LINK, e->where,
            "the directory '%.200s' (segment %u) takes the place of a symbolic link to '%.200s'",
            e->name, e->segment + 1, d->inode->target);
    take_out(m, d);
    p->dent = NULL;
}

static bool can_make(struct kl_merge *m, const struct place *p, const struct kl_member *e)
{
    if (!p->parent && !p->dent)
        trap(m, e, "its directory is not there");
    else if (p->slash && !S_ISDIR(e->mode))
        trap(m, e, "its name ends with a slash and it is no directory");
    else
        return true;
    return false;
}

/* find_link(): the name that this file had first, or NULL, and this one is remembered. */
static const char *first_name(struct kl_merge *m, const struct kl_member *e)
{
    uint32_t key[] = {e->major, e->minor, e->ino, e->mode & S_IFMT};
    struct link **b = &m->links[mix(0, key, sizeof key) & (LINK_BUCKETS - 1)];
    for (struct link *k = *b; k; k = k->chain) {
        if (!step(m))
            return NULL;
        if (k->ino == e->ino && k->major == e->major && k->minor == e->minor && k->type == key[3])
            return k->name;
    }
    struct link *k = kl_alloc(m->own, sizeof *k);
    *k = (struct link){.chain = *b, .major = e->major, .minor = e->minor, .ino = e->ino};
    k->type = key[3];
    k->name = keep(m, e->name, strlen(e->name));
    *b = k;
    m->linking = true;
    return NULL;
}

enum linked { NEW, LINKED, LOST };

/* maybe_link(): a later name of a file with several becomes a link to its first name, whatever is
 * there by now. Linux before 5.0 does not remove what is in the way. */
static enum linked maybe_link(struct kl_merge *m, struct place *p, const struct kl_member *e)
{
    const char *first = e->nlink >= 2 ? first_name(m, e) : NULL;
    if (!first)
        return NEW;
    make_room(m, p, e, 0);
    struct place old = look_up(m, first);
    if (!old.dent || is_dir(old.dent) || old.slash) {
        trap(m, e, "it is a link to '%.150s', which is not there", first);
        return LOST;
    }
    if (!p->parent || p->dent || p->slash) {
        trap(m, e, "%s",
            p->dent ? "a directory of that name is there" : "its directory is not there");
        return LOST;
    }
    p->dent = add(m, p->parent, p->name, p->len, old.dent->inode);
    p->dent->shown = true;
    return LINKED;
}

static void put_file(struct kl_merge *m, struct place *p, const struct kl_member *e)
{
    enum linked linked = maybe_link(m, p, e);
    if (linked == LOST || !can_make(m, p, e))
        return;
    if (!p->dent)
        p->dent = add(m, p->parent, p->name, p->len, new_inode(m, S_IFREG));
    struct kl_listed_inode *i = p->dent->inode;
    if (!S_ISREG(i->mode)) {
        if (linked == NEW)
            trap(m, e, "a directory of that name is there, and it is not empty");
        return;
    }
    own(i, e);
    i->mtime = e->mtime;
    if (!e->size && linked == LINKED)
        return; /* no data of its own: what its first name wrote stays */
    stamp(p->dent, e);
    i->size = e->size;
    i->data = e->data;
}

static void put_dir(struct kl_merge *m, struct place *p, const struct kl_member *e)
{
    if (!can_make(m, p, e))
        return;
    if (!p->dent)
        p->dent = add(m, p->parent, p->name, p->len, new_inode(m, S_IFDIR));
    if (!is_dir(p->dent))
        return; /* "name/" of something else */
    own(p->dent->inode, e);
    stamp(p->dent, e);
}

static void put_special(struct kl_merge *m, struct place *p, const struct kl_member *e)
{
    if (maybe_link(m, p, e) != NEW || !can_make(m, p, e))
        return;
    if (!p->dent) {
        p->dent = add(m, p->parent, p->name, p->len, new_inode(m, e->mode & S_IFMT));
        p->dent->inode->major = e->rmajor;
        p->dent->inode->minor = e->rminor;
    } else if (is_dir(p->dent)) {
        trap(m, e, "a directory of that name is there, and it is not empty");
    } else if (p->dent->inode->major != e->rmajor || p->dent->inode->minor != e->rminor) {
        trap(m, e, "a device of that name is there, and it stays what it is");
    }
    own(p->dent->inode, e); /* mknod(2) failed or not: chown(2) and chmod(2) follow */
    stamp(p->dent, e);
}

static void put_link(struct kl_merge *m, struct place *p, const struct kl_member *e)
{
    if (!can_make(m, p, e))
        return;
    if (!*e->target) {
        trap(m, e, "it is a symbolic link to nothing");
    } else if (p->dent) {
        trap(m, e, "a directory of that name is there, and it is not empty");
        p->dent->inode->uid = e->uid; /* symlink(2) failed; chown(2) does not */
        p->dent->inode->gid = e->gid;
    } else {
        struct kl_listed_inode *i = new_inode(m, S_IFLNK | 0777);
        i->target = keep(m, e->target, strlen(e->target));
        i->size = strlen(e->target);
        p->dent = add(m, p->parent, p->name, p->len, i);
        i->uid = e->uid;
        i->gid = e->gid;
        stamp(p->dent, e);
    }
}

bool kl_merge_member(struct kl_merge *m, const struct kl_member *e)
{
    uint32_t kind = e->mode & S_IFMT;
    struct place p = look_up(m, e->name);
    make_room(m, &p, e, kind == S_IFLNK ? 0 : kind);
    switch (kind) {
    case S_IFREG:
        put_file(m, &p, e);
        break;
    case S_IFDIR:
        put_dir(m, &p, e);
        break;
    case S_IFLNK:
        put_link(m, &p, e);
        break;
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        put_special(m, &p, e);
        break;
    default:
        trap(m, e, "its mode, %o, says no kind of file", e->mode);
    }
    return !m->over || kl_fault(m->log, KL_IMAGE_BOMB, e->where, NULL,
                           "its names and symbolic links are more than an initrd has");
}

void kl_merge_trailer(struct kl_merge *m)
{
    if (m->linking)
        memset(m->links, 0, LINK_BUCKETS * sizeof(struct link *));
    m->linking = false;
}

/* --- begin and end -----------------------------------------------------------------------------*/

static void kernels_own(struct kl_merge *m)
{
    /* linux usr/default_cpio_list */
    m->root = new_dent(m, NULL, "", 0);
    m->root->inode = new_inode(m, S_IFDIR | 0755);
    m->root->inode->nlink = 1;
    m->root->shown = true;
    struct dent *dev = add(m, m->root, "dev", 3, new_inode(m, S_IFDIR | 0755));
    struct kl_listed_inode *console = new_inode(m, S_IFCHR | 0600);
    console->major = 5;
    console->minor = 1;
    add(m, dev, "console", 7, console);
    add(m, m->root, "root", 4, new_inode(m, S_IFDIR | 0700));
}

struct kl_merge *kl_merge_new(struct kl_arena *a, struct kl_listing *l, struct kl_fault_log *log)
{
    struct kl_merge *m = kl_xmalloc(sizeof *m);
    m->a = a;
    m->l = l;
    m->log = log;
    m->own = kl_arena_new();
    m->nbuckets = FIRST_BUCKETS;
    m->buckets = kl_xmalloc(m->nbuckets * sizeof(struct dent *));
    m->links = kl_xmalloc(LINK_BUCKETS * sizeof(struct link *));
    kernels_own(m);
    return m;
}

void kl_merge_free(struct kl_merge *m)
{
    kl_arena_free(m->own);
    free(m->buckets);
    free(m->links);
    free(m);
}

/* Directories that only the kernel made are shown when something of the image is in them. */
static size_t mark_shown(struct kl_merge *m)
{
    size_t n = 0;
    for (size_t i = m->n; i-- > 0;) {
        struct dent *d = m->all[i];
        if (d->gone || !d->shown)
            continue;
        n++;
        if (d->parent)
            d->parent->shown = true;
    }
    return n;
}

void kl_merge_finish(struct kl_merge *m)
{
    struct kl_listing *l = m->l;
    size_t n = mark_shown(m);
    l->names = kl_alloc(m->a, n * sizeof *l->names);
    l->inodes = kl_alloc(m->a, n * sizeof *l->inodes);
    for (size_t i = 0; i < m->n; i++)
        if (!m->all[i]->gone && m->all[i]->shown)
            m->all[i]->inode->listed = UINT32_MAX;
    for (size_t i = 0; i < m->n; i++) {
        struct dent *d = m->all[i];
        if (d->gone || !d->shown)
            continue;
        if (d->inode->listed == UINT32_MAX) {
            d->inode->listed = (uint32_t)l->ninodes;
            l->inodes[l->ninodes] = *d->inode;
            if (d->inode->target)
                l->inodes[l->ninodes].target = kl_strdup(m->a, d->inode->target);
            l->ninodes++;
        }
        d->index = (uint32_t)l->nnames;
        l->names[l->nnames++] = (struct kl_listed_name){.parent = d->parent ? d->parent->index : 0,
            .inode = d->inode->listed,
            .name = kl_strndup(m->a, d->name, d->len)};
    }
}
