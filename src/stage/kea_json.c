/* JSON as Kea takes it: with comments (#, //, and those of C), with commas too many, and with
 * <?include "FILE"?> between any two tokens (src/bin/dhcp4/dhcp4_lexer.ll of Kea 2.x).
 *
 * It is a reader of ours because of the last: what is included may be any run of tokens (the
 * members of a list, without the list), so no parser of whole documents can take it. It goes on
 * after what it does not understand, in a depth that is bounded. */
#include "stage/kea.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_DEPTH = 64, MOST_FILES = 16 };

enum kind { T_END, T_STRING, T_WORD, T_MARK };

struct token {
    enum kind kind;
    char mark;
    const char *text;
    struct kl_place at;
};

struct frame {
    const char *file, *c, *end, *line_start;
    unsigned line;
};

struct reader {
    struct kl_arena *a;
    struct kl_includes *files;
    struct frame frames[MOST_FILES];
    size_t n; /* the innermost is frames[n - 1] */
    struct token now;
    bool said; /* that something is not understood: once is enough */
};

static void push(struct reader *r, const struct kl_text *t)
{
    r->frames[r->n++] = (struct frame){t->file, t->text, t->text + t->len, t->text, 1};
}

static void step(struct frame *f)
{
    if (*f->c++ == '\n') {
        f->line++;
        f->line_start = f->c;
    }
}

static bool at(const struct frame *f, const char *s)
{
    size_t n = strlen(s);
    return (size_t)(f->end - f->c) >= n && memcmp(f->c, s, n) == 0;
}

static void past(struct frame *f, const char *s)
{
    while (f->c < f->end && !at(f, s))
        step(f);
    for (size_t n = strlen(s); n && f->c < f->end; n--)
        step(f);
}

static struct kl_place place(const struct frame *f, const char *from)
{
    return (struct kl_place){
        f->file, f->line, (unsigned)(from - f->line_start + 1), (unsigned)(f->c - from)};
}

/* --- strings -----------------------------------------------------------------------------------*/

static void add_utf8(struct kl_buf *b, unsigned long c)
{
    if (!c || (c >= 0xd800 && c < 0xe000)) {
        kl_buf_addc(b, '?'); /* no text that matters here has these */
    } else if (c < 0x80) {
        kl_buf_addc(b, (char)c);
    } else {
        if (c < 0x800) {
            kl_buf_addc(b, (char)(0xc0 | c >> 6));
        } else {
            kl_buf_addc(b, (char)(0xe0 | c >> 12));
            kl_buf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
        }
        kl_buf_addc(b, (char)(0x80 | (c & 0x3f)));
    }
}

static void escape(struct frame *f, struct kl_buf *b)
{
    static const char letters[] = "bfnrt", values[] = "\b\f\n\r\t";
    const char *letter = *f->c ? strchr(letters, *f->c) : NULL;
    char digits[5] = {0};
    if (*f->c == 'u' && f->end - f->c >= 5) {
        memcpy(digits, f->c + 1, 4);
        if (strspn(digits, "0123456789abcdefABCDEF") == 4) {
            f->c += 5;
            add_utf8(b, strtoul(digits, NULL, 16));
            return;
        }
    }
    kl_buf_addc(b, letter ? values[letter - letters] : *f->c);
    step(f);
}

static struct token string(struct reader *r, struct frame *f)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    struct kl_place begin = place(f, ++f->c);
    const char *from = f->c;
    begin.col = (unsigned)(from - f->line_start + 1);
    while (f->c < f->end && *f->c != '"') {
        char c = *f->c;
        if (c == '\\' && f->c + 1 < f->end) {
            f->c++;
            escape(f, &b);
        } else {
            kl_buf_addc(&b, c ? c : '?');
            step(f);
        }
    }
    begin.width = begin.line == f->line ? (unsigned)(f->c - from) : 1;
    if (f->c < f->end)
        f->c++;
    return (struct token){T_STRING, 0, kl_strndup(r->a, kl_buf_text(&b), b.len), begin};
}

/* --- tokens ------------------------------------------------------------------------------------*/

/* Blanks and comments. False at the end of the text. */
static bool skip_blanks(struct frame *f)
{
    while (f->c < f->end) {
        if (*f->c == '#' || at(f, "//"))
            past(f, "\n");
        else if (at(f, "/*"))
            past(f, "*/");
        else if ((unsigned char)*f->c <= ' ')
            step(f);
        else
            return true;
    }
    return false;
}

static void include(struct reader *r, struct frame *f)
{
    struct kl_text text;
    f->c += strlen("<?");
    skip_blanks(f);
    if (at(f, "include"))
        f->c += strlen("include");
    skip_blanks(f);
    if (f->c < f->end && *f->c == '"') {
        struct token t = string(r, f);
        past(f, "?>");
        if (r->n < MOST_FILES && kl_include_open(r->files, t.text, t.at, &text))
            push(r, &text);
    } else {
        past(f, "?>");
    }
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.' || c == '_';
}

static struct token word(struct reader *r, struct frame *f)
{
    const char *from = f->c++;
    if (!is_word_char(*from))
        return (struct token){T_MARK, *from, "", place(f, from)};
    while (f->c < f->end && is_word_char(*f->c))
        f->c++;
    return (struct token){T_WORD, 0, kl_strndup(r->a, from, (size_t)(f->c - from)), place(f, from)};
}

static void next(struct reader *r)
{
    while (r->n) {
        struct frame *f = &r->frames[r->n - 1];
        if (!skip_blanks(f)) {
            if (r->n > 1)
                kl_include_close(r->files);
            r->n--;
        } else if (at(f, "<?")) {
            include(r, f);
        } else {
            r->now = *f->c == '"' ? string(r, f) : word(r, f);
            return;
        }
    }
    r->now.kind = T_END;
}

static bool is(const struct reader *r, char mark)
{
    return r->now.kind == T_MARK && r->now.mark == mark;
}

/* --- values ------------------------------------------------------------------------------------*/

static void unexpected(struct reader *r)
{
    if (!r->said)
        kl_reserve_note(r->files->d, r->now.at, "not JSON: what follows may be misread");
    r->said = true;
    next(r);
}

static struct kl_json *value(struct reader *r, unsigned depth);

/* What is nested too deep: to the bracket that closes it. */
static void skip(struct reader *r)
{
    size_t open = 0;
    do {
        open += is(r, '{') || is(r, '[');
        open -= is(r, '}') || is(r, ']');
        next(r);
    } while (open && r->now.kind != T_END);
}

static struct kl_json *member(struct reader *r, unsigned depth)
{
    const char *key = r->now.text;
    next(r);
    if (!is(r, ':')) {
        unexpected(r);
        return NULL;
    }
    next(r);
    struct kl_json *one = value(r, depth);
    if (one)
        one->key = key;
    return one;
}

/* An object or a list; its opening bracket is read. */
static void fill(struct reader *r, struct kl_json *to, char close, unsigned depth)
{
    const struct kl_json **last = &to->first;
    while (r->now.kind != T_END && !is(r, close)) {
        struct kl_json *one = NULL;
        if (is(r, ','))
            next(r);
        else if (to->kind == KL_JSON_OBJECT && r->now.kind == T_STRING)
            one = member(r, depth);
        else if (to->kind == KL_JSON_LIST && !is(r, ':') && !is(r, '}'))
            one = value(r, depth);
        else
            unexpected(r);
        if (one) {
            *last = one;
            last = &one->next;
        }
    }
    if (r->now.kind != T_END)
        next(r);
}

static struct kl_json *value(struct reader *r, unsigned depth)
{
    bool object = is(r, '{'), list = is(r, '[');
    if ((object || list) && depth >= MOST_DEPTH) {
        kl_reserve_note(r->files->d, r->now.at, "nested too deep: left out");
        skip(r);
        return NULL;
    }
    if (r->now.kind == T_END || (r->now.kind == T_MARK && !object && !list)) {
        if (r->now.kind != T_END && !is(r, '}') && !is(r, ']') && !is(r, ','))
            unexpected(r);
        return NULL;
    }
    struct kl_json *one = kl_alloc(r->a, sizeof *one);
    one->at = r->now.at;
    one->text = r->now.text;
    one->kind = object                    ? KL_JSON_OBJECT
                : list                    ? KL_JSON_LIST
                : r->now.kind == T_STRING ? KL_JSON_STRING
                                          : KL_JSON_WORD;
    next(r);
    if (object || list)
        fill(r, one, object ? '}' : ']', depth + 1);
    return one;
}

const struct kl_json *kl_json_read(
    struct kl_arena *a, struct kl_includes *files, const struct kl_text *text)
{
    struct reader r = {.a = a, .files = files};
    push(&r, text);
    next(&r);
    const struct kl_json *root = value(&r, 0);
    for (; r.n > 1; r.n--)
        kl_include_close(files);
    return root;
}

const struct kl_json *kl_json_get(const struct kl_json *object, const char *key)
{
    if (object && object->kind == KL_JSON_OBJECT)
        for (const struct kl_json *one = object->first; one; one = one->next)
            if (strcmp(one->key, key) == 0)
                return one;
    return NULL;
}

const char *kl_json_string(const struct kl_json *object, const char *key)
{
    const struct kl_json *one = kl_json_get(object, key);
    return one && one->kind == KL_JSON_STRING ? one->text : NULL;
}

bool kl_json_is(const struct kl_json *object, const char *key, const char *word)
{
    const struct kl_json *one = kl_json_get(object, key);
    return one && one->kind == KL_JSON_WORD && strcmp(one->text, word) == 0;
}
