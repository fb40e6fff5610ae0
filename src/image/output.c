#include "image/output.h"

struct kl_output *kl_output_begin(const char *path, unsigned mode)
{
    (void)path;
    (void)mode;
    return NULL;
}
int kl_output_fd(const struct kl_output *o)
{
    (void)o;
    return -1;
}
bool kl_output_commit(struct kl_output *o)
{
    (void)o;
    return false;
}
void kl_output_drop(struct kl_output *o)
{
    (void)o;
}
bool kl_output_rope(const char *path, unsigned mode, const struct kl_rope *r,
    void (*progress)(void *arg, uint64_t done, uint64_t of), void *arg)
{
    (void)path;
    (void)mode;
    (void)r;
    (void)progress;
    (void)arg;
    return false;
}
