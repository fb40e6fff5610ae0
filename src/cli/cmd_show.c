/* kickline show HOST: the stages side by side.
 *
 * Each column is read back from the text that the stage will be given, by that stage's own parser
 * for this release. A cell says nothing more where the stage agrees with the inventory, the value
 * where it does not, and a dot where the stage's language cannot say it, or need not. */
#include "cli/cli.h"
#include "cli/print.h"

#include "base/text.h"
#include "fleet/plan.h"
#include "net/facts.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { INVENTORY, INITRD, INSTALLER, SYSTEM, STAGES };
static const char *const stage_names[] = {"inventory", "initrd", "installer", "system"};
static const char *const stage_titles[] = {"inventory", "initrd", "kickstart", "system"};

struct view {
    const struct kl_intent *intent; /* NULL: this stage could not be rendered */
    struct kl_fact *facts;
    size_t nfacts;
    struct kl_difference *differences; /* a: the inventory's, b: this stage's */
    size_t ndifferences;
};

struct row {
    const char *link, *field;
};

enum verdict { SAME, DIFFERS, SILENT };

/* What a stage's language cannot say, or need not: its silence there is no disagreement
 * (docs/boot-stages.md sections 1 and 3; docs/architecture.md, decisions 4 and 5). */
static bool may_be_silent(int stage, const struct kl_link *link, const char *field)
{
    bool nic = link && link->kind == KL_ETHERNET;
    if (kl_streq(field, "mac"))
        return stage != SYSTEM || nic;
    if (stage == INITRD)
        return kl_streq(field, "search") || kl_streq(field, "hostname") ||
               (link && link->kind == KL_BRIDGE && kl_starts(field, "option "));
    if (stage == INSTALLER)
        return kl_streq(field, "search") || kl_streq(field, "routes") ||
               (nic && kl_streq(field, "kind"));
    return nic && !kl_link_has_ip(link); /* a NIC that nothing uses has no file */
}

static void hold_against_inventory(struct kl_arena *a, struct view *views, int stage)
{
    static const struct kl_compare how[STAGES] = {[INITRD] = {.install_only = true}};
    struct view *v = &views[stage];
    const struct kl_intent *said = views[INVENTORY].intent;
    struct kl_difference *all;
    size_t n = v->intent ? kl_intent_compare(a, said, v->intent, &how[stage], &all) : 0;
    for (size_t i = 0; i < n; i++) {
        if (!*all[i].b && may_be_silent(stage, kl_link_find(said, all[i].link), all[i].field))
            continue;
        v->differences = kl_grow(a, v->differences, v->ndifferences, sizeof *all);
        v->differences[v->ndifferences++] = all[i];
    }
}

static enum verdict judge(const struct view *v, const struct row *r)
{
    for (size_t i = 0; i < v->ndifferences; i++)
        if (kl_streq(v->differences[i].link, r->link) &&
            strcmp(v->differences[i].field, r->field) == 0)
            return DIFFERS;
    return kl_fact_value(v->facts, v->nfacts, r->link, r->field) ? SAME : SILENT;
}

static size_t all_rows(struct kl_arena *a, const struct view *views, struct row **out)
{
    struct row *rows = NULL;
    size_t n = 0;
    for (int s = 0; s < STAGES; s++) {
        for (size_t k = 0; k < views[s].nfacts; k++) {
            const struct kl_fact *f = &views[s].facts[k];
            size_t i = 0, after = n;
            for (; i < n; i++) {
                if (!kl_streq(rows[i].link, f->link))
                    continue;
                after = i + 1; /* a further fact of a link stands below its others */
                if (strcmp(rows[i].field, f->field) == 0)
                    break;
            }
            if (i < n)
                continue;
            rows = kl_grow(a, rows, n, sizeof *rows);
            memmove(rows + after + 1, rows + after, (n - after) * sizeof *rows);
            rows[after] = (struct row){f->link, f->field};
            n++;
        }
    }
    *out = rows;
    return n;
}

static void read_back(struct kl_arena *a, const struct kl_plan *p, struct view *views)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    views[INVENTORY].intent = p->host->intent;
    if (p->cmdline)
        views[INITRD].intent = kl_cmdline_parse(a, p->cmdline, "cmdline", p->release, NULL, d);
    if (p->kickstart)
        views[INSTALLER].intent = kl_kickstart_parse(a, p->kickstart, "kickstart", p->release, d);
    if (p->files)
        views[SYSTEM].intent = kl_system_parse(a, p->files, p->nfiles, p->release, d);
    for (int s = 0; s < STAGES; s++)
        if (views[s].intent)
            views[s].nfacts = kl_intent_facts(a, views[s].intent, &views[s].facts);
}

static struct kl_cell cell_for(const struct view *views, int stage, const struct row *r)
{
    const char *value = kl_fact_value(views[stage].facts, views[stage].nfacts, r->link, r->field);
    if (stage == INVENTORY)
        return (struct kl_cell){value ? value : "–", value ? KL_PLAIN : KL_DIM};
    if (!views[stage].intent)
        return (struct kl_cell){"not rendered", KL_RED};
    switch (judge(&views[stage], r)) {
    case SAME:
        return (struct kl_cell){"✓", KL_GREEN};
    case SILENT:
        return (struct kl_cell){"·", KL_DIM};
    case DIFFERS:
        break;
    }
    return (struct kl_cell){value ? value : "✗ says nothing", KL_RED};
}

static void print_table(struct kl_cli *cli, struct kl_arena *a, const struct view *views,
    const struct row *rows, size_t n)
{
    enum { COLS = 2 + STAGES };
    struct kl_cell *cells = kl_alloc(a, (n + 1) * COLS * sizeof *cells);
    for (int s = 0; s < STAGES; s++)
        cells[2 + s] = (struct kl_cell){stage_titles[s], KL_BOLD};
    for (size_t i = 0; i < n; i++) {
        struct kl_cell *c = cells + (i + 1) * COLS;
        bool first = i == 0 || !kl_streq(rows[i].link, rows[i - 1].link);
        c[0] = (struct kl_cell){first && rows[i].link ? rows[i].link : NULL, KL_BOLD};
        c[1] = (struct kl_cell){rows[i].field, KL_PLAIN};
        for (int s = 0; s < STAGES; s++)
            c[2 + s] = cell_for(views, s, &rows[i]);
    }
    kl_print_table(stdout, cli->colour_out, 2, cells, n + 1, COLS);
}

static json_t *view_json(const struct view *v)
{
    if (!v->intent)
        return json_null();
    json_t *host = json_object(), *links = json_object();
    for (size_t i = 0; i < v->nfacts; i++) {
        const struct kl_fact *f = &v->facts[i];
        json_t *into = f->link ? json_object_get(links, f->link) : host;
        if (!into) {
            into = json_object();
            json_object_set_new(links, f->link, into);
        }
        json_object_set_new(into, f->field, json_string(f->value));
    }
    return json_pack("{s:o,s:o}", "host", host, "links", links);
}

static json_t *said_or_null(const char *s)
{
    return *s ? json_string(s) : json_null();
}

static void print_json(const struct kl_plan *p, const struct view *views, const char *release)
{
    json_t *all = json_pack("{s:s,s:s,s:s?}", "host", p->host->name, "release", release, "install",
        p->host->intent->install);
    json_t *stages = json_object(), *differences = json_array();
    for (int s = 0; s < STAGES; s++) {
        const struct view *v = &views[s];
        json_object_set_new(stages, stage_names[s], view_json(v));
        for (size_t i = 0; i < v->ndifferences; i++) {
            const struct kl_difference *x = &v->differences[i];
            json_array_append_new(
                differences, json_pack("{s:s,s:s?,s:s,s:o,s:o}", "stage", stage_names[s], "link",
                                 x->link, "field", x->field, "inventory", said_or_null(x->a),
                                 "says", said_or_null(x->b)));
        }
    }
    json_object_set_new(all, "stages", stages);
    json_object_set_new(all, "differences", differences);
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
}

int kl_cmd_show(struct kl_cli *cli, int argc, char **argv)
{
    int code, first = kl_cli_options(cli, argc, argv, NULL, NULL, NULL, &code);
    if (first < 0)
        return code;
    if (argc - first != 1) {
        fputs("usage: kickline show [OPTIONS] HOST\n", stderr);
        return KL_COULD_NOT_RUN;
    }
    struct kl_fleet *f KL_FLEET_SCOPE = kl_cli_fleet(cli);
    const struct kl_host *h = f ? kl_cli_host(f, argv[first]) : NULL;
    if (!h)
        return KL_COULD_NOT_RUN;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_plan plan;
    struct view views[STAGES] = {0};
    struct row *rows;
    bool ok =
        kl_plan_make(a, f, h, true, KL_PLAN_CMDLINE | KL_PLAN_KICKSTART | KL_PLAN_SYSTEM, &plan, d);
    kl_cli_print(cli, d);
    if (!plan.release)
        return KL_COULD_NOT_RUN;
    read_back(a, &plan, views);
    size_t n = all_rows(a, views, &rows), differing = 0;
    for (int s = 1; s < STAGES; s++) {
        hold_against_inventory(a, views, s);
        differing += views[s].ndifferences;
    }
    const char *release = kl_release_name(a, plan.release);
    if (cli->json) {
        print_json(&plan, views, release);
    } else {
        printf("%s%s%s  %s over %s · anaconda %s · dracut %s · NetworkManager %s\n\n",
            cli->colour_out ? "\033[1m" : "", h->name, cli->colour_out ? "\033[0m" : "", release,
            h->intent->install, plan.release->anaconda, plan.release->dracut, plan.release->nm);
        print_table(cli, a, views, rows, n);
        if (differing)
            printf("\n%zu difference%s between the stages and the inventory.\n", differing,
                differing == 1 ? "" : "s");
        else if (ok)
            puts("\nIn lockstep: every stage says the same.");
    }
    return ok && !differing ? KL_FINE : KL_FINDINGS;
}
