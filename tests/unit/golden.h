/* Golden files: what a renderer wrote once, read by a person, and kept under tests/golden/.
 * KL_GOLDEN_UPDATE=1 writes them anew; a change then shows in the diff of the commit. */
#ifndef KL_TESTS_GOLDEN_H
#define KL_TESTS_GOLDEN_H

#include "base/text.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* `name` is relative to tests/golden/. */
static inline void assert_golden(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s", KL_SOURCE_ROOT, name);
    if (getenv("KL_GOLDEN_UPDATE")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        assert_int_equal(fclose(f), 0);
    }
    char *want = kl_read_file(path, 1 << 20, NULL);
    if (!want)
        fail_msg("%s is missing", path);
    if (strcmp(want, text) != 0) {
        size_t at = 0, line = 1;
        for (; want[at] == text[at]; at++)
            line += want[at] == '\n';
        fail_msg("%s differs at line %zu:\nwanted: %.120s\n   got: %.120s", name, line, want + at,
            text + at);
    }
    free(want);
}

#endif
