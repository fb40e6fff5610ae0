/* What patches hold, for test_image_patch_input.py: patch-dump [PATCH | --add SPEC | --link SPEC |
 * --remove PATH]... prints each change as a line, content as its hash, a mode of -2 for what may be
 * executed and has no mode of its own. After --cpio FILE the patch
 * is written there as an archive. "patch-dump --udiff PATH OLD DIFF" applies a diff instead. */
#include "image/cpio.h"
#include "image/patch.h"
#include "image/udiff.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void show(const struct kl_change *c)
{
    char hash[KL_SHA256_TEXT] = "-";
    if (c->content)
        kl_rope_sha256(c->content, hash);
    printf("%s\t%s\t%d\t%lld:%lld\t%lld\t%u:%u\t%s\t%llu\t%s",
        c->remove ? "removal" : kl_node_word[c->kind], c->path,
        c->mode < 0 && c->executable ? -2 : c->mode, (long long)c->uid, (long long)c->gid,
        (long long)c->mtime, c->major, c->minor, c->target ? c->target : "-",
        c->content ? (unsigned long long)kl_rope_len(c->content) : 0, hash);
    for (size_t i = 0; i < c->nxattrs; i++) {
        printf("\t%s=", c->xattrs[i].name);
        for (size_t k = 0; k < c->xattrs[i].len; k++)
            printf("%02x", ((const unsigned char *)c->xattrs[i].value)[k]);
    }
    putchar('\n');
}

static bool udiff(struct kl_diags *d, char **argv)
{
    size_t nold = 0, ndiff = 0;
    struct kl_buf out KL_BUF_SCOPE = {0};
    char *old = kl_read_file(argv[1], 1 << 24, &nold),
         *diff = kl_read_file(argv[2], 1 << 24, &ndiff);
    if (!old || !diff)
        abort();
    bool ok = kl_udiff_apply(d, argv[0], old, nold, argv[2], diff, ndiff, &out);
    if (ok)
        fwrite(out.s, 1, out.len, stdout);
    free(old);
    free(diff);
    return ok;
}

static bool archive(struct kl_patch *p, const char *file)
{
    struct kl_rope *rope KL_ROPE_SCOPE = kl_rope_new();
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool ok =
        fd >= 0 && kl_cpio_of_patch(p, 1000000000, rope) && kl_rope_write(rope, fd, NULL, NULL);
    close(fd);
    return ok;
}

static bool take(struct kl_patch *p, char **argv)
{
    for (; *argv; argv++) {
        bool ok = kl_streq(*argv, "--add")      ? kl_patch_add_file(p, *++argv)
                  : kl_streq(*argv, "--link")   ? kl_patch_add_link(p, *++argv)
                  : kl_streq(*argv, "--remove") ? kl_patch_add_removal(p, *++argv)
                  : kl_streq(*argv, "--cpio")   ? archive(p, *++argv)
                                                : kl_patch_add_path(p, *argv);
        if (!ok)
            return false;
    }
    for (size_t i = 0; i < p->n; i++)
        show(&p->changes[i]);
    return true;
}

int main(int argc, char **argv)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_patch *p = NULL;
    bool ok;
    if (argc == 5 && kl_streq(argv[1], "--udiff")) {
        ok = udiff(d, argv + 2);
    } else {
        p = kl_patch_new(d);
        ok = p && take(p, argv + 1);
    }
    kl_patch_free(p);
    kl_diags_print(d, stderr, false, 0);
    return ok ? 0 : 1;
}
