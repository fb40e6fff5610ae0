/* What the commands `kickline image ...` share. */
#ifndef KL_CLI_CMD_IMAGE_H
#define KL_CLI_CMD_IMAGE_H

#include "cli/cli.h"
#include "cli/print.h"
#include "image/image.h"

struct kl_image_job {
    struct kl_cli *cli;
    struct kl_arena *a;
    struct kl_diags *d;
    struct kl_progress progress;
    bool no_cache;
};

/* What all of them begin and end with. The end prints what was reported and returns the exit code:
 * `code`, or KL_COULD_NOT_RUN when there are errors. */
void kl_image_job_begin(struct kl_image_job *j, struct kl_cli *cli);
int kl_image_job_end(struct kl_image_job *j, int code);
/* Opens an image with progress and the listings' cache; NULL after it was reported. */
struct kl_image *kl_image_job_open(struct kl_image_job *j, const char *path);

/* "-rw-r--r--" as ls(1) has it; `out` has 11 bytes. */
const char *kl_mode_text(const struct kl_node *n, char out[static 11]);

/* --- what is to be changed, from the command line ----------------------------------------------*/

struct kl_change_option {
    int kind; /* KL_OPT_ADD ... */
    const char *value, *diff;
};
enum { KL_OPT_ADD = 2100, KL_OPT_LINK, KL_OPT_REMOVE, KL_OPT_EDIT, KL_OPT_DIFF };

struct kl_change_options {
    struct kl_change_option *list;
    size_t n;
};
/* For the `each` of kl_cli_options. False after it was said. */
bool kl_change_option_take(
    struct kl_image_job *j, struct kl_change_options *o, int opt, const char *value);
/* All of it as a patch; `fs` is what --edit reads, or NULL. NULL after it was reported. */
struct kl_patch *kl_change_options_patch(struct kl_image_job *j, const struct kl_change_options *o,
    char **paths, int npaths, struct kl_fs *fs);

/* Writes to `path`, whole or not at all; "-" is standard output. False after it was reported. */
bool kl_image_job_write(
    struct kl_image_job *j, const struct kl_rope *rope, const char *path, unsigned mode);
/* How many of its bytes are new: those that lie in memory. */
uint64_t kl_rope_new_bytes(const struct kl_rope *rope);

#endif
