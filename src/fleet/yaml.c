/* Events in, nodes out, by recursive descent: one function for each shape that YAML knows, in a
 * depth that is bounded here (libfyaml has a limit of its own, but a higher one).
 *
 * Places come from libfyaml's byte positions and an index of line starts: its columns count
 * characters, and it reports quoted scalars without their quotes. */
#include "fleet/yaml.h"

#include "base/text.h"
#include "base/names.h"

#include <libfyaml.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DEPTH = 24, SMALL_MAPPING = 16 };

struct reader {
    struct kl_arena *arena;
    struct kl_diags *d;
    const char *file, *text;
    size_t len;
    size_t *lines; /* where each line starts */
    size_t nlines;
    struct fy_parser *fy;
    bool cut; /* libfyaml gave up: its messages say why */
    const struct kl_yaml_stream *stream;
    bool failed;
};

static void index_lines(struct reader *r)
{
    size_t room = r->len / 24 + 16;
    r->lines = kl_xmalloc(room * sizeof *r->lines);
    const char *p = r->text, *end = r->text + r->len;
    while (p) {
        if (r->nlines == room)
            r->lines = kl_xrealloc(r->lines, (room *= 2) * sizeof *r->lines);
        r->lines[r->nlines++] = (size_t)(p - r->text);
        p = memchr(p, '\n', (size_t)(end - p));
        if (p)
            p++;
    }
}

/* The place of bytes from..to of the text; a place never spans a line's end. */
static struct kl_place place(const struct reader *r, size_t from, size_t to)
{
    size_t low = 0, high = r->nlines;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (r->lines[mid] <= from)
            low = mid;
        else
            high = mid;
    }
    size_t end = low + 1 < r->nlines ? r->lines[low + 1] - 1 : r->len;
    if (to > end)
        to = end;
    return (struct kl_place){r->file, (unsigned)(low + 1), (unsigned)(from - r->lines[low] + 1),
        to > from ? (unsigned)(to - from) : 1};
}

static struct kl_place token_place(const struct reader *r, struct fy_token *t)
{
    const struct fy_mark *start = fy_token_start_mark(t), *end = fy_token_end_mark(t);
    if (!start || !end)
        return (struct kl_place){r->file, 0, 0, 0};
    return place(r, start->input_pos, end->input_pos);
}

static struct kl_place event_place(const struct reader *r, struct fy_event *e)
{
    const struct fy_mark *start = fy_event_start_mark(e), *end = fy_event_end_mark(e);
    if (!start || !end)
        return (struct kl_place){r->file, 0, 0, 0};
    size_t from = start->input_pos, to = end->input_pos;
    if (e->type == FYET_SCALAR && from > 0) {
        enum fy_scalar_style style = fy_token_scalar_style(e->scalar.value);
        if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) {
            from--;
            to++;
        }
    }
    return place(r, from, to);
}

/* --- events ------------------------------------------------------------------------------------*/

static struct fy_event *next(struct reader *r)
{
    struct fy_event *e = r->failed ? NULL : fy_parser_parse(r->fy);
    if (!e && !r->failed)
        r->failed = r->cut = fy_parser_get_stream_error(r->fy);
    return e;
}

static void done(struct reader *r, struct fy_event *e)
{
    if (e)
        fy_parser_event_free(r->fy, e);
}

static void refuse(
    struct reader *r, const char *code, struct kl_place at, const char *hint, const char *message)
{
    kl_diag(r->d, KL_ERROR, code, at, hint, "%s", message);
    r->failed = true;
}

/* What an inventory may not use of YAML, on any node. */
static bool is_plain_node(struct reader *r, struct fy_event *e)
{
    struct fy_token *anchor = e->type == FYET_SCALAR           ? e->scalar.anchor
                              : e->type == FYET_MAPPING_START  ? e->mapping_start.anchor
                              : e->type == FYET_SEQUENCE_START ? e->sequence_start.anchor
                                                               : NULL;
    struct fy_token *tag = fy_event_get_tag_token(e);
    if (anchor || e->type == FYET_ALIAS)
        refuse(r, "yaml-alias", anchor ? token_place(r, anchor) : event_place(r, e),
            "put what several hosts share into a profile or a group",
            "anchors (&) and aliases (*) are not used in an inventory");
    else if (tag)
        refuse(r, "yaml-tag", token_place(r, tag), "leave the tag out",
            "tags (!) are not used in an inventory");
    return !r->failed;
}

/* --- scalars -----------------------------------------------------------------------------------*/

static bool one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(s, *list) == 0)
            return true;
    return false;
}

/* Digits with an optional fraction and exponent: YAML 1.2.2, 10.3.2. */
static enum kl_scalar number_type(const char *s)
{
    static const char digits[] = "0123456789";
    if (kl_starts(s, "0o") && s[2] && strspn(s + 2, "01234567") == strlen(s + 2))
        return KL_IS_INT;
    if (kl_starts(s, "0x") && s[2] && strspn(s + 2, "0123456789abcdefABCDEF") == strlen(s + 2))
        return KL_IS_INT;
    s += *s == '-' || *s == '+';
    size_t whole = strspn(s, digits), part = 0;
    s += whole;
    if (whole && !*s)
        return KL_IS_INT;
    if (*s == '.') {
        part = strspn(++s, digits);
        s += part;
    }
    if (!whole && !part)
        return KL_IS_TEXT;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        size_t n = strspn(s, digits);
        if (!n)
            return KL_IS_TEXT;
        s += n;
    }
    return *s ? KL_IS_TEXT : KL_IS_FLOAT;
}

static enum kl_scalar scalar_type(const char *s)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    static const char *const floats[] = {".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "-.inf",
        "-.Inf", "-.INF", "+.inf", "+.Inf", "+.INF", NULL};
    if (one_of(s, nulls))
        return KL_IS_NULL;
    if (one_of(s, bools))
        return KL_IS_BOOL;
    return one_of(s, floats) ? KL_IS_FLOAT : number_type(s);
}

/* Is the scalar's text what stands in the file, byte by byte? */
static bool is_verbatim(enum fy_scalar_style style, const char *s, size_t len)
{
    char special = style == FYSS_SINGLE_QUOTED ? '\'' : style == FYSS_DOUBLE_QUOTED ? '\\' : '\n';
    bool plain = style == FYSS_PLAIN || special != '\n';
    return plain && !memchr(s, special, len) && !memchr(s, '\n', len) && !memchr(s, '\r', len);
}

/* fy_token_get_text() of libfyaml 0.7.12 leaks on some texts that are folded from many pieces (a
 * fuzzer found one), so they are put together from an iterator, and most need neither. */
static char *scalar_text(
    const struct reader *r, struct kl_arena *a, struct fy_token *t, size_t *len)
{
    const struct fy_mark *start = fy_token_start_mark(t), *end = fy_token_end_mark(t);
    if (start && end && end->input_pos >= start->input_pos && end->input_pos <= r->len) {
        const char *s = r->text + start->input_pos;
        *len = end->input_pos - start->input_pos;
        if (is_verbatim(fy_token_scalar_style(t), s, *len))
            return kl_strndup(a, s, *len);
    }
    struct kl_buf b KL_BUF_SCOPE = {0};
    struct fy_token_iter *iter = fy_token_iter_create(t);
    const struct fy_iter_chunk *c = NULL;
    int failed = 0;
    while (iter && (c = fy_token_iter_chunk_next(iter, c, &failed)))
        kl_buf_addn(&b, c->str, c->len);
    fy_token_iter_destroy(iter);
    *len = b.len;
    return kl_strndup(a, kl_buf_text(&b), b.len);
}

static struct kl_node *scalar(struct reader *r, struct kl_arena *a, struct fy_event *e)
{
    struct kl_node *n = kl_alloc(a, sizeof *n);
    struct fy_token *t = e->scalar.value;
    size_t len = 0;
    n->kind = KL_SCALAR;
    n->at = event_place(r, e);
    n->text = t ? scalar_text(r, a, t, &len) : "";
    if (strlen(n->text) != len)
        refuse(r, "yaml-syntax", n->at, NULL, "a text may not hold a NUL character");
    n->type = !t || fy_token_scalar_style(t) == FYSS_PLAIN ? scalar_type(n->text) : KL_IS_TEXT;
    return n;
}

/* --- lists and mappings ------------------------------------------------------------------------*/

static struct kl_node *node(struct reader *r, struct kl_arena *a, struct fy_event *e, int depth);

struct tail {
    struct kl_node *last;
};

static void append(struct kl_node *to, struct tail *tail, struct kl_node *n)
{
    if (tail->last)
        tail->last->next = n;
    else
        to->first = n;
    tail->last = n;
    to->n++;
}

static void say_duplicate(struct reader *r, const struct kl_node *again, const struct kl_node *was)
{
    struct kl_diag *one = kl_diag(r->d, KL_ERROR, "duplicate-key", again->at,
        "leave only one of the two", "'%s' is here twice", again->text);
    kl_also(r->d, one, was->at, "it was here before");
}

/* Reports equal keys, and takes all but the first out of the mapping. */
static void drop_duplicates(struct reader *r, struct kl_node *mapping)
{
    struct kl_names seen KL_NAMES_SCOPE = {0};
    struct kl_node *last = NULL;
    for (struct kl_node *n = mapping->first; n; n = (struct kl_node *)n->next) {
        const struct kl_node *was = NULL;
        if (mapping->n > SMALL_MAPPING) {
            const void **slot = kl_names_slot(&seen, n->key->text);
            was = *slot;
            if (!was)
                *slot = n->key;
        } else {
            for (const struct kl_node *m = mapping->first; m != n && !was; m = m->next)
                if (strcmp(m->key->text, n->key->text) == 0)
                    was = m->key;
        }
        if (was && last) { /* the first of all is never a second one */
            say_duplicate(r, n->key, was);
            last->next = n->next;
            mapping->n--;
        } else {
            last = n;
        }
    }
}

/* One `key: value`. NULL at the mapping's end, or when the reader has failed. */
static struct kl_node *entry(struct reader *r, struct kl_arena *a, int depth)
{
    struct fy_event *e = next(r);
    if (!e || e->type == FYET_MAPPING_END) {
        done(r, e);
        return NULL;
    }
    struct kl_node *key = NULL, *value = NULL;
    if (e->type != FYET_SCALAR)
        refuse(r, "yaml-key", event_place(r, e), NULL, "a key must be a plain text");
    else if (is_plain_node(r, e))
        key = scalar(r, a, e);
    done(r, e);
    if (!key || !(e = next(r)))
        return NULL;
    value = node(r, a, e, depth);
    done(r, e);
    if (!value)
        return NULL;
    value->key = key;
    if (value->kind == KL_SCALAR && !value->at.line)
        value->at = key->at;
    return value;
}

static void stream_entries(struct reader *r)
{
    while (!r->failed) {
        struct kl_arena *scratch KL_ARENA_SCOPE = kl_arena_new();
        struct kl_node *one = entry(r, scratch, 2);
        if (!one)
            return;
        if (!r->failed)
            r->stream->each(r->stream->arg, one, scratch);
    }
}

/* The value of the root's streamed key: an empty mapping, once its entries were handed over. */
static struct kl_node *streamed(struct reader *r, struct kl_arena *a, struct fy_event *e)
{
    struct kl_node *n = kl_alloc(a, sizeof *n);
    n->kind = KL_MAPPING;
    n->at = event_place(r, e);
    stream_entries(r);
    return n;
}

static void fill_mapping(struct reader *r, struct kl_arena *a, struct kl_node *n, int depth)
{
    struct tail tail = {0};
    for (struct kl_node *one; (one = entry(r, a, depth + 1));)
        append(n, &tail, one);
    if (!r->failed)
        drop_duplicates(r, n);
}

static void fill_list(struct reader *r, struct kl_arena *a, struct kl_node *n, int depth)
{
    struct tail tail = {0};
    for (struct fy_event *e; (e = next(r));) {
        struct kl_node *one = e->type == FYET_SEQUENCE_END ? NULL : node(r, a, e, depth + 1);
        done(r, e);
        if (!one)
            return;
        if (!one->at.line)
            one->at = n->at;
        append(n, &tail, one);
    }
}

/* The node that begins with `e`, which stays the caller's. NULL when the reader has failed. */
static struct kl_node *node(struct reader *r, struct kl_arena *a, struct fy_event *e, int depth)
{
    if (!is_plain_node(r, e))
        return NULL;
    if (e->type == FYET_SCALAR)
        return scalar(r, a, e);
    struct kl_node *n = kl_alloc(a, sizeof *n);
    n->kind = e->type == FYET_MAPPING_START ? KL_MAPPING : KL_LIST;
    n->at = event_place(r, e);
    if (depth > MOST_DEPTH)
        refuse(r, "yaml-depth", n->at, NULL, "nested deeper than anything in an inventory");
    else if (n->kind == KL_MAPPING)
        fill_mapping(r, a, n, depth);
    else
        fill_list(r, a, n, depth);
    return r->failed ? NULL : n;
}

/* The root's entries, of which one may be streamed. */
static void fill_root(struct reader *r, struct kl_node *root)
{
    struct tail tail = {0};
    bool has_streamed = false;
    struct fy_event *e;
    while ((e = next(r)) && e->type != FYET_MAPPING_END) {
        struct kl_node *key = NULL, *value = NULL;
        if (e->type != FYET_SCALAR)
            refuse(r, "yaml-key", event_place(r, e), NULL, "a key must be a plain text");
        else if (is_plain_node(r, e))
            key = scalar(r, r->arena, e);
        done(r, e);
        if (!key || !(e = next(r)))
            return;
        bool stream = r->stream && !has_streamed && strcmp(key->text, r->stream->key) == 0 &&
                      e->type == FYET_MAPPING_START;
        has_streamed |= stream;
        value = stream && is_plain_node(r, e) ? streamed(r, r->arena, e) : node(r, r->arena, e, 1);
        done(r, e);
        if (!value)
            return;
        value->key = key;
        if (!value->at.line)
            value->at = key->at;
        append(root, &tail, value);
    }
    done(r, e);
    if (!r->failed)
        drop_duplicates(r, root);
}

static void read_root(struct reader *r, struct fy_event *e, struct kl_node **root)
{
    if (!is_plain_node(r, e))
        return;
    if (e->type != FYET_MAPPING_START) {
        struct kl_node *n = node(r, r->arena, e, 0);
        *root = n && n->kind == KL_SCALAR && n->type == KL_IS_NULL ? NULL : n;
        return;
    }
    struct kl_node *n = kl_alloc(r->arena, sizeof *n);
    n->kind = KL_MAPPING;
    n->at = event_place(r, e);
    fill_root(r, n);
    *root = n;
}

static void read_stream(struct reader *r, struct kl_node **root)
{
    bool has_document = false;
    for (struct fy_event *e; (e = next(r));) {
        if (e->type == FYET_DOCUMENT_START && has_document)
            refuse(r, "yaml-documents", event_place(r, e), "use one file for each, and 'include'",
                "a second document begins here; an inventory's file holds one");
        else if (e->type == FYET_DOCUMENT_START)
            has_document = true;
        else if (e->type != FYET_STREAM_START && e->type != FYET_STREAM_END &&
                 e->type != FYET_DOCUMENT_END)
            read_root(r, e, root);
        done(r, e);
    }
}

/* --- what libfyaml must not see ----------------------------------------------------------------*/

/* Bytes of the UTF-8 sequence at `s`, of which `left` remain; 0 when it is none (RFC 3629, 4). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (s[0] < 0xc2 || s[0] > 0xf4 || left < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] >= 0xa0;
    bool beyond = s[0] == 0xf4 && s[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : n;
}

/* libfyaml 0.7.12 ends a document silently at a byte that is not UTF-8: what stood behind it would
 * be lost without a word. So bytes are judged before it sees them. */
static void check_bytes(struct reader *r)
{
    const unsigned char *s = (const unsigned char *)r->text;
    for (size_t i = 0; i < r->len;) {
        size_t n = utf8_length(s + i, r->len - i);
        bool printable = s[i] >= 0x20 ? s[i] != 0x7f : s[i] == '\t' || s[i] == '\n' || s[i] == '\r';
        if (!n || !printable) {
            kl_diag(r->d, KL_ERROR, "yaml-syntax", place(r, i, i + 1),
                n ? "take it out" : "save the file as UTF-8", "byte 0x%02x is %s here", s[i],
                n ? "a control character, which YAML does not allow" : "not UTF-8");
            r->failed = true;
            return;
        }
        i += n;
    }
}

/* --- libfyaml's messages -----------------------------------------------------------------------*/

static void quiet(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
    (void)diag, (void)user, (void)buf, (void)len;
}

/* libfyaml counts columns in characters. */
static struct kl_place error_place(const struct reader *r, int line, int column)
{
    if (line < 1 || (size_t)line > r->nlines)
        return (struct kl_place){r->file, 0, 0, 0};
    size_t at = r->lines[line - 1];
    for (int c = 1; c < column && at < r->len && r->text[at] != '\n'; c++)
        at += utf8_length((const unsigned char *)r->text + at, r->len - at);
    return place(r, at, at + 1);
}

static void take_errors(struct reader *r, struct fy_diag *diag)
{
    void *iter = NULL;
    size_t n = 0;
    for (struct fy_diag_error *e; (e = fy_diag_errors_iterate(diag, &iter));)
        if (e->type == FYET_ERROR && e->msg && ++n)
            kl_diag(r->d, KL_ERROR, "yaml-syntax", error_place(r, e->line, e->column),
                strstr(e->msg, "tab ") ? "indent with blanks" : NULL, "not YAML: %s", e->msg);
    if (!n)
        kl_diag(r->d, KL_ERROR, "yaml-syntax", (struct kl_place){r->file, 0, 0, 0}, NULL,
            "this is not YAML");
    r->failed = true;
}

static bool run(struct reader *r, struct kl_node **root)
{
    struct fy_diag_cfg dc;
    fy_diag_cfg_default(&dc);
    dc.output_fn = quiet;
    dc.colorize = false;
    struct fy_diag *diag = fy_diag_create(&dc);
    if (!diag)
        return false;
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE, .diag = diag};
    r->fy = fy_parser_create(&cfg);
    bool ok = r->fy && fy_parser_set_string(r->fy, r->text, r->len) == 0;
    if (ok) {
        read_stream(r, root);
        if (r->cut)
            take_errors(r, diag);
    }
    fy_parser_destroy(r->fy);
    fy_diag_destroy(diag);
    return ok && !r->failed;
}

bool kl_yaml_read(struct kl_arena *a, const char *file, const char *text, size_t len,
    const struct kl_yaml_stream *stream, struct kl_diags *d, struct kl_node **root)
{
    struct reader r = {
        .arena = a, .d = d, .file = file, .text = text, .len = len, .stream = stream};
    *root = NULL;
    index_lines(&r);
    check_bytes(&r);
    bool blank = strspn(text, " \t\r\n") >= len;
    bool ok = !r.failed && (blank || run(&r, root));
    free(r.lines);
    return ok;
}

void kl_also(struct kl_diags *d, struct kl_diag *one, struct kl_place at, const char *says)
{
    one->also = at;
    one->also.file = at.file ? kl_diag_text(d, "%s", at.file) : NULL;
    one->also_says = says;
}

const struct kl_node *kl_node_get(const struct kl_node *mapping, const char *key)
{
    for (const struct kl_node *n = mapping ? mapping->first : NULL; n; n = n->next)
        if (n->key && strcmp(n->key->text, key) == 0)
            return n;
    return NULL;
}
