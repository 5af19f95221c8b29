/* SPDX-License-Identifier: Apache-2.0 */
#include "service/publication_internal.h"

#include "base/clock.h"
#include "base/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
        /* How often it is looked whether something has to be renewed, by the wall clock: that one may step, and the
         * monotonic one stand still, without telling anybody. */
        LOOK_MS = 60000,
};

struct sal_publication_waiter {
        struct sal_publication_waiter *next;
        uint64_t asked;
        void (*done)(void *arg);
        void *arg;
};

SAL_GAUGE(m_failing, "salvor_publication_failing", "1 while TUF metadata cannot be published.");
SAL_COUNTER(m_made, "salvor_publication_made_total", "Attempts to publish that succeeded.");
SAL_COUNTER(m_failed, "salvor_publication_failed_total", "Attempts to publish that failed.");

/* ---- views ---- */

void sal_publication_put_take(struct sal_publication *publication, struct sal_view *view) {
        pthread_mutex_lock(&publication->lock);
        struct sal_view *old = publication->view;
        publication->view = view;
        publication->state.published = view->versions[SAL_TUF_FILE_TIMESTAMP] > 0;
        if (publication->state.published)
                publication->state.published_ms = sal_clock_wall_ms();
        atomic_fetch_add_explicit(&publication->generation, 1, memory_order_release);
        pthread_mutex_unlock(&publication->lock);
        sal_view_unref(old);
}

struct sal_view *sal_publication_view(struct sal_publication *publication) {
        pthread_mutex_lock(&publication->lock);
        struct sal_view *view = sal_view_ref(publication->view);
        pthread_mutex_unlock(&publication->lock);
        return view;
}

struct sal_view *sal_publication_view_get(struct sal_publication *publication, struct sal_view **cached,
                                          unsigned long long *generation) {
        if (*cached && atomic_load_explicit(&publication->generation, memory_order_acquire) == *generation)
                return *cached;
        pthread_mutex_lock(&publication->lock);
        struct sal_view *fresh = sal_view_ref(publication->view);
        *generation = atomic_load(&publication->generation);
        pthread_mutex_unlock(&publication->lock);
        sal_view_unref(*cached);
        *cached = fresh;
        return fresh;
}

void sal_publication_state(struct sal_publication *publication, struct sal_publication_state *ret) {
        pthread_mutex_lock(&publication->lock);
        *ret = publication->state;
        pthread_mutex_unlock(&publication->lock);
}

/* ---- asking ---- */

void sal_publication_changed(struct sal_publication *publication) {
        struct sal_trust_store *trust = sal_trust_store_ref(publication->service->trust);
        sal_publication_mark(publication);
        pthread_mutex_lock(&publication->lock);
        struct sal_trust_store *old = publication->trust;
        publication->trust = trust;
        publication->asked++;
        pthread_cond_signal(&publication->wake);
        pthread_mutex_unlock(&publication->lock);
        sal_trust_store_unref(old);
}

void sal_publication_wait(struct sal_publication *publication, void (*done)(void *arg), void *arg) {
        struct sal_publication_waiter *waiter = malloc(sizeof *waiter);
        pthread_mutex_lock(&publication->lock);
        bool waits = waiter && !publication->stopping && publication->asked != publication->attempted;
        if (waits) {
                *waiter = (struct sal_publication_waiter){
                        .next = publication->waiters, .asked = publication->asked, .done = done, .arg = arg};
                publication->waiters = waiter;
        }
        pthread_mutex_unlock(&publication->lock);
        if (waits)
                return;
        free(waiter); /* without memory nobody waits: the act itself is done */
        done(arg);
}

/* Tells those whose turn has come. */
static void tell_waiters(struct sal_publication *publication) {
        struct sal_publication_waiter *ready = NULL;
        pthread_mutex_lock(&publication->lock);
        for (struct sal_publication_waiter **at = &publication->waiters; *at;) {
                struct sal_publication_waiter *waiter = *at;
                if (waiter->asked > publication->attempted && !publication->stopping) {
                        at = &waiter->next;
                        continue;
                }
                *at = waiter->next;
                waiter->next = ready;
                ready = waiter;
        }
        pthread_mutex_unlock(&publication->lock);
        while (ready) {
                struct sal_publication_waiter *next = ready->next;
                ready->done(ready->arg);
                free(ready);
                ready = next;
        }
}

/* ---- one attempt, and what it says of the state ---- */

static void note_success(struct sal_publication *publication) {
        pthread_mutex_lock(&publication->lock);
        bool failed = publication->state.failing_ms != 0;
        publication->state.failing_ms = 0;
        publication->state.why[0] = '\0';
        publication->state.made++;
        pthread_mutex_unlock(&publication->lock);
        sal_metric_add(&m_made, 1);
        sal_metric_set(&m_failing, 0);
        if (failed)
                sal_publication_tell(publication, "publication.recovered", "", "TUF metadata is published again");
}

static void note_failure(struct sal_publication *publication, enum sal_status status, const struct sal_err *why) {
        const char *detail = why->detail[0] ? why->detail : sal_status_info(status)->title;
        const char *remedy = why->hint[0] ? why->hint : "it is tried again within a minute";
        struct sal_err both;
        sal_fail(&both, status, "%s; %s", detail, remedy); /* keeps what is cut whole, character by character */
        pthread_mutex_lock(&publication->lock);
        struct sal_publication_state *state = &publication->state;
        bool news = state->failing_ms == 0 || strcmp(state->why, both.detail) != 0;
        if (!state->failing_ms)
                state->failing_ms = sal_clock_wall_ms();
        snprintf(state->why, sizeof state->why, "%s", both.detail);
        state->failed++;
        pthread_mutex_unlock(&publication->lock);
        sal_metric_add(&m_failed, 1);
        sal_metric_set(&m_failing, 1);
        if (news)
                sal_publication_tell(publication, "publication.failing", remedy, "%s", detail);
}

/* Tries once. True: it succeeded. */
static bool attempt(struct sal_publication *publication) {
        struct sal_err why = {0};
        pthread_mutex_lock(&publication->lock);
        uint64_t asked = publication->asked;
        struct sal_trust_store *trust = sal_trust_store_ref(publication->trust);
        pthread_mutex_unlock(&publication->lock);
        enum sal_status status = sal_publication_attempt(publication, trust, sal_clock_wall_ms(), &why);
        sal_trust_store_unref(trust);
        if (status)
                note_failure(publication, status, &why);
        else
                note_success(publication);
        bool listed = sal_publication_mark(publication);
        pthread_mutex_lock(&publication->lock);
        publication->attempted = asked;
        pthread_mutex_unlock(&publication->lock);
        struct sal_service *service = publication->service;
        if (listed && publication->runs) {
                sal_snapshot_slot_touch(&service->snapshots);
                if (service->on_change)
                        service->on_change(service->on_change_arg);
                sal_ledger_wake(service->ledger); /* time runs for its rings from here on */
        }
        tell_waiters(publication);
        return !status;
}

/* ---- the thread ---- */

/* Sleeps until something is asked for, but not before `soonest_ms`, and not beyond `latest_ms` (monotonic). False: it
 * is time to end. */
static bool rest(struct sal_publication *publication, int64_t soonest_ms, int64_t latest_ms) {
        bool goes_on = true;
        pthread_mutex_lock(&publication->lock);
        for (;;) {
                int64_t now_ms = sal_clock_mono_ms();
                bool asked = publication->asked != publication->attempted;
                int64_t until_ms = asked ? soonest_ms : latest_ms;
                goes_on = !publication->stopping;
                if (!goes_on || now_ms >= until_ms)
                        break;
                const struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000L};
                pthread_cond_timedwait(&publication->wake, &publication->lock, &until);
        }
        pthread_mutex_unlock(&publication->lock);
        return goes_on;
}

static void *run(void *arg) {
        struct sal_publication *publication = arg;
        struct sal_publication_state state;
        sal_publication_state(publication, &state);
        bool good = state.failing_ms == 0;
        int64_t retry_ms = SAL_PUBLICATION_RETRY_MIN_MS;
        for (;;) {
                int64_t now_ms = sal_clock_mono_ms();
                int64_t soonest_ms = good ? now_ms : now_ms + SAL_PUBLICATION_RETRY_MIN_MS;
                if (!rest(publication, soonest_ms, now_ms + (good ? LOOK_MS : retry_ms)))
                        return NULL;
                if (good)
                        retry_ms = SAL_PUBLICATION_RETRY_MIN_MS;
                else
                        retry_ms = retry_ms * 2 < SAL_PUBLICATION_RETRY_MAX_MS ? retry_ms * 2
                                                                               : SAL_PUBLICATION_RETRY_MAX_MS;
                good = attempt(publication);
        }
}

/* ---- life ---- */

static bool copy_config(struct sal_publication *publication, const struct sal_publication_config *config) {
        struct sal_signer_config *own = &publication->signer_config;
        publication->service = config->service;
        publication->tell = config->tell;
        publication->tell_arg = config->tell_arg;
        publication->public_dir = strdup(config->public_dir);
        *own = (struct sal_signer_config){.root_path = strdup(config->signer->root_path),
                                          .marks_dir = strdup(config->signer->marks_dir),
                                          .resumed = config->signer->resumed,
                                          .key_paths = publication->key_paths};
        bool ok = publication->public_dir && own->root_path && own->marks_dir;
        for (; ok && own->key_count < config->signer->key_count && own->key_count < SAL_SIGNER_MAX_KEYS;
             own->key_count++)
                ok = (publication->key_paths[own->key_count] = strdup(config->signer->key_paths[own->key_count]));
        return ok;
}

/* What can be served before the signer is asked. */
static enum sal_status resume(struct sal_publication *publication, struct sal_err *reterr) {
        struct sal_view *view = NULL;
        publication->trust = sal_trust_store_ref(publication->service->trust);
        enum sal_status status = sal_public_dir_load(publication->public_dir, &publication->last, reterr);
        if (!status)
                status = sal_view_resume(publication->trust, publication->last, sal_clock_wall_ms(), &view, reterr);
        if (!status)
                sal_publication_put_take(publication, view);
        return status;
}

enum sal_status sal_publication_start(const struct sal_publication_config *config, struct sal_publication **ret,
                                      struct sal_err *reterr) {
        struct sal_publication *publication = calloc(1, sizeof *publication);
        pthread_condattr_t attributes;
        if (!publication)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory to publish");
        sal_metric_register(&m_made);
        sal_metric_register(&m_failed);
        pthread_mutex_init(&publication->lock, NULL);
        pthread_mutex_init(&publication->marking, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&publication->wake, &attributes);
        pthread_condattr_destroy(&attributes);
        enum sal_status status = copy_config(publication, config)
                                         ? resume(publication, reterr)
                                         : sal_fail(reterr, SAL_E_NOMEM, "no memory to publish");
        if (!status)
                status = sal_publication_sign_on(publication, reterr);
        if (!status)
                status = sal_publication_load_keys(publication, reterr);
        if (!status) {
                publication->signer_config.resumed = true; /* from here on it has marks */
                config->service->publication = publication;
                attempt(publication);
                publication->runs = true;
                if (pthread_create(&publication->thread, NULL, run, publication)) {
                        publication->runs = false;
                        status = sal_fail(reterr, SAL_E_NOMEM, "no thread to publish");
                }
        }
        if (status)
                sal_publication_free(publication);
        else
                *ret = publication;
        return status;
}

void sal_publication_stop(struct sal_publication *publication) {
        if (!publication)
                return;
        pthread_mutex_lock(&publication->lock);
        publication->stopping = true;
        pthread_cond_signal(&publication->wake);
        pthread_mutex_unlock(&publication->lock);
        if (publication->runs)
                pthread_join(publication->thread, NULL);
        publication->runs = false;
        tell_waiters(publication);
        sal_signer_free(publication->signer);
        publication->signer = NULL;
}

void sal_publication_free(struct sal_publication *publication) {
        if (!publication)
                return;
        sal_publication_stop(publication);
        if (publication->service && publication->service->publication == publication)
                publication->service->publication = NULL;
        sal_view_unref(publication->view);
        sal_view_unref(publication->last);
        sal_trust_store_unref(publication->trust);
        sal_key_set_done(&publication->online_keys);
        free(publication->public_dir);
        free((char *)(uintptr_t)publication->signer_config.root_path);
        free((char *)(uintptr_t)publication->signer_config.marks_dir);
        for (size_t i = 0; i < SAL_SIGNER_MAX_KEYS; i++)
                free((char *)(uintptr_t)publication->key_paths[i]);
        pthread_cond_destroy(&publication->wake);
        pthread_mutex_destroy(&publication->marking);
        pthread_mutex_destroy(&publication->lock);
        free(publication);
}
