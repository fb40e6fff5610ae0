/* A machine's report of itself: /host/NAME/report?stage=loader&ip=...&gateway=... */
#ifndef KL_SERVE_REPORT_H
#define KL_SERVE_REPORT_H

enum { KL_REPORT_PAIRS = 48, KL_REPORT_VALUE = 256 };

/* The pairs of a query as words for the log, "key=value key='a value'": keys of [A-Za-z0-9_.:/-],
 * at most 32 bytes, others are left out; values decoded, without control bytes, cut at
 * KL_REPORT_VALUE; at most KL_REPORT_PAIRS pairs. *stage is the value of `stage` when it is one
 * (a constant), else "loader". Release with free(). `query` may be NULL. */
char *kl_report_line(const char *query, const char **stage);

#endif
