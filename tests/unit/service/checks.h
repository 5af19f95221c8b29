/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold at any time, checked after every test of the service: the journal has no gap, every decision says what
 * it must and comes out again from the journal alone, every sum equals a naive recount, and a restart gives the same
 * engine. Part of harness.h.
 *
 * Thread: the test's. Ownership: texts are handed over.
 */
#ifndef SAL_TESTS_SERVICE_CHECKS_H
#define SAL_TESTS_SERVICE_CHECKS_H

/* ---- everything that the engine knows, as a text ---- */

static inline void print_cohort(void *arg, const char *name, int j, int64_t offered, int64_t failed, int64_t silent,
                                bool held, double ln_e, double bound) {
        sal_buf_printf(arg, "  %s j %d S %" PRId64 " F %" PRId64 " Z %" PRId64 " held %d ln E %.9f bound %.9f\n", name,
                       j, offered, failed, silent, held, ln_e, bound);
}

static inline void print_live(struct sal_buf *out, const struct sal_live *live) {
        const struct sal_campaign_row *row = &live->row;
        struct sal_evidence totals;
        sal_tally_totals(live->tally, &totals);
        sal_buf_printf(out, "%s@%" PRId64 " %s order %" PRId64 " rings %" PRId64 " period %" PRId64 " k %" PRId64,
                       row->id, row->version, sal_campaign_state_name(row->state), row->start_order, row->rings_open,
                       row->period, row->halts_resumed);
        sal_buf_printf(out, " offset %" PRId64 " stopped %" PRId64 " take %" PRId64 " halted %d by %" PRId64 "\n",
                       row->served_offset_ms, row->served_stopped_ms, row->last_take_served_ms, row->halted_by_engine,
                       row->halt_decision);
        sal_buf_printf(out, "  offers %" PRId64 " unsettled %" PRId64 " good %" PRId64 " failed %" PRId64,
                       row->offers_made, row->unsettled, row->succeeded, row->failed);
        sal_buf_printf(out, " silent %" PRId64 " n/a %" PRId64 " recalled %" PRId64 "\n", row->silent,
                       row->not_applicable, row->recalled);
        sal_buf_printf(out,
                       "  touched %" PRId64 " in flight %" PRId64 " stage %d S %" PRId64 " F %" PRId64 " Z %" PRId64,
                       live->machines_touched, sal_live_in_flight(live), sal_tally_stage(live->tally), totals.offered,
                       totals.failed, totals.silent);
        sal_buf_printf(out, " ln E %.12f excess %.9f\n", totals.ln_e, sal_tally_excess(live->tally));
        sal_tally_each_cohort(live->tally, print_cohort, out);
        if (!sal_campaign_live(row->state))
                return; /* nothing is offered any more, so nobody waits */
        sal_buf_printf(out, "  known %" PRId64 " counted %" PRId64 " cap %.9f waiting", sal_live_known_matching(live),
                       row->fleet_known, sal_tally_cap(live->tally, sal_live_known_matching(live)));
        for (size_t i = 0; i < live->launch->campaign->plan.ring_count; i++)
                sal_buf_printf(out, " %" PRId64, live->waiting[i]);
        sal_buf_printf(out, "\n");
}

static inline char *engine_text(const struct world *w) {
        const struct sal_engine *engine = w->service->engine;
        struct sal_buf out = SAL_BUF_INIT;
        sal_buf_printf(&out, "kill %d \"%s\" next start %" PRId64 " anonymous %" PRId64 "\n", engine->kill_switch,
                       engine->kill_reason, engine->next_start_order, engine->anonymous_unsettled);
        for (size_t i = 0; i < engine->count; i++)
                print_live(&out, engine->live[i]);
        size_t len;
        return sal_buf_take(&out, &len);
}

/* ---- the population, counted anew ---- */

struct recount {
        struct sal_tx *tx;
        const struct sal_live *live;
        const struct sal_machine *machine;
        int64_t waiting[SAL_PLAN_MAX_RINGS], reached_touched, unoffered;
        bool has_offer, served, touched; /* of the machine at hand */
};

static inline bool recount_offer(void *arg, const struct sal_offer *offer) {
        struct recount *recount = arg;
        const char *undoes = recount->live->launch->campaign->undoes;
        struct sal_campaign_row row = {0};
        if (offer->campaign_row == recount->live->row.row && !offer->offline)
                recount->has_offer = true;
        if (offer->campaign_row == recount->live->row.row && !offer->offline &&
            offer->incarnation == recount->machine->incarnation &&
            (strcmp(sal_offer_state_name(offer->state), "recalled") || offer->late_applied))
                recount->served = true;
        assert_ok(sal_campaign_row_get_row(recount->tx, offer->campaign_row, &row));
        const char *state = sal_offer_state_name(offer->state), *cause = sal_cause_name(offer->cause);
        bool reached = !strcmp(state, "applied") || !strcmp(state, "succeeded") || !strcmp(cause, "relapsed") ||
                       !strcmp(cause, "silent") || !strcmp(cause, "repolled") || offer->late_applied;
        if (undoes && !strcmp(row.id, undoes) && offer->incarnation == recount->machine->incarnation && reached)
                recount->touched = true;
        sal_campaign_row_done(&row);
        return true;
}

static inline bool recount_machine(void *arg, const struct sal_machine *machine) {
        struct recount *recount = arg;
        const struct sal_campaign *campaign = recount->live->launch->campaign;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        if (machine->facts)
                assert_ok(sal_facts_parse_text(machine->facts, &facts));
        if (!machine->facts || machine->opt_out || machine->anonymous || !sal_selector_match(campaign->match, facts) ||
            !sal_limits_reach_text(recount->live->limits, machine->id, machine->labels))
                return true;
        recount->machine = machine;
        recount->has_offer = recount->served = recount->touched = false;
        assert_ok(sal_offer_each_of_machine(recount->tx, machine->row, 0, 0, recount_offer, recount));
        recount->reached_touched += recount->has_offer;
        bool reached = !campaign->undoes || recount->touched;
        recount->unoffered += !recount->has_offer && reached;
        if (!recount->served && reached &&
            !sal_tally_held(recount->live->tally, sal_cohorts_of(&campaign->plan, facts, cohorts), cohorts))
                recount->waiting[sal_ring_of(&campaign->plan, campaign->id, machine->id, machine->pin)]++;
        return true;
}

static inline enum sal_status recount_job(struct world *w, struct sal_tx *tx, void *arg) {
        (void)arg;
        for (size_t i = 0; i < w->service->engine->count; i++) {
                struct recount recount = {.tx = tx, .live = w->service->engine->live[i]};
                if (!sal_campaign_live(recount.live->row.state))
                        continue;
                assert_true(recount.live->scan_done);
                assert_ok(sal_machine_each(tx, 0, -1, 0, recount_machine, &recount));
                assert_int_equal(recount.reached_touched, recount.live->reached_touched);
                assert_int_equal(recount.unoffered, recount.live->unoffered);
                for (int ring = 0; ring < SAL_PLAN_MAX_RINGS; ring++)
                        if (recount.waiting[ring] != recount.live->waiting[ring])
                                fail_msg("%s ring %d: %" PRId64 " wait, the engine says %" PRId64, recount.live->row.id,
                                         ring, recount.waiting[ring], recount.live->waiting[ring]);
        }
        return SAL_OK;
}

static inline void check_population(struct world *w) {
        assert_ok(world_run(w, recount_job, NULL));
}

/* ---- sums, counted anew with SQL ---- */

#define check_equal(w, live, value, condition)                                                                        \
        do {                                                                                                          \
                char sql_[320];                                                                                       \
                snprintf(sql_, sizeof sql_,                                                                           \
                         "SELECT count(*) FROM offer WHERE campaign_row = %" PRId64 " AND offline = 0 AND %s",        \
                         (live)->row.row, condition);                                                                 \
                int64_t counted_ = sql_int(w, sql_);                                                                  \
                if (counted_ != (value))                                                                              \
                        fail_msg("%s: %s is %" PRId64 ", counted %" PRId64, (live)->row.id, #value, (int64_t)(value), \
                                 counted_);                                                                           \
        } while (0)

static inline void check_sums(struct world *w) {
        for (size_t i = 0; i < w->service->engine->count; i++) {
                const struct sal_live *live = w->service->engine->live[i];
                struct sal_evidence totals;
                char counted[128], condition[200];
                sal_tally_totals(live->tally, &totals);
                check_equal(w, live, live->row.offers_made, "1");
                check_equal(w, live, live->row.unsettled, "state IN (0, 1)");
                check_equal(w, live, live->row.succeeded, "state = 2");
                check_equal(w, live, live->row.failed, "state = 3 AND cause IN (1, 5)");
                check_equal(w, live, live->row.silent, "state = 3 AND cause IN (2, 3, 4)");
                check_equal(w, live, live->row.not_applicable, "state = 4");
                check_equal(w, live, live->row.recalled, "state = 5");
                check_equal(w, live, live->anonymous_unsettled, "state IN (0, 1) AND anonymous = 1");
                snprintf(condition, sizeof condition, "state IN (0, 1) AND excluded = 1 AND period = %" PRId64,
                         live->row.period);
                check_equal(w, live, live->excluded_unsettled, condition);
                snprintf(counted, sizeof counted, "counted = 1 AND excluded = 0 AND period = %" PRId64,
                         live->row.period);
                snprintf(condition, sizeof condition, "%s AND state <> 4", counted);
                check_equal(w, live, totals.offered, condition);
                snprintf(condition, sizeof condition, "%s AND state = 3 AND cause IN (1, 5)", counted);
                check_equal(w, live, totals.failed, condition);
                snprintf(condition, sizeof condition, "%s AND state = 3 AND cause IN (2, 3, 4)", counted);
                check_equal(w, live, totals.silent, condition);
        }
}

/* ---- journal ---- */

static inline bool check_entry(void *arg, const struct sal_journal_entry *entry) {
        int64_t *seq = arg;
        assert_int_equal(entry->seq, ++*seq);
        if (entry->type != SAL_JOURNAL_DECISION)
                return true;
        static const char *const members[] = {"id", "at", "campaign", "version", "verdict", "by", "rule", "evidence"};
        sal_autojson json_t *decision = json_loads(entry->detail, 0, NULL);
        for (size_t i = 0; i < SAL_ARRAY_LEN(members); i++)
                if (!json_object_get(decision, members[i]))
                        fail_msg("no %s in %s", members[i], entry->detail);
        char id[24];
        snprintf(id, sizeof id, "d%" PRId64, entry->seq);
        assert_string_equal(json_string_value(json_object_get(decision, "id")), id);
        const json_t *evidence = json_object_get(decision, "evidence");
        assert_true(json_is_integer(json_object_get(evidence, "offered")));
        assert_true(json_is_integer(json_object_get(evidence, "failed")));
        assert_true(json_is_integer(json_object_get(evidence, "silent")));
        assert_true(json_is_number(json_object_get(evidence, "ln_e")));
        assert_true(json_is_number(json_object_get(evidence, "bound")));
        return true;
}

static inline enum sal_status journal_job(struct world *w, struct sal_tx *tx, void *arg) {
        (void)w, (void)arg;
        int64_t seq = 0;
        assert_ok(sal_journal_each(tx, 0, 0, check_entry, &seq));
        assert_int_equal(seq, sal_journal_seq(tx));
        return SAL_OK;
}

/* The newest row of every offer and campaign tells the state that it is in: no change went by in silence. What came
 * without an offer is told by a report. */
static inline void check_told(struct world *w) {
        assert_int_equal(sql_int(w,
                                 "SELECT count(*) FROM offer o WHERE offline = 0 AND (SELECT type * 100 + cause FROM "
                                 "journal WHERE "
                                 "offer_row = o.row AND type IN (0, 2, 3, 4, 5, 6) ORDER BY seq DESC LIMIT 1) IS NOT "
                                 "(CASE state WHEN 0 THEN 0 ELSE state + 1 END) * 100 + cause"),
                         0);
        for (int state = SAL_CAMPAIGN_READY; state < SAL_CAMPAIGN_STATES; state++) {
                char sql[320];
                snprintf(sql, sizeof sql,
                         "SELECT count(*) FROM campaign c WHERE state = %d AND (SELECT json_extract(detail, '$.state') "
                         "FROM journal WHERE type = 7 AND campaign = c.id AND version = c.version ORDER BY seq DESC "
                         "LIMIT 1) IS NOT '%s'",
                         state, sal_campaign_state_name((enum sal_campaign_state)state));
                assert_int_equal(sql_int(w, sql), 0);
        }
}

/* The newest decision of a campaign, as JSON (a new reference), NULL for none. */
static inline bool keep_decision(void *arg, const struct sal_journal_entry *entry) {
        json_t **newest = arg;
        json_decref(*newest);
        *newest = json_loads(entry->detail, 0, NULL);
        return true;
}

struct newest_call {
        const char *id;
        json_t *decision;
};

static inline enum sal_status newest_job(struct world *w, struct sal_tx *tx, void *arg) {
        (void)w;
        struct newest_call *call = arg;
        return sal_journal_each_decision(tx, call->id, 0, 0, 0, keep_decision, &call->decision);
}

static inline json_t *newest_decision(struct world *w, const char *id) {
        struct newest_call call = {.id = id};
        assert_ok(world_run(w, newest_job, &call));
        return call.decision;
}

/* How often the campaign's journal tells this verdict. */
static inline int64_t verdicts(struct world *w, const char *id, const char *verdict) {
        char sql[200];
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM journal WHERE campaign = '%s' AND type = 8 AND detail LIKE "
                 "'%%\"verdict\":\"%s\"%%'",
                 id, verdict);
        return sql_int(w, sql);
}

/* ---- all of it ---- */

static inline void check_restart(struct world *w) {
        sal_autofree char *before = engine_text(w);
        world_restart(w);
        sal_autofree char *after = engine_text(w);
        assert_string_equal(before, after);
}

static inline void world_check(struct world *w) {
        assert_ok(world_run(w, journal_job, NULL));
        check_told(w);
        check_replay(w);
        check_product_replay(w);
        check_population(w);
        check_sums(w);
        check_restart(w);
        check_population(w);
}

#endif
