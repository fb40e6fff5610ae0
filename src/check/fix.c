/* Mends, collected from findings. */
#include "check/fix.h"

#include "base/names.h"
#include "check/check.h"
#include "check/place.h"

#include <stdlib.h>
#include <string.h>

struct kl_fixes {
    struct kl_arena *arena;
    struct kl_names names;
    struct kl_fix_file **files;
    size_t nfiles, seq, round; /* round: which kl_fixes_add() it is */
    size_t accepted, skipped, homeless;
};

struct kl_fixes *kl_fixes_new(void)
{
    struct kl_fixes *f = kl_xmalloc(sizeof *f);
    f->arena = kl_arena_new();
    return f;
}

void kl_fixes_free(struct kl_fixes *f)
{
    if (!f)
        return;
    kl_names_free(&f->names);
    kl_arena_free(f->arena);
    free(f);
}

/* --- one file's edits --------------------------------------------------------------------------*/

/* Where an edit belongs: by place, and what is put in before what stands there goes. */
static size_t slot_of(const struct kl_fix_file *file, size_t at, size_t width)
{
    size_t low = 0, high = file->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct kl_fix_edit *e = &file->edits[mid];
        if (e->at > at || (e->at == at && e->width && !width))
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static bool is_same(const struct kl_fix_edit *a, const struct kl_fix_edit *b)
{
    return a->at == b->at && a->width == b->width && a->len == b->len &&
           memcmp(a->text, b->text, a->len) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Two texts that are put in at one place: in any order right when both are words or lines of their
 * own, " --activate" and " --mtu=9000". */
static bool go_together(const struct kl_fix_edit *a, const struct kl_fix_edit *b)
{
    return a->len && b->len &&
           ((is_blank(a->text[0]) && is_blank(b->text[0])) ||
               (is_blank(a->text[a->len - 1]) && is_blank(b->text[b->len - 1])));
}

enum verdict { NEW, SAME, CLASH };

/* `own`: edits from this number on are of the same finding, in the order that it wants. */
static enum verdict judge(
    const struct kl_fix_file *file, const struct kl_fix_edit *e, size_t slot, size_t own)
{
    for (size_t i = slot; i > 0 && file->edits[i - 1].at == e->at; i--)
        if (is_same(&file->edits[i - 1], e))
            return SAME;
    const struct kl_fix_edit *before = slot ? &file->edits[slot - 1] : NULL;
    const struct kl_fix_edit *after = slot < file->n ? &file->edits[slot] : NULL;
    if ((before && before->at + before->width > e->at) || (after && e->at + e->width > after->at))
        return CLASH;
    if (before && before->at == e->at && !e->width && before->seq < own && !go_together(before, e))
        return CLASH;
    return NEW;
}

static void put_in(
    struct kl_arena *a, struct kl_fix_file *file, size_t slot, const struct kl_fix_edit *e)
{
    file->edits = kl_grow(a, file->edits, file->n, sizeof *file->edits);
    memmove(&file->edits[slot + 1], &file->edits[slot], (file->n - slot) * sizeof *file->edits);
    file->edits[slot] = *e;
    file->n++;
}

/* --- findings ----------------------------------------------------------------------------------*/

/* The file of an edit, with its text; NULL when the text is not at hand, or another than before. */
static struct kl_fix_file *file_of(
    struct kl_fixes *f, const struct kl_diags *d, const struct kl_place *at)
{
    size_t len;
    const char *text = kl_is_file(at->file) ? kl_diags_text(d, at->file, &len) : NULL;
    if (!text)
        return NULL;
    struct kl_fix_file *file = (struct kl_fix_file *)kl_names_get(&f->names, at->file);
    if (!file) {
        file = kl_alloc(f->arena, sizeof *file);
        *file = (struct kl_fix_file){.name = kl_strdup(f->arena, at->file),
            .text = kl_strndup(f->arena, text, len),
            .len = len,
            .round = f->round};
        *kl_names_slot(&f->names, file->name) = file;
        f->files = kl_grow(f->arena, f->files, f->nfiles, sizeof(struct kl_fix_file *));
        f->files[f->nfiles++] = file;
    }
    if (file->round != f->round && (file->len != len || memcmp(file->text, text, len) != 0))
        return NULL;
    file->round = f->round;
    return file;
}

/* What is put into a file with CRLF has CRLF. */
static const char *with_ends(struct kl_arena *a, const char *text, bool crlf, size_t *len)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (const char *p = text; *p; p++) {
        if (crlf && *p == '\n' && (p == text || p[-1] != '\r'))
            kl_buf_addc(&b, '\r');
        kl_buf_addc(&b, *p);
    }
    *len = b.len;
    return kl_strndup(a, kl_buf_text(&b), b.len);
}

/* Has the line its end as CRLF? The last one has none: then as the one before. */
static bool has_crlf(const struct kl_fix_file *file, size_t at)
{
    const char *end = memchr(file->text + at, '\n', file->len - at);
    if (!end)
        end = file->len ? memrchr(file->text, '\n', file->len) : NULL;
    return end && end > file->text && end[-1] == '\r';
}

static bool locate(struct kl_fixes *f, const struct kl_diags *d, const struct kl_edit *e,
    const struct kl_fix_file *file, struct kl_fix_edit *out)
{
    size_t len, all;
    const char *text = kl_diags_text(d, e->at.file, &all);
    const char *line = kl_diags_line(d, e->at.file, e->at.line, &len);
    if (!line || !e->at.col || e->at.col - 1 > len)
        return false;
    out->at = (size_t)(line - text) + e->at.col - 1;
    out->width = e->at.width;
    if (out->width > all - out->at)
        return false;
    out->text = with_ends(f->arena, e->text, has_crlf(file, out->at), &out->len);
    out->seq = f->seq++;
    return true;
}

/* Takes back what a finding put in before one of its edits could not be. */
static void take_back(struct kl_fixes *f, const struct kl_diags *d, const struct kl_diag *one,
    size_t upto, size_t own)
{
    for (size_t k = 0; k < upto; k++) {
        struct kl_fix_file *file = file_of(f, d, &one->edits[k].at);
        size_t n = 0;
        for (size_t i = 0; file && i < file->n; i++)
            if (file->edits[i].seq < own)
                file->edits[n++] = file->edits[i];
        if (file)
            file->n = n;
    }
}

static bool is_homeless(const struct kl_diag *one)
{
    for (size_t k = 0; k < one->nedits; k++)
        if (!kl_is_file(one->edits[k].at.file))
            return true;
    return false;
}

/* All edits of a finding, or none. */
static bool take(
    struct kl_fixes *f, const struct kl_diags *d, const struct kl_diag *one, bool *is_new)
{
    size_t own = f->seq;
    for (size_t k = 0; k < one->nedits; k++) {
        struct kl_fix_edit e;
        struct kl_fix_file *file = file_of(f, d, &one->edits[k].at);
        bool found = file && locate(f, d, &one->edits[k], file, &e);
        size_t slot = found ? slot_of(file, e.at, e.width) : 0;
        enum verdict v = found ? judge(file, &e, slot, own) : CLASH;
        if (v == CLASH) {
            take_back(f, d, one, k, own);
            return false;
        }
        if (v == NEW) {
            put_in(f->arena, file, slot, &e);
            *is_new = true;
        }
    }
    return true;
}

void kl_fixes_add(struct kl_fixes *f, const struct kl_diags *d)
{
    const struct kl_diag *one;
    f->round++;
    for (size_t i = 0; (one = kl_diags_at(d, i)); i++) {
        bool is_new = false;
        if (!one->nedits)
            continue;
        if (take(f, d, one, &is_new)) {
            f->accepted += is_new;
        } else {
            f->skipped++;
            f->homeless += is_homeless(one);
        }
    }
}

size_t kl_fixes_count(const struct kl_fixes *f)
{
    return f->accepted;
}

size_t kl_fixes_skipped(const struct kl_fixes *f)
{
    return f->skipped;
}

size_t kl_fixes_homeless(const struct kl_fixes *f)
{
    return f->homeless;
}

/* --- what becomes of them ----------------------------------------------------------------------*/

void kl_fix_apply(
    const struct kl_fix_file *f, size_t from, size_t to, size_t first, size_t n, struct kl_buf *b)
{
    for (size_t i = first; i < first + n; i++) {
        const struct kl_fix_edit *e = &f->edits[i];
        kl_buf_addn(b, f->text + from, e->at - from);
        kl_buf_addn(b, e->text, e->len);
        from = e->at + e->width;
    }
    kl_buf_addn(b, f->text + from, to - from);
}

bool kl_fix_text(const struct kl_fixes *f, const char *name, struct kl_buf *b)
{
    const struct kl_fix_file *file = kl_names_get(&f->names, name);
    if (!file || !file->n)
        return false;
    kl_fix_apply(file, 0, file->len, 0, file->n, b);
    return true;
}

void kl_fixes_patch(struct kl_fixes *f, FILE *out)
{
    for (size_t i = 0; i < f->nfiles; i++)
        kl_fix_diff(f->files[i], out);
}

size_t kl_fixes_write(struct kl_fixes *f, struct kl_diags *d)
{
    size_t written = 0;
    for (size_t i = 0; i < f->nfiles; i++)
        written += f->files[i]->n > 0 && kl_fix_write(f->files[i], d);
    return written;
}
