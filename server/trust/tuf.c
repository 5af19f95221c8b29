/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/tuf_internal.h"

#include "base/clock.h"
#include "trust/canonical.h"

#include <string.h>

struct sal_tuf_document {
        json_t *json;
        const json_t *signed_part;
        struct sal_buf canonical; /* what the signatures are over */
        int64_t version;
        int64_t expires_ms;
};

static const char *const role_texts[] = {
        [SAL_TUF_ROOT] = "root",
        [SAL_TUF_SNAPSHOT] = "snapshot",
        [SAL_TUF_TARGETS] = "targets",
        [SAL_TUF_TIMESTAMP] = "timestamp",
};

static const int64_t version_max = INT64_C(2147483647);

const char *sal_tuf_role_text(enum sal_tuf_role_name role) {
        return role_texts[role];
}

void sal_tuf_document_free(struct sal_tuf_document *document) {
        if (!document)
                return;
        json_decref(document->json);
        sal_buf_done(&document->canonical);
        free(document);
}

const json_t *sal_tuf_document_signed(const struct sal_tuf_document *document) {
        return document->signed_part;
}

int64_t sal_tuf_document_version(const struct sal_tuf_document *document) {
        return document->version;
}

int64_t sal_tuf_document_expires_ms(const struct sal_tuf_document *document) {
        return document->expires_ms;
}

size_t sal_tuf_document_signature_count(const struct sal_tuf_document *document) {
        return json_array_size(json_object_get(document->json, "signatures"));
}

/* TUF 1.0 section 4.3: the major version decides whether a client understands the file. */
static bool spec_version_is_ours(const char *text) {
        return strncmp(text, "1.", 2) == 0 && text[2] >= '0' && text[2] <= '9' &&
               strspn(text, "0123456789.") == strlen(text);
}

/* "YYYY-MM-DDTHH:MM:SSZ", whole seconds only (TUF 1.0 section 4.2). */
static enum sal_status read_expires(const struct sal_json_at *at, int64_t *ret_ms, struct sal_err *reterr) {
        const char *text = NULL;
        enum sal_status status = sal_json_string(at, "expires", true, 20, 20, &text, reterr);
        if (!status && sal_time_parse(text, ret_ms))
                return sal_json_fail(at, "expires", SAL_E_INVALID, reterr, "\"expires\" must be YYYY-MM-DDTHH:MM:SSZ");
        return status;
}

static enum sal_status read_common(struct sal_tuf_document *document, const struct sal_json_at *at, const char *type,
                                   struct sal_err *reterr) {
        const char *text = NULL;
        const char *spec = NULL;
        enum sal_status status = sal_json_string(at, "_type", true, 1, 32, &text, reterr);
        if (!status && strcmp(text, type) != 0)
                return sal_json_fail(at, "_type", SAL_E_INVALID, reterr, "\"_type\" must be \"%s\"", type);
        if (!status)
                status = sal_json_string(at, "spec_version", true, 3, 16, &spec, reterr);
        if (!status && !spec_version_is_ours(spec))
                return sal_json_fail(at, "spec_version", SAL_E_INVALID, reterr, "\"spec_version\" must be 1.x");
        if (!status)
                status = sal_json_int(at, "version", true, 1, version_max, &document->version, reterr);
        if (!status)
                status = read_expires(at, &document->expires_ms, reterr);
        return status;
}

/* Every signature has the form of one, and no key id signs twice (TUF 1.0 section 4.2). */
static enum sal_status check_signatures(const struct sal_json_at *root, struct sal_err *reterr) {
        static const char *const known[] = {"keyid", "sig", NULL};
        struct sal_json_at list;
        enum sal_status status = sal_json_array(root, "signatures", true, 0, SAL_TUF_MAX_SIGNATURES, &list, reterr);
        for (size_t i = 0; !status && i < json_array_size(list.value); i++) {
                struct sal_json_at at = sal_json_element(&list, i);
                const char *keyid = NULL;
                const char *sig = NULL;
                status = sal_json_only(&at, known, reterr);
                if (!status)
                        status = sal_json_string(&at, "keyid", true, 64, 64, &keyid, reterr);
                if (!status)
                        status = sal_json_string(&at, "sig", true, 0, 1024, &sig, reterr);
                if (!status && (strlen(sig) % 2 || strspn(sig, "0123456789abcdef") != strlen(sig)))
                        status = sal_json_fail(&at, "sig", SAL_E_INVALID, reterr, "\"sig\" must be lower-case hex");
                for (size_t j = 0; j < i && !status; j++) {
                        const json_t *other = json_object_get(json_array_get(list.value, j), "keyid");
                        if (strcmp(json_string_value(other), keyid) == 0)
                                status = sal_json_fail(&at, "keyid", SAL_E_INVALID, reterr, "a key id signs twice");
                }
        }
        return status;
}

enum sal_status sal_tuf_document_parse(const char *bytes, size_t len, const char *type, struct sal_tuf_document **ret,
                                       struct sal_err *reterr) {
        static const char *const known[] = {"signed", "signatures", NULL};
        if (len > SAL_TUF_MAX_BYTES)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "a metadata file has at most %d bytes, this one %zu",
                                SAL_TUF_MAX_BYTES, len);
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = calloc(1, sizeof *document);
        if (!document)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a metadata file");
        enum sal_status status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &document->json, reterr);
        if (status)
                return status;
        struct sal_json_at root = sal_json_root(document->json);
        struct sal_json_at signed_part;
        status = sal_json_only(&root, known, reterr);
        if (!status)
                status = sal_json_object(&root, "signed", true, &signed_part, reterr);
        if (!status)
                status = read_common(document, &signed_part, type, reterr);
        if (!status)
                status = check_signatures(&root, reterr);
        if (!status)
                status = sal_canonical_write(signed_part.value, &document->canonical, reterr);
        if (status)
                return status;
        document->signed_part = signed_part.value;
        *ret = SAL_STEAL(document);
        return SAL_OK;
}

static const struct sal_public_key *role_key(const struct sal_tuf_role *role, const char *keyid) {
        for (size_t i = 0; i < role->key_count; i++)
                if (strcmp(sal_public_key_id(role->keys[i]), keyid) == 0)
                        return role->keys[i];
        return NULL;
}

static enum sal_status count_signature(const struct sal_tuf_document *document, const struct sal_tuf_role *role,
                                       const json_t *signature, struct sal_key_set *set) {
        const struct sal_public_key *key = role_key(role, json_string_value(json_object_get(signature, "keyid")));
        const char *hex = json_string_value(json_object_get(signature, "sig"));
        uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
        size_t len = strlen(hex) / 2;
        if (!key || len > sizeof sig || sal_hex_decode(hex, 2 * len, sig, len))
                return SAL_OK;
        if (!sal_public_key_verify(key, document->canonical.data, document->canonical.len, sig, len))
                return SAL_OK;
        return sal_key_set_add(set, key);
}

enum sal_status sal_tuf_document_signers(const struct sal_tuf_document *document, const struct sal_tuf_role *role,
                                         struct sal_key_set *set) {
        const json_t *signatures = json_object_get(document->json, "signatures");
        enum sal_status status = SAL_OK;
        for (size_t i = 0; i < json_array_size(signatures) && !status; i++)
                status = count_signature(document, role, json_array_get(signatures, i), set);
        return status;
}

enum sal_status sal_tuf_document_verify(const struct sal_tuf_document *document, const struct sal_tuf_role *role,
                                        struct sal_err *reterr) {
        sal_autokeyset struct sal_key_set set = SAL_KEY_SET_INIT;
        if (sal_tuf_document_signers(document, role, &set))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory to verify a metadata file");
        if (role->threshold < 1 || set.count < (size_t)role->threshold)
                return sal_fail(reterr, SAL_E_UNTRUSTED,
                                "the metadata needs the signatures of %d different keys of its role; there are %zu",
                                role->threshold, set.count);
        return SAL_OK;
}

static enum sal_status add_signature(const struct sal_buf *canonical, const struct sal_private_key *key,
                                     const char *keyid, json_t *list, struct sal_err *reterr) {
        uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
        char hex[2 * SAL_SIGNATURE_MAX_BYTES + 1];
        size_t len = 0;
        enum sal_status status = sal_private_key_sign(key, canonical->data, canonical->len, sig, &len, reterr);
        if (status)
                return status;
        sal_hex_encode(sig, len, hex);
        json_t *entry = json_pack("{s:s, s:s}", "keyid", keyid, "sig", hex);
        if (json_array_append_new(list, entry))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a signature");
        return SAL_OK;
}

/* The one byte form of a metadata file. */
static enum sal_status write_file(const json_t *signed_part, const json_t *signatures, struct sal_buf *out,
                                  struct sal_err *reterr) {
        sal_autojson json_t *document =
                json_pack("{s:O, s:O}", "signatures", (json_t *)signatures, "signed", (json_t *)signed_part);
        /* Canonical JSON is signed but not served: a raw newline in a PEM key makes it no JSON at all. */
        sal_autofree char *text = document ? json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        if (!text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a metadata file");
        sal_buf_puts(out, text);
        return out->failed ? sal_fail(reterr, SAL_E_NOMEM, "no memory for a metadata file") : SAL_OK;
}

enum sal_status sal_tuf_sign(const json_t *signed_part, const struct sal_private_key *const *signers,
                             size_t signer_count, struct sal_buf *out, struct sal_err *reterr) {
        sal_autobuf struct sal_buf canonical = SAL_BUF_INIT;
        enum sal_status status = sal_canonical_write(signed_part, &canonical, reterr);
        if (status)
                return status;
        sal_autojson json_t *list = json_array();
        if (!list)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a metadata file");
        for (size_t i = 0; i < signer_count && !status; i++)
                status = add_signature(&canonical, signers[i], sal_public_key_id(sal_private_key_public(signers[i])),
                                       list, reterr);
        return status ? status : write_file(signed_part, list, out, reterr);
}

enum sal_status sal_tuf_document_sign(const struct sal_tuf_document *document, const struct sal_private_key *key,
                                      const char *keyid, struct sal_buf *out, struct sal_err *reterr) {
        const json_t *there = json_object_get(document->json, "signatures");
        const char *id = keyid;
        for (size_t i = 0; i < json_array_size(there); i++)
                if (strcmp(json_string_value(json_object_get(json_array_get(there, i), "keyid")), id) == 0)
                        return sal_fail(reterr, SAL_E_CONFLICT, "a signature of the key %s is there already", id);
        if (json_array_size(there) >= SAL_TUF_MAX_SIGNATURES)
                return sal_fail(reterr, SAL_E_INVALID, "the file has %d signatures already, the most that it may have",
                                SAL_TUF_MAX_SIGNATURES);
        sal_autojson json_t *list = json_deep_copy(there);
        if (!list)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a metadata file");
        enum sal_status status = add_signature(&document->canonical, key, keyid, list, reterr);
        return status ? status : write_file(document->signed_part, list, out, reterr);
}
