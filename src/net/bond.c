/* The bonding driver's modes and options, as a table.
 *
 * Names, ranges and the numbers of choices: Linux 6.17 drivers/net/bonding/bond_options.c
 * (bond_opts[] and the *_tbl[] it points to), meanings: Documentation/networking/bonding.rst. The
 * modes are the complement of `unsuppmodes` there: for those the kernel answers EACCES. Kernels
 * of older releases know fewer options. tests/e2e/test_bonding_driver.py asks a kernel.
 *
 * Left out are the module's own parameters (max_bonds, tx_queues, debug), and what belongs to one
 * port (prio, actor_port_prio, queue_id): no boot stage can say those.
 *
 * use_carrier, all_slaves_active and tlb_dynamic_lb are numbers here, although the kernel's tables
 * name them off and on too: NetworkManager takes 0 and 1 alone (libnm-core-impl/nm-setting-bond.c),
 * and so does bonding.rst. */
#include "net/intent.h"

#include <limits.h>
#include <string.h>

const char *const kl_bond_modes[] = {"balance-rr", "active-backup", "balance-xor", "broadcast",
    "802.3ad", "balance-tlb", "balance-alb", NULL};

int kl_bond_mode(const char *s)
{
    unsigned long n;
    if (kl_number(s, 6, &n))
        return (int)n;
    for (int i = 0; kl_bond_modes[i]; i++)
        if (strcmp(kl_bond_modes[i], s) == 0)
            return i;
    return -1;
}

enum {
    RR = 1 << 0,
    BACKUP = 1 << 1,
    LACP = 1 << 4,
    TLB = 1 << 5,
    ALB = 1 << 6,
    ALL = (1 << 7) - 1,
    ARP = ALL & ~(LACP | TLB | ALB), /* modes that can monitor by ARP */
    PRIMARY = BACKUP | TLB | ALB,
};

static const char *const off_on[] = {"off", "on", NULL};
static const char *const ad_select[] = {"stable", "bandwidth", "count", NULL};
static const char *const arp_all_targets[] = {"any", "all", NULL};
static const char *const arp_validate[] = {
    "none", "active", "backup", "all", "filter", "filter_active", "filter_backup", NULL};
static const char *const fail_over_mac[] = {"none", "active", "follow", NULL};
static const char *const lacp_rate[] = {"slow", "fast", NULL};
static const char *const primary_reselect[] = {"always", "better", "failure", NULL};
static const char *const xmit_hash_policy[] = {
    "layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac", NULL};

#define NUMBER(NAME, MIN, MAX, MODES)                                                              \
    {                                                                                              \
        .name = NAME, .kind = KL_V_NUMBER, .min = MIN, .max = MAX, .modes = MODES                  \
    }
#define CHOICE(NAME, LIST, MODES)                                                                  \
    {                                                                                              \
        .name = NAME, .kind = KL_V_CHOICE, .choices = LIST, .modes = MODES                         \
    }
#define OTHER(NAME, KIND, MODES)                                                                   \
    {                                                                                              \
        .name = NAME, .kind = KIND, .modes = MODES                                                 \
    }

const struct kl_bond_option kl_bond_options[] = {
    OTHER("active_slave", KL_V_PORT, PRIMARY),
    NUMBER("ad_actor_sys_prio", 1, 65535, LACP),
    OTHER("ad_actor_system", KL_V_MAC, LACP),
    CHOICE("ad_select", ad_select, ALL),
    NUMBER("ad_user_port_key", 0, 1023, LACP),
    NUMBER("all_slaves_active", 0, 1, ALL),
    CHOICE("arp_all_targets", arp_all_targets, ALL),
    NUMBER("arp_interval", 0, INT_MAX, ARP),
    OTHER("arp_ip_target", KL_V_ADDRS4, ALL),
    NUMBER("arp_missed_max", 1, 255, ARP),
    CHOICE("arp_validate", arp_validate, ARP),
    CHOICE("broadcast_neighbor", off_on, LACP),
    CHOICE("coupled_control", off_on, LACP),
    NUMBER("downdelay", 0, INT_MAX, ALL),
    CHOICE("fail_over_mac", fail_over_mac, ALL),
    CHOICE("lacp_active", off_on, LACP),
    CHOICE("lacp_rate", lacp_rate, LACP),
    NUMBER("lp_interval", 1, INT_MAX, ALL),
    NUMBER("miimon", 0, INT_MAX, ALL),
    NUMBER("min_links", 0, INT_MAX, ALL),
    OTHER("ns_ip6_target", KL_V_ADDRS6, ALL),
    NUMBER("num_grat_arp", 0, 255, ALL),
    NUMBER("num_unsol_na", 0, 255, ALL),
    NUMBER("packets_per_slave", 0, 65535, RR),
    NUMBER("peer_notif_delay", 0, 300000, ALL),
    OTHER("primary", KL_V_PORT, PRIMARY),
    CHOICE("primary_reselect", primary_reselect, ALL),
    NUMBER("resend_igmp", 0, 255, ALL),
    NUMBER("tlb_dynamic_lb", 0, 1, TLB | ALB),
    NUMBER("updelay", 0, INT_MAX, ALL),
    NUMBER("use_carrier", 0, 1, ALL),
    CHOICE("xmit_hash_policy", xmit_hash_policy, ALL),
    {.name = NULL},
};

const struct kl_bond_option *kl_bond_option(const char *name)
{
    for (const struct kl_bond_option *o = kl_bond_options; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

/* --- values ------------------------------------------------------------------------------------*/

static const char *number(
    struct kl_arena *a, const struct kl_bond_option *o, const char *s, const char **expected)
{
    unsigned long v;
    if (o->max == 1 && (strcmp(s, "on") == 0 || strcmp(s, "off") == 0))
        return s[1] == 'n' ? "1" : "0"; /* as the kernel's own table has them */
    if (kl_number(s, o->max, &v) && v >= o->min)
        return kl_sprintf(a, "%lu", v);
    *expected = kl_sprintf(a, "a number from %lu to %lu", o->min, o->max);
    return NULL;
}

static const char *choice(
    struct kl_arena *a, const struct kl_bond_option *o, const char *s, const char **expected)
{
    struct kl_buf names KL_BUF_SCOPE = {0};
    unsigned long wanted = ~0ul, i = 0;
    kl_number(s, 255, &wanted);
    for (; o->choices[i]; i++) {
        if (i == wanted || strcmp(o->choices[i], s) == 0)
            return o->choices[i];
        kl_buf_addf(&names, "%s%s", i ? ", " : "one of ", o->choices[i]);
    }
    *expected = kl_strdup(a, kl_buf_text(&names));
    return NULL;
}

enum { MOST_TARGETS = 16 }; /* BOND_MAX_ARP_TARGETS, BOND_MAX_NS_TARGETS: include/net/bonding.h */

/* Addresses with commas between them, each rewritten in its canonical form. */
static const char *addresses(
    struct kl_arena *a, uint8_t family, const char *s, const char **expected)
{
    struct kl_buf out KL_BUF_SCOPE = {0};
    struct kl_addr seen[MOST_TARGETS];
    size_t n = 0;
    *expected = kl_sprintf(a, "1 to %d different IPv%d addresses", MOST_TARGETS, family);
    for (bool more = true; more; n++) {
        size_t len = strcspn(s, ",");
        char one[KL_ADDR_TEXT], text[KL_ADDR_TEXT];
        if (n == MOST_TARGETS || len >= sizeof one)
            return NULL;
        memcpy(one, s, len);
        one[len] = '\0';
        if (!kl_addr_parse(one, &seen[n]) || seen[n].family != family ||
            !kl_addr_is_unicast(&seen[n]))
            return NULL;
        for (size_t k = 0; k < n; k++)
            if (kl_addr_eq(&seen[k], &seen[n]))
                return NULL; /* the kernel refuses it: "already present" */
        kl_buf_addf(&out, "%s%s", n ? "," : "", kl_addr_text(&seen[n], text));
        more = s[len] == ',';
        s += len + more;
    }
    return kl_strdup(a, kl_buf_text(&out));
}

/* All zeros are the kernel's own default: the bond's address. */
static const char *system_mac(struct kl_arena *a, const char *s, const char **expected)
{
    struct kl_mac m;
    char text[KL_MAC_TEXT];
    if (kl_mac_parse(s, &m) && !(m.bytes[0] & 1))
        return kl_strdup(a, kl_mac_text(&m, text));
    *expected = "a MAC address that is not multicast";
    return NULL;
}

const char *kl_bond_value(
    struct kl_arena *a, const struct kl_bond_option *o, const char *value, const char **expected)
{
    switch (o->kind) {
    case KL_V_NUMBER:
        return number(a, o, value, expected);
    case KL_V_CHOICE:
        return choice(a, o, value, expected);
    case KL_V_ADDRS4:
        return addresses(a, 4, value, expected);
    case KL_V_ADDRS6:
        return addresses(a, 6, value, expected);
    case KL_V_MAC:
        return system_mac(a, value, expected);
    case KL_V_PORT:
        if (*value && strlen(value) <= 15)
            return kl_strdup(a, value);
        *expected = "the name of one of the bond's ports";
        return NULL;
    }
    return NULL;
}
