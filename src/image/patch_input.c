#include "image/patch.h"

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
