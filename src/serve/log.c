/* A line is put together on the stack and leaves with one write(2): no lock, and lines of several
 * threads never mix (a pipe or journald's socket keeps a write together, and so does a file). */
#include "serve/log.h"

#include "serve/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void kl_log_init(struct kl_log_sink *l)
{
    *l = (struct kl_log_sink){.fd = STDERR_FILENO, .least = KL_LOG_INFO};
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char here[64];
    if (!stream || fstat(l->fd, &st) != 0)
        return;
    snprintf(here, sizeof here, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    l->journal = strcmp(stream, here) == 0;
}

static bool plain(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (*s <= ' ' || *s > '~' || *s == '"' || *s == '\\')
            return false;
    return true;
}

void kl_log_value(struct kl_buf *b, const char *value)
{
    if (plain(value)) {
        kl_buf_add(b, value);
        return;
    }
    kl_buf_addc(b, '"');
    for (const char *s = value; *s; s++) {
        if (*s < ' ' || *s > '~')
            kl_buf_addf(b, "\\x%02x", (unsigned char)*s);
        else if (*s == '"' || *s == '\\')
            kl_buf_addf(b, "\\%c", *s);
        else
            kl_buf_addc(b, *s);
    }
    kl_buf_addc(b, '"');
}

const char *kl_word(const char *value, char *out, size_t room)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    kl_log_value(&b, value);
    snprintf(out, room, "%s", kl_buf_text(&b));
    return out;
}

static const char *const level_words[] = {"error", "warning", "info", "debug"};
static const char level_priority[] = {'3', '4', '6', '7'}; /* sd-daemon(3) */

/* Time and level, or journald's priority. Returns the length. */
static size_t head(const struct kl_log_sink *l, enum kl_level level, char *out, size_t room)
{
    if (l->journal)
        return (size_t)snprintf(out, room, "<%c>", level_priority[level]);
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(out, room, "%Y-%m-%dT%H:%M:%S", &tm);
    return n + (size_t)snprintf(
                   out + n, room - n, ".%03ldZ %s ", now.tv_nsec / 1000000, level_words[level]);
}

/* Whatever a caller let slip: one line stays one line, and no terminal is told anything. */
static void make_safe(char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < ' ' || s[i] == 0x7f || (unsigned char)s[i] >= 0x80)
            s[i] = '?';
}

void kl_log(struct kl_serve *s, enum kl_level level, const char *what, const char *host,
    const char *stage, const char *fmt, ...)
{
    if (level > s->log.least)
        return;
    char line[KL_LOG_LINE];
    const size_t room = sizeof line - 1; /* and the newline */
    size_t start = head(&s->log, level, line, room);
    size_t n = start;
    n += (size_t)snprintf(line + n, room - n, "%.32s host=%.255s stage=%.32s ", what,
        host ? host : "-", stage ? stage : "-");
    va_list ap;
    va_start(ap, fmt);
    int more = vsnprintf(line + n, room - n, fmt, ap);
    va_end(ap);
    if (more > 0)
        n += (size_t)more;
    if (n >= room) {
        n = room - 1;
        line[n - 1] = line[n - 2] = line[n - 3] = '.';
    }
    make_safe(line + start, n - start);
    line[n++] = '\n';
    ssize_t wrote = write(s->log.fd, line, n);
    (void)wrote; /* where would that be reported? */
}

void kl_counters_add(struct kl_counters *c, const char *reason)
{
    for (size_t i = 0; i < KL_COUNTERS; i++) {
        const char *have = atomic_load(&c->slot[i].reason);
        if (!have && atomic_compare_exchange_strong(&c->slot[i].reason, &have, reason))
            have = reason;
        if (have == reason || strcmp(have, reason) == 0) {
            atomic_fetch_add_explicit(&c->slot[i].n, 1, memory_order_relaxed);
            return;
        }
    }
}

void kl_counters_each(struct kl_counters *c,
    void (*each)(void *arg, const char *reason, unsigned long long n), void *arg)
{
    for (size_t i = 0; i < KL_COUNTERS; i++) {
        const char *reason = atomic_load(&c->slot[i].reason);
        if (reason)
            each(arg, reason, atomic_load(&c->slot[i].n));
    }
}

void kl_count(struct kl_serve *s, const char *reason)
{
    kl_counters_add(&s->counters, reason);
}
