/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/internal.h"

#include <string.h>

/* ---- writing ---- */

static void put_number(struct sal_buf *out, uint64_t value, size_t bytes) {
        for (size_t i = bytes; i-- > 0;)
                sal_buf_putc(out, (char)(value >> (8 * i) & 0xff));
}

static void put_count(struct sal_buf *out, size_t count) {
        put_number(out, count, 4);
}

static void put_bytes(struct sal_buf *out, const char *bytes, size_t len) {
        put_count(out, bytes ? len : 0);
        sal_buf_append(out, bytes, bytes ? len : 0);
}

static void put_text(struct sal_buf *out, const char *text) {
        put_bytes(out, text, strlen(text) + 1);
}

static void put_err(struct sal_buf *out, const struct sal_err *err) {
        put_number(out, (uint64_t) - (int64_t)err->status, 4);
        put_text(out, err->detail);
        put_text(out, err->pointer);
        put_text(out, err->hint);
        put_text(out, err->ref);
}

/* Begins a message; its length is known at the end. */
static size_t begin(struct sal_buf *out, enum sal_signer_kind kind) {
        size_t start = out->len;
        sal_buf_append(out, "SAL", 3);
        sal_buf_putc(out, (char)kind);
        put_count(out, 0);
        return start;
}

static enum sal_status end(struct sal_buf *out, size_t start, struct sal_err *reterr) {
        if (out->failed)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a message of the signer");
        size_t body = out->len - start - SAL_SIGNER_HEAD_BYTES;
        for (size_t i = 0; i < 4; i++)
                out->data[start + 4 + i] = (char)(body >> (8 * (3 - i)) & 0xff);
        return SAL_OK;
}

static enum sal_status check_len(const char *what, size_t len, size_t max, size_t *total, struct sal_err *reterr) {
        if (len > max)
                return sal_fail(reterr, SAL_E_INVALID, "%s has %zu bytes, the signer takes at most %zu", what, len,
                                max);
        *total += 4 + len;
        return SAL_OK;
}

/* Everything that the reader will want, so that nothing is sent that it must refuse. */
static enum sal_status check_request(const struct sal_signer_request *request, size_t *ret_bytes,
                                     struct sal_err *reterr) {
        size_t total = 64; /* counts and the flag */
        enum sal_status status = SAL_OK;
        if (request->root_count >= SAL_SIGNER_MAX_ROOTS)
                return sal_fail(reterr, SAL_E_INVALID, "%zu roots after the pinned one, the signer takes at most %d",
                                request->root_count, SAL_SIGNER_MAX_ROOTS - 1);
        if (request->envelope_count > SAL_TUF_MAX_CAMPAIGNS)
                return sal_fail(reterr, SAL_E_INVALID, "%zu envelopes, the signer takes at most %d",
                                request->envelope_count, SAL_TUF_MAX_CAMPAIGNS);
        for (size_t i = 0; i < request->root_count && !status; i++)
                status = check_len("a root", request->roots[i].len, SAL_TUF_MAX_BYTES, &total, reterr);
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES && !status; i++)
                status = check_len(sal_tuf_file_text((enum sal_tuf_file)i), request->files.file[i].len,
                                   SAL_TUF_MAX_BYTES, &total, reterr);
        if (!status)
                status = check_len("the policy", request->policy.len, SAL_POLICY_MAX_BYTES, &total, reterr);
        for (size_t i = 0; i < request->envelope_count && !status; i++) {
                const struct sal_repository_envelope *envelope = &request->envelopes[i];
                status = check_len("a target path", strlen(envelope->path) + 1, SAL_TARGET_PATH_BYTES, &total, reterr);
                if (!status)
                        status = check_len(envelope->path, envelope->len, SAL_ENVELOPE_MAX_BYTES, &total, reterr);
        }
        if (!status && total > SAL_SIGNER_REQUEST_MAX_BYTES)
                return sal_fail(reterr, SAL_E_INVALID,
                                "roots and envelopes have %zu bytes, the signer takes at most %d", total,
                                SAL_SIGNER_REQUEST_MAX_BYTES);
        *ret_bytes = total;
        return status;
}

enum sal_status sal_signer_write_request(const struct sal_signer_request *request, struct sal_buf *out,
                                         struct sal_err *reterr) {
        size_t bytes = 0;
        enum sal_status status = check_request(request, &bytes, reterr);
        if (status)
                return status;
        sal_buf_reserve(out, bytes);
        size_t start = begin(out, SAL_SIGNER_REQUEST);
        put_number(out, request->renew, 1);
        put_count(out, request->root_count);
        for (size_t i = 0; i < request->root_count; i++)
                put_bytes(out, request->roots[i].bytes, request->roots[i].len);
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++)
                put_bytes(out, request->files.file[i].bytes, request->files.file[i].len);
        put_bytes(out, request->policy.bytes, request->policy.len);
        put_count(out, request->envelope_count);
        for (size_t i = 0; i < request->envelope_count; i++) {
                put_text(out, request->envelopes[i].path);
                put_bytes(out, request->envelopes[i].bytes, request->envelopes[i].len);
        }
        return end(out, start, reterr);
}

/* The files that the signer makes; the other two come from offline keys. */
static bool is_made(int file) {
        return file == SAL_TUF_FILE_CAMPAIGNS || file == SAL_TUF_FILE_SNAPSHOT || file == SAL_TUF_FILE_TIMESTAMP;
}

enum sal_status sal_signer_write_answer(const struct sal_signer_answer *answer, size_t verdict_count,
                                        struct sal_buf *out, struct sal_err *reterr) {
        for (int i = 0; i < SAL_TUF_FILES; i++)
                if (answer->next.files[i].len > SAL_TUF_MAX_BYTES)
                        return sal_fail(reterr, SAL_E_INVALID, "%s would have %zu bytes, a client takes at most %d",
                                        sal_tuf_file_text((enum sal_tuf_file)i), answer->next.files[i].len,
                                        SAL_TUF_MAX_BYTES);
        size_t start = begin(out, SAL_SIGNER_ANSWER);
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                put_number(out, answer->next.signed_anew[i], 1);
                put_number(out, (uint64_t)answer->versions[i], 8);
                put_number(out, (uint64_t)answer->expires_ms[i], 8);
                if (is_made(i))
                        put_bytes(out, answer->next.files[i].data, answer->next.files[i].len);
        }
        put_count(out, answer->next.listed);
        put_count(out, verdict_count);
        for (size_t i = 0; i < verdict_count; i++) {
                put_number(out, answer->verdicts[i].admission, 1);
                if (answer->verdicts[i].admission)
                        put_err(out, &answer->verdicts[i].why);
        }
        return end(out, start, reterr);
}

enum sal_status sal_signer_write_refusal(const struct sal_err *err, struct sal_buf *out, struct sal_err *reterr) {
        size_t start = begin(out, SAL_SIGNER_REFUSAL);
        put_err(out, err);
        return end(out, start, reterr);
}

enum sal_status sal_signer_write_ready(struct sal_buf *out, struct sal_err *reterr) {
        return end(out, begin(out, SAL_SIGNER_READY), reterr);
}

/* ---- reading ---- */

/* What is left of a body. After the first wrong field nothing more is read: everything is then 0 and empty. */
struct reader {
        const char *at;
        size_t left;
        const char *wrong; /* the field, NULL: none */
};

static void spoil(struct reader *r, const char *what) {
        if (!r->wrong)
                r->wrong = what;
        r->left = 0;
}

static uint64_t take_number(struct reader *r, size_t bytes, const char *what) {
        if (r->wrong || r->left < bytes) {
                spoil(r, what);
                return 0;
        }
        uint64_t value = 0;
        for (size_t i = 0; i < bytes; i++)
                value = value << 8 | (uint8_t)r->at[i];
        r->at += bytes;
        r->left -= bytes;
        return value;
}

static size_t take_count(struct reader *r, size_t max, const char *what) {
        uint64_t count = take_number(r, 4, what);
        if (count <= max)
                return (size_t)count;
        spoil(r, what);
        return 0;
}

static bool take_flag(struct reader *r, const char *what) {
        uint64_t flag = take_number(r, 1, what);
        if (flag > 1)
                spoil(r, what);
        return flag == 1;
}

/* A number of 0..2^53: versions and times of this program are. */
static int64_t take_value(struct reader *r, const char *what) {
        uint64_t value = take_number(r, 8, what);
        if (value <= UINT64_C(1) << 53)
                return (int64_t)value;
        spoil(r, what);
        return 0;
}

/* Empty bytes are not NULL. */
static struct sal_signer_bytes take_bytes(struct reader *r, size_t max, const char *what) {
        size_t len = take_count(r, max, what);
        if (len > r->left)
                spoil(r, what);
        if (r->wrong)
                return (struct sal_signer_bytes){.bytes = ""};
        struct sal_signer_bytes bytes = {.bytes = r->at, .len = len};
        r->at += len;
        r->left -= len;
        return bytes;
}

/* A text whose NUL is its last byte and its only one. */
static const char *take_text(struct reader *r, size_t room, const char *what) {
        struct sal_signer_bytes text = take_bytes(r, room, what);
        if (r->wrong)
                return "";
        if (text.len > 0 && memchr(text.bytes, '\0', text.len) == text.bytes + text.len - 1)
                return text.bytes;
        spoil(r, what);
        return "";
}

static void take_err(struct reader *r, struct sal_err *ret) {
        uint64_t code = take_number(r, 4, "status");
        ret->status = (enum sal_status)(code <= 1000 ? -(int)code : 0);
        if (ret->status == SAL_OK || sal_status_info(ret->status)->status != ret->status)
                spoil(r, "status");
        snprintf(ret->detail, sizeof ret->detail, "%s", take_text(r, sizeof ret->detail, "detail"));
        snprintf(ret->pointer, sizeof ret->pointer, "%s", take_text(r, sizeof ret->pointer, "pointer"));
        snprintf(ret->hint, sizeof ret->hint, "%s", take_text(r, sizeof ret->hint, "hint"));
        snprintf(ret->ref, sizeof ret->ref, "%s", take_text(r, sizeof ret->ref, "ref"));
}

static enum sal_status finish(const struct reader *r, struct sal_err *reterr) {
        if (r->wrong)
                return sal_fail(reterr, SAL_E_MALFORMED, "the message is wrong or cut off at its %s", r->wrong);
        if (r->left > 0)
                return sal_fail(reterr, SAL_E_MALFORMED, "the message has %zu bytes behind its end", r->left);
        return SAL_OK;
}

enum sal_status sal_signer_read_request(const char *body, size_t len, struct sal_signer_received *ret,
                                        struct sal_err *reterr) {
        struct reader r = {.at = body, .left = len};
        struct sal_signer_request *request = &ret->request;
        *request = (struct sal_signer_request){.roots = ret->roots, .envelopes = ret->envelopes};
        request->renew = take_flag(&r, "flag");
        request->root_count = take_count(&r, SAL_SIGNER_MAX_ROOTS - 1, "count of roots");
        for (size_t i = 0; i < request->root_count; i++)
                ret->roots[i] = take_bytes(&r, SAL_TUF_MAX_BYTES, "roots");
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++) {
                struct sal_signer_bytes file =
                        take_bytes(&r, SAL_TUF_MAX_BYTES, sal_tuf_file_text((enum sal_tuf_file)i));
                if (file.len > 0) { /* an empty file is none */
                        request->files.file[i].bytes = file.bytes;
                        request->files.file[i].len = file.len;
                }
        }
        request->policy = take_bytes(&r, SAL_POLICY_MAX_BYTES, "policy");
        request->envelope_count = take_count(&r, SAL_TUF_MAX_CAMPAIGNS, "count of envelopes");
        for (size_t i = 0; i < request->envelope_count; i++) {
                ret->envelopes[i].path = take_text(&r, SAL_TARGET_PATH_BYTES, "target path");
                struct sal_signer_bytes envelope = take_bytes(&r, SAL_ENVELOPE_MAX_BYTES, "envelope");
                ret->envelopes[i].bytes = envelope.bytes;
                ret->envelopes[i].len = envelope.len;
        }
        return finish(&r, reterr);
}

static void take_file(struct reader *r, int file, struct sal_signer_answer *ret) {
        ret->next.signed_anew[file] = take_flag(r, "flag");
        ret->versions[file] = take_value(r, "version");
        ret->expires_ms[file] = take_value(r, "expiry");
        if (ret->versions[file] < 1 || ret->versions[file] > SAL_TUF_VERSION_MAX)
                spoil(r, "version");
        ret->next.marks[file].version = ret->versions[file];
        ret->next.expires_ms[file] = ret->expires_ms[file];
        if (!is_made(file))
                return;
        struct sal_signer_bytes bytes = take_bytes(r, SAL_TUF_MAX_BYTES, sal_tuf_file_text((enum sal_tuf_file)file));
        if (bytes.len == 0)
                spoil(r, sal_tuf_file_text((enum sal_tuf_file)file));
        sal_buf_append(&ret->next.files[file], bytes.bytes, bytes.len);
}

enum sal_status sal_signer_read_answer(const char *body, size_t len, size_t verdict_count,
                                       struct sal_signer_answer *ret, struct sal_err *reterr) {
        struct reader r = {.at = body, .left = len};
        bool no_memory = false;
        memset(ret, 0, sizeof *ret);
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                take_file(&r, i, ret);
                no_memory = no_memory || ret->next.files[i].failed;
        }
        ret->next.listed = take_count(&r, verdict_count, "count of what is listed");
        if (take_count(&r, SAL_TUF_MAX_CAMPAIGNS, "count of verdicts") != verdict_count)
                spoil(&r, "count of verdicts");
        for (size_t i = 0; i < verdict_count && !r.wrong; i++) {
                uint64_t admission = take_number(&r, 1, "verdict");
                if (admission >= SAL_ADMISSIONS)
                        spoil(&r, "verdict");
                ret->verdicts[i].admission = (enum sal_admission)admission;
                if (admission && !r.wrong)
                        take_err(&r, &ret->verdicts[i].why);
        }
        enum sal_status status = finish(&r, reterr);
        if (!status && no_memory)
                status = sal_fail(reterr, SAL_E_NOMEM, "no memory for what the signer made");
        if (status)
                sal_repository_next_done(&ret->next);
        return status;
}

enum sal_status sal_signer_read_refusal(const char *body, size_t len, struct sal_err *ret) {
        struct reader r = {.at = body, .left = len};
        take_err(&r, ret);
        return finish(&r, ret);
}
