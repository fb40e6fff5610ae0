/* Parse, render, parse again: the same intent, for every language and every release that Kickline
 * installs. Where a renderer refuses an intent it must refuse it for a reason that the first round
 * would have shown: what was parsed from a rendered text can be rendered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "random_intent.h"

#include "net/facts.h"
#include "stage/read.h"

#include <stdio.h>
#include <string.h>

enum { SEEDS = 24 };

/* One language, as text from an intent and back. NULL: it cannot be said. */
struct language {
    const char *name;
    const char *(*render)(struct kl_arena *a, const struct kl_intent *i, const struct kl_release *r,
        struct kl_diags *d);
    struct kl_intent *(*parse)(
        struct kl_arena *a, const char *text, const struct kl_release *r, struct kl_diags *d);
};

static const char *render_line(
    struct kl_arena *a, const struct kl_intent *i, const struct kl_release *r, struct kl_diags *d)
{
    struct kl_buf out KL_BUF_SCOPE = {0};
    struct kl_install what = {.kickstart = "http://192.0.2.1/ks.cfg"};
    return kl_cmdline_render(i, r, &what, &out, d) ? kl_strdup(a, kl_buf_text(&out)) : NULL;
}

static struct kl_intent *parse_line(
    struct kl_arena *a, const char *text, const struct kl_release *r, struct kl_diags *d)
{
    struct kl_install what;
    struct kl_cmdline line = kl_cmdline_words(a, text, "line", d);
    return kl_cmdline_read(a, &line, r, &what, d);
}

static const char *render_kickstart(
    struct kl_arena *a, const struct kl_intent *i, const struct kl_release *r, struct kl_diags *d)
{
    struct kl_buf out KL_BUF_SCOPE = {0};
    return kl_kickstart_render(i, r, NULL, NULL, &out, d) ? kl_strdup(a, kl_buf_text(&out)) : NULL;
}

static struct kl_intent *parse_kickstart(
    struct kl_arena *a, const char *text, const struct kl_release *r, struct kl_diags *d)
{
    return kl_kickstart_parse(a, text, "ks.cfg", r, d);
}

/* Files as one text: a line with the path, then the file, then a line that no file has. */
static const char end_mark[] = "\n==end==\n";

static const char *render_system(
    struct kl_arena *a, const struct kl_intent *i, const struct kl_release *r, struct kl_diags *d)
{
    struct kl_buf out KL_BUF_SCOPE = {0};
    struct kl_file *files;
    size_t n;
    if (!kl_system_render(a, i, r, &files, &n, d))
        return NULL;
    for (size_t k = 0; k < n; k++)
        kl_buf_addf(&out, "%s\n%s%s", files[k].path, files[k].text, end_mark);
    return kl_strdup(a, kl_buf_text(&out));
}

static struct kl_intent *parse_system(
    struct kl_arena *a, const char *text, const struct kl_release *r, struct kl_diags *d)
{
    struct kl_file files[64];
    size_t n = 0;
    for (const char *s = text; *s && n < 64;) {
        const char *line = strchr(s, '\n'), *end = strstr(s, end_mark);
        files[n++] = (struct kl_file){.path = kl_strndup(a, s, (size_t)(line - s)),
            .text = kl_strndup(a, line + 1, (size_t)(end - line - 1))};
        s = end + strlen(end_mark);
    }
    struct kl_intent *i = kl_system_parse(a, files, n, r, d);
    return i;
}

static const struct language languages[] = {
    {"kernel line", render_line, parse_line},
    {"kickstart", render_kickstart, parse_kickstart},
    {"installed files", render_system, parse_system},
};
enum { LANGUAGES = sizeof languages / sizeof *languages };

static void assert_same(struct kl_arena *a, const struct kl_intent *x, const struct kl_intent *y,
    const char *text, const char *what)
{
    struct kl_fact *fx, *fy;
    size_t nx = kl_intent_facts(a, x, &fx), ny = kl_intent_facts(a, y, &fy);
    for (size_t k = 0; k < nx || k < ny; k++)
        if (k >= nx || k >= ny || !kl_streq(fx[k].link, fy[k].link) ||
            !kl_streq(fx[k].field, fy[k].field) || !kl_streq(fx[k].value, fy[k].value))
            fail_msg("%s: first %s %s = %s, then %s %s = %s\n%s", what,
                k < nx && fx[k].link ? fx[k].link : "host", k < nx ? fx[k].field : "-",
                k < nx ? fx[k].value : "-", k < ny && fy[k].link ? fy[k].link : "host",
                k < ny ? fy[k].field : "-", k < ny ? fy[k].value : "-", text);
    if (!kl_streq(x->install, y->install))
        fail_msg("%s: the install link was %s, then %s\n%s", what, x->install, y->install, text);
}

/* True when the language could say the intent at all. */
static bool round_trip(const struct language *l, unsigned seed, const struct kl_release *r)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const char *text = l->render(a, random_intent(a, seed), r, d);
    if (!text)
        return false;
    const char *what = kl_sprintf(a, "%s of %s, seed %u", l->name, kl_release_name(a, r), seed);
    struct kl_intent *first = l->parse(a, text, r, d);
    assert_non_null(first);
    const char *again = l->render(a, first, r, d);
    if (!again) {
        kl_diags_print(d, stderr, false, 0);
        fail_msg("%s: what was read cannot be written again\n%s", what, text);
    }
    struct kl_intent *second = l->parse(a, again, r, d);
    assert_non_null(second);
    assert_same(a, first, second, text, what);
    return true;
}

static void parse_render_parse(void **state)
{
    (void)state;
    const struct kl_release *r;
    size_t said[LANGUAGES] = {0};
    for (size_t k = 0; (r = kl_release_row(k)); k++) {
        if (r->el < 7)
            continue; /* read, never written */
        for (size_t l = 0; l < LANGUAGES; l++) {
            size_t before = said[l];
            for (unsigned seed = 1; seed <= SEEDS; seed++)
                said[l] += round_trip(&languages[l], seed * 31 + (unsigned)k, r);
            if (said[l] == before)
                fail_msg("%s says no intent at all for release %zu", languages[l].name, k);
        }
    }
    for (size_t l = 0; l < LANGUAGES; l++)
        printf("%s: %zu intents\n", languages[l].name, said[l]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parse_render_parse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
