# SPDX-License-Identifier: Apache-2.0
"""Limits: operators make a rollout smaller, later or narrower than its plan, never the other way; each is journaled."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from salvor import campaign as c
from salvor import schema
from salvor.wait import stays, until
from test_wait import Held, wait_held

RINGS = [{"name": "first", "share": 0.5, "soak_seconds": 0, "growth": 20},
         {"name": "second", "share": 0.5, "soak_seconds": 0, "growth": 20}]
OUTSIDE = "At present an operator limits this fix to other machines."
NOT_NOW = "An operator lets this fix out at set times only; the next begins at "


def clock(hours):
    return (datetime.now(timezone.utc) + timedelta(hours=hours)).strftime("%H:%M")


def window(first, last):
    """Every day, so many whole hours from now."""
    return {"from": clock(first), "to": clock(last)}


def shut():
    return {"windows": [window(2, 3)]}


def wide():
    return {"windows": [window(-2, 4)]}


class Limited:
    """A campaign, what is laid on it, and machines that it matches."""

    def __init__(self, server, ready=False, known=100, **plan):
        self.server = server
        payload = c.payload(server.domain, rollout=c.plan(**plan))
        self.campaign = server.admin.ready(payload) if ready else server.admin.started(payload)
        self.facts = {"fault": self.campaign.id}
        self.path = self.campaign.path + "/limits"
        if known:
            server.make_known([f"{self.campaign.id}-k{i}" for i in range(known)], self.facts)

    def body(self, limits):
        return {"reason": "a test", "limits": limits}

    def put(self, limits, admin=None):
        """Without a grant -> Reply"""
        return (admin or self.server.admin).client.put("/api/v1" + self.path, self.body(limits))

    def tighten(self, limits):
        reply = self.put(limits)
        assert reply.status == 200, reply
        assert reply.json()["limits"] == (limits or None)
        return self

    def loosen(self, limits):
        refused = self.put(limits)
        assert refused.status == 403 and refused.slug == "elevation-required", refused
        reply = self.server.admin.elevated("PUT", self.path, self.body(limits))
        assert reply.status == 200, reply
        return self

    def now(self):
        answer = self.server.admin.get(self.path)
        shown = self.campaign.get()["limits"]
        assert shown == answer["limits"]
        return answer["limits"]

    def machine(self, label=None, enrolled=True):
        name = c.unique(self.campaign.id + "-m")
        if label is not None:
            self.server.make_known([name], self.facts, labels={"site": label})
        return self.server.enroll(name) if enrolled else name

    def says(self, machine):
        answer = machine.poll(facts=self.facts)
        return answer["directive"], answer["reason"], answer["detail"]

    def healed(self, machine):
        assert self.says(machine)[:2] == ("apply", "offered")
        assert machine.report("healthy") == (True, "succeeded")

    def counted(self):
        until(lambda: self.campaign.get()["counted"], "the known matching machines are counted")
        return self

    def journaled(self, after):
        return [e for e in self.server.events(after) if e["type"] == "admin" and e.get("act") == "campaign.limits"]


# ---- what each of them does ----


def test_a_smaller_cap(shared):
    limited = Limited(shared)
    limited.tighten({"in_flight_max": 2}).counted()
    machines = [limited.machine() for _ in range(3)]
    assert [m.says(facts=limited.facts)[1] for m in machines] == ["offered", "offered", "in_flight_cap"]
    assert limited.campaign.get()["cap"] == 2
    assert machines[0].report("healthy") == (True, "succeeded")
    assert machines[2].says(facts=limited.facts) == ("apply", "offered")
    assert limited.machine().says(facts=limited.facts) == ("wait", "in_flight_cap")
    limited.loosen({"in_flight_max": 3})
    assert limited.machine().says(facts=limited.facts) == ("apply", "offered")


def test_a_cap_above_the_plans_changes_nothing(shared):
    """Never beyond the plan."""
    limited = Limited(shared, in_flight={"initial": 1, "max": 1})
    limited.tighten({"in_flight_max": 1000}).counted()
    assert limited.machine().says(facts=limited.facts) == ("apply", "offered")
    assert limited.machine().says(facts=limited.facts) == ("wait", "in_flight_cap")
    assert limited.campaign.get()["cap"] == 1


def test_a_ring_opens_later(server):
    """Not by patience, though nobody takes an offer; when its time has come, held polls hear of it."""
    limited = Limited(server, ready=True, rings=RINGS, patience_seconds=0)
    at = c.utc(6)
    limited.tighten({"opens": {"second": at}})
    limited.campaign.start()
    machine = limited.machine()
    server.admin.act("PATCH", f"/machines/{machine.id}", {"pin": "second"})
    assert machine.says(facts=limited.facts) == ("wait", "ring_not_open")
    held = Held(server, machine, facts=limited.facts)
    wait_held(server, 1)
    stays(lambda: limited.campaign.open_rings() == ["first"], "the second ring stays shut", 2)
    answer = held.answer(20)
    assert answer["directive"] == "apply"
    opened = [d for d in limited.campaign.decisions("open") if d["ring"] == "second"]
    assert len(opened) == 1 and opened[0]["at"][:19] >= at[:19]


def test_a_ring_opens_at_once_when_the_limit_is_lifted(shared):
    limited = Limited(shared, known=0, rings=RINGS, patience_seconds=None)
    limited.tighten({"opens": {"second": c.utc(3600)}})
    first = limited.machine()
    shared.admin.act("PATCH", f"/machines/{first.id}", {"pin": "first"})
    until(lambda: limited.campaign.get()["counted"], "counted")
    # Every known machine of the open ring is settled: but for the limit the next one opens.
    assert first.says(facts=limited.facts) == ("apply", "offered")
    assert first.report("healthy") == (True, "succeeded")
    stays(lambda: limited.campaign.open_rings() == ["first"], "the second ring stays shut", 1)
    limited.loosen({})
    until(lambda: limited.campaign.open_rings() == ["first", "second"], "the second ring is open")


def test_only_machines_with_a_label(shared):
    limited = Limited(shared)
    limited.tighten({"only": {"labels": {"site": ["berlin", "bonn"]}}})
    for site in ("berlin", "bonn"):
        limited.healed(limited.machine(site))
    assert limited.says(limited.machine("Berlin")) == ("wait", "ring_not_open", OUTSIDE)
    stranger = limited.machine()
    assert limited.says(stranger) == ("wait", "ring_not_open", OUTSIDE)
    # Labelled later, its next poll may get an offer; the other way round too, but what is out stays.
    shared.admin.act("PATCH", f"/machines/{stranger.id}", {"labels": {"site": "bonn"}})
    assert limited.says(stranger)[:2] == ("apply", "offered")
    offer = stranger.offer["offer_id"]
    shared.admin.act("PATCH", f"/machines/{stranger.id}", {"labels": {}})
    assert limited.says(stranger)[:2] == ("apply", "offered")
    assert stranger.offer["offer_id"] == offer
    assert stranger.report("healthy") == (True, "succeeded")


def test_only_listed_machines(shared):
    limited = Limited(shared)
    later = limited.machine(enrolled=False)
    listed = limited.machine()
    limited.tighten({"only": {"machines": [later, listed.id]}})
    assert limited.says(limited.machine()) == ("wait", "ring_not_open", OUTSIDE)
    limited.healed(listed)
    limited.healed(shared.enroll(later))


def test_a_label_and_a_list_have_both_to_fit(shared):
    limited = Limited(shared)
    names = [limited.machine(site, enrolled=False) for site in ("berlin", "bonn", "berlin")]
    limited.tighten({"only": {"labels": {"site": ["berlin"]}, "machines": names[:2]}})
    told = [limited.says(shared.enroll(name, shared.enrollment_token(uses=1)))[1] for name in names]
    # Behind a full cap nobody's labels are looked up.
    assert told[0::2] == ["offered", "ring_not_open"] and told[1] in ("ring_not_open", "in_flight_cap")


def test_the_fleet_is_that_within(shared):
    """known_matching, and with it the plan's tenth, is of the machines that the limits leave."""
    limited = Limited(shared, known=200).counted()
    assert limited.campaign.get()["known_matching"] == 200
    assert limited.campaign.get()["cap"] == 20
    limited.tighten({"only": {"machines": [f"{limited.campaign.id}-k{i}" for i in range(30)]}}).counted()
    view = limited.campaign.get()
    assert (view["known_matching"], view["cap"]) == (30, 3)
    limited.loosen({}).counted()
    assert limited.campaign.get()["known_matching"] == 200


def test_narrowed_to_nobody_no_ring_opens(shared):
    """Nobody is left to wait for, and nobody takes an offer: neither may open what would stay open."""
    limited = Limited(shared, known=40, rings=RINGS, patience_seconds=2, quiet_seconds=0)
    limited.tighten({"only": {"labels": {"site": ["nowhere"]}}}).counted()
    assert limited.campaign.get()["known_matching"] == 0
    stays(lambda: (limited.campaign.open_rings(), limited.campaign.state) == (["first"], "active"), "it stands", 4)
    limited.loosen({})
    assert limited.campaign.open_rings() == ["first"], "patience begins anew"
    limited.counted()
    assert limited.campaign.get()["known_matching"] == 40
    until(lambda: limited.campaign.open_rings() == ["first", "second"], "patience has run", 20)
    opened = [d for d in limited.campaign.decisions("open") if d["ring"] == "second"]
    assert opened[0]["because"]["idle_ms"] >= 2000


def test_narrowed_and_settled_no_ring_opens(shared):
    limited = Limited(shared, known=40, rings=RINGS, patience_seconds=None)
    machine, later = limited.machine(), limited.machine()
    for pinned, ring in ((machine, "first"), (later, "second")):
        shared.make_known([pinned.id], limited.facts)
        shared.admin.act("PATCH", f"/machines/{pinned.id}", {"pin": ring})
    limited.tighten({"only": {"machines": [machine.id, later.id]}}).counted()
    limited.healed(machine)
    stays(lambda: limited.campaign.open_rings() == ["first"], "38 were not even asked", 2)
    assert limited.says(later)[:2] == ("wait", "ring_not_open")
    explained = shared.admin.get(f"/machines/{later.id}/explain")
    ours = next(x for x in explained["campaigns"] if x["campaign"] == limited.campaign.id)
    assert ours["next"]["limited"] is True and "an operator's limit keeps machines away" in ours["sentence"]


def test_between_windows_nothing_is_offered(shared):
    limited = Limited(shared).counted()
    out, other = limited.machine(), limited.machine()
    assert limited.says(out)[:2] == ("apply", "offered")
    opens = datetime.now(timezone.utc).replace(second=0, microsecond=0) + timedelta(hours=2)
    limited.tighten(shut())
    directive, reason, detail = limited.says(other)
    assert (directive, reason) == ("wait", "not_yet_valid")
    assert detail.startswith(NOT_NOW)
    named = datetime.fromisoformat(detail.removeprefix(NOT_NOW).removesuffix("Z."))
    assert abs(named.replace(tzinfo=timezone.utc) - opens) <= timedelta(minutes=1)
    # What is out is repeated and reported as ever.
    assert limited.says(out)[:2] == ("apply", "offered")
    assert out.report("applied") == (True, "applied")
    limited.loosen(wide())
    assert limited.says(other)[:2] == ("apply", "offered")


def test_between_windows_no_patience_runs(shared):
    limited = Limited(shared, ready=True, rings=RINGS, patience_seconds=0, quiet_seconds=0)
    limited.tighten(shut())
    limited.campaign.start()
    stays(lambda: (limited.campaign.open_rings(), limited.campaign.state) == (["first"], "active"), "it stands", 2)
    limited.loosen(wide())
    until(lambda: limited.campaign.open_rings() == ["first", "second"], "the second ring is open")


@pytest.mark.slow
def test_a_held_poll_hears_that_a_window_opens(shared):
    """At the next minute, which is at most one away."""
    limited = Limited(shared)
    soon = datetime.now(timezone.utc).replace(second=0, microsecond=0) + timedelta(minutes=1)
    if soon - datetime.now(timezone.utc) < timedelta(seconds=10):
        soon += timedelta(minutes=1)
    limited.tighten({"windows": [{"from": soon.strftime("%H:%M"), "to": clock(2)}]})
    machine = limited.machine()
    assert limited.says(machine)[1] == "not_yet_valid"
    until(lambda: soon - datetime.now(timezone.utc) < timedelta(seconds=8), "the window is near", 75, every=0.5)
    held = Held(shared, machine, wait=25, facts=limited.facts)
    assert held.answer(40)["directive"] == "apply"
    assert held.took < 15


# ---- who may, and when ----


def test_tightening_needs_no_grant_and_loosening_does(shared):
    limited = Limited(shared)
    for step in ({"in_flight_max": 100}, {"in_flight_max": 50}, {"in_flight_max": 50, **wide()},
                 {"in_flight_max": 50, **wide(), "only": {"labels": {"site": ["a", "b"]}}},
                 {"in_flight_max": 50, **wide(), "only": {"labels": {"site": ["a"]}, "machines": ["m-1", "m-2"]}},
                 {"in_flight_max": 1, **shut(), "only": {"labels": {"site": ["a"]}, "machines": ["m-1"]}}):
        limited.tighten(step)
    present = limited.now()
    for step in ({}, {**present, "in_flight_max": 2}, {**present, **wide()},
                 {**present, "only": {"machines": ["m-1"]}}, {**present, "only": {"labels": {"site": ["a"]}}},
                 {**present, "only": {"labels": {"site": ["a"]}, "machines": ["m-1", "m-3"]}}):
        refused = limited.put(step)
        assert refused.status == 403 and refused.slug == "elevation-required", (step, refused)
    assert limited.now() == present
    limited.tighten(present)
    limited.loosen({})
    assert limited.now() is None


def test_what_the_plan_or_time_would_forbid_anyway_needs_a_grant_too(shared):
    """Limits are compared with limits, member by member."""
    limited = Limited(shared, ready=True, rings=RINGS)
    long_past = {"opens": {"second": "2020-01-01T00:00:00Z"}}
    limited.tighten({"in_flight_max": 1000000, **long_past})
    for step in (long_past, {"in_flight_max": 1000001, **long_past}, {"in_flight_max": 1000000}):
        refused = limited.put(step)
        assert refused.status == 403 and refused.slug == "elevation-required", (step, refused)


def test_a_grant_is_for_these_very_limits(shared):
    limited = Limited(shared).tighten({"in_flight_max": 1})
    header = shared.admin.grant("PUT", "/api/v1" + limited.path, json.dumps(limited.body({"in_flight_max": 2})).encode())
    reply = shared.admin.client.request("PUT", "/api/v1" + limited.path, json.dumps(limited.body({})).encode(),
                                        headers={"Salvor-Elevation": header})
    assert reply.status == 403 and reply.slug == "elevation-required", reply
    assert limited.now() == {"in_flight_max": 1}


def test_each_is_journaled(shared):
    limited = Limited(shared)
    after = shared.seq()
    limited.tighten({"in_flight_max": 7})
    limited.put({"in_flight_max": 8})
    limited.loosen({})
    seen = limited.journaled(after)
    assert [e["limits"] for e in seen] == [{"in_flight_max": 7}, {}]
    for event in seen:
        schema.check("event", event, closed=False)
        assert (event["campaign"], event["version"]) == (limited.campaign.id, 1)
        assert (event["operator"], event["reason"]) == ("admin", "a test")


def test_who_set_them_and_when(shared):
    limited = Limited(shared)
    assert shared.admin.get(limited.path) == {"limits": None, "set_at": None, "set_by": None}
    before = c.utc()
    limited.tighten({"in_flight_max": 7})
    answer = shared.admin.get(limited.path)
    assert answer["set_by"] == "admin" and before[:19] <= answer["set_at"][:19] <= c.utc(1)
    limited.loosen({})
    assert shared.admin.get(limited.path) == {"limits": None, "set_at": None, "set_by": None}


def test_before_the_start_and_until_the_end(shared, refused):
    draft = shared.admin.create(c.payload(shared.domain))
    put = lambda campaign, limits: shared.admin.act("PUT", campaign.path + "/limits", {"reason": "r", "limits": limits})
    assert put(draft, {"in_flight_max": 3}).status == 200
    for key in shared.domain.authors(2):
        draft.sign(key)
    assert put(draft, {"in_flight_max": 2}).status == 200
    draft.start()
    assert draft.get()["limits"] == {"in_flight_max": 2} and draft.get()["cap"] <= 2
    for verb in ("pause", "resume", "halt", "withdraw"):
        assert put(draft, {"in_flight_max": 1}).status == 200
        draft.must(verb)
    refused(put(draft, {"in_flight_max": 1}), 409, "conflict")
    # What there was can still be read.
    assert shared.admin.get(draft.path + "/limits")["limits"] == {"in_flight_max": 1}
    refused(put(shared.admin.create(c.payload(shared.domain)), {"opens": {"none": c.utc()}}), 400)
    refused(shared.admin.act("PUT", "/campaigns/none/1/limits", {"reason": "r", "limits": {}}), 404)
    refused(shared.admin.client.get("/api/v1/campaigns/none/1/limits"), 404)


def test_a_new_payload_has_to_fit_its_limits(shared, refused):
    """Otherwise they could not be read any more when it starts."""
    value = c.payload(shared.domain, rollout=c.plan(rings=RINGS))
    draft = shared.admin.create(value)
    shared.admin.act("PUT", draft.path + "/limits", {"reason": "r", "limits": {"opens": {"second": c.utc(60)}}})
    refused(shared.admin.client.put("/api/v1" + draft.path, {**value, "rollout": c.plan()}), 409, "conflict")
    assert shared.admin.client.put("/api/v1" + draft.path, {**value, "title": "another"}).status == 200
    assert draft.get()["limits"]
    assert shared.admin.client.delete("/api/v1" + draft.path).status == 204


def test_an_open_ring_does_not_close(shared, refused):
    limited = Limited(shared, rings=RINGS, patience_seconds=0)
    until(lambda: limited.campaign.open_rings() == ["first", "second"], "the second ring is open")
    refused(limited.put({"opens": {"second": c.utc(600)}}), 409, "conflict", "/limits/opens/second")
    limited.tighten({"opens": {"second": c.utc(-600)}})


def test_an_operator_cannot_advance_past_them(shared, refused):
    limited = Limited(shared, rings=RINGS, manual_advance=True).tighten({"opens": {"second": c.utc(600)}})
    refused(limited.campaign.do("advance", acknowledge=limited.campaign.decisions()[-1]["id"]), 409, "conflict")
    limited.loosen({})
    limited.campaign.must("advance", acknowledge=limited.campaign.decisions()[-1]["id"])
    assert limited.campaign.open_rings() == ["first", "second"]


@pytest.mark.parametrize("limits,pointer", [
    ([], "/limits"), ({"more": 1}, "/limits/more"),
    ({"in_flight_max": 0}, "/limits/in_flight_max"), ({"in_flight_max": "9"}, "/limits/in_flight_max"),
    ({"in_flight_max": 100000001}, "/limits/in_flight_max"),
    ({"opens": {"none": "2026-01-01T00:00:00Z"}}, "/limits/opens/none"),
    ({"opens": {"first": "2026-01-01T00:00:00Z"}}, "/limits/opens/first"),
    ({"opens": {"second": "tomorrow"}}, "/limits/opens/second"),
    ({"only": {}}, "/limits/only"), ({"only": {"labels": {}}}, "/limits/only/labels"),
    ({"only": {"labels": {"site": []}}}, "/limits/only/labels/site"),
    ({"only": {"labels": {"site": ["a", 7]}}}, "/limits/only/labels/site/1"),
    ({"only": {"machines": []}}, "/limits/only/machines"),
    ({"only": {"machines": ["a", "not an id"]}}, "/limits/only/machines/1"),
    ({"only": {"machines": [f"m-{i}" for i in range(10001)]}}, "/limits/only/machines"),
    ({"windows": []}, "/limits/windows"), ({"windows": [{"from": "22:00"}]}, "/limits/windows/0/to"),
    ({"windows": [{"from": "22:00", "to": "22:00"}]}, "/limits/windows/0/to"),
    ({"windows": [{"from": "25:00", "to": "22:00"}]}, "/limits/windows/0/from"),
    ({"windows": [{"days": ["someday"], "from": "21:00", "to": "22:00"}]}, "/limits/windows/0/days/0"),
    ({"windows": [{"from": "21:00", "to": "22:00"}] * 33}, "/limits/windows"),
    ({"only": {"machines": ["m-1", "m-2", "m-1"]}}, "/limits/only/machines"),
    ({"only": {"labels": {"site": ["a", "b", "a"]}}}, "/limits/only/labels/site"),
    ({"windows": [{"days": ["mon", "mon"], "from": "21:00", "to": "22:00"}]}, "/limits/windows/0/days/1"),
])
def test_bad_limits_change_nothing(shared, refused, limits, pointer, request):
    limited = Limited(shared, rings=RINGS)
    request.getfixturevalue("unchanged")()
    refused(limited.put(limits), 400, "invalid", pointer)
    assert limited.now() is None


@pytest.mark.parametrize("body,pointer", [
    ({"limits": {}}, "/reason"), ({"reason": "", "limits": {}}, "/reason"), ({"reason": "r"}, "/limits"),
    ({"reason": "r" * 501, "limits": {}}, "/reason"), ({"reason": "r", "limits": None}, "/limits"),
    ({"reason": "r", "limits": {}, "x": 1}, "/x"),
])
def test_bad_bodies_change_nothing(shared, refused, body, pointer, request):
    limited = Limited(shared)
    request.getfixturevalue("unchanged")()
    refused(shared.admin.client.put("/api/v1" + limited.path, body), 400, "invalid", pointer)


def test_as_many_machines_as_the_bound_says(shared):
    names = [f"{'m' * 56}-{i:05}" for i in range(10000)]
    limited = Limited(shared).tighten({"only": {"machines": names}})
    assert limited.says(limited.machine()) == ("wait", "ring_not_open", OUTSIDE)
    assert limited.now() == {"only": {"machines": names}}
    limited.tighten({"in_flight_max": 1, "only": {"machines": names[1:]}})


# ---- what outlives the daemon ----


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_they_survive(server, end):
    limited = Limited(server)
    all_of_them = {"in_flight_max": 1, "only": {"labels": {"site": ["a"]}}, **wide()}
    limited.tighten(all_of_them)
    inside, outside = limited.machine("a"), limited.machine("b")
    server.kill() if end == "kill" else server.stop()
    server.start()
    assert limited_now(server, limited) == all_of_them
    for machine in (inside, outside):
        machine.plane = server.machine_plane()
    assert limited.says(outside) == ("wait", "ring_not_open", OUTSIDE)
    assert limited.says(inside)[:2] == ("apply", "offered")
    refused = server.admin.client.put("/api/v1" + limited.path, limited.body({}))
    assert refused.status == 403, refused


def limited_now(server, limited):
    return server.admin.get(limited.path)["limits"]
