/* Any texts, as files that lie together: they are told apart, read, held against each other and
 * reported without harm; every finding has a code that is explained, and every place of a finding
 * and of a mend lies inside its text. A line "=== NAME" begins a file. */
#include "check/check.h"

#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 6 };

static void inside(const struct kl_diags *d, const struct kl_place *at, size_t width)
{
    size_t len;
    const char *text = at->file ? kl_diags_text(d, at->file, &len) : NULL, *line = text;
    if (!text || !at->line)
        return;
    for (unsigned n = 1; n < at->line; n++) {
        line = memchr(line, '\n', len - (size_t)(line - text));
        if (!line++)
            abort();
    }
    if (!at->col || (size_t)(line - text) + at->col - 1 + width > len)
        abort();
}

static void found(void *arg, struct kl_diags *d)
{
    struct kl_fixes *fixes = arg;
    const struct kl_diag *one;
    for (size_t k = 0; (one = kl_diags_at(d, k)); k++) {
        if (!kl_code(one->code))
            abort();
        inside(d, &one->at, 0);
        inside(d, &one->also, 0);
        for (size_t e = 0; e < one->nedits; e++)
            inside(d, &one->edits[e].at, one->edits[e].at.width);
    }
    kl_fixes_add(fixes, d);
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    kl_diags_sort(d);
    kl_diags_print(d, out, false, 0);
    fclose(out);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const releases[] = {
        NULL, "ol-7.2", "centos-7.9", "rhel-8.1", "rhel-8.4", "rhel-9.4", "rhel-10.1", "rhel-6.9"};
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_check_text texts[MOST];
    size_t n = 0;
    if (!size)
        return 0;
    const char *name = releases[data[0] % 8];
    char *rest = kl_strndup(a, (const char *)data + 1, size - 1);
    for (char *next; rest && n < MOST; rest = next) {
        next = strstr(rest, "\n=== ");
        if (next)
            *next++ = '\0';
        bool named = kl_starts(rest, "=== ");
        char *body = named ? strchr(rest, '\n') : NULL;
        if (body)
            *body++ = '\0';
        /* No two files have one name. */
        texts[n] = (struct kl_check_text){
            kl_sprintf(a, "%zu/%s", n, named ? rest + 4 : "text"), body ? body : rest};
        n++;
    }
    struct kl_check_options o = {.release = name ? kl_release_find(a, name, NULL) : NULL};
    struct kl_check_result result;
    struct kl_fixes *fixes = kl_fixes_new();
    kl_check_texts(texts, n, &o, found, fixes, &result);
    char *patch = NULL;
    size_t len;
    FILE *out = open_memstream(&patch, &len);
    kl_fixes_patch(fixes, out);
    fclose(out);
    free(patch);
    kl_fixes_free(fixes);
    return 0;
}
