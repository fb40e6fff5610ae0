/* Which release is being installed, and what runs in it.
 *
 * Facts by row: docs/releases.md has the sources. Versions are those of the release's first
 * images; a z-stream may carry later ones.
 */
#ifndef KL_TREE_RELEASE_H
#define KL_TREE_RELEASE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

/* What configures the network in the initrd: each spells some things its own way. */
enum kl_engine {
    KL_ENGINE_DRACUT_033A, /* legacy shell code of EL7.0 to 7.2: one bond, one VLAN */
    KL_ENGINE_DRACUT_033B, /* legacy of EL7.3 to 7.9 */
    KL_ENGINE_DRACUT_049,  /* legacy of EL8.0 to 8.2 (and network-legacy of EL9) */
    KL_ENGINE_NM,          /* nm-initrd-generator: EL8.3 and later, Fedora; see nm_minor */
    KL_ENGINE_LOADER_EL6,  /* no dracut: anaconda's own loader of EL6 */
};

enum kl_system_format { KL_IFCFG, KL_KEYFILE };

struct kl_release {
    const char
        *distro;      /* "rhel", "centos", "centos-stream", "ol", "almalinux", "rocky", "fedora" */
    int major, minor; /* Fedora: minor 0; CentOS Stream: minor -1 */
    int el;           /* 6..10, or for Fedora the EL whose rules it follows (F34+: 9; F41+: 10) */
    const char *anaconda, *dracut, *nm; /* versions as text: "34.25.2.10", "057-21", "1.42.2" */
    enum kl_engine engine;
    int nm_minor; /* of NetworkManager 1.x: 0, 26, 30, 42 ... */
    enum kl_system_format system;
    int el_minor; /* with `el`: the EL minor whose rules it follows; KL_EL_NEWEST: CentOS Stream */
};

enum { KL_EL_NEWEST = 99 };

/* "centos-7.9", "rhel-9.4", "ol-7.2", "almalinux-10.0" ("alma-" too), "rocky-8.10", "fedora-42",
 * "centos-stream-9". NULL when it is none or not known; then *why (in `a`) says what is, with
 * "did you mean". The result is `const` and lives for ever. */
const struct kl_release *kl_release_find(struct kl_arena *a, const char *name, const char **why);
/* "centos-7.9", canonical. */
const char *kl_release_name(struct kl_arena *a, const struct kl_release *r);
/* For `kickline --help` and the schema: all names, one at a time; NULL at the end. */
const char *kl_release_at(struct kl_arena *a, size_t i);
const struct kl_release *kl_release_row(size_t i); /* the release itself; NULL at the end */

/* False for EL6: Kickline knows how it reads what others wrote, and writes nothing for it. */
bool kl_release_installs(const struct kl_release *r);
/* True when r's EL version (el.el_minor: Fedora and CentOS Stream too) is at least major.minor. */
bool kl_release_since(const struct kl_release *r, int major, int minor);

#endif
