# SPDX-License-Identifier: Apache-2.0
"""The life of a campaign: which act is allowed in which state, and what each does to others."""

import json

import pytest

from salvor import campaign as c
from salvor import schema

API = "/api/v1"


def make(server, state):
    """A campaign in a state."""
    admin = server.admin
    if state == "draft":
        return admin.create(c.payload(server.domain))
    campaign = admin.ready(c.payload(server.domain, **({"expires": c.utc(2)} if state == "expired" else {}),
                                     **({"rollout": c.plan(quiet_seconds=0)} if state == "completed" else {})))
    if state == "ready":
        return campaign
    campaign.start()
    if state == "paused":
        campaign.must("pause")
    elif state == "halted":
        campaign.must("halt")
    elif state == "withdrawn":
        campaign.must("withdraw")
    elif state in ("completed", "expired"):
        campaign.becomes(state, 20)
    return campaign


STATES = ["draft", "ready", "active", "paused", "halted", "completed", "withdrawn", "expired"]

# state -> act -> new state; what is missing is a conflict.
TABLE = {
    "draft": {},
    "ready": {"start": "active"},
    "active": {"pause": "paused", "halt": "halted", "withdraw": "withdrawn"},
    "paused": {"resume": "active", "halt": "halted", "withdraw": "withdrawn"},
    "halted": {"resume": "active", "withdraw": "withdrawn"},
    "completed": {"pause": "paused", "halt": "halted", "withdraw": "withdrawn"},
    "withdrawn": {},
    "expired": {},
}


@pytest.mark.parametrize("act", ["start", "pause", "resume", "halt", "withdraw"])
@pytest.mark.parametrize("state", STATES)
def test_act_in_state(shared, refused, state, act):
    if (state, act) in (("draft", "withdraw"), ("ready", "withdraw")):
        pytest.skip("a draft is dropped with DELETE; whether it can be withdrawn is left open")
    campaign = make(shared, state)
    assert campaign.state == state
    more = {}
    if (state, act) == ("halted", "resume"):
        more = {"acknowledge": campaign.halt_id()}
    reply = campaign.do(act, **more)
    if act in TABLE[state]:
        assert reply.status == 200, reply
        assert reply.json()["state"] == TABLE[state][act]
        assert campaign.state == TABLE[state][act]
    else:
        refused(reply, 409)
        assert state in reply.body.decode(), f"the state is not told: {reply}"
        assert campaign.state == state
    if campaign.state in ("active", "paused", "halted", "completed"):
        campaign.must("withdraw")


@pytest.mark.parametrize("state", STATES[1:])
def test_delete_and_put_are_for_drafts(shared, refused, state):
    campaign = make(shared, state)
    changed = c.dumps({**json.loads(campaign.payload), "title": "Another"})
    if state == "ready":
        reply = shared.admin.client.put(API + campaign.path, changed)
        assert reply.status == 200 and reply.json()["state"] == "draft", reply
        assert shared.admin.client.delete(API + campaign.path).status == 204
        refused(shared.admin.client.get(API + campaign.path), 404)
        return
    refused(shared.admin.client.put(API + campaign.path, changed), 409)
    refused(shared.admin.client.delete(API + campaign.path), 409)
    assert campaign.state == state


def test_put_drops_the_signatures(shared, refused):
    campaign = shared.admin.ready(c.payload(shared.domain))
    campaign.payload = c.dumps({**json.loads(campaign.payload), "title": "Another"})
    reply = shared.admin.client.put(API + campaign.path, campaign.payload)
    assert reply.status == 200, reply
    assert campaign.state == "draft"
    assert json.loads(campaign.envelope())["signatures"] == []
    assert shared.admin.client.get(API + campaign.path + "/payload").body == campaign.payload
    refused(campaign.do("start"), 409)
    for key in shared.domain.authors():
        assert campaign.sign(key).status in (200, 201)
    campaign.start()


@pytest.mark.parametrize("change", [{"id": "other-id-of-put"}, {"version": 9}])
def test_put_keeps_its_name(shared, refused, change):
    campaign = shared.admin.create(c.payload(shared.domain))
    value = {**json.loads(campaign.payload), **change}
    refused(shared.admin.client.put(API + campaign.path, value), (400, 409))
    assert shared.admin.client.get(API + campaign.path + "/payload").body == campaign.payload


def test_put_of_what_is_not_there(shared, refused):
    value = c.payload(shared.domain)
    refused(shared.admin.client.put(f"{API}/campaigns/{value['id']}/1", value), 404)


def test_states_follow_their_schema(shared):
    for state in ("draft", "ready", "active", "paused", "halted", "withdrawn"):
        schema.check("campaign-summary", make(shared, state).get(), closed=False)


def test_start_withdraws_other_versions(shared):
    old = shared.admin.started(c.payload(shared.domain))
    machine = shared.enroll(c.unique("m"))
    offer = machine.take(facts={"fault": old.id})
    new = shared.admin.started(c.payload(shared.domain, old.id, version=2))
    assert (old.state, new.state) == ("withdrawn", "active")
    mine = old.offer(offer["offer_id"])
    assert mine["state"] == "recalled"
    assert machine.take(facts={"fault": old.id})["version"] == 2


def test_an_older_version_can_be_started(shared):
    new = shared.admin.started(c.payload(shared.domain, version=2))
    old = shared.admin.started(c.payload(shared.domain, new.id, version=1))
    assert (old.state, new.state) == ("active", "withdrawn")


def test_supersedes(shared, refused):
    """The older one is halted, can be resumed only when the newer is gone, and that halves nothing."""
    old = shared.admin.started(c.payload(shared.domain))
    machine = shared.enroll(c.unique("m"))
    offer = machine.take(facts={"fault": old.id})
    new = shared.admin.started(c.payload(shared.domain, supersedes=[old.id], match={"fact": "fault", "eq": old.id}))
    assert (old.state, new.state) == ("halted", "active")
    halt = old.decisions("halt")[-1]
    assert halt["rule"] == "supersedes"
    assert old.offer(offer["offer_id"])["state"] == "recalled"
    assert old.offer(offer["offer_id"])["cause"] in ("superseded", "halt")
    reply = refused(old.do("resume", acknowledge=halt["id"]), 409)
    assert new.id in reply.body.decode(), reply
    assert machine.take(facts={"fault": old.id})["campaign"] == new.id
    new.must("withdraw")
    old.must("resume", acknowledge=halt["id"])
    assert old.state == "active"


def test_start_of_what_a_live_one_supersedes(shared, refused):
    old = shared.admin.ready(c.payload(shared.domain))
    new = shared.admin.started(c.payload(shared.domain, supersedes=[old.id]))
    reply = refused(old.do("start"), 409)
    assert new.id in reply.body.decode(), reply
    assert old.state == "ready"


def test_undoes_unknown(shared, refused):
    campaign = shared.admin.ready(c.payload(shared.domain, undoes="never-was"))
    reply = refused(campaign.do("start"), 409)
    assert "never-was" in reply.body.decode(), reply


@pytest.mark.parametrize("outcome,reached", [("applied", True), ("healthy", True), ("relapsed", True), ("repolled", True),
                                             ("silent", True), ("failed", False), ("refused", False), ("not_applicable", False),
                                             ("none", False)])
def test_undoes_reaches_who_was_touched(shared, outcome, reached):
    """Its machines are those whose offer was applied, succeeded, relapsed, silent or repolled."""
    bad = shared.admin.started(c.payload(shared.domain, rollout=c.plan(
        max_attempts=1, **({"outcome_deadline_seconds": 1} if outcome == "silent" else {}))))
    facts = {"fault": bad.id}
    machine = shared.enroll(c.unique("m"))
    if outcome != "none":
        offer = machine.take(facts=facts)
    if outcome in ("applied", "healthy", "failed", "refused", "not_applicable"):
        machine.report(outcome)
    elif outcome == "relapsed":
        machine.report("applied")
        machine.reboot().poll(facts=facts)
    elif outcome == "repolled":
        machine.reboot().poll(facts=facts)
    elif outcome == "silent":
        from salvor.wait import until

        until(lambda: bad.offer(offer["offer_id"]).get("cause") == "silent", "silent", 15)
    undo = shared.admin.started(c.payload(shared.domain, undoes=bad.id, match={"fact": "fault", "eq": bad.id}))
    assert bad.state == "halted"
    answer = machine.poll(facts=facts, reason="requested")
    if outcome == "applied":
        # Its own offer is unsettled; it must come to its end first.
        machine.report("healthy")
        answer = machine.poll(facts=facts, reason="requested")
    if reached:
        assert answer["directive"] == "apply" and answer["offer"]["campaign"] == undo.id, answer
    else:
        assert answer["directive"] != "apply", answer


def test_pause_resume_changes_no_count(shared):
    campaign = shared.admin.started(c.payload(shared.domain))
    machine = shared.enroll(c.unique("m"))
    offer = machine.take(facts={"fault": campaign.id})
    before = campaign.rings()
    campaign.must("pause")
    campaign.must("resume")
    assert campaign.rings() == before
    assert machine.take(facts={"fault": campaign.id}) == offer


def test_list_in_pages(shared):
    ids = sorted(shared.admin.create(c.payload(shared.domain, c.unique("page"))).id for _ in range(5))
    found, cursor, pages = [], "", 0
    while cursor is not None:
        page = shared.admin.get(f"/campaigns?limit=2{'&cursor=' + cursor if cursor else ''}")
        assert len(page["items"]) <= 2
        found += [i["id"] for i in page["items"]]
        cursor = page["next_cursor"]
        pages += 1
    assert [i for i in sorted(found) if i in ids] == ids
    assert len(set(found)) <= len(found) and pages >= 3


def test_at_most_100_live_campaigns(server, refused):
    made = [server.admin.started(c.payload(server.domain)) for _ in range(100)]
    value = c.payload(server.domain)
    reply = server.admin.client.post(API + "/campaigns", value)
    if reply.status == 201:
        campaign = server.admin.ready(c.payload(server.domain))
        refused(campaign.do("start"), 409)
    else:
        refused(reply, 409)
    made[0].must("withdraw")
    server.admin.started(c.payload(server.domain))


def test_restart_changes_nothing(server):
    """A restart never un-halts, un-pauses or re-opens anything."""
    states = ["draft", "ready", "active", "paused", "halted", "withdrawn"]
    campaigns = {state: make(server, state) for state in states}
    machine = server.enroll("holder")
    offer = machine.take(facts={"fault": campaigns["active"].id})
    server.admin.kill_switch(True)
    before = {s: (x.get(), x.decisions(), x.envelope()) for s, x in campaigns.items()}
    seq = server.seq()
    server.restart()
    assert server.admin.get("/kill-switch")["engaged"] is True
    assert server.seq() == seq
    for state, campaign in campaigns.items():
        campaign.admin = server.admin
        assert (campaign.get(), campaign.decisions(), campaign.envelope()) == before[state]
    machine.plane = server.machine_plane()
    assert machine.says(facts={"fault": campaigns["active"].id}) == ("wait", "kill_switch")
    server.admin.kill_switch(False)
    assert machine.take(facts={"fault": campaigns["active"].id}) == offer
