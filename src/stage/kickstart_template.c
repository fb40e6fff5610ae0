/* Marks of programs that fill a kickstart in before a machine reads it: what is to be filled in,
 * and what is there only sometimes. */
#include "stage/kickstart.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

/* __NAME__, %NAME%, <NAME>: the whole of a value. */
static bool is_wrapped(const char *text)
{
    const char *equals = kl_starts(text, "--") ? strchr(text, '=') : NULL;
    const char *s = equals ? equals + 1 : text;
    size_t n = strlen(s);
    if (n >= 5 && kl_starts(s, "__") && strcmp(s + n - 2, "__") == 0)
        return true;
    return n >= 3 && ((s[0] == '%' && s[n - 1] == '%') || (s[0] == '<' && s[n - 1] == '>'));
}

bool kl_ks_is_placeholder(const char *text)
{
    static const char *const marks[] = {"{{", "{%", "%{", "<%", "%>", "[[", "$", "@@", NULL};
    if (kl_starts(text, "--w"))
        return false;
    for (const char *const *m = marks; *m; m++)
        if (strstr(text, *m))
            return true;
    return is_wrapped(text);
}

/* --- branches ----------------------------------------------------------------------------------*/

static bool is_any(const char *s, size_t len, const char *const *list)
{
    for (; *list; list++) {
        size_t n = strlen(*list);
        if (len >= n && memcmp(s, *list, n) == 0 && (len == n || !isalnum((unsigned char)s[n])))
            return true;
    }
    return false;
}

/* What a tag begins with: 1 opens a branch, -1 closes one. */
static int step(const char *s, size_t len)
{
    static const char *const opens[] = {
        "if", "unless", "for", "foreach", "while", "case", "macro", "call", NULL};
    static const char *const closes[] = {
        "end", "endif", "endfor", "endunless", "endwhile", "endmacro", "endcall", "endcase", NULL};
    while (len && (isspace((unsigned char)*s) || *s == '-' || *s == '+' || *s == '~'))
        s++, len--;
    if (is_any(s, len, opens))
        return 1;
    return is_any(s, len, closes) ? -1 : 0;
}

/* ERB's `<% things.each do |x| -%>` */
static bool is_block(const char *s, size_t len)
{
    while (len && (s[len - 1] == '-' || isspace((unsigned char)s[len - 1])))
        len--;
    if (len && s[len - 1] == '|') {
        const char *bar = memrchr(s, '|', len - 1);
        len = bar ? (size_t)(bar - s) : 0;
        while (len && isspace((unsigned char)s[len - 1]))
            len--;
    }
    return len >= 3 && memcmp(s + len - 2, "do", 2) == 0 && isspace((unsigned char)s[len - 3]);
}

/* Cheetah's directives stand in what is a comment else: #if, #end if. */
static int cheetah(const char *s, size_t len)
{
    if (!len || *s != '#')
        return 0;
    return step(s + 1, len - 1);
}

bool kl_ks_has_cheetah(const char *text, size_t len)
{
    return memmem(text, len, "\n#end if", 8) || memmem(text, len, "\n#end for", 9);
}

int kl_ks_branch(const char *line, size_t len, bool with_cheetah)
{
    static const struct {
        const char *open, *close;
    } tags[] = {{"{%", "%}"}, {"<%", "%>"}, {"%{", "}"}};
    const char *s = line, *end = line + len;
    while (s < end && isspace((unsigned char)*s))
        s++;
    int sum = with_cheetah ? cheetah(s, (size_t)(end - s)) : 0;
    for (; s + 1 < end; s++)
        for (size_t k = 0; k < sizeof tags / sizeof *tags; k++) {
            if (memcmp(s, tags[k].open, 2) != 0)
                continue;
            size_t rest = (size_t)(end - s) - 2;
            const char *stop = memmem(s + 2, rest, tags[k].close, strlen(tags[k].close));
            size_t n = stop ? (size_t)(stop - s) - 2 : rest;
            int one = n && (s[2] == '=' || s[2] == '#') ? 0 : step(s + 2, n);
            sum += one ? one : k == 1 && is_block(s + 2, n);
            s += 1 + n;
            break;
        }
    return sum;
}
