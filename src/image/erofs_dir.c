/* Directories as they are written: entries sorted by name, "." and ".." among them, each block
 * beginning with its entries and ending with their names (erofs_fs.h, struct erofs_dirent). */
#include "image/erofs_own.h"

#include <stdlib.h>
#include <string.h>

/* enum EROFS_FT_*, that of readdir(3). */
static const unsigned char types[] = {
    [KL_NODE_FILE] = 1,
    [KL_NODE_DIR] = 2,
    [KL_NODE_CHAR] = 3,
    [KL_NODE_BLOCK] = 4,
    [KL_NODE_FIFO] = 5,
    [KL_NODE_SOCKET] = 6,
    [KL_NODE_SYMLINK] = 7,
};

unsigned kl_erofs_type(enum kl_node_kind kind)
{
    return types[kind];
}

struct kl_erofs_entry *kl_erofs_dir_find(const struct kl_erofs_dir *d, const char *name)
{
    size_t low = 0, high = d->nold;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(d->entries[middle].name, name);
        if (!order)
            return &d->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void kl_erofs_dir_add(struct kl_arena *a, struct kl_erofs_dir *d, const char *name,
    enum kl_node_kind kind, uint64_t nid, struct kl_erofs_item *item)
{
    d->entries = kl_grow(a, d->entries, d->n, sizeof *d->entries);
    d->entries[d->n++] =
        (struct kl_erofs_entry){.name = name, .nid = nid, .item = item, .kind = kind};
}

uint64_t kl_erofs_dir_nid(const struct kl_erofs_dir *d)
{
    return d->self ? d->self->nid : d->node->ino;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(
        ((const struct kl_erofs_entry *)a)->name, ((const struct kl_erofs_entry *)b)->name);
}

/* How many entries from `i` on fit into a block; *used: its bytes. */
static size_t fit(const struct kl_erofs_dir *d, size_t i, uint32_t block, size_t *used)
{
    size_t first = i;
    for (*used = 0; i < d->n; i++) {
        size_t more = KL_EROFS_DIRENT + strlen(d->entries[i].name);
        if (*used + more > block)
            break;
        *used += more;
    }
    return i - first;
}

void kl_erofs_dir_end(struct kl_arena *a, struct kl_erofs_dir *d, uint32_t block)
{
    size_t n = 0, used = 0;
    kl_erofs_dir_add(a, d, ".", KL_NODE_DIR, 0, NULL);
    kl_erofs_dir_add(a, d, "..", KL_NODE_DIR, 0, NULL);
    for (size_t i = 0; i < d->n; i++)
        if (!d->entries[i].gone)
            d->entries[n++] = d->entries[i];
    d->n = n;
    d->nold = 0; /* no longer where they were */
    qsort(d->entries, n, sizeof *d->entries, by_name);
    for (size_t i = 0; i < n;) {
        i += fit(d, i, block, &used);
        d->size = i < n ? d->size + block : d->size + used;
    }
}

static uint64_t nid_of(const struct kl_erofs_dir *d, const struct kl_erofs_entry *y)
{
    if (kl_streq(y->name, "."))
        return kl_erofs_dir_nid(d);
    if (!kl_streq(y->name, ".."))
        return y->item ? y->item->nid : y->nid;
    if (d->node)
        return d->node->parent ? d->node->parent->ino : d->node->ino;
    return kl_erofs_dir_nid(d->up);
}

void kl_erofs_dir_put(const struct kl_erofs_dir *d, uint32_t block, struct kl_buf *out)
{
    static const char zeros[64];
    for (size_t i = 0, used; i < d->n;) {
        size_t n = fit(d, i, block, &used), name = n * KL_EROFS_DIRENT;
        for (size_t k = i; k < i + n; k++) {
            unsigned char b[KL_EROFS_DIRENT] = {0};
            kl_put64(b, nid_of(d, &d->entries[k]));
            kl_put16(b + 8, (uint16_t)name);
            b[10] = types[d->entries[k].kind];
            name += strlen(d->entries[k].name);
            kl_buf_addn(out, (char *)b, sizeof b);
        }
        for (size_t k = i; k < i + n; k++)
            kl_buf_add(out, d->entries[k].name);
        i += n;
        for (size_t left = i < d->n ? block - used : 0; left;) {
            size_t some = left < sizeof zeros ? left : sizeof zeros;
            kl_buf_addn(out, zeros, some);
            left -= some;
        }
    }
}
