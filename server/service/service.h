/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service: the use cases. Each verifies, decides (rollout/), writes (ledger/) and, after the commit, publishes.
 *
 * Threads: functions that take a struct sal_tx run on the ledger's thread, inside a job; "any thread" is said where it
 * holds. Ownership: the service owns the engine, the filter and the snapshot slot; the ledger is borrowed.
 */
#ifndef SAL_SERVICE_SERVICE_H
#define SAL_SERVICE_SERVICE_H

#include "ledger/store.h"
#include "rollout/answer.h"
#include "service/filter.h"
#include "service/snapshot.h"
#include "trust/key.h"
#include "trust/policy.h"
#include "trust/token.h"

struct sal_engine;
struct sal_publication;
struct sal_trust_store;

enum {
        SAL_LIVE_CAMPAIGNS_MAX = 100,
        SAL_REASON_TEXT_MAX_BYTES = 500, /* an operator's reason */
        SAL_POLL_REPORTS_MAX = 16,
        SAL_LOG_TAIL_MAX_BYTES = 16 * 1024,
        SAL_ELEVATION_LIFE_SECONDS = 300,
        SAL_ELEVATIONS_OPEN_MAX = 16, /* per operator */
};

struct sal_service_config {
        const char *state_dir;    /* token key, artifacts */
        const char *root_path;    /* 1.root.json */
        const char *targets_path; /* N.targets.json */
        const char *policy_path;  /* trust-policy.json */
        bool anonymous_poll;
        int64_t anonymous_offers_max;  /* unsettled offers of anonymous machines, all together; default 1000 */
        uint64_t filter_bits;          /* default 2^27 */
        int64_t poll_after_seconds;    /* what a waiting machine is told at rest; default 60 */
        int64_t give_up_after_seconds; /* default 14400 */
        bool new_token_key;            /* make one though the ledger has machines; refused while there is one */
};

struct sal_service {
        struct sal_service_config config;
        char *state_dir;
        struct sal_ledger *ledger;
        struct sal_engine *engine; /* the ledger's thread only */
        struct sal_filter *filter;
        struct sal_snapshot_slot snapshots;
        struct sal_token_key token_key;
        /* The ledger's thread only; others ask the publication's view. */
        struct sal_trust_store *trust;
        struct sal_trust_store *trust_before; /* while a batch that replaced it is not committed; else NULL */
        const struct sal_policy *policy;      /* that of `trust` */
        char trust_domain[65];                /* never changes */
        /* Set before any thread starts; NULL: nothing is published, and every campaign counts as listed. */
        struct sal_publication *publication;
        /* Called after a new snapshot was published, room appeared, or a campaign was listed: held polls want to know.
         * On the ledger's thread, or the publisher's. */
        void (*on_change)(void *arg);
        void *on_change_arg;
        /* Called on the ledger's thread for every decision and state change, after its commit, for the log. */
        void (*on_event)(void *arg, const char *event, const char *campaign, int64_t version, const char *text);
        void *on_event_arg;
};

/* Reads trust files and keys, then loads the engine from the ledger (which must be open and not started).
 * Errors: SAL_E_CONFIG with the file's name, SAL_E_REFUSED (the token key is lost, or a new one is wanted beside it),
 * SAL_E_CORRUPT, SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_service_new(const struct sal_service_config *config, struct sal_ledger *ledger,
                                struct sal_service **ret, struct sal_err *reterr);
/* Starts the ledger's thread with the service's hooks. */
enum sal_status sal_service_start(struct sal_service *service, struct sal_err *reterr);
/* After sal_ledger_stop. NULL is allowed. */
void sal_service_free(struct sal_service *service);

/* Puts another trust store in force, inside a job on the ledger's thread: decisions follow it from here on, it is
 * published after the commit, and it is undone if the batch is rolled back. The reference is taken over. */
void sal_service_set_trust_take(struct sal_service *service, struct sal_trust_store *trust);
/* What becomes of it: called by the hooks (hooks.c). */
void sal_service_trust_committed(struct sal_service *service);
void sal_service_trust_rolled_back(struct sal_service *service);

/* True when machines could verify this campaign's offer: the published list names its envelope. Any thread. */
bool sal_service_lists(const struct sal_service *service, const struct sal_launch *launch);

/* Says when the daemon is ready: served time runs only then. Any thread. */
void sal_service_set_ready(struct sal_service *service, bool ready);

#endif
