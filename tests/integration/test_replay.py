# SPDX-License-Identifier: Apache-2.0
"""A rollout is proven from its journal alone: exported with salvorctl, replayed with salvorctl, and doctored."""

import json
import math
import subprocess

import pytest

from salvor import campaign as c
from salvor.server import Domain, Server, program, replay
from salvor.wait import until

TWO_RINGS = [{"name": "first", "share": 0.5, "soak_seconds": 3600, "growth": 20},
             {"name": "second", "share": 0.5, "soak_seconds": 3600, "growth": 20}]


class Tale:
    """A campaign, machines that match it, and enough known ones for the pace."""

    def __init__(self, server, machines, known=300, facts=None, payload=None, **plan):
        settings = dict(in_flight={"initial": 5, "max": 1000000}, max_attempts=1)
        settings.update(plan)
        self.server = server
        self.campaign = server.admin.started(c.payload(server.domain, rollout=c.plan(**settings), **(payload or {})))
        self.facts = {"fault": self.campaign.id, **(facts or {})}
        server.make_known([f"{self.campaign.id}-known-{i}" for i in range(known)], self.facts)
        self.machines = server.fleet(f"{self.campaign.id}-{i}" for i in range(machines))
        until(lambda: self.campaign.get()["counted"], "the known matching machines are counted")

    def offer(self, count, **facts):
        """The next machines that poll and are offered."""
        free = [m for m in self.machines if not m.offer][:count]
        for machine in free:
            machine.take(facts={**self.facts, **facts})
        return free

    def report(self, machines, stage):
        for machine in machines:
            machine.report(stage)


def halt_and_resume(server):
    tale = Tale(server, 10)
    tale.report(tale.offer(5)[:4], "failed")
    assert tale.campaign.state == "halted"
    tale.campaign.must("resume", acknowledge=tale.campaign.halt_id())
    tale.report(tale.offer(5), "failed")
    tale.campaign.becomes("halted")


def hold_and_release(server):
    tale = Tale(server, 5, cohorts=["model"])
    bad = tale.offer(3, model="A")
    tale.offer(1, model="B")
    tale.report(bad, "failed")
    assert tale.campaign.decisions("hold_cohort")
    tale.campaign.must("resume", cohort="model=A")
    tale.report(tale.offer(1, model="A"), "healthy")


def advance(server, **plan):
    tale = Tale(server, 60, rings=TWO_RINGS, in_flight={"initial": 30, "max": 1000}, **plan)
    for machine in tale.machines:
        answer = machine.poll(facts=tale.facts)
        if answer["directive"] == "apply":
            machine.report("healthy")
    return tale


def by_evidence(server):
    assert advance(server).campaign.decisions("advance")


def by_hand(server):
    tale = advance(server, manual_advance=True)
    newest = tale.campaign.decisions()[-1]["id"]
    tale.campaign.must("advance", acknowledge=newest)
    assert tale.campaign.open_rings() == ["first", "second"]


def kill_switch(server):
    tale = Tale(server, 5)
    taken = tale.offer(4)
    server.admin.kill_switch(True)
    tale.report(taken[:2], "failed")
    server.admin.kill_switch(False)
    tale.report(taken[2:], "healthy")


def pause(server):
    tale = Tale(server, 6)
    taken = tale.offer(4)
    tale.campaign.must("pause")
    tale.report(taken[:1], "failed")
    tale.campaign.must("resume")
    tale.report(taken[1:], "applied")
    tale.campaign.must("halt")
    tale.campaign.must("resume")
    tale.offer(1)
    tale.campaign.must("withdraw")


def supersede(server):
    tale = Tale(server, 3)
    tale.offer(3)
    newer = server.admin.started(c.payload(server.domain, supersedes=[tale.campaign.id]))
    assert tale.campaign.state == "halted" and newer.state == "active"
    until(lambda: not tale.campaign.offers("offered"), "its offers are recalled")


def completion(server):
    tale = Tale(server, 3, known=0, quiet_seconds=1, patience_seconds=1, rings=TWO_RINGS)
    until(lambda: tale.campaign.open_rings() == ["first", "second"], "patience opens the second ring")
    for machine in tale.machines:
        until(lambda m=machine: m.poll(facts=tale.facts)["directive"] == "apply", "it is offered")
        machine.report("healthy")
    tale.campaign.becomes("completed")


def deleted_draft(server):
    """The limits of a draft that was deleted are not those of the next one of its name."""
    payload = c.payload(server.domain, rollout=c.plan(rings=TWO_RINGS))
    path = f"/campaigns/{payload['id']}/1"
    server.admin.create(payload)
    for kept in ({"in_flight_max": 1}, {"in_flight_max": 1, "opens": {"second": "2099-01-01T00:00:00Z"}}):
        reply = server.admin.act("PUT", path + "/limits", {"reason": "tight", "limits": kept})
        assert reply.status == 200, reply
    assert server.admin.act("DELETE", path).status in (200, 204)
    tale = Tale(server, 5, payload={"id": payload["id"]})
    tale.report(tale.offer(3), "healthy")


def restart_in_the_middle(server):
    tale = Tale(server, 10)
    taken = tale.offer(5)
    tale.report(taken[:2], "failed")
    server.kill()
    server.start()
    tale.campaign.admin = server.admin
    for machine in tale.machines:
        machine.plane = server.machine_plane()
    tale.report(taken[2:4], "failed")
    assert tale.campaign.state == "halted"


def limits(server):
    tale = Tale(server, 6)
    reply = server.admin.act("PUT", tale.campaign.path + "/limits", {"reason": "slowly", "limits": {"in_flight_max": 1}})
    assert reply.status == 200, reply
    tale.offer(1)
    assert next(m for m in tale.machines if not m.offer).says(facts=tale.facts) == ("wait", "in_flight_cap")
    reply = server.admin.act("PUT", tale.campaign.path + "/limits", {"reason": "all", "limits": {}})
    assert reply.status == 200, reply
    tale.offer(3)


STORIES = [halt_and_resume, hold_and_release, by_evidence, by_hand, kill_switch, pause, supersede, completion, limits,
           deleted_draft, restart_in_the_middle]


@pytest.mark.parametrize("story", STORIES)
def test_story(server, story):
    """Each alone: what the engine decided comes out again."""
    story(server)
    said = server.prove()
    assert said["disagreements"] == 0 and said["unjudged"] == 0
    if story in (halt_and_resume, hold_and_release, by_evidence, completion, restart_in_the_middle):
        assert said["recomputed"] >= 1


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """All of them on one server, one behind the other -> the journal as salvorctl exports it"""
    server = Server(Domain(tmp_path_factory.mktemp("replay") / "domain")).start()
    for story in STORIES[:-1]:
        story(server)
    machine = server.fleet(["much-changed"])[0]
    before = server.seq()
    while server.seq() < max(before + 10, 2100):  # some pages of the export
        for i in range(50):
            assert server.admin.act("PATCH", f"/machines/{machine.id}", {"labels": {"n": str(i)}}).status == 200
    restart_in_the_middle(server)
    done = subprocess.run([program("salvorctl"), "-C", str(server.domain.path), "export", "--events", "--after", "0"],
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == server.seq() > 2000
    server.stop()
    return done.stdout


def run(*arguments, journal=None):
    return subprocess.run([program("salvorctl"), "journal", "replay", *arguments], input=journal, capture_output=True,
                          timeout=60)


def test_the_whole_journal_agrees(told, tmp_path):
    code, said = replay(told)
    assert code == 0 and said["agree"] is True
    assert said["events"] == len(told.splitlines()) and said["campaigns"]
    assert said["disagreements"] == said["unjudged"] == 0
    by_engine = sum(b'"by":"engine"' in line for line in told.splitlines())
    assert said["recomputed"] == by_engine >= 7
    assert all(x["judged"] and x["disagreement"] is None for x in said["campaigns"])
    file = tmp_path / "journal.ndjson"
    file.write_bytes(told)
    done = run(str(file))
    assert done.returncode == 0 and done.stdout.endswith(b"all agree\n") and not done.stderr
    assert said["digest"].encode() in done.stdout


def test_parts_one_behind_the_other(told):
    """Lines end as they like; an empty line says nothing."""
    lines = told.splitlines()
    joined = b"\n".join(lines[:700]) + b"\n\n" + b"\r\n".join(lines[700:])
    code, said = replay(joined)
    assert code == 0 and said["digest"] == replay(told)[1]["digest"]
    code, said = replay(b"\n".join(lines[:300] + lines[301:]))
    assert code == 1 and "comes after event" in said["error"]["detail"]
    code, said = replay(b"\n".join(lines[700:] + lines[:700]))
    assert code == 1 and said["error"]["detail"].startswith(f"line {len(lines) - 699}: ")


def test_a_part_alone_judges_what_starts_in_it(told):
    lines = told.splitlines()
    starts = [i for i, line in enumerate(lines) if b'"plan":' in line]
    later = b"\n".join(lines[starts[0] + 1:])
    code, said = replay(later)
    assert code == 1 and said["unjudged"] == 1 and said["agree"] is False and said["disagreements"] == 0
    assert [x["judged"] for x in said["campaigns"]].count(False) == 1
    words = run("-", journal=later)
    assert words.returncode == 1 and words.stdout.endswith(b"all that could be judged agree; 1 not judged\n")
    code, said = replay(b"\n".join(lines[starts[0] + 1:starts[1] - 5]))
    assert code == 1 and said["agree"] is False and said["disagreements"] == 0


@pytest.mark.parametrize("text, words", [(b"", "not one event"), (b"{", "line 1: not valid JSON"),
                                         (b"\0\0\0\n", "line 1: not valid JSON"),
                                         (b'{"seq":1}\n', "line 1: "), (b"[" * 100 + b"\n", "nested deeper"),
                                         (b"x" * 9_000_000, "over 8388608 bytes")],
                         ids=["empty", "cut", "nul", "members", "deep", "long"])
def test_what_is_no_journal(text, words):
    code, said = replay(text)
    assert code == 1 and words in said["error"]["detail"]


def test_no_such_file(tmp_path):
    done = run(str(tmp_path / "none"))
    assert done.returncode == 3 and b"cannot open" in done.stderr and b"No such file" in done.stderr
    done = run(str(tmp_path / "none"), "--json")
    assert done.returncode == 3 and json.loads(done.stdout)["error"]["exit"] == 3
    assert run().returncode == 2
    assert run(str(tmp_path)).returncode == 1


# ---- doctored ----

class Forger:
    """Changes events, and numbers what follows so that nothing is missing."""

    def __init__(self, journal):
        self.events = [json.loads(line) for line in journal.splitlines()]

    def find(self, wanted):
        return next(i for i, e in enumerate(self.events) if wanted(e))

    def decision(self, verdict, by="engine"):
        return self.events[self.at(verdict, by)]["decision"]

    def at(self, verdict, by="engine"):
        return self.find(lambda e: e.get("decision", {}).get("verdict") == verdict and e["decision"]["by"] == by)

    def journal(self):
        for seq, event in enumerate(self.events, 1):
            event["seq"] = seq
            if "decision" in event:
                event["decision"]["id"] = f"d{seq}"
        return "\n".join(json.dumps(e) for e in self.events).encode()


def one_more_failed(forger):
    forger.decision("halt")["evidence"]["failed"] += 1


def one_bit(forger):
    evidence = forger.decision("halt")["evidence"]
    evidence["ln_e"] = math.nextafter(evidence["ln_e"], 100)


def another_bound(forger):
    forger.decision("advance")["evidence"]["bound"] -= 1e-9


def another_cohort(forger):
    forger.decision("hold_cohort")["cohort"] = "model=B"


def no_halt(forger):
    del forger.events[forger.at("halt") - 1:forger.at("halt") + 1]


def no_hold(forger):
    del forger.events[forger.at("hold_cohort")]


def no_advance(forger):
    del forger.events[forger.at("advance")]


def a_failure_made_good(forger):
    failed = forger.events[forger.find(lambda e: e["type"] == "failed")]
    failed["type"] = "succeeded"
    del failed["cause"]


def an_offer_not_counted(forger):
    forger.events[forger.find(lambda e: e["type"] == "offer")].update(counted=False, anonymous=False)


def another_ring(forger):
    forger.events[forger.find(lambda e: e["type"] == "offer" and e["ring"] == "first")]["ring"] = "second"


def a_softer_plan(forger):
    start = forger.events[forger.find(lambda e: "plan" in e)]
    start["plan"]["halt_error"] = 0.001


def no_plan(forger):
    del forger.events[forger.find(lambda e: "plan" in e)]["plan"]


def half_a_plan(forger):
    del forger.events[forger.find(lambda e: "plan" in e)]["plan"]["halt_error"]


def a_start_of_another_version(forger):
    forger.events[forger.find(lambda e: "plan" in e)]["version"] = 9


def a_failure_of_a_second_attempt(forger):
    offer_id = forger.events[forger.find(lambda e: e["type"] == "failed")]["offer_id"]
    offer = forger.events[forger.find(lambda e: e["type"] == "offer" and e["offer_id"] == offer_id)]
    offer.update(counted=False, attempt=2, anonymous=False)


def one_machine_for_all(forger):
    for event in forger.events:
        if "offer_id" in event:
            event["machine_id"] = "m-1"


def a_failure_recalled(forger):
    forger.events[forger.find(lambda e: e["type"] == "failed")].update(type="recalled", cause="halt")


def an_outcome_of_another(forger):
    forger.events[forger.find(lambda e: e["type"] == "succeeded")]["machine_id"] = "m-1"


def an_outcome_elsewhere(forger):
    forger.events[forger.find(lambda e: e["type"] == "succeeded")]["ring"] = "nowhere"


def decided_about_another(forger):
    forger.decision("halt")["campaign"] = "another"


def decided_some_other_time(forger):
    forger.decision("halt")["at"] = "2024-07-19T05:30:00Z"


def decided_by_another_rule(forger):
    forger.decision("halt")["rule"] = "6.4"


def decided_before_its_cause(forger):
    at = forger.at("hold_cohort")
    forger.events[at - 1], forger.events[at] = forger.events[at], forger.events[at - 1]


def less_patience(forger):
    forger.decision("open")["because"]["idle_ms"] = 999


def not_quiet_yet(forger):
    forger.decision("complete")["because"]["idle_ms"] = 0


def killed_by_nobody(forger):
    del forger.events[forger.at("kill", "operator")]


def resumed_without_a_decision(forger):
    del forger.events[forger.at("resume", "operator")]


@pytest.mark.parametrize("forgery", [one_more_failed, one_bit, another_bound, another_cohort, no_halt, no_hold,
                                     no_advance, a_failure_made_good, an_offer_not_counted, another_ring, a_softer_plan,
                                     no_plan, half_a_plan, a_start_of_another_version, a_failure_of_a_second_attempt,
                                     one_machine_for_all, a_failure_recalled, an_outcome_of_another,
                                     an_outcome_elsewhere, decided_about_another, decided_some_other_time,
                                     decided_by_another_rule,
                                     decided_before_its_cause, less_patience, not_quiet_yet, killed_by_nobody,
                                     resumed_without_a_decision])
def test_forgeries_are_seen(told, forgery):
    forger = Forger(told)
    assert replay(forger.journal())[0] == 0  # as it was
    forgery(forger)
    journal = forger.journal()
    code, said = replay(journal)
    assert code == 1 and said["agree"] is False and said["disagreements"] >= 1, said
    wrong = [x for x in said["campaigns"] if x["disagreement"]]
    assert len(wrong) == said["disagreements"]
    words = run("-", journal=journal)
    assert words.returncode == 1
    for campaign in wrong:
        where = f"{campaign['campaign']}@{campaign['version']}, seq {campaign['disagreement']['seq']}"
        assert f"{where}: {campaign['disagreement']['what']}" in words.stdout.decode()


def test_an_offer_that_vanished(told):
    """Its outcome is left over."""
    forger = Forger(told)
    del forger.events[forger.find(lambda e: e["type"] == "offer" and not e["counted"] or e.get("o") == 5)]
    code, said = replay(forger.journal())
    assert code == 1 and ("never made" in json.dumps(said) or said["disagreements"] >= 1)
