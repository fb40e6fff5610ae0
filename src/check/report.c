/* Findings, written out as they come. */
#include "check/check.h"

#include "base/names.h"
#include "base/text.h"
#include "base/utf8.h"
#include "check/place.h"
#include "check/sarif.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct kl_report {
    FILE *out;
    enum kl_report_format format;
    bool colour;
    struct kl_arena *arena;
    struct kl_names shown; /* what was said already: cases share files */
    struct kl_sarif *sarif;
    struct kl_column_memo memo;
    size_t n, of[3], mendable; /* of[]: by severity */
};

struct kl_report *kl_report_new(FILE *out, enum kl_report_format format, bool colour)
{
    struct kl_report *r = kl_xmalloc(sizeof *r);
    *r =
        (struct kl_report){.out = out, .format = format, .colour = colour, .arena = kl_arena_new()};
    if (format == KL_REPORT_SARIF)
        r->sarif = kl_sarif_begin(out);
    if (format == KL_REPORT_JSON)
        fputs("{\"findings\":[", out);
    return r;
}

/* Was the same said of the same place? */
static bool is_known(struct kl_report *r, const struct kl_diag *one)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    kl_buf_addf(&b, "%s\n%s\n%u:%u\n%s", one->code, one->at.file ? one->at.file : "", one->at.line,
        one->at.col, one->message);
    if (kl_names_get(&r->shown, kl_buf_text(&b)))
        return true;
    *kl_names_slot(&r->shown, kl_strndup(r->arena, b.s, b.len)) = r;
    return false;
}

/* --- GitHub ------------------------------------------------------------------------------------*/

/* Workflow commands (actions/toolkit, packages/core/src/command.ts): these have a meaning of their
 * own, a colon and a comma in properties only. */
static void add_escaped(struct kl_buf *b, const char *s, const char *special)
{
    unsigned cols;
    for (size_t left = strlen(s), n; left; s += n, left -= n) {
        n = kl_cell(s, left, &cols);
        uint32_t c;
        if (*s == '\n' || *s == '\r' || strchr(special, *s))
            kl_buf_addf(b, "%%%02X", (unsigned char)*s);
        else if (kl_utf8_char(s, n, &c) && cols <= 2)
            kl_buf_addn(b, s, n);
        else
            for (size_t i = 0; i < n; i++)
                kl_buf_addf(b, "\\x%02X", (unsigned char)s[i]);
    }
}

static void add_property(struct kl_buf *b, const char *name, const char *value)
{
    kl_buf_addf(b, "%s=", name);
    add_escaped(b, value, "%:,");
}

static void add_place(
    struct kl_report *r, struct kl_buf *b, const struct kl_diags *d, const struct kl_place *at)
{
    add_property(b, "file", at->file);
    if (at->line) {
        struct kl_region where = kl_region_of(d, at, true, &r->memo);
        kl_buf_addf(b, ",line=%lu,endLine=%lu", where.line, where.end_line);
        if (where.line == where.end_line)
            kl_buf_addf(b, ",col=%lu,endColumn=%lu", where.col, where.end_col);
    }
    kl_buf_addc(b, ',');
}

static void github(struct kl_report *r, const struct kl_diags *d, const struct kl_diag *one)
{
    static const char *const command[] = {"notice", "warning", "error"};
    struct kl_buf b KL_BUF_SCOPE = {0}, says KL_BUF_SCOPE = {0};
    kl_buf_addf(&says, "%s", one->message);
    if (one->also.file)
        kl_buf_addf(&says, "\n%s:%u:%u: %s", one->also.file, one->also.line, one->also.col,
            one->also_says ? one->also_says : "the other place");
    for (size_t k = 0; k < one->neffects; k++)
        kl_buf_addf(&says, "\n%s", one->effects[k]);
    if (one->hint)
        kl_buf_addf(&says, "\nmend: %s", one->hint);
    kl_buf_addf(&b, "::%s ", command[one->severity]);
    if (one->at.file)
        add_place(r, &b, d, &one->at);
    add_property(&b, "title", one->code);
    kl_buf_add(&b, "::");
    add_escaped(&b, kl_buf_text(&says), "%");
    fprintf(r->out, "%s\n", kl_buf_text(&b));
}

/* --- all of them -------------------------------------------------------------------------------*/

static void json(struct kl_report *r, const struct kl_diag *one)
{
    json_t *o = kl_diag_json(one);
    fputs(r->n ? ",\n" : "\n", r->out);
    json_dumpf(o, r->out, JSON_COMPACT);
    json_decref(o);
}

static void say(struct kl_report *r, const struct kl_diags *d, const struct kl_diag *one)
{
    switch (r->format) {
    case KL_REPORT_TEXT:
        if (r->n)
            putc('\n', r->out);
        kl_diag_print(d, one, r->out, r->colour);
        break;
    case KL_REPORT_JSON:
        json(r, one);
        break;
    case KL_REPORT_SARIF:
        kl_sarif_result(r->sarif, d, one);
        break;
    case KL_REPORT_GITHUB:
        github(r, d, one);
        break;
    }
    r->n++;
    r->of[one->severity]++;
    r->mendable += one->nedits && kl_is_file(one->edits[0].at.file);
}

void kl_report_add(struct kl_report *r, struct kl_diags *d)
{
    const struct kl_diag *one;
    kl_diags_sort(d);
    for (size_t i = 0; (one = kl_diags_at(d, i)); i++)
        if (!is_known(r, one))
            say(r, d, one);
    r->memo = (struct kl_column_memo){0}; /* its text goes with `d` */
}

/* --- the end -----------------------------------------------------------------------------------*/

static void count(FILE *out, const char *before, size_t n, const char *what)
{
    fprintf(out, "%s%zu %s%s", before, n, what, n == 1 ? "" : "s");
}

static void text_summary(const struct kl_report *r, const struct kl_check_result *result)
{
    if (r->n)
        putc('\n', r->out);
    if (r->colour)
        fputs("\033[1m", r->out);
    count(r->out, "", result->files, "file");
    if (result->cases)
        count(r->out, ", ", result->cases, "install");
    const char *before = ": ";
    for (int k = KL_ERROR; k >= KL_NOTE; k--)
        if (r->of[k]) {
            count(r->out, before, r->of[k], kl_severity_word[k]);
            before = ", ";
        }
    if (!r->n)
        fputs(result->cases ? ": no findings; as far as these texts tell, the stages agree"
                            : ": no findings, but no install either: nothing here boots one",
            r->out);
    if (r->mendable)
        fprintf(r->out, "; %zu can be mended with --fix", r->mendable);
    fputs(r->colour ? "\033[0m\n" : "\n", r->out);
}

static void json_summary(const struct kl_report *r, const struct kl_check_result *result)
{
    json_t *o = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "files", (json_int_t)result->files,
        "installs", (json_int_t)result->cases, "errors", (json_int_t)r->of[KL_ERROR], "warnings",
        (json_int_t)r->of[KL_WARNING], "notes", (json_int_t)r->of[KL_NOTE], "mendable",
        (json_int_t)r->mendable);
    fputs("\n],\n\"summary\":", r->out);
    json_dumpf(o, r->out, JSON_COMPACT);
    fputs("}\n", r->out);
    json_decref(o);
}

void kl_report_end(struct kl_report *r, const struct kl_check_result *result)
{
    if (r->format == KL_REPORT_TEXT)
        text_summary(r, result);
    else if (r->format == KL_REPORT_JSON)
        json_summary(r, result);
    else if (r->format == KL_REPORT_SARIF)
        kl_sarif_end(r->sarif);
    kl_names_free(&r->shown);
    kl_arena_free(r->arena);
    free(r);
}
