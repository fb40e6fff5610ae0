/* kickline image overlay: changes as an archive of their own: an updates.img or product.img, which
 * anaconda's initrd unpacks over the stage2 (docs/boot-stages.md, section 6), or with --for an
 * initrd that a loader gives beside the distribution's. */
#include "cli/cmd_image.h"

#include "base/text.h"
#include "image/cpio.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { OPT_FOR = 2000, OPT_NO_CACHE, PART = 256 << 10 };

static const struct option own[] = {
    {"output", required_argument, NULL, 'o'},
    {"add", required_argument, NULL, KL_OPT_ADD},
    {"link", required_argument, NULL, KL_OPT_LINK},
    {"for", required_argument, NULL, OPT_FOR},
    {"no-cache", no_argument, NULL, OPT_NO_CACHE},
    {NULL, 0, NULL, 0},
};

struct job {
    struct kl_image_job j;
    struct kl_change_options changes;
    const char *output, *initrd;
};

static bool each(void *arg, int opt, const char *value)
{
    struct job *j = arg;
    if (opt == 'o')
        j->output = value;
    else if (opt == OPT_FOR)
        j->initrd = value;
    else if (opt == OPT_NO_CACHE)
        j->j.no_cache = true;
    else
        return kl_change_option_take(&j->j, &j->changes, opt, value);
    return true;
}

/* gzip (RFC 1952) with no name and no time in its header, so that the same input gives the same
 * bytes. Every release's initrd unpacks it. */
static struct kl_rope *packed(struct job *j, const struct kl_rope *archive)
{
    z_stream z = {0};
    struct kl_rope *out = kl_rope_new();
    unsigned char *in = kl_xmalloc(PART), *to = kl_xmalloc(PART);
    bool ok = deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    int result = Z_OK;
    for (uint64_t at = 0; ok && result != Z_STREAM_END;) {
        ssize_t n = kl_rope_read(archive, at, in, PART);
        ok = n >= 0;
        at += ok ? (uint64_t)n : 0;
        z.next_in = in;
        z.avail_in = ok ? (uInt)n : 0;
        do {
            z.next_out = to;
            z.avail_out = PART;
            result = ok ? deflate(&z, n ? Z_NO_FLUSH : Z_FINISH) : Z_STREAM_END;
            kl_rope_add_bytes(out, to, PART - z.avail_out);
        } while (ok && (z.avail_in || !z.avail_out) && result == Z_OK);
    }
    deflateEnd(&z);
    free(in);
    free(to);
    if (ok)
        return out;
    struct kl_fault_log log = {.d = j->j.d, .image = j->output};
    kl_fault(&log, KL_IMAGE_IO, KL_NO_OFFSET, NULL, "a file of it cannot be read any more");
    kl_rope_drop(out);
    return NULL;
}

static struct kl_rope *updates(struct job *j, struct kl_patch *p)
{
    struct kl_rope *archive KL_ROPE_SCOPE = kl_rope_new();
    return kl_cpio_of_patch(p, 0, archive) ? packed(j, archive) : NULL;
}

static struct kl_rope *beside(struct job *j, char **paths, int n)
{
    struct kl_image *image = kl_image_job_open(&j->j, j->initrd);
    struct kl_rope *out = NULL;
    struct kl_patch *p = NULL;
    if (image && !kl_image_initrd(image)) {
        struct kl_fault_log log = {.d = j->j.d, .image = j->initrd};
        kl_fault(&log, KL_IMAGE_UNSUPPORTED, KL_NO_OFFSET, NULL,
            "--for takes an initrd, and this is %s", kl_layout_name[kl_image_layout(image)]);
    } else if (image) {
        p = kl_change_options_patch(&j->j, &j->changes, paths, n, kl_image_fs(image));
        out = p ? kl_initrd_overlay(kl_image_initrd(image), p) : NULL;
    }
    if (p)
        kl_patch_free(p);
    kl_image_close(image);
    return out;
}

static bool overlay(struct job *j, char **paths, int n)
{
    struct kl_patch *p = NULL;
    struct kl_rope *out KL_ROPE_SCOPE = NULL;
    if (j->initrd) {
        out = beside(j, paths, n);
    } else {
        p = kl_change_options_patch(&j->j, &j->changes, paths, n, NULL);
        out = p ? updates(j, p) : NULL;
    }
    bool ok = out && kl_image_job_write(&j->j, out, j->output, 0644);
    kl_print_progress_end(&j->j.progress);
    if (ok && !kl_streq(j->output, "-"))
        printf("%s: %s\n", j->output, kl_print_size(j->j.a, kl_rope_len(out)));
    if (p)
        kl_patch_free(p);
    return ok;
}

int kl_cmd_image_overlay(struct kl_cli *cli, int argc, char **argv)
{
    struct job j = {0};
    int code = KL_COULD_NOT_RUN;
    kl_image_job_begin(&j.j, cli);
    int first = kl_cli_options(cli, argc, argv, own, each, &j, &code);
    if (first >= 0 && !j.output)
        fprintf(stderr, "kickline image overlay: -o FILE says what to write\n");
    else if (first >= 0 && first == argc && !j.changes.n)
        fprintf(stderr,
            "kickline image overlay: there are no changes: name a directory, an archive "
            "or --add HOST:PATH\n");
    else if (first >= 0 && overlay(&j, argv + first, argc - first))
        code = KL_FINE;
    return kl_image_job_end(&j.j, code);
}
