/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/tuf_internal.h"

#include "base/clock.h"

#include <string.h>

static enum sal_status no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory for a TUF root");
}

void sal_tuf_root_free(struct sal_tuf_root *root) {
        if (!root)
                return;
        for (size_t r = 0; r < SAL_TUF_ROLES; r++)
                sal_tuf_role_done(&root->roles[r]);
        free(root);
}

/* ---- reading ---- */

static enum sal_status read_role(const struct sal_json_at *keys, const struct sal_json_at *roles, const char *name,
                                 struct sal_tuf_role *role, struct sal_err *reterr) {
        static const char *const known[] = {"keyids", "threshold", NULL};
        struct sal_json_at at;
        enum sal_status status = sal_json_object(roles, name, true, &at, reterr);
        if (!status)
                status = sal_json_only(&at, known, reterr);
        if (!status)
                status = sal_tuf_role_read(keys, &at, role, reterr);
        return status;
}

enum sal_status sal_tuf_root_read(const struct sal_tuf_document *document, struct sal_tuf_root *root,
                                  struct sal_err *reterr) {
        static const char *const known[] = {"root", "snapshot", "targets", "timestamp", NULL};
        struct sal_json_at top = sal_json_root(NULL);
        struct sal_json_at at = {.parent = &top, .key = "signed", .value = sal_tuf_document_signed(document)};
        struct sal_json_at keys;
        struct sal_json_at roles;
        root->version = sal_tuf_document_version(document);
        root->expires_ms = sal_tuf_document_expires_ms(document);
        bool consistent = false;
        enum sal_status status = sal_json_bool(&at, "consistent_snapshot", true, &consistent, reterr);
        if (!status && !consistent)
                status = sal_json_fail(
                        &at, "consistent_snapshot", SAL_E_INVALID, reterr,
                        "\"consistent_snapshot\" must be true: files are served under names with versions "
                        "only");
        if (!status)
                status = sal_json_object(&at, "keys", true, &keys, reterr);
        if (!status)
                status = sal_tuf_keys_check(&keys, reterr);
        if (!status)
                status = sal_json_object(&at, "roles", true, &roles, reterr);
        if (!status)
                status = sal_json_only(&roles, known, reterr);
        for (int r = 0; r < SAL_TUF_ROLES && !status; r++)
                status =
                        read_role(&keys, &roles, sal_tuf_role_text((enum sal_tuf_role_name)r), &root->roles[r], reterr);
        return status;
}

/* Parses, and verifies with the root's own keys and, when there is one, with the root before it. */
static enum sal_status load(const struct sal_tuf_root *current, const char *bytes, size_t len,
                            struct sal_tuf_root **ret, struct sal_err *reterr) {
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        enum sal_status status = sal_tuf_document_parse(bytes, len, "root", &document, reterr);
        if (status)
                return status;
        if (current) {
                status = sal_tuf_document_verify(document, &current->roles[SAL_TUF_ROOT], reterr);
                if (status)
                        return status;
        }
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = calloc(1, sizeof *root);
        if (!root)
                return no_memory(reterr);
        sal_sha256_hex(bytes, len, root->sha256);
        status = sal_tuf_root_read(document, root, reterr);
        if (!status)
                status = sal_tuf_document_verify(document, &root->roles[SAL_TUF_ROOT], reterr);
        if (!status && current && root->version != current->version + 1)
                status = sal_fail(reterr, SAL_E_UNTRUSTED, "the next root must have version %lld, this one has %lld",
                                  (long long)current->version + 1, (long long)root->version);
        if (!status)
                *ret = SAL_STEAL(root);
        return status;
}

enum sal_status sal_tuf_root_load(const char *bytes, size_t len, struct sal_tuf_root **ret, struct sal_err *reterr) {
        return load(NULL, bytes, len, ret, reterr);
}

enum sal_status sal_tuf_root_load_next(const struct sal_tuf_root *current, const char *bytes, size_t len,
                                       struct sal_tuf_root **ret, struct sal_err *reterr) {
        return load(current, bytes, len, ret, reterr);
}

/* ---- writing ---- */

json_t *sal_tuf_root_signed(const struct sal_tuf_root_spec *spec) {
        sal_autojson json_t *keys = json_object();
        sal_autojson json_t *roles = json_object();
        for (size_t r = 0; r < SAL_TUF_ROLES; r++) {
                const char *name = sal_tuf_role_text((enum sal_tuf_role_name)r);
                sal_autojson json_t *ids = sal_tuf_role_write_keys(spec->roles[r].keys, spec->roles[r].key_count, keys);
                if (!ids ||
                    json_object_set_new(roles, name,
                                        json_pack("{s:O, s:i}", "keyids", ids, "threshold", spec->roles[r].threshold)))
                        return NULL;
        }
        char expires[SAL_TIME_BYTES];
        sal_time_format(spec->expires_ms / 1000 * 1000, expires);
        return json_pack("{s:s, s:s, s:b, s:I, s:s, s:O, s:O}", "_type", "root", "spec_version", SAL_TUF_SPEC_VERSION,
                         "consistent_snapshot", 1, "version", (json_int_t)spec->version, "expires", expires, "keys",
                         keys, "roles", roles);
}

enum sal_status sal_tuf_root_build(const struct sal_tuf_root_spec *spec, const struct sal_private_key *const *signers,
                                   size_t signer_count, struct sal_buf *out, struct sal_err *reterr) {
        sal_autojson json_t *signed_part = sal_tuf_root_signed(spec);
        if (!signed_part)
                return no_memory(reterr);
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        enum sal_status status = sal_tuf_sign(signed_part, signers, signer_count, &file, reterr);
        if (status)
                return status;
        sal_auto(sal_tuf_root) struct sal_tuf_root *check = NULL;
        struct sal_err inner = {0};
        status = sal_tuf_root_load(file.data, file.len, &check, &inner);
        if (status)
                return sal_fail_at(reterr, status == SAL_E_NOMEM ? status : SAL_E_INVALID, inner.pointer,
                                   "the root would not be accepted: %s", inner.detail);
        sal_buf_append(out, file.data, file.len);
        return out->failed ? no_memory(reterr) : SAL_OK;
}
