/* For the tests of images: every node of an image as a line, whatever format it has.
 *
 *     image-dump FILE [--in PATH]
 *
 * PATH/KIND/MODE/UID/GID/MTIME/SIZE/NLINK/DEVICE/INODE/TARGET/XATTRS/SHA256, tabs between; "-"
 * where there is nothing to say. Bytes that would be taken for something else are \xNN. `--in`
 * opens the file at PATH in the image as an image itself. Exits 1 after a fault was reported. */
#include "base/text.h"
#include "image/erofs.h"
#include "image/ext4.h"
#include "image/initrd.h"
#include "image/squashfs.h"

#include <fcntl.h>
#include <gnutls/crypto.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PART = 1 << 20, COW_BLOCK = 128 << 10 };

static void put(struct kl_buf *b, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c <= ' ' || c >= 0x7f || c == '\\' || c == ',' || c == '=')
            kl_buf_addf(b, "\\x%02x", c);
        else
            kl_buf_addc(b, (char)c);
    }
    if (!n)
        kl_buf_addc(b, '-');
}

static bool put_sha256(struct kl_buf *b, struct kl_fs *fs, const struct kl_node *n)
{
    gnutls_hash_hd_t hash;
    unsigned char digest[32];
    char *part = kl_xmalloc(PART);
    bool ok = gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) == 0;
    for (uint64_t at = 0; ok && at < n->size;) {
        size_t some = n->size - at < PART ? (size_t)(n->size - at) : PART;
        ok = kl_fs_read(fs, n, at, part, some);
        gnutls_hash(hash, part, some);
        at += some;
    }
    gnutls_hash_deinit(hash, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        kl_buf_addf(b, "%02x", digest[i]);
    free(part);
    return ok;
}

static bool show(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    static const char *const kinds[] = {"file", "dir", "link", "char", "block", "fifo", "socket"};
    struct kl_buf b KL_BUF_SCOPE = {0};
    bool device = n->kind == KL_NODE_CHAR || n->kind == KL_NODE_BLOCK;
    const char *path = kl_node_path(fs->a, n);
    bool ok = kl_fs_xattrs(fs, n);
    put(&b, path, strlen(path));
    kl_buf_addf(&b, "\t%s\t%04o\t%" PRIu32 "\t%" PRIu32 "\t%" PRId64 "\t%" PRIu64 "\t%" PRIu32,
        kinds[n->kind], n->mode, n->uid, n->gid, n->mtime, n->kind == KL_NODE_DIR ? 0 : n->size,
        n->nlink);
    kl_buf_addf(&b, device ? "\t%" PRIu32 ":%" PRIu32 : "\t-", n->major, n->minor);
    kl_buf_addf(&b, "\t%" PRIu64 "\t", n->ino);
    put(&b, n->target, n->target ? strlen(n->target) : 0);
    kl_buf_add(&b, n->nxattrs ? "\t" : "\t-");
    for (size_t i = 0; i < n->nxattrs; i++) {
        kl_buf_add(&b, i ? "," : "");
        put(&b, n->xattrs[i].name, strlen(n->xattrs[i].name));
        kl_buf_addc(&b, '=');
        put(&b, n->xattrs[i].value, n->xattrs[i].len);
    }
    kl_buf_add(&b, n->kind == KL_NODE_FILE ? "\t" : "\t-");
    ok = (n->kind != KL_NODE_FILE || put_sha256(&b, fs, n)) && ok;
    if (ok)
        puts(kl_buf_text(&b));
    else
        *(bool *)arg = false;
    return true; /* the other files are shown all the same */
}

static bool show_all(struct kl_fs *fs)
{
    bool ok = true;
    return fs && show(&ok, fs, fs->root) && kl_fs_walk(fs, fs->root, show, &ok) && ok;
}

static bool show_ext4(struct kl_arena *a, struct kl_reader r, struct kl_fault_log *log)
{
    if (!kl_is_ext4(&r))
        return kl_fault(log, KL_IMAGE_UNSUPPORTED, 0, NULL, "this is no image that is known");
    struct kl_cow *cow = kl_cow_new(&r, COW_BLOCK);
    struct kl_fs *fs = kl_ext4_open(a, cow, log);
    bool ok = show_all(fs);
    if (fs)
        kl_ext4_close(fs);
    kl_cow_free(cow);
    return ok;
}

static const struct kl_node *inner(struct kl_fs *fs, const char *path)
{
    const struct kl_node *n = fs ? kl_fs_at(fs, path) : NULL;
    if (fs && (!n || n->kind != KL_NODE_FILE))
        kl_fault(fs->log, KL_IMAGE_NO_PATH, KL_NO_OFFSET, NULL, "there is no file '%s'", path);
    return n && n->kind == KL_NODE_FILE ? n : NULL;
}

static bool show_image(
    struct kl_arena *a, const struct kl_rope *rope, const char *in, struct kl_fault_log *log)
{
    struct kl_reader r = kl_rope_reader(rope, log);
    const struct kl_node *n;
    bool ok = false;
    if (kl_is_squashfs(&r)) {
        struct kl_squashfs *s = kl_squashfs_open(a, rope, log);
        if (in && (n = inner(s ? kl_squashfs_fs(s) : NULL, in)))
            ok = show_ext4(a, kl_squashfs_file(s, n), log);
        else if (!in && s)
            ok = show_all(kl_squashfs_fs(s));
        kl_squashfs_close(s);
        return ok;
    }
    if (kl_is_erofs(&r)) {
        struct kl_fs *fs = kl_erofs_open(a, rope, log);
        if (in && (n = inner(fs, in)))
            ok = show_ext4(a, kl_erofs_file(fs, n), log);
        else if (!in)
            ok = show_all(fs);
        if (fs)
            kl_erofs_close(fs);
        return ok;
    }
    if (kl_is_initrd(&r)) {
        struct kl_initrd *i = kl_initrd_open(a, rope, log, NULL);
        ok = i && show_all(kl_initrd_fs(i));
        kl_initrd_close(i);
        return ok;
    }
    return show_ext4(a, r, log);
}

int main(int argc, char **argv)
{
    bool nested = argc == 4 && strcmp(argv[2], "--in") == 0;
    if (argc != 2 && !nested)
        return 2;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fault_log log = {.d = d, .image = argv[1]};
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    struct kl_rope *rope KL_ROPE_SCOPE = fd < 0 ? NULL : kl_rope_of_fd(fd);
    if (!rope) {
        perror(argv[1]);
        return 2;
    }
    bool ok = show_image(a, rope, nested ? argv[3] : NULL, &log);
    kl_diags_print(d, stderr, false, 0);
    return ok ? 0 : 1;
}
