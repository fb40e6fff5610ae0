/* What NetworkManager makes of a bond's options taken together (libnm-core-impl/nm-setting-bond.c,
 * verify(); each rule tried on nm-initrd-generator 1.42.4). Some it leaves out without a word where
 * the mode has no use for them; others make the profile invalid, and an invalid one is not written
 * at all. */
#include "stage/cmdline_parse.h"

#include <string.h>

enum { RR = 1, BACKUP = 2, XOR = 4, BROADCAST = 8, LACP = 16, TLB = 32, ALB = 64 };

static const char *value_of(const struct kl_link *l, const char *name)
{
    for (size_t k = 0; k < l->noptions; k++)
        if (strcmp(l->options[k].name, name) == 0)
            return l->options[k].value;
    return NULL;
}

static bool is_set(const char *value)
{
    return value && strcmp(value, "0") != 0;
}

/* The option that makes the profile invalid, and in *why, why; or NULL. */
static const char *culprit(const struct kl_link *l, const char **why)
{
    unsigned mode = 1u << l->mode;
    const char *interval = value_of(l, "arp_interval"), *target = value_of(l, "arp_ip_target");
    const char *miimon = value_of(l, "miimon"), *lacp = value_of(l, "lacp_rate");
    const char *grat = value_of(l, "num_grat_arp"), *unsol = value_of(l, "num_unsol_na");
    if (value_of(l, "primary") && !(mode & (BACKUP | TLB | ALB))) {
        *why = "primary= is for active-backup, balance-tlb and balance-alb";
        return "primary";
    }
    if (lacp && !kl_streq(lacp, "slow") && mode != LACP) {
        *why = "lacp_rate= is for 802.3ad";
        return "lacp_rate";
    }
    if (is_set(interval) && !target) {
        *why = "arp_interval= needs arp_ip_target=";
        return "arp_interval";
    }
    if (target && !is_set(interval)) {
        *why = "arp_ip_target= needs arp_interval=";
        return "arp_ip_target";
    }
    if (is_set(interval) && mode & (TLB | ALB)) {
        *why = "balance-tlb and balance-alb cannot monitor by ARP";
        return "arp_interval";
    }
    if (grat && unsol && strcmp(grat, unsol) != 0) {
        *why = "num_grat_arp= and num_unsol_na= are one and the same";
        return "num_grat_arp";
    }
    if (miimon && !is_set(miimon) &&
        (is_set(value_of(l, "updelay")) || is_set(value_of(l, "downdelay")))) {
        *why = "updelay= and downdelay= need miimon=";
        return "miimon";
    }
    return NULL;
}

/* Left out in modes that have no use for it. */
static bool is_left_out(const struct kl_option *o, uint8_t mode)
{
    static const struct {
        const char *name;
        unsigned modes;
    } uses[] = {
        {"arp_interval", RR | BACKUP | XOR | BROADCAST},
        {"arp_ip_target", RR | BACKUP | XOR | BROADCAST},
        {"arp_validate", RR | BACKUP | XOR | BROADCAST},
        {"packets_per_slave", RR},
        {"tlb_dynamic_lb", TLB | ALB},
        {"active_slave", BACKUP | TLB | ALB},
        {"ad_user_port_key", LACP},
        {"ad_actor_sys_prio", LACP},
        {"ad_actor_system", LACP},
    };
    for (size_t k = 0; k < sizeof uses / sizeof *uses; k++)
        if (strcmp(uses[k].name, o->name) == 0)
            return !(uses[k].modes >> mode & 1);
    return false;
}

static struct kl_place option_at(struct kl_reading *r, const struct kl_link *l, const char *name)
{
    struct kl_place at = kl_intent_said(r->i, l->name, kl_sprintf(r->a, "option %s", name));
    return at.file ? at : l->at;
}

bool kl_nm_bond_fits(struct kl_reading *r, struct kl_link *l)
{
    const char *why, *option = culprit(l, &why);
    if (option) {
        struct kl_diag *one = kl_diag(r->d, KL_WARNING, "profile-lost", option_at(r, l, option),
            NULL, "NetworkManager drops the whole profile of %s: %s", l->name, why);
        kl_diag_effect(r->d, one, "initrd: %s is never made", l->name);
        return false;
    }
    size_t kept = 0;
    for (size_t k = 0; k < l->noptions; k++) {
        if (!is_left_out(&l->options[k], l->mode)) {
            l->options[kept++] = l->options[k];
            continue;
        }
        kl_diag(r->d, KL_WARNING, "bond-option", option_at(r, l, l->options[k].name), NULL,
            "the bond is made without %s=: its mode %s has no use for it", l->options[k].name,
            kl_bond_modes[l->mode]);
    }
    l->noptions = kept;
    return true;
}
