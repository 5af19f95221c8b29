/* SPDX-License-Identifier: Apache-2.0 */
#include "testing.h"

#include "base/mem.h"
#include "trust/crypto.h"
#include "trust/file.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <sys/stat.h>

static const char phrase[] = "correct horse battery";

struct teller {
        const char *text;
        int asked;
};

static int say(void *context, char *ret_text, size_t size) {
        struct teller *teller = context;
        teller->asked++;
        if (!teller->text)
                return -1;
        size_t len = strlen(teller->text);
        assert_true(len <= size);
        memcpy(ret_text, teller->text, len);
        return (int)len;
}

/* The key as encrypted PKCS#8 under these parameters, which it takes over; the text is handed over. */
static char *sealed(const struct sal_private_key *key, X509_ALGOR *pbe) {
        PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(sal_private_key_evp(key));
        assert_non_null(pbe);
        X509_SIG *sig = PKCS8_set0_pbe(phrase, (int)strlen(phrase), info, pbe);
        assert_non_null(sig);
        sal_autobio BIO *bio = BIO_new(BIO_s_mem());
        assert_int_equal(PEM_write_bio_PKCS8(bio, sig), 1);
        char *pem = NULL;
        long len = BIO_get_mem_data(bio, &pem);
        char *copy = strndup(pem, (size_t)len);
        X509_SIG_free(sig);
        PKCS8_PRIV_KEY_INFO_free(info);
        assert_non_null(copy);
        return copy;
}

static X509_ALGOR *pbkdf2(const EVP_CIPHER *cipher, int iterations, int salt_bytes, int prf) {
        return PKCS5_pbe2_set_iv(cipher, iterations, NULL, salt_bytes, NULL, prf);
}

static X509_ALGOR *scrypt(uint64_t n, uint64_t r, uint64_t p) {
        static const unsigned char salt[] = "0123456789abcdef";
        return PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt, 16, NULL, n, r, p);
}

static enum sal_status open_with(const char *pem, struct teller *teller, struct sal_private_key **ret,
                                 struct sal_err *err) {
        const struct sal_passphrase passphrase = {.ask = say, .context = teller};
        return sal_private_key_from_pem(pem, strlen(pem), &passphrase, ret, err);
}

static void what_is_saved_loads_and_says_how_it_is_protected(void **state) {
        (void)state;
        const char *folder = make_folder();
        for (int type = 0; type < 2; type++) {
                char path[128];
                snprintf(path, sizeof path, "%s/key-%d.pem", folder, type);
                sal_auto(sal_private_key) struct sal_private_key *key = make_key((enum sal_key_type)type);
                sal_auto(sal_private_key) struct sal_private_key *again = NULL;
                struct sal_err err = {0};
                assert_int_equal(sal_key_file_save(key, phrase, strlen(phrase), path, NULL), SAL_OK);
                assert_int_equal(sal_key_file_save(key, phrase, strlen(phrase), path, &err), SAL_E_CONFLICT);
                struct stat info;
                assert_int_equal(stat(path, &info), 0);
                assert_int_equal(info.st_mode & 07777, 0600);

                struct teller teller = {.text = phrase};
                const struct sal_passphrase passphrase = {.ask = say, .context = &teller};
                struct sal_key_protection protection;
                assert_int_equal(sal_key_file_load(path, &passphrase, &protection, &again, NULL), SAL_OK);
                assert_true(sal_public_key_equal(sal_private_key_public(key), sal_private_key_public(again)));
                assert_int_equal(protection.seal, SAL_SEAL_PBKDF2);
                assert_int_equal(protection.iterations, 600000);
                assert_int_equal(protection.salt_bytes, 16);
                assert_string_equal(protection.method, "hmacWithSHA256");
                assert_string_equal(protection.cipher, "AES-256-CBC");
                char words[SAL_KEY_PROTECTION_BYTES];
                sal_key_protection_describe(&protection, words);
                assert_non_null(strstr(words, "600000 iterations"));
        }
        drop_folder(folder);
}

/* Two files of one key have nothing in common: salt and vector are fresh. */
static void a_file_is_never_the_same_twice(void **state) {
        (void)state;
        const char *folder = make_folder();
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_ED25519);
        char path[2][128];
        sal_autofree char *a = NULL;
        sal_autofree char *b = NULL;
        size_t len = 0;
        for (int i = 0; i < 2; i++) {
                snprintf(path[i], sizeof path[i], "%s/%d.pem", folder, i);
                assert_int_equal(sal_key_file_save(key, phrase, strlen(phrase), path[i], NULL), SAL_OK);
        }
        assert_int_equal(sal_file_read(path[0], SAL_KEY_FILE_MAX_BYTES, &a, &len, NULL), SAL_OK);
        assert_int_equal(sal_file_read(path[1], SAL_KEY_FILE_MAX_BYTES, &b, &len, NULL), SAL_OK);
        assert_string_not_equal(a, b);
        drop_folder(folder);
}

static void a_passphrase_that_is_wrong_or_missing(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_P256);
        sal_autofree char *pem = sealed(key, pbkdf2(EVP_aes_256_cbc(), 600000, 16, NID_hmacWithSHA256));
        sal_auto(sal_private_key) struct sal_private_key *opened = NULL;
        assert_int_equal(sal_private_key_from_pem(pem, strlen(pem), NULL, &opened, NULL), SAL_E_UNAUTHENTICATED);
        static const char *const wrong[] = {"correct horse batter", "correct horse battery ", "", NULL};
        for (size_t i = 0; i < SAL_ARRAY_LEN(wrong); i++) {
                struct teller teller = {.text = wrong[i]};
                assert_int_equal(open_with(pem, &teller, &opened, NULL), SAL_E_UNAUTHENTICATED);
                assert_int_equal(teller.asked, 1);
                assert_null(opened);
        }
}

static void strong_files_are_taken(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_ED25519);
        X509_ALGOR *good[] = {
                pbkdf2(EVP_aes_256_cbc(), 600000, 8, NID_hmacWithSHA256),
                pbkdf2(EVP_aes_128_cbc(), 600001, 16, NID_hmacWithSHA512),
                scrypt(1 << 14, 8, 1),
                scrypt(1 << 14, 8, 2),
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(good); i++) {
                sal_autofree char *pem = sealed(key, good[i]);
                sal_auto(sal_private_key) struct sal_private_key *opened = NULL;
                struct teller teller = {.text = phrase};
                struct sal_err err = {0};
                if (open_with(pem, &teller, &opened, &err))
                        fail_msg("case %zu: %s", i, err.detail);
                assert_true(sal_public_key_equal(sal_private_key_public(key), sal_private_key_public(opened)));
        }
}

/* Nobody is asked for the passphrase of a file that will be refused. */
static void weak_files_are_refused_with_the_command_that_mends_them(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_P256);
        const struct {
                X509_ALGOR *pbe;
                const char *says;
        } bad[] = {
                {pbkdf2(EVP_aes_256_cbc(), 599999, 16, NID_hmacWithSHA256), "599999 iterations"},
                {pbkdf2(EVP_aes_256_cbc(), 2048, 16, NID_hmacWithSHA256), "2048 iterations"},
                {pbkdf2(EVP_aes_256_cbc(), 600000, 16, NID_hmacWithSHA1), "hmacWithSHA1,"},
                {pbkdf2(EVP_aes_256_cbc(), 600000, 4, NID_hmacWithSHA256), "salt of 4 bytes"},
                {pbkdf2(EVP_des_ede3_cbc(), 600000, 16, NID_hmacWithSHA256), "DES-EDE3-CBC"},
                {PKCS5_pbe_set(NID_pbe_WithSHA1And3_Key_TripleDES_CBC, 600000, NULL, 8), "PKCS#12"},
                {scrypt(1 << 13, 8, 1), "N = 8192"},
                {scrypt(1 << 14, 4, 1), "r = 4"},
                {scrypt(1 << 14, 1, 8), "r = 1"},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                sal_autofree char *pem = sealed(key, bad[i].pbe);
                sal_auto(sal_private_key) struct sal_private_key *opened = NULL;
                struct teller teller = {.text = phrase};
                struct sal_err err = {0};
                assert_int_equal(open_with(pem, &teller, &opened, &err), SAL_E_REFUSED);
                assert_int_equal(teller.asked, 0);
                assert_null(opened);
                if (!strstr(err.detail, bad[i].says))
                        fail_msg("case %zu says: %s", i, err.detail);
                assert_string_equal(err.hint, "openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 "
                                              "-iter 600000 -in OLD -out NEW");
        }
}

static void the_old_pem_encryption_is_refused(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_P256);
        sal_autobio BIO *bio = BIO_new(BIO_s_mem());
        assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, sal_private_key_evp(key), EVP_aes_256_cbc(),
                                                              (const unsigned char *)phrase, (int)strlen(phrase), NULL,
                                                              NULL),
                         1);
        char *pem = NULL;
        size_t len = (size_t)BIO_get_mem_data(bio, &pem);
        sal_autofree char *text = strndup(pem, len);
        assert_non_null(strstr(text, "Proc-Type: 4,ENCRYPTED"));
        struct teller teller = {.text = phrase};
        struct sal_private_key *opened = NULL;
        struct sal_err err = {0};
        assert_int_equal(open_with(text, &teller, &opened, &err), SAL_E_REFUSED);
        assert_non_null(strstr(err.detail, "Proc-Type"));
        assert_non_null(strstr(err.hint, "-iter 600000"));
        assert_int_equal(teller.asked, 0);
}

/* What cannot be made with OpenSSL, or takes too long to make. */
static void numbers_at_their_limits(void **state) {
        (void)state;
        struct sal_key_protection p = {.seal = SAL_SEAL_PBKDF2,
                                       .iterations = SAL_KEY_PBKDF2_MAX_ITERATIONS,
                                       .salt_bytes = 16,
                                       .method = "hmacWithSHA256",
                                       .cipher = "AES-256-CBC"};
        assert_int_equal(sal_key_protection_check(&p, NULL, NULL), SAL_OK);
        p.iterations++;
        assert_int_equal(sal_key_protection_check(&p, NULL, NULL), SAL_E_REFUSED);
        p.iterations = -1;
        assert_int_equal(sal_key_protection_check(&p, NULL, NULL), SAL_E_REFUSED);
        p = (struct sal_key_protection){.seal = SAL_SEAL_SCRYPT,
                                        .scrypt_n = 1 << 14,
                                        .r = 8,
                                        .p = 1,
                                        .salt_bytes = 16,
                                        .method = "scrypt",
                                        .cipher = "AES-256-CBC"};
        assert_int_equal(sal_key_protection_check(&p, NULL, NULL), SAL_OK);
        p.scrypt_n = 1 << 15; /* more memory than OpenSSL gives */
        assert_int_equal(sal_key_protection_check(&p, NULL, NULL), SAL_E_REFUSED);
        p.scrypt_n = INT64_MAX;
        assert_int_equal(sal_key_protection_check(&p, NULL, NULL), SAL_E_REFUSED);
        p.scrypt_n = 1 << 14;
        for (int64_t bad = -1; bad < 1; bad++) {
                p.p = bad;
                assert_int_equal(sal_key_protection_check(&p, NULL, NULL), SAL_E_REFUSED);
        }
        p = (struct sal_key_protection){.seal = SAL_SEAL_OTHER, .method = "an unknown algorithm", .cipher = ""};
        assert_int_equal(sal_key_protection_check(&p, NULL, NULL), SAL_E_REFUSED);
}

static void the_command_names_the_file_when_a_shell_takes_the_name(void **state) {
        (void)state;
        const struct sal_key_protection p = {.seal = SAL_SEAL_PEM, .method = "", .cipher = ""};
        struct sal_err err = {0};
        sal_key_protection_check(&p, "keys/author-1.pem", &err);
        assert_non_null(strstr(err.hint, "-in keys/author-1.pem -out keys/author-1.pem.new"));
        char longest[200];
        memset(longest, 'a', sizeof longest - 1);
        longest[sizeof longest - 1] = '\0';
        const char *const others[] = {"a b.pem", "a;reboot", "$(reboot)", "-in", "", longest};
        for (size_t i = 0; i < SAL_ARRAY_LEN(others); i++) {
                sal_key_protection_check(&p, others[i], &err);
                assert_non_null(strstr(err.hint, "-in OLD -out NEW"));
        }
}

static void damaged_files(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_ED25519);
        sal_autofree char *pem = sealed(key, pbkdf2(EVP_aes_256_cbc(), 600000, 16, NID_hmacWithSHA256));
        unsigned char *der = NULL;
        char *name = NULL, *header = NULL;
        long len = 0;
        sal_autobio BIO *bio = BIO_new_mem_buf(pem, -1);
        assert_int_equal(PEM_read_bio(bio, &name, &header, &der, &len), 1);
        struct sal_key_protection protection;
        for (long cut = 0; cut < len; cut++) {
                sal_autobio BIO *out = BIO_new(BIO_s_mem());
                assert_true(PEM_write_bio(out, name, "", der, cut) > 0 || cut == 0);
                char *text = NULL;
                long text_len = BIO_get_mem_data(out, &text);
                struct sal_err err = {0};
                assert_int_equal(sal_key_file_inspect(text ? text : "", (size_t)text_len, &protection, &err),
                                 SAL_E_INVALID);
        }
        unsigned char *longer = calloc(1, (size_t)len + 1);
        assert_non_null(longer);
        memcpy(longer, der, (size_t)len);
        sal_autobio BIO *out = BIO_new(BIO_s_mem());
        assert_true(PEM_write_bio(out, name, "", longer, len + 1) > 0);
        char *text = NULL;
        long text_len = BIO_get_mem_data(out, &text);
        assert_int_equal(sal_key_file_inspect(text, (size_t)text_len, &protection, NULL), SAL_E_INVALID);
        free(longer);
        OPENSSL_free(der);
        OPENSSL_free(name);
        OPENSSL_free(header);
        assert_int_equal(sal_key_file_inspect("", 0, &protection, NULL), SAL_E_INVALID);
}

/* `openssl ecparam -genkey` writes curve parameters first; and the old form of a plain key still loads. */
static void plain_keys_of_openssl(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_P256);
        sal_autobio BIO *bio = BIO_new(BIO_s_mem());
        BIO_puts(bio, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
        assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, sal_private_key_evp(key), NULL, NULL, 0, NULL, NULL),
                         1);
        char *pem = NULL;
        size_t len = (size_t)BIO_get_mem_data(bio, &pem);
        sal_auto(sal_private_key) struct sal_private_key *opened = NULL;
        struct sal_key_protection protection;
        assert_int_equal(sal_private_key_from_pem(pem, len, NULL, &opened, NULL), SAL_OK);
        assert_true(sal_public_key_equal(sal_private_key_public(key), sal_private_key_public(opened)));
        assert_int_equal(sal_key_file_inspect(pem, len, &protection, NULL), SAL_OK);
        assert_int_equal(protection.seal, SAL_SEAL_NONE);
}

static void short_passphrases(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_ED25519);
        char longest[SAL_PASSPHRASE_MAX_BYTES + 1];
        memset(longest, 'x', sizeof longest);
        assert_int_equal(sal_passphrase_check("twelve chars", 12, NULL), SAL_OK);
        assert_int_equal(sal_passphrase_check(longest, sizeof longest - 1, NULL), SAL_OK);
        assert_int_equal(sal_passphrase_check(longest, sizeof longest, NULL), SAL_E_REFUSED);
        assert_int_equal(sal_passphrase_check("eleven char", 11, NULL), SAL_E_REFUSED);
        assert_int_equal(sal_passphrase_check("", 0, NULL), SAL_E_REFUSED);
        /* bytes are not characters: six of two bytes each */
        assert_int_equal(sal_passphrase_check("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 12, NULL),
                         SAL_E_REFUSED);
        const char *folder = make_folder();
        char path[128];
        snprintf(path, sizeof path, "%s/key.pem", folder);
        assert_int_equal(sal_key_file_save(key, "short", 5, path, NULL), SAL_E_REFUSED);
        struct stat info;
        assert_int_equal(stat(path, &info), -1);
        drop_folder(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_saved_loads_and_says_how_it_is_protected),
                cmocka_unit_test(a_file_is_never_the_same_twice),
                cmocka_unit_test(a_passphrase_that_is_wrong_or_missing),
                cmocka_unit_test(strong_files_are_taken),
                cmocka_unit_test(weak_files_are_refused_with_the_command_that_mends_them),
                cmocka_unit_test(the_old_pem_encryption_is_refused),
                cmocka_unit_test(numbers_at_their_limits),
                cmocka_unit_test(the_command_names_the_file_when_a_shell_takes_the_name),
                cmocka_unit_test(damaged_files),
                cmocka_unit_test(plain_keys_of_openssl),
                cmocka_unit_test(short_passphrases),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
