/* Which hosts may be installed. Kept in SQLite: it survives a restart and a kill -9 (WAL,
 * synchronous=FULL), and `kickline arm` and a running server see the same state at once.
 */
#ifndef KL_JOURNAL_ARMED_H
#define KL_JOURNAL_ARMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kl_armed; /* an open state file */

/* Opens (and makes) it. NULL on failure: then *why (release with free()) says what and how to mend
 * it. */
struct kl_armed *kl_armed_open(const char *path, char **why);
void kl_armed_close(struct kl_armed *s); /* NULL is fine */

/* Each is one transaction; false with *why as above when it could not be kept. `now`: seconds of
 * the epoch. Arming an armed host and disarming one that is not are no errors. */
bool kl_armed_set(struct kl_armed *s, const char *host, int64_t now, char **why);
bool kl_armed_clear(struct kl_armed *s, const char *host, char **why);
/* 1 armed, 0 not, -1 on failure (the caller must then treat the host as not armed). */
int kl_armed_get(struct kl_armed *s, const char *host, int64_t *since);
/* All of them, in order of name. */
bool kl_armed_each(struct kl_armed *s, void (*each)(void *arg, const char *host, int64_t since),
    void *arg, char **why);

#endif
