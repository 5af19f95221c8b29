/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/state.h"
#include "daemon/warn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
        WORKERS_MAX = 64,
        /* What workers have gathered goes to the ledger within a quarter of a second; a drain gives it that time. */
        DRAIN_MIN_MS = 500,
        DRAIN_LOOK_MS = 20,
        /* A terminal and a supervisor often send the same wish twice; only later than this it is a second one. */
        SECOND_SIGNAL_MS = 1000,
};

static int64_t number(const struct sal_conf *conf, enum sal_conf_key key) {
        return conf->values[key].number;
}

static const char *state_dir(const struct sal_daemon *daemon) {
        return daemon->started->values[SAL_CONF_STATE_DIR].text;
}

/* ---- state directory ---- */

static enum sal_status take_state_dir(struct sal_daemon *daemon, struct sal_err *reterr) {
        const char *dir = state_dir(daemon);
        char path[PATH_MAX];
        if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
                sal_fail(reterr, SAL_E_IO, "cannot create the state directory %.300s: %s", dir, strerror(errno));
                sal_err_hint(reterr, "create it for the user that salvord runs as, with mode 0700");
                return SAL_E_IO;
        }
        if ((size_t)snprintf(path, sizeof path, "%s/lock", dir) >= sizeof path)
                return sal_fail(reterr, SAL_E_CONFIG, "the state directory's path is too long");
        daemon->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (daemon->lock_fd < 0) {
                sal_fail(reterr, SAL_E_IO, "cannot open %.300s: %s", path, strerror(errno));
                sal_err_hint(reterr, "the state directory must belong to the user that salvord runs as");
                return SAL_E_IO;
        }
        if (flock(daemon->lock_fd, LOCK_EX | LOCK_NB) == 0) {
                sal_endpoints_remove(dir); /* of one that was killed */
                return SAL_OK;
        }
        close(daemon->lock_fd);
        daemon->lock_fd = -1;
        sal_fail(reterr, SAL_E_CONFLICT, "another salvord uses the state directory %.300s", dir);
        sal_err_hint(reterr, "stop it, or give this one a state_dir of its own");
        return SAL_E_CONFLICT;
}

/* ---- rooms ---- */

static enum sal_status open_ledger(struct sal_daemon *daemon, struct sal_err *reterr) {
        const struct sal_conf *conf = daemon->started;
        char path[PATH_MAX];
        if ((size_t)snprintf(path, sizeof path, "%s/salvor.db", state_dir(daemon)) >= sizeof path)
                return sal_fail(reterr, SAL_E_CONFIG, "the state directory's path is too long");
        enum sal_status status = sal_state_check_ledger(state_dir(daemon), path, daemon->wishes.new_ledger, reterr);
        if (status)
                return status;
        daemon->published_before = daemon->wishes.new_ledger || access(path, F_OK) == 0;
        struct sal_ledger_config config = {
                .path = path,
                .queue_max = {[SAL_LANE_ADMIN] = (unsigned)number(conf, SAL_CONF_QUEUE_ADMIN_MAX),
                              [SAL_LANE_REPORT] = (unsigned)number(conf, SAL_CONF_QUEUE_REPORT_MAX),
                              [SAL_LANE_POLL] = (unsigned)number(conf, SAL_CONF_QUEUE_POLL_MAX)},
                .batch_max = (unsigned)number(conf, SAL_CONF_BATCH_MAX),
        };
        return sal_ledger_open(&config, &daemon->ledger, reterr);
}

static enum sal_status make_service(struct sal_daemon *daemon, struct sal_err *reterr) {
        const struct sal_conf *conf = daemon->started;
        struct sal_service_config config = {
                .state_dir = state_dir(daemon),
                .root_path = conf->values[SAL_CONF_ROOT].text,
                .targets_path = conf->values[SAL_CONF_TARGETS].text,
                .policy_path = conf->values[SAL_CONF_POLICY].text,
                .anonymous_poll = number(conf, SAL_CONF_ANONYMOUS_POLL) != 0,
                .anonymous_offers_max = number(conf, SAL_CONF_ANONYMOUS_OFFERS_MAX),
                .filter_bits = (uint64_t)number(conf, SAL_CONF_FILTER_BITS),
                .poll_after_seconds = number(conf, SAL_CONF_POLL_AFTER_SECONDS),
                .give_up_after_seconds = number(conf, SAL_CONF_GIVE_UP_AFTER_SECONDS),
                .new_token_key = daemon->wishes.new_token_key,
        };
        return sal_service_new(&config, daemon->ledger, &daemon->service, reterr);
}

static struct sal_http_plane_config plane_config(struct sal_daemon *daemon, enum sal_plane plane,
                                                 const struct sal_plane_material *material) {
        static const struct {
                const struct sal_http_route *routes;
                const size_t *count;
        } routes[SAL_PLANES] = {
                [SAL_PLANE_MACHINE] = {sal_api_machine_routes, &sal_api_machine_route_count},
                [SAL_PLANE_ADMIN] = {sal_api_admin_routes, &sal_api_admin_route_count},
                [SAL_PLANE_OPS] = {sal_api_ops_routes, &sal_api_ops_route_count},
        };
        const struct sal_conf_value *values = daemon->started->planes[plane].values;
        return (struct sal_http_plane_config){
                .name = sal_plane_name(plane),
                .address = values[SAL_CONF_ADDRESS].text,
                .port = (uint16_t)values[SAL_CONF_PORT].number,
                .tls = plane != SAL_PLANE_OPS,
                .certificate_pem = material->certificate_pem,
                .key_pem = material->key_pem,
                .client_ca_pem = material->client_ca_pem,
                .all_workers = plane == SAL_PLANE_MACHINE,
                .connections_max = (unsigned)values[SAL_CONF_CONNECTIONS_MAX].number,
                .held_max = (unsigned)values[SAL_CONF_HELD_MAX].number,
                .unauthenticated_per_address_max = (unsigned)values[SAL_CONF_UNAUTHENTICATED_MAX].number,
                .idle_timeout_seconds = (unsigned)values[SAL_CONF_IDLE_TIMEOUT_SECONDS].number,
                .header_max_bytes = (unsigned)values[SAL_CONF_HEADER_MAX_BYTES].number,
                .body_max_bytes = (uint64_t)values[SAL_CONF_BODY_MAX_BYTES].number,
                .routes = routes[plane].routes,
                .route_count = *routes[plane].count,
                .data = &daemon->api,
                .error_reply = sal_api_error_reply,
        };
}

static unsigned worker_count(const struct sal_conf *conf) {
        int64_t asked = number(conf, SAL_CONF_WORKERS);
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        int64_t count = asked > 0 ? asked : processors > 0 ? processors : 1;
        return (unsigned)(count < WORKERS_MAX ? count : WORKERS_MAX);
}

static enum sal_status make_http(struct sal_daemon *daemon, const struct sal_material *material,
                                 struct sal_err *reterr) {
        struct sal_http_config config = {.workers = worker_count(daemon->started), .plane_count = SAL_PLANES};
        if (sal_api_init(&daemon->api, daemon->service, config.workers))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for %u workers", config.workers);
        for (enum sal_plane plane = 0; plane < SAL_PLANES; plane++)
                config.planes[plane] = plane_config(daemon, plane, &material->planes[plane]);
        enum sal_status status = sal_http_server_new(&config, &daemon->http, reterr);
        /* The files were found good before: what is left is a port that is taken, which a later start may find free. */
        if (status == SAL_E_CONFIG) {
                status = SAL_E_IO;
                if (reterr)
                        reterr->status = status;
        }
        if (!status)
                sal_api_attach(&daemon->api, daemon->http);
        return status;
}

enum sal_status sal_daemon_set_operators(struct sal_daemon *daemon, struct sal_operators *operators_take) {
        struct sal_operators_kept *kept = calloc(1, sizeof *kept);
        if (!kept) {
                free(operators_take);
                return SAL_E_NOMEM;
        }
        *kept = (struct sal_operators_kept){.operators = operators_take, .next = daemon->kept};
        daemon->kept = kept;
        atomic_store(&daemon->api.operators, operators_take);
        return SAL_OK;
}

/* ---- publication ---- */

static void on_publication(void *arg, const char *event, const char *what, const char *remedy) {
        static const struct {
                const char *event;
                enum sal_log_level level;
        } levels[] = {{"publication.failing", SAL_LOG_ERROR},
                      {"publication.not_listed", SAL_LOG_WARNING},
                      {"publication.signer_restarted", SAL_LOG_WARNING},
                      {"publication.recovered", SAL_LOG_NOTICE}};
        enum sal_log_level level = SAL_LOG_INFO;
        (void)arg;
        for (size_t i = 0; i < SAL_ARRAY_LEN(levels); i++)
                if (strcmp(levels[i].event, event) == 0)
                        level = levels[i].level;
        if (*remedy)
                sal_log(level, event, SAL_F_STR("what", what), SAL_F_STR("remedy", remedy));
        else
                sal_log(level, event, SAL_F_STR("what", what));
}

/* The key's folder, or its default in the state directory. */
static bool folder_of(const struct sal_daemon *daemon, enum sal_conf_key key, const char *name,
                      char ret[static PATH_MAX]) {
        const char *given = daemon->started->values[key].text;
        int len = given ? snprintf(ret, PATH_MAX, "%s", given)
                        : snprintf(ret, PATH_MAX, "%s/%s", state_dir(daemon), name);
        return len < PATH_MAX;
}

/* The signer cannot log. */
static void warn_lost_marks(const struct sal_daemon *daemon, const char *marks_dir) {
        char path[PATH_MAX];
        int len = snprintf(path, sizeof path, "%s/%s", marks_dir, SAL_SIGNER_MARKS_FILE);
        if (daemon->published_before && len < (int)sizeof path && access(path, F_OK) < 0)
                sal_log(SAL_LOG_WARNING, "publication.marks_lost", SAL_F_STR("file", path),
                        SAL_F_STR("detail", "versions go on above all of the past: the minutes since 2020"));
}

/* Publishes once before the daemon says that it is ready. */
static enum sal_status start_publication(struct sal_daemon *daemon, struct sal_err *reterr) {
        const struct sal_conf_value *values = daemon->started->values;
        const char *keys[2] = {values[SAL_CONF_ONLINE_KEY].text, values[SAL_CONF_ONLINE_KEY_NEXT].text};
        char marks_dir[PATH_MAX], public_dir[PATH_MAX];
        if (!folder_of(daemon, SAL_CONF_SIGNER_DIR, "signer", marks_dir) ||
            !folder_of(daemon, SAL_CONF_PUBLIC_DIR, "tuf", public_dir))
                return sal_fail(reterr, SAL_E_CONFIG, "the state directory's path is too long");
        const struct sal_signer_config signer = {.root_path = values[SAL_CONF_ROOT].text,
                                                 .key_paths = keys,
                                                 .key_count = keys[1] ? 2 : 1,
                                                 .marks_dir = marks_dir,
                                                 .resumed = daemon->published_before};
        warn_lost_marks(daemon, marks_dir);
        const struct sal_publication_config config = {
                .service = daemon->service, .signer = &signer, .public_dir = public_dir, .tell = on_publication};
        return sal_publication_start(&config, &daemon->publication, reterr);
}

/* ---- start ---- */

static enum sal_status announce(struct sal_daemon *daemon, struct sal_err *reterr) {
        char urls[SAL_PLANES][SAL_ENDPOINT_BYTES];
        for (enum sal_plane plane = 0; plane < SAL_PLANES; plane++)
                sal_endpoint_format(daemon->started->planes[plane].values[SAL_CONF_ADDRESS].text,
                                    sal_http_server_port(daemon->http, plane), plane != SAL_PLANE_OPS, urls[plane]);
        sal_service_set_ready(daemon->service, true);
        atomic_store(&daemon->api.ready, true);
        enum sal_status status = sal_endpoints_write(state_dir(daemon), urls, reterr);
        if (status)
                return status;
        sal_notify_ready("serving");
        sal_log(SAL_LOG_NOTICE, "daemon.ready", SAL_F_STR("release", SALVOR_VERSION),
                SAL_F_STR("machine", urls[SAL_PLANE_MACHINE]), SAL_F_STR("admin", urls[SAL_PLANE_ADMIN]),
                SAL_F_STR("ops", urls[SAL_PLANE_OPS]), SAL_F_INT("workers", daemon->api.worker_count));
        return SAL_OK;
}

static void close_all(struct sal_daemon *daemon) {
        if (daemon->ledger_runs)
                sal_ledger_stop(daemon->ledger);
        sal_publication_stop(daemon->publication); /* who waits for it is answered while the workers run */
        if (daemon->http)
                sal_http_server_stop(daemon->http);
        sal_http_server_free(daemon->http);
        sal_api_done(&daemon->api);
        sal_publication_free(daemon->publication);
        sal_service_free(daemon->service);
        sal_ledger_close(daemon->ledger);
        while (daemon->kept) {
                struct sal_operators_kept *next = daemon->kept->next;
                free(daemon->kept->operators);
                free(daemon->kept);
                daemon->kept = next;
        }
        if (daemon->lock_fd >= 0) {
                sal_endpoints_remove(state_dir(daemon));
                close(daemon->lock_fd);
        }
        if (daemon->live != daemon->started)
                sal_conf_free(daemon->live);
        sal_conf_free(daemon->started);
        *daemon = (struct sal_daemon){.lock_fd = -1};
}

enum sal_status sal_daemon_start(struct sal_daemon *daemon, struct sal_conf *conf_take,
                                 const struct sal_material *material, const struct sal_daemon_wishes *wishes,
                                 struct sal_err *reterr) {
        *daemon = (struct sal_daemon){.wishes = *wishes, .started = conf_take, .live = conf_take, .lock_fd = -1};
        daemon->trust = material->trust;
        enum sal_status status = take_state_dir(daemon, reterr);
        if (!status)
                status = open_ledger(daemon, reterr);
        if (!status)
                status = make_service(daemon, reterr);
        if (!status)
                status = make_http(daemon, material, reterr);
        if (!status) {
                size_t size = sizeof *material->operators + material->operators->count * sizeof(struct sal_operator);
                struct sal_operators *copy = malloc(size);
                if (copy)
                        memcpy(copy, material->operators, size);
                if (!copy || sal_daemon_set_operators(daemon, copy))
                        status = sal_fail(reterr, SAL_E_NOMEM, "no memory for the operators");
        }
        if (!status)
                status = start_publication(daemon, reterr);
        if (!status) {
                status = sal_service_start(daemon->service, reterr);
                daemon->ledger_runs = !status;
        }
        if (!status)
                status = sal_http_server_start(daemon->http, reterr);
        if (!status)
                status = announce(daemon, reterr);
        if (status) {
                close_all(daemon);
                return status;
        }
        sal_watchdog_init(&daemon->watchdog, daemon->ledger);
        return SAL_OK;
}

/* ---- stop ---- */

static int64_t drain_began_ms;

static bool second_signal(void) {
        return sal_clock_mono_ms() - drain_began_ms >= SECOND_SIGNAL_MS;
}

/* While the rooms close and nobody waits for signals. Reading a clock and _exit are safe here (signal-safety(7)). */
static void on_signal(int number_of_signal) {
        (void)number_of_signal;
        if (second_signal())
                _exit(SAL_EXIT_FAILED);
}

/* Waits until nothing is under way. False: a second signal asks to end at once. */
static bool wait_drained(struct sal_daemon *daemon, const sigset_t *ending) {
        const struct timespec look = {.tv_nsec = DRAIN_LOOK_MS * 1000000L};
        int64_t limit_ms = daemon->live->values[SAL_CONF_DRAIN_SECONDS].number * 1000;
        for (;;) {
                int64_t passed_ms = sal_clock_mono_ms() - drain_began_ms;
                unsigned under_way = sal_http_server_live(daemon->http);
                if (passed_ms >= limit_ms && under_way > 0)
                        sal_log(SAL_LOG_WARNING, "daemon.drain_cut", SAL_F_INT("requests", under_way));
                if (passed_ms >= limit_ms || (passed_ms >= DRAIN_MIN_MS && under_way == 0))
                        return true;
                if (sigtimedwait(ending, NULL, &look) > 0 && second_signal())
                        return false;
        }
}

void sal_daemon_stop(struct sal_daemon *daemon, const sigset_t *ending) {
        unsigned clients = (1U << SAL_PLANE_MACHINE) | (1U << SAL_PLANE_ADMIN);
        drain_began_ms = sal_clock_mono_ms();
        sal_notify_stopping(daemon->live->values[SAL_CONF_DRAIN_SECONDS].number);
        sal_log(SAL_LOG_NOTICE, "daemon.draining", SAL_F_INT("requests", sal_http_server_live(daemon->http)));
        atomic_store(&daemon->api.ready, false);
        sal_endpoints_remove(state_dir(daemon));
        sal_service_set_ready(daemon->service, false);
        sal_api_drain(&daemon->api);
        sal_http_server_drain(daemon->http, clients);
        if (!wait_drained(daemon, ending)) {
                /* Everything that was answered is on disk already; the ledger recovers its log at the next start. */
                sal_log(SAL_LOG_WARNING, "daemon.ended_at_once", SAL_F_STR("why", "a second signal"));
                _exit(SAL_EXIT_FAILED);
        }
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGINT, &action, NULL);
        pthread_sigmask(SIG_UNBLOCK, ending, NULL);
        close_all(daemon);
        sal_log(SAL_LOG_NOTICE, "daemon.stopped", SAL_F_STR("release", SALVOR_VERSION));
}
