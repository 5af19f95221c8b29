/* SPDX-License-Identifier: Apache-2.0 */
/* Timestamp and snapshot: which metadata files there are now. */
#include "trust/tuf_roles.h"

#include "base/clock.h"
#include "trust/tuf_internal.h"

#include <string.h>

static enum sal_status no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory for TUF metadata");
}

/* ---- shared with the targets ---- */

json_t *sal_tuf_signed_new(const char *type, int64_t version, int64_t expires_ms) {
        char expires[SAL_TIME_BYTES];
        sal_time_format(expires_ms / 1000 * 1000, expires);
        return json_pack("{s:s, s:s, s:I, s:s}", "_type", type, "spec_version", SAL_TUF_SPEC_VERSION, "version",
                         (json_int_t)version, "expires", expires);
}

enum sal_status sal_tuf_read_content(const struct sal_json_at *at, int64_t min_bytes, int64_t max_bytes,
                                     int64_t *ret_length, char ret_sha256[static SAL_SHA256_HEX_BYTES],
                                     struct sal_err *reterr) {
        static const char *const known[] = {"sha256", NULL};
        struct sal_json_at hashes;
        const char *digest = NULL;
        enum sal_status status = sal_json_int(at, "length", true, min_bytes, max_bytes, ret_length, reterr);
        if (!status)
                status = sal_json_object(at, "hashes", true, &hashes, reterr);
        if (!status)
                status = sal_json_only(&hashes, known, reterr);
        if (!status)
                status = sal_json_string(&hashes, "sha256", true, 64, 64, &digest, reterr);
        if (!status && !sal_is_sha256_hex(digest))
                return sal_json_fail(&hashes, "sha256", SAL_E_INVALID, reterr,
                                     "\"sha256\" must be 64 lower-case hex digits");
        if (!status)
                memcpy(ret_sha256, digest, SAL_SHA256_HEX_BYTES);
        return status;
}

struct sal_tuf_meta sal_tuf_meta_of(int64_t version, const char *bytes, size_t len) {
        struct sal_tuf_meta meta = {.version = version, .length = (int64_t)len};
        sal_sha256_hex(bytes, len, meta.sha256);
        return meta;
}

/* ---- one named file ---- */

/* Reads the member `name` of `meta`; a missing one leaves *ret with version 0 unless it is required. */
static enum sal_status read_meta(const struct sal_json_at *meta, const char *name, bool required, int64_t max_bytes,
                                 struct sal_tuf_meta *ret, struct sal_err *reterr) {
        static const char *const known[] = {"version", "length", "hashes", NULL};
        struct sal_json_at at;
        *ret = (struct sal_tuf_meta){0};
        enum sal_status status = sal_json_object(meta, name, required, &at, reterr);
        if (status || !at.value)
                return status;
        status = sal_json_only(&at, known, reterr);
        if (!status)
                status = sal_json_int(&at, "version", true, 1, SAL_TUF_VERSION_MAX, &ret->version, reterr);
        if (!status)
                status = sal_tuf_read_content(&at, 1, max_bytes, &ret->length, ret->sha256, reterr);
        return status;
}

static int write_meta(json_t *meta, const char *name, const struct sal_tuf_meta *file) {
        return json_object_set_new(meta, name,
                                   json_pack("{s:I, s:I, s:{s:s}}", "version", (json_int_t)file->version, "length",
                                             (json_int_t)file->length, "hashes", "sha256", file->sha256));
}

static enum sal_status open_meta(const struct sal_json_at *signed_part, const char *const *known,
                                 struct sal_json_at *ret, struct sal_err *reterr) {
        enum sal_status status = sal_json_object(signed_part, "meta", true, ret, reterr);
        return status ? status : sal_json_only(ret, known, reterr);
}

/* Signs what `meta` and the common members say and appends the file once `check` can read it. */
static enum sal_status build(json_t *signed_part, json_t *meta, const struct sal_private_key *const *signers,
                             size_t signer_count, const char *type,
                             enum sal_status (*check)(const struct sal_tuf_document *, void *, struct sal_err *),
                             void *scratch, struct sal_buf *out, struct sal_err *reterr) {
        if (!signed_part || !meta || json_object_set(signed_part, "meta", meta))
                return no_memory(reterr);
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        enum sal_status status = sal_tuf_sign(signed_part, signers, signer_count, &file, reterr);
        if (!status)
                status = sal_tuf_document_parse(file.data, file.len, type, &document, reterr);
        if (!status)
                status = check(document, scratch, reterr);
        if (status)
                return status;
        sal_buf_append(out, file.data, file.len);
        return out->failed ? no_memory(reterr) : SAL_OK;
}

static enum sal_status open_document(const char *bytes, size_t len, size_t max_bytes, const char *type,
                                     const struct sal_tuf_role *role, struct sal_tuf_document **ret,
                                     struct sal_err *reterr) {
        if (len > max_bytes)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "a %s file has at most %zu bytes, this one %zu", type,
                                max_bytes, len);
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        enum sal_status status = sal_tuf_document_parse(bytes, len, type, &document, reterr);
        if (!status)
                status = sal_tuf_document_verify(document, role, reterr);
        if (!status)
                *ret = SAL_STEAL(document);
        return status;
}

/* ---- timestamp ---- */

static enum sal_status read_timestamp(const struct sal_tuf_document *document, void *ret, struct sal_err *reterr) {
        static const char *const known[] = {"snapshot.json", NULL};
        struct sal_tuf_timestamp *timestamp = ret;
        struct sal_json_at top = sal_json_root(NULL);
        struct sal_json_at at = {.parent = &top, .key = "signed", .value = sal_tuf_document_signed(document)};
        struct sal_json_at meta;
        timestamp->version = sal_tuf_document_version(document);
        timestamp->expires_ms = sal_tuf_document_expires_ms(document);
        enum sal_status status = open_meta(&at, known, &meta, reterr);
        if (!status)
                status = read_meta(&meta, "snapshot.json", true, SAL_TUF_SNAPSHOT_MAX_BYTES, &timestamp->snapshot,
                                   reterr);
        return status;
}

enum sal_status sal_tuf_timestamp_load(const char *bytes, size_t len, const struct sal_tuf_role *role,
                                       struct sal_tuf_timestamp *ret, struct sal_err *reterr) {
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        struct sal_tuf_timestamp timestamp = {0};
        enum sal_status status =
                open_document(bytes, len, SAL_TUF_TIMESTAMP_MAX_BYTES, "timestamp", role, &document, reterr);
        if (!status)
                status = read_timestamp(document, &timestamp, reterr);
        if (!status)
                *ret = timestamp;
        return status;
}

enum sal_status sal_tuf_timestamp_build(const struct sal_tuf_timestamp *timestamp,
                                        const struct sal_private_key *const *signers, size_t signer_count,
                                        struct sal_buf *out, struct sal_err *reterr) {
        struct sal_tuf_timestamp scratch = {0};
        sal_autojson json_t *signed_part = sal_tuf_signed_new("timestamp", timestamp->version, timestamp->expires_ms);
        sal_autojson json_t *meta = json_object();
        if (!meta || write_meta(meta, "snapshot.json", &timestamp->snapshot))
                return no_memory(reterr);
        return build(signed_part, meta, signers, signer_count, "timestamp", read_timestamp, &scratch, out, reterr);
}

/* ---- snapshot ---- */

static enum sal_status read_snapshot(const struct sal_tuf_document *document, void *ret, struct sal_err *reterr) {
        static const char *const known[] = {"targets.json", "campaigns.json", NULL};
        struct sal_tuf_snapshot *snapshot = ret;
        struct sal_json_at top = sal_json_root(NULL);
        struct sal_json_at at = {.parent = &top, .key = "signed", .value = sal_tuf_document_signed(document)};
        struct sal_json_at meta;
        snapshot->version = sal_tuf_document_version(document);
        snapshot->expires_ms = sal_tuf_document_expires_ms(document);
        enum sal_status status = open_meta(&at, known, &meta, reterr);
        if (!status)
                status = read_meta(&meta, "targets.json", false, SAL_TUF_MAX_BYTES, &snapshot->targets, reterr);
        if (!status)
                status = read_meta(&meta, "campaigns.json", false, SAL_TUF_MAX_BYTES, &snapshot->campaigns, reterr);
        return status;
}

enum sal_status sal_tuf_snapshot_load(const char *bytes, size_t len, const struct sal_tuf_role *role,
                                      struct sal_tuf_snapshot *ret, struct sal_err *reterr) {
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        struct sal_tuf_snapshot snapshot = {0};
        enum sal_status status =
                open_document(bytes, len, SAL_TUF_SNAPSHOT_MAX_BYTES, "snapshot", role, &document, reterr);
        if (!status)
                status = read_snapshot(document, &snapshot, reterr);
        if (!status)
                *ret = snapshot;
        return status;
}

enum sal_status sal_tuf_snapshot_build(const struct sal_tuf_snapshot *snapshot,
                                       const struct sal_private_key *const *signers, size_t signer_count,
                                       struct sal_buf *out, struct sal_err *reterr) {
        struct sal_tuf_snapshot scratch = {0};
        sal_autojson json_t *signed_part = sal_tuf_signed_new("snapshot", snapshot->version, snapshot->expires_ms);
        sal_autojson json_t *meta = json_object();
        if (!meta || (snapshot->targets.version && write_meta(meta, "targets.json", &snapshot->targets)) ||
            (snapshot->campaigns.version && write_meta(meta, "campaigns.json", &snapshot->campaigns)))
                return no_memory(reterr);
        return build(signed_part, meta, signers, signer_count, "snapshot", read_snapshot, &scratch, out, reterr);
}
