/* --bondopts: which mode, and what parts one option from the next. */
#include "check/rules_kickstart.h"

#include <ctype.h>
#include <string.h>

struct opts {
    const struct kl_ks_rules *k;
    const struct kl_net_option *o;
    const char *text;
    char separator; /* ';' when there is one, else ',' (pykickstart and anaconda: §3.1) */
};

/* Is there another "name=" behind a character that parts nothing here? Its index, or 0. */
static size_t wrong_separator(const char *part, char separator)
{
    const char *equals = strchr(part, '=');
    for (const char *c = equals; c && *c; c++) {
        if (!strchr(",;: \t", *c) || *c == separator)
            continue;
        size_t name = 0;
        while (islower((unsigned char)c[1 + name]) || c[1 + name] == '_' || c[1 + name] == '6')
            name++;
        if (name > 2 && c[1 + name] == '=')
            return (size_t)(c - part);
    }
    return 0;
}

static void say_separator(const struct opts *b, size_t from, const char *part, size_t at)
{
    const char wanted[] = {b->separator, '\0'};
    const char *text = kl_strdup(b->k->a, b->text);
    ((char *)text)[from + at] = b->separator;
    struct kl_diag *one = kl_diag(b->k->d, KL_ERROR, "separator-wrong",
        kl_net_place(b->o, from + at, 1), kl_diag_text(b->k->d, "write --bondopts=%s", text),
        "'%c' parts no bond options here: it is '%c' between them", part[at], b->separator);
    kl_diag_effect(b->k->d, one, "installer: takes '%s' for one option", part);
    kl_net_edit(b->k, one, b->o, from + at, 1, wanted);
}

/* mode=mode=6 */
static bool repeated(const struct opts *b, size_t from, const char *part)
{
    size_t len = strcspn(part, "=") + 1;
    if (!part[len - 1] || strncmp(part, part + len, len) != 0)
        return false;
    struct kl_diag *one = kl_diag(b->k->d, KL_WARNING, "value-repeated",
        kl_net_place(b->o, from, 2 * len), kl_diag_text(b->k->d, "write %s", part + len),
        "'%.*s' stands there twice", (int)len, part);
    kl_net_edit(b->k, one, b->o, from, len, "");
    return true;
}

/* A name that the bonding driver does not know, but nearly. */
static void unknown(const struct opts *b, size_t from, const char *part)
{
    const char *name = kl_strndup(b->k->a, part, strcspn(part, "=")), *near = NULL;
    if (strcmp(name, "mode") == 0 || kl_bond_option(name) || kl_is_template(name))
        return;
    if (kl_one_slip(name, "mode"))
        near = "mode";
    for (const struct kl_bond_option *o = kl_bond_options; o->name && !near; o++)
        if (kl_one_slip(name, o->name))
            near = o->name;
    if (!near)
        return;
    struct kl_diag *one =
        kl_diag(b->k->d, KL_WARNING, "option-unknown", kl_net_place(b->o, from, strlen(name)),
            kl_diag_text(b->k->d, "did you mean '%s'?", near), "bonds have no option '%s'", name);
    kl_net_edit(b->k, one, b->o, from, strlen(name), near);
}

/* "802.3ad,miimon=100" */
static void mode_without_name(const struct opts *b, size_t from, const char *part)
{
    struct kl_diag *one = kl_diag(b->k->d, KL_WARNING, "bond-mode-unspecified",
        kl_net_place(b->o, from, strlen(part)), kl_diag_text(b->k->d, "write mode=%s", part),
        "'%s' stands there without 'mode=', so it does not set the mode", part);
    kl_diag_effect(b->k->d, one, "installer: the bond is made with balance-rr, or not at all");
    kl_net_edit(b->k, one, b->o, from, 0, "mode=");
}

static void no_mode(const struct kl_ks_rules *k, const struct kl_net *n, const struct opts *b)
{
    struct kl_diag *one = kl_diag(k->d, KL_NOTE, "bond-mode-unspecified",
        b ? kl_net_place(b->o, 0, strlen(b->text)) : kl_command_place(n->command),
        "write mode=..., so that every stage and the switch agree", "no mode is given for %s",
        kl_net_value(n, "--device") ? kl_net_value(n, "--device") : "the bond");
    kl_diag_effect(k->d, one, "installer: the bond is made with balance-rr (quirk 41)");
}

/* "arp_ip_target=192.0.2.1,192.0.2.2" needs ';' between options: a comma parts the list. */
static bool list_value(const struct opts *b, const char *part, const char *before)
{
    struct kl_addr a;
    if (b->separator != ',' || !before || !strstr(before, "_ip") || !kl_addr_parse(part, &a))
        return false;
    struct kl_diag *one =
        kl_diag(b->k->d, KL_ERROR, "separator-wrong", kl_net_place(b->o, 0, strlen(b->text)),
            "part the options by ';' where a value has commas of its own",
            "a comma parts the options, so '%s' does not belong to '%s'", part, before);
    char *mended = kl_strdup(b->k->a, b->text);
    for (char *c = strchr(mended, ','); c; c = strchr(c + 1, ','))
        if (strchr(c + 1, '=') && strcspn(c + 1, "=") < strcspn(c + 1, ","))
            *c = ';';
    if (strchr(mended, ';'))
        kl_net_edit(b->k, one, b->o, 0, strlen(b->text), mended);
    return true;
}

static void check_options(const struct opts *b, const struct kl_net *n)
{
    const char *before = NULL;
    bool mode = false, told = false;
    for (size_t at = 0; b->text[at] && !told;) {
        const char separator[] = {b->separator, '\0'};
        size_t len = strcspn(b->text + at, separator);
        const char *part = kl_strndup(b->k->a, b->text + at, len);
        size_t wrong = wrong_separator(part, b->separator);
        mode |= kl_starts(part, "mode=");
        if (wrong) {
            say_separator(b, at, part, wrong);
            told = true;
        } else if (strchr(part, '=')) {
            told |= kl_starts(part, "mode=") && repeated(b, at, part);
            if (!told && !repeated(b, at, part))
                unknown(b, at, part);
        } else if (kl_bond_mode(part) >= 0) {
            mode_without_name(b, at, part);
            told = true;
        } else {
            told |= list_value(b, part, before);
        }
        before = part;
        at += len + (b->text[at + len] != '\0');
    }
    if (!mode && !told)
        no_mode(b->k, n, b);
}

void kl_ks_rules_bonds(const struct kl_ks_rules *k)
{
    for (size_t i = 0; i < k->nnets; i++) {
        const struct kl_net *n = &k->nets[i];
        const struct kl_net_option *o = kl_net_option(n, "--bondopts");
        if (!kl_net_option(n, "--bondslaves") || n->template)
            continue;
        struct opts b = {k, o, o ? o->value : NULL, ','};
        if (!b.text || !*b.text) {
            no_mode(k, n, NULL);
            continue;
        }
        if (strchr(b.text, ';'))
            b.separator = ';';
        check_options(&b, n);
    }
}
