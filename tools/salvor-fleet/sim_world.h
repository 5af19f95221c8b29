/* SPDX-License-Identifier: Apache-2.0 */
/*
 * World: one run of a case in simulated time: machines that ask, are offered the fix, report or do not. Who may be
 * offered it, and when it all stops, is a policy's matter.
 *
 * Thread: a run belongs to one thread; runs share nothing but the case. Ownership: a run owns its machines and events;
 * the case, the journal and the stop flag are borrowed.
 */
#ifndef SAL_FLEET_SIM_WORLD_H
#define SAL_FLEET_SIM_WORLD_H

#include "model/offer.h"
#include "salvor-fleet/sim_case.h"
#include "salvor-fleet/sim_queue.h"

#include <stdatomic.h>

enum { SAL_SIM_US_PER_SECOND = 1000000, SAL_SIM_ID_BYTES = 24 };

/* What reaches the server about an offer that a machine holds. */
enum sal_sim_news {
        SAL_SIM_NEWS_APPLIED,
        SAL_SIM_NEWS_HEALTHY,
        SAL_SIM_NEWS_FAILED,
        SAL_SIM_NEWS_REPOLLED, /* a new boot failed, before any report */
        SAL_SIM_NEWS_RELAPSED, /* a new boot failed, after success was reported */
        SAL_SIM_NEWS_DEADLINE, /* the outcome deadline has passed without a word */
        SAL_SIM_NEWS_SOAKED,   /* scheduled by the policy that soaks */
};

struct sal_sim_machine {
        uint8_t ring, fate;
        uint8_t attempts;
        uint8_t state; /* enum sal_offer_state of its newest offer, once attempts is over 0 */
        uint8_t cause;
        uint8_t stage;        /* of its newest offer; kept by the policy */
        bool bad;             /* of the bad cohort */
        bool held;            /* of a held cohort */
        bool excluded;        /* its cohort was held: its offers have left the sums and the pace */
        uint8_t first_weight; /* enum sal_weight of its counted offer; kept by the policy */
        bool waits;           /* in a line */
};

/* What one run came to. Times are microseconds since the start; -1: it did not happen. */
struct sal_sim_result {
        int64_t halted_us, completed_us;
        int64_t released_us; /* the last machine was offered the fix, held cohorts apart */
        int64_t success_us;  /* the last success was settled */
        int64_t offered;     /* machines that were offered the fix */
        int64_t exposed;     /* of these, those that were offered it when it was bad, or are of the bad cohort */
        int64_t harmed;      /* of the exposed, those that it breaks */
        int64_t succeeded;   /* machines that settled as successes */
        int64_t unreached;   /* machines that wait still, held cohorts apart */
        int64_t cohorts_held;
        bool bad_held;  /* the bad cohort was held */
        bool good_held; /* a good one was */
};

/* Machines that wait, in the order in which they will ask: a ring buffer. */
struct sal_sim_line {
        uint32_t *machines;
        uint32_t head, count, capacity;
};

struct sal_sim;

struct sal_sim_ops {
        enum sal_status (*begin)(struct sal_sim *sim);
        void (*end)(struct sal_sim *sim);
        /* Rings whose machines may take an offer, and whether any could be made at all just now. */
        size_t (*rings_open)(const struct sal_sim *sim);
        bool (*room)(struct sal_sim *sim);
        void (*offered)(struct sal_sim *sim, uint32_t machine);
        void (*told)(struct sal_sim *sim, uint32_t machine, enum sal_sim_news news);
        void (*woken)(struct sal_sim *sim);
        bool (*done)(const struct sal_sim *sim); /* while no news are to come: nothing will change any more */
};

struct sal_sim {
        const struct sal_sim_case *what;
        const struct sal_sim_ops *ops;
        void *policy;                    /* of the ops */
        struct sal_sim_journal *journal; /* or NULL */
        uint64_t seed;                   /* of this run */
        char id[SAL_SIM_ID_BYTES];       /* of the campaign: rings fall differently in every run */
        struct sal_sim_stream stream;
        struct sal_sim_queue queue;
        struct sal_sim_machine *machines;
        struct sal_sim_line
                lines[SAL_PLAN_MAX_RINGS]; /* of machines that wait at the server; polling ones: the first */
        size_t line_count;
        int64_t fresh[SAL_PLAN_MAX_RINGS]; /* never offered, not of a held cohort */
        int64_t ring_sizes[SAL_PLAN_MAX_RINGS];
        int64_t waiting;                   /* in a line, not of a held cohort */
        int64_t pending;                   /* news and returns to come */
        int64_t now_us, wake_us, taken_us; /* wake_us INT64_MAX: none is scheduled */
        bool ticking;                      /* the next offer to a machine that waits is scheduled */
        bool stopped;
        enum sal_status failed; /* out of memory, or the journal could not be written */
        struct sal_sim_result result;
};

/* Plays one run. stop: ends it early when it becomes true (NULL: never). Errors: SAL_E_NOMEM, SAL_E_IO. */
enum sal_status sal_sim_run(const struct sal_sim_case *what, uint64_t seed, int64_t run,
                            struct sal_sim_journal *journal, const atomic_bool *stop, struct sal_sim_result *ret);

extern const struct sal_sim_ops sal_sim_salvor_ops;
/* Those of hawkbit, aws, mender, lvfs and push. */
extern const struct sal_sim_ops sal_sim_peer_ops;

/* ---- for policies ---- */

/* The value of a cohort's fact that a machine holds, from 0. */
uint32_t sal_sim_value(const struct sal_sim *sim, uint32_t machine, size_t fact);
/* Machines of the first rings that were never offered the fix, held ones apart. */
int64_t sal_sim_fresh(const struct sal_sim *sim, size_t rings);
/* Schedules news about a machine's present offer. */
void sal_sim_later(struct sal_sim *sim, uint32_t machine, enum sal_sim_news news, int64_t at_us);
/* Asks to be woken at a time, at the latest. */
void sal_sim_wake(struct sal_sim *sim, int64_t at_us);
/* The machine asks again after it has booted. */
void sal_sim_return(struct sal_sim *sim, uint32_t machine);
/* Marks every machine that holds this value as held: it waits, and counts as known no longer. */
void sal_sim_hold(struct sal_sim *sim, size_t fact, uint32_t value);
/* Ends the run here. */
void sal_sim_halt(struct sal_sim *sim);
/* A success was settled just now. */
void sal_sim_succeed(struct sal_sim *sim);

#endif
