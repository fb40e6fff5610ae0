/* What a release makes of a word of the kernel command line. The table is in options_table.c.
 *
 * Who takes a word is asked in this order: a name of the table as it stands; an installer's option
 * without its prefix; a module's parameter (any word with a dot is one, to the kernel). Only what
 * is left is unknown, and only then is it asked what may have been meant: never for words that are
 * likely to be a site's own, which scripts read from /proc/cmdline.
 */
#include "stage/options.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* --- names ------------------------------------------------------------------------------------*/

/* The kernel takes '-' and '_' for the same (kernel/params.c, parameq); nobody else does. */
static bool same_kernel_name(const char *a, const char *b)
{
    for (; *a || *b; a++, b++)
        if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
            return false;
    return true;
}

static bool is_named(const struct kl_boot_option *o, const char *key)
{
    if (*o->name != *key) /* almost always */
        return false;
    size_t len = strlen(o->name);
    if (len > 2 && o->name[len - 1] == '*')
        return strncmp(o->name, key, len - 1) == 0;
    return o->reader == KL_READ_KERNEL ? same_kernel_name(o->name, key) : kl_streq(o->name, key);
}

static const struct kl_boot_option *by_name(const char *key)
{
    for (const struct kl_boot_option *o = kl_boot_options; o->name; o++)
        if (is_named(o, key))
            return o;
    return NULL;
}

/* Is `key` one of the words in `list`? *last: the last of them. */
static bool in_list(const char *list, const char *key, bool *last)
{
    size_t n = strlen(key);
    for (const char *c = list; c && *c; c += *c == ' ') {
        size_t len = strcspn(c, " ");
        *last = !c[len];
        if (len == n && strncmp(c, key, n) == 0)
            return true;
        c += len;
    }
    return false;
}

static const struct kl_boot_option *by_bare_name(const char *key, bool *oldest)
{
    for (const struct kl_boot_option *o = kl_boot_options; o->name; o++)
        if (o->bare && in_list(o->bare, key, oldest))
            return o;
    return NULL;
}

/* --- releases ---------------------------------------------------------------------------------*/

struct edge {
    bool known;
    int major, minor; /* minor -1: any */
};

static int number(const char **s)
{
    int n = 0;
    for (; isdigit((unsigned char)**s); (*s)++)
        n = n * 10 + (**s - '0');
    return n;
}

/* The part of "EL9,F41" that is for this release, as text in `a` and as numbers. */
static struct edge edge_of(
    struct kl_arena *a, const struct kl_release *r, const char *text, const char **own)
{
    bool fedora = kl_streq(r->distro, "fedora");
    struct edge e = {.minor = -1};
    *own = NULL;
    for (const char *c = text; c && *c; c += *c == ',') {
        const char *start = c;
        bool el = kl_starts(c, "EL");
        c += el ? 2 : 1;
        int major = number(&c), minor = -1;
        if (*c == '.') {
            c++;
            minor = number(&c);
        }
        if (el == !fedora || (el && !e.known)) {
            bool by_el = el && fedora;
            e = (struct edge){true, by_el || el ? major : major + 100, minor};
            *own = kl_strndup(a, start, (size_t)(c - start));
        }
    }
    return e;
}

/* -1, 0, 1: the release is before, at, after the edge. */
static int compared(const struct kl_release *r, const struct edge *e)
{
    if (e->major > 100) /* Fedora's own number */
        return r->major + 100 < e->major ? -1 : r->major + 100 > e->major;
    if (r->el != e->major)
        return r->el < e->major ? -1 : 1;
    if (e->minor < 0 || r->el_minor == e->minor)
        return 0;
    return r->el_minor < e->minor ? -1 : 1;
}

/* --- the verdict ------------------------------------------------------------------------------*/

static bool is_kernels(const struct kl_boot_option *o)
{
    return o->reader == KL_READ_KERNEL || o->reader == KL_READ_LOADER;
}

static struct kl_option_verdict in_time(
    struct kl_arena *a, const struct kl_boot_option *o, const struct kl_release *r)
{
    struct kl_option_verdict v = {.state = KL_OPTION_READ, .option = o, .instead = o->instead};
    const char *deprecated;
    const char *first = o->since ? o->since : is_kernels(o) ? NULL : "EL7";
    struct edge since = edge_of(a, r, first, &v.since), until = edge_of(a, r, o->until, &v.until);
    struct edge warned = edge_of(a, r, o->deprecated, &deprecated);
    if (until.known && compared(r, &until) > 0)
        v.state = o->ignored ? KL_OPTION_IGNORED : KL_OPTION_REMOVED;
    else if (since.known && compared(r, &since) < 0 && !(r->el == 6 && o->el6))
        v.state = KL_OPTION_TOO_NEW;
    else if (warned.known && compared(r, &warned) >= 0)
        v.state = KL_OPTION_DEPRECATED;
    if (v.state == KL_OPTION_READ)
        v.instead = NULL;
    return v;
}

/* EL6's loader knows no prefix (loader.c, parseCmdLineFlags). */
static struct kl_option_verdict on_el6(struct kl_arena *a, const struct kl_boot_option *o,
    const struct kl_release *r, bool bare, bool oldest)
{
    struct kl_option_verdict v = in_time(a, o, r);
    if (!o->bare || v.state == KL_OPTION_REMOVED)
        return v;
    if (o->el6 && bare && oldest) {
        v.state = KL_OPTION_READ;
        v.instead = NULL;
        return v;
    }
    const char *last = strrchr(o->bare, ' ');
    v.state = KL_OPTION_TOO_NEW;
    v.instead = o->el6 ? last ? last + 1 : o->bare : NULL;
    if (!v.since)
        v.since = "EL7";
    return v;
}

/* Without "inst.": the old spelling, taken by EL7 and EL8 (which warns from 33.16.4.9 on), by
 * nobody since 34.24. */
static struct kl_option_verdict bare(
    struct kl_arena *a, const struct kl_boot_option *o, const struct kl_release *r)
{
    struct kl_option_verdict v = in_time(a, o, r);
    if (v.state != KL_OPTION_READ && v.state != KL_OPTION_DEPRECATED)
        return v;
    v.state = kl_release_since(r, 9, 0) ? KL_OPTION_NEEDS_PREFIX : KL_OPTION_DEPRECATED;
    if (!v.instead)
        v.instead = o->name;
    return v;
}

/* --- what was meant ---------------------------------------------------------------------------*/

enum { SHORTEST = 5, LONGEST = 64, OPTIONS = 2048 };

/* "install.ks", "ist.ks": the rest is right. */
static const char *with_prefix(struct kl_arena *a, const char *key)
{
    static const char *const prefix[] = {"inst", NULL};
    const char *dot = strchr(key, '.');
    const char *before = kl_strndup(a, key, (size_t)(dot - key));
    if (!kl_nearest(before, prefix) && !kl_streq(before, "install") &&
        !kl_streq(before, "anaconda"))
        return NULL;
    const char *full = kl_sprintf(a, "inst%s", dot);
    const struct kl_boot_option *o = kl_streq(full, key) ? NULL : by_name(full);
    return o && !o->never ? full : NULL;
}

static bool is_prefixed(const char *key)
{
    return kl_starts(key, "inst.") || kl_starts(key, "rd.");
}

/* Of the installer's and dracut's names: those that begin as the word does, or, without a prefix,
 * those that are too long to be hit by chance. */
static const char *nearest(const char *key)
{
    const char *list[OPTIONS + 1];
    size_t n = 0, len = strlen(key);
    const char *prefix = kl_starts(key, "inst.") ? "inst." : kl_starts(key, "rd.") ? "rd." : "";
    for (const struct kl_boot_option *o = kl_boot_options; o->name && n < OPTIONS; o++) {
        if (is_kernels(o) || o->never || strchr(o->name, '*') || !kl_starts(o->name, prefix))
            continue;
        if (strcasecmp(o->name, key) == 0)
            return o->name;
        if (*prefix || (len >= SHORTEST && strlen(o->name) >= SHORTEST && !is_prefixed(o->name)))
            list[n++] = o->name;
    }
    list[n] = NULL;
    return kl_nearest(key, list);
}

/* "inst.ip": the rest is dracut's, or the kernel's console=. */
static const char *without_prefix(const char *key)
{
    const char *rest = key + strlen("inst.");
    const struct kl_boot_option *o = kl_starts(key, "inst.") ? by_name(rest) : NULL;
    bool other = o && (o->reader == KL_READ_DRACUT || kl_streq(o->name, "console"));
    return other ? rest : NULL;
}

static struct kl_option_verdict unknown(const char *key)
{
    struct kl_option_verdict v = {.state = KL_OPTION_UNKNOWN};
    if (strlen(key) <= LONGEST)
        v.instead = without_prefix(key) ? without_prefix(key) : nearest(key);
    v.near = v.instead;
    return v;
}

static struct kl_option_verdict never(const struct kl_boot_option *o)
{
    bool meant = o->instead;
    return (struct kl_option_verdict){.state = meant ? KL_OPTION_UNKNOWN : KL_OPTION_IGNORED,
        .option = o,
        .instead = o->instead,
        .near = meant};
}

/* A parameter of a module, of systemd, plymouth, ...: who reads it is known, what it is is not. */
static struct kl_option_verdict dotted(struct kl_arena *a, const char *key)
{
    static const struct kl_boot_option any = {
        .name = "*.*", .reader = KL_READ_KERNEL, .what = "a module's parameter"};
    const char *meant = strlen(key) <= LONGEST ? with_prefix(a, key) : NULL;
    if (meant)
        return (struct kl_option_verdict){
            .state = KL_OPTION_UNKNOWN, .instead = meant, .near = true};
    return (struct kl_option_verdict){.state = KL_OPTION_READ, .option = &any};
}

static const char *lower(struct kl_arena *a, const char *s)
{
    char *out = kl_strdup(a, s);
    for (char *c = out; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return out;
}

struct kl_option_verdict kl_boot_option_verdict(
    struct kl_arena *a, const char *key, const struct kl_release *r)
{
    bool oldest = false;
    const struct kl_boot_option *o = by_name(key), *b = o ? NULL : by_bare_name(key, &oldest);
    if (!o && !b && r->el == 6) { /* its loader compares without regard to case */
        const char *small = lower(a, key);
        o = by_name(small);
        b = o ? NULL : by_bare_name(small, &oldest);
    }
    if (o && o->never)
        return never(o);
    if (r->el == 6 && (b || (o && o->bare)))
        return on_el6(a, b ? b : o, r, b, oldest);
    if (o)
        return in_time(a, o, r);
    if (b)
        return bare(a, b, r);
    if (!is_prefixed(key) && strchr(key, '.'))
        return dotted(a, key);
    return unknown(key);
}
