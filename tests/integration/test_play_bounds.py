# SPDX-License-Identifier: Apache-2.0
"""Plans outside their ranges: each bound of the plan is refused on its far side, at its pointer, by its name, and allowed on it."""

import pytest

from salvor import campaign as c
from salvor import oracle

API = "/api/v1"
MONTH = 30 * 86400


def rings(*shares, **of_the_first):
    made = [{"name": f"r{n}", "share": share} for n, share in enumerate(shares)]
    made[0].update(of_the_first)
    return made


# pointer below /rollout -> (what is just allowed, what is just refused)
BOUNDS = {
    "/in_flight/initial": ([1, 1_000_000], [0, -1, 1_000_001]),
    "/in_flight/max": ([1000, 100_000_000], [0, -1, 100_000_001]),
    "/acceptable_failure": ([0.0001, 0.0999], [0, 1, -0.01]),
    "/unacceptable_failure": ([0.151, 0.999], [0, 1, 1.01, -0.2]),
    "/acceptable_silence": ([0.0001, 0.1499], [0, 1, -0.01]),
    "/halt_error": ([0.0001, 0.5], [0, 0.5001, 1, -0.01]),
    "/advance_error": ([0.0001, 0.5], [0, 0.5001, 1, -0.05]),
    "/outcome_deadline_seconds": ([1, MONTH], [0, -1, MONTH + 1]),
    "/relapse_window_seconds": ([0, MONTH], [-1, MONTH + 1]),
    "/max_attempts": ([1, 100], [0, -1, 101]),
    "/patience_seconds": ([0, MONTH, None], [-1, MONTH + 1]),
    "/quiet_seconds": ([0, MONTH], [-1, MONTH + 1]),
    "/rings/0/soak_seconds": ([0, MONTH], [-1, MONTH + 1]),
    "/rings/0/growth": ([0, 0.5, 1000], [-0.1, 1000.1]),
    "/rings/0/share": ([1], [0, -0.1, 1.1]),
    "/rings/0/name": (["a", "x" * 32, "a-1"], ["", "x" * 33, "A", "a_b", "a b"]),
}
# A plan in which each bound can be looked at without another one in its way.
PLAN = c.plan(acceptable_failure=0.05, unacceptable_failure=0.20, acceptable_silence=0.10, in_flight={"initial": 1, "max": 1_000_000})


def payload(server, pointer, value):
    if pointer == "/in_flight/max":
        return c.put_at(c.payload(server.domain, rollout=PLAN), "/rollout/in_flight", {"initial": 1, "max": value})
    return c.put_at(c.payload(server.domain, rollout=PLAN), "/rollout" + pointer, value)


@pytest.mark.parametrize("pointer,value", [(p, v) for p, (_, refused) in BOUNDS.items() for v in refused], ids=repr)
def test_beyond_a_bound(shared, unchanged, refused, pointer, value):
    """400 at the member's own pointer, in words that name the member and what it may be."""
    unchanged()
    reply = refused(shared.admin.client.post(API + "/campaigns", payload(shared, pointer, value)), 400, pointer="/rollout")
    name = pointer.rpartition("/")[2]
    error = next(e for e in reply.json()["errors"] if e["pointer"].startswith("/rollout"))
    assert error["pointer"] == "/rollout" + pointer, reply
    assert name in error["detail"], reply
    assert any(ch.isdigit() for ch in error["detail"]), f"which bound? {reply}"


@pytest.mark.parametrize("pointer,value", [(p, v) for p, (allowed, _) in BOUNDS.items() for v in allowed], ids=repr)
def test_on_a_bound(shared, pointer, value):
    shared.admin.create(payload(shared, pointer, value))


SUMS = [(0.05, 0.10, 0.15), (0.1, 0.1, 0.2), (0.15, 0.10, 0.20), (0.3, 0.3, 0.5)]


@pytest.mark.parametrize("failure,silence,unacceptable", SUMS)
def test_acceptable_reaches_unacceptable(shared, unchanged, refused, failure, silence, unacceptable):
    """acceptable_failure + acceptable_silence < unacceptable_failure, or the rules would have nothing to tell apart."""
    plan = c.plan(acceptable_failure=failure, acceptable_silence=silence, unacceptable_failure=unacceptable)
    unchanged()
    reply = refused(shared.admin.client.post(API + "/campaigns", c.payload(shared.domain, rollout=plan)), 400)
    assert reply.pointers == ["/rollout/unacceptable_failure"], reply
    for name in ("acceptable_failure", "acceptable_silence"):
        assert name in reply.json()["errors"][0]["detail"], reply


def test_a_sum_just_below(shared):
    shared.admin.create(c.payload(shared.domain, rollout=c.plan(acceptable_failure=0.05, acceptable_silence=0.10,
                                                                unacceptable_failure=0.1501)))


@pytest.mark.parametrize("shares", [(0.5,), (0.5, 0.4), (0.5, 0.51), (0.5, 0.5 + 3e-9), (0.3, 0.3, 0.3)])
def test_shares_that_miss_one(shared, unchanged, refused, shares):
    unchanged()
    reply = refused(shared.admin.client.post(API + "/campaigns", c.payload(shared.domain, rollout=c.plan(rings=rings(*shares)))), 400)
    assert reply.pointers == ["/rollout/rings"] and "1e-9" in reply.json()["errors"][0]["detail"], reply


def test_shares_within_a_billionth(shared):
    shared.admin.create(c.payload(shared.domain, rollout=c.plan(rings=rings(0.5, 0.5 + 5e-10))))


def test_max_below_initial(shared, unchanged, refused):
    unchanged()
    plan = c.plan(in_flight={"initial": 10, "max": 9})
    reply = refused(shared.admin.client.post(API + "/campaigns", c.payload(shared.domain, rollout=plan)), 400)
    assert reply.pointers == ["/rollout/in_flight/max"] and "10" in reply.json()["errors"][0]["detail"], reply


@pytest.mark.parametrize("count,allowed", [(1, True), (16, True), (17, False), (0, False)])
def test_number_of_rings(shared, refused, count, allowed):
    value = c.payload(shared.domain, rollout=c.plan(rings=rings(*[1 / count] * count) if count else []))
    reply = shared.admin.client.post(API + "/campaigns", value)
    if allowed:
        assert reply.status == 201, reply
    else:
        refused(reply, 400, pointer="/rollout/rings")


@pytest.mark.parametrize("count,allowed", [(0, True), (8, True), (9, False)])
def test_number_of_cohorts(shared, refused, count, allowed):
    value = c.payload(shared.domain, rollout=c.plan(cohorts=[f"fact_{n}" for n in range(count)]))
    reply = shared.admin.client.post(API + "/campaigns", value)
    if allowed:
        assert reply.status == 201, reply
    else:
        refused(reply, 400, pointer="/rollout/cohorts")


@pytest.mark.parametrize("start,end,allowed", [(-3600, -3600 + MONTH - 60, True), (-3600, -3600 + MONTH + 60, False),
                                               (3600, 3599, False), (3600, 3600, False)])
def test_length_of_life(shared, refused, start, end, allowed):
    value = c.payload(shared.domain, not_before=c.utc(start), expires=c.utc(end))
    reply = shared.admin.client.post(API + "/campaigns", value)
    if allowed:
        assert reply.status == 201, reply
    else:
        refused(reply, 400, pointer="/expires")


def test_the_default_is_the_documented_one(shared):
    """Member by member, as the rules print it: it stands with the oracle, which is written from nothing but them."""
    campaign = shared.admin.create(c.payload(shared.domain, rollout=None))
    assert campaign.get()["plan"] == oracle.DEFAULT_PLAN
