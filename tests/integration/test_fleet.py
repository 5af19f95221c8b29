# SPDX-License-Identifier: Apache-2.0
"""salvor-fleet by itself: arguments, and a rescue that a test plays."""

import hashlib
import json
import pathlib
import subprocess
import time

import pytest

from fake_server import Fake, problem
from salvor.server import program
from salvor.trial import call, export, fake, made  # noqa: F401
from salvor.wait import until

# ---- salvor-fleet ----


@pytest.mark.parametrize(
    "args, says",
    [
        ([], "no command"),
        (["rescue"], "there is no command"),
        (["run"], "needs --machines"),
        (["run", "--machines", "0"], "whole number"),
        (["run", "--machines", "5", "--fail-share", "1.5"], "from 0 to 1"),
        (["run", "--machines", "5", "--fail-share", "0.6", "--silent-share", "0.6"], "more than 1"),
        (["run", "--machines", "5", "--speed", "0"], "from 0.001 to 1000000"),
        (["run", "--machines", "5", "--speed", "nan"], "from 0.001"),
        (["run", "--machines", "5", "--prefix", "a b"], "--prefix"),
        (["run", "--machines", "5", "--fact", "x"], "NAME=VALUE"),
        (["run", "--machines", "5", "--reason", "boredom"], "--reason"),
        (["run", "--machines", "5", "--campaign", "A"], "no campaign id"),
        (["run", "extra", "--machines", "5"], "too much"),
    ],
)
def test_fleet_usage(args, says):
    done = call("salvor-fleet", *args)
    assert done.returncode == 2 and says in done.stderr, done.stderr


class Rescue:
    """The machine plane of one campaign, as small as can be."""

    def __init__(self, fake):
        self.machines = {}
        self.stages = []
        self.offers = {}
        self.envelope = '{"payload": "e30="}'
        self.lie = False
        fake.routes["POST", "/api/v1/enrollment-tokens"] = (201, {"id": "t1", "token": "secret", "uses": 1})
        fake.routes["DELETE", "/api/v1/enrollment-tokens/t1"] = (204, b"")
        fake.routes["POST", "/v1/enroll"] = self.enroll
        fake.routes["POST", "/v1/poll"] = self.poll
        fake.routes["POST", "/v1/report"] = self.report
        self.fake = fake

    def bearer(self):
        return self.fake.seen[-1][3]["Authorization"].removeprefix("Bearer ")

    def enroll(self, body):
        return 201, {"machine_id": json.loads(body)["machine_id"], "machine_token": "sal1.1.x"}

    def answer(self, directive, reason, **more):
        return 200, {"directive": directive, "reason": reason, "detail": "d", "poll_after_seconds": 1,
                     "give_up_after_seconds": 100, "server_time": "2024-07-19T06:00:00Z", **more}  # fmt: skip

    def poll(self, body):
        asked = json.loads(body)
        boots = self.machines.setdefault(asked["machine_id"], [])
        if asked["boot_id"] in boots:
            return self.answer("wait", "in_flight_cap")
        if len(boots) >= 2:
            return self.answer("none", "attempts_exhausted")
        boots.append(asked["boot_id"])
        digest = hashlib.sha256(self.envelope.encode()).hexdigest()
        return self.answer(
            "apply", "offered",
            offer={"offer_id": f"{asked['machine_id']}.{len(boots)}", "campaign": "fix", "version": 1,
                   "target": "campaigns/fix-1.json", "sha256": digest, "length": 3, "attempt": len(boots)},
            files={"campaigns/fix-1.json": self.envelope + (" " if self.lie else "")},
        )  # fmt: skip

    def report(self, body):
        told = json.loads(body)
        self.stages.append((told["machine_id"], told["stage"]))
        return 200, {"accepted": True, "state": told["stage"]}


def fleet(made, *args):
    done = call("salvor-fleet", "run", "-C", made, "--speed", 1000, "--json", "--concurrency", 8, *args)
    return done, json.loads(done.stdout)


def test_fleet_rescues_every_machine(fake, made):
    rescue = Rescue(fake)
    done, said = fleet(made, "--machines", 30, "--healthy")
    assert done.returncode == 0, done
    assert said["enrolled"] == said["rescued"] == said["applied"] == said["healthy"] == 30 and said["errors"] == 0
    assert sorted(rescue.machines) == [f"fleet-{i:06}" for i in range(1, 31)]
    assert fake.seen[-1][:2] == ("DELETE", "/api/v1/enrollment-tokens/t1")
    polls = [json.loads(r[4]) for r in fake.seen if r[1] == "/v1/poll"]
    assert all(p["facts"]["failing_module"] == "csagent.sys" and p["can"] == ["healthy"] for p in polls)
    assert len({p["facts"]["model"] for p in polls}) > 2


def test_fleet_may_enrol_only(fake, made):
    rescue = Rescue(fake)
    done, said = fleet(made, "--machines", 10, "--enroll-only")
    assert done.returncode == 0 and said["enrolled"] == 10 and said["polls"] == 0 and rescue.machines == {}


def test_fleet_shares_follow_the_seed(fake, made):
    args = ("--machines", 40, "--fail-share", 0.2, "--silent-share", 0.2, "--relapse-share", 0.2)
    rescue = Rescue(fake)
    done, said = fleet(made, *args)
    assert done.returncode == 0, done
    failed = {m for m, stage in rescue.stages if stage == "failed"}
    assert said["failed"] == 2 * len(failed) > 0 and said["silent"] > 0 and said["relapsed"] > 0
    assert said["rescued"] + said["silent"] + said["gave_up"] == 40 and said["waiting"] == 0
    again = Rescue(fake)
    _, other = fleet(made, *args)
    assert {m for m, stage in again.stages if stage == "failed"} == failed
    assert other["silent"] == said["silent"]
    fleet(made, *args, "--seed", 2)
    assert rescue.machines["fleet-000001"] != again.machines["fleet-000001"]


def test_fleet_touches_nothing_when_the_envelope_is_another(fake, made):
    rescue = Rescue(fake)
    rescue.lie = True
    _, said = fleet(made, "--machines", 3, "--duration", 2)
    assert said["errors"] == 3 and said["applied"] == said["offers"] == 0 and rescue.stages == []


def test_fleet_stops_when_the_campaign_is_halted(fake, made):
    Rescue(fake)
    fake.routes["POST", "/v1/poll"] = (200, {"directive": "wait", "reason": "halted", "detail": "d",
                                             "poll_after_seconds": 60, "give_up_after_seconds": 9})  # fmt: skip
    fake.routes["GET", "/api/v1/export"] = (200, export("halted"))
    done, said = fleet(made, "--machines", 3, "--campaign", "fix")
    assert done.returncode == 1 and said["campaign_state"] == "halted"


def test_fleet_that_is_refused_says_so(fake, made):
    Rescue(fake)
    fake.routes["POST", "/v1/enroll"] = problem(409, "conflict", "it holds a token already")
    done, said = fleet(made, "--machines", 3)
    assert done.returncode == 1 and said["refused"] == 3 and "already" in said["first_error"]


def test_fleet_waits_as_long_as_the_server_asks(fake, made):
    rescue = Rescue(fake)
    turned_away = []

    def poll(body):
        if not turned_away:
            turned_away.append(time.monotonic())
            return *problem(503, "overloaded", "later"), {"Retry-After": "1"}
        turned_away.append(time.monotonic())
        return rescue.poll(body)

    fake.routes["POST", "/v1/poll"] = poll
    done, said = fleet(made, "--machines", 1)
    assert done.returncode == 0 and said["rescued"] == 1 and said["errors"] == 1
    assert turned_away[1] - turned_away[0] >= 0.99


def test_fleet_follows_a_server_that_comes_back_elsewhere(made):
    first = Fake(made)
    rescue = Rescue(first)
    first.routes["POST", "/v1/poll"] = lambda body: rescue.answer("wait", "ring_not_open")
    run = [program("salvor-fleet"), "run", "-C", str(made), "--machines", "20", "--speed", "10", "--json"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as running:
        until(lambda: sum(r[1] == "/v1/poll" for r in first.seen) >= 20, "every machine has polled")
        first.stop()
        second = Fake(made)
        try:
            Rescue(second)
            said = json.loads(running.communicate(timeout=60)[0])
        finally:
            second.stop()
            (made / "state/endpoints.json").unlink()
    assert running.returncode == 0 and said["rescued"] == 20 and said["enrolled"] == 20


def test_private_files_are_private(made):
    for path in [*made.glob("keys/*"), *made.glob("operators/*.key"), *made.glob("pki/*.key")]:
        assert pathlib.Path(path).stat().st_mode & 0o077 == 0, path
