#include "cli/print.h"

#include "base/arena.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void kl_print_title(FILE *out, bool colour, const char *title)
{
    fprintf(out, "%s== %s ==%s\n", colour ? "\033[1m" : "", title, colour ? "\033[0m" : "");
}

/* Columns on a terminal: one a code point; nothing printed here is wider. */
static size_t width(const char *s)
{
    size_t n = 0;
    for (; s && *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void print_cell(FILE *out, bool colour, const struct kl_cell *c, size_t room)
{
    static const char *const paints[] = {[KL_BOLD] = "\033[1m",
        [KL_DIM] = "\033[2m",
        [KL_GREEN] = "\033[32m",
        [KL_RED] = "\033[1;31m"};
    bool paint = colour && c->paint != KL_PLAIN && c->text;
    fprintf(out, "%s%s%s", paint ? paints[c->paint] : "", c->text ? c->text : "",
        paint ? "\033[0m" : "");
    for (size_t n = width(c->text); n < room; n++)
        putc(' ', out);
}

void kl_print_table(
    FILE *out, bool colour, size_t indent, const struct kl_cell *cells, size_t rows, size_t cols)
{
    size_t *wide = kl_xmalloc(cols * sizeof *wide);
    for (size_t i = 0; i < rows * cols; i++)
        if (width(cells[i].text) > wide[i % cols])
            wide[i % cols] = width(cells[i].text);
    for (size_t r = 0; r < rows; r++) {
        const struct kl_cell *row = cells + r * cols;
        size_t last = cols;
        while (last > 0 && !row[last - 1].text)
            last--;
        fprintf(out, "%*s", last ? (int)indent : 0, "");
        for (size_t c = 0; c < last; c++)
            print_cell(out, colour, &row[c], c + 1 < last ? wide[c] + 2 : 0);
        putc('\n', out);
    }
    free(wide);
}

const char *kl_print_size(struct kl_arena *a, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    if (bytes < 1000)
        return kl_sprintf(a, "%" PRIu64 " bytes", bytes);
    size_t unit = 0;
    double n = (double)bytes;
    for (; n >= 999.95 && unit + 1 < sizeof units / sizeof *units; unit++)
        n /= 1000;
    return kl_sprintf(a, "%.1f %s", n, units[unit]);
}

const char *kl_print_count(struct kl_arena *a, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n), commas = (len - 1) / 3;
    char *out = kl_alloc(a, (size_t)(len + commas) + 1), *to = out + len + commas;
    for (int i = 0; i < len; i++) {
        if (i && i % 3 == 0)
            *--to = ',';
        *--to = digits[len - 1 - i];
    }
    return out;
}

void kl_print_progress(struct kl_progress *p, const char *what, uint64_t done, uint64_t of)
{
    int percent = of ? (int)((double)done * 100 / (double)of) : 100;
    if (!isatty(2) || (p->what == what && p->percent == percent))
        return;
    p->what = what;
    p->percent = percent;
    fprintf(stderr, "\r\033[K%s %3d %%", what, percent);
}

void kl_print_progress_end(struct kl_progress *p)
{
    if (p->what)
        fputs("\r\033[K", stderr);
    p->what = NULL;
}
