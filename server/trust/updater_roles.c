/* SPDX-License-Identifier: Apache-2.0 */
/* How each file is judged, in the order of TUF 1.0 section 5. */
#include "trust/updater_internal.h"

#include "base/clock.h"

#include <string.h>

/* ---- refusals ---- */

/* What a failed load means. */
static enum sal_update_reason reason_of(enum sal_status status) {
        switch (status) {
        case SAL_E_TOO_LARGE:
                return SAL_UPDATE_TOO_LONG;
        case SAL_E_MALFORMED:
                return SAL_UPDATE_MALFORMED;
        case SAL_E_FORBIDDEN:
                return SAL_UPDATE_DELEGATION;
        case SAL_E_UNTRUSTED:
                return SAL_UPDATE_SIGNATURES;
        case SAL_E_INVALID:
                return SAL_UPDATE_CONTENT;
        default:
                return SAL_UPDATE_INTERNAL;
        }
}

/* Refuses with what a load said; the pointer into the file is kept. */
static enum sal_status refuse_load(struct sal_updater *updater, enum sal_tuf_file file, const struct sal_err *inner,
                                   enum sal_status status, struct sal_err *reterr) {
        sal_update_refuse(updater, file, reason_of(status), status, reterr, "%s", inner->detail);
        if (reterr)
                memcpy(reterr->pointer, inner->pointer, sizeof reterr->pointer);
        return status;
}

static enum sal_status refuse_memory(struct sal_updater *updater, enum sal_tuf_file file, struct sal_err *reterr) {
        return sal_update_refuse(updater, file, SAL_UPDATE_INTERNAL, SAL_E_NOMEM, reterr, "no memory");
}

/* ---- rules that hold for every file ---- */

static enum sal_status check_expiry(struct sal_updater *updater, enum sal_tuf_file file, int64_t expires_ms,
                                    struct sal_err *reterr) {
        if (expires_ms > updater->now_ms)
                return SAL_OK;
        char expired[SAL_TIME_BYTES];
        char now[SAL_TIME_BYTES];
        sal_time_format(expires_ms, expired);
        sal_time_format(updater->now_ms, now);
        return sal_update_refuse(updater, file, SAL_UPDATE_EXPIRED, SAL_E_UNTRUSTED, reterr,
                                 "it expired at %s, and it is %s", expired, now);
}

static enum sal_status check_floor(struct sal_updater *updater, enum sal_tuf_file file, int64_t version,
                                   const char *sha256, struct sal_err *reterr) {
        const struct sal_update_floor *floor = &updater->floors[file];
        if (version < floor->version)
                return sal_update_refuse(updater, file, SAL_UPDATE_ROLLBACK, SAL_E_UNTRUSTED, reterr,
                                         "version %lld is older than version %lld, which was trusted before",
                                         (long long)version, (long long)floor->version);
        if (version == floor->version && strcmp(sha256, floor->sha256) != 0)
                return sal_update_refuse(updater, file, SAL_UPDATE_EQUIVOCATION, SAL_E_UNTRUSTED, reterr,
                                         "version %lld was trusted before with other content", (long long)version);
        return SAL_OK;
}

static bool is_meta(const struct sal_tuf_meta *meta, const char *bytes, size_t len) {
        char digest[SAL_SHA256_HEX_BYTES];
        if ((int64_t)len != meta->length)
                return false;
        sal_sha256_hex(bytes, len, digest);
        return strcmp(digest, meta->sha256) == 0;
}

/* A parent has named its child: that name must not fall below the floor, and then the child is needed, unless the very
 * same bytes are held already. */
static enum sal_status enter(struct sal_updater *updater, enum sal_tuf_file file, const struct sal_tuf_meta *meta,
                             struct sal_err *reterr) {
        enum sal_status status = check_floor(updater, file, meta->version, meta->sha256, reterr);
        if (status)
                return status;
        updater->wanted[file] = *meta;
        updater->phase = file;
        const struct sal_update_slot *old = &updater->old[file];
        if (old->bytes && is_meta(meta, old->bytes, old->len))
                return sal_update_accept(updater, file, old->bytes, old->len, reterr);
        return SAL_OK;
}

/* The version inside of a verified file must be the one its parent named; and it must not have expired. */
static enum sal_status check_child(struct sal_updater *updater, enum sal_tuf_file file, int64_t version,
                                   int64_t expires_ms, struct sal_err *reterr) {
        if (version != updater->wanted[file].version)
                return sal_update_refuse(updater, file, SAL_UPDATE_MISMATCH, SAL_E_UNTRUSTED, reterr,
                                         "it has version %lld and is named with version %lld", (long long)version,
                                         (long long)updater->wanted[file].version);
        return check_expiry(updater, file, expires_ms, reterr);
}

/* Keeps the bytes of a file that was found good. */
static enum sal_status keep(struct sal_updater *updater, enum sal_tuf_file file, const char *bytes, size_t len,
                            int64_t version, int64_t expires_ms, struct sal_err *reterr) {
        if (sal_update_fill(&updater->now[file], bytes, len, version, expires_ms))
                return refuse_memory(updater, file, reterr);
        return SAL_OK;
}

/* ---- what was trusted before ---- */

static void raise_floor(struct sal_updater *updater, enum sal_tuf_file file, int64_t version, const char *sha256) {
        struct sal_update_floor *floor = &updater->floors[file];
        if (version <= floor->version)
                return;
        floor->version = version;
        memcpy(floor->sha256, sha256, sizeof floor->sha256);
}

/* The file sets its own floor. What a snapshot says of targets and campaigns sets none: they are kept together with it,
 * unless their keys were rotated, and then their versions must be forgotten. */
static enum sal_status hold(struct sal_updater *updater, enum sal_tuf_file file, const struct sal_tuf_files *trusted,
                            int64_t version, int64_t expires_ms) {
        const char *bytes = trusted->file[file].bytes;
        size_t len = trusted->file[file].len;
        char digest[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(bytes, len, digest);
        raise_floor(updater, file, version, digest);
        return sal_update_fill(&updater->old[file], bytes, len, version, expires_ms);
}

static enum sal_status read_old_file(struct sal_updater *updater, enum sal_tuf_file file,
                                     const struct sal_tuf_files *trusted) {
        const char *bytes = trusted->file[file].bytes;
        size_t len = trusted->file[file].len;
        const struct sal_tuf_role *roles = updater->root->roles;
        enum sal_status status = SAL_OK;
        if (file == SAL_TUF_FILE_TIMESTAMP) {
                struct sal_tuf_timestamp timestamp;
                status = sal_tuf_timestamp_load(bytes, len, &roles[SAL_TUF_TIMESTAMP], &timestamp, NULL);
                if (status)
                        return status;
                raise_floor(updater, SAL_TUF_FILE_SNAPSHOT, timestamp.snapshot.version, timestamp.snapshot.sha256);
                return hold(updater, file, trusted, timestamp.version, timestamp.expires_ms);
        }
        if (file == SAL_TUF_FILE_SNAPSHOT) {
                struct sal_tuf_snapshot snapshot;
                status = sal_tuf_snapshot_load(bytes, len, &roles[SAL_TUF_SNAPSHOT], &snapshot, NULL);
                if (status)
                        return status;
                return hold(updater, file, trusted, snapshot.version, snapshot.expires_ms);
        }
        if (file == SAL_TUF_FILE_TARGETS) {
                status = sal_tuf_targets_load(bytes, len, &roles[SAL_TUF_TARGETS], &updater->old_targets, NULL);
                if (status)
                        return status;
                return hold(updater, file, trusted, updater->old_targets->version, updater->old_targets->expires_ms);
        }
        sal_auto(sal_tuf_campaigns) struct sal_tuf_campaigns *campaigns = NULL;
        if (!updater->old_targets)
                return SAL_E_UNTRUSTED;
        status = sal_tuf_campaigns_load(bytes, len, &updater->old_targets->campaigns, &campaigns, NULL);
        return status ? status : hold(updater, file, trusted, campaigns->version, campaigns->expires_ms);
}

enum sal_status sal_update_read_old(struct sal_updater *updater, const struct sal_tuf_files *trusted,
                                    struct sal_err *reterr) {
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++) {
                if (!trusted->file[i].bytes)
                        continue;
                enum sal_status status = read_old_file(updater, (enum sal_tuf_file)i, trusted);
                if (status == SAL_E_NOMEM)
                        return sal_fail(reterr, SAL_E_NOMEM, "no memory for an update");
                updater->lost[i] = status != SAL_OK;
        }
        return SAL_OK;
}

/* The keys that signed the file are no longer to be believed, and with them its version goes. */
static void drop(struct sal_updater *updater, enum sal_tuf_file file) {
        updater->floors[file] = (struct sal_update_floor){0};
        sal_update_slot_done(&updater->old[file]);
}

static void drop_rotated(struct sal_updater *updater, const struct sal_tuf_root *next) {
        const struct sal_tuf_role *had = updater->root->roles;
        const struct sal_tuf_role *has = next->roles;
        if (!sal_tuf_role_same_keys(&had[SAL_TUF_TIMESTAMP], &has[SAL_TUF_TIMESTAMP]) ||
            !sal_tuf_role_same_keys(&had[SAL_TUF_SNAPSHOT], &has[SAL_TUF_SNAPSHOT])) {
                drop(updater, SAL_TUF_FILE_TIMESTAMP);
                drop(updater, SAL_TUF_FILE_SNAPSHOT);
        }
        if (!sal_tuf_role_same_keys(&had[SAL_TUF_TARGETS], &has[SAL_TUF_TARGETS]))
                drop(updater, SAL_TUF_FILE_TARGETS);
}

/* ---- root: section 5.3 ---- */

static enum sal_status accept_root(struct sal_updater *updater, const char *bytes, size_t len, struct sal_err *reterr) {
        static const enum sal_tuf_file file = SAL_TUF_FILE_ROOT;
        struct sal_err inner = {0};
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        sal_auto(sal_tuf_root) struct sal_tuf_root *next = NULL;
        if (updater->root_steps == SAL_UPDATE_MAX_ROOT_STEPS)
                return sal_update_refuse(updater, file, SAL_UPDATE_ROOT_STEPS, SAL_E_UNTRUSTED, reterr,
                                         "an update takes at most %d steps; the next one goes on from here",
                                         SAL_UPDATE_MAX_ROOT_STEPS);
        enum sal_status status = sal_tuf_document_parse(bytes, len, "root", &document, &inner);
        if (status)
                return refuse_load(updater, file, &inner, status, reterr);
        if (sal_tuf_document_version(document) != updater->root->version + 1)
                return sal_update_refuse(updater, file, SAL_UPDATE_ROOT_VERSION, SAL_E_UNTRUSTED, reterr,
                                         "the next root has version %lld, this one says %lld",
                                         (long long)updater->root->version + 1,
                                         (long long)sal_tuf_document_version(document));
        status = sal_tuf_root_load_next(updater->root, bytes, len, &next, &inner);
        if (status)
                return refuse_load(updater, file, &inner, status, reterr);
        status = keep(updater, file, bytes, len, next->version, next->expires_ms, reterr);
        if (status)
                return status;
        drop_rotated(updater, next);
        sal_tuf_root_free(updater->root);
        updater->root = SAL_STEAL(next);
        updater->root_steps++;
        return SAL_OK;
}

enum sal_status sal_update_end_chain(struct sal_updater *updater, struct sal_err *reterr) {
        enum sal_status status = check_expiry(updater, SAL_TUF_FILE_ROOT, updater->root->expires_ms, reterr);
        if (!status)
                updater->phase = SAL_TUF_FILE_TIMESTAMP;
        return status;
}

/* ---- timestamp: section 5.4 ---- */

static enum sal_status accept_timestamp(struct sal_updater *updater, const char *bytes, size_t len,
                                        struct sal_err *reterr) {
        static const enum sal_tuf_file file = SAL_TUF_FILE_TIMESTAMP;
        struct sal_err inner = {0};
        struct sal_tuf_timestamp timestamp;
        char digest[SAL_SHA256_HEX_BYTES];
        enum sal_status status =
                sal_tuf_timestamp_load(bytes, len, &updater->root->roles[SAL_TUF_TIMESTAMP], &timestamp, &inner);
        if (status)
                return refuse_load(updater, file, &inner, status, reterr);
        sal_sha256_hex(bytes, len, digest);
        status = check_floor(updater, file, timestamp.version, digest, reterr);
        if (!status)
                status = check_expiry(updater, file, timestamp.expires_ms, reterr);
        if (!status)
                status = keep(updater, file, bytes, len, timestamp.version, timestamp.expires_ms, reterr);
        return status ? status : enter(updater, SAL_TUF_FILE_SNAPSHOT, &timestamp.snapshot, reterr);
}

/* ---- snapshot: section 5.5 ---- */

static enum sal_status accept_snapshot(struct sal_updater *updater, const char *bytes, size_t len,
                                       struct sal_err *reterr) {
        static const enum sal_tuf_file file = SAL_TUF_FILE_SNAPSHOT;
        struct sal_err inner = {0};
        struct sal_tuf_snapshot snapshot;
        enum sal_status status =
                sal_tuf_snapshot_load(bytes, len, &updater->root->roles[SAL_TUF_SNAPSHOT], &snapshot, &inner);
        if (status)
                return refuse_load(updater, file, &inner, status, reterr);
        if (!snapshot.targets.version || !snapshot.campaigns.version)
                return sal_update_refuse(updater, file, SAL_UPDATE_ROLE_DROPPED, SAL_E_UNTRUSTED, reterr,
                                         "it does not name %s.json",
                                         snapshot.targets.version ? "campaigns" : "targets");
        status = check_child(updater, file, snapshot.version, snapshot.expires_ms, reterr);
        if (!status)
                status = keep(updater, file, bytes, len, snapshot.version, snapshot.expires_ms, reterr);
        /* The floor of campaigns is looked at once it is known whether the new targets changed its keys. */
        updater->wanted[SAL_TUF_FILE_CAMPAIGNS] = snapshot.campaigns;
        return status ? status : enter(updater, SAL_TUF_FILE_TARGETS, &snapshot.targets, reterr);
}

/* ---- targets and campaigns: section 5.6 ---- */

static enum sal_status accept_targets(struct sal_updater *updater, const char *bytes, size_t len,
                                      struct sal_err *reterr) {
        static const enum sal_tuf_file file = SAL_TUF_FILE_TARGETS;
        struct sal_err inner = {0};
        enum sal_status status =
                sal_tuf_targets_load(bytes, len, &updater->root->roles[SAL_TUF_TARGETS], &updater->targets, &inner);
        if (status)
                return refuse_load(updater, file, &inner, status, reterr);
        const struct sal_tuf_targets *targets = updater->targets;
        status = check_child(updater, file, targets->version, targets->expires_ms, reterr);
        if (!status)
                status = keep(updater, file, bytes, len, targets->version, targets->expires_ms, reterr);
        if (status)
                return status;
        if (updater->old_targets && !sal_tuf_role_same_keys(&updater->old_targets->campaigns, &targets->campaigns))
                updater->floors[SAL_TUF_FILE_CAMPAIGNS] = (struct sal_update_floor){0};
        const struct sal_tuf_meta campaigns = updater->wanted[SAL_TUF_FILE_CAMPAIGNS];
        return enter(updater, SAL_TUF_FILE_CAMPAIGNS, &campaigns, reterr);
}

static bool same_as_before(const struct sal_updater *updater) {
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++) {
                const struct sal_update_slot *old = &updater->old[i];
                const struct sal_update_slot *now = &updater->now[i];
                if (!old->bytes || old->len != now->len || memcmp(old->bytes, now->bytes, now->len) != 0)
                        return false;
        }
        return updater->root_steps == 0;
}

static enum sal_status accept_campaigns(struct sal_updater *updater, const char *bytes, size_t len,
                                        struct sal_err *reterr) {
        static const enum sal_tuf_file file = SAL_TUF_FILE_CAMPAIGNS;
        struct sal_err inner = {0};
        enum sal_status status =
                sal_tuf_campaigns_load(bytes, len, &updater->targets->campaigns, &updater->campaigns, &inner);
        if (status)
                return refuse_load(updater, file, &inner, status, reterr);
        const struct sal_tuf_campaigns *campaigns = updater->campaigns;
        status = check_child(updater, file, campaigns->version, campaigns->expires_ms, reterr);
        if (!status)
                status = keep(updater, file, bytes, len, campaigns->version, campaigns->expires_ms, reterr);
        if (!status)
                updater->outcome = same_as_before(updater) ? SAL_UPDATE_NO_NEWS : SAL_UPDATE_NEWS;
        return status;
}

enum sal_status sal_update_accept(struct sal_updater *updater, enum sal_tuf_file file, const char *bytes, size_t len,
                                  struct sal_err *reterr) {
        static enum sal_status (*const judges[])(struct sal_updater *, const char *, size_t, struct sal_err *) = {
                [SAL_TUF_FILE_ROOT] = accept_root,           [SAL_TUF_FILE_TIMESTAMP] = accept_timestamp,
                [SAL_TUF_FILE_SNAPSHOT] = accept_snapshot,   [SAL_TUF_FILE_TARGETS] = accept_targets,
                [SAL_TUF_FILE_CAMPAIGNS] = accept_campaigns,
        };
        _Static_assert(SAL_ARRAY_LEN(judges) == SAL_TUF_FILES, "every file has a judge");
        const struct sal_tuf_meta *wanted = &updater->wanted[file];
        if (wanted->version && !is_meta(wanted, bytes, len))
                return sal_update_refuse(updater, file, SAL_UPDATE_MISMATCH, SAL_E_UNTRUSTED, reterr,
                                         "it is not the file of %lld bytes and sha256 %s that is named",
                                         (long long)wanted->length, wanted->sha256);
        return judges[file](updater, bytes, len, reterr);
}
