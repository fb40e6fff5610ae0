/* A fleet from a text, for tests: it must load without an error. */
#ifndef KL_TESTS_FLEET_TEXT_H
#define KL_TESTS_FLEET_TEXT_H

#include "fleet/fleet.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* Release with kl_fleet_free(). */
static inline struct kl_fleet *fleet_of(const char *text)
{
    char path[] = "/tmp/kickline-fleet-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    size_t n = strlen(text);
    assert_int_equal(write(fd, text, n), (ssize_t)n);
    close(fd);
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_fleet *f = kl_fleet_load(path, d);
    unlink(path);
    if (!f)
        kl_diags_print(d, stderr, false, 0);
    assert_non_null(f);
    return f;
}

#endif
