/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judgement on a campaign: nothing that a server or a folder says makes the client act. Its bytes are those that
 * verified metadata lists (metadata.h saw to that); here it is admitted by the rules that the server's signer has too
 * (trust/admission.h: authors by class, trust domain, name, revocation, expiry), and then held against this machine:
 * is it meant for this time, for this reason to ask, for these facts?
 *
 * Thread: any. Ownership: everything is borrowed; a judged campaign has one reference, the caller's.
 */
#ifndef SAL_RECOVER_JUDGE_H
#define SAL_RECOVER_JUDGE_H

#include "trust/admission.h"

enum { SAL_NOT_BEFORE_TOLERANCE_MS = 3600 * 1000 };

enum sal_verdict {
        SAL_VERDICT_YES,
        SAL_VERDICT_UNFIT,     /* not admitted, or not valid yet: it is refused */
        SAL_VERDICT_ELSEWHERE, /* a good campaign, but a drill or none, or for machines with other facts */
        SAL_VERDICT_UNKNOWN,   /* no memory */
};

/* What it is judged by. */
struct sal_judge {
        const struct sal_policy *policy;
        const char *trust_domain;
        const char *reason;            /* to ask: "boot_failure", "requested", "drill" */
        const struct sal_facts *facts; /* those that a poll tells; NULL: none */
        int64_t now_ms;                /* the client's time */
};

/* May the campaign under this target path be carried out here and now? *ret is set with SAL_VERDICT_YES only, else
 * reterr says why not. */
enum sal_verdict sal_judge_campaign(const struct sal_judge *judge, const char *path, const char *bytes, size_t len,
                                    struct sal_campaign **ret, struct sal_err *reterr);

#endif
