/* A patch is a list: changes are checked and copied as they come, and what they mean in an image
 * is settled later, against that image (patch_plan.c). */
#include "image/patch.h"

#include "base/text.h"
#include "image/patch_own.h"

#include <stdlib.h>
#include <string.h>

enum {
    NAME_MOST = 255,    /* linux/limits.h: NAME_MAX, XATTR_NAME_MAX ... */
    PATH_MOST = 4095,   /* ... PATH_MAX without its NUL ... */
    XATTR_MOST = 65536, /* ... XATTR_SIZE_MAX */
};

/* --- a patch -----------------------------------------------------------------------------------*/

static bool read_epoch(struct kl_patch *p)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    unsigned long seconds = 0;
    p->epoch = -1;
    if (!text || !*text)
        return true;
    if (!kl_number(text, UINT32_MAX, &seconds))
        return kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET,
            "it is a number of seconds since 1970, at most 4294967295; or unset it",
            "$SOURCE_DATE_EPOCH is '%s'", text);
    p->epoch = (int64_t)seconds;
    return true;
}

struct kl_patch *kl_patch_new(struct kl_diags *d)
{
    struct kl_patch *p = kl_xmalloc(sizeof *p);
    p->a = kl_arena_new();
    p->log = (struct kl_fault_log){.d = d};
    if (read_epoch(p))
        return p;
    kl_patch_free(p);
    return NULL;
}

void kl_patch_free(struct kl_patch *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        kl_rope_drop(p->changes[i].content);
    free(p->changes);
    kl_arena_free(p->a);
    free(p);
}

const char *kl_change_from(const struct kl_change *c)
{
    return c->from ? c->from : "the patch";
}

/* --- one change --------------------------------------------------------------------------------*/

static bool bad_path(struct kl_patch *p, const struct kl_change *c, const char *why)
{
    return kl_fault(&p->log, KL_IMAGE_BAD_PATH, KL_NO_OFFSET, NULL, "%s: the path '%s' %s",
        kl_change_from(c), c->path, why);
}

const char *kl_patch_normal(struct kl_arena *a, const char *path, const char **why)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (const char *s = path; *s;) {
        size_t n = strcspn(s, "/");
        if (n == 2 && s[0] == '.' && s[1] == '.') {
            *why = "goes up with '..'";
            return NULL;
        }
        if (n > NAME_MOST) {
            *why = "has a name of more than 255 bytes";
            return NULL;
        }
        if (n && !(n == 1 && *s == '.')) {
            if (b.len)
                kl_buf_addc(&b, '/');
            kl_buf_addn(&b, s, n);
        }
        s += n;
        s += *s == '/';
    }
    if (b.len > PATH_MOST) {
        *why = "has more than 4095 bytes";
        return NULL;
    }
    return kl_strndup(a, kl_buf_text(&b), b.len);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct kl_xattr *)a)->name, ((const struct kl_xattr *)b)->name);
}

static bool copy_xattrs(struct kl_patch *p, struct kl_change *c)
{
    struct kl_xattr *copy = kl_alloc(p->a, (c->nxattrs + 1) * sizeof *copy);
    for (size_t i = 0; i < c->nxattrs; i++) {
        const struct kl_xattr *x = &c->xattrs[i];
        if (!*x->name || strlen(x->name) > NAME_MOST || x->len > XATTR_MOST)
            return kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET,
                "Linux takes names of 255 bytes and values of 65536",
                "%s: the extended attribute '%.64s' of %zu bytes is too large", kl_change_from(c),
                x->name, x->len);
        void *value = kl_alloc(p->a, x->len + 1);
        if (x->len)
            memcpy(value, x->value, x->len);
        copy[i] = (struct kl_xattr){kl_strdup(p->a, x->name), value, x->len};
    }
    if (c->nxattrs)
        qsort(copy, c->nxattrs, sizeof *copy, by_name);
    for (size_t i = 1; i < c->nxattrs; i++)
        if (kl_streq(copy[i - 1].name, copy[i].name))
            return kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL,
                "%s: the extended attribute '%s' is given twice", kl_change_from(c), copy[i].name);
    c->xattrs = copy;
    return true;
}

static bool check(struct kl_patch *p, const struct kl_change *c)
{
    if (c->mode > 07777 || c->mode < -1 || c->uid > UINT32_MAX || c->uid < -1 ||
        c->gid > UINT32_MAX || c->gid < -1)
        return kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL,
            "%s: '%s' has a mode or an owner that cannot be: %o, %lld:%lld", kl_change_from(c),
            c->path, (unsigned)c->mode, (long long)c->uid, (long long)c->gid);
    if (!c->remove && c->kind == KL_NODE_SYMLINK &&
        (!c->target || !*c->target || strlen(c->target) > PATH_MOST))
        return kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL,
            "%s: the symbolic link '%s' leads nowhere: its target has %zu bytes", kl_change_from(c),
            c->path, c->target ? strlen(c->target) : 0);
    return true;
}

/* One that is settled: its path is normal, its strings are the patch's own. Its content is taken
 * over. */
static void append(struct kl_patch *p, const struct kl_change *c)
{
    if (p->n == p->room) {
        p->room = p->room ? p->room * 2 : 16;
        p->changes = kl_xrealloc(p->changes, p->room * sizeof *p->changes);
    }
    p->changes[p->n++] = *c;
}

bool kl_patch_add(struct kl_patch *p, const struct kl_change *change)
{
    struct kl_change c = *change;
    const char *why = NULL;
    c.path = kl_patch_normal(p->a, change->path, &why);
    if (!c.path || !*c.path)
        return bad_path(p, change, why ? why : "names nothing in the image");
    if (!check(p, &c) || !copy_xattrs(p, &c))
        return false;
    c.from = kl_strdup(p->a, kl_change_from(change));
    c.target = c.target ? kl_strdup(p->a, c.target) : NULL;
    if (c.kind != KL_NODE_FILE || c.remove)
        c.content = NULL;
    else
        c.content = c.content ? kl_rope_hold(c.content) : kl_rope_new();
    append(p, &c);
    return true;
}

/* --- as words ----------------------------------------------------------------------------------*/

/* Splits at colons that no backslash precedes; at most `most` parts. 0: there are more. */
static size_t split(struct kl_arena *a, const char *spec, const char **part, size_t most)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    size_t n = 0;
    for (const char *s = spec;; s++) {
        if (*s == '\\' && s[1] == ':') {
            kl_buf_addc(&b, *++s);
        } else if (*s && *s != ':') {
            kl_buf_addc(&b, *s);
        } else {
            if (n == most)
                return 0;
            part[n++] = kl_strdup(a, kl_buf_text(&b));
            kl_buf_clear(&b);
            if (!*s)
                return n;
        }
    }
}

static bool bad_spec(struct kl_patch *p, const char *option, const char *spec, const char *form)
{
    return kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, "a colon in a path is written '\\:'",
        "'%s %s' should be %s", option, spec, form);
}

static bool octal(const char *s, int *mode)
{
    size_t n = strspn(s, "01234567");
    if (!n || s[n] || n > 5)
        return false;
    unsigned long m = strtoul(s, NULL, 8);
    *mode = (int)m;
    return m <= 07777;
}

bool kl_patch_add_file(struct kl_patch *p, const char *spec)
{
    const char *part[3] = {NULL};
    size_t n = split(p->a, spec, part, 3);
    struct kl_change c = {.kind = KL_NODE_FILE, .mode = -1, .uid = -1, .gid = -1, .mtime = -1};
    int mode = -1;
    if (n < 2 || !*part[0] || !*part[1])
        return bad_spec(p, "--add", spec, "HOSTPATH:IMAGEPATH or HOSTPATH:IMAGEPATH:MODE");
    if (n == 3 && !octal(part[2], &mode))
        return kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, "write it as chmod takes it: 0644",
            "'--add %s': '%s' is no octal mode", spec, part[2]);
    c.mode = mode;
    if (!kl_patch_host_file(p, part[0], &c))
        return false;
    c.path = part[1];
    c.from = kl_sprintf(p->a, "--add %s", part[0]);
    bool ok = kl_patch_add(p, &c);
    kl_rope_drop(c.content);
    return ok;
}

bool kl_patch_add_link(struct kl_patch *p, const char *spec)
{
    const char *part[2] = {NULL};
    if (split(p->a, spec, part, 2) != 2 || !*part[0] || !*part[1])
        return bad_spec(p, "--link", spec, "TARGET:IMAGEPATH");
    return kl_patch_add(p, &(struct kl_change){.kind = KL_NODE_SYMLINK,
                               .target = part[0],
                               .path = part[1],
                               .mode = -1,
                               .uid = -1,
                               .gid = -1,
                               .mtime = -1,
                               .from = "--link"});
}

bool kl_patch_add_removal(struct kl_patch *p, const char *path)
{
    const char *part = NULL;
    if (split(p->a, path, &part, 1) != 1 || !*part)
        return bad_spec(p, "--remove", path, "a path of the image");
    return kl_patch_add(p, &(struct kl_change){.path = part,
                               .remove = true,
                               .mode = -1,
                               .uid = -1,
                               .gid = -1,
                               .mtime = -1,
                               .from = "--remove"});
}
