/* libmicrohttpd reads requests and writes answers, in a pool of threads with epoll, one pool a
 * family. What it is asked goes through the content table; what comes back is a rope.
 *
 * Two habits keep it as fast as nginx on small files (measured: bench/README.md): a response is
 * queued in the handler's second call, since libmicrohttpd closes the connection otherwise; and
 * responses of files are kept and used again as long as the file is the same one.
 *
 * Clients: docs/boot-protocols.md §5. Nothing here ever redirects, answers chunked, or spells a
 * header in a way of its own: GRUB compares header names letter by letter.
 */
#include "serve/http.h"

#include "base/arena.h"
#include "serve/client.h"
#include "serve/content.h"
#include "serve/listen.h"
#include "serve/log.h"
#include "serve/precond.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_CONNECTIONS = 8192, /* a family */
    CONNECTION_MEMORY = 16384,
    IDLE_SECONDS = 75, /* nothing moved for so long: EDK2 gives up after 5, curl never */
    SLOW_MS = 1000,    /* an answer that takes longer gets a second line when it ends */
    KEPT_SECONDS = 10, /* an unused one is let go: it holds a file open, and its file system busy */
    KEPT = 512,        /* responses that are kept, at most: 128 MiB if all are SMALL */
    /* Files up to this are kept in memory: one write, instead of one for the header and one for
     * each 128 KiB that libmicrohttpd hands to sendfile. Most packages are smaller. */
    SMALL = 256 * 1024,
    BLOCK = 32 * 1024, /* what is read at a time of a rope in pieces */
    MOST_THREADS = 64,
};

/* A response that is kept for a file, by what the file is. */
struct kept {
    pthread_mutex_t lock;
    struct kl_identity id;
    const char *type;
    time_t used;                   /* monotonic */
    struct MHD_Response *response; /* NULL: empty */
};

struct kl_http {
    struct kl_serve *serve;
    int fds[2]; /* -1: none, or handed to MHD */
    struct MHD_Daemon *daemons[2];
    atomic_uint busy;
    struct event *sweep;
    struct kept kept[KEPT];
};

/* One request, from its first line to its end. */
struct request {
    struct kl_http *http;
    bool judged; /* the handler's first call is over */
    bool logged;
    unsigned status;
    uint64_t bytes;
    struct timespec since;
    char from[KL_ADDR_TEXT], host[256];
    const char *stage;
    char uri[];
};

/* --- responses ---------------------------------------------------------------------------------*/

static ssize_t read_rope(void *cls, uint64_t at, char *to, size_t most)
{
    ssize_t n = kl_rope_read(cls, at, to, most);
    return n > 0    ? n
           : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM
                    : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void drop_rope(void *cls)
{
    kl_rope_drop(cls);
}

struct part {
    struct kl_rope *rope;
    uint64_t first;
};

static ssize_t read_part(void *cls, uint64_t at, char *to, size_t most)
{
    const struct part *p = cls;
    return read_rope(p->rope, p->first + at, to, most);
}

static void drop_part(void *cls)
{
    struct part *p = cls;
    kl_rope_drop(p->rope);
    free(p);
}

static struct MHD_Response *of_memory(const struct kl_rope *rope, uint64_t first, size_t len)
{
    char *copy = malloc(len ? len : 1);
    if (!copy)
        return NULL;
    if (kl_rope_read(rope, first, copy, len) != (ssize_t)len) {
        free(copy);
        return NULL;
    }
    return MHD_create_response_from_buffer(len, copy, MHD_RESPMEM_MUST_FREE);
}

/* `len` bytes of the rope, from `first`. The response holds what it needs. */
static struct MHD_Response *of_rope(struct kl_rope *rope, uint64_t first, uint64_t len)
{
    if (len <= SMALL)
        return of_memory(rope, first, (size_t)len);
    const struct kl_piece *p = kl_rope_piece_at(rope, first);
    if (p->pin && first + len <= p->start + p->len) { /* one file: sendfile(2) */
        int fd = fcntl(kl_pin_fd(p->pin), F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return NULL;
        struct MHD_Response *r =
            MHD_create_response_from_fd_at_offset64(len, fd, p->offset + (first - p->start));
        if (!r)
            close(fd);
        return r;
    }
    if (first == 0 && len == kl_rope_len(rope))
        return MHD_create_response_from_callback(
            len, BLOCK, read_rope, kl_rope_hold(rope), drop_rope);
    struct part *part = kl_xmalloc(sizeof *part);
    *part = (struct part){kl_rope_hold(rope), first};
    return MHD_create_response_from_callback(len, BLOCK, read_part, part, drop_part);
}

static void add(struct MHD_Response *r, const char *name, const char *value)
{
    MHD_add_response_header(r, name, value);
}

/* What 200, 206 and 304 have in common (RFC 9110 §15.4.5). */
static void add_common(struct MHD_Response *r, const struct kl_answer *a, const char *etag)
{
    char date[KL_HTTP_DATE];
    time_t mtime = kl_rope_mtime(a->rope);
    add(r, "ETag", etag);
    if (mtime > 0)
        add(r, "Last-Modified", kl_http_date_text(mtime, date));
    if (a->generated) /* it depends on who is armed now: a cache must ask again */
        add(r, "Cache-Control", "no-cache");
}

static struct MHD_Response *full(
    const struct kl_answer *a, const char *etag, const struct kl_verdict *v)
{
    struct MHD_Response *r = of_rope(a->rope, v->first, v->len);
    if (!r)
        return NULL;
    if (a->type)
        add(r, "Content-Type", a->type);
    add(r, "Accept-Ranges", "bytes");
    add_common(r, a, etag);
    if (v->status == 206) {
        char range[96];
        snprintf(range, sizeof range, "bytes %llu-%llu/%llu", (unsigned long long)v->first,
            (unsigned long long)(v->first + v->len - 1), (unsigned long long)kl_rope_len(a->rope));
        add(r, "Content-Range", range);
    }
    return r;
}

static struct MHD_Response *message(const char *text)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
    if (r)
        add(r, "Content-Type", "text/plain; charset=utf-8");
    return r;
}

static struct kept *slot_of(struct kl_http *h, const struct kl_identity *id)
{
    uint64_t x = ((uint64_t)id->dev << 32 ^ (uint64_t)id->ino) * UINT64_C(0x9e3779b97f4a7c15);
    return &h->kept[(x >> 32) % KEPT];
}

/* The identity of an answer that is one whole file; NULL for all else. */
static const struct kl_identity *whole_file(const struct kl_answer *a)
{
    const struct kl_piece *p = kl_rope_piece(a->rope, 0);
    return p && p->pin && kl_rope_pieces(a->rope) == 1 ? kl_pin_identity(p->pin) : NULL;
}

static enum MHD_Result queue(struct MHD_Connection *c, unsigned status, struct MHD_Response *r)
{
    enum MHD_Result ok = r ? MHD_queue_response(c, status, r) : MHD_NO;
    if (r)
        MHD_destroy_response(r);
    return ok;
}

static time_t monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct kl_http *h = arg;
    time_t before = monotonic() - KEPT_SECONDS;
    for (struct kept *k = h->kept; k < h->kept + KEPT; k++) {
        pthread_mutex_lock(&k->lock);
        if (k->response && k->used < before) {
            MHD_destroy_response(k->response);
            k->response = NULL;
        }
        pthread_mutex_unlock(&k->lock);
    }
}

/* A whole file: with the response that is kept for it, or a new one that is kept from now on. */
static enum MHD_Result queue_file(struct kl_http *h, struct MHD_Connection *c,
    const struct kl_answer *a, const struct kl_identity *id)
{
    struct kept *k = slot_of(h, id);
    pthread_mutex_lock(&k->lock);
    if (!k->response || k->type != a->type || !kl_identity_eq(&k->id, id)) {
        char etag[KL_ETAG_TEXT];
        struct kl_verdict all = {200, 0, kl_rope_len(a->rope)};
        struct MHD_Response *fresh = full(a, kl_rope_etag(a->rope, etag), &all);
        if (k->response)
            MHD_destroy_response(k->response);
        k->response = fresh;
        k->id = *id;
        k->type = a->type;
    }
    k->used = monotonic();
    enum MHD_Result ok = k->response ? MHD_queue_response(c, 200, k->response) : MHD_NO;
    pthread_mutex_unlock(&k->lock);
    return ok;
}

static const char *header(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static enum MHD_Result queue_found(
    struct kl_http *h, struct MHD_Connection *c, const struct kl_answer *a, struct request *r)
{
    struct kl_wish w = {.range = header(c, "Range"),
        .if_range = header(c, "If-Range"),
        .if_match = header(c, "If-Match"),
        .if_none_match = header(c, "If-None-Match"),
        .if_modified_since = header(c, "If-Modified-Since"),
        .if_unmodified_since = header(c, "If-Unmodified-Since")};
    bool conditional =
        w.range || w.if_match || w.if_none_match || w.if_modified_since || w.if_unmodified_since;
    const struct kl_identity *id = whole_file(a);
    r->status = 200;
    r->bytes = kl_rope_len(a->rope);
    if (!conditional && id)
        return queue_file(h, c, a, id);
    char etag[KL_ETAG_TEXT], range[64];
    kl_rope_etag(a->rope, etag);
    struct kl_verdict v = kl_judge(&w, etag, kl_rope_mtime(a->rope), kl_rope_len(a->rope));
    r->status = v.status;
    r->bytes = v.len;
    struct MHD_Response *response;
    switch (v.status) {
    case 200:
    case 206:
        return queue(c, v.status, full(a, etag, &v));
    case 416:
        response = message("this range is not in the file\n");
        snprintf(range, sizeof range, "bytes */%llu", (unsigned long long)kl_rope_len(a->rope));
        if (response)
            add(response, "Content-Range", range);
        return queue(c, 416, response);
    case 412:
        return queue(c, 412, message("the file is not the one you mean\n"));
    default:
        /* RFC 9110 §8.6: if any, the length that a 200 would have. MHD says that of the response,
         * and sends no body with a 304. */
        response = of_rope(a->rope, 0, kl_rope_len(a->rope));
        if (response)
            add_common(response, a, etag);
        return queue(c, v.status, response);
    }
}

/* --- one request -------------------------------------------------------------------------------*/

static void log_answer(struct request *r, const char *method, const struct kl_answer *a)
{
    char path[1200], why[300];
    const char *shown = a->path[0] ? a->path : r->uri;
    bool failed = a->found == KL_CANNOT;
    kl_log(r->http->serve,
        failed     ? KL_LOG_ERROR
        : a->quiet ? KL_LOG_DEBUG
                   : KL_LOG_INFO,
        "http", r->host[0] ? r->host : NULL, a->stage,
        "from=%s method=%s path=%s status=%u bytes=%llu why=%s", r->from, method,
        kl_word(shown, path, sizeof path), r->status, (unsigned long long)r->bytes,
        kl_word(a->why, why, sizeof why));
    if (a->report)
        kl_log(r->http->serve, KL_LOG_INFO, "report", r->host[0] ? r->host : NULL, a->report_stage,
            "from=%s %s", r->from, a->report);
}

static struct kl_addr peer_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return i && i->client_addr ? kl_addr_of(i->client_addr) : (struct kl_addr){0};
}

/* Splits the request target (RFC 9112 §3.2): origin form, or absolute form as proxies send it. */
static void split(const char *uri, const char **path, size_t *len, const char **query)
{
    if (strncasecmp(uri, "http://", 7) == 0) {
        uri += 7;
        uri += strcspn(uri, "/?");
    }
    *path = uri;
    *len = strcspn(uri, "?#");
    *query = uri[*len] == '?' ? uri + *len + 1 : NULL;
}

static bool armed(void *arg, const char *host)
{
    return kl_serve_armed(arg, host);
}

static enum MHD_Result answer(struct request *r, struct MHD_Connection *c, const char *method)
{
    static const char *const counters[] = {[KL_NOT_FOUND] = "http-not-found",
        [KL_REFUSED] = "http-bad-path",
        [KL_CANNOT] = "http-failed"};
    struct kl_http *h = r->http;
    struct kl_snapshot *snapshot = kl_serve_take(h->serve);
    struct kl_ask ask = {.fleet = kl_snapshot_fleet(snapshot),
        .patched = kl_snapshot_patched(snapshot),
        .armed = armed,
        .armed_arg = h->serve,
        .from = peer_of(c)};
    kl_addr_text(&ask.from, r->from);
    split(r->uri, &ask.path, &ask.path_len, &ask.query);
    ask.host = kl_client_by_source(ask.fleet, &ask.from, 0, NULL, NULL).host;
    struct kl_answer a;
    kl_content_find(&ask, &a);
    snprintf(r->host, sizeof r->host, "%s", a.host ? a.host->name : "");
    r->stage = a.stage;
    enum MHD_Result ok;
    switch (a.found) {
    case KL_FOUND:
        ok = queue_found(h, c, &a, r);
        break;
    case KL_NOT_FOUND:
        r->status = 404;
        ok = queue(c, 404, message("there is no such file here\n"));
        break;
    case KL_REFUSED:
        r->status = 400;
        ok = queue(c, 400, message("that is no path\n"));
        break;
    default:
        r->status = 500;
        ok = queue(c, 500, message("this cannot be made; the server's log says why\n"));
    }
    if (a.found != KL_FOUND)
        kl_count(h->serve, counters[a.found]);
    if (ok == MHD_NO) { /* no memory, or the file was cut while it was read: MHD hangs up */
        r->status = 500;
        snprintf(a.why, sizeof a.why, "cannot be sent: %s", strerror(errno));
    }
    log_answer(r, method, &a);
    kl_answer_end(&a);
    kl_serve_give(snapshot);
    return ok;
}

/* Only GET and HEAD, and neither with a body. Said at once, so that no body is read: the
 * connection ends with it. */
static enum MHD_Result refuse(
    struct request *r, struct MHD_Connection *c, unsigned status, const char *why)
{
    struct MHD_Response *response = message("only GET and HEAD, without a body\n");
    if (response)
        add(response, "Allow", "GET, HEAD");
    struct kl_addr from = peer_of(c);
    char text[KL_ADDR_TEXT];
    kl_count(r->http->serve, why);
    kl_log(r->http->serve, KL_LOG_INFO, "http", NULL, NULL, "from=%s status=%u why=%s",
        kl_addr_text(&from, text), status, why);
    return queue(c, status, response);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_size, void **ctx)
{
    (void)cls, (void)url, (void)version, (void)upload, (void)upload_size;
    struct request *r = *ctx;
    if (!r)
        return MHD_NO;
    if (r->judged)
        return answer(r, c, method);
    r->judged = true;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(r, c, 405, "http-method");
    const char *length = header(c, "Content-Length");
    if (header(c, "Transfer-Encoding") || (length && strcmp(length, "0") != 0))
        return refuse(r, c, 400, "http-body");
    return MHD_YES;
}

/* Called with the request line's target, before anything decodes it: the request begins. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *c)
{
    (void)c;
    struct kl_http *h = cls;
    size_t n = strlen(uri);
    struct request *r = malloc(sizeof *r + n + 1);
    if (!r)
        return NULL;
    memset(r, 0, sizeof *r);
    r->http = h;
    memcpy(r->uri, uri, n + 1);
    clock_gettime(CLOCK_MONOTONIC_COARSE, &r->since);
    atomic_fetch_add(&h->busy, 1);
    return r;
}

static void on_end(
    void *cls, struct MHD_Connection *c, void **ctx, enum MHD_RequestTerminationCode how)
{
    (void)c;
    struct kl_http *h = cls;
    struct request *r = *ctx;
    if (!r)
        return;
    static const char *const words[] = {
        "done", "connection-error", "timeout", "server-stopped", "read-error", "client-left"};
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    long ms = (now.tv_sec - r->since.tv_sec) * 1000 + (now.tv_nsec - r->since.tv_nsec) / 1000000;
    bool odd = how != MHD_REQUEST_TERMINATED_COMPLETED_OK && r->status;
    if (odd || ms >= SLOW_MS) {
        char path[1200];
        size_t n = strcspn(r->uri, "?");
        r->uri[n] = '\0';
        kl_log(h->serve, KL_LOG_INFO, "http-end", r->host[0] ? r->host : NULL, r->stage,
            "from=%s path=%s status=%u ms=%ld end=%s", r->from, kl_word(r->uri, path, sizeof path),
            r->status, ms, how < sizeof words / sizeof *words ? words[how] : "unknown");
    }
    if (odd)
        kl_count(h->serve, "http-broken-off");
    free(r);
    *ctx = NULL;
    atomic_fetch_sub(&h->busy, 1);
}

/* The content table decodes paths itself, once, and the log shows what was really asked. */
static size_t leave_escaped(void *cls, struct MHD_Connection *c, char *s)
{
    (void)cls, (void)c;
    return strlen(s);
}

__attribute__((format(printf, 2, 0))) static void on_message(void *cls, const char *fmt, va_list ap)
{
    struct kl_http *h = cls;
    char text[400], word[800];
    vsnprintf(text, sizeof text, fmt, ap);
    text[strcspn(text, "\n")] = '\0';
    kl_log(h->serve, KL_LOG_DEBUG, "http", NULL, NULL, "libmicrohttpd=%s",
        kl_word(text, word, sizeof word));
}

/* --- the service -------------------------------------------------------------------------------*/

struct kl_http *kl_http_open(struct kl_serve *s, char **why)
{
    struct kl_snapshot *snapshot = kl_serve_take(s);
    uint16_t port = kl_snapshot_fleet(snapshot)->server.http_port;
    kl_serve_give(snapshot);
    struct kl_http *h = kl_xmalloc(sizeof *h);
    h->serve = s;
    for (size_t i = 0; i < KEPT; i++)
        pthread_mutex_init(&h->kept[i].lock, NULL);
    h->fds[1] = -1;
    h->fds[0] = kl_listen(6, SOCK_STREAM, port, "server.http-port", why);
    if (h->fds[0] != -1)
        h->fds[1] = kl_listen(4, SOCK_STREAM, port, "server.http-port", why);
    if (!*why && h->fds[0] < 0 && h->fds[1] < 0)
        *why = strdup("this machine speaks neither IPv4 nor IPv6");
    if (!*why)
        return h;
    kl_http_close(h);
    return NULL;
}

static struct MHD_Daemon *start(struct kl_http *h, int fd)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = cores < 2 ? 2 : cores > MOST_THREADS ? MOST_THREADS : (unsigned)cores;
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG | MHD_USE_ITC, 0,
        NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_message, h,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, threads,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)MOST_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, h, MHD_OPTION_NOTIFY_COMPLETED, on_end, h,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, h, MHD_OPTION_END);
}

bool kl_http_start(struct kl_http *h, char **why)
{
    for (int i = 0; i < 2; i++) {
        if (h->fds[i] < 0)
            continue;
        h->daemons[i] = start(h, h->fds[i]);
        if (!h->daemons[i]) {
            struct kl_buf b = {0};
            kl_buf_addf(&b, "HTTP cannot start its threads: %s", strerror(errno));
            *why = kl_buf_take(&b);
            return false;
        }
        h->fds[i] = -1; /* MHD closes it */
    }
    const struct timeval every = {KEPT_SECONDS / 2, 0};
    h->sweep = event_new(kl_serve_events(h->serve), -1, EV_PERSIST, on_sweep, h);
    if (h->sweep && event_add(h->sweep, &every) == 0)
        return true;
    *why = strdup("HTTP cannot set its timer: out of memory");
    return false;
}

void kl_http_quiesce(struct kl_http *h)
{
    for (int i = 0; i < 2; i++) {
        if (!h->daemons[i])
            continue;
        h->fds[i] = MHD_quiesce_daemon(h->daemons[i]); /* closed with the rest: threads know it */
        if (h->fds[i] >= 0)
            shutdown(h->fds[i], SHUT_RDWR); /* who connects now is told so, and does not wait */
    }
}

unsigned kl_http_busy(const struct kl_http *h)
{
    return atomic_load(&h->busy);
}

void kl_http_close(struct kl_http *h)
{
    if (!h)
        return;
    for (int i = 0; i < 2; i++) {
        if (h->daemons[i])
            MHD_stop_daemon(h->daemons[i]);
        if (h->fds[i] >= 0)
            close(h->fds[i]);
    }
    if (h->sweep)
        event_free(h->sweep);
    for (size_t i = 0; i < KEPT; i++) {
        if (h->kept[i].response)
            MHD_destroy_response(h->kept[i].response);
        pthread_mutex_destroy(&h->kept[i].lock);
    }
    free(h);
}
