/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person has to know before a key signs a campaign: what happens on which machines, how fast, until when, whose
 * signatures it needs, and the digest of the very bytes.
 *
 * Thread: one. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_SALVORCTL_SIGN_WORDS_H
#define SAL_SALVORCTL_SIGN_WORDS_H

#include "base/encode.h"
#include "model/campaign.h"
#include "trust/policy.h"

#include <stdio.h>

struct sal_sign_words {
        const struct sal_campaign *campaign;
        const char *digest;                  /* hex SHA-256 of the signed bytes */
        const struct sal_policy *policy;     /* NULL: not at hand */
        const struct sal_key_set *signed_by; /* the authors that signed already; NULL: not known */
        const json_t *reach;                 /* answer of sal_ctl_preview; NULL: no server to ask */
};

/* The digest of the DSSE bytes of a payload: what `sha256sum` says of `campaign payload --pae`. */
void sal_sign_digest(const void *payload, size_t len, char ret[static SAL_SHA256_HEX_BYTES]);

void sal_sign_show(FILE *stream, const struct sal_sign_words *words);

/* May this key sign these actions? SAL_OK too when there is no policy at hand: the server judges then.
 * Errors: those of sal_policy_may_sign. */
enum sal_status sal_sign_check_key(const struct sal_sign_words *words, const struct sal_public_key *key,
                                   struct sal_err *reterr);

#endif
