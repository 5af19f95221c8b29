# SPDX-License-Identifier: Apache-2.0
"""salvorctl status, trust show, put-root, put-targets."""

import json
import re
import subprocess

import pytest

from salvor import campaign as c
from salvor import tuf
from salvor.offline import Offline
from salvor.server import program
from salvor.wait import until


def ctl(domain, *args, code=0):
    done = subprocess.run([program("salvorctl"), "-C", str(domain.path), *map(str, args)], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def says(domain, *args, code=0):
    return json.loads(ctl(domain, *args, "--json", code=code).stdout)


@pytest.fixture
def offline(server):
    return Offline(server.domain)


def write(folder, **texts):
    paths = []
    for name, text in texts.items():
        paths.append(folder / f"{name}.json")
        paths[-1].write_text(text)
    return paths


# ---- status ----


def test_nothing_needs_a_person(server):
    done = ctl(server.domain, "status")
    assert "nothing needs a person" in done.stdout and "publishing   works" in done.stdout
    assert server.domain.trust_domain in done.stdout and "no campaign is live" in done.stdout
    told = says(server.domain, "status")
    assert told["ready"] is True and told["needs"] == [] and told["needs_a_person"] is False
    assert told["roles"]["root"]["version"] == 1 and told["campaigns"] == []


def test_live_campaigns_in_a_line_each(server):
    one, two = (server.admin.started(c.payload(server.domain)) for _ in range(2))
    server.admin.create(c.payload(server.domain))
    server.enroll("m-1").take(facts={"fault": one.id})
    out = ctl(server.domain, "status").stdout
    line = next(l for l in out.splitlines() if l.startswith(one.id))
    assert re.fullmatch(rf"{one.id}\s+1\s+active\s+\S+\s+1\s+1\s+0\s+0\s+0", line.strip()), line
    assert two.id in out
    assert {x["id"] for x in says(server.domain, "status")["campaigns"]} == {one.id, two.id}


def test_it_says_what_needs_a_person(server, offline):
    campaign = server.admin.started(c.payload(server.domain))
    campaign.must("halt")
    told = says(server.domain, "status", code=1)
    assert len(told["needs"]) == 1 and f"{campaign.id}@1 is halted" in told["needs"][0]
    server.admin.kill_switch(True)
    assert any("kill switch" in text for text in says(server.domain, "status", code=1)["needs"])
    server.admin.kill_switch(False)
    machine = server.enroll("m-1")
    machine.poll(facts={"volume_locked": True})
    until(lambda: server.export()["fleet"]["needs_hands"] == 1, "what it said is on the disk")
    out = ctl(server.domain, "status", code=1).stdout
    assert "1 machine needs hands" in out and "This needs a person:\n  - " in out
    targets, policy = offline.next_targets(days=40)
    server.admin.elevated("PUT", "/trust/targets", {"targets": targets, "policy": policy})
    assert any("expires in 39 days" in text for text in says(server.domain, "status", code=1)["needs"])


def test_status_of_nobody(server):
    server.stop()
    ctl(server.domain, "status", code=5)


# ---- trust ----


def test_trust_show(server):
    out = ctl(server.domain, "trust", "show").stdout
    root = json.loads(server.domain.root_bytes)["signed"]
    for role in ("root", "targets", "snapshot", "timestamp"):
        ids = ", ".join(keyid[:8] for keyid in root["roles"][role]["keyids"])
        assert re.search(rf"^{role}\s+1\s+\S+Z\s+\d+\s+\d of \d\s+{ids}$", out, re.M), (role, out)
    assert "author-2" in out and "2 of 3" in out
    assert says(server.domain, "trust", "show") == server.admin.get("/trust")


def test_put_targets(server, offline, tmp_path):
    targets, policy = offline.next_targets(offline.next_policy(without=["author-2"]))
    paths = write(tmp_path, targets=targets, policy=policy)
    out = ctl(server.domain, "trust", "put-targets", paths[0], "--policy", paths[1], "--reason", "author 2 lost the key").stdout
    assert "targets version 2 are in force" in out and "publishing   works" in out
    assert server.admin.get("/trust")["roles"]["targets"]["version"] == 2
    # Again: the same version.
    done = ctl(server.domain, "trust", "put-targets", paths[0], "--policy", paths[1], code=4)
    assert "have version 2" in done.stderr and "/targets/signed/version" in done.stderr


def test_put_root(server, offline, tmp_path):
    (path,) = write(tmp_path, root=offline.next_root())
    told = says(server.domain, "trust", "put-root", path)
    assert told["roles"]["root"]["version"] == 2
    # With new keys of targets, which come along.
    offline.took_root(path.read_text())
    fresh = tuf.generate(2)
    root = offline.next_root(change=offline.with_keys("targets", fresh, 2))
    targets, policy = offline.next_targets(signers=fresh)
    paths = write(tmp_path, root=root, targets=targets, policy=policy)
    done = ctl(server.domain, "trust", "put-root", paths[0], code=6)
    assert "do not hold under its keys" in done.stderr and "hand in targets" in done.stderr
    out = ctl(server.domain, "trust", "put-root", paths[0], "--targets", paths[1], "--policy", paths[2]).stdout
    assert "root version 3 is in force" in out and "targets version 2 are in force" in out


def test_what_is_not_allowed_any_more_is_named(server, offline, tmp_path):
    campaign = server.admin.started(c.payload(server.domain))
    paths = write(tmp_path, **dict(zip(("targets", "policy"), offline.next_targets(offline.next_policy(revoked=[campaign.id])))))
    out = ctl(server.domain, "trust", "put-targets", paths[0], "--policy", paths[1]).stdout
    assert f"not allowed any more: {campaign.id}@1 (the trust policy revokes" in out
    assert any(campaign.id in text for text in says(server.domain, "status", code=1)["needs"])
    assert "the trust policy revokes" in says(server.domain, "campaign", "show", campaign.id)["not_allowed"]
    shown = ctl(server.domain, "campaign", "show", campaign.id).stdout
    assert any(line.startswith("not allowed ") and "the trust policy revokes" in line for line in shown.splitlines()), shown
    until(lambda: b"trust.changed" in server.log, "the log tells the change")
    line, = [x for x in server.log.splitlines() if b"trust.changed" in x]
    assert b"campaign=" not in line and b"version=" not in line, line


@pytest.mark.parametrize("args,code,words", [
    (("trust", "put-root", "{targets}"), 1, "is no root file"),
    (("trust", "put-targets", "{root}", "--policy", "{policy}"), 1, "is no targets file"),
    (("trust", "put-root", "{missing}"), 3, "missing"),
    (("trust", "put-root", "{root}", "--policy", "{policy}"), 2, "--policy goes with --targets"),
    (("trust", "put-targets", "{targets}"), 2, "needs --policy"),
    (("trust", "put-root",), 2, "needs FILE"),
    (("trust", "show", "x"), 2, "too much"),
    (("status", "x"), 2, "too much"),
])
def test_usage_and_wrong_files(server, offline, tmp_path, args, code, words):
    targets, policy = offline.next_targets()
    root, target_file, policy_file = write(tmp_path, root=offline.next_root(), targets=targets, policy=policy)
    names = {"root": root, "targets": target_file, "policy": policy_file, "missing": tmp_path / "missing.json"}
    done = ctl(server.domain, *[a.format(**names) for a in args], code=code)
    assert words in done.stderr, done.stderr
    assert server.admin.get("/trust")["roles"]["root"]["version"] == 1
