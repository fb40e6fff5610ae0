/* For tests/unit/test_image_squashfs_flat.py: flat squashfs images, patched and looked at.
 *
 *     squashfs-patch IMAGE OUT [CHANGE ...]     patched, and written to OUT
 *     squashfs-patch IMAGE OUT --rewrite        the metadata written anew, nothing changed
 *     squashfs-patch IMAGE --check              what listings and the export table say of inodes
 *
 * CHANGE: -f PATH FILE, -l PATH TARGET, -c PATH MAJOR:MINOR, -p PATH, -d PATH, -r PATH (removed);
 * after one of them -m MODE, -t MTIME, -o UID:GID, -x NAME VALUE.
 * Prints the pieces that OUT is made of, a line each: "image OFFSET LEN" or "new LEN". */
#include "image/squashfs_own.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_pieces(const struct kl_rope *r)
{
    const struct kl_piece *p;
    for (size_t i = 0; (p = kl_rope_piece(r, i)); i++) {
        if (p->pin)
            printf("image %" PRIu64 " %" PRIu64 "\n", p->offset, p->len);
        else
            printf("new %" PRIu64 "\n", p->len);
    }
}

static bool write_out(const struct kl_rope *r, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd >= 0 && kl_rope_write(r, fd, NULL, NULL)) {
        print_pieces(r);
        return true;
    }
    perror(path);
    return false;
}

/* --- changes -----------------------------------------------------------------------------------*/

static void set_device(struct kl_change *c, const char *number)
{
    char *rest;
    c->kind = KL_NODE_CHAR;
    c->major = (uint32_t)strtoul(number, &rest, 10);
    c->minor = (uint32_t)strtoul(rest + 1, NULL, 10);
}

static void refine(struct kl_arena *a, struct kl_change *c, char **arg)
{
    char *rest;
    switch (arg[0][1]) {
    case 'm':
        c->mode = (int)strtol(arg[1], NULL, 8);
        break;
    case 't':
        c->mtime = strtoll(arg[1], NULL, 10);
        break;
    case 'o':
        c->uid = strtoll(arg[1], &rest, 10);
        c->gid = strtoll(rest + 1, NULL, 10);
        break;
    default:
        c->xattrs_given = true;
        c->xattrs = kl_grow(a, c->xattrs, c->nxattrs, sizeof *c->xattrs);
        c->xattrs[c->nxattrs++] =
            (struct kl_xattr){.name = arg[1], .value = arg[2], .len = strlen(arg[2])};
    }
}

/* One change from `arg` on; how many words it took, or 0. */
static int read_change(struct kl_arena *a, struct kl_patch *p, char **arg)
{
    struct kl_change c = {.path = arg[1], .mode = -1, .uid = -1, .gid = -1, .mtime = -1};
    char option = arg[0][1];
    int n = strchr("flc", option) ? 3 : 2;
    c.from = "the test";
    c.remove = option == 'r';
    c.kind = option == 'l'   ? KL_NODE_SYMLINK
             : option == 'p' ? KL_NODE_FIFO
             : option == 'd' ? KL_NODE_DIR
                             : KL_NODE_FILE;
    if (option == 'l')
        c.target = arg[2];
    if (option == 'c')
        set_device(&c, arg[2]);
    struct kl_rope *content KL_ROPE_SCOPE = NULL;
    if (option == 'f') {
        content = kl_rope_of_fd(open(arg[2], O_RDONLY | O_CLOEXEC));
        c.content = content;
    }
    for (; arg[n] && strchr("mtox", arg[n][1]); n += arg[n][1] == 'x' ? 3 : 2)
        refine(a, &c, arg + n);
    return kl_patch_add(p, &c) ? n : 0;
}

static struct kl_rope *patched(
    struct kl_arena *a, struct kl_squashfs *s, struct kl_diags *d, char **arg)
{
    struct kl_patch *p = kl_patch_new(d);
    int n = 1;
    while (*arg && n) {
        n = read_change(a, p, arg);
        arg += n;
    }
    struct kl_rope *out = n ? kl_squashfs_patch(s, p, NULL, NULL) : NULL;
    kl_patch_free(p);
    return out;
}

static bool open_it(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    (void)arg;
    return n->kind != KL_NODE_DIR || kl_fs_dir(fs, n);
}

static struct kl_rope *rewritten(struct kl_squashfs *s, const struct kl_rope *image)
{
    struct kl_fs *fs = kl_squashfs_fs(s);
    struct kl_rope *data KL_ROPE_SCOPE = kl_rope_new();
    kl_rope_add_rope(data, image, s->data_start, s->super.inode_table - s->data_start);
    if (!kl_fs_walk(fs, fs->root, open_it, NULL))
        return NULL;
    return kl_squashfs_write(s, fs, data, s->fragments, s->super.fragments, NULL);
}

/* --- looked at ---------------------------------------------------------------------------------*/

struct look {
    struct kl_squashfs *s;
    unsigned char *exports;
    uint32_t seen;
    bool ok;
};

static void wrong(struct look *l, struct kl_node *n, const char *what)
{
    printf("/%s: %s\n", kl_node_path(l->s->a, n), what);
    l->ok = false;
}

static bool look_at(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    struct look *l = arg;
    const struct kl_squashfs_inode *own = n->own;
    if (!own->number || own->number > l->s->super.inodes)
        wrong(l, n, "has a number beyond the count of inodes");
    else if (l->exports && kl_le64(l->exports + 8 * (size_t)(own->number - 1)) != own->ref)
        wrong(l, n, "is elsewhere in the export table");
    uint32_t parent = n->parent ? (uint32_t)n->parent->ino : l->s->super.inodes + 1;
    if (n->kind == KL_NODE_DIR && own->dir_parent != parent)
        wrong(l, n, "names another directory as its parent");
    l->seen += n->kind == KL_NODE_DIR || n->nlink == 1;
    return n->kind != KL_NODE_DIR || kl_fs_dir(fs, n);
}

static bool read_exports(struct kl_squashfs *s, unsigned char *out)
{
    size_t whole = 8 * (size_t)s->super.inodes, n;
    for (size_t done = 0, i = 0; done < whole; done += n, i++) {
        unsigned char at[8], block[8192];
        uint64_t next;
        if (!kl_read(&s->in, s->super.export_table + 8 * i, at, 8, "export table") ||
            !kl_squashfs_metablock(s, kl_le64(at), block, &n, &next) || n > whole - done)
            return false;
        memcpy(out + done, block, n);
    }
    return true;
}

static bool check(struct kl_arena *a, struct kl_squashfs *s)
{
    struct look l = {.s = s, .ok = true};
    struct kl_fs *fs = kl_squashfs_fs(s);
    if (s->super.export_table != KL_SQUASHFS_NONE) {
        l.exports = kl_alloc(a, 8 * (size_t)s->super.inodes);
        if (!read_exports(s, l.exports))
            return false;
    }
    printf("inodes %" PRIu32 " exports %d\n", s->super.inodes, l.exports != NULL);
    return look_at(&l, fs, fs->root) && kl_fs_walk(fs, fs->root, look_at, &l) && l.ok &&
           l.seen <= s->super.inodes;
}

static bool run(struct kl_arena *a, struct kl_squashfs *s, struct kl_diags *d,
    const struct kl_rope *image, char **argv)
{
    if (strcmp(argv[2], "--check") == 0)
        return check(a, s);
    bool rewrite = argv[3] && strcmp(argv[3], "--rewrite") == 0;
    struct kl_rope *out KL_ROPE_SCOPE = rewrite ? rewritten(s, image) : patched(a, s, d, argv + 3);
    return out && write_out(out, argv[2]);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fault_log log = {.d = d, .image = argv[1]};
    struct kl_rope *image KL_ROPE_SCOPE = kl_rope_of_fd(open(argv[1], O_RDONLY | O_CLOEXEC));
    struct kl_squashfs *s = image ? kl_squashfs_open(a, image, &log) : NULL;
    bool ok = s && run(a, s, d, image, argv);
    kl_squashfs_close(s);
    kl_diags_print(d, stderr, false, 0);
    return ok ? 0 : 1;
}
