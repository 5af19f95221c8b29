/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by poll.c, report.c, touch.c and enroll.c: who a machine is and what it is written as. Private to service/.
 *
 * Thread: the ledger's. Ownership: the machine that is filled belongs to the caller (sal_machine_done).
 */
#ifndef SAL_SERVICE_POLL_INTERNAL_H
#define SAL_SERVICE_POLL_INTERNAL_H

#include "service/engine.h"
#include "service/machine_plane.h"

/* Finds the machine and checks its identity against what is known of it. An unknown one is filled in with row 0.
 * Errors: SAL_E_UNAUTHENTICATED. */
enum sal_status sal_machine_admit(struct sal_service *service, struct sal_tx *tx, const char *machine_id,
                                  const struct sal_identity *identity, struct sal_machine *ret, struct sal_err *reterr);

/* What is due to be recalled of the machine's offers is recalled (engine.h), so that whatever follows finds the truth.
 * A deleted machine that comes back (by its certificate), or an anonymous one that now shows a credential, is from here
 * on an ordinary one. To be called once nothing can refuse the request any more, since it writes. */
enum sal_status sal_machine_adopt(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                  const struct sal_identity *identity);

/* What is news about a machine. */
struct sal_sighting {
        const char *facts_text; /* NULL: as before */
        const char *boot_id;    /* NULL: as before */
        enum sal_standing standing;
        const char *standing_reason;
        int64_t at_ms;
};

/* True when a newer boot of the machine is known: boot_id was seen before it, or was sent (at_ms) before it was seen.
 */
bool sal_boot_is_stale(const struct sal_machine *machine, const char *boot_id, int64_t at_ms, int64_t now_ms);

/* Writes the machine when something changed (or its last sighting is over 30 s old), and keeps the population right. */
enum sal_status sal_machine_see(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                const struct sal_sighting *sighting);

/* One report of an admitted machine. */
enum sal_status sal_report_take(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                struct sal_report *report, struct sal_err *reterr);

/* The same of one that names a campaign instead of an offer (outcome.c): it was applied from a bundle. It is kept as an
 * offer that stands in no sum, moves nothing that is decided, and, where it was applied, prevents an offer of that
 * version. A repeat is not accepted. Errors: SAL_E_NOT_FOUND, SAL_E_UNAUTHENTICATED (of an anonymous machine). */
enum sal_status sal_outcome_take(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                 struct sal_report *report, struct sal_err *reterr);

/* Keeps a report beside its offer, for people. */
enum sal_status sal_report_keep(struct sal_tx *tx, int64_t offer_row, const struct sal_report *report);

/* Where a machine stands after this answer. */
enum sal_standing sal_standing_of(enum sal_poll_reason reason, enum sal_reason answer, bool volume_locked,
                                  enum sal_standing before, const char **ret_reason);

#endif
