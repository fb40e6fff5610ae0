/* Archives as patches, by libarchive: tar and cpio in all their forms, packed by any filter that
 * runs within this process. Nothing is unpacked to the disk, so what an archive does with paths and
 * links can only harm the image, and paths that leave it are refused there.
 *
 * Hard links become copies that share one rope. In cpio the last of them brings the data (newc) and
 * the others are empty, so data that comes later is that of all of them. */
#include "base/text.h"
#include "image/patch_own.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES_MOST ((uint64_t)4 << 30) /* of all content */
enum { ENTRIES_MOST = 1 << 20, BLOCK = 64 << 10 };

struct group { /* hard links of one file */
    bool has_data;
};

struct file {
    struct file *next; /* in its chain */
    const char *path;
    size_t change; /* of the patch */
    struct group *group;
};

struct reader {
    struct kl_input in;
    struct kl_patch *p;
    const char *name;
    struct archive *ar;
    struct file **table; /* files by path: what hard links look for */
    size_t size, nfiles;
    uint64_t bytes;
    size_t entries;
    bool acl_told, warned;
};

/* --- libarchive --------------------------------------------------------------------------------*/

typedef int filter(struct archive *);

/* Each of them falls back to a program when its library was left out of libarchive, which the
 * first call then says by ARCHIVE_WARN: asked of another archive before (archive_read_filter(3)).
 */
static void add_filters(struct archive *ar)
{
    static filter *const filters[] = {archive_read_support_filter_bzip2,
        archive_read_support_filter_compress, archive_read_support_filter_gzip,
        archive_read_support_filter_lz4, archive_read_support_filter_lzip,
        archive_read_support_filter_lzma, archive_read_support_filter_lzop,
        archive_read_support_filter_xz, archive_read_support_filter_zstd};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        struct archive *probe = archive_read_new();
        if (filters[i](probe) == ARCHIVE_OK)
            filters[i](ar);
        archive_read_free(probe);
    }
}

static bool failed(struct reader *r)
{
    const char *why = archive_error_string(r->ar);
    if (r->entries)
        return kl_fault(&r->p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL, "entry %zu: %s", r->entries,
            why ? why : "it cannot be read");
    return kl_fault(&r->p->log, KL_IMAGE_PATCH, KL_NO_OFFSET,
        "a single file is given with --add HOSTPATH:IMAGEPATH",
        "it is neither a tar nor a cpio archive: %s", why ? why : "it cannot be read");
}

static bool bomb(struct reader *r, const char *from)
{
    return kl_fault(&r->p->log, KL_IMAGE_BOMB, KL_NO_OFFSET, NULL,
        "'%s': the archive holds more than %llu GiB, or %d entries", from,
        (unsigned long long)(BYTES_MOST >> 30), ENTRIES_MOST);
}

/* --- files by path -----------------------------------------------------------------------------*/

static size_t hash(const char *path)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a (draft-eastlake-fnv) */
    for (; *path; path++)
        h = (h ^ (unsigned char)*path) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32);
}

static struct file **slot(struct reader *r, const char *path)
{
    return &r->table[hash(path) & (r->size - 1)];
}

static void grow_table(struct reader *r)
{
    struct file **old = r->table;
    size_t size = r->size;
    r->size = size ? size * 2 : 256;
    r->table = kl_xmalloc(r->size * sizeof(struct file *));
    for (size_t i = 0; i < size; i++)
        for (struct file *f = old[i], *next; f; f = next) {
            next = f->next;
            struct file **at = slot(r, f->path);
            f->next = *at;
            *at = f;
        }
    free(old);
}

static struct file *find(struct reader *r, const char *path)
{
    struct file *f = r->size ? *slot(r, path) : NULL;
    while (f && !kl_streq(f->path, path))
        f = f->next;
    return f;
}

static struct group *remember(struct reader *r, size_t change, struct group *group)
{
    const char *path = r->p->changes[change].path;
    struct file *f = find(r, path);
    if (!f) {
        if (r->nfiles++ >= r->size)
            grow_table(r);
        f = kl_alloc(r->p->a, sizeof *f);
        struct file **at = slot(r, path);
        *f = (struct file){.next = *at, .path = path};
        *at = f;
    }
    f->change = change;
    f->group = group ? group : kl_alloc(r->p->a, sizeof *f->group);
    return f->group;
}

/* --- entries -----------------------------------------------------------------------------------*/

static bool give_xattrs(struct reader *r, struct archive_entry *e, struct kl_change *c)
{
    int n = archive_entry_xattr_reset(e);
    const char *name;
    const void *value;
    size_t len, i = 0;
    if (n <= 0)
        return true;
    c->xattrs = kl_alloc(r->p->a, (size_t)n * sizeof *c->xattrs);
    while (i < (size_t)n && archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
        if (!name)
            return kl_fault(&r->p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL,
                "'%s' has an extended attribute without a name", c->from);
        c->xattrs[i++] = (struct kl_xattr){name, value, len};
    }
    c->nxattrs = i;
    c->xattrs_given = true;
    return true;
}

static void tell_acl(struct reader *r, struct archive_entry *e, const char *from)
{
    int all = ARCHIVE_ENTRY_ACL_TYPE_ACCESS | ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;
    if (r->acl_told || archive_entry_acl_reset(e, all) <= 0)
        return;
    r->acl_told = true;
    kl_image_warning(&r->p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL,
        "'%s' has an access control list: none are taken over", from);
}

/* The content, into the rope of the change, or past it when that has its content already. */
static bool take_data(struct reader *r, struct kl_rope *rope, uint64_t size, const char *from)
{
    struct kl_incoming c;
    const void *bytes;
    size_t n;
    la_int64_t at;
    int rc = ARCHIVE_OK;
    if (size > BYTES_MOST - r->bytes)
        return bomb(r, from);
    r->bytes += size;
    bool ok = kl_input_open(&r->in, rope, size, &c);
    while (ok && (rc = archive_read_data_block(r->ar, &bytes, &n, &at)) == ARCHIVE_OK)
        ok = kl_input_put(&r->in, &c, (uint64_t)at, bytes, n);
    if (ok && rc != ARCHIVE_EOF)
        ok = failed(r);
    kl_input_close(&r->in, &c, ok);
    return ok;
}

/* A hard link: the change that it is a copy of gives content, and all that goes with it. */
static bool link_to(struct reader *r, const char *target, struct kl_change *c, struct group **group)
{
    const char *why = NULL, *path = kl_patch_normal(r->p->a, target, &why);
    struct file *f = path ? find(r, path) : NULL;
    if (!f)
        return kl_fault(&r->p->log, KL_IMAGE_PATCH, KL_NO_OFFSET,
            "put both into the archive, in the order in which tar finds them",
            "'%s' is a hard link to '%s', which is not before it in the archive", c->from, target);
    const struct kl_change *first = &r->p->changes[f->change];
    *group = f->group;
    c->kind = first->kind;
    c->content = first->content;
    c->target = first->target;
    c->major = first->major;
    c->minor = first->minor;
    if (!c->xattrs_given) {
        c->xattrs_given = first->xattrs_given;
        c->xattrs = first->xattrs;
        c->nxattrs = first->nxattrs;
    }
    return true;
}

static bool kind_of(struct reader *r, struct archive_entry *e, struct kl_change *c)
{
    unsigned type = archive_entry_filetype(e);
    c->kind = kl_node_kind_of(type);
    if (type != kl_node_mode(c->kind))
        return kl_fault(&r->p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL,
            "'%s' has a type that is not known: %o", c->from, type);
    if (archive_entry_is_encrypted(e))
        return kl_fault(
            &r->p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL, "'%s' is encrypted", c->from);
    c->target = c->kind == KL_NODE_SYMLINK ? archive_entry_symlink(e) : NULL;
    if (c->kind == KL_NODE_CHAR || c->kind == KL_NODE_BLOCK) {
        c->major = (uint32_t)archive_entry_rdevmajor(e);
        c->minor = (uint32_t)archive_entry_rdevminor(e);
    }
    return true;
}

static void give_owner(struct archive_entry *e, struct kl_change *c)
{
    int64_t mtime = archive_entry_mtime_is_set(e) ? archive_entry_mtime(e) : -1;
    c->uid = archive_entry_uid(e);
    c->gid = archive_entry_gid(e);
    c->mode = (int)(archive_entry_mode(e) & 07777);
    c->mtime = mtime >= 0 ? mtime : archive_entry_mtime_is_set(e) ? 0 : -1;
}

static bool add_entry(struct reader *r, struct archive_entry *e)
{
    struct kl_change c = {.path = archive_entry_pathname(e)};
    struct group *group = NULL;
    const char *why = NULL, *link = archive_entry_hardlink(e), *normal;
    uint64_t size = archive_entry_size_is_set(e) ? (uint64_t)archive_entry_size(e) : 0;
    if (!c.path)
        return kl_fault(&r->p->log, KL_IMAGE_BAD_PATH, KL_NO_OFFSET, NULL,
            "entry %zu has no name that can be read", r->entries);
    c.from = kl_sprintf(r->p->a, "%s: %s", r->name, c.path);
    normal = kl_patch_normal(r->p->a, c.path, &why);
    if (normal && !*normal && archive_entry_filetype(e) == AE_IFDIR)
        return true; /* "./": the root itself, which is always there */
    give_owner(e, &c);
    tell_acl(r, e, c.from);
    if (!give_xattrs(r, e, &c) || !(link ? link_to(r, link, &c, &group) : kind_of(r, e, &c)) ||
        !kl_patch_add(r->p, &c))
        return false;
    if (c.kind == KL_NODE_DIR)
        return true;
    group = remember(r, r->p->n - 1, group);
    if (c.kind != KL_NODE_FILE || !size)
        return true;
    struct kl_rope *past KL_ROPE_SCOPE = kl_rope_new();
    struct kl_rope *rope = group->has_data ? past : r->p->changes[r->p->n - 1].content;
    group->has_data = true;
    return take_data(r, rope, size, c.from);
}

static bool read_entries(struct reader *r)
{
    struct archive_entry *e;
    for (int rc; (rc = archive_read_next_header(r->ar, &e)) != ARCHIVE_EOF;) {
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
            return failed(r);
        if (++r->entries > ENTRIES_MOST)
            return bomb(r, r->name);
        if (rc == ARCHIVE_WARN && !r->warned) {
            r->warned = true;
            kl_image_warning(&r->p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL, "entry %zu: %s",
                r->entries, archive_error_string(r->ar));
        }
        if (!add_entry(r, e))
            return false;
    }
    return true;
}

/* An archive ends where it says, and libarchive with it. What follows would be lost without a word:
 * a second archive behind the first, as in an initrd. (Of one that is packed, this cannot be seen.)
 */
static bool nothing_follows(struct reader *r, int fd)
{
    unsigned char part[4096];
    la_int64_t at = archive_filter_bytes(r->ar, 0);
    if (archive_filter_code(r->ar, 0) != ARCHIVE_FILTER_NONE)
        return true;
    for (ssize_t n; (n = pread(fd, part, sizeof part, (off_t)at)) > 0; at += n)
        for (ssize_t i = 0; i < n; i++)
            if (part[i])
                return kl_fault(&r->p->log, KL_IMAGE_PATCH, (uint64_t)at + (uint64_t)i,
                    "give each archive by itself", "something follows the end of the archive");
    return true;
}

static bool read_archive(struct reader *r, int fd)
{
    r->ar = archive_read_new();
    add_filters(r->ar);
    archive_read_support_format_tar(r->ar);
    archive_read_support_format_cpio(r->ar);
    bool ok = archive_read_open_fd(r->ar, fd, BLOCK) == ARCHIVE_OK
                  ? read_entries(r) && nothing_follows(r, fd)
                  : failed(r);
    archive_read_free(r->ar);
    return ok;
}

/* libarchive turns the names of PAX archives from UTF-8 into the locale's words: they stay as they
 * are when that is UTF-8, too, whatever the user's is. */
static bool read_in_utf8(struct reader *r, int fd)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), own = (locale_t)0;
    if (utf8)
        own = uselocale(utf8);
    bool ok = read_archive(r, fd);
    if (utf8) {
        uselocale(own);
        freelocale(utf8);
    }
    return ok;
}

bool kl_patch_add_archive_fd(struct kl_patch *p, int fd, const char *name)
{
    struct reader r = {.p = p, .name = name};
    struct stat st;
    kl_input_begin(&r.in, p, name);
    bool ok = fstat(fd, &st) == 0 || kl_patch_io(p, name);
    if (ok && !S_ISREG(st.st_mode))
        ok = kl_fault(&p->log, KL_IMAGE_PATCH, KL_NO_OFFSET, NULL, "it is a %s, not an archive",
            kl_node_word[kl_node_kind_of(st.st_mode)]);
    if (ok) {
        r.in.time = st.st_mtim;
        ok = read_in_utf8(&r, fd);
    }
    close(fd);
    free(r.table);
    return kl_input_end(&r.in, ok);
}
