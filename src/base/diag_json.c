/* Diagnostics for programs. */
#include "base/diag.h"

#include "base/text.h"
#include "base/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *const kl_severity_word[] = {"note", "warning", "error"};

json_t *kl_json_text(const char *s)
{
    json_t *as_it_is = json_string(s);
    if (as_it_is)
        return as_it_is;
    struct kl_buf b KL_BUF_SCOPE = {0};
    uint32_t c;
    for (size_t left = strlen(s), n; left; s += n, left -= n) {
        n = kl_utf8_char(s, left, &c);
        kl_buf_addn(&b, n ? s : "\xef\xbf\xbd", n ? n : 3);
        n = n ? n : 1;
    }
    return json_string(kl_buf_text(&b));
}

static json_t *place_json(const struct kl_place *p)
{
    json_t *o = json_pack("{s:o}", "file", kl_json_text(p->file));
    if (!p->line)
        return o;
    json_object_set_new(o, "line", json_integer(p->line));
    json_object_set_new(o, "col", json_integer(p->col));
    json_object_set_new(o, "end_col", json_integer((json_int_t)p->col + (p->width ? p->width : 1)));
    json_object_set_new(o, "width", json_integer(p->width));
    return o;
}

/* All edits, or NULL: half a mend is none. */
static json_t *edits_json(const struct kl_diag *one)
{
    json_t *list = one->nedits ? json_array() : NULL;
    for (size_t k = 0; k < one->nedits; k++) {
        const struct kl_edit *e = &one->edits[k];
        json_t *text = json_string(e->text);
        if (!text || !e->at.file) {
            json_decref(text);
            json_decref(list);
            return NULL;
        }
        json_array_append_new(
            list, json_pack("{s:o,s:I,s:I,s:I,s:o}", "file", kl_json_text(e->at.file), "line",
                      (json_int_t)e->at.line, "col", (json_int_t)e->at.col, "width",
                      (json_int_t)e->at.width, "text", text));
    }
    return list;
}

json_t *kl_diag_json(const struct kl_diag *one)
{
    json_t *o = json_pack("{s:o,s:s,s:o}", "code", kl_json_text(one->code), "severity",
        kl_severity_word[one->severity], "message", kl_json_text(one->message));
    if (one->hint)
        json_object_set_new(o, "hint", kl_json_text(one->hint));
    if (one->at.file)
        json_object_set_new(o, "at", place_json(&one->at));
    if (one->also.file)
        json_object_set_new(o, "also", place_json(&one->also));
    if (one->also_says)
        json_object_set_new(o, "also_says", kl_json_text(one->also_says));
    json_t *effects = one->neffects ? json_array() : NULL;
    for (size_t k = 0; k < one->neffects; k++)
        json_array_append_new(effects, kl_json_text(one->effects[k]));
    if (effects)
        json_object_set_new(o, "effects", effects);
    json_t *edits = edits_json(one);
    if (edits)
        json_object_set_new(o, "edits", edits);
    return o;
}

void kl_diags_json(const struct kl_diags *d, FILE *out)
{
    const struct kl_diag *one;
    putc('[', out);
    for (size_t i = 0; (one = kl_diags_at(d, i)); i++) {
        json_t *o = kl_diag_json(one);
        fputs(i ? ",\n" : "\n", out);
        json_dumpf(o, out, JSON_INDENT(2));
        json_decref(o);
    }
    fputs("\n]\n", out);
}
