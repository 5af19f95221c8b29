/* SPDX-License-Identifier: Apache-2.0 */
/* Machine tokens: the form on the wire, every alteration, and the key file. */
#include "testing.h"

#include "base/mem.h"
#include "trust/token.h"

#include <sys/stat.h>

static const struct sal_token_key key = {.bytes = "0123456789abcdef0123456789abcde"};

static enum sal_status check(const char *id, const char *token, int64_t *generation) {
        return sal_machine_token_check(&key, id, token, strlen(token), generation);
}

/* Computed apart from this code: HMAC-SHA-256 over "pc-1" NUL "7", and over the longest there is. */
static void known_answers(void **state) {
        (void)state;
        char token[SAL_MACHINE_TOKEN_BYTES];
        int64_t generation = 0;
        assert_int_equal(sal_machine_token_make(&key, "pc-1", 7, token), SAL_OK);
        assert_string_equal(token, "sal1.7.N3dR2E1dxQXwQe6zFCnqM0_cjwgT-Lkp3TB4Nozs1II");
        assert_int_equal(check("pc-1", token, &generation), SAL_OK);
        assert_int_equal(generation, 7);
        char id[65];
        memset(id, 'x', 64);
        id[64] = '\0';
        assert_int_equal(sal_machine_token_make(&key, id, SAL_TOKEN_GENERATION_MAX, token), SAL_OK);
        assert_string_equal(token, "sal1.2147483647.TAKU5DQ2vGns2iMIY26sX4vuN5GrwsCVnTYjv6tEAWA");
        assert_int_equal(check(id, token, &generation), SAL_OK);
        assert_int_equal(generation, SAL_TOKEN_GENERATION_MAX);
}

static void out_of_range(void **state) {
        (void)state;
        char token[SAL_MACHINE_TOKEN_BYTES];
        char id[66];
        memset(id, 'x', 65);
        id[65] = '\0';
        assert_int_equal(sal_machine_token_make(&key, "", 1, token), SAL_E_INVALID);
        assert_int_equal(sal_machine_token_make(&key, id, 1, token), SAL_E_INVALID);
        assert_int_equal(sal_machine_token_make(&key, "a", 0, token), SAL_E_INVALID);
        assert_int_equal(sal_machine_token_make(&key, "a", SAL_TOKEN_GENERATION_MAX + 1, token), SAL_E_INVALID);
}

static void tampered(void **state) {
        (void)state;
        char token[SAL_MACHINE_TOKEN_BYTES];
        assert_int_equal(sal_machine_token_make(&key, "pc-1", 12, token), SAL_OK);
        int64_t generation = -1;
        size_t len = strlen(token);
        for (size_t i = 0; i < len; i++) {
                for (int byte = 0; byte < 256; byte++) {
                        char bent[SAL_MACHINE_TOKEN_BYTES];
                        memcpy(bent, token, sizeof bent);
                        if ((char)byte == token[i])
                                continue;
                        bent[i] = (char)byte;
                        assert_int_equal(sal_machine_token_check(&key, "pc-1", bent, len, &generation),
                                         SAL_E_UNAUTHENTICATED);
                }
                assert_int_equal(sal_machine_token_check(&key, "pc-1", token, i, &generation), SAL_E_UNAUTHENTICATED);
        }
        static const char *const others[] = {"pc-2", "pc-11", "pc-", "PC-1", ""};
        for (size_t i = 0; i < SAL_ARRAY_LEN(others); i++)
                assert_int_equal(check(others[i], token, &generation), SAL_E_UNAUTHENTICATED);
        struct sal_token_key other = key;
        other.bytes[31] ^= 1;
        assert_int_equal(sal_machine_token_check(&other, "pc-1", token, len, &generation), SAL_E_UNAUTHENTICATED);
        assert_int_equal(generation, -1);
}

/* One generation has one spelling. */
static void spellings(void **state) {
        (void)state;
        char good[SAL_MACHINE_TOKEN_BYTES];
        int64_t generation = 0;
        assert_int_equal(sal_machine_token_make(&key, "pc-1", 7, good), SAL_OK);
        static const char *const prefixes[] = {"sal1.07.", "sal1.+7.", "sal1. 7.", "sal1.7..",
                                               "sal1..",   "sal1.0.",  "sal1.-7.", "sal2.7.",
                                               "SAL1.7.",  "sal1.7",   "sal1.7 .", "sal1.4294967303."};
        for (size_t i = 0; i < SAL_ARRAY_LEN(prefixes); i++) {
                char token[128];
                snprintf(token, sizeof token, "%s%s", prefixes[i], good + strlen("sal1.7."));
                assert_int_equal(check("pc-1", token, &generation), SAL_E_UNAUTHENTICATED);
        }
        char longer[128];
        snprintf(longer, sizeof longer, "%s=", good);
        assert_int_equal(check("pc-1", longer, &generation), SAL_E_UNAUTHENTICATED);
        snprintf(longer, sizeof longer, "%sAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", good);
        assert_int_equal(check("pc-1", longer, &generation), SAL_E_UNAUTHENTICATED);
        assert_int_equal(check("pc-1", "", &generation), SAL_E_UNAUTHENTICATED);
}

static void key_file(void **state) {
        (void)state;
        const char *folder = make_folder();
        char path[128];
        snprintf(path, sizeof path, "%s/token.key", folder);
        struct sal_token_key first, second;
        struct sal_err err = {0};
        assert_int_equal(sal_token_key_load(path, &first, &err), SAL_OK);
        assert_int_equal(sal_token_key_load(path, &second, &err), SAL_OK);
        assert_memory_equal(first.bytes, second.bytes, sizeof first.bytes);
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
        assert_int_equal(info.st_nlink, 1); /* nothing temporary stays behind */
        assert_int_equal(chmod(path, 0640), 0);
        assert_int_equal(sal_token_key_load(path, &second, &err), SAL_E_REFUSED);
        assert_non_null(strstr(err.hint, "chmod 600"));
        assert_int_equal(chmod(path, 0600), 0);
        for (int size = 31; size <= 33; size += 2) {
                assert_int_equal(truncate(path, size), 0);
                assert_int_equal(sal_token_key_load(path, &second, &err), SAL_E_CORRUPT);
        }
        snprintf(path, sizeof path, "%s/absent/token.key", folder);
        assert_int_equal(sal_token_key_load(path, &second, &err), SAL_E_NOT_FOUND);
        drop_folder(folder);
}

static void secrets(void **state) {
        (void)state;
        char a[SAL_SECRET_TOKEN_BYTES], b[SAL_SECRET_TOKEN_BYTES];
        char kept[SAL_SHA256_HEX_BYTES], found[SAL_SHA256_HEX_BYTES];
        sal_secret_token_make(a, kept);
        sal_secret_token_digest(a, strlen(a), found);
        assert_string_equal(kept, found);
        assert_int_equal(strlen(a), 48);
        assert_memory_equal(a, "sals_", 5);
        sal_secret_token_make(b, found);
        assert_string_not_equal(a, b);
        assert_string_not_equal(kept, found);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(known_answers), cmocka_unit_test(out_of_range), cmocka_unit_test(tampered),
                cmocka_unit_test(spellings),     cmocka_unit_test(key_file),     cmocka_unit_test(secrets),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
