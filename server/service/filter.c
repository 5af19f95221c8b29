/* SPDX-License-Identifier: Apache-2.0 */
#include "service/filter.h"

#include "base/encode.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { PROBES = 4, WORD_BITS = 64 };

struct sal_filter {
        uint64_t mask;
        uint64_t key[2]; /* per process, so that nobody can choose ids that collide */
        atomic_ullong words[];
};

struct sal_filter *sal_filter_new(uint64_t bits) {
        struct sal_filter *filter = calloc(1, sizeof *filter + bits / WORD_BITS * sizeof filter->words[0]);
        if (!filter)
                return NULL;
        filter->mask = bits - 1;
        sal_random(filter->key, sizeof filter->key);
        return filter;
}

void sal_filter_free(struct sal_filter *filter) {
        free(filter);
}

static uint64_t mix(uint64_t x) {
        x ^= x >> 32;
        x *= 0xd6e8feb86659fd93u;
        x ^= x >> 32;
        x *= 0xd6e8feb86659fd93u;
        return x ^ x >> 32;
}

/* Two independent hashes of an id; the probes are h1 + n * h2 (double hashing). */
static void hash(const struct sal_filter *filter, const char *id, uint64_t *h1, uint64_t *h2) {
        uint64_t a = filter->key[0], b = filter->key[1];
        size_t len = strlen(id);
        for (size_t at = 0; at < len; at += 8) {
                uint64_t word = 0;
                memcpy(&word, id + at, len - at < 8 ? len - at : 8);
                a = mix(a ^ word);
                b = mix(b + word);
        }
        *h1 = mix(a ^ len);
        *h2 = mix(b + len) | 1;
}

void sal_filter_add(struct sal_filter *filter, const char *machine_id) {
        uint64_t h1, h2;
        hash(filter, machine_id, &h1, &h2);
        for (unsigned n = 0; n < PROBES; n++, h1 += h2) {
                uint64_t bit = h1 & filter->mask;
                atomic_fetch_or_explicit(&filter->words[bit / WORD_BITS], 1ull << bit % WORD_BITS,
                                         memory_order_release);
        }
}

bool sal_filter_test(const struct sal_filter *filter, const char *machine_id) {
        uint64_t h1, h2;
        hash(filter, machine_id, &h1, &h2);
        for (unsigned n = 0; n < PROBES; n++, h1 += h2) {
                uint64_t bit = h1 & filter->mask;
                if (!(atomic_load_explicit(&filter->words[bit / WORD_BITS], memory_order_acquire) >> bit % WORD_BITS &
                      1))
                        return false;
        }
        return true;
}
