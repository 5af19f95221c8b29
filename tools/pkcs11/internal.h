/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share: p11-kit's types stay behind this header.
 *
 * Thread: one. Ownership: each _done ends what its _open, _load or _parse began and accepts a zeroed value.
 */
#ifndef SAL_PKCS11_INTERNAL_H
#define SAL_PKCS11_INTERNAL_H

#include "base/buf.h"
#include "pkcs11/pkcs11.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

/* ---- the URI (uri.c) ---- */

struct sal_pkcs11_uri {
        P11KitUri *parsed;
        const char *pin_file; /* of pin-source; borrowed from `parsed`; or NULL */
};

/* Reads and checks a URI. Errors: SAL_E_USAGE, SAL_E_NOMEM. */
enum sal_status sal_pkcs11_uri_parse(const char *text, struct sal_pkcs11_uri *ret, struct sal_err *reterr);
void sal_pkcs11_uri_done(struct sal_pkcs11_uri *uri);

/* ---- modules and tokens (module.c) ---- */

struct sal_pkcs11_modules {
        CK_FUNCTION_LIST **all; /* ends with NULL: &alone of module-path, or p11-kit's own list */
        CK_FUNCTION_LIST *alone[2];
};

struct sal_pkcs11_token {
        CK_FUNCTION_LIST *module;
        CK_SLOT_ID slot;
        CK_TOKEN_INFO info;
};

enum { SAL_PKCS11_TOKEN_LABEL_BYTES = 33 };

/* Loads and initialises. The value is not moved afterwards. Errors: SAL_E_NOT_FOUND. */
enum sal_status sal_pkcs11_modules_load(const struct sal_pkcs11_uri *uri, struct sal_pkcs11_modules *ret,
                                        struct sal_err *reterr);
void sal_pkcs11_modules_done(struct sal_pkcs11_modules *modules);

/* The one token that the URI means. Errors: SAL_E_NOT_FOUND, SAL_E_CONFLICT. */
enum sal_status sal_pkcs11_token_find(const struct sal_pkcs11_modules *modules, const struct sal_pkcs11_uri *uri,
                                      struct sal_pkcs11_token *ret, struct sal_err *reterr);

/* A text of CK_TOKEN_INFO, padded with blanks, as a C text; room for len + 1 bytes. */
void sal_pkcs11_text(const unsigned char *padded, size_t len, char *ret);
void sal_pkcs11_token_label(const struct sal_pkcs11_token *token, char ret[static SAL_PKCS11_TOKEN_LABEL_BYTES]);

/* ---- objects (object.c) ---- */

enum { SAL_PKCS11_MAX_OBJECTS = 64, SAL_PKCS11_ATTRIBUTE_BYTES = 256 };

/* One attribute of an object; len 0 when the token does not give it, or it is longer than any that matters. */
struct sal_pkcs11_value {
        uint8_t bytes[SAL_PKCS11_ATTRIBUTE_BYTES];
        size_t len;
};

struct sal_pkcs11_objects {
        CK_OBJECT_HANDLE handles[SAL_PKCS11_MAX_OBJECTS];
        size_t count;
};

struct sal_pkcs11_session {
        CK_FUNCTION_LIST *module;
        CK_SESSION_HANDLE handle;
};

/* Objects of a class with these further attributes; more than fit are not looked at. */
CK_RV sal_pkcs11_find(const struct sal_pkcs11_session *session, CK_OBJECT_CLASS class, const CK_ATTRIBUTE *more,
                      size_t more_count, struct sal_pkcs11_objects *ret);
/* The same with the label and id of the URI, those that it has. */
CK_RV sal_pkcs11_find_named(const struct sal_pkcs11_session *session, CK_OBJECT_CLASS class,
                            const struct sal_pkcs11_uri *uri, struct sal_pkcs11_objects *ret);
struct sal_pkcs11_value sal_pkcs11_get(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE object,
                                       CK_ATTRIBUTE_TYPE type);
/* A number or a truth; `missing` when the token does not give it. */
CK_ULONG sal_pkcs11_get_number(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE object,
                               CK_ATTRIBUTE_TYPE type, CK_ULONG missing);
bool sal_pkcs11_get_bool(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                         bool missing);
/* The label as a text, and the id in hex; cut where they are too long. */
void sal_pkcs11_names(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE object,
                      char ret_label[static SAL_PKCS11_LABEL_MAX_BYTES + 1],
                      char ret_id[static 2 * SAL_PKCS11_ID_MAX_BYTES + 1]);
/* Appends `"label" (id 01)` of each, commas between. */
void sal_pkcs11_list(const struct sal_pkcs11_session *session, const struct sal_pkcs11_objects *objects,
                     struct sal_buf *out);

/* ---- the key's public half (public_key.c) ---- */

/* The public key that belongs to a private key object: of a public key object with the same id (or, without an id, the
 * same label), else of what the private one says of itself.
 * Errors: SAL_E_INVALID (type or curve, by name; no public half), SAL_E_CONFLICT (several different ones). */
enum sal_status sal_pkcs11_public_key(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE private_key,
                                      struct sal_public_key **ret, struct sal_err *reterr);

/* The index-th way to name the curve of a type in CKA_EC_PARAMS; false: there is no further one. The bytes are static.
 */
bool sal_pkcs11_params(enum sal_key_type type, size_t index, CK_ATTRIBUTE *ret);

/* ---- making keys (generate.c) ---- */

/* Makes a key pair by the URI's label, and its id or a fresh one, in a writable session that is logged in.
 * Errors: SAL_E_USAGE (no label), SAL_E_CONFLICT (a key of that name is there), those of the token. */
enum sal_status sal_pkcs11_make(const struct sal_pkcs11_session *session, const struct sal_pkcs11_uri *uri,
                                enum sal_key_type type, const char *token, struct sal_err *reterr);

/* ---- failures (failure.c) ---- */

/* The error for what a token answered; `act` says what was tried: "open a session". */
enum sal_status sal_pkcs11_fail(struct sal_err *reterr, CK_RV rv, const char *token, const char *act);

#endif
