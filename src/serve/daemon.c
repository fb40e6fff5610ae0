/* The life of the boot server: load, open everything that needs root, stop being root, serve,
 * reload, stop.
 *
 * One thread has the event loop: DHCPv6, TFTP, signals. HTTP has threads of its own. A reload reads
 * the inventory in a thread of its own, so that 100,000 hosts never hold up a packet; the event
 * loop then swaps the fleet in. All of them share struct kl_serve and nothing else.
 */
#include "serve/daemon.h"

#include "base/arena.h"
#include "serve/readable.h"
#include "serve/dhcp6.h"
#include "serve/drop.h"
#include "serve/http.h"
#include "serve/patched.h"
#include "serve/state.h"
#include "serve/tftpd.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

enum {
    GRACE_SECONDS = 5, /* how long a stop waits for what is being sent */
    POLL_MS = 100,
    MOST_FILES = 65536,
    MOST_DIAGS = 50, /* of a reload, into the log */
};

enum { ON_HUP, ON_TERM, ON_INT, ON_USR1, SIGNALS };
static const int signals[SIGNALS] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};

struct reload {
    pthread_t thread;
    int done; /* an eventfd that the thread writes to */
    bool running, again;
    struct kl_fleet *fleet; /* what it found; NULL: not to be used */
    struct kl_patched *patched;
    struct kl_diags *diags;
};

struct daemon {
    struct kl_serve serve;
    const struct kl_daemon_options *options;
    struct kl_dhcp6 *dhcp6;
    struct kl_http *http;
    struct kl_tftpd *tftp;
    struct event *signal[SIGNALS], *reloaded, *stop_poll;
    struct reload reload;
    bool stopping;
    struct timespec stop_by;
};

static struct daemon *daemon_of(void *arg)
{
    return arg;
}

__attribute__((format(printf, 3, 4))) static void say(
    struct daemon *d, enum kl_level level, const char *fmt, ...)
{
    char text[1024], word[1400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    kl_log(&d->serve, level, "serve", NULL, NULL, "message=%s", kl_word(text, word, sizeof word));
}

/* --- counters ----------------------------------------------------------------------------------*/

static void log_counter(void *arg, const char *reason, unsigned long long n)
{
    kl_log(
        &daemon_of(arg)->serve, KL_LOG_INFO, "counter", NULL, NULL, "reason=%s n=%llu", reason, n);
}

static void log_counters(struct daemon *d)
{
    kl_counters_each(&d->serve.counters, log_counter, d);
}

static void on_usr1(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    log_counters(arg);
}

/* --- reload ------------------------------------------------------------------------------------*/

static void *load(void *arg)
{
    struct daemon *d = arg;
    struct kl_snapshot *now = kl_serve_take(&d->serve);
    struct kl_fleet *f = kl_fleet_load(d->options->inventory, d->reload.diags);
    d->reload.fleet = f;
    d->reload.patched = f ? kl_patched_new(f, kl_snapshot_patched(now), d->reload.diags) : NULL;
    kl_serve_give(now);
    eventfd_write(d->reload.done, 1);
    return NULL;
}

static void start_reload(struct daemon *d)
{
    if (d->reload.running) {
        d->reload.again = true;
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reading %s",
        (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000, d->options->inventory);
    d->reload.diags = kl_diags_new();
    int e = pthread_create(&d->reload.thread, NULL, load, d);
    if (e) {
        say(d, KL_LOG_ERROR, "cannot reload: %s", strerror(e));
        kl_diags_free(d->reload.diags);
        sd_notify(0, "READY=1");
        return;
    }
    d->reload.running = true;
}

static void on_hup(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    start_reload(arg);
}

static void log_diags(struct daemon *d, struct kl_diags *diags)
{
    kl_diags_sort(diags);
    const struct kl_diag *one;
    for (size_t i = 0; i < MOST_DIAGS && (one = kl_diags_at(diags, i)); i++)
        say(d,
            one->severity == KL_ERROR     ? KL_LOG_ERROR
            : one->severity == KL_WARNING ? KL_LOG_WARNING
                                          : KL_LOG_INFO,
            "%s:%u:%u: %s%s%s", one->at.file ? one->at.file : d->options->inventory, one->at.line,
            one->at.col, one->message, one->hint ? ": " : "", one->hint ? one->hint : "");
    size_t n = kl_diags_count(diags, KL_NOTE);
    if (n > MOST_DIAGS)
        say(d, KL_LOG_INFO, "... and %zu more", n - MOST_DIAGS);
}

static void say_ready(const struct kl_fleet *f)
{
    sd_notifyf(0, "READY=1\nSTATUS=%zu hosts of %s", f->nhosts, f->file);
}

/* What sockets and the state file were opened with stays until a restart. */
static void say_what_waits(
    struct daemon *d, const struct kl_server *old, const struct kl_server *now)
{
    if (old->http_port != now->http_port || old->tftp_port != now->tftp_port ||
        !kl_streq(old->state, now->state) || !kl_streq(old->user, now->user))
        say(d, KL_LOG_WARNING,
            "server.http-port, tftp-port, state and user change only when the server is started "
            "again");
}

static void on_loaded(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct daemon *d = arg;
    eventfd_t n;
    eventfd_read(fd, &n);
    if (!d->reload.running)
        return;
    pthread_join(d->reload.thread, NULL);
    d->reload.running = false;
    struct kl_fleet *f = d->reload.fleet;
    log_diags(d, d->reload.diags);
    struct kl_snapshot *old = kl_serve_take(&d->serve);
    if (f) {
        say_what_waits(d, &kl_snapshot_fleet(old)->server, &f->server);
        kl_log(&d->serve, KL_LOG_INFO, "reload", NULL, NULL, "result=used hosts=%zu", f->nhosts);
        kl_serve_put(&d->serve, kl_snapshot_new(f, d->reload.patched));
    } else {
        kl_log(&d->serve, KL_LOG_ERROR, "reload", NULL, NULL,
            "result=refused errors=%zu message=\"the inventory in use stays in use\"",
            kl_diags_count(d->reload.diags, KL_ERROR));
        kl_count(&d->serve, "reload-refused");
    }
    say_ready(f ? f : kl_snapshot_fleet(old));
    kl_serve_give(old);
    kl_diags_free(d->reload.diags);
    d->reload.diags = NULL;
    if (d->reload.again && !d->stopping) {
        d->reload.again = false;
        start_reload(d);
    }
}

/* --- stop --------------------------------------------------------------------------------------*/

static bool before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static void on_stop_poll(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct daemon *d = arg;
    unsigned busy = (d->http ? kl_http_busy(d->http) : 0) + (d->tftp ? kl_tftpd_busy(d->tftp) : 0);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (busy && before(&now, &d->stop_by))
        return;
    if (busy)
        say(d, KL_LOG_WARNING, "stopped with %u answers not finished after %d s", busy,
            GRACE_SECONDS);
    event_base_loopbreak(d->serve.events);
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct daemon *d = arg;
    if (d->stopping) { /* asked twice: at once */
        event_base_loopbreak(d->serve.events);
        return;
    }
    d->stopping = true;
    kl_log(&d->serve, KL_LOG_INFO, "stop", NULL, NULL, "signal=%s", fd == SIGINT ? "INT" : "TERM");
    sd_notify(0, "STOPPING=1\nSTATUS=Finishing what is being sent");
    if (d->http)
        kl_http_quiesce(d->http);
    if (d->tftp)
        kl_tftpd_quiesce(d->tftp);
    clock_gettime(CLOCK_MONOTONIC, &d->stop_by);
    d->stop_by.tv_sec += GRACE_SECONDS;
    const struct timeval every = {0, POLL_MS * 1000L};
    event_add(d->stop_poll, &every);
    on_stop_poll(-1, 0, d);
}

/* --- start -------------------------------------------------------------------------------------*/

static bool failed(struct daemon *d, char *why)
{
    say(d, KL_LOG_ERROR, "%s", why ? why : strerror(errno));
    free(why);
    return false;
}

static bool open_sockets(struct daemon *d)
{
    char *why = NULL;
    const struct kl_daemon_options *o = d->options;
    if (!o->no_dhcp6 && !(d->dhcp6 = kl_dhcp6_open(&d->serve, &why)))
        return failed(d, why);
    if (!o->no_http && !(d->http = kl_http_open(&d->serve, &why)))
        return failed(d, why);
    if (!o->no_tftp && !(d->tftp = kl_tftpd_open(&d->serve, &why)))
        return failed(d, why);
    return true;
}

static bool open_state(struct daemon *d, const struct kl_server *server, const struct kl_user *u)
{
    char *why = NULL;
    if (!kl_state_prepare(server->state, u, &why))
        return failed(d, why);
    d->serve.armed = kl_armed_open(server->state, &why);
    return d->serve.armed || failed(d, why);
}

/* Everything that may need root, then no root any more. */
static bool open_all(struct daemon *d, const struct kl_fleet *f)
{
    struct kl_user user = {0};
    char *why = NULL;
    bool root = geteuid() == 0;
    if (root && !kl_user_find(f->server.user, &user, &why))
        return failed(d, why);
    if (!open_state(d, &f->server, root ? &user : NULL) || !open_sockets(d))
        return false;
    if (root && user.uid != 0 && !kl_drop(&user, &why))
        return failed(d, why);
    if (root && user.uid == 0)
        say(d, KL_LOG_WARNING, "server.user is root: the server keeps root's privileges");
    return true;
}

static bool start_services(struct daemon *d)
{
    char *why = NULL;
    if (d->dhcp6 && !kl_dhcp6_start(d->dhcp6))
        return failed(d, NULL);
    if (d->tftp && !kl_tftpd_start(d->tftp))
        return failed(d, NULL);
    return !d->http || kl_http_start(d->http, &why) || failed(d, why);
}

/* Signals go to the event loop's thread alone; threads that start from here on never see them. */
static void mask_signals(int how)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < SIGNALS; i++)
        sigaddset(&set, signals[i]);
    pthread_sigmask(how, &set, NULL);
}

static bool make_events(struct daemon *d)
{
    static void (*const on[SIGNALS])(evutil_socket_t, short, void *) = {
        [ON_HUP] = on_hup, [ON_TERM] = on_term, [ON_INT] = on_term, [ON_USR1] = on_usr1};
    d->serve.events = event_base_new();
    d->reload.done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!d->serve.events || d->reload.done < 0)
        return failed(d, NULL);
    for (int i = 0; i < SIGNALS; i++) {
        d->signal[i] = evsignal_new(d->serve.events, signals[i], on[i], d);
        if (!d->signal[i] || event_add(d->signal[i], NULL) != 0)
            return failed(d, NULL);
    }
    d->reloaded = event_new(d->serve.events, d->reload.done, EV_READ | EV_PERSIST, on_loaded, d);
    d->stop_poll = event_new(d->serve.events, -1, EV_PERSIST, on_stop_poll, d);
    return (d->reloaded && d->stop_poll && event_add(d->reloaded, NULL) == 0) || failed(d, NULL);
}

static void raise_limits(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return;
    rlim_t want = l.rlim_max < MOST_FILES ? l.rlim_max : MOST_FILES;
    if (l.rlim_cur < want) {
        l.rlim_cur = want;
        setrlimit(RLIMIT_NOFILE, &l);
    }
}

/* Images come from anywhere: they are read without privileges, and before anybody asks. */
static void patch_trees(struct daemon *d, struct kl_snapshot *first)
{
    struct kl_diags *diags KL_DIAGS_SCOPE = kl_diags_new();
    kl_snapshot_patch(first, kl_patched_new(kl_snapshot_fleet(first), NULL, diags));
    log_diags(d, diags);
}

static bool serve(struct daemon *d)
{
    signal(SIGPIPE, SIG_IGN);
    raise_limits();
    struct kl_snapshot *first = kl_serve_take(&d->serve);
    const struct kl_fleet *f = kl_snapshot_fleet(first);
    mask_signals(SIG_BLOCK);
    bool ok = make_events(d) && open_all(d, f);
    if (ok) {
        kl_check_readable(&d->serve, f, d->options->inventory);
        patch_trees(d, first);
    }
    ok = ok && start_services(d);
    mask_signals(SIG_UNBLOCK);
    if (ok) {
        kl_log(&d->serve, KL_LOG_INFO, "start", NULL, NULL,
            "version=%s hosts=%zu http=%u tftp=%u user=%u", KL_VERSION, f->nhosts,
            d->http ? f->server.http_port : 0u, d->tftp ? f->server.tftp_port : 0u,
            (unsigned)geteuid());
        say_ready(f);
    }
    kl_serve_give(first);
    return ok && event_base_dispatch(d->serve.events) >= 0;
}

static void clean_up(struct daemon *d)
{
    if (d->reload.running) {
        pthread_join(d->reload.thread, NULL);
        kl_patched_free(d->reload.patched);
        kl_fleet_free(d->reload.fleet);
        kl_diags_free(d->reload.diags);
    }
    kl_http_close(d->http);
    kl_tftpd_close(d->tftp);
    kl_dhcp6_close(d->dhcp6);
    kl_armed_close(d->serve.armed);
    kl_serve_put(&d->serve, NULL);
    for (int i = 0; i < SIGNALS; i++)
        if (d->signal[i])
            event_free(d->signal[i]);
    if (d->reloaded)
        event_free(d->reloaded);
    if (d->stop_poll)
        event_free(d->stop_poll);
    if (d->serve.events)
        event_base_free(d->serve.events);
    if (d->reload.done >= 0)
        close(d->reload.done);
    pthread_mutex_destroy(&d->serve.lock);
    libevent_global_shutdown();
}

bool kl_daemon_run(struct kl_fleet *f, const struct kl_daemon_options *o)
{
    struct daemon *d = kl_xmalloc(sizeof *d);
    d->options = o;
    d->reload.done = -1;
    pthread_mutex_init(&d->serve.lock, NULL);
    kl_log_init(&d->serve.log);
    if (o->debug)
        d->serve.log.least = KL_LOG_DEBUG;
    kl_serve_put(&d->serve, kl_snapshot_new(f, NULL));
    bool ok = serve(d);
    if (ok) {
        log_counters(d);
        kl_log(&d->serve, KL_LOG_INFO, "stopped", NULL, NULL, "result=clean");
    }
    clean_up(d);
    free(d);
    return ok;
}
