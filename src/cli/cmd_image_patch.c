/* kickline image patch: changes in, an image out. */
#include "cli/cmd_image_tree.h"

#include "base/text.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPT_IN_PLACE = 2000, OPT_TREE, OPT_DRY_RUN, OPT_NO_CACHE };

static const struct option own[] = {
    {"output", required_argument, NULL, 'o'},
    {"in-place", no_argument, NULL, OPT_IN_PLACE},
    {"add", required_argument, NULL, KL_OPT_ADD},
    {"link", required_argument, NULL, KL_OPT_LINK},
    {"remove", required_argument, NULL, KL_OPT_REMOVE},
    {"edit", required_argument, NULL, KL_OPT_EDIT},
    {"diff", required_argument, NULL, KL_OPT_DIFF},
    {"tree", required_argument, NULL, OPT_TREE},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"no-cache", no_argument, NULL, OPT_NO_CACHE},
    {NULL, 0, NULL, 0},
};

struct job {
    struct kl_image_job j;
    struct kl_change_options changes;
    const char *output, *tree_dir;
    bool in_place, dry_run;
    struct kl_image_tree tree;
};

static bool each(void *arg, int opt, const char *value)
{
    struct job *j = arg;
    switch (opt) {
    case 'o':
        j->output = value;
        return true;
    case OPT_IN_PLACE:
        return j->in_place = true;
    case OPT_TREE:
        j->tree_dir = value;
        return true;
    case OPT_DRY_RUN:
        return j->dry_run = true;
    case OPT_NO_CACHE:
        return j->j.no_cache = true;
    default:
        return kl_change_option_take(&j->j, &j->changes, opt, value);
    }
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_mode & 0777 : 0644;
}

/* A tree that the image lies in has its checksum: say so before somebody wonders. */
static void look_for_treeinfo(struct job *j, const char *image)
{
    char *dir = realpath(image, NULL), *slash;
    for (int up = 0; dir && up < 3 && (slash = strrchr(dir, '/')); up++) {
        *slash = '\0';
        const char *info = kl_sprintf(j->j.a, "%s/.treeinfo", dir);
        if (access(info, F_OK) == 0) {
            kl_diag(j->j.d, KL_NOTE, "image-treeinfo", (struct kl_place){.file = info},
                kl_diag_text(j->j.d, "give --tree %s to have a .treeinfo that matches", dir),
                "it has the checksum of the image as it was");
            break;
        }
    }
    free(dir);
}

static void report(struct job *j, const struct kl_rope *base, const struct kl_rope *out,
    const char *where, size_t changes)
{
    struct kl_arena *a = j->j.a;
    uint64_t size = kl_rope_len(out), made = kl_rope_new_bytes(out);
    bool same = out == base;
    kl_print_progress_end(&j->j.progress);
    if (j->j.cli->json) {
        json_t *o = json_pack("{ss* sb sI sI sI sI}", "output", where, "changed", !same, "size",
            (json_int_t)size, "new_bytes", (json_int_t)made, "pieces",
            (json_int_t)kl_rope_pieces(out), "changes", (json_int_t)changes);
        json_dumpf(o, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(o);
        return;
    }
    FILE *to = kl_streq(where, "-") ? stderr : stdout;
    fprintf(to, "%s: ", where ? where : "not written");
    if (same)
        fprintf(to, "every change is in the image already: it is the same\n");
    else
        fprintf(to, "%s, of which %s are new; the rest is the image's own\n",
            kl_print_size(a, size), kl_print_size(a, made));
}

static bool write_tree(struct job *j, const struct kl_rope *out)
{
    struct kl_rope *info KL_ROPE_SCOPE = kl_image_tree_info(&j->j, &j->tree, out);
    if (!info)
        return false;
    bool ok = j->in_place ? kl_image_job_write(&j->j, out, j->tree.file, mode_of(j->tree.file)) &&
                                kl_image_job_write(&j->j, info, j->tree.info, 0644)
                          : kl_image_tree_write(&j->j, &j->tree, out, info, j->output);
    if (ok)
        kl_image_tree_copies(&j->j, &j->tree);
    return ok;
}

static bool write_out(struct job *j, const char *path, const struct kl_rope *out)
{
    if (j->dry_run)
        return true;
    if (j->tree_dir)
        return write_tree(j, out);
    if (!kl_image_job_write(&j->j, out, j->in_place ? path : j->output, mode_of(path)))
        return false;
    if (j->in_place)
        look_for_treeinfo(j, path);
    return true;
}

static bool patch(struct job *j, const char *path, char **changes, int n)
{
    struct kl_image *image = kl_image_job_open(&j->j, path);
    struct kl_patch *p =
        image ? kl_change_options_patch(&j->j, &j->changes, changes, n, kl_image_fs(image)) : NULL;
    struct kl_rope *out KL_ROPE_SCOPE = p ? kl_image_patch(image, p) : NULL;
    bool ok = out && write_out(j, path, out);
    if (ok)
        report(j, kl_image_rope(image), out,
            j->dry_run    ? NULL
            : j->in_place ? path
                          : j->output,
            p->n);
    if (p)
        kl_patch_free(p);
    kl_image_close(image);
    return ok;
}

/* False after it was said. */
static bool sensible(const struct job *j, int operands)
{
    static const char name[] = "kickline image patch";
    if (!operands)
        fprintf(stderr, "%s: which image?\n", name);
    else if (operands == 1 && !j->changes.n)
        fprintf(stderr,
            "%s: there are no changes: name a directory, an archive, or use --add, "
            "--link, --remove, --edit\n",
            name);
    else if (!j->output + !j->in_place + !j->dry_run != 2)
        fprintf(stderr, "%s: one of -o FILE, --in-place and --dry-run says where it goes\n", name);
    else
        return true;
    return false;
}

int kl_cmd_image_patch(struct kl_cli *cli, int argc, char **argv)
{
    struct job j = {0};
    int code = KL_COULD_NOT_RUN;
    kl_image_job_begin(&j.j, cli);
    int first = kl_cli_options(cli, argc, argv, own, each, &j, &code);
    bool ok = first >= 0 && sensible(&j, argc - first);
    if (ok && j.tree_dir)
        ok = kl_image_tree_open(&j.j, j.tree_dir, argv[first], &j.tree);
    if (ok && patch(&j, j.tree_dir ? j.tree.file : argv[first], argv + first + 1, argc - first - 1))
        code = KL_FINE;
    return kl_image_job_end(&j.j, code);
}
