/* SPDX-License-Identifier: Apache-2.0 */
/* The signer as the daemon has it: what it makes, what it refuses, and what it never does backwards. */
#include "fixture.h"

static const int both_authors[] = {AUTHOR_A, AUTHOR_B};

static void refuses(struct domain *d, enum sal_status expected, const char *words) {
        uint8_t before[SAL_SIGNER_MARKS_BYTES], after[SAL_SIGNER_MARKS_BYTES];
        read_file(d->marks_path, before, sizeof before);
        enum sal_status status = domain_make(d);
        if (status != expected || !strstr(d->err.detail, words))
                fail_msg("expected %s with \"%s\", got %s: %s", sal_status_info(expected)->name, words,
                         sal_status_info(status)->name, d->err.detail);
        read_file(d->marks_path, after, sizeof after);
        assert_memory_equal(before, after, sizeof before);
}

/* ---- what it makes ---- */

/* Serves what was made and has a client follow it, with the signer's own time. */
static void client_follows(struct domain *d, enum sal_update_outcome expected) {
        enum sal_update_reason reason;
        enum sal_tuf_file file;
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++) {
                char name[SAL_TUF_NAME_BYTES];
                sal_tuf_file_name((enum sal_tuf_file)i, d->answer.versions[i], name);
                if (i != SAL_TUF_FILE_TARGETS)
                        world_put(d->w, name, d->answer.next.files[i].data, d->answer.next.files[i].len);
        }
        /* the root of the world is over by now; a client whose clock is behind still follows */
        if (world_update_at(d->w, now_ms, &reason, &file, &d->err) != expected)
                fail_msg("the client says %s: %s", sal_update_reason_text(reason), d->err.detail);
}

static void clients_follow(void **state) {
        struct domain *d = *state;
        domain_add_good(d, "fix", 1);
        domain_add_good(d, "other", 3);
        for (int i = 0; i < 3; i++) { /* the client holds version 2 of everything */
                domain_lose_files(d);
                domain_makes(d);
        }
        assert_int_equal(d->answer.next.listed, 2);
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_ROOT], 1);
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_TARGETS], 2);
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_CAMPAIGNS], 3);
        client_follows(d, SAL_UPDATE_NEWS);
        domain_forget(d);
        domain_makes(d);
        assert_int_equal(d->answer.next.listed, 0);
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_CAMPAIGNS], 4);
        client_follows(d, SAL_UPDATE_NEWS);
}

static void says_what_it_made(void **state) {
        struct domain *d = *state;
        int64_t now = sal_clock_wall_ms();
        domain_add_good(d, "fix", 1);
        domain_makes(d);
        static const struct {
                enum sal_tuf_file file;
                int64_t days;
        } made[] = {{SAL_TUF_FILE_TIMESTAMP, SAL_TUF_TIMESTAMP_DAYS},
                    {SAL_TUF_FILE_SNAPSHOT, SAL_TUF_SNAPSHOT_DAYS},
                    {SAL_TUF_FILE_CAMPAIGNS, SAL_TUF_CAMPAIGNS_DAYS}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(made); i++) {
                enum sal_tuf_file file = made[i].file;
                assert_true(d->answer.next.signed_anew[file]);
                assert_int_equal(d->answer.versions[file], 1);
                assert_int_equal(d->answer.next.marks[file].version, 1);
                assert_in_range(d->answer.expires_ms[file], now + made[i].days * one_day_ms - 1000,
                                now + made[i].days * one_day_ms + 60000);
        }
        /* the world's own */
        assert_int_equal(d->answer.expires_ms[SAL_TUF_FILE_ROOT], now_ms + one_day_ms);
        assert_int_equal(d->answer.expires_ms[SAL_TUF_FILE_TARGETS], now_ms + one_day_ms);
}

static void bytes_stay_until_they_must_change(void **state) {
        struct domain *d = *state;
        domain_add_good(d, "fix", 1);
        domain_makes(d);
        char digests[SAL_TUF_FILES][SAL_SHA256_HEX_BYTES];
        for (int i = 0; i < SAL_TUF_FILES; i++)
                sal_sha256_hex(d->answer.next.files[i].data, d->answer.next.files[i].len, digests[i]);
        domain_makes(d);
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                char again[SAL_SHA256_HEX_BYTES];
                sal_sha256_hex(d->answer.next.files[i].data, d->answer.next.files[i].len, again);
                assert_string_equal(digests[i], again);
                assert_false(d->answer.next.signed_anew[i]);
        }
        d->request.renew = true;
        domain_makes(d);
        assert_true(d->answer.next.signed_anew[SAL_TUF_FILE_TIMESTAMP]);
        assert_false(d->answer.next.signed_anew[SAL_TUF_FILE_SNAPSHOT]);
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_TIMESTAMP], 2);
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_SNAPSHOT], 1);
}

/* ---- what it leaves out ---- */

static void left_out(struct domain *d, size_t index, enum sal_admission admission) {
        if (d->answer.verdicts[index].admission != admission)
                fail_msg("expected %s, got %s: %s", sal_admission_text(admission),
                         sal_admission_text(d->answer.verdicts[index].admission), d->answer.verdicts[index].why.detail);
        assert_int_not_equal(d->answer.verdicts[index].why.status, SAL_OK);
        assert_true(*d->answer.verdicts[index].why.detail);
        const struct sal_buf *campaigns = &d->answer.next.files[SAL_TUF_FILE_CAMPAIGNS];
        assert_null(
                memmem(campaigns->data, campaigns->len, d->envelopes[index].path, strlen(d->envelopes[index].path)));
}

static void unsigned_is_left_out(void **state) {
        struct domain *d = *state;
        static const int one[] = {AUTHOR_A};
        static const int online[] = {ONLINE, STRANGER};
        sal_autofree char *payload = domain_payload(d, "bare", 1, NULL, NULL);
        sal_autofree char *by_one = domain_payload(d, "half", 1, NULL, NULL);
        sal_autofree char *by_thief = domain_payload(d, "thief", 1, NULL, NULL);
        domain_add(d, "bare", 1, domain_seal(d, payload, NULL, 0));
        domain_add(d, "half", 1, domain_seal(d, by_one, one, 1));
        domain_add(d, "thief", 1, domain_seal(d, by_thief, online, 2));
        domain_add_good(d, "fix", 1);
        domain_add(d, "noise", 1, strdup("not an envelope"));
        domain_makes(d);
        assert_int_equal(d->answer.next.listed, 1);
        left_out(d, 0, SAL_ADMIT_SIGNATURES);
        left_out(d, 1, SAL_ADMIT_SIGNATURES);
        left_out(d, 2, SAL_ADMIT_SIGNATURES);
        assert_int_equal(d->answer.verdicts[3].admission, SAL_ADMIT_YES);
        left_out(d, 4, SAL_ADMIT_ENVELOPE);
}

/* The authors' signatures over one payload, put around a wider one. */
static char *widened(struct domain *d, const char *id, const char *pointer, const char *text) {
        sal_autofree char *payload = domain_payload(d, id, 1, NULL, NULL);
        sal_autofree char *wide = domain_payload(d, id, 1, pointer, text);
        sal_autofree char *good = domain_seal(d, payload, both_authors, 2);
        sal_autofree char *wide_base64 = sal_base64_encode(wide, strlen(wide));
        sal_autojson json_t *json = NULL;
        assert_int_equal(sal_json_parse(good, strlen(good), 8, &json, NULL), SAL_OK);
        json_object_set_new(json, "payload", json_string(wide_base64));
        return sal_json_dump(json);
}

static void widened_is_left_out(void **state) {
        struct domain *d = *state;
        domain_add(d, "wide", 1, widened(d, "wide", "/match", "{\"fact\":\"os\",\"exists\":true}"));
        domain_add(d, "more", 1, widened(d, "more", "/actions/0/path", "\"${SYSTEM}/drivers/*.sys\""));
        domain_add(d, "late", 1, widened(d, "late", "/expires", "\"2099-01-01T00:00:00Z\""));
        domain_makes(d);
        assert_int_equal(d->answer.next.listed, 0);
        for (size_t i = 0; i < 3; i++)
                left_out(d, i, SAL_ADMIT_SIGNATURES);
}

static void what_authors_did_not_mean_is_left_out(void **state) {
        struct domain *d = *state;
        sal_autofree char *elsewhere = domain_payload(d, "elsewhere", 1, "/trust_domain", "\"" SHA "\"");
        sal_autofree char *revoked = domain_payload(d, "bad-fix", 1, NULL, NULL);
        sal_autofree char *renamed = domain_payload(d, "one", 1, NULL, NULL);
        sal_autofree char *forbidden =
                domain_payload(d, "script", 1, "/actions/0",
                               "{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/x\",\"content_base64\":\"\"}");
        domain_add(d, "elsewhere", 1, domain_seal(d, elsewhere, both_authors, 2));
        domain_add(d, "bad-fix", 1, domain_seal(d, revoked, both_authors, 2));
        domain_add(d, "two", 1, domain_seal(d, renamed, both_authors, 2));
        domain_add(d, "script", 1, domain_seal(d, forbidden, both_authors, 2));
        domain_makes(d);
        assert_int_equal(d->answer.next.listed, 0);
        left_out(d, 0, SAL_ADMIT_TRUST_DOMAIN);
        left_out(d, 1, SAL_ADMIT_REVOKED);
        left_out(d, 2, SAL_ADMIT_NAME);
        left_out(d, 3, SAL_ADMIT_SIGNATURES);
}

/* ---- what it refuses ---- */

static void another_policy_is_refused(void **state) {
        struct domain *d = *state;
        sal_autofree char *policy = strdup(d->w->policy);
        char *threshold = strstr(policy, "\"threshold\":2");
        assert_non_null(threshold);
        threshold[strlen("\"threshold\":")] = '1';
        d->request.policy.bytes = policy;
        refuses(d, SAL_E_UNTRUSTED, "policy");
        d->request.policy.len--;
        refuses(d, SAL_E_UNTRUSTED, "policy");
        d->request.policy = (struct sal_signer_bytes){NULL, 0};
        refuses(d, SAL_E_UNTRUSTED, "policy");
        domain_refresh(d);
        domain_makes(d);
}

static void targets_by_online_keys_are_refused(void **state) {
        struct domain *d = *state;
        struct world *w = d->w;
        w->role_keys[SAL_TUF_FILE_TARGETS][0] = w->role_keys[SAL_TUF_FILE_TARGETS][1] = ONLINE;
        world_versions(w, 3);
        world_publish(w);
        domain_refresh(d);
        refuses(d, SAL_E_UNTRUSTED, "sign");
        /* nor does half of their keys do, nor a file that nobody signed, nor none */
        w->role_keys[SAL_TUF_FILE_TARGETS][0] = w->role_keys[SAL_TUF_FILE_TARGETS][1] = TARGETS_A;
        world_publish(w);
        domain_refresh(d);
        refuses(d, SAL_E_UNTRUSTED, "sign");
        d->request.files.file[SAL_TUF_FILE_TARGETS].bytes = "{}";
        d->request.files.file[SAL_TUF_FILE_TARGETS].len = 2;
        refuses(d, SAL_E_INVALID, "");
        d->request.files.file[SAL_TUF_FILE_TARGETS].bytes = NULL;
        refuses(d, SAL_E_INVALID, "no targets file");
}

/* The world's root `version`, by these keys. */
static struct sal_signer_bytes root_by(struct domain *d, int64_t version, const int *signers, size_t count) {
        char name[SAL_TUF_NAME_BYTES];
        d->w->version[SAL_TUF_FILE_ROOT] = version;
        world_root_by(d->w, signers, count);
        sal_tuf_file_name(SAL_TUF_FILE_ROOT, version, name);
        const struct world_file *file = world_get(d->w, name);
        return (struct sal_signer_bytes){file->bytes, file->len};
}

static void forged_roots_are_refused(void **state) {
        struct domain *d = *state;
        struct world *w = d->w;
        struct sal_signer_bytes roots[2];
        static const int own[] = {STRANGER, SPARE}, real[] = {ROOT_A, ROOT_B};
        static const int half[] = {ROOT_A, STRANGER, SPARE};
        d->request.roots = roots;
        d->request.root_count = 1;
        /* a thief's own root, with his keys for everything */
        w->role_keys[SAL_TUF_FILE_ROOT][0] = STRANGER;
        w->role_keys[SAL_TUF_FILE_ROOT][1] = SPARE;
        roots[0] = root_by(d, 2, own, 2);
        refuses(d, SAL_E_UNTRUSTED, "root 2 of the chain");
        roots[0] = root_by(d, 2, half, 3);
        refuses(d, SAL_E_UNTRUSTED, "root 2 of the chain");
        w->role_keys[SAL_TUF_FILE_ROOT][0] = ROOT_A;
        w->role_keys[SAL_TUF_FILE_ROOT][1] = ROOT_B;
        roots[0] = root_by(d, 3, real, 2);
        refuses(d, SAL_E_UNTRUSTED, "version 2");
        roots[0] = (struct sal_signer_bytes){"{}", 2};
        refuses(d, SAL_E_INVALID, "root 2 of the chain");
        /* the good one is taken, and known again; then one behind it is not */
        roots[0] = root_by(d, 2, real, 2);
        domain_makes(d);
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_ROOT], 2);
        domain_makes(d);
        roots[1] = roots[0];
        d->request.root_count = 2;
        refuses(d, SAL_E_UNTRUSTED, "root 3 of the chain");
        d->request.root_count = 1;
        domain_makes(d);
        /* and there is no way back */
        d->request.root_count = 0;
        refuses(d, SAL_E_REFUSED, "root has version 1, and version 2 was given away");
}

static void a_key_that_left_the_role_signs_no_more(void **state) {
        struct domain *d = *state;
        struct world *w = d->w;
        struct sal_signer_bytes roots[1];
        static const int real[] = {ROOT_A, ROOT_B};
        w->role_keys[SAL_TUF_FILE_SNAPSHOT][0] = w->role_keys[SAL_TUF_FILE_SNAPSHOT][1] = SPARE;
        roots[0] = root_by(d, 2, real, 2);
        d->request.roots = roots;
        d->request.root_count = 1;
        domain_add_good(d, "fix", 1);
        refuses(d, SAL_E_UNTRUSTED,
                "the newest root wants snapshot signed by 1 of 1 keys, and 0 of them are configured here");
}

static void too_much_is_refused_before_it_is_sent(void **state) {
        struct domain *d = *state;
        for (int i = 0; i <= SAL_TUF_MAX_CAMPAIGNS; i++) {
                char id[16];
                snprintf(id, sizeof id, "fix-%d", i);
                domain_add(d, id, 1, strdup("{}"));
        }
        refuses(d, SAL_E_INVALID, "101 envelopes");
        domain_forget(d);
        char *large = calloc(1, SAL_ENVELOPE_MAX_BYTES + 2);
        assert_non_null(large);
        memset(large, ' ', SAL_ENVELOPE_MAX_BYTES + 1);
        domain_add(d, "large", 1, large);
        refuses(d, SAL_E_INVALID, "campaigns/large-1.json has 1048577 bytes");
        large[SAL_ENVELOPE_MAX_BYTES] = '\0';
        d->envelopes[0].len = SAL_ENVELOPE_MAX_BYTES;
        domain_makes(d); /* and is an envelope that is left out */
        for (int i = 1; i < 70; i++)
                domain_add(d, "large", i, strdup(large));
        refuses(d, SAL_E_INVALID, "roots and envelopes have");
        domain_forget(d);
        d->request.root_count = SAL_SIGNER_MAX_ROOTS;
        refuses(d, SAL_E_INVALID, "1024 roots");
        d->request.root_count = 0;
        domain_makes(d);
}

int main(int argc, char **argv) {
        FIXTURE_SIGNER(argc, argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, domain_set_up, domain_tear_down)
        static const struct CMUnitTest tests[] = {
                TEST(clients_follow),
                TEST(says_what_it_made),
                TEST(bytes_stay_until_they_must_change),
                TEST(unsigned_is_left_out),
                TEST(widened_is_left_out),
                TEST(what_authors_did_not_mean_is_left_out),
                TEST(another_policy_is_refused),
                TEST(targets_by_online_keys_are_refused),
                TEST(forged_roots_are_refused),
                TEST(a_key_that_left_the_role_signs_no_more),
                TEST(too_much_is_refused_before_it_is_sent),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
