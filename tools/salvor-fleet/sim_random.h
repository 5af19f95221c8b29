/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chance in a simulation: numbers that follow from a seed alone, alike on every machine and with every compiler, and
 * the delays that are drawn from them.
 *
 * A run has a stream for what happens in an order (which machine polls when), and draws for each machine that depend on
 * its number and the purpose only: so the same machines behave in the same way whatever policy they meet.
 *
 * Thread: pure; a stream belongs to one run. Ownership: none.
 */
#ifndef SAL_FLEET_SIM_RANDOM_H
#define SAL_FLEET_SIM_RANDOM_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* xoshiro256**, by Blackman and Vigna. */
struct sal_sim_stream {
        uint64_t s[4];
};

/* Two numbers into one that looks random (splitmix64's finisher). */
uint64_t sal_sim_mix(uint64_t a, uint64_t b);
void sal_sim_stream_seed(struct sal_sim_stream *stream, uint64_t seed);
uint64_t sal_sim_stream_next(struct sal_sim_stream *stream);
/* 0 (inclusive) to 1 (exclusive), 53 bits. */
double sal_sim_unit(uint64_t random);
/* 0..bound-1, each as likely; bound at least 1. */
uint64_t sal_sim_stream_below(struct sal_sim_stream *stream, uint64_t bound);

enum sal_sim_delay_kind { SAL_SIM_FIXED, SAL_SIM_EXPONENTIAL, SAL_SIM_TRIANGULAR };

/* How long something takes. Fixed and exponential: `low` is the time or the mean. */
struct sal_sim_delay {
        enum sal_sim_delay_kind kind;
        double low, mode, high; /* seconds, 0..2592000; ascending */
};

/* The delay in microseconds for u from 0 (inclusive) to 1 (exclusive). */
int64_t sal_sim_delay_us(const struct sal_sim_delay *delay, double u);
/* "90", "exp:480" or "tri:120,210,570", in seconds. Errors: SAL_E_USAGE, with `name` as what is at fault. */
enum sal_status sal_sim_delay_parse(const char *name, const char *text, struct sal_sim_delay *ret,
                                    struct sal_err *reterr);

#endif
