/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The courier carries stored reports to the server: with a poll or by themselves, as often as it takes, and lets go of
 * one only when the server has answered it.
 *
 * Thread: one. Ownership: everything in struct sal_courier is borrowed.
 */
#ifndef SAL_RECOVER_COURIER_H
#define SAL_RECOVER_COURIER_H

#include "salvor-recover/job.h"
#include "salvor-recover/net.h"
#include "salvor-recover/wire.h"

struct sal_courier {
        struct sal_store *store;
        struct sal_net *net;
        const char *machine_id;
        size_t count; /* of the reports that went with the last poll */
        char names[SAL_STORE_MAX_REPORTS][SAL_STORE_NAME_BYTES];
};

/* The stored reports for a poll, as many as it may hold; a new array (empty: none), NULL without memory. */
json_t *sal_courier_collect(struct sal_courier *courier);

/* Lets go of the reports that the poll's answer names. */
void sal_courier_answered(struct sal_courier *courier, const struct sal_answer *answer);

/* Sends every stored report by itself; what cannot be sent stays for the next poll. */
void sal_courier_send_all(struct sal_courier *courier);

/* Sends one report that is not stored. An answer that would be the same next time counts as sent. Errors: those of the
 * way there and of the server's answer; SAL_E_NOMEM. */
enum sal_status sal_courier_send(struct sal_courier *courier, json_t *report, struct sal_err *reterr);

/* Sends `healthy` for the newest applied offer that has not had it. *ret_sent: false when there was none.
 * Errors: those of the way there and of the server's answer. */
enum sal_status sal_courier_send_healthy(struct sal_courier *courier, const char *boot_id, bool *ret_sent,
                                         struct sal_err *reterr);

/* Was this offer settled already, its report being stored or the newest one answered? Then the report is stored to be
 * sent (again) and its stage is returned; else SAL_OUTCOME_NONE. */
enum sal_outcome sal_courier_settled(struct sal_courier *courier, const char *offer_id);

#endif
