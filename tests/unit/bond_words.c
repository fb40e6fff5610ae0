/* Every mode with every option and values on both sides of each limit: what src/net/bond.c takes.
 * One line each: MODE OPTION VALUE, and 1 or 0. For tests/e2e/test_bonding_driver.py, which asks
 * the kernel the same. */
#include "net/intent.h"

#include <stdio.h>

static void say(
    struct kl_arena *a, unsigned mode, const struct kl_bond_option *o, const char *value)
{
    const char *expected;
    bool takes = (o->modes & 1u << mode) && kl_bond_value(a, o, value, &expected);
    printf("%s %s %s %d\n", kl_bond_modes[mode], o->name, value, takes);
}

static void numbers(struct kl_arena *a, unsigned mode, const struct kl_bond_option *o)
{
    say(a, mode, o, kl_sprintf(a, "%lu", o->min));
    say(a, mode, o, kl_sprintf(a, "%lu", o->max));
    say(a, mode, o, kl_sprintf(a, "%lu", o->max + 1));
    if (o->min)
        say(a, mode, o, kl_sprintf(a, "%lu", o->min - 1));
    say(a, mode, o, "-1");
    say(a, mode, o, "often");
}

static void choices(struct kl_arena *a, unsigned mode, const struct kl_bond_option *o)
{
    unsigned long n = 0;
    for (; o->choices[n]; n++) {
        say(a, mode, o, o->choices[n]);
        say(a, mode, o, kl_sprintf(a, "%lu", n));
    }
    say(a, mode, o, kl_sprintf(a, "%lu", n));
    say(a, mode, o, "nonsense");
}

static void one(struct kl_arena *a, unsigned mode, const struct kl_bond_option *o)
{
    static const char *const texts[][4] = {
        [KL_V_ADDRS4] = {"192.0.2.1", "0.0.0.0", "2001:db8::1", NULL},
        [KL_V_ADDRS6] = {"2001:db8::1", "192.0.2.1", NULL},
        [KL_V_PORT] = {"eth0", NULL},
        [KL_V_MAC] = {"52:54:00:00:00:01", "01:00:5e:00:00:01", "00:00:00:00:00:00", NULL},
    };
    if (o->kind == KL_V_NUMBER)
        numbers(a, mode, o);
    else if (o->kind == KL_V_CHOICE)
        choices(a, mode, o);
    else
        for (const char *const *t = texts[o->kind]; *t; t++)
            say(a, mode, o, *t);
}

int main(void)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    for (unsigned mode = 0; kl_bond_modes[mode]; mode++)
        for (const struct kl_bond_option *o = kl_bond_options; o->name; o++)
            one(a, mode, o);
    return 0;
}
