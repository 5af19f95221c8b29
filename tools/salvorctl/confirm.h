/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that have to confirm what was asked for: a success without a word, or with another one, is none.
 *
 * Thread: one. Ownership: everything is borrowed.
 */
#ifndef SAL_SALVORCTL_CONFIRM_H
#define SAL_SALVORCTL_CONFIRM_H

#include "command.h"

/* Nothing is called done that the server's answer does not confirm. Fills reterr with "the server's answer is none: it
 * does not say …" and returns SAL_E_MALFORMED. */
enum sal_status sal_ctl_unconfirmed(struct sal_err *reterr, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
/* True when answer is an object whose member `key` is exactly this text. */
bool sal_ctl_says(const json_t *answer, const char *key, const char *text);
/* SAL_OK when the answer is this version of this campaign, in one of `states` (words, blanks between; NULL: any). */
enum sal_status sal_ctl_confirm_campaign(const json_t *answer, const char *id, int64_t version, const char *states,
                                         struct sal_err *reterr);
/* SAL_OK when the answer is about this machine. */
enum sal_status sal_ctl_confirm_machine(const json_t *answer, const char *machine_id, struct sal_err *reterr);
/* DELETE, confirmed by 204; with --json prints null. Errors: those of the call, SAL_E_MALFORMED. */
enum sal_status sal_ctl_delete(struct sal_ctl *ctl, const char *path, struct sal_err *reterr);

#endif
