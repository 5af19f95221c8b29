/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/dsse.h"

#include "base/encode.h"

#include <string.h>

static enum sal_status no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory for a signed envelope");
}

void sal_dsse_pae(const char *type, const void *payload, size_t len, struct sal_buf *out) {
        sal_buf_printf(out, "DSSEv1 %zu %s %zu ", strlen(type), type, len);
        sal_buf_append(out, payload, len);
}

struct sal_envelope *sal_envelope_new(const char *type, const void *payload, size_t len) {
        sal_auto(sal_envelope) struct sal_envelope *envelope = calloc(1, sizeof *envelope);
        if (!envelope)
                return NULL;
        envelope->payload_type = strdup(type);
        envelope->payload = malloc(len + 1);
        if (!envelope->payload_type || !envelope->payload)
                return NULL;
        if (len)
                memcpy(envelope->payload, payload, len);
        envelope->payload[len] = 0;
        envelope->payload_len = len;
        return SAL_STEAL(envelope);
}

void sal_envelope_free(struct sal_envelope *envelope) {
        if (!envelope)
                return;
        for (size_t i = 0; i < envelope->signature_count; i++) {
                free(envelope->signatures[i].keyid);
                free(envelope->signatures[i].sig);
        }
        free(envelope->payload_type);
        free(envelope->payload);
        free(envelope);
}

/* Reads a base64 member into fresh bytes. */
static enum sal_status read_base64(const struct sal_json_at *at, const char *key, size_t max_bytes, uint8_t **ret,
                                   size_t *ret_len, struct sal_err *reterr) {
        const char *text = NULL;
        enum sal_status status = sal_json_string(at, key, true, 0, SAL_ENVELOPE_MAX_BYTES, &text, reterr);
        if (status)
                return status;
        uint8_t *bytes = NULL;
        size_t len = 0;
        status = sal_base64_decode(text, strlen(text), &bytes, &len);
        if (status == SAL_E_NOMEM)
                return no_memory(reterr);
        if (status)
                return sal_json_fail(at, key, SAL_E_INVALID, reterr,
                                     "\"%s\" must be base64 with padding (RFC 4648 section 4) and nothing else", key);
        if (len > max_bytes) {
                free(bytes);
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" has %zu bytes, at most %zu are allowed",
                                     key, len, max_bytes);
        }
        *ret = bytes;
        *ret_len = len;
        return SAL_OK;
}

static enum sal_status read_signature(struct sal_envelope *envelope, const struct sal_json_at *at,
                                      struct sal_err *reterr) {
        static const char *const known[] = {"keyid", "sig", NULL};
        const char *keyid = "";
        sal_autofree uint8_t *sig = NULL;
        size_t sig_len = 0;
        enum sal_status status = sal_json_only(at, known, reterr);
        if (!status)
                status = sal_json_string(at, "keyid", false, 0, SAL_ENVELOPE_KEYID_MAX_BYTES, &keyid, reterr);
        if (!status)
                status = read_base64(at, "sig", SAL_ENVELOPE_SIG_MAX_BYTES, &sig, &sig_len, reterr);
        if (status)
                return status;
        struct sal_signature *slot = &envelope->signatures[envelope->signature_count];
        slot->keyid = strdup(keyid);
        if (!slot->keyid)
                return no_memory(reterr);
        slot->sig = SAL_STEAL(sig);
        slot->sig_len = sig_len;
        envelope->signature_count++;
        return SAL_OK;
}

static enum sal_status read_envelope(struct sal_envelope *envelope, const struct sal_json_at *at,
                                     const char *expected_type, struct sal_err *reterr) {
        static const char *const known[] = {"payload", "payloadType", "signatures", NULL};
        const char *type = NULL;
        struct sal_json_at signatures;
        enum sal_status status = sal_json_only(at, known, reterr);
        if (!status)
                status = sal_json_string(at, "payloadType", true, 1, SAL_ENVELOPE_TYPE_MAX_BYTES, &type, reterr);
        if (!status && strcmp(type, expected_type) != 0)
                return sal_json_fail(at, "payloadType", SAL_E_INVALID, reterr, "\"payloadType\" must be %s",
                                     expected_type);
        if (!status)
                status = read_base64(at, "payload", SAL_ENVELOPE_MAX_BYTES, &envelope->payload, &envelope->payload_len,
                                     reterr);
        if (!status)
                status = sal_json_array(at, "signatures", true, 0, SAL_ENVELOPE_MAX_SIGNATURES, &signatures, reterr);
        if (status)
                return status;
        envelope->payload_type = strdup(type);
        if (!envelope->payload_type)
                return no_memory(reterr);
        for (size_t i = 0; i < json_array_size(signatures.value) && !status; i++) {
                struct sal_json_at element = sal_json_element(&signatures, i);
                status = read_signature(envelope, &element, reterr);
        }
        return status;
}

enum sal_status sal_envelope_parse(const char *bytes, size_t len, const char *expected_type, struct sal_envelope **ret,
                                   struct sal_err *reterr) {
        if (len > SAL_ENVELOPE_MAX_BYTES)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "a signed envelope has at most %d bytes, this one %zu",
                                SAL_ENVELOPE_MAX_BYTES, len);
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &document, reterr);
        if (status)
                return status;
        sal_auto(sal_envelope) struct sal_envelope *envelope = calloc(1, sizeof *envelope);
        if (!envelope)
                return no_memory(reterr);
        struct sal_json_at root = sal_json_root(document);
        status = read_envelope(envelope, &root, expected_type, reterr);
        if (!status)
                *ret = SAL_STEAL(envelope);
        return status;
}

/* The very same signature adds nothing; another one of the same key may stand beside it and counts once all the same.
 */
static bool holds_signature(const struct sal_envelope *envelope, const char *keyid, const uint8_t *sig,
                            size_t sig_len) {
        for (size_t i = 0; i < envelope->signature_count; i++) {
                const struct sal_signature *have = &envelope->signatures[i];
                if (have->sig_len == sig_len && memcmp(have->sig, sig, sig_len) == 0 && strcmp(have->keyid, keyid) == 0)
                        return true;
        }
        return false;
}

enum sal_status sal_envelope_add(struct sal_envelope *envelope, const char *keyid, const uint8_t *sig, size_t sig_len,
                                 struct sal_err *reterr) {
        if (strlen(keyid) > SAL_ENVELOPE_KEYID_MAX_BYTES || sig_len == 0 || sig_len > SAL_ENVELOPE_SIG_MAX_BYTES)
                return sal_fail(reterr, SAL_E_INVALID, "a signature has 1 to %d bytes and its keyid at most %d",
                                SAL_ENVELOPE_SIG_MAX_BYTES, SAL_ENVELOPE_KEYID_MAX_BYTES);
        if (holds_signature(envelope, keyid, sig, sig_len))
                return SAL_OK;
        if (envelope->signature_count == SAL_ENVELOPE_MAX_SIGNATURES)
                return sal_fail(reterr, SAL_E_TOO_MANY, "an envelope carries at most %d signatures",
                                SAL_ENVELOPE_MAX_SIGNATURES);
        struct sal_signature added = {.keyid = strdup(keyid), .sig = malloc(sig_len), .sig_len = sig_len};
        if (!added.keyid || !added.sig) {
                free(added.keyid);
                free(added.sig);
                return no_memory(reterr);
        }
        memcpy(added.sig, sig, sig_len);
        envelope->signatures[envelope->signature_count++] = added;
        return SAL_OK;
}

static enum sal_status sign_pae(const char *type, const void *payload, size_t len, const struct sal_private_key *key,
                                uint8_t sig[static SAL_SIGNATURE_MAX_BYTES], size_t *ret_len, struct sal_err *reterr) {
        sal_autobuf struct sal_buf pae = SAL_BUF_INIT;
        sal_dsse_pae(type, payload, len, &pae);
        if (pae.failed)
                return no_memory(reterr);
        return sal_private_key_sign(key, pae.data, pae.len, sig, ret_len, reterr);
}

enum sal_status sal_envelope_sign(struct sal_envelope *envelope, const struct sal_private_key *key,
                                  struct sal_err *reterr) {
        uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
        size_t sig_len = 0;
        enum sal_status status =
                sign_pae(envelope->payload_type, envelope->payload, envelope->payload_len, key, sig, &sig_len, reterr);
        if (status)
                return status;
        return sal_envelope_add(envelope, sal_public_key_id(sal_private_key_public(key)), sig, sig_len, reterr);
}

/* One signature against every key: the key that the hint names first, since it usually is the one. */
static enum sal_status match_signature(const struct sal_signature *signature, const struct sal_buf *pae,
                                       const struct sal_public_key *const *keys, size_t key_count,
                                       struct sal_key_set *set) {
        for (int pass = 0; pass < 2; pass++) {
                for (size_t i = 0; i < key_count; i++) {
                        bool hinted = strcmp(signature->keyid, sal_public_key_id(keys[i])) == 0;
                        if (hinted != (pass == 0) || sal_key_set_has(set, keys[i]))
                                continue;
                        if (sal_public_key_verify(keys[i], pae->data, pae->len, signature->sig, signature->sig_len))
                                return sal_key_set_add(set, keys[i]);
                }
        }
        return SAL_OK;
}

enum sal_status sal_envelope_verify(const struct sal_envelope *envelope, const struct sal_public_key *const *keys,
                                    size_t key_count, struct sal_key_set *set) {
        sal_autobuf struct sal_buf pae = SAL_BUF_INIT;
        sal_dsse_pae(envelope->payload_type, envelope->payload, envelope->payload_len, &pae);
        if (pae.failed)
                return SAL_E_NOMEM;
        enum sal_status status = SAL_OK;
        for (size_t i = 0; i < envelope->signature_count && !status; i++)
                status = match_signature(&envelope->signatures[i], &pae, keys, key_count, set);
        return status;
}

bool sal_dsse_verify_one(const char *type, const void *payload, size_t len, const struct sal_public_key *key,
                         const uint8_t *sig, size_t sig_len) {
        sal_autobuf struct sal_buf pae = SAL_BUF_INIT;
        sal_dsse_pae(type, payload, len, &pae);
        return !pae.failed && sal_public_key_verify(key, pae.data, pae.len, sig, sig_len);
}

enum sal_status sal_dsse_sign_one(const char *type, const void *payload, size_t len, const struct sal_private_key *key,
                                  char **ret_base64, struct sal_err *reterr) {
        uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
        size_t sig_len = 0;
        enum sal_status status = sign_pae(type, payload, len, key, sig, &sig_len, reterr);
        if (status)
                return status;
        char *text = sal_base64_encode(sig, sig_len);
        if (!text)
                return no_memory(reterr);
        *ret_base64 = text;
        return SAL_OK;
}

static void write_base64(const char *name, const uint8_t *bytes, size_t len, struct sal_buf *out) {
        sal_autofree char *text = sal_base64_encode(bytes, len);
        if (!text) {
                out->failed = true;
                return;
        }
        sal_buf_printf(out, "\"%s\":\"", name);
        sal_buf_puts(out, text);
        sal_buf_putc(out, '"');
}

static void write_text(const char *name, const char *text, struct sal_buf *out) {
        sal_autojson json_t *value = json_string(text);
        sal_autofree char *quoted = value ? sal_json_dump(value) : NULL;
        if (!quoted) {
                out->failed = true;
                return;
        }
        sal_buf_printf(out, "\"%s\":%s", name, quoted);
}

void sal_envelope_serialise(const struct sal_envelope *envelope, struct sal_buf *out) {
        sal_buf_putc(out, '{');
        write_base64("payload", envelope->payload, envelope->payload_len, out);
        sal_buf_putc(out, ',');
        write_text("payloadType", envelope->payload_type, out);
        sal_buf_puts(out, ",\"signatures\":[");
        for (size_t i = 0; i < envelope->signature_count; i++) {
                sal_buf_puts(out, i ? ",{" : "{");
                write_text("keyid", envelope->signatures[i].keyid, out);
                sal_buf_putc(out, ',');
                write_base64("sig", envelope->signatures[i].sig, envelope->signatures[i].sig_len, out);
                sal_buf_putc(out, '}');
        }
        sal_buf_puts(out, "]}");
}
