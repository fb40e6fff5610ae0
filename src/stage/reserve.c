/* What the three readers of reservations share. */
#include "stage/reserve.h"

#include <stdlib.h>
#include <string.h>

/* Of included files in one read: more than any site has, and little enough to end soon. */

enum kl_tell kl_tell_by_code(int family, unsigned long code)
{
    static const struct {
        int family;
        unsigned long code;
        enum kl_tell what;
    } codes[] = {
        {4, 1, KL_TELL_MASK},
        {4, 3, KL_TELL_ROUTER},
        {4, 6, KL_TELL_DNS4},
        {4, 12, KL_TELL_HOSTNAME},
        {4, 26, KL_TELL_MTU},
        {4, 67, KL_TELL_BOOT4},
        {6, 23, KL_TELL_DNS6},
        {6, 59, KL_TELL_BOOT6},
    };
    for (size_t k = 0; k < sizeof codes / sizeof *codes; k++)
        if (codes[k].family == family && codes[k].code == code)
            return codes[k].what;
    return KL_TELLS;
}

/* --- values ------------------------------------------------------------------------------------*/

static bool is_text(enum kl_tell what)
{
    return what == KL_TELL_HOSTNAME || what == KL_TELL_FILE || what == KL_TELL_BOOT4 ||
           what == KL_TELL_BOOT6;
}

static bool read_addrs(
    struct kl_arena *a, struct kl_told *t, enum kl_tell what, const char *const *words, size_t n)
{
    uint8_t family = what == KL_TELL_DNS6 ? 6 : 4;
    t->addrs = kl_alloc(a, (n ? n : 1) * sizeof *t->addrs);
    for (size_t k = 0; k < n; k++)
        if (!kl_addr_parse(words[k], &t->addrs[k]) || t->addrs[k].family != family)
            return false;
    t->naddrs = n;
    return true;
}

struct kl_told *kl_told_unknown(struct kl_arena *a, struct kl_place at)
{
    struct kl_told *t = kl_alloc(a, sizeof *t);
    t->at = at;
    return t;
}

struct kl_told *kl_told_make(
    struct kl_arena *a, enum kl_tell what, const char *const *words, size_t n, struct kl_place at)
{
    struct kl_told *t = kl_told_unknown(a, at);
    unsigned long number;
    if (is_text(what)) {
        t->known = n <= 1;
        t->text = n == 1 ? kl_strdup(a, words[0]) : "";
    } else if (what == KL_TELL_MTU) {
        t->known = n == 1 && kl_number(words[0], 65535, &number);
        t->number = t->known ? (uint32_t)number : 0;
    } else {
        t->known = read_addrs(a, t, what, words, n);
    }
    return t;
}

/* --- reservations ------------------------------------------------------------------------------*/

struct kl_reserved *kl_reserved_add(struct kl_arena *a, struct kl_reserved_list *l)
{
    l->list = kl_grow(a, l->list, l->n, sizeof *l->list);
    struct kl_reserved *r = &l->list[l->n++];
    *r = (struct kl_reserved){0};
    return r;
}

void kl_reserved_say(
    struct kl_arena *a, struct kl_reserved *r, const char *field, struct kl_place at)
{
    r->said = kl_grow(a, r->said, r->nsaid, sizeof *r->said);
    r->said[r->nsaid++] = (struct kl_said){.field = field, .at = at};
}

static const struct kl_told *known(const struct kl_telling *t, enum kl_tell what)
{
    return t->told[what] && t->told[what]->known ? t->told[what] : NULL;
}

static void fill_addr(struct kl_arena *a, struct kl_reserved *r, const struct kl_told *t,
    struct kl_addr *to, const char *field)
{
    if (!t || !t->naddrs || !kl_addr_is_unicast(&t->addrs[0]))
        return;
    *to = t->addrs[0];
    kl_reserved_say(a, r, field, t->at);
}

static void fill_text(struct kl_arena *a, struct kl_reserved *r, const struct kl_told *t,
    const char **to, const char *field)
{
    if (!t || !t->text || !*t->text)
        return;
    *to = t->text;
    kl_reserved_say(a, r, field, t->at);
}

/* The name that firmware fetches. Option 67 and the field `file` may both be there; EDK2 prefers
 * the option, shim reads only the field (docs/boot-protocols.md §2.1, §6): one that is not known
 * makes the other uncertain. */
static void fill_bootfile(
    struct kl_arena *a, struct kl_reserved *r, const struct kl_telling *t, bool v4, bool v6)
{
    const struct kl_told *option = t->told[KL_TELL_BOOT4], *field = t->told[KL_TELL_FILE];
    bool certain = (!option || option->known) && (!field || field->known);
    if (v4 && certain)
        fill_text(a, r, field && *field->text ? field : option, &r->bootfile, "bootfile");
    if (v6 && !r->bootfile && !(v4 && !certain))
        fill_text(a, r, known(t, KL_TELL_BOOT6), &r->bootfile, "bootfile");
}

static void fill_dns(struct kl_arena *a, struct kl_reserved *r, const struct kl_told *t)
{
    for (size_t k = 0; t && k < t->naddrs; k++) {
        r->dns = kl_grow(a, r->dns, r->ndns, sizeof *r->dns);
        r->dns[r->ndns++] = t->addrs[k];
    }
    if (t && t->naddrs)
        kl_reserved_say(a, r, "dns", t->at);
}

static void fill_mask(struct kl_reserved *r, const struct kl_told *t)
{
    char text[KL_ADDR_TEXT];
    if (!t || !r->ip4.addr.family)
        return;
    r->ip4.len = 32;
    if (t->known && t->naddrs)
        kl_netmask_parse(kl_addr_text(&t->addrs[0], text), &r->ip4.len);
}

void kl_reserved_fill(
    struct kl_arena *a, struct kl_reserved *r, const struct kl_telling *t, bool v4, bool v6)
{
    if (v4) {
        fill_mask(r, t->told[KL_TELL_MASK]);
        fill_text(a, r, known(t, KL_TELL_HOSTNAME), &r->hostname, "hostname");
        fill_addr(a, r, known(t, KL_TELL_ROUTER), &r->router, "router");
        fill_addr(a, r, known(t, KL_TELL_NEXT), &r->next_server, "next-server");
        fill_dns(a, r, known(t, KL_TELL_DNS4));
        const struct kl_told *mtu = known(t, KL_TELL_MTU);
        r->mtu = mtu ? mtu->number : 0;
        if (r->mtu)
            kl_reserved_say(a, r, "mtu", mtu->at);
    }
    if (v6)
        fill_dns(a, r, known(t, KL_TELL_DNS6));
    fill_bootfile(a, r, t, v4, v6);
}

/* --- bytes as people write them ----------------------------------------------------------------*/

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

size_t kl_hex_bytes(const char *s, uint8_t *out, size_t room)
{
    bool parted = strpbrk(s, ":-. ") != NULL;
    size_t n = 0;
    if (!parted && (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')))
        s += 2;
    if (!parted && strlen(s) % 2)
        return 0;
    while (*s) {
        int high = hex_digit(s[0]), low = high < 0 ? -1 : hex_digit(s[1]);
        if (high < 0 || n == room || (low < 0 && !parted))
            return 0;
        out[n++] = (uint8_t)(low < 0 ? high : high << 4 | low);
        s += low < 0 ? 1 : 2;
        if (parted && *s && (!strchr(":-. ", *s) || !*++s))
            return 0;
    }
    return n;
}

const char *kl_hex_text(struct kl_arena *a, const uint8_t *bytes, size_t n)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (size_t k = 0; k < n; k++)
        kl_buf_addf(&b, "%s%02x", k ? ":" : "", bytes[k]);
    return kl_strdup(a, kl_buf_text(&b));
}

/* --- networks ----------------------------------------------------------------------------------*/

static struct kl_prefix masked(struct kl_addr addr, uint8_t len)
{
    for (unsigned k = 0; k < 16; k++) {
        unsigned bits = len > k * 8 ? len - k * 8 : 0;
        if (bits < 8)
            addr.bytes[k] &= (uint8_t)(0xff00 >> bits);
    }
    return (struct kl_prefix){addr, len};
}

static int order(const void *x, const void *y)
{
    const struct kl_prefix *a = &((const struct kl_network *)x)->prefix;
    const struct kl_prefix *b = &((const struct kl_network *)y)->prefix;
    if (a->addr.family != b->addr.family)
        return a->addr.family < b->addr.family ? -1 : 1;
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return memcmp(a->addr.bytes, b->addr.bytes, sizeof a->addr.bytes);
}

void kl_networks_add(struct kl_arena *a, struct kl_networks *t, struct kl_prefix p, const void *o)
{
    t->list = kl_grow(a, t->list, t->n, sizeof *t->list);
    t->list[t->n++] = (struct kl_network){masked(p.addr, p.len), o};
    t->lengths[p.addr.family == 6][p.len] = true;
}

void kl_networks_sort(struct kl_networks *t)
{
    if (t->n)
        qsort(t->list, t->n, sizeof *t->list, order);
}

const struct kl_network *kl_networks_find(const struct kl_networks *t, const struct kl_addr *a)
{
    if (!t->n || !a->family)
        return NULL;
    for (int len = a->family == 6 ? 128 : 32; len >= 0; len--) {
        if (!t->lengths[a->family == 6][len])
            continue;
        struct kl_network key = {masked(*a, (uint8_t)len), NULL};
        const struct kl_network *one = bsearch(&key, t->list, t->n, sizeof *t->list, order);
        if (one)
            return one;
    }
    return NULL;
}

void kl_reserve_note(struct kl_diags *d, struct kl_place at, const char *fmt, ...)
{
    va_list ap;
    struct kl_buf b KL_BUF_SCOPE = {0};
    va_start(ap, fmt);
    kl_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    kl_diag(d, KL_NOTE, "not-understood", at, NULL, "%s", kl_buf_text(&b));
}
