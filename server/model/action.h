/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actions and verify steps of a payload: the part of the campaign's parser that reads one of each. Used by campaign.c
 * alone; everyone else takes them from struct sal_campaign.
 *
 * Thread: any. Ownership: strings are borrowed from the JSON tree, which must outlive the value; the rest (sha256
 * lists, decoded content) is owned and freed by the _done functions, which may be called after a failed parse too.
 */
#ifndef SAL_MODEL_ACTION_H
#define SAL_MODEL_ACTION_H

#include "model/campaign.h"

/* Reads one action into *ret, which must be zeroed. Errors: SAL_E_INVALID with pointer, SAL_E_NOMEM. */
enum sal_status sal_action_parse(const struct sal_json_at *at, struct sal_action *ret, struct sal_err *reterr);
void sal_action_done(struct sal_action *action);

/* Reads one verify step into *ret, which must be zeroed. Errors: SAL_E_INVALID with pointer, SAL_E_NOMEM. */
enum sal_status sal_verify_parse(const struct sal_json_at *at, struct sal_verify *ret, struct sal_err *reterr);
void sal_verify_done(struct sal_verify *verify);

/* SAL_E_INVALID when the member's text holds a control byte (allowed: those of `except`). */
enum sal_status sal_text_check(const struct sal_json_at *at, const char *key, const char *text, const char *except,
                               struct sal_err *reterr);

#endif
