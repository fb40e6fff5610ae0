/* Any text as the shell script of a kickstart: it is read without harm and in time, and what it
 * writes has its place inside the script. */
#include "kickstart_places.h"
#include "stage/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_script_file *files = NULL;
    size_t n = 0;
    const char *text = kl_strndup(a, (const char *)data, size);
    const struct kl_ks_origin o = {.file = "fuzz.ks", .line = 1, .col = 1};
    const struct kl_script s = {.body = text, .o = &o, .line = 1, .outside = size % 2 == 0};
    kl_diags_source(d, "fuzz.ks", text, strlen(text));
    kl_script_read(a, &s, d, &files, &n);
    struct fuzz_text t = fuzz_lines(a, d);
    for (size_t k = 0; k < n; k++) {
        const struct kl_ks_written *w = &files[k].w;
        fuzz_place(&t, w->at);
        size_t first = strcspn(w->text, "\n");
        struct kl_place at = {"fuzz.ks", w->text_line, w->text_col + 1, (unsigned)first};
        if (!w->text_line)
            continue;
        fuzz_place(&t, at);
        if (memcmp(t.text + t.lines[at.line - 1] + at.col - 1, w->text, first) != 0)
            abort();
    }
    for (size_t k = 0; kl_diags_at(d, k); k++)
        fuzz_place(&t, kl_diags_at(d, k)->at);
    return 0;
}
