/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the tables of this folder, which make_vectors.py writes.
 *
 * Thread: one. Ownership: functions that return a pointer hand it over unless they say otherwise.
 */
#ifndef SAL_TESTS_TRUST_VECTORS_H
#define SAL_TESTS_TRUST_VECTORS_H

#include "../testing.h"

#include "base/json.h"
#include "trust/file.h"

enum { VECTORS_MAX_BYTES = 1024 * 1024 };

static inline json_t *vectors_load(const char *name) {
        char path[512];
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        json_t *table = NULL;
        struct sal_err err = {0};
        snprintf(path, sizeof path, "%s/tests/unit/trust/vectors/%s", SALVOR_SOURCE_DIR, name);
        if (sal_file_read(path, VECTORS_MAX_BYTES, &bytes, &len, &err) ||
            sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &table, &err))
                fail_msg("%s: %s", path, err.detail);
        return table;
}

/* A text member. Borrowed. */
static inline const char *vectors_text(const json_t *object, const char *name) {
        const char *text = json_string_value(json_object_get(object, name));
        if (!text)
                fail_msg("a vector without \"%s\"", name);
        return text;
}

/* A member in hex, as bytes. */
static inline uint8_t *vectors_bytes(const json_t *object, const char *name, size_t *ret_len) {
        return from_hex(vectors_text(object, name), ret_len);
}

static inline bool vectors_true(const json_t *object, const char *name) {
        return json_is_true(json_object_get(object, name));
}

/* Makes a key from the hex of a table: raw Ed25519 as TUF writes it, or DER. */
static inline enum sal_status vectors_key(bool raw, const char *hex, struct sal_public_key **ret,
                                          struct sal_err *reterr) {
        if (raw)
                return sal_public_key_new("ed25519", "ed25519", hex, ret, reterr);
        size_t len = 0;
        sal_autofree uint8_t *der = from_hex(hex, &len);
        return sal_public_key_from_spki(der, len, ret, reterr);
}

/* No change of a single bit of a good signature or of its message is good. */
static inline void vectors_flip(const struct sal_public_key *key, uint8_t *message, size_t len, uint8_t *sig,
                                size_t sig_len) {
        for (size_t bit = 0; bit < 8 * (sig_len + len); bit++) {
                uint8_t *byte = bit < 8 * sig_len ? &sig[bit / 8] : &message[bit / 8 - sig_len];
                *byte ^= (uint8_t)(1u << bit % 8);
                if (sal_public_key_verify(key, message, len, sig, sig_len))
                        fail_msg("accepted with bit %zu changed", bit);
                *byte ^= (uint8_t)(1u << bit % 8);
        }
}

/* Holds one group against the library: its key, then every signature. */
static inline void vectors_group(bool raw, const json_t *group) {
        sal_auto(sal_public_key) struct sal_public_key *key = NULL;
        struct sal_err err = {0};
        enum sal_status status = vectors_key(raw, vectors_text(group, "key"), &key, &err);
        const char *what = vectors_text(group, "what");
        if ((status == SAL_OK) != vectors_true(group, "accepted") || (status && status != SAL_E_INVALID))
                fail_msg("key: %s: status %d: %s", what, status, err.detail);
        if (status) {
                assert_true(err.detail[0] != '\0');
                return;
        }
        size_t i = 0;
        json_t *test = NULL;
        json_array_foreach (json_object_get(group, "tests"), i, test) {
                size_t len = 0, sig_len = 0;
                sal_autofree uint8_t *message = vectors_bytes(test, "message", &len);
                sal_autofree uint8_t *sig = vectors_bytes(test, "sig", &sig_len);
                bool valid = vectors_true(test, "valid");
                if (sal_public_key_verify(key, message, len, sig, sig_len) != valid)
                        fail_msg("%s: %s: %s", what, vectors_text(test, "what"), valid ? "refused" : "accepted");
                if (valid)
                        vectors_flip(key, message, len < 64 ? len : 64, sig, sig_len);
        }
}

/* Every group of a table; at least so many cases, so that an empty table is no success. */
static inline void vectors_all(const char *name, size_t least) {
        sal_autojson json_t *table = vectors_load(name);
        size_t cases = 0, i = 0;
        json_t *group = NULL;
        json_array_foreach (json_object_get(table, "groups"), i, group) {
                vectors_group(vectors_true(table, "raw_keys"), group);
                cases += 1 + json_array_size(json_object_get(group, "tests"));
        }
        assert_true(cases >= least);
}

#endif
