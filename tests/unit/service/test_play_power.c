/* SPDX-License-Identifier: Apache-2.0 */
/* Plays: users who switch their machines off and on, reports that come late or from elsewhere, new images. */
#include "harness.h"

/* One ring of an hour's soak, deadline 600 s, window 7200 s, three attempts. Many may be out at once. */
#define PLAY                                                                                                       \
        PLAN("\"rings\":[{\"name\":\"all\",\"share\":1,\"soak_seconds\":3600,\"growth\":2}],\"cohorts\":[],"       \
             "\"outcome_deadline_seconds\":600,\"relapse_window_seconds\":7200,\"max_attempts\":3,\"in_flight\":{" \
             "\"initial\":5,\"max\":1000}")
#define DRILL "{\"drill\":true," ONE_RING_ROLLOUT "}"

static int64_t stands(struct world *w, const char *machine, enum sal_standing standing) {
        char sql[160];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM machine WHERE id = '%s' AND standing = %d", machine, standing);
        return sql_int(w, sql);
}

static struct sal_evidence totals_of(struct world *w, const char *id) {
        struct sal_evidence totals;
        sal_tally_totals(live_of(w, id)->tally, &totals);
        return totals;
}

/* The user presses the button every minute. Each boot settles what the one before was offered, until the attempts are
 * used up; only the first one counts. */
static void a_boot_per_minute(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", PLAY);
        int64_t offers[3];
        for (int n = 0; n < 3; n++) {
                char boot[16];
                snprintf(boot, sizeof boot, "boot-%d", n);
                struct told told = poll(w, .machine = "m-0001", .boot = boot);
                assert_told(told, "offered");
                assert_int_equal(told.attempt, n + 1);
                offers[n] = told.offer;
                pass(w, MINUTE);
        }
        assert_told(poll(w, .machine = "m-0001", .boot = "boot-3"), "attempts_exhausted");
        for (int n = 0; n < 3; n++)
                assert_offer(w, offers[n], "failed", "repolled");
        assert_int_equal(stands(w, "m-0001", SAL_STANDING_NEEDS_HANDS), 1);
        for (int n = 4; n < 40; n++) {
                char boot[16];
                snprintf(boot, sizeof boot, "boot-%d", n);
                assert_told(poll(w, .machine = "m-0001", .boot = boot), "attempts_exhausted");
                pass(w, MINUTE);
        }
        assert_int_equal(totals_of(w, "fix").offered, 1);
        assert_int_equal(totals_of(w, "fix").silent, 1);
        assert_int_equal(verdicts(w, "fix", "halt"), 0);
}

/* Four users who do so at once stop the rescue, as four silent machines would. */
static void four_impatient_users(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", PLAY);
        int64_t offers[5];
        for (int n = 0; n < 5; n++)
                offers[n] = offer_to(w, machine_name(n + 1));
        for (int n = 0; n < 4; n++) {
                assert_state(w, "fix", "active");
                poll(w, .machine = machine_name(n + 1), .boot = "boot-2");
        }
        assert_state(w, "fix", "halted");
        assert_offer(w, offers[4], "recalled", "halt");
}

/* Two boots whose polls cross on their way: the older one is no new boot, settles nothing and is offered nothing. */
static void boots_that_alternate(void **state) {
        struct world *w = *state;
        start(w, "fix", PLAY);
        int64_t first = offer_to(w, "m-1");
        struct told second = poll(w, .machine = "m-1", .boot = "boot-2");
        assert_told(second, "offered");
        assert_offer(w, first, "failed", "repolled");
        for (int n = 0; n < 20; n++) {
                struct told old = poll(w, .machine = "m-1", .boot = "boot-1");
                if (old.offer)
                        assert_int_equal(old.offer, second.offer);
                assert_int_equal(poll(w, .machine = "m-1", .boot = "boot-2").offer, second.offer);
        }
        assert_offer(w, second.offer, "offered", "");
        assert_true(report_from(w, "m-1", second.offer, "applied", "boot-2", NULL));
        poll(w, .machine = "m-1", .boot = "boot-1");
        assert_offer(w, second.offer, "applied", "");
        assert_int_equal(live_of(w, "fix")->row.offers_made, 2);
}

/* A person asks, or holds an exercise, in between: neither is a boot that failed. */
static void requests_and_drills_in_between(void **state) {
        struct world *w = *state;
        start(w, "fix", PLAY);
        start(w, "exercise", DRILL);
        int64_t offer = offer_to(w, "m-1");
        assert_int_equal(poll(w, .machine = "m-1", .boot = "boot-2", .reason = SAL_POLL_REQUESTED).offer, offer);
        struct told drill = poll(w, .machine = "m-1", .boot = "boot-3", .reason = SAL_POLL_DRILL);
        assert_int_equal(drill.offer, 0); /* one unsettled offer at a time */
        assert_offer(w, offer, "offered", "");
        assert_int_equal(poll(w, .machine = "m-1", .boot = "boot-4", .reason = SAL_POLL_REQUESTED).offer, offer);
        assert_true(report_from(w, "m-1", offer, "applied", "boot-4", NULL));
        poll(w, .machine = "m-1", .boot = "boot-5", .reason = SAL_POLL_REQUESTED);
        poll(w, .machine = "m-1", .boot = "boot-6", .reason = SAL_POLL_DRILL);
        assert_offer(w, offer, "applied", "");
        poll(w, .machine = "m-1", .boot = "boot-7");
        assert_offer(w, offer, "failed", "relapsed");
}

/* The first attempt fell silent; the second was made; now the first one's report comes. */
static void a_report_of_the_attempt_before(void **state) {
        struct world *w = *state;
        start(w, "fix", PLAY);
        int64_t first = offer_to(w, "m-1");
        pass(w, 600);
        assert_offer(w, first, "failed", "silent");
        struct told second = poll(w, .machine = "m-1"); /* in the same boot: silence needs no new one */
        assert_told(second, "offered");
        assert_int_equal(second.attempt, 2);
        assert_int_not_equal(second.offer, first);
        assert_false(report(w, "m-1", first, "applied"));
        assert_offer(w, first, "failed", "silent");
        assert_offer(w, second.offer, "offered", "");
        assert_true(report(w, "m-1", second.offer, "applied"));
        pass(w, HOUR);
        assert_offer(w, second.offer, "succeeded", "");
        /* The later attempt is in no sum of the halt rule. */
        assert_int_equal(totals_of(w, "fix").offered, 1);
        assert_int_equal(totals_of(w, "fix").silent, 1);
}

/* However an offer ended without the fix being known to be on: one late `applied`, and nothing is offered again. */
static void late_applied_after_everything(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", PLAY);
        int64_t silent = offer_to(w, "m-0001");
        pass(w, 600);
        assert_false(report(w, "m-0001", silent, "applied"));
        int64_t repolled = offer_to(w, "m-0002");
        change_machine(w, "m-0003", "{\"opt_out\":true}");
        change_machine(w, "m-0003", "{\"opt_out\":false}");
        int64_t recalled = offer_to(w, "m-0003");
        change_machine(w, "m-0003", "{\"opt_out\":true}");
        assert_offer(w, recalled, "recalled", "opt_out");
        assert_false(report(w, "m-0003", recalled, "applied"));
        change_machine(w, "m-0003", "{\"opt_out\":false}");
        int64_t refused = offer_to(w, "m-0004");
        assert_true(report(w, "m-0004", refused, "refused"));
        assert_false(report(w, "m-0004", refused, "applied"));
        static const char *const machines[] = {"m-0001", "m-0003", "m-0004"};
        for (size_t n = 0; n < SAL_ARRAY_LEN(machines); n++)
                for (int boot = 2; boot < 5; boot++)
                        assert_told(poll(w, .machine = machines[n],
                                         .boot = boot == 2   ? "boot-2"
                                                 : boot == 3 ? "boot-3"
                                                             : "boot-4"),
                                    "already_succeeded");
        assert_offer(w, repolled, "offered", "");
        assert_int_equal(totals_of(w, "fix").offered, 4);
        assert_int_equal(totals_of(w, "fix").silent, 2);
        assert_int_equal(totals_of(w, "fix").failed, 0);
}

/* `healthy` comes from the whole system: whatever its boot id is, it counts. */
static void healthy_from_another_boot(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", PLAY);
        int64_t offered = offer_to(w, "m-0001"), applied = offer_to(w, "m-0002");
        assert_true(report(w, "m-0002", applied, "applied"));
        assert_false(report_from(w, "m-0001", offered, "applied", "full-system", NULL));
        assert_true(report_from(w, "m-0001", offered, "healthy", "full-system", NULL));
        assert_true(report_from(w, "m-0002", applied, "healthy", "full-system", NULL));
        assert_offer(w, offered, "succeeded", "");
        assert_offer(w, applied, "succeeded", "");
        /* And within the window the boots that fail later are relapses all the same. */
        pass(w, 7200);
        poll(w, .machine = "m-0001", .boot = "boot-2");
        assert_offer(w, offered, "failed", "relapsed");
        pass(w, 1);
        poll(w, .machine = "m-0002", .boot = "boot-2");
        assert_offer(w, applied, "succeeded", "");
}

/* Who can say `healthy` has to: no soak makes it a success. Who cannot is not held to it. */
static void can_healthy(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", PLAN(ONE_RING ",\"outcome_deadline_seconds\":600,\"in_flight\":{\"initial\":5,\"max\":99}"));
        struct told able = poll(w, .machine = "m-0001", .can_healthy = true);
        struct told mute = poll(w, .machine = "m-0002", .can_healthy = true);
        int64_t plain = offer_to(w, "m-0003");
        pass(w, 100);
        assert_true(report(w, "m-0001", able.offer, "applied"));
        assert_true(report(w, "m-0002", mute.offer, "applied"));
        assert_true(report(w, "m-0003", plain, "applied"));
        pass(w, 60);
        assert_offer(w, plain, "succeeded", "");
        assert_offer(w, able.offer, "applied", "");
        pass(w, 539); /* a second before the deadline, counted from `applied` */
        assert_offer(w, mute.offer, "applied", "");
        assert_true(report_from(w, "m-0001", able.offer, "healthy", "full", NULL));
        pass(w, 1);
        assert_offer(w, able.offer, "succeeded", "");
        assert_offer(w, mute.offer, "failed", "silent");
        assert_int_equal(totals_of(w, "fix").silent, 1);
}

struct enroll_call {
        const char *machine;
};

static enum sal_status reimage_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct enroll_call *call = arg;
        struct sal_act act = world_act(w, tx, "ann");
        struct sal_enrollment enrollment = {0};
        sal_autojson json_t *body = json_pack("{s:b,s:b}", "reenroll", 1, "reimaged", 1);
        assert_ok(sal_tokens_create(&act, body, &w->json, &w->err));
        const char *secret = json_string_value(json_object_get(w->json, "token"));
        sal_secret_token_digest(secret, strlen(secret), enrollment.token_sha256);
        snprintf(enrollment.machine_id, sizeof enrollment.machine_id, "%s", call->machine);
        return sal_enroll_run(w->service, tx, &enrollment, &w->err);
}

/* Nothing of the machine before its new image counts against it, and its reports are of another machine. */
static void a_report_of_the_image_before(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", PLAY);
        int64_t offered = offer_to(w, "m-0001"), applied = offer_to(w, "m-0002");
        assert_true(report(w, "m-0002", applied, "applied"));
        assert_ok(world_run(w, reimage_job, &(struct enroll_call){"m-0001"}));
        assert_ok(world_run(w, reimage_job, &(struct enroll_call){"m-0002"}));
        assert_offer(w, offered, "recalled", "reimaged");
        assert_offer(w, applied, "applied", "");
        assert_false(report(w, "m-0001", offered, "applied"));
        assert_false(report(w, "m-0001", offered, "healthy"));
        assert_false(report(w, "m-0002", applied, "healthy"));
        assert_offer(w, offered, "recalled", "reimaged");
        assert_offer(w, applied, "applied", "");
        /* A failed boot of the new image is no relapse; it is offered the fix, as a first attempt that counts. */
        struct told told = poll(w, .machine = "m-0002", .boot = "boot-2");
        assert_told(told, "offered");
        assert_int_equal(told.attempt, 1);
        assert_offer(w, applied, "applied", "");
        assert_int_equal(totals_of(w, "fix").offered, 3);
        assert_int_equal(poll(w, .machine = "m-0001", .boot = "boot-2").attempt, 1);
        assert_int_equal(totals_of(w, "fix").offered, 4);
}

/* A machine is thrown out while its offer is out, and comes back: its past stays. */
static void deleted_and_back(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", PLAY);
        int64_t first = offer_to(w, "m-0001");
        assert_true(report(w, "m-0001", first, "failed"));
        int64_t second = poll(w, .machine = "m-0001", .boot = "boot-2").offer;
        assert_int_not_equal(second, 0);
        delete_machine(w, "m-0001");
        assert_offer(w, second, "recalled", "deleted");
        struct told back = poll(w, .machine = "m-0001", .boot = "boot-3");
        assert_told(back, "offered");
        assert_int_equal(back.attempt, 2); /* a recall uses none, a failure does */
        assert_int_equal(totals_of(w, "fix").offered, 1);
}

/* A machine whose boot fails again speaks against everything that was put on it lately. */
static void a_relapse_across_campaigns(void **state) {
        struct world *w = *state;
        start(w, "one", PLAN(ONE_RING ",\"relapse_window_seconds\":1000"));
        start(w, "two", "{\"priority\":-1," ONE_RING_ROLLOUT "}");
        struct told one = poll(w, .machine = "m-1");
        assert_string_equal(one.campaign, "one");
        assert_true(report(w, "m-1", one.offer, "healthy"));
        pass(w, 900);
        struct told two = poll(w, .machine = "m-1", .boot = "boot-2", .reason = SAL_POLL_REQUESTED);
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "one")); /* it ended; what it did is charged all the same */
        assert_string_equal(two.campaign, "two");
        assert_true(report_from(w, "m-1", two.offer, "healthy", "boot-2", NULL));
        pass(w, 100);
        poll(w, .machine = "m-1", .boot = "boot-3");
        assert_offer(w, one.offer, "failed", "relapsed");
        assert_offer(w, two.offer, "failed", "relapsed");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_boot_per_minute, world_setup, world_done),
                cmocka_unit_test_setup_teardown(four_impatient_users, world_setup, world_done),
                cmocka_unit_test_setup_teardown(boots_that_alternate, world_setup, world_done),
                cmocka_unit_test_setup_teardown(requests_and_drills_in_between, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_report_of_the_attempt_before, world_setup, world_done),
                cmocka_unit_test_setup_teardown(late_applied_after_everything, world_setup, world_done),
                cmocka_unit_test_setup_teardown(healthy_from_another_boot, world_setup, world_done),
                cmocka_unit_test_setup_teardown(can_healthy, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_report_of_the_image_before, world_setup, world_done),
                cmocka_unit_test_setup_teardown(deleted_and_back, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_relapse_across_campaigns, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
