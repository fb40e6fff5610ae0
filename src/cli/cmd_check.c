/* kickline check: are the stages in lockstep? Of files that somebody wrote, or of what the
 * inventory would render. */
#include "cli/cli.h"

#include "base/text.h"
#include "check/check.h"
#include "fleet/fleet.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OPT_CMDLINE = 2000,
    OPT_RELEASE,
    OPT_MAP,
    OPT_FORMAT,
    OPT_FIX,
    OPT_DRY_RUN,
    OPT_NICS,
    OPT_SEVERITY,
    OPT_HOST,
    OPT_CODES,
    OPT_EXPLAIN,
};

static const struct option own[] = {
    {"cmdline", required_argument, NULL, OPT_CMDLINE},
    {"release", required_argument, NULL, OPT_RELEASE},
    {"map", required_argument, NULL, OPT_MAP},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"fix", no_argument, NULL, OPT_FIX},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"nics", required_argument, NULL, OPT_NICS},
    {"severity", required_argument, NULL, OPT_SEVERITY},
    {"host", required_argument, NULL, OPT_HOST},
    {"codes", no_argument, NULL, OPT_CODES},
    {"explain", required_argument, NULL, OPT_EXPLAIN},
    {NULL, 0, NULL, 0},
};

struct job {
    struct kl_cli *cli;
    struct kl_arena *a;
    struct kl_check_options o;
    const char **cmdlines, **hosts;
    size_t nhosts;
    struct kl_map *maps;
    enum kl_report_format format;
    enum kl_severity least; /* what is shown */
    bool fix, dry_run, codes;
    const char *explain;
    struct kl_report *report;
    struct kl_fixes *fixes;
    size_t grave, mendable; /* findings that are more than notes; those of them with a mend */
    bool progress;
};

/* --- options -----------------------------------------------------------------------------------*/

static bool take_map(struct job *j, const char *value)
{
    /* The URL may hold '=' in its query: the path is what follows the last one. */
    const char *equals = strrchr(value, '=');
    if (!equals || equals == value || !equals[1]) {
        fprintf(stderr, "kickline check: --map takes URL=PATH, not '%s'\n", value);
        return false;
    }
    j->maps = kl_grow(j->a, j->maps, j->o.nmaps, sizeof *j->maps);
    j->maps[j->o.nmaps++] =
        (struct kl_map){kl_strndup(j->a, value, (size_t)(equals - value)), equals + 1};
    return true;
}

static bool take_release(struct job *j, const char *value)
{
    const char *why = NULL;
    j->o.release = kl_release_find(j->a, value, &why);
    if (!j->o.release)
        fprintf(stderr, "kickline check: --release: %s\n", why);
    return j->o.release;
}

static int one_of(const char *option, const char *value, const char *const *names)
{
    for (int k = 0; names[k]; k++)
        if (kl_streq(value, names[k]))
            return k;
    const char *near = kl_nearest(value, names);
    fprintf(stderr, "kickline check: %s does not take '%s'", option, value);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    fputs("\nIt takes", stderr);
    for (int k = 0; names[k]; k++)
        fprintf(stderr, "%s %s", k ? "," : "", names[k]);
    fputs(".\n", stderr);
    return -1;
}

static bool take_number(struct job *j, const char *value)
{
    unsigned long n;
    bool ok = kl_number(value, 256, &n);
    if (ok)
        j->o.nics = (unsigned)n;
    else
        fprintf(stderr, "kickline check: --nics takes a number up to 256, not '%s'\n", value);
    return ok;
}

static bool each(void *arg, int opt, const char *value)
{
    static const char *const formats[] = {"text", "json", "sarif", "github", NULL};
    static const char *const severities[] = {"note", "warning", "error", NULL};
    struct job *j = arg;
    int n;
    switch (opt) {
    case OPT_CMDLINE:
        j->cmdlines = kl_grow(j->a, j->cmdlines, j->o.ncmdlines, sizeof *j->cmdlines);
        j->cmdlines[j->o.ncmdlines++] = value;
        return true;
    case OPT_HOST:
        j->hosts = kl_grow(j->a, j->hosts, j->nhosts, sizeof *j->hosts);
        j->hosts[j->nhosts++] = value;
        return true;
    case OPT_RELEASE:
        return take_release(j, value);
    case OPT_MAP:
        return take_map(j, value);
    case OPT_FORMAT:
        n = one_of("--format", value, formats);
        j->format = n < 0 ? KL_REPORT_TEXT : (enum kl_report_format)n;
        return n >= 0;
    case OPT_SEVERITY:
        n = one_of("--severity", value, severities);
        j->least = n < 0 ? KL_NOTE : (enum kl_severity)n;
        return n >= 0;
    case OPT_NICS:
        return take_number(j, value);
    case OPT_FIX:
        j->fix = true;
        return true;
    case OPT_DRY_RUN:
        j->dry_run = true;
        return true;
    case OPT_CODES:
        j->codes = true;
        return true;
    default:
        j->explain = value;
        return true;
    }
}

/* --- what is known -----------------------------------------------------------------------------*/

static int list_codes(const struct job *j)
{
    static const char *const groups[] = {
        "between stages", "within one", "by reasoning", "reading", NULL};
    bool plain = j->format != KL_REPORT_TEXT;
    for (const char *const *g = groups; *g; g++) {
        if (!plain)
            printf("%s%s:\n", g == groups ? "" : "\n", *g);
        for (const struct kl_code *c = kl_codes; c->code; c++)
            if (kl_streq(c->group, *g))
                printf(plain ? "%s\t%s\n" : "  %-22s %s\n", c->code, c->title);
    }
    return KL_FINE;
}

static int explain(const char *word)
{
    const struct kl_code *c = kl_code(word);
    if (c) {
        printf("%s: %s.\n\n%s\n", c->code, c->title, c->help);
        return KL_FINE;
    }
    const char *names[512] = {NULL};
    for (size_t k = 0; kl_codes[k].code && k < 511; k++)
        names[k] = kl_codes[k].code;
    const char *near = kl_nearest(word, names);
    fprintf(stderr, "kickline check: there is no code '%s'", word);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    fputs("\nkickline check --codes lists them all.\n", stderr);
    return KL_COULD_NOT_RUN;
}

/* --- the run -----------------------------------------------------------------------------------*/

static bool grave_enough(void *arg, const struct kl_diag *one)
{
    const struct job *j = arg;
    return one->severity >= j->least;
}

static void clear_progress(const struct job *j)
{
    if (j->progress)
        fputs("\r\033[K", stderr);
}

static void found(void *arg, struct kl_diags *d)
{
    struct job *j = arg;
    const struct kl_diag *one;
    kl_diags_keep(d, 0, grave_enough, j);
    for (size_t k = 0; (one = kl_diags_at(d, k)); k++)
        if (one->severity > KL_NOTE) {
            j->grave++;
            j->mendable += one->nedits > 0;
        }
    if (j->fixes)
        kl_fixes_add(j->fixes, d);
    kl_cli_know_files(d);
    if (kl_diags_at(d, 0))
        clear_progress(j);
    kl_report_add(j->report, d);
}

static void progress(void *arg, size_t done, size_t all)
{
    const struct job *j = arg;
    if (j->progress && all >= 200 && (done % 50 == 0 || done == all))
        fprintf(stderr, "\rchecking: %zu of %zu (%zu %%)\033[K", done, all, done * 100 / all);
}

static bool is_inventory(const struct job *j)
{
    if (!j->o.npaths && !j->o.ncmdlines)
        return true;
    return j->o.npaths == 1 && !j->o.ncmdlines &&
           (kl_ends(j->o.paths[0], ".yaml") || kl_ends(j->o.paths[0], ".yml"));
}

/* The inventory and, of its hosts, those that were asked for; NULL when it has been said why not.
 */
static struct kl_fleet *inventory(struct job *j, const struct kl_host ***hosts)
{
    if (j->o.npaths)
        j->cli->inventory = j->o.paths[0];
    if (j->o.release || j->o.nmaps || j->fix) {
        fputs("kickline check: --release, --map and --fix are for files; an inventory says its "
              "releases itself\n",
            stderr);
        return NULL;
    }
    struct kl_fleet *f KL_FLEET_SCOPE = kl_cli_fleet(j->cli);
    *hosts = kl_alloc(j->a, (j->nhosts + 1) * sizeof **hosts);
    for (size_t k = 0; f && k < j->nhosts; k++) {
        (*hosts)[k] = kl_cli_host(f, j->hosts[k]);
        if (!(*hosts)[k])
            return NULL;
    }
    struct kl_fleet *out = f;
    f = NULL;
    return out;
}

/* Why what has a mend is not mended. */
static void say_skipped(const struct kl_fixes *f)
{
    size_t homeless = kl_fixes_homeless(f), others = kl_fixes_skipped(f) - homeless;
    if (homeless)
        fprintf(stderr,
            "kickline check: %zu mend%s not made: a --cmdline is no file; change it "
            "yourself\n",
            homeless, homeless == 1 ? " is" : "s are");
    if (others)
        fprintf(stderr, "kickline check: %zu mend%s not made: %s with others; run it again\n",
            others, others == 1 ? " is" : "s are", others == 1 ? "it overlaps" : "they overlap");
}

/* What was mended; the exit code of the whole. */
static int mend(struct job *j)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    say_skipped(j->fixes);
    if (j->dry_run) {
        kl_fixes_patch(j->fixes, stdout);
        return j->grave ? KL_FINDINGS : KL_FINE;
    }
    size_t mends = kl_fixes_count(j->fixes), files = kl_fixes_write(j->fixes, d);
    kl_cli_print(j->cli, d);
    if (kl_diags_count(d, KL_ERROR))
        return KL_COULD_NOT_RUN;
    fprintf(stderr, "%zu finding%s mended in %zu file%s", mends, mends == 1 ? "" : "s", files,
        files == 1 ? "" : "s");
    if (j->grave > j->mendable)
        fputs("; what is left needs a decision that only you can make", stderr);
    fputs(".\n", stderr);
    return j->grave > j->mendable || kl_fixes_skipped(j->fixes) ? KL_FINDINGS : KL_FINE;
}

static int run(struct job *j)
{
    struct kl_check_result result;
    bool ran = true, patch = j->fix && j->dry_run, files = !is_inventory(j);
    const struct kl_host **hosts = NULL;
    struct kl_fleet *f KL_FLEET_SCOPE = files ? NULL : inventory(j, &hosts);
    if (!files && !f)
        return KL_COULD_NOT_RUN;
    j->progress = isatty(2);
    j->report = kl_report_new(
        patch ? stderr : stdout, j->format, patch ? j->cli->colour_err : j->cli->colour_out);
    j->fixes = j->fix ? kl_fixes_new() : NULL;
    if (files)
        ran = kl_check_paths(&j->o, found, progress, j, &result);
    else
        kl_check_fleet(f, j->nhosts ? hosts : NULL, j->nhosts, found, progress, j, &result);
    clear_progress(j);
    kl_report_end(j->report, &result);
    int exit_code = j->fixes ? mend(j) : j->grave ? KL_FINDINGS : KL_FINE;
    kl_fixes_free(j->fixes);
    return ran ? exit_code : KL_COULD_NOT_RUN;
}

int kl_cmd_check(struct kl_cli *cli, int argc, char **argv)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct job j = {.cli = cli, .a = a};
    int exit_code;
    int first = kl_cli_options(cli, argc, argv, own, each, &j, &exit_code);
    if (first < 0)
        return exit_code;
    if (cli->json)
        j.format = KL_REPORT_JSON;
    if (j.codes)
        return list_codes(&j);
    if (j.explain)
        return explain(j.explain);
    if (j.dry_run && !j.fix) {
        fputs("kickline check: --dry-run goes with --fix\n", stderr);
        return KL_COULD_NOT_RUN;
    }
    j.o.paths = (const char *const *)argv + first;
    j.o.npaths = (size_t)(argc - first);
    j.o.cmdlines = j.cmdlines;
    j.o.maps = j.maps;
    return run(&j);
}
