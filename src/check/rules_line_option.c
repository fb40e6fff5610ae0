/* The words themselves: does the release that is installed read them?
 *
 * Codes: option-unknown, option-needs-prefix, option-deprecated, option-removed, option-too-new,
 * option-ignored. Only the installer's and the initrd's words are judged: what the kernel, its
 * modules and the programs of a site read of the line is not known here. */
#include "check/rules_line.h"

#include <string.h>

/* The line of an installed system, not of an installer: root= is a disk. */
static bool boots_a_disk(const struct kl_cmdline *line)
{
    const struct kl_arg *root = kl_cmdline_last(line, "root", NULL);
    const char *value = root ? kl_arg_value(root) : NULL;
    return value &&
           (kl_starts(value, "/dev/") || kl_starts(value, "UUID=") || kl_starts(value, "LABEL=") ||
               kl_starts(value, "PARTUUID=") || kl_starts(value, "PARTLABEL="));
}

static bool names_kickstart(const char *key)
{
    return kl_streq(key, "ks") || kl_streq(key, "inst.ks");
}

/* A word with "inst." shows that the line is not meant for EL6, where nothing knows the prefix. */
static bool has_prefixes(const struct kl_cmdline *line)
{
    for (size_t k = 0; k < line->n; k++)
        if (kl_starts(line->args[k].text, "inst."))
            return true;
    return false;
}

/* The prefix is known to be read: EL6 has no part in this. */
static bool is_certain(const struct kl_line *l)
{
    return l->c->release_given || l->c->release_from || has_prefixes(l->c->line);
}

static void needs_prefix(const struct kl_line *l, const struct kl_arg *w, const char *key,
    const struct kl_option_verdict *v)
{
    const char *instead = v->instead  ? v->instead
                          : v->option ? v->option->name
                                      : kl_sprintf(l->a, "inst.%s", key);
    if (kl_cmdline_last(l->c->line, instead, NULL))
        return; /* said both ways, for old and for new releases */
    bool ks = names_kickstart(key), said = l->c->release_given || l->c->release_from;
    struct kl_diag *one = kl_diag(l->d,
        said ? kl_capped(l->c, ks ? KL_ERROR : KL_WARNING) : KL_NOTE, "option-needs-prefix",
        kl_arg_place(w, 0, strlen(key)), kl_diag_text(l->d, "write %s", instead),
        "%s ignores '%s': the installer's options begin "
        "with 'inst.' there",
        l->release, key);
    if (ks)
        kl_diag_effect(l->d, one, "initrd: no kickstart is fetched: the installer asks a person");
    if (kl_ends(instead, key) && is_certain(l))
        kl_line_edit(l, one, w, 0, 0, kl_strndup(l->a, instead, strlen(instead) - strlen(key)));
}

static void deprecated(const struct kl_line *l, const struct kl_arg *w, const char *key,
    const struct kl_option_verdict *v)
{
    const char *instead = v->instead ? v->instead : v->option ? v->option->name : NULL;
    if (instead && kl_cmdline_last(l->c->line, instead, NULL))
        return;
    struct kl_diag *one = kl_diag(l->d, KL_NOTE, "option-deprecated",
        kl_arg_place(w, 0, strlen(key)), instead ? kl_diag_text(l->d, "write %s", instead) : NULL,
        instead ? "%s still reads '%s'; later releases read '%s' alone"
                : "%s still reads '%s', but it is to go",
        l->release, key, instead);
    if (instead && kl_ends(instead, key) && is_certain(l))
        kl_line_edit(l, one, w, 0, 0, kl_strndup(l->a, instead, strlen(instead) - strlen(key)));
}

static void not_here(const struct kl_line *l, const struct kl_arg *w, const char *key,
    const struct kl_option_verdict *v)
{
    bool removed = v->state == KL_OPTION_REMOVED;
    const char *since = removed ? v->until : v->since;
    const char *hint = v->instead ? kl_diag_text(l->d, "write %s", v->instead)
                       : removed  ? "leave it out"
                                  : "leave it out, or install a later release";
    kl_diag(l->d, KL_WARNING, removed ? "option-removed" : "option-too-new",
        kl_arg_place(w, 0, strlen(key)), hint, "%s does not read '%s'%s%s", l->release, key,
        !since    ? ""
        : removed ? ": it was read until "
                  : ": it is read from ",
        !since    ? ""
        : removed ? since
                  : kl_sprintf(l->a, "%s on", since));
}

static void ignored(const struct kl_line *l, const struct kl_arg *w, const char *key,
    const struct kl_option_verdict *v)
{
    const char *until = v->until ? kl_sprintf(l->a, ": %s was the last that did", v->until) : "";
    const char *hint = v->instead ? kl_diag_text(l->d, "leave it out, or write %s", v->instead)
                       : kl_streq(key, "noipv4")
                           ? "leave it out: a family that no ip= asks for is not used by a static "
                             "set-up; in the kickstart, write network --noipv4"
                           : "leave it out";
    struct kl_diag *one =
        kl_diag(l->d, KL_WARNING, "option-ignored", kl_arg_place(w, 0, strlen(key)), hint,
            "nothing in an install of %s reads '%s'%s", l->release, key, until);
    if (!v->instead)
        kl_line_remove(l, one, w);
}

/* Words of a site are its own; but nobody else invents words that begin with "inst.", and few
 * that begin with "rd.". */
static void unknown(const struct kl_line *l, const struct kl_arg *w, const char *key,
    const struct kl_option_verdict *v)
{
    bool installer = kl_starts(key, "inst."), near = v->near && v->instead;
    if (!installer && !(near && kl_starts(key, "rd.")))
        return;
    struct kl_diag *one =
        kl_diag(l->d, KL_WARNING, "option-unknown", kl_arg_place(w, 0, strlen(key)),
            near ? kl_diag_text(l->d, "did you mean '%s'?", v->instead) : "leave it out",
            "no release reads '%s'", key);
    if (near && installer && kl_starts(v->instead, "inst."))
        kl_line_edit(l, one, w, 0, strlen(key), v->instead);
}

static void judge(const struct kl_line *l, const struct kl_arg *w)
{
    const char *key = kl_line_key(l, w);
    struct kl_option_verdict v = kl_boot_option_verdict(l->a, key, l->c->release);
    switch (v.state) {
    case KL_OPTION_READ:
        return;
    case KL_OPTION_NEEDS_PREFIX:
        needs_prefix(l, w, key, &v);
        return;
    case KL_OPTION_DEPRECATED:
        deprecated(l, w, key, &v);
        return;
    case KL_OPTION_TOO_NEW:
    case KL_OPTION_REMOVED:
        not_here(l, w, key, &v);
        return;
    case KL_OPTION_IGNORED:
        ignored(l, w, key, &v);
        return;
    case KL_OPTION_UNKNOWN:
        unknown(l, w, key, &v);
        return;
    }
}

/* Does the word leave a template's braces open? */
static bool ends_open(const char *s)
{
    bool within = false;
    for (; *s; s++)
        if (s[0] == s[1] && (*s == '{' || *s == '}'))
            within = *s == '{';
    return within;
}

void kl_line_options(const struct kl_line *l)
{
    if (boots_a_disk(l->c->line))
        return;
    bool within = false; /* "{{ gateway }}" */
    for (size_t k = 0; k < l->c->line->n; k++) {
        const struct kl_arg *w = &l->c->line->args[k];
        bool braces = strstr(w->text, "{{") || strstr(w->text, "}}");
        within = braces ? ends_open(w->text) : within;
        if (within && !braces)
            continue;
        if (*w->text && *w->text != '=' && strcspn(w->text, "=") <= 64 && !kl_line_open(w))
            judge(l, w);
    }
}
