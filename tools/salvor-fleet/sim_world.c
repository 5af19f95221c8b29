/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/sim_world.h"

#include "rollout/assign.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum kind { KIND_POLL, KIND_TICK, KIND_NEWS, KIND_RETURN, KIND_WAKE };
enum purpose { PURPOSE_OUTCOME = 2, PURPOSE_RELAPSE, PURPOSE_REBOOT, PURPOSE_COHORT = 16 };
enum { STOP_LOOK = 4096 };

/* A number of 0 to 1 that depends on the run, the machine and what it is for alone. */
static double chance(const struct sal_sim *sim, uint32_t machine, uint64_t purpose) {
        return sal_sim_unit(sal_sim_mix(sim->seed, (uint64_t)machine << 8 | purpose));
}

uint32_t sal_sim_value(const struct sal_sim *sim, uint32_t machine, size_t fact) {
        return (uint32_t)(chance(sim, machine, PURPOSE_COHORT + fact) * (double)sim->what->cohort_values);
}

static void push(struct sal_sim *sim, const struct sal_sim_event *event) {
        if (sal_sim_queue_push(&sim->queue, event))
                sim->failed = SAL_E_NOMEM;
}

void sal_sim_later(struct sal_sim *sim, uint32_t machine, enum sal_sim_news news, int64_t at_us) {
        sim->pending++;
        push(sim, &(struct sal_sim_event){.at_us = at_us,
                                          .machine = machine,
                                          .kind = KIND_NEWS,
                                          .news = (uint8_t)news,
                                          .attempt = sim->machines[machine].attempts});
}

void sal_sim_wake(struct sal_sim *sim, int64_t at_us) {
        if (at_us >= sim->wake_us)
                return;
        sim->wake_us = at_us;
        push(sim, &(struct sal_sim_event){.at_us = at_us, .kind = KIND_WAKE});
}

void sal_sim_return(struct sal_sim *sim, uint32_t machine) {
        double u = chance(sim, machine, PURPOSE_REBOOT);
        sim->pending++;
        push(sim, &(struct sal_sim_event){.at_us = sim->now_us + sal_sim_delay_us(&sim->what->reboot, u),
                                          .machine = machine,
                                          .kind = KIND_RETURN});
}

int64_t sal_sim_fresh(const struct sal_sim *sim, size_t rings) {
        int64_t fresh = 0;
        for (size_t ring = 0; ring < rings; ring++)
                fresh += sim->fresh[ring];
        return fresh;
}

/* Everybody but the held ones was offered the fix. */
static void note_released(struct sal_sim *sim) {
        if (sim->result.released_us < 0 && sal_sim_fresh(sim, sim->what->plan.ring_count) == 0)
                sim->result.released_us = sim->now_us;
}

void sal_sim_hold(struct sal_sim *sim, size_t fact, uint32_t value) {
        for (uint32_t m = 0; m < sim->what->machines; m++) {
                struct sal_sim_machine *machine = &sim->machines[m];
                if (machine->held || sal_sim_value(sim, m, fact) != value)
                        continue;
                machine->held = true;
                sim->fresh[machine->ring] -= machine->attempts == 0;
                sim->waiting -= machine->waits;
        }
        note_released(sim);
        sim->result.cohorts_held++;
        bool bad = sim->what->bad_cohort_fail >= 0 && fact == 0 && value == 0;
        sim->result.bad_held |= bad;
        sim->result.good_held |= !bad;
}

void sal_sim_halt(struct sal_sim *sim) {
        sim->stopped = true;
        sim->result.halted_us = sim->now_us;
}

void sal_sim_succeed(struct sal_sim *sim) {
        sim->result.succeeded++;
        sim->result.success_us = sim->now_us;
}

/* ---- lines of waiting machines ---- */

static bool waits_at_server(const struct sal_sim *sim) {
        return sim->what->polls_per_minute <= 0;
}

static struct sal_sim_line *line_of(struct sal_sim *sim, const struct sal_sim_machine *machine) {
        return &sim->lines[waits_at_server(sim) ? machine->ring : 0];
}

static void join(struct sal_sim *sim, uint32_t m) {
        struct sal_sim_machine *machine = &sim->machines[m];
        struct sal_sim_line *line = line_of(sim, machine);
        line->machines[(line->head + line->count++) % line->capacity] = m;
        machine->waits = true;
        sim->waiting += !machine->held;
}

static uint32_t leave(struct sal_sim *sim, struct sal_sim_line *line) {
        uint32_t m = line->machines[line->head];
        line->head = (line->head + 1) % line->capacity;
        line->count--;
        sim->machines[m].waits = false;
        sim->waiting -= !sim->machines[m].held;
        return m;
}

/* ---- offers ---- */

/* What the machine will do is settled now; only the times lie ahead. */
static void foresee(struct sal_sim *sim, uint32_t m) {
        const struct sal_sim_case *what = sim->what;
        struct sal_sim_machine *machine = &sim->machines[m];
        int64_t deadline_us = sim->now_us + what->plan.outcome_deadline_seconds * SAL_SIM_US_PER_SECOND;
        double u = chance(sim, m, PURPOSE_OUTCOME);
        enum sal_sim_news success = what->healthy ? SAL_SIM_NEWS_HEALTHY : SAL_SIM_NEWS_APPLIED, news = success;
        const struct sal_sim_delay *delay = &what->success;
        int64_t from_us = sim->now_us;
        bool speaks = true;
        switch ((enum sal_sim_fate)machine->fate) {
        case SAL_SIM_FAILS:
                news = SAL_SIM_NEWS_FAILED;
                delay = &what->failure;
                break;
        case SAL_SIM_SILENT:
                speaks = false;
                break;
        case SAL_SIM_LATE:
                delay = &what->late;
                from_us = deadline_us;
                break;
        case SAL_SIM_CYCLES:
                if (machine->attempts == 1) {
                        news = SAL_SIM_NEWS_REPOLLED;
                        delay = &what->cycle;
                }
                break;
        case SAL_SIM_GOOD:
        case SAL_SIM_RELAPSES:
                break;
        }
        int64_t at_us = from_us + sal_sim_delay_us(delay, u);
        if (!speaks || at_us >= deadline_us)
                sal_sim_later(sim, m, SAL_SIM_NEWS_DEADLINE, deadline_us);
        if (speaks)
                sal_sim_later(sim, m, news, at_us);
}

static void offer(struct sal_sim *sim, uint32_t m) {
        struct sal_sim_machine *machine = &sim->machines[m];
        if (machine->attempts++ == 0) {
                int64_t number = sim->result.offered++;
                machine->fate = (uint8_t)sal_sim_fate_of(sim->what, sim->seed, m, number, machine->bad);
                bool exposed = machine->bad || (sim->what->bad_cohort_fail < 0 && number >= sim->what->good_first);
                sim->result.exposed += exposed;
                sim->result.harmed += exposed && (machine->fate == SAL_SIM_FAILS || machine->fate == SAL_SIM_SILENT ||
                                                  machine->fate == SAL_SIM_RELAPSES);
                sim->fresh[machine->ring]--;
                note_released(sim);
        }
        machine->state = SAL_OFFER_OFFERED;
        machine->cause = SAL_CAUSE_NONE;
        sim->taken_us = sim->now_us;
        foresee(sim, m);
        sim->ops->offered(sim, m);
}

/* The next machine of a fleet that polls: it takes an offer or goes on waiting. */
static void poll(struct sal_sim *sim) {
        struct sal_sim_line *line = &sim->lines[0];
        if (line->count > 0) {
                uint32_t m = leave(sim, line);
                const struct sal_sim_machine *machine = &sim->machines[m];
                if (!machine->held && machine->ring < sim->ops->rings_open(sim) && sim->ops->room(sim))
                        offer(sim, m);
                else
                        join(sim, m);
        }
        struct sal_sim_delay between = {.kind = SAL_SIM_EXPONENTIAL, .low = 60 / sim->what->polls_per_minute};
        double u = sal_sim_unit(sal_sim_stream_next(&sim->stream));
        int64_t from_us = sim->now_us;
        /* Nothing can change before the policy wakes: polls until then would be answered alike. */
        if (sim->pending == 0 && sim->wake_us != INT64_MAX && !sim->ops->room(sim))
                from_us = sim->wake_us;
        push(sim, &(struct sal_sim_event){.at_us = from_us + sal_sim_delay_us(&between, u), .kind = KIND_POLL});
}

static int64_t tick_us(const struct sal_sim *sim) {
        return (int64_t)(SAL_SIM_US_PER_SECOND / sim->what->offers_per_second);
}

static uint64_t candidates(const struct sal_sim *sim) {
        size_t open = sim->ops->rings_open(sim);
        uint64_t count = 0;
        for (size_t ring = 0; ring < open; ring++)
                count += sim->lines[ring].count;
        return count;
}

/* Among machines that wait at the server: the next of a ring that is open, each as likely. */
static void offer_to_waiting(struct sal_sim *sim) {
        if (!sim->ops->room(sim))
                return;
        for (uint64_t count = candidates(sim); count > 0; count--) {
                uint64_t pick = sal_sim_stream_below(&sim->stream, count);
                size_t ring = 0;
                while (pick >= sim->lines[ring].count)
                        pick -= sim->lines[ring++].count;
                uint32_t m = leave(sim, &sim->lines[ring]);
                if (sim->machines[m].held)
                        continue; /* waits in vain */
                offer(sim, m);
                return;
        }
}

static void schedule_tick(struct sal_sim *sim) {
        if (sim->ticking || !waits_at_server(sim) || candidates(sim) == 0 || !sim->ops->room(sim))
                return;
        int64_t earliest_us = sim->taken_us < 0 ? 0 : sim->taken_us + tick_us(sim);
        sim->ticking = true;
        push(sim, &(struct sal_sim_event){.at_us = earliest_us > sim->now_us ? earliest_us : sim->now_us,
                                          .kind = KIND_TICK});
}

/* ---- events ---- */

/* A machine that reported success, and will fail to boot. */
static void foresee_relapse(struct sal_sim *sim, uint32_t m) {
        int64_t after_us = sal_sim_delay_us(&sim->what->relapse, chance(sim, m, PURPOSE_RELAPSE));
        if (after_us <= sim->what->plan.relapse_window_seconds * SAL_SIM_US_PER_SECOND)
                sal_sim_later(sim, m, SAL_SIM_NEWS_RELAPSED, sim->now_us + after_us);
}

static void happen(struct sal_sim *sim, const struct sal_sim_event *event) {
        switch ((enum kind)event->kind) {
        case KIND_POLL:
                poll(sim);
                break;
        case KIND_TICK:
                sim->ticking = false;
                offer_to_waiting(sim);
                break;
        case KIND_NEWS:
                sim->pending--;
                if (sim->machines[event->machine].attempts != event->attempt)
                        break;
                if ((event->news == SAL_SIM_NEWS_APPLIED || event->news == SAL_SIM_NEWS_HEALTHY) &&
                    sim->machines[event->machine].fate == SAL_SIM_RELAPSES)
                        foresee_relapse(sim, event->machine);
                sim->ops->told(sim, event->machine, (enum sal_sim_news)event->news);
                break;
        case KIND_RETURN:
                sim->pending--;
                join(sim, event->machine);
                break;
        case KIND_WAKE:
                if (event->at_us == sim->wake_us) {
                        sim->wake_us = INT64_MAX;
                        sim->ops->woken(sim);
                }
                break;
        }
}

/* ---- a run ---- */

static enum sal_status make_lines(struct sal_sim *sim) {
        uint32_t count = (uint32_t)sim->what->machines;
        uint32_t *order = malloc(count * sizeof *order);
        sim->line_count = waits_at_server(sim) ? sim->what->plan.ring_count : 1;
        bool ready = order;
        for (size_t i = 0; ready && i < sim->line_count; i++) {
                size_t capacity = waits_at_server(sim) ? (size_t)sim->ring_sizes[i] : count;
                sim->lines[i].capacity = (uint32_t)(capacity ? capacity : 1);
                sim->lines[i].machines = malloc(sim->lines[i].capacity * sizeof *sim->lines[i].machines);
                ready = sim->lines[i].machines;
        }
        for (uint32_t i = 0; ready && i < count; i++)
                order[i] = i;
        for (uint32_t i = count; ready && i > 1; i--) {
                uint32_t other = (uint32_t)sal_sim_stream_below(&sim->stream, i);
                uint32_t swapped = order[i - 1];
                order[i - 1] = order[other];
                order[other] = swapped;
        }
        for (uint32_t i = 0; ready && i < count; i++)
                join(sim, order[i]);
        free(order);
        return ready ? SAL_OK : SAL_E_NOMEM;
}

static enum sal_status make_machines(struct sal_sim *sim) {
        const struct sal_sim_case *what = sim->what;
        sim->machines = calloc((size_t)what->machines, sizeof *sim->machines);
        if (!sim->machines)
                return SAL_E_NOMEM;
        for (uint32_t m = 0; m < what->machines; m++) {
                char id[16];
                snprintf(id, sizeof id, "sim-%07" PRIu32, m + 1);
                if (what->plan.ring_count > 1)
                        sim->machines[m].ring = (uint8_t)sal_ring_of(&what->plan, sim->id, id, NULL);
                sim->machines[m].bad = what->bad_cohort_fail >= 0 && sal_sim_value(sim, m, 0) == 0;
                sim->fresh[sim->machines[m].ring]++;
                sim->ring_sizes[sim->machines[m].ring]++;
        }
        return make_lines(sim);
}

static bool is_over(const struct sal_sim *sim) {
        return sim->stopped || sim->failed || (sim->pending == 0 && sim->ops->done(sim));
}

static void play(struct sal_sim *sim, const atomic_bool *stop) {
        int64_t end_us = sim->what->days * 86400 * SAL_SIM_US_PER_SECOND;
        struct sal_sim_event event;
        if (!waits_at_server(sim))
                push(sim, &(struct sal_sim_event){.kind = KIND_POLL});
        for (int64_t looked = 0; !is_over(sim); looked++) {
                schedule_tick(sim);
                if (!sal_sim_queue_pop(&sim->queue, &event) || event.at_us > end_us)
                        break;
                if (stop && looked % STOP_LOOK == 0 && atomic_load_explicit(stop, memory_order_relaxed))
                        break;
                sim->now_us = event.at_us;
                happen(sim, &event);
        }
        sim->result.unreached = sim->waiting;
}

enum sal_status sal_sim_run(const struct sal_sim_case *what, uint64_t seed, int64_t run,
                            struct sal_sim_journal *journal, const atomic_bool *stop, struct sal_sim_result *ret) {
        struct sal_sim sim = {
                .what = what,
                .ops = what->policy == SAL_SIM_SALVOR ? &sal_sim_salvor_ops : &sal_sim_peer_ops,
                .journal = journal,
                .seed = sal_sim_mix(seed, (uint64_t)run),
                .wake_us = INT64_MAX,
                .taken_us = -1,
                .result = {.halted_us = -1, .completed_us = -1, .released_us = -1, .success_us = -1},
        };
        snprintf(sim.id, sizeof sim.id, "simulated-%" PRId64, run + 1);
        sal_sim_stream_seed(&sim.stream, sim.seed);
        enum sal_status status = make_machines(&sim);
        if (!status)
                status = sim.ops->begin(&sim);
        if (!status) {
                play(&sim, stop);
                status = sim.failed;
        }
        sim.ops->end(&sim);
        sal_sim_queue_done(&sim.queue);
        for (size_t i = 0; i < sim.line_count; i++)
                free(sim.lines[i].machines);
        free(sim.machines);
        if (!status)
                *ret = sim.result;
        return status;
}
