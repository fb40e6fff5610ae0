/* One table, one row an armed host, in SQLite.
 *
 * WAL lets a server read while `kickline arm` writes; synchronous=FULL makes each commit reach the
 * disk before it is reported, so neither kill -9 nor a power cut takes back what was said. SQLite
 * gives its -wal and -shm files the owner of the database when root creates them (its os_unix.c,
 * findCreateFileMode), so root's `kickline arm` never locks an unprivileged server out.
 *
 * One connection an open file, guarded by a lock: a lookup is one prepared statement, some
 * microseconds. */
#include "journal/armed.h"

#include "base/arena.h"
#include "base/text.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x6b6c6e65, /* "klne": tells our files from others' */
    VERSION = 1,
    BUSY_MS = 10000, /* how long to wait for another writer */
};

struct kl_armed {
    pthread_mutex_t lock;
    sqlite3 *db;
    sqlite3_stmt *set, *clear, *get, *all;
    char *path;
};

static void say(char **why, const char *path, const char *what, const char *mend)
{
    struct kl_buf b = {0};
    kl_buf_addf(&b, "%s: %s", path, what);
    if (mend)
        kl_buf_addf(&b, "; %s", mend);
    *why = kl_buf_take(&b);
}

static const char *mend_of(int code, int system_error)
{
    if (system_error == ENOENT)
        return "make its directory, or name another file with server.state";
    switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return "move it away: a new one is made, in which no host is armed";
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return "run this as root or as server.user, or name another file with server.state";
    case SQLITE_BUSY:
        return "another program has kept it locked for 10 s: see who with fuser";
    case SQLITE_FULL:
        return "make room on its disk";
    default:
        return NULL;
    }
}

static bool fail(struct kl_armed *s, char **why)
{
    int code = sqlite3_extended_errcode(s->db), sys = sqlite3_system_errno(s->db);
    struct kl_buf b KL_BUF_SCOPE = {0};
    kl_buf_addf(&b, "%s", sqlite3_errmsg(s->db));
    if ((code & 0xff) == SQLITE_CANTOPEN && sys)
        kl_buf_addf(&b, " (%s)", strerror(sys));
    say(why, s->path, b.s, mend_of(code, (code & 0xff) == SQLITE_CANTOPEN ? sys : 0));
    return false;
}

static bool run(struct kl_armed *s, const char *sql, char **why)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail(s, why);
}

static bool number_of(struct kl_armed *s, const char *sql, int *out, char **why)
{
    sqlite3_stmt *q = NULL;
    bool ok =
        sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW;
    if (ok)
        *out = sqlite3_column_int(q, 0);
    else
        fail(s, why);
    sqlite3_finalize(q);
    return ok;
}

/* Makes the table in an empty file; refuses a file that is somebody else's or newer. */
static bool ready_schema(struct kl_armed *s, char **why)
{
    int id = 0, version = 0, tables = 0;
    if (!run(s, "BEGIN IMMEDIATE", why) || !number_of(s, "PRAGMA application_id", &id, why) ||
        !number_of(s, "PRAGMA user_version", &version, why) ||
        !number_of(s, "SELECT count(*) FROM sqlite_master", &tables, why))
        return false;
    if (id == APPLICATION_ID && version > VERSION) {
        say(why, s->path, "it was written by a newer Kickline", "use that one here, too");
        return false;
    }
    if (id != APPLICATION_ID && tables) {
        say(why, s->path, "it is an SQLite file, but not Kickline's",
            "name another file with server.state");
        return false;
    }
    if (id != APPLICATION_ID) {
        char sql[256];
        snprintf(sql, sizeof sql,
            "PRAGMA application_id=%d; PRAGMA user_version=%d;"
            "CREATE TABLE armed(host TEXT PRIMARY KEY NOT NULL, since INTEGER NOT NULL)"
            " WITHOUT ROWID, STRICT",
            APPLICATION_ID, VERSION);
        if (!run(s, sql, why))
            return false;
    }
    return run(s, "COMMIT", why);
}

static bool prepare(struct kl_armed *s, sqlite3_stmt **q, const char *sql, char **why)
{
    return sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, q, NULL) == SQLITE_OK ||
           fail(s, why);
}

struct kl_armed *kl_armed_open(const char *path, char **why)
{
    struct kl_armed *s = kl_xmalloc(sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->path = strdup(path);
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    *why = NULL;
    bool ok =
        (sqlite3_open_v2(path, &s->db, flags, NULL) == SQLITE_OK || fail(s, why)) &&
        sqlite3_busy_timeout(s->db, BUSY_MS) == SQLITE_OK &&
        run(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", why) && ready_schema(s, why) &&
        prepare(s, &s->set, "INSERT INTO armed VALUES(?1,?2) ON CONFLICT(host) DO NOTHING", why) &&
        prepare(s, &s->clear, "DELETE FROM armed WHERE host=?1", why) &&
        prepare(s, &s->get, "SELECT since FROM armed WHERE host=?1", why) &&
        prepare(s, &s->all, "SELECT host,since FROM armed ORDER BY host", why);
    if (ok)
        return s;
    kl_armed_close(s);
    return NULL;
}

void kl_armed_close(struct kl_armed *s)
{
    if (!s)
        return;
    sqlite3_finalize(s->set);
    sqlite3_finalize(s->clear);
    sqlite3_finalize(s->get);
    sqlite3_finalize(s->all);
    sqlite3_close(s->db);
    pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s);
}

static bool change(
    struct kl_armed *s, sqlite3_stmt *q, const char *host, const int64_t *now, char **why)
{
    pthread_mutex_lock(&s->lock);
    sqlite3_bind_text(q, 1, host, -1, SQLITE_STATIC);
    if (now)
        sqlite3_bind_int64(q, 2, *now);
    bool ok = sqlite3_step(q) == SQLITE_DONE || fail(s, why);
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
    pthread_mutex_unlock(&s->lock);
    return ok;
}

bool kl_armed_set(struct kl_armed *s, const char *host, int64_t now, char **why)
{
    return change(s, s->set, host, &now, why);
}

bool kl_armed_clear(struct kl_armed *s, const char *host, char **why)
{
    return change(s, s->clear, host, NULL, why);
}

int kl_armed_get(struct kl_armed *s, const char *host, int64_t *since)
{
    pthread_mutex_lock(&s->lock);
    sqlite3_bind_text(s->get, 1, host, -1, SQLITE_STATIC);
    int step = sqlite3_step(s->get);
    if (step == SQLITE_ROW && since)
        *since = sqlite3_column_int64(s->get, 0);
    sqlite3_reset(s->get);
    sqlite3_clear_bindings(s->get);
    pthread_mutex_unlock(&s->lock);
    return step == SQLITE_ROW ? 1 : step == SQLITE_DONE ? 0 : -1;
}

bool kl_armed_each(struct kl_armed *s, void (*each)(void *arg, const char *host, int64_t since),
    void *arg, char **why)
{
    pthread_mutex_lock(&s->lock);
    int step;
    while ((step = sqlite3_step(s->all)) == SQLITE_ROW)
        each(arg, (const char *)sqlite3_column_text(s->all, 0), sqlite3_column_int64(s->all, 1));
    bool ok = step == SQLITE_DONE || fail(s, why);
    sqlite3_reset(s->all);
    pthread_mutex_unlock(&s->lock);
    return ok;
}
