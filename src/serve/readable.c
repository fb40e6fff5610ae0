#include "serve/readable.h"

#include "base/text.h"
#include "serve/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MOST_WARNINGS = 20 };

static bool can(struct kl_serve *s, const char *what, const char *path, int mode, const char *then)
{
    /* With the ids that the process has now, not those it was started with. */
    if (!path || faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0)
        return true;
    char word[1200];
    kl_log(s, KL_LOG_WARNING, "check", NULL, NULL, "%s=%s why=\"%s\" then=\"%s\"", what,
        kl_word(path, word, sizeof word), strerror(errno), then);
    return false;
}

void kl_check_readable(struct kl_serve *s, const struct kl_fleet *f, const char *inventory)
{
    can(s, "inventory", inventory, R_OK, "it cannot be reloaded: let server.user read it");
    can(s, "trees", f->server.trees, R_OK | X_OK, "nothing below it is served");
    can(s, "boot", f->server.boot, R_OK | X_OK, "nothing below it is served");
    /* Hosts of one profile share their settings, and stand together as often as not. */
    const char *last = NULL;
    int warned = 0;
    for (size_t i = 0; i < f->nhosts && warned < MOST_WARNINGS; i++) {
        const char *ks = f->hosts[i].set->kickstart;
        if (ks && !kl_streq(ks, last))
            warned += !can(s, "kickstart", ks, R_OK, "its hosts cannot be installed");
        last = ks;
    }
}
