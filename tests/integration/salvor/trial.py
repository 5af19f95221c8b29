# SPDX-License-Identifier: Apache-2.0
"""The programs by themselves, against a server that a test plays (fake_server.py)."""

import hashlib
import json
import os
import subprocess

import pytest

from fake_server import Fake, page
from salvor.server import program

PAYLOAD = """{
  "schema": "salvor.campaign/1",
  "id": "fix",
  "title": "A fix",
  "match": {"fact": "os", "eq": "windows"},
  "actions": [{"kind": "delete_file", "path": "${SYSTEM}/drivers/bad.sys"}]
}
"""


def call(name, *args, env=None, stdin=None):
    plain = {k: v for k, v in os.environ.items() if k not in ("SALVOR_DIR", "NO_COLOR")}
    return subprocess.run(
        [program(name), *map(str, args)],
        capture_output=True,
        text=True,
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        cwd="/",
        timeout=60,
        env={**plain, "LC_ALL": "C.UTF-8", **(env or {})},
    )


def ctl(*args, **kw):
    return call("salvorctl", *args, **kw)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "domain"
    done = ctl("init", folder, "--machine-port", 0, "--admin-port", 0, "--ops-port", 0)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def fake(made):
    server = Fake(made)
    yield server
    server.stop()
    (made / "state/endpoints.json").unlink()


def drafts(*rows):
    return page([{"id": i, "version": v, "state": s, "title": "t"} for i, v, s in rows])


def full_payload(made, **more):
    root = hashlib.sha256((made / "1.root.json").read_bytes()).hexdigest()
    document = {
        **json.loads(PAYLOAD),
        "version": 1,
        "trust_domain": root,
        "not_before": "2024-07-19T05:30:00Z",
        "expires": "2024-07-26T05:30:00Z",
        **more,
    }
    return json.dumps(document, indent=1).encode()


def pae(payload):
    kind = b"application/vnd.salvor.campaign+json"
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


STATE_AFTER = {"start": "active", "resume": "active", "advance": "active", "withdraw": "withdrawn", "pause": "paused",
               "halt": "halted"}  # fmt: skip


def export(state, **ring):
    row = {"name": "canary", "open": True, "offered": 0, "unsettled": 0, "succeeded": 0, "failed": 0, "not_applicable": 0}
    return {
        "schema": "salvor.export/1", "seq": 1, "generated_at": "2024-07-19T06:00:00Z", "server": "x",
        "fleet": {"known": 1, "in_recovery": 0, "waiting": 0, "back": 0, "needs_hands": 0},
        "campaigns": [{"id": "fix", "version": 1, "state": state, "rings": [{**row, **ring}], "counts": {},
                       "evidence": None, "decisions": []}],
    }  # fmt: skip
