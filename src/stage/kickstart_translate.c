/* What parse-kickstart, in the initrd, makes of a kickstart's network commands. */
#include "stage/read.h"

const char *kl_ks_translate(
    struct kl_arena *a, const struct kl_kickstart *k, const struct kl_release *r, bool has_ip)
{
    (void)a, (void)k, (void)r, (void)has_ip;
    return "";
}
