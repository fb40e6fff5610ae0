/* YAML as a small tree with places, made from libfyaml's events.
 *
 * libfyaml's own documents cost about ten times the memory, and check a mapping for equal keys one
 * by one; its events cost nothing, and a tree of ours keeps only what the loader asks for. The
 * entries of one mapping may be streamed: each is handed over when it is complete and let go
 * afterwards, so a file of 100,000 hosts is never in memory as a tree.
 */
#ifndef KL_FLEET_YAML_H
#define KL_FLEET_YAML_H

#include "base/arena.h"
#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>

enum kl_node_kind { KL_SCALAR, KL_LIST, KL_MAPPING };

/* What a scalar is by the YAML 1.2 core schema (YAML 1.2.2, 10.3.2). Quoted: always text. */
enum kl_scalar { KL_IS_TEXT, KL_IS_NULL, KL_IS_BOOL, KL_IS_INT, KL_IS_FLOAT };

struct kl_node {
    enum kl_node_kind kind;
    enum kl_scalar type;
    const char *text;           /* scalar: NUL-terminated, without NULs of its own */
    const struct kl_node *key;  /* of an entry of a mapping; a scalar, always */
    struct kl_node *first;      /* list and mapping: what they hold, in order */
    const struct kl_node *next; /* of the same list or mapping */
    size_t n;                   /* how many they hold */
    struct kl_place at;         /* an empty value's is its key's */
};

/* Streams the entries of the mapping that the root holds under `key`: `each` gets every one, with
 * the arena in which it lives only until `each` returns. Equal keys are the receiver's to find. */
struct kl_yaml_stream {
    const char *key;
    void (*each)(void *arg, const struct kl_node *entry, struct kl_arena *scratch);
    void *arg;
};

/* Reads one document. *root is in `a`, or NULL where the text holds nothing. False when the text
 * is not YAML, or uses of it what an inventory may not (anchors, tags, several documents, keys that
 * are no text): then `d` says where. `file` is what places show and must outlive them. Equal keys
 * within one mapping are an error in `d`, but no reason to stop: the first one counts. */
bool kl_yaml_read(struct kl_arena *a, const char *file, const char *text, size_t len,
    const struct kl_yaml_stream *stream, struct kl_diags *d, struct kl_node **root);

/* A diagnostic's second place; the file's name is copied, for it may not live as long as `d`. */
void kl_also(struct kl_diags *d, struct kl_diag *one, struct kl_place at, const char *says);

/* The entry of a mapping that has this key, or NULL. */
const struct kl_node *kl_node_get(const struct kl_node *mapping, const char *key);

#endif
