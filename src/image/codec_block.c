#include "image/codec.h"

ssize_t kl_block_unpack(
    enum kl_codec codec, const void *in, size_t n, void *out, size_t room, size_t exact)
{
    (void)codec;
    (void)in;
    (void)n;
    (void)out;
    (void)room;
    (void)exact;
    return -1;
}
ssize_t kl_block_pack(
    const struct kl_pack_options *o, const void *in, size_t n, void *out, size_t room)
{
    (void)o;
    (void)in;
    (void)n;
    (void)out;
    (void)room;
    return -1;
}
