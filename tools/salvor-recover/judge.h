/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judgement on what a server offers: nothing that a server says makes the client act. The bytes must be those that
 * were offered, the envelope must carry enough signatures of authors of the pinned policy, and only then is the payload
 * read; it must be meant for this trust domain, this name, this time and this machine.
 *
 * Thread: one. Ownership: the trust owns root digest and policy; a judged campaign has one reference, the caller's.
 */
#ifndef SAL_RECOVER_JUDGE_H
#define SAL_RECOVER_JUDGE_H

#include "model/campaign.h"
#include "trust/policy.h"

enum {
        SAL_ROOT_MAX_BYTES = 512 * 1024,
        SAL_TARGET_MAX_BYTES = 512 * 1024, /* 256 KiB of payload as base64, and its signatures */
        SAL_NOT_BEFORE_TOLERANCE_MS = 3600 * 1000,
};

struct sal_trust {
        char domain[SAL_SHA256_HEX_BYTES]; /* hex SHA-256 of the pinned root's bytes */
        struct sal_policy *policy;
};

/* Loads both pinned files. Errors: SAL_E_CONFIG naming the file and what is wrong with it, SAL_E_NOMEM. */
enum sal_status sal_trust_load(const char *root_path, const char *policy_path, struct sal_trust *ret,
                               struct sal_err *reterr);
void sal_trust_done(struct sal_trust *trust); /* NULL is allowed */

/* What was offered, and to whom. */
struct sal_judge_offer {
        const char *campaign;
        int64_t version;
        const char *target; /* "campaigns/<id>-<version>.json" */
        const char *sha256; /* of the target's bytes */
        int64_t length;
        const char *reason;            /* of the poll: "boot_failure", "requested", "drill" */
        const struct sal_facts *facts; /* of the poll; NULL: none */
        int64_t now_ms;                /* the client's time */
};

/* Are these the bytes that were offered? Errors: SAL_E_UNTRUSTED, which counts as a target that could not be fetched.
 */
enum sal_status sal_judge_bytes(const struct sal_judge_offer *offer, const char *bytes, size_t len,
                                struct sal_err *reterr);

/* May this campaign be carried out here and now? Errors: SAL_E_UNTRUSTED (signatures, policy, revoked, another trust
 * domain or name), SAL_E_REFUSED (time, drill, match), SAL_E_MALFORMED, SAL_E_INVALID, SAL_E_TOO_LARGE (what was signed
 * is no campaign that this version understands), SAL_E_NOMEM. All but the last: the offer is to be refused. */
enum sal_status sal_judge_campaign(const struct sal_trust *trust, const struct sal_judge_offer *offer,
                                   const char *bytes, size_t len, struct sal_campaign **ret, struct sal_err *reterr);

#endif
