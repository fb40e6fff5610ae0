/* Which bond options an engine takes on the kernel command line.
 *
 * Legacy dracut writes each into sysfs, unread, so what counts is the release's kernel; a file that
 * is not there loses the option without a word. NetworkManager checks names and values and drops
 * what it does not know, with a warning that nobody sees. */
#include "stage/cmdline.h"

#include <string.h>

enum { NEVER = 999 };

/* The first NetworkManager 1.x that knows an option, and the first EL (major * 100 + minor) whose
 * kernel does; an option that is not here is older than all of them. Kernel versions are those of
 * mainline (4.2, 5.3, 5.15 and later), next to EL7's 3.10 and EL8's 4.18. NetworkManager: 1.42's
 * generator refuses arp_missed_max, lacp_active, ns_ip6_target, coupled_control and
 * broadcast_neighbor (tests/unit/test_oracle_nm.py); libnm of 2025 names the first three only. */
static const struct {
    const char *name, *value; /* value NULL: any */
    int nm, el;
} newer[] = {
    {"active_slave", NULL, 0, NEVER}, /* only with ports, which come after the options */
    {"ad_actor_sys_prio", NULL, 0, 703},
    {"ad_user_port_key", NULL, 0, 703},
    {"arp_missed_max", NULL, 46, NEVER},
    {"broadcast_neighbor", NULL, NEVER, NEVER},
    {"coupled_control", NULL, NEVER, NEVER},
    {"lacp_active", NULL, 46, NEVER},
    {"ns_ip6_target", NULL, 54, NEVER}, /* quirk 33: brackets in options */
    {"peer_notif_delay", NULL, 30, NEVER},
    {"xmit_hash_policy", "vlan+srcmac", 36, NEVER},
};

static bool known(const struct kl_release *r, const struct kl_option *o)
{
    for (size_t k = 0; k < sizeof newer / sizeof *newer; k++) {
        if (strcmp(newer[k].name, o->name) != 0 ||
            (newer[k].value && strcmp(newer[k].value, o->value) != 0))
            continue;
        return r->engine == KL_ENGINE_NM ? r->nm_minor >= newer[k].nm
                                         : r->el * 100 + r->el_minor >= newer[k].el;
    }
    return true;
}

const char *kl_bond_option_misfit(struct kl_arena *a, const struct kl_release *r, uint8_t mode,
    const struct kl_option *o, const char **hint)
{
    const struct kl_bond_option *kind = kl_bond_option(o->name);
    bool nm = r->engine == KL_ENGINE_NM, primary = strcmp(o->name, "primary") == 0;
    if (!kind || !known(r, o)) {
        *hint = "leave it out, or install a later release";
        return kl_sprintf(a, "its initrd does not know the bond option %s=%s", o->name, o->value);
    }
    if (kind->kind == KL_V_MAC) {
        *hint = "leave it out of the install link's bond";
        return kl_sprintf(a,
            "%s=%s cannot be said on a kernel command line: its colons end the field", o->name,
            o->value);
    }
    if (nm && r->nm_minor < 54 && strchr(o->value, ',')) {
        *hint = "give one address, or monitor by miimon";
        return kl_sprintf(
            a, "its NetworkManager takes one value for %s here; 1.54 takes several", o->name);
    }
    if (r->engine == KL_ENGINE_DRACUT_033A && primary) {
        *hint = "leave primary out, or install 7.3 or later";
        return "its dracut never sets a bond's primary port (quirk 13)";
    }
    if (nm && r->nm_minor < 30 && primary && mode > 1) {
        *hint = "leave primary out, or use mode active-backup";
        return "its NetworkManager takes primary only with active-backup (NEWS of 1.26.4)";
    }
    return NULL;
}
