/* TFTP (RFC 1350), read only, with options (RFC 2347): blksize (2348), timeout and tsize (2349),
 * windowsize (7440). The protocol alone: packets in, packets out, time as a parameter. tftpd.c has
 * the sockets.
 */
#ifndef KL_SERVE_TFTP_H
#define KL_SERVE_TFTP_H

#include "image/rope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kl_tftp_error { /* RFC 1350 appendix, RFC 2347 */
    KL_TFTP_UNDEFINED = 0,
    KL_TFTP_NOT_FOUND = 1,
    KL_TFTP_ACCESS = 2,
    KL_TFTP_ILLEGAL = 4,
    KL_TFTP_OPTION = 8,
};

enum {
    KL_TFTP_PATH = 512,      /* bytes of a file name at most */
    KL_TFTP_BLOCK = 512,     /* without the option */
    KL_TFTP_LARGEST = 65464, /* RFC 2348 */
    KL_TFTP_WINDOW = 64,     /* blocks: more is never granted */
    KL_TFTP_HEAD = 4,
    KL_TFTP_MAX = KL_TFTP_LARGEST + KL_TFTP_HEAD, /* bytes of a packet */
    KL_TFTP_TRIES = 6,
    KL_TFTP_WAIT_MS = 1000, /* before the first repetition; doubles */
};

/* A read request; 0: the option was not asked for (or had a value that is not allowed, which RFC
 * 2347 lets a server overlook). */
struct kl_tftp_request {
    char path[KL_TFTP_PATH];
    size_t path_len;
    unsigned blksize, windowsize, timeout;
    bool tsize;
};

/* Reads one. 0 when it is good; else the error to answer with (a kl_tftp_error + 1), or -1 for
 * what gets no answer; then *why is a stable word for the counter. */
int kl_tftp_read_request(
    const uint8_t *bytes, size_t len, struct kl_tftp_request *out, const char **why);

/* An ERROR packet into `out`; returns its length. */
size_t kl_tftp_error(uint8_t *out, size_t room, enum kl_tftp_error code, const char *text);

enum kl_tftp_state {
    KL_TFTP_OACK, /* the options are offered, ACK 0 is awaited */
    KL_TFTP_SENDING,
    KL_TFTP_DONE,   /* the last block was acknowledged */
    KL_TFTP_ENDED,  /* the client wants no more: after tsize, by error 8 */
    KL_TFTP_FAILED, /* `why` says it */
};

struct kl_tftp {
    enum kl_tftp_state state;
    struct kl_rope *rope; /* held */
    struct kl_tftp_request asked;
    unsigned blksize, window;
    uint64_t blocks;         /* of the whole file: the last one is short, or empty */
    uint64_t acked, sent;    /* blocks acknowledged; the last one sent in this window */
    bool rewound;            /* went back to `acked` already, for this very value */
    bool oack_due;           /* the OACK is to be sent (again) */
    unsigned tries;          /* repetitions without an answer */
    int64_t wait_ms, due_ms; /* the timer; due_ms is when it goes off */
    uint64_t resent;         /* blocks sent more than once */
    uint64_t most;           /* the highest block ever sent */
    const char *why;
    char client_says[96]; /* the text of its ERROR packet */
};

/* Begins a transfer. `mtu`: of the path, with the IP header (0: not known); `v6`: over IPv6. */
void kl_tftp_start(struct kl_tftp *t, const struct kl_tftp_request *r, struct kl_rope *rope,
    unsigned mtu, bool v6, int64_t now_ms);
void kl_tftp_end(struct kl_tftp *t); /* lets go of the rope */

/* A packet of the client. False when it meant nothing (a stray one): *why is a stable word. */
bool kl_tftp_receive(
    struct kl_tftp *t, const uint8_t *bytes, size_t len, int64_t now_ms, const char **why);
/* The time has come that due_ms says. */
void kl_tftp_tick(struct kl_tftp *t, int64_t now_ms);
/* The next packet to send now; 0: none until something is received or the timer goes off. `room`
 * must be KL_TFTP_HEAD + t->blksize at least, and 512. */
size_t kl_tftp_next(struct kl_tftp *t, uint8_t *out, size_t room);
static inline bool kl_tftp_over(const struct kl_tftp *t)
{
    return t->state >= KL_TFTP_DONE;
}

#endif
