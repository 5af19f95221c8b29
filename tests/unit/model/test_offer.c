/* SPDX-License-Identifier: Apache-2.0 */
#include "model/offer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

/* Every pair of state and event that changes something; all others must not. */
static const struct {
        enum sal_offer_state from;
        enum sal_offer_event event;
        enum sal_offer_state to;
        enum sal_cause cause;
} offer_changes[] = {
        {SAL_OFFER_OFFERED, SAL_EVENT_REPORT_APPLIED, SAL_OFFER_APPLIED, SAL_CAUSE_NONE},
        {SAL_OFFER_OFFERED, SAL_EVENT_REPORT_HEALTHY, SAL_OFFER_SUCCEEDED, SAL_CAUSE_NONE},
        {SAL_OFFER_OFFERED, SAL_EVENT_REPORT_NOT_APPLICABLE, SAL_OFFER_NOT_APPLICABLE, SAL_CAUSE_NONE},
        {SAL_OFFER_OFFERED, SAL_EVENT_REPORT_FAILED, SAL_OFFER_FAILED, SAL_CAUSE_REPORTED},
        {SAL_OFFER_OFFERED, SAL_EVENT_REPORT_REFUSED, SAL_OFFER_FAILED, SAL_CAUSE_REFUSED},
        {SAL_OFFER_OFFERED, SAL_EVENT_DEADLINE, SAL_OFFER_FAILED, SAL_CAUSE_SILENT},
        {SAL_OFFER_OFFERED, SAL_EVENT_REPOLLED, SAL_OFFER_FAILED, SAL_CAUSE_REPOLLED},
        {SAL_OFFER_OFFERED, SAL_EVENT_RECALLED, SAL_OFFER_RECALLED, SAL_CAUSE_HALT},
        {SAL_OFFER_APPLIED, SAL_EVENT_REPORT_HEALTHY, SAL_OFFER_SUCCEEDED, SAL_CAUSE_NONE},
        {SAL_OFFER_APPLIED, SAL_EVENT_SOAKED, SAL_OFFER_SUCCEEDED, SAL_CAUSE_NONE},
        {SAL_OFFER_APPLIED, SAL_EVENT_DEADLINE, SAL_OFFER_FAILED, SAL_CAUSE_SILENT},
        {SAL_OFFER_APPLIED, SAL_EVENT_RELAPSED, SAL_OFFER_FAILED, SAL_CAUSE_RELAPSED},
        {SAL_OFFER_SUCCEEDED, SAL_EVENT_RELAPSED, SAL_OFFER_FAILED, SAL_CAUSE_RELAPSED},
};

static void offers_change_only_as_the_table_says(void **state) {
        (void)state;
        int changes = 0;
        for (int from = 0; from < SAL_OFFER_STATES; from++) {
                for (int event = 0; event < SAL_OFFER_EVENTS; event++) {
                        enum sal_offer_state to = (enum sal_offer_state)77;
                        enum sal_cause cause = SAL_CAUSE_HALT;
                        size_t n = 0;
                        while (n < LEN(offer_changes) &&
                               ((int)offer_changes[n].from != from || (int)offer_changes[n].event != event))
                                n++;
                        bool changed =
                                sal_offer_next((enum sal_offer_state)from, (enum sal_offer_event)event, &to, &cause);
                        assert_int_equal(changed, n < LEN(offer_changes));
                        assert_int_equal(to, changed ? offer_changes[n].to : 77);
                        assert_int_equal(cause, changed ? offer_changes[n].cause : SAL_CAUSE_HALT);
                        changes += changed;
                }
        }
        assert_int_equal(changes, LEN(offer_changes));
}

static void final_states_stay(void **state) {
        (void)state;
        static const enum sal_offer_state final[] = {SAL_OFFER_FAILED, SAL_OFFER_NOT_APPLICABLE, SAL_OFFER_RECALLED};
        enum sal_offer_state to;
        enum sal_cause cause;
        for (size_t n = 0; n < LEN(final); n++) {
                for (int event = 0; event < SAL_OFFER_EVENTS; event++)
                        assert_false(sal_offer_next(final[n], (enum sal_offer_event)event, &to, &cause));
        }
}

static void weights_follow_the_halt_rule(void **state) {
        (void)state;
        assert_int_equal(sal_offer_weight(SAL_OFFER_OFFERED, SAL_CAUSE_NONE), SAL_WEIGHT_PENDING);
        assert_int_equal(sal_offer_weight(SAL_OFFER_APPLIED, SAL_CAUSE_NONE), SAL_WEIGHT_PENDING);
        assert_int_equal(sal_offer_weight(SAL_OFFER_RECALLED, SAL_CAUSE_HALT), SAL_WEIGHT_PENDING);
        assert_int_equal(sal_offer_weight(SAL_OFFER_SUCCEEDED, SAL_CAUSE_NONE), SAL_WEIGHT_SUCCESS);
        assert_int_equal(sal_offer_weight(SAL_OFFER_NOT_APPLICABLE, SAL_CAUSE_NONE), SAL_WEIGHT_NOT_APPLICABLE);
        assert_int_equal(sal_offer_weight(SAL_OFFER_FAILED, SAL_CAUSE_REPORTED), SAL_WEIGHT_FAILED);
        assert_int_equal(sal_offer_weight(SAL_OFFER_FAILED, SAL_CAUSE_RELAPSED), SAL_WEIGHT_FAILED);
        assert_int_equal(sal_offer_weight(SAL_OFFER_FAILED, SAL_CAUSE_SILENT), SAL_WEIGHT_SILENT);
        assert_int_equal(sal_offer_weight(SAL_OFFER_FAILED, SAL_CAUSE_REPOLLED), SAL_WEIGHT_SILENT);
        assert_int_equal(sal_offer_weight(SAL_OFFER_FAILED, SAL_CAUSE_REFUSED), SAL_WEIGHT_SILENT);
        for (int n = 0; n < SAL_OFFER_STATES; n++)
                assert_int_equal(sal_offer_unsettled((enum sal_offer_state)n),
                                 n == SAL_OFFER_OFFERED || n == SAL_OFFER_APPLIED);
}

static const struct {
        enum sal_campaign_state from;
        enum sal_campaign_act act;
        enum sal_campaign_state to;
} campaign_changes[] = {
        {SAL_CAMPAIGN_DRAFT, SAL_ACT_SIGNED, SAL_CAMPAIGN_READY},
        {SAL_CAMPAIGN_DRAFT, SAL_ACT_UNSIGNED, SAL_CAMPAIGN_DRAFT},
        {SAL_CAMPAIGN_READY, SAL_ACT_SIGNED, SAL_CAMPAIGN_READY},
        {SAL_CAMPAIGN_READY, SAL_ACT_UNSIGNED, SAL_CAMPAIGN_DRAFT},
        {SAL_CAMPAIGN_READY, SAL_ACT_START, SAL_CAMPAIGN_ACTIVE},
        {SAL_CAMPAIGN_READY, SAL_ACT_WITHDRAW, SAL_CAMPAIGN_WITHDRAWN},
        {SAL_CAMPAIGN_READY, SAL_ACT_EXPIRE, SAL_CAMPAIGN_EXPIRED},
        {SAL_CAMPAIGN_ACTIVE, SAL_ACT_PAUSE, SAL_CAMPAIGN_PAUSED},
        {SAL_CAMPAIGN_ACTIVE, SAL_ACT_HALT, SAL_CAMPAIGN_HALTED},
        {SAL_CAMPAIGN_ACTIVE, SAL_ACT_COMPLETE, SAL_CAMPAIGN_COMPLETED},
        {SAL_CAMPAIGN_ACTIVE, SAL_ACT_WITHDRAW, SAL_CAMPAIGN_WITHDRAWN},
        {SAL_CAMPAIGN_ACTIVE, SAL_ACT_EXPIRE, SAL_CAMPAIGN_EXPIRED},
        {SAL_CAMPAIGN_PAUSED, SAL_ACT_RESUME, SAL_CAMPAIGN_ACTIVE},
        {SAL_CAMPAIGN_PAUSED, SAL_ACT_HALT, SAL_CAMPAIGN_HALTED},
        {SAL_CAMPAIGN_PAUSED, SAL_ACT_WITHDRAW, SAL_CAMPAIGN_WITHDRAWN},
        {SAL_CAMPAIGN_PAUSED, SAL_ACT_EXPIRE, SAL_CAMPAIGN_EXPIRED},
        {SAL_CAMPAIGN_HALTED, SAL_ACT_RESUME, SAL_CAMPAIGN_ACTIVE},
        {SAL_CAMPAIGN_HALTED, SAL_ACT_WITHDRAW, SAL_CAMPAIGN_WITHDRAWN},
        {SAL_CAMPAIGN_HALTED, SAL_ACT_EXPIRE, SAL_CAMPAIGN_EXPIRED},
        {SAL_CAMPAIGN_COMPLETED, SAL_ACT_PAUSE, SAL_CAMPAIGN_PAUSED},
        {SAL_CAMPAIGN_COMPLETED, SAL_ACT_HALT, SAL_CAMPAIGN_HALTED},
        {SAL_CAMPAIGN_COMPLETED, SAL_ACT_WITHDRAW, SAL_CAMPAIGN_WITHDRAWN},
        {SAL_CAMPAIGN_COMPLETED, SAL_ACT_EXPIRE, SAL_CAMPAIGN_EXPIRED},
};

static void campaigns_change_only_as_the_table_says(void **state) {
        (void)state;
        for (int from = 0; from < SAL_CAMPAIGN_STATES; from++) {
                for (int act = 0; act < SAL_CAMPAIGN_ACTS; act++) {
                        enum sal_campaign_state to = (enum sal_campaign_state)77;
                        size_t n = 0;
                        while (n < LEN(campaign_changes) &&
                               ((int)campaign_changes[n].from != from || (int)campaign_changes[n].act != act))
                                n++;
                        bool allowed =
                                sal_campaign_next((enum sal_campaign_state)from, (enum sal_campaign_act)act, &to);
                        assert_int_equal(allowed, n < LEN(campaign_changes));
                        assert_int_equal(to, allowed ? campaign_changes[n].to : 77);
                }
        }
}

static void only_live_campaigns_are_in_force_and_not_when_halted(void **state) {
        (void)state;
        for (int n = 0; n < SAL_CAMPAIGN_STATES; n++) {
                bool in_force = n == SAL_CAMPAIGN_ACTIVE || n == SAL_CAMPAIGN_PAUSED || n == SAL_CAMPAIGN_COMPLETED;
                assert_int_equal(sal_campaign_in_force((enum sal_campaign_state)n), in_force);
                assert_int_equal(sal_campaign_live((enum sal_campaign_state)n), in_force || n == SAL_CAMPAIGN_HALTED);
                bool runs = n == SAL_CAMPAIGN_ACTIVE || n == SAL_CAMPAIGN_COMPLETED;
                assert_int_equal(sal_campaign_runs((enum sal_campaign_state)n), runs);
        }
}

static void names_read_back(void **state) {
        (void)state;
        for (int n = 0; n < SAL_OFFER_STATES; n++)
                assert_int_equal(sal_offer_state_parse(sal_offer_state_name((enum sal_offer_state)n)), n);
        for (int n = 0; n < SAL_CAUSES; n++)
                assert_int_equal(sal_cause_parse(sal_cause_name((enum sal_cause)n)), n);
        for (int n = 0; n < SAL_CAMPAIGN_STATES; n++)
                assert_int_equal(sal_campaign_state_parse(sal_campaign_state_name((enum sal_campaign_state)n)), n);
        assert_int_equal(sal_offer_state_parse("Offered"), -1);
        assert_int_equal(sal_cause_parse("unknown"), -1);
        assert_int_equal(sal_campaign_state_parse(""), -1);
        assert_int_equal(sal_report_stage_parse("applied"), SAL_EVENT_REPORT_APPLIED);
        assert_int_equal(sal_report_stage_parse("failed"), SAL_EVENT_REPORT_FAILED);
        assert_int_equal(sal_report_stage_parse("refused"), SAL_EVENT_REPORT_REFUSED);
        assert_int_equal(sal_report_stage_parse("not_applicable"), SAL_EVENT_REPORT_NOT_APPLICABLE);
        assert_int_equal(sal_report_stage_parse("healthy"), SAL_EVENT_REPORT_HEALTHY);
        assert_int_equal(sal_report_stage_parse("soaked"), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(offers_change_only_as_the_table_says),
                cmocka_unit_test(final_states_stay),
                cmocka_unit_test(weights_follow_the_halt_rule),
                cmocka_unit_test(campaigns_change_only_as_the_table_says),
                cmocka_unit_test(only_live_campaigns_are_in_force_and_not_when_halted),
                cmocka_unit_test(names_read_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
