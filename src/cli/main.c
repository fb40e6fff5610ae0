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
        fprintf(out, "  %-13s %-18s %s\n", c->name, c->args, c->summary);
    fputs(
        "\nEvery command has --help, --json and -f FILE (the inventory; default ./kickline.yaml,\n"
        "then /etc/kickline/kickline.yaml), and a man page: man kickline-COMMAND.\n"
        "Exit codes: 0 fine, 1 findings, 2 could not run.\n",
        out);
}

/* How many words of argv are this command's name: "check" is one, "image patch" two; 0: it is not
 * meant. */
static int words_of(const struct kl_command *c, int argc, char **argv)
{
    const char *blank = strchr(c->name, ' ');
    if (!blank)
        return kl_streq(c->name, argv[1]);
    size_t n = (size_t)(blank - c->name);
    return argc > 2 && strncmp(c->name, argv[1], n) == 0 && !argv[1][n] &&
                   kl_streq(blank + 1, argv[2])
               ? 2
               : 0;
}

/* "image" alone, or "image pach": which commands begin so; false when none does. */
static bool print_family(int argc, char **argv)
{
    const char *names[32] = {0};
    size_t n = 0, len = strlen(argv[1]);
    for (const struct kl_command *c = kl_commands; c->name && n < 31; c++)
        if (strncmp(c->name, argv[1], len) == 0 && c->name[len] == ' ')
            names[n++] = c->name + len + 1;
    if (!n)
        return false;
    bool help = argc > 2 && (kl_streq(argv[2], "--help") || kl_streq(argv[2], "-h"));
    FILE *out = help ? stdout : stderr;
    if (argc > 2 && !help) {
        const char *near = kl_nearest(argv[2], names);
        fprintf(out, "kickline %s: there is no '%s'", argv[1], argv[2]);
        fprintf(out, near ? "; did you mean '%s'?\n" : "\n", near);
    }
    fprintf(out, "usage:\n");
    for (const struct kl_command *c = kl_commands; c->name; c++)
        if (strncmp(c->name, argv[1], len) == 0 && c->name[len] == ' ')
            fprintf(out, "  kickline %-14s %-18s %s\n", c->name, c->args, c->summary);
    return true;
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
        int words = words_of(c, argc, argv);
        if (words) {
            argv[words] = (char *)c->name; /* getopt(3) moves pointers, and changes no byte */
            return c->run(&cli, argc - words, argv + words);
        }
        names[n++] = c->name;
    }
    if (print_family(argc, argv))
        return argc > 2 && (kl_streq(argv[2], "--help") || kl_streq(argv[2], "-h"))
                   ? KL_FINE
                   : KL_COULD_NOT_RUN;
    const char *near = kl_nearest(argv[1], names);
    fprintf(stderr, "kickline: there is no command '%s'", argv[1]);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    fputs("\nkickline --help lists them all.\n", stderr);
    return KL_COULD_NOT_RUN;
}
