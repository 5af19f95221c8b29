/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/answer.h"

#include "base/clock.h"
#include "rollout/assign.h"

#include <stdio.h>
#include <string.h>

static const char *const directive_names[] = {"apply", "wait", "none"};

static const struct {
        const char *name;
        enum sal_directive directive;
        const char *sentence;
} reasons[SAL_REASONS] = {
        [SAL_REASON_KILL_SWITCH] = {"kill_switch", SAL_DIRECTIVE_WAIT, "An operator has stopped every rescue."},
        [SAL_REASON_OPTED_OUT] = {"opted_out", SAL_DIRECTIVE_NONE, "This machine is opted out of remote fixes."},
        [SAL_REASON_OFFERED] = {"offered", SAL_DIRECTIVE_APPLY, "A fix is offered to this machine."},
        [SAL_REASON_ALREADY_APPLIED] = {"already_applied", SAL_DIRECTIVE_NONE,
                                        "A fix was applied in this boot; restart the machine."},
        [SAL_REASON_NO_MATCH] = {"no_match", SAL_DIRECTIVE_NONE, "No fix is known for this machine yet."},
        [SAL_REASON_ALREADY_SUCCEEDED] = {"already_succeeded", SAL_DIRECTIVE_NONE,
                                          "The fix was already applied to this machine."},
        [SAL_REASON_ATTEMPTS_EXHAUSTED] = {"attempts_exhausted", SAL_DIRECTIVE_NONE,
                                           "The fix was tried as often as allowed; this machine needs hands."},
        [SAL_REASON_NOT_APPLICABLE] = {"not_applicable", SAL_DIRECTIVE_NONE,
                                       "The fix was found not to apply to this machine."},
        [SAL_REASON_EXPIRED] = {"expired", SAL_DIRECTIVE_NONE, "The fix has expired."},
        [SAL_REASON_PAUSED] = {"paused", SAL_DIRECTIVE_WAIT, "The rescue is paused by an operator."},
        [SAL_REASON_HALTED] = {"halted", SAL_DIRECTIVE_WAIT, "The rescue was halted; a better fix has to come first."},
        [SAL_REASON_NOT_YET_VALID] = {"not_yet_valid", SAL_DIRECTIVE_WAIT, "The fix becomes valid later."},
        [SAL_REASON_RING_NOT_OPEN] = {"ring_not_open", SAL_DIRECTIVE_WAIT,
                                      "The fix is being tried on other machines first."},
        [SAL_REASON_IN_FLIGHT_CAP] = {"in_flight_cap", SAL_DIRECTIVE_WAIT,
                                      "Other machines are being fixed first; this one is next in line."},
        [SAL_REASON_OVERLOADED] = {"overloaded", SAL_DIRECTIVE_WAIT, "The server is busy; ask again."},
};

const char *sal_directive_name(enum sal_directive directive) {
        return directive_names[directive];
}

const char *sal_reason_name(enum sal_reason reason) {
        return reasons[reason].name;
}

const char *sal_reason_sentence(enum sal_reason reason) {
        return reasons[reason].sentence;
}

enum sal_directive sal_reason_directive(enum sal_reason reason) {
        return reasons[reason].directive;
}

static const char unlisted_sentence[] =
        "The fix is there, but no signed list that this machine could verify names it yet.";
static const char outside_sentence[] = "At present an operator limits this fix to other machines.";

static const char old_boot_sentence[] = "A newer boot of this machine is known; this one gets nothing new.";
static const char again_sentence[] = "The fix failed in this boot; restart for the next attempt.";
static const char still_sentence[] = "The fix failed in this boot, and its rescue stands still at present.";

static const char *window_sentence(int64_t opens_ms, char text[static SAL_ANSWER_SENTENCE_BYTES]) {
        char time[SAL_TIME_BYTES];
        sal_time_format(opens_ms, time);
        snprintf(text, SAL_ANSWER_SENTENCE_BYTES,
                 "An operator lets this fix out at set times only; the next begins at %s.", time);
        return text;
}

bool sal_candidate_retries(const struct sal_candidate *candidate) {
        return candidate->history.attempts < candidate->campaign->plan.max_attempts;
}

const char *sal_answer_sentence(const struct sal_answer *answer, const struct sal_candidate *candidates,
                                char text[static SAL_ANSWER_SENTENCE_BYTES]) {
        const struct sal_candidate *candidate = answer->candidate < 0 ? NULL : &candidates[answer->candidate];
        /* The later of the two is what keeps the machine waiting. */
        if (candidate && answer->reason == SAL_REASON_NOT_YET_VALID &&
            candidate->window_opens_ms > candidate->campaign->not_before_ms)
                return window_sentence(candidate->window_opens_ms, text);
        if (candidate && answer->reason == SAL_REASON_RING_NOT_OPEN && answer->ring < candidate->rings_open) {
                if (candidate->outside)
                        return outside_sentence;
                if (candidate->unlisted)
                        return unlisted_sentence;
        }
        if (candidate && answer->reason == SAL_REASON_ATTEMPTS_EXHAUSTED && sal_candidate_retries(candidate))
                return sal_campaign_runs(candidate->state) ? again_sentence : still_sentence;
        return answer->old_boot ? old_boot_sentence : sal_reason_sentence(answer->reason);
}

int sal_poll_reason_parse(const char *name) {
        static const char *const names[] = {"boot_failure", "requested", "drill"};
        for (int i = 0; i < 3; i++)
                if (strcmp(names[i], name) == 0)
                        return i;
        return -1;
}

bool sal_candidate_matches(const struct sal_candidate *candidate, const struct sal_asker *asker) {
        const struct sal_campaign *campaign = candidate->campaign;
        if (campaign->drill != (asker->reason == SAL_POLL_DRILL))
                return false;
        if (campaign->undoes && !candidate->history.undone_reached)
                return false;
        return sal_selector_match(campaign->match, asker->facts);
}

/* Why the machine's own past forbids another offer; OFFERED when it does not. */
static enum sal_reason history_reason(const struct sal_candidate *candidate) {
        const struct sal_history *history = &candidate->history;
        if (history->applied_offline)
                return SAL_REASON_ALREADY_SUCCEEDED;
        if (!history->any)
                return SAL_REASON_OFFERED;
        if (history->state == SAL_OFFER_SUCCEEDED || history->late_applied)
                return SAL_REASON_ALREADY_SUCCEEDED;
        if (history->state == SAL_OFFER_APPLIED)
                return SAL_REASON_ALREADY_SUCCEEDED; /* in an earlier boot; only time can tell more */
        if (history->state == SAL_OFFER_OFFERED)
                return SAL_REASON_IN_FLIGHT_CAP; /* its own offer is out, and not for this poll */
        if (history->state == SAL_OFFER_NOT_APPLICABLE)
                return SAL_REASON_NOT_APPLICABLE;
        if (!sal_candidate_retries(candidate))
                return SAL_REASON_ATTEMPTS_EXHAUSTED;
        if (history->state == SAL_OFFER_FAILED && history->cause != SAL_CAUSE_SILENT && history->same_boot)
                return SAL_REASON_ATTEMPTS_EXHAUSTED; /* in this boot: the next attempt needs a new one */
        return SAL_REASON_OFFERED;
}

enum sal_reason sal_candidate_reason(const struct sal_candidate *candidate, const struct sal_asker *asker,
                                     int64_t now_ms, size_t *ret_ring) {
        const struct sal_campaign *campaign = candidate->campaign;
        *ret_ring = sal_ring_of(&campaign->plan, campaign->id, asker->machine_id, asker->pin);
        enum sal_reason own = history_reason(candidate);
        if (own != SAL_REASON_OFFERED)
                return own;
        if (now_ms >= campaign->expires_ms)
                return SAL_REASON_EXPIRED;
        if (candidate->state == SAL_CAMPAIGN_PAUSED)
                return SAL_REASON_PAUSED;
        if (candidate->state == SAL_CAMPAIGN_HALTED || candidate->cohort_held)
                return SAL_REASON_HALTED;
        if (now_ms < campaign->not_before_ms || now_ms < candidate->window_opens_ms)
                return SAL_REASON_NOT_YET_VALID;
        size_t needed = asker->anonymous ? campaign->plan.ring_count - 1 : *ret_ring;
        if (candidate->rings_open <= needed)
                return SAL_REASON_RING_NOT_OPEN;
        if (candidate->outside || candidate->unlisted)
                return SAL_REASON_RING_NOT_OPEN;
        if (!candidate->room)
                return SAL_REASON_IN_FLIGHT_CAP;
        return asker->holds_unsettled || asker->stale_boot ? SAL_REASON_IN_FLIGHT_CAP : SAL_REASON_OFFERED;
}

static struct sal_answer plain(enum sal_reason reason) {
        return (struct sal_answer){.directive = sal_reason_directive(reason), .reason = reason, .candidate = -1};
}

/* The offer that the machine holds, again, whatever limits were laid on its campaign since; but nothing is repeated
 * while its campaign or cohort stands still. */
static struct sal_answer repeat(const struct sal_asker *asker, const struct sal_candidate *candidate) {
        enum sal_reason reason = SAL_REASON_OFFERED;
        if (candidate->state == SAL_CAMPAIGN_PAUSED)
                reason = SAL_REASON_PAUSED;
        else if (candidate->state == SAL_CAMPAIGN_HALTED || candidate->cohort_held)
                reason = SAL_REASON_HALTED;
        else if (candidate->unlisted)
                reason = SAL_REASON_RING_NOT_OPEN;
        struct sal_answer answer = plain(reason);
        answer.candidate = asker->repeat;
        answer.ring = sal_ring_of(&candidate->campaign->plan, candidate->campaign->id, asker->machine_id, asker->pin);
        return answer;
}

struct sal_answer sal_answer(bool kill_switch, const struct sal_asker *asker, const struct sal_candidate *candidates,
                             size_t count, int64_t now_ms) {
        if (kill_switch)
                return plain(SAL_REASON_KILL_SWITCH);
        if (asker->opt_out)
                return plain(SAL_REASON_OPTED_OUT);
        if (asker->repeat >= 0)
                return repeat(asker, &candidates[asker->repeat]);
        if (asker->applied_this_boot)
                return plain(SAL_REASON_ALREADY_APPLIED);
        struct sal_answer best = plain(SAL_REASON_NO_MATCH);
        for (size_t n = 0; n < count; n++) {
                if (!sal_candidate_matches(&candidates[n], asker))
                        continue;
                size_t ring = 0;
                enum sal_reason reason = sal_candidate_reason(&candidates[n], asker, now_ms, &ring);
                if (reason != SAL_REASON_OFFERED && best.candidate >= 0)
                        continue;
                best = plain(reason);
                best.candidate = (int)n;
                best.ring = ring;
                best.old_boot = reason == SAL_REASON_IN_FLIGHT_CAP && asker->stale_boot;
                if (reason == SAL_REASON_OFFERED) {
                        best.offer = true;
                        break;
                }
        }
        return best;
}
