/* A loader that meets something it cannot carry does not say so: PXELINUX cuts the line, GRUB drops
 * an argument and all that follow, iPXE ends the command at a lone ";" (docs/releases.md,
 * "Boot-loader lines"). So every line is checked here, before it is written in a loader's language.
 */
#include "stage/loader.h"

#include <string.h>

const char *kl_loader_word(const char **line, size_t *len)
{
    const char *p = *line + strspn(*line, " \t");
    if (!*p)
        return NULL;
    const char *start = p;
    bool quoted = false;
    for (; *p && (quoted || (*p != ' ' && *p != '\t')); p++)
        if (*p == '"')
            quoted = !quoted;
    *len = (size_t)(p - start);
    *line = p;
    return start;
}

const char *kl_loader_default(const struct kl_boot *b)
{
    return b->armed ? "install" : "localdisk";
}

const char *kl_loader_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_command(const char *word, size_t len)
{
    return *word == '#' || (len == 1 && *word == ';') ||
           (len == 2 && (memcmp(word, "&&", 2) == 0 || memcmp(word, "||", 2) == 0));
}

/* What is wrong with one argument, and how to mend it; NULL when nothing is. */
static const char *fault(
    const char *word, size_t len, const struct kl_loader_rules *r, const char **hint)
{
    *hint = "use another spelling of this argument, or another loader";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)word[i];
        if ((c < ' ' && c != '\t') || c == 127)
            return "holds a control character";
        if (!r->blanks && (c == ' ' || c == '\t'))
            return "holds a blank, which this loader cannot quote";
        if (strchr(r->forbidden, c)) {
            *hint = kl_streq(r->name, "GRUB") ? "write the value without ' \" and \\"
                                              : "write the value without this character";
            return "holds a character that this loader changes";
        }
        if (r->expands && c == '$' && i + 1 < len && word[i + 1] == '{')
            return "holds \"${\", which this loader expands";
    }
    if (r->commands && is_command(word, len)) {
        *hint = "join it to the argument before it";
        return "would end the loader's command";
    }
    return NULL;
}

bool kl_loader_fits(const char *line, const char *what, const struct kl_loader_rules *r,
    const struct kl_boot *b, struct kl_diags *d)
{
    bool ok = true;
    size_t total = strlen(line) + r->adds, len;
    const char *p = line, *word, *hint;
    while ((word = kl_loader_word(&p, &len))) {
        const char *why = fault(word, len, r, &hint);
        if (why) {
            kl_diag(d, KL_ERROR, "loader-argument", (struct kl_place){0}, hint,
                "%s: %s for %s: '%.*s' %s", b->host, what, r->name, (int)(len > 200 ? 200 : len),
                word, why);
            ok = false;
        }
    }
    if (r->commands && total && kl_ends(line, "\\")) {
        kl_diag(d, KL_ERROR, "loader-argument", (struct kl_place){0},
            "end the line with another argument",
            "%s: %s for %s ends with '\\', which joins it to the next line", b->host, what,
            r->name);
        ok = false;
    }
    if (total > KL_CMDLINE_MAX) {
        kl_diag(d, KL_ERROR, "line-too-long", (struct kl_place){0},
            "shorten the line: loaders cut or drop the rest without a word",
            "%s: %s for %s is %zu bytes with what the loader itself adds; a kernel takes %d",
            b->host, what, r->name, total, KL_CMDLINE_MAX);
        ok = false;
    }
    return ok;
}

static bool check_path(
    const char *path, const struct kl_loader_rules *r, const struct kl_boot *b, struct kl_diags *d)
{
    size_t len = 0;
    const char *p = path, *word = kl_loader_word(&p, &len);
    if (!word || len != strlen(path)) {
        kl_diag(d, KL_ERROR, "loader-path", (struct kl_place){0},
            "name the file without blanks (in a URL: %20)",
            "%s: '%s' is no file name that %s can load", b->host, path, r->name);
        return false;
    }
    struct kl_loader_rules file = *r;
    file.adds = 0;
    return kl_loader_fits(path, "a file name", &file, b, d);
}

bool kl_loader_check(const struct kl_boot *b, const struct kl_loader_rules *r, struct kl_diags *d)
{
    bool ok = true;
    for (const char *c = b->host; *c; c++)
        if (*c <= ' ' || *c == 127 || strchr("'\"\\${}#;&|<>", *c)) {
            kl_diag(d, KL_ERROR, "loader-host", (struct kl_place){0},
                "a host's name has letters, digits, '.' and '-'",
                "the name of host '%s' cannot stand in a loader's menu", b->host);
            ok = false;
            break;
        }
    ok &= check_path(b->kernel, r, b, d);
    for (size_t i = 0; i < b->ninitrds; i++)
        ok &= check_path(b->initrds[i], r, b, d);
    ok &= kl_loader_fits(b->cmdline, "the kernel line", r, b, d);
    if (b->rescue_cmdline)
        ok &= kl_loader_fits(b->rescue_cmdline, "the rescue line", r, b, d);
    return ok;
}
