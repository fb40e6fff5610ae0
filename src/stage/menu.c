/* What the readers of loader configurations share. */
#include "stage/menu.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool blank(char c)
{
    return (unsigned char)c <= ' ';
}

bool kl_piece_line(const char *text, size_t len, size_t *pos, struct kl_piece *line)
{
    if (*pos >= len)
        return false;
    const char *start = text + *pos, *end = memchr(start, '\n', len - *pos);
    size_t n = end ? (size_t)(end - start) : len - *pos;
    *pos += n + 1;
    if (n && start[n - 1] == '\r')
        n--;
    line->s = start;
    line->len = n;
    line->at.line++;
    line->at.col = 1;
    return true;
}

struct kl_piece kl_piece_from(struct kl_piece p, size_t n)
{
    n = n < p.len ? n : p.len;
    p.s += n;
    p.len -= n;
    p.at.col += (unsigned)n;
    return p;
}

struct kl_piece kl_piece_trim(struct kl_piece p)
{
    size_t n = 0;
    while (n < p.len && blank(p.s[n]))
        n++;
    p = kl_piece_from(p, n);
    while (p.len && blank(p.s[p.len - 1]))
        p.len--;
    return p;
}

bool kl_piece_word(struct kl_piece *rest, struct kl_piece *word)
{
    size_t n = 0;
    while (n < rest->len && blank(rest->s[n]))
        n++;
    *word = *rest = kl_piece_from(*rest, n);
    for (n = 0; n < rest->len && !blank(rest->s[n]);)
        n++;
    word->len = n;
    *rest = kl_piece_from(*rest, n);
    return n > 0;
}

bool kl_piece_is(struct kl_piece p, const char *word)
{
    return strlen(word) == p.len && strncasecmp(p.s, word, p.len) == 0;
}

struct kl_place kl_piece_place(struct kl_piece p)
{
    p.at.width = (unsigned)p.len;
    return p.at;
}

char *kl_piece_text(struct kl_arena *a, struct kl_piece p)
{
    return kl_strndup(a, p.s, p.len);
}

struct kl_arg kl_piece_arg(struct kl_arena *a, struct kl_piece p)
{
    struct kl_arg w = {.text = kl_piece_text(a, p), .at = kl_piece_place(p)};
    w.verbatim = strlen(w.text) == p.len;
    return w;
}

/* A blank for the kernel (lib/cmdline.c next_arg(): isspace), and a NUL, which ends its line. */
static bool parts(char c)
{
    return !c || isspace((unsigned char)c);
}

void kl_menu_words(struct kl_arena *a, struct kl_cmdline *line, struct kl_piece p)
{
    while (p.len) {
        if (parts(*p.s)) {
            p = kl_piece_from(p, 1);
            continue;
        }
        size_t n = 0, kept = 0;
        bool quoted = false;
        for (; n < p.len && (quoted ? p.s[n] != 0 : !parts(p.s[n])); n++)
            quoted ^= p.s[n] == '"';
        char *text = kl_alloc(a, n + 1);
        for (size_t k = 0; k < n; k++)
            if (p.s[k] != '"')
                text[kept++] = p.s[k];
        line->args = kl_grow(a, line->args, line->n, sizeof *line->args);
        line->args[line->n++] = (struct kl_arg){.text = text,
            .at = kl_piece_place((struct kl_piece){p.s, n, p.at}),
            .verbatim = kept == n};
        p = kl_piece_from(p, n);
    }
}

void kl_menu_initrds(struct kl_arena *a, struct kl_entry *e, const struct kl_arg *w, size_t from)
{
    for (const char *c = w->text + from; *c;) {
        size_t n = strcspn(c, ",");
        if (n) {
            e->initrds = kl_grow(a, e->initrds, e->ninitrds, sizeof *e->initrds);
            e->initrds[e->ninitrds++] = (struct kl_arg){.text = kl_strndup(a, c, n),
                .at = kl_arg_place(w, (size_t)(c - w->text), n),
                .verbatim = w->verbatim};
        }
        c += n + (c[n] == ',');
    }
}

void kl_menu_take_initrds(struct kl_arena *a, struct kl_entry *e, bool keep)
{
    size_t n = 0;
    for (size_t k = 0; k < e->line.n; k++) {
        const struct kl_arg *w = &e->line.args[k];
        if (!kl_starts(w->text, "initrd="))
            e->line.args[n++] = *w;
        else if (keep)
            kl_menu_initrds(a, e, w, strlen("initrd="));
    }
    e->line.n = n;
}

/* --- entries -----------------------------------------------------------------------------------*/

struct kl_entry *kl_menu_add(struct kl_arena *a, struct kl_menu *m)
{
    m->entries = kl_grow(a, m->entries, m->nentries, sizeof *m->entries);
    struct kl_entry *e = &m->entries[m->nentries++];
    *e = (struct kl_entry){.name = "", .complete = true};
    return e;
}

const char *kl_menu_base(const char *path)
{
    const char *base = path;
    for (const char *c = path; *c; c++)
        if (*c == '/' || *c == ':')
            base = c + 1;
    return base;
}

enum kl_entry_kind kl_menu_kind(const char *kernel)
{
    static const char *const others[] = {"memdisk", "memtest", "mt86", "wimboot", "ipxe", "gpxe",
        "undionly", "snponly", "pxelinux", "lpxelinux", "gpxelinux", "syslinux", "grub", "core.efi",
        "shim", "bootx64", "bootia32", "bootaa64", "shellx64", "netboot.xyz", "hdt", "tboot",
        "mboot", "pmagic.iso", NULL};
    static const char *const ends[] = {".iso", ".0", ".bin", ".bs", ".bss", ".com", ".cbt", ".c32",
        ".kpxe", ".lkrn", ".sys", NULL};
    const char *base = kl_menu_base(kernel);
    for (const char *const *o = others; *o; o++)
        if (strncasecmp(base, *o, strlen(*o)) == 0)
            return KL_ENTRY_OTHER;
    for (const char *const *o = ends; *o; o++)
        if (strlen(base) > strlen(*o) && strcasecmp(base + strlen(base) - strlen(*o), *o) == 0)
            return KL_ENTRY_OTHER;
    return KL_ENTRY_LINUX;
}
