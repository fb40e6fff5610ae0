/* Any text as a kickstart: it is read without harm, every place lies inside it; and what Kickline
 * writes into it reads back, holds still when written again, and keeps the user's bytes. */
#include "kickstart_places.h"
#include "stage/stage.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const releases[] = {"ol-7.2", "centos-7.9", "rhel-8.3", "rhel-9.2", "rhel-9.6"};

static struct kl_intent intent(struct kl_link links[static 3], const char **ports)
{
    static struct kl_prefix six = {
        .addr = {.family = 6, .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}}, .len = 64};
    ports[0] = "eth0";
    ports[1] = "eth1";
    links[0] = (struct kl_link){.name = "eth0"};
    links[1] = (struct kl_link){.name = "eth1"};
    links[2] = (struct kl_link){.name = "bond0",
        .kind = KL_BOND,
        .ports = ports,
        .nports = 2,
        .ip6 = {
            .method = KL_STATIC, .addresses = &six, .naddresses = 1, .gateway = KL_GATEWAY_LEARNT}};
    return (struct kl_intent){.links = links, .nlinks = 3, .hostname = "h.example.net"};
}

/* One file can be included, which includes itself. */
static bool find(void *arg, const char *path, const char *from, const char **file,
    const char **text, size_t *len)
{
    (void)arg, (void)from;
    *file = path;
    *text = "network --device=eth9 --activate\n%include x\n";
    *len = strlen(*text);
    return strcmp(path, "x") == 0;
}
static const struct kl_finder files_at_hand = {find, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const char *why = NULL;
    if (!size)
        return 0;
    const struct kl_release *r =
        kl_release_find(a, releases[data[0] % (sizeof releases / sizeof *releases)], &why);
    const char *text = kl_strndup(a, (const char *)data + 1, size - 1);
    const struct kl_kickstart *k =
        kl_kickstart_read(a, (const char *)data + 1, size - 1, "fuzz.ks", r, &files_at_hand, d);
    fuzz_places(a, k, d);
    kl_ks_translate(a, k, r, false);
    struct kl_intent *read = kl_kickstart_parse(a, text, "fuzz.ks", r, d);
    struct kl_file *files;
    size_t nfiles;
    kl_system_render(a, read, r, &files, &nfiles, d);

    struct kl_link links[3];
    const char *ports[2];
    struct kl_intent i = intent(links, ports);
    struct kl_buf once KL_BUF_SCOPE = {0}, twice KL_BUF_SCOPE = {0};
    if (!kl_kickstart_render(&i, r, text, "fuzz.ks", &once, d))
        return 0; /* a section without %end */
    if (!kl_kickstart_render(&i, r, once.s, "once.ks", &twice, d) || strcmp(once.s, twice.s) != 0)
        abort();
    const struct kl_kickstart *back = kl_kickstart_read(a, once.s, once.len, "once.ks", r, NULL, d);
    for (size_t c = 0; c < back->ncommands; c++)
        if (back->commands[c].from) /* commands of a script's: rendering warns of them */
            return 0;
    static const struct kl_compare by_name = {.skip_mac = true};
    struct kl_difference *list;
    if (kl_intent_compare(a, &i, back->network, &by_name, &list) != 0)
        abort();
    return 0;
}
