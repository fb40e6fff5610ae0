/* Privileges: what the server gives up, and what belongs to whom. */
#ifndef KL_SERVE_DROP_H
#define KL_SERVE_DROP_H

#include <stdbool.h>
#include <sys/types.h>

struct kl_user {
    uid_t uid;
    gid_t gid;
    const char *name; /* as it was found; lives as long as the name that was asked for */
};

/* The user to run as: `name`, or when NULL "kickline", else "nobody". False with *why (release with
 * free()) when there is none of that name. */
bool kl_user_find(const char *name, struct kl_user *out, char **why);

/* Makes the state file and its directory when they are missing and, when this is root, gives them
 * to `u` (NULL: leaves them as they are). Never follows a link in the file's place. False with
 * *why. */
bool kl_state_prepare(const char *path, const struct kl_user *u, char **why);

/* Becomes `u` for good: ids, groups, every capability also of the bounding set, and no way to get
 * any back (PR_SET_NO_NEW_PRIVS). Before threads are started. False with *why. */
bool kl_drop(const struct kl_user *u, char **why);

#endif
