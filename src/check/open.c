/* Lines of templates. Nobody knows what "ip={{ address }}::{{ gateway }}..." will say, so nothing
 * is said of it; and as the network of such a line is not known, nothing is concluded from it
 * either. An expression with blanks in it is several words for the kernel: here it is one again. */
#include "check/open.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Jinja, Liquid; ERB. */
static const struct {
    const char *begin, *end;
} pairs[] = {{"{{", "}}"}, {"{%", "%}"}, {"{#", "#}"}, {"<%", "%>"}};

enum { PAIRS = sizeof pairs / sizeof *pairs };

/* The end of the first expression that begins in `text` and does not end there; NULL: none. */
static const char *unended(const char *text)
{
    for (const char *s = text; *s; s++)
        for (size_t k = 0; k < PAIRS; k++) {
            if (!kl_starts(s, pairs[k].begin))
                continue;
            const char *end = strstr(s + 2, pairs[k].end);
            if (!end)
                return pairs[k].end;
            s = end + 1;
            break;
        }
    return NULL;
}

/* An expression that began before the line, or before the word that is the kernel's path. */
static bool ends_one(const char *text)
{
    for (size_t k = 0; k < PAIRS; k++)
        if (strstr(text, pairs[k].end) && !strpbrk(text, "{<"))
            return true;
    return false;
}

/* %NAME% and @NAME@; not what percent signs write in a URL: %EF%BB. */
static bool is_name_between(const char *s)
{
    size_t n = 1;
    bool hex = true;
    for (; isupper((unsigned char)s[n]) || s[n] == '_' || (n > 1 && isdigit((unsigned char)s[n]));
         n++)
        hex &= isxdigit((unsigned char)s[n]) != 0;
    return s[n] == *s && n > 1 && !(n == 3 && hex);
}

bool kl_open_word(const char *text)
{
    static const char *const blanks[] = {"x.x.x", "xxx", "xx:xx", "xx-xx", NULL};
    for (const char *s = text; *s; s++) {
        for (size_t k = 0; k < PAIRS; k++)
            if (kl_starts(s, pairs[k].begin) || kl_starts(s, pairs[k].end))
                return true;
        if (*s == '$' && (isalpha((unsigned char)s[1]) || s[1] == '{' || s[1] == '('))
            return true;
        if (*s == '<' && isalpha((unsigned char)s[1]) && strchr(s, '>'))
            return true;
        if ((*s == '%' || *s == '@') && is_name_between(s))
            return true;
        for (const char *const *b = blanks; *b; b++)
            if (strncasecmp(s, *b, strlen(*b)) == 0)
                return true;
    }
    return false;
}

static bool is_of_network(const char *text)
{
    static const char *const keys[] = {"ip", "ipv6", "bond", "vlan", "team", "bridge", "nameserver",
        "dns", "ifname", "BOOTIF", "bootdev", "ksdevice", "gateway", "netmask", "hostname", "mtu",
        "rd.route", "rd.neednet", "rd.bootif", "rd.ethtool", "rd.znet", "rd.znet_ifname",
        "rd.net.dns", "ib.pkey", NULL};
    size_t n = strcspn(text, "=");
    for (const char *const *k = keys; *k; k++)
        if (strlen(*k) == n && strncmp(text, *k, n) == 0)
            return true;
    return false;
}

/* What stands before the first "=" decides, as long as it is a word itself. */
static bool hides_network(const char *text)
{
    size_t n = strcspn(text, "=");
    char key[64];
    if (!kl_open_word(text))
        return false;
    if (!text[n] || n >= sizeof key)
        return true;
    memcpy(key, text, n);
    key[n] = '\0';
    return is_of_network(text) || kl_open_word(key);
}

/* An expression has this many words at most: one that is never closed is none. */
enum { EXPRESSION_WORDS = 24 };

/* args[k] and those behind it that its expressions reach into, as one; how many. */
static size_t join(struct kl_arena *a, const struct kl_cmdline *l, size_t k, struct kl_arg *out)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    *out = l->args[k];
    if (!unended(out->text))
        return 1;
    kl_buf_add(&b, out->text);
    for (size_t n = 1; k + n < l->n && n < EXPRESSION_WORDS; n++) {
        const struct kl_arg *w = &l->args[k + n];
        kl_buf_addf(&b, " %s", w->text);
        if (!strpbrk(w->text, "}>") || unended(kl_buf_text(&b)))
            continue;
        out->text = kl_strdup(a, kl_buf_text(&b));
        out->verbatim = false;
        if (w->at.line == out->at.line && w->at.col > out->at.col)
            out->at.width = w->at.col + w->at.width - out->at.col;
        return n + 1;
    }
    return 1;
}

static bool any_open(const struct kl_cmdline *l)
{
    for (size_t k = 0; k < l->n; k++)
        if (kl_open_word(l->args[k].text))
            return true;
    return false;
}

/* Those at the beginning that belong to an expression in the kernel's path. */
static size_t behind_path(const struct kl_cmdline *l)
{
    for (size_t k = 0; k < l->n && k < EXPRESSION_WORDS; k++) {
        if (unended(l->args[k].text))
            return 0;
        if (ends_one(l->args[k].text))
            return k + 1;
    }
    return 0;
}

static void say(struct kl_diags *d, const struct kl_arg *first, size_t n)
{
    if (n == 1)
        kl_diag(d, KL_NOTE, "not-understood", first->at, NULL,
            "this is filled in later: it is not checked");
    else
        kl_diag(d, KL_NOTE, "not-understood", first->at, NULL,
            "%zu words of this line are filled in later, from here on: they are not checked", n);
}

const struct kl_cmdline *kl_line_closed(
    struct kl_arena *a, const struct kl_cmdline *from, bool *left_out, struct kl_diags *d)
{
    *left_out = false;
    if (!any_open(from))
        return from;
    struct kl_cmdline *l = kl_alloc(a, sizeof *l);
    *l = (struct kl_cmdline){.args = kl_alloc(a, from->n * sizeof *l->args), .at = from->at};
    struct kl_arg first = {0};
    size_t dropped = 0;
    for (size_t k = behind_path(from); k < from->n;) {
        struct kl_arg w;
        k += join(a, from, k, &w);
        if (!hides_network(w.text)) {
            l->args[l->n++] = w;
            continue;
        }
        if (!dropped++)
            first = w;
    }
    if (dropped)
        say(d, &first, dropped);
    *left_out = dropped > 0;
    return l;
}
