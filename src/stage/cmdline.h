/* The kernel command line: what the files that write it share (cmdline.c, cmdline_legacy.c,
 * cmdline_nm.c). Private to this room. */
#ifndef KL_STAGE_CMDLINE_H
#define KL_STAGE_CMDLINE_H

#include "stage/stage.h"

/* One line in the making. */
struct kl_line {
    const struct kl_intent *i;
    const struct kl_release *r;
    const struct kl_install *what;
    struct kl_buf *out;
    struct kl_diags *d;
    size_t errors; /* in `d` before this line */
    bool *stack;   /* kl_install_stack() */
    size_t nip;    /* ip= arguments so far */
    bool host_said;
};

/* Adds one argument; one that a boot loader or the kernel would tear apart is an error. */
void kl_line_add(struct kl_line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An error about `link` (NULL: the host): this release cannot say it. Names the release. */
void kl_line_refuse(struct kl_line *l, const struct kl_link *link, const char *code,
    const char *hint, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void kl_line_warn(struct kl_line *l, const struct kl_link *link, const char *code, const char *hint,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Refuses what no engine can say of a gateway. */
void kl_line_check_gateway(struct kl_line *l, const struct kl_link *link, int family);

/* The host name for field 5 of the ip= argument of `link` that comes next, or "". `ip6`: the
 * argument holds an IPv6 address. Given once, to the install link. */
const char *kl_line_host(struct kl_line *l, const struct kl_link *link, bool ip6);
/* Would it be given now? */
bool kl_line_has_host(const struct kl_line *l, const struct kl_link *link);

/* "[:MTU][:MAC]": the end of an ip= argument. */
struct kl_tail {
    char text[40];
};
struct kl_tail kl_line_tail(uint32_t mtu, const struct kl_mac *mac);

/* What a link's name says of its VLAN id, as legacy dracut and as NetworkManager read it; -1 when
 * it says none. */
long kl_vlan_id_legacy(const char *name);
long kl_vlan_id_nm(const char *name);

/* ip= for a link, and whatever else this engine needs said of its addresses. */
void kl_legacy_ip(struct kl_line *l, const struct kl_link *link);
void kl_nm_ip(struct kl_line *l, const struct kl_link *link);
/* The MTU for the fourth field of bond=; 0: none. */
uint32_t kl_legacy_bond_mtu(const struct kl_line *l, const struct kl_link *link);
/* Does legacy dracut of `r` set the MTU (the MAC) that an ip= argument of this link names? */
bool kl_legacy_sets_mtu(const struct kl_release *r, const struct kl_link *link);
bool kl_legacy_sets_mac(const struct kl_release *r, const struct kl_link *link);
/* Says what legacy dracut cannot do with the links of the stack, whatever their addresses.
 * NetworkManager stacks anything. */
void kl_legacy_check(struct kl_line *l);

/* Does the initrd of `r` take this option, in canonical spelling, on a bond of this mode? NULL if
 * so; else why not, as the end of a sentence, and in *hint what to do. In `a`. */
const char *kl_bond_option_misfit(struct kl_arena *a, const struct kl_release *r, uint8_t mode,
    const struct kl_option *o, const char **hint);

#endif
