/* Section numbers are those of SARIF 2.1.0, OASIS Standard of 27 March 2020. */
#include "check/sarif.h"

#include "base/names.h"
#include "base/text.h"
#include "check/check.h"
#include "check/place.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define HOME "https://kickline.invalid/"
#define SCHEMA "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"

struct kl_sarif {
    FILE *out;
    bool any;
    struct kl_arena *arena;
    struct kl_names seen; /* fingerprints, and how often each came */
    struct kl_column_memo memo;
};

static json_t *text_of(const char *s)
{
    return json_pack("{s:o}", "text", kl_json_text(s ? s : ""));
}

/* 3.49. */
static json_t *rule_of(const struct kl_code *c)
{
    const char *title = c->title ? c->title : c->code, *help = c->help ? c->help : title;
    return json_pack("{s:o,s:o,s:o,s:o,s:{s:o}}", "id", kl_json_text(c->code), "shortDescription",
        text_of(title), "fullDescription", text_of(help), "help", text_of(help), "properties",
        "group", kl_json_text(c->group ? c->group : ""));
}

struct kl_sarif *kl_sarif_begin(FILE *out)
{
    struct kl_sarif *s = kl_xmalloc(sizeof *s);
    *s = (struct kl_sarif){.out = out, .arena = kl_arena_new()};
    json_t *rules = json_array();
    for (const struct kl_code *c = kl_codes; c->code; c++)
        json_array_append_new(rules, rule_of(c));
    json_t *tool = json_pack("{s:{s:s,s:s,s:s,s:s,s:o}}", "driver", "name", "Kickline", "version",
        KL_VERSION, "semanticVersion", KL_VERSION, "informationUri", HOME, "rules", rules);
    fputs("{\"$schema\":\"" SCHEMA "\",\"version\":\"2.1.0\",\"runs\":[{\n\"tool\":", out);
    json_dumpf(tool, out, JSON_COMPACT);
    fputs(",\n\"columnKind\":\"utf16CodeUnits\",\"results\":[", out);
    json_decref(tool);
    return s;
}

/* A path as a URI reference (RFC 3986, 4.2): a name may hold any byte, and a colon would make its
 * first part a scheme. */
static json_t *uri_of(const char *path)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    if (*path == '/')
        kl_buf_add(&b, "file://");
    for (const unsigned char *p = (const unsigned char *)path; *p; p++)
        if (isascii(*p) && (isalnum(*p) || strchr("/-._~", *p)))
            kl_buf_addc(&b, (char)*p);
        else
            kl_buf_addf(&b, "%%%02X", *p);
    return json_string(kl_buf_text(&b));
}

static json_t *artifact_of(const char *path)
{
    return json_pack("{s:o}", "uri", uri_of(path));
}

static json_t *region_json(const struct kl_region *r)
{
    return json_pack("{s:I,s:I,s:I,s:I}", "startLine", (json_int_t)r->line, "startColumn",
        (json_int_t)r->col, "endLine", (json_int_t)r->end_line, "endColumn",
        (json_int_t)r->end_col);
}

/* 3.28. What is no file has a name only. */
static json_t *location_of(
    struct kl_sarif *s, const struct kl_diags *d, const struct kl_place *at, const char *says)
{
    json_t *o = json_object();
    if (kl_is_file(at->file)) {
        json_t *where = json_pack("{s:o}", "artifactLocation", artifact_of(at->file));
        struct kl_region r = kl_region_of(d, at, true, &s->memo);
        if (at->line)
            json_object_set_new(where, "region", region_json(&r));
        json_object_set_new(o, "physicalLocation", where);
    } else
        json_object_set_new(
            o, "logicalLocations", json_pack("[{s:o}]", "name", kl_json_text(at->file)));
    if (says)
        json_object_set_new(o, "message", text_of(says));
    return o;
}

static uint64_t hash_more(uint64_t h, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isspace((unsigned char)text[i]))
            h = (h ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

static unsigned times_seen(struct kl_sarif *s, const char *print)
{
    unsigned *times = (unsigned *)kl_names_get(&s->seen, print);
    if (!times) {
        times = kl_alloc(s->arena, sizeof *times);
        *kl_names_slot(&s->seen, kl_strdup(s->arena, print)) = times;
    }
    return ++*times;
}

/* Of what is said about which text in which file, not of where in it: so it stays when lines move
 * (3.27.18). The count tells equal ones apart. */
static json_t *fingerprint(struct kl_sarif *s, const struct kl_diags *d, const struct kl_diag *one)
{
    size_t len = 0;
    const char *line = one->at.file ? kl_diags_line(d, one->at.file, one->at.line, &len) : NULL;
    size_t from = one->at.col && one->at.col - 1 < len ? one->at.col - 1 : 0;
    size_t width = one->at.width < len - from ? one->at.width : len - from;
    uint64_t h = hash_more(UINT64_C(0xcbf29ce484222325), one->code, strlen(one->code));
    if (one->at.file)
        h = hash_more(h, one->at.file, strlen(one->at.file));
    if (line) {
        h = hash_more(h, line + from, width);
        h = hash_more(h, line, len < 4096 ? len : 4096);
    }
    char hex[17];
    snprintf(hex, sizeof hex, "%016" PRIx64, h);
    return json_pack("{s:o}", "kicklineText/v1", json_sprintf("%s:%u", hex, times_seen(s, hex)));
}

/* The whole of what is said: those who show a result show its message, and often nothing else. */
static json_t *message_of(const struct kl_diag *one)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    kl_buf_add(&b, one->message);
    for (size_t k = 0; k < one->neffects; k++)
        kl_buf_addf(&b, "\n%s", one->effects[k]);
    if (one->hint)
        kl_buf_addf(&b, "\nmend: %s", one->hint);
    return text_of(kl_buf_text(&b));
}

/* 3.57; NULL when it cannot be given: bytes that are no UTF-8, a text that is no file. */
static json_t *replacement_of(struct kl_sarif *s, const struct kl_diags *d, const struct kl_edit *e)
{
    json_t *text = json_string(e->text);
    if (!text || !kl_is_file(e->at.file) || !e->at.line) {
        json_decref(text);
        return NULL;
    }
    struct kl_region r = kl_region_of(d, &e->at, false, &s->memo);
    return json_pack(
        "{s:o,s:{s:o}}", "deletedRegion", region_json(&r), "insertedContent", "text", text);
}

/* 3.55: the edits, file by file; all of them or NULL. */
static json_t *fixes_of(struct kl_sarif *s, const struct kl_diags *d, const struct kl_diag *one)
{
    json_t *changes = json_object(); /* a name: its replacements */
    for (size_t k = 0; k < one->nedits; k++) {
        const struct kl_edit *e = &one->edits[k];
        json_t *r = replacement_of(s, d, e), *uri = r ? uri_of(e->at.file) : NULL;
        if (!r) {
            json_decref(changes);
            return NULL;
        }
        const char *name = json_string_value(uri);
        if (!json_object_get(changes, name))
            json_object_set_new(changes, name, json_array());
        json_array_append_new(json_object_get(changes, name), r);
        json_decref(uri);
    }
    json_t *list = json_array(), *replacements;
    const char *name;
    json_object_foreach(changes, name, replacements) json_array_append_new(list,
        json_pack("{s:{s:s},s:O}", "artifactLocation", "uri", name, "replacements", replacements));
    json_decref(changes);
    json_t *fix = json_pack("{s:o}", "artifactChanges", list);
    if (one->hint)
        json_object_set_new(fix, "description", text_of(one->hint));
    return json_pack("[o]", fix);
}

static int rule_index(const char *code)
{
    for (int i = 0; kl_codes[i].code; i++)
        if (kl_streq(kl_codes[i].code, code))
            return i;
    return -1;
}

void kl_sarif_result(struct kl_sarif *s, const struct kl_diags *d, const struct kl_diag *one)
{
    json_t *o = json_pack("{s:o,s:s,s:o}", "ruleId", kl_json_text(one->code), "level",
        kl_severity_word[one->severity], "message", message_of(one));
    int rule = rule_index(one->code);
    if (rule >= 0)
        json_object_set_new(o, "ruleIndex", json_integer(rule));
    if (one->at.file)
        json_object_set_new(o, "locations", json_pack("[o]", location_of(s, d, &one->at, NULL)));
    if (one->also.file) {
        json_t *also =
            location_of(s, d, &one->also, one->also_says ? one->also_says : "the other place");
        json_object_set_new(also, "id", json_integer(1));
        json_object_set_new(o, "relatedLocations", json_pack("[o]", also));
    }
    json_t *fixes = one->nedits ? fixes_of(s, d, one) : NULL;
    if (fixes)
        json_object_set_new(o, "fixes", fixes);
    json_object_set_new(o, "partialFingerprints", fingerprint(s, d, one));
    fputs(s->any ? ",\n" : "\n", s->out);
    json_dumpf(o, s->out, JSON_COMPACT);
    json_decref(o);
    s->any = true;
}

void kl_sarif_end(struct kl_sarif *s)
{
    fputs("\n]}]}\n", s->out);
    kl_names_free(&s->seen);
    kl_arena_free(s->arena);
    free(s);
}
