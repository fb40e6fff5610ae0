/* Files are opened below their root with openat2(RESOLVE_BENEATH): the kernel itself refuses what
 * leaves it, whatever links lie there. The root is opened for each request, so that what is
 * mounted over it later is seen. */
#include "serve/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The character at raw[*i], decoded; moves *i past it. A '%' that begins no escape is itself. */
static unsigned char take(const char *raw, size_t len, size_t *i)
{
    char c = raw[(*i)++];
    if (c == '%' && len - *i >= 2 && hex(raw[*i]) >= 0 && hex(raw[*i + 1]) >= 0) {
        c = (char)(hex(raw[*i]) << 4 | hex(raw[*i + 1]));
        *i += 2;
    }
    return (unsigned char)c;
}

/* Ends the segment out[start..n): returns the length without it if it is "." or empty, or -1 if
 * it is "..". */
static long end_segment(const char *out, size_t start, size_t n)
{
    size_t len = n - start;
    if (len == 2 && memcmp(out + start, "..", 2) == 0)
        return -1;
    if (len == 0 || (len == 1 && out[start] == '.'))
        return (long)start;
    return (long)n;
}

bool kl_path_normal(const char *raw, size_t len, char *out, size_t room, const char **why)
{
    size_t n = 0, start = 0;
    for (size_t i = 0; i <= len;) {
        unsigned char c = '/'; /* the end closes the last segment */
        if (i < len)
            c = take(raw, len, &i);
        else
            i++;
        if (c < 0x20 || c == 0x7f) {
            *why = "a control byte in the path";
            return false;
        }
        if (c != '/' && c != '\\') {
            if (n + 1 >= room) {
                *why = "the path is too long";
                return false;
            }
            out[n++] = (char)c;
            continue;
        }
        long kept = end_segment(out, start, n);
        if (kept < 0) {
            *why = "'..' in the path";
            return false;
        }
        n = (size_t)kept;
        if (n > start) { /* a segment was kept */
            if (n + 1 >= room) {
                *why = "the path is too long";
                return false;
            }
            out[n++] = '/';
        }
        start = n;
    }
    if (n && out[n - 1] == '/')
        n--;
    out[n] = '\0';
    return true;
}

size_t kl_path_decode(const char *raw, size_t len, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n + 1 < room;) {
        unsigned char c = take(raw, len, &i);
        out[n++] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
    }
    out[n] = '\0';
    return n;
}

int kl_open_beneath(const char *root, const char *path)
{
    int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    /* O_NONBLOCK: a FIFO that lies in a tree must not hold the server up. */
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd;
    do
        fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
    while (fd < 0 && errno == EAGAIN); /* a rename raced with "..": openat2(2) */
    int e = errno;
    close(dir);
    errno = e;
    return (int)fd;
}
