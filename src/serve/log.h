/* The log's own words: what kl_log() (serve.h) is made of. */
#ifndef KL_SERVE_LOG_H
#define KL_SERVE_LOG_H

#include "base/text.h"
#include "serve/serve.h"

#include <stdatomic.h>
#include <stdint.h>

enum { KL_COUNTERS = 96, KL_LOG_LINE = 2048 };

struct kl_log_sink {
    int fd;
    bool journal; /* under systemd: priorities for journald instead of a time of our own */
    enum kl_level least;
};

struct kl_counters {
    struct {
        _Atomic(const char *) reason;
        atomic_ullong n;
    } slot[KL_COUNTERS];
};

/* Standard error; journald when JOURNAL_STREAM names it (systemd.exec(5)). */
void kl_log_init(struct kl_log_sink *l);

/* A value as one word: as it is, or in quotes when it holds a blank, a quote or nothing at all.
 * Bytes that are not printable ASCII become \xNN, so that nothing from the network reaches a
 * terminal. */
void kl_log_value(struct kl_buf *b, const char *value);
/* The same into a buffer, cut to fit, for use as an argument of kl_log(). */
const char *kl_word(const char *value, char *out, size_t room);

void kl_counters_add(struct kl_counters *c, const char *reason);
void kl_counters_each(struct kl_counters *c,
    void (*each)(void *arg, const char *reason, unsigned long long n), void *arg);

#endif
