/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/tally_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t sal_cohorts_of(const struct sal_plan *plan, const struct sal_facts *facts,
                      char ret[static SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES]) {
        size_t count = 0;
        for (size_t i = 0; i < plan->cohort_count; i++) {
                const struct sal_fact *fact = sal_facts_get(facts, plan->cohorts[i]);
                if (fact)
                        snprintf(ret[count++], SAL_COHORT_NAME_BYTES, "%s=%s", fact->name, fact->text);
        }
        return count;
}

/* FNV-1a. At most 1,000 names lie in 2,048 places, so that even names chosen to collide cost little. */
static size_t hash_place(const char *name) {
        uint32_t hash = 2166136261U;
        for (; *name; name++)
                hash = (hash ^ (unsigned char)*name) * 16777619U;
        return hash % TALLY_HASH_SIZE;
}

/* The place where the name stands, or the free one where it would. */
static size_t find_place(const struct sal_tally *tally, const char *name) {
        size_t place = hash_place(name);
        while (tally->hash[place] && strcmp(tally->cohorts[tally->hash[place] - 1].name, name) != 0)
                place = (place + 1) % TALLY_HASH_SIZE;
        return place;
}

int tally_cohort_find(const struct sal_tally *tally, const char *name) {
        return tally->hash[find_place(tally, name)];
}

int tally_cohort_add(struct sal_tally *tally, const char *name) {
        if (tally->cohort_count == tally->cohort_capacity) {
                int capacity = tally->cohort_capacity ? 2 * tally->cohort_capacity : 16;
                struct tally_cohort *cohorts = realloc(tally->cohorts, (size_t)capacity * sizeof *cohorts);
                if (!cohorts)
                        return 0;
                tally->cohorts = cohorts;
                tally->cohort_capacity = capacity;
        }
        char *copy = strdup(name);
        if (!copy)
                return 0;
        size_t place = find_place(tally, name);
        tally->cohorts[tally->cohort_count++] = (struct tally_cohort){.name = copy, .changed = true};
        tally->cohorts_changed = true;
        tally->hash[place] = tally->cohort_count;
        return tally->cohort_count;
}

void tally_cohort_take_back(struct sal_tally *tally) {
        struct tally_cohort *last = &tally->cohorts[tally->cohort_count - 1];
        /* Nothing was added after it, so its place can simply be free again. */
        tally->hash[find_place(tally, last->name)] = 0;
        free(last->name);
        tally->cohort_count--;
}

bool sal_tally_held(const struct sal_tally *tally, size_t count, char cohorts[][SAL_COHORT_NAME_BYTES]) {
        for (size_t i = 0; i < count; i++) {
                int j = tally_cohort_find(tally, cohorts[i]);
                if (j && tally->cohorts[j - 1].state == TALLY_COHORT_HELD)
                        return true;
        }
        return false;
}

void sal_tally_cohorts(const struct sal_tally *tally, size_t count, char cohorts[][SAL_COHORT_NAME_BYTES],
                       struct sal_slot *ret) {
        ret->cohort_count = 0;
        for (size_t i = 0; i < count && i < SAL_PLAN_MAX_COHORTS; i++) {
                int j = tally_cohort_find(tally, cohorts[i]);
                if (j)
                        ret->cohorts[ret->cohort_count++] = j;
        }
}

enum sal_status sal_tally_release(struct sal_tally *tally, const char *cohort_name) {
        int held = tally_cohort_find(tally, cohort_name);
        if (!held || tally->cohorts[held - 1].state != TALLY_COHORT_HELD)
                return SAL_E_NOT_FOUND;
        if (tally->cohort_count == SAL_COHORT_VALUES_MAX)
                return SAL_E_INVALID;
        if (!tally_cohort_add(tally, cohort_name))
                return SAL_E_NOMEM;
        tally->cohorts[held - 1].state = TALLY_COHORT_RELEASED;
        tally->cohorts[held - 1].changed = true;
        return SAL_OK;
}

void sal_tally_each_cohort(const struct sal_tally *tally,
                           void (*each)(void *arg, const char *name, int j, int64_t offered, int64_t failed,
                                        int64_t silent, bool held, double ln_e, double bound),
                           void *arg) {
        for (int j = 1; j <= tally->cohort_count; j++) {
                const struct tally_cohort *cohort = &tally->cohorts[j - 1];
                const struct tally_sums *sums = &cohort->sums;
                if (cohort->state == TALLY_COHORT_RELEASED)
                        continue;
                each(arg, cohort->name, j, sums->offered, sums->failed, sums->silent,
                     cohort->state == TALLY_COHORT_HELD, tally_ln_e(tally, sums->offered, sums->failed, sums->silent),
                     sal_bound_cohort(&tally->plan, tally->halts_resumed, j));
        }
}
