/* What can be proven of a destination from an intent alone.
 *
 * The links are asked one after the other and the best answer counts: REACHED over MAYBE over
 * UNREACHED. A link that learns anything (DHCP, SLAAC, a gateway by router advertisement) may learn
 * a way to anywhere, so it never answers UNREACHED. Ports of bonds and bridges are not asked: what
 * carries their packets is the bond.
 */
#include "net/reach.h"

#include <string.h>

static const struct kl_ip *family_of(const struct kl_link *l, int family)
{
    return family == 4 ? &l->ip4 : &l->ip6;
}

/* Does it ask the network for addresses? */
static bool is_dynamic(const struct kl_ip *ip)
{
    return ip->method == KL_DHCP || ip->method == KL_AUTO;
}

static bool learns(const struct kl_ip *ip)
{
    return is_dynamic(ip) || (ip->method != KL_OFF && ip->gateway == KL_GATEWAY_LEARNT);
}

static bool is_loopback(const struct kl_addr *to)
{
    static const uint8_t one[16] = {[15] = 1};
    return to->family == 4 ? to->bytes[0] == 127 : memcmp(to->bytes, one, sizeof one) == 0;
}

static bool counts(const struct kl_intent *i, const struct kl_link *l, int family)
{
    return kl_link_speaks(l, family) && !kl_link_controller(i, l->name);
}

static bool on_link(const struct kl_ip *ip, const struct kl_addr *to)
{
    for (size_t k = 0; k < ip->naddresses; k++)
        if (kl_prefix_has(&ip->addresses[k], to))
            return true;
    return false;
}

/* --- through one link --------------------------------------------------------------------------*/

/* A next hop that is given by its address. Off the link's networks it is left open: the kernel
 * refuses such a route, but NetworkManager makes a route to the next hop first. */
static enum kl_reach through(const struct kl_ip *ip, const struct kl_addr *via)
{
    if (on_link(ip, via) || (via->family == 6 && kl_addr_is_link_local(via)))
        return KL_REACHED;
    return KL_REACH_MAYBE;
}

/* The most specific static route of the link to there, or NULL. */
static const struct kl_route *route_to(const struct kl_link *l, const struct kl_addr *to)
{
    const struct kl_route *best = NULL;
    for (size_t k = 0; k < l->nroutes; k++)
        if (kl_prefix_has(&l->routes[k].to, to) && (!best || l->routes[k].to.len > best->to.len))
            best = &l->routes[k];
    return best;
}

static enum kl_reach over(const struct kl_link *l, const struct kl_addr *to)
{
    const struct kl_ip *ip = family_of(l, to->family);
    if (on_link(ip, to))
        return KL_REACHED;
    const struct kl_route *route = route_to(l, to);
    if (route)
        return route->via.family ? through(ip, &route->via) : KL_REACHED;
    if (ip->gateway == KL_GATEWAY_EXPLICIT)
        return through(ip, &ip->nexthop);
    return learns(ip) || !ip->naddresses ? KL_REACH_MAYBE : KL_UNREACHED;
}

/* --- an address --------------------------------------------------------------------------------*/

/* The link that people look at first: that of the install, else the first with an address of this
 * family. */
static const struct kl_link *first_link(const struct kl_intent *i, int family)
{
    const struct kl_link *l = kl_link_find(i, i->install);
    if (l && counts(i, l, family))
        return l;
    for (size_t k = 0; k < i->nlinks; k++)
        if (counts(i, &i->links[k], family))
            return &i->links[k];
    return NULL;
}

/* "*" is what an ip= without an interface is for (stage/cmdline_parse.h), "link" what a network
 * command without a device is (stage/kickstart_parse.c). */
static const char *called(const struct kl_link *l)
{
    bool any = strcmp(l->name, "*") == 0 || strcmp(l->name, "link") == 0;
    return any ? "the interface" : l->name;
}

static struct kl_reach_answer no_family(
    struct kl_arena *a, const struct kl_intent *i, const struct kl_addr *to)
{
    char text[KL_ADDR_TEXT];
    struct kl_reach_answer out = {.reach = KL_UNREACHED};
    int other = to->family == 4 ? 6 : 4;
    const struct kl_link *l = first_link(i, other);
    if (!l) {
        out.why = kl_sprintf(a, "no link of this stage has an address, so %s is out of reach",
            kl_addr_text(to, text));
        out.mend = "give a link an address in this stage";
        return out;
    }
    out.why = kl_sprintf(a, "%s is IPv%d, and no link of this stage has an IPv%d address",
        kl_addr_text(to, text), to->family, to->family);
    out.mend = kl_sprintf(a, "give %s an IPv%d address, or name the server by an IPv%d address",
        called(l), to->family, other);
    out.link = l->name;
    out.field = other == 4 ? "ipv4" : "ipv6";
    if (family_of(l, other)->naddresses)
        out.field = other == 4 ? "addresses4" : "addresses6";
    return out;
}

static struct kl_reach_answer no_way(
    struct kl_arena *a, const struct kl_intent *i, const struct kl_addr *to)
{
    char there[KL_ADDR_TEXT], here[KL_PREFIX_TEXT];
    const struct kl_link *l = first_link(i, to->family);
    const struct kl_ip *ip = family_of(l, to->family);
    kl_addr_text(to, there);
    kl_prefix_text(&ip->addresses[0], here);
    return (struct kl_reach_answer){
        .reach = KL_UNREACHED,
        .why = kl_sprintf(a, "%s is on another network than %s (%s), and %s has no IPv%d gateway",
            there, called(l), here, called(l), to->family),
        .mend = kl_sprintf(a, "give %s an IPv%d gateway", called(l), to->family),
        .link = l->name,
        .field = to->family == 4 ? "addresses4" : "addresses6",
    };
}

struct kl_reach_answer kl_reach_addr(
    struct kl_arena *a, const struct kl_intent *i, const struct kl_addr *to)
{
    struct kl_reach_answer out = {.reach = KL_UNREACHED};
    bool spoken = false;
    if (!to->family)
        return (struct kl_reach_answer){.reach = KL_REACH_MAYBE};
    if (is_loopback(to))
        return (struct kl_reach_answer){.reach = KL_REACHED};
    for (size_t k = 0; k < i->nlinks; k++) {
        const struct kl_link *l = &i->links[k];
        if (!counts(i, l, to->family))
            continue;
        spoken = true;
        enum kl_reach one = kl_addr_is_link_local(to) ? KL_REACH_MAYBE : over(l, to);
        if (one == KL_REACHED)
            return (struct kl_reach_answer){.reach = KL_REACHED};
        if (one == KL_REACH_MAYBE)
            out.reach = KL_REACH_MAYBE;
    }
    if (out.reach != KL_UNREACHED)
        return out;
    return spoken ? no_way(a, i, to) : no_family(a, i, to);
}

/* --- a name ------------------------------------------------------------------------------------*/

static bool is_local_name(const char *host)
{
    return strcmp(host, "localhost") == 0 || kl_starts(host, "localhost.") ||
           kl_ends(host, ".localhost");
}

/* May DHCP or a router advertisement bring name servers? */
static bool may_learn_dns(const struct kl_intent *i)
{
    for (size_t k = 0; k < i->nlinks; k++)
        if (!kl_link_controller(i, i->links[k].name) &&
            (learns(&i->links[k].ip4) || learns(&i->links[k].ip6)))
            return true;
    return false;
}

static struct kl_reach_answer reach_name(
    struct kl_arena *a, const struct kl_intent *i, const char *host)
{
    struct kl_reach_answer server = {0};
    if (is_local_name(host))
        return (struct kl_reach_answer){.reach = KL_REACHED};
    if (may_learn_dns(i))
        return (struct kl_reach_answer){.reach = KL_REACH_MAYBE};
    for (size_t k = i->ndns; k-- > 0;) { /* the reason is the first server's */
        server = kl_reach_addr(a, i, &i->dns[k]);
        if (server.reach != KL_UNREACHED)
            return (struct kl_reach_answer){.reach = KL_REACH_MAYBE};
    }
    if (i->ndns) {
        server.why =
            kl_sprintf(a, "%s is a name, and no name server can be asked: %s", host, server.why);
        return server;
    }
    return (struct kl_reach_answer){
        .reach = KL_UNREACHED,
        .why = kl_sprintf(a,
            "%s is a name, and this stage has no name server, nor asks the network for one", host),
        .mend = "name a name server for this stage, or write the server's address",
        .field = "dns",
    };
}

struct kl_reach_answer kl_reach_host(
    struct kl_arena *a, const struct kl_intent *i, const char *host)
{
    struct kl_addr to;
    size_t len = host ? strlen(host) : 0;
    if (len > 2 && host[0] == '[' && host[len - 1] == ']')
        host = kl_strndup(a, host + 1, len - 2);
    if (!len)
        return (struct kl_reach_answer){.reach = KL_REACH_MAYBE};
    if (kl_addr_parse(host, &to))
        return kl_reach_addr(a, i, &to);
    if (strchr(host, ':') || strchr(host, '%')) /* a zone, or no host at all */
        return (struct kl_reach_answer){.reach = KL_REACH_MAYBE};
    return reach_name(a, i, host);
}

/* --- a gateway ---------------------------------------------------------------------------------*/

struct kl_reach_answer kl_reach_gateway(struct kl_arena *a, const struct kl_link *l, int family)
{
    const struct kl_ip *ip = family_of(l, family);
    char via[KL_ADDR_TEXT], here[KL_PREFIX_TEXT];
    if (ip->method == KL_OFF || ip->gateway != KL_GATEWAY_EXPLICIT || !ip->nexthop.family)
        return (struct kl_reach_answer){.reach = KL_REACHED};
    const struct kl_route *route = route_to(l, &ip->nexthop);
    if (through(ip, &ip->nexthop) == KL_REACHED || (route && !route->via.family))
        return (struct kl_reach_answer){.reach = KL_REACHED};
    if (is_dynamic(ip) || !ip->naddresses || route || kl_addr_is_link_local(&ip->nexthop))
        return (struct kl_reach_answer){.reach = KL_REACH_MAYBE};
    kl_addr_text(&ip->nexthop, via);
    kl_prefix_text(&ip->addresses[0], here);
    return (struct kl_reach_answer){
        .reach = KL_UNREACHED,
        .why =
            kl_sprintf(a, "the gateway %s is not on the network of %s (%s)", via, called(l), here),
        .mend = "correct the gateway or the prefix length",
        .link = l->name,
        .field = family == 4 ? "gateway4" : "gateway6",
    };
}
