/* The table of kernel command line options. */
#include "stage/options.h"

#include "base/text.h"

const struct kl_boot_option kl_boot_options[] = {{NULL, KL_READ_KERNEL, NULL}};

struct kl_option_verdict kl_boot_option_verdict(
    struct kl_arena *a, const char *key, const struct kl_release *r)
{
    (void)a, (void)key, (void)r;
    return (struct kl_option_verdict){.state = KL_OPTION_READ};
}
