#include "stage/include.h"

#include "base/text.h"

static struct kl_text open_text(
    struct kl_includes *i, const char *file, const char *text, size_t len)
{
    if (!kl_diags_knows(i->d, file))
        kl_diags_source(i->d, file, text, len);
    i->total++;
    i->bytes += len;
    i->open[i->depth] = kl_strdup(i->a, file);
    return (struct kl_text){i->open[i->depth++], text, len};
}

struct kl_text kl_include_first(
    struct kl_includes *i, const char *file, const char *text, size_t len)
{
    return open_text(i, file, text, len);
}

static bool in_bounds(struct kl_includes *i, struct kl_place at)
{
    bool deep = i->depth > KL_INCLUDE_DEPTH;
    if (!deep && i->total < KL_INCLUDE_FILES && i->bytes < KL_INCLUDE_BYTES)
        return true;
    if (!i->full)
        kl_diag(i->d, KL_WARNING, "include-loop", at, "include fewer files, less deep",
            deep ? "files are included more than %d deep; no more is read"
                 : "too many files are included (%d deep); no more is read",
            KL_INCLUDE_DEPTH);
    i->full = true;
    return false;
}

bool kl_include_open(
    struct kl_includes *i, const char *name, struct kl_place at, struct kl_text *out)
{
    const char *file = NULL, *text = "";
    size_t len = 0;
    if (!in_bounds(i, at))
        return false;
    if (!i->files ||
        !i->files->find(i->files->arg, name, i->open[i->depth - 1], &file, &text, &len)) {
        i->missing = true;
        if (!i->quiet)
            kl_diag(i->d, KL_NOTE, "include-missing", at, "give the file too, to have it checked",
                "'%s' is included here, and is not at hand: what it holds is not known", name);
        return false;
    }
    for (size_t k = 0; k < i->depth; k++)
        if (kl_streq(i->open[k], file)) {
            kl_diag(i->d, KL_WARNING, "include-loop", at, "include another file, or none",
                "'%s' is included while it is being read: its reader would never end", name);
            return false;
        }
    *out = open_text(i, file, text, len);
    return true;
}

void kl_include_close(struct kl_includes *i)
{
    i->depth--;
}
