/* The words and statements of dhcpd.conf(5): common/conflex.c of ISC dhcp 4.4. Where that makes
 * several tokens of an address or a dotted name, here they are one word. */
#include "stage/dhcpd.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void kl_dhcpd_lexer_begin(struct kl_dhcpd_lexer *l, struct kl_arena *a, const struct kl_text *text)
{
    *l = (struct kl_dhcpd_lexer){.a = a, .file = text->file, .c = text->text, .line = 1};
    l->end = text->text + text->len;
    l->line_start = l->c;
}

void kl_dhcpd_lexer_end(struct kl_dhcpd_lexer *l)
{
    free(l->now.words);
}

static void step(struct kl_dhcpd_lexer *l)
{
    if (*l->c++ == '\n') {
        l->line++;
        l->line_start = l->c;
    }
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':' || c == '/' || (unsigned char)c >= 0x80;
}

static bool skip_blanks(struct kl_dhcpd_lexer *l)
{
    while (l->c < l->end) {
        if (*l->c == '#')
            while (l->c < l->end && *l->c != '\n')
                l->c++;
        else if ((unsigned char)*l->c <= ' ')
            step(l);
        else
            return true;
    }
    return false;
}

static struct kl_place place(const struct kl_dhcpd_lexer *l, const char *from)
{
    return (struct kl_place){
        l->file, l->line, (unsigned)(from - l->line_start + 1), (unsigned)(l->c - from)};
}

/* An octal or hexadecimal number of at most `most` digits, after which `c` stands. */
static char escaped_number(struct kl_dhcpd_lexer *l, unsigned base, int most)
{
    static const char digits[] = "0123456789abcdef";
    unsigned value = 0;
    for (; most && l->c < l->end; most--, l->c++) {
        char c = *l->c >= 'A' && *l->c <= 'F' ? (char)(*l->c + 32) : *l->c;
        const char *digit = c ? memchr(digits, c, base) : NULL;
        if (!digit)
            break;
        value = value * base + (unsigned)(digit - digits);
    }
    return (char)value;
}

static char escaped(struct kl_dhcpd_lexer *l)
{
    static const char letters[] = "tnrb", values[] = "\t\n\r\b";
    char c = *l->c;
    const char *letter = c ? strchr(letters, c) : NULL;
    if (c >= '0' && c <= '7')
        return escaped_number(l, 8, 3);
    step(l);
    if (c == 'x')
        return escaped_number(l, 16, 2);
    return letter ? values[letter - letters] : c;
}

static struct kl_dhcpd_word string(struct kl_dhcpd_lexer *l)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    struct kl_place at = place(l, l->c);
    const char *from = l->c++;
    while (l->c < l->end && *l->c != '"') {
        char c = *l->c;
        if (c != '\\') {
            step(l);
        } else {
            l->c++;
            if (l->c == l->end)
                break;
            c = escaped(l);
        }
        kl_buf_addc(&b, c);
    }
    if (l->c < l->end)
        l->c++;
    if (l->line == at.line)
        at.width = (unsigned)(l->c - from);
    return (struct kl_dhcpd_word){
        KL_DHCPD_STRING, kl_strndup(l->a, kl_buf_text(&b), b.len), b.len, at};
}

static struct kl_dhcpd_word word(struct kl_dhcpd_lexer *l)
{
    if (*l->c == '"')
        return string(l);
    const char *from = l->c;
    bool plain = is_word_char(*l->c++);
    while (plain && l->c < l->end && is_word_char(*l->c))
        l->c++;
    size_t len = (size_t)(l->c - from);
    return (struct kl_dhcpd_word){
        plain ? KL_DHCPD_WORD : KL_DHCPD_MARK, kl_strndup(l->a, from, len), len, place(l, from)};
}

static void keep(struct kl_dhcpd_statement *s, const struct kl_dhcpd_word *w)
{
    if (s->n == s->room) {
        s->room = s->room ? s->room * 2 : 16;
        s->words = kl_xrealloc(s->words, s->room * sizeof *s->words);
    }
    s->words[s->n++] = *w;
}

/* Braces that hold the record of an option's definition, `option a.b code 7 = { ... }`. */
static bool defines_option(const struct kl_dhcpd_statement *s)
{
    if (!s->n || strcasecmp(s->words[0].text, "option") != 0)
        return false;
    for (size_t k = 0; k < s->n; k++)
        if (s->words[k].kind == KL_DHCPD_MARK && *s->words[k].text == '=')
            return true;
    return false;
}

const struct kl_dhcpd_statement *kl_dhcpd_next(struct kl_dhcpd_lexer *l, size_t most)
{
    struct kl_dhcpd_statement *s = &l->now;
    s->n = 0;
    s->end = KL_DHCPD_TEXT_END;
    while (skip_blanks(l)) {
        char c = *l->c;
        if (c == ';' || c == '{' || c == '}') {
            l->c++;
            if (c == '{' && defines_option(s)) {
                kl_dhcpd_skip(l);
                continue;
            }
            s->end = c == ';' ? KL_DHCPD_SEMICOLON : c == '{' ? KL_DHCPD_OPEN : KL_DHCPD_CLOSE;
            break;
        }
        struct kl_dhcpd_word w = word(l);
        if (s->n < most)
            keep(s, &w);
    }
    return s;
}

void kl_dhcpd_skip(struct kl_dhcpd_lexer *l)
{
    size_t open = 1;
    while (open && skip_blanks(l)) {
        char c = *l->c;
        if (c == '"') {
            string(l);
            continue;
        }
        l->c++;
        open += c == '{';
        open -= c == '}';
    }
}

void kl_dhcpd_client(
    struct kl_arena *a, const struct kl_dhcpd_statement *s, size_t k, const char **out)
{
    uint8_t bytes[256];
    struct kl_buf b KL_BUF_SCOPE = {0};
    size_t n = 0;
    if (k >= s->n)
        return;
    if (s->words[k].kind == KL_DHCPD_STRING) {
        *out = kl_hex_text(a, (const uint8_t *)s->words[k].text, s->words[k].len);
        return;
    }
    for (; k < s->n; k++)
        kl_buf_add(&b, s->words[k].text);
    n = kl_hex_bytes(kl_buf_text(&b), bytes, sizeof bytes);
    if (n)
        *out = kl_hex_text(a, bytes, n);
}
