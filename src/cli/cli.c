#include "cli/cli.h"

#include "base/text.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST_INVENTORY = 256 << 20 };

const struct kl_command kl_commands[] = {
    {"arm", "[HOST...]", "Allow hosts to be installed; without hosts, print who is allowed",
        "options:\n"
        "      --list           who is armed, and since when\n",
        kl_cmd_arm},
    {"check", "[PATH...]",
        "Say where the stages of a boot disagree: of files as they are, or of the inventory",
        "PATH is a file or a directory: PXELINUX, GRUB and iPXE configurations, kickstarts, ifcfg\n"
        "files, keyfiles, DHCP reservations, kernel lines; they are told apart by their content.\n"
        "Without one, what the inventory renders is checked.\n\n"
        "options:\n"
        "      --cmdline LINE   a bare kernel command line\n"
        "      --release NAME   what is installed (rhel-9.4, ol-7.2, fedora-42); else it is "
        "inferred\n"
        "      --map URL=PATH   the file or directory that a URL stands for\n"
        "      --nics N         how many NICs the machine has\n"
        "      --host NAME      of the inventory, this host only\n"
        "      --severity WORD  note, warning or error: show what is at least that\n"
        "      --format WORD    text, json, sarif or github\n"
        "      --fix            write the mends that are certain\n"
        "      --dry-run        with --fix: print them as a patch instead\n"
        "      --codes          list every code\n"
        "      --explain CODE   say what a code means\n",
        kl_cmd_check},
    {"disarm", "HOST...", "Take that back: they boot their own disks",
        "options:\n"
        "      --all            every host that is armed\n",
        kl_cmd_disarm},
    {"image diff", "IMAGE IMAGE", "Say which files of two images differ, and in what",
        "The layouts may differ: a squashfs may be held against the EROFS that replaces it.\n\n"
        "options:\n"
        "      --no-content     compare sizes and attributes only: fast\n"
        "      --no-times       leave modification times out\n",
        kl_cmd_image_diff},
    {"image inspect", "IMAGE [PATH...]",
        "Show what an initrd, a stage2 or an ISO is, and what is in it",
        "PATH is within the image: a directory is listed, a file is shown as one line.\n\n"
        "options:\n"
        "      --list           the whole tree, as the machine will see it\n"
        "      --cat PATH       write this file of the image to standard output\n"
        "      --verify         of an ISO: read it all, and compare its implanted checksum\n"
        "      --no-cache       do not keep the listing of an initrd for the next time\n",
        kl_cmd_image_inspect},
    {"image overlay", "CHANGES... -o FILE",
        "Make an updates.img or product.img (or with --for, an initrd) of changes",
        "CHANGES are directories, tar or cpio archives.\n\n"
        "options:\n"
        "  -o, --output FILE    what to write; - is standard output\n"
        "      --add HOST:PATH[:MODE]  one file\n"
        "      --link TARGET:PATH      one symbolic link\n"
        "      --for INITRD     an initrd that a loader gives beside this one\n"
        "      --no-cache       do not keep the listing of that initrd for the next time\n",
        kl_cmd_image_overlay},
    {"image patch", "IMAGE [CHANGES...]",
        "Change files in an initrd or a stage2 without unpacking it",
        "CHANGES are directories, tar or cpio archives, laid over the image's tree.\n\n"
        "options:\n"
        "  -o, --output FILE    the patched image; with --tree, a directory\n"
        "      --in-place       put it where IMAGE is\n"
        "      --add HOST:PATH[:MODE]  one file\n"
        "      --link TARGET:PATH      one symbolic link\n"
        "      --remove PATH    take a file or a directory away\n"
        "      --edit PATH --diff FILE apply a unified diff to a file of the image\n"
        "      --tree DIR       IMAGE is 'initrd', 'stage2' or a path in this tree, whose\n"
        "                       .treeinfo then has the patched image's checksum\n"
        "      --dry-run        patch, say what it comes to, and write nothing\n"
        "      --no-cache       do not keep the listing of an initrd for the next time\n",
        kl_cmd_image_patch},
    {"render", "HOST [PART]", "Print what each stage of a host will be given",
        "parts: cmdline, ipxe, grub, pxelinux, kickstart, system; without one, all of them\n\n"
        "options:\n"
        "      --disarmed       the loaders as they are served while the host is not armed\n",
        kl_cmd_render},
    {"serve", "", "Run the boot server",
        "options:\n"
        "      --check          look at everything that would be served, say what is wrong, and "
        "end\n"
        "      --debug          log what loaders try by habit, too\n"
        "      --foreground     what it always does: stay in the foreground\n"
        "      --no-dhcp6       without DHCPv6; --no-http, --no-tftp likewise\n",
        kl_cmd_serve},
    {"show", "HOST", "Show the stages of a host side by side", NULL, kl_cmd_show},
    {NULL, NULL, NULL, NULL, NULL},
};

static const struct kl_command *command_named(const char *name)
{
    for (const struct kl_command *c = kl_commands; c->name; c++)
        if (kl_streq(c->name, name))
            return c;
    return NULL;
}

static void print_help(const struct kl_command *c)
{
    printf("usage: kickline %s [OPTIONS] %s\n\n%s.\n\n%s%s"
           "  -f, --file FILE      the inventory (default ./kickline.yaml, then\n"
           "                       /etc/kickline/kickline.yaml)\n"
           "      --json           for programs: JSON on stdout\n"
           "      --colour WHEN    auto, always or never (NO_COLOR is honoured)\n"
           "  -h, --help           this text; more in man kickline-%.*s\n",
        c->name, c->args, c->summary, c->help ? c->help : "",
        c->help && *c->help ? "" : "options:\n", (int)strcspn(c->name, " "), c->name);
}

enum { OPT_JSON = 1000, OPT_COLOUR };

static bool set_colour(struct kl_cli *cli, const char *when)
{
    bool automatic = kl_streq(when, "auto"), always = kl_streq(when, "always");
    if (!automatic && !always && !kl_streq(when, "never")) {
        fprintf(stderr, "kickline: --colour takes auto, always or never, not '%s'\n", when);
        return false;
    }
    const char *term = getenv("TERM");
    bool may = automatic && !getenv("NO_COLOR") && !kl_streq(term, "dumb");
    cli->colour_out = always || (may && isatty(1));
    cli->colour_err = always || (may && isatty(2));
    return true;
}

static bool has_output(const struct option *own)
{
    for (; own && own->name; own++)
        if (own->val == 'o')
            return true;
    return false;
}

int kl_cli_options(struct kl_cli *cli, int argc, char **argv, const struct option *own,
    bool (*each)(void *arg, int opt, const char *value), void *arg, int *exit_code)
{
    static const struct option common[] = {
        {"file", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, OPT_JSON},
        {"colour", required_argument, NULL, OPT_COLOUR},
        {"color", required_argument, NULL, OPT_COLOUR},
        {"help", no_argument, NULL, 'h'},
    };
    enum { COMMON = sizeof common / sizeof *common, MOST = 32 };
    struct option all[MOST + 1] = {0};
    const char *names[MOST + 1] = {0};
    size_t n = 0;
    for (; n < COMMON; n++)
        all[n] = common[n];
    for (size_t i = 0; own && own[i].name && n < MOST; i++)
        all[n++] = own[i];
    for (size_t i = 0; i < n; i++)
        names[i] = all[i].name;

    set_colour(cli, "auto");
    opterr = 0;
    int c;
    while ((c = getopt_long(argc, argv, ":f:ho:", all, NULL)) != -1) {
        *exit_code = KL_COULD_NOT_RUN;
        switch (c) {
        case 'f':
            cli->inventory = optarg;
            break;
        case 'o':
            if (has_output(own)) {
                if (!each(arg, c, optarg))
                    return -1;
                break;
            }
            fprintf(stderr, "kickline %s: there is no option '-o'\n", argv[0]);
            return -1;
        case OPT_JSON:
            cli->json = true;
            break;
        case OPT_COLOUR:
            if (!set_colour(cli, optarg))
                return -1;
            break;
        case 'h':
            print_help(command_named(argv[0]));
            *exit_code = KL_FINE;
            return -1;
        case ':':
            fprintf(stderr, "kickline %s: option '%s' needs a value\n", argv[0], argv[optind - 1]);
            return -1;
        case '?': {
            const char *word = argv[optind - 1];
            const char *near = kl_starts(word, "--") ? kl_nearest(word + 2, names) : NULL;
            fprintf(stderr, "kickline %s: there is no option '%s'", argv[0], word);
            if (near)
                fprintf(stderr, "; did you mean '--%s'?", near);
            fprintf(stderr, "\nkickline %s --help lists them all.\n", argv[0]);
            return -1;
        }
        default:
            if (!each || !each(arg, c, optarg))
                return -1;
        }
    }
    return optind;
}

void kl_cli_know_files(struct kl_diags *d)
{
    const struct kl_diag *one;
    for (size_t i = 0; (one = kl_diags_at(d, i)); i++) {
        size_t len = 0;
        char *text = one->at.file && one->at.line && !kl_diags_knows(d, one->at.file)
                         ? kl_read_file(one->at.file, LARGEST_INVENTORY, &len)
                         : NULL;
        if (text)
            kl_diags_source(d, one->at.file, text, len);
        free(text);
    }
}

void kl_cli_print(struct kl_cli *cli, struct kl_diags *d)
{
    kl_cli_know_files(d);
    kl_diags_sort(d);
    kl_diags_print(d, stderr, cli->colour_err, 0);
}

struct kl_fleet *kl_cli_fleet(struct kl_cli *cli)
{
    static const char *const places[] = {"kickline.yaml", "/etc/kickline/kickline.yaml"};
    const char *path = cli->inventory;
    for (size_t i = 0; !path && i < 2; i++)
        if (access(places[i], F_OK) == 0)
            path = places[i];
    if (!path) {
        fputs("kickline: there is no inventory: neither ./kickline.yaml nor "
              "/etc/kickline/kickline.yaml\n"
              "Name one with -f FILE; man kickline.yaml shows how to write one.\n",
            stderr);
        return NULL;
    }
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fleet *f = kl_fleet_load(path, d);
    kl_cli_print(cli, d);
    if (!f) {
        size_t n = kl_diags_count(d, KL_ERROR);
        fprintf(stderr, "kickline: %s is not used: %zu error%s\n", path, n, n == 1 ? "" : "s");
    }
    return f;
}

const struct kl_host *kl_cli_host(const struct kl_fleet *f, const char *name)
{
    const struct kl_host *h = kl_fleet_host(f, name);
    if (h)
        return h;
    const char *near = kl_fleet_nearest(f, name);
    fprintf(stderr, "kickline: no host in %s is called '%s'", f->file, name);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    putc('\n', stderr);
    return NULL;
}
