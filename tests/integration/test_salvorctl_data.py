# SPDX-License-Identifier: Apache-2.0
"""salvorctl by itself: tokens, lists, artifacts, watching and exports."""

import csv
import hashlib
import io
import json
import os
import subprocess

import pytest

from fake_server import page
from salvor.server import program
from salvor.trial import ctl, export, fake, made  # noqa: F401

# ---- the rest ----


def test_tokens(fake, made):
    fake.routes["POST", "/api/v1/enrollment-tokens"] = (201, {"id": "t1", "token": "secret", "uses": 1})
    done = ctl("-C", made, "token", "create")
    assert done.returncode == 0 and done.stdout == "secret\n" and len(fake.seen) == 1
    done = ctl("-C", made, "token", "create", "--uses", 101, "--machine", "m1", "--expires-in", 60, "--reimaged")
    assert done.returncode == 0 and fake.seen[1][1] == "/api/v1/elevations"
    assert json.loads(fake.seen[-1][4]) == {
        "uses": 101, "machine_id": "m1", "expires_in_seconds": 60, "reimaged": True,
    }  # fmt: skip


def test_kill_switch(fake, made):
    fake.routes["PUT", "/api/v1/kill-switch"] = lambda body: (200, json.loads(body))
    done = ctl("-C", made, "kill-switch", "on", "--reason", "stop it")
    assert done.returncode == 0 and "ON" in done.stdout and len(fake.seen) == 1
    done = ctl("-C", made, "kill-switch", "off", "--reason", "safe again")
    assert done.returncode == 0 and len(fake.seen) == 3
    assert json.loads(fake.seen[-1][4]) == {"engaged": False, "reason": "safe again"}


def test_lists_follow_their_cursor(fake, made):
    pages = {"": ([1], "c 1"), "cursor=c%201": ([2], None)}

    def machines(_):
        query = "&".join(p for p in fake.seen[-1][2].split("&") if p.startswith("cursor"))
        items, cursor = pages[query]
        row = {"machine_id": f"m{items[0]}", "state": "back", "opt_out": False}
        return 200, {"items": [row], "next_cursor": cursor}

    fake.routes["GET", "/api/v1/machines"] = machines
    done = ctl("-C", made, "machine", "list", "--json", "--fact", "model=X 1&y", "--state", "back")
    assert [m["machine_id"] for m in json.loads(done.stdout)["items"]] == ["m1", "m2"]
    assert "fact.model=X%201%26y" in fake.seen[0][2] and "state=back" in fake.seen[0][2]


def test_machines_as_csv_do_no_harm_in_a_spreadsheet(fake, made):
    row = {"machine_id": "m1", "state": "needs_hands", "opt_out": False, "facts": {"model": '=1+1,"x"\x1b'}}
    fake.routes["GET", "/api/v1/machines"] = page([row])
    done = ctl("-C", made, "machine", "list", "--state", "needs_hands", "--csv")
    assert done.returncode == 0
    (_, told) = list(csv.reader(io.StringIO(done.stdout)))
    assert told[0] == "m1" and told[-1] == "'=1+1,\"x\"\\x1b"


def test_a_list_has_one_form(fake, made):
    done = ctl("-C", made, "machine", "list", "--csv", "--json")
    assert done.returncode == 2 and "--csv and --json exclude each other" in done.stderr
    assert not fake.seen


def test_policy_comes_from_the_server_else_from_the_folder(fake, made):
    text = (made / "trust-policy.json").read_bytes()
    fake.routes["GET", "/api/v1/trust/policy"] = (200, text)
    done = ctl("-C", made, "policy", "show")
    assert done.returncode == 0 and hashlib.sha256(text).hexdigest() in done.stdout and "2 of 3" in done.stdout
    (made / "state/endpoints.json").write_text("{}")
    done = ctl("-C", made, "policy", "show", "--json")
    assert done.returncode == 0 and json.loads(done.stdout) == json.loads(text) and "trust-policy.json" in done.stderr


def test_artifact_is_hashed_and_streamed(fake, made, tmp_path):
    data = os.urandom(200_000)
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / "a").write_bytes(data)
    fake.routes["PUT", f"/api/v1/artifacts/{digest}"] = (201, {"sha256": digest, "length": len(data)})
    done = ctl("-C", made, "artifact", "put", tmp_path / "a")
    assert done.returncode == 0 and json.loads(done.stdout) == {"sha256": digest, "length": len(data)}
    assert fake.seen[-1][4] == data


def fetch(made, *args):
    return subprocess.run([program("salvorctl"), "-C", str(made), *args], capture_output=True, timeout=60)


@pytest.mark.parametrize("data", [b"", os.urandom(300_000)], ids=["empty", "large"])
def test_artifact_that_comes_is_the_one_that_was_asked_for(fake, made, data):
    digest = hashlib.sha256(data).hexdigest()
    fake.routes["GET", f"/api/v1/artifacts/{digest}"] = (200, data)
    done = fetch(made, "artifact", "get", digest)
    assert done.returncode == 0 and done.stdout == data, done.stderr
    done = fetch(made, "--json", "artifact", "get", digest)
    assert done.returncode == 0 and json.loads(done.stdout) == {"sha256": digest, "length": len(data)}


def test_other_bytes_than_the_artifact_are_not_handed_on(fake, made):
    data = os.urandom(300_000)
    digest = hashlib.sha256(data).hexdigest()
    for bad in (data[:-1], data + b"x", b"", b"null", bytes([data[0] ^ 1]) + data[1:]):
        fake.routes["GET", f"/api/v1/artifacts/{digest}"] = (200, bad)
        done = fetch(made, "artifact", "get", digest)
        assert done.returncode == 1 and done.stdout == b"" and b"are not this artifact" in done.stderr, done.stderr
        done = fetch(made, "--json", "artifact", "get", digest)
        assert done.returncode == 1 and "not this artifact" in json.loads(done.stdout)["error"]["detail"]


@pytest.mark.parametrize("state, code", [("completed", 0), ("halted", 1), ("withdrawn", 1), ("expired", 1)])
def test_watch_ends_with_the_campaign(fake, made, state, code):
    fake.routes["GET", "/api/v1/export"] = (200, export(state, offered=3, succeeded=3))
    done = ctl("-C", made, "campaign", "watch", "fix@1")
    assert done.returncode == code, done
    assert f"fix@1 {state}" in done.stdout and "offered=3" in done.stdout and "\x1b" not in done.stdout + done.stderr


def test_watch_follows_the_journal_and_times_out(fake, made):
    looks = []

    def document(_):
        looks.append(1)
        return 200, export("active", offered=len(looks))

    fake.routes["GET", "/api/v1/export"] = document
    event = {"seq": 2, "at": "2024-07-19T06:00:00Z", "type": "offer", "campaign": "fix", "version": 1}
    fake.routes["GET", "/api/v1/export/events"] = lambda _: (200, json.dumps(event).encode() + b"\n")
    done = ctl("-C", made, "campaign", "watch", "fix@1", "--timeout", 1, "--json")
    assert done.returncode == 7
    lines = [json.loads(line) for line in done.stdout.splitlines()[:2]]
    assert lines[0]["rings"][0]["offered"] == 1 and lines[1]["rings"][0]["offered"] == 2


def test_export_events_go_on_page_by_page(fake, made):
    def events(_):
        after = int(dict(p.split("=") for p in fake.seen[-1][2].split("&"))["after"])
        rows = [{"seq": after + i, "at": "x", "type": "admin"} for i in (1, 2)] if after < 4 else []
        return 200, "".join(json.dumps(r) + "\n" for r in rows).encode()

    fake.routes["GET", "/api/v1/export/events"] = events
    done = ctl("-C", made, "export", "--events", "--after", 0)
    assert [json.loads(line)["seq"] for line in done.stdout.splitlines()] == [1, 2, 3, 4]
