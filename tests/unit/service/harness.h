/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Harness of the service's tests: a world with a ledger in a folder of its own, two authors, an operator, and time that
 * passes only when it is told to. Whole batches are played on the test's own thread, as the ledger's thread plays them,
 * with the service's hooks.
 *
 * Thread: the test's. Ownership: the world owns everything; world_done checks what must hold at any time (checks.h)
 * and removes the folder.
 */
#ifndef SAL_TESTS_SERVICE_HARNESS_H
#define SAL_TESTS_SERVICE_HARNESS_H

#include "base/clock.h"
#include "base/encode.h"
#include "ledger/internal.h"
#include "rollout/assign.h"
#include "rollout/replay.h"
#include "service/admin.h"
#include "service/engine.h"
#include "service/machine_plane.h"
#include "trust/dsse.h"
#include "trust/tuf_roles.h"

#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FACTS "{\"model\":\"A\",\"os\":\"windows\",\"os_version\":\"10.0.1\"}"
/* One ring, no cohorts: for tests of something else than rings and cohorts. */
#define ONE_RING "\"rings\":[{\"name\":\"all\",\"share\":1,\"soak_seconds\":60,\"growth\":2}],\"cohorts\":[]"
#define PLAN(members) "{\"rollout\":{" members "}}"
#define ONE_RING_ROLLOUT "\"rollout\":{" ONE_RING "}"
#define SIMPLE "{" ONE_RING_ROLLOUT "}"

enum { SECOND_MS = 1000, MINUTE = 60, HOUR = 3600, DAY = 86400 };

/* 2024-07-19T06:00:00Z, unless a test sets another time before its worlds. */
static int64_t world_birth_ms = 1721368800000;
static int64_t world_wall_ms, world_mono_ms;

static int64_t world_wall(void) {
        return world_wall_ms;
}

static int64_t world_mono(void) {
        return world_mono_ms;
}

struct world {
        char folder[64];
        struct sal_ledger *ledger;
        struct sal_service *service;
        struct sal_private_key *authors[2], *root, *online;
        bool anonymous_poll;
        int64_t anonymous_offers_max;
        /* Of the last call. */
        struct sal_err err;
        json_t *json;
        bool keeps;
        atomic_int changes; /* calls of on_change */
};

#define assert_ok(expression)                                                            \
        do {                                                                             \
                enum sal_status status_ = (expression);                                  \
                if (status_ != SAL_OK)                                                   \
                        fail_msg("%s: %s", #expression, sal_status_info(status_)->name); \
        } while (0)

static inline void world_path(const struct world *w, const char *name, char ret[static 128]) {
        snprintf(ret, 128, "%s/%s", w->folder, name);
}

static inline void world_write(const struct world *w, const char *name, const char *bytes, size_t len) {
        char path[128];
        world_path(w, name, path);
        sal_autofclose FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, len, file), len);
}

/* ---- trust: a root of one key, an online key, two authors who both have to sign everything ---- */

static inline void world_trust(struct world *w) {
        assert_ok(sal_private_key_generate(SAL_KEY_ED25519, &w->root, NULL));
        assert_ok(sal_private_key_generate(SAL_KEY_ED25519, &w->online, NULL));
        const struct sal_private_key *signer = w->root;
        const struct sal_public_key *key = sal_private_key_public(w->root);
        const struct sal_public_key *online = sal_private_key_public(w->online);
        struct sal_tuf_root_spec spec = {.version = 1, .expires_ms = world_birth_ms + 365 * INT64_C(86400000)};
        for (int role = 0; role < SAL_TUF_ROLES; role++) {
                spec.roles[role].keys = role == SAL_TUF_ROOT || role == SAL_TUF_TARGETS ? &key : &online;
                spec.roles[role].key_count = 1;
                spec.roles[role].threshold = 1;
        }
        sal_autobuf struct sal_buf root = SAL_BUF_INIT;
        assert_ok(sal_tuf_root_build(&spec, &signer, 1, &root, NULL));
        world_write(w, "1.root.json", root.data, root.len);
        json_t *authors = json_array(), *names = json_array();
        for (int i = 0; i < 2; i++) {
                assert_ok(sal_private_key_generate(SAL_KEY_ED25519, &w->authors[i], NULL));
                const struct sal_public_key *author = sal_private_key_public(w->authors[i]);
                const char *name = i ? "eve" : "adam";
                json_array_append_new(
                        authors, json_pack("{s:s,s:s,s:s,s:s,s:s}", "name", name, "keyid", sal_public_key_id(author),
                                           "keytype", sal_public_key_keytype(author), "scheme",
                                           sal_public_key_scheme(author), "public", sal_public_key_text(author)));
                json_array_append_new(names, json_string(name));
        }
        sal_autojson json_t *policy = json_pack("{s:s,s:o,s:[{s:s,s:[s],s:o,s:i}],s:[s]}", "schema", SAL_POLICY_SCHEMA,
                                                "authors", authors, "classes", "name", "files", "kinds", "delete_file",
                                                "authors", names, "threshold", 2, "revoked", "revoked-one");
        sal_autofree char *text = sal_json_dump(policy);
        world_write(w, "policy.json", text, strlen(text));
        const struct sal_tuf_targets_spec targets = {.version = 1,
                                                     .expires_ms = spec.expires_ms,
                                                     .policy = text,
                                                     .policy_len = strlen(text),
                                                     .keys = &online,
                                                     .key_count = 1,
                                                     .threshold = 1};
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        assert_ok(sal_tuf_targets_build(&targets, &signer, 1, &file, NULL));
        world_write(w, "1.targets.json", file.data, file.len);
}

/* ---- opening and closing ---- */

static inline void world_changed(void *arg) {
        ((struct world *)arg)->changes++;
}

static inline bool world_at_rest(const struct world *w) {
        return sal_service_hooks.next_wake_ms(w->service->engine) != 0;
}

/* A batch with whatever is queued, then those that the engine asks for at once. */
static inline void world_batch(struct world *w) {
        sal_batch_run(w->ledger);
        for (int n = 0; w->ledger->failures == 0 && !world_at_rest(w); n++) {
                if (n == 1000)
                        fail_msg("the engine asks for batches without end");
                sal_batch_run(w->ledger);
        }
}

static inline void world_open(struct world *w) {
        char path[128], root[128], targets[128], policy[128];
        struct sal_err err = {0};
        world_path(w, "ledger.db", path);
        world_path(w, "1.root.json", root);
        world_path(w, "1.targets.json", targets);
        world_path(w, "policy.json", policy);
        struct sal_ledger_config ledger = {.path = path, .wall_ms = world_wall, .mono_ms = world_mono};
        struct sal_service_config service = {.state_dir = w->folder,
                                             .root_path = root,
                                             .targets_path = targets,
                                             .policy_path = policy,
                                             .anonymous_poll = w->anonymous_poll,
                                             .anonymous_offers_max = w->anonymous_offers_max,
                                             .filter_bits = 1 << 16};
        if (sal_ledger_open(&ledger, &w->ledger, &err) || sal_service_new(&service, w->ledger, &w->service, &err))
                fail_msg("%s", err.detail);
        w->service->on_change = world_changed;
        w->service->on_change_arg = w;
        w->ledger->hooks = sal_service_hooks;
        w->ledger->hooks.arg = w->service->engine;
        sal_service_set_ready(w->service, true);
        world_batch(w);
}

static inline void world_close(struct world *w) {
        sal_ledger_stop(w->ledger);
        sal_ledger_close(w->ledger);
        sal_service_free(w->service);
        w->ledger = NULL;
        w->service = NULL;
}

/* As after a crash: nothing is written by the way. */
static inline void world_restart(struct world *w) {
        world_close(w);
        world_open(w);
}

static inline int world_setup(void **state) {
        struct world *w = calloc(1, sizeof *w);
        const char *base = getenv("TMPDIR");
        snprintf(w->folder, sizeof w->folder, "%.40s/salvor-service-XXXXXX", base ? base : "/tmp");
        assert_non_null(mkdtemp(w->folder));
        world_wall_ms = world_birth_ms;
        world_mono_ms = 5000;
        world_trust(w);
        world_open(w);
        *state = w;
        return 0;
}

static inline int world_remove(const char *path, const struct stat *info, int type, struct FTW *ftw) {
        (void)info, (void)type, (void)ftw;
        return remove(path);
}

static inline void world_check(struct world *w);

static inline int world_done(void **state) {
        struct world *w = *state;
        world_check(w);
        world_close(w);
        json_decref(w->json);
        sal_private_key_free(w->root);
        sal_private_key_free(w->online);
        sal_private_key_free(w->authors[0]);
        sal_private_key_free(w->authors[1]);
        nftw(w->folder, world_remove, 8, FTW_DEPTH | FTW_PHYS);
        free(w);
        return 0;
}

/* ---- time ---- */

/* Both clocks go on; what has become due is done. */
static inline void pass(struct world *w, int64_t seconds) {
        world_wall_ms += seconds * SECOND_MS;
        world_mono_ms += seconds * SECOND_MS;
        world_batch(w);
}

/* ---- jobs ---- */

static inline void world_answer(void *arg, enum sal_status status) {
        *(enum sal_status *)arg = status;
}

struct world_job {
        enum sal_status status; /* first: what world_answer writes */
        struct world *w;
        enum sal_status (*run)(struct world *w, struct sal_tx *tx, void *arg);
        void *arg;
};

static inline enum sal_status world_run_job(struct sal_tx *tx, void *arg) {
        struct world_job *job = arg;
        return job->run(job->w, tx, job->arg);
}

/* Queues a job for the next batch; job must live until then. */
static inline void world_queue(struct world_job *job) {
        assert_ok(sal_ledger_submit(job->w->ledger, SAL_LANE_POLL, world_run_job, world_answer, job));
}

/* Runs it in a batch of its own. */
static inline enum sal_status world_run(struct world *w,
                                        enum sal_status (*run)(struct world *w, struct sal_tx *tx, void *arg),
                                        void *arg) {
        struct world_job job = {.w = w, .run = run, .arg = arg};
        world_queue(&job);
        world_batch(w);
        return job.status;
}

/* Who acts: the operator ann. */
static inline struct sal_act world_act(struct world *w, struct sal_tx *tx, const char *name) {
        json_decref(w->json);
        w->json = NULL;
        w->err = (struct sal_err){0};
        w->keeps = false;
        return (struct sal_act){.service = w->service, .tx = tx, .operator_name = name, .keeps = &w->keeps};
}

/* The live campaign in memory, NULL when it is none. */
static inline struct sal_live *live_of(struct world *w, const char *id) {
        for (size_t i = 0; i < w->service->engine->count; i++)
                if (strcmp(w->service->engine->live[i]->row.id, id) == 0)
                        return w->service->engine->live[i];
        return NULL;
}

#define assert_state(w, id, name)                                                     \
        do {                                                                          \
                const struct sal_live *live_ = live_of(w, id);                        \
                assert_non_null(live_);                                               \
                assert_string_equal(sal_campaign_state_name(live_->row.state), name); \
        } while (0)

/* The first column of the first row. */
static inline int64_t sql_int(struct world *w, const char *text) {
        sqlite3_stmt *statement = NULL;
        if (sqlite3_prepare_v2(w->ledger->db, text, -1, &statement, NULL) != SQLITE_OK)
                fail_msg("%s: %s", text, sqlite3_errmsg(w->ledger->db));
        int64_t value = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
        sqlite3_finalize(statement);
        return value;
}

#include "acts.h"
#include "replay.h"
/* After what it uses. */
#include "checks.h"

#endif
