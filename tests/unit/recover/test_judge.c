/* SPDX-License-Identifier: Apache-2.0 */
/* The judgement on offers: signed by two of three authors, and then everything that may be wrong with them. */
#include "fixture.h"

#include "salvor-recover/judge.h"
#include "trust/dsse.h"

static struct sal_private_key *authors[3], *stranger;
static struct sal_policy *policy;
static char domain[65];
static struct sal_facts *facts;

enum { NOT_BEFORE_S = 1767225600 }; /* 2026-01-01T00:00:00Z */

/* What a test changes of a campaign that is good. */
struct variant {
        const char *domain, *id, *not_before, *expires, *match, *actions, *drill;
        int version;
};

static struct variant good(void) {
        return (struct variant){.domain = domain,
                                .id = "fix",
                                .version = 1,
                                .not_before = "2026-01-01T00:00:00Z",
                                .expires = "2026-01-20T00:00:00Z",
                                .match = "{\"fact\":\"os\",\"eq\":\"windows\"}",
                                .actions = "[{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/drivers/x.sys\"}]",
                                .drill = "false"};
}

static char *payload_of(const struct variant *v) {
        struct sal_buf text = SAL_BUF_INIT;
        sal_buf_printf(
                &text,
                "{\"schema\":\"salvor.campaign/1\",\"id\":\"%s\",\"version\":%d,\"trust_domain\":\"%s\",\"title\":"
                "\"t\",\"not_before\":\"%s\",\"expires\":\"%s\",\"match\":%s,\"actions\":%s,\"drill\":%s}",
                v->id, v->version, v->domain, v->not_before, v->expires, v->match, v->actions, v->drill);
        return sal_buf_take(&text, NULL);
}

/* The envelope of a payload, signed by these keys. */
static char *envelope_of(const char *payload, const struct sal_private_key *const *keys, size_t count,
                         size_t *ret_len) {
        sal_auto(sal_envelope) struct sal_envelope *envelope =
                sal_envelope_new(SAL_CAMPAIGN_PAYLOAD_TYPE, payload, strlen(payload));
        struct sal_buf text = SAL_BUF_INIT;
        for (size_t i = 0; i < count; i++)
                assert_int_equal(sal_envelope_sign(envelope, keys[i], NULL), SAL_OK);
        sal_envelope_serialise(envelope, &text);
        return sal_buf_take(&text, ret_len);
}

struct asked {
        const char *reason, *target;
        int64_t now_ms;
};

static struct asked normally(void) {
        return (struct asked){.reason = "boot_failure",
                              .target = "campaigns/fix-1.json",
                              .now_ms = INT64_C(1000) * NOT_BEFORE_S + 1000};
}

static enum sal_verdict judge_bytes_of(const char *bytes, size_t len, const struct asked *asked,
                                       struct sal_err *error) {
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        const struct sal_judge judge = {.policy = policy,
                                        .trust_domain = domain,
                                        .reason = asked->reason,
                                        .facts = facts,
                                        .now_ms = asked->now_ms};
        enum sal_verdict verdict = sal_judge_campaign(&judge, asked->target, bytes, len, &campaign, error);
        assert_true((verdict == SAL_VERDICT_YES) == (campaign != NULL));
        return verdict;
}

static void expect(const struct variant *v, const struct asked *asked, enum sal_verdict expected, const char *why) {
        const struct sal_private_key *const signers[] = {authors[0], authors[2]};
        size_t len = 0;
        struct sal_err error = {0};
        sal_autofree char *payload = payload_of(v), *bytes = envelope_of(payload, signers, 2, &len);
        enum sal_verdict verdict = judge_bytes_of(bytes, len, asked, &error);
        if (verdict != expected || (why && !strstr(error.detail, why)))
                fail_msg("verdict %d, not %d; \"%s\" does not say \"%s\"", (int)verdict, (int)expected, error.detail,
                         why ? why : "");
}

static void a_good_campaign_is_accepted(void **state) {
        (void)state;
        struct variant v = good();
        struct asked asked = normally();
        expect(&v, &asked, SAL_VERDICT_YES, NULL);
}

static void signatures_are_counted_by_key(void **state) {
        (void)state;
        const struct sal_private_key *const none[] = {authors[0]};
        const struct sal_private_key *const one[] = {authors[0]}, *const twice[] = {authors[0], authors[0]},
                                            *const strange[] = {authors[0], stranger};
        const struct {
                const struct sal_private_key *const *keys;
                size_t count;
        } cases[] = {{none, 0}, {one, 1}, {twice, 2}, {strange, 2}};
        struct variant v = good();
        struct asked asked = normally();
        sal_autofree char *payload = payload_of(&v);
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                size_t len = 0;
                struct sal_err error = {0};
                sal_autofree char *bytes = envelope_of(payload, cases[i].keys, cases[i].count, &len);
                assert_int_equal(judge_bytes_of(bytes, len, &asked, &error), SAL_VERDICT_UNFIT);
        }
}

/* Payload garbage is not even read when no author signed it. */
static void nothing_is_parsed_before_it_is_verified(void **state) {
        (void)state;
        const struct sal_private_key *const none[] = {stranger}, *const two[] = {authors[0], authors[1]};
        struct asked asked = normally();
        struct sal_err error = {0};
        size_t len = 0;
        sal_autofree char *unsigned_bytes = envelope_of("{ no campaign", none, 1, &len);
        assert_int_equal(judge_bytes_of(unsigned_bytes, len, &asked, &error), SAL_VERDICT_UNFIT);
        assert_non_null(strstr(error.detail, "no author"));
        sal_autofree char *enough = envelope_of("{ no campaign", two, 2, &len);
        assert_int_equal(judge_bytes_of(enough, len, &asked, &error), SAL_VERDICT_UNFIT);
        assert_null(strstr(error.detail, "no author"));
}

static void an_altered_envelope_is_refused(void **state) {
        (void)state;
        const struct sal_private_key *const two[] = {authors[0], authors[1]};
        struct variant v = good(), w = good();
        struct asked asked = normally();
        w.actions = "[{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/drivers/y.sys\"}]";
        size_t len = 0, other_len = 0;
        sal_autofree char *payload = payload_of(&v), *other_payload = payload_of(&w);
        sal_autofree char *bytes = envelope_of(payload, two, 2, &len);
        sal_autofree char *other = envelope_of(other_payload, two, 2, &other_len);
        assert_int_equal(len, other_len);
        /* The signatures of one under the payload of the other. */
        const char *tail = strstr(other, "\"payloadType\"");
        memcpy(bytes + (tail - other), tail, other_len - (size_t)(tail - other));
        assert_int_equal(judge_bytes_of(bytes, len, &asked, NULL), SAL_VERDICT_UNFIT);
}

static void names_and_domain_must_agree(void **state) {
        (void)state;
        struct variant v = good();
        struct asked asked = normally();
        char other[65];
        memset(other, 'b', 64);
        other[64] = 0;
        v.domain = other;
        expect(&v, &asked, SAL_VERDICT_UNFIT, "trust domain");
        v = good();
        v.id = "other";
        expect(&v, &asked, SAL_VERDICT_UNFIT,
               "the envelope of campaigns/other-1.json under the name campaigns/fix-1.json");
        v = good();
        v.version = 2;
        expect(&v, &asked, SAL_VERDICT_UNFIT, "the envelope of campaigns/fix-2.json");
        v = good();
        asked.target = "campaigns/fix-2.json";
        expect(&v, &asked, SAL_VERDICT_UNFIT, "under the name");
}

static void revoked_campaigns_are_refused(void **state) {
        (void)state;
        struct variant v = good();
        struct asked asked = normally();
        v.id = "bad";
        asked.target = "campaigns/bad-1.json";
        expect(&v, &asked, SAL_VERDICT_UNFIT, "revokes");
        v.id = "half";
        asked.target = "campaigns/half-1.json";
        expect(&v, &asked, SAL_VERDICT_YES, NULL);
        v.version = 2;
        asked.target = "campaigns/half-2.json";
        expect(&v, &asked, SAL_VERDICT_UNFIT, "revokes");
}

static void the_time_must_be_right(void **state) {
        (void)state;
        struct variant v = good();
        struct asked asked = normally();
        asked.now_ms = INT64_C(1000) * (NOT_BEFORE_S - 3600);
        expect(&v, &asked, SAL_VERDICT_YES, NULL);
        asked.now_ms--;
        expect(&v, &asked, SAL_VERDICT_UNFIT, "not valid before");
        asked.now_ms = INT64_C(1000) * (NOT_BEFORE_S + 19 * 86400) - 1;
        expect(&v, &asked, SAL_VERDICT_YES, NULL);
        asked.now_ms++;
        expect(&v, &asked, SAL_VERDICT_UNFIT, "expired");
}

static void drills_are_for_drills(void **state) {
        (void)state;
        struct variant v = good();
        struct asked asked = normally();
        v.drill = "true";
        expect(&v, &asked, SAL_VERDICT_ELSEWHERE, "drill");
        asked.reason = "requested";
        expect(&v, &asked, SAL_VERDICT_ELSEWHERE, "drill");
        asked.reason = "drill";
        expect(&v, &asked, SAL_VERDICT_YES, NULL);
        v.drill = "false";
        expect(&v, &asked, SAL_VERDICT_ELSEWHERE, "drill");
}

static void match_is_evaluated_here_too(void **state) {
        (void)state;
        struct variant v = good();
        struct asked asked = normally();
        v.match = "{\"fact\":\"os\",\"eq\":\"linux\"}";
        expect(&v, &asked, SAL_VERDICT_ELSEWHERE, "not meant");
}

static void classes_of_the_policy_bind(void **state) {
        (void)state;
        struct variant v = good();
        struct asked asked = normally();
        v.actions = "[{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/elsewhere/x.sys\"}]";
        expect(&v, &asked, SAL_VERDICT_UNFIT, NULL);
        v.actions = "[{\"kind\":\"disable_service\",\"name\":\"x\"}]"; /* its class asks for three */
        expect(&v, &asked, SAL_VERDICT_UNFIT, NULL);
        v.actions = "[{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/drivers/x.sys\",\"unless\":1}]";
        expect(&v, &asked, SAL_VERDICT_UNFIT, NULL);
}

static int set_up(void **state) {
        (void)state;
        sal_autojson json_t *list = json_array();
        for (int i = 0; i < 4; i++) {
                struct sal_private_key **key = i < 3 ? &authors[i] : &stranger;
                assert_int_equal(sal_private_key_generate(i == 1 ? SAL_KEY_P256 : SAL_KEY_ED25519, key, NULL), SAL_OK);
                const struct sal_public_key *public_key = sal_private_key_public(*key);
                char name[16];
                snprintf(name, sizeof name, "author-%d", i);
                if (i < 3)
                        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s}", "name", name, "keyid",
                                                              sal_public_key_id(public_key), "keytype",
                                                              sal_public_key_keytype(public_key), "scheme",
                                                              sal_public_key_scheme(public_key), "public",
                                                              sal_public_key_text(public_key)));
        }
        sal_autojson json_t *document =
                json_pack("{s:s,s:O,s:[{s:s,s:[s],s:[s],s:[s,s,s],s:i},{s:s,s:[s],s:[s,s,s],s:i}],s:[s,s]}", "schema",
                          "salvor.policy/1", "authors", list, "classes", "name", "drivers", "kinds", "delete_file",
                          "paths", "${SYSTEM}/drivers/*", "authors", "author-0", "author-1", "author-2", "threshold", 2,
                          "name", "services", "kinds", "disable_service", "authors", "author-0", "author-1", "author-2",
                          "threshold", 3, "revoked", "bad", "half@2");
        sal_autofree char *text = sal_json_dump(document);
        struct sal_err error = {0};
        if (sal_policy_parse(text, strlen(text), &policy, &error))
                fail_msg("%s", error.detail);
        sal_sha256_hex("a root", 6, domain);
        return sal_facts_parse_text("{\"os\":\"Windows\"}", &facts);
}

static int tear_down(void **state) {
        (void)state;
        for (int i = 0; i < 3; i++)
                sal_private_key_free(authors[i]);
        sal_private_key_free(stranger);
        sal_facts_free(facts);
        sal_policy_unref(policy);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_good_campaign_is_accepted),
                cmocka_unit_test(signatures_are_counted_by_key),
                cmocka_unit_test(nothing_is_parsed_before_it_is_verified),
                cmocka_unit_test(an_altered_envelope_is_refused),
                cmocka_unit_test(names_and_domain_must_agree),
                cmocka_unit_test(revoked_campaigns_are_refused),
                cmocka_unit_test(the_time_must_be_right),
                cmocka_unit_test(drills_are_for_drills),
                cmocka_unit_test(match_is_evaluated_here_too),
                cmocka_unit_test(classes_of_the_policy_bind),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
