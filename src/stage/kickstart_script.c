/* Kickline's own scripts in a kickstart.
 *
 * %post writes the reference files of the installed system where the `network` commands cannot say
 * the intent, or where a release makes wrong files of them. It is all or nothing: every file is
 * written, and what the installer wrote for the same interfaces goes first, for two profiles of
 * one interface compete at boot (docs/boot-stages.md, quirk 19).
 *
 * %pre keeps a default route that was learnt by router advertisement. When the `network` line is
 * applied NetworkManager changes to method manual, which ends it: 1.0 to 1.20 set accept_ra_defrtr
 * to 0, later ones accept_ra (quirk 6); what was downloading stops. Where a route is missing it is
 * put back from what was seen before, at once, without waiting for the router's next
 * advertisement, which may be ten minutes away (RFC 4861 section 6.2.1).
 */
#include "stage/kickstart.h"

#include <string.h>

/* Scripts have the line ends of a shell, whatever the rest of the file has. */
static const char eol[] = "\n";
static const char word[] = "KICKLINE";

static void names(struct kl_buf *out, const struct kl_intent *i)
{
    for (size_t k = 0; k < i->nlinks; k++)
        kl_buf_addf(out, " %s", i->links[k].name);
}

/* Removes what the installer left for the same interfaces: found by what stands in the files, for
 * the names of files differ by release; and by the ports' MAC addresses. */
static void clear(struct kl_buf *out, const struct kl_intent *i, bool ifcfg)
{
    const char *files = ifcfg ? "./ifcfg-*" : "./*.nmconnection";
    static const char *const keys[2][6] = {{"interface-name", "id", "master", "controller", NULL},
        {"DEVICE", "NAME", "MASTER", "BRIDGE", "PHYSDEV", NULL}};
    const char *dir =
        ifcfg ? "/etc/sysconfig/network-scripts" : "/etc/NetworkManager/system-connections";
    kl_buf_addf(out, "mkdir -p %s && cd %s || exit 1\nfor link in", dir, dir);
    names(out, i);
    kl_buf_add(out, "; do\n");
    if (ifcfg)
        kl_buf_add(out, "    rm -f \"ifcfg-$link\" \"ifcfg-${link}_slave_\"* \"route-$link\" "
                        "\"route6-$link\"\n");
    kl_buf_add(out, "    grep -lxF");
    for (const char *const *key = keys[ifcfg]; *key; key++) {
        kl_buf_addf(out, " -e \"%s=$link\"", *key);
        if (ifcfg)
            kl_buf_addf(out, " -e \"%s=\\\"$link\\\"\"", *key);
    }
    kl_buf_addf(out, " %s 2>/dev/null |\n", files);
    kl_buf_add(out, "        while read -r file; do rm -f \"$file\"; done\ndone\n");
    char mac[KL_MAC_TEXT];
    for (size_t k = 0; k < i->nlinks; k++) {
        const struct kl_link *l = &i->links[k];
        if (l->kind != KL_ETHERNET || !l->mac.set)
            continue;
        kl_mac_text(&l->mac, mac);
        kl_buf_addf(out, "grep -lixF -e '%s=%s'", ifcfg ? "HWADDR" : "mac-address", mac);
        if (ifcfg)
            kl_buf_addf(out, " -e 'HWADDR=\"%s\"'", mac);
        kl_buf_addf(
            out, " %s 2>/dev/null |\n    while read -r file; do rm -f \"$file\"; done\n", files);
    }
}

void kl_ks_post(struct kl_buf *out, const struct kl_intent *i, const struct kl_release *r,
    const struct kl_file *files, size_t nfiles, const char *const *reasons, bool joined)
{
    kl_ks_begin(out, "post", joined, eol);
    kl_buf_add(out, "%post\n# The network's files as they are meant: the network commands alone "
                    "leave others, because\n");
    for (; *reasons; reasons++)
        kl_buf_addf(out, "# - %s\n", *reasons);
    kl_buf_add(out, "# (Quirks are numbered as in Kickline's docs/boot-stages.md, section 5.)\n");
    clear(out, i, r->system == KL_IFCFG);
    for (size_t k = 0; k < nfiles; k++)
        kl_buf_addf(out, "cat > '%s' <<'%s'\n%s%s\nchmod %04o '%s'\n", files[k].path, word,
            files[k].text, word, files[k].mode, files[k].path);
    kl_buf_add(out, "if [ -x /usr/sbin/restorecon ]; then\n    /usr/sbin/restorecon -RF");
    kl_buf_add(out, r->system == KL_IFCFG ? " /etc/sysconfig/network-scripts"
                                          : " /etc/NetworkManager/system-connections");
    kl_buf_add(out, " /etc/hostname\nfi\n%end\n");
    kl_ks_end(out, "post", eol);
}

void kl_ks_pre(struct kl_buf *out, const char *link, bool joined)
{
    kl_ks_begin(out, "pre", joined, eol);
    /* A program of its own: a shell that runs a function in the background keeps the installer's
     * pipes open in it, and the installer would wait for their end. */
    kl_buf_addf(out,
        "%%pre\n"
        "# The default route of %s is learnt by router advertisement, and NetworkManager drops it\n"
        "# when it applies a static address (quirk 6): it is kept until the installer is done.\n"
        "cat > /tmp/kickline-keep-route <<'%s'\n"
        "via=\n"
        "while :; do\n"
        "    now=$(ip -6 route show default dev \"$1\" 2>/dev/null |\n"
        "        sed -n 's/^default via \\([0-9a-f:]*\\).*/\\1/p' | head -n 1)\n"
        "    if [ -n \"$now\" ]; then\n"
        "        via=$now\n"
        "    else\n"
        "        for key in accept_ra accept_ra_defrtr; do\n"
        "            echo 1 > \"/proc/sys/net/ipv6/conf/$1/$key\"\n"
        "        done\n"
        "        if [ -n \"$via\" ] &&\n"
        "            ip -6 route add default via \"$via\" dev \"$1\" metric 1024; then\n"
        "            echo \"$(date) default route via $via put back\"\n"
        "        fi\n"
        "    fi\n"
        "    sleep 1\n"
        "done\n"
        "%s\n"
        "sh /tmp/kickline-keep-route %s < /dev/null > /tmp/kickline-keep-route.log 2>&1 &\n"
        "%%end\n",
        link, word, word, link);
    kl_ks_end(out, "pre", eol);
}

/* --- and back ----------------------------------------------------------------------------------*/

size_t kl_ks_post_files(struct kl_arena *a, const char *section, size_t len, struct kl_file **files)
{
    static const char head[] = "cat > '", middle[] = "' <<'KICKLINE'\n";
    const char *end = section + len;
    size_t n = 0;
    *files = NULL;
    for (const char *p = section; p < end;) {
        const char *next = memchr(p, '\n', (size_t)(end - p));
        next = next ? next + 1 : end;
        const char *quote = (size_t)(next - p) > strlen(head)
                                ? memchr(p + strlen(head), '\'', (size_t)(next - p) - strlen(head))
                                : NULL;
        bool opens = quote && memcmp(p, head, strlen(head)) == 0 &&
                     (size_t)(next - quote) == strlen(middle) &&
                     memcmp(quote, middle, strlen(middle)) == 0;
        if (!opens) {
            p = next;
            continue;
        }
        const char *stop = next;
        while (stop < end &&
               !((size_t)(end - stop) > strlen(word) && memcmp(stop, word, strlen(word)) == 0 &&
                   stop[strlen(word)] == '\n')) {
            const char *newline = memchr(stop, '\n', (size_t)(end - stop));
            stop = newline ? newline + 1 : end;
        }
        *files = kl_grow(a, *files, n, sizeof **files);
        (*files)[n++] = (struct kl_file){
            .path = kl_strndup(a, p + strlen(head), (size_t)(quote - p) - strlen(head)),
            .text = kl_strndup(a, next, (size_t)(stop - next)),
            .mode = 0644};
        p = stop;
    }
    return n;
}
