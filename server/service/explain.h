/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explanation: what a poll of one machine would be answered now, by each live campaign and over all of them, with the
 * numbers that this rests on. explain.c gathers it, explain_view.c shows it as JSON. Private to service/.
 *
 * Thread: the ledger's. Ownership: an explanation owns what it gathered until sal_explanation_done; its machine and act
 * are borrowed.
 */
#ifndef SAL_SERVICE_EXPLAIN_H
#define SAL_SERVICE_EXPLAIN_H

#include "rollout/words.h"
#include "service/admin.h"
#include "service/survey.h"

/* One offer in words, with room for its id. */
struct sal_explained_offer {
        struct sal_words_offer words;
        char id[24];
        char campaign[SAL_CAMPAIGN_ID_BYTES];
};

/* One live campaign; `why` points into the rest. */
struct sal_explained {
        struct sal_why why;
        struct sal_live *live;
        struct sal_selector_why mismatch;
        struct sal_explained_offer own, holds;
        struct sal_words_decision decision;
        json_t *decision_json; /* as it was journaled; the decision's texts are its */
        char cohort[SAL_COHORT_NAME_BYTES];
};

struct sal_explanation {
        const struct sal_act *act;
        const struct sal_machine *machine;
        struct sal_facts *facts;
        struct sal_survey survey;
        struct sal_answer answer;
        struct sal_explained *campaigns; /* survey.count of them, by rank */
        int64_t pending_budget;          /* offers under way that may still be read one by one */
        int64_t now_ms;
};

/* Gathers everything; done even when it fails. */
enum sal_status sal_explanation_gather(const struct sal_act *act, const struct sal_machine *machine,
                                       struct sal_explanation *ret);
void sal_explanation_done(struct sal_explanation *explanation);

/* When an offer's timer ends, as unix_ms; 0: it has none, or the time of its campaign stands still. */
int64_t sal_explained_due_ms(const struct sal_act *act, const struct sal_offer *offer);

/* The whole as JSON. A new reference, NULL without memory. */
json_t *sal_explanation_view(const struct sal_explanation *explanation);

#endif
