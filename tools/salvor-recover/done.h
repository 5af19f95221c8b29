/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which campaigns were applied here (done.json), and which were tried and failed or were refused, in how many boots of
 * the recovery system (tried.json); newest last. Without a server, nobody else knows.
 *
 * Thread: one. Ownership: the store is borrowed.
 */
#ifndef SAL_RECOVER_DONE_H
#define SAL_RECOVER_DONE_H

#include "salvor-recover/store.h"

enum {
        SAL_DONE_MAX = 128, /* in each list; the oldest are forgotten */
        SAL_DONE_MAX_BYTES = 64 * 1024,
        SAL_DONE_BOOTS_MAX = 1000, /* counted; no plan allows as many attempts */
};

/* Was this version of the campaign applied? A list that cannot be read is empty. */
bool sal_done_has(struct sal_store *store, const char *campaign, int64_t version);

/* Was any version of the campaign applied? */
bool sal_done_has_any(struct sal_store *store, const char *campaign);

/* Notes it. Errors: SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_done_add(struct sal_store *store, const char *campaign, int64_t version, struct sal_err *reterr);

/* How often this version failed, or was refused. */
struct sal_done_tries {
        int64_t boots;
        bool in_this_boot; /* the newest of them */
};

/* A list that cannot be read is empty. */
void sal_done_tries(struct sal_store *store, const char *campaign, int64_t version, const char *boot_id,
                    struct sal_done_tries *ret);

/* Notes that it failed in this boot; once for each. Errors: SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_done_add_try(struct sal_store *store, const char *campaign, int64_t version, const char *boot_id,
                                 struct sal_err *reterr);

/* Forgets all of it: another trust domain's campaigns may have the same names. Errors: SAL_E_IO. */
enum sal_status sal_done_forget(struct sal_store *store, struct sal_err *reterr);

#endif
