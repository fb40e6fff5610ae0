/* The TFTP service: the content table (content.h) over TFTP (tftp.h), IPv4 and IPv6. */
#ifndef KL_SERVE_TFTPD_H
#define KL_SERVE_TFTPD_H

#include "serve/serve.h"

struct kl_tftpd;

/* Sockets only, as root. NULL on failure: then *why (release with free()) says what failed and how
 * to mend it. `s` must outlive it. */
struct kl_tftpd *kl_tftpd_open(struct kl_serve *s, char **why);
bool kl_tftpd_start(struct kl_tftpd *t); /* events; false and errno when there is no memory */
/* For a clean stop: takes no more requests; transfers go on. */
void kl_tftpd_quiesce(struct kl_tftpd *t);
unsigned kl_tftpd_busy(const struct kl_tftpd *t); /* transfers going on */
void kl_tftpd_close(struct kl_tftpd *t);          /* NULL is fine */

#endif
