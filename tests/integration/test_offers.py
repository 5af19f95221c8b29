# SPDX-License-Identifier: Apache-2.0
"""Offers: every row of the table of states, and what is harmless."""

import pytest

from salvor import campaign as c
from salvor.machine import new_boot
from salvor.wait import stays, until


@pytest.fixture
def scene(shared):
    """A started campaign, a machine with an offer."""

    class Scene:
        def __init__(self, payload=None, **plan):
            self.campaign = shared.admin.started(c.payload(shared.domain, rollout=c.plan(**plan), **(payload or {})))
            self.facts = {"fault": self.campaign.id}
            self.machine = shared.enroll(c.unique("m"))
            self.offer = None

        def take(self, **kw):
            self.offer = self.machine.take(facts=self.facts, **kw)
            return self

        def now(self):
            """(state, cause) of the offer as operators see it"""
            offer = self.campaign.offer(self.offer["offer_id"])
            return offer["state"], offer.get("cause")

        def journal(self):
            return [(e["type"], e.get("cause")) for e in shared.events() if e.get("offer_id") == self.offer["offer_id"]]

    return Scene


@pytest.mark.parametrize("stage,state,cause", [("applied", "applied", None), ("healthy", "succeeded", None),
                                               ("not_applicable", "not_applicable", None), ("failed", "failed", "reported"),
                                               ("refused", "failed", "refused")])
def test_report_to_an_offer(scene, stage, state, cause):
    s = scene().take()
    assert s.machine.report(stage) == (True, state)
    assert s.now() == (state, cause)


# What a second report does: `applied` takes healthy only, everything settled takes nothing.
SECOND = {("applied", "healthy"): (True, "succeeded")}


@pytest.mark.parametrize("first", ["applied", "healthy", "not_applicable", "failed", "refused"])
@pytest.mark.parametrize("second", ["applied", "healthy", "not_applicable", "failed", "refused"])
def test_repeated_and_reordered_reports_are_harmless(scene, first, second):
    s = scene().take()
    state = s.machine.report(first)[1]
    assert s.machine.report(second) == SECOND.get((first, second), (False, state))
    counted = [e for e in s.journal() if e[0] not in ("offer", "report")]
    assert len(counted) == (2 if (first, second) in SECOND else 1), counted


def test_report_repeated_many_times(scene):
    """Accepted once, whatever the network does; bounded in what is kept."""
    s = scene().take()
    assert s.machine.report("applied") == (True, "applied")
    for _ in range(30):
        assert s.machine.report("applied") == (False, "applied")
    assert [e for e in s.journal() if e[0] == "applied"] == [("applied", None)]


def test_report_with_actions_and_long_log(scene):
    """A log over 16 KiB is cut, not refused."""
    s = scene().take()
    actions = [{"index": 0, "kind": "delete_file", "status": "done", "detail": "1 file"}]
    assert s.machine.report("applied", actions=actions, log="x" * 40000) == (True, "applied")


def test_healthy_ignores_the_boot_id(scene):
    s = scene().take()
    s.machine.report("applied")
    assert s.machine.report("healthy", boot=new_boot()) == (True, "succeeded")
    assert s.now() == ("succeeded", None)


def test_soak_makes_success(scene):
    s = scene(rings=[{"name": "all", "share": 1, "soak_seconds": 1, "growth": 1}]).take()
    assert s.machine.report("applied") == (True, "applied")
    until(lambda: s.now() == ("succeeded", None), "the soak has passed")


def test_no_soak_makes_success_at_once(scene):
    s = scene(rings=[{"name": "all", "share": 1, "soak_seconds": 0, "growth": 1}]).take()
    assert s.machine.report("applied")[0] is True
    until(lambda: s.now() == ("succeeded", None), "no soak to wait for")


def test_silent(scene):
    """By the deadline after the offer; a repeated poll is no sign of life."""
    s = scene(outcome_deadline_seconds=1).take()
    until(lambda: s.now() == ("failed", "silent"), "silent", 15)
    # After silent: offered again at the next poll, in this boot too.
    again = s.machine.take(facts=s.facts)
    assert again["offer_id"] != s.offer["offer_id"] and again["attempt"] == 2


def test_deadline_counts_from_the_offer(scene):
    s = scene(outcome_deadline_seconds=2).take()

    def repeated_or_silent():
        if s.now() == ("failed", "silent"):
            return True
        return None

    # Polling again and again does not push the deadline away.
    def poll():
        answer = s.machine.poll(facts=s.facts)
        return answer.get("offer", {}).get("attempt") == 2

    until(poll, "the deadline passes while it polls", 15)
    assert s.now() == ("failed", "silent")


def test_late_reports_change_nothing(scene):
    s = scene(outcome_deadline_seconds=1, max_attempts=3).take()
    until(lambda: s.now() == ("failed", "silent"), "silent", 15)
    for stage in ("failed", "healthy", "not_applicable"):
        assert s.machine.report(stage) == (False, "failed")
    assert s.now() == ("failed", "silent")
    # A late `applied` still prevents a second offer.
    assert s.machine.report("applied") == (False, "failed")
    assert s.machine.poll(facts=s.facts)["directive"] != "apply"
    s.machine.reboot()
    assert s.machine.poll(facts=s.facts, reason="requested")["directive"] != "apply"
    assert len(s.campaign.offers()) == 1


def test_repolled(scene):
    """A new boot that failed, with the offer open."""
    s = scene().take()
    s.machine.reboot()
    again = s.machine.take(facts=s.facts)
    assert s.now() == ("failed", "repolled")
    assert again["attempt"] == 2 and again["offer_id"] != s.offer["offer_id"]
    s.machine.offer = s.offer
    assert s.machine.report("applied") == (False, "failed")


def test_relapsed(scene):
    s = scene().take()
    s.machine.report("applied")
    s.machine.reboot()
    again = s.machine.take(facts=s.facts)
    assert s.now() == ("failed", "relapsed")
    assert again["attempt"] == 2


def test_relapsed_after_success(scene):
    s = scene().take()
    s.machine.report("applied")
    assert s.machine.report("healthy") == (True, "succeeded")
    s.machine.reboot()
    s.machine.poll(facts=s.facts)
    assert s.now() == ("failed", "relapsed")


def test_no_relapse_after_the_window(scene):
    s = scene(relapse_window_seconds=0, rings=[{"name": "all", "share": 1, "soak_seconds": 0, "growth": 1}]).take()
    s.machine.report("applied")
    s.machine.report("healthy")
    until(lambda: s.now() == ("succeeded", None), "succeeded")
    s.machine.reboot()
    until(lambda: s.machine.poll(facts=s.facts) and s.now() == ("succeeded", None), "still succeeded")
    assert s.machine.says(facts=s.facts) == ("none", "already_succeeded")


def test_relapse_is_charged_to_every_offer_in_its_window(shared, scene):
    """Two fixes were applied; the machine fails to boot again: nobody knows which one it was."""
    first = scene().take()
    first.machine.report("applied")
    first.machine.report("healthy")
    second = shared.admin.started(c.payload(shared.domain, match={"fact": "fault", "eq": first.campaign.id}))
    other = first.machine.take(facts=first.facts, reason="requested")
    assert other["campaign"] == second.id
    first.machine.report("applied")
    first.machine.report("healthy")
    first.machine.reboot()
    first.machine.poll(facts={"fault": "another"})
    assert first.now() == ("failed", "relapsed")
    mine = second.offer(other["offer_id"])
    assert (mine["state"], mine["cause"]) == ("failed", "relapsed")


def test_drill_poll_is_no_relapse(scene):
    s = scene().take()
    s.machine.report("applied")
    s.machine.reboot()
    s.machine.poll(facts=s.facts, reason="drill")
    assert s.now() == ("applied", None)


@pytest.mark.parametrize("verb,cause", [("halt", "halt"), ("withdraw", "withdrawn")])
def test_recalled(scene, verb, cause):
    s = scene().take()
    s.campaign.must(verb)
    assert s.now() == ("recalled", cause)
    for stage in ("applied", "failed", "healthy", "not_applicable", "refused"):
        assert s.machine.report(stage) == (False, "recalled")
    assert s.now() == ("recalled", cause)


@pytest.mark.parametrize("verb", ["halt", "withdraw", "pause"])
def test_applied_runs_to_its_end_in_every_state(scene, verb):
    s = scene().take()
    s.machine.report("applied")
    s.campaign.must(verb)
    assert s.now() == ("applied", None)
    assert s.machine.report("healthy") == (True, "succeeded")


@pytest.mark.parametrize("verb", ["halt", "withdraw", "pause"])
def test_relapse_is_seen_in_every_state(scene, verb):
    s = scene().take()
    s.machine.report("applied")
    s.campaign.must(verb)
    s.machine.reboot().poll(facts=s.facts)
    assert s.now() == ("failed", "relapsed")


@pytest.mark.parametrize("verb", ["halt", "withdraw"])
def test_soak_passes_in_every_state(scene, verb):
    """Served time stands still in a pause only."""
    s = scene(rings=[{"name": "all", "share": 1, "soak_seconds": 1, "growth": 1}]).take()
    s.machine.report("applied")
    s.campaign.must(verb)
    until(lambda: s.now() == ("succeeded", None), "the soak has passed", 15)


def test_offer_moves_with_the_machine(scene):
    """Repeated in another boot (not a failed one): the reports come from there."""
    s = scene().take()
    s.machine.reboot()
    assert s.machine.take(facts=s.facts, reason="requested") == s.offer
    assert s.machine.report("applied") == (True, "applied")
    assert s.machine.says(facts=s.facts) == ("none", "already_applied")
    assert s.now() == ("applied", None)


def test_stored_report_of_an_earlier_boot(scene):
    """A report that could not be sent travels with the next poll, with the boot_id it was made in."""
    s = scene().take()
    body = s.machine.report_body("applied")
    s.machine.reboot()
    answer = s.machine.poll(facts=s.facts, reason="requested", reports=[body])
    assert answer["reports"] == [{"offer_id": s.offer["offer_id"], "accepted": True, "state": "applied"}]
    assert answer["directive"] != "apply" and s.now() == ("applied", None)


def test_stored_report_before_a_failed_boot(scene):
    """Applied, and the boot after it failed: that is a relapse, not a silent machine."""
    s = scene().take()
    body = s.machine.report_body("applied")
    s.machine.reboot()
    answer = s.machine.poll(facts=s.facts, reports=[body])
    assert answer["reports"][0]["accepted"] is True
    assert s.now() == ("failed", "relapsed")


def test_report_from_a_foreign_boot(scene):
    """A boot that this offer was not made for says nothing about it, unless the full system is up."""
    s = scene().take()
    for stage in ("applied", "failed", "refused", "not_applicable"):
        assert s.machine.report(stage, boot=new_boot()) == (False, "offered")
    assert s.now() == ("offered", None)
    assert s.machine.report("healthy", boot=new_boot()) == (True, "succeeded")


def test_recall_uses_no_attempt(scene):
    s = scene(max_attempts=1).take()
    s.campaign.must("halt")
    assert s.now() == ("recalled", "halt")
    s.campaign.must("resume", acknowledge=s.campaign.halt_id())
    assert s.machine.take(facts=s.facts)["offer_id"] != s.offer["offer_id"]


def test_an_older_boot_is_told_why_it_waits(scene):
    """Not that it was next in line: it is asked no more, whatever becomes free."""
    s = scene().take()
    older = s.machine.boot
    s.campaign.must("halt")
    newer = s.machine.reboot().boot
    assert s.machine.says(facts=s.facts) == ("wait", "halted")
    s.campaign.must("resume", acknowledge=s.campaign.halt_id())
    s.machine.boot = older
    answer = s.machine.poll(facts=s.facts)
    assert (answer["directive"], answer["reason"]) == ("wait", "in_flight_cap")
    assert answer["detail"] == "A newer boot of this machine is known; this one gets nothing new."
    s.machine.boot = newer
    s.machine.take(facts=s.facts)


def test_late_applied_to_a_recalled_offer_prevents_a_second(scene):
    s = scene().take()
    s.campaign.must("halt")
    assert s.machine.report("applied") == (False, "recalled")
    s.campaign.must("resume", acknowledge=s.campaign.halt_id())
    assert s.machine.poll(facts=s.facts)["directive"] != "apply"


def test_deleted_machine(shared, scene, refused):
    s = scene().take()
    reply = shared.admin.act("DELETE", f"/machines/{s.machine.id}")
    assert reply.status == 204, reply
    assert s.now() == ("recalled", "deleted")
    refused(s.machine.try_poll(facts=s.facts), 401)
    refused(s.machine.try_report("applied"), 401)
    refused(shared.admin.client.get(f"/api/v1/machines/{s.machine.id}"), 404)


@pytest.mark.parametrize("first,needs_boot", [("failed", True), ("refused", True)])
def test_next_attempt_needs_a_new_boot(scene, first, needs_boot):
    s = scene().take()
    s.machine.report(first)
    assert s.machine.poll(facts=s.facts)["directive"] != "apply"
    s.machine.reboot()
    assert s.machine.take(facts=s.facts)["attempt"] == 2


def test_attempts_are_per_version(shared, scene):
    s = scene(max_attempts=1).take()
    s.machine.report("failed")
    s.machine.reboot()
    assert s.machine.says(facts=s.facts) == ("none", "attempts_exhausted")
    newer = shared.admin.started(c.payload(shared.domain, s.campaign.id, version=2))
    assert s.campaign.state == "withdrawn"
    offer = s.machine.take(facts=s.facts)
    assert (offer["version"], offer["attempt"]) == (2, 1)
    assert newer.state == "active"


# ---- "can": ["healthy"] ----

def test_can_healthy_settles_only_by_healthy(scene):
    s = scene(rings=[{"name": "all", "share": 1, "soak_seconds": 0, "growth": 1}]).take(can=["healthy"])
    assert s.machine.report("applied") == (True, "applied")
    stays(lambda: s.now() == ("applied", None), "the soak does not settle it", 1.2)
    assert s.machine.report("healthy") == (True, "succeeded")


def test_can_healthy_and_silent(scene):
    """applied without `healthy` for the deadline is silent."""
    s = scene(outcome_deadline_seconds=1).take(can=["healthy"])
    s.machine.report("applied")
    until(lambda: s.now() == ("failed", "silent"), "silent", 15)


def test_applied_without_can_is_not_silent(scene):
    s = scene(outcome_deadline_seconds=1).take()
    s.machine.report("applied")
    stays(lambda: s.now() == ("applied", None), "applied in time", 2.2)


# ---- served time ----

def test_pause_stands_still(scene):
    """A deadline does not pass during a pause."""
    s = scene(outcome_deadline_seconds=1).take()
    s.campaign.must("pause")
    state = s.now()
    if state == ("failed", "silent"):
        pytest.skip("the machine was too slow: the deadline had passed before the pause")
    stays(lambda: s.now() == ("offered", None), "the clock of a paused campaign stands still", 2.5)
    s.campaign.must("resume")
    until(lambda: s.now() == ("failed", "silent"), "it goes on after the pause", 15)


def test_downtime_is_nobodys_silence(server):
    """While the daemon is down no deadline passes."""
    import time

    campaign = server.admin.started(c.payload(server.domain, rollout=c.plan(outcome_deadline_seconds=4)))
    machine = server.enroll("sleeper")
    offer = machine.take(facts={"fault": campaign.id})
    server.stop()
    down = time.monotonic()
    until(lambda: time.monotonic() - down > 5, "longer down than the deadline", 10)
    server.start()
    campaign = type(campaign)(server.admin, campaign.id, 1, campaign.payload)
    assert campaign.offer(offer["offer_id"])["state"] == "offered"
    machine.plane = server.machine_plane()
    assert machine.take(facts={"fault": campaign.id}) == offer
    until(lambda: campaign.offer(offer["offer_id"])["state"] == "failed", "and then it passes", 20)
