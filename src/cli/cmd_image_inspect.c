/* kickline image inspect: what an image is, what runs in it, and one file or all of them. */
#include "cli/cmd_image.h"

#include "base/text.h"
#include "image/tree_sums.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OPT_LIST = 2000, OPT_CAT, OPT_VERIFY, OPT_NO_CACHE, PART = 256 << 10, COLUMNS = 3 };

static const struct option own[] = {
    {"list", no_argument, NULL, OPT_LIST},
    {"cat", required_argument, NULL, OPT_CAT},
    {"verify", no_argument, NULL, OPT_VERIFY},
    {"no-cache", no_argument, NULL, OPT_NO_CACHE},
    {NULL, 0, NULL, 0},
};

struct job {
    struct kl_image_job j;
    struct kl_image *image;
    struct kl_fs *fs;
    bool list, verify;
    const char *cat;
    struct kl_cell (*table)[COLUMNS]; /* the table that is being made */
    size_t rows;
    json_t *json;
};
static bool each(void *arg, int opt, const char *value)
{
    struct job *j = arg;
    j->list |= opt == OPT_LIST;
    j->verify |= opt == OPT_VERIFY;
    j->j.no_cache |= opt == OPT_NO_CACHE;
    if (opt == OPT_CAT)
        j->cat = value;
    return true;
}

/* --- what it is --------------------------------------------------------------------------------*/

static void row(struct job *j, const char *key, const char *value, const char *from)
{
    j->table = kl_grow(j->j.a, j->table, j->rows, sizeof *j->table);
    struct kl_cell *cells = j->table[j->rows++];
    cells[0] = (struct kl_cell){key, KL_BOLD};
    cells[1] = (struct kl_cell){value, KL_PLAIN};
    cells[2] = (struct kl_cell){from, KL_DIM};
}

/* The rows so far, as a table of their own. */
static void print_rows(struct job *j)
{
    if (j->rows && !j->j.cli->json)
        kl_print_table(stdout, j->j.cli->colour_out, 2, j->table[0], j->rows, COLUMNS);
    j->rows = 0;
}

static const char *day(struct kl_arena *a, int64_t when)
{
    time_t t = (time_t)when;
    struct tm tm;
    char text[32];
    if (!when || !gmtime_r(&t, &tm) || !strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm))
        return NULL;
    return kl_strdup(a, text);
}

static const char *plural(uint64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

static void squashfs_row(struct job *j, struct kl_squashfs *s)
{
    struct kl_arena *a = j->j.a;
    const struct kl_squashfs_super *super = kl_squashfs_super(s);
    const char *codec = kl_codec_name[kl_squashfs_packing(s)->codec];
    const char *made = day(a, super->mkfs_time);
    row(j, "squashfs",
        kl_sprintf(a, "%s%s, blocks of %u KiB, %s %s%s%s", codec,
            kl_squashfs_has_bcj(s) ? " with BCJ" : "", super->block_size >> 10,
            kl_print_count(a, super->inodes), plural(super->inodes, "inode", "inodes"),
            made ? ", made " : "", made ? made : ""),
        NULL);
    json_object_set_new(j->json, "squashfs",
        json_pack("{ss sb si si si}", "codec", codec, "bcj", kl_squashfs_has_bcj(s), "block_size",
            (int)super->block_size, "inodes", (int)super->inodes, "mkfs_time",
            (int)super->mkfs_time));
}

static void erofs_row(struct job *j, const struct kl_fs *fs)
{
    struct kl_arena *a = j->j.a;
    struct kl_erofs_info info = {0};
    kl_erofs_info(fs, a, &info);
    row(j, "erofs",
        kl_sprintf(a, "%s, blocks of %u bytes, %s inodes%s%s", info.codecs, info.block_size,
            kl_print_count(a, info.inodes), info.features && *info.features ? ", " : "",
            info.features ? info.features : ""),
        NULL);
    json_object_set_new(j->json, "erofs",
        json_pack("{ss si sI ss}", "codecs", info.codecs, "block_size", (int)info.block_size,
            "inodes", (json_int_t)info.inodes, "features", info.features ? info.features : ""));
}

static void ext4_row(struct job *j)
{
    struct kl_arena *a = j->j.a;
    struct kl_ext4_info info = {0};
    kl_ext4_info(kl_image_fs(j->image), a, &info);
    const char *inner = kl_image_inner(j->image);
    row(j, "ext4",
        kl_sprintf(a, "%s, %s free, %s of %s inodes free, %s",
            kl_print_size(a, info.blocks * info.block_size),
            kl_print_size(a, info.free_blocks * info.block_size),
            kl_print_count(a, info.free_inodes), kl_print_count(a, info.inodes),
            info.clean ? "clean" : "not clean"),
        inner);
    json_object_set_new(j->json, "ext4",
        json_pack("{ss* si sI sI sI sI sb ss*}", "file", inner, "block_size", (int)info.block_size,
            "blocks", (json_int_t)info.blocks, "free_blocks", (json_int_t)info.free_blocks,
            "inodes", (json_int_t)info.inodes, "free_inodes", (json_int_t)info.free_inodes, "clean",
            info.clean, "features", info.features));
}

static void segment_rows(struct job *j, struct kl_initrd *initrd)
{
    struct kl_arena *a = j->j.a;
    json_t *list = json_array();
    const struct kl_segment *s;
    for (size_t i = 0; (s = kl_initrd_segment(initrd, i)); i++) {
        const char *codec = s->codec ? kl_codec_name[s->codec] : "cpio";
        row(j, kl_sprintf(a, "segment %zu", i + 1),
            kl_sprintf(a, "%s%s, %s at byte %s, %s%s%s", codec, s->early ? " (early)" : "",
                kl_print_size(a, s->end - s->start), kl_print_count(a, s->start),
                s->codec ? kl_sprintf(a, "%s unpacked, ", kl_print_size(a, s->unpacked)) : "",
                kl_print_count(a, s->entries), plural(s->entries, " entry", " entries")),
            s->refused ? kl_sprintf(a, "Linux stops here: %s", s->refused) : NULL);
        json_array_append_new(list,
            json_pack("{ss sb sI sI sI sI ss*}", "codec", kl_codec_name[s->codec], "early",
                s->early, "start", (json_int_t)s->start, "end", (json_int_t)s->end, "unpacked",
                (json_int_t)s->unpacked, "entries", (json_int_t)s->entries, "refused", s->refused));
    }
    json_object_set_new(j->json, "segments", list);
}

static void contents_rows(struct job *j)
{
    struct kl_arena *a = j->j.a;
    struct kl_contents c;
    json_t *found = json_object();
    json_object_set_new(j->json, "contents", found);
    kl_image_contents(j->image, a, &c);
    const char *product = c.product && c.version && !strstr(c.product, c.version)
                              ? kl_sprintf(a, "%s %s", c.product, c.version)
                              : c.product;
    const char *release = c.release ? kl_release_name(a, c.release) : NULL;
    const struct {
        const char *key, *value, *from;
    } rows[] = {{"product", product, c.product_from}, {"release", release, NULL},
        {"anaconda", c.anaconda, c.anaconda_from}, {"dracut", c.dracut, c.dracut_from},
        {"NetworkManager", c.nm, c.nm_from}, {"kernel", c.kernel, c.kernel_from},
        {"network engine", c.engine, c.engine_from}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!rows[i].value)
            continue;
        row(j, rows[i].key, rows[i].value, rows[i].from);
        json_object_set_new(found, rows[i].key, kl_json_text(rows[i].value));
    }
}

/* --- the tree ----------------------------------------------------------------------------------*/

static json_t *xattrs_json(struct job *j, struct kl_node *n)
{
    if (!kl_fs_xattrs(j->fs, n) || !n->nxattrs)
        return NULL;
    json_t *all = json_object();
    for (size_t i = 0; i < n->nxattrs; i++) {
        /* SELinux labels end with a NUL that nobody wants to see. */
        const struct kl_xattr *x = &n->xattrs[i];
        char *text = kl_strndup(j->j.a, x->value, x->len);
        json_object_set_new(all, x->name, kl_json_text(text));
    }
    return all;
}

static json_t *node_json(struct job *j, struct kl_node *n)
{
    char mode[8];
    snprintf(mode, sizeof mode, "%04o", n->mode);
    json_t *one = json_pack("{so ss ss si si sI sI si so*}", "path",
        kl_json_text(kl_node_path(j->j.a, n)), "type", kl_node_word[n->kind], "mode", mode, "uid",
        (int)n->uid, "gid", (int)n->gid, "size", (json_int_t)n->size, "mtime", (json_int_t)n->mtime,
        "nlink", (int)n->nlink, "xattrs", xattrs_json(j, n));
    if (n->target)
        json_object_set_new(one, "target", kl_json_text(n->target));
    if (n->kind == KL_NODE_CHAR || n->kind == KL_NODE_BLOCK)
        json_object_set_new(one, "device", json_pack("[i,i]", (int)n->major, (int)n->minor));
    struct kl_initrd *initrd = kl_image_initrd(j->image);
    if (initrd)
        json_object_set_new(
            one, "segment", json_integer((json_int_t)kl_initrd_segment_of(initrd, n) + 1));
    return one;
}

/* Control bytes of a name must not reach a terminal. */
static const char *printable(struct kl_arena *a, const char *s)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (; *s; s++) {
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            kl_buf_addf(&b, "\\x%02x", (unsigned char)*s);
        else
            kl_buf_addc(&b, *s);
    }
    return kl_strdup(a, kl_buf_text(&b));
}

static bool print_node(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    (void)fs;
    struct job *j = arg;
    char mode[11], size[32];
    if (j->j.cli->json) {
        json_t *list = json_object_get(j->json, "entries");
        return json_array_append_new(list, node_json(j, n)) == 0;
    }
    if (n->kind == KL_NODE_CHAR || n->kind == KL_NODE_BLOCK)
        snprintf(size, sizeof size, "%u,%u", n->major, n->minor);
    else
        snprintf(size, sizeof size, "%" PRIu64, n->kind == KL_NODE_DIR ? 0 : n->size);
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    printf("%s %5u %5u %11s %s%s%s\n", kl_mode_text(n, mode), n->uid, n->gid, size,
        printable(a, kl_node_path(a, n)), n->target ? " -> " : "",
        n->target ? printable(a, n->target) : "");
    return true;
}

static bool list_path(struct job *j, const char *path)
{
    struct kl_found_path found;
    if (!kl_fs_find(j->fs, j->j.a, path, false, &found))
        return false;
    if (!found.node)
        return kl_fault(j->fs->log, KL_IMAGE_NO_PATH, KL_NO_OFFSET, NULL,
            "there is no '%s' in it%s", path,
            found.parent && found.parent->parent
                ? kl_sprintf(j->j.a, "; '/%s' is there", kl_node_path(j->j.a, found.parent))
                : "");
    if (found.node->kind != KL_NODE_DIR)
        return print_node(j, j->fs, found.node);
    if (!kl_fs_dir(j->fs, found.node))
        return false;
    for (size_t i = 0; i < found.node->nchildren; i++)
        print_node(j, j->fs, found.node->children[i]);
    return true;
}

static bool cat(struct job *j)
{
    struct kl_found_path found;
    if (!kl_fs_find(j->fs, j->j.a, j->cat, true, &found))
        return false;
    if (!found.node || found.node->kind != KL_NODE_FILE)
        return kl_fault(j->fs->log, KL_IMAGE_NO_PATH, KL_NO_OFFSET, NULL, "'%s' is %s%s", j->cat,
            found.node ? "a " : "not there", found.node ? kl_node_word[found.node->kind] : "");
    char *part = kl_xmalloc(PART);
    bool ok = true;
    for (uint64_t at = 0; ok && at < found.node->size; at += PART) {
        uint64_t left = found.node->size - at;
        size_t n = left < PART ? (size_t)left : PART;
        ok = kl_fs_read(j->fs, found.node, at, part, n) && fwrite(part, 1, n, stdout) == n;
    }
    free(part);
    return ok;
}

/* --- an ISO ------------------------------------------------------------------------------------*/

static bool print_iso(struct job *j, const char *path, bool *is_iso)
{
    static const char *const states[] = {[KL_ISOMD5_NOT_ISO] = "",
        [KL_ISOMD5_NONE] = "none implanted",
        [KL_ISOMD5_GOOD] = "good",
        [KL_ISOMD5_BAD] = "wrong: the ISO was changed after it was implanted, or is damaged",
        [KL_ISOMD5_UNREAD] = "implanted; --verify compares it"};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct kl_rope *rope = fd < 0 ? NULL : kl_rope_of_fd(fd);
    struct kl_iso iso = {0};
    if (rope)
        kl_iso_read(rope, j->verify, &iso);
    *is_iso = rope && iso.state != KL_ISOMD5_NOT_ISO;
    if (*is_iso && j->j.cli->json) {
        json_t *out = json_pack("{ss ss sI ss so* ss}", "image", path, "layout", "iso9660", "size",
            (json_int_t)kl_rope_len(rope), "volume", iso.volume, "md5",
            *iso.md5 ? json_string(iso.md5) : NULL, "md5_state", states[iso.state]);
        json_dumpf(out, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(out);
    } else if (*is_iso) {
        printf("%s: ISO 9660, %s\n\n", path, kl_print_size(j->j.a, kl_rope_len(rope)));
        row(j, "volume", iso.volume, NULL);
        row(j, "checksum", *iso.md5 ? iso.md5 : NULL, states[iso.state]);
        print_rows(j);
    }
    kl_rope_drop(rope);
    return iso.state != KL_ISOMD5_BAD;
}

/* --- all of it ---------------------------------------------------------------------------------*/

static void summary(struct job *j)
{
    struct kl_arena *a = j->j.a;
    struct kl_initrd *initrd = kl_image_initrd(j->image);
    struct kl_squashfs *squashfs = kl_image_squashfs(j->image);
    enum kl_layout layout = kl_image_layout(j->image);
    const char *path = kl_image_name(j->image);
    uint64_t size = kl_rope_len(kl_image_rope(j->image));
    kl_print_progress_end(&j->j.progress);
    json_object_set_new(j->json, "image", kl_json_text(path));
    json_object_set_new(j->json, "layout", json_string(kl_layout_name[layout]));
    json_object_set_new(j->json, "size", json_integer((json_int_t)size));
    if (!j->j.cli->json)
        printf("%s: %s, %s\n\n", path, kl_layout_name[layout], kl_print_size(a, size));
    if (initrd)
        segment_rows(j, initrd);
    if (squashfs)
        squashfs_row(j, squashfs);
    if (kl_image_erofs(j->image))
        erofs_row(j, kl_image_erofs(j->image));
    if (layout == KL_LAYOUT_SQUASHFS_EXT4 || layout == KL_LAYOUT_EROFS_EXT4 ||
        layout == KL_LAYOUT_EXT4)
        ext4_row(j);
    print_rows(j);
    contents_rows(j);
    if (j->rows && !j->j.cli->json)
        putchar('\n');
    print_rows(j);
}

static bool inspect(struct job *j, int npaths, char **paths)
{
    bool ok = true;
    if (j->cat)
        return cat(j);
    if (j->j.cli->json || (!j->list && !npaths))
        summary(j);
    if (j->list || npaths)
        json_object_set_new(j->json, "entries", json_array());
    kl_print_progress_end(&j->j.progress);
    if (j->list)
        ok = kl_fs_walk(j->fs, j->fs->root, print_node, j);
    for (int i = 0; ok && i < npaths; i++)
        ok = list_path(j, paths[i]);
    if (ok && j->j.cli->json) {
        json_dumpf(j->json, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    return ok;
}

int kl_cmd_image_inspect(struct kl_cli *cli, int argc, char **argv)
{
    struct job j = {.json = json_object()};
    int code = KL_COULD_NOT_RUN;
    kl_image_job_begin(&j.j, cli);
    int first = kl_cli_options(cli, argc, argv, own, each, &j, &code);
    bool iso = false, good = true;
    if (first >= 0 && first == argc)
        fprintf(stderr, "kickline image inspect: which image?\n");
    else if (first >= 0)
        good = print_iso(&j, argv[first], &iso);
    if (iso) {
        code = good ? KL_FINE : KL_FINDINGS;
    } else if (first >= 0 && first < argc) {
        j.image = kl_image_job_open(&j.j, argv[first]);
        j.fs = j.image ? kl_image_fs(j.image) : NULL;
        if (j.image && inspect(&j, argc - first - 1, argv + first + 1))
            code = KL_FINE;
    }
    kl_image_close(j.image);
    json_decref(j.json);
    return kl_image_job_end(&j.j, code);
}
