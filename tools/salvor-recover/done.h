/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which campaigns were applied here, newest last: without a server, nobody else knows (done.json).
 *
 * Thread: one. Ownership: the store is borrowed.
 */
#ifndef SAL_RECOVER_DONE_H
#define SAL_RECOVER_DONE_H

#include "salvor-recover/store.h"

enum { SAL_DONE_MAX = 128, SAL_DONE_MAX_BYTES = 32 * 1024 }; /* the oldest are forgotten */

/* Was this version of the campaign applied? A list that cannot be read is empty. */
bool sal_done_has(struct sal_store *store, const char *campaign, int64_t version);

/* Notes it. Errors: SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_done_add(struct sal_store *store, const char *campaign, int64_t version, struct sal_err *reterr);

/* Forgets all of it: another trust domain's campaigns may have the same names. Errors: SAL_E_IO. */
enum sal_status sal_done_forget(struct sal_store *store, struct sal_err *reterr);

#endif
