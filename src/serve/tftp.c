/* Block numbers have 16 bits on the wire and 64 here: an ACK is taken for the block within the
 * window that ends in those 16 bits, so files of any size are sent, and block 65535 is followed by
 * 0 as EDK2, GRUB and iPXE all expect (docs/boot-protocols.md §4).
 *
 * What an ACK does (RFC 7440 §4; RFC 1350 §2 and the Sorcerer's Apprentice, RFC 1123 §4.2.3.1):
 * the end of the window moves it on; a block inside it says that the next one was lost, and sending
 * begins again there; the same number once more does that once, and not at all with a window of
 * one; an older number does nothing. All else waits for the timer.
 */
#include "serve/tftp.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { RRQ = 1, WRQ = 2, DATA = 3, ACK = 4, ERROR = 5, OACK = 6 };
enum { OPTIONS_READ = 16, SMALLEST = 8, WINDOW_BYTES = 128 * 1024 };

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* --- requests ----------------------------------------------------------------------------------*/

struct cursor {
    const uint8_t *p;
    size_t left;
};

/* The next NUL-terminated word; false when none ends within the packet. */
static bool word(struct cursor *c, const char **s, size_t *len)
{
    const uint8_t *nul = c->left ? memchr(c->p, 0, c->left) : NULL;
    if (!nul)
        return false;
    *s = (const char *)c->p;
    *len = (size_t)(nul - c->p);
    c->left -= *len + 1;
    c->p = nul + 1;
    return true;
}

static unsigned bounded(const char *value, unsigned low, unsigned high)
{
    unsigned long n;
    return kl_number(value, high, &n) && n >= low ? (unsigned)n : 0;
}

static void read_option(struct kl_tftp_request *r, const char *name, const char *value)
{
    if (strcasecmp(name, "blksize") == 0) {
        /* Larger than the RFC's is asked by some; they get the largest that there is. */
        unsigned n = bounded(value, SMALLEST, 1000000);
        r->blksize = n > KL_TFTP_LARGEST ? KL_TFTP_LARGEST : n;
    } else if (strcasecmp(name, "windowsize") == 0) {
        r->windowsize = bounded(value, 1, 65535);
    } else if (strcasecmp(name, "timeout") == 0) {
        r->timeout = bounded(value, 1, 255);
    } else if (strcasecmp(name, "tsize") == 0) {
        r->tsize = true;
    }
}

static int refuse(enum kl_tftp_error code, const char *word_, const char **why)
{
    *why = word_;
    return (int)code + 1;
}

int kl_tftp_read_request(
    const uint8_t *bytes, size_t len, struct kl_tftp_request *out, const char **why)
{
    *out = (struct kl_tftp_request){0};
    *why = "tftp-truncated";
    if (len < 4)
        return -1;
    unsigned opcode = get16(bytes);
    struct cursor c = {bytes + 2, len - 2};
    const char *path, *mode, *name, *value;
    size_t path_len, n;
    if (opcode != RRQ && opcode != WRQ) {
        *why = "tftp-not-a-request"; /* an answer to it could start a loop between two servers */
        return -1;
    }
    if (!word(&c, &path, &path_len) || !word(&c, &mode, &n))
        return refuse(KL_TFTP_ILLEGAL, "tftp-truncated", why);
    if (opcode == WRQ)
        return refuse(KL_TFTP_ACCESS, "tftp-write", why);
    if (!path_len || path_len >= sizeof out->path)
        return refuse(KL_TFTP_ACCESS, "tftp-bad-path", why);
    if (strcasecmp(mode, "octet") != 0)
        return refuse(KL_TFTP_ILLEGAL, "tftp-mode", why);
    memcpy(out->path, path, path_len);
    out->path_len = path_len;
    for (int i = 0; i < OPTIONS_READ && word(&c, &name, &n) && word(&c, &value, &n); i++)
        read_option(out, name, value);
    return 0;
}

size_t kl_tftp_error(uint8_t *out, size_t room, enum kl_tftp_error code, const char *text)
{
    size_t n = strlen(text);
    if (n + 5 > room)
        n = room - 5;
    put16(out, ERROR);
    put16(out + 2, (unsigned)code);
    memcpy(out + 4, text, n);
    out[4 + n] = 0;
    return n + 5;
}

/* --- a transfer --------------------------------------------------------------------------------*/

static void arm_timer(struct kl_tftp *t, int64_t now_ms)
{
    t->due_ms = now_ms + t->wait_ms;
}

/* Something new was acknowledged: patience starts afresh. */
static void progress(struct kl_tftp *t, int64_t now_ms)
{
    t->tries = 0;
    t->wait_ms = t->asked.timeout ? t->asked.timeout * INT64_C(1000) : KL_TFTP_WAIT_MS;
    arm_timer(t, now_ms);
}

static unsigned clamp_block(unsigned asked, unsigned mtu, bool v6)
{
    unsigned heads = (v6 ? 40 : 20) + 8 + KL_TFTP_HEAD; /* IP, UDP, TFTP */
    unsigned most = mtu > heads + SMALLEST ? mtu - heads : KL_TFTP_LARGEST;
    return asked < most ? asked : most;
}

void kl_tftp_start(struct kl_tftp *t, const struct kl_tftp_request *r, struct kl_rope *rope,
    unsigned mtu, bool v6, int64_t now_ms)
{
    bool options = r->blksize || r->windowsize || r->timeout || r->tsize;
    *t = (struct kl_tftp){
        .state = options ? KL_TFTP_OACK : KL_TFTP_SENDING,
        .rope = kl_rope_hold(rope),
        .asked = *r,
        .blksize = r->blksize ? clamp_block(r->blksize, mtu, v6) : KL_TFTP_BLOCK,
        .window = !r->windowsize                   ? 1
                  : r->windowsize > KL_TFTP_WINDOW ? KL_TFTP_WINDOW
                                                   : r->windowsize,
        .oack_due = options,
    };
    if (t->window > WINDOW_BYTES / t->blksize) /* what a socket's buffer holds */
        t->window = WINDOW_BYTES / t->blksize ? WINDOW_BYTES / t->blksize : 1;
    t->blocks = kl_rope_len(rope) / t->blksize + 1;
    progress(t, now_ms);
}

void kl_tftp_end(struct kl_tftp *t)
{
    kl_rope_drop(t->rope);
    t->rope = NULL;
}

static void fail(struct kl_tftp *t, const char *why)
{
    t->state = KL_TFTP_FAILED;
    t->why = why;
}

static void client_ends(struct kl_tftp *t, const uint8_t *bytes, size_t len)
{
    unsigned code = get16(bytes + 2);
    size_t n = len - 4 < sizeof t->client_says - 1 ? len - 4 : sizeof t->client_says - 1;
    memcpy(t->client_says, bytes + 4, n);
    t->client_says[n] = '\0';
    /* Firmware asks only for the size at first, and ends that with error 8; older loaders with 0
     * (docs/boot-protocols.md §4: not a failure). */
    if (code == KL_TFTP_OPTION || (code == KL_TFTP_UNDEFINED && t->state == KL_TFTP_OACK))
        t->state = KL_TFTP_ENDED;
    else
        fail(t, "the client gave up");
}

static void rewind_window(struct kl_tftp *t)
{
    t->sent = t->acked;
    t->rewound = true;
}

/* ACK `number` while sending. False for a stray one. */
static bool acknowledge(struct kl_tftp *t, unsigned number, int64_t now_ms, const char **why)
{
    uint64_t ahead = (uint16_t)(number - (unsigned)t->acked);
    if (ahead > t->sent - t->acked) {
        *why = "tftp-old-ack";
        return false;
    }
    if (ahead == 0) {
        if (t->window == 1 || t->rewound || t->sent == t->acked) {
            *why = "tftp-duplicate-ack";
            return false;
        }
        rewind_window(t);
        arm_timer(t, now_ms);
        return true;
    }
    t->acked += ahead;
    t->rewound = false;
    progress(t, now_ms);
    if (t->acked == t->blocks)
        t->state = KL_TFTP_DONE;
    else if (t->acked < t->sent)
        rewind_window(t);
    return true;
}

bool kl_tftp_receive(
    struct kl_tftp *t, const uint8_t *bytes, size_t len, int64_t now_ms, const char **why)
{
    *why = "tftp-truncated";
    if (len < 4 || kl_tftp_over(t))
        return false;
    switch (get16(bytes)) {
    case ERROR:
        client_ends(t, bytes, len);
        return true;
    case ACK:
        break;
    default:
        *why = "tftp-not-an-ack";
        return false;
    }
    unsigned number = get16(bytes + 2);
    if (t->state == KL_TFTP_SENDING)
        return acknowledge(t, number, now_ms, why);
    if (number != 0) {
        *why = "tftp-old-ack";
        return false;
    }
    t->state = KL_TFTP_SENDING;
    t->oack_due = false;
    /* Another ACK 0 answers a repeated OACK, not a lost block 1. */
    t->rewound = t->tries > 0;
    progress(t, now_ms);
    return true;
}

void kl_tftp_tick(struct kl_tftp *t, int64_t now_ms)
{
    if (kl_tftp_over(t) || now_ms < t->due_ms)
        return;
    if (++t->tries >= KL_TFTP_TRIES) {
        fail(t, "no answer");
        return;
    }
    if (!t->asked.timeout) /* RFC 2349: what the client said is what it gets */
        t->wait_ms *= 2;
    arm_timer(t, now_ms);
    if (t->state == KL_TFTP_OACK)
        t->oack_due = true;
    else
        t->sent = t->acked; /* and what comes as an answer may rewind once more */
    t->rewound = false;
}

static size_t add_option(uint8_t *out, size_t at, size_t room, const char *name, uint64_t value)
{
    int n = snprintf((char *)out + at, room - at, "%s%c%llu", name, 0, (unsigned long long)value);
    return at + (size_t)n + 1;
}

/* Only options that were asked for, none with a larger value (RFC 2347; EDK2 drops others). */
static size_t oack(const struct kl_tftp *t, uint8_t *out, size_t room)
{
    size_t n = 2;
    put16(out, OACK);
    if (t->asked.blksize)
        n = add_option(out, n, room, "blksize", t->blksize);
    if (t->asked.timeout)
        n = add_option(out, n, room, "timeout", t->asked.timeout);
    if (t->asked.tsize)
        n = add_option(out, n, room, "tsize", kl_rope_len(t->rope));
    if (t->asked.windowsize)
        n = add_option(out, n, room, "windowsize", t->window);
    return n;
}

size_t kl_tftp_next(struct kl_tftp *t, uint8_t *out, size_t room)
{
    if (t->state == KL_TFTP_OACK && t->oack_due) {
        t->oack_due = false;
        return oack(t, out, room);
    }
    if (t->state != KL_TFTP_SENDING || t->sent >= t->blocks || t->sent - t->acked >= t->window)
        return 0;
    uint64_t at = t->sent * t->blksize;
    ssize_t n = kl_rope_read(t->rope, at, out + KL_TFTP_HEAD, t->blksize);
    uint64_t left = kl_rope_len(t->rope) - at;
    if (n < 0 || (uint64_t)n != (left < t->blksize ? left : t->blksize)) {
        fail(t, "the file cannot be read, or changed");
        return kl_tftp_error(out, room, KL_TFTP_UNDEFINED, "the file changed while it was sent");
    }
    t->sent++;
    t->resent += t->sent <= t->most;
    if (t->sent > t->most)
        t->most = t->sent;
    put16(out, DATA);
    put16(out + 2, (unsigned)(t->sent & 0xffff));
    return (size_t)n + KL_TFTP_HEAD;
}
