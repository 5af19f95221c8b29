# SPDX-License-Identifier: Apache-2.0
"""salvor-recover on real directory trees, against a small server that speaks the machine plane and checks what is sent."""

import base64
import fcntl
import hashlib
import json
import os
import pathlib
import signal
import subprocess

import pytest
from salvor import pki, tuf
from salvor.plane import BAD, FALCON, Machine, Plane, TOKEN, now, picture
from salvor.wait import SLOWER, until


@pytest.fixture
def fake(tmp_path):
    running = Plane(tmp_path / "server")
    yield running
    running.stop()


@pytest.fixture
def machine(tmp_path, fake):
    return Machine(tmp_path, fake)


def refused(machine, fake, document, why=""):
    """The offer is refused: exit 6, reported, nothing touched."""
    before = picture(machine.root)
    fake.answers = [document]
    result = machine.run(exits=6)
    assert result["outcome"] == "refused" and why in result["detail"], result
    assert picture(machine.root) == before
    assert [r["stage"] for r in fake.reports] == ["refused"]
    assert why in fake.reports[0]["log"]


# ---- the outage ----


def test_the_bad_file_goes_and_the_good_ones_stay(machine, fake):
    others = {p: v for p, v in picture(machine.root).items() if v[4] is not None and not p.endswith(BAD)}
    fake.answers = [fake.offer(fake.payload())]
    result = machine.run()
    assert result["outcome"] == "applied" and result["campaign"] == "channel-file-291" and result["version"] == 1
    assert machine.bad_is_gone()
    assert {p: v for p, v in picture(machine.root).items() if v[4] is not None} == others
    (report,) = fake.reports
    assert report["stage"] == "applied" and report["boot_id"] == "boot-1" and report["offer_id"] == "offer-1"
    assert [(a["index"], a["kind"], a["status"]) for a in report["actions"]] == [(0, "delete_file", "done")]
    assert BAD.split("/")[-1] in report["actions"][0]["detail"]
    assert "Prefer" not in fake.headers[0]


def test_a_machine_with_only_the_bad_file(tmp_path, fake):
    machine = Machine(tmp_path, fake, "bad")
    fake.answers = [fake.offer(fake.payload())]
    assert machine.run()["outcome"] == "applied"
    assert machine.bad_is_gone()


def test_a_good_machine_needs_nothing(tmp_path, fake):
    machine = Machine(tmp_path, fake, "good")
    before = picture(machine.root)
    fake.answers = [fake.offer(fake.payload())]
    assert machine.run()["outcome"] == "not_applicable"
    assert picture(machine.root) == before
    assert [(r["stage"], r["actions"][0]["status"]) for r in fake.reports] == [("not_applicable", "skipped")]


def test_a_bad_fix_puts_everything_back(tmp_path, fake):
    machine = Machine(tmp_path, fake, "bad")
    os.chmod(machine.root / BAD, 0o4751)
    before = picture(machine.root)
    fake.answers = [fake.offer(fake.payload("bad-fix.json"))]
    assert machine.run(exits=1)["outcome"] == "failed"
    assert picture(machine.root) == before
    (report,) = fake.reports
    assert report["stage"] == "failed" and report["actions"][0]["status"] == "reverted"
    assert "path_present" in report["log"]


def test_the_bad_fix_does_work_where_both_files_are(machine, fake):
    fake.answers = [fake.offer(fake.payload("bad-fix.json"))]
    assert machine.run()["outcome"] == "applied"


@pytest.mark.parametrize("directive", ["none", "wait"])
def test_nothing_to_do(machine, fake, directive):
    before = picture(machine.root)
    fake.answers = [fake.say(directive)]
    assert machine.run()["outcome"] == directive
    assert picture(machine.root) == before and fake.reports == [] and len(fake.polls) == 1


# ---- offers that must be refused ----


def test_one_signature_is_not_enough(machine, fake):
    payload = fake.payload()
    refused(machine, fake, fake.offer(payload, fake.envelope(payload, [0])), "signatures: ")


def test_one_author_twice_is_one(machine, fake):
    payload = fake.payload()
    refused(machine, fake, fake.offer(payload, fake.envelope(payload, [0, 0])), "signatures: ")


def test_no_signature(machine, fake):
    payload = fake.payload()
    refused(machine, fake, fake.offer(payload, fake.envelope(payload, [])))


def test_signatures_of_another_payload(machine, fake):
    envelope = json.loads(fake.envelope(fake.payload()))
    payload = fake.payload(title="Another title")
    envelope["payload"] = base64.b64encode(payload).decode()
    refused(machine, fake, fake.offer(payload, json.dumps(envelope).encode()), "signed")


def test_another_trust_domain(machine, fake):
    refused(machine, fake, fake.offer(fake.payload(trust_domain="b" * 64)), "trust domain")


def test_an_unknown_condition_is_never_skipped(machine, fake):
    payload = json.loads(fake.payload())
    payload["actions"][0]["unless"] = {"fact": "os", "eq": "windows"}
    refused(machine, fake, fake.offer(json.dumps(payload).encode()))


def test_match_is_evaluated_by_the_client_too(machine, fake):
    refused(machine, fake, fake.offer(fake.payload(match={"fact": "os", "eq": "linux"})), "facts")


def test_expired(machine, fake):
    refused(machine, fake, fake.offer(fake.payload(not_before=now(-7200), expires=now(-60))), "expired")


def test_a_server_that_turns_the_clock_back(machine, fake):
    """The floor of the client's time is at least the time of the build, so neither an expired campaign nor the server's
    own certificate, which is younger than the build, is good."""
    before = picture(machine.root)
    payload = fake.payload(not_before="2024-07-19T05:30:00Z", expires="2024-07-26T05:30:00Z")
    fake.answers = [fake.offer(payload, server_time="2024-07-20T00:00:00Z")]
    assert machine.run(exits=6)["outcome"] in ("refused", "denied")
    assert picture(machine.root) == before


def test_a_time_that_was_accepted_does_not_come_again(machine, fake):
    """A campaign was accepted at a later time: a server that is back in time cannot bring an expired one in force."""
    fake.repo.life = dict.fromkeys(fake.repo.life, 30 * tuf.DAY)
    fake.repo.publish(force=True)
    later = fake.offer(fake.payload(id="later", not_before=now(86400), expires=now(3 * 86400)), server_time=now(2 * 86400))
    fake.answers = [later]
    assert machine.run()["outcome"] == "applied"
    fake.reports.clear()
    refused(machine, fake, fake.offer(fake.payload()), "expired")


def test_not_yet_valid(machine, fake):
    refused(machine, fake, fake.offer(fake.payload(not_before=now(7200), expires=now(86400))), "not valid before")


def test_within_the_tolerance(machine, fake):
    fake.answers = [fake.offer(fake.payload(not_before=now(3000)))]
    assert machine.run()["outcome"] == "applied"


def test_revoked(machine, fake):
    fake.repo.policy = fake.repo.make_policy(revoked=["channel-file-291"])
    refused(machine, fake, fake.offer(fake.payload()), "revokes")


def test_an_offer_under_another_name(machine, fake):
    """The server lists and offers version 2, and serves the signed version 1 in its place."""
    document = fake.offer(fake.payload(), path="campaigns/channel-file-291-2.json")
    document["offer"]["version"] = 2
    refused(machine, fake, document, "under the name")


def test_drills(machine, fake):
    refused(machine, fake, fake.offer(fake.payload(drill=True)), "drill")


def test_a_drill_on_request(machine, fake):
    fake.answers = [fake.offer(fake.payload(drill=True))]
    assert machine.run("--reason", "drill")["outcome"] == "applied"
    assert fake.polls[0]["reason"] == "drill"


def test_more_files_than_max_matches(machine, fake):
    payload = json.loads(fake.payload())
    payload["actions"][0] |= {"max_matches": 1}
    del payload["actions"][0]["require"]
    refused(machine, fake, fake.offer(json.dumps(payload).encode()), "more than 1 files")


def test_actions_that_this_client_cannot_do(machine, fake):
    payload = json.loads(fake.payload())
    payload["actions"].append({"kind": "disable_service", "name": "csagent"})
    refused(machine, fake, fake.offer(json.dumps(payload).encode()), "disable_service")


def test_a_linked_folder_leads_nowhere(tmp_path, machine, fake):
    outside = tmp_path / "outside"
    os.rename(machine.root / FALCON, outside)
    (machine.root / FALCON).symlink_to(outside)
    before = picture(outside)
    refused(machine, fake, fake.offer(fake.payload()), "symbolic link")
    assert picture(outside) == before


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "hard link"])
def test_what_is_no_file_of_its_own_is_refused(tmp_path, machine, fake, kind):
    odd = machine.root / FALCON / "C-00000291-odd.sys"
    victim = tmp_path / "victim"
    victim.write_text("outside")
    os.utime(victim, (1721362140, 1721362140))
    if kind == "link":
        odd.symlink_to(victim)
    elif kind == "fifo":
        os.mkfifo(odd)
    elif kind == "folder":
        odd.mkdir()
    else:
        os.link(victim, odd)
    refused(machine, fake, fake.offer(fake.payload()), "odd.sys")
    assert victim.read_text() == "outside"


# ---- targets and artifacts ----


def test_everything_comes_in_one_round_trip(machine, fake):
    fake.answers = [fake.offer(fake.payload())]
    assert machine.run()["outcome"] == "applied"
    assert fake.gets == []


def test_what_did_not_come_along_is_fetched(machine, fake):
    fake.inline = False
    fake.answers = [fake.offer(fake.payload())]
    assert machine.run()["outcome"] == "applied"
    names = [path.rsplit("/", 1)[-1].split(".", 1)[-1] for path, _ in fake.gets]
    assert names == ["root.json", "json", "snapshot.json", "targets.json", "campaigns.json", "trust-policy.json",
                     "channel-file-291-1.json"]


def test_a_target_that_is_not_there(machine, fake):
    """Nothing touched, nothing reported, asked again."""
    before = picture(machine.root)
    fake.inline = False
    fake.answers = [fake.offer(fake.payload())]
    del fake.repo.files[fake.repo.target_path("campaigns/channel-file-291-1.json")]
    assert machine.run(exits=5)["outcome"] == "unable_to_update"
    assert picture(machine.root) == before
    assert fake.reports == [] and len(fake.polls) == 3


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"length": 17}])
def test_an_offer_of_other_bytes_than_are_listed(machine, fake, change):
    before = picture(machine.root)
    document = fake.offer(fake.payload())
    document["offer"] |= change
    fake.answers = [document]
    assert machine.run(exits=6)["outcome"] == "unable_to_update"
    assert 'reason=mismatch' in machine.stderr
    assert picture(machine.root) == before and fake.reports == []


def test_an_offer_that_is_not_listed(machine, fake):
    """Halted a moment ago, say: nothing is reported and the server is asked again."""
    before = picture(machine.root)
    document = fake.offer(fake.payload())
    fake.repo.listed.clear()
    fake.repo.publish()
    fake.answers = [document, document, fake.say("wait", "halted")]
    assert machine.run()["outcome"] == "wait"
    fake.answers = [document]
    result = machine.run(exits=5)
    assert result["outcome"] == "not_now" and "not in force" in result["detail"]
    assert picture(machine.root) == before and fake.reports == []


def restoring(fake, content, **artifact):
    payload = json.loads(fake.payload(match={"fact": "os", "eq": "windows"}))
    payload["actions"] = [{"kind": "restore_file", "path": "${SYSTEM}/drivers/ntfs.sys", "artifact":
                           {"sha256": hashlib.sha256(content).hexdigest(), "length": len(content)} | artifact}]
    payload["verify"] = [{"kind": "sha256_is", "path": "${SYSTEM}/drivers/NTFS.sys",
                          "sha256": hashlib.sha256(content).hexdigest()}]
    return json.dumps(payload).encode()


def test_an_artifact_is_fetched_and_gone_on_with(machine, fake):
    content = os.urandom(300000)
    digest = hashlib.sha256(content).hexdigest()
    fake.files[f"/v1/artifacts/{digest}"] = content
    fake.cut_after = 100000
    fake.answers = [fake.offer(restoring(fake, content), offer_id="same")]
    assert machine.run()["outcome"] == "applied"
    assert (machine.root / "Windows/System32/drivers/ntfs.sys").read_bytes() == content
    ranges = [r for path, r in fake.gets if "artifacts" in path]
    assert ranges[0] is None and ranges[1].startswith("bytes=") and ranges[1] != "bytes=0-"


def test_an_artifact_that_is_another(machine, fake):
    before = picture(machine.root)
    content = os.urandom(3000)
    fake.files[f"/v1/artifacts/{hashlib.sha256(content).hexdigest()}"] = bytes(3000)
    fake.answers = [fake.offer(restoring(fake, content))]
    machine.run(exits=6)
    assert picture(machine.root) == before and fake.reports == []


def test_an_artifact_that_is_longer_than_signed(machine, fake):
    before = picture(machine.root)
    content = os.urandom(3000)
    fake.files[f"/v1/artifacts/{hashlib.sha256(content).hexdigest()}"] = content + b"more"
    fake.answers = [fake.offer(restoring(fake, content))]
    result = machine.run(exits=6)
    assert "longer than" in result["detail"]
    assert picture(machine.root) == before and fake.reports == []


@pytest.mark.parametrize("status,exits", [(400, 5), (401, 6), (403, 6), (404, 5), (409, 5), (410, 5), (416, 5)])
def test_an_artifact_that_the_server_does_not_give(machine, fake, status, exits):
    content = os.urandom(3000)
    path = f"/v1/artifacts/{hashlib.sha256(content).hexdigest()}"
    fake.send[path] = lambda handler: handler.problem(status, "conflict")
    fake.answers = [fake.offer(restoring(fake, content))]
    assert machine.run(exits=exits)["outcome"] == "not_now"
    assert fake.reports == []


# ---- reports ----


def test_a_report_that_was_not_taken_travels_with_the_next_poll(machine, fake):
    fake.report_status = 503
    fake.answers = [fake.offer(fake.payload()), fake.say("none", "already_applied")]
    assert machine.run()["outcome"] == "applied"
    stored = list((machine.state / "reports").iterdir())
    assert len(stored) == 1
    machine.run(boot="boot-2")
    (report,) = fake.polls[1]["reports"]
    assert report["stage"] == "applied" and report["boot_id"] == "boot-1"
    assert list((machine.state / "reports").iterdir()) == []
    machine.run(boot="boot-2")
    assert "reports" not in fake.polls[2]


def test_a_report_goes_only_once_it_is_answered(machine, fake):
    fake.report_status = 503
    fake.answers = [fake.offer(fake.payload()), fake.say("none", reports=[]), fake.say("none")]
    machine.run()
    machine.run()
    assert len(list((machine.state / "reports").iterdir())) == 1
    machine.run()
    assert list((machine.state / "reports").iterdir()) == []


def test_the_same_offer_is_not_carried_out_twice(machine, fake):
    fake.answers = [fake.offer(fake.payload(), offer_id="same")]
    assert machine.run()["outcome"] == "applied"
    (machine.root / BAD).write_text("back again")
    os.utime(machine.root / BAD, (1721362140, 1721362140))
    assert machine.run()["outcome"] == "applied"
    assert (machine.root / BAD).exists()
    assert [r["offer_id"] for r in fake.reports] == ["same", "same"]


def test_healthy(machine, fake):
    assert machine.run("--healthy")["outcome"] == "none" and fake.reports == []
    fake.answers = [fake.offer(fake.payload())]
    machine.run()
    fake.report_status = 503
    machine.run("--healthy", boot="boot-2", exits=5)
    fake.report_status = 200
    assert machine.run("--healthy", boot="boot-2")["outcome"] == "healthy"
    assert (fake.reports[-1]["stage"], fake.reports[-1]["offer_id"]) == ("healthy", "offer-1")
    count = len(fake.reports)
    assert machine.run("--healthy", boot="boot-3")["outcome"] == "none" and len(fake.reports) == count


# ---- the way there ----


def test_nobody_there(machine, fake):
    machine.write_conf(server="https://127.0.0.1:1")
    machine.run(exits=5)


def test_another_ca(tmp_path, machine, fake):
    other, _ = pki.make_ca(tmp_path, "other")
    machine.write_conf(ca=other)
    fake.answers = [fake.offer(fake.payload())]
    machine.run(exits=6)
    assert fake.polls == [] and not machine.bad_is_gone()


def test_another_name(machine, fake):
    fake.listen(*pki.issue(fake.folder, fake.authority, "elsewhere", usage="serverAuth", names="DNS:elsewhere.example"))
    machine.write_conf()
    fake.answers = [fake.offer(fake.payload())]
    machine.run(exits=6)
    assert fake.polls == [] and not machine.bad_is_gone()


def test_an_expired_server_certificate(machine, fake):
    """Its dates are held against the client's time once the answer has told it; the offer is not looked at."""
    fake.listen(*pki.issue(fake.folder, fake.authority, "old", expired=True, usage="serverAuth", names="IP:127.0.0.1"))
    machine.write_conf()
    fake.answers = [fake.offer(fake.payload())]
    result = machine.run(exits=6)
    assert "not valid at" in result["detail"]
    assert not machine.bad_is_gone() and fake.reports == []


@pytest.mark.parametrize("status,exits", [(401, 6), (403, 6), (503, 5), (429, 5), (500, 5), (400, 5), (404, 5), (405, 5),
                                          (409, 5), (410, 5), (413, 5)])
@pytest.mark.parametrize("says", ["its own", "another"])
def test_refusals_of_the_server(machine, fake, status, exits, says):
    """1, 3 and 4 mean something else: a fix that failed, a missing file, another process."""
    slug = {401: "unauthenticated", 403: "forbidden", 503: "overloaded", 429: "too-many-requests", 500: "internal",
            400: "malformed", 404: "not-found", 405: "method-not-allowed", 409: "conflict", 410: "gone",
            413: "too-large"}[status]
    if says == "another" and status < 429:
        slug = "invalid" if exits == 6 else "untrusted"
    fake.answers = [lambda body: (status, slug, {"Retry_After": "1"} if status in (429, 503) else {})]
    machine.run(exits=exits)
    assert not machine.bad_is_gone()


@pytest.mark.parametrize("answer", [b"", b"{", b"[]", b'{"directive":"apply"}', b'{"directive":"none","directive":"none"}',
                                    b'{"directive":"none"}' + b" " * (1 << 20), b"\xff", b"[" * 100000,
                                    b"<html><title>Sign in</title></html>", b'{"login":"/portal"}', b'"hello"', b"null"],
                         ids=["empty", "cut", "array", "no-offer", "twice", "long", "not-utf8", "deep", "html", "portal",
                              "text", "null"])
def test_answers_that_are_none(machine, fake, answer):
    """A network's sign-in page, say: the server may be there later."""
    fake.answers = [lambda body: (200, answer, {})]
    assert machine.run(exits=5)["outcome"] == "unreachable"
    assert not machine.bad_is_gone()


def test_a_sign_in_page_is_waited_out(machine, fake):
    fake.answers = [lambda body: (200, b"<html>Sign in</html>", {}), fake.offer(fake.payload())]
    assert machine.run(once=False)["outcome"] == "applied"
    assert machine.bad_is_gone()


# ---- a full state directory ----


@pytest.fixture
def full_state(machine, fake):
    """The state directory stands on a disk without room for anything but names."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    machine.state.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", machine.state], check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    (machine.state / "filler").write_bytes(b"x" * 4096)
    yield machine.state
    subprocess.run(["umount", machine.state], check=True)


def test_what_cannot_be_stored_is_sent_at_once(machine, fake, full_state):
    before = picture(machine.root)
    fake.answers = [fake.offer(fake.payload())]
    assert machine.run(exits=6)["outcome"] == "refused"
    assert [r["stage"] for r in fake.reports] == ["refused"]
    assert picture(machine.root) == before


def test_a_refusal_that_cannot_be_stored_is_sent_at_once(machine, fake, full_state):
    fake.answers = [fake.offer(fake.payload(), fake.envelope(fake.payload(), [0]))]
    assert machine.run(exits=6)["outcome"] == "refused"
    assert [r["stage"] for r in fake.reports] == ["refused"]


def test_a_report_that_is_neither_stored_nor_sent_shows_in_the_exit(machine, fake, full_state):
    fake.answers = [fake.offer(fake.payload())]
    fake.report_status = 503
    result = machine.run(exits=1)
    assert result["outcome"] == "refused" and "neither stored nor sent" in result["detail"]
    assert not machine.bad_is_gone()


def test_redirects_are_not_followed(machine, fake):
    fake.answers = [lambda body: (307, b"", {"Location": fake.url + "/elsewhere"})]
    machine.run(exits=5)
    assert len(fake.polls) == 1 and fake.gets == []


# ---- the loop ----


def test_waits_until_it_is_its_turn(machine, fake):
    fake.answers = [fake.say("wait", "ring_not_open"), fake.say("none"), fake.offer(fake.payload())]
    assert machine.run(once=False)["outcome"] == "applied"
    assert machine.bad_is_gone() and len(fake.polls) == 3
    assert fake.headers[0]["Prefer"] == "wait=300"


def test_goes_on_after_a_campaign_that_is_not_for_it(machine, fake):
    other = json.loads(fake.payload())
    other |= {"id": "other"}
    other["actions"][0]["path"] = "${SYSTEM}/drivers/missing*.sys"
    other["verify"] = []
    fake.answers = [fake.offer(json.dumps(other).encode()), fake.offer(fake.payload())]
    assert machine.run(once=False)["outcome"] == "applied"
    assert [r["stage"] for r in fake.reports] == ["not_applicable", "applied"]


def test_gives_up_when_it_is_told(machine, fake):
    fake.answers = [fake.say("wait", "paused", give_up_after_seconds=60, poll_after_seconds=60)]
    machine.run(once=False, exits=7)
    fake.answers = [fake.say("none", give_up_after_seconds=60, poll_after_seconds=60)]
    machine.run(once=False)


@pytest.mark.parametrize("seconds", [0, -5, 10**9, "soon", None])
def test_no_answer_makes_it_poll_in_a_loop(machine, fake, seconds):
    """Nor does one end it."""
    fake.answers = [fake.say("wait", "paused", poll_after_seconds=seconds, give_up_after_seconds=604800)]
    process = subprocess.Popen([str(a) for a in machine.command(once=False)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: fake.polls, "a poll")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=2.5)
    assert len(fake.polls) <= 3
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20 * SLOWER) == 7
    process.communicate()


def test_a_signal_ends_the_waiting(machine, fake):
    fake.answers = [fake.say("wait", "paused", poll_after_seconds=300)]
    process = subprocess.Popen([str(a) for a in machine.command(once=False)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: fake.polls, "a poll")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20 * SLOWER) == 7
    process.communicate()


# ---- configuration and usage ----


@pytest.mark.parametrize("name", ["time.json", "sent.json", "done.json", "interrupted.json", "applied.json", "work.json",
                                  "tuf/pinned", "tuf/root.json", "tuf/timestamp.json", "tuf/policy.json",
                                  "reports/offer-9.json", "work.json.new"])
def test_a_fifo_in_the_state_directory_holds_nobody_up(machine, fake, name):
    machine.run()
    place = machine.state / name
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    fake.answers = [fake.offer(fake.payload())]
    assert machine.run(timeout=20)["outcome"] == "applied"


def test_a_lock_that_is_no_file_is_named(machine, fake):
    machine.run()
    (machine.state / "lock").unlink()
    os.mkfifo(machine.state / "lock")
    assert "/lock: no plain file" in machine.run(exits=1, timeout=20)["stderr"]


@pytest.mark.parametrize("behind,told", [(2 * 86400, True), (3600, False), (-2 * 86400, False)])
def test_a_server_that_lags_behind_is_told(machine, fake, behind, told):
    """What expired in between looks good then: a person may know which clock is right."""
    fake.answers = [fake.say("none", server_time=now(-behind))]
    machine.run(exits=(0, 6))
    assert ("recover.clock_ahead" in machine.stderr) == told


def test_a_given_time_is_compared_as_well(machine, fake):
    machine.run("--time", now(3 * 86400))
    assert "recover.clock_ahead" in machine.stderr


def test_one_process_at_a_time(machine, fake):
    fake.answers = [fake.say("none")]
    machine.run()
    with open(machine.state / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another salvor-recover" in machine.run(exits=4)["stderr"]


@pytest.mark.parametrize("text,where", [("serve = \"x\"\n", ":1:"), ("machine_id = \"a\"\nmachine_id = \"b\"\n", ":2:"),
                                        ("server = \"https://x\n", ""), ("server = \"https://x\"\n", "is missing")])
def test_bad_configuration(machine, text, where):
    machine.conf.write_text(text)
    said = machine.run(exits=78)["stderr"]
    assert where in said and str(machine.conf) in said


@pytest.mark.parametrize("change,why", [({"machine_id": "../x"}, "machine_id"), ({"server": "http://127.0.0.1"}, "https"),
                                        ({"token": "a b"}, "token"), ({"root": "/nowhere/1.root.json"}, "1.root.json"),
                                        ({"client_key": "/nowhere"}, "client_certificate"),
                                        ({"policy": "recover.conf"}, "comes signed"),
                                        ({"reports_healthy": "yes"}, "reports_healthy"), ({"token_file": "x"}, "exclude")])
def test_bad_values(machine, change, why):
    machine.write_conf(**change)
    assert why in machine.run(exits=78)["stderr"]


def test_a_token_file(machine, fake):
    (machine.folder / "token").write_text(TOKEN + "\n")
    machine.write_conf(token=None, token_file="token")
    fake.answers = [fake.say("none")]
    machine.run()


@pytest.mark.parametrize("args", [["--reason", "boredom"], ["--fact", "Model"], ["--boot-id", "a b"], ["--time", "now"],
                                  ["--unknown"], ["extra"]])
def test_usage(machine, args):
    machine.run(*args, exits=2)


def test_a_root_that_is_not_there(machine):
    machine.root = pathlib.Path("/nowhere/at/all")
    machine.run(exits=3)
