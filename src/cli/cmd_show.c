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
};

struct row {
    const char *link, *field;
};

enum verdict { SAME, DIFFERS, SILENT };

/* Is `link` the install link or something that it stands on? */
static bool carries_install(const struct kl_intent *i, const char *link, const char *from)
{
    const struct kl_link *l = kl_link_find(i, from);
    if (!l || !link)
        return false;
    if (strcmp(l->name, link) == 0)
        return true;
    for (size_t p = 0; p < l->nports; p++)
        if (carries_install(i, link, l->ports[p]))
            return true;
    return l->parent && carries_install(i, link, l->parent);
}

/* What a stage's language cannot say, or what it need not say (docs/architecture.md, decisions 4
 * and 5; docs/boot-stages.md §1, §3): its silence there is no disagreement. */
static bool may_be_silent(int stage, const struct kl_intent *i, const struct row *r)
{
    bool nic = r->link && kl_link_find(i, r->link) && kl_link_find(i, r->link)->kind == KL_ETHERNET;
    if (kl_streq(r->field, "mac"))
        return stage != SYSTEM || nic;
    if (stage == INITRD)
        return kl_streq(r->field, "search") || kl_streq(r->field, "hostname") ||
               (r->link && !carries_install(i, r->link, i->install)) ||
               (nic && kl_streq(r->field, "kind"));
    if (stage == INSTALLER)
        return kl_streq(r->field, "search") || kl_streq(r->field, "routes") ||
               (nic && (kl_streq(r->field, "kind") || kl_link_controller(i, r->link)));
    return nic && !kl_link_has_ip(kl_link_find(i, r->link));
}

static enum verdict judge(const struct view *views, int stage, const struct row *r)
{
    const struct view *own = &views[stage], *said = &views[INVENTORY];
    const char *value = kl_fact_value(own->facts, own->nfacts, r->link, r->field);
    const char *want = kl_fact_value(said->facts, said->nfacts, r->link, r->field);
    if (kl_streq(value, want))
        return value ? SAME : SILENT;
    return !value && may_be_silent(stage, said->intent, r) ? SILENT : DIFFERS;
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
    switch (judge(views, stage, r)) {
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

static void print_json(const struct kl_plan *p, const struct view *views, const struct row *rows,
    size_t n, const char *release)
{
    json_t *all = json_pack("{s:s,s:s}", "host", p->host->name, "release", release);
    json_t *stages = json_object(), *differences = json_array();
    for (int s = 0; s < STAGES; s++) {
        const struct view *v = &views[s];
        json_object_set_new(stages, stage_names[s], view_json(v));
        for (size_t i = 0; i < n && v->intent; i++) {
            if (judge(views, s, &rows[i]) != DIFFERS)
                continue;
            const char *got = kl_fact_value(v->facts, v->nfacts, rows[i].link, rows[i].field);
            const char *want =
                kl_fact_value(views[0].facts, views[0].nfacts, rows[i].link, rows[i].field);
            json_array_append_new(differences,
                json_pack("{s:s,s:s?,s:s,s:s?,s:s?}", "stage", stage_names[s], "link", rows[i].link,
                    "field", rows[i].field, "inventory", want, "says", got));
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
    bool ok = kl_plan_make(a, f, h, true, &plan, d);
    kl_cli_print(cli, d);
    if (!plan.release)
        return KL_COULD_NOT_RUN;
    read_back(a, &plan, views);
    size_t n = all_rows(a, views, &rows), differing = 0;
    for (int s = 1; s < STAGES; s++)
        for (size_t i = 0; i < n && views[s].intent; i++)
            differing += judge(views, s, &rows[i]) == DIFFERS;
    const char *release = kl_release_name(a, plan.release);
    if (cli->json) {
        print_json(&plan, views, rows, n, release);
    } else {
        printf("%s%s%s  %s · anaconda %s · dracut %s · NetworkManager %s\n\n",
            cli->colour_out ? "\033[1m" : "", h->name, cli->colour_out ? "\033[0m" : "", release,
            plan.release->anaconda, plan.release->dracut, plan.release->nm);
        print_table(cli, a, views, rows, n);
        if (differing)
            printf("\n%zu difference%s between the stages and the inventory.\n", differing,
                differing == 1 ? "" : "s");
        else if (ok)
            puts("\nIn lockstep: every stage says the same.");
    }
    return ok && !differing ? KL_FINE : KL_FINDINGS;
}
