/* serve/tftp: a request and then packets, each with a byte of length before it (0: the timer goes
 * off). Whatever comes, what is sent stays within the file and the window, and it ends. */
#include "serve/tftp.h"

#include <stdlib.h>

enum { FILE_BYTES = 70000 };
static uint8_t out[KL_TFTP_MAX];

/* The next packet of the input; false at the end. */
static bool take(const uint8_t **p, size_t *left, const uint8_t **packet, size_t *len)
{
    if (!*left)
        return false;
    *len = **p;
    ++*p, --*left;
    if (*len > *left)
        *len = *left;
    *packet = *p;
    *p += *len, *left -= *len;
    return true;
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void send_all(struct kl_tftp *t)
{
    size_t n, packets = 0;
    while ((n = kl_tftp_next(t, out, sizeof out)) > 0) {
        must(n <= KL_TFTP_HEAD + (size_t)(t->blksize > 512 ? t->blksize : 512));
        must(++packets <= (size_t)t->window + 1);
        must(t->sent <= t->blocks && t->acked <= t->sent && t->sent - t->acked <= t->window);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *packet;
    size_t len;
    const char *why = NULL;
    struct kl_tftp_request r;
    if (!take(&data, &size, &packet, &len))
        return 0;
    int rc = kl_tftp_read_request(packet, len, &r, &why);
    must(rc == 0 || why);
    if (rc)
        return 0;
    struct kl_rope *rope KL_ROPE_SCOPE = kl_rope_new();
    char *bytes = calloc(1, FILE_BYTES);
    kl_rope_add_bytes_take(rope, bytes, FILE_BYTES);
    struct kl_tftp t;
    int64_t now = 0;
    kl_tftp_start(&t, &r, rope, size % 2 ? 1500 : 0, size % 3 == 0, now);
    send_all(&t);
    while (take(&data, &size, &packet, &len) && !kl_tftp_over(&t)) {
        if (len)
            kl_tftp_receive(&t, packet, len, now, &why);
        else
            kl_tftp_tick(&t, now = t.due_ms);
        send_all(&t);
    }
    for (int i = 0; i <= KL_TFTP_TRIES && !kl_tftp_over(&t); i++) {
        kl_tftp_tick(&t, now = t.due_ms);
        send_all(&t);
    }
    must(kl_tftp_over(&t)); /* silence ends every transfer */
    kl_tftp_end(&t);
    return 0;
}
