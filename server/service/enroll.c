/* SPDX-License-Identifier: Apache-2.0 */
#include "service/poll_internal.h"

#include <stdio.h>
#include <string.h>

static enum sal_status check_token(struct sal_tx *tx, const struct sal_enrollment *enrollment,
                                   struct sal_enroll_token *token, struct sal_err *reterr) {
        enum sal_status status = sal_enroll_token_find(tx, enrollment->token_sha256, token);
        if (status == SAL_E_NOT_FOUND)
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED, "this enrollment token is not known");
        if (status)
                return status;
        if (sal_tx_now_ms(tx) >= token->expires_ms)
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED, "this enrollment token has expired");
        if (token->uses >= token->uses_max)
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED, "this enrollment token is used up");
        if (token->machine_id[0] && strcmp(token->machine_id, enrollment->machine_id) != 0)
                return sal_fail_at(reterr, SAL_E_FORBIDDEN, "/machine_id",
                                   "this enrollment token is bound to another machine");
        return SAL_OK;
}

/* A re-imaged machine begins anew: what it held is recalled, and nothing it does now is a relapse. */
static enum sal_status begin_incarnation(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine) {
        enum sal_status status = sal_machine_recall(engine, tx, machine, SAL_CAUSE_REIMAGED);
        machine->incarnation++;
        machine->standing = SAL_STANDING_KNOWN;
        machine->standing_reason[0] = '\0';
        return status;
}

enum sal_status sal_enroll_run(struct sal_service *service, struct sal_tx *tx, struct sal_enrollment *enrollment,
                               struct sal_err *reterr) {
        struct sal_engine *engine = service->engine;
        struct sal_enroll_token token;
        enum sal_status status = check_token(tx, enrollment, &token, reterr);
        if (status)
                return status;
        struct sal_machine machine = {0};
        status = sal_machine_get(tx, enrollment->machine_id, &machine);
        bool known = status == SAL_OK;
        if (status && status != SAL_E_NOT_FOUND)
                return status;
        bool bound = token.machine_id[0] != '\0';
        if (known && !machine.deleted && machine.token_used && !bound && !token.reenroll) {
                sal_machine_done(&machine);
                status = sal_fail_at(reterr, SAL_E_CONFLICT, "/machine_id", "machine %s is enrolled already",
                                     enrollment->machine_id);
                sal_err_hint(reterr, "use an enrollment token bound to this machine, or one made with reenroll");
                return status;
        }
        if (!known) {
                snprintf(machine.id, sizeof machine.id, "%s", enrollment->machine_id);
                machine.incarnation = 1;
                machine.first_seen_ms = sal_tx_now_ms(tx);
        }
        status = sal_population_forget(engine, tx, &machine);
        if (!status && known && token.reimaged)
                status = begin_incarnation(engine, tx, &machine);
        machine.generation++;
        machine.token_used = false;
        machine.deleted = false;
        machine.anonymous = false;
        if (enrollment->facts_text) {
                free(machine.facts);
                machine.facts = strdup(enrollment->facts_text);
                if (!machine.facts)
                        status = SAL_E_NOMEM;
        }
        if (!status)
                status = machine.row ? sal_machine_update(tx, &machine) : sal_machine_insert(tx, &machine);
        if (!status)
                status = sal_population_count(engine, tx, &machine);
        if (!status)
                status = sal_enroll_token_use(tx, token.row);
        if (!status)
                status = sal_machine_token_make(&service->token_key, machine.id, machine.generation,
                                                enrollment->machine_token);
        if (machine.generation > 1)
                sal_filter_add(service->filter, machine.id);
        sal_machine_done(&machine);
        return status;
}
