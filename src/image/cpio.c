#include "image/cpio.h"

void kl_cpio_entry(struct kl_rope *rope, const struct kl_cpio_entry *e)
{
    (void)rope;
    (void)e;
}
void kl_cpio_data(struct kl_rope *rope, const struct kl_rope *data)
{
    (void)rope;
    (void)data;
}
void kl_cpio_trailer(struct kl_rope *rope)
{
    (void)rope;
}
bool kl_cpio_of_patch(struct kl_patch *p, int64_t time, struct kl_rope *out)
{
    (void)p;
    (void)time;
    (void)out;
    return false;
}
