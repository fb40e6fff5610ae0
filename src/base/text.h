/* Text: a buffer that grows, and small questions about words. */
#ifndef KL_BASE_TEXT_H
#define KL_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* A growing buffer; `s` is always NUL-terminated once anything was added (NULL before), and may
 * hold NULs of its own. Start with `struct kl_buf b KL_BUF_SCOPE = {0};`. */
struct kl_buf {
    char *s;
    size_t len, room;
};

void kl_buf_add(struct kl_buf *b, const char *s);
void kl_buf_addn(struct kl_buf *b, const char *s, size_t len);
void kl_buf_addc(struct kl_buf *b, char c);
void kl_buf_addf(struct kl_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void kl_buf_vaddf(struct kl_buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
void kl_buf_clear(struct kl_buf *b); /* keeps the room */
void kl_buf_free(struct kl_buf *b);
char *kl_buf_take(struct kl_buf *b); /* hands over the text ("" if empty); release with free() */
const char *kl_buf_text(const struct kl_buf *b); /* "" if empty */
#define KL_BUF_SCOPE __attribute__((cleanup(kl_buf_free)))

bool kl_streq(const char *a, const char *b); /* NULL equals only NULL */
bool kl_starts(const char *s, const char *prefix);
bool kl_ends(const char *s, const char *suffix);

/* A whole file, NUL-terminated; release with free(). NULL and errno on failure; EFBIG when it is
 * larger than `max` bytes. */
char *kl_read_file(const char *path, size_t max, size_t *len);

/* Decimal digits only, the whole string, at most `max`; false otherwise (no sign, no blank). */
bool kl_number(const char *s, unsigned long max, unsigned long *out);

/* The entry of the NULL-terminated `list` that `word` was probably meant to be, or NULL when none
 * is near (Damerau-Levenshtein distance, at most a third of the word). */
const char *kl_nearest(const char *word, const char *const *list);

/* The order of interface names in which NetworkManager activates ports: by bytes, so eth10 before
 * eth2 (docs/boot-stages.md, quirk 27). For qsort over `const char *`. */
int kl_name_order(const void *a, const void *b);

#endif
