/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine plane: enroll, poll, report.
 *
 * Threads: sal_poll_fast is for the workers (it touches the snapshot and the filter only); the functions that take a
 * struct sal_tx run on the ledger's thread. Ownership: requests own what their _done frees; results likewise.
 */
#ifndef SAL_SERVICE_MACHINE_PLANE_H
#define SAL_SERVICE_MACHINE_PLANE_H

#include "service/service.h"

/* Who asks, as far as the worker could check without a look-up. */
enum sal_identity_kind { SAL_IDENTITY_NONE, SAL_IDENTITY_TOKEN, SAL_IDENTITY_CERTIFICATE };
struct sal_identity {
        enum sal_identity_kind kind;
        int64_t generation; /* of the machine token */
};

/* One report, alone or in a poll. */
struct sal_report {
        bool valid;        /* false: answered as not accepted */
        char offer_id[24]; /* as it came, for the answer; "" when it was none */
        int64_t offer_row;
        /* An outcome without an offer, applied from a bundle: what was applied. "" for a report about an offer. */
        char campaign[SAL_CAMPAIGN_ID_BYTES];
        int64_t version;
        char target_sha256[65]; /* of the envelope */
        enum sal_offer_event event;
        char stage[16];
        char boot_id[SAL_BOOT_ID_BYTES];
        char *actions; /* JSON text, or NULL */
        char *log;     /* tail of at most SAL_LOG_TAIL_MAX_BYTES, or NULL */
        /* Answer. */
        bool accepted;
        const char *state; /* static text */
};

struct sal_poll {
        char machine_id[SAL_MACHINE_ID_BYTES];
        char boot_id[SAL_BOOT_ID_BYTES];
        int64_t arrived_ms; /* unix_ms */
        enum sal_poll_reason reason;
        struct sal_facts *facts;
        char *facts_text;
        bool volume_locked;
        bool can_healthy;
        struct sal_identity identity;
        size_t report_count;
        struct sal_report reports[SAL_POLL_REPORTS_MAX];
        bool reports_taken; /* by an earlier visit to the ledger: a held poll comes back without them */
        bool waits;         /* it will be held unless it gets an offer: worth finding out for whose slot it waits */
        struct sal_limits *asked; /* the ledger said whether its labels fit these; a reference, or NULL */
        /* Answer. */
        struct sal_answer answer;
        char detail[160];
        bool stale;        /* a poll of a boot that is over: nothing is gained by holding it */
        int64_t offer_row; /* 0: none */
        int64_t attempt;
        struct sal_launch *launch;    /* of the offer; a reference */
        struct sal_launch *waits_for; /* with in_flight_cap: whose slot it waits for; a reference. NULL: nobody's, or
                                       * only the ledger would know */
};

void sal_poll_done(struct sal_poll *poll);
void sal_report_done(struct sal_report *report);

/* Answers from the snapshot when it can: true, and poll->answer is set. False: the poll has to go to the ledger. A slot
 * that was claimed on the way stays claimed until the next commit. Any worker. */
bool sal_poll_fast(struct sal_service *service, const struct sal_snapshot *snapshot, struct sal_poll *poll,
                   int64_t now_ms);

/* Ledger's thread: reports, settling, decision, offer. Errors: SAL_E_UNAUTHENTICATED, and those of the store. */
enum sal_status sal_poll_run(struct sal_service *service, struct sal_tx *tx, struct sal_poll *poll,
                             struct sal_err *reterr);

/* What a poll that was answered by the snapshot leaves behind: last seen, facts, standing. */
struct sal_touch {
        char machine_id[SAL_MACHINE_ID_BYTES];
        char boot_id[SAL_BOOT_ID_BYTES];
        char *facts_text;
        struct sal_identity identity;
        enum sal_poll_reason reason;
        bool volume_locked;
        enum sal_reason answer;
        int64_t at_ms;
};
enum sal_status sal_touch_run(struct sal_service *service, struct sal_tx *tx, const struct sal_touch *touch);

/* One report of one machine. Errors: SAL_E_UNAUTHENTICATED, SAL_E_NOT_FOUND (no such offer of this machine; no such
 * campaign). */
enum sal_status sal_report_run(struct sal_service *service, struct sal_tx *tx, const char *machine_id,
                               const struct sal_identity *identity, struct sal_report *report, struct sal_err *reterr);

struct sal_enrollment {
        char token_sha256[65]; /* of the enrollment token */
        char machine_id[SAL_MACHINE_ID_BYTES];
        char *facts_text; /* or NULL */
        /* Answer. */
        char machine_token[SAL_MACHINE_TOKEN_BYTES];
};
/* Errors: SAL_E_UNAUTHENTICATED (token unknown, expired, used up), SAL_E_FORBIDDEN (bound to another machine),
 * SAL_E_CONFLICT (the machine holds a token that it has used). */
enum sal_status sal_enroll_run(struct sal_service *service, struct sal_tx *tx, struct sal_enrollment *enrollment,
                               struct sal_err *reterr);

/* Seconds after which to ask again: the configured time, longer under load, with jitter of a quarter. Any thread. */
int64_t sal_poll_after_seconds(const struct sal_service *service);

#endif
