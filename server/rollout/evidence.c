/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/evidence.h"

#include <math.h>

/* ln 2 in two parts: the first has trailing zero bits, so that its product with a small integer is exact. */
static const double LN2_HIGH = 0x1.62e42feep-1;
static const double LN2_LOW = 0x1.a39ef35793c76p-33;
static const double INVERSE_LN2 = 0x1.71547652b82fep+0;
static const double SQRT_HALF = 0x1.6a09e667f3bcdp-1;
static const double PI = 0x1.921fb54442d18p+1;
static const double EXP_OVERFLOW = 709.782712893384;
static const double EXP_UNDERFLOW = -745.2;

/* ln(1 + f) = 2 artanh(s) with s = f / (2 + f), by its series in s^2 < 0.0295; the terms beyond are under 2^-60. */
double sal_ln(double x) {
        if (!(x > 0))
                return -INFINITY;
        if (x > 0x1.fffffffffffffp+1023)
                return x;
        int exponent = 0;
        double m = frexp(x, &exponent);
        if (m < SQRT_HALF) {
                m *= 2;
                exponent--;
        }
        double f = m - 1;
        double s = f / (2 + f);
        double z = s * s;
        double sum = 0;
        for (int n = 12; n >= 1; n--)
                sum = sum * z + 2.0 / (2 * n + 1);
        double tail = sum * z;
        double k = exponent;
        /* 2s = f - s f, written so that the large part f is added last and exactly. */
        return k * LN2_HIGH + (f - (s * (f - tail) - k * LN2_LOW));
}

/* exp(x) = 2^k exp(r), |r| <= ln(2) / 2, by the series of r up to r^14; the terms beyond are under 2^-60. */
double sal_exp(double x) {
        if (x > EXP_OVERFLOW)
                return INFINITY;
        if (x < EXP_UNDERFLOW)
                return 0;
        int k = (int)(x * INVERSE_LN2 + (x < 0 ? -0.5 : 0.5));
        double r = (x - k * LN2_HIGH) - k * LN2_LOW;
        double sum = 1;
        for (int n = 14; n >= 2; n--)
                sum = 1 + sum * r / n;
        return ldexp(1 + r * sum, k);
}

/* The quotients are given in the form that rounds least: with ten million offers an error of 2^-53 in one of them grows
 * to 1e-9 in the sum, and (1 - p_k) / (1 - p0) of W and p_k / p1 of V are exact fractions. */
static void add_term(struct sal_mixture *mixture, double up, double down) {
        mixture->up[mixture->count] = sal_ln(up);
        mixture->down[mixture->count] = sal_ln(down);
        mixture->count++;
}

void sal_mixture_w(double p0, struct sal_mixture *ret) {
        *ret = (struct sal_mixture){0};
        for (int k = 1; k <= 16; k++) {
                double step = (k - 0.5) / 16;
                add_term(ret, 1 + (1 - p0) / p0 * step, 1 - step);
        }
}

void sal_mixture_v(double p1, struct sal_mixture *ret) {
        *ret = (struct sal_mixture){0};
        for (int k = 1; k <= 8; k++) {
                double step = (k - 0.5) / 8;
                add_term(ret, step, (1 - p1 * step) / (1 - p1));
        }
}

double sal_mixture_ln(const struct sal_mixture *mixture, int64_t offered, int64_t failed) {
        double terms[SAL_MIXTURE_MAX];
        double largest = -INFINITY;
        for (int k = 0; k < mixture->count; k++) {
                terms[k] = (double)failed * mixture->up[k] + (double)(offered - failed) * mixture->down[k];
                if (terms[k] > largest)
                        largest = terms[k];
        }
        double sum = 0;
        for (int k = 0; k < mixture->count; k++)
                sum += sal_exp(terms[k] - largest);
        return largest + sal_ln(sum / mixture->count);
}

double sal_ln_mean(double a, double b) {
        double largest = a > b ? a : b;
        return largest + sal_ln((sal_exp(a - largest) + sal_exp(b - largest)) / 2);
}

double sal_ln_w(double p0, int64_t offered, int64_t failed) {
        struct sal_mixture mixture;
        sal_mixture_w(p0, &mixture);
        return sal_mixture_ln(&mixture, offered, failed);
}

double sal_ln_e(const struct sal_plan *plan, int64_t offered, int64_t failed, int64_t silent) {
        return sal_ln_mean(sal_ln_w(plan->acceptable_failure, offered, failed),
                           sal_ln_w(plan->acceptable_silence, offered, silent));
}

double sal_ln_v(double p1, int64_t offered, int64_t failed) {
        struct sal_mixture mixture;
        sal_mixture_v(p1, &mixture);
        return sal_mixture_ln(&mixture, offered, failed);
}

/* a: what is left of halt_error after so many resumed halts. */
static double error_left(const struct sal_plan *plan, int halts_resumed) {
        return ldexp(plan->halt_error, -halts_resumed);
}

/* c a: cohorts take the other half. */
static double error_of_all(const struct sal_plan *plan, int halts_resumed) {
        double a = error_left(plan, halts_resumed);
        return plan->cohort_count ? a / 2 : a;
}

double sal_bound_all(const struct sal_plan *plan, int halts_resumed) {
        return sal_ln(2 / error_of_all(plan, halts_resumed));
}

double sal_bound_block(const struct sal_plan *plan, int halts_resumed, int level, int64_t block) {
        double l = level;
        double b = (double)block;
        return sal_ln(2 * (l + 1) * (l + 2) * b * (b + 1) / error_of_all(plan, halts_resumed));
}

double sal_bound_cohort(const struct sal_plan *plan, int halts_resumed, int64_t j) {
        double number = (double)j;
        return sal_ln(PI * PI * number * number / (3 * error_left(plan, halts_resumed)));
}

double sal_bound_advance(const struct sal_plan *plan) {
        return sal_ln(1 / plan->advance_error);
}
