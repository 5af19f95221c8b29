/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What machines and operators do in the service's tests, one line each. Part of harness.h, not to be included alone.
 *
 * Thread: the test's. Ownership: answers are plain values; JSON answers stay in the world until its next act.
 */
#ifndef SAL_TESTS_SERVICE_ACTS_H
#define SAL_TESTS_SERVICE_ACTS_H

/* ---- machines ---- */

/* A poll; what is left out: boot "boot-1", FACTS, a client certificate, because of a failed boot. */
struct ask {
        const char *machine, *boot, *facts;
        enum sal_poll_reason reason;
        bool can_healthy, volume_locked;
        bool anonymous;     /* without a credential */
        int64_t generation; /* with a machine token of this generation, instead of a certificate */
        int64_t reports;    /* a report goes with it: of this offer, */
        bool waits;         /* it will be held */
        const char *stage;  /* with this stage, */
        const char *report_boot;
};

struct told {
        enum sal_status status;
        enum sal_directive directive;
        enum sal_reason reason;
        bool fast; /* the snapshot answered */
        int64_t offer, attempt;
        char campaign[SAL_CAMPAIGN_ID_BYTES];
        int64_t version;
        bool accepted; /* the report */
        char report_state[24];
};

static inline void fill_report(struct sal_report *report, int64_t offer, const char *stage, const char *boot) {
        report->valid = true;
        report->offer_row = offer;
        report->event = (enum sal_offer_event)sal_report_stage_parse(stage);
        sal_offer_id_format(offer, report->offer_id);
        snprintf(report->stage, sizeof report->stage, "%s", stage);
        snprintf(report->boot_id, sizeof report->boot_id, "%s", boot ? boot : "boot-1");
        report->log = strdup("a log line");
}

static inline void fill_poll(struct sal_poll *poll, const struct ask *ask) {
        *poll = (struct sal_poll){.reason = ask->reason,
                                  .can_healthy = ask->can_healthy,
                                  .volume_locked = ask->volume_locked,
                                  .waits = ask->waits};
        snprintf(poll->machine_id, sizeof poll->machine_id, "%s", ask->machine);
        snprintf(poll->boot_id, sizeof poll->boot_id, "%s", ask->boot ? ask->boot : "boot-1");
        assert_ok(sal_facts_parse_text(ask->facts ? ask->facts : FACTS, &poll->facts));
        poll->facts_text = sal_facts_dump(poll->facts);
        poll->identity.kind = ask->anonymous    ? SAL_IDENTITY_NONE
                              : ask->generation ? SAL_IDENTITY_TOKEN
                                                : SAL_IDENTITY_CERTIFICATE;
        poll->identity.generation = ask->generation;
        if (ask->reports) {
                poll->report_count = 1;
                fill_report(&poll->reports[0], ask->reports, ask->stage, ask->report_boot);
        }
}

static inline struct told told_of(const struct sal_poll *poll) {
        struct told told = {.directive = poll->answer.directive,
                            .reason = poll->answer.reason,
                            .offer = poll->offer_row,
                            .attempt = poll->attempt};
        if (poll->launch) {
                snprintf(told.campaign, sizeof told.campaign, "%s", poll->launch->campaign->id);
                told.version = poll->launch->campaign->version;
        }
        if (poll->report_count) {
                told.accepted = poll->reports[0].accepted;
                snprintf(told.report_state, sizeof told.report_state, "%s", poll->reports[0].state);
        }
        return told;
}

static inline enum sal_status poll_job(struct world *w, struct sal_tx *tx, void *arg) {
        return sal_poll_run(w->service, tx, arg, &w->err);
}

/* Through the ledger. */
static inline struct told world_poll(struct world *w, struct ask ask) {
        struct sal_poll poll;
        fill_poll(&poll, &ask);
        enum sal_status status = world_run(w, poll_job, &poll);
        struct told told = told_of(&poll);
        told.status = status;
        sal_poll_done(&poll);
        return told;
}
#define poll(w, ...) world_poll(w, (struct ask){__VA_ARGS__})

/* As a worker does it: from the snapshot when it can, and its sighting follows; else through the ledger. */
static inline enum sal_status touch_job(struct world *w, struct sal_tx *tx, void *arg) {
        return sal_touch_run(w->service, tx, arg);
}

static inline struct told world_worker_poll(struct world *w, struct ask ask) {
        struct sal_poll poll;
        fill_poll(&poll, &ask);
        struct told told;
        if (!sal_poll_fast(w->service, w->service->snapshots.current, &poll, world_wall_ms)) {
                sal_poll_done(&poll);
                return world_poll(w, ask);
        }
        told = told_of(&poll);
        told.fast = true;
        struct sal_touch touch = {.identity = poll.identity,
                                  .reason = poll.reason,
                                  .volume_locked = poll.volume_locked,
                                  .answer = poll.answer.reason,
                                  .at_ms = world_wall_ms,
                                  .facts_text = poll.facts_text};
        snprintf(touch.machine_id, sizeof touch.machine_id, "%s", poll.machine_id);
        snprintf(touch.boot_id, sizeof touch.boot_id, "%s", poll.boot_id);
        told.status = world_run(w, touch_job, &touch);
        sal_poll_done(&poll);
        return told;
}
#define worker_poll(w, ...) world_worker_poll(w, (struct ask){__VA_ARGS__})

#define assert_told(answer, name)                                                 \
        do {                                                                      \
                struct told told_ = (answer);                                     \
                assert_ok(told_.status);                                          \
                assert_string_equal(sal_reason_name(told_.reason), name);         \
                assert_int_equal(told_.offer != 0, strcmp(name, "offered") == 0); \
        } while (0)

/* Polls, must be offered something, and returns the offer. */
static inline int64_t offer_to(struct world *w, const char *machine) {
        struct told told = poll(w, .machine = machine);
        assert_told(told, "offered");
        return told.offer;
}

struct report_call {
        const char *machine;
        struct sal_identity identity;
        struct sal_report report;
};

static inline enum sal_status report_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct report_call *call = arg;
        return sal_report_run(w->service, tx, call->machine, &call->identity, &call->report, &w->err);
}

/* Accepted or not; SAL_OK and the like in *ret_status (may be NULL). */
static inline bool report_from(struct world *w, const char *machine, int64_t offer, const char *stage, const char *boot,
                               enum sal_status *ret_status) {
        struct report_call call = {.machine = machine, .identity = {.kind = SAL_IDENTITY_CERTIFICATE}};
        fill_report(&call.report, offer, stage, boot);
        enum sal_status status = world_run(w, report_job, &call);
        sal_report_done(&call.report);
        if (ret_status)
                *ret_status = status;
        else
                assert_ok(status);
        return call.report.accepted;
}

static inline bool report(struct world *w, const char *machine, int64_t offer, const char *stage) {
        return report_from(w, machine, offer, stage, NULL, NULL);
}

static inline enum sal_status offer_job(struct world *w, struct sal_tx *tx, void *arg) {
        (void)w;
        struct sal_offer *offer = arg;
        return sal_offer_get(tx, offer->row, offer);
}

static inline struct sal_offer offer_of(struct world *w, int64_t row) {
        struct sal_offer offer = {.row = row};
        assert_ok(world_run(w, offer_job, &offer));
        return offer;
}

#define assert_offer(w, row, state_name, cause_name)                                 \
        do {                                                                         \
                struct sal_offer offer_ = offer_of(w, row);                          \
                assert_string_equal(sal_offer_state_name(offer_.state), state_name); \
                assert_string_equal(sal_cause_name(offer_.cause), cause_name);       \
        } while (0)

/* ---- operators: campaigns ---- */

/* A payload that matches FACTS, with members replaced or added. To be freed. */
static inline char *payload_of(const struct world *w, const char *id, int64_t version, const char *members) {
        char from[SAL_TIME_BYTES], to[SAL_TIME_BYTES];
        sal_time_format(world_birth_ms - HOUR * SECOND_MS, from);
        sal_time_format(world_birth_ms + 20 * INT64_C(86400000), to);
        sal_autojson json_t *json =
                json_pack("{s:s,s:s,s:I,s:s,s:s,s:s,s:s,s:{s:s,s:s},s:[{s:s,s:s}]}", "schema", SAL_CAMPAIGN_SCHEMA,
                          "id", id, "version", (json_int_t)version, "trust_domain", w->service->trust_domain, "title",
                          "a fix", "not_before", from, "expires", to, "match", "fact", "os", "eq", "windows", "actions",
                          "kind", "delete_file", "path", "${SYSTEM}/bad");
        sal_autojson json_t *more = json_loads(members, 0, NULL);
        assert_non_null(json);
        assert_non_null(more);
        json_object_update(json, more);
        return sal_json_dump(json);
}

struct draft_call {
        const char *id;
        int64_t version;
        const char *payload;
        int author;
};

static inline enum sal_status create_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct draft_call *call = arg;
        struct sal_act act = world_act(w, tx, "ann");
        return sal_draft_create(&act, call->payload, strlen(call->payload), &w->json, &w->err);
}

static inline enum sal_status sign_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct draft_call *call = arg;
        struct sal_act act = world_act(w, tx, "ann");
        sal_autofree char *sig = NULL;
        const struct sal_private_key *key = w->authors[call->author];
        assert_ok(sal_dsse_sign_one(SAL_CAMPAIGN_TYPE, call->payload, strlen(call->payload), key, &sig, NULL));
        sal_autojson json_t *body =
                json_pack("{s:s,s:s}", "keyid", sal_public_key_id(sal_private_key_public(key)), "sig", sig);
        return sal_draft_sign(&act, call->id, call->version, body, &w->json, &w->err);
}

/* Created and signed by both authors: ready. */
static inline void make_ready(struct world *w, const char *id, int64_t version, const char *members) {
        sal_autofree char *payload = payload_of(w, id, version, members);
        struct draft_call call = {.id = id, .version = version, .payload = payload};
        if (world_run(w, create_job, &call))
                fail_msg("%s: %s %s", id, w->err.pointer, w->err.detail);
        for (call.author = 0; call.author < 2; call.author++)
                if (world_run(w, sign_job, &call))
                        fail_msg("%s: %s", id, w->err.detail);
}

struct life_call {
        enum sal_life_act what;
        const char *id;
        int64_t version;
        const char *acknowledge, *cohort;
};

static inline enum sal_status life_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct life_call *call = arg;
        struct sal_act act = world_act(w, tx, "ann");
        sal_autojson json_t *body = json_pack("{s:s,s:s*,s:s*}", "reason", "because", "acknowledge", call->acknowledge,
                                              "cohort", call->cohort);
        return sal_campaign_life(&act, call->what, call->id, call->version, body, &w->json, &w->err);
}

/* life(w, SAL_LIFE_HALT, "fix"): version 1. */
static inline enum sal_status world_life(struct world *w, struct life_call call) {
        if (!call.version)
                call.version = 1;
        return world_run(w, life_job, &call);
}
#define life(w, act, name, ...) world_life(w, (struct life_call){.what = (act), .id = (name), __VA_ARGS__})

/* Created, signed, started. */
static inline struct sal_live *start(struct world *w, const char *id, const char *members) {
        make_ready(w, id, 1, members);
        if (life(w, SAL_LIFE_START, id))
                fail_msg("%s: %s", id, w->err.detail);
        return live_of(w, id);
}

/* ---- operators: fleet and settings ---- */

static inline enum sal_status import_job(struct world *w, struct sal_tx *tx, void *arg) {
        bool is_new;
        sal_autojson json_t *line = json_loads(arg, 0, NULL);
        struct sal_act act = world_act(w, tx, "ann");
        assert_non_null(line);
        return sal_fleet_import(&act, line, &is_new, &w->err);
}

static inline void import(struct world *w, const char *line) {
        assert_ok(world_run(w, import_job, (void *)(uintptr_t)line));
}

/* m-0001 … are known, with FACTS. */
static inline enum sal_status fleet_job(struct world *w, struct sal_tx *tx, void *arg) {
        for (int n = 1; n <= *(int *)arg; n++) {
                char line[160];
                snprintf(line, sizeof line, "{\"machine_id\":\"m-%04d\",\"facts\":" FACTS "}", n);
                assert_ok(import_job(w, tx, line));
        }
        return SAL_OK;
}

static inline void know_fleet(struct world *w, int count) {
        assert_ok(world_run(w, fleet_job, &count));
}

/* "m-0001" for 1; four names at a time. */
static inline const char *machine_name(int number) {
        static char names[4][16];
        static unsigned next;
        char *name = names[next++ % 4];
        snprintf(name, sizeof names[0], "m-%04d", number);
        return name;
}

struct fleet_call {
        const char *machine, *body;
};

static inline enum sal_status change_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct fleet_call *call = arg;
        struct sal_act act = world_act(w, tx, "ann");
        sal_autojson json_t *body = call->body ? json_loads(call->body, 0, NULL) : NULL;
        return body ? sal_fleet_change(&act, call->machine, body, &w->json, &w->err)
                    : sal_fleet_delete(&act, call->machine, &w->err);
}

static inline void change_machine(struct world *w, const char *machine, const char *body) {
        assert_ok(world_run(w, change_job, &(struct fleet_call){machine, body}));
}

static inline void delete_machine(struct world *w, const char *machine) {
        assert_ok(world_run(w, change_job, &(struct fleet_call){machine, NULL}));
}

static inline enum sal_status kill_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct sal_act act = world_act(w, tx, "ann");
        sal_autojson json_t *body = json_pack("{s:b,s:s}", "engaged", *(bool *)arg, "reason", "stop");
        return sal_kill_switch_put(&act, body, &w->json, &w->err);
}

static inline void kill_switch(struct world *w, bool engaged) {
        assert_ok(world_run(w, kill_job, &engaged));
}

#endif
