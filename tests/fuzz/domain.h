/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trust domain made with the keys of harness.h: one key for root and targets, one that is online, a policy of two
 * authors who must both sign.
 *
 * Thread: one. Ownership: functions that return a pointer hand it over; what `fuzz_domain` returns lives for ever.
 */
#ifndef SAL_TESTS_FUZZ_DOMAIN_H
#define SAL_TESTS_FUZZ_DOMAIN_H

#include "harness.h"
#include "trust/dsse.h"
#include "trust/policy.h"

enum { FUZZ_OFFLINE = 1, FUZZ_ONLINE = 2, FUZZ_ANN = 11, FUZZ_BEN = 12 };

struct fuzz_domain {
        struct sal_private_key *offline, *online, *ann, *ben;
        char *policy;
        struct sal_buf root, targets;
        char trust_domain[SAL_SHA256_HEX_BYTES];
        struct sal_tuf_root *parsed_root;
        struct sal_policy *parsed_policy;
};

static inline json_t *fuzz_author(const char *name, const struct sal_private_key *key) {
        const struct sal_public_key *half = sal_private_key_public(key);
        return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", name, "keyid", sal_public_key_id(half), "keytype",
                         sal_public_key_keytype(half), "scheme", sal_public_key_scheme(half), "public",
                         sal_public_key_text(half));
}

/* Root and targets of version 1. */
static inline void fuzz_domain_sign(struct fuzz_domain *d) {
        const struct sal_public_key *offline = sal_private_key_public(d->offline),
                                    *online = sal_private_key_public(d->online);
        const struct sal_private_key *signer = d->offline;
        struct sal_tuf_root_spec root = {.version = 1, .expires_ms = fuzz_now_ms + INT64_C(86400000)};
        for (int r = 0; r < SAL_TUF_ROLES; r++) {
                bool is_offline = r == SAL_TUF_ROOT || r == SAL_TUF_TARGETS;
                root.roles[r].keys = is_offline ? &offline : &online;
                root.roles[r].key_count = 1;
                root.roles[r].threshold = 1;
        }
        check(!sal_tuf_root_build(&root, &signer, 1, &d->root, NULL));
        check(!sal_tuf_root_load(d->root.data, d->root.len, &d->parsed_root, NULL));
        sal_sha256_hex(d->root.data, d->root.len, d->trust_domain);
        const struct sal_tuf_targets_spec targets = {.version = 1,
                                                     .expires_ms = fuzz_now_ms + INT64_C(86400000),
                                                     .policy = d->policy,
                                                     .policy_len = strlen(d->policy),
                                                     .keys = &online,
                                                     .key_count = 1,
                                                     .threshold = 1};
        check(!sal_tuf_targets_build(&targets, &signer, 1, &d->targets, NULL));
}

/* The one domain. */
static inline const struct fuzz_domain *fuzz_domain(void) {
        static struct fuzz_domain d;
        if (d.policy)
                return &d;
        d.offline = fuzz_key(FUZZ_OFFLINE);
        d.online = fuzz_key(FUZZ_ONLINE);
        d.ann = fuzz_key(FUZZ_ANN);
        d.ben = fuzz_key(FUZZ_BEN);
        sal_autojson json_t *policy =
                json_pack("{s:s, s:[o, o], s:[{s:s, s:[s, s], s:[s, s], s:i}], s:[s]}", "schema", SAL_POLICY_SCHEMA,
                          "authors", fuzz_author("ann", d.ann), fuzz_author("ben", d.ben), "classes", "name", "files",
                          "kinds", "delete_file", "write_file", "authors", "ann", "ben", "threshold", 2, "revoked",
                          "bad-fix");
        d.policy = sal_json_dump(policy);
        check(d.policy && !sal_policy_parse(d.policy, strlen(d.policy), &d.parsed_policy, NULL));
        fuzz_domain_sign(&d);
        return &d;
}

/* The envelope of any bytes as a payload, signed by so many of the authors. */
static inline char *fuzz_seal(const struct fuzz_domain *d, const void *payload, size_t len, int signers) {
        sal_auto(sal_envelope) struct sal_envelope *envelope =
                sal_envelope_new(SAL_CAMPAIGN_PAYLOAD_TYPE, payload, len);
        check(envelope != NULL);
        check(signers < 1 || !sal_envelope_sign(envelope, d->ann, NULL));
        check(signers < 2 || !sal_envelope_sign(envelope, d->ben, NULL));
        struct sal_buf bytes = SAL_BUF_INIT;
        sal_envelope_serialise(envelope, &bytes);
        char *text = sal_buf_take(&bytes, &(size_t){0});
        check(text != NULL);
        return text;
}

/* A good payload. */
static inline char *fuzz_payload(const struct fuzz_domain *d, const char *id, int version) {
        sal_autojson json_t *json =
                json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:[{s:s, s:s}]}", "schema",
                          SAL_CAMPAIGN_SCHEMA, "id", id, "version", version, "trust_domain", d->trust_domain, "title",
                          "A fix", "not_before", "2026-04-20T00:00:00Z", "expires", "2026-05-10T00:00:00Z", "match",
                          "fact", "os", "eq", "windows", "actions", "kind", "delete_file", "path",
                          "${SYSTEM}/drivers/x.sys");
        char *text = sal_json_dump(json);
        check(text != NULL);
        return text;
}

#endif
