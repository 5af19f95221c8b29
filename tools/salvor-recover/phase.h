/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phases of the work on one offer, as a table. The phase is on disk before the tree is touched and after each step
 * of the way, so that a program that starts again after a crash knows what it must do first.
 *
 * Thread: any, no state. Ownership: none.
 */
#ifndef SAL_RECOVER_PHASE_H
#define SAL_RECOVER_PHASE_H

#include <stdbool.h>

enum sal_phase {
        SAL_PHASE_IDLE,      /* no work under way */
        SAL_PHASE_PLANNED,   /* the plan is on disk, the tree is untouched */
        SAL_PHASE_ACTING,    /* the tree may be changed in part */
        SAL_PHASE_VERIFYING, /* all changes are made, not yet found good */
        SAL_PHASE_REVERTING, /* being put back; the outcome is `failed` */
        SAL_PHASE_UNDOING,   /* being put back after an interruption; no outcome, the offer may be taken up again */
        SAL_PHASE_APPLIED,   /* found good, the report is to be stored */
        SAL_PHASE_FAILED,    /* everything is put back, the report is to be stored */
        SAL_PHASES
};

enum sal_phase_event {
        SAL_PHASE_EVENT_PLAN,          /* the plan was stored */
        SAL_PHASE_EVENT_TOUCH,         /* the first change is about to be made */
        SAL_PHASE_EVENT_DONE,          /* the last change was made */
        SAL_PHASE_EVENT_GOOD,          /* verify is true */
        SAL_PHASE_EVENT_BAD,           /* verify is false, or a step could not be done */
        SAL_PHASE_EVENT_RESTORED,      /* everything is as it was before */
        SAL_PHASE_EVENT_RESTART,       /* the program starts and finds this phase on disk */
        SAL_PHASE_EVENT_RESTART_AGAIN, /* the same, and this offer had been interrupted before */
        SAL_PHASE_EVENT_STORED,        /* the report is stored */
        SAL_PHASE_EVENTS
};

/* The phase after `event`; false when the event cannot happen in this phase (*ret is then left alone). */
bool sal_phase_next(enum sal_phase phase, enum sal_phase_event event, enum sal_phase *ret);

/* Name on disk ("acting"), and back: -1 when it is none. */
const char *sal_phase_name(enum sal_phase phase);
int sal_phase_parse(const char *name);

#endif
