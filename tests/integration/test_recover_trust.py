# SPDX-License-Identifier: Apache-2.0
"""What salvor-recover trusts: against the real daemon, and what of it is kept, dropped, cut off and said."""

import json
import subprocess

import pytest
from salvor import campaign as c
from salvor import tuf
from salvor.plane import EXAMPLE, TOKEN, Machine, Plane, drip, now, within
from salvor.server import program
from salvor.wait import SLOWER, until

FIXED = "channel-file-291"


# ---- the real daemon ----


def example(domain, **changes):
    campaign = json.loads((EXAMPLE / "campaign.json").read_text())
    return {**c.payload(domain, id=FIXED, match=campaign["match"], actions=campaign["actions"],
                        verify=campaign["verify"]), **changes}


class RealPlane:
    """What a Machine needs to know of a server."""

    def __init__(self, server, token):
        self.url = server.endpoints["machine"]
        self.ca = server.domain.ca
        self.root_file = server.domain.path / "1.root.json"
        self.token = token


@pytest.fixture
def real(tmp_path, server):
    token = server.enroll("machine-1").token
    server.make_known(["machine-1"], {"os": "windows"})
    return Machine(tmp_path / "client", RealPlane(server, token))


def versions(server):
    plane = server.anonymous
    timestamp = json.loads(plane.get("/tuf/metadata/timestamp.json").body)["signed"]
    snapshot = timestamp["meta"]["snapshot.json"]["version"]
    return timestamp["version"], snapshot


def test_a_rescue_from_the_pinned_root_alone(real, server):
    server.admin.started(example(server.domain))
    assert real.run()["outcome"] == "applied", real.stderr
    assert real.bad_is_gone()
    kept = {path.name for path in (real.state / "tuf").iterdir()}
    assert kept == {"pinned", "root.json", "timestamp.json", "snapshot.json", "targets.json", "campaigns.json",
                    "policy.json"}
    assert json.loads((real.state / "tuf/timestamp.json").read_bytes())["signed"]["version"] == versions(server)[0]


def test_nothing_to_do_is_said_only_of_what_was_verified(real, server):
    assert real.run()["outcome"] == "none"
    assert (real.state / "tuf/timestamp.json").exists()


def test_what_was_withdrawn_is_gone_from_the_list(real, server):
    started = server.admin.started(example(server.domain))
    assert real.run("--reason", "drill")["outcome"] == "none"  # no drill: it only learns of the list
    listed = json.loads((real.state / "tuf/campaigns.json").read_bytes())["signed"]["targets"]
    assert list(listed) == [f"campaigns/{FIXED}-1.json"]
    before = versions(server)
    started.must("withdraw")
    until(lambda: versions(server) > before, "the shorter list is published")
    assert real.run()["outcome"] == "none" and not real.bad_is_gone()
    assert json.loads((real.state / "tuf/campaigns.json").read_bytes())["signed"]["targets"] == {}


def test_a_waiting_machine_is_helped_when_the_campaign_begins(real, server):
    """A held poll is answered with the offer and the list that names it, both newer than what the machine knows."""
    process = subprocess.Popen([str(a) for a in real.command(once=False)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        until(lambda: server.metrics().total("salvor_http_held_requests") == 1, "it waits")
        server.admin.started(example(server.domain))
        out, log = process.communicate(timeout=120 * SLOWER)
    finally:
        process.kill()
    assert process.returncode == 0 and json.loads(out)["outcome"] == "applied", (out, log)
    assert real.bad_is_gone() and b"unable" not in log


def test_a_server_that_kept_an_older_state_is_noticed(tmp_path, real, server):
    """The machine has seen a newer timestamp of this trust domain; the server says that there is nothing."""
    assert real.run()["outcome"] == "none"
    online = tuf.Key.load(server.domain.path / "keys/online.pem")
    timestamp = json.loads((real.state / "tuf/timestamp.json").read_bytes())["signed"]
    timestamp["version"] += 100
    (real.state / "tuf/timestamp.json").write_bytes(tuf.tuf_file(timestamp, [online]))
    result = real.run(exits=6)
    assert result["outcome"] == "unable_to_update"
    assert "recover.unable_to_update" in real.stderr and "reason=rollback" in real.stderr


def test_a_bundle_of_the_real_server(tmp_path, real, server):
    server.admin.started(example(server.domain))
    stick = tmp_path / "stick"
    done = subprocess.run([program("salvorctl"), "-C", str(server.domain.path), "bundle", str(stick)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    address = real.plane.url
    real.write_conf(server=None, ca=None, token=None)
    assert real.run("--bundle", stick)["outcome"] == "applied", real.stderr
    assert real.bad_is_gone()
    real.write_conf(server=address)
    answer = real.run()
    assert list((real.state / "reports").iterdir()) == [], real.stderr
    assert answer["outcome"] == "none", answer  # an outcome without an offer prevents one
    offered = server.export()["campaigns"][0]["rings"][0]["offered"]
    assert offered == 0


# ---- a plane of the test ----


@pytest.fixture
def plane(tmp_path):
    running = Plane(tmp_path / "server")
    running.answers = [running.say("none")]  # said after its certificate was made
    yield running
    running.stop()


@pytest.fixture
def machine(tmp_path, plane):
    return Machine(tmp_path / "client", plane)


def have(plane):
    return plane.polls[-1]["have"]


def test_polls_say_what_is_held(machine, plane):
    plane.answers = [plane.offer(plane.payload())]
    machine.run()
    assert have(plane) == {"root": 1, "timestamp": 0, "snapshot": 0, "targets": 0, "campaigns": 0, "policy": ""}
    plane.answers = [plane.say("none")]
    machine.run()
    newest = {role: plane.repo.version[role] for role in tuf.BELOW_ROOT}
    assert have(plane) == {"root": 1, **newest, "policy": tuf.sha256(plane.repo.policy)}
    assert "can" not in plane.polls[-1]


@pytest.mark.parametrize("line", ["reports_healthy = true\n", 'reports_healthy = "true"\n'])
def test_a_poll_says_that_the_full_system_will_report(machine, plane, line):
    machine.conf.write_text(machine.conf.read_text() + line)
    machine.run()
    assert plane.polls[-1]["can"] == ["healthy"]
    machine.write_conf(reports_healthy="false")
    machine.run()
    assert "can" not in plane.polls[-1]


def test_the_log_has_words(machine, plane):
    plane.answers = [plane.say("wait", "paused")]
    machine.run()
    assert " recover.answer directive=wait reason=paused " in machine.stderr


@pytest.mark.parametrize("name", ["root", "timestamp", "snapshot", "targets", "campaigns", "policy"])
def test_damaged_state_is_fetched_anew(machine, plane, name):
    plane.answers = [plane.offer(plane.payload())]
    machine.run()
    (machine.state / f"tuf/{name}.json").write_text("{")
    plane.answers = [plane.offer(plane.payload(id="second"))]
    machine.run()
    assert "recover.metadata_dropped" in machine.stderr and f"tuf/{name}.json" in machine.stderr
    plane.answers = [plane.say("none")]
    machine.run()
    assert "dropped" not in machine.stderr and have(plane)["timestamp"] == plane.repo.version["timestamp"]


def test_another_pinned_root_forgets_what_was_kept(tmp_path, machine, plane):
    machine.run()
    other = Plane(tmp_path / "other")
    try:
        machine.write_conf(server=other.url, ca=other.ca, root=other.root_file)
        machine.run()
        assert "another pinned root" in machine.stderr
        assert have(other)["timestamp"] == 0
        machine.run()
        assert have(other)["timestamp"] == 1 and "another pinned root" not in machine.stderr
    finally:
        other.stop()


def test_a_slow_answer_is_cut_off_and_is_not_nothing_to_do(machine, plane):
    plane.inline = False
    plane.send["/tuf/metadata/timestamp.json"] = drip(plane, plane.repo.files["/tuf/metadata/timestamp.json"], every=0.2)
    with within(20):
        result = machine.run(exits=5)
    assert result["outcome"] == "unable_to_update"
    assert "file=timestamp.json reason=unavailable" in machine.stderr
    assert len(plane.polls) == 1  # who is slow is not asked again at once


@pytest.mark.parametrize("status", [403, 410, 429, 500, 503])
def test_only_404_ends_the_chain_of_roots(machine, plane, status):
    """A root that is there and not given must not look like the end."""
    plane.inline = False

    def send(handler):
        handler.problem(status, "not-found")

    plane.send["/tuf/metadata/2.root.json"] = send
    assert machine.run(exits=5)["outcome"] == "unable_to_update"
    assert "file=2.root.json reason=unavailable" in machine.stderr


def test_roots_that_did_not_fit_are_asked_for(machine, plane):
    """The answer holds a timestamp of newer keys, and not the root that names them."""
    machine.run()
    plane.repo.rotate("snapshot", "timestamp", "campaigns")
    offer = plane.offer(plane.payload())
    newer = {name: text for name, text in plane.repo.metadata({}).items() if "root" not in name}
    plane.answers = [offer | {"metadata": newer}]
    assert machine.run()["outcome"] == "applied", machine.stderr
    assert [path for path, _ in plane.gets][:1] == ["/tuf/metadata/2.root.json"]


def test_the_loop_asks_for_the_timestamp_once_and_then_believes_that_nothing_is_new(machine, plane):
    machine.run()
    plane.inline = False
    silent = plane.say("wait", "paused", metadata={})
    plane.answers = [silent, silent, silent, plane.say("none", give_up_after_seconds=0, poll_after_seconds=60)]
    machine.run(once=False)
    asked = [path for path, _ in plane.gets]
    assert asked == ["/tuf/metadata/2.root.json", "/tuf/metadata/timestamp.json"] * 2, asked


def test_the_loop_goes_on_after_an_update_that_failed(machine, plane):
    kept = plane.repo.files.pop("/tuf/metadata/timestamp.json")
    plane.inline = False

    def mend(_):
        plane.repo.files["/tuf/metadata/timestamp.json"] = kept
        return plane.say("none", give_up_after_seconds=0, poll_after_seconds=60)

    plane.answers = [plane.say("none"), mend]
    assert machine.run(once=False)["outcome"] == "none"
    assert "recover.unable_to_update" in machine.stderr


# ---- time ----


def test_a_server_of_the_far_future_leaves_no_trace(machine, plane):
    """Its word makes everything expired, now; it is not kept."""
    document = plane.offer(plane.payload())
    plane.answers = [document | {"server_time": "2099-01-01T00:00:00Z"}]
    machine.run(exits=6)
    assert not (machine.state / "time.json").exists()
    plane.answers = [document]
    assert machine.run()["outcome"] == "applied"


def test_the_time_of_a_thief_falls_with_his_keys(tmp_path, machine, plane):
    """With the online keys: timestamps of any expiry, and a time close to the end of an author-signed campaign."""
    repo = plane.repo
    repo.life = dict.fromkeys(repo.life, 300 * tuf.DAY)
    plane.answers = [plane.offer(plane.payload(expires=now(29 * tuf.DAY)), server_time=now(4 * tuf.DAY))]
    assert machine.run()["outcome"] == "applied"
    assert (machine.state / "time.json").exists()
    repo.life = dict.fromkeys(repo.life, tuf.DAY)  # the owner's
    second = plane.payload(id="second")
    plane.answers = [plane.offer(second, repo.list(second), publish=False)]
    repo.publish(force=True)
    machine.run(exits=6)  # until the keys are rotated: denied, and nothing worse
    assert "expired" in machine.stderr
    repo.rotate("snapshot", "timestamp", "campaigns")
    repo.publish(force=True)
    result = machine.run()
    assert result["campaign"] == "second" and result["outcome"] == "not_applicable", machine.stderr
    assert "online_keys=rotated" in machine.stderr


def test_a_bundle_configuration_still_needs_a_server_to_poll(machine):
    machine.write_conf(server=None, token=TOKEN)
    machine.run(exits=78)
