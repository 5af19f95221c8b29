/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/token.h"

#include "base/mem.h"
#include "trust/file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MACHINE_ID_MAX_BYTES = 64, GENERATION_MAX_DIGITS = 10, MAC_CHARACTERS = 43, SECRET_BYTES = 32 };

static const char machine_prefix[] = "sal1.";
static const char secret_prefix[] = "sals_";

static enum sal_status read_key(const char *path, struct sal_token_key *ret, struct sal_err *reterr) {
        char *bytes = NULL;
        size_t len = 0;
        struct stat info;
        enum sal_status status = sal_file_read(path, SAL_TOKEN_KEY_BYTES, &bytes, &len, reterr);
        if (status == SAL_E_TOO_LARGE || (!status && len != SAL_TOKEN_KEY_BYTES)) {
                status = sal_fail(reterr, SAL_E_CORRUPT, "%s is not a token key: it must have exactly %d bytes", path,
                                  SAL_TOKEN_KEY_BYTES);
                sal_err_hint(reterr, "restore it from a backup; a new key would void every machine's token");
        } else if (!status && (stat(path, &info) < 0 || (info.st_mode & 077))) {
                status = sal_fail(reterr, SAL_E_REFUSED, "%s may be read by others: whoever reads it is every machine",
                                  path);
                sal_err_hint(reterr, "chmod 600 %s", path);
        } else if (!status) {
                memcpy(ret->bytes, bytes, sizeof ret->bytes);
        }
        if (bytes)
                OPENSSL_cleanse(bytes, len);
        free(bytes);
        return status;
}

enum sal_status sal_token_key_load(const char *path, struct sal_token_key *ret, struct sal_err *reterr) {
        enum sal_status status = read_key(path, ret, reterr);
        if (status != SAL_E_NOT_FOUND)
                return status;
        uint8_t fresh[SAL_TOKEN_KEY_BYTES];
        sal_random(fresh, sizeof fresh);
        status = sal_file_publish(path, 0600, fresh, sizeof fresh, reterr);
        OPENSSL_cleanse(fresh, sizeof fresh);
        if (status && status != SAL_E_CONFLICT)
                return status;
        return read_key(path, ret, reterr); /* ours, or that of a process that was quicker */
}

static enum sal_status compute_mac(const struct sal_token_key *key, const char *machine_id, int64_t generation,
                                   char ret_text[static MAC_CHARACTERS + 1]) {
        char message[MACHINE_ID_MAX_BYTES + 1 + GENERATION_MAX_DIGITS + 1];
        size_t id_len = strlen(machine_id);
        memcpy(message, machine_id, id_len + 1);
        int digits = snprintf(message + id_len + 1, GENERATION_MAX_DIGITS + 1, "%d", (int)generation);
        uint8_t mac[EVP_MAX_MD_SIZE];
        unsigned mac_len = 0;
        if (!HMAC(EVP_sha256(), key->bytes, sizeof key->bytes, (const uint8_t *)message, id_len + 1 + (size_t)digits,
                  mac, &mac_len))
                return SAL_E_NOMEM;
        sal_autofree char *text = sal_base64url_encode(mac, mac_len);
        if (!text)
                return SAL_E_NOMEM;
        memcpy(ret_text, text, MAC_CHARACTERS + 1);
        return SAL_OK;
}

static bool machine_id_fits(const char *machine_id) {
        size_t len = strnlen(machine_id, MACHINE_ID_MAX_BYTES + 1);
        return len >= 1 && len <= MACHINE_ID_MAX_BYTES;
}

enum sal_status sal_machine_token_make(const struct sal_token_key *key, const char *machine_id, int64_t generation,
                                       char ret_text[static SAL_MACHINE_TOKEN_BYTES]) {
        if (!machine_id_fits(machine_id) || generation < 1 || generation > SAL_TOKEN_GENERATION_MAX)
                return SAL_E_INVALID;
        char mac[MAC_CHARACTERS + 1];
        if (compute_mac(key, machine_id, generation, mac))
                return SAL_E_NOMEM;
        snprintf(ret_text, SAL_MACHINE_TOKEN_BYTES, "%s%d.%s", machine_prefix, (int)generation, mac);
        return SAL_OK;
}

/* The decimal generation before the second dot, in its one form: no sign, no leading zero, 1..2^31-1. */
static bool parse_generation(const char *text, size_t len, int64_t *ret, size_t *ret_digits) {
        size_t digits = 0;
        int64_t number = 0;
        while (digits < len && digits <= GENERATION_MAX_DIGITS && text[digits] >= '0' && text[digits] <= '9')
                number = number * 10 + (text[digits++] - '0');
        if (digits < 1 || digits > GENERATION_MAX_DIGITS || text[0] == '0' || number > SAL_TOKEN_GENERATION_MAX)
                return false;
        *ret = number;
        *ret_digits = digits;
        return true;
}

enum sal_status sal_machine_token_check(const struct sal_token_key *key, const char *machine_id, const char *token,
                                        size_t token_len, int64_t *ret_generation) {
        size_t skip = sizeof machine_prefix - 1;
        int64_t generation = 0;
        size_t digits = 0;
        if (!machine_id_fits(machine_id) || token_len >= SAL_MACHINE_TOKEN_BYTES || token_len <= skip ||
            memcmp(token, machine_prefix, skip) != 0 ||
            !parse_generation(token + skip, token_len - skip, &generation, &digits))
                return SAL_E_UNAUTHENTICATED;
        skip += digits;
        if (token_len != skip + 1 + MAC_CHARACTERS || token[skip] != '.')
                return SAL_E_UNAUTHENTICATED;
        char mac[MAC_CHARACTERS + 1];
        if (compute_mac(key, machine_id, generation, mac))
                return SAL_E_NOMEM;
        /* The text is compared, not the bytes: so the last character's two spare bits are checked as well. */
        if (!sal_equal_secret(mac, token + skip + 1, MAC_CHARACTERS))
                return SAL_E_UNAUTHENTICATED;
        *ret_generation = generation;
        return SAL_OK;
}

void sal_secret_token_make(char ret_text[static SAL_SECRET_TOKEN_BYTES], char ret_sha256[static SAL_SHA256_HEX_BYTES]) {
        uint8_t random[SECRET_BYTES];
        sal_random(random, sizeof random);
        sal_autofree char *text = sal_base64url_encode(random, sizeof random);
        if (!text)
                abort();
        int len = snprintf(ret_text, SAL_SECRET_TOKEN_BYTES, "%s%s", secret_prefix, text);
        sal_sha256_hex(ret_text, (size_t)len, ret_sha256);
        OPENSSL_cleanse(random, sizeof random);
        OPENSSL_cleanse(text, strlen(text));
}

void sal_secret_token_digest(const char *token, size_t len, char ret_sha256[static SAL_SHA256_HEX_BYTES]) {
        sal_sha256_hex(token, len, ret_sha256);
}
