# SPDX-License-Identifier: Apache-2.0
"""Attacks with the answers themselves: places, names, types, redirects, encodings, and half of what is needed."""

import gzip
import json

import pytest
from salvor import tuf
from salvor.plane import within


pytestmark = pytest.mark.attack


@pytest.fixture
def scene(request):
    return getattr(request, "param", "poll")


def not_applied(scene, exits=(5, 6)):
    """Nothing touched, nothing said to be done; then the control."""
    result = scene.untouched(lambda: scene.machine.run(exits=exits))
    assert result["outcome"] not in ("none", "wait", "applied"), result
    scene.plane.reports.clear()
    scene.control()


# ---- the offer ----


TARGETS = [tuf.POLICY_PATH, "campaigns/../policy/trust-policy.json", "campaigns/../../etc/passwd", "/etc/passwd", "",
           "../metadata/timestamp.json", "campaigns/", "channel-file-291-1.json", "campaigns/%2e%2e/x-1.json",
           "campaigns/channel-file-291-1.json\u0000"]


@pytest.mark.parametrize("target", TARGETS, ids=repr)
def test_a_target_that_is_no_campaign(scene, target):
    document = scene.offer()
    document["offer"]["target"] = target
    not_applied(scene)
    assert not any(".." in path or "%" in path for path, _ in scene.plane.gets), scene.plane.gets


MEMBERS = [("sha256", "../" * 21 + "x"), ("sha256", "0" * 64), ("sha256", None), ("length", -1), ("length", 1 << 62),
           ("length", "12"), ("version", 0), ("version", 1 << 40), ("campaign", "../x"), ("campaign", 5),
           ("offer_id", "../../x"), ("offer_id", ""), ("offer_id", "x" * 5000)]


@pytest.mark.parametrize("member,value", MEMBERS, ids=lambda v: str(v)[:12])
def test_members_of_an_offer(scene, member, value):
    """The list that is signed decides what is fetched, whatever the offer says; a bad offer is no answer."""
    document = scene.offer()
    document["offer"][member] = value
    before = scene.machine.picture()
    result = scene.machine.run(exits=(0, 5, 6))
    if result["outcome"] == "applied":
        assert member in ("sha256", "length"), "the offer is not the campaign that was applied"
        return
    assert scene.machine.picture() == before
    scene.plane.reports.clear()
    scene.control()


# ---- `metadata` and `files` of an answer ----


NO_METADATA = [[], "x", 5, True, {"timestamp.json": 5}, {"timestamp.json": {}}, {"timestamp.json": ""},
               {"timestamp.json": None}, {"../../timestamp.json": "x"}, {"2.root.json": ""}]


@pytest.mark.parametrize("metadata", NO_METADATA, ids=str)
def test_metadata_that_are_none(scene, metadata):
    scene.offer(metadata=metadata, files={})
    scene.repo.files.pop("/tuf/metadata/timestamp.json")
    result = scene.untouched(lambda: scene.machine.run(exits=(5, 6)))
    assert result["outcome"] not in ("none", "wait", "applied"), result
    scene.control()


@pytest.mark.parametrize("left_out", ["snapshot", "targets", "campaigns"])
def test_half_of_the_metadata(scene, left_out):
    """The answer has a new timestamp and not all that belongs to it; neither has /tuf/: nothing of it is kept."""
    scene.prime()
    scene.offer()
    scene.repo.publish(force=True)
    name = scene.repo.name(left_out)
    good = scene.repo.files.pop(f"/tuf/metadata/{name}")
    scene.unable(left_out, "unavailable", exits=5)
    assert scene.plane.polls[-1]["have"]["timestamp"] < scene.repo.version["timestamp"]
    scene.repo.files[f"/tuf/metadata/{name}"] = good
    scene.control()


def test_more_than_was_asked_for(scene):
    """Files that nobody needs now, with names that lead elsewhere: not kept, not looked at."""
    document = scene.offer()
    metadata = scene.repo.metadata({})
    extra = {"9.targets.json": "x", "../../../tmp/x": "x", "1.root.json": "{}", "0.root.json": "{}", "x.json": "{}"}
    document["metadata"] = {**extra, **metadata}
    document["files"] = {tuf.POLICY_PATH: scene.repo.policy.decode(), "campaigns/other-1.json": "x", "../x": "y"}
    assert scene.machine.run()["outcome"] == "applied", scene.machine.stderr
    kept = [p.name for p in scene.machine.state.rglob("*")]
    assert "x" not in kept and "9.targets.json" not in kept, kept


# ---- HTTP ----


def answer(status, body, **headers):
    def send(handler):
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


FILES = pytest.mark.parametrize("scene", ["files"], indirect=True)


@FILES
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect(scene, status):
    """To a place that has what it takes: not followed."""
    scene.offer()
    good = scene.repo.files.pop("/tuf/metadata/timestamp.json")
    scene.plane.files["/elsewhere"] = good
    scene.plane.send["/tuf/metadata/timestamp.json"] = answer(status, b"", Location=f"{scene.plane.url}/elsewhere")
    scene.unable("timestamp", "unavailable", exits=5)
    assert not any(path == "/elsewhere" for path, _ in scene.plane.gets)
    scene.plane.send.clear()
    scene.repo.files["/tuf/metadata/timestamp.json"] = good
    scene.control()


@FILES
@pytest.mark.parametrize("status", [400, 401, 403, 410, 429, 500, 503])
def test_an_error_for_the_next_root_is_not_the_end_of_the_chain(scene, status):
    """Only 404 says that there is none: anything else could hide a root that takes stolen keys away."""
    scene.offer()
    scene.plane.send["/tuf/metadata/2.root.json"] = answer(status, b"{}")
    scene.unable("root", "unavailable", exits=5)
    scene.plane.send.clear()
    scene.control()


@FILES
def test_a_compressed_answer_that_grows(scene):
    """300 MB of zeros in 300 KB: they are bytes like any others, and too many."""
    scene.offer()
    bomb = gzip.compress(bytes(300 << 20), 9)
    scene.plane.send["/tuf/metadata/timestamp.json"] = answer(200, bomb, Content_Encoding="gzip")
    with within(20):
        scene.unable("timestamp", ("too-long", "unavailable", "malformed"), exits=(5, 6))
    scene.plane.send.clear()
    scene.control()


@FILES
def test_headers_without_end(scene):
    scene.offer()
    sent = [0]

    def send(handler):
        handler.close_connection = True
        handler.send_response(200)
        handler.flush_headers()
        try:
            while not scene.plane.stopping.is_set() and sent[0] < 1 << 30:
                handler.wfile.write(b"X-More: " + b"a" * 8000 + b"\r\n")
                sent[0] += 8010
        except OSError:
            pass

    scene.plane.send["/tuf/metadata/timestamp.json"] = send
    with within(20):
        scene.unable("timestamp", ("too-long", "unavailable"), exits=(5, 6))
    assert sent[0] < 32 << 20
    scene.plane.send.clear()
    scene.control()


@FILES
@pytest.mark.parametrize("cut", [0, 1, -1])
def test_an_answer_that_is_cut_off(scene, cut):
    scene.offer()
    good = scene.repo.files["/tuf/metadata/timestamp.json"]

    def send(handler):
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(good)))
        handler.end_headers()
        handler.wfile.write(good[:cut])

    scene.plane.send["/tuf/metadata/timestamp.json"] = send
    scene.unable("timestamp", "unavailable", exits=5)
    scene.plane.send.clear()
    scene.control()


@FILES
def test_only_a_part_is_served(scene):
    """206 to a question for the whole: the first half of the file, said to be an answer."""
    scene.offer()
    good = scene.repo.files["/tuf/metadata/timestamp.json"]
    scene.plane.send["/tuf/metadata/timestamp.json"] = answer(206, good[:100], Content_Range=f"bytes 0-99/{len(good)}")
    scene.unable("timestamp", ("unavailable", "malformed"), exits=(5, 6))
    scene.plane.send.clear()
    scene.control()


# ---- what the machine keeps ----


@pytest.mark.parametrize("damage", [b"", b"garbage", b"{}", None], ids=["empty", "garbage", "object", "removed"])
def test_what_is_kept_is_damaged(scene, damage):
    """By a crash or a bad disk: noticed, fetched anew, and the machine is helped."""
    scene.prime()
    kept = [p for p in (scene.machine.state / "tuf").iterdir() if p.is_file()]
    assert kept
    for path in kept:
        path.unlink() if damage is None else path.write_bytes(damage)
    scene.control()


def test_what_is_kept_belongs_to_its_pinned_root(scene):
    """Another trust domain is configured: nothing of the first one is believed for it, nor the other way round."""
    scene.prime()
    other = tuf.Repository()
    other.publish()
    pinned = scene.plane.root_file.read_bytes()
    scene.plane.root_file.write_bytes(other.roots[0])
    scene.offer()
    scene.unable("timestamp", "signatures")
    scene.plane.root_file.write_bytes(pinned)
    scene.control()


def test_the_pinned_root_is_the_first(scene):
    """A later root pinned in its place would be another trust domain: said so, not guessed."""
    scene.repo.add_root()
    scene.offer()
    scene.plane.root_file.write_bytes(scene.repo.roots[1])
    scene.untouched(lambda: scene.machine.run(exits=78))
    assert "root" in scene.machine.stderr
    scene.plane.root_file.write_bytes(scene.repo.roots[0])
    scene.control()


def test_json_with_everything_twice(scene):
    """The whole answer twice over, `offer` and `metadata` too: it is no answer."""
    document = scene.offer()
    good = json.dumps(scene.plane.complete(document, {"have": {}}))
    scene.plane.answers = [lambda body: (200, (good[:-1] + "," + good[1:]).encode(), {})]
    not_applied(scene, exits=5)
