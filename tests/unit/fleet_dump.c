/* What an inventory comes to, as text: for tests/unit/test_schema.py, which compares inventories
 * that must come to the same. Of each file named: a line `NAME loaded` or `NAME refused`, a line
 * for each diagnostic, and every host with all that it holds, without places. */
#include "fleet/fleet.h"

#include <inttypes.h>
#include <stdio.h>

static void texts(const char *key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("  %s %s\n", key, list[i]);
}

static void text(const char *key, const char *value)
{
    if (value)
        printf("  %s %s\n", key, value);
}

static void dump_settings(const struct kl_settings *s)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    char addr[KL_ADDR_TEXT];
    text("tree", s->tree);
    text("release", s->release ? kl_release_name(a, s->release) : NULL);
    text("kickstart", s->kickstart);
    text("rescue-kickstart", s->rescue_kickstart);
    text("repo", s->repo);
    text("stage2", s->stage2);
    text("kernel", s->kernel);
    text("initrd", s->initrd);
    text("syslog", s->syslog);
    texts("console", s->console, s->nconsole);
    texts("kernel-args", s->kernel_args, s->nkernel_args);
    printf("  sshd %d\n", s->sshd);
    for (size_t i = 0; i < s->ndns; i++)
        text("dns", kl_addr_text(&s->dns[i], addr));
    texts("search", s->search, s->nsearch);
}

static void dump_ip(const char *family, const struct kl_ip *ip)
{
    char prefix[KL_PREFIX_TEXT], addr[KL_ADDR_TEXT];
    printf("    %s method %d gateway %d %s\n", family, (int)ip->method, (int)ip->gateway,
        kl_addr_text(&ip->nexthop, addr));
    for (size_t i = 0; i < ip->naddresses; i++)
        printf("      %s\n", kl_prefix_text(&ip->addresses[i], prefix));
}

static void dump_link(const struct kl_link *l)
{
    char mac[KL_MAC_TEXT], to[KL_PREFIX_TEXT], via[KL_ADDR_TEXT];
    printf("  link %s kind %d mac %s mtu %" PRIu32 " mode %u parent %s vlan %u\n", l->name,
        (int)l->kind, l->mac.set ? kl_mac_text(&l->mac, mac) : "-", l->mtu, l->mode,
        l->parent ? l->parent : "-", l->vlan);
    dump_ip("ip4", &l->ip4);
    dump_ip("ip6", &l->ip6);
    for (size_t i = 0; i < l->nports; i++)
        printf("    port %s\n", l->ports[i]);
    for (size_t i = 0; i < l->noptions; i++)
        printf("    option %s=%s\n", l->options[i].name, l->options[i].value);
    for (size_t i = 0; i < l->nroutes; i++)
        printf("    route %s via %s metric %" PRIu32 "\n", kl_prefix_text(&l->routes[i].to, to),
            kl_addr_text(&l->routes[i].via, via), l->routes[i].metric);
}

static void dump_host(const struct kl_host *h)
{
    char mac[KL_MAC_TEXT];
    printf("host %s profile %s\n", h->name, h->profile ? h->profile : "-");
    for (size_t i = 0; h->has_uuid && i < sizeof h->uuid; i++)
        printf("%s%02x%s", i ? "" : "  uuid ", h->uuid[i], i == 15 ? "\n" : "");
    for (size_t i = 0; i < h->nnics; i++)
        printf("  nic %s %s\n", h->nics[i].name, kl_mac_text(&h->nics[i].mac, mac));
    dump_settings(h->set);
    text("hostname", h->intent->hostname);
    text("install", h->intent->install);
    printf("  install-family %u\n", h->intent->install_family);
    for (size_t i = 0; i < h->intent->nlinks; i++)
        dump_link(&h->intent->links[i]);
}

static void dump_server(const struct kl_server *s)
{
    char addr[KL_ADDR_TEXT];
    printf("server http %u tftp %u user %s\n", s->http_port, s->tftp_port, s->user);
    for (size_t i = 0; i < s->naddresses; i++)
        text("address", kl_addr_text(&s->addresses[i], addr));
    texts("interface", s->interfaces, s->ninterfaces);
    text("trees", s->trees);
    text("boot", s->boot);
    text("state", s->state);
}

static void dump(const char *path)
{
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fleet *f = kl_fleet_load(path, d);
    const struct kl_diag *one;
    kl_diags_sort(d);
    printf("%s %s\n", path, f ? "loaded" : "refused");
    for (size_t i = 0; (one = kl_diags_at(d, i)); i++)
        printf("diag %d %s %s\n", (int)one->severity, one->code, one->message);
    if (f) {
        dump_server(&f->server);
        for (size_t i = 0; i < f->nhosts; i++)
            dump_host(&f->hosts[i]);
    }
    kl_fleet_free(f);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (i > 1)
            putchar('\f');
        dump(argv[i]);
    }
    return 0;
}
