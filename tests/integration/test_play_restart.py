# SPDX-License-Identifier: Apache-2.0
"""A daemon that ends in the middle of everything, and stops that overlap: deadlines and soaks run while it is ready, nothing else."""

import time

import pytest

from salvor import campaign as c
from salvor.wait import stays, until

FACTS = {"fault": "play"}


def started(server, id="play", **plan):
    settings = dict(rings=[{"name": "all", "share": 1, "soak_seconds": 3600, "growth": 20}])
    settings.update(plan)
    return server.admin.started(c.payload(server.domain, id, match={"fact": "fault", "eq": "play"}, rollout=c.plan(**settings)))


def known(server, count=60):
    server.make_known([f"known-{n}" for n in range(count)], FACTS)


def end(server, how):
    server.kill() if how == "killed" else server.stop()


def again(server, machine):
    """The machine of before, with a connection to the daemon of now."""
    machine.plane = server.machine_plane()
    return machine


def of(campaign, server):
    campaign.admin = server.admin
    return campaign


def wall_passes(seconds):
    """Only for times in which no daemon runs: there is nothing else to look at."""
    last = time.monotonic() + seconds
    until(lambda: time.monotonic() > last, "the time has passed", seconds + 5)


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_downtime_is_nobodys_silence(server, how):
    """A deadline of four seconds, a downtime of six: the offer is repeated, and falls silent when four were served."""
    known(server)
    campaign = started(server, outcome_deadline_seconds=4)
    machine = server.enroll("m")
    offer = machine.take(facts=FACTS)
    end(server, how)
    wall_passes(6)
    server.start()
    of(campaign, server)
    assert again(server, machine).take(facts=FACTS) == offer
    assert campaign.offer(offer["offer_id"])["state"] == "offered"
    until(lambda: campaign.offer(offer["offer_id"]).get("cause") == "silent", "silent after four served seconds", 20)


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_downtime_is_no_soak(server, how):
    known(server)
    campaign = started(server, rings=[{"name": "all", "share": 1, "soak_seconds": 4, "growth": 20}])
    machine = server.enroll("m")
    offer = machine.take(facts=FACTS)
    assert machine.report("applied") == (True, "applied")
    end(server, how)
    wall_passes(6)
    server.start()
    of(campaign, server)
    assert campaign.offer(offer["offer_id"])["state"] == "applied"
    until(lambda: campaign.offer(offer["offer_id"])["state"] == "succeeded", "soaked", 20)


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_downtime_is_no_patience(server, how):
    """Nor quiet: neither a ring opens nor does a campaign complete because the daemon was away."""
    known(server)
    two = [{"name": "one", "share": 0.5, "soak_seconds": 0, "growth": 2}, {"name": "two", "share": 0.5, "soak_seconds": 0, "growth": 2}]
    campaign = started(server, rings=two, patience_seconds=30, quiet_seconds=30)
    end(server, how)
    wall_passes(3)
    server.start()
    of(campaign, server)
    stays(lambda: (campaign.state, campaign.open_rings()) == ("active", ["one"]), "nothing opened", 1.0)


STORY = [("pause", "paused", ("wait", "paused")), ("resume", "active", ("apply", "offered")),
         ("halt", "halted", ("wait", "halted")), ("resume", "active", ("apply", "offered")),
         ("kill on", "active", ("wait", "kill_switch")), ("pause", "paused", ("wait", "kill_switch")),
         ("kill off", "paused", ("wait", "paused")), ("halt", "halted", ("wait", "halted")),
         ("kill on", "halted", ("wait", "kill_switch")), ("kill off", "halted", ("wait", "halted")),
         ("resume", "active", ("apply", "offered")), ("withdraw", "withdrawn", ("none", "no_match"))]


@pytest.mark.slow
def test_a_crash_at_every_step(server):
    """Nothing un-halts, un-pauses, re-opens or un-engages; a machine is told the same before and after."""
    known(server)
    campaign = started(server)
    machine = server.enroll("m")
    for step, state, says in STORY:
        if step.startswith("kill"):
            server.admin.kill_switch(step == "kill on")
        else:
            campaign.must(step)
        for crashed in (False, True):
            if crashed:
                server.kill()
                server.start()
                of(campaign, server)
                again(server, machine)
            assert campaign.state == state, (step, crashed)
            assert machine.says(facts=FACTS) == says, (step, crashed)


@pytest.mark.parametrize("first", ["kill", "pause"])
@pytest.mark.parametrize("released_first", ["kill", "pause"])
def test_both_stops(server, first, released_first):
    """A pause and the kill switch at once: time stands still until both are gone, and then the same offer is repeated."""
    known(server)
    campaign = started(server, outcome_deadline_seconds=3)
    machine, soaking = server.fleet(["m", "soaking"])
    offer = machine.take(facts=FACTS)
    soaking.take(facts=FACTS, can=["healthy"])
    assert soaking.report("applied") == (True, "applied")

    def stop(what, on):
        if what == "kill":
            server.admin.kill_switch(on)
        else:
            campaign.must("pause" if on else "resume")

    other = {"kill": "pause", "pause": "kill"}
    stop(first, True)
    stop(other[first], True)
    stays(lambda: campaign.offer(offer["offer_id"])["state"] == "offered", "time stands still", 2.0)
    stop(released_first, False)
    reason = "kill_switch" if released_first == "pause" else "paused"
    assert machine.says(facts=FACTS) == ("wait", reason)
    stays(lambda: campaign.offer(offer["offer_id"])["state"] == "offered", "time stands still", 2.0)
    assert soaking.report("healthy") == (True, "succeeded")  # reports count all the while
    stop(other[released_first], False)
    assert machine.take(facts=FACTS) == offer
    until(lambda: campaign.offer(offer["offer_id"]).get("cause") == "silent", "and runs on", 20)


def test_failures_halt_what_is_stopped(server, refused):
    """Four of five fail while the campaign is paused and the switch is on: halted by the engine, and so it stays."""
    known(server)
    campaign = started(server, in_flight={"initial": 5, "max": 9}, max_attempts=1)
    machines = server.fleet(f"m-{n}" for n in range(5))
    for machine in machines:
        machine.take(facts=FACTS)
    campaign.must("pause")
    server.admin.kill_switch(True)
    for machine in machines[:4]:
        assert campaign.state == "paused"
        assert machine.report("failed") == (True, "failed")
    assert campaign.state == "halted"
    halt = campaign.decisions("halt")[-1]
    assert (halt["by"], halt["rule"]) == ("engine", "6.3")
    server.admin.kill_switch(False)
    assert machines[4].says(facts=FACTS) == ("wait", "halted")
    server.restart()
    of(campaign, server)
    assert campaign.state == "halted"
    refused(campaign.do("resume"), 409, "acknowledge-required")
    campaign.must("resume", acknowledge=halt["id"])


def test_expiry_in_mid_flight(server):
    """Offers are taken back, what is applied runs to its end, and what comes later changes nothing."""
    known(server)
    value = c.payload(server.domain, "play", match={"fact": "fault", "eq": "play"}, expires=c.utc(8),
                      rollout=c.plan(rings=[{"name": "all", "share": 1, "soak_seconds": 3600, "growth": 20}]))
    campaign = server.admin.started(value)
    out, applied = server.fleet(["out", "applied"])
    offers = [m.take(facts=FACTS) for m in (out, applied)]
    assert applied.report("applied") == (True, "applied")
    campaign.becomes("expired", 20)
    until(lambda: campaign.offer(offers[0]["offer_id"])["state"] == "recalled", "taken back")
    assert campaign.offer(offers[0]["offer_id"]).get("cause") == "expired"
    assert out.says(facts=FACTS) in (("none", "expired"), ("none", "no_match"))
    assert out.report("applied") == (False, "recalled")
    assert applied.report("healthy") == (True, "succeeded")
    assert [d["by"] for d in campaign.decisions("expire")] == ["engine"]
    name = offers[0]["target"].replace("campaigns/", f"campaigns/{offers[0]['sha256']}.")
    assert server.anonymous.get(f"/tuf/targets/{name}").status == 404
