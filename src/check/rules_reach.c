/* What a stage cannot reach. Codes: unreachable-url, unreachable-dns; and those of rules_links.c
 * (gateway-off-link, no-address) and rules_slow.c (slow-path). */
#include "check/reach.h"

#include <string.h>

struct rule {
    const struct kl_case *c;
    struct kl_diags *d;
    size_t from; /* findings that were there before */
};

/* One text may serve two stages; it is said once. */
static bool is_said(const struct rule *r, const char *code, const struct kl_place *at)
{
    const struct kl_diag *one;
    for (size_t k = r->from; (one = kl_diags_at(r->d, k)); k++)
        if (strcmp(one->code, code) == 0 && kl_streq(one->at.file, at->file) &&
            one->at.line == at->line && one->at.col == at->col)
            return true;
    return false;
}

static bool is_on_line(const struct kl_place *at)
{
    return at->file && at->line;
}

/* Of several servers in one command the first is enough. */
static bool is_repeated(const struct rule *r, const struct kl_wanted *w)
{
    const struct kl_diag *one;
    for (size_t k = r->from; w->severity < KL_ERROR && (one = kl_diags_at(r->d, k)); k++)
        if (strcmp(one->code, "unreachable-url") == 0 && kl_streq(one->at.file, w->at.file) &&
            one->at.line == w->at.line && strstr(one->message, w->what))
            return true;
    return false;
}

/* The fact that decides. */
static void show_fact(struct rule *r, struct kl_diag *one, const struct kl_view *v,
    const struct kl_reach_answer *answer)
{
    struct kl_place at = kl_view_said(v, answer->link, answer->field);
    if (!answer->field || !is_on_line(&at) ||
        (kl_streq(at.file, one->at.file) && at.line == one->at.line && at.col == one->at.col))
        return;
    if (!answer->link)
        kl_diag_also(r->d, one, at, "the name servers of the %s", v->stage);
    else if (kl_starts(answer->field, "addresses"))
        kl_diag_also(
            r->d, one, at, "the address of %s in the %s", kl_called(answer->link), v->stage);
    else
        kl_diag_also(
            r->d, one, at, "all that %s is given in the %s", kl_called(answer->link), v->stage);
}

/* --- URLs --------------------------------------------------------------------------------------*/

static bool is_literal(const char *host, int *family)
{
    struct kl_addr a;
    bool literal = kl_addr_parse(host, &a);
    *family = literal ? a.family : 0;
    return literal;
}

/* Is it a name that cannot be asked for because every name server is out of reach? That is
 * unreachable-dns. */
static bool is_dns_matter(const struct kl_view *v, const char *host)
{
    int family;
    return !is_literal(host, &family) && v->i->ndns;
}

static void check_wanted(struct rule *r, const struct kl_view *v, const struct kl_wanted *w)
{
    int family;
    if (!*w->host || is_dns_matter(v, w->host) || is_said(r, "unreachable-url", &w->at) ||
        is_repeated(r, w))
        return;
    struct kl_reach_answer answer = kl_reach_host(r->c->a, v->i, w->host);
    if (answer.reach != KL_UNREACHED)
        return;
    is_literal(w->host, &family);
    bool ra = v->kernel_ra && family == 6;
    enum kl_severity severity = ra || v->partly ? KL_WARNING : w->severity;
    struct kl_diag *one = kl_diag(r->d, severity, "unreachable-url", w->at, answer.mend,
        "the %s cannot reach %s%s: %s", v->stage, w->what, w->text, answer.why);
    show_fact(r, one, v, &answer);
    if (ra)
        kl_diag_effect(r->d, one,
            "%s: %s, unless the kernel takes an address and a route from router advertisements",
            v->stage, w->effect);
    else if (v->partly)
        kl_diag_effect(r->d, one,
            "%s: %s, unless what is not at hand, a kernel line or another interface, leads there",
            v->stage, w->effect);
    else
        kl_diag_effect(r->d, one, "%s: %s", v->stage, w->effect);
}

/* --- name servers ------------------------------------------------------------------------------*/

/* The first name that has to be resolved; NULL. */
static const struct kl_wanted *first_name(const struct kl_wanted *wanted, size_t n)
{
    int family;
    for (size_t k = 0; k < n; k++)
        if (*wanted[k].host && !is_literal(wanted[k].host, &family))
            return &wanted[k];
    return NULL;
}

static void check_dns(struct rule *r, const struct kl_view *v, const struct kl_intent *own,
    const struct kl_wanted *wanted, size_t nwanted)
{
    struct kl_buf servers KL_BUF_SCOPE = {0};
    char text[KL_ADDR_TEXT];
    struct kl_reach_answer first = {0}, answer;
    bool ra = false;
    for (size_t k = 0; k < own->ndns; k++) {
        answer = kl_reach_addr(r->c->a, v->i, &own->dns[k]);
        if (answer.reach != KL_UNREACHED)
            continue;
        kl_buf_addf(&servers, "%s%s", servers.len ? ", " : "", kl_addr_text(&own->dns[k], text));
        ra |= v->kernel_ra && own->dns[k].family == 6;
        first = first.why ? first : answer;
    }
    struct kl_place at = kl_intent_said(own, NULL, "dns");
    if (!servers.len || is_said(r, "unreachable-dns", &at))
        return;
    const struct kl_wanted *name = first_name(wanted, nwanted);
    if (name && kl_reach_host(r->c->a, v->i, name->host).reach != KL_UNREACHED)
        name = NULL;
    bool fatal = name && name->severity == KL_ERROR && !ra && !v->partly;
    struct kl_diag *one = kl_diag(r->d, fatal ? KL_ERROR : KL_WARNING, "unreachable-dns", at,
        first.mend, "the %s cannot reach the name server%s %s: %s", v->stage,
        strchr(servers.s, ',') ? "s" : "", servers.s, first.why);
    show_fact(r, one, v, &first);
    if (name)
        kl_diag_effect(r->d, one, "%s: %s in %s cannot be resolved; %s", v->stage, name->host,
            name->what, name->effect);
    else
        kl_diag_effect(r->d, one, "%s: %s no answer from %s", v->stage,
            ra || v->partly ? "may get" : "gets", servers.s);
}

/* --- stages ------------------------------------------------------------------------------------*/

static void check_stage(struct rule *r, const struct kl_view *v, const struct kl_intent *own,
    const struct kl_wanted *wanted, size_t n)
{
    if (!v->i)
        return;
    for (size_t k = 0; k < n; k++)
        check_wanted(r, v, &wanted[k]);
    if (own)
        check_dns(r, v, own, wanted, n);
}

void kl_rules_reach(const struct kl_case *c, struct kl_diags *d)
{
    struct rule r = {.c = c, .d = d, .from = kl_diags_count(d, KL_NOTE)};
    struct kl_wanted *wanted;
    struct kl_view initrd = kl_view_initrd(c), installer = kl_view_installer(c),
                   system = kl_view_system(c);
    size_t n = kl_wanted_initrd(c, &wanted);
    check_stage(&r, &initrd, initrd.i, wanted, n);
    n = kl_wanted_installer(c, &wanted);
    bool again = c->installer && c->installer != c->initrd;
    check_stage(&r, &installer, again ? c->installer : NULL, wanted, n);
    check_stage(&r, &system, c->system, NULL, 0);
    kl_rules_links(c, d);
    kl_rules_slow(c, d);
}
