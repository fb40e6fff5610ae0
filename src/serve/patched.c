#include "serve/patched.h"

#include "base/names.h"
#include "base/text.h"
#include "fleet/plan.h"
#include "image/image.h"
#include "image/tree_sums.h"
#include "serve/path.h"
#include "tree/treeinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_TREEINFO = 1 << 20 };

struct file {
    const char *path;
    struct kl_rope *rope;
};

/* An image of the tree: its name must go on meaning the file that was patched, or the tree's other
 * files would be of another image. */
struct base {
    const char *path;
    struct kl_pin *pin;
};

/* Counted: a reload's fleet shares it with the one before. Read by any thread once it is made. */
struct kl_patched_tree {
    atomic_uint held;
    struct kl_arena *a;
    const char *profile, *tree;
    char *state; /* of all files that it was made of */
    struct file *files;
    size_t nfiles;
    struct kl_pin **pins; /* files on disk that must stay as they were */
    size_t npins;
    const char *trees; /* the directory */
    struct base *bases;
    size_t nbases;
    const char *wrong; /* NULL: it was made */
};

struct kl_patched {
    struct kl_patched_tree **list;
    size_t n;
};

static void let_go(struct kl_patched_tree *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->held, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t k = 0; k < t->nfiles; k++)
        kl_rope_drop(t->files[k].rope);
    for (size_t k = 0; k < t->npins; k++)
        kl_pin_drop(t->pins[k]);
    for (size_t k = 0; k < t->nbases; k++)
        kl_pin_drop(t->bases[k].pin);
    free(t->state);
    kl_arena_free(t->a);
    free(t);
}

void kl_patched_free(struct kl_patched *p)
{
    if (!p)
        return;
    for (size_t k = 0; k < p->n; k++)
        let_go(p->list[k]);
    free(p->list);
    free(p);
}

/* --- what is wanted ----------------------------------------------------------------------------*/

/* A tree of a profile, and which of its files are initrds for the profile's hosts. */
struct want {
    const struct kl_patching *patch;
    const char *tree;
    const char **initrds;
    size_t ninitrds;
};

struct wants {
    struct kl_arena *a;
    struct kl_names by_name;
    struct want **list;
    size_t n;
};

/* As requests for it come in: content.c. */
static const char *normal(struct kl_arena *a, const char *path)
{
    char out[KL_PATH_ROOM];
    const char *why;
    return kl_path_normal(path, strlen(path), out, sizeof out, &why) ? kl_strdup(a, out) : path;
}

static void want_initrd(struct wants *w, struct want *one, const char *path)
{
    for (size_t k = 0; k < one->ninitrds; k++)
        if (kl_streq(one->initrds[k], path))
            return;
    one->initrds = kl_grow(w->a, one->initrds, one->ninitrds, sizeof *one->initrds);
    one->initrds[one->ninitrds++] = path;
}

static void want_of(struct wants *w, const struct kl_fleet *f, const struct kl_settings *s)
{
    const char *tree = kl_tree_name(f, s);
    if (!s->patch || !tree || !f->server.trees)
        return;
    tree = normal(w->a, tree);
    const char *name = kl_sprintf(w->a, "%s/%s", s->patch->profile, tree);
    const void **slot = kl_names_slot(&w->by_name, name);
    if (!*slot) {
        struct want *one = kl_alloc(w->a, sizeof *one);
        *one = (struct want){.patch = s->patch, .tree = tree};
        w->list = kl_grow(w->a, w->list, w->n, sizeof(struct want *));
        w->list[w->n++] = one;
        *slot = one;
    }
    if (s->patch->ninitrd)
        want_initrd(w, (struct want *)*slot, s->initrd ? normal(w->a, s->initrd) : KL_TREE_INITRD);
}

/* --- the state of what it is made of -----------------------------------------------------------*/

static void add_stat(struct kl_buf *b, const char *path, const struct stat *st)
{
    kl_buf_addf(b, "%s %llu:%llu %o %lld %lld.%09ld %lld.%09ld\n", path,
        (unsigned long long)st->st_dev, (unsigned long long)st->st_ino, st->st_mode,
        (long long)st->st_size, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
        (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void add_input(struct kl_buf *b, const char *path)
{
    char *roots[] = {(char *)path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    kl_buf_addf(b, "input %s\n", path);
    for (FTSENT *e; walk && (e = fts_read(walk));) {
        if (e->fts_info == FTS_DP)
            continue;
        if (e->fts_info == FTS_NS || e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
            kl_buf_addf(b, "%s: %s\n", e->fts_path, strerror(e->fts_errno));
        else
            add_stat(b, e->fts_path, e->fts_statp);
    }
    if (walk)
        fts_close(walk);
}

static void add_base(struct kl_buf *b, const char *trees, const char *path)
{
    struct stat st;
    int fd = kl_open_beneath(trees, path);
    if (fd < 0 || fstat(fd, &st) != 0)
        kl_buf_addf(b, "%s: %s\n", path, strerror(errno));
    else
        add_stat(b, path, &st);
    if (fd >= 0)
        close(fd);
}

/* --- one tree ----------------------------------------------------------------------------------*/

struct making {
    const struct kl_fleet *f;
    const struct want *want;
    struct kl_patched_tree *t;
    struct kl_diags *d;
    const char *stage2; /* its path, NULL: none is patched */
};

static const char *const treeinfos[] = {".treeinfo", "treeinfo", NULL};

static const char *in_tree(struct making *m, const char *path)
{
    return kl_sprintf(m->t->a, "%s/%s", m->want->tree, path);
}

__attribute__((format(printf, 4, 5))) static bool broken(
    struct making *m, struct kl_place at, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    m->t->wrong = kl_vsprintf(m->t->a, fmt, ap);
    va_end(ap);
    kl_diag(m->d, KL_ERROR, "patch-failed", at, hint, "profile '%s', tree '%s': %s",
        m->want->patch->profile, m->want->tree, m->t->wrong);
    return false;
}

/* What was said of an image becomes one error in the inventory; warnings stay warnings. */
static bool broken_by(
    struct making *m, struct kl_place at, const char *path, const struct kl_diags *said)
{
    const struct kl_diag *first = NULL, *one;
    for (size_t k = 0; (one = kl_diags_at(said, k)); k++)
        first = first || one->severity < KL_ERROR ? first : one;
    return broken(m, at, first ? first->hint : NULL, "%s cannot be patched: %s", path,
        first ? first->message : "nobody said why");
}

static void pass_warnings(
    struct making *m, struct kl_place at, const char *path, const struct kl_diags *said)
{
    const struct kl_diag *one;
    for (size_t k = 0; (one = kl_diags_at(said, k)); k++)
        if (one->severity == KL_WARNING)
            kl_diag(m->d, KL_WARNING, one->code, at, one->hint, "profile '%s', tree '%s': %s: %s",
                m->want->patch->profile, m->want->tree, path, one->message);
}

static void watch(struct making *m, const struct kl_rope *r)
{
    struct kl_patched_tree *t = m->t;
    const struct kl_piece *p;
    for (size_t k = 0; (p = kl_rope_piece(r, k)); k++) {
        bool known = !p->pin;
        for (size_t i = t->npins; i > 0 && !known; i--)
            known = t->pins[i - 1] == p->pin;
        if (known)
            continue;
        t->pins = kl_grow(t->a, t->pins, t->npins, sizeof(struct kl_pin *));
        t->pins[t->npins++] = kl_pin_hold((struct kl_pin *)p->pin);
    }
}

static void watch_base(struct making *m, const char *path, const struct kl_rope *base)
{
    struct kl_patched_tree *t = m->t;
    const struct kl_piece *p = kl_rope_piece(base, 0);
    if (!p || !p->pin)
        return; /* it is empty */
    watch(m, base);
    t->bases = kl_grow(t->a, t->bases, t->nbases, sizeof *t->bases);
    t->bases[t->nbases++] =
        (struct base){kl_strdup(t->a, in_tree(m, path)), kl_pin_hold((struct kl_pin *)p->pin)};
}

static void serve_file(struct making *m, const char *path, struct kl_rope *take)
{
    struct kl_patched_tree *t = m->t;
    t->files = kl_grow(t->a, t->files, t->nfiles, sizeof *t->files);
    t->files[t->nfiles++] = (struct file){kl_strdup(t->a, path), take};
    watch(m, take);
}

static struct kl_rope *open_base(struct making *m, const char *path)
{
    int fd = kl_open_beneath(m->f->server.trees, in_tree(m, path));
    return fd < 0 ? NULL : kl_rope_of_fd(fd);
}

static struct kl_rope *patched(
    struct kl_rope *base, const char *name, const char *const *inputs, size_t n, struct kl_diags *d)
{
    static const struct kl_image_options options = {0};
    struct kl_rope *out = NULL;
    struct kl_image *image = kl_image_open(base, name, &options, d);
    struct kl_patch *patch = kl_patch_new(d);
    bool ok = image;
    for (size_t k = 0; ok && k < n; k++)
        ok = kl_patch_add_path(patch, inputs[k]);
    if (ok)
        out = kl_image_patch(image, patch);
    kl_patch_free(patch);
    kl_image_close(image);
    return out;
}

static bool patch_file(
    struct making *m, const char *path, const char *const *inputs, size_t n, struct kl_place at)
{
    struct kl_diags *said KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_rope *base KL_ROPE_SCOPE = open_base(m, path);
    char sum[KL_SHA256_TEXT];
    if (!base)
        return broken(m, at, NULL, "%s cannot be read: %s", path, strerror(errno));
    struct kl_rope *out = patched(base, path, inputs, n, said);
    if (!out)
        return broken_by(m, at, path, said);
    pass_warnings(m, at, path, said);
    watch_base(m, path, base);
    serve_file(m, path, out);
    return kl_rope_sha256(out, sum) ||
           broken(m, at, NULL, "%s cannot be read: %s", path, strerror(errno));
}

/* [stage2] mainimage, else where lorax puts it: docs/boot-stages.md, section 6. */
static const char *find_stage2(struct making *m)
{
    static const char *const usual[] = {"images/install.img", "LiveOS/squashfs.img", NULL};
    struct kl_diags *quiet KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_tree tree = {0};
    const char *dir = kl_sprintf(m->t->a, "%s/%s", m->f->server.trees, m->want->tree);
    if (kl_tree_read(m->t->a, dir, &tree, quiet) && tree.mainimage)
        return normal(m->t->a, tree.mainimage);
    for (const char *const *u = usual; *u; u++) {
        struct kl_rope *there KL_ROPE_SCOPE = open_base(m, *u);
        if (there)
            return *u;
    }
    return usual[0];
}

static char *text_of(const struct kl_rope *r, size_t *len)
{
    uint64_t all = kl_rope_len(r);
    if (all > LARGEST_TREEINFO) {
        errno = EFBIG;
        return NULL;
    }
    char *text = kl_xmalloc((size_t)all + 1);
    ssize_t n = kl_rope_read(r, 0, text, (size_t)all);
    if (n != (ssize_t)all) {
        free(text);
        return NULL;
    }
    *len = (size_t)all;
    return text;
}

static bool patch_treeinfo(struct making *m, const char *name)
{
    struct kl_diags *said KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_rope *base KL_ROPE_SCOPE = open_base(m, name);
    struct kl_place at = m->want->patch->at;
    size_t len = 0, n = m->t->nfiles;
    if (!base && (errno == ENOENT || errno == ENOTDIR))
        return true;
    char *text = base ? text_of(base, &len) : NULL;
    if (!text)
        return broken(m, at, NULL, "%s cannot be read: %s", name, strerror(errno));
    struct kl_sum *sums = kl_alloc(m->t->a, (n + 1) * sizeof *sums);
    for (size_t k = 0; k < n; k++)
        sums[k] = (struct kl_sum){m->t->files[k].path, m->t->files[k].rope};
    char *with = kl_treeinfo_with(m->t->a, name, text, len, sums, n, &len, said);
    free(text);
    if (!with)
        return broken_by(m, at, name, said);
    struct kl_rope *out = kl_rope_new();
    kl_rope_add_bytes(out, with, len);
    watch_base(m, name, base);
    serve_file(m, name, out);
    return true;
}

/* Not its ctime: another link to it is nothing to its bytes. */
static bool is_still(const struct kl_patched_tree *t, const struct base *b)
{
    const struct kl_identity *was = kl_pin_identity(b->pin);
    struct stat st;
    int fd = kl_open_beneath(t->trees, b->path);
    bool same = fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == was->dev && st.st_ino == was->ino;
    if (fd >= 0)
        close(fd);
    return same;
}

static bool unchanged(const struct kl_patched_tree *t)
{
    for (size_t k = 0; k < t->nbases; k++)
        if (!is_still(t, &t->bases[k]))
            return false;
    for (size_t k = 0; k < t->npins; k++)
        if (!kl_pin_unchanged(t->pins[k]))
            return false;
    return true;
}

static bool make_files(struct making *m)
{
    const struct kl_patching *p = m->want->patch;
    for (size_t k = 0; k < m->want->ninitrds; k++)
        if (!patch_file(m, m->want->initrds[k], p->initrd, p->ninitrd, p->initrd_at))
            return false;
    if (m->stage2 && !patch_file(m, m->stage2, p->stage2, p->nstage2, p->stage2_at))
        return false;
    for (const char *const *name = treeinfos; *name; name++)
        if (!patch_treeinfo(m, *name))
            return false;
    return unchanged(m->t) ||
           broken(m, p->at, "reload when nothing is written any more", "files changed meanwhile");
}

/* Everything that the result depends on; read before it is made, so that what changes meanwhile is
 * seen at the next reload. */
static char *state_of(struct making *m)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    const struct kl_patching *p = m->want->patch;
    const char *trees = m->f->server.trees;
    kl_buf_addf(&b, "%s\n", trees);
    for (size_t k = 0; k < m->want->ninitrds; k++)
        add_base(&b, trees, in_tree(m, m->want->initrds[k]));
    for (size_t k = 0; k < p->ninitrd; k++)
        add_input(&b, p->initrd[k]);
    if (m->stage2)
        add_base(&b, trees, in_tree(m, m->stage2));
    for (size_t k = 0; k < p->nstage2; k++)
        add_input(&b, p->stage2[k]);
    for (const char *const *name = treeinfos; *name; name++)
        add_base(&b, trees, in_tree(m, *name));
    return kl_buf_take(&b);
}

static struct kl_patched_tree *same_as_before(
    const struct kl_patched *before, const struct kl_patched_tree *t)
{
    for (size_t k = 0; before && k < before->n; k++) {
        struct kl_patched_tree *old = before->list[k];
        if (kl_streq(old->profile, t->profile) && kl_streq(old->tree, t->tree) && !old->wrong &&
            kl_streq(old->state, t->state) && unchanged(old))
            return old;
    }
    return NULL;
}

static struct kl_patched_tree *make(const struct kl_fleet *f, const struct want *want,
    const struct kl_patched *before, struct kl_diags *d)
{
    struct kl_patched_tree *t = kl_xmalloc(sizeof *t), *old;
    struct making m = {.f = f, .want = want, .t = t, .d = d};
    atomic_init(&t->held, 1);
    t->a = kl_arena_new();
    t->profile = kl_strdup(t->a, want->patch->profile);
    t->tree = kl_strdup(t->a, want->tree);
    t->trees = kl_strdup(t->a, f->server.trees);
    if (want->patch->nstage2)
        m.stage2 = find_stage2(&m);
    t->state = state_of(&m);
    if ((old = same_as_before(before, t))) {
        let_go(t);
        atomic_fetch_add_explicit(&old->held, 1, memory_order_relaxed);
        return old;
    }
    make_files(&m);
    return t;
}

struct kl_patched *kl_patched_new(
    const struct kl_fleet *f, const struct kl_patched *before, struct kl_diags *d)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct wants w = {.a = a};
    const struct kl_settings *last = NULL;
    for (size_t k = 0; k < f->nhosts; k++) {
        if (f->hosts[k].set != last) /* hosts of one profile share them, and often lie together */
            want_of(&w, f, f->hosts[k].set);
        last = f->hosts[k].set;
    }
    struct kl_patched *p = kl_xmalloc(sizeof *p);
    p->list = kl_xmalloc((w.n + 1) * sizeof(struct kl_patched_tree *));
    for (size_t k = 0; k < w.n; k++)
        p->list[p->n++] = make(f, w.list[k], before, d);
    kl_names_free(&w.by_name);
    return p;
}

/* --- what is asked for -------------------------------------------------------------------------*/

/* What follows `head` and a slash in `path`, or the end of it; NULL: it is another path. */
static const char *below(const char *path, const char *head)
{
    size_t n = strlen(head);
    if (strncmp(path, head, n) != 0 || (path[n] && path[n] != '/'))
        return NULL;
    return path + n + (path[n] == '/');
}

const struct kl_patched_tree *kl_patched_find(
    const struct kl_patched *p, const char *path, const char **rest)
{
    const struct kl_patched_tree *best = NULL;
    size_t longest = 0; /* a tree may lie in a directory of another */
    for (size_t k = 0; p && k < p->n; k++) {
        const char *tree = below(path, p->list[k]->profile);
        const char *file = tree ? below(tree, p->list[k]->tree) : NULL;
        if (!file || strlen(p->list[k]->tree) < longest)
            continue;
        longest = strlen(p->list[k]->tree);
        best = p->list[k];
        *rest = file;
    }
    return best;
}

const struct kl_patched_tree *kl_patched_of(
    const struct kl_patched *p, const struct kl_fleet *f, const struct kl_settings *s)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const char *tree = kl_tree_name(f, s);
    tree = tree ? normal(a, tree) : NULL;
    for (size_t k = 0; p && s->patch && tree && k < p->n; k++)
        if (kl_streq(p->list[k]->profile, s->patch->profile) && kl_streq(p->list[k]->tree, tree))
            return p->list[k];
    return NULL;
}

const char *kl_patched_broken(const struct kl_patched_tree *t)
{
    if (t->wrong)
        return t->wrong;
    return unchanged(t) ? NULL : "the tree's images or its patches changed on disk: reload";
}

struct kl_rope *kl_patched_file(const struct kl_patched_tree *t, const char *path)
{
    for (size_t k = 0; k < t->nfiles; k++)
        if (kl_streq(t->files[k].path, path))
            return t->files[k].rope;
    return NULL;
}

const char *kl_patched_name(const struct kl_patched_tree *t)
{
    return t->tree;
}
