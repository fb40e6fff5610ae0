#include "serve/listen.h"

#include "base/text.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

static char *explain(int family, int type, uint16_t port, const char *key, int e)
{
    struct kl_buf b = {0};
    const char *proto = type == SOCK_STREAM ? "TCP" : "UDP";
    const char *flag = type == SOCK_STREAM ? "-ltnp" : "-lunp";
    kl_buf_addf(&b, "cannot listen on %s port %u of %s: %s", proto, port,
        family == 6 ? "IPv6" : "IPv4", strerror(e));
    if (e == EADDRINUSE)
        kl_buf_addf(&b,
            "; another program has it (ss %s 'sport = :%u' names it): stop that one, or choose "
            "another port with %s",
            flag, port, key);
    else if (e == EACCES || e == EPERM)
        kl_buf_addf(&b,
            "; ports below 1024 need root: start kickline serve as root (it drops its privileges "
            "once its ports are open), or choose a port above 1023 with %s",
            key);
    return kl_buf_take(&b);
}

static bool set_up(int fd, int family, int type, uint16_t port)
{
    const int on = 1;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    /* For TCP: a port in TIME_WAIT after a restart. For UDP it would let two servers share one. */
    if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return false;
    if (family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
        return false;
    int bound = family == 6 ? bind(fd, (struct sockaddr *)&v6, sizeof v6)
                            : bind(fd, (struct sockaddr *)&v4, sizeof v4);
    return bound == 0 && (type != SOCK_STREAM || listen(fd, SOMAXCONN) == 0);
}

int kl_listen(int family, int type, uint16_t port, const char *key, char **why)
{
    *why = NULL;
    int fd = socket(family == 6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 && errno == EAFNOSUPPORT)
        return -2;
    if (fd >= 0 && set_up(fd, family, type, port))
        return fd;
    *why = explain(family, type, port, key, errno);
    if (fd >= 0)
        close(fd);
    return -1;
}

struct kl_addr kl_addr_of(const struct sockaddr *sa)
{
    struct kl_addr a = {0};
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        a.family = 4;
        memcpy(a.bytes, &in.sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, sa, sizeof in);
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in.sin6_addr);
        a.family = mapped ? 4 : 6;
        memcpy(a.bytes, in.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
    }
    return a;
}

uint16_t kl_port_of(const struct sockaddr *sa)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (sa->sa_family == AF_INET6) {
        memcpy(&in6, sa, sizeof in6);
        return ntohs(in6.sin6_port);
    }
    memcpy(&in, sa, sizeof in);
    return ntohs(in.sin_port);
}
