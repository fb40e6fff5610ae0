/* The first program of a guest that is there to show what its kernel made of an initrd: it reports
 * the whole tree to the second serial port, in the form of tests/lab/guest.py, and switches off.
 *
 * One line a node: path, kind, mode, owner, group, links, size, mtime, device, and the CRC-32 of a
 * file or the target of a symbolic link, with tabs between. Built with -static. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

static char *text; /* the report, so far */
static size_t len, room;

static void say(const char *fmt, ...)
{
    va_list args;
    if (room - len < 2 * PATH_MAX)
        text = realloc(text, room += 1 << 20);
    va_start(args, fmt);
    len += (size_t)vsnprintf(text + len, room - len, fmt, args);
    va_end(args);
}

static uint32_t crc(const char *path)
{
    uint32_t c = ~0U;
    unsigned char part[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t n; (n = read(fd, part, sizeof part)) > 0;)
        for (ssize_t i = 0; i < n; i++) {
            c ^= part[i];
            for (int bit = 0; bit < 8; bit++)
                c = c >> 1 ^ (c & 1 ? 0xedb88320U : 0);
        }
    close(fd);
    return ~c;
}

static void show(const char *path)
{
    struct stat st;
    char last[PATH_MAX] = "";
    if (lstat(path, &st) != 0)
        return;
    const char *kind = S_ISREG(st.st_mode)    ? "file"
                       : S_ISDIR(st.st_mode)  ? "directory"
                       : S_ISLNK(st.st_mode)  ? "symlink"
                       : S_ISCHR(st.st_mode)  ? "char"
                       : S_ISBLK(st.st_mode)  ? "block"
                       : S_ISFIFO(st.st_mode) ? "fifo"
                                              : "socket";
    if (S_ISREG(st.st_mode))
        snprintf(last, sizeof last, "%08x", crc(path));
    else if (S_ISLNK(st.st_mode) && readlink(path, last, sizeof last - 1) < 0)
        strcpy(last, "?");
    say("%s\t%s\t%o\t%u\t%u\t%lu\t%lld\t%lld\t%u:%u\t%s\n", path + 1, kind, st.st_mode & 07777,
        st.st_uid, st.st_gid, (unsigned long)st.st_nlink,
        S_ISREG(st.st_mode) ? (long long)st.st_size : 0, (long long)st.st_mtime, major(st.st_rdev),
        minor(st.st_rdev), last);
}

static void walk(const char *dir)
{
    DIR *d = opendir(*dir ? dir : "/");
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[PATH_MAX];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        show(path);
        if (e->d_type == DT_DIR)
            walk(path);
    }
    if (d)
        closedir(d);
}

static void base64(FILE *to)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < len; at += 3) {
        size_t left = len - at;
        uint32_t three = (uint32_t)(unsigned char)text[at] << 16 |
                         (left > 1 ? (uint32_t)(unsigned char)text[at + 1] << 8 : 0) |
                         (left > 2 ? (unsigned char)text[at + 2] : 0);
        fputc(digit[three >> 18], to);
        fputc(digit[three >> 12 & 63], to);
        fputc(left > 1 ? digit[three >> 6 & 63] : '=', to);
        fputc(left > 2 ? digit[three & 63] : '=', to);
    }
}

int main(void)
{
    walk("");
    mkdir("/dev", 0755);
    mknod("/dev/report", S_IFCHR | 0600, makedev(4, 65)); /* ttyS1 */
    FILE *to = fopen("/dev/report", "w");
    if (to) {
        fputs("@@KICKLINE-BEGIN\ntree ", to);
        base64(to);
        fputs("\n@@KICKLINE-END\n", to);
        fflush(to);
        tcdrain(fileno(to));
    }
    reboot(RB_POWER_OFF);
    return 1;
}
