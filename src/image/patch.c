#include "image/patch.h"

struct kl_patch *kl_patch_new(struct kl_diags *d)
{
    (void)d;
    return NULL;
}
void kl_patch_free(struct kl_patch *p)
{
    (void)p;
}
bool kl_patch_add(struct kl_patch *p, const struct kl_change *c)
{
    (void)p;
    (void)c;
    return false;
}
bool kl_patch_add_file(struct kl_patch *p, const char *spec)
{
    (void)p;
    (void)spec;
    return false;
}
bool kl_patch_add_link(struct kl_patch *p, const char *spec)
{
    (void)p;
    (void)spec;
    return false;
}
bool kl_patch_add_removal(struct kl_patch *p, const char *path)
{
    (void)p;
    (void)path;
    return false;
}
bool kl_patch_add_edit(
    struct kl_patch *p, struct kl_fs *fs, const char *path, const char *diff_file)
{
    (void)p;
    (void)fs;
    (void)path;
    (void)diff_file;
    return false;
}
