# SPDX-License-Identifier: Apache-2.0
"""Campaigns beside and against each other on the wire, and reports for what is over."""

import json

import pytest

from salvor import campaign as c
from salvor.wait import until


@pytest.fixture
def facts():
    return {"fault": c.unique("fault")}


def made(server, facts, **members):
    return server.admin.ready(c.payload(server.domain, match={"fact": "fault", "eq": facts["fault"]}, **members))


def started(server, facts, **members):
    campaign = made(server, facts, **members)
    campaign.start()
    return campaign


# ---- supersedes ----

def test_each_supersedes_the_other(shared, refused, facts):
    """The first to start stands; the other one is refused with its id, in whatever live state it is."""
    one, two = c.unique(), c.unique()
    match = {"fact": "fault", "eq": facts["fault"]}
    first = shared.admin.ready(c.payload(shared.domain, one, match=match, supersedes=[two]))
    second = shared.admin.ready(c.payload(shared.domain, two, match=match, supersedes=[one]))
    first.start()
    for verb in (None, "pause", "halt"):
        if verb:
            first.must(verb)
        reply = refused(second.do("start"), 409)
        assert one in reply.body.decode(), reply
        assert second.state == "ready"
    first.must("withdraw")
    second.start()
    third = shared.admin.ready(c.payload(shared.domain, one, version=2, match=match, supersedes=[two]))
    assert two in refused(third.do("start"), 409).body.decode()


def test_superseded_halves_nothing(shared, refused, facts):
    old = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    machine.take(facts=facts)
    assert machine.report("failed")[0]
    new = started(shared, facts, supersedes=[old.id])
    assert old.state == "halted" and old.decisions("halt")[-1]["rule"] == "supersedes"
    assert new.id in refused(old.do("resume"), 409).body.decode()
    new.must("withdraw")
    old.must("resume")  # nothing to acknowledge
    mine = next(x for x in shared.export()["campaigns"] if x["id"] == old.id)
    assert (mine["evidence"]["offered"], mine["evidence"]["failed"]) == (1, 1), mine["evidence"]
    assert mine["evidence"]["bound"] == pytest.approx(5.298317367, abs=1e-8)


# ---- undoes ----

def test_undo_of_an_undo(shared, refused, facts):
    fix = started(shared, facts)
    touched, never = shared.fleet([c.unique("m"), c.unique("m")])
    touched.take(facts=facts)
    touched.report("healthy")
    undo = started(shared, facts, undoes=fix.id)
    assert (fix.state, undo.state) == ("halted", "active")
    assert touched.take(facts=facts, reason="requested")["campaign"] == undo.id
    touched.report("healthy")
    redo = started(shared, facts, undoes=undo.id)
    assert (undo.state, redo.state) == ("halted", "active")
    assert touched.take(facts=facts, reason="requested")["campaign"] == redo.id
    assert never.poll(facts=facts)["directive"] == "wait"
    assert redo.id in refused(undo.do("resume"), 409).body.decode()


@pytest.mark.parametrize("stage,reached", [("applied", True), ("healthy", True), ("failed", False), ("refused", False),
                                           ("not_applicable", False), (None, False)])
def test_undoing_what_is_over(shared, facts, stage, reached):
    """It was withdrawn long ago; those whom it touched are reached, those whose offer was recalled are not."""
    fix = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    offer = machine.take(facts=facts)
    if stage:
        machine.report(stage)
    fix.must("withdraw")
    if stage is None:
        assert fix.offer(offer["offer_id"])["state"] == "recalled"
    if stage == "applied":
        machine.report("healthy")
    undo = started(shared, facts, undoes=fix.id)
    answer = machine.poll(facts=facts, reason="requested")
    assert (answer["directive"] == "apply") is reached, answer
    if reached:
        assert answer["offer"]["campaign"] == undo.id
    else:
        assert answer["reason"] == "no_match", answer


def test_undoes_of_an_unknown_one(shared, unchanged, refused, facts):
    undo = made(shared, facts, undoes="never-heard-of")
    until(lambda: undo.state == "ready", "ready")
    unchanged()
    reply = refused(undo.do("start"), 409)
    assert "never-heard-of" in reply.body.decode(), reply
    assert undo.state == "ready"


# ---- one offer at a time ----

def test_one_unsettled_offer_across_campaigns(shared, facts):
    low = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    offer = machine.take(facts=facts)
    high = started(shared, facts, priority=9)
    assert machine.take(facts=facts) == offer  # what it holds goes first
    low.must("pause")
    assert machine.says(facts=facts) == ("wait", "paused")
    low.must("halt")
    assert machine.take(facts=facts)["campaign"] == high.id  # taken back, so free for another
    machine.report("applied")
    machine.reboot()
    assert machine.poll(facts=facts, reason="requested")["directive"] != "apply"
    assert sum(o["state"] in ("offered", "applied") for x in (low, high) for o in x.offers()) == 1


# ---- reports for what is over ----

@pytest.mark.parametrize("end", ["withdraw", "halt"])
@pytest.mark.parametrize("stage", ["applied", "failed", "refused", "not_applicable", "healthy"])
def test_report_for_what_is_over(shared, facts, end, stage):
    """200, accepted false, the state as it is; recorded, told in the journal with the campaign's name, and in no count."""
    campaign = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    offer = machine.take(facts=facts)
    campaign.must(end)
    until(lambda: campaign.offer(offer["offer_id"])["state"] == "recalled", "recalled")

    def counts():
        """But who waits: a machine that has the fix does not."""
        return {name: {k: v for k, v in ring.items() if k != "waiting"} for name, ring in campaign.rings().items()}

    before, seq = counts(), shared.seq()
    assert machine.report(stage) == (False, "recalled")
    assert counts() == before
    told = [e for e in shared.events(seq) if e["type"] == "report"]
    assert [(e["offer_id"], e["campaign"], e["version"]) for e in told] == [(offer["offer_id"], campaign.id, 1)], json.dumps(told)


def test_report_of_the_image_before(shared, facts):
    shared.make_known([f"{facts['fault']}-{n}" for n in range(30)], facts)
    campaign = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    offer = machine.take(facts=facts)
    machine.report("applied")
    machine.enroll(shared.enrollment_token(uses=1, machine_id=machine.id, reimaged=True))
    for stage in ("healthy", "failed", "applied"):
        assert machine.report(stage, offer=offer["offer_id"]) == (False, "applied")
    again = machine.reboot().take(facts=facts)
    assert again["offer_id"] != offer["offer_id"] and again["attempt"] == 1
    assert campaign.offer(offer["offer_id"])["state"] == "applied"  # the new image's boot is no relapse


def test_relapse_is_charged_across_campaigns(shared, facts):
    """Within the window of both, one of them withdrawn meanwhile."""
    one = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    first = machine.take(facts=facts)
    machine.report("healthy")
    two = started(shared, facts)
    second = machine.take(facts=facts, reason="requested")
    assert second["campaign"] == two.id
    machine.report("healthy")
    one.must("withdraw")
    machine.reboot().poll(facts=facts)
    for campaign, offer in ((one, first), (two, second)):
        mine = campaign.offer(offer["offer_id"])
        assert (mine["state"], mine["cause"]) == ("failed", "relapsed"), mine
