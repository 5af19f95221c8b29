/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/words.h"

#include "base/clock.h"
#include "model/quote.h"
#include "rollout/assign.h"

#include <inttypes.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

/* ---- pieces ---- */

/* "45 s", "12 min", "5 h", "3 d": one unit is enough for a person. */
static void put_seconds(struct sal_buf *out, int64_t seconds) {
        static const struct {
                int64_t from, seconds;
                const char *unit;
        } units[] = {{172800, 86400, "d"}, {7200, 3600, "h"}, {120, 60, "min"}, {0, 1, "s"}};
        size_t i = 0;
        while (seconds < units[i].from)
                i++;
        sal_buf_printf(out, "%" PRId64 " %s", seconds / units[i].seconds, units[i].unit);
}

/* "2026-11-22T03:00:00Z (12 min ago)": whole seconds. */
static void put_time(struct sal_buf *out, int64_t unix_ms, int64_t now_ms) {
        char text[SAL_TIME_BYTES];
        bool past = unix_ms <= now_ms;
        sal_time_format(unix_ms - unix_ms % MS_PER_SECOND, text);
        sal_buf_printf(out, "%s (%s", text, past ? "" : "in ");
        put_seconds(out, (past ? now_ms - unix_ms : unix_ms - now_ms) / MS_PER_SECOND);
        sal_buf_puts(out, past ? " ago)" : ")");
}

static void put_quoted(struct sal_buf *out, const char *text) {
        sal_quote_short(out, text, SAL_QUOTE_PROSE, SAL_WORDS_QUOTED_BYTES);
}

static const char *plural(int64_t count) {
        return count == 1 ? "" : "s";
}

static const struct sal_plan *plan_of(const struct sal_why *why) {
        return &why->candidate->campaign->plan;
}

static size_t ring_of(const struct sal_why *why) {
        return sal_ring_of(plan_of(why), why->candidate->campaign->id, why->asker->machine_id, why->asker->pin);
}

/* "by alice at …: "reason"", "by the engine at … (decision d41, rule 6.3: 4 of 5 failed, 0 silent, ln E 8.00 over its
 * bound 5.30)". */
static void put_decision(const struct sal_why *why, struct sal_buf *out) {
        const struct sal_words_decision *decision = why->decision;
        if (!decision)
                return;
        sal_buf_puts(out, " by ");
        if (decision->operator_name)
                sal_quote_short(out, decision->operator_name, SAL_QUOTE_NAME, SAL_WORDS_QUOTED_BYTES);
        else
                sal_buf_puts(out, "the engine");
        sal_buf_puts(out, " at ");
        put_time(out, decision->at_ms, why->now_ms);
        if (decision->operator_name) {
                if (strcmp(decision->rule, "supersedes") == 0)
                        sal_buf_puts(out, ", by starting a campaign that replaces it");
                if (decision->reason) {
                        sal_buf_puts(out, ": ");
                        put_quoted(out, decision->reason);
                }
                return;
        }
        sal_buf_printf(out,
                       " (decision %s, rule %s: %" PRId64 " failed and %" PRId64 " silent of %" PRId64
                       ", ln E %.2f reached its bound %.2f)",
                       decision->id, decision->rule, decision->failed, decision->silent, decision->offered,
                       decision->ln_e, decision->bound);
}

static void put_offer(const struct sal_words_offer *offer, struct sal_buf *out) {
        sal_buf_printf(out, "offer %s", offer ? offer->id : "?");
}

/* "failed (reported)" and the like. */
static void put_state(const struct sal_words_offer *offer, struct sal_buf *out) {
        const char *cause = sal_cause_name(offer->cause);
        sal_buf_printf(out, "%s%s%s%s", sal_offer_state_name(offer->state), *cause ? " (" : "", cause,
                       *cause ? ")" : "");
}

static void put_due(const struct sal_why *why, const struct sal_words_offer *offer, struct sal_buf *out) {
        if (!offer->due_ms)
                return;
        sal_buf_puts(out, offer->soaks ? "; it succeeds by staying away until " : "; it is taken as silent at ");
        put_time(out, offer->due_ms, why->now_ms);
}

/* ---- whom the fix is for ---- */

static void tell_no_match(const struct sal_why *why, struct sal_buf *out) {
        const struct sal_campaign *campaign = why->candidate->campaign;
        if (campaign->drill && why->asker->reason != SAL_POLL_DRILL) {
                sal_buf_puts(out, "It is a drill: only a machine that asks for a drill is offered it.");
        } else if (!campaign->drill && why->asker->reason == SAL_POLL_DRILL) {
                sal_buf_puts(out, "It is no drill, and the machine asked for one.");
        } else if (why->mismatch) {
                sal_buf_printf(out, "It is not for this machine: %s.", why->mismatch->text);
        } else if (campaign->undoes) {
                sal_buf_printf(out, "It undoes %s, and the machine was not touched by that one.", campaign->undoes);
        } else {
                sal_buf_puts(out, "It is not for this machine.");
        }
}

/* ---- the machine's own past ---- */

static void tell_offered(const struct sal_why *why, struct sal_buf *out) {
        const struct sal_history *history = &why->candidate->history;
        if (!why->answer.offer && why->own) {
                sal_buf_puts(out, "The machine holds ");
                put_offer(why->own, out);
                sal_buf_printf(out, " (attempt %" PRId64 " of %" PRId64 ") since ", why->own->attempt,
                               plan_of(why)->max_attempts);
                put_time(out, why->own->made_ms, why->now_ms);
                sal_buf_puts(out, " and gets it again with each poll");
                put_due(why, why->own, out);
                sal_buf_putc(out, '.');
                return;
        }
        sal_buf_printf(out,
                       "The next poll of its newest boot gets it, attempt %" PRId64 " of %" PRId64
                       ": ring %s is open, %" PRId64 " in flight, cap %.0f.",
                       history->attempts + 1, plan_of(why)->max_attempts, plan_of(why)->rings[ring_of(why)].name,
                       why->in_flight, why->cap);
}

static void tell_already_applied(const struct sal_why *why, struct sal_buf *out) {
        const struct sal_words_offer *offer = why->holds;
        sal_buf_puts(out, "The machine applied ");
        if (offer) {
                put_offer(offer, out);
                sal_buf_printf(out, " of %s@%" PRId64 " in this boot at ", offer->campaign, offer->version);
                put_time(out, offer->applied_ms, why->now_ms);
        } else {
                sal_buf_puts(out, "a fix in this boot");
        }
        sal_buf_puts(out, " and has to restart");
        if (offer)
                put_due(why, offer, out);
        sal_buf_putc(out, '.');
}

static void tell_already_succeeded(const struct sal_why *why, struct sal_buf *out) {
        const struct sal_history *history = &why->candidate->history;
        const struct sal_words_offer *own = why->own;
        if (history->applied_offline || !own) {
                sal_buf_puts(out, "The machine applied it from a bundle, so it is not offered again.");
                return;
        }
        sal_buf_puts(out, "The machine has it: ");
        put_offer(own, out);
        if (own->state == SAL_OFFER_APPLIED) {
                sal_buf_puts(out, " was applied at ");
                put_time(out, own->applied_ms, why->now_ms);
                put_due(why, own, out);
        } else if (own->state == SAL_OFFER_SUCCEEDED) {
                sal_buf_puts(out, " succeeded at ");
                put_time(out, own->settled_ms, why->now_ms);
        } else {
                sal_buf_puts(out, " stands as ");
                put_state(own, out);
                sal_buf_puts(out, ", but its machine said later that it had applied the fix");
        }
        sal_buf_putc(out, '.');
}

static void tell_attempts_exhausted(const struct sal_why *why, struct sal_buf *out) {
        const struct sal_history *history = &why->candidate->history;
        int64_t max_attempts = plan_of(why)->max_attempts;
        enum sal_campaign_state state = why->candidate->state;
        bool used_up = history->attempts >= max_attempts;
        bool stands = !used_up && (state == SAL_CAMPAIGN_HALTED || state == SAL_CAMPAIGN_PAUSED);
        if (used_up)
                sal_buf_printf(out, "Its %" PRId64 " attempt%s %s used: it needs hands", max_attempts,
                               plural(max_attempts), max_attempts == 1 ? "is" : "are");
        else
                sal_buf_printf(out, "Attempt %" PRId64 " of %" PRId64 " did not help in this boot%s", history->attempts,
                               max_attempts, stands ? "" : ": the next one comes with a restart");
        if (why->own) {
                sal_buf_puts(out, "; the last, ");
                put_offer(why->own, out);
                sal_buf_puts(out, ", ");
                put_state(why->own, out);
                sal_buf_puts(out, " at ");
                put_time(out, why->own->settled_ms, why->now_ms);
        }
        if (stands) {
                sal_buf_printf(out, ". Nothing comes with a restart while the campaign is %s",
                               sal_campaign_state_name(state));
                put_decision(why, out);
        }
        sal_buf_putc(out, '.');
}

static void tell_not_applicable(const struct sal_why *why, struct sal_buf *out) {
        sal_buf_puts(out, "The machine found that it does not apply");
        if (why->own) {
                sal_buf_puts(out, " (");
                put_offer(why->own, out);
                sal_buf_puts(out, ", ");
                put_time(out, why->own->settled_ms, why->now_ms);
                sal_buf_putc(out, ')');
        }
        sal_buf_puts(out, " and never gets this version again.");
}

/* ---- the campaign ---- */

static void tell_expired(const struct sal_why *why, struct sal_buf *out) {
        sal_buf_puts(out, "It expired at ");
        put_time(out, why->candidate->campaign->expires_ms, why->now_ms);
        sal_buf_putc(out, '.');
}

static void tell_paused(const struct sal_why *why, struct sal_buf *out) {
        sal_buf_puts(out, "It is paused");
        put_decision(why, out);
        sal_buf_puts(out, "; it goes on when an operator resumes it.");
}

static void tell_halted(const struct sal_why *why, struct sal_buf *out) {
        if (why->candidate->state == SAL_CAMPAIGN_HALTED) {
                sal_buf_puts(out, "It was halted");
                put_decision(why, out);
                sal_buf_puts(out, "; only an operator can resume it.");
                return;
        }
        sal_buf_puts(out, "Machines with ");
        if (why->cohort)
                sal_quote_short(out, why->cohort, SAL_QUOTE_VALUE, SAL_WORDS_QUOTED_BYTES);
        else
                sal_buf_puts(out, "one of its cohort values");
        sal_buf_puts(out, " are held");
        put_decision(why, out);
        sal_buf_puts(out, "; an operator can release them.");
}

static void tell_not_yet_valid(const struct sal_why *why, struct sal_buf *out) {
        int64_t not_before_ms = why->candidate->campaign->not_before_ms;
        if (not_before_ms > why->now_ms && not_before_ms >= why->candidate->window_opens_ms) {
                sal_buf_puts(out, "It becomes valid at ");
                put_time(out, not_before_ms, why->now_ms);
        } else {
                sal_buf_puts(out, "An operator lets it be offered within windows only; the next one opens at ");
                put_time(out, why->candidate->window_opens_ms, why->now_ms);
        }
        sal_buf_putc(out, '.');
}

/* ---- rings ---- */

/* "24 of the first 24 offers of canary have settled well (17 have, 1 failed; ln V 1.94 of 3.00)" */
static void put_evidence(const struct sal_why *why, struct sal_buf *out) {
        const struct sal_prospect *prospect = &why->prospect;
        const char *stage = plan_of(why)->rings[prospect->stage].name;
        if (!prospect->first) {
                sal_buf_printf(out, "by no evidence of %s any more: too many of its offers did not settle well", stage);
                return;
        }
        sal_buf_printf(out, "when %" PRId64 " of the first %" PRId64 " offers of %s have settled well (%" PRId64 " %s",
                       prospect->needed, prospect->first, stage, prospect->well, prospect->well == 1 ? "has" : "have");
        if (prospect->failed > 0)
                sal_buf_printf(out, ", %" PRId64 " failed", prospect->failed);
        if (prospect->pending > 0)
                sal_buf_printf(out, ", %" PRId64 " %s under way", prospect->pending,
                               prospect->pending == 1 ? "is" : "are");
        if (prospect->made)
                sal_buf_printf(out, "; ln V %.2f of %.2f", prospect->ln_v, prospect->bound);
        sal_buf_putc(out, ')');
}

/* What opens the next ring without evidence. */
static void put_lull(const struct sal_why *why, struct sal_buf *out) {
        const struct sal_plan *plan = plan_of(why);
        if (why->limited) {
                sal_buf_puts(out, "; an operator's limit keeps machines away, and while it does nothing else opens it");
                return;
        }
        if (plan->patience_seconds >= 0) {
                sal_buf_puts(out, ", or when no machine of the open rings has taken an offer for ");
                put_seconds(out, plan->patience_seconds);
                sal_buf_puts(out, " (it is ");
                put_seconds(out, why->idle_seconds);
                sal_buf_putc(out, ')');
        }
        if (why->fleet_counted && (why->waiting_open || why->in_flight))
                sal_buf_printf(out,
                               ", or once every machine of the open rings is settled (%" PRId64
                               " known to wait, %" PRId64 " in flight)",
                               why->waiting_open, why->in_flight);
}

static void tell_opening(const struct sal_why *why, size_t ring, struct sal_buf *out) {
        const struct sal_plan *plan = plan_of(why);
        size_t next = why->candidate->rings_open;
        if (ring > next)
                sal_buf_printf(out, ", %zu rings away; ", ring + 1 - next);
        else
                sal_buf_puts(out, "; ");
        sal_buf_printf(out, "%s opens ", next < plan->ring_count ? plan->rings[next].name : "it");
        if (plan->manual_advance) {
                sal_buf_puts(out, "when an operator advances the campaign");
        } else if (why->ring_opens_ms > why->now_ms) {
                sal_buf_puts(out, "by an operator's limit not before ");
                put_time(out, why->ring_opens_ms, why->now_ms);
        } else {
                put_evidence(why, out);
                put_lull(why, out);
        }
}

static void tell_ring_not_open(const struct sal_why *why, struct sal_buf *out) {
        const struct sal_plan *plan = plan_of(why);
        size_t ring = ring_of(why);
        if (why->candidate->outside) {
                sal_buf_puts(out, "An operator has limited it to other machines.");
                return;
        }
        if (why->asker->anonymous)
                ring = plan->ring_count - 1;
        if (ring < why->candidate->rings_open) {
                if (why->barred) {
                        sal_buf_puts(out, "The trust policy does not allow it any more: ");
                        put_quoted(out, why->barred);
                } else {
                        sal_buf_puts(out, "No published list that machines could verify names it yet");
                }
                sal_buf_putc(out, '.');
                return;
        }
        if (why->asker->anonymous)
                sal_buf_printf(out, "A machine without a credential waits for the last ring, %s",
                               plan->rings[ring].name);
        else
                sal_buf_printf(out, "Its ring %s is not open", plan->rings[ring].name);
        tell_opening(why, ring, out);
        sal_buf_putc(out, '.');
}

/* ---- pace ---- */

static void tell_in_flight_cap(const struct sal_why *why, struct sal_buf *out) {
        const struct sal_words_offer *holds = why->holds;
        if (why->asker->stale_boot) {
                sal_buf_puts(out, "The machine has begun another boot since; only that one is offered anything.");
                return;
        }
        if (holds && why->candidate->room) {
                sal_buf_puts(out, "The machine holds ");
                put_offer(holds, out);
                sal_buf_printf(out, " of %s@%" PRId64 " (", holds->campaign, holds->version);
                put_state(holds, out);
                sal_buf_puts(out, "), and gets one at a time");
                put_due(why, holds, out);
                sal_buf_putc(out, '.');
                return;
        }
        if (why->asker->anonymous && why->anonymous_room <= 0) {
                sal_buf_puts(out, "Machines without a credential hold as many offers as they may.");
                return;
        }
        sal_buf_printf(out, "%" PRId64 " in flight", why->in_flight);
        if (why->excess > 0)
                sal_buf_printf(out, " and %.1f kept back for failures and silence", why->excess);
        sal_buf_printf(out, ", cap %.0f%s: the machine is let in when one settles.", why->cap,
                       why->cap_is_limited ? " by an operator's limit" : "");
}

static void tell_overloaded(const struct sal_why *why, struct sal_buf *out) {
        (void)why;
        sal_buf_puts(out, "The server is busy.");
}

static void tell_kill_switch(const struct sal_why *why, struct sal_buf *out) {
        (void)why;
        sal_buf_puts(out, "The kill switch is on: nothing is offered to anybody.");
}

static void tell_opted_out(const struct sal_why *why, struct sal_buf *out) {
        (void)why;
        sal_buf_puts(out, "The machine is opted out: it receives nothing.");
}

static void (*const tellers[SAL_REASONS])(const struct sal_why *why, struct sal_buf *out) = {
        [SAL_REASON_KILL_SWITCH] = tell_kill_switch,
        [SAL_REASON_OPTED_OUT] = tell_opted_out,
        [SAL_REASON_OFFERED] = tell_offered,
        [SAL_REASON_ALREADY_APPLIED] = tell_already_applied,
        [SAL_REASON_NO_MATCH] = tell_no_match,
        [SAL_REASON_ALREADY_SUCCEEDED] = tell_already_succeeded,
        [SAL_REASON_ATTEMPTS_EXHAUSTED] = tell_attempts_exhausted,
        [SAL_REASON_NOT_APPLICABLE] = tell_not_applicable,
        [SAL_REASON_EXPIRED] = tell_expired,
        [SAL_REASON_PAUSED] = tell_paused,
        [SAL_REASON_HALTED] = tell_halted,
        [SAL_REASON_NOT_YET_VALID] = tell_not_yet_valid,
        [SAL_REASON_RING_NOT_OPEN] = tell_ring_not_open,
        [SAL_REASON_IN_FLIGHT_CAP] = tell_in_flight_cap,
        [SAL_REASON_OVERLOADED] = tell_overloaded,
};

void sal_why_sentence(const struct sal_why *why, struct sal_buf *out) {
        tellers[why->answer.reason](why, out);
}

/* ---- all campaigns ---- */

static void put_campaign(const struct sal_why *why, struct sal_buf *out) {
        const struct sal_campaign *campaign = why->candidate->campaign;
        sal_buf_printf(out, "%s@%" PRId64 ": ", campaign->id, campaign->version);
        sal_why_sentence(why, out);
}

void sal_why_headline(const struct sal_why_all *all, struct sal_buf *out) {
        switch (all->answer.reason) {
        case SAL_REASON_KILL_SWITCH:
                sal_buf_puts(out, "The kill switch is on");
                if (all->kill_reason && *all->kill_reason) {
                        sal_buf_puts(out, ", ");
                        put_quoted(out, all->kill_reason);
                }
                sal_buf_puts(out, ": nothing is offered to anybody.");
                return;
        case SAL_REASON_OPTED_OUT:
                tell_opted_out(NULL, out);
                return;
        default:
                break;
        }
        if (all->count == 0) {
                sal_buf_puts(out, "No campaign is live.");
                return;
        }
        size_t about = all->answer.candidate >= 0 ? (size_t)all->answer.candidate : 0;
        if (all->answer.reason == SAL_REASON_ALREADY_APPLIED) {
                tell_already_applied(&all->campaigns[about], out);
                return;
        }
        if (all->answer.candidate < 0 && all->count > 1)
                sal_buf_printf(out, "None of the %zu live campaigns is for it; ", all->count);
        put_campaign(&all->campaigns[about], out);
}

bool sal_why_facts_note(bool has_facts, int64_t last_seen_ms, int64_t now_ms, struct sal_buf *out) {
        int64_t age_seconds = (now_ms - last_seen_ms) / MS_PER_SECOND;
        if (!has_facts) {
                sal_buf_puts(out, "It has told no facts yet; those of its next poll decide.");
        } else if (!last_seen_ms) {
                sal_buf_puts(out, "It has never polled: these are the facts that it was made known with; those of its "
                                  "next poll decide.");
        } else if (age_seconds >= SAL_WORDS_STALE_SECONDS) {
                sal_buf_puts(out, "Its facts are of ");
                put_time(out, last_seen_ms, now_ms);
                sal_buf_puts(out, "; those of its next poll decide.");
        } else {
                return false;
        }
        return true;
}
