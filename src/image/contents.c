/* What runs in an image, from what every release leaves in it: docs/releases.md, "Package versions
 * without rpm". lorax removes the package database, so names of files and directories tell. */
#include "base/text.h"
#include "image/image.h"
#include "tree/treeinfo.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TEXT = 4 << 20 };

struct look {
    struct kl_image *image;
    struct kl_fs *fs;
    struct kl_arena *a;
    struct kl_contents *out;
};

/* A text file, or NULL: most are missing in most images. */
static char *text_at(const struct look *l, const char *path)
{
    struct kl_node *n = kl_fs_at(l->fs, path);
    if (!n || n->kind != KL_NODE_FILE || n->size > MOST_TEXT)
        return NULL;
    return kl_fs_text(l->fs, n, l->a, MOST_TEXT, NULL);
}

static char *unquoted(char *s)
{
    size_t n = strlen(s);
    while (n && isspace((unsigned char)s[n - 1]))
        s[--n] = '\0';
    if (n >= 2 && (*s == '"' || *s == '\'') && s[n - 1] == *s) {
        s[n - 1] = '\0';
        s++;
    }
    return s;
}

/* The value of the first line `KEY=...`; of os-release(5) and .buildstamp alike. */
static const char *value_in(const struct look *l, const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *s = text; s && *s; s = strchr(s, '\n'), s = s ? s + 1 : NULL)
        if (strncmp(s, key, n) == 0 && s[n] == '=') {
            char *v = unquoted(kl_strndup(l->a, s + n + 1, strcspn(s + n + 1, "\n")));
            return *v ? v : NULL;
        }
    return NULL;
}

static void product_from(
    const struct look *l, const char *path, const char *name_key, const char *version_key)
{
    char *text = l->out->product ? NULL : text_at(l, path);
    const char *name = text ? value_in(l, text, name_key) : NULL;
    /* 7 and 8 call the initrd "dracut" there; PRETTY_NAME is then the only line that helps. */
    if (!name || kl_streq(name, "dracut")) {
        name = text ? value_in(l, text, "PRETTY_NAME") : NULL;
        version_key = "PRETTY_NAME";
    }
    if (!name)
        return;
    l->out->product = name;
    l->out->version = value_in(l, text, version_key);
    l->out->product_from = path;
}

/* A child of the directory whose name begins with `prefix` and goes on with a digit: what follows
 * the prefix. */
static const char *version_named(const struct look *l, const char *dir, const char *prefix)
{
    struct kl_node *n = kl_fs_at(l->fs, dir);
    size_t len = strlen(prefix);
    if (!n || n->kind != KL_NODE_DIR || !kl_fs_dir(l->fs, n))
        return NULL;
    for (size_t i = 0; i < n->nchildren; i++) {
        const char *name = n->children[i]->name;
        if (kl_starts(name, prefix) && isdigit((unsigned char)name[len]))
            return name + len;
    }
    return NULL;
}

static void find_in_dirs(const struct look *l, const char *const *dirs, const char *prefix,
    const char **out, const char **from)
{
    for (; *dirs && !*out; dirs++) {
        *out = version_named(l, *dirs, prefix);
        if (*out)
            *from = kl_sprintf(l->a, "%s/%s%s", *dirs, prefix, *out);
    }
}

/* dracut's own list of the modules that it took; the network module of dracut 033 has no suffix. */
static void find_engine(const struct look *l)
{
    static const char *const engines[] = {"network-manager", "systemd-networkd", "connman",
        "network-wicked", "network-legacy", "network"};
    static const char path[] = "usr/lib/dracut/modules.txt";
    char *text = text_at(l, path);
    for (size_t i = 0; text && i < sizeof engines / sizeof *engines; i++) {
        size_t n = strlen(engines[i]);
        for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n')
            if (strncmp(s, engines[i], n) == 0 && (!s[n] || isspace((unsigned char)s[n]))) {
                l->out->engine = engines[i];
                l->out->engine_from = path;
                return;
            }
    }
}

/* "anaconda-core-33.16.9.4-1.el8.x86_64", also as yum and NEVRA write it: the version after the
 * package's name in the line that begins with it. */
static const char *package_in(const struct look *l, const char *log, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = log; *s; s += strcspn(s, "\n"), s += *s == '\n') {
        if (strncmp(s, name, n) != 0 || s[n] != '-' || !isdigit((unsigned char)s[n + 1]))
            continue;
        char *v = kl_strndup(l->a, s + n + 1, strcspn(s + n + 1, " \t\r\n"));
        char *epoch = strchr(v, ':'), *arch = strrchr(v, '.');
        if (arch && !isdigit((unsigned char)arch[1]) && arch[1] != 'e' && arch[1] != 'f')
            *arch = '\0';
        return epoch ? epoch + 1 : v;
    }
    return NULL;
}

static void from_packages(const struct look *l)
{
    static const char path[] = "root/lorax-packages.log";
    char *log = text_at(l, path);
    if (!log)
        return;
    const struct {
        const char *package, **out, **from;
    } wanted[] = {
        {"anaconda-core", &l->out->anaconda, &l->out->anaconda_from},
        {"anaconda", &l->out->anaconda, &l->out->anaconda_from},
        {"dracut", &l->out->dracut, &l->out->dracut_from},
        {"NetworkManager", &l->out->nm, &l->out->nm_from},
        {"kernel-core", &l->out->kernel, &l->out->kernel_from},
        {"kernel", &l->out->kernel, &l->out->kernel_from},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!*wanted[i].out && (*wanted[i].out = package_in(l, log, wanted[i].package)))
            *wanted[i].from = path;
}

/* pyanaconda/version.py: __build_time_version__ has the release, __version__ may lack it. */
static void from_pyanaconda(const struct look *l)
{
    static const char *const libs[] = {"usr/lib64", "usr/lib", NULL};
    for (const char *const *lib = libs; *lib && !l->out->anaconda; lib++) {
        const char *python = version_named(l, *lib, "python");
        const char *path = python ? kl_sprintf(l->a, "%s/python%s/site-packages/pyanaconda/%s",
                                        *lib, python, "version.py")
                                  : NULL;
        char *text = path ? text_at(l, path) : NULL;
        if (!text)
            continue;
        const char *v = NULL;
        static const char *const keys[] = {"__build_time_version__", "__version__"};
        for (size_t i = 0; i < 2 && !v; i++) {
            const char *s = strstr(text, keys[i]);
            s = s ? s + strcspn(s, "\"'\n") : NULL;
            size_t n = s && *s && *s != '\n' ? strcspn(s + 1, "\"'\n") : 0;
            v = n ? kl_strndup(l->a, s + 1, n) : NULL;
        }
        l->out->anaconda = v;
        l->out->anaconda_from = path;
    }
}

bool kl_image_contents(struct kl_image *i, struct kl_arena *a, struct kl_contents *out)
{
    static const char *const dracut[] = {"usr/lib/dracut", "lib/dracut", NULL};
    static const char *const nm[] = {"usr/lib64/NetworkManager", "usr/lib/NetworkManager",
        "usr/lib/x86_64-linux-gnu/NetworkManager", NULL};
    static const char *const kernel[] = {"usr/lib/modules", "lib/modules", NULL};
    *out = (struct kl_contents){0};
    struct look l = {.image = i, .fs = kl_image_fs(i), .a = a, .out = out};
    product_from(&l, ".buildstamp", "Product", "Version");
    product_from(&l, "usr/lib/initrd-release", "NAME", "VERSION_ID");
    product_from(&l, "etc/initrd-release", "NAME", "VERSION_ID");
    product_from(&l, "usr/lib/os-release", "NAME", "VERSION_ID");
    product_from(&l, "etc/os-release", "NAME", "VERSION_ID");
    from_packages(&l);
    from_pyanaconda(&l);
    find_in_dirs(&l, dracut, "dracut-", &out->dracut, &out->dracut_from);
    find_in_dirs(&l, nm, "", &out->nm, &out->nm_from);
    find_in_dirs(&l, kernel, "", &out->kernel, &out->kernel_from);
    find_engine(&l);
    out->release = kl_release_of_product(a, out->product, out->version, out->anaconda, out->dracut);
    return out->product || out->dracut || out->anaconda || out->nm || out->kernel;
}
