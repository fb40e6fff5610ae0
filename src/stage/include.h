/* Files that files name: INCLUDE, source, include "...", <?include ...?>. Each is read where it is
 * named, but never within itself. Private to the room. */
#ifndef KL_STAGE_INCLUDE_H
#define KL_STAGE_INCLUDE_H

#include "stage/read.h"

/* PXELINUX nests 16 deep (docs/releases.md); the other bounds only keep a hostile file from taking
 * the machine with it. */
enum { KL_INCLUDE_DEPTH = 16, KL_INCLUDE_FILES = 4096, KL_INCLUDE_BYTES = 64 << 20 };

struct kl_text {
    const char *file, *text;
    size_t len;
};

struct kl_includes {
    struct kl_arena *a;
    const struct kl_finder *files; /* NULL: no file is at hand */
    struct kl_diags *d;
    const char *open[KL_INCLUDE_DEPTH + 1]; /* being read, the outermost first */
    size_t depth, total, bytes;
    bool full;    /* said once */
    bool quiet;   /* a file that is not at hand need not be */
    bool missing; /* one was not at hand */
};

/* Registers the text that a reader begins with. */
struct kl_text kl_include_first(
    struct kl_includes *i, const char *file, const char *text, size_t len);
/* One that it includes, named at `at`: false with a note when it is not at hand, with a warning
 * when it is being read already. Each true is followed by a kl_include_close(). */
bool kl_include_open(
    struct kl_includes *i, const char *name, struct kl_place at, struct kl_text *out);
void kl_include_close(struct kl_includes *i);

#endif
