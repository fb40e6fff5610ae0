/* Loads an inventory once and looks every host up, as the server does: by name, MAC and address.
 * Prints one JSON object: seconds to load, bytes that the fleet keeps, nanoseconds for one lookup,
 * and the largest resident size that the process had. */
#include "fleet/fleet.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t look_up(const struct kl_fleet *f)
{
    size_t found = 0;
    for (size_t i = 0; i < f->nhosts; i++) {
        const struct kl_host *h = &f->hosts[i];
        const struct kl_link *l = kl_link_find(h->intent, h->intent->install);
        found += kl_fleet_host(f, h->name) == h;
        found += kl_fleet_by_mac(f, &h->nics[0].mac) == h;
        found += kl_fleet_by_addr(f, &l->ip6.addresses[0].addr) == h;
    }
    return found;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: fleet-load FILE\n", stderr);
        return 2;
    }
    struct kl_diags *d = kl_diags_new();
    double start = now();
    struct kl_fleet *f = kl_fleet_load(argv[1], d);
    double loaded = now();
    if (!f) {
        kl_diags_print(d, stderr, false, 10);
        kl_diags_free(d);
        return 1;
    }
    size_t found = look_up(f);
    double done = now();
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("{\"hosts\": %zu, \"seconds\": %.4f, \"bytes\": %zu, \"lookup_ns\": %.0f, "
           "\"peak_kib\": %ld}\n",
        f->nhosts, loaded - start, kl_arena_bytes(f->arena),
        (done - loaded) * 1e9 / (double)(found ? found : 1), use.ru_maxrss);
    bool all = found == 3 * f->nhosts;
    kl_fleet_free(f);
    kl_diags_free(d);
    return all ? 0 : 1;
}
