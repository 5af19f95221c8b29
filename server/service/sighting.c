/* SPDX-License-Identifier: Apache-2.0 */
#include "service/poll_internal.h"

#include <stdio.h>
#include <string.h>

enum { REWRITE_AFTER_MS = 30000, LATE_MAX_MS = 60000 };

static enum sal_status unknown_machine(const char *machine_id, const struct sal_identity *identity, int64_t now_ms,
                                       struct sal_machine *ret) {
        *ret = (struct sal_machine){.incarnation = 1,
                                    .generation = identity->generation,
                                    .anonymous = identity->kind == SAL_IDENTITY_NONE,
                                    .first_seen_ms = now_ms};
        snprintf(ret->id, sizeof ret->id, "%s", machine_id);
        return SAL_OK;
}

enum sal_status sal_machine_admit(struct sal_service *service, struct sal_tx *tx, const char *machine_id,
                                  const struct sal_identity *identity, struct sal_machine *ret,
                                  struct sal_err *reterr) {
        if (identity->kind == SAL_IDENTITY_NONE && !service->config.anonymous_poll)
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED, "a machine token or a client certificate is required");
        struct sal_machine machine = {0};
        enum sal_status status = sal_machine_get(tx, machine_id, &machine);
        if (status == SAL_E_NOT_FOUND)
                return unknown_machine(machine_id, identity, sal_tx_now_ms(tx), ret);
        if (status)
                return status;
        const char *wrong = NULL;
        if (identity->kind == SAL_IDENTITY_TOKEN && (machine.deleted || machine.generation != identity->generation))
                wrong = "this machine token was replaced or its machine was deleted; enroll again";
        else if (identity->kind == SAL_IDENTITY_NONE && !machine.anonymous)
                wrong = "this machine is known: its token or certificate is required";
        if (wrong) {
                sal_machine_done(&machine);
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED, "%s", wrong);
        }
        *ret = machine;
        return SAL_OK;
}

enum sal_status sal_machine_adopt(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                  const struct sal_identity *identity) {
        bool known_now = machine->anonymous && identity->kind != SAL_IDENTITY_NONE;
        enum sal_status status = sal_machine_recall_due(engine, tx, machine);
        if (status || !machine->row || (!machine->deleted && !known_now))
                return status;
        /* Neither a deleted machine nor an anonymous one stands in the population, so nothing is taken out first. */
        machine->deleted = false;
        machine->anonymous = machine->anonymous && !known_now;
        status = sal_machine_update(tx, machine);
        return status ? status : sal_population_count(engine, tx, machine);
}

enum sal_standing sal_standing_of(enum sal_poll_reason reason, enum sal_reason answer, bool volume_locked,
                                  enum sal_standing before, const char **ret_reason) {
        *ret_reason = "";
        if (reason != SAL_POLL_BOOT_FAILURE)
                return before;
        if (volume_locked) {
                *ret_reason = "volume_locked";
                return SAL_STANDING_NEEDS_HANDS;
        }
        if (answer == SAL_REASON_ATTEMPTS_EXHAUSTED) {
                *ret_reason = "attempts_exhausted";
                return SAL_STANDING_NEEDS_HANDS;
        }
        if (answer == SAL_REASON_OFFERED || answer == SAL_REASON_ALREADY_APPLIED)
                return SAL_STANDING_OFFERED;
        return sal_reason_directive(answer) == SAL_DIRECTIVE_WAIT ? SAL_STANDING_WAITING : SAL_STANDING_RECOVERING;
}

static bool same_text(const char *a, const char *b) {
        return strcmp(a ? a : "", b ? b : "") == 0;
}

bool sal_boot_is_stale(const struct sal_machine *machine, const char *boot_id, int64_t at_ms, int64_t now_ms) {
        if (!machine->boot_id[0] || strcmp(machine->boot_id, boot_id) == 0)
                return false;
        for (int i = 0; i < SAL_EARLIER_BOOTS; i++)
                if (strcmp(machine->earlier_boots[i], boot_id) == 0)
                        return true;
        /* A last sighting in the future: the wall clock was set back, and tells nothing. */
        return machine->last_seen_ms <= now_ms && at_ms < machine->last_seen_ms &&
               machine->last_seen_ms - at_ms <= LATE_MAX_MS;
}

static void begin_boot(struct sal_machine *machine, const char *boot_id) {
        if (machine->boot_id[0]) {
                memmove(machine->earlier_boots[1], machine->earlier_boots[0],
                        sizeof machine->earlier_boots - sizeof machine->earlier_boots[0]);
                memcpy(machine->earlier_boots[0], machine->boot_id, sizeof machine->boot_id);
        }
        snprintf(machine->boot_id, sizeof machine->boot_id, "%s", boot_id);
}

enum sal_status sal_machine_see(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                const struct sal_sighting *sighting) {
        bool new_facts = sighting->facts_text && !same_text(machine->facts, sighting->facts_text);
        bool new_boot = sighting->boot_id && strcmp(machine->boot_id, sighting->boot_id) != 0;
        bool new_standing = machine->standing != sighting->standing;
        bool stale = sighting->at_ms - machine->last_seen_ms >= REWRITE_AFTER_MS;
        bool first_use = machine->generation > 0 && !machine->token_used;
        if (machine->row && !new_facts && !new_boot && !new_standing && !stale && !first_use)
                return SAL_OK;
        char *facts = new_facts ? strdup(sighting->facts_text) : NULL;
        if (new_facts && !facts)
                return SAL_E_NOMEM;
        enum sal_status status = new_facts ? sal_population_forget(engine, tx, machine) : SAL_OK;
        if (new_facts) {
                free(machine->facts);
                machine->facts = facts;
        }
        if (new_boot)
                begin_boot(machine, sighting->boot_id);
        machine->standing = sighting->standing;
        snprintf(machine->standing_reason, sizeof machine->standing_reason, "%s", sighting->standing_reason);
        machine->token_used = machine->generation > 0;
        if (sighting->at_ms > machine->last_seen_ms)
                machine->last_seen_ms = sighting->at_ms;
        if (!status)
                status = machine->row ? sal_machine_update(tx, machine) : sal_machine_insert(tx, machine);
        if (!status && new_facts)
                status = sal_population_count(engine, tx, machine);
        return status;
}

enum sal_status sal_touch_run(struct sal_service *service, struct sal_tx *tx, const struct sal_touch *touch) {
        struct sal_machine machine = {0};
        enum sal_status status = sal_machine_admit(service, tx, touch->machine_id, &touch->identity, &machine, NULL);
        if (status == SAL_E_UNAUTHENTICATED)
                return SAL_OK; /* deleted or re-enrolled meanwhile */
        if (status)
                return status;
        /* It was gathered for some seconds; what the ledger has seen since then is newer. (Were the difference large,
         * the wall clock would have been set back, and this is the newest there is.) */
        int64_t late_ms = machine.last_seen_ms - touch->at_ms, now_ms = sal_tx_now_ms(tx);
        bool late = machine.last_seen_ms <= now_ms && late_ms > 0 && late_ms <= LATE_MAX_MS;
        if (late || sal_boot_is_stale(&machine, touch->boot_id, touch->at_ms, now_ms)) {
                sal_machine_done(&machine);
                return SAL_OK;
        }
        status = sal_machine_adopt(service->engine, tx, &machine, &touch->identity);
        struct sal_sighting sighting = {
                .facts_text = touch->facts_text, .boot_id = touch->boot_id, .at_ms = touch->at_ms};
        sighting.standing = sal_standing_of(touch->reason, touch->answer, touch->volume_locked, machine.standing,
                                            &sighting.standing_reason);
        if (!status)
                status = sal_machine_see(service->engine, tx, &machine, &sighting);
        sal_machine_done(&machine);
        return status;
}
