/* What the three readers of reservations share. Private to the room.
 *
 * Each engine has scopes that give values to machines (subnets, groups, tags), with rules of its
 * own for which scope wins. A reader finds, for one machine, the value that wins of each kind;
 * kl_reserved_fill() then writes them down. A value that wins but is not known (it depends on the
 * firmware, or is an expression) hides what it wins over: nothing is said rather than something
 * wrong. */
#ifndef KL_STAGE_RESERVE_H
#define KL_STAGE_RESERVE_H

#include "stage/include.h"

/* What a machine may be told. */
enum kl_tell {
    KL_TELL_HOSTNAME, /* option 12 */
    KL_TELL_MASK,     /* option 1 */
    KL_TELL_ROUTER,   /* option 3 */
    KL_TELL_DNS4,     /* option 6 */
    KL_TELL_MTU,      /* option 26 */
    KL_TELL_NEXT,     /* siaddr */
    KL_TELL_FILE,     /* the field `file` */
    KL_TELL_BOOT4,    /* option 67 */
    KL_TELL_DNS6,     /* DHCPv6 option 23 */
    KL_TELL_BOOT6,    /* DHCPv6 option 59 */
    KL_TELLS,
};
/* By the number of an option; KL_TELLS when it is none of these. */
enum kl_tell kl_tell_by_code(int family, unsigned long code);

struct kl_told {
    bool known;       /* else the value depends on what no text says */
    const char *text; /* hostname, boot files */
    struct kl_addr *addrs;
    size_t naddrs;
    uint32_t number;
    struct kl_place at;
};

struct kl_telling {
    const struct kl_told *told[KL_TELLS]; /* NULL: not said */
};

/* Reads the words of a value. Words that are no such value make it unknown. In `a`. */
struct kl_told *kl_told_make(
    struct kl_arena *a, enum kl_tell what, const char *const *words, size_t n, struct kl_place at);
struct kl_told *kl_told_unknown(struct kl_arena *a, struct kl_place at);

void kl_reserved_say(
    struct kl_arena *a, struct kl_reserved *r, const char *field, struct kl_place at);
/* Sets what wins; `v4` and `v6`: the families that the machine is spoken to in. */
void kl_reserved_fill(
    struct kl_arena *a, struct kl_reserved *r, const struct kl_telling *t, bool v4, bool v6);
struct kl_reserved *kl_reserved_add(struct kl_arena *a, struct kl_reserved_list *l);

/* "00:01:ab", "0:1:ab", "0001ab": bytes; returns how many, 0 when it is not that. */
size_t kl_hex_bytes(const char *s, uint8_t *out, size_t room);
const char *kl_hex_text(struct kl_arena *a, const uint8_t *bytes, size_t n);

/* Networks, to be found by an address in them: the longest prefix wins. Fill, sort, find. */
struct kl_network {
    struct kl_prefix prefix;
    const void *owner;
};
struct kl_networks {
    struct kl_network *list;
    size_t n;
    bool lengths[2][129]; /* of which there are any, by family */
};
void kl_networks_add(struct kl_arena *a, struct kl_networks *t, struct kl_prefix p, const void *o);
void kl_networks_sort(struct kl_networks *t);
const struct kl_network *kl_networks_find(const struct kl_networks *t, const struct kl_addr *a);

void kl_reserve_note(struct kl_diags *d, struct kl_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
