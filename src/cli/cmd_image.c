#include "cli/cmd_image.h"

#include "base/text.h"
#include "image/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void kl_image_job_begin(struct kl_image_job *j, struct kl_cli *cli)
{
    *j = (struct kl_image_job){.cli = cli, .a = kl_arena_new(), .d = kl_diags_new()};
}

int kl_image_job_end(struct kl_image_job *j, int code)
{
    kl_print_progress_end(&j->progress);
    kl_diags_sort(j->d);
    kl_diags_print(j->d, stderr, j->cli->colour_err, 0);
    if (kl_diags_count(j->d, KL_ERROR))
        code = KL_COULD_NOT_RUN;
    kl_diags_free(j->d);
    kl_arena_free(j->a);
    return code;
}

static void show_progress(void *arg, const char *what, uint64_t done, uint64_t of)
{
    struct kl_image_job *j = arg;
    kl_print_progress(&j->progress, what, done, of);
}

/* Where listings are kept: the XDG base directory specification's place; NULL: nowhere. */
static const char *cache_dir(struct kl_image_job *j)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (j->no_cache)
        return NULL;
    if (base && *base == '/')
        return kl_sprintf(j->a, "%s/kickline", base);
    return home && *home == '/' ? kl_sprintf(j->a, "%s/.cache/kickline", home) : NULL;
}

struct kl_image *kl_image_job_open(struct kl_image_job *j, const char *path)
{
    struct kl_image_options o = {
        .cache = cache_dir(j), .progress = show_progress, .progress_arg = j};
    return kl_image_open_file(path, &o, j->d);
}

const char *kl_mode_text(const struct kl_node *n, char out[static 11])
{
    static const char kinds[] = {[KL_NODE_FILE] = '-',
        [KL_NODE_DIR] = 'd',
        [KL_NODE_SYMLINK] = 'l',
        [KL_NODE_CHAR] = 'c',
        [KL_NODE_BLOCK] = 'b',
        [KL_NODE_FIFO] = 'p',
        [KL_NODE_SOCKET] = 's'};
    static const char letters[] = "rwxrwxrwx";
    static const struct {
        unsigned bit;
        int at;
        char with, without; /* the execute bit */
    } special[] = {{S_ISUID, 3, 's', 'S'}, {S_ISGID, 6, 's', 'S'}, {S_ISVTX, 9, 't', 'T'}};
    out[0] = kinds[n->kind];
    for (int i = 0; i < 9; i++)
        out[i + 1] = letters[i];
    for (int i = 0; i < 9; i++)
        if (!(n->mode & (0400u >> i)))
            out[i + 1] = '-';
    for (size_t i = 0; i < 3; i++)
        if (n->mode & special[i].bit)
            out[special[i].at] = out[special[i].at] == 'x' ? special[i].with : special[i].without;
    out[10] = '\0';
    return out;
}

/* --- what is to be changed ---------------------------------------------------------------------*/

bool kl_change_option_take(
    struct kl_image_job *j, struct kl_change_options *o, int opt, const char *value)
{
    struct kl_change_option *last = o->n ? &o->list[o->n - 1] : NULL;
    if (opt == KL_OPT_DIFF) {
        if (last && last->kind == KL_OPT_EDIT && !last->diff) {
            last->diff = value;
            return true;
        }
        fprintf(stderr, "kickline image: --diff FILE follows the --edit PATH that it is for\n");
        return false;
    }
    o->list = kl_grow(j->a, o->list, o->n, sizeof *o->list);
    o->list[o->n++] = (struct kl_change_option){.kind = opt, .value = value};
    return true;
}

static bool take_change(struct kl_patch *p, const struct kl_change_option *c, struct kl_fs *fs)
{
    switch (c->kind) {
    case KL_OPT_ADD:
        return kl_patch_add_file(p, c->value);
    case KL_OPT_LINK:
        return kl_patch_add_link(p, c->value);
    case KL_OPT_REMOVE:
        return kl_patch_add_removal(p, c->value);
    default:
        return kl_patch_add_edit(p, fs, c->value, c->diff);
    }
}

struct kl_patch *kl_change_options_patch(struct kl_image_job *j, const struct kl_change_options *o,
    char **paths, int npaths, struct kl_fs *fs)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->list[i].kind == KL_OPT_EDIT && !o->list[i].diff) {
            kl_diag(j->d, KL_ERROR, KL_IMAGE_PATCH, (struct kl_place){0}, NULL,
                "--edit %s needs a --diff FILE behind it", o->list[i].value);
            return NULL;
        }
    struct kl_patch *p = kl_patch_new(j->d);
    bool ok = p;
    for (int i = 0; ok && i < npaths; i++)
        ok = kl_patch_add_path(p, paths[i]);
    for (size_t i = 0; ok && i < o->n; i++)
        ok = take_change(p, &o->list[i], fs);
    if (ok)
        return p;
    kl_patch_free(p);
    return NULL;
}

/* --- written -----------------------------------------------------------------------------------*/

static void writing(void *arg, uint64_t done, uint64_t of)
{
    show_progress(arg, "writing", done, of);
}

bool kl_image_job_write(
    struct kl_image_job *j, const struct kl_rope *rope, const char *path, unsigned mode)
{
    bool out = kl_streq(path, "-");
    if (out && isatty(1)) {
        fprintf(stderr, "kickline: an image is not written to a terminal; name a file\n");
        return false;
    }
    if (out ? kl_rope_write(rope, 1, NULL, NULL) : kl_output_rope(path, mode, rope, writing, j))
        return true;
    struct kl_fault_log log = {.d = j->d, .image = out ? "standard output" : path};
    return kl_fault(&log, KL_IMAGE_IO, KL_NO_OFFSET,
        errno == ESTALE ? "let nothing write to the image, and patch again" : NULL,
        "not written: %s",
        errno == ESTALE ? "a file that it is made of was changed meanwhile" : strerror(errno));
}

uint64_t kl_rope_new_bytes(const struct kl_rope *rope)
{
    uint64_t n = 0;
    for (size_t i = 0; i < kl_rope_pieces(rope); i++)
        if (!kl_rope_piece(rope, i)->pin)
            n += kl_rope_piece(rope, i)->len;
    return n;
}
