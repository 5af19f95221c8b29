/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical JSON: vectors, order, escapes, and what has no canonical form. */
#include "testing.h"

#include "trust/canonical.h"

static enum sal_status canonical(const char *text, struct sal_buf *out, struct sal_err *err) {
        sal_autojson json_t *value = NULL;
        assert_int_equal(sal_json_parse(text, strlen(text), SAL_JSON_MAX_DEPTH, &value, NULL), SAL_OK);
        return sal_canonical_write(value, out, err);
}

static void vectors(void **state) {
        (void)state;
        static const struct {
                const char *in, *out;
        } good[] = {
                {"{}", "{}"},
                {"[ ]", "[]"},
                {" [ 1 , 2 ,\n3 ] ", "[1,2,3]"},
                {"{\"b\":1,\"a\":{\"d\":null,\"c\":[true,false]}}", "{\"a\":{\"c\":[true,false],\"d\":null},\"b\":1}"},
                {"\"\"", "\"\""},
                {"-0", "0"},
                {"9007199254740991", "9007199254740991"},
                {"-9007199254740991", "-9007199254740991"},
                /* Only the quote and the backslash are escaped; a newline and other control bytes stand raw. */
                {"\"\\\"\\\\\\/\"", "\"\\\"\\\\/\""},
                {"\"a\\nb\\tc\\u0001\\u007f\"", "\"a\nb\tc\x01\x7f\""},
                {"\"\\u00e9\\ud83d\\ude00\"", "\"\xc3\xa9\xf0\x9f\x98\x80\""},
                {"{\"\\\"\":1,\"\\n\":2}", "{\"\n\":2,\"\\\"\":1}"},
                /* By code point: U+FFFD before U+1F600, though UTF-16 would have it the other way round; a prefix
                   first. */
                {"{\"\\ud83d\\ude00\":1,\"\\ufffd\":2}", "{\"\xef\xbf\xbd\":2,\"\xf0\x9f\x98\x80\":1}"},
                {"{\"aa\":1,\"a\":2,\"B\":3,\"_\":4,\"\":5}", "{\"\":5,\"B\":3,\"_\":4,\"a\":2,\"aa\":1}"},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(good); i++) {
                sal_autobuf struct sal_buf out = SAL_BUF_INIT;
                assert_int_equal(canonical(good[i].in, &out, NULL), SAL_OK);
                assert_string_equal(out.data, good[i].out);
        }
}

static void no_canonical_form(void **state) {
        (void)state;
        static const struct {
                const char *in, *pointer;
        } bad[] = {
                {"1.0", ""},
                {"[1,1e3]", "/1"},
                {"{\"a\":{\"b\":0.5}}", "/a/b"},
                {"{\"n\":9007199254740992}", "/n"},
                {"{\"n\":-9007199254740992}", "/n"},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                sal_autobuf struct sal_buf out = SAL_BUF_INIT;
                struct sal_err err = {0};
                assert_int_equal(canonical(bad[i].in, &out, &err), SAL_E_INVALID);
                assert_string_equal(err.pointer, bad[i].pointer);
        }
}

/* Values that were built, not parsed, are held to the same depth. */
static void depth(void **state) {
        (void)state;
        for (int levels = 31; levels <= 34; levels++) {
                json_t *value = json_integer(1);
                for (int i = 0; i < levels; i++)
                        value = json_pack("[o]", value);
                sal_autobuf struct sal_buf out = SAL_BUF_INIT;
                assert_int_equal(sal_canonical_write(value, &out, NULL), levels < 32 ? SAL_OK : SAL_E_INVALID);
                json_decref(value);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(vectors),
                cmocka_unit_test(no_canonical_form),
                cmocka_unit_test(depth),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
