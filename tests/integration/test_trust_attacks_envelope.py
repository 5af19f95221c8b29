# SPDX-License-Identifier: Apache-2.0
"""Attacks by whoever holds every online key: the metadata are in order, what they list is not what authors signed for
this machine, this moment and this name. And attacks by the tree itself."""

import base64
import hashlib
import json
import os
import socket
import stat

import pytest
from salvor import tuf
from salvor.attacks import Scene
from salvor.plane import BAD, FALCON, GOOD, now

ID = "channel-file-291"


pytestmark = pytest.mark.attack


@pytest.fixture(params=["poll", "files"])
def scene(request):
    return request.param


def offered(scene, envelope, payload=None, **how):
    """This envelope is listed, served and offered."""
    scene.offer(scene.plane.payload() if payload is None else payload, envelope=envelope, **how)


def with_policy(scene, **how):
    scene.repo.policy = scene.repo.make_policy(**how)


def healed(scene, **changes):
    """The control with the policy as it was at first."""
    scene.repo.policy = scene.repo.make_policy()
    scene.control(**changes)


# ---- signatures ----


@pytest.mark.parametrize("authors", [(), (0,), (2,)], ids=["none", "one", "another-one"])
def test_fewer_signatures_than_the_class_asks_for(scene, authors):
    payload = scene.plane.payload()
    offered(scene, scene.plane.envelope(payload, authors), payload)
    scene.refused("sign")
    scene.control()


def test_one_author_twice(scene):
    """Twice the same signature, and twice a new one by the same ECDSA key."""
    payload = scene.plane.payload()
    for author in (0, 1):
        offered(scene, scene.plane.envelope(payload, (author, author)), payload)
        scene.refused("sign")
    scene.control()


def test_one_author_under_two_keyids(scene):
    payload = scene.plane.payload()
    author = scene.repo.authors[1]
    second = {**tuf.dsse_signature(author, payload), "keyid": scene.repo.authors[0].id}
    offered(scene, tuf.dsse_envelope(payload, [author, second]), payload)
    scene.refused("sign")
    scene.control()


def test_one_author_under_two_names(scene):
    """A policy, properly signed by the offline keys, with one public key for two names: refused, or counted once."""
    one, other = scene.repo.authors[0], scene.repo.authors[2]
    with_policy(scene, authors={"author-1": one, "author-2": one, "author-3": other})
    payload = scene.plane.payload()
    offered(scene, tuf.dsse_envelope(payload, [one]), payload)
    result = scene.untouched(lambda: scene.machine.run(exits=6))
    assert result["outcome"] not in ("none", "wait", "applied")
    scene.plane.reports.clear()
    healed(scene)


def test_a_stranger_and_an_author(scene):
    payload = scene.plane.payload()
    stranger = tuf.Key.generate()
    offered(scene, tuf.dsse_envelope(payload, [scene.repo.authors[0], stranger]), payload)
    scene.refused("sign")
    scene.control()


def test_a_stranger_with_an_authors_keyid(scene):
    payload = scene.plane.payload()
    stranger = {**tuf.dsse_signature(tuf.Key.generate(), payload), "keyid": scene.repo.authors[1].id}
    offered(scene, tuf.dsse_envelope(payload, [scene.repo.authors[0], stranger]), payload)
    scene.refused("sign")
    scene.control()


def test_a_revoked_author(scene):
    """The author's key is lost, the next policy is without it; what it signed before counts for nothing any more."""
    payload = scene.plane.payload()
    envelope = scene.plane.envelope(payload, (0, 1))
    with_policy(scene, authors={"author-2": scene.repo.authors[1], "author-3": scene.repo.authors[2]})
    offered(scene, envelope, payload)
    scene.refused("sign")
    healed(scene)


def test_an_old_policy_with_a_revoked_author(scene):
    """The machine knows the new policy. The thief has the old one, and the old targets that list it."""
    old, old_policy = scene.repo.saved(), scene.repo.policy
    payload = scene.plane.payload()
    envelope = scene.plane.envelope(payload, (0, 1))
    with_policy(scene, authors={"author-2": scene.repo.authors[1], "author-3": scene.repo.authors[2]})
    scene.repo.publish()
    scene.prime()
    scene.repo.policy = old_policy
    offered(scene, envelope, payload)
    scene.repo.freeze("targets", old)
    scene.repo.publish(force=("snapshot", "timestamp"))
    scene.unable("targets", "rollback")
    healed(scene)


def test_signatures_of_another_payload(scene):
    payload = scene.plane.payload()
    signatures = [tuf.dsse_signature(scene.repo.authors[i], payload) for i in (0, 1)]
    other = scene.plane.payload(match={"fact": "os", "exists": True})
    offered(scene, tuf.dsse_envelope(other, signatures), other)
    scene.refused("sign")
    scene.control()


def test_a_payload_written_anew(scene):
    """The same JSON with another white space: what was signed is bytes."""
    payload = scene.plane.payload()
    signatures = [tuf.dsse_signature(scene.repo.authors[i], payload) for i in (0, 1)]
    other = json.dumps(json.loads(payload), indent=1).encode()
    offered(scene, tuf.dsse_envelope(other, signatures), other)
    scene.refused("sign")
    scene.control()


# ---- another kind of signature, another kind of payload ----


@pytest.mark.parametrize("kind", ["application/vnd.in-toto+json", "application/vnd.salvor.campaign", "application/json",
                                  "application/vnd.salvor.campaign+json ", ""])
def test_another_payload_type(scene, kind):
    """Signed by its authors for another purpose."""
    payload = scene.plane.payload()
    offered(scene, tuf.dsse_envelope(payload, scene.repo.authors[:2], kind), payload)
    scene.refused("payload")
    scene.control()


def test_a_swapped_payload_type(scene):
    """Signed for another purpose, and now said to be a campaign."""
    payload = scene.plane.payload()
    signatures = [tuf.dsse_signature(key, payload, "application/vnd.in-toto+json") for key in scene.repo.authors[:2]]
    offered(scene, tuf.dsse_envelope(payload, signatures), payload)
    scene.refused("sign")
    scene.control()


def test_a_signature_without_the_envelope_around_it(scene):
    """Over the bare payload, as a tool that knows no DSSE would make it."""
    payload = scene.plane.payload()
    signatures = [{"keyid": key.id, "sig": base64.b64encode(key.sign(payload)).decode()}
                  for key in scene.repo.authors[:2]]
    offered(scene, tuf.dsse_envelope(payload, signatures), payload)
    scene.refused("sign")
    scene.control()


def test_a_tuf_signature_offered_as_dsse(scene):
    """The payload is what an author signed as TUF metadata: its canonical form, the signature written as base64."""
    campaign = json.loads(scene.plane.payload())
    payload = tuf.canonical(campaign)
    made = [tuf.tuf_signature(key, campaign) for key in scene.repo.authors[:2]]
    signatures = [{**s, "sig": base64.b64encode(bytes.fromhex(s["sig"])).decode()} for s in made]
    offered(scene, tuf.dsse_envelope(payload, signatures), payload)
    scene.refused("sign")
    scene.control()


def test_a_tuf_file_in_the_place_of_an_envelope(scene):
    campaign = json.loads(scene.plane.payload())
    offered(scene, tuf.tuf_file(campaign, scene.repo.authors[:2]), json.dumps(campaign).encode())
    scene.refused("")
    scene.control()


def test_a_dsse_envelope_in_the_place_of_metadata(scene):
    """Signed by the timestamp key, as a DSSE payload."""
    scene.offer()
    good = scene.repo.files["/tuf/metadata/timestamp.json"]
    signed = tuf.canonical(json.loads(good)["signed"])
    scene.repo.files["/tuf/metadata/timestamp.json"] = tuf.dsse_envelope(signed, scene.repo.keys["timestamp"])
    scene.unable("timestamp", "content")
    scene.repo.files["/tuf/metadata/timestamp.json"] = good
    scene.control()


# ---- another name, another domain, another time ----


@pytest.mark.parametrize("path", ["campaigns/channel-file-291-2.json", "campaigns/another-1.json"])
def test_an_envelope_under_another_name(scene, path):
    """Listed, offered and named in the offer as what it is not."""
    payload = scene.plane.payload()
    offered(scene, None, payload, path=path)
    name, _, version = path.removeprefix("campaigns/").removesuffix(".json").rpartition("-")
    scene.plane.answers[0]["offer"] |= {"campaign": name, "version": int(version)}
    scene.refused(ID)
    scene.control()


def test_an_offer_that_names_another_campaign_than_its_target(scene):
    offered(scene, None)
    scene.plane.answers[0]["offer"]["version"] = 2
    result = scene.untouched(lambda: scene.machine.run(exits=(5, 6)))
    assert result["outcome"] not in ("none", "wait", "applied")
    scene.plane.reports.clear()
    scene.control()


def test_another_trust_domain(scene):
    other = tuf.Repository(keys={"authors": scene.repo.authors})
    offered(scene, None, scene.plane.payload(trust_domain=other.trust_domain))
    scene.refused("trust domain")
    scene.control()


def test_everything_of_another_trust_domain(scene):
    """Its own root, targets, policy and authors, all in order."""
    other = tuf.Repository()
    other.list(scene.plane.payload(trust_domain=other.trust_domain))
    other.publish()
    scene.offer()
    genuine = scene.repo.files
    scene.repo.files = {**genuine, **other.files}
    if scene.plane.inline:
        scene.plane.answers[0] |= {"metadata": other.metadata({}) | {"1.root.json": other.roots[0].decode()},
                                   "files": {tuf.POLICY_PATH: other.policy.decode(),
                                             f"campaigns/{ID}-1.json": other.listed[f"campaigns/{ID}-1.json"].decode()}}
    scene.unable("timestamp", "signatures")
    scene.repo.files = genuine
    scene.control()


def test_an_expired_campaign(scene):
    offered(scene, None, scene.plane.payload(not_before=now(-7200), expires=now(-60)))
    scene.refused("expired")
    scene.control()


def test_a_campaign_that_is_not_yet_valid(scene):
    offered(scene, None, scene.plane.payload(not_before=now(7200), expires=now(86400)))
    scene.refused("not valid before")
    scene.control()


@pytest.mark.parametrize("revoked", [ID, f"{ID}@1"])
def test_a_revoked_campaign(scene, revoked):
    with_policy(scene, revoked=[revoked])
    offered(scene, None)
    scene.refused("revoke")
    with_policy(scene, revoked=[f"{ID}@2", "another"])
    scene.control()


def test_a_superseded_campaign(scene):
    """It has left the list when another took its place; its signatures are as good as ever. Kept, offered, served."""
    superseded = scene.plane.payload()
    envelope = scene.plane.envelope(superseded)
    path = f"campaigns/{ID}-1.json"
    scene.repo.files[f"/tuf/targets/campaigns/{tuf.sha256(envelope)}.{ID}-1.json"] = envelope
    better = scene.plane.payload(id="better-fix", supersedes=[ID])
    scene.offer(better)
    scene.offer(superseded, envelope=envelope, publish=False)
    scene.plane.answers[0]["files"] = {tuf.POLICY_PATH: scene.repo.policy.decode(), path: envelope.decode()}
    result = scene.untouched(lambda: scene.machine.run(exits=(5, 6)))
    assert result["outcome"] not in ("none", "wait", "applied", "refused"), result
    assert path in scene.machine.stderr and scene.plane.stages == []
    scene.control()


def test_a_withdrawn_version_after_a_newer_one(scene):
    """Version 2 is in force and was seen; version 1 is offered with the list of then."""
    scene.offer(scene.plane.payload())
    old = scene.repo.saved()
    scene.repo.listed.clear()
    scene.offer(scene.plane.payload(version=2))
    scene.prime()
    scene.offer(scene.plane.payload(), publish=False)
    new = scene.repo.saved()
    scene.repo.restore(old)
    scene.unable("timestamp", "rollback")
    scene.repo.restore(new)
    scene.control(version=2)


# ---- more than its authors may do, another machine ----


def classes(*more):
    kinds = [k for k in tuf.KINDS if k not in ("delete_file", "write_file")]
    names = ["author-1", "author-2", "author-3"]
    return [*more, {"name": "rest", "kinds": kinds, "authors": names, "threshold": 2}]


@pytest.mark.parametrize("authors,threshold", [(["author-1", "author-2", "author-3"], 3), (["author-2", "author-3"], 2),
                                               (["author-3"], 1)], ids=["more-of-them", "others", "one-other"])
def test_a_class_above_the_authors(scene, authors, threshold):
    above = {"name": "above", "kinds": ["delete_file"], "authors": authors, "threshold": threshold}
    with_policy(scene, classes=classes(above))
    offered(scene, None)
    scene.refused("above")
    healed(scene)


def test_a_kind_without_a_class(scene):
    with_policy(scene, classes=classes())
    offered(scene, None)
    scene.refused("class")
    healed(scene)


def test_a_path_outside_of_the_class(scene):
    names = ["author-1", "author-2", "author-3"]
    with_policy(scene, classes=classes({"name": "narrow", "kinds": ["delete_file"], "authors": names, "threshold": 2,
                                        "paths": ["${SYSTEM}/drivers/CrowdStrike/C-00000290*.sys"]}))
    offered(scene, None)
    scene.refused("class")
    healed(scene)


def test_one_action_of_many_above_the_authors(scene):
    """The first may be done by these authors, the second may not: nothing is done."""
    names = ["author-1", "author-2", "author-3"]
    with_policy(scene, classes=classes({"name": "delete", "kinds": ["delete_file"], "authors": names, "threshold": 2},
                                       {"name": "write", "kinds": ["write_file"], "authors": names, "threshold": 3}))
    campaign = json.loads(scene.plane.payload())
    campaign["actions"].append({"kind": "write_file", "path": "${SYSTEM}/drivers/own.sys", "content_base64": "b3du"})
    offered(scene, None, json.dumps(campaign).encode())
    scene.refused("write")
    healed(scene)


def test_a_machine_that_match_excludes(scene):
    match = {"all": [{"fact": "os", "eq": "windows"}, {"fact": "model", "eq": "X1"}]}
    offered(scene, None, scene.plane.payload(match=match))
    scene.refused("facts")
    scene.control()


def test_a_flipped_bit_in_an_artifact(scene):
    content = os.urandom(3000)
    digest = hashlib.sha256(content).hexdigest()
    campaign = json.loads(scene.plane.payload())
    campaign["actions"].append({"kind": "restore_file", "path": "${SYSTEM}/drivers/ntfs.sys",
                                "artifact": {"sha256": digest, "length": len(content)}})
    scene.plane.files[f"/v1/artifacts/{digest}"] = tuf.flip(content)
    offered(scene, None, json.dumps(campaign).encode())
    scene.target_refused(digest[:16])
    scene.plane.files[f"/v1/artifacts/{digest}"] = content
    assert scene.machine.run()["outcome"] == "applied"


# ---- what the tree has in store ----


@pytest.fixture
def tree(tmp_path):
    """A machine with the good file only: whatever is done on it is done by what the test put there."""
    made = Scene(tmp_path, "poll", kind="good")
    yield made
    made.stop()


def test_a_file_that_does_not_match_require(tree):
    """Named by the path and younger than the outage: it stays, though an action's pattern fits it."""
    tree.offer()
    result = tree.untouched(lambda: tree.machine.run())
    assert result["outcome"] == "not_applicable" and (tree.machine.root / GOOD).exists()


@pytest.mark.parametrize("require", [{"sha256": ["0" * 64]}, {"size_min": 10**6}, {"size_max": 1},
                                     {"mtime_before": "2020-01-01T00:00:00Z"}, {"mtime_after": "2024-07-19T04:10:00Z"}],
                         ids=lambda r: next(iter(r)))
def test_each_condition_of_require(scene, require):
    campaign = json.loads(scene.plane.payload())
    campaign["actions"][0]["require"] = require
    campaign["verify"] = []
    offered(scene, None, json.dumps(campaign).encode())
    assert scene.untouched(lambda: scene.machine.run())["outcome"] == "not_applicable"
    scene.plane.reports.clear()
    scene.control(id="control")


@pytest.mark.parametrize("path", ["${SYSTEM}/../../outside", "${SYSTEM}/drivers/../../../../outside", "../outside",
                                  "/outside", "${SYSTEM}/./x", "${SYSTEM}//x", "C:/outside", "//host/share/x",
                                  "${SYSTEM}/x:stream", "${SYSTEM}\\..\\x", "${HOME}/x", "${SYSTEM}/x\u0001"])
@pytest.mark.parametrize("kind", ["delete_file", "write_file"])
def test_a_path_that_leads_out(scene, kind, path):
    """Signed by everyone, and no path: the payload is no campaign."""
    outside = scene.machine.folder / "outside"
    outside.write_text("outside")
    campaign = json.loads(scene.plane.payload())
    action = {"kind": kind, "path": path}
    campaign["actions"] = [action | ({"content_base64": "b3du"} if kind == "write_file" else {})]
    campaign["verify"] = []
    offered(scene, None, json.dumps(campaign).encode())
    scene.refused("path")
    assert outside.read_text() == "outside"


@pytest.mark.parametrize("kind", ["symbolic-link", "link-out-of-the-root", "hard-link-out-of-the-root", "fifo",
                                  "device", "socket", "folder"])
def test_what_is_no_file_of_its_own(tree, kind):
    odd = tree.machine.root / FALCON / "C-00000291-odd.sys"
    victim = tree.machine.folder / "victim"
    victim.write_text("outside")
    os.utime(victim, (1721362140, 1721362140))
    inner = tree.machine.root / FALCON / "csagent.sys"
    if kind == "symbolic-link":
        odd.symlink_to(inner.name)
    elif kind == "link-out-of-the-root":
        odd.symlink_to(victim)
    elif kind == "hard-link-out-of-the-root":
        os.link(victim, odd)
    elif kind == "fifo":
        os.mkfifo(odd)
    elif kind == "socket":
        folder = os.open(odd.parent, os.O_RDONLY)  # the path as such is too long for a socket's
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(f"/proc/self/fd/{folder}/{odd.name}")
        os.close(folder)
    elif kind == "device":
        try:
            os.mknod(odd, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("device nodes can be made by root alone")
    else:
        odd.mkdir()
    tree.offer()
    tree.refused("odd.sys")
    assert victim.read_text() == "outside"


def test_a_folder_that_is_a_link_out_of_the_root(tree):
    outside = tree.machine.folder / "outside"
    os.rename(tree.machine.root / FALCON, outside)
    (tree.machine.root / FALCON).symlink_to(outside)
    (outside / BAD.rsplit("/", 1)[1]).write_text("bad")
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in outside.iterdir()}
    tree.offer()
    tree.refused("symbolic link")
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in outside.iterdir()} == before


def test_the_same_tree_without_oddities(tmp_path):
    """The control of the tests on the tree."""
    scene = Scene(tmp_path, "poll", kind="both")
    try:
        scene.control()
        assert (scene.machine.root / GOOD).exists()
    finally:
        scene.stop()
