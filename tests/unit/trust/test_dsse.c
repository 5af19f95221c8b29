/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes: the encoding that is signed, strict reading, and counting by public key. */
#include "testing.h"

#include "trust/dsse.h"

#define TYPE SAL_CAMPAIGN_PAYLOAD_TYPE

static enum sal_status parse(const char *text, struct sal_envelope **ret, struct sal_err *err) {
        return sal_envelope_parse(text, strlen(text), TYPE, ret, err);
}

static void pae(void **state) {
        (void)state;
        /* The example of the DSSE protocol page. */
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_dsse_pae("http://example.com/HelloWorld", "hello world", 11, &out);
        assert_string_equal(out.data, "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
        sal_buf_clear(&out);
        sal_dsse_pae("t", NULL, 0, &out);
        assert_string_equal(out.data, "DSSEv1 1 t 0 ");
        /* Lengths keep type and payload apart: moving a byte between them changes what is signed. */
        sal_buf_clear(&out);
        sal_dsse_pae("t 1", "a\0b", 3, &out);
        assert_int_equal(out.len, strlen("DSSEv1 3 t 1 3 ") + 3);
        assert_memory_equal(out.data, "DSSEv1 3 t 1 3 a\0b", out.len);
}

static void round_trip(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *a = make_key(SAL_KEY_ED25519);
        sal_auto(sal_private_key) struct sal_private_key *b = make_key(SAL_KEY_P256);
        sal_auto(sal_envelope) struct sal_envelope *made = sal_envelope_new(TYPE, "{\"x\":1}", 7);
        assert_non_null(made);
        assert_int_equal(sal_envelope_sign(made, a, NULL), SAL_OK);
        assert_int_equal(sal_envelope_sign(made, b, NULL), SAL_OK);
        assert_int_equal(sal_envelope_sign(made, a, NULL), SAL_OK); /* the very same signature: not twice */
        assert_int_equal(made->signature_count, 2);
        sal_autobuf struct sal_buf first = SAL_BUF_INIT;
        sal_autobuf struct sal_buf second = SAL_BUF_INIT;
        sal_envelope_serialise(made, &first);
        assert_false(first.failed);
        static const char start[] =
                "{\"payload\":\"eyJ4IjoxfQ==\",\"payloadType\":\"" TYPE "\",\"signatures\":[{\"keyid\":\"";
        assert_memory_equal(first.data, start, sizeof start - 1);
        sal_auto(sal_envelope) struct sal_envelope *read = NULL;
        assert_int_equal(parse(first.data, &read, NULL), SAL_OK);
        sal_envelope_serialise(read, &second);
        assert_string_equal(first.data, second.data);
        assert_int_equal(read->payload_len, 7);
        const struct sal_public_key *keys[] = {sal_private_key_public(b), sal_private_key_public(a)};
        sal_autokeyset struct sal_key_set set = SAL_KEY_SET_INIT;
        assert_int_equal(sal_envelope_verify(read, keys, 2, &set), SAL_OK);
        assert_int_equal(set.count, 2);
        assert_true(sal_dsse_verify_one(TYPE, "{\"x\":1}", 7, keys[1], read->signatures[0].sig,
                                        read->signatures[0].sig_len));
        assert_false(sal_dsse_verify_one("text/plain", "{\"x\":1}", 7, keys[1], read->signatures[0].sig,
                                         read->signatures[0].sig_len));
}

static void one_signature(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_P256);
        sal_autofree char *text = NULL;
        sal_autofree uint8_t *sig = NULL;
        size_t len = 0;
        assert_int_equal(sal_dsse_sign_one(TYPE, "abc", 3, key, &text, NULL), SAL_OK);
        assert_int_equal(sal_base64_decode(text, strlen(text), &sig, &len), SAL_OK);
        assert_true(sal_dsse_verify_one(TYPE, "abc", 3, sal_private_key_public(key), sig, len));
        assert_false(sal_dsse_verify_one(TYPE, "abd", 3, sal_private_key_public(key), sig, len));
}

/* Two signatures of one key (ECDSA makes a new one each time), the same one under several ids, or one key that the list
 * of keys holds twice under two ids: one key all the same. */
static void counts_by_public_key(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_P256);
        const struct sal_public_key *half = sal_private_key_public(key);
        sal_auto(sal_envelope) struct sal_envelope *envelope = sal_envelope_new(TYPE, "p", 1);
        for (int i = 0; i < 3; i++)
                assert_int_equal(sal_envelope_sign(envelope, key, NULL), SAL_OK);
        const struct sal_signature first = envelope->signatures[0];
        assert_int_equal(sal_envelope_add(envelope, "someone-else", first.sig, first.sig_len, NULL), SAL_OK);
        assert_int_equal(sal_envelope_add(envelope, "", first.sig, first.sig_len, NULL), SAL_OK);
        assert_int_equal(envelope->signature_count, 5);
        char text[SAL_KEY_TEXT_MAX_BYTES];
        snprintf(text, sizeof text, "%s\n", sal_public_key_text(half));
        sal_auto(sal_public_key) struct sal_public_key *twin = NULL;
        assert_int_equal(sal_public_key_new("ecdsa", "ecdsa-sha2-nistp256", text, &twin, NULL), SAL_OK);
        assert_string_not_equal(sal_public_key_id(twin), sal_public_key_id(half));
        const struct sal_public_key *keys[] = {half, twin, half};
        sal_autokeyset struct sal_key_set set = SAL_KEY_SET_INIT;
        assert_int_equal(sal_envelope_verify(envelope, keys, 3, &set), SAL_OK);
        assert_int_equal(set.count, 1);
}

static void altered(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_ED25519);
        const struct sal_public_key *keys[] = {sal_private_key_public(key)};
        sal_auto(sal_envelope) struct sal_envelope *envelope = sal_envelope_new(TYPE, "payload", 7);
        assert_int_equal(sal_envelope_sign(envelope, key, NULL), SAL_OK);
        for (size_t bit = 0; bit < 56; bit++) {
                sal_autokeyset struct sal_key_set set = SAL_KEY_SET_INIT;
                envelope->payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_int_equal(sal_envelope_verify(envelope, keys, 1, &set), SAL_OK);
                assert_int_equal(set.count, 0);
                envelope->payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        sal_autokeyset struct sal_key_set set = SAL_KEY_SET_INIT;
        envelope->payload_len = 6;
        assert_int_equal(sal_envelope_verify(envelope, keys, 1, &set), SAL_OK);
        assert_int_equal(set.count, 0);
        envelope->payload_len = 7;
        envelope->payload_type[0] = 'A';
        assert_int_equal(sal_envelope_verify(envelope, keys, 1, &set), SAL_OK);
        assert_int_equal(set.count, 0);
        envelope->payload_type[0] = 'a';
        assert_int_equal(sal_envelope_verify(envelope, keys, 1, &set), SAL_OK);
        assert_int_equal(set.count, 1);
}

#define SIG "{\"keyid\":\"k\",\"sig\":\"AAAA\"}"
#define ENVELOPE(payload, sigs) "{\"payload\":\"" payload "\",\"payloadType\":\"" TYPE "\",\"signatures\":[" sigs "]}"

static void strict_reading(void **state) {
        (void)state;
        static const struct {
                const char *text;
                enum sal_status status;
                const char *pointer;
        } bad[] = {
                /* base64: spare bits, white space, missing and excess padding, the URL alphabet, foreign bytes */
                {ENVELOPE("YR==", SIG), SAL_E_INVALID, "/payload"},
                {ENVELOPE("YWE", SIG), SAL_E_INVALID, "/payload"},
                {ENVELOPE("YWE==", SIG), SAL_E_INVALID, "/payload"},
                {ENVELOPE("YQ==YQ==", SIG), SAL_E_INVALID, "/payload"},
                {ENVELOPE("YWFh====", SIG), SAL_E_INVALID, "/payload"},
                {ENVELOPE("YW Fh", SIG), SAL_E_INVALID, "/payload"},
                {ENVELOPE("YWFh\\n", SIG), SAL_E_INVALID, "/payload"},
                {ENVELOPE("YWF\\u0020", SIG), SAL_E_INVALID, "/payload"},
                {ENVELOPE("-_-_", SIG), SAL_E_INVALID, "/payload"},
                {ENVELOPE("YQ==", "{\"keyid\":\"k\",\"sig\":\"AAB=\"}"), SAL_E_INVALID, "/signatures/0/sig"},
                {ENVELOPE("YQ==", SIG ",{\"keyid\":\"k\",\"sig\":\"A\"}"), SAL_E_INVALID, "/signatures/1/sig"},
                /* members */
                {"{\"payload\":\"YQ==\",\"payload\":\"Yg==\",\"payloadType\":\"" TYPE "\",\"signatures\":[]}",
                 SAL_E_MALFORMED, ""},
                {"{\"payload\":\"YQ==\",\"payloadType\":\"" TYPE "\",\"signatures\":[],\"x\":1}", SAL_E_INVALID, "/x"},
                {ENVELOPE("YQ==", "{\"keyid\":\"k\",\"sig\":\"AAAA\",\"cert\":\"\"}"), SAL_E_INVALID,
                 "/signatures/0/cert"},
                {ENVELOPE("YQ==", "{\"keyid\":\"k\"}"), SAL_E_INVALID, "/signatures/0/sig"},
                {ENVELOPE("YQ==", "{\"keyid\":7,\"sig\":\"AAAA\"}"), SAL_E_INVALID, "/signatures/0/keyid"},
                {ENVELOPE("YQ==", "\"AAAA\""), SAL_E_INVALID, "/signatures/0"},
                {"{\"payloadType\":\"" TYPE "\",\"signatures\":[]}", SAL_E_INVALID, "/payload"},
                {"{\"payload\":\"YQ==\",\"signatures\":[]}", SAL_E_INVALID, "/payloadType"},
                {"{\"payload\":\"YQ==\",\"payloadType\":\"" TYPE "\"}", SAL_E_INVALID, "/signatures"},
                {"{\"payload\":\"YQ==\",\"payloadType\":\"text/plain\",\"signatures\":[]}", SAL_E_INVALID,
                 "/payloadType"},
                {"{\"payload\":\"YQ==\",\"payloadType\":\"" TYPE "; v=1\",\"signatures\":[]}", SAL_E_INVALID,
                 "/payloadType"},
                {"{\"payload\":\"YQ==\",\"payloadType\":\"" TYPE "\",\"signatures\":{}}", SAL_E_INVALID, "/signatures"},
                {ENVELOPE("YQ==", SIG) " ", SAL_OK, NULL},
                {ENVELOPE("YQ==", SIG) "x", SAL_E_MALFORMED, ""},
                {"[]", SAL_E_INVALID, ""},
                {"", SAL_E_MALFORMED, ""},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                sal_auto(sal_envelope) struct sal_envelope *envelope = NULL;
                struct sal_err err = {0};
                enum sal_status status = parse(bad[i].text, &envelope, &err);
                if (status != bad[i].status || (status && strcmp(err.pointer, bad[i].pointer) != 0))
                        fail_msg("%s: status %d at %s: %s", bad[i].text, status, err.pointer, err.detail);
        }
}

static void limits(void **state) {
        (void)state;
        for (int count = 32; count <= 33; count++) {
                sal_autobuf struct sal_buf text = SAL_BUF_INIT;
                sal_buf_puts(&text, "{\"payload\":\"YQ==\",\"payloadType\":\"" TYPE "\",\"signatures\":[");
                for (int i = 0; i < count; i++)
                        sal_buf_printf(&text, "%s{\"sig\":\"AAAA\"}", i ? "," : "");
                sal_buf_puts(&text, "]}");
                sal_auto(sal_envelope) struct sal_envelope *envelope = NULL;
                assert_int_equal(parse(text.data, &envelope, NULL), count == 32 ? SAL_OK : SAL_E_INVALID);
                if (envelope) {
                        const uint8_t sig[] = {1, 2, 3};
                        assert_string_equal(envelope->signatures[0].keyid, "");
                        assert_int_equal(sal_envelope_add(envelope, "k", sig, 3, NULL), SAL_E_TOO_MANY);
                        assert_int_equal(sal_envelope_add(envelope, "k", sig, 0, NULL), SAL_E_INVALID);
                }
        }
        size_t len = SAL_ENVELOPE_MAX_BYTES + 1;
        sal_autofree char *huge = malloc(len);
        memset(huge, ' ', len);
        struct sal_envelope *none = NULL;
        assert_int_equal(sal_envelope_parse(huge, len, TYPE, &none, NULL), SAL_E_TOO_LARGE);
        assert_null(none);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pae),           cmocka_unit_test(round_trip),
                cmocka_unit_test(one_signature), cmocka_unit_test(counts_by_public_key),
                cmocka_unit_test(altered),       cmocka_unit_test(strict_reading),
                cmocka_unit_test(limits),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
