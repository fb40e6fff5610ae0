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
    {"kickstart-value", WITHIN, "a network command has a value that does not fit",
        "The installer ignores the value or stops. The message says what is expected."},
    {"network-twice", WITHIN, "two network commands describe one device",
        "Which of the two counts differs by release. Leave one."},
    {"noipv4-ignored", WITHIN, "--noipv4 leaves DHCP on in this release",
        "EL7.0 to 7.2 write BOOTPROTO=dhcp all the same. Set BOOTPROTO=none in %post."},
    {"option-too-new", WITHIN, "a network command has an option of later releases",
        "pykickstart of this release does not know the option, and the installer stops at the "
        "line. Take it out."},
    {"section-unended", WITHIN, "a section of the kickstart has no %end",
        "Since EL6 every section must end with a line %end; the installer stops where it is "
        "missing."},
    {"static-without-ip", WITHIN, "--bootproto=static without --ip",
        "Where only IPv6 is meant, write --noipv4 instead: NetworkManager of EL7 refuses a profile "
        "whose IPv4 is static and has no address."},
    {"reservation-ignored", WITHIN, "a reservation that the DHCP server does not look at",
        "Kea looks at the reservations outside subnets only where reservations-global is true, and "
        "not at those of a subnet where reservations-in-subnet is false. The machine is then "
        "served "
        "as any unknown one. Turn the parameter on, or move the reservation."},
    {NULL, NULL, NULL, NULL},
};

const struct kl_code *kl_code(const char *code)
{
    for (const struct kl_code *c = kl_codes; c->code; c++)
        if (kl_streq(c->code, code))
            return c;
    return NULL;
}
