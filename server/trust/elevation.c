/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/elevation.h"

#include "base/buf.h"
#include "base/encode.h"

#include <string.h>

enum { CHALLENGE_RANDOM_BYTES = 32 };

/* The prefix with its NUL, which no challenge can hold. */
static const char prefix[] = "salvor-elevation-v1";

void sal_elevation_challenge(char ret_text[static SAL_ELEVATION_CHALLENGE_BYTES]) {
        uint8_t random[CHALLENGE_RANDOM_BYTES];
        sal_random(random, sizeof random);
        sal_autofree char *text = sal_base64url_encode(random, sizeof random);
        if (!text)
                abort(); /* a challenge that is not random must never go out */
        memcpy(ret_text, text, SAL_ELEVATION_CHALLENGE_BYTES);
}

static bool is_word(const char *text, size_t len, size_t max) {
        if (len < 1 || len > max)
                return false;
        for (size_t i = 0; i < len; i++) {
                char c = text[i];
                if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                      c == '_'))
                        return false;
        }
        return true;
}

enum sal_status sal_elevation_header_parse(const char *text, size_t len, struct sal_elevation_header *ret,
                                           struct sal_err *reterr) {
        const char *dot = memchr(text, '.', len);
        size_t id_len = dot ? (size_t)(dot - text) : 0;
        sal_autofree uint8_t *proof = NULL;
        size_t proof_len = 0;
        enum sal_status status = SAL_E_MALFORMED;
        if (dot && is_word(text, id_len, SAL_ELEVATION_ID_BYTES - 1) && len - id_len - 1 <= 2 * SAL_SIGNATURE_MAX_BYTES)
                status = sal_base64url_decode(dot + 1, len - id_len - 1, &proof, &proof_len);
        if (status == SAL_E_NOMEM)
                return sal_fail(reterr, status, "no memory for a header");
        if (status || proof_len < 1 || proof_len > sizeof ret->proof)
                return sal_fail(reterr, SAL_E_MALFORMED,
                                "%s must be <id>.<proof>, the proof in base64url without padding",
                                SAL_ELEVATION_HEADER);
        *ret = (struct sal_elevation_header){.proof_len = proof_len};
        memcpy(ret->id, text, id_len);
        memcpy(ret->proof, proof, proof_len);
        return SAL_OK;
}

static bool write_message(const char *challenge, struct sal_buf *out) {
        if (!is_word(challenge, strnlen(challenge, SAL_ELEVATION_CHALLENGE_MAX + 1), SAL_ELEVATION_CHALLENGE_MAX))
                return false;
        sal_buf_append(out, prefix, sizeof prefix);
        sal_buf_puts(out, challenge);
        return !out->failed;
}

bool sal_elevation_verify(const struct sal_public_key *key, const char *challenge, const uint8_t *proof,
                          size_t proof_len) {
        sal_autobuf struct sal_buf message = SAL_BUF_INIT;
        return write_message(challenge, &message) &&
               sal_public_key_verify(key, message.data, message.len, proof, proof_len);
}

enum sal_status sal_elevation_sign(const struct sal_private_key *key, const char *id, const char *challenge,
                                   char **ret_header_value, struct sal_err *reterr) {
        if (!is_word(id, strnlen(id, SAL_ELEVATION_ID_BYTES), SAL_ELEVATION_ID_BYTES - 1))
                return sal_fail(reterr, SAL_E_INVALID, "the server's grant has no id of 1 to %d of [A-Za-z0-9_-]",
                                SAL_ELEVATION_ID_BYTES - 1);
        sal_autobuf struct sal_buf message = SAL_BUF_INIT;
        if (!write_message(challenge, &message))
                return sal_fail(reterr, message.failed ? SAL_E_NOMEM : SAL_E_INVALID,
                                "the server's challenge is not base64url text of 1 to %d characters",
                                SAL_ELEVATION_CHALLENGE_MAX);
        uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
        size_t sig_len = 0;
        enum sal_status status = sal_private_key_sign(key, message.data, message.len, sig, &sig_len, reterr);
        if (status)
                return status;
        sal_autofree char *proof = sal_base64url_encode(sig, sig_len);
        sal_autobuf struct sal_buf value = SAL_BUF_INIT;
        if (proof)
                sal_buf_printf(&value, "%s.%s", id, proof);
        char *text = proof ? sal_buf_take(&value, &sig_len) : NULL;
        if (!text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a header");
        *ret_header_value = text;
        return SAL_OK;
}
