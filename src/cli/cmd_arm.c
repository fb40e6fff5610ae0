/* kickline arm, kickline disarm: which hosts may be installed. All names are looked at before the
 * first is changed, so that a misspelt one changes nothing. */
#include "cli/cli.h"

#include "base/text.h"
#include "fleet/plan.h"
#include "journal/armed.h"
#include "serve/drop.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct job {
    struct kl_cli *cli;
    const char *command;
    bool list, all;
    const struct kl_fleet *fleet;
    struct kl_armed *state;
    char **hosts;
    int nhosts;
    char **kept; /* names of --all, owned */
    json_t *json;
};

enum { OPT_LIST = 1, OPT_ALL };

static bool each_option(void *arg, int opt, const char *value)
{
    (void)value;
    struct job *j = arg;
    j->list |= opt == OPT_LIST;
    j->all |= opt == OPT_ALL;
    return true;
}

static int failed(struct job *j, char *why)
{
    fprintf(stderr, "kickline %s: %s\n", j->command, why);
    free(why);
    return KL_COULD_NOT_RUN;
}

/* The state file; root makes it the server's own (serve/drop.h), so that the server can use it. */
static bool open_state(struct job *j)
{
    const struct kl_server *s = &j->fleet->server;
    struct kl_user u = {0};
    char *why = NULL;
    bool known = geteuid() == 0 && kl_user_find(s->user, &u, &why);
    free(why);
    why = NULL;
    if (kl_state_prepare(s->state, known ? &u : NULL, &why))
        j->state = kl_armed_open(s->state, &why);
    if (j->state)
        return true;
    failed(j, why);
    return false;
}

static const char *time_text(int64_t t, char out[static 32])
{
    time_t when = (time_t)t;
    struct tm tm;
    gmtime_r(&when, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

static void list_one(void *arg, const char *host, int64_t since)
{
    struct job *j = arg;
    char text[32];
    bool known = kl_fleet_host(j->fleet, host) != NULL;
    time_text(since, text);
    if (j->json)
        json_array_append_new(j->json, json_pack("{s:s,s:b,s:s,s:b}", "host", host, "armed", 1,
                                           "since", text, "known", known));
    else
        printf("%-40s since %s%s\n", host, text, known ? "" : "  (not in the inventory)");
}

static int list(struct job *j)
{
    char *why = NULL;
    if (!kl_armed_each(j->state, list_one, j, &why))
        return failed(j, why);
    return KL_FINE;
}

/* Can its boot be made at all? A host that cannot be installed is not armed. */
static bool can_install(struct job *j, const struct kl_host *h)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_plan plan;
    bool ok = kl_plan_make(a, j->fleet, h, true, KL_PLAN_ALL, &plan, d);
    if (!ok)
        kl_cli_print(j->cli, d);
    return ok;
}

static int check_for_arm(struct job *j)
{
    int result = KL_FINE;
    for (int i = 0; i < j->nhosts; i++) {
        const struct kl_host *h = kl_cli_host(j->fleet, j->hosts[i]);
        if (!h)
            result = KL_COULD_NOT_RUN;
        else if (!can_install(j, h) && result == KL_FINE)
            result = KL_FINDINGS;
    }
    if (result != KL_FINE)
        fputs("kickline arm: nothing was armed\n", stderr);
    return result;
}

/* A name that left the inventory can still be disarmed, if it is armed. */
static int check_for_disarm(struct job *j)
{
    int result = KL_FINE;
    for (int i = 0; i < j->nhosts; i++)
        if (kl_armed_get(j->state, j->hosts[i], NULL) != 1 && !kl_cli_host(j->fleet, j->hosts[i]))
            result = KL_COULD_NOT_RUN;
    if (result != KL_FINE)
        fputs("kickline disarm: nothing was disarmed\n", stderr);
    return result;
}

static int change(struct job *j, bool arm)
{
    char text[32], *why = NULL;
    int64_t now = time(NULL), since = now;
    for (int i = 0; i < j->nhosts; i++) {
        const char *host = j->hosts[i];
        bool ok =
            arm ? kl_armed_set(j->state, host, now, &why) : kl_armed_clear(j->state, host, &why);
        if (!ok)
            return failed(j, why);
        json_t *one = json_pack("{s:s,s:b}", "host", host, "armed", arm);
        if (arm && kl_armed_get(j->state, host, &since) == 1)
            json_object_set_new(one, "since", json_string(time_text(since, text)));
        if (j->json)
            json_array_append(j->json, one);
        else
            printf("%s %s\n", host,
                !arm           ? "is not armed: it boots its own disk"
                : since == now ? "is armed: its next network boot installs it"
                               : "was armed already");
        json_decref(one);
    }
    return KL_FINE;
}

static void keep_one(void *arg, const char *host, int64_t since)
{
    (void)since;
    struct job *j = arg;
    j->kept = kl_xrealloc(j->kept, ((size_t)j->nhosts + 1) * sizeof *j->kept);
    j->kept[j->nhosts++] = strdup(host);
}

static int take_all(struct job *j)
{
    char *why = NULL;
    j->nhosts = 0;
    if (!kl_armed_each(j->state, keep_one, j, &why))
        return failed(j, why);
    j->hosts = j->kept;
    return KL_FINE;
}

static int run(struct job *j, bool arm)
{
    if (arm && (j->list || !j->nhosts))
        return list(j);
    int result = j->all ? take_all(j) : arm ? check_for_arm(j) : check_for_disarm(j);
    return result == KL_FINE ? change(j, arm) : result;
}

static int start(struct job *j, int argc, char **argv, const struct option *own, bool arm)
{
    int code;
    int first = kl_cli_options(j->cli, argc, argv, own, each_option, j, &code);
    if (first < 0)
        return code;
    j->hosts = argv + first;
    j->nhosts = argc - first;
    if ((j->list || j->all) && j->nhosts) {
        fprintf(stderr, "kickline %s: --%s goes without host names\n", j->command,
            j->list ? "list" : "all");
        return KL_COULD_NOT_RUN;
    }
    if (!arm && !j->nhosts && !j->all) {
        fputs("kickline disarm: name the hosts, or say --all\n", stderr);
        return KL_COULD_NOT_RUN;
    }
    struct kl_fleet *f = kl_cli_fleet(j->cli);
    if (!f)
        return KL_COULD_NOT_RUN;
    j->fleet = f;
    if (j->cli->json)
        j->json = json_array();
    code = open_state(j) ? run(j, arm) : KL_COULD_NOT_RUN;
    if (j->json && code == KL_FINE) {
        json_dumpf(j->json, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(j->json);
    for (int i = 0; j->kept && i < j->nhosts; i++)
        free(j->kept[i]);
    free(j->kept);
    kl_armed_close(j->state);
    kl_fleet_free(f);
    return code;
}

int kl_cmd_arm(struct kl_cli *cli, int argc, char **argv)
{
    static const struct option own[] = {{"list", no_argument, NULL, OPT_LIST}, {0}};
    struct job j = {.cli = cli, .command = "arm"};
    return start(&j, argc, argv, own, true);
}

int kl_cmd_disarm(struct kl_cli *cli, int argc, char **argv)
{
    static const struct option own[] = {{"all", no_argument, NULL, OPT_ALL}, {0}};
    struct job j = {.cli = cli, .command = "disarm"};
    return start(&j, argc, argv, own, false);
}
