/* Every code that a finding may carry. */
#include "check/check.h"

#include "base/text.h"

#define BETWEEN "between stages"
#define WITHIN "within one"
#define REASONING "by reasoning"
#define READING "reading"

const struct kl_code kl_codes[] = {
    {"include-loop", READING, "files include each other, or too many",
        "A loader that includes a file which is being read already never comes to an end."},
    {"include-missing", READING, "an included file is not at hand",
        "What it holds is not known, and is not checked. Give the file too."},
    {"label-missing", WITHIN, "the default names no label",
        "PXELINUX takes a name that is no LABEL for the name of a kernel, and loads that file."},
    {"not-understood", READING, "a part of a text is kept, but not understood",
        "Its own reader may understand it; nothing was concluded from it."},
    {"text-unended", READING, "a help text has no end",
        "TEXT HELP lasts until ENDTEXT: the labels below it are lost to the loader."},
    {NULL, NULL, NULL, NULL},
};

const struct kl_code *kl_code(const char *code)
{
    for (const struct kl_code *c = kl_codes; c->code; c++)
        if (kl_streq(c->code, code))
            return c;
    return NULL;
}
