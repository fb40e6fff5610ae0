/* bond=NAME:PORT,PORT:OPTION=VALUE,OPTION=VALUE:MTU, and what else brings its ports up.
 *
 * Codes: separator-wrong, value-repeated (mode=mode=6), bond-mode-unspecified, ports-missing,
 * bootif-fights-bond.
 *
 * Separators are mended one byte for one byte in a copy of the word, from left to right, each step
 * looking at what the steps before it made; so the copy is at last what was meant, its bytes stand
 * where they stand in the text, and every byte that differs is an edit. */
#include "check/rules_line.h"

#include <string.h>

struct bond {
    const struct kl_line *l;
    const struct kl_arg *w;
    size_t value;
    char *text;      /* the word, mended */
    char wrong;      /* the first separator that is wrong, as written */
    size_t wrong_at; /* its byte; 0: none */
    const char *wrong_where;
    bool certain; /* there is one reading */
};

static void mend(struct bond *b, size_t at, char instead, const char *where)
{
    if (b->text[at] == instead)
        return;
    if (!b->wrong_at || at < b->wrong_at) {
        b->wrong = b->w->text[at];
        b->wrong_at = at;
        b->wrong_where = where;
    }
    b->text[at] = instead;
}

static const char *cut(const struct bond *b, size_t from, size_t to)
{
    return kl_strndup(b->l->a, b->text + from, to - from);
}

/* --- name and ports ---------------------------------------------------------------------------*/

static bool is_port(const struct bond *b, size_t from, size_t to)
{
    return to > from && to - from < 16 && kl_line_is_interface(b->l, cut(b, from, to));
}

/* lan0 and lan1: two of a row. */
static bool alike(const struct bond *b, size_t from, size_t to, size_t other, size_t end)
{
    static const char digits[] = "0123456789";
    size_t x = to, y = end;
    while (x > from && strchr(digits, b->text[x - 1]))
        x--;
    while (y > other && strchr(digits, b->text[y - 1]))
        y--;
    return x < to && y < end && x > from && x - from == y - other &&
           strncmp(b->text + from, b->text + other, x - from) == 0;
}

static bool is_option(const char *s)
{
    return kl_streq(s, "mode") || kl_bond_option(s);
}

/* bond=bond0=eth0,eth1 and bond=bond0,eth0,eth1:mode=1: what ends the name. */
static void end_name(struct bond *b)
{
    size_t end = b->value + strcspn(b->text + b->value, ":=,;");
    char sep = b->text[end];
    if (!sep || sep == ':' || end == b->value || is_option(cut(b, b->value, end)))
        return;
    size_t next = end + 1 + strcspn(b->text + end + 1, ":=,;|+&/");
    size_t field = end + 1 + strcspn(b->text + end + 1, ":");
    /* the ports may still stand in the next field: bond=bond0,bond1:eth0,eth1 is another mistake */
    bool ports_follow = sep == ',' && b->text[field] == ':' &&
                        is_port(b, field + 1, field + 1 + strcspn(b->text + field + 1, ":=,;|+&/"));
    if (is_port(b, end + 1, next) && !ports_follow)
        mend(b, end, ':', "behind the name of the bond");
}

/* Ports follow one another as long as what follows is an interface: the end of the list. */
static size_t end_ports(struct bond *b, size_t from)
{
    size_t at = from;
    for (;;) {
        size_t end = at + strcspn(b->text + at, ":=,;|+&/");
        char sep = b->text[end];
        if (!sep)
            return end;
        size_t next = end + 1 + strcspn(b->text + end + 1, ":=,;|+&/");
        const char *word = cut(b, end + 1, next);
        if (sep == ',' && b->text[next] == '=' && is_option(word)) {
            mend(b, end, ':', "between ports and options");
            return end;
        }
        bool port = b->text[next] != '=' && (alike(b, at, end, end + 1, next) ||
                                                (is_port(b, at, end) && is_port(b, end + 1, next)));
        if (sep == ':' && !port)
            return end;
        if (sep != ',' && !port)
            return b->text[end] == ':' ? end : end + strcspn(b->text + end, ":");
        mend(b, end, ',', "between ports");
        at = end + 1;
    }
}

/* --- options ----------------------------------------------------------------------------------*/

struct token {
    size_t from, to;
    char before; /* '\0' at the beginning */
};

static struct token next_token(const struct bond *b, size_t from, char before)
{
    struct token t = {from, from, before};
    for (int nest = 0; b->text[t.to] && (nest || !strchr(",;:=", b->text[t.to])); t.to++)
        nest += b->text[t.to] == '[' ? 1 : b->text[t.to] == ']' && nest ? -1 : 0;
    return t;
}

static bool is_value(const struct bond *b, const char *name, const char *value)
{
    const char *expected;
    if (kl_streq(name, "mode"))
        return kl_bond_mode(value) >= 0;
    return kl_bond_value(b->l->a, kl_bond_option(name), value, &expected);
}

/* mode=1+miimon=100: something else parts two options. */
static size_t stray(const struct bond *b, const struct token *t)
{
    if (b->text[t->to] != '=')
        return 0;
    size_t from = t->to - t->from > 64 ? t->to - 64 : t->from; /* no option's name is longer */
    for (size_t k = from + 1; k < t->to; k++)
        if (strchr("+&|/", b->text[k]) && is_option(cut(b, k + 1, t->to)))
            return k;
    return 0;
}

/* An address after a comma belongs to the list before it: arp_ip_target=A;B. Whether the engine
 * reads such lists is its reader's to say. */
static void list_value(struct bond *b, const struct token *t, const char *name)
{
    struct kl_addr a;
    const struct kl_bond_option *o = name ? kl_bond_option(name) : NULL;
    bool list = o && (o->kind == KL_V_ADDRS4 || o->kind == KL_V_ADDRS6);
    if (!list || t->before != ',' || !kl_addr_parse(cut(b, t->from, t->to), &a))
        return;
    const struct kl_release *r = b->l->c->release;
    bool lists = r->engine != KL_ENGINE_NM || r->nm_minor >= 54;
    b->certain &= lists && !kl_streq(b->l->c->loader, "GRUB"); /* where ';' ends a command */
    mend(b, t->from - 1, ';', "between the addresses of one option");
}

static void options(struct bond *b, size_t from)
{
    const char *name = NULL;
    char before = '\0';
    for (size_t at = from;;) {
        struct token t = next_token(b, at, before);
        size_t k = stray(b, &t);
        if (k) {
            mend(b, k, ',', "between options");
            t.to = k;
        }
        const char *word = cut(b, t.from, t.to);
        char after = b->text[t.to];
        bool option = is_option(word) && (after == '=' || after == ':');
        struct token value = option ? next_token(b, t.to + 1, after) : t;
        if (option && after == ':' && !is_value(b, word, cut(b, value.from, value.to)))
            option = false;
        if (option && before)
            mend(b, t.from - 1, ',', "between options");
        if (option && after == ':')
            mend(b, t.to, '=', "between an option and its value");
        if (option)
            name = word;
        else
            list_value(b, &t, name);
        if (!b->text[t.to])
            return;
        before = b->text[t.to];
        at = t.to + 1;
        if (option) { /* its value; a stray separator in there is found in the next round */
            k = stray(b, &value);
            if (k)
                mend(b, k, ',', "between options");
            value.to = k ? k : value.to;
            if (!b->text[value.to])
                return;
            before = b->text[value.to];
            at = value.to + 1;
        }
    }
}

/* From the word before the first wrong separator to the word behind the last: what the engine
 * misreads. Where fields shift, that is all that follows. */
static struct kl_place misread(const struct bond *b)
{
    size_t from = b->wrong_at, to = b->wrong_at;
    const char *old = b->w->text;
    bool shifts = false;
    while (from > b->value && !strchr(",;:=", old[from - 1]))
        from--;
    for (size_t k = b->value; old[k]; k++)
        if (old[k] != b->text[k]) {
            shifts |= old[k] == ':' || b->text[k] == ':';
            to = k + 1 + strcspn(old + k + 1, ",;:=");
        }
    return kl_arg_place(b->w, from, shifts ? strlen(old) - from : to - from);
}

static void say_separator(const struct bond *b)
{
    if (!b->wrong_at)
        return;
    const struct kl_line *l = b->l;
    struct kl_diag *one = kl_diag(l->d, KL_ERROR, "separator-wrong", misread(b),
        kl_diag_text(l->d, "write %s", b->text), "'%c' stands %s: it is '%c' there", b->wrong,
        b->wrong_where, b->text[b->wrong_at]);
    for (size_t k = b->value; b->certain && b->text[k]; k++)
        if (b->text[k] != b->w->text[k])
            kl_line_edit(l, one, b->w, k, 1, kl_strndup(l->a, b->text + k, 1));
}

/* --- what the options say ---------------------------------------------------------------------*/

/* mode=mode=6. Legacy dracut takes what stands behind the last '=', so there it works. */
static void repeated(const struct bond *b, size_t from, size_t to)
{
    const struct kl_line *l = b->l;
    const char *item = cut(b, from, to), *first = strchr(item, '=');
    size_t len = first ? (size_t)(first - item) + 1 : 0;
    if (!first || strncmp(item, first + 1, len) != 0)
        return;
    const char *name = kl_strndup(l->a, item, len - 1);
    struct kl_diag *one =
        kl_diag(l->d, KL_WARNING, "value-repeated", kl_arg_place(b->w, from, 2 * len),
            kl_diag_text(l->d, "write %s", item + len), "'%s=' stands there twice", name);
    if (l->c->release->engine != KL_ENGINE_NM)
        kl_diag_effect(l->d, one,
            "initrd: dracut of %s takes what follows the last '=', so it works there by luck; "
            "NetworkManager takes what follows the first",
            l->release);
    kl_line_edit(l, one, b->w, from + len, len, "");
}

static void say_mode_less(const struct bond *b, const struct kl_field *f, size_t n)
{
    const struct kl_line *l = b->l;
    const char *name = *f[0].text ? f[0].text : "bond0";
    kl_diag(l->d, KL_NOTE, "bond-mode-unspecified", kl_line_field_place(b->w, &f[n > 2 ? 2 : 0]),
        "write mode=..., so that every stage and the switch agree; balance-rr needs a static "
        "group of ports (no LACP) at the switch",
        "no mode is named, so %s is balance-rr", name);
}

/* 802.3ad,miimon=100: the word alone. */
static void say_bare(const struct bond *b, size_t from, size_t to)
{
    const struct kl_line *l = b->l;
    const char *word = cut(b, from, to);
    struct kl_diag *one = kl_diag(l->d, KL_WARNING, "bond-mode-unspecified",
        kl_arg_place(b->w, from, to - from), kl_diag_text(l->d, "write mode=%s", word),
        "'%s' stands there without 'mode=', so it does not set the mode", word);
    kl_line_edit(l, one, b->w, from, 0, "mode=");
}

static void judge_options(const struct bond *b, const struct kl_field *f, size_t n)
{
    bool mode = false;
    size_t bare = 0, bare_end = 0;
    size_t from = n > 2 ? f[2].from : 0, end = n > 2 ? from + f[2].len : 0;
    for (size_t at = from; at < end;) {
        size_t to = at + strcspn(b->text + at, ",");
        to = to < end ? to : end;
        const char *item = cut(b, at, to);
        mode |= kl_starts(item, "mode=") || kl_streq(item, "mode");
        if (!bare && kl_bond_mode(item) >= 0) {
            bare = at;
            bare_end = to;
        }
        repeated(b, at, to);
        at = to + 1;
    }
    if (mode)
        return;
    if (bare)
        say_bare(b, bare, bare_end);
    else
        say_mode_less(b, f, n);
}

static void say_portless(const struct bond *b, const struct kl_field *f)
{
    const struct kl_line *l = b->l;
    bool nm = l->c->release->engine == KL_ENGINE_NM;
    const char *name = *f[0].text ? f[0].text : "bond0";
    struct kl_diag *one = kl_diag(l->d, KL_WARNING, "ports-missing", b->w->at,
        kl_diag_text(l->d, "write bond=%s:PORT,PORT:mode=...", name), "%s is given no ports", name);
    kl_diag_effect(l->d, one, "initrd: %s of %s makes %s of %s, whatever the NICs are called",
        nm ? "NetworkManager" : "dracut", l->release, name, nm ? "eth0 alone" : "eth0 and eth1");
}

/* --- blanks in a bond= ------------------------------------------------------------------------*/

/* The word that follows is a part of this one: "miimon=100" after a blank, or what stands behind a
 * comma or colon and a blank. */
static bool blank(const struct kl_line *l, size_t k)
{
    const struct kl_cmdline *line = l->c->line;
    const struct kl_arg *w = &line->args[k], *next = &line->args[k + 1];
    size_t len = strlen(w->text);
    if (k + 1 >= line->n || next->at.line != w->at.line || !len || kl_line_open(next))
        return false;
    bool hangs = w->text[len - 1] == ',' || w->text[len - 1] == ':';
    const char *key = kl_line_key(l, next);
    bool option = is_option(key) && kl_line_value(next);
    bool port =
        hangs && kl_line_is_interface(l, kl_strndup(l->a, next->text, strcspn(next->text, ",:=")));
    if (!option && !port)
        return false;
    struct kl_place at = kl_arg_place(w, len, 0);
    at.col = w->at.col + w->at.width;
    at.width = next->at.col > at.col ? next->at.col - at.col : 0;
    size_t value = kl_line_value(w);
    struct kl_field f[KL_LINE_FIELDS];
    size_t n = kl_line_fields(l->a, w->text, value, f);
    if (!hangs && n < 2)
        return false;
    const char *instead = hangs ? "" : n > 2 ? "," : ":";
    struct kl_diag *one = kl_diag(l->d, KL_ERROR, "separator-wrong", at,
        kl_diag_text(l->d, "write %s%s%s", w->text, instead, next->text),
        "a blank ends bond=, so '%s' does not belong to it", next->text);
    if (w->verbatim && next->verbatim && at.width == 1)
        kl_diag_edit(l->d, one, at, instead);
    return true;
}

/* --- BOOTIF -----------------------------------------------------------------------------------*/

static bool bootif_is_off(const struct kl_cmdline *line)
{
    const struct kl_arg *off = kl_cmdline_last(line, "rd.bootif", NULL);
    const char *value = off ? kl_arg_value(off) : NULL;
    return value && (kl_streq(value, "0") || kl_streq(value, "no") || kl_streq(value, "off"));
}

/* BOOTIF= names a NIC that ifname= names too, and that is no port. */
static bool bootif_is_elsewhere(const struct kl_line *l, const struct kl_arg *bootif)
{
    struct kl_mac want, mac;
    const char *s = bootif ? kl_arg_value(bootif) : NULL;
    if (!s || !kl_mac_parse(strlen(s) == 20 ? s + 3 : s, &want))
        return false;
    for (size_t k = 0; k < l->c->line->n; k++) {
        const char *name = l->c->line->args[k].text;
        const char *colon = kl_starts(name, "ifname=") ? strchr(name, ':') : NULL;
        if (!colon || !kl_mac_parse(colon + 1, &mac) || !kl_mac_eq(&mac, &want))
            continue;
        name = kl_strndup(l->a, name + 7, (size_t)(colon - name - 7));
        return !l->c->initrd || !kl_link_controller(l->c->initrd, name);
    }
    return false;
}

static void say_bootif(const struct kl_line *l, const struct kl_arg *bond)
{
    const struct kl_cmdline *line = l->c->line;
    const struct kl_entry *e = l->c->entry;
    const struct kl_arg *bootif = kl_cmdline_last(line, "BOOTIF", NULL);
    bool added = e && e->adds_bootif;
    if (bootif_is_off(line) || (!added && !bootif) || bootif_is_elsewhere(l, bootif))
        return;
    struct kl_place at = bootif ? bootif->at : e->bootif_at;
    const char *kind = kl_strndup(l->a, bond->text, strcspn(bond->text, "="));
    struct kl_diag *one = kl_diag(l->d, KL_WARNING, "bootif-fights-bond", at,
        bootif ? "add rd.bootif=0" : "add rd.bootif=0, or leave this out for this entry",
        "BOOTIF= brings the NIC that booted up by itself, beside the %s", kind);
    kl_diag_also(l->d, one, bond->at, "the %s is made here", kind);
    if (l->c->release->engine == KL_ENGINE_NM)
        kl_diag_effect(l->d, one,
            "initrd: NetworkManager makes one more profile, with DHCP, for that NIC, which may "
            "take it from the %s if it is a port",
            kind);
    else
        kl_diag_effect(l->d, one,
            "initrd: dracut waits for that NIC and takes it for the boot device, by DHCP");
    const struct kl_arg *last = &line->args[line->n - 1];
    struct kl_place end = last->at;
    end.col += end.width;
    end.width = 0;
    if (last->verbatim && last->at.line == line->args[0].at.line)
        kl_diag_edit(l->d, one, end, " rd.bootif=0");
}

/* --- the whole --------------------------------------------------------------------------------*/

/* Has bond=, team= or bridge= ports of its own? */
static bool has_ports(const char *text)
{
    const char *colon = strchr(text, ':');
    return colon && colon[1] && colon[1] != ':';
}

static void judge(const struct kl_line *l, const struct kl_arg *w)
{
    struct kl_field f[KL_LINE_FIELDS];
    struct bond b = {.l = l, .w = w, .text = kl_strdup(l->a, w->text), .certain = true};
    b.value = kl_line_value(w) ? kl_line_value(w) : strlen(w->text);
    if (kl_starts(w->text + b.value, "bond="))
        b.value += strlen("bond="); /* said twice; rules_line_part.c */
    end_name(&b);
    size_t colon = b.value + strcspn(b.text + b.value, ":");
    if (b.text[colon]) {
        size_t end = end_ports(&b, colon + 1);
        if (b.text[end] == ':')
            options(&b, end + 1);
    }
    say_separator(&b);
    size_t n = kl_line_fields(l->a, b.text, b.value, f);
    if (blank(l, (size_t)(w - l->c->line->args)))
        return;
    if (n < 2 || !*f[1].text)
        say_portless(&b, f);
    else
        judge_options(&b, f, n);
}

void kl_line_bonds(const struct kl_line *l)
{
    const struct kl_arg *first = NULL;
    size_t seen = 0;
    for (size_t k = 0; k < l->c->line->n && seen < KL_LINE_WORDS; k++) {
        const struct kl_arg *w = &l->c->line->args[k];
        bool bond = kl_starts(w->text, "bond=") || kl_streq(w->text, "bond");
        if (!bond && !kl_starts(w->text, "team=") && !kl_starts(w->text, "bridge="))
            continue;
        seen++;
        if (!first && has_ports(w->text))
            first = w;
        if (bond && !kl_line_open(w) && strlen(w->text) < KL_LINE_LONG)
            judge(l, w);
    }
    if (first)
        say_bootif(l, first);
}
