/* Patched trees: what a profile's `patch:` makes of the tree that it installs from.
 *
 * The patched images are ropes, never files: they share what they can with the images on disk. They
 * are made when a fleet is loaded, before any packet can ask for them, and kept over reloads as
 * long as neither the tree's images nor the patches changed. What cannot be patched leaves its tree
 * broken as a whole: nobody is given one image of it that is patched and one that is not.
 */
#ifndef KL_SERVE_PATCHED_H
#define KL_SERVE_PATCHED_H

#include "base/diag.h"
#include "fleet/fleet.h"
#include "image/rope.h"

struct kl_patched;      /* all of a fleet */
struct kl_patched_tree; /* a tree as one profile patches it */

/* Those of `f`. What `before` (NULL: none) has and still holds good is shared with it. Patches that
 * fail are errors in `d`, each with its place in the inventory. */
struct kl_patched *kl_patched_new(
    const struct kl_fleet *f, const struct kl_patched *before, struct kl_diags *d);
void kl_patched_free(struct kl_patched *p); /* NULL is fine */
static inline void kl_patched_scope(struct kl_patched **p)
{
    kl_patched_free(*p);
}
#define KL_PATCHED_SCOPE __attribute__((cleanup(kl_patched_scope)))

/* The tree that `path` ("PROFILE/TREE/images/...") is below of, and the rest of the path; NULL. */
const struct kl_patched_tree *kl_patched_find(
    const struct kl_patched *p, const char *path, const char **rest);
/* The one that hosts with these settings install from; NULL: they have no patch, or a new one. */
const struct kl_patched_tree *kl_patched_of(
    const struct kl_patched *p, const struct kl_fleet *f, const struct kl_settings *s);
/* Why nothing of it can be served: it could not be made, or a file changed since. NULL: it can. */
const char *kl_patched_broken(const struct kl_patched_tree *t);
/* The patched file at `path` of the tree; NULL: the tree's own holds. Borrowed. */
struct kl_rope *kl_patched_file(const struct kl_patched_tree *t, const char *path);
const char *kl_patched_name(const struct kl_patched_tree *t); /* the tree's, below server.trees */

#endif
