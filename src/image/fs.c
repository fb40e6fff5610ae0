#include "image/fs.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINKS_MOST = 40, PATH_MOST = 4096 }; /* path_resolution(7), PATH_MAX */

const char *const kl_node_word[] = {
    [KL_NODE_FILE] = "file",
    [KL_NODE_DIR] = "directory",
    [KL_NODE_SYMLINK] = "symbolic link",
    [KL_NODE_CHAR] = "character device",
    [KL_NODE_BLOCK] = "block device",
    [KL_NODE_FIFO] = "FIFO",
    [KL_NODE_SOCKET] = "socket",
};

static const unsigned modes[] = {
    [KL_NODE_FILE] = S_IFREG,
    [KL_NODE_DIR] = S_IFDIR,
    [KL_NODE_SYMLINK] = S_IFLNK,
    [KL_NODE_CHAR] = S_IFCHR,
    [KL_NODE_BLOCK] = S_IFBLK,
    [KL_NODE_FIFO] = S_IFIFO,
    [KL_NODE_SOCKET] = S_IFSOCK,
};

enum kl_node_kind kl_node_kind_of(unsigned mode)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (modes[i] == (mode & S_IFMT))
            return (enum kl_node_kind)i;
    return KL_NODE_FILE;
}

unsigned kl_node_mode(enum kl_node_kind kind)
{
    return modes[kind];
}

struct kl_node *kl_node_new(struct kl_fs *fs, const char *name, size_t len)
{
    struct kl_node *n = kl_alloc(fs->a, sizeof *n);
    n->name = kl_strndup(fs->a, name, len);
    n->nlink = 1;
    return n;
}

static bool is_name(const char *name)
{
    return *name && !kl_streq(name, ".") && !kl_streq(name, "..") && !strchr(name, '/') &&
           strlen(name) <= 255;
}

bool kl_node_adopt(struct kl_fs *fs, struct kl_node *dir, struct kl_node *child)
{
    if (!is_name(child->name))
        return kl_fault(fs->log, KL_IMAGE_CORRUPT, child->where, NULL,
            "the directory '/%s' has an entry with a name that cannot be",
            kl_node_path(fs->a, dir));
    child->parent = dir;
    dir->children = kl_grow(fs->a, dir->children, dir->nchildren, sizeof(struct kl_node *));
    dir->children[dir->nchildren++] = child;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct kl_node *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int xattr_by_name(const void *a, const void *b)
{
    return strcmp(((const struct kl_xattr *)a)->name, ((const struct kl_xattr *)b)->name);
}

bool kl_fs_dir(struct kl_fs *fs, struct kl_node *dir)
{
    if (dir->opened)
        return true;
    if (dir->kind != KL_NODE_DIR)
        return kl_fault(fs->log, KL_IMAGE_BAD_PATH, KL_NO_OFFSET, NULL, "'/%s' is a %s",
            kl_node_path(fs->a, dir), kl_node_word[dir->kind]);
    if (!fs->open_dir(fs, dir))
        return false;
    if (dir->nchildren)
        qsort(dir->children, dir->nchildren, sizeof *dir->children, by_name);
    for (size_t i = 1; i < dir->nchildren; i++)
        if (kl_streq(dir->children[i - 1]->name, dir->children[i]->name)) {
            const struct kl_node *twice = dir->children[i];
            dir->nchildren = 0; /* and stays unopened: asked for again, it fails again */
            return kl_fault(fs->log, KL_IMAGE_CORRUPT, twice->where, NULL,
                "the directory '/%s' has '%s' twice", kl_node_path(fs->a, dir), twice->name);
        }
    dir->opened = true;
    return true;
}

bool kl_fs_xattrs(struct kl_fs *fs, struct kl_node *n)
{
    if (n->xattrs_read || !fs->read_xattrs)
        return true;
    if (!fs->read_xattrs(fs, n))
        return false;
    n->xattrs_read = true;
    if (n->nxattrs)
        qsort(n->xattrs, n->nxattrs, sizeof *n->xattrs, xattr_by_name);
    return true;
}

bool kl_fs_read(struct kl_fs *fs, const struct kl_node *file, uint64_t at, void *to, size_t n)
{
    if (at > file->size || n > file->size - at)
        return kl_fault(fs->log, KL_IMAGE_TRUNCATED, file->where, NULL,
            "'/%s' has %llu bytes, and more are wanted", kl_node_path(fs->a, file),
            (unsigned long long)file->size);
    return !n || fs->read(fs, file, at, to, n);
}

char *kl_fs_text(
    struct kl_fs *fs, const struct kl_node *file, struct kl_arena *a, size_t max, size_t *len)
{
    if (file->kind != KL_NODE_FILE || file->size > max) {
        kl_fault(fs->log, file->kind == KL_NODE_FILE ? KL_IMAGE_BOMB : KL_IMAGE_BAD_PATH,
            file->where, NULL, "'/%s' is %s", kl_node_path(fs->a, file),
            file->kind == KL_NODE_FILE ? "larger than a text of its kind"
                                       : kl_node_word[file->kind]);
        return NULL;
    }
    char *text = kl_alloc(a, (size_t)file->size + 1);
    if (!kl_fs_read(fs, file, 0, text, (size_t)file->size))
        return NULL;
    if (len)
        *len = (size_t)file->size;
    return text;
}

struct kl_node *kl_node_child(const struct kl_node *dir, const char *name, size_t len)
{
    size_t low = 0, high = dir->nchildren;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *here = dir->children[middle]->name;
        int order = strncmp(here, name, len);
        if (order == 0 && here[len])
            order = 1;
        if (order == 0)
            return dir->children[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *kl_node_path(struct kl_arena *a, const struct kl_node *n)
{
    size_t len = 0;
    for (const struct kl_node *up = n; up->parent; up = up->parent)
        len += strlen(up->name) + 1;
    if (!len)
        return "";
    char *path = kl_alloc(a, len), *end = path + len - 1;
    for (const struct kl_node *up = n; up->parent; up = up->parent) {
        size_t part = strlen(up->name);
        end -= part;
        memcpy(end, up->name, part);
        if (up->parent->parent)
            *--end = '/';
    }
    return path;
}

/* --- paths -------------------------------------------------------------------------------------*/

static const char *join(struct kl_arena *a, const char *first, const char *second)
{
    return !*first ? second : !*second ? first : kl_sprintf(a, "%s/%s", first, second);
}

/* What is left of a path whose node is not there, without "", "." and "..": they cannot be asked
 * of what does not exist. */
static bool normal_rest(
    struct kl_fs *fs, struct kl_arena *a, const char *rest, const char *whole, const char **out)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (const char *s = rest; *s;) {
        size_t n = strcspn(s, "/");
        if (n == 2 && s[0] == '.' && s[1] == '.')
            return kl_fault(fs->log, KL_IMAGE_BAD_PATH, KL_NO_OFFSET, NULL,
                "'%s' goes up from a directory that is not there", whole);
        if (n && !(n == 1 && *s == '.')) {
            if (b.len)
                kl_buf_addc(&b, '/');
            kl_buf_addn(&b, s, n);
        }
        s += n;
        s += *s == '/';
    }
    *out = kl_strdup(a, kl_buf_text(&b));
    return true;
}

bool kl_fs_find(
    struct kl_fs *fs, struct kl_arena *a, const char *path, bool follow, struct kl_found_path *out)
{
    struct kl_node *here = fs->root;
    const char *left = path;
    *out = (struct kl_found_path){.rest = ""};
    for (unsigned links = 0;;) {
        left += strspn(left, "/");
        size_t n = strcspn(left, "/");
        if (!n)
            break;
        if (n == 1 && *left == '.') {
            left += n;
            continue;
        }
        if (here->kind != KL_NODE_DIR)
            return kl_fault(fs->log, KL_IMAGE_BAD_PATH, KL_NO_OFFSET, NULL,
                "'%s': '/%s' is a %s, not a directory", path, kl_node_path(a, here),
                kl_node_word[here->kind]);
        if (n == 2 && left[0] == '.' && left[1] == '.') {
            here = here->parent ? here->parent : here;
            left += n;
            continue;
        }
        if (!kl_fs_dir(fs, here))
            return false;
        struct kl_node *next = kl_node_child(here, left, n);
        if (!next) {
            out->parent = here;
            if (!normal_rest(fs, a, left, path, &out->rest))
                return false;
            out->path = join(a, kl_node_path(a, here), out->rest);
            return true;
        }
        left += n;
        bool last = !left[strspn(left, "/")];
        if (next->kind != KL_NODE_SYMLINK || (last && !follow)) {
            here = next;
            continue;
        }
        if (++links > LINKS_MOST || strlen(next->target) + strlen(left) > PATH_MOST)
            return kl_fault(fs->log, KL_IMAGE_BAD_PATH, next->where, NULL,
                "'%s' leads through more than %d symbolic links", path, LINKS_MOST);
        if (*next->target == '/')
            here = fs->root;
        left = kl_sprintf(a, "%s/%s", next->target, left);
    }
    out->node = here;
    out->parent = here->parent;
    out->path = kl_node_path(a, here);
    return true;
}

struct kl_node *kl_fs_at(struct kl_fs *fs, const char *path)
{
    struct kl_found_path found;
    struct kl_diags *quiet KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fault_log log = {.d = quiet, .image = fs->log->image}, *own = fs->log;
    fs->log = &log;
    bool ok = kl_fs_find(fs, fs->a, path, true, &found);
    fs->log = own;
    return ok ? found.node : NULL;
}

bool kl_fs_walk(struct kl_fs *fs, struct kl_node *from,
    bool (*each)(void *arg, struct kl_fs *fs, struct kl_node *n), void *arg)
{
    /* Without recursion, for a tree may be as deep as its image likes: `i` of each directory on
     * the way is kept in a stack of our own. */
    struct level {
        struct kl_node *dir;
        size_t i;
    } *stack = NULL;
    size_t depth = 0, room = 0;
    bool ok = from->kind != KL_NODE_DIR || kl_fs_dir(fs, from);
    for (struct kl_node *down = from->kind == KL_NODE_DIR ? from : NULL; ok;) {
        if (down) {
            if (depth == room) {
                room = room ? room * 2 : 16;
                stack = kl_xrealloc(stack, room * sizeof *stack);
            }
            stack[depth++] = (struct level){.dir = down};
        }
        while (depth && stack[depth - 1].i == stack[depth - 1].dir->nchildren)
            depth--;
        if (!depth)
            break;
        struct kl_node *n = stack[depth - 1].dir->children[stack[depth - 1].i++];
        down = n->kind == KL_NODE_DIR ? n : NULL;
        ok = each(arg, fs, n) && (!down || kl_fs_dir(fs, down));
    }
    free(stack);
    return ok;
}
