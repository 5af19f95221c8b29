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

/* ln W(p0, S, F): 0 < p0 < 1, 0 <= F <= S. */
double sal_ln_w(double p0, int64_t offered, int64_t failed);
/* ln E = ln((W(acceptable_failure, S, F) + W(acceptable_silence, S, Z)) / 2). */
double sal_ln_e(const struct sal_plan *plan, int64_t offered, int64_t failed, int64_t silent);
/* ln V(p1, S, F). */
double sal_ln_v(double p1, int64_t offered, int64_t failed);

/* Bounds, as natural logarithms; a = halt_error / 2^halts_resumed, c = 1, or 1/2 with cohorts. */
double sal_bound_all(const struct sal_plan *plan, int halts_resumed);                             /* ln(2 / (c a)) */
double sal_bound_block(const struct sal_plan *plan, int halts_resumed, int level, int64_t block); /* block >= 1 */
double sal_bound_cohort(const struct sal_plan *plan, int halts_resumed, int64_t j); /* ln(pi^2 j^2 / (3a)), j >= 1 */
double sal_bound_advance(const struct sal_plan *plan);                              /* ln(1 / advance_error) */

#endif
