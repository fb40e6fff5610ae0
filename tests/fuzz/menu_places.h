/* What the fuzz targets of loader configurations hold a reader to. */
#ifndef KL_FUZZ_MENU_PLACES_H
#define KL_FUZZ_MENU_PLACES_H

#include "stage/read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct kl_menu *menu_reader(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_finder *files, struct kl_diags *d);

struct menu_text {
    const char *text;
    size_t len;
};

/* Every name leads to the text itself, under one of a few names. */
static inline bool menu_find(void *arg, const char *path, const char *from, const char **file,
    const char **text, size_t *len)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    const struct menu_text *t = arg;
    (void)from;
    if (!*path)
        return false;
    *file = names[(unsigned char)*path % 4];
    *text = t->text;
    *len = t->len;
    return true;
}

static inline void menu_word(const struct kl_arg *w, struct kl_diags *d)
{
    size_t len, line = 1;
    if (!w->text)
        abort();
    if (!w->verbatim)
        return;
    const char *s = kl_diags_text(d, w->at.file, &len), *end;
    if (!s)
        abort();
    end = s + len;
    for (; line < w->at.line && (s = memchr(s, '\n', (size_t)(end - s))); line++)
        s++;
    if (!s || w->at.col - 1 + w->at.width > (size_t)(end - s) || w->at.width != strlen(w->text) ||
        memcmp(s + w->at.col - 1, w->text, w->at.width) != 0)
        abort();
}

static inline void menu_reads(menu_reader *read, const char *bytes, size_t size)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct menu_text t = {kl_strndup(a, bytes, size), size};
    const struct kl_finder files = {menu_find, &t};
    const struct kl_menu *m = read(a, t.text, t.len, "top", &files, d);
    for (size_t k = 0; k < m->nentries; k++) {
        const struct kl_entry *e = &m->entries[k];
        if (!e->name || (e->kind == KL_ENTRY_LINUX && !e->kernel.text))
            abort();
        if (e->kernel.text)
            menu_word(&e->kernel, d);
        for (size_t i = 0; i < e->ninitrds; i++)
            menu_word(&e->initrds[i], d);
        for (size_t i = 0; i < e->line.n; i++)
            menu_word(&e->line.args[i], d);
    }
    kl_diags_sort(d);
}

#endif
