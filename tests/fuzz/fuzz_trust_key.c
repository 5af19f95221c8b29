/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a public key, in each form in which one comes, and as a signature. A key that is taken reads the same
 * again from what is written of it; no bytes are a signature of a key whose private half nobody has used.
 */
#include "harness.h"
#include "trust/key_form.h"

static struct sal_public_key *ed25519, *p256;

static void look_at(const struct sal_public_key *key) {
        sal_auto(sal_public_key) struct sal_public_key *again = NULL, *named = NULL;
        size_t len = 0;
        const uint8_t *spki = sal_public_key_spki(key, &len);
        check(len <= SAL_KEY_SPKI_MAX_BYTES && !sal_public_key_from_spki(spki, len, &again, NULL));
        check(sal_public_key_equal(key, again));
        sal_autojson json_t *json = sal_public_key_to_json(key);
        struct sal_json_at at = sal_json_root(json);
        check(!sal_public_key_from_json(&at, &named, NULL));
        check(sal_public_key_equal(key, named) && strcmp(sal_public_key_id(key), sal_public_key_id(named)) == 0);
}

static void take(enum sal_status status, struct sal_public_key **key) {
        check((status == SAL_OK) == (*key != NULL));
        if (*key)
                look_at(*key);
}

static void read_key(uint8_t form, const uint8_t *data, size_t len) {
        sal_auto(sal_public_key) struct sal_public_key *key = NULL;
        sal_autofree char *text = fuzz_text(data, len);
        sal_autojson json_t *json = NULL;
        struct sal_json_at at;
        switch (form) {
        case 0:
                take(sal_public_key_from_spki(data, len, &key, NULL), &key);
                break;
        case 1:
                take(sal_public_key_new("ecdsa", "ecdsa-sha2-nistp256", text, &key, NULL), &key);
                break;
        case 2:
                take(sal_public_key_new("ed25519", "ed25519", text, &key, NULL), &key);
                break;
        case 3:
                if (sal_json_parse(text, len, SAL_JSON_MAX_DEPTH, &json, NULL))
                        break;
                at = sal_json_root(json);
                take(sal_public_key_from_json(&at, &key, NULL), &key);
                break;
        default:
                take(sal_public_key_from_point(form % 2 ? SAL_KEY_P256 : SAL_KEY_ED25519, data, len, &key, NULL), &key);
        }
}

static void read_signature(const uint8_t *data, size_t len) {
        uint8_t der[SAL_SIGNATURE_MAX_BYTES];
        size_t der_len = 0;
        check(!sal_public_key_verify(ed25519, "message", 7, data, len));
        check(!sal_public_key_verify(p256, "message", 7, data, len));
        if (!sal_signature_from_raw(data, len, der, &der_len, NULL))
                check(der_len <= sizeof der && !sal_public_key_verify(p256, "message", 7, der, der_len));
}

static void make(void) {
        /* The keys of RFC 6979 section A.2.5 and RFC 8032 section 7.1: no input is long enough to sign by chance. */
        uint8_t spki[SAL_KEY_SPKI_MAX_BYTES];
        static const char point[] = "3059301306072a8648ce3d020106082a8648ce3d0301070342000460fed4ba255a9d31c961eb74c635"
                                    "6d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f"
                                    "5177a3c294d4462299";
        check(!sal_hex_decode(point, sizeof point - 1, spki, sizeof spki));
        check(!sal_public_key_from_spki(spki, sizeof spki, &p256, NULL));
        check(!sal_public_key_new("ed25519", "ed25519",
                                  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", &ed25519, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        if (!p256)
                make();
        uint8_t form = fuzz_byte(&data, &len) % 7;
        if (form == 6)
                read_signature(data, len);
        else
                read_key(form, data, len);
        return 0;
}
