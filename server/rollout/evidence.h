/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence: the mixture likelihood ratios behind halt (W, E) and advance (V), in natural logarithms.
 *
 * ln and exp are our own (frexp, ldexp, + - * / in binary64, no fused multiply-add), because C libraries differ in the
 * last bit between processors, and a replay has to agree bit for bit. Sums run in the order k = 1..16 (8 for V).
 *
 * Thread: pure functions. Ownership: none.
 */
#ifndef SAL_ROLLOUT_EVIDENCE_H
#define SAL_ROLLOUT_EVIDENCE_H

#include "model/plan.h"

#include <stdint.h>

/* ln(x) for finite x > 0, exp(x) for finite x (0 below -745, +infinity above 709.78); within 1 ulp or so of the true
 * value. */
double sal_ln(double x);
double sal_exp(double x);

/* A mixture of likelihood ratios against p0: ln((1/count) * sum over k of exp(F * up[k] + (S - F) * down[k])). */
enum { SAL_MIXTURE_MAX = 16 };
struct sal_mixture {
        int count;
        double up[SAL_MIXTURE_MAX];   /* ln(p_k / p0) */
        double down[SAL_MIXTURE_MAX]; /* ln((1 - p_k) / (1 - p0)) */
};

/* The mixtures of W (k = 1..16, p_k above p0) and V (k = 1..8, p_k below p1), made once and asked often. */
void sal_mixture_w(double p0, struct sal_mixture *ret);
void sal_mixture_v(double p1, struct sal_mixture *ret);
/* 0 <= failed <= offered. Log-sum-exp: no overflow for any number of offers. */
double sal_mixture_ln(const struct sal_mixture *mixture, int64_t offered, int64_t failed);
/* ln((exp(a) + exp(b)) / 2), without overflow. */
double sal_ln_mean(double a, double b);

/* ln W(p0, S, F): 0 < p0 < 1, 0 <= F <= S. */
double sal_ln_w(double p0, int64_t offered, int64_t failed);
/* ln E = ln((W(acceptable_failure, S, F) + W(acceptable_silence, S, Z)) / 2). */
double sal_ln_e(const struct sal_plan *plan, int64_t offered, int64_t failed, int64_t silent);
/* ln V(p1, S, F). */
double sal_ln_v(double p1, int64_t offered, int64_t failed);

/* Bounds, as natural logarithms; halts_resumed 0..1000; a = halt_error / 2^halts_resumed, c = 1, or 1/2 with cohorts.
 */
double sal_bound_all(const struct sal_plan *plan, int halts_resumed);                             /* ln(2 / (c a)) */
double sal_bound_block(const struct sal_plan *plan, int halts_resumed, int level, int64_t block); /* block >= 1 */
double sal_bound_cohort(const struct sal_plan *plan, int halts_resumed, int64_t j); /* ln(pi^2 j^2 / (3a)), j >= 1 */
double sal_bound_advance(const struct sal_plan *plan);                              /* ln(1 / advance_error) */

#endif
