/* Addresses, prefixes, MACs and URLs: what is accepted can be written and read again, and is the
 * same then. */
#include "base/inet.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_values(const char *s)
{
    struct kl_addr a, a2;
    struct kl_prefix p, p2;
    struct kl_mac m, m2;
    char text[KL_PREFIX_TEXT];
    uint8_t len, len2;
    if (kl_addr_parse(s, &a))
        must(kl_addr_parse(kl_addr_text(&a, text), &a2) && kl_addr_eq(&a, &a2));
    if (kl_prefix_parse(s, &p)) {
        must(kl_prefix_parse(kl_prefix_text(&p, text), &p2) && kl_prefix_eq(&p, &p2));
        must(kl_prefix_has(&p, &p.addr));
    }
    if (kl_mac_parse(s, &m)) {
        must(kl_mac_parse(kl_mac_text(&m, text), &m2) && kl_mac_eq(&m, &m2));
        struct kl_addr local = kl_eui64_link_local(&m);
        must(kl_eui64_mac(&local, &m2) && kl_mac_eq(&m, &m2));
    }
    if (kl_netmask_parse(s, &len))
        must(kl_netmask_parse(kl_netmask_text(len, text), &len2) && len == len2);
}

static void check_url(const char *s)
{
    struct kl_url u;
    const char *why = NULL;
    if (!kl_url_parse(s, &u, &why)) {
        must(why != NULL);
        return;
    }
    must(*u.host && strlen(u.host) < sizeof u.host);
    must(u.path >= s && u.path <= s + strlen(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *s = malloc(size + 1);
    memcpy(s, data, size);
    s[size] = '\0';
    check_values(s);
    check_url(s);
    free(s);
    return 0;
}
