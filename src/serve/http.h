/* The HTTP service: the content table (content.h) over HTTP/1.1, IPv4 and IPv6. */
#ifndef KL_SERVE_HTTP_H
#define KL_SERVE_HTTP_H

#include "serve/serve.h"

struct kl_http;

/* Sockets only, as root. NULL on failure: then *why (release with free()) says what failed and how
 * to mend it. `s` must outlive it. */
struct kl_http *kl_http_open(struct kl_serve *s, char **why);
bool kl_http_start(struct kl_http *h, char **why); /* its threads */
/* For a clean stop: takes no more connections; what is being sent goes on. */
void kl_http_quiesce(struct kl_http *h);
unsigned kl_http_busy(const struct kl_http *h); /* requests being answered now */
void kl_http_close(struct kl_http *h);          /* NULL is fine */

#endif
