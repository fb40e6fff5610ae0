/* The kernel line, as it is written.
 *
 * Codes: those of rules_line_option.c (option-*), rules_line_bond.c (separator-wrong,
 * bond-mode-unspecified, ports-missing, bootif-fights-bond), rules_line_part.c (value-repeated,
 * separator-wrong), rules_line_ip.c (field-misplaced, literal-unbracketed, address-invalid,
 * duplicate-ip), rules_line_url.c (literal-unbracketed, address-invalid). Here is what they share.
 */
#include "check/rules_line.h"

#include <ctype.h>
#include <string.h>

/* --- words and fields -------------------------------------------------------------------------*/

size_t kl_line_fields(struct kl_arena *a, const char *text, size_t from, struct kl_field *f)
{
    size_t n = 0, start = from, at = from;
    for (int nest = 0; n < KL_LINE_FIELDS; at++) {
        nest += text[at] == '[' ? 1 : text[at] == ']' && nest ? -1 : 0;
        if (text[at] && (text[at] != ':' || nest))
            continue;
        f[n++] = (struct kl_field){kl_strndup(a, text + start, at - start), start, at - start};
        if (!text[at])
            break;
        start = at + 1;
    }
    return n;
}

struct kl_place kl_line_field_place(const struct kl_arg *w, const struct kl_field *f)
{
    return kl_arg_place(w, f->from, f->len);
}

size_t kl_line_value(const struct kl_arg *w)
{
    const char *equals = strchr(w->text, '=');
    return equals ? (size_t)(equals + 1 - w->text) : 0;
}

const char *kl_line_key(const struct kl_line *l, const struct kl_arg *w)
{
    return kl_strndup(l->a, w->text, strcspn(w->text, "="));
}

bool kl_line_open(const struct kl_arg *w)
{
    return strchr(w->text, '$') || strstr(w->text, "{{") || strstr(w->text, "<%") ||
           strstr(w->text, "@@") || strstr(w->text, "{%") || strchr(w->text, '<');
}

/* --- kinds ------------------------------------------------------------------------------------*/

bool kl_line_is_group(const char *s)
{
    size_t n = strspn(s, "0123456789abcdefABCDEF");
    return n && n <= 4 && !s[n];
}

/* "static" and "manual" are no methods to any engine, but whoever writes them means one. */
bool kl_line_is_method(const char *s)
{
    static const char *const words[] = {"none", "off", "dhcp", "on", "any", "dhcp6", "auto6",
        "ibft", "either6", "link6", "link-local", "single-dhcp", "auto", "fw", "static", "manual",
        "both", "bootp", NULL};
    for (const char *c = s;; c++) {
        size_t len = strcspn(c, ",");
        bool known = false;
        for (const char *const *w = words; *w && !known; w++)
            known = strlen(*w) == len && strncmp(*w, c, len) == 0;
        if (!known)
            return false;
        c += len;
        if (!*c)
            return true;
    }
}

/* `pattern`: '#' stands for digits, '~' for hexadecimal digits; the rest for itself. */
static bool spelt(const char *s, const char *pattern)
{
    for (; *pattern; pattern++) {
        if (*pattern != '#' && *pattern != '~') {
            if (*s++ != *pattern)
                return false;
            continue;
        }
        size_t n = strspn(s, *pattern == '#' ? "0123456789" : "0123456789abcdef");
        if (!n || n > 12)
            return false;
        s += n;
    }
    return !*s;
}

/* One of `patterns`, perhaps with a VLAN's number behind a dot. */
static bool spelt_as(const char *s, const char *const *patterns)
{
    char base[16];
    size_t len = strlen(s), tail = strcspn(s, ".");
    if (!len || len >= sizeof base)
        return false;
    if (s[tail] && (!s[tail + 1] || strspn(s + tail + 1, "0123456789") != len - tail - 1))
        return false;
    memcpy(base, s, tail);
    base[tail] = '\0';
    for (const char *const *p = patterns; *p; p++)
        if (spelt(base, *p))
            return true;
    return false;
}

/* systemd.net-naming-scheme(7), biosdevname(1). */
bool kl_line_like_nic(const char *s)
{
    static const char *const patterns[] = {"eth#", "em#", "em#_#", "p#p#", "p#p#_#", "eno#", "ens#",
        "ens#f#", "ens#np#", "ens#f#np#", "eno#np#", "enp#s#", "enp#s#f#", "enp#s#np#",
        "enp#s#f#np#", "enP#p#s#", "enP#p#s#f#", "enP#s#", "enx~", "enc~", "ib#", "ibp#s#",
        "ibp#s#f#", "ibs#", NULL};
    return spelt_as(s, patterns);
}

/* What people call virtual devices. A host may be called so too. */
bool kl_line_like_interface(const char *s)
{
    static const char *const patterns[] = {"bond#", "team#", "br#", "vlan#", NULL};
    return kl_line_like_nic(s) || spelt_as(s, patterns);
}

/* Is `s` one of the names in `list`, which commas and colons part? */
static bool listed(const char *list, const char *s, size_t fields)
{
    size_t len = strlen(s);
    for (const char *c = list; *c && fields && c - list < KL_LINE_LONG; c += *c != '\0') {
        size_t n = strcspn(c, ",:");
        if (n == len && strncmp(c, s, n) == 0)
            return true;
        c += n;
        fields -= *c == ':';
    }
    return false;
}

static void collect_names(struct kl_line *l)
{
    static const struct {
        const char *key;
        size_t fields;
    } words[] = {{"bond=", 2}, {"vlan=", 2}, {"team=", 2}, {"bridge=", 2}, {"ifname=", 1},
        {"bootdev=", 1}, {"ksdevice=", 1}};
    for (size_t k = 0; k < l->c->line->n && l->nnames < KL_LINE_WORDS; k++)
        for (size_t n = 0; n < sizeof words / sizeof *words; n++)
            if (kl_starts(l->c->line->args[k].text, words[n].key)) {
                l->names[l->nnames].list = l->c->line->args[k].text + strlen(words[n].key);
                l->names[l->nnames++].fields = words[n].fields;
                break;
            }
}

bool kl_line_mentions(const struct kl_line *l, const char *s)
{
    if (!*s || strlen(s) > 15 || kl_streq(s, "link") || kl_streq(s, "bootif"))
        return false;
    for (size_t k = 0; k < l->nnames; k++)
        if (listed(l->names[k].list, s, l->names[k].fields))
            return true;
    return false;
}

bool kl_line_is_interface(const struct kl_line *l, const char *s)
{
    return kl_line_like_interface(s) || kl_line_mentions(l, s);
}

/* --- how a rule speaks ------------------------------------------------------------------------*/

void kl_line_edit(const struct kl_line *l, struct kl_diag *one, const struct kl_arg *w, size_t from,
    size_t len, const char *text)
{
    if (!w->verbatim)
        return;
    struct kl_place at = kl_arg_place(w, from, len);
    at.width = (unsigned)len;
    kl_diag_edit(l->d, one, at, text);
}

void kl_line_rewrite(const struct kl_line *l, struct kl_diag *one, const struct kl_arg *w,
    size_t from, const char *text)
{
    const char *old = w->text + from;
    size_t head = 0, tail = 0, a = strlen(old), b = strlen(text);
    while (head < a && head < b && old[head] == text[head])
        head++;
    while (tail < a - head && tail < b - head && old[a - 1 - tail] == text[b - 1 - tail])
        tail++;
    kl_line_edit(
        l, one, w, from + head, a - head - tail, kl_strndup(l->a, text + head, b - head - tail));
}

/* Between two words of one line stand blanks. */
void kl_line_remove(const struct kl_line *l, struct kl_diag *one, const struct kl_arg *w)
{
    const struct kl_cmdline *line = l->c->line;
    size_t k = (size_t)(w - line->args);
    struct kl_place at = w->at;
    if (!w->verbatim)
        return;
    if (k > 0 && line->args[k - 1].at.line == at.line && line->args[k - 1].at.col < at.col) {
        at.col--;
        at.width++;
    } else if (k + 1 < line->n && line->args[k + 1].at.line == at.line) {
        at.width++;
    }
    kl_diag_edit(l->d, one, at, "");
}

/* --- the rule ---------------------------------------------------------------------------------*/

/* Lines of other installers and of live systems: their words are not ours to judge. */
static bool is_foreign(const struct kl_cmdline *line)
{
    static const char *const begins[] = {"preseed", "auto=", "priority=", "netcfg/",
        "debian-installer/", "debconf/", "autoinstall", "boot=casper", "boot=live", "netboot=nfs",
        "autoyast=", "install=", "netsetup=", "ifcfg=", "archiso", "alpine_",
        "modloop=", "ds=nocloud", "cloud-config-url=", "preseed/", NULL};
    for (size_t k = 0; k < line->n; k++)
        for (const char *const *b = begins; *b; b++)
            if (kl_starts(line->args[k].text, *b))
                return true;
    return false;
}

void kl_rules_line(const struct kl_case *c, struct kl_diags *d)
{
    if (!c->line || !c->line->n || is_foreign(c->line))
        return;
    const char *release = kl_release_name(c->a, c->release);
    struct kl_line l = {.c = c, .a = c->a, .d = d, .release = release};
    if (!c->release_given)
        l.release = kl_sprintf(c->a, "%s (inferred)", release);
    collect_names(&l);
    kl_line_options(&l);
    kl_line_parts(&l);
    kl_line_bonds(&l);
    kl_line_ips(&l);
    kl_line_methods(&l);
    kl_line_urls(&l);
}
