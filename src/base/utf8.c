#include "base/utf8.h"

#include <string.h>

enum { TAB = 4, ESCAPED = 4 }; /* columns of a tab, and of \xNN */

static bool continues(const char *s, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return false;
    return true;
}

size_t kl_utf8_char(const char *s, size_t len, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = len ? (unsigned char)*s : 0xff;
    size_t n = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (!n || first > 0xf4 || n > len || !continues(s, n))
        return 0;
    uint32_t value = n == 1 ? first : first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        value = value << 6 | ((unsigned char)s[i] & 0x3f);
    if (value < least[n] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *c = value;
    return n;
}

struct range {
    uint32_t from, to;
};

static bool among(uint32_t c, const struct range *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= r[i].from && c <= r[i].to)
            return true;
    return false;
}
#define AMONG(c, table) among(c, table, sizeof(table) / sizeof *(table))

/* Not to be shown as they are: controls, and what acts on the text around it without being seen
 * (Unicode's general category Cf, line and paragraph separators). */
static bool is_unseen(uint32_t c)
{
    static const struct range unseen[] = {{0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c},
        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff},
        {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};
    return AMONG(c, unseen);
}

/* The larger blocks of Unicode's EastAsianWidth.txt (W and F) and of combining marks; a column
 * too few or too many in a rare script misplaces a caret and harms nothing. */
static unsigned columns(uint32_t c)
{
    static const struct range wide[] = {{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf},
        {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6},
        {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    static const struct range combining[] = {
        {0x300, 0x36f}, {0x483, 0x489}, {0x591, 0x5bd}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};
    if (c < 0x300)
        return 1;
    return AMONG(c, combining) ? 0 : AMONG(c, wide) ? 2 : 1;
}

size_t kl_cell(const char *s, size_t len, unsigned *cols)
{
    uint32_t c;
    size_t n = kl_utf8_char(s, len, &c);
    if (n && !is_unseen(c))
        *cols = columns(c);
    else
        *cols = n == 1 && c == '\t' ? TAB : ESCAPED * (unsigned)(n ? n : 1);
    return n ? n : len ? 1 : 0;
}

size_t kl_cell_before(const char *s, size_t at)
{
    uint32_t c;
    for (size_t n = 1; n <= 4 && n <= at; n++)
        if (kl_utf8_char(s + at - n, n, &c) == n)
            return n;
    return 1;
}

void kl_cell_print(FILE *out, const char *s, size_t bytes)
{
    uint32_t c;
    size_t n = kl_utf8_char(s, bytes, &c);
    if (n && !is_unseen(c))
        fwrite(s, 1, n, out);
    else if (n == 1 && c == '\t')
        fprintf(out, "%*s", TAB, "");
    else
        for (size_t i = 0; i < bytes; i++)
            fprintf(out, "\\x%02X", (unsigned char)s[i]);
}

void kl_show(FILE *out, const char *s)
{
    unsigned cols;
    for (size_t left = strlen(s), n; left; s += n, left -= n) {
        n = kl_cell(s, left, &cols);
        kl_cell_print(out, s, n);
    }
}

size_t kl_show_width(const char *s)
{
    size_t width = 0;
    unsigned cols;
    for (size_t left = strlen(s), n; left; s += n, left -= n) {
        n = kl_cell(s, left, &cols);
        width += cols;
    }
    return width;
}
