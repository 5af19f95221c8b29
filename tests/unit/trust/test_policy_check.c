/* SPDX-License-Identifier: Apache-2.0 */
/* Deciding with the policy: glob traps, classes, thresholds of different keys. */
#include "testing.h"

#include "base/buf.h"
#include "trust/policy.h"

static void globs(void **state) {
        (void)state;
        static const struct {
                const char *glob, *path;
                bool covers;
        } rows[] = {
                {"${SYSTEM}/drivers/x.sys", "${SYSTEM}/drivers/x.sys", true},
                {"${SYSTEM}/drivers/*", "${SYSTEM}/drivers/x.sys", true},
                {"${SYSTEM}/drivers/*", "${SYSTEM}/drivers/", true},
                {"${SYSTEM}/drivers/*", "${SYSTEM}/drivers", false},
                /* `*` and `?` do not cross a slash */
                {"${SYSTEM}/*", "${SYSTEM}/drivers/x.sys", false},
                {"${SYSTEM}/*/*", "${SYSTEM}/drivers/x.sys", true},
                {"${SYSTEM}/*/x.sys", "${SYSTEM}/a/b/x.sys", false},
                {"${SYSTEM}?x", "${SYSTEM}/x", false},
                {"*", "${SYSTEM}/x", false},
                /* the action's `*` is matched only by a `*` of the class */
                {"${SYSTEM}/C-291*.sys", "${SYSTEM}/C-291*.sys", true},
                {"${SYSTEM}/C-*.sys", "${SYSTEM}/C-291*.sys", true},
                {"${SYSTEM}/C-???.sys", "${SYSTEM}/C-29*.sys", false},
                {"${SYSTEM}/C-29?.sys", "${SYSTEM}/C-29*.sys", false},
                {"${SYSTEM}/?", "${SYSTEM}/*", false},
                {"${SYSTEM}/x.sys", "${SYSTEM}/*", false},
                {"${SYSTEM}/x*.sys", "${SYSTEM}/*.sys", false},
                {"${SYSTEM}/*.sys", "${SYSTEM}/*", false},
                {"${SYSTEM}/*.sys", "${SYSTEM}/x.*", false},
                {"${SYSTEM}/a*b", "${SYSTEM}/a*", false},
                {"${SYSTEM}/a*b*", "${SYSTEM}/a*b", true},
                {"${SYSTEM}/a*b", "${SYSTEM}/a*b*", false},
                {"${SYSTEM}/**", "${SYSTEM}/*", true},
                {"${SYSTEM}/*", "${SYSTEM}/**", true},
                /* the action's `?` may be any byte: a literal of the class does not cover it */
                {"${SYSTEM}/config/SAM", "${SYSTEM}/config/S?M", false},
                {"${SYSTEM}/config/S?M", "${SYSTEM}/config/S?M", true},
                {"${SYSTEM}/config/S?M", "${SYSTEM}/config/SAM", true},
                {"${SYSTEM}/config/*", "${SYSTEM}/config/S?M", true},
                {"${SYSTEM}/conf?g/*", "${SYSTEM}/conf?g/SAM", true},
                {"${SYSTEM}/config/*", "${SYSTEM}/conf?g/SAM", false},
                {"${SYSTEM}/config/*", "${SYSTEM}/*/SAM", false},
                {"${SYSTEM}/??", "${SYSTEM}/?", false},
                {"${SYSTEM}/?", "${SYSTEM}/??", false},
                /* as written: case and variable count */
                {"${SYSTEM}/x", "${SYSTEM}/X", false},
                {"${SYSTEM}/x", "${system}/x", false},
                {"${SYSTEM}/x", "${SYSTEMROOT}/System32/x", false},
                /* stretching back */
                {"${SYSTEM}/*aab", "${SYSTEM}/aaaaaab", true},
                {"${SYSTEM}/*a*b*c", "${SYSTEM}/xaxbxbxc", true},
                {"${SYSTEM}/*a*b*c", "${SYSTEM}/xaxbxbxcd", false},
                {"${SYSTEM}/*x/*y", "${SYSTEM}/axx/byy", true},
                {"${SYSTEM}/*x/*y", "${SYSTEM}/axy/byy", false},
                {"", "", true},
                {"*", "", true},
                {"?", "", false},
                {"", "x", false},
                /* nothing else is special */
                {"${SYSTEM}/[ab]", "${SYSTEM}/a", false},
                {"${SYSTEM}/[ab]", "${SYSTEM}/[ab]", true},
                {"${SYSTEM}/\\*", "${SYSTEM}/*", false},
                {"${SYSTEM}/\\*", "${SYSTEM}/\\x", true},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++)
                if (sal_policy_glob_covers(rows[i].glob, rows[i].path) != rows[i].covers)
                        fail_msg("%s over %s", rows[i].glob, rows[i].path);
}

/* One pattern against one name, the slow and obvious way. */
static bool matches(const char *pattern, const char *name) {
        if (!*pattern)
                return !*name;
        if (*pattern == '*')
                return matches(pattern + 1, name) || (*name && *name != '/' && matches(pattern, name + 1));
        return *name && (*pattern == '?' ? *name != '/' : *pattern == *name) && matches(pattern + 1, name + 1);
}

static void digits(unsigned number, unsigned len, const char *alphabet, char *ret) {
        for (unsigned i = 0; i < len; i++, number /= (unsigned)strlen(alphabet))
                ret[i] = alphabet[number % strlen(alphabet)];
        ret[len] = '\0';
}

static unsigned power(unsigned base, unsigned exponent) {
        return exponent ? base * power(base, exponent - 1) : 1;
}

/* Whatever a path can touch, the glob that covers it matches: all globs and paths of up to 4 of "ab*?/", every name of
 * up to 5 of "ab/". */
static void covering_never_widens(void **state) {
        (void)state;
        char names[400][6];
        unsigned name_count = 0;
        for (unsigned len = 0; len <= 5; len++)
                for (unsigned n = 0; n < power(3, len) && name_count < 400; n++)
                        digits(n, len, "ab/", names[name_count++]);
        unsigned covered = 0;
        for (unsigned code = 0; code < 625 * 625; code++) {
                char glob[5], path[5];
                digits(code / 625, 4, "ab*?", glob);
                digits(code % 625, 4, "a/*?", path);
                glob[1 + code % 4] = '\0';
                path[1 + code / 625 % 4] = '\0';
                if (!sal_policy_glob_covers(glob, path))
                        continue;
                covered++;
                for (unsigned i = 0; i < name_count; i++)
                        if (matches(path, names[i]) && !matches(glob, names[i]))
                                fail_msg("\"%s\" covers \"%s\" but does not match \"%s\"", glob, path, names[i]);
        }
        assert_true(covered > 1000);
}

/* ---- classes and thresholds ---- */

enum { ANN, BEN, CYD, DOT, AUTHORS };

struct fixture {
        struct sal_private_key *keys[AUTHORS];
        struct sal_policy *policy;
};

static int set_up(void **state) {
        static const char *const names[] = {"ann", "ben", "cyd", "dot"};
        struct fixture *f = calloc(1, sizeof *f);
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_buf_puts(&text, "{\"schema\":\"salvor.policy/1\",\"authors\":[");
        for (int i = 0; i < AUTHORS; i++) {
                f->keys[i] = make_key(SAL_KEY_ED25519);
                const struct sal_public_key *key = sal_private_key_public(f->keys[i]);
                sal_buf_printf(
                        &text,
                        "%s{\"name\":\"%s\",\"keyid\":\"%s\",\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"public\":"
                        "\"%s\"}",
                        i ? "," : "", names[i], sal_public_key_id(key), sal_public_key_text(key));
        }
        sal_buf_puts(&text,
                     "],\"classes\":["
                     "{\"name\":\"drivers\",\"kinds\":[\"delete_file\",\"rename_file\",\"disable_driver\"],\"paths\":["
                     "\"${SYSTEM}/drivers/*\",\"${BOOT}/*\"],\"authors\":[\"ann\",\"ben\",\"cyd\"],\"threshold\":2},"
                     "{\"name\":\"scripts\",\"kinds\":[\"run_script\"],\"authors\":[\"ann\",\"dot\"],\"threshold\":2,"
                     "\"approvals\":1},"
                     "{\"name\":\"services\",\"kinds\":[\"disable_service\",\"delete_file\"],\"paths\":[\"${SYSTEM}/"
                     "svc/*\"],"
                     "\"authors\":[\"dot\"],\"threshold\":1},"
                     "{\"name\":\"units\",\"kinds\":[\"disable_service\"],\"authors\":[\"dot\"],\"threshold\":1,"
                     "\"approvals\":3}]}");
        struct sal_err err = {0};
        if (sal_policy_parse(text.data, text.len, &f->policy, &err))
                fail_msg("%s: %s", err.pointer, err.detail);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;
        for (int i = 0; i < AUTHORS; i++)
                sal_private_key_free(f->keys[i]);
        sal_policy_unref(f->policy);
        free(f);
        return 0;
}

static const char *class_name(const struct fixture *f, const char *kind, const char *path, const char *path2) {
        const struct sal_policy_class *class = sal_policy_class_of(f->policy, kind, path, path2);
        return class ? class->name : "none";
}

static void classes(void **state) {
        struct fixture *f = *state;
        assert_string_equal(class_name(f, "delete_file", "${SYSTEM}/drivers/x", NULL), "drivers");
        assert_string_equal(class_name(f, "delete_file", "${SYSTEM}/svc/x", NULL), "services");
        assert_string_equal(class_name(f, "delete_file", "${SYSTEM}/else/x", NULL), "none");
        assert_string_equal(class_name(f, "write_file", "${SYSTEM}/drivers/x", NULL), "none");
        assert_string_equal(class_name(f, "run_script", NULL, NULL), "scripts");
        /* a rename has two paths; each must be within the class, by whichever of its globs */
        assert_string_equal(class_name(f, "rename_file", "${SYSTEM}/drivers/x", "${SYSTEM}/drivers/y"), "drivers");
        assert_string_equal(class_name(f, "rename_file", "${SYSTEM}/drivers/x", "${BOOT}/y"), "drivers");
        assert_string_equal(class_name(f, "rename_file", "${SYSTEM}/drivers/x", "${SYSTEM}/svc/y"), "none");
        assert_string_equal(class_name(f, "rename_file", "${SYSTEM}/svc/x", "${SYSTEM}/drivers/y"), "none");
        assert_string_equal(class_name(f, "rename_file", "${SYSTEM}/drivers/x", NULL), "none");
        /* a class that names paths holds no action without one */
        assert_string_equal(class_name(f, "disable_driver", NULL, NULL), "none");
        assert_string_equal(class_name(f, "disable_service", NULL, NULL), "units");
}

static enum sal_status check(const struct fixture *f, const struct sal_policy_action *actions, size_t count,
                             unsigned who, struct sal_err *err) {
        sal_autokeyset struct sal_key_set set = SAL_KEY_SET_INIT;
        for (int i = 0; i < AUTHORS; i++)
                if (who & 1u << i)
                        assert_int_equal(sal_key_set_add(&set, sal_private_key_public(f->keys[i])), SAL_OK);
        return sal_policy_check(f->policy, actions, count, &set, err);
}

#define WHO(a) (1u << (a))

static void thresholds(void **state) {
        struct fixture *f = *state;
        const struct sal_policy_action actions[] = {
                {.kind = "delete_file", .path = "${SYSTEM}/drivers/x"},
                {.kind = "run_script"},
                {.kind = "write_file", .path = "${SYSTEM}/drivers/x"},
        };
        struct sal_err err = {0};
        assert_int_equal(check(f, actions, 0, 15, &err), SAL_E_INVALID);
        assert_int_equal(check(f, actions, 1, 0, &err), SAL_E_UNTRUSTED);
        assert_string_equal(err.pointer, "/actions/0");
        assert_int_equal(check(f, actions, 1, WHO(ANN), &err), SAL_E_UNTRUSTED);
        /* dot may not sign for drivers */
        assert_int_equal(check(f, actions, 1, WHO(ANN) | WHO(DOT), &err), SAL_E_UNTRUSTED);
        assert_int_equal(check(f, actions, 1, WHO(ANN) | WHO(CYD), &err), SAL_OK);
        /* each class used needs its own threshold; enough for one is not enough for both */
        assert_int_equal(check(f, actions, 2, WHO(ANN) | WHO(BEN), &err), SAL_E_UNTRUSTED);
        assert_string_equal(err.pointer, "/actions/1");
        assert_non_null(strstr(err.detail, "scripts"));
        assert_int_equal(check(f, actions, 2, WHO(ANN) | WHO(DOT), &err), SAL_E_UNTRUSTED);
        assert_int_equal(check(f, actions, 2, WHO(ANN) | WHO(BEN) | WHO(DOT), &err), SAL_OK);
        /* no class: no number of signatures helps */
        assert_int_equal(check(f, actions, 3, 15, &err), SAL_E_UNTRUSTED);
        assert_string_equal(err.pointer, "/actions/2");
        assert_true(err.hint[0]);
}

static void stranger_counts_for_nothing(void **state) {
        struct fixture *f = *state;
        sal_auto(sal_private_key) struct sal_private_key *stranger = make_key(SAL_KEY_ED25519);
        sal_autokeyset struct sal_key_set set = SAL_KEY_SET_INIT;
        assert_int_equal(sal_key_set_add(&set, sal_private_key_public(stranger)), SAL_OK);
        assert_int_equal(sal_key_set_add(&set, sal_private_key_public(f->keys[ANN])), SAL_OK);
        const struct sal_policy_action action = {.kind = "delete_file", .path = "${SYSTEM}/drivers/x"};
        assert_int_equal(sal_policy_check(f->policy, &action, 1, &set, NULL), SAL_E_UNTRUSTED);
        assert_int_equal(sal_policy_may_sign(f->policy, &action, 1, sal_private_key_public(stranger), NULL),
                         SAL_E_FORBIDDEN);
}

static void may_sign(void **state) {
        struct fixture *f = *state;
        const struct sal_policy_action actions[] = {
                {.kind = "delete_file", .path = "${SYSTEM}/drivers/x"},
                {.kind = "run_script"},
                {.kind = "set_boot_entry"},
        };
        const struct sal_public_key *ben = sal_private_key_public(f->keys[BEN]);
        const struct sal_public_key *dot = sal_private_key_public(f->keys[DOT]);
        assert_int_equal(sal_policy_may_sign(f->policy, actions, 1, ben, NULL), SAL_OK);
        assert_int_equal(sal_policy_may_sign(f->policy, actions, 1, dot, NULL), SAL_E_FORBIDDEN);
        assert_int_equal(sal_policy_may_sign(f->policy, actions, 2, dot, NULL), SAL_OK);
        assert_int_equal(sal_policy_may_sign(f->policy, actions, 3, dot, NULL), SAL_E_UNTRUSTED);
        assert_int_equal(sal_policy_may_sign(f->policy, actions, 0, dot, NULL), SAL_E_INVALID);
        assert_int_equal(sal_policy_approvals(f->policy, actions, 1), 0);
        assert_int_equal(sal_policy_approvals(f->policy, actions, 2), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(globs),
                cmocka_unit_test(covering_never_widens),
                cmocka_unit_test_setup_teardown(classes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(thresholds, set_up, tear_down),
                cmocka_unit_test_setup_teardown(stranger_counts_for_nothing, set_up, tear_down),
                cmocka_unit_test_setup_teardown(may_sign, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
