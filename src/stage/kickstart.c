/* A user's kickstart with Kickline's part in it.
 *
 * The user's bytes pass through, all of them but `network` commands: those are replaced, in the
 * place of the first, by a section between marks (kickstart_lines.c). Where the commands cannot say
 * what is meant, marked %pre and %post follow at the end, where no later script undoes them
 * (kickstart_network.c says when, kickstart_script.c what they do). Sections that Kickline wrote
 * earlier are taken out first, so rendering twice is rendering once.
 *
 * A file with line ends of DOS keeps them, and the commands get them too; scripts do not, for a
 * shell takes the carriage return for a part of the command.
 */
#include "stage/kickstart.h"
#include "stage/system.h"

#include <string.h>

struct stripped {
    struct kl_buf *text; /* what is the user's own */
    size_t at;           /* where the network section goes */
    bool found;          /* ... because `network` commands were there */
    bool own;            /* sections of Kickline's own were there */
    size_t section;      /* start of the first %section; SIZE_MAX: none */
    unsigned includes;   /* line of the first %include; 0: none */
    unsigned open;       /* line of a %section that has no %end; 0: none */
};

/* `place`: where in `user` the network section is to go, if that is known already; else SIZE_MAX.
 */
static void strip(const char *user, size_t place, struct stripped *out)
{
    struct kl_ks_scan scan = kl_ks_scan(user);
    struct kl_ks_unit u;
    out->section = SIZE_MAX;
    unsigned section = 0;
    while (kl_ks_next(&scan, &u)) {
        if (u.kind == KL_KS_SECTION)
            section = u.line;
        if (u.kind == KL_KS_OWN && u.joined && out->text->len)
            out->text->s[--out->text->len] = '\0';
        bool network =
            u.kind == KL_KS_NETWORK || (u.kind == KL_KS_OWN && strcmp(u.own, "network") == 0);
        if ((place == SIZE_MAX ? network : (size_t)(u.start - user) >= place) && !out->found) {
            out->found = true;
            out->at = out->text->len;
        }
        out->own |= u.kind == KL_KS_OWN;
        if (u.kind == KL_KS_NETWORK || u.kind == KL_KS_OWN)
            continue;
        if (u.kind == KL_KS_SECTION && out->section == SIZE_MAX)
            out->section = out->text->len;
        if (u.kind == KL_KS_INCLUDE && !out->includes)
            out->includes = u.line;
        kl_buf_addn(out->text, u.start, u.len);
    }
    out->open = scan.in_section ? section : 0;
    if (!out->found)
        out->at = out->section != SIZE_MAX && place == SIZE_MAX ? out->section : out->text->len;
}

/* Until nothing is left to take out: what stood around one section may, without it, be another. */
static void strip_all(const char *user, struct kl_buf *text, struct stripped *out)
{
    struct kl_buf from KL_BUF_SCOPE = {0};
    size_t place = SIZE_MAX;
    unsigned includes = 0;
    kl_buf_add(&from, user);
    do {
        kl_buf_clear(text);
        *out = (struct stripped){.text = text};
        strip(from.s, place, out);
        if (out->found || place != SIZE_MAX)
            place = out->at;
        includes = includes ? includes : out->includes;
        kl_buf_clear(&from);
        kl_buf_addn(&from, kl_buf_text(text), text->len);
    } while (out->own);
    out->includes = includes;
}

static const char *line_end(const char *text)
{
    const char *end =
        strchrnul(text, '\n'); /* of a first line that has none, what there is of it */
    return end > text && end[-1] == '\r' ? "\r\n" : "\n";
}

static bool needs_line_end(const char *text, size_t len)
{
    return len && text[len - 1] != '\n';
}

/* What follows the user's part, if anything must. */
static bool add_scripts(struct kl_arena *a, const struct kl_intent *i, const struct kl_release *r,
    struct kl_buf *out, struct kl_diags *d)
{
    const struct kl_link *install = kl_ks_install_link(i);
    const char *const *reasons = kl_ks_reasons(a, i, r);
    if (install && kl_static_with_ra(&install->ip6))
        kl_ks_pre(out, install->name, needs_line_end(kl_buf_text(out), out->len));
    if (!*reasons)
        return true;
    struct kl_file *files;
    size_t nfiles;
    if (!kl_system_render(a, i, r, &files, &nfiles, d))
        return false;
    kl_ks_post(out, i, r, files, nfiles, reasons, needs_line_end(kl_buf_text(out), out->len));
    return true;
}

static void add_network(struct kl_buf *out, const char *lines, const char *eol)
{
    if (!*lines)
        return;
    kl_ks_begin(out, "network", needs_line_end(kl_buf_text(out), out->len), eol);
    kl_buf_add(out, lines);
    kl_ks_end(out, "network", eol);
}

bool kl_kickstart_render(const struct kl_intent *i, const struct kl_release *r, const char *user,
    const char *user_file, struct kl_buf *out, struct kl_diags *d)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_buf own KL_BUF_SCOPE = {0}, lines KL_BUF_SCOPE = {0}, text KL_BUF_SCOPE = {0};
    struct stripped s;
    user = user ? user : "";
    strip_all(user, &own, &s);
    if (s.includes)
        kl_diag(d, KL_NOTE, "kickstart-include", (struct kl_place){user_file, s.includes, 1, 1},
            "see that what it includes has no network command",
            "what this line includes is not looked into");
    if (s.open) {
        kl_diag(d, KL_ERROR, "kickstart-no-end", (struct kl_place){user_file, s.open, 1, 1},
            "add %end after its last line", "this section is never ended");
        return false;
    }
    const char *eol = line_end(user);
    if (!kl_intent_renderable(i, r, d) || !kl_ks_network(a, i, r, eol, &lines, d))
        return false;
    kl_buf_addn(&text, kl_buf_text(&own), s.at);
    add_network(&text, kl_buf_text(&lines), eol);
    kl_buf_addn(&text, kl_buf_text(&own) + s.at, own.len - s.at);
    if (!add_scripts(a, i, r, &text, d))
        return false;
    kl_buf_addn(out, kl_buf_text(&text), text.len);
    return true;
}
