/* Reservations as text: a line each, for tests. */
#ifndef RESERVED_TEXT_H
#define RESERVED_TEXT_H

#include "stage/read.h"

static inline void reserved_addr(struct kl_buf *b, const char *key, const struct kl_addr *a)
{
    char text[KL_ADDR_TEXT];
    if (a->family)
        kl_buf_addf(b, "%s%s", key, kl_addr_text(a, text));
}

static inline void reserved_word(struct kl_buf *b, const char *key, const char *value)
{
    if (value)
        kl_buf_addf(b, " %s=%s", key, value);
}

static inline void reserved_text(struct kl_buf *b, const struct kl_reserved *r)
{
    char mac[KL_MAC_TEXT], prefix[KL_PREFIX_TEXT];
    kl_buf_add(b, r->name ? r->name : "-");
    reserved_word(b, "mac", r->mac.set ? kl_mac_text(&r->mac, mac) : NULL);
    reserved_word(b, "client", r->client);
    reserved_word(b, "ip4", r->ip4.addr.family ? kl_prefix_text(&r->ip4, prefix) : NULL);
    reserved_word(b, "ip6", r->ip6.addr.family ? kl_prefix_text(&r->ip6, prefix) : NULL);
    reserved_word(b, "hostname", r->hostname);
    reserved_addr(b, " router=", &r->router);
    for (size_t k = 0; k < r->ndns; k++)
        reserved_addr(b, k ? "," : " dns=", &r->dns[k]);
    if (r->mtu)
        kl_buf_addf(b, " mtu=%u", r->mtu);
    reserved_word(b, "boot", r->bootfile);
    reserved_addr(b, " next=", &r->next_server);
    if (r->refused)
        kl_buf_add(b, " refused");
    kl_buf_add(b, "\n");
}

typedef struct kl_reserved_list reserved_reader(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_finder *files, struct kl_diags *d);

#endif
