/* Which release a case is about, where nobody says so: by how the paths and titles in it are named,
 * then by words that only some releases know. What comes of it is a guess, and said to be one. */
#include "check/infer.h"

#include <ctype.h>
#include <string.h>

/* As people write them in paths and titles. Longer ones first: "centos-stream" before "centos". */
static const struct {
    const char *word, *distro;
} words[] = {
    {"centos-stream", "centos-stream"},
    {"centos stream", "centos-stream"},
    {"centos_stream", "centos-stream"},
    {"centos", "centos"},
    {"red hat enterprise linux", "rhel"},
    {"redhat", "rhel"},
    {"rhel-server", "rhel"},
    {"rhel", "rhel"},
    {"oraclelinux", "ol"},
    {"oracle linux", "ol"},
    {"oracle", "ol"},
    {"ol", "ol"},
    {"almalinux", "almalinux"},
    {"alma", "almalinux"},
    {"rockylinux", "rocky"},
    {"rocky", "rocky"},
    {"fedora", "fedora"},
    {"scientific", "rhel"},
    {"el", "rhel"},
};

struct guess {
    const char *distro;
    int major, minor; /* minor -1: not said */
};

static bool is_major(const char *distro, int n)
{
    return strcmp(distro, "fedora") == 0 ? n >= 12 && n <= 60 : n >= 6 && n <= 10;
}

/* The EL whose anaconda is nearest to that of a Fedora that has no row of its own. The words
 * without "inst." went with F34 (docs/boot-stages.md §2.1). */
static int el_of_fedora(int version)
{
    return version <= 16 ? 6 : version <= 27 ? 7 : version <= 33 ? 8 : 9;
}

static int digits(const char **s)
{
    int n = 0;
    for (int k = 0; k < 3 && isdigit((unsigned char)**s); k++)
        n = n * 10 + *(*s)++ - '0';
    return isdigit((unsigned char)**s) ? -1 : n;
}

/* "7.2", "7-2", "7u2", "72", "7" and what else stands behind a name. False: no version. */
static bool version(const char *s, struct guess *g)
{
    const char *start = s;
    int n = digits(&s);
    g->minor = -1;
    /* ol72, rhel610, centos79: written without a dot */
    for (int by = 10; n > 10 && by <= 100 && strcmp(g->distro, "fedora") != 0; by *= 10)
        if (n / by >= 6 && n / by <= 8 && s - start == (by == 10 ? 2 : 3)) {
            g->major = n / by;
            g->minor = n % by;
            return true;
        }
    if (s == start || !is_major(g->distro, n))
        return false;
    g->major = n;
    if ((*s == '.' || *s == 'u' || *s == 'U' || *s == '-' || *s == '_') &&
        isdigit((unsigned char)s[1])) {
        bool certain = *s == '.' || *s == 'u' || *s == 'U';
        const char *minor = ++s;
        int m = digits(&s);
        if (m >= 0 && m <= 10 && s - minor <= 2 && (certain || !isdigit((unsigned char)*s)))
            g->minor = m;
    } else if (strncasecmp(s, "-stream", 7) == 0) {
        g->distro = "centos-stream";
    }
    return true;
}

static bool behind_name(const char *s, struct guess *g)
{
    static const char *const fillers[] = {"linux", "server", "release", "stream", "everything",
        "releases", "os", "x86_64", "enterprise", "baseos", "iso", "dvd", "boot", "r", "v", "u",
        NULL};
    for (int k = 0; k < 4; k++) {
        /* \x20 is a blank in a label: inst.stage2=hd:LABEL=CentOS\x207\x20x86_64 */
        for (size_t n = 1; n;) {
            n = kl_starts(s, "\\x20") ? 4 : strspn(s, "-_ ./");
            s += n;
        }
        if (isdigit((unsigned char)*s))
            return version(s, g);
        const char *const *f = fillers;
        while (*f && strncasecmp(s, *f, strlen(*f)) != 0)
            f++;
        if (!*f)
            return false;
        s += strlen(*f);
    }
    return false;
}

/* The most that one text says: a minor is more than a major. */
static bool look(const char *text, struct guess *best)
{
    bool any = false;
    for (const char *s = text; *s; s++) {
        if (s != text && isalnum((unsigned char)s[-1]))
            continue;
        for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
            size_t n = strlen(words[k].word);
            if (strncasecmp(s, words[k].word, n) != 0)
                continue;
            struct guess g = {words[k].distro, 0, -1};
            if (behind_name(s + n, &g) && (!any || (best->minor < 0 && g.minor >= 0))) {
                *best = g;
                any = true;
            }
            break;
        }
    }
    return any;
}

/* The newest release of this distribution and major that is not newer than `minor` (-1: any); the
 * oldest, when all are newer. */
static const struct kl_release *newest(const char *distro, int major, int minor)
{
    const struct kl_release *found = NULL, *r;
    for (size_t k = 0; (r = kl_release_row(k)); k++) {
        if (r->major != major || !kl_streq(r->distro, distro))
            continue;
        bool fits = minor < 0 || r->minor <= minor;
        if (!found || (fits && r->minor > found->minor))
            found = r;
    }
    return found;
}

static const struct kl_release *of_guess(const struct guess *g)
{
    const struct kl_release *r = newest(g->distro, g->major, g->minor), *later;
    if (r || strcmp(g->distro, "fedora") != 0)
        return r ? r : newest("rhel", g->major, g->minor);
    for (int n = g->major; n > 40; n--)
        if ((later = newest("fedora", n, -1)))
            return later;
    return newest("rhel", el_of_fedora(g->major), -1);
}

/* As udev writes a label: "CentOS\x207" is "CentOS 7". GRUB may have taken the backslash off. */
static const char *unescaped(struct kl_arena *a, const char *text)
{
    if (!strstr(text, "x20"))
        return text;
    char *copy = kl_strdup(a, text), *to = copy;
    for (const char *s = text; *s;) {
        size_t n = kl_starts(s, "\\x20") ? 4 : kl_starts(s, "x20") ? 3 : 0;
        *to++ = n ? ' ' : *s;
        s += n ? n : 1;
    }
    *to = '\0';
    return copy;
}

/* --- by words that not all releases know -------------------------------------------------------*/

static bool has_command(const struct kl_kickstart *k, const char *name)
{
    for (size_t i = 0; k && i < k->ncommands; i++)
        if (!k->commands[i].maybe && kl_streq(k->commands[i].name, name))
            return true;
    return false;
}

/* docs/boot-stages.md §2.1 and §3.5: what came and went. */
static int major_by_words(
    const struct kl_cmdline *line, const struct kl_kickstart *k, const char **because)
{
    if (has_command(k, "rdp"))
        return *because = "rdp in the kickstart", 10;
    if (has_command(k, "timesource"))
        return *because = "timesource in the kickstart", 9;
    if (has_command(k, "authselect") || has_command(k, "module"))
        return *because = "authselect or module in the kickstart", 8;
    bool bare = false, prefixed = false, old = false;
    for (size_t i = 0; line && i < line->n; i++) {
        const char *w = line->args[i].text;
        prefixed |= kl_starts(w, "inst.");
        /* Without these nothing is installed, so they are read; said both ways they prove nothing.
         */
        bare |= (kl_starts(w, "ks=") && !kl_cmdline_last(line, "inst.ks", NULL)) ||
                (kl_starts(w, "repo=") && !kl_cmdline_last(line, "inst.repo", NULL)) ||
                (kl_starts(w, "stage2=") && !kl_cmdline_last(line, "inst.stage2", NULL));
        old |= kl_starts(w, "method=") || kl_starts(w, "ksdevice=");
    }
    if (has_command(k, "install") || has_command(k, "auth") || has_command(k, "authconfig") ||
        has_command(k, "xconfig"))
        return *because = "commands of the kickstart that EL7 had", 7;
    if (bare || (!prefixed && old))
        return *because = "options without 'inst.'", 7;
    return 0;
}

void kl_infer_release(struct kl_arena *a, const char *const *texts, const char *const *sources,
    size_t n, const struct kl_cmdline *line, const struct kl_kickstart *k,
    const struct kl_release **release, const char **from)
{
    struct guess best = {0};
    const char *said = NULL;
    for (size_t i = 0; i < n; i++) {
        struct guess g = {0};
        const char *text = texts[i] ? unescaped(a, texts[i]) : NULL;
        if (!text || !look(text, &g) || (said && (best.minor >= 0 || g.minor < 0)))
            continue;
        if (said && (g.major != best.major || !kl_streq(g.distro, best.distro)))
            continue; /* a second opinion on the minor only */
        best = g;
        said = kl_sprintf(a, "%s '%s'", sources[i], text);
    }
    *release = said ? of_guess(&best) : NULL;
    *from = said;
    if (*release)
        return;
    const char *because = NULL;
    int major = major_by_words(line, k, &because);
    *release = newest("rhel", major ? major : 9, -1);
    *from = because;
}
