/* The shell's own commands that print: echo and printf, as bash has them (it is EL's /bin/sh). */
#include "stage/script.h"

#include <stdint.h>
#include <string.h>

void kl_sh_print(struct kl_sh_output *o, const struct kl_sh_text *t)
{
    o->from = o->text.len ? SIZE_MAX : t->from;
    o->known &= t->known;
    kl_buf_add(&o->text, t->text);
}

/* Escapes as echo -e and printf have them; false for what is left to others. */
static bool escape(const char **s, struct kl_buf *out)
{
    static const char letters[] = "ntr\\\"'a", means[] = "\n\t\r\\\"'\a";
    const char *found = (*s)[1] ? strchr(letters, (*s)[1]) : NULL;
    if (!found)
        return false;
    kl_buf_addc(out, means[found - letters]);
    *s += 2;
    return true;
}

static void add_escaped(struct kl_sh_output *o, const char *s)
{
    while (*s)
        if (*s != '\\')
            kl_buf_addc(&o->text, *s++);
        else if (!escape(&s, &o->text)) {
            o->known = false;
            kl_buf_addc(&o->text, *s++);
        }
}

void kl_sh_echo(const struct kl_sh_word *words, size_t n, struct kl_sh_output *o)
{
    bool newline = true, escapes = false;
    size_t k = 1;
    for (; k < n && words[k].t.text[0] == '-' && words[k].t.text[1] &&
           !words[k].t.text[1 + strspn(words[k].t.text + 1, "neE")];
         k++) {
        newline &= !strchr(words[k].t.text, 'n');
        escapes |= strchr(words[k].t.text, 'e') != NULL;
    }
    size_t expected = k < n ? words[k].t.from : SIZE_MAX;
    o->from = expected;
    for (size_t first = k; k < n; k++) {
        const struct kl_sh_text *t = &words[k].t;
        if (k > first)
            kl_buf_addc(&o->text, ' ');
        if (t->from != expected || words[k].quoted != words[first].quoted ||
            (k > first && words[k].quoted) || (escapes && strchr(t->text, '\\')))
            o->from = SIZE_MAX;
        o->known &= t->known;
        if (escapes)
            add_escaped(o, t->text);
        else
            kl_buf_add(&o->text, t->text);
        expected = t->from == SIZE_MAX ? SIZE_MAX : t->from + strlen(t->text) + 1;
    }
    if (newline)
        kl_buf_addc(&o->text, '\n');
}

/* The format once, with the words that it takes; false when it takes none. */
static bool format_once(
    const char *f, const struct kl_sh_word *words, size_t n, size_t *next, struct kl_sh_output *o)
{
    bool took = false;
    while (*f) {
        if (*f == '%' && f[1] == '%') {
            kl_buf_addc(&o->text, '%');
            f += 2;
        } else if (*f == '%' && f[1] && strchr("sd", f[1])) {
            if (*next < n) {
                o->known &= words[*next].t.known;
                kl_buf_add(&o->text, words[(*next)++].t.text);
            }
            took = true;
            f += 2;
        } else if (*f != '\\' || !escape(&f, &o->text)) {
            o->known &= *f != '%' && *f != '\\';
            kl_buf_addc(&o->text, *f++);
        }
    }
    return took;
}

void kl_sh_printf(const struct kl_sh_word *words, size_t n, struct kl_sh_output *o)
{
    size_t next = 2;
    o->from = SIZE_MAX;
    if (n < 2 || kl_starts(words[1].t.text, "-")) {
        o->known = false;
        return;
    }
    o->known &= words[1].t.known;
    while (
        format_once(words[1].t.text, words, n, &next, o) && next < n && o->text.len < KL_SH_BYTES)
        ;
}
