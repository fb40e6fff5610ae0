#include "image/image.h"

bool kl_image_contents(struct kl_image *i, struct kl_arena *a, struct kl_contents *out)
{
    (void)i;
    (void)a;
    (void)out;
    return false;
}
