/* A run: the texts at hand, case by case. */
#include "check/check.h"

#include "check/cases.h"
#include "check/fold.h"
#include "check/site.h"
#include "fleet/plan.h"

#include <string.h>

struct run {
    struct kl_site *site;
    struct kl_cases *cases;
    kl_check_found *found;
    kl_check_progress *progress;
    void *arg;
    struct kl_check_result *out;
    size_t done;
    struct kl_diags *d; /* of the document at hand */
    bool together;      /* several documents are handed over at once */
};

/* A finding may point into a file that another reader read before: reservations. */
static void know(struct run *r, const char *file)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    size_t len;
    const struct kl_doc *doc =
        file && !kl_diags_knows(r->d, file) ? kl_site_document(r->site, file) : NULL;
    const char *text = doc ? kl_site_text(r->site, a, doc, &len) : NULL;
    if (text)
        kl_diags_source(r->d, file, text, len);
}

static void hand_over(struct run *r)
{
    const struct kl_diag *one;
    if (r->together)
        return;
    for (size_t k = 0; r->site && (one = kl_diags_at(r->d, k)); k++) {
        know(r, one->at.file);
        know(r, one->also.file);
    }
    r->out->errors += kl_diags_count(r->d, KL_ERROR);
    r->out->warnings += kl_diags_count(r->d, KL_WARNING) - kl_diags_count(r->d, KL_ERROR);
    r->out->notes += kl_diags_count(r->d, KL_NOTE) - kl_diags_count(r->d, KL_WARNING);
    r->found(r->arg, r->d);
    kl_diags_free(r->d);
    r->d = kl_diags_new();
}

static void step(struct run *r)
{
    r->done++;
    if (r->progress)
        r->progress(r->arg, r->done, r->site->n);
}

static bool one_case(struct run *r, const struct kl_origin *from)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_case c;
    struct kl_case_marks marks = {0};
    size_t before = kl_diags_count(r->d, KL_NOTE);
    if (!kl_case_make(r->cases, a, from, &c, &marks, r->d))
        return false;
    kl_rules_loader(&c, r->d);
    kl_rules_line(&c, r->d);
    kl_rules_kickstart(&c, r->d);
    kl_rules_lockstep(&c, r->d);
    kl_rules_reach(&c, r->d);
    kl_fold(r->d, before, &marks);
    r->out->cases++;
    return true;
}

/* --- documents ---------------------------------------------------------------------------------*/

typedef struct kl_menu *parse_menu(struct kl_arena *a, const char *text, size_t len,
    const char *file, const struct kl_finder *files, struct kl_diags *d);

static void loader(struct run *r, const struct kl_doc *doc, const char *name, parse_menu *parse)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_site_finder self = {r->site, a};
    struct kl_finder files = kl_site_finder(&self);
    size_t len;
    const char *text = kl_site_text(r->site, a, doc, &len);
    struct kl_menu *menu = text ? parse(a, text, len, doc->path, &files, r->d) : NULL;
    for (size_t k = 0; menu && k < menu->nentries; k++) {
        const struct kl_entry *e = &menu->entries[k];
        if (e->kind == KL_ENTRY_LINUX)
            one_case(
                r, &(struct kl_origin){
                       .doc = doc, .loader = name, .menu = menu, .entry = e, .line = &e->line});
    }
    hand_over(r);
}

static void bare_line(struct run *r, const struct kl_doc *doc, const char *line, const char *file)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_cmdline words = kl_cmdline_words(a, line, file, r->d);
    one_case(r, &(struct kl_origin){.doc = doc, .line = &words});
    hand_over(r);
}

static void line_document(struct run *r, const struct kl_doc *doc)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    size_t len;
    const char *text = kl_site_text(r->site, a, doc, &len);
    if (text)
        bare_line(r, doc, text, doc->path);
}

static void loaders_and_lines(struct run *r)
{
    for (size_t k = 0; k < r->site->n; k++) {
        const struct kl_doc *doc = &r->site->docs[k];
        switch (doc->kind) {
        case KL_KIND_PXELINUX:
            loader(r, doc, "PXELINUX", kl_pxelinux_parse);
            break;
        case KL_KIND_GRUB:
            loader(r, doc, "GRUB", kl_grub_parse);
            break;
        case KL_KIND_IPXE:
            loader(r, doc, "iPXE", kl_ipxe_parse);
            break;
        case KL_KIND_CMDLINE:
            line_document(r, doc);
            break;
        case KL_KIND_KICKSTART:
            continue; /* counted below */
        default:
            break;
        }
        step(r);
    }
}

/* A kickstart that another includes is no install of its own. */
static void mark_included(struct run *r)
{
    for (size_t k = 0; k < r->site->n; k++) {
        const struct kl_doc *doc = &r->site->docs[k];
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        size_t len;
        const char *text = doc->kind == KL_KIND_KICKSTART && !doc->used
                               ? kl_site_text(r->site, a, doc, &len)
                               : NULL;
        for (const char *s = text; s && (s = strstr(s, "%include")); s++) {
            const char *name = s + 8 + strspn(s + 8, " \t\"'");
            name = kl_strndup(a, name, strcspn(name, " \t\r\n\"'"));
            if (s != text && s[-1] != '\n')
                continue;
            struct kl_doc *part = kl_site_find(r->site, name, doc->path, KL_KIND_KICKSTART, NULL);
            if (part && part != doc)
                part->used = true;
        }
    }
}

static void kickstarts(struct run *r)
{
    mark_included(r);
    for (size_t k = 0; k < r->site->n; k++) {
        const struct kl_doc *doc = &r->site->docs[k];
        if (doc->kind != KL_KIND_KICKSTART)
            continue;
        if (!doc->used) {
            one_case(r, &(struct kl_origin){.doc = doc, .kickstart = doc});
            hand_over(r);
        }
        step(r);
    }
}

static void installed(struct run *r)
{
    for (size_t k = 1; k <= kl_cases_sets(r->cases); k++)
        if (!kl_cases_set_used(r->cases, k)) {
            one_case(r, &(struct kl_origin){.set = k});
            hand_over(r);
        }
}

/* Everything that the site holds; the site is gone afterwards. */
static void run_site(struct run *r, const struct kl_check_options *o)
{
    kl_site_index(r->site);
    r->cases = kl_cases_new(r->site, o, r->d);
    for (size_t k = 0; k < r->site->n; k++)
        r->out->files += r->site->docs[k].kind != KL_KIND_UNKNOWN;
    hand_over(r);
    for (size_t k = 0; k < o->ncmdlines; k++)
        bare_line(r, NULL, o->cmdlines[k], "<cmdline>");
    loaders_and_lines(r);
    kickstarts(r);
    installed(r);
    kl_cases_free(r->cases);
    kl_site_free(r->site);
    r->site = NULL;
}

bool kl_check_paths(const struct kl_check_options *o, kl_check_found *found,
    kl_check_progress *progress, void *arg, struct kl_check_result *out)
{
    struct run r = {
        .found = found, .progress = progress, .arg = arg, .out = out, .d = kl_diags_new()};
    *out = (struct kl_check_result){0};
    r.site = kl_site_new(o, r.d);
    bool ran = !kl_diags_count(r.d, KL_ERROR);
    run_site(&r, o);
    kl_diags_free(r.d);
    return ran;
}

void kl_check_texts(const struct kl_check_text *texts, size_t n, const struct kl_check_options *o,
    kl_check_found *found, void *arg, struct kl_check_result *out)
{
    struct run r = {.found = found, .arg = arg, .out = out, .d = kl_diags_new()};
    *out = (struct kl_check_result){0};
    r.site = kl_site_new(o, r.d);
    for (size_t k = 0; k < n; k++)
        kl_site_add(r.site, texts[k].path, texts[k].text);
    run_site(&r, o);
    kl_diags_free(r.d);
}

/* --- an inventory ------------------------------------------------------------------------------*/

/* What a host is given, as documents under its name; nothing in it is known to the reader but the
 * text. One loader is enough: what they share is the line; without any, the line alone. */
static void host_documents(
    struct kl_site *site, struct kl_arena *a, const struct kl_host *h, const struct kl_plan *p)
{
    const char *loader = p->ipxe ? p->ipxe : p->grub ? p->grub : p->pxelinux;
    const char *name = p->ipxe ? "boot.ipxe" : p->grub ? "grub.cfg" : "pxelinux.cfg";
    if (loader)
        kl_site_add(site, kl_sprintf(a, "%s/%s", h->name, name), loader);
    else if (p->cmdline)
        kl_site_add(site, kl_sprintf(a, "%s/cmdline", h->name), p->cmdline);
    if (p->kickstart)
        kl_site_add(site, kl_sprintf(a, "%s/ks.cfg", h->name), p->kickstart);
    if (p->rescue_kickstart)
        kl_site_add(site, kl_sprintf(a, "%s/rescue.cfg", h->name), p->rescue_kickstart);
}

static void one_host(struct run *r, const struct kl_fleet *f, const struct kl_host *h)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_plan plan;
    /* As it is served while nobody has armed the host: what installs is in it all the same. */
    kl_plan_make(a, f, h, false, KL_PLAN_ALL, &plan, r->d);
    struct kl_check_options o = {.release = plan.release, .nics = (unsigned)h->nnics};
    r->site = kl_site_new(&o, r->d);
    host_documents(r->site, a, h, &plan);
    run_site(r, &o);
}

/* Findings point into the inventory, which is shown with them: hosts are handed over together. */
enum { BATCH = 256 };

bool kl_check_fleet(const struct kl_fleet *f, const struct kl_host *const *hosts, size_t nhosts,
    kl_check_found *found, kl_check_progress *progress, void *arg, struct kl_check_result *out)
{
    struct run r = {.found = found, .arg = arg, .out = out, .d = kl_diags_new()};
    size_t n = hosts ? nhosts : f->nhosts;
    *out = (struct kl_check_result){0};
    for (size_t k = 0; k < n; k++) {
        r.together = true;
        one_host(&r, f, hosts ? hosts[k] : &f->hosts[k]);
        r.together = false;
        if (k % BATCH == BATCH - 1 || k + 1 == n)
            hand_over(&r);
        if (progress)
            progress(arg, k + 1, n);
    }
    kl_diags_free(r.d);
    return true;
}
