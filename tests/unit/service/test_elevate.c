/* SPDX-License-Identifier: Apache-2.0 */
/* Elevation: a grant is for exactly one request of one operator, is used up by it, and runs out. */
#include "harness.h"

#include "trust/elevation.h"

#define NO_BODY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OTHER_BODY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define START "/api/v1/campaigns/fix/1/start"

struct grant {
        const char *operator_name;
        char id[65], challenge[65];
};

static enum sal_status open_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct grant *grant = arg;
        struct sal_act act = world_act(w, tx, grant->operator_name);
        sal_autojson json_t *body = json_pack("{s:s,s:s,s:s,s:s}", "method", "POST", "path", START, "body_sha256",
                                              NO_BODY, "reason", "it is needed");
        enum sal_status status = sal_elevation_open(&act, body, &w->json, &w->err);
        if (!status) {
                snprintf(grant->id, sizeof grant->id, "%s", json_string_value(json_object_get(w->json, "id")));
                snprintf(grant->challenge, sizeof grant->challenge, "%s",
                         json_string_value(json_object_get(w->json, "challenge")));
                return SAL_OK;
        }
        grant->id[0] = '\0';
        return w->keeps ? SAL_OK : status; /* as the admin plane does it: what a refusal wrote stays */
}

static struct grant grant_for(struct world *w, const char *operator_name) {
        struct grant grant = {.operator_name = operator_name};
        assert_ok(world_run(w, open_job, &grant));
        return grant;
}

/* An attempt: the request, who makes it, and with which key the challenge was signed. */
struct attempt {
        struct grant grant;
        const char *operator_name, *method, *path, *body;
        const struct sal_private_key *key; /* of the certificate */
        const struct sal_private_key *signer;
        enum sal_status status;
};

static enum sal_status use_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct attempt *attempt = arg;
        struct sal_act act = world_act(w, tx, attempt->operator_name);
        sal_autofree char *header = NULL;
        size_t spki_len;
        char body[65];
        const uint8_t *spki = sal_public_key_spki(sal_private_key_public(attempt->key), &spki_len);
        snprintf(body, sizeof body, "%s", attempt->body);
        assert_ok(sal_elevation_sign(attempt->signer, attempt->grant.id, attempt->grant.challenge, &header, NULL));
        attempt->status =
                sal_elevation_use(&act, header, attempt->method, attempt->path, body, spki, spki_len, &w->err);
        return w->keeps ? SAL_OK : attempt->status;
}

/* The status of the attempt; what is left out is right. */
static enum sal_status world_use(struct world *w, struct attempt attempt) {
        attempt.operator_name = attempt.operator_name ? attempt.operator_name : attempt.grant.operator_name;
        attempt.method = attempt.method ? attempt.method : "POST";
        attempt.path = attempt.path ? attempt.path : START;
        attempt.body = attempt.body ? attempt.body : NO_BODY;
        attempt.key = attempt.key ? attempt.key : w->authors[0];
        attempt.signer = attempt.signer ? attempt.signer : attempt.key;
        world_run(w, use_job, &attempt);
        return attempt.status;
}
#define use(w, ...) world_use(w, (struct attempt){__VA_ARGS__})

static void once_and_for_exactly_this(void **state) {
        struct world *w = *state;
        struct grant grant = grant_for(w, "ann");
        assert_ok(use(w, .grant = grant));
        assert_int_equal(use(w, .grant = grant), SAL_E_ELEVATION);
        const struct attempt wrong[] = {{.path = "/api/v1/campaigns/fix/2/start"},
                                        {.method = "PUT"},
                                        {.body = OTHER_BODY},
                                        {.signer = w->authors[1]},
                                        {.path = "/api/v1/campaigns/fix/1/start/"}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(wrong); i++) {
                struct attempt attempt = wrong[i];
                attempt.grant = grant_for(w, "ann");
                assert_int_equal(world_use(w, attempt), SAL_E_ELEVATION);
                /* It is used up all the same. */
                assert_int_equal(use(w, .grant = attempt.grant), SAL_E_ELEVATION);
        }
        assert_int_equal(sql_int(w, "SELECT count(*) FROM elevation WHERE consumed = 0"), 0);
}

/* Nobody can use up another operator's grant by trying it. */
static void a_foreign_attempt(void **state) {
        struct world *w = *state;
        struct grant grant = grant_for(w, "ann");
        assert_int_equal(use(w, .grant = grant, .operator_name = "bob"), SAL_E_ELEVATION);
        assert_ok(use(w, .grant = grant));
        struct grant unknown = grant;
        unknown.id[0] = unknown.id[0] == 'a' ? 'b' : 'a';
        assert_int_equal(use(w, .grant = unknown), SAL_E_ELEVATION);
}

static void it_runs_out(void **state) {
        struct world *w = *state;
        struct grant grant = grant_for(w, "ann"), other = grant_for(w, "ann");
        pass(w, 299);
        assert_ok(use(w, .grant = grant));
        pass(w, 1);
        assert_int_equal(use(w, .grant = other), SAL_E_ELEVATION);
}

static void sixteen_at_most(void **state) {
        struct world *w = *state;
        for (int i = 0; i < 16; i++)
                assert_true(grant_for(w, "ann").id[0]);
        struct grant grant = grant_for(w, "ann");
        assert_int_equal(grant.id[0], '\0');
        assert_int_equal(w->err.status, SAL_E_TOO_MANY);
        assert_true(grant_for(w, "bob").id[0]); /* others are not hindered */
        pass(w, 301);
        assert_true(grant_for(w, "ann").id[0]);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM elevation"), 1);
}

/* The act fails after the grant was taken: the grant is gone, and nothing else happened. */
static enum sal_status granted_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct attempt *attempt = arg;
        enum sal_status status = use_job(w, tx, attempt);
        struct life_call call = {.what = SAL_LIFE_RESUME, .id = "fix", .version = 1};
        assert_ok(attempt->status);
        attempt->status = life_job(w, tx, &call);
        return status;
}

static void used_up_by_an_act_that_fails(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        struct attempt attempt = {.grant = grant_for(w, "ann"),
                                  .operator_name = "ann",
                                  .method = "POST",
                                  .path = START,
                                  .body = NO_BODY,
                                  .key = w->authors[0],
                                  .signer = w->authors[0]};
        assert_ok(world_run(w, granted_job, &attempt));
        assert_int_equal(attempt.status, SAL_E_CONFLICT);
        assert_int_equal(use(w, .grant = attempt.grant), SAL_E_ELEVATION);
        assert_state(w, "fix", "active");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(once_and_for_exactly_this, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_foreign_attempt, world_setup, world_done),
                cmocka_unit_test_setup_teardown(it_runs_out, world_setup, world_done),
                cmocka_unit_test_setup_teardown(sixteen_at_most, world_setup, world_done),
                cmocka_unit_test_setup_teardown(used_up_by_an_act_that_fails, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
