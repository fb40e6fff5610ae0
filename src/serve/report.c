#include "serve/report.h"

#include "base/text.h"
#include "serve/log.h"
#include "serve/path.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST_KEY = 32 };

static bool good_key(const char *s, size_t n)
{
    if (!n || n > LONGEST_KEY)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && (!s[i] || !strchr("_.:/-", s[i])))
            return false;
    return true;
}

static const char *stage_named(const char *name)
{
    static const char *const stages[] = {"firmware", "loader", "initrd", "installer", "system"};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        if (strcmp(stages[i], name) == 0)
            return stages[i];
    return NULL;
}

/* One "key=value" of the query, as a word. The stage stands at the head of the line already. */
static void add_pair(struct kl_buf *b, const char *pair, size_t len, const char **stage)
{
    const char *equals = memchr(pair, '=', len);
    size_t key = equals ? (size_t)(equals - pair) : len;
    if (!good_key(pair, key))
        return;
    char value[KL_REPORT_VALUE];
    kl_path_decode(equals ? equals + 1 : "", equals ? len - key - 1 : 0, value, sizeof value);
    if (key == 5 && memcmp(pair, "stage", 5) == 0 && stage_named(value)) {
        *stage = stage_named(value);
        return;
    }
    if (b->len)
        kl_buf_addc(b, ' ');
    kl_buf_addn(b, pair, key);
    kl_buf_addc(b, '=');
    kl_log_value(b, value);
}

char *kl_report_line(const char *query, const char **stage)
{
    struct kl_buf b = {0};
    *stage = "loader";
    for (int i = 0; query && *query && i < KL_REPORT_PAIRS; i++) {
        size_t len = strcspn(query, "&");
        add_pair(&b, query, len, stage);
        query += len;
        query += *query == '&';
    }
    return kl_buf_take(&b);
}
