/* What a text is, by what stands in it. Private to the room. */
#ifndef KL_CHECK_KIND_H
#define KL_CHECK_KIND_H

#include <stddef.h>

enum kl_kind {
    KL_KIND_UNKNOWN, /* text, but nothing of ours */
    KL_KIND_BINARY,
    KL_KIND_EMPTY,
    KL_KIND_PXELINUX,
    KL_KIND_GRUB,
    KL_KIND_IPXE,
    KL_KIND_CMDLINE, /* a kernel line and nothing else */
    KL_KIND_KICKSTART,
    KL_KIND_IFCFG,
    KL_KIND_ROUTE, /* route-IF beside ifcfg files */
    KL_KIND_KEYFILE,
    KL_KIND_DHCPD,
    KL_KIND_DNSMASQ,
    KL_KIND_KEA,
    KL_KIND_TREEINFO,
    KL_KIND_COUNT
};

/* `text` is NUL-terminated at `len`. */
enum kl_kind kl_kind_of(const char *text, size_t len);
/* "a PXELINUX configuration". */
const char *kl_kind_name(enum kl_kind kind);

#endif
