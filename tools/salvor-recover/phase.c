/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/phase.h"

#include "base/mem.h"

#include <string.h>

struct row {
        enum sal_phase phase;
        enum sal_phase_event event;
        enum sal_phase next;
};

/* An interruption puts everything back instead of going on: the campaign may have been halted meanwhile, and only a new
 * poll can tell. The second interruption of one offer is an outcome: it may be the fix that brings the machine down. */
static const struct row table[] = {
        {SAL_PHASE_IDLE, SAL_PHASE_EVENT_PLAN, SAL_PHASE_PLANNED},
        {SAL_PHASE_IDLE, SAL_PHASE_EVENT_RESTART, SAL_PHASE_IDLE},
        {SAL_PHASE_IDLE, SAL_PHASE_EVENT_RESTART_AGAIN, SAL_PHASE_IDLE},
        {SAL_PHASE_PLANNED, SAL_PHASE_EVENT_TOUCH, SAL_PHASE_ACTING},
        {SAL_PHASE_PLANNED, SAL_PHASE_EVENT_RESTART, SAL_PHASE_IDLE},
        {SAL_PHASE_PLANNED, SAL_PHASE_EVENT_RESTART_AGAIN, SAL_PHASE_IDLE},
        {SAL_PHASE_ACTING, SAL_PHASE_EVENT_DONE, SAL_PHASE_VERIFYING},
        {SAL_PHASE_ACTING, SAL_PHASE_EVENT_BAD, SAL_PHASE_REVERTING},
        {SAL_PHASE_ACTING, SAL_PHASE_EVENT_RESTART, SAL_PHASE_UNDOING},
        {SAL_PHASE_ACTING, SAL_PHASE_EVENT_RESTART_AGAIN, SAL_PHASE_REVERTING},
        {SAL_PHASE_VERIFYING, SAL_PHASE_EVENT_GOOD, SAL_PHASE_APPLIED},
        {SAL_PHASE_VERIFYING, SAL_PHASE_EVENT_BAD, SAL_PHASE_REVERTING},
        {SAL_PHASE_VERIFYING, SAL_PHASE_EVENT_RESTART, SAL_PHASE_UNDOING},
        {SAL_PHASE_VERIFYING, SAL_PHASE_EVENT_RESTART_AGAIN, SAL_PHASE_REVERTING},
        {SAL_PHASE_REVERTING, SAL_PHASE_EVENT_RESTORED, SAL_PHASE_FAILED},
        {SAL_PHASE_REVERTING, SAL_PHASE_EVENT_RESTART, SAL_PHASE_REVERTING},
        {SAL_PHASE_REVERTING, SAL_PHASE_EVENT_RESTART_AGAIN, SAL_PHASE_REVERTING},
        {SAL_PHASE_UNDOING, SAL_PHASE_EVENT_RESTORED, SAL_PHASE_IDLE},
        {SAL_PHASE_UNDOING, SAL_PHASE_EVENT_RESTART, SAL_PHASE_UNDOING},
        {SAL_PHASE_UNDOING, SAL_PHASE_EVENT_RESTART_AGAIN, SAL_PHASE_UNDOING},
        {SAL_PHASE_APPLIED, SAL_PHASE_EVENT_STORED, SAL_PHASE_IDLE},
        {SAL_PHASE_APPLIED, SAL_PHASE_EVENT_RESTART, SAL_PHASE_APPLIED},
        {SAL_PHASE_APPLIED, SAL_PHASE_EVENT_RESTART_AGAIN, SAL_PHASE_APPLIED},
        {SAL_PHASE_FAILED, SAL_PHASE_EVENT_STORED, SAL_PHASE_IDLE},
        {SAL_PHASE_FAILED, SAL_PHASE_EVENT_RESTART, SAL_PHASE_FAILED},
        {SAL_PHASE_FAILED, SAL_PHASE_EVENT_RESTART_AGAIN, SAL_PHASE_FAILED},
};

static const char *const names[SAL_PHASES] = {"idle",      "planned", "acting",  "verifying",
                                              "reverting", "undoing", "applied", "failed"};

bool sal_phase_next(enum sal_phase phase, enum sal_phase_event event, enum sal_phase *ret) {
        for (size_t i = 0; i < SAL_ARRAY_LEN(table); i++) {
                if (table[i].phase == phase && table[i].event == event) {
                        *ret = table[i].next;
                        return true;
                }
        }
        return false;
}

const char *sal_phase_name(enum sal_phase phase) {
        return names[phase];
}

int sal_phase_parse(const char *name) {
        for (size_t i = 0; i < SAL_PHASES; i++)
                if (strcmp(names[i], name) == 0)
                        return (int)i;
        return -1;
}
