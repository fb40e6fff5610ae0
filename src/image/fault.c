#include "image/fault.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 6, 0))) static void say(struct kl_fault_log *log,
    enum kl_severity severity, const char *code, uint64_t at, const char *hint, const char *fmt,
    va_list ap)
{
    char message[1024], offset[40] = "";
    unsigned *so_far = severity == KL_ERROR ? &log->told : &log->warned;
    if (*so_far >= KL_FAULTS_MOST)
        return;
    ++*so_far;
    vsnprintf(message, sizeof message, fmt, ap);
    if (at != KL_NO_OFFSET)
        snprintf(offset, sizeof offset, ", at byte %" PRIu64, at);
    kl_diag(log->d, severity, code, (struct kl_place){.file = log->image}, hint, "%s%s", message,
        offset);
}

bool kl_fault(
    struct kl_fault_log *log, const char *code, uint64_t at, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(log, KL_ERROR, code, at, hint, fmt, ap);
    va_end(ap);
    return false;
}

void kl_image_warning(
    struct kl_fault_log *log, const char *code, uint64_t at, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(log, KL_WARNING, code, at, hint, fmt, ap);
    va_end(ap);
}
