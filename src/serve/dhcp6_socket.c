/* DHCPv6 on its sockets: UDP port 547, joined to All_DHCP_Relay_Agents_and_Servers (ff02::1:2) and
 * All_DHCP_Servers (ff05::1:3), RFC 8415 §7.1. What to answer is dhcp6.c's matter.
 *
 * Where the inventory lists interfaces there is a socket bound to each of them: then another DHCPv6
 * server of this machine (libvirt's dnsmasq, say) can have the others. Otherwise one socket serves
 * all interfaces, also those that appear later: the kernel tells of new links, and the groups are
 * joined there too. */
#include "serve/dhcp6.h"

#include "base/text.h"
#include "serve/neighbour.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

/* A burst of a rack that is switched on at once waits here while one request is answered. */
enum { RECEIVE_BUFFER = 4 << 20, PACKETS_AT_ONCE = 64 };

struct port {
    int fd;
    char interface[IF_NAMESIZE]; /* "": all */
    struct event *event;
    struct kl_dhcp6 *owner;
};

struct kl_dhcp6 {
    struct kl_serve *serve;
    uint8_t duid[KL_DHCP6_DUID];
    size_t nduid;
    struct kl_neighbours *neighbours;
    struct port *ports;
    size_t nports;
    int links; /* netlink: tells of new links; -1 where interfaces are listed */
    struct event *links_event;
    /* For the log: the name of the interface that was asked last. A link event forgets it. */
    unsigned named;
    char name[IF_NAMESIZE];
};

static const char *const groups[] = {"ff02::1:2", "ff05::1:3"};

static bool join(int fd, unsigned ifindex)
{
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        struct ipv6_mreq m = {.ipv6mr_interface = ifindex};
        inet_pton(AF_INET6, groups[i], &m.ipv6mr_multiaddr);
        if (setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &m, sizeof m) &&
            errno != EADDRINUSE) /* joined already */
            return false;
    }
    return true;
}

/* Joins on every interface that can do multicast. One without IPv6 is passed over. */
static void join_all(int fd)
{
    struct ifaddrs *list;
    if (getifaddrs(&list))
        return;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET && (i->ifa_flags & IFF_MULTICAST) &&
            !(i->ifa_flags & IFF_LOOPBACK))
            join(fd, if_nametoindex(i->ifa_name));
    freeifaddrs(list);
}

/* RFC 8415 §11: an identifier that outlives restarts: a DUID-UUID (RFC 6355) of this machine and
 * this program; of the address by which hosts reach it where there is no machine-id, as in a fresh
 * container. */
static void make_duid(struct kl_dhcp6 *d, const struct kl_server *server)
{
    static const sd_id128_t kickline =
        SD_ID128_MAKE(3f, 0c, 5a, 7e, 91, 44, 4d, 0b, a6, 2c, 58, e7, 13, 9f, d0, 26);
    sd_id128_t id = kickline;
    if (sd_id128_get_machine_app_specific(kickline, &id) < 0)
        for (size_t i = 0; server->naddresses && i < sizeof id.bytes; i++)
            id.bytes[i] = kickline.bytes[i] ^ server->addresses[0].bytes[i];
    d->duid[1] = 4;
    memcpy(d->duid + 2, id.bytes, sizeof id.bytes);
    d->nduid = 2 + sizeof id.bytes;
}

static void __attribute__((format(printf, 2, 3))) say(char **why, const char *fmt, ...)
{
    struct kl_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    kl_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    *why = kl_buf_take(&b);
}

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static bool open_port(struct port *p, char **why)
{
    bool one = *p->interface;
    const char *on = one ? p->interface : "all interfaces";
    unsigned ifindex = one ? if_nametoindex(p->interface) : 0;
    if (one && !ifindex) {
        say(why,
            "dhcp6: there is no interface '%s': mend server.interfaces, or create it before the "
            "server starts",
            p->interface);
        return false;
    }
    p->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->fd < 0) {
        say(why, "dhcp6: no IPv6 socket: %s: is IPv6 switched off on this machine?",
            strerror(errno));
        return false;
    }
    if (one && setsockopt(p->fd, SOL_SOCKET, SO_BINDTODEVICE, p->interface,
                   (socklen_t)strlen(p->interface) + 1)) {
        say(why, "dhcp6: cannot bind to interface %s: %s", on, strerror(errno));
        return false;
    }
    if (!set(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
        set(p->fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    /* Only what was sent to a group on an interface where this socket joined it. */
    set(p->fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(KL_DHCP6_SERVER_PORT)};
    if (!set(p->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) ||
        !set(p->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) ||
        bind(p->fd, (struct sockaddr *)&any, sizeof any)) {
        say(why, "dhcp6: cannot open UDP port %d on %s: %s%s", KL_DHCP6_SERVER_PORT, on,
            strerror(errno),
            errno == EADDRINUSE ? ": another DHCPv6 server or relay runs here; stop it, or list "
                                  "the interfaces that are Kickline's in server.interfaces"
            : errno == EACCES   ? ": start the server as root"
                                : "");
        return false;
    }
    if (!one)
        join_all(p->fd);
    else if (!join(p->fd, ifindex)) {
        say(why, "dhcp6: cannot join multicast groups on %s: %s: is IPv6 switched off on it?", on,
            strerror(errno));
        return false;
    }
    return true;
}

static bool open_links(struct kl_dhcp6 *d, char **why)
{
    struct sockaddr_nl me = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    d->links = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (d->links < 0 || bind(d->links, (struct sockaddr *)&me, sizeof me)) {
        say(why, "dhcp6: cannot watch for new interfaces: %s", strerror(errno));
        return false;
    }
    return true;
}

static bool open_ports(struct kl_dhcp6 *d, const struct kl_server *server, char **why)
{
    size_t n = server->ninterfaces ? server->ninterfaces : 1;
    d->ports = kl_xmalloc(n * sizeof *d->ports);
    while (d->nports < n) {
        struct port *p = &d->ports[d->nports];
        *p = (struct port){.fd = -1, .owner = d};
        if (server->ninterfaces)
            snprintf(p->interface, sizeof p->interface, "%s", server->interfaces[d->nports]);
        d->nports++;
        if (!open_port(p, why))
            return false;
    }
    return server->ninterfaces || open_links(d, why);
}

static bool open_all(struct kl_dhcp6 *d, const struct kl_server *server, char **why)
{
    make_duid(d, server);
    d->neighbours = kl_neighbours_open();
    if (!d->neighbours) {
        say(why, "dhcp6: cannot ask for the neighbour table: %s", strerror(errno));
        return false;
    }
    return open_ports(d, server, why);
}

struct kl_dhcp6 *kl_dhcp6_open(struct kl_serve *s, char **why)
{
    struct kl_dhcp6 *d = kl_xmalloc(sizeof *d);
    *d = (struct kl_dhcp6){.serve = s, .links = -1};
    struct kl_snapshot *now = kl_serve_take(s);
    bool ok = open_all(d, &kl_snapshot_fleet(now)->server, why);
    kl_serve_give(now);
    if (ok)
        return d;
    kl_dhcp6_close(d);
    return NULL;
}

void kl_dhcp6_close(struct kl_dhcp6 *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->nports; i++) {
        if (d->ports[i].event)
            event_free(d->ports[i].event);
        if (d->ports[i].fd >= 0)
            close(d->ports[i].fd);
    }
    free(d->ports);
    if (d->links_event)
        event_free(d->links_event);
    if (d->links >= 0)
        close(d->links);
    kl_neighbours_close(d->neighbours);
    free(d);
}

static bool is_armed(void *arg, const char *host)
{
    const struct kl_dhcp6 *d = arg;
    return kl_serve_armed(d->serve, host);
}

static const char *interface_name(struct kl_dhcp6 *d, unsigned ifindex)
{
    if (d->named != ifindex || !ifindex) {
        d->named = ifindex;
        if (!if_indextoname(ifindex, d->name))
            memcpy(d->name, "?", 2);
    }
    return d->name;
}

/* One line: who, how that is known, what was asked and answered, and why not more. */
static void log_answer(
    struct kl_dhcp6 *d, const struct kl_dhcp6_request *in, const struct kl_dhcp6_said *said)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    char addr[KL_ADDR_TEXT], mac[KL_MAC_TEXT];
    const struct kl_host *h = said->client.host;
    kl_buf_addf(&b, "asked=%s answered=%s", kl_dhcp6_type_name(said->asked),
        said->answered ? kl_dhcp6_type_name(said->answered) : "nothing");
    kl_buf_addf(&b, " by=%s", kl_clue_name(said->client.by));
    if (said->client.mac.set)
        kl_buf_addf(&b, " mac=%s", kl_mac_text(&said->client.mac, mac));
    kl_buf_addf(
        &b, " from=%s%%%s", kl_addr_text(&in->source, addr), interface_name(d, in->ifindex));
    if (said->relays)
        kl_buf_addf(&b, " relays=%u", said->relays);
    if (said->arch != 0xffff)
        kl_buf_addf(&b, " arch=%u", said->arch);
    if (said->gave.family)
        kl_buf_addf(&b, " address=%s", kl_addr_text(&said->gave, addr));
    if (*said->boot)
        kl_buf_addf(&b, " boot=%s", said->boot);
    if (said->dropped)
        kl_buf_addf(&b, " dropped=%s", said->dropped);
    if (said->why)
        kl_buf_addf(&b, " why=\"%s\"", said->why);
    /* Machines of others and noise are no news. */
    kl_log(d->serve, h && !said->dropped ? KL_LOG_INFO : KL_LOG_DEBUG, "dhcp6", h ? h->name : NULL,
        said->stage, "%s", kl_buf_text(&b));
    if (*said->warning)
        kl_log(d->serve, KL_LOG_WARNING, "dhcp6", h ? h->name : NULL, said->stage, "why=\"%s\"",
            said->warning);
    if (said->dropped)
        kl_count(d->serve, said->dropped);
}

/* A packet as it came in. */
struct packet {
    struct sockaddr_in6 from;
    struct in6_pktinfo to;
    uint8_t bytes[KL_DHCP6_MAX + 1]; /* one more shows that it was larger */
    struct kl_dhcp6_request request;
};

static bool receive(int fd, struct packet *p)
{
    union {
        char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {p->bytes, sizeof p->bytes};
    struct msghdr msg = {.msg_name = &p->from,
        .msg_namelen = sizeof p->from,
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control};
    ssize_t got = recvmsg(fd, &msg, 0);
    if (got < 0)
        return false;
    p->to = (struct in6_pktinfo){0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
            memcpy(&p->to, CMSG_DATA(c), sizeof p->to);
    p->request = (struct kl_dhcp6_request){
        .bytes = p->bytes,
        .len = (size_t)got,
        .source = {.family = 6},
        .port = ntohs(p->from.sin6_port),
        .ifindex = p->to.ipi6_ifindex,
        .multicast = IN6_IS_ADDR_MULTICAST(&p->to.ipi6_addr),
    };
    memcpy(p->request.source.bytes, &p->from.sin6_addr, 16);
    return true;
}

/* From the address that was asked, or from one that the kernel chooses for the interface. */
static bool send_back(
    int fd, const struct packet *p, uint16_t port, const uint8_t *bytes, size_t len)
{
    union {
        char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
        struct cmsghdr align;
    } control = {0};
    struct in6_pktinfo from = {0};
    struct sockaddr_in6 to = p->from;
    to.sin6_port = htons(port);
    if (!p->request.multicast)
        from.ipi6_addr = p->to.ipi6_addr;
    if (IN6_IS_ADDR_LINKLOCAL(&to.sin6_addr))
        from.ipi6_ifindex = p->to.ipi6_ifindex;
    struct iovec iov = {(void *)bytes, len};
    struct msghdr msg = {.msg_name = &to,
        .msg_namelen = sizeof to,
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = IPPROTO_IPV6;
    c->cmsg_type = IPV6_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof from);
    memcpy(CMSG_DATA(c), &from, sizeof from);
    return sendmsg(fd, &msg, 0) == (ssize_t)len;
}

static void handle(struct kl_dhcp6 *d, int fd, const struct kl_dhcp6_env *env, struct packet *p)
{
    struct kl_dhcp6_said said;
    uint8_t out[KL_DHCP6_ROOM];
    size_t len = kl_dhcp6_answer(env, &p->request, out, sizeof out, &said);
    log_answer(d, &p->request, &said);
    if (len && !send_back(fd, p, said.port, out, len)) {
        kl_log(d->serve, KL_LOG_WARNING, "dhcp6", said.client.host ? said.client.host->name : NULL,
            said.stage, "why=\"cannot send the answer: %s\"", strerror(errno));
        kl_count(d->serve, "dhcp6-not-sent");
    }
}

static void on_packets(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct kl_dhcp6 *d = ((struct port *)arg)->owner;
    struct kl_snapshot *now = kl_serve_take(d->serve);
    const struct kl_fleet *fleet = kl_snapshot_fleet(now);
    struct kl_dhcp6_env env = {
        .fleet = fleet,
        .duid = d->duid,
        .nduid = d->nduid,
        .armed = is_armed,
        .armed_arg = d,
        .neighbour = kl_neighbours_find,
        .neighbour_arg = d->neighbours,
    };
    for (size_t i = 0; i < fleet->server.naddresses && !env.address.family; i++)
        if (fleet->server.addresses[i].family == 6)
            env.address = fleet->server.addresses[i];
    struct packet p;
    /* Not for ever: the other services want their turn. */
    for (int i = 0; i < PACKETS_AT_ONCE && receive(fd, &p); i++)
        handle(d, fd, &env, &p);
    kl_serve_give(now);
}

static void on_links(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct kl_dhcp6 *d = arg;
    char bytes[8192];
    /* What changed does not matter: joining twice does no harm. */
    while (recv(fd, bytes, sizeof bytes, 0) > 0 || errno == ENOBUFS)
        ;
    d->named = 0;
    join_all(d->ports[0].fd);
}

bool kl_dhcp6_start(struct kl_dhcp6 *d)
{
    struct event_base *events = kl_serve_events(d->serve);
    for (size_t i = 0; i < d->nports; i++) {
        struct port *p = &d->ports[i];
        p->event = event_new(events, p->fd, EV_READ | EV_PERSIST, on_packets, p);
        if (!p->event || event_add(p->event, NULL))
            return false;
    }
    if (d->links < 0)
        return true;
    d->links_event = event_new(events, d->links, EV_READ | EV_PERSIST, on_links, d);
    return d->links_event && event_add(d->links_event, NULL) == 0;
}
