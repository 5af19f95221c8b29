# SPDX-License-Identifier: Apache-2.0
"""The model of salvor/oracle.py gives every published reference value, to nine decimals; nothing runs here."""

import itertools
import math

import pytest

from salvor.oracle import (DEFAULT_PLAN, Offer, Rollout, Verdict, exact_ln_e, exact_ln_v, ln_v, prefixes)

NINE = 5e-10
NUMBER = itertools.count(1)


def rollout(**changes):
    made = Rollout({**DEFAULT_PLAN, "cohorts": [], **changes})
    made.open = 1
    return made


def offered(r, count, *cohorts):
    """So many counted offers, all pending."""
    made = []
    for _ in range(count):
        i = len([x for x in r.offers if x.counted and x.period == r.period])
        made.append(Offer(f"o{next(NUMBER)}", ("c", 1), f"m{next(NUMBER)}", 0, r.stage, 1, True, i,
                          len(r.of_stage(r.stage)) + 1, r.period, cohorts, 0))
        r.add(made[-1])
    return made


def become(offers, state, cause=None):
    for x in offers:
        x.state, x.cause = state, cause


def made(s, f, z):
    r = rollout()
    out = offered(r, s)
    become(out[:f], "failed", "reported")
    become(out[f:f + z], "failed", "silent")
    return r


@pytest.mark.parametrize("s,f,z,value", [(5, 3, 0, 4.354634973), (5, 4, 0, 7.995579673), (50, 0, 15, 5.264493379),
                                         (1000, 50, 100, -7.210419435), (10**7, 503000, 10**6, -37905.586662544),
                                         (5, 0, 4, 5.331010758), (17, 9, 0, 13.741068121)])
def test_ln_e(s, f, z, value):
    assert rollout().ln_e(s, f, z) == pytest.approx(value, rel=1e-13, abs=NINE)
    assert float(exact_ln_e(s, f, z)) == pytest.approx(value, abs=NINE)


@pytest.mark.parametrize("s,f,value", [(24, 0, 3.726652373), (24, 1, 1.942421155), (32, 1, 3.194326136),
                                       (96, 9, 3.039265627), (96, 10, 2.257857207)])
def test_ln_v(s, f, value):
    assert ln_v(0.2, s, f) == pytest.approx(value, abs=NINE)
    assert float(exact_ln_v(0.2, s, f)) == pytest.approx(value, abs=NINE)


def test_floats_are_good_enough():
    """The sums in binary are those in fifty digits, wherever a test of this project may come."""
    r = rollout()
    for s in (1, 2, 7, 33, 200, 4096):
        for f in {0, 1, s // 20, s // 3, s}:
            assert r.ln_e(s, f, s - f) == pytest.approx(float(exact_ln_e(s, f, s - f)), rel=1e-11, abs=1e-11)
            assert ln_v(0.2, s, f) == pytest.approx(float(exact_ln_v(0.2, s, f)), rel=1e-11, abs=1e-11)


def test_bounds():
    r = rollout()
    assert r.bound_all() == pytest.approx(5.298317367, abs=NINE)
    assert math.log(1 / DEFAULT_PLAN["advance_error"]) == pytest.approx(2.995732274, abs=NINE)
    for j, value in {1: 5.796017669, 2: 7.182312030, 3: 7.993242246, 12: 10.765830969}.items():
        assert r.bound_cohort(j) == pytest.approx(value, abs=NINE)
    assert r.bound_block(0, 31) == pytest.approx(12.891187654, abs=NINE)
    r.k = 1
    assert r.bound_all() == pytest.approx(5.991464547, abs=NINE)
    r.k, r.plan["cohorts"] = 0, ["model"]
    assert r.bound_all() == pytest.approx(5.991464547, abs=NINE), "cohorts take half of the error"


def test_prefixes():
    assert prefixes(0) == []
    assert prefixes(25) == [1, 2, 3, 4, 6, 8, 12, 16, 24]


@pytest.mark.parametrize("cause", ["reported", "silent", "repolled", "refused", "relapsed"])
def test_the_fourth_of_five_halts(cause):
    r = rollout()
    out = offered(r, 5)
    become(out[:3], "failed", cause)
    assert r.look() is None
    become(out[:4], "failed", cause)
    verdict = r.look()
    reported = cause in ("reported", "relapsed")
    assert (verdict.kind, verdict.offered) == ("halt", 5)
    assert (verdict.failed, verdict.silent) == ((4, 0) if reported else (0, 4))
    assert verdict.ln_e == pytest.approx(7.995579673 if reported else 5.331010758, abs=NINE)


def test_block_after_a_thousand_successes():
    r = rollout()
    become(offered(r, 1000), "succeeded")
    for i in range(1000, 1008):
        become(offered(r, 1), "failed", "reported")
        assert r.look() is None, i
    become(offered(r, 1), "failed", "reported")
    verdict = r.look()
    assert verdict == Verdict("halt", 17, 9, 0, verdict.ln_e, verdict.bound, block=[0, 31])
    assert verdict.ln_e == pytest.approx(13.741068121, abs=NINE)
    assert verdict.bound == pytest.approx(12.891187654, abs=NINE)


def test_pace():
    r = rollout()
    known = 10**6
    out = offered(r, 5)
    become(out, "succeeded")
    become(out[1:2], "failed", "reported")
    assert (r.gain(0), r.cap(known), r.excess()) == (1, 7, pytest.approx(0.25))
    out += offered(r, 7)
    assert r.gain(0) == 1
    become(out[5:6], "succeeded")
    assert (r.gain(0), r.cap(known)) == (5, 15)
    become(out[6:8], "succeeded")
    assert (r.gain(0), r.cap(known)) == (7, 19)


@pytest.mark.parametrize("known,cap", [(0, 1), (9, 1), (19, 1), (20, 2), (49, 4), (50, 5), (10**6, 5)])
def test_initial_is_at_most_a_tenth(known, cap):
    assert rollout().cap(known) == cap


def test_advance():
    r = rollout()
    become(offered(r, 23), "succeeded")
    assert r.advances() == []
    last = offered(r, 1)
    assert r.advances() == []
    become(last, "succeeded")
    assert [(x.offered, x.failed) for x in r.advances()] == [(24, 0)]
    become(r.offers[3:4], "failed", "reported")
    assert r.advances() == []
    become(offered(r, 8), "succeeded")
    assert [(x.offered, x.failed) for x in r.advances()] == [(32, 1)]


def test_cohort_and_nothing_left():
    r = rollout(cohorts=["model"])
    become(offered(r, 3, "model=A"), "failed", "reported")
    verdict = r.look()
    assert (verdict.kind, verdict.cohort, verdict.offered) == ("hold", "model=A", 3)
    r.hold("model=A")
    assert r.look().kind == "halt"


def test_cohort_and_one_of_another():
    r = rollout(cohorts=["model"])
    out = offered(r, 3, "model=A")
    offered(r, 1, "model=B")
    become(out, "failed", "reported")
    r.hold(r.look().cohort)
    assert r.look() is None
    assert r.sums(r.counted()) == (1, 0, 0)
