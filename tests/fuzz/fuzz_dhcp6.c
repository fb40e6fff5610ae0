/* DHCPv6 messages: the first byte says where the packet came from, the rest is the packet. Whatever
 * it holds, the answer stays in its buffer, is never larger than promised, and every answer or drop
 * is accounted for. */
#include "serve/dhcp6.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char inventory[] =
    "server: {address: [2001:db8:20::20], boot: /srv/boot}\n"
    "hosts:\n"
    "  newbox:\n"
    "    release: centos-7.9\n"
    "    uuid: 12345678-9abc-def0-1122-334455667788\n"
    "    dns: [2001:db8:20::53]\n"
    "    search: [example.net]\n"
    "    nics: {enp3s0: 52:54:00:12:34:56, enp7s0: 52:54:00:12:34:57}\n"
    "    network:\n"
    "      bond0:\n"
    "        bond: {ports: [enp3s0, enp7s0], mode: active-backup, miimon: 100}\n"
    "        addresses: [2001:db8:11::31:0/64]\n"
    "        gateway6: ra\n"
    "  slaac:\n"
    "    release: centos-7.9\n"
    "    nics: {eth0: 52:54:00:00:00:03}\n"
    "    network: {eth0: {slaac: true}}\n";

static struct kl_fleet *load(void)
{
    char path[] = "/tmp/kickline-fuzz-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, inventory, sizeof inventory - 1) != sizeof inventory - 1)
        abort();
    close(fd);
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fleet *f = kl_fleet_load(path, d);
    unlink(path);
    if (!f) {
        kl_diags_print(d, stderr, false, 0);
        abort();
    }
    return f;
}

static bool armed(void *arg, const char *host)
{
    (void)arg;
    return host[0] == 'n';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kl_fleet *fleet;
    static const uint8_t duid[] = {0, 3, 0, 1, 2, 0, 0, 0, 0, 1};
    static const char *const sources[] = {
        "fe80::5054:ff:fe12:3456", "fe80::5054:ff:fe00:3", "fe80::1", "2001:db8:11::1"};
    static uint8_t out[KL_DHCP6_ROOM];
    if (!fleet)
        fleet = load();
    if (size == 0)
        return -1;
    struct kl_dhcp6_env env = {.fleet = fleet, .duid = duid, .nduid = sizeof duid, .armed = armed};
    struct kl_dhcp6_request in = {
        .bytes = data + 1, .len = size - 1, .port = 546, .ifindex = 1, .multicast = data[0] & 4};
    struct kl_dhcp6_said said;
    kl_addr_parse("2001:db8:20::20", &env.address);
    kl_addr_parse(sources[data[0] & 3], &in.source);
    size_t len = kl_dhcp6_answer(&env, &in, out, sizeof out, &said);
    if (len > sizeof out || (len == 0) != (said.dropped != NULL))
        abort();
    if (len && (!said.answered || !said.port || said.relays > 8))
        abort();
    if (said.dropped && strcmp(said.dropped, "dhcp6-too-large") == 0)
        abort(); /* the buffer suffices for any request */
    return 0;
}
