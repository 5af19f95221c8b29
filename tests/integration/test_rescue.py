# SPDX-License-Identifier: Apache-2.0
"""A whole rescue as people run it: salvorctl and salvor-fleet against the daemon."""

import json
import subprocess

import pytest

from salvor.server import program

PLAN = {
    "rings": [
        {"name": "canary", "share": 0.1, "soak_seconds": 1, "growth": 3},
        {"name": "early", "share": 0.3, "soak_seconds": 1, "growth": 6},
        {"name": "broad", "share": 0.6, "soak_seconds": 0, "growth": 20},
    ],
    "in_flight": {"initial": 5, "max": 1000},
    "patience_seconds": 2,
    "quiet_seconds": 1,
    "cohorts": [],
}


def payload(name, **plan):
    return json.dumps(
        {
            "schema": "salvor.campaign/1",
            "id": name,
            "title": "Remove a bad driver",
            "match": {"fact": "failing_module", "glob": "csagent*"},
            "actions": [{"kind": "delete_file", "path": "${SYSTEM}/drivers/bad.sys"}],
            "rollout": {**PLAN, **plan},
        },
        indent=2,
    )


@pytest.fixture
def ctl(server):
    def run(*args, code=0, stdin=None):
        done = subprocess.run(
            [program("salvorctl"), "-C", str(server.domain.path), *map(str, args)],
            capture_output=True,
            text=True,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            timeout=180,
        )
        assert done.returncode == code, done
        return done.stdout

    return run


@pytest.fixture
def fleet(server):
    def run(*args):
        done = subprocess.run(
            [program("salvor-fleet"), "run", "-C", str(server.domain.path), "--json", "--duration", "120",
             "--speed", "30", *map(str, args)],
            capture_output=True,
            text=True,
            timeout=180,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout)

    return run


def launch(ctl, server, name, **plan):
    ctl("campaign", "create", "-", stdin=payload(name, **plan))
    keys = server.domain.path / "keys"
    ctl("campaign", "sign", name, "--key", keys / "author-1.pem")
    ctl("campaign", "start", name, "--reason", "too early", code=4)
    ctl("campaign", "sign", name, "--key", keys / "author-3.pem")
    ctl("campaign", "start", name, "--reason", "test")


def test_a_good_fix_reaches_every_machine(server, ctl, fleet):
    assert fleet("--machines", 150, "--enroll-only")[1]["enrolled"] == 150
    launch(ctl, server, "good")
    code, said = fleet("--machines", 150, "--reenroll")
    assert code == 0 and said["rescued"] == said["applied"] == 150 and said["errors"] == 0, said
    assert "good@1 completed" in ctl("campaign", "watch", "good", "--timeout", 60)
    export = json.loads(ctl("export"))
    assert export["fleet"]["back"] == 150 and export["campaigns"][0]["state"] == "completed"
    assert sum(ring["offered"] for ring in export["campaigns"][0]["rings"]) == 150
    decisions = json.loads(ctl("campaign", "decisions", "good", "--json"))["items"]
    assert [d["verdict"] for d in decisions][-1] == "complete"
    assert json.loads(ctl("campaign", "preview", "good", "--json"))["matching"] == 150
    explained = json.loads(ctl("machine", "explain", "fleet-000001", "--json"))
    assert explained["reason"] == "already_succeeded"
    assert len(json.loads(ctl("offers", "good", "--json", "--state", "succeeded"))["items"]) == 150
    assert [json.loads(line)["seq"] for line in ctl("export", "--events", "--limit", 50).splitlines()] == list(range(1, 51))
    assert ctl("token", "list").strip() == "no enrollment tokens"  # the fleet leaves none behind


def test_a_bad_fix_is_halted_and_stays_halted(server, ctl, fleet):
    fleet("--machines", 200, "--enroll-only")
    launch(ctl, server, "bad")
    code, said = fleet("--machines", 200, "--fail-share", 1, "--reenroll", "--campaign", "bad")
    assert code == 1 and said["campaign_state"] == "halted" and said["offers"] <= 10, said
    ctl("campaign", "watch", "bad", "--timeout", 5, code=1)
    halt = json.loads(ctl("campaign", "decisions", "bad", "--json"))["items"][-1]
    assert (halt["verdict"], halt["by"], halt["rule"]) == ("halt", "engine", "6.3")
    ctl("campaign", "resume", "bad", "--reason", "unread", code=4)
    ctl("campaign", "resume", "bad", "--reason", "read", "--acknowledge", halt["id"])
    ctl("campaign", "withdraw", "bad", "--reason", "useless")
    ctl("campaign", "resume", "bad", "--reason", "no", code=4)


def test_the_rest_of_an_operators_day(server, ctl, fleet, tmp_path):
    fleet("--machines", 3, "--enroll-only")
    ctl("machine", "pin", "fleet-000001", "early")
    ctl("machine", "opt-out", "fleet-000002")
    shown = json.loads(ctl("machine", "show", "fleet-000001", "--json"))
    assert shown["pin"] == "early" and shown["facts"]["os"] == "windows"
    assert len(json.loads(ctl("machine", "list", "--json", "--ring", "early"))["items"]) == 1
    ctl("machine", "pin", "fleet-000001", "--none")
    ctl("machine", "delete", "fleet-000003")
    ctl("machine", "show", "fleet-000003", code=3)
    (tmp_path / "list").write_text('{"machine_id": "imported", "facts": {"os": "windows"}}\n')
    ctl("machine", "import", tmp_path / "list")
    assert "imported" in ctl("machine", "list")
    assert "ON" in ctl("kill-switch", "on", "--reason", "drill")
    assert "off" in ctl("kill-switch", "off", "--reason", "drill is over")
    (tmp_path / "rings").write_text('{"rings": [{"name": "one", "share": 0.5}, {"name": "two", "share": 0.5}]}')
    assert "one" in ctl("rings", "set", tmp_path / "rings")
    ctl("campaign", "create", "-", stdin=json.dumps({k: v for k, v in json.loads(payload("p")).items() if k != "rollout"}))
    rings = json.loads(ctl("campaign", "show", "p", "--json"))["rings"]
    assert [r["name"] for r in rings] == ["one", "two"]
    stored = json.loads(ctl("artifact", "put", tmp_path / "list"))["sha256"]
    assert ctl("artifact", "get", stored) == (tmp_path / "list").read_text()
    ctl("artifact", "delete", stored)
    ctl("artifact", "get", stored, code=3)
    token = ctl("token", "create", "--uses", 200, "--reenroll", "--reason", "x").strip()
    assert token and "200" in ctl("token", "list")
    ctl("token", "delete", json.loads(ctl("token", "list", "--json"))["items"][0]["id"])
    assert "2 of 3" in ctl("policy", "show")
    ctl("campaign", "delete", "p")
    ctl("campaign", "show", "p", code=3)
