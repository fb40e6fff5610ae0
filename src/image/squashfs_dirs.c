/* A directory's listing: runs of entries, each behind a header that says what they share. */
#include "image/squashfs_put.h"

#include <string.h>

enum { RUN_MOST = 256, INDEX_MOST = 0xffff };

static uint64_t inode_block(const struct kl_node *n)
{
    return kl_squashfs_own(n)->ref >> 16;
}

/* Entries name their inode by what differs from the header: 16 bits of offset in the same
 * metadata block, and 16 bits with a sign of number. */
static bool shares_header(const struct kl_node *first, const struct kl_node *n)
{
    int64_t delta = (int64_t)kl_squashfs_own(n)->number - (int64_t)kl_squashfs_own(first)->number;
    return inode_block(n) == inode_block(first) && delta >= INT16_MIN && delta <= INT16_MAX;
}

/* How many children from `i` on stand behind one header. */
static size_t run_of(const struct kl_node *dir, size_t i)
{
    size_t n = 1;
    while (n < RUN_MOST && i + n < dir->nchildren &&
           shares_header(dir->children[i], dir->children[i + n]))
        n++;
    return n;
}

/* Entries bear the basic type, whichever the inode has. */
static uint16_t basic_type(uint16_t type)
{
    return type > 7 ? (uint16_t)(type - 7) : type;
}

static bool put_entry(
    struct kl_squashfs_put *p, const struct kl_node *first, const struct kl_node *n, uint64_t *size)
{
    unsigned char head[8];
    const struct kl_squashfs_inode *own = kl_squashfs_own(n);
    size_t len = strlen(n->name);
    kl_put16(head, (uint16_t)own->ref);
    kl_put16(head + 2, (uint16_t)(own->number - kl_squashfs_own(first)->number));
    kl_put16(head + 4, basic_type(own->type));
    kl_put16(head + 6, (uint16_t)(len - 1));
    *size += sizeof head + len;
    return kl_meta_add(&p->directories, head, sizeof head) &&
           kl_meta_add(&p->directories, n->name, len);
}

static bool put_run(struct kl_squashfs_put *p, struct kl_node *const *run, size_t n, uint64_t *size)
{
    unsigned char head[12];
    kl_put32(head, (uint32_t)(n - 1));
    kl_put32(head + 4, (uint32_t)inode_block(run[0]));
    kl_put32(head + 8, kl_squashfs_own(run[0])->number);
    *size += sizeof head;
    bool ok = kl_meta_add(&p->directories, head, sizeof head);
    for (size_t i = 0; ok && i < n; i++)
        ok = put_entry(p, run[0], run[i], size);
    return ok;
}

/* The kernel begins a search at the last index entry whose name is not behind the one it looks
 * for (linux/fs/squashfs/namei.c, get_dir_index_using_name). */
static void put_index(struct kl_buf *index, uint64_t at, uint64_t block, const char *name)
{
    unsigned char head[12];
    size_t len = strlen(name);
    kl_put32(head, (uint32_t)at);
    kl_put32(head + 4, (uint32_t)block);
    kl_put32(head + 8, (uint32_t)(len - 1));
    kl_buf_addn(index, (const char *)head, sizeof head);
    kl_buf_addn(index, name, len);
}

bool kl_squashfs_put_listing(
    struct kl_squashfs_put *p, const struct kl_node *dir, struct kl_buf *index, uint16_t *nindex)
{
    struct kl_squashfs_inode *own = kl_squashfs_own(dir);
    uint64_t start = kl_meta_ref(&p->directories), last = start >> 16, size = 0;
    *nindex = 0;
    for (size_t i = 0, n; i < dir->nchildren; i += n) {
        uint64_t block = kl_meta_ref(&p->directories) >> 16;
        if (block != last && *nindex < INDEX_MOST) {
            put_index(index, size, block, dir->children[i]->name);
            (*nindex)++;
            last = block;
        }
        n = run_of(dir, i);
        if (!put_run(p, dir->children + i, n, &size))
            return kl_squashfs_not_packed(p->s);
    }
    if (start >> 16 > UINT32_MAX || size + 3 > UINT32_MAX)
        return kl_fault(p->s->log, KL_IMAGE_FULL, KL_NO_OFFSET, NULL,
            "its directories would take more than 4 GiB");
    own->dir_block = (uint32_t)(start >> 16);
    own->dir_offset = (uint16_t)start;
    /* "." and ".." count as three bytes and are not there (linux/fs/squashfs/dir.c). */
    own->dir_size = (uint32_t)size + 3;
    return true;
}
