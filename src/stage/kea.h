/* JSON as Kea takes it. Private to the room. */
#ifndef KL_STAGE_KEA_H
#define KL_STAGE_KEA_H

#include "stage/reserve.h"

enum kl_json_kind { KL_JSON_OBJECT, KL_JSON_LIST, KL_JSON_STRING, KL_JSON_WORD };

struct kl_json {
    enum kl_json_kind kind;
    const char *key;    /* within an object */
    const char *text;   /* of a string, escapes undone; of a word (number, true, null), as it is */
    struct kl_place at; /* of a string: without its quotes */
    const struct kl_json *first, *next;
};

/* The whole text, with what it includes; NULL when there is no value in it. */
const struct kl_json *kl_json_read(
    struct kl_arena *a, struct kl_includes *files, const struct kl_text *text);
const struct kl_json *kl_json_get(const struct kl_json *object, const char *key); /* or NULL */
/* The text of a string, or NULL. */
const char *kl_json_string(const struct kl_json *object, const char *key);
bool kl_json_is(const struct kl_json *object, const char *key, const char *word);

#endif
