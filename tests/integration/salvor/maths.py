# SPDX-License-Identifier: Apache-2.0
"""The statistics of the rollout, written from their definition and on purpose not like the server's code."""

import hashlib
import math
from fractions import Fraction


def _mixture(terms):
    top = max(terms)
    return top + math.log(sum(math.exp(t - top) for t in terms))


def ln_w(p0, s, f):
    p = [p0 + (1 - p0) * (k - 0.5) / 16 for k in range(1, 17)]
    return _mixture([f * math.log(q / p0) + (s - f) * math.log((1 - q) / (1 - p0)) for q in p]) - math.log(16)


def ln_e(s, f, z, failure=0.05, silence=0.10):
    return _mixture([ln_w(failure, s, f), ln_w(silence, s, z)]) - math.log(2)


def ln_v(s, f, p1=0.20):
    p = [p1 * (k - 0.5) / 8 for k in range(1, 9)]
    return _mixture([f * math.log(q / p1) + (s - f) * math.log((1 - q) / (1 - p1)) for q in p]) - math.log(8)


def bound_all(resumed=0, cohorts=False, error=0.01):
    return math.log(2 / ((0.5 if cohorts else 1) * error / 2**resumed))


def bound_block(level, block, resumed=0, cohorts=False, error=0.01):
    a = error / 2**resumed
    return math.log(2 * (level + 1) * (level + 2) * block * (block + 1) / ((0.5 if cohorts else 1) * a))


def bound_cohort(j, resumed=0, error=0.01):
    return math.log(math.pi**2 * j**2 / (3 * error / 2**resumed))


def ring_of(campaign, machine, shares):
    """Index of the ring of a machine without a pin, in exact arithmetic."""
    digest = hashlib.sha256(f"{campaign}:{machine}".encode()).digest()
    u = Fraction(int.from_bytes(digest[:8], "big"), 2**64)
    total = Fraction(0)
    for index, share in enumerate(shares[:-1]):
        total += Fraction(share)
        if u < total:
            return index
    return len(shares) - 1
