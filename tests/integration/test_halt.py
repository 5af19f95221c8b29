# SPDX-License-Identifier: Apache-2.0
"""The halt rule seen from outside, with the reference numbers of the rules, recomputed here."""

import pytest

from salvor import campaign as c
from salvor import maths
from salvor.wait import until

ONE_RING = [{"name": "all", "share": 1, "soak_seconds": 3600, "growth": 20}]


class Rescue:
    """A campaign of one ring and machines that do as they are told."""

    def __init__(self, server, known=60, machines=0, facts=None, **plan):
        settings = dict(rings=ONE_RING, in_flight={"initial": 5, "max": 1000000}, max_attempts=1)
        settings.update(plan)
        self.server = server
        self.campaign = server.admin.started(c.payload(server.domain, rollout=c.plan(**settings)))
        self.facts = {"fault": self.campaign.id, **(facts or {})}
        server.make_known([f"{self.campaign.id}-known-{i}" for i in range(known)], self.facts)
        self.machines = server.fleet(f"{self.campaign.id}-{i}" for i in range(machines))

    def evidence(self, verdict="halt"):
        return self.campaign.decisions(verdict)[-1]

    def fill(self, machines=None):
        """Lets machines poll until one is told to wait for room -> those that were offered"""
        until(lambda: self.campaign.get()["counted"], "the known matching machines are counted")
        taken = []
        for machine in machines if machines is not None else self.machines:
            if machine.offer:
                continue
            answer = machine.poll(facts=self.facts)
            if answer["directive"] != "apply":
                assert answer["reason"] == "in_flight_cap", answer
                break
            taken.append(machine)
        return taken


def test_reference_numbers():
    """The independent computation gives the numbers that were written down."""
    for (s, f, z), value in {(5, 3, 0): 4.354634973, (5, 4, 0): 7.995579673, (50, 0, 15): 5.264493379,
                             (1000, 50, 100): -7.210419435}.items():
        assert maths.ln_e(s, f, z) == pytest.approx(value, abs=1e-8)
    for (s, f), value in {(24, 0): 3.726652373, (24, 1): 1.942421155, (32, 1): 3.194326136, (96, 9): 3.039265627}.items():
        assert maths.ln_v(s, f) == pytest.approx(value, abs=1e-8)
    assert maths.bound_all() == pytest.approx(5.298317367, abs=1e-8)
    assert maths.bound_all(resumed=1) == pytest.approx(5.991464547, abs=1e-8)
    assert maths.bound_block(0, 31) == pytest.approx(12.891187654, abs=1e-8)
    for j, value in {1: 5.796017669, 2: 7.182312030, 3: 7.993242246, 12: 10.765830969}.items():
        assert maths.bound_cohort(j) == pytest.approx(value, abs=1e-8)


def check_halt(decision, s, f, z, bound):
    evidence = decision["evidence"]
    assert decision["by"] == "engine" and decision["rule"] == "6.3", decision
    assert (evidence["offered"], evidence["failed"], evidence["silent"]) == (s, f, z), decision
    assert evidence["ln_e"] == pytest.approx(maths.ln_e(s, f, z), abs=1e-8)
    assert evidence["bound"] == pytest.approx(bound, abs=1e-8)
    assert evidence["ln_e"] >= evidence["bound"]


def test_the_fourth_failure_halts(shared):
    rescue = Rescue(shared, machines=7)
    out = rescue.fill()
    assert len(out) == 5, "initial 5"
    for machine in out[:3]:
        assert machine.report("failed") == (True, "failed")
        assert rescue.campaign.state == "active"
    assert out[3].report("failed") == (True, "failed")
    # In the same transaction: no time passes between the report and the halt.
    assert rescue.campaign.state == "halted"
    check_halt(rescue.evidence(), 5, 4, 0, maths.bound_all())
    assert rescue.campaign.offer(out[4].offer["offer_id"])["state"] == "recalled"
    assert out[4].says(facts=rescue.facts) == ("wait", "halted")
    assert rescue.machines[6].says(facts=rescue.facts) == ("wait", "halted")
    reply = shared.anonymous.get(f"/tuf/targets/campaigns/{out[0].offer['sha256']}.{rescue.campaign.id}-1.json")
    assert reply.status == 404


def test_the_fourth_silent_halts(shared):
    # The deadline leaves time to hand out all five before the first one has passed.
    rescue = Rescue(shared, machines=5, outcome_deadline_seconds=3)
    assert len(rescue.fill()) == 5
    rescue.campaign.becomes("halted", 20)
    check_halt(rescue.evidence(), 5, 0, 4, maths.bound_all())
    assert rescue.evidence()["evidence"]["ln_e"] == pytest.approx(5.331010758, abs=1e-8)


@pytest.mark.parametrize("cause", ["refused", "repolled"])
def test_refused_and_repolled_count_as_silence(shared, cause):
    rescue = Rescue(shared, machines=5)
    out = rescue.fill()
    assert len(out) == 5
    for machine in out[:4]:
        assert rescue.campaign.state == "active"
        if cause == "refused":
            machine.report("refused")
        else:
            machine.reboot().poll(facts=rescue.facts)
    assert rescue.campaign.state == "halted"
    check_halt(rescue.evidence(), 5, 0, 4, maths.bound_all())


def test_not_applicable_lowers_s(shared):
    """Three of five failed: not yet. One was no case: now it is three of four."""
    rescue = Rescue(shared, machines=5)
    out = rescue.fill()
    for machine in out[:3]:
        machine.report("failed")
    assert rescue.campaign.state == "active"
    halts = maths.ln_e(4, 3, 0) >= maths.bound_all()
    out[3].report("not_applicable")
    assert (rescue.campaign.state == "halted") == halts
    if not halts:
        out[4].report("not_applicable")
        assert maths.ln_e(3, 3, 0) >= maths.bound_all()
        assert rescue.campaign.state == "halted"
        check_halt(rescue.evidence(), 3, 3, 0, maths.bound_all())


def test_relapse_counts_as_failure(shared):
    rescue = Rescue(shared, machines=5)
    out = rescue.fill()
    for machine in out:
        machine.report("applied")
    for machine in out[:4]:
        assert rescue.campaign.state == "active"
        machine.reboot().poll(facts=rescue.facts)
    assert rescue.campaign.state == "halted"
    check_halt(rescue.evidence(), 5, 4, 0, maths.bound_all())


def test_later_attempts_do_not_count(shared):
    """Counted is a machine's first offer of this version."""
    rescue = Rescue(shared, machines=1, max_attempts=10)
    machine = rescue.machines[0]
    for attempt in range(1, 9):
        assert machine.take(facts=rescue.facts)["attempt"] == attempt
        machine.report("failed")
        machine.reboot()
        assert rescue.campaign.state == "active"


def test_failures_of_anonymous_machines_count_in_no_test(domain):
    from salvor.machine import Machine
    from salvor.server import Server

    domain.conf.set("anonymous_poll", True)
    server = Server(domain).start()
    try:
        rescue = Rescue(server)
        plane = server.machine_plane()
        for i in range(8):
            machine = Machine(server, f"nobody-{i}", plane)
            if machine.poll(facts=rescue.facts)["directive"] == "apply":
                machine.report("failed")
        assert rescue.campaign.state == "active"
    finally:
        server.stop()


# ---- resume ----

def halted(server, machines=12, **plan):
    rescue = Rescue(server, machines=machines, **plan)
    for machine in rescue.fill()[:4]:
        machine.report("failed")
    assert rescue.campaign.state == "halted"
    return rescue


def test_resume_needs_the_acknowledgement(shared, refused):
    rescue = halted(shared)
    newest = rescue.campaign.halt_id()
    reply = refused(rescue.campaign.do("resume"), 409, "acknowledge-required")
    assert str(newest) in reply.body.decode(), reply
    for wrong in ("0", "999999999", "x"):
        reply = rescue.campaign.do("resume", acknowledge=wrong)
        refused(reply, (400, 409))
    assert rescue.campaign.state == "halted"
    rescue.campaign.must("resume", acknowledge=newest)
    assert rescue.campaign.state == "active"
    resumed = rescue.campaign.decisions("resume")
    assert len(resumed) == 1 and resumed[0]["by"] == "operator"


def test_resume_halves_the_error_and_counts_anew(shared):
    rescue = halted(shared)
    rescue.campaign.must("resume", acknowledge=rescue.campaign.halt_id())
    # A new counting period: the machines of the old one are still exhausted, others are offered.
    out = rescue.fill(rescue.machines[5:])
    assert len(out) == 5
    for machine in out[:3]:
        machine.report("failed")
        assert rescue.campaign.state == "active"
    out[3].report("failed")
    assert rescue.campaign.state == "halted"
    check_halt(rescue.evidence(), 5, 4, 0, maths.bound_all(resumed=1))


def test_resume_after_an_operators_halt_changes_no_count(shared):
    rescue = Rescue(shared, machines=5)
    out = rescue.fill()
    for machine in out[:3]:
        machine.report("failed")
    rescue.campaign.must("halt")
    reply = rescue.campaign.do("resume")
    if reply.status == 409:
        assert reply.slug == "acknowledge-required"
        rescue.campaign.must("resume", acknowledge=rescue.campaign.halt_id())
    assert rescue.campaign.state == "active"
    # The other two are recalled and stay in S: 5 offered, 3 failed. A further machine is number 6.
    more = shared.fleet(f"{rescue.campaign.id}-more-{i}" for i in range(2))
    more[0].take(facts=rescue.facts)
    more[0].report("failed")
    halts = maths.ln_e(6, 4, 0) >= maths.bound_all()
    assert (rescue.campaign.state == "halted") == halts
    if halts:
        check_halt(rescue.evidence(), 6, 4, 0, maths.bound_all())


def test_halted_by_the_engine_is_journaled_with_its_cause(shared):
    rescue = halted(shared)
    events = [e for e in shared.events() if e.get("campaign") == rescue.campaign.id]
    decision = next(e for e in events if e["type"] == "decision" and e["decision"]["verdict"] == "halt")
    fourth = [e for e in events if e["type"] == "failed"][3]
    assert fourth["seq"] < decision["seq"] <= fourth["seq"] + 4, "the decision stands beside the event that caused it"
    assert decision["decision"]["id"] == rescue.campaign.halt_id()


# ---- cohorts ----

def test_cohort_is_held_and_nothing_left_halts(shared):
    """The first three offers all of model A, three failures."""
    rescue = Rescue(shared, machines=3, facts={"model": "A"}, cohorts=["model"])
    out = rescue.fill()
    assert len(out) == 3
    for machine in out:
        assert rescue.campaign.state == "active"
        machine.report("failed")
    assert rescue.campaign.state == "halted"
    hold = rescue.evidence("hold_cohort")
    assert hold["cohort"] == "model=A" and hold["rule"] == "6.3"
    assert (hold["evidence"]["offered"], hold["evidence"]["failed"]) == (3, 3)
    assert hold["evidence"]["bound"] == pytest.approx(maths.bound_cohort(1), abs=1e-8)
    assert hold["evidence"]["ln_e"] == pytest.approx(maths.ln_e(3, 3, 0), abs=1e-8)


def held(server):
    """A is held; a pending offer of B keeps the campaign going -> (rescue, machine of B)"""
    rescue = Rescue(server, machines=6, cohorts=["model"])
    a, b = {**rescue.facts, "model": "A"}, {**rescue.facts, "model": "B"}
    for machine in rescue.machines[:3]:
        machine.take(facts=a)
    rescue.machines[3].take(facts=b)
    for machine in rescue.machines[:3]:
        machine.report("failed")
    return rescue, a, b


def test_cohort_is_held_and_the_rest_goes_on(shared):
    rescue, a, b = held(shared)
    assert rescue.campaign.state == "active"
    assert rescue.machines[4].says(facts=a) == ("wait", "halted")
    # The known machines are counted anew, without A's; until that is done there may be room for one only.
    until(lambda: rescue.machines[5].says(facts=b) == ("apply", "offered"), "B goes on")
    assert rescue.machines[3].says(facts=b) == ("apply", "offered")
    hold = rescue.evidence("hold_cohort")
    assert hold["cohort"] == "model=A"
    # B alone is left in the sums.
    assert not rescue.campaign.decisions("halt")


def test_cohort_is_released(shared):
    """It takes the next free j and counts from zero."""
    rescue, a, b = held(shared)
    rescue.campaign.must("resume", cohort="model=A")
    until(lambda: rescue.machines[4].says(facts=a) == ("apply", "offered"), "A is offered again")
    assert rescue.campaign.state == "active"


@pytest.mark.parametrize("cohort", ["model=B", "model=Z", "os_version=1", "nonsense"])
def test_release_of_what_is_not_held(shared, refused, cohort):
    rescue, _, _ = held(shared)
    refused(rescue.campaign.do("resume", cohort=cohort), (400, 404, 409))


def test_missing_fact_is_no_cohort(shared):
    rescue = Rescue(shared, machines=5, cohorts=["model"])
    out = rescue.fill()
    for machine in out[:3]:
        machine.report("failed")
    assert rescue.campaign.state == "active" and not rescue.campaign.decisions("hold_cohort")
    out[3].report("failed")
    assert rescue.campaign.state == "halted"
    check_halt(rescue.evidence(), 5, 4, 0, maths.bound_all(cohorts=True))


# ---- a block: a late change is not diluted by a good history ----

@pytest.mark.slow
def test_block_halts_a_fix_that_turns_bad(server):
    """1,000 successes, then every offer fails at once: at i = 1008, block 31 of level 0, S=17 F=9."""
    campaign = server.admin.started(c.payload(server.domain, rollout=c.plan(rings=ONE_RING, max_attempts=1)))
    facts = {"fault": campaign.id}
    token = server.enrollment_token(uses=1100)
    plane = server.machine_plane()
    made = 0
    for i in range(1020):
        machine = server.enroll(f"m{i}", token, plane=plane)
        answer = machine.poll(facts=facts)
        if answer["directive"] != "apply":
            break
        made += 1
        assert machine.report("healthy" if i < 1000 else "failed")[0] is True
    assert made == 1009
    assert campaign.state == "halted"
    decision = campaign.decisions("halt")[-1]
    assert decision["evidence"]["block"] == [0, 31]
    check_halt(decision, 17, 9, 0, maths.bound_block(0, 31))
    assert decision["evidence"]["ln_e"] == pytest.approx(13.741068121, abs=1e-8)


# ---- while it is not active ----

def test_reports_count_while_paused(shared):
    rescue = Rescue(shared, machines=5)
    out = rescue.fill()
    rescue.campaign.must("pause")
    for machine in out[:4]:
        assert machine.report("failed") == (True, "failed")
    until(lambda: rescue.campaign.state == "halted", "the reports of a paused campaign halt it")
