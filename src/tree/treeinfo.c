/* .treeinfo is an INI file: sections in brackets, `key = value` with or without blanks, comments
 * after ';' or '#' (productmd writes `; WARNING.1 = ...` lines into [general]). What is not known
 * is passed over: real trees carry whatever their composers liked.
 *
 * Which family is which, and where the minor version hides: docs/releases.md, "Recognising a
 * tree". */
#include "tree/treeinfo.h"

#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 20 };

struct entry {
    const char *section, *key, *value;
};

struct ini {
    struct entry *list;
    size_t n;
};

static char *trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    size_t n = strlen(s);
    while (n && isspace((unsigned char)s[n - 1]))
        s[--n] = '\0';
    return s;
}

static struct ini parse(struct kl_arena *a, const char *text)
{
    struct ini ini = {0};
    const char *section = "";
    char *save = NULL;
    for (char *line = strtok_r(kl_strdup(a, text), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        line = trim(line);
        char *end = line + strlen(line), *eq = strchr(line, '=');
        if (*line == '[' && end[-1] == ']') {
            end[-1] = '\0';
            section = trim(line + 1);
        } else if (*line != ';' && *line != '#' && eq) {
            *eq = '\0';
            ini.list = kl_grow(a, ini.list, ini.n, sizeof *ini.list);
            ini.list[ini.n++] = (struct entry){section, trim(line), trim(eq + 1)};
        }
    }
    return ini;
}

/* NULL when it is not said, or empty. */
static const char *get(const struct ini *ini, const char *section, const char *key)
{
    for (size_t i = 0; i < ini->n; i++)
        if (strcmp(ini->list[i].section, section) == 0 && strcmp(ini->list[i].key, key) == 0)
            return *ini->list[i].value ? ini->list[i].value : NULL;
    return NULL;
}

static const char *first_of(const char *a, const char *b)
{
    return a ? a : b;
}

/* --- which release -----------------------------------------------------------------------------*/

/* The longer name first where one begins with another. */
static const struct {
    const char *family, *distro;
} families[] = {
    {"Red Hat Enterprise Linux", "rhel"},
    {"RHEL", "rhel"},
    {"CentOS Stream", "centos-stream"},
    {"CentOS", "centos"},
    {"Rocky", "rocky"},
    {"AlmaLinux", "almalinux"},
    {"Oracle Linux", "ol"},
    {"OL-", "ol"},
    {"Fedora", "fedora"},
};

static const char *distro_of(const char *text)
{
    for (size_t i = 0; text && i < sizeof families / sizeof *families; i++)
        if (strncasecmp(text, families[i].family, strlen(families[i].family)) == 0)
            return families[i].distro;
    return NULL;
}

/* "9.4", "8.0.0", "OL-7.9 Server.x86_64", "Red Hat Enterprise Linux 8.4": the first number and, if
 * it is said, the one behind its dot. */
static bool version_in(const char *text, int *major, int *minor)
{
    *major = *minor = -1;
    while (text && *text && !isdigit((unsigned char)*text))
        text++;
    if (!text || !*text)
        return false;
    char *end;
    long v = strtol(text, &end, 10);
    if (v < 0 || v > 999)
        return false;
    *major = (int)v;
    if (*end == '.' && isdigit((unsigned char)end[1])) {
        v = strtol(end + 1, NULL, 10);
        *minor = v > 99 ? -1 : (int)v;
    }
    return true;
}

static const struct kl_release *release_named(
    struct kl_arena *a, const char *distro, int major, int minor)
{
    const char *why;
    bool no_minor = strcmp(distro, "fedora") == 0 || strcmp(distro, "centos-stream") == 0;
    if (no_minor)
        return kl_release_find(a, kl_sprintf(a, "%s-%d", distro, major), &why);
    if (minor < 0)
        return NULL;
    return kl_release_find(a, kl_sprintf(a, "%s-%d.%d", distro, major, minor), &why);
}

/* "033-572" of the table is the build that "033-572.el7" is; "033-57" is another. */
static bool is_build(const char *found, const char *row)
{
    size_t n = strlen(row);
    return found && strncmp(found, row, n) == 0 && !isdigit((unsigned char)found[n]);
}

const struct kl_release *kl_release_of_product(struct kl_arena *a, const char *product,
    const char *version, const char *anaconda, const char *dracut)
{
    const char *distro = distro_of(product);
    int major, minor;
    if (!distro || !version_in(version, &major, &minor))
        return NULL;
    const struct kl_release *named = release_named(a, distro, major, minor), *only = NULL, *row;
    if (named)
        return named;
    for (size_t i = 0; minor < 0 && (row = kl_release_row(i)); i++) {
        if (strcmp(row->distro, distro) != 0 || row->major != major)
            continue;
        if (!is_build(anaconda, row->anaconda) && !is_build(dracut, row->dracut))
            continue;
        if (only)
            return NULL;
        only = row;
    }
    return only;
}

/* Line 2 of .discinfo: lorax's --release, which often has the minor version that .treeinfo lacks.
 * Bare digits there belong to the family of .treeinfo. */
static const char *disc_name(struct kl_arena *a, const char *dir)
{
    size_t len;
    char *text = kl_read_file(kl_sprintf(a, "%s/.discinfo", dir), MOST_BYTES, &len);
    char *line = text ? strchr(text, '\n') : NULL;
    const char *name = NULL;
    if (line) {
        line[1 + strcspn(line + 1, "\r\n")] = '\0';
        name = kl_strdup(a, trim(line + 1));
    }
    free(text);
    return name;
}

static void find_release(struct kl_arena *a, struct kl_tree *t)
{
    const char *distro = distro_of(t->family), *disc = disc_name(a, t->dir);
    int major, minor, disc_major, disc_minor;
    bool has_version = version_in(t->version, &major, &minor);
    const char *disc_distro = disc && isdigit((unsigned char)*disc) ? distro : distro_of(disc);
    if (!distro)
        distro = disc_distro;
    if (distro && has_version)
        t->release = release_named(a, distro, major, minor);
    if (!t->release && disc && version_in(disc, &disc_major, &disc_minor) && disc_distro &&
        kl_streq(disc_distro, distro) && (!has_version || major == disc_major))
        t->release = release_named(a, disc_distro, disc_major, disc_minor);
}

/* --- reading -----------------------------------------------------------------------------------*/

/* A path within the tree that stays in it; anything else counts as not said. */
static const char *inner(const char *path)
{
    if (!path || *path == '/' || strstr(path, ".."))
        return NULL;
    return path;
}

bool kl_tree_read(struct kl_arena *a, const char *dir, struct kl_tree *out, struct kl_diags *d)
{
    size_t len;
    *out = (struct kl_tree){.dir = kl_strdup(a, dir)};
    const char *path = kl_sprintf(a, "%s/.treeinfo", dir);
    char *text = kl_read_file(path, MOST_BYTES, &len);
    if (!text && errno == ENOENT)
        text = kl_read_file(kl_sprintf(a, "%s/treeinfo", dir), MOST_BYTES, &len);
    if (!text) {
        kl_diag(d, KL_ERROR, "no-treeinfo", (struct kl_place){.file = path},
            "an unpacked distribution has one at its top", "cannot read it: %s", strerror(errno));
        return false;
    }
    struct ini ini = parse(a, text);
    free(text);
    const char *arch = first_of(get(&ini, "tree", "arch"), get(&ini, "general", "arch"));
    const char *images = kl_sprintf(a, "images-%s", arch ? arch : "");
    out->arch = arch;
    out->family = first_of(get(&ini, "general", "family"), get(&ini, "release", "name"));
    out->version = first_of(get(&ini, "general", "version"), get(&ini, "release", "version"));
    out->kernel = inner(get(&ini, images, "kernel"));
    out->initrd = inner(get(&ini, images, "initrd"));
    out->mainimage = inner(get(&ini, "stage2", "mainimage"));
    find_release(a, out);
    return true;
}
