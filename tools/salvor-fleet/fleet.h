/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet: every machine with its next step, what the server answers to it, and the sums.
 *
 * Thread: one. Ownership: the fleet owns its machines, queue and connections; options and world are borrowed.
 */
#ifndef SAL_FLEET_FLEET_H
#define SAL_FLEET_FLEET_H

#include "salvor-fleet/machine.h"
#include "salvor-fleet/queue.h"
#include "salvor-fleet/wire.h"

enum {
        SAL_FLEET_WAIT_SECONDS = 20,      /* Prefer: wait of a poll that may be held */
        SAL_FLEET_RETRY_MS = 500,         /* first pause after a failure on the way; doubles up to */
        SAL_FLEET_RETRY_MAX_MS = 10000,   /* this */
        SAL_FLEET_GIVE_UP_LOST_MS = 60000 /* without any answer for so long: unreachable */
};

/* Sums since the start; the summary's members have the same names. */
struct sal_fleet_sums {
        int64_t enrolled, polls, offers, applied, failed, silent, relapsed, healthy, rescued, gave_up, refused, errors,
                requests, late;
};

struct sal_fleet {
        const struct sal_fleet_options *options;
        const struct sal_fleet_world *world;
        struct sal_fleet_machine *machines;
        struct sal_fleet_queue queue;
        struct sal_wire *wire;
        char *base_url;
        char *token;       /* enrollment token */
        char policy[65];   /* hash of the policy file that the server sent, "" before */
        char verified[65]; /* hash of the envelope that was checked last, "" before */
        int64_t ended;     /* machines at their end */
        int64_t held;      /* polls that may be held at the moment */
        int64_t held_max;
        int64_t started_ms; /* monotonic */
        int64_t answered_ms;
        int64_t lost_requests; /* that failed on the way since the last answer */
        struct sal_fleet_sums sums;
        struct sal_err first_error; /* the first refusal or failure, for a person */
};

/* A fleet whose machines are all about to enrol, spread over the first simulated minute. Errors: SAL_E_NOMEM. */
enum sal_status sal_fleet_new(const struct sal_fleet_options *options, const struct sal_fleet_world *world,
                              const char *ca_file, const char *base_url, const char *token, struct sal_fleet **ret,
                              struct sal_err *reterr);
void sal_fleet_free(struct sal_fleet *fleet); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_fleet, sal_fleet_free)

/* The server came back elsewhere. Errors: SAL_E_NOMEM. */
enum sal_status sal_fleet_move(struct sal_fleet *fleet, const char *base_url);

/* Starts what is due and lets the network work, for at most wait_ms. Errors: SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_fleet_run(struct sal_fleet *fleet, int64_t wait_ms, struct sal_err *reterr);

/* How many machines are not at their end. */
int64_t sal_fleet_waiting(const struct sal_fleet *fleet);
/* Milliseconds without an answer while requests failed on the way; 0 while nothing points to a lost server. */
int64_t sal_fleet_lost_ms(const struct sal_fleet *fleet);

#endif
