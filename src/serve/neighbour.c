/* One question to the kernel at a time: RTM_GETNEIGH for one address on one interface
 * (rtnetlink(7), neigh_get() in Linux net/core/neighbour.c). Needs no privilege.
 *
 * Receiving a packet does not make a neighbour known; sending one does. So when the table says
 * nothing, an empty datagram goes to the address, to the discard port (RFC 863), for which the
 * kernel has to resolve it. The client repeats its message (RFC 8415 §15), and is known by then. */
#include "serve/neighbour.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT_DISCARD = 9 };

struct kl_neighbours {
    int netlink, probe4, probe6;
    uint32_t sequence;
};

static int make_socket(int family, int type, int protocol)
{
    return socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

struct kl_neighbours *kl_neighbours_open(void)
{
    struct kl_neighbours *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->netlink = make_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    n->probe6 = make_socket(AF_INET6, SOCK_DGRAM, 0); /* -1 where the family is switched off: */
    n->probe4 = make_socket(AF_INET, SOCK_DGRAM, 0);  /* then nobody asks for it either */
    if (n->netlink < 0) {
        int why = errno;
        kl_neighbours_close(n);
        errno = why;
        return NULL;
    }
    return n;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

void kl_neighbours_close(struct kl_neighbours *n)
{
    if (!n)
        return;
    close_if_open(n->netlink);
    close_if_open(n->probe6);
    close_if_open(n->probe4);
    free(n);
}

struct question {
    struct nlmsghdr head;
    struct ndmsg what;
    struct rtattr dst;
    uint8_t addr[16];
};

static bool ask(struct kl_neighbours *n, unsigned ifindex, const struct kl_addr *addr)
{
    uint16_t bytes = addr->family == 4 ? 4 : 16;
    struct question q = {
        .head = {.nlmsg_len = (uint32_t)(offsetof(struct question, addr) + bytes),
            .nlmsg_type = RTM_GETNEIGH,
            .nlmsg_flags = NLM_F_REQUEST,
            .nlmsg_seq = ++n->sequence},
        .what = {.ndm_family = addr->family == 4 ? AF_INET : AF_INET6, .ndm_ifindex = (int)ifindex},
        .dst = {.rta_len = (uint16_t)RTA_LENGTH(bytes), .rta_type = NDA_DST},
    };
    memcpy(q.addr, addr->bytes, bytes);
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent =
        sendto(n->netlink, &q, q.head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel);
    return sent == (ssize_t)q.head.nlmsg_len;
}

/* The hardware address in an answer, when the entry was confirmed at some time. */
static bool read_entry(const uint8_t *body, size_t len, struct kl_mac *out)
{
    struct ndmsg entry;
    const uint16_t known = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
    if (len < sizeof entry)
        return false;
    memcpy(&entry, body, sizeof entry);
    if (!(entry.ndm_state & known))
        return false;
    for (size_t at = NLMSG_ALIGN(sizeof entry); at + sizeof(struct rtattr) <= len;) {
        struct rtattr attr;
        memcpy(&attr, body + at, sizeof attr);
        if (attr.rta_len < sizeof attr || attr.rta_len > len - at)
            return false;
        if (attr.rta_type == NDA_LLADDR && attr.rta_len == RTA_LENGTH(sizeof out->bytes)) {
            memcpy(out->bytes, body + at + RTA_LENGTH(0), sizeof out->bytes);
            out->set = true;
            return true;
        }
        at += RTA_ALIGN(attr.rta_len);
    }
    return false;
}

static bool read_answer(struct kl_neighbours *n, struct kl_mac *out)
{
    uint8_t bytes[4096];
    ssize_t got;
    /* Older answers, of questions that were given up, are passed over. */
    while ((got = recv(n->netlink, bytes, sizeof bytes, 0)) > 0) {
        struct nlmsghdr head;
        if ((size_t)got < sizeof head)
            continue;
        memcpy(&head, bytes, sizeof head);
        if (head.nlmsg_seq != n->sequence)
            continue;
        return head.nlmsg_type == RTM_NEWNEIGH &&
               read_entry(bytes + NLMSG_HDRLEN, (size_t)got - NLMSG_HDRLEN, out);
    }
    return false;
}

static void provoke(struct kl_neighbours *n, unsigned ifindex, const struct kl_addr *addr)
{
    if (addr->family == 6) {
        struct sockaddr_in6 to = {
            .sin6_family = AF_INET6, .sin6_port = htons(PORT_DISCARD), .sin6_scope_id = ifindex};
        memcpy(&to.sin6_addr, addr->bytes, 16);
        sendto(n->probe6, "", 0, 0, (struct sockaddr *)&to, sizeof to);
    } else {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT_DISCARD)};
        memcpy(&to.sin_addr, addr->bytes, 4);
        sendto(n->probe4, "", 0, 0, (struct sockaddr *)&to, sizeof to);
    }
}

bool kl_neighbours_find(
    void *neighbours, unsigned ifindex, const struct kl_addr *addr, struct kl_mac *out)
{
    struct kl_neighbours *n = neighbours;
    if (!kl_addr_is_unicast(addr) || !ask(n, ifindex, addr))
        return false;
    if (read_answer(n, out))
        return true;
    provoke(n, ifindex, addr);
    return false;
}
