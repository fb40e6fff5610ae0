/* tree/release.c: names, versions, and what runs in each release. */
#include "base/text.h"
#include "tree/release.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void names(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    size_t n = 0;
    for (const char *name; (name = kl_release_at(a, n)); n++) {
        const char *why = NULL;
        const struct kl_release *r = kl_release_find(a, name, &why);
        assert_non_null(r);
        assert_null(why);
        assert_string_equal(kl_release_name(a, r), name);
        assert_true(r->el >= 6 && r->el <= 10);
        /* docs/boot-stages.md, section 0: what the engine and the format follow from */
        assert_int_equal(kl_release_installs(r), kl_release_since(r, 7, 0));
        assert_int_equal(r->engine == KL_ENGINE_NM, kl_release_since(r, 8, 3));
        assert_int_equal(r->system == KL_KEYFILE, kl_release_since(r, 9, 0));
        if (kl_starts(r->nm, "1.")) {
            unsigned long minor;
            char digits[8] = {0};
            size_t len = strcspn(r->nm + 2, ".");
            assert_true(len < sizeof digits);
            memcpy(digits, r->nm + 2, len);
            assert_true(kl_number(digits, 99, &minor));
            assert_int_equal((int)minor, r->nm_minor);
        }
    }
    assert_true(n > 100);
}

static void found(void **state)
{
    (void)state;
    static const struct {
        const char *name, *canonical, *anaconda, *dracut, *nm;
        enum kl_engine engine;
    } cases[] = {
        {"rhel-7.0", "rhel-7.0", "19.31.79", "033-161", "0.9.9.1", KL_ENGINE_DRACUT_033A},
        {"ol-6.5", "ol-6.5", "13.21.215", "004", "0.8.1", KL_ENGINE_LOADER_EL6},
        {"ol-7.2", "ol-7.2", "21.48.22.56", "033-359", "1.0.6", KL_ENGINE_DRACUT_033A},
        {"centos-7.9", "centos-7.9", "21.48.22.159", "033-572", "1.18.8", KL_ENGINE_DRACUT_033B},
        {"centos-8.2", "centos-8.2", "29.19.2.17", "049-70", "1.22.8", KL_ENGINE_DRACUT_049},
        {"alma-8.3", "almalinux-8.3", "33.16.3.26", "049-95", "1.26.0", KL_ENGINE_NM},
        {"rocky-8.10", "rocky-8.10", "33.16.10.5", "049-233", "1.40.16", KL_ENGINE_NM},
        {"rhel-9.4", "rhel-9.4", "34.25.4.9", "057-53", "1.46.0", KL_ENGINE_NM},
        {"almalinux-10.0", "almalinux-10.0", "40.22.3.26", "105-4", "1.52.0", KL_ENGINE_NM},
        {"centos-stream-9", "centos-stream-9", "34.25.7.7", "057-102", "1.54.0", KL_ENGINE_NM},
        {"fedora-44", "fedora-44", "44.30", "108-6", "1.56.0", KL_ENGINE_NM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        const struct kl_release *r = kl_release_find(a, cases[i].name, NULL);
        assert_non_null(r);
        assert_string_equal(kl_release_name(a, r), cases[i].canonical);
        assert_string_equal(r->anaconda, cases[i].anaconda);
        assert_string_equal(r->dracut, cases[i].dracut);
        assert_string_equal(r->nm, cases[i].nm);
        assert_int_equal(r->engine, cases[i].engine);
    }
}

static void unknown(void **state)
{
    (void)state;
    static const struct {
        const char *name, *says;
    } cases[] = {
        {"rhel-9.99",
            "of rhel it knows 6.0 to 6.10, 7.0 to 7.9, 8.0 to 8.10, 9.0 to 9.7, 10.0 to 10.1"},
        {"rhel-9", "of rhel it knows 6.0"},
        {"centos-8.6", "6.0 to 6.10, 7.0 to 7.9, 8.0 to 8.5"},
        {"rocky-8.3", "8.4 to 8.10"},
        {"centos-stream-9.1", "it knows 8 to 10"},
        {"fedora-12", "it knows 38 to 44"},
        {"fedorra-42", "did you mean 'fedora'?"},
        {"almalinx-9.1", "did you mean 'almalinux'?"},
        {"", "as in rhel-9.4"},
        {"-", "as in rhel-9.4"},
        {"windows", "as in rhel-9.4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        const char *why = NULL;
        assert_null(kl_release_find(a, cases[i].name, &why));
        assert_non_null(why);
        assert_non_null(strstr(why, cases[i].says));
    }
}

static void since(void **state)
{
    (void)state;
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    const struct kl_release *el79 = kl_release_find(a, "ol-7.9", NULL);
    const struct kl_release *el810 = kl_release_find(a, "rhel-8.10", NULL);
    const struct kl_release *stream9 = kl_release_find(a, "centos-stream-9", NULL);
    const struct kl_release *f39 = kl_release_find(a, "fedora-39", NULL);
    assert_true(kl_release_since(el79, 7, 4));
    assert_false(kl_release_since(el79, 8, 0));
    assert_true(kl_release_since(el810, 8, 9));
    assert_false(kl_release_since(el810, 9, 0));
    assert_true(kl_release_since(stream9, 9, 7));
    assert_false(kl_release_since(stream9, 10, 0));
    assert_true(kl_release_since(f39, 9, 3));
    assert_false(kl_release_since(f39, 9, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(found),
        cmocka_unit_test(unknown),
        cmocka_unit_test(since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
