/* A file of the image gets new blocks where it was changed; everything else stays as it is.
 *
 * Its blocks lie in one run. Changed ones are packed and take their place in it, what lies behind
 * moves by what they are longer or shorter, and the metadata, written anew, says where things lie
 * now. Where other files use the same run (mksquashfs stores equal data once), it stays and the
 * file gets a run of its own at the end of the data. */
#include "image/squashfs_in.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Threads that pack: an xz encoder takes some twelve times its block of memory, so of blocks of
 * 1 MiB only two are packed at a time. */
enum { THREADS_MOST = 8, THREADS_LEAST = 2, PACKING_MOST = 2 << 20, JOBS_A_THREAD = 4 };

/* A changed block. */
struct job {
    uint64_t index;
    const void *bytes; /* the cow's */
    size_t n;
    uint32_t word; /* what the list says: size | KL_SQUASHFS_RAW; 0: nothing but zeros */
    char *packed;  /* NULL: nothing, or stored as it is */
};

struct pack {
    const struct kl_pack_options *options;
    bool raw; /* the superblock says that data is not packed */
    struct job *jobs;
    size_t n, room;
    atomic_size_t next, done;
    atomic_bool failed;
    void (*progress)(void *arg, uint64_t done, uint64_t of);
    void *arg;
};

static void pack_free(struct pack *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->jobs[i].packed);
    free(p->jobs);
}

/* --- packing -----------------------------------------------------------------------------------*/

static bool add_job(void *arg, uint64_t index, const void *bytes, size_t n)
{
    struct pack *p = arg;
    if (p->n == p->room) {
        p->room = p->room ? 2 * p->room : 16;
        p->jobs = kl_xrealloc(p->jobs, p->room * sizeof *p->jobs);
    }
    p->jobs[p->n++] = (struct job){.index = index, .bytes = bytes, .n = n};
    return true;
}

static bool is_zero(const char *bytes, size_t n)
{
    return n && !bytes[0] && memcmp(bytes, bytes + 1, n - 1) == 0;
}

static bool pack_one(const struct pack *p, struct job *j)
{
    if (is_zero(j->bytes, j->n))
        return true;
    j->word = (uint32_t)j->n | KL_SQUASHFS_RAW;
    if (p->raw)
        return true;
    char *packed = kl_xmalloc(j->n);
    ssize_t n = kl_block_pack(p->options, j->bytes, j->n, packed, j->n);
    if (n <= 0) {
        free(packed);
        return n == 0;
    }
    j->word = (uint32_t)n;
    j->packed = kl_xrealloc(packed, (size_t)n);
    return true;
}

static void pack_next(struct pack *p, bool tell)
{
    for (size_t i; (i = atomic_fetch_add(&p->next, 1)) < p->n;) {
        if (!pack_one(p, &p->jobs[i]))
            atomic_store(&p->failed, true);
        size_t done = atomic_fetch_add(&p->done, 1) + 1;
        if (tell && p->progress)
            p->progress(p->arg, done, p->n);
    }
}

static void *worker(void *arg)
{
    pack_next(arg, false);
    return NULL;
}

static size_t threads_for(const struct pack *p)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t most = PACKING_MOST / p->options->block_size, wanted = p->n / JOBS_A_THREAD + 1;
    most = most < THREADS_LEAST ? THREADS_LEAST : most > THREADS_MOST ? THREADS_MOST : most;
    if (cpus < 1 || p->raw)
        cpus = 1;
    most = most < (size_t)cpus ? most : (size_t)cpus;
    return wanted < most ? wanted : most;
}

/* All jobs; what comes out is the same for any number of threads. */
static bool pack_all(struct pack *p)
{
    pthread_t threads[THREADS_MOST];
    size_t n = 0, most = threads_for(p) - 1; /* this one works, too */
    while (n < most && pthread_create(&threads[n], NULL, worker, p) == 0)
        n++;
    pack_next(p, true);
    while (n)
        pthread_join(threads[--n], NULL);
    if (p->progress)
        p->progress(p->arg, p->n, p->n);
    return !atomic_load(&p->failed);
}

/* --- where data lies ---------------------------------------------------------------------------*/

struct run {
    uint64_t start, end;
};

static uint64_t packed_size(uint32_t word)
{
    return word & (KL_SQUASHFS_RAW - 1U);
}

static struct run run_of(const struct kl_squashfs_inode *i)
{
    struct run r = {i->blocks_start, i->blocks_start};
    for (size_t k = 0; k < i->nblocks; k++)
        r.end += packed_size(i->blocks[k]);
    return r;
}

struct files {
    struct kl_squashfs *s;
    const struct kl_squashfs_inode *patched;
    struct run run;       /* the patched file's */
    struct sq_map met[2]; /* by address: each inode is checked once, and moved once */
    int64_t delta;        /* what lies behind the run moves by */
    bool shared;
};

/* A file of many names is looked at once: its list may be long. */
static struct kl_squashfs_inode *other_file(
    const struct files *f, struct sq_map *met, const struct kl_node *n)
{
    if (n->kind != KL_NODE_FILE || n->own == f->patched || sq_map_get(met, (uintptr_t)n->own))
        return NULL;
    sq_map_put(met, (uintptr_t)n->own, n->own);
    return n->own;
}

/* Data must lie where data lies: what is behind it is written anew and would be lost. */
static bool check_run(const struct kl_squashfs *s, struct run r, const char *what, uint32_t number)
{
    if (r.start == r.end ||
        (r.start >= s->data_start && r.start < r.end && r.end <= s->super.inode_table))
        return true;
    return kl_fault(s->log, KL_IMAGE_CORRUPT, r.start, SQ_DAMAGED,
        "%s %" PRIu32 " has data outside of bytes %" PRIu64 " to %" PRIu64, what, number,
        s->data_start, s->super.inode_table);
}

static bool overlap(struct run a, struct run b)
{
    return a.start < b.end && b.start < a.end;
}

static bool check_file(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    struct files *f = arg;
    const struct kl_squashfs_inode *i = other_file(f, &f->met[0], n);
    (void)fs;
    if (!i)
        return true;
    struct run r = run_of(i);
    if (!check_run(f->s, r, "inode", i->number))
        return false;
    f->shared |= r.start != r.end && overlap(r, f->run);
    return true;
}

static bool check_files(struct files *f)
{
    struct kl_squashfs *s = f->s;
    f->run = run_of(f->patched);
    if (!check_run(s, f->run, "inode", f->patched->number))
        return false;
    for (uint32_t i = 0; i < s->super.fragments; i++) {
        struct run r = {
            s->fragments[i].start, s->fragments[i].start + packed_size(s->fragments[i].size)};
        if (!check_run(s, r, "fragment", i))
            return false;
        f->shared |= overlap(r, f->run);
    }
    return kl_fs_walk(&s->fs, s->fs.root, check_file, f);
}

static bool move_file(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    struct files *f = arg;
    struct kl_squashfs_inode *i = other_file(f, &f->met[1], n);
    (void)fs;
    if (i && i->blocks_start >= f->run.end)
        i->blocks_start += (uint64_t)f->delta;
    return true;
}

/* --- the new run -------------------------------------------------------------------------------*/

/* Adds the file's blocks to `data`, changed ones from the jobs, and makes its list say so. */
static void put_run(
    struct files *f, struct kl_squashfs_inode *i, const struct pack *p, struct kl_rope *data)
{
    struct kl_squashfs *s = f->s;
    const struct job *last = p->jobs + p->n, *j = p->jobs;
    bool tail = last[-1].index >= i->nblocks; /* of a fragment that stays as it was */
    size_t n = i->nblocks + tail;
    uint32_t *blocks = kl_alloc(s->a, n * sizeof *blocks);
    uint64_t from = f->run.start, at = from, zeros = 0;
    for (size_t k = 0; k < n; k++) {
        uint64_t old = k < i->nblocks ? packed_size(i->blocks[k]) : 0,
                 left = i->size - (uint64_t)k * s->super.block_size;
        if (j < last && j->index == k) {
            kl_rope_add_rope(data, s->image, from, at - from);
            kl_rope_add_bytes(data, j->packed ? j->packed : j->bytes, packed_size(j->word));
            from = at + old;
            blocks[k] = j++->word;
        } else {
            blocks[k] = i->blocks[k];
        }
        at += old;
        if (!blocks[k])
            zeros += left < s->super.block_size ? left : s->super.block_size;
    }
    kl_rope_add_rope(data, s->image, from, at - from);
    i->blocks = blocks;
    i->nblocks = n;
    sq_cache(s)->file = NULL; /* the marks of the old list */
    if (tail)
        i->fragment = UINT32_MAX, i->fragment_offset = 0;
    /* mksquashfs leaves a byte, so that no file of a size has no blocks at all. */
    i->sparse = zeros && zeros == i->size ? zeros - 1 : zeros;
}

/* The data of the new image, from data_start on. */
static struct kl_rope *new_data(struct files *f, struct kl_squashfs_inode *i, const struct pack *p)
{
    struct kl_squashfs *s = f->s;
    struct kl_rope *data = kl_rope_new();
    uint64_t start = s->data_start, end = s->super.inode_table;
    bool own = f->shared || f->run.start == f->run.end; /* a run of its own, at the end */
    uint64_t before = own ? end : f->run.start;
    kl_rope_add_rope(data, s->image, start, before - start);
    uint64_t at = kl_rope_len(data);
    put_run(f, i, p, data);
    if (own) {
        i->blocks_start = start + at;
        f->run = (struct run){end, end};
        return data;
    }
    f->delta = (int64_t)(kl_rope_len(data) - at) - (int64_t)(f->run.end - f->run.start);
    kl_rope_add_rope(data, s->image, f->run.end, end - f->run.end);
    return data;
}

static struct kl_rope *write_all(struct files *f, struct kl_squashfs_inode *i, const struct pack *p)
{
    struct kl_squashfs *s = f->s;
    struct kl_rope *data KL_ROPE_SCOPE = new_data(f, i, p);
    size_t n = s->super.fragments;
    struct kl_squashfs_fragment *fragments = kl_xmalloc((n + 1) * sizeof *fragments);
    for (size_t k = 0; k < n; k++) {
        fragments[k] = s->fragments[k];
        if (fragments[k].start >= f->run.end)
            fragments[k].start += (uint64_t)f->delta;
    }
    struct kl_rope *image = NULL;
    if (kl_fs_walk(&s->fs, s->fs.root, move_file, f))
        image = kl_squashfs_write(s, &s->fs, data, fragments, n, NULL);
    free(fragments);
    return image;
}

/* A block list and the file's size must agree with what the cow was made over. */
static bool check_cow(struct kl_squashfs *s, const struct kl_node *file, const struct kl_cow *cow)
{
    if (kl_cow_block(cow) == s->super.block_size && kl_cow_len(cow) == file->size)
        return true;
    return kl_fault(s->log, KL_IMAGE_CANNOT, KL_NO_OFFSET, NULL,
        "'/%s' was changed in blocks of %" PRIu32 ", and the image has %" PRIu32,
        kl_node_path(s->a, file), kl_cow_block(cow), s->super.block_size);
}

struct kl_rope *kl_squashfs_splice(struct kl_squashfs *s, const struct kl_node *file,
    struct kl_cow *cow, void (*progress)(void *arg, uint64_t done, uint64_t of), void *arg)
{
    enum { FLAG_RAW_DATA = 1 << 1 };
    struct pack p = {.options = &s->packing,
        .raw = s->super.flags & FLAG_RAW_DATA,
        .progress = progress,
        .arg = arg};
    struct files f = {.s = s, .patched = file->own};
    struct kl_rope *image = NULL;
    if (!check_cow(s, file, cow))
        return NULL;
    bool ok = kl_cow_each(cow, add_job, &p);
    if (ok && !p.n)
        return kl_rope_hold((struct kl_rope *)s->image);
    ok = ok && check_files(&f);
    if (ok && !pack_all(&p))
        kl_fault(s->log, KL_IMAGE_IO, KL_NO_OFFSET, NULL, "a block cannot be packed as %s",
            kl_codec_name[p.options->codec]);
    else if (ok)
        image = write_all(&f, file->own, &p);
    free(f.met[0].slots);
    free(f.met[1].slots);
    pack_free(&p);
    return image;
}
