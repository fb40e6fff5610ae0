/* The names that firmware and loaders ask for, in one form. */
#ifndef KL_SERVE_PATH_H
#define KL_SERVE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define KL_PATH_ROOM 1024

/* Writes the canonical form of `raw` to `out` (of `room` bytes): no slash at the start, one
 * between names, backslashes turned into slashes, percent escapes decoded once, "." left out
 * (docs/boot-protocols.md §4.1 lists who asks how). A slash at the end goes, too. False for what
 * nobody honest asks: "..", a NUL or another control byte, more than `room` bytes; then *why is a
 * short constant reason. */
bool kl_path_normal(const char *raw, size_t len, char *out, size_t room, const char **why);

/* Decodes percent escapes (and nothing else) of `len` bytes at `raw` into `out`, cut at room-1
 * bytes; control bytes become '?'. For values that are shown. Returns the length. */
size_t kl_path_decode(const char *raw, size_t len, char *out, size_t room);

/* Opens `path` below the directory `root` for reading; -1 with errno, EXDEV or ELOOP for what leads
 * out of it. Takes no FIFO's time. */
int kl_open_beneath(const char *root, const char *path);

#endif
