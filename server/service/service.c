/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"

#include "service/trust_store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
        DEFAULT_ANONYMOUS_OFFERS = 1000,
        DEFAULT_POLL_AFTER_SECONDS = 60,
        DEFAULT_GIVE_UP_SECONDS = 14400,
};
static const uint64_t default_filter_bits = 1ull << 27;

static void set_defaults(struct sal_service_config *config) {
        if (!config->anonymous_offers_max)
                config->anonymous_offers_max = DEFAULT_ANONYMOUS_OFFERS;
        if (!config->filter_bits)
                config->filter_bits = default_filter_bits;
        if (!config->poll_after_seconds)
                config->poll_after_seconds = DEFAULT_POLL_AFTER_SECONDS;
        if (!config->give_up_after_seconds)
                config->give_up_after_seconds = DEFAULT_GIVE_UP_SECONDS;
}

struct trust_load {
        struct sal_service *service;
        struct sal_err *reterr;
};

static enum sal_status load_trust(struct sal_tx *tx, void *arg) {
        const struct trust_load *load = arg;
        struct sal_service *service = load->service;
        enum sal_status status = sal_trust_store_load(service->config.root_path, service->config.targets_path,
                                                      service->config.policy_path, tx, &service->trust, load->reterr);
        if (status)
                return status;
        service->policy = service->trust->policy;
        memcpy(service->trust_domain, service->trust->trust_domain, sizeof service->trust_domain);
        return SAL_OK;
}

static enum sal_status count_machines(struct sal_tx *tx, void *arg) {
        int64_t counts[SAL_STANDINGS] = {0}, *sum = arg;
        enum sal_status status = sal_machine_counts(tx, counts);
        for (size_t i = 0; i < SAL_STANDINGS; i++)
                *sum += counts[i];
        return status;
}

/* A key that was lost is not made anew in silence: every machine's token would be void, and nobody would know why. */
static enum sal_status check_key(struct sal_service *service, const char *path, struct sal_err *reterr) {
        struct stat info;
        int64_t machines = 0;
        bool wanted = service->config.new_token_key;
        if (stat(path, &info) == 0) {
                if (!wanted)
                        return SAL_OK;
                sal_fail(reterr, SAL_E_REFUSED, "%s is there, so --new-token-key is refused", path);
                sal_err_hint(reterr, "the option is for one start without the key; start without it");
                return SAL_E_REFUSED;
        }
        if (errno != ENOENT)
                return sal_fail(reterr, SAL_E_IO, "cannot look at %s: %s", path, strerror(errno));
        enum sal_status status = sal_ledger_run_now(service->ledger, count_machines, &machines);
        if (status)
                return sal_fail(reterr, status, "the ledger's machines cannot be counted: %s",
                                sal_status_info(status)->title);
        if (wanted || machines == 0)
                return SAL_OK;
        sal_fail(reterr, SAL_E_REFUSED, "%s is lost, while the ledger has %lld machine%s", path, (long long)machines,
                 machines == 1 ? "" : "s");
        sal_err_hint(reterr, "restore it from a backup; or start once with --new-token-key: every machine's token is "
                             "void then, and each has to be enrolled again");
        return SAL_E_REFUSED;
}

static enum sal_status prepare_state(struct sal_service *service, struct sal_err *reterr) {
        char path[4096];
        snprintf(path, sizeof path, "%s/artifacts", service->state_dir);
        if (mkdir(path, 0700) && errno != EEXIST)
                return sal_fail(reterr, SAL_E_IO, "cannot make %s: %s", path, strerror(errno));
        snprintf(path, sizeof path, "%s/machine-token.key", service->state_dir);
        enum sal_status status = check_key(service, path, reterr);
        return status ? status : sal_token_key_load(path, &service->token_key, reterr);
}

static enum sal_status load_engine(struct sal_tx *tx, void *arg) {
        return sal_engine_load(arg, tx);
}

enum sal_status sal_service_new(const struct sal_service_config *config, struct sal_ledger *ledger,
                                struct sal_service **ret, struct sal_err *reterr) {
        struct sal_service *service = calloc(1, sizeof *service);
        if (!service)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the service");
        service->config = *config;
        set_defaults(&service->config);
        service->ledger = ledger;
        pthread_mutex_init(&service->snapshots.lock, NULL);
        service->state_dir = strdup(config->state_dir);
        service->filter = sal_filter_new(service->config.filter_bits);
        service->engine = calloc(1, sizeof *service->engine);
        enum sal_status status = SAL_OK;
        if (!service->state_dir || !service->filter || !service->engine)
                status = sal_fail(reterr, SAL_E_NOMEM, "no memory for the service");
        if (!status)
                status = sal_ledger_run_now(ledger, load_trust,
                                            &(struct trust_load){.service = service, .reterr = reterr});
        if (!status)
                status = prepare_state(service, reterr);
        if (!status) {
                service->engine->service = service;
                service->engine->mono_base_ms = -1;
                service->engine->notes_end = &service->engine->notes;
                status = sal_ledger_run_now(ledger, load_engine, service->engine);
                if (status)
                        sal_fail(reterr, status, "the ledger's campaigns cannot be read: %s",
                                 sal_status_info(status)->title);
        }
        if (status) {
                sal_service_free(service);
                return status;
        }
        sal_engine_publish(service->engine);
        *ret = service;
        return SAL_OK;
}

enum sal_status sal_service_start(struct sal_service *service, struct sal_err *reterr) {
        struct sal_ledger_hooks hooks = sal_service_hooks;
        hooks.arg = service->engine;
        return sal_ledger_start(service->ledger, &hooks, reterr);
}

/* ---- trust ---- */

void sal_service_set_trust_take(struct sal_service *service, struct sal_trust_store *trust) {
        if (!service->trust_before)
                service->trust_before = service->trust;
        else
                sal_trust_store_unref(service->trust);
        service->trust = trust;
        service->policy = trust->policy;
        service->engine->publish = true;
}

void sal_service_trust_committed(struct sal_service *service) {
        sal_trust_store_unref(SAL_STEAL(service->trust_before));
}

void sal_service_trust_rolled_back(struct sal_service *service) {
        if (!service->trust_before)
                return;
        sal_trust_store_unref(service->trust);
        service->trust = SAL_STEAL(service->trust_before);
        service->policy = service->trust->policy;
}

bool sal_service_lists(const struct sal_service *service, const struct sal_launch *launch) {
        return !atomic_load_explicit(&launch->barred, memory_order_acquire) &&
               (!service->publication || atomic_load_explicit(&launch->listed, memory_order_acquire));
}

void sal_service_set_ready(struct sal_service *service, bool ready) {
        atomic_store(&service->engine->ready_wanted, ready);
        sal_ledger_wake(service->ledger);
}

void sal_service_free(struct sal_service *service) {
        if (!service)
                return;
        if (service->engine) {
                sal_engine_clear(service->engine);
                free(service->engine->live);
        }
        free(service->engine);
        sal_filter_free(service->filter);
        sal_snapshot_unref(service->snapshots.current);
        pthread_mutex_destroy(&service->snapshots.lock);
        sal_trust_store_unref(service->trust_before);
        sal_trust_store_unref(service->trust);
        free(service->state_dir);
        free(service);
}
