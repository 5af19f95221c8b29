# SPDX-License-Identifier: Apache-2.0
"""Attacks on the form of the metadata, on thresholds and key lists, and on the patience of the client."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from salvor import tuf
from salvor.attacks import UNABLE, Scene, lines
from salvor.plane import drip, endless, within

ROLES = ("timestamp", "snapshot", "targets", "campaigns")


WAY = "files"  # unless a test says all_ways
pytestmark = pytest.mark.attack


@pytest.fixture
def scene(request):
    return getattr(request, "param", WAY)


all_ways = pytest.mark.parametrize("scene", ["poll", "files", "bundle"], indirect=True)


def attack(scene, role, reason, edit=None, rewrite=None):
    """Properly signed by the role's own keys, named by its parents, and still refused."""
    scene.offer()
    if edit:
        scene.repo.edit[role] = edit
    if rewrite:
        scene.repo.rewrite[role] = rewrite
    scene.repo.publish(force=True)
    scene.unable(role, reason)
    scene.control()


def attack_root(scene, reason, edit=None, rewrite=None, signers=None):
    """The same with a second root."""
    scene.offer()
    if edit:
        scene.repo.edit["root"] = edit
    if rewrite:
        scene.repo.rewrite["root"] = rewrite
    if signers:
        scene.repo.signers["root"] = signers
    scene.repo.add_root()
    scene.unable("root", reason)
    scene.repo.roots.pop()
    del scene.repo.files["/tuf/metadata/2.root.json"]
    scene.control()


# ---- JSON that means different things to different readers ----


def again(data):
    """A member twice; a reader that takes the last one sees what was signed."""
    return data.replace(b'"_type":', b'"_type":"x","_type":', 1)


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return lambda signed: signed.update(note=value)


FORMS = {
    "duplicate-key": ("malformed", None, again),
    "duplicate-signatures": ("malformed", None,
                             lambda d: d.replace(b'{"signatures":', b'{"signatures":[],"signatures":')),
    "float": (("content", "malformed"), lambda s: s.update(note=1.5), None),
    "float-version": (("content", "malformed"), lambda s: s.update(version=float(s["version"])), None),
    "over-2-53": (("content", "malformed"), lambda s: s.update(note=2**53), None),
    "over-2-64": (("content", "malformed"), lambda s: s.update(note=2**64), None),
    "deep": (("malformed", "content"), nested(40), None),
    "very-deep": ("malformed", None, lambda d: d[:-1] + b',"x":' + b"[" * 20000 + b"]" * 20000 + b"}"),
    "byte-order-mark": ("malformed", None, lambda d: b"\xef\xbb\xbf" + d),
    "trailing-bytes": ("malformed", None, lambda d: d + b"{}"),
    "nul-in-a-string": ("malformed", None, lambda d: d.replace(b'"_type"', b'"x\\u0000":1,"_type"', 1)),
    "not-an-object": ("malformed|content".split("|"), None, lambda d: b"[" + d + b"]"),
    "empty-object": (("content", "malformed"), None, lambda d: b"{}"),
    "no-json": ("malformed", None, lambda d: b"<html>" + d),
    "unknown-member": ("content", None, lambda d: d[:-1] + b',"extra":1}'),
    "no-signatures": (("content", "signatures"), None, lambda d: b'{"signatures":[],' + d[d.index(b'"signed":'):]),
}


@all_ways
@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_the_timestamp(scene, form):
    reason, edit, rewrite = FORMS[form]
    attack(scene, "timestamp", tuple(reason) if isinstance(reason, list) else reason, edit, rewrite)


@pytest.mark.parametrize("role", ["snapshot", "targets", "campaigns"])
@pytest.mark.parametrize("form", ["duplicate-key", "float", "over-2-53", "deep", "byte-order-mark"])
def test_the_form_of_the_others(scene, role, form):
    reason, edit, rewrite = FORMS[form]
    attack(scene, role, reason, edit, rewrite)


@pytest.mark.parametrize("form", ["duplicate-key", "float", "over-2-53", "deep", "byte-order-mark"])
def test_the_form_of_a_root(scene, form):
    reason, edit, rewrite = FORMS[form]
    attack_root(scene, reason, edit, rewrite)


# ---- type and specification ----


@all_ways
@pytest.mark.parametrize("role", ROLES)
def test_a_wrong_type(scene, role):
    wrong = "snapshot" if role != "snapshot" else "timestamp"
    attack(scene, role, "content", lambda s: s.update(_type=wrong))


def test_a_root_of_a_wrong_type(scene):
    attack_root(scene, "content", lambda s: s.update(_type="targets"))


@all_ways
def test_one_role_in_anothers_place(scene):
    """The snapshot's bytes as timestamp.json: the same key may have signed both."""
    scene.offer()
    good = scene.repo.files["/tuf/metadata/timestamp.json"]
    scene.repo.files["/tuf/metadata/timestamp.json"] = scene.repo.files[scene.repo.path("snapshot")]
    scene.unable("timestamp", "content")
    scene.repo.files["/tuf/metadata/timestamp.json"] = good
    scene.control()


def test_targets_in_the_place_of_campaigns(scene):
    """Both are of the type targets. Signed for its place by the right key, it lists what it may not."""
    scene.offer()
    scene.repo.edit["campaigns"] = lambda s: dict(scene.repo._signed("targets"), version=s["version"],
                                                  expires=s["expires"], spec_version=s["spec_version"])
    scene.repo.publish(force=True)
    scene.unable("campaigns", "delegation")
    scene.control()


@all_ways
@pytest.mark.parametrize("role", ROLES)
def test_another_major_version_of_the_specification(scene, role):
    attack(scene, role, "content", lambda s: s.update(spec_version="2.0.0"))


@pytest.mark.parametrize("spec", ["2.0.0", "0.9.0", "11.0.0", "1", "1.x", "", " 1.0.31"])
def test_a_root_of_another_specification(scene, spec):
    attack_root(scene, "content", lambda s: s.update(spec_version=spec))


@pytest.mark.parametrize("expires", ["2099-01-01T00:00:00.5Z", "2099-01-01T00:00:00+00:00", "2099-02-30T00:00:00Z",
                                     "never", 4102444800, "2099-01-01"])
def test_an_expiry_that_is_none(scene, expires):
    attack(scene, "timestamp", "content", lambda s: s.update(expires=expires))


# ---- thresholds and keys ----


def in_root(change):
    """An edit of a root's role `root`."""

    def edit(signed):
        change(signed["roles"]["root"], signed["keys"])

    return edit


def in_delegation(change):
    def edit(signed):
        change(signed["delegations"]["roles"][0], signed["delegations"]["keys"])

    return edit


def set_threshold(value):
    return lambda role, keys: role.update(threshold=value)


def id_twice(role, keys):
    role.update(keyids=[role["keyids"][0], *role["keyids"]])


def second_id(role, keys):
    """One key under an id that is not its own."""
    keys["0" * 64] = keys[role["keyids"][0]]
    role.update(keyids=[role["keyids"][0], "0" * 64], threshold=2)


def more_members(role, keys):
    keys[role["keyids"][0]]["keyid_hash_algorithms"] = ["sha256"]


def unknown_id(role, keys):
    role.update(keyids=[*role["keyids"], "1" * 64])


def no_keys(role, keys):
    role.update(keyids=[])


KEY_DEFECTS = {"threshold-0": set_threshold(0), "threshold-negative": set_threshold(-1),
               "threshold-float": set_threshold(1.0), "threshold-true": set_threshold(True),
               "threshold-too-high": set_threshold(65), "keyid-twice": id_twice, "another-id": second_id,
               "key-with-more-members": more_members, "unknown-id": unknown_id, "no-keys": no_keys}


@pytest.mark.parametrize("defect", KEY_DEFECTS)
def test_the_keys_of_a_root(scene, defect):
    attack_root(scene, ("content", "malformed"), in_root(KEY_DEFECTS[defect]))


@all_ways
@pytest.mark.parametrize("defect", KEY_DEFECTS)
def test_the_keys_of_the_delegation(scene, defect):
    attack(scene, "targets", ("content", "malformed"), in_delegation(KEY_DEFECTS[defect]))


def other_form(key):
    """The same P-256 key, written with a compressed point: another key object, and so another id."""
    public = key.private.public_key()
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    prefix = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    text = base64.b64encode(prefix + point).decode()
    pem = "-----BEGIN PUBLIC KEY-----\n" + text[:64] + "\n" + text[64:] + "\n-----END PUBLIC KEY-----\n"
    return {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem}}


def bare_form(key):
    """The same again, its last newline left out."""
    described = key.object
    described["keyval"]["public"] = described["keyval"]["public"].rstrip("\n")
    return described


@pytest.mark.parametrize("form", [other_form, bare_form])
def test_a_threshold_met_by_one_key_under_two_ids(scene, form):
    """Both ids are right for their key objects. One key signs as two: refused with the role, or counted once."""
    key, other = tuf.Key.generate("ec"), tuf.Key.generate()
    second = form(key)
    second_keyid = tuf.sha256(tuf.canonical(second))
    assert second_keyid != key.id
    scene.repo.keys["campaigns"] = [key, other]
    scene.repo.threshold["campaigns"] = 2
    scene.offer()

    def delegate(signed):
        delegation = signed["delegations"]
        delegation["keys"][second_keyid] = second
        delegation["roles"][0]["keyids"] = [key.id, second_keyid, other.id]

    def sign_twice(data):
        document = json.loads(data)
        document["signatures"] = [{"keyid": i, "sig": key.sign(tuf.canonical(document["signed"])).hex()}
                                  for i in (key.id, second_keyid)]
        return json.dumps(document, ensure_ascii=False).encode()

    scene.repo.edit["targets"] = delegate
    scene.repo.rewrite["campaigns"] = sign_twice
    scene.repo.publish(force=True)
    scene.unable("(targets|campaigns)", ("content", "signatures"))
    scene.control()


def test_a_root_threshold_met_by_one_key_under_two_ids(scene):
    """Two keys of the old root would be needed; one of them signs twice, the second time under another's id."""
    key = scene.repo.keys["root"][1]

    def sign_twice(data):
        document = json.loads(data)
        ids = [k.id for k in scene.repo.keys["root"][:2]]
        document["signatures"] = [{"keyid": i, "sig": key.sign(tuf.canonical(document["signed"])).hex()} for i in ids]
        return json.dumps(document, ensure_ascii=False).encode()

    attack_root(scene, "signatures", rewrite=sign_twice)


@all_ways
@pytest.mark.parametrize("role", ROLES)
def test_the_same_keyid_twice_among_the_signatures(scene, role):
    def twice(data):
        document = json.loads(data)
        document["signatures"] = document["signatures"][:1] * 2
        return json.dumps(document, ensure_ascii=False).encode()

    attack(scene, role, "content", rewrite=twice)


def test_a_root_with_the_same_keyid_twice(scene):
    key = scene.repo.keys["root"][0]
    attack_root(scene, ("content", "signatures"), signers=[key, key])


@all_ways
def test_too_few_signatures_of_targets(scene):
    scene.offer()
    scene.repo.signers["targets"] = scene.repo.keys["targets"][:1]
    scene.repo.publish(force=True)
    scene.unable("targets", "signatures")
    scene.control()


# ---- delegations ----


def paths(*patterns):
    return in_delegation(lambda role, keys: role.update(paths=list(patterns)))


@all_ways
@pytest.mark.parametrize("patterns", [["policy/*"], ["campaigns/*", "policy/*"], ["*"], ["*/*"], ["campaigns/*", "*"],
                                      ["{campaigns,policy}/*"], ["[cp]*/*"], ["campaigns/?"], ["campaigns/../policy/*"],
                                      ["policy/trust-policy.json"]], ids=str)
def test_a_delegation_of_more_than_campaigns(scene, patterns):
    attack(scene, "targets", "delegation", paths(*patterns))


@all_ways
def test_campaigns_that_list_a_policy(scene):
    """The online key lists a policy of its own, and the path in it is not its to list."""
    own = scene.repo.make_policy(threshold=1)
    scene.repo.files[f"/tuf/targets/policy/{tuf.sha256(own)}.trust-policy.json"] = own
    attack(scene, "campaigns", "delegation",
           lambda s: s["targets"].update({tuf.POLICY_PATH: tuf.content_of(own)}))


@pytest.mark.parametrize("path", ["campaigns/../policy/trust-policy.json", "campaigns//x-1.json", "campaigns/x.json",
                                  "campaigns/x-0.json", "campaigns/x-01.json", "campaigns/X-1.json", "x-1.json",
                                  "campaigns/a/x-1.json", "campaigns/x-2147483648.json", "/campaigns/x-1.json"])
def test_campaigns_that_list_what_is_none(scene, path):
    attack(scene, "campaigns", "delegation", lambda s: s["targets"].update({path: tuf.content_of(b"x")}))


def test_campaigns_that_delegate_further(scene):
    key = tuf.Key.generate()
    further = {"keys": {key.id: key.object}, "roles": [{"name": "more", **tuf.role_of([key], 1),
                                                        "paths": ["campaigns/*"], "terminating": True}]}
    attack(scene, "campaigns", "delegation", lambda s: s.update(delegations=further))


def test_targets_that_list_a_campaign(scene):
    attack(scene, "targets", "delegation", lambda s: s["targets"].update({"campaigns/x-1.json": tuf.content_of(b"x")}))


def test_a_second_delegation(scene):
    """Before the right one, to a key of another's."""
    key = tuf.Key.generate()

    def second(signed):
        delegation = signed["delegations"]
        delegation["keys"][key.id] = key.object
        delegation["roles"].insert(0, {**delegation["roles"][0], "keyids": [key.id]})

    attack(scene, "targets", "delegation", second)


def test_a_delegation_that_is_not_terminating(scene):
    attack(scene, "targets", "delegation", in_delegation(lambda role, keys: role.update(terminating=False)))


def test_a_delegation_by_hash(scene):
    attack(scene, "targets", ("content", "delegation"),
           in_delegation(lambda role, keys: role.update(path_hash_prefixes=["00"])))


def test_snapshots_of_other_files(scene):
    attack(scene, "snapshot", ("content", "delegation"),
           lambda s: s["meta"].update({"more.json": s["meta"]["targets.json"]}))


@pytest.mark.parametrize("hashes", [{"md5": "0" * 32}, {}, {"sha256": "0" * 63}, {"sha256": "A" * 64},
                                    {"sha512": "0" * 128, "sha256": "0" * 64}], ids=str)
def test_hashes_that_are_not_sha256_alone(scene, hashes):
    attack(scene, "timestamp", "content", lambda s: s["meta"]["snapshot.json"].update(hashes=hashes))


# ---- endless data ----


@pytest.mark.parametrize("announced", [None, 1 << 40], ids=["no-length", "huge-length"])
@pytest.mark.parametrize("role", ["root", *ROLES])
def test_endless_metadata(scene, role, announced):
    scene.offer()
    path = "/tuf/metadata/2.root.json" if role == "root" else scene.repo.path(role)
    scene.plane.send[path], sent = endless(scene.plane, announced)
    with within(20):
        scene.unable(role, ("too-long", "unavailable"), exits=(5, 6))
    assert sent[0] < 32 << 20, sent  # no more than what fits into the buffers of the way, a few times
    scene.plane.send.clear()
    scene.control()


@pytest.mark.parametrize("announced", [None, 1 << 40], ids=["no-length", "huge-length"])
@pytest.mark.parametrize("what", ["policy", "envelope"])
def test_endless_targets(scene, what, announced):
    document = scene.offer()
    path = scene.repo.target_path(tuf.POLICY_PATH if what == "policy" else document["offer"]["target"])
    scene.plane.send[path], sent = endless(scene.plane, announced)
    with within(20):
        result = scene.untouched(lambda: scene.machine.run(exits=(5, 6)))
    assert result["outcome"] not in ("none", "wait") and scene.plane.stages == [] and sent[0] < 32 << 20
    scene.plane.send.clear()
    scene.control()


def test_an_endless_poll(scene):
    scene.offer()
    scene.plane.send["/v1/poll"], sent = endless(scene.plane)
    with within(20):
        result = scene.untouched(lambda: scene.machine.run(exits=5))
    assert result["outcome"] == "unreachable" and sent[0] < 32 << 20
    scene.plane.send.clear()
    scene.control()


@pytest.mark.parametrize("role", ["root", "timestamp"])
def test_metadata_in_a_poll_longer_than_they_may_be(tmp_path, role):
    """600 KiB of white space around a file that is otherwise good."""
    scene = Scene(tmp_path, "poll")
    try:
        if role == "root":
            scene.repo.add_root()
        document = scene.offer()
        metadata = scene.repo.metadata({"root": 1})
        name = scene.repo.name(role)
        document["metadata"] = {**metadata, name: metadata[name] + " " * 600 * 1024}
        if role == "timestamp":
            scene.repo.files["/tuf/metadata/timestamp.json"] += b" " * 600 * 1024
        else:
            scene.repo.files["/tuf/metadata/2.root.json"] += b" " * 600 * 1024
        result = scene.untouched(lambda: scene.machine.run(exits=(5, 6)))
        assert result["outcome"] not in ("none", "wait", "applied") and scene.plane.stages == []
        if role == "root":
            scene.repo.files["/tuf/metadata/2.root.json"] = scene.repo.roots[1]
        scene.control()
    finally:
        scene.stop()


# ---- slow drip ----


@pytest.mark.slow
def test_a_slow_drip_is_cut_off(scene):
    """A byte now and then keeps a connection alive for ever. It ends in bounded time, as "unable to update"."""
    scene.offer()
    timestamp = scene.repo.files["/tuf/metadata/timestamp.json"]
    scene.plane.send["/tuf/metadata/timestamp.json"] = drip(scene.plane, timestamp, every=0.4)
    with within(40):
        result = scene.unable("timestamp", "unavailable", exits=5, timeout=100)
    assert "nothing" not in result["detail"].lower()
    assert lines(scene.machine.stderr, UNABLE)
    scene.plane.send.clear()
    scene.control()


# ---- what cannot be had ----


@pytest.mark.parametrize("role", ROLES)
def test_metadata_that_are_not_there(scene, role):
    """Kept back by whoever stands in between: not to be told from a server in trouble, and never "nothing to do"."""
    scene.offer()
    good = scene.repo.files.pop(scene.repo.path(role))
    scene.unable(role, "unavailable", exits=5)
    scene.repo.files[scene.repo.path(role)] = good
    scene.control()
