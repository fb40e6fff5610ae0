#include "image/patch_own.h"

bool kl_patch_add_dir(struct kl_patch *p, const char *dir)
{
    (void)p;
    (void)dir;
    return false;
}
bool kl_patch_add_archive(struct kl_patch *p, const char *file)
{
    (void)p;
    (void)file;
    return false;
}
bool kl_patch_add_path(struct kl_patch *p, const char *path)
{
    (void)p;
    (void)path;
    return false;
}
bool kl_patch_host_file(struct kl_patch *p, const char *path, struct kl_change *c)
{
    (void)p;
    (void)path;
    (void)c;
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
