/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/fleet.h"

#include "base/clock.h"
#include "salvor-fleet/answer.h"

#include <string.h>

enum { PURPOSE_ENROL = 10, ENROL_SPREAD_SECONDS = 60, ENROL_SPREAD_MAX_MS = 5000 };

/* How each step is done: the request, its path, the stage that it reports. */
static const struct step_row {
        enum sal_fleet_ask ask;
        const char *path;
} step_rows[SAL_FLEET_STEPS] = {
        [SAL_FLEET_ENROL] = {SAL_FLEET_ASK_ENROL, "/v1/enroll"},
        [SAL_FLEET_POLL] = {SAL_FLEET_ASK_POLL, "/v1/poll"},
        [SAL_FLEET_REPORT] = {SAL_FLEET_ASK_REPORT, "/v1/report"},
        [SAL_FLEET_REBOOT] = {SAL_FLEET_ASK_POLL, "/v1/poll"},
        [SAL_FLEET_HEALTHY] = {SAL_FLEET_ASK_HEALTHY, "/v1/report"},
};

enum sal_status sal_fleet_new(const struct sal_fleet_options *options, const struct sal_fleet_world *world,
                              const char *ca_file, const char *base_url, const char *token, struct sal_fleet **ret,
                              struct sal_err *reterr) {
        sal_auto(sal_fleet) struct sal_fleet *fleet = calloc(1, sizeof *fleet);
        if (!fleet)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the fleet");
        size_t count = (size_t)options->machines;
        size_t connections =
                (size_t)(options->concurrency < options->machines ? options->concurrency : options->machines);
        fleet->options = options;
        fleet->world = world;
        fleet->machines = calloc(count, sizeof *fleet->machines);
        fleet->base_url = strdup(base_url);
        fleet->token = strdup(token);
        if (!fleet->machines || !fleet->base_url || !fleet->token || sal_fleet_queue_init(&fleet->queue, count))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for %zu machines", count);
        enum sal_status status = sal_wire_new(ca_file, connections, sal_fleet_answered, fleet, &fleet->wire, reterr);
        if (status)
                return status;
        /* A quarter of the connections is never held, so that reports get through. */
        fleet->held_max = (int64_t)(connections - (connections + 3) / 4);
        fleet->started_ms = fleet->answered_ms = sal_clock_mono_ms();
        double spread_ms = ENROL_SPREAD_SECONDS * 1000.0 / options->speed;
        spread_ms = spread_ms > ENROL_SPREAD_MAX_MS ? ENROL_SPREAD_MAX_MS : spread_ms;
        for (int64_t i = 0; i < options->machines; i++) {
                fleet->machines[i].role = (uint8_t)sal_fleet_role_of(world, i);
                double at_ms = sal_fleet_chance(world, i, PURPOSE_ENROL) * spread_ms;
                fleet->machines[i].due_ms = fleet->started_ms + (int64_t)at_ms;
                sal_fleet_queue_push(&fleet->queue, fleet->machines[i].due_ms, i);
        }
        *ret = SAL_STEAL(fleet);
        return SAL_OK;
}

void sal_fleet_free(struct sal_fleet *fleet) {
        if (!fleet)
                return;
        sal_wire_free(fleet->wire);
        for (int64_t i = 0; fleet->machines && i < fleet->options->machines; i++)
                free(fleet->machines[i].token);
        free(fleet->machines);
        sal_fleet_queue_done(&fleet->queue);
        free(fleet->base_url);
        free(fleet->token);
        free(fleet);
}

enum sal_status sal_fleet_move(struct sal_fleet *fleet, const char *base_url) {
        if (strcmp(base_url, fleet->base_url) == 0)
                return SAL_OK;
        char *copy = strdup(base_url);
        if (!copy)
                return SAL_E_NOMEM;
        free(fleet->base_url);
        fleet->base_url = copy;
        return SAL_OK;
}

/* Writes the body of a step's request. */
static void write_body(struct sal_fleet *fleet, int64_t number, enum sal_fleet_ask ask, struct sal_buf *out) {
        const struct sal_fleet_machine *machine = &fleet->machines[number];
        switch (ask) {
        case SAL_FLEET_ASK_ENROL:
                sal_fleet_enrol_body(fleet->world, number, out);
                break;
        case SAL_FLEET_ASK_POLL:
        case SAL_FLEET_ASK_HELD:
                sal_fleet_poll_body(fleet->world, number, machine, fleet->policy, out);
                break;
        case SAL_FLEET_ASK_REPORT:
                sal_fleet_report_body(fleet->world, number, machine,
                                      machine->role == SAL_FLEET_FAILS ? "failed" : "applied", out);
                break;
        case SAL_FLEET_ASK_HEALTHY:
                sal_fleet_report_body(fleet->world, number, machine, "healthy", out);
                break;
        }
}

static enum sal_status start(struct sal_fleet *fleet, int64_t number, struct sal_err *reterr) {
        struct sal_fleet_machine *machine = &fleet->machines[number];
        const struct step_row *row = &step_rows[machine->step];
        enum sal_fleet_ask ask = row->ask;
        if (machine->step == SAL_FLEET_REBOOT) {
                machine->boots++;
                machine->step = SAL_FLEET_POLL;
        }
        int64_t wait_seconds = 0;
        if (ask == SAL_FLEET_ASK_POLL && fleet->held < fleet->held_max) {
                ask = SAL_FLEET_ASK_HELD;
                wait_seconds = SAL_FLEET_WAIT_SECONDS;
        }
        struct sal_wire_slot *slot = sal_wire_take(fleet->wire);
        write_body(fleet, number, ask, sal_wire_body(slot));
        const char *bearer = ask == SAL_FLEET_ASK_ENROL ? fleet->token : machine->token;
        enum sal_status status =
                sal_wire_post(slot, fleet->base_url, row->path, bearer, wait_seconds, number, (int)ask);
        if (status)
                return sal_fail(reterr, status, "a request cannot be started");
        fleet->sums.requests++;
        fleet->held += ask == SAL_FLEET_ASK_HELD;
        return SAL_OK;
}

enum sal_status sal_fleet_run(struct sal_fleet *fleet, int64_t wait_ms, struct sal_err *reterr) {
        int64_t now_ms = sal_clock_mono_ms();
        struct sal_fleet_due due;
        while (sal_wire_room(fleet->wire) > 0 && sal_fleet_queue_peek(&fleet->queue, &due) && due.at_ms <= now_ms) {
                sal_fleet_queue_pop(&fleet->queue);
                enum sal_status status = start(fleet, due.number, reterr);
                if (status)
                        return status;
        }
        if (sal_wire_room(fleet->wire) > 0 && sal_fleet_queue_peek(&fleet->queue, &due)) {
                int64_t until_ms = due.at_ms > now_ms ? due.at_ms - now_ms : 0;
                wait_ms = until_ms < wait_ms ? until_ms : wait_ms;
        }
        if (sal_wire_run(fleet->wire, wait_ms))
                return sal_fail(reterr, SAL_E_IO, "waiting for the network failed");
        return SAL_OK;
}

int64_t sal_fleet_waiting(const struct sal_fleet *fleet) {
        return fleet->options->machines - fleet->ended;
}

int64_t sal_fleet_lost_ms(const struct sal_fleet *fleet) {
        return fleet->lost_requests ? sal_clock_mono_ms() - fleet->answered_ms : 0;
}
