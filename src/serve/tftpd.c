/* Sockets and timers for tftp.c, in the event loop's thread.
 *
 * A request comes in on the service's port; the transfer has a socket of its own, bound to the very
 * address that was asked (firmware drops answers from another one) and connected to the client, so
 * that the kernel keeps strangers out and says when the client's port is gone.
 */
#include "serve/tftpd.h"

#include "base/arena.h"
#include "serve/client.h"
#include "serve/content.h"
#include "serve/listen.h"
#include "serve/log.h"
#include "serve/neighbour.h"
#include "serve/tftp.h"

#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_TRANSFERS = 2048,
    MOST_OF_ONE = 64, /* transfers to one address: a forged source gets no flood from here */
    REQUESTS_AT_ONCE = 32,
    REQUEST = 2048, /* bytes; RFC 2347: 512 */
};

/* One end of a datagram's way. */
union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct transfer {
    struct transfer *next, *prev;
    struct kl_tftpd *service;
    int fd;
    struct event *readable, *timer;
    struct kl_tftp tftp;
    union address peer;
    int64_t began_ms;
    char host[256], path[1024];
    const char *stage;
};

struct kl_tftpd {
    struct kl_serve *serve;
    int fds[2];
    struct event *events[2];
    struct kl_neighbours *neighbours; /* NULL: not to be had */
    struct transfer *transfers;
    unsigned busy;
    uint8_t out[KL_TFTP_MAX];
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static socklen_t size_of(const union address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

static const char *text_of(const union address *a, char out[static KL_ADDR_TEXT])
{
    struct kl_addr addr = kl_addr_of(&a->any);
    return kl_addr_text(&addr, out);
}

static bool same(const union address *a, const union address *b)
{
    struct kl_addr x = kl_addr_of(&a->any), y = kl_addr_of(&b->any);
    return kl_addr_eq(&x, &y);
}

/* --- transfers ---------------------------------------------------------------------------------*/

static const char *const results[] = {[KL_TFTP_OACK] = "stopped",
    [KL_TFTP_SENDING] = "stopped",
    [KL_TFTP_DONE] = "sent",
    [KL_TFTP_ENDED] = "ended-by-client",
    [KL_TFTP_FAILED] = "failed"};

static void log_end(const struct transfer *x)
{
    const struct kl_tftp *t = &x->tftp;
    char from[KL_ADDR_TEXT], path[1300], why[200];
    const char *reason = t->client_says[0] ? t->client_says : t->why ? t->why : "";
    enum kl_level level = t->state == KL_TFTP_ENDED ? KL_LOG_DEBUG : KL_LOG_INFO;
    uint64_t bytes = t->state == KL_TFTP_DONE ? kl_rope_len(t->rope) : t->acked * t->blksize;
    kl_log(x->service->serve, level, "tftp", x->host[0] ? x->host : NULL, x->stage,
        "from=%s path=%s result=%s bytes=%llu ms=%lld blksize=%u windowsize=%u resent=%llu%s%s",
        text_of(&x->peer, from), kl_word(x->path, path, sizeof path), results[t->state],
        (unsigned long long)bytes, (long long)(now_ms() - x->began_ms), t->blksize, t->window,
        (unsigned long long)t->resent, *reason ? " why=" : "",
        *reason ? kl_word(reason, why, sizeof why) : "");
    if (t->state == KL_TFTP_FAILED)
        kl_count(x->service->serve, "tftp-failed");
}

static void end(struct transfer *x)
{
    log_end(x);
    if (x->prev)
        x->prev->next = x->next;
    else
        x->service->transfers = x->next;
    if (x->next)
        x->next->prev = x->prev;
    x->service->busy--;
    if (x->readable)
        event_free(x->readable);
    if (x->timer)
        event_free(x->timer);
    close(x->fd);
    kl_tftp_end(&x->tftp);
    free(x);
}

/* What the kernel says of the client's port; false when the transfer is over. */
static bool gone(struct transfer *x, int e)
{
    if (e != ECONNREFUSED && e != EHOSTUNREACH && e != ENETUNREACH)
        return false;
    x->tftp.state = KL_TFTP_FAILED;
    x->tftp.why = e == ECONNREFUSED ? "the client's port is closed" : "no way to the client";
    return true;
}

/* Sends what is due. A full buffer is a lost packet: the timer mends it. */
static void pump(struct transfer *x)
{
    struct kl_tftpd *d = x->service;
    size_t n;
    while ((n = kl_tftp_next(&x->tftp, d->out, sizeof d->out)) > 0)
        if (send(x->fd, d->out, n, 0) < 0 && gone(x, errno))
            break;
}

static void set_timer(struct transfer *x)
{
    int64_t left = x->tftp.due_ms - now_ms();
    left = left < 1 ? 1 : left;
    const struct timeval in = {left / 1000, left % 1000 * 1000};
    event_add(x->timer, &in);
}

/* The timer is set anew only when it goes off: an ACK just moves due_ms. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct transfer *x = arg;
    kl_tftp_tick(&x->tftp, now_ms());
    pump(x);
    if (kl_tftp_over(&x->tftp))
        end(x);
    else
        set_timer(x);
}

static void on_packet(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct transfer *x = arg;
    uint8_t in[REQUEST];
    const char *why;
    /* One at a time: in lockstep there is never a second, and asking would cost as much as the
     * block that follows. */
    ssize_t n = recv(fd, in, sizeof in, 0);
    if (n < 0)
        gone(x, errno);
    else if (!kl_tftp_receive(&x->tftp, in, (size_t)n, now_ms(), &why))
        kl_count(x->service->serve, why);
    pump(x);
    if (kl_tftp_over(&x->tftp))
        end(x);
}

/* A socket from the address that was asked to the one that asks. -1 and errno. */
static int answer_socket(const union address *from, const union address *to)
{
    int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, &from->any, size_of(from)) == 0 && connect(fd, &to->any, size_of(to)) == 0)
        return fd;
    int e = errno;
    close(fd);
    errno = e;
    return -1;
}

static unsigned path_mtu(int fd, bool v6)
{
    int mtu = 0;
    socklen_t n = sizeof mtu;
    int rc = v6 ? getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &mtu, &n)
                : getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &n);
    return rc == 0 && mtu > 0 ? (unsigned)mtu : 0;
}

/* --- requests ----------------------------------------------------------------------------------*/

struct incoming {
    uint8_t bytes[REQUEST];
    size_t len;
    union address peer, local;
    unsigned ifindex;
};

static void send_error(const struct incoming *in, enum kl_tftp_error code, const char *text)
{
    uint8_t packet[128];
    size_t n = kl_tftp_error(packet, sizeof packet, code, text);
    int fd = answer_socket(&in->local, &in->peer);
    if (fd < 0)
        return;
    ssize_t sent = send(fd, packet, n, 0);
    (void)sent; /* a lost error is asked for again */
    close(fd);
}

static void begin(struct kl_tftpd *d, const struct incoming *in, const struct kl_tftp_request *r,
    const struct kl_answer *a)
{
    int fd = answer_socket(&in->local, &in->peer);
    if (fd < 0) {
        char from[KL_ADDR_TEXT];
        kl_log(d->serve, KL_LOG_ERROR, "tftp", NULL, NULL, "from=%s why=\"no socket: %s\"",
            text_of(&in->peer, from), strerror(errno));
        return;
    }
    bool v6 = in->peer.any.sa_family == AF_INET6;
    struct transfer *x = kl_xmalloc(sizeof *x);
    x->service = d;
    x->fd = fd;
    x->peer = in->peer;
    x->began_ms = now_ms();
    x->stage = a->stage;
    snprintf(x->host, sizeof x->host, "%s", a->host ? a->host->name : "");
    memcpy(x->path, a->path, sizeof x->path);
    x->next = d->transfers;
    if (x->next)
        x->next->prev = x;
    d->transfers = x;
    d->busy++;
    kl_tftp_start(&x->tftp, r, a->rope, path_mtu(fd, v6), v6, x->began_ms);
    struct event_base *base = kl_serve_events(d->serve);
    x->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_packet, x);
    x->timer = evtimer_new(base, on_timer, x);
    if (!x->readable || !x->timer || event_add(x->readable, NULL) != 0) {
        end(x);
        return;
    }
    set_timer(x);
    pump(x);
    if (kl_tftp_over(&x->tftp))
        end(x);
}

static void log_refusal(
    struct kl_tftpd *d, const struct incoming *in, const struct kl_answer *a, const char *path)
{
    char from[KL_ADDR_TEXT], word[1300], why[300];
    kl_log(d->serve,
        a->found == KL_CANNOT ? KL_LOG_ERROR
        : a->quiet            ? KL_LOG_DEBUG
                              : KL_LOG_INFO,
        "tftp", a->host ? a->host->name : NULL, a->stage, "from=%s path=%s result=refused why=%s",
        text_of(&in->peer, from), kl_word(path, word, sizeof word),
        kl_word(a->why, why, sizeof why));
}

static bool armed(void *arg, const char *host)
{
    return kl_serve_armed(arg, host);
}

static void answer(struct kl_tftpd *d, const struct incoming *in, const struct kl_tftp_request *r)
{
    static const struct {
        enum kl_tftp_error code;
        const char *text, *counter;
    } no[] = {
        [KL_NOT_FOUND] = {KL_TFTP_NOT_FOUND, "there is no such file here", "tftp-not-found"},
        [KL_REFUSED] = {KL_TFTP_ACCESS, "that is no path", "tftp-bad-path"},
        [KL_CANNOT] = {KL_TFTP_UNDEFINED, "it cannot be made; the log says why", "tftp-cannot"},
    };
    struct kl_snapshot *snapshot = kl_serve_take(d->serve);
    struct kl_ask ask = {.fleet = kl_snapshot_fleet(snapshot),
        .patched = kl_snapshot_patched(snapshot),
        .armed = armed,
        .armed_arg = d->serve,
        .path = r->path,
        .path_len = r->path_len,
        .from = kl_addr_of(&in->peer.any)};
    ask.host = kl_client_by_source(
        ask.fleet, &ask.from, in->ifindex, d->neighbours ? kl_neighbours_find : NULL, d->neighbours)
                   .host;
    struct kl_answer a;
    kl_content_find(&ask, &a);
    if (a.found == KL_FOUND) {
        begin(d, in, r, &a);
    } else {
        send_error(in, no[a.found].code, no[a.found].text);
        kl_count(d->serve, no[a.found].counter);
        log_refusal(d, in, &a, a.path[0] ? a.path : r->path);
    }
    kl_answer_end(&a);
    kl_serve_give(snapshot);
}

/* May this client begin another transfer? Ends the one that it had on the same port. */
static bool admit(struct kl_tftpd *d, const struct incoming *in, const struct kl_tftp_request *r)
{
    unsigned of_one = 0;
    for (struct transfer *x = d->transfers, *next; x; x = next) {
        next = x->next;
        if (!same(&x->peer, &in->peer))
            continue;
        of_one++;
        if (kl_port_of(&x->peer.any) != kl_port_of(&in->peer.any))
            continue;
        if (!x->tftp.acked && strcmp(x->tftp.asked.path, r->path) == 0 &&
            x->tftp.asked.blksize == r->blksize && x->tftp.asked.tsize == r->tsize) {
            kl_count(d->serve, "tftp-repeated-request"); /* our answer is on its way */
            return false;
        }
        end(x); /* the client began anew */
        of_one--;
    }
    if (d->busy < MOST_TRANSFERS && of_one < MOST_OF_ONE)
        return true;
    kl_count(d->serve, "tftp-too-many");
    send_error(in, KL_TFTP_UNDEFINED, "too many transfers; try again");
    return false;
}

/* RFC 1350 knows unicast only; a link-local address needs its interface to be answered from. */
static bool local_address(struct msghdr *m, struct incoming *in)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo i;
            memcpy(&i, CMSG_DATA(c), sizeof i);
            in->ifindex = (unsigned)i.ipi_ifindex;
            in->local.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = i.ipi_spec_dst};
            return i.ipi_spec_dst.s_addr == i.ipi_addr.s_addr; /* else it was a broadcast */
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo i;
            memcpy(&i, CMSG_DATA(c), sizeof i);
            in->ifindex = i.ipi6_ifindex;
            in->local.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = i.ipi6_addr};
            if (IN6_IS_ADDR_LINKLOCAL(&i.ipi6_addr))
                in->local.v6.sin6_scope_id = i.ipi6_ifindex;
            return !IN6_IS_ADDR_MULTICAST(&i.ipi6_addr);
        }
    }
    return false;
}

static bool wanted_interface(const struct kl_tftpd *d, unsigned ifindex)
{
    struct kl_snapshot *snapshot = kl_serve_take(d->serve);
    const struct kl_server *s = &kl_snapshot_fleet(snapshot)->server;
    char name[IF_NAMESIZE] = "";
    bool yes = s->ninterfaces == 0;
    if (!yes && if_indextoname(ifindex, name))
        for (size_t i = 0; i < s->ninterfaces; i++)
            yes |= strcmp(s->interfaces[i], name) == 0 || strcmp(name, "lo") == 0;
    kl_serve_give(snapshot);
    return yes;
}

static void take_request(struct kl_tftpd *d, struct incoming *in)
{
    struct kl_tftp_request r;
    const char *why;
    if (!wanted_interface(d, in->ifindex)) {
        kl_count(d->serve, "tftp-other-interface");
        return;
    }
    int refused = kl_tftp_read_request(in->bytes, in->len, &r, &why);
    if (refused == 0) {
        if (admit(d, in, &r))
            answer(d, in, &r);
        return;
    }
    kl_count(d->serve, why);
    if (refused < 0)
        return;
    char from[KL_ADDR_TEXT];
    kl_log(d->serve, KL_LOG_INFO, "tftp", NULL, NULL, "from=%s result=refused why=%s",
        text_of(&in->peer, from), why);
    send_error(in, (enum kl_tftp_error)(refused - 1), "only reading, only octet mode");
}

static void on_request(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct kl_tftpd *d = arg;
    for (int i = 0; i < REQUESTS_AT_ONCE; i++) {
        struct incoming in;
        in.ifindex = 0;
        _Alignas(struct cmsghdr) char control[256];
        struct iovec v = {in.bytes, sizeof in.bytes};
        struct msghdr m = {.msg_name = &in.peer,
            .msg_namelen = sizeof in.peer,
            .msg_iov = &v,
            .msg_iovlen = 1,
            .msg_control = control,
            .msg_controllen = sizeof control};
        ssize_t n = recvmsg(fd, &m, 0);
        if (n < 0)
            return;
        in.len = (size_t)n;
        if (m.msg_flags & MSG_TRUNC)
            kl_count(d->serve, "tftp-oversized");
        else if (!local_address(&m, &in) || kl_port_of(&in.peer.any) == 0)
            kl_count(d->serve, "tftp-not-unicast");
        else
            take_request(d, &in);
    }
}

/* --- the service -------------------------------------------------------------------------------*/

static bool tell_addresses(int fd, bool v6)
{
    const int on = 1;
    return v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0
              : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0;
}

struct kl_tftpd *kl_tftpd_open(struct kl_serve *s, char **why)
{
    struct kl_snapshot *snapshot = kl_serve_take(s);
    uint16_t port = kl_snapshot_fleet(snapshot)->server.tftp_port;
    kl_serve_give(snapshot);
    struct kl_tftpd *d = kl_xmalloc(sizeof *d);
    d->serve = s;
    d->fds[1] = -1;
    d->fds[0] = kl_listen(6, SOCK_DGRAM, port, "server.tftp-port", why);
    if (d->fds[0] != -1)
        d->fds[1] = kl_listen(4, SOCK_DGRAM, port, "server.tftp-port", why);
    bool ok = !*why;
    for (int i = 0; ok && i < 2; i++)
        ok = d->fds[i] < 0 || tell_addresses(d->fds[i], i == 0);
    if (!ok && !*why)
        *why = strdup("TFTP: this kernel does not tell which address was asked");
    if (ok && d->fds[0] < 0 && d->fds[1] < 0)
        *why = strdup("this machine speaks neither IPv4 nor IPv6");
    if (!*why)
        return d;
    kl_tftpd_close(d);
    return NULL;
}

bool kl_tftpd_start(struct kl_tftpd *d)
{
    d->neighbours = kl_neighbours_open();
    for (int i = 0; i < 2; i++) {
        if (d->fds[i] < 0)
            continue;
        d->events[i] =
            event_new(kl_serve_events(d->serve), d->fds[i], EV_READ | EV_PERSIST, on_request, d);
        if (!d->events[i] || event_add(d->events[i], NULL) != 0)
            return false;
    }
    return true;
}

void kl_tftpd_quiesce(struct kl_tftpd *d)
{
    for (int i = 0; i < 2; i++)
        if (d->events[i])
            event_del(d->events[i]);
}

unsigned kl_tftpd_busy(const struct kl_tftpd *d)
{
    return d->busy;
}

void kl_tftpd_close(struct kl_tftpd *d)
{
    if (!d)
        return;
    for (struct transfer *x = d->transfers, *next; x; x = next) {
        next = x->next;
        end(x);
    }
    for (int i = 0; i < 2; i++) {
        if (d->events[i])
            event_free(d->events[i]);
        if (d->fds[i] >= 0)
            close(d->fds[i]);
    }
    kl_neighbours_close(d->neighbours);
    free(d);
}
