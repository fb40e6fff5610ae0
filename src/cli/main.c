#include "cli/cli.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void print_usage(FILE *out)
{
    fputs("Kickline makes every stage of a network install believe the same thing about the "
          "network.\n\nusage: kickline COMMAND [OPTIONS] [ARGUMENTS]\n\n",
        out);
    for (const struct kl_command *c = kl_commands; c->name; c++)
        fprintf(out, "  %-8s %-16s %s\n", c->name, c->args, c->summary);
    fputs(
        "\nEvery command has --help, --json and -f FILE (the inventory; default ./kickline.yaml,\n"
        "then /etc/kickline/kickline.yaml), and a man page: man kickline-COMMAND.\n"
        "Exit codes: 0 fine, 1 findings, 2 could not run.\n",
        out);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return KL_COULD_NOT_RUN;
    }
    if (kl_streq(argv[1], "--version") || kl_streq(argv[1], "-V")) {
        puts("kickline " KL_VERSION);
        return KL_FINE;
    }
    if (kl_streq(argv[1], "--help") || kl_streq(argv[1], "-h") || kl_streq(argv[1], "help")) {
        print_usage(stdout);
        return KL_FINE;
    }
    const char *names[32] = {0};
    size_t n = 0;
    struct kl_cli cli = {.colour_out = isatty(1), .colour_err = isatty(2)};
    for (const struct kl_command *c = kl_commands; c->name; c++) {
        if (kl_streq(c->name, argv[1]))
            return c->run(&cli, argc - 1, argv + 1);
        names[n++] = c->name;
    }
    const char *near = kl_nearest(argv[1], names);
    fprintf(stderr, "kickline: there is no command '%s'", argv[1]);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    fputs("\nkickline --help lists them all.\n", stderr);
    return KL_COULD_NOT_RUN;
}
