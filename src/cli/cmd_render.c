/* kickline render HOST [PART]: what each stage will be given. */
#include "cli/cli.h"
#include "cli/print.h"

#include "base/text.h"
#include "fleet/plan.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *const part_names[] = {
    "cmdline", "ipxe", "grub", "pxelinux", "kickstart", "system", NULL};

/* The bit of each name; all of them for NULL. */
static unsigned part_bits(const char *part)
{
    static const unsigned bits[] = {KL_PLAN_CMDLINE, KL_PLAN_IPXE, KL_PLAN_GRUB, KL_PLAN_PXELINUX,
        KL_PLAN_KICKSTART, KL_PLAN_SYSTEM};
    for (size_t i = 0; part && part_names[i]; i++)
        if (strcmp(part_names[i], part) == 0)
            return bits[i];
    return KL_PLAN_ALL;
}

static const char *part_text(const struct kl_plan *p, const char *part)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"cmdline", p->cmdline}, {"ipxe", p->ipxe}, {"grub", p->grub},
        {"pxelinux", p->pxelinux}, {"kickstart", p->kickstart}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].name, part) == 0)
            return texts[i].text;
    return NULL;
}

static void print_text(const char *text)
{
    fputs(text, stdout);
    if (!kl_ends(text, "\n"))
        putchar('\n');
}

static void print_files(struct kl_cli *cli, const struct kl_plan *p)
{
    for (size_t i = 0; i < p->nfiles; i++) {
        const struct kl_file *f = &p->files[i];
        printf("%s# %s (mode %04o)%s\n", cli->colour_out ? "\033[1m" : "", f->path, f->mode,
            cli->colour_out ? "\033[0m" : "");
        print_text(f->text);
        if (i + 1 < p->nfiles)
            putchar('\n');
    }
}

static void print_part(struct kl_cli *cli, const struct kl_plan *p, const char *part)
{
    if (strcmp(part, "system") == 0)
        print_files(cli, p);
    else if (part_text(p, part))
        print_text(part_text(p, part));
}

static json_t *part_json(const struct kl_plan *p, const char *part)
{
    if (strcmp(part, "system") != 0)
        return part_text(p, part) ? json_string(part_text(p, part)) : json_null();
    if (!p->files)
        return json_null();
    json_t *files = json_array();
    for (size_t i = 0; i < p->nfiles; i++)
        json_array_append_new(
            files, json_pack("{s:s,s:s,s:s}", "path", p->files[i].path, "mode",
                       p->files[i].mode == 0600 ? "0600" : "0644", "text", p->files[i].text));
    return files;
}

static void print_all(struct kl_cli *cli, const struct kl_plan *p)
{
    for (const char *const *part = part_names; *part; part++) {
        kl_print_title(stdout, cli->colour_out, *part);
        print_part(cli, p, *part);
        if (part[1])
            putchar('\n');
    }
}

static void print_json(const struct kl_plan *p, const char *only)
{
    json_t *all = json_object();
    json_object_set_new(all, "host", json_string(p->host->name));
    for (const char *const *part = part_names; *part; part++)
        if (!only || strcmp(only, *part) == 0)
            json_object_set_new(all, *part, part_json(p, *part));
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
}

static bool set_option(void *arg, int opt, const char *value)
{
    (void)opt;
    (void)value;
    *(bool *)arg = false;
    return true;
}

static bool known_part(const char *part)
{
    for (const char *const *p = part_names; *p; p++)
        if (strcmp(*p, part) == 0)
            return true;
    const char *near = kl_nearest(part, part_names);
    fprintf(stderr, "kickline render: there is no part '%s'", part);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    fputs("\nThe parts are cmdline, ipxe, grub, pxelinux, kickstart and system.\n", stderr);
    return false;
}

int kl_cmd_render(struct kl_cli *cli, int argc, char **argv)
{
    static const struct option own[] = {{"disarmed", no_argument, NULL, 'D'}, {0}};
    bool armed = true;
    int code, first = kl_cli_options(cli, argc, argv, own, set_option, &armed, &code);
    if (first < 0)
        return code;
    if (argc - first < 1 || argc - first > 2) {
        fputs("usage: kickline render [OPTIONS] HOST [PART]\n", stderr);
        return KL_COULD_NOT_RUN;
    }
    const char *part = argc - first == 2 ? argv[first + 1] : NULL;
    if (part && !known_part(part))
        return KL_COULD_NOT_RUN;
    struct kl_fleet *f KL_FLEET_SCOPE = kl_cli_fleet(cli);
    const struct kl_host *h = f ? kl_cli_host(f, argv[first]) : NULL;
    if (!h)
        return KL_COULD_NOT_RUN;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_plan plan;
    bool ok = kl_plan_make(a, f, h, armed, part_bits(part), &plan, d);
    kl_cli_print(cli, d);
    if (cli->json)
        print_json(&plan, part);
    else if (part)
        print_part(cli, &plan, part);
    else
        print_all(cli, &plan);
    bool there = !part || part_text(&plan, part) || (plan.files && kl_streq(part, "system"));
    return ok && there ? KL_FINE : KL_FINDINGS;
}
