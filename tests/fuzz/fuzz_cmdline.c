/* Any kernel command line, for any release: reading it ends; every place, of a fact or of a
 * finding, lies within the text; and what was read, where it can be written at all, is written so
 * that it is read as the same network again. */
#include "stage/read.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct kl_release *release_for(struct kl_arena *a, uint8_t pick)
{
    static const char *const names[] = {"rhel-7.0", "rhel-7.2", "rhel-7.4", "rhel-7.9", "rhel-8.0",
        "rhel-8.2", "rhel-8.3", "rhel-8.4", "rhel-8.6", "rhel-9.4", "rhel-10.1", "fedora-44",
        "rhel-6.10"};
    return kl_release_find(a, names[pick % (sizeof names / sizeof *names)], NULL);
}

static void same_again(struct kl_arena *a, const struct kl_intent *read, const struct kl_release *r,
    const struct kl_install *what)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_buf line KL_BUF_SCOPE = {0};
    const struct kl_install only = {
        .kickstart = what->kickstart, .repo = what->repo, .stage2 = what->stage2};
    if (!kl_cmdline_render(read, r, &only, &line, d) || kl_diags_count(d, KL_WARNING))
        return;
    struct kl_intent *again = kl_cmdline_parse(a, kl_buf_text(&line), "again", r, NULL, d);
    if (!again)
        abort();
    /* name servers are only written for families in use; hostnames only where they survive */
    const struct kl_compare how = {
        .install_only = true, .skip_mac = true, .skip_hostname = !again->hostname};
    struct kl_difference *diff;
    if (kl_intent_compare(a, read, again, &how, &diff) == 0)
        return;
    fprintf(stderr, "%s: %s\n%s.%s: '%s', then '%s'\n", kl_release_name(a, r), kl_buf_text(&line),
        diff->link ? diff->link : "", diff->field, diff->a, diff->b);
    abort();
}

static void within(const char *text, struct kl_place at)
{
    if (!at.file || at.line == 0)
        return;
    const char *line = text;
    for (unsigned k = 1; k < at.line; k++) {
        line = strchr(line, '\n');
        if (!line++)
            abort();
    }
    if (at.col < 1 || at.col - 1 + (size_t)at.width > strcspn(line, "\n"))
        abort();
}

static void all_within(const char *text, const struct kl_intent *i, const struct kl_diags *d)
{
    const struct kl_diag *e;
    for (size_t k = 0; k < i->nsaid; k++)
        within(text, i->said[k].at);
    for (size_t k = 0; k < i->nlinks; k++)
        within(text, i->links[k].at);
    for (size_t k = 0; (e = kl_diags_at(d, k)); k++) {
        within(text, e->at);
        within(text, e->also);
        for (size_t n = 0; n < e->nedits; n++)
            within(text, e->edits[n].at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const struct kl_release *r = release_for(a, data[0]);
    char *line = kl_strndup(a, (const char *)data + 1, size - 1);
    struct kl_install what;
    struct kl_cmdline words = kl_cmdline_words(a, line, "cmdline", d);
    struct kl_intent *i = kl_cmdline_read(a, &words, r, &what, d);
    all_within(line, i, d);
    same_again(a, i, r, &what);
    return 0;
}
