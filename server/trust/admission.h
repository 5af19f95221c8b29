/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this envelope be in force under this name? One answer for the signer, which lists nothing that its authors did
 * not sign, and for everyone who checks a listed target: envelope, signatures of different authors by class, trust
 * domain, name, revocation, expiry.
 *
 * Thread: any. Ownership: everything is borrowed; a campaign that comes back is handed over.
 */
#ifndef SAL_TRUST_ADMISSION_H
#define SAL_TRUST_ADMISSION_H

#include "trust/dsse.h"
#include "trust/policy.h"

enum sal_admission {
        SAL_ADMIT_YES,
        SAL_ADMIT_ENVELOPE,     /* no readable envelope of the right payload type */
        SAL_ADMIT_SIGNATURES,   /* no known author signed it, or not enough different ones for a class */
        SAL_ADMIT_PAYLOAD,      /* signed, and yet no valid campaign */
        SAL_ADMIT_TRUST_DOMAIN, /* signed for another one */
        SAL_ADMIT_NAME,         /* another campaign's envelope, or another version's */
        SAL_ADMIT_REVOKED,
        SAL_ADMIT_EXPIRED,
        SAL_ADMIT_TWICE,    /* another version of the same campaign stands in the list already */
        SAL_ADMIT_TOO_MANY, /* the list is full */
        SAL_ADMIT_INTERNAL, /* no memory */
        SAL_ADMISSIONS      /* how many there are */
};

/* "yes", "envelope", "signatures" and so on: one slug each, for logs. */
const char *sal_admission_text(enum sal_admission admission);

struct sal_admission_rules {
        const struct sal_policy *policy;
        const char *trust_domain; /* hex SHA-256 of 1.root.json */
        int64_t now_ms;           /* wall time; a campaign whose `expires` it has reached is refused */
};

/* Judges the bytes of an envelope under a target path. The author signatures are verified before the payload is parsed.
 * ret_campaign (which may be NULL) is set with SAL_ADMIT_YES only. Never gives TWICE or TOO_MANY: those are matters of
 * a list. */
enum sal_admission sal_admit(const struct sal_admission_rules *rules, const char *path, const char *bytes, size_t len,
                             struct sal_campaign **ret_campaign, struct sal_err *reterr);

#endif
