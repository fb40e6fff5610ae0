/* Any text as the files of an installed system. The first byte says which: a keyfile, an ifcfg
 * file, or an ifcfg file with routes; a NUL parts one file from the next. What can be written again
 * must read back as the same. Read as parts of a kickstart, every place lies inside of it. */
#include "kickstart_places.h"
#include "stage/stage.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kl_file *split(struct kl_arena *a, const char *text, size_t size, int kind, size_t *n)
{
    static const char *const paths[3][3] = {
        {"/etc/NetworkManager/system-connections/a.nmconnection",
            "/etc/NetworkManager/system-connections/b.nmconnection", "/etc/hostname"},
        {"/etc/sysconfig/network-scripts/ifcfg-a", "/etc/sysconfig/network-scripts/ifcfg-b",
            "/etc/hostname"},
        {"ifcfg-a", "route-a", "route6-a"}};
    struct kl_file *files = kl_alloc(a, 3 * sizeof *files);
    for (*n = 0; *n < 3 && size; ++*n) {
        size_t len = strnlen(text, size);
        files[*n] = (struct kl_file){.path = paths[kind][*n], .text = kl_strndup(a, text, len)};
        len += len < size;
        text += len;
        size -= len;
    }
    return files;
}

enum { MOST_PARTS = 4 };

struct source {
    struct kl_system_file parts[MOST_PARTS];
    size_t n;
    struct kl_buf text;
    unsigned line, col; /* of the next part */
};

static void add_part(struct source *s, const char *path, const char *text)
{
    s->parts[s->n++] = (struct kl_system_file){
        .path = path, .text = text, .file = "fuzz.ks", .line = s->line, .col = s->col};
    kl_buf_add(&s->text, text);
    for (; *text; text++) {
        s->col = *text == '\n' ? 1 : s->col + 1;
        s->line += *text == '\n';
    }
}

/* The same texts as parts of one source: the first file comes in two, right behind each other, so
 * that a part may begin in the middle of a line. Nothing may point outside of the source. */
static void read_parts(struct kl_arena *a, const struct kl_file *files, size_t n,
    const struct kl_release *r, size_t cut)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct source s = {.line = 1, .col = 1};
    for (size_t k = 0; k < n; k++) {
        size_t half = k ? 0 : cut % (strlen(files[k].text) + 1);
        if (half)
            add_part(&s, files[k].path, kl_strndup(a, files[k].text, half));
        add_part(&s, files[k].path, files[k].text + half);
        if (k && cut & 1) /* as if it did not stand there byte for byte */
            s.parts[s.n - 1].at = (struct kl_place){"fuzz.ks", 1, 1, 0};
    }
    kl_diags_source(d, "fuzz.ks", kl_buf_text(&s.text), s.text.len);
    const struct kl_intent *i = kl_system_read(a, s.parts, s.n, r, d);
    struct fuzz_text t = fuzz_lines(a, d);
    fuzz_said(&t, i);
    for (size_t k = 0; k < kl_diags_count(d, KL_NOTE); k++)
        fuzz_place(&t, kl_diags_at(d, k)->at);
    kl_buf_free(&s.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const char *why = NULL;
    if (!size)
        return 0;
    int kind = data[0] % 3;
    const struct kl_release *r = kl_release_find(a, kind ? "centos-7.9" : "almalinux-10.0", &why);
    size_t n;
    struct kl_file *files = split(a, (const char *)data + 1, size - 1, kind, &n);
    read_parts(a, files, n, r, size > 1 ? data[1] : 0);
    struct kl_intent *first = kl_system_parse(a, files, n, r, d);
    struct kl_file *written;
    if (!kl_system_render(a, first, r, &written, &n, d))
        return 0; /* names that are none, a gateway without an address, ... */
    struct kl_intent *second = kl_system_parse(a, written, n, r, d);
    static const struct kl_compare by_name = {.skip_mac = true};
    struct kl_difference *list;
    size_t differ = kl_intent_compare(a, first, second, &by_name, &list);
    for (size_t k = 0; k < differ; k++)
        fprintf(stderr, "%s %s: '%s' became '%s'\n", list[k].link ? list[k].link : "host",
            list[k].field, list[k].a, list[k].b);
    if (differ)
        abort();
    return 0;
}
