/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of a rescue share: rescue.c (polls and the loop), offer.c (one campaign: from its listing to its
 * outcome), offline.c (a bundle in the place of the server).
 *
 * Thread: one. Ownership: a rescue owns its parts.
 */
#ifndef SAL_RECOVER_RESCUE_INTERNAL_H
#define SAL_RECOVER_RESCUE_INTERNAL_H

#include "salvor-recover/bundle.h"
#include "salvor-recover/courier.h"
#include "salvor-recover/job.h"
#include "salvor-recover/metadata.h"
#include "salvor-recover/rescue.h"

/* One run. */
struct sal_rescue {
        const struct sal_rescue_options *options;
        struct sal_store *store;
        struct sal_tree *tree;
        struct sal_net *net;       /* NULL with a bundle */
        struct sal_bundle *bundle; /* NULL without */
        struct sal_metadata *metadata;
        struct sal_facts *facts;
        struct sal_job job;
        struct sal_courier courier;
        struct sal_rescue_result result;
        int64_t now_ms;                      /* the client's time, as of the last answer */
        int64_t started_ms, give_up_seconds; /* monotonic; */
        int64_t checked_ms;                  /* monotonic: the server's own timestamp was verified; -1: never */
        int64_t pause_seconds, back_off_seconds;
        int tries;
        bool clocks_compared; /* a difference was told */
};

/* What one round of the loop came to. */
enum sal_round {
        SAL_ROUND_SETTLED,
        SAL_ROUND_IDLE,
        SAL_ROUND_RETRY,  /* not now; the server says when */
        SAL_ROUND_UNABLE, /* what is signed was refused, or came too slowly */
        SAL_ROUND_UNREACHABLE,
        SAL_ROUND_DENIED,
};

/* The client's time now; server_ms is -1 where none told it. */
int64_t sal_rescue_time_ms(const struct sal_rescue *rescue, int64_t server_ms);

/* Sets the result (printf). */
void sal_rescue_say(struct sal_rescue *rescue, const char *outcome, enum sal_exit code, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Logs and sets the outcome of a campaign. */
void sal_rescue_settled(struct sal_rescue *rescue, const struct sal_job_offer *offer, enum sal_outcome outcome,
                        const char *why);

/* Something signed could not be had or was refused: nothing is touched and nothing reported. */
enum sal_round sal_rescue_unable(struct sal_rescue *rescue, const struct sal_unable *unable,
                                 const struct sal_err *cause);

/* A campaign cannot be settled now. Nothing was touched and nothing is reported: the next poll will tell. */
enum sal_round sal_rescue_not_now(struct sal_rescue *rescue, const char *what, const struct sal_err *cause);

/* Carries a judged campaign out. */
enum sal_round sal_rescue_carry_out(struct sal_rescue *rescue, const struct sal_job_offer *offer,
                                    const struct sal_campaign *campaign);

/* Takes the offer of a poll's answer, after a complete update. */
enum sal_round sal_rescue_take_offer(struct sal_rescue *rescue, const struct sal_answer *answer,
                                     const struct sal_source *source);

/* Runs with the bundle, to the result. */
void sal_rescue_offline(struct sal_rescue *rescue);

#endif
