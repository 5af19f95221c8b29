/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed campaigns for tests of what may be in force.
 *
 * Thread: one. Ownership: functions that return a pointer hand it over.
 */
#ifndef SAL_TESTS_TRUST_CAMPAIGNS_H
#define SAL_TESTS_TRUST_CAMPAIGNS_H

#include "trust/dsse.h"
#include "world.h"

#define DOMAIN SHA

/* A payload of one delete_file, live around now_ms, with one edit (pointer NULL: none). */
static inline char *campaign_payload(const char *id, int version, const char *pointer, const char *text) {
        json_t *json =
                json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:[{s:s, s:s}]}", "schema",
                          SAL_CAMPAIGN_SCHEMA, "id", id, "version", version, "trust_domain", DOMAIN, "title", "A fix",
                          "not_before", "2026-04-20T00:00:00Z", "expires", "2026-05-10T00:00:00Z", "match", "fact",
                          "os", "eq", "windows", "actions", "kind", "delete_file", "path", "${SYSTEM}/drivers/x.sys");
        assert_non_null(json);
        if (pointer)
                payload_edit(json, pointer, text);
        char *payload = sal_json_dump(json);
        json_decref(json);
        return payload;
}

/* The envelope of a payload with the signatures of these keys of the world. */
static inline char *campaign_seal(const struct world *w, const char *type, const char *payload, const int *signers,
                                  size_t count) {
        sal_auto(sal_envelope) struct sal_envelope *envelope = sal_envelope_new(type, payload, strlen(payload));
        assert_non_null(envelope);
        for (size_t i = 0; i < count; i++)
                assert_int_equal(sal_envelope_sign(envelope, w->keys[signers[i]], NULL), SAL_OK);
        struct sal_buf bytes = SAL_BUF_INIT;
        sal_envelope_serialise(envelope, &bytes);
        char *text = sal_buf_take(&bytes, &(size_t){0});
        assert_non_null(text);
        return text;
}

/* A good envelope by both authors. */
static inline char *campaign_good(const struct world *w, const char *id, int version) {
        static const int both[] = {AUTHOR_A, AUTHOR_B};
        sal_autofree char *payload = campaign_payload(id, version, NULL, NULL);
        return campaign_seal(w, SAL_CAMPAIGN_TYPE, payload, both, 2);
}

#endif
