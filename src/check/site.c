/* Only the path and the kind of a file are kept: thirty thousand files are read twice, once to be
 * told apart and once when their case comes, and never lie in memory together. */
#include "check/site.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static struct kl_doc *add(struct kl_site *s, const char *path, enum kl_kind kind)
{
    if (s->n == s->room) {
        s->room = s->room ? s->room * 2 : 64;
        s->docs = kl_xrealloc(s->docs, s->room * sizeof *s->docs);
    }
    struct kl_doc *doc = &s->docs[s->n++];
    const char *name = kl_strdup(s->a, path);
    *doc = (struct kl_doc){.path = name, .base = base_of(name), .kind = kind};
    return doc;
}

struct kl_doc *kl_site_add(struct kl_site *s, const char *path, const char *text)
{
    struct kl_doc *doc = add(s, path, kl_kind_of(text, strlen(text)));
    doc->text = kl_strdup(s->a, text);
    return doc;
}

/* --- walking -----------------------------------------------------------------------------------*/

struct walk {
    struct kl_site *s;
    struct kl_diags *d;
};

static void cannot(struct walk *w, const char *path, const char *hint)
{
    kl_diag(w->d, KL_ERROR, "cannot-read", (struct kl_place){.file = path}, hint,
        "cannot be read: %s", strerror(errno));
}

static void one_file(struct walk *w, const char *path, bool named)
{
    size_t len = 0;
    char *text = kl_read_file(path, KL_SITE_LARGEST, &len);
    if (!text && errno == EFBIG && !named)
        return; /* an image, a package */
    if (!text) {
        cannot(w, path, errno == EFBIG ? "a boot configuration is smaller than 4 MiB" : NULL);
        return;
    }
    enum kl_kind kind = kl_kind_of(text, len);
    free(text);
    if (kind == KL_KIND_BINARY || kind == KL_KIND_EMPTY || kind == KL_KIND_UNKNOWN) {
        if (named)
            kl_diag(w->d, KL_NOTE, "kind-unknown", (struct kl_place){.file = path},
                "PXELINUX, GRUB, iPXE, kickstart, ifcfg, NetworkManager keyfile, dhcpd, dnsmasq, "
                "Kea, and kernel lines are known",
                "this is %s, and was left alone", kl_kind_name(kind));
        /* It may still be included, or be what a script writes: it stays findable. */
        if (kind != KL_KIND_UNKNOWN)
            return;
    }
    add(w->s, path, kind)->named = named;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.' || strcmp(e->d_name, ".treeinfo") == 0;
}

static void any(struct walk *w, const char *path, bool named, unsigned depth);

static void directory(struct walk *w, const char *path, unsigned depth)
{
    struct dirent **list = NULL;
    if (depth > KL_SITE_DEEPEST) {
        errno = ELOOP;
        cannot(w, path, "directories lie deeper than Kickline goes: name the inner one");
        return;
    }
    int n = scandir(path, &list, visible, by_name);
    if (n < 0) {
        cannot(w, path, NULL);
        return;
    }
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    for (int k = 0; k < n; k++) {
        char *inner;
        if (asprintf(&inner, "%.*s/%s", (int)end, path, list[k]->d_name) < 0)
            abort();
        any(w, inner, false, depth + 1);
        free(inner);
        free(list[k]);
    }
    free(list);
}

/* Links below a directory are not followed into directories: they lead in circles. */
static void any(struct walk *w, const char *path, bool named, unsigned depth)
{
    struct stat st;
    if ((named ? stat(path, &st) : lstat(path, &st)) != 0) {
        cannot(w, path, named ? "check the spelling" : NULL);
        return;
    }
    if (S_ISLNK(st.st_mode) && (stat(path, &st) != 0 || !S_ISREG(st.st_mode)))
        return;
    if (S_ISDIR(st.st_mode))
        directory(w, path, depth);
    else if (S_ISREG(st.st_mode) || (named && !S_ISBLK(st.st_mode)))
        one_file(w, path, named);
}

/* Of all files that were found and are none of ours, in one breath. */
static void say_unknown(struct walk *w)
{
    const struct kl_doc *first = NULL;
    size_t n = 0;
    for (size_t k = 0; k < w->s->n; k++)
        if (w->s->docs[k].kind == KL_KIND_UNKNOWN && !w->s->docs[k].named) {
            first = first ? first : &w->s->docs[k];
            n++;
        }
    if (n == 1)
        kl_diag(w->d, KL_NOTE, "kind-unknown", (struct kl_place){.file = first->path}, NULL,
            "this is nothing that is known here, and was left alone");
    else if (n)
        kl_diag(w->d, KL_NOTE, "kind-unknown", (struct kl_place){.file = first->path},
            "name a file, and it is said of that file",
            "this and %zu more file%s are nothing that is known here, and were left alone", n - 1,
            n == 2 ? "" : "s");
}

struct kl_site *kl_site_new(const struct kl_check_options *o, struct kl_diags *d)
{
    struct kl_site *s = kl_xmalloc(sizeof *s);
    s->a = kl_arena_new();
    s->maps = o->maps;
    s->nmaps = o->nmaps;
    struct walk w = {s, d};
    for (size_t k = 0; k < o->npaths; k++)
        any(&w, o->paths[k], true, 0);
    say_unknown(&w);
    return s;
}

void kl_site_index(struct kl_site *s)
{
    for (size_t k = s->n; k-- > 0;) {
        const void **slot = kl_names_slot(&s->bases, s->docs[k].base);
        s->docs[k].same = (struct kl_doc *)*slot;
        *slot = &s->docs[k];
    }
}

void kl_site_free(struct kl_site *s)
{
    if (!s)
        return;
    kl_names_free(&s->bases);
    kl_arena_free(s->a);
    free(s->docs);
    free(s);
}

const struct kl_doc *kl_site_document(const struct kl_site *s, const char *path)
{
    const struct kl_doc *doc = kl_names_get(&s->bases, base_of(path));
    while (doc && strcmp(doc->path, path) != 0)
        doc = doc->same;
    return doc;
}

const char *kl_site_text(
    const struct kl_site *s, struct kl_arena *a, const struct kl_doc *doc, size_t *len)
{
    (void)s;
    if (doc->text) {
        *len = strlen(doc->text);
        return doc->text;
    }
    char *text = kl_read_file(doc->path, KL_SITE_LARGEST, len);
    const char *copy = text ? kl_strndup(a, text, *len) : NULL;
    free(text);
    return copy;
}

/* --- finding -----------------------------------------------------------------------------------*/

/* Of a URL what a server would look up: no scheme, host, query, or fragment. */
static const char *url_path(const char *url, size_t *len)
{
    const char *scheme = strstr(url, "://");
    if (scheme) {
        const char *slash = strchr(scheme + 3, '/');
        url = slash ? slash : "";
    } else if (kl_starts(url, "nfs:") || kl_starts(url, "hd:")) {
        const char *colon = strrchr(url, ':');
        url = colon ? colon + 1 : url;
    } else if (kl_starts(url, "file:")) {
        url += 5;
    }
    *len = strcspn(url, "?#");
    return url;
}

/* How many whole components two paths share, from the end. */
static unsigned shared_tail(const char *a, size_t na, const char *b, size_t nb)
{
    unsigned n = 0;
    for (;;) {
        while (na && a[na - 1] == '/')
            na--;
        while (nb && b[nb - 1] == '/')
            nb--;
        size_t la = 0, lb = 0;
        while (la < na && a[na - 1 - la] != '/')
            la++;
        while (lb < nb && b[nb - 1 - lb] != '/')
            lb++;
        if (!la || la != lb || memcmp(a + na - la, b + nb - lb, la) != 0)
            return n;
        n++;
        na -= la;
        nb -= lb;
    }
}

/* How many bytes of whole components two paths share, from the start. */
static size_t shared_head(const char *a, const char *b)
{
    size_t n = 0;
    for (size_t k = 0; a[k] && a[k] == b[k]; k++)
        if (a[k] == '/')
            n = k + 1;
    return n;
}

static const struct kl_map *map_of(const struct kl_site *s, const char *url, const char **rest)
{
    const struct kl_map *best = NULL;
    size_t longest = 0;
    for (size_t k = 0; k < s->nmaps; k++) {
        size_t n = strlen(s->maps[k].url);
        if (strncmp(url, s->maps[k].url, n) != 0 || (best && n <= longest))
            continue;
        if (url[n] && url[n] != '/' && url[n] != '?' && (!n || url[n - 1] != '/'))
            continue;
        best = &s->maps[k];
        longest = n;
        *rest = url + n;
    }
    return best;
}

const char *kl_site_mapped(const struct kl_site *s, struct kl_arena *a, const char *url)
{
    const char *rest = "";
    const struct kl_map *m = map_of(s, url, &rest);
    if (!m)
        return NULL;
    while (*rest == '/')
        rest++;
    size_t n = strcspn(rest, "?#");
    if (strstr(rest, "..")) /* what a text names never leads out of what the map names */
        return NULL;
    return n ? kl_sprintf(a, "%s/%.*s", m->path, (int)n, rest) : m->path;
}

struct kl_doc *kl_site_find(
    const struct kl_site *s, const char *url, const char *from, enum kl_kind kind, bool *several)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const char *mapped = kl_site_mapped(s, a, url);
    size_t len;
    const char *path = mapped ? mapped : url_path(url, &len);
    len = mapped ? strlen(mapped) : len;
    const char *whole = kl_strndup(a, path, len);
    struct kl_doc *best = NULL;
    unsigned score = 0;
    size_t near = 0;
    bool tie = false;
    for (struct kl_doc *doc = (struct kl_doc *)kl_names_get(&s->bases, base_of(whole)); doc;
         doc = doc->same) {
        if (kind != KL_KIND_UNKNOWN && doc->kind != kind)
            continue;
        unsigned tail = shared_tail(whole, len, doc->path, strlen(doc->path));
        size_t head = from ? shared_head(from, doc->path) : 0;
        if (mapped && strcmp(mapped, doc->path) != 0 && tail < 2)
            continue;
        tie = best && tail == score && head == near;
        if (best && (tail < score || (tail == score && head <= near)))
            continue;
        best = doc;
        score = tail;
        near = head;
    }
    if (several)
        *several = tie;
    return tie ? NULL : best;
}

static bool find_for_reader(void *arg, const char *path, const char *from, const char **file,
    const char **text, size_t *len)
{
    struct kl_site_finder *self = arg;
    struct kl_doc *doc = *path ? kl_site_find(self->site, path, from, KL_KIND_UNKNOWN, NULL) : NULL;
    if (doc) {
        *file = doc->path;
        *text = kl_site_text(self->site, self->a, doc, len);
        return *text != NULL;
    }
    const char *mapped = kl_site_mapped(self->site, self->a, path);
    char *read = mapped ? kl_read_file(mapped, KL_SITE_LARGEST, len) : NULL;
    if (!read)
        return false;
    *file = mapped;
    *text = kl_strndup(self->a, read, *len);
    free(read);
    return true;
}

struct kl_finder kl_site_finder(struct kl_site_finder *self)
{
    return (struct kl_finder){find_for_reader, self};
}
