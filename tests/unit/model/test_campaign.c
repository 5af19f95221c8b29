/* SPDX-License-Identifier: Apache-2.0 */
#include "model/campaign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "payload.h"

static enum sal_status parse(const char *text, struct sal_campaign **ret, struct sal_err *err) {
        return sal_campaign_parse(text, strlen(text), ret, err);
}

static void the_example_is_read(void **state) {
        (void)state;
        sal_auto(sal_campaign) struct sal_campaign *c = NULL;
        struct sal_err err = {0};
        if (parse(PAYLOAD, &c, &err))
                fail_msg("%s %s", err.pointer, err.detail);
        assert_string_equal(c->id, "channel-file-291");
        assert_int_equal(c->version, 1);
        assert_string_equal(c->trust_domain, SHA);
        assert_string_equal(c->title, "Remove channel file 291");
        assert_int_equal(c->link_count, 1);
        assert_int_equal(c->expires_ms - c->not_before_ms, 7LL * 24 * 3600 * 1000);
        assert_int_equal(c->supersedes_count, 1);
        assert_string_equal(c->supersedes[0], "other-id");
        assert_string_equal(c->undoes, "another-id");
        assert_true(c->reboot);
        assert_false(c->drill);
        assert_true(c->plan.halt_error == 0.02);
        assert_int_equal(c->plan.ring_count, 3);
        assert_int_equal(c->action_count, SAL_ACTION_KINDS);
        assert_int_equal(c->verify_count, 3);
}

static void actions_and_checks_are_read(void **state) {
        (void)state;
        sal_auto(sal_campaign) struct sal_campaign *c = NULL;
        assert_int_equal(parse(PAYLOAD, &c, NULL), SAL_OK);
        for (int kind = 0; kind < SAL_ACTION_KINDS; kind++)
                assert_int_equal(c->actions[kind].kind, kind);
        const struct sal_action *a = c->actions;
        assert_string_equal(a[0].path, "${SYSTEM}/drivers/CrowdStrike/C-00000291*.sys");
        assert_int_equal(a[0].max_matches, 8);
        assert_true(a[0].require.present);
        assert_int_equal(a[0].require.mtime_after_ms, INT64_MIN);
        assert_int_equal(a[0].require.size_max, INT64_MAX);
        assert_int_equal(a[0].require.mtime_before_ms, c->not_before_ms - 3 * 60 * 1000);
        assert_string_equal(a[1].to, "${SYSTEM}/b");
        assert_false(a[1].require.present);
        assert_string_equal(a[2].artifact.sha256, SHA);
        assert_int_equal(a[2].artifact.length, 10);
        assert_int_equal(a[2].mode, -1);
        assert_int_equal(a[3].mode, 0640);
        assert_int_equal(a[3].content_len, 5);
        assert_memory_equal(a[3].content, "hello", 5);
        assert_string_equal(a[4].name, "bad.service");
        assert_true(a[6].once);
        assert_string_equal(a[7].registry_type, "REG_DWORD");
        assert_int_equal(json_integer_value(a[7].registry_value), 4);
        assert_int_equal(a[8].timeout_seconds, 60);
        assert_int_equal(c->verify[0].kind, SAL_VERIFY_PATH_ABSENT);
        assert_true(c->verify[0].require.present);
        assert_string_equal(c->verify[2].sha256, SHA);
        assert_string_equal(sal_action_kind_name(SAL_ACTION_SET_REGISTRY_VALUE), "set_registry_value");
        assert_string_equal(sal_verify_kind_name(SAL_VERIFY_SHA256_IS), "sha256_is");
}

static void what_may_be_left_out_has_its_default(void **state) {
        (void)state;
        static const char text[] =
                "{\"schema\":\"salvor.campaign/1\",\"id\":\"x\",\"version\":2147483647,\"trust_domain\":\"" SHA "\","
                "\"title\":\"t\",\"not_before\":\"2024-07-01T00:00:00Z\",\"expires\":\"2024-07-31T00:00:00Z\","
                "\"match\":{\"all\":[]},\"actions\":[{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/x\"}]}";
        sal_auto(sal_campaign) struct sal_campaign *c = NULL;
        struct sal_plan plan;
        sal_plan_default(&plan);
        assert_int_equal(parse(text, &c, NULL), SAL_OK);
        assert_string_equal(c->summary, "");
        assert_int_equal(c->link_count, 0);
        assert_int_equal(c->priority, 0);
        assert_false(c->drill);
        assert_true(c->reboot);
        assert_null(c->undoes);
        assert_int_equal(c->verify_count, 0);
        assert_int_equal(c->actions[0].max_matches, SAL_DELETE_DEFAULT_MATCHES);
        sal_autojson json_t *a = sal_plan_json(&plan);
        sal_autojson json_t *b = sal_plan_json(&c->plan);
        assert_true(json_equal(a, b));
}

static void references_are_counted(void **state) {
        (void)state;
        struct sal_campaign *c = NULL;
        assert_int_equal(parse(PAYLOAD, &c, NULL), SAL_OK);
        assert_ptr_equal(sal_campaign_ref(c), c);
        sal_campaign_unref(c);
        assert_string_equal(c->title, "Remove channel file 291");
        sal_campaign_unref(c);
        sal_campaign_unref(NULL);
        assert_null(sal_campaign_ref(NULL));
}

struct edit_case {
        const char *at, *value; /* the edit; value NULL removes */
        const char *pointer, *detail;
};

static void check_refused(const struct edit_case *cases, size_t count) {
        for (size_t n = 0; n < count; n++) {
                struct sal_campaign *c = NULL;
                struct sal_err err = {0};
                sal_autofree char *text = payload_with(cases[n].at, cases[n].value);
                if (parse(text, &c, &err) != SAL_E_INVALID)
                        fail_msg("%s = %s was taken", cases[n].at, cases[n].value);
                assert_null(c);
                if (strcmp(err.pointer, cases[n].pointer) != 0 || !strstr(err.detail, cases[n].detail))
                        fail_msg("%s = %s: %s %s", cases[n].at, cases[n].value, err.pointer, err.detail);
        }
}

static void bad_campaigns_say_where(void **state) {
        (void)state;
        static const struct edit_case cases[] = {
                {"/foo", "1", "/foo", "unknown member"},
                {"/schema", NULL, "/schema", "is required"},
                {"/schema", "\"salvor.campaign/2\"", "/schema", "must be \"salvor.campaign/1\""},
                {"/id", NULL, "/id", "is required"},
                {"/id", "\"Bad\"", "/id", "only a-z, 0-9 and -"},
                {"/id", "\"-bad\"", "/id", "only a-z, 0-9 and -"},
                {"/id", "7", "/id", "must be a string"},
                {"/version", NULL, "/version", "is required"},
                {"/version", "0", "/version", "1 to 2147483647"},
                {"/version", "2147483648", "/version", "1 to 2147483647"},
                {"/version", "1.0", "/version", "must be an integer"},
                {"/version", "\"1\"", "/version", "must be an integer"},
                {"/trust_domain", NULL, "/trust_domain", "is required"},
                {"/trust_domain", "\"abc\"", "/trust_domain", "64 lower-case hex"},
                {"/title", NULL, "/title", "is required"},
                {"/title", "\"\"", "/title", "1 to 200 bytes"},
                {"/title", "\"a\\nb\"", "/title", "control byte"},
                {"/title", "\"a\\u001b[2J\"", "/title", "control byte"},
                {"/summary", "1", "/summary", "must be a string"},
                {"/summary", "\"a\\u0007\"", "/summary", "control byte"},
                {"/links", "\"https://x\"", "/links", "must be an array"},
                {"/links/0", "\"http://example.org\"", "/links/0", "https://"},
                {"/links/0", "\"javascript:alert(1)\"", "/links/0", "https://"},
                {"/links/0", "\"https://a b\"", "/links/0", "https://"},
                {"/links/0", "\"https://\"", "/links/0", "https://"},
                {"/links/0", "5", "/links/0", "https://"},
                {"/not_before", NULL, "/not_before", "is required"},
                {"/not_before", "\"2024-07-19\"", "/not_before", "must be a time"},
                {"/not_before", "\"2024-07-19T05:30:00+02:00\"", "/not_before", "must be a time"},
                {"/expires", NULL, "/expires", "is required"},
                {"/expires", "\"2024-07-19T05:30:00Z\"", "/expires", "after \"not_before\""},
                {"/expires", "\"2024-07-18T05:30:00Z\"", "/expires", "after \"not_before\""},
                {"/expires", "\"2024-08-18T05:30:01Z\"", "/expires", "at most 30 days"},
                {"/priority", "1001", "/priority", "-1000 to 1000"},
                {"/drill", "\"no\"", "/drill", "true or false"},
                {"/reboot", "0", "/reboot", "true or false"},
                {"/supersedes", "\"x\"", "/supersedes", "must be an array"},
                {"/supersedes/0", "\"channel-file-291\"", "/supersedes/0", "this campaign itself"},
                {"/supersedes/0", "\"Bad\"", "/supersedes/0", "id of a campaign"},
                {"/supersedes/0", "null", "/supersedes/0", "id of a campaign"},
                {"/undoes", "\"channel-file-291\"", "/undoes", "this campaign itself"},
                {"/undoes", "\"Bad\"", "/undoes", "id of a campaign"},
                {"/undoes", "null", "/undoes", "must be a string"},
                {"/match", NULL, "/match", "is required"},
                {"/match", "[]", "/match", "must be an object"},
                {"/match", "{}", "/match", "must be {\"all\""},
                {"/match/all/1/glob", NULL, "/match/all/1", "must be {\"all\""},
                {"/match/all/0/note", "\"x\"", "/match/all/0/note", "unknown operator"},
                {"/actions", NULL, "/actions", "is required"},
                {"/actions", "[]", "/actions", "1 to 64 elements"},
                {"/actions", "{}", "/actions", "must be an array"},
                {"/verify", "{}", "/verify", "must be an array"},
                {"/on_failure", "\"ignore\"", "/on_failure", "must be \"revert\""},
                {"/rollout", "null", "/rollout", "must be an object"},
                {"/rollout/rings", "[]", "/rollout/rings", "1 to 16 elements"},
                {"/rollout/halt_eror", "1", "/rollout/halt_eror", "unknown member"},
                {"/rollout/acceptable_failure", "0.2", "/rollout/unacceptable_failure", "must be over"},
        };
        check_refused(cases, SAL_ARRAY_LEN(cases));
}

static void bad_actions_say_where(void **state) {
        (void)state;
        static const struct edit_case cases[] = {
                {"/actions/0", "1", "/actions/0", "must be an object"},
                {"/actions/0/kind", NULL, "/actions/0/kind", "is required"},
                {"/actions/0/kind", "\"format_disk\"", "/actions/0/kind", "unknown kind of action \"format_disk\""},
                {"/actions/0/foo", "1", "/actions/0/foo", "unknown member"},
                {"/actions/0/to", "\"${SYSTEM}/x\"", "/actions/0/to", "unknown member"},
                {"/actions/1/max_matches", "1", "/actions/1/max_matches", "unknown member"},
                {"/actions/4/require", "{\"size_min\":1}", "/actions/4/require", "unknown member"},
                {"/actions/8/path", "\"${SYSTEM}/x\"", "/actions/8/path", "unknown member"},
                {"/actions/0/path", NULL, "/actions/0/path", "is required"},
                {"/actions/0/path", "\"${SYSTEM}/../x\"", "/actions/0/path", "segment of dots"},
                {"/actions/0/path", "\"C:\\\\x\"", "/actions/0/path", "must start with"},
                {"/actions/0/max_matches", "0", "/actions/0/max_matches", "1 to 1024"},
                {"/actions/0/max_matches", "1025", "/actions/0/max_matches", "1 to 1024"},
                {"/actions/0/require", "{}", "/actions/0/require", "must hold a condition"},
                {"/actions/0/require", "1", "/actions/0/require", "must be an object"},
                {"/actions/0/require/owner", "\"root\"", "/actions/0/require/owner", "unknown member"},
                {"/actions/0/require/sha256", "[]", "/actions/0/require/sha256", "1 to 64"},
                {"/actions/0/require/sha256", "[\"x\"]", "/actions/0/require/sha256/0", "64 lower-case hex"},
                {"/actions/0/require/size_min", "-1", "/actions/0/require/size_min", "must be 0 to"},
                {"/actions/0/require", "{\"size_min\":2,\"size_max\":1}", "/actions/0/require/size_min",
                 "no file can pass"},
                {"/actions/0/require/mtime_after", "\"2024-07-19T05:27:00Z\"", "/actions/0/require/mtime_after",
                 "no file can pass"},
                {"/actions/0/require/mtime_before", "0", "/actions/0/require/mtime_before", "must be a string"},
                {"/actions/1/path", "\"${SYSTEM}/a*\"", "/actions/1/path", "wildcard"},
                {"/actions/1/to", "\"${SYSTEM}/b*\"", "/actions/1/to", "wildcard"},
                {"/actions/1/to", "\"${SYSTEM}/a\"", "/actions/1/to", "the same as"},
                {"/actions/1/to", NULL, "/actions/1/to", "is required"},
                {"/actions/2/path", "\"${SYSTEM}/c?\"", "/actions/2/path", "wildcard"},
                {"/actions/2/artifact", NULL, "/actions/2/artifact", "is required"},
                {"/actions/2/artifact/url", "\"x\"", "/actions/2/artifact/url", "unknown member"},
                {"/actions/2/artifact/length", "1073741825", "/actions/2/artifact/length", "0 to 1073741824"},
                {"/actions/2/artifact/sha256", "\"ABC\"", "/actions/2/artifact/sha256", "64 lower-case hex"},
                {"/actions/2/mode", "420", "/actions/2/mode", "must be a string"},
                {"/actions/2/mode", "\"0888\"", "/actions/2/mode", "octal digits"},
                {"/actions/2/mode", "\"00644\"", "/actions/2/mode", "octal digits"},
                {"/actions/3/path", "\"${SYSTEM}/d*\"", "/actions/3/path", "wildcard"},
                {"/actions/3/content_base64", NULL, "/actions/3/content_base64", "is required"},
                {"/actions/3/content_base64", "\"aGVsbG8\"", "/actions/3/content_base64", "base64"},
                {"/actions/3/content_base64", "\"aGVs bG8=\"", "/actions/3/content_base64", "base64"},
                {"/actions/4/name", "\"../x\"", "/actions/4/name", "must not hold /"},
                {"/actions/4/name", "\"a/b\"", "/actions/4/name", "must not hold /"},
                {"/actions/4/name", "\"--now\"", "/actions/4/name", "must not begin with"},
                {"/actions/5/name", "\"a\\\\b\"", "/actions/5/name", "must not hold /"},
                {"/actions/5/name", "\"a\\nb\"", "/actions/5/name", "control byte"},
                {"/actions/6/entry", "\"\"", "/actions/6/entry", "1 to 256 bytes"},
                {"/actions/6/once", NULL, "/actions/6/once", "is required"},
                {"/actions/7/type", "\"REG_LINK\"", "/actions/7/type", "must be REG_SZ"},
                {"/actions/7/value", NULL, "/actions/7/value", "is required"},
                {"/actions/7/value", "\"4\"", "/actions/7/value", "a REG_DWORD must be an integer"},
                {"/actions/7/value", "4294967296", "/actions/7/value", "a REG_DWORD must be an integer"},
                {"/actions/7/value", "-1", "/actions/7/value", "a REG_DWORD must be an integer"},
                {"/actions/7/hive", "\"\"", "/actions/7/hive", "1 to 64 bytes"},
                {"/actions/8/timeout_seconds", "0", "/actions/8/timeout_seconds", "1 to 3600"},
                {"/actions/8/timeout_seconds", NULL, "/actions/8/timeout_seconds", "is required"},
                {"/verify/0/kind", "\"path_exists\"", "/verify/0/kind", "unknown kind of check"},
                {"/verify/0/sha256", "\"" SHA "\"", "/verify/0/sha256", "unknown member"},
                {"/verify/1/path", "\"/etc\"", "/verify/1/path", "must start with"},
                {"/verify/1/path", NULL, "/verify/1/path", "is required"},
                {"/verify/2/sha256", NULL, "/verify/2/sha256", "is required"},
                {"/verify/2/sha256", "\"x\"", "/verify/2/sha256", "64 lower-case hex"},
                {"/verify/2/require", "{\"size_max\":-5}", "/verify/2/require/size_max", "must be 0 to"},
        };
        check_refused(cases, SAL_ARRAY_LEN(cases));
}

static void registry_values_fit_their_type(void **state) {
        (void)state;
        static const struct {
                const char *type, *value;
                bool good;
        } cases[] = {
                {"REG_SZ", "\"x\"", true},          {"REG_SZ", "1", false},
                {"REG_EXPAND_SZ", "\"%x%\"", true}, {"REG_EXPAND_SZ", "null", false},
                {"REG_MULTI_SZ", "[]", true},       {"REG_MULTI_SZ", "[\"a\",\"b\"]", true},
                {"REG_MULTI_SZ", "[1]", false},     {"REG_MULTI_SZ", "\"a\"", false},
                {"REG_DWORD", "4294967295", true},  {"REG_DWORD", "4.0", false},
                {"REG_QWORD", "4294967296", true},  {"REG_QWORD", "-1", false},
                {"REG_BINARY", "\"AAEC\"", true},   {"REG_BINARY", "\"x\"", false},
        };
        for (size_t n = 0; n < SAL_ARRAY_LEN(cases); n++) {
                sal_auto(sal_campaign) struct sal_campaign *c = NULL;
                sal_autojson json_t *document = json_loads(PAYLOAD, 0, NULL);
                char type[64];
                snprintf(type, sizeof type, "\"%s\"", cases[n].type);
                payload_edit(document, "/actions/7/type", type);
                payload_edit(document, "/actions/7/value", cases[n].value);
                sal_autofree char *text = sal_json_dump(document);
                if ((parse(text, &c, NULL) == SAL_OK) != cases[n].good)
                        fail_msg("%s %s", cases[n].type, cases[n].value);
        }
}

static void sizes_are_bounded(void **state) {
        (void)state;
        struct sal_err err = {0};
        struct sal_campaign *c = NULL;
        sal_autofree char *big = malloc(SAL_CAMPAIGN_MAX_BYTES + 2);
        memset(big, ' ', SAL_CAMPAIGN_MAX_BYTES + 1);
        memcpy(big, PAYLOAD, sizeof PAYLOAD - 1);
        assert_int_equal(sal_campaign_parse(big, SAL_CAMPAIGN_MAX_BYTES + 1, &c, &err), SAL_E_TOO_LARGE);
        assert_null(c);
        assert_int_equal(sal_campaign_parse(big, SAL_CAMPAIGN_MAX_BYTES, &c, &err), SAL_OK);
        sal_campaign_unref(c);

        for (int count = SAL_CAMPAIGN_MAX_ACTIONS; count <= SAL_CAMPAIGN_MAX_ACTIONS + 1; count++) {
                sal_auto(sal_campaign) struct sal_campaign *many = NULL;
                sal_autojson json_t *document = json_loads(PAYLOAD, 0, NULL);
                while ((int)json_array_size(json_object_get(document, "actions")) < count)
                        payload_edit(document, "/actions/-", "{\"kind\":\"disable_service\",\"name\":\"x\"}");
                sal_autofree char *text = sal_json_dump(document);
                assert_int_equal(parse(text, &many, &err), count == SAL_CAMPAIGN_MAX_ACTIONS ? SAL_OK : SAL_E_INVALID);
        }
        /* 16 KiB of content and one byte more: 21848 and 21848 characters, the padding differs. */
        for (int extra = 0; extra <= 1; extra++) {
                sal_auto(sal_campaign) struct sal_campaign *file = NULL;
                char text[21900];
                memset(text, 'A', sizeof text);
                text[0] = '"';
                memcpy(text + 1 + 21844, extra ? "AAA=\"" : "AA==\"", 6);
                sal_autofree char *payload = payload_with("/actions/3/content_base64", text);
                assert_int_equal(parse(payload, &file, &err), extra ? SAL_E_INVALID : SAL_OK);
                if (file)
                        assert_int_equal(file->actions[3].content_len, SAL_WRITE_FILE_MAX_BYTES);
        }
}

static void what_is_not_json_is_malformed(void **state) {
        (void)state;
        static const char *const texts[] = {
                "", "{", "nonsense", "{\"id\":\"a\",\"id\":\"b\"}", "{\"id\":\"a\\u0000\"}", "{} {}", "\xef\xbb\xbf{}",
        };
        for (size_t n = 0; n < SAL_ARRAY_LEN(texts); n++) {
                struct sal_campaign *c = NULL;
                assert_int_equal(parse(texts[n], &c, NULL), SAL_E_MALFORMED);
                assert_null(c);
        }
        struct sal_campaign *c = NULL;
        assert_int_equal(parse("[]", &c, NULL), SAL_E_INVALID);
        assert_int_equal(parse("null", &c, NULL), SAL_E_INVALID);
        /* Every beginning of a good payload is no payload. */
        for (size_t len = 0; len + 1 < sizeof PAYLOAD; len++)
                assert_int_equal(sal_campaign_parse(PAYLOAD, len, &c, NULL),
                                 len == sizeof PAYLOAD - 1 ? SAL_OK : SAL_E_MALFORMED);
}

static uint64_t next_random(uint64_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

/* Changed bytes: whatever comes of it is a campaign or an error, and leaks nothing. */
static void altered_bytes_never_crash(void **state) {
        (void)state;
        uint64_t seed = 0xca3fa16e5eed;
        size_t len = sizeof PAYLOAD - 1;
        int good = 0;
        for (int n = 0; n < 30000; n++) {
                sal_auto(sal_campaign) struct sal_campaign *c = NULL;
                sal_autobuf struct sal_buf out = SAL_BUF_INIT;
                struct sal_err err = {0};
                char text[sizeof PAYLOAD];
                memcpy(text, PAYLOAD, sizeof text);
                for (uint64_t flips = 1 + next_random(&seed) % 3; flips > 0; flips--) {
                        char *at = &text[next_random(&seed) % len];
                        if (next_random(&seed) % 2)
                                *at = (char)(*at ^ (char)(1 << next_random(&seed) % 8));
                        else
                                *at = "\"{}[],:0-9.eE\\/*?x"[next_random(&seed) % 18];
                }
                if (sal_campaign_parse(text, len, &c, &err)) {
                        assert_true(err.detail[0] != '\0');
                        continue;
                }
                good++;
                sal_campaign_describe(c, &out);
                assert_true(out.len > 0);
        }
        assert_true(good > 1000 && good < 29000);
}

/* Whole values exchanged: every member meets every type. */
static void exchanged_values_never_crash(void **state) {
        (void)state;
        static const char *const pointers[] = {
                "/schema",
                "/id",
                "/version",
                "/trust_domain",
                "/title",
                "/summary",
                "/links",
                "/links/0",
                "/not_before",
                "/expires",
                "/priority",
                "/drill",
                "/supersedes",
                "/undoes",
                "/match",
                "/match/all",
                "/match/all/0",
                "/match/all/0/eq",
                "/actions",
                "/actions/0",
                "/actions/0/kind",
                "/actions/0/path",
                "/actions/0/require",
                "/actions/0/require/mtime_before",
                "/actions/0/require/sha256",
                "/actions/2/artifact",
                "/actions/3/mode",
                "/actions/3/content_base64",
                "/actions/7/value",
                "/verify",
                "/verify/0",
                "/verify/2/sha256",
                "/on_failure",
                "/reboot",
                "/rollout",
                "/rollout/rings",
                "/rollout/in_flight",
                "/rollout/cohorts",
        };
        static const char *const values[] = {
                "null", "true", "0",    "-1",     "1e308",          "9223372036854775807", "\"\"",    "\"x\"", "[]",
                "{}",   "[[]]", "[{}]", "[null]", "{\"all\":[{}]}", "{\"\":{}}",           "[1,2,3]", NULL,
        };
        for (size_t p = 0; p < SAL_ARRAY_LEN(pointers); p++) {
                for (size_t v = 0; v < SAL_ARRAY_LEN(values); v++) {
                        sal_auto(sal_campaign) struct sal_campaign *c = NULL;
                        struct sal_err err = {0};
                        sal_autofree char *text = payload_with(pointers[p], values[v]);
                        if (parse(text, &c, &err))
                                assert_true(err.pointer[0] == '/');
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_example_is_read),
                cmocka_unit_test(actions_and_checks_are_read),
                cmocka_unit_test(what_may_be_left_out_has_its_default),
                cmocka_unit_test(references_are_counted),
                cmocka_unit_test(bad_campaigns_say_where),
                cmocka_unit_test(bad_actions_say_where),
                cmocka_unit_test(registry_values_fit_their_type),
                cmocka_unit_test(sizes_are_bounded),
                cmocka_unit_test(what_is_not_json_is_malformed),
                cmocka_unit_test(altered_bytes_never_crash),
                cmocka_unit_test(exchanged_values_never_crash),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
