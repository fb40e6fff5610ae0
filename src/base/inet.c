#include "base/inet.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool kl_addr_parse(const char *s, struct kl_addr *out)
{
    struct kl_addr a = {0};
    if (inet_pton(AF_INET, s, a.bytes) == 1)
        a.family = 4;
    else if (inet_pton(AF_INET6, s, a.bytes) == 1)
        a.family = 6;
    else
        return false;
    *out = a;
    return true;
}

bool kl_prefix_parse(const char *s, struct kl_prefix *out)
{
    const char *slash = strchr(s, '/');
    char head[KL_ADDR_TEXT];
    if (!slash || (size_t)(slash - s) >= sizeof head)
        return false;
    memcpy(head, s, (size_t)(slash - s));
    head[slash - s] = '\0';
    struct kl_prefix p = {0};
    unsigned long len;
    if (!kl_addr_parse(head, &p.addr) || !kl_number(slash + 1, p.addr.family == 4 ? 32 : 128, &len))
        return false;
    p.len = (uint8_t)len;
    *out = p;
    return true;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool kl_mac_parse(const char *s, struct kl_mac *out)
{
    struct kl_mac m = {.set = true};
    if (strlen(s) != 17 || (s[2] != ':' && s[2] != '-'))
        return false;
    for (int i = 0; i < 6; i++, s += 3) {
        int high = hex(s[0]), low = hex(s[1]);
        if (high < 0 || low < 0 || (i < 5 && s[2] != ':' && s[2] != '-'))
            return false;
        m.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out = m;
    return true;
}

const char *kl_addr_text(const struct kl_addr *a, char out[static KL_ADDR_TEXT])
{
    out[0] = '\0';
    if (a->family)
        inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, out, KL_ADDR_TEXT);
    return out;
}

const char *kl_prefix_text(const struct kl_prefix *p, char out[static KL_PREFIX_TEXT])
{
    kl_addr_text(&p->addr, out);
    size_t n = strlen(out);
    if (n)
        snprintf(out + n, KL_PREFIX_TEXT - n, "/%u", p->len);
    return out;
}

const char *kl_mac_text(const struct kl_mac *m, char out[static KL_MAC_TEXT])
{
    const uint8_t *b = m->bytes;
    snprintf(out, KL_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
    return out;
}

static size_t addr_size(const struct kl_addr *a)
{
    return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

bool kl_addr_eq(const struct kl_addr *a, const struct kl_addr *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, addr_size(a)) == 0;
}

bool kl_prefix_eq(const struct kl_prefix *a, const struct kl_prefix *b)
{
    return a->len == b->len && kl_addr_eq(&a->addr, &b->addr);
}

bool kl_mac_eq(const struct kl_mac *a, const struct kl_mac *b)
{
    return a->set == b->set && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool kl_prefix_has(const struct kl_prefix *p, const struct kl_addr *a)
{
    if (p->addr.family != a->family || !a->family)
        return false;
    size_t whole = p->len / 8, rest = p->len % 8;
    if (memcmp(p->addr.bytes, a->bytes, whole) != 0)
        return false;
    return !rest || ((p->addr.bytes[whole] ^ a->bytes[whole]) >> (8 - rest)) == 0;
}

bool kl_addr_is_link_local(const struct kl_addr *a)
{
    if (a->family == 4)
        return a->bytes[0] == 169 && a->bytes[1] == 254;
    return a->family == 6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

bool kl_addr_is_unicast(const struct kl_addr *a)
{
    static const uint8_t none[16], loopback[16] = {[15] = 1};
    if (a->family == 4)
        return a->bytes[0] != 0 && a->bytes[0] != 127 && a->bytes[0] < 224;
    return a->family == 6 && a->bytes[0] != 0xff && memcmp(a->bytes, none, 16) != 0 &&
           memcmp(a->bytes, loopback, 16) != 0;
}

const char *kl_netmask_text(uint8_t len, char out[static KL_ADDR_TEXT])
{
    uint32_t mask = len ? ~UINT32_C(0) << (32 - (len > 32 ? 32 : len)) : 0;
    snprintf(out, KL_ADDR_TEXT, "%u.%u.%u.%u", mask >> 24, mask >> 16 & 255, mask >> 8 & 255,
        mask & 255);
    return out;
}

bool kl_netmask_parse(const char *s, uint8_t *len)
{
    struct kl_addr a;
    if (!kl_addr_parse(s, &a) || a.family != 4)
        return false;
    uint32_t mask = (uint32_t)a.bytes[0] << 24 | (uint32_t)a.bytes[1] << 16 |
                    (uint32_t)a.bytes[2] << 8 | a.bytes[3];
    uint32_t inverse = ~mask;
    if (inverse & (inverse + 1))
        return false;
    *len = 0;
    for (; mask; mask <<= 1)
        ++*len;
    return true;
}

struct kl_addr kl_eui64_link_local(const struct kl_mac *m)
{
    const uint8_t *b = m->bytes;
    return (struct kl_addr){.family = 6,
        .bytes = {0xfe, 0x80, [8] = (uint8_t)(b[0] ^ 2), b[1], b[2], 0xff, 0xfe, b[3], b[4], b[5]}};
}

bool kl_eui64_mac(const struct kl_addr *a, struct kl_mac *out)
{
    const uint8_t *b = a->bytes;
    if (a->family != 6 || b[11] != 0xff || b[12] != 0xfe)
        return false;
    *out = (struct kl_mac){
        .bytes = {(uint8_t)(b[8] ^ 2), b[9], b[10], b[13], b[14], b[15]}, .set = true};
    return true;
}

static const char *const schemes[] = {"http", "https", "ftp", "tftp", "nfs", NULL};

/* nfs:[options:]server:/path, where an IPv6 server stands in brackets. */
static bool nfs_parse(const char *s, struct kl_url *u, const char **why)
{
    const char *path = strstr(s, ":/");
    if (!path) {
        *why = "NFS is written nfs:server:/path";
        return false;
    }
    const char *host = s;
    if (*s != '[')
        for (const char *p = s; p < path; p++)
            if (*p == ':')
                host = p + 1; /* what came before are mount options */
    size_t n = (size_t)(path - host);
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    }
    if (!n || n >= sizeof u->host) {
        *why = "NFS is written nfs:server:/path";
        return false;
    }
    memcpy(u->host, host, n);
    kl_addr_parse(u->host, &u->addr);
    u->path = path + 1;
    return true;
}

bool kl_url_parse(const char *s, struct kl_url *out, const char **why)
{
    struct kl_url u = {.path = ""};
    const char *colon = strchr(s, ':');
    size_t n = colon ? (size_t)(colon - s) : 0;
    *why = "a URL starts with http://, https://, ftp:// or nfs:";
    if (!n || n >= sizeof u.scheme)
        return false;
    memcpy(u.scheme, s, n);
    bool known = false;
    for (const char *const *p = schemes; *p; p++)
        known |= strcmp(u.scheme, *p) == 0;
    if (!known)
        return false;
    s = colon + 1;
    if (strncmp(s, "//", 2) != 0) {
        if (strcmp(u.scheme, "nfs") != 0 || !nfs_parse(s, &u, why))
            return false;
        *out = u;
        return true;
    }
    s += 2;
    const char *end = s + strcspn(s, "/?#");
    const char *host = s, *host_end;
    if (*s == '[') {
        host++;
        host_end = memchr(s, ']', (size_t)(end - s));
        if (!host_end) {
            *why = "the bracket of the IPv6 address is not closed";
            return false;
        }
        s = host_end + 1;
    } else {
        host_end = s + strcspn(s, ":/?#");
        s = host_end;
        if (*s == ':' && memchr(s + 1, ':', (size_t)(end - s - 1))) {
            *why = "an IPv6 address in a URL needs brackets: http://[2001:db8::1]/";
            return false;
        }
    }
    n = (size_t)(host_end - host);
    if (!n || n >= sizeof u.host) {
        *why = "the URL names no host";
        return false;
    }
    memcpy(u.host, host, n);
    for (const char *p = u.host; *p; p++) {
        if (*p <= ' ' || strchr("\"'\\`<>@", *p)) {
            *why = "the host of the URL has a character that no host name has";
            return false;
        }
    }
    kl_addr_parse(u.host, &u.addr);
    if (host[-1] == '[' && u.addr.family != 6) {
        *why = "what stands in brackets is not an IPv6 address";
        return false;
    }
    if (s < end) {
        char digits[6];
        unsigned long port;
        n = (size_t)(end - s - 1);
        if (*s != ':' || n >= sizeof digits) {
            *why = "the port is a number from 1 to 65535";
            return false;
        }
        memcpy(digits, s + 1, n);
        digits[n] = '\0';
        if (!kl_number(digits, 65535, &port) || !port) {
            *why = "the port is a number from 1 to 65535";
            return false;
        }
        u.port = (uint16_t)port;
    }
    u.path = end;
    *out = u;
    return true;
}
