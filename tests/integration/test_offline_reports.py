# SPDX-License-Identifier: Apache-2.0
"""Outcomes without an offer: a campaign that was applied from a bundle, told to the server later, by /v1/report or in a
poll. It is kept and shown, it prevents an offer where it was applied, and it moves no count."""

import pytest

from salvor import campaign as c
from salvor import schema, tuf
from salvor.server import Server


def about(campaign):
    """What the report names instead of an offer."""
    return {"campaign": campaign.id, "version": campaign.version, "target_sha256": tuf.sha256(campaign.envelope())}


def body(machine, campaign, stage, change=None, **more):
    """`change` and `more` are members, in the place of the right ones."""
    right = {"machine_id": machine.id, "boot_id": machine.boot, "stage": stage, **about(campaign)}
    return {**right, **(change or {}), **more}


def send(machine, campaign, stage, change=None, **more):
    return machine.plane.post("/v1/report", body(machine, campaign, stage, change, **more), headers=machine.authorization)


def told(reply):
    assert reply.status == 200, reply
    answer = schema.check("report-response", reply.json())
    return answer["accepted"], answer["state"]


def counts(campaign):
    """Everything that 6.3 to 6.5 decide by, as the export tells it."""
    one = next(x for x in campaign.admin.server.export()["campaigns"] if x["id"] == campaign.id)
    return {k: one[k] for k in ("state", "evidence", "cap", "in_flight", "known_matching", "stage", "rings")} | {
        "counts": {k: v for k, v in one["counts"].items() if k != "offline"}}


def test_applied_prevents_an_offer(server):
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m-1", facts={"fault": campaign.id})
    other = server.enroll("m-2")
    report = body(machine, campaign, "applied", log="applied from a stick",
                  actions=[{"index": 0, "kind": "delete_file", "status": "done", "detail": "1 file"}])
    assert schema.valid("report-request", report)
    assert told(machine.plane.post("/v1/report", report, headers=machine.authorization)) == (True, "succeeded")
    assert machine.says(facts={"fault": campaign.id}) == ("none", "already_succeeded")
    assert machine.reboot().says(facts={"fault": campaign.id}) == ("none", "already_succeeded")
    server.restart()
    machine.plane = other.plane = server.machine_plane()
    assert machine.reboot().says(facts={"fault": campaign.id}) == ("none", "already_succeeded")
    assert other.says(facts={"fault": campaign.id}) == ("apply", "offered")


def test_it_is_shown_and_marked(server):
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m-1")
    assert told(send(machine, campaign, "failed", log="no such file")) == (True, "failed")
    (offer,) = campaign.offers()
    schema.check("offer", offer)
    assert offer["offline"] is True and offer["counted"] is False and offer["machine_id"] == "m-1"
    assert (offer["state"], offer["cause"], offer["boot_id"]) == ("failed", "reported", machine.boot)
    assert offer["reports"][0]["log"] == "no such file" and offer["reports"][0]["accepted"] is True
    assert server.admin.get("/machines/m-1")["offers"][0]["offline"] is True
    export = next(x for x in server.export()["campaigns"] if x["id"] == campaign.id)
    assert export["counts"]["offline"] == 1 and export["counts"]["offers"] == 0
    event = server.events()[-1]
    assert (event["type"], event["stage"], event["accepted"], event["offline"]) == ("report", "failed", True, True)
    assert event["machine_id"] == "m-1" and event["campaign"] == campaign.id


def test_no_count_moves(server):
    """Far more failures than any halt needs."""
    campaign = server.admin.started(c.payload(server.domain, rollout=c.plan(cohorts=["model"])))
    ids = [f"m-{i}" for i in range(30)]
    server.make_known(ids, {"fault": campaign.id, "model": "A"})
    machines = server.fleet(ids)
    machines[-1].take(facts={"fault": campaign.id, "model": "A"})
    before = counts(campaign)
    for i, machine in enumerate(machines[:-1]):
        assert told(send(machine, campaign, ("failed", "refused", "applied", "not_applicable")[i % 4]))[0] is True
    assert counts(campaign) == before
    assert campaign.get()["state"] == "active" and campaign.decisions("halt") == []


def test_a_failed_one_is_offered_all_the_same(server):
    campaign = server.admin.started(c.payload(server.domain, rollout=c.plan(max_attempts=1)))
    machine = server.enroll("m-1")
    assert told(send(machine, campaign, "failed"))[0] is True
    offer = machine.take(facts={"fault": campaign.id})
    assert offer["attempt"] == 1 and campaign.offer(offer["offer_id"])["counted"] is True


def test_repeats_are_harmless(server):
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m-1")
    assert told(send(machine, campaign, "applied")) == (True, "succeeded")
    for _ in range(3):
        assert told(send(machine, campaign, "applied")) == (False, "succeeded")
    assert told(send(machine, campaign, "healthy", boot_id="another-boot")) == (False, "succeeded")
    assert len(campaign.offers()) == 1


def test_of_a_campaign_that_is_over(server):
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m-1")
    report = body(machine, campaign, "applied")
    campaign.must("withdraw")
    assert told(machine.plane.post("/v1/report", report, headers=machine.authorization)) == (True, "succeeded")


@pytest.mark.parametrize("change", [{"campaign": "nothing"}, {"version": 2}, {"target_sha256": "0" * 64}])
def test_unknown(server, refused, change):
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m-1")
    seq = server.seq()
    refused(send(machine, campaign, "applied", change), 404, "not-found", "/campaign")
    answer = machine.poll(facts={"fault": "none"}, reports=[body(machine, campaign, "applied", change)])
    assert [(r["accepted"], r["state"]) for r in answer["reports"]] == [(False, "unknown")]
    assert server.seq() == seq


def test_a_draft_was_never_in_force(server, refused):
    campaign = server.admin.ready(c.payload(server.domain))
    refused(send(server.enroll("m-1"), campaign, "applied"), 404, "not-found")


@pytest.mark.parametrize("change,pointer", [
    ({"campaign": "Not An Id"}, "/campaign"), ({"campaign": 7}, "/campaign"), ({"version": 0}, "/version"),
    ({"version": "1"}, "/version"), ({"target_sha256": "abc"}, "/target_sha256"), ({"target_sha256": "Z" * 64}, "/target_sha256"),
    ({"stage": "done"}, "/stage"), ({"boot_id": "a b"}, "/boot_id"),
])
def test_malformed(server, refused, change, pointer):
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m-1")
    refused(send(machine, campaign, "applied", change), 400, "invalid", pointer)
    answer = machine.poll(facts={"fault": "none"}, reports=[body(machine, campaign, "applied", change)])
    assert [(r["accepted"], r["state"]) for r in answer["reports"]] == [(False, "invalid")]


def test_in_a_poll(server):
    """Before the answer is made; each in its place."""
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m-1")
    reports = [body(machine, campaign, "applied", {"campaign": "nothing"}), body(machine, campaign, "applied"),
               {"offer_id": "o99", "stage": "applied", "boot_id": machine.boot}]
    answer = machine.poll(facts={"fault": campaign.id}, reports=reports)
    assert (answer["directive"], answer["reason"]) == ("none", "already_succeeded")
    assert answer["reports"] == [
        {"campaign": "nothing", "version": 1, "accepted": False, "state": "unknown"},
        {"campaign": campaign.id, "version": 1, "accepted": True, "state": "succeeded"},
        {"offer_id": "o99", "accepted": False, "state": "unknown"}]


def test_it_needs_the_machines_identity(domain, refused):
    domain.conf.set("anonymous_poll", True)
    server = Server(domain).start()
    campaign = server.admin.started(c.payload(domain))
    machine = server.enroll("m-1")
    report = body(machine, campaign, "applied")
    refused(server.anonymous.post("/v1/report", report), 401)  # a known machine without its token
    refused(server.anonymous.post("/v1/report", {**report, "machine_id": "m-9"}), 401)  # one that nobody knows
    other = server.enroll("m-2")
    refused(server.anonymous.post("/v1/report", report, headers=other.authorization), 401)
    anonymous = server.anonymous.post("/v1/poll", {"machine_id": "m-9", "boot_id": "b", "reason": "boot_failure",
                                                   "facts": {"fault": "none"}, "reports": [{**report, "machine_id": "m-9"}]})
    assert anonymous.status == 200 and anonymous.json()["reports"][0]["state"] == "unknown"
    assert campaign.offers() == []
    server.stop()


def test_an_offer_id_goes_first(server, refused):
    """Members that an old server does not know are ignored: with an offer the report is about the offer."""
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m-1")
    offer = machine.take(facts={"fault": campaign.id})
    assert told(send(machine, campaign, "applied", offer_id=offer["offer_id"])) == (True, "applied")
    assert [o.get("offline") for o in campaign.offers()] == [None]
    refused(send(machine, campaign, "applied", offer_id="o999"), 404)


def test_a_crash_loses_nothing_that_was_answered(server):
    campaign = server.admin.started(c.payload(server.domain))
    machines = server.fleet(f"m-{i}" for i in range(10))
    for machine in machines:
        assert told(send(machine, campaign, "applied"))[0] is True
    server.kill()
    server.start()
    campaign.admin = server.admin
    assert len(campaign.offers()) == 10
    server.events()
