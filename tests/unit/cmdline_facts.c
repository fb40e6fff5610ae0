/* For tests/unit/test_oracle_parser.py: reads "RELEASE<tab>COMMAND LINE" lines, prints what
 * kl_cmdline_parse() makes of each as "LINK<tab>FIELD<tab>VALUE" lines, its diagnostics
 * as "!<tab>SEVERITY<tab>CODE<tab>MESSAGE", and "." after each. */
#include "net/facts.h"
#include "stage/stage.h"

#include <stdio.h>
#include <string.h>

static void answer(const char *release, const char *line)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const struct kl_release *r = kl_release_find(a, release, NULL);
    struct kl_intent *i = r ? kl_cmdline_parse(a, line, "cmdline", r, NULL, d) : NULL;
    struct kl_fact *f = NULL;
    size_t n = i ? kl_intent_facts(a, i, &f) : 0;
    for (size_t k = 0; k < n; k++)
        printf("%s\t%s\t%s\n", f[k].link ? f[k].link : "", f[k].field, f[k].value);
    const struct kl_diag *e;
    for (size_t k = 0; (e = kl_diags_at(d, k)); k++)
        printf("!\t%s\t%s\t%s\n", kl_severity_word[e->severity], e->code, e->message);
    puts(".");
}

int main(void)
{
    char text[8192];
    while (fgets(text, sizeof text, stdin)) {
        char *tab = strchr(text, '\t'), *end = strchr(text, '\n');
        if (!tab || !end)
            return 1;
        *tab = *end = '\0';
        answer(text, tab + 1);
    }
    return 0;
}
