# SPDX-License-Identifier: Apache-2.0
"""Preview: whom a campaign would reach, whom not and why, over all pages; drafts and live campaigns."""

import collections
import hashlib
import json
import subprocess

import pytest

from salvor import campaign as c
from salvor import schema
from salvor.server import program

RINGS = [{"name": "canary", "share": 0.1}, {"name": "broad", "share": 0.9}]


def pages(server, campaign):
    found, cursor = [], None
    while True:
        page = schema.check("preview", server.admin.get(f"{campaign.path}/preview" + (f"?cursor={cursor}" if cursor else "")))
        found.append(page)
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def summed(found):
    total = collections.Counter()
    for page in found:
        for key in ("looked_at", "matching", "not_matching", "opted_out", "limited_out", "anonymous"):
            total[key] += page[key]
        for ring in page["rings"]:
            total["ring " + ring["name"]] += ring["matching"]
        for key, value in page["of_matching"].items():
            total["of " + key] += value
        for reason in page["reasons"]:
            total[reason["text"]] += reason["machines"]
    return total


def ring_of(campaign, machine_id):
    u = int.from_bytes(hashlib.sha256(f"{campaign.id}:{machine_id}".encode()).digest()[:8], "big") / 2**64
    return "canary" if u < 0.1 else "broad"


def ctl(server, *args, code=0):
    done = subprocess.run([program("salvorctl"), "-C", str(server.domain.path), *map(str, args)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == code, done
    return done.stdout


def test_a_draft(server):
    """Who matches by ring, who is opted out, and why the others do not match."""
    windows = [f"w-{i}" for i in range(600)]
    server.make_known(windows, {"os": "windows", "os_version": "10.0.1"})
    server.make_known([f"old-{i}" for i in range(30)], {"os": "windows", "os_version": "6.1"})
    server.make_known([f"nameless-{i}" for i in range(5)], {"os": "windows"})
    server.make_known([f"l-{i}" for i in range(400)], {"os": "linux"})
    server.make_known([f"silent-{i}" for i in range(7)], {})
    server.make_known([f"out-{i}" for i in range(11)], {"os": "windows", "os_version": "10.0.1"}, opt_out=True)
    server.make_known(["pinned"], {"os": "windows", "os_version": "10.0.1"}, pin="canary")
    draft = server.admin.create(c.payload(server.domain, rollout=c.plan(rings=RINGS, in_flight={"initial": 25, "max": 1000}), match={
        "all": [{"fact": "os", "eq": "windows"}, {"fact": "os_version", "ge": "10"}]}))
    found = pages(server, draft)
    total = summed(found)
    assert len(found) > 1 and all(p["looked_at"] <= 500 for p in found)
    assert total["looked_at"] == 1054
    assert total["matching"] == 601 and total["opted_out"] == 11 and total["not_matching"] == 442
    assert total["looked_at"] == total["matching"] + total["not_matching"] + total["opted_out"]
    canaries = sum(ring_of(draft, m) == "canary" for m in windows)
    assert total["ring canary"] == canaries + 1 and total["ring broad"] == 600 - canaries
    assert (total["os is not windows"], total["os is not known"]) == (400, 7)
    assert (total["os_version is below 10"], total["os_version is not known"]) == (30, 5)
    assert found[-1]["known_so_far"] == 601 and found[-1]["first_offers"] == 25
    assert found[0]["first_offers"] <= 25
    for page in found:
        assert len(page["sample"]) <= 20
        for seen in page["sample"]:
            assert seen["machine_id"] == "pinned" or seen["ring"] == ring_of(draft, seen["machine_id"])


@pytest.mark.parametrize("known, initial, limit, first", [(0, 5, None, 0), (1, 5, None, 1), (25, 5, None, 2), (200, 5, None, 5),
                                                          (200, 20, 3, 3)])
def test_how_many_it_starts_with(server, known, initial, limit, first):
    """`initial`, counted as at most a tenth of the known machines, at least 1, at most an operator's limit; and so it is."""
    campaign = server.admin.ready(c.payload(server.domain, match={"fact": "os", "eq": "x"}, rollout=c.plan(
        in_flight={"initial": initial, "max": 1000})))
    if known:
        server.make_known([f"m-{i}" for i in range(known)], {"os": "x"})
    if limit:
        reply = server.admin.act("PUT", f"{campaign.path}/limits", {"reason": "test", "limits": {"in_flight_max": limit}})
        assert reply.status == 200, reply
    assert pages(server, campaign)[-1]["first_offers"] == first
    if known:
        campaign.start()
        took = 0
        for machine in [server.enroll(f"m-{i}", facts={"os": "x"}) for i in range(min(known, 8))]:
            took += machine.poll(facts={"os": "x"})["directive"] == "apply"
        assert took == min(first, 8)


def test_what_they_have_behind_them(server):
    facts = {"os": "x"}
    server.make_known([f"known-{i}" for i in range(200)], facts)
    other = server.admin.started(c.payload(server.domain, match={"fact": "other", "eq": 1}))
    campaign = server.admin.started(c.payload(server.domain, match={"fact": "os", "eq": "x"}, rollout=c.plan(max_attempts=1)))
    done, failed, useless, holds, busy = server.fleet(["done", "failed", "useless", "holds", "busy"])
    for machine, stage in ((done, "healthy"), (failed, "failed"), (useless, "not_applicable")):
        machine.take(facts=facts)
        machine.report(stage)
    holds.take(facts=facts)
    # An offer of the other campaign, and facts of this one since.
    busy.take(facts={"other": 1})
    busy.reboot()
    server.make_known(["busy"], facts)
    total = summed(pages(server, campaign))
    assert total["matching"] == 205
    assert {k[3:]: v for k, v in total.items() if k.startswith("of ")} == {
        "done": 1, "offered": 1, "exhausted": 1, "not_applicable": 1, "holds_another": 1, "cohort_held": 0}
    assert summed(pages(server, other))["other is not known"] == 205
    campaign.must("halt")
    assert summed(pages(server, campaign))["of offered"] == 0  # recalled


def test_whom_an_operator_leaves_out(server):
    server.make_known(["a", "b", "c"], {"os": "x"}, labels={"site": "berlin"})
    server.make_known(["d", "e"], {"os": "x"}, labels={"site": "paris"})
    campaign = server.admin.started(c.payload(server.domain, match={"fact": "os", "eq": "x"}))
    reply = server.admin.act("PUT", f"{campaign.path}/limits", {"reason": "test", "limits": {"only": {"labels": {"site": ["paris"]}}}})
    assert reply.status == 200, reply
    total = summed(pages(server, campaign))
    assert (total["matching"], total["limited_out"]) == (2, 3)


def test_undoing(server):
    facts = {"os": "x"}
    bad = server.admin.started(c.payload(server.domain, match={"fact": "os", "eq": "x"}))
    touched, spared = server.fleet(["touched", "spared"], facts)
    touched.take(facts=facts)
    touched.report("applied")
    undo = server.admin.create(c.payload(server.domain, match={"fact": "os", "eq": "x"}, undoes=bad.id))
    total = summed(pages(server, undo))
    assert total["matching"] == 1 and total[f"was not touched by {bad.id}"] == 1
    assert pages(server, undo)[0]["sample"][0]["machine_id"] == "touched"


@pytest.mark.parametrize("cursor", ["x", "-1", "1.", ".1", "1.x", "1.2.3", "1 ", "9" * 19, "1." + "9" * 19, "%00"])
def test_bad_cursors(server, refused, cursor):
    draft = server.admin.create(c.payload(server.domain))
    refused(server.admin.client.get(f"/api/v1{draft.path}/preview?cursor={cursor.replace(' ', '%20')}"), 400)


def test_cursors_of_its_own(server, refused):
    draft = server.admin.create(c.payload(server.domain, match={"all": []}))
    server.make_known(["a", "b"], {"os": "x"})
    assert server.admin.get(f"{draft.path}/preview?cursor=0")["matching"] == 2
    page = server.admin.get(f"{draft.path}/preview?cursor=1.70")
    assert page["matching"] == 1 and page["known_so_far"] == 71
    assert server.admin.get(f"{draft.path}/preview?cursor={'9' * 18}")["looked_at"] == 0
    refused(server.admin.client.get("/api/v1/campaigns/none/1/preview"), 404)


def test_for_a_person(server):
    """salvorctl sums the pages; --json has the sums, a person gets the sentence first, five reasons at most."""
    match = {"all": [{"fact": "os", "eq": "windows"}] + [{"fact": f"f{i}", "ne": "no"} for i in range(7)]}
    server.make_known([f"w-{i}" for i in range(1000)], {"os": "windows"})
    server.make_known([f"l-{i}" for i in range(300)], {"os": "linux"})
    for i in range(7):
        server.make_known([f"n-{i}-{k}" for k in range(10 * (i + 1))], {"os": "windows", f"f{i}": "no"})
    draft = server.admin.create(c.payload(server.domain, match=match, rollout=c.plan(rings=RINGS)))
    document = json.loads(ctl(server, "campaign", "preview", draft, "--json"))
    assert document["looked_at"] == 1580 and document["matching"] == 1000 and document["first_offers"] == 100
    assert [r["machines"] for r in document["reasons"]] == [300, 70, 60, 50, 40, 30, 20, 10]
    assert sum(r["matching"] for r in document["rings"]) == 1000
    lines = ctl(server, "campaign", "preview", draft).splitlines()
    assert lines[0] == f"reach     {draft} is for 1000 of 1580 known machines; it starts with 100 in"
    assert "not for       300  os is not windows" in lines
    assert "               60  fail other parts of `match`" in lines
    assert max(map(len, lines)) <= 80


def test_explain_for_a_person(server):
    facts = {"os": "linux"}
    campaign = server.admin.started(c.payload(server.domain, match={"fact": "os", "eq": "windows"}))
    server.enroll("m-1", facts=facts)
    said = ctl(server, "machine", "explain", "m-1")
    assert said.startswith(f"why       {campaign}: It is not for this machine: os is linux, the fix is for\n              windows.\n"
                           "answer    none, no_match\n"), said
    assert max(map(len, said.splitlines())) <= 80
    assert server.admin.act("PATCH", "/machines/m-1", {"pin": "canary"}).status == 200
    assert "ring all (pinned to canary, which its plan lacks)" in " ".join(ctl(server, "machine", "explain", "m-1").split())
    document = json.loads(ctl(server, "machine", "explain", "m-1", "--json"))
    assert schema.check("explain", document)["reason"] == "no_match"
    ctl(server, "machine", "explain", "m-2", code=3)
    ctl(server, "machine", "explain", ".m", code=2)
