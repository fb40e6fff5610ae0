/* An intent in a line of words, for tables of cases:
 *     "eth0 192.0.2.5/24 via 192.0.2.1 ; bond0=eth1,eth2 dhcp4 ra ; dns 192.0.2.53"
 * Per link: its name, with ports behind '='; addresses; "via ADDR" (a gateway), "dhcp4", "dhcp6",
 * "auto6", "ra" (the IPv6 gateway by advertisement), "to NET ADDR" (a route; "to NET link"). */
#ifndef KL_TESTS_WORDS_INTENT_H
#define KL_TESTS_WORDS_INTENT_H

#include "net/intent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline const char *next_word(char **rest)
{
    *rest += strspn(*rest, " ");
    char *word = *rest;
    *rest += strcspn(*rest, " ");
    if (**rest)
        *(*rest)++ = '\0';
    return *word ? word : NULL;
}

static inline void bad_word(const char *w)
{
    fprintf(stderr, "words_intent: '%s'\n", w ? w : "(end)");
    abort();
}

static inline void name_link(struct kl_arena *a, struct kl_link *l, const char *w)
{
    char *ports = strchr(w, '=');
    l->name = ports ? kl_strndup(a, w, (size_t)(ports - w)) : w;
    for (char *p = ports ? strtok(ports + 1, ",") : NULL; p; p = strtok(NULL, ",")) {
        l->kind = KL_BOND;
        l->ports = kl_grow(a, l->ports, l->nports, sizeof *l->ports);
        l->ports[l->nports++] = p;
    }
}

static inline void add_route(struct kl_arena *a, struct kl_link *l, const char *to, const char *via)
{
    struct kl_route r = {0};
    if (!to || !via || !kl_prefix_parse(to, &r.to) ||
        (strcmp(via, "link") != 0 && !kl_addr_parse(via, &r.via)))
        bad_word(to);
    l->routes = kl_grow(a, l->routes, l->nroutes, sizeof r);
    l->routes[l->nroutes++] = r;
}

static inline void link_word(struct kl_arena *a, struct kl_link *l, const char *w, char **rest)
{
    struct kl_prefix p;
    struct kl_addr via;
    if (strcmp(w, "dhcp4") == 0) {
        l->ip4.method = KL_DHCP;
        l->ip4.gateway = KL_GATEWAY_LEARNT;
    } else if (strcmp(w, "dhcp6") == 0 || strcmp(w, "auto6") == 0) {
        l->ip6.method = *w == 'd' ? KL_DHCP : KL_AUTO;
        l->ip6.gateway = KL_GATEWAY_LEARNT;
    } else if (strcmp(w, "ra") == 0) {
        l->ip6.gateway = KL_GATEWAY_LEARNT;
    } else if (strcmp(w, "to") == 0) {
        const char *to = next_word(rest);
        add_route(a, l, to, next_word(rest));
    } else if (strcmp(w, "via") == 0) {
        w = next_word(rest);
        if (!w || !kl_addr_parse(w, &via))
            bad_word(w);
        struct kl_ip *ip = via.family == 4 ? &l->ip4 : &l->ip6;
        ip->gateway = KL_GATEWAY_EXPLICIT;
        ip->nexthop = via;
    } else if (kl_prefix_parse(w, &p)) {
        struct kl_ip *ip = p.addr.family == 4 ? &l->ip4 : &l->ip6;
        ip->method = ip->method == KL_OFF ? KL_STATIC : ip->method;
        ip->addresses = kl_grow(a, ip->addresses, ip->naddresses, sizeof p);
        ip->addresses[ip->naddresses++] = p;
    } else {
        bad_word(w);
    }
}

static inline struct kl_intent *words_intent(struct kl_arena *a, const char *words)
{
    struct kl_intent *i = kl_alloc(a, sizeof *i);
    char *rest = kl_strdup(a, words);
    struct kl_link *l = NULL;
    bool begins = true, dns = false;
    for (const char *w = next_word(&rest); w; w = next_word(&rest)) {
        struct kl_addr server;
        if (strcmp(w, ";") == 0) {
            begins = true;
        } else if (begins && strcmp(w, "dns") == 0) {
            begins = false;
            dns = true;
        } else if (begins) {
            begins = dns = false;
            i->links = kl_grow(a, i->links, i->nlinks, sizeof *l);
            l = &i->links[i->nlinks++];
            *l = (struct kl_link){0};
            name_link(a, l, w);
        } else if (dns) {
            if (!kl_addr_parse(w, &server))
                bad_word(w);
            i->dns = kl_grow(a, i->dns, i->ndns, sizeof server);
            i->dns[i->ndns++] = server;
        } else {
            link_word(a, l, w, &rest);
        }
    }
    kl_intent_sort(i);
    return i;
}

#endif
