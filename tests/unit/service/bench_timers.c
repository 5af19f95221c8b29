/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What deadlines, reports, relapses and offers cost a ledger that holds ten thousand pending offers and one that holds
 * ten million, and what its restart costs. The timers of all of them stand in one index of the ledger (offer_due).
 *
 *   bench_timers [-d FOLDER] [-j FILE] [-c MB] [SIZE…]     sizes: 10000 and 10000000; FOLDER: TMPDIR or /var/tmp
 *
 * The ledger is filled with the functions of the store, 50,000 offers in a transaction, without the polls behind them;
 * everything that is measured goes the way that salvord takes: jobs, hooks and the commit with its sync, in batches of
 * 50, with a virtual clock. CPU is that of the ledger's thread, the kernel's part included. What it costs to carry the
 * log over to the file afterwards, which salvord does when nothing else waits, is shown apart.
 * With the ledger's own cache of 64 MB ten million offers do not fit in, ten thousand do; -c gives it another size
 * after the restart, and reads the whole file once, to tell the depth of the trees from the size of the cache. A file
 * of ten million offers takes some 7 GB of disk; it is removed.
 */
#include "stopwatch.h"

#include <getopt.h>
#include <sys/statvfs.h>

enum {
        SEED_SHARE = 500, /* one offer of 500 has succeeded: enough for room and a second stage */
        SOAK_S = HOUR,
        DISK_BYTES_PER_OFFER = 1500, /* bound for the check of free space: file and log */
        NEXT_DUE_QUESTIONS = 1000,
};

/* A machine that holds a pending offer that nobody has touched, anywhere in the ledger but not among those that will
 * fall due first. Numbers of offers, not places. */
static int64_t take_offer(struct bench *b) {
        int64_t half = b->offers / 2;
        return b->seeds + half + b->next++ * INT64_C(7919) % half;
}

static int64_t machine_of(const struct bench *b, int64_t offer) {
        return offer_number(b, 1, offer).machine_row - 1;
}

static void run_jobs(struct bench *b, struct world_job jobs[static BATCH], struct stopwatch *watch) {
        for (int i = 0; i < BATCH; i++)
                world_queue(&jobs[i]);
        watch_start(watch);
        run_batch(b);
        watch_stop(watch, BATCH);
        for (int i = 0; i < BATCH; i++)
                assert_ok(jobs[i].status);
}

/* ---- reports ---- */

static void send_reports(struct bench *b, const int64_t *offers, const char *stage, struct stopwatch *watch) {
        static struct report_call calls[BATCH];
        static struct world_job jobs[BATCH];
        static char names[BATCH][SAL_MACHINE_ID_BYTES];
        for (int i = 0; i < BATCH; i++) {
                name_machine(machine_of(b, offers[i]), names[i]);
                calls[i] = (struct report_call){.machine = names[i], .identity = {.kind = SAL_IDENTITY_CERTIFICATE}};
                fill_report(&calls[i].report, offers[i] + 1, stage, NULL);
                jobs[i] = (struct world_job){.w = &b->w, .run = report_job, .arg = &calls[i]};
        }
        run_jobs(b, jobs, watch);
        for (int i = 0; i < BATCH; i++) {
                if (!calls[i].report.accepted)
                        fail_msg("a report of %s is not accepted: %s", stage, calls[i].report.state);
                sal_report_done(&calls[i].report);
        }
}

static void take_offers(struct bench *b, int64_t ret[static BATCH]) {
        for (int i = 0; i < BATCH; i++)
                ret[i] = take_offer(b);
}

static void measure_reports(struct bench *b, const char *stage, const char *what, int64_t ret[][BATCH]) {
        struct stopwatch watch = {.bench = b};
        for (int n = 0; n < BATCHES; n++) {
                take_offers(b, ret[n]);
                send_reports(b, ret[n], stage, &watch);
        }
        keep(&watch, what);
}

/* ---- polls ---- */

static void send_polls(struct bench *b, int64_t machines[static BATCH], const char *boot, enum sal_reason expected,
                       struct stopwatch *watch) {
        static struct sal_poll polls[BATCH];
        static struct world_job jobs[BATCH];
        for (int i = 0; i < BATCH; i++) {
                char name[SAL_MACHINE_ID_BYTES], facts[128];
                name_machine(machines[i], name);
                facts_of(machines[i], facts);
                fill_poll(&polls[i], &(struct ask){.machine = name, .boot = boot, .facts = facts});
                jobs[i] = (struct world_job){.w = &b->w, .run = poll_job, .arg = &polls[i]};
        }
        run_jobs(b, jobs, watch);
        for (int i = 0; i < BATCH; i++) {
                if (polls[i].answer.reason != expected)
                        fail_msg("machine %" PRId64 " was told %s", machines[i],
                                 sal_reason_name(polls[i].answer.reason));
                sal_poll_done(&polls[i]);
        }
}

static void measure_relapses(struct bench *b, int64_t applied[][BATCH]) {
        struct stopwatch watch = {.bench = b};
        for (int n = 0; n < BATCHES; n++) {
                int64_t machines[BATCH];
                for (int i = 0; i < BATCH; i++)
                        machines[i] = machine_of(b, applied[n][i]);
                send_polls(b, machines, "boot-2", SAL_REASON_ATTEMPTS_EXHAUSTED, &watch);
        }
        keep(&watch, "relapse, found by a poll");
}

/* Machines that the ledger has never seen, of the open rings. */
static int64_t newcomer(struct bench *b) {
        const struct sal_campaign *campaign = live_of(&b->w, "fix")->launch->campaign;
        for (;;) {
                char name[SAL_MACHINE_ID_BYTES];
                int64_t number = b->seeds + b->offers + b->newcomers++;
                name_machine(number, name);
                if (sal_ring_of(&campaign->plan, campaign->id, name, NULL) < 2)
                        return number;
        }
}

static void measure_new_offers(struct bench *b) {
        struct stopwatch watch = {.bench = b};
        for (int n = 0; n < BATCHES; n++) {
                int64_t machines[BATCH];
                for (int i = 0; i < BATCH; i++)
                        machines[i] = newcomer(b);
                send_polls(b, machines, "boot-1", SAL_REASON_OFFERED, &watch);
        }
        keep(&watch, "new offer, to a new machine");
}

/* ---- timers ---- */

static void step_ms(int64_t ms) {
        world_wall_ms += ms;
        world_mono_ms += ms;
}

/* The campaign's served time now. */
static int64_t served_ms(const struct bench *b, const struct sal_live *live) {
        const struct sal_engine *engine = b->w.service->engine;
        return engine->served_base_ms + world_mono_ms - engine->mono_base_ms - live->row.served_offset_ms;
}

/* Soaks that end: of offers that were applied one second after another, a batch each. */
static void measure_soaks(struct bench *b) {
        struct stopwatch watch = {.bench = b}, unwatched = {.bench = b};
        for (int n = 0; n < BATCHES; n++) {
                int64_t offers[BATCH];
                take_offers(b, offers);
                step_ms(SECOND_MS);
                send_reports(b, offers, "applied", &unwatched);
        }
        step_ms((SOAK_S - BATCHES) * INT64_C(1000));
        const struct sal_live *live = live_of(&b->w, "fix");
        for (int n = 0; n < BATCHES; n++) {
                int64_t before = live->row.succeeded;
                step_ms(SECOND_MS);
                watch_start(&watch);
                run_batch(b);
                watch_stop(&watch, BATCH);
                if (live->row.succeeded - before != BATCH)
                        fail_msg("%" PRId64 " soaks ended instead of %d", live->row.succeeded - before, BATCH);
        }
        keep(&watch, "soak that ends");
}

/* The first deadlines of all; whoever reported is not among them. */
static void measure_deadlines(struct bench *b) {
        struct stopwatch watch = {.bench = b};
        const struct sal_live *live = live_of(&b->w, "fix");
        step_ms(live->next_due_served_ms - 1 - served_ms(b, live));
        run_batch(b);
        if (live->row.silent)
                fail_msg("a deadline before its time");
        for (int n = 0; n < BATCHES; n++) {
                int64_t before = live->row.silent;
                step_ms(BATCH * GAP_MS);
                watch_start(&watch);
                run_batch(b);
                watch_stop(&watch, BATCH);
                if (live->row.silent - before != BATCH)
                        fail_msg("%" PRId64 " deadlines passed instead of %d", live->row.silent - before, BATCH);
        }
        keep(&watch, "deadline that passes");
}

static enum sal_status ask_next_due(struct sal_tx *tx, void *arg) {
        enum sal_status status = SAL_OK;
        for (int i = 0; status == SAL_OK && i < NEXT_DUE_QUESTIONS; i++) {
                int64_t served_ms;
                status = sal_offer_next_due(tx, *(int64_t *)arg, &served_ms);
        }
        return status;
}

static void measure_next_due(struct bench *b) {
        struct stopwatch watch = {.bench = b};
        int64_t row = live_of(&b->w, "fix")->row.row;
        for (int n = 0; n < BATCHES; n++) {
                watch_start(&watch);
                assert_ok(sal_ledger_run_now(b->w.ledger, ask_next_due, &row));
                watch_stop(&watch, NEXT_DUE_QUESTIONS);
        }
        keep(&watch, "finding the next timer");
}

/* ---- opening ---- */

static void open_ledger(struct bench *b) {
        struct world *w = &b->w;
        char path[128];
        struct sal_err err = {0};
        world_path(w, "ledger.db", path);
        struct sal_ledger_config config = {.path = path, .wall_ms = world_wall, .mono_ms = world_mono};
        if (sal_ledger_open(&config, &w->ledger, &err))
                fail_msg("%s", err.detail);
}

static void open_service(struct bench *b) {
        struct world *w = &b->w;
        char root[128], targets[128], policy[128];
        struct sal_err err = {0};
        world_path(w, "1.root.json", root);
        world_path(w, "1.targets.json", targets);
        world_path(w, "policy.json", policy);
        uint64_t filter_bits = 1 << 16;
        while (filter_bits < (uint64_t)b->offers * 16)
                filter_bits *= 2;
        struct sal_service_config config = {.state_dir = w->folder,
                                            .root_path = root,
                                            .targets_path = targets,
                                            .policy_path = policy,
                                            .filter_bits = filter_bits};
        if (sal_service_new(&config, w->ledger, &w->service, &err))
                fail_msg("%s", err.detail);
        w->ledger->hooks = sal_service_hooks;
        w->ledger->hooks.arg = w->service->engine;
        sal_service_set_ready(w->service, true);
}

static void note_seconds(struct bench *b, const char *what, double begun_cpu_s, int64_t begun_us) {
        double cpu_s = cpu_seconds() - begun_cpu_s, wall_s = (double)(sal_clock_mono_us() - begun_us) / 1e6;
        json_object_set_new(b->json, what, json_pack("{s:f,s:f}", "cpu_s", cpu_s, "wall_s", wall_s));
        printf("  %-34s %9.3f s CPU  %9.3f s wall\n", what, cpu_s, wall_s);
        fflush(stdout);
}

/* The engine asks for further batches until it has counted the fleet. */
static void run_until_rest(struct bench *b) {
        while (!world_at_rest(&b->w))
                run_batch(b);
}

/* As after a stop in good order: the log is carried over at the close. */
static void measure_restart(struct bench *b) {
        world_close(&b->w);
        double cpu_s = cpu_seconds();
        int64_t begun_us = sal_clock_mono_us();
        open_ledger(b);
        note_seconds(b, "restart: the file is open", cpu_s, begun_us);
        open_service(b);
        note_seconds(b, "restart: the state is loaded", cpu_s, begun_us);
        sal_batch_run(b->w.ledger);
        note_seconds(b, "restart: first batch committed", cpu_s, begun_us);
        run_until_rest(b);
        note_seconds(b, "restart: fleet counted again", cpu_s, begun_us);
}

static void widen_cache(struct bench *b, int64_t mb) {
        char text[64];
        snprintf(text, sizeof text, "PRAGMA cache_size = -%" PRId64, mb * 1024);
        if (sqlite3_exec(b->w.ledger->db, text, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s: %s", text, sqlite3_errmsg(b->w.ledger->db));
        static const char *const reads[] = {
                "SELECT sum(length(boot_id)) FROM offer NOT INDEXED",
                "SELECT sum(length(facts)) FROM machine NOT INDEXED",
                "SELECT count(*) FROM offer INDEXED BY offer_state WHERE campaign_row > 0",
                "SELECT count(*) FROM offer INDEXED BY offer_machine WHERE machine_row > 0",
                "SELECT count(*) FROM offer INDEXED BY offer_campaign WHERE campaign_row > 0",
                "SELECT sum(due_served_ms) FROM offer INDEXED BY offer_due WHERE due_kind <> 0",
                "SELECT count(*) FROM machine INDEXED BY machine_standing WHERE deleted = 0",
                "SELECT count(id) FROM machine WHERE id > ''",
                "SELECT sum(v0) FROM tally",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(reads); i++)
                sql_int(&b->w, reads[i]);
}

/* ---- the whole ---- */

static int64_t file_bytes(const struct bench *b) {
        struct stat info;
        char path[128];
        world_path(&b->w, "ledger.db", path);
        return stat(path, &info) == 0 ? info.st_size : 0;
}

static void check_space(const char *folder, int64_t offers) {
        struct statvfs info;
        int64_t wanted = offers * DISK_BYTES_PER_OFFER;
        if (statvfs(folder, &info) != 0 || (int64_t)(info.f_bavail * info.f_frsize) < wanted) {
                fprintf(stderr, "bench_timers: %s has no room for %" PRId64 " MB\n", folder, wanted >> 20);
                exit(EXIT_FAILURE);
        }
}

static json_t *measure(const char *folder, int64_t cache_mb, int64_t offers) {
        struct bench b = {.offers = offers, .seeds = offers / SEED_SHARE, .runs = offers > 1000000 ? 1000 : 100};
        static int64_t applied[BATCHES][BATCH], failed[BATCHES][BATCH];
        check_space(folder, offers);
        b.json = json_pack("{s:I}", "offers", (json_int_t)offers);
        snprintf(b.w.folder, sizeof b.w.folder, "%.40s/salvor-bench-XXXXXX", folder);
        if (!mkdtemp(b.w.folder)) {
                fprintf(stderr, "bench_timers: cannot make a folder in %s\n", folder);
                exit(EXIT_FAILURE);
        }
        world_wall_ms = world_birth_ms;
        world_mono_ms = 5000;
        printf("%" PRId64 " pending offers\n", offers);
        world_trust(&b.w);
        open_ledger(&b);
        open_service(&b);
        sal_batch_run(b.w.ledger);
        double cpu_s = cpu_seconds();
        int64_t begun_us = sal_clock_mono_us();
        fill(&b);
        note_seconds(&b, "filled", cpu_s, begun_us);
        measure_restart(&b);
        json_object_set_new(b.json, "file_bytes", json_integer(file_bytes(&b)));
        printf("  %-34s %9.1f MB\n", "file", (double)file_bytes(&b) / 1e6);
        if (cache_mb)
                widen_cache(&b, cache_mb);
        measure_next_due(&b);
        measure_reports(&b, "applied", "report: applied", applied);
        measure_relapses(&b, applied);
        measure_reports(&b, "failed", "report: failed", failed);
        measure_new_offers(&b);
        measure_soaks(&b);
        measure_deadlines(&b);
        assert_state(&b.w, "fix", "active");
        world_close(&b.w);
        for (int i = 0; i < 2; i++)
                sal_private_key_free(b.w.authors[i]);
        sal_private_key_free(b.w.root);
        sal_private_key_free(b.w.online);
        json_decref(b.w.json);
        nftw(b.w.folder, world_remove, 8, FTW_DEPTH | FTW_PHYS);
        return b.json;
}

static double of(const json_t *size, const char *what) {
        return json_real_value(json_object_get(json_object_get(size, what), "cpu_us"));
}

/* The largest size against the smallest. */
static json_t *ratios(const json_t *sizes) {
        const json_t *small = json_array_get(sizes, 0), *large = json_array_get(sizes, json_array_size(sizes) - 1);
        json_t *json = json_object();
        const char *what;
        json_t *value;
        printf("%-36s %12" JSON_INTEGER_FORMAT " %12" JSON_INTEGER_FORMAT " %8s\n", "us CPU per operation",
               json_integer_value(json_object_get(small, "offers")),
               json_integer_value(json_object_get(large, "offers")), "ratio");
        json_object_foreach ((json_t *)(uintptr_t)small, what, value) {
                if (!json_object_get(value, "cpu_us"))
                        continue;
                double ratio = of(large, what) / of(small, what);
                printf("%-36s %12.1f %12.1f %8.2f\n", what, of(small, what), of(large, what), ratio);
                json_object_set_new(json, what, json_real(ratio));
        }
        return json;
}

int main(int argc, char **argv) {
        const char *folder = getenv("TMPDIR"), *json_path = NULL;
        int64_t cache_mb = 0;
        sal_autojson json_t *sizes = json_array();
        for (int option; (option = getopt(argc, argv, "c:d:j:")) != -1;) {
                if (option == 'c' && atoll(optarg) > 0 && atoll(optarg) <= INT32_MAX)
                        cache_mb = atoll(optarg);
                else if (option == 'd')
                        folder = optarg;
                else if (option == 'j')
                        json_path = optarg;
                else
                        return SAL_EXIT_USAGE;
        }
        static const char *const usual[] = {"10000", "10000000"};
        int count = optind < argc ? argc - optind : (int)SAL_ARRAY_LEN(usual);
        for (int i = 0; i < count; i++) {
                int64_t offers = atoll(optind < argc ? argv[optind + i] : usual[i]);
                if (offers < 10000 || offers > 100000000 || offers % 10000) {
                        fprintf(stderr, "bench_timers: a size is a multiple of 10,000 up to 100,000,000\n");
                        return SAL_EXIT_USAGE;
                }
                json_array_append_new(sizes, measure(folder ? folder : "/var/tmp", cache_mb, offers));
        }
        sal_autojson json_t *all = json_pack("{s:O,s:o}", "sizes", sizes, "cpu_ratio", ratios(sizes));
        if (json_path && json_dump_file(all, json_path, JSON_INDENT(1) | JSON_REAL_PRECISION(4)) != 0) {
                fprintf(stderr, "bench_timers: cannot write %s\n", json_path);
                return SAL_EXIT_FAILED;
        }
        return SAL_EXIT_DONE;
}
