# SPDX-License-Identifier: Apache-2.0
"""Which answer a poll gets: each reason is reached in turn, and the order in which they hold."""

import json

import pytest

from salvor import campaign as c
from salvor.wait import until

TWO_RINGS = [{"name": "first", "share": 0.5, "soak_seconds": 3600, "growth": 20},
             {"name": "second", "share": 0.5, "soak_seconds": 3600, "growth": 20}]


def pin(server, machine, ring):
    reply = server.admin.act("PATCH", f"/machines/{machine.id}", {"pin": ring})
    assert reply.status == 200, reply


@pytest.fixture
def facts(request):
    """Facts that no other test matches."""
    return {"fault": c.unique("answer")}


def started(server, facts, **changes):
    """Live, with so many known matching machines that the plan's tenth leaves room for a few offers at a time."""
    server.make_known([f"known-{facts['fault']}-{i}" for i in range(50)], facts)
    return server.admin.started(c.payload(server.domain, match={"fact": "fault", "eq": facts["fault"]}, **changes))


def test_no_match(shared, facts):
    machine = shared.enroll(c.unique("m"))
    assert machine.says(facts=facts) == ("none", "no_match")
    started(shared, {"fault": facts["fault"] + "-other"})
    assert machine.says(facts=facts) == ("none", "no_match")


def test_offer_and_its_repetition(shared, facts):
    campaign = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    answer = machine.poll(facts=facts)
    assert (answer["directive"], answer["reason"]) == ("apply", "offered")
    offer = answer["offer"]
    assert offer["campaign"] == campaign.id and offer["version"] == 1 and offer["attempt"] == 1
    assert offer["target"] == f"campaigns/{campaign.id}-1.json"
    for reason in ("boot_failure", "requested"):
        again = machine.poll(facts=facts, reason=reason)
        assert again["offer"] == offer and again["reason"] == "offered"
    assert len(campaign.offers()) == 1


def test_already_applied(shared, facts):
    campaign = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    machine.take(facts=facts)
    assert machine.report("applied") == (True, "applied")
    assert machine.says(facts=facts) == ("none", "already_applied")
    # Another campaign that matches does not come in between: one unsettled offer per machine.
    second = started(shared, facts, priority=9)
    assert machine.says(facts=facts) == ("none", "already_applied")
    assert len(campaign.offers()) == 1 and not second.offers()


def test_already_succeeded(shared, facts):
    started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    machine.take(facts=facts)
    machine.report("applied")
    assert machine.report("healthy") == (True, "succeeded")
    machine.reboot()
    assert machine.says(facts=facts, reason="requested") == ("none", "already_succeeded")


def test_attempts_exhausted(shared, facts):
    campaign = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    for attempt in (1, 2):
        assert machine.take(facts=facts)["attempt"] == attempt
        assert machine.report("failed") == (True, "failed")
        machine.reboot()
    assert machine.says(facts=facts) == ("none", "attempts_exhausted")
    assert machine.says(facts=facts, reason="requested") == ("none", "attempts_exhausted")
    assert len(campaign.offers("failed")) == 2


def test_not_applicable(shared, facts):
    started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    machine.take(facts=facts)
    assert machine.report("not_applicable") == (True, "not_applicable")
    assert machine.says(facts=facts) == ("none", "not_applicable")
    machine.reboot()
    assert machine.says(facts=facts) == ("none", "not_applicable")


def test_paused_and_resumed(shared, facts):
    campaign = started(shared, facts)
    holder, late = shared.fleet([c.unique("m"), c.unique("m")])
    offer = holder.take(facts=facts)
    campaign.must("pause")
    assert late.says(facts=facts) == ("wait", "paused")
    # Nothing is offered or repeated; afterwards the same offer is.
    assert holder.says(facts=facts) == ("wait", "paused")
    campaign.must("resume")
    assert holder.take(facts=facts) == offer
    assert late.says(facts=facts) == ("apply", "offered")


def test_halted(shared, facts):
    campaign = started(shared, facts)
    holder, late = shared.fleet([c.unique("m"), c.unique("m")])
    offer = holder.take(facts=facts)
    campaign.must("halt")
    assert late.says(facts=facts) == ("wait", "halted")
    assert holder.says(facts=facts) == ("wait", "halted")
    assert campaign.offer(offer["offer_id"])["state"] == "recalled"


def test_not_yet_valid(shared, facts):
    started(shared, facts, not_before=c.utc(3600), expires=c.utc(7200))
    assert shared.enroll(c.unique("m")).says(facts=facts) == ("wait", "not_yet_valid")


def test_becomes_valid(shared, facts):
    started(shared, facts, not_before=c.utc(2), expires=c.utc(7200))
    machine = shared.enroll(c.unique("m"))
    assert machine.says(facts=facts) == ("wait", "not_yet_valid")
    until(lambda: machine.says(facts=facts) == ("apply", "offered"), "the campaign is offered once it is valid")


def test_expired(shared, facts):
    """Until the engine has put it away the reason is `expired`; then no live campaign matches."""
    campaign = started(shared, facts, expires=c.utc(2))
    holder, late = shared.fleet([c.unique("m"), c.unique("m")])
    offer = holder.take(facts=facts)
    until(lambda: late.says(facts=facts, reason="drill") and late.poll(facts=facts)["directive"] == "none" or campaign.state == "expired",
          "it expires")
    assert late.says(facts=facts) in (("none", "expired"), ("none", "no_match"))
    campaign.becomes("expired")
    assert holder.says(facts=facts) in (("none", "expired"), ("none", "no_match"))
    mine = campaign.offer(offer["offer_id"])
    assert (mine["state"], mine["cause"]) == ("recalled", "expired")


def test_ring_not_open(shared, facts):
    campaign = started(shared, facts, rollout=c.plan(rings=TWO_RINGS))
    first, second = shared.fleet([c.unique("m"), c.unique("m")])
    pin(shared, first, "first")
    pin(shared, second, "second")
    assert second.says(facts=facts) == ("wait", "ring_not_open")
    assert first.says(facts=facts) == ("apply", "offered")
    assert campaign.open_rings() == ["first"]


def test_in_flight_cap(shared, facts):
    started(shared, facts, rollout=c.plan(in_flight={"initial": 1, "max": 1}))
    holder, late = shared.fleet([c.unique("m"), c.unique("m")])
    holder.take(facts=facts)
    assert late.says(facts=facts) == ("wait", "in_flight_cap")
    holder.report("applied")
    holder.report("healthy")
    until(lambda: late.says(facts=facts) == ("apply", "offered"), "room again")


def test_opted_out(shared, facts):
    campaign = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    offer = machine.take(facts=facts)
    assert shared.admin.act("PATCH", f"/machines/{machine.id}", {"opt_out": True}).status == 200
    assert machine.says(facts=facts) == ("none", "opted_out")
    mine = campaign.offer(offer["offer_id"])
    assert (mine["state"], mine["cause"]) == ("recalled", "opt_out")
    assert shared.admin.act("PATCH", f"/machines/{machine.id}", {"opt_out": False}).status == 200
    # A recalled offer uses no attempt: the next poll gets one, attempt 1 or 2 is the server's own count.
    assert machine.says(facts=facts) == ("apply", "offered")


def test_kill_switch(server):
    """Before everything else; the same offer is repeated when it is off again."""
    facts = {"fault": "kill"}
    campaign = started(server, facts)
    holder, late, out = server.fleet(["holder", "late", "out"])
    offer = holder.take(facts=facts)
    server.admin.act("PATCH", "/machines/out", {"opt_out": True})
    server.admin.kill_switch(True)
    for machine in (holder, late, out):
        assert machine.says(facts=facts) == ("wait", "kill_switch")
    assert late.says(facts={"fault": "unknown"}) == ("wait", "kill_switch")
    name = f"/tuf/targets/campaigns/{offer['sha256']}.{campaign.id}-1.json"
    assert server.anonymous.get(name).status == 404
    # Reports count meanwhile.
    assert holder.report("applied") == (True, "applied")
    server.admin.kill_switch(False)
    assert server.anonymous.get(name).status == 200
    assert holder.says(facts=facts) == ("none", "already_applied")
    assert late.says(facts=facts) == ("apply", "offered")
    assert out.says(facts=facts) == ("none", "opted_out")


def test_kill_switch_repeats_the_offer(server):
    facts = {"fault": "kill"}
    started(server, facts)
    machine = server.enroll("holder")
    offer = machine.take(facts=facts)
    server.admin.kill_switch(True)
    assert machine.says(facts=facts) == ("wait", "kill_switch")
    server.admin.kill_switch(False)
    assert machine.take(facts=facts) == offer


# ---- rank ----

def test_priority_goes_first(shared, facts):
    low = started(shared, facts, priority=-1)
    high = started(shared, facts, priority=5)
    middle = started(shared, facts, priority=1)
    machine = shared.enroll(c.unique("m"))
    assert machine.take(facts=facts)["campaign"] == high.id
    machine.report("not_applicable")
    assert machine.take(facts=facts)["campaign"] == middle.id
    machine.report("not_applicable")
    assert machine.take(facts=facts)["campaign"] == low.id
    machine.report("not_applicable")
    # None can offer now: the reason of the highest-ranked match.
    answer = machine.poll(facts=facts)
    assert (answer["directive"], answer["reason"]) == ("none", "not_applicable")


def test_earlier_start_goes_first(shared, facts):
    """Not the earlier draft, nor the name."""
    second = shared.admin.ready(c.payload(shared.domain, c.unique("a"), match={"fact": "fault", "eq": facts["fault"]}))
    first = shared.admin.ready(c.payload(shared.domain, c.unique("z"), match={"fact": "fault", "eq": facts["fault"]}))
    first.start()
    second.start()
    assert shared.enroll(c.unique("m")).take(facts=facts)["campaign"] == first.id


def test_first_that_can_offer(shared, facts):
    """A higher-ranked campaign that cannot offer does not stand in the way; if none can, it gives the reason."""
    high = started(shared, facts, priority=5)
    low = started(shared, facts, priority=1)
    high.must("pause")
    machine, other = shared.fleet([c.unique("m"), c.unique("m")])
    assert machine.take(facts=facts)["campaign"] == low.id
    low.must("halt")
    assert other.says(facts=facts) == ("wait", "paused")
    high.must("halt")
    low.must("withdraw")
    assert other.says(facts=facts) == ("wait", "halted")


def test_match_sees_the_facts_of_the_poll_only(shared, facts):
    started(shared, facts)
    machine = shared.enroll(c.unique("m"), facts=facts)
    assert machine.says(facts={}) == ("none", "no_match")
    assert machine.says(facts=facts) == ("apply", "offered")


# ---- drill and requested ----

def test_drill(shared, facts):
    real = started(shared, facts)
    drill = started(shared, facts, drill=True, priority=9)
    one, two = shared.fleet([c.unique("m"), c.unique("m")])
    assert one.take(facts=facts, reason="drill")["campaign"] == drill.id
    assert two.take(facts=facts, reason="boot_failure")["campaign"] == real.id
    real.must("withdraw")
    for reason in ("boot_failure", "requested"):
        assert shared.enroll(c.unique("m")).says(facts=facts, reason=reason) == ("none", "no_match")
    drill.must("withdraw")
    assert shared.enroll(c.unique("m")).says(facts=facts, reason="drill") == ("none", "no_match")


def test_requested_settles_nothing(shared, facts):
    campaign = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    offer = machine.take(facts=facts)
    machine.reboot()
    assert machine.take(facts=facts, reason="requested") == offer
    machine.report("applied")
    machine.reboot()
    assert machine.poll(facts=facts, reason="requested")["directive"] != "apply"
    assert campaign.offer(offer["offer_id"])["state"] == "applied"


def test_volume_locked_needs_hands(shared, facts):
    """Counts as needs hands, never as a failure."""
    campaign = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    machine.poll(facts={**facts, "volume_locked": True})
    until(lambda: shared.admin.get(f"/machines/{machine.id}")["state"] == "needs_hands", "it needs hands", 45)
    assert machine.id in [m["machine_id"] for m in shared.admin.items("/machines?state=needs_hands&limit=1000")]
    assert not campaign.offers("failed")


# ---- selectors over the wire ----

SELECTORS = [
    ({"fact": "v", "lt": "10.0.22631"}, {"v": "10.0.9"}, True),
    ({"fact": "v", "lt": "10.0.22631"}, {"v": "10.0.22631"}, False),
    ({"fact": "v", "le": "10.0.22631"}, {"v": "10.0.22631"}, True),
    ({"fact": "v", "gt": "10.0.9"}, {"v": "10.0.22631"}, True),
    ({"fact": "v", "ge": "10.0.9"}, {"v": "10.0.8"}, False),
    ({"fact": "v", "lt": "10"}, {"v": "9x"}, False),
    ({"fact": "v", "gt": "10"}, {"v": "9x"}, False),
    ({"fact": "v", "gt": 9}, {"v": 10}, True),
    ({"fact": "s", "eq": "WINDOWS"}, {"s": "windows"}, True),
    ({"fact": "s", "eq": "5"}, {"s": 5}, True),
    ({"fact": "s", "eq": 5}, {"s": "5"}, True),
    ({"fact": "s", "ne": "x"}, {}, True),
    ({"fact": "s", "ne": "x"}, {"s": "X"}, False),
    ({"fact": "s", "in": ["a", "B"]}, {"s": "b"}, True),
    ({"fact": "s", "in": ["a", "B"]}, {"s": "c"}, False),
    ({"fact": "s", "prefix": "CS"}, {"s": "csagent.sys"}, True),
    ({"fact": "s", "prefix": "CS"}, {"s": "c"}, False),
    ({"fact": "s", "glob": "csagent*"}, {"s": "CSAgent.sys"}, True),
    ({"fact": "s", "glob": "cs?gent"}, {"s": "csagent.sys"}, False),
    ({"fact": "s", "glob": "*a*b*c"}, {"s": "xxaxxbxxc"}, True),
    ({"fact": "s", "exists": True}, {"s": ""}, True),
    ({"fact": "s", "exists": True}, {}, False),
    ({"fact": "s", "exists": False}, {}, True),
    ({"fact": "s", "eq": "x"}, {}, False),
    ({"fact": "s", "prefix": "x"}, {}, False),
    ({"not": {"fact": "s", "eq": "x"}}, {}, True),
    ({"fact": "b", "eq": True}, {"b": True}, True),
    ({"fact": "b", "eq": True}, {"b": False}, False),
    ({"all": [{"fact": "a", "eq": 1}, {"any": [{"fact": "b", "eq": 1}, {"fact": "c", "eq": 1}]}]}, {"a": 1, "c": 1}, True),
    ({"all": [{"fact": "a", "eq": 1}, {"any": [{"fact": "b", "eq": 1}, {"fact": "c", "eq": 1}]}]}, {"a": 1}, False),
]


@pytest.mark.parametrize("selector,given,matches", SELECTORS, ids=lambda v: json.dumps(v)[:60])
def test_selector(shared, facts, selector, given, matches):
    match = {"all": [{"fact": "fault", "eq": facts["fault"]}, selector]}
    campaign = shared.admin.started(c.payload(shared.domain, match=match))
    says = shared.enroll(c.unique("m")).says(facts={**facts, **given})
    assert says == (("apply", "offered") if matches else ("none", "no_match"))
    campaign.must("withdraw")


# ---- what comes with the answer ----

def test_files_and_target(shared, facts):
    """The envelope comes with the offer, is served as a TUF target, and is what was signed, byte for byte."""
    import base64
    import hashlib

    from salvor import keys, schema

    campaign = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    answer = machine.poll(facts=facts, have={"root": 1, "timestamp": 0, "snapshot": 0, "targets": 0, "campaigns": 0, "policy": "0" * 64})
    offer = answer["offer"]
    text = answer["files"][offer["target"]].encode()
    assert hashlib.sha256(text).hexdigest() == offer["sha256"] and len(text) == offer["length"]
    assert text == campaign.envelope()
    reply = shared.anonymous.get(f"/tuf/targets/campaigns/{offer['sha256']}.{campaign.id}-1.json")
    assert reply.status == 200 and reply.body == text
    assert reply.headers["Cache-Control"] == "max-age=60"
    envelope = schema.check("envelope", json.loads(text))
    payload = base64.b64decode(envelope["payload"], validate=True)
    assert payload == campaign.payload
    authors = [keys.public_from(a["keytype"], a["public"]) for a in shared.domain.policy()["authors"]]
    good = {i for s in envelope["signatures"] for i, a in enumerate(authors)
            if keys.verifies(a, keys.pae(payload, envelope["payloadType"]), base64.b64decode(s["sig"]))}
    assert len(good) == 2
    digest = hashlib.sha256(keys.pae(payload)).hexdigest()
    assert campaign.get()["digest"] == digest


@pytest.mark.parametrize("verb,served", [("pause", True), ("halt", False), ("withdraw", False)])
def test_target_is_served_while_in_force(shared, facts, verb, served):
    campaign = started(shared, facts)
    offer = shared.enroll(c.unique("m")).take(facts=facts)
    path = f"/tuf/targets/campaigns/{offer['sha256']}.{campaign.id}-1.json"
    assert shared.anonymous.get(path).status == 200
    campaign.must(verb)
    assert shared.anonymous.get(path).status == (200 if served else 404)


def test_explain_agrees_with_the_poll(shared, facts):
    paused = started(shared, facts, priority=3)
    paused.must("pause")
    active = started(shared, facts)
    machine = shared.enroll(c.unique("m"))
    machine.poll(facts=facts)
    machine.report("not_applicable")
    answer = machine.poll(facts=facts)
    explanation = {e["campaign"]: e for e in shared.admin.get(f"/machines/{machine.id}/explain")["campaigns"]}
    assert explanation[paused.id]["reason"] == "paused"
    assert explanation[active.id]["reason"] == "not_applicable"
    assert answer["reason"] == "paused"
