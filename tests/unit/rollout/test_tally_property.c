/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tally against a naive recomputation of every sum from the full list of offers, over many random histories; and a
 * saved and loaded tally against the one that was never saved.
 */
#include "rollout/evidence.h"
#include "rollout/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_OFFERS = 3000, MAX_COHORTS = 64, MAX_ROWS = 4096, CASES = 400 };

static uint64_t next_random(uint64_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

static int below(uint64_t *seed, int limit) {
        return (int)(next_random(seed) % (uint64_t)limit);
}

struct model_offer {
        struct sal_slot slot;
        enum sal_weight weight;
        bool excluded;
};

struct model_cohort {
        char name[SAL_COHORT_NAME_BYTES];
        bool held, released;
        int64_t at_hold[3];
};

/* The plain truth: a list of offers. */
struct model {
        struct sal_plan plan;
        int halts_resumed;
        int stage;
        int count;
        struct model_offer offers[MAX_OFFERS];
        int cohort_count;
        struct model_cohort cohorts[MAX_COHORTS];
};

struct sums {
        int64_t offered, failed, silent, succeeded;
};

static void add_weight(struct sums *sums, enum sal_weight weight) {
        sums->offered += weight != SAL_WEIGHT_NOT_APPLICABLE;
        sums->failed += weight == SAL_WEIGHT_FAILED;
        sums->silent += weight == SAL_WEIGHT_SILENT;
        sums->succeeded += weight == SAL_WEIGHT_SUCCESS;
}

static bool in_cohort(const struct model_offer *offer, int j) {
        for (size_t k = 0; k < offer->slot.cohort_count; k++) {
                if (offer->slot.cohorts[k] == j)
                        return true;
        }
        return false;
}

static struct sums sum_range(const struct model *model, int64_t first, int64_t end) {
        struct sums sums = {0};
        for (int64_t i = first; i < end && i < model->count; i++) {
                if (!model->offers[i].excluded)
                        add_weight(&sums, model->offers[i].weight);
        }
        return sums;
}

static struct sums sum_prefix(const struct model *model, int stage, int64_t n) {
        struct sums sums = {0};
        for (int i = 0; i < model->count; i++) {
                const struct model_offer *offer = &model->offers[i];
                if (!offer->excluded && offer->slot.stage == stage && offer->slot.o <= n)
                        add_weight(&sums, offer->weight);
        }
        return sums;
}

static struct sums sum_cohort(const struct model *model, int j) {
        struct sums sums = {0};
        for (int i = 0; i < model->count; i++) {
                if (!model->offers[i].excluded && in_cohort(&model->offers[i], j))
                        add_weight(&sums, model->offers[i].weight);
        }
        return sums;
}

static int64_t made_in(const struct model *model, int stage) {
        int64_t made = 0;
        for (int i = 0; i < model->count; i++)
                made += model->offers[i].slot.stage == stage;
        return made;
}

/* The next member of L after n: 1, 2, 3, 4, 6, 8, 12, … */
static int64_t next_point(int64_t n) {
        int64_t power = 1;
        while (power * 2 <= n)
                power *= 2;
        if (n < 2)
                return n + 1;
        return n == power ? power + power / 2 : power * 2;
}

/* ---- the rules, in the plainest form ---- */

static struct sal_evidence naive_judge(const struct model *model) {
        struct sal_evidence best = {.block_level = -1};
        const struct sal_plan *plan = &model->plan;
        for (int j = 1; j <= model->cohort_count; j++) {
                if (model->cohorts[j - 1].held || model->cohorts[j - 1].released)
                        continue;
                struct sums sums = sum_cohort(model, j);
                double ln_e = sal_ln_e(plan, sums.offered, sums.failed, sums.silent);
                double bound = sal_bound_cohort(plan, model->halts_resumed, j);
                if (ln_e >= bound && (!best.cohort || ln_e > best.ln_e))
                        best = (struct sal_evidence){SAL_VERDICT_HOLD_COHORT,
                                                     sums.offered,
                                                     sums.failed,
                                                     sums.silent,
                                                     -1,
                                                     0,
                                                     j,
                                                     "",
                                                     ln_e,
                                                     bound};
        }
        if (best.verdict)
                return best;
        struct sums all = sum_range(model, 0, model->count);
        double ln_e = sal_ln_e(plan, all.offered, all.failed, all.silent);
        if (ln_e >= sal_bound_all(plan, model->halts_resumed)) {
                best.verdict = SAL_VERDICT_HALT;
                best.offered = all.offered;
                best.ln_e = ln_e;
                return best;
        }
        int64_t size = 32;
        for (int level = 0; size < model->count; level++, size *= 4) {
                for (int64_t b = 1; b * size < model->count; b++) {
                        struct sums sums = sum_range(model, b * size, (b + 1) * size);
                        ln_e = sal_ln_e(plan, sums.offered, sums.failed, sums.silent);
                        if (ln_e < sal_bound_block(plan, model->halts_resumed, level, b))
                                continue;
                        best = (struct sal_evidence){.verdict = SAL_VERDICT_HALT,
                                                     .offered = sums.offered,
                                                     .block_level = level,
                                                     .block = b,
                                                     .ln_e = ln_e};
                        return best;
                }
        }
        return best;
}

static double naive_cap(const struct model *model, int64_t known) {
        int64_t initial = model->plan.in_flight_initial < known / 10 ? model->plan.in_flight_initial : known / 10;
        double cap = initial < 1 ? 1 : (double)initial;
        for (int stage = 0; stage <= model->stage; stage++) {
                int64_t made = made_in(model, stage);
                int64_t best = 0;
                for (int64_t n = 1; n <= made; n = next_point(n)) {
                        struct sums sums = sum_prefix(model, stage, n);
                        int64_t f = sums.offered - sums.succeeded;
                        if ((double)f <= model->plan.unacceptable_failure * (double)sums.offered)
                                best = sums.succeeded;
                }
                cap += model->plan.rings[stage].growth * (double)best;
        }
        return cap < (double)model->plan.in_flight_max ? cap : (double)model->plan.in_flight_max;
}

static int64_t naive_advance(const struct model *model) {
        if (model->stage + 1 >= (int)model->plan.ring_count)
                return 0;
        int64_t made = made_in(model, model->stage);
        for (int64_t n = 1; n <= made; n = next_point(n)) {
                struct sums sums = sum_prefix(model, model->stage, n);
                double ln_v = sal_ln_v(model->plan.unacceptable_failure, sums.offered, sums.offered - sums.succeeded);
                if (ln_v >= sal_bound_advance(&model->plan))
                        return n;
        }
        return 0;
}

/* ---- comparison ---- */

struct cohort_check {
        const struct model *model;
        int seen;
};

static void check_cohort(void *arg, const char *name, int j, int64_t offered, int64_t failed, int64_t silent, bool held,
                         double ln_e, double bound) {
        struct cohort_check *check = arg;
        const struct model_cohort *cohort = &check->model->cohorts[j - 1];
        struct sums sums = sum_cohort(check->model, j);
        assert_string_equal(name, cohort->name);
        assert_int_equal(held, cohort->held);
        assert_int_equal(offered, held ? cohort->at_hold[0] : sums.offered);
        assert_int_equal(failed, held ? cohort->at_hold[1] : sums.failed);
        assert_int_equal(silent, held ? cohort->at_hold[2] : sums.silent);
        assert_true(ln_e == sal_ln_e(&check->model->plan, offered, failed, silent));
        assert_true(bound == sal_bound_cohort(&check->model->plan, check->model->halts_resumed, j));
        check->seen++;
}

static void compare(const struct model *model, const struct sal_tally *tally) {
        struct sums all = sum_range(model, 0, model->count);
        struct sal_evidence totals;
        sal_tally_totals(tally, &totals);
        assert_int_equal(totals.offered, all.offered);
        assert_int_equal(totals.failed, all.failed);
        assert_int_equal(totals.silent, all.silent);

        assert_int_equal(sal_tally_advance_evidence(tally).offered, naive_advance(model));
        assert_true(sal_tally_cap(tally, 123456) == naive_cap(model, 123456));
        assert_true(sal_tally_cap(tally, 31) == naive_cap(model, 31));
        double excess = (double)(all.failed + all.silent) -
                        (model->plan.acceptable_failure + model->plan.acceptable_silence) * (double)all.offered;
        assert_true(sal_tally_excess(tally) == (excess > 0 ? excess : 0));

        struct cohort_check check = {.model = model};
        int shown = 0;
        for (int j = 0; j < model->cohort_count; j++)
                shown += !model->cohorts[j].released;
        sal_tally_each_cohort(tally, check_cohort, &check);
        assert_int_equal(check.seen, shown);
}

/* ---- rows ---- */

struct stored_row {
        struct sal_tally_row row;
        char text[SAL_COHORT_NAME_BYTES];
};

struct store {
        int count;
        struct stored_row rows[MAX_ROWS];
};

static int compare_keys(const struct sal_tally_row *a, const struct sal_tally_row *b) {
        if (a->kind != b->kind)
                return a->kind < b->kind ? -1 : 1;
        if (a->a != b->a)
                return a->a < b->a ? -1 : 1;
        return a->b < b->b ? -1 : a->b > b->b;
}

/* Keeps the rows in the order of their keys, as a table with a primary key does. */
static enum sal_status put_row(void *arg, const struct sal_tally_row *row) {
        struct store *store = arg;
        int at = store->count;
        while (at > 0 && compare_keys(&store->rows[at - 1].row, row) > 0)
                at--;
        bool known = at > 0 && compare_keys(&store->rows[at - 1].row, row) == 0;
        if (known) {
                at--;
        } else {
                assert_true(store->count < MAX_ROWS);
                memmove(&store->rows[at + 1], &store->rows[at], (size_t)(store->count - at) * sizeof store->rows[0]);
                store->count++;
        }
        store->rows[at].row = *row;
        snprintf(store->rows[at].text, sizeof store->rows[at].text, "%s", row->text);
        return SAL_OK;
}

static enum sal_status no_row(void *arg, const struct sal_tally_row *row) {
        (void)arg;
        (void)row;
        fail_msg("a row was given although nothing had changed");
        return SAL_OK;
}

static int rows_before_failure;

/* A disk that fails after some rows. */
static enum sal_status put_some_rows(void *arg, const struct sal_tally_row *row) {
        return rows_before_failure-- > 0 ? put_row(arg, row) : SAL_E_IO;
}

static struct sal_tally *load(const struct model *model, struct store *store) {
        struct sal_tally *tally = sal_tally_new(&model->plan, model->halts_resumed);
        assert_non_null(tally);
        for (int n = 0; n < store->count; n++) {
                struct sal_tally_row row = store->rows[n].row;
                row.text = store->rows[n].text;
                assert_int_equal(sal_tally_load(tally, &row), SAL_OK);
        }
        return tally;
}

static void compare_judgements(struct sal_evidence a, struct sal_evidence b) {
        assert_int_equal(a.verdict, b.verdict);
        assert_int_equal(a.offered, b.offered);
        assert_int_equal(a.failed, b.failed);
        assert_int_equal(a.silent, b.silent);
        assert_int_equal(a.block_level, b.block_level);
        assert_int_equal(a.block, b.block);
        assert_int_equal(a.cohort, b.cohort);
        assert_string_equal(a.cohort_name, b.cohort_name);
        assert_memory_equal(&a.ln_e, &b.ln_e, sizeof a.ln_e);
        assert_memory_equal(&a.bound, &b.bound, sizeof a.bound);
}

/* ---- random histories ---- */

static struct model model;
static struct store store;

static void begin(uint64_t *seed) {
        memset(&model, 0, sizeof model);
        memset(&store, 0, sizeof store);
        sal_plan_default(&model.plan);
        model.plan.cohort_count = (size_t)below(seed, 3);
        model.halts_resumed = below(seed, 3);
        model.plan.in_flight_max = 40 + below(seed, 3000);
}

/* A machine's cohort values: a few models, a few versions. */
static size_t random_cohorts(uint64_t *seed, char ret[static SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES]) {
        size_t count = 0;
        for (size_t k = 0; k < model.plan.cohort_count; k++) {
                if (below(seed, 5))
                        snprintf(ret[count++], SAL_COHORT_NAME_BYTES, "fact%zu=%d", k, below(seed, 5));
        }
        return count;
}

static int newest_cohort(const char *name) {
        for (int j = model.cohort_count; j > 0; j--) {
                if (strcmp(model.cohorts[j - 1].name, name) == 0)
                        return j;
        }
        return 0;
}

static void step_offer(struct sal_tally *tally, uint64_t *seed) {
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        size_t count = random_cohorts(seed, cohorts);
        if (sal_tally_held(tally, count, cohorts) || model.count == MAX_OFFERS)
                return;
        int64_t made = made_in(&model, model.stage);
        struct model_offer *offer = &model.offers[model.count];
        assert_int_equal(sal_tally_offer(tally, count, cohorts, &offer->slot), SAL_OK);
        assert_int_equal(offer->slot.i, model.count);
        assert_int_equal(offer->slot.stage, model.stage);
        assert_int_equal(offer->slot.o, made + 1);
        assert_int_equal(offer->slot.cohort_count, count);
        for (size_t k = 0; k < count; k++) {
                int j = newest_cohort(cohorts[k]);
                if (!j) {
                        j = ++model.cohort_count;
                        memcpy(model.cohorts[j - 1].name, cohorts[k], SAL_COHORT_NAME_BYTES);
                }
                assert_int_equal(offer->slot.cohorts[k], j);
        }
        model.count++;
}

static void apply_hold(struct sal_tally *tally, const struct sal_evidence *found) {
        struct model_cohort *cohort = &model.cohorts[found->cohort - 1];
        assert_string_equal(found->cohort_name, cohort->name);
        cohort->held = true;
        cohort->at_hold[0] = found->offered;
        cohort->at_hold[1] = found->failed;
        cohort->at_hold[2] = found->silent;
        for (int i = 0; i < model.count; i++) {
                struct model_offer *offer = &model.offers[i];
                if (offer->excluded || !in_cohort(offer, found->cohort))
                        continue;
                sal_tally_exclude(tally, &offer->slot, offer->weight);
                offer->excluded = true;
        }
}

static int left(void) {
        int count = 0;
        for (int i = 0; i < model.count; i++)
                count += !model.offers[i].excluded;
        return count;
}

/* Asks the halt rule as a service does: until it says halt or nothing. Returns true for halt. */
static bool step_judge(struct sal_tally *tally, const struct sal_slot *slot) {
        bool held = false;
        for (;;) {
                struct sal_evidence expected = naive_judge(&model);
                struct sal_evidence found = sal_tally_judge(tally, slot);
                if (held && left() == 0) {
                        assert_int_equal(found.verdict, SAL_VERDICT_HALT);
                        assert_true(found.cohort > 0);
                        return true;
                }
                assert_int_equal(found.verdict, expected.verdict);
                assert_int_equal(found.cohort, expected.cohort);
                if (found.verdict) {
                        assert_int_equal(found.block_level, expected.block_level);
                        assert_int_equal(found.block, expected.block);
                        assert_int_equal(found.offered, expected.offered);
                        assert_true(found.ln_e == expected.ln_e);
                }
                if (found.verdict != SAL_VERDICT_HOLD_COHORT)
                        return found.verdict == SAL_VERDICT_HALT;
                apply_hold(tally, &found);
                held = true;
                slot = NULL;
        }
}

/* How a case behaves, in percent. */
struct habits {
        int failing, silent;
        int failing_cohort; /* of machines of the bad cohort */
        bool turned;        /* from now on everything new fails */
        int oldest;         /* index from which the oldest pending offer is looked for */
};

/* Mostly the oldest pending offer, so that prefixes settle; else any. */
static int pick_offer(uint64_t *seed, struct habits *habits) {
        while (habits->oldest < model.count &&
               (model.offers[habits->oldest].weight != SAL_WEIGHT_PENDING || model.offers[habits->oldest].excluded))
                habits->oldest++;
        return habits->oldest < model.count && below(seed, 4) ? habits->oldest : below(seed, model.count);
}

static enum sal_weight pick_outcome(uint64_t *seed, const struct habits *habits, const struct model_offer *offer) {
        int failing = habits->failing;
        if (in_cohort(offer, 1))
                failing = habits->failing_cohort;
        if (habits->turned)
                failing = 90;
        int dice = below(seed, 100);
        if (offer->weight == SAL_WEIGHT_SUCCESS)
                return below(seed, 100) < habits->failing ? SAL_WEIGHT_FAILED : SAL_WEIGHT_SUCCESS;
        if (dice < failing)
                return SAL_WEIGHT_FAILED;
        if (dice < failing + habits->silent)
                return SAL_WEIGHT_SILENT;
        return dice > 96 ? SAL_WEIGHT_NOT_APPLICABLE : SAL_WEIGHT_SUCCESS;
}

/* One offer changes; true when the campaign halts. */
static bool step_change(struct sal_tally *tally, uint64_t *seed, struct habits *habits) {
        if (!model.count)
                return false;
        struct model_offer *offer = &model.offers[pick_offer(seed, habits)];
        if (offer->weight != SAL_WEIGHT_PENDING && offer->weight != SAL_WEIGHT_SUCCESS)
                return false;
        enum sal_weight to = pick_outcome(seed, habits, offer);
        bool worse = sal_tally_change(tally, &offer->slot, offer->weight, to);
        assert_int_equal(sal_tally_counts(tally, &offer->slot), !offer->excluded);
        if (offer->excluded) {
                assert_false(worse);
                return false;
        }
        offer->weight = to;
        assert_int_equal(worse, to != SAL_WEIGHT_SUCCESS);
        return worse && step_judge(tally, &offer->slot);
}

static void step_release(struct sal_tally *tally, uint64_t *seed) {
        int j = model.cohort_count ? 1 + below(seed, model.cohort_count) : 0;
        if (!j || !model.cohorts[j - 1].held || model.cohort_count + 1 >= MAX_COHORTS)
                return;
        assert_int_equal(sal_tally_release(tally, model.cohorts[j - 1].name), SAL_OK);
        model.cohorts[j - 1].held = false;
        model.cohorts[j - 1].released = true;
        struct model_cohort *next = &model.cohorts[model.cohort_count++];
        memcpy(next->name, model.cohorts[j - 1].name, sizeof next->name);
}

/* Saves what changed, loads everything, and goes on with the loaded tally. */
static struct sal_tally *step_reload(struct sal_tally *tally, uint64_t *seed) {
        rows_before_failure = below(seed, 12);
        sal_tally_save(tally, put_some_rows, &store);
        assert_int_equal(sal_tally_save(tally, put_row, &store), SAL_OK);
        assert_int_equal(sal_tally_save(tally, no_row, NULL), SAL_OK);
        struct sal_tally *loaded = load(&model, &store);
        assert_int_equal(sal_tally_save(loaded, no_row, NULL), SAL_OK);
        if (left())
                compare_judgements(sal_tally_judge(tally, NULL), sal_tally_judge(loaded, NULL));
        compare_judgements(sal_tally_advance_evidence(tally), sal_tally_advance_evidence(loaded));
        sal_tally_free(tally);
        return loaded;
}

static void run_case(uint64_t *seed, int steps) {
        begin(seed);
        struct sal_tally *tally = sal_tally_new(&model.plan, model.halts_resumed);
        assert_non_null(tally);
        struct habits habits = {.failing = below(seed, 6), .silent = below(seed, 10)};
        habits.failing_cohort = below(seed, 3) ? 80 : habits.failing;
        int turns = below(seed, 2) ? steps / 2 + below(seed, steps / 2) : steps;
        for (int step = 0; step < steps; step++) {
                if (step == turns)
                        habits.turned = true;
                int dice = below(seed, 100);
                if (dice < 44)
                        step_offer(tally, seed);
                else if (dice < 96 && step_change(tally, seed, &habits))
                        break;
                else if (dice >= 96 && dice < 98)
                        step_release(tally, seed);
                else if (dice == 98)
                        tally = step_reload(tally, seed);
                if (naive_advance(&model) && below(seed, 2)) {
                        sal_tally_next_stage(tally);
                        model.stage++;
                }
                if (step % 16 == 0)
                        compare(&model, tally);
        }
        compare(&model, tally);
        sal_tally_free(tally);
}

static void the_tally_agrees_with_a_plain_recount(void **state) {
        (void)state;
        uint64_t seed = 0x5a17ab1e5eed0001;
        for (int n = 0; n < CASES; n++)
                run_case(&seed, 50 + below(&seed, 600));
}

static void long_histories_agree_too(void **state) {
        (void)state;
        uint64_t seed = 0x5a17ab1e5eed0002;
        for (int n = 0; n < 24; n++)
                run_case(&seed, 3000);
}

/* The same outcomes in another order give the same sums and the same judgement. */
static void order_does_not_matter(void **state) {
        (void)state;
        uint64_t seed = 0x5a17ab1e5eed0003;
        for (int n = 0; n < 200; n++) {
                begin(&seed);
                int count = 1 + below(&seed, 400);
                struct sal_tally *a = sal_tally_new(&model.plan, 0);
                struct sal_tally *b = sal_tally_new(&model.plan, 0);
                int order[400];
                for (int i = 0; i < count; i++) {
                        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
                        size_t cohort_count = random_cohorts(&seed, cohorts);
                        struct model_offer *offer = &model.offers[i];
                        assert_int_equal(sal_tally_offer(a, cohort_count, cohorts, &offer->slot), SAL_OK);
                        assert_int_equal(sal_tally_offer(b, cohort_count, cohorts, &offer->slot), SAL_OK);
                        offer->weight = (enum sal_weight)below(&seed, SAL_WEIGHT_NOT_APPLICABLE + 1);
                        order[i] = i;
                }
                for (int i = count - 1; i > 0; i--) {
                        int other = below(&seed, i + 1);
                        int swap = order[i];
                        order[i] = order[other];
                        order[other] = swap;
                }
                for (int i = 0; i < count; i++) {
                        const struct model_offer *first = &model.offers[i];
                        const struct model_offer *second = &model.offers[order[i]];
                        sal_tally_change(a, &first->slot, SAL_WEIGHT_PENDING, first->weight);
                        /* By way of another state, as a relapse goes. */
                        sal_tally_change(b, &second->slot, SAL_WEIGHT_PENDING, SAL_WEIGHT_SUCCESS);
                        sal_tally_change(b, &second->slot, SAL_WEIGHT_SUCCESS, second->weight);
                }
                compare_judgements(sal_tally_judge(a, NULL), sal_tally_judge(b, NULL));
                compare_judgements(sal_tally_advance_evidence(a), sal_tally_advance_evidence(b));
                assert_true(sal_tally_cap(a, 1000) == sal_tally_cap(b, 1000));
                sal_tally_free(a);
                sal_tally_free(b);
        }
}

/* Rows that cannot be true are refused, and none of them reaches an array. */
static void impossible_rows_are_refused(void **state) {
        (void)state;
        uint64_t seed = 0x5a17ab1e5eed0004;
        begin(&seed);
        static const struct sal_tally_row wrong[] = {
                {SAL_ROW_TOTAL, 0, 0, {-1, 0, 0, 0}, ""},        {SAL_ROW_TOTAL, 0, 0, {5, 6, 0, 0}, ""},
                {SAL_ROW_TOTAL, 0, 0, {5, 5, 3, 0}, ""},         {SAL_ROW_TOTAL, 0, 0, {INT64_MAX, 5, 0, 0}, ""},
                {SAL_ROW_TOTAL, 1, 0, {101, 0, 0, 0}, ""},       {SAL_ROW_TOTAL, 1, 0, {5, 3, 3, 0}, ""},
                {SAL_ROW_TOTAL, 2, 0, {0, 0, 0, 0}, ""},         {SAL_ROW_STAGE, 3, 0, {1, 0, 0, 0}, ""},
                {SAL_ROW_STAGE, -1, 0, {1, 0, 0, 0}, ""},        {SAL_ROW_STAGE, 0, 0, {101, 0, 0, 0}, ""},
                {SAL_ROW_POINT, 0, 64, {1, 0, 0, 0}, ""},        {SAL_ROW_POINT, 0, -1, {1, 0, 0, 0}, ""},
                {SAL_ROW_POINT, 16, 0, {1, 0, 0, 0}, ""},        {SAL_ROW_POINT, 0, 0, {1, 2, 0, 0}, ""},
                {SAL_ROW_BLOCK, 0, 0, {1, 0, 0, 0}, ""},         {SAL_ROW_BLOCK, 0, 4, {1, 0, 0, 0}, ""},
                {SAL_ROW_BLOCK, 13, 1, {1, 0, 0, 0}, ""},        {SAL_ROW_BLOCK, 0, 1, {33, 0, 0, 0}, ""},
                {SAL_ROW_BLOCK, 0, 1, {5, 6, 0, 0}, ""},         {SAL_ROW_COHORT, 2, 0, {1, 0, 0, 0}, "model=A"},
                {SAL_ROW_COHORT, 1, 0, {1, 0, 0, 3}, "model=A"}, {SAL_ROW_COHORT, 1, 0, {1, 0, 0, 0}, ""},
                {SAL_ROW_COHORT, 1, 0, {1, 0, 0, 0}, NULL},      {(enum sal_tally_row_kind)9, 0, 0, {0, 0, 0, 0}, ""},
        };
        sal_auto(sal_tally) struct sal_tally *tally = sal_tally_new(&model.plan, 0);
        struct sal_tally_row total = {SAL_ROW_TOTAL, 0, 0, {100, 100, 0, 0}, ""};
        struct sal_tally_row stage = {SAL_ROW_STAGE, 0, 0, {100, 0, 0, 0}, ""};
        assert_int_equal(sal_tally_load(tally, &total), SAL_OK);
        assert_int_equal(sal_tally_load(tally, &stage), SAL_OK);
        for (size_t n = 0; n < SAL_ARRAY_LEN(wrong); n++)
                assert_int_equal(sal_tally_load(tally, &wrong[n]), SAL_E_CORRUPT);
        for (int n = 0; n < 200000; n++) {
                struct sal_tally_row row = {.kind = (enum sal_tally_row_kind)(1 + below(&seed, 4)), .text = "model=A"};
                row.a = below(&seed, 40) - 4;
                row.b = below(&seed, 80) - 4;
                for (int k = 0; k < 4; k++)
                        row.v[k] = below(&seed, 8) ? below(&seed, 40) - 2 : (int64_t)next_random(&seed);
                sal_tally_load(tally, &row);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_tally_agrees_with_a_plain_recount),
                cmocka_unit_test(long_histories_agree_too),
                cmocka_unit_test(order_does_not_matter),
                cmocka_unit_test(impossible_rows_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
