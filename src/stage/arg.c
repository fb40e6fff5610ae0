/* Words with places. */
#include "stage/read.h"

#include <ctype.h>
#include <string.h>

struct kl_place kl_arg_place(const struct kl_arg *w, size_t from, size_t len)
{
    struct kl_place at = w->at;
    if (!w->verbatim || from > at.width)
        return at;
    at.col += (unsigned)from;
    at.width = (unsigned)(len < w->at.width - from ? len : w->at.width - from);
    return at;
}

/* Blanks part words, unless they stand between double quotes, which then go (as the kernel and
 * dracut's getarg do it). */
struct kl_cmdline kl_cmdline_words(
    struct kl_arena *a, const char *line, const char *file, struct kl_diags *d)
{
    struct kl_cmdline out = {0};
    unsigned row = 1, col = 1;
    file = kl_diags_source(d, file, line, strlen(line));
    out.at = (struct kl_place){.file = file, .line = 1, .col = 1};
    for (const char *c = line; *c;) {
        if (isspace((unsigned char)*c)) {
            row += *c == '\n';
            col = *c == '\n' ? 1 : col + 1;
            c++;
            continue;
        }
        struct kl_buf b KL_BUF_SCOPE = {0};
        const char *start = c;
        bool quoted = false;
        for (; *c && *c != '\n' && (quoted || !isspace((unsigned char)*c)); c++) {
            quoted ^= *c == '"';
            if (*c != '"')
                kl_buf_addc(&b, *c);
        }
        unsigned width = (unsigned)(c - start);
        out.args = kl_grow(a, out.args, out.n, sizeof *out.args);
        out.args[out.n++] = (struct kl_arg){.text = kl_strndup(a, kl_buf_text(&b), b.len),
            .at = {.file = file, .line = row, .col = col, .width = width},
            .verbatim = b.len == width};
        col += width;
    }
    return out;
}

static bool has_key(const struct kl_arg *w, const char *key)
{
    size_t n = strlen(key);
    return strncmp(w->text, key, n) == 0 && (w->text[n] == '=' || !w->text[n]);
}

const struct kl_arg *kl_cmdline_last(const struct kl_cmdline *l, const char *key, size_t *count)
{
    const struct kl_arg *found = NULL;
    size_t n = 0;
    for (size_t k = 0; k < l->n; k++)
        if (has_key(&l->args[k], key)) {
            found = &l->args[k];
            n++;
        }
    if (count)
        *count = n;
    return found;
}

const char *kl_arg_value(const struct kl_arg *w)
{
    const char *equals = strchr(w->text, '=');
    return equals ? equals + 1 : NULL;
}
