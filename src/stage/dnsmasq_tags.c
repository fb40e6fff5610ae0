/* Tags of dnsmasq, and the options that they choose (src/dhcp-common.c of 2.90, option_filter and
 * match_netid; find_boot in src/rfc2131.c):
 *
 *   - an option with tags is for machines that have all of them, and none of those with '!';
 *   - one that the machine's own tags choose wins over one that needs its range's tags, and that
 *     over one without tags; of equals the last in the file wins;
 *   - dhcp-boot= makes no difference between own tags and the range's.
 *
 * Tags that the packet decides on (dhcp-match=, names of interfaces, ...) may be there or not. What
 * they may choose is not known, and hides what it would win over. */
#include "stage/dnsmasq.h"

#include <string.h>

/* Options looked at in all: enough for 100,000 machines with some of their own, and an end to
 * files that are made to take long. */
enum { MOST_WORK = 30000000 };

enum verdict { NO, MAYBE, YES };

struct kl_dnsmasq_tag *kl_dnsmasq_tag(struct kl_dnsmasq_tags *t, const char *name)
{
    const void **slot;
    struct kl_dnsmasq_tag *tag = (struct kl_dnsmasq_tag *)kl_names_get(&t->names, name);
    if (tag)
        return tag;
    slot = kl_names_slot(&t->names, kl_strdup(t->a, name));
    tag = kl_alloc(t->a, sizeof *tag);
    *slot = tag;
    return tag;
}

void kl_dnsmasq_range_sets(struct kl_dnsmasq_tags *t, const char *name)
{
    struct kl_dnsmasq_tag *tag = kl_dnsmasq_tag(t, name);
    if (tag->by_range)
        return;
    tag->by_range = true;
    tag->next_of_range = t->of_ranges;
    t->of_ranges = tag;
}

void kl_dnsmasq_want(struct kl_dnsmasq_tags *t, struct kl_dnsmasq_wants *to, const char *name)
{
    bool absent = *name == '!' || *name == '#';
    to->list = kl_grow(t->a, to->list, to->n, sizeof *to->list);
    to->list[to->n++] = (struct kl_dnsmasq_want){kl_dnsmasq_tag(t, name + absent), absent};
}

void kl_dnsmasq_add(struct kl_dnsmasq_tags *t, enum kl_tell what, const struct kl_told *value,
    struct kl_dnsmasq_wants wants)
{
    struct kl_dnsmasq_option *o = kl_alloc(t->a, sizeof *o);
    *o =
        (struct kl_dnsmasq_option){.what = what, .value = value, .wants = wants, .order = t->n + 1};
    t->list = kl_grow(t->a, t->list, t->n, sizeof *t->list);
    t->list[t->n++] = o;
}

static bool only_ours(const struct kl_dnsmasq_tag *tag)
{
    return !tag->by_other && (tag->by_host || tag->by_range);
}

void kl_dnsmasq_index(struct kl_dnsmasq_tags *t)
{
    for (size_t k = 0; k < t->n; k++) {
        struct kl_dnsmasq_option *o = t->list[k];
        const struct kl_dnsmasq_option **to = &t->loose;
        for (size_t w = 0; w < o->wants.n && to == &t->loose; w++)
            if (!o->wants.list[w].absent && only_ours(o->wants.list[w].tag))
                to = &o->wants.list[w].tag->options;
        if (!o->wants.n)
            to = &t->plain[o->what];
        o->next = *to;
        *to = o;
    }
}

struct choice {
    struct kl_dnsmasq_tags *tags;
    bool range_known;
    size_t sure[2][KL_TELLS + 1], perhaps[2][KL_TELLS + 1]; /* order; own tags, with the range's */
    const struct kl_dnsmasq_option *best[2][KL_TELLS + 1];
};

static enum verdict has(const struct choice *c, const struct kl_dnsmasq_tag *tag, bool range)
{
    if (tag->has == c->tags->machine || (range && tag->near == c->tags->machine))
        return YES;
    if (!only_ours(tag) || (range && tag->by_range && !c->range_known))
        return MAYBE;
    return NO;
}

static enum verdict matches(
    const struct choice *c, const struct kl_dnsmasq_wants *wants, bool range)
{
    enum verdict out = YES;
    for (size_t k = 0; k < wants->n && out != NO; k++) {
        enum verdict one = has(c, wants->list[k].tag, range);
        if (wants->list[k].absent)
            one = YES - one;
        if (one < out)
            out = one;
    }
    return out;
}

static void look(struct choice *c, const struct kl_dnsmasq_option *o, bool range)
{
    enum verdict v = matches(c, &o->wants, range);
    size_t *order = v == YES ? &c->sure[range][o->what] : &c->perhaps[range][o->what];
    if (v == NO || o->order < *order)
        return;
    *order = o->order;
    if (v == YES)
        c->best[range][o->what] = o;
}

static void look_at_all(struct choice *c, const struct kl_dnsmasq_option *o)
{
    for (; o && c->tags->work < MOST_WORK; o = o->next, c->tags->work++) {
        if (o->what != KL_TELL_FILE && o->what != KL_TELL_NEXT && o->what != KL_TELLS)
            look(c, o, false);
        look(c, o, true);
    }
}

static void look_at_tags(struct choice *c, const struct kl_dnsmasq_wants *tags)
{
    for (size_t k = 0; tags && k < tags->n; k++)
        look_at_all(c, tags->list[k].tag->options);
}

static const struct kl_told *chosen(struct choice *c, enum kl_tell what)
{
    static const struct kl_told unknown;
    for (int range = 0; range < 2; range++) {
        if (c->perhaps[range][what] > c->sure[range][what])
            return &unknown;
        if (c->best[range][what])
            return c->best[range][what]->value;
    }
    return c->tags->plain[what] ? c->tags->plain[what]->value : NULL;
}

struct kl_telling kl_dnsmasq_choose(struct kl_dnsmasq_tags *t, const struct kl_dnsmasq_wants *own,
    const struct kl_dnsmasq_wants *range, bool *refused)
{
    static const struct kl_told unknown;
    struct choice c = {.tags = t, .range_known = range};
    struct kl_telling out = {0};
    t->machine++;
    for (size_t k = 0; k < own->n; k++)
        own->list[k].tag->has = t->machine;
    for (size_t k = 0; range && k < range->n; k++)
        range->list[k].tag->near = t->machine;
    look_at_all(&c, t->loose);
    look_at_tags(&c, own);
    look_at_tags(&c, range);
    for (const struct kl_dnsmasq_tag *tag = range ? NULL : t->of_ranges; tag;
         tag = tag->next_of_range, t->work++)
        look_at_all(&c, tag->options);
    for (int k = 0; k < KL_TELLS; k++)
        out.told[k] = t->work < MOST_WORK ? chosen(&c, (enum kl_tell)k) : &unknown;
    *refused = c.best[1][KL_TELLS];
    return out;
}
