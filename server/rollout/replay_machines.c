/* SPDX-License-Identifier: Apache-2.0 */
/* Who an offer is made to, and whether it is the first one of that machine. */
#include "rollout/replay_state.h"

#include <stdlib.h>

/* FNV-1a, its bits mixed once more, as names of machines differ in their last digits only. */
uint64_t replay_machine(const char *machine_id) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        for (; *machine_id; machine_id++)
                hash = (hash ^ (uint8_t)*machine_id) * UINT64_C(0x100000001b3);
        hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
        hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
        return hash ^ (hash >> 33);
}

static bool same(const struct replay_offer *a, const struct replay_offer *b) {
        return a->machine == b->machine && a->incarnation == b->incarnation && a->campaign == b->campaign &&
               a->period == b->period;
}

/* Where the first offer of that machine stands, or would; there is always a free place. */
static uint32_t *place_of(const struct sal_replay *replay, const struct replay_offer *offer) {
        uint64_t hash = offer->machine ^ ((uint64_t)offer->campaign << 32 | offer->period);
        hash = (hash ^ offer->incarnation) * UINT64_C(0x9e3779b97f4a7c15);
        size_t at = (size_t)(hash >> 32) & (replay->first_places - 1);
        while (replay->firsts[at] && !same(&replay->offers[replay->firsts[at] - 1], offer))
                at = (at + 1) & (replay->first_places - 1);
        return &replay->firsts[at];
}

/* Twice the places, before three quarters are taken. */
static bool grow(struct sal_replay *replay) {
        struct sal_replay old = {.firsts = replay->firsts, .first_places = replay->first_places};
        size_t places = old.first_places ? 2 * old.first_places : 1024;
        uint32_t *firsts = calloc(places, sizeof *firsts);
        if (!firsts)
                return false;
        replay->firsts = firsts;
        replay->first_places = places;
        for (size_t i = 0; i < old.first_places; i++)
                if (old.firsts[i])
                        *place_of(replay, &replay->offers[old.firsts[i] - 1]) = old.firsts[i];
        free(old.firsts);
        return true;
}

bool replay_is_first(const struct sal_replay *replay, const struct replay_offer *offer) {
        return !replay->firsts || !*place_of(replay, offer);
}

bool replay_note_first(struct sal_replay *replay, uint32_t number) {
        if (4 * (replay->first_count + 1) > 3 * replay->first_places && !grow(replay))
                return false;
        uint32_t *place = place_of(replay, &replay->offers[number - 1]);
        if (!*place) {
                *place = number;
                replay->first_count++;
        }
        return true;
}
