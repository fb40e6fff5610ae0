/* `bond:` and `bridge:`: ports and options. What the kernel would refuse is an error here. */
#include "fleet/load.h"

#include "base/text.h"

#include <string.h>

static bool is_port(const struct kl_wip_link *link, const char *name)
{
    for (size_t i = 0; i < link->link.nports; i++)
        if (strcmp(link->link.ports[i], name) == 0)
            return true;
    return false;
}

static void read_ports(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    struct kl_link *l = &link->link;
    link->ports = n;
    for (const struct kl_node *i = kl_read_items(w->l, n, "ports"); i; i = kl_item_next(n, i)) {
        const char *s = kl_read_text(w->l, i, "a port's name");
        if (!s)
            continue;
        if (is_port(link, s)) {
            KL_SAY(w->l, "port-twice", i, "leave only one of the two", "'%s' is in this list twice",
                s);
            continue;
        }
        l->ports = kl_grow(w->l->a, l->ports, l->nports, sizeof *l->ports);
        l->ports[l->nports++] = kl_load_string(w->l, s);
    }
}

static void add_option(struct kl_wip *w, struct kl_link *l, const char *name, const char *value)
{
    l->options = kl_grow(w->l->a, l->options, l->noptions, sizeof *l->options);
    l->options[l->noptions++] = (struct kl_option){name, kl_load_string(w->l, value)};
}

/* --- bonds -------------------------------------------------------------------------------------*/

static void say_value(struct kl_wip *w, const struct kl_bond_option *o, const struct kl_node *n,
    const char *text, const char *expected)
{
    const char *near = o->kind == KL_V_CHOICE ? kl_nearest(text, o->choices) : NULL;
    KL_SAY(w->l, "bond-value", n, near ? kl_diag_text(w->l->d, "did you mean '%s'?", near) : NULL,
        "'%s' takes %s, not '%s'", o->name, expected, text);
}

/* A list is joined by commas, as the kernel takes it. NULL with an error. */
static const char *value_text(
    struct kl_wip *w, const struct kl_bond_option *o, const struct kl_node *n)
{
    if (n->kind != KL_LIST || (o->kind != KL_V_ADDRS4 && o->kind != KL_V_ADDRS6))
        return kl_read_word(w->l, n, "a value");
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (const struct kl_node *i = n->first; i; i = i->next) {
        const char *s = kl_read_text(w->l, i, "an address"), *expected = NULL;
        if (!s)
            return NULL;
        if (!kl_bond_value(w->scratch, o, s, &expected)) {
            say_value(w, o, i, s, expected);
            return NULL;
        }
        kl_buf_addf(&b, "%s%s", b.len ? "," : "", s);
    }
    return kl_strdup(w->scratch, kl_buf_text(&b));
}

/* true and false, where the kernel's table has on and off. */
static const char *as_switch(
    const struct kl_bond_option *o, const struct kl_node *n, const char *value)
{
    bool has_off = o->kind == KL_V_CHOICE ? strcmp(o->choices[0], "off") == 0
                                          : o->kind == KL_V_NUMBER && o->max == 1;
    if (!has_off || n->kind != KL_SCALAR || n->type != KL_IS_BOOL)
        return value;
    return value[0] == 't' || value[0] == 'T' ? "1" : "0";
}

static void check_mode(struct kl_wip *w, const struct kl_wip_link *link,
    const struct kl_bond_option *o, const struct kl_node *n)
{
    const struct kl_link *l = &link->link;
    if (link->unclear || o->modes & 1u << l->mode)
        return;
    struct kl_buf b KL_BUF_SCOPE = {0};
    for (unsigned m = 0; kl_bond_modes[m]; m++)
        if (o->modes & 1u << m)
            kl_buf_addf(&b, "%s%s", b.len ? ", " : "it is for ", kl_bond_modes[m]);
    KL_SAY(w->l, "bond-option-mode", n->key, kl_buf_text(&b),
        "the kernel refuses '%s' for a bond of mode %s", o->name, kl_bond_modes[l->mode]);
}

static const char *const *option_names(struct kl_wip *w)
{
    size_t n = 0;
    while (kl_bond_options[n].name)
        n++;
    const char **list = kl_alloc(w->scratch, (n + 3) * sizeof *list);
    list[0] = "ports";
    list[1] = "mode";
    for (size_t i = 0; i < n; i++)
        list[i + 2] = kl_bond_options[i].name;
    return list;
}

/* Netplan's names for what the kernel's documentation calls otherwise. */
static const char *option_hint(struct kl_wip *w, const char *word)
{
    static const char *const other[][2] = {
        {"interfaces", "the ports are listed under 'ports'"},
        {"slaves", "the ports are listed under 'ports'"},
        {"mii-monitor-interval", "the kernel calls it 'miimon'"},
        {"max_bonds", "it is the module's, not a bond's; every bond here is made by name"},
        {"tx_queues", "it is the module's, not a bond's"},
        {"prio", "it is a port's, and no boot stage can say it"},
        {"queue_id", "it is a port's, and no boot stage can say it"},
        {"actor_port_prio", "it is a port's, and no boot stage can say it"},
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strcmp(other[i][0], word) == 0)
            return other[i][1];
    char *kernel = kl_strdup(w->scratch, word);
    for (char *c = kernel; *c; c++)
        if (*c == '-')
            *c = '_';
    if (kl_bond_option(kernel))
        return kl_diag_text(w->l->d, "did you mean '%s'?", kernel);
    return kl_load_near(w->l, word, option_names(w));
}

static void read_option(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    const struct kl_bond_option *o = kl_bond_option(n->key->text);
    if (!o) {
        KL_SAY(w->l, "bond-option", n->key, option_hint(w, n->key->text),
            "bonds have no option '%s'", n->key->text);
        return;
    }
    check_mode(w, link, o, n);
    const char *text = value_text(w, o, n), *expected = NULL;
    if (!text)
        return;
    const char *value = kl_bond_value(w->scratch, o, as_switch(o, n, text), &expected);
    if (!value) {
        say_value(w, o, n, text, expected);
        return;
    }
    add_option(w, &link->link, o->name, value);
    if (o->kind == KL_V_PORT && !is_port(link, value))
        KL_SAY(w->l, "bond-primary", n, NULL, "'%s' is no port of %s", value, link->link.name);
}

static void read_mode(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    const char *s = kl_read_word(w->l, n, "a bond's mode");
    int mode = s ? kl_bond_mode(s) : -1;
    link->unclear = mode < 0;
    if (mode >= 0)
        link->link.mode = (uint8_t)mode;
    else if (s)
        KL_SAY(w->l, "bond-mode", n, kl_load_near(w->l, s, kl_bond_modes),
            "no bond mode is called '%s'", s);
}

/* An option's number; 0 when it is not said. */
static unsigned long number_of(const struct kl_link *l, const char *name)
{
    unsigned long v = 0;
    for (size_t i = 0; i < l->noptions; i++)
        if (strcmp(l->options[i].name, name) == 0)
            kl_number(l->options[i].value, ~0ul, &v);
    return v;
}

static bool has_option(const struct kl_link *l, const char *name)
{
    for (size_t i = 0; i < l->noptions; i++)
        if (strcmp(l->options[i].name, name) == 0)
            return true;
    return false;
}

static void check_delays(struct kl_wip *w, const struct kl_link *l, const struct kl_node *bond)
{
    static const char *const delays[] = {"updelay", "downdelay", "peer_notif_delay", NULL};
    /* Modes without ARP monitoring get miimon=100 from the kernel (bond_option_mode_set). */
    unsigned long miimon = has_option(l, "miimon") || l->mode < 4 ? number_of(l, "miimon") : 100;
    for (int i = 0; delays[i]; i++) {
        unsigned long delay = number_of(l, delays[i]);
        if (!delay)
            continue;
        const struct kl_node *n = kl_node_get(bond, delays[i]);
        if (!miimon)
            KL_SAY(w->l, "bond-monitor", n->key, "add 'miimon: 100'",
                "the kernel refuses '%s' without 'miimon'", delays[i]);
        else if (delay % miimon)
            kl_diag(w->l->d, KL_WARNING, "bond-monitor", n->at, NULL,
                "the kernel rounds this down to %lu, a multiple of miimon",
                delay / miimon * miimon);
    }
}

/* Link monitoring: bonding.rst, miimon and arp_interval; bond_options.c, bond_option_*_set. */
static void check_monitor(struct kl_wip *w, const struct kl_link *l, const struct kl_node *bond)
{
    unsigned long miimon = number_of(l, "miimon"), arp = number_of(l, "arp_interval");
    bool targets = kl_node_get(bond, "arp_ip_target") || kl_node_get(bond, "ns_ip6_target");
    if (miimon && arp) {
        struct kl_diag *d = KL_SAY(w->l, "bond-monitor", kl_node_get(bond, "arp_interval")->key,
            "choose one", "a bond cannot use 'miimon' and 'arp_interval' together");
        kl_also(w->l->d, d, kl_node_get(bond, "miimon")->key->at, "the other one is here");
    } else if (arp && !targets) {
        KL_SAY(w->l, "bond-monitor", kl_node_get(bond, "arp_interval")->key,
            "add 'arp_ip_target: [ADDRESS]'", "'arp_interval' needs somebody to ask");
    } else if (!miimon && !arp && (l->mode < 4 || has_option(l, "miimon"))) {
        kl_diag(w->l->d, KL_WARNING, "bond-monitor", bond->key->at, "add 'miimon: 100'",
            "%s never notices that a port lost its link", l->name);
    }
    check_delays(w, l, bond);
}

void kl_read_bond(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    if (!kl_read_mapping(w->l, n, "a bond: {ports: [...], mode: ...}"))
        return;
    const struct kl_node *ports = kl_node_get(n, "ports"), *mode = kl_node_get(n, "mode");
    if (ports)
        read_ports(w, link, ports);
    if (mode)
        read_mode(w, link, mode);
    for (const struct kl_node *e = n->first; e; e = e->next)
        if (e != ports && e != mode)
            read_option(w, link, e);
    if (!ports || (ports->kind == KL_LIST && !ports->n))
        KL_SAY(w->l, "no-ports", n->key, "add 'ports: [NIC, NIC]'", "%s has no ports",
            link->link.name);
    if (!link->unclear)
        check_monitor(w, &link->link, n);
}

/* --- bridges -----------------------------------------------------------------------------------*/

/* Ranges: IEEE 802.1D-1998, table 8-3, and net/bridge/br_stp.c, which hold these in seconds. */
static const struct {
    const char *name;
    unsigned long min, max;
} bridge_options[] = {
    {"priority", 0, 65535},
    {"forward-delay", 2, 30},
    {"hello-time", 1, 10},
    {"max-age", 6, 40},
    {"ageing-time", 0, 1000000},
};

static void read_bridge_option(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    static const char *const keys[] = {
        "ports", "stp", "priority", "forward-delay", "hello-time", "max-age", "ageing-time", NULL};
    int key = kl_read_key(w->l, n, keys, "a bridge");
    if (key == 0) {
        read_ports(w, link, n);
    } else if (key == 1) {
        bool stp;
        if (kl_read_bool(w->l, n, &stp))
            add_option(w, &link->link, "stp", stp ? "yes" : "no");
    } else if (key > 1) {
        unsigned long v, min = bridge_options[key - 2].min, max = bridge_options[key - 2].max;
        if (kl_read_number(w->l, n, "a number", min, max, &v))
            add_option(
                w, &link->link, bridge_options[key - 2].name, kl_sprintf(w->scratch, "%lu", v));
    }
}

void kl_read_bridge(struct kl_wip *w, struct kl_wip_link *link, const struct kl_node *n)
{
    if (!kl_read_mapping(w->l, n, "a bridge: {ports: [...]}"))
        return;
    for (const struct kl_node *e = n->first; e; e = e->next)
        read_bridge_option(w, link, e);
    if (!link->link.nports && (!link->ports || (link->ports->kind == KL_LIST && !link->ports->n)))
        KL_SAY(w->l, "no-ports", n->key, "add 'ports: [NIC]'", "%s has no ports", link->link.name);
}
