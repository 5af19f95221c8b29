/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing keys: Ed25519 (RFC 8032) and ECDSA on P-256 with SHA-256 (FIPS 186-4). Nothing else is accepted, RSA
 * included.
 *
 * A public key is told apart by its SubjectPublicKeyInfo in one fixed form (named curve, uncompressed point), never by
 * its key id: the same key written in two ways has two ids and still counts once.
 *
 * Thread: keys are immutable after creation and may be shared; reference counts are atomic. Key sets: one at a time.
 * Ownership: `_ref` adds an owner, `_unref` drops one; getters borrow from the key. A private key has one owner.
 */
#ifndef SAL_TRUST_KEY_H
#define SAL_TRUST_KEY_H

#include "base/json.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sal_public_key;
struct sal_private_key;

enum sal_key_type { SAL_KEY_ED25519, SAL_KEY_P256 };

enum {
        SAL_KEYID_BYTES = 65,             /* 64 hex digits and a NUL */
        SAL_KEY_SPKI_MAX_BYTES = 91,      /* P-256; Ed25519 has 44 */
        SAL_SIGNATURE_MAX_BYTES = 72,     /* P-256 in DER; Ed25519 has 64 */
        SAL_KEY_TEXT_MAX_BYTES = 1024,    /* of the public text of a key object */
        SAL_KEY_FILE_MAX_BYTES = 8 * 1024 /* of a private key file */
};

/* ---- public keys ---- */

/* A key from the three texts of a TUF key object (TUF 1.0 section 4.2): keytype "ed25519", scheme "ed25519", public 64
 * lower-case hex digits; or "ecdsa", "ecdsa-sha2-nistp256", PEM SubjectPublicKeyInfo. The public text is kept as
 * written, for it is part of the key id. Refused: other types, explicit curve parameters, points off P-256, Ed25519
 * points of small order or in a non-canonical form. (32 bytes that are no point of Ed25519 are taken, and no signature
 * verifies under them.) Errors: SAL_E_INVALID, SAL_E_NOMEM. */
enum sal_status sal_public_key_new(const char *keytype, const char *scheme, const char *public_text,
                                   struct sal_public_key **ret, struct sal_err *reterr);

/* A key from a TUF key object `{"keytype","scheme","keyval":{"public"}}`; any other member is refused. */
enum sal_status sal_public_key_from_json(const struct sal_json_at *at, struct sal_public_key **ret,
                                         struct sal_err *reterr);

/* A key from DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), as a certificate holds it; its public text is then
 * the form that this module writes. Trailing bytes are refused. Errors: SAL_E_INVALID, SAL_E_NOMEM. */
enum sal_status sal_public_key_from_spki(const uint8_t *der, size_t len, struct sal_public_key **ret,
                                         struct sal_err *reterr);

/* A key from a PEM file that holds one "PUBLIC KEY" block (RFC 7468 section 13) and nothing else, as `openssl pkey
 * -pubout` writes it; its public text is then the form that this module writes. `text` ends with a NUL.
 * Errors: SAL_E_INVALID, SAL_E_NOMEM. */
enum sal_status sal_public_key_from_pem(const char *text, struct sal_public_key **ret, struct sal_err *reterr);

/* The key as such a block, to be freed with free. NULL without memory. */
char *sal_public_key_to_pem(const struct sal_public_key *key);

/* One more owner; returns `key`. NULL is allowed. */
struct sal_public_key *sal_public_key_ref(const struct sal_public_key *key);
/* One owner less; the last one frees. NULL is allowed. */
void sal_public_key_unref(struct sal_public_key *key);
SAL_DEFINE_CLEANUP(sal_public_key, sal_public_key_unref)

enum sal_key_type sal_public_key_type(const struct sal_public_key *key);
/* Hex SHA-256 of the canonical key object: computed here, never taken from input. Borrowed. */
const char *sal_public_key_id(const struct sal_public_key *key);
/* The texts of the key object. Borrowed. */
const char *sal_public_key_keytype(const struct sal_public_key *key);
const char *sal_public_key_scheme(const struct sal_public_key *key);
const char *sal_public_key_text(const struct sal_public_key *key);
/* DER SubjectPublicKeyInfo in its one fixed form. Borrowed. */
const uint8_t *sal_public_key_spki(const struct sal_public_key *key, size_t *ret_len);
/* True when both are the same public key, whatever their ids. */
bool sal_public_key_equal(const struct sal_public_key *a, const struct sal_public_key *b);
/* The TUF key object; a new reference, NULL without memory. */
json_t *sal_public_key_to_json(const struct sal_public_key *key);

/* True when `sig` is this key's signature of `message`. Ed25519: exactly 64 bytes, pure mode, S < L, no cofactor, R in
 * its canonical form and not of small order. P-256: SHA-256 and a DER
 * ECDSA-Sig-Value without trailing bytes. Anything else, an empty signature or NULL with length 0 included, is false.
 */
bool sal_public_key_verify(const struct sal_public_key *key, const void *message, size_t len, const uint8_t *sig,
                           size_t sig_len);

/* ---- private keys ---- */

/* Asks for the passphrase of an encrypted key file: writes at most `size` bytes to `ret_text` and returns their number,
 * or -1 to give up. */
struct sal_passphrase {
        int (*ask)(void *context, char *ret_text, size_t size);
        void *context;
};

/* Makes a fresh key. Errors: SAL_E_INTERNAL, SAL_E_NOMEM. */
enum sal_status sal_private_key_generate(enum sal_key_type type, struct sal_private_key **ret, struct sal_err *reterr);

/* Loads a PEM file: PKCS#8 (RFC 5958), plain or encrypted. `passphrase` may be NULL: an encrypted key is then refused,
 * and no terminal is ever asked. Errors: SAL_E_NOT_FOUND, SAL_E_IO, SAL_E_INVALID (not a key, or of another type),
 * SAL_E_UNAUTHENTICATED (no passphrase, or a wrong one), SAL_E_REFUSED (encrypted too weakly: see
 * sal_key_protection_check; the hint mends it). */
enum sal_status sal_private_key_load(const char *path, const struct sal_passphrase *passphrase,
                                     struct sal_private_key **ret, struct sal_err *reterr);

/* The same from bytes in memory. */
enum sal_status sal_private_key_from_pem(const char *pem, size_t len, const struct sal_passphrase *passphrase,
                                         struct sal_private_key **ret, struct sal_err *reterr);

/* Writes plain PKCS#8 PEM to a new file of mode 0600 and syncs it. Errors: SAL_E_CONFLICT when the file exists (it is
 * never overwritten), SAL_E_IO, SAL_E_REFUSED for a key that an external signer holds. */
enum sal_status sal_private_key_save(const struct sal_private_key *key, const char *path, struct sal_err *reterr);

/* Signs for a key that never comes into this process, as a token does. */
struct sal_key_signer {
        /* The signature in the form that sal_public_key_verify takes. */
        enum sal_status (*sign)(void *context, const void *message, size_t len,
                                uint8_t ret_sig[static SAL_SIGNATURE_MAX_BYTES], size_t *ret_sig_len,
                                struct sal_err *reterr);
        void (*free)(void *context);
        void *context;
};

/* A private key that `signer` holds; `public_key` gets one more owner. The context is taken over, also on failure, and
 * freed with the key. Such a key signs and cannot be written to a file. Errors: SAL_E_NOMEM. */
enum sal_status sal_private_key_external_take(const struct sal_public_key *public_key,
                                              const struct sal_key_signer *signer, struct sal_private_key **ret,
                                              struct sal_err *reterr);

/* Wipes and frees. NULL is allowed. */
void sal_private_key_free(struct sal_private_key *key);
SAL_DEFINE_CLEANUP(sal_private_key, sal_private_key_free)

/* The public half. Borrowed. */
const struct sal_public_key *sal_private_key_public(const struct sal_private_key *key);

/* Signs in the form that sal_public_key_verify takes. What an external signer gives is verified before it is handed
 * out: a faulty token must not give signatures that nobody can use. Errors: SAL_E_INTERNAL, SAL_E_CORRUPT (the
 * signature is not one of this key), those of the signer. */
enum sal_status sal_private_key_sign(const struct sal_private_key *key, const void *message, size_t len,
                                     uint8_t ret_sig[static SAL_SIGNATURE_MAX_BYTES], size_t *ret_sig_len,
                                     struct sal_err *reterr);

/* ---- sets of public keys, each public key at most once ---- */

struct sal_key_set {
        struct sal_public_key **keys; /* owned references, in the order of their first addition */
        size_t count;
};

#define SAL_KEY_SET_INIT ((struct sal_key_set){0})
#define sal_autokeyset __attribute__((cleanup(sal_key_set_done)))

/* Adds a reference unless the same public key is there already. Errors: SAL_E_NOMEM. */
enum sal_status sal_key_set_add(struct sal_key_set *set, const struct sal_public_key *key);
bool sal_key_set_has(const struct sal_key_set *set, const struct sal_public_key *key);
/* Drops every reference; the set is empty and usable again. NULL is allowed. */
void sal_key_set_done(struct sal_key_set *set);

#endif
