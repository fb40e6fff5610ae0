/* Reading and writing DHCPv6 messages.
 *
 * The reader walks a whole packet before anybody acts on it: every option at every level has to end
 * within what encloses it, options that RFC 8415 §21 allows once appear once, and those that the
 * server looks into have a length that they can have. One fault anywhere drops the packet; half a
 * message is never answered. */
#include "serve/dhcp6_wire.h"

#include "serve/dhcp6.h"

#include <string.h>

enum {
    HARDWARE_ETHERNET = 1, /* IANA "Hardware Types" */
    DUID_LLT = 1,
    DUID_LL = 3,
    DUID_UUID = 4, /* RFC 6355 §4 */
    DUID_SHORTEST = 3,
    DOMAIN_LONGEST = 255, /* RFC 1035 §3.1, with all length bytes */
    LABEL_LONGEST = 63,
};

static const char TRUNCATED[] = "dhcp6-truncated", MALFORMED[] = "dhcp6-malformed";

bool kl_take(struct kl_span *s, size_t n, struct kl_span *out)
{
    if (s->n < n)
        return false;
    *out = (struct kl_span){s->p, n};
    s->p += n;
    s->n -= n;
    return true;
}

bool kl_take8(struct kl_span *s, uint8_t *out)
{
    struct kl_span b;
    if (!kl_take(s, 1, &b))
        return false;
    *out = b.p[0];
    return true;
}

bool kl_take16(struct kl_span *s, uint16_t *out)
{
    struct kl_span b;
    if (!kl_take(s, 2, &b))
        return false;
    *out = (uint16_t)(b.p[0] << 8 | b.p[1]);
    return true;
}

bool kl_take_addr(struct kl_span *s, struct kl_addr *out)
{
    struct kl_span b;
    if (!kl_take(s, 16, &b))
        return false;
    out->family = 6;
    memcpy(out->bytes, b.p, 16);
    return true;
}

int kl_d6_next(struct kl_span *options, struct kl_d6_option *out)
{
    uint16_t len;
    if (options->n == 0)
        return 0;
    if (!kl_take16(options, &out->code) || !kl_take16(options, &len) ||
        !kl_take(options, len, &out->body))
        return -1;
    return 1;
}

bool kl_d6_ia(const struct kl_d6_option *o, struct kl_d6_ia *out)
{
    struct kl_span body = o->body, iaid, times;
    /* RFC 8415 §21.4, §21.21: IAID, T1, T2; §21.5: only an IAID. */
    size_t fixed = o->code == KL_D6_IA_TA ? 0 : 8;
    if (o->code != KL_D6_IA_NA && o->code != KL_D6_IA_TA && o->code != KL_D6_IA_PD)
        return false;
    if (!kl_take(&body, 4, &iaid) || !kl_take(&body, fixed, &times))
        return false;
    out->code = o->code;
    memcpy(out->iaid, iaid.p, 4);
    out->options = body;
    return true;
}

bool kl_d6_ia_address(struct kl_span *options, struct kl_addr *out)
{
    struct kl_d6_option o;
    while (kl_d6_next(options, &o) > 0)
        if (o.code == KL_D6_IAADDR && kl_take_addr(&o.body, out))
            return true;
    return false;
}

/* All options of an IA: whole, and its addresses with both lifetimes (RFC 8415 §21.6). */
static const char *check_ia(struct kl_d6_message *m, const struct kl_d6_option *o)
{
    struct kl_d6_ia ia;
    struct kl_d6_option inner;
    int more;
    if (!kl_d6_ia(o, &ia))
        return MALFORMED;
    m->nia++;
    while ((more = kl_d6_next(&ia.options, &inner)) > 0)
        if (inner.code == KL_D6_IAADDR) {
            if (inner.body.n < 24)
                return MALFORMED;
            m->naddresses++;
        }
    return more < 0 ? TRUNCATED : NULL;
}

static bool body_is_possible(const struct kl_d6_option *o)
{
    switch (o->code) {
    case KL_D6_CLIENT_ID:
    case KL_D6_SERVER_ID:
        return o->body.n >= DUID_SHORTEST && o->body.n <= KL_DHCP6_DUID;
    case KL_D6_ORO:
        return o->body.n % 2 == 0;
    case KL_D6_ARCH:
        return o->body.n >= 2 && o->body.n % 2 == 0;
    case KL_D6_RAPID_COMMIT:
        return o->body.n == 0;
    case KL_D6_VENDOR_CLASS: /* an enterprise number comes first */
        return o->body.n >= 4;
    default:
        return true;
    }
}

/* Where an option that may appear only once is kept; NULL for all others. */
static struct kl_span *once(struct kl_d6_message *m, uint16_t code)
{
    switch (code) {
    case KL_D6_CLIENT_ID:
        return &m->client_id;
    case KL_D6_SERVER_ID:
        return &m->server_id;
    case KL_D6_ORO:
        return &m->oro;
    case KL_D6_USER_CLASS:
        return &m->user_class;
    case KL_D6_ARCH:
        return &m->arch;
    default:
        return NULL;
    }
}

static const char *read_client_message(struct kl_span in, struct kl_d6_message *m)
{
    struct kl_span xid;
    if (!kl_take8(&in, &m->type) || !kl_take(&in, 3, &xid))
        return TRUNCATED;
    memcpy(m->xid, xid.p, 3);
    m->options = in;
    struct kl_d6_option o;
    int more;
    while ((more = kl_d6_next(&in, &o)) > 0) {
        if (!body_is_possible(&o))
            return MALFORMED;
        struct kl_span *kept = once(m, o.code);
        if (kept && kept->p)
            return MALFORMED;
        if (kept)
            *kept = o.body;
        else if (o.code == KL_D6_RAPID_COMMIT)
            m->rapid_commit = true;
        else if (o.code == KL_D6_VENDOR_CLASS && !m->vendor_class.p)
            m->vendor_class = o.body; /* one for each vendor may come: §21.16 */
        else if (o.code == KL_D6_IA_NA || o.code == KL_D6_IA_TA || o.code == KL_D6_IA_PD) {
            const char *fault = check_ia(m, &o);
            if (fault)
                return fault;
        }
    }
    return more < 0 ? TRUNCATED : NULL;
}

/* RFC 6939 §4: a 16-bit hardware type, then the address. */
static void read_link_layer(struct kl_span body, struct kl_mac *out)
{
    uint16_t type;
    if (kl_take16(&body, &type) && type == HARDWARE_ETHERNET && body.n == sizeof out->bytes) {
        memcpy(out->bytes, body.p, sizeof out->bytes);
        out->set = true;
    }
}

/* One Relay-forward (RFC 8415 §9.1); *inner is the message in it. */
static const char *read_relay(struct kl_span in, struct kl_d6_relay *r, struct kl_span *inner)
{
    uint8_t type;
    struct kl_d6_option o;
    int more;
    inner->p = NULL;
    if (!kl_take8(&in, &type) || !kl_take8(&in, &r->hops) || !kl_take_addr(&in, &r->link) ||
        !kl_take_addr(&in, &r->peer))
        return TRUNCATED;
    while ((more = kl_d6_next(&in, &o)) > 0)
        switch (o.code) {
        case KL_D6_RELAY_MESSAGE:
            if (inner->p)
                return MALFORMED;
            *inner = o.body;
            break;
        case KL_D6_INTERFACE_ID:
            if (r->interface_id.p)
                return MALFORMED;
            r->interface_id = o.body;
            break;
        case KL_D6_CLIENT_LINK_LAYER:
            read_link_layer(o.body, &r->client);
            break;
        case KL_D6_RELAY_SOURCE_PORT:
            if (o.body.n != 2)
                return MALFORMED;
            r->source_port = true;
            break;
        default:
            break;
        }
    if (more < 0)
        return TRUNCATED;
    return inner->p ? NULL : MALFORMED;
}

const char *kl_d6_read(const uint8_t *bytes, size_t len, struct kl_d6_message *out)
{
    *out = (struct kl_d6_message){0};
    if (len > KL_DHCP6_MAX)
        return "dhcp6-oversized";
    struct kl_span in = {bytes, len};
    while (in.n && in.p[0] == KL_D6_RELAY_FORWARD) {
        if (out->nrelays == KL_D6_RELAYS)
            return "dhcp6-nested";
        struct kl_span inner;
        const char *fault = read_relay(in, &out->relays[out->nrelays], &inner);
        if (fault)
            return fault;
        out->nrelays++;
        in = inner;
    }
    return read_client_message(in, out);
}

bool kl_d6_asks_for(const struct kl_d6_message *m, uint16_t option)
{
    struct kl_span list = m->oro;
    uint16_t code;
    while (kl_take16(&list, &code))
        if (code == option)
            return true;
    return false;
}

bool kl_d6_class_begins(struct kl_span list, const char *with)
{
    size_t n = strlen(with);
    uint16_t len;
    struct kl_span rest = list, item;
    while (kl_take16(&rest, &len) && kl_take(&rest, len, &item))
        if (item.n >= n && memcmp(item.p, with, n) == 0)
            return true;
    return list.n >= n && memcmp(list.p, with, n) == 0;
}

bool kl_d6_duid_mac(struct kl_span duid, struct kl_mac *out)
{
    uint16_t type, hardware;
    struct kl_span time;
    if (!kl_take16(&duid, &type) || (type != DUID_LLT && type != DUID_LL))
        return false;
    if (!kl_take16(&duid, &hardware) || hardware != HARDWARE_ETHERNET)
        return false;
    if ((type == DUID_LLT && !kl_take(&duid, 4, &time)) || duid.n != sizeof out->bytes)
        return false;
    memcpy(out->bytes, duid.p, sizeof out->bytes);
    out->set = true;
    return true;
}

bool kl_d6_duid_uuid(struct kl_span duid, uint8_t out[static 16])
{
    uint16_t type;
    if (!kl_take16(&duid, &type) || type != DUID_UUID || duid.n != 16)
        return false;
    memcpy(out, duid.p, 16);
    return true;
}

void kl_put(struct kl_d6_out *o, const void *bytes, size_t n)
{
    if (o->full || o->room - o->len < n) {
        o->full = true;
        return;
    }
    if (n)
        memcpy(o->p + o->len, bytes, n);
    o->len += n;
}

void kl_put8(struct kl_d6_out *o, uint8_t v)
{
    kl_put(o, &v, 1);
}

void kl_put16(struct kl_d6_out *o, uint16_t v)
{
    kl_put(o, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

void kl_put32(struct kl_d6_out *o, uint32_t v)
{
    kl_put16(o, (uint16_t)(v >> 16));
    kl_put16(o, (uint16_t)v);
}

void kl_put_addr(struct kl_d6_out *o, const struct kl_addr *a)
{
    kl_put(o, a->bytes, 16);
}

size_t kl_put_begin(struct kl_d6_out *o, uint16_t code)
{
    kl_put16(o, code);
    kl_put16(o, 0);
    return o->len;
}

void kl_put_end(struct kl_d6_out *o, size_t begun)
{
    if (o->full)
        return;
    size_t n = o->len - begun;
    if (n > UINT16_MAX) {
        o->full = true;
        return;
    }
    o->p[begun - 2] = (uint8_t)(n >> 8);
    o->p[begun - 1] = (uint8_t)n;
}

void kl_put_end_list(struct kl_d6_out *o, size_t begun)
{
    if (o->full)
        return;
    if (o->len == begun)
        o->len = begun - 4;
    else
        kl_put_end(o, begun);
}

void kl_put_option(struct kl_d6_out *o, uint16_t code, struct kl_span body)
{
    size_t begun = kl_put_begin(o, code);
    kl_put(o, body.p, body.n);
    kl_put_end(o, begun);
}

void kl_put_status(struct kl_d6_out *o, uint16_t status, const char *text)
{
    size_t begun = kl_put_begin(o, KL_D6_STATUS);
    kl_put16(o, status);
    kl_put(o, text, strlen(text));
    kl_put_end(o, begun);
}

bool kl_put_domain(struct kl_d6_out *o, const char *name)
{
    uint8_t wire[DOMAIN_LONGEST];
    size_t n = 0;
    while (*name) {
        size_t label = strcspn(name, ".");
        if (label == 0 || label > LABEL_LONGEST || n + 1 + label + 1 > sizeof wire)
            return false;
        wire[n++] = (uint8_t)label;
        memcpy(wire + n, name, label);
        n += label;
        name += label;
        if (*name == '.')
            name++;
    }
    if (n == 0)
        return false;
    wire[n++] = 0;
    kl_put(o, wire, n);
    return true;
}
