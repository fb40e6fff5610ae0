/* A table from names to whatever they name: hosts, profiles, files. Grows as it fills; names are
 * not copied and must outlive it. */
#ifndef KL_BASE_NAMES_H
#define KL_BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct kl_name_slot {
    const char *name; /* NULL: free */
    const void *value;
    uint64_t hash;
};

/* Start with `struct kl_names t KL_NAMES_SCOPE = {0};`. */
struct kl_names {
    struct kl_name_slot *slots;
    size_t n, room;
};

const void *kl_names_get(const struct kl_names *t, const char *name); /* or NULL */
/* Where the value of `name` is kept, NULL in it when the name is new; valid until the next call. */
const void **kl_names_slot(struct kl_names *t, const char *name);
void kl_names_free(struct kl_names *t);
#define KL_NAMES_SCOPE __attribute__((cleanup(kl_names_free)))

#endif
