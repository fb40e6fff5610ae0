/* check/report.c: findings as text, JSON, SARIF and GitHub's commands. */
#include "check/check.h"

#include "base/text.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A line with characters of one, two, three and four bytes and one that is none, before what is
 * marked; then a second file, and a text that is no file. */
static const char menu[] = "LABEL el7\n"
                           "# \xc3\xbc\xe6\xbc\xa2\xf0\x9f\x98\x80\xff inst.ssh\n";
static const char kickstart[] = "network --device=bond0\r\nreboot\r\n";

static struct kl_diags *findings(void)
{
    struct kl_diags *d = kl_diags_new();
    const char *m = kl_diags_source(d, "a b/01-52:54", menu, sizeof menu - 1);
    const char *k = kl_diags_source(d, "/srv/host.ks", kickstart, sizeof kickstart - 1);
    const char *line = kl_diags_source(d, "<cmdline>", "ro\n", 3);
    struct kl_diag *one = kl_diag(d, KL_ERROR, "option-unknown", (struct kl_place){m, 2, 14, 8},
        "did you mean 'inst.sshd'?", "no option is called 'inst.ssh', 100%%\nnone: at, all");
    kl_diag_also(d, one, (struct kl_place){k, 1, 9, 14}, "and here");
    kl_diag_effect(d, one, "installer: nobody can log in");
    kl_diag_edit(d, one, (struct kl_place){m, 2, 14, 8}, "inst.sshd");
    one = kl_diag(d, KL_WARNING, "no-such-code", (struct kl_place){k, 1, 9, 16}, NULL, "w\xff");
    kl_diag_edit(d, one, (struct kl_place){k, 1, 9, 16}, "");
    kl_diag_edit(d, one, (struct kl_place){k, 2, 7, 0}, " --eject");
    one = kl_diag(d, KL_NOTE, "kept", (struct kl_place){line, 1, 1, 2}, NULL, "kept");
    kl_diag_edit(d, one, (struct kl_place){line, 1, 1, 2}, "rw");
    kl_diag(d, KL_NOTE, "whole", (struct kl_place){k, 0, 0, 0}, NULL, "the file");
    kl_diag(d, KL_NOTE, "nowhere", (struct kl_place){0}, NULL, "no place");
    return d;
}

/* What a report writes of `d`, said twice; release with free(). */
static char *reported(enum kl_report_format format, struct kl_diags *d)
{
    static const struct kl_check_result result = {.files = 3, .cases = 1};
    char *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    struct kl_report *r = kl_report_new(f, format, false);
    kl_report_add(r, d);
    kl_report_add(r, d);
    kl_report_end(r, &result);
    fclose(f);
    return out;
}

static void text_for_people(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const char *m = kl_diags_source(d, "default", "LABEL a\nKERNEL b\n", 17);
    kl_diag(d, KL_WARNING, "w", (struct kl_place){m, 2, 1, 6}, "h", "two");
    struct kl_diag *one = kl_diag(d, KL_ERROR, "e", (struct kl_place){m, 1, 1, 5}, NULL, "one");
    kl_diag_edit(d, one, one->at, "MENU LABEL");
    char *out = reported(KL_REPORT_TEXT, d);
    assert_string_equal(out,
        "default:1:1: error: one  [e]\n"
        "     1 | LABEL a\n"
        "       | ^~~~~\n"
        "\n"
        "default:2:1: warning: two  [w]\n"
        "     2 | KERNEL b\n"
        "       | ^~~~~~ h\n"
        "\n"
        "3 files, 1 install: 1 error, 1 warning; 1 can be mended with --fix\n");
    free(out);
    struct kl_diags *none KL_DIAGS_SCOPE = kl_diags_new();
    out = reported(KL_REPORT_TEXT, none);
    assert_string_equal(out, "3 files, 1 install: no findings; as far as these texts tell, the "
                             "stages agree\n");
    free(out);
}

/* The same of another place, or another thing of the same place, is not the same. */
static void said_once(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    const char *m = kl_diags_source(d, "default", "LABEL a\nKERNEL b\n", 17);
    for (int twice = 0; twice < 2; twice++) {
        kl_diag(d, KL_NOTE, "c", (struct kl_place){m, 1, 1, 5}, NULL, "m");
        kl_diag(d, KL_NOTE, "c", (struct kl_place){m, 1, 2, 5}, NULL, "m");
        kl_diag(d, KL_NOTE, "c", (struct kl_place){m, 1, 1, 5}, NULL, "n");
        kl_diag(d, KL_NOTE, "b", (struct kl_place){m, 1, 1, 5}, NULL, "m");
    }
    char *out = reported(KL_REPORT_JSON, d);
    json_t *o = json_loads(out, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(o, "findings")), 4);
    json_decref(o);
    free(out);
}

static void json_for_programs(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = findings();
    char *out = reported(KL_REPORT_JSON, d);
    json_t *o = json_loads(out, 0, NULL);
    assert_non_null(o);
    json_t *list = json_object_get(o, "findings"), *one = json_array_get(list, 0);
    assert_int_equal(json_array_size(list), 5);
    int col, end_col, files, installs, errors, warnings, notes, mendable;
    const char *code, *effect, *text;
    assert_int_equal(
        json_unpack(one, "{s:s,s:{s:i,s:i},s:[s],s:[{s:s}]}", "code", &code, "at", "col", &col,
            "end_col", &end_col, "effects", &effect, "edits", "text", &text),
        0);
    assert_string_equal(code, "option-unknown");
    assert_string_equal(text, "inst.sshd");
    assert_int_equal(col, 14);
    assert_int_equal(end_col, 22);
    assert_int_equal(json_unpack(json_object_get(o, "summary"), "{s:i,s:i,s:i,s:i,s:i,s:i!}",
                         "files", &files, "installs", &installs, "errors", &errors, "warnings",
                         &warnings, "notes", &notes, "mendable", &mendable),
        0);
    assert_true(files == 3 && installs == 1 && errors == 1 && warnings == 1 && notes == 3);
    assert_int_equal(mendable, 2); /* the third is of a bare line */
    json_decref(o);
    free(out);
}

static void githubs_commands(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = findings();
    char *out = reported(KL_REPORT_GITHUB, d);
    assert_string_equal(out,
        "::error file=a b/01-52%3A54,line=2,endLine=2,col=9,endColumn=17,title=option-unknown::"
        "no option is called 'inst.ssh', 100%25%0Anone: at, all%0A/srv/host.ks:1:9: and here%0A"
        "installer: nobody can log in%0Amend: did you mean 'inst.sshd'?\n"
        "::notice file=/srv/host.ks,title=whole::the file\n"
        "::warning file=/srv/host.ks,line=1,endLine=2,title=no-such-code::w\\xFF\n"
        "::notice file=<cmdline>,line=1,endLine=1,col=1,endColumn=3,title=kept::kept\n"
        "::notice title=nowhere::no place\n");
    free(out);
}

/* --- SARIF -------------------------------------------------------------------------------------*/

static json_t *sarif(struct kl_diags *d)
{
    char *out = reported(KL_REPORT_SARIF, d);
    json_error_t e;
    json_t *o = json_loads(out, 0, &e);
    if (!o)
        fail_msg("%s in %s", e.text, out);
    free(out);
    return o;
}

static json_t *result(json_t *log, size_t i)
{
    json_t *run = json_array_get(json_object_get(log, "runs"), 0);
    return json_array_get(json_object_get(run, "results"), i);
}

/* Does `o` at a path like "a/0/b" hold the JSON `want`? */
static void holds(json_t *o, const char *path, const char *want)
{
    char *copy = strdup(path), *rest = copy, *part;
    while (o && (part = strsep(&rest, "/")))
        o = json_is_array(o) ? json_array_get(o, (size_t)atoi(part)) : json_object_get(o, part);
    free(copy);
    char *is = o ? json_dumps(o, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("nothing");
    if (strcmp(is, want) != 0)
        fail_msg("%s is %s, not %s", path, is, want);
    free(is);
}

static void sarif_says_where(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = findings();
    json_t *log = sarif(d), *first = result(log, 0), *second = result(log, 2);
    holds(log, "version", "\"2.1.0\"");
    holds(log, "runs/0/tool/driver/name", "\"Kickline\"");
    holds(log, "runs/0/columnKind", "\"utf16CodeUnits\"");
    holds(first, "ruleId", "\"option-unknown\"");
    holds(first, "level", "\"error\"");
    holds(first, "locations/0/physicalLocation",
        "{\"artifactLocation\":{\"uri\":\"a%20b/01-52%3A54\"},\"region\":{\"startLine\":2,"
        "\"startColumn\":9,\"endLine\":2,\"endColumn\":17}}");
    holds(first, "relatedLocations/0/message/text", "\"and here\"");
    holds(first, "relatedLocations/0/physicalLocation",
        "{\"artifactLocation\":{\"uri\":\"file:///srv/host.ks\"},\"region\":{\"startLine\":1,"
        "\"startColumn\":9,\"endLine\":1,\"endColumn\":23}}");
    holds(first, "fixes/0/artifactChanges/0/replacements/0/insertedContent/text", "\"inst.sshd\"");
    holds(second, "message/text", "\"w\xef\xbf\xbd\"");
    /* Two edits of one file are two replacements of one change; a width goes over a line's end. */
    holds(second, "fixes/0/artifactChanges/0/replacements",
        "[{\"deletedRegion\":{\"startLine\":1,\"startColumn\":9,\"endLine\":2,\"endColumn\":1},"
        "\"insertedContent\":{\"text\":\"\"}},{\"deletedRegion\":{\"startLine\":2,"
        "\"startColumn\":7,\"endLine\":2,\"endColumn\":7},\"insertedContent\":{\"text\":\" "
        "--eject\"}}]");
    holds(second, "fixes/0/artifactChanges/1", "nothing");
    holds(result(log, 1), "locations/0/physicalLocation",
        "{\"artifactLocation\":{\"uri\":\"file:///srv/host.ks\"}}");
    holds(result(log, 3), "locations/0/logicalLocations/0/name", "\"<cmdline>\"");
    holds(result(log, 3), "fixes", "nothing");
    holds(result(log, 4), "locations", "nothing");
    json_decref(log);
}

/* Every rule is whole, and results name theirs by the right index. */
static void sarif_rules(void **state)
{
    (void)state;
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    for (const struct kl_code *c = kl_codes; c->code; c++)
        kl_diag(d, KL_NOTE, c->code, (struct kl_place){0}, NULL, "%s", c->code);
    json_t *log = sarif(d), *rules, *driver, *run = json_array_get(json_object_get(log, "runs"), 0);
    driver = json_object_get(json_object_get(run, "tool"), "driver");
    rules = json_object_get(driver, "rules");
    for (size_t i = 0; kl_codes[i].code; i++) {
        json_t *rule = json_array_get(rules, i), *one = result(log, i);
        const char *id, *brief, *full, *help, *group;
        assert_int_equal(json_unpack(rule, "{s:s,s:{s:s},s:{s:s},s:{s:s},s:{s:s}}", "id", &id,
                             "shortDescription", "text", &brief, "fullDescription", "text", &full,
                             "help", "text", &help, "properties", "group", &group),
            0);
        assert_string_equal(id, kl_codes[i].code);
        assert_true(*brief && *full && *help && *group);
        /* The first of its name: no code has two rows. */
        assert_int_equal(json_integer_value(json_object_get(one, "ruleIndex")), i);
        assert_string_equal(id, json_string_value(json_object_get(one, "ruleId")));
    }
    json_decref(log);
}

static const char *print_of(json_t *log, size_t i)
{
    json_t *prints = json_object_get(result(log, i), "partialFingerprints");
    return json_string_value(json_object_get(prints, "kicklineText/v1"));
}

/* A finding is known again when lines move and when blanks change, not when its text does; two
 * equal ones are told apart. */
static void sarif_fingerprints(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "KERNEL b\nKERNEL b\n", "# new\n\nKERNEL  b\nKERNEL b\n", "KERNEL c\nKERNEL b\n"};
    static const unsigned line[] = {1, 3, 1};
    json_t *logs[3];
    for (size_t i = 0; i < 3; i++) {
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        const char *m = kl_diags_source(d, "default", texts[i], strlen(texts[i]));
        kl_diag(d, KL_NOTE, "c", (struct kl_place){m, line[i], 1, 6}, NULL, "m");
        kl_diag(d, KL_NOTE, "c", (struct kl_place){m, line[i] + 1, 1, 6}, NULL, "m");
        logs[i] = sarif(d);
    }
    assert_string_equal(print_of(logs[0], 0), print_of(logs[1], 0));
    assert_string_equal(print_of(logs[0], 1), print_of(logs[1], 1));
    assert_string_not_equal(print_of(logs[0], 0), print_of(logs[0], 1));
    assert_string_not_equal(print_of(logs[0], 0), print_of(logs[2], 0));
    for (size_t i = 0; i < 3; i++)
        json_decref(logs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_for_people),
        cmocka_unit_test(said_once),
        cmocka_unit_test(json_for_programs),
        cmocka_unit_test(githubs_commands),
        cmocka_unit_test(sarif_says_where),
        cmocka_unit_test(sarif_rules),
        cmocka_unit_test(sarif_fingerprints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
