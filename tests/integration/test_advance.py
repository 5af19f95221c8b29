# SPDX-License-Identifier: Apache-2.0
"""Advance, pace, patience, completion: how a rescue widens."""

import pytest

from salvor import campaign as c
from salvor import maths
from salvor.wait import stays, until

RINGS = [{"name": "first", "share": 0.5, "soak_seconds": 3600, "growth": 20},
         {"name": "second", "share": 0.5, "soak_seconds": 3600, "growth": 20}]


class Rescue:
    """Two rings; machine names are chosen so that each is known to be in one of them."""

    def __init__(self, server, known=(300, 300), **plan):
        settings = dict(rings=RINGS, in_flight={"initial": 50, "max": 1000000}, max_attempts=1)
        settings.update(plan)
        self.server = server
        self.shares = [r["share"] for r in settings["rings"]]
        self.campaign = server.admin.started(c.payload(server.domain, rollout=c.plan(**settings)))
        self.facts = {"fault": self.campaign.id}
        self.names = self._names()
        for ring, count in enumerate(known):
            server.make_known([next(self.names[ring]) for _ in range(count)], self.facts)

    def _names(self):
        def of(ring):
            for i in range(10**9):
                name = f"{self.campaign.id}-{i}"
                if maths.ring_of(self.campaign.id, name, self.shares) == ring:
                    yield name

        return [of(ring) for ring in range(len(self.shares))]

    def machines(self, ring, count):
        return self.server.fleet(next(self.names[ring]) for _ in range(count))

    def fill(self, machines):
        """Lets machines poll until one is told to wait for room -> those that were offered"""
        until(lambda: self.campaign.get()["counted"], "the known matching machines are counted")
        taken = []
        for machine in machines:
            if machine.offer:
                continue
            answer = machine.poll(facts=self.facts)
            if answer["directive"] != "apply":
                assert answer["reason"] == "in_flight_cap", answer
                break
            taken.append(machine)
        return taken


def test_ring_assignment(shared):
    """By the hash of campaign and machine, salted by the campaign; the export counts by ring."""
    rings = [{"name": f"r{i}", "share": s, "soak_seconds": 0, "growth": 1} for i, s in enumerate([0.1, 0.2, 0.3, 0.4])]
    rescue = Rescue(shared, known=(), rings=rings)
    names = [f"{rescue.campaign.id}-assign-{i}" for i in range(200)]
    shared.make_known(names, rescue.facts)
    expected = {}
    for name in names:
        ring = f"r{maths.ring_of(rescue.campaign.id, name, rescue.shares)}"
        expected[ring] = expected.get(ring, 0) + 1
    preview = shared.admin.get(rescue.campaign.path + "/preview")
    assert {r["name"]: r["matching"] for r in preview["rings"]} == expected
    assert preview["matching"] == 200
    assert preview["sample"]
    for seen in preview["sample"]:
        assert seen["machine_id"] in names
        assert seen["ring"] == f"r{maths.ring_of(rescue.campaign.id, seen['machine_id'], rescue.shares)}"


def test_pin_wins(shared):
    rescue = Rescue(shared)
    first, second = rescue.machines(0, 2), rescue.machines(1, 3)
    for machine, ring in ((second[0], "first"), (first[0], "second"), (second[1], "first"), (first[1], "no-such-ring")):
        assert shared.admin.act("PATCH", f"/machines/{machine.id}", {"pin": ring}).status == 200
    assert second[0].says(facts=rescue.facts) == ("apply", "offered")
    assert first[0].says(facts=rescue.facts) == ("wait", "ring_not_open")
    # A ring that the plan lacks means its last ring.
    assert first[1].says(facts=rescue.facts) == ("wait", "ring_not_open")
    assert shared.admin.act("PATCH", f"/machines/{second[1].id}", {"pin": None}).status == 200
    assert second[1].says(facts=rescue.facts) == ("wait", "ring_not_open")


def test_24_successes_open_the_next_ring(shared):
    rescue = Rescue(shared)
    machines = rescue.machines(0, 24)
    other = rescue.machines(1, 1)[0]
    for machine in machines[:23]:
        machine.take(facts=rescue.facts)
        machine.report("healthy")
    assert rescue.campaign.open_rings() == ["first"]
    assert other.says(facts=rescue.facts) == ("wait", "ring_not_open")
    machines[23].take(facts=rescue.facts)
    assert rescue.campaign.open_rings() == ["first"]
    machines[23].report("healthy")
    until(lambda: rescue.campaign.open_rings() == ["first", "second"], "the second ring is open")
    decision = rescue.campaign.decisions("advance")[-1]
    assert decision["by"] == "engine" and decision["rule"] == "6.4"
    evidence = decision["evidence"]
    assert (evidence["offered"], evidence["failed"]) == (24, 0)
    assert evidence["ln_e"] == pytest.approx(3.726652373, abs=1e-8)
    assert evidence["bound"] == pytest.approx(2.995732274, abs=1e-8)
    assert other.says(facts=rescue.facts) == ("apply", "offered")


def test_with_one_failure_it_takes_32(shared):
    rescue = Rescue(shared)
    for i, machine in enumerate(rescue.machines(0, 32), 1):
        assert rescue.campaign.open_rings() == ["first"], i
        machine.take(facts=rescue.facts)
        machine.report("failed" if i == 4 else "healthy")
    until(lambda: rescue.campaign.open_rings() == ["first", "second"], "the second ring is open")
    evidence = rescue.campaign.decisions("advance")[-1]["evidence"]
    assert (evidence["offered"], evidence["failed"]) == (32, 1)
    assert evidence["ln_e"] == pytest.approx(3.194326136, abs=1e-8)


def test_soak_is_waited_for(shared):
    """`applied` is no settled success before its soak."""
    rescue = Rescue(shared)
    machines = rescue.machines(0, 24)
    for machine in machines:
        machine.take(facts=rescue.facts)
        machine.report("applied")
    assert rescue.campaign.open_rings() == ["first"]
    for machine in machines:
        machine.report("healthy")
    until(lambda: rescue.campaign.open_rings() == ["first", "second"], "the second ring is open")


def test_prefixes_matter(shared):
    """Pending newest offers do not hide the evidence of the first 24."""
    rescue = Rescue(shared)
    machines = rescue.machines(0, 40)
    for machine in machines:
        machine.take(facts=rescue.facts)
    for i, machine in enumerate(machines[:24], 1):
        assert rescue.campaign.open_rings() == ["first"], i
        machine.report("healthy")
    until(lambda: rescue.campaign.open_rings() == ["first", "second"], "the second ring is open")
    assert rescue.campaign.decisions("advance")[-1]["evidence"]["offered"] == 24


def test_pace_numbers(shared):
    """initial 5, growth 2; o=1..5 = s,f,s,s,s: cap 7; then 15; then 19."""
    rings = [{**RINGS[0], "growth": 2}, RINGS[1]]
    rescue = Rescue(shared, rings=rings, in_flight={"initial": 5, "max": 1000000})
    machines = rescue.machines(0, 80)
    first = rescue.fill(machines)
    assert len(first) == 5
    for machine, stage in zip(first, ["healthy", "failed", "healthy", "healthy", "healthy"]):
        machine.report(stage)
    second = rescue.fill(machines)
    assert len(second) == 7, "G=1, cap 7: o=6..12"
    second[0].report("healthy")
    third = rescue.fill(machines)
    assert len(third) == 9, "G=5, cap 15: 6 are pending"
    second[1].report("healthy")
    second[2].report("healthy")
    fourth = rescue.fill(machines)
    assert len(fourth) == 6, "G=7, cap 19: 13 are pending"
    assert len(rescue.campaign.offers("offered")) == 19


@pytest.mark.parametrize("known,expected", [(3, 1), (22, 2), (200, 5)])
def test_initial_is_at_most_a_tenth_of_the_known(shared, known, expected):
    """At least 1. The six machines that poll become known too, which changes none of these tenths."""
    rescue = Rescue(shared, known=(known,), rings=[{**RINGS[0], "share": 1}], in_flight={"initial": 5, "max": 100})
    machines = shared.fleet(f"{rescue.campaign.id}-x{i}" for i in range(6))
    assert len(rescue.fill(machines)) == expected


def test_max_is_the_ceiling(shared):
    rescue = Rescue(shared, in_flight={"initial": 2, "max": 3})
    machines = rescue.machines(0, 30)
    out = rescue.fill(machines)
    assert len(out) == 2
    for machine in out:
        machine.report("healthy")
    assert len(rescue.fill(machines)) == 3


def test_manual_advance(shared, refused):
    rescue = Rescue(shared, manual_advance=True)
    for machine in rescue.machines(0, 24):
        machine.take(facts=rescue.facts)
        machine.report("healthy")
    stays(lambda: rescue.campaign.open_rings() == ["first"], "no ring opens by itself", 1.0)
    refused(shared.admin.client.post(f"/api/v1{rescue.campaign.path}/advance", {"reason": "x"}), 403, "elevation-required")
    reply = rescue.campaign.do("advance")
    if reply.status == 409 and reply.slug == "acknowledge-required":
        newest = rescue.campaign.decisions()[-1]["id"]
        reply = rescue.campaign.do("advance", acknowledge=newest)
    assert reply.status == 200, reply
    assert rescue.campaign.open_rings() == ["first", "second"]
    assert rescue.campaign.decisions()[-1]["by"] == "operator"
    refused(rescue.campaign.do("advance", acknowledge=rescue.campaign.decisions()[-1]["id"]), 409)


def test_patience_opens_the_next_ring_but_the_stage_stays(shared):
    """None of the known machines of the open ring took an offer for patience_seconds."""
    rescue = Rescue(shared, patience_seconds=1)
    until(lambda: rescue.campaign.open_rings() == ["first", "second"], "patience has an end", 15)
    assert not rescue.campaign.decisions("advance")
    opened = rescue.campaign.decisions("open")
    assert any(d.get("ring") == "second" and d["by"] == "engine" for d in opened), opened


def test_next_ring_opens_when_everybody_is_settled(shared):
    """Every known matching machine of the open rings is settled."""
    rescue = Rescue(shared, known=(0, 20), in_flight={"initial": 5, "max": 100})
    machines = rescue.machines(0, 2)
    for machine in machines:
        machine.take(facts=rescue.facts)
        machine.report("healthy")
    until(lambda: rescue.campaign.open_rings() == ["first", "second"], "nobody is left in the first ring", 60)
    assert not rescue.campaign.decisions("advance")


def test_null_patience_never_opens(shared):
    rescue = Rescue(shared, patience_seconds=None)
    stays(lambda: rescue.campaign.open_rings() == ["first"], "no patience, no opening", 1.5)


def test_completion_by_quiet(shared):
    """Last ring open, nothing unsettled, nobody waiting for quiet_seconds; a late machine is still offered."""
    one = [{"name": "all", "share": 1, "soak_seconds": 0, "growth": 20}]
    rescue = Rescue(shared, known=(), rings=one, quiet_seconds=1)
    early, late = shared.fleet([f"{rescue.campaign.id}-early", f"{rescue.campaign.id}-late"])
    early.take(facts=rescue.facts)
    stays(lambda: rescue.campaign.state == "active", "not while an offer is unsettled", 1.5)
    early.report("applied")
    rescue.campaign.becomes("completed", 20)
    assert rescue.campaign.decisions("complete")[-1]["by"] == "engine"
    assert late.says(facts=rescue.facts) == ("apply", "offered")
    assert late.report("healthy")[0] is True


def test_halt_rule_holds_after_completion(shared):
    one = [{"name": "all", "share": 1, "soak_seconds": 0, "growth": 20}]
    rescue = Rescue(shared, known=(), rings=one, quiet_seconds=0)
    machines = shared.fleet(f"{rescue.campaign.id}-{i}" for i in range(12))
    machines[0].take(facts=rescue.facts)
    machines[0].report("healthy")
    rescue.campaign.becomes("completed", 20)
    for machine in machines[1:]:
        if rescue.campaign.state == "halted":
            break
        if machine.poll(facts=rescue.facts)["directive"] == "apply":
            machine.report("failed")
    assert rescue.campaign.state == "halted"
    assert rescue.campaign.decisions("halt")[-1]["by"] == "engine"


def test_decisions_follow_their_schema(shared):
    from salvor import schema

    rescue = Rescue(shared)
    for machine in rescue.machines(0, 24):
        machine.take(facts=rescue.facts)
        machine.report("healthy")
    rescue.campaign.must("pause")
    rescue.campaign.must("resume")
    rescue.campaign.must("halt")
    rescue.campaign.must("withdraw")
    decisions = rescue.campaign.decisions()
    for decision in decisions:
        schema.check("decision", decision)
    verdicts = [d["verdict"] for d in decisions]
    for verdict in ("advance", "pause", "resume", "halt", "withdraw"):
        assert verdict in verdicts
    assert len({d["id"] for d in decisions}) == len(decisions)
