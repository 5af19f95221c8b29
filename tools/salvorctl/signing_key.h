/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key that `--key` names, wherever it lies: one function for every command that signs.
 *
 * Thread: one. Ownership: the key is handed over; an origin is a plain value.
 */
#ifndef SAL_SALVORCTL_SIGNING_KEY_H
#define SAL_SALVORCTL_SIGNING_KEY_H

#include "command.h"
#include "pkcs11/pkcs11.h"
#include "trust/key_file.h"

/* Where a key was found, for those who want to tell. */
struct sal_ctl_key_origin {
        bool on_token;
        struct sal_key_protection protection; /* of a file */
        struct sal_pkcs11_place place;        /* on a token */
};

/* The private key that `source` names: a PEM file, or a pkcs11: URI (RFC 7512). Its passphrase or PIN comes from
 * --passphrase-file or --passphrase-fd, else from pin-source of the URI, else from the terminal, and only when it needs
 * one; a command that takes --key takes these two options as well. A key that anybody could copy is told on standard
 * error. A key on a token holds it open: free it as soon as it has signed. ret_origin may be NULL.
 * Errors: those of sal_key_file_load, of sal_pkcs11_open, and of getting the passphrase; SAL_E_REFUSED when only one
 * try is left for the PIN and nobody types it. */
enum sal_status sal_ctl_signing_key(const struct sal_ctl *ctl, const char *source,
                                    struct sal_ctl_key_origin *ret_origin, struct sal_private_key **ret,
                                    struct sal_err *reterr);

/* Makes a key of this type on the token that the URI names; the PIN comes the same ways.
 * Errors: those of sal_pkcs11_generate, and of getting the PIN. */
enum sal_status sal_ctl_new_token_key(const struct sal_ctl *ctl, const char *uri, enum sal_key_type type,
                                      struct sal_ctl_key_origin *ret_origin, struct sal_private_key **ret,
                                      struct sal_err *reterr);

#endif
