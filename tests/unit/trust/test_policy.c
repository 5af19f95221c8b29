/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the trust policy: every rule with a policy that breaks it. */
#include "testing.h"

#include "trust/policy.h"

#define KEY_A "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define ID_A "74c181c7ad8a0855d4b55e44d2ba87aabdddb196832571f15f92fece332e4916"
#define KEY_B "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
#define AUTHOR(name, id, key)                                                                                          \
        "{\"name\":\"" name "\",\"keyid\":\"" id "\",\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"public\":\"" key \
        "\"}"
#define A AUTHOR("a", ID_A, KEY_A)
#define CLASS(rest) "{\"name\":\"all\",\"kinds\":[\"delete_file\"],\"authors\":[\"a\"],\"threshold\":1" rest "}"
#define POLICY(authors, classes, rest) \
        "{\"schema\":\"salvor.policy/1\",\"authors\":[" authors "],\"classes\":[" classes "]" rest "}"

static enum sal_status parse(const char *text, struct sal_policy **ret, struct sal_err *err) {
        return sal_policy_parse(text, strlen(text), ret, err);
}

static void good(void **state) {
        (void)state;
        static const char text[] =
                POLICY(A, CLASS(",\"paths\":[\"${SYSTEM}/*\"],\"approvals\":2"), ",\"revoked\":[\"x-1\",\"y@3\"]");
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        struct sal_err err = {0};
        if (parse(text, &policy, &err))
                fail_msg("%s: %s", err.pointer, err.detail);
        assert_int_equal(sal_policy_author_count(policy), 1);
        assert_string_equal(sal_policy_author(policy, 0).name, "a");
        assert_string_equal(sal_public_key_id(sal_policy_author(policy, 0).key), ID_A);
        assert_non_null(sal_policy_author_key(policy, ID_A));
        assert_null(sal_policy_author_key(policy, "a"));
        assert_int_equal(sal_policy_class_count(policy), 1);
        assert_int_equal(sal_policy_class(policy, 0)->approvals, 2);
        char digest[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(text, strlen(text), digest);
        assert_string_equal(sal_policy_sha256(policy), digest);
        size_t len = 0;
        assert_string_equal(sal_policy_bytes(policy, &len), text);
        assert_int_equal(len, strlen(text));
        assert_true(sal_policy_is_revoked(policy, "x-1", 1));
        assert_true(sal_policy_is_revoked(policy, "x-1", 77));
        assert_true(sal_policy_is_revoked(policy, "y", 3));
        assert_false(sal_policy_is_revoked(policy, "y", 2));
        assert_false(sal_policy_is_revoked(policy, "x", 1));
        assert_false(sal_policy_is_revoked(policy, "x-11", 1));
}

static void bad(void **state) {
        (void)state;
        static const struct {
                const char *text, *pointer;
        } wrong[] = {
                {"[]", ""},
                {"{}", "/schema"},
                {"{\"schema\":\"salvor.policy/2\",\"authors\":[" A "],\"classes\":[]}", "/schema"},
                {POLICY(A, CLASS(""), ",\"note\":1"), "/note"},
                {POLICY("", "", ""), "/authors"},
                {POLICY("7", "", ""), "/authors/0"},
                {POLICY("{\"name\":\"a\"}", "", ""), "/authors/0/keyid"},
                {POLICY(AUTHOR("", ID_A, KEY_A), "", ""), "/authors/0/name"},
                {POLICY(AUTHOR("a\\n", ID_A, KEY_A), "", ""), "/authors/0/name"},
                /* an id that is another key's, or written in another way */
                {POLICY(AUTHOR("a", ID_A, KEY_B), "", ""), "/authors/0/keyid"},
                {POLICY(AUTHOR("a", "74C181C7AD8A0855D4B55E44D2BA87AABDDDB196832571F15F92FECE332E4916", KEY_A), "", ""),
                 "/authors/0/keyid"},
                {POLICY(AUTHOR("a", ID_A, "00"), "", ""), "/authors/0/public"},
                {POLICY(A "," A, "", ""), "/authors/1/name"},
                {POLICY(A, CLASS(",\"x\":1"), ""), "/classes/0/x"},
                {POLICY(A, CLASS("") "," CLASS(""), ""), "/classes/1/name"},
                {POLICY(A, CLASS(",\"paths\":[]"), ""), "/classes/0/paths"},
                {POLICY(A, CLASS(",\"paths\":[\"\"]"), ""), "/classes/0/paths/0"},
                {POLICY(A, CLASS(",\"paths\":[7]"), ""), "/classes/0/paths/0"},
                {POLICY(A, CLASS(",\"paths\":null"), ""), "/classes/0/paths"},
                {POLICY(A, CLASS(",\"approvals\":-1"), ""), "/classes/0/approvals"},
                {POLICY(A, CLASS(",\"approvals\":1.0"), ""), "/classes/0/approvals"},
                {POLICY(A, "{\"name\":\"c\",\"kinds\":[],\"authors\":[\"a\"],\"threshold\":1}", ""),
                 "/classes/0/kinds"},
                {POLICY(A, "{\"name\":\"c\",\"kinds\":[\"k\",\"k\"],\"authors\":[\"a\"],\"threshold\":1}", ""),
                 "/classes/0/kinds/1"},
                {POLICY(A, "{\"name\":\"c\",\"kinds\":[\"k\"],\"authors\":[],\"threshold\":1}", ""),
                 "/classes/0/authors"},
                {POLICY(A, "{\"name\":\"c\",\"kinds\":[\"k\"],\"authors\":[\"b\"],\"threshold\":1}", ""),
                 "/classes/0/authors/0"},
                {POLICY(A, "{\"name\":\"c\",\"kinds\":[\"k\"],\"authors\":[\"a\",\"a\"],\"threshold\":2}", ""),
                 "/classes/0/authors/1"},
                {POLICY(A, "{\"name\":\"c\",\"kinds\":[\"k\"],\"authors\":[\"a\"],\"threshold\":0}", ""),
                 "/classes/0/threshold"},
                {POLICY(A, "{\"name\":\"c\",\"kinds\":[\"k\"],\"authors\":[\"a\"],\"threshold\":2}", ""),
                 "/classes/0/threshold"},
                {POLICY(A, "{\"name\":\"c\",\"kinds\":[\"k\"],\"authors\":[\"a\"],\"threshold\":\"1\"}", ""),
                 "/classes/0/threshold"},
                {POLICY(A, "{\"name\":\"c\",\"kinds\":[\"k\"],\"authors\":[\"a\"]}", ""), "/classes/0/threshold"},
                /* two names for one key: still one signature, so two cannot be reached */
                {POLICY(A "," AUTHOR("b", ID_A, KEY_A),
                        "{\"name\":\"c\",\"kinds\":[\"k\"],\"authors\":[\"a\",\"b\"],\"threshold\":2}", ""),
                 "/classes/0/threshold"},
                {POLICY(A, "", ",\"revoked\":[7]"), "/revoked/0"},
                {POLICY(A, "", ",\"revoked\":[\"\"]"), "/revoked/0"},
                {POLICY(A, "", ",\"revoked\":[\"X\"]"), "/revoked/0"},
                {POLICY(A, "", ",\"revoked\":[\"-x\"]"), "/revoked/0"},
                {POLICY(A, "", ",\"revoked\":[\"x\",\"x@\"]"), "/revoked/1"},
                {POLICY(A, "", ",\"revoked\":[\"x@0\"]"), "/revoked/0"},
                {POLICY(A, "", ",\"revoked\":[\"x@01\"]"), "/revoked/0"},
                {POLICY(A, "", ",\"revoked\":[\"x@2147483648\"]"), "/revoked/0"},
                {POLICY(A, "", ",\"revoked\":[\"x@1 \"]"), "/revoked/0"},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(wrong); i++) {
                struct sal_policy *policy = NULL;
                struct sal_err err = {0};
                if (parse(wrong[i].text, &policy, &err) != SAL_E_INVALID || strcmp(err.pointer, wrong[i].pointer) != 0)
                        fail_msg("%s: at %s: %s", wrong[i].text, err.pointer, err.detail);
                assert_null(policy);
        }
        struct sal_policy *policy = NULL;
        assert_int_equal(parse("{\"schema\":\"a\",\"schema\":\"a\"}", &policy, NULL), SAL_E_MALFORMED);
        sal_autofree char *huge = calloc(1, SAL_POLICY_MAX_BYTES + 1);
        assert_int_equal(sal_policy_parse(huge, SAL_POLICY_MAX_BYTES + 1, &policy, NULL), SAL_E_TOO_LARGE);
}

/* A policy may lock everything, and may know kinds that this version does not. */
static void lenient_where_harmless(void **state) {
        (void)state;
        sal_auto(sal_policy) struct sal_policy *locked = NULL;
        assert_int_equal(parse(POLICY(A, "", ""), &locked, NULL), SAL_OK);
        assert_null(sal_policy_class_of(locked, "delete_file", "${SYSTEM}/x", NULL));
        sal_auto(sal_policy) struct sal_policy *newer = NULL;
        assert_int_equal(
                parse(POLICY(A, "{\"name\":\"c\",\"kinds\":[\"reflash\"],\"authors\":[\"a\"],\"threshold\":1}", ""),
                      &newer, NULL),
                SAL_OK);
        assert_null(sal_policy_class_of(newer, "delete_file", "${SYSTEM}/x", NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good),
                cmocka_unit_test(bad),
                cmocka_unit_test(lenient_where_harmless),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
