/* What tests/unit/test_image_ext4.py asks about ext4:
 *
 *     ext4-patch IMAGE                     every file in it, a line each
 *     ext4-patch IMAGE OUT CHANGE...       the image with changes, in blocks of 128 KiB
 *
 * Changes: put:HOSTFILE:PATH[:MODE], dir:PATH, link:TARGET:PATH, char:MAJOR:MINOR:PATH,
 * rm:PATH, label:VALUE:PATH (a file with security.selinux). Writes to standard output how many
 * blocks are new. */
#include "base/text.h"
#include "image/ext4.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool line(void *arg, struct kl_fs *fs, struct kl_node *n)
{
    struct kl_rope *r KL_ROPE_SCOPE = kl_rope_new();
    char sum[KL_SHA256_TEXT] = "-";
    (void)arg;
    if (n->kind == KL_NODE_FILE) {
        static char part[1 << 16];
        for (uint64_t at = 0; at < n->size; at += sizeof part) {
            size_t len = n->size - at < sizeof part ? (size_t)(n->size - at) : sizeof part;
            if (!kl_fs_read(fs, n, at, part, len))
                return false;
            kl_rope_add_bytes(r, part, len);
        }
        kl_rope_sha256(r, sum);
    }
    printf("%s\t%s\t%o\t%u\t%u\t%u\t%" PRId64 "\t%" PRIu64 "\t%u:%u\t%s\t%s",
        kl_node_path(fs->a, n), kl_node_word[n->kind], n->mode, n->uid, n->gid, n->nlink, n->mtime,
        n->kind == KL_NODE_DIR ? 0 : n->size, n->major, n->minor, n->target ? n->target : "-", sum);
    if (!kl_fs_xattrs(fs, n))
        return false;
    for (size_t i = 0; i < n->nxattrs; i++) {
        printf("\t%s=", n->xattrs[i].name);
        for (size_t b = 0; b < n->xattrs[i].len; b++)
            printf("%02x", ((const unsigned char *)n->xattrs[i].value)[b]);
    }
    putchar('\n');
    return true;
}

static bool list(struct kl_arena *a, struct kl_cow *cow, struct kl_fault_log *log)
{
    struct kl_fs *fs = kl_ext4_open(a, cow, log);
    if (!fs)
        return false;
    struct kl_ext4_info info;
    kl_ext4_info(fs, a, &info);
    printf("# block %u blocks %" PRIu64 " free %" PRIu64 " inodes %" PRIu64 " free %" PRIu64
           " label %s clean %d: %s\n",
        info.block_size, info.blocks, info.free_blocks, info.inodes, info.free_inodes, info.label,
        info.clean, info.features);
    bool ok = kl_fs_walk(fs, fs->root, line, NULL);
    kl_ext4_close(fs);
    return ok;
}

/* The next part of a change; parts end with colons. */
static const char *part(struct kl_arena *a, const char **s)
{
    size_t n = strcspn(*s, ":");
    const char *p = kl_strndup(a, *s, n);
    *s += n + ((*s)[n] != 0);
    return p;
}

static bool add(struct kl_patch *p, const char *s)
{
    struct kl_change c = {.mode = -1, .uid = -1, .gid = -1, .mtime = -1, .from = s};
    const char *what = part(p->a, &s);
    if (kl_streq(what, "put") || kl_streq(what, "label")) {
        const char *first = part(p->a, &s);
        bool label = kl_streq(what, "label");
        c.content = label ? kl_rope_new() : kl_rope_of_fd(open(first, O_RDONLY | O_CLOEXEC));
        c.xattrs_given = label;
        c.xattrs = &(struct kl_xattr){"security.selinux", first, strlen(first)};
        c.nxattrs = label;
        c.path = part(p->a, &s);
        if (*s)
            c.mode = (int)strtol(s, NULL, 8);
    } else if (kl_streq(what, "link")) {
        c.kind = KL_NODE_SYMLINK;
        c.target = part(p->a, &s);
    } else if (kl_streq(what, "char")) {
        c.kind = KL_NODE_CHAR;
        c.major = (uint32_t)atoi(part(p->a, &s));
        c.minor = (uint32_t)atoi(part(p->a, &s));
    } else if (kl_streq(what, "dir")) {
        c.kind = KL_NODE_DIR;
    } else {
        c.remove = true;
    }
    if (!c.path)
        c.path = s;
    bool ok = kl_patch_add(p, &c);
    kl_rope_drop(c.content);
    return ok;
}

static bool write_out(struct kl_cow *cow, const struct kl_rope *base, const char *out)
{
    struct kl_rope *r KL_ROPE_SCOPE = kl_cow_rope(cow, base);
    int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = r && fd >= 0 && kl_rope_write(r, fd, NULL, NULL);
    close(fd);
    printf("%zu\n", kl_cow_changed(cow));
    return ok;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fault_log log = {.d = d, .image = argv[1]};
    struct kl_rope *rope KL_ROPE_SCOPE = kl_rope_of_fd(open(argv[1], O_RDONLY | O_CLOEXEC));
    if (!rope)
        return 2;
    struct kl_reader base = kl_rope_reader(rope, &log);
    struct kl_cow *cow = kl_cow_new(&base, 128 << 10);
    struct kl_patch *p = kl_patch_new(d);
    bool ok = kl_is_ext4(&base);
    if (argc == 2)
        ok = ok && list(a, cow, &log);
    for (int i = 3; ok && i < argc; i++)
        ok = add(p, argv[i]);
    if (argc > 2)
        ok = ok && kl_ext4_patch(a, cow, &log, p) && write_out(cow, rope, argv[2]);
    kl_diags_print(d, stderr, false, 0);
    kl_patch_free(p);
    kl_cow_free(cow);
    return !ok;
}
