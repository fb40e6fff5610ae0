/* For tests/unit/test_reserved.py: what Kickline reads of one DHCP server's configuration.
 * reserved-dump dhcpd|dnsmasq|kea FILE */
#include "reserved_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        reserved_reader *read;
    } engines[] = {{"dhcpd", kl_dhcpd_parse}, {"dnsmasq", kl_dnsmasq_parse}, {"kea", kl_kea_parse}};
    size_t len, e = 0;
    while (argc == 3 && e < 3 && strcmp(engines[e].name, argv[1]) != 0)
        e++;
    char *text = argc == 3 && e < 3 ? kl_read_file(argv[2], 64 << 20, &len) : NULL;
    if (!text)
        return 2;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_reserved_list l = engines[e].read(a, text, len, argv[2], NULL, d);
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t k = 0; k < l.n; k++)
        reserved_text(&b, &l.list[k]);
    fputs(kl_buf_text(&b), stdout);
    kl_diags_print(d, stderr, false, 0);
    free(text);
    return 0;
}
