/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/tuf_draft.h"

#include "trust/tuf_internal.h"

#include <string.h>

static enum sal_status no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory for a metadata file");
}

void sal_tuf_draft_free(struct sal_tuf_draft *draft) {
        if (!draft)
                return;
        sal_tuf_root_free(draft->root);
        sal_tuf_targets_free(draft->targets);
        sal_tuf_document_free(draft->document);
        free(draft);
}

/* The `_type` of a file whose `signed` part may be anything; "" when it has none. */
static enum sal_status read_type(const char *bytes, size_t len, char ret[static 16], struct sal_err *reterr) {
        if (len > SAL_TUF_MAX_BYTES)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "a metadata file has at most %d bytes, this one %zu",
                                SAL_TUF_MAX_BYTES, len);
        sal_autojson json_t *json = NULL;
        enum sal_status status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &json, reterr);
        if (status)
                return status;
        const char *type = json_string_value(json_object_get(json_object_get(json, "signed"), "_type"));
        snprintf(ret, 16, "%s", type ? type : "");
        return SAL_OK;
}

enum sal_status sal_tuf_draft_read(const char *bytes, size_t len, struct sal_tuf_draft **ret, struct sal_err *reterr) {
        char type[16];
        enum sal_status status = read_type(bytes, len, type, reterr);
        if (status)
                return status;
        bool root = strcmp(type, "root") == 0;
        if (!root && strcmp(type, "targets") != 0)
                return sal_fail_at(reterr, SAL_E_INVALID, "/signed/_type", "this is neither a root nor a targets file");
        sal_auto(sal_tuf_draft) struct sal_tuf_draft *draft = calloc(1, sizeof *draft);
        if (!draft)
                return no_memory(reterr);
        status = sal_tuf_document_parse(bytes, len, type, &draft->document, reterr);
        if (!status && root) {
                draft->root = calloc(1, sizeof *draft->root);
                status = draft->root ? sal_tuf_root_read(draft->document, draft->root, reterr) : no_memory(reterr);
                if (!status)
                        sal_sha256_hex(bytes, len, draft->root->sha256);
        } else if (!status) {
                status = sal_tuf_targets_read(draft->document, &draft->targets, reterr);
        }
        if (status)
                return status;
        draft->version = sal_tuf_document_version(draft->document);
        draft->expires_ms = sal_tuf_document_expires_ms(draft->document);
        draft->signature_count = sal_tuf_document_signature_count(draft->document);
        *ret = SAL_STEAL(draft);
        return SAL_OK;
}

enum sal_status sal_tuf_root_draft(const struct sal_tuf_root_spec *spec, struct sal_buf *out, struct sal_err *reterr) {
        sal_autojson json_t *signed_part = sal_tuf_root_signed(spec);
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        if (!signed_part)
                return no_memory(reterr);
        enum sal_status status = sal_tuf_sign(signed_part, NULL, 0, &file, reterr);
        sal_auto(sal_tuf_draft) struct sal_tuf_draft *check = NULL;
        if (!status)
                status = sal_tuf_draft_read(file.data, file.len, &check, reterr);
        if (status)
                return status;
        sal_buf_append(out, file.data, file.len);
        return out->failed ? no_memory(reterr) : SAL_OK;
}

enum sal_status sal_tuf_draft_sign(const struct sal_tuf_draft *draft, const struct sal_private_key *key,
                                   struct sal_buf *out, struct sal_err *reterr) {
        return sal_tuf_draft_sign_as(draft, key, sal_private_key_public(key), out, reterr);
}

enum sal_status sal_tuf_draft_sign_as(const struct sal_tuf_draft *draft, const struct sal_private_key *key,
                                      const struct sal_public_key *as, struct sal_buf *out, struct sal_err *reterr) {
        if (!sal_public_key_equal(sal_private_key_public(key), as))
                return sal_fail(reterr, SAL_E_INVALID, "the private key does not belong to the key %s",
                                sal_public_key_id(as));
        return sal_tuf_document_sign(draft->document, key, sal_public_key_id(as), out, reterr);
}
