/* The table of releases.
 *
 * Versions: docs/releases.md, section 1, a row each (the leading NVR, without the part that a
 * z-stream changes). Engine and system format: docs/boot-stages.md, section 0. AlmaLinux, Rocky
 * Linux, Oracle Linux and CentOS Linux rebuild RHEL's packages, so they share its rows; each has
 * the minors that it published. CentOS Stream runs ahead of the newest minor of its major, and
 * takes that minor's row. Fedora's row names the EL minor whose rules it follows.
 *
 * The rows are written once, as macros over the distribution's name, because a result has to be
 * an object of its own that lives for ever.
 */
#include "tree/release.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define EL(D, MAJOR, MINOR, ANACONDA, DRACUT, NM, NM_MINOR, ENGINE, SYSTEM)                        \
    {                                                                                              \
        D, MAJOR, MINOR, MAJOR, ANACONDA, DRACUT, NM, ENGINE, NM_MINOR, SYSTEM, MINOR              \
    }
#define STREAM(MAJOR, ANACONDA, DRACUT, NM, NM_MINOR, SYSTEM)                                      \
    {                                                                                              \
        "centos-stream", MAJOR, -1, MAJOR, ANACONDA, DRACUT, NM, KL_ENGINE_NM, NM_MINOR, SYSTEM,   \
            KL_EL_NEWEST                                                                           \
    }
#define FEDORA(VERSION, EL_MAJOR, EL_MINOR, ANACONDA, DRACUT, NM, NM_MINOR)                        \
    {                                                                                              \
        "fedora", VERSION, 0, EL_MAJOR, ANACONDA, DRACUT, NM, KL_ENGINE_NM, NM_MINOR, KL_KEYFILE,  \
            EL_MINOR                                                                               \
    }

/* dracut is of the installed system: the installer has none. */
#define EL6(D)                                                                                     \
    EL(D, 6, 0, "13.21.82", "004", "0.8.1", 0, KL_ENGINE_LOADER_EL6, KL_IFCFG),                    \
        EL(D, 6, 1, "13.21.117", "004", "0.8.1", 0, KL_ENGINE_LOADER_EL6, KL_IFCFG),               \
        EL(D, 6, 2, "13.21.149", "004", "0.8.1", 0, KL_ENGINE_LOADER_EL6, KL_IFCFG),               \
        EL(D, 6, 3, "13.21.176", "004", "0.8.1", 0, KL_ENGINE_LOADER_EL6, KL_IFCFG),               \
        EL(D, 6, 4, "13.21.195", "004", "0.8.1", 0, KL_ENGINE_LOADER_EL6, KL_IFCFG),               \
        EL(D, 6, 5, "13.21.215", "004", "0.8.1", 0, KL_ENGINE_LOADER_EL6, KL_IFCFG),               \
        EL(D, 6, 6, "13.21.229", "004", "0.8.1", 0, KL_ENGINE_LOADER_EL6, KL_IFCFG),               \
        EL(D, 6, 7, "13.21.239", "004", "0.8.1", 0, KL_ENGINE_LOADER_EL6, KL_IFCFG),               \
        EL(D, 6, 8, "13.21.254", "004", "0.8.1", 0, KL_ENGINE_LOADER_EL6, KL_IFCFG),               \
        EL(D, 6, 9, "13.21.261", "004", "0.8.1", 0, KL_ENGINE_LOADER_EL6, KL_IFCFG),               \
        EL(D, 6, 10, "13.21.263", "004", "0.8.1", 0, KL_ENGINE_LOADER_EL6, KL_IFCFG)
#define EL7(D)                                                                                     \
    EL(D, 7, 0, "19.31.79", "033-161", "0.9.9.1", 0, KL_ENGINE_DRACUT_033A, KL_IFCFG),             \
        EL(D, 7, 1, "19.31.123", "033-240", "1.0.0", 0, KL_ENGINE_DRACUT_033A, KL_IFCFG),          \
        EL(D, 7, 2, "21.48.22.56", "033-359", "1.0.6", 0, KL_ENGINE_DRACUT_033A, KL_IFCFG),        \
        EL(D, 7, 3, "21.48.22.93", "033-463", "1.4.0", 4, KL_ENGINE_DRACUT_033B, KL_IFCFG),        \
        EL(D, 7, 4, "21.48.22.121", "033-502", "1.8.0", 8, KL_ENGINE_DRACUT_033B, KL_IFCFG),       \
        EL(D, 7, 5, "21.48.22.134", "033-535", "1.10.2", 10, KL_ENGINE_DRACUT_033B, KL_IFCFG),     \
        EL(D, 7, 6, "21.48.22.147", "033-554", "1.12.0", 12, KL_ENGINE_DRACUT_033B, KL_IFCFG),     \
        EL(D, 7, 7, "21.48.22.156", "033-564", "1.18.0", 18, KL_ENGINE_DRACUT_033B, KL_IFCFG),     \
        EL(D, 7, 8, "21.48.22.158", "033-568", "1.18.4", 18, KL_ENGINE_DRACUT_033B, KL_IFCFG),     \
        EL(D, 7, 9, "21.48.22.159", "033-572", "1.18.8", 18, KL_ENGINE_DRACUT_033B, KL_IFCFG)
#define EL8_0_TO_2(D)                                                                              \
    EL(D, 8, 0, "29.19.0.40", "049-10", "1.14.0", 14, KL_ENGINE_DRACUT_049, KL_IFCFG),             \
        EL(D, 8, 1, "29.19.1.13", "049-27", "1.20.0", 20, KL_ENGINE_DRACUT_049, KL_IFCFG),         \
        EL(D, 8, 2, "29.19.2.17", "049-70", "1.22.8", 22, KL_ENGINE_DRACUT_049, KL_IFCFG)
#define EL8_3(D) EL(D, 8, 3, "33.16.3.26", "049-95", "1.26.0", 26, KL_ENGINE_NM, KL_IFCFG)
#define EL8_4_TO_5(D)                                                                              \
    EL(D, 8, 4, "33.16.4.15", "049-135", "1.30.0", 30, KL_ENGINE_NM, KL_IFCFG),                    \
        EL(D, 8, 5, "33.16.5.6", "049-191", "1.32.10", 32, KL_ENGINE_NM, KL_IFCFG)
#define EL8_6_TO_10(D)                                                                             \
    EL(D, 8, 6, "33.16.6.7", "049-201", "1.36.0", 36, KL_ENGINE_NM, KL_IFCFG),                     \
        EL(D, 8, 7, "33.16.7.12", "049-209", "1.40.0", 40, KL_ENGINE_NM, KL_IFCFG),                \
        EL(D, 8, 8, "33.16.8.9", "049-223", "1.40.16", 40, KL_ENGINE_NM, KL_IFCFG),                \
        EL(D, 8, 9, "33.16.9.4", "049-228", "1.40.16", 40, KL_ENGINE_NM, KL_IFCFG),                \
        EL(D, 8, 10, "33.16.10.5", "049-233", "1.40.16", 40, KL_ENGINE_NM, KL_IFCFG)
#define EL9(D)                                                                                     \
    EL(D, 9, 0, "34.25.0.29", "055-45", "1.36.0", 36, KL_ENGINE_NM, KL_KEYFILE),                   \
        EL(D, 9, 1, "34.25.1.14", "057-13", "1.40.0", 40, KL_ENGINE_NM, KL_KEYFILE),               \
        EL(D, 9, 2, "34.25.2.10", "057-21", "1.42.2", 42, KL_ENGINE_NM, KL_KEYFILE),               \
        EL(D, 9, 3, "34.25.3.8", "057-44", "1.44.0", 44, KL_ENGINE_NM, KL_KEYFILE),                \
        EL(D, 9, 4, "34.25.4.9", "057-53", "1.46.0", 46, KL_ENGINE_NM, KL_KEYFILE),                \
        EL(D, 9, 5, "34.25.5.9", "057-70", "1.48.10", 48, KL_ENGINE_NM, KL_KEYFILE),               \
        EL(D, 9, 6, "34.25.5.17", "057-87", "1.52.0", 52, KL_ENGINE_NM, KL_KEYFILE),               \
        EL(D, 9, 7, "34.25.7.7", "057-102", "1.54.0", 54, KL_ENGINE_NM, KL_KEYFILE)
#define EL10(D)                                                                                    \
    EL(D, 10, 0, "40.22.3.26", "105-4", "1.52.0", 52, KL_ENGINE_NM, KL_KEYFILE),                   \
        EL(D, 10, 1, "40.22.3.34", "107", "1.54.0", 54, KL_ENGINE_NM, KL_KEYFILE)

static const struct kl_release releases[] = {
    EL6("rhel"),
    EL7("rhel"),
    EL8_0_TO_2("rhel"),
    EL8_3("rhel"),
    EL8_4_TO_5("rhel"),
    EL8_6_TO_10("rhel"),
    EL9("rhel"),
    EL10("rhel"),
    EL6("centos"),
    EL7("centos"),
    EL8_0_TO_2("centos"),
    EL8_3("centos"),
    EL8_4_TO_5("centos"), /* CentOS Linux ends with 8.5 */
    STREAM(8, "33.16.10.5", "049-233", "1.40.16", 40, KL_IFCFG),
    STREAM(9, "34.25.7.7", "057-102", "1.54.0", 54, KL_KEYFILE),
    STREAM(10, "40.22.3.34", "107", "1.54.0", 54, KL_KEYFILE),
    EL6("ol"),
    EL7("ol"),
    EL8_0_TO_2("ol"),
    EL8_3("ol"),
    EL8_4_TO_5("ol"),
    EL8_6_TO_10("ol"),
    EL9("ol"),
    EL10("ol"),
    EL8_3("almalinux"), /* its first */
    EL8_4_TO_5("almalinux"),
    EL8_6_TO_10("almalinux"),
    EL9("almalinux"),
    EL10("almalinux"),
    EL8_4_TO_5("rocky"), /* its first was 8.4; 8.3 was a release candidate */
    EL8_6_TO_10("rocky"),
    EL9("rocky"),
    EL10("rocky"),
    FEDORA(38, 9, 2, "38.23.4", "059", "1.42", 42),
    FEDORA(39, 9, 3, "39.32.6", "059-15", "1.44.0", 44),
    FEDORA(40, 9, 4, "40.22.3", "059-22", "1.46.0", 46),
    FEDORA(41, 10, 0, "41.35", "102-3", "1.50.0", 50),
    FEDORA(42, 10, 0, "42.27.12", "105-2", "1.52.0", 52),
    FEDORA(43, 10, 1, "43.44", "107-8", "1.54.0", 54),
    FEDORA(44, 10, 1, "44.30", "108-6", "1.56.0", 56),
};

enum { NRELEASES = sizeof releases / sizeof *releases };

static const char *const distros[] = {
    "rhel", "centos", "centos-stream", "ol", "almalinux", "rocky", "fedora", NULL};

/* Other names for the same distribution, as people and os-release files write them. */
static const struct {
    const char *alias, *distro;
} aliases[] = {
    {"alma", "almalinux"},
    {"oracle", "ol"},
    {"oraclelinux", "ol"},
    {"redhat", "rhel"},
    {"rockylinux", "rocky"},
};

const char *kl_release_name(struct kl_arena *a, const struct kl_release *r)
{
    if (r->el_minor == KL_EL_NEWEST || kl_streq(r->distro, "fedora"))
        return kl_sprintf(a, "%s-%d", r->distro, r->major);
    return kl_sprintf(a, "%s-%d.%d", r->distro, r->major, r->minor);
}

const char *kl_release_at(struct kl_arena *a, size_t i)
{
    return i < NRELEASES ? kl_release_name(a, &releases[i]) : NULL;
}

const struct kl_release *kl_release_row(size_t i)
{
    return i < NRELEASES ? &releases[i] : NULL;
}

static const char *canonical_distro(const char *word)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (kl_streq(word, aliases[i].alias))
            return aliases[i].distro;
    for (size_t i = 0; distros[i]; i++)
        if (kl_streq(word, distros[i]))
            return distros[i];
    return NULL;
}

/* What is known of `distro`, for people: "7.0 to 7.9, 8.0 to 8.5". */
static const char *known_versions(struct kl_arena *a, const char *distro)
{
    const char *out = "";
    for (size_t i = 0; i < NRELEASES; i++) {
        if (!kl_streq(releases[i].distro, distro))
            continue;
        size_t last = i;
        bool minors = releases[i].minor >= 0 && !kl_streq(distro, "fedora");
        while (last + 1 < NRELEASES && kl_streq(releases[last + 1].distro, distro) &&
               (!minors || releases[last + 1].major == releases[i].major))
            last++;
        size_t skip = strlen(distro) + 1; /* only the versions */
        const char *from = kl_release_name(a, &releases[i]) + skip;
        const char *to = kl_release_name(a, &releases[last]) + skip;
        out = kl_sprintf(a, "%s%s%s%s%s", out, *out ? ", " : "", from, last > i ? " to " : "",
            last > i ? to : "");
        i = last;
    }
    return out;
}

static const char *why_not(struct kl_arena *a, const char *name, const char *word)
{
    const char *distro = canonical_distro(word);
    if (distro)
        return kl_sprintf(a, "'%s' is not a release that Kickline knows; of %s it knows %s", name,
            distro, known_versions(a, distro));
    const char *near = kl_nearest(word, distros);
    if (near)
        return kl_sprintf(a, "no distribution is called '%s'; did you mean '%s'?", word, near);
    return kl_sprintf(a,
        "'%s' is not a release; write a distribution (rhel, centos, centos-stream, ol, almalinux, "
        "rocky, fedora), a hyphen and a version, as in rhel-9.4 or fedora-42",
        name);
}

const struct kl_release *kl_release_find(struct kl_arena *a, const char *name, const char **why)
{
    const char *dash = strrchr(name, '-');
    const char *word = dash ? kl_strndup(a, name, (size_t)(dash - name)) : name;
    const char *distro = dash ? canonical_distro(word) : NULL;
    if (distro) {
        const char *full = kl_sprintf(a, "%s%s", distro, dash);
        for (size_t i = 0; i < NRELEASES; i++)
            if (kl_streq(kl_release_name(a, &releases[i]), full))
                return &releases[i];
    }
    if (why)
        *why = why_not(a, name, word);
    return NULL;
}

bool kl_release_installs(const struct kl_release *r)
{
    return r->engine != KL_ENGINE_LOADER_EL6;
}

bool kl_release_since(const struct kl_release *r, int major, int minor)
{
    return r->el != major ? r->el > major : r->el_minor >= minor;
}
