/* Commands and options that a release has no longer, or not yet (pykickstart, handlers/rhel6.py to
 * rhel10.py; docs/boot-stages.md §3.5). */
#include "check/rules_kickstart.h"

#include <string.h>

/* By EL major: 0 where it holds for all. */
struct command {
    const char *name;
    int since, deprecated, removed;
    const char *instead;
};

static const struct command commands[] = {
    {"auth", 0, 8, 10, "use authselect"},
    {"authconfig", 0, 8, 10, "use authselect"},
    {"authselect", 8, 0, 0, "use authconfig"},
    {"autostep", 0, 8, 10, NULL},
    {"device", 0, 8, 9, NULL},
    {"deviceprobe", 0, 8, 9, NULL},
    {"dmraid", 0, 8, 9, NULL},
    {"install", 0, 8, 9, "leave it out: nothing else can be done"},
    {"interactive", 0, 0, 7, NULL},
    {"key", 0, 0, 7, NULL},
    {"logging", 0, 9, 10, "write inst.syslog= on the kernel line instead"},
    {"method", 0, 9, 10, "write url, nfs, cdrom or harddrive itself"},
    {"module", 8, 10, 0, NULL},
    {"monitor", 0, 0, 7, NULL},
    {"multipath", 0, 8, 9, NULL},
    {"nvdimm", 7, 0, 10, NULL},
    {"rdp", 10, 0, 0, "use vnc"},
    {"rhsm", 8, 0, 0, NULL},
    {"syspurpose", 8, 0, 0, NULL},
    {"timesource", 9, 0, 0, "use timezone --ntpservers="},
    {"unsupported_hardware", 0, 0, 8, NULL},
    {"upgrade", 0, 7, 8, NULL},
    {"vnc", 0, 10, 0, "rdp takes its place"},
};

/* Options of commands other than network, and of sections. */
static const struct {
    const char *command, *name;
    int deprecated, removed;
    const char *instead, *edit;
} command_options[] = {
    {"timezone", "--isUtc", 0, 10, "write --utc", "--utc"},
    {"timezone", "--ntpservers", 9, 10, "use timesource --ntp-server=", NULL},
    {"timezone", "--nontp", 9, 10, "use timesource --ntp-disable", NULL},
    {"repo", "--ignoregroups", 9, 10, NULL, NULL},
    {"bootloader", "--upgrade", 8, 9, NULL, NULL},
    {"%packages", "--instLangs", 9, 10, "write --inst-langs", "--inst-langs"},
    {"%packages", "--excludeWeakdeps", 9, 10, "write --exclude-weakdeps", "--exclude-weakdeps"},
};

/* A comma in a list of the shell's or a template's own: not a command of pykickstart. */
static void command_age(const struct kl_ks_rules *k, const struct kl_ks_command *c)
{
    const struct command *found = NULL;
    int el = k->c->release->el;
    for (size_t i = 0; i < sizeof commands / sizeof *commands && !found; i++)
        if (strcmp(commands[i].name, c->name) == 0)
            found = &commands[i];
    if (!found)
        return;
    bool removed = found->removed && el >= found->removed, early = el < found->since;
    bool old = found->deprecated && el >= found->deprecated;
    if (!removed && !early && !old)
        return;
    /* Fedora changes between the releases of EL: what holds in both neighbours is not known. */
    enum kl_severity severity =
        removed || early
            ? kl_streq(k->c->release->distro, "fedora") ? KL_WARNING : kl_capped(k->c, KL_ERROR)
            : KL_NOTE;
    const char *hint = removed || old   ? found->instead ? found->instead : "take it out"
                       : found->instead ? found->instead
                                        : "take it out for this release";
    struct kl_diag *one = kl_diag(k->d, severity,
        removed ? "command-removed"
        : early ? "command-too-new"
                : "command-deprecated",
        kl_command_place(c), hint,
        removed ? "the kickstart of %s has no command '%s' any more"
        : early ? "the kickstart of %s has no command '%s' yet"
                : "%s reads '%s', and warns that later releases do not",
        k->release, c->name);
    if (severity > KL_NOTE)
        kl_diag_effect(k->d, one, "installer: stops at this line");
}

static void option_age(const struct kl_ks_rules *k, const char *command, const struct kl_arg *w)
{
    int el = k->c->release->el;
    for (size_t i = 0; i < sizeof command_options / sizeof *command_options; i++) {
        const char *name = command_options[i].name;
        size_t len = strcspn(w->text, "=");
        if (strcmp(command_options[i].command, command) != 0 || strlen(name) != len ||
            strncmp(name, w->text, len) != 0)
            continue;
        bool removed = el >= command_options[i].removed;
        bool old = command_options[i].deprecated && el >= command_options[i].deprecated;
        if (!removed && !old)
            return;
        struct kl_diag *one = kl_diag(k->d, removed ? kl_capped(k->c, KL_ERROR) : KL_NOTE,
            removed ? "option-removed" : "option-deprecated", kl_arg_place(w, 0, len),
            command_options[i].instead ? command_options[i].instead : "take it out",
            removed ? "%s of %s has no %s any more"
                    : "%s of %s reads %s, and warns that later releases do not",
            command, k->release, name);
        if (removed)
            kl_diag_effect(k->d, one, "installer: stops at this line");
        if (removed && command_options[i].edit && w->verbatim)
            kl_diag_edit(k->d, one, kl_arg_place(w, 0, len), command_options[i].edit);
        return;
    }
}

/* No release joins lines: shlex makes a word of the backslash and the end of the line, and the next
 * line is a command of its own (pykickstart, parser.py). */
static void continued(
    const struct kl_ks_rules *k, const struct kl_ks_command *before, const struct kl_ks_command *c)
{
    if (!kl_starts(c->name, "--") || before->at.line + 1 != c->at.line ||
        !kl_streq(before->at.file, c->at.file) || kl_is_template(c->name))
        return;
    struct kl_diag *one = kl_diag(k->d, KL_ERROR, "kickstart-value", kl_command_place(c),
        "write the command in one line",
        "'%s' begins a command: the %s command does not go on here", c->name, before->name);
    kl_diag_effect(k->d, one, "installer: stops at the line before, or at this one");
}

void kl_ks_rules_commands(const struct kl_ks_rules *k)
{
    for (size_t n = 0; n < k->ks->ncommands; n++) {
        const struct kl_ks_command *c = &k->ks->commands[n];
        if (c->maybe)
            continue; /* perhaps for releases that have it */
        if (n && !k->ks->commands[n - 1].maybe)
            continued(k, c - 1, c);
        command_age(k, c);
        for (size_t i = 0; i < c->n; i++)
            if (kl_starts(c->args[i].text, "--"))
                option_age(k, c->name, &c->args[i]);
    }
    for (size_t n = 0; n < k->ks->nsections; n++)
        for (size_t i = 0; i < k->ks->sections[n].n; i++)
            option_age(k, k->ks->sections[n].name, &k->ks->sections[n].args[i]);
}
