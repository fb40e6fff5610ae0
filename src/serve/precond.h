/* Conditional requests and ranges (RFC 9110 §13, §14), apart from any connection. */
#ifndef KL_SERVE_PRECOND_H
#define KL_SERVE_PRECOND_H

#include <stdint.h>
#include <time.h>

struct kl_wish { /* header values as they came; NULL: not sent */
    const char *range, *if_range, *if_match, *if_none_match;
    const char *if_modified_since, *if_unmodified_since;
};

struct kl_verdict {
    unsigned status;     /* 200, 206, 304, 412 or 416 */
    uint64_t first, len; /* what to send, for 200 and 206 */
};

/* `etag` is strong and quoted; `mtime` 0: not known. Several ranges, units other than bytes and
 * what does not parse are ignored, as §14.2 allows: then all is sent. */
struct kl_verdict kl_judge(const struct kl_wish *w, const char *etag, time_t mtime, uint64_t len);

/* IMF-fixdate (§5.6.7), the form that is sent today. The former gives -1 when it is none. */
time_t kl_http_date(const char *s);
#define KL_HTTP_DATE 32
const char *kl_http_date_text(time_t t, char out[static KL_HTTP_DATE]);

#endif
