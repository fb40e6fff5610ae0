/* Headers are 110 characters: a magic and thirteen numbers of eight hexadecimal digits. Header and
 * name together, and data, are each padded to a multiple of 4, counted from the header, so entries
 * must begin at multiples of 4 of the archive. */
#include "image/cpio.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { HEADER = 110 };

static void pad(struct kl_rope *rope, uint64_t len)
{
    static const char nothing[4] = "";
    kl_rope_add_bytes(rope, nothing, (size_t)(-len & 3));
}

void kl_cpio_entry(struct kl_rope *rope, const struct kl_cpio_entry *e)
{
    size_t name = strlen(e->name) + 1;
    struct kl_buf b KL_BUF_SCOPE = {0};
    kl_buf_addf(&b, "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
        e->crc ? "070702" : "070701", e->ino, e->mode, e->uid, e->gid, e->nlink, e->mtime, e->size,
        e->major, e->minor, e->rmajor, e->rminor, (unsigned)name, e->check);
    kl_buf_addn(&b, e->name, name);
    while (b.len & 3)
        kl_buf_addc(&b, '\0');
    size_t len = b.len;
    kl_rope_add_bytes_take(rope, kl_buf_take(&b), len);
}

void kl_cpio_data(struct kl_rope *rope, const struct kl_rope *data)
{
    kl_rope_add_rope(rope, data, 0, kl_rope_len(data));
    pad(rope, kl_rope_len(data));
}

void kl_cpio_trailer(struct kl_rope *rope)
{
    kl_cpio_entry(rope, &(struct kl_cpio_entry){.name = "TRAILER!!!", .nlink = 1});
}

static bool fits(const struct kl_step *s, uint64_t size, struct kl_fault_log *log)
{
    static const char *const instead =
        "cpio's numbers have 32 bits, and it has neither removals nor extended attributes";
    const char *what = s->remove                               ? "is to be removed"
                       : s->nxattrs                            ? "has extended attributes"
                       : size > UINT32_MAX                     ? "has 4 GiB or more"
                       : s->mtime < 0 || s->mtime > UINT32_MAX ? "was changed before 1970 or after "
                                                                 "2106"
                                                               : NULL;
    if (kl_streq(s->path, "TRAILER!!!"))
        what = "has the name that ends an archive";
    return !what ||
           kl_fault(log, KL_IMAGE_CANNOT, KL_NO_OFFSET, instead, "'/%s' %s", s->path, what);
}

bool kl_cpio_step(
    struct kl_rope *rope, const struct kl_step *s, uint32_t ino, struct kl_fault_log *log)
{
    bool device = s->kind == KL_NODE_CHAR || s->kind == KL_NODE_BLOCK;
    struct kl_rope *data KL_ROPE_SCOPE = NULL;
    if (s->kind == KL_NODE_FILE) {
        data = kl_rope_hold(s->change->content);
    } else if (s->kind == KL_NODE_SYMLINK) {
        data = kl_rope_new();
        kl_rope_add_bytes(data, s->change->target, strlen(s->change->target));
    }
    uint64_t size = data ? kl_rope_len(data) : 0;
    if (!fits(s, size, log))
        return false;
    kl_cpio_entry(rope, &(struct kl_cpio_entry){.name = s->path,
                            .ino = ino,
                            .mode = kl_node_mode(s->kind) | s->mode,
                            .uid = s->uid,
                            .gid = s->gid,
                            .nlink = 1,
                            .mtime = (uint32_t)s->mtime,
                            .size = (uint32_t)size,
                            .rmajor = device ? s->change->major : 0,
                            .rminor = device ? s->change->minor : 0});
    if (data)
        kl_cpio_data(rope, data);
    return true;
}

/* --- a patch alone -----------------------------------------------------------------------------*/

static bool nothing_in_it(struct kl_fs *fs, struct kl_node *dir)
{
    (void)fs;
    (void)dir;
    return true;
}

bool kl_cpio_of_patch(struct kl_patch *p, int64_t time, struct kl_rope *out)
{
    struct kl_fs empty = {
        .type = "cpio", .a = p->a, .log = &p->log, .time = time, .open_dir = nothing_in_it};
    const struct kl_patch_can can = {.largest = UINT32_MAX,
        .instead = "an archive is unpacked over what is there: it only adds and replaces"};
    struct kl_steps steps;
    empty.root = kl_node_new(&empty, "", 0);
    empty.root->kind = KL_NODE_DIR;
    empty.root->mode = 0755;
    for (size_t i = 0; i < p->n; i++)
        if (p->changes[i].remove)
            return kl_fault(&p->log, KL_IMAGE_CANNOT, KL_NO_OFFSET, can.instead,
                "'%s' (%s) cannot be removed by an archive", p->changes[i].path,
                p->changes[i].from);
    if (!kl_patch_plan(p, &empty, &can, &steps))
        return false;
    for (size_t i = 0; i < steps.n; i++)
        if (!kl_cpio_step(out, &steps.step[i], (uint32_t)i + 1, &p->log))
            return false;
    kl_cpio_trailer(out);
    return true;
}
