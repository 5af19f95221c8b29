/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Envelopes written in every other way, see vectors/dsse.py: each is refused, or gives the same payload and the same
 * signers, or loses signers. None gains one, and none gives another payload under a signature.
 */
#include "vectors/vectors.h"

#include "trust/dsse.h"

enum { AUTHORS = 2 };

static const struct {
        const char *name;
        bool refused;
        size_t signers; /* SIZE_MAX: some, and not all */
} outcomes[] = {
        {"refused", true, 0},
        {"same", false, AUTHORS},
        {"fewer", false, SIZE_MAX},
        {"none", false, 0},
};

static void hold(const json_t *test, const struct sal_public_key *const *authors, const uint8_t *payload,
                 size_t payload_len) {
        size_t len = 0, o = 0;
        sal_autofree uint8_t *text = vectors_bytes(test, "envelope", &len);
        const char *what = vectors_text(test, "what");
        while (o < SAL_ARRAY_LEN(outcomes) && strcmp(outcomes[o].name, vectors_text(test, "outcome")) != 0)
                o++;
        assert_true(o < SAL_ARRAY_LEN(outcomes));
        sal_auto(sal_envelope) struct sal_envelope *envelope = NULL;
        struct sal_err err = {0};
        enum sal_status status =
                sal_envelope_parse((const char *)text, len, SAL_CAMPAIGN_PAYLOAD_TYPE, &envelope, &err);
        if ((status != SAL_OK) != outcomes[o].refused)
                fail_msg("%s: status %d: %s", what, status, err.detail);
        if (status) {
                if ((status != SAL_E_INVALID && status != SAL_E_MALFORMED) || !err.detail[0])
                        fail_msg("%s: status %d: %s", what, status, err.detail);
                return;
        }
        sal_autokeyset struct sal_key_set set = SAL_KEY_SET_INIT;
        assert_int_equal(sal_envelope_verify(envelope, authors, AUTHORS, &set), SAL_OK);
        bool right = outcomes[o].signers == SIZE_MAX ? set.count > 0 && set.count < AUTHORS
                                                     : set.count == outcomes[o].signers;
        if (!right)
                fail_msg("%s: %zu signers", what, set.count);
        if (set.count && (envelope->payload_len != payload_len || memcmp(envelope->payload, payload, payload_len) != 0))
                fail_msg("%s: another payload", what);
}

static void table(void **state) {
        (void)state;
        sal_autojson json_t *vectors = vectors_load("dsse.json");
        const struct sal_public_key *authors[AUTHORS];
        for (size_t i = 0; i < AUTHORS; i++) {
                struct sal_public_key *key = NULL;
                const char *hex = json_string_value(json_array_get(json_object_get(vectors, "authors"), i));
                assert_int_equal(vectors_key(i == 0, hex, &key, NULL), SAL_OK);
                authors[i] = key;
        }
        size_t payload_len = 0, i = 0;
        sal_autofree uint8_t *payload = vectors_bytes(vectors, "payload", &payload_len);
        json_t *test = NULL;
        json_array_foreach (json_object_get(vectors, "cases"), i, test) {
                hold(test, authors, payload, payload_len);
        }
        assert_true(i >= 200);
        for (i = 0; i < AUTHORS; i++)
                sal_public_key_unref((struct sal_public_key *)authors[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(table)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
