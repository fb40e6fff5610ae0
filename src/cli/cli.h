/* The command line: one file a command (cmd_NAME.c), and what they share.
 *
 * Exit codes of every command: 0 fine, 1 findings, 2 could not run. Results go to stdout,
 * everything else to stderr.
 */
#ifndef KL_CLI_CLI_H
#define KL_CLI_CLI_H

#include "base/diag.h"
#include "fleet/fleet.h"

#include <stdbool.h>

enum { KL_FINE = 0, KL_FINDINGS = 1, KL_COULD_NOT_RUN = 2 };

struct kl_cli {
    const char *inventory; /* -f FILE, or NULL: ./kickline.yaml, /etc/kickline/kickline.yaml */
    bool json, colour_out, colour_err;
};

struct kl_command {
    const char *name, *args, *summary; /* "render", "HOST [STAGE]", one line */
    const char *help; /* options and a word more; shown by `kickline NAME --help` */
    int (*run)(struct kl_cli *cli, int argc, char **argv); /* argv[0] is the command's name */
};
extern const struct kl_command kl_commands[]; /* ends with name NULL */

int kl_cmd_arm(struct kl_cli *cli, int argc, char **argv);
int kl_cmd_check(struct kl_cli *cli, int argc, char **argv);
int kl_cmd_disarm(struct kl_cli *cli, int argc, char **argv);
int kl_cmd_image_diff(struct kl_cli *cli, int argc, char **argv);
int kl_cmd_image_inspect(struct kl_cli *cli, int argc, char **argv);
int kl_cmd_image_overlay(struct kl_cli *cli, int argc, char **argv);
int kl_cmd_image_patch(struct kl_cli *cli, int argc, char **argv);
int kl_cmd_render(struct kl_cli *cli, int argc, char **argv);
int kl_cmd_serve(struct kl_cli *cli, int argc, char **argv);
int kl_cmd_show(struct kl_cli *cli, int argc, char **argv);

/* Parses the options that every command has (-f FILE, --json, --colour WHEN, --help) out of argv,
 * with the command's own, `own`: a getopt_long(3) list, and `each` is called for each of those;
 * it returns false for a bad value and has said why. Returns the index of the first operand, or
 * -1 when the command is over (then *exit_code is what main returns). */
struct option;
int kl_cli_options(struct kl_cli *cli, int argc, char **argv, const struct option *own,
    bool (*each)(void *arg, int opt, const char *value), void *arg, int *exit_code);

/* Loads the inventory and prints what is wrong with it. NULL when it cannot be used. */
struct kl_fleet *kl_cli_fleet(struct kl_cli *cli);
/* The host, or NULL with "no host is called ..., did you mean ...?" on stderr. */
const struct kl_host *kl_cli_host(const struct kl_fleet *f, const char *name);
/* What a renderer says points into the inventory, whose text it never saw: it is read again, so
 * that its lines can be shown. */
void kl_cli_know_files(struct kl_diags *d);
/* Prints diagnostics to stderr, sorted. */
void kl_cli_print(struct kl_cli *cli, struct kl_diags *d);

#endif
