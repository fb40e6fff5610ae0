/* One value each: what YAML holds, turned into what the fleet wants, or an error with its place. */
#include "fleet/load.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

const char *kl_load_string(struct kl_load *l, const char *s)
{
    const char *known = kl_names_get(&l->strings, s);
    if (known)
        return known;
    char *copy = kl_strdup(l->a, s);
    *kl_names_slot(&l->strings, copy) = copy;
    return copy;
}

const char *kl_load_near(struct kl_load *l, const char *word, const char *const *list)
{
    const char *near = kl_nearest(word, list);
    if (near)
        return kl_diag_text(l->d, "did you mean '%s'?", near);
    if (!*list)
        return NULL;
    struct kl_buf b KL_BUF_SCOPE = {0};
    size_t n = 0;
    for (; *list && n < 40; list++, n++)
        kl_buf_addf(&b, "%s%s", n ? ", " : "there is ", *list);
    if (*list)
        kl_buf_add(&b, ", ...");
    return kl_diag_text(l->d, "%s", kl_buf_text(&b));
}

int kl_read_key(
    struct kl_load *l, const struct kl_node *entry, const char *const *keys, const char *what)
{
    for (int i = 0; keys[i]; i++)
        if (strcmp(entry->key->text, keys[i]) == 0)
            return i;
    KL_SAY(l, "unknown-key", entry->key, kl_load_near(l, entry->key->text, keys),
        "%s has no key '%s'", what, entry->key->text);
    return -1;
}

static const char *kind_text(const struct kl_node *n)
{
    static const char *const scalars[] = {
        "a text", "nothing", "true or false", "a number", "a number with a fraction"};
    return n->kind == KL_LIST ? "a list" : n->kind == KL_MAPPING ? "a mapping" : scalars[n->type];
}

static bool is_scalar(struct kl_load *l, const struct kl_node *n, const char *what)
{
    if (n->kind != KL_SCALAR)
        KL_SAY(l, "wrong-type", n, NULL, "expected %s, but this is %s", what, kind_text(n));
    else if (n->type == KL_IS_NULL)
        KL_SAY(l, "empty-value", n, "leave the key out where there is nothing to say",
            "expected %s, but there is no value", what);
    else if (!*n->text)
        KL_SAY(l, "empty-value", n, "leave the key out where there is nothing to say",
            "expected %s, but the text is empty", what);
    else
        return true;
    return false;
}

const char *kl_read_word(struct kl_load *l, const struct kl_node *n, const char *what)
{
    return is_scalar(l, n, what) ? n->text : NULL;
}

const char *kl_read_text(struct kl_load *l, const struct kl_node *n, const char *what)
{
    if (!is_scalar(l, n, what))
        return NULL;
    if (n->type == KL_IS_TEXT)
        return n->text;
    KL_SAY(l, "wrong-type", n, "put quotes around it if it is meant as a text",
        "expected %s, but this is %s", what, kind_text(n));
    return NULL;
}

bool kl_read_bool(struct kl_load *l, const struct kl_node *n, bool *out)
{
    static const char *const likely[] = {"yes", "no", "on", "off", NULL};
    if (!is_scalar(l, n, "true or false"))
        return false;
    if (n->type == KL_IS_BOOL) {
        *out = n->text[0] == 't' || n->text[0] == 'T';
        return true;
    }
    const char *hint = NULL;
    for (int i = 0; likely[i]; i++)
        if (strcasecmp(n->text, likely[i]) == 0)
            hint = i % 2 ? "write 'false'" : "write 'true'";
    KL_SAY(l, "wrong-type", n, hint, "expected true or false, but this is '%s'", n->text);
    return false;
}

bool kl_read_number(struct kl_load *l, const struct kl_node *n, const char *what, unsigned long min,
    unsigned long max, unsigned long *out)
{
    if (!is_scalar(l, n, what))
        return false;
    unsigned long v;
    if (n->type == KL_IS_INT && kl_number(n->text, max, &v) && v >= min) {
        *out = v;
        return true;
    }
    bool quoted = n->type == KL_IS_TEXT && kl_number(n->text, ~0ul, &v);
    KL_SAY(l, n->type == KL_IS_INT ? "bad-number" : "wrong-type", n,
        quoted ? "leave the quotes out" : NULL, "expected %s from %lu to %lu, but this is %s'%s'",
        what, min, max, quoted ? "the text " : "", n->text);
    return false;
}

bool kl_read_addr(struct kl_load *l, const struct kl_node *n, const char *what, struct kl_addr *out)
{
    const char *s = kl_read_text(l, n, what);
    if (!s)
        return false;
    if (kl_addr_parse(s, out))
        return true;
    const char *hint = strchr(s, '/')   ? "leave the /length out"
                       : strchr(s, '[') ? "leave the brackets out"
                       : strchr(s, '%') ? "leave the zone (%...) out"
                                        : NULL;
    KL_SAY(l, "bad-address", n, hint, "expected %s, but '%s' is no IP address", what, s);
    return false;
}

bool kl_read_mac(struct kl_load *l, const struct kl_node *n, struct kl_mac *out)
{
    const char *s = kl_read_text(l, n, "a MAC address");
    if (!s)
        return false;
    if (!kl_mac_parse(s, out)) {
        KL_SAY(l, "bad-mac", n, "six pairs of hexadecimal digits: 52:54:00:12:34:56",
            "'%s' is no MAC address", s);
        return false;
    }
    static const uint8_t none[6];
    if ((out->bytes[0] & 1) == 0 && memcmp(out->bytes, none, 6) != 0)
        return true;
    KL_SAY(l, "bad-mac", n, NULL, "%s is no network card's address: %s", s,
        out->bytes[0] & 1 ? "it is a multicast address" : "it is all zeros");
    return false;
}

bool kl_read_mapping(struct kl_load *l, const struct kl_node *n, const char *what)
{
    if (n->kind == KL_MAPPING)
        return true;
    if (n->kind == KL_SCALAR && n->type == KL_IS_NULL)
        KL_SAY(l, "empty-value", n, "write {} for an empty mapping, or leave the key out",
            "expected %s, but there is no value", what);
    else
        KL_SAY(l, "wrong-type", n, NULL, "expected %s, but this is %s", what, kind_text(n));
    return false;
}

const struct kl_node *kl_read_items(struct kl_load *l, const struct kl_node *n, const char *what)
{
    if (n->kind == KL_LIST && n->n > KL_MOST_ITEMS)
        KL_SAY(l, "too-many", n, NULL, "%zu %s; %d are the most", n->n, what, KL_MOST_ITEMS);
    else if (n->kind == KL_LIST)
        return n->first;
    else
        return is_scalar(l, n, what) ? n : NULL;
    return NULL;
}

const struct kl_node *kl_item_next(const struct kl_node *list, const struct kl_node *item)
{
    return list == item ? NULL : item->next;
}

/* Linux refuses blanks, '/' and ':' and more than 15 bytes (dev_valid_name, net/core/dev.c); the
 * rest of what is refused here would end a word in one stage's language or another's. */
const char *kl_read_ifname(struct kl_load *l, const struct kl_node *n)
{
    static const char *const taken[] = {"lo", "all", "default", ".", "..", NULL};
    const char *s = n->text, *why = NULL;
    for (const char *c = s; *c; c++)
        if (!isascii((unsigned char)*c) || (!isalnum((unsigned char)*c) && !strchr("_.-", *c)))
            why = "letters, digits, '.', '_' and '-' are allowed";
    if (*s == '-')
        why = "it may not begin with '-'";
    if (strlen(s) > 15)
        why = "the kernel takes 15 characters at most";
    for (int i = 0; taken[i]; i++)
        if (strcmp(s, taken[i]) == 0)
            why = "the kernel uses that name itself";
    if (!*s)
        why = "it is empty";
    if (!why)
        return kl_load_string(l, s);
    KL_SAY(l, "bad-name", n, why, "'%s' cannot be an interface's name", s);
    return NULL;
}

bool kl_is_hostname(const char *s)
{
    size_t len = strlen(s), label = 0;
    if (len == 0 || len > 253)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '.') {
            if (!label || s[i - 1] == '-')
                return false;
            label = 0;
        } else if (isascii(c) && (isalnum(c) || (c == '-' && label))) {
            if (++label > 63)
                return false;
        } else {
            return false;
        }
    }
    return label && s[len - 1] != '-';
}

/* docs/releases.md, "Boot-loader lines": iPXE splits at blanks without quotes and expands `${`,
 * GRUB's loader gives quotes and backslashes another meaning, PXELINUX takes everything. */
bool kl_load_carries(struct kl_load *l, const struct kl_node *n, const char *what)
{
    for (const char *c = n->text; *c; c++) {
        unsigned char u = (unsigned char)*c;
        bool expands = *c == '$' && c[1] == '{';
        if (u > 0x20 && u < 0x7f && *c != '\'' && *c != '"' && *c != '\\' && !expands)
            continue;
        if (*c == ' ')
            KL_SAY(l, "bad-text", n, "no boot loader carries it whole", "%s may not hold a blank",
                what);
        else if (u >= 0x7f)
            KL_SAY(l, "bad-text", n, "not every boot loader can carry them",
                "%s may hold ASCII characters only", what);
        else
            KL_SAY(l, "bad-text", n, "quotes, '\\' and '${' mean something to loaders",
                "%s may not hold '%.*s': not every boot loader can carry it", what, expands ? 2 : 1,
                c);
        return false;
    }
    return true;
}
