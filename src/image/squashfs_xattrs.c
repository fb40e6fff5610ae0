/* Extended attributes: names and values packed as one run of metadata; a list of the sets, each
 * saying where its first pair lies in that run; and at the end a header with the positions of
 * both. Only the header says positions in the image, so a table that gets no new sets is taken
 * over as it is. New ones follow the old: the last block of the run and of the list, which are
 * seldom full, are packed anew, and all before them stays, so that no old set moves. */
#include "image/squashfs_put.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER = 16,
    SET = 16,
    SETS_A_BLOCK = 8192 / SET,
    BLOCK_MOST = 8192 + 2,
    VALUE_MOST = 65536,       /* linux/limits.h, XATTR_SIZE_MAX */
    PAIRS_MOST = 16 * 1 << 20 /* bytes; those of a whole distribution are some thousand */
};

struct table {
    uint32_t sets;
    uint64_t pairs;      /* where the run begins */
    unsigned char *list; /* le64 each: where the blocks of the list are */
    size_t nblocks;
    uint64_t end; /* of the list: where the header is */
};

static bool damaged(struct kl_squashfs *s, uint64_t at, const char *what)
{
    return kl_fault(s->log, KL_IMAGE_CORRUPT, at,
        "it is damaged: fetch it again and compare its checksum",
        "the table of extended attributes %s", what);
}

/* Positions rise, each list block ends before the next begins, and the run before them all
 * (linux/fs/squashfs/xattr_id.c). */
static bool is_in_order(struct kl_squashfs *s, const struct table *t)
{
    uint64_t before = t->pairs;
    for (size_t i = 0; i <= t->nblocks; i++) {
        uint64_t at = i < t->nblocks ? kl_le64(t->list + 8 * i) : t->end;
        if (at <= before || at > t->end || (i && at - before > BLOCK_MOST))
            return damaged(s, t->end + HEADER + 8 * i, "has its blocks in no order");
        before = at;
    }
    return t->pairs >= s->data_start || damaged(s, t->end, "begins before the data");
}

static bool read_table(struct kl_squashfs *s, struct table *t)
{
    unsigned char head[HEADER];
    *t = (struct table){.end = s->super.xattr_table};
    if (t->end == KL_SQUASHFS_NONE)
        return true;
    if (!kl_read(&s->in, t->end, head, sizeof head, "header of the extended attributes"))
        return false;
    t->pairs = kl_le64(head);
    t->sets = kl_le32(head + 8);
    t->nblocks = t->sets / SETS_A_BLOCK + (t->sets % SETS_A_BLOCK != 0);
    uint64_t left = s->in.len - t->end - HEADER;
    if (!t->sets || t->sets == KL_SQUASHFS_NO_INDEX || t->nblocks > left / 8) {
        damaged(s, t->end + 8, "has no sets, or more than the image has room for");
        return false;
    }
    t->list = kl_alloc(s->a, 8 * t->nblocks);
    return kl_read(&s->in, t->end + HEADER, t->list, 8 * t->nblocks, "list of attribute sets") &&
           is_in_order(s, t);
}

bool kl_squashfs_xattr_sets(struct kl_squashfs *s, uint32_t *n)
{
    unsigned char head[HEADER];
    *n = 0;
    if (s->super.xattr_table == KL_SQUASHFS_NONE)
        return true;
    if (!kl_read(
            &s->in, s->super.xattr_table, head, sizeof head, "header of the extended attributes"))
        return false;
    *n = kl_le32(head + 8);
    return true;
}

/* `pairs` is where the run begins now; the blocks of the list moved. */
static void put_header(const struct table *t, uint64_t pairs, uint64_t moved_from,
    uint64_t moved_to, uint64_t sets, struct kl_rope *out)
{
    unsigned char head[HEADER] = {0}, at[8];
    kl_put64(head, pairs);
    kl_put32(head + 8, (uint32_t)sets);
    kl_rope_add_bytes(out, head, sizeof head);
    for (size_t i = 0; i < t->nblocks; i++) {
        kl_put64(at, kl_le64(t->list + 8 * i) - moved_from + moved_to);
        kl_rope_add_bytes(out, at, sizeof at);
    }
}

/* --- new sets ----------------------------------------------------------------------------------*/

/* A run that goes on after old blocks: what is new of it, and how much lies before. */
struct run {
    struct kl_buf packed;
    struct kl_meta_out out;
    uint64_t kept; /* bytes of old blocks */
};

static const char *const prefixes[] = {"user.", "trusted.", "security."};

static bool put_pair(struct kl_squashfs *s, struct run *pairs, const struct kl_xattr *x)
{
    unsigned char head[4], len[4];
    uint16_t type = 0;
    while (type < 3 && strncmp(x->name, prefixes[type], strlen(prefixes[type])) != 0)
        type++;
    const char *name = type < 3 ? x->name + strlen(prefixes[type]) : "";
    if (!*name || strlen(x->name) > 255 || x->len > VALUE_MOST)
        return kl_fault(s->log, KL_IMAGE_CANNOT, KL_NO_OFFSET,
            "leave it out of the patch: squashfs keeps user.*, trusted.* and security.*, of at "
            "most 64 KiB",
            "the extended attribute '%s' of %zu bytes cannot be in a squashfs", x->name, x->len);
    kl_put16(head, type);
    kl_put16(head + 2, (uint16_t)strlen(name));
    kl_put32(len, (uint32_t)x->len);
    return (kl_meta_add(&pairs->out, head, sizeof head) &&
               kl_meta_add(&pairs->out, name, strlen(name)) &&
               kl_meta_add(&pairs->out, len, sizeof len) &&
               kl_meta_add(&pairs->out, x->value, x->len)) ||
           kl_squashfs_not_packed(s);
}

static bool put_set(struct kl_squashfs *s, struct run *pairs, struct kl_buf *list,
    const struct kl_squashfs_xattr_set *set)
{
    unsigned char one[SET];
    size_t size = 0;
    kl_put64(one, kl_meta_ref(&pairs->out) + (pairs->kept << 16));
    for (size_t i = 0; i < set->n; i++) {
        if (!put_pair(s, pairs, &set->xattrs[i]))
            return false;
        size += strlen(set->xattrs[i].name) + 1 + set->xattrs[i].len; /* what listing it takes */
    }
    kl_put32(one + 8, (uint32_t)set->n);
    kl_put32(one + 12, (uint32_t)size);
    kl_buf_addn(list, (const char *)one, sizeof one);
    return true;
}

/* The last block of the old run goes into `pairs`, unpacked, and all before it stays. */
static bool resume_pairs(struct kl_squashfs *s, const struct table *t, struct run *pairs)
{
    unsigned char block[8192], head[2];
    uint64_t at = t->pairs, end = kl_le64(t->list), next = at;
    size_t n;
    if (end - at > PAIRS_MOST)
        return kl_fault(s->log, KL_IMAGE_FULL, t->end, NULL,
            "its extended attributes take %" PRIu64 " bytes: more than can be added to", end - at);
    for (;;) {
        if (!kl_read(&s->in, next, head, sizeof head, "block of extended attributes"))
            return false;
        next += 2 + (uint64_t)(kl_le16(head) & 0x7fff);
        if (next >= end)
            break;
        at = next;
    }
    if (next != end)
        return damaged(s, at, "has a block that reaches into its list");
    if (!kl_squashfs_metablock(s, at, block, &n, &next))
        return false;
    pairs->kept = at - t->pairs;
    return kl_meta_add(&pairs->out, block, n) || kl_squashfs_not_packed(s);
}

/* Likewise of the list. */
static bool resume_list(struct kl_squashfs *s, const struct table *t, struct kl_buf *list)
{
    unsigned char block[8192];
    size_t n, wanted = (size_t)(t->sets - (t->nblocks - 1) * SETS_A_BLOCK) * SET;
    uint64_t next;
    if (!kl_squashfs_metablock(s, kl_le64(t->list + 8 * (t->nblocks - 1)), block, &n, &next))
        return false;
    if (n != wanted)
        return damaged(s, t->end, "has a list of another length than it says");
    kl_buf_addn(list, (const char *)block, n);
    return true;
}

/* The old blocks of run and list that stay, each with what follows it. */
static bool put_both(struct kl_squashfs *s, const struct table *t, struct run *pairs,
    const struct kl_buf *list, uint64_t at, uint64_t sets, struct kl_rope *out, uint64_t *table)
{
    struct kl_buf tail KL_BUF_SCOPE = {0};
    struct table kept = *t;
    uint64_t begin = kl_rope_len(out), list_at, old = t->sets ? kl_le64(t->list) : 0, places;
    kl_rope_add_rope(out, s->image, t->pairs, pairs->kept);
    kl_rope_add_bytes(out, pairs->packed.s, pairs->packed.len);
    list_at = at + kl_rope_len(out) - begin;
    kept.nblocks = t->sets ? t->nblocks - 1 : 0;
    uint64_t stays = t->sets ? kl_le64(t->list + 8 * kept.nblocks) - old : 0;
    kl_rope_add_rope(out, s->image, old, stays);
    bool raw = s->super.flags & KL_SQUASHFS_RAW_XATTRS;
    if (!kl_squashfs_put_table(s, list->s, list->len, raw, list_at + stays, &tail, &places))
        return false;
    size_t blocks = (size_t)(places - list_at - stays);
    kl_rope_add_bytes(out, tail.s, blocks);
    *table = at + kl_rope_len(out) - begin;
    put_header(&kept, at, old, list_at, sets, out);
    kl_rope_add_bytes(out, tail.s + blocks, tail.len - blocks);
    return true;
}

static bool add_sets(struct kl_squashfs *s, const struct table *t,
    const struct kl_squashfs_xattrs *more, struct run *pairs, struct kl_buf *list)
{
    pairs->out = (struct kl_meta_out){.packing = &s->packing,
        .raw = s->super.flags & KL_SQUASHFS_RAW_XATTRS,
        .out = &pairs->packed};
    if (t->sets && (!resume_pairs(s, t, pairs) || !resume_list(s, t, list)))
        return false;
    for (size_t i = 0; i < more->n; i++)
        if (!put_set(s, pairs, list, &more->sets[i]))
            return false;
    return kl_meta_end(&pairs->out) || kl_squashfs_not_packed(s);
}

static bool put_more(struct kl_squashfs *s, const struct table *t,
    const struct kl_squashfs_xattrs *more, uint64_t at, struct kl_rope *out, uint64_t *table)
{
    struct kl_buf list KL_BUF_SCOPE = {0};
    uint64_t sets = (uint64_t)t->sets + more->n;
    if (sets >= KL_SQUASHFS_NO_INDEX)
        return kl_fault(s->log, KL_IMAGE_FULL, KL_NO_OFFSET, NULL,
            "it would have more sets of extended attributes than squashfs can number");
    struct run *pairs = kl_xmalloc(sizeof *pairs);
    bool ok =
        add_sets(s, t, more, pairs, &list) && put_both(s, t, pairs, &list, at, sets, out, table);
    kl_buf_free(&pairs->packed);
    free(pairs);
    return ok;
}

bool kl_squashfs_put_xattrs(struct kl_squashfs *s, const struct kl_squashfs_xattrs *more,
    uint64_t at, struct kl_rope *out, uint64_t *table)
{
    struct table t;
    *table = KL_SQUASHFS_NONE;
    if (!read_table(s, &t))
        return false;
    if (more && more->n)
        return put_more(s, &t, more, at, out, table);
    if (!t.sets)
        return true;
    kl_rope_add_rope(out, s->image, t.pairs, t.end - t.pairs);
    *table = at + t.end - t.pairs;
    put_header(&t, at, t.pairs, at, t.sets, out);
    return true;
}
