# SPDX-License-Identifier: Apache-2.0
"""salvor-recover with a bundle in the place of the server: verified as always, no network, forwarded later."""

import hashlib
import json
import os
import socket

import pytest
from salvor import tuf
from salvor.plane import BAD, Machine, Plane, now

TARGETS = "campaigns/channel-file-291-1.json"


class Stick:
    """A folder that holds what a repository serves."""

    def __init__(self, folder, plane):
        self.folder = folder
        self.plane = plane
        self.repo = plane.repo

    def list(self, **changes):
        payload = self.plane.payload(**changes)
        return self.repo.list(payload)

    def write(self):
        self.repo.publish()
        for path, data in self.repo.files.items():
            place = self.folder / path.removeprefix("/tuf/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        (self.folder / "artifacts").mkdir(exist_ok=True)
        return self

    def place(self, role):
        return self.folder / "metadata" / self.repo.name(role)

    def target(self, path):
        return self.folder / self.repo.target_path(path).removeprefix("/tuf/")


@pytest.fixture
def plane(tmp_path):
    running = Plane(tmp_path / "server")
    running.answers = [running.say("none")]  # said after its certificate was made
    yield running
    running.stop()


@pytest.fixture
def machine(tmp_path, plane):
    made = Machine(tmp_path / "client", plane)
    made.write_conf(server=None, ca=None, token=None)
    return made


@pytest.fixture
def stick(tmp_path, plane):
    return Stick(tmp_path / "stick", plane)


def bundle(machine, stick, *args, **how):
    return machine.run("--bundle", stick.folder, *args, **how)


def reports(machine):
    return [json.loads(path.read_text()) for path in sorted((machine.state / "reports").iterdir())]


def untouched(machine, stick, exits, outcome, *args):
    before = machine.picture()
    result = bundle(machine, stick, *args, exits=exits)
    assert machine.picture() == before
    assert result["outcome"] == outcome, result
    assert reports(machine) == []
    return result


# ---- it helps ----


def test_a_bundle_helps_without_any_network(machine, stick):
    envelope = stick.list()
    stick.write()
    result = bundle(machine, stick)
    assert (result["outcome"], result["campaign"], result["version"]) == ("applied", "channel-file-291", 1)
    assert "offer_id" not in result and machine.bad_is_gone()
    (report,) = reports(machine)
    assert "offer_id" not in report and report["stage"] == "applied"
    assert (report["campaign"], report["version"]) == ("channel-file-291", 1)
    assert report["target_sha256"] == hashlib.sha256(envelope).hexdigest()


def test_the_outcome_is_forwarded_with_the_next_poll(machine, stick, plane):
    stick.list()
    stick.write()
    bundle(machine, stick)
    machine.write_conf()
    machine.run()
    (report,) = plane.polls[0]["reports"]
    assert report["stage"] == "applied" and report["campaign"] == "channel-file-291" and "offer_id" not in report
    assert plane.polls[0]["have"]["timestamp"] == plane.repo.version["timestamp"]  # what the stick brought is held
    assert reports(machine) == []
    assert machine.run("--healthy")["outcome"] == "healthy"
    healthy = plane.reports[-1]
    assert healthy["stage"] == "healthy" and healthy["target_sha256"] == report["target_sha256"]
    assert "offer_id" not in healthy


def test_what_was_applied_is_not_applied_again(machine, stick):
    stick.list()
    stick.write()
    bundle(machine, stick)
    (machine.root / BAD).write_text("back again")
    os.utime(machine.root / BAD, (1721362140, 1721362140))
    result = bundle(machine, stick)
    assert result["outcome"] == "none" and "already" in result["detail"]
    assert (machine.root / BAD).exists() and len(reports(machine)) == 1


def test_the_highest_priority_goes_first_then_the_name(machine, stick):
    for name, priority in (("a-low", 1), ("b-high", 9), ("c-high", 9)):
        stick.list(id=name, priority=priority, on_failure="revert")
    stick.write()
    assert bundle(machine, stick)["campaign"] == "b-high"
    # what needs nothing here any more leaves the next one its turn
    result = bundle(machine, stick)
    assert result["outcome"] == "not_applicable" and result["campaign"] == "a-low"
    assert {r["campaign"]: r["stage"] for r in reports(machine)} == {
        "b-high": "applied", "c-high": "not_applicable", "a-low": "not_applicable"}


def test_a_bad_fix_is_put_back(tmp_path, plane, stick):
    machine = Machine(tmp_path / "bad-only", plane, "bad")
    machine.write_conf(server=None, ca=None, token=None)
    before = machine.picture()
    stick.list(source="bad-fix.json")
    stick.write()
    assert bundle(machine, stick, exits=1)["outcome"] == "failed"
    assert machine.picture() == before
    assert [r["stage"] for r in reports(machine)] == ["failed"]


NEVER = [{"kind": "path_present", "path": "${SYSTEM}/drivers/none.sys"}]


def mark(name):
    """A write that always has something to do, and is seen."""
    return [{"kind": "write_file", "path": "${SYSTEM}/drivers/%s.txt" % name, "content_base64": "ZG9uZQ=="}]


def stages(machine):
    return sorted((r["campaign"], r["stage"]) for r in reports(machine))


def test_what_fails_does_not_keep_the_next_one_from_its_turn(machine, stick):
    stick.list(id="fails", priority=999, actions=mark("fails"), verify=NEVER)
    stick.list()
    stick.write()
    result = bundle(machine, stick)
    assert (result["outcome"], result["campaign"]) == ("applied", "channel-file-291")
    assert stages(machine) == [("channel-file-291", "applied"), ("fails", "failed")]
    assert not (machine.root / "Windows/System32/drivers/fails.txt").exists()
    # in the same boot it is not tried again, and nothing else is left
    result = bundle(machine, stick)
    assert result["outcome"] == "none" and "already" in result["detail"]
    assert "recover.bundle_passed_over" in machine.stderr and len(reports(machine)) == 2


def test_what_fails_is_tried_once_a_boot_and_as_often_as_its_plan_allows(machine, stick):
    before = machine.picture()
    stick.list(id="fails", actions=mark("fails"), verify=NEVER)
    stick.write()
    for boot, count in (("boot-1", 1), ("boot-1", 1), ("boot-2", 2), ("boot-3", 2), ("boot-4", 2)):
        result = bundle(machine, stick, boot=boot, exits=1)
        assert (result["outcome"], result["campaign"]) == ("failed", "fails"), result
        assert len(reports(machine)) == count, boot
    assert "attempt 2 of 2" in result["detail"] and machine.picture() == before


def test_what_is_refused_does_not_keep_the_next_one_from_its_turn(machine, stick):
    stick.list(id="refused", priority=999, actions=[{"kind": "delete_file", "path": "${SYSTEM}/*"}], verify=[])
    stick.list()
    stick.write()
    assert bundle(machine, stick)["outcome"] == "applied"
    assert stages(machine) == [("channel-file-291", "applied"), ("refused", "refused")]


def test_the_first_failure_is_what_the_run_came_to(machine, stick):
    stick.list(id="a-fails", priority=9, actions=mark("a"), verify=NEVER)
    stick.list(id="b-needless", actions=[{"kind": "delete_file", "path": "${SYSTEM}/drivers/none.sys"}], verify=[])
    stick.write()
    result = bundle(machine, stick, exits=1)
    assert (result["outcome"], result["campaign"]) == ("failed", "a-fails")
    assert stages(machine) == [("a-fails", "failed"), ("b-needless", "not_applicable")]


def test_a_missing_artifact_does_not_keep_the_next_one_from_its_turn(machine, stick):
    stick.list(id="lacking", priority=999, verify=[], actions=[
        {"kind": "restore_file", "path": "${SYSTEM}/drivers/ntfs.sys", "artifact": {"sha256": "a" * 64, "length": 7}}])
    stick.list()
    stick.write()
    result = bundle(machine, stick)
    assert (result["outcome"], result["campaign"]) == ("applied", "channel-file-291")
    assert stages(machine) == [("channel-file-291", "applied")]


def test_undoing_is_for_machines_that_it_was_done_to(machine, stick):
    """Else a machine would get the undo in the place of its fix."""
    stick.list(id="undo", priority=999, undoes="channel-file-291", actions=mark("undone"), verify=[])
    stick.write()
    result = untouched(machine, stick, 0, "none")
    assert "not applied here" in result["detail"] and "recover.bundle_nothing_to_undo" in machine.stderr
    stick.list()
    stick.repo.publish(force=True)
    stick.write()
    assert bundle(machine, stick)["campaign"] == "channel-file-291"
    result = bundle(machine, stick)
    assert (result["outcome"], result["campaign"]) == ("applied", "undo")


def test_drills_are_for_drills(machine, stick):
    stick.list(drill=True)
    stick.write()
    untouched(machine, stick, 0, "none")
    assert bundle(machine, stick, "--reason", "drill")["outcome"] == "applied"


def test_match_is_evaluated_here(machine, stick):
    stick.list(match={"fact": "os", "eq": "linux"})
    stick.write()
    result = untouched(machine, stick, 0, "none")
    assert "no campaign of the bundle is meant for this machine" in result["detail"]


def test_a_dead_clock_does_not_stop_it(machine, stick):
    """The hardware clock is back in 1970: the time is that of the build."""
    stick.list()
    stick.write()
    assert bundle(machine, stick, "--time", "1970-01-01T00:00:00Z")["outcome"] == "applied"


def test_a_stick_from_before_a_rotation_is_followed(machine, stick):
    """Root 1 is pinned; the bundle holds the chain to root 3."""
    stick.list()
    stick.repo.rotate("root")
    stick.repo.rotate("snapshot", "timestamp", "campaigns")
    stick.repo.publish()
    stick.write()
    assert bundle(machine, stick)["outcome"] == "applied"


# ---- artifacts ----


def restoring(stick, content):
    digest = hashlib.sha256(content).hexdigest()
    stick.list(match={"fact": "os", "eq": "windows"},
               actions=[{"kind": "restore_file", "path": "${SYSTEM}/drivers/ntfs.sys",
                         "artifact": {"sha256": digest, "length": len(content)}}],
               verify=[{"kind": "sha256_is", "path": "${SYSTEM}/drivers/ntfs.sys", "sha256": digest}])
    stick.write()
    return stick.folder / "artifacts" / digest


def test_an_artifact_comes_from_the_bundle(machine, stick):
    content = os.urandom(100000)
    restoring(stick, content).write_bytes(content)
    assert bundle(machine, stick)["outcome"] == "applied"
    assert (machine.root / "Windows/System32/drivers/ntfs.sys").read_bytes() == content


def test_a_missing_artifact_is_named(machine, stick):
    place = restoring(stick, b"content")
    result = untouched(machine, stick, 5, "not_now")
    assert place.name in result["detail"]


@pytest.mark.parametrize("kind", ["other", "short", "long", "link", "fifo"])
def test_an_artifact_that_is_another(tmp_path, machine, stick, kind):
    place = restoring(stick, b"content")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"content")
    {"other": lambda: place.write_bytes(b"Content"), "short": lambda: place.write_bytes(b"conten"),
     "long": lambda: place.write_bytes(b"content."), "link": lambda: place.symlink_to(elsewhere),
     "fifo": lambda: os.mkfifo(place)}[kind]()
    untouched(machine, stick, 6, "not_now")


# ---- it is not believed ----


def test_an_expired_bundle_says_until_when_it_was_good(machine, stick):
    stick.list()
    stick.write()
    expires = json.loads(stick.place("timestamp").read_bytes())["signed"]["expires"]
    result = untouched(machine, stick, 6, "unable_to_update", "--time", now(2 * tuf.DAY))
    assert expires in result["detail"] and "salvorctl bundle" in result["detail"]
    assert "reason=expired" in machine.stderr


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "campaigns"])
@pytest.mark.parametrize("kind", ["flipped", "missing", "link", "fifo", "socket", "folder", "long"])
def test_metadata_that_is_none(tmp_path, machine, stick, role, kind):
    stick.list()
    stick.write()
    place = stick.place(role)
    data = place.read_bytes()
    place.unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(data)
    if kind == "flipped":
        place.write_bytes(tuf.flip_sig(data))
    elif kind == "link":
        place.symlink_to(elsewhere)
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "socket":
        here = os.getcwd()
        os.chdir(place.parent)  # a socket's name has 108 bytes
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(place.name)
        os.chdir(here)
    elif kind == "folder":
        place.mkdir()
    elif kind == "long":
        with open(place, "wb") as file:
            file.truncate(1 << 40)
    result = untouched(machine, stick, 5 if kind == "missing" else 6, "unable_to_update")
    assert place.name in result["detail"], result


def test_a_rolled_back_bundle(machine, stick):
    stick.write()
    old = stick.repo.saved()
    stick.list()
    stick.repo.publish(force=True)
    stick.write()
    assert bundle(machine, stick)["outcome"] == "applied"
    stick.repo.listed.clear()
    stick.repo.restore(old)
    for path in (stick.folder / "metadata").iterdir():
        path.unlink()
    stick.write()
    result = bundle(machine, stick, exits=6)
    assert result["outcome"] == "unable_to_update" and "rollback" in result["detail"]


@pytest.mark.parametrize("defect,why", [("one author", "signatures"), ("revoked", "revoked"), ("expired", "expired"),
                                        ("not yet", "not valid before"), ("domain", "trust-domain"),
                                        ("another name", "name"), ("link", "symbolic link"), ("fifo", "plain file"),
                                        ("flipped", "not the file")])
def test_campaigns_that_are_refused(tmp_path, machine, stick, defect, why):
    """And nothing else in the bundle: refused, said why, not reported, for nobody offered it."""
    plane, repo = stick.plane, stick.repo
    payload = plane.payload()
    if defect == "one author":
        repo.list(payload, repo.envelope(payload, [0]))
    elif defect == "revoked":
        repo.policy = repo.make_policy(revoked=["channel-file-291"])
        repo.list(payload)
    elif defect == "expired":
        repo.list(plane.payload(not_before=now(-7200), expires=now(-60)))
    elif defect == "not yet":
        repo.list(plane.payload(not_before=now(7200)))
    elif defect == "domain":
        repo.list(plane.payload(trust_domain="b" * 64))
    elif defect == "another name":
        repo.list(payload, path="campaigns/channel-file-291-2.json")
    else:
        repo.list(payload)
    stick.write()
    if defect in ("link", "fifo", "flipped"):
        place = stick.target(TARGETS)
        data = place.read_bytes()
        place.unlink()
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_bytes(data)
        {"link": lambda: place.symlink_to(elsewhere), "fifo": lambda: os.mkfifo(place),
         "flipped": lambda: place.write_bytes(tuf.flip(data))}[defect]()
    result = untouched(machine, stick, 6, "refused")
    assert why in result["detail"], result


def test_a_bad_campaign_does_not_keep_a_good_one_from_its_turn(machine, stick):
    stick.list(id="expired", not_before=now(-7200), expires=now(-60), priority=9)
    stick.list()
    stick.write()
    assert bundle(machine, stick)["campaign"] == "channel-file-291"
    assert "recover.bundle_refused" in machine.stderr


def test_a_bundle_may_hold_only_some_of_what_is_listed(machine, stick):
    stick.list(id="not-here", priority=9)
    stick.list()
    stick.write()
    stick.target("campaigns/not-here-1.json").unlink()
    assert bundle(machine, stick)["campaign"] == "channel-file-291"


def test_a_bundle_without_a_campaign(machine, stick):
    stick.write()
    untouched(machine, stick, 0, "none")
    stick.list()
    stick.write()
    stick.target(TARGETS).unlink()
    untouched(machine, stick, 5, "unable_to_update")


# ---- usage ----


def test_usage(tmp_path, machine, stick):
    machine.run("--bundle", tmp_path / "nowhere", exits=3)
    file = tmp_path / "file"
    file.write_text("")
    machine.run("--bundle", file, exits=2)
    machine.run("--bundle", tmp_path, "--healthy", exits=2)
    said = machine.run(exits=78)["stderr"]  # without a bundle, the server has to be named
    assert "server is missing" in said or "server" in said
