/* The texts at hand: files below the given paths, each with its kind; or texts in memory, which a
 * renderer made. Private to the room. */
#ifndef KL_CHECK_SITE_H
#define KL_CHECK_SITE_H

#include "base/names.h"
#include "check/check.h"
#include "check/kind.h"
#include "stage/read.h"

struct kl_doc {
    const char *path; /* as given or found; also its name in places */
    const char *base; /* the last part of it */
    enum kl_kind kind;
    bool named;          /* given by name, not found in a directory */
    const char *text;    /* NULL: it is read when it is wanted */
    struct kl_doc *same; /* the next with this base name */
    bool used;           /* a case has looked into it */
};

struct kl_site {
    struct kl_arena *a;
    struct kl_doc *docs; /* in the order of paths; files of a directory by name */
    size_t n, room;
    struct kl_names bases; /* base name -> struct kl_doc */
    const struct kl_map *maps;
    size_t nmaps;
};

enum { KL_SITE_LARGEST = 4 << 20, KL_SITE_DEEPEST = 24 };

/* Walks the paths. What cannot be read is an error with code "cannot-read"; what a named file holds
 * that nobody knows is a note "kind-unknown". */
struct kl_site *kl_site_new(const struct kl_check_options *o, struct kl_diags *d);
struct kl_doc *kl_site_add(struct kl_site *s, const char *path, const char *text); /* in memory */
/* When no more are added: makes kl_site_find() work. */
void kl_site_index(struct kl_site *s);
void kl_site_free(struct kl_site *s);

const struct kl_doc *kl_site_document(const struct kl_site *s, const char *path); /* or NULL */
/* The text of a document, in `a`; NULL when it cannot be read any more. */
const char *kl_site_text(
    const struct kl_site *s, struct kl_arena *a, const struct kl_doc *doc, size_t *len);

/* What a URL or path means here: by --map; else the file whose path shares most with it, from its
 * end. `from` (NULL: nowhere) breaks ties: the file nearest to it. NULL when none is at hand, or
 * two are as good; *several says so. `kind` KL_KIND_UNKNOWN: any. */
struct kl_doc *kl_site_find(
    const struct kl_site *s, const char *url, const char *from, enum kl_kind kind, bool *several);
/* A file that --map names for this URL, or below it, when it is not among the documents: its path
 * in `a`, or NULL. */
const char *kl_site_mapped(const struct kl_site *s, struct kl_arena *a, const char *url);

/* For readers that follow includes. `self` lives as long as the finder is used. */
struct kl_site_finder {
    const struct kl_site *site;
    struct kl_arena *a;
};
struct kl_finder kl_site_finder(struct kl_site_finder *self);

#endif
