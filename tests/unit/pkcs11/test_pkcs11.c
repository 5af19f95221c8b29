/* SPDX-License-Identifier: Apache-2.0 */
/* Keys on tokens, against a module that misbehaves as it is told (fake_token.c). */
#include "pkcs11/pkcs11.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static char log_path[64] = "/tmp/salvor-fake-token-XXXXXX";
static char uri[PATH_MAX + 64];

/* What the person types, and what they were told. */
struct person {
        const char *pin; /* NULL: gives up */
        int asked;
        struct sal_pkcs11_pin_request request; /* its texts are gone after the call */
        char file[128];
};

static int answer(void *context, const struct sal_pkcs11_pin_request *request, char *ret_text, size_t size) {
        struct person *person = context;
        person->asked++;
        person->request = *request;
        snprintf(person->file, sizeof person->file, "%s", request->file ? request->file : "");
        if (!person->pin || strlen(person->pin) > size)
                return -1;
        memcpy(ret_text, person->pin, strlen(person->pin));
        return (int)strlen(person->pin);
}

static enum sal_status open_as(const char *behaviour, const char *what, struct person *person,
                               struct sal_pkcs11_place *ret_place, struct sal_private_key **ret, struct sal_err *err) {
        char self[PATH_MAX] = "";
        assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
        snprintf(uri, sizeof uri, "%s?module-path=%s/fake_token.so", what, dirname(self));
        setenv("SALVOR_FAKE_TOKEN", behaviour, 1);
        assert_int_equal(truncate(log_path, 0), 0);
        const struct sal_pkcs11_pin pin = {.ask = answer, .context = person};
        *err = (struct sal_err){0};
        return sal_pkcs11_open(uri, &pin, ret_place, ret, err);
}

static void expect_log(const char *wanted) {
        char text[512] = "";
        sal_autofclose FILE *file = fopen(log_path, "re");
        assert_non_null(file);
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        assert_string_equal(text, wanted);
}

static void both_types_in_every_form(void **state) {
        (void)state;
        static const char *const behaviours[] = {"",       "ed25519",        "raw",  "ed25519 raw",  "compressed",
                                                 "inside", "ed25519 inside", "spki", "ed25519 spki", "noid",
                                                 "low",    "ed25519 low"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(behaviours); i++) {
                struct person person = {.pin = "1234"};
                struct sal_pkcs11_place place;
                struct sal_private_key *key = NULL;
                struct sal_err err;
                uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
                size_t len = 0;
                assert_int_equal(open_as(behaviours[i], "pkcs11:token=fake;object=author", &person, &place, &key, &err),
                                 SAL_OK);
                const struct sal_public_key *public_key = sal_private_key_public(key);
                assert_int_equal(sal_public_key_type(public_key),
                                 strstr(behaviours[i], "ed25519") ? SAL_KEY_ED25519 : SAL_KEY_P256);
                for (int again = 0; again < 20; again++) { /* r and s have leading zeros now and then */
                        assert_int_equal(sal_private_key_sign(key, "message", 7, sig, &len, &err), SAL_OK);
                        assert_true(sal_public_key_verify(public_key, "message", 7, sig, len));
                }
                assert_string_equal(place.token, "fake");
                assert_string_equal(place.serial, "7");
                assert_string_equal(place.label, "author");
                assert_string_equal(place.id, strstr(behaviours[i], "noid") ? "" : "01");
                assert_false(place.extractable);
                assert_int_equal(person.asked, 1);
                assert_int_equal(person.request.tries_low, strstr(behaviours[i], "low") != NULL);
                sal_private_key_free(key);
        }
}

static void everything_is_ended(void **state) {
        (void)state;
        struct person person = {.pin = "1234"};
        struct sal_private_key *key = NULL;
        struct sal_err err;
        uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
        size_t len = 0;
        assert_int_equal(open_as("", "pkcs11:token=fake", &person, NULL, &key, &err), SAL_OK);
        assert_int_equal(sal_private_key_sign(key, "message", 7, sig, &len, &err), SAL_OK);
        sal_private_key_free(key);
        expect_log("initialize\nopen\nlogin\nsign\nlogout\nclose\nfinalize\n");
        person.pin = "4321";
        assert_int_equal(open_as("", "pkcs11:token=fake", &person, NULL, &key, &err), SAL_E_UNAUTHENTICATED);
        expect_log("initialize\nopen\nwrong pin\nclose\nfinalize\n");
}

static void a_key_that_wants_its_pin_each_time(void **state) {
        (void)state;
        struct person person = {.pin = "1234"};
        struct sal_private_key *key = NULL;
        struct sal_err err;
        uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
        size_t len = 0;
        assert_int_equal(open_as("always", "pkcs11:object=author", &person, NULL, &key, &err), SAL_OK);
        assert_int_equal(sal_private_key_sign(key, "a", 1, sig, &len, &err), SAL_OK);
        assert_int_equal(sal_private_key_sign(key, "b", 1, sig, &len, &err), SAL_OK);
        sal_private_key_free(key);
        expect_log("initialize\nopen\nlogin\nlogin again\nsign\nlogin again\nsign\nlogout\nclose\nfinalize\n");
        assert_int_equal(person.asked, 1);
}

static void a_pin_typed_at_the_reader(void **state) {
        (void)state;
        struct person person = {.pin = ""};
        struct sal_private_key *key = NULL;
        struct sal_err err;
        assert_int_equal(open_as("reader", "pkcs11:object=author", &person, NULL, &key, &err), SAL_OK);
        assert_true(person.request.at_reader);
        sal_private_key_free(key);
}

/* What goes wrong while the key is looked for; the module is ended all the same. */
static const struct {
        const char *name, *behaviour, *what, *pin;
        enum sal_status status;
        const char *detail, *hint;
} refusals[] = {
        {"wrong PIN", "", "pkcs11:", "0000", SAL_E_UNAUTHENTICATED, "the PIN is wrong", ""},
        {"wrong PIN, tries counted", "low", "pkcs11:", "0000", SAL_E_UNAUTHENTICATED, "the PIN is wrong", "counts"},
        {"wrong PIN, one left", "final", "pkcs11:", "0000", SAL_E_UNAUTHENTICATED, "the PIN is wrong",
         "one try is left"},
        {"wrong PIN locks", "locks final", "pkcs11:", "0000", SAL_E_REFUSED, "locked", "unlock"},
        {"no PIN", "", "pkcs11:", NULL, SAL_E_UNAUTHENTICATED, "none was given", ""},
        {"locked", "locked", "pkcs11:", "1234", SAL_E_REFUSED, "locked", "unlock"},
        {"PIN never set", "nopin", "pkcs11:", "1234", SAL_E_REFUSED, "no user PIN", ""},
        {"another token", "", "pkcs11:token=x", "1234", SAL_E_NOT_FOUND, "no token", "\"fake\" (serial 7)"},
        {"another serial", "", "pkcs11:serial=8", "1234", SAL_E_NOT_FOUND, "no token", "\"fake\""},
        {"another slot", "", "pkcs11:slot-id=9", "1234", SAL_E_NOT_FOUND, "no token", "\"fake\""},
        {"another label", "", "pkcs11:object=x", "1234", SAL_E_NOT_FOUND, "no private key", "\"author\" (id 01)"},
        {"another id", "", "pkcs11:id=%02", "1234", SAL_E_NOT_FOUND, "no private key", "\"author\""},
        {"RSA", "rsa", "pkcs11:", "1234", SAL_E_INVALID, "is RSA", ""},
        {"another curve", "p384", "pkcs11:", "1234", SAL_E_INVALID, "is P-384", ""},
        {"no public key", "none", "pkcs11:", "1234", SAL_E_INVALID, "no public key", "same id"},
        {"two public keys", "two", "pkcs11:", "1234", SAL_E_CONFLICT, "different public keys", ""},
        {"no mechanism", "nomech", "pkcs11:", "1234", SAL_E_INVALID, "CKM_ECDSA", ""},
        {"no EdDSA", "ed25519 nomech", "pkcs11:", "1234", SAL_E_INVALID, "CKM_EDDSA", ""},
        {"must not sign", "nosign", "pkcs11:", "1234", SAL_E_FORBIDDEN, "not allowed to sign", ""},
};

static void refused_by_name(void **state) {
        (void)state;
        for (size_t i = 0; i < SAL_ARRAY_LEN(refusals); i++) {
                struct person person = {.pin = refusals[i].pin};
                struct sal_private_key *key = NULL;
                struct sal_err err;
                print_message("%s\n", refusals[i].name);
                assert_int_equal(open_as(refusals[i].behaviour, refusals[i].what, &person, NULL, &key, &err),
                                 refusals[i].status);
                assert_null(key);
                assert_non_null(strstr(err.detail, refusals[i].detail));
                assert_non_null(strstr(err.hint, refusals[i].hint));
                if (strcmp(refusals[i].behaviour, "final") == 0)
                        assert_true(person.request.last_try);
        }
}

static void a_locked_token_asks_nobody(void **state) {
        (void)state;
        struct person person = {.pin = "1234"};
        struct sal_private_key *key = NULL;
        struct sal_err err;
        assert_int_equal(open_as("locked", "pkcs11:", &person, NULL, &key, &err), SAL_E_REFUSED);
        assert_int_equal(person.asked, 0);
}

static void what_goes_wrong_while_signing(void **state) {
        (void)state;
        static const struct {
                const char *behaviour;
                enum sal_status status;
                const char *detail;
        } cases[] = {
                {"removed", SAL_E_IO, "removed"},
                {"ed25519 removed", SAL_E_IO, "removed"},
                {"lies", SAL_E_CORRUPT, "no signature of key"},
                {"ed25519 lies", SAL_E_CORRUPT, "no signature of key"},
                {"zero", SAL_E_INVALID, "is 0"},
                {"long", SAL_E_INVALID, "64 bytes"},
                {"ed25519 long", SAL_E_CORRUPT, "96 bytes"},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                struct person person = {.pin = "1234"};
                struct sal_private_key *key = NULL;
                struct sal_err err;
                uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
                size_t len = 7;
                assert_int_equal(open_as(cases[i].behaviour, "pkcs11:", &person, NULL, &key, &err), SAL_OK);
                assert_int_equal(sal_private_key_sign(key, "message", 7, sig, &len, &err), cases[i].status);
                assert_non_null(strstr(err.detail, cases[i].detail));
                assert_int_equal(len, 7);
                sal_private_key_free(key);
        }
}

static void a_key_that_can_be_copied_is_told(void **state) {
        (void)state;
        struct person person = {.pin = "1234"};
        struct sal_pkcs11_place place;
        struct sal_private_key *key = NULL;
        struct sal_err err;
        assert_int_equal(open_as("extractable", "pkcs11:", &person, &place, &key, &err), SAL_OK);
        assert_true(place.extractable);
        sal_private_key_free(key);
}

static void uris(void **state) {
        (void)state;
        static const struct {
                const char *uri, *detail;
                enum sal_status status;
        } cases[] = {
                {"pkcs11:token=fake?pin-value=1234", "pin-value", SAL_E_USAGE},
                {"pkcs11:tokn=fake", "not known", SAL_E_USAGE},
                {"pkcs11:token=fake?pin-source=%7C/bin/cat", "file:PATH", SAL_E_USAGE},
                {"pkcs11:token=fake?pin-source=/etc/pin", "file:PATH", SAL_E_USAGE},
                {"pkcs11:token=fake?pin-source=file:", "file:PATH", SAL_E_USAGE},
                {"pkcs11:type=cert", "names no key", SAL_E_USAGE},
                {"pkcs11:type=data;object=author", "names no key", SAL_E_USAGE},
                {"pkcs11:token=%zz", "RFC 7512", SAL_E_USAGE},
                {"pkcs11:token", "RFC 7512", SAL_E_USAGE},
                {"pkcs11:?module-path=/nowhere.so", "/nowhere.so", SAL_E_NOT_FOUND},
                {"pkcs11:?module-path=/etc/passwd", "/etc/passwd", SAL_E_NOT_FOUND},
                {"pkcs11:?module-name=nobody", "nobody", SAL_E_NOT_FOUND},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                struct person person = {.pin = "1234"};
                const struct sal_pkcs11_pin pin = {.ask = answer, .context = &person};
                struct sal_private_key *key = NULL;
                struct sal_err err = {0};
                print_message("%s\n", cases[i].uri);
                assert_int_equal(sal_pkcs11_open(cases[i].uri, &pin, NULL, &key, &err), cases[i].status);
                assert_non_null(strstr(err.detail, cases[i].detail));
                assert_null(strstr(err.detail, "1234"));
                assert_null(strstr(err.hint, "1234"));
                assert_int_equal(person.asked, 0);
        }
        assert_true(sal_pkcs11_is_uri("pkcs11:x"));
        assert_true(sal_pkcs11_is_uri("PKCS11:x"));
        assert_false(sal_pkcs11_is_uri("pkcs11.pem"));
        assert_false(sal_pkcs11_is_uri("./pkcs11:x"));
}

static void the_pin_file_is_handed_on(void **state) {
        (void)state;
        static const struct {
                const char *source, *path;
        } cases[] = {{"file:/etc/pin", "/etc/pin"},
                     {"file:///etc/pin", "/etc/pin"},
                     {"file:pin", "pin"},
                     {"file:/with%20blank", "/with blank"}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                char what[128];
                struct person person = {.pin = NULL};
                struct sal_private_key *key = NULL;
                struct sal_err err;
                char self[PATH_MAX] = "";
                assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
                snprintf(what, sizeof what, "pin-source=%s", cases[i].source);
                snprintf(uri, sizeof uri, "pkcs11:?module-path=%s/fake_token.so&%s", dirname(self), what);
                setenv("SALVOR_FAKE_TOKEN", "", 1);
                const struct sal_pkcs11_pin pin = {.ask = answer, .context = &person};
                assert_int_equal(sal_pkcs11_open(uri, &pin, NULL, &key, &err), SAL_E_UNAUTHENTICATED);
                assert_int_equal(person.asked, 1);
                assert_string_equal(person.file, cases[i].path);
        }
}

static int make_log(void **state) {
        (void)state;
        int fd = mkstemp(log_path);
        setenv("SALVOR_FAKE_LOG", log_path, 1);
        return fd < 0 ? -1 : close(fd);
}

static int drop_log(void **state) {
        (void)state;
        return unlink(log_path);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(both_types_in_every_form),
                cmocka_unit_test(everything_is_ended),
                cmocka_unit_test(a_key_that_wants_its_pin_each_time),
                cmocka_unit_test(a_pin_typed_at_the_reader),
                cmocka_unit_test(refused_by_name),
                cmocka_unit_test(a_locked_token_asks_nobody),
                cmocka_unit_test(what_goes_wrong_while_signing),
                cmocka_unit_test(a_key_that_can_be_copied_is_told),
                cmocka_unit_test(uris),
                cmocka_unit_test(the_pin_file_is_handed_on),
        };
        return cmocka_run_group_tests(tests, make_log, drop_log);
}
