/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/replay_state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sal_replay *sal_replay_new(void) {
        return calloc(1, sizeof(struct sal_replay));
}

static void free_campaign(struct replay_campaign *campaign) {
        sal_tally_free(campaign->tally);
        sal_limits_unref(campaign->limits);
        free(campaign->what);
        free(campaign);
}

void sal_replay_free(struct sal_replay *replay) {
        if (!replay)
                return;
        for (size_t i = 0; i < replay->campaign_count; i++)
                free_campaign(replay->campaigns[i]);
        free(replay->campaigns);
        free(replay->offers);
        free(replay->firsts);
        free(replay);
}

void sal_replay_on_disagreement(struct sal_replay *replay, sal_replay_disagreement_fn *fn, void *arg) {
        replay->fn = fn;
        replay->fn_arg = arg;
}

void replay_disagree(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                     const char *format, ...) {
        char words[REPLAY_WORDS_BYTES + SAL_ERR_DETAIL_BYTES];
        va_list args;
        va_start(args, format);
        vsnprintf(words, sizeof words, format, args);
        va_end(args);
        campaign->standing = REPLAY_LOST;
        campaign->what = strdup(words);
        campaign->what_seq = event->seq;
        campaign->what_at_ms = event->at_ms;
        replay->sums.disagreements++;
        if (replay->fn)
                replay->fn(replay->fn_arg, event, words);
}

/* ---- campaigns ---- */

/* FNV-1a. */
static size_t bucket_of(const char *id, int64_t version) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)version;
        for (; *id; id++)
                hash = (hash ^ (uint8_t)*id) * UINT64_C(0x100000001b3);
        return (size_t)(hash % REPLAY_BUCKETS);
}

static struct replay_campaign *add_campaign(struct sal_replay *replay, const char *id, int64_t version, size_t bucket) {
        if (replay->campaign_count == replay->campaign_capacity) {
                size_t capacity = replay->campaign_capacity ? 2 * replay->campaign_capacity : 16;
                struct replay_campaign **grown = realloc(replay->campaigns, capacity * sizeof *grown);
                if (!grown)
                        return NULL;
                replay->campaigns = grown;
                replay->campaign_capacity = capacity;
        }
        struct replay_campaign *campaign = calloc(1, sizeof *campaign);
        if (!campaign)
                return NULL;
        campaign->index = (uint32_t)replay->campaign_count;
        campaign->version = version;
        campaign->next = replay->buckets[bucket];
        snprintf(campaign->id, sizeof campaign->id, "%s", id);
        replay->buckets[bucket] = campaign;
        replay->campaigns[replay->campaign_count++] = campaign;
        return campaign;
}

/* The campaign that the event is about; NULL without memory. */
static struct replay_campaign *campaign_of(struct sal_replay *replay, const struct sal_event *event) {
        size_t bucket = bucket_of(event->campaign, event->version);
        for (struct replay_campaign *c = replay->buckets[bucket]; c; c = c->next)
                if (c->version == event->version && strcmp(c->id, event->campaign) == 0)
                        return c;
        return add_campaign(replay, event->campaign, event->version, bucket);
}

/* ---- events ---- */

static enum sal_status check_seq(struct sal_replay *replay, const struct sal_event *event, struct sal_err *reterr) {
        if (replay->last_seq && event->seq != replay->last_seq + 1) {
                enum sal_status status =
                        sal_fail_at(reterr, SAL_E_INVALID, "/seq", "event %" PRId64 " comes after event %" PRId64,
                                    event->seq, replay->last_seq);
                sal_err_hint(reterr, "a journal has no gaps: give it whole, its parts in their order");
                return status;
        }
        if (!replay->first_seq)
                replay->first_seq = event->seq;
        replay->last_seq = event->seq;
        replay->last_at_ms = event->at_ms;
        replay->sums.events++;
        replay->sums.offers += event->type == SAL_JOURNAL_OFFER;
        replay->sums.decisions += event->type == SAL_JOURNAL_DECISION;
        return SAL_OK;
}

/* What has to come next, does: a decision that is due stands right behind its cause. */
static bool is_in_turn(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event) {
        bool decision = event->type == SAL_JOURNAL_DECISION;
        if (campaign->acting && !decision) {
                replay_disagree(replay, campaign, event,
                                "the state at seq %" PRId64 " has no decision behind it: an event \"%s\" follows",
                                campaign->acting_seq, sal_journal_type_name(event->type));
                return false;
        }
        if (!campaign->due.verdict || decision ||
            (campaign->due.verdict == SAL_VERDICT_HALT && event->type == SAL_JOURNAL_STATE))
                return true;
        char words[REPLAY_WORDS_BYTES];
        replay_due_words(campaign, words);
        replay_disagree(replay, campaign, event, "missing: %s; instead an event \"%s\" follows", words,
                        sal_journal_type_name(event->type));
        return false;
}

bool replay_knows_start(const struct sal_replay *replay, const struct replay_campaign *campaign) {
        return replay->first_seq == 1 || campaign->born;
}

void replay_miss_start(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event) {
        if (replay_knows_start(replay, campaign)) {
                replay_disagree(replay, campaign, event, "an event \"%s\" of a campaign that was never started",
                                sal_journal_type_name(event->type));
                return;
        }
        campaign->standing = REPLAY_UNJUDGED;
}

static enum sal_status dispatch(struct sal_replay *replay, struct replay_campaign *campaign,
                                const struct sal_event *event, struct sal_err *reterr) {
        switch (event->type) {
        case SAL_JOURNAL_OFFER:
                return replay_offer_made(replay, campaign, event, reterr);
        case SAL_JOURNAL_STATE:
                return replay_state(replay, campaign, event, reterr);
        case SAL_JOURNAL_DECISION:
                return replay_decision(replay, campaign, event, reterr);
        case SAL_JOURNAL_ADMIN:
                return replay_admin(replay, campaign, event, reterr);
        case SAL_JOURNAL_REPORT:
                return SAL_OK; /* what it changes comes as an event of its own */
        default:
                return replay_offer_changed(replay, campaign, event, reterr);
        }
}

/* Acts may be about the server; a report may be of what the server never offered. */
static enum sal_status of_no_campaign(struct sal_replay *replay, const struct sal_event *event,
                                      struct sal_err *reterr) {
        if (event->type == SAL_JOURNAL_REPORT)
                return SAL_OK;
        if (event->type == SAL_JOURNAL_ADMIN && !event->campaign && !event->version)
                return replay_admin(replay, NULL, event, reterr);
        return sal_fail_at(reterr, SAL_E_INVALID, event->campaign ? "/version" : "/campaign",
                           "event %" PRId64 ": an event \"%s\" needs its campaign and version", event->seq,
                           sal_journal_type_name(event->type));
}

enum sal_status sal_replay_event(struct sal_replay *replay, const struct sal_event *event, struct sal_err *reterr) {
        enum sal_status status = check_seq(replay, event, reterr);
        if (status)
                return status;
        if (!event->campaign || !event->version)
                return of_no_campaign(replay, event, reterr);
        struct replay_campaign *campaign = campaign_of(replay, event);
        if (!campaign)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a further campaign");
        campaign->offers += event->type == SAL_JOURNAL_OFFER;
        campaign->decisions += event->type == SAL_JOURNAL_DECISION;
        if (campaign->standing == REPLAY_LOST || campaign->standing == REPLAY_UNJUDGED)
                return SAL_OK;
        if (campaign->standing == REPLAY_UNSTARTED && event->type != SAL_JOURNAL_STATE &&
            event->type != SAL_JOURNAL_DECISION && event->type != SAL_JOURNAL_ADMIN &&
            event->type != SAL_JOURNAL_REPORT) {
                replay_miss_start(replay, campaign, event);
                return SAL_OK;
        }
        if (!is_in_turn(replay, campaign, event))
                return SAL_OK;
        status = dispatch(replay, campaign, event, reterr);
        if (status == SAL_E_NOMEM)
                return sal_fail(reterr, status, "no memory for event %" PRId64, event->seq);
        return status;
}

enum sal_status sal_replay_end(struct sal_replay *replay, struct sal_err *reterr) {
        if (!replay->last_seq)
                return sal_fail(reterr, SAL_E_INVALID, "there is not one event");
        for (size_t i = 0; i < replay->campaign_count; i++) {
                struct replay_campaign *campaign = replay->campaigns[i];
                const struct sal_event last = {.seq = replay->last_seq,
                                               .at_ms = replay->last_at_ms,
                                               .type = SAL_JOURNAL_DECISION,
                                               .campaign = campaign->id,
                                               .version = campaign->version};
                if (campaign->standing == REPLAY_UNSTARTED && campaign->state == SAL_CAMPAIGN_ACTIVE)
                        campaign->standing = REPLAY_UNJUDGED; /* it may have been a resume: nothing behind it tells */
                if (campaign->standing != REPLAY_JUDGED)
                        continue;
                char words[REPLAY_WORDS_BYTES];
                if (campaign->due.verdict) {
                        replay_due_words(campaign, words);
                        replay_disagree(replay, campaign, &last, "missing: %s; the journal ends instead", words);
                } else if (campaign->acting) {
                        replay_disagree(replay, campaign, &last,
                                        "the state at seq %" PRId64 " has no decision behind it: the journal ends",
                                        campaign->acting_seq);
                }
        }
        return SAL_OK;
}

void sal_replay_sums(const struct sal_replay *replay, struct sal_replay_sums *ret) {
        *ret = replay->sums;
        for (size_t i = 0; i < replay->campaign_count; i++) {
                enum replay_standing standing = replay->campaigns[i]->standing;
                ret->campaigns += standing != REPLAY_UNSTARTED;
                ret->unjudged += standing == REPLAY_UNJUDGED;
        }
        sal_hex_encode(replay->digest, sizeof replay->digest, ret->digest);
}

void sal_replay_each(const struct sal_replay *replay,
                     void (*each)(void *arg, const struct sal_replay_campaign *campaign), void *arg) {
        for (size_t i = 0; i < replay->campaign_count; i++) {
                const struct replay_campaign *campaign = replay->campaigns[i];
                bool lost = campaign->standing == REPLAY_LOST;
                const struct sal_replay_campaign told = {
                        .id = campaign->id,
                        .version = campaign->version,
                        .offers = campaign->offers,
                        .decisions = campaign->decisions,
                        .recomputed = campaign->recomputed,
                        .judged = campaign->standing != REPLAY_UNJUDGED,
                        .what = lost && !campaign->what ? "it disagrees, and there is no memory to say how"
                                                        : campaign->what,
                        .seq = campaign->what_seq,
                        .at_ms = campaign->what_at_ms};
                if (campaign->standing != REPLAY_UNSTARTED)
                        each(arg, &told);
        }
}
