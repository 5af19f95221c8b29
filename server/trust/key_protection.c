/* SPDX-License-Identifier: Apache-2.0 */
/* What is strong enough for a key file, and the words for it. */
#include "trust/key_file.h"

#include <string.h>

#define MEND "openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000 -in %s -out %s%s"
_Static_assert(SAL_KEY_PBKDF2_ITERATIONS == 600000, "the command that mends a file has this number in it");

static bool one_of(const char *text, const char *const *list) {
        while (*list && strcmp(*list, text) != 0)
                list++;
        return *list;
}

static bool pbkdf2_is_strong(const struct sal_key_protection *protection) {
        static const char *const prfs[] = {"hmacWithSHA256", "hmacWithSHA384", "hmacWithSHA512", NULL};
        return one_of(protection->method, prfs) && protection->iterations >= SAL_KEY_PBKDF2_ITERATIONS &&
               protection->iterations <= SAL_KEY_PBKDF2_MAX_ITERATIONS;
}

static bool scrypt_is_strong(const struct sal_key_protection *protection) {
        int64_t n = protection->scrypt_n, r = protection->r, p = protection->p;
        if (n < SAL_KEY_SCRYPT_MIN_N || n > SAL_KEY_SCRYPT_MAX_BYTES || r != SAL_KEY_SCRYPT_R || p < 1 ||
            p > SAL_KEY_SCRYPT_MAX_BYTES)
                return false;
        /* RFC 7914 section 5: V has 128 * r * N bytes, B has 128 * r * p; OpenSSL holds two more rows. */
        return 128 * r * (n + 2 + p) <= SAL_KEY_SCRYPT_MAX_BYTES;
}

static bool is_strong(const struct sal_key_protection *protection) {
        static const char *const ciphers[] = {"AES-128-CBC", "AES-192-CBC", "AES-256-CBC", NULL};
        if (protection->seal == SAL_SEAL_NONE)
                return true;
        if (!one_of(protection->cipher, ciphers) || protection->salt_bytes < SAL_KEY_SALT_MIN_BYTES)
                return false;
        return protection->seal == SAL_SEAL_PBKDF2   ? pbkdf2_is_strong(protection)
               : protection->seal == SAL_SEAL_SCRYPT ? scrypt_is_strong(protection)
                                                     : false;
}

/* True when the path may stand in a command line as it is, twice, within the room of a hint. */
static bool fits_command(const char *path) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+@%:,=-";
        size_t len = strlen(path);
        return len > 0 && *path != '-' && strspn(path, plain) == len &&
               sizeof MEND + 2 * len + sizeof ".new" <= SAL_ERR_HINT_BYTES;
}

enum sal_status sal_key_protection_check(const struct sal_key_protection *protection, const char *path,
                                         struct sal_err *reterr) {
        if (is_strong(protection))
                return SAL_OK;
        char words[SAL_KEY_PROTECTION_BYTES];
        sal_key_protection_describe(protection, words);
        sal_fail(reterr, SAL_E_REFUSED,
                 "the private key is not encrypted well enough: %s; wanted: PBES2 with AES-CBC and PBKDF2-HMAC-SHA256 "
                 "of %d iterations, or scrypt with N = %d, r = %d",
                 words, SAL_KEY_PBKDF2_ITERATIONS, SAL_KEY_SCRYPT_MIN_N, SAL_KEY_SCRYPT_R);
        if (path && fits_command(path))
                sal_err_hint(reterr, MEND, path, path, ".new");
        else
                sal_err_hint(reterr, MEND, "OLD", "NEW", "");
        return SAL_E_REFUSED;
}

void sal_key_protection_describe(const struct sal_key_protection *protection,
                                 char ret[static SAL_KEY_PROTECTION_BYTES]) {
        switch (protection->seal) {
        case SAL_SEAL_NONE:
                snprintf(ret, SAL_KEY_PROTECTION_BYTES, "none: the key is not encrypted");
                break;
        case SAL_SEAL_PBKDF2:
                snprintf(ret, SAL_KEY_PROTECTION_BYTES, "PBKDF2 with %s, %lld iterations, salt of %zu bytes, %s",
                         protection->method, (long long)protection->iterations, protection->salt_bytes,
                         protection->cipher);
                break;
        case SAL_SEAL_SCRYPT:
                snprintf(ret, SAL_KEY_PROTECTION_BYTES, "scrypt with N = %lld, r = %lld, p = %lld, %s",
                         (long long)protection->scrypt_n, (long long)protection->r, (long long)protection->p,
                         protection->cipher);
                break;
        case SAL_SEAL_PBES1:
                snprintf(ret, SAL_KEY_PROTECTION_BYTES, "PKCS#5 v1 or PKCS#12 encryption (%s)", protection->method);
                break;
        case SAL_SEAL_PEM:
                snprintf(ret, SAL_KEY_PROTECTION_BYTES, "the old PEM encryption (Proc-Type: 4,ENCRYPTED)");
                break;
        case SAL_SEAL_OTHER:
                snprintf(ret, SAL_KEY_PROTECTION_BYTES, "an unknown method (%s)", protection->method);
                break;
        }
}
