/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing keys on tokens (smart cards, HSMs) by PKCS#11, named by a pkcs11: URI (RFC 7512). The key never leaves the
 * token: what comes back is a private key of trust/key.h that signs there.
 *
 * Thread: one, for the process: p11-kit initialises the modules. Ownership: the key is handed over; freeing it logs
 * out, ends the session and unloads the modules. A place is a plain value.
 */
#ifndef SAL_PKCS11_PKCS11_H
#define SAL_PKCS11_PKCS11_H

#include "trust/key.h"

enum {
        SAL_PKCS11_PIN_MAX_BYTES = 255,
        SAL_PKCS11_LABEL_MAX_BYTES = 128, /* of an object; longer labels and ids are cut where they are shown */
        SAL_PKCS11_ID_MAX_BYTES = 32,
        SAL_PKCS11_MAX_TOKENS = 64 /* that a URI may fit, before it has to say which */
};

/* What the person who is asked for a PIN has to know. */
struct sal_pkcs11_pin_request {
        const char *token; /* its label */
        const char *file;  /* pin-source=file:… of the URI: the PIN is its first line; or NULL */
        bool tries_low;    /* somebody gave a wrong PIN already */
        bool last_try;     /* one more wrong PIN locks the token */
        bool at_reader;    /* it is typed at the token's own keys: tell the person, and return 0 */
};

/* Gives the PIN: writes at most `size` bytes to `ret_text` and returns their number, or -1 to give up. It is asked for
 * once: a wrong PIN is not tried again. */
struct sal_pkcs11_pin {
        int (*ask)(void *context, const struct sal_pkcs11_pin_request *request, char *ret_text, size_t size);
        void *context;
};

/* Where a key lies, for a person. Texts of the token: show them harmlessly. */
struct sal_pkcs11_place {
        char token[33], manufacturer[33], model[17], serial[17];
        char label[SAL_PKCS11_LABEL_MAX_BYTES + 1];
        char id[2 * SAL_PKCS11_ID_MAX_BYTES + 1]; /* hex */
        bool extractable;                         /* whoever has the PIN can copy it out of the token */
};

/* True when the text begins with "pkcs11:", in any case. */
bool sal_pkcs11_is_uri(const char *text);

/* Finds the one private key that the URI names, logs in, and takes it: ECDSA on P-256 or Ed25519. Modules: module-path
 * of the URI, else all that p11-kit is configured with; module-name, slot-id and the attributes of library, slot, token
 * and object choose among them. When several tokens fit, those count on which a key object of that name can be seen.
 * ret_place may be NULL.
 * Errors: SAL_E_USAGE (not a URI, an attribute that is not known or holds the PIN itself), SAL_E_NOT_FOUND (no module,
 * token or private key like that; the error lists what there is), SAL_E_CONFLICT (several: it lists them),
 * SAL_E_UNAUTHENTICATED (no PIN, or a wrong one; with what the token says about further tries), SAL_E_REFUSED (the PIN
 * is locked or was never set), SAL_E_INVALID (another type of key or curve, no public half, a mechanism that the token
 * lacks), SAL_E_FORBIDDEN (a key that must not sign), SAL_E_IO (the token was removed or is faulty), SAL_E_NOMEM.
 * Signing gives the same, and SAL_E_CORRUPT as sal_private_key_sign says. */
enum sal_status sal_pkcs11_open(const char *uri, const struct sal_pkcs11_pin *pin, struct sal_pkcs11_place *ret_place,
                                struct sal_private_key **ret, struct sal_err *reterr);

/* Makes a key on the token that the URI names, sensitive and not extractable, and takes it as sal_pkcs11_open does. The
 * URI must give its label (object=…); its id is that of the URI, or a fresh one. One trial signature is made, so that a
 * key which cannot sign is found now.
 * Errors: those of sal_pkcs11_open, SAL_E_USAGE without a label, SAL_E_CONFLICT when a key of that label or id is
 * there.
 */
enum sal_status sal_pkcs11_generate(const char *uri, enum sal_key_type type, const struct sal_pkcs11_pin *pin,
                                    struct sal_pkcs11_place *ret_place, struct sal_private_key **ret,
                                    struct sal_err *reterr);

#endif
