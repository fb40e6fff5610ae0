/* The second pass: what applies to each host, now that every profile and group is known. */
#include "fleet/load.h"

#include "base/text.h"
#include "tree/treeinfo.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the chain of profiles ---------------------------------------------------------------------*/

static const char *const *names_of(struct kl_load *l, const struct kl_names *t)
{
    const char **list = kl_alloc(l->tmp, (t->n + 1) * sizeof *list);
    size_t n = 0;
    for (size_t i = 0; i < t->room; i++)
        if (t->slots[i].name)
            list[n++] = t->slots[i].name;
    if (n)
        qsort(list, n, sizeof *list, kl_name_order);
    return list;
}

static const struct kl_block *named(
    struct kl_load *l, const struct kl_names *t, const struct kl_name_ref *ref, const char *one)
{
    const struct kl_block *b = ref->name ? kl_names_get(t, ref->name) : NULL;
    if (!b && ref->name && !l->broken)
        kl_diag(l->d, KL_ERROR, one[0] == 'p' ? "unknown-profile" : "unknown-group", ref->at,
            kl_load_near(l, ref->name, names_of(l, t)), "no %s is called '%s'", one, ref->name);
    return b;
}

/* Walks up from `b`, two steps for one, until the chain ends or bites its tail (Floyd). */
static bool chain_ends(const struct kl_block *b)
{
    const struct kl_block *slow = b, *fast = b;
    while (fast && fast->inherits) {
        slow = slow->inherits;
        fast = fast->inherits->inherits;
        if (slow == fast)
            return false;
    }
    return true;
}

/* Is `b` on a cycle, and of its names the first? Then it speaks for the cycle. */
static bool speaks_for_cycle(const struct kl_block *b, size_t most)
{
    const struct kl_block *p = b->inherits;
    for (; p != b && most; most--, p = p->inherits)
        if (strcmp(p->self.name, b->self.name) < 0)
            return false;
    return p == b;
}

void kl_resolve_profiles(struct kl_load *l)
{
    for (size_t i = 0; i < l->profiles.room; i++) {
        struct kl_block *b = (struct kl_block *)l->profiles.slots[i].value;
        if (b)
            b->inherits = named(l, &l->profiles, &b->parent, "profile");
    }
    for (size_t i = 0; i < l->profiles.room; i++) {
        struct kl_block *b = (struct kl_block *)l->profiles.slots[i].value;
        if (!b)
            continue;
        b->sound = chain_ends(b);
        if (!b->sound && speaks_for_cycle(b, l->profiles.n))
            kl_diag(l->d, KL_ERROR, "inherits-cycle", b->parent.at, "let one of them inherit less",
                "the profile '%s' inherits from itself", b->self.name);
    }
}

/* --- adding up ---------------------------------------------------------------------------------*/

static void add_block(struct kl_block *sum, const struct kl_block *b)
{
    const struct kl_settings *s = &b->set;
    struct kl_settings *t = &sum->set;
    for (unsigned i = 0; i < KL_SETTINGS; i++)
        if (b->said & 1u << i)
            sum->at[i] = b->at[i];
    sum->said |= b->said;
#define TAKE(BIT, FIELD)                                                                           \
    if (b->said & 1u << (BIT))                                                                     \
    t->FIELD = s->FIELD
    TAKE(KL_S_TREE, tree);
    TAKE(KL_S_RELEASE, release);
    TAKE(KL_S_KICKSTART, kickstart);
    TAKE(KL_S_RESCUE_KICKSTART, rescue_kickstart);
    TAKE(KL_S_REPO, repo);
    TAKE(KL_S_STAGE2, stage2);
    TAKE(KL_S_KERNEL, kernel);
    TAKE(KL_S_INITRD, initrd);
    TAKE(KL_S_CONSOLE, console);
    TAKE(KL_S_CONSOLE, nconsole);
    TAKE(KL_S_KERNEL_ARGS, kernel_args);
    TAKE(KL_S_KERNEL_ARGS, nkernel_args);
    TAKE(KL_S_SSHD, sshd);
    TAKE(KL_S_SYSLOG, syslog);
    TAKE(KL_S_DNS, dns);
    TAKE(KL_S_DNS, ndns);
    TAKE(KL_S_SEARCH, search);
    TAKE(KL_S_SEARCH, nsearch);
    TAKE(KL_S_PATCH, patch);
#undef TAKE
    if (b->said & 1u << KL_S_DNS)
        sum->dns_at = b->dns_at;
}

/* Parents first. */
static void add_profile(struct kl_load *l, struct kl_block *sum, const struct kl_block *p)
{
    const struct kl_block **chain = NULL;
    size_t n = 0;
    for (; p && p->sound; p = p->inherits) {
        chain = kl_grow(l->tmp, chain, n, sizeof *chain);
        chain[n++] = p;
    }
    while (n)
        add_block(sum, chain[--n]);
}

/* --- the release -------------------------------------------------------------------------------*/

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool has_treeinfo(struct kl_load *l, const char *dir)
{
    return access(kl_sprintf(l->tmp, "%s/.treeinfo", dir), F_OK) == 0 ||
           access(kl_sprintf(l->tmp, "%s/treeinfo", dir), F_OK) == 0;
}

/* What the tree's own .treeinfo says; each tree is read once. False when it could not be read, and
 * that is said. */
static bool release_of(struct kl_load *l, const char *tree, struct kl_place at, bool needed,
    const struct kl_release **release)
{
    const char *base = l->f->server.trees;
    *release = NULL;
    if (*tree != '/' && !base) {
        if (needed && !l->broken)
            kl_diag(l->d, KL_ERROR, "no-release", at,
                "add 'release: ...' beside it, or 'trees: DIRECTORY' to the server",
                "nothing says where the tree '%s' lies, nor which release it holds", tree);
        return false;
    }
    const char *dir = *tree == '/' ? tree : kl_sprintf(l->tmp, "%s/%s", base, tree);
    const void **slot = kl_names_slot(&l->trees, kl_load_string(l, dir));
    const struct kl_tree *known = *slot;
    if (!known) {
        struct kl_tree *t = kl_alloc(l->tmp, sizeof *t);
        *slot = known = t;
        if (has_treeinfo(l, dir) && !kl_tree_read(l->tmp, dir, t, l->d))
            t->dir = NULL;
        else if (!t->dir && (needed || *tree == '/' || is_dir(base)))
            kl_diag(l->d, needed ? KL_ERROR : KL_WARNING, "tree-missing", at,
                "a tree is a directory below 'trees' of the server, or an absolute path",
                "there is no tree in %s: it has no .treeinfo", dir);
    }
    *release = known->release;
    return known->dir != NULL;
}

static void say_mismatch(struct kl_load *l, const struct kl_block *sum, const struct kl_release *is)
{
    struct kl_diag *d = kl_diag(l->d, KL_WARNING, "tree-release", sum->at[KL_S_RELEASE], NULL,
        "the tree '%s' holds %s, not %s", sum->set.tree, kl_release_name(l->tmp, is),
        kl_release_name(l->tmp, sum->set.release));
    kl_also(l->d, d, sum->at[KL_S_TREE], "the tree is named here");
}

static void check_installs(struct kl_load *l, const struct kl_release *r, struct kl_place at)
{
    if (r && !kl_release_installs(r))
        kl_diag(l->d, KL_ERROR, "release-not-installed", at,
            "install EL7 or later; `kickline check` reads what others wrote for it",
            "%s can be checked, not installed by Kickline", kl_release_name(l->tmp, r));
}

/* A release that was said counts; else the tree's own. */
static void settle_release(struct kl_load *l, struct kl_block *sum, const struct kl_draft *draft)
{
    struct kl_settings *s = &sum->set;
    bool said = sum->said & 1u << KL_S_RELEASE, tree = sum->said & 1u << KL_S_TREE;
    const struct kl_release *is = NULL;
    bool known = s->tree && release_of(l, s->tree, sum->at[KL_S_TREE], !said, &is);
    if (said && is && s->release && s->release != is)
        say_mismatch(l, sum, is);
    if (!said)
        s->release = is;
    check_installs(l, s->release, sum->at[said ? KL_S_RELEASE : KL_S_TREE]);
    if (said)
        return;
    if (is || l->broken)
        return;
    if (!tree)
        kl_diag(l->d, KL_ERROR, "no-release", draft->host.at,
            "add 'release: ...' to its profile, such as centos-7.9",
            "nothing says which release '%s' is to be given", draft->host.name);
    else if (known)
        kl_diag(l->d, KL_ERROR, "no-release", sum->at[KL_S_TREE],
            "add 'release: ...' beside it, such as centos-7.9",
            "the tree does not say which release it holds");
}

/* --- patches -----------------------------------------------------------------------------------*/

/* What is patched is a file of a tree that this server serves. */
static void check_patch(struct kl_load *l, const struct kl_block *sum, const struct kl_draft *draft)
{
    const struct kl_settings *s = &sum->set;
    struct kl_place at = sum->at[KL_S_PATCH];
    if (!s->patch || l->broken)
        return;
    if (!kl_tree_name(l->f, s) || !l->f->server.trees)
        kl_diag(l->d, KL_ERROR, "patch-no-tree", at, "name a tree below server.trees with 'tree:'",
            "'%s' has a patch and no tree of this server to apply it to", draft->host.name);
    if (s->patch->ninitrd && s->initrd && strstr(s->initrd, "://"))
        kl_diag(l->d, KL_ERROR, "patch-no-file", at, "leave 'initrd:' out, or the patch of it",
            "the initrd of '%s' is a URL: only a file of the tree can be patched",
            draft->host.name);
    if (s->patch->nstage2 && s->stage2)
        kl_diag(l->d, KL_ERROR, "patch-no-file", at, "leave 'stage2:' out, or the patch of it",
            "the stage2 of '%s' is a URL: only a file of the tree can be patched",
            draft->host.name);
}

/* --- hosts -------------------------------------------------------------------------------------*/

static const struct kl_settings *kept(struct kl_load *l, const struct kl_block *sum)
{
    struct kl_settings *s = kl_alloc(l->a, sizeof *s);
    *s = sum->set;
    return s;
}

/* Equal keys have equal settings. Names of profiles and groups hold no newline: a key of YAML that
 * holds one is quoted, and then both parts of it are here. */
static const char *key_of(struct kl_load *l, const struct kl_draft *draft)
{
    struct kl_buf b KL_BUF_SCOPE = {0};
    kl_buf_addf(&b, "%zu:%s", draft->profile.name ? strlen(draft->profile.name) : 0,
        draft->profile.name ? draft->profile.name : "");
    for (size_t i = 0; i < draft->ngroups; i++)
        kl_buf_addf(&b, "\n%zu:%s", strlen(draft->groups[i].name), draft->groups[i].name);
    const char *s = kl_buf_text(&b), *known = kl_names_get(&l->strings, s);
    return known ? known : kl_load_string(l, s);
}

static void say_family(
    struct kl_load *l, const struct kl_draft *draft, struct kl_place at, const struct kl_addr *dns)
{
    char text[KL_ADDR_TEXT];
    struct kl_diag *d = kl_diag(l->d, KL_ERROR, "dns-family", at,
        "give the host an address of that family, or nameservers of its own",
        "'%s' has no IPv%d, so it cannot reach the nameserver %s", draft->host.name, dns->family,
        kl_addr_text(dns, text));
    kl_also(l->d, d, draft->host.at, "the host is here");
}

/* Each nameserver needs its family on every host that it is given to. Said once for each place. */
static void check_dns(struct kl_load *l, struct kl_draft *draft, const struct kl_block *sum)
{
    bool has[7] = {0};
    const struct kl_intent *in = draft->intent;
    for (size_t i = 0; i < in->nlinks; i++) {
        has[4] |= in->links[i].ip4.method != KL_OFF;
        has[6] |= in->links[i].ip6.method != KL_OFF;
    }
    if (draft->unclear || (!has[4] && !has[6]))
        return; /* said already: an address is wrong, or there is none at all */
    for (size_t i = 0; i < sum->set.ndns; i++) {
        const struct kl_addr *dns = &sum->set.dns[i];
        if (has[dns->family])
            continue;
        struct kl_place at = sum->dns_at[i];
        const void **slot = kl_names_slot(
            &l->settings, kl_sprintf(l->tmp, "dns\n%s\n%u\n%u", at.file, at.line, at.col));
        if (!*slot)
            say_family(l, draft, at, dns);
        *slot = sum;
    }
}

/* What all hosts of one profile and the same groups share. */
struct shared {
    struct kl_block sum;
    const struct kl_settings *kept;
};

static struct shared *share(
    struct kl_load *l, const struct kl_draft *draft, const struct kl_block *profile)
{
    const void **slot = kl_names_slot(&l->settings, key_of(l, draft));
    if (*slot)
        return (struct shared *)*slot;
    struct shared *s = kl_alloc(l->tmp, sizeof *s);
    *slot = s;
    if (l->defaults)
        add_block(&s->sum, l->defaults);
    add_profile(l, &s->sum, profile);
    for (size_t i = 0; i < draft->ngroups; i++) {
        const struct kl_block *g = kl_names_get(&l->groups, draft->groups[i].name);
        if (g)
            add_block(&s->sum, g);
    }
    return s;
}

void kl_resolve_settings(struct kl_load *l, struct kl_draft *draft)
{
    const struct kl_block *profile = named(l, &l->profiles, &draft->profile, "profile");
    for (size_t i = 0; i < draft->ngroups; i++)
        named(l, &l->groups, &draft->groups[i], "group");
    bool known = profile ? profile->sound : !draft->profile.name;
    struct shared *shared = share(l, draft, profile);
    struct kl_block own = shared->sum, *sum = &shared->sum;
    if (draft->own) {
        sum = &own;
        add_block(sum, draft->own);
    }
    if (draft->own || !shared->kept) {
        if (known)
            settle_release(l, sum, draft);
        if (known)
            check_patch(l, sum, draft);
        draft->host.set = kept(l, sum);
        if (!draft->own)
            shared->kept = draft->host.set;
    } else {
        draft->host.set = shared->kept;
    }
    struct kl_intent *in = draft->intent;
    in->dns = sum->set.dns;
    in->ndns = sum->set.ndns;
    in->search = sum->set.search;
    in->nsearch = sum->set.nsearch;
    check_dns(l, draft, sum);
}
