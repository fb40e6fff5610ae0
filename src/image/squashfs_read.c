#include "image/squashfs_own.h"

bool kl_is_squashfs(const struct kl_reader *r)
{
    (void)r;
    return false;
}
struct kl_squashfs *kl_squashfs_open(
    struct kl_arena *a, const struct kl_rope *image, struct kl_fault_log *log)
{
    (void)a;
    (void)image;
    (void)log;
    return NULL;
}
void kl_squashfs_close(struct kl_squashfs *s)
{
    (void)s;
}
struct kl_fs *kl_squashfs_fs(struct kl_squashfs *s)
{
    return &s->fs;
}
const struct kl_squashfs_super *kl_squashfs_super(const struct kl_squashfs *s)
{
    return &s->super;
}
const struct kl_pack_options *kl_squashfs_packing(const struct kl_squashfs *s)
{
    return &s->packing;
}
bool kl_squashfs_has_bcj(const struct kl_squashfs *s)
{
    return s->bcj;
}
struct kl_reader kl_squashfs_file(struct kl_squashfs *s, const struct kl_node *file)
{
    (void)s;
    (void)file;
    return (struct kl_reader){0};
}
bool kl_squashfs_metablock(
    struct kl_squashfs *s, uint64_t at, unsigned char out[static 8192], size_t *n, uint64_t *next)
{
    (void)s;
    (void)at;
    (void)out;
    (void)n;
    (void)next;
    return false;
}
bool kl_squashfs_meta_read(struct kl_squashfs *s, uint64_t table, uint64_t *block, size_t *offset,
    void *to, size_t n, const char *what)
{
    (void)s;
    (void)table;
    (void)block;
    (void)offset;
    (void)to;
    (void)n;
    (void)what;
    return false;
}
