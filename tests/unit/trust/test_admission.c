/* SPDX-License-Identifier: Apache-2.0 */
/* Which envelope may be in force: k-1 signatures, one author twice, other names, domains, types, times. */
#include "campaigns.h"

struct fixture {
        struct world *w;
        struct sal_policy *policy;
};

static int set_up(void **state) {
        static struct fixture f;
        f.w = world_new();
        assert_int_equal(sal_policy_parse(f.w->policy, strlen(f.w->policy), &f.policy, NULL), SAL_OK);
        *state = &f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;
        sal_policy_unref(f->policy);
        world_free(f->w);
        return 0;
}

static void admits(const struct fixture *f, const char *envelope, const char *path, int64_t at_ms,
                   enum sal_admission expected) {
        const struct sal_admission_rules rules = {.policy = f->policy, .trust_domain = DOMAIN, .now_ms = at_ms};
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        struct sal_err err = {0};
        enum sal_admission got = sal_admit(&rules, path, envelope, strlen(envelope), &campaign, &err);
        if (got != expected)
                fail_msg("%s: expected %s, got %s: %s", path, sal_admission_text(expected), sal_admission_text(got),
                         err.detail);
        assert_int_equal(got == SAL_ADMIT_YES, campaign != NULL);
        assert_int_equal(got == SAL_ADMIT_YES, err.detail[0] == '\0');
}

static void good(void **state) {
        const struct fixture *f = *state;
        sal_autofree char *envelope = campaign_good(f->w, "fix", 1);
        admits(f, envelope, "campaigns/fix-1.json", now_ms, SAL_ADMIT_YES);
}

static void signatures(void **state) {
        const struct fixture *f = *state;
        static const int one[] = {AUTHOR_A}, twice[] = {AUTHOR_B, AUTHOR_B}, stranger[] = {AUTHOR_A, STRANGER},
                         online[] = {ONLINE, TARGETS_A, ROOT_A};
        sal_autofree char *payload = campaign_payload("fix", 1, NULL, NULL);
        sal_autofree char *none = campaign_seal(f->w, SAL_CAMPAIGN_TYPE, payload, NULL, 0);
        sal_autofree char *by_one = campaign_seal(f->w, SAL_CAMPAIGN_TYPE, payload, one, 1);
        sal_autofree char *by_one_twice = campaign_seal(f->w, SAL_CAMPAIGN_TYPE, payload, twice, 2);
        sal_autofree char *by_stranger = campaign_seal(f->w, SAL_CAMPAIGN_TYPE, payload, stranger, 2);
        sal_autofree char *by_others = campaign_seal(f->w, SAL_CAMPAIGN_TYPE, payload, online, 3);
        const char *all[] = {none, by_one, by_one_twice, by_stranger, by_others};
        for (size_t i = 0; i < SAL_ARRAY_LEN(all); i++)
                admits(f, all[i], "campaigns/fix-1.json", now_ms, SAL_ADMIT_SIGNATURES);
        /* a widened match under the authors' old signatures */
        static const int both[] = {AUTHOR_A, AUTHOR_B};
        sal_autofree char *sealed = campaign_seal(f->w, SAL_CAMPAIGN_TYPE, payload, both, 2);
        sal_autofree char *wide = campaign_payload("fix", 1, "/match", "{\"fact\":\"os\",\"exists\":true}");
        sal_auto(sal_envelope) struct sal_envelope *authors = NULL;
        sal_auto(sal_envelope) struct sal_envelope *forged = sal_envelope_new(SAL_CAMPAIGN_TYPE, wide, strlen(wide));
        assert_int_equal(sal_envelope_parse(sealed, strlen(sealed), SAL_CAMPAIGN_TYPE, &authors, NULL), SAL_OK);
        for (size_t i = 0; i < authors->signature_count; i++)
                assert_int_equal(sal_envelope_add(forged, authors->signatures[i].keyid, authors->signatures[i].sig,
                                                  authors->signatures[i].sig_len, NULL),
                                 SAL_OK);
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        sal_envelope_serialise(forged, &bytes);
        admits(f, bytes.data, "campaigns/fix-1.json", now_ms, SAL_ADMIT_SIGNATURES);
        /* a kind that no class holds: no number of authors helps */
        sal_autofree char *script = campaign_payload("fix", 1, "/actions/0",
                                                     "{\"kind\":\"run_script\",\"artifact\":{\"sha256\":\"" SHA
                                                     "\",\"length\":1},\"timeout_seconds\":5}");
        sal_autofree char *widened = campaign_seal(f->w, SAL_CAMPAIGN_TYPE, script, both, 2);
        admits(f, widened, "campaigns/fix-1.json", now_ms, SAL_ADMIT_SIGNATURES);
}

static void envelopes(void **state) {
        const struct fixture *f = *state;
        static const int both[] = {AUTHOR_A, AUTHOR_B};
        sal_autofree char *payload = campaign_payload("fix", 1, NULL, NULL);
        sal_autofree char *typed = campaign_seal(f->w, "application/json", payload, both, 2);
        admits(f, typed, "campaigns/fix-1.json", now_ms, SAL_ADMIT_ENVELOPE);
        admits(f, "", "campaigns/fix-1.json", now_ms, SAL_ADMIT_ENVELOPE);
        admits(f, "{}", "campaigns/fix-1.json", now_ms, SAL_ADMIT_ENVELOPE);
        /* signed TUF metadata is no envelope, whoever signed it */
        admits(f, world_get(f->w, "2.campaigns.json")->bytes, "campaigns/fix-1.json", now_ms, SAL_ADMIT_ENVELOPE);
        /* the payload type is part of what is signed */
        char *place = strstr(typed, "application/json");
        assert_non_null(place);
        sal_autobuf struct sal_buf swapped = SAL_BUF_INIT;
        sal_buf_append(&swapped, typed, (size_t)(place - typed));
        sal_buf_puts(&swapped, SAL_CAMPAIGN_TYPE);
        sal_buf_puts(&swapped, place + strlen("application/json"));
        admits(f, swapped.data, "campaigns/fix-1.json", now_ms, SAL_ADMIT_SIGNATURES);
        /* signed by both and no campaign */
        sal_autofree char *unknown = campaign_payload("fix", 1, "/only_if", "true");
        sal_autofree char *sealed = campaign_seal(f->w, SAL_CAMPAIGN_TYPE, unknown, both, 2);
        admits(f, sealed, "campaigns/fix-1.json", now_ms, SAL_ADMIT_PAYLOAD);
}

static void place_and_time(void **state) {
        const struct fixture *f = *state;
        static const int both[] = {AUTHOR_A, AUTHOR_B};
        sal_autofree char *envelope = campaign_good(f->w, "fix", 1);
        static const char *const names[] = {"campaigns/fix-2.json", "campaigns/other-1.json", "policy/fix-1.json",
                                            "campaigns/fix-1.json ", ""};
        for (size_t i = 0; i < SAL_ARRAY_LEN(names); i++)
                admits(f, envelope, names[i], now_ms, SAL_ADMIT_NAME);
        sal_autofree char *elsewhere =
                campaign_payload("fix", 1, "/trust_domain",
                                 "\"ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"");
        sal_autofree char *sealed = campaign_seal(f->w, SAL_CAMPAIGN_TYPE, elsewhere, both, 2);
        admits(f, sealed, "campaigns/fix-1.json", now_ms, SAL_ADMIT_TRUST_DOMAIN);
        /* 2026-05-10T00:00:00Z is the moment of expiry */
        admits(f, envelope, "campaigns/fix-1.json", now_ms + 9 * one_day_ms - 1, SAL_ADMIT_YES);
        admits(f, envelope, "campaigns/fix-1.json", now_ms + 9 * one_day_ms, SAL_ADMIT_EXPIRED);
        sal_autofree char *bad = campaign_good(f->w, "bad-fix", 7);
        admits(f, bad, "campaigns/bad-fix-7.json", now_ms, SAL_ADMIT_REVOKED);
        sal_autofree char *half = campaign_good(f->w, "half-bad", 1);
        admits(f, half, "campaigns/half-bad-1.json", now_ms, SAL_ADMIT_REVOKED);
        sal_autofree char *mended = campaign_good(f->w, "half-bad", 2);
        admits(f, mended, "campaigns/half-bad-2.json", now_ms, SAL_ADMIT_YES);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(good),
                TEST(signatures),
                TEST(envelopes),
                TEST(place_and_time),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
