#include "base/text.h"

#include "base/arena.h"

#include <errno.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void make_room(struct kl_buf *b, size_t more)
{
    if (b->room - b->len > more)
        return;
    size_t room = b->room ? b->room : 64;
    while (room - b->len <= more)
        room *= 2;
    b->s = kl_xrealloc(b->s, room);
    b->room = room;
}

void kl_buf_addn(struct kl_buf *b, const char *s, size_t len)
{
    make_room(b, len);
    if (len)
        memcpy(b->s + b->len, s, len);
    b->len += len;
    b->s[b->len] = '\0';
}

void kl_buf_add(struct kl_buf *b, const char *s)
{
    kl_buf_addn(b, s, strlen(s));
}

void kl_buf_addc(struct kl_buf *b, char c)
{
    kl_buf_addn(b, &c, 1);
}

void kl_buf_vaddf(struct kl_buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n > 0) {
        make_room(b, (size_t)n);
        vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void kl_buf_addf(struct kl_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    kl_buf_vaddf(b, fmt, ap);
    va_end(ap);
}

void kl_buf_clear(struct kl_buf *b)
{
    b->len = 0;
    if (b->s)
        b->s[0] = '\0';
}

void kl_buf_free(struct kl_buf *b)
{
    free(b->s);
    *b = (struct kl_buf){0};
}

char *kl_buf_take(struct kl_buf *b)
{
    make_room(b, 0);
    b->s[b->len] = '\0';
    char *s = b->s;
    *b = (struct kl_buf){0};
    return s;
}

const char *kl_buf_text(const struct kl_buf *b)
{
    return b->s ? b->s : "";
}

bool kl_streq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool kl_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool kl_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && strcmp(s + n - m, suffix) == 0;
}

char *kl_read_file(const char *path, size_t max, size_t *len)
{
    FILE *f = fopen(path, "rbe");
    if (!f)
        return NULL;
    struct kl_buf b KL_BUF_SCOPE = {0};
    char part[16384];
    size_t n;
    while ((n = fread(part, 1, sizeof part, f)) > 0 && b.len + n <= max)
        kl_buf_addn(&b, part, n);
    int e = ferror(f) ? EIO : n ? EFBIG : 0;
    fclose(f);
    if (e) {
        errno = e;
        return NULL;
    }
    if (len)
        *len = b.len;
    return kl_buf_take(&b);
}

bool kl_number(const char *s, unsigned long max, unsigned long *out)
{
    if (!s || !*s)
        return false;
    unsigned long n = 0;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        unsigned long digit = (unsigned long)(*s - '0');
        if (digit > max || n > (max - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

/* Optimal string alignment: insert, delete, replace, swap of neighbours cost one each. */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST)
        return SIZE_MAX / 2; /* near to nothing */
    size_t d[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= n; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[n][m];
}

const char *kl_nearest(const char *word, const char *const *list)
{
    size_t limit = strlen(word) / 3 + 1, best = limit + 1;
    const char *found = NULL;
    for (; *list; list++) {
        size_t d = distance(word, *list);
        if (d < best) {
            best = d;
            found = *list;
        }
    }
    return found;
}

int kl_name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}
