/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One simulated machine: who it is, how it behaves, what it says. Everything follows from the seed and its number, so
 * that two runs with one seed have the same machines fail; only boot ids differ from run to run, as they must.
 *
 * Thread: one. Ownership: a machine owns its token; texts that are written go to the caller's buffers.
 */
#ifndef SAL_FLEET_MACHINE_H
#define SAL_FLEET_MACHINE_H

#include "base/buf.h"
#include "model/campaign.h"
#include "salvor-fleet/options.h"

enum sal_fleet_role { SAL_FLEET_GOOD, SAL_FLEET_FAILS, SAL_FLEET_SILENT, SAL_FLEET_RELAPSES };

/* What a machine does when it is due; from SAL_FLEET_RESCUED on it is at its end. */
enum sal_fleet_step {
        SAL_FLEET_ENROL,
        SAL_FLEET_POLL,
        SAL_FLEET_REPORT,  /* the fix has run: applied or failed */
        SAL_FLEET_REBOOT,  /* comes up with a new boot id, and polls */
        SAL_FLEET_HEALTHY, /* the full system is up */
        SAL_FLEET_RESCUED,
        SAL_FLEET_KNOWN, /* enrolled, and nothing else was wanted */
        SAL_FLEET_FELL_SILENT,
        SAL_FLEET_GAVE_UP, /* no attempt left, nothing for it, or give_up passed */
        SAL_FLEET_REFUSED, /* the server does not take it */
        SAL_FLEET_STEPS
};

enum { SAL_FLEET_OFFER_ID_BYTES = 48, SAL_FLEET_UUID_BYTES = 37 };

struct sal_fleet_machine {
        char *token; /* NULL: not enrolled */
        char offer_id[SAL_FLEET_OFFER_ID_BYTES];
        int64_t due_ms;     /* monotonic: when the step is done; used while it waits */
        int64_t give_up_ms; /* monotonic: when it stops asking; 0: not said yet */
        uint32_t boots;
        uint16_t retries; /* of the present request, after failures on the way */
        uint8_t role;
        uint8_t step;
        bool relapsing; /* it comes up again after a fix that did not last */
};

/* The fleet's constants: seed, run, facts. */
struct sal_fleet_world {
        const struct sal_fleet_options *options;
        uint64_t run; /* random: boot ids of this run */
        char **facts; /* texts of JSON objects, owned */
        size_t fact_count;
};

/* A random-looking number of 0 (inclusive) to 1 (exclusive), the same for the same seed, machine and purpose. */
double sal_fleet_chance(const struct sal_fleet_world *world, int64_t number, uint64_t purpose);

/* Writes out the facts of every kind of machine. Errors: SAL_E_NOMEM. */
enum sal_status sal_fleet_world_init(const struct sal_fleet_options *options, struct sal_fleet_world *ret,
                                     struct sal_err *reterr);
void sal_fleet_world_done(struct sal_fleet_world *world);

enum sal_fleet_role sal_fleet_role_of(const struct sal_fleet_world *world, int64_t number);

/* "<prefix>-000001" for number 0. */
void sal_fleet_machine_id(const struct sal_fleet_world *world, int64_t number, char ret[static SAL_MACHINE_ID_BYTES]);

/* Bodies of the requests of contract section 5, appended to `out`. `policy` is the hash that the machine holds, or "".
 */
void sal_fleet_enrol_body(const struct sal_fleet_world *world, int64_t number, struct sal_buf *out);
void sal_fleet_poll_body(const struct sal_fleet_world *world, int64_t number, const struct sal_fleet_machine *machine,
                         const char *policy, struct sal_buf *out);
void sal_fleet_report_body(const struct sal_fleet_world *world, int64_t number, const struct sal_fleet_machine *machine,
                           const char *stage, struct sal_buf *out);

#endif
