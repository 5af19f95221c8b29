# SPDX-License-Identifier: Apache-2.0
"""Outages on the wire: most of the fleet is healthy and never asks; nobody is known before; users who keep pressing the button."""

import json

import pytest

from salvor import campaign as c
from salvor import maths
from salvor.wait import stays, until

RINGS = [{"name": "canary", "share": 0.1, "soak_seconds": 0, "growth": 2}, {"name": "early", "share": 0.3, "soak_seconds": 0, "growth": 6},
         {"name": "broad", "share": 0.6, "soak_seconds": 0, "growth": 20}]
SHARES = [r["share"] for r in RINGS]


def outage(server, **plan):
    settings = dict(rings=RINGS, in_flight={"initial": 5, "max": 1000}, quiet_seconds=1)
    settings.update(plan)
    campaign = server.admin.ready(c.payload(server.domain, rollout=c.plan(**settings)))
    return campaign, {"fault": campaign.id}


def rescue(machines, facts):
    """Each asks once; who is offered the fix applies it -> those that still wait"""
    waiting = []
    for machine in machines:
        answer = machine.poll(facts=facts)
        if answer["directive"] != "apply":
            assert answer["reason"] in ("in_flight_cap", "ring_not_open"), answer
            waiting.append(machine)
            continue
        assert machine.report("applied")[0] is True
    return waiting


def rescue_all(machines, facts, seconds=60):
    left = list(machines)

    def round():
        left[:] = rescue(left, facts)
        return not left

    until(round, f"everybody is served, {len(left)} are left", seconds, every=0.1)


@pytest.mark.slow
def test_most_of_a_ring_never_asks(server):
    """A thousand are known, thirty of them fail to boot. Patience goes from ring to ring, and it ends completed."""
    campaign, facts = outage(server, patience_seconds=1)
    names = [f"pc-{n}" for n in range(1000)]
    server.make_known(names, facts)
    broken = server.fleet(names[::34])
    assert len(broken) == 30
    campaign.start()
    until(lambda: campaign.get()["counted"], "the known are counted")
    rescue_all(broken, facts)
    campaign.becomes("completed", 20)
    rings = campaign.rings()
    assert all(ring["open"] for ring in rings.values())
    assert sum(ring["succeeded"] for ring in rings.values()) == 30
    for name, ring in rings.items():
        here = sum(RINGS[maths.ring_of(campaign.id, m.id, SHARES)]["name"] == name for m in broken)
        assert ring["offered"] == here, (name, rings)
    opened = [d["ring"] for d in campaign.decisions("open") if d["by"] == "engine"]
    assert opened == ["early", "broad"]
    # Those who come later are served all the same.
    late = server.enroll("pc-7")
    assert late.says(facts=facts) == ("apply", "offered")


def test_without_patience_the_ring_stays_shut(server):
    campaign, facts = outage(server, patience_seconds=None)
    server.make_known([f"pc-{n}" for n in range(200)], facts)
    campaign.start()
    until(lambda: campaign.get()["counted"], "the known are counted")
    stays(lambda: campaign.open_rings() == ["canary"], "nothing opens by itself", 1.5)


def test_an_empty_ring_holds_nobody_up(server):
    """Everybody known is of the last ring: the others open at once, the stage stays."""
    campaign, facts = outage(server, patience_seconds=None)
    server.make_known([f"pc-{n}" for n in range(30)], facts)
    for n in range(30):
        assert server.admin.act("PATCH", f"/machines/pc-{n}", {"pin": "broad"}).status == 200
    campaign.start()
    until(lambda: campaign.open_rings() == ["canary", "early", "broad"], "the empty rings open")
    assert not campaign.decisions("advance")
    machine = server.enroll("pc-3")
    assert machine.says(facts=facts) == ("apply", "offered")
    assert campaign.rings()["broad"]["offered"] == 1


def test_one_ring_only(server):
    """Nothing to open, nothing to advance to."""
    campaign, facts = outage(server, rings=[{"name": "all", "share": 1, "soak_seconds": 0, "growth": 20}], patience_seconds=0)
    campaign.start()
    rescue_all(server.fleet(f"pc-{n}" for n in range(40)), facts)
    campaign.becomes("completed", 20)
    assert [d["verdict"] for d in campaign.decisions()] == ["open", "complete"]


def test_a_fleet_that_enrols_during_the_outage(server):
    """Nobody is known at the start; each machine enrols with its first failed boot."""
    campaign, facts = outage(server, patience_seconds=1)
    campaign.start()
    left = []
    for wave in range(5):
        left += server.fleet([f"new-{wave}-{n}" for n in range(12)], facts)
        left = rescue(left, facts)
    rescue_all(left, facts)
    campaign.becomes("completed", 20)
    assert sum(ring["succeeded"] for ring in campaign.rings().values()) == 60
    assert not campaign.decisions("halt")


def test_a_user_who_keeps_pressing_the_button(server):
    """A boot per poll: the attempts are used up, one of them counted; then a person has to go."""
    campaign, facts = outage(server, rings=[{"name": "all", "share": 1, "soak_seconds": 3600, "growth": 20}], max_attempts=3,
                             quiet_seconds=3600)
    campaign.start()
    machine = server.enroll("pc-1")
    for attempt in (1, 2, 3):
        assert machine.take(facts=facts)["attempt"] == attempt
        machine.reboot()
    for _ in range(10):
        assert machine.says(facts=facts) == ("none", "attempts_exhausted")
        machine.reboot()
    assert [(o["state"], o["cause"]) for o in campaign.offers()] == [("failed", "repolled")] * 3
    evidence = next(x for x in server.export()["campaigns"] if x["id"] == campaign.id)["evidence"]
    assert (evidence["offered"], evidence["failed"], evidence["silent"]) == (1, 0, 1), evidence
    hands = server.admin.get("/machines?state=needs_hands")["items"]
    assert [m["machine_id"] for m in hands] == ["pc-1"] and "attempts_exhausted" in json.dumps(hands)


def test_alternating_boots(server):
    """Two boots whose polls cross: the older one settles nothing, whatever it says."""
    campaign, facts = outage(server, rings=[{"name": "all", "share": 1, "soak_seconds": 3600, "growth": 20}], quiet_seconds=3600)
    campaign.start()
    machine = server.enroll("pc-1")
    machine.take(facts=facts)
    old = machine.boot
    second = machine.reboot().take(facts=facts)
    new = machine.boot
    for _ in range(5):
        machine.boot = old
        machine.poll(facts=facts)
        machine.boot = new
        assert machine.take(facts=facts) == second
    assert len(campaign.offers()) == 2
    assert campaign.offer(second["offer_id"])["state"] == "offered"


def test_requested_and_drill_in_between(server):
    campaign, facts = outage(server, rings=[{"name": "all", "share": 1, "soak_seconds": 3600, "growth": 20}], quiet_seconds=3600)
    campaign.start()
    drill = server.admin.started(c.payload(server.domain, drill=True, match={"fact": "fault", "eq": campaign.id}, priority=100))
    machine = server.enroll("pc-1")
    offer = machine.take(facts=facts)
    assert offer["campaign"] == campaign.id
    assert machine.reboot().take(facts=facts, reason="requested") == offer
    assert machine.reboot().poll(facts=facts, reason="drill")["directive"] == "wait"
    assert machine.reboot().take(facts=facts, reason="requested") == offer
    assert machine.report("applied") == (True, "applied")
    machine.reboot().poll(facts=facts, reason="requested")
    machine.reboot().poll(facts=facts, reason="drill")
    assert campaign.offer(offer["offer_id"])["state"] == "applied"
    machine.reboot().poll(facts=facts)
    assert (lambda o: (o["state"], o["cause"]))(campaign.offer(offer["offer_id"])) == ("failed", "relapsed")
    assert drill.offers() == []
