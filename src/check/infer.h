/* Which release is meant, when nobody says so. Private to the room. */
#ifndef KL_CHECK_INFER_H
#define KL_CHECK_INFER_H

#include "stage/read.h"

/* `texts`: paths, URLs and titles, the most telling first (NULL: none); `sources` says what each is
 * ("the kernel's path"). *from is what decided, for people, or NULL when nothing did: then the
 * release is the newest of EL9. */
void kl_infer_release(struct kl_arena *a, const char *const *texts, const char *const *sources,
    size_t n, const struct kl_cmdline *line, const struct kl_kickstart *k,
    const struct kl_release **release, const char **from);

#endif
