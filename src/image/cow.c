#include "image/cow.h"

struct kl_cow *kl_cow_new(const struct kl_reader *base, uint32_t block)
{
    (void)base;
    (void)block;
    return NULL;
}
void kl_cow_free(struct kl_cow *c)
{
    (void)c;
}
uint64_t kl_cow_len(const struct kl_cow *c)
{
    (void)c;
    return 0;
}
uint32_t kl_cow_block(const struct kl_cow *c)
{
    (void)c;
    return 0;
}
bool kl_cow_read(struct kl_cow *c, uint64_t at, void *to, size_t n)
{
    (void)c;
    (void)at;
    (void)to;
    (void)n;
    return false;
}
bool kl_cow_write(struct kl_cow *c, uint64_t at, const void *from, size_t n)
{
    (void)c;
    (void)at;
    (void)from;
    (void)n;
    return false;
}
size_t kl_cow_changed(struct kl_cow *c)
{
    (void)c;
    return 0;
}
bool kl_cow_each(struct kl_cow *c,
    bool (*each)(void *arg, uint64_t index, const void *bytes, size_t n), void *arg)
{
    (void)c;
    (void)each;
    (void)arg;
    return false;
}
struct kl_rope *kl_cow_rope(struct kl_cow *c, const struct kl_rope *base)
{
    (void)c;
    (void)base;
    return NULL;
}
