#include "base/names.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, 64 bits: the names come from a file that a person wrote, not from the network. */
static uint64_t hash_of(const char *s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
    return h;
}

static struct kl_name_slot *probe(const struct kl_names *t, const char *name, uint64_t hash)
{
    for (size_t i = (size_t)hash & (t->room - 1);; i = (i + 1) & (t->room - 1)) {
        struct kl_name_slot *s = &t->slots[i];
        if (!s->name || (s->hash == hash && strcmp(s->name, name) == 0))
            return s;
    }
}

static void grow(struct kl_names *t)
{
    struct kl_names big = {.room = t->room ? t->room * 2 : 16, .n = t->n};
    big.slots = kl_xmalloc(big.room * sizeof *big.slots);
    for (size_t i = 0; i < t->room; i++)
        if (t->slots[i].name)
            *probe(&big, t->slots[i].name, t->slots[i].hash) = t->slots[i];
    free(t->slots);
    *t = big;
}

const void *kl_names_get(const struct kl_names *t, const char *name)
{
    return t->room ? probe(t, name, hash_of(name))->value : NULL;
}

const void **kl_names_slot(struct kl_names *t, const char *name)
{
    if (t->n * 3 >= t->room * 2)
        grow(t);
    uint64_t hash = hash_of(name);
    struct kl_name_slot *s = probe(t, name, hash);
    if (!s->name) {
        *s = (struct kl_name_slot){name, NULL, hash};
        t->n++;
    }
    return &s->value;
}

void kl_names_free(struct kl_names *t)
{
    free(t->slots);
    *t = (struct kl_names){0};
}
