/* Any bytes as a tree's .treeinfo and .discinfo, with a NUL between them. */
#include "tree/treeinfo.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/kickline-treeinfo-XXXXXX";

static void remove_dir(void)
{
    char path[64];
    static const char *const names[] = {".treeinfo", ".discinfo"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    if (!mkdtemp(dir) || atexit(remove_dir) != 0)
        abort();
    return 0;
}

static void put(const char *name, const uint8_t *data, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = memchr(data, '\0', size);
    size_t first = nul ? (size_t)(nul - data) : size;
    put(".treeinfo", data, first);
    put(".discinfo", data + first, size - first);
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_tree t;
    if (!kl_tree_read(a, dir, &t, d))
        abort(); /* it is there, and it can be read */
    if ((t.kernel && strstr(t.kernel, "..")) || (t.initrd && t.initrd[0] == '/'))
        abort();
    return 0;
}
