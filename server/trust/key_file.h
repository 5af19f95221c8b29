/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a private key lies in its file: which encryption guards it, whether a thief's guessing is slow enough, and the
 * writing of such files. A key that is encrypted weakly looks safe and is not, so it is refused, with the command that
 * mends it. A key in plain text makes no such claim: it loads, and the caller says so to the person.
 *
 * Thread: any. Ownership: a protection is a plain value whose texts are static; keys are handed over.
 */
#ifndef SAL_TRUST_KEY_FILE_H
#define SAL_TRUST_KEY_FILE_H

#include "trust/key.h"

enum {
        SAL_KEY_PBKDF2_ITERATIONS = 600000,        /* the least that is taken, and what is written */
        SAL_KEY_PBKDF2_MAX_ITERATIONS = 100000000, /* about a minute; more is an accident or a trap */
        SAL_KEY_SALT_BYTES = 16,                   /* of the files written here */
        SAL_KEY_SALT_MIN_BYTES = 8,                /* RFC 8018 section 4.1; OpenSSL 3.0 writes so many */
        SAL_KEY_SCRYPT_MIN_N = 1 << 14,            /* with r = 8 and p >= 1 */
        SAL_KEY_SCRYPT_R = 8,
        SAL_KEY_SCRYPT_MAX_BYTES = 32 * 1024 * 1024, /* of memory: OpenSSL opens no file that needs more */
        SAL_PASSPHRASE_MIN_CHARACTERS = 12,          /* of a new key; UTF-8 characters */
        SAL_PASSPHRASE_MAX_BYTES = 1000,             /* `openssl` reads no more than 1024 */
        SAL_KEY_PROTECTION_BYTES = 160               /* room for sal_key_protection_describe */
};

enum sal_key_seal {
        SAL_SEAL_NONE,   /* plain text */
        SAL_SEAL_PBKDF2, /* PKCS#8 with PBES2 and PBKDF2, RFC 8018 section 6.2 */
        SAL_SEAL_SCRYPT, /* PKCS#8 with PBES2 and scrypt, RFC 7914 section 7 */
        SAL_SEAL_PBES1,  /* PKCS#8 with PKCS#5 v1 or PKCS#12 encryption */
        SAL_SEAL_PEM,    /* "Proc-Type: 4,ENCRYPTED", RFC 1421: one round of MD5 */
        SAL_SEAL_OTHER   /* something this program does not know */
};

struct sal_key_protection {
        enum sal_key_seal seal;
        int64_t iterations;          /* PBKDF2; 0 otherwise, -1 for a number that does not fit */
        int64_t scrypt_n, r, p;      /* scrypt; 0 otherwise, -1 for a number that does not fit */
        size_t salt_bytes;           /* PBKDF2 and scrypt */
        const char *method, *cipher; /* names as `openssl` has them: "hmacWithSHA256", "AES-256-CBC"; "" for none */
};

/* How the first private key of a PEM text is protected; nothing is decrypted and no passphrase needed.
 * Errors: SAL_E_INVALID (no private key in it, or damaged), SAL_E_NOMEM. */
enum sal_status sal_key_file_inspect(const char *pem, size_t len, struct sal_key_protection *ret,
                                     struct sal_err *reterr);

/* SAL_OK for plain text and for PBES2 with AES-CBC and a sound function: PBKDF2 with HMAC-SHA-256, -384 or -512 and at
 * least SAL_KEY_PBKDF2_ITERATIONS, or scrypt with N >= SAL_KEY_SCRYPT_MIN_N, r = 8, p >= 1. Otherwise SAL_E_REFUSED,
 * whose hint is the command that mends the file; `path` goes into it, NULL leaves "OLD" and "NEW" there. */
enum sal_status sal_key_protection_check(const struct sal_key_protection *protection, const char *path,
                                         struct sal_err *reterr);

/* For a person: "PBKDF2 with hmacWithSHA256, 600000 iterations, AES-256-CBC". */
void sal_key_protection_describe(const struct sal_key_protection *protection,
                                 char ret[static SAL_KEY_PROTECTION_BYTES]);

/* sal_private_key_load that also tells how the file is protected; ret_protection may be NULL. The passphrase is asked
 * for after the protection was found good, so that a file that will be refused gets none. */
enum sal_status sal_key_file_load(const char *path, const struct sal_passphrase *passphrase,
                                  struct sal_key_protection *ret_protection, struct sal_private_key **ret,
                                  struct sal_err *reterr);

/* SAL_OK when a new key may be encrypted with this passphrase: SAL_PASSPHRASE_MIN_CHARACTERS to
 * SAL_PASSPHRASE_MAX_BYTES. Errors: SAL_E_REFUSED. */
enum sal_status sal_passphrase_check(const char *passphrase, size_t len, struct sal_err *reterr);

/* Writes the key to a new file of mode 0600, synced, as encrypted PKCS#8: PBES2, PBKDF2-HMAC-SHA256 with
 * SAL_KEY_PBKDF2_ITERATIONS and a random salt, AES-256-CBC. Errors: SAL_E_REFUSED (the passphrase is too short or too
 * long), SAL_E_CONFLICT when the file exists (it is never overwritten), SAL_E_IO, SAL_E_INTERNAL. */
enum sal_status sal_key_file_save(const struct sal_private_key *key, const char *passphrase, size_t passphrase_len,
                                  const char *path, struct sal_err *reterr);

#endif
