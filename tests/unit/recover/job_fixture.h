/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job on a scratch tree, for the tests that carry campaigns out.
 *
 * Thread: one. Ownership: stage_done closes what stage_open opened.
 */
#ifndef SAL_TEST_RECOVER_JOB_FIXTURE_H
#define SAL_TEST_RECOVER_JOB_FIXTURE_H

#include "fixture.h"

#include "salvor-recover/job.h"

#define CROWDSTRIKE "Windows/System32/drivers/CrowdStrike"

struct stage {
        struct fixture f;
        struct sal_tree *tree;
        struct sal_store *store;
        struct sal_job job;
        char why[256];
};

static inline void stage_open(struct stage *s) {
        struct sal_err error = {0};
        if (sal_tree_open(s->f.root, &s->tree, &error) || sal_store_open(s->f.state, &s->store, &error))
                fail_msg("%s", error.detail);
        s->job = (struct sal_job){.tree = s->tree, .store = s->store, .machine_id = "m1", .boot_id = "boot-1"};
}

static inline void stage_close(struct stage *s) {
        sal_tree_free(s->tree);
        sal_store_free(s->store);
        s->tree = NULL;
        s->store = NULL;
}

static inline enum sal_outcome run(struct stage *s, const struct sal_campaign *campaign, const char *offer_id) {
        const struct sal_job_offer offer = {.offer_id = offer_id, .campaign = "test", .version = 1};
        enum sal_outcome outcome = SAL_OUTCOME_NONE;
        struct sal_err error = {0};
        if (sal_job_run(&s->job, &offer, campaign, &outcome, s->why, &error))
                fail_msg("%s", error.detail);
        return outcome;
}

/* Runs the actions and verifies given as JSON. */
static inline enum sal_outcome run_json(struct stage *s, const char *actions, const char *verify) {
        static int number;
        char offer_id[32];
        snprintf(offer_id, sizeof offer_id, "offer-%d", ++number);
        struct sal_campaign *campaign = campaign_of(actions, verify);
        enum sal_outcome outcome = run(s, campaign, offer_id);
        sal_campaign_unref(campaign);
        return outcome;
}

static inline size_t report_count(struct stage *s) {
        char names[SAL_STORE_MAX_REPORTS][SAL_STORE_NAME_BYTES];
        size_t count = 0;
        assert_int_equal(sal_store_reports(s->store, names, &count, NULL), SAL_OK);
        return count;
}

/* The tree of the outage: a good 290, a bad and a good 291, as they stood side by side on many machines. */
static inline void make_outage(const char *root) {
        make_dirs(root, CROWDSTRIKE);
        put(root, CROWDSTRIKE "/C-00000290-00000000-00000001.sys", "good 290", "2024-07-18T20:00:00Z");
        put(root, CROWDSTRIKE "/C-00000291-00000000-00000032.sys", "bad 291", "2024-07-19T04:09:00Z");
        put(root, CROWDSTRIKE "/C-00000291-00000000-00000033.sys", "good 291", "2024-07-19T05:27:00Z");
        put(root, "Windows/System32/drivers/ntfs.sys", "driver", "2024-01-01T00:00:00Z");
}

#define OUTAGE_PATH "${SYSTEM}/drivers/CrowdStrike/C-00000291*.sys"
#define OUTAGE_REQUIRE "\"require\":{\"mtime_before\":\"2024-07-19T05:27:00Z\"}"
#define OUTAGE_ACTION "{\"kind\":\"delete_file\",\"path\":\"" OUTAGE_PATH "\",\"max_matches\":8," OUTAGE_REQUIRE "}"
#define OUTAGE_VERIFY "{\"kind\":\"path_absent\",\"path\":\"" OUTAGE_PATH "\"," OUTAGE_REQUIRE "}"

#endif
