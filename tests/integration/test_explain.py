# SPDX-License-Identifier: Apache-2.0
"""Why a machine gets a fix or does not: what explain says is what a poll is then answered, and its numbers are right."""

import hashlib
import re
from datetime import datetime

import pytest

from salvor import campaign as c
from salvor import schema
from salvor.wait import until

TWO_RINGS = [{"name": "first", "share": 0.5, "soak_seconds": 3600, "growth": 20},
             {"name": "second", "share": 0.5, "soak_seconds": 3600, "growth": 20}]


@pytest.fixture
def facts():
    """Facts that no other test matches."""
    return {"fault": c.unique("explain"), "os": "linux", "os_version": "10.0.9"}


def started(server, facts, known=50, **changes):
    """Live, for machines with this fault, `known` of which are known."""
    server.make_known([f"known-{facts['fault']}-{i}" for i in range(known)], facts)
    return server.admin.started(c.payload(server.domain, **{"match": {"fact": "fault", "eq": facts["fault"]}, **changes}))


def newcomer(server, facts):
    return server.enroll(c.unique("m"), facts=facts)


def explain(server, machine):
    said = schema.check("explain", server.admin.get(f"/machines/{machine.id}/explain"))
    assert said["machine_id"] == said["machine"]["machine_id"] == machine.id
    assert said["sentence"].endswith(".") and "\n" not in said["sentence"], said["sentence"]
    assert [x["rank"] for x in said["campaigns"]] == list(range(1, len(said["campaigns"]) + 1))
    return said


def of(said, campaign):
    return next(x for x in said["campaigns"] if x["campaign"] == campaign.id)


def agree(server, machine, facts, wanted, detail=True):
    """Explains, then polls: both say `wanted`. Returns the explanation."""
    said = explain(server, machine)
    answer = machine.poll(facts=facts)
    assert (said["directive"], said["reason"]) == (answer["directive"], answer["reason"]) == wanted, said["sentence"]
    assert not detail or said["detail"] == answer["detail"]
    if answer["directive"] == "apply":
        assert (said["campaign"], said["version"]) == (answer["offer"]["campaign"], answer["offer"]["version"])
    return said


def pin(server, machine, ring):
    reply = server.admin.act("PATCH", f"/machines/{machine.id}", {"pin": ring})
    assert reply.status == 200, reply


# ---- whom it is for ----


def test_no_campaign(server, facts):
    machine = newcomer(server, facts)
    said = agree(server, machine, facts, ("none", "no_match"))
    assert said["sentence"] == "No campaign is live." and said["campaigns"] == []
    assert "campaign" not in said


@pytest.mark.parametrize("match, pointer, fact, value, text", [
    ({"fact": "os", "eq": "windows"}, "/match", "os", "linux", "os is linux, the fix is for windows"),
    ({"all": [{"fact": "os", "eq": "Linux"}, {"fact": "os_version", "ge": "10.0.22631"}]}, "/match/all/1", "os_version",
     "10.0.9", "os_version is 10.0.9, the fix is for versions from 10.0.22631"),
    ({"fact": "failing_module", "glob": "csagent*"}, "/match", "failing_module", None,
     "failing_module is not known, the fix is for what matches csagent*"),
    ({"any": [{"fact": "os", "in": ["a", "b"]}, {"fact": "os", "prefix": "x y"}]}, "/match/any/0", "os", "linux",
     "os is linux, the fix is for a or b (and 1 other way to match: none fits)"),
    ({"not": {"fact": "os", "eq": "linux"}}, "/match/not", "os", "linux",
     'os is linux, the fix leaves out those where os is "linux"'),
])
def test_the_clause_that_says_no(server, facts, match, pointer, fact, value, text):
    campaign = started(server, facts, known=1, match=match)
    machine = newcomer(server, facts)
    said = agree(server, machine, facts, ("none", "no_match"))
    assert said["sentence"] == f"{campaign}: It is not for this machine: {text}."
    assert of(said, campaign)["mismatch"] == {"pointer": pointer, "fact": fact, "value": value, "text": text}
    assert of(said, campaign)["matches"] is False


def test_what_machines_say_is_quoted(server, facts):
    started(server, facts, known=1, match={"fact": "os", "eq": "windows"})
    said = explain(server, newcomer(server, {"os": 'windows. It gets it\n"\u202e' + "x" * 200}))
    assert 'os is "windows. It gets it\\u{000a}\\"\\u{202e}xxx' in said["sentence"]
    assert said["sentence"].isascii() and len(said["sentence"]) < 300


def test_none_of_several(server, facts):
    first = started(server, facts, known=1, priority=5, match={"fact": "os", "eq": "windows"})
    started(server, facts, known=1, match={"fact": "os", "eq": "mac"})
    said = agree(server, newcomer(server, facts), facts, ("none", "no_match"))
    assert said["sentence"].startswith(f"None of the 2 live campaigns is for it; {first}: It is not for this machine: os is linux")


def test_a_drill(server, facts):
    campaign = started(server, facts, drill=True)
    machine = newcomer(server, facts)
    said = agree(server, machine, facts, ("none", "no_match"))
    assert "It is a drill: only a machine that asks for a drill is offered it." in said["sentence"]
    assert of(said, campaign)["drill"] is True
    assert machine.says(facts=facts, reason="drill") == ("apply", "offered")


def test_undoing(server, facts):
    bad = started(server, facts)
    touched, other = newcomer(server, facts), newcomer(server, facts)
    touched.take(facts=facts)
    touched.report("applied")
    touched.report("healthy")
    undo = started(server, facts, undoes=bad.id)
    touched.reboot()
    # The new boot has not been seen yet: explain speaks of the one that was.
    assert of(explain(server, touched), undo)["reason"] == "offered"
    said = explain(server, other)
    assert of(said, undo)["sentence"] == f"It undoes {bad.id}, and the machine was not touched by that one."
    assert of(said, undo)["undoes"] == bad.id and of(said, undo)["matches"] is False
    assert other.says(facts=facts) == ("wait", "halted")


# ---- the machine's own ----


def test_it_gets_it(server, facts):
    campaign = started(server, facts)
    machine = newcomer(server, facts)
    said = agree(server, machine, facts, ("apply", "offered"))
    assert said["sentence"] == (f"{campaign}: The next poll of its newest boot gets it, attempt 1 of 2: ring all is open, "
                                "0 in flight, cap 5.")
    assert said["notes"] == ["It has never polled: these are the facts that it was made known with; those of its next poll "
                             "decide."]
    assert said["boots"] == []


def test_it_holds_it(server, facts):
    campaign = started(server, facts)
    machine = newcomer(server, facts)
    offer = machine.take(facts=facts)
    said = agree(server, machine, facts, ("apply", "offered"))
    mine = of(said, campaign)["offers"][0]
    assert f"The machine holds offer {offer['offer_id']} (attempt 1 of 2) since 20" in said["sentence"]
    assert "it is taken as silent at 20" in said["sentence"]
    assert (mine["offer_id"], mine["attempt"], mine["state"]) == (offer["offer_id"], 1, "offered")
    assert mine["due"]["then"] == "silent" and mine["incarnation"] == 1
    due, made = (unix(mine["due"]["at"]), unix(mine["made_at"]))
    assert abs(due - made - 3600) <= 2
    assert said["notes"] == [] and said["boots"] == [machine.boot]


def unix(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_applied_in_this_boot(server, facts):
    campaign = started(server, facts)
    machine = newcomer(server, facts)
    offer = machine.take(facts=facts)
    machine.report("applied")
    said = agree(server, machine, facts, ("none", "already_applied"))
    assert re.match(rf"The machine applied offer {offer['offer_id']} of {campaign} in this boot at 20\S+ \(\d+ s ago\) and has "
                    r"to restart; it succeeds by staying away until 20\S+ \(in \d+ min\)\.$", said["sentence"]), said["sentence"]
    assert of(said, campaign)["offers"][0]["due"]["then"] == "succeeded"


def test_already_succeeded(server, facts):
    started(server, facts)
    machine = newcomer(server, facts)
    offer = machine.take(facts=facts)
    machine.report("applied")
    machine.report("healthy")
    said = agree(server, machine, facts, ("none", "already_succeeded"))
    assert f"The machine has it: offer {offer['offer_id']} succeeded at 20" in said["sentence"]


def test_attempts(server, facts):
    campaign = started(server, facts)
    machine = newcomer(server, facts)
    machine.take(facts=facts)
    machine.report("failed")
    said = agree(server, machine, facts, ("none", "attempts_exhausted"), detail=False)
    assert "Attempt 1 of 2 did not help in this boot: the next one comes with a restart; the last, o" in said["sentence"]
    assert of(said, campaign)["attempts"] == 1
    machine.reboot().take(facts=facts)
    machine.report("failed")
    said = agree(server, machine, facts, ("none", "attempts_exhausted"))
    assert re.search(r"Its 2 attempts are used: it needs hands; the last, offer o\d+, failed \(reported\) at 20", said["sentence"])
    assert [(o["attempt"], o["state"], o["cause"]) for o in of(said, campaign)["offers"]] == \
        [(2, "failed", "reported"), (1, "failed", "reported")]
    assert said["machine"]["state"] == "needs_hands"
    assert len(said["boots"]) == 2 and said["boots"][0] == machine.boot


def test_not_applicable(server, facts):
    started(server, facts)
    machine = newcomer(server, facts)
    offer = machine.take(facts=facts)
    machine.report("not_applicable")
    said = agree(server, machine, facts, ("none", "not_applicable"))
    assert f"The machine found that it does not apply (offer {offer['offer_id']}, 20" in said["sentence"]


def test_opted_out(server, facts):
    started(server, facts)
    machine = newcomer(server, facts)
    server.admin.act("PATCH", f"/machines/{machine.id}", {"opt_out": True})
    said = agree(server, machine, facts, ("none", "opted_out"))
    assert said["sentence"] == "The machine is opted out: it receives nothing."


def test_an_offer_of_another_campaign(server, facts):
    first = started(server, facts, priority=0)
    machine = newcomer(server, facts)
    offer = machine.take(facts=facts)
    second = started(server, facts, known=0, priority=9)
    said = agree(server, machine, facts, ("apply", "offered"))
    assert said["campaign"] == first.id
    assert re.match(rf"The machine holds offer {offer['offer_id']} of {first} \(offered\), and gets one at a time; it is taken "
                    r"as silent at", of(said, second)["sentence"])
    assert of(said, second)["reason"] == "in_flight_cap"


def test_a_locked_volume(server, facts):
    started(server, facts)
    machine = newcomer(server, facts)
    machine.poll(facts={**facts, "volume_locked": True})
    said = explain(server, machine)
    assert "Its volume is locked: somebody has to unlock it there." in said["notes"]
    assert said["machine"]["state_reason"] == "volume_locked"


# ---- the campaign ----


def test_kill_switch(server, facts):
    campaign = started(server, facts)
    machine = newcomer(server, facts)
    machine.take(facts=facts)
    server.admin.kill_switch(True)
    said = agree(server, machine, facts, ("wait", "kill_switch"))
    assert said["sentence"] == 'The kill switch is on, "test": nothing is offered to anybody.'
    assert of(said, campaign)["offers"][0]["due"]["at"] is None  # its time stands still


def test_paused(server, facts):
    campaign = started(server, facts)
    machine = newcomer(server, facts)
    campaign.must("pause", reason='looking "closer"')
    said = agree(server, machine, facts, ("wait", "paused"))
    assert re.search(r': It is paused by admin at 20\S+ \(\d+ s ago\): "looking \\"closer\\""; it goes on when an operator resumes it\.$',
                     said["sentence"]), said["sentence"]
    assert of(said, campaign)["decision"] == campaign.decisions("pause")[-1]
    campaign.must("resume")
    campaign.must("pause", reason="again")
    assert '"again"' in agree(server, machine, facts, ("wait", "paused"))["sentence"]


def test_halted_by_an_operator(server, facts):
    campaign = started(server, facts)
    holder, late = newcomer(server, facts), newcomer(server, facts)
    holder.take(facts=facts)
    campaign.must("halt", reason="no good")
    for machine in (late, holder):
        said = agree(server, machine, facts, ("wait", "halted"))
        assert re.search(r': It was halted by admin at 20\S+ \(\d+ s ago\): "no good"; only an operator can resume it\.$', said["sentence"])
    assert of(said, campaign)["offers"][0]["state"] == "recalled"
    assert of(said, campaign)["decision"]["id"] == campaign.halt_id()


def test_halted_by_the_engine(server, facts):
    campaign = started(server, facts, known=100)
    machines = [newcomer(server, facts) for _ in range(6)]
    for machine in machines[:5]:
        machine.take(facts=facts)
    for machine in machines[:4]:
        machine.report("failed")
    said = agree(server, machines[5], facts, ("wait", "halted"))
    assert re.search(rf"It was halted by the engine at 20\S+ \(\d+ s ago\) \(decision {campaign.halt_id()}, rule 6.3: 4 failed and 0 "
                     r"silent of 5, ln E 8.00 reached its bound 5.30\); only an operator can resume it\.$", said["sentence"]), said["sentence"]


def test_superseded(server, facts):
    old = started(server, facts)
    started(server, facts, known=0, match={"fact": "os", "eq": "mac"}, supersedes=[old.id])
    said = agree(server, newcomer(server, facts), facts, ("wait", "halted"))
    assert "It was halted by admin at 20" in said["sentence"]
    assert ", by starting a campaign that replaces it" in said["sentence"]


def test_a_held_cohort(server, facts):
    facts = {**facts, "model": "X 1"}
    campaign = started(server, facts, known=100, rollout=c.plan(cohorts=["model"]))
    bad = [newcomer(server, facts) for _ in range(5)]
    good = newcomer(server, {**facts, "model": "Y"})
    for machine in bad[:4]:
        machine.take(facts=facts)
    good.take(facts={**facts, "model": "Y"})
    for machine in bad[:4]:
        machine.report("failed")
    said = agree(server, bad[4], facts, ("wait", "halted"))
    hold = campaign.decisions("hold_cohort")[-1]
    assert re.search(rf'Machines with "model=X 1" are held by the engine at 20\S+ \(\d+ s ago\) \(decision {hold["id"]}, rule 6.3: ',
                     said["sentence"]), said["sentence"]
    assert of(said, campaign)["held_cohort"] == "model=X 1" and of(said, campaign)["decision"] == hold


def test_not_yet_valid(server, facts):
    campaign = started(server, facts, not_before=c.utc(3700), expires=c.utc(7200))
    said = agree(server, newcomer(server, facts), facts, ("wait", "not_yet_valid"))
    assert re.match(rf"{campaign}: It becomes valid at 20\S+ \(in 61 min\)\.$", said["sentence"]), said["sentence"]


# ---- rings and pace ----


def test_ring_by_its_hash(server, facts):
    campaign = started(server, facts, rollout=c.plan(rings=TWO_RINGS))
    for machine in [newcomer(server, facts) for _ in range(6)]:
        said = of(explain(server, machine), campaign)
        u = int.from_bytes(hashlib.sha256(f"{campaign.id}:{machine.id}".encode()).digest()[:8], "big") / 2**64
        assert abs(said["ring_by"]["u"] - u) < 1e-12
        assert said["ring"] == ("first" if u < 0.5 else "second")
        assert (said["ring_by"]["from"], said["ring_by"]["to"]) == ((0, 0.5) if u < 0.5 else (0.5, 1))
        assert said["ring_open"] is (u < 0.5) and said["rings_open"] == ["first"] and said["stage"] == "first"
        assert said["reason"] == ("offered" if u < 0.5 else "ring_not_open")


def test_ring_not_open(server, facts):
    campaign = started(server, facts, known=400, rollout=c.plan(rings=TWO_RINGS, in_flight={"initial": 40, "max": 1000}))
    machine = newcomer(server, facts)
    pin(server, machine, "second")
    said = agree(server, machine, facts, ("wait", "ring_not_open"))
    assert of(said, campaign)["ring_by"] == {"pin": "second"}
    assert said["sentence"].startswith(f"{campaign}: Its ring second is not open; second opens when 24 of the first 24 offers of first "
                                       "have settled well (0 have), or once every machine of the open rings is settled (")
    takers = [newcomer(server, facts) for _ in range(20)]
    for i, taker in enumerate(takers):
        pin(server, taker, "first")
        taker.take(facts=facts)
        if i < 17:
            taker.report("healthy")
    takers[17].report("failed")
    said = agree(server, machine, facts, ("wait", "ring_not_open"))
    after = of(said, campaign)["next"]
    assert (after["ring"], after["stage"], after["made"]) == ("second", "first", 20)
    # Contract 6.8: (24, 1) is no evidence, (32, 1) is.
    assert (after["first"], after["needed"], after["well"], after["failed"], after["pending"]) == (32, 31, 17, 1, 2)
    assert abs(after["bound"] - 2.995732274) < 1e-9 and 0 < after["ln_v"] < after["bound"]
    assert "when 31 of the first 32 offers of first have settled well (17 have, 1 failed, 2 are under way; ln V 2.32 of 3.00)" in said["sentence"]
    for taker in takers[18:]:
        taker.report("healthy")
    for taker in [newcomer(server, facts) for _ in range(12)]:
        pin(server, taker, "first")
        taker.take(facts=facts)
        assert explain(server, machine)["reason"] == "ring_not_open"
        taker.report("healthy")
    agree(server, machine, facts, ("apply", "offered"))


def test_patience(server, facts):
    started(server, facts, rollout=c.plan(rings=TWO_RINGS, patience_seconds=600))
    machine = newcomer(server, facts)
    pin(server, machine, "second")
    said = agree(server, machine, facts, ("wait", "ring_not_open"))
    assert re.search(r", or when no machine of the open rings has taken an offer for 10 min \(it is \d+ s\)", said["sentence"])


def test_manual_advance(server, facts):
    campaign = started(server, facts, rollout=c.plan(rings=TWO_RINGS, manual_advance=True))
    machine = newcomer(server, facts)
    pin(server, machine, "second")
    said = agree(server, machine, facts, ("wait", "ring_not_open"))
    assert said["sentence"] == f"{campaign}: Its ring second is not open; second opens when an operator advances the campaign."


def test_a_ring_far_away(server, facts):
    rings = [{"name": n, "share": 0.25, "soak_seconds": 3600, "growth": 20} for n in "abcd"]
    started(server, facts, rollout=c.plan(rings=rings))
    machine = newcomer(server, facts)
    pin(server, machine, "d")
    said = agree(server, machine, facts, ("wait", "ring_not_open"))
    assert "Its ring d is not open, 3 rings away; b opens when 24 of the first 24 offers of a have settled well" in said["sentence"]


def test_in_flight_cap(server, facts):
    campaign = started(server, facts, known=0, rollout=c.plan(in_flight={"initial": 1, "max": 1000}))
    holder, late = newcomer(server, facts), newcomer(server, facts)
    holder.take(facts=facts)
    said = agree(server, late, facts, ("wait", "in_flight_cap"))
    assert said["sentence"] == f"{campaign}: 1 in flight, cap 1: the machine is let in when one settles."
    mine = of(said, campaign)
    assert (mine["in_flight"], mine["cap"], mine["excess"]) == (1, 1, 0)
    holder.report("failed")
    assert of(explain(server, late), campaign)["excess"] == pytest.approx(0.85)


# ---- over all ----


def test_rank_decides(server, facts):
    """The highest rank that can offer now; its reason when none can."""
    paused = started(server, facts, priority=3)
    paused.must("pause")
    machine = newcomer(server, facts)
    low = started(server, facts, known=0, priority=1)
    said = agree(server, machine, facts, ("apply", "offered"))
    assert [x["campaign"] for x in said["campaigns"]] == [paused.id, low.id]
    assert said["campaign"] == low.id
    machine.report("not_applicable")
    said = agree(server, machine, facts, ("wait", "paused"))
    assert said["campaign"] == paused.id and of(said, low)["reason"] == "not_applicable"


def test_limits(server, facts):
    campaign = started(server, facts)
    machine = newcomer(server, facts)
    reply = server.admin.act("PUT", f"{campaign.path}/limits", {"reason": "slow", "limits": {"only": {"machines": ["m-none"]}}})
    assert reply.status == 200, reply
    said = agree(server, machine, facts, ("wait", "ring_not_open"))
    assert said["sentence"] == f"{campaign}: An operator has limited it to other machines."
    assert of(said, campaign)["limited_out"] is True
    limits = {"in_flight_max": 1, "only": {"machines": [machine.id, "m-other"]}}
    assert server.admin.act("PUT", f"{campaign.path}/limits", {"reason": "one", "limits": limits}).status == 200
    other = server.enroll("m-other", facts=facts)
    other.take(facts=facts)
    said = agree(server, machine, facts, ("wait", "in_flight_cap"))
    assert said["sentence"] == f"{campaign}: 1 in flight, cap 1 by an operator's limit: the machine is let in when one settles."


def test_between_windows(server, facts):
    campaign = started(server, facts)
    machine = newcomer(server, facts)
    begin = c.utc(7200)[11:14] + "00"
    end = c.utc(10800)[11:14] + "00"
    reply = server.admin.act("PUT", f"{campaign.path}/limits", {"reason": "night", "limits": {"windows": [{"from": begin, "to": end}]}})
    assert reply.status == 200, reply
    said = agree(server, machine, facts, ("wait", "not_yet_valid"))
    assert re.search(rf"An operator lets it be offered within windows only; the next one opens at 20\S+T{begin}:00Z \(in \d+ min\)\.$",
                     said["sentence"]), said["sentence"]
    assert of(said, campaign)["window_opens"][11:16] == begin


def test_unknown_and_deleted_machines(server, facts, refused):
    refused(server.admin.client.get("/api/v1/machines/m-nobody/explain"), 404)
    machine = newcomer(server, facts)
    assert server.admin.act("DELETE", f"/machines/{machine.id}").status == 204
    refused(server.admin.client.get(f"/api/v1/machines/{machine.id}/explain"), 404)


def test_nothing_known_of_it(server, facts):
    started(server, facts, match={"fact": "os", "eq": "windows"})
    server.make_known(["m-empty"], {})
    machine = server.enroll("m-empty")
    said = explain(server, machine)
    assert "os is not known, the fix is for windows" in said["sentence"]
    assert said["notes"]


def test_explaining_changes_nothing(server, facts):
    started(server, facts)
    machine = newcomer(server, facts)
    machine.take(facts=facts)
    seq = server.seq()
    for _ in range(3):
        explain(server, machine)
    assert server.seq() == seq


def test_while_many_are_under_way(server, facts):
    """Beyond 512 unsettled offers failures are not told apart any more; the rest still is."""
    campaign = started(server, facts, known=6000, rollout=c.plan(
        rings=[{"name": "first", "share": 0.9, "growth": 20, "soak_seconds": 3600}, {"name": "second", "share": 0.1}],
        in_flight={"initial": 1000, "max": 1000}))
    machine = newcomer(server, facts)
    pin(server, machine, "second")
    takers = server.fleet([c.unique("t") for _ in range(600)])
    for taker in takers:
        taker.poll(facts=facts)
    until(lambda: of(explain(server, machine), campaign)["in_flight"] > 512, "many are under way")
    after = of(explain(server, machine), campaign)["next"]
    assert after["pending"] is None and after["failed"] is None and after["made"] > 512
