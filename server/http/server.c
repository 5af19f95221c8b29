/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include "base/encode.h"
#include "base/mem.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- configuration ---- */

static unsigned either(unsigned value, unsigned fallback) {
        return value ? value : fallback;
}

static void defaults_fill(struct sal_http_plane_config *config) {
        bool machine = strcmp(config->name, "machine") == 0;
        config->connections_max = either(config->connections_max, machine ? 16000 : 256);
        config->held_max = either(config->held_max, 15000);
        unsigned half = config->connections_max / 2;
        config->unauthenticated_per_address_max = either(config->unauthenticated_per_address_max, half ? half : 1);
        config->idle_timeout_seconds = either(config->idle_timeout_seconds, 60);
        config->header_max_bytes = either(config->header_max_bytes, 8192);
        config->body_max_bytes = config->body_max_bytes ? config->body_max_bytes : 65536;
        config->certificate_pem = config->key_pem = config->client_ca_pem = NULL; /* borrowed for the call only */
}

static enum sal_status limits_check(const struct sal_http_plane_config *config, struct sal_err *reterr) {
        if (config->idle_timeout_seconds > 3600)
                return sal_fail(reterr, SAL_E_CONFIG, "%s: the idle timeout is over 3600 seconds", config->name);
        if (config->header_max_bytes < 1024 || config->header_max_bytes > 65536)
                return sal_fail(reterr, SAL_E_CONFIG, "%s: the header limit is not in 1024..65536 bytes", config->name);
        if (config->connections_max > 1000000)
                return sal_fail(reterr, SAL_E_CONFIG, "%s: more than 1000000 connections", config->name);
        return SAL_OK;
}

static enum sal_status plane_open(struct sal_http_server *server, const struct sal_http_plane_config *config,
                                  struct sal_err *reterr) {
        struct sal_http_plane *plane = &server->planes[server->plane_count];
        plane->server = server;
        plane->index = (unsigned)server->plane_count++;
        plane->config = *config;
        plane->port = config->port;
        plane->stats = sal_http_stats(config->name);
        pthread_mutex_init(&plane->tls_lock, NULL);
        pthread_mutex_init(&plane->addresses.lock, NULL);
        defaults_fill(&plane->config);
        enum sal_status status = limits_check(&plane->config, reterr);
        if (status == SAL_OK && config->tls)
                status = sal_http_tls_new(config->certificate_pem, config->key_pem, config->client_ca_pem, &plane->tls,
                                          reterr);
        if (status == SAL_OK)
                status = sal_http_router_new(config->routes, config->route_count, &plane->router, reterr);
        return status;
}

static void plane_close(struct sal_http_plane *plane) {
        sal_http_tls_unref(plane->tls);
        sal_http_router_free(plane->router);
        sal_http_addresses_done(&plane->addresses);
        pthread_mutex_destroy(&plane->addresses.lock);
        pthread_mutex_destroy(&plane->tls_lock);
}

/* ---- life ---- */

static enum sal_status open_all(struct sal_http_server *server, const struct sal_http_config *config,
                                struct sal_err *reterr) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        unsigned wanted = config->workers ? config->workers : processors > 0 ? (unsigned)processors : 1;
        if (config->workers > SAL_HTTP_MAX_WORKERS || config->plane_count > SAL_HTTP_MAX_PLANES)
                return sal_fail(reterr, SAL_E_CONFIG, "workers must be 0..%d", SAL_HTTP_MAX_WORKERS);
        wanted = wanted < SAL_HTTP_MAX_WORKERS ? wanted : SAL_HTTP_MAX_WORKERS;
        for (size_t i = 0; i < config->plane_count; i++) {
                enum sal_status status = plane_open(server, &config->planes[i], reterr);
                if (status)
                        return status;
        }
        server->workers = calloc(wanted, sizeof *server->workers);
        if (!server->workers)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for %u workers", wanted);
        while (server->worker_count < wanted) {
                struct sal_http_worker *worker = &server->workers[server->worker_count];
                worker->server = server;
                worker->index = server->worker_count++;
                enum sal_status status = sal_http_worker_open(worker, reterr);
                if (status)
                        return status;
        }
        return SAL_OK;
}

enum sal_status sal_http_server_new(const struct sal_http_config *config, struct sal_http_server **ret,
                                    struct sal_err *reterr) {
        struct sal_http_server *server = calloc(1, sizeof *server);
        if (!server)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the HTTP server");
        pthread_mutex_init(&server->ready_lock, NULL);
        pthread_cond_init(&server->ready, NULL);
        sal_random(&server->id_prefix, sizeof server->id_prefix);
        enum sal_status status = open_all(server, config, reterr);
        if (status)
                sal_http_server_free(server);
        else
                *ret = server;
        return status;
}

uint16_t sal_http_server_port(const struct sal_http_server *server, size_t plane) {
        return plane < server->plane_count ? server->planes[plane].port : 0;
}

enum sal_status sal_http_server_start(struct sal_http_server *server, struct sal_err *reterr) {
        sigset_t all, before;
        unsigned started = 0;
        int error = 0;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's; SIGPIPE nobody's */
        for (; started < server->worker_count && error == 0; started += error == 0)
                error = pthread_create(&server->workers[started].thread, NULL, sal_http_worker_run,
                                       &server->workers[started]);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_mutex_lock(&server->ready_lock);
        while (server->ready_count < started)
                pthread_cond_wait(&server->ready, &server->ready_lock);
        pthread_mutex_unlock(&server->ready_lock);
        server->started_count = started;
        if (error == 0)
                return SAL_OK;
        sal_http_server_stop(server);
        return sal_fail(reterr, SAL_E_IO, "cannot start worker %u: %s", started, strerror(error));
}

void sal_http_server_stop(struct sal_http_server *server) {
        for (unsigned i = 0; i < server->started_count; i++)
                sal_http_worker_post_stop(&server->workers[i]);
        for (unsigned i = 0; i < server->started_count; i++)
                pthread_join(server->workers[i].thread, NULL);
        server->started_count = 0;
}

void sal_http_server_free(struct sal_http_server *server) {
        if (!server)
                return;
        sal_http_server_stop(server);
        for (unsigned i = 0; i < server->worker_count; i++)
                sal_http_worker_close(&server->workers[i]);
        free(server->workers);
        for (size_t i = 0; i < server->plane_count; i++)
                plane_close(&server->planes[i]);
        pthread_cond_destroy(&server->ready);
        pthread_mutex_destroy(&server->ready_lock);
        free(server);
}

/* ---- while it runs ---- */

void sal_http_server_drain(struct sal_http_server *server, unsigned plane_mask) {
        for (size_t i = 0; i < server->plane_count; i++)
                if (plane_mask & (1U << i))
                        atomic_store(&server->planes[i].draining, true);
        for (unsigned i = 0; i < server->worker_count; i++)
                sal_http_worker_post_drain(&server->workers[i], plane_mask);
}

unsigned sal_http_server_live(const struct sal_http_server *server) {
        return atomic_load(&((struct sal_http_server *)(uintptr_t)server)->live);
}

void sal_http_each_worker(struct sal_http_server *server, void (*fn)(struct sal_http_worker *worker, void *arg),
                          void *arg) {
        /* A call that got lost would leave a worker with an old snapshot for ever: there is nothing safe to do. */
        for (unsigned i = 0; i < server->worker_count; i++)
                if (sal_http_worker_post(&server->workers[i], fn, arg) != SAL_OK)
                        abort();
}

unsigned sal_http_worker_count(const struct sal_http_server *server) {
        return server->worker_count;
}

void sal_http_worker_set_data(struct sal_http_server *server, unsigned index, void *data) {
        if (index < server->worker_count)
                server->workers[index].data = data;
}

void *sal_http_worker_data(const struct sal_http_worker *worker) {
        return worker->data;
}

void sal_http_worker_every(struct sal_http_server *server, unsigned index, int64_t interval_ms,
                           void (*fn)(struct sal_http_worker *worker, void *arg), void *arg) {
        struct sal_http_worker *worker = index < server->worker_count ? &server->workers[index] : NULL;
        if (!worker || worker->ticker_count == SAL_HTTP_MAX_TICKERS)
                return;
        worker->tickers[worker->ticker_count++] = (struct sal_http_ticker){
                .worker = worker, .interval_ms = interval_ms > 0 ? interval_ms : 1, .fn = fn, .arg = arg};
}
