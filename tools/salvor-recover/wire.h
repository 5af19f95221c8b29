/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine plane as the client speaks it: the poll that it sends and the answer that it reads. Pure. Members that
 * this version does not know are ignored, values that it uses are bounded.
 *
 * Thread: one at a time. Ownership: an answer owns its JSON tree; its strings point into it.
 */
#ifndef SAL_RECOVER_WIRE_H
#define SAL_RECOVER_WIRE_H

#include "model/facts.h"
#include "salvor-recover/work.h"

enum {
        SAL_ANSWER_MAX_BYTES = 256 * 1024,
        SAL_POLL_REPORTS_BYTES = 40 * 1024, /* of stored reports in one poll, whose whole may have 64 KiB */
        SAL_POLL_AFTER_MIN_SECONDS = 1,
        SAL_POLL_AFTER_MAX_SECONDS = 3600,
        SAL_GIVE_UP_MIN_SECONDS = 60,
        SAL_GIVE_UP_MAX_SECONDS = 7 * 86400,
        SAL_POLL_AFTER_DEFAULT_SECONDS = 60,
        SAL_GIVE_UP_DEFAULT_SECONDS = 14400,
};

enum sal_directive { SAL_DIRECTIVE_NONE, SAL_DIRECTIVE_WAIT, SAL_DIRECTIVE_APPLY };

struct sal_answer {
        json_t *tree;
        enum sal_directive directive;
        const char *reason, *detail;                       /* "" when missing */
        const char *offer_id, *campaign, *target, *sha256; /* with SAL_DIRECTIVE_APPLY only */
        int64_t version, length;
        int64_t poll_after_seconds, give_up_after_seconds;
        int64_t server_time_ms; /* -1: none was given */
};

#define sal_autoanswer __attribute__((cleanup(sal_answer_done)))

/* Reads the answer of POST /v1/poll. Errors: SAL_E_MALFORMED, SAL_E_INVALID, SAL_E_NOMEM. */
enum sal_status sal_answer_parse(const char *bytes, size_t len, struct sal_answer *ret, struct sal_err *reterr);
void sal_answer_done(struct sal_answer *answer); /* NULL is allowed */

/* The raw text of a target that came with the answer, or NULL. Borrowed. */
const char *sal_answer_file(const struct sal_answer *answer, const char *target, size_t *ret_len);

/* The raw text of a metadata file (by its served name) that came with the answer, or NULL. Borrowed. */
const char *sal_answer_metadata(const struct sal_answer *answer, const char *name, size_t *ret_len);

/* True when the answer has `metadata` and nothing in it: nothing is newer than what the poll's `have` named. */
bool sal_answer_says_no_news(const struct sal_answer *answer);

/* "none" "wait" "apply". */
const char *sal_directive_name(enum sal_directive directive);

/* True when item `index` of the poll's reports was answered, for this offer. */
bool sal_answer_has_report(const struct sal_answer *answer, size_t index, const char *offer_id);

/* What a poll says. */
struct sal_poll_says {
        const char *machine_id, *boot_id, *reason;
        const struct sal_facts *facts;
        json_t *have;         /* sal_metadata_have */
        json_t *reports;      /* an array */
        bool reports_healthy; /* the full system will say that it is up: `can` */
};

/* The body of POST /v1/poll; everything is borrowed. Handed over; NULL without memory. */
char *sal_poll_body(const struct sal_poll_says *says);

#endif
