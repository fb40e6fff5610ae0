/* Sockets that listen, with an error that says how to mend it. */
#ifndef KL_SERVE_LISTEN_H
#define KL_SERVE_LISTEN_H

#include "base/inet.h"

#include <stdint.h>
#include <sys/socket.h>

/* A socket of `type` (SOCK_STREAM: listening, SOCK_DGRAM) on every address of the family (4 or 6,
 * the latter without IPv4), close-on-exec and non-blocking. -1 on failure: then *why (release with
 * free()) names the port, and `key` is the inventory's key that changes it. -2 and *why NULL when
 * this machine has no such family at all. */
int kl_listen(int family, int type, uint16_t port, const char *key, char **why);

/* Between the kernel's form and ours. An IPv4 address mapped into IPv6 becomes IPv4. */
struct kl_addr kl_addr_of(const struct sockaddr *sa);
uint16_t kl_port_of(const struct sockaddr *sa);

#endif
