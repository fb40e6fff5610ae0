/* kickline image diff: two images' trees, side by side. Exit code 1 when they differ. */
#include "cli/cmd_image.h"

#include "base/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_NO_CONTENT = 2000, OPT_NO_TIMES, OPT_NO_CACHE, PART = 256 << 10 };

static const struct option own[] = {
    {"no-content", no_argument, NULL, OPT_NO_CONTENT},
    {"no-times", no_argument, NULL, OPT_NO_TIMES},
    {"no-cache", no_argument, NULL, OPT_NO_CACHE},
    {NULL, 0, NULL, 0},
};

struct job {
    struct kl_image_job j;
    struct kl_fs *one, *two;
    bool no_content, no_times;
    size_t added, removed, changed, same;
    char *buffer; /* two of PART */
    json_t *json;
};

static bool each(void *arg, int opt, const char *value)
{
    (void)value;
    struct job *j = arg;
    j->no_content |= opt == OPT_NO_CONTENT;
    j->no_times |= opt == OPT_NO_TIMES;
    j->j.no_cache |= opt == OPT_NO_CACHE;
    return true;
}

static void say(struct job *j, char sign, const struct kl_node *n, const char *what)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const char *path = kl_node_path(a, n);
    kl_print_progress_end(&j->j.progress);
    if (j->j.cli->json) {
        const char *word = sign == '+' ? "added" : sign == '-' ? "removed" : "changed";
        json_array_append_new(
            j->json, json_pack("{ss so ss ss*}", "change", word, "path", kl_json_text(path), "type",
                         kl_node_word[n->kind], "what", what));
        return;
    }
    const char *paint = !j->j.cli->colour_out ? ""
                        : sign == '+'         ? "\033[32m"
                        : sign == '-'         ? "\033[31m"
                                              : "\033[33m";
    printf("%s%c %s%s%s%s%s%s\n", paint, sign, path, n->kind == KL_NODE_DIR ? "/" : "",
        *paint ? "\033[0m" : "", what ? "  (" : "", what ? what : "", what ? ")" : "");
}

/* --- one node against the other ----------------------------------------------------------------*/

static void add(struct kl_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct kl_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (b->len)
        kl_buf_add(b, ", ");
    kl_buf_vaddf(b, fmt, ap);
    va_end(ap);
}

/* -1: one of them cannot be read, and it was reported */
static int same_content(struct job *j, const struct kl_node *a, const struct kl_node *b)
{
    for (uint64_t at = 0; at < a->size; at += PART) {
        uint64_t left = a->size - at;
        size_t n = left < PART ? (size_t)left : PART;
        if (!kl_fs_read(j->one, a, at, j->buffer, n) ||
            !kl_fs_read(j->two, b, at, j->buffer + PART, n))
            return -1;
        if (memcmp(j->buffer, j->buffer + PART, n) != 0)
            return 0;
    }
    return 1;
}

static const char *xattr_of(const struct kl_node *n, const char *name, size_t *len)
{
    for (size_t i = 0; i < n->nxattrs; i++)
        if (kl_streq(n->xattrs[i].name, name)) {
            *len = n->xattrs[i].len;
            return n->xattrs[i].value;
        }
    return NULL;
}

static bool xattrs_within(
    const struct kl_node *a, const struct kl_node *b, struct kl_buf *what, bool only_missing)
{
    for (size_t i = 0; i < a->nxattrs; i++) {
        const struct kl_xattr *x = &a->xattrs[i];
        size_t len = 0;
        const char *other = xattr_of(b, x->name, &len);
        bool same = other && len == x->len && memcmp(other, x->value, len) == 0;
        if (only_missing ? !other : !same)
            add(what, "%s", x->name);
    }
    return true;
}

static bool compare_kind(const struct kl_node *a, const struct kl_node *b, struct kl_buf *what)
{
    if (a->kind != b->kind) {
        add(what, "%s, now %s", kl_node_word[a->kind], kl_node_word[b->kind]);
        return false;
    }
    if (a->kind == KL_NODE_SYMLINK && !kl_streq(a->target, b->target))
        add(what, "-> %s, now -> %s", a->target, b->target);
    if ((a->kind == KL_NODE_CHAR || a->kind == KL_NODE_BLOCK) &&
        (a->major != b->major || a->minor != b->minor))
        add(what, "device %u,%u, now %u,%u", a->major, a->minor, b->major, b->minor);
    return true;
}

static bool compare(struct job *j, struct kl_node *a, struct kl_node *b)
{
    struct kl_buf what KL_BUF_SCOPE = {0};
    bool alike = compare_kind(a, b, &what);
    if (alike && a->kind == KL_NODE_FILE && a->size != b->size) {
        add(&what, "%" PRIu64 " bytes, now %" PRIu64, a->size, b->size);
    } else if (alike && a->kind == KL_NODE_FILE && !j->no_content) {
        int same = same_content(j, a, b);
        if (same < 0)
            return false;
        if (!same)
            add(&what, "content");
    }
    if (a->kind != KL_NODE_SYMLINK && a->mode != b->mode)
        add(&what, "mode %04o, now %04o", a->mode, b->mode);
    if (a->uid != b->uid || a->gid != b->gid)
        add(&what, "owner %u:%u, now %u:%u", a->uid, a->gid, b->uid, b->gid);
    /* A directory's time is that of the change of an entry, which has its own line. */
    if (!j->no_times && a->kind != KL_NODE_DIR && a->mtime != b->mtime)
        add(&what, "time");
    if (!kl_fs_xattrs(j->one, a) || !kl_fs_xattrs(j->two, b))
        return false;
    xattrs_within(a, b, &what, false);
    xattrs_within(b, a, &what, true);
    if (!what.len) {
        j->same++;
        return true;
    }
    j->changed++;
    say(j, '~', b, kl_buf_text(&what));
    return true;
}

/* --- the trees ---------------------------------------------------------------------------------*/

static bool count_all(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    (void)fs;
    (void)n;
    ++*(size_t *)arg;
    return true;
}

/* A whole tree that only one of them has is one line. */
static bool only_in(struct job *j, struct kl_fs *fs, struct kl_node *n, char sign)
{
    size_t below = 0;
    if (n->kind == KL_NODE_DIR && !kl_fs_walk(fs, n, count_all, &below))
        return false;
    *(sign == '+' ? &j->added : &j->removed) += below + 1;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    say(j, sign, n, below ? kl_sprintf(a, "and %zu below", below) : NULL);
    return true;
}

/* Both directories at once, name by name. The stack is ours: images nest as deep as they like. */
struct level {
    struct kl_node *a, *b;
    size_t i, k;
};

/* The next pair of the level; *down is set when both are directories. */
static bool step(struct job *j, struct level *l, bool *down, struct level *below)
{
    struct kl_node *a = l->i < l->a->nchildren ? l->a->children[l->i] : NULL;
    struct kl_node *b = l->k < l->b->nchildren ? l->b->children[l->k] : NULL;
    int order = !a ? 1 : !b ? -1 : strcmp(a->name, b->name);
    l->i += order <= 0;
    l->k += order >= 0;
    *down = false;
    if (a && order < 0)
        return only_in(j, j->one, a, '-');
    if (!a || order > 0)
        return !b || only_in(j, j->two, b, '+');
    if (!compare(j, a, b))
        return false;
    *down = a->kind == KL_NODE_DIR && b->kind == KL_NODE_DIR;
    *below = (struct level){.a = a, .b = b};
    return !*down || (kl_fs_dir(j->one, a) && kl_fs_dir(j->two, b));
}

static bool diff(struct job *j)
{
    struct kl_arena *stack_arena KL_ARENA_SCOPE = kl_arena_new();
    struct level *stack = NULL;
    size_t depth = 0, seen = 0;
    stack = kl_grow(stack_arena, stack, depth, sizeof *stack);
    stack[depth++] = (struct level){.a = j->one->root, .b = j->two->root};
    bool ok = kl_fs_dir(j->one, j->one->root) && kl_fs_dir(j->two, j->two->root);
    while (ok && depth) {
        struct level *l = &stack[depth - 1], below;
        bool down;
        if (l->i >= l->a->nchildren && l->k >= l->b->nchildren) {
            depth--;
            continue;
        }
        if (depth == 1)
            kl_print_progress(&j->j.progress, "comparing", seen++, l->a->nchildren + 1);
        ok = step(j, l, &down, &below);
        if (ok && down) {
            stack = kl_grow(stack_arena, stack, depth, sizeof *stack);
            stack[depth++] = below;
        }
    }
    kl_print_progress_end(&j->j.progress);
    return ok;
}

static void print_end(struct job *j)
{
    struct kl_arena *a = j->j.a;
    if (j->j.cli->json) {
        json_t *out = json_pack("{sO s{sI sI sI sI}}", "changes", j->json, "summary", "added",
            (json_int_t)j->added, "removed", (json_int_t)j->removed, "changed",
            (json_int_t)j->changed, "same", (json_int_t)j->same);
        json_dumpf(out, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(out);
        return;
    }
    fprintf(stderr, "%s added, %s removed, %s changed, %s the same\n", kl_print_count(a, j->added),
        kl_print_count(a, j->removed), kl_print_count(a, j->changed), kl_print_count(a, j->same));
}

int kl_cmd_image_diff(struct kl_cli *cli, int argc, char **argv)
{
    struct job j = {.json = json_array(), .buffer = kl_xmalloc(2 * (size_t)PART)};
    struct kl_image *one = NULL, *two = NULL;
    int code = KL_COULD_NOT_RUN;
    kl_image_job_begin(&j.j, cli);
    int first = kl_cli_options(cli, argc, argv, own, each, &j, &code);
    if (first >= 0 && argc - first != 2) {
        fprintf(stderr, "kickline image diff: it takes two images\n");
    } else if (first >= 0) {
        one = kl_image_job_open(&j.j, argv[first]);
        two = kl_image_job_open(&j.j, argv[first + 1]);
        j.one = one ? kl_image_fs(one) : NULL;
        j.two = two ? kl_image_fs(two) : NULL;
        if (one && two && diff(&j)) {
            print_end(&j);
            code = j.added + j.removed + j.changed ? KL_FINDINGS : KL_FINE;
        }
    }
    kl_image_close(one);
    kl_image_close(two);
    json_decref(j.json);
    free(j.buffer);
    return kl_image_job_end(&j.j, code);
}
