#include "check/place.h"

#include "base/utf8.h"

static unsigned long utf16_units(const char *s, size_t len)
{
    unsigned long units = 0;
    uint32_t c;
    for (size_t i = 0, n; i < len; i += n ? n : 1) {
        n = kl_utf8_char(s + i, len - i, &c);
        units += n == 4 ? 2 : 1;
    }
    return units;
}

static unsigned long units_before(const char *line, size_t byte, struct kl_column_memo *memo)
{
    if (memo->line != line || memo->byte > byte)
        *memo = (struct kl_column_memo){.line = line};
    memo->units += utf16_units(line + memo->byte, byte - memo->byte);
    memo->byte = byte;
    return memo->units;
}

struct kl_region kl_region_of(
    const struct kl_diags *d, const struct kl_place *at, bool caret, struct kl_column_memo *memo)
{
    size_t len, all = 0, width = at->width || !caret ? at->width : 1, skip = at->col ? at->col : 1;
    const char *line = kl_diags_line(d, at->file, at->line, &len);
    const char *text = kl_diags_text(d, at->file, &all);
    struct kl_region r = {at->line, skip, at->line, skip + width};
    if (!line)
        return r;
    const char *stop = text + all;
    const char *from = line + (skip - 1 < len ? skip - 1 : len);
    r.col = r.end_col = 1 + units_before(line, (size_t)(from - line), memo);
    const char *to = width < (size_t)(stop - from) ? from + width : stop, *last = from;
    for (const char *p = from; p < to; p++)
        if (*p == '\n') {
            r.end_line++;
            r.end_col = 1;
            last = p + 1;
        }
    r.end_col += utf16_units(last, (size_t)(to - last));
    return r;
}

bool kl_is_file(const char *name)
{
    return name && *name && *name != '<';
}
