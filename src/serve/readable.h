/* Before serving: can what the fleet needs be read, and can every host's plan be made? */
#ifndef KL_SERVE_READABLE_H
#define KL_SERVE_READABLE_H

#include "serve/serve.h"

/* Warns in the log about trees, boot programs and kickstarts that the running user cannot read,
 * and about an inventory that could not be read again at a reload. */
void kl_check_readable(struct kl_serve *s, const struct kl_fleet *f, const char *inventory);

#endif
