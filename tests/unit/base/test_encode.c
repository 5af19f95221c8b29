/* SPDX-License-Identifier: Apache-2.0 */
#include "base/encode.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 4648 section 10. */
static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
};

static void base64_follows_the_rfc(void **state) {
        (void)state;
        for (size_t i = 0; i < SAL_ARRAY_LEN(vectors); i++) {
                sal_autofree char *text = sal_base64_encode(vectors[i][0], strlen(vectors[i][0]));
                assert_string_equal(text, vectors[i][1]);
                sal_autofree uint8_t *data = NULL;
                size_t len = 99;
                assert_int_equal(sal_base64_decode(text, strlen(text), &data, &len), SAL_OK);
                assert_int_equal(len, strlen(vectors[i][0]));
                assert_string_equal((char *)data, vectors[i][0]);
        }
}

static void base64_takes_one_spelling_only(void **state) {
        (void)state;
        static const char *const wrong[] = {
                "Zg",   "Zg=",  "Z===",     "====", "Zm9v=", "Zm9vYg", "Zh==",       "Zm9=",    "Zm 8=", "Zm8=\n",
                "Zm-v", "Zm_v", "Zg==Zg==", "=Zm9", "Z=m9",  "Zm9v\n", "\xc3\xa9==", "Zm8\x80", "A",     "Zm8=====",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(wrong); i++) {
                uint8_t *data = NULL;
                size_t len = 0;
                if (sal_base64_decode(wrong[i], strlen(wrong[i]), &data, &len) != SAL_E_MALFORMED)
                        fail_msg("accepted: \"%s\"", wrong[i]);
                assert_null(data);
        }
}

static void base64url_has_no_padding(void **state) {
        (void)state;
        const uint8_t bytes[] = {0xfb, 0xff, 0xbf, 0xfe};
        sal_autofree char *text = sal_base64url_encode(bytes, sizeof bytes);
        assert_string_equal(text, "-_-__g");
        sal_autofree uint8_t *data = NULL;
        size_t len = 0;
        assert_int_equal(sal_base64url_decode(text, strlen(text), &data, &len), SAL_OK);
        assert_int_equal(len, sizeof bytes);
        assert_memory_equal(data, bytes, sizeof bytes);
        static const char *const wrong[] = {"-_-__g==", "+/+//g", "A", "AAAAA", "-_-__h"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(wrong); i++) {
                uint8_t *no_data = NULL;
                assert_int_equal(sal_base64url_decode(wrong[i], strlen(wrong[i]), &no_data, &len), SAL_E_MALFORMED);
                assert_null(no_data);
        }
}

static void random_bytes_survive_every_encoding(void **state) {
        (void)state;
        for (size_t n = 0; n < 200; n++) {
                uint8_t bytes[200], back[200];
                char hex[401];
                sal_random(bytes, n);
                sal_autofree char *text = sal_base64_encode(bytes, n);
                sal_autofree char *url = sal_base64url_encode(bytes, n);
                sal_autofree uint8_t *from_text = NULL;
                sal_autofree uint8_t *from_url = NULL;
                size_t len = 0;
                assert_int_equal(sal_base64_decode(text, strlen(text), &from_text, &len), SAL_OK);
                assert_int_equal(len, n);
                assert_int_equal(sal_base64url_decode(url, strlen(url), &from_url, &len), SAL_OK);
                assert_int_equal(len, n);
                sal_hex_encode(bytes, n, hex);
                assert_int_equal(strlen(hex), 2 * n);
                assert_int_equal(sal_hex_decode(hex, strlen(hex), back, n), SAL_OK);
                if (n) {
                        assert_memory_equal(from_text, bytes, n);
                        assert_memory_equal(from_url, bytes, n);
                        assert_memory_equal(back, bytes, n);
                }
        }
}

static void hex_is_lower_case_and_exact(void **state) {
        (void)state;
        uint8_t two[2] = {0xAA, 0xAA};
        assert_int_equal(sal_hex_decode("00fF", 4, two, 2), SAL_E_MALFORMED);
        assert_int_equal(sal_hex_decode("00f", 3, two, 2), SAL_E_MALFORMED);
        assert_int_equal(sal_hex_decode("00f0a", 5, two, 2), SAL_E_MALFORMED);
        assert_int_equal(sal_hex_decode("0g00", 4, two, 2), SAL_E_MALFORMED);
        assert_int_equal(sal_hex_decode("00f0", 4, two, 2), SAL_OK);
        assert_int_equal(two[1], 0xf0);
}

static void sha256_of_known_texts(void **state) {
        (void)state;
        char text[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex("", 0, text);
        assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        sal_sha256_hex("abc", 3, text);
        assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_true(sal_is_sha256_hex(text));
        text[0] = 'B';
        assert_false(sal_is_sha256_hex(text));
        assert_false(sal_is_sha256_hex("ba78"));
        assert_false(sal_is_sha256_hex(""));
}

static void the_stream_equals_the_whole(void **state) {
        (void)state;
        uint8_t bytes[1000], whole[SAL_SHA256_BYTES], pieces[SAL_SHA256_BYTES];
        sal_random(bytes, sizeof bytes);
        sal_sha256(bytes, sizeof bytes, whole);
        struct sal_sha256_stream *stream = sal_sha256_stream_new();
        assert_non_null(stream);
        for (size_t at = 0, step = 1; at < sizeof bytes; at += step, step = step * 2 + 1) {
                size_t left = sizeof bytes - at;
                sal_sha256_stream_add(stream, bytes + at, left < step ? left : step);
        }
        sal_sha256_stream_end(stream, pieces);
        sal_sha256_stream_free(stream);
        sal_sha256_stream_free(NULL);
        assert_memory_equal(whole, pieces, sizeof whole);
}

static void secrets_compare(void **state) {
        (void)state;
        assert_true(sal_equal_secret("same", "same", 4));
        assert_false(sal_equal_secret("same", "sama", 4));
        assert_true(sal_equal_secret("a", "b", 0));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(base64_follows_the_rfc),      cmocka_unit_test(base64_takes_one_spelling_only),
                cmocka_unit_test(base64url_has_no_padding),    cmocka_unit_test(random_bytes_survive_every_encoding),
                cmocka_unit_test(hex_is_lower_case_and_exact), cmocka_unit_test(sha256_of_known_texts),
                cmocka_unit_test(the_stream_equals_the_whole), cmocka_unit_test(secrets_compare),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
