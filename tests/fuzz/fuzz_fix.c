/* Any edits of any text: the patch, applied to the letter, must give the very text that is written;
 * and the findings must be printed in every form. Until a NUL byte five bytes are an edit: line,
 * column, width, which text, and whether it begins a finding; what comes after is the file. */
#include "check/check.h"
#include "check/fix.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EDIT = 5 };

static size_t read_edits(const uint8_t *data, size_t size, struct kl_diags *d, const char *file)
{
    static const char *const texts[] = {
        "", "x", " word", "line\n", "\n", "\ntwo\nlines", "\xff\x1b"};
    struct kl_diag *one = NULL;
    size_t i = 0;
    for (; i + EDIT <= size && data[i]; i += EDIT) {
        struct kl_place at = {file, data[i], data[i + 1], data[i + 2]};
        const char *text = texts[data[i + 3] % 7];
        if (!one || data[i + 4] % 2)
            one = kl_diag(d, data[i + 4] % 3, "c", at, text, "m%s", text);
        else if (data[i + 4] % 4 == 0)
            kl_diag_also(d, one, at, "%s", text);
        kl_diag_edit(d, one, at, text);
    }
    return i;
}

static const char *line_end(const char *p, const char *end)
{
    const char *n = memchr(p, '\n', (size_t)(end - p));
    return n ? n + 1 : end;
}

static bool strict(const char **old, const char *old_end, const char *s, size_t n)
{
    if (n > (size_t)(old_end - *old) || memcmp(*old, s, n) != 0)
        return false;
    *old += n;
    return true;
}

/* Applies a patch of one file, looking for nothing: each line must be where it is said to be. */
static void apply(const char *patch, size_t size, const char *text, size_t len, struct kl_buf *b)
{
    const char *old = text, *old_end = text + len, *end = patch + size;
    for (const char *p = patch, *next; p < end; p = next) {
        next = line_end(p, end);
        if (next - p > 3 && (memcmp(p, "---", 3) == 0 || memcmp(p, "+++", 3) == 0) &&
            p < patch + 12)
            continue;
        if (*p == '@') {
            unsigned long from = strtoul(p + 4, NULL, 10),
                          count = strtoul(strchr(p, ',') + 1, NULL, 10);
            size_t line = 1;
            for (const char *q = text; q < old; q++)
                line += *q == '\n';
            for (; line < from + !count; line++) {
                const char *stop = line_end(old, old_end);
                kl_buf_addn(b, old, (size_t)(stop - old));
                old = stop;
            }
            continue;
        }
        size_t n = (size_t)(next - p) - 1;
        const char *after = next;
        if (next < end && *next == '\\') { /* the line before has no end */
            n--;
            after = line_end(next, end);
        }
        if (*p != '+' && !strict(&old, old_end, p + 1, n))
            abort();
        if (*p != '-')
            kl_buf_addn(b, p + 1, n);
        next = after;
    }
    kl_buf_addn(b, old, (size_t)(old_end - old));
}

static void report_all(struct kl_diags *d)
{
    static const struct kl_check_result result = {.files = 1};
    for (int format = KL_REPORT_TEXT; format <= KL_REPORT_GITHUB; format++) {
        char *out = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&out, &size);
        struct kl_report *r = kl_report_new(f, (enum kl_report_format)format, false);
        kl_report_add(r, d);
        kl_report_end(r, &result);
        fclose(f);
        if (memchr(out, '\x1b', size) || memchr(out, '\xff', size))
            abort();
        free(out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_diags *scratch KL_DIAGS_SCOPE = kl_diags_new();
    size_t skip = read_edits(data, size, scratch, "f");
    skip += skip < size;
    const char *text = (const char *)data + skip;
    const char *file = kl_diags_source(d, "f", text, size - skip);
    read_edits(data, size, d, file);
    struct kl_fixes *f = kl_fixes_new();
    kl_fixes_add(f, d);
    struct kl_buf want KL_BUF_SCOPE = {0}, got KL_BUF_SCOPE = {0};
    char *patch = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&patch, &n);
    kl_fixes_patch(f, out);
    fclose(out);
    if (kl_fix_text(f, "f", &want)) {
        apply(patch, n, text, size - skip, &got);
        if (got.len != want.len || (got.len && memcmp(got.s, want.s, got.len) != 0))
            abort();
    }
    free(patch);
    kl_fixes_free(f);
    report_all(d);
    return 0;
}
