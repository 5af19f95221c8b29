# SPDX-License-Identifier: Apache-2.0
"""What is published while a daemon lives: lists that follow what is in force, polls that bring everything along, and
what happens when the signer or the disk does not work."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import threading
import time

import pytest

from salvor import campaign as c
from salvor import tuf
from salvor.publicfiles import Public, never_back
from salvor.server import Server
from salvor.wait import SLOWER, until

NOTHING = {"root": 0, "timestamp": 0, "snapshot": 0, "targets": 0, "campaigns": 0, "policy": ""}
ORDER = ["root", "timestamp", "snapshot", "targets", "campaigns"]


def target_url(public, campaign):
    path = f"campaigns/{campaign.id}-{campaign.version}.json"
    digest = public.signed["campaigns"]["targets"][path]["hashes"]["sha256"]
    return f"/tuf/targets/campaigns/{digest}.{campaign.id}-{campaign.version}.json"


def newest_campaigns(plane):
    """By way of timestamp and snapshot, as a client finds it -> signed"""
    timestamp = plane.get("/tuf/metadata/timestamp.json").json()["signed"]
    snapshot = plane.get(f"/tuf/metadata/{timestamp['meta']['snapshot.json']['version']}.snapshot.json").json()["signed"]
    return plane.get(f"/tuf/metadata/{snapshot['meta']['campaigns.json']['version']}.campaigns.json").json()["signed"]


def lists(server):
    """What the published list names; the targets themselves may be gone before."""
    plane = server.machine_plane()
    found = sorted(newest_campaigns(plane)["targets"])
    plane.close()
    return found


def path_of(campaign):
    return f"campaigns/{campaign.id}-{campaign.version}.json"


def signer_pid(server):
    """The daemon's one child."""
    pid = server.process.pid
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        children += (task / "children").read_text().split()
    return int(next(iter(set(children))))


def publication(server):
    return server.ops().get("/readyz").json()["publication"]


# ---- what is served ----


def test_files_are_stable_and_cacheable(server):
    public = Public(server)
    assert public.versions == {role: 1 for role in ORDER}
    for path, data in public.files.items():
        reply = server.anonymous.get(path)
        assert reply.status == 200 and reply.body == data, path
        assert reply.type == "application/json"
        assert reply.headers["ETag"] == f'"{hashlib.sha256(data).hexdigest()}"'
        versioned = path.startswith("/tuf/metadata/") and not path.endswith("timestamp.json")
        assert reply.headers["Cache-Control"] == ("public, max-age=86400" if versioned else "max-age=60"), path
        again = server.anonymous.get(path, headers={"If-None-Match": reply.headers["ETag"]})
        assert again.status == 304 and again.body == b""
        head = server.anonymous.request("HEAD", path)
        assert head.status == 200 and head.headers["ETag"] == reply.headers["ETag"]
        assert head.headers["Content-Length"] == str(len(data))


@pytest.mark.parametrize("name", ["2.root.json", "0.root.json", "root.json", "01.root.json", "snapshot.json", "2.snapshot.json",
                                  "1.timestamp.json", "campaigns.json", "1.policy.json", "1.snapshot.json.", ".unfinished"])
def test_no_such_metadata(shared, refused, name):
    refused(shared.anonymous.get(f"/tuf/metadata/{name}"), 404)


def test_the_directory_is_what_is_served(server):
    """A plain copy of the directory serves the same files."""
    server.admin.started(c.payload(server.domain))
    public = Public(server)
    directory = server.domain.path / "state" / "tuf"
    for path, data in public.files.items():
        file = directory / path.removeprefix("/tuf/")
        assert file.read_bytes() == data
        assert file.stat().st_mode & 0o777 == 0o644
    assert len(list((directory / "targets" / "campaigns").iterdir())) == 1
    assert directory.stat().st_mode & 0o777 == 0o755


# ---- in force ----


def test_start_is_answered_when_it_is_listed(server):
    """The very next request finds everything: list, target, offer."""
    for number in range(20):
        campaign = server.admin.started(c.payload(server.domain))
        public = Public(server)
        assert path_of(campaign) in public.listed
        assert public.listed[path_of(campaign)] == campaign.envelope()
        machine = server.enroll(f"m-{number}", facts={"fault": campaign.id})
        assert machine.says(facts={"fault": campaign.id}) == ("apply", "offered")


@pytest.mark.parametrize("verb", ["halt", "withdraw"])
def test_a_target_that_is_stopped_is_gone_at_once(server, refused, verb):
    campaign = server.admin.started(c.payload(server.domain))
    other = server.admin.started(c.payload(server.domain))
    before = Public(server)
    url = target_url(before, campaign)
    campaign.must(verb)
    refused(server.anonymous.get(url), 404)
    until(lambda: lists(server) == [path_of(other)], "the list follows")
    never_back(before, Public(server))
    until(lambda: not (server.domain.path / "state" / url.lstrip("/")).exists(), "its file is removed")


def test_a_paused_campaign_stays_in_force(server):
    campaign = server.admin.started(c.payload(server.domain))
    campaign.must("pause")
    assert server.anonymous.get(target_url(Public(server), campaign)).status == 200
    assert lists(server) == [path_of(campaign)]


def test_kill_switch_empties_the_list_and_gives_it_back(server, refused):
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m")
    url = target_url(Public(server), campaign)
    server.admin.kill_switch(True)
    refused(server.anonymous.get(url), 404)
    until(lambda: lists(server) == [], "the list is empty")
    server.admin.kill_switch(False)
    assert lists(server) == [path_of(campaign)]
    assert machine.says(facts={"fault": campaign.id}) == ("apply", "offered")


def test_resume_is_answered_when_it_is_listed(server):
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m")
    for _ in range(5):
        campaign.must("halt")
        assert machine.says(facts={"fault": campaign.id}) == ("wait", "halted")
        campaign.must("resume")
        assert lists(server) == [path_of(campaign)]
        assert machine.says(facts={"fault": campaign.id}) == ("apply", "offered")


def test_an_expired_campaign_leaves_the_list(server):
    campaign = server.admin.started(c.payload(server.domain, expires=c.utc(3)))
    assert lists(server) == [path_of(campaign)]
    campaign.becomes("expired", 20)
    until(lambda: lists(server) == [], "the list is empty")


def test_a_held_poll_is_answered_when_the_campaign_is_listed(server):
    machine = server.enroll("m", facts={"fault": "late"})
    found = {}

    def ask():
        found["answer"] = machine.try_poll(facts={"fault": "late"}, headers={"Prefer": "wait=60"},
                                           plane=server.machine_plane(), have=NOTHING).json()

    thread = threading.Thread(target=ask)
    thread.start()
    server.admin.started(c.payload(server.domain, "late"))
    thread.join(30 * SLOWER)
    assert found["answer"]["directive"] == "apply"
    check_answer(server, found["answer"])


# ---- polls ----


def check_answer(server, answer):
    """Everything that a machine needs to verify this offer is in the answer, as it is public."""
    public = Public(server)
    campaigns = json.loads(answer["metadata"][f"{public.versions['campaigns']}.campaigns.json"])
    entry = campaigns["signed"]["targets"][answer["offer"]["target"]]
    envelope = answer["files"][answer["offer"]["target"]].encode()
    assert tuf.content_of(envelope) == {k: entry[k] for k in ("length", "hashes")}
    for name, text in answer["metadata"].items():
        assert text.encode() == server.anonymous.get(f"/tuf/metadata/{name}").body, name


def names_of(public, roles):
    return [f"{public.versions[r]}.{r}.json" if r != "timestamp" else "timestamp.json" for r in roles]


def test_a_poll_brings_what_is_newer(server):
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m")
    public = Public(server)
    answer = machine.poll(facts={"fault": campaign.id}, have=NOTHING)
    assert list(answer["metadata"]) == names_of(public, ORDER)
    assert answer["files"][tuf.POLICY_PATH].encode() == public.policy
    check_answer(server, answer)
    have = {**public.versions, "policy": hashlib.sha256(public.policy).hexdigest()}
    answer = machine.poll(facts={"fault": campaign.id}, have=have)
    assert answer["metadata"] == {} and list(answer["files"]) == [answer["offer"]["target"]]
    for role in ORDER[1:]:
        answer = machine.poll(facts={"fault": campaign.id}, have={**have, role: have[role] - 1})
        assert list(answer["metadata"]) == names_of(public, [role]), role
    assert "metadata" not in machine.poll(facts={"fault": campaign.id})


def test_every_answer_brings_metadata(server):
    """Waiting machines keep up, so that the offer, once it comes, needs little."""
    machine = server.enroll("m")
    public = Public(server)
    for facts, expected in (({"fault": "x"}, "none"), ({"fault": "paused"}, "wait")):
        if expected == "wait":
            server.admin.started(c.payload(server.domain, "paused")).must("pause")
            public = Public(server)
        answer = machine.poll(facts=facts, have=NOTHING)
        assert answer["directive"] == expected and "files" not in answer
        assert list(answer["metadata"]) == names_of(public, ORDER)


@pytest.mark.parametrize("member,value", [("root", -1), ("root", 2**31), ("timestamp", "1"), ("snapshot", 1.5), ("targets", None),
                                          ("campaigns", []), ("campaigns", True), ("policy", 1), ("policy", "0" * 65)])
def test_bad_have(shared, refused, member, value):
    machine = shared.enroll(c.unique("bad-have"))
    reply = machine.try_poll(facts={}, have={**NOTHING, member: value})
    refused(reply, 400, pointer=f"/have/{member}")


def test_a_poll_with_100_campaigns_stays_below_64_kib(server):
    """Complete metadata of a full house, and the envelope and the policy besides; names as long as they may be."""
    authors = server.domain.authors()
    for number in range(100):
        id = f"{number:03}-" + "x" * 59
        campaign = server.admin.create(c.payload(server.domain, id, version=2147483000 + number))
        for key in authors:
            assert campaign.sign(key).status == 201
        campaign.start()
    machine = server.enroll("m")
    reply = machine.try_poll(facts={"fault": "099-" + "x" * 59}, have=NOTHING)
    answer = reply.json()
    assert reply.status == 200 and len(reply.body) < 64 * 1024, len(reply.body)
    assert answer["directive"] == "apply"
    assert list(answer["metadata"]) == names_of(Public(server), ORDER)
    assert set(answer["files"]) == {answer["offer"]["target"], tuf.POLICY_PATH}
    check_answer(server, answer)


def test_what_does_not_fit_comes_from_tuf(server):
    """An envelope that is too large for the answer is left out of it, the metadata stay."""
    campaign = server.admin.started(c.payload(
        server.domain, actions=[{"kind": "write_file", "path": f"${{SYSTEM}}/drivers/f{n}", "content_base64": "A" * 21844}
                                for n in range(4)]))
    machine = server.enroll("m")
    reply = machine.try_poll(facts={"fault": campaign.id}, have=NOTHING)
    answer = reply.json()
    assert len(reply.body) < 64 * 1024
    assert answer["directive"] == "apply"
    assert answer["offer"]["target"] not in answer["files"] and tuf.POLICY_PATH in answer["files"]
    assert list(answer["metadata"]) == names_of(Public(server), ORDER)
    assert Public(server).listed[path_of(campaign)] == campaign.envelope()


# ---- restarts and losses ----


def test_a_restart_serves_the_same_bytes(server):
    server.admin.started(c.payload(server.domain))
    before = Public(server)
    server.restart()
    assert Public(server).files == before.files
    server.kill()
    server.start()
    assert Public(server).files == before.files


def test_a_restored_state_lowers_no_version(server):
    """The ledger and the public files of an earlier day come back; the signer's marks do not."""
    state = server.domain.path / "state"
    saved = server.domain.path / "saved"
    campaign = server.admin.started(c.payload(server.domain))
    server.stop()
    shutil.copytree(state, saved)
    server.start()
    campaign.admin = server.admin
    for verb in ("halt", "resume", "halt"):
        campaign.must(verb)
        until(lambda: (lists(server) == []) == (verb == "halt"), "the list follows")
    before = Public(server)
    server.stop()
    shutil.rmtree(saved / "signer")
    shutil.move(state / "signer", saved / "signer")
    shutil.rmtree(state)
    saved.rename(state)
    server.start()
    after = Public(server)
    never_back(before, after)
    assert after.versions["timestamp"] > before.versions["timestamp"]
    assert list(after.listed) == [path_of(campaign)]  # as the restored ledger has it


def test_a_killed_signer_is_started_again(server):
    server.admin.started(c.payload(server.domain))
    before = Public(server)
    old = signer_pid(server)
    os.kill(old, signal.SIGKILL)
    campaign = server.admin.started(c.payload(server.domain))
    assert path_of(campaign) in lists(server)
    assert signer_pid(server) != old
    until(lambda: b"publication.signer_restarted" in server.log, "the log says so")
    line, = [x for x in server.log.splitlines() if b"publication.signer_restarted" in x]
    assert b" warning " in line and b"ended by signal 9" in line and b"started again as process" in line, line
    assert publication(server)["state"] == "ok"
    never_back(before, Public(server))


@pytest.mark.slow
def test_a_signer_that_hangs_delays_no_halt(server, refused):
    campaign = server.admin.started(c.payload(server.domain))
    url = target_url(Public(server), campaign)
    os.kill(signer_pid(server), signal.SIGSTOP)
    for act in (lambda: campaign.must("halt"), lambda: server.admin.kill_switch(True)):
        began = time.monotonic()
        act()
        assert time.monotonic() - began < 2 * SLOWER
        refused(server.anonymous.get(url), 404)
    until(lambda: lists(server) == [], "the hung signer was replaced", 30)
    server.admin.kill_switch(False)
    campaign.must("resume")
    assert lists(server) == [path_of(campaign)]


def test_a_directory_that_cannot_be_written_is_told(server, refused):
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m")
    directory = server.domain.path / "state" / "tuf"
    directory.rename(directory.with_name("tuf-away"))
    directory.write_text("in its place")
    other = server.admin.started(c.payload(server.domain))  # answered all the same
    said = publication(server)
    assert said["state"] == "failing" and "tuf" in said["why"] and said["since"]
    metrics = server.metrics().values
    assert metrics["salvor_publication_failing"] == 1 and metrics["salvor_publication_failed_total"] >= 1
    assert b"publication.failing" in server.log and b"remedy=" in server.log
    assert lists(server) == sorted([path_of(campaign), path_of(other)])  # machines are served from memory
    assert machine.says(facts={"fault": other.id}) == ("apply", "offered")
    url = target_url(Public(server), campaign)
    campaign.must("halt")
    refused(server.anonymous.get(url), 404)
    until(lambda: lists(server) == [path_of(other)], "the list follows")
    directory.unlink()
    directory.with_name("tuf-away").rename(directory)
    until(lambda: publication(server)["state"] == "ok", "it recovers", 90)
    public = Public(server)
    assert (directory / "metadata" / "timestamp.json").read_bytes() == public.file_of("timestamp")[1]
    assert b"publication.recovered" in server.log


def test_a_start_without_a_place_to_publish_serves(domain):
    """A daemon whose public directory cannot be made runs all the same: halts and the kill switch must work."""
    (domain.path / "state" / "tuf").write_text("in its place")
    running = Server(domain).start()
    assert publication(running)["state"] == "failing"
    campaign = running.admin.started(c.payload(domain))
    campaign.must("halt")
    running.admin.kill_switch(True)
    running.stop()


def test_a_start_that_cannot_be_listed_says_so(server):
    """Without its key no signer can be started again: the act is done, its answer says that nothing is offered yet."""
    key = server.domain.path / "keys" / "online.pem"
    campaign = server.admin.started(c.payload(server.domain))
    assert campaign.get()["listed"] is True
    machine = server.enroll("m")
    key.rename(key.with_suffix(".away"))
    os.kill(signer_pid(server), signal.SIGKILL)
    other = server.admin.ready(c.payload(server.domain))
    answer = other.start()
    assert answer["state"] == "active" and answer["listed"] is False
    assert publication(server)["state"] == "failing"
    answer = machine.poll(facts={"fault": other.id}, have=NOTHING)
    assert (answer["directive"], answer["reason"]) == ("wait", "ring_not_open") and "no signed list" in answer["detail"]
    assert machine.says(facts={"fault": campaign.id}) == ("apply", "offered")
    key.with_suffix(".away").rename(key)
    until(lambda: other.get()["listed"], "it is listed", 90)
    assert server.enroll("n").says(facts={"fault": other.id}) == ("apply", "offered")
    assert campaign.must("halt")["state"] == "halted"
    assert campaign.must("resume")["listed"] is True


def test_no_signer_no_start(domain):
    """An online key that no role has is a configuration error, with the line and what mends it."""
    shutil.copy(domain.path / "keys" / "author-1.pem", domain.path / "keys" / "online.pem")
    running = Server(domain).start(wait=False)
    code = running.process.wait(timeout=30)
    running._reader.join(timeout=10)
    assert code == 78
    log = running.log.decode()
    assert "salvord.conf:" in log and "online_key" in log and "timestamp" in log


# ---- all at once ----


@pytest.mark.tsan
def test_many_at_once(server):
    """Operators start, halt and resume while machines poll: whatever a machine is offered it can verify, or polls again."""
    campaigns = [server.admin.started(c.payload(server.domain)) for _ in range(4)]
    machines = [server.fleet([f"m-{n}-{i}" for i in range(3)]) for n in range(len(campaigns))]
    failures, stop = [], threading.Event()

    def operate(campaign):
        admin = server.operator(server.domain.admin_certificate, server.domain.admin_key)
        plane = server.machine_plane()
        mine = type(campaign)(admin, campaign.id, campaign.version, campaign.payload)
        try:
            for _ in range(10):
                mine.must("halt")
                mine.must("resume")
                assert path_of(mine) in newest_campaigns(plane)["targets"]
        except Exception as e:  # noqa: BLE001
            failures.append(e)

    def ask(fleet, campaign):
        plane = server.machine_plane()
        seen = 0
        try:
            while not stop.is_set():
                for machine in fleet:
                    answer = machine.try_poll(facts={"fault": campaign.id}, have=NOTHING, plane=plane).json()
                    timestamp = json.loads(answer["metadata"]["timestamp.json"])["signed"]["version"]
                    assert timestamp >= seen
                    seen = timestamp
        except Exception as e:  # noqa: BLE001
            failures.append(e)

    askers = [threading.Thread(target=ask, args=(fleet, campaign)) for fleet, campaign in zip(machines, campaigns)]
    operators = [threading.Thread(target=operate, args=(campaign,)) for campaign in campaigns]
    for thread in askers + operators:
        thread.start()
    for thread in operators:
        thread.join(120 * SLOWER)
    stop.set()
    for thread in askers:
        thread.join(30 * SLOWER)
    assert not failures, failures[:3]
    assert lists(server) == sorted(path_of(x) for x in campaigns)
