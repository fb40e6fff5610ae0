/* What is read of texts that people wrote: more than the network, and each thing with its place.
 *
 * Readers of this header never refuse. They keep what they understand, note the rest
 * ("not-understood"), and leave judgement to the room above, which has all the texts of a machine
 * side by side. What they do report is what their language's own reader would do: stop, ignore,
 * take for something else.
 *
 * All results live in the arena that is passed in, and point into no text of the caller's. Every
 * text that is read is registered with the diagnostics under the name that its places carry.
 */
#ifndef KL_STAGE_READ_H
#define KL_STAGE_READ_H

#include "stage/stage.h"

/* --- words with places (arg.c) -----------------------------------------------------------------*/

/* A word, after its language's quoting and expansion. */
struct kl_arg {
    const char *text;
    struct kl_place at; /* of all of it, as it stands in the file */
    bool verbatim;      /* it stands there byte for byte, from at.col on */
};
/* The place of `len` bytes of the word from byte `from` on: all of it when it is not verbatim. */
struct kl_place kl_arg_place(const struct kl_arg *w, size_t from, size_t len);

struct kl_cmdline {
    struct kl_arg *args; /* in order, each a word as the kernel parts them: lib/cmdline.c */
    size_t n;
    struct kl_place at; /* of the line, or of the command that holds it */
};
/* A command line as it stands in a file or in an argument of ours. */
struct kl_cmdline kl_cmdline_words(
    struct kl_arena *a, const char *line, const char *file, struct kl_diags *d);
/* The last word with this key ("ip": of "ip=..." and of a bare "ip"), or NULL; and how many. */
const struct kl_arg *kl_cmdline_last(const struct kl_cmdline *l, const char *key, size_t *count);
/* What follows '=' in a word, or NULL. */
const char *kl_arg_value(const struct kl_arg *w);

/* --- the kernel command line (cmdline_parse.c) -------------------------------------------------*/

/* As kl_cmdline_parse() of stage.h, from words. The intent's `said` has the narrowest place of each
 * fact: the port list within bond=, not the whole argument. */
struct kl_intent *kl_cmdline_read(struct kl_arena *a, const struct kl_cmdline *line,
    const struct kl_release *r, struct kl_install *what, struct kl_diags *d);

/* --- loaders (pxelinux_parse.c, grub_parse.c, ipxe_parse.c) ------------------------------------*/

/* How a reader gets at a file that another names (INCLUDE, source, chain). `path` is as written;
 * `from` the file that names it. Text and name live as long as the arena. False: not at hand. */
struct kl_finder {
    bool (*find)(void *arg, const char *path, const char *from, const char **file,
        const char **text, size_t *len);
    void *arg;
};

enum kl_entry_kind {
    KL_ENTRY_LINUX, /* starts a kernel */
    KL_ENTRY_LOCAL, /* goes on to the local disk */
    KL_ENTRY_OTHER, /* another loader, a menu, a reboot, a memory test */
};

/* Something that a loader may start. */
struct kl_entry {
    enum kl_entry_kind kind;
    const char *name;  /* label; GRUB: title; iPXE: the label before it, "" at the top */
    const char *title; /* as the menu shows it; NULL when it has no other than its name */
    struct kl_place at;
    struct kl_arg kernel;   /* text NULL when there is none */
    struct kl_arg *initrds; /* in order, wherever the language puts them */
    size_t ninitrds;
    struct kl_cmdline line; /* the kernel's, without initrd= of PXELINUX and iPXE, which is above */
    bool by_default;        /* started when nobody chooses */
    bool on_timeout;        /* ... because a time-out is set, and this is what it ends in */
    bool adds_bootif;       /* the loader adds BOOTIF=: IPAPPEND 2, SYSAPPEND 0x2 */
    struct kl_place bootif_at; /* where that is said */
    unsigned sysappend;        /* PXELINUX: the bits in force */
    const char *condition;     /* GRUB, iPXE: what it depends on, as written; NULL: nothing */
    bool complete; /* every variable in it could be expanded; else unknown parts stand as written */
};

struct kl_menu {
    struct kl_entry *entries; /* in order */
    size_t nentries;
    unsigned timeout_ds; /* tenths of a second until the default is started; 0: never, or at once */
    bool asks;           /* a prompt or a menu is shown */
    struct kl_place default_at; /* where the default is named; file NULL: nowhere */
};

struct kl_menu *kl_pxelinux_parse(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_finder *files, struct kl_diags *d);
struct kl_menu *kl_grub_parse(struct kl_arena *a, const char *text, size_t len, const char *file,
    const struct kl_finder *files, struct kl_diags *d);
struct kl_menu *kl_ipxe_parse(struct kl_arena *a, const char *text, size_t len, const char *file,
    const struct kl_finder *files, struct kl_diags *d);

/* --- reservations: what the firmware is told (dhcpd.c, dnsmasq.c, kea.c) -----------------------*/

/* Only what is certain is set: what a condition, a class or a tag of the packet may change is left
 * out, and so is an address that is one of several or a name. Several MACs in one declaration of
 * dnsmasq make one entry each, all with the same `at`. */

struct kl_reserved {
    const char *name; /* of the host declaration; NULL */
    struct kl_place at;
    struct kl_mac mac;    /* set when known by MAC; of several in one line each has its own */
    const char *client;   /* DUID or client identifier, hexadecimal with colons; NULL */
    struct kl_prefix ip4; /* family 0: none; length from the subnet, 32 when that is not at hand */
    struct kl_prefix ip6; /* likewise, 128 */
    const char *hostname; /* as sent; NULL */
    struct kl_addr router, next_server;
    struct kl_addr *dns;
    size_t ndns;
    uint32_t mtu;         /* option 26; 0 */
    const char *bootfile; /* filename, option 67, 59; NULL */
    /* Where each was said ("mac", "ip4", "ip6", "hostname", "router", "dns", "mtu", "bootfile",
     * "next-server"); `link` is NULL. */
    struct kl_said *said;
    size_t nsaid;
    bool refused; /* the server gives this machine nothing; then only who it is is set */
};
struct kl_reserved_list {
    struct kl_reserved *list;
    size_t n;
};

/* ISC dhcpd.conf(5), dhcpd6; options are inherited from group, subnet, shared-network and the
 * top. */
struct kl_reserved_list kl_dhcpd_parse(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_finder *files, struct kl_diags *d);
/* dnsmasq(8): dhcp-host=, dhcp-option=, dhcp-boot=, dhcp-range= (for the prefix), with tags. */
struct kl_reserved_list kl_dnsmasq_parse(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_finder *files, struct kl_diags *d);
/* Kea's Dhcp4 and Dhcp6: reservations within subnets, global ones, option-data inherited. */
struct kl_reserved_list kl_kea_parse(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_finder *files, struct kl_diags *d);

/* --- kickstart (kickstart_read.c, kickstart_parse.c) -------------------------------------------*/

/* A command at the top level, as pykickstart parts it (shlex, comments). */
struct kl_ks_command {
    const char *name; /* "network", "url", "bootloader" */
    struct kl_arg *args;
    size_t n;
    struct kl_place at; /* the whole line */
    const char *from;   /* NULL: of the file itself; else the path that %include names */
    bool maybe;         /* in a branch of a template: there or not */
};

struct kl_ks_section {
    const char *name; /* "%pre", "%post", "%packages", "%onerror", "%addon", ... */
    struct kl_arg *args;
    size_t n;
    struct kl_place at; /* its first line */
    const char *body;   /* its lines, without %end */
    unsigned body_line; /* of the first of them */
    bool outside;       /* %post --nochroot, %pre: writes are not of the installed system */
    bool ended;         /* has its %end */
};

/* A file that a script writes: a here-document, echo or printf with > or >>. Shell variables that
 * the script sets to plain words are expanded. */
struct kl_ks_written {
    const char *path; /* as the installed system sees it: /mnt/sysimage is taken off */
    const char *text;
    struct kl_place at; /* of the command that writes */
    unsigned text_line; /* the line of the kickstart on which its text begins; 0: not verbatim */
    unsigned text_col;  /* columns to add: 0 for here-documents */
    bool appends;       /* to what is there */
    bool certain;       /* no expansion that is not known, no condition or loop around it */
    size_t section;     /* index of the section that writes it */
};

struct kl_kickstart {
    const char *file;
    struct kl_ks_command *commands;
    size_t ncommands;
    struct kl_ks_section *sections;
    size_t nsections;
    struct kl_ks_written *written;
    size_t nwritten;
    struct kl_intent *network; /* what anaconda of this release makes of its network commands */
    /* What the files that %post writes (with those that anaconda makes of the commands, for files
     * that are only appended to) say to the installed system; NULL when it writes none. */
    struct kl_intent *system;
    size_t ndevices; /* network commands that describe a device */
};

/* Reads a kickstart whole. %include and %ksappend are followed: through `files`, or when a %pre of
 * the same file writes what is included. */
struct kl_kickstart *kl_kickstart_read(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_release *r, const struct kl_finder *files,
    struct kl_diags *d);

/* What parse-kickstart of this release, in the initrd, makes of the kickstart's network commands:
 * dracut arguments, as it prints them (docs/boot-stages.md §3.3, §3.4). `has_ip`: the kernel line
 * has an ip= already. Empty when it makes none. */
const char *kl_ks_translate(
    struct kl_arena *a, const struct kl_kickstart *k, const struct kl_release *r, bool has_ip);

/* --- installed files (system.c) ----------------------------------------------------------------*/

/* As kl_system_parse() of stage.h; `line` and `col` of each file say where its text begins in the
 * source `file` (1 and 1: a file of its own, registered under `file`); `col` counts for the first
 * line alone. Places and `said` are in terms of that source. Entries of the same path are parts of
 * one file, in order. Of a text that does not stand there byte for byte `at` is the place of all
 * that is in it; else its file is NULL. */
struct kl_system_file {
    const char *path; /* decides what it is: ifcfg-*, route-*, *.nmconnection, hostname, ... */
    const char *text;
    const char *file; /* the source that its places name */
    unsigned line, col;
    struct kl_place at;
};
struct kl_intent *kl_system_read(struct kl_arena *a, const struct kl_system_file *files, size_t n,
    const struct kl_release *r, struct kl_diags *d);

#endif
