/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the trust of this server stands: what expires when, and what a person should see to. One source for the log,
 * /readyz, metrics, GET /trust and salvorctl status.
 *
 * Thread: any, unless said otherwise. Ownership: plain values; texts are borrowed for the call.
 */
#ifndef SAL_SERVICE_TRUST_STATUS_H
#define SAL_SERVICE_TRUST_STATUS_H

#include "service/engine.h"
#include "service/publication.h"

enum {
        SAL_TRUST_WARNING_TEXT_BYTES = SAL_ERR_DETAIL_BYTES + 64, /* no cause is cut: JSON takes no half character */
        /* The online roles are renewed by the server itself: less than this left means that it does not work. */
        SAL_TRUST_TIMESTAMP_WARNING_HOURS = 12,
        SAL_TRUST_ONLINE_WARNING_HOURS = 72, /* snapshot and campaigns */
};

struct sal_trust_expiry {
        const char *role; /* "root" "targets" "snapshot" "timestamp" "campaigns"; static text */
        int64_t version;  /* 0: there is none yet */
        int64_t expires_ms;
};

/* Every role, in the order of enum sal_tuf_file: as it is public now, and before there is a publication as the ledger's
 * thread holds it (which then has to be the caller). */
void sal_trust_expiries(struct sal_service *service, struct sal_trust_expiry ret[static SAL_TUF_FILES]);

/* What a person should see to. */
struct sal_trust_warning {
        const char *event;    /* "trust.expires", "trust.expired", "trust.key_online", "publication.failing" or
                               "trust.not_allowed" */
        const char *subject;  /* the role, "", or "<id>@<version>" */
        int64_t seconds_left; /* of expiry; else 0 */
        char text[SAL_TRUST_WARNING_TEXT_BYTES]; /* a sentence, with what mends it */
};

/* Calls each(arg, warning) for all there are: root and targets SAL_TRUST_EXPIRY_WARNING_DAYS ahead, online roles that
 * are not renewed, a key that is online and offline at once, a publication that fails, live campaigns that the trust
 * policy does not allow any more. */
void sal_trust_each_warning(struct sal_service *service, int64_t now_ms,
                            void (*each)(void *arg, const struct sal_trust_warning *warning), void *arg);

/* The ledger's thread: notes for the log which of root and targets of this store expire soon. */
void sal_trust_note_expiry(struct sal_engine *engine, const struct sal_trust_store *store, int64_t now_ms);

/* The texts alone, as a JSON array; NULL without memory. A new reference. */
json_t *sal_trust_warning_texts(struct sal_service *service, int64_t now_ms);

/* Sets salvor_trust_expires_seconds{role}: seconds until then, negative: so long ago; and salvor_trust_version{role}.
 * To be called before metrics are written, so that the numbers are of now. */
void sal_trust_metrics_update(struct sal_service *service, int64_t now_ms);

/* The ledger's thread: asks of every live campaign whether the policy in force allows it, bars those that it does not
 * (nothing is offered from then on, whatever is published), and lets the others be again. */
void sal_trust_judge_live(struct sal_engine *engine, int64_t now_ms);
/* The same for one. */
void sal_trust_judge_one(struct sal_engine *engine, struct sal_live *live, int64_t now_ms);

#endif
