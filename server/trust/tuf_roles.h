/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TUF 1.0 metadata below the root, in the narrow profile of this project:
 *
 *   timestamp  names the one snapshot there is now                            tuf_meta.c
 *   snapshot   names the targets and campaigns files that belong together     tuf_meta.c
 *   targets    lists policy/trust-policy.json and delegates the campaigns     tuf_targets.c
 *   campaigns  the delegated targets: the envelopes that are in force         tuf_targets.c
 *
 * Everything is named with version, length and SHA-256. The delegation is one, terminating, of exactly one pattern:
 * patterns of any other form are not understood and thus refused. Members of `signed` that nobody knows are covered by
 * the signature and ignored (TUF 1.0 section 4.1); inside of what is listed nothing unknown is allowed but `custom`.
 *
 * `_load` verifies first and reads what the file says afterwards. Expiry and versions are the caller's to compare
 * (trust/updater.h does). `_build` writes the one byte form: equal input gives an equal `signed` part, and, Ed25519
 * being deterministic, equal bytes with Ed25519 keys.
 *
 * Thread: parsed values are immutable and may be shared. Ownership: `_free` frees; the others are plain values.
 */
#ifndef SAL_TRUST_TUF_ROLES_H
#define SAL_TRUST_TUF_ROLES_H

#include "model/campaign.h"
#include "trust/tuf.h"

#define SAL_TUF_POLICY_PATH "policy/trust-policy.json"
#define SAL_TUF_CAMPAIGNS_PATTERN "campaigns/*"

enum {
        /* how long each is valid, from its signing on; the root's is in trust/tuf.h */
        SAL_TUF_TARGETS_DAYS = 365,
        SAL_TUF_CAMPAIGNS_DAYS = 7,
        SAL_TUF_SNAPSHOT_DAYS = 7,
        SAL_TUF_TIMESTAMP_DAYS = 1,
        /* limits */
        SAL_TUF_TIMESTAMP_MAX_BYTES = 64 * 1024,
        SAL_TUF_SNAPSHOT_MAX_BYTES = 64 * 1024,
        SAL_TUF_MAX_CAMPAIGNS = 100 /* in force at a time */
};

/* The highest version of any metadata. */
#define SAL_TUF_VERSION_MAX INT64_C(2147483647)

/* One metadata file as another one names it. */
struct sal_tuf_meta {
        int64_t version; /* 1..2^31-1; 0: not named */
        int64_t length;  /* bytes, 1..512 KiB */
        char sha256[SAL_SHA256_HEX_BYTES];
};

struct sal_tuf_timestamp {
        int64_t version;
        int64_t expires_ms;
        struct sal_tuf_meta snapshot;
};

struct sal_tuf_snapshot {
        int64_t version;
        int64_t expires_ms;
        struct sal_tuf_meta targets;
        struct sal_tuf_meta campaigns;
};

struct sal_tuf_target {
        char path[SAL_TARGET_PATH_BYTES];
        int64_t length; /* bytes */
        char sha256[SAL_SHA256_HEX_BYTES];
};

struct sal_tuf_targets {
        int64_t version;
        int64_t expires_ms;
        struct sal_tuf_target policy;
        struct sal_tuf_role campaigns; /* who signs for the delegation */
};

struct sal_tuf_campaigns {
        int64_t version;
        int64_t expires_ms;
        size_t count;
        struct sal_tuf_target targets[SAL_TUF_MAX_CAMPAIGNS]; /* by path, ascending */
};

/* What a new targets file says. The policy is named by its bytes. `expires_ms` is cut to whole seconds. */
struct sal_tuf_targets_spec {
        int64_t version;
        int64_t expires_ms;
        const char *policy;
        size_t policy_len;
        const struct sal_public_key *const *keys; /* of the delegation */
        size_t key_count;
        int threshold;
};

/* ---- reading ----
 * Parse as sal_tuf_document_parse does, verify with `role`, then read strictly. Errors: as sal_tuf_document_parse;
 * SAL_E_UNTRUSTED (signatures), SAL_E_FORBIDDEN (lists or delegates what is not its own), each with the pointer. */

/* `meta` holds snapshot.json and nothing else. */
enum sal_status sal_tuf_timestamp_load(const char *bytes, size_t len, const struct sal_tuf_role *role,
                                       struct sal_tuf_timestamp *ret, struct sal_err *reterr);
/* `meta` holds nothing but targets.json and campaigns.json. One that is missing has version 0: whether it may be is the
 * caller's question. */
enum sal_status sal_tuf_snapshot_load(const char *bytes, size_t len, const struct sal_tuf_role *role,
                                      struct sal_tuf_snapshot *ret, struct sal_err *reterr);
/* Exactly one target, the policy; exactly one delegation, as above, with key objects as strict as the root's. */
enum sal_status sal_tuf_targets_load(const char *bytes, size_t len, const struct sal_tuf_role *role,
                                     struct sal_tuf_targets **ret, struct sal_err *reterr);
/* `role` is the `campaigns` of the targets. Every path is "campaigns/<id>-<version>.json"; no further delegation. */
enum sal_status sal_tuf_campaigns_load(const char *bytes, size_t len, const struct sal_tuf_role *role,
                                       struct sal_tuf_campaigns **ret, struct sal_err *reterr);

/* NULL is allowed. */
void sal_tuf_targets_free(struct sal_tuf_targets *targets);
SAL_DEFINE_CLEANUP(sal_tuf_targets, sal_tuf_targets_free)
void sal_tuf_campaigns_free(struct sal_tuf_campaigns *campaigns);
SAL_DEFINE_CLEANUP(sal_tuf_campaigns, sal_tuf_campaigns_free)

/* The entry of a path, or NULL. Borrowed. */
const struct sal_tuf_target *sal_tuf_campaigns_find(const struct sal_tuf_campaigns *campaigns, const char *path);

/* True for "campaigns/<id>-<version>.json" with a valid id and version, as sal_campaign_target_path writes it. */
bool sal_tuf_campaign_path_valid(const char *path);

/* Version, length and digest of these bytes. */
struct sal_tuf_meta sal_tuf_meta_of(int64_t version, const char *bytes, size_t len);

/* ---- writing ----
 * Sign and append the file. What they append can be read by the function above of the same name, else nothing is
 * written. That the signers reach the role's threshold is the caller's to see to: several people may sign in turn.
 * Errors: SAL_E_INVALID with the pointer, SAL_E_FORBIDDEN, SAL_E_INTERNAL, SAL_E_NOMEM. `expires_ms` is cut to whole
 * seconds. */
enum sal_status sal_tuf_timestamp_build(const struct sal_tuf_timestamp *timestamp,
                                        const struct sal_private_key *const *signers, size_t signer_count,
                                        struct sal_buf *out, struct sal_err *reterr);
/* A meta of version 0 is not named. */
enum sal_status sal_tuf_snapshot_build(const struct sal_tuf_snapshot *snapshot,
                                       const struct sal_private_key *const *signers, size_t signer_count,
                                       struct sal_buf *out, struct sal_err *reterr);
enum sal_status sal_tuf_targets_build(const struct sal_tuf_targets_spec *spec,
                                      const struct sal_private_key *const *signers, size_t signer_count,
                                      struct sal_buf *out, struct sal_err *reterr);
/* The order of `targets` does not matter. */
enum sal_status sal_tuf_campaigns_build(const struct sal_tuf_campaigns *campaigns,
                                        const struct sal_private_key *const *signers, size_t signer_count,
                                        struct sal_buf *out, struct sal_err *reterr);

#endif
