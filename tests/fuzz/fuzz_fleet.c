/* Any text as an inventory: no harm, a fleet or errors and never both, places that lie in the text,
 * and a fleet whose hosts can be found again. Text that includes is passed over: it would read
 * this machine's files. */
#include "fleet/fleet.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void check_places(const struct kl_diags *d, const uint8_t *data, size_t size)
{
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    const struct kl_diag *one;
    for (size_t i = 0; (one = kl_diags_at(d, i)); i++)
        if (one->at.line > lines || one->at.col > size + 1 || one->at.width > size + 1)
            abort();
}

static void check_hosts(const struct kl_fleet *f)
{
    for (size_t i = 0; i < f->nhosts; i++) {
        const struct kl_host *h = &f->hosts[i];
        if (kl_fleet_host(f, h->name) != h || !h->set || !h->set->release)
            abort();
        for (size_t k = 0; k < h->nnics; k++)
            if (kl_fleet_by_mac(f, &h->nics[k].mac) != h)
                abort();
        const struct kl_link *l = kl_link_find(h->intent, h->intent->install);
        if (!l || !kl_link_has_ip(l))
            abort();
        if (h->intent->install_family && !kl_link_speaks(l, h->intent->install_family))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (memmem(data, size, "include", 7))
        return 0;
    int fd = memfd_create("inventory", 0);
    char path[32];
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fleet *f = kl_fleet_load(path, d);
    close(fd);
    if ((f != NULL) != (kl_diags_count(d, KL_ERROR) == 0))
        abort();
    check_places(d, data, size);
    kl_diags_sort(d);
    FILE *nowhere = fopen("/dev/null", "w");
    if (nowhere) {
        kl_diags_print(d, nowhere, true, 0);
        fclose(nowhere);
    }
    if (f)
        check_hosts(f);
    kl_fleet_free(f);
    return 0;
}
