/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/answer.h"

#include "base/clock.h"
#include "base/encode.h"
#include "client/client.h"

#include <string.h>

enum {
        PURPOSE_APPLY = 20,
        PURPOSE_BOOT = 21,
        APPLY_LEAST_SECONDS = 5, /* a fix takes 5 to 30 simulated seconds, a reboot 30 to 90 */
        APPLY_SPREAD_SECONDS = 25,
        BOOT_LEAST_SECONDS = 30,
        BOOT_SPREAD_SECONDS = 60,
        POLL_LEAST_MS = 100, /* whatever --speed says, a machine does not ask more often */
        POLL_SECONDS = 60    /* when the answer does not say */
};

void sal_fleet_next(struct sal_fleet *fleet, int64_t number, enum sal_fleet_step step, double simulated_seconds) {
        struct sal_fleet_machine *machine = &fleet->machines[number];
        machine->step = (uint8_t)step;
        machine->retries = 0;
        if (step >= SAL_FLEET_RESCUED) {
                fleet->ended++;
                return;
        }
        machine->due_ms = sal_clock_mono_ms() + (int64_t)(simulated_seconds * 1000 / fleet->options->speed);
        sal_fleet_queue_push(&fleet->queue, machine->due_ms, number);
}

static double apply_seconds(const struct sal_fleet *fleet, int64_t number) {
        return APPLY_LEAST_SECONDS + APPLY_SPREAD_SECONDS * sal_fleet_chance(fleet->world, number, PURPOSE_APPLY);
}

static double boot_seconds(const struct sal_fleet *fleet, int64_t number) {
        return BOOT_LEAST_SECONDS + BOOT_SPREAD_SECONDS * sal_fleet_chance(fleet->world, number, PURPOSE_BOOT);
}

static void keep_first_error(struct sal_fleet *fleet, const struct sal_err *err) {
        fleet->sums.errors++;
        if (!fleet->first_error.status)
                fleet->first_error = *err;
}

/* The same request again, later: after a failure on the way, or when the server asked for it. */
static void retry(struct sal_fleet *fleet, int64_t number, int64_t retry_after_seconds) {
        struct sal_fleet_machine *machine = &fleet->machines[number];
        int64_t pause_ms = (int64_t)SAL_FLEET_RETRY_MS << (machine->retries < 6 ? machine->retries : 6);
        pause_ms = pause_ms > SAL_FLEET_RETRY_MAX_MS ? SAL_FLEET_RETRY_MAX_MS : pause_ms;
        if (retry_after_seconds > 0)
                pause_ms = retry_after_seconds * 1000;
        /* Jitter of a quarter, different each time, lest all come back together. */
        pause_ms += (int64_t)((double)pause_ms * 0.25 * sal_fleet_chance(fleet->world, number, machine->retries));
        if (machine->retries < UINT16_MAX)
                machine->retries++;
        machine->due_ms = sal_clock_mono_ms() + pause_ms;
        sal_fleet_queue_push(&fleet->queue, machine->due_ms, number);
}

static const char *text_of(const json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));
        return text ? text : "";
}

static void on_enrolled(struct sal_fleet *fleet, int64_t number, const json_t *answer) {
        struct sal_fleet_machine *machine = &fleet->machines[number];
        const char *token = text_of(answer, "machine_token");
        free(machine->token);
        machine->token = *token ? strdup(token) : NULL;
        if (!machine->token) {
                struct sal_err err;
                sal_fail(&err, SAL_E_MALFORMED, "the answer to an enrollment holds no machine_token");
                keep_first_error(fleet, &err);
                fleet->sums.refused++;
                sal_fleet_next(fleet, number, SAL_FLEET_REFUSED, 0);
                return;
        }
        fleet->sums.enrolled++;
        sal_fleet_next(fleet, number, fleet->options->enroll_only ? SAL_FLEET_KNOWN : SAL_FLEET_POLL, 0);
}

/* Checks the envelope's hash where it came with the answer; keeps the hash of the policy that came with it. */
static bool envelope_is_good(struct sal_fleet *fleet, const json_t *answer, const json_t *offer) {
        const char *sha256 = text_of(offer, "sha256");
        const json_t *files = json_object_get(answer, "files");
        const json_t *policy = json_object_get(files, "policy/trust-policy.json");
        if (json_is_string(policy))
                sal_sha256_hex(json_string_value(policy), json_string_length(policy), fleet->policy);
        const json_t *raw = json_object_get(files, text_of(offer, "target"));
        if (!json_is_string(raw))
                return sal_is_sha256_hex(sha256); /* not inline: a simulated machine does not fetch it */
        char seen[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(json_string_value(raw), json_string_length(raw), seen);
        if (strcmp(seen, sha256) != 0)
                return false;
        memcpy(fleet->verified, seen, sizeof seen);
        return true;
}

static void on_offer(struct sal_fleet *fleet, int64_t number, const json_t *answer, const json_t *offer) {
        struct sal_fleet_machine *machine = &fleet->machines[number];
        const char *offer_id = text_of(offer, "offer_id");
        if (!*offer_id || strlen(offer_id) >= sizeof machine->offer_id || strpbrk(offer_id, "\"\\") ||
            !envelope_is_good(fleet, answer, offer)) {
                /* As a real client: what cannot be verified is not touched, not reported, and asked for again. */
                struct sal_err err;
                sal_fail(&err, SAL_E_UNTRUSTED, "the envelope does not have the hash that the offer names");
                keep_first_error(fleet, &err);
                sal_fleet_next(fleet, number, SAL_FLEET_POLL, POLL_SECONDS);
                return;
        }
        bool again = strcmp(machine->offer_id, offer_id) == 0;
        snprintf(machine->offer_id, sizeof machine->offer_id, "%s", offer_id);
        fleet->sums.offers += !again;
        if (machine->role == SAL_FLEET_SILENT) {
                fleet->sums.silent++;
                sal_fleet_next(fleet, number, SAL_FLEET_FELL_SILENT, 0);
                return;
        }
        sal_fleet_next(fleet, number, SAL_FLEET_REPORT, apply_seconds(fleet, number));
}

/* Reasons of "none" that are an end; any other is asked again until give_up. */
static const struct {
        const char *reason;
        enum sal_fleet_step end;
} ends[] = {
        {"already_succeeded", SAL_FLEET_RESCUED},
        {"already_applied", SAL_FLEET_RESCUED},
        {"attempts_exhausted", SAL_FLEET_GAVE_UP},
        {"not_applicable", SAL_FLEET_GAVE_UP},
};

static void end_machine(struct sal_fleet *fleet, int64_t number, enum sal_fleet_step end) {
        fleet->sums.rescued += end == SAL_FLEET_RESCUED;
        fleet->sums.gave_up += end == SAL_FLEET_GAVE_UP;
        sal_fleet_next(fleet, number, end, 0);
}

static void on_polled(struct sal_fleet *fleet, int64_t number, const json_t *answer) {
        struct sal_fleet_machine *machine = &fleet->machines[number];
        fleet->sums.polls++;
        if (machine->relapsing && machine->role == SAL_FLEET_RELAPSES)
                fleet->sums.relapsed++;
        machine->relapsing = false;
        const char *directive = text_of(answer, "directive");
        const json_t *offer = json_object_get(answer, "offer");
        if (strcmp(directive, "apply") == 0 && json_is_object(offer)) {
                on_offer(fleet, number, answer, offer);
                return;
        }
        for (size_t i = 0; strcmp(directive, "none") == 0 && i < SAL_ARRAY_LEN(ends); i++)
                if (strcmp(ends[i].reason, text_of(answer, "reason")) == 0) {
                        end_machine(fleet, number, ends[i].end);
                        return;
                }
        int64_t now_ms = sal_clock_mono_ms();
        double speed = fleet->options->speed;
        if (!machine->give_up_ms) {
                json_int_t give_up = json_integer_value(json_object_get(answer, "give_up_after_seconds"));
                machine->give_up_ms = give_up > 0 ? now_ms + (int64_t)((double)give_up * 1000 / speed) : INT64_MAX;
        }
        if (now_ms >= machine->give_up_ms) {
                end_machine(fleet, number, SAL_FLEET_GAVE_UP);
                return;
        }
        json_int_t after = json_integer_value(json_object_get(answer, "poll_after_seconds"));
        double seconds = after > 0 ? (double)after : POLL_SECONDS;
        double least = POLL_LEAST_MS * speed / 1000;
        sal_fleet_next(fleet, number, SAL_FLEET_POLL, seconds > least ? seconds : least);
}

static void on_reported(struct sal_fleet *fleet, int64_t number, int kind, const json_t *answer) {
        struct sal_fleet_machine *machine = &fleet->machines[number];
        fleet->sums.late += json_is_false(json_object_get(answer, "accepted"));
        machine->give_up_ms = 0;
        if (kind == SAL_FLEET_ASK_HEALTHY) {
                fleet->sums.healthy++;
                end_machine(fleet, number, SAL_FLEET_RESCUED);
        } else if (machine->role == SAL_FLEET_FAILS) {
                fleet->sums.failed++;
                sal_fleet_next(fleet, number, SAL_FLEET_REBOOT, boot_seconds(fleet, number));
        } else if (machine->role == SAL_FLEET_RELAPSES) {
                fleet->sums.applied++;
                machine->relapsing = true;
                sal_fleet_next(fleet, number, SAL_FLEET_REBOOT, boot_seconds(fleet, number));
        } else {
                fleet->sums.applied++;
                if (fleet->options->healthy)
                        sal_fleet_next(fleet, number, SAL_FLEET_HEALTHY, boot_seconds(fleet, number));
                else
                        end_machine(fleet, number, SAL_FLEET_RESCUED);
        }
}

/* A 4xx or 5xx: asked again where that can help, else the machine is at its end. */
static void on_problem(struct sal_fleet *fleet, int64_t number, int kind, const struct sal_wire_reply *reply) {
        struct sal_err err = {0};
        enum sal_status status = sal_client_problem(reply->http, reply->body, reply->len, &err);
        keep_first_error(fleet, &err);
        bool passing =
                status == SAL_E_OVERLOADED || status == SAL_E_TOO_MANY || status == SAL_E_TIMEOUT || reply->http >= 500;
        if (passing) {
                retry(fleet, number, reply->retry_after_seconds);
                return;
        }
        if (status == SAL_E_NOT_FOUND && (kind == SAL_FLEET_ASK_REPORT || kind == SAL_FLEET_ASK_HEALTHY)) {
                sal_fleet_next(fleet, number, SAL_FLEET_POLL, POLL_SECONDS);
                return;
        }
        fleet->sums.refused++;
        sal_fleet_next(fleet, number, SAL_FLEET_REFUSED, 0);
}

void sal_fleet_answered(void *arg, int64_t tag, int kind, const struct sal_wire_reply *reply) {
        struct sal_fleet *fleet = arg;
        fleet->held -= kind == SAL_FLEET_ASK_HELD;
        struct sal_err err = {0};
        if (reply->status) {
                sal_fail(&err, reply->status, "%s: %s", fleet->base_url, reply->error);
                keep_first_error(fleet, &err);
                fleet->lost_requests++;
                retry(fleet, tag, 0);
                return;
        }
        fleet->answered_ms = sal_clock_mono_ms();
        fleet->lost_requests = 0;
        if (reply->http >= 400) {
                on_problem(fleet, tag, kind, reply);
                return;
        }
        sal_autojson json_t *answer = NULL;
        if (sal_json_parse(reply->body, reply->len, SAL_JSON_MAX_DEPTH, &answer, &err)) {
                keep_first_error(fleet, &err);
                retry(fleet, tag, 0);
        } else if (kind == SAL_FLEET_ASK_ENROL) {
                on_enrolled(fleet, tag, answer);
        } else if (kind == SAL_FLEET_ASK_POLL || kind == SAL_FLEET_ASK_HELD) {
                on_polled(fleet, tag, answer);
        } else {
                on_reported(fleet, tag, kind, answer);
        }
}
