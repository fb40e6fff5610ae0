#include "serve/drop.h"

#include "base/text.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((format(printf, 2, 3))) static bool because(char **why, const char *fmt, ...)
{
    struct kl_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    kl_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    *why = kl_buf_take(&b);
    return false;
}

bool kl_user_find(const char *name, struct kl_user *out, char **why)
{
    static const char *const usual[] = {"kickline", "nobody"};
    const struct passwd *pw = NULL;
    if (kl_streq(name, usual[0]))
        name = NULL; /* the inventory's default */
    for (int i = 0; !name && !pw && i < 2; i++)
        if ((pw = getpwnam(usual[i])))
            out->name = usual[i];
    if (name && (pw = getpwnam(name)))
        out->name = name;
    if (!pw)
        return because(why,
            "there is no user '%s' to run as: make it (useradd --system %s) or name another with "
            "server.user",
            name ? name : "nobody", name ? name : "kickline");
    out->uid = pw->pw_uid;
    out->gid = pw->pw_gid;
    return true;
}

static bool make_directory(const char *file, const struct kl_user *u, char **why)
{
    const char *slash = strrchr(file, '/');
    if (!slash || slash == file)
        return true;
    struct kl_buf dir KL_BUF_SCOPE = {0};
    kl_buf_addn(&dir, file, (size_t)(slash - file));
    if (mkdir(dir.s, 0750) == 0)
        /* Only a directory that this made: any other belongs to whoever made it. */
        return !u || chown(dir.s, u->uid, u->gid) == 0 ||
               because(why, "%s: cannot give it to user %s: %s", dir.s, u->name, strerror(errno));
    return errno == EEXIST ||
           because(why,
               "%s: cannot make the directory of the state file: %s; make it, or name another file "
               "with server.state",
               dir.s, strerror(errno));
}

bool kl_state_prepare(const char *path, const struct kl_user *u, char **why)
{
    if (geteuid() != 0)
        u = NULL;
    if (!make_directory(path, u, why))
        return false;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return because(why,
            "%s: cannot open the state file: %s; run this as root or as server.user, or name "
            "another file with server.state",
            path, strerror(errno));
    struct stat st;
    bool ok = fstat(fd, &st) == 0;
    if (ok && !S_ISREG(st.st_mode)) {
        close(fd);
        return because(why, "%s: the state file is no regular file", path);
    }
    if (ok && u && st.st_uid != u->uid)
        ok = fchown(fd, u->uid, u->gid) == 0;
    int e = errno;
    close(fd);
    return ok ||
           because(why, "%s: cannot give it to user %s: %s", path, u ? u->name : "-", strerror(e));
}

bool kl_drop(const struct kl_user *u, char **why)
{
    capng_clear(CAPNG_SELECT_BOTH);
    int rc = capng_change_id((int)u->uid, (int)u->gid, CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
    if (rc != 0)
        return because(why,
            "cannot become user %s (libcap-ng %d): %s; a container needs CAP_SETUID, CAP_SETGID "
            "and CAP_SETPCAP for that",
            u->name, rc, strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return because(why, "cannot give up new privileges: %s", strerror(errno));
    if (capng_get_caps_process() != 0 || capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
        return because(why, "some capabilities stayed after becoming user %s", u->name);
    return true;
}
