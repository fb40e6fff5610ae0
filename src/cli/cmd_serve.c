/* kickline serve: the boot server; with --check, only the look at everything that it would serve.
 */
#include "cli/cli.h"

#include "base/text.h"
#include "fleet/plan.h"
#include "serve/daemon.h"
#include "serve/patched.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPT_CHECK = 1, OPT_FOREGROUND, OPT_DEBUG, OPT_NO_DHCP6, OPT_NO_HTTP, OPT_NO_TFTP };
enum { MOST_SHOWN = 50, PROGRESS_FROM = 1000 };

struct wish {
    bool check;
    struct kl_daemon_options daemon;
};

static bool each_option(void *arg, int opt, const char *value)
{
    (void)value;
    struct wish *w = arg;
    w->check |= opt == OPT_CHECK;
    w->daemon.debug |= opt == OPT_DEBUG;
    w->daemon.no_dhcp6 |= opt == OPT_NO_DHCP6;
    w->daemon.no_http |= opt == OPT_NO_HTTP;
    w->daemon.no_tftp |= opt == OPT_NO_TFTP;
    return true;
}

struct tally {
    struct kl_cli *cli;
    size_t bad, warned; /* hosts */
};

static void show(struct tally *t, const struct kl_host *h, struct kl_diags *d)
{
    size_t shown = t->bad + t->warned;
    if (t->cli->json) {
        printf("%s{\"host\": \"%s\", \"diagnostics\": ", shown > 1 ? "," : "", h->name);
        kl_diags_sort(d);
        kl_diags_json(d, stdout);
        puts("}");
    } else if (shown <= MOST_SHOWN) {
        kl_cli_print(t->cli, d);
    } else if (shown == MOST_SHOWN + 1) {
        fputs("kickline serve: further hosts with findings are only counted\n", stderr);
    }
}

/* Each host has an arena and diagnostics of its own: a fleet of any size is checked in the memory
 * of one plan. */
static void check_host(struct tally *t, const struct kl_fleet *f, const struct kl_host *h,
    const struct kl_patched *patched)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_plan plan;
    kl_plan_make(a, f, h, true, KL_PLAN_ALL, &plan, d);
    const struct kl_patched_tree *tree = kl_patched_of(patched, f, h->set);
    const char *broken = tree ? kl_patched_broken(tree) : NULL;
    if (broken)
        kl_diag(d, KL_ERROR, "patch-failed", h->at, NULL, "%s: its tree could not be patched: %s",
            h->name, broken);
    bool bad = kl_diags_count(d, KL_ERROR) > 0, warned = kl_diags_count(d, KL_WARNING) > 0;
    t->bad += bad;
    t->warned += warned && !bad;
    if (bad || warned)
        show(t, h, d);
}

static int check(struct kl_cli *cli, const struct kl_fleet *f)
{
    struct tally t = {.cli = cli};
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_patched *patched KL_PATCHED_SCOPE = kl_patched_new(f, NULL, d);
    if (!cli->json)
        kl_cli_print(cli, d);
    bool progress = f->nhosts >= PROGRESS_FROM && isatty(2);
    if (cli->json)
        puts("[");
    for (size_t i = 0; i < f->nhosts; i++) {
        check_host(&t, f, &f->hosts[i], patched);
        if (progress && i % 500 == 0)
            fprintf(stderr, "\r%zu of %zu hosts", i, f->nhosts);
    }
    if (progress)
        fputs("\r\033[K", stderr);
    if (cli->json)
        puts("]");
    else
        printf("%zu host%s: %zu can be installed, %zu of them with a warning; %zu cannot\n",
            f->nhosts, f->nhosts == 1 ? "" : "s", f->nhosts - t.bad, t.warned, t.bad);
    return t.bad || t.warned ? KL_FINDINGS : KL_FINE;
}

int kl_cmd_serve(struct kl_cli *cli, int argc, char **argv)
{
    static const struct option own[] = {
        {"check", no_argument, NULL, OPT_CHECK},
        {"foreground", no_argument, NULL, OPT_FOREGROUND},
        {"debug", no_argument, NULL, OPT_DEBUG},
        {"no-dhcp6", no_argument, NULL, OPT_NO_DHCP6},
        {"no-http", no_argument, NULL, OPT_NO_HTTP},
        {"no-tftp", no_argument, NULL, OPT_NO_TFTP},
        {0},
    };
    struct wish w = {0};
    int code;
    int first = kl_cli_options(cli, argc, argv, own, each_option, &w, &code);
    if (first < 0)
        return code;
    if (first < argc) {
        fprintf(stderr, "kickline serve: it serves every host; '%s' is one word too many\n",
            argv[first]);
        return KL_COULD_NOT_RUN;
    }
    struct kl_fleet *f = kl_cli_fleet(cli);
    if (!f)
        return KL_COULD_NOT_RUN;
    if (w.check) {
        code = check(cli, f);
        kl_fleet_free(f);
        return code;
    }
    char *inventory = strdup(f->file);
    w.daemon.inventory = inventory;
    bool ok = kl_daemon_run(f, &w.daemon);
    free(inventory);
    return ok ? KL_FINE : KL_COULD_NOT_RUN;
}
