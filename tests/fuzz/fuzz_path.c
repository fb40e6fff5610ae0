/* What a request line brings: paths, a report's query, ranges and dates. A canonical path never
 * leaves its root, and making it canonical again changes nothing (but for what looked like an
 * escape). */
#include "serve/path.h"
#include "serve/precond.h"
#include "serve/report.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_path(const char *raw, size_t len)
{
    char out[KL_PATH_ROOM], again[KL_PATH_ROOM];
    const char *why = NULL;
    if (!kl_path_normal(raw, len, out, sizeof out, &why)) {
        must(why != NULL);
        return;
    }
    size_t n = strlen(out);
    must(n < sizeof out && n <= len);
    must(out[0] != '/' && (!n || out[n - 1] != '/'));
    must(!strstr(out, "//") && !strchr(out, '\\'));
    must(strcmp(out, "..") != 0 && strncmp(out, "../", 3) != 0 && !strstr(out, "/../"));
    must(n < 3 || strcmp(out + n - 3, "/..") != 0);
    if (!strchr(out, '%')) {
        must(kl_path_normal(out, n, again, sizeof again, &why));
        must(strcmp(out, again) == 0);
    }
}

static void check_report(const char *query)
{
    const char *stage = NULL;
    char *line = kl_report_line(query, &stage);
    must(stage != NULL);
    for (const char *s = line; *s; s++)
        must(*s >= ' ' && *s <= '~');
    free(line);
}

static void check_range(const char *text)
{
    struct kl_wish w = {.range = text, .if_range = text};
    const uint64_t len = 1000;
    for (int i = 0; i < 2; i++) {
        struct kl_verdict v = kl_judge(&w, "\"t\"", 1000000, len);
        must(v.first <= len && v.len <= len - v.first);
        must(v.status != 206 || v.len > 0);
        w.if_range = NULL;
    }
    w = (struct kl_wish){.if_match = text, .if_none_match = text, .if_modified_since = text};
    kl_judge(&w, "\"t\"", 1000000, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    check_path(text, size);
    check_report(text);
    check_range(text);
    free(text);
    return 0;
}
