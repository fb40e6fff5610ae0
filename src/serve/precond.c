#include "serve/precond.h"

#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

time_t kl_http_date(const char *s)
{
    struct tm tm = {0};
    const char *end = strptime(s, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return end && !*end ? timegm(&tm) : -1;
}

const char *kl_http_date_text(time_t t, char out[static KL_HTTP_DATE])
{
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, KL_HTTP_DATE, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return out;
}

/* Does the list "a", W/"b", * hold our tag? Weak ones count only where the comparison is weak
 * (§8.8.3.2). */
static bool lists(const char *list, const char *etag, bool weak_counts)
{
    size_t n = strlen(etag);
    for (const char *s = list; *s;) {
        s += strspn(s, " \t,");
        if (*s == '*')
            return true;
        bool weak = kl_starts(s, "W/");
        const char *tag = s + (weak ? 2 : 0);
        if ((!weak || weak_counts) && strncmp(tag, etag, n) == 0)
            return true;
        const char *close = *tag == '"' ? strchr(tag + 1, '"') : NULL;
        s = close ? close + 1 : s + strcspn(s, ",");
    }
    return false;
}

static bool later(const char *date, time_t mtime)
{
    time_t t = kl_http_date(date);
    return t >= 0 && mtime > t;
}

/* Digits up to *end; false when there are none or too many. */
static bool number(const char **s, uint64_t *out)
{
    const char *p = *s;
    uint64_t n = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (n > (UINT64_MAX - 9) / 10)
            return false;
        n = n * 10 + (uint64_t)(*p - '0');
    }
    bool any = p != *s;
    *s = p;
    *out = n;
    return any;
}

enum range { RANGE_NONE, RANGE_PART, RANGE_BEYOND };

/* One byte range (§14.1.2): "bytes=first-last", "bytes=first-", "bytes=-suffix". */
static enum range read_range(const char *s, uint64_t len, uint64_t *first, uint64_t *n)
{
    uint64_t a = 0, b = 0;
    if (strncasecmp(s, "bytes=", 6) != 0)
        return RANGE_NONE;
    s += 6;
    s += strspn(s, " \t");
    bool has_first = number(&s, &a);
    if (*s++ != '-')
        return RANGE_NONE;
    bool has_last = number(&s, &b);
    s += strspn(s, " \t");
    if (*s || (!has_first && !has_last) || (has_first && has_last && b < a))
        return RANGE_NONE;
    if (!has_first) {
        if (!b || !len)
            return RANGE_BEYOND;
        *n = b < len ? b : len;
        *first = len - *n;
        return RANGE_PART;
    }
    if (a >= len)
        return RANGE_BEYOND;
    *first = a;
    *n = has_last && b < len ? b - a + 1 : len - a;
    return RANGE_PART;
}

/* If-Range (§13.1.5): a strong tag, or exactly the date that was sent as Last-Modified. */
static bool range_still_holds(const char *if_range, const char *etag, time_t mtime)
{
    if (!if_range)
        return true;
    if (*if_range == '"' || kl_starts(if_range, "W/"))
        return strcmp(if_range, etag) == 0;
    return mtime && kl_http_date(if_range) == mtime;
}

struct kl_verdict kl_judge(const struct kl_wish *w, const char *etag, time_t mtime, uint64_t len)
{
    struct kl_verdict all = {200, 0, len};
    /* The order of §13.2.2. */
    if (w->if_match) {
        if (!lists(w->if_match, etag, false))
            return (struct kl_verdict){412, 0, 0};
    } else if (w->if_unmodified_since && mtime && later(w->if_unmodified_since, mtime)) {
        return (struct kl_verdict){412, 0, 0};
    }
    if (w->if_none_match) {
        if (lists(w->if_none_match, etag, true))
            return (struct kl_verdict){304, 0, 0};
    } else if (w->if_modified_since && mtime && kl_http_date(w->if_modified_since) >= mtime) {
        return (struct kl_verdict){304, 0, 0};
    }
    if (!w->range || !range_still_holds(w->if_range, etag, mtime))
        return all;
    struct kl_verdict part = {206, 0, 0};
    switch (read_range(w->range, len, &part.first, &part.len)) {
    case RANGE_PART:
        return part;
    case RANGE_BEYOND:
        return (struct kl_verdict){416, 0, 0};
    case RANGE_NONE:
        break;
    }
    return all;
}
